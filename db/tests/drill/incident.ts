/** One incident: a server under load with its log archived, a base backup, and the loss of the server's disk. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { urlOf, withClient } from '../../../bench/databases.ts';
import type { Place } from '../../../src/dev/embedded.ts';
import type { Chance } from '../prove/chance.ts';
import { GatewayDoor, JobDoor } from '../prove/doors.ts';
import { Gateway } from '../prove/gateway.ts';
import { asJob } from '../prove/ledger.ts';
import type { Node, Settings } from '../prove/node.ts';
import type { Stock } from '../prove/operations.ts';
import { Promises } from '../prove/promises.ts';
import { AnyProtocol } from '../prove/protocol.ts';
import { Proxy } from '../prove/proxy.ts';
import type { Tally } from '../prove/tally.ts';
import type { Archive } from './archive.ts';
import { Load, type Acknowledged } from './load.ts';

export interface IncidentOptions {
  seconds: number;
  chance: Chance;
  tally: Tally;
  say: (text: string) => void;
}

/** What remains after the incident. */
export interface Incident {
  backup: Place;
  backupEndedAt: number;
  archive: Archive;
  /** Everything answered before this time is in the archive. */
  archivedUntil: number;
  /** The archive has a commit after any moment before this one, so that PostgreSQL can recover to it. */
  reachableUntil: number;
  /** Segments needed by any recovery beyond the backup, without the last one. */
  afterBackup: string[];
  /** The size of the log that was written but not archived. */
  lostLogBytes: number;
  killedAt: number;
  promises: Promises;
  acknowledged: Acknowledged[];
  stock: Stock;
}

/** An upper bound of the log's position at a time. */
interface Mark {
  at: number;
  segment: string;
  lsn: string;
}

export const DATABASE = 'wallet';
/** Short, as an operator would set it: up to this much may be lost with the disk. */
export const ARCHIVE_TIMEOUT_SECONDS = 2;
const ARCHIVED_WITHIN_MS = 60_000;
const JOBS = 4;
/** This test loses disks, not answers: allow for a loaded machine. */
const PATIENCE = 20;
const MARK_EVERY_MS = 50;

// Production's durability.
export const SETTINGS: Settings = {
  max_connections: '70',
  shared_buffers: '128MB',
  max_wal_size: '1GB',
  timezone: 'UTC',
  // Gives restored transfers the time of their commit.
  track_commit_timestamp: 'on',
};

/** The services around the server: they keep running while it is replaced, and reconnect by themselves. */
export class Surroundings {
  readonly proxy: Proxy;
  gateway: Gateway | undefined;
  #server: Node | undefined;
  #token = '';

  constructor() {
    this.proxy = new Proxy(
      () => this.#server?.port,
      () => new AnyProtocol(),
      () => undefined,
    );
  }

