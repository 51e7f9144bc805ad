/** For tests: a PostgreSQL server whose logins have passwords, and a real PgBouncer in front of it. */
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withClient } from '../../bench/databases.ts';
import { prepareLedger } from '../../db/tests/prove/ledger.ts';
import { Node, type Settings } from '../../db/tests/prove/node.ts';
import { Child } from '../testing.ts';

export type PoolMode = 'session' | 'transaction' | 'statement';

const DATABASE = 'wallet';
const LOGINS = ['wallet_gateway', 'wallet_worker'];
/** Part of a socket's name, in a folder of its own: two PgBouncers cannot collide. */
const PORT = 6432;

export class Server {
  readonly #node: Node;
  readonly #passwords = new Map<string, string>();

  private constructor(node: Node) {
    this.#node = node;
  }

  static async start(name: string, settings: Settings): Promise<Server> {
    const folder = fileURLToPath(new URL(`../../.data/${name}-${process.pid}`, import.meta.url));
    const server = new Server(new Node(folder, settings));
    await server.#node.remove();
    await server.#node.start();
    await prepareLedger(server.#node.url, DATABASE);
    for (const login of LOGINS) await server.setPassword(login, `first of ${login}`);
    server.#passwords.set('postgres', decodeURIComponent(new URL(server.#node.url).password));
    return server;
  }

  get url(): string {
    return this.as('postgres');
  }

  as(login: string): string {
    const url = new URL(this.#node.url);
    return Object.assign(url, { pathname: `/${DATABASE}`, username: login, password: this.passwordOf(login) }).href;
  }

  passwordOf(login: string): string {
    return this.#passwords.get(login) ?? '';
  }

  get passwords(): ReadonlyMap<string, string> {
    return this.#passwords;
  }

  async setPassword(login: string, password: string): Promise<void> {
    await withClient(this.#node.url, (admin) => admin.query(`alter role ${login} password '${password}'`));
    this.#passwords.set(login, password);
  }

  async stop(): Promise<void> {
    await this.#node.stop();
    await this.#node.remove();
  }
}

/** Debian installs it in /usr/sbin, which is on root's PATH only. */
const PROGRAM = [...(process.env.PATH ?? '').split(':'), '/usr/sbin']
  .map((folder) => join(folder, 'pgbouncer'))
  .find((path) => existsSync(path));

export class PgBouncer {
  static readonly isInstalled = PROGRAM !== undefined;
  readonly #folder: string;
  readonly #server: Server;
  readonly #child: Child;

  private constructor(folder: string, server: Server, child: Child) {
    this.#folder = folder;
    this.#server = server;
    this.#child = child;
  }

  /** By default two server sessions for each login, so that clients share sessions. PgBouncer ignores no start-up parameter. */
  static async start(server: Server, mode: PoolMode, more: Record<string, string> = {}): Promise<PgBouncer> {
    const folder = await mkdtemp(join(tmpdir(), 'pgbouncer-'));
    const { hostname, port } = new URL(server.url);
    const settings = {
      unix_socket_dir: folder,
      listen_port: String(PORT),
      auth_type: 'scram-sha-256',
      auth_file: join(folder, 'users'),
      pool_mode: mode,
      default_pool_size: '2',
      ...more,
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
    const users = [...server.passwords].map(([login, password]) => `"${login}" "${password}"`);
    await writeFile(join(folder, 'users'), `${users.join('\n')}\n`);
    await writeFile(
      join(folder, 'pgbouncer.ini'),
      ['[databases]', `* = host=${hostname} port=${port}`, '[pgbouncer]', ...lines, ''].join('\n'),
    );
    // PgBouncer refuses to run as root, and the user that it switches to must create its socket in the folder.
    await chmod(folder, 0o777);
    const asOther = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
    const child = new Child(PROGRAM ?? 'pgbouncer', [...asOther, join(folder, 'pgbouncer.ini')]);
    await child.complains('process up');
    return new PgBouncer(folder, server, child);
  }

  as(login: string): string {
    const url = new URL(this.#server.as(login));
    url.host = `localhost:${PORT}`;
    url.searchParams.set('host', this.#folder);
    return url.href;
  }

  async stop(): Promise<void> {
    await this.#child.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
