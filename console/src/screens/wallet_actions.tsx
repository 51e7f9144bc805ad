/** What may be done with a wallet, what is in the way, and the dialog of what is being done. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { Action } from '../actions/action.ts';
import type { Subject } from '../actions/booking.ts';
import { ActionDialog } from '../actions/dialog.tsx';
import { setWalletLimits } from '../actions/limits.ts';
import { changeStatus } from '../actions/status.ts';
import { exchange, merge } from '../actions/two_wallets.ts';
import { adjust, bonus, collect, forgive, release, spend, topUp } from '../actions/wallet.ts';
import type { Asset } from '../data/amounts.ts';
import { useAssets } from '../data/assets.ts';
import {
  holdQuery,
  ownersWalletsQuery,
  UUID,
  walletQuery,
  type WalletDetail,
  type WalletRow,
} from '../data/queries.ts';
import { useRight, type Right } from '../data/rights.ts';
import { useKeys } from '../parts/keys.tsx';
import { More } from '../parts/more.tsx';
import { Amount } from '../parts/shown.tsx';

const route = getRouteApi('/wallets/$id');

/** What each needs, and what its button says; an action without words has its button elsewhere. */
const ACTIONS: Record<string, { right: Right; label?: string; isAlsoClosed?: boolean }> = {
  top_up: { right: 'book' },
  bonus: { right: 'book' },
  spend: { right: 'book' },
  exchange: { right: 'book', label: 'Exchange…' },
  adjust: { right: 'correct', label: 'Correct the balance…' },
  merge: { right: 'correct', label: 'Merge into another…' },
  limits: { right: 'correct', label: 'Limits…', isAlsoClosed: true },
  freeze: { right: 'correct', label: 'Freeze…' },
  close: { right: 'correct', label: 'Close…' },
  reopen: { right: 'correct' },
  collect: { right: 'correct' },
  forgive: { right: 'correct' },
};

function useAct(): (name: string | undefined) => void {
  const navigate = useNavigate({ from: '/wallets/$id' });
  return (name) => void navigate({ search: (now) => ({ ...now, do: name, hold: undefined }) });
}

/** The owner's wallets of other assets. */
export function useOthers({ id, ownerId }: WalletRow): readonly WalletRow[] {
  const { data = [] } = useQuery(ownersWalletsQuery(ownerId));
  return data.filter((wallet) => wallet.id !== id);
}

export function Actions(subject: Subject) {
  const { wallet } = subject;
  const act = useAct();
  const mayBook = useRight('book');
  const mayCorrect = useRight('correct');
  const others = useOthers(wallet);
  const isClosed = wallet.status === 'closed';
  useKeys(mayBook && !isClosed ? { t: () => act('top_up'), b: () => act('bonus'), s: () => act('spend') } : {});
  if (!mayBook) return null;
  const offered = Object.entries(ACTIONS).filter(
    ([name, { right, label }]) =>
      label !== undefined &&
      (right === 'book' || mayCorrect) &&
      (name !== 'exchange' || others.length > 0) &&
      (name !== 'freeze' || wallet.status === 'open'),
  );
  return (
    <div className="actions">
      <button type="button" className="primary" disabled={isClosed} onClick={() => act('top_up')}>
        Top up
      </button>
      <button type="button" disabled={isClosed} onClick={() => act('bonus')}>
        Bonus
      </button>
      <button type="button" disabled={isClosed} onClick={() => act('spend')}>
        Spend
      </button>
      {offered.length > 0 && (
        <More label="More">
          {offered.map(([name, { label, isAlsoClosed }]) => (
            <button key={name} type="button" disabled={isClosed && !isAlsoClosed} onClick={() => act(name)}>
              {label}
            </button>
          ))}
        </More>
      )}
    </div>
  );
}

