/** Sends a webhook in the format of Standard Webhooks and returns its outcome. */
import { Webhook } from 'standardwebhooks';
import type { WebhookConfig } from '../config.ts';
import { createJudge, isPublic } from './addresses.ts';
import { post, PostError } from './post.ts';
import { askedPause, pauseAfter } from './retries.ts';

export interface Message {
  id: string;
  kind: string;
  wallet_id: string;
  tries: number;
  url: string;
  body: string | null;
  secrets: string[];
}

export interface Outcome {
  id: string;
  tries: number;
  /** Why it failed; null if it was delivered. */
  failure: string | null;
  pause_ms?: number;
  hold_ms?: number | undefined;
  gone?: boolean;
}

export type Send = (message: Message, signal: AbortSignal) => Promise<Outcome>;

/** Statuses after which the receiver may ask for a pause. */
const BUSY = [429, 503];
const GONE = 410;

export function createSend({ allowedNetworks, timeoutMs, firstRetryMs }: WebhookConfig): Send {
  const isAllowed = createJudge(allowedNetworks);
  const mayConnect = (address: string): boolean => isAllowed(address) || isPublic(address);

  async function answerOf(message: Message, signal: AbortSignal): Promise<{ failure: string | null; holdMs?: number }> {
    const url = URL.parse(message.url);
    if (!url || message.body === null) return { failure: url ? 'nothing to tell' : 'address unreadable' };
    const isSafe = url.protocol === 'https:';
    const { status, retryAfter } = await post(url, headersOf(message.id, message.body, message.secrets), message.body, {
      timeoutMs,
      // Without TLS, only to networks that are allowed explicitly.
      mayConnect: isSafe ? mayConnect : isAllowed,
      signal,
    });
    if (status >= 200 && status < 300) return { failure: null };
    const holdMs = BUSY.includes(status) ? askedPause(retryAfter) : undefined;
    return { failure: `status ${status}`, ...(holdMs !== undefined && { holdMs }) };
  }

  return async (message, signal) => {
    const { id, tries } = message;
    try {
      const { failure, holdMs } = await answerOf(message, signal);
      if (failure === null) return { id, tries, failure };
      const pause_ms = Math.max(pauseAfter(tries, firstRetryMs), holdMs ?? 0);
      return { id, tries, failure, pause_ms, hold_ms: holdMs, gone: failure === `status ${GONE}` };
    } catch (error) {
      if (!(error instanceof PostError)) throw error;
      return { id, tries, failure: error.message, pause_ms: pauseAfter(tries, firstRetryMs) };
    }
  };
}

/** Signs with each secret: while a secret is being replaced, the receiver may know only one of them. */
export function headersOf(id: string, body: string, secrets: readonly string[], now = new Date()) {
  return {
    'content-type': 'application/json',
    'user-agent': 'wallet-service',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, now, body)).join(' '),
  };
}
