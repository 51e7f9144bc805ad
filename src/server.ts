/** Starts the gateway and its worker, and stops them without dropping a request. */
import './graphile-env.ts';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createApp, type App } from './app.ts';
import { signToken } from './auth.ts';
import { ConfigError, readConfig, type AuthConfig, type Config } from './config.ts';
import { openDatabase, type Database } from './database.ts';
import { developmentSecret } from './local.ts';
import { printWelcome } from './welcome.ts';
import { startWorker, type Worker } from './worker.ts';

interface Gateway {
  server: Server;
  app: App;
  database: Database;
  worker: Worker | undefined;
}

const DRAIN_MS = 10_000;
const SWEEP_MS = 100;
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
    console.error(error.message);
    return 1;
  }
}

async function start(): Promise<Gateway> {
  const config = readConfig(process.env);
  const auth = config.auth ?? (await developmentAuth());
  const database = await openDatabase(config);
  try {
    const createDevelopmentToken = config.production ? undefined : developmentToken(auth);
    const app = await createApp({ database, auth, createDevelopmentToken });
    const server = createServer(app.app);
    const url = `http://localhost:${await listen(server, config.port)}`;
    console.log(`Listening on ${url}`);
    if (createDevelopmentToken) printWelcome(url, database.localUrl, await createDevelopmentToken());
    return { server, app, database, worker: startWorkerFor(database, config) };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Some service has to book what is due, but not every one. */
function startWorkerFor({ workerUrl }: Database, { verifyCron }: Config): Worker | undefined {
  if (workerUrl !== undefined) return startWorker(workerUrl, verifyCron);
  console.log('No worker in this process: it needs WORKER_DATABASE_URL');
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

/** Takes no new connection, lets the requests under way end, and cuts what has not ended by the deadline. */
async function stop({ server, app, database, worker }: Gateway): Promise<void> {
  app.drain();
  const workerStopped = worker?.stop();
  const closed = once(server, 'close');
  server.close();
  const deadline = setTimeout(() => {
    server.closeAllConnections();
  }, DRAIN_MS);
  // A client that keeps its connection would otherwise hold us up after its last answer.
  const sweep = setInterval(() => {
    server.closeIdleConnections();
  }, SWEEP_MS);
  await closed;
  clearInterval(sweep);
  clearTimeout(deadline);
  await workerStopped;
  await Promise.race([close(app, database), sleep(CLOSE_MS)]);
}

async function close(app: App, database: Database): Promise<void> {
  await app.close();
  await database.close();
}
