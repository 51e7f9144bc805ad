import { randomUUID } from 'node:crypto';
import { newKey, newWallet, someAsset, UNKNOWN_WALLET } from '../../db/tests/helpers.ts';
import { createGateway, errorOf, execute, linesOfLog, type Gateway } from '../testing.ts';

const gateway = createGateway();
const { db } = gateway;
const service = gateway.as('service', 'shop');

const SPEND = 'mutation ($input: WalletSpendInput!) { walletSpend(input: $input) { receipt { seq } } }';

type Line = Record<string, unknown>;

async function lineOf(id: string, { child }: Gateway = gateway): Promise<Line> {
  const [found] = await child.prints(new RegExp(`^\\{.*"request_id":"${id}".*$`, 'm'));
  return JSON.parse(found) as Line;
}

async function ask(
  path: string,
  init: { method?: string; headers?: Record<string, string>; body?: string } = {},
  caller = service,
): Promise<{ response: Response; text: string; line: Line }> {
  const id = randomUUID();
  const response = await caller.fetch(path, { ...init, headers: { ...init.headers, 'X-Request-Id': id } });
  const text = await response.text();
  return { response, text, line: await lineOf(id) };
}

const graphql = (body: object, headers: Record<string, string> = {}, caller = service) =>
  ask(
    '/graphql',
    { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) },
    caller,
  );

async function spend(amount: string, bought = 10): Promise<object> {
  return { walletId: await newWallet(db, await someAsset(db), { bought }), amount, idemKey: newKey() };
}

/** The output of a process that exits right after its second request, with more code before both and after each. */
const served = (before = '', after = '') =>
  execute(process.execPath, [
    '--input-type=module',
    '-e',
    `import express from 'express';
     import { configureLog } from './src/observability/log.ts';
     import { observe } from './src/observability/observe.ts';
     configureLog({ logLevel: 'info', production: true });
     ${before}
     const app = express().use(observe).use((req, res) => {
       res.on('close', () => {
         ${after}
         if (req.path === '/last') process.exit(3);
       });
       res.end();
     });
     const server = app.listen(0, async () => {
       for (const path of ['first', 'last']) await fetch('http://localhost:' + server.address().port + '/' + path);
     });`,
  ]);

