/** The model: what every answer has promised, and what is not to be found in the ledger because it was refused. */
import type { Receipt } from '../helpers.ts';
import type { Operation, Posting } from './operations.ts';
import type { Tally } from './tally.ts';

/** What the caller of one posting has been told. */
export interface Promised {
  posting: Posting;
  /** Whether it is the first of its operation, or has an outcome of its own. */
  leads: boolean;
  /** Once acknowledged. */
  receipt?: Receipt;
  /** Refused, undone by the client, or given up. */
  refusal?: string;
  /** Refused, but an attempt before that may have been booked. */
  inDoubt: boolean;
}

const UNCHANGING = [
  'transfer_id',
  'wallet_id',
  'seq',
  'kind',
  'amount',
  'bonus_amount',
  'balance',
  'bonus_balance',
  'held_balance',
  'hold_id',
  'created_at',
] as const;

export class Promises {
  readonly byKey = new Map<string, Promised>();
  /** In the order of their acknowledgement. */
  readonly acknowledged: (Promised & { receipt: Receipt })[] = [];
  /** In the order of their refusal. */
  readonly refused: Promised[] = [];
  readonly #tally: Tally;

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  /** Before it is sent for the first time. */
  open({ shape, postings }: Operation): void {
    for (const [index, posting] of postings.entries())
      this.byKey.set(keyOf(posting), { posting, leads: index === 0 || shape === 'group', inDoubt: false });
  }

  /** With `inDoubt`, an earlier attempt went unanswered and might still be booked. */
  refuse({ postings }: Operation, refusal: string, inDoubt: boolean): void {
    for (const posting of postings) {
      const promised = this.of(posting);
      Object.assign(promised, { refusal, inDoubt });
      this.refused.push(promised);
    }
  }

  acknowledge({ postings }: Operation, receipts: Receipt[]): void {
    if (receipts.length !== postings.length)
      this.#tally.find(`${receipts.length} receipts for ${postings.length} postings`);
    for (const [index, receipt] of receipts.entries()) {
      const posting = postings[index];
      if (posting) this.#acknowledge(this.of(posting), receipt);
    }
  }

  of(posting: Posting): Promised {
    const promised = this.byKey.get(keyOf(posting));
    if (!promised) throw new Error('a posting that was never opened');
    return promised;
  }

  #acknowledge(promised: Promised, receipt: Receipt): void {
    const { posting, receipt: before } = promised;
    if (before) {
      const differing = UNCHANGING.filter((field) => before[field] !== receipt[field]);
      if (before.transfer_id !== receipt.transfer_id || !(before.replayed || receipt.replayed))
        this.#tally.duplicate(`booked twice: ${describe(promised)} and ${receipt.transfer_id}`);
      else if (differing.length > 0)
        this.#tally.find(
          `a replay differs in ${differing.join(', ')}: ${describe(promised)}, ${JSON.stringify(receipt)}`,
        );
      // Whichever of them came first.
      if (!receipt.replayed) before.replayed = false;
      return;
    }
    const wrong = contradictions(posting, receipt);
    promised.receipt = receipt;
    if (wrong.length > 0)
      this.#tally.find(`a receipt contradicts itself in ${wrong.join(', ')}: ${describe(promised)}`);
    this.acknowledged.push(promised as Promised & { receipt: Receipt });
  }
}

export function keyOf({ wallet, key }: { wallet: string; key: string }): string {
  return `${wallet} ${key}`;
}

export function describe({ posting, receipt, refusal }: Promised): string {
  return JSON.stringify({ ...posting, ...(receipt && { receipt }), ...(refusal !== undefined && { refusal }) });
}

/** What must hold of any receipt, whatever came before it. */
function contradictions(posting: Posting, receipt: Receipt): string[] {
  const [amount, bonusAmount, balance, bonusBalance, heldBalance, available] = (
    ['amount', 'bonus_amount', 'balance', 'bonus_balance', 'held_balance', 'available'] as const
  ).map((field) => BigInt(receipt[field])) as [bigint, bigint, bigint, bigint, bigint, bigint];
  const asked = posting.kind === 'release' || posting.amount === null ? undefined : BigInt(posting.amount);
  const rules: Record<string, boolean> = {
    wallet_id: receipt.wallet_id === posting.wallet,
    kind: receipt.kind === posting.kind,
    seq: BigInt(receipt.seq) > 0n,
    // What is gone is owed, and not taken.
    amount: asked === undefined || posting.owe ? amount >= 0n && amount <= (asked ?? amount) : amount === asked,
    bonus_amount: bonusAmount >= 0n && bonusAmount <= amount,
    balance: balance >= 0n,
    bonus_balance: bonusBalance >= 0n && bonusBalance <= balance,
    held_balance: heldBalance >= 0n && heldBalance <= balance,
    available: available >= 0n && available <= balance - heldBalance,
    hold_id: (receipt.hold_id !== null) === ['hold', 'capture', 'release'].includes(posting.kind),
  };
  return Object.keys(rules).filter((name) => !rules[name]);
}
