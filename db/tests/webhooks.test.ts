/** Webhooks in the database: who may what, what is taken from the feed, in which order it is given out, and what becomes of it. */
import type pg from 'pg';
import {
  call,
  createDatabase,
  expectSound,
  newAsset,
  newKey,
  newWallet,
  refusal,
  someAsset,
  UNKNOWN_WALLET,
  type Receipt,
} from './helpers.ts';
import { HOSTILE, nameOf } from './hostile.ts';
import {
  ask,
  collect,
  collectAll,
  deliverAll,
  newEndpoint,
  openTransaction,
  settle,
  take,
  until,
  URL_OF_TESTS,
  type Message,
} from './webhooks.ts';

const db = createDatabase();
let operator: pg.Client;
let worker: pg.Client;
beforeAll(async () => {
  operator = await db.connectAs('operator', 'desk');
  worker = await db.connectLogin('wallet_worker');
});

const ROLES = ['player', 'service', 'operator', 'auditor', 'job', 'gateway', 'worker'] as const;
type Role = (typeof ROLES)[number];

const OPERATORS: Role[] = ['operator'];
const WORKER: Role[] = ['worker'];
const READERS: Role[] = ['operator', 'auditor'];
/** Whoever is not named may not; what is not here nobody may. */
const MAY_EXECUTE: Record<string, Role[]> = {
  endpoint_create: OPERATORS,
  endpoint_change: OPERATORS,
  endpoint_rotate_secret: OPERATORS,
  endpoint_pause: OPERATORS,
  endpoint_resume: OPERATORS,
  endpoint_delete: OPERATORS,
  endpoint_replay: OPERATORS,
  delivery_release: OPERATORS,
  delivery_drop: OPERATORS,
  notice_set: OPERATORS,
  endpoints_waiting: READERS,
  endpoints_parked: READERS,
  endpoints_waiting_since: READERS,
  endpoints_deliveries: READERS,
  collect: WORKER,
  take: WORKER,
  settle: WORKER,
  make_notices: WORKER,
  figures: ['auditor', 'worker'],
};
const MAY_SELECT: Record<string, Role[]> = {
  endpoints: [...READERS, 'worker'],
  deliveries: READERS,
  notice_rules: READERS,
};

const book = (wallet_id: string, name = 'wallet_top_up', amount = 1): Promise<Receipt> =>
  call(db, name, { wallet_id, amount, idem_key: newKey() });
const idsOf = (messages: readonly { id: string }[]): string[] => messages.map(({ id }) => id);
const endpointOf = async (name: string): Promise<Record<string, unknown>> => {
  const { rows } = await db.query<Record<string, unknown>>('select * from webhook.endpoints where name = $1', [name]);
  return rows[0] ?? {};
};
/** As if it had been tried for that long. */
const triedFor = (endpoint: string, interval: string) =>
  db.query(
    'update webhook.deliveries set first_try_at = first_try_at - $2::interval where endpoint = $1 and first_try_at is not null',
    [endpoint, interval],
  );

describe('the rights', () => {
  it('on functions are as the matrix says, for each function that there is', async () => {
    const { rows } = await db.query<{ name: string; roles: Role[] }>(
      `select p.proname as name,
         array(select r from unnest($1::text[]) r where has_function_privilege('wallet_' || r, p.oid, 'execute')) as roles
       from pg_proc p where p.pronamespace = 'webhook'::regnamespace order by 1`,
      [ROLES],
    );

    expect(rows.length).toBeGreaterThan(Object.keys(MAY_EXECUTE).length);
    expect(rows).toEqual(
      rows.map(({ name }) => ({ name, roles: ROLES.filter((role) => MAY_EXECUTE[name]?.includes(role)) })),
    );
  });

  it('on tables are to read some, and to write none: secrets are read by nobody', async () => {
    const { rows } = await db.query<{ name: string; reads: Role[]; writes: Role[]; guarded: boolean }>(
      `select c.relname as name, c.relrowsecurity as guarded,
         array(select r from unnest($1::text[]) r where has_any_column_privilege('wallet_' || r, c.oid, 'select')) as reads,
         array(select r from unnest($1::text[]) r
           where has_table_privilege('wallet_' || r, c.oid, 'insert, update, delete, truncate, references, trigger, maintain')) as writes
       from pg_class c where c.relnamespace = 'webhook'::regnamespace and c.relkind = 'r' order by 1`,
      [ROLES],
    );

    expect(rows.map(({ name }) => name)).toContain('secrets');
    expect(rows).toEqual(
      rows.map(({ name }) => ({
        name,
        guarded: true,
        reads: ROLES.filter((role) => MAY_SELECT[name]?.includes(role)),
        writes: [],
      })),
    );
  });

  it.each(['player', 'service', 'auditor'] as const)(
    'let a %s neither add an endpoint, nor read a secret (42501)',
    async (role) => {
      const session = await db.connectAs(role, 'somebody');

      await expect(newEndpoint(session)).rejects.toMatchObject({ code: '42501' });
      await expect(session.query('select secret from webhook.secrets')).rejects.toMatchObject({ code: '42501' });
    },
  );
});

