/** The history of a wallet, newest first, each line in words. */
import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { formatAmount, type Asset } from '../data/amounts.ts';
import { entriesQuery, UUID, type EntryLine, type Kind } from '../data/queries.ts';
import { endOfDay, startOfDay } from '../data/times.ts';
import { changeOf, explain, kindInWords, KINDS } from '../data/words.ts';
import { Amount, Time } from '../parts/shown.tsx';
import { Empty, Shown } from '../parts/states.tsx';

const route = getRouteApi('/wallets/$id');

export function Timeline({ id, asset }: { id: string; asset: Asset }) {
  const { kind, from, to } = route.useSearch();
  const list = useInfiniteQuery(
    entriesQuery(id, {
      kinds: kind && [kind],
      from: from && startOfDay(from),
      to: to && endOfDay(to),
    }),
  );
  return (
    <section aria-labelledby="history">
      <h2 id="history">History</h2>
      <Filters />
      <Shown query={list} lines={6}>
        {({ pages }) => {
          const rows = pages.flatMap((page) => page?.nodes ?? []);
          if (rows.length === 0) {
            const isAll = kind === undefined && from === undefined && to === undefined;
            return <Empty title={isAll ? 'Nothing has been booked yet.' : 'Nothing that fits the filter.'} />;
          }
          return (
            <>
              <Lines rows={rows} asset={asset} />
              {list.hasNextPage && (
                <button type="button" disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
                  Older
                </button>
              )}
            </>
          );
        }}
      </Shown>
    </section>
  );
}

function Filters() {
  const { kind, from, to } = route.useSearch();
  const navigate = useNavigate({ from: '/wallets/$id' });
  const set = (change: { kind?: Kind | undefined; from?: string | undefined; to?: string | undefined }): void =>
    void navigate({ search: (now) => ({ ...now, ...change }), replace: true });
  return (
    <div className="filters">
      <label>
        Kind
        <select
          value={kind ?? ''}
          onChange={({ target }) => set({ kind: (target.value || undefined) as Kind | undefined })}
        >
          <option value="">All</option>
          {Object.entries(KINDS).map(([name, words]) => (
            <option key={name} value={name}>
              {words}
            </option>
          ))}
        </select>
      </label>
      <label>
        From
        <input type="date" value={from ?? ''} onChange={({ target }) => set({ from: target.value || undefined })} />
      </label>
      <label>
        To
        <input type="date" value={to ?? ''} onChange={({ target }) => set({ to: target.value || undefined })} />
      </label>
    </div>
  );
}

function Lines({ rows, asset }: { rows: readonly EntryLine[]; asset: Asset }) {
  const show = (units: string): string => formatAmount(units, asset.scale);
  return (
    <div className="table" role="group" aria-labelledby="history" tabIndex={0}>
      <table className="timeline">
        <thead>
          <tr>
            <th className="right wide-only">No.</th>
            <th>When</th>
            <th>What</th>
            <th className="right">Change</th>
            <th className="right">Balance</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((entry) => (
            <tr key={entry.seq}>
              <td className="right wide-only faint">{entry.seq}</td>
              <td>
                <Time at={entry.createdAt} />
              </td>
              <td>
                <Link to="/transfers/$id" params={{ id: entry.transferId }}>
                  {kindInWords(entry.kind)}
                </Link>
                <span className="words">{explain(entry, show)}</span>
                {entry.counterparty !== null && UUID.test(entry.counterparty) && (
                  <Link className="words" to="/wallets/$id" params={{ id: entry.counterparty }}>
                    the other wallet
                  </Link>
                )}
              </td>
              <td className="right">
                <Change units={changeOf(entry)} scale={asset.scale} />
              </td>
              <td className="right">
                <Amount units={entry.balance} scale={asset.scale} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Change({ units, scale }: { units: string | undefined; scale: number }) {
  return units === undefined ? <span className="faint">–</span> : <Amount units={units} scale={scale} isChange />;
}
