/** What is reserved, and what expires, over all wallets. */
import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useAssets } from '../data/assets.ts';
import { expiringQuery, openHoldsQuery } from '../data/queries.ts';
import { endOfDay } from '../data/times.ts';
import { useRows } from '../parts/keys.tsx';
import { List, Table } from '../parts/list.tsx';
import { Amount, Time } from '../parts/shown.tsx';

const route = getRouteApi('/holds');

export function Holds() {
  const { assetOf } = useAssets();
  const list = useInfiniteQuery(openHoldsQuery);
  useRows();
  return (
    <>
      <div className="title">
        <h1>Holds and expiry</h1>
      </div>
      <section aria-labelledby="open-holds">
        <h2 id="open-holds">Open holds</h2>
        <List list={list} empty="Nothing is reserved.">
          {(rows) => (
            <Table
              label="All open holds"
              head={
                <>
                  <th>Since</th>
                  <th>Owner</th>
                  <th className="right">Reserved</th>
                  <th>Void from</th>
                </>
              }
            >
              {rows.map(({ id, createdAt, expiresAt, amount, wallet }) => (
                <tr key={id}>
                  <td>
                    <Link to="/transfers/$id" params={{ id }}>
                      <Time at={createdAt} />
                    </Link>
                  </td>
                  <td>
                    {wallet && (
                      <Link to="/wallets/$id" params={{ id: wallet.id }}>
                        {wallet.ownerId}
                      </Link>
                    )}
                  </td>
                  <td className="right">
                    <Amount units={amount} scale={assetOf(wallet?.assetCode ?? '').scale} code={wallet?.assetCode} />
                  </td>
                  <td>{expiresAt === null ? 'never' : <Time at={expiresAt} />}</td>
                </tr>
              ))}
            </Table>
          )}
        </List>
      </section>
      <Expiring />
    </>
  );
}

function Expiring() {
  const { before } = route.useSearch();
  const navigate = useNavigate({ from: '/holds' });
  const { assetOf } = useAssets();
  const list = useInfiniteQuery(expiringQuery(before && endOfDay(before)));
  return (
    <section aria-labelledby="expiring">
      <h2 id="expiring">Bonus credits that expire</h2>
      <div className="filters">
        <label>
          Until
          <input
            type="date"
            value={before ?? ''}
            onChange={({ target }) =>
              void navigate({ search: { before: target.value === '' ? undefined : target.value }, replace: true })
            }
          />
        </label>
      </div>
      <List list={list} empty="Nothing expires.">
        {(rows) => (
          <Table
            label="Expiring bonus credits"
            head={
              <>
                <th>Expires</th>
                <th>Owner</th>
                <th className="right">Left</th>
                <th className="right">Of them held</th>
                <th className="right">Given</th>
              </>
            }
          >
            {rows.map(({ seq, expiresAt, amount, heldAmount, grantedAmount, wallet, entry }) => {
              const { scale } = assetOf(wallet?.assetCode ?? '');
              return (
                <tr key={`${wallet?.id ?? ''}.${seq}`}>
                  <td>
                    <Time at={expiresAt} />
                  </td>
                  <td>
                    {wallet && (
                      <Link to="/wallets/$id" params={{ id: wallet.id }}>
                        {wallet.ownerId}
                      </Link>
                    )}
                  </td>
                  <td className="right">
                    <Amount units={amount} scale={scale} code={wallet?.assetCode} />
                  </td>
                  <td className="right">
                    <Amount units={heldAmount} scale={scale} />
                  </td>
                  <td className="right">
                    {entry ? (
                      <Link to="/transfers/$id" params={{ id: entry.transferId }}>
                        <Amount units={grantedAmount} scale={scale} />
                      </Link>
                    ) : (
                      <Amount units={grantedAmount} scale={scale} />
                    )}
                  </td>
                </tr>
              );
            })}
          </Table>
        )}
      </List>
    </section>
  );
}
