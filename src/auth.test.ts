import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { jest } from '@jest/globals';
import express, { type Response } from 'express';
import {
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type GenerateKeyPairResult,
  type JWK,
  type JWTPayload,
  SignJWT,
} from 'jose';
import { createAuthenticator, identityOf, isRole, isSubject } from './auth.ts';
import { signToken } from './dev/sign_token.ts';
import { log } from './observability/log.ts';
import { AUTH, createGateway, type Env, errorOf, type Gateway, linesOfLog } from './testing.ts';

const ISSUER = 'https://issuer.test';
const AUDIENCE = 'wallet';
const now = (): number => Math.floor(Date.now() / 1000);
const CLAIMS = { sub: 'shop', role: 'service', exp: now() + 86_400 };

const ALL_BUT_DATE = [
  ...(['hrtime', 'nextTick', 'performance', 'queueMicrotask', 'setImmediate', 'clearImmediate'] as const),
  ...(['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] as const),
];

const key = (secret: string): Uint8Array => new TextEncoder().encode(secret);

function sign(claims: JWTPayload, { secret = AUTH.secret, alg = 'HS256' } = {}): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg }).sign(key(secret));
}

const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The HTTP status of a call with this token, and the code of its error, if any. */
async function answerTo(gateway: Gateway, authorization: string | undefined): Promise<[number, string]> {
  const headers = new Headers({ 'Content-Type': 'application/json' });
  if (authorization !== undefined) headers.set('Authorization', authorization);
  const body = JSON.stringify({ query: '{ assets(first: 1) { nodes { code } } }' });
  const response = await fetch(`${gateway.url}/graphql`, { method: 'POST', headers, body });
  const answer = { status: response.status, body: (await response.json()) as { errors?: [] } };
  return [answer.status, answer.body.errors ? errorOf(answer).extensions.code : 'ok'];
}

const REFUSED: [number, string] = [401, 'UNAUTHENTICATED'];
const TAKEN: [number, string] = [200, 'ok'];

