import { call, createDatabase, newAsset, newKey, newOwner, newWallet, refusal, type Session } from '../helpers.ts';

const db = createDatabase();

async function leftOf(transfer_id: string, session: Session = db): Promise<string | undefined> {
  const { rows } = await session.query<{ left: string }>(
    'select ledger.transfers_reversible(t) as left from ledger.transfers t where t.id = $1',
    [transfer_id],
  );
  return rows[0]?.left;
}

describe('transfers_reversible', () => {
  it.each(['top_up', 'bonus', 'spend', 'capture', 'transfer'])(
    'is the rest of a %s after each of its reversals, which without an amount reverse all of it',
    async (kind) => {
      const asset = await newAsset(db);
      const wallet_id = await newWallet(db, asset, { bought: 100 });
      const key = () => ({ wallet_id, idem_key: newKey() });
      const booked =
        kind === 'transfer'
          ? await call(db, 'wallet_transfer', {
              from_wallet: wallet_id,
              to_wallet: await newWallet(db, asset),
              amount: 30,
              idem_key: newKey(),
            })
          : kind === 'capture'
            ? await call(db, 'wallet_capture', {
                ...key(),
                hold_id: (await call(db, 'wallet_hold', { ...key(), amount: 40 })).hold_id,
                amount: 30,
              })
            : await call(db, `wallet_${kind}`, { ...key(), amount: 30 });
      const { transfer_id } = booked;
      const left = [await leftOf(transfer_id)];

      const part = await call(db, 'wallet_reverse', { ...key(), transfer_id, amount: 12 });
      left.push(await leftOf(transfer_id));
      const rest = await call(db, 'wallet_reverse', { ...key(), transfer_id });
      left.push(await leftOf(transfer_id));

      expect(left).toEqual(['30', '18', '0']);
      expect([part.amount, rest.amount]).toEqual(['12', '18']);
      expect([await leftOf(part.transfer_id), await leftOf(rest.transfer_id)]).toEqual(['0', '0']);
      expect(await refusal(call(db, 'wallet_reverse', { ...key(), transfer_id, amount: 1 }))).toMatchObject({
        code: 'WLREV',
        detail: { left: '0' },
      });
    },
  );

  it('is 0 for kinds that cannot be reversed: a hold, a release', async () => {
    const wallet_id = await newWallet(db, await newAsset(db), { bought: 10 });
    const held = await call(db, 'wallet_hold', { wallet_id, amount: 4, idem_key: newKey() });
    const freed = await call(db, 'wallet_release', { wallet_id, hold_id: held.hold_id, idem_key: newKey() });

    expect([await leftOf(held.transfer_id), await leftOf(freed.transfer_id)]).toEqual(['0', '0']);
  });

  it('is what is left, not what is still available: without an amount all of it is reversed, or nothing (WLFND)', async () => {
    const wallet_id = await newWallet(db, await newAsset(db));
    const key = () => ({ wallet_id, idem_key: newKey() });
    const { transfer_id } = await call(db, 'wallet_top_up', { ...key(), amount: 10 });
    await call(db, 'wallet_spend', { ...key(), amount: 7 });

    expect(await leftOf(transfer_id)).toBe('10');
    expect(await refusal(call(db, 'wallet_reverse', { ...key(), transfer_id }))).toMatchObject({
      code: 'WLFND',
      detail: { available: '3', missing: '7' },
    });
    expect(await leftOf(transfer_id)).toBe('10');
    await call(db, 'wallet_reverse', { ...key(), transfer_id, amount: 3 });
    expect(await leftOf(transfer_id)).toBe('7');
  });

  it('counts a debt as reversed', async () => {
    const wallet_id = await newWallet(db, await newAsset(db));
    const key = () => ({ wallet_id, idem_key: newKey() });
    const { transfer_id } = await call(db, 'wallet_top_up', { ...key(), amount: 10 });
    await call(db, 'wallet_spend', { ...key(), amount: 7 });

    await call(db, 'wallet_reverse', { ...key(), transfer_id, amount: 8, owe: true });

    expect(await leftOf(transfer_id)).toBe('2');
  });

  it('counts reversals by the successor of a merged wallet, and those of an exchange once', async () => {
    const asset = await newAsset(db);
    const [wallet_id, successor] = [await newWallet(db, asset), await newWallet(db, asset)];
    const { transfer_id } = await call(db, 'wallet_top_up', { wallet_id, amount: 10, idem_key: newKey() });
    await call(db, 'wallet_merge', {
      from_wallet: wallet_id,
      to_wallet: successor,
      idem_key: newKey(),
      reason: 'two accounts of one player',
    });
    await call(db, 'wallet_reverse', { wallet_id: successor, transfer_id, amount: 4, idem_key: newKey() });
    expect(await leftOf(transfer_id)).toBe('6');

    const owner = newOwner();
    const [from, to] = [await newWallet(db, asset, { owner }), await newWallet(db, await newAsset(db), { owner })];
    await call(db, 'wallet_top_up', { wallet_id: from, amount: 10, idem_key: newKey() });
    const exchanged = await call(db, 'wallet_exchange', {
      from_wallet: from,
      to_wallet: to,
      amount: 8,
      to_amount: 3,
      idem_key: newKey(),
    });
    expect(await leftOf(exchanged.transfer_id)).toBe('8');
    await call(db, 'wallet_reverse', { wallet_id: from, transfer_id: exchanged.transfer_id, idem_key: newKey() });
    expect(await leftOf(exchanged.transfer_id)).toBe('0');
  });

  it('is visible to everyone who sees the movement', async () => {
    const owner = newOwner();
    const wallet_id = await newWallet(db, await newAsset(db), { owner });
    const { transfer_id } = await call(db, 'wallet_top_up', { wallet_id, amount: 10, idem_key: newKey() });
    await call(db, 'wallet_reverse', { wallet_id, transfer_id, amount: 4, idem_key: newKey() });

    for (const session of [await db.connectAs('player', owner), await db.connectAs('service', 'shop')])
      expect(await leftOf(transfer_id, session)).toBe('6');
    expect(await leftOf(transfer_id, await db.connectAs('player', newOwner()))).toBeUndefined();
  });
});
