/** The database that the gateway works on, ready to use. */
import type { Pool } from 'pg';
import { ConfigError, type Config } from './config.ts';
import { checkPool, createPool } from './pool.ts';

export interface Database {
  /** For GraphQL. */
  pool: Pool;
  /** For downloads, which are long: they must not take the connections of calls. */
  historyPool: Pool;
  close(): Promise<void>;
}

const STATEMENT_TIMEOUT_MS = 30_000;

export async function openDatabase(config: Config): Promise<Database> {
  const url = config.databaseUrl;
  // Here the embedded server starts; then migration and seed run, as the administrator.
  if (url === undefined) throw new ConfigError('Set DATABASE_URL');

  const historySize = Math.ceil(config.poolSize / 5);
  const pool = createPool({
    url, size: config.poolSize - historySize, name: 'wallet-gateway', statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  });
  // A download lasts as long as its reader takes, and a stalled one is ended by the response's own timeout.
  const historyPool = createPool({ url, size: historySize, name: 'wallet-history', statementTimeoutMs: 0 });
  const close = async (): Promise<void> => { await Promise.all([pool.end(), historyPool.end()]); };
  try {
    await checkPool(pool);
  } catch (error) {
    await close();
    throw error;
  }
  return { pool, historyPool, close };
}
