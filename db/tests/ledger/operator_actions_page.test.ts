import { age } from '../aged.ts';
import {
  call,
  createDatabase,
  type Database,
  newAsset,
  newKey,
  newOwner,
  newWallet,
  postBatch,
  refusal,
  type Session,
} from '../helpers.ts';
import { pageOf, pagesOf, rowsOf } from '../pages.ts';

const days = (count: number): string => new Date(Date.now() - count * 86_400_000).toISOString();
const hours = (count: number): string => days(count / 24);

interface Action {
  action: string;
  actor: string;
  reason: string | null;
  wallet_id: string | null;
  asset_code: string | null;
}

/** The rows of a list, in order. */
async function actionsOf(db: Database, args: object, size = 3, backwards = false): Promise<Action[]> {
  const keys = await rowsOf(db, 'operator_actions', { from: hours(1), ...args }, size, { backwards });
  const { rows } = await db.query<Action>(
    `select a.action, a.actor, a.reason, a.wallet_id, a.asset_code
     from unnest($1::uuid[], $2::bigint[]) with ordinality k (id, seq, n) join ledger.operator_actions a using (id, seq) order by k.n`,
    [keys.map(({ id }) => id), keys.map(({ seq }) => seq)],
  );
  expect(rows).toHaveLength(keys.length);
  return rows;
}

const wordsOf = (actions: Action[]): string[] =>
  actions.map(({ action, reason }) => `${action} ${reason ?? ''}`.trim());

/** Makes calls as an operator and as a shop; returns the operator's actions, newest first. */
async function work(operator: Session, job: Session): Promise<string[]> {
  const asset_code = `K${newKey().replaceAll('-', '').slice(3, 20)}`;
  await call(operator, 'asset_create', { code: asset_code, name: 'For a test' });
  await call(operator, 'asset_limit_set', { asset_code, max_spend: 500 });
  const wallet_id = (await call<{ id: string }>(job, 'wallet_open', { owner_id: newOwner(), asset_code })).id;
  const key = () => ({ wallet_id, idem_key: newKey() });
  const bought = await call(job, 'wallet_top_up', { ...key(), amount: 100 });
  await call(operator, 'wallet_reverse', {
    ...key(),
    transfer_id: bought.transfer_id,
    amount: 30,
    metadata: { reason: 'a chargeback' },
  });
  await call(job, 'wallet_spend', { ...key(), amount: 5 });
  await call(operator, 'wallet_freeze', { wallet_id, reason: 'a stolen card' });
  await call(operator, 'wallet_bonus', { ...key(), amount: 5, metadata: { reason: 'sorry' } });
  await call(operator, 'wallet_reopen', { wallet_id, reason: 'it was found' });
  await call(operator, 'asset_limit_set', { asset_code, max_spend: 900 });
  await call(operator, 'wallet_adjust', { ...key(), side: 'credit', amount: 3, reason: 'a wrong count' });
  await call(operator, 'wallet_limit_set', { wallet_id, max_spend: 50 });
  return [
    'limited',
    'adjustment a wrong count',
    'limits_set',
    'reopened it was found',
    'bonus sorry',
    'frozen a stolen card',
    'reversal a chargeback',
    'limits_set',
    'asset_created',
  ];
}

