/** The console: its files, who a token is, and what its pages have to know before anybody has logged in. */
import { readdirSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { extname, join } from 'node:path';
import express, { Router, type RequestHandler } from 'express';
import { isRefused, isRole, type Identify, type Role } from '../auth.ts';
import type { OidcConfig } from '../config.ts';
import { sendError, sendPublicError } from '../errors.ts';
import { jsonBody } from '../http/body.ts';

/** In development: a token for whoever sits at this machine, without further question. */
export interface SignIn {
  roles: readonly Role[];
  mayUse: (request: IncomingMessage) => boolean;
  sign: (role: Role) => Promise<string>;
}

export interface ConsoleOptions {
  /** What was built; the routes are there with it alone. */
  folder: string | undefined;
  /** Whether `/` leads here. */
  isHome?: boolean;
  oidc?: OidcConfig | undefined;
  identify: Identify;
  signIn?: SignIn | undefined;
}

const MAX_BODY_BYTES = 1_000;
/** Their names change with what is in them. */
const FOR_EVER = 'public, max-age=31536000, immutable';

export function consoleRouter({ folder, isHome = false, oidc, identify, signIn }: ConsoleOptions): Router {
  const router = Router();
  if (folder === undefined) return router;
  const assets = join(folder, 'assets');
  const policy = policyFor(oidc);
  if (isHome) router.get('/', (_req, res) => res.redirect('/console/'));
  router.use('/console', (_req, res, next) => {
    res.set('Content-Security-Policy', policy);
    next();
  });
  router.get('/console/settings.json', (req, res) => {
    res.json({ oidc: oidc ?? null, roles: signIn?.mayUse(req) === true ? signIn.roles : [] });
  });
  router.get('/console/me', whoAmI(identify));
  if (signIn) router.post('/console/token', fromOurPage(signIn), jsonBody(MAX_BODY_BYTES), tokenOf(signIn));
  router.use('/console/assets', compressed(assets), express.static(assets, { ...STATIC, setHeaders: keptForEver }));
  router.get(['/console', '/console/{*path}'], (req, res, next) => {
    if (req.path.startsWith('/console/assets/')) next();
    else res.sendFile('index.html', { root: folder, cacheControl: false });
  });
  return router;
}

const STATIC = { index: false, redirect: false, acceptRanges: false, cacheControl: false } as const;

const keptForEver: NonNullable<Parameters<typeof express.static>[1]>['setHeaders'] = (res) => {
  res.setHeader('Cache-Control', FOR_EVER);
};

/** Nothing but its own files, and the issuer where people log in. Texts become no markup: there is no policy that could make any. */
function policyFor(oidc: OidcConfig | undefined): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src 'self'${oidc ? ` ${new URL(oidc.authority).origin}` : ''}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
}

/** The role as the service reads it, whatever the issuer calls it. */
function whoAmI(identify: Identify): RequestHandler {
  return async (req, res) => {
    const bearer = await identify(req.headers.authorization);
    if (isRefused(bearer)) {
      sendPublicError(res, 401, { message: 'Send a valid token', extensions: { code: 'UNAUTHENTICATED' } });
      return;
    }
    const { identity, expiresAt } = bearer;
    res.json({ role: identity.role, sub: identity.sub, expiresAt: new Date(expiresAt).toISOString() });
  };
}

/** For all others it is not there. A page of another site can neither send JSON here, without being asked, nor read the answer. */
function fromOurPage({ mayUse }: SignIn): RequestHandler {
  return (req, res, next) => {
    const site = req.headers['sec-fetch-site'];
    if (mayUse(req) && (site === undefined || site === 'same-origin') && req.is('application/json') !== false) next();
    else sendError(res, 404, 'NOT_FOUND', 'not found');
  };
}

function tokenOf({ roles, sign }: SignIn): RequestHandler {
  return async (req, res) => {
    const { role } = req.body as { role?: unknown };
    if (isRole(role) && roles.includes(role)) res.json({ token: await sign(role) });
    else sendError(res, 400, 'INVALID_ARGUMENT', `role must be one of ${roles.join(', ')}`);
  };
}

/** What was compressed when it was built is sent so. */
function compressed(folder: string): RequestHandler {
  const names = new Set(readdirSync(folder));
  return (req, res, next) => {
    res.vary('Accept-Encoding');
    const name = `${req.path}.br`;
    if (names.has(name.slice(1)) && req.acceptsEncodings('br') === 'br') {
      res.type(extname(req.path));
      res.set('Content-Encoding', 'br');
      req.url = name;
    }
    next();
  };
}
