/** The posting of a file, part by part: it goes on while one looks at other screens, can be stopped, and goes on where it was. */
import { CallError } from '../data/api.ts';
import type { Row } from './csv.ts';
import { keepFile, keepPart, type KeptFile, type KeptPart } from './kept.ts';
import { post, type Outcome } from './post.ts';

/** Rows of a call: each call is short, and what is lost with an answer is little. */
export const PART = 250;
/** Nobody answered: the same is sent again, by its keys, so many times at most. */
const TRIES = 3;
const PAUSE_MS = 1_000;

export interface RunState {
  is: 'waiting' | 'posting' | 'stopping' | 'done';
  /** By line. */
  outcomes: ReadonlyMap<number, Outcome>;
  /** Rows that were sent and have no answer so far. */
  unsure: number;
  trouble: Error | undefined;
}

export class Run {
  state: RunState;
  #file: KeptFile;
  readonly #parts: readonly (readonly Row[])[];
  readonly #settled: Set<number>;
  readonly #unsure: Set<number>;
  readonly #listeners = new Set<() => void>();

  constructor(file: KeptFile, parts: readonly (readonly Row[])[], kept: readonly KeptPart[]) {
    this.#file = file;
    this.#parts = parts;
    this.#settled = new Set(kept.flatMap(({ part, outcomes }) => (outcomes ? [part] : [])));
    this.#unsure = new Set(kept.flatMap(({ part, outcomes }) => (outcomes ? [] : [part])));
    const outcomes = new Map(kept.flatMap((part) => part.outcomes ?? []));
    this.state = { is: 'waiting', outcomes, unsure: 0, trouble: undefined };
    this.#set({ is: this.#next() === undefined ? 'done' : 'waiting' });
  }

  /** Whether anything was sent before. */
  get isBegun(): boolean {
    return this.#settled.size + this.#unsure.size > 0;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  stop(): void {
    if (this.state.is === 'posting') this.#set({ is: 'stopping' });
  }

  async begin(opensMissing: boolean): Promise<void> {
    this.#file = { ...this.#file, opensMissing };
    await keepFile(this.#file);
    await this.goOn();
  }

  async goOn(): Promise<void> {
    if (this.state.is !== 'waiting') return;
    this.#set({ is: 'posting', trouble: undefined });
    try {
      for (let part = this.#next(); part !== undefined && !this.#isStopping(); part = this.#next()) {
        await this.#send(part);
      }
      this.#set({ is: this.#next() === undefined ? 'done' : 'waiting' });
    } catch (error) {
      this.#set({ is: 'waiting', trouble: error instanceof Error ? error : new Error(String(error)) });
    }
  }

  async #send(part: number): Promise<void> {
    const { who, id, opensMissing } = this.#file;
    const rows = this.#parts[part] ?? [];
    this.#unsure.add(part);
    await keepPart({ who, id, part, outcomes: null });
    const outcomes = await persistently(() => post(rows, opensMissing));
    const byLine = rows.map(({ line }, place): [number, Outcome] => {
      const outcome = outcomes[place];
      if (!outcome) throw new Error('A row has no outcome');
      return [line, outcome];
    });
    await keepPart({ who, id, part, outcomes: byLine });
    this.#unsure.delete(part);
    this.#settled.add(part);
    this.#set({ outcomes: new Map([...this.state.outcomes, ...byLine]) });
  }

  #isStopping(): boolean {
    return this.state.is === 'stopping';
  }

  /** What has no answer comes first: nothing else is sent before it is known. */
  #next(): number | undefined {
    const [unsure] = this.#unsure;
    if (unsure !== undefined) return unsure;
    const next = this.#parts.findIndex((rows, part) => rows.length > 0 && !this.#settled.has(part));
    return next === -1 ? undefined : next;
  }

  #set(change: Partial<RunState>): void {
    const unsure = [...this.#unsure].reduce((sum, part) => sum + (this.#parts[part]?.length ?? 0), 0);
    this.state = { ...this.state, unsure, ...change };
    for (const listener of this.#listeners) listener();
  }
}

async function persistently<T>(work: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await work();
    } catch (error) {
      const isUnanswered = error instanceof CallError && error.trouble === 'unanswered';
      if (!isUnanswered || tried >= TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * tried));
    }
  }
}
