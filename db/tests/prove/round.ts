/** One round: a ledger of its own, clients at work on it, faults, and at the end the proof. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { withClient } from '../../../bench/databases.ts';
import { isAway } from './away.ts';
import type { Chance } from './chance.ts';
import { checkAtRest, checkUnderLoad, withChecker } from './checker.ts';
import { Client } from './client.ts';
import type { Cluster } from './cluster.ts';
import { GatewayDoor, JobDoor, type Door } from './doors.ts';
import { cutName, injectFaults } from './faults.ts';
import { Gateway } from './gateway.ts';
import { asJob, openWallets, TEMPLATE } from './ledger.ts';
import { Operations, type Stock } from './operations.ts';
import { PostgresProtocol } from './protocol.ts';
import { Proxy } from './proxy.ts';
import { Promises } from './promises.ts';
import type { Tally } from './tally.ts';

export interface RoundOptions {
  cluster: Cluster;
  database: string;
  seconds: number;
  /** It goes on until this is so, too: how much happens in a time depends on the machine. */
  isEnough?: () => boolean;
  clients: number;
  faults: string[];
  chance: Chance;
  tally: Tally;
  /** Keys differ from round to round. */
  name: string;
  /** Between the last answer and the proof. */
  finale?: () => Promise<void>;
}

const CHECK_EVERY_MS = 5_000;
const QUIET_WITHIN_MS = 120_000;
const ENOUGH_WITHIN_MS = 120_000;

export async function runRound(options: RoundOptions): Promise<void> {
  const { cluster, database, tally } = options;
  await cluster.administer(`create database ${database} template ${TEMPLATE}`);
  const stock = await withClient(cluster.url(database), openWallets);
  const proxy = new Proxy(
    () => cluster.port,
    () => new PostgresProtocol(),
    (cut) => tally.count('cuts', cutName(cut)),
  );
  await proxy.listen();
  const through = new URL(cluster.url(database));
  through.port = String(proxy.port);
  const gateway = await Gateway.start(through.href, ({ point }) => tally.count('cuts', `request over HTTP: ${point}`));
  const promises = new Promises(tally);
  try {
    await work({ ...options, stock, proxy, gateway, promises, jobUrl: asJob(through.href) });
    await gateway.stop();
    await proxy.close();
    await options.finale?.();
    await atRest(cluster, database);
    await withChecker(cluster.url(database), (client) => checkAtRest(client, promises, tally));
  } finally {
    await gateway.stop().catch(() => undefined);
    proxy.cutAll();
  }
  await cluster.administer(`drop database ${database} with (force)`);
}

interface Work extends RoundOptions {
  stock: Stock;
  proxy: Proxy;
  gateway: Gateway;
  promises: Promises;
  jobUrl: string;
}

/** Clients and faults, until the time is over and every client has the last word on its last call. */
async function work({ cluster, database, seconds, clients, faults, chance, tally, name, ...own }: Work): Promise<void> {
  const { stock, proxy, gateway, promises, jobUrl, isEnough = () => true } = own;
  const end = Date.now() + seconds * 1000;
  const isOver = (): boolean => Date.now() > end && (isEnough() || Date.now() > end + ENOUGH_WITHIN_MS);
  const token = await gateway.token();
  let keys = 0;
  const newKey = (): string => `${name}-${++keys}`;
  const callers = Array.from({ length: clients }, (_, index) => {
    const job = (): Door => new JobDoor(jobUrl, index % 2 === 0);
    const http = new GatewayDoor(gateway, token);
    const doors = index % 3 === 2 ? [http, job(), job(), http] : [job(), http, job(), http];
    const own = chance.fork();
    return new Client(doors, new Operations(stock, own, newKey), own, { promises, stock, tally, isOver });
  });
  // Past the proxy.
  const directUrl = (): string => asJob(cluster.url(database));
  const hotWallets = stock.assets.flatMap(({ hot }) => hot);
  const scene = {
    cluster,
    database,
    proxy,
    gateway,
    jobUrl: directUrl,
    hotWallets,
    tally,
    chance: chance.fork(),
    isOver,
  };
  await Promise.all([
    injectFaults(scene, faults),
    checkNowAndThen(cluster, database, promises, tally, isOver),
    sweep(directUrl, isOver),
    ...callers.map((caller) => caller.run()),
  ]);
  await Promise.all(callers.map((caller) => caller.close()));
}

async function checkNowAndThen(
  cluster: Cluster,
  database: string,
  promises: Promises,
  tally: Tally,
  isOver: () => boolean,
): Promise<void> {
  for (let last = Date.now(); !isOver(); await sleep(50)) {
    if (Date.now() - last < CHECK_EVERY_MS) continue;
    await withChecker(cluster.url(database), (client) => checkUnderLoad(client, promises, tally)).catch(ignoreAway);
    last = Date.now();
  }
}

/** As the worker does, more often. */
async function sweep(jobUrl: () => string, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    await sleep(300);
    const client = new pg.Client({ connectionString: jobUrl(), connectionTimeoutMillis: 2_000, query_timeout: 5_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query('select ledger.wallet_expire_due(100)');
    } catch {
      // The next one will do it.
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

/** No session is left that could still book something. */
async function atRest(cluster: Cluster, database: string): Promise<void> {
  for (const deadline = Date.now() + QUIET_WITHIN_MS; ; await sleep(50)) {
    const busy = await cluster.administer(
      "select from pg_stat_activity where datname = $1 and backend_type = 'client backend'",
      [database],
    );
    if (busy.length === 0) return;
    if (Date.now() > deadline) throw new Error('sessions do not end');
  }
}

/** The server was just being killed: the next look will tell. */
function ignoreAway(error: unknown): void {
  if (!isAway(error)) throw error;
}
