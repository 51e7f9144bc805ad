/** An asset day by day: what players own, and what moved. As pictures; the figures stand below them, exactly. */
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useDeferredValue } from 'react';
import { decimalOf, formatAmount, type Asset } from '../data/amounts.ts';
import { activityQuery, balancesQuery, type ActivityRow, type BalanceRow } from '../data/queries.ts';
import { endOfDay, shownDay, startOfDay } from '../data/times.ts';
import { daysOf, NOTHING, summedByDay, ZONE } from './period.ts';
import { Amount } from './shown.tsx';
import { Loading, Shown } from './states.tsx';

const Chart = lazy(() => import('./chart.tsx'));

export const SUMS = [
  ['sold', 'Sold'],
  ['given', 'Given away'],
  ['spent', 'Spent'],
  ['expired', 'Expired'],
] as const;

const OWNED = [
  ['paid', 'Paid for'],
  ['bonus', 'Bonus'],
] as const;

export function Legend({ names }: { names: readonly string[] }) {
  return (
    <div className="legend" aria-hidden="true">
      {names.map((name, place) => (
        <span key={name}>
          <i className={`s${place}`} />
          {name}
        </span>
      ))}
    </div>
  );
}

export function Picture(props: React.ComponentProps<typeof Chart>) {
  // Drawing takes longer than a key may wait: the page is shown first, and what is typed meanwhile comes before the chart.
  const isDrawn = useDeferredValue(true, false);
  return (
    <div className="chart" aria-hidden="true">
      <Suspense fallback={<Loading lines={5} />}>{isDrawn ? <Chart {...props} /> : <Loading lines={5} />}</Suspense>
    </div>
  );
}

const SHORT = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });

/** A day's figures, as a picture has them and as they are written. */
export function pointOf(day: string, asset: Asset, figures: Record<string, bigint>) {
  const entries = Object.entries(figures);
  return {
    label: dayName(day),
    tick: SHORT.format(new Date(`${day}T12:00:00`)),
    values: Object.fromEntries(entries.map(([name, units]) => [name, Number(decimalOf(units, asset.scale))])),
    words: Object.fromEntries(entries.map(([name, units]) => [name, formatAmount(units, asset.scale)])),
  };
}

export const dayName = (day: string): string => shownDay(`${day}T12:00:00`);

/** What players own at the end of each day: the last one is today, so far. */
export function Owned({ asset, from, to }: { asset: Asset; from: string; to: string }) {
  const days = daysOf(from, to);
  const ends = days.map((day) => endOfDay(day) ?? '');
  const query = useQuery(balancesQuery(asset.code, ends));
  return (
    <Shown query={query} lines={6}>
      {(rows) => {
        const owned = ownedAt(rows);
        const points = days.map((day, place) => pointOf(day, asset, owned(ends[place] ?? '')));
        return (
          <>
            <Legend names={OWNED.map(([, label]) => label)} />
            <Picture kind="area" points={points} series={OWNED.map(([name, label]) => ({ name, label }))} />
            <details>
              <summary>The figures</summary>
              <div className="table" role="group" aria-label={`What players own of ${asset.code}`} tabIndex={0}>
                <table>
                  <thead>
                    <tr>
                      <th>At the end of</th>
                      {OWNED.map(([name, label]) => (
                        <th key={name} className="right">
                          {label}
                        </th>
                      ))}
                    </tr>
                  </thead>
                  <tbody>
                    {days.toReversed().map((day) => {
                      const { paid, bonus } = owned(endOfDay(day) ?? '');
                      return (
                        <tr key={day}>
                          <td>{dayName(day)}</td>
                          <td className="right">
                            <Amount units={paid} scale={asset.scale} />
                          </td>
                          <td className="right">
                            <Amount units={bonus} scale={asset.scale} />
                          </td>
                        </tr>
                      );
                    })}
                  </tbody>
                </table>
              </div>
            </details>
          </>
        );
      }}
    </Shown>
  );
}

function ownedAt(rows: readonly BalanceRow[]): (at: string) => { paid: bigint; bonus: bigint } {
  const players = new Map(
    rows.flatMap((row) => (row.account === 'players' ? [[new Date(row.atTime).getTime(), row] as const] : [])),
  );
  return (at) => {
    const row = players.get(new Date(at).getTime());
    const bonus = BigInt(row?.bonusBalance ?? '0');
    return { paid: BigInt(row?.balance ?? '0') - bonus, bonus };
  };
}

/** What moved each day, less what was taken back of it. */
export function Moved({ asset, from, to }: { asset: Asset; from: string; to: string }) {
  const period = { assetCode: asset.code, from: startOfDay(from) ?? '', to: endOfDay(to) ?? '', timeZone: ZONE };
  const query = useQuery(activityQuery(period));
  return (
    <Shown query={query} lines={6}>
      {(rows) => (
        <>
          <MovedPicture rows={rows} asset={asset} days={daysOf(from, to)} />
          <details>
            <summary>The figures</summary>
            <MovedTable rows={rows} asset={asset} days={daysOf(from, to)} />
          </details>
        </>
      )}
    </Shown>
  );
}

interface MovedProps {
  rows: readonly ActivityRow[];
  asset: Asset;
  days: readonly string[];
}

export function MovedPicture({ rows, asset, days }: MovedProps) {
  const sums = summedByDay(rows);
  const points = days.map((day) => {
    const { sold, given, spent, expired } = sums.get(day) ?? NOTHING;
    return pointOf(day, asset, { sold, given, spent, expired });
  });
  return (
    <>
      <Legend names={SUMS.map(([, label]) => label)} />
      <Picture kind="bar" points={points} series={SUMS.map(([name, label]) => ({ name, label }))} />
    </>
  );
}

export function MovedTable({ rows, asset, days }: MovedProps) {
  const sums = summedByDay(rows);
  const busy = days.filter((day) => sums.has(day)).toReversed();
  return (
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
                <td>{dayName(day)}</td>
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
  );
}
