/** Reads the environment, once and for all: no other module looks at it. */
import { readFileSync } from 'node:fs';

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
    auth: auth && Object.freeze(auth),
  });
}

/** The password may be told apart from the URL, as `<…>DATABASE_PASSWORD`; without a URL to go with it is not used. */
function readDatabaseUrl(env: Env, name: string): string | undefined {
  const value = readSecret(env, name);
  const passwordName = name.replace(/URL$/, 'PASSWORD');
  const password = readSecret(env, passwordName);
  if (value === undefined) return undefined;
  if (!/^postgres(ql)?:\/\//.test(value)) {
    throw new ConfigError(`${name} must start with postgres:// or postgresql://`);
  }
  if (password === undefined) return value;
  const url = URL.parse(value);
  if (!url?.hostname || !url.username) throw new ConfigError(`${passwordName} needs a user and a host in ${name}`);
  if (url.password || url.searchParams.has('password')) {
    throw new ConfigError(`Set ${passwordName} or a password in ${name}, not both`);
  }
  url.password = encodeURIComponent(password);
  return url.href;
}

function readAuth(env: Env): AuthConfig | undefined {
  const secret = readSecret(env, 'JWT_SECRET');
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

/** What must not be seen in a list of processes or containers: the value, or in `<name>_FILE` the file that holds it. */
function readSecret(env: Env, name: string): string | undefined {
  const fileName = `${name}_FILE`;
  const value = text(env, name);
  const file = text(env, fileName);
  if (file === undefined) return value;
  if (value !== undefined) throw new ConfigError(`Set ${name} or ${fileName}, not both`);
  const content = readSecretFile(fileName, file).trim();
  if (content === '') throw new ConfigError(`${fileName}: ${file} is empty`);
  return content;
}

function readSecretFile(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw new ConfigError(`${name}: ${file} cannot be read (${code})`, { cause: error });
  }
}
