/** Reads the environment, once and for all: no other module looks at it. */
import { readFileSync } from 'node:fs';
import { isIP, isIPv6 } from 'node:net';
import pg from 'pg';
import { isRole, OWN_NAMES, PG_ROLES, type Role, type RoleNames } from './roles.ts';

export interface SecretAuth {
  kind: 'secret';
  secret: string;
  issuer?: string;
  audience?: string;
}
export interface JwksAuth {
  kind: 'jwks';
  jwksUri: URL;
  issuer: string;
  audience: string;
}
export type AuthConfig = SecretAuth | JwksAuth;

/** Where people log in to the console. */
export interface OidcConfig {
  authority: string;
  clientId: string;
}

/** A range of addresses: those that share so many bits. */
export interface Network {
  address: string;
  bits: number;
}

export interface WebhookConfig {
  /** Networks inside ours that webhooks may be sent to, also without TLS. */
  allowedNetworks: readonly Network[];
  /** From the look-up of a name to an answer's headers. */
  timeoutMs: number;
  /** After a first try that failed; later pauses are longer. */
  firstRetryMs: number;
}

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface PersistedConfig {
  path: string;
  only: boolean;
}

/** Undefined where there is none. */
export type ReadPassword = () => string | undefined;

/** `node`: of several databases, the name of the one that this is for. */
export type Config = ReturnType<typeof readCommandConfig> & { node?: string };

/** A setting that cannot work. The message is one line for the person who set it. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

type Env = Record<string, string | undefined>;

export const MIN_SECRET_BYTES = 32;
/** One connection at least for calls, and one for downloads. */
const MIN_POOL_SIZE = 2;

/** For the service, which in production needs to know who signs its tokens. */
export function readConfig(env: Env): Config {
  const config = readCommandConfig(env);
  if (config.production && !config.auth) throw new ConfigError('In production, set JWT_SECRET or JWKS_URI');
  const { workers, poolSize, nodes } = config;
  if (nodes !== undefined && workers > 1) {
    throw new ConfigError('NODES needs GATEWAY_WORKERS 1: for more processes, start the service several times');
  }
  if (poolSize < workers * MIN_POOL_SIZE) {
    throw new ConfigError(
      `POOL_SIZE must be ${workers * MIN_POOL_SIZE} or more with GATEWAY_WORKERS ${workers}: ${MIN_POOL_SIZE} for each`,
    );
  }
  return config;
}

/** For commands: they only need a database. */
export function readCommandConfig(env: Env) {
  const production = env.NODE_ENV === 'production';
  const auth = readAuth(env);
  return Object.freeze({
    /** A file that says which database has which wallets. Undefined: one has all of them. */
    nodes: readNodes(env),
    ...readDatabases(env),
    /** What is older, the standby is not asked for. */
    readMaxStalenessMs: readInteger(env, 'READ_MAX_STALENESS_MS', { fallback: 5_000, min: 500, max: 3_600_000 }),
    /** Where it listens: an address or a name of this machine. Undefined: on all of its addresses. */
    host: readHost(env) ?? (production ? undefined : '127.0.0.1'),
    port: readInteger(env, 'PORT', { fallback: 5678, min: 0, max: 65_535 }),
    /** Processes that serve. */
    workers: readInteger(env, 'GATEWAY_WORKERS', { fallback: 1, min: 1, max: 64 }),
    /** Connections for calls and downloads together, of all processes that serve. */
    poolSize: readInteger(env, 'POOL_SIZE', { fallback: 10, min: MIN_POOL_SIZE, max: 1000 }),
    /** Whether calls that book may be sent to the database together. */
    groupCalls: readBoolean(env, 'GROUP_CALLS', true),
    /** Websockets at a time, of all processes that serve. */
    maxSockets: readInteger(env, 'MAX_SOCKETS', { fallback: 1000, min: 0, max: 100_000 }),
    /** When the worker verifies the ledger, as a crontab says it, in UTC. Undefined: never. */
    verifyCron: readVerifyCron(env),
    production,
    logLevel: readLogLevel(env),
    /** Where traces are sent. Undefined: there are none. */
    otlpEndpoint: readUrl(env, 'OTEL_EXPORTER_OTLP_ENDPOINT'),
    /** How long a process that has to end still answers, so that balancers see it leave. */
    drainGraceMs: readInteger(env, 'DRAIN_GRACE_MS', { fallback: 1000, min: 0, max: 60_000 }),
    /** Requests of one caller, over all processes. Undefined: as many as come. */
    rateLimitPerMinute:
      text(env, 'RATE_LIMIT_PER_MINUTE') === undefined
        ? undefined
        : readInteger(env, 'RATE_LIMIT_PER_MINUTE', { fallback: 0, min: 1, max: 1_000_000 }),
    /** Of pages that may call. */
    corsOrigins: readOrigins(env),
    /** How tokens name roles. */
    roles: readRoles(env),
    /** Whether callers may read the GraphQL schema. */
    introspection: readBoolean(env, 'GRAPHQL_INTROSPECTION', !production),
    /** Where the documents are that may be named by their hash, and whether nothing else is accepted. */
    persisted: readPersisted(env),
    /** For the process with the worker, which sends them. */
    webhooks: Object.freeze<WebhookConfig>({
      allowedNetworks: readNetworks(env, 'WEBHOOK_ALLOWED_NETWORKS'),
      timeoutMs: readInteger(env, 'WEBHOOK_TIMEOUT_MS', { fallback: 15_000, min: 100, max: 60_000 }),
      firstRetryMs: readInteger(env, 'WEBHOOK_FIRST_RETRY_MS', { fallback: 5_000, min: 10, max: 3_600_000 }),
    }),
    /** Undefined: nobody logs in to the console by an issuer. */
    oidc: readOidc(env),
    /** Undefined in development only: there the service keeps a secret of its own. */
    auth: auth && Object.freeze(auth),
  });
}

