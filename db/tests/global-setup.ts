/** Starts one server and migrates one template database for all test files; each file clones the template (see helpers.ts). */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { startEmbedded } from '../../src/dev/embedded.ts';
import { migrate } from '../../src/migrate/migrate.ts';
import { applyCurrent } from './current.ts';

interface Server {
  url: string;
  kind: string;
  stop: () => Promise<void>;
}

declare global {
  var stopTestServer: (() => Promise<void>) | undefined;
}

const PREFIX = 'wallet_test';
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
// Tests need no durability.
const FORGETFUL = {
  max_connections: '400',
  max_prepared_transactions: '4',
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
};
const DOCKER_ANSWER_MS = 3_000;
const DOCKER_START_MS = 120_000;

export default async function globalSetup(): Promise<void> {
  const server = await findServer();
  const run = `${PREFIX}_${randomBytes(4).toString('hex')}`;
  // Other runs see by this session's name which databases are in use.
  const admin = new pg.Client({
    connectionString: server.url,
    application_name: run,
    options: '-c idle_session_timeout=0',
  });
  admin.on('error', () => undefined);
  globalThis.stopTestServer = async () => {
    const { rows: others } = await admin.query(
      'select from pg_stat_activity where application_name like $1 and application_name <> $2',
      [`${PREFIX}\\_%`, run],
    );
    await dropDatabases(admin, `${run}_`);
    await admin.end();
    // The last run stops the server.
    if (others.length === 0) await server.stop();
  };
  try {
    await admin.connect();
    await prepare(admin, server.url, run);
  } catch (error) {
    await globalThis.stopTestServer().catch(() => server.stop());
    throw error;
  }
  const { rows } = await admin.query<{ version: string; room: string }>(
    "select current_setting('server_version') as version, current_setting('max_connections') as room",
  );
  process.env.TEST_SERVER_URL = server.url;
  process.env.TEST_TEMPLATE = `${run}_template`;
  process.env.TEST_CONNECTIONS = rows[0]?.room;
  console.log(`\nPostgreSQL for the tests: ${server.kind}, version ${rows[0]?.version ?? 'unknown'}`);
}

async function prepare(admin: pg.Client, serverUrl: string, run: string): Promise<void> {
  const template = `${run}_template`;
  const url = new URL(serverUrl);
  url.pathname = `/${template}`;
  await dropLeftovers(admin);
  await createLogins(admin);
  await admin.query(`create database ${template}`);
  await migrate(url.href);
  await applyCurrent(url.href);
  await admin.query(`alter database ${template} is_template true allow_connections false`);
}

async function findServer(): Promise<Server> {
  const given = process.env.TEST_DATABASE_URL;
  if (given) return { url: given, kind: 'TEST_DATABASE_URL', stop: () => Promise.resolve() };
  return (await startContainer()) ?? (await startLocal());
}

async function startLocal(): Promise<Server> {
  const server = await startEmbedded({ dataDir: `${ROOT}.data/test`, database: 'postgres', settings: FORGETFUL });
  return { url: server.url, kind: 'embedded', stop: () => server.stop() };
}

/** Starts a container if a Docker engine answers; undefined if there is none, or the start fails. */
async function startContainer(): Promise<Server | undefined> {
  const { getContainerRuntimeClient } = await import('testcontainers');
  const answers = await within(
    DOCKER_ANSWER_MS,
    getContainerRuntimeClient().then(
      () => true,
      () => false,
    ),
  );
  if (!answers) return undefined;
  const { PostgreSqlContainer } = await import('@testcontainers/postgresql');
  const settings = Object.entries(FORGETFUL).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  // The next run reuses the container of a killed run, so no cleaner is needed.
  const starting = new PostgreSqlContainer('postgres:18')
    .withCommand(['postgres', ...settings])
    .withReuse()
    .start();
  const container = await within(DOCKER_START_MS, starting).catch((error: unknown) => {
    console.log(`\nDocker answers but starts no postgres:18: ${String(error)}`);
    return undefined;
  });
  return (
    container && {
      url: container.getConnectionUri(),
      kind: 'Testcontainers',
      stop: async () => {
        await container.stop();
      },
    }
  );
}

async function within<T>(limit: number, promise: Promise<T>): Promise<T | undefined> {
  return Promise.race([promise, sleep(limit, undefined, { ref: false })]);
}

/** Databases without a session of their run were left by a crash. */
async function dropLeftovers(admin: pg.Client): Promise<void> {
  const { rows } = await admin.query<{ run: string }>(
    `select distinct substring(datname from '^${PREFIX}_[0-9a-f]{8}') as run
     from pg_database
     where datname ~ '^${PREFIX}_[0-9a-f]{8}_'
       and substring(datname from '^${PREFIX}_[0-9a-f]{8}') not in (select application_name from pg_stat_activity)`,
  );
  for (const { run } of rows) await dropDatabases(admin, `${run}_`);
}

async function dropDatabases(admin: pg.Client, prefix: string): Promise<void> {
  const { rows } = await admin.query<{ datname: string; datistemplate: boolean }>(
    'select datname, datistemplate from pg_database where starts_with(datname, $1)',
    [prefix],
  );
  for (const { datname, datistemplate } of rows) {
    // A database whose drop was interrupted can be dropped, but not altered.
    if (datistemplate) await admin.query(`alter database ${datname} is_template false`);
    await admin.query(`drop database if exists ${datname} with (force)`);
  }
}

/** Logins belong to the cluster, so an earlier run may have created them. */
async function createLogins(admin: pg.Client): Promise<void> {
  await admin.query(`do $$
    begin
      perform pg_advisory_xact_lock(hashtext('${PREFIX}'));
      if not exists (select from pg_roles where rolname = 'wallet_job') then
        create role wallet_job nologin;
      end if;
      if not exists (select from pg_roles where rolname = 'wallet_test_job') then
        create role wallet_test_job login in role wallet_job;
      end if;
      if not exists (select from pg_roles where rolname = 'wallet_test_stranger') then
        create role wallet_test_stranger login;
      end if;
    end $$`);
}
