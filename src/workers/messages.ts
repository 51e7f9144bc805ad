/** Messages between the first process and the gateway processes. */

/** A metric of one process in prom-client's JSON format. */
export interface Family {
  name: string;
  type: string;
  aggregator: string;
}

/** `collect` asks a gateway process for its metrics; `scraped` answers `scrape`. */
export type ToWorker =
  { kind: 'stop' } | { kind: 'collect'; id: number } | { kind: 'scraped'; id: number; text: string };

/** `scrape` asks for the metrics of all processes; `collected` answers `collect`. */
export type ToFirst = { kind: 'scrape'; id: number } | { kind: 'collected'; id: number; families: Family[] };

/** For errors of messages to a process that has ended: its end is noticed anyway. */
export const ignore = (): void => undefined;
