/** Errors of callers while the database is unreachable: RETRY. */
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
    "or one of the gateway's own, by its code %s and with any message",
    (code) => {
      expect(publicError(Object.assign(new Error('any words'), { code })).extensions).toEqual({ code: 'RETRY' });
    },
  );

  it("but not one of the gateway's own messages without a code", () => {
    for (const words of ['Not confirmed by the standby', 'The keys at JWKS_URI cannot be read', 'no answer in time'])
      expect(publicError(new Error(words)).extensions).toMatchObject({ code: 'INTERNAL' });
  });

  it('where no server listens', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    expect(await refusedBy(port)).toEqual({ code: 'RETRY' });
  });

  it('where the server disconnects', async () => {
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
