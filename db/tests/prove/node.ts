/** One server of its own: started, killed, copied while it works, removed with its files. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { preparePlace, startEmbedded, type EmbeddedServer, type Place } from '../../../src/dev/embedded.ts';
import { isAway } from './away.ts';

export type Settings = Record<string, string>;

const WAIT_MS = 60_000;

/** One server, by its folder. */
export class Node {
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
    // A copy that is under way may still write there.
    await rm(await realpath(this.dataDir), { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    await rm(this.dataDir, { force: true });
  }

  async postmaster(): Promise<number> {
    const [pid] = (await readFile(join(this.place.data, 'postmaster.pid'), 'utf8')).split('\n');
    return Number(pid);
  }

  /** As a power cut does. Returns when nothing of it runs any longer: the time of the cut. */
  async kill(): Promise<number> {
    const pids = await this.processes();
    const killedAt = Date.now();
    signalAll(pids, 'SIGKILL');
    for (const deadline = Date.now() + WAIT_MS; await areAlive(pids); await sleep(10))
      if (Date.now() > deadline) throw new Error(`processes of ${this.dataDir} do not end`);
    return killedAt;
  }

  /** All of its processes, the postmaster first. */
  async processes(): Promise<number[]> {
    const postmaster = await this.postmaster();
    const { stdout } = await promisify(execFile)('pgrep', ['-P', String(postmaster)]).catch(() => ({ stdout: '' }));
    return [postmaster, ...stdout.trim().split('\n').filter(Boolean).map(Number)];
  }

  /** Statements that may be run twice, as soon as the server takes them. */
  administer<R extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<R[]> {
    return whenUp(() => ask<R>(this.url, text, values));
  }

  /**
   * A base backup, while the server works. Where the log is archived it returns when the archive has all that the copy needs.
   * https://www.postgresql.org/docs/18/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP
   */
  async copyTo(to: Place): Promise<void> {
    const from = this.place;
    const client = await whenUp(() => connect(this.url));
    let label: string | undefined;
    try {
      await client.query("select pg_backup_start('copy', true)");
      // Files come and go under it; what the copy lacks by that, the log makes up for.
      await promisify(execFile)('cp', ['-a', from.data, from.password, to.home]).catch((error: unknown) => {
        const { stderr } = error as { stderr: string };
        const serious = stderr.split('\n').filter((line) => line && !line.includes('No such file'));
        if (serious.length > 0) throw error;
      });
      const { rows } = await client.query<{ label: string }>('select labelfile as label from pg_backup_stop()');
      label = rows[0]?.label;
    } finally {
      await client.end();
    }
    for (const name of ['postmaster.pid', 'postmaster.opts']) await rm(join(to.data, name), { force: true });
    await giveFiles(to, { backup_label: label ?? '' });
  }
}

/** Writes files into the data folder, which belong to the account of the server. */
export async function giveFiles({ data, account: { uid, gid } }: Place, files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(data, name), text);
    if (uid !== undefined && gid !== undefined) await chown(join(data, name), uid, gid);
  }
}

export async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** A server that is just away is asked again. */
export async function whenUp<T>(ask: () => Promise<T>): Promise<T> {
  for (const deadline = Date.now() + WAIT_MS; ; await sleep(50)) {
    try {
      return await ask();
    } catch (error) {
      if (!isAway(error) || Date.now() > deadline) throw error;
    }
  }
}

/** Whether any was still there. */
export function signalAll(pids: number[], signal: NodeJS.Signals): boolean {
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

/** What has ended but has not been asked for its exit code counts as gone. */
async function areAlive(pids: number[]): Promise<boolean> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'stat=', '-p', pids.join(',')]).catch(() => ({
    stdout: '',
  }));
  return stdout.split('\n').some((state) => state !== '' && !state.startsWith('Z'));
}

/** One statement, in a session of its own. */
export async function ask<R extends pg.QueryResultRow>(url: string, text: string, values: unknown[]): Promise<R[]> {
  const client = await connect(url);
  const { rows } = await client.query<R>(text, values).finally(() => client.end().catch(() => undefined));
  return rows;
}
