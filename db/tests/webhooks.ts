/** What the tests of webhooks share: calls of their functions, and a receiver that is a list. */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { newKey, type Database, type Session } from './helpers.ts';

export interface Message {
  id: string;
  kind: string;
  wallet_id: string;
  tries: number;
  url: string;
  body: string;
  secrets: string[];
}

export const URL_OF_TESTS = 'https://hooks.example/wallet';
const WITHIN_MS = 90_000;

/** Calls a function of the schema with named arguments. */
export async function ask<R extends object>(
  session: Session,
  name: string,
  args: Record<string, unknown> = {},
): Promise<R[]> {
  const given = Object.entries(args).filter(([, value]) => value !== undefined);
  const list = given.map(([key], index) => `"${key}" => $${index + 1}`).join(', ');
  const { rows } = await session.query<R & pg.QueryResultRow>(
    `select * from webhook.${name}(${list})`,
    given.map(([, value]) => value),
  );
  return rows;
}

/** A new endpoint, and its name. */
export async function newEndpoint(session: Session, args: Record<string, unknown> = {}): Promise<string> {
  const endpoint = `e${newKey().slice(4)}`;
  await ask(session, 'endpoint_create', { endpoint, url: URL_OF_TESTS, ...args });
  return endpoint;
}

export const collect = async (session: Session, endpoint: string, limit?: number): Promise<boolean> =>
  (await ask<{ collect: boolean }>(session, 'collect', { endpoint, limit }))[0]?.collect === true;

export const take = (session: Session, endpoint: string, most = 100, lost_after = '1 hour'): Promise<Message[]> =>
  ask<Message>(session, 'take', { endpoint, most, lost_after });

/** What came of it; what failed is due again at once, unless said. */
export async function settle(
  session: Session,
  endpoint: string,
  messages: readonly Message[],
  outcome: { failure?: string; pause_ms?: number; hold_ms?: number; gone?: boolean } = {},
): Promise<{ parked: number; paused: boolean }> {
  const outcomes = messages.map(({ id, tries }) => ({ id, tries, pause_ms: 0, ...outcome }));
  const [settled] = await ask<{ parked: number; paused: boolean }>(session, 'settle', {
    endpoint,
    outcomes: JSON.stringify(outcomes),
  });
  if (!settled) throw new Error('not settled');
  return settled;
}

/** Until it holds. Other test files run on the same server, and each open transaction there holds the feed back. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + WITHIN_MS; !(await holds()); await sleep(20))
    if (Date.now() > deadline) throw new Error(`not within ${WITHIN_MS} ms: ${what}`);
}

/** Collects until so many wait there. */
export async function collectAll(db: Session, session: Session, endpoint: string, count: number): Promise<void> {
  await until(`${count} webhooks wait`, async () => {
    while (await collect(session, endpoint));
    const { rowCount } = await db.query('select from webhook.deliveries where endpoint = $1', [endpoint]);
    return rowCount === count;
  });
}

/** Takes and delivers until nothing is due: the ids, in this order. */
export async function deliverAll(session: Session, endpoint: string): Promise<string[]> {
  const ids: string[] = [];
  for (;;) {
    const taken = await take(session, endpoint, 1);
    if (taken.length === 0) return ids;
    await settle(session, endpoint, taken);
    ids.push(...taken.map(({ id }) => id));
  }
}

/** A transaction with a number of its own that stays open until it is ended. */
export async function openTransaction(db: Database): Promise<pg.Client> {
  const session = await db.connect();
  await session.query('begin');
  await session.query('select pg_current_xact_id()');
  return session;
}
