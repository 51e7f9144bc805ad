/** The arithmetic of a race, with contenders whose results are given. */
import { race, type Contender, type Row, type Turn } from './measure.ts';

const ROUNDS = 3;

function contender(name: string, connections: number, turns: Turn[], log: string[] = []): Contender {
  const left = [...turns];
  return {
    name,
    connections,
    run: (seconds) => {
      log.push(`${name} for ${seconds}`);
      const turn = left.shift();
      return turn ? Promise.resolve(turn) : Promise.reject(new Error(`${name} has had all its turns`));
    },
  };
}

const runRace = (contenders: Contender[], rounds = ROUNDS): Promise<Row[]> =>
  race({ title: 'a race', contenders }, { rounds, seconds: 2, progress: () => undefined });
const rates = (...perSecond: number[]): Turn[] => perSecond.map((calls) => ({ calls, seconds: 1 }));

describe('race', () => {
  it('gives each contender a turn in each round, and each the first turn alternately', async () => {
    const log: string[] = [];

    await runRace([contender('a', 1, rates(1, 1, 1), log), contender('b', 1, rates(1, 1, 1), log)]);

    const order = (_: unknown, round: number): string[] =>
      round % 2 === 0 ? ['a for 2', 'b for 2'] : ['b for 2', 'a for 2'];
    expect(log).toEqual(Array.from({ length: ROUNDS }, order).flat());
  });

  it('takes the median of the rates, and of the ratios of each round', async () => {
    const [base, other] = await runRace([
      contender('base', 1, rates(100, 10, 40)),
      contender('other', 1, rates(50, 20, 30)),
    ]);

    expect(base).toMatchObject({ perSecond: 40, rateRatio: 1 });
    // The median of 0.5, 2 and 0.75, and not 30 / 40.
    expect(other).toMatchObject({ perSecond: 30, rateRatio: 0.75 });
  });

  it('is not affected by one round on a busy machine', async () => {
    const [, other] = await runRace([
      contender('base', 1, rates(100, 1, 100)),
      contender('other', 1, rates(50, 50, 50)),
    ]);

    expect(other).toMatchObject({ perSecond: 50, rateRatio: 0.5 });
  });

  it('takes the mean of the middle two for an even number of rounds', async () => {
    const [base] = await runRace([contender('base', 1, rates(10, 40, 20, 30))], 4);

    expect(base).toMatchObject({ perSecond: 25 });
  });

  it('compares with the first contender that has as many connections', async () => {
    const rows = await runRace([
      contender('base', 1, rates(10, 10, 10)),
      contender('other', 1, rates(20, 20, 20)),
      contender('base', 8, rates(100, 100, 100)),
      contender('other', 8, rates(50, 50, 50)),
    ]);

    expect(rows.map(({ rateRatio }) => rateRatio)).toEqual([1, 2, 1, 0.5]);
  });

  it('divides calls by seconds, CPU by calls, and takes medians of latencies', async () => {
    const turn = { calls: 200, seconds: 2, p50Ms: 1, p99Ms: 7, backendCpu: 0.1, gatewayCpu: 0.02 };
    const [, row] = await runRace([
      contender(
        'base',
        1,
        Array.from({ length: ROUNDS }, () => ({ ...turn, backendCpu: 0.05 })),
      ),
      contender('other', 1, [turn, { ...turn, p99Ms: 9 }, { ...turn, p99Ms: 8 }]),
    ]);

    expect(row).toMatchObject({
      perSecond: 100,
      p50Ms: 1,
      p99Ms: 8,
      backendCpuMicros: 500,
      gatewayCpuMicros: 100,
      cpuRatio: 2,
    });
  });

  it('leaves out unknown values', async () => {
    const [row] = await runRace([contender('base', 1, rates(1, 1, 1))]);

    expect(row).toMatchObject({ p99Ms: undefined, backendCpuMicros: undefined, cpuRatio: undefined });
  });
});
