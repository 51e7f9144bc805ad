/** Keeps so many processes that serve: one that ends is replaced. */
import cluster, { type Worker } from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { log } from '../observability/log.ts';
import { ignore, type ToWorker } from './messages.ts';

export interface WorkersOptions {
  count: number;
  /** What each has besides the environment of this process. */
  envOf: (place: number) => Record<string, string>;
  onEnded: (worker: Worker) => void;
}

interface Ended {
  code: number | null;
  signal: string | null;
}

interface Begun {
  worker: Worker;
  /** Undefined where it has ended before it listened, and has said why. */
  port: number | undefined;
  ended: Promise<Ended>;
}

const PROGRAM = fileURLToPath(new URL('worker.ts', import.meta.url));
/** One that ends sooner is not replaced at once: what ended it may still be so. */
const STEADY_MS = 10_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** Where none serves, so many in a row that end at once end the service: whoever keeps it running must see that. */
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

  /** Those that serve. */
  get listening(): Worker[] {
    return [...this.#listening];
  }

  /** Says in one line that none serves, and that none can be started. */
  get lost(): Promise<string> {
    return this.#lost.promise;
  }

  /** Resolves with the port when all listen; or with how one has ended, which cannot start, and then there are none. */
  async start(): Promise<number | Ended> {
    // What is wrong with one is wrong with all, and is said once.
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

  /** Lets the requests under way end, everywhere at once; what has not ended by then is killed. */
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
    // What cannot be sent to it is noticed by its end.
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

  /** False where all are to end. */
  async #pause(ms: number): Promise<boolean> {
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(ignore);
    return !this.#stopping.signal.aborted;
  }
}
