import { existsSync, readFileSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import pg from 'pg';
import { createDatabase, newAsset, newWallet } from '../db/tests/helpers.ts';
import { AUTH, Child, type Env, execute, ROOT } from './testing.ts';
import { blocksOf, read } from './testing_docs.ts';

const SLOW_MS = 120_000;

/** A copy of the project after `npm ci`, without files of a running service. */
async function freshCopy(name = "wallet it's 100% ü#"): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), name)));
  // PostgreSQL must be able to enter it; as root it runs as another user.
  await chmod(folder, 0o755);
  const left = new Set(['node_modules', '.data', '.git', 'coverage']);
  await cp(ROOT, folder, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => !left.has(basename(path)),
  });
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** A process that ended counts as gone, even if its parent has not read the exit code. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    const status = `/proc/${pid}/status`;
    return !existsSync(status) || !/^State:\s+Z/m.test(readFileSync(status, 'utf8'));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function query(url: string, ...statements: string[]): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    let rows: unknown[] = [];
    for (const statement of statements) ({ rows } = await client.query(statement));
    return rows;
  } finally {
    await client.end();
  }
}

describe('npm start in an empty folder', () => {
  let cwd = '';
  let service: Child;
  let databaseUrl = '';
  let serverPid = 0;

  const npm = (...args: string[]) => execute('npm', ['--silent', ...args], { cwd });
  const pidFile = () => join(cwd, '.data/postgres/data/postmaster.pid');
  /** Every row of the log, to show that nothing changes. */
  const rows = () =>
    query(
      databaseUrl,
      `select 'transfer' as row, t::text from ledger.transfers t union all select 'entry', e::text from ledger.entries e
       union all select 'event', v::text from ledger.wallet_events v union all select 'asset', a::text from ledger.assets a
       order by 1, 2`,
    );

  async function start(): Promise<void> {
    service = new Child('npm', ['start'], { cwd, env: { PORT: '0' } });
    // The curl command is printed last.
    await service.prints(/^curl .*\n/m, SLOW_MS);
    [, databaseUrl = ''] = await service.prints(/^psql +psql '(.*)'$/m);
    serverPid = Number((await readFile(pidFile(), 'utf8')).split('\n')[0]);
  }

  async function interrupt(): Promise<{ code: number | null; within: number }> {
    const started = performance.now();
    service.signal('SIGINT');
    const code = await service.exited;
    return { code, within: performance.now() - started };
  }

  beforeAll(async () => {
    cwd = await freshCopy();
    await start();
  }, SLOW_MS);
  afterAll(async () => {
    await service.stop();
    // As root the data may be in another folder.
    const data = await realpath(join(cwd, '.data/postgres')).catch(() => cwd);
    await rm(data, { recursive: true, force: true });
    await rm(cwd, { recursive: true, force: true });
  }, SLOW_MS);

  it('prints the URL, a token, and a curl command that works', async () => {
    const [, url = ''] = await service.prints(/^Listening on (http:\/\/localhost:\d+)$/m);
    const [, token = ''] = await service.prints(/^token +(\S+)$/m);
    const [curl] = await service.prints(/^curl .*$/m);

    const { code, stdout } = await execute('bash', ['-c', curl]);

    expect(service.stdout).toMatch(new RegExp(`^Console +${url}/console/$`, 'm'));
    expect(service.stdout).toMatch(new RegExp(`^GraphQL IDE +${url}/ruru$`, 'm'));
    expect(curl).toContain(url);
    expect(curl).toContain(token);
    expect(code).toBe(0);
    const wallet = { id: expect.any(String) as string, entries: { nodes: expect.any(Array) as unknown[] } };
    const { data } = JSON.parse(stdout) as { data: { wallets: { nodes: { assetCode: string }[] } } };
    expect(data.wallets.nodes.toSorted((a, b) => a.assetCode.localeCompare(b.assetCode))).toEqual([
      { ...wallet, assetCode: 'GEM', balance: '50', bonusBalance: '0', available: '50' },
      { ...wallet, assetCode: 'GOLD', balance: '1250', bonusBalance: '250', available: '1250' },
    ]);
    expect(service.stderr).not.toMatch(/error|warn(?!.*npm)/i);
  });

  it('prints the output that README.md shows', () => {
    const shown = blocksOf('README.md', read('README.md')).find(({ runBy }) => runBy === 'src/start.test.ts');
    const stable = (text: string) =>
      text
        .replaceAll(/localhost:\d+/g, 'localhost:5678')
        .replace(/postgres:[^@]*@127\.0\.0\.1:\d+/, 'postgres:…@127.0.0.1:5432')
        .replaceAll(/eyJ[\w.-]+…?/g, 'eyJ…');

    expect(shown?.text).toMatch(/^curl /m);
    const lines = stable(service.stdout).split('\n');
    expect(
      stable(shown?.text ?? '')
        .split('\n')
        .filter((line) => !lines.includes(line)),
    ).toEqual([]);
  });

  it('accepts a token of npm run token', async () => {
    const [, url = ''] = await service.prints(/^Listening on (\S+)$/m);
    const { code, stdout } = await npm('run', 'token', '--', '--role', 'player', '--sub', 'bob');
    const token = stdout.trim().split('\n').at(-1) ?? '';

    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ query: '{ wallets { nodes { ownerId assetCode balance } } }' }),
    });

    expect(code).toBe(0);
    const { data } = (await response.json()) as { data: { wallets: { nodes: { assetCode: string }[] } } };
    expect(data.wallets.nodes.toSorted((a, b) => a.assetCode.localeCompare(b.assetCode))).toEqual([
      { ownerId: 'bob', assetCode: 'GEM', balance: '10' },
      { ownerId: 'bob', assetCode: 'GOLD', balance: '500' },
    ]);
  });

  it.each([
    [['--role', 'owner', '--sub', 'x']],
    [['--role', 'player']],
    [['--role', 'player', '--sub', '']],
    [['--rule']],
  ])('refuses %j, and says why in one line', async (args) => {
    const { code, stdout, stderr } = await execute(process.execPath, ['src/dev/token.ts', ...args], { cwd });

    expect({ code, stdout, lines: stderr.trim().split('\n').length }).toEqual({ code: 2, stdout: '', lines: 1 });
    expect(stderr).not.toBe('');
  });

  it(
    'runs beside npm run seed and npm run migrate, which change nothing',
    async () => {
      const before = await rows();

      const codes = [await npm('run', 'seed'), await npm('run', 'seed'), await npm('run', 'migrate')].map(
        ({ code }) => code,
      );

      expect(codes).toEqual([0, 0, 0]);
      expect(before.length).toBeGreaterThan(10);
      expect(await rows()).toEqual(before);
    },
    SLOW_MS,
  );

  it(
    'runs beside npm run verify, which finds a change made past the triggers',
    async () => {
      const change = (by: string) => [
        'begin',
        'set local session_replication_role = replica',
        `update ledger.entries set balance = balance ${by}
       where wallet_id = ledger.wallet_id('alice', 'GEM') and seq = 1`,
        'commit',
      ];

      const sound = await npm('run', 'verify');
      await query(databaseUrl, ...change('+ 1'));
      const tampered = await npm('run', 'verify');
      await query(databaseUrl, ...change('- 1'));
      const mended = await npm('run', 'verify');

      expect(sound).toMatchObject({ code: 0, stdout: '' });
      expect(tampered.code).toBe(1);
      const lines = tampered.stdout.trim().split('\n');
      const findings = lines.map((line) => JSON.parse(line) as { rule: string; seq: string });
      expect(findings).toContainEqual(expect.objectContaining({ rule: 'entry_balance', seq: '1' }));
      expect(findings).toContainEqual(expect.objectContaining({ rule: 'entry_hash', seq: '1' }));
      expect(mended).toMatchObject({ code: 0, stdout: '' });
    },
    SLOW_MS,
  );

  it(
    'does not start twice, and says so in one line',
    async () => {
      const second = await execute(process.execPath, ['src/server.ts'], { cwd, env: { PORT: '0' } });

      expect(second.code).toBe(3);
      expect(second.stdout).toBe('');
      expect(second.stderr).toMatch(/^Another process is already serving from .+\n$/);
    },
    SLOW_MS,
  );

  it(
    'stops on Ctrl-C with 0 within a minute, and leaves no PostgreSQL running',
    async () => {
      expect(isAlive(serverPid)).toBe(true);

      const { code, within } = await interrupt();

      expect(code).toBe(0);
      // Normally two seconds; at most half a minute if each part uses up its own limit.
      expect(within).toBeLessThan(60_000);
      expect(service.stderr).not.toMatch(/error|\bat .*:\d+/i);
      expect(existsSync(pidFile())).toBe(false);
      expect(isAlive(serverPid)).toBe(false);
      await expect(query(databaseUrl, 'select 1')).rejects.toThrow(/ECONNREFUSED/);
    },
    SLOW_MS,
  );

  it(
    'leaves a database that npm run verify can start and stop',
    async () => {
      const { code, stdout } = await npm('run', 'verify');

      expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
      expect(existsSync(pidFile())).toBe(false);
    },
    SLOW_MS,
  );

  it(
    'keeps the rows and the secret when it starts again',
    async () => {
      const [, token = ''] = await service.prints(/^token +(\S+)$/m);
      await start();
      const spent = await query(
        databaseUrl,
        "select ledger.wallet_spend(ledger.wallet_id('alice', 'GOLD'), 1, 'before the second start')",
      );
      const before = await rows();
      await interrupt();

      await start();

      expect(spent).toHaveLength(1);
      expect(await rows()).toEqual(before);
      const [, url = ''] = await service.prints(/^Listening on (\S+)$/m);
      const response = await fetch(`${url}/wallets/x/history.csv`, { headers: { Authorization: `Bearer ${token}` } });
      expect(response.status).toBe(400);
      expect(await interrupt()).toMatchObject({ code: 0 });
    },
    SLOW_MS,
  );
});

