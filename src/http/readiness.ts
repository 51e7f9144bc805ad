/** Whether this process can answer: the database does, and it has this code's newest migration. */
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RequestHandler } from 'express';
import type { Pool } from 'pg';

type Missing = 'database' | 'migration' | 'draining';

const COMMITTED = new URL('../../db/migrations/committed/', import.meta.url);
const ANSWER_WITHIN_MS = 2_000;
/** A deployment migrates first, so a newer database has this code's newest migration too. */
const IS_MIGRATED = 'select exists (select from wallet_migrate.migrations where hash = $1) as migrated';
/** The table is missing, or the migration that grants it is. */
const UNMIGRATED = ['42P01', '42501', '3F000'];

/** Makes the handler of `GET /readyz`, and a function that reports the start of a shutdown. */
export async function createReadiness(pools: readonly Pool[]): Promise<{ handler: RequestHandler; drain: () => void }> {
  const newest = await newestMigration();
  let draining = false;
  let asked: Promise<Missing | undefined> | undefined;

  /** Of several databases one is enough to serve its wallets; but each that is there has to be migrated. */
  async function missing(): Promise<Missing | undefined> {
    const found = await Promise.all(pools.map((pool) => Promise.race([missingIn(pool, newest), late()])));
    return found.includes('migration') ? 'migration' : found.includes(undefined) ? undefined : 'database';
  }

  /** Concurrent requests share one query, and its time is limited. */
  function ask(): Promise<Missing | undefined> {
    asked ??= missing().finally(() => (asked = undefined));
    return asked;
  }

  return {
    handler: async (_req, res) => {
      const found = draining ? undefined : await ask();
      // The shutdown may have begun during the query.
      const missing = draining ? 'draining' : found;
      if (missing === undefined) res.json({ status: 'ready' });
      else res.status(503).json({ status: 'unavailable', missing });
    },
    drain: () => {
      draining = true;
    },
  };
}

/** The hash in the header of this code's newest migration; the database stores it too. */
async function newestMigration(): Promise<string> {
  const files = (await readdir(COMMITTED)).filter((file) => /^\d{6}.*\.sql$/.test(file));
  const newest = files.sort().at(-1) ?? '';
  const hash = /^--! Hash: (\S+)$/m.exec(await readFile(new URL(newest, COMMITTED), 'utf8'))?.[1];
  if (hash === undefined) throw new Error(`There is no hash in the migration ${newest}`);
  return hash;
}

async function missingIn(pool: Pool, newest: string): Promise<Missing | undefined> {
  try {
    const { rows } = await pool.query<{ migrated: boolean }>(IS_MIGRATED, [newest]);
    return rows[0]?.migrated === true ? undefined : 'migration';
  } catch (error) {
    return UNMIGRATED.includes((error as { code?: string }).code ?? '') ? 'migration' : 'database';
  }
}

function late(): Promise<Missing> {
  return sleep(ANSWER_WITHIN_MS, 'database', { ref: false });
}
