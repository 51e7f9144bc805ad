/** The service over HTTP against the peer over HTTP: the same calls, wallets, connections and load generator. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { signToken } from '../src/auth.ts';
import type { SecretAuth } from '../src/config.ts';
import { Child } from '../src/testing.ts';
import { fillGateway, fillPeer } from './fill.ts';
import type { Load, Outcome } from './load.ts';
import { withCpu, type Contender, type Group, type Turn } from './measure.ts';
import type { Operation, Service } from './requests.ts';

export interface HttpOptions {
  /** An administrator's, of a server on this machine that has nothing else to do. */
  url: string;
  wallets: number;
  /** Of the load generator to the service. */
  connections?: number;
  /** Of each service to the database, for calls. */
  poolSize?: number;
  warmUpSeconds?: number;
  progress?: (text: string) => void;
}

/** A running service. */
interface Target {
  service: Service;
  name: string;
  operations: readonly Operation[];
  ledger: Ledger;
  origin: string;
  pid: number;
}

/** A filled database. */
interface Ledger {
  database: string;
  url: string;
  wallets: string[];
}

/** What is to be undone in the end, in order. */
type Cleaning = (() => Promise<unknown>)[];

const AUTH: SecretAuth = { kind: 'secret', secret: 'only for benchmarks: not a secret' };
const TITLES: Record<Operation, string> = {
  transfer: 'HTTP: transfer',
  topUp: 'HTTP: top-up',
  spend: 'HTTP: spend',
  wallet: 'HTTP: wallet with its balance and its 20 newest entries',
};
const OPERATIONS = Object.keys(TITLES) as Operation[];
/** A pool closes what is idle for seconds, such as while another contender has its turn: first it opens all again. */
const REOPEN_SECONDS = 0.5;

/** Two databases, two servers, a group of contenders for each operation; `stop` leaves nothing of it. */
export async function httpGroups({
  url,
  wallets,
  connections = 20,
  poolSize = 10,
  warmUpSeconds = 3,
  progress = () => undefined,
}: HttpOptions): Promise<{ groups: Group[]; stop: () => Promise<void> }> {
  const cleaning: Cleaning = [];
  const stop = async (): Promise<void> => {
    for (const clean of cleaning.splice(0).reverse()) await clean();
  };
  try {
    const admin = new pg.Client({ connectionString: url });
    await admin.connect();
    cleaning.push(() => admin.end());
    const fill = async (database: string, work: Fill): Promise<Ledger> => {
      progress(`HTTP: ${wallets} wallets in ${database}`);
      return createLedger(database, { admin, url, work: (own) => work(own, wallets), cleaning });
    };
    const targets = await startTargets({
      peer: await fill('wallet_bench_peer', fillPeer),
      gateway: await fill('wallet_bench_gateway', fillGateway),
      poolSize,
      cleaning,
    });
    const loader = fork(fileURLToPath(new URL('load.ts', import.meta.url)));
    cleaning.push(() => endLoader(loader));
    await admin.query('checkpoint');

    const token = await signToken(AUTH, { role: 'service', sub: 'bench' });
    const contender = (target: Target, operation: Operation): Contender => {
      const { service, origin, ledger } = target;
      const load = { service, operation, url: origin, token, wallets: ledger.wallets, connections };
      return {
        name: target.name,
        connections,
        run: (seconds) => takeTurn(admin, loader, target, { ...load, seconds }),
      };
    };
    const groups = OPERATIONS.map((operation) => ({
      title: TITLES[operation],
      contenders: targets
        .filter(({ operations }) => operations.includes(operation))
        .map((target) => contender(target, operation)),
    }));
    for (const { title, contenders } of groups) {
      for (const one of contenders) {
        progress(`${title}: ${one.name}, warming up`);
        await one.run(warmUpSeconds);
      }
    }
    return { groups, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Fill = (url: string, wallets: number) => Promise<string[]>;

async function createLedger(
  database: string,
  {
    admin,
    url,
    work,
    cleaning,
  }: { admin: pg.Client; url: string; work: (url: string) => Promise<string[]>; cleaning: Cleaning },
): Promise<Ledger> {
  const drop = (): Promise<unknown> => admin.query(`drop database if exists ${database} with (force)`);
  await drop();
  await admin.query(`create database ${database}`);
  cleaning.push(drop);
  const own = new URL(url);
  own.pathname = `/${database}`;
  return { database, url: own.href, wallets: await work(own.href) };
}

/** The peer twice: as the rule has it, and without the queue for the house, for the calls in which it makes a difference. */
async function startTargets({
  peer,
  gateway,
  poolSize,
  cleaning,
}: {
  peer: Ledger;
  gateway: Ledger;
  poolSize: number;
  cleaning: Cleaning;
}): Promise<Target[]> {
  const start = async (
    target: Omit<Target, 'origin' | 'pid'>,
    script: string,
    env: { POOL_SIZE: string; LOCK_HOUSE?: string },
  ): Promise<Target> => {
    const child = new Child(process.execPath, [script], {
      env: {
        NODE_ENV: 'production',
        GRAPHILE_ENV: 'production',
        JWT_SECRET: AUTH.secret,
        DATABASE_URL: target.ledger.url,
        PORT: '0',
        ...env,
      },
    });
    cleaning.push(() => child.stop());
    const [, origin = ''] = await child.prints(/^Listening on (\S+)$/m);
    return { ...target, origin, pid: child.pid };
  };
  const peerScript = 'bench/peers/server.ts';
  const POOL_SIZE = String(poolSize);
  return [
    await start({ service: 'peer', name: 'Express + Knex', operations: OPERATIONS, ledger: peer }, peerScript, {
      POOL_SIZE,
    }),
    await start(
      { service: 'peer', name: 'Express + Knex, house not locked', operations: ['topUp', 'spend'], ledger: peer },
      peerScript,
      { POOL_SIZE, LOCK_HOUSE: 'no' },
    ),
    await start({ service: 'gateway', name: 'GraphQL', operations: OPERATIONS, ledger: gateway }, 'src/server.ts', {
      // The gateway keeps a fifth for downloads.
      POOL_SIZE: String(Math.ceil((poolSize * 5) / 4)),
    }),
  ];
}

async function takeTurn(
  admin: pg.Client,
  loader: ChildProcess,
  { ledger, pid }: Target,
  load: Omit<Load, 'run'>,
): Promise<Turn> {
  await runLoad(loader, { ...load, seconds: REOPEN_SECONDS });
  const { rows } = await admin.query<{ pid: number }>(
    `select pid from pg_stat_activity where datname = $1 and backend_type = 'client backend'`,
    [ledger.database],
  );
  const backends = rows.map((row) => row.pid);
  const measured = withCpu([pid], () => withCpu(backends, () => runLoad(loader, load)));
  const [[{ calls, seconds, p50Ms, p99Ms }, backendCpu], gatewayCpu] = await measured;
  return { calls, seconds, p50Ms, p99Ms, backendCpu, gatewayCpu };
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

async function endLoader(loader: ChildProcess): Promise<void> {
  if (!loader.connected) return;
  loader.disconnect();
  await once(loader, 'exit');
}
