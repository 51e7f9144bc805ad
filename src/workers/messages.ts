/** What the processes that serve and the first process, which starts them, tell each other. */

/** A metric of one process, as prom-client writes it for others. */
export interface Family {
  name: string;
  type: string;
  aggregator: string;
}

export type ToWorker =
  | { kind: 'stop' }
  /** Asks for what it has counted. */
  | { kind: 'collect'; id: number }
  /** Answers `scrape`. */
  | { kind: 'scraped'; id: number; text: string };

export type ToFirst =
  /** Asks for the metrics of all. */
  | { kind: 'scrape'; id: number }
  /** Answers `collect`. */
  | { kind: 'collected'; id: number; families: Family[] };

/** Who has ended gets nothing: that it has ended is noticed by itself. */
export const ignore = (): void => undefined;
