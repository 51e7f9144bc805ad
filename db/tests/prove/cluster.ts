/** A primary and its standby, with what may happen to them: killed, stopped for a while, replaced by one another. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { urlOf } from '../../../bench/databases.ts';
import { preparePlace, startEmbedded, type EmbeddedServer, type Place } from '../../../src/embedded.ts';
import { isAway } from './away.ts';
import { AnyProtocol } from './protocol.ts';
import { Proxy } from './proxy.ts';

type Settings = Record<string, string>;

const STANDBY = 'standby';
const WAIT_MS = 60_000;
const SETTINGS: Settings = {
  // So few that they can be used up.
  max_connections: '70',
  shared_buffers: '256MB',
  wal_keep_size: '1GB',
  wal_retrieve_retry_interval: '100ms',
  max_wal_size: '1GB',
  checkpoint_timeout: '30s',
  // Servers are copied while they work, and killed.
  wal_level: 'replica',
};

/** One server, by its folder. */
class Node {
  readonly dataDir: string;
  readonly #settings: Settings;
  #server: EmbeddedServer | undefined;
  #place: Place | undefined;

  constructor(dataDir: string, settings: Settings) {
    this.dataDir = dataDir;
    this.#settings = settings;
  }

  /** An administrator's. */
  get url(): string {
    if (!this.#server) throw new Error(`${this.dataDir} has not been started`);
    return this.#server.url;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  get place(): Place {
    return (this.#place ??= preparePlace(this.dataDir));
  }

  async start(): Promise<void> {
    const before = this.#server;
    this.#server = await startEmbedded({
      dataDir: this.dataDir,
      database: 'postgres',
      settings: this.#settings,
      exclusive: true,
    });
    // Of a server that has been killed it only gives up a session.
    await before?.stop().catch(() => undefined);
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  /** With the server that a killed run may have left there. */
  async remove(): Promise<void> {
    if (!existsSync(this.dataDir)) return;
    const leftOver = `postgres -D ${join(await realpath(this.dataDir), 'data')} `;
    await promisify(execFile)('pkill', ['-KILL', '-f', leftOver]).catch(() => undefined);
    await rm(await realpath(this.dataDir), { recursive: true, force: true });
    await rm(this.dataDir, { force: true });
  }

  async postmaster(): Promise<number> {
    const [pid] = (await readFile(join(this.place.data, 'postmaster.pid'), 'utf8')).split('\n');
    return Number(pid);
  }

  /** All of its processes, the postmaster first. */
  async processes(): Promise<number[]> {
    const postmaster = await this.postmaster();
    const { stdout } = await promisify(execFile)('pgrep', ['-P', String(postmaster)]).catch(() => ({ stdout: '' }));
    return [postmaster, ...stdout.trim().split('\n').filter(Boolean).map(Number)];
  }
}

export class Cluster {
  /** The way of the standby to the primary, wherever that is. */
  readonly #link: Proxy;
  readonly #folder: string;
  readonly #settings: Settings;
  #primary: Node;
  #standby: Node | undefined;
  #isLinked = true;

  private constructor(folder: string, settings: Settings) {
    this.#folder = folder;
    this.#settings = { ...SETTINGS, ...settings };
    this.#primary = this.#newNode('a');
    this.#link = new Proxy(
      () => (this.#isLinked ? this.#primary.port : undefined),
      () => new AnyProtocol(),
      () => undefined,
    );
  }

  static async start(folder: string, settings: Settings): Promise<Cluster> {
    const cluster = new Cluster(folder, settings);
    await cluster.#link.listen();
    for (const name of ['a', 'b']) await cluster.#newNode(name).remove();
    await cluster.#primary.start();
    return cluster;
  }

  get port(): number {
    return this.#primary.port;
  }

  url(database: string): string {
    return urlOf(this.#primary.url, database);
  }

  /** A session of an administrator with the primary. */
  async connect(database = 'postgres'): Promise<pg.Client> {
    return connect(this.url(database));
  }

  /** Statements that may be run twice, as soon as the server takes them. */
  administer<R extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<R[]> {
    return whenUp(async () => {
      const client = await this.connect();
      const { rows } = await client.query<R>(text, values).finally(() => client.end().catch(() => undefined));
      return rows;
    });
  }

  /** As the kernel does when memory runs out; the server comes back by recovery. */
  async killPostmaster(): Promise<void> {
    process.kill(await this.#primary.postmaster(), 'SIGKILL');
    await this.#primary.start();
  }

  /** PostgreSQL then ends all sessions and recovers by itself. False where that one had ended meanwhile. */
  async killBackend(pid: number): Promise<boolean> {
    const witness = await whenUp(() => this.connect());
    const ended = new Promise((resolve) => witness.once('end', resolve));
    if (!signalAll([pid], 'SIGKILL')) {
      await witness.end();
      return false;
    }
    await ended;
    await this.administer('select 1');
    return true;
  }

  async pause(ms: number): Promise<void> {
    const pids = await this.#primary.processes();
    signalAll(pids, 'SIGSTOP');
    await sleep(ms);
    signalAll(pids, 'SIGCONT');
  }

  /** A copy of the primary that follows it: what is committed from now on is on both. */
  async addStandby(): Promise<void> {
    const { password } = new URL(this.#primary.url);
    // Two folders in turns: a failover removes one before the next standby is made.
    const node = this.#newNode(this.#primary.dataDir.endsWith('a') ? 'b' : 'a', {
      primary_conninfo: `host=127.0.0.1 port=${this.#link.port} user=postgres password=${password} application_name=${STANDBY}`,
    });
    await node.remove();
    await this.#copyTo(node);
    await node.start();
    this.#standby = node;
    await this.administer(`alter system set synchronous_standby_names = '${STANDBY}'`);
    await this.administer('select pg_reload_conf()');
    await this.#until('the standby is synchronous', async () => {
      const rows = await this.administer('select from pg_stat_replication where sync_state = $1', ['sync']);
      return rows.length > 0;
    });
    // What was committed before that has reached it too.
    await this.#follows();
  }

