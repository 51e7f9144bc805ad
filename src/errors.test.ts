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

  it.each(['TOO_MANY_AT_ONCE', 'CONNECTION_LOST', 'UNCONFIRMED', 'KEYS_UNREADABLE'])(
    "and one of the gateway's own too, by its code %s and whatever its words",
    (code) => {
      expect(publicError(Object.assign(new Error('any words'), { code })).extensions).toEqual({ code: 'RETRY' });
    },
  );

  it('and one of our own is not known by words without a code', () => {
    for (const words of ['Not confirmed by the standby', 'The keys at JWKS_URI cannot be read', 'no answer in time'])
      expect(publicError(new Error(words)).extensions).toMatchObject({ code: 'INTERNAL' });
  });

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
