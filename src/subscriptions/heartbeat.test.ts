import { once } from 'node:events';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { jest } from '@jest/globals';
import { WebSocket, WebSocketServer } from 'ws';
import { keepAlive } from './heartbeat.ts';

const EVERY_MS = 15_000;
/** Only the timers of the pings are faked. */
const REAL = ['Date', 'hrtime', 'nextTick', 'performance', 'queueMicrotask', 'setImmediate', 'clearImmediate'] as const;

describe('keepAlive', () => {
  let server: WebSocketServer;
  beforeEach(async () => {
    jest.useFakeTimers({ doNotFake: [...REAL, 'setTimeout', 'clearTimeout'] });
    server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
  });
  afterEach(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
    jest.useRealTimers();
  });

  const port = (): number => (server.address() as AddressInfo).port;
  async function accepted(): Promise<WebSocket> {
    const [socket] = (await once(server, 'connection')) as [WebSocket];
    keepAlive(socket, EVERY_MS);
    return socket;
  }

  it('keeps a connection that answers', async () => {
    const accepting = accepted();
    new WebSocket(`ws://127.0.0.1:${port()}`);
    const socket = await accepting;

    for (let nth = 0; nth < 5; nth += 1) {
      const answered = once(socket, 'pong');
      jest.advanceTimersByTime(EVERY_MS);
      await answered;
    }

    expect(socket.readyState).toBe(WebSocket.OPEN);
  });

  it('terminates a connection whose other end is gone', async () => {
    const accepting = accepted();
    const tcp = connect(port(), '127.0.0.1');
    tcp.write(
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    );
    const socket = await accepting;

    const closed = once(socket, 'close');
    jest.advanceTimersByTime(EVERY_MS);
    expect(socket.readyState).toBe(WebSocket.OPEN);
    jest.advanceTimersByTime(EVERY_MS);

    // 1006: closed without a close frame.
    expect((await closed).slice(0, 1)).toEqual([1006]);
    tcp.destroy();
  });
});
