/** What the wallet may do at most: its own limits go before those of its asset. */
import { useQuery } from '@tanstack/react-query';
import { LIMIT_NAMES } from '../actions/limits.ts';
import type { Asset } from '../data/amounts.ts';
import { assetsQuery, eventsQuery, type WalletDetail } from '../data/queries.ts';
import { useRight } from '../data/rights.ts';
import { LimitHistory } from '../parts/limit_history.tsx';
import { Amount } from '../parts/shown.tsx';

export function Limits({ wallet, asset }: { wallet: WalletDetail; asset: Asset }) {
  const { data: assets } = useQuery(assetsQuery);
  const ofAsset = assets?.find(({ code }) => code === asset.code)?.limits;
  const rows = LIMIT_NAMES.flatMap(([name, label]) => {
    const own = wallet.limits?.[name];
    const units = own ?? ofAsset?.[name];
    return units ? [{ label, units, isOwn: own !== null && own !== undefined }] : [];
  });
  const mayReadEvents = useRight('readEvents');
  const { data: events = [] } = useQuery({ ...eventsQuery(wallet.id), enabled: mayReadEvents });
  const settings = events.flatMap(({ limits, ...event }) => (limits ? [{ ...event, limits }] : []));
  if (rows.length === 0 && settings.length === 0) return null;
  return (
    <section aria-labelledby="limits">
      <h2 id="limits">Limits</h2>
      <dl className="list">
        {rows.map(({ label, units, isOwn }) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>
              <Amount units={units} scale={asset.scale} />{' '}
              <span className="faint">{isOwn ? 'of this wallet alone' : `of each wallet of ${asset.code}`}</span>
            </dd>
          </div>
        ))}
      </dl>
      {settings.length > 0 && (
        <details className="history">
          <summary>How the wallet’s own limits came about</summary>
          <LimitHistory settings={settings} asset={asset} none={`that of ${asset.code}`} />
        </details>
      )}
    </section>
  );
}
