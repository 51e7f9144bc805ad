/** One call: sent again, always the same, until it is answered or its time is over. */
import { OutcomeUnknown, Refused, type Answered } from './errors.ts';
import { sha256 } from './id.ts';

/** How a client reaches the service. */
export interface ClientOptions {
  /** The address of the service, such as `https://wallet.example`; `/graphql` is added. */
  url: string;
  /**
   * The token, without `Bearer`; or a function that gives it, asked before each try. It should keep a token as long as
   * that is good.
   */
  token: string | (() => string | Promise<string>);
  /** How long a call may take in all, with all its tries and pauses, in milliseconds: 30,000 if left out. */
  deadline?: number;
  /** How long a try is waited for before the same call is sent again, in milliseconds: 10,000 if left out. */
  tryTimeout?: number;
  /**
   * Sends the hash of each document in place of its text, for a service that answers known documents only. The service has
   * to be given the package's `documents.json`.
   */
  persisted?: boolean;
  /** Sends a request, in place of the global `fetch`. */
  fetch?: typeof fetch;
  /** The class of websockets for `changes`, where there is no global `WebSocket`: before Node 22, that of `ws`. */
  webSocket?: unknown;
}

/** What any call takes. */
export interface CallOptions {
  /** Gives the call up: it ends with `OutcomeUnknown`, as it may have been booked. */
  signal?: AbortSignal | undefined;
  /** In place of the client's, in milliseconds. */
  deadline?: number | undefined;
}

/** What the service answered; `inDoubt`: an earlier try got no final answer. */
export interface Answer<T> {
  data: T;
  inDoubt: boolean;
}

/** Sends a document and its variables; `keys` are those of what it books. */
export type Call = <T>(
  query: string,
  variables: Record<string, unknown>,
  options?: CallOptions,
  keys?: readonly string[],
) => Promise<Answer<T>>;

const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5_000;
/** Answers after which the same call is sent again: it was not booked, or it is not known. */
const AGAIN = /^(RETRY|TIMEOUT|INTERNAL|RATE_LIMITED)$/;
/** No connection was made. */
const NOT_SENT = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|E(HOST|NET)UNREACH|UND_ERR_CONNECT_TIMEOUT)$/;

/** How long to pause after so many tries, in milliseconds: anything up to a bound that doubles ("full jitter"). */
export function pauseAfter(tries: number, random = Math.random()): number {
  return random * Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** tries);
}

/** What sends the calls of a client. */
export function createCall(options: ClientOptions): Call {
  const { url, token, tryTimeout = 10_000 } = options;
  const address = `${url.replace(/\/+$/, '')}/graphql`;
  return async (query, variables, { signal, deadline = options.deadline ?? 30_000 } = {}, keys = []) => {
    const body = JSON.stringify({ ...(await named(options, query)), variables }, (_name, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    // Whether a try may have got to the service, and why the last one failed.
    let sent = false;
    let cause: unknown;
    const end = performance.now() + deadline;

    /** The data; or, where it is to be sent again, how many milliseconds to wait at least. */
    async function attempt(over: AbortSignal): Promise<Answer<never> | number> {
      const inDoubt = sent;
      const bearer = typeof token === 'string' ? token : await token();
      sent = true;
      const response = await (options.fetch ?? fetch)(address, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${bearer}` },
        body,
        signal: over,
      }).catch((error: unknown) => {
        if (NOT_SENT.test(String((error as { cause?: { code?: unknown } }).cause?.code))) sent = inDoubt;
        throw error;
      });
      const { status, headers } = response;
      if (status === 429) sent = inDoubt;
      const { data, errors } = await read(response);
      if (errors?.[0]) {
        cause = errors[0];
        if (!AGAIN.test(errors[0].extensions.code)) throw new Refused(errors[0], inDoubt);
      } else if (data) return { data: data as never, inDoubt };
      else cause = { message: answeredWith(status) };
      return retryAfter(headers.get('retry-after'));
    }

    return within(deadline, signal, async (over) => {
      for (let tries = 0; ; tries += 1) {
        let pause = 0;
        try {
          const answer = await within(tryTimeout, over, attempt);
          if (typeof answer !== 'number') return answer;
          pause = answer;
        } catch (error) {
          if (error instanceof Refused) throw error;
          cause = error;
        }
        pause += pauseAfter(tries);
        if (over.aborted || performance.now() + pause > end) throw cause;
        await within(pause, over, () => new Promise(() => undefined)).catch(() => undefined);
      }
    }).catch((error: unknown) => {
      throw error instanceof Refused
        ? error
        : new OutcomeUnknown(keys, sent, signal?.aborted ? signal.reason : (cause ?? error));
    });
  };
}

/** How a document is sent: as it is, or by its hash. */
export const named = async ({ persisted }: ClientOptions, query: string): Promise<object> =>
  persisted ? { documentId: await sha256(new TextEncoder().encode(query)) } : { query };

/** What an answer says. One that is not the service's own, such as a page of a load balancer, says it by its status. */
async function read(response: Response): Promise<{ data?: unknown; errors?: Answered[] }> {
  const { status } = response;
  const text = await response.text();
  try {
    const answer = JSON.parse(text) as { data?: unknown; errors?: Partial<Answered>[] };
    if (answer.data || answer.errors?.[0]?.extensions?.code) return answer as { errors?: Answered[] };
  } catch {
    // Cut off, or a page.
  }
  if (!/^4(?!08|29)/.test(String(status))) return {};
  return { errors: [{ message: answeredWith(status), extensions: { code: 'BAD_REQUEST' } }] };
}

const answeredWith = (status: number): string => `the service answered with ${status}`;

/** The milliseconds that a header asks to wait for, given as seconds or as a date. */
function retryAfter(header: string | null): number {
  return Math.max(0, Number(header) * 1_000 || Date.parse(header ?? '') - Date.now() || 0);
}

/** Runs `work` with a signal that comes after so many milliseconds, or with `outer`; it is over then, whatever `work` does. */
function within<T>(ms: number, outer: AbortSignal | undefined, work: (over: AbortSignal) => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const own = new AbortController();
    const end = (): void => {
      clearTimeout(timer);
      outer?.removeEventListener('abort', abort);
    };
    const abort = (): void => {
      end();
      own.abort();
      reject(new Error(`no answer within ${ms} ms`));
    };
    const timer = setTimeout(abort, ms);
    outer?.addEventListener('abort', abort);
    if (outer?.aborted) abort();
    else void work(own.signal).then(resolve, reject).finally(end);
  });
}
