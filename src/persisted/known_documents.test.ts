/** Runs the steps of docs/persisted_documents.md. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { call } from '../../db/tests/helpers.ts';
import { signToken } from '../dev/sign_token.ts';
import { AUTH, createGateway, execute, ROOT } from '../testing.ts';

const page = readFileSync(join(ROOT, 'docs/persisted_documents.md'), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'wallet-known-documents-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** On the page, a file's name precedes its text. */
for (const [, name = '', text = ''] of page.matchAll(/^`([\w./]+)`:\n\n```\w+ run by .*\n([^]*?)^```$/gm)) {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
}

/** The commands, and their output if the page shows it. */
const steps = [...page.matchAll(/^```sh run by .*\n([^]*?)^```$(?:\n\n```(?:text|json) .*\n([^]*?)^```$)?/gm)].map(
  ([, typed = '', printed]) => ({ typed, printed }),
);
const start = steps.findIndex(({ typed }) => typed.includes('npm start'));

// These run before the service starts and reads the documents.
const before = steps.slice(0, start).map(({ typed, printed }) => ({
  printed,
  seen: execFileSync('bash', ['-euc', typed], { cwd: folder, encoding: 'utf8' }),
}));
const settings = Object.fromEntries(
  [...(steps[start]?.typed ?? '').matchAll(/([A-Z_]+)=(\S+)/g)].map(([, name = '', value = '']) => [name, value]),
);

const gateway = createGateway({ ...settings, PERSISTED_DOCUMENTS: join(folder, settings.PERSISTED_DOCUMENTS ?? '') });

describe('the page on known documents', () => {
  it('has files, steps before the start, and steps after it', () => {
    expect(Object.keys(settings)).toEqual(['NODE_ENV', 'PERSISTED_DOCUMENTS', 'PERSISTED_DOCUMENTS_ONLY']);
    expect([before.length, steps.length - start - 1]).toEqual([1, 2]);
  });

  it('shows the output of its steps before the start', () => {
    expect(before.map(({ seen }) => seen)).toEqual(before.map(({ printed }) => printed));
  });

  it('shows the output of its client, and the refusals of others', async () => {
    await call<object>(gateway.db, 'asset_create', { code: 'GOLD', name: 'Gold Coins' });
    const env = { WALLET_URL: gateway.url, TOKEN: await signToken(AUTH, { role: 'service', sub: 'shop' }) };
    for (const { typed, printed } of steps.slice(start + 1)) {
      const { code, stdout, stderr } = await execute('bash', ['-euc', typed], { cwd: folder, env });

      expect({ code, stderr, stdout: stdout.trim() }).toEqual({ code: 0, stderr: '', stdout: printed?.trim() });
    }
  });
});
