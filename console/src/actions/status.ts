/** Opening, freezing, closing and reopening. */
import { call } from '../data/api.ts';
import { graphql } from '../data/graphql.ts';
import type { Action } from './action.ts';
import { REASON, type Subject } from './booking.ts';
import * as mutations from './mutations.ts';

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
    isKeyed: false,
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
    isKeyed: false,
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
