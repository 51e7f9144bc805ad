/** Compares one snapshot of the ledger with what answers have promised, and proves it by itself and by the ledger's own proof. */
import pg from 'pg';
import { rulesOf, type Finding } from '../helpers.ts';
import { TYPES } from './doors.ts';
import type { Kind } from './operations.ts';
import { describe, keyOf, type Promised, type Promises } from './promises.ts';
import type { Tally } from './tally.ts';

interface Transfer {
  id: string;
  wallet_id: string;
  idem_key: string | null;
  kind: Kind | 'expiry' | 'debt';
  debit_wallet_id: string | null;
  credit_wallet_id: string | null;
  amount: string;
  bonus_amount: string;
  hold_id: string | null;
  reverses: string | null;
  metadata: object;
  entries: number;
  /** Of an exchange and its reversal, which have one request for both movements. */
  linked_wallet_id: string | null;
}

interface Entry {
  wallet_id: string;
  seq: string;
  transfer_id: string;
  amount: string;
  bonus_amount: string;
  held_amount: string;
  balance: string;
  bonus_balance: string;
  held_balance: string;
  owed: string;
  created_at: string;
}

interface Snapshot {
  transfers: Transfer[];
  entries: Entry[];
  accounts: { asset_code: string; account: string; debit: string; credit: string }[];
  negative: number;
  findings: Finding[];
}

/** The system books them by itself: a debt with the reversal that leaves it. */
const BY_ITSELF: readonly Transfer['kind'][] = ['expiry', 'release', 'debt'];
/** They move between accounts of the house; the wallet has a line of them. */
const OF_THE_HOUSE: readonly Transfer['kind'][] = ['debt', 'forgiveness'];

/** The name of the session that takes snapshots. */
export const CHECKER = 'prove checker';

/** Its own session, which reads values as receipts have them. */
export async function withChecker<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    types: TYPES,
    application_name: CHECKER,
    connectionTimeoutMillis: 5_000,
  });
  client.on('error', () => undefined);
  await client.connect();
  await client.query("set time zone 'UTC'");
  return work(client).finally(() => client.end().catch(() => undefined));
}

/** While clients are at work: what was promised before the snapshot is in it, and nothing that nobody asked for. */
export async function checkUnderLoad(client: pg.Client, promises: Promises, tally: Tally): Promise<void> {
  const acknowledged = promises.acknowledged.slice();
  const refused = promises.refused.slice();
  const snapshot = await take(client);
  checkSnapshot(snapshot, acknowledged, refused, promises, tally);
  tally.count('checks', 'snapshots under load');
}

/** When nobody is at work, and every unknown outcome has been resolved. */
export async function checkAtRest(client: pg.Client, promises: Promises, tally: Tally): Promise<void> {
  const snapshot = await take(client);
  settleDoubts(snapshot, promises, tally);
  checkSnapshot(snapshot, promises.acknowledged, promises.refused, promises, tally);
  checkComplete(snapshot, promises, tally);
  checkLog(snapshot, promises, tally);
  tally.count('checks', 'whole ledgers at rest');
  tally.count('checks', 'postings proven', promises.acknowledged.length);
}

async function take(client: pg.Client): Promise<Snapshot> {
  const rows = async <R extends object>(text: string): Promise<R[]> => (await client.query(text)).rows as R[];
  await client.query('begin isolation level repeatable read read only');
  const snapshot: Snapshot = {
    transfers: await rows(
      `select id, wallet_id, idem_key, kind, debit_wallet_id, credit_wallet_id, amount, bonus_amount, hold_id, reverses,
         case when kind in ('adjustment', 'forgiveness', 'merge') then metadata - 'reason' else metadata end as metadata,
         coalesce(n.entries, 0) as entries, linked_wallet_id
       from ledger.transfers t
       left join (select transfer_id, count(*)::int as entries from ledger.entries group by transfer_id) n on n.transfer_id = t.id`,
    ),
    entries: await rows(
      `select wallet_id, seq, transfer_id, amount, bonus_amount, held_amount, balance, bonus_balance, held_balance,
         coalesce(owed, 0) as owed, created_at
       from ledger.entries order by wallet_id, seq`,
    ),
    accounts: await rows('select * from ledger.ledger_trial_balance()'),
    negative: (
      await rows<{ count: number }>(
        `select count(*)::int from ledger.entries
         where balance < 0 or bonus_balance not between 0 and balance or held_balance not between 0 and balance`,
      )
    ).reduce((_, { count }) => count, 0),
    findings: await rows('select * from ledger.ledger_verify()'),
  };
  await client.query('commit');
  return snapshot;
}

