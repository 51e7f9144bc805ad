/** What may be done with a wallet. */
import { formatAmount, type Asset } from '../data/amounts.ts';
import { bookedWith, type HoldRow, type TransferDetail, type WalletDetail } from '../data/queries.ts';
import { kindInWords } from '../data/words.ts';
import { call } from '../data/api.ts';
import { graphql } from '../data/graphql.ts';
import type { Action, Done, Field, Values } from './action.ts';
import * as mutations from './mutations.ts';

const REASON: Field = { name: 'reason', label: 'Reason', type: 'text', hint: 'For those who look at it later.' };
const NOTE: Field = { ...REASON, label: 'Note', isOptional: true, hint: 'Such as the reference of the payment.' };
const AMOUNT: Field = { name: 'amount', label: 'Amount', type: 'amount' };

const OWE: Field = {
  name: 'owe',
  label: 'What is gone',
  type: 'choice',
  isOptional: true,
  choices: [
    { value: '', label: 'Refuse, if it is not there any more' },
    { value: 'true', label: 'Becomes a debt of the wallet' },
  ],
};

export interface Subject {
  wallet: WalletDetail;
  asset: Asset;
}

const shows =
  ({ code, scale }: Asset) =>
  (units: string | bigint): string =>
    `${formatAmount(units, scale)} ${code}`;

const metadataOf = ({ reason = '' }: Values): Record<string, string> => (reason === '' ? {} : { reason });

function booked(asset: Asset, receipt: mutations.Receipt | null | undefined): Done {
  if (!receipt) throw new Error('The answer has no receipt');
  const show = shows(asset);
  const again = receipt.replayed ? 'It had been booked already' : 'Booked';
  return {
    text: `${again}: the balance is ${show(receipt.balance)}, of which ${show(receipt.available)} can be spent.`,
    link: { to: 'transfer', id: receipt.transferId },
  };
}

const checkKey =
  (walletId: string, asset: Asset): Action['check'] =>
  async (_values, key) => {
    const transfer = await bookedWith(walletId, key);
    if (!transfer) return undefined;
    const { kind, amount, id } = transfer;
    return {
      text: `It was booked, once: ${kindInWords(kind).toLowerCase()} of ${shows(asset)(amount)}.`,
      link: { to: 'transfer', id },
    };
  };

export function topUp({ wallet, asset }: Subject): Action {
  const show = shows(asset);
  return {
    name: 'top_up',
    title: 'Top up',
    button: 'Top up',
    asset,
    fields: [AMOUNT, NOTE],
    sentence: ({ amount = '0' }) =>
      `${wallet.ownerId} gets ${show(amount)} bought with real money; the balance becomes ${show(BigInt(wallet.balance) + BigInt(amount))}.`,
    send: async (values, idemKey) =>
      booked(
        asset,
        await mutations.topUp({
          walletId: wallet.id,
          idemKey,
          amount: values.amount ?? '',
          metadata: metadataOf(values),
        }),
      ),
    check: checkKey(wallet.id, asset),
  };
}

export function bonus({ wallet, asset }: Subject): Action {
  const show = shows(asset);
  return {
    name: 'bonus',
    title: 'Give a bonus',
    button: 'Give',
    asset,
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
    send: async (values, idemKey) =>
      booked(
        asset,
        await mutations.bonus({
          walletId: wallet.id,
          idemKey,
          amount: values.amount ?? '',
          expiresAt: orNull(values.expiresAt),
          metadata: metadataOf(values),
        }),
      ),
    check: checkKey(wallet.id, asset),
  };
}

export function spend({ wallet, asset }: Subject): Action {
  const show = shows(asset);
  return {
    name: 'spend',
    title: 'Spend',
    button: 'Spend',
    asset,
    fields: [AMOUNT, { ...NOTE, hint: 'Such as what was bought.' }],
    sentence: ({ amount = '0' }) => {
      const units = BigInt(amount);
      return units > BigInt(wallet.available)
        ? `${show(units)} are more than the ${show(wallet.available)} that can be spent.`
        : `${wallet.ownerId} pays ${show(units)}, bonus credits first; the balance becomes ${show(BigInt(wallet.balance) - units)}.`;
    },
    send: async (values, idemKey) =>
      booked(
        asset,
        await mutations.spend({
          walletId: wallet.id,
          idemKey,
          amount: values.amount ?? '',
          metadata: metadataOf(values),
        }),
      ),
    check: checkKey(wallet.id, asset),
  };
}

