/** Where webhooks go, whether they arrive, and what to do about those that do not. */
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import type { Action } from '../actions/action.ts';
import { ActionDialog } from '../actions/dialog.tsx';
import { dropWebhook, pauseEndpoint, releaseWebhook, resumeEndpoint } from '../actions/webhooks.ts';
import { useRight } from '../data/rights.ts';
import { endpointsQuery, type Endpoint } from '../data/webhooks.ts';
import { kindInWords } from '../data/words.ts';
import { useRows } from '../parts/keys.tsx';
import { Table } from '../parts/list.tsx';
import { Copied, Time } from '../parts/shown.tsx';
import { Empty, Shown } from '../parts/states.tsx';

const route = getRouteApi('/webhooks');

const PAUSED: Record<string, string> = {
  operator: 'An operator paused it.',
  gone: 'The receiver said that its address is gone (410).',
  feed: 'The ledger was restored: somebody has to say where to go on (webhookEndpointReplay).',
};

export function Webhooks() {
  const query = useQuery(endpointsQuery);
  useRows();
  return (
    <>
      <div className="title">
        <h1>Webhooks</h1>
      </div>
      <Shown query={query}>
        {(endpoints) =>
          endpoints.length === 0 ? (
            <Empty title="Nothing is posted to other systems.">
              <p>
                An operator adds an address by <span className="mono">webhookEndpointCreate</span>, and gets its secret
                then.
              </p>
            </Empty>
          ) : (
            endpoints.map((endpoint) => <OneEndpoint key={endpoint.name} endpoint={endpoint} />)
          )
        }
      </Shown>
    </>
  );
}

function OneEndpoint({ endpoint }: { endpoint: Endpoint }) {
  const mayCorrect = useRight('correct');
  const show = useShow();
  const { name, url, kinds, assetCode, state } = endpoint;
  const isPaused = state === 'paused';
  return (
    <section aria-labelledby={`endpoint-${name}`}>
      <div className="title">
        <h2 id={`endpoint-${name}`}>
          {name} <span className={`status ${isPaused ? 'frozen' : ''}`}>{isPaused ? 'Paused' : 'Active'}</span>
        </h2>
        {mayCorrect && (
          <button type="button" onClick={() => show({ endpoint: name, do: isPaused ? 'resume' : 'pause' })}>
            {isPaused ? 'Resume' : 'Pause'}
          </button>
        )}
      </div>
      <p className="facts">
        <Copied text={url} what="the address" /> · {kinds ? kinds.map(kindInWords).join(', ') : 'all kinds'} ·{' '}
        {assetCode ?? 'all assets'}
      </p>
      {isPaused && <p className="notice">{PAUSED[endpoint.pausedBecause ?? ''] ?? endpoint.pausedBecause}</p>}
      <Figures endpoint={endpoint} />
      {endpoint.deliveries.nodes.length > 0 && <ParkedOnes endpoint={endpoint} />}
      {mayCorrect && <Dialog endpoint={endpoint} />}
    </section>
  );
}

function Figures({ endpoint }: { endpoint: Endpoint }) {
  const { delivered, deliveredAt, waiting, waitingSince, parked, failure, failedAt, heldUntil } = endpoint;
  return (
    <dl className="list">
      <Figure name="Arrived" value={delivered} says="last" at={deliveredAt} />
      <Figure name="Waiting" value={waiting} says="since" at={waitingSince} />
      <Figure name="Parked" value={parked} />
      {failure !== null && <Figure name="Last failure" value={failure} says="on" at={failedAt} />}
      {heldUntil !== null && <Figure name="The receiver asked to wait" value="" says="until" at={heldUntil} />}
    </dl>
  );
}

function Figure({ name, value, says, at = null }: { name: string; value: string; says?: string; at?: string | null }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {value}
        {at !== null && (
          <span className="faint">
            {' '}
            {says} <Time at={at} />
          </span>
        )}
      </dd>
    </div>
  );
}

function ParkedOnes({ endpoint: { name, deliveries } }: { endpoint: Endpoint }) {
  const mayCorrect = useRight('correct');
  const show = useShow();
  return (
    <>
      <p className="notice">
        Each of these failed for a day. It holds back the later ones of its wallet until it is sent again or dropped.
      </p>
      <Table
        label={`Parked webhooks of ${name}`}
        head={
          <>
            <th>Parked since</th>
            <th>What</th>
            <th>Wallet</th>
            <th className="right">Tries</th>
            <th>Why it failed</th>
            {mayCorrect && <th>Action</th>}
          </>
        }
      >
        {deliveries.nodes.map(({ id, kind, walletId, parkedAt, tries, failure }) => (
          <tr key={id}>
            <td>{parkedAt !== null && <Time at={parkedAt} />}</td>
            <td>{kindInWords(kind)}</td>
            <td>
              <Link to="/wallets/$id" params={{ id: walletId }} className="mono">
                {walletId.slice(0, 8)}…
              </Link>
            </td>
            <td className="right number">{tries}</td>
            <td>{failure}</td>
            {mayCorrect && (
              <td>
                <button
                  type="button"
                  className="small"
                  onClick={() => show({ endpoint: name, do: 'release', webhook: id })}
                >
                  Send again
                </button>{' '}
                <button
                  type="button"
                  className="small"
                  onClick={() => show({ endpoint: name, do: 'drop', webhook: id })}
                >
                  Drop
                </button>
              </td>
            )}
          </tr>
        ))}
      </Table>
    </>
  );
}

/** In the address, so that an action that got no answer is there after a reload. */
function Dialog({ endpoint }: { endpoint: Endpoint }) {
  const search = route.useSearch();
  const show = useShow();
  if (search.endpoint !== endpoint.name) return null;
  const action = actionOf(endpoint, search.do, search.webhook);
  if (!action) return null;
  return <ActionDialog action={action} subject={`${endpoint.name}.${search.webhook ?? ''}`} onClose={() => show({})} />;
}

function actionOf(endpoint: Endpoint, what: string | undefined, id: string | undefined): Action | undefined {
  if (what === 'pause') return pauseEndpoint(endpoint);
  if (what === 'resume') return resumeEndpoint(endpoint);
  if (id === undefined || (what !== 'release' && what !== 'drop')) return undefined;
  // One that is no longer in the list still has its dialog, which says so.
  const none = { id, kind: 'webhook', walletId: '', parkedAt: null, tries: 0, failure: null };
  const webhook = endpoint.deliveries.nodes.find((parked) => parked.id === id) ?? none;
  return what === 'release' ? releaseWebhook(endpoint.name, webhook) : dropWebhook(endpoint.name, webhook);
}

function useShow() {
  const navigate = useNavigate({ from: '/webhooks' });
  return (search: { endpoint?: string; do?: string; webhook?: string }): void => void navigate({ search });
}