/** What keeps others from doing as usual with the wallet, and what an operator can do about it. */
export function Notices({ wallet, asset }: Subject) {
  const { status, mergedInto, owed } = wallet;
  return (
    <>
      {mergedInto ? (
        <Notice>
          It was merged into the wallet of{' '}
          <Link to="/wallets/$id" params={{ id: mergedInto.id }}>
            {mergedInto.ownerId}
          </Link>
          , which has its credits and answers for it.
        </Notice>
      ) : (
        status !== 'open' && (
          <Notice actions={[['reopen', 'Reopen']]}>
            {status === 'frozen'
              ? 'The wallet is frozen: no credits leave it.'
              : 'The wallet is closed: nothing is booked.'}
          </Notice>
        )
      )}
      {owed !== '0' && (
        <Notice
          actions={[
            ['collect', 'Collect'],
            ['forgive', 'Forgive'],
          ]}
        >
          {wallet.ownerId} owes <Amount units={owed} scale={asset.scale} code={asset.code} />: credits that were taken
          back when they had been spent.
        </Notice>
      )}
    </>
  );
}

function Notice({ actions = [], children }: { actions?: readonly (readonly [string, string])[]; children: ReactNode }) {
  const act = useAct();
  const mayCorrect = useRight('correct');
  return (
    <div className="notice with-actions">
      <p>{children}</p>
      {mayCorrect && actions.length > 0 && (
        <div className="actions">
          {actions.map(([name, label]) => (
            <button key={name} type="button" className="small" onClick={() => act(name)}>
              {label}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

/** An action that was sent goes on, whatever has become of the wallet since. */
export function Doing(subject: Subject) {
  const { wallet } = subject;
  const { do: name = '', hold: holdId } = route.useSearch();
  const act = useAct();
  const readLimits = useLimitsNow(wallet.id);
  const others = useOthers(wallet);
  const { query: assets, assetOf } = useAssets();
  const collects = assets.data?.find(({ code }) => code === wallet.assetCode)?.limits?.collectDebts ?? false;
  const mayBook = useRight('book');
  const mayCorrect = useRight('correct');
  const onClose = (): void => act(undefined);
  if (name === 'release') {
    const isHold = mayBook && holdId !== undefined && UUID.test(holdId);
    return isHold && <Release key={holdId} subject={subject} holdId={holdId} onClose={onClose} />;
  }
  const needed = Object.hasOwn(ACTIONS, name) ? ACTIONS[name]?.right : undefined;
  if (needed === undefined || !(needed === 'book' ? mayBook : mayCorrect)) return null;
  const action = actionOf(name, subject, { others, assetOf, collects, readLimits });
  return action && <ActionDialog key={`${name}.${wallet.id}`} action={action} subject={wallet.id} onClose={onClose} />;
}

type Limits = WalletDetail['limits'];

/** Those in force, past what this page remembers. */
function useLimitsNow(id: string): () => Promise<Limits> {
  const queries = useQueryClient();
  return async () => (await queries.query({ ...walletQuery(id), staleTime: 0 }))?.limits ?? null;
}

interface Around {
  others: readonly WalletRow[];
  assetOf: (code: string) => Asset;
  collects: boolean;
  readLimits: () => Promise<Limits>;
}

function actionOf(name: string, about: Subject, { others, assetOf, collects, readLimits }: Around): Action | undefined {
  switch (name) {
    case 'top_up':
      return topUp(about, collects);
    case 'bonus':
      return bonus(about);
    case 'spend':
      return spend(about);
    case 'exchange':
      return others.length > 0 ? exchange(about, others, assetOf) : undefined;
    case 'adjust':
      return adjust(about);
    case 'collect':
      return collect(about);
    case 'forgive':
      return forgive(about);
    case 'merge':
      return merge(about);
    case 'limits':
      return setWalletLimits(about, readLimits);
    case 'freeze':
    case 'close':
    case 'reopen':
      return changeStatus(about, name);
    default:
      return undefined;
  }
}

/** Also of a hold that has ended meanwhile: whether by what was sent from here, the dialog finds out. */
function Release({ subject, holdId, onClose }: { subject: Subject; holdId: string; onClose: () => void }) {
  const { data: hold } = useQuery(holdQuery(subject.wallet.id, holdId));
  return hold && <ActionDialog action={release(subject, hold)} subject={holdId} onClose={onClose} />;
}
