/** Calls of the gateway, and what can come of one. */
import { print } from '@0no-co/graphql.web';
import type { TadaDocumentNode } from 'gql.tada';
import { endSession, tokenInsteadOf, tokenNow } from './session.ts';

/**
 * `refused`: the service said no, and nothing has changed. `unanswered`: nobody knows, whoever asked has to look. `ended`: the token does not
 * count any more.
 */
export type Trouble = 'refused' | 'unanswered' | 'ended';

interface Facts {
  detail?: Record<string, unknown> | undefined;
  /** What to do, in the words of the service. */
  hint?: string | undefined;
}

export class CallError extends Error {
  override name = 'CallError';
  readonly trouble: Trouble;
  readonly code: string;
  readonly detail: Record<string, unknown>;
  readonly hint: string | undefined;

  constructor(trouble: Trouble, code: string, message: string, { detail = {}, hint }: Facts = {}) {
    super(message);
    this.trouble = trouble;
    this.code = code;
    this.detail = detail;
    this.hint = hint;
  }
}

interface Answer {
  data?: unknown;
  errors?: { message: string; extensions?: Facts & { code?: string } }[];
}

const WITHIN_MS = 30_000;
/** What happened to the call is not known. */
const UNKNOWN = new Set(['RETRY', 'TIMEOUT', 'INTERNAL']);

export async function call<R, V>(
  document: TadaDocumentNode<R, V>,
  variables: V,
  signal?: AbortSignal,
  withinMs = WITHIN_MS,
): Promise<R> {
  const body = JSON.stringify({ query: print(document), variables });
  const token = tokenNow();
  let { response, answer } = await send(body, { token, signal, withinMs });
  if (response.status === 401) {
    // Refused before anything was done: with another token it is sent as it was.
    const other = await tokenInsteadOf(token);
    if (other !== undefined) ({ response, answer } = await send(body, { token: other, signal, withinMs }));
  }
  if (response.status === 401) {
    endSession('expired');
    throw new CallError('ended', 'UNAUTHENTICATED', 'Your session has ended.');
  }
  const [error] = answer.errors ?? [];
  if (error) {
    const { code = 'INTERNAL', detail, hint } = error.extensions ?? {};
    const isUnknown = UNKNOWN.has(code) || response.status >= 500;
    throw new CallError(isUnknown ? 'unanswered' : 'refused', code, error.message, { detail, hint });
  }
  if (answer.data === undefined) throw noAnswer(`The service answered with ${response.status}.`);
  return answer.data as R;
}

interface Sending {
  token: string | undefined;
  signal: AbortSignal | undefined;
  withinMs: number;
}

async function send(
  body: string,
  { token = '', signal, withinMs }: Sending,
): Promise<{ response: Response; answer: Answer }> {
  const limit = AbortSignal.timeout(withinMs);
  try {
    const response = await fetch('/graphql', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
      body,
      signal: signal ? AbortSignal.any([limit, signal]) : limit,
    });
    return { response, answer: (await response.json()) as Answer };
  } catch (error) {
    if (signal?.aborted) throw error;
    throw noAnswer('The service did not answer.');
  }
}

function noAnswer(message: string): CallError {
  return new CallError('unanswered', 'NO_ANSWER', message);
}