function checkSnapshot(
  { transfers, entries, accounts, negative, findings }: Snapshot,
  acknowledged: Promises['acknowledged'],
  refused: Promised[],
  promises: Promises,
  tally: Tally,
): void {
  for (const rule of rulesOf(findings))
    tally.find(`ledger_verify: ${JSON.stringify(findings.find((finding) => finding.rule === rule))}`);
  if (negative > 0) tally.find(`${negative} entries are negative`);
  checkSums(accounts, tally);

  const booked = new Map<string, Transfer>();
  for (const transfer of transfers) {
    if (transfer.idem_key === null) continue;
    const key = keyOf({ wallet: transfer.wallet_id, key: transfer.idem_key });
    if (booked.has(key)) tally.duplicate(`two transfers of one key: ${key}`);
    booked.set(key, transfer);
    if (!promises.byKey.has(key)) tally.find(`nobody asked for ${JSON.stringify(transfer)}`);
  }
  const entryAt = new Map(entries.map((entry) => [`${entry.wallet_id} ${entry.seq}`, entry]));
  for (const promised of acknowledged) {
    const { receipt } = promised;
    const transfer = booked.get(keyOf(promised.posting));
    const entry = entryAt.get(`${receipt.wallet_id} ${receipt.seq}`);
    if (!transfer || !entry || transfer.id !== receipt.transfer_id || entry.transfer_id !== receipt.transfer_id) {
      tally.lose(`${describe(promised)}, in its place ${JSON.stringify(transfer)} ${JSON.stringify(entry)}`);
      continue;
    }
    const wrong = [
      ...differing(receipt, transfer, ['kind', 'amount', 'bonus_amount', 'hold_id']),
      ...differing(receipt, entry, ['balance', 'bonus_balance', 'held_balance', 'owed', 'created_at']),
      ...(JSON.stringify(sorted(transfer.metadata)) === JSON.stringify(sorted(promised.posting.metadata))
        ? []
        : ['metadata']),
    ];
    if (wrong.length > 0)
      tally.find(
        `not as promised in ${wrong.join(', ')}: ${describe(promised)}, but ${JSON.stringify({ transfer, entry })}`,
      );
  }
  for (const promised of refused) {
    if (!promised.inDoubt && booked.has(keyOf(promised.posting)))
      tally.find(`refused, but booked: ${describe(promised)}`);
  }
}

/** Debits and credits of an asset have the same sum, in every snapshot. */
function checkSums(accounts: Snapshot['accounts'], tally: Tally): void {
  for (const asset of new Set(accounts.map(({ asset_code }) => asset_code))) {
    const own = accounts.filter(({ asset_code }) => asset_code === asset);
    const difference = own.reduce((sum, { debit, credit }) => sum + BigInt(debit) - BigInt(credit), 0n);
    if (difference !== 0n) tally.find(`debits of ${asset} exceed its credits by ${difference}`);
  }
}

/** An attempt without an answer may have been overtaken by its repetition, which was refused, and have been booked after that. */
function settleDoubts({ transfers }: Snapshot, promises: Promises, tally: Tally): void {
  const booked = new Set(transfers.map(({ wallet_id, idem_key }) => keyOf({ wallet: wallet_id, key: idem_key ?? '' })));
  for (const promised of promises.refused.filter(({ inDoubt }) => inDoubt)) {
    const isBooked = booked.has(keyOf(promised.posting));
    if (promised.leads) tally.count('resolved', isBooked ? 'found by its key afterwards' : 'refused, and not booked');
    // That it is there is no fault; that it counts once, the log's fold shows.
    promised.inDoubt = isBooked;
  }
}

