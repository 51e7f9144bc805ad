/** `npm start`: starts the gateway and the worker, and stops them on a signal without dropping a request. */
import './graphql/graphile-env.ts';
import { isIPv6 } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { command } from './command.ts';
import { readConfig, type Config } from './config.ts';
import { consoleFolder } from './console/index.ts';
import type { Database } from './database/database.ts';
import { developmentToken } from './dev/ide.ts';
import { authOf, openConfigured } from './dev/local.ts';
import { printWelcome } from './dev/welcome.ts';
import { EXIT } from './exit.ts';
import { startWorker, type Worker } from './jobs/worker.ts';
import { describeError, log, startLog } from './observability/log.ts';
import { CLOSE_MS, startService, type Running } from './service.ts';
import { startPoller } from './subscriptions/index.ts';
import { startWebhooks } from './webhooks/index.ts';

const HELP = `npm start

Serves the wallets on HOST and PORT. Without DATABASE_URL it starts a PostgreSQL of its own in .data/ and posts a demo to it; with an
administrator's DATABASE_URL it migrates first. The settings are environment variables: see docs/operate/configuration.md.`;

await command({ help: HELP }, run);
process.exit();

async function run(): Promise<number> {
  const config = readConfig(process.env);
  startLog(config);
  const running = await start(config).catch((error: unknown) => {
    // The error itself is printed in one line; its stack goes to the debug log.
    log.debug({ error: describeError(error) }, 'start failed');
    throw error;
  });
  if (typeof running === 'number') return running;
  const lost = await Promise.race([stopSignal(), running.ended]);
  if (lost !== undefined) process.stderr.write(`${lost}\n`);
  const stopped = running.stop();
  // If the database or all gateway processes are lost, requests in flight cannot be answered.
  await (lost === undefined ? stopped : Promise.race([stopped, sleep(CLOSE_MS)]));
  return lost === undefined ? EXIT.fine : EXIT.unreachable;
}

/** Returns an exit code if a gateway process could not start and has logged why. */
async function start(config: Config): Promise<Running | number> {
  if (config.workers > 1) {
    // Loaded only where it is needed.
    const { startWorkers } = await import('./workers/index.ts');
    return startWorkers(config, { announce, startJobs });
  }
  const { opened, databases, port, stop } = await startService(config, openConfigured);
  try {
    await announce(config, port, opened.localUrl);
    const jobs = databases.map((database) => startJobs(database, config));
    const stopJobs = async (): Promise<void> => {
      await Promise.all(jobs.map(async (worker) => worker?.stop()));
    };
    return { ended: opened.ended, stop: () => stop({ stop: stopJobs }) };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** In production too: people and scripts wait for this line. */
async function announce(config: Config, port: number, databaseUrl: string | undefined): Promise<void> {
  const { host, production, roles } = config;
  const url = `http://${shownHost(host)}:${port}`;
  process.stdout.write(`Listening on ${url}\n`);
  const createToken = production ? undefined : developmentToken(await authOf(config), roles);
  if (!createToken) return;
  printWelcome(url, { databaseUrl, host, token: await createToken(), hasConsole: consoleFolder() !== undefined });
}

/** The host name by which this machine reaches the service. */
function shownHost(host = '0.0.0.0'): string {
  if (['127.0.0.1', '0.0.0.0', '::'].includes(host)) return 'localhost';
  return isIPv6(host) ? `[${host}]` : host;
}

/** At least one service needs a worker's login, to book expiries and to notify subscribers. */
function startJobs({ worker: address, canListen }: Database, { verifyCron, webhooks }: Config): Worker | undefined {
  if (!canListen) {
    log.warn(
      'no subscriptions in this process: DATABASE_URL does not keep sessions, set WORKER_DATABASE_URL to listen there',
    );
  }
  if (address) {
    const workers = [startWorker(address, verifyCron), startPoller(address), startWebhooks(address, webhooks)];
    return {
      stop: async () => {
        await Promise.all(workers.map((worker) => worker.stop()));
      },
    };
  }
  log.info('no worker in this process: it needs WORKER_DATABASE_URL');
  return undefined;
}

/** Ignores further signals: npm passes Ctrl-C on to a process that the terminal has already signalled. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'])
      process.on(signal, () => {
        resolve();
      });
  });
}
