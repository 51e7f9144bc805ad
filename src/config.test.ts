import { ConfigError, readConfig } from './config.ts';

const SECRET = 'x'.repeat(32);
const JWKS = { JWKS_URI: 'https://issuer.test/keys', JWT_ISSUER: 'https://issuer.test', JWT_AUDIENCE: 'wallet' };

describe('readConfig', () => {
  it('needs nothing in development', () => {
    expect(readConfig({})).toEqual({
      databaseUrl: undefined,
      workerDatabaseUrl: undefined,
      readDatabaseUrl: undefined,
      readMaxStalenessMs: 5000,
      port: 5678,
      poolSize: 10,
      production: false,
      auth: undefined,
    });
  });

  it('counts an empty variable as unset', () => {
    const empty = {
      DATABASE_URL: '',
      WORKER_DATABASE_URL: '',
      READ_DATABASE_URL: '',
      READ_MAX_STALENESS_MS: '',
      PORT: ' ',
      POOL_SIZE: '',
      JWT_SECRET: '',
      JWKS_URI: '',
      JWT_ISSUER: '',
      JWT_AUDIENCE: '',
    };

    expect(readConfig({ ...empty, NODE_ENV: '' })).toEqual(readConfig({}));
  });

  it('reads everything', () => {
    const config = readConfig({
      DATABASE_URL: 'postgresql://u:p@db:5432/wallet?sslmode=disable',
      WORKER_DATABASE_URL: 'postgres://w:p@db/wallet',
      READ_DATABASE_URL: 'postgres://u:p@standby/wallet',
      READ_MAX_STALENESS_MS: '500',
      PORT: '0',
      POOL_SIZE: '2',
      NODE_ENV: 'production',
      JWT_SECRET: SECRET,
      JWT_ISSUER: 'issuer',
      JWT_AUDIENCE: 'wallet',
    });

    expect(config).toEqual({
      databaseUrl: 'postgresql://u:p@db:5432/wallet?sslmode=disable',
      workerDatabaseUrl: 'postgres://w:p@db/wallet',
      readDatabaseUrl: 'postgres://u:p@standby/wallet',
      readMaxStalenessMs: 500,
      port: 0,
      poolSize: 2,
      production: true,
      auth: { kind: 'secret', secret: SECRET, issuer: 'issuer', audience: 'wallet' },
    });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('reads a key set with its issuer and audience', () => {
    expect(readConfig({ ...JWKS, NODE_ENV: 'production' }).auth).toEqual({
      kind: 'jwks',
      jwksUri: new URL(JWKS.JWKS_URI),
      issuer: JWKS.JWT_ISSUER,
      audience: JWKS.JWT_AUDIENCE,
    });
  });

  it.each(['development', 'test', 'Production', undefined])('is in development where NODE_ENV is %s', (NODE_ENV) => {
    expect(readConfig({ NODE_ENV }).production).toBe(false);
  });

  it.each([
    ['é'.repeat(16), true],
    ['é'.repeat(15) + 'x', false],
    [SECRET.slice(1), false],
  ])('counts the bytes of the secret %s', (JWT_SECRET, enough) => {
    if (enough) expect(readConfig({ JWT_SECRET }).auth).toEqual({ kind: 'secret', secret: JWT_SECRET });
    else expect(() => readConfig({ JWT_SECRET })).toThrow('JWT_SECRET must have 32 bytes or more');
  });

  it.each([
    [{ DATABASE_URL: 'mysql://localhost/wallet' }, 'DATABASE_URL'],
    [{ DATABASE_URL: 'localhost:5432/wallet' }, 'DATABASE_URL'],
    [{ DATABASE_URL: 'postgres:wallet' }, 'DATABASE_URL'],
    [{ WORKER_DATABASE_URL: 'db:5432/wallet' }, 'WORKER_DATABASE_URL'],
    [{ READ_DATABASE_URL: 'standby:5432/wallet' }, 'READ_DATABASE_URL'],
    [{ READ_MAX_STALENESS_MS: '499' }, 'READ_MAX_STALENESS_MS'],
    [{ PORT: 'http' }, 'PORT'],
    [{ PORT: '-1' }, 'PORT'],
    [{ PORT: '65536' }, 'PORT'],
    [{ PORT: '1e3' }, 'PORT'],
    [{ PORT: '80.5' }, 'PORT'],
    [{ PORT: '0x50' }, 'PORT'],
    [{ POOL_SIZE: '1' }, 'POOL_SIZE'],
    [{ POOL_SIZE: '1001' }, 'POOL_SIZE'],
    [{ POOL_SIZE: 'many' }, 'POOL_SIZE'],
    [{ JWT_SECRET: 'short' }, 'JWT_SECRET'],
    [{ ...JWKS, JWT_SECRET: SECRET }, 'JWT_SECRET or JWKS_URI'],
    [{ ...JWKS, JWT_ISSUER: '' }, 'JWT_ISSUER'],
    [{ ...JWKS, JWT_AUDIENCE: undefined }, 'JWT_AUDIENCE'],
    [{ ...JWKS, JWKS_URI: 'issuer.test/keys' }, 'JWKS_URI'],
    [{ ...JWKS, JWKS_URI: 'file:///keys.json' }, 'JWKS_URI'],
    [{ NODE_ENV: 'production' }, 'JWT_SECRET'],
    [{ NODE_ENV: 'production', JWT_ISSUER: 'issuer' }, 'JWT_SECRET'],
  ] as [Record<string, string | undefined>, string][])('refuses %j in one line that names %s', (env, name) => {
    const read = () => readConfig(env);

    expect(read).toThrow(ConfigError);
    expect(read).toThrow(new RegExp(`^[^\\n]*${name}[^\\n]*$`));
    // Not the value: it may be a secret.
    for (const value of Object.values(env).filter((text) => text === SECRET || text === 'short')) {
      expect(read).not.toThrow(new RegExp(value ?? ''));
    }
  });
});
