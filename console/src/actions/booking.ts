/** What all actions share that book something: their fields, their words, and how one finds out what became of a key. */
import { formatAmount, type Asset } from '../data/amounts.ts';
import { bookedWith, type WalletDetail } from '../data/queries.ts';
import { kindInWords } from '../data/words.ts';
import type { Action, Done, Field, Values } from './action.ts';
import type { Receipt } from './mutations.ts';

export const AMOUNT: Field = { name: 'amount', label: 'Amount', type: 'amount' };
export const REASON: Field = { name: 'reason', label: 'Reason', type: 'text', hint: 'For those who look at it later.' };
export const NOTE: Field = {
  ...REASON,
  label: 'Note',
  isOptional: true,
  hint: 'Such as the reference of the payment.',
};

/** What an action is about. */
export interface Subject {
  wallet: WalletDetail;
  asset: Asset;
}

export const shows =
  ({ code, scale }: Asset) =>
  (units: string | bigint): string =>
    `${formatAmount(units, scale)} ${code}`;

export const metadataOf = ({ reason = '' }: Values): Record<string, string> => (reason === '' ? {} : { reason });

export const orNull = (text: string | undefined): string | null => (text === undefined || text === '' ? null : text);

interface Booking {
  /** The wallet that acts: the key is one of its keys. Where it may have been merged meanwhile, all of its line. */
  walletId: string | readonly string[];
  asset: Asset;
  call: (values: Values, idemKey: string) => Promise<Receipt | null | undefined>;
  /** Whether the balance of the receipt is not the last word. */
  goesOn?: boolean;
}

/** How something is booked once, whatever becomes of the answers. */
export function bookedOnce({
  walletId,
  asset,
  call,
  goesOn = false,
}: Booking): Pick<Action, 'asset' | 'isKeyed' | 'send' | 'check'> {
  const show = shows(asset);
  return {
    asset,
    isKeyed: true,
    send: async (values, key) => booked(show, await call(values, key), goesOn),
    check: async (_values, key) => {
      const found = await Promise.all([walletId].flat().map((id) => bookedWith(id, key)));
      const transfer = found.find((one) => one !== undefined);
      if (!transfer) return undefined;
      const { kind, amount, id } = transfer;
      return {
        text: `It was booked, once: ${kindInWords(kind).toLowerCase()} of ${show(amount)}.`,
        link: { to: 'transfer', id },
      };
    },
  };
}

function booked(show: (units: string) => string, receipt: Receipt | null | undefined, goesOn: boolean): Done {
  if (!receipt) throw new Error('The answer has no receipt');
  const { replayed, balance, available, owed, transferId } = receipt;
  const again = replayed ? 'It had been booked already' : 'Booked';
  const debt = owed === '0' ? '' : ` It owes ${show(owed)}.`;
  return {
    text: `${again}: ${goesOn ? '' : `the balance is ${show(balance)}, of which `}${show(available)} can be spent.${debt}`,
    link: { to: 'transfer', id: transferId },
  };
}
