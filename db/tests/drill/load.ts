/** Callers that record when each call was sent and answered. They do not retry: the server may be lost. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Chance } from '../prove/chance.ts';
import type { Door } from '../prove/doors.ts';
import { Operations, remember, type Operation, type Stock } from '../prove/operations.ts';
import type { Promises } from '../prove/promises.ts';
import type { Tally } from '../prove/tally.ts';

/** An acknowledged call. Its times are those of the machine, like the server's. */
export interface Acknowledged {
  operation: Operation;
  /** Not later than it was sent. */
  sentAt: number;
  /** Not earlier than it was answered. */
  answeredAt: number;
}

export interface LoadOptions {
  doors: Door[];
  promises: Promises;
  stock: Stock;
  tally: Tally;
  chance: Chance;
  /** The prefix of keys. */
  name: string;
  /** The pause between two calls of a caller. */
  pauseMs?: number;
}

export class Load {
  readonly acknowledged: Acknowledged[] = [];
  readonly #options: LoadOptions;
  readonly #callers: Promise<unknown>;
  #isOver = false;
  #keys = 0;

  /** Starts one caller for each door. */
  constructor(options: LoadOptions) {
    this.#options = options;
    this.#callers = Promise.all(options.doors.map((door) => this.#call(door, options.chance.fork())));
    // `stop` reports a failure.
    this.#callers.catch(() => undefined);
  }

  /** Resolves when every call has been answered or given up. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#callers;
    await Promise.all(this.#options.doors.map((door) => door.close()));
  }

  async #call(door: Door, chance: Chance): Promise<void> {
    const { promises, stock, tally, name, pauseMs } = this.#options;
    const operations = new Operations(stock, chance, () => `${name}-${++this.#keys}`);
    while (!this.#isOver) {
      const operation = operations.next();
      if (!door.takes(operation)) continue;
      promises.open(operation);
      const sentAt = Date.now();
      const outcome = await door.post(operation);
      if (outcome.kind === 'done') {
        this.acknowledged.push({ operation, sentAt, answeredAt: Date.now() + 1 });
        promises.acknowledge(operation, outcome.receipts);
        for (const posting of operation.postings) remember(stock, posting, promises.of(posting).receipt);
        tally.count('operations', 'acknowledged calls');
      } else if (outcome.kind === 'refused') {
        promises.refuse(operation, outcome.code, false);
        tally.count('operations', 'refused calls');
      } else {
        for (const posting of operation.postings) promises.of(posting).inDoubt = true;
        tally.count('operations', 'calls without an answer');
        if (outcome.kind === 'finding') tally.find(`${outcome.text}, of ${JSON.stringify(operation)}`);
        await sleep(20);
      }
      if (pauseMs !== undefined) await sleep(pauseMs);
    }
  }
}
