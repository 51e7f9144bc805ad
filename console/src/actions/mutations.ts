/** The calls that change something. */
import { call } from '../data/api.ts';
import { graphql, type ResultOf, type VariablesOf } from '../data/graphql.ts';

const ReceiptFields = graphql(`
  fragment ReceiptFields on Receipt {
    transferId
    amount
    bonusAmount
    balance
    available
    owed
    replayed
  }
`);

const TopUp = graphql(
  `
    mutation TopUp($input: WalletTopUpInput!) {
      done: walletTopUp(input: $input) {
        receipt {
          ...ReceiptFields
        }
      }
    }
  `,
  [ReceiptFields],
);

const Bonus = graphql(
  `
    mutation Bonus($input: WalletBonusInput!) {
      done: walletBonus(input: $input) {
        receipt {
          ...ReceiptFields
        }
      }
    }
  `,
  [ReceiptFields],
);

const Spend = graphql(
  `
    mutation Spend($input: WalletSpendInput!) {
      done: walletSpend(input: $input) {
        receipt {
          ...ReceiptFields
        }
      }
    }
  `,
  [ReceiptFields],
);

const Reverse = graphql(
  `
    mutation Reverse($input: WalletReverseInput!) {
      done: walletReverse(input: $input) {
        receipt {
          ...ReceiptFields
        }
      }
    }
  `,
  [ReceiptFields],
);

const Release = graphql(
  `
    mutation Release($input: WalletReleaseInput!) {
      done: walletRelease(input: $input) {
        receipt {
          ...ReceiptFields
        }
      }
    }
  `,
  [ReceiptFields],
);

const Adjust = graphql(
  `
    mutation Adjust($input: WalletAdjustInput!) {
      done: walletAdjust(input: $input) {
        receipt {
          ...ReceiptFields
        }
      }
    }
  `,
  [ReceiptFields],
);

const Collect = graphql(
  `
    mutation Collect($input: WalletCollectInput!) {
      done: walletCollect(input: $input) {
        receipt {
          ...ReceiptFields
        }
      }
    }
  `,
  [ReceiptFields],
);

const Forgive = graphql(
  `
    mutation Forgive($input: WalletForgiveInput!) {
      done: walletForgive(input: $input) {
        receipt {
          ...ReceiptFields
        }
      }
    }
  `,
  [ReceiptFields],
);

const Exchange = graphql(
  `
    mutation Exchange($input: WalletExchangeInput!) {
      done: walletExchange(input: $input) {
        receipt {
          ...ReceiptFields
        }
      }
    }
  `,
  [ReceiptFields],
);

const Merge = graphql(
  `
    mutation Merge($input: WalletMergeInput!) {
      done: walletMerge(input: $input) {
        receipt {
          ...ReceiptFields
        }
      }
    }
  `,
  [ReceiptFields],
);

const Freeze = graphql(`
  mutation Freeze($input: WalletFreezeInput!) {
    done: walletFreeze(input: $input) {
      wallet {
        id
        status
      }
    }
  }
`);

const Close = graphql(`
  mutation Close($input: WalletCloseInput!) {
    done: walletClose(input: $input) {
      wallet {
        id
        status
      }
    }
  }
`);

const Reopen = graphql(`
  mutation Reopen($input: WalletReopenInput!) {
    done: walletReopen(input: $input) {
      wallet {
        id
        status
      }
    }
  }
`);

const Open = graphql(`
  mutation Open($input: WalletOpenInput!) {
    done: walletOpen(input: $input) {
      wallet {
        id
        status
      }
    }
  }
`);

const Limits = graphql(`
  mutation Limits($input: AssetLimitSetInput!) {
    done: assetLimitSet(input: $input) {
      limits {
        seq
      }
    }
  }
`);

const WalletLimits = graphql(`
  mutation WalletLimits($input: WalletLimitSetInput!) {
    done: walletLimitSet(input: $input) {
      limits {
        seq
      }
    }
  }
`);

export type Receipt = NonNullable<NonNullable<ResultOf<typeof TopUp>['done']>['receipt']>;

interface Keyed {
  idemKey: string;
}
interface Booking extends Keyed {
  walletId: string;
  metadata: Record<string, string>;
}

export const topUp = async (input: Booking & { amount: string }) => (await call(TopUp, { input })).done?.receipt;
export const spend = async (input: Booking & { amount: string }) => (await call(Spend, { input })).done?.receipt;
export const bonus = async (input: Booking & { amount: string; expiresAt: string | null }) =>
  (await call(Bonus, { input })).done?.receipt;
export const reverse = async (input: Booking & { transferId: string; amount: string | null; owe?: boolean }) =>
  (await call(Reverse, { input })).done?.receipt;
export const release = async (input: Booking & { holdId: string }) => (await call(Release, { input })).done?.receipt;

export const adjust = async (
  input: Keyed & { walletId: string; side: 'credit' | 'debit'; amount: string; reason: string },
) => (await call(Adjust, { input })).done?.receipt;
export const collect = async (input: Booking & { amount: string }) => (await call(Collect, { input })).done?.receipt;
export const forgive = async (input: Keyed & { walletId: string; amount: string; reason: string }) =>
  (await call(Forgive, { input })).done?.receipt;
export const exchange = async (
  input: Omit<Booking, 'walletId'> & { fromWallet: string; toWallet: string; amount: string; toAmount: string },
) => (await call(Exchange, { input })).done?.receipt;
export const merge = async (input: Keyed & { fromWallet: string; toWallet: string; reason: string }) =>
  (await call(Merge, { input })).done?.receipt;

export const freeze = async (input: { walletId: string; reason: string }) =>
  (await call(Freeze, { input })).done?.wallet;
export const close = async (input: { walletId: string; reason: string }) => (await call(Close, { input })).done?.wallet;
export const reopen = async (input: { walletId: string; reason: string }) =>
  (await call(Reopen, { input })).done?.wallet;
export const open = async (input: { ownerId: string; assetCode: string }) => (await call(Open, { input })).done?.wallet;

/** All that there are: a limit that is not sent is taken away. */
export type Limits = Record<
  Exclude<keyof VariablesOf<typeof Limits>['input'], 'assetCode' | 'clientMutationId'>,
  string | null
>;
export const setLimits = async (input: Limits & { assetCode: string }) => (await call(Limits, { input })).done?.limits;
export const setWalletLimits = async (input: Limits & { walletId: string }) =>
  (await call(WalletLimits, { input })).done?.limits;
