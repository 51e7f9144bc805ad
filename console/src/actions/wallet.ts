/** What is booked in one wallet. */
import type { HoldRow } from '../data/queries.ts';
import type { Action } from './action.ts';
import { AMOUNT, bookedOnce, metadataOf, NOTE, orNull, REASON, shows, type Subject } from './booking.ts';
import * as mutations from './mutations.ts';

/** `collects`: whether top-ups of the asset pay what is owed first. */
export function topUp({ wallet, asset }: Subject, collects: boolean): Action {
  const show = shows(asset);
  const owed = collects ? BigInt(wallet.owed) : 0n;
  return {
    name: 'top_up',
    title: 'Top up',
    button: 'Top up',
    fields: [AMOUNT, NOTE],
    sentence: ({ amount = '0' }) => {
      const units = BigInt(amount);
      const pays = units < owed ? units : owed;
      const paid = pays === 0n ? '' : `, of which ${show(pays)} pay what is owed`;
      return `${wallet.ownerId} gets ${show(units)} bought with real money${paid}; the balance becomes ${show(BigInt(wallet.balance) + units - pays)}.`;
    },
    ...bookedOnce({
      walletId: wallet.id,
      asset,
      goesOn: owed > 0n,
      call: (values, idemKey) =>
        mutations.topUp({
          walletId: wallet.id,
          idemKey,
          amount: values.amount ?? '',
          metadata: metadataOf(values),
        }),
    }),
  };
}

export function bonus({ wallet, asset }: Subject): Action {
  const show = shows(asset);
  return {
    name: 'bonus',
    title: 'Give a bonus',
    button: 'Give',
    fields: [
      AMOUNT,
      {
        name: 'expiresAt',
        label: 'Expires',
        type: 'moment',
        isOptional: true,
        hint: 'In your time zone; never if left out.',
      },
      REASON,
    ],
    sentence: ({ amount = '0', expiresAt = '' }) =>
      `${wallet.ownerId} gets ${show(amount)} as a gift of the house${expiresAt === '' ? '' : ', until they expire'}; the balance becomes ${show(BigInt(wallet.balance) + BigInt(amount))}.`,
    ...bookedOnce({
      walletId: wallet.id,
      asset,
      call: (values, idemKey) =>
        mutations.bonus({
          walletId: wallet.id,
          idemKey,
          amount: values.amount ?? '',
          expiresAt: orNull(values.expiresAt),
          metadata: metadataOf(values),
        }),
    }),
  };
}

export function spend({ wallet, asset }: Subject): Action {
  const show = shows(asset);
  return {
    name: 'spend',
    title: 'Spend',
    button: 'Spend',
    fields: [AMOUNT, { ...NOTE, hint: 'Such as what was bought.' }],
    sentence: ({ amount = '0' }) => {
      const units = BigInt(amount);
      return units > BigInt(wallet.available)
        ? `${show(units)} are more than the ${show(wallet.available)} that can be spent.`
        : `${wallet.ownerId} pays ${show(units)}, bonus credits first; the balance becomes ${show(BigInt(wallet.balance) - units)}.`;
    },
    ...bookedOnce({
      walletId: wallet.id,
      asset,
      call: (values, idemKey) =>
        mutations.spend({
          walletId: wallet.id,
          idemKey,
          amount: values.amount ?? '',
          metadata: metadataOf(values),
        }),
    }),
  };
}

export function release({ wallet, asset }: Subject, hold: HoldRow): Action {
  const show = shows(asset);
  return {
    name: 'release',
    title: 'Release the hold',
    button: 'Release',
    fields: [REASON],
    sentence: () =>
      `The hold of ${show(hold.amount)} ends without a purchase; what can be spent becomes ${show(BigInt(wallet.available) + BigInt(hold.amount))}, the balance stays ${show(wallet.balance)}.`,
    ...bookedOnce({
      walletId: wallet.id,
      asset,
      call: (values, idemKey) =>
        mutations.release({ walletId: wallet.id, idemKey, holdId: hold.id, metadata: metadataOf(values) }),
    }),
  };
}

