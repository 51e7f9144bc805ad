/** Who comes in, and as whom: the picker of development, tokens, and an issuer by the code flow with PKCE. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { signToken } from '../../src/dev/sign_token.ts';
import { AUTH } from '../../src/testing.ts';
import { axe, describeInBrowser, PICTURES, type Visit } from './browser.ts';
import { playScene, type Scene } from './ledger.ts';

async function withToken({ page }: Visit, token: string): Promise<void> {
  const summary = page.getByText('With a token');
  await summary.waitFor();
  if (!(await page.getByLabel('Token', { exact: true }).isVisible())) await summary.click();
  await page.getByLabel('Token', { exact: true }).fill(token);
  await page.getByRole('button', { name: 'Log in' }).click();
}

describeInBrowser('coming into the console in development', (visitor) => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await playScene(visitor.gateway.as('operator'));
  });

  it('/ leads to a picker of roles, which asks for no token, and keeps the address that one came for', async () => {
    const visit = await visitor.visit('/');
    const { page } = visit;
    await page.getByRole('button', { name: /^Operator/ }).waitFor();
    expect(new URL(page.url()).pathname).toBe('/console/');
    await page.screenshot({ path: `${PICTURES}/sign-in-light.png` });
    expect(await axe(visit)).toEqual([]);
    expect([visit.violations, visit.errors]).toEqual([[], []]);

    await page.goto(`/console/wallets/${scene.wallet}`);
    await page.getByRole('button', { name: /^Auditor/ }).click();
    await page.getByRole('heading', { name: scene.owner }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: scene.owner }).waitFor();

    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByRole('button', { name: /^Operator/ }).waitFor();
    expect(await page.evaluate('Object.keys(sessionStorage).filter((name) => name.includes("session"))')).toEqual([]);
  });

  it('a player is told that this is not for players', async () => {
    const visit = await visitor.visit('/console/');
    await withToken(visit, await signToken(AUTH, { role: 'player', sub: scene.owner }));

    await visit.page.getByText('This is not for players.').waitFor();
    expect(await visit.page.getByRole('navigation').count()).toBe(0);
    expect(await axe(visit)).toEqual([]);
  });

  it('a token that the service does not take is refused in words', async () => {
    const visit = await visitor.visit('/console/');
    await withToken(visit, 'eyJhbGciOiJIUzI1NiJ9.e30.nothing');

    await visit.page.getByRole('alert').getByText('The service does not take this token.').waitFor();
  });

  it('a session that ends asks to log in again, and goes on where it was, with what was typed', async () => {
    const { page } = await visitor.as('Operator', `/console/wallets/${scene.wallet}?do=top_up`);
    await page.getByRole('dialog').getByLabel('Amount').fill('12.34');
    // The token counts no more from now on.
    await page.route('**/graphql', (route) =>
      route.fulfill({ status: 401, json: { errors: [{ message: 'no', extensions: { code: 'UNAUTHENTICATED' } }] } }),
    );
    await page.getByRole('dialog').getByRole('button', { name: 'Top up' }).click();
    await page.getByText('Your session has ended.').waitFor();
    await page.unrouteAll();

    await page.getByRole('button', { name: /^Operator/ }).click();
    // It was sent, and whoever comes back has to look before anything else.
    await page.getByRole('dialog').getByRole('button', { name: 'Check' }).click();
    await page.getByRole('dialog').getByText('It has not been done so far.').waitFor();
    expect(await page.getByRole('dialog').getByLabel('Amount').inputValue()).toBe('12.34');
  });

  it('the search leads from an id to what it names, and from an owner to the wallet', async () => {
    const { page } = await visitor.as('Operator');
    const find = async (text: string): Promise<void> => {
      await page.getByRole('searchbox').fill(text);
      await page.getByRole('searchbox').press('Enter');
    };
    await find(scene.topUpTransfer);
    await page.getByRole('heading', { name: 'Top-up of 1,250.00 GOLD' }).waitFor();
    await find(scene.wallet.toUpperCase());
    await page.getByRole('heading', { name: scene.owner }).waitFor();
    await find('nobody at all');
    await page.getByText('No owner begins with this.').waitFor();
    await find(scene.owner);
    await page.getByRole('heading', { name: scene.owner }).waitFor();
    await find('00000000-0000-4000-8000-000000000000');
    await page.getByText('Nothing has this id.').waitFor();
  });

  it('keys: ? shows them, / goes to the search, g w to the wallets, j and Enter open a row', async () => {
    const { page } = await visitor.as('Operator', '/console/');
    await page.getByText('players own').first().waitFor();
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor({ state: 'hidden' });
    await page.keyboard.press('/');
    expect(await page.evaluate('document.activeElement.type')).toBe('search');
    await page.getByRole('heading', { name: 'Overview' }).click();
    await page.keyboard.press('g');
    await page.keyboard.press('w');
    await page.getByRole('cell', { name: scene.owner }).waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.getByText('Why this balance').waitFor();
  });

  it('a booking elsewhere is seen without a reload', async () => {
    const { page } = await visitor.as('Operator', `/console/wallets/${scene.other}`);
    await page.getByText('live', { exact: true }).waitFor();
    await visitor.gateway
      .as('service')
      .receipt('walletTopUp', { walletId: scene.other, amount: '777', idemKey: 'live-1' });

    await page.getByRole('cell', { name: '+7.77' }).waitFor();
  });
});

