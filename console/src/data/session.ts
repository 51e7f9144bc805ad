/** Who is here. The token lives as long as the tab. */
import { useSyncExternalStore } from 'react';

export type Role = 'player' | 'service' | 'operator' | 'auditor';

export interface Session {
  token: string;
  role: Role;
  sub: string;
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
  /** Why nobody could log in. */
  problem?: string;
}

/** The service does not take the token: nobody is logged in with it. */
export class TokenRefused extends Error {
  override name = 'TokenRefused';
}

const KEY = 'wallet.session';
const listeners = new Set<() => void>();
let state: State = { session: stored(), ended: undefined };

export function useSession(): State {
  return useSyncExternalStore(subscribe, () => state);
}

/** What is kept for somebody is shown to nobody else. */
export function useWho(): string {
  const { session } = useSession();
  return session ? `${session.role}:${session.sub}` : '';
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
  if (response.status === 401) throw new TokenRefused('The service does not take this token.');
  if (!response.ok) throw new Error(`The service answered with ${response.status}.`);
  const session = { token, ...((await response.json()) as Omit<Session, 'token'>) };
  const before = state.session;
  // What one has seen and may do is not another's.
  if (before && (before.sub !== session.sub || before.role !== session.role)) endSession();
  keep(session);
}

/** The same person with a new token: what is shown stays, and so does what is being typed. */
export async function renewWith(token: string): Promise<void> {
  if (!state.session) return;
  keep({ ...state.session, token });
  await beginSession(token).catch((error: unknown) => {
    if (error instanceof TokenRefused) endSession('expired');
  });
}

let renewal: (() => Promise<boolean>) | undefined;

/** How a new token is got, where whoever gave the first gives others. */
export function setRenewal(renew: () => Promise<boolean>): void {
  renewal = renew;
}

/** One that counts instead of one that does no more; undefined where there is none. */
export async function tokenInsteadOf(refused: string | undefined): Promise<string | undefined> {
  if (tokenNow() === refused && !(await renewal?.())) return undefined;
  return tokenNow();
}

function keep(session: Session): void {
  sessionStorage.setItem(KEY, JSON.stringify(session));
  set({ session, ended: undefined });
}

export function endSession(reason?: 'expired'): void {
  sessionStorage.removeItem(KEY);
  set({ session: undefined, ended: reason });
}

export function failLogIn(problem: string): void {
  set({ session: undefined, ended: undefined, problem });
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
