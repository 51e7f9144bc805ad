/** Keeps a number of gateway processes running: one that ends is replaced. */
import cluster, { type Worker } from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { log } from '../observability/log.ts';
import { ignore, type ToWorker } from './messages.ts';

export interface WorkersOptions {
  count: number;
  /** Variables of a process in addition to the environment of this one. */
  envOf: (place: number) => Record<string, string>;
  onEnded: (worker: Worker) => void;
}

interface Ended {
  code: number | null;
  signal: string | null;
}

interface Begun {
  worker: Worker;
  /** Undefined if it ended before it listened; it has logged why. */
  port: number | undefined;
  ended: Promise<Ended>;
}

const PROGRAM = fileURLToPath(new URL('worker.ts', import.meta.url));
/** A process that ends sooner is replaced after a pause: the cause may persist. */
const STEADY_MS = 10_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** If no process serves and so many in a row have ended soon after their start, the service ends, so that its supervisor notices. */
const MOST_SHORT = 5;

export class Workers {
  readonly #options: WorkersOptions;
  readonly #stopping = new AbortController();
  readonly #listening = new Set<Worker>();
  readonly #all = new Map<Worker, Promise<Ended>>();
  readonly #lost = Promise.withResolvers<string>();

  constructor(options: WorkersOptions) {
    this.#options = options;
    cluster.setupPrimary({ exec: PROGRAM, args: [] });
  }

  get listening(): Worker[] {
    return [...this.#listening];
  }

  /** Resolves, with an explanation in one line, when no process serves and none can be started. */
  get lost(): Promise<string> {
    return this.#lost.promise;
  }

  /** Resolves with the port when all listen; or with how one ended that could not start, and then all have ended. */
  async start(): Promise<number | Ended> {
    // One first: a wrong configuration would be reported by each of them.
    const first = await this.#begin(0);
    const places = Array.from({ length: this.#options.count - 1 }, (_, index) => index + 1);
    const others = first.port === undefined ? [] : await Promise.all(places.map((place) => this.#begin(place)));
    const failed = [first, ...others].find(({ port }) => port === undefined);
    if (failed) {
      await this.#kill();
      return failed.ended;
    }
    [first, ...others].forEach((begun, place) => void this.#keep(place, begun));
    return first.port ?? 0;
  }

  /** Lets requests in flight finish in all processes; kills the processes that are left at the deadline. */
  async stop(withinMs: number): Promise<void> {
    this.#stopping.abort();
    const ended = Promise.all(this.#all.values());
    for (const worker of this.#all.keys()) {
      if (this.#listening.has(worker)) worker.send({ kind: 'stop' } satisfies ToWorker, ignore);
      else worker.process.kill('SIGKILL');
    }
    await Promise.race([ended, sleep(withinMs, undefined, { ref: false })]);
    await this.#kill();
  }

  async #kill(): Promise<void> {
    const ended = Promise.all(this.#all.values());
    for (const worker of this.#all.keys()) worker.process.kill('SIGKILL');
    await ended;
  }

  async #begin(place: number): Promise<Begun> {
    const worker = cluster.fork(this.#options.envOf(place));
    // A lost message means that the process has ended, which the exit event reports.
    worker.on('error', (error) => log.warn({ error: error.message }, 'a message to a gateway process was lost'));
    const { promise: ended, resolve: end } = Promise.withResolvers<Ended>();
    this.#all.set(worker, ended);
    worker.once('exit', (code: number | null, signal: string | null) => {
      this.#all.delete(worker);
      this.#listening.delete(worker);
      this.#options.onEnded(worker);
      end({ code, signal });
    });
    const { promise: listening, resolve: listen } = Promise.withResolvers<number>();
    worker.once('listening', ({ port }) => {
      this.#listening.add(worker);
      listen(port);
    });
    return { worker, port: await Promise.race([listening, ended.then(() => undefined)]), ended };
  }

  async #keep(place: number, begun: Begun): Promise<void> {
    let short = 0;
    for (let current = begun; ;) {
      const since = performance.now();
      const { code, signal } = await current.ended;
      if (this.#stopping.signal.aborted) return;
      short = performance.now() - since < STEADY_MS ? short + 1 : 0;
      const facts = { pid: current.worker.process.pid, code, signal: signal ?? undefined };
      log.error(facts, 'a gateway process has ended, and is replaced');
      if (short >= MOST_SHORT && this.#listening.size === 0)
        this.#lost.resolve(
          `No gateway process serves: ${short} in a row have ended at once, the last by ${signal ?? `code ${code}`}`,
        );
      if (!(await this.#pause(short === 0 ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** (short - 1), LONGEST_PAUSE_MS)))) return;
      current = await this.#begin(place);
      if (current.port !== undefined)
        log.info({ pid: current.worker.process.pid }, 'a gateway process has taken its place');
    }
  }

  /** Returns false if the service is stopping. */
  async #pause(ms: number): Promise<boolean> {
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(ignore);
    return !this.#stopping.signal.aborted;
  }
}