export function release({ wallet, asset }: Subject, hold: HoldRow): Action {
  const show = shows(asset);
  return {
    name: 'release',
    title: 'Release the hold',
    button: 'Release',
    asset,
    fields: [REASON],
    sentence: () =>
      `The hold of ${show(hold.amount)} ends without a purchase; what can be spent becomes ${show(BigInt(wallet.available) + BigInt(hold.amount))}, the balance stays ${show(wallet.balance)}.`,
    send: async (values, idemKey) =>
      booked(
        asset,
        await mutations.release({ walletId: wallet.id, idemKey, holdId: hold.id, metadata: metadataOf(values) }),
      ),
    check: checkKey(wallet.id, asset),
  };
}

const GIVES_BACK = ['spend', 'capture', 'transfer'];
export const REVERSIBLE = ['top_up', 'bonus', ...GIVES_BACK];

/** What has not been reversed of it. */
export function leftToReverse(transfer: TransferDetail): bigint {
  return transfer.reversals.nodes.reduce((left, { amount }) => left - BigInt(amount), BigInt(transfer.amount));
}

/** `balance`: of the wallet that the original acted for. */
export function reverse(transfer: TransferDetail, asset: Asset, balance: string): Action {
  const show = shows(asset);
  const left = leftToReverse(transfer);
  const owner = transfer.wallet?.ownerId ?? 'the wallet';
  return {
    name: 'reverse',
    title: `Reverse the ${kindInWords(transfer.kind).toLowerCase()}`,
    button: 'Reverse',
    isGrave: true,
    asset,
    fields: [
      { ...AMOUNT, isOptional: true, hint: `All that is left, ${show(left)}, if left out.` },
      ...(transfer.kind === 'top_up' ? [OWE] : []),
      REASON,
    ],
    sentence: ({ amount = '', owe = '' }) => {
      const units = amount === '' ? left : BigInt(amount);
      if (units > left) return `${show(units)} are more than the ${show(left)} that are left to reverse.`;
      const isBack = GIVES_BACK.includes(transfer.kind);
      const after = BigInt(balance) + (isBack ? units : -units);
      return isBack
        ? `${owner} gets ${show(units)} back; the balance becomes ${show(after)}.`
        : after < 0n
          ? owe === 'true'
            ? `What ${owner} still has is taken back, and the rest of ${show(units)} becomes a debt of the wallet.`
            : `${show(units)} are more than ${owner} still has, ${show(balance)}.`
          : `${show(units)} are taken back from ${owner}; the balance becomes ${show(after)}.`;
    },
    send: async (values, idemKey) =>
      booked(
        asset,
        await mutations.reverse({
          walletId: transfer.walletId,
          transferId: transfer.id,
          idemKey,
          amount: orNull(values.amount),
          ...(values.owe === 'true' && { owe: true }),
          metadata: metadataOf(values),
        }),
      ),
    check: checkKey(transfer.walletId, asset),
  };
}

const STATUS = {
  freeze: {
    title: 'Freeze the wallet',
    button: 'Freeze',
    status: 'frozen',
    says: (owner: string) =>
      `No credits leave the wallet of ${owner} until it is reopened; they still arrive, and the balance stays.`,
    send: mutations.freeze,
  },
  close: {
    title: 'Close the wallet',
    button: 'Close it',
    status: 'closed',
    says: (owner: string) => `Nothing is booked in the wallet of ${owner} until it is reopened; it has to be empty.`,
    send: mutations.close,
  },
  reopen: {
    title: 'Reopen the wallet',
    button: 'Reopen',
    status: 'open',
    says: (owner: string) => `Everything can be booked in the wallet of ${owner} again; the balance stays.`,
    send: mutations.reopen,
  },
} as const;

/** These need no key: who repeats them finds the wallet as it is. */
export function changeStatus({ wallet, asset }: Subject, name: keyof typeof STATUS): Action {
  const { title, button, status, says, send } = STATUS[name];
  return {
    name,
    title,
    button,
    isGrave: name !== 'reopen',
    asset,
    fields: [REASON],
    sentence: () => says(wallet.ownerId),
    send: async ({ reason = '' }) => {
      await send({ walletId: wallet.id, reason });
      return { text: `Done: the wallet is ${status}.` };
    },
    check: async () => {
      const now = await readStatus(wallet.id);
      return now === status ? { text: `It was done: the wallet is ${status}.` } : undefined;
    },
  };
}

async function readStatus(id: string): Promise<string | undefined> {
  const { wallet } = await call(StatusQuery, { id });
  return wallet?.status;
}

const StatusQuery = graphql(`
  query Status($id: UUID!) {
    wallet(id: $id) {
      id
      status
    }
  }
`);

const IdQuery = graphql(`
  query WalletIdOf($ownerId: String!, $assetCode: String!) {
    walletId(ownerId: $ownerId, assetCode: $assetCode)
  }
`);

