/** What moves credits between two wallets: of one owner, or of two. */
import type { Asset } from '../data/amounts.ts';
import type { WalletDetail, WalletRow } from '../data/queries.ts';
import type { Action } from './action.ts';
import { AMOUNT, bookedOnce, metadataOf, NOTE, REASON, shows, type Subject } from './booking.ts';
import * as mutations from './mutations.ts';

/** `others`: the owner's wallets of other assets. */
export function exchange(
  { wallet, asset }: Subject,
  others: readonly WalletRow[],
  assetOf: (code: string) => Asset,
): Action {
  const show = shows(asset);
  const otherOf = (id: string | undefined): WalletRow | undefined => others.find((one) => one.id === id);
  const otherAsset = ({ toWallet }: { toWallet?: string }): Asset | undefined => {
    const other = otherOf(toWallet);
    return other && assetOf(other.assetCode);
  };
  return {
    name: 'exchange',
    title: 'Exchange for another asset',
    button: 'Exchange',
    fields: [
      { ...AMOUNT, label: 'Leaves' },
      {
        name: 'toWallet',
        label: 'For credits of',
        type: 'choice',
        choices: others.map(({ id, assetCode, balance }) => ({
          value: id,
          label: `${assetCode}, balance ${shows(assetOf(assetCode))(balance)}`,
        })),
      },
      {
        ...AMOUNT,
        name: 'toAmount',
        label: 'Arrives',
        assetOf: otherAsset,
        hint: 'With what leaves, this is the rate.',
      },
      { ...NOTE, hint: 'Such as the offer.' },
    ],
    initial: { toWallet: others[0]?.id ?? '' },
    sentence: ({ amount = '0', toAmount = '0', toWallet = '' }) => {
      const units = BigInt(amount);
      const other = otherOf(toWallet);
      const its = otherAsset({ toWallet });
      if (!other || !its) return 'Choose what is got for it.';
      if (units > BigInt(wallet.available)) {
        return `${show(units)} are more than the ${show(wallet.available)} that can be exchanged.`;
      }
      const after = shows(its)(BigInt(other.balance) + BigInt(toAmount));
      return `${wallet.ownerId} gives ${show(units)}, bonus credits first, and gets ${shows(its)(toAmount)}; the balances become ${show(BigInt(wallet.balance) - units)} and ${after}.`;
    },
    ...bookedOnce({
      walletId: wallet.id,
      asset,
      call: (values, idemKey) =>
        mutations.exchange({
          fromWallet: wallet.id,
          toWallet: values.toWallet ?? '',
          idemKey,
          amount: values.amount ?? '',
          toAmount: values.toAmount ?? '',
          metadata: metadataOf(values),
        }),
    }),
  };
}

/** Everything moves to another owner's wallet of the asset, for good. */
export function merge({ wallet, asset }: { wallet: WalletDetail; asset: Asset }): Action {
  const show = shows(asset);
  return {
    name: 'merge',
    title: 'Merge into another wallet',
    button: 'Merge them',
    isGrave: true,
    fields: [
      {
        name: 'toWallet',
        label: 'Owner of the other wallet',
        type: 'owner',
        hint: `It gets everything, and answers for ${wallet.ownerId} from then on.`,
      },
      { ...REASON, hint: `${wallet.ownerId} may read it.` },
    ],
    sentence: (_values, other) => {
      if (!other) return 'Say which wallet gets everything.';
      const what = `${show(wallet.balance)}${wallet.owed === '0' ? '' : ` and a debt of ${show(wallet.owed)}`}`;
      const after = show(BigInt(other.balance) + BigInt(wallet.balance));
      return `All that ${wallet.ownerId} has, ${what}, moves to ${other.ownerId}, whose balance becomes ${after}; the wallet of ${wallet.ownerId} is closed for good. This is not reversed.`;
    },
    ...bookedOnce({
      walletId: wallet.id,
      asset,
      call: ({ toWallet = '', reason = '' }, idemKey) =>
        mutations.merge({ fromWallet: wallet.id, toWallet, idemKey, reason }),
    }),
  };
}
