/** The same calls to both services, and the check of their answers. */
import { randomInt } from 'node:crypto';

export type Service = 'peer' | 'gateway';
export type Operation = 'transfer' | 'topUp' | 'spend' | 'wallet';

export interface Call {
  method: 'GET' | 'POST';
  path: string;
  body?: string;
}

interface Draw {
  wallet: string;
  other: string;
  amount: string;
  key: string;
}

interface Dialect {
  call: Record<Operation, (draw: Draw) => Call>;
  find: (body: unknown) => unknown;
  entriesOf: (wallet: unknown) => unknown;
  status: (operation: Operation) => number;
}

const NEWEST = 20;
const MAX_AMOUNT = 100;

const post = (path: string, body: object): Call => ({ method: 'POST', path, body: JSON.stringify(body) });

const rest: Dialect = {
  call: {
    transfer: ({ wallet, other, amount, key }) =>
      post('/transfers', { fromAccountId: wallet, toAccountId: other, amount, idempotencyKey: key }),
    topUp: ({ wallet, amount, key }) => post('/top-ups', { accountId: wallet, amount, idempotencyKey: key }),
    spend: ({ wallet, amount, key }) => post('/spends', { accountId: wallet, amount, idempotencyKey: key }),
    wallet: ({ wallet }) => ({ method: 'GET', path: `/wallets/${wallet}` }),
  },
  find: (body) => body,
  entriesOf: (wallet) => (wallet as { entries?: unknown }).entries,
  status: (operation) => (operation === 'wallet' ? 200 : 201),
};

const RECEIPT = 'receipt { transferId seq amount balance bonusBalance heldBalance available replayed createdAt }';
const DOCUMENTS: Record<Operation, string> = {
  transfer: `mutation ($input: WalletTransferInput!) { result: walletTransfer(input: $input) { ${RECEIPT} } }`,
  topUp: `mutation ($input: WalletTopUpInput!) { result: walletTopUp(input: $input) { ${RECEIPT} } }`,
  spend: `mutation ($input: WalletSpendInput!) { result: walletSpend(input: $input) { ${RECEIPT} } }`,
  wallet: `query ($id: UUID!) { result: wallet(id: $id) { id ownerId assetCode balance bonusBalance heldBalance available
    entries(first: ${NEWEST}) { nodes { seq transferId kind side amount balance createdAt } } } }`,
};

const ask = (operation: Operation, variables: object): Call =>
  post('/graphql', { query: DOCUMENTS[operation], variables });

const graphql: Dialect = {
  call: {
    transfer: ({ wallet, other, amount, key }) =>
      ask('transfer', { input: { fromWallet: wallet, toWallet: other, amount, idemKey: key } }),
    topUp: ({ wallet, amount, key }) => ask('topUp', { input: { walletId: wallet, amount, idemKey: key } }),
    spend: ({ wallet, amount, key }) => ask('spend', { input: { walletId: wallet, amount, idemKey: key } }),
    wallet: ({ wallet }) => ask('wallet', { id: wallet }),
  },
  find: (body) => {
    const { data, errors } = body as { data?: { result?: { receipt?: unknown } | null } | null; errors?: unknown };
    return errors === undefined ? (data?.result?.receipt ?? data?.result) : undefined;
  },
  entriesOf: (wallet) => (wallet as { entries?: { nodes?: unknown } }).entries?.nodes,
  status: () => 200,
};

const DIALECTS: Record<Service, Dialect> = { peer: rest, gateway: graphql };

/** Makes calls on random wallets. Keys are unique as long as each `run` is. */
export function createCalls(service: Service, operation: Operation, wallets: string[], run: string): () => Call {
  const make = DIALECTS[service].call[operation];
  let count = 0;
  return () => {
    const place = randomInt(wallets.length);
    const next = (place + randomInt(1, wallets.length)) % wallets.length;
    const [wallet, other] = [wallets[place], wallets[next]];
    if (wallet === undefined || other === undefined) throw new Error('There must be two wallets or more');
    count += 1;
    return make({ wallet, other, amount: String(randomInt(1, MAX_AMOUNT + 1)), key: `${run}-${count}` });
  };
}

/** True for a receipt of a new booking, or a wallet with its newest entries. */
export function isAnswer(service: Service, operation: Operation, status: number, text: string): boolean {
  const { find, entriesOf, status: expected } = DIALECTS[service];
  if (status !== expected(operation)) return false;
  const found = find(JSON.parse(text)) as { balance?: unknown; replayed?: unknown } | null | undefined;
  if (!found || typeof found.balance !== 'string' || !/^\d+$/.test(found.balance)) return false;
  if (operation !== 'wallet') return found.replayed === false;
  const entries = entriesOf(found);
  return Array.isArray(entries) && entries.length === NEWEST;
}
