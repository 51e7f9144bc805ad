/** The drill: a disk is lost, the ledger is restored to random moments and to the end of the archive, and verified each time. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { urlOf, withClient } from '../../../bench/databases.ts';
import type { Chance } from '../prove/chance.ts';
import { checkAtRest, withChecker } from '../prove/checker.ts';
import { openWallets, prepareLedger } from '../prove/ledger.ts';
import { Node, type Settings } from '../prove/node.ts';
import type { Posting } from '../prove/operations.ts';
import type { Promises } from '../prove/promises.ts';
import { Tally } from '../prove/tally.ts';
import { Archive } from './archive.ts';
import { checkRepetitions, checkRestored, single, type Accepted } from './check.ts';
import { ARCHIVE_TIMEOUT_SECONDS, DATABASE, runIncident, SETTINGS, Surroundings, type Incident } from './incident.ts';
import { Load } from './load.ts';
import { recovering, restore } from './restore.ts';

export interface DrillOptions {
  /** Removed before and after the drill. */
  folder: string;
  seconds: number;
  restores: number;
  harms: readonly Harm[];
  chance: Chance;
  tally: Tally;
  say: (text: string) => void;
}

/** The kinds of damage to an archive. */
export const HARMS = ['lose', 'damage'] as const;
export type Harm = (typeof HARMS)[number];

/** The result of one restore. */
export interface Outcome {
  /** The moment, or the end of the archive. */
  restoredTo: Date;
  /** Acknowledged transfers after it. */
  lostAfter: number;
  /** From that moment to the kill. */
  lostSeconds: number;
  /** From the kill, or from the start of a further restore, to the first accepted call. */
  backInSeconds: number;
}

export interface Report {
  atMoments: Outcome[];
  atEnd: Outcome;
  lostLogBytes: number;
}

const AFTERWARDS_MS = 1_000;
const ACCEPTED_WITHIN_MS = 60_000;

export class Drill {
  readonly #options: DrillOptions;
  readonly #around = new Surroundings();
  readonly #nodes: Node[] = [];
  #count = 0;

  constructor(options: DrillOptions) {
    this.#options = options;
  }

