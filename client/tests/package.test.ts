/** The package as it is given out: built, small, without a dependency, and with its types. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { execute, ROOT } from '../../src/testing.ts';

const MOST_BYTES = 3_000;
const BUILD_MS = 300_000;
const CLIENT = join(ROOT, 'client');

interface Package {
  name: string;
  version: string;
  private?: boolean;
  type: string;
  exports: { '.': { types: string; default: string }; './documents.json': string };
  scripts: { build: string };
  bin: Record<string, string>;
  dependencies?: object;
  peerDependenciesMeta: Record<string, { optional: boolean }>;
}
const described = JSON.parse(readFileSync(join(CLIENT, 'package.json'), 'utf8')) as Package;
const sources = readdirSync(join(CLIENT, 'src'), { recursive: true, encoding: 'utf8' }).filter((path) =>
  path.endsWith('.ts'),
);
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'wallet-client-'));
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [compiler, '-p', CLIENT, '--outDir', join(folder, 'dist')], { stdio: 'inherit' });
  execFileSync(process.execPath, [join(CLIENT, 'documents.ts'), join(folder, 'dist')], { stdio: 'inherit' });
  writeFileSync(join(folder, 'package.json'), readFileSync(join(CLIENT, 'package.json')));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
}, BUILD_MS);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('depends on nothing, and on graphql-ws only where it is wanted', () => {
  expect(described).toMatchObject({
    name: 'wallet-client',
    type: 'module',
    peerDependenciesMeta: { 'graphql-ws': { optional: true } },
  });
  expect(described.dependencies).toBeUndefined();
  const imported = sources.flatMap((path) =>
    ts
      .preProcessFile(readFileSync(join(CLIENT, 'src', path), 'utf8'))
      .importedFiles.map(({ fileName }) => ({ path, fileName })),
  );
  expect(
    imported.filter(
      ({ path, fileName }) => !fileName.startsWith('.') && !(path.startsWith('cli') && fileName.startsWith('node:')),
    ),
  ).toEqual([{ path: 'changes.ts', fileName: 'graphql-ws' }]);
});

it('has the files that it names', () => {
  const { exports, bin } = described;

  for (const file of [exports['.'].types, exports['.'].default, exports['./documents.json'], ...Object.values(bin)])
    expect([file, existsSync(join(folder, file))]).toEqual([file, true]);
  expect(described.scripts.build).toBe('tsc -p tsconfig.json && node documents.ts');
});

it(
  `is less than ${MOST_BYTES} bytes, built small and compressed`,
  async () => {
    const args = [join(ROOT, 'client/tests/size.ts'), join(folder, 'dist/index.js')];
    const { stdout, stderr } = await execute(process.execPath, args, { cwd: folder });
    const [bytes, later] = stdout.split(' ').map(Number);

    expect(stderr).toBe('');
    expect(bytes).toBeGreaterThan(500);
    expect(bytes).toBeLessThan(MOST_BYTES);
    // What `changes` loads besides.
    expect(later).toBeGreaterThan(100);
    expect(later).toBeLessThan(1_000);
  },
  BUILD_MS,
);

it(
  'gives its types to who imports it, the facts of a refusal among them',
  async () => {
    writeFileSync(
      join(folder, 'use.ts'),
      `import { createWallet, Refused, OutcomeUnknown, type Receipt } from './dist/index.js';
const wallet = createWallet({ url: 'http://localhost', token: async () => 'x' }).wallet('a', 'GOLD');
export async function spend(key: string): Promise<bigint> {
  try {
    const receipt: Receipt = await wallet.spend(30n, key, { metadata: { item: 'sword' } });
    return receipt.balance;
  } catch (error) {
    if (error instanceof OutcomeUnknown) return BigInt(error.keys.length);
    if (!(error instanceof Refused)) throw error;
    switch (error.code) {
      case 'INSUFFICIENT_FUNDS':
        return error.detail.available;
      case 'LIMIT_EXCEEDED':
        return error.detail.left;
      default:
        throw error;
    }
  }
}
// @ts-expect-error A key is never made up.
export const keyless = () => wallet.spend(30n);
// @ts-expect-error Amounts are bigint.
export const inexact = () => wallet.spend(30, 'key');
`,
    );
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
    const compilerOptions = { noEmit: true, strict: true, module: 'nodenext', target: 'es2022', types: [] };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['use.ts'] }));

    const { code, stdout } = await execute(process.execPath, [compiler, '-p', folder]);

    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  },
  BUILD_MS,
);

it('says of every public name what it is', () => {
  const undocumented = ['index', 'types', 'errors', 'call', 'id'].flatMap((name) => {
    const file = ts.createSourceFile(
      name,
      readFileSync(join(CLIENT, `src/${name}.ts`), 'utf8'),
      ts.ScriptTarget.Latest,
      true,
    );
    return file.statements
      .filter(
        (one) =>
          ts.canHaveModifiers(one) && ts.getModifiers(one)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword),
      )
      .filter((one) => !ts.isExportDeclaration(one) && !/^(\/\/ eslint|\/\*\*)/.test(one.getFullText().trimStart()))
      .map((one) => `${name}: ${one.getText().split('\n')[0] ?? ''}`);
  });

  expect(undocumented).toEqual([]);
});

it('runs as the program that it names', async () => {
  const { code, stdout, stderr } = await execute(process.execPath, [
    join(folder, described.bin.wallet ?? ''),
    '--help',
  ]);

  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^wallet <command>/);
});
