/** Groups that are prepared together, and what they are given. */
import type { Group } from './measure.ts';
import type { Count } from './record.ts';

export interface Part {
  titles: string[];
  prepare(bench: Bench): Promise<Prepared>;
}

interface Prepared {
  /** Those that were asked for are measured. */
  groups: Group[];
  /** Of a turn, and how many of them, where they are not those of all. */
  seconds?: number;
  rounds?: number;
  /** Of each contender before the first round; left out where they have had it. */
  warmUpSeconds?: number;
  /** What is counted once, and takes no turns. */
  count?: () => Promise<Count[]>;
  /** When all have been measured. */
  prove?: () => Promise<void>;
}

export interface Bench {
  /** An administrator's, of a server that has nothing else to do. */
  url: string;
  /** Where that server keeps its data. */
  dataDir: string;
  sizes: Sizes;
  /** The file of pgledger, which is measured beside the service where it is given. */
  pgledger: string | undefined;
  /** Whether the group of that title was asked for. */
  wanted: (title: string) => boolean;
  progress: (text: string) => void;
  /** For the reader of the table. */
  note: (text: string) => void;
  /** What is to be undone when the groups have been measured, last things first. */
  cleaning: (() => Promise<unknown>)[];
}

export interface Sizes {
  rounds: number;
  /** Of a turn, and of the turn before the first round. */
  seconds: number;
  warmUpSeconds: number;
  wallets: number;
  /** Entries of the wallets and of the ledgers that are compared by them. */
  histories: number[];
  ledgers: number[];
  http: { wallets: number; seconds: number; warmUpSeconds: number };
}