/** All that is booked has been acknowledged, or was in doubt; each transfer has an entry in each wallet that it touches. */
function checkComplete({ transfers }: Snapshot, promises: Promises, tally: Tally): void {
  for (const transfer of transfers) {
    const promised =
      transfer.idem_key === null
        ? undefined
        : promises.byKey.get(keyOf({ wallet: transfer.wallet_id, key: transfer.idem_key }));
    if (promised && !promised.receipt && !promised.inDoubt)
      tally.find(`booked, but never acknowledged: ${describe(promised)}`);
    const isOtherSide = transfer.idem_key === null && transfer.linked_wallet_id !== null;
    if (!promised && !isOtherSide && !BY_ITSELF.includes(transfer.kind))
      tally.find(`booked by nobody: ${JSON.stringify(transfer)}`);
    const legs = OF_THE_HOUSE.includes(transfer.kind)
      ? 1
      : Number(transfer.debit_wallet_id !== null) + Number(transfer.credit_wallet_id !== null);
    if (transfer.entries !== legs) tally.find(`${transfer.entries} entries: ${JSON.stringify(transfer)}`);
  }
}

interface Balances {
  seq: bigint;
  balance: bigint;
  bonus: bigint;
  held: bigint;
  owed: bigint;
}

/** Adds up what was asked for, wallet by wallet: the entries must say the same, without a gap. */
function checkLog({ transfers, entries }: Snapshot, promises: Promises, tally: Tally): void {
  const transferOf = new Map(transfers.map((transfer) => [transfer.id, transfer]));
  const owedBy = debtsOfMerged(transferOf, entries);
  const heads = new Map<string, Balances>();
  let previous: Transfer | undefined;
  for (const entry of entries) {
    const transfer = transferOf.get(entry.transfer_id);
    checkDebt(entry, transfer, previous, promises, tally);
    previous = transfer;
    if (!transfer) {
      tally.find(`an entry without a transfer: ${JSON.stringify(entry)}`);
      continue;
    }
    const before = heads.get(entry.wallet_id) ?? { seq: 0n, balance: 0n, bonus: 0n, held: 0n, owed: 0n };
    const change = changeBy(entry, transfer, { transferOf, owedBy, promises });
    const expected: Balances = {
      seq: before.seq + 1n,
      balance: before.balance + change.balance,
      bonus: before.bonus + change.bonus,
      held: before.held + change.held,
      owed: before.owed + (change.owed ?? 0n),
    };
    const found: Balances = {
      seq: BigInt(entry.seq),
      balance: BigInt(entry.balance),
      bonus: BigInt(entry.bonus_balance),
      held: BigInt(entry.held_balance),
      owed: BigInt(entry.owed),
    };
    const wrong = (Object.keys(expected) as (keyof Balances)[]).filter((name) => expected[name] !== found[name]);
    if (wrong.length > 0) {
      const shown = Object.fromEntries(Object.entries(expected).map(([name, value]) => [name, String(value)]));
      tally.find(
        `the log is not what was asked for in ${wrong.join(', ')}: ${JSON.stringify({ entry, transfer, shown })}`,
      );
    }
    heads.set(entry.wallet_id, found);
  }
}

/** What each wallet owed when it was merged, by the merge. */
function debtsOfMerged(transferOf: Map<string, Transfer>, entries: Entry[]): Map<string, bigint> {
  const owedBy = new Map<string, bigint>();
  for (const [place, { wallet_id, transfer_id }] of entries.entries()) {
    const transfer = transferOf.get(transfer_id);
    if (transfer?.kind !== 'merge' || transfer.wallet_id !== wallet_id) continue;
    const before = entries[place - 1];
    owedBy.set(transfer_id, before?.wallet_id === wallet_id ? BigInt(before.owed) : 0n);
  }
  return owedBy;
}

