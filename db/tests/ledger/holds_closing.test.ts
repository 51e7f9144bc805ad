import { ageTo } from '../aged.ts';
import { call, createDatabase, inMs, newKey, newOwner, newWallet, type Session, someAsset } from '../helpers.ts';

const db = createDatabase();

async function closing(session: Session, hold_id: string | null): Promise<unknown> {
  const { rows } = await session.query<{ answer: unknown }>(
    'select to_json(ledger.holds_closing(h)) as answer from ledger.holds h where id = $1',
    [hold_id],
  );
  return rows[0]?.answer;
}

describe('holds_closing', () => {
  it.each(['wallet_capture', 'wallet_release'])('is null, and then the transfer of %s', async (close) => {
    const owner = newOwner();
    const wallet_id = await newWallet(db, await someAsset(db), { owner, bought: 10 });
    const { hold_id } = await call(db, 'wallet_hold', { wallet_id, amount: 3, idem_key: newKey() });
    await call(db, 'wallet_hold', { wallet_id, amount: 3, idem_key: newKey() });
    const before = await closing(db, hold_id);

    const { transfer_id } = await call(db, close, { wallet_id, hold_id, idem_key: newKey() });

    expect(before).toBeNull();
    expect(await closing(db, hold_id)).toMatchObject({ id: transfer_id, hold_id, wallet_id });
    expect(await closing(await db.connectAs('player', owner), hold_id)).toMatchObject({ id: transfer_id });
  });

  it('is a release without a key if the hold expired', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const expires_at = await inMs(db, 3_600_000);
    const { hold_id } = await call(db, 'wallet_hold', { wallet_id, amount: 3, idem_key: newKey(), expires_at });
    await ageTo(db, expires_at);
    await call(db, 'wallet_expire_due', {});

    expect(await closing(db, hold_id)).toMatchObject({ kind: 'release', idem_key: null, hold_id, amount: 3 });
  });
});