  async run(): Promise<Report> {
    const { restores, chance, say } = this.#options;
    await this.#clean();
    say('starting PostgreSQL');
    const archive = new Archive(this.#node('archive').place.home);
    const primary = this.#node('primary', archive.archiving(ARCHIVE_TIMEOUT_SECONDS));
    await primary.start();
    await prepareLedger(primary.url, DATABASE);
    // Before the gateway starts, which would post the demo to an empty ledger.
    const stock = await withClient(urlOf(primary.url, DATABASE), openWallets);
    await this.#around.start(primary);
    const scene = { primary, archive, backup: this.#node('backup').place, stock, around: this.#around };
    const incident = await runIncident(scene, this.#options);
    const { backupEndedAt, reachableUntil, archivedUntil, lostLogBytes } = incident;
    if (reachableUntil <= backupEndedAt)
      throw new Error('nothing was archived after the backup: give it more --seconds');

    const atMoments: Outcome[] = [];
    for (let index = 0; index < restores; index += 1) {
      const target = new Date(chance.int(backupEndedAt, reachableUntil - 1));
      const since = index === 0 ? incident.killedAt : Date.now();
      atMoments.push(await this.#restoreTo(target, target.getTime(), incident, since));
    }
    const atEnd = await this.#restoreTo(undefined, archivedUntil, incident, Date.now());
    await this.#proveDamageIsSeen(incident);
    return { atMoments, atEnd, lostLogBytes };
  }

  /** Stops and removes everything. */
  async stop(): Promise<void> {
    await this.#around.stop().catch(() => undefined);
    for (const node of this.#nodes) await node.stop().catch(() => undefined);
    await this.#clean();
  }

  /** Also cleans up after a killed drill. */
  async #clean(): Promise<void> {
    const { folder } = this.#options;
    const names = await readdir(folder).catch(() => []);
    for (const name of names) await new Node(join(folder, name), {}).remove();
    await rm(folder, { recursive: true, force: true });
  }

  #node(name: string, settings: Settings = {}): Node {
    const node = new Node(join(this.#options.folder, name), { ...SETTINGS, ...settings });
    this.#nodes.push(node);
    return node;
  }

  async #restoreTo(target: Date | undefined, moment: number, incident: Incident, since: number): Promise<Outcome> {
    const { chance, tally, say } = this.#options;
    say(`restoring to ${target?.toISOString() ?? 'the end of the archive'}`);
    const server = await this.#restore(incident, incident.archive, target);
    const url = urlOf(server.url, DATABASE);
    this.#around.serve(server);
    const first = await this.#firstAccepted(incident);
    const backInSeconds = (Date.now() - since) / 1000;

    const past = { ...incident, moment, target };
    const restored = await checkRestored(url, past, first, tally);
    const restoredTo = target ?? (await lastReplayed(server));
    const door = this.#around.job();
    await checkRepetitions(door, restored, chance.fork(), tally);
    await door.close();
    await this.#goOn(incident, restored.promises);
    await withChecker(url, (client) => checkAtRest(client, restored.promises, tally));
    this.#around.serve(undefined);
    await remove(server);
    return {
      restoredTo,
      lostAfter: restored.lost.length,
      lostSeconds: (incident.killedAt - restoredTo.getTime()) / 1000,
      backInSeconds,
    };
  }

  async #restore(incident: Incident, archive: Archive, target: Date | undefined): Promise<Node> {
    const server = this.#node(`restored-${++this.#count}`, recovering(archive, target));
    await restore(server, incident.backup);
    return server;
  }

  /** Sends a call to the gateway, which ran all the time, with one key until it is answered. */
  async #firstAccepted({ stock }: Incident): Promise<Accepted> {
    const wallet = stock.assets[0]?.cold[0] ?? '';
    const posting: Posting = { kind: 'top_up', wallet, key: `first-${this.#count}`, amount: 1, metadata: {} };
    const operation = single(posting);
    const door = this.#around.service();
    for (const deadline = Date.now() + ACCEPTED_WITHIN_MS; Date.now() < deadline; await sleep(20)) {
      const outcome = await door.post(operation);
      if (outcome.kind === 'done') return { operation, receipts: outcome.receipts };
      if (outcome.kind === 'finding' || outcome.kind === 'refused') throw new Error(JSON.stringify(outcome));
    }
    throw new Error(`${ACCEPTED_WITHIN_MS / 1000} seconds, and no call is accepted`);
  }

  /** Posts to the restored ledger as before. */
  async #goOn({ stock }: Incident, promises: Promises): Promise<void> {
    const { chance, tally } = this.#options;
    const doors = [this.#around.job(), this.#around.job(), this.#around.service()];
    const own = { assets: stock.assets, holds: [], booked: [], owing: [] };
    const name = `after-${this.#count}`;
    const load = new Load({ doors, promises, stock: own, tally, chance: chance.fork(), name });
    await sleep(AFTERWARDS_MS);
    for (const deadline = Date.now() + ACCEPTED_WITHIN_MS; load.acknowledged.length === 0; await sleep(20))
      if (Date.now() > deadline) break;
    await load.stop();
    tally.count('checks', 'calls accepted after a restore', load.acknowledged.length);
    if (load.acknowledged.length === 0) tally.find('no call was accepted after a restore');
  }

  /** Shows that the drill can fail: an archive without a segment, and one with a damaged segment. */
  async #proveDamageIsSeen(incident: Incident): Promise<void> {
    const { harms, tally, say } = this.#options;
    const { afterBackup } = incident;
    const segment = afterBackup[Math.floor(afterBackup.length / 2)] ?? '';
    for (const harm of harms) {
      say(`control: an archive with a segment ${harm === 'lose' ? 'lost' : 'damaged'}`);
      const archive = await incident.archive.copyTo(this.#node(`archive-${harm}`).place.home);
      await archive[harm](segment);
      const target = new Date(incident.reachableUntil - 1);
      const refusal = await this.#restore(incident, archive, target).then(
        () => undefined,
        (error: unknown) => (error as Error).message,
      );
      if (refusal?.includes('recovery ended before configured recovery target was reached'))
        tally.count('checks', `control: segment ${harm}, target refused`);
      else tally.find(`control: segment ${harm}, and PostgreSQL said ${refusal ?? 'nothing'}`);

      const server = await this.#restore(incident, archive, undefined);
      const own = new Tally();
      this.#around.serve(server);
      const first = await this.#firstAccepted(incident);
      const past = { ...incident, moment: incident.archivedUntil, target: undefined };
      await checkRestored(urlOf(server.url, DATABASE), past, first, own);
      this.#around.serve(undefined);
      await remove(server);
      tally.count('checks', `control: segment ${harm}, loss seen`, own.lost);
      if (own.lost === 0) tally.find(`control: segment ${harm}, and nothing was missed`);
    }
  }
}

async function lastReplayed(server: Node): Promise<Date> {
  const [row] = await server.administer<{ at: Date }>('select pg_last_xact_replay_timestamp() as at');
  if (!row) throw new Error('nothing was replayed');
  return row.at;
}

async function remove(server: Node): Promise<void> {
  await server.stop().catch(() => undefined);
  await server.remove();
}
