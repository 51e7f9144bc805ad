/** The HTTP surface: health, authentication, GraphQL, downloads. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import express, { type ErrorRequestHandler, type Express, type RequestHandler, type Response } from 'express';
import { postgraphile, type PostGraphileInstance } from 'postgraphile';
import type { GraphQLSchema } from 'postgraphile/graphql';
import { grafserv } from 'postgraphile/grafserv/express/v4';
import { createAuthenticator, createIdentify, identityOf, type Role } from './auth.ts';
import { ConfigError, type AuthConfig, type Config } from './config.ts';
import { consoleRouter, type ConsoleOptions } from './console/index.ts';
import { createCors, mayConnect } from './cors/index.ts';
import type { Database } from './database/database.ts';
import { pools } from './database/pool.ts';
import type { Reads } from './database/reads.ts';
import { learnRead } from './direct_reads/index.ts';
import { DocumentLimitsPreset, NoIntrospectionPlugin } from './document_limits/index.ts';
import { downloadsRouter } from './downloads/index.ts';
import { publicError, sendError, sendPublicError } from './errors.ts';
import { answerHot, createPosting, flowsPlugins } from './flows/index.ts';
import { createContext, type CreateContext } from './graphql/context.ts';
import { createPreset } from './graphql/graphile.config.ts';
import type { Node, Nodes } from './graphql/nodes.ts';
import { BodyError, jsonBody } from './http/body.ts';
import { safeHeaders } from './http/headers.ts';
import { createReadiness } from './http/readiness.ts';
import { answerInTime } from './http/timeouts.ts';
import { ListsPlugins } from './lists/index.ts';
import { createScrape, observeProcess, serveMetrics } from './observability/metrics.ts';
import { observe, flushRequests } from './observability/observe.ts';
import { addErrors } from './observability/request_facts.ts';
import { createRateLimit } from './rate_limits/index.ts';
import { readPreference } from './standby/index.ts';
import { createSubscriptions, SubscriptionsPlugins } from './subscriptions/index.ts';

export interface AppOptions {
  config: Config;
  database: Database;
  auth: AuthConfig;
  /** For queries and downloads, besides the database's own pools. */
  reads?: Reads | undefined;
  /** Where wallets are spread over several databases; `database` and `reads` are those of the first. */
  nodes?: Nodes | undefined;
  /** The pages for people, and who gets a token there. */
  console?: Pick<ConsoleOptions, 'folder' | 'isHome' | 'signIn'> | undefined;
  /** With it, there is an IDE at `/ruru`. */
  ide?: Ide | undefined;
  /** What is optional in GraphQL. */
  presets?: readonly GraphileConfig.Preset[];
  /** Answers `GET /metrics`, where that is not of this process alone. */
  metrics?: (() => Promise<string>) | undefined;
  /** Whether requests are logged and counted. Only what measures the price of that does without. */
  observed?: boolean;
}

export interface Ide {
  plugin: GraphileConfig.Plugin;
  /** Its page has a token in it. */
  mayOpen: (request: IncomingMessage) => boolean;
}

