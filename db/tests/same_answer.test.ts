/** The same value means the same at each door: in a single call, in a batch, as a default. */
import { call, createDatabase, newAsset, newKey, newWallet, postBatch, refusal, rowsOf, someAsset } from './helpers.ts';

const db = createDatabase();

/** A call of each posting function that takes metadata, on a wallet of its own. */
async function calls(): Promise<[string, Record<string, unknown>][]> {
  const asset = await someAsset(db);
  const wallet_id = await newWallet(db, asset, { bought: 100 });
  const other = await newWallet(db, asset);
  const hold = async () =>
    (await call<{ hold_id: string }>(db, 'wallet_hold', { wallet_id, amount: 5, idem_key: newKey() })).hold_id;
  const { transfer_id } = await call<{ transfer_id: string }>(db, 'wallet_spend', {
    wallet_id,
    amount: 5,
    idem_key: newKey(),
  });
  const { rows } = await db.query<{ owner: string }>('select owner_id as owner from ledger.wallets where id = $1', [
    wallet_id,
  ]);
  const exchanged = await newWallet(db, await newAsset(db), rows[0]);
  const owing = await newWallet(db, asset);
  const book = (name: string, amount: number) =>
    call<{ transfer_id: string }>(db, name, { wallet_id: owing, amount, idem_key: newKey() });
  const { transfer_id: bought } = await book('wallet_top_up', 5);
  await book('wallet_spend', 5);
  await call(db, 'wallet_reverse', { wallet_id: owing, transfer_id: bought, idem_key: newKey(), owe: true });
  await book('wallet_top_up', 5);
  return [
    ['wallet_top_up', { wallet_id, amount: 1 }],
    ['wallet_bonus', { wallet_id, amount: 1 }],
    ['wallet_spend', { wallet_id, amount: 1 }],
    ['wallet_transfer', { from_wallet: wallet_id, to_wallet: other, amount: 1 }],
    ['wallet_hold', { wallet_id, amount: 1 }],
    ['wallet_capture', { wallet_id, hold_id: await hold() }],
    ['wallet_release', { wallet_id, hold_id: await hold() }],
    ['wallet_reverse', { wallet_id, transfer_id }],
    ['wallet_opening', { wallet_id, amount: 1 }],
    ['wallet_exchange', { from_wallet: wallet_id, to_wallet: exchanged, amount: 1, to_amount: 2 }],
    ['wallet_collect', { wallet_id: owing, amount: 1 }],
    ['wallet_forgive', { wallet_id: owing, amount: 1, reason: 'a gesture' }],
    ['wallet_adjust', { wallet_id, side: 'credit', amount: 1, reason: 'an error' }],
  ];
}

describe('metadata that is null', () => {
  it('means {} in every single call, and replays the call that left it out', async () => {
    const names = [];
    for (const [name, args] of await calls()) {
      const idem_key = newKey();
      const left_out = await call<{ transfer_id: string }>(db, name, { ...args, idem_key });
      const as_null = await call<{ transfer_id: string }>(db, name, { ...args, idem_key, metadata: null });
      const empty = await call<{ transfer_id: string }>(db, name, { ...args, idem_key, metadata: {} });

      expect([as_null, empty]).toEqual([
        { ...left_out, replayed: true },
        { ...left_out, replayed: true },
      ]);
      const { rows } = await db.query('select metadata from ledger.transfers where id = $1', [left_out.transfer_id]);
      // A reason is kept with the metadata.
      expect(rows).toEqual([{ metadata: 'reason' in args ? { reason: args.reason } : {} }]);
      names.push(name);
    }
    const { rows: posting } = await db.query<{ name: string }>(
      `select proname as name from pg_proc where pronamespace = 'ledger'::regnamespace and 'metadata' = any (proargnames) and prokind = 'f'
         and 'idem_key' = any (proargnames) and proargnames[1] in ('wallet_id', 'from_wallet') order by 1`,
    );
    expect(names.sort()).toEqual(posting.map(({ name }) => name));
  });

  it('means {} in a batch, which replays a single call with null', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const idem_key = newKey();
    const first = await call<{ transfer_id: string }>(db, 'wallet_top_up', {
      wallet_id,
      amount: 3,
      idem_key,
      metadata: null,
    });

    const [again] = await postBatch(db, [{ kind: 'top_up', wallet_id, amount: 3, idem_key, metadata: null }]);

    expect(again).toMatchObject({ transfer_id: first.transfer_id, replayed: true });
  });
});

describe('an idempotency key', () => {
  it('with a trailing blank is refused, so that it books nothing a second time (WLARG)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const idem_key = newKey();
    const request = { wallet_id, amount: 3, idem_key };
    await call(db, 'wallet_top_up', request);

    const single = await refusal(call(db, 'wallet_top_up', { ...request, idem_key: `${idem_key} ` }));
    const batched = await refusal(postBatch(db, [{ kind: 'top_up', ...request, idem_key: `${idem_key} ` }]));

    expect(single).toMatchObject({ code: 'WLARG', detail: { argument: 'idem_key' } });
    expect(batched).toMatchObject({ code: 'WLARG', detail: { argument: 'idem_key', index: 0 } });
    expect(await rowsOf(db, wallet_id)).toEqual({ transfers: 1, entries: 1 });
  });

  it.each(['a b', 'a\u00a0b', '\u200bk', 'k\ufeff', 'k\u0001', 'É', 'E\u0301', 'ﬀ', '\u{1f600}'])(
    'such as %j counts as it is, code point by code point',
    async (idem_key) => {
      const wallet_id = await newWallet(db, await someAsset(db));

      await call(db, 'wallet_top_up', { wallet_id, amount: 3, idem_key });

      const { rows } = await db.query('select idem_key from ledger.transfers where wallet_id = $1', [wallet_id]);
      expect(rows).toEqual([{ idem_key }]);
      expect(await call(db, 'wallet_top_up', { wallet_id, amount: 3, idem_key })).toMatchObject({ replayed: true });
      const normalised = idem_key.normalize('NFKC');
      const other = await call(db, 'wallet_top_up', { wallet_id, amount: 3, idem_key: `x${normalised}` });
      expect(other).toMatchObject({ replayed: false });
    },
  );
});