/** How a database and its copy are reached: of the service, or of a node. */
export function readDatabases(env: Env) {
  return {
    /** Undefined: an embedded PostgreSQL. */
    databaseUrl: readDatabaseUrl(env, 'DATABASE_URL'),
    /** The passwords of the URLs as their files have them now; undefined where they are not in a file. */
    passwords: Object.freeze({
      database: passwordReader(env, 'DATABASE_URL'),
      worker: passwordReader(env, 'WORKER_DATABASE_URL'),
      read: passwordReader(env, 'READ_DATABASE_URL'),
    }),
    /** The worker's own login. Undefined: it uses the database's URL where that is a superuser's. */
    workerDatabaseUrl: readDatabaseUrl(env, 'WORKER_DATABASE_URL'),
    /** A streaming standby for queries and downloads. Undefined: the primary answers them. */
    readDatabaseUrl: readDatabaseUrl(env, 'READ_DATABASE_URL'),
  };
}

function readNodes(env: Env): string | undefined {
  const path = text(env, 'NODES');
  const other = ['DATABASE_URL', 'WORKER_DATABASE_URL', 'READ_DATABASE_URL'].find(
    (name) => text(env, name) ?? text(env, `${name}_FILE`),
  );
  if (path === undefined || other === undefined) return path;
  throw new ConfigError(`Set NODES or ${other}, not both: the file has the databases of each node`);
}

/** The password may be given apart from the URL, as `<…>DATABASE_PASSWORD`; without a URL to go with it is not used. */
export function readDatabaseUrl(env: Env, name: string): string | undefined {
  const value = readSecret(env, name);
  const passwordName = name.replace(/URL$/, 'PASSWORD');
  const password = readSecret(env, passwordName);
  if (value === undefined) return undefined;
  if (!/^postgres(ql)?:\/\//.test(value)) {
    throw new ConfigError(`${name} must start with postgres:// or postgresql://`);
  }
  checkDatabaseUrl(name, value);
  if (password === undefined) return value;
  const url = URL.parse(value);
  if (!url?.hostname || !url.username) throw new ConfigError(`${passwordName} needs a user and a host in ${name}`);
  if (url.password || url.searchParams.has('password')) {
    throw new ConfigError(`Set ${passwordName} or a password in ${name}, not both`);
  }
  url.password = encodeURIComponent(password);
  return url.href;
}

