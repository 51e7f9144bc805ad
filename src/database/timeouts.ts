/** How long a statement of each role may take in the database. */
import type { Role } from '../roles.ts';

/** What a connection of the gateway has; of these roles nothing needs to be said with each call. */
export const STATEMENT_TIMEOUT_MS = 30_000;
/** A player reads his own few wallets; an auditor may prove the whole ledger. */
const OTHER_STATEMENT_TIMEOUTS_MS: Readonly<Partial<Record<Role, number>>> = { player: 5_000, auditor: 300_000 };

/** Until a statement of that role has ended, one way or the other. */
export function statementLimitOf(role: Role): number {
  return OTHER_STATEMENT_TIMEOUTS_MS[role] ?? STATEMENT_TIMEOUT_MS;
}

/** For the settings of a call; it applies from the next statement of the same transaction on. */
export function statementTimeoutOf(role: Role): string | undefined {
  return OTHER_STATEMENT_TIMEOUTS_MS[role]?.toString();
}
