/** For tests of the gateway: processes that end with the test run, a gateway with its own database, and calls. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { alone, createDatabase, type Database } from '../db/tests/helpers.ts';
import type { Role } from './auth.ts';
import { signToken } from './dev/sign_token.ts';
import type { SecretAuth } from './config.ts';

export type Env = Record<string, string | undefined>;

export interface GraphqlError {
  message: string;
  path?: (string | number)[];
  extensions: { code: string; detail?: Record<string, unknown>; hint?: string; id?: string };
}

export interface Answer {
  status: number;
  body: { data?: Record<string, unknown> | null; errors?: GraphqlError[] };
}

export interface GraphqlReceipt {
  transferId: string;
  walletId: string;
  seq: string;
  kind: string;
  amount: string;
  bonusAmount: string;
  balance: string;
  bonusBalance: string;
  heldBalance: string;
  available: string;
  holdId: string | null;
  replayed: boolean;
  createdAt: string;
}

export const ROOT = fileURLToPath(new URL('../', import.meta.url));
export const AUTH: SecretAuth = { kind: 'secret', secret: 'only for tests: not a secret at all' };
export const RECEIPT = `transferId walletId seq kind amount bonusAmount balance bonusBalance heldBalance available holdId replayed owed inFlight
  createdAt`;

/** A generous limit: only a hang reaches it. */
const LIMIT_MS = 60_000;
const PASSWORD = 'for a test';

/** A process in its own group. A guard ends the group when the test run ends, even if it is killed. */
export class Child {
  stdout = '';
  stderr = '';
  readonly exited: Promise<number | null>;
  #isOver = false;
  readonly #process: ChildProcess;

