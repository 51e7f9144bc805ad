/** What is booked, as it is booked: newest first. Whoever has scrolled down keeps the place, and is told how much has come. */
import { useMutation } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { formatAmount } from '../data/amounts.ts';
import { useAssets } from '../data/assets.ts';
import { useFeed, type FeedEvent } from '../data/feed.ts';
import type { Kind } from '../data/queries.ts';
import { kindInWords, KINDS } from '../data/words.ts';
import { useRows } from '../parts/keys.tsx';
import { Table } from '../parts/list.tsx';
import { Amount, Time } from '../parts/shown.tsx';
import { Empty, Failed, Loading } from '../parts/states.tsx';

const route = getRouteApi('/feed');
/** So far down one counts as being at the top. */
const TOP_PX = 40;

export function Feed() {
  const { kind, asset } = route.useSearch();
  const { events, waiting, hasOlder, isLive, error, showWaiting, readOlder } = useFeed(() => scrollY < TOP_PX);
  const older = useMutation({ mutationFn: readOlder });
  useRows();
  const fits = (event: FeedEvent): boolean =>
    (kind === undefined || event.kind === kind) && (asset === undefined || event.assetCode === asset);
  const shown = events?.filter(fits) ?? [];
  const come = waiting.filter(fits).length;
  return (
    <>
      <div className="title">
        <h1>Feed {isLive && <span className="live small">live</span>}</h1>
      </div>
      <Filters />
      <div className="news" role="status">
        {come > 0 && (
          <button
            type="button"
            className="primary"
            onClick={() => {
              showWaiting();
              scrollTo({ top: 0 });
            }}
          >
            {formatAmount(BigInt(come), 0)} new
          </button>
        )}
      </div>
      {!events ? (
        error ? (
          <Failed error={error} />
        ) : (
          <Loading lines={8} />
        )
      ) : (
        <>
          {error && (
            <p className="outcome unsure" role="alert">
              Nothing new can be read at the moment; it is tried again.
            </p>
          )}
          {shown.length === 0 ? (
            <Empty
              title={
                events.length === 0
                  ? 'Nothing has been booked yet.'
                  : `None of the newest ${formatAmount(BigInt(events.length), 0)} movements fits the filter.`
              }
            />
          ) : (
            <Lines events={shown} />
          )}
          {hasOlder && (
            <button type="button" disabled={older.isPending} onClick={() => older.mutate()}>
              Older
            </button>
          )}
          {older.error && <Failed error={older.error} />}
        </>
      )}
    </>
  );
}

function Lines({ events }: { events: readonly FeedEvent[] }) {
  const { assetOf } = useAssets();
  return (
    <Table
      label="Feed"
      head={
        <>
          <th>When</th>
          <th>What</th>
          <th>Owner</th>
          <th className="right">Amount</th>
          <th className="wide-only">Asked for by</th>
        </>
      }
    >
      {events.map(({ cursor, createdAt, transferId, kind, walletId, ownerId, assetCode, amount, actor }) => (
        <tr key={cursor}>
          <td>
            <Time at={createdAt} />
          </td>
          <td>
            <Link to="/transfers/$id" params={{ id: transferId }}>
              {kindInWords(kind)}
            </Link>
          </td>
          <td>
            <Link to="/wallets/$id" params={{ id: walletId }}>
              {ownerId}
            </Link>
          </td>
          <td className="right">
            <Amount units={amount} scale={assetOf(assetCode ?? '').scale} code={assetCode ?? undefined} />
          </td>
          <td className="wide-only mono">{actor}</td>
        </tr>
      ))}
    </Table>
  );
}

function Filters() {
  const { kind, asset } = route.useSearch();
  const { query: assets } = useAssets();
  const navigate = useNavigate({ from: '/feed' });
  const set = (change: { kind?: Kind | undefined; asset?: string | undefined }): void =>
    void navigate({ search: (now) => ({ ...now, ...change }), replace: true });
  return (
    <div className="filters">
      <label>
        Kind
        <select
          value={kind ?? ''}
          onChange={({ target }) => set({ kind: target.value === '' ? undefined : (target.value as Kind) })}
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
        Asset
        <select
          value={asset ?? ''}
          onChange={({ target }) => set({ asset: target.value === '' ? undefined : target.value })}
        >
          <option value="">All</option>
          {assets.data?.map(({ code }) => (
            <option key={code}>{code}</option>
          ))}
        </select>
      </label>
    </div>
  );
}