describe('npm start with two processes in an empty folder', () => {
  it(
    'shares one PostgreSQL among them: the curl command works, and Ctrl-C ends all with 0',
    async () => {
      const cwd = await freshCopy();
      const service = new Child('npm', ['start'], { cwd, env: { PORT: '0', GATEWAY_WORKERS: '2', POOL_SIZE: '4' } });
      try {
        const [curl] = await service.prints(/^curl .*$/m, SLOW_MS);
        const [, databaseUrl = ''] = await service.prints(/^psql +psql '(.*)'$/m);
        const answers = await Promise.all([1, 2, 3, 4].map(() => execute('bash', ['-c', curl])));

        for (const { stdout } of answers) expect(stdout).toContain('"balance":"1250"');
        expect(await query(databaseUrl, 'select 1 as one')).toEqual([{ one: 1 }]);
        service.signal('SIGINT');
        expect(await service.exited).toBe(0);
        expect(service.stderr).not.toMatch(/error|\bat .*:\d+/i);
        await expect(query(databaseUrl, 'select 1')).rejects.toThrow(/ECONNREFUSED/);
      } finally {
        await service.stop();
        const data = await realpath(join(cwd, '.data/postgres')).catch(() => cwd);
        await rm(data, { recursive: true, force: true });
        await rm(cwd, { recursive: true, force: true });
      }
    },
    SLOW_MS,
  );
});