describe('the line of a request', () => {
  it('has the actor, the outcome, the duration and the size', async () => {
    const { line, text } = await graphql({ query: SPEND, variables: { input: await spend('1') } });

    expect(line).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      service: 'wallet-service',
      request_id: expect.any(String) as string,
      method: 'POST',
      path: '/graphql',
      status: 200,
      actor: 'service:shop',
      operation: 'walletSpend',
      outcome: 'ok',
      duration_ms: expect.any(Number) as number,
      bytes: expect.any(Number) as number,
      msg: 'request',
    });
    expect(line.duration_ms).toBeGreaterThan(0);
    expect(line.bytes).toBeGreaterThan(text.length);
    expect(line.bytes).toBeLessThan(text.length + 1000);
  });

  it.each([
    ['its name', 'query Balance { wallets { nodes { id } } }', 'Balance'],
    [
      'its fields, not what they are called',
      '{ a: wallets { nodes { id } } b: assets { nodes { code } } }',
      'wallets,assets',
    ],
    [
      'fields in fragments',
      '{ ... on Query { ...F } } fragment F on Query { assets { nodes { code } } ...F2 } fragment F2 on Query { __typename }',
      'assets,__typename',
    ],
    ['the start of a long name', `query ${'x'.repeat(90)} { __typename }`, 'x'.repeat(60)],
  ])('names the operation by %s', async (_what, query, operation) => {
    expect((await graphql({ query })).line).toMatchObject({ operation, outcome: 'ok' });
  });

  it.each([
    [
      'a refusal',
      200,
      'INSUFFICIENT_FUNDS',
      async () => graphql({ query: SPEND, variables: { input: await spend('11') } }),
    ],
    [
      'several refusals',
      200,
      'INVALID_AMOUNT,WALLET_NOT_FOUND',
      () =>
        graphql({
          query: `mutation { ${[0, 1, 0, 1].map((amount, nth) => `s${nth}: walletSpend(input: {walletId: "${UNKNOWN_WALLET}", amount: ${amount}, idemKey: "k"}) { receipt { seq } }`).join(' ')} }`,
        }),
    ],
    [
      'what the role may not do',
      200,
      'FORBIDDEN',
      async () => graphql({ query: SPEND, variables: { input: await spend('1') } }, {}, gateway.as('player')),
    ],
    ['a document that cannot be read', 400, 'BAD_REQUEST', () => graphql({ query: '{' })],
    ['a document with a field that is not there', 400, 'BAD_REQUEST', () => graphql({ query: '{ nothing }' })],
    [
      'a body that cannot be read',
      400,
      'BAD_REQUEST',
      () => ask('/graphql', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{' }),
    ],
    ['no token', 401, 'UNAUTHENTICATED', () => graphql({ query: SPEND }, {}, gateway.with(undefined))],
    ['what is not there', 404, 'NOT_FOUND', () => ask('/nothing?secret=1')],
    [
      'a download of a wallet that is not there',
      404,
      'WALLET_NOT_FOUND',
      () => ask(`/wallets/${UNKNOWN_WALLET}/history.csv`),
    ],
  ])('has the outcome of %s', async (_what, status, outcome, send) => {
    expect((await send()).line).toMatchObject({ level: 'info', status, outcome });
  });

  it('and the error have the id that the caller received', async () => {
    const input = await spend('1');
    await db.query('alter function ledger_private.actor() rename to actor_hidden');

    const { line, text } = await graphql({ query: SPEND, variables: { input } }).finally(() =>
      db.query('alter function ledger_private.actor_hidden() rename to actor'),
    );

    const { extensions } = errorOf({ status: 200, body: JSON.parse(text) as never });
    expect(line).toMatchObject({ outcome: 'INTERNAL', error_id: extensions.id });
    expect(await gateway.child.complains(extensions.id ?? '')).toContainEqual(
      expect.objectContaining({ level: 'error', error_id: extensions.id, place: 'walletSpend' }),
    );
  });

  it('records that the client disconnected', async () => {
    const id = randomUUID();
    const blocker = await db.connect();
    const input = await spend('1');
    await blocker.query('begin');
    await blocker.query('select from ledger.wallets where id = $1 for update', [
      (input as { walletId: string }).walletId,
    ]);
    const leaving = new AbortController();
    const gone = service.fetch('/graphql', {
      method: 'POST',
      signal: leaving.signal,
      headers: { 'Content-Type': 'application/json', 'X-Request-Id': id },
      body: JSON.stringify({ query: SPEND, variables: { input } }),
    });
    for (let waits = 0; waits === 0;) {
      const { rows } = await db.query<{ waits: number }>(
        "select count(*)::int as waits from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      waits = rows[0]?.waits ?? 0;
    }
    leaving.abort();
    await expect(gone).rejects.toThrow();

    expect(await lineOf(id)).toMatchObject({ outcome: 'aborted', operation: 'walletSpend' });
    await blocker.query('rollback');
  });

  it('has the time of its request, though several lines are written together', async () => {
    const { stdout } = await served(
      "let now = Date.parse('2001-01-01T00:00:00Z'); Date.now = () => now;",
      'now += 5000;',
    );

    expect(linesOfLog(stdout).map(({ path, time }) => [path, time])).toEqual([
      ['/first', '2001-01-01T00:00:00.000Z'],
      ['/last', '2001-01-01T00:00:05.000Z'],
    ]);
  });

  it('is written before the process exits, however soon that is', async () => {
    const { code, stdout } = await served();

    expect(code).toBe(3);
    expect(linesOfLog(stdout).map(({ path }) => path)).toEqual(['/first', '/last']);
  });

  it('is not written for health checks', async () => {
    for (const path of ['/healthz', '/readyz', '/metrics']) {
      const response = await gateway
        .with(undefined)
        .fetch(path, { headers: { 'X-Request-Id': `asks-${path.slice(1)}` } });
      expect(response.status).toBe(200);
    }
    await ask('/nothing');

    expect(gateway.child.stdout).not.toMatch(/asks-|healthz|readyz|metrics/);
  });
});

describe('the id of a request', () => {
  it.each(['abc', randomUUID(), 'a.b:c_d-e', 'x'.repeat(64)])('is that of the request: %s', async (id) => {
    const response = await service.fetch('/nothing', { headers: { 'X-Request-Id': id } });

    expect(response.headers.get('x-request-id')).toBe(id);
    expect(await lineOf(id)).toMatchObject({ status: 404 });
  });

  it.each(['', 'a b', 'x'.repeat(65), 'ä', '{"a":1}', 'a,b'])('is a new one instead of the invalid %s', async (id) => {
    const response = await service.fetch('/nothing', { headers: { 'X-Request-Id': id } });

    expect(response.headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/);
  });

  it('comes with the trace id, if the caller has one', async () => {
    const trace = randomUUID().replaceAll('-', '');

    const { line } = await graphql({ query: '{ __typename }' }, { traceparent: `00-${trace}-00f067aa0ba902b7-01` });
    const { line: bad } = await graphql({ query: '{ __typename }' }, { traceparent: `00-${trace}-1` });

    expect(line.trace_id).toBe(trace);
    expect(bad).not.toHaveProperty('trace_id');
  });
});

describe("the service's output", () => {
  it('contains no token, variable, metadata, query string, header or body', async () => {
    const canary = `canary${randomUUID().replaceAll('-', '')}`;
    const input = { ...(await spend('1')), idemKey: canary, metadata: { secret: canary } };
    const headers = { 'User-Agent': canary, Cookie: canary, 'X-Forwarded-For': canary };
    const json = { 'Content-Type': 'application/json' };
    const literal = `mutation { walletSpend(input: {walletId: "${UNKNOWN_WALLET}", amount: "${canary}", idemKey: "${canary}"}) { receipt { seq } } }`;
    const strangers = gateway.with(`${canary}.${canary}.${canary}`);

    const answers = [
      await graphql({ query: SPEND, variables: { input } }, headers),
      await graphql({ query: SPEND, variables: { input: { ...input, walletId: canary } } }),
      await graphql({ query: SPEND, variables: { input: { ...input, amount: canary } } }),
      await graphql({ query: SPEND, variables: { input: { ...input, [canary]: 1 } } }),
      await graphql({ query: SPEND, variables: { input }, operationName: canary }),
      await graphql({ query: SPEND, variables: canary, extensions: canary }),
      await graphql({ query: literal }),
      await graphql({ query: `{ ${canary} }` }),
      await graphql({ query: `{ "${canary}` }),
      await graphql({ query: [canary] }),
      await ask('/graphql', { method: 'POST', headers: json, body: `{"query": "${canary}` }),
      await ask('/graphql', { method: 'POST', headers: { 'Content-Type': canary }, body: canary }),
      await ask(`/graphql?access_token=${canary}`, { method: 'POST', headers: json, body: '{}' }),
      await ask(`/wallets/x/history.csv?token=${canary}`),
      await graphql({ query: SPEND, variables: { input } }, {}, strangers),
      await graphql({ query: SPEND, variables: { input } }, { traceparent: canary, tracestate: canary }),
    ];
    await db.query('alter function ledger_private.actor() rename to actor_hidden');
    const internal = await graphql({ query: SPEND, variables: { input: { ...input, idemKey: `${canary}2` } } }).finally(
      () => db.query('alter function ledger_private.actor_hidden() rename to actor'),
    );

    expect(answers.map(({ response }) => response.status)).not.toContain(500);
    expect(internal.line).toMatchObject({ outcome: 'INTERNAL' });
    const { stdout, stderr } = gateway.child;
    expect(stdout + stderr).not.toContain(canary);
    // All output is log lines: nothing bypasses the log.
    for (const line of `${stdout}${stderr}`.trim().split('\n')) expect(line).toMatch(/^(Listening on \S+$|\{.*\}$)/);
  });
});
