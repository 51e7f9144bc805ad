import { randomUUID } from 'node:crypto';
import { ageTo } from '../aged.ts';
import {
  BAD_KEYS,
  BAD_METADATA,
  call,
  callAll,
  createDatabase,
  expectSound,
  inMs,
  newKey,
  newWallet,
  refusal,
  type RefusalCase,
  rowsOf,
  setStatus,
  someAsset,
  UNKNOWN_WALLET,
} from '../helpers.ts';

const db = createDatabase();

async function withHold(has: {
  bought?: number;
  bonus?: number;
  held: number;
  expires_at?: string;
}): Promise<{ wallet_id: string; hold_id: string | null }> {
  const wallet_id = await newWallet(db, await someAsset(db), has);
  const hold = { wallet_id, amount: has.held, idem_key: newKey(), expires_at: has.expires_at };
  return { wallet_id, hold_id: (await call(db, 'wallet_hold', hold)).hold_id };
}

describe('wallet_release', () => {
  it('makes all held credits available again, and nothing moves', async () => {
    const { wallet_id, hold_id } = await withHold({ bought: 10, bonus: 5, held: 8 });

    const receipt = await call(db, 'wallet_release', {
      wallet_id,
      hold_id,
      idem_key: newKey(),
      metadata: { reason: 'lost' },
    });

    expect(receipt).toMatchObject({
      wallet_id,
      seq: '4',
      kind: 'release',
      amount: '8',
      bonus_amount: '5',
      balance: '15',
      bonus_balance: '5',
      held_balance: '0',
      available: '15',
      hold_id,
      replayed: false,
    });
    expect(await rowsOf(db, wallet_id)).toEqual({ transfers: 4, entries: 4 });
    const { rows } = await db.query(
      'select e.*, ledger.entries_side(e) as side from ledger.entries e where wallet_id = $1 and seq = 4',
      [wallet_id],
    );
    expect(rows).toMatchObject([
      { kind: 'release', side: 'credit', amount: '0', bonus_amount: '0', held_amount: '-8', spent_total: '0' },
    ]);
    await expectSound(db);
  });

  it('returns the credits to their lots', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 5 });
    const [early, late] = [await inMs(db, 3_600_000), await inMs(db, 7_200_000)];
    for (const expires_at of [late, early])
      await call(db, 'wallet_bonus', { wallet_id, amount: 10, idem_key: newKey(), expires_at });
    const before = await callAll(db, 'wallet_explain', { wallet_id });
    const { hold_id } = await call(db, 'wallet_hold', { wallet_id, amount: 22, idem_key: newKey() });

    await call(db, 'wallet_release', { wallet_id, hold_id, idem_key: newKey() });

    expect(await callAll(db, 'wallet_explain', { wallet_id })).toEqual(before);
    await expectSound(db);
  });

  it('works in a frozen wallet', async () => {
    const { wallet_id, hold_id } = await withHold({ bought: 10, held: 8 });
    await setStatus(db, wallet_id, 'frozen');

    expect(await call(db, 'wallet_release', { wallet_id, hold_id, idem_key: newKey() })).toMatchObject({
      available: '10',
    });
    await expectSound(db);
  });

  it('replays the original receipt after other movements, for a wallet that is closed now', async () => {
    const { wallet_id, hold_id } = await withHold({ bought: 10, bonus: 2, held: 8 });
    const request = { wallet_id, hold_id, idem_key: newKey(), metadata: { reason: 'lost' } };
    const first = await call(db, 'wallet_release', request);
    await call(db, 'wallet_spend', { wallet_id, amount: 12, idem_key: newKey() });
    await setStatus(db, wallet_id, 'closed');

    expect(first).toMatchObject({ balance: '12', available: '12' });
    expect(await call(db, 'wallet_release', request)).toEqual({ ...first, replayed: true });
    expect(await rowsOf(db, wallet_id)).toEqual({ transfers: 5, entries: 5 });
    await expectSound(db);
  });

  it('names the field if another request reuses the key (WLKEY)', async () => {
    const { wallet_id, hold_id } = await withHold({ bought: 10, held: 4 });
    const other = await call(db, 'wallet_hold', { wallet_id, amount: 4, idem_key: newKey() });
    const request = { wallet_id, hold_id, idem_key: newKey(), metadata: { reason: 'lost' } };
    await call(db, 'wallet_release', request);

    expect(await refusal(call(db, 'wallet_release', { ...request, hold_id: other.hold_id }))).toMatchObject({
      code: 'WLKEY',
      detail: { field: 'hold_id', first: hold_id, again: other.hold_id },
    });
    expect(await refusal(call(db, 'wallet_release', { ...request, metadata: {} }))).toMatchObject({
      code: 'WLKEY',
      detail: { field: 'metadata', first: '{"reason": "lost"}', again: '{}' },
    });
    expect(await refusal(call(db, 'wallet_capture', request))).toMatchObject({
      code: 'WLKEY',
      detail: { field: 'kind', first: 'release', again: 'capture' },
    });
  });

  it.each([
    { status: 'captured', close: 'wallet_capture' },
    { status: 'released', close: 'wallet_release' },
  ])('refuses a hold that has been $status, and names by what (WLHLD)', async ({ status, close }) => {
    const { wallet_id, hold_id } = await withHold({ bought: 10, held: 8 });
    const { transfer_id } = await call(db, close, { wallet_id, hold_id, idem_key: newKey() });

    expect(await refusal(call(db, 'wallet_release', { wallet_id, hold_id, idem_key: newKey() }))).toMatchObject({
      code: 'WLHLD',
      detail: { wallet_id, hold_id, status, transfer_id },
    });
  });

  it('refuses a hold from its expiry on (WLHLD); the credits are available again', async () => {
    const expires_at = await inMs(db, 3_600_000);
    const { wallet_id, hold_id } = await withHold({ bought: 10, held: 8, expires_at });
    await ageTo(db, expires_at);

    expect(await refusal(call(db, 'wallet_release', { wallet_id, hold_id, idem_key: newKey() }))).toMatchObject({
      code: 'WLHLD',
      detail: { status: 'expired' },
    });
    expect(await call(db, 'wallet_spend', { wallet_id, amount: 10, idem_key: newKey() })).toMatchObject({
      seq: '4',
      balance: '0',
    });
    await expectSound(db);
  });
});

