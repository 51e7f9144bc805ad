/** An issuer over HTTP: the code flow with PKCE, refresh tokens that count once, and log-out. It signs with a key of its own. */
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

/** The client renews a token a minute before it ends: this one in a moment. */
export const SOON = 61;
const LATE = 600;

interface Person {
  sub: string;
  roles: string[];
}

interface Answer {
  status?: number;
  location?: string;
  body?: object;
}

export class Issuer {
  /** Who sits at the browser; undefined for somebody who does not want to log in. */
  person: Person | undefined = { sub: 'ada', roles: [] };
  /** How long the next token is said to count, in seconds. */
  nextLasts = LATE;
  /** Whether refresh tokens count. */
  renews = true;
  /** What was asked for: the path, and of the token's endpoint how. */
  readonly seen: string[] = [];
  readonly #server: Server;
  readonly #keys = generateKeyPair('ES256');
  readonly #codes = new Map<string, { person: Person; challenge: string }>();
  readonly #refreshTokens = new Map<string, Person>();

  constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response));
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

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status = 200, location, body = {} } = await this.#answer(new URL(request.url ?? '', this.url), request);
    response.writeHead(location === undefined ? status : 302, {
      'Content-Type': 'application/json',
      'Access-Control-Allow-Origin': '*',
      ...(location !== undefined && { Location: location }),
    });
    response.end(JSON.stringify(body));
  }

  async #answer({ pathname, searchParams }: URL, request: IncomingMessage): Promise<Answer> {
    if (pathname !== '/token') this.seen.push(pathname);
    switch (pathname) {
      case '/.well-known/openid-configuration':
        return {
          body: {
            issuer: this.url,
            authorization_endpoint: `${this.url}/authorize`,
            token_endpoint: `${this.url}/token`,
            revocation_endpoint: `${this.url}/revoke`,
            end_session_endpoint: `${this.url}/leave`,
            jwks_uri: `${this.url}/jwks`,
          },
        };
      case '/jwks':
        return { body: { keys: [{ ...(await exportJWK((await this.#keys).publicKey)), kid: 'key', alg: 'ES256' }] } };
      case '/authorize':
        return { location: this.#authorize(searchParams) };
      case '/token':
        return this.#token(await formOf(request));
      case '/revoke':
        this.#refreshTokens.delete((await formOf(request)).get('token') ?? '');
        return {};
      case '/leave':
        if (!searchParams.get('id_token_hint')) return { status: 400 };
        return { location: searchParams.get('post_logout_redirect_uri') ?? '' };
      default:
        return { status: 404 };
    }
  }

  #authorize(asked: URLSearchParams): string {
    const back = new URL(asked.get('redirect_uri') ?? '');
    back.searchParams.set('state', asked.get('state') ?? '');
    if (this.person && asked.get('code_challenge_method') === 'S256') {
      const code = randomUUID();
      this.#codes.set(code, { person: this.person, challenge: asked.get('code_challenge') ?? '' });
      back.searchParams.set('code', code);
    } else {
      back.searchParams.set('error', 'access_denied');
      back.searchParams.set('error_description', 'They thought better of it');
    }
    return back.href;
  }

  async #token(form: URLSearchParams): Promise<Answer> {
    this.seen.push(`/token ${form.get('grant_type') ?? ''}`);
    const person = form.get('grant_type') === 'refresh_token' ? this.#refreshed(form) : this.#redeemed(form);
    if (!person) return { status: 400, body: { error: 'invalid_grant' } };
    const lasts = this.nextLasts;
    this.nextLasts = LATE;
    const refresh = randomUUID();
    this.#refreshTokens.set(refresh, person);
    return {
      body: {
        token_type: 'Bearer',
        expires_in: lasts,
        refresh_token: refresh,
        access_token: await this.sign(person, 'wallet'),
        id_token: await this.sign(person, 'console'),
      },
    };
  }

  #redeemed(form: URLSearchParams): Person | undefined {
    const code = form.get('code') ?? '';
    const found = this.#codes.get(code);
    this.#codes.delete(code);
    const digest = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    return found?.challenge === digest ? found.person : undefined;
  }

  #refreshed(form: URLSearchParams): Person | undefined {
    const token = form.get('refresh_token') ?? '';
    const person = this.#refreshTokens.get(token);
    this.#refreshTokens.delete(token);
    return this.renews ? person : undefined;
  }

  async sign({ sub, roles }: Person, audience: string): Promise<string> {
    return new SignJWT({ roles })
      .setProtectedHeader({ alg: 'ES256', kid: 'key' })
      .setSubject(sub)
      .setIssuer(this.url)
      .setAudience(audience)
      .setIssuedAt()
      .setJti(randomUUID())
      .setExpirationTime('1h')
      .sign((await this.#keys).privateKey);
  }
}

async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  return new URLSearchParams(body);
}
