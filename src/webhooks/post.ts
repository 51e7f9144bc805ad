/** Sends one POST request, with limits of time and size, only to allowed addresses, and without following redirects. */
import dns from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';

export interface PostOptions {
  /** From the name's resolution to the headers of the answer. */
  timeoutMs: number;
  mayConnect: (address: string) => boolean;
  /** Aborts the request. */
  signal: AbortSignal;
}

export interface Answer {
  status: number;
  retryAfter: string | undefined;
}

/** Why there was no answer, in a word or two that may be shown: no text comes from the receiver. */
export class PostError extends Error {
  override name = 'PostError';
}

/** Only the status of the answer matters. So much of its body is read, so that the receiver can finish. */
const MOST_BYTES = 64 * 1024;
/** Resolving, connecting and TLS may each take this fraction of the time. */
const PARTS = 3;

/** Resolves with the headers of the answer. Uses no proxy. */
export function post(url: URL, headers: Record<string, string>, body: string, options: PostOptions): Promise<Answer> {
  const { timeoutMs, mayConnect, signal } = options;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) > 0 && !mayConnect(host)) return Promise.reject(new PostError('address refused'));
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const request = (url.protocol === 'https:' ? https : http).request(url, {
    method: 'POST',
    headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
    agent: false,
    lookup: lookupOf(mayConnect),
    signal,
  });
  const whole = setTimeout(() => request.destroy(new PostError('timeout')), timeoutMs);
  const part = limitOfParts(request, timeoutMs / PARTS);
  part.begin('name');
  request.once('socket', (socket) => {
    socket.once('lookup', () => part.begin('connect'));
    socket.once('connect', () => part.begin(url.protocol === 'https:' ? 'tls' : undefined));
    socket.once('secureConnect', () => part.begin(undefined));
  });
  request.once('response', (response) => {
    part.begin(undefined);
    resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'] });
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MOST_BYTES) request.destroy();
    });
    response.on('error', () => undefined);
  });
  request.once('close', () => {
    clearTimeout(whole);
    part.begin(undefined);
    reject(new PostError('connection closed'));
  });
  request.on('error', (error: NodeJS.ErrnoException) => {
    reject(error instanceof PostError ? error : new PostError(wordsOf(error), { cause: error }));
  });
  request.end(body);
  return promise;
}

/** Connects only to the addresses that were checked: a second resolution could return others (DNS rebinding). */
function lookupOf(mayConnect: PostOptions['mayConnect']): LookupFunction {
  return (hostname, options, callback) => {
    dns.lookup(hostname, { ...options, all: true }, (error, found) => {
      const [first, ...more] = error ? [] : found.filter(({ address }) => mayConnect(address));
      if (error) callback(error, '');
      else if (!first) callback(new PostError('address refused'), '');
      else if (options.all) callback(null, [first, ...more]);
      else callback(null, first.address, first.family);
    });
  };
}

function limitOfParts(request: http.ClientRequest, ms: number): { begin(part: string | undefined): void } {
  let timer: NodeJS.Timeout | undefined;
  return {
    begin: (part) => {
      clearTimeout(timer);
      timer = part === undefined ? undefined : setTimeout(() => request.destroy(new PostError(`timeout: ${part}`)), ms);
    },
  };
}

/** The error's code or class: its message may quote the receiver. */
function wordsOf({ code, name }: NodeJS.ErrnoException): string {
  return code ?? name;
}
