import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { signToken } from '../../../src/dev/sign_token.ts';
import { AUTH, createGateway, execute, ROOT } from '../../../src/testing.ts';
import { expectSound, newAsset } from '../helpers.ts';

describe('the compose file', () => {
  it('has process limits as numbers: docker-compose 1.29 accepts no strings, and so no variables', () => {
    const { services } = parse(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
      services: Record<string, { pids_limit: unknown }>;
    };
    const limits = Object.entries(services).map(([name, { pids_limit }]) => [name, typeof pids_limit]);

    expect(limits.length).toBeGreaterThan(4);
    expect(limits.filter(([, type]) => type !== 'number')).toEqual([]);
  });
});

describe('the end-to-end test', () => {
  const gateway = createGateway();
  const e2e = (...args: string[]) => execute(process.execPath, ['db/tests/e2e/run.ts', ...args]);
  const token = () => signToken(AUTH, { role: 'service', sub: 'e2e' });

  it('passes with a service outside of Docker, repeatedly', async () => {
    const asset = await newAsset(gateway.db);
    const args = ['--url', gateway.url, '--token', await token(), '--asset', asset];

    for (const run of [await e2e(...args), await e2e(...args)]) {
      expect(run).toMatchObject({ code: 0, stderr: '' });
      expect(run.stdout).toMatch(/the end-to-end test has passed\n$/);
    }
    await expectSound(gateway.db);
  });

  it('fails if an answer is wrong', async () => {
    const { code, stdout, stderr } = await e2e('--url', gateway.url, '--token', await token(), '--asset', 'NOSUCH');

    expect(code).toBe(1);
    expect(stderr).toContain('ASSET_NOT_FOUND');
    expect(stdout).not.toContain('passed');
  });

  it.each([
    [['--url', 'http://localhost:1'], '--url and --token go together'],
    [['--profile', 'backup'], '--profile must be replica or observability'],
    [['--fast'], '--fast'],
  ])('refuses %j', async (args, reason) => {
    const { code, stderr } = await e2e(...args);

    expect(code).toBe(2);
    expect(stderr).toContain(reason);
  });
});
