/** Who opened, froze, closed and reopened a wallet, and why. */
import { useQuery } from '@tanstack/react-query';
import { eventsQuery } from '../data/queries.ts';
import { Time } from '../parts/shown.tsx';
import { Shown } from '../parts/states.tsx';

const KINDS = {
  opened: 'Opened',
  frozen: 'Frozen',
  closed: 'Closed',
  reopened: 'Reopened',
  limited: 'Limited',
  redacted: 'Metadata redacted',
} as const;

export function Events({ id }: { id: string }) {
  const query = useQuery(eventsQuery(id));
  return (
    <section aria-labelledby="events">
      <h2 id="events">Events</h2>
      <Shown query={query} lines={2}>
        {(events) => (
          <ol className="events">
            {events.map(({ seq, kind, actor, reason, createdAt }) => (
              <li key={seq}>
                <strong>{KINDS[kind]}</strong> by <span className="mono">{actor}</span>, <Time at={createdAt} />
                {reason !== null && <q>{reason}</q>}
              </li>
            ))}
          </ol>
        )}
      </Shown>
    </section>
  );
}
