/** Serving the console, and its tokens: only in development, and only to this machine. */
import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import { brotliDecompressSync, gzipSync } from 'node:zlib';
import { buildConsole } from '../dev/console.ts';
import { createGateway, ROOT, type Gateway, type Env } from '../testing.ts';

const DIST = join(ROOT, 'console/dist');
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'sha256-38RhXrc7EdReTKsOm23ZPOCUgniTUUcjky8QOOrQx6o=' 'sha256-gYiS/BvZvRcK27JIXTuwhZ3hs2+VJ1X+2gUlE+farlg='",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
];

/** Unlike `fetch`, lets the test set the Host header. */
async function send(
  { url }: Gateway,
  { method = 'GET', path, headers = {}, body = '' }: { method?: string; path: string; headers?: Env; body?: string },
): Promise<{ status: number | undefined; headers: NodeJS.Dict<string | string[]>; bytes: Buffer }> {
  const sent = request({
    host: '127.0.0.1',
    port: new URL(url).port,
    method,
    path,
    headers: headers as NodeJS.Dict<string>,
  });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [import('node:http').IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode, headers: response.headers, bytes: Buffer.concat(chunks) };
}

const JSON_BODY = { 'Content-Type': 'application/json' };
const askToken = (gateway: Gateway, headers: Env = {}, body = '{"role":"operator"}') =>
  send(gateway, { method: 'POST', path: '/console/token', headers: { ...JSON_BODY, ...headers }, body });

// In production the service only serves what was built before.
beforeAll(() => buildConsole());

