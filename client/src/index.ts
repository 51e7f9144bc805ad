/** The client of the wallet service: `createWallet({ url, token }).wallet(owner, asset).spend(30n, key)`. */
import { createCall, type Answer, type CallOptions, type ClientOptions } from './call.ts';
import { Refused, withAmounts, type AsText } from './errors.ts';
import { walletId } from './id.ts';
import type { Balance, Entry, Instant, OpenedWallet, PostOptions, PostRequest, Receipt, Wallet } from './types.ts';

export { OutcomeUnknown, Refused } from './errors.ts';
export { walletId } from './id.ts';
export type { CallOptions, ClientOptions } from './call.ts';
export type { RefusalCode, RefusalDetails, RefusedBase } from './errors.ts';
export type * from './types.ts';

/** What came of one of many calls: its receipt, or why it was refused. */
export type Outcome = { receipt: Receipt; refused?: undefined } | { receipt?: undefined; refused: Refused };

/** A client of one service. */
export interface WalletClient {
  /** An owner's wallet of an asset. Asks nobody: `open` opens it. */
  wallet(owner: string, asset: string): Wallet;
  /**
   * Books many movements in one call, each for itself, and returns what came of each, in order. At most 10,000; sent
   * again after an interruption, those that were booked are answered with their receipts.
   * @throws Refused where the call as a whole is: INVALID_ARGUMENT, FORBIDDEN or BAD_REQUEST. OutcomeUnknown has all keys.
   */
  postEach(requests: readonly PostRequest[], options?: CallOptions): Promise<Outcome[]>;
  /**
   * Books many movements in one call, all or none, and returns their receipts, in order. At most 10,000.
   * @throws Refused as the first one that fails would be alone, with its `index` in the detail.
   */
  postBatch(requests: readonly PostRequest[], options?: CallOptions): Promise<Receipt[]>;
}

const RECEIPT =
  '{transferId walletId seq kind amount bonusAmount balance bonusBalance heldBalance available holdId replayed owed inFlight createdAt}';
const BALANCE = 'query($id:UUID!){walletBalance(walletId:$id){balance bonusBalance heldBalance available seq asOf}}';
const HISTORY =
  'query($id:UUID!,$first:Int,$after:Cursor,$from:Datetime,$to:Datetime,$kinds:[TransferKind!],$orderBy:[EntryOrderBy!])' +
  '{wallet(id:$id){entries(first:$first,after:$after,from:$from,to:$to,kinds:$kinds,orderBy:$orderBy)' +
  '{pageInfo{hasNextPage}edges{cursor node{seq kind side amount bonusAmount heldAmount balance bonusBalance heldBalance ' +
  'counterparty createdAt transferId transfer{idemKey actor metadata}}}}}}';

