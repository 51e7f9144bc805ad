import { ageTo } from '../aged.ts';
import { call, createDatabase, inMs, newKey, newOwner, newWallet, type Session, someAsset } from '../helpers.ts';

const db = createDatabase();

/** The kind and side of a wallet's entries, oldest first, which its history has too. */
async function sides(wallet: string, session: Session = db): Promise<string[]> {
  const { rows } = await session.query<{ line: string; told: string }>(
    `select e.kind || ' ' || ledger.entries_side(e) as line, h.kind || ' ' || h.side as told
     from ledger.entries e join ledger.wallet_history($1) h on h.seq = e.seq
     where e.wallet_id = $1 order by e.seq`,
    [wallet],
  );
  expect(rows.map(({ told }) => told)).toEqual(rows.map(({ line }) => line));
  return rows.map(({ line }) => line);
}

describe('entries_side', () => {
  it('is credit if the balance rises or a hold ends, debit if it falls or a hold begins, for every kind', async () => {
    const asset = await someAsset(db);
    const wallet_id = await newWallet(db, asset, { bought: 100 });
    const friend = await newWallet(db, asset, { bought: 50 });
    const soon = await inMs(db, 3_600_000);
    const book = (name: string, args: object) => call(db, `wallet_${name}`, { wallet_id, idem_key: newKey(), ...args });
    const spend = await book('spend', { amount: 4 });
    const { transfer_id: sent } = await call(db, 'wallet_transfer', {
      ...{ from_wallet: wallet_id, to_wallet: friend, amount: 3, idem_key: newKey() },
    });
    const { transfer_id: received } = await call(db, 'wallet_transfer', {
      ...{ from_wallet: friend, to_wallet: wallet_id, amount: 3, idem_key: newKey() },
    });
    const hold = await book('hold', { amount: 5 });
    await book('capture', { hold_id: hold.hold_id });
    const other = await book('hold', { amount: 5 });
    await book('release', { hold_id: other.hold_id });
    await book('reverse', { transfer_id: spend.transfer_id });
    await book('reverse', { transfer_id: sent });
    await call(db, 'wallet_reverse', { wallet_id: friend, transfer_id: received, idem_key: newKey() });
    const { transfer_id: bought } = await book('top_up', { amount: 7 });
    await book('reverse', { transfer_id: bought });
    await book('bonus', { amount: 10, expires_at: soon });
    await ageTo(db, soon);
    await call<object>(db, 'wallet_expire_due', {});

    expect(await sides(wallet_id)).toEqual([
      ...['top_up credit', 'spend debit', 'transfer debit', 'transfer credit'],
      ...['hold debit', 'capture debit', 'hold debit', 'release credit'],
      ...['reversal credit', 'reversal credit', 'reversal debit', 'top_up credit', 'reversal debit'],
      ...['bonus credit', 'expiry debit'],
    ]);
    expect(await sides(friend)).toEqual([
      'top_up credit',
      'transfer credit',
      'transfer debit',
      'reversal debit',
      'reversal credit',
    ]);
  });

  it('shows whether the balance rose or fell, for each entry that moved credits', async () => {
    const { rows } = await db.query(
      `select e.* from (
         select n.*, n.balance - coalesce(lag(n.balance) over (partition by n.wallet_id order by n.seq), 0) as change, ledger.entries_side(n) as side
         from ledger.entries n) e
       where e.change <> case e.side when 'credit' then e.amount else -e.amount end`,
    );
    const { rows: all } = await db.query('select from ledger.entries');

    expect(all.length).toBeGreaterThan(10);
    expect(rows).toEqual([]);
  });

  it('is shown to every reader, also to the player who received a transfer', async () => {
    const asset = await someAsset(db);
    const owner = newOwner();
    const wallet = await newWallet(db, asset, { owner });
    const friend = await newWallet(db, asset, { bought: 10 });
    await call(db, 'wallet_transfer', { from_wallet: friend, to_wallet: wallet, amount: 3, idem_key: newKey() });
    const expected = ['transfer credit'];

    expect(await sides(wallet, await db.connectAs('player', owner))).toEqual(expected);
    for (const role of ['service', 'operator', 'auditor'] as const)
      expect(await sides(wallet, await db.connectAs(role, 'somebody'))).toEqual(expected);
    expect(await sides(wallet, await db.connectJob())).toEqual(expected);
  });
});
