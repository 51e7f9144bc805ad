/** For tests of the feed: a reader that continues after its last event. */
import { setTimeout as sleep } from 'node:timers/promises';
import { callAll, type Session } from './helpers.ts';

export interface FeedEvent {
  cursor: string;
  transfer_id: string;
  kind: string;
  wallet_id: string;
  [column: string]: unknown;
}

const LIMIT_MS = 90_000;

export function readEvents(session: Session, after?: string | null, limit?: number | null): Promise<FeedEvent[]> {
  return callAll<FeedEvent>(session, 'ledger_events', { after, limit });
}

export class FeedReader {
  readonly events: FeedEvent[] = [];
  polls = 0;
  readonly #session: Session;
  readonly #limit: number;

  constructor(session: Session, limit = 100) {
    this.#session = session;
    this.#limit = limit;
  }

  get ids(): string[] {
    return this.events.map(({ transfer_id }) => transfer_id);
  }

  /** Reads one page. */
  async poll(): Promise<FeedEvent[]> {
    const page = await readEvents(this.#session, this.events.at(-1)?.cursor, this.#limit);
    this.events.push(...page);
    this.polls += 1;
    return page;
  }

  /** Reads until there is nothing more. */
  async drain(): Promise<this> {
    while ((await this.poll()).length > 0);
    return this;
  }

  /** Test files share a server, and each open transaction there delays the feed. */
  async until(transfer: string): Promise<this> {
    for (const deadline = Date.now() + LIMIT_MS; !this.ids.includes(transfer); await sleep(20)) {
      if (Date.now() > deadline) throw new Error(`the feed does not come to ${transfer}`);
      await this.drain();
    }
    return this;
  }
}