/** A client of the service at `url`, which calls with `token`. Opens no connection before it is used; none has to be closed. */
export function createWallet(options: ClientOptions): WalletClient {
  const call = createCall(options);

  /** Calls a mutation: its payload's one field, and whether an earlier try may have booked. */
  async function mutate<T>(
    name: string,
    result: string,
    input: Record<string, unknown>,
    limits?: CallOptions,
    keys?: readonly string[],
  ): Promise<Answer<T>> {
    const { data, inDoubt } = await call<{ payload: { result: T } }>(
      `mutation($input:Wallet${name}Input!){payload:wallet${name}(input:$input){result:${result}}}`,
      { input },
      limits,
      keys,
    );
    return { data: data.payload.result, inDoubt };
  }

  async function postMany<T>(
    name: string,
    result: string,
    requests: readonly PostRequest[],
    limits?: CallOptions,
  ): Promise<Answer<T>> {
    const input = { requests: await Promise.all(requests.map(inputOf)) };
    const keys = requests.map(({ key }) => key);
    return mutate(name, result, input, limits, keys);
  }

  function wallet(owner: string, asset: string): Wallet {
    let known: Promise<string> | undefined;
    const id = (): Promise<string> => (known ??= walletId(owner, asset));

    /** Books by the single call of that name. */
    async function post(
      name: string,
      idemKey: string,
      input: Record<string, unknown>,
      { signal, deadline, ...more }: PostOptions = {},
    ): Promise<Receipt> {
      const own = name === 'Transfer' ? 'fromWallet' : 'walletId';
      const whole = { [own]: await id(), idemKey, ...input, ...more };
      const limits = { signal, deadline };
      const { data } = await mutate<AsText<Receipt>>(name, `receipt${RECEIPT}`, whole, limits, [idemKey]);
      return withAmounts(data);
    }

    return {
      owner,
      asset,
      id,
      open: async (limits) => {
        const fields = 'wallet{id ownerId assetCode status createdAt}';
        return (await mutate<OpenedWallet>('Open', fields, { ownerId: owner, assetCode: asset }, limits)).data;
      },
      topUp: (amount, key, more) => post('TopUp', key, { amount }, more),
      bonus: (amount, key, more) => post('Bonus', key, { amount }, more),
      spend: (amount, key, more) => post('Spend', key, { amount }, more),
      transfer: async (to, amount, key, more) => post('Transfer', key, { toWallet: await idOf(to), amount }, more),
      hold: (amount, key, more) => post('Hold', key, { amount }, more),
      capture: (holdId, key, more) => post('Capture', key, { holdId }, more),
      release: (holdId, key, more) => post('Release', key, { holdId }, more),
      reverse: (transferId, key, more) => post('Reverse', key, { transferId }, more),
      balance: async (limits) => {
        type Found = AsText<Balance & { asOf: Instant }>;
        const { data } = await call<{ walletBalance: Found }>(BALANCE, { id: await id() }, limits);
        return withAmounts(data.walletBalance);
      },
      history: async function* ({ signal, deadline, pageSize: first, oldestFirst, after, ...which } = {}) {
        const orderBy = [`PRIMARY_KEY_${oldestFirst ? 'ASC' : 'DESC'}`];
        for (;;) {
          const variables = { id: await id(), first, after, orderBy, ...which };
          const { data } = await call<{ wallet: { entries: Page } | null }>(HISTORY, variables, { signal, deadline });
          if (!data.wallet) {
            const extensions = { code: 'WALLET_NOT_FOUND', detail: { wallet_id: variables.id } };
            throw new Refused({ message: `wallet not found: ${variables.id}`, extensions });
          }
          const { edges, pageInfo } = data.wallet.entries;
          for (const { cursor, node } of edges) yield { ...withAmounts<Omit<Entry, 'cursor'>>(node), cursor };
          if (!pageInfo.hasNextPage) return;
          after = edges.at(-1)?.cursor;
        }
      },
      changes: async function* ({ signal } = {}) {
        // Most do without: it is loaded when it is used.
        const { changesOf } = await import('./changes.ts');
        yield* changesOf(options, await id(), signal);
      },
    };
  }

  return {
    wallet,
    postEach: async (requests, limits) => {
      const fields = `outcomes{receipt${RECEIPT}refusal{code message detail hint}}`;
      const { data, inDoubt } = await postMany<Item[]>('PostEach', fields, requests, limits);
      return data.map((item) =>
        item.refusal
          ? { refused: new Refused({ message: item.refusal.message, extensions: item.refusal }, inDoubt) }
          : { receipt: withAmounts(item.receipt) },
      );
    },
    postBatch: async (requests, limits) => {
      const { data } = await postMany<AsText<Receipt>[]>('PostBatch', `receipts${RECEIPT}`, requests, limits);
      return data.map(withAmounts<Receipt>);
    },
  };
}

interface Page {
  edges: { cursor: string; node: AsText<Omit<Entry, 'cursor'>> }[];
  pageInfo: { hasNextPage: boolean };
}

/** One of the two. */
type Item = { receipt: null; refusal: Refusal } | { receipt: AsText<Receipt>; refusal: null };

interface Refusal {
  code: string;
  message: string;
  detail: unknown;
  hint: string;
}

async function inputOf({ wallet, key, ...more }: PostRequest): Promise<Record<string, unknown>> {
  const { to, ...rest } = more as typeof more & { to?: Wallet | string };
  const counterpartyId = to === undefined ? undefined : await idOf(to);
  return { walletId: await idOf(wallet), idemKey: key, counterpartyId, ...rest };
}

const idOf = (wallet: Wallet | string): string | Promise<string> => (typeof wallet === 'string' ? wallet : wallet.id());
