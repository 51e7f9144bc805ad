/** Posts one text to one address: within limits of time and size, to addresses that are allowed, and never on to another one. */
import dns from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';

export interface PostOptions {
  /** From the look-up of the name to the answer's headers. */
  timeoutMs: number;
  /** Whether an address may be connected to. */
  mayConnect: (address: string) => boolean;
  /** Gives up. */
  signal: AbortSignal;
}

export interface Answer {
  status: number;
  retryAfter: string | undefined;
}

/** Why there was no answer, in a word or two that may be shown: nothing of it comes from the receiver. */
export class PostError extends Error {
  override name = 'PostError';
}

/** The answer's status alone counts. So much of what comes with it is read, so that the receiver can end. */
const MOST_BYTES = 64 * 1024;
/** Each part of a call has a limit of its own, too. */
const PARTS = 3;

/** Resolves with the headers of the answer. No proxy is asked, and no redirect followed. */
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

/** What is resolved is what is connected to, so that a name cannot mean one address here and another one there. */
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

/** The name of an error of the system or of a certificate; its text may quote the receiver. */
function wordsOf({ code, name }: NodeJS.ErrnoException): string {
  return code ?? name;
}
