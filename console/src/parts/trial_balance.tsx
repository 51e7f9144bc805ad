import type { Asset } from '../data/amounts.ts';
import type { TrialLine } from '../data/queries.ts';
import { accountInWords } from '../data/words.ts';
import { Amount } from './shown.tsx';

/** The accounts of one asset: what players have, and the house. Both sides have the same sum. */
export function TrialBalance({ lines, asset }: { lines: readonly TrialLine[]; asset: Asset }) {
  const sum = (side: 'debit' | 'credit'): bigint => lines.reduce((all, line) => all + BigInt(line[side]), 0n);
  const [debit, credit] = [sum('debit'), sum('credit')];
  const cell = (units: string) =>
    units === '0' ? <span className="faint">–</span> : <Amount units={units} scale={asset.scale} />;
  return (
    <div className="table" role="group" aria-label={`Trial balance of ${asset.code}`} tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th>Account</th>
            <th className="right">Debit</th>
            <th className="right">Credit</th>
          </tr>
        </thead>
        <tbody>
          {lines.map((line) => (
            <tr key={line.account}>
              <td>{accountInWords(line.account)}</td>
              <td className="right">{cell(line.debit)}</td>
              <td className="right">{cell(line.credit)}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">{debit === credit ? 'Both sides are equal' : 'The sides differ'}</th>
            <td className="right">
              <Amount units={debit} scale={asset.scale} />
            </td>
            <td className="right">
              <Amount units={credit} scale={asset.scale} />
            </td>
          </tr>
        </tfoot>
      </table>
    </div>
  );
}

export function byAsset(lines: readonly TrialLine[]): [string, TrialLine[]][] {
  return Object.entries(Object.groupBy(lines, ({ assetCode }) => assetCode)).map(([code, all = []]) => [code, all]);
}
