/** What operators did: by whom, where, why. */
import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { actionsQuery } from '../data/audit.ts';
import { endOfDay, startOfDay } from '../data/times.ts';
import { actionInWords } from '../data/words.ts';
import { Days } from './days.tsx';
import { List, Table } from './list.tsx';
import { dayOf, daysBefore } from './period.ts';
import { Time } from './shown.tsx';
import { Empty } from './states.tsx';

const route = getRouteApi('/audit');
/** There is no index for it: the service looks through so many days at most. */
const MAX_DAYS = 31;

export function WhoDidWhat() {
  const { actor, ...search } = route.useSearch();
  const today = dayOf(new Date());
  const to = search.to ?? today;
  const from = search.from ?? daysBefore(to, 29);
  const isTooLong = daysBefore(to, MAX_DAYS - 1) > from;
  return (
    <section aria-labelledby="who">
      <h2 id="who">Who did what</h2>
      <Filters actor={actor} from={from} to={to} />
      {isTooLong ? (
        <Empty title={`At most ${MAX_DAYS} days at once.`} />
      ) : (
        <Actions actor={actor} from={startOfDay(from) ?? ''} to={endOfDay(to) ?? ''} />
      )}
    </section>
  );
}

function Filters({ actor = '', from, to }: { actor: string | undefined; from: string; to: string }) {
  const navigate = useNavigate({ from: '/audit' });
  const [text, setText] = useState(actor);
  const search = (): void => {
    const next = text.trim();
    if (next !== actor)
      void navigate({ search: (now) => ({ ...now, actor: next === '' ? undefined : next }), replace: true });
  };
  return (
    <div className="filters">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          search();
        }}
      >
        <label>
          Who
          <input
            value={text}
            maxLength={300}
            autoComplete="off"
            placeholder="operator:kim"
            onChange={({ target }) => setText(target.value)}
            onBlur={search}
          />
        </label>
      </form>
      <Days
        label="Days"
        from={from}
        to={to}
        onChange={(range) => void navigate({ search: (now) => ({ ...now, ...range }), replace: true })}
      />
    </div>
  );
}

function Actions(filter: { actor: string | undefined; from: string; to: string }) {
  const list = useInfiniteQuery(actionsQuery(filter));
  return (
    <List list={list} empty="No operator did anything in these days." more="Older">
      {(rows) => (
        <Table
          label="What operators did"
          head={
            <>
              <th>When</th>
              <th>What</th>
              <th>Who</th>
              <th>Where</th>
              <th>Why</th>
            </>
          }
        >
          {rows.map(({ id, seq, action, actor, createdAt, reason, assetCode, transferId, wallet }) => (
            <tr key={`${id}.${seq}`}>
              <td>
                <Time at={createdAt} />
              </td>
              <td>
                {transferId === null ? (
                  actionInWords(action)
                ) : (
                  <Link to="/transfers/$id" params={{ id: transferId }}>
                    {actionInWords(action)}
                  </Link>
                )}
              </td>
              <td>
                <Link to="/audit" search={(now) => ({ ...now, actor })} className="mono">
                  {actor}
                </Link>
              </td>
              <td>
                {wallet ? (
                  <Link to="/wallets/$id" params={{ id: wallet.id }}>
                    {wallet.ownerId}
                  </Link>
                ) : (
                  assetCode
                )}
              </td>
              <td>{reason}</td>
            </tr>
          ))}
        </Table>
      )}
    </List>
  );
}
