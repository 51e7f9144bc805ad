import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { SignJWT } from 'jose';
import { createClient, type Client } from 'graphql-ws';
import { WebSocket } from 'ws';
import { call, newAsset, newKey, newOwner, newWallet, someAsset, UNKNOWN_WALLET } from '../../db/tests/helpers.ts';
import type { Role } from '../auth.ts';
import { signToken } from '../dev/sign_token.ts';
import { parseMetrics, valueOf } from '../observability/testing_metrics.ts';
import { AUTH, createGateway, Gateway, type GraphqlError } from '../testing.ts';

interface Event {
  seq: string;
  balance: string;
  entries: { nodes: { seq: string; kind: string }[] };
}
interface Result {
  data?: { walletChanged: { wallet: Event } | null } | null;
  errors?: GraphqlError[];
}
interface Close {
  code: number;
  reason: string;
}

/** Test files share a server, and each open transaction there delays the feed. */
const WAIT_MS = 60_000;
const QUERY = `subscription ($id: UUID!) {
  walletChanged(walletId: $id) { wallet { seq balance entries(first: 1) { nodes { seq kind } } } }
}`;

const gateway = createGateway();
const { db } = gateway;

let open: Socket[] = [];
afterEach(() => {
  for (const socket of open) socket.end();
  open = [];
});

/** A client as in browsers and services, but without reconnecting. */
class Socket {
  readonly client: Client;
  readonly closed: Promise<Close>;
  readonly acknowledged: Promise<unknown>;

