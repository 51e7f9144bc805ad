/** The service over HTTP against the peer over HTTP: the same calls, wallets, connections and load generator. */
import { fork, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { signToken } from '../src/dev/sign_token.ts';
import type { Load, Outcome } from './load.ts';
import { cpuSeconds, withCpu, type Group, type Turn } from './measure.ts';
import type { Operation } from './requests.ts';
import { AUTH, startTargets, type Target, type TargetOptions } from './targets.ts';

export interface HttpOptions {
  /** An administrator's, of a server on this machine that has nothing else to do. */
  url: string;
  wallets: number;
  /** Of the load generator to each service. */
  connections?: number;
  /** Of each service to its database, for calls. */
  poolSize?: number;
  /** Of each contender: for seconds V8 goes on compiling what is hot. */
  warmUpSeconds?: number;
  progress?: (text: string) => void;
  /** Which groups, by their titles. */
  wanted?: (title: string) => boolean;
  /** Collects what is to be undone, for who may have to stop before all has started. */
  cleaning?: TargetOptions['cleaning'];
}

export const TITLES: Record<Operation, string> = {
  transfer: 'HTTP: transfer',
  topUp: 'HTTP: top-up',
  spend: 'HTTP: spend',
  wallet: 'HTTP: wallet with its balance and its 20 newest entries',
};
/** A pool closes what is idle for seconds, such as while another contender has its turn: first it opens all again. */
const REOPEN_SECONDS = 0.5;

/** Two databases, a server for each contender, a group for each operation, warmed up; `stop` leaves nothing of it. */
export async function httpGroups({
  url,
  wallets,
  connections = 32,
  poolSize = 10,
  warmUpSeconds = 6,
  progress = () => undefined,
  wanted = () => true,
  cleaning = [],
}: HttpOptions): Promise<{ groups: Group[]; stop: () => Promise<void> }> {
  const stop = async (): Promise<void> => {
    for (const clean of cleaning.splice(0).reverse()) await clean();
  };
  try {
    const admin = new pg.Client({ connectionString: url });
    await admin.connect();
    cleaning.push(() => admin.end());
    const targets = await startTargets({ admin, url, wallets, poolSize, progress, cleaning });
    const loader = fork(fileURLToPath(new URL('load.ts', import.meta.url)));
    cleaning.push(() => endLoader(loader));
    await admin.query('checkpoint');

    const token = await signToken(AUTH, { role: 'service', sub: 'bench' });
    const asked = Object.entries(TITLES).filter(([, title]) => wanted(title));
    const groups = asked.map(([operation, title]) => ({
      title,
      contenders: targets
        .filter(({ operations }) => operations.includes(operation as Operation))
        .map((target) => ({
          name: target.name,
          connections,
          run: (seconds: number) =>
            takeTurn(admin, loader, target, {
              service: target.service,
              operation: operation as Operation,
              url: target.url,
              token,
              wallets: target.ledger.wallets,
              connections,
              seconds,
            }),
        })),
    }));
    for (const { title, contenders } of groups) {
      for (const contender of contenders) {
        progress(`${title}: ${contender.name}, warming up`);
        await contender.run(warmUpSeconds);
      }
    }
    return { groups, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

export async function takeTurn(
  admin: pg.Client,
  loader: ChildProcess,
  { ledger, pid }: Target,
  load: Omit<Load, 'run'>,
): Promise<Turn> {
  await runLoad(loader, { ...load, seconds: REOPEN_SECONDS });
  const before = await backends(admin, ledger.database);
  const [{ calls, seconds, p50Ms, p99Ms }, gatewayCpu] = await withCpu([pid], () => runLoad(loader, load));
  const after = await backends(admin, ledger.database);
  // One that has gone was idle; one that has come counts in full.
  let backendCpu = 0;
  for (const [backend, cpu = NaN] of after) backendCpu += cpu - (before.get(backend) ?? 0);
  return { calls, seconds, p50Ms, p99Ms, backendCpu: Number.isNaN(backendCpu) ? undefined : backendCpu, gatewayCpu };
}

/** The database's sessions with the CPU seconds that each has taken. */
async function backends(admin: pg.Client, database: string): Promise<Map<number, number | undefined>> {
  const { rows } = await admin.query<{ pid: number }>(
    `select pid from pg_stat_activity where datname = $1 and backend_type = 'client backend'`,
    [database],
  );
  return new Map(await Promise.all(rows.map(async ({ pid }) => [pid, await cpuSeconds(pid)] as const)));
}

/** One load at a time. Fails where one answer was not what was asked for. */
async function runLoad(loader: ChildProcess, load: Omit<Load, 'run'>): Promise<Exclude<Outcome, { failure: string }>> {
  const ended = new AbortController();
  const outcome = once(loader, 'message', { signal: ended.signal }) as Promise<[Outcome]>;
  const onExit = (): void => {
    ended.abort(new Error('The load generator has ended'));
  };
  loader.once('exit', onExit);
  loader.send({ ...load, run: randomUUID() } satisfies Load);
  const [result] = await outcome.finally(() => loader.off('exit', onExit));
  if ('failure' in result) throw new Error(result.failure);
  return result;
}

export async function endLoader(loader: ChildProcess): Promise<void> {
  if (!loader.connected) return;
  loader.disconnect();
  await once(loader, 'exit');
}