export function openWallet(assets: readonly { code: string; name: string }[], ownerId = ''): Action {
  return {
    name: 'open',
    title: 'Open a wallet',
    button: 'Open',
    asset: undefined,
    fields: [
      { name: 'ownerId', label: 'Owner', type: 'text', hint: "The player's account number, never an e-mail address." },
      {
        name: 'assetCode',
        label: 'Asset',
        type: 'choice',
        choices: assets.map(({ code, name }) => ({ value: code, label: `${code} (${name})` })),
      },
    ],
    initial: { ownerId, assetCode: assets[0]?.code ?? '' },
    sentence: (values) =>
      `${values.ownerId ?? ''} has a wallet of ${values.assetCode ?? ''} then, with a balance of 0; one that is there already stays as it is.`,
    send: async ({ ownerId = '', assetCode = '' }) => {
      const wallet = await mutations.open({ ownerId, assetCode });
      if (!wallet) throw new Error('The answer has no wallet');
      return { text: 'The wallet is there.', link: { to: 'wallet', id: wallet.id } };
    },
    check: async ({ ownerId = '', assetCode = '' }) => {
      const { walletId: id } = await call(IdQuery, { ownerId, assetCode });
      if (!id || (await readStatus(id)) === undefined) return undefined;
      return { text: 'It was opened.', link: { to: 'wallet', id } };
    },
  };
}

const LIMITS: Record<keyof mutations.Limits, string> = {
  maxSpend: 'Largest single spend',
  maxTransfer: 'Largest single transfer',
  maxBalance: 'Largest balance',
  maxDailyTopUp: 'Most topped up in 24 hours',
  maxDailyBonus: 'Most bonuses in 24 hours',
  maxDailySpend: 'Most spent in 24 hours',
  maxDailyTransfer: 'Most sent in 24 hours',
};
export const LIMIT_NAMES = Object.entries(LIMITS) as [keyof mutations.Limits, string][];

interface LimitsOf {
  title: string;
  asset: Asset;
  now: mutations.Limits | null;
  hint: string;
  none: string;
  whose: string;
  send: (limits: mutations.Limits) => Promise<unknown>;
  readNow: () => Promise<mutations.Limits | null>;
}

function limitsAction({ title, asset, now, hint, none, whose, send, readNow }: LimitsOf): Action {
  return {
    name: 'limits',
    title,
    button: 'Set the limits',
    asset,
    fields: LIMIT_NAMES.map(([name, label]) => ({ name, label, type: 'amount' as const, isOptional: true, hint })),
    initial: Object.fromEntries(LIMIT_NAMES.map(([name]) => [name, now?.[name] ?? ''])),
    sentence: (values) => {
      const set = LIMIT_NAMES.filter(([name]) => (values[name] ?? '') !== '');
      const list = set.map(([name, label]) => `${label.toLowerCase()} ${shows(asset)(values[name] ?? '')}`).join('; ');
      return set.length === 0 ? `${none} No balance changes.` : `${whose} from now on: ${list}. No balance changes.`;
    },
    send: async (values) => {
      await send(limitsOf(values));
      return { text: 'Done: the limits are in force.' };
    },
    check: async (values) => {
      const there = await readNow();
      const wanted = limitsOf(values);
      const isSame = LIMIT_NAMES.every(([name]) => (there?.[name] ?? null) === wanted[name]);
      return isSame ? { text: 'It was done: the limits are in force.' } : undefined;
    },
  };
}

export function setLimits(
  asset: Asset,
  now: mutations.Limits | null,
  readNow: () => Promise<mutations.Limits | null>,
): Action {
  return limitsAction({
    title: `Limits of ${asset.code}`,
    asset,
    now,
    hint: 'None if left out.',
    none: `Wallets of ${asset.code} have no limits then.`,
    whose: `For each wallet of ${asset.code}`,
    send: (limits) => mutations.setLimits({ assetCode: asset.code, ...limits }),
    readNow,
  });
}

/** Those of one wallet go before those of its asset. */
export function setWalletLimits({ wallet, asset }: Subject, readNow: () => Promise<mutations.Limits | null>): Action {
  return limitsAction({
    title: 'Limits of the wallet',
    asset,
    now: wallet.limits,
    hint: `That of ${asset.code} if left out.`,
    none: `The wallet of ${wallet.ownerId} has the limits of ${asset.code} then, and none of its own.`,
    whose: `For the wallet of ${wallet.ownerId} alone`,
    send: (limits) => mutations.setWalletLimits({ walletId: wallet.id, ...limits }),
    readNow,
  });
}

const orNull = (text: string | undefined): string | null => (text === undefined || text === '' ? null : text);

function limitsOf(values: Values): mutations.Limits {
  return Object.fromEntries(LIMIT_NAMES.map(([name]) => [name, orNull(values[name])])) as mutations.Limits;
}
