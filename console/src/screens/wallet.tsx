/** One wallet: what it has, why, and what happened in it. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { ActionDialog } from '../actions/dialog.tsx';
import type { Action } from '../actions/action.ts';
import { bonus, changeStatus, release, setWalletLimits, spend, topUp, type Subject } from '../actions/wallet.ts';
import type { Asset } from '../data/amounts.ts';
import { useAssets } from '../data/assets.ts';
import { useLive } from '../data/live.ts';
import { holdQuery, UUID, walletQuery, type WalletDetail } from '../data/queries.ts';
import { useRight } from '../data/rights.ts';
import { useKeys, useRows } from '../parts/keys.tsx';
import { Amount, Copied, Status, Time } from '../parts/shown.tsx';
import { Empty, Shown } from '../parts/states.tsx';
import { Events } from './wallet_events.tsx';
import { Explanation } from './wallet_explanation.tsx';
import { Holds } from './wallet_holds.tsx';
import { Limits } from './wallet_limits.tsx';
import { Timeline } from './wallet_timeline.tsx';

const route = getRouteApi('/wallets/$id');

export function Wallet() {
  const { id } = route.useParams();
  return UUID.test(id) ? <Known id={id} /> : <Unknown />;
}

function Unknown() {
  return (
    <Empty title="There is no such wallet.">
      <p>The address may have been cut off when it was copied.</p>
    </Empty>
  );
}

function Known({ id }: { id: string }) {
  const query = useQuery(walletQuery(id));
  const { query: assets, assetOf } = useAssets();
  const isLive = useLive(id);
  return (
    <Shown query={query} lines={8}>
      {(wallet) =>
        wallet === null ? (
          <Unknown />
        ) : (
          assets.data && <Screen wallet={wallet} asset={assetOf(wallet.assetCode)} isLive={isLive} />
        )
      }
    </Shown>
  );
}

function Screen({ wallet, asset, isLive }: { wallet: WalletDetail; asset: Asset; isLive: boolean }) {
  const mayReadEvents = useRight('readEvents');
  useRows();
  return (
    <>
      <div className="title">
        <div>
          <h1>
            {wallet.ownerId} <Status status={wallet.status} />
          </h1>
          <p className="facts">
            {wallet.assetCode} · since <Time at={wallet.createdAt} isDay /> ·{' '}
            <Copied text={wallet.id} what="wallet id" isShort />
            {isLive && <span className="live">live</span>}
          </p>
        </div>
        <Actions wallet={wallet} asset={asset} />
      </div>
      <dl className="figures">
        <div className="first">
          <dt>Balance</dt>
          <dd>
            <Amount units={wallet.balance} scale={asset.scale} code={asset.code} />
          </dd>
        </div>
        {(
          [
            ['Can be spent', wallet.available],
            ['Of it bonus', wallet.bonusBalance],
            ['Held', wallet.heldBalance],
            ...(wallet.owed === '0' ? [] : [['Owed', wallet.owed] as const]),
          ] as const
        ).map(([name, units]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <Amount units={units} scale={asset.scale} />
            </dd>
          </div>
        ))}
      </dl>
      <Explanation id={wallet.id} asset={asset} />
      {wallet.holds.nodes.length > 0 && <Holds wallet={wallet} asset={asset} />}
      <Limits wallet={wallet} asset={asset} />
      <Timeline id={wallet.id} asset={asset} />
      {mayReadEvents && <Events id={wallet.id} />}
    </>
  );
}

function Actions({ wallet, asset }: { wallet: WalletDetail; asset: Asset }) {
  const { do: name, hold: holdId } = route.useSearch();
  const navigate = useNavigate({ from: '/wallets/$id' });
  const mayBook = useRight('book');
  const mayCorrect = useRight('correct');
  const queries = useQueryClient();
  const act = (next: string | undefined): void =>
    void navigate({ search: (now) => ({ ...now, do: next, hold: undefined }) });

  const subject = { wallet, asset };
  const offered: Action[] = [
    ...(mayBook ? [topUp(subject), bonus(subject), spend(subject)] : []),
    ...(mayCorrect ? statusActions(wallet.status).map((change) => changeStatus(subject, change)) : []),
    ...(mayCorrect
      ? [
          setWalletLimits(
            subject,
            async () => (await queries.query({ ...walletQuery(wallet.id), staleTime: 0 }))?.limits ?? null,
          ),
        ]
      : []),
  ];
  // An action that was sent goes on, whatever has become of the wallet since.
  const possible = [
    ...offered,
    ...(mayCorrect ? (['freeze', 'close', 'reopen'] as const).map((change) => changeStatus(subject, change)) : []),
  ];
  const action = possible.find((one) => one.name === name);
  const isOpen = wallet.status !== 'closed';
  useKeys(mayBook ? { t: () => act('top_up'), b: () => act('bonus'), s: () => act('spend') } : {});

  return (
    <div className="actions">
      {offered.map(({ name: key, title, isGrave }) => (
        <button
          key={key}
          type="button"
          className={key === 'top_up' ? 'primary' : isGrave || key === 'limits' ? 'quiet' : undefined}
          disabled={!isOpen && !['reopen', 'limits'].includes(key)}
          onClick={() => act(key)}
        >
          {SHORT[key] ?? title}
        </button>
      ))}
      {action && (
        <ActionDialog
          key={`${action.name}.${wallet.id}`}
          action={action}
          subject={wallet.id}
          onClose={() => act(undefined)}
        />
      )}
      {name === 'release' && mayBook && holdId !== undefined && UUID.test(holdId) && (
        <Release key={holdId} subject={subject} holdId={holdId} onClose={() => act(undefined)} />
      )}
    </div>
  );
}

/** Also of a hold that has ended meanwhile: whether by what was sent from here, the dialog finds out. */
function Release({ subject, holdId, onClose }: { subject: Subject; holdId: string; onClose: () => void }) {
  const { data: hold } = useQuery(holdQuery(subject.wallet.id, holdId));
  return hold && <ActionDialog action={release(subject, hold)} subject={holdId} onClose={onClose} />;
}

const SHORT: Record<string, string> = {
  bonus: 'Bonus',
  freeze: 'Freeze',
  close: 'Close',
  reopen: 'Reopen',
  limits: 'Limits',
};

function statusActions(status: WalletDetail['status']): ('freeze' | 'close' | 'reopen')[] {
  if (status === 'open') return ['freeze', 'close'];
  return status === 'frozen' ? ['reopen', 'close'] : ['reopen'];
}
