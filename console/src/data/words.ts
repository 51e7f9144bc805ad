/** What the ledger says in codes, in words. */
import type { EntryLine } from './queries.ts';

export const KINDS: Record<string, string> = {
  top_up: 'Top-up',
  bonus: 'Bonus',
  spend: 'Spend',
  transfer: 'Transfer',
  hold: 'Hold',
  capture: 'Capture',
  release: 'Release',
  reversal: 'Reversal',
  expiry: 'Expiry',
  opening: 'Opening balance',
  exchange: 'Exchange',
  adjustment: 'Adjustment',
  debt: 'Debt',
  collection: 'Collection',
  forgiveness: 'Forgiveness',
  merge: 'Merge',
};

export const ACCOUNTS: Record<string, string> = {
  players: 'Players',
  player: 'Player',
  treasury: 'Treasury (sold)',
  promotions: 'Promotions (given away)',
  revenue: 'Revenue (spent)',
  breakage: 'Breakage (expired)',
  opening: 'Opening balances',
  exchange: 'Exchange',
  adjustments: 'Adjustments',
  receivables: 'Receivables (owed by players)',
  losses: 'Losses (forgiven)',
  elsewhere: 'Other databases',
  transit_in: 'On the way in',
  transit_out: 'On the way out',
};

export const kindInWords = (kind: string): string => KINDS[kind] ?? kind;
export const accountInWords = (account: string): string => ACCOUNTS[account] ?? account;

/** What an operator did: a kind of movement, or what became of a wallet or an asset. */
export function actionInWords(action: string): string {
  const words = KINDS[action] ?? action.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** They move between accounts of the house; the wallet's balance stays. */
const OF_THE_HOUSE: readonly string[] = ['debt', 'forgiveness'];

/** What the line did to the balance; undefined where that stayed. */
export function changeOf({ kind, side, amount }: EntryLine): string | undefined {
  if (amount === '0' || OF_THE_HOUSE.includes(kind)) return undefined;
  return side === 'debit' ? `-${amount}` : amount;
}

/** One line of a wallet's history. `amount` shows minor units as the asset has them. */
export function explain(entry: EntryLine, amount: (units: string) => string): string {
  const { kind, side, bonusAmount, heldAmount } = entry;
  const bonus = bonusAmount === '0' ? '' : ofBonus(entry, amount);
  const held = heldAmount.replace('-', '');
  switch (kind) {
    case 'top_up':
      return 'Bought with real money';
    case 'bonus':
      return 'Given away by the house';
    case 'spend':
      return `Spent in the game or shop${bonus}`;
    case 'transfer':
      return side === 'debit' ? `Sent to another player${bonus}` : `Received from another player${bonus}`;
    case 'hold':
      return `Reserved ${amount(held)} for a purchase`;
    case 'capture':
      return `Bought what a hold had reserved${bonus}`;
    case 'release':
      return `A hold ended without a purchase: ${amount(held)} are free again`;
    case 'reversal':
      return side === 'credit' ? `Given back${bonus}` : `Taken back${bonus}`;
    case 'expiry':
      return entry.amount === '0' ? `A hold expired: ${amount(held)} are free again` : 'Bonus credits expired';
    case 'opening':
      return 'Brought from another system';
    case 'adjustment':
      return `Corrected by an operator${bonus}`;
    case 'exchange':
      return side === 'debit'
        ? `Given for credits of another asset${bonus}`
        : `Got for credits of another asset${bonus}`;
    case 'merge':
      return side === 'debit'
        ? 'Moved to the wallet that goes on'
        : `Came from a wallet that was merged into this${bonus}`;
    case 'debt':
      return `${amount(entry.amount)} of a top-up that was taken back were gone: they are owed`;
    case 'collection':
      return 'Paid of what was owed';
    case 'forgiveness':
      return `${amount(entry.amount)} that were owed are forgiven`;
    default:
      return `${kindInWords(kind)}${bonus}`;
  }
}

function ofBonus({ amount: all, bonusAmount }: EntryLine, amount: (units: string) => string): string {
  return all === bonusAmount ? ', all of it bonus' : `, ${amount(bonusAmount)} of it bonus`;
}

const REFUSALS: Record<string, string> = {
  INVALID_AMOUNT: 'This is no amount that can be booked.',
  INVALID_ARGUMENT: 'Something in it cannot be taken as it is.',
  SAME_WALLET: 'Both sides are the same wallet.',
  WALLET_NOT_FOUND: 'There is no such wallet.',
  ASSET_NOT_FOUND: 'There is no such asset.',
  HOLD_NOT_FOUND: 'This wallet has no such hold.',
  WRONG_NODE: 'The wallet is in another database.',
  TRANSFER_NOT_FOUND: 'This wallet has no such transfer.',
  ASSET_MISMATCH: 'The wallets are of different assets.',
  IDEMPOTENCY_KEY_REUSED: 'An earlier try of this was booked, with other facts.',
  WALLET_FROZEN: 'The wallet is frozen: no credits leave it until it is reopened.',
  WALLET_CLOSED: 'The wallet is closed: nothing is booked until it is reopened.',
  HOLD_NOT_OPEN: 'The hold has ended already.',
  NOT_REVERSIBLE: 'This is more than is left to reverse, or is not reversed at all.',
  LIMIT_EXCEEDED: 'This is above a limit.',
  INSUFFICIENT_FUNDS: 'There are not enough credits.',
  FORBIDDEN: 'Your role may not do this.',
  RATE_LIMITED: 'Too many requests at once. Wait a moment and send it again.',
};

export function refusalInWords(code: string, message: string): string {
  return REFUSALS[code] ?? message;
}

const FACTS: Record<string, string> = {
  available: 'Available',
  requested: 'Asked for',
  missing: 'Missing',
  balance: 'Balance',
  held_balance: 'Held',
  max: 'The limit',
  used: 'Used of it',
  left: 'Left',
  owed: 'Owed',
  merged_into: 'It was merged into',
  transfer_id: 'See',
  from_asset: 'From',
  to_asset: 'To',
  limit: 'Which limit',
  reversible: 'Left to reverse',
  status: 'Status',
  argument: 'Which',
  reason: 'Why',
  field: 'What differs',
  min: 'At least',
  expires_at: 'Expires at',
  now: 'Now',
};

const AMOUNTS = new Set([
  'available',
  'requested',
  'missing',
  'balance',
  'held_balance',
  'owed',
  'used',
  'left',
  'reversible',
]);
const LINKS: Record<string, 'wallet' | 'transfer'> = { merged_into: 'wallet', transfer_id: 'transfer' };

export interface Fact {
  name: string;
  value: string;
  /** What has this id. */
  link?: 'wallet' | 'transfer';
}

/** The facts that a refusal comes with: names, and values as people write them. */
export function factsInWords(detail: Record<string, unknown>, amount: ((units: string) => string) | undefined): Fact[] {
  return Object.entries(detail).flatMap(([key, value]): Fact[] => {
    const name = FACTS[key];
    if (name === undefined || (typeof value !== 'string' && typeof value !== 'number')) return [];
    const isAmount = AMOUNTS.has(key) || (key === 'max' && 'limit' in detail);
    const text = String(value);
    const link = LINKS[key];
    return [{ name, value: amount && isAmount && /^-?\d+$/.test(text) ? amount(text) : text, ...(link && { link }) }];
  });
}
