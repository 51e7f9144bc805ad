import type { Role } from '../roles.ts';

/** The timeout of a gateway connection; only other roles need a setting in each call. */
export const STATEMENT_TIMEOUT_MS = 30_000;
/** A player reads a few wallets; an auditor may verify the whole ledger. */
const OTHER_STATEMENT_TIMEOUTS_MS: Readonly<Partial<Record<Role, number>>> = { player: 5_000, auditor: 300_000 };

export function statementLimitOf(role: Role): number {
  return OTHER_STATEMENT_TIMEOUTS_MS[role] ?? STATEMENT_TIMEOUT_MS;
}

/** For the settings of a call: it applies from the next statement of the same transaction. */
export function statementTimeoutOf(role: Role): string | undefined {
  return OTHER_STATEMENT_TIMEOUTS_MS[role]?.toString();
}
