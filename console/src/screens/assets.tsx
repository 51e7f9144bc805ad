/** The kinds of credits, and what each wallet of them may do at most. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { ActionDialog } from '../actions/dialog.tsx';
import { LIMIT_NAMES, setLimits } from '../actions/limits.ts';
import { assetLimitsQuery, assetsQuery, type AssetRow } from '../data/queries.ts';
import { useRight } from '../data/rights.ts';
import { LimitHistory } from '../parts/limit_history.tsx';
import { Amount, Time } from '../parts/shown.tsx';
import { Empty, Shown } from '../parts/states.tsx';

const route = getRouteApi('/assets');

export function Assets() {
  const query = useQuery(assetsQuery);
  return (
    <>
      <div className="title">
        <h1>Assets and limits</h1>
      </div>
      <Shown query={query}>
        {(assets) =>
          assets.length === 0 ? (
            <Empty title="There are no assets yet." />
          ) : (
            <div className="cards">
              {assets.map((asset) => (
                <Asset key={asset.code} asset={asset} />
              ))}
            </div>
          )
        }
      </Shown>
    </>
  );
}

function Asset({ asset }: { asset: AssetRow }) {
  const { limits: open } = route.useSearch();
  const navigate = useNavigate({ from: '/assets' });
  const queries = useQueryClient();
  const mayCorrect = useRight('correct');
  const readNow = async () =>
    (await queries.query({ ...assetsQuery, staleTime: 0 })).find(({ code }) => code === asset.code)?.limits ?? null;
  const show = (limits: string | undefined): void => void navigate({ search: { limits } });
  return (
    <section className="card" aria-labelledby={`asset-${asset.code}`}>
      <h2 id={`asset-${asset.code}`}>
        {asset.name} <span className="mono faint">{asset.code}</span>
      </h2>
      <p className="facts">
        {asset.scale === 0 ? 'Whole credits' : `${asset.scale} digits after the point`} · since{' '}
        <Time at={asset.createdAt} isDay />
      </p>
      <dl className="list">
        {LIMIT_NAMES.map(([name, label]) => {
          const units = asset.limits?.[name];
          return (
            <div key={name}>
              <dt>{label}</dt>
              <dd>{units ? <Amount units={units} scale={asset.scale} /> : <span className="faint">no limit</span>}</dd>
            </div>
          );
        })}
      </dl>
      {asset.limits && (
        <p className="facts">
          Set by <span className="mono">{asset.limits.actor}</span>, <Time at={asset.limits.createdAt} />
        </p>
      )}
      {asset.limits?.collectDebts === true && <p className="facts">A top-up pays what the wallet owes first.</p>}
      {asset.limits && <History asset={asset} />}
      {mayCorrect && (
        <button type="button" onClick={() => show(asset.code)}>
          Change the limits
        </button>
      )}
      {open === asset.code && mayCorrect && (
        <ActionDialog
          action={setLimits(asset, asset.limits, readNow)}
          subject={asset.code}
          onClose={() => show(undefined)}
        />
      )}
    </section>
  );
}

/** Read when somebody wants to see it. */
function History({ asset }: { asset: AssetRow }) {
  const [isOpen, setOpen] = useState(false);
  const query = useQuery({ ...assetLimitsQuery(asset.code), enabled: isOpen });
  return (
    <details className="history" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>How they came about</summary>
      {isOpen && (
        <Shown query={query} lines={2}>
          {(settings) => (
            <LimitHistory settings={settings.map((limits) => ({ ...limits, limits }))} asset={asset} none="no limit" />
          )}
        </Shown>
      )}
    </details>
  );
}
