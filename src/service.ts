/** The gateway of one process: how it comes to listen, and how it ends without dropping a request. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createApp } from './app.ts';
import { ConfigError, type Config } from './config.ts';
import { consoleFolder } from './console/index.ts';
import type { Database } from './database/database.ts';
import { tryToBuildConsole } from './dev/console.ts';
import { createIde, developmentToken } from './dev/ide.ts';
import { authOf, type Opened } from './dev/local.ts';
import { developmentSignIn } from './dev/sign_in.ts';
import type { Node, Nodes } from './graphql/nodes.ts';
import { HttpServer } from './http/http_server.ts';
import type { Worker } from './jobs/worker.ts';
import { createPersistedPreset } from './persisted/index.ts';
import { openStandby } from './standby/index.ts';

export interface Service {
  opened: Opened;
  /** One, unless wallets are spread over several. */
  databases: readonly Database[];
  port: number;
  /** Of what runs beside the gateway, `jobs` are ended meanwhile. */
  stop: (jobs?: Worker) => Promise<void>;
}

/** As whoever started it sees it. */
export interface Running {
  /** Says in one line what has ended by itself, without which nothing is served: the server under `.data/`, or all processes that serve. */
  ended: Promise<string>;
  stop: () => Promise<void>;
}

/** What the system says of an address that is another machine's, or of no address at all. */
const NO_ADDRESS = ['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN', 'EINVAL', 'EAFNOSUPPORT'];
const NOT_LOCAL = { localUrl: undefined, ended: new Promise<string>(() => undefined) };
export const DRAIN_MS = 10_000;
/** A connection that does not come back must not keep the process. */
export const CLOSE_MS = 2_000;

/** `metrics`: where they are not those of this process alone. */
export async function startService(
  config: Config,
  open: (config: Config) => Promise<Opened>,
  metrics?: () => Promise<string>,
): Promise<Service> {
  // Before whatever it traces. Without it, none of its libraries is loaded.
  const tracing = config.otlpEndpoint && (await import('./tracing/index.ts')).startTracing(config.otlpEndpoint);
  const auth = await authOf(config);
  const presets = config.persisted ? [await createPersistedPreset(config.persisted)] : [];
  const building = config.production ? undefined : tryToBuildConsole();
  const openNode = async (own: Config): Promise<Opened & Node> => {
    const opened = await open(own);
    const standby = openStandby(own, opened.database);
    const close = async (): Promise<void> => {
      await standby?.close();
      await opened.close();
    };
    return { ...opened, reads: standby, close };
  };
  let nodes: Nodes | undefined;
  // prettier-ignore
  if (config.nodes !== undefined) nodes = await (await import('./nodes/index.ts')).openNodes(config.nodes, (own) => openNode({ ...config, ...own }));
  const opened = nodes ? { ...NOT_LOCAL, ...nodes.first, close: () => nodes.close() } : await openNode(config);
  const { database, reads } = opened;
  try {
    const createToken = config.production ? undefined : developmentToken(auth, config.roles);
    const ide = createToken && createIde(createToken);
    await building;
    const console = { folder: consoleFolder(), isHome: !config.production, signIn: developmentSignIn(config, auth) };
    const app = await createApp({ config, database, auth, reads, nodes, console, ide, presets, metrics });
    const http = new HttpServer(app.app, { upgrade: (request, socket, head) => app.upgrade(request, socket, head) });
    const port = await listen(http.server, config.host, config.port);
    const close = async (): Promise<void> => {
      await tracing?.stop();
      await app.close();
      await opened.close();
    };
    // Who watches readiness sends its requests elsewhere while this process still answers; only then does it stop to listen.
    const stop = async (jobs?: Worker): Promise<void> => {
      app.drain();
      http.drain();
      const jobsStopped = jobs?.stop();
      await sleep(config.drainGraceMs);
      // Sockets that have left HTTP are not the server's to end: whoever upgraded them does that before this.
      await http.close(DRAIN_MS);
      await jobsStopped;
      await Promise.race([close(), sleep(CLOSE_MS)]);
    };
    return { opened, databases: nodes?.all.map((node) => node.database) ?? [database], port, stop };
  } catch (error) {
    await opened.close();
    throw error;
  }
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
