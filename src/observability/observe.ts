/** Writes one log line and counts one observation for each request, shortly after it has ended. */
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Request, RequestHandler, Response } from 'express';
import { actorOf, type Identity } from '../roles.ts';
import { log } from './log.ts';
import { countRequest, requestsInFlight, type ObservedRequest } from './metrics.ts';
import { factsOf, startFacts, type RequestFacts } from './request_facts.ts';
import { activeTraceId } from './spans.ts';

/** Too short for most tokens, in case a caller sends one as the id. */
const REQUEST_ID = /^[\w.:-]{1,64}$/;
const TRACE_PARENT = /^[\da-f]{2}-([\da-f]{32})-[\da-f]{16}-[\da-f]{2}$/;
const MAX_PATH = 200;
/**
 * How many finished requests are logged and counted together, at most WITHIN_MS later: between other work, each one would cost several
 * times as much.
 */
const AT_ONCE = 64;
const WITHIN_MS = 100;

interface Watched {
  id: string;
  traceId: string | undefined;
  started: number;
  socket: Socket;
  bytesBefore: number;
}

interface Concluded {
  at: number;
  counted: ObservedRequest;
  line: Record<string, unknown>;
}

const NOTHING: RequestFacts = { codes: [], errorIds: [] };
const concluded: Concluded[] = [];
let flushing: NodeJS.Timeout | undefined;
// Runs before the log's last write.
process.prependOnceListener('exit', flushRequests);

export const observe: RequestHandler = (req, res, next) => {
  const asked = req.headers['x-request-id'];
  const id = typeof asked === 'string' && REQUEST_ID.test(asked) ? asked : randomUUID();
  res.setHeader('X-Request-Id', id);
  startFacts(res);
  res.locals.watched = {
    id,
    traceId: activeTraceId() ?? traceIdOf(req.headers.traceparent),
    started: performance.now(),
    socket: req.socket,
    bytesBefore: req.socket.bytesWritten,
  } satisfies Watched;
  requestsInFlight.inc();
  // The event comes after the answer, or when the connection has been lost.
  res.on('close', conclude);
  next();
};

function traceIdOf(parent: string | string[] | undefined): string | undefined {
  return typeof parent === 'string' ? TRACE_PARENT.exec(parent)?.[1] : undefined;
}

function conclude(this: unknown): void {
  const res = this as Response;
  const { req } = res;
  const path = pathOf(req);
  const route = routeOf(req, path);
  const { id, traceId, started, socket, bytesBefore } = res.locals.watched as Watched;
  const { operation, field, codes, errorIds, reason } = factsOf(res) ?? NOTHING;
  const seconds = (performance.now() - started) / 1000;
  const distinct = codes.length > 1 ? [...new Set(codes)] : codes;
  const outcome = distinct.length > 0 ? distinct.join(',') : res.writableFinished ? 'ok' : 'aborted';
  requestsInFlight.dec();
  const identity = res.locals.identity as Identity | undefined;
  concluded.push({
    at: Date.now(),
    counted: {
      route,
      operation: field ?? route.slice(route.lastIndexOf('/') + 1),
      codes,
      outcome: distinct.length > 1 ? 'several' : outcome,
      seconds,
    },
    line: {
      request_id: id,
      trace_id: traceId,
      method: req.method,
      path,
      status: res.statusCode,
      actor: identity && actorOf(identity),
      operation,
      outcome,
      reason,
      error_id: errorIds.length > 0 ? errorIds.join(',') : undefined,
      duration_ms: Math.round(seconds * 1e4) / 10,
      bytes: socket.bytesWritten - bytesBefore,
    },
  });
  if (concluded.length >= AT_ONCE) flushRequests();
  else flushing ??= setTimeout(flushRequests, WITHIN_MS).unref();
}

/** Logs and counts all finished requests now: before a scrape of the metrics, and when the process exits. */
export function flushRequests(): void {
  clearTimeout(flushing);
  flushing = undefined;
  const requests = concluded.splice(0);
  for (const { counted } of requests) countRequest(counted);
  if (!log.isLevelEnabled('info')) return;
  for (const { at, line } of requests) log.info({ time: new Date(at).toISOString(), ...line }, 'request');
}

/** Leaves out the query string. */
function pathOf({ originalUrl }: Request): string {
  const end = originalUrl.indexOf('?');
  return (end < 0 ? originalUrl : originalUrl.slice(0, end)).slice(0, MAX_PATH);
}

/** The route's pattern, never the caller's text. */
function routeOf({ route }: Request, path: string): string {
  const pattern = (route as { path?: unknown } | undefined)?.path;
  if (typeof pattern === 'string') return pattern;
  return path === '/graphql' ? path : 'other';
}
