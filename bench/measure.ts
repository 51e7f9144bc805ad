/** Interleaved rounds of contenders, medians, and the CPU time of processes. */
import { readFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';

export interface Turn {
  calls: number;
  seconds: number;
  p50Ms?: number;
  p99Ms?: number;
  /** CPU seconds of all processes of that kind, if the system reports them. */
  backendCpu?: number | undefined;
  gatewayCpu?: number | undefined;
}

export interface Contender {
  name: string;
  connections: number;
  run(seconds: number): Promise<Turn>;
}

/** Contenders that take turns and are compared with the first one. */
export interface Group {
  title: string;
  contenders: Contender[];
}

export interface Row {
  name: string;
  connections: number;
  /** Medians over the rounds. */
  perSecond: number;
  p50Ms: number | undefined;
  p99Ms: number | undefined;
  backendCpuMicros: number | undefined;
  gatewayCpuMicros: number | undefined;
  /** Medians of each round's ratio to the group's first contender with as many connections. */
  rateRatio: number;
  cpuRatio: number | undefined;
}

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** User and system time of a process so far, in seconds; undefined without /proc. */
export async function cpuSeconds(pid: number): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The second field is the command in parentheses, which may contain any character.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields && (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** The CPU seconds of these processes while `work` runs. */
export async function withCpu<T>(pids: number[], work: () => Promise<T>): Promise<[T, number | undefined]> {
  const total = async (): Promise<number> =>
    (await Promise.all(pids.map(cpuSeconds))).reduce<number>((sum, seconds) => sum + (seconds ?? NaN), 0);
  const before = await total();
  const result = await work();
  const taken = (await total()) - before;
  return [result, Number.isNaN(taken) ? undefined : taken];
}

/** Runs each contender once per round, so that other load on the machine affects all alike. */
export async function race(
  group: Group,
  { rounds, seconds, progress }: { rounds: number; seconds: number; progress: (text: string) => void },
): Promise<Row[]> {
  const turns: Turn[][] = group.contenders.map(() => []);
  for (let round = 1; round <= rounds; round += 1) {
    const turn = [...group.contenders.entries()];
    // The order alternates, so that no contender always follows the same other one.
    if (round % 2 === 0) turn.reverse();
    for (const [place, contender] of turn) {
      progress(`${group.title}: ${contender.name}, ${contender.connections} connections, round ${round} of ${rounds}`);
      turns[place]?.push(await contender.run(seconds));
    }
  }
  return group.contenders.map((contender, place) => {
    const own = turns[place] ?? [];
    const base = turns[group.contenders.findIndex(({ connections }) => connections === contender.connections)] ?? [];
    const against = (figure: (turn: Turn) => number | undefined): number | undefined =>
      median(own.map((turn, round) => over(figure(turn), base[round] && figure(base[round]))));
    return {
      name: contender.name,
      connections: contender.connections,
      perSecond: median(own.map(rate)) ?? 0,
      p50Ms: median(own.map(({ p50Ms }) => p50Ms)),
      p99Ms: median(own.map(({ p99Ms }) => p99Ms)),
      backendCpuMicros: median(own.map((turn) => micros(turn, turn.backendCpu))),
      gatewayCpuMicros: median(own.map((turn) => micros(turn, turn.gatewayCpu))),
      rateRatio: against(rate) ?? 0,
      cpuRatio: against((turn) => micros(turn, turn.backendCpu)),
    };
  });
}

const rate = ({ calls, seconds }: Turn): number => calls / seconds;
const micros = ({ calls }: Turn, cpu: number | undefined): number | undefined => over(cpu && cpu * 1e6, calls);
const over = (part: number | undefined, whole: number | undefined): number | undefined =>
  part === undefined || !whole ? undefined : part / whole;

function median(values: (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  const middle = known.length >> 1;
  const [low, high] = [known[middle - 1], known[middle]];
  return known.length % 2 === 0 && low !== undefined && high !== undefined ? (low + high) / 2 : high;
}
