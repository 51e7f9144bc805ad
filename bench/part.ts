/** A part prepares groups of contenders together. */
import type { Group } from './measure.ts';
import type { Count } from './record.ts';

export interface Part {
  titles: string[];
  prepare(bench: Bench): Promise<Prepared>;
}

interface Prepared {
  groups: Group[];
  /** The length and number of turns, if they differ from the defaults. */
  seconds?: number;
  rounds?: number;
  /** Warm-up of each contender before the first round; undefined if already done. */
  warmUpSeconds?: number;
  /** For values that are counted once. */
  count?: () => Promise<Count[]>;
  /** Called when all groups have been measured. */
  prove?: () => Promise<void>;
}

export interface Bench {
  /** An administrator's URL of a server without other load. */
  url: string;
  dataDir: string;
  sizes: Sizes;
  /** The path of pgledger.sql, which is measured for comparison if given. */
  pgledger: string | undefined;
  /** Whether the group with this title was requested. */
  wanted: (title: string) => boolean;
  progress: (text: string) => void;
  /** Adds a note below the table. */
  note: (text: string) => void;
  /** Clean-up steps after the groups have been measured, in reverse order. */
  cleaning: (() => Promise<unknown>)[];
}

export interface Sizes {
  rounds: number;
  /** Seconds of a turn, and of the turn before the first round. */
  seconds: number;
  warmUpSeconds: number;
  wallets: number;
  /** Numbers of entries of the compared wallets and ledgers. */
  histories: number[];
  ledgers: number[];
  http: { wallets: number; seconds: number; warmUpSeconds: number };
}