describe('a checkout with a read-only folder', () => {
  it.each([
    [
      'whose .data is a file',
      'npm run token',
      async (cwd: string) => writeFile(join(cwd, '.data'), ''),
      /^The secret of this checkout cannot be kept: .*EEXIST.*; set JWT_SECRET\n$/,
    ],
    [
      'whose secret is empty',
      'npm run token',
      async (cwd: string) => {
        await mkdir(join(cwd, '.data'));
        await writeFile(join(cwd, '.data/jwt-secret'), '');
      },
      /jwt-secret holds no secret of 32 bytes: delete it, or set JWT_SECRET\n$/,
    ],
    [
      'whose data folder is a file',
      'npm run migrate',
      async (cwd: string) => {
        await mkdir(join(cwd, '.data'));
        await writeFile(join(cwd, '.data/postgres'), '');
      },
      /^[^\n]*EEXIST[^\n]*\n$/,
    ],
    [
      'whose path a shell would read',
      'npm run migrate',
      async (cwd: string) => {
        await mkdir(join(cwd, 'a$b'));
        await symlink(join(cwd, 'a$b'), join(cwd, '.data'));
      },
      /^PostgreSQL cannot run in .*: move it to a path without/,
    ],
  ])('%s: %s says so in one line', async (_what, command, spoil, line) => {
    const cwd = await freshCopy();
    try {
      await spoil(cwd);
      const [, , name = ''] = command.split(' ');
      const args = name === 'token' ? ['--role', 'player', '--sub', 'bob'] : [];

      const folder = name === 'token' ? 'src/dev' : 'src/commands';
      const { code, stdout, stderr } = await execute(process.execPath, [`${folder}/${name}.ts`, ...args], { cwd });

      expect({ code, stdout, lines: stderr.split('\n').length }).toEqual({
        code: name === 'token' ? 2 : 3,
        stdout: '',
        lines: 2,
      });
      expect(stderr).toMatch(line);
    } finally {
      await rm(cwd, { recursive: true, force: true });
    }
  });
});

