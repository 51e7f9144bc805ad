import { randomUUID } from 'node:crypto';
import { call, createDatabase, expectSound, refusal, type Session } from '../helpers.ts';

interface Asset {
  code: string;
  name: string;
  scale: number;
  created_at: string;
}

const db = createDatabase();
const newCode = (): string => `A${randomUUID().slice(0, 12)}`;
const create = (args: Record<string, unknown>, session: Session = db) => call<Asset>(session, 'asset_create', args);
const walletsOf = async (code: string): Promise<number> => {
  const { rowCount } = await db.query('select from ledger.wallets where asset_code = $1', [code]);
  return rowCount ?? 0;
};

describe('asset_create', () => {
  it('creates the asset', async () => {
    const code = newCode();

    expect(await create({ code, name: 'Gold Coins', scale: 2 })).toEqual({
      code,
      name: 'Gold Coins',
      scale: 2,
      created_at: expect.any(String) as string,
      hash: expect.any(Buffer) as Buffer,
    });
  });

  it('takes whole units where no scale is given', async () => {
    expect(await create({ code: newCode(), name: 'Points' })).toMatchObject({ scale: 0 });
  });

  it('opens 32 stripes and a batch stripe of each house account, each with its event', async () => {
    const code = newCode();

    await create({ code, name: 'Points' });

    const { rows } = await db.query(
      `select house, normal_side, array_agg(stripe order by stripe) = array(select s::smallint from generate_series(0, 32) s) as complete,
         bool_and(status = 'open' and owner_id is null) as plain,
         count(v.seq)::int as events
       from ledger.wallets w left join ledger.wallet_events v on v.wallet_id = w.id and v.kind = 'opened' and v.actor like 'db:%'
       where asset_code = $1 group by house, normal_side order by house`,
      [code],
    );
    expect(rows).toEqual([
      { house: 'treasury', normal_side: 'debit', complete: true, plain: true, events: 33 },
      { house: 'promotions', normal_side: 'debit', complete: true, plain: true, events: 33 },
      { house: 'revenue', normal_side: 'credit', complete: true, plain: true, events: 33 },
      { house: 'breakage', normal_side: 'credit', complete: true, plain: true, events: 33 },
    ]);
    await expectSound(db);
  });

  it('gives every stripe an id that hashes into it', async () => {
    const code = newCode();

    await create({ code, name: 'Points' });

    const { rows } = await db.query(
      'select from ledger.wallets where asset_code = $1 and stripe < 32 and ledger.wallet_stripe(id) <> stripe',
      [code],
    );
    expect(rows).toEqual([]);
  });

  it('changes nothing when it is repeated with the same facts', async () => {
    const code = newCode();
    const first = await create({ code, name: 'Points', scale: 3 });

    expect(await create({ code, name: 'Points', scale: 3 })).toEqual(first);
    expect(await walletsOf(code)).toBe(4 * 33);
    await expectSound(db);
  });

  it('gives many callers at once the same asset', async () => {
    const code = newCode();
    const pool = await Promise.all(Array.from({ length: 6 }, () => db.connectAs('operator', 'op')));

    const assets = await Promise.all(pool.map((session) => create({ code, name: 'Points' }, session)));

    expect(assets).toEqual(Array(6).fill(assets[0]));
    expect(await walletsOf(code)).toBe(4 * 33);
    await expectSound(db);
  });

  it('keeps assets whose codes differ only in case apart', async () => {
    const code = newCode();
    await create({ code, name: 'Points' });

    expect(await create({ code: code.toLowerCase(), name: 'Other points' })).toMatchObject({
      code: code.toLowerCase(),
    });
    await expectSound(db);
  });

  it.each(['A', '9', 'Gold_Coins-2.0', 'x'.repeat(64)])('takes the code %s', async (code) => {
    expect(await create({ code, name: 'n' })).toMatchObject({ code });
  });

  it.each([
    ...[null, '', 'x'.repeat(65), '-A', ' A', 'A B', 'Ä', 'A\n', 'a/b'].map((code) => ({
      argument: 'code',
      value: code,
      args: { code, name: 'n' },
    })),
    ...[null, '', 'x'.repeat(201)].map((name) => ({ argument: 'name', value: name, args: { code: newCode(), name } })),
    ...[null, -1, 19].map((scale) => ({
      argument: 'scale',
      value: scale,
      args: { code: newCode(), name: 'n', scale },
    })),
  ])('refuses the $argument $value (WLARG)', async ({ argument, args }) => {
    const refused = await refusal(create(args));

    expect(refused).toMatchObject({ code: 'WLARG', detail: { argument } });
    expect(refused.hint).not.toBe('');
    expect(await walletsOf(args.code ?? '')).toBe(0);
  });

  it('refuses a code that is taken with another name or scale, and leaves the asset as it is (WLARG)', async () => {
    const code = newCode();
    await create({ code, name: 'Points', scale: 2 });

    expect(await refusal(create({ code, name: 'Other', scale: 2 }))).toMatchObject({
      code: 'WLARG',
      detail: { argument: 'name', name: 'Points' },
    });
    expect(await refusal(create({ code, name: 'Points' }))).toMatchObject({
      code: 'WLARG',
      detail: { argument: 'scale', scale: 2 },
    });
    expect(await create({ code, name: 'Points', scale: 2 })).toMatchObject({ name: 'Points', scale: 2 });
  });
});