describe('the ledger', () => {
  it('knows nothing of webhooks: no function, trigger, constraint or policy of it names them', async () => {
    const { rows } = await db.query(
      `select p.oid::regprocedure::text as name from pg_proc p
         where p.pronamespace in ('ledger'::regnamespace, 'ledger_private'::regnamespace) and p.prosrc ~ 'webhook[.]'
       union all
       select t.tgrelid::regclass || ' ' || t.tgname from pg_trigger t join pg_proc p on p.oid = t.tgfoid
         join pg_class c on c.oid = t.tgrelid
         where c.relnamespace in ('ledger'::regnamespace, 'ledger_private'::regnamespace) and p.pronamespace = 'webhook'::regnamespace
       union all
       select conname from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_class f on f.oid = k.confrelid
         where (c.relnamespace = 'webhook'::regnamespace) <> (f.relnamespace = 'webhook'::regnamespace)
       union all
       select pg_describe_object(d.classid, d.objid, d.objsubid) from pg_depend d
         where (pg_identify_object(d.classid, d.objid, d.objsubid)).schema in ('ledger', 'ledger_private')
           and (pg_identify_object(d.refclassid, d.refobjid, d.refobjsubid)).schema = 'webhook'`,
    );

    expect(rows).toEqual([]);
  });
});

