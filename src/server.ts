/** Starts the gateway and its worker, and stops them without dropping a request. */
import './graphql/graphile-env.ts';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createApp, type App } from './app.ts';
import { signToken } from './auth.ts';
import { ConfigError, readConfig, type AuthConfig, type Config } from './config.ts';
import { openDatabase, type Database } from './database/database.ts';
import { HttpServer } from './http/http_server.ts';
import { developmentSecret, isDevelopmentSecret } from './local.ts';
import { configureLog, log, logCrashes, takeOverConsole } from './observability/log.ts';
import { countPostings } from './observability/metrics.ts';
import { startTracing, type Tracing } from './observability/tracing.ts';
import { loadDocuments } from './graphql/persisted_documents.ts';
import { Poller } from './subscriptions/poller.ts';
import { printWelcome } from './welcome.ts';
import { startWorker, type Worker } from './jobs/worker.ts';

interface Gateway {
  http: HttpServer;
  app: App;
  database: Database;
  worker: Worker | undefined;
  tracing: Tracing | undefined;
  drainGraceMs: number;
}

const DRAIN_MS = 10_000;
/** A connection that does not come back must not keep the process. */
const CLOSE_MS = 2_000;

process.exit(await run());

async function run(): Promise<number> {
  try {
    const gateway = await start();
    await stopSignal();
    await stop(gateway);
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // Plain also in production: it is for whoever starts the service, and how to log may be what is wrong.
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
}

async function start(): Promise<Gateway> {
  const config = readConfig(process.env);
  configureLog(config);
  logCrashes();
  if (config.production) takeOverConsole();
  const tracing = await startTracing(config.otlpEndpoint);
  const auth = config.auth ?? (await developmentAuth());
  if (config.production && auth.kind === 'secret' && (await isDevelopmentSecret(auth.secret))) {
    throw new ConfigError('JWT_SECRET is the development secret under .data/: production needs one of its own');
  }
  const persisted = config.persisted && {
    documents: await loadDocuments(config.persisted.path),
    only: config.persisted.only,
  };
  const database = await openDatabase(config);
  try {
    const createDevelopmentToken = config.production ? undefined : developmentToken(auth);
    const app = await createApp({
      database,
      auth,
      maxSockets: database.canListen ? config.maxSockets : 0,
      createDevelopmentToken,
      rateLimitPerMinute: config.rateLimitPerMinute,
      introspection: config.introspection,
      persisted,
    });
    const http = new HttpServer(app.app, { upgrade: (request, socket, head) => app.upgrade(request, socket, head) });
    const url = `http://localhost:${await listen(http.server, config.port)}`;
    // For people and scripts that wait for it, also in production.
    process.stdout.write(`Listening on ${url}\n`);
    if (createDevelopmentToken) printWelcome(url, database.localUrl, await createDevelopmentToken());
    const worker = startWorkerFor(database, config);
    return { http, app, database, worker, tracing, drainGraceMs: config.drainGraceMs };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Some service has to book what is due, and to tell subscribers what was booked, but not every one. */
function startWorkerFor({ worker: address, canListen }: Database, { verifyCron }: Config): Worker | undefined {
  if (!canListen) {
    log.warn(
      'no subscriptions in this process: DATABASE_URL does not keep sessions, set WORKER_DATABASE_URL to listen there',
    );
  }
  if (address) {
    const workers = [startWorker(address, verifyCron), new Poller({ ...address, onPostings: countPostings })];
    return {
      stop: async () => {
        await Promise.all(workers.map((worker) => worker.stop()));
      },
    };
  }
  log.info('no worker in this process: it needs WORKER_DATABASE_URL');
  return undefined;
}

/** Development needs no configuration; production has been refused without a secret of its own. */
async function developmentAuth(): Promise<AuthConfig> {
  return { kind: 'secret', secret: await developmentSecret() };
}

/** Only who has the secret can sign: tokens for a JWKS come from elsewhere. */
function developmentToken(auth: AuthConfig): (() => Promise<string>) | undefined {
  if (auth.kind !== 'secret') return undefined;
  return () => signToken(auth, { role: 'service', sub: 'developer' });
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw new ConfigError(`Cannot listen on port ${port}: ${(error as Error).message}`, { cause: error });
  }
  return (server.address() as AddressInfo).port;
}

/** Later signals are ignored: npm passes Ctrl-C on to a process that the terminal has told already. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'])
      process.on(signal, () => {
        resolve();
      });
  });
}

/** Who watches readiness sends its requests elsewhere while this process still answers; only then does it stop to listen. */
async function stop({ http, app, database, worker, tracing, drainGraceMs }: Gateway): Promise<void> {
  app.drain();
  http.drain();
  const workerStopped = worker?.stop();
  await sleep(drainGraceMs);
  // Sockets that have left HTTP are not the server's to end: whoever upgraded them does that before this.
  await http.close(DRAIN_MS);
  await workerStopped;
  await Promise.race([close(app, database, tracing), sleep(CLOSE_MS)]);
}

async function close(app: App, database: Database, tracing: Tracing | undefined): Promise<void> {
  await tracing?.stop();
  await app.close();
  await database.close();
}
