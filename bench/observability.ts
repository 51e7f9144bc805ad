/** Measures the cost of the log and metrics of requests: the same service with and without them, in many short turns. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { signToken } from '../src/dev/sign_token.ts';
import { fillGateway } from './fill.ts';
import { endLoader, takeTurn } from './http.ts';
import type { Contender, Group, Turn } from './measure.ts';
import type { Part } from './part.ts';
import type { Operation } from './requests.ts';
import { AUTH, createLedger, startServer, type Target } from './targets.ts';

export const OBSERVED = 'logs and metrics';
export const UNOBSERVED = 'neither';
export const OBSERVABILITY = {
  transfer: 'Observability: transfer',
  wallet: 'Observability: wallet with entries',
} as const;

const CONNECTIONS = 20;
const POOL_SIZE = 13;

export const observability: Part = {
  titles: Object.values(OBSERVABILITY),
  async prepare({ url, sizes, wanted, progress, note, cleaning }) {
    const admin = new pg.Client({ connectionString: url });
    await admin.connect();
    cleaning.push(() => admin.end());
    const options = { admin, url, wallets: sizes.http.wallets, poolSize: POOL_SIZE, progress, cleaning };
    const ledger = await createLedger('wallet_bench_observed', fillGateway, options);
    const env = { DATABASE_URL: ledger.url, POOL_SIZE: String(POOL_SIZE) };
    const { url: observed, pid, child } = await startServer('bench/gateway.ts', env, cleaning);
    const [, unobserved = ''] = await child.prints(/^Unobserved on (\S+)$/m);
    const target = (name: string, at: string): Target => ({
      service: 'gateway',
      name,
      operations: ['transfer', 'wallet'],
      ledger,
      url: at,
      pid,
    });
    const targets = [target(UNOBSERVED, unobserved), target(OBSERVED, observed)];
    const loader = fork(fileURLToPath(new URL('load.ts', import.meta.url)));
    cleaning.push(() => endLoader(loader));
    const token = await signToken(AUTH, { role: 'service', sub: 'bench' });
    const turns: { title: string; turns: Map<string, Turn[]> }[] = [];

    const groups: Group[] = Object.entries(OBSERVABILITY)
      .filter(([, title]) => wanted(title))
      .map(([operation, title]) => {
        const own = new Map(targets.map(({ name }) => [name, [] as Turn[]]));
        turns.push({ title, turns: own });
        const contenders = targets.map((target): Contender => ({
          name: target.name,
          connections: CONNECTIONS,
          run: async (seconds) => {
            const turn = await takeTurn(admin, loader, target, {
              service: 'gateway',
              operation: operation as Operation,
              url: target.url,
              token,
              wallets: ledger.wallets,
              connections: CONNECTIONS,
              seconds,
            });
            own.get(target.name)?.push(turn);
            return turn;
          },
        }));
        return { title, contenders };
      });
    const rounds = sizes.rounds * 6;
    return {
      groups,
      rounds,
      seconds: sizes.http.seconds / 2.5,
      warmUpSeconds: sizes.http.warmUpSeconds,
      prove: () => {
        for (const { title, turns: own } of turns) note(spread(title, own, rounds));
        return Promise.resolve();
      },
    };
  },
};

/** Compares round by round, so that other load affects both; leaves out the warm-up turns. */
function spread(title: string, turns: Map<string, Turn[]>, rounds: number): string {
  const ratios = (figure: (turn: Turn) => number): string => {
    const [without = [], observed = []] = [UNOBSERVED, OBSERVED].map((name) => turns.get(name)?.slice(-rounds));
    const each = observed.map((turn, round) => figure(turn) / figure(without[round] ?? turn)).sort((a, b) => a - b);
    const at = (share: number): string => (each[Math.round((each.length - 1) * share)] ?? NaN).toFixed(3);
    return `${at(0.5)} × (half of the rounds: ${at(0.25)} to ${at(0.75)})`;
  };
  const calls = ratios(({ calls: count, seconds }) => count / seconds);
  const cpu = ratios(({ calls: count, gatewayCpu = NaN }) => gatewayCpu / count);
  return `${title}: with ${OBSERVED} against ${UNOBSERVED}, ${rounds} rounds: calls per second ${calls}, CPU of the process per call ${cpu}`;
}