describe('an endpoint', () => {
  it('shows its secret once, when it is created', async () => {
    const endpoint = `e${newKey().slice(4)}`;
    const [created] = await ask<{ endpoint: string; secret: string }>(operator, 'endpoint_create', {
      endpoint,
      url: URL_OF_TESTS,
      kinds: ['spend', 'balance.low'],
    });
    const auditor = await db.connectAs('auditor', 'ada');
    const { rows } = await auditor.query('select * from webhook.endpoints where name = $1', [endpoint]);

    expect(created).toEqual({ endpoint, secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/) as string });
    expect(rows).toMatchObject([
      { name: endpoint, url: URL_OF_TESTS, kinds: ['spend', 'balance.low'], state: 'active', actor: 'operator:desk' },
    ]);
    expect(JSON.stringify(rows)).not.toContain('whsec_');
  });

  it('is refused where there is one of that name (WLWHX)', async () => {
    const endpoint = await newEndpoint(operator);

    expect(await refusal(ask(operator, 'endpoint_create', { endpoint, url: URL_OF_TESTS }))).toMatchObject({
      code: 'WLWHX',
      detail: { endpoint },
    });
  });

  it.each([
    ['endpoint', { endpoint: 'With Blank' }],
    ['endpoint', { endpoint: null }],
    ['url', { url: 'ftp://hooks.example/' }],
    ['url', { url: 'https://user:password@hooks.example/' }],
    ['url', { url: 'https://hooks.example/#part' }],
    ['url', { url: 'https://hooks.example/with blank' }],
    ['url', { url: null }],
    ['kinds', { kinds: [] }],
    ['kinds', { kinds: ['gift'] }],
    ['kinds', { kinds: ['spend', null] }],
  ])('is refused with a bad %s (WLARG): %j', async (argument, args) => {
    const endpoint = `e${newKey().slice(4)}`;

    expect(await refusal(ask(operator, 'endpoint_create', { endpoint, url: URL_OF_TESTS, ...args }))).toMatchObject({
      code: 'WLARG',
      detail: { argument },
    });
  });

  it('is refused for an asset that is not there (WLNOA)', async () => {
    expect(await refusal(newEndpoint(operator, { asset_code: 'NONE' }))).toMatchObject({ code: 'WLNOA' });
  });

  it.each([
    ['endpoint_change', { url: URL_OF_TESTS }],
    ['endpoint_rotate_secret', {}],
    ['endpoint_pause', {}],
    ['endpoint_resume', {}],
    ['endpoint_delete', {}],
    ['endpoint_replay', {}],
    ['delivery_release', {}],
    ['delivery_drop', { id: UNKNOWN_WALLET }],
  ])('that is not there is refused by %s (WLNWH)', async (name, args) => {
    expect(await refusal(ask(operator, name, { endpoint: 'none', ...args }))).toMatchObject({
      code: 'WLNWH',
      detail: { endpoint: 'none' },
    });
  });

  it('is changed at once, and what waits goes to its new address', async () => {
    const wallet = await newWallet(db, await someAsset(db));
    const endpoint = await newEndpoint(operator, { kinds: ['top_up'] });
    await book(wallet);
    await collectAll(db, worker, endpoint, 1);
    const url = `${URL_OF_TESTS}/new`;

    await ask(operator, 'endpoint_change', { endpoint, url, kinds: ['spend'] });

    expect(await take(worker, endpoint)).toMatchObject([{ kind: 'top_up', url }]);
    expect(await endpointOf(endpoint)).toMatchObject({ kinds: ['spend'], asset_code: null });
  });

  it('signs with the old and the new secret for a while, and at once with the new one alone where that is asked', async () => {
    const asset = await newAsset(db);
    const wallets = [await newWallet(db, asset), await newWallet(db, asset), await newWallet(db, asset)];
    const endpoint = `e${newKey().slice(4)}`;
    const shown = async (name: string, args: object) =>
      (await ask<{ secret: string }>(operator, name, { endpoint, ...args }))[0]?.secret ?? '';
    const first = await shown('endpoint_create', { url: URL_OF_TESTS, asset_code: asset });
    for (const wallet of wallets) await book(wallet);
    await collectAll(db, worker, endpoint, 3);

    expect((await take(worker, endpoint, 1))[0]?.secrets).toEqual([first]);
    const second = await shown('endpoint_rotate_secret', {});
    expect((await take(worker, endpoint, 1))[0]?.secrets).toEqual([second, first]);
    const third = await shown('endpoint_rotate_secret', { overlap_hours: 0 });
    expect((await take(worker, endpoint, 1))[0]?.secrets).toEqual([third]);
    expect(new Set([first, second, third]).size).toBe(3);
    expect(await refusal(ask(operator, 'endpoint_rotate_secret', { endpoint, overlap_hours: 721 }))).toMatchObject({
      code: 'WLARG',
      detail: { argument: 'overlap_hours' },
    });
  });

  it('that is paused is given nothing, and when it is resumed what came meanwhile', async () => {
    const asset = await newAsset(db);
    const endpoint = await newEndpoint(operator, { asset_code: asset });
    const wallet = await newWallet(db, asset);
    await ask(operator, 'endpoint_pause', { endpoint });
    const { transfer_id } = await book(wallet);

    expect(await collect(worker, endpoint)).toBe(false);
    expect(await take(worker, endpoint)).toEqual([]);
    expect(await endpointOf(endpoint)).toMatchObject({ state: 'paused', paused_because: 'operator' });

    await ask(operator, 'endpoint_resume', { endpoint });
    await collectAll(db, worker, endpoint, 1);
    expect(idsOf(await take(worker, endpoint))).toEqual([transfer_id]);
  });

  it('that is deleted takes with it what waits, and its secrets', async () => {
    const endpoint = await newEndpoint(operator);
    await book(await newWallet(db, await someAsset(db)));
    await until('one waits', async () => {
      await collect(worker, endpoint);
      return (await db.query('select from webhook.deliveries where endpoint = $1', [endpoint])).rowCount !== 0;
    });
    const [message] = await take(worker, endpoint, 1);

    await ask(operator, 'endpoint_delete', { endpoint });

    for (const table of ['deliveries', 'delivery_wallets', 'secrets'])
      expect((await db.query(`select from webhook.${table} where endpoint = $1`, [endpoint])).rowCount).toBe(0);
    // Whoever sends meanwhile says what came of it, to nobody.
    await settle(worker, endpoint, message ? [message] : []);
  });

  it('takes of what is booked its kinds and its asset alone', async () => {
    const [asset, other] = [await newAsset(db), await newAsset(db)];
    const spends = await newEndpoint(operator, { kinds: ['spend'], asset_code: asset });
    const all = await newEndpoint(operator, { asset_code: asset });
    const wallet = await newWallet(db, asset);
    const bought = await book(wallet, 'wallet_top_up', 5);
    const spent = await book(wallet, 'wallet_spend');
    await book(await newWallet(db, other));
    await collectAll(db, worker, all, 2);
    await collectAll(db, worker, spends, 1);

    expect(await deliverAll(worker, all)).toEqual([bought.transfer_id, spent.transfer_id]);
    expect(await deliverAll(worker, spends)).toEqual([spent.transfer_id]);
    expect(await endpointOf(all)).toMatchObject({ delivered: '2' });
  });
});

