/** Who is calling: checks the bearer token of a request, and signs tokens for development. */
import { createSecretKey, type KeyObject } from 'node:crypto';
import type { RequestHandler, Response } from 'express';
import {
  createRemoteJWKSet,
  customFetch,
  errors,
  jwtVerify,
  SignJWT,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
} from 'jose';
import { LRUCache } from 'lru-cache';
import type { AuthConfig, JwksAuth, SecretAuth } from './config.ts';
import { sendError } from './errors.ts';
import { log } from './observability/log.ts';

/** The roles a token may name, and the database role that each becomes. */
const PG_ROLES = {
  player: 'wallet_player',
  service: 'wallet_service',
  operator: 'wallet_operator',
  auditor: 'wallet_auditor',
} as const;

export type Role = keyof typeof PG_ROLES;
export interface Identity {
  role: Role;
  sub: string;
  pgRole: string;
}

/** Whose a good token is, and until when it counts. */
export interface Bearer {
  identity: Identity;
  expiresAt: number;
}
/** From the value of an Authorization header; undefined without a good token. */
export type Identify = (header: string | undefined) => Promise<Bearer | undefined>;

type Verify = (token: string) => Promise<JWTPayload>;

const CLOCK_TOLERANCE_SECONDS = 10;
const TOKEN_LIFETIME = '12h';
/** So much longer than its key a token may count. */
const REMEMBERED_MS = 30_000;
const REMEMBERED_CHARACTERS = 5_000_000;
/** How long keys count without being asked for again: a withdrawn one may be taken for so long. */
const KEYS_MAX_AGE_MS = 5 * 60_000;
/** Keys nobody knows make us ask again, but not more often: anyone can make up names of keys. */
const KEYS_COOLDOWN_MS = 30_000;
const KEYS_WITHIN_MS = 3_000;
/** How soon an issuer that gave no keys is asked again. */
const KEYS_RETRY_MS = 2_000;
// 1 to 200 characters, as the ledger counts them; PostgreSQL has no text with a NUL.
const SUBJECT = /^[^\0]{1,200}$/u;

export function isRole(role: unknown): role is Role {
  return typeof role === 'string' && Object.hasOwn(PG_ROLES, role);
}

export function isSubject(sub: unknown): sub is string {
  return typeof sub === 'string' && SUBJECT.test(sub) && sub.isWellFormed();
}

/** The one judgement of tokens, for requests and for websockets. */
export function createIdentify(config: AuthConfig): Identify {
  const verify = remembering(config.kind === 'secret' ? verifyWithSecret(config) : verifyWithJwks(config));
  return (header) => identifyWith(verify, header);
}

/** Lets a request pass only with a good token, and remembers whose it is. */
export function createAuthenticator(config: AuthConfig, identify = createIdentify(config)): RequestHandler {
  return async (req, res, next) => {
    const bearer = await identify(req.headers.authorization);
    if (!bearer) {
      res.set('WWW-Authenticate', 'Bearer');
      sendError(res, 401, 'UNAUTHENTICATED', 'Send a valid token: Authorization: Bearer …');
      return;
    }
    res.locals.identity = bearer.identity;
    next();
  };
}

/** The identity that the authenticator found. Without one there is no answer: forgetting the middleware must not open a door. */
export function identityOf(res: Response): Identity {
  const identity = res.locals.identity as Identity | undefined;
  if (!identity) throw new Error('Request without an identity');
  return identity;
}

/** A token that the service accepts when it is configured alike. */
export async function signToken(
  { secret, issuer, audience }: SecretAuth,
  { role, sub }: Pick<Identity, 'role' | 'sub'>,
): Promise<string> {
  const token = new SignJWT({ role })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setIssuedAt()
    .setExpirationTime(TOKEN_LIFETIME);
  if (issuer !== undefined) token.setIssuer(issuer);
  if (audience !== undefined) token.setAudience(audience);
  return token.sign(secretKey(secret));
}

async function identifyWith(verify: Verify, header: string | undefined): Promise<Bearer | undefined> {
  const token = /^Bearer +([\w.~+/=-]+)$/i.exec(header ?? '')?.[1];
  if (token === undefined) return undefined;
  try {
    const { role, sub, exp = 0 } = await verify(token);
    if (!isRole(role) || !isSubject(sub)) return undefined;
    return { identity: { role, sub, pgRole: PG_ROLES[role] }, expiresAt: (exp + CLOCK_TOLERANCE_SECONDS) * 1000 };
  } catch (error) {
    // Whatever else goes wrong (the key server is down) is not the token's fault.
    if (error instanceof errors.JOSEError) return undefined;
    throw error;
  }
}

/** Checks a good token's times with each request, but not its signature: that would be a sixth of what a call costs here. */
function remembering(verify: Verify): Verify {
  const good = new LRUCache<string, JWTPayload>({
    maxSize: REMEMBERED_CHARACTERS,
    sizeCalculation: (_payload, token) => token.length,
    ttl: REMEMBERED_MS,
    ttlResolution: 0,
    perf: Date,
  });
  return async (token) => {
    const remembered = good.get(token);
    if (remembered && isCurrent(remembered)) return remembered;
    const payload = await verify(token);
    good.set(token, payload);
    return payload;
  };
}

function isCurrent({ exp = 0, nbf = 0 }: JWTPayload): boolean {
  const now = Math.floor(Date.now() / 1000);
  return exp > now - CLOCK_TOLERANCE_SECONDS && nbf <= now + CLOCK_TOLERANCE_SECONDS;
}

function verifyWithSecret({ secret, issuer, audience }: SecretAuth): Verify {
  const key = secretKey(secret);
  const options = verifyOptions(['HS256'], issuer, audience);
  return async (token) => (await jwtVerify(token, key, options)).payload;
}

function verifyWithJwks({ jwksUri, issuer, audience }: JwksAuth): Verify {
  const keys = remoteKeys(jwksUri);
  const options = verifyOptions(['RS256', 'ES256', 'PS256', 'EdDSA'], issuer, audience);
  return async (token) => (await jwtVerify(token, keys, options)).payload;
}

/** Tells a key that is not in the set (a bad token) from a set that cannot be had (our trouble: errors.ts knows the text). */
function remoteKeys(uri: URL): JWTVerifyGetKey {
  let retryAt = -Infinity;
  const keys = createRemoteJWKSet(uri, {
    cacheMaxAge: KEYS_MAX_AGE_MS,
    cooldownDuration: KEYS_COOLDOWN_MS,
    timeoutDuration: KEYS_WITHIN_MS,
    [customFetch]: async (url, options) => {
      if (Date.now() < retryAt) throw new Error('it was asked a moment ago');
      return fetch(url, options);
    },
  });
  return async (header, token) => {
    try {
      return await keys(header, token);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) throw error;
      if (Date.now() >= retryAt) {
        retryAt = Date.now() + KEYS_RETRY_MS;
        log.error({ error: reasonOf(error) }, 'the keys at JWKS_URI cannot be read');
      }
      throw new Error('The keys at JWKS_URI cannot be read', { cause: error });
    }
  };
}

/** What fetch says is always the same; why, is in its cause. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message !== '' ? `${message}: ${cause.message}` : message;
}

function verifyOptions(
  algorithms: string[],
  issuer: string | undefined,
  audience: string | undefined,
): JWTVerifyOptions {
  return {
    algorithms,
    requiredClaims: ['exp', 'sub'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    ...(issuer !== undefined && { issuer }),
    ...(audience !== undefined && { audience }),
  };
}

function secretKey(secret: string): KeyObject {
  return createSecretKey(secret, 'utf8');
}
