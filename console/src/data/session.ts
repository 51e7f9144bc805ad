/** Who is here. The token lives as long as the tab. */
import { useSyncExternalStore } from 'react';

export type Role = 'player' | 'service' | 'operator' | 'auditor';

export interface Session {
  token: string;
  role: Role;
  sub: string;
  expiresAt: string;
}

export interface Settings {
  oidc: { authority: string; clientId: string } | null;
  /** Those that one may take on without further question: in development, on this machine. */
  roles: Role[];
}

interface State {
  session: Session | undefined;
  /** Why there is none any more. */
  ended: 'expired' | undefined;
}

const KEY = 'wallet.session';
const listeners = new Set<() => void>();
let state: State = { session: stored(), ended: undefined };

export function useSession(): State {
  return useSyncExternalStore(subscribe, () => state);
}

export function tokenNow(): string | undefined {
  return state.session?.token;
}

/** Asks the service whose the token is, so that nothing here has to read it. */
export async function beginSession(token: string): Promise<void> {
  const response = await fetch('/console/me', {
    headers: { Authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(10_000),
  });
  if (response.status === 401) throw new Error('The service does not take this token.');
  if (!response.ok) throw new Error(`The service answered with ${response.status}.`);
  const session = { token, ...((await response.json()) as Omit<Session, 'token'>) };
  sessionStorage.setItem(KEY, JSON.stringify(session));
  set({ session, ended: undefined });
}

export function endSession(reason?: 'expired'): void {
  sessionStorage.removeItem(KEY);
  set({ session: undefined, ended: reason });
}

export async function readSettings(): Promise<Settings> {
  const response = await fetch('/console/settings.json', { signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`The service answered with ${response.status}.`);
  return (await response.json()) as Settings;
}

/** For development. */
export async function takeRole(role: Role): Promise<void> {
  const response = await fetch('/console/token', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ role }),
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) throw new Error(`The service answered with ${response.status}.`);
  await beginSession(((await response.json()) as { token: string }).token);
}

/** Called before anything is shown to the next one. */
export function onSessionEnd(listener: () => void): void {
  subscribe(() => {
    if (!state.session) listener();
  });
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function set(next: State): void {
  state = next;
  for (const listener of listeners) listener();
}

function stored(): Session | undefined {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? 'null') as Session | null;
    return kept ?? undefined;
  } catch {
    return undefined;
  }
}
