/** Optional: reads from the streaming standby of READ_DATABASE_URL. */
import type { Config } from '../config.ts';
import type { Database } from '../database/database.ts';
import type { Reads } from '../database/reads.ts';
import { STATEMENT_TIMEOUT_MS } from '../database/timeouts.ts';
import { connectForReading, readingWith } from './reads.ts';
import { Standby } from './standby.ts';

export { readPreference } from './reads.ts';

export interface StandbyReads extends Reads {
  close(): Promise<void>;
}

/** Does not wait for the standby: the service runs without it. */
export function openStandby(
  { readDatabaseUrl, readMaxStalenessMs, passwords }: Config,
  { primary, pool, historyPool }: Database,
): StandbyReads | undefined {
  if (readDatabaseUrl === undefined) return undefined;
  const standby = new Standby({
    url: readDatabaseUrl,
    password: passwords.read,
    primary,
    poolSize: pool.options.max,
    historySize: historyPool.options.max,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    maxStalenessMs: readMaxStalenessMs,
  });
  return {
    pool: standby.pool,
    queries: (there, onPrimary, req, res) => readingWith(standby, there, onPrimary, req, res),
    connect: (primaryPool, req, res) => connectForReading(standby, primaryPool, req, res),
    close: () => standby.close(),
  };
}
