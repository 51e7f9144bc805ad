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
  /** When the worker verifies the ledger, as a crontab says it, in UTC. Undefined: never. */
  verifyCron: string | undefined;
  production: boolean;
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
    verifyCron: readVerifyCron(env),
    production,
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

function readVerifyCron(env: Env): string | undefined {
  const value = text(env, 'VERIFY_CRON') ?? '17 3 * * *';
  if (value === 'off') return undefined;
  if (/^[\d*,/-]+( +[\d*,/-]+){4}$/.test(value)) return value;
  throw new ConfigError('VERIFY_CRON must be five fields of a crontab, such as 17 3 * * *, or off');
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

/** An empty variable counts as unset. */
function text(env: Env, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === '' ? undefined : value;
}
