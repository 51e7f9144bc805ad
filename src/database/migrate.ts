/** Brings a database to the newest committed migration, its feed into this cluster, its rights and the worker's queue up to date. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Logger } from '@graphile/logger';
import { migrate as graphileMigrate } from 'graphile-migrate';
import { beginEpoch } from './epoch.ts';
import { evictIntrudersOf, GRAPHILE_MIGRATE_LOCK, withMigrationLock } from './migration_lock.ts';
import { setRights } from './rights.ts';
import { log } from '../observability/log.ts';
import { installQueue } from '../jobs/queue.ts';

const MIGRATIONS_FOLDER = fileURLToPath(new URL('../../db/migrations', import.meta.url));
const LOCK_LIMIT_MS = 60_000;
const POOL_LINGER_MS = 250;

// What goes well is told by whoever called.
const QUIET = new Set<string>(['info', 'debug']);

const logger = new Logger(() => (level, message) => {
  if (QUIET.has(level)) return;
  log.error({ error: message }, 'migrate');
});

/** `url` logs in as an administrator. Several callers may come at once: one migrates, the others wait for it. */
export async function migrate(url: string): Promise<void> {
  await withMigrationLock(url, async () => {
    await migrateLedger(url);
    await setRights(url);
    await beginEpoch(url);
    await installQueue(url);
  });
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
      await evictIntrudersOf(url, GRAPHILE_MIGRATE_LOCK);
    }
  }
}
