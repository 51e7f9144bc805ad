/** A primary and its standby, with what may happen to them: killed, stopped for a while, replaced by one another. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { urlOf } from '../../../bench/databases.ts';
import { ask, connect, giveFiles, Node, signalAll, whenUp, type Settings } from './node.ts';
import { AnyProtocol } from './protocol.ts';
import { Proxy } from './proxy.ts';

const STANDBY = 'standby';
const WAIT_MS = 60_000;
/** PostgreSQL ends all sessions as soon as it hears that one was killed. */
const REACTS_WITHIN_MS = 10_000;
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

  standbyUrl(database: string): string {
    if (!this.#standby) throw new Error('there is no standby');
    return urlOf(this.#standby.url, database);
  }

  /** A session of an administrator with the primary. */
  async connect(database = 'postgres'): Promise<pg.Client> {
    return connect(this.url(database));
  }

  /** Statements that may be run twice, as soon as the server takes them. */
  administer<R extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<R[]> {
    // Whichever server is the primary by then.
    return whenUp(() => ask<R>(this.url('postgres'), text, values));
  }

  /** As the kernel does when memory runs out; the server comes back by recovery. */
  async killPostmaster(): Promise<void> {
    process.kill(await this.#primary.postmaster(), 'SIGKILL');
    await this.#primary.start();
  }

  /** PostgreSQL then ends all sessions and recovers by itself. False where that one had ended meanwhile. */
  async killBackend(pid: number): Promise<boolean> {
    const witness = await whenUp(() => this.connect());
    const ended = new Promise((resolve) => witness.once('end', resolve)).then(() => true);
    // A session that was just ending takes the signal, too, and then no other is ended.
    const isKilled = signalAll([pid], 'SIGKILL') && (await Promise.race([ended, sleep(REACTS_WITHIN_MS, false)]));
    await witness.end();
    await this.administer('select 1');
    return isKilled;
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
    await this.#primary.copyTo(node.place);
    await giveFiles(node.place, { 'standby.signal': '' });
    await node.start();
    this.#standby = node;
    await this.administer(`alter system set synchronous_standby_names = '${STANDBY}'`);
    await this.administer('select pg_reload_conf()');
    await this.#until('the standby is synchronous', async () => {
      const rows = await this.administer('select from pg_stat_replication where sync_state = $1', ['sync']);
      return rows.length > 0;
    });
    // What was committed before that has reached it too.
    await this.follows();
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

  async killStandby(): Promise<void> {
    await this.#standby?.kill();
  }

  /** One that was killed; it finds the primary by itself. */
  async startStandby(): Promise<void> {
    await this.#standby?.start();
  }

  /** The primary dies with all its sessions, and the standby takes its place. Without a new standby, it has none. */
  async failOver(
    beforePromotion: () => void = () => undefined,
    promote: (url: string) => Promise<void> = promoteNow,
  ): Promise<void> {
    const [lost, next] = [this.#primary, this.#standby];
    if (!next) throw new Error('there is no standby');
    // A session that outlives the postmaster for a moment must not answer when there is another primary.
    signalAll(await lost.processes(), 'SIGKILL');
    beforePromotion();
    await promote(urlOf(next.url, 'postgres'));
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

  /** All that is in the primary's log by now is on the standby's disk. */
  async follows(): Promise<void> {
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

async function promoteNow(url: string): Promise<void> {
  await ask(url, 'select pg_promote(true, 60)', []);
}