describe('npm start whose PostgreSQL dies', () => {
  it(
    'exits with 3 and one line that says where to look, also with libpq variables for another server',
    async () => {
      const cwd = await freshCopy();
      const foreign = { PGHOST: 'nowhere.invalid', PGSSLMODE: 'require', PGOPTIONS: '-c nonsense=1', PGPASSWORD: 'no' };
      const service = new Child(process.execPath, ['src/server.ts'], { cwd, env: { PORT: '0', ...foreign } });
      try {
        await service.prints(/^curl .*\n/m, SLOW_MS);
        const home = await realpath(join(cwd, '.data/postgres'));
        const pid = Number((await readFile(join(home, 'data/postmaster.pid'), 'utf8')).split('\n')[0]);

        process.kill(pid, 'SIGKILL');

        expect(await service.exited).toBe(3);
        expect(service.stderr).toContain(
          `The PostgreSQL in ${home} has ended by itself; ${home}/postgres.log says why.`,
        );
        expect(service.stderr).not.toMatch(/^ +at |crashed/m);
      } finally {
        await service.stop();
        await rm(await realpath(join(cwd, '.data/postgres')), { recursive: true, force: true });
        await rm(cwd, { recursive: true, force: true });
      }
    },
    SLOW_MS,
  );
});

describe('the server', () => {
  const db = createDatabase();

  async function refuse(env: Env, expected = 2): Promise<string> {
    const { code, stdout, stderr } = await execute(process.execPath, ['src/server.ts'], {
      env: { JWT_SECRET: AUTH.secret, PORT: '0', DATABASE_URL: db.url, ...env },
    });
    expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
    expect(stderr).toMatch(/^[^\n]+\n$/);
    return stderr.trim();
  }

  it('reports in one line that its port is in use', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, resolve));
    const { port } = other.address() as { port: number };

    const line = await refuse({ PORT: String(port) }).finally(() => other.close());

    expect(line).toMatch(new RegExp(`^Cannot listen on port ${port}: .*EADDRINUSE`));
  });

  it('reports in one line that the database cannot be reached', async () => {
    expect(await refuse({ DATABASE_URL: 'postgres://somebody:secret-1@127.0.0.1:1/wallet' }, 3)).toMatch(
      /^The database at DATABASE_URL cannot be reached: (?!.*secret-1).*ECONNREFUSED/,
    );
  });

  it('reports in one line that the host is unknown', async () => {
    expect(await refuse({ DATABASE_URL: 'postgres://somebody@database.invalid/wallet' }, 3)).toMatch(
      /^The database at DATABASE_URL cannot be reached: .*database\.invalid/,
    );
  });

  it('reports in one line that the database refuses its login', async () => {
    const url = new URL(db.url);
    url.username = 'wallet_test_nobody';
    url.password = 'secret-1';

    expect(await refuse({ DATABASE_URL: url.href }, 3)).toMatch(
      /^The database at DATABASE_URL cannot be reached: (?!.*secret-1).*wallet_test_nobody/,
    );
  });

  it('reports in one line that the database does not exist', async () => {
    const url = new URL(db.url);
    url.pathname = '/wallet_test_nothing';

    expect(await refuse({ DATABASE_URL: url.href }, 3)).toMatch(/^The database at DATABASE_URL .*wallet_test_nothing/);
  });

  it.each([
    ['DATABASE_URL', { DATABASE_URL: 'mysql://localhost/wallet' }, /^DATABASE_URL must start with postgres/],
    ['PORT', { PORT: 'http' }, /^PORT must be a whole number from 0 to 65535$/],
    ['POOL_SIZE', { POOL_SIZE: '1' }, /^POOL_SIZE must be a whole number from 2 to 1000$/],
    ['JWT_SECRET', { JWT_SECRET: 'short' }, /^JWT_SECRET must have 32 bytes or more$/],
    ['JWT_SECRET', { JWT_SECRET: '', NODE_ENV: 'production' }, /^In production, set JWT_SECRET or JWKS_URI$/],
    [
      'JWKS_URI',
      { JWT_SECRET: '', JWKS_URI: 'https://issuer.invalid/keys' },
      /^JWKS_URI needs JWT_ISSUER and JWT_AUDIENCE/,
    ],
  ])('reports in one line what is wrong with %s: %j', async (_name, env: Env, line) => {
    expect(await refuse(env)).toMatch(line);
  });

  it('reports in one line that production uses the development secret', async () => {
    const { developmentSecret } = await import('./dev/local.ts');

    const line = await refuse({ JWT_SECRET: await developmentSecret(), NODE_ENV: 'production' });

    expect(line).toBe('JWT_SECRET is the development secret under .data/: production needs one of its own');
  });

  it('answers the request in flight after SIGTERM, and exits with 0', async () => {
    const service = new Child(process.execPath, ['src/server.ts'], {
      env: { NODE_ENV: 'production', JWT_SECRET: AUTH.secret, PORT: '0', DATABASE_URL: db.url },
    });
    const [, url = ''] = await service.prints(/^Listening on (\S+)$/m);
    const walletId = await newWallet(db, await newAsset(db), { bought: 20 });
    const holder = await db.connect();
    await holder.query('begin; select from ledger.wallets for update');
    const { signToken } = await import('./dev/sign_token.ts');
    const token = await signToken(AUTH, { role: 'service', sub: 'shop' });

    const answer = fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({
        query: `mutation { walletSpend(input: {walletId: "${walletId}", amount: 1, idemKey: "late"}) { receipt { balance } } }`,
      }),
    });
    for (let waiting: unknown[] = []; waiting.length === 0;) {
      ({ rows: waiting } = await db.query(
        "select from pg_stat_activity where datname = current_database() and application_name = 'wallet-gateway' and wait_event_type = 'Lock'",
      ));
    }
    service.signal('SIGTERM');
    await holder.query('rollback');

    expect(await (await answer).json()).toEqual({ data: { walletSpend: { receipt: { balance: '19' } } } });
    expect(await service.exited).toBe(0);
  });
});
