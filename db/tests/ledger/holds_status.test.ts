import { age } from '../aged.ts';
import { call, createDatabase, inMs, newKey, newWallet, refusal, someAsset } from '../helpers.ts';

const db = createDatabase();

async function status(hold_id: string | null): Promise<string | undefined> {
  const { rows } = await db.query<{ answer: string }>(
    'select ledger.holds_status(h) as answer from ledger.holds h where id = $1',
    [hold_id],
  );
  return rows[0]?.answer;
}

describe('holds_status', () => {
  it.each([
    { close: 'wallet_capture', amount: undefined, becomes: 'captured' },
    { close: 'wallet_capture', amount: 1, becomes: 'captured' },
    { close: 'wallet_release', amount: undefined, becomes: 'released' },
  ])('is open until $close, then $becomes', async ({ close, amount, becomes }) => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const { hold_id } = await call(db, 'wallet_hold', { wallet_id, amount: 3, idem_key: newKey() });
    const before = await status(hold_id);

    await call(db, close, { wallet_id, hold_id, idem_key: newKey(), amount });

    expect([before, await status(hold_id)]).toEqual(['open', becomes]);
  });

  it('is expired from the expiry on, before and after that is booked, as a capture is refused (WLHLD)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const expires_at = await inMs(db, 3_600_000);
    const { hold_id } = await call(db, 'wallet_hold', { wallet_id, amount: 3, idem_key: newKey(), expires_at });
    const before = await status(hold_id);
    await age(db, '1 hour');

    const due = await status(hold_id);
    expect(await refusal(call(db, 'wallet_capture', { wallet_id, hold_id, idem_key: newKey() }))).toMatchObject({
      code: 'WLHLD',
      detail: { status: due },
    });
    await call(db, 'wallet_spend', { wallet_id, amount: 1, idem_key: newKey() });

    expect([before, due, await status(hold_id)]).toEqual(['open', 'expired', 'expired']);
  });
});
