/** What there is: per asset what players own, and where it came from and went. */
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { Asset } from '../data/amounts.ts';
import { useAssets } from '../data/assets.ts';
import { proofsQuery, trialBalanceQuery, type TrialLine } from '../data/queries.ts';
import { useRight } from '../data/rights.ts';
import { byAsset } from '../parts/trial_balance.tsx';
import { LastVerification } from '../parts/last_verification.tsx';
import { Amount, Time } from '../parts/shown.tsx';
import { Empty, Loading, Shown } from '../parts/states.tsx';

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
        {mayAccount && <Proofs />}
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
          <div className="cards">
            {all.map(([code, ofAsset]) => (
              <Card key={code} lines={ofAsset} asset={assetOf(code)} name={nameOf(code)} />
            ))}
          </div>
        );
      }}
    </Shown>
  );

  function nameOf(code: string): string {
    return assets.data?.find((asset) => asset.code === code)?.name ?? code;
  }
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

/** When it was proven and sealed last. */
function Proofs() {
  const query = useQuery({ ...proofsQuery, refetchInterval: 30_000 });
  return (
    <Shown query={query} lines={2}>
      {({ verification, blocks: [block] }) => (
        <>
          <LastVerification verification={verification} />
          <p className={`health ${block ? 'good' : ''}`}>
            {block ? (
              <>
                Block {block.seq} was closed <Time at={block.sealedAt} />.
              </>
            ) : (
              'No block has been closed yet.'
            )}
          </p>
        </>
      )}
    </Shown>
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
