import { once } from 'node:events';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { keepAlive } from './heartbeat.ts';

const EVERY_MS = 100;

describe('keepAlive', () => {
  let server: WebSocketServer;
  beforeEach(async () => {
    server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
  });
  afterEach(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });

  const port = (): number => (server.address() as AddressInfo).port;
  async function accepted(): Promise<WebSocket> {
    const [socket] = (await once(server, 'connection')) as [WebSocket];
    keepAlive(socket, EVERY_MS);
    return socket;
  }

  it('leaves a connection alone that answers', async () => {
    const accepting = accepted();
    const client = new WebSocket(`ws://127.0.0.1:${port()}`);
    const socket = await accepting;

    for (let nth = 0; nth < 5; nth += 1) await once(client, 'ping');

    expect(socket.readyState).toBe(WebSocket.OPEN);
  });

  it('ends one whose other end is gone without a word', async () => {
    const accepting = accepted();
    const tcp = connect(port(), '127.0.0.1');
    tcp.write(
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    );
    const socket = await accepting;

    // 1006: nobody said why.
    expect((await once(socket, 'close')).slice(0, 1)).toEqual([1006]);
    tcp.destroy();
  });
});
