/** What a period was: what was owed at both ends, what moved each day, as picture, table and file. */
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import { decimalOf, formatAmount, type Asset } from '../data/amounts.ts';
import { useAssets } from '../data/assets.ts';
import { activityQuery, balancesQuery, type ActivityRow, type BalanceRow } from '../data/queries.ts';
import { useRight } from '../data/rights.ts';
import { endOfDay, shownDay, startOfDay } from '../data/times.ts';
import { accountInWords, kindInWords } from '../data/words.ts';
import { Download } from '../parts/download.tsx';
import { dayOf, daysBefore, daysOf, summedByDay, ZONE, type DayOfActivity } from '../parts/period.ts';
import { Amount } from '../parts/shown.tsx';
import { Empty, Loading, NoRight, Shown } from '../parts/states.tsx';

const Chart = lazy(() => import('../parts/chart.tsx'));
const route = getRouteApi('/reports');
const NOTHING: DayOfActivity = { sold: 0n, given: 0n, spent: 0n, expired: 0n, movements: 0n };
const SUMS = [
  ['sold', 'Sold'],
  ['given', 'Given away'],
  ['spent', 'Spent'],
  ['expired', 'Expired'],
] as const;

export function Reports() {
  const mayAccount = useRight('account');
  const { query: assets, assetOf } = useAssets();
  const search = route.useSearch();
  if (!mayAccount) return <NoRight />;
  const today = dayOf(new Date());
  const from = search.from ?? daysBefore(today, 29);
  const to = search.to ?? today;
  return (
    <>
      <div className="title">
        <h1>Reports</h1>
      </div>
      <Shown query={assets}>
        {(all) => {
          const code = search.asset ?? all[0]?.code;
          if (code === undefined) return <Empty title="There are no assets yet." />;
          return (
            <>
              <Filters codes={all.map((one) => one.code)} asset={code} from={from} to={to} />
              {from <= to ? (
                <Report key={code} asset={assetOf(code)} from={from} to={to} />
              ) : (
                <Empty title="The period ends before it begins." />
              )}
            </>
          );
        }}
      </Shown>
    </>
  );
}

function Filters({ codes, asset, from, to }: { codes: string[]; asset: string; from: string; to: string }) {
  const navigate = useNavigate({ from: '/reports' });
  const set = (change: { asset?: string; from?: string; to?: string }): void =>
    void navigate({ search: { asset, from, to, ...change }, replace: true });
  return (
    <div className="filters">
      <label>
        Asset
        <select value={asset} onChange={({ target }) => set({ asset: target.value })}>
          {codes.map((code) => (
            <option key={code}>{code}</option>
          ))}
        </select>
      </label>
      <label>
        From
        <input type="date" value={from} onChange={({ target }) => target.value && set({ from: target.value })} />
      </label>
      <label>
        To
        <input type="date" value={to} onChange={({ target }) => target.value && set({ to: target.value })} />
      </label>
      <p className="hint">Days in {ZONE}</p>
    </div>
  );
}

function Report({ asset, from, to }: { asset: Asset; from: string; to: string }) {
  const period = {
    assetCode: asset.code,
    from: startOfDay(from) ?? '',
    to: endOfDay(to) ?? '',
    timeZone: ZONE,
  };
  const activity = useQuery(activityQuery(period));
  const ends = [period.from, period.to];
  const balances = useQuery(balancesQuery(asset.code, ends));
  return (
    <>
      <section aria-labelledby="activity">
        <h2 id="activity">Each day</h2>
        <Shown query={activity} lines={6}>
          {(rows) => <Activity rows={rows} asset={asset} days={daysOf(from, to)} />}
        </Shown>
      </section>
      <section aria-labelledby="ends">
        <h2 id="ends">At both ends</h2>
        <Shown query={balances}>{(rows) => <Ends rows={rows} asset={asset} from={from} to={to} />}</Shown>
      </section>
    </>
  );
}

