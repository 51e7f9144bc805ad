/** The report of a drill. */
import type { Tally } from '../prove/tally.ts';
import type { Outcome, Report } from './drill.ts';

export function renderReport({ atMoments, atEnd, lostLogBytes }: Report, tally: Tally, seed: number): string {
  const counts = [...tally.of('operations'), ...tally.of('checks')];
  const width = Math.max(...counts.map(([name]) => name.length));
  const sum = `lost before it = ${tally.lost}, findings = ${tally.findings + tally.duplicated}`;
  const lines = [
    ...counts.map(([name, count]) => `  ${name.padEnd(width)}  ${String(count).padStart(7)}`),
    '',
    ...tally.words,
    ...atMoments.map((outcome) => `restored to ${outcome.restoredTo.toISOString()}; ${renderLoss(outcome)}`),
    `not archived when the disk was lost: ${Math.round(lostLogBytes / 1024)} kB of the log`,
    `restored to ${atEnd.restoredTo.toISOString()}, the end of the archive; ${sum}, ${renderLoss(atEnd)}, seed = ${seed}`,
  ];
  return lines.join('\n');
}

function renderLoss({ lostAfter, lostSeconds, backInSeconds }: Outcome): string {
  return `lost after it = ${lostAfter} transfers (${lostSeconds.toFixed(1)} s), back in ${backInSeconds.toFixed(1)} s`;
}