/** An issuer as far as the code flow needs one. It checks what PKCE asks for. */
class Issuer {
  readonly #server: Server;
  #challenge = '';
  readonly #keys = generateKeyPair('ES256');
  readonly seen: string[] = [];

  constructor() {
    this.#server = createServer((request, response) => {
      void this.#answer(request.url ?? '', request, response);
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(
    path: string,
    request: NodeJS.ReadableStream,
    response: import('node:http').ServerResponse,
  ): Promise<void> {
    const url = new URL(path, this.url);
    const json = (body: object, status = 200): void => {
      response.writeHead(status, { 'Content-Type': 'application/json', 'Access-Control-Allow-Origin': '*' });
      response.end(JSON.stringify(body));
    };
    this.seen.push(url.pathname);
    switch (url.pathname) {
      case '/.well-known/openid-configuration':
        json({
          issuer: this.url,
          authorization_endpoint: `${this.url}/authorize`,
          token_endpoint: `${this.url}/token`,
          jwks_uri: `${this.url}/jwks`,
        });
        return;
      case '/jwks':
        json({ keys: [{ ...(await exportJWK((await this.#keys).publicKey)), kid: 'key', alg: 'ES256' }] });
        return;
      case '/authorize': {
        const { searchParams } = url;
        this.#challenge = searchParams.get('code_challenge') ?? '';
        const back = new URL(searchParams.get('redirect_uri') ?? '');
        back.searchParams.set('code', 'the-code');
        back.searchParams.set('state', searchParams.get('state') ?? '');
        response.writeHead(302, { Location: back.href });
        response.end();
        return;
      }
      case '/token': {
        let body = '';
        for await (const chunk of request) body += String(chunk);
        const form = new URLSearchParams(body);
        const digest = createHash('sha256')
          .update(form.get('code_verifier') ?? '')
          .digest('base64url');
        if (form.get('code') !== 'the-code' || digest !== this.#challenge) json({ error: 'invalid_grant' }, 400);
        else
          json({
            token_type: 'Bearer',
            expires_in: 600,
            access_token: await this.#sign('wallet'),
            id_token: await this.#sign('console'),
          });
        return;
      }
      default:
        json({ error: 'not_found' }, 404);
    }
  }

  async #sign(audience: string): Promise<string> {
    return new SignJWT({ roles: ['other', 'wallet-audit'] })
      .setProtectedHeader({ alg: 'ES256', kid: 'key' })
      .setSubject('ada')
      .setIssuer(this.url)
      .setAudience(audience)
      .setIssuedAt()
      .setExpirationTime('10m')
      .sign((await this.#keys).privateKey);
  }
}

const issuer = new Issuer();
await issuer.start();
afterAll(() => issuer.stop());

describeInBrowser(
  'coming into the console by an issuer',
  (visitor) => {
    it('goes there and back with PKCE, to the address that one came for, as what the service calls the role', async () => {
      const visit = await visitor.visit('/console/audit');
      const { page } = visit;
      expect(await page.getByRole('button', { name: /Operator/ }).count()).toBe(0);
      await page.getByRole('button', { name: 'Log in' }).click();

      await page.getByRole('heading', { name: 'Audit' }).waitFor();
      await page.getByText('auditor', { exact: true }).waitFor();
      await page.getByRole('button', { name: 'Prove the ledger' }).click();
      await page.getByText('The ledger is sound: no rule is broken.').waitFor();
      expect(page.url()).toBe(`${visitor.gateway.url}/console/audit`);
      expect(issuer.seen).toContain('/token');
      expect([visit.violations, visit.errors]).toEqual([[], []]);

      await page.reload();
      await page.getByRole('heading', { name: 'Audit' }).waitFor();
    });
  },
  {
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    JWT_SECRET: undefined,
    JWKS_URI: `${issuer.url}/jwks`,
    JWT_ISSUER: issuer.url,
    JWT_AUDIENCE: 'wallet',
    JWT_ROLE_CLAIM: 'roles',
    JWT_ROLE_MAP: 'wallet-audit=auditor',
    OIDC_AUTHORITY: issuer.url,
    OIDC_CLIENT_ID: 'console',
  },
);