describe('wallet_release, in order of precedence,', () => {
  const own = createDatabase();

  /** A captured hold; the key belongs to the release of another one. */
  async function hopeless(
    status: 'open' | 'closed',
  ): Promise<{ wallet_id: string; hold_id: string | null; idem_key: string }> {
    const wallet_id = await newWallet(own, await someAsset(own), { bought: 4 });
    const idem_key = newKey();
    const hold = async () => (await call(own, 'wallet_hold', { wallet_id, amount: 2, idem_key: newKey() })).hold_id;
    const [hold_id, other] = [await hold(), await hold()];
    await call(own, 'wallet_release', { wallet_id, hold_id: other, idem_key });
    await call(own, 'wallet_capture', { wallet_id, hold_id, idem_key: newKey() });
    if (status !== 'open') await setStatus(own, wallet_id, status);
    return { wallet_id, hold_id, idem_key };
  }

  const table: RefusalCase[] = [
    {
      code: 'WLARG',
      what: 'no wallet',
      detail: { argument: 'wallet_id' },
      arrange: () => Promise.resolve({ wallet_id: null, hold_id: null, idem_key: '', metadata: '[]' }),
    },
    {
      code: 'WLARG',
      what: 'no hold of an unknown wallet',
      detail: { argument: 'hold_id' },
      arrange: () => Promise.resolve({ wallet_id: UNKNOWN_WALLET, hold_id: null, idem_key: '', metadata: '[]' }),
    },
    ...BAD_KEYS.map((idem_key) => ({
      code: 'WLARG',
      what: `the key ${JSON.stringify(idem_key).slice(0, 20)} for an unknown wallet`,
      detail: { argument: 'idem_key' },
      arrange: () => Promise.resolve({ wallet_id: UNKNOWN_WALLET, hold_id: randomUUID(), idem_key, metadata: '[]' }),
    })),
    ...BAD_METADATA.flatMap((metadata) => [
      {
        code: 'WLARG',
        what: `the metadata ${metadata.slice(0, 10)} for an unknown wallet`,
        detail: { argument: 'metadata' },
        arrange: () =>
          Promise.resolve({ wallet_id: UNKNOWN_WALLET, hold_id: randomUUID(), idem_key: newKey(), metadata }),
      },
      {
        code: 'WLARG',
        what: `the metadata ${metadata.slice(0, 10)} for a hopeless hold`,
        detail: { argument: 'metadata' },
        arrange: async () => ({ ...(await hopeless('closed')), metadata }),
      },
    ]),
    {
      code: 'WLNOW',
      what: 'an unknown wallet',
      detail: { wallet_id: UNKNOWN_WALLET },
      arrange: () => Promise.resolve({ wallet_id: UNKNOWN_WALLET, hold_id: randomUUID(), idem_key: newKey() }),
    },
    {
      code: 'WLNOH',
      what: 'an unknown hold with a taken key of a closed wallet',
      detail: { hold_id: UNKNOWN_WALLET },
      arrange: async () => ({ ...(await hopeless('closed')), hold_id: UNKNOWN_WALLET }),
    },
    {
      code: 'WLNOH',
      what: "another wallet's hold",
      detail: {},
      arrange: async () => ({ ...(await hopeless('closed')), hold_id: (await hopeless('open')).hold_id }),
    },
    {
      code: 'WLKEY',
      what: 'a taken key for a captured hold of a closed wallet',
      detail: { field: 'hold_id' },
      arrange: () => hopeless('closed'),
    },
    {
      code: 'WLCLS',
      what: 'a captured hold of a closed wallet',
      detail: {},
      arrange: async () => ({ ...(await hopeless('closed')), idem_key: newKey() }),
    },
    {
      code: 'WLHLD',
      what: 'a captured hold',
      detail: { status: 'captured' },
      arrange: async () => ({ ...(await hopeless('open')), idem_key: newKey() }),
    },
  ];

  it.each(table)('refuses $what ($code)', async ({ code, arrange, detail }) => {
    const request = await arrange();
    const before = await rowsOf(own);

    const refused = await refusal(call(own, 'wallet_release', request));

    expect(refused).toMatchObject({ code, detail });
    expect(refused.hint).not.toBe('');
    expect(await rowsOf(own)).toEqual(before);
  });
});
