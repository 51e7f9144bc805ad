/** The close of a month, step by step: what is final, that it adds up, what is to be booked and kept. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useEffect, type ReactNode } from 'react';
import type { Asset } from '../data/amounts.ts';
import {
  activityQuery,
  balancesQuery,
  blocksQuery,
  type ActivityRow,
  type BalanceRow,
  type Block,
} from '../data/queries.ts';
import { accountInWords, kindInWords } from '../data/words.ts';
import { addedUp } from '../parts/added_up.ts';
import { lastMonth, monthOf, ZONE } from '../parts/period.ts';
import { ReportFile } from '../parts/report_file.tsx';
import { ReportFilters, type ReportProps } from '../parts/report_filters.tsx';
import { Amount, Copied, Time } from '../parts/shown.tsx';
import { Shown } from '../parts/states.tsx';

const route = getRouteApi('/reports');
/** Blocks are closed once a minute: until then a month that is over may be provisional. */
const LOOK_AGAIN_MS = 10_000;

export function MonthReport({ codes, asset }: ReportProps) {
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/reports' });
  const zone = search.zone ?? ZONE;
  const isUtc = zone === 'UTC';
  const month = search.month ?? lastMonth(new Date(), isUtc);
  const [start, end] = monthOf(month, isUtc);
  return (
    <>
      <ReportFilters codes={codes} asset={asset}>
        <label>
          Month
          <input
            type="month"
            value={month}
            onChange={({ target }) =>
              target.value && void navigate({ search: (now) => ({ ...now, month: target.value }), replace: true })
            }
          />
        </label>
        <label>
          Of
          <select
            value={zone}
            onChange={({ target }) =>
              void navigate({
                search: (now) => ({ ...now, zone: target.value === 'UTC' ? 'UTC' : undefined }),
                replace: true,
              })
            }
          >
            {ZONE !== 'UTC' && <option>{ZONE}</option>}
            <option>UTC</option>
          </select>
        </label>
      </ReportFilters>
      <p className="hint">
        From <Time at={start} /> to <Time at={end} />: what was booked at the end itself belongs to the next month.
      </p>
      <Steps asset={asset} month={month} start={start} end={end} zone={zone} />
    </>
  );
}

interface StepsProps {
  asset: Asset;
  month: string;
  start: string;
  end: string;
  zone: string;
}

function Steps({ asset, month, start, end, zone }: StepsProps) {
  const queries = useQueryClient();
  const isOver = new Date(end) <= new Date();
  const blocks = useQuery({ ...blocksQuery, refetchInterval: LOOK_AGAIN_MS });
  const block = blocks.data?.[0];
  const [isOpeningFinal, isClosingFinal] = [start, end].map((at) => isFinalAt(block, at));
  // What is final stays as it is; until then it is read again with each block.
  const balances = useQuery(balancesQuery(asset.code, [start, end]));
  useEffect(() => {
    void queries.invalidateQueries({ queryKey: ['balances', asset.code] });
    void queries.invalidateQueries({ queryKey: ['activity'] });
  }, [queries, asset.code, isOpeningFinal, isClosingFinal]);
  const activity = useQuery(activityQuery({ assetCode: asset.code, from: start, to: end, timeZone: zone }, 'month'));
  const file = (name: string): string => `${name}-${asset.code}-${month}.csv`;
  return (
    <Shown query={balances} lines={8}>
      {(rows) => {
        const [opening, closing] = [start, end].map((at) => rows.filter((row) => isAt(row, at)));
        if (!opening || !closing) return null;
        return (
          <ol className="steps">
            <Step title="Wait until the end is final" is={isClosingFinal ? 'done' : 'open'}>
              <p>
                {isClosingFinal
                  ? 'It is: nothing can change these figures any more.'
                  : isOver
                    ? 'It is not so far: a transaction may be open that began before, or no block has been closed since. This is looked at again by itself.'
                    : 'The month is not over: these are its figures so far.'}
              </p>
              <ReportFile report="balances" parameters={{ at: end, asset: asset.code }} name={file('closing')}>
                Closing balances as CSV
              </ReportFile>
            </Step>
            <Step title="Keep the opening" is={isOpeningFinal ? 'done' : 'open'}>
              <p>It is the closing of the month before, row by row. If it differs from the file of then, stop.</p>
              <ReportFile report="balances" parameters={{ at: start, asset: asset.code }} name={file('opening')}>
                Opening balances as CSV
              </ReportFile>
            </Step>
            <Step title="Download the journal" is="do">
              <p>Each movement of the month, two lines each.</p>
              <ReportFile
                report="journal"
                parameters={{ from: start, to: end, asset: asset.code }}
                name={file('journal')}
              >
                Journal as CSV
              </ReportFile>
            </Step>
            <Shown query={activity} lines={4}>
              {(moved) => (
                <>
                  <AddUp opening={opening} closing={closing} moved={moved} asset={asset} />
                  <Step title="Book it" is="do">
                    <Booked rows={moved} asset={asset} />
                    <ReportFile
                      report="activity"
                      parameters={{ asset: asset.code, from: start, to: end, bucket: 'month', tz: zone }}
                      name={file('activity')}
                    >
                      Activity as CSV
                    </ReportFile>
                  </Step>
                </>
              )}
            </Shown>
            <Evidence block={isClosingFinal ? block : undefined} />
          </ol>
        );
      }}
    </Shown>
  );
}

