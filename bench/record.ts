/** The conditions of a measurement: machine, versions, commit, date. */
import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';
import type { Row } from './measure.ts';

export interface Section {
  title: string;
  rows: Row[];
}

/** Instructions of a call, and their ratio to the first call. */
export interface Count {
  name: string;
  instructions: number;
  ratio: number;
}

export interface Verdict {
  target: string;
  measured: string;
  met: boolean;
}

export interface Origin {
  date: string;
  commit: string | undefined;
  cpu: string;
  cores: number;
  memoryGb: number;
  node: string;
  postgres: string;
}

export interface BenchRecord extends Origin {
  quick: boolean;
  sections: Section[];
  counts: Count[];
  verdicts: Verdict[];
  notes: string[];
}

export function describeOrigin(postgres: string): Origin {
  return {
    date: new Date().toISOString(),
    commit: commit(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    postgres,
  };
}

/** Undefined outside of a Git checkout. */
function commit(): string | undefined {
  const git = (...args: string[]): string =>
    execFileSync('git', args, {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    return `${git('rev-parse', 'HEAD')}${git('status', '--porcelain') ? ', changed' : ''}`;
  } catch {
    return undefined;
  }
}
