/** What callers are told where the database is away: that they may send the same call again. */
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import pg from 'pg';
import { publicError } from './errors.ts';

describe('an error of the connection is RETRY', () => {
  it.each(['57P01', '57P02', '57P03', '53300', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN', 'ENOTFOUND', 'EHOSTUNREACH'])(
    'as %s',
    (code) => {
      const { message, extensions } = publicError(Object.assign(new Error('its own words'), { code }));
      expect(extensions).toEqual({ code: 'RETRY' });
      expect(message).not.toContain('its own words');
    },
  );

  it('where nobody listens', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    expect(await refusedBy(port)).toEqual({ code: 'RETRY' });
  });

  it('where whoever listens hangs up', async () => {
    const server = createServer((socket) => socket.resetAndDestroy()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    expect(await refusedBy((server.address() as AddressInfo).port)).toEqual({ code: 'RETRY' });
    server.close();
  });
});

async function refusedBy(port: number): Promise<object> {
  const pool = new pg.Pool({ host: '127.0.0.1', port, user: 'nobody', password: 'none', database: 'none' });
  const error: unknown = await pool.connect().catch((thrown: unknown) => thrown);
  await pool.end();
  return publicError(error).extensions;
}