export interface App {
  app: Express;
  /** For the server's `upgrade` events: websockets. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** From now on the service reports that it takes no more work; websockets are sent away, to come back elsewhere. */
  drain(): void;
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 100_000;
/** Of those who may post batches: a thousand for each of ten thousand requests. */
const MAX_BATCH_BYTES = 10_000_000;
/** Whatever is there needs a token. */
const PROTECTED = ['/graphql', '/wallets', '/reports'];
const BATCHERS: readonly Role[] = ['service', 'operator'];

/** Resolves when the GraphQL schema is there: then, and only then, requests can be answered. */
export async function createApp(options: AppOptions): Promise<App> {
  const { config, database, auth, reads, nodes, console, ide, presets = [], metrics, observed = true } = options;
  const { corsOrigins, introspection, maxSockets, rateLimitPerMinute } = config;
  const one: Node = { database, reads };
  const all = nodes?.all ?? [one];
  // A caller gets the reason why a token was refused in development only.
  const tellsWhy = !config.production;
  const identify = createIdentify(auth, config.roles);
  const subscriptions = createSubscriptions(database, {
    identify,
    maxSockets,
    mayConnect: (request) => mayConnect(request, corsOrigins),
    tellsWhy,
  });
  const contextOf = (node: Node): CreateContext =>
    createContext({
      pool: node.database.pool,
      auditPool: node.database.auditPool,
      reads: node.reads,
      more: createPosting(config.groupCalls),
      socketContext: subscriptions.contextFrom(node.database),
    });
  const downloadsOf = (node: Node) => downloadsRouter({ pool: node.database.historyPool, reads: node.reads });
  const preset = createPreset({
    pool: database.pool,
    context: nodes ? nodes.createContext(contextOf) : contextOf(one),
    hasIde: ide !== undefined,
    // A document that is named by its hash is measured too.
    presets: [...presets, DocumentLimitsPreset],
    plugins: [
      ...(introspection ? [] : [NoIntrospectionPlugin]),
      ...ListsPlugins,
      ...SubscriptionsPlugins,
      ...(ide ? [ide.plugin] : []),
      ...(nodes?.plugins ?? []),
      ...flowsPlugins(learnRead),
    ],
  });
  const pgl = postgraphile(preset);
  const schema = await schemaOf(pgl);
  const serv = pgl.createServ(grafserv);
  subscriptions.serve(serv);
  const readiness = await createReadiness(all.map((node) => node.database.pool));

  const app = express();
  app.disable('x-powered-by');
  app.use(safeHeaders);
  app.get('/healthz', (_req, res) => {
    res.json({ status: 'ok' });
  });
  app.get('/readyz', readiness.handler);
  if (observed) {
    if (!metrics) observeProcess(pools);
    app.get('/metrics', flushed, serveMetrics(metrics ?? createScrape(database.metricsPool)));
    app.use(observe);
  }
  if (corsOrigins.length > 0) app.use(PROTECTED, createCors(corsOrigins));
  const authenticate = createAuthenticator(auth, { identify, tellsWhy });
  app.use(PROTECTED, authenticate, readPreference);
  if (nodes) app.use(PROTECTED, nodes.check);
  if (rateLimitPerMinute !== undefined) {
    app.use(PROTECTED, createRateLimit(database, rateLimitPerMinute));
  }
  app.use('/graphql', acceptable, graphqlBody(), answerInTime());
  // Where documents come by their hash alone, their texts are not taken.
  if (config.persisted?.only !== true) app.use('/graphql', answerHot(schema, preset));
  app.use(nodes?.download(downloadsOf) ?? downloadsOf(one));
  if (console) app.use(consoleRouter({ ...console, oidc: config.oidc, authenticate }));
  // Besides GraphQL it serves the IDE.
  app.use((req, res, next) => {
    if (req.path === '/graphql' || ide?.mayOpen(req)) next();
    else sendNotFound(res);
  });
  await serv.addTo(app, null, false);
  app.use((_req, res) => {
    sendNotFound(res);
  });
  app.use(handleError);

  return {
    app,
    upgrade: (request, socket, head) => {
      subscriptions.upgrade(request, socket, head);
    },
    drain: () => {
      readiness.drain();
      subscriptions.drain();
    },
    close: async () => {
      await subscriptions.close();
      await pgl.release();
    },
  };
}

async function schemaOf(pgl: PostGraphileInstance): Promise<GraphQLSchema> {
  try {
    return await pgl.getSchema();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`The database has no schema to serve (is it migrated?): ${reason}`, { cause: error });
  }
}

function sendNotFound(res: Response): void {
  sendError(res, 404, 'NOT_FOUND', 'not found');
}

/** A scrape shows all that is over. */
const flushed: RequestHandler = (_req, _res, next) => {
  flushRequests();
  next();
};

/** Grafserv takes a header that it cannot read for trouble of its own. */
const acceptable: RequestHandler = (req, res, next) => {
  if (req.accepts(['json', 'application/graphql-response+json', 'html']) === false) {
    sendError(res, 406, 'BAD_REQUEST', 'Accept application/json');
    return;
  }
  next();
};

/** Who is calling decides how much is read at all. */
function graphqlBody(): RequestHandler {
  const usual = jsonBody(MAX_BODY_BYTES);
  const large = jsonBody(MAX_BATCH_BYTES);
  return (req, res, next) => {
    const read = BATCHERS.includes(identityOf(res).role) ? large : usual;
    read(req, res, next);
  };
}

// Express takes it for an error handler by its four parameters.
// eslint-disable-next-line @typescript-eslint/no-unused-vars
const handleError: ErrorRequestHandler = (error: unknown, req, res, _next) => {
  const { code, status } = error as { code?: unknown; status?: unknown };
  // A client that went away before the end asks for no answer and is no trouble of ours.
  if (code === 'ERR_STREAM_PREMATURE_CLOSE') return;
  // Its time was up, and that has been answered.
  if (res.writableEnded) return;
  if (error instanceof BodyError) {
    sendError(res, 400, error.code, error.message);
    return;
  }
  if (typeof status === 'number' && status >= 400 && status < 500) {
    sendError(res, status, 'BAD_REQUEST', status === 413 ? 'The request is too large' : 'The request cannot be read');
    return;
  }
  const shown = publicError(error, `${req.method} ${req.path}`);
  // Too late to say it; a connection cut short says that the answer is not complete.
  if (res.headersSent) {
    addErrors(res, [shown]);
    res.destroy();
    return;
  }
  sendPublicError(res, shown.extensions.code === 'INTERNAL' ? 500 : 503, shown);
};