function Activity({ rows, asset, days }: { rows: readonly ActivityRow[]; asset: Asset; days: string[] }) {
  const sums = summedByDay(rows);
  if (rows.length === 0) return <Empty title="Nothing was booked in this period." />;
  const show = (units: bigint): string => formatAmount(units, asset.scale);
  const points = days.map((day) => {
    const sum = sums.get(day) ?? NOTHING;
    return {
      label: shownDay(`${day}T12:00:00`),
      values: Object.fromEntries(SUMS.map(([name]) => [name, Number(decimalOf(sum[name], asset.scale))])),
      words: Object.fromEntries(SUMS.map(([name]) => [name, show(sum[name])])),
    };
  });
  const busy = days.filter((day) => sums.has(day)).reverse();
  const isProvisional = rows.some(({ final }) => !final);
  const csv = [
    ['from', 'kind', 'debit', 'credit', 'movements', 'amount', 'bonus_amount', 'final'],
    ...rows.map((row) => [
      row.fromTime,
      row.kind,
      row.debit,
      row.credit,
      row.movements,
      row.amount,
      row.bonusAmount,
      String(row.final),
    ]),
  ];
  return (
    <>
      <div className="legend" aria-hidden="true">
        {SUMS.map(([name, label], place) => (
          <span key={name}>
            <i className={`s${place}`} />
            {label}
          </span>
        ))}
      </div>
      <div className="chart" aria-hidden="true">
        <Suspense fallback={<Loading lines={5} />}>
          <Chart kind="bar" points={points} series={SUMS.map(([name, label]) => ({ name, label }))} />
        </Suspense>
      </div>
      <div className="table" role="group" aria-label="Each day" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th>Day</th>
              {SUMS.map(([name, label]) => (
                <th key={name} className="right">
                  {label}
                </th>
              ))}
              <th className="right">Movements</th>
            </tr>
          </thead>
          <tbody>
            {busy.map((day) => {
              const sum = sums.get(day) ?? NOTHING;
              return (
                <tr key={day}>
                  <td>{shownDay(`${day}T12:00:00`)}</td>
                  {SUMS.map(([name]) => (
                    <td key={name} className="right">
                      <Amount units={sum[name]} scale={asset.scale} />
                    </td>
                  ))}
                  <td className="right">
                    <Amount units={sum.movements} scale={0} />
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <p className="hint">
        {isProvisional
          ? 'The newest figures are provisional: what is under way may still be booked before their end.'
          : 'All figures are final: nothing can change them any more.'}{' '}
        What was taken back is subtracted. By kind: {kinds(rows)}.
      </p>
      <Download name={`activity-${asset.code}`} rows={csv} />
    </>
  );
}

function kinds(rows: readonly ActivityRow[]): string {
  const counts = new Map<string, bigint>();
  for (const { kind, movements } of rows) counts.set(kind, (counts.get(kind) ?? 0n) + BigInt(movements));
  return [...counts].map(([kind, count]) => `${kindInWords(kind).toLowerCase()} ${formatAmount(count, 0)}`).join(', ');
}

function Ends({ rows, asset, from, to }: { rows: readonly BalanceRow[]; asset: Asset; from: string; to: string }) {
  const accounts = [...new Set(rows.map(({ account }) => account))];
  const times = [...new Set(rows.map(({ atTime }) => atTime))].sort();
  const at = (account: string, time: string | undefined): BalanceRow | undefined =>
    rows.find((row) => row.account === account && row.atTime === time);
  const csv = [
    ['at', 'account', 'side', 'balance', 'bonus_balance', 'final'],
    ...rows.map((row) => [row.atTime, row.account, row.side, row.balance, row.bonusBalance, String(row.final)]),
  ];
  if (rows.length === 0) return <Empty title="Nothing had been booked by then." />;
  return (
    <>
      <div className="table" role="group" aria-label="At both ends" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th>Account</th>
              <th className="right">Before {shownDay(`${from}T12:00:00`)}</th>
              <th className="right">After {shownDay(`${to}T12:00:00`)}</th>
              <th className="right">Of it bonus</th>
            </tr>
          </thead>
          <tbody>
            {accounts.map((account) => {
              const [before, after] =
                times.length > 1 ? [at(account, times[0]), at(account, times[1])] : [undefined, at(account, times[0])];
              return (
                <tr key={account}>
                  <td>{accountInWords(account)}</td>
                  <td className="right">
                    <Amount units={before?.balance ?? '0'} scale={asset.scale} />
                  </td>
                  <td className="right">
                    <Amount units={after?.balance ?? '0'} scale={asset.scale} />
                  </td>
                  <td className="right">
                    <Amount units={after?.bonusBalance ?? '0'} scale={asset.scale} />
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <Download name={`balances-${asset.code}`} rows={csv} />
    </>
  );
}
