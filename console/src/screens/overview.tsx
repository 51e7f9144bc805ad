/** What there is: per asset what players own, and where it came from and went. */
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import type { Asset } from '../data/amounts.ts';
import { useAssets } from '../data/assets.ts';
import { trialBalanceQuery, type TrialLine } from '../data/queries.ts';
import { useRight } from '../data/rights.ts';
import { Moved, Owned } from '../parts/daily.tsx';
import { LedgerHealth, OpenHolds } from '../parts/health.tsx';
import { dayOf, daysBefore } from '../parts/period.ts';
import { byAsset } from '../parts/trial_balance.tsx';
import { Amount } from '../parts/shown.tsx';
import { Empty, Loading, Shown } from '../parts/states.tsx';

const route = getRouteApi('/');

export function Overview() {
  const mayAccount = useRight('account');
  return (
    <>
      <div className="title">
        <h1>Overview</h1>
      </div>
      {mayAccount ? (
        <Figures />
      ) : (
        <Empty title="The sums of the ledger are for operators and auditors.">
          <p>
            Search for an owner above, or look at the <Link to="/wallets">wallets</Link>.
          </p>
        </Empty>
      )}
      <section aria-labelledby="health">
        <h2 id="health">Health</h2>
        <Health />
        {mayAccount && <LedgerHealth />}
        <OpenHolds />
      </section>
    </>
  );
}

function Figures() {
  const query = useQuery({ ...trialBalanceQuery, refetchInterval: 10_000 });
  const { query: assets, assetOf } = useAssets();
  if (!assets.data) return <Loading />;
  return (
    <Shown query={query}>
      {(lines) => {
        const all = byAsset(lines);
        if (all.length === 0) return <Empty title="Nothing has been booked yet." />;
        return (
          <>
            <div className="cards">
              {all.map(([code, ofAsset]) => (
                <Card key={code} lines={ofAsset} asset={assetOf(code)} name={nameOf(code)} />
              ))}
            </div>
            <OverTime codes={all.map(([code]) => code)} />
          </>
        );
      }}
    </Shown>
  );

  function nameOf(code: string): string {
    return assets.data?.find((asset) => asset.code === code)?.name ?? code;
  }
}

/** The last 30 days of one asset. */
function OverTime({ codes }: { codes: readonly string[] }) {
  const { asset: chosen } = route.useSearch();
  const navigate = useNavigate({ from: '/' });
  const { assetOf } = useAssets();
  const code = codes.find((one) => one === chosen) ?? codes[0];
  if (code === undefined) return null;
  const today = dayOf(new Date());
  const props = { asset: assetOf(code), from: daysBefore(today, 29), to: today };
  return (
    <>
      {codes.length > 1 && (
        <div className="filters">
          <label>
            The last 30 days of
            <select
              value={code}
              onChange={({ target }) => void navigate({ search: { asset: target.value }, replace: true })}
            >
              {codes.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          </label>
        </div>
      )}
      <div className="pictures">
        <section aria-labelledby="owned">
          <h2 id="owned">What players own of {code}</h2>
          <Owned key={code} {...props} />
        </section>
        <section aria-labelledby="moved">
          <h2 id="moved">What moved each day</h2>
          <Moved key={code} {...props} />
        </section>
      </div>
    </>
  );
}

const HOUSE = [
  ['treasury', 'Sold'],
  ['promotions', 'Given away'],
  ['opening', 'Brought along'],
  ['revenue', 'Spent'],
  ['breakage', 'Expired'],
] as const;

function Card({ lines, asset, name }: { lines: readonly TrialLine[]; asset: Asset; name: string }) {
  const has = (account: string): string => {
    const line = lines.find((one) => one.account === account);
    return line === undefined ? '0' : line.credit === '0' ? line.debit : line.credit;
  };
  return (
    <section className="card" aria-labelledby={`sum-${asset.code}`}>
      <h2 id={`sum-${asset.code}`}>
        {name} <span className="mono faint">{asset.code}</span>
      </h2>
      <p className="big">
        <Amount units={has('players')} scale={asset.scale} />
        <span className="unit">players own</span>
      </p>
      <dl className="list">
        {HOUSE.filter(([account]) => account !== 'opening' || has(account) !== '0').map(([account, words]) => (
          <div key={account}>
            <dt>{words}</dt>
            <dd>
              <Amount units={has(account)} scale={asset.scale} />
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** Whether the service can work; its own words are those of its balancers. */
function Health() {
  const query = useQuery({
    queryKey: ['ready'],
    queryFn: async ({ signal }) => (await fetch('/readyz', { signal })).ok,
    refetchInterval: 10_000,
  });
  const isReady = query.data === true;
  return (
    <p className={`health ${query.data === undefined ? '' : isReady ? 'good' : 'bad'}`} role="status">
      {query.data === undefined
        ? 'Asking the service how it is…'
        : isReady
          ? 'The service is ready: it reaches its database.'
          : 'The service is not ready: it may not reach its database.'}
    </p>
  );
}
