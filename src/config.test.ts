import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'pg-connection-string';
import { ConfigError, readConfig } from './config.ts';

const SECRET = 'x'.repeat(32);
const JWKS = { JWKS_URI: 'https://issuer.test/keys', JWT_ISSUER: 'https://issuer.test', JWT_AUDIENCE: 'wallet' };

describe('readConfig', () => {
  it('needs no variables in development', () => {
    expect(readConfig({})).toEqual({
      databaseUrl: undefined,
      passwords: { database: undefined, worker: undefined, read: undefined },
      workerDatabaseUrl: undefined,
      readDatabaseUrl: undefined,
      nodes: undefined,
      readMaxStalenessMs: 5000,
      host: '127.0.0.1',
      port: 5678,
      workers: 1,
      poolSize: 10,
      groupCalls: true,
      maxSockets: 1000,
      verifyCron: '17 3 * * *',
      webhooks: { allowedNetworks: [], timeoutMs: 15_000, firstRetryMs: 5_000 },
      production: false,
      logLevel: 'info',
      otlpEndpoint: undefined,
      drainGraceMs: 1000,
      rateLimitPerMinute: undefined,
      corsOrigins: [],
      roles: { claim: 'role', isList: false },
      introspection: true,
      persisted: undefined,
      oidc: undefined,
      auth: undefined,
    });
  });

  it('counts an empty variable as unset', () => {
    const empty = {
      DATABASE_URL: '',
      WORKER_DATABASE_URL: '',
      READ_DATABASE_URL: '',
      NODES: '',
      READ_MAX_STALENESS_MS: '',
      HOST: '',
      PORT: ' ',
      CORS_ORIGINS: ' ',
      JWT_ROLE_CLAIM: '',
      JWT_ROLE_MAP: '',
      POOL_SIZE: '',
      GROUP_CALLS: '',
      LOG_LEVEL: '',
      OTEL_EXPORTER_OTLP_ENDPOINT: '',
      DRAIN_GRACE_MS: '',
      RATE_LIMIT_PER_MINUTE: '',
      GRAPHQL_INTROSPECTION: '',
      PERSISTED_DOCUMENTS: '',
      PERSISTED_DOCUMENTS_ONLY: '',
      MAX_SOCKETS: '',
      VERIFY_CRON: '',
      WEBHOOK_ALLOWED_NETWORKS: '',
      WEBHOOK_TIMEOUT_MS: '',
      WEBHOOK_FIRST_RETRY_MS: '',
      OIDC_AUTHORITY: '',
      OIDC_CLIENT_ID: ' ',
      JWT_SECRET: '',
      JWKS_URI: '',
      JWT_ISSUER: '',
      JWT_AUDIENCE: '',
    };

    expect(readConfig({ ...empty, NODE_ENV: '' })).toEqual(readConfig({}));
  });

  it('reads all variables', () => {
    const config = readConfig({
      DATABASE_URL: 'postgresql://u:p@db:5432/wallet?sslmode=disable',
      WORKER_DATABASE_URL: 'postgres://w:p@db/wallet',
      READ_DATABASE_URL: 'postgres://u:p@standby/wallet',
      READ_MAX_STALENESS_MS: '500',
      HOST: '::1',
      PORT: '0',
      GATEWAY_WORKERS: '3',
      POOL_SIZE: '6',
      GROUP_CALLS: 'false',
      CORS_ORIGINS: 'https://shop.example, http://localhost:5173',
      JWT_ROLE_CLAIM: 'realm_access.roles',
      JWT_ROLE_MAP: 'wallet-ops=operator , a=b = service',
      DRAIN_GRACE_MS: '0',
      RATE_LIMIT_PER_MINUTE: '600',
      GRAPHQL_INTROSPECTION: 'true',
      PERSISTED_DOCUMENTS: '/documents',
      PERSISTED_DOCUMENTS_ONLY: 'true',
      MAX_SOCKETS: '0',
      VERIFY_CRON: '*/30 4-6 * * 0',
      WEBHOOK_ALLOWED_NETWORKS: '10.1.2.0/24, fd00:1::/64',
      WEBHOOK_TIMEOUT_MS: '1000',
      WEBHOOK_FIRST_RETRY_MS: '10',
      NODE_ENV: 'production',
      LOG_LEVEL: 'warn',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
      OIDC_AUTHORITY: 'https://id.example/realms/wallet/',
      OIDC_CLIENT_ID: 'console',
      JWT_SECRET: SECRET,
      JWT_ISSUER: 'issuer',
      JWT_AUDIENCE: 'wallet',
    });

    expect(config).toEqual({
      databaseUrl: 'postgresql://u:p@db:5432/wallet?sslmode=disable',
      workerDatabaseUrl: 'postgres://w:p@db/wallet',
      passwords: { database: undefined, worker: undefined, read: undefined },
      readDatabaseUrl: 'postgres://u:p@standby/wallet',
      nodes: undefined,
      readMaxStalenessMs: 500,
      host: '::1',
      port: 0,
      workers: 3,
      poolSize: 6,
      groupCalls: false,
      maxSockets: 0,
      verifyCron: '*/30 4-6 * * 0',
      webhooks: {
        allowedNetworks: [
          { address: '10.1.2.0', bits: 24 },
          { address: 'fd00:1::', bits: 64 },
        ],
        timeoutMs: 1_000,
        firstRetryMs: 10,
      },
      production: true,
      logLevel: 'warn',
      otlpEndpoint: new URL('http://collector:4318'),
      drainGraceMs: 0,
      rateLimitPerMinute: 600,
      corsOrigins: ['https://shop.example', 'http://localhost:5173'],
      roles: {
        claim: 'realm_access.roles',
        isList: true,
        map: new Map([
          ['wallet-ops', 'operator'],
          ['a=b', 'service'],
        ]),
      },
      introspection: true,
      persisted: { path: '/documents', only: true },
      oidc: { authority: 'https://id.example/realms/wallet', clientId: 'console' },
      auth: { kind: 'secret', secret: SECRET, issuer: 'issuer', audience: 'wallet' },
    });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('reads VERIFY_CRON=off as never, and refuses an invalid crontab', () => {
    expect(readConfig({ VERIFY_CRON: 'off' }).verifyCron).toBeUndefined();
    for (const VERIFY_CRON of ['daily', '* * * *', '* * * * * *', '* * * * * verify\n* * * * * other', '@daily'])
      expect(() => readConfig({ VERIFY_CRON })).toThrow(
        new ConfigError('VERIFY_CRON must be five fields of a crontab, such as 17 3 * * *, or off'),
      );
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
    [{}, true],
    [{ NODE_ENV: 'production' }, false],
    [{ NODE_ENV: 'production', GRAPHQL_INTROSPECTION: 'true' }, true],
    [{ GRAPHQL_INTROSPECTION: 'false' }, false],
  ])('allows introspection by default in development only: %j', (env, expected) => {
    expect(readConfig({ JWT_SECRET: SECRET, ...env }).introspection).toBe(expected);
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
    [{ NODES: '/nodes.json', GATEWAY_WORKERS: '2' }, 'NODES needs GATEWAY_WORKERS 1'],
    [{ NODES: '/nodes.json', DATABASE_URL: 'postgres://u:p@db/wallet' }, 'NODES or DATABASE_URL, not both'],
    [{ NODES: '/nodes.json', WORKER_DATABASE_URL_FILE: '/url' }, 'NODES or WORKER_DATABASE_URL, not both'],
    [{ READ_MAX_STALENESS_MS: '499' }, 'READ_MAX_STALENESS_MS'],
    [{ PORT: 'http' }, 'PORT'],
    [{ PORT: '-1' }, 'PORT'],
    [{ PORT: '65536' }, 'PORT'],
    [{ PORT: '1e3' }, 'PORT'],
    [{ PORT: '80.5' }, 'PORT'],
    [{ PORT: '0x50' }, 'PORT'],
    [{ HOST: 'http://localhost' }, 'HOST'],
    [{ HOST: '127.0.0.1:80' }, 'HOST'],
    [{ HOST: '[::1]' }, 'HOST'],
    [{ HOST: '*' }, 'HOST'],
    [{ HOST: 'a b' }, 'HOST'],
    [{ CORS_ORIGINS: '*' }, 'CORS_ORIGINS'],
    [{ CORS_ORIGINS: 'null' }, 'CORS_ORIGINS'],
    [{ CORS_ORIGINS: 'shop.example' }, 'CORS_ORIGINS'],
    [{ CORS_ORIGINS: 'https://*.shop.example' }, 'CORS_ORIGINS'],
    [
      { CORS_ORIGINS: 'https://shop.example/' },
      'CORS_ORIGINS: "https://shop.example/" is not an origin: write it as https://shop.example',
    ],
    [{ CORS_ORIGINS: 'https://Shop.example' }, 'write it as https://shop.example'],
    [{ CORS_ORIGINS: 'https://shop.example:443' }, 'write it as https://shop.example'],
    [{ CORS_ORIGINS: 'https://shop.example,' }, 'CORS_ORIGINS'],
    [{ CORS_ORIGINS: 'file:///shop' }, 'CORS_ORIGINS'],
    [{ JWT_ROLE_CLAIM: 'realm_access..roles' }, 'JWT_ROLE_CLAIM'],
    [{ JWT_ROLE_CLAIM: '.roles' }, 'JWT_ROLE_CLAIM'],
    [{ JWT_ROLE_MAP: 'wallet-ops' }, 'JWT_ROLE_MAP: wallet-ops must be'],
    [{ JWT_ROLE_MAP: 'wallet-ops=admin' }, 'JWT_ROLE_MAP'],
    [{ JWT_ROLE_MAP: 'wallet-ops=toString' }, 'JWT_ROLE_MAP'],
    [{ JWT_ROLE_MAP: '=operator' }, 'JWT_ROLE_MAP'],
    [{ JWT_ROLE_MAP: 'a=operator,' }, 'JWT_ROLE_MAP'],
    [{ JWT_ROLE_MAP: 'a=operator,a=service' }, 'JWT_ROLE_MAP has a twice'],
    [{ POOL_SIZE: '1' }, 'POOL_SIZE'],
    [{ POOL_SIZE: '5', GATEWAY_WORKERS: '3' }, 'POOL_SIZE'],
    [{ GATEWAY_WORKERS: '0' }, 'GATEWAY_WORKERS'],
    [{ GATEWAY_WORKERS: '65' }, 'GATEWAY_WORKERS'],
    [{ GATEWAY_WORKERS: 'all' }, 'GATEWAY_WORKERS'],
    [{ POOL_SIZE: '1001' }, 'POOL_SIZE'],
    [{ POOL_SIZE: 'many' }, 'POOL_SIZE'],
    [{ LOG_LEVEL: 'verbose' }, 'LOG_LEVEL'],
    [{ LOG_LEVEL: 'INFO' }, 'LOG_LEVEL'],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, 'OTEL_EXPORTER_OTLP_ENDPOINT'],
    [{ DRAIN_GRACE_MS: '-1' }, 'DRAIN_GRACE_MS'],
    [{ DRAIN_GRACE_MS: '1s' }, 'DRAIN_GRACE_MS'],
    [{ DRAIN_GRACE_MS: '60001' }, 'DRAIN_GRACE_MS'],
    [{ RATE_LIMIT_PER_MINUTE: '0' }, 'RATE_LIMIT_PER_MINUTE'],
    [{ RATE_LIMIT_PER_MINUTE: '10/s' }, 'RATE_LIMIT_PER_MINUTE'],
    [{ GRAPHQL_INTROSPECTION: 'yes' }, 'GRAPHQL_INTROSPECTION'],
    [{ GROUP_CALLS: 'off' }, 'GROUP_CALLS'],
    [{ PERSISTED_DOCUMENTS: 'x', PERSISTED_DOCUMENTS_ONLY: '1' }, 'PERSISTED_DOCUMENTS_ONLY'],
    [{ PERSISTED_DOCUMENTS_ONLY: 'true' }, 'PERSISTED_DOCUMENTS'],
    [{ MAX_SOCKETS: '-1' }, 'MAX_SOCKETS'],
    [{ MAX_SOCKETS: '100001' }, 'MAX_SOCKETS'],
    [{ WEBHOOK_ALLOWED_NETWORKS: '10.1.2.3' }, 'WEBHOOK_ALLOWED_NETWORKS: "10.1.2.3" is not a network'],
    [{ WEBHOOK_ALLOWED_NETWORKS: '10.1.2.0/33' }, 'WEBHOOK_ALLOWED_NETWORKS'],
    [{ WEBHOOK_ALLOWED_NETWORKS: 'localhost/8' }, 'WEBHOOK_ALLOWED_NETWORKS'],
    [{ WEBHOOK_ALLOWED_NETWORKS: '10.0.0.0/8,' }, 'WEBHOOK_ALLOWED_NETWORKS'],
    [{ WEBHOOK_TIMEOUT_MS: '99' }, 'WEBHOOK_TIMEOUT_MS'],
    [{ WEBHOOK_FIRST_RETRY_MS: '1s' }, 'WEBHOOK_FIRST_RETRY_MS'],
    [{ OIDC_AUTHORITY: 'https://id.example' }, 'OIDC_AUTHORITY and OIDC_CLIENT_ID go together'],
    [{ OIDC_CLIENT_ID: 'console' }, 'OIDC_AUTHORITY and OIDC_CLIENT_ID go together'],
    [{ OIDC_AUTHORITY: 'id.example', OIDC_CLIENT_ID: 'console' }, 'OIDC_AUTHORITY must be'],
    [{ OIDC_AUTHORITY: 'https://u:p@id.example', OIDC_CLIENT_ID: 'console' }, 'OIDC_AUTHORITY must be'],
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
    // The message must not contain the value, which may be a secret.
    for (const value of Object.values(env).filter((text) => text === SECRET || text === 'short')) {
      expect(read).not.toThrow(new RegExp(value ?? ''));
    }
  });
});

describe('secrets in files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wallet secrets '));
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });
  let files = 0;

  function fileWith(content: string): string {
    const path = join(folder, String((files += 1)));
    writeFileSync(path, content);
    return path;
  }

  function refused(env: Record<string, string>): string {
    try {
      readConfig(env);
    } catch (error) {
      if (error instanceof ConfigError) return error.message;
      throw error;
    }
    throw new Error('not refused');
  }

  it('reads each from the file that <NAME>_FILE names, without surrounding white space', () => {
    const config = readConfig({
      NODE_ENV: 'production',
      DATABASE_URL_FILE: fileWith('postgresql://u:p@db/wallet\n'),
      WORKER_DATABASE_URL_FILE: fileWith(' postgresql://w:p@db/wallet '),
      JWT_SECRET_FILE: fileWith(`${SECRET}\r\n`),
    });

    expect(config).toMatchObject({
      databaseUrl: 'postgresql://u:p@db/wallet',
      workerDatabaseUrl: 'postgresql://w:p@db/wallet',
      auth: { kind: 'secret', secret: SECRET },
    });
  });

  it('counts an empty <NAME>_FILE as unset', () => {
    expect(readConfig({ DATABASE_URL_FILE: '', DATABASE_PASSWORD_FILE: ' ', JWT_SECRET_FILE: '' })).toEqual(
      readConfig({}),
    );
  });

  it.each(['plain', 'p%41ss', "a:b/c?d#e@f[g]h&i=j+k l'm\\n", 'pässwörd €'])(
    'puts the password %j into a URL without one',
    (password) => {
      const urls = readConfig({
        DATABASE_URL: 'postgresql://u@db:5433/wallet?options=-c%20jit%3Doff',
        DATABASE_PASSWORD_FILE: fileWith(`${password}\n`),
        WORKER_DATABASE_URL: 'postgres://w@db/wallet',
        WORKER_DATABASE_PASSWORD: password,
      });

      expect(parse(urls.databaseUrl ?? '')).toMatchObject({
        user: 'u',
        password,
        host: 'db',
        port: '5433',
        database: 'wallet',
        options: '-c jit=off',
      });
      expect(parse(urls.workerDatabaseUrl ?? '')).toMatchObject({
        user: 'w',
        password,
        host: 'db',
        database: 'wallet',
      });
    },
  );

  it('reads a password again for each connection, also from a URL in a file, and names a missing file', () => {
    const files = {
      own: fileWith("first%4 'n'\n"),
      url: fileWith('postgres://w:first%25@db/wallet'),
      none: fileWith('postgres://r@db/w'),
    };
    const { passwords } = readConfig({
      DATABASE_URL: 'postgres://u@db/wallet',
      DATABASE_PASSWORD_FILE: files.own,
      WORKER_DATABASE_URL_FILE: files.url,
      READ_DATABASE_URL_FILE: files.none,
    });
    const now = () => [passwords.database?.(), passwords.worker?.(), passwords.read?.()];
    const before = now();
    writeFileSync(files.own, 'second');
    writeFileSync(files.url, 'postgres://w:second@db/wallet');

    expect([before, now()]).toEqual([
      ["first%4 'n'", 'first%', undefined],
      ['second', 'second', undefined],
    ]);
    rmSync(files.own);
    expect(() => passwords.database?.()).toThrow(`DATABASE_PASSWORD_FILE: ${files.own} cannot be read (ENOENT)`);
  });

  it('ignores a password without its URL', () => {
    expect(readConfig({ DATABASE_PASSWORD: 'p', WORKER_DATABASE_PASSWORD_FILE: fileWith('p') })).toEqual(
      readConfig({}),
    );
  });

  it.each(['DATABASE_URL', 'WORKER_DATABASE_URL', 'JWT_SECRET'])('refuses %s with a file beside it', (name) => {
    const value = name === 'JWT_SECRET' ? SECRET : 'postgresql://u:hush@db/wallet';

    expect(refused({ [name]: value, [`${name}_FILE`]: fileWith(value) })).toBe(`Set ${name} or ${name}_FILE, not both`);
  });

  it.each(['DATABASE', 'WORKER_DATABASE'])('refuses %s_PASSWORD if the URL has no place for it', (name) => {
    const refusal = (url: string) => refused({ [`${name}_URL`]: url, [`${name}_PASSWORD_FILE`]: fileWith('hush') });

    for (const url of ['postgresql://u:hush@db/wallet', 'postgresql://u@db/wallet?password=hush']) {
      expect(refusal(url)).toBe(`Set ${name}_PASSWORD or a password in ${name}_URL, not both`);
    }
    for (const url of ['postgresql:///wallet?host=/tmp', 'postgresql://db/wallet', 'postgresql://u@/wallet']) {
      expect(refusal(url)).toBe(`${name}_PASSWORD needs a user and a host in ${name}_URL`);
    }
  });

  it.each(['DATABASE_URL', 'DATABASE_PASSWORD', 'WORKER_DATABASE_URL', 'WORKER_DATABASE_PASSWORD', 'JWT_SECRET'])(
    'refuses %s_FILE for a missing or empty file, in one line with both names',
    (name) => {
      const refusal = (file: string) => refused({ [`${name}_FILE`]: file });
      const missing = join(folder, 'missing');
      const empty = fileWith(' \n');

      expect(refusal(missing)).toBe(`${name}_FILE: ${missing} cannot be read (ENOENT)`);
      expect(refusal(folder)).toBe(`${name}_FILE: ${folder} cannot be read (EISDIR)`);
      expect(refusal(empty)).toBe(`${name}_FILE: ${empty} is empty`);
    },
  );

  it('checks the content of the file without showing it', () => {
    expect(refused({ JWT_SECRET_FILE: fileWith('hush') })).toBe('JWT_SECRET must have 32 bytes or more');
    expect(refused({ DATABASE_URL_FILE: fileWith('mysql://u:hush@db') })).not.toContain('hush');
    expect(refused({ NODE_ENV: 'production' })).toContain('JWT_SECRET');
  });
});
