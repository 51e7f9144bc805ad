import {
  BAD_AMOUNTS,
  BAD_KEYS,
  BAD_METADATA,
  call,
  createDatabase,
  expectSound,
  newAsset,
  newKey,
  newWallet,
  refusal,
  type RefusalCase,
  rowsOf,
  setStatus,
  UNKNOWN_WALLET,
  UNREADABLE_AMOUNTS,
} from '../helpers.ts';

describe('wallet_forgive', () => {
  const db = createDatabase();

  /** A wallet that bought 100, spent 80 of them and was charged back: it owes 80. Then it bought this much more. */
  async function owing(bought = 0): Promise<string> {
    const wallet_id = await newWallet(db, await newAsset(db));
    const { transfer_id } = await call(db, 'wallet_top_up', { wallet_id, amount: 100, idem_key: newKey() });
    await call(db, 'wallet_spend', { wallet_id, amount: 80, idem_key: newKey() });
    await call(db, 'wallet_reverse', { wallet_id, transfer_id, idem_key: newKey(), owe: true });
    if (bought > 0) await call(db, 'wallet_top_up', { wallet_id, amount: bought, idem_key: newKey() });
    return wallet_id;
  }
  const forgive = (wallet_id: string, amount: number, args: Record<string, unknown> = {}) =>
    call(db, 'wallet_forgive', { wallet_id, amount, idem_key: newKey(), reason: 'a gesture', ...args });

  it('gives up what the wallet owes, in part and whole, and leaves its balance', async () => {
    const wallet = await owing(5);

    expect(await forgive(wallet, 30)).toMatchObject({ kind: 'forgiveness', amount: '30', balance: '5', owed: '50' });
    expect(await forgive(wallet, 50)).toMatchObject({ balance: '5', available: '5', owed: '0' });
    const { rows } = await db.query(
      `select debit, credit, amount, metadata ->> 'reason' as reason, owed
       from ledger.entries where wallet_id = $1 and kind = 'forgiveness' order by seq`,
      [wallet],
    );
    expect(rows).toEqual([
      { debit: 'losses', credit: 'receivables', amount: '30', reason: 'a gesture', owed: '50' },
      { debit: 'losses', credit: 'receivables', amount: '50', reason: 'a gesture', owed: null },
    ]);
    await expectSound(db);
  });

  it('names the reason where a key comes again with another (WLKEY)', async () => {
    const wallet = await owing();
    const idem_key = newKey();
    const first = await forgive(wallet, 3, { idem_key });

    expect(await forgive(wallet, 3, { idem_key })).toEqual({ ...first, replayed: true });
    expect(await refusal(forgive(wallet, 3, { idem_key, reason: 'another' }))).toMatchObject({
      code: 'WLKEY',
      detail: { field: 'reason', first: 'a gesture', again: 'another' },
    });
  });

  it('books in a frozen wallet', async () => {
    const wallet = await owing(10);
    await setStatus(db, wallet, 'frozen');

    expect(await forgive(wallet, 10)).toMatchObject({ owed: '70' });
  });

  /** A closed wallet, which owes nothing, and a key that a spend has used. */
  async function closed(): Promise<{ wallet_id: string; idem_key: string }> {
    const wallet_id = await newWallet(db, await newAsset(db), { bought: 3 });
    const idem_key = newKey();
    await call(db, 'wallet_spend', { wallet_id, amount: 3, idem_key });
    await setStatus(db, wallet_id, 'closed');
    return { wallet_id, idem_key };
  }
  const unknown = (more: object) => () =>
    Promise.resolve({ wallet_id: UNKNOWN_WALLET, amount: 1, idem_key: newKey(), reason: 'a gesture', ...more });

  const table: RefusalCase[] = [
    ...BAD_AMOUNTS.map((amount) => ({
      code: 'WLAMT',
      what: `the amount ${amount} for no wallet, without a key`,
      detail: { amount },
      arrange: unknown({ wallet_id: null, amount, idem_key: '', metadata: '[]' }),
    })),
    {
      code: 'WLARG',
      what: 'no wallet',
      detail: { argument: 'wallet_id' },
      arrange: unknown({ wallet_id: null, idem_key: '' }),
    },
    ...BAD_KEYS.map((idem_key) => ({
      code: 'WLARG',
      what: `the key ${JSON.stringify(idem_key).slice(0, 20)} for an unknown wallet`,
      detail: { argument: 'idem_key' },
      arrange: unknown({ idem_key, metadata: '[]' }),
    })),
    ...[null, '', 'x'.repeat(1001)].map((reason) => ({
      code: 'WLARG',
      what: `the reason ${JSON.stringify(reason).slice(0, 20)} for an unknown wallet`,
      detail: { argument: 'reason' },
      arrange: unknown({ reason, metadata: '[]' }),
    })),
    ...BAD_METADATA.map((metadata) => ({
      code: 'WLARG',
      what: `the metadata ${metadata.slice(0, 10)} for an unknown wallet`,
      detail: { argument: 'metadata' },
      arrange: unknown({ metadata }),
    })),
    {
      code: 'WLNOW',
      what: 'an unknown wallet',
      detail: { wallet_id: UNKNOWN_WALLET },
      arrange: unknown({}),
    },
    {
      code: 'WLKEY',
      what: 'a taken key of a closed wallet',
      detail: { field: 'kind', first: 'spend', again: 'forgiveness' },
      arrange: async () => ({ ...(await closed()), amount: 4, reason: 'a gesture' }),
    },
    {
      code: 'WLCLS',
      what: 'a closed wallet that owes nothing',
      detail: {},
      arrange: async () => ({ ...(await closed()), amount: 4, idem_key: newKey(), reason: 'a gesture' }),
    },
    {
      code: 'WLLIM',
      what: 'more than an empty wallet owes',
      detail: { limit: 'owed', max: '80', left: '80' },
      arrange: async () => ({ wallet_id: await owing(), amount: 81, idem_key: newKey(), reason: 'a gesture' }),
    },
  ];

  it.each(table)('refuses $what ($code)', async ({ code, arrange, detail }) => {
    const request = await arrange();
    const before = await rowsOf(db);

    const refused = await refusal(call(db, 'wallet_forgive', request));

    expect(refused).toMatchObject({ code, detail });
    expect(refused.hint).not.toBe('');
    expect(await rowsOf(db)).toEqual(before);
  });

  it.each(UNREADABLE_AMOUNTS)('cannot read the amount %s (%s)', async (amount, code) => {
    const wallet_id = await owing();

    expect(
      await refusal(call(db, 'wallet_forgive', { wallet_id, amount, idem_key: newKey(), reason: 'a gesture' })),
    ).toMatchObject({ code });
  });
});
