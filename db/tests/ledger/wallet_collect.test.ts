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

describe('wallet_collect', () => {
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
  const collect = (wallet_id: string, amount: number, args: Record<string, unknown> = {}) =>
    call(db, 'wallet_collect', { wallet_id, amount, idem_key: newKey(), ...args });

  it('takes paid credits for what the wallet owes, and is refused more than it owes', async () => {
    const wallet = await owing(100);

    expect(await collect(wallet, 30)).toMatchObject({
      ...{ kind: 'collection', amount: '30', bonus_amount: '0', balance: '70', available: '70', owed: '50' },
    });
    expect(await refusal(collect(wallet, 51))).toMatchObject({
      code: 'WLLIM',
      message: 'limit exceeded: owed is 50, 50 left',
      detail: { limit: 'owed', max: '50', left: '50' },
    });
    expect(await collect(wallet, 50)).toMatchObject({ balance: '20', owed: '0' });
    expect(await refusal(collect(wallet, 1))).toMatchObject({ code: 'WLLIM', detail: { max: '0' } });
    await expectSound(db);
  });

  it('takes neither bonus credits nor what is reserved (WLFND)', async () => {
    const wallet = await owing(30);
    await call(db, 'wallet_bonus', { wallet_id: wallet, amount: 10, idem_key: newKey() });
    // Of 15, 10 are the bonus credits.
    await call(db, 'wallet_hold', { wallet_id: wallet, amount: 15, idem_key: newKey() });

    expect(await refusal(collect(wallet, 26))).toMatchObject({
      code: 'WLFND',
      detail: { available: '25', requested: '26' },
    });
    expect(await collect(wallet, 25)).toMatchObject({
      balance: '15',
      bonus_balance: '10',
      held_balance: '15',
      owed: '55',
    });
    await expectSound(db);
  });

  it('replays the receipt of then, after other movements', async () => {
    const wallet = await owing(30);
    const idem_key = newKey();
    const first = await collect(wallet, 5, { idem_key });
    await call(db, 'wallet_spend', { wallet_id: wallet, amount: 25, idem_key: newKey() });

    expect(await collect(wallet, 5, { idem_key })).toEqual({ ...first, replayed: true });
    expect(await refusal(collect(wallet, 6, { idem_key }))).toMatchObject({
      code: 'WLKEY',
      detail: { field: 'amount' },
    });
  });

  it('books in a frozen wallet', async () => {
    const wallet = await owing(10);
    await setStatus(db, wallet, 'frozen');

    expect(await collect(wallet, 10)).toMatchObject({ owed: '70' });
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
    Promise.resolve({ wallet_id: UNKNOWN_WALLET, amount: 1, idem_key: newKey(), ...more });

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
      detail: { field: 'kind', first: 'spend', again: 'collection' },
      arrange: async () => ({ ...(await closed()), amount: 4 }),
    },
    {
      code: 'WLCLS',
      what: 'a closed wallet that owes nothing',
      detail: {},
      arrange: async () => ({ ...(await closed()), amount: 4, idem_key: newKey() }),
    },
    {
      code: 'WLLIM',
      what: 'more than an empty wallet owes',
      detail: { limit: 'owed', max: '80', left: '80' },
      arrange: async () => ({ wallet_id: await owing(), amount: 81, idem_key: newKey() }),
    },
    {
      code: 'WLFND',
      what: 'what an empty wallet owes',
      detail: { available: '0', requested: '80' },
      arrange: async () => ({ wallet_id: await owing(), amount: 80, idem_key: newKey() }),
    },
  ];

  it.each(table)('refuses $what ($code)', async ({ code, arrange, detail }) => {
    const request = await arrange();
    const before = await rowsOf(db);

    const refused = await refusal(call(db, 'wallet_collect', request));

    expect(refused).toMatchObject({ code, detail });
    expect(refused.hint).not.toBe('');
    expect(await rowsOf(db)).toEqual(before);
  });

  it.each(UNREADABLE_AMOUNTS)('cannot read the amount %s (%s)', async (amount, code) => {
    const wallet_id = await owing();

    expect(await refusal(call(db, 'wallet_collect', { wallet_id, amount, idem_key: newKey() }))).toMatchObject({
      code,
    });
  });
});
