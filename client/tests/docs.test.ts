/** docs/client.md: what its examples print is what they print. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { call, expectSound } from '../../db/tests/helpers.ts';
import { signToken } from '../../src/dev/sign_token.ts';
import { AUTH, createGateway, execute, ROOT, type Env } from '../../src/testing.ts';

const PAGE = readFileSync(join(ROOT, 'docs/client.md'), 'utf8');
/** Each block of code that is followed by what it prints. */
const EXAMPLES = [...PAGE.matchAll(/^```(ts|sh|csv)\b.*\n((?:(?!```)[^])*?)^```\n\n```text\b.*\n([^]*?)^```$/gm)].map(
  ([, language = '', code = '', output = '']) => ({ language, code, output, title: code.trimEnd().split('\n').at(-1) }),
);
const ID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
const TIME = /\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*\+00:00/g;

const gateway = createGateway();
const { db } = gateway;
let folder = '';
let env: Env = {};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wallet-docs-'));
  await call<object>(db, 'asset_create', { code: 'GOLD', name: 'Gold Coins' });
  env = { WALLET_URL: gateway.url, WALLET_TOKEN: await signToken(AUTH, { role: 'service', sub: 'shop' }) };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const masked = (text: string): string => text.replaceAll(ID, 'an id').replaceAll(TIME, 'a time');
const node = async (...args: string[]): Promise<string> => {
  const { stdout, stderr } = await execute(process.execPath, args, { env });
  return stderr + stdout;
};
const wallet = (...args: string[]): Promise<string> => node('client/checkout.ts', ...args);

async function run(language: string, code: string): Promise<string> {
  if (language === 'ts') {
    const file = join(folder, 'example.ts');
    const client = pathToFileURL(join(ROOT, 'client/src/index.ts')).href;
    writeFileSync(file, code.replace("'wallet-client'", `'${client}'`));
    return node(file);
  }
  if (language === 'csv') {
    const file = join(folder, 'movements.csv');
    writeFileSync(file, code);
    return wallet('import', file);
  }
  let printed = '';
  for (const line of code.trimEnd().split('\n')) {
    const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
    printed += await wallet(...words.slice(1));
  }
  return printed;
}

it('has examples in each language', () => {
  expect(EXAMPLES.map(({ language }) => language)).toEqual(['ts', 'ts', 'ts', 'ts', 'sh', 'csv']);
});

// One goes on where the one before it ended.
it.each(EXAMPLES)(
  'the example that ends with "$title" prints what the page says',
  async ({ language, code, output }) => {
    expect(masked(await run(language, code))).toBe(masked(output));
  },
);

it('leaves a ledger that is sound', async () => {
  await expectSound(db);
});