  /** The standby and the primary no longer hear of each other. */
  cutLink(): void {
    this.#isLinked = false;
    this.#link.cutAll();
  }

  /** It finds the primary by itself. */
  mendLink(): void {
    this.#isLinked = true;
  }

  /** From now on the primary answers before the standby has what it answers. */
  async stopWaitingForStandby(): Promise<void> {
    await this.administer("alter system set synchronous_standby_names = ''");
    await this.administer('select pg_reload_conf()');
  }

  /** The primary dies with all its sessions, and the standby takes its place. Without a new standby, it has none. */
  async failOver(beforePromotion: () => void = () => undefined): Promise<void> {
    const [lost, next] = [this.#primary, this.#standby];
    if (!next) throw new Error('there is no standby');
    // A session that outlives the postmaster for a moment must not answer when there is another primary.
    signalAll(await lost.processes(), 'SIGKILL');
    beforePromotion();
    const client = await connect(urlOf(next.url, 'postgres'));
    await client.query('select pg_promote(true, 60)').finally(() => client.end());
    this.#primary = next;
    this.#standby = undefined;
    this.#link.cutAll();
    await this.stopWaitingForStandby();
    await lost.stop().catch(() => undefined);
    await lost.remove();
  }

  async stop(): Promise<void> {
    for (const node of [this.#standby, this.#primary]) {
      await node?.stop();
      await node?.remove();
    }
    await rm(this.#folder, { recursive: true, force: true });
    await this.#link.close();
  }

  #newNode(name: string, settings: Settings = {}): Node {
    return new Node(join(this.#folder, name), { ...this.#settings, ...settings });
  }

  /** https://www.postgresql.org/docs/18/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP */
  async #copyTo(node: Node): Promise<void> {
    const from = this.#primary.place;
    const to = node.place;
    const client = await whenUp(() => this.connect());
    try {
      await client.query("select pg_backup_start('prove', true)");
      // Files come and go under it; what the copy lacks by that, the log makes up for.
      await promisify(execFile)('cp', ['-a', from.data, from.password, to.home]).catch((error: unknown) => {
        const { stderr } = error as { stderr: string };
        const serious = stderr.split('\n').filter((line) => line && !line.includes('No such file'));
        if (serious.length > 0) throw error;
      });
      const { rows } = await client.query<{ label: string }>(
        'select labelfile as label from pg_backup_stop(wait_for_archive => false)',
      );
      await writeFile(join(to.data, 'backup_label'), rows[0]?.label ?? '');
    } finally {
      await client.end();
    }
    await writeFile(join(to.data, 'standby.signal'), '');
    for (const name of ['postmaster.pid', 'postmaster.opts']) await rm(join(to.data, name), { force: true });
    const { uid, gid } = to.account;
    if (uid === undefined || gid === undefined) return;
    for (const name of ['backup_label', 'standby.signal'])
      await promisify(execFile)('chown', [`${uid}:${gid}`, join(to.data, name)]);
  }

  /** All that is in the primary's log by now is on the standby's disk. */
  async #follows(): Promise<void> {
    const [now] = await this.administer<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn');
    await this.#until('the standby follows', async () => {
      const rows = await this.administer('select from pg_stat_replication where flush_lsn >= $1::pg_lsn', [now?.lsn]);
      return rows.length > 0;
    });
  }

  async #until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    for (const deadline = Date.now() + WAIT_MS; !(await isSo()); await sleep(20)) {
      if (Date.now() > deadline) throw new Error(`${WAIT_MS / 1000} seconds, and not yet: ${what}`);
    }
  }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** A server that is just away is asked again. */
async function whenUp<T>(ask: () => Promise<T>): Promise<T> {
  for (const deadline = Date.now() + WAIT_MS; ; await sleep(50)) {
    try {
      return await ask();
    } catch (error) {
      if (!isAway(error) || Date.now() > deadline) throw error;
    }
  }
}

/** Whether any was still there. */
function signalAll(pids: number[], signal: NodeJS.Signals): boolean {
  const reached = pids.filter((pid) => {
    try {
      return process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      return false;
    }
  });
  return reached.length > 0;
}
