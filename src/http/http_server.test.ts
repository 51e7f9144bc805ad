import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { HttpServer, type HttpTimes } from './http_server.ts';

const GET = 'GET / HTTP/1.1\r\nHost: test\r\n\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\n';
const LONG: HttpTimes = { headersMs: 60_000, requestMs: 60_000, keepAliveMs: 60_000, checkMs: 50 };

const open: { http: HttpServer; sockets: Socket[] }[] = [];
afterEach(() => {
  for (const { http, sockets } of open.splice(0)) {
    for (const socket of sockets) socket.destroy();
    http.server.close();
    http.server.closeAllConnections();
  }
});

async function listen(
  times: HttpTimes,
  handler: RequestListener = answer,
): Promise<{ http: HttpServer; dial: () => Line }> {
  const http = new HttpServer(handler, { times });
  http.server.listen(0, '127.0.0.1');
  await once(http.server, 'listening');
  const { port } = http.server.address() as AddressInfo;
  const sockets: Socket[] = [];
  open.push({ http, sockets });
  const dial = () => {
    const line = new Line(port);
    sockets.push(line.socket);
    return line;
  };
  return { http, dial };
}

const answer: RequestListener = (req, res) => {
  req.resume().on('end', () => res.end('done'));
};

/** A raw connection that sends exactly what the test writes. */
class Line {
  text = '';
  readonly socket: Socket;
  readonly closed: Promise<unknown>;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.setEncoding('utf8').on('data', (part: string) => (this.text += part));
    this.closed = new Promise((resolve) => {
      this.socket.once('error', resolve).once('close', resolve);
    });
  }

  write(text: string): this {
    this.socket.write(text);
    return this;
  }

  async reads(pattern: RegExp): Promise<void> {
    for (const deadline = Date.now() + 60_000; !pattern.test(this.text); await sleep(5)) {
      if (Date.now() > deadline) throw new Error(`No ${pattern.source} in: ${this.text}`);
    }
  }
}

describe('a client that is slow', () => {
  it.each([
    ['to send headers', { headersMs: 100 }, 'GET / HTTP/1.1\r\nX-Slow: '],
    ['to send anything', { headersMs: 100 }, ''],
    ['to send its body', { headersMs: 100, requestMs: 200 }, `${POST}abc`],
  ])('%s is disconnected', async (_what, times, text) => {
    const { dial } = await listen({ ...LONG, ...times });
    const line = dial().write(text);
    // Sending a byte now and then does not extend the time.
    const drip = setInterval(() => text !== '' && !text.includes('POST') && line.write('x'), 20);

    await line.closed;

    clearInterval(drip);
    expect(line.text).toMatch(/^HTTP\/1\.1 408 /);
    expect(line.text).not.toMatch(/done/);
  });

  it('that sends its next request later keeps its connection, longer than the timeout of headers', async () => {
    const { dial } = await listen({ ...LONG, headersMs: 2_000, requestMs: 4_000 });
    const line = dial().write(GET);
    await line.reads(/Connection: keep-alive[^]*done/);

    // Another connection, opened later, that sends no headers in time.
    const silent = dial();
    await silent.closed;
    expect(silent.text).toMatch(/^HTTP\/1\.1 408 /);
    line.text = '';
    line.write(GET);

    await line.reads(/200 OK[^]*done/);
  });

  it("has a connection that is kept longer than a load balancer's usual minute", () => {
    const http = new HttpServer(answer);

    expect(http.server.keepAliveTimeout).toBeGreaterThan(60_000);
    expect(http.server.headersTimeout).toBe(20_000);
    expect(http.server.requestTimeout).toBe(60_000);
    expect(http.server.headersTimeout).toBeLessThanOrEqual(http.server.requestTimeout);
  });
});

describe('a server that drains', () => {
  it('says `Connection: close` with each answer, also for requests in flight', async () => {
    const held = Promise.withResolvers<undefined>();
    const { http, dial } = await listen(LONG, (_req, res) => {
      void held.promise.then(() => res.end('done'));
    });
    const [early, idle] = [dial().write(GET), dial()];
    await once(http.server, 'request');

    http.drain();
    idle.write(GET);
    await once(http.server, 'request');
    held.resolve(undefined);

    await Promise.all([early.closed, idle.closed]);
    expect([early.text, idle.text]).toEqual([
      expect.stringMatching(/Connection: close[^]*done/),
      expect.stringMatching(/Connection: close[^]*done/),
    ]);
  });

  it('and closes ends idle connections, lets requests finish, and accepts no new ones', async () => {
    const [held, arrived] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
    const { http, dial } = await listen(LONG, (req, res) => {
      if (req.url === '/') return void res.end('done');
      arrived.resolve(undefined);
      void held.promise.then(() => res.end('late'));
    });
    const [idle, busy] = [dial().write(GET), dial().write(GET.replace('/', '/slow'))];
    await Promise.all([idle.reads(/done/), arrived.promise]);

    const closed = http.close(60_000);
    await idle.closed;
    const refused = await dial().closed;
    held.resolve(undefined);

    await closed;
    expect(busy.text).toMatch(/late/);
    expect(refused).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('and closes answers a request that has arrived but has not been read', async () => {
    const { http, dial } = await listen(LONG);
    const line = dial().write(GET);
    await line.reads(/done/);
    line.text = '';

    // Both happen before the event loop reads the socket again.
    line.write(GET);
    await http.close(60_000);

    expect(line.text).toMatch(/200 OK[^]*done/);
  });

  it('and closes ends unfinished requests at its deadline', async () => {
    const { http, dial } = await listen(LONG, () => undefined);
    const line = dial().write(GET);
    await once(http.server, 'request');

    // The request would never end by itself.
    await http.close(200);
    await line.closed;

    expect(line.text).toBe('');
  });
});