describe('operator_actions_page', () => {
  const db = createDatabase();

  it('lists the actions of operators with reasons, newest first, in pages of any size from either end, without those of services', async () => {
    const operator = await db.connectAs('operator', 'kim');
    const done = await work(operator, await db.connectJob());

    for (const size of [1, 2, 4, 9, 10])
      for (const backwards of [false, true])
        expect(wordsOf(await actionsOf(db, { actor: 'operator:kim' }, size, backwards))).toEqual(done);
    for (const action of await actionsOf(db, { actor: 'operator:kim' })) {
      expect(action.actor).toBe('operator:kim');
      expect([action.wallet_id, action.asset_code].filter((of) => of !== null)).toHaveLength(1);
    }
  });

  it("filters by operator, and includes a login's actions that only operators may perform", async () => {
    const [lee, job] = [await db.connectAs('operator', 'lee'), await db.connectJob()];
    await work(lee, job);
    const wallet_id = await newWallet(db, await newAsset(db));
    const bought = await call(job, 'wallet_top_up', { wallet_id, amount: 10, idem_key: newKey() });
    await call(db, 'wallet_reverse', { wallet_id, transfer_id: bought.transfer_id, idem_key: newKey() });

    expect(new Set((await actionsOf(db, { actor: 'operator:lee' })).map(({ actor }) => actor))).toEqual(
      new Set(['operator:lee']),
    );
    const all = await actionsOf(db, {});
    expect(wordsOf(all).slice(0, 2)).toEqual(['reversal', 'asset_created']);
    expect(all.filter(({ actor }) => actor === 'operator:kim')).toHaveLength(9);
    expect(await actionsOf(db, { actor: 'operator:nobody' })).toEqual([]);
  });

  it('includes every kind that operators may book and services may not', async () => {
    const { rows } = await db.query<{ kinds: string[]; expected: string[] }>(
      `select ledger_private.operator_kinds()::text[] as kinds, array(
         select k::text from unnest(enum_range(null::ledger.transfer_kind)) k
         join pg_proc p on p.pronamespace = 'ledger'::regnamespace and p.proname = ledger_private.function_of(k)
         where has_function_privilege('wallet_operator', p.oid, 'execute')
           and not has_function_privilege('wallet_service', p.oid, 'execute')) as expected`,
    );

    expect(rows[0]?.kinds).toEqual(rows[0]?.expected);
    expect(rows[0]?.kinds).toContain('reversal');
    expect(rows[0]?.kinds).not.toContain('spend');
  });

  it('continues at the same place while an operator acts', async () => {
    const operator = await db.connectAs('operator', 'max');
    const job = await db.connectJob();
    const done = await work(operator, job);
    const first = await pageOf(db, 'operator_actions', { from: hours(1), actor: 'operator:max', first: 3 });
    await work(operator, job);

    const { keys } = await pageOf(db, 'operator_actions', {
      from: hours(1),
      actor: 'operator:max',
      first: 100,
      after: first.end_cursor,
    });
    const back = await pageOf(db, 'operator_actions', {
      from: hours(1),
      actor: 'operator:max',
      last: 100,
      before: first.end_cursor,
    });

    expect(keys).toHaveLength(done.length - 3);
    expect(back.keys).toHaveLength(done.length + 2);
    expect(back.keys.slice(-2)).toEqual(first.keys.slice(0, 2));
  });

  it.each([
    ['no range', 'from', {}],
    ['no range for one of them', 'from', { actor: 'operator:kim' }],
    ['more than 31 days', 'from', { from: days(40), to: days(8.5) }],
    ['more than 31 days until now', 'from', { from: days(32) }],
    ['too many', 'first', { from: days(1), first: 1001 }],
    ['both ends', 'last', { from: days(1), first: 1, last: 1 }],
    ['a cursor of nothing', 'after', { from: days(1), after: 'x' }],
    ['a cursor of another list', 'before', { from: days(1), before: '00000000-0000-8000-8000-000000000000' }],
  ])('refuses %s with WLARG: %s', async (_, argument, args) => {
    expect(await refusal(pageOf(db, 'operator_actions', args))).toMatchObject({ code: 'WLARG', detail: { argument } });
  });

  it('is for operators and auditors: 42501 for a service, a job and a player', async () => {
    for (const session of [await db.connectAs('operator', 'kim'), await db.connectAs('auditor', 'ada')])
      expect((await pageOf(session, 'operator_actions', { from: hours(1), first: 1 })).keys).toHaveLength(1);
    for (const session of [
      await db.connectAs('service', 'shop'),
      await db.connectJob(),
      await db.connectAs('player', 'one'),
    ])
      expect(await refusal(pageOf(session, 'operator_actions', { from: hours(1) }))).toMatchObject({ code: '42501' });
  });
});

describe('operator_actions_page of other days', () => {
  const db = createDatabase();

  it('lists the actions between two instants', async () => {
    const [operator, job] = [await db.connectAs('operator', 'kim'), await db.connectJob()];
    const first = await work(operator, job);
    await age(db, '3 days');
    const all = await rowsOf(db, 'operator_actions', { from: days(4), to: days(2) }, 3);

    // Assets and limits have not been moved into the past.
    expect(all).toHaveLength(first.length - 3);
    expect(await rowsOf(db, 'operator_actions', { from: days(2) }, 3)).toHaveLength(3);
  });
});

describe('operator_actions_page of a ledger with many movements', () => {
  const db = createDatabase();

  it('reads 2000 movements for a page, and lists all actions in order', async () => {
    const [operator, job] = [await db.connectAs('operator', 'kim'), await db.connectJob()];
    const done = [...(await work(operator, job))];
    const wallet_id = await newWallet(db, await newAsset(db));
    for (let n = 0; n < 2; n += 1)
      await postBatch(
        job,
        Array.from({ length: 2200 }, () => ({ kind: 'top_up', wallet_id, amount: 1, idem_key: newKey() })),
      );
    done.unshift(...(await work(operator, job)));
    const args = { from: hours(1), actor: 'operator:kim' };

    for (const backwards of [false, true]) {
      for (const size of [3, 100]) {
        const pages = await pagesOf(db, 'operator_actions', args, size, { backwards });
        expect(pages.length).toBeGreaterThanOrEqual(3);
        expect(wordsOf(await actionsOf(db, args, size, backwards))).toEqual(done);
      }
    }
  }, 120_000);
});
