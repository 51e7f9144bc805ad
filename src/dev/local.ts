/** The files of a checkout under `.data/`: the embedded server's data and the development secret. */
import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { ConfigError, MIN_SECRET_BYTES, type AuthConfig, type Config } from '../config.ts';
import { openDatabase, type Administration, type Database } from '../database/database.ts';
import { inspectSession, requireSession } from '../database/pooler.ts';
import { oneLine, UnreachableError } from '../exit.ts';
import { mayMigrate, migrate } from '../migrate/migrate.ts';
import { seed } from './demo.ts';
import type { EmbeddedServer } from './embedded.ts';

const DATA_FOLDER = fileURLToPath(new URL('../../.data', import.meta.url));
const SECRET_FILE = `${DATA_FOLDER}/jwt-secret`;

/** Starts or joins the server under `.data/`. Its package is a development dependency, so it is loaded only here. */
export async function startLocalServer({ exclusive = false } = {}): Promise<EmbeddedServer> {
  try {
    const { startEmbedded } = await import('./embedded.ts');
    return await startEmbedded({ dataDir: `${DATA_FOLDER}/postgres`, database: 'wallet', exclusive });
  } catch (error) {
    throw new UnreachableError(oneLine(error), { cause: error });
  }
}

export interface Opened {
  database: Database;
  /** An administrator's URL of the server under `.data/`; undefined for another server. */
  localUrl: string | undefined;
  /** Resolves, with an explanation in one line, if the server under `.data/` ends by itself. */
  ended: Promise<string>;
  close(): Promise<void>;
}

/** Opens the database of DATABASE_URL, otherwise that of the server under `.data/`. In development an empty ledger there gets the demo. */
export async function openConfigured(
  config: Config,
  administration: Administration = { migrate, mayMigrate },
): Promise<Opened> {
  const { databaseUrl, production } = config;
  if (databaseUrl !== undefined) {
    const database = await openDatabase({ ...config, databaseUrl }, administration);
    return { database, localUrl: undefined, ended: new Promise(() => undefined), close: () => database.close() };
  }
  const server = await startLocalServer({ exclusive: true });
  const migrateAndSeed = async (url: string): Promise<void> => {
    await migrate(url);
    if (!production) await seed(url, { onlyIfEmpty: true });
  };
  try {
    const database = await openDatabase(
      { ...config, databaseUrl: server.url },
      { migrate: migrateAndSeed, mayMigrate },
    );
    const close = async (): Promise<void> => {
      await database.close();
      await server.stop();
    };
    return { database, localUrl: server.url, ended: server.ended, close };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Runs `work` on the configured database. Stops the local server if it was not running before. */
export async function withDatabaseUrl<T>(config: Config, work: (url: string) => Promise<T>): Promise<T> {
  if (config.databaseUrl !== undefined) {
    await expectSession(config.databaseUrl);
    return work(config.databaseUrl);
  }
  // Otherwise a command would report on the server under `.data/`, and say that all is well.
  if (config.nodes !== undefined) {
    throw new ConfigError('NODES names several databases: unset it, and run this once for each with its DATABASE_URL');
  }
  const server = await startLocalServer();
  try {
    return await work(server.url);
  } finally {
    await server.stop();
  }
}

/**
 * Commands switch roles and take session locks, which a pooler in transaction mode breaks. If the database is unreachable, the command
 * reports that itself.
 */
async function expectSession(url: string): Promise<void> {
  const session = await inspectSession({ url }).catch(() => undefined);
  if (session) requireSession(session.mode, 'DATABASE_URL');
}

/** Development needs no configuration. Production must have a secret other than the development secret. */
export async function authOf({ auth, production }: Config): Promise<AuthConfig> {
  if (!auth) return { kind: 'secret', secret: await developmentSecret() };
  if (production && auth.kind === 'secret' && (await isDevelopmentSecret(auth.secret))) {
    throw new ConfigError('JWT_SECRET is the development secret under .data/: production needs one of its own');
  }
  return auth;
}

async function isDevelopmentSecret(secret: string): Promise<boolean> {
  const kept = await readFile(SECRET_FILE, 'utf8').catch(() => '');
  return kept.trim() === secret;
}

/** The development secret: created once, then kept; the service and `npm run token` share it. */
export async function developmentSecret(): Promise<string> {
  const secret = await keptSecret().catch((error: unknown) => {
    throw new ConfigError(`The secret of this checkout cannot be kept: ${oneLine(error)}; set JWT_SECRET`, {
      cause: error,
    });
  });
  if (Buffer.byteLength(secret) >= MIN_SECRET_BYTES) return secret;
  throw new ConfigError(`${SECRET_FILE} holds no secret of ${MIN_SECRET_BYTES} bytes: delete it, or set JWT_SECRET`);
}

async function keptSecret(): Promise<string> {
  await mkdir(DATA_FOLDER, { recursive: true });
  // Linked only when complete: a process that starts at the same time finds the whole secret or none.
  const draft = `${SECRET_FILE}.${process.pid}`;
  await writeFile(draft, randomBytes(32).toString('hex'), { mode: 0o600 });
  try {
    await link(draft, SECRET_FILE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await unlink(draft);
  }
  return (await readFile(SECRET_FILE, 'utf8')).trim();
}