  constructor(command: string, args: string[], { cwd = ROOT, env = {} }: { cwd?: string; env?: Env } = {}) {
    this.#process = spawn(command, args, {
      cwd,
      env: cleanEnvironment(env),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    const guard = guardGroup(this.pid);
    this.exited = once(this.#process, 'close').then(([code]) => {
      guard.kill('SIGKILL');
      this.#isOver = true;
      return code as number | null;
    });
  }

  get pid(): number {
    const { pid } = this.#process;
    if (pid === undefined) throw new Error('The process did not start');
    return pid;
  }

  /** Waits for a match in its standard output; fails if it ends without one. */
  async prints(pattern: RegExp, limit = LIMIT_MS): Promise<RegExpExecArray> {
    const deadline = Date.now() + limit;
    for (;;) {
      // `exited` would be too early: output may still arrive until the streams close.
      const ended = this.#isOver;
      const found = pattern.exec(this.stdout);
      if (found) return found;
      if (ended || Date.now() > deadline) throw new Error(`No ${pattern.source} in: ${this.stdout}${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Waits until standard error contains the text, and returns its JSON lines: the log may be written after the answer. */
  async complains(about: string, limit = LIMIT_MS): Promise<Record<string, unknown>[]> {
    for (const deadline = Date.now() + limit; !this.stderr.includes(about);) {
      if (Date.now() > deadline) throw new Error(`No ${about} in: ${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return linesOfLog(this.stderr);
  }

  /** Signals the whole group, as a terminal does on Ctrl-C. */
  signal(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  async stop(): Promise<number | null> {
    this.signal('SIGTERM');
    const deadline = setTimeout(() => {
      this.signal('SIGKILL');
    }, LIMIT_MS);
    return this.exited.finally(() => {
      clearTimeout(deadline);
    });
  }
}

/** Calls the function on the gateway's session that waits for a lock. */
export async function toWaiting(
  db: Database,
  what: 'pg_cancel_backend' | 'pg_terminate_backend' | 'abs',
): Promise<void> {
  for (const deadline = Date.now() + LIMIT_MS; Date.now() < deadline; await sleep(20)) {
    const { rowCount } = await db.query(
      `select ${what}(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'wallet-gateway' and wait_event_type = 'Lock'`,
    );
    if (rowCount) return;
  }
  throw new Error('Nobody waits');
}

export function linesOfLog(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

export async function execute(
  command: string,
  args: string[],
  options: { cwd?: string; env?: Env } = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = new Child(command, args, options);
  const code = await child.exited;
  return { code, stdout: child.stdout, stderr: child.stderr };
}

/**
 * Gives the login a password while `work` runs, since logins belong to the whole cluster. Only one test file at a time does this for a
 * login: otherwise the first to finish would remove the others' password.
 */
export function withLogin<T>(db: Database, login: string, work: (url: string) => Promise<T>): Promise<T> {
  return alone(`the login ${login}`, async () => {
    const { rows } = await db.query<{ rolpassword: string | null }>(
      'select rolpassword from pg_authid where rolname = $1',
      [login],
    );
    const before = rows[0]?.rolpassword ?? null;
    const url = new URL(db.url);
    url.username = login;
    url.password = PASSWORD;
    await db.query(`alter role ${login} password ${pg.escapeLiteral(PASSWORD)}`);
    try {
      return await work(url.href);
    } finally {
      await db.query(`alter role ${login} password ${before === null ? 'null' : pg.escapeLiteral(before)}`);
    }
  });
}

/** The guard reads from a pipe that closes when this process dies, and then ends the group. */
function guardGroup(pid: number): ChildProcess {
  const guard = spawn(
    '/bin/sh',
    ['-c', 'read -r _; kill -s TERM -- "-$0"; sleep 15; kill -s KILL -- "-$0"', String(pid)],
    {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    },
  );
  guard.unref();
  return guard;
}

/** Variables that configure the gateway, libpq or the test runner. */
const FOREIGN = new RegExp(
  `^(${[
    '(WORKER_DATABASE|READ|DATABASE|JWT|JWKS|OIDC|OTEL|PG|JEST|npm)_?.*',
    'NODES|HOST|CORS_ORIGINS|PORT|POOL_SIZE|MAX_SOCKETS|DRAIN_GRACE_MS|LOG_LEVEL|VERIFY_CRON|RATE_LIMIT_PER_MINUTE',
    'WEBHOOK_.*|GATEWAY_WORKERS|GROUP_CALLS|GRAPHQL_INTROSPECTION|PERSISTED_DOCUMENTS|PERSISTED_DOCUMENTS_ONLY|NODE_ENV|NODE_OPTIONS|GRAPHILE_ENV',
  ].join('|')})$`,
);

function cleanEnvironment(more: Env): Env {
  const inherited = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name));
  return { ...Object.fromEntries(inherited), ...more };
}

/** A gateway and its database for one describe block. */
export class Gateway {
  readonly db: Database;
  readonly #env: Env;
  #child: Child | undefined;
  #url = '';

  constructor(db: Database, env: Env) {
    this.db = db;
    this.#env = env;
  }

  get child(): Child {
    if (!this.#child) throw new Error('The gateway is not running');
    return this.#child;
  }

  get url(): string {
    return this.#url;
  }

  async start(): Promise<void> {
    this.#child = new Child(process.execPath, ['src/server.ts'], {
      env: {
        NODE_ENV: 'production',
        JWT_SECRET: AUTH.secret,
        DATABASE_URL: this.db.url,
        PORT: '0',
        // No load balancer waits for its shutdown.
        DRAIN_GRACE_MS: '0',
        ...this.#env,
      },
    });
    const [, url = ''] = await this.#child.prints(/^Listening on (\S+)$/m);
    this.#url = url;
  }

  async stop(): Promise<number | null> {
    return this.#child?.stop() ?? null;
  }

  as(role: Role, sub = `${role}-1`): Caller {
    return new Caller(this, signToken(AUTH, { role, sub }));
  }

  with(token: string | undefined): Caller {
    return new Caller(this, Promise.resolve(token));
  }
}

export class Caller {
  readonly #gateway: { readonly url: string };
  readonly #token: Promise<string | undefined>;

  constructor(gateway: { readonly url: string }, token: Promise<string | undefined>) {
    this.#gateway = gateway;
    this.#token = token;
  }

  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const token = await this.#token;
    const headers = new Headers(init.headers);
    if (token !== undefined) headers.set('Authorization', `Bearer ${token}`);
    return fetch(`${this.#gateway.url}${path}`, { ...init, headers });
  }

  async post(query: string, variables: Record<string, unknown> = {}): Promise<Answer> {
    const response = await this.fetch('/graphql', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    return { status: response.status, body: (await response.json()) as Answer['body'] };
  }

  /** Returns the data of an answer; fails if it has errors. */
  async data<T>(query: string, variables: Record<string, unknown> = {}): Promise<T> {
    const { status, body } = await this.post(query, variables);
    if (status !== 200 || body.errors) throw new Error(`${status} ${JSON.stringify(body)}`);
    return body.data as T;
  }

  mutate(name: string, input: Record<string, unknown>, payload = `receipt { ${RECEIPT} }`): Promise<Answer> {
    const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
    return this.post(`mutation ($input: ${type}!) { ${name}(input: $input) { ${payload} } }`, { input });
  }

  /** Returns the receipt of a mutation; fails if there is none. */
  async receipt(name: string, input: Record<string, unknown>): Promise<GraphqlReceipt> {
    const { body } = await this.mutate(name, input);
    const payload = body.data?.[name] as { receipt: GraphqlReceipt } | null | undefined;
    if (!payload) throw new Error(JSON.stringify(body));
    return payload.receipt;
  }
}

/** For a describe block: starts the gateway before its tests, and stops it before its database is dropped. */
export function createGateway(env: Env = {}): Gateway {
  // Hooks run in the order in which they are registered.
  afterAll(() => gateway.stop());
  const gateway = new Gateway(createDatabase(), env);
  beforeAll(() => gateway.start());
  return gateway;
}

/** Returns the only error of an answer. */
export function errorOf({ body }: Answer): GraphqlError {
  const [error, ...more] = body.errors ?? [];
  if (!error || more.length > 0) throw new Error(`not one error: ${JSON.stringify(body)}`);
  return error;
}
