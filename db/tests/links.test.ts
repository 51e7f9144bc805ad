/** The two movements of an exchange, and of its reversal, are linked: a broken link is found even with recomputed hashes. */
import {
  call,
  createDatabase,
  expectSound,
  newAsset,
  newKey,
  newOwner,
  newWallet,
  rulesOf,
  tamperedWith,
} from './helpers.ts';

const db = createDatabase();
/** The owner's wallets of two assets, another wallet of the second asset, and those of another owner. */
const names: Record<string, string> = {};

const post = (name: string, args: Record<string, unknown>) =>
  call(db, `wallet_${name}`, { ...args, idem_key: newKey() });

beforeAll(async () => {
  const [gold, gems] = [await newAsset(db), await newAsset(db)];
  for (const owner of ['OWN', 'OTHER']) {
    const owner_id = newOwner();
    const from = await newWallet(db, gold, { owner: owner_id, bought: 30, bonus: 5 });
    const to = await newWallet(db, gems, { owner: owner_id });
    Object.assign(names, { [`${owner}_GOLD`]: from, [`${owner}_GEMS`]: to });
    const exchange = { from_wallet: from, to_wallet: to, amount: 10, to_amount: 4 };
    const { transfer_id } = await post('exchange', exchange);
    await post('reverse', { wallet_id: from, transfer_id });
    await post('exchange', exchange);
  }
});

// OWN_GOLD: 1 top-up, 2 bonus, 3 exchange, 4 reversal, 5 exchange. OWN_GEMS: 1 exchange, 2 reversal, 3 exchange.
const rulesAfter = (set: string, wallet: string, seq: number): Promise<string> => {
  const sql = `update ledger.entries set ${set} where wallet_id = ${wallet} and seq = ${seq}`;
  const edit = Object.entries(names).reduce((text, [name, id]) => text.replaceAll(name, `'${id}'`), sql);
  return tamperedWith(db, edit, async (look, rehash) => {
    expect(rulesOf(await look())).toContain('entry_hash');
    await rehash();
    return rulesOf(await look()).join(' ');
  });
};

describe('ledger_verify', () => {
  it('finds nothing in exchanges that the ledger booked', () => expectSound(db));

  it.each([
    ['to_seq = 2', 'OWN_GOLD', 5, 'transfer_link'],
    ['to_seq = 9', 'OWN_GOLD', 5, 'transfer_link'],
    ['to_seq = 4', 'OWN_GEMS', 3, 'transfer_link'],
    ['to_wallet = OTHER_GEMS', 'OWN_GOLD', 5, 'transfer_link'],
    ['to_wallet = null, to_seq = null', 'OWN_GOLD', 5, 'transfer_link transfer_sides'],
    ['to_wallet = OTHER_GOLD', 'OWN_GEMS', 3, 'transfer_link'],
    ["actor = 'db:somebody'", 'OWN_GEMS', 3, 'transfer_link'],
    ["idem_key = 'of both'", 'OWN_GEMS', 3, 'transfer_facts transfer_link'],
    ['idem_key = null', 'OWN_GOLD', 5, 'transfer_facts transfer_link'],
    ["idem_key = 'of both'", 'OWN_GEMS', 2, 'transfer_link'],
    ['idem_key = null', 'OWN_GOLD', 4, 'transfer_link'],
    [`metadata = '{"n": 1}'`, 'OWN_GEMS', 3, 'transfer_link'],
    ["created_at = created_at + interval '1 hour'", 'OWN_GEMS', 3, 'transfer_link'],
    [
      'bonus_amount = bonus_amount - 1, bonus_balance = bonus_balance - 1, paid_balance = paid_balance + 1',
      ...(['OWN_GEMS', 3, 'transfer_link'] as const),
    ],
    [
      "debit = 'player', credit = 'exchange', balance = 0, bonus_balance = 0, free_balance = 0, paid_balance = 0",
      ...(['OWN_GEMS', 3, 'asset_sum entry_balance transfer_facts transfer_link'] as const),
    ],
    ["credit = 'revenue'", 'OWN_GOLD', 5, 'transfer_link transfer_reference transfer_sides'],
    [
      'reverses = (select transfer_id from ledger.entries where wallet_id = OWN_GEMS and seq = 3)',
      ...(['OWN_GEMS', 2, 'transfer_link transfer_reversed'] as const),
    ],
    [
      `amount = 3, balance = balance + 1, free_balance = free_balance + 1, bonus_amount = 1, bonus_balance = bonus_balance + 1`,
      ...(['OWN_GEMS', 2, 'asset_sum entry_balance transfer_reversed'] as const),
    ],
  ] as [string, string, number, string][])('finds the edit %s of %s %i', async (set, wallet, seq, rules) => {
    expect(await rulesAfter(set, wallet, seq)).toBe(rules);
  });

  it('finds a second opening of a wallet', async () => {
    const asset = await newAsset(db);
    const wallet_id = await newWallet(db, asset);
    await post('opening', { wallet_id, amount: 5 });
    await post('top_up', { wallet_id, amount: 5 });
    const edit = `update ledger.entries set kind = 'opening', debit = 'opening', topped_up_total = 0 where wallet_id = '${wallet_id}' and seq = 2`;

    const found = await tamperedWith(db, edit, async (look, rehash) => {
      await rehash();
      return rulesOf(await look());
    });

    expect(found).toEqual(['transfer_facts']);
  });

  it.each([
    ["metadata = '{}'", 'transfer_facts'],
    [`metadata = '{"reason": ""}'`, 'transfer_facts'],
    ["debit = 'treasury'", 'transfer_sides'],
    ["kind = 'opening'", 'transfer_sides'],
  ])('finds the edit %s of an adjustment', async (set, rules) => {
    const wallet_id = await newWallet(db, await newAsset(db));
    await post('adjust', { wallet_id, side: 'credit', amount: 5, reason: 'an error' });

    const found = await tamperedWith(
      db,
      `update ledger.entries set ${set} where wallet_id = '${wallet_id}'`,
      async (look, rehash) => {
        await rehash();
        return rulesOf(await look()).join(' ');
      },
    );

    expect(found).toBe(rules);
  });
});
