/** Prints the figures as a table, and whether they meet the targets. */
import { entriesOf, LEDGERS, SPENDS } from './growth.ts';
import { TITLES } from './http.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { BATCHES, BESIDE, CALLS, FLOOR, HOUSE, ONE_ASSET, PGLEDGER, batchesOf } from './ledger.ts';
import type { Row } from './measure.ts';
import { OBSERVABILITY, OBSERVED } from './observability.ts';
import type { BenchRecord, Count, Section, Verdict } from './record.ts';
import { GATEWAY, PEER } from './targets.ts';

const MICROS = { maximumFractionDigits: 0 };
const whole = (value: number): string => value.toLocaleString('en', MICROS);
const fixed = (value: number): string => value.toFixed(2);

const COLUMNS: { heading: string; cell: (row: Row) => string | undefined }[] = [
  { heading: 'connections', cell: ({ connections }) => whole(connections) },
  { heading: 'per second', cell: ({ perSecond }) => whole(perSecond) },
  { heading: 'ratio', cell: ({ rateRatio }) => fixed(rateRatio) },
  { heading: 'p50 ms', cell: ({ p50Ms }) => p50Ms?.toFixed(2) },
  { heading: 'p99 ms', cell: ({ p99Ms }) => p99Ms?.toFixed(2) },
  { heading: 'backend CPU µs', cell: ({ backendCpuMicros }) => backendCpuMicros?.toFixed(0) },
  { heading: 'ratio', cell: ({ cpuRatio }) => cpuRatio?.toFixed(2) },
  { heading: 'gateway CPU µs', cell: ({ gatewayCpuMicros }) => gatewayCpuMicros?.toFixed(0) },
];

export function renderReport(record: BenchRecord): string {
  const { sections, counts, verdicts, notes } = record;
  return [
    `${record.date}, commit ${record.commit ?? 'unknown'}`,
    `${record.cpu}, ${record.cores} cores, ${record.memoryGb} GB; Node ${record.node}, PostgreSQL ${record.postgres}`,
    ...(sections.length > 0
      ? ['Medians of rounds in turns; ratios to the first row of as many connections, round by round.']
      : []),
    ...(record.quick ? ['Quick: short turns on less data, for a look; not for comparison.'] : []),
    '',
    ...(sections.length > 0 ? renderTable(sections) : []),
    ...(counts.length > 0 ? renderCounts(counts) : []),
    ...notes.flatMap((note) => ['', note]),
    ...(verdicts.length > 0 ? ['', ...renderVerdicts(verdicts)] : []),
  ].join('\n');
}

function renderTable(sections: Section[]): string[] {
  const nameWidth = Math.max(...sections.flatMap(({ rows }) => rows.map(({ name }) => name.length)), 0) + 2;
  const line = (name: string, cells: string[]): string =>
    [name.padEnd(nameWidth), ...cells.map((cell, column) => cell.padStart(COLUMNS[column]?.heading.length ?? 0))].join(
      '  ',
    );
  return [
    line(
      '',
      COLUMNS.map(({ heading }) => heading),
    ),
    ...sections.flatMap(({ title, rows }) => [
      title,
      ...rows.map((row) =>
        line(
          `  ${row.name}`,
          COLUMNS.map(({ cell }) => cell(row) ?? '–'),
        ),
      ),
    ]),
  ];
}

function renderCounts(counts: Count[]): string[] {
  const width = Math.max(...counts.map(({ name }) => name.length)) + 2;
  const line = (...[name = '', instructions = '', ratio = '']: string[]): string =>
    `${name.padEnd(width)}  ${instructions.padStart(12)}  ${ratio.padStart(6)}`;
  return [
    line('', 'instructions', 'ratio'),
    INSTRUCTIONS,
    ...counts.map(({ name, instructions, ratio }) => line(`  ${name}`, whole(instructions), fixed(ratio))),
  ];
}

function renderVerdicts(verdicts: Verdict[]): string[] {
  const width = (text: (verdict: Verdict) => string): number => Math.max(...verdicts.map((each) => text(each).length));
  const [targetWidth, measuredWidth] = [width(({ target }) => target), width(({ measured }) => measured)];
  return verdicts.map(({ target, measured, met }) =>
    [target.padEnd(targetWidth), measured.padEnd(measuredWidth), met ? 'met' : 'NOT MET'].join('  '),
  );
}

