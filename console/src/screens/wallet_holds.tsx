/** What open holds reserve. */
import { Link, useNavigate } from '@tanstack/react-router';
import type { Asset } from '../data/amounts.ts';
import type { WalletDetail } from '../data/queries.ts';
import { useRight } from '../data/rights.ts';
import { Amount, Time } from '../parts/shown.tsx';

export function Holds({ wallet, asset }: { wallet: WalletDetail; asset: Asset }) {
  const navigate = useNavigate({ from: '/wallets/$id' });
  const mayBook = useRight('book');
  return (
    <section aria-labelledby="holds">
      <h2 id="holds">Open holds</h2>
      <div className="table" role="group" aria-labelledby="holds" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th>Since</th>
              <th className="right">Reserved</th>
              <th>Void from</th>
              {mayBook && <th>Action</th>}
            </tr>
          </thead>
          <tbody>
            {wallet.holds.nodes.map((hold) => (
              <tr key={hold.id}>
                <td>
                  <Link to="/transfers/$id" params={{ id: hold.id }}>
                    <Time at={hold.createdAt} />
                  </Link>
                </td>
                <td className="right">
                  <Amount units={hold.amount} scale={asset.scale} />
                </td>
                <td>{hold.expiresAt === null ? 'never' : <Time at={hold.expiresAt} />}</td>
                {mayBook && (
                  <td>
                    <button
                      type="button"
                      className="small"
                      onClick={() => void navigate({ search: (now) => ({ ...now, do: 'release', hold: hold.id }) })}
                    >
                      Release
                    </button>
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
