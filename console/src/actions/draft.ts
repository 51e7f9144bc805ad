/**
 * What somebody is about to do, kept by the tab until its outcome is known: also over a reload. Its idempotency key is made once; whatever is
 * sent for it, again or changed, carries that key, so that it is booked once at most.
 */

export interface Draft {
  key: string;
  values: Record<string, string>;
  /** It was sent, and no answer has been seen. */
  isSent: boolean;
  /** What it was said to do when it was sent. */
  sentence?: string;
}

export function draftOf(scope: string, values: Record<string, string>): Draft {
  try {
    const kept = JSON.parse(sessionStorage.getItem(name(scope)) ?? 'null') as Draft | null;
    if (kept) return kept;
  } catch {
    // A new one then.
  }
  return { key: newKey(), values, isSent: false };
}

export function keepDraft(scope: string, draft: Draft): void {
  sessionStorage.setItem(name(scope), JSON.stringify(draft));
}

export function dropDraft(scope: string): void {
  sessionStorage.removeItem(name(scope));
}

function name(scope: string): string {
  return `wallet.draft.${scope}`;
}

function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `console-${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