/** A verdict for each measured row that has a target. */
export function judge(sections: Section[]): Verdict[] {
  const rowOf = (title: string, name: string, connections?: number): Row | undefined =>
    sections
      .find((section) => section.title === title)
      ?.rows.find((row) => row.name === name && (connections ?? row.connections) === row.connections);
  return [
    ...Object.entries(FLOOR_TARGETS).map(([name, target]) => againstFloor(target, rowOf(CALLS, name, 8))),
    ...[8, 32].map((connections) => onOneHouse(rowOf(HOUSE, ONE_ASSET, connections))),
    ...[8, 32].flatMap((connections) => [
      againstPgledger(2.2, rowOf(BESIDE, ONE_ASSET, connections), rowOf(BESIDE, PGLEDGER.transfers, connections)),
      againstPgledger(5, rowOf(BESIDE, ONE_ASSET, connections), rowOf(BESIDE, PGLEDGER.topUps, connections)),
    ]),
    inBatches(rowOf(BATCHES, batchesOf(1_000))),
    ...(['transfer', 'topUp', 'spend', 'wallet'] as const).map((operation) =>
      againstPeer(
        TITLES[operation],
        PEER_TARGETS[operation],
        rowOf(TITLES[operation], PEER),
        rowOf(TITLES[operation], GATEWAY),
      ),
    ),
    ...grown(sections),
    ...Object.values(OBSERVABILITY).map((title) => atLeast(`${title}, ${OBSERVED}`, 0.95, rowOf(title, OBSERVED))),
  ].filter((verdict) => verdict !== undefined);
}

/** Fractions of the rate of plain inserts of three rows. */
const FLOOR_TARGETS = { spend: 0.42, 'top-up': 0.42, transfer: 0.28 };
const PEER_TARGETS = { transfer: 3, topUp: 6, spend: 6, wallet: 1.5 };
const LARGEST_LEDGER = 10_000_000;
const LONGEST_HISTORY = 1_000_000;

function againstFloor(target: number, row: Row | undefined): Verdict | undefined {
  return (
    row && {
      target: `${row.name}, 8 connections: at least ${fixed(target)} × "${FLOOR}"`,
      measured: `${fixed(row.rateRatio)} ×, CPU ${row.cpuRatio === undefined ? 'unknown' : `${fixed(row.cpuRatio)} ×`}`,
      met: row.rateRatio >= target,
    }
  );
}

/** Both rows' ratios are relative to the group's first row. */
function againstPgledger(target: number, row: Row | undefined, peer: Row | undefined): Verdict | undefined {
  if (!row || !peer) return undefined;
  const ratio = row.rateRatio / peer.rateRatio;
  return {
    target: `${row.name}, ${row.connections} connections: at least ${fixed(target)} × "${peer.name}"`,
    measured: `${fixed(ratio)} ×`,
    met: ratio >= target,
  };
}

const atLeast = (what: string, target: number, row: Row | undefined): Verdict | undefined =>
  row && {
    target: `${what}: at least ${fixed(target)} ×`,
    measured: `${fixed(row.rateRatio)} ×`,
    met: row.rateRatio >= target,
  };

const onOneHouse = (row: Row | undefined): Verdict | undefined =>
  row && atLeast(`one house account against spread, ${row.connections} connections`, 0.95, row);

function inBatches(row: Row | undefined): Verdict | undefined {
  return (
    row && {
      target: `${row.name}: at least 20,000 transfers per second`,
      measured: whole(row.perSecond),
      met: row.perSecond >= 20_000,
    }
  );
}

function againstPeer(title: string, target: number, peer: Row | undefined, row: Row | undefined): Verdict | undefined {
  if (!peer || row?.p99Ms === undefined || peer.p99Ms === undefined) return undefined;
  const reads = title === TITLES.wallet;
  return {
    target: `${title}: at least ${fixed(target)} × "${PEER}"${reads ? '' : ', p99 lower'}`,
    measured: `${fixed(row.rateRatio)} ×, p99 ${fixed(row.p99Ms)} against ${fixed(peer.p99Ms)} ms`,
    met: row.rateRatio >= target && (reads || row.p99Ms < peer.p99Ms),
  };
}

/** Only full runs have these sizes. */
function grown(sections: Section[]): (Verdict | undefined)[] {
  const rowOf = (title: string, entries: number): Row | undefined =>
    sections.find((section) => section.title === title)?.rows.find(({ name }) => name === entriesOf(entries));
  return [
    atLeast(`top-ups in a ledger of ${entriesOf(LARGEST_LEDGER)}`, 0.9, rowOf(LEDGERS, LARGEST_LEDGER)),
    atLeast(`spends of a wallet with ${entriesOf(LONGEST_HISTORY)}`, 0.95, rowOf(SPENDS, LONGEST_HISTORY)),
  ];
}
