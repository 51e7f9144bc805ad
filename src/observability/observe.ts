/** One log line and one observation for each request, a moment after it is over. */
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Request, RequestHandler, Response } from 'express';
import { actorOf, type Identity } from '../roles.ts';
import { log } from './log.ts';
import { countRequest, requestsInFlight, type ObservedRequest } from './metrics.ts';
import { factsOf, startFacts, type RequestFacts } from './request_facts.ts';
import { activeTraceId } from './spans.ts';

/** Too short for most tokens, should a caller put one there. */
const REQUEST_ID = /^[\w.:-]{1,64}$/;
const TRACE_PARENT = /^[\da-f]{2}-([\da-f]{32})-[\da-f]{16}-[\da-f]{2}$/;
const MAX_PATH = 200;
/**
 * Requests that are over are logged and counted so many at once, or those there are after a moment: in the midst of other work, one line
 * and one observation cost several times what they do right after others.
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
// Before the log writes what it still has.
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
  // After the answer, or when the connection is gone before its end.
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

/** At once: for a scrape of the metrics, and at the end of the process. */
export function flushRequests(): void {
  clearTimeout(flushing);
  flushing = undefined;
  const requests = concluded.splice(0);
  for (const { counted } of requests) countRequest(counted);
  if (!log.isLevelEnabled('info')) return;
  for (const { at, line } of requests) log.info({ time: new Date(at).toISOString(), ...line }, 'request');
}

/** Without what comes after the question mark. */
function pathOf({ originalUrl }: Request): string {
  const end = originalUrl.indexOf('?');
  return (end < 0 ? originalUrl : originalUrl.slice(0, end)).slice(0, MAX_PATH);
}

/** A pattern of ours, never what the caller wrote. */
function routeOf({ route }: Request, path: string): string {
  const pattern = (route as { path?: unknown } | undefined)?.path;
  if (typeof pattern === 'string') return pattern;
  return path === '/graphql' ? path : 'other';
}
