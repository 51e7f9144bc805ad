/** The peer must be correct: figures of one that omits a guarantee would be worthless. */
import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Knex } from 'knex';
import { createDatabase } from '../../db/tests/helpers.ts';
import { signToken } from '../../src/dev/sign_token.ts';
import { AUTH } from '../../src/testing.ts';
import { createApp } from './app.ts';
import { connect } from './knex.ts';
import { createAsset, createSchema } from './schema.ts';
import type { Receipt, WalletView } from './wallet.ts';

describe.each([true, false])('the peer, lockHouse: %s', (lockHouse) => {
  const db = createDatabase();
  let knex: Knex;
  let server: Server;
  let url: string;

  beforeAll(async () => {
    knex = connect(db.url, 10);
    await createSchema(knex);
    await createAsset(knex, 'GOLD');
    await createAsset(knex, 'GEM');
    server = createApp(knex, AUTH, { lockHouse }).listen(0);
    url = `http://localhost:${(server.address() as AddressInfo).port}`;
  });

  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await knex.destroy();
  });

  interface Answer<T> {
    status: number;
    body: T;
  }

  async function request<T>(path: string, body?: object, token?: string): Promise<Answer<T>> {
    const authorization = `Bearer ${token ?? (await signToken(AUTH, { role: 'service', sub: 'test' }))}`;
    const response = await fetch(`${url}${path}`, {
      headers: { authorization, 'content-type': 'application/json' },
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as T };
  }

  const post = (path: string, body: object): Promise<Answer<Receipt & { code?: string }>> =>
    request(path, { idempotencyKey: randomUUID(), ...body });

  async function newAccount(balance: string, asset = 'GOLD'): Promise<string> {
    const [account] = await knex<{ id: string; type: string; owner_id: string; asset_code: string }>('accounts')
      .insert({ type: 'player', owner_id: randomUUID(), asset_code: asset })
      .returning('id');
    if (!account) throw new Error('no account');
    if (balance !== '0') await post('/top-ups', { accountId: account.id, amount: balance });
    return account.id;
  }

  async function balanceOf(id: string): Promise<string> {
    return (await request<WalletView>(`/wallets/${id}`)).body.balance;
  }

  function tally(answers: Answer<unknown>[]): Record<number, number> {
    const counts: Record<number, number> = {};
    for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
    return counts;
  }

  async function expectSound(): Promise<void> {
    const { rows } = await db.query(
      `select transaction_id from ledger_entries group by transaction_id having sum(amount) <> 0 or count(*) <> 2
     union all
     select a.id from accounts a join ledger_entries e on e.account_id = a.id
       where a.type = 'player' group by a.id having sum(e.amount) < 0`,
    );
    expect(rows).toEqual([]);
  }

  const times = <T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> =>
    Promise.all(Array.from({ length: count }, (_, index) => work(index)));

  it('tops up, spends and transfers, and shows the newest entries', async () => {
    const [alice, bob] = [await newAccount('1000'), await newAccount('0')];
    const spent = await post('/spends', { accountId: alice, amount: '300', metadata: { item: 'sword' } });
    expect(spent).toMatchObject({
      status: 201,
      body: { kind: 'spend', amount: '300', balance: '700', replayed: false },
    });
    const sent = await post('/transfers', { fromAccountId: alice, toAccountId: bob, amount: '200' });
    expect(sent).toMatchObject({ status: 201, body: { accountId: alice, kind: 'transfer', balance: '500' } });
    const { body } = await request<WalletView>(`/wallets/${alice}`);
    expect(body.balance).toBe('500');
    expect(body.entries.map(({ kind, amount }) => [kind, amount])).toEqual([
      ['transfer', '-200'],
      ['spend', '-300'],
      ['top_up', '1000'],
    ]);
    expect(await balanceOf(bob)).toBe('200');
  });

  it('never goes below zero with 50 parallel spends (INSUFFICIENT_FUNDS)', async () => {
    const accountId = await newAccount('1000');
    const answers = await times(50, () => post('/spends', { accountId, amount: '100' }));
    expect(tally(answers)).toEqual({ 201: 10, 422: 40 });
    expect(await balanceOf(accountId)).toBe('0');
    await expectSound();
  });

  it('books ten parallel requests with one key once', async () => {
    const accountId = await newAccount('1000');
    const idempotencyKey = randomUUID();
    const answers = await times(10, () => post('/spends', { accountId, amount: '100', idempotencyKey }));
    expect(tally(answers)).toEqual({ 201: 1, 200: 9 });
    expect(new Set(answers.map(({ body }) => body.transactionId)).size).toBe(1);
    expect(await balanceOf(accountId)).toBe('900');
    const other = await post('/spends', { accountId, amount: '101', idempotencyKey });
    expect(other).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_KEY_REUSED' } });
  });

  it('transfers in both directions at once without a deadlock', async () => {
    const accounts = [await newAccount('1000'), await newAccount('1000')];
    const answers = await times(40, (index) => {
      const [from, to] = index % 2 === 0 ? accounts : accounts.toReversed();
      return post('/transfers', { fromAccountId: from, toAccountId: to, amount: '10' });
    });
    expect(tally(answers)).toEqual({ 201: 40 });
    expect(await Promise.all(accounts.map(balanceOf))).toEqual(['1000', '1000']);
    await expectSound();
  });

  it('refuses by name, and the key can be used again', async () => {
    const [gold, gem] = [await newAccount('100'), await newAccount('100', 'GEM')];
    const idempotencyKey = randomUUID();
    const refusals: [string, object, number, string][] = [
      ['/spends', { accountId: gold, amount: '101', idempotencyKey }, 422, 'INSUFFICIENT_FUNDS'],
      ['/spends', { accountId: gold, amount: 'NaN' }, 400, 'INVALID_AMOUNT'],
      ['/spends', { accountId: gold, amount: '0' }, 400, 'INVALID_AMOUNT'],
      ['/spends', { accountId: gold, amount: 1 }, 400, 'INVALID_AMOUNT'],
      ['/spends', { accountId: 'gold', amount: '1' }, 400, 'INVALID_ID'],
      ['/spends', { accountId: randomUUID(), amount: '1' }, 404, 'ACCOUNT_NOT_FOUND'],
      ['/transfers', { fromAccountId: gold, toAccountId: gold, amount: '1' }, 400, 'SAME_ACCOUNT'],
      ['/transfers', { fromAccountId: gold, toAccountId: gem, amount: '1' }, 422, 'ASSET_MISMATCH'],
      ['/spends', { accountId: gold, amount: '1', idempotencyKey: '' }, 400, 'INVALID_KEY'],
    ];
    for (const [path, body, status, code] of refusals)
      expect(await post(path, body)).toMatchObject({ status, body: { code } });
    expect((await post('/spends', { accountId: gold, amount: '1', idempotencyKey })).status).toBe(201);
  });

  it('needs a token, and shows players only their own wallets', async () => {
    const id = await newAccount('100');
    expect((await request(`/wallets/${id}`, undefined, 'none')).status).toBe(401);
    const player = await signToken(AUTH, { role: 'player', sub: 'somebody else' });
    expect((await request(`/wallets/${id}`, undefined, player)).status).toBe(404);
    expect((await request('/top-ups', { accountId: id, amount: '1', idempotencyKey: 'k' }, player)).status).toBe(403);
  });
});