describe('with a secret, a token', () => {
  const gateway = createGateway();

  it('is accepted from signToken, from npm run token and from other signers', async () => {
    for (const role of ['player', 'service', 'operator', 'auditor'] as const) {
      expect(await answerTo(gateway, `Bearer ${await signToken(AUTH, { role, sub: 'someone' })}`)).toEqual(TAKEN);
    }
    expect(await answerTo(gateway, `bearer ${await sign(CLAIMS)}`)).toEqual(TAKEN);
    expect(await answerTo(gateway, `Bearer ${await sign({ ...CLAIMS, sub: 'ü'.repeat(200) })}`)).toEqual(TAKEN);
    expect(await answerTo(gateway, `Bearer ${await sign({ ...CLAIMS, iss: 'any', aud: 'any' })}`)).toEqual(TAKEN);
    expect(await answerTo(gateway, `Bearer ${await sign({ ...CLAIMS, exp: now() - 2 })}`)).toEqual(TAKEN);
  });

  it.each([
    ['no header', () => undefined],
    ['an empty header', () => ''],
    ['another scheme', async () => `Basic ${await sign(CLAIMS)}`],
    ['no scheme', () => sign(CLAIMS)],
    ['no token', () => 'Bearer '],
    ['no JWT', () => 'Bearer abc'],
    ['two tokens', async () => `Bearer ${await sign(CLAIMS)} ${await sign(CLAIMS)}`],
    ['another key', async () => `Bearer ${await sign(CLAIMS, { secret: 'y'.repeat(32) })}`],
    [
      'another algorithm of the same key',
      async () => `Bearer ${await sign(CLAIMS, { alg: 'HS512', secret: AUTH.secret.repeat(2) })}`,
    ],
    ['the algorithm none', () => `Bearer ${base64({ alg: 'none' })}.${base64(CLAIMS)}.`],
    ['the algorithm None and a signature', () => `Bearer ${base64({ alg: 'None' })}.${base64(CLAIMS)}.AAAA`],
    [
      'a claim changed after it was signed',
      async () => {
        const [header, , signature] = (await sign({ ...CLAIMS, role: 'player' })).split('.');
        return `Bearer ${header ?? ''}.${base64(CLAIMS)}.${signature ?? ''}`;
      },
    ],
    ['no signature', async () => `Bearer ${(await sign(CLAIMS)).replace(/[^.]+$/, '')}`],
    ['a time long past', async () => `Bearer ${await sign({ ...CLAIMS, exp: now() - 60 })}`],
    ['a time to come', async () => `Bearer ${await sign({ ...CLAIMS, nbf: now() + 60 })}`],
    ['no exp', async () => `Bearer ${await sign({ sub: 'shop', role: 'service' })}`],
    ['no sub', async () => `Bearer ${await sign({ role: 'service', exp: CLAIMS.exp })}`],
    ['an empty sub', async () => `Bearer ${await sign({ ...CLAIMS, sub: '' })}`],
    ['a sub of 201 characters', async () => `Bearer ${await sign({ ...CLAIMS, sub: 'x'.repeat(201) })}`],
    ['a sub with a NUL', async () => `Bearer ${await sign({ ...CLAIMS, sub: 'a\u0000' })}`],
    ['no role', async () => `Bearer ${await sign({ sub: 'shop', exp: CLAIMS.exp })}`],
    ['the role owner', async () => `Bearer ${await sign({ ...CLAIMS, role: 'owner' })}`],
    ['the role job', async () => `Bearer ${await sign({ ...CLAIMS, role: 'job' })}`],
    ['the role wallet_service', async () => `Bearer ${await sign({ ...CLAIMS, role: 'wallet_service' })}`],
    ['the role toString', async () => `Bearer ${await sign({ ...CLAIMS, role: 'toString' })}`],
    ['several roles', async () => `Bearer ${await sign({ ...CLAIMS, role: ['service'] })}`],
  ] as [string, () => Promise<string> | string | undefined][])(
    'is refused with 401 where it has %s',
    async (_what, header) => {
      expect(await answerTo(gateway, await header())).toEqual(REFUSED);
    },
  );

  it('that is rejected is answered with how to send one (UNAUTHENTICATED)', async () => {
    const response = await fetch(`${gateway.url}/graphql`, { method: 'POST', body: '{}' });

    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
    expect(await response.json()).toEqual({
      errors: [{ message: 'Send a valid token: Authorization: Bearer …', extensions: { code: 'UNAUTHENTICATED' } }],
    });
  });

  it('is not accepted in the URL', async () => {
    const response = await fetch(`${gateway.url}/graphql?access_token=${await sign(CLAIMS)}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{"query": "{ assets { nodes { code } } }"}',
    });

    expect(response.status).toBe(401);
  });
});

describe('with a secret, an issuer and an audience, a token', () => {
  const gateway = createGateway({ JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE });

  it.each([
    ['both', { iss: ISSUER, aud: AUDIENCE }, TAKEN],
    ['the audience among others', { iss: ISSUER, aud: ['other', AUDIENCE] }, TAKEN],
    ['no issuer', { aud: AUDIENCE }, REFUSED],
    ['no audience', { iss: ISSUER }, REFUSED],
    ['another issuer', { iss: `${ISSUER}/`, aud: AUDIENCE }, REFUSED],
    ['another audience', { iss: ISSUER, aud: 'other' }, REFUSED],
  ])('is checked for both: %s', async (_what, claims, answer) => {
    expect(await answerTo(gateway, `Bearer ${await sign({ ...CLAIMS, ...claims })}`)).toEqual(answer);
  });

  it('of signToken has both', async () => {
    const token = await signToken({ ...AUTH, issuer: ISSUER, audience: AUDIENCE }, { role: 'player', sub: 'p' });

    expect(await answerTo(gateway, `Bearer ${token}`)).toEqual(TAKEN);
  });
});

describe('with roles as another issuer names them, a token', () => {
  const gateway = createGateway({
    JWT_ROLE_CLAIM: 'realm_access.roles',
    JWT_ROLE_MAP: 'wallet-ops=operator, shop=service',
  });
  const rolesOf = (...roles: unknown[]) => sign({ sub: 'kim', exp: CLAIMS.exp, realm_access: { roles } });
  const statusOf = async (token: string) => (await answerTo(gateway, `Bearer ${token}`))[0];

  it('has the one role of this service that it names, and the rights of that role', async () => {
    const operator = gateway.with(await rolesOf('offline_access', 'wallet-ops'));
    const service = gateway.with(await rolesOf('shop', 'uma_authorization'));
    const input = { code: 'NEW', name: 'New' };

    expect((await service.mutate('assetCreate', input, 'asset { code }')).body.errors?.[0]?.extensions.code).toBe(
      'FORBIDDEN',
    );
    expect((await operator.mutate('assetCreate', input, 'asset { code }')).body).toEqual({
      data: { assetCreate: { asset: { code: 'NEW' } } },
    });
  });

  it.each<[string, unknown[]]>([
    ['none of ours', ['offline_access']],
    ['two of ours', ['wallet-ops', 'shop']],
    ['ours by our own name only', ['operator']],
    ['no text', [{ role: 'shop' }]],
  ])('is rejected with %s', async (_what, roles) => {
    expect(await statusOf(await rolesOf(...roles))).toBe(401);
  });

  it('is rejected with the default claim instead', async () => {
    expect(await statusOf(await sign(CLAIMS))).toBe(401);
  });

  it("of npm run token has the issuer's name of the role", async () => {
    const { claim, map } = { claim: 'realm_access.roles', map: new Map([['wallet-ops', 'operator' as const]]) };

    expect(await statusOf(await signToken(AUTH, { role: 'operator', sub: 'kim' }, { claim, map }))).toBe(200);
    await expect(signToken(AUTH, { role: 'auditor', sub: 'kim' }, { claim, map })).rejects.toThrow(
      'JWT_ROLE_MAP has no name for the role auditor',
    );
  });
});

describe('with a role in a claim that is an address, a token', () => {
  const gateway = createGateway({ JWT_ROLE_CLAIM: 'https://shop.example/roles' });

  it('is accepted with a text or a list of texts', async () => {
    for (const role of ['service', ['other', 'service']]) {
      const token = await sign({ sub: 'shop', exp: CLAIMS.exp, 'https://shop.example/roles': role });
      expect(await answerTo(gateway, `Bearer ${token}`)).toEqual(TAKEN);
    }
  });
});

describe('why a token is refused', () => {
  const gateway = createGateway({ JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE });
  const good = { ...CLAIMS, iss: ISSUER, aud: AUDIENCE };
  const SECRET = 'hush-hush';

  it.each<[string, () => Promise<string> | string]>([
    ['there is no token', () => ''],
    ['the header is not the word Bearer and a token', () => `Basic ${SECRET}`],
    ['it is not a token that can be read', () => `Bearer ${SECRET}`],
    ['it has expired', async () => `Bearer ${await sign({ ...good, exp: now() - 60, note: SECRET })}`],
    ['it is not valid yet', async () => `Bearer ${await sign({ ...good, nbf: now() + 60 })}`],
    ['it has no claim exp', async () => `Bearer ${await sign({ ...good, exp: undefined })}`],
    ['it has no claim sub', async () => `Bearer ${await sign({ ...good, sub: undefined })}`],
    ['its claim iss is not what it has to be', async () => `Bearer ${await sign({ ...good, iss: SECRET })}`],
    ['its claim aud is not what it has to be', async () => `Bearer ${await sign({ ...good, aud: SECRET })}`],
    ['its signature is not one of the key', async () => `Bearer ${await sign(good, { secret: SECRET.repeat(5) })}`],
    [
      'its algorithm is not one of those that are allowed',
      async () => `Bearer ${await sign(good, { alg: 'HS512', secret: AUTH.secret.repeat(2) })}`,
    ],
    ['its claim role names no role of this service', async () => `Bearer ${await sign({ ...good, role: SECRET })}`],
    [
      'its claim sub is not a text of 1 to 200 characters',
      async () => `Bearer ${await sign({ ...good, sub: SECRET.repeat(50) })}`,
    ],
  ])("is in the log, and not in production's answer: %s", async (reason, makeHeader) => {
    const header = await makeHeader();
    const id = randomUUID();
    const response = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { Authorization: header, 'X-Request-Id': id },
    });
    const [line] = await gateway.child.prints(new RegExp(`^.*"${id}".*$`, 'm'));

    expect(JSON.parse(line)).toMatchObject({ status: 401, outcome: 'UNAUTHENTICATED', reason });
    expect(await response.json()).toEqual({
      errors: [{ message: 'Send a valid token: Authorization: Bearer …', extensions: { code: 'UNAUTHENTICATED' } }],
    });
    for (const hidden of [SECRET, ...header.split(/[ .]/).filter((part) => part.length > 8)]) {
      expect(gateway.child.stdout + gateway.child.stderr).not.toContain(hidden);
    }
  });
});

/** A server that publishes keys, for one describe block. */
class Issuer {
  keys: JWK[] = [];
  status = 200;
  asked = 0;
  /** Accepts requests and never answers. */
  hangs = false;
  readonly #server: Server = createServer((_req, res) => {
    this.asked += 1;
    if (this.hangs) return;
    res.writeHead(this.status, { 'Content-Type': 'application/json' }).end(JSON.stringify({ keys: this.keys }));
  });

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  get uri(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/keys`;
  }

  async newPair(kid: string, alg = 'RS256'): Promise<GenerateKeyPairResult> {
    const pair = await generateKeyPair(alg, { extractable: true });
    this.keys.push({ ...(await exportJWK(pair.publicKey)), kid, alg, use: 'sig' });
    return pair;
  }
}

function signWith(pair: GenerateKeyPairResult, kid: string, claims: JWTPayload = {}, alg = 'RS256'): Promise<string> {
  return new SignJWT({ ...CLAIMS, iss: ISSUER, aud: AUDIENCE, ...claims })
    .setProtectedHeader({ alg, kid })
    .sign(pair.privateKey);
}

/** Call it before the gateway is created, which reads the keys. */
function createIssuer(): { issuer: Issuer; env: Env } {
  const issuer = new Issuer();
  const env: Env = { JWT_SECRET: undefined, JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE };
  beforeAll(async () => {
    await issuer.start();
    env.JWKS_URI = issuer.uri;
  });
  afterAll(() => {
    issuer.stop();
  });
  return { issuer, env };
}

describe('with a key set, a token', () => {
  const { issuer, env } = createIssuer();
  const gateway = createGateway(env);
  let pair: GenerateKeyPairResult;
  beforeAll(async () => {
    pair = await issuer.newPair('first');
  });

  it('signed with a published key is accepted', async () => {
    expect(await answerTo(gateway, `Bearer ${await signWith(pair, 'first')}`)).toEqual(TAKEN);
  });

  it.each([
    ['another issuer', { iss: 'https://other.test' }],
    ['another audience', { aud: 'other' }],
    ['no issuer', { iss: undefined }],
    ['no audience', { aud: undefined }],
    ['no exp', { exp: undefined }],
    ['a time long past', { exp: now() - 60 }],
    ['an unknown role', { role: 'admin' }],
    ['no sub', { sub: undefined }],
  ])('is rejected with %s', async (_what, claims) => {
    expect(await answerTo(gateway, `Bearer ${await signWith(pair, 'first', claims)}`)).toEqual(REFUSED);
  });

  it('signed with the public key as an HMAC secret is rejected', async () => {
    const pem = await exportSPKI(pair.publicKey);
    const claims = base64({ ...CLAIMS, iss: ISSUER, aud: AUDIENCE });
    for (const secret of [pem, pem.trim(), JSON.stringify(issuer.keys[0]), AUTH.secret]) {
      const unsigned = `${base64({ alg: 'HS256', kid: 'first' })}.${claims}`;
      const signature = createHmac('sha256', secret).update(unsigned).digest('base64url');

      expect(await answerTo(gateway, `Bearer ${unsigned}.${signature}`)).toEqual(REFUSED);
    }
    expect(await answerTo(gateway, `Bearer ${base64({ alg: 'none', kid: 'first' })}.${claims}.`)).toEqual(REFUSED);
  });

  it("signed with an unpublished key is rejected, also under a published key's id", async () => {
    const stranger = await generateKeyPair('RS256', { extractable: true });

    expect(await answerTo(gateway, `Bearer ${await signWith(stranger, 'first')}`)).toEqual(REFUSED);
    expect(await answerTo(gateway, `Bearer ${await signWith(stranger, 'stranger')}`)).toEqual(REFUSED);
  });

  it('that contains its own key, or a URL of one, is rejected', async () => {
    const stranger = await generateKeyPair('RS256', { extractable: true });
    const jwk = await exportJWK(stranger.publicKey);
    const token = await new SignJWT({ ...CLAIMS, iss: ISSUER, aud: AUDIENCE })
      .setProtectedHeader({ alg: 'RS256', kid: 'first', jwk, jku: 'https://stranger.test/keys' })
      .sign(stranger.privateKey);

    expect(await answerTo(gateway, `Bearer ${token}`)).toEqual(REFUSED);
  });
});

describe('with a key set that cannot be read, a token', () => {
  const { issuer, env } = createIssuer();
  const gateway = createGateway(env);

  it('is answered RETRY, whatever the key server does, until the set can be fetched', async () => {
    const pair = await issuer.newPair('first');
    const header = `Bearer ${await signWith(pair, 'first')}`;
    /** Repeats the call until `until` accepts the answer; all answers before are RETRY. */
    const ask = async (until: (answer: [number, string]) => boolean) => {
      for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(100)) {
        const answer = await answerTo(gateway, header);
        if (until(answer)) return answer;
        expect(answer).toEqual([503, 'RETRY']);
      }
      throw new Error('It stays as it is');
    };
    // Without the lines about calls answered RETRY.
    const log = () => linesOfLog(gateway.child.stderr).filter((line) => line.msg !== 'answered RETRY');

    /** The log is written shortly after the answer. */
    const logged = async (lines: number) => {
      for (const deadline = Date.now() + 60_000; log().length < lines; await sleep(20)) {
        if (Date.now() > deadline) throw new Error(`not ${lines} lines: ${JSON.stringify(log())}`);
      }
    };
    const msg = 'the keys at JWKS_URI cannot be read';

    issuer.hangs = true;
    const unanswered = await Promise.all(Array.from({ length: 5 }, () => answerTo(gateway, header)));
    await logged(1);
    const first = log();
    issuer.hangs = false;
    issuer.status = 500;
    const failed = await ask(() => log().length > 1);
    issuer.status = 200;
    const taken = await ask(([status]) => status === 200);

    expect(unanswered).toEqual(Array(5).fill([503, 'RETRY']));
    expect(first).toEqual([expect.objectContaining({ msg, error: expect.stringContaining('timed out') as string })]);
    expect(failed).toEqual([503, 'RETRY']);
    expect(log()[1]).toMatchObject({ msg, error: expect.stringContaining('Expected 200 OK') as string });
    expect(taken).toEqual(TAKEN);
  });
});

describe('createAuthenticator', () => {
  const { issuer } = createIssuer();
  let service: Server;
  beforeAll(async () => {
    const app = express();
    app.use(
      createAuthenticator({ kind: 'jwks', jwksUri: new URL(issuer.uri), issuer: ISSUER, audience: AUDIENCE }),
      (_req, res) => {
        res.json(identityOf(res));
      },
    );
    service = app.listen(0);
    await once(service, 'listening');
  });
  afterAll(() => {
    service.close();
  });

  async function identify(token: string): Promise<[number, unknown]> {
    const { port } = service.address() as AddressInfo;
    const headers = { Authorization: `Bearer ${token}`, Connection: 'close' };
    const response = await fetch(`http://127.0.0.1:${port}/`, { headers });
    return [response.status, response.ok ? await response.json() : undefined];
  }

  /** Runs `work` with a clock that only `forward` moves. */
  async function withClock(work: (forward: (ms: number) => void) => Promise<void>): Promise<void> {
    const clock = jest.spyOn(Date, 'now');
    const began = Date.now();
    let ahead = 0;
    clock.mockImplementation(() => began + ahead);
    try {
      await work((ms) => (ahead += ms));
    } finally {
      clock.mockRestore();
    }
  }

  it('accepts new keys, and rejects withdrawn ones', async () => {
    const identity = { role: 'service', sub: 'shop', pgRole: 'wallet_service' };
    const old = await signWith(await issuer.newPair('old', 'ES256'), 'old', {}, 'ES256');
    await withClock(async (forward) => {
      expect(await identify(old)).toEqual([200, identity]);

      issuer.keys = [];
      const young = await signWith(await issuer.newPair('new', 'EdDSA'), 'new', {}, 'EdDSA');
      // Keys are fetched again at most every 30 seconds.
      expect(await identify(young)).toEqual([401, undefined]);
      forward(31_000);

      expect(await identify(young)).toEqual([200, identity]);
      expect(await identify(old)).toEqual([401, undefined]);
    });
  });

  it('rejects a withdrawn key after five and a half minutes, also without a new one', async () => {
    const claims = { exp: now() + 86_400 };
    await withClock(async (forward) => {
      forward(400_000);
      const pair = await issuer.newPair('withdrawn');
      expect((await identify(await signWith(pair, 'withdrawn', claims)))[0]).toBe(200);
      issuer.keys = issuer.keys.filter(({ kid }) => kid !== 'withdrawn');

      forward(290_000);
      const during = await identify(await signWith(pair, 'withdrawn', { ...claims, jti: '1' }));
      forward(11_000);
      const after = await identify(await signWith(pair, 'withdrawn', { ...claims, jti: '2' }));

      expect([during[0], after[0]]).toEqual([200, 401]);
    });
  });

  it('asks the issuer once in 30 seconds, however many unknown keys come', async () => {
    const claims = { exp: now() + 86_400 };
    const known = await issuer.newPair('known');
    const stranger = await generateKeyPair('RS256');
    const flood = (from: number) =>
      Promise.all(
        Array.from({ length: 40 }, async (_, nth) => identify(await signWith(stranger, `kid ${from + nth}`, claims))),
      );
    await withClock(async (forward) => {
      forward(2_000_000);
      expect((await identify(await signWith(known, 'known', claims)))[0]).toBe(200);
      const asked = issuer.asked;

      const seen = await flood(0);
      expect(issuer.asked).toBe(asked);
      forward(31_000);
      const later = [...(await flood(40)), ...(await flood(80))];

      expect(issuer.asked).toBe(asked + 1);
      expect(new Set([...seen, ...later].map(([status]) => status))).toEqual(new Set([401]));
      expect((await identify(await signWith(known, 'known', { ...claims, jti: '1' })))[0]).toBe(200);
    });
  });

  it('asks an unreachable issuer every two seconds, and uses the cached keys meanwhile', async () => {
    const claims = { exp: now() + 86_400 };
    const known = await issuer.newPair('known too');
    const quiet = jest.spyOn(log, 'error').mockReturnValue();
    try {
      await withClock(async (forward) => {
        forward(4_000_000);
        expect((await identify(await signWith(known, 'known too', claims)))[0]).toBe(200);
        forward(31_000);
        issuer.status = 500;
        const asked = issuer.asked;

        const strangers = [];
        for (let nth = 0; nth < 10; nth += 1) {
          strangers.push((await identify(await signWith(known, `kid ${nth}`, claims)))[0]);
        }
        const askedAtOnce = issuer.asked - asked;
        const kept = (await identify(await signWith(known, 'known too', { ...claims, jti: '1' })))[0];
        forward(2_100);
        await identify(await signWith(known, 'kid 10', claims));

        // A key that is not cached may be valid or not.
        expect(strangers).toEqual(Array(10).fill(500));
        expect([askedAtOnce, kept, issuer.asked - asked]).toEqual([1, 200, 2]);
        expect(quiet.mock.calls.map(([, msg]) => msg)).toEqual(Array(2).fill('the keys at JWKS_URI cannot be read'));
      });
    } finally {
      quiet.mockRestore();
      issuer.status = 200;
    }
  });
});

describe('an accepted token', () => {
  let service: Server;
  beforeAll(async () => {
    const app = express();
    app.use(createAuthenticator(AUTH), (_req, res) => {
      res.json(identityOf(res).sub);
    });
    service = app.listen(0);
    await once(service, 'listening');
  });
  afterAll(() => {
    service.close();
  });

  async function identify(token: string): Promise<unknown> {
    const { port } = service.address() as AddressInfo;
    const headers = { Authorization: `Bearer ${token}`, Connection: 'close' };
    const response = await fetch(`http://127.0.0.1:${port}/`, { headers });
    return response.ok ? response.json() : response.status;
  }

  it('has its signature verified once in 30 seconds', async () => {
    const [alice, bob] = [await sign({ ...CLAIMS, sub: 'alice' }), await sign({ ...CLAIMS, sub: 'bob' })];
    const forged = alice.replace(/[^.]+$/, bob.split('.')[2] ?? '');
    const check = jest.spyOn(crypto.subtle, 'verify');
    const now = Date.now();
    const clock = jest.spyOn(Date, 'now').mockReturnValue(now);
    try {
      for (let nth = 0; nth < 3; nth += 1) expect(await identify(alice)).toBe('alice');
      expect(check).toHaveBeenCalledTimes(1);
      expect(await identify(bob)).toBe('bob');
      expect(check).toHaveBeenCalledTimes(2);
      for (let nth = 0; nth < 3; nth += 1) expect(await identify(forged)).toBe(401);
      expect(check).toHaveBeenCalledTimes(5);
      clock.mockReturnValue(now + 31_000);
      expect(await identify(alice)).toBe('alice');
      expect(check).toHaveBeenCalledTimes(6);
    } finally {
      clock.mockRestore();
      check.mockRestore();
    }
  });

  it('is rejected after its expiry', async () => {
    const exp = now() + 600;
    const token = await sign({ ...CLAIMS, exp });
    try {
      // Only the date is faked; timers stay real.
      jest.useFakeTimers({ doNotFake: ALL_BUT_DATE, now: (exp + 9) * 1000 });
      expect(await identify(token)).toBe('shop');

      jest.setSystemTime((exp + 11) * 1000);

      expect(await identify(token)).toBe(401);
    } finally {
      jest.useRealTimers();
    }
  });
});

describe('identityOf', () => {
  it('throws if no authenticator has run', () => {
    const res = Object.create(express.response, { locals: { value: {} } }) as Response;

    expect(() => identityOf(res)).toThrow('Request without an identity');
  });
});

describe('isRole and isSubject', () => {
  it.each(['player', 'service', 'operator', 'auditor'])('know the role %s', (role) => {
    expect(isRole(role)).toBe(true);
  });

  it.each(['', 'Player', 'job', 'owner', 'constructor', '__proto__', null, undefined, 1, ['player']])(
    'know no role %j',
    (role) => {
      expect(isRole(role)).toBe(false);
    },
  );

  it.each(['a', ' ', 'x'.repeat(200), '🎩'.repeat(200), 'a\nb'])('know the subject %j', (sub) => {
    expect(isSubject(sub)).toBe(true);
  });

  it.each(['', 'x'.repeat(201), 'a\u0000', '\ud800', null, undefined, 7, ['a']])('know no subject %j', (sub) => {
    expect(isSubject(sub)).toBe(false);
  });
});
