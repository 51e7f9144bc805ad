/** Compares the service with the peer over HTTP: the same calls, wallets, connections and load generator. */
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
  /** An administrator's URL of a server on this machine without other load. */
  url: string;
  wallets: number;
  /** Connections of the load generator to each service. */
  connections?: number;
  /** Connections of each service to its database for calls. */
  poolSize?: number;
  /** For each contender: V8 takes seconds to compile hot code. */
  warmUpSeconds?: number;
  progress?: (text: string) => void;
  wanted?: (title: string) => boolean;
  /** Collects clean-up steps, for a caller that may have to stop before everything has started. */
  cleaning?: TargetOptions['cleaning'];
}

export const TITLES: Record<Operation, string> = {
  transfer: 'HTTP: transfer',
  topUp: 'HTTP: top-up',
  spend: 'HTTP: spend',
  wallet: 'HTTP: wallet with its balance and its 20 newest entries',
};
/** A pool closes connections that are idle for seconds, as while another contender runs: reopen them first. */
const REOPEN_SECONDS = 0.5;

/** Prepares two databases, a server for each contender and a group for each operation, warmed up; `stop` removes them. */
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
  // A session that ended was idle; a new one counts completely.
  let backendCpu = 0;
  for (const [backend, cpu = NaN] of after) backendCpu += cpu - (before.get(backend) ?? 0);
  return { calls, seconds, p50Ms, p99Ms, backendCpu: Number.isNaN(backendCpu) ? undefined : backendCpu, gatewayCpu };
}

async function backends(admin: pg.Client, database: string): Promise<Map<number, number | undefined>> {
  const { rows } = await admin.query<{ pid: number }>(
    `select pid from pg_stat_activity where datname = $1 and backend_type = 'client backend'`,
    [database],
  );
  return new Map(await Promise.all(rows.map(async ({ pid }) => [pid, await cpuSeconds(pid)] as const)));
}

/** Runs one load at a time. Fails if an answer is wrong. */
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