  async start(server: Node): Promise<void> {
    await this.proxy.listen();
    this.serve(server);
    this.gateway = await Gateway.start(this.#through(server), () => undefined);
    this.#token = await this.gateway.token();
  }

  /** Directs calls to this server. */
  serve(server: Node | undefined): void {
    this.#server = server;
    this.proxy.cutAll();
  }

  job(): JobDoor {
    if (!this.#server) throw new Error('no server');
    return new JobDoor(asJob(this.#through(this.#server)), true, PATIENCE);
  }

  service(): GatewayDoor {
    if (!this.gateway) throw new Error('no gateway');
    return new GatewayDoor(this.gateway, this.#token);
  }

  async stop(): Promise<void> {
    await this.gateway?.stop();
    await this.proxy.close();
  }

  #through(server: Node): string {
    return Object.assign(new URL(urlOf(server.url, DATABASE)), { port: String(this.proxy.port) }).href;
  }
}

export interface Scene {
  primary: Node;
  archive: Archive;
  /** The place of the base backup. */
  backup: Place;
  stock: Stock;
  around: Surroundings;
}

export async function runIncident(
  { primary, archive, backup, stock, around }: Scene,
  { seconds, chance, tally, say }: IncidentOptions,
): Promise<Incident> {
  const promises = new Promises(tally);
  const doors = [...Array.from({ length: JOBS }, () => around.job()), around.service(), around.service()];
  const load = new Load({ doors, promises, stock, tally, chance: chance.fork(), name: 'before' });
  const marks = new Marks(primary);
  try {
    await sleep(seconds * 250);
    say('base backup, under load');
    await primary.copyTo(backup);
    const backupEndedAt = Date.now();
    // The restore must use the archive only.
    const log = join(backup.data, 'pg_wal');
    for (const name of await readdir(log)) await rm(join(log, name), { recursive: true });
    const atBackup = marks.latest(() => true)?.segment ?? '';
    await sleep(seconds * 650 + chance.int(0, seconds * 100));
    // Enough of the log that a recovery takes some time, and loses something if the rest is missing.
    const isEnough = async (): Promise<boolean> => {
      const segments = await archive.after(atBackup);
      const last = segments.at(-1) ?? '';
      const from = marks.latest(({ segment }) => segment < last)?.at ?? Infinity;
      const until = marks.latest(({ segment }) => segment <= last)?.at ?? 0;
      return segments.length >= 3 && load.acknowledged.some((call) => call.sentAt > from && call.answeredAt <= until);
    };
    for (const deadline = Date.now() + ARCHIVED_WITHIN_MS; !(await isEnough()); await sleep(50))
      if (Date.now() > deadline) throw new Error(`${ARCHIVED_WITHIN_MS / 1000} seconds, and the log is not archived`);
    // At a random time between two segments.
    await sleep(chance.int(0, ARCHIVE_TIMEOUT_SECONDS * 1000));

    say(`killing the server after ${load.acknowledged.length} acknowledged calls, and removing its disk`);
    const killedAt = await primary.kill();
    await marks.stop();
    around.serve(undefined);
    await primary.stop();
    await primary.remove();
    await load.stop();
    const { acknowledged } = load;
    const afterBackup = await archive.after(atBackup);
    const last = afterBackup.pop() ?? '';
    const archivedUntil = marks.latest(({ segment }) => segment <= last)?.at ?? 0;
    const inArchive = acknowledged.filter(({ answeredAt }) => answeredAt <= archivedUntil);
    return {
      backup,
      backupEndedAt,
      archive,
      archivedUntil,
      reachableUntil: inArchive.reduce((latest, { sentAt }) => Math.max(latest, sentAt), 0),
      afterBackup,
      lostLogBytes: Math.max(0, positionOf(marks.latest(() => true)?.lsn ?? '0/0') - endOf(last)),
      killedAt,
      promises,
      acknowledged,
      stock,
    };
  } finally {
    await marks.stop();
    await load.stop();
  }
}

/** Records the position of the server's log repeatedly. */
class Marks {
  readonly #marks: Mark[] = [];
  readonly #asking: Promise<void>;
  #isOver = false;

  constructor(server: Node) {
    this.#asking = withClient(server.url, async (client) => {
      while (!this.#isOver) {
        const at = Date.now();
        const { rows } = await client.query<Omit<Mark, 'at'>>(
          'select pg_walfile_name(lsn) as segment, lsn::text from pg_current_wal_flush_lsn() as lsn',
        );
        this.#marks.push(...rows.map((row) => ({ at, ...row })));
        await sleep(MARK_EVERY_MS);
      }
    }).catch(() => undefined);
  }

  latest(isWanted: (mark: Mark) => boolean): Mark | undefined {
    return this.#marks.findLast(isWanted);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#asking;
  }
}

const SEGMENT_BYTES = 16 * 1024 * 1024;

/** Converts `1A/2B3C4D5E` to bytes. */
function positionOf(lsn: string): number {
  const [high = '0', low = '0'] = lsn.split('/');
  return parseInt(high, 16) * 2 ** 32 + parseInt(low, 16);
}

/** The position after a segment, whose name has its timeline and its number in two parts. */
function endOf(segment: string): number {
  const [high, low] = [segment.slice(8, 16), segment.slice(16)].map((part) => parseInt(part, 16));
  return (high ?? 0) * 2 ** 32 + ((low ?? 0) + 1) * SEGMENT_BYTES;
}