/** A correction, which counts for no limit and is not reversed. */
export function adjust({ wallet, asset }: Subject): Action {
  const show = shows(asset);
  return {
    name: 'adjust',
    title: 'Correct the balance',
    button: 'Correct it',
    isGrave: true,
    fields: [
      {
        name: 'side',
        label: 'Which way',
        type: 'choice',
        choices: [
          { value: 'credit', label: 'Give credits to the wallet' },
          { value: 'debit', label: 'Take credits out of it' },
        ],
      },
      AMOUNT,
      { ...REASON, hint: 'The owner of the wallet may read it.' },
    ],
    initial: { side: 'credit' },
    sentence: ({ amount = '0', side }) => {
      const units = BigInt(amount);
      const after = show(BigInt(wallet.balance) + (side === 'debit' ? -units : units));
      if (side === 'credit') {
        return `${wallet.ownerId} gets ${show(units)} as a correction, which count as paid for; the balance becomes ${after}.`;
      }
      return units > BigInt(wallet.available)
        ? `${show(units)} are more than the ${show(wallet.available)} that are free.`
        : `${show(units)} are taken from ${wallet.ownerId} as a correction, bonus credits first; the balance becomes ${after}.`;
    },
    ...bookedOnce({
      walletId: wallet.id,
      asset,
      call: ({ side, amount = '', reason = '' }, idemKey) =>
        mutations.adjust({
          walletId: wallet.id,
          idemKey,
          side: side === 'debit' ? 'debit' : 'credit',
          amount,
          reason,
        }),
    }),
  };
}

/** Takes credits for what the wallet owes. */
export function collect({ wallet, asset }: Subject): Action {
  const show = shows(asset);
  const owed = BigInt(wallet.owed);
  const most = BigInt(wallet.available) < owed ? BigInt(wallet.available) : owed;
  return {
    name: 'collect',
    title: 'Collect what is owed',
    button: 'Collect',
    isGrave: true,
    fields: [
      { ...AMOUNT, hint: 'Of paid credits that are not reserved.' },
      { ...NOTE, hint: 'Such as the ticket.' },
    ],
    initial: { amount: most > 0n ? String(most) : '' },
    sentence: ({ amount = '0' }) => {
      const units = BigInt(amount);
      return units > owed
        ? `${show(units)} are more than the ${show(owed)} that ${wallet.ownerId} owes.`
        : `${wallet.ownerId} pays ${show(units)} of the debt; the balance becomes ${show(BigInt(wallet.balance) - units)}, the debt ${show(owed - units)}.`;
    },
    ...bookedOnce({
      walletId: wallet.id,
      asset,
      call: (values, idemKey) =>
        mutations.collect({
          walletId: wallet.id,
          idemKey,
          amount: values.amount ?? '',
          metadata: metadataOf(values),
        }),
    }),
  };
}

/** Gives up what the wallet owes. */
export function forgive({ wallet, asset }: Subject): Action {
  const show = shows(asset);
  const owed = BigInt(wallet.owed);
  return {
    name: 'forgive',
    title: 'Forgive what is owed',
    button: 'Forgive it',
    isGrave: true,
    fields: [AMOUNT, { ...REASON, hint: 'The owner of the wallet may read it.' }],
    initial: { amount: owed > 0n ? wallet.owed : '' },
    sentence: ({ amount = '0' }) => {
      const units = BigInt(amount);
      return units > owed
        ? `${show(units)} are more than the ${show(owed)} that ${wallet.ownerId} owes.`
        : `The house gives up ${show(units)} that ${wallet.ownerId} owes; the debt becomes ${show(owed - units)}, the balance stays ${show(wallet.balance)}.`;
    },
    ...bookedOnce({
      walletId: wallet.id,
      asset,
      call: ({ amount = '', reason = '' }, idemKey) =>
        mutations.forgive({ walletId: wallet.id, idemKey, amount, reason }),
    }),
  };
}
