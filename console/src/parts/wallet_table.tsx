import { Link } from '@tanstack/react-router';
import type { Asset } from '../data/amounts.ts';
import type { WalletRow } from '../data/queries.ts';
import { Amount, Status, Time } from './shown.tsx';

export function WalletTable({ rows, assetOf }: { rows: readonly WalletRow[]; assetOf: (code: string) => Asset }) {
  return (
    <div className="table" role="group" aria-label="Wallets" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th>Owner</th>
            <th>Asset</th>
            <th className="right">Balance</th>
            <th className="right">Can be spent</th>
            <th className="right wide-only">Bonus</th>
            <th>Status</th>
            <th className="wide-only">Since</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((wallet) => {
            const { scale } = assetOf(wallet.assetCode);
            return (
              <tr key={wallet.id}>
                <td>
                  <Link to="/wallets/$id" params={{ id: wallet.id }}>
                    {wallet.ownerId}
                  </Link>
                </td>
                <td>{wallet.assetCode}</td>
                <td className="right">
                  <Amount units={wallet.balance} scale={scale} />
                </td>
                <td className="right">
                  <Amount units={wallet.available} scale={scale} />
                </td>
                <td className="right wide-only">
                  <Amount units={wallet.bonusBalance} scale={scale} />
                </td>
                <td>
                  <Status status={wallet.status} />
                </td>
                <td className="wide-only">
                  <Time at={wallet.createdAt} isDay />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
