/** The commands of containers: creating secrets, and running without a writable file system. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jwtVerify } from 'jose';
import { execute, ROOT } from './testing.ts';

const COPIES = {
  'admin-password': ['db', 'migrate'],
  'gateway-password': ['db', 'gateway'],
  'worker-password': ['db', 'gateway'],
  'standby-password': ['db', 'standby'],
  'jwt-secret': ['gateway'],
  'grafana-password': ['grafana'],
};

describe('the secrets of the compose file', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wallet secrets '));
    for (const reader of ['db', 'migrate', 'gateway', 'standby', 'grafana']) await mkdir(join(folder, reader));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const secrets = (...args: string[]) => execute(process.execPath, ['ops/secrets.ts', '--folder', folder, ...args]);
  /** Each file with its content, such as `db/admin-password`. */
  async function contents(): Promise<Record<string, string>> {
    const paths = (await readdir(folder, { recursive: true })).filter((path) => path.includes('/')).sort();
    return Object.fromEntries(
      await Promise.all(paths.map(async (path) => [path, await readFile(join(folder, path), 'utf8')] as const)),
    );
  }

  it('are made once, long and different, one in the folder of each reader, and readable by owner and group alone', async () => {
    expect(await secrets()).toMatchObject({ code: 0, stderr: '' });
    const made = await contents();

    expect(Object.keys(made)).toEqual(
      Object.entries(COPIES)
        .flatMap(([name, readers]) => readers.map((reader) => `${reader}/${name}`))
        .sort(),
    );
    expect(new Set(Object.values(made)).size).toBe(Object.keys(COPIES).length);
    for (const [path, value] of Object.entries(made)) {
      expect(value).toMatch(/^[\w-]{43}$/);
      expect((await stat(join(folder, path))).mode & 0o777).toBe(0o440);
    }

    expect(await secrets()).toMatchObject({ code: 0 });
    expect(await contents()).toEqual(made);
  });

  it('that a reader has lost or never had are copied from another reader', async () => {
    await secrets();
    const made = await contents();
    await rm(join(folder, 'gateway/gateway-password'));
    await rm(join(folder, 'db/standby-password'));
    await rm(join(folder, 'migrate/admin-password'));
    await writeFile(join(folder, 'migrate/admin-password'), 'from before');

    await secrets();

    expect(await contents()).toEqual(made);
  });

  it('are made after a crash that left a half-written file', async () => {
    await writeFile(join(folder, 'db/admin-password.draft'), 'hal', { mode: 0o440 });

    expect(await secrets()).toMatchObject({ code: 0, stderr: '' });

    const made = await contents();
    expect(made['db/admin-password']).toBe(made['migrate/admin-password']);
    expect(Object.keys(made)).not.toContain('db/admin-password.draft');
  });

  it('can be changed one by one', async () => {
    await secrets();
    const { 'gateway/gateway-password': before, 'db/gateway-password': copy, ...others } = await contents();

    const { code, stdout } = await secrets('--rotate', 'gateway-password');

    const { 'gateway/gateway-password': after = '', 'db/gateway-password': copied, ...kept } = await contents();
    expect(code).toBe(0);
    expect(copy).toBe(before);
    expect(after).not.toBe(before);
    expect(copied).toBe(after);
    expect(kept).toEqual(others);
    expect(stdout).not.toContain(after);
  });

  it('can be supplied', async () => {
    const child = spawn(process.execPath, ['ops/secrets.ts', '--folder', folder, '--set', 'jwt-secret'], {
      cwd: ROOT,
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    child.stdin.end('a secret of one’s own\n');
    await once(child, 'close');
    await secrets();

    expect(await contents()).toMatchObject({ 'gateway/jwt-secret': 'a secret of one’s own' });
  });

  it.each([
    [['--rotate', 'root-password'], 'There is no secret root-password'],
    [['--rotate', 'toString'], 'There is no secret toString'],
    [['--set', 'jwt-secret'], 'Standard input gave no secret'],
    [['--rotate', 'jwt-secret', '--set', 'jwt-secret'], '--rotate or --set, not both'],
  ])('are not changed by %j', async (args, reason) => {
    await secrets();
    const before = await contents();

    const { code, stderr } = await secrets(...args);

    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(reason) as string });
    expect(await contents()).toEqual(before);
  });
});

describe('npm run token', () => {
  it('with a secret in a file creates none', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'wallet token '));
    const secret = 'x'.repeat(32);
    try {
      await cp(join(ROOT, 'src'), join(cwd, 'src'), { recursive: true });
      await cp(join(ROOT, 'package.json'), join(cwd, 'package.json'));
      await symlink(join(ROOT, 'node_modules'), join(cwd, 'node_modules'));
      await writeFile(join(cwd, 'secret'), secret);

      const args = ['src/dev/token.ts', '--role', 'auditor', '--sub', 'kim'];
      const { code, stdout } = await execute(process.execPath, args, { cwd, env: { JWT_SECRET_FILE: 'secret' } });

      expect(code).toBe(0);
      const { payload } = await jwtVerify(stdout.trim(), new TextEncoder().encode(secret));
      expect(payload).toMatchObject({ role: 'auditor', sub: 'kim' });
      expect(existsSync(join(cwd, '.data'))).toBe(false);
    } finally {
      await rm(cwd, { recursive: true });
    }
  });
});
