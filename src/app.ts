/** The HTTP surface: health, authentication, GraphQL, downloads. */
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import { postgraphile, type PostGraphileInstance } from 'postgraphile';
import { grafserv } from 'postgraphile/grafserv/express/v4';
import { createAuthenticator, identityOf, type Role } from './auth.ts';
import { BodyError, jsonBody } from './body.ts';
import { ConfigError, type AuthConfig } from './config.ts';
import type { Database } from './database.ts';
import { publicError, sendError, sendPublicError } from './errors.ts';
import { createPreset } from './graphile.config.ts';
import { historyRouter } from './history.ts';
import type { PersistedOptions } from './plugins/persisted.ts';
import { createRateLimit } from './rate_limit.ts';
import { createReadiness } from './readiness.ts';
import { answerInTime } from './timeouts.ts';

export interface AppOptions {
  database: Database;
  auth: AuthConfig;
  /** With it, there is an IDE at `/` which uses this token. */
  createDevelopmentToken?: (() => Promise<string>) | undefined;
  introspection: boolean;
  persisted: PersistedOptions | undefined;
  rateLimitPerMinute: number | undefined;
}

export interface App {
  app: Express;
  /** From now on the service reports that it takes no more work. */
  drain(): void;
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 100_000;
/** Of those who may post batches: a thousand for each of ten thousand requests. */
const MAX_BATCH_BYTES = 10_000_000;
const BATCHERS: readonly Role[] = ['service', 'operator'];

/** Resolves when the GraphQL schema is there: then, and only then, requests can be answered. */
export async function createApp({
  database,
  auth,
  createDevelopmentToken,
  rateLimitPerMinute,
  ...api
}: AppOptions): Promise<App> {
  const pgl = postgraphile(createPreset({ pool: database.pool, createRuruToken: createDevelopmentToken, ...api }));
  await schemaOf(pgl);
  const serv = pgl.createServ(grafserv);
  const readiness = await createReadiness(database.pool);

  const app = express();
  app.disable('x-powered-by');
  app.get('/healthz', (_req, res) => {
    res.json({ status: 'ok' });
  });
  app.get('/readyz', readiness.handler);
  app.use(['/graphql', '/wallets'], createAuthenticator(auth));
  if (database.rateLimitPool && rateLimitPerMinute !== undefined) {
    app.use(['/graphql', '/wallets'], createRateLimit(database.rateLimitPool, rateLimitPerMinute));
  }
  app.use('/graphql', acceptable, graphqlBody(), answerInTime());
  app.use(historyRouter(database.historyPool));
  await serv.addTo(app, null, false);
  app.use((_req, res) => {
    sendError(res, 404, 'NOT_FOUND', 'not found');
  });
  app.use(handleError);

  return {
    app,
    drain: readiness.drain,
    close: async () => {
      await pgl.release();
    },
  };
}

async function schemaOf(pgl: PostGraphileInstance): Promise<void> {
  try {
    await pgl.getSchema();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`The database has no schema to serve (is it migrated?): ${reason}`, { cause: error });
  }
}

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
    sendError(res, 400, 'INVALID_ARGUMENT', error.message);
    return;
  }
  if (typeof status === 'number' && status >= 400 && status < 500) {
    sendError(res, status, 'BAD_REQUEST', status === 413 ? 'The request is too large' : 'The request cannot be read');
    return;
  }
  const shown = publicError(error, `${req.method} ${req.path}`);
  // Too late to say it; a connection cut short says that the answer is not complete.
  if (res.headersSent) {
    res.destroy();
    return;
  }
  sendPublicError(res, shown.extensions.code === 'INTERNAL' ? 500 : 503, shown);
};
