/** Starts the gateway and its worker, and stops them without dropping a request. */
import './graphql/graphile-env.ts';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { isIPv6, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createApp, type App } from './app.ts';
import { command } from './command.ts';
import { ConfigError, readConfig, type Config } from './config.ts';
import type { Database } from './database/database.ts';
import { createIde, developmentToken } from './dev/ide.ts';
import { authOf, openConfigured, type Opened } from './dev/local.ts';
import { printWelcome } from './dev/welcome.ts';
import { EXIT } from './exit.ts';
import { HttpServer } from './http/http_server.ts';
import { startWorker, type Worker } from './jobs/worker.ts';
import { configureLog, describeError, log, logCrashes, takeOverConsole } from './observability/log.ts';
import { createPersistedPreset } from './persisted/index.ts';
import { openStandby } from './standby/index.ts';
import { startPoller } from './subscriptions/index.ts';

interface Gateway {
  http: HttpServer;
  app: App;
  opened: Opened;
  worker: Worker | undefined;
  /** What ends besides: traces and the standby, if there are any. */
  more: (() => Promise<void>)[];
  drainGraceMs: number;
}

/** What the system says of an address that is another machine's, or of no address at all. */
const NO_ADDRESS = ['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN', 'EINVAL', 'EAFNOSUPPORT'];
const DRAIN_MS = 10_000;
/** A connection that does not come back must not keep the process. */
const CLOSE_MS = 2_000;

const HELP = `npm start

Serves the wallets on HOST and PORT. Without DATABASE_URL it starts a PostgreSQL of its own in .data/ and posts a demo to it; with an
administrator's DATABASE_URL it migrates first. The settings are environment variables: see "Configuration" in README.md.`;

await command({ help: HELP }, run);
process.exit();

async function run(): Promise<number> {
  const gateway = await start().catch((error: unknown) => {
    // Whoever starts the service sees one line; the stack is for whoever looks for more.
    log.debug({ error: describeError(error) }, 'start failed');
    throw error;
  });
  const lost = await Promise.race([stopSignal(), gateway.opened.ended]);
  if (lost !== undefined) process.stderr.write(`${lost}\n`);
  const stopped = stop(gateway);
  // Without its database, nothing that is in flight can be answered.
  await (lost === undefined ? stopped : Promise.race([stopped, sleep(CLOSE_MS)]));
  return lost === undefined ? EXIT.fine : EXIT.unreachable;
}

async function start(): Promise<Gateway> {
  const config = readConfig(process.env);
  configureLog(config);
  logCrashes();
  if (config.production) takeOverConsole();
  // Before whatever it traces. Without it, none of its libraries is loaded.
  const tracing = config.otlpEndpoint && (await import('./tracing/index.ts')).startTracing(config.otlpEndpoint);
  const auth = await authOf(config);
  const presets = config.persisted ? [await createPersistedPreset(config.persisted)] : [];
  const opened = await openConfigured(config);
  const { database } = opened;
  try {
    const standby = openStandby(config, database);
    const createToken = config.production ? undefined : developmentToken(auth, config.roles);
    const ide = createToken && createIde(createToken);
    const app = await createApp({ config, database, auth, reads: standby, ide, presets });
    const http = new HttpServer(app.app, { upgrade: (request, socket, head) => app.upgrade(request, socket, head) });
    const port = await listen(http.server, config.host, config.port);
    const url = `http://${shownHost(config.host)}:${port}`;
    // For people and scripts that wait for it, also in production.
    process.stdout.write(`Listening on ${url}\n`);
    if (createToken) {
      printWelcome(url, { databaseUrl: opened.localUrl, host: config.host, token: await createToken() });
    }
    const worker = startWorkerFor(database, config);
    const more = [async () => tracing?.stop(), async () => standby?.close()];
    return { http, app, opened, worker, more, drainGraceMs: config.drainGraceMs };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** Some service has to book what is due, and to notify subscribers of what was booked, but not every one. */
function startWorkerFor({ worker: address, canListen }: Database, { verifyCron }: Config): Worker | undefined {
  if (!canListen) {
    log.warn(
      'no subscriptions in this process: DATABASE_URL does not keep sessions, set WORKER_DATABASE_URL to listen there',
    );
  }
  if (address) {
    const workers = [startWorker(address, verifyCron), startPoller(address)];
    return {
      stop: async () => {
        await Promise.all(workers.map((worker) => worker.stop()));
      },
    };
  }
  log.info('no worker in this process: it needs WORKER_DATABASE_URL');
  return undefined;
}

async function listen(server: Server, host: string | undefined, port: number): Promise<number> {
  server.listen({ port, host });
  try {
    await once(server, 'listening');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const hint = NO_ADDRESS.includes(code ?? '') ? `HOST ${host ?? ''} is no address or name of this machine: ` : '';
    throw new ConfigError(`Cannot listen on port ${port}: ${hint}${message}`, { cause: error });
  }
  return (server.address() as AddressInfo).port;
}

/** How this machine reaches itself. */
function shownHost(host = '0.0.0.0'): string {
  if (['127.0.0.1', '0.0.0.0', '::'].includes(host)) return 'localhost';
  return isIPv6(host) ? `[${host}]` : host;
}

/** Later signals are ignored: npm passes Ctrl-C on to a process that the terminal has signalled already. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'])
      process.on(signal, () => {
        resolve();
      });
  });
}

/** Who watches readiness sends its requests elsewhere while this process still answers; only then does it stop to listen. */
async function stop({ http, app, opened, worker, more, drainGraceMs }: Gateway): Promise<void> {
  app.drain();
  http.drain();
  const workerStopped = worker?.stop();
  await sleep(drainGraceMs);
  // Sockets that have left HTTP are not the server's to end: whoever upgraded them does that before this.
  await http.close(DRAIN_MS);
  await workerStopped;
  const close = async (): Promise<void> => {
    await Promise.all(more.map((end) => end()));
    await app.close();
    await opened.close();
  };
  await Promise.race([close(), sleep(CLOSE_MS)]);
}
