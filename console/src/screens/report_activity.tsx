/** What moved each day of a period, as picture, table and file. */
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { formatAmount, type Asset } from '../data/amounts.ts';
import { activityQuery, type ActivityRow } from '../data/queries.ts';
import { endOfDay, startOfDay } from '../data/times.ts';
import { kindInWords } from '../data/words.ts';
import { MovedPicture, MovedTable } from '../parts/daily.tsx';
import { Days } from '../parts/days.tsx';
import { dayOf, daysBefore, daysOf, ZONE } from '../parts/period.ts';
import { ReportFile } from '../parts/report_file.tsx';
import { ReportFilters, type ReportProps } from '../parts/report_filters.tsx';
import { Empty, Shown } from '../parts/states.tsx';

const route = getRouteApi('/reports');

export function ActivityReport({ codes, asset }: ReportProps) {
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/reports' });
  const today = dayOf(new Date());
  const from = search.from ?? daysBefore(today, 29);
  const to = search.to ?? today;
  return (
    <>
      <ReportFilters codes={codes} asset={asset}>
        <Days
          label="Days"
          from={from}
          to={to}
          onChange={(range) => void navigate({ search: (now) => ({ ...now, ...range }), replace: true })}
        />
        <p className="hint">in {ZONE}</p>
      </ReportFilters>
      {from <= to ? <Report asset={asset} from={from} to={to} /> : <Empty title="The period ends before it begins." />}
    </>
  );
}

function Report({ asset, from, to }: { asset: Asset; from: string; to: string }) {
  const [start, end] = [startOfDay(from) ?? '', endOfDay(to) ?? ''];
  const query = useQuery(activityQuery({ assetCode: asset.code, from: start, to: end, timeZone: ZONE }));
  return (
    <section aria-labelledby="activity">
      <h2 id="activity">Each day</h2>
      <Shown query={query} lines={6}>
        {(rows) => {
          if (rows.length === 0) return <Empty title="Nothing was booked in this period." />;
          return (
            <>
              <MovedPicture rows={rows} asset={asset} days={daysOf(from, to)} />
              <MovedTable rows={rows} asset={asset} days={daysOf(from, to)} />
              <p className="hint">
                {rows.every(({ final }) => final)
                  ? 'All figures are final: nothing can change them any more.'
                  : 'The newest figures are provisional: what is under way may still be booked before their end.'}{' '}
                What was taken back is subtracted. By kind: {kinds(rows)}.
              </p>
            </>
          );
        }}
      </Shown>
      <div className="actions">
        <ReportFile
          report="activity"
          parameters={{ asset: asset.code, from: start, to: end, bucket: 'day', tz: ZONE }}
          name={`activity-${asset.code}-${from}-${to}.csv`}
        >
          Activity as CSV
        </ReportFile>
        <ReportFile
          report="journal"
          parameters={{ asset: asset.code, from: start, to: end }}
          name={`journal-${asset.code}-${from}-${to}.csv`}
        >
          Journal as CSV
        </ReportFile>
      </div>
    </section>
  );
}

function kinds(rows: readonly ActivityRow[]): string {
  const counts = new Map<string, bigint>();
  for (const { kind, movements } of rows) counts.set(kind, (counts.get(kind) ?? 0n) + BigInt(movements));
  return [...counts].map(([kind, count]) => `${kindInWords(kind).toLowerCase()} ${formatAmount(count, 0)}`).join(', ');
}