/** As pg reads it, which also opens the certificates that the URL names. Its own messages may quote the password. */
function checkDatabaseUrl(name: string, value: string): void {
  try {
    const { host, port } = new pg.Client({ connectionString: value });
    if (host && !/[\s%]/.test(host) && port > 0 && port <= 65_535) return;
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    if (code !== undefined && path !== undefined)
      throw new ConfigError(`${name} names ${path}, which cannot be read (${code})`, { cause: error });
  }
  throw new ConfigError(
    `${name} cannot be read as a URL: postgresql://user:password@host:port/database, with %40 for an @ in the password`,
  );
}

/** For connections that are opened later: by then the file may have another password, or a URL with another one. */
function passwordReader(env: Env, name: string): ReadPassword | undefined {
  const [urlFile, passwordFile] = [`${name}_FILE`, `${name.replace(/URL$/, 'PASSWORD')}_FILE`].map((file) =>
    text(env, file),
  );
  if (urlFile === undefined && (text(env, name) === undefined || passwordFile === undefined)) return undefined;
  return () => {
    const url = URL.parse(readDatabaseUrl(env, name) ?? '');
    return url?.searchParams.get('password') ?? (url?.password ? decodeURIComponent(url.password) : undefined);
  };
}

function readLogLevel(env: Env): LogLevel {
  const value = text(env, 'LOG_LEVEL') ?? 'info';
  const level = LOG_LEVELS.find((name) => name === value);
  if (level === undefined) throw new ConfigError(`LOG_LEVEL must be one of ${LOG_LEVELS.join(', ')}`);
  return level;
}

function readVerifyCron(env: Env): string | undefined {
  const value = text(env, 'VERIFY_CRON') ?? '17 3 * * *';
  if (value === 'off') return undefined;
  if (/^[\d*,/-]+( +[\d*,/-]+){4}$/.test(value)) return value;
  throw new ConfigError('VERIFY_CRON must be five fields of a crontab, such as 17 3 * * *, or off');
}

function readAuth(env: Env): AuthConfig | undefined {
  const secret = readSecret(env, 'JWT_SECRET');
  const jwksUri = readUrl(env, 'JWKS_URI');
  const issuer = text(env, 'JWT_ISSUER');
  const audience = text(env, 'JWT_AUDIENCE');
  if (jwksUri !== undefined) {
    if (secret !== undefined) throw new ConfigError('Set JWT_SECRET or JWKS_URI, not both');
    if (issuer === undefined || audience === undefined)
      throw new ConfigError('JWKS_URI needs JWT_ISSUER and JWT_AUDIENCE too');
    return { kind: 'jwks', jwksUri, issuer, audience };
  }
  if (secret === undefined) return undefined;
  if (Buffer.byteLength(secret) < MIN_SECRET_BYTES) {
    throw new ConfigError(`JWT_SECRET must have ${MIN_SECRET_BYTES} bytes or more`);
  }
  return {
    kind: 'secret',
    secret,
    ...(issuer !== undefined && { issuer }),
    ...(audience !== undefined && { audience }),
  };
}

function readOidc(env: Env): OidcConfig | undefined {
  const authority = readUrl(env, 'OIDC_AUTHORITY');
  const clientId = text(env, 'OIDC_CLIENT_ID');
  if (authority === undefined && clientId === undefined) return undefined;
  if (authority === undefined || clientId === undefined)
    throw new ConfigError('OIDC_AUTHORITY and OIDC_CLIENT_ID go together');
  if (authority.username || authority.password || authority.search || authority.hash)
    throw new ConfigError('OIDC_AUTHORITY must be the URL of the issuer and no more');
  return Object.freeze({ authority: authority.href.replace(/\/$/, ''), clientId });
}

/** Whether it is one of this machine shows when it listens. */
function readHost(env: Env): string | undefined {
  const value = text(env, 'HOST');
  if (value === undefined || isIP(value) > 0 || /^[a-z\d]([a-z\d.-]{0,251}[a-z\d])?$/i.test(value)) return value;
  throw new ConfigError('HOST must be an address or a name of this machine, such as 127.0.0.1, ::1 or 0.0.0.0');
}

