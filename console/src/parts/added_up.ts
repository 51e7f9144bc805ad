/** Of each account: opening + debits − credits = closing, with debits above zero; and the same of the bonus parts. */
import type { ActivityRow, BalanceRow } from '../data/queries.ts';

export interface AddedUp {
  account: string;
  opening: bigint;
  debits: bigint;
  credits: bigint;
  closing: bigint;
  isEqual: boolean;
}

type Moved = Pick<ActivityRow, 'debit' | 'credit' | 'amount' | 'bonusAmount'>;
type Balance = Pick<BalanceRow, 'account' | 'side' | 'balance' | 'bonusBalance'>;

export function addedUp(opening: readonly Balance[], closing: readonly Balance[], moved: readonly Moved[]): AddedUp[] {
  const names = [
    ...[...opening, ...closing].map(({ account }) => account),
    ...moved.flatMap(({ debit, credit }) => [debit, credit]),
  ];
  return [...new Set(names)].map((account) => {
    const [from, to] = [opening, closing].map((rows) => rows.find((row) => row.account === account));
    const sum = (side: 'debit' | 'credit', amount: 'amount' | 'bonusAmount'): bigint =>
      moved.reduce((all, row) => (row[side] === account ? all + BigInt(row[amount]) : all), 0n);
    const [debits, credits] = [sum('debit', 'amount'), sum('credit', 'amount')];
    const bonus = sum('debit', 'bonusAmount') - sum('credit', 'bonusAmount');
    const isEqual =
      signed(from, 'balance') + debits - credits === signed(to, 'balance') &&
      signed(from, 'bonusBalance') + bonus === signed(to, 'bonusBalance');
    return { account, opening: signed(from, 'balance'), debits, credits, closing: signed(to, 'balance'), isEqual };
  });
}

function signed(row: Balance | undefined, amount: 'balance' | 'bonusBalance'): bigint {
  if (!row) return 0n;
  return row.side === 'debit' ? BigInt(row[amount]) : -BigInt(row[amount]);
}
