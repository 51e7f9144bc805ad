import { createGateway } from '../testing.ts';

const SHOP = 'https://shop.example';
const ASK = { 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'authorization,content-type' };
const QUERY = JSON.stringify({ query: '{ assets(first: 1) { nodes { code } } }' });
const JSON_TYPE = { 'Content-Type': 'application/json' };
const FOREIGN = [
  'https://evil.example',
  'http://shop.example',
  'https://shop.example:8443',
  'https://shop.example.evil.example',
  'https://SHOP.example',
  'https://shop.example/',
  'null',
  '*',
];

const allowed = (response: Response): string | null => response.headers.get('access-control-allow-origin');

describe('with CORS_ORIGINS', () => {
  const gateway = createGateway({ CORS_ORIGINS: `${SHOP}, http://localhost:5173` });
  const preflight = (path: string, origin: string) =>
    gateway.with(undefined).fetch(path, { method: 'OPTIONS', headers: { Origin: origin, ...ASK } });

  it.each([SHOP, 'http://localhost:5173'])('a preflight without a token allows %s', async (origin) => {
    for (const path of ['/graphql', '/wallets/x/history.csv']) {
      const response = await preflight(path, origin);

      expect([response.status, await response.text()]).toEqual([204, '']);
      expect(allowed(response)).toBe(origin);
      expect(response.headers.get('access-control-allow-methods')).toBe('GET, HEAD, POST');
      expect(response.headers.get('access-control-allow-headers')).toMatch(/Authorization, Content-Type.*Wallet-Read/);
      expect(response.headers.get('access-control-max-age')).toBe('600');
      expect(response.headers.has('access-control-allow-credentials')).toBe(false);
      expect(response.headers.get('vary')).toMatch(/Origin/);
    }
  });

  it.each(FOREIGN)('a preflight for %s is refused (FORBIDDEN)', async (origin) => {
    const response = await preflight('/graphql', origin);

    expect([response.status, allowed(response)]).toEqual([403, null]);
    expect(response.headers.has('access-control-allow-methods')).toBe(false);
  });

  it('an allowed page may read answers and errors', async () => {
    const origin = { Origin: SHOP };
    const answers = [
      await gateway
        .as('service')
        .fetch('/graphql', { method: 'POST', headers: { ...origin, ...JSON_TYPE }, body: QUERY }),
      await gateway.with(undefined).fetch('/graphql', { method: 'POST', headers: origin }),
      await gateway.as('service').fetch('/wallets/x/history.csv', { headers: origin }),
    ];

    expect(answers.map((answer) => [answer.status, allowed(answer)])).toEqual([
      [200, SHOP],
      [401, SHOP],
      [400, SHOP],
    ]);
    for (const answer of answers) {
      expect(answer.headers.get('vary')).toMatch(/Origin/);
      expect(answer.headers.get('access-control-expose-headers')).toMatch(
        /Content-Disposition.*Retry-After.*X-Request-Id/,
      );
    }
  });

  it('an answer to another origin, or without one, is the same and readable by no page', async () => {
    for (const origin of [...FOREIGN.filter((name) => name !== 'null'), undefined]) {
      const headers = new Headers(JSON_TYPE);
      if (origin !== undefined) headers.set('Origin', origin);
      const response = await gateway.as('service').fetch('/graphql', { method: 'POST', headers, body: QUERY });

      expect([response.status, allowed(response)]).toEqual([200, null]);
      expect(response.headers.get('vary')).toMatch(/Origin/);
    }
  });

  it('OPTIONS that is no preflight needs a token (UNAUTHENTICATED)', async () => {
    const response = await gateway.with(undefined).fetch('/graphql', { method: 'OPTIONS', headers: { Origin: SHOP } });

    expect(response.status).toBe(401);
  });
});

describe('without CORS_ORIGINS', () => {
  const gateway = createGateway();

  it('no page of another origin may call', async () => {
    const asked = await gateway
      .with(undefined)
      .fetch('/graphql', { method: 'OPTIONS', headers: { Origin: SHOP, ...ASK } });
    const response = await gateway
      .as('service')
      .fetch('/graphql', { method: 'POST', headers: { Origin: SHOP, ...JSON_TYPE }, body: QUERY });

    expect([asked.status, allowed(asked)]).toEqual([401, null]);
    expect([response.status, allowed(response)]).toEqual([200, null]);
  });

  it('every answer forbids caching, type guessing and framing', async () => {
    const answers = [
      await fetch(`${gateway.url}/healthz`),
      await fetch(`${gateway.url}/readyz`),
      await fetch(`${gateway.url}/metrics`),
      await fetch(`${gateway.url}/nothing`),
      await gateway.with(undefined).fetch('/graphql'),
      await gateway.as('service').fetch('/graphql', { method: 'POST', headers: JSON_TYPE, body: QUERY }),
    ];

    for (const { headers } of answers) {
      expect(Object.fromEntries(headers)).toMatchObject({
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'content-security-policy': "frame-ancestors 'none'",
        'referrer-policy': 'no-referrer',
      });
    }
  });
});
