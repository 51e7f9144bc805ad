/** Calls of the gateway, and what can come of one. */
import { print } from '@0no-co/graphql.web';
import type { TadaDocumentNode } from 'gql.tada';
import { endSession, tokenNow } from './session.ts';

/**
 * `refused`: the service said no, and nothing has changed. `unanswered`: nobody knows, whoever asked has to look. `ended`: the token does not
 * count any more.
 */
export type Trouble = 'refused' | 'unanswered' | 'ended';

export class CallError extends Error {
  override name = 'CallError';
  readonly trouble: Trouble;
  readonly code: string;
  readonly detail: Record<string, unknown>;

  constructor(trouble: Trouble, code: string, message: string, detail: Record<string, unknown> = {}) {
    super(message);
    this.trouble = trouble;
    this.code = code;
    this.detail = detail;
  }
}

interface Answer {
  data?: unknown;
  errors?: { message: string; extensions?: { code?: string; detail?: Record<string, unknown> } }[];
}

const WITHIN_MS = 30_000;
/** What happened to the call is not known. */
const UNKNOWN = new Set(['RETRY', 'TIMEOUT', 'INTERNAL']);

export async function call<R, V>(document: TadaDocumentNode<R, V>, variables: V, signal?: AbortSignal): Promise<R> {
  const { response, answer } = await send(JSON.stringify({ query: print(document), variables }), signal);
  if (response.status === 401) {
    endSession('expired');
    throw new CallError('ended', 'UNAUTHENTICATED', 'Your session has ended.');
  }
  const [error] = answer.errors ?? [];
  if (error) {
    const { code = 'INTERNAL', detail = {} } = error.extensions ?? {};
    const isUnknown = UNKNOWN.has(code) || response.status >= 500;
    throw new CallError(isUnknown ? 'unanswered' : 'refused', code, error.message, detail);
  }
  if (answer.data === undefined) throw noAnswer(`The service answered with ${response.status}.`);
  return answer.data as R;
}

async function send(body: string, signal?: AbortSignal): Promise<{ response: Response; answer: Answer }> {
  const limit = AbortSignal.timeout(WITHIN_MS);
  try {
    const response = await fetch('/graphql', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${tokenNow() ?? ''}` },
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
