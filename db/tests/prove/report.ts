/** The table at the end. */
import type { Origin } from '../../../bench/record.ts';
import type { Tally } from './tally.ts';

const TITLES = {
  operations: 'answers',
  resolved: 'unknown outcomes, by what became of them',
  faults: 'faults',
  cuts: 'connections cut',
  checks: 'checks',
} as const;

export function renderTally(tally: Tally, seed: number, { date, commit, cpu, cores, node, postgres }: Origin): string {
  const names = Object.keys(TITLES) as (keyof typeof TITLES)[];
  const width = Math.max(...names.flatMap((name) => tally.of(name).map(([text]) => text.length)), 0);
  const sections = names
    .filter((name) => tally.of(name).length > 0)
    .map((name) => {
      const lines = tally.of(name).map(([text, count]) => `  ${text.padEnd(width)}  ${String(count).padStart(9)}`);
      return [`${TITLES[name]}: ${tally.sum(name)}`, ...lines].join('\n');
    });
  const last = `lost = ${tally.lost}, duplicated = ${tally.duplicated}, findings = ${tally.findings}, seed = ${seed}`;
  const origin = `${date}, commit ${commit ?? 'unknown'}, PostgreSQL ${postgres}, Node ${node}, ${cores} cores of ${cpu}`;
  return [origin, ...sections, ...tally.words, last].join('\n\n');
}
