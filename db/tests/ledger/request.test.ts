import { call, createDatabase, newKey, newWallet, someAsset, UNKNOWN_WALLET } from '../helpers.ts';

const db = createDatabase();

const OTHER_ID = '00000000-0000-8000-8000-000000000001';
/** A different value for each field, so that a swap is noticed. */
const FIELDS: Record<string, string> = {
  kind: 'reversal',
  wallet_id: UNKNOWN_WALLET,
  counterparty_id: OTHER_ID,
  amount: '7',
  idem_key: 'a key',
  expires_at: '2999-01-01 00:00:00+00',
  metadata: '{"n": 1}',
  hold_id: '00000000-0000-8000-8000-000000000002',
  transfer_id: '00000000-0000-8000-8000-000000000003',
  bonus_amount: '8',
  side: 'debit',
  reason: 'a reason',
  to_amount: '9',
  owe: 'true',
};

describe('request', () => {
  it('sets each field of a request by name', async () => {
    const { rows: names } = await db.query<{ name: string }>(
      `select attname as name from pg_attribute where attrelid = 'ledger.wallet_request'::regclass and attnum > 0 order by attnum`,
    );
    const session = await db.connect();
    await session.query("set time zone 'UTC'");

    expect(names.map(({ name }) => name)).toEqual(Object.keys(FIELDS));
    const shown = Object.keys(FIELDS).map((name) => `r.${name}::text`);
    const args = Object.keys(FIELDS).map((name, index) => `${name} => $${index + 1}`);
    const { rows } = await session.query(
      `select ${shown.join(', ')} from ledger.request(${args.join(', ')}) r`,
      Object.values(FIELDS),
    );
    expect(rows).toEqual([FIELDS]);
  });

  it('sets omitted fields to null', async () => {
    const row = await call<object>(db, 'request', { kind: 'top_up', wallet_id: UNKNOWN_WALLET });

    expect(row).toEqual({
      ...Object.fromEntries(Object.keys(FIELDS).map((name) => [name, null])),
      kind: 'top_up',
      wallet_id: UNKNOWN_WALLET,
    });
  });

  it('makes an item of a batch', async () => {
    const wallet = await newWallet(db, await someAsset(db));

    const { rows } = await db.query(
      `select kind, balance from ledger.wallet_post_batch(array[
         ledger.request('top_up', $1, amount => 5, idem_key => $2), ledger.request('spend', $1, amount => 2, idem_key => $3)])`,
      [wallet, newKey(), newKey()],
    );

    expect(rows).toEqual([
      { kind: 'top_up', balance: '5' },
      { kind: 'spend', balance: '3' },
    ]);
  });
});
