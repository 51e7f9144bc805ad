import { age, tampering } from '../aged.ts';
import { call, callAll, createDatabase, inMs, newKey, newWallet, refusal, someAsset } from '../helpers.ts';

interface Unsettled {
  wallet_id: string;
  sqlstate: string;
  failures: number;
  first_failed_at: string;
  failed_at: string;
  retry_at: string;
}

describe('ledger_unsettled', () => {
  const db = createDatabase();
  const unsettled = (since?: string) => callAll<Unsettled>(db, 'ledger_unsettled', { since });

  /** A wallet with an expired hold that is missing in the log. */
  async function unsettleable(): Promise<string> {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 5 });
    const expires_at = await inMs(db, 3_600_000);
    await call(db, 'wallet_hold', { wallet_id, amount: 1, idem_key: newKey(), expires_at });
    await tampering(db, (client) => client.query('delete from ledger.holds where wallet_id = $1', [wallet_id]));
    await age(db, '1 hour');
    return wallet_id;
  }
  const sweep = async () => (await call<{ wallet_expire_due: string }>(db, 'wallet_expire_due', {})).wallet_expire_due;

  it('is empty if nothing has failed', async () => {
    expect(await sweep()).toBe('0');
    expect(await unsettled()).toEqual([]);
  });

  it('has the failed wallets, the error, the number of failures and the next attempt, the longest failing first', async () => {
    const first = await unsettleable();
    await sweep();
    const second = await unsettleable();
    await sweep();

    const found = await unsettled();

    expect(found).toMatchObject([
      { wallet_id: first, sqlstate: 'XX001', failures: 2 },
      { wallet_id: second, sqlstate: 'XX001', failures: 1 },
    ]);
    const latest = found[1]?.failed_at;
    expect(found.map(({ failed_at }) => failed_at)).toEqual([latest, latest]);
    expect(found[1]?.first_failed_at).toBe(latest);
    expect(found[0]?.first_failed_at).not.toBe(latest);
    expect(await unsettled(latest)).toEqual(found);
    expect(await unsettled('infinity')).toEqual([]);
  });

  it.each(['auditor', 'job'] as const)('is for an %s, who may not write the list (42501)', async (role) => {
    const session = role === 'job' ? await db.connectJob() : await db.connectAs(role, 'somebody');

    expect(await callAll<Unsettled>(session, 'ledger_unsettled', {})).toEqual(await unsettled());
    expect(await refusal(session.query('delete from ledger_private.unsettled_wallets'))).toMatchObject({
      code: '42501',
    });
  });

  it.each(['player', 'service', 'operator'] as const)('is not for the role %s (42501)', async (role) => {
    const session = await db.connectAs(role, 'somebody');

    expect(await refusal(callAll(session, 'ledger_unsettled', {}))).toMatchObject({ code: '42501' });
  });
});
