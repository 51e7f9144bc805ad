/** Reads the environment, once and for all: no other module looks at it. */
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

export interface Config {
  /** Undefined: an embedded PostgreSQL. */
  databaseUrl: string | undefined;
  /** The worker's own login. Undefined: it uses the database's URL where that is a superuser's. */
  workerDatabaseUrl: string | undefined;
  port: number;
  /** Connections for calls and downloads together. */
  poolSize: number;
  production: boolean;
  /** How long a process that was told to end still answers, so that balancers see it leave. */
  drainGraceMs: number;
  /** Requests of one caller, over all processes. Undefined: as many as come. */
  rateLimitPerMinute: number | undefined;
  /** Whether callers may read the GraphQL schema. */
  introspection: boolean;
  /** Where the documents are that may be named by their hash, and whether nothing else is accepted. */
  persisted: { path: string; only: boolean } | undefined;
  /** Undefined in development only: there the service keeps a secret of its own. */
  auth: AuthConfig | undefined;
}

/** A setting that cannot work. The message is one line for the person who set it. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

type Env = Record<string, string | undefined>;

const MIN_SECRET_BYTES = 32;

export function readConfig(env: Env): Readonly<Config> {
  const production = env.NODE_ENV === 'production';
  const auth = readAuth(env);
  if (production && !auth) throw new ConfigError('In production, set JWT_SECRET or JWKS_URI');
  return Object.freeze({
    databaseUrl: readDatabaseUrl(env, 'DATABASE_URL'),
    workerDatabaseUrl: readDatabaseUrl(env, 'WORKER_DATABASE_URL'),
    port: readInteger(env, 'PORT', { fallback: 5678, min: 0, max: 65_535 }),
    // One connection at least for GraphQL and one for downloads.
    poolSize: readInteger(env, 'POOL_SIZE', { fallback: 10, min: 2, max: 1000 }),
    production,
    drainGraceMs: readInteger(env, 'DRAIN_GRACE_MS', { fallback: 1000, min: 0, max: 60_000 }),
    rateLimitPerMinute:
      text(env, 'RATE_LIMIT_PER_MINUTE') === undefined
        ? undefined
        : readInteger(env, 'RATE_LIMIT_PER_MINUTE', { fallback: 0, min: 1, max: 1_000_000 }),
    introspection: readBoolean(env, 'GRAPHQL_INTROSPECTION', !production),
    persisted: readPersisted(env),
    auth: auth && Object.freeze(auth),
  });
}

function readDatabaseUrl(env: Env, name: string): string | undefined {
  const url = text(env, name);
  if (url !== undefined && !/^postgres(ql)?:\/\//.test(url)) {
    throw new ConfigError(`${name} must start with postgres:// or postgresql://`);
  }
  return url;
}

function readAuth(env: Env): AuthConfig | undefined {
  const secret = text(env, 'JWT_SECRET');
  const jwksUri = text(env, 'JWKS_URI');
  const issuer = text(env, 'JWT_ISSUER');
  const audience = text(env, 'JWT_AUDIENCE');
  if (jwksUri !== undefined) {
    if (secret !== undefined) throw new ConfigError('Set JWT_SECRET or JWKS_URI, not both');
    if (issuer === undefined || audience === undefined)
      throw new ConfigError('JWKS_URI needs JWT_ISSUER and JWT_AUDIENCE too');
    return { kind: 'jwks', jwksUri: readJwksUri(jwksUri), issuer, audience };
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

function readJwksUri(value: string): URL {
  const url = URL.parse(value);
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:')
    throw new ConfigError('JWKS_URI must be an http or https URL');
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

function readPersisted(env: Env): Config['persisted'] {
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
