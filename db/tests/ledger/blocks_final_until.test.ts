import { call, createDatabase, newAsset, newKey, newWallet, refusal, type Session } from '../helpers.ts';
import { seal } from '../seals.ts';

const LIMIT_MS = 60_000;
const db = createDatabase();

const told = async (session: Session = db) =>
  (
    await session.query<{ seq: string; told: string | null; noted: string }>(
      `select b.seq, ledger.blocks_final_until(b)::text as told, b.final_until::text as noted
       from ledger.blocks b order by b.seq`,
    )
  ).rows;

describe('blocks_final_until', () => {
  it('is null in the first block, and the recorded instant in later ones', async () => {
    const wallet_id = await newWallet(db, await newAsset(db), { bought: 1 });
    await seal(db);
    expect(await told()).toEqual([{ seq: '1', told: null, noted: '-infinity' }]);

    // Transactions of other databases of the server delay it, too.
    for (const deadline = Date.now() + LIMIT_MS; (await told()).at(-1)?.told === null;) {
      if (Date.now() > deadline) throw new Error('nothing becomes final');
      await call(db, 'wallet_top_up', { wallet_id, amount: 1, idem_key: newKey() });
      await seal(db);
    }
    const last = (await told()).at(-1);
    expect(last?.noted).toMatch(/^\d/);
    expect(last?.told).toBe(last?.noted);
  });

  it('is for operators, auditors and jobs, who see blocks, and for no other role of the gateway (42501)', async () => {
    const expected = await told();
    for (const role of ['operator', 'auditor'] as const)
      expect(await told(await db.connectAs(role, 'x'))).toEqual(expected);
    expect(await told(await db.connectJob())).toEqual(expected);
    for (const role of ['player', 'service'] as const)
      expect(await refusal(told(await db.connectAs(role, 'x')))).toMatchObject({ code: '42501' });
  });
});
