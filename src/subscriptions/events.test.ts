import { setTimeout as sleep } from 'node:timers/promises';
import { call, newAsset, newKey, newWallet } from '../../db/tests/helpers.ts';
import { createGateway, errorOf, type Caller } from '../testing.ts';

const gateway = createGateway();

interface Event {
  cursor: string;
  transferId: string;
  kind: string;
}

const QUERY =
  'query ($after: String, $limit: Int) { ledgerEvents(after: $after, limit: $limit) { cursor transferId kind } }';
const LIMIT_MS = 60_000;

async function page(caller: Caller, after?: string, limit?: number): Promise<Event[]> {
  return (await caller.data<{ ledgerEvents: Event[] }>(QUERY, { after, limit })).ledgerEvents;
}

/** All events up to a transfer. The feed waits for the transactions of other tests. */
async function eventsUntil(caller: Caller, transfer: string, limit?: number): Promise<Event[]> {
  const events: Event[] = [];
  for (const deadline = Date.now() + LIMIT_MS; events.at(-1)?.transferId !== transfer;) {
    if (Date.now() > deadline) throw new Error(`no event of ${transfer}`);
    const more = await page(caller, events.at(-1)?.cursor, limit);
    events.push(...more);
    if (more.length === 0) await sleep(20);
  }
  return events;
}

describe('ledgerEvents', () => {
  const booked: string[] = [];
  beforeAll(async () => {
    const wallet_id = await newWallet(gateway.db, await newAsset(gateway.db));
    for (let n = 0; n < 120; n += 1) {
      const receipt = await call(gateway.db, 'wallet_top_up', { wallet_id, amount: 1, idem_key: newKey() });
      booked.push(receipt.transfer_id);
    }
  });

  it.each(['service', 'operator', 'auditor'] as const)(
    'can be read from cursor to cursor by the role %s',
    async (role) => {
      const events = await eventsUntil(gateway.as(role), booked.at(-1) ?? '', 50);

      expect(events.map(({ transferId }) => transferId)).toEqual(expect.arrayContaining(booked));
      expect(new Set(events.map(({ cursor }) => cursor)).size).toBe(events.length);
      expect(await page(gateway.as(role), events.at(-1)?.cursor)).toEqual([]);
    },
  );

  it('returns as many as requested, at most 1000, and 100 by default', async () => {
    const service = gateway.as('service');
    await eventsUntil(service, booked.at(-1) ?? '');

    expect(await page(service, undefined, 7)).toHaveLength(7);
    expect(await page(service)).toHaveLength(100);
    expect((await page(service, undefined, 1000)).length).toBeGreaterThanOrEqual(120);
    expect(await service.data('{ ledgerEvents(limit: 2) { kind } }')).toEqual({
      ledgerEvents: [{ kind: expect.any(String) as string }, { kind: expect.any(String) as string }],
    });
  });

  it.each([
    [{ limit: 0 }, 'limit must be a number from 1 to 1000', undefined],
    [{ limit: -1 }, 'limit must be a number from 1 to 1000', undefined],
    [{ limit: 1001 }, 'limit must be a number from 1 to 1000', undefined],
    [{ limit: null }, 'invalid argument: limit', { argument: 'limit' }],
    [{ after: 'x' }, 'invalid argument: after', { argument: 'after', reason: 'malformed' }],
    [
      { after: `9.1.${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}` },
      'invalid argument: after',
      { argument: 'after', reason: 'epoch', epoch: '1' },
    ],
  ])('refuses %j (INVALID_ARGUMENT)', async (variables, message, detail) => {
    const answer = await gateway.as('service').post(QUERY, variables);

    expect(answer.status).toBe(200);
    expect(errorOf(answer)).toMatchObject({
      message,
      extensions: { code: 'INVALID_ARGUMENT', ...(detail && { detail }) },
    });
  });

  it('refuses a player (FORBIDDEN)', async () => {
    expect(errorOf(await gateway.as('player').post(QUERY))).toMatchObject({ extensions: { code: 'FORBIDDEN' } });
  });

  it('counts as many objects as its limit', async () => {
    const ask = (times: number, limit: string) =>
      gateway
        .as('service')
        .post(
          `{ ${Array.from({ length: times }, (_, n) => `e${n}: ledgerEvents(limit: ${limit}) { kind }`).join(' ')} }`,
        );

    expect((await ask(25, '1000')).status).toBe(200);
    expect(errorOf(await ask(26, '1000')).message).toMatch(/^a query asks for at most 25000 objects/);
    expect((await ask(50, '500')).status).toBe(200);
  });
});