/** Figures before that instant are final by then. */
const isFinalAt = (block: Block | undefined, at: string): boolean => new Date(block?.finalUntil ?? 0) >= new Date(at);
const isAt = ({ atTime }: BalanceRow, at: string): boolean => new Date(atTime).getTime() === new Date(at).getTime();

const STATES = { done: 'done', open: 'not yet', do: 'for you to do', failed: 'stop' } as const;

function Step({ title, is, children }: { title: string; is: keyof typeof STATES; children: ReactNode }) {
  return (
    <li className={is}>
      <h2>
        {title} <span className="state">{STATES[is]}</span>
      </h2>
      {children}
    </li>
  );
}

interface AddUpProps {
  opening: readonly BalanceRow[];
  closing: readonly BalanceRow[];
  moved: readonly ActivityRow[];
  asset: Asset;
}

function AddUp({ opening, closing, moved, asset }: AddUpProps) {
  const lines = addedUp(opening, closing, moved);
  const isRight = lines.every(({ isEqual }) => isEqual);
  const cell = (units: bigint) => (
    <td className="right">
      <Amount units={units} scale={asset.scale} />
    </td>
  );
  return (
    <Step title="Add up" is={isRight ? 'done' : 'failed'}>
      <p>
        {isRight
          ? 'Of each account, opening + debits − credits = closing; the same for the bonus parts.'
          : 'An account does not add up: stop, and have the ledger proven.'}{' '}
        Debits are above zero.
      </p>
      {lines.length > 0 && (
        <div className="table" role="group" aria-label="The month of each account" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th>Account</th>
                <th className="right">Opening</th>
                <th className="right">Debits</th>
                <th className="right">Credits</th>
                <th className="right">Closing</th>
                <th>Adds up</th>
              </tr>
            </thead>
            <tbody>
              {lines.map((line) => (
                <tr key={line.account}>
                  <td>{accountInWords(line.account)}</td>
                  {cell(line.opening)}
                  {cell(line.debits)}
                  {cell(line.credits)}
                  {cell(line.closing)}
                  <td>{line.isEqual ? 'yes' : <strong className="refused">no</strong>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Step>
  );
}

function Booked({ rows, asset }: { rows: readonly ActivityRow[]; asset: Asset }) {
  if (rows.length === 0) return <p>Nothing was booked in this month.</p>;
  return (
    <div className="table" role="group" aria-label="The month by kind and accounts" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th>Kind</th>
            <th>Debit</th>
            <th>Credit</th>
            <th className="right">Movements</th>
            <th className="right">Amount</th>
            <th className="right">Of it bonus</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ kind, debit, credit, movements, amount, bonusAmount }) => (
            <tr key={`${kind} ${debit} ${credit}`}>
              <td>{kindInWords(kind)}</td>
              <td>{accountInWords(debit)}</td>
              <td>{accountInWords(credit)}</td>
              <td className="right">
                <Amount units={movements} scale={0} />
              </td>
              <td className="right">
                <Amount units={amount} scale={asset.scale} />
              </td>
              <td className="right">
                <Amount units={bonusAmount} scale={asset.scale} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The newest block that covers the month: any later one does, too. */
function Evidence({ block }: { block: Block | undefined }) {
  if (!block) {
    return (
      <Step title="Keep the evidence" is="open">
        <p>No block that covers all of the month has been closed so far.</p>
      </Step>
    );
  }
  return (
    <Step title="Keep the evidence" is="do">
      <p>
        Keep the files beside the seal: block {block.seq}, closed <Time at={block.sealedAt} />, covers all of the month.
      </p>
      <p>
        <Copied text={block.root} what="the root" />
      </p>
    </Step>
  );
}
