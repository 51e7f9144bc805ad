/** Many calls in one, each for itself: what its caller makes of the outcome of each. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Receipt } from '../helpers.ts';
import type { Chance } from './chance.ts';
import type { Posting } from './operations.ts';
import type { ItemOutcome, Outcome } from './outcome.ts';
import type { Tally } from './tally.ts';

export interface Member {
  posting: Posting;
  /** A misuse has the key of another call. */
  as: 'own' | 'repetition' | 'misuse';
}

/** The last word on a member; without either of the two there was no answer to be made use of. */
export interface Word {
  receipt?: Receipt;
  /** Also where it was skipped, and not sent again. */
  refusal?: string;
  /** An attempt went unanswered. */
  inDoubt: boolean;
}

export const GIVEN_UP = 'skipped, and given up';

/** By which items may be refused. All else would be another item's, or wrong. */
const EXPECTED = ['HOLD_NOT_OPEN', 'INSUFFICIENT_FUNDS', 'NOT_REVERSIBLE', 'WALLET_CLOSED', 'WALLET_FROZEN'];

/** Sends them until each has its last word: those that were skipped are sent again, or given up. */
export async function settleGroup(
  members: Member[],
  send: (postings: Posting[]) => Promise<{ outcome: Outcome; inDoubt: boolean }>,
  { chance, tally }: { chance: Chance; tally: Tally },
): Promise<Word[]> {
  const all = members.map((member) => ({ ...member, word: { inDoubt: false } }));
  for (let left = all; left.length > 0; await sleep(chance.int(5, 80))) {
    const { outcome, inDoubt } = await send(left.map(({ posting }) => posting));
    if (outcome.kind !== 'each' || outcome.items.length !== left.length) {
      tally.find(`a group of ${left.length} was answered by ${JSON.stringify(outcome)}`);
      break;
    }
    const { items } = outcome;
    left = left.filter(({ word, ...member }, place) => {
      const item = items[place];
      word.inDoubt ||= inDoubt;
      return item !== undefined && isLeft(member, item, word, { chance, tally });
    });
  }
  return all.map(({ word }) => word);
}

/** Whether it is to be sent again; otherwise that is its last word. */
function isLeft(
  member: Member,
  item: ItemOutcome,
  word: Word,
  { chance, tally }: { chance: Chance; tally: Tally },
): boolean {
  switch (item.kind) {
    case 'done':
      word.receipt = item.receipt;
      if (word.inDoubt && member.as === 'own')
        tally.count('resolved', item.receipt.replayed ? 'had been booked' : 'had not been booked, is now');
      return false;
    case 'refused':
      word.refusal = item.code;
      if (!isExpected(member, item))
        tally.find(`one of many was refused by ${JSON.stringify(item)}: ${JSON.stringify(member)}`);
      return false;
    case 'again':
      tally.count('operations', `sent again: ${item.code}, one of many`);
      if (chance.happens(70)) return true;
      word.refusal = GIVEN_UP;
      return false;
  }
}

/** A refusal that tells of another wallet or amount is another item's. */
function isExpected({ posting, as }: Member, { code, facts }: ItemOutcome & { kind: 'refused' }): boolean {
  if (as === 'misuse') return code === 'IDEMPOTENCY_KEY_REUSED';
  if (code === 'INVALID_ARGUMENT')
    return (
      // It took so long that the expiry it asks for has passed.
      (facts.argument === 'expires_at' && posting.expiresAt !== undefined) ||
      (facts.argument === 'wallet_id' && facts.wallet_id === posting.wallet && posting.kind === 'opening') ||
      (facts.argument === 'from_wallet' && facts.wallet_id === posting.wallet && posting.kind === 'merge')
    );
  // Others paid or forgave of what it owed when somebody was told.
  if (code === 'LIMIT_EXCEEDED')
    return (
      facts.limit === 'owed' &&
      facts.wallet_id === posting.wallet &&
      ['collection', 'forgiveness'].includes(posting.kind)
    );
  if (!EXPECTED.includes(code)) return false;
  // Who received what is taken back, and how much of it is there, the request does not say.
  if (posting.kind === 'reversal') return true;
  const { wallet_id = posting.wallet, requested } = facts as { wallet_id?: string; requested?: string };
  return (
    [posting.wallet, posting.counterparty].includes(wallet_id) &&
    (requested === undefined || posting.amount === null || requested === String(posting.amount))
  );
}
