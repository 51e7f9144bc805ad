/** Starts the gateway and its worker, and stops them without dropping a request. */
import './graphql/graphile-env.ts';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { isIPv6, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createApp, type App } from './app.ts';
import { signToken } from './auth.ts';
import { ConfigError, readConfig, type AuthConfig, type Config } from './config.ts';
import { command } from './command.ts';
import { openDatabase, type Database } from './database/database.ts';
import { EXIT } from './exit.ts';
import { HttpServer } from './http/http_server.ts';
import { developmentSecret, isDevelopmentSecret } from './dev/local.ts';
import { configureLog, describeError, log, logCrashes, takeOverConsole } from './observability/log.ts';
import { countPostings, noteRound } from './observability/metrics.ts';
import { startTracing, type Tracing } from './observability/spans.ts';
import { loadDocuments } from './persisted/documents.ts';
import { Poller } from './subscriptions/poller.ts';
import { claimsOf, type RoleNames } from './roles.ts';
import { printWelcome } from './dev/welcome.ts';
import { startWorker, type Worker } from './jobs/worker.ts';

interface Gateway {
  http: HttpServer;
  app: App;
  database: Database;
  worker: Worker | undefined;
  tracing: Tracing | undefined;
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
  const lost = await Promise.race([stopSignal(), gateway.database.ended]);
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
    const createDevelopmentToken = config.production ? undefined : developmentToken(auth, config.roles);
    const app = await createApp({
      database,
      auth,
      maxSockets: database.canListen ? config.maxSockets : 0,
      createDevelopmentToken,
      tellsWhy: !config.production,
      roles: config.roles,
      corsOrigins: config.corsOrigins,
      rateLimitPerMinute: config.rateLimitPerMinute,
      introspection: config.introspection,
      persisted,
    });
    const http = new HttpServer(app.app, { upgrade: (request, socket, head) => app.upgrade(request, socket, head) });
    const port = await listen(http.server, config.host, config.port);
    const url = `http://${shownHost(config.host)}:${port}`;
    // For people and scripts that wait for it, also in production.
    process.stdout.write(`Listening on ${url}\n`);
    if (createDevelopmentToken) {
      const token = await createDevelopmentToken();
      printWelcome(url, { databaseUrl: database.localUrl, hasIde: isOwnHost(config.host), token });
    }
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
    const poller = new Poller({ ...address, onPostings: countPostings, onRound: noteRound });
    const workers = [startWorker(address, verifyCron), poller];
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
function developmentToken(auth: AuthConfig, roles: RoleNames): (() => Promise<string>) | undefined {
  if (auth.kind !== 'secret' || !claimsOf('service', roles)) return undefined;
  return () => signToken(auth, { role: 'service', sub: 'developer' }, roles);
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

/** Whether nobody else can reach it. */
function isOwnHost(host: string | undefined): boolean {
  return host === 'localhost' || host === '::1' || host?.startsWith('127.') === true;
}

/** How this machine reaches itself. */
function shownHost(host = '0.0.0.0'): string {
  if (['127.0.0.1', '0.0.0.0', '::'].includes(host)) return 'localhost';
  return isIPv6(host) ? `[${host}]` : host;
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