function readOrigins(env: Env): string[] {
  return (listed(env, 'CORS_ORIGINS') ?? []).map((value) => {
    // A host may hold the sign, but there are no patterns.
    const url = value.includes('*') ? null : URL.parse(value);
    const origin = url?.protocol === 'https:' || url?.protocol === 'http:' ? url.origin : undefined;
    if (origin === value) return origin;
    throw new ConfigError(`CORS_ORIGINS: "${value}" is not an origin: write it as ${origin ?? 'https://shop.example'}`);
  });
}

function readNetworks(env: Env, name: string): Network[] {
  return (listed(env, name) ?? []).map((value) => {
    const [, address = '', bits = ''] = /^([\da-fA-F.:]+)\/(\d{1,3})$/.exec(value) ?? [];
    if (isIP(address) > 0 && Number(bits) <= (isIPv6(address) ? 128 : 32)) return { address, bits: Number(bits) };
    throw new ConfigError(`${name}: "${value}" is not a network: write it as 10.1.2.0/24 or fd00:1::/64`);
  });
}

function readRoles(env: Env): RoleNames {
  const claim = text(env, 'JWT_ROLE_CLAIM') ?? OWN_NAMES.claim;
  if (/^\.|\.\.|\.$/.test(claim))
    throw new ConfigError('JWT_ROLE_CLAIM must be the name of a claim, or names with a point between');
  const pairs = listed(env, 'JWT_ROLE_MAP');
  const isList = text(env, 'JWT_ROLE_CLAIM') !== undefined || pairs !== undefined;
  if (pairs === undefined) return { claim, isList };
  const map = new Map<string, Role>();
  for (const pair of pairs) {
    // The issuer's name may hold the sign itself.
    const [, name = '', role] = /^(.*\S)\s*=\s*(\S+)$/.exec(pair) ?? [];
    if (!isRole(role)) {
      throw new ConfigError(
        `JWT_ROLE_MAP: ${pair} must be a name of the issuer, = and one of ${Object.keys(PG_ROLES).join(', ')}`,
      );
    }
    if (map.has(name)) throw new ConfigError(`JWT_ROLE_MAP has ${name} twice`);
    map.set(name, role);
  }
  return { claim, isList, map };
}

/** What stands between commas. */
function listed(env: Env, name: string): string[] | undefined {
  return text(env, name)
    ?.split(',')
    .map((item) => item.trim());
}

function readUrl(env: Env, name: string): URL | undefined {
  const value = text(env, name);
  if (value === undefined) return undefined;
  const url = URL.parse(value);
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:')
    throw new ConfigError(`${name} must be an http or https URL`);
  return url;
}

function readInteger(
  env: Env,
  name: string,
  { fallback, min, max }: { fallback: number; min: number; max: number },
): number {
  const value = text(env, name) ?? String(fallback);
  const number = /^\d{1,9}$/.test(value) ? Number(value) : NaN;
  if (!(number >= min && number <= max)) throw new ConfigError(`${name} must be a whole number from ${min} to ${max}`);
  return number;
}

function readPersisted(env: Env): PersistedConfig | undefined {
  const path = text(env, 'PERSISTED_DOCUMENTS');
  const only = readBoolean(env, 'PERSISTED_DOCUMENTS_ONLY', false);
  if (only && path === undefined) throw new ConfigError('PERSISTED_DOCUMENTS_ONLY needs PERSISTED_DOCUMENTS too');
  return path === undefined ? undefined : { path, only };
}

function readBoolean(env: Env, name: string, fallback: boolean): boolean {
  const value = text(env, name) ?? String(fallback);
  if (value !== 'true' && value !== 'false') throw new ConfigError(`${name} must be true or false`);
  return value === 'true';
}

/** An empty variable counts as unset. */
function text(env: Env, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === '' ? undefined : value;
}

/** What must not be seen in a list of processes or containers: the value, or in `<name>_FILE` the file that holds it. */
function readSecret(env: Env, name: string): string | undefined {
  const fileName = `${name}_FILE`;
  const value = text(env, name);
  const file = text(env, fileName);
  if (file === undefined) return value;
  if (value !== undefined) throw new ConfigError(`Set ${name} or ${fileName}, not both`);
  let content: string;
  try {
    content = readFileSync(file, 'utf8').trim();
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw new ConfigError(`${fileName}: ${file} cannot be read (${code})`, { cause: error });
  }
  if (content === '') throw new ConfigError(`${fileName}: ${file} is empty`);
  return content;
}
