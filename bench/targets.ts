/** The contenders over HTTP: filled databases and servers on them. */
import pg from 'pg';
import type { SecretAuth } from '../src/config.ts';
import { Child } from '../src/testing.ts';
import { fillGateway, fillPeer } from './fill.ts';
import type { Operation, Service } from './requests.ts';

export interface Target {
  service: Service;
  name: string;
  operations: readonly Operation[];
  ledger: Ledger;
  url: string;
  pid: number;
}

export interface Ledger {
  database: string;
  url: string;
  wallets: string[];
}

export interface TargetOptions {
  /** An administrator's session, and the URL for further ones. */
  admin: pg.Client;
  url: string;
  wallets: number;
  /** Connections of each service to its database for calls. */
  poolSize: number;
  progress: (text: string) => void;
  /** Collects clean-up steps, which run in reverse order. */
  cleaning: (() => Promise<unknown>)[];
}

export const PEER = 'Express + Knex';
export const GATEWAY = 'GraphQL';

export const AUTH: SecretAuth = { kind: 'secret', secret: 'only for benchmarks: not a secret' };

export async function startTargets(options: TargetOptions): Promise<Target[]> {
  const { poolSize, cleaning } = options;
  const peer = await createLedger('wallet_bench_peer', fillPeer, options);
  const gateway = await createLedger('wallet_bench_gateway', fillGateway, options);
  const start = async (target: Omit<Target, 'url' | 'pid'>, script: string, env: Env): Promise<Target> => ({
    ...target,
    ...(await startServer(script, { ...env, DATABASE_URL: target.ledger.url }, cleaning)),
  });
  return [
    await start(
      { service: 'peer', name: PEER, operations: ['transfer', 'topUp', 'spend', 'wallet'], ledger: peer },
      'bench/peers/server.ts',
      { POOL_SIZE: String(poolSize) },
    ),
    // Where waiting for the one house account dominates, the peer is also measured without that lock.
    await start(
      { service: 'peer', name: `${PEER}, house not locked`, operations: ['topUp', 'spend'], ledger: peer },
      'bench/peers/server.ts',
      { POOL_SIZE: String(poolSize), LOCK_HOUSE: 'no' },
    ),
    await start(
      { service: 'gateway', name: GATEWAY, operations: ['transfer', 'topUp', 'spend', 'wallet'], ledger: gateway },
      'src/server.ts',
      // The gateway reserves a fifth for downloads.
      { POOL_SIZE: String(Math.ceil((poolSize * 5) / 4)) },
    ),
  ];
}

type Env = Record<string, string>;

export async function createLedger(
  database: string,
  fill: (url: string, wallets: number) => Promise<string[]>,
  { admin, url, wallets, progress, cleaning }: TargetOptions,
): Promise<Ledger> {
  progress(`HTTP: ${wallets} wallets in ${database}`);
  const drop = (): Promise<unknown> => admin.query(`drop database if exists ${database} with (force)`);
  await drop();
  await admin.query(`create database ${database}`);
  cleaning.push(drop);
  const own = new URL(url);
  own.pathname = `/${database}`;
  return { database, url: own.href, wallets: await fill(own.href, wallets) };
}

export async function startServer(
  script: string,
  env: Env,
  cleaning: TargetOptions['cleaning'],
): Promise<{ url: string; pid: number; child: Child }> {
  const child = new Child(process.execPath, [script], {
    env: { NODE_ENV: 'production', GRAPHILE_ENV: 'production', JWT_SECRET: AUTH.secret, PORT: '0', ...env },
  });
  cleaning.push(() => child.stop());
  const [, url = ''] = await child.prints(/^Listening on (\S+)$/m);
  return { url, pid: child.pid, child };
}
