/** Which pages of other origins may call: their browsers ask, and keep the answers from all others. */
import type { IncomingMessage } from 'node:http';
import type { RequestHandler } from 'express';
import { sendError } from '../errors.ts';

const METHODS = 'GET, HEAD, POST';
const REQUEST_HEADERS = 'Authorization, Content-Type, Accept, Wallet-Read, X-Request-Id, Traceparent';
/** What a page may read besides the answer itself. */
const ANSWER_HEADERS = [
  'Content-Disposition',
  'RateLimit-Limit',
  'RateLimit-Policy',
  'RateLimit-Remaining',
  'RateLimit-Reset',
  'Retry-After',
  'Wallet-Read',
  'Wallet-Staleness-Ms',
  'X-Request-Id',
].join(', ');
/** For how long a browser need not ask again. */
const MAX_AGE_S = '600';

/** Comes before the authenticator: a browser asks without a token. Tokens come in a header, so no credentials of a browser are taken. */
export function createCors(origins: readonly string[]): RequestHandler {
  return (req, res, next) => {
    const { origin } = req.headers;
    const isAllowed = origin !== undefined && origins.includes(origin);
    res.vary('Origin');
    if (isAllowed) {
      res.set('Access-Control-Allow-Origin', origin);
      res.set('Access-Control-Expose-Headers', ANSWER_HEADERS);
    }
    const isPreflight = req.method === 'OPTIONS' && req.headers['access-control-request-method'] !== undefined;
    if (!isPreflight || origin === undefined) {
      next();
      return;
    }
    if (!isAllowed) {
      sendError(res, 403, 'FORBIDDEN', 'forbidden: this origin is not one of CORS_ORIGINS');
      return;
    }
    res.set({
      'Access-Control-Allow-Methods': METHODS,
      'Access-Control-Allow-Headers': REQUEST_HEADERS,
      'Access-Control-Max-Age': MAX_AGE_S,
    });
    res.status(204).end();
  };
}

/** Whether a websocket may be opened: browsers say from where, and ask nobody; others say nothing. */
export function mayConnect({ headers }: IncomingMessage, origins: readonly string[]): boolean {
  const { origin, host } = headers;
  if (origin === undefined || origins.includes(origin)) return true;
  // Behind a proxy that speaks TLS, the scheme is another one here.
  return host !== undefined && URL.parse(origin)?.host === host.toLowerCase();
}
