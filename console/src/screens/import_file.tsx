/** One file: what it would book, what is wrong with which line, and then how far its posting is and what came of each row. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useEffect, useState, useSyncExternalStore } from 'react';
import { formatAmount } from '../data/amounts.ts';
import { CallError } from '../data/api.ts';
import { useAssets } from '../data/assets.ts';
import { useRight } from '../data/rights.ts';
import { saveFile } from '../data/save.ts';
import { useWho } from '../data/session.ts';
import { kindInWords, refusalInWords } from '../data/words.ts';
import type { Problem, Row } from '../imports/csv.ts';
import { forget, openImport, type Import } from '../imports/open.ts';
import { resultOf } from '../imports/result.ts';
import type { RunState } from '../imports/run.ts';
import { Amount, Copied, Time } from '../parts/shown.tsx';
import { Empty, NoRight, Shown } from '../parts/states.tsx';

const route = getRouteApi('/imports/$id');
/** Of a list: what is more is in the result. */
const SHOWN = 50;

export function ImportFile() {
  const { id } = route.useParams();
  const who = useWho();
  const mayBook = useRight('book');
  const mayCorrect = useRight('correct');
  const { query: assets } = useAssets();
  const query = useQuery({
    queryKey: ['import', who, id],
    queryFn: () => openImport(who, id, { assets: assets.data ?? [], mayCorrect }),
    enabled: mayBook && assets.data !== undefined,
    staleTime: 'static',
    retry: false,
  });
  if (!mayBook) return <NoRight />;
  return (
    <Shown query={query} lines={8}>
      {(opened) => {
        if (opened === null)
          return (
            <Empty title="This file is not in this browser.">
              <p>
                Choose it again on <Link to="/imports">Import</Link>: what was booked of it is recognised.
              </p>
            </Empty>
          );
        if ('problem' in opened)
          return (
            <>
              <Title name={opened.file.name} at={opened.file.at} id={id} />
              <Problems problems={[opened.problem]} />
            </>
          );
        return <Whole opened={opened} />;
      }}
    </Shown>
  );
}

function Title({ name, at, id, isBusy = false }: { name: string; at: string; id: string; isBusy?: boolean }) {
  const who = useWho();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const remove = async (): Promise<void> => {
    await forget(who, id);
    queries.removeQueries({ queryKey: ['import', who, id] });
    await navigate({ to: '/imports' });
  };
  return (
    <div className="title">
      <div>
        <h1>{name}</h1>
        <p className="facts">
          Chosen <Time at={at} /> · digest <Copied text={id} what="the digest" isShort />
        </p>
      </div>
      <button
        type="button"
        disabled={isBusy}
        title="Out of this browser; what is booked stays booked"
        onClick={() => void remove()}
      >
        Remove
      </button>
    </div>
  );
}

function Whole({ opened }: { opened: Import }) {
  const { file, rows, problems, run } = opened;
  const state = useSyncExternalStore(run.subscribe, () => run.state);
  const queries = useQueryClient();
  const isBusy = state.is === 'posting' || state.is === 'stopping';
  useEffect(() => {
    // Balances and lists elsewhere are old then.
    if (state.is === 'done') void queries.invalidateQueries();
  }, [state.is, queries]);
  return (
    <>
      <Title name={file.name} at={file.at} id={file.id} isBusy={isBusy} />
      <Sums rows={rows} />
      {run.isBegun || isBusy ? <Progress opened={opened} state={state} /> : <Ask opened={opened} />}
      {problems.length > 0 && <Problems problems={problems} />}
      <Refused rows={rows} outcomes={state.outcomes} />
      <Rows rows={rows} outcomes={state.outcomes} />
    </>
  );
}

