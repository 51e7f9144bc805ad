/** The console: its files, who a token is, and what its pages have to know before anybody has logged in. */
import { existsSync, readdirSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import express, { Router, type RequestHandler } from 'express';
import { identityOf, isRole, type Role } from '../auth.ts';
import type { OidcConfig } from '../config.ts';
import { sendError } from '../errors.ts';
import { jsonBody } from '../http/body.ts';

export interface ConsoleOptions {
  /** What was built; the routes are there with it alone. */
  folder: string | undefined;
  /** Whether `/` leads here. */
  isHome?: boolean;
  oidc?: OidcConfig | undefined;
  authenticate: RequestHandler;
  /** In development: a token for whoever sits at this machine, without further question. */
  signIn?:
    | { roles: readonly Role[]; mayUse: (request: IncomingMessage) => boolean; sign: (role: Role) => Promise<string> }
    | undefined;
}

const FOLDER = fileURLToPath(new URL('../../console/dist', import.meta.url));
const MAX_BODY_BYTES = 1_000;
const STATIC = { index: false, redirect: false, acceptRanges: false, cacheControl: false } as const;

/** Where what was built is. */
export function consoleFolder(): string | undefined {
  return existsSync(join(FOLDER, 'index.html')) ? FOLDER : undefined;
}

export function consoleRouter({ folder, isHome = false, oidc, authenticate, signIn }: ConsoleOptions): Router {
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
  // The role as the service reads it, whatever the issuer calls it.
  router.get('/console/me', authenticate, (_req, res) => {
    const { role, sub } = identityOf(res);
    res.json({ role, sub });
  });
  if (signIn) router.post('/console/token', jsonBody(MAX_BODY_BYTES), tokenOf(signIn));
  router.use('/console/assets', compressed(assets), express.static(assets, { ...STATIC, setHeaders: keptForEver }));
  router.get(['/console', '/console/{*path}'], (req, res, next) => {
    if (req.path.startsWith('/console/assets/')) next();
    else res.sendFile('index.html', { root: folder, cacheControl: false });
  });
  return router;
}

/** Their names change with what is in them. */
const keptForEver: NonNullable<Parameters<typeof express.static>[1]>['setHeaders'] = (res) => {
  res.setHeader('Cache-Control', 'public, max-age=31536000, immutable');
};

/** The two styles that React Aria puts into the page: of what can be pressed, and on iOS of what lies over the page. */
const REACT_ARIA_STYLES =
  "'sha256-38RhXrc7EdReTKsOm23ZPOCUgniTUUcjky8QOOrQx6o=' 'sha256-gYiS/BvZvRcK27JIXTuwhZ3hs2+VJ1X+2gUlE+farlg='";

/** Nothing but its own files, and the issuer where people log in. Texts become no markup: there is no policy that could make any. */
function policyFor(oidc: OidcConfig | undefined): string {
  const connect = ["'self'", ...(oidc ? [new URL(oidc.authority).origin] : [])].join(' ');
  return (
    `default-src 'none'; script-src 'self'; style-src 'self' ${REACT_ARIA_STYLES}; img-src 'self'; connect-src ${connect}; base-uri 'none'; ` +
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
  );
}

/** For all others it is not there. A page of another site can neither send JSON here, without being asked, nor read the answer. */
function tokenOf({ roles, mayUse, sign }: NonNullable<ConsoleOptions['signIn']>): RequestHandler {
  return async (req, res) => {
    const site = req.headers['sec-fetch-site'] ?? 'same-origin';
    const isOurs = mayUse(req) && site === 'same-origin' && req.is('application/json') !== false;
    const { role } = (isOurs ? (req.body ?? {}) : {}) as { role?: unknown };
    if (!isOurs) sendError(res, 404, 'NOT_FOUND', 'not found');
    else if (isRole(role) && roles.includes(role)) res.json({ token: await sign(role) });
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
      res.type(extname(req.path)).set('Content-Encoding', 'br');
      req.url = name;
    }
    next();
  };
}