describe('a webhook', () => {
  /** An endpoint for an asset of its own, and wallets of it. */
  async function scene(wallets: number): Promise<{ endpoint: string; wallets: string[] }> {
    const asset = await newAsset(db);
    const made = Array.from({ length: wallets }, () => newWallet(db, asset));
    return { endpoint: await newEndpoint(operator, { asset_code: asset }), wallets: await Promise.all(made) };
  }

  it('tells what the feed does, amounts and numbers as texts', async () => {
    const { endpoint, wallets } = await scene(2);
    const [from_wallet = '', to_wallet = ''] = wallets;
    await book(from_wallet, 'wallet_top_up', 1_000_000_000_000_000);
    await collectAll(db, worker, endpoint, 1);
    await deliverAll(worker, endpoint);
    const { transfer_id } = await call(db, 'wallet_transfer', {
      ...{ from_wallet, to_wallet, amount: 7, idem_key: 'gift-1', metadata: { note: 'hi', paid: 1.5 } },
    });
    await collectAll(db, worker, endpoint, 1);
    const [message] = await take(worker, endpoint);
    const { rows } = await db.query<{ event: Record<string, unknown> }>(
      'select to_jsonb(e) as event from ledger.ledger_events(null, 10000) e where e.transfer_id = $1',
      [transfer_id],
    );
    const { cursor, ...event } = rows[0]?.event ?? {};
    const texts = Object.fromEntries(
      ['amount', 'bonus_amount', 'debit_seq', 'credit_seq'].map((name) => [name, String(event[name])]),
    );

    expect(cursor).toEqual(expect.any(String));
    expect(message).toMatchObject({ id: transfer_id, kind: 'transfer', wallet_id: from_wallet, tries: 1 });
    const { type, data, ...rest } = JSON.parse(message?.body ?? '') as {
      type: string;
      timestamp: string;
      data: Record<string, unknown>;
    };
    expect(type).toBe('transfer');
    const instant = (value: unknown) => new Date(String(value)).toISOString();
    expect({ ...data, created_at: instant(data.created_at) }).toEqual({
      ...event,
      ...texts,
      created_at: instant(event.created_at),
    });
    expect(rest).toEqual({ timestamp: data.created_at });
    expect(String(data.created_at)).toMatch(/\+00:00$/);
  });

  it('is given out once at a time for a wallet, in the order of its entries; other wallets go on', async () => {
    const { endpoint, wallets } = await scene(2);
    const [slow = '', other = ''] = wallets;
    const ids: string[] = [];
    for (let nth = 0; nth < 3; nth += 1) ids.push((await book(slow)).transfer_id);
    const others = [(await book(other)).transfer_id, (await book(other)).transfer_id];
    await collectAll(db, worker, endpoint, 5);

    const first = await take(worker, endpoint);
    expect(idsOf(first).sort()).toEqual([ids[0], others[0]].sort());
    expect(await take(worker, endpoint)).toEqual([]);
    const ofSlow = first.filter(({ wallet_id }) => wallet_id === slow);
    await settle(worker, endpoint, ofSlow, { failure: 'status 500', pause_ms: 3_600_000 });
    await settle(
      worker,
      endpoint,
      first.filter(({ wallet_id }) => wallet_id === other),
    );

    expect(await deliverAll(worker, endpoint)).toEqual([others[1]]);
    await db.query('update webhook.deliveries set next_try_at = now() where endpoint = $1 and next_try_at > now()', [
      endpoint,
    ]);
    expect(await deliverAll(worker, endpoint)).toEqual(ids);
  });

  it('of a movement between players waits for both wallets, and both wait for it', async () => {
    const { endpoint, wallets } = await scene(2);
    const [from_wallet = '', to_wallet = ''] = wallets;
    const before = [await book(from_wallet), await book(to_wallet)].map(({ transfer_id }) => transfer_id);
    const { transfer_id } = await call(db, 'wallet_transfer', {
      from_wallet,
      to_wallet,
      amount: 1,
      idem_key: newKey(),
    });
    const after = [await book(from_wallet), await book(to_wallet)].map((receipt) => receipt.transfer_id);
    await collectAll(db, worker, endpoint, 5);

    const [one, two, ...more] = await take(worker, endpoint);
    expect(more).toEqual([]);
    expect([one?.id, two?.id].sort()).toEqual([...before].sort());
    await settle(worker, endpoint, one ? [one] : []);
    expect(await take(worker, endpoint)).toEqual([]);
    await settle(worker, endpoint, two ? [two] : []);
    const between = await take(worker, endpoint);
    expect(idsOf(between)).toEqual([transfer_id]);
    expect(await take(worker, endpoint)).toEqual([]);
    await settle(worker, endpoint, between);
    expect(idsOf(await take(worker, endpoint)).sort()).toEqual([...after].sort());
  });

  it.each([1, 1000])(
    'keeps the order of its wallet where a transaction that began earlier books later, with pages of %i',
    async (limit) => {
      const { endpoint, wallets } = await scene(2);
      const [wallet = '', other = ''] = wallets;
      const early = await openTransaction(db);
      const between = await openTransaction(db);
      // Booked first, by a transaction with a later number; the second of them also in another wallet.
      const one = await book(wallet, 'wallet_top_up', 5);
      const two = await call(db, 'wallet_transfer', {
        ...{ from_wallet: wallet, to_wallet: other, amount: 1, idem_key: newKey() },
      });
      const [row] = (await early.query<Receipt>('select * from ledger.wallet_top_up($1, 1, $2)', [wallet, newKey()]))
        .rows;
      const three = row?.transfer_id ?? '';
      await early.query('commit');
      const ids = [one.transfer_id, two.transfer_id, three];

      // The feed has the last one alone: the others are behind the transaction that is still open.
      await until('the last one is taken', async () => {
        while (await collect(worker, endpoint, limit));
        const { rowCount } = await db.query('select from webhook.deliveries where endpoint = $1', [endpoint]);
        return rowCount !== 0;
      });
      expect(await deliverAll(worker, endpoint)).toEqual(ids);

      await between.query('commit');
      const last = await book(wallet);
      await collectAll(db, worker, endpoint, 1);
      expect(await deliverAll(worker, endpoint)).toEqual([last.transfer_id]);
      expect((await db.query('select from webhook.taken_early where endpoint = $1', [endpoint])).rowCount).toBe(0);
    },
  );

  it('that failed for a day is parked, and holds back later ones of its wallet until it is released or dropped', async () => {
    const { endpoint, wallets } = await scene(2);
    const [wallet = '', other = ''] = wallets;
    const ids: string[] = [];
    for (let nth = 0; nth < 2; nth += 1) ids.push((await book(wallet)).transfer_id);
    await collectAll(db, worker, endpoint, 2);
    const fail = async () =>
      settle(worker, endpoint, await take(worker, endpoint), { failure: 'status 500', pause_ms: 100_000_000 });

    expect(await fail()).toEqual({ parked: 0, paused: false });
    const { rows } = await db.query<{ hours: number }>(
      'select round(extract(epoch from next_try_at - first_try_at) / 3600)::int as hours from webhook.deliveries where id = $1',
      [ids[0]],
    );
    // Whatever the pause, the last try is at the end of the day.
    expect(rows).toEqual([{ hours: 24 }]);
    await triedFor(endpoint, '24 hours');
    await db.query('update webhook.deliveries set next_try_at = now() where id = $1', [ids[0]]);
    expect(await fail()).toEqual({ parked: 1, paused: false });

    const third = await book(other);
    await until('that of the other wallet is taken', async () => {
      await collect(worker, endpoint);
      return (await db.query('select from webhook.deliveries where endpoint = $1', [endpoint])).rowCount === 3;
    });
    expect(await deliverAll(worker, endpoint)).toEqual([third.transfer_id]);
    const { rows: shown } = await operator.query(
      `select d.id, d.failure, d.tries from webhook.endpoints n cross join lateral webhook.endpoints_deliveries(n, true) d where n.name = $1`,
      [endpoint],
    );
    expect(shown).toEqual([{ id: ids[0], failure: 'status 500', tries: 2 }]);

    expect(await ask(operator, 'delivery_release', { endpoint, id: ids[0] })).toEqual([{ delivery_release: '1' }]);
    expect(await fail()).toEqual({ parked: 0, paused: false });
    await triedFor(endpoint, '25 hours');
    await db.query('update webhook.deliveries set next_try_at = now() where id = $1', [ids[0]]);
    expect(await fail()).toEqual({ parked: 1, paused: false });
    expect(await ask(operator, 'delivery_drop', { endpoint, id: ids[0] })).toMatchObject([{ id: ids[0] }]);
    expect(await deliverAll(worker, endpoint)).toEqual([ids[1]]);
    for (const name of ['delivery_release', 'delivery_drop'])
      expect(await refusal(ask(operator, name, { endpoint, id: ids[0] }))).toMatchObject({
        code: 'WLNWH',
        detail: { endpoint, id: ids[0] },
      });
  });

  it('that was never settled is given out again when it counts as lost; what is said of the first time then counts no more', async () => {
    const { endpoint, wallets } = await scene(1);
    await book(wallets[0] ?? '');
    await collectAll(db, worker, endpoint, 1);

    const first = await take(worker, endpoint, 1, '0');
    const second = await take(worker, endpoint, 1);
    expect(second).toMatchObject([{ ...first[0], tries: 2 }]);
    await settle(worker, endpoint, first);
    expect((await db.query('select from webhook.deliveries where endpoint = $1', [endpoint])).rowCount).toBe(1);
    await settle(worker, endpoint, second);
    expect((await db.query('select from webhook.deliveries where endpoint = $1', [endpoint])).rowCount).toBe(0);
  });

  it('is not sent while the receiver wants a pause, and no more where it says that it is gone', async () => {
    const { endpoint, wallets } = await scene(2);
    for (const wallet of wallets) await book(wallet);
    await collectAll(db, worker, endpoint, 2);

    await settle(worker, endpoint, await take(worker, endpoint, 1), { failure: 'status 429', hold_ms: 3_600_000 });
    expect(await take(worker, endpoint)).toEqual([]);
    await db.query('update webhook.endpoints set held_until = now() where name = $1', [endpoint]);
    expect(
      await settle(worker, endpoint, await take(worker, endpoint, 1), { failure: 'status 410', gone: true }),
    ).toEqual({ parked: 0, paused: true });
    expect(await take(worker, endpoint)).toEqual([]);
    expect(await endpointOf(endpoint)).toMatchObject({
      state: 'paused',
      paused_because: 'gone',
      failure: 'status 410',
    });
    await ask(operator, 'endpoint_resume', { endpoint });
    expect(await deliverAll(worker, endpoint)).toHaveLength(2);
  });

  it('is sent again from a cursor on, with the same id, and in order with what waits', async () => {
    const { endpoint, wallets } = await scene(1);
    const [wallet = ''] = wallets;
    const ids: string[] = [];
    for (let nth = 0; nth < 3; nth += 1) ids.push((await book(wallet)).transfer_id);
    await collectAll(db, worker, endpoint, 3);
    const [first] = await take(worker, endpoint, 1);
    const { rows } = await db.query<{ cursor: string }>(
      'select cursor from ledger.ledger_events(null, 10000) where transfer_id = $1',
      [ids[0]],
    );
    await settle(worker, endpoint, first ? [first] : []);
    expect(await deliverAll(worker, endpoint)).toEqual(ids.slice(1));
    ids.push((await book(wallet)).transfer_id);
    await collectAll(db, worker, endpoint, 1);

    await ask(operator, 'endpoint_replay', { endpoint, after: rows[0]?.cursor });
    await collectAll(db, worker, endpoint, 3);
    expect(await deliverAll(worker, endpoint)).toEqual(ids.slice(1));

    await ask(operator, 'endpoint_replay', { endpoint });
    await collectAll(db, worker, endpoint, 4);
    expect(await deliverAll(worker, endpoint)).toEqual(ids);
    await ask(operator, 'endpoint_replay', { endpoint });
    await ask(operator, 'endpoint_replay', { endpoint, from_newest: true });
    expect(await collect(worker, endpoint)).toBe(false);
    expect(await refusal(ask(operator, 'endpoint_replay', { endpoint, after: 'x' }))).toMatchObject({
      code: 'WLARG',
      detail: { argument: 'after', reason: 'malformed' },
    });
  });

  it('is not taken where the cursor is of another ledger: the endpoint is paused until somebody says where to go on', async () => {
    const { endpoint } = await scene(0);
    await db.query('update webhook.endpoints set cursor = $2 where name = $1', [endpoint, `999.1.${UNKNOWN_WALLET}`]);

    expect(await collect(worker, endpoint)).toBe(false);
    expect(await endpointOf(endpoint)).toMatchObject({ state: 'paused', paused_because: 'feed' });
    expect(await refusal(ask(operator, 'endpoint_resume', { endpoint }))).toMatchObject({
      code: 'WLARG',
      detail: { reason: 'epoch' },
    });
    await ask(operator, 'endpoint_replay', { endpoint, from_newest: true });
    expect(await endpointOf(endpoint)).toMatchObject({ state: 'active', paused_because: null });
  });
});

