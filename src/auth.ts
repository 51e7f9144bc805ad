/** Authenticates requests by their bearer token. */
import { createSecretKey } from 'node:crypto';
import type { RequestHandler, Response } from 'express';
import { createRemoteJWKSet, customFetch, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import { LRUCache } from 'lru-cache';
import type { AuthConfig } from './config.ts';
import { sendPublicError } from './errors.ts';
import { log } from './observability/log.ts';
import { setReason } from './observability/request_facts.ts';
import { OWN_NAMES, PG_ROLES, roleIn, type Identity, type RoleNames } from './roles.ts';

export { actorOf, isRole, type Identity, type Role } from './roles.ts';

/** The caller named by a valid token, and when the token expires, in milliseconds since 1970. */
export interface Bearer {
  identity: Identity;
  expiresAt: number;
}
/** Why a token was rejected. The text never quotes the token. */
export interface Refused {
  reason: string;
}
export type Identify = (header: string | undefined) => Promise<Bearer | Refused>;

type Verify = (token: string) => Promise<JWTPayload>;

const CLOCK_TOLERANCE_SECONDS = 10;
/** How long a verified token is cached: it may stay valid so much longer than its key. */
const REMEMBERED_MS = 30_000;
const REMEMBERED_CHARACTERS = 5_000_000;
/** How long fetched keys are cached: a withdrawn key may still be accepted for this time. */
const KEYS_MAX_AGE_MS = 5 * 60_000;
/** The shortest time between two fetches because of an unknown key: anyone can make up names of keys. */
const KEYS_COOLDOWN_MS = 30_000;
const KEYS_WITHIN_MS = 3_000;
/** How soon to ask again after the issuer could not give its keys. */
const KEYS_RETRY_MS = 2_000;
const CHECKED_CLAIMS = ['iss', 'aud', 'exp', 'nbf', 'iat', 'sub'];
const REASONS: Readonly<Record<string, string>> = {
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'its signature is not one of the key',
  ERR_JOSE_ALG_NOT_ALLOWED: 'its algorithm is not one of those that are allowed',
  ERR_JWKS_NO_MATCHING_KEY: 'the issuer has no such key',
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: 'it does not say which of the keys it is signed with',
};
// 1 to 200 characters, as the ledger counts them. PostgreSQL cannot store NUL in text.
const SUBJECT = /^[^\0]{1,200}$/u;

export function isSubject(sub: unknown): sub is string {
  return typeof sub === 'string' && SUBJECT.test(sub) && sub.isWellFormed();
}

/** Checks tokens for requests and for websockets. */
export function createIdentify(config: AuthConfig, roles: RoleNames = OWN_NAMES): Identify {
  const verify = remembering(verifyWith(config));
  return (header) => identifyWith(verify, roles, header);
}

/**
 * Passes only requests with a valid token, and stores the caller's identity. The log has the reason of a rejection; with `tellsWhy`, so
 * does the answer.
 */
export function createAuthenticator(
  config: AuthConfig,
  { identify = createIdentify(config), tellsWhy = false } = {},
): RequestHandler {
  return async (req, res, next) => {
    const bearer = await identify(req.headers.authorization);
    if (isRefused(bearer)) {
      setReason(res, bearer.reason);
      res.set('WWW-Authenticate', 'Bearer');
      sendPublicError(res, 401, {
        message: 'Send a valid token: Authorization: Bearer …',
        extensions: { code: 'UNAUTHENTICATED', ...(tellsWhy && { detail: { reason: bearer.reason } }) },
      });
      return;
    }
    res.locals.identity = bearer.identity;
    next();
  };
}

/** The caller's identity. Throws if the authenticator has not run, so that a missing middleware never lets a request through. */
export function identityOf(res: Response): Identity {
  const identity = res.locals.identity as Identity | undefined;
  if (!identity) throw new Error('Request without an identity');
  return identity;
}

export function isRefused(found: Bearer | Refused): found is Refused {
  return 'reason' in found;
}

async function identifyWith(verify: Verify, roles: RoleNames, header: string | undefined): Promise<Bearer | Refused> {
  if (header === undefined || header === '') return { reason: 'there is no token' };
  const token = /^Bearer +([\w.~+/=-]+)$/i.exec(header)?.[1];
  if (token === undefined) return { reason: 'the header is not the word Bearer and a token' };
  try {
    const claims = await verify(token);
    const { sub, exp = 0 } = claims;
    const role = roleIn(claims, roles);
    if (typeof role === 'object') return role;
    if (!isSubject(sub)) return { reason: 'its claim sub is not a text of 1 to 200 characters' };
    return { identity: { role, sub, pgRole: PG_ROLES[role] }, expiresAt: (exp + CLOCK_TOLERANCE_SECONDS) * 1000 };
  } catch (error) {
    // Other errors, such as an unreachable key server, do not mean that the token is invalid.
    if (error instanceof errors.JOSEError) return { reason: reasonOfRefusal(error) };
    throw error;
  }
}

/** Built from the error's code and the claim's name: the library's messages may quote the token. */
function reasonOfRefusal(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) return 'it has expired';
  if (error instanceof errors.JWTClaimValidationFailed && CHECKED_CLAIMS.includes(error.claim)) {
    if (error.reason === 'missing') return `it has no claim ${error.claim}`;
    return error.claim === 'nbf' ? 'it is not valid yet' : `its claim ${error.claim} is not what it has to be`;
  }
  return REASONS[error.code] ?? 'it is not a token that can be read';
}

/** Checks a cached token's times at each request, but not its signature, which would take a sixth of the cost of a call. */
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

function verifyWith(config: AuthConfig): Verify {
  const { issuer, audience } = config;
  const key = config.kind === 'secret' ? createSecretKey(config.secret, 'utf8') : remoteKeys(config.jwksUri);
  const options = {
    algorithms: config.kind === 'secret' ? ['HS256'] : ['RS256', 'ES256', 'PS256', 'EdDSA'],
    requiredClaims: ['exp', 'sub'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    ...(issuer !== undefined && { issuer }),
    ...(audience !== undefined && { audience }),
  };
  return async (token) => (await jwtVerify(token, key, options)).payload;
}

/** The token may be valid; errors.ts translates the code. */
class KeysUnreadable extends Error {
  override name = 'KeysUnreadable';
  readonly code = 'KEYS_UNREADABLE';

  constructor(cause: unknown) {
    super('The keys at JWKS_URI cannot be read', { cause });
  }
}

/** Tells a key that is not in the set (an invalid token) from a set that cannot be fetched. */
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
      throw new KeysUnreadable(error);
    }
  };
}

/** The message of fetch is always the same; the reason is in its cause. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message !== '' ? `${message}: ${cause.message}` : message;
}
