/** The targets: each is compared with its row, and only if that was measured. */
import { LEDGERS } from './growth.ts';
import { TITLES } from './http.ts';
import { BATCHES, BESIDE, CALLS, HOUSE, ONE_ASSET, PGLEDGER, batchesOf } from './ledger.ts';
import type { Row } from './measure.ts';
import { judge, renderReport } from './report.ts';
import { GATEWAY, PEER } from './targets.ts';

const row = (name: string, facts: Partial<Row>): Row => ({
  name,
  connections: 1,
  perSecond: 1,
  p50Ms: undefined,
  p99Ms: undefined,
  backendCpuMicros: undefined,
  gatewayCpuMicros: undefined,
  rateRatio: 1,
  cpuRatio: undefined,
  ...facts,
});
const verdictsOf = (title: string, ...rows: Row[]): boolean[] => judge([{ title, rows }]).map(({ met }) => met);

describe('a target', () => {
  it.each([
    ['spend', 0.42, true],
    ['spend', 0.41, false],
    ['top-up', 0.42, true],
    ['top-up', 0.41, false],
    ['transfer', 0.28, true],
    ['transfer', 0.27, false],
  ])('against the floor is about 8 connections: %s with %d of its rate', (name, rateRatio, met) => {
    expect(
      verdictsOf(CALLS, row(name, { rateRatio: 9, connections: 1 }), row(name, { connections: 8, rateRatio })),
    ).toEqual([met]);
  });

  it('of one house account applies to 8 and 32 connections', () => {
    expect(
      verdictsOf(
        HOUSE,
        row(ONE_ASSET, { connections: 8, rateRatio: 0.94 }),
        row(ONE_ASSET, { connections: 32, rateRatio: 0.95 }),
      ),
    ).toEqual([false, true]);
  });

  it('against pgledger applies to transfers, and to one house account', () => {
    const beside = (rateRatio: number, house: number) => [
      row(PGLEDGER.transfers, { connections: 8 }),
      row(PGLEDGER.topUps, { connections: 8, rateRatio: house }),
      row(ONE_ASSET, { connections: 8, rateRatio }),
    ];

    expect(verdictsOf(BESIDE, ...beside(2.2, 0.44))).toEqual([true, true]);
    expect(verdictsOf(BESIDE, ...beside(2.1, 0.42))).toEqual([false, true]);
    expect(verdictsOf(BESIDE, ...beside(2.2, 0.45))).toEqual([true, false]);
    expect(verdictsOf(BESIDE, row(ONE_ASSET, { connections: 8, rateRatio: 9 }))).toEqual([]);
  });

  it('of batches applies to batches of 1,000', () => {
    expect(verdictsOf(BATCHES, row(batchesOf(1_000), { perSecond: 20_000 }))).toEqual([true]);
    expect(verdictsOf(BATCHES, row(batchesOf(10_000), { perSecond: 20_000 }))).toEqual([]);
  });

  it('against the peer applies to rate and p99', () => {
    const peer = row(PEER, { p99Ms: 10 });

    expect(verdictsOf(TITLES.topUp, peer, row(GATEWAY, { rateRatio: 6, p99Ms: 9 }))).toEqual([true]);
    expect(verdictsOf(TITLES.topUp, peer, row(GATEWAY, { rateRatio: 6, p99Ms: 10 }))).toEqual([false]);
    expect(verdictsOf(TITLES.topUp, peer, row(GATEWAY, { rateRatio: 5.9, p99Ms: 9 }))).toEqual([false]);
  });

  it('of growth applies to the largest size only', () => {
    expect(verdictsOf(LEDGERS, row('1,000,000 entries', { rateRatio: 1 }))).toEqual([]);
    expect(verdictsOf(LEDGERS, row('10,000,000 entries', { rateRatio: 0.89 }))).toEqual([false]);
  });
});

describe('the table', () => {
  it('is aligned in columns', () => {
    const sections = [{ title: BATCHES, rows: [row(batchesOf(1_000), { perSecond: 25_000 }), row('short', {})] }];
    const text = renderReport({
      date: 'a day',
      commit: undefined,
      cpu: 'a CPU',
      cores: 2,
      memoryGb: 24,
      node: 'v24',
      postgres: '18',
      quick: false,
      sections,
      counts: [{ name: 'top-up', instructions: 1_465_000, ratio: 5.8 }],
      verdicts: judge(sections),
      notes: ['A note.'],
    });
    const lines = text.split('\n').filter((line) => /connections  |batches of 1,000  |short/.test(line));

    expect(lines.map((line) => line.length)).toEqual([lines[0]?.length, lines[0]?.length, lines[0]?.length]);
    expect(text).toMatch(/25,000 +1\.00 +– /);
    expect(text).toMatch(/^batches of 1,000: at least 20,000 transfers per second  25,000  met$/m);
    expect(text).toMatch(/^ {2}top-up +1,465,000 +5\.80$/m);
    expect(text).toMatch(/^A note\.$/m);
  });
});
