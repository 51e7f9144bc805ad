import {
  call,
  callAll,
  createDatabase,
  type Finding,
  forceHead,
  newAsset,
  newKey,
  newWallet,
  refusal,
} from '../helpers.ts';
import { keepSeals, sealUntil } from '../seals.ts';

const db = createDatabase();
const prove = (kept?: string) => callAll<Finding>(db, 'ledger_prove', { kept });
const recorded = async () =>
  (
    await db.query<{ findings: string; block_seq: string | null; kept_seals: string; actor: string; sane: boolean }>(
      `select findings, block_seq, kept_seals, actor, started_at <= finished_at and finished_at <= clock_timestamp() as sane
       from ledger.verifications order by id`,
    )
  ).rows;

describe('ledger_prove', () => {
  it('verifies everything, seals too, and records the result', async () => {
    const wallet_id = await newWallet(db, await newAsset(db), { bought: 5 });
    expect(await prove()).toEqual([]);
    await sealUntil(db, wallet_id, 1);
    const kept = await keepSeals(db);
    const seals = String((JSON.parse(kept) as unknown[]).length);
    expect(await prove(kept)).toEqual([]);
    expect((await prove('[{"seq": 99}]')).map(({ rule }) => rule)).toEqual(['seal_missing']);
    await call(db, 'wallet_spend', { wallet_id, amount: 1, idem_key: newKey() });
    await forceHead(db, wallet_id, {});
    const findings = await prove();

    const { rows } = await db.query('select to_jsonb(f) from ledger.ledger_verify() f');
    expect(findings.length).toBeGreaterThan(0);
    expect(findings).toHaveLength(rows.length);
    expect((await recorded()).map((row) => Object.values(row))).toEqual([
      ['0', null, '0', 'db:postgres', true],
      ['0', seals, seals, 'db:postgres', true],
      ['1', seals, '1', 'db:postgres', true],
      [String(findings.length), seals, '0', 'db:postgres', true],
    ]);
  });

  it('refuses an invalid list of seals (WLARG), and records nothing', async () => {
    const before = await recorded();

    expect(await refusal(prove('{}'))).toMatchObject({ code: 'WLARG', detail: { argument: 'kept' } });
    expect(await recorded()).toEqual(before);
  });
});