/** What all good rows are together. */
function Sums({ rows }: { rows: readonly Row[] }) {
  const sums = Map.groupBy(rows, ({ request, asset }) => `${request.kind} ${request.side ?? ''} ${asset?.code ?? ''}`);
  if (rows.length === 0) return null;
  return (
    <dl className="figures even">
      {[...sums].map(([name, [first, ...others]]) => {
        if (!first) return null;
        const { request, asset } = first;
        const units = [first, ...others].reduce((sum, row) => sum + BigInt(row.request.amount), 0n);
        return (
          <div key={name}>
            <dt>
              {kindInWords(request.kind)}
              {request.side && ` (${request.side})`}, {formatAmount(BigInt(others.length + 1), 0)}{' '}
              {others.length === 0 ? 'row' : 'rows'}
            </dt>
            <dd>
              <Amount units={units} scale={asset?.scale ?? 0} code={asset?.code ?? 'minor units'} />
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

function Ask({ opened }: { opened: Import }) {
  const { file, rows, problems, run } = opened;
  const [leavesOut, setLeavesOut] = useState(false);
  const [opens, setOpens] = useState(file.opensMissing);
  const bad = problems.length;
  if (rows.length === 0) return null;
  return (
    <section aria-label="Post" className="ask">
      {rows.some(({ owner }) => owner !== undefined) && (
        <label className="check">
          <input type="checkbox" checked={opens} onChange={({ target }) => setOpens(target.checked)} />
          Open wallets that are not there; otherwise their rows are refused
        </label>
      )}
      {bad > 0 && (
        <label className="check">
          <input type="checkbox" checked={leavesOut} onChange={({ target }) => setLeavesOut(target.checked)} />
          Leave out {bad === 1 ? 'the row' : `the ${formatAmount(BigInt(bad), 0)} rows`} that cannot be booked
        </label>
      )}
      <p className="sentence">
        {formatAmount(BigInt(rows.length), 0)} {rows.length === 1 ? 'row is' : 'rows are'} sent in parts, each row for
        itself: one that the ledger refuses does not touch the others. It can be stopped at any time, and goes on where
        it was.
      </p>
      <button type="button" className="primary" disabled={bad > 0 && !leavesOut} onClick={() => void run.begin(opens)}>
        Post {formatAmount(BigInt(rows.length), 0)} {rows.length === 1 ? 'row' : 'rows'}
      </button>
    </section>
  );
}

function Progress({ opened, state }: { opened: Import; state: RunState }) {
  const { rows, run, file, problems } = opened;
  const done = state.outcomes.size;
  const count = (is: 'booked' | 'found' | 'refused'): number =>
    [...state.outcomes.values()].filter((outcome) => outcome.is === is).length;
  const [booked, found, refused] = [count('booked'), count('found'), count('refused')];
  const show = (number: number): string => formatAmount(BigInt(number), 0);
  return (
    <section aria-labelledby="progress" className="ask">
      <h2 id="progress">
        {state.is === 'done'
          ? 'Done'
          : state.is === 'posting'
            ? 'Posting…'
            : state.is === 'stopping'
              ? 'Stopping after this part…'
              : 'Stopped'}
      </h2>
      <progress aria-labelledby="progress" max={rows.length} value={done} />
      <p role="status">
        {show(done)} of {show(rows.length)} rows: {show(booked)} booked
        {found > 0 && `, ${show(found)} had been booked before`}, {show(refused)} refused
        {problems.length > 0 && `, ${show(problems.length)} left out`}.
      </p>
      {state.trouble && state.is === 'waiting' && (
        <p className="outcome bad" role="alert">
          {state.trouble instanceof CallError
            ? refusalInWords(state.trouble.code, state.trouble.message)
            : state.trouble.message}
        </p>
      )}
      {state.unsure > 0 && state.is === 'waiting' && (
        <p className="outcome unsure">
          {show(state.unsure)} rows were sent, and no answer came. Going on asks for them first, by their keys: nothing
          is booked twice.
        </p>
      )}
      <div className="actions">
        {state.is === 'posting' && (
          <button type="button" onClick={() => run.stop()}>
            Stop
          </button>
        )}
        {state.is === 'waiting' && (
          <button type="button" className="primary" onClick={() => void run.goOn()}>
            Go on
          </button>
        )}
        {(state.is === 'waiting' || state.is === 'done') && (
          <button type="button" onClick={() => saveFile(`result-${file.name}`, resultOf(opened))}>
            Result as CSV
          </button>
        )}
      </div>
    </section>
  );
}

function Problems({ problems }: { problems: readonly Problem[] }) {
  return (
    <section aria-labelledby="problems">
      <h2 id="problems">
        {problems.length === 1
          ? 'One row cannot be booked'
          : `${formatAmount(BigInt(problems.length), 0)} rows cannot be booked`}
      </h2>
      <div className="table" role="group" aria-labelledby="problems" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th className="right narrow">Line</th>
              <th>Column</th>
              <th>Why</th>
            </tr>
          </thead>
          <tbody>
            {problems.slice(0, SHOWN).map(({ line, column, why }) => (
              <tr key={line}>
                <td className="right number">{line}</td>
                <td className="mono">{column}</td>
                <td>{why}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Others count={problems.length} />
    </section>
  );
}

function Others({ count }: { count: number }) {
  return count > SHOWN ? <p className="hint">And {formatAmount(BigInt(count - SHOWN), 0)} others.</p> : null;
}

function Refused({ rows, outcomes }: { rows: readonly Row[]; outcomes: RunState['outcomes'] }) {
  const refused = rows.flatMap((row) => {
    const outcome = outcomes.get(row.line);
    return outcome?.is === 'refused' ? [{ row, outcome }] : [];
  });
  if (refused.length === 0) return null;
  return (
    <section aria-labelledby="refused">
      <h2 id="refused">Refused by the ledger</h2>
      <div className="table" role="group" aria-labelledby="refused" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th className="right narrow">Line</th>
              <th>Wallet</th>
              <th>Why</th>
              <th className="wide-only">Code</th>
            </tr>
          </thead>
          <tbody>
            {refused.slice(0, SHOWN).map(({ row, outcome }) => (
              <tr key={row.line}>
                <td className="right number">{row.line}</td>
                <td>
                  <Wallet row={row} />
                </td>
                <td>{refusalInWords(outcome.code, outcome.message)}</td>
                <td className="wide-only mono">{outcome.code}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Others count={refused.length} />
    </section>
  );
}

function Wallet({ row: { owner, request } }: { row: Row }) {
  return (
    <Link to="/wallets/$id" params={{ id: request.walletId }}>
      {owner ?? `${request.walletId.slice(0, 8)}…`}
    </Link>
  );
}

function Rows({ rows, outcomes }: { rows: readonly Row[]; outcomes: RunState['outcomes'] }) {
  if (rows.length === 0) return null;
  return (
    <section aria-labelledby="rows">
      <h2 id="rows">Rows</h2>
      <div className="table" role="group" aria-labelledby="rows" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th className="right narrow">Line</th>
              <th>What</th>
              <th>Wallet</th>
              <th className="right">Amount</th>
              <th className="wide-only">Expires</th>
              <th className="wide-only">Key</th>
              <th>Outcome</th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, SHOWN).map((row) => {
              const { line, asset, request } = row;
              return (
                <tr key={line}>
                  <td className="right number">{line}</td>
                  <td>
                    {kindInWords(request.kind)}
                    {request.side && <span className="words">{request.side}</span>}
                  </td>
                  <td>
                    <Wallet row={row} />
                  </td>
                  <td className="right">
                    <Amount units={request.amount} scale={asset?.scale ?? 0} code={asset?.code} />
                  </td>
                  <td className="wide-only">{request.expiresAt && <Time at={request.expiresAt} />}</td>
                  <td className="wide-only mono key-cell">{request.idemKey}</td>
                  <td>
                    <OutcomeOf outcome={outcomes.get(line)} />
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <Others count={rows.length} />
    </section>
  );
}

function OutcomeOf({ outcome }: { outcome: ReturnType<RunState['outcomes']['get']> }) {
  if (!outcome) return <span className="faint">–</span>;
  if (outcome.is === 'refused') return <span className="refused">refused</span>;
  return (
    <Link to="/transfers/$id" params={{ id: outcome.transferId }}>
      {outcome.is === 'booked' ? 'booked' : 'had been booked'}
    </Link>
  );
}