describe('the console in development', () => {
  const gateway = createGateway({ NODE_ENV: undefined });
  const host = () => ({ Host: `localhost:${new URL(gateway.url).port}` });

  it('is served at /console and at the URLs of its screens, with a strict policy and without caching', async () => {
    for (const path of ['/console', '/console/', '/console/wallets/x?do=top_up', '/console/a/b/c']) {
      const { status, headers, bytes } = await send(gateway, { path, headers: host() });

      expect([path, status, headers['content-type']]).toEqual([path, 200, 'text/html; charset=utf-8']);
      expect(headers['content-security-policy']).toBe(POLICY.join('; '));
      expect(headers).toMatchObject({
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
      });
      expect(bytes.toString()).toContain('<div id="root">');
    }
  });

  it('has no inline script or style in its page', () => {
    const page = readFileSync(join(DIST, 'index.html'), 'utf8');

    expect(page).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:/i);
    for (const [tag] of page.matchAll(/<script[^>]*>(?!<\/script>)/g)) throw new Error(`a script in the page: ${tag}`);
    expect(page).toMatch(/<script type="module"[^>]* src="\/console\/assets\/index-/);
  });

  it('serves hashed files for a long time, compressed for clients that accept it, and no others', async () => {
    const [name = ''] = readdirSync(join(DIST, 'assets')).filter((file) => /^index-.*\.js$/.test(file));
    const path = `/console/assets/${name}`;

    const plain = await send(gateway, { path, headers: host() });
    const small = await send(gateway, { path, headers: { ...host(), 'Accept-Encoding': 'gzip, br' } });

    for (const { status, headers } of [plain, small]) {
      expect(status).toBe(200);
      expect(headers).toMatchObject({
        'cache-control': 'public, max-age=31536000, immutable',
        'content-type': 'text/javascript; charset=utf-8',
        vary: 'Accept-Encoding',
      });
    }
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(small.headers['content-encoding']).toBe('br');
    expect(brotliDecompressSync(small.bytes).equals(plain.bytes)).toBe(true);
    for (const wrong of ['nothing.js', '../index.html', '..%2findex.html', '%2e%2e/sources.txt', '.', '']) {
      const { status, bytes } = await send(gateway, { path: `/console/assets/${wrong}`, headers: host() });
      expect([wrong, status === 404 || bytes.toString().includes('<div id="root">')]).toEqual([wrong, true]);
    }
  });

  it('has / redirect to the console, and Ruru at /ruru', async () => {
    const home = await send(gateway, { path: '/', headers: host() });
    const ide = await send(gateway, { path: '/ruru', headers: { ...host(), Accept: 'text/html' } });

    expect([home.status, home.headers.location]).toEqual([302, '/console/']);
    expect([ide.status, ide.bytes.toString().includes('Bearer eyJ')]).toEqual([200, true]);
  });

  it('gives this machine a token for a role, which the service accepts', async () => {
    const settings = await send(gateway, { path: '/console/settings.json', headers: host() });
    expect(JSON.parse(settings.bytes.toString())).toEqual({ oidc: null, roles: ['operator', 'auditor', 'service'] });

    for (const role of ['operator', 'auditor', 'service']) {
      const { status, headers, bytes } = await askToken(gateway, host(), JSON.stringify({ role }));
      const { token } = JSON.parse(bytes.toString()) as { token: string };
      const me = await gateway.with(token).fetch('/console/me');

      expect([status, headers['cache-control']]).toEqual([200, 'no-store']);
      expect(headers).not.toHaveProperty('access-control-allow-origin');
      expect(await me.json()).toEqual({ role, sub: 'developer' });
    }
  });

  it.each(['player', 'owner', 'constructor', '', null, 7, ['operator'], { toString: 'operator' }])(
    'gives no token for the role %j',
    async (role) => {
      const { status, bytes } = await askToken(gateway, host(), JSON.stringify({ role }));

      expect([status, bytes.toString().includes('eyJ')]).toEqual([400, false]);
    },
  );

  it.each<[string, Env]>([
    ['a name that a page had point here', { Host: 'evil.example' }],
    ['an address of nobody', { Host: '0.0.0.0' }],
    ['a proxy that stands for another', { 'X-Forwarded-For': '203.0.113.9' }],
    ['a proxy that says it stands for us', { 'X-Forwarded-For': '127.0.0.1' }],
    ['a proxy by the standard', { Forwarded: 'for=203.0.113.9' }],
    ['a page of another site', { 'Sec-Fetch-Site': 'cross-site' }],
    ['a page of another port of this machine', { 'Sec-Fetch-Site': 'same-site' }],
    ['a form of another page', { 'Content-Type': 'application/x-www-form-urlencoded' }],
    ['a text of another page', { 'Content-Type': 'text/plain' }],
  ])('gives no token to %s', async (_what, headers) => {
    const { status, bytes } = await askToken(gateway, { ...host(), ...headers });

    expect([status, bytes.toString().includes('eyJ')]).toEqual([404, false]);
  });

  it('offers no roles to another machine', async () => {
    const headers = { ...host(), 'X-Forwarded-For': '203.0.113.9' };
    const { bytes } = await send(gateway, { path: '/console/settings.json', headers });

    expect(JSON.parse(bytes.toString())).toMatchObject({ roles: [] });
  });

  it('answers whose a token is only with that token', async () => {
    for (const token of [undefined, 'eyJhbGciOiJIUzI1NiJ9.e30.x']) {
      expect((await gateway.with(token).fetch('/console/me')).status).toBe(401);
    }
    expect(await (await gateway.as('player', 'alice').fetch('/console/me')).json()).toMatchObject({ role: 'player' });
  });

  it('loads less than 180 kB of gzip before the first request', () => {
    const page = readFileSync(join(DIST, 'index.html'), 'utf8');
    const first = [...page.matchAll(/\/console\/(assets\/[^"]+\.(?:js|css))/g)].map(([, file = '']) => file);
    const bytes = first.reduce((sum, file) => sum + gzipSync(readFileSync(join(DIST, file))).length, 0);

    expect(first.length).toBeGreaterThan(1);
    expect(bytes).toBeLessThan(180_000);
  });
});

describe.each<[string, Env]>([
  ['in production', {}],
  ['in production on this machine alone', { HOST: '127.0.0.1' }],
  ['in development for other machines', { NODE_ENV: undefined, HOST: '0.0.0.0' }],
  [
    'in development with tokens of an issuer',
    {
      NODE_ENV: undefined,
      JWT_SECRET: undefined,
      JWKS_URI: 'http://127.0.0.1:9/jwks',
      JWT_ISSUER: 'i',
      JWT_AUDIENCE: 'a',
    },
  ],
])('the console %s', (_what, env) => {
  const gateway = createGateway(env);
  const host = () => ({ Host: `localhost:${new URL(gateway.url).port}` });

  it('is served, but offers and gives no tokens', async () => {
    const page = await send(gateway, { path: '/console/', headers: host() });
    const settings = await send(gateway, { path: '/console/settings.json', headers: host() });
    const token = await askToken(gateway, host());

    expect(page.status).toBe(200);
    expect(JSON.parse(settings.bytes.toString())).toEqual({ oidc: null, roles: [] });
    expect([token.status, token.bytes.toString().includes('eyJ')]).toEqual([404, false]);
  });

  if (env.NODE_ENV === undefined && 'NODE_ENV' in env) return;
  it('has no redirect from /', async () => {
    expect((await send(gateway, { path: '/', headers: host() })).status).toBe(404);
  });
});

describe('the console with an issuer', () => {
  const gateway = createGateway({ OIDC_AUTHORITY: 'https://id.example/realms/wallet/', OIDC_CLIENT_ID: 'console' });

  it('names the issuer, and allows requests to it', async () => {
    const { headers, bytes } = await send(gateway, { path: '/console/settings.json' });

    expect(JSON.parse(bytes.toString())).toEqual({
      oidc: { authority: 'https://id.example/realms/wallet', clientId: 'console' },
      roles: [],
    });
    expect(headers['content-security-policy']).toContain("connect-src 'self' https://id.example;");
  });
});