  constructor({ url }: Gateway, authorization: unknown) {
    const closed = Promise.withResolvers<Close>();
    const acknowledged = Promise.withResolvers<unknown>();
    this.closed = closed.promise;
    this.acknowledged = acknowledged.promise;
    this.client = createClient({
      url: `${url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization },
      retryAttempts: 0,
      lazy: false,
      onNonLazyError: () => undefined,
      on: {
        connected: acknowledged.resolve,
        closed: (event) => {
          const { code, reason } = event as Close;
          closed.resolve({ code, reason });
        },
      },
    });
    open.push(this);
  }

  subscribe(query: string, variables: Record<string, unknown> = {}): Subscription {
    return new Subscription(this.client, query, variables);
  }

  wallet(id: string): Subscription {
    return this.subscribe(QUERY, { id });
  }

  end(): void {
    void this.client.dispose();
  }
}

class Subscription {
  readonly results: Result[] = [];
  /** How the subscription ended: completed, with errors, or by the close of the socket. */
  ended: unknown;
  readonly stop: () => void;

  constructor(client: Client, query: string, variables: Record<string, unknown>) {
    this.stop = client.subscribe(
      { query, variables },
      {
        next: (result) => this.results.push(result as unknown as Result),
        error: (error) => (this.ended = error),
        complete: () => (this.ended ??= 'complete'),
      },
    );
  }

  get wallets(): Event[] {
    return this.results.map(({ data }) => data?.walletChanged?.wallet).filter((wallet) => wallet !== undefined);
  }

  /** Waits for an event with this balance; others may come before it. */
  async shows(balance: number | string): Promise<Event> {
    return eventually(
      () => this.wallets.find((wallet) => wallet.balance === String(balance)),
      `a balance of ${balance}`,
    );
  }

  async refused(): Promise<GraphqlError> {
    await eventually(() => this.ended, 'an end');
    const [error, ...more] = Array.isArray(this.ended)
      ? (this.ended as GraphqlError[])
      : (this.results.at(-1)?.errors ?? []);
    if (!error || more.length > 0) throw new Error(`not one error: ${JSON.stringify([this.results, this.ended])}`);
    return error;
  }
}

async function eventually<T>(look: () => T | undefined | Promise<T | undefined>, what: string): Promise<T> {
  for (const deadline = Date.now() + WAIT_MS; Date.now() < deadline; await sleep(10)) {
    const found = await look();
    if (found !== undefined) return found;
  }
  throw new Error(`no ${what}`);
}

async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  return Promise.race([
    promise,
    sleep(WAIT_MS, undefined, { ref: false }).then(() => {
      throw new Error(`no ${what}`);
    }),
  ]);
}

const bearer = async (role: Role, sub: string): Promise<string> => `Bearer ${await signToken(AUTH, { role, sub })}`;

async function connect(role: Role, sub: string, to = gateway): Promise<Socket> {
  const socket = new Socket(to, await bearer(role, sub));
  await within(socket.acknowledged, 'acknowledgement');
  return socket;
}

async function walletOf(owner: string, bought = 100): Promise<string> {
  return newWallet(db, await someAsset(db), { bought, owner });
}

/** A websocket whose every frame the test writes. */
async function rawSocket(): Promise<WebSocket> {
  const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws']);
  await within(once(socket, 'open'), 'open socket');
  return socket;
}

async function closeOf(socket: WebSocket): Promise<Close> {
  const { promise, resolve } = Promise.withResolvers<Close>();
  socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  return within(promise, 'close');
}

async function rawConnection(role: Role = 'service', sub = newOwner()): Promise<WebSocket> {
  const socket = await rawSocket();
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: await bearer(role, sub) } }));
  await within(once(socket, 'message'), 'acknowledgement');
  return socket;
}

const subscribeMessage = (id: string, query: unknown, variables: unknown = {}): string =>
  JSON.stringify({ id, type: 'subscribe', payload: { query, variables } });

async function isServing(): Promise<boolean> {
  const { body } = await gateway.as('service').post('{ __typename }');
  return body.data?.__typename === 'Query';
}

describe('a subscription', () => {
  it.each<[Role]>([['service'], ['operator'], ['auditor']])(
    'is allowed to the role %s for the wallet of any player',
    async (role) => {
      const socket = await connect(role, 'somebody');

      expect(await socket.wallet(await walletOf(newOwner())).shows(100)).toMatchObject({ balance: '100' });
    },
  );

  it("is allowed to a player for their own wallet; another's does not exist for them (WALLET_NOT_FOUND)", async () => {
    const owner = newOwner();
    const socket = await connect('player', owner);
    const other = await walletOf(newOwner());

    await socket.wallet(await walletOf(owner)).shows(100);
    const hidden = await socket.wallet(other).refused();
    const unknown = await socket.wallet(UNKNOWN_WALLET).refused();

    expect(hidden.extensions.code).toBe('WALLET_NOT_FOUND');
    expect(JSON.stringify(unknown).replaceAll(UNKNOWN_WALLET, other)).toBe(JSON.stringify(hidden));
  });

  it('may have its token in the header of the request, if the client can set it', async () => {
    const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'], {
      headers: { authorization: await bearer('service', 'shop') },
    });
    await within(once(socket, 'open'), 'open socket');
    socket.send('{"type":"connection_init"}');

    const [message] = (await within(once(socket, 'message'), 'message')) as [Buffer];

    expect(JSON.parse(message.toString())).toEqual({ type: 'connection_ack' });
    socket.close();
  });

  it('may name the wallet in capitals', async () => {
    const owner = newOwner();
    const wallet = await walletOf(owner);
    const events = (await connect('player', owner)).wallet(wallet.toUpperCase());
    await events.shows(100);

    await call(db, 'wallet_spend', { wallet_id: wallet, amount: 1, idem_key: newKey() });

    await events.shows(99);
  });

  it.each<[string, () => unknown]>([
    ['none', () => undefined],
    ['an empty one', () => ''],
    ['no text', () => ({ Bearer: 'me' })],
    ['a made-up one', () => 'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSIsInJvbGUiOiJzZXJ2aWNlIn0.'],
    ['one of another secret', () => signWith('another secret of thirty-two bytes', 60)],
    ['one that has expired', () => signWith(AUTH.secret, -60)],
    ['one without the word Bearer', async () => (await signWith(AUTH.secret, 60)).replace('Bearer ', '')],
  ])('needs a valid token (4401): %s', async (_what, token) => {
    const socket = new Socket(gateway, await token());

    expect(await within(socket.closed, 'close')).toEqual({ code: 4401, reason: 'Unauthorized' });
  });

  it('ends when the token expires', async () => {
    const wallet = await walletOf(newOwner());
    // The clock tolerance of ten seconds counts: six seconds are left for what takes tenths of one.
    const socket = new Socket(gateway, await signWith(AUTH.secret, -4));
    await within(socket.acknowledged, 'acknowledgement');
    const events = socket.wallet(wallet);
    await events.shows(100);

    expect(await within(socket.closed, 'close')).toEqual({ code: 4403, reason: 'Token expired' });
  });
});

describe('a subscriber', () => {
  it('gets events of its wallet, booked over any interface, and no others', async () => {
    const [owner, other] = [newOwner(), newOwner()];
    const [wallet, others] = [await walletOf(owner), await walletOf(other)];
    const mine = (await connect('player', owner)).wallet(wallet);
    const theirs = (await connect('player', other)).wallet(others);
    await Promise.all([mine.shows(100), theirs.shows(100)]);

    await call(db, 'wallet_spend', { wallet_id: wallet, amount: 10, idem_key: newKey() });
    expect(await mine.shows(90)).toEqual({
      seq: '2',
      balance: '90',
      entries: { nodes: [{ seq: '2', kind: 'spend' }] },
    });
    await gateway.as('service').receipt('walletTopUp', { walletId: wallet, amount: '5', idemKey: newKey() });
    expect(await mine.shows(95)).toMatchObject({ seq: '3' });
    await call(db, 'wallet_transfer', { from_wallet: wallet, to_wallet: others, amount: 1, idem_key: newKey() });
    await Promise.all([mine.shows(94), theirs.shows(101)]);

    // The poller notifies in the order of the feed, so earlier events would have come.
    expect(theirs.wallets.map(({ balance }) => balance).filter((balance) => !['100', '101'].includes(balance))).toEqual(
      [],
    );
    expect(new Set(theirs.wallets.map(({ seq }) => seq))).toEqual(new Set(['1', '2']));
  });

  it('gets events of holds and batches', async () => {
    const owner = newOwner();
    const wallet = await walletOf(owner);
    const events = (await connect('player', owner)).wallet(wallet);
    await events.shows(100);

    await call(db, 'wallet_hold', { wallet_id: wallet, amount: 10, idem_key: newKey() });
    await eventually(() => events.wallets.find(({ seq }) => seq === '2'), 'second entry');
    await db.query("select ledger.wallet_post_batch(array[ledger.request('top_up', $1, null, 7, $2, null, '{}')])", [
      wallet,
      newKey(),
    ]);

    expect(await events.shows(107)).toMatchObject({ seq: '3' });
  });

  it('gets no event of a transaction before its commit, and still gets it after a faster one', async () => {
    const owner = newOwner();
    const [slow, fast] = [await walletOf(owner), await newWallet(db, await newAsset(db), { bought: 100, owner })];
    const socket = await connect('player', owner);
    const [slowEvents, fastEvents] = [socket.wallet(slow), socket.wallet(fast)];
    await Promise.all([slowEvents.shows(100), fastEvents.shows(100)]);
    const job = await db.connectJob();
    await job.query('begin');
    await call(job, 'wallet_spend', { wallet_id: slow, amount: 1, idem_key: newKey() });
    await call(db, 'wallet_spend', { wallet_id: fast, amount: 1, idem_key: newKey() });
    // When the third poll has begun, two have ended.
    for (let poll = await clock(), nth = 0; nth < 3; nth += 1)
      poll = await eventually(async () => {
        const last = await lastPoll();
        return last > poll ? last : undefined;
      }, 'poll');

    expect(slowEvents.wallets.map(({ balance }) => balance)).not.toContain('99');
    await job.query('commit');

    await Promise.all([slowEvents.shows(99), fastEvents.shows(99)]);
  });

  it('that does not read gets no further events, and then the newest state', async () => {
    const owner = newOwner();
    const wallet = await walletOf(owner);
    const socket = await rawConnection('player', owner);
    const query = `subscription ($id: UUID!) { walletChanged(walletId: $id) { wallet { seq entries(first: 200) { nodes { transfer { metadata } } } } } }`;
    await db.query(
      `select ledger.wallet_top_up($1, 1, 'bulk-' || n, jsonb_build_object('text', repeat('x', 8000))) from generate_series(1, 300) n`,
      [wallet],
    );
    const seqs: number[] = [];
    socket.on('message', (data: Buffer) => {
      const { payload } = JSON.parse(data.toString()) as {
        payload?: { data: { walletChanged: { wallet: { seq: string } } } };
      };
      if (payload) seqs.push(Number(payload.data.walletChanged.wallet.seq));
    });
    socket.send(subscribeMessage('1', query, { id: wallet }));
    await eventually(() => seqs.find((seq) => seq === 301), 'first event');

    socket.pause();
    for (let nth = 0; nth < 60; nth += 1) {
      await call(db, 'wallet_spend', { wallet_id: wallet, amount: 1, idem_key: newKey() });
      await db.query('select pg_notify($1, $2)', [`wallet:${wallet}`, '']);
      // Any duration is right: the buffers limit the number of events.
      await sleep(50);
    }
    const { rows } = await db.query<{ total: number }>(
      'select count(*)::int as total from ledger.entries where wallet_id = $1',
      [wallet],
    );
    socket.resume();
    await eventually(() => seqs.find((seq) => seq === rows[0]?.total), 'newest event');

    // Events in the network's buffers, and the newest one: each has more than a megabyte, of sixty in all.
    expect(seqs.length).toBeLessThan(25);
  });
});

describe('what a SQL job notifies', () => {
  it('costs a subscriber few reads, however many notifications there are, and no event of its own', async () => {
    const owner = newOwner();
    const wallet = await walletOf(owner);
    const events = (await connect('player', owner)).wallet(wallet);
    await events.shows(100);
    const job = await db.connectJob();
    const begun = performance.now();
    const before = events.results.length;

    for (let nth = 0; nth < 1500; nth += 1) await job.query("notify wallets; notify jobs, 'x'");
    await job.query('select pg_notify($1, $2 || n) from generate_series(1, 1000) n', [`wallet:${wallet}`, 'x']);
    await call(db, 'wallet_spend', { wallet_id: wallet, amount: 1, idem_key: newKey() });
    await events.shows(99);

    // All subscribers are woken at once, and then every five seconds; the poller notifies of the spend.
    const seconds = (performance.now() - begun) / 1000;
    expect(events.results.length - before).toBeLessThanOrEqual(Math.floor(seconds / 5) + 4);
  });
});

/** The database's clock in milliseconds. */
async function clock(instant = 'clock_timestamp()', from = ''): Promise<number> {
  const { rows } = await db.query<{ ms: string }>(
    `select (extract(epoch from ${instant}) * 1000)::bigint as ms ${from}`,
  );
  return Number(rows[0]?.ms);
}

const lastPoll = (): Promise<number> =>
  clock(
    'max(query_start)',
    "from pg_stat_activity where datname = current_database() and application_name = 'wallet-poller' and query like '%ledger_notify%'",
  );

async function signWith(secret: string, seconds: number): Promise<string> {
  const token = await new SignJWT({ role: 'service' })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('shop')
    .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
    .sign(new TextEncoder().encode(secret));
  return `Bearer ${token}`;
}

describe('a websocket of a browser', () => {
  const listed = createGateway({ CORS_ORIGINS: 'https://shop.example' });
  const statusFor = async (origin: string, to: Gateway, host?: string): Promise<string> => {
    const headers = { Origin: origin, ...(host !== undefined && { Host: host }) };
    const socket = new WebSocket(`${to.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'], { headers });
    try {
      return await within(
        Promise.race([
          once(socket, 'open').then(() => 'open'),
          once(socket, 'unexpected-response').then(([, response]) =>
            String((response as { statusCode: number }).statusCode),
          ),
        ]),
        'answer',
      );
    } finally {
      socket.on('error', () => undefined);
      socket.terminate();
    }
  };

  it('is opened for pages of the same host and of CORS_ORIGINS', async () => {
    const { host } = new URL(gateway.url);

    expect(await statusFor(`http://${host}`, gateway)).toBe('open');
    // Behind a proxy that terminates TLS.
    expect(await statusFor('https://wallet.example', gateway, 'wallet.example')).toBe('open');
    expect(await statusFor('https://shop.example', listed)).toBe('open');
  });

  it.each(['https://evil.example', 'http://shop.example', 'https://shop.example.evil.example', 'null', 'x', ''])(
    'is refused for another page: %p',
    async (origin) => {
      expect(await statusFor(origin, gateway)).toBe('403');
      expect(await statusFor(origin, listed)).toBe('403');
    },
  );
});

describe('a websocket', () => {
  it.each([
    ['a query', '{ __typename }', /for subscriptions only/],
    [
      'a mutation',
      'mutation { walletOpen(input: {ownerId: "a", assetCode: "B"}) { wallet { id } } }',
      /for subscriptions only/,
    ],
    ['what is no GraphQL', 'subscription {', /^Syntax Error/],
    ['an unknown field', 'subscription { walletsChanged { id } }', /Cannot query field/],
    [
      'two subscriptions in one',
      `subscription { a: walletChanged(walletId: "${UNKNOWN_WALLET}") { wallet { id } } b: walletChanged(walletId: "${UNKNOWN_WALLET}") { wallet { id } } }`,
      /must select only one top level field/,
    ],
    ['an id that is none', 'subscription { walletChanged(walletId: "me") { wallet { id } } }', /UUID must be/],
    ['no id', 'subscription { walletChanged { wallet { id } } }', /required/],
    [
      '13 fields deep',
      `subscription { walletChanged(walletId: "${UNKNOWN_WALLET}") { wallet { entries(first: 1) { nodes ${'{ transfer { debitEntry '.repeat(5)} { seq } ${'} } '.repeat(5)} } } } }`,
      /at most 12 fields deep/,
    ],
    [
      '51 aliases',
      `subscription { walletChanged(walletId: "${UNKNOWN_WALLET}") { wallet { ${Array.from({ length: 51 }, (_, nth) => `a${nth}: id`).join(' ')} } } }`,
      /at most 50 aliases/,
    ],
    [
      'pages in pages',
      `subscription { walletChanged(walletId: "${UNKNOWN_WALLET}") { wallet { entries(first: 1000) { nodes { wallet { entries(first: 1000) { nodes { seq } } } } } } } }`,
      /at most 25000 objects/,
    ],
    ['4001 words', `subscription { ${'a '.repeat(4001)} }`, /at most 4000 words and signs/],
  ])('refuses %s, and stays open', async (_what, query, message) => {
    const owner = newOwner();
    const socket = await connect('player', owner);

    expect(await socket.subscribe(query).refused()).toMatchObject({
      message: expect.stringMatching(message) as string,
      extensions: { code: expect.stringMatching(/^(BAD_REQUEST|INVALID_ARGUMENT)$/) as string },
    });
    await socket.wallet(await walletOf(owner)).shows(100);
  });

  it('has at most 50 subscriptions (TOO_MANY_SUBSCRIPTIONS), and again after one ends', async () => {
    const owner = newOwner();
    const wallet = await walletOf(owner);
    const socket = await connect('player', owner);
    const first = socket.wallet(wallet);
    const others = Array.from({ length: 49 }, () => socket.wallet(wallet));
    await Promise.all([first, ...others].map((events) => events.shows(100)));

    expect(await socket.wallet(wallet).refused()).toEqual({
      message: 'a websocket has at most 50 subscriptions',
      extensions: { code: 'TOO_MANY_SUBSCRIPTIONS' },
    });
    first.stop();
    await socket.wallet(wallet).shows(100);
  });

  it('is one of at most 50 of its subject (4429), without effect on others', async () => {
    const subject = newOwner();
    const sockets = await Promise.all(Array.from({ length: 50 }, () => connect('player', subject)));

    const socket = new Socket(gateway, await bearer('player', subject));
    expect(await within(socket.closed, 'close')).toEqual({ code: 4429, reason: 'Too many connections' });
    await connect('player', newOwner());
    await connect('service', subject);

    sockets[0]?.end();
    await within(sockets[0]?.closed ?? Promise.reject(new Error()), 'close');
    await connect('player', subject);
  });

  it.each<[string, string | Buffer, Close]>([
    ['what is no JSON', 'garbage', { code: 4400, reason: 'Invalid message received' }],
    ['an unknown type', '{"type":"start"}', { code: 4400, reason: 'Invalid message received' }],
    ['bytes', Buffer.from([0, 255, 1, 254]), { code: 4400, reason: 'Invalid message received' }],
    ['a document that is no text', subscribeMessage('1', 7), { code: 4400, reason: 'Invalid message received' }],
    ['a second init', '{"type":"connection_init"}', { code: 4429, reason: 'Too many initialisation requests' }],
    ['a message of a megabyte', 'x'.repeat(2 ** 20), { code: 1009, reason: '' }],
  ])('is closed after %s', async (_what, message, close) => {
    const socket = await rawConnection();

    socket.send(message);

    expect(await closeOf(socket)).toEqual(close);
    expect(await isServing()).toBe(true);
  });

  it('is closed if two subscriptions have the same id', async () => {
    const socket = await rawConnection();
    const message = subscribeMessage('1', QUERY, { id: await walletOf(newOwner()) });

    socket.send(message);
    socket.send(message);

    expect(await closeOf(socket)).toMatchObject({ code: 4409 });
  });

  it('is closed if it subscribes before it authenticates', async () => {
    const socket = await rawSocket();

    socket.send(subscribeMessage('1', QUERY, { id: UNKNOWN_WALLET }));

    expect(await closeOf(socket)).toEqual({ code: 4401, reason: 'Unauthorized' });
  });

  it('is closed if it does not authenticate in time', async () => {
    expect(await closeOf(await rawSocket())).toEqual({
      code: 4408,
      reason: 'Connection initialisation timeout',
    });
  });

  it('is closed without the protocol', async () => {
    const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/graphql`);

    expect(await closeOf(socket)).toEqual({ code: 4406, reason: 'Subprotocol not acceptable' });
  });

  it('is closed if it sends faster than it can be served (4429), and others are served', async () => {
    const socket = await rawConnection();
    const wallet = await walletOf(newOwner());

    for (let nth = 0; nth < 1000; nth += 1) {
      socket.send(subscribeMessage(String(nth), QUERY, { id: wallet }));
      socket.send(JSON.stringify({ id: String(nth), type: 'complete' }));
    }

    expect(await closeOf(socket)).toEqual({ code: 4429, reason: 'Too many messages' });
    expect(await isServing()).toBe(true);
  });

  it('is closed if it does not read the answers', async () => {
    const socket = await rawConnection();
    const closed = closeOf(socket);
    socket.on('error', () => undefined);
    socket.pause();

    const ping = JSON.stringify({ type: 'ping', payload: { text: 'x'.repeat(50_000) } });
    for (let nth = 0; nth < 1000; nth += 1) socket.send(ping);
    await eventually(() => (socket.bufferedAmount === 0 ? true : undefined), 'end of the sending');
    socket.resume();

    // A client that does not read in time gets neither the answers nor the close code.
    expect([4429, 1006]).toContain((await closed).code);
    expect(await isServing()).toBe(true);
  });

  it('is for /graphql only', async () => {
    const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/other`, ['graphql-transport-ws']);

    const [error] = (await within(once(socket, 'error'), 'error')) as [Error];

    expect(error.message).toBe('Unexpected server response: 404');
  });

  it('that sends invalid frames is closed', async () => {
    const socket = await rawConnection();
    const { _socket: tcp } = socket as unknown as { _socket: { write: (bytes: Buffer) => void } };

    tcp.write(Buffer.alloc(1000, 255));

    expect(await closeOf(socket)).toMatchObject({ code: 1002 });
    expect(await isServing()).toBe(true);
  });

  it('is not opened for a request that offers HTTP/2', async () => {
    const { hostname, port } = new URL(gateway.url);
    const tcp = connectTcp(Number(port), hostname);
    tcp.end(
      'GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n',
    );
    let answer = '';
    for await (const chunk of tcp) answer += String(chunk);

    expect(answer).toMatch(/^HTTP\/1.1 200 OK[^]*{"status":"ok"}$/);
  });

  it('leaves no secret in the log, however it is abused', () => {
    expect(gateway.child.stderr).toBe('');
  });
});

describe('of several processes', () => {
  it('one polls, another takes over when it is killed, and no change is missed', async () => {
    const owner = newOwner();
    const wallet = await walletOf(owner);
    const pollers = async () => {
      const { rows } = await db.query<{ pid: number }>(
        `select l.pid from pg_locks l where l.relation = 'gateway.poller_turn'::regclass and l.granted
           and l.database = (select oid from pg_database where datname = current_database())`,
      );
      expect(rows).toHaveLength(1);
      return rows.map(({ pid }) => pid);
    };
    const [first] = await pollers();
    const second = new Gateway(db, {});
    await second.start();
    try {
      const events = (await connect('player', owner, second)).wallet(wallet);
      await events.shows(100);
      expect(await pollers()).toEqual([first]);

      gateway.child.signal('SIGKILL');
      await gateway.child.exited;
      // One is booked before or after the takeover, the other after it.
      await call(db, 'wallet_spend', { wallet_id: wallet, amount: 1, idem_key: newKey() });
      await events.shows(99);
      await call(db, 'wallet_spend', { wallet_id: wallet, amount: 1, idem_key: newKey() });
      await events.shows(98);

      expect(await pollers()).not.toContain(first);
      expect(events.ended).toBeUndefined();
    } finally {
      await second.stop();
      await gateway.start();
    }
  });

  it('each accepts its maximum of websockets, and exports their metrics', async () => {
    const small = new Gateway(db, { MAX_SOCKETS: '2' });
    await small.start();
    const metrics = async (...wanted: [string, Record<string, string>?][]): Promise<(number | undefined)[]> => {
      const response = await small.with(undefined).fetch('/metrics');
      const families = parseMetrics(await response.text());
      return wanted.map(([name, labels]) => valueOf(families, name, labels));
    };
    try {
      const [one] = [await connect('service', 'shop', small), await connect('service', 'shop', small)];
      const wallet = await walletOf(newOwner());
      await Promise.all([one.wallet(wallet), one.wallet(wallet)].map((events) => events.shows(100)));
      expect(
        await metrics(
          ['websockets_open'],
          ['websockets_max'],
          ['websocket_subscriptions_open'],
          ['websockets_closed_total'],
        ),
      ).toEqual([2, 2, 2, undefined]);

      const refused = new WebSocket(`${small.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws']);
      const [error] = (await within(once(refused, 'error'), 'error')) as [Error];
      expect(error.message).toBe('Unexpected server response: 503');

      one.end();
      await within(one.closed, 'close');
      const [line] = await small.child.prints(/^.*"websocket closed".*$/m);
      expect(JSON.parse(line)).toMatchObject({
        level: 'info',
        actor: 'service:shop',
        code: 1000,
        duration_ms: expect.any(Number) as number,
      });
      expect(
        await metrics(
          ['websockets_open'],
          ['websockets_closed_total', { code: '1000' }],
          ['websockets_closed_total', { code: 'refused' }],
        ),
      ).toEqual([1, 1, 1]);
      await eventually(
        async () => ((await metrics(['websocket_subscriptions_open']))[0] === 0 ? true : undefined),
        'end of its subscriptions',
      );

      const odd = new WebSocket(`${small.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws']);
      await within(once(odd, 'open'), 'open socket');
      odd.close(4242);
      await closeOf(odd);
      await small.child.prints(/"code":4242/);
      expect(
        await metrics(['websockets_closed_total', { code: 'other' }], ['websockets_closed_total', { code: '4242' }]),
      ).toEqual([1, undefined]);
      await eventually(
        () =>
          connect('service', 'shop', small).then(
            () => true,
            () => undefined,
          ),
        'room',
      );
    } finally {
      await small.stop();
    }
  });

  it('unauthenticated websockets do not fill a process: the oldest is closed', async () => {
    const small = new Gateway(db, { MAX_SOCKETS: '2' });
    await small.start();
    const strangers: WebSocket[] = [];
    const open = async () => {
      const socket = new WebSocket(`${small.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws']);
      socket.on('error', () => undefined);
      strangers.push(socket);
      await within(once(socket, 'open'), 'open socket');
      return socket;
    };
    try {
      const oldest = await open();
      const gone = closeOf(oldest);
      for (let nth = 0; nth < 15; nth += 1) await Promise.all(Array.from({ length: 10 }, open));
      await gone;
      const response = await small.with(undefined).fetch('/metrics');
      const openNow = valueOf(parseMetrics(await response.text()), 'websockets_open') ?? NaN;

      // Many unauthenticated websockets do not keep authenticated ones out, though only two are allowed.
      const wallet = await walletOf(newOwner());
      const events = (await connect('service', 'shop', small)).wallet(wallet);
      await events.shows(100);
      await connect('service', 'desk', small);

      expect(openNow).toBeLessThanOrEqual(100);
      const late = new WebSocket(`${small.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws']);
      const [error] = (await within(once(late, 'error'), 'error')) as [Error];
      expect(error.message).toBe('Unexpected server response: 503');
    } finally {
      for (const socket of strangers) socket.terminate();
      await small.stop();
    }
  });

  it('each closes its websockets when it stops, and exits', async () => {
    const owner = newOwner();
    const wallet = await walletOf(owner);
    const leaving = new Gateway(db, {});
    await leaving.start();
    const socket = await connect('player', owner, leaving);
    await socket.wallet(wallet).shows(100);
    // This client answers nothing, not even the close frame.
    const deaf = new WebSocket(`${leaving.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws']);
    await within(once(deaf, 'open'), 'open socket');
    deaf.pause();

    const stopped = leaving.stop();

    expect(await within(socket.closed, 'close')).toEqual({ code: 1012, reason: 'Service restart' });
    expect(await stopped).toBe(0);
    deaf.terminate();
  });
});

describe('when the database', () => {
  it('closes the connection that listens, subscriptions end and can be made again', async () => {
    const owner = newOwner();
    const wallet = await walletOf(owner);
    const socket = await connect('player', owner);
    await socket.wallet(wallet).shows(100);

    await db.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'wallet-listener'",
    );

    expect(await within(socket.closed, 'close')).toEqual({
      code: 1013,
      reason: 'Changes may have been missed: connect again',
    });
    const events = (await connect('player', owner)).wallet(wallet);
    await events.shows(100);
    await call(db, 'wallet_spend', { wallet_id: wallet, amount: 1, idem_key: newKey() });
    await events.shows(99);
  });

  it('closes the connection of the poller, it starts again, and no change is missed', async () => {
    const owner = newOwner();
    const wallet = await walletOf(owner);
    const events = (await connect('player', owner)).wallet(wallet);
    await events.shows(100);

    await db.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'wallet-poller'",
    );
    await call(db, 'wallet_spend', { wallet_id: wallet, amount: 1, idem_key: newKey() });

    await events.shows(99);
    const lines = await gateway.child.complains('"msg":"poller"');
    expect(lines.filter(({ msg }) => msg === 'poller').length).toBe(1);
  });
});
