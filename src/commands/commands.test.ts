/** The commands as run from a shell: arguments, refusals and exit codes. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase, newAsset, newWallet } from '../../db/tests/helpers.ts';
import { AUTH, type Env, execute, ROOT } from '../testing.ts';

const SLOW_MS = 120_000;
const NOWHERE = 'postgres://somebody:secret-1@127.0.0.1:1/wallet';

const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
/** Every npm script that is a program of this project, and the programs that only containers run. */
const FILES = [
  ...Object.values(scripts)
    .map((script) => /^(?:exec )?node (\S+\.ts)$/.exec(script)?.[1])
    .filter((file) => file !== undefined),
  'src/commands/prepare.ts',
  'ops/secrets.ts',
];

const db = createDatabase();
const node = (file: string, args: string[], env: Env = {}) =>
  execute(process.execPath, [file, ...args], { env: { DATABASE_URL: NOWHERE, JWT_SECRET: AUTH.secret, ...env } });

describe('a command', () => {
  it('is in the table of docs/operate/commands.md', () => {
    const names = Object.entries(scripts)
      .filter(([, script]) => FILES.some((file) => script.endsWith(` ${file}`)))
      .map(([name]) => (name === 'start' ? 'npm start' : `npm run ${name}`));
    const table = readFileSync(join(ROOT, 'docs/operate/commands.md'), 'utf8');

    expect(names.length).toBeGreaterThan(10);
    expect(names.filter((name) => !table.includes(`| \`${name}`))).toEqual([]);
  });

  it.each(FILES)(
    '%s prints its help and does nothing else',
    async (file) => {
      const { code, stdout, stderr } = await node(file, ['--help']);

      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/^(npm |node )/);
    },
    SLOW_MS,
  );

  it.each(FILES)(
    '%s refuses an unknown argument with exit code 2, before anything happens',
    async (file) => {
      const { code, stdout, stderr } = await node(file, ['--nonsense']);

      expect({ code, stdout, stderr }).toEqual({
        code: 2,
        stdout: '',
        stderr: "Unknown option '--nonsense'; see --help\n",
      });
    },
    SLOW_MS,
  );

  it.each([
    ['src/commands/migrate.ts', ['now'], "Unexpected argument 'now'; see --help"],
    ['src/dev/seed.ts', ['--force=yes'], "Option '--force' does not take an argument; see --help"],
    ['src/dev/token.ts', ['--role'], "Option '--role <value>' argument missing; see --help"],
    ['src/dev/token.ts', ['--role', '--sub'], "Option '--role' argument is ambiguous; see --help"],
    ['src/dev/token.ts', ['--role', 'player', '--sub', 'a', '--sub', 'b'], '--sub is given twice; see --help'],
    ['src/import/index.ts', [], 'Name the file; see --help'],
    ['src/import/index.ts', ['a', 'b'], "Unexpected argument 'b'; see --help"],
    ['src/import/index.ts', ['a', '--as-of', '2030-02-30'], '--as-of must be a date such as 2030-01-31; see --help'],
    ['src/import/index.ts', ['a', '--batch', '0'], '--batch must be a whole number above 0; see --help'],
    ['src/import/index.ts', ['a', '--batch', '10001'], '--batch must be at most 10000; see --help'],
    ['src/commands/seal.ts', ['--out', ''], '--out must name a file; see --help'],
    ['db/tests/prove/prove.ts', ['--seconds', 'ten'], '--seconds must be a whole number above 0; see --help'],
    ['db/tests/prove/prove.ts', ['--faults', 'fire'], 'No such fault: fire; see --help'],
    ['db/tests/e2e/run.ts', ['--url', 'http://localhost'], '--url and --token go together'],
    ['bench/bench.ts', ['--json', 'a', 'b'], "Unexpected argument 'b'; see --help"],
  ])('%s %j exits with 2 and one line', async (file, args, line) => {
    expect(await node(file, args)).toEqual({ code: 2, stdout: '', stderr: `${line}\n` });
  });

  it.each(['commands/migrate', 'dev/seed', 'commands/verify', 'commands/seal', 'dev/schema', 'commands/prepare'])(
    '%s ends with exit code 3 and one line if the database cannot be reached',
    async (name) => {
      const { code, stdout, stderr } = await node(`src/${name}.ts`, []);

      expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
      expect(stderr).toMatch(/^The database at DATABASE_URL cannot be reached: (?!.*secret-1).*ECONNREFUSED.*\n$/);
    },
  );

  it.each([
    ['commands/migrate', []],
    ['commands/prepare', []],
    ['commands/verify', []],
    ['commands/seal', []],
    ['dev/seed', []],
    ['import/index', ['nowhere.csv']],
  ])(
    '%s %j ends with exit code 2 and one line if NODES is set: no database of the checkout is taken instead',
    async (name, args) => {
      expect(await node(`src/${name}.ts`, args, { DATABASE_URL: '', NODES: '/nowhere/nodes.json' })).toEqual({
        code: 2,
        stdout: '',
        stderr: 'NODES names several databases: unset it, and run this once for each with its DATABASE_URL\n',
      });
    },
  );

  it.each([
    ['mysql://localhost/wallet', /^DATABASE_URL must start with postgres/],
    ['postgres://somebody:secret-1@[::1/wallet', /^DATABASE_URL cannot be read as a URL/],
    ['postgres://somebody:secret-1@db:port/wallet', /^DATABASE_URL cannot be read as a URL/],
    ['postgres://somebody:secret-1@db:70000/wallet', /^DATABASE_URL cannot be read as a URL/],
    [
      'postgres://somebody:secret-1@db/wallet?sslmode=verify-full&sslrootcert=/nowhere/ca.pem',
      /^DATABASE_URL names \/nowhere\/ca\.pem, which cannot be read \(ENOENT\)/,
    ],
  ])('exits with 2 and one line that names the setting if DATABASE_URL is %s', async (DATABASE_URL, line) => {
    const { code, stdout, stderr } = await node('src/commands/migrate.ts', [], { DATABASE_URL });

    expect({ code, stdout, lines: stderr.split('\n').length }).toEqual({ code: 2, stdout: '', lines: 2 });
    expect(stderr).toMatch(line);
    expect(stderr).not.toContain('secret');
  });

  it.each([
    ['a folder', ''],
    ['a file that is not there', 'missing'],
  ])('exits with 2 and one line if a file of settings is %s', async (_what, name) => {
    const folder = await mkdtemp(join(tmpdir(), 'wallet-settings-'));
    try {
      const { code, stderr } = await node('src/commands/migrate.ts', [], {
        DATABASE_PASSWORD_FILE: join(folder, name),
      });

      expect(code).toBe(2);
      expect(stderr).toMatch(/^DATABASE_PASSWORD_FILE: \S+ cannot be read \((EISDIR|ENOENT)\)\n$/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('ends with exit code 2 and one line if a file of seals is invalid', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'wallet-seals-'));
    try {
      await writeFile(join(folder, 'seals.jsonl'), 'not a seal\n');
      const args = ['--seal', join(folder, 'seals.jsonl')];

      const { code, stderr } = await node('src/commands/verify.ts', args, { DATABASE_URL: db.url });

      expect(code).toBe(2);
      expect(stderr).toMatch(/seals\.jsonl, line 1 is not JSON\n$/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('npm run migrate', () => {
  it('needs no token secret in production', async () => {
    const env = { DATABASE_URL: db.url, JWT_SECRET: '', NODE_ENV: 'production' };

    expect(await node('src/commands/migrate.ts', [], env)).toEqual({ code: 0, stdout: 'migrated\n', stderr: '' });
  });
});

describe('the demo', () => {
  const posted = async () => (await db.query("select from ledger.wallets where owner_id in ('alice', 'bob')")).rowCount;
  const seed = (args: string[], env: Env = {}) => node('src/dev/seed.ts', args, { DATABASE_URL: db.url, ...env });

  it('is not posted by the compose file in production', async () => {
    const prepared = await node('src/commands/prepare.ts', [], { DATABASE_URL: db.url, NODE_ENV: 'production' });

    expect(prepared).toEqual({ code: 0, stdout: 'migrated\n', stderr: '' });
    expect(await posted()).toBe(0);
    expect(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8')).toMatch(
      /prepare\.ts'\]\n {4}environment:\n {6}NODE_ENV: \$\{NODE_ENV:-development\}/,
    );
  });

  it('is refused in production, with exit code 2', async () => {
    const { code, stderr } = await seed([], { NODE_ENV: 'production' });

    expect({ code, posted: await posted() }).toEqual({ code: 2, posted: 0 });
    expect(stderr).toMatch(/^NODE_ENV is production: .*--force.*\n$/);
  });

  it('is refused in a ledger that has other wallets, with exit code 2, unless --force is given', async () => {
    await newWallet(db, await newAsset(db));

    const refused = await seed([]);
    const before = await posted();
    const forced = await seed(['--force']);

    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toMatch(/^the ledger has wallets that are not of the demo: .*--force.*\n$/);
    expect(before).toBe(0);
    expect(forced).toEqual({ code: 0, stdout: 'seeded\n', stderr: '' });
    expect(await posted()).toBe(4);
  });
});
