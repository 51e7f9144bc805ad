/** How much at once and a day: for all wallets of an asset, or for one. */
import { OF_LIMITS, type Asset } from '../data/amounts.ts';
import type { Action, Values } from './action.ts';
import { orNull, shows, type Subject } from './booking.ts';
import * as mutations from './mutations.ts';

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
    isKeyed: false,
    asset,
    fields: LIMIT_NAMES.map(([name, label]) => ({
      name,
      label,
      type: 'amount' as const,
      isOptional: true,
      hint,
      bounds: OF_LIMITS,
    })),
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

function limitsOf(values: Values): mutations.Limits {
  return Object.fromEntries(LIMIT_NAMES.map(([name]) => [name, orNull(values[name])])) as mutations.Limits;
}