describe('notices', () => {
  const HOUR = 3_600_000;
  const inHours = (hours: number): string => new Date(Date.now() + hours * HOUR).toISOString();
  const bonus = (wallet_id: string, hours: number, amount = 5) =>
    call(db, 'wallet_bonus', { wallet_id, amount, idem_key: newKey(), expires_at: inHours(hours) });
  /** What players of an asset have had notice of, once the feed is read as far as this movement. */
  async function noticesAfter(asset: string, receipt: Receipt): Promise<Record<string, unknown>[]> {
    await until('notices have come so far', async () => {
      while ((await ask<{ make_notices: boolean }>(worker, 'make_notices'))[0]?.make_notices);
      const { rowCount } = await db.query(
        `select from webhook.notice_reader r, ledger.entries e where e.transfer_id = $1 and e.actor is not null
           and (split_part(r.cursor, '.', 2)::xid8, split_part(r.cursor, '.', 3)::uuid) >= (e.xid, e.transfer_id)`,
        [receipt.transfer_id],
      );
      return rowCount === 1;
    });
    const { rows } = await db.query<Record<string, unknown>>(
      `select n.kind, n.wallet_id, n.seq, n.amount, n.lot_seq, n.low_balance from webhook.notices n
       join ledger.wallets w on w.id = n.wallet_id where w.asset_code = $1 order by n.number`,
      [asset],
    );
    return rows;
  }

  it('tell of bonus credits that expire within the time, once for each lot, also of those that came later', async () => {
    const asset = await newAsset(db);
    const wallet = await newWallet(db, asset);
    await bonus(wallet, 1);
    await bonus(wallet, 100);
    await ask(operator, 'notice_set', { asset_code: asset, expiring_hours: 48 });
    const spent = await book(wallet, 'wallet_spend', 2);

    expect(await noticesAfter(asset, spent)).toEqual([
      { kind: 'credits.expiring', wallet_id: wallet, seq: '3', amount: '3', lot_seq: '1', low_balance: null },
    ]);
    const late = await bonus(wallet, 2, 4);
    const last = await book(wallet);
    const both = await noticesAfter(asset, last);
    expect(both).toHaveLength(2);
    expect(both[1]).toMatchObject({ kind: 'credits.expiring', amount: '4', lot_seq: late.seq });
    await ask(operator, 'notice_set', { asset_code: asset, expiring_hours: 101 });
    expect((await noticesAfter(asset, await book(wallet))).map(({ lot_seq }) => lot_seq)).toEqual(['1', late.seq, '2']);
  });

  it('tell when a balance falls below the mark, each time that it does, and not while it is there', async () => {
    const asset = await newAsset(db);
    const wallet = await newWallet(db, asset);
    await ask(operator, 'notice_set', { asset_code: asset, low_balance: 10 });
    await book(wallet, 'wallet_top_up', 20);
    await book(wallet, 'wallet_spend', 10);
    const fell = await book(wallet, 'wallet_spend', 1);
    await book(wallet, 'wallet_spend', 1);
    await book(wallet, 'wallet_top_up', 2);
    const again = await book(wallet, 'wallet_spend', 10);

    expect(await noticesAfter(asset, again)).toEqual([
      { kind: 'balance.low', wallet_id: wallet, seq: fell.seq, amount: '9', lot_seq: null, low_balance: '10' },
      { kind: 'balance.low', wallet_id: wallet, seq: again.seq, amount: '0', lot_seq: null, low_balance: '10' },
    ]);
  });

  it('are webhooks: in order with the movements of their wallet, for those who ask for their kind', async () => {
    const asset = await newAsset(db);
    const wallet = await newWallet(db, asset, { bought: 10 });
    const all = await newEndpoint(operator, { asset_code: asset });
    const low = await newEndpoint(operator, { asset_code: asset, kinds: ['balance.low'] });
    await ask(operator, 'notice_set', { asset_code: asset, low_balance: 10, expiring_hours: 48 });
    const spent = await book(wallet, 'wallet_spend');
    const after = await book(wallet, 'wallet_top_up', 1);
    await noticesAfter(asset, after);
    await collectAll(db, worker, low, 1);
    await until('all three are taken', async () => {
      await collect(worker, all);
      const { rowCount } = await db.query(
        'select from webhook.deliveries where endpoint = $1 and (id = $2 or id = $3 or kind = $4)',
        [all, spent.transfer_id, after.transfer_id, 'balance.low'],
      );
      return rowCount === 3;
    });

    const messages: Message[] = [];
    for (let taken = await take(worker, all, 1); taken.length > 0; taken = await take(worker, all, 1)) {
      messages.push(...taken);
      await settle(worker, all, taken);
    }
    const kinds = messages.map(({ kind }) => kind);
    expect(kinds.slice(-3)).toEqual(['spend', 'balance.low', 'top_up']);
    const [notice] = await take(worker, low);
    expect(JSON.parse(notice?.body ?? '')).toEqual({
      type: 'balance.low',
      timestamp: expect.any(String) as string,
      data: {
        notice_id: notice?.id,
        wallet_id: wallet,
        owner_id: expect.any(String) as string,
        asset_code: asset,
        balance: '9',
        low_balance: '10',
        seq: spent.seq,
        created_at: expect.any(String) as string,
      },
    });
  });

  it.each([
    ['asset_code', 'WLARG', { asset_code: null }],
    ['expiring_hours', 'WLARG', { expiring_hours: 0 }],
    ['expiring_hours', 'WLARG', { expiring_hours: 721 }],
    ['low_balance', 'WLARG', { low_balance: 0 }],
    ['asset_code', 'WLNOA', { asset_code: 'NONE' }],
  ])('are refused with a bad %s (%s): %j', async (_argument, code, args) => {
    const asset_code = await someAsset(db);

    expect(await refusal(ask(operator, 'notice_set', { asset_code, ...args }))).toMatchObject({ code });
  });
});

