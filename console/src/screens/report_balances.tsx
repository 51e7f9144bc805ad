/** What each account had when a day was over, and how what players own came there. */
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { balancesQuery, type BalanceRow } from '../data/queries.ts';
import { endOfDay } from '../data/times.ts';
import type { Asset } from '../data/amounts.ts';
import { accountInWords } from '../data/words.ts';
import { dayName, Owned } from '../parts/daily.tsx';
import { dayOf, daysBefore, ZONE } from '../parts/period.ts';
import { ReportFile } from '../parts/report_file.tsx';
import { ReportFilters, type ReportProps } from '../parts/report_filters.tsx';
import { Amount } from '../parts/shown.tsx';
import { Empty, Shown } from '../parts/states.tsx';

const route = getRouteApi('/reports');

export function BalancesReport({ codes, asset }: ReportProps) {
  const { at = dayOf(new Date()) } = route.useSearch();
  const navigate = useNavigate({ from: '/reports' });
  const end = endOfDay(at) ?? '';
  const query = useQuery(balancesQuery(asset.code, [end]));
  return (
    <>
      <ReportFilters codes={codes} asset={asset}>
        <label>
          At the end of
          <input
            type="date"
            value={at}
            onChange={({ target }) =>
              target.value && void navigate({ search: (now) => ({ ...now, at: target.value }), replace: true })
            }
          />
        </label>
        <p className="hint">in {ZONE}</p>
      </ReportFilters>
      <section aria-labelledby="accounts">
        <h2 id="accounts">Accounts at the end of {dayName(at)}</h2>
        <Shown query={query}>
          {(rows) =>
            rows.every(({ balance }) => balance === '0') ? (
              <Empty title="Nothing had been booked by then." />
            ) : (
              <Accounts rows={rows} asset={asset} />
            )
          }
        </Shown>
        <div className="actions">
          <ReportFile
            report="balances"
            parameters={{ at: end, asset: asset.code }}
            name={`balances-${asset.code}-${at}.csv`}
          >
            Balances as CSV
          </ReportFile>
        </div>
      </section>
      <section aria-labelledby="owned">
        <h2 id="owned">What players own, in the 30 days before</h2>
        <Owned asset={asset} from={daysBefore(at, 29)} to={at} />
      </section>
    </>
  );
}

function Accounts({ rows, asset }: { rows: readonly BalanceRow[]; asset: Asset }) {
  const sum = (side: string): bigint =>
    rows.reduce((all, row) => (row.side === side ? all + BigInt(row.balance) : all), 0n);
  const [debit, credit] = [sum('debit'), sum('credit')];
  return (
    <>
      <div className="table" role="group" aria-labelledby="accounts" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th>Account</th>
              <th className="right">Debit</th>
              <th className="right">Credit</th>
              <th className="right">Of it bonus</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ account, side, balance, bonusBalance }) => (
              <tr key={account}>
                <td>{accountInWords(account)}</td>
                {(['debit', 'credit'] as const).map((one) => (
                  <td key={one} className="right">
                    {side === one ? <Amount units={balance} scale={asset.scale} /> : <span className="faint">–</span>}
                  </td>
                ))}
                <td className="right">
                  <Amount units={bonusBalance} scale={asset.scale} />
                </td>
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row">{debit === credit ? 'Both sides are equal' : 'The sides differ'}</th>
              <td className="right">
                <Amount units={debit} scale={asset.scale} />
              </td>
              <td className="right">
                <Amount units={credit} scale={asset.scale} />
              </td>
              <td />
            </tr>
          </tfoot>
        </table>
      </div>
      <p className="hint">
        {rows.every(({ final }) => final)
          ? 'These figures are final: nothing can change them any more.'
          : 'These figures are provisional: what is under way may still be booked before that instant.'}
      </p>
    </>
  );
}
