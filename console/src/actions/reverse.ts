/** What is taken back of a transfer: a refund, a chargeback, a gift in error. */
import type { Asset } from '../data/amounts.ts';
import type { BalancePart, TransferDetail, WalletDetail } from '../data/queries.ts';
import { kindInWords } from '../data/words.ts';
import type { Action, Field, Values } from './action.ts';
import { AMOUNT, bookedOnce, metadataOf, orNull, REASON, shows } from './booking.ts';
import * as mutations from './mutations.ts';

export const REVERSIBLE = ['top_up', 'bonus', 'spend', 'capture', 'transfer', 'exchange'];

const OWE: Field = {
  name: 'owe',
  label: 'What is gone of it',
  type: 'choice',
  isOptional: true,
  choices: [
    { value: '', label: 'Refuse, if something is gone' },
    { value: 'true', label: 'Becomes a debt of the wallet' },
  ],
};

interface About {
  transfer: TransferDetail;
  asset: Asset;
  /** That the original acted for, or where that was merged its successor; and what its balance consists of. */
  wallet: WalletDetail;
  parts: readonly BalancePart[];
  /** The wallets from the first to the last of that line. */
  line: readonly string[];
}

export function reverse(about: About): Action {
  const { transfer, asset, wallet, line } = about;
  const show = shows(asset);
  const isExchange = transfer.kind === 'exchange';
  return {
    name: 'reverse',
    title: `Reverse the ${kindInWords(transfer.kind).toLowerCase()}`,
    button: 'Reverse',
    isGrave: true,
    fields: [
      // An exchange goes back as a whole.
      ...(isExchange
        ? []
        : [{ ...AMOUNT, isOptional: true, hint: `All that is left, ${show(transfer.reversible)}, if left out.` }]),
      ...(transfer.kind === 'top_up' ? [OWE] : []),
      REASON,
    ],
    sentence: (values) => sentenceOf(about, values),
    ...bookedOnce({
      walletId: line,
      asset,
      call: (values, idemKey) =>
        mutations.reverse({
          walletId: wallet.id,
          transferId: transfer.id,
          idemKey,
          amount: orNull(values.amount),
          ...(values.owe === 'true' && { owe: true }),
          metadata: metadataOf(values),
        }),
    }),
  };
}

function sentenceOf({ transfer, asset, wallet, parts }: About, { amount = '', owe = '' }: Values): string {
  const show = shows(asset);
  const left = BigInt(transfer.reversible);
  const units = amount === '' ? left : BigInt(amount);
  const balance = BigInt(wallet.balance);
  const owner = wallet.ownerId;
  if (units > left) return `${show(units)} are more than the ${show(left)} that are left to reverse.`;
  // Whoever paid gets it back.
  if (transfer.debitWalletId === transfer.walletId) {
    const also = transfer.kind === 'exchange' ? ', and gives back what they got for it' : '';
    return `${owner} gets ${show(units)} back${also}; the balance becomes ${show(balance + units)}.`;
  }
  const there = stillThere(transfer, parts);
  if (there === undefined || units <= there) {
    return `${show(units)} are taken back from ${owner}; the balance becomes ${show(balance - units)}.`;
  }
  if (owe !== 'true') return `${show(units)} are more than the ${show(there)} of it that ${owner} still has free.`;
  return `${show(there)}, which is what ${owner} still has free, are taken back, and ${show(units - there)} become a debt of the wallet; the balance becomes ${show(balance - there)}.`;
}

/** Of a top-up, paid credits that are not reserved; of a bonus that expires, what is left of it. */
function stillThere({ kind, id }: TransferDetail, parts: readonly BalancePart[]): bigint | undefined {
  const free = parts.filter(({ holdId }) => holdId === null);
  const sum = (some: readonly BalancePart[]): bigint => some.reduce((all, part) => all + BigInt(part.amount), 0n);
  if (kind === 'top_up') return sum(free.filter(({ source }) => source === 'paid'));
  const ofIt = parts.some(({ transferId }) => transferId === id);
  return kind === 'bonus' && ofIt ? sum(free.filter(({ transferId }) => transferId === id)) : undefined;
}