describe('a hostile value', () => {
  const GOOD: Record<string, string | null> = {
    url: URL_OF_TESTS,
    kinds: null,
    asset_code: null,
    overlap_hours: '1',
    after: null,
    from_newest: 'false',
    id: UNKNOWN_WALLET,
    expiring_hours: '5',
    low_balance: '5',
  };
  const REFUSED = /^(WLARG|WLNOA|WLNWH|WLWHX)$/;
  const UNREADABLE = /^(22P02|22003|22007|22008|22009|22021|22023|22P05|54001)$/;

  it.each(Object.keys(MAY_EXECUTE).filter((name) => MAY_EXECUTE[name] === OPERATORS))(
    'in any argument of %s is refused by name, or does no harm',
    async (name) => {
      const { rows } = await db.query<{ name: string; type: string }>(
        `select a.name, format_type(a.type, null) as type from pg_proc p,
           unnest(p.proargnames, p.proargtypes::oid[]) a (name, type)
         where p.pronamespace = 'webhook'::regnamespace and p.proname = $1`,
        [name],
      );
      const endpoint = name === 'endpoint_create' ? `e${newKey().slice(4)}` : await newEndpoint(operator);
      const good = { ...GOOD, endpoint, ...(name === 'notice_set' && { asset_code: await someAsset(db) }) };
      const places = rows.map((arg, index) => `"${arg.name}" => $${index + 1}::${arg.type}`).join(', ');
      const faults: string[] = [];

      for (const [index, arg] of rows.entries()) {
        for (const value of HOSTILE[arg.type] ?? []) {
          const values = rows.map((one) => good[one.name as keyof typeof good] ?? null);
          await operator.query('begin');
          const code = await operator
            .query(`select * from webhook.${name}(${places})`, (values as unknown[]).with(index, value))
            .then(() => 'taken')
            .catch((error: unknown) => {
              const { code: found = '', detail = '', hint = '' } = error as pg.DatabaseError;
              return REFUSED.test(found) && (!detail.startsWith('{') || hint === '') ? `${found} without facts` : found;
            });
          await operator.query('rollback');
          if (code !== 'taken' && !REFUSED.test(code) && !UNREADABLE.test(code))
            faults.push(`${arg.name} = ${nameOf(value)}: ${code}`);
        }
      }

      expect(rows.length).toBeGreaterThan(0);
      expect(faults).toEqual([]);
    },
  );

  it('leaves the ledger sound', () => expectSound(db));
});
