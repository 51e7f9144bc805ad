/**
 * The usual way to write a wallet: the service holds the rules, PostgreSQL the rows. Every write is one Knex transaction
 * that claims the idempotency key, locks both accounts in a fixed order, adds the balance up from the entries
 * (so that no second figure can drift from them), checks it, and inserts the transaction, its two entries and the
 * response under the key. READ COMMITTED and row locks are all it needs. A refusal rolls back, so its key stays free.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Knex } from 'knex';
import type { AccountType, Kind } from './schema.ts';

export interface Movement {
  kind: Kind;
  from: Side;
  to: Side;
  /** The account whose balance is in the receipt. */
  accountId: string;
  amount: bigint;
  key: string;
  actor: string;
  metadata: Record<string, unknown>;
}

/** A player's account, or a house account of the same asset. */
export type Side = { accountId: string } | { house: Exclude<AccountType, 'player'> };

/** Amounts are strings: JSON numbers would lose digits. */
export interface Receipt {
  transactionId: string;
  accountId: string;
  kind: Kind;
  amount: string;
  balance: string;
  createdAt: string;
  replayed: boolean;
}

export interface WalletView {
  id: string;
  assetCode: string;
  ownerId: string;
  balance: string;
  entries: { id: string; transactionId: string; kind: Kind; amount: string; createdAt: Date }[];
}

export interface Options {
  /**
   * Normally all accounts of a movement are locked; without this, calls do not queue for the house account, of which nothing is checked.
   */
  lockHouse: boolean;
}

export class Refusal extends Error {
  override name = 'Refusal';
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const NEWEST = 20;

/** Books a movement, or returns the receipt of the first call. */
export function move(knex: Knex, movement: Movement, options: Options): Promise<Receipt> {
  return knex.transaction(async (trx) => {
    const earlier = await claimKey(trx, movement);
    if (earlier) return { ...earlier, replayed: true };
    const ids = await lockAccounts(trx, movement, options);
    // The key is claimed and the accounts are locked, so no other call can change what is read from here on.
    const before = await balanceOf(trx, movement.accountId);
    const pays = ids.from === movement.accountId;
    if (pays && before < movement.amount) {
      throw new Refusal(422, 'INSUFFICIENT_FUNDS', `the balance is ${before}`);
    }
    const balance = pays ? before - movement.amount : before + movement.amount;
    const receipt = await book(trx, movement, { ...ids, balance });
    await trx('idempotency_keys')
      .where({ key: movement.key })
      .update({ response: JSON.stringify(receipt) });
    return receipt;
  });
}

/** Claims the key. If another call has it, waits for that call to end and returns its response. */
async function claimKey(trx: Knex.Transaction, movement: Movement): Promise<Receipt | undefined> {
  const { kind, from, to, amount, metadata, key } = movement;
  const request = { kind, from, to, amount: String(amount), metadata };
  const claimed = await trx('idempotency_keys')
    .insert({ key, request: JSON.stringify(request) })
    .onConflict('key')
    .ignore()
    .returning('key');
  if (claimed.length > 0) return undefined;
  const first = await trx<{ key: string; request: unknown; response: Receipt }>('idempotency_keys')
    .where({ key })
    .first('request', 'response');
  if (!first || !isDeepStrictEqual(first.request, request)) {
    throw new Refusal(409, 'IDEMPOTENCY_KEY_REUSED', 'the key belongs to another request');
  }
  return first.response;
}

/** Locks the players in the order of their ids, then the house, so that calls cannot deadlock. */
async function lockAccounts(
  trx: Knex.Transaction,
  { from, to }: Movement,
  { lockHouse }: Options,
): Promise<{ from: string; to: string }> {
  const players = [from, to].flatMap((side) => ('accountId' in side ? [side.accountId] : []));
  const house = [from, to].find((side) => 'house' in side)?.house;
  const query = trx('accounts as player')
    .whereIn('player.id', players)
    .where('player.type', 'player')
    .orderBy('player.id')
    .select('player.id as id', 'player.asset_code as assetCode');
  if (house !== undefined) {
    // In the same statement, to save a round trip.
    query
      .join('accounts as house', 'house.asset_code', 'player.asset_code')
      .where('house.owner_id', `house:${house}`)
      .select('house.id as houseId');
  }
  const locked = (await (lockHouse ? query.forUpdate() : query.forUpdate('player'))) as {
    id: string;
    assetCode: string;
    houseId?: string;
  }[];
  if (new Set(locked.map(({ assetCode }) => assetCode)).size > 1) {
    throw new Refusal(422, 'ASSET_MISMATCH', 'the accounts differ in asset');
  }
  const idOf = (side: Side): string | undefined =>
    'house' in side ? locked[0]?.houseId : locked.find(({ id }) => id === side.accountId)?.id;
  const [fromId, toId] = [idOf(from), idOf(to)];
  if (fromId === undefined || toId === undefined) throw new Refusal(404, 'ACCOUNT_NOT_FOUND', 'account not found');
  return { from: fromId, to: toId };
}

async function balanceOf(knex: Knex, accountId: string): Promise<bigint> {
  const row = await knex('ledger_entries')
    .where({ account_id: accountId })
    .sum<{ sum: string | null }>('amount')
    .first();
  return BigInt(row?.sum ?? 0);
}

async function book(
  trx: Knex.Transaction,
  { kind, amount, accountId, actor, metadata }: Movement,
  { from, to, balance }: { from: string; to: string; balance: bigint },
): Promise<Receipt> {
  const [transaction] = await trx<{ id: string; kind: Kind; actor: string; metadata: string; created_at: Date }>(
    'transactions',
  )
    .insert({ kind, actor, metadata: JSON.stringify(metadata) })
    .returning(['id', 'created_at']);
  if (!transaction) throw new Error('The transaction was not inserted');
  await trx('ledger_entries').insert([
    { transaction_id: transaction.id, account_id: from, amount: String(-amount) },
    { transaction_id: transaction.id, account_id: to, amount: String(amount) },
  ]);
  return {
    transactionId: transaction.id,
    accountId,
    kind,
    amount: String(amount),
    balance: String(balance),
    createdAt: transaction.created_at.toISOString(),
    replayed: false,
  };
}

/** A player's account with its balance and newest entries. */
export async function walletOf(knex: Knex, id: string): Promise<WalletView | undefined> {
  const [account, entries] = await Promise.all([
    knex<{ id: string; type: AccountType; assetCode: string; ownerId: string; balance: string }>('accounts')
      .where({ id, type: 'player' })
      .first(
        'id',
        'asset_code as assetCode',
        'owner_id as ownerId',
        knex('ledger_entries')
          .where('account_id', knex.ref('accounts.id'))
          .select(knex.raw('coalesce(sum(amount), 0)'))
          .as('balance'),
      ) as Promise<Omit<WalletView, 'entries'> | undefined>,
    knex('ledger_entries as entry')
      .join('transactions as transaction', 'transaction.id', 'entry.transaction_id')
      .where('entry.account_id', id)
      .orderBy('entry.id', 'desc')
      .limit(NEWEST)
      .select({
        id: 'entry.id',
        transactionId: 'entry.transaction_id',
        kind: 'transaction.kind',
        amount: 'entry.amount',
        createdAt: 'entry.created_at',
      }) as Promise<WalletView['entries']>,
  ]);
  return account && { ...account, entries };
}
