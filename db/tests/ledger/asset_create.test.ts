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
  it('creates the asset, and records its actor', async () => {
    const code = newCode();
    const operator = await db.connectAs('operator', 'ops-1');

    expect(await create({ code, name: 'Gold Coins', scale: 2 }, operator)).toEqual({
      code,
      name: 'Gold Coins',
      scale: 2,
      actor: 'operator:ops-1',
      created_at: expect.any(String) as string,
      hash: expect.any(Buffer) as Buffer,
    });
  });

  it('uses whole units without a scale', async () => {
    expect(await create({ code: newCode(), name: 'Points' })).toMatchObject({ scale: 0 });
  });

  it('opens no wallet: house accounts are names, and have no balance yet', async () => {
    const code = newCode();

    await create({ code, name: 'Points' });

    expect(await walletsOf(code)).toBe(0);
    const { rows } = await db.query('select account, debit, credit from ledger.ledger_trial_balance($1)', [code]);
    expect(rows).toEqual(
      ['treasury', 'promotions', 'revenue', 'breakage'].map((account) => ({
        account,
        debit: '0',
        credit: '0',
      })),
    );
    await expectSound(db);
  });

  it('changes nothing if it is repeated with the same arguments', async () => {
    const code = newCode();
    const first = await create({ code, name: 'Points', scale: 3 });

    expect(await create({ code, name: 'Points', scale: 3 })).toEqual(first);
    const { rowCount } = await db.query('select from ledger.assets where code = $1', [code]);
    expect(rowCount).toBe(1);
    await expectSound(db);
  });

  it('returns the same asset to concurrent calls', async () => {
    const code = newCode();
    const pool = await Promise.all(Array.from({ length: 6 }, () => db.connectAs('operator', 'op')));

    const assets = await Promise.all(pool.map((session) => create({ code, name: 'Points' }, session)));

    expect(assets).toEqual(Array(6).fill(assets[0]));
    const { rowCount } = await db.query('select from ledger.assets where code = $1', [code]);
    expect(rowCount).toBe(1);
    await expectSound(db);
  });

  it('distinguishes assets whose codes differ only in case', async () => {
    const code = newCode();
    await create({ code, name: 'Points' });

    expect(await create({ code: code.toLowerCase(), name: 'Other points' })).toMatchObject({
      code: code.toLowerCase(),
    });
    await expectSound(db);
  });

  it.each(['A', '9', 'Gold_Coins-2.0', 'x'.repeat(64)])('accepts the code %s', async (code) => {
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
    const { rowCount } = await db.query('select from ledger.assets where code = $1', [args.code]);
    expect(rowCount).toBe(0);
  });

  it('refuses an existing code with another name or scale, and leaves the asset unchanged (WLARG)', async () => {
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