/** What a reversal could not take of the amount it asked for is a debt, in the line before its own. */
function checkDebt(
  { wallet_id }: Entry,
  transfer: Transfer | undefined,
  previous: Transfer | undefined,
  promises: Promises,
  tally: Tally,
): void {
  const { posting, receipt } = promises.byKey.get(keyOf({ wallet: wallet_id, key: transfer?.idem_key ?? '' })) ?? {};
  if (!posting?.owe || posting.amount === null || !receipt) return;
  const missing = BigInt(posting.amount) - BigInt(receipt.amount);
  const debt = previous?.kind === 'debt' && previous.wallet_id === wallet_id ? BigInt(previous.amount) : 0n;
  if (debt !== missing)
    tally.find(`a reversal left a debt of ${debt}, and not of ${missing}: ${JSON.stringify({ transfer, receipt })}`);
}

interface Asked {
  transferOf: Map<string, Transfer>;
  owedBy: Map<string, bigint>;
  promises: Promises;
}

/** From the request and its receipt alone; only for what the system booked by itself, from the transfer. */
function changeBy(
  { wallet_id }: Entry,
  transfer: Transfer,
  { transferOf, owedBy, promises }: Asked,
): { balance: bigint; bonus: bigint; held: bigint; owed?: bigint } {
  const promised = promises.byKey.get(keyOf({ wallet: transfer.wallet_id, key: transfer.idem_key ?? '' }));
  // Of a reversal that leaves a debt, less may be taken than was asked for.
  const asked = promised?.posting.owe ? null : promised?.posting.amount;
  const amount = BigInt(asked ?? promised?.receipt?.amount ?? transfer.amount);
  const bonus = BigInt(promised?.receipt?.bonus_amount ?? transfer.bonus_amount);
  const hold = BigInt(transferOf.get(transfer.hold_id ?? '')?.amount ?? 0);
  const moved = (sign: 1n | -1n, held = 0n): { balance: bigint; bonus: bigint; held: bigint } => ({
    balance: sign * amount,
    bonus: sign * bonus,
    held,
  });
  switch (transfer.kind) {
    case 'top_up':
      return { balance: amount, bonus: 0n, held: 0n };
    case 'bonus':
      return { balance: amount, bonus: amount, held: 0n };
    case 'opening':
      return { balance: amount, bonus: BigInt(promised?.posting.bonusAmount ?? transfer.bonus_amount), held: 0n };
    case 'merge': {
      const sign = wallet_id === transfer.wallet_id ? -1n : 1n;
      return { ...moved(sign), owed: sign * (owedBy.get(transfer.id) ?? 0n) };
    }
    case 'spend':
      return moved(-1n);
    case 'expiry':
      return { balance: -amount, bonus: -amount, held: 0n };
    case 'transfer':
      return moved(wallet_id === transfer.wallet_id ? -1n : 1n);
    case 'exchange':
    case 'adjustment':
      return moved(transfer.debit_wallet_id === wallet_id ? -1n : 1n);
    case 'debt':
      return { balance: 0n, bonus: 0n, held: 0n, owed: amount };
    case 'forgiveness':
      return { balance: 0n, bonus: 0n, held: 0n, owed: -amount };
    case 'collection':
      return { balance: -amount, bonus: 0n, held: 0n, owed: -amount };
    case 'hold':
      return { balance: 0n, bonus: 0n, held: amount };
    case 'capture':
      return moved(-1n, -hold);
    case 'release':
      return { balance: 0n, bonus: 0n, held: -hold };
    case 'reversal': {
      // The wallet that acts may be the successor of the one that the original moved credits of.
      const original = transferOf.get(transfer.reverses ?? '');
      const isActing = wallet_id === transfer.wallet_id;
      const didReceive = (original?.credit_wallet_id === original?.wallet_id) === isActing;
      return moved(didReceive ? -1n : 1n);
    }
  }
}

function differing<A extends object, B extends object>(a: A, b: B, fields: (keyof A & keyof B)[]): string[] {
  return fields.filter((field) => (a[field] as unknown) !== (b[field] as unknown)).map(String);
}

function sorted(value: object): [string, unknown][] {
  return Object.entries(value).sort(([a], [b]) => a.localeCompare(b));
}
