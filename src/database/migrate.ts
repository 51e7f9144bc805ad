/** Brings a database to the newest committed migration, its feed into this cluster, and the worker's queue up to date. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Logger } from '@graphile/logger';
import { migrate as graphileMigrate } from 'graphile-migrate';
import pg from 'pg';
import { ConfigError } from '../config.ts';
import { beginEpoch } from './epoch.ts';
import { hashOfFirstMigration } from './first_migration.ts';
import { log } from '../observability/log.ts';
import { installQueue } from '../jobs/queue.ts';

const MIGRATIONS_FOLDER = fileURLToPath(new URL('../../db/migrations', import.meta.url));
const LOCK_LIMIT_MS = 60_000;
const POOL_LINGER_MS = 250;
const OTHER_LEDGER =
  'the database holds a ledger of another pre-release version, of which nothing is carried over: use an empty database (in a checkout without DATABASE_URL: delete .data/postgres)';

// What goes well is told by whoever called.
const QUIET = new Set<string>(['info', 'debug']);

const logger = new Logger(() => (level, message) => {
  if (QUIET.has(level)) return;
  log.error({ error: message }, 'migrate');
});

/** `url` logs in as an administrator. Several callers may come at once: one migrates, the others wait for it. */
export async function migrate(url: string): Promise<void> {
  await refuseOtherLedger(url);
  await migrateLedger(url);
  await beginEpoch(url);
  await installQueue(url);
}

/** One that this first migration has not made: until release 0.1.0 nothing is carried over, and graphile-migrate would go by the file's number. */
async function refuseOtherLedger(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, application_name: 'wallet-migrate' });
  await client.connect();
  try {
    const { rows } = await client.query<{ ledger: boolean; kept: boolean }>(
      `select to_regnamespace('ledger') is not null as ledger, to_regclass('graphile_migrate.migrations') is not null as kept`,
    );
    if (!rows[0]?.ledger) return;
    const { rowCount } = rows[0].kept
      ? await client.query('select from graphile_migrate.migrations where hash = $1', [await hashOfFirstMigration()])
      : { rowCount: 0 };
    if (!rowCount) throw new ConfigError(OTHER_LEDGER);
  } finally {
    await client.end();
  }
}

async function migrateLedger(url: string): Promise<void> {
  for (const deadline = Date.now() + LOCK_LIMIT_MS; ; await sleep(500)) {
    try {
      await graphileMigrate({ connectionString: url, migrationsFolder: MIGRATIONS_FOLDER, logger });
      // graphile-migrate keeps its pool for a moment, and ends the process if the server stops within that moment.
      await sleep(POOL_LINGER_MS);
      return;
    } catch (error) {
      const locked = error instanceof Error && error.message === 'Failed to get exclusive lock';
      if (!locked || Date.now() > deadline) throw error;
    }
  }
}
