/** One wallet: what it has, why, and what happened in it. */
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import type { Asset } from '../data/amounts.ts';
import { useAssets } from '../data/assets.ts';
import { useLive } from '../data/live.ts';
import { UUID, walletQuery, type WalletDetail } from '../data/queries.ts';
import { useRight } from '../data/rights.ts';
import { useRows } from '../parts/keys.tsx';
import { Amount, Copied, Status, Time } from '../parts/shown.tsx';
import { Empty, Shown } from '../parts/states.tsx';
import { Actions, Doing, Notices, useOthers } from './wallet_actions.tsx';
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
          <Others wallet={wallet} />
        </div>
        <Actions wallet={wallet} asset={asset} />
      </div>
      <Notices wallet={wallet} asset={asset} />
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
      <Doing wallet={wallet} asset={asset} />
    </>
  );
}

function Others({ wallet }: { wallet: WalletDetail }) {
  const others = useOthers(wallet);
  if (others.length === 0) return null;
  return (
    <p className="facts">
      {wallet.ownerId} also has{' '}
      {others.map(({ id, assetCode }, place) => (
        <span key={id}>
          {place > 0 && ', '}
          <Link to="/wallets/$id" params={{ id }}>
            {assetCode}
          </Link>
        </span>
      ))}
    </p>
  );
}
