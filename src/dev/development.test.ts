/** In development the service is reachable from this machine only. */
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { createDatabase } from '../../db/tests/helpers.ts';
import { AUTH, Child, createGateway, execute, Gateway } from '../testing.ts';

const DEVELOPMENT = { NODE_ENV: undefined, LOG_LEVEL: 'error' };

/** An external address of this machine, if it has one. */
const outside = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

async function listens(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Unlike `fetch`, lets the test set the Host header. */
async function get(
  { url }: Gateway,
  headers: Record<string, string> = {},
  { path = '/ruru', host = '127.0.0.1' } = {},
): Promise<{ status: number | undefined; text: string; headers: Record<string, unknown> }> {
  const asked = request({ host, port: new URL(url).port, path, headers: { Accept: 'text/html', ...headers } });
  asked.end();
  const [response] = (await once(asked, 'response')) as [
    NodeJS.ReadableStream & { statusCode?: number; headers: object },
  ];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode, text, headers: { ...response.headers } };
}

const own = (gateway: Gateway, name = 'localhost') => ({ Host: `${name}:${new URL(gateway.url).port}` });

describe('npm start in development', () => {
  const gateway = createGateway(DEVELOPMENT);

  it('listens on 127.0.0.1 only', async () => {
    const { hostname, port } = new URL(gateway.url);

    expect(hostname).toBe('localhost');
    expect(await listens('127.0.0.1', Number(port))).toBe(true);
    expect(await listens('127.0.0.2', Number(port))).toBe(false);
    if (outside !== undefined) expect(await listens(outside, Number(port))).toBe(false);
  });

  it.each(['localhost', '127.0.0.1', '[::1]', 'LOCALHOST'])(
    'has the IDE and its token under the name %s',
    async (name) => {
      const { status, text, headers } = await get(gateway, own(gateway, name));

      expect([status, text.includes('Bearer eyJ')]).toEqual([200, true]);
      expect(headers).toMatchObject({ 'x-frame-options': 'DENY', 'cache-control': 'no-store' });
      expect(headers).not.toHaveProperty('access-control-allow-origin');
    },
  );

  it.each<[string, Record<string, string>]>([
    ['a name that a page had point here', { Host: 'evil.example' }],
    ['such a name with our port', { Host: 'evil.example:5678' }],
    ['a name that begins like ours', { Host: 'localhost.evil.example' }],
    ['an address of nobody', { Host: '0.0.0.0' }],
    ['a proxy that stands for another', { 'X-Forwarded-For': '203.0.113.9' }],
    ['a proxy that says it stands for us', { 'X-Forwarded-For': '127.0.0.1' }],
    ['a proxy by the standard', { Forwarded: 'for=203.0.113.9' }],
    ['a proxy that says only where it comes from', { 'X-Real-IP': '203.0.113.9' }],
    ['a proxy that says which name was asked for', { 'X-Forwarded-Host': 'wallet.example' }],
    ['a proxy that only says that it is one', { Via: '1.1 proxy' }],
  ])('hides them from %s', async (_what, headers) => {
    for (const path of ['/ruru', '/ruru-static/ruru.css', '/ruru?x']) {
      const { status, text } = await get(gateway, { ...own(gateway), ...headers }, { path });

      expect([status, text.includes('Bearer eyJ'), text.includes('NOT_FOUND')]).toEqual([404, false, true]);
    }
  });

  it('answers why a token was rejected, unlike in production', async () => {
    const answer = await gateway.with(undefined).post('{ __typename }');

    expect(answer).toEqual({
      status: 401,
      body: {
        errors: [
          {
            message: 'Send a valid token: Authorization: Bearer …',
            extensions: { code: 'UNAUTHENTICATED', detail: { reason: 'there is no token' } },
          },
        ],
      },
    });
  });
});

describe('npm start in development with an external HOST', () => {
  const gateway = createGateway({ ...DEVELOPMENT, HOST: '0.0.0.0' });

  it('listens on it, and serves the IDE to this machine only', async () => {
    const here = await get(gateway, own(gateway));

    expect([here.status, here.text.includes('Bearer eyJ')]).toEqual([200, true]);
    expect(gateway.child.stdout).not.toContain('GraphQL IDE');
    if (outside === undefined) return;
    for (const headers of [own(gateway), own(gateway, outside)]) {
      const there = await get(gateway, headers, { host: outside });
      expect([there.status, there.text.includes('Bearer eyJ')]).toEqual([404, false]);
    }
  });
});

describe('HOST', () => {
  const db = createDatabase();
  const env = { JWT_SECRET: AUTH.secret, PORT: '0', DATABASE_URL: db.url, NODE_ENV: 'production' };

  it.each([
    ['127.0.0.2', '127.0.0.2'],
    ['localhost', 'localhost'],
    ['0.0.0.0', 'localhost'],
    ['127.0.0.1', 'localhost'],
  ])('%s is the address to listen on, and printed as %s', async (host, shown) => {
    const service = new Child(process.execPath, ['src/server.ts'], { env: { ...env, HOST: host } });
    try {
      const [, name, port] = await service.prints(/^Listening on http:\/\/(.+):(\d+)$/m);

      expect(name).toBe(shown);
      expect(await listens(host, Number(port))).toBe(true);
    } finally {
      await service.stop();
    }
  });

  it('that is unset in production means all addresses of the machine', async () => {
    const service = new Child(process.execPath, ['src/server.ts'], { env });
    try {
      const [, port] = await service.prints(/^Listening on http:\/\/localhost:(\d+)$/m);

      expect(await listens('127.0.0.2', Number(port))).toBe(true);
      if (outside !== undefined) expect(await listens(outside, Number(port))).toBe(true);
    } finally {
      await service.stop();
    }
  });

  it.each([
    [
      '203.0.113.9',
      /^Cannot listen on port 0: HOST 203\.0\.113\.9 is no address or name of this machine: .*EADDRNOTAVAIL/,
    ],
    ['nowhere.invalid', /^Cannot listen on port 0: HOST nowhere\.invalid is no address or name of this machine: /],
    ['http://localhost', /^HOST must be an address or a name of this machine/],
    ['127.0.0.1:80', /^HOST must be an address or a name of this machine/],
  ])('%s is refused in one line', async (host, line) => {
    const { code, stdout, stderr } = await execute(process.execPath, ['src/server.ts'], {
      env: { ...env, HOST: host },
    });

    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^[^\n]+\n$/);
    expect(stderr).toMatch(line);
  });
});
