/** Runs test files upon a mutant, or without one, and says which test failed first. */
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const TESTS = join(ROOT, 'db/tests');
const ENVIRONMENT = 'db/tests/mutants/environment.ts';
const JEST = ['--disable-warning=ExperimentalWarning', '--experimental-vm-modules', 'node_modules/jest/bin/jest.js'];
/** Of a whole run: a mutant may keep several tests waiting until they give up. */
const LIMIT_MS = 1_800_000;

/** What a mistake in a mutant ends with. Any test would turn red on it, and it would prove nothing. */
const MISTAKES = [
  /syntax error|no unique or exclusion constraint|(column|relation|function|operator|type|record) .* (does not exist|is ambiguous|has no field)/,
  /\b(42601|42703|42883|42P01|42P10|42702|42804)\b/,
  /\b(ReferenceError|SyntaxError)\b|is not a function/,
];

export interface Run {
  url: string;
  files: string[];
  mutant?: string;
  /** A copy of this checkout, whose files they are then. */
  root?: string;
  /** Test files at a time. */
  workers?: number;
  signal: AbortSignal;
}

export interface Failure {
  file: string;
  test: string;
  message: string;
}

interface Result {
  numTotalTests: number;
  testResults: {
    name: string;
    message: string;
    assertionResults: { status: string; fullName: string; failureMessages: string[] }[];
  }[];
}

/** The file of a test, as jest is given it. */
export const pathOf = (test: string): string => join(test.startsWith('src/') ? ROOT : TESTS, `${test}.test.ts`);

/** All test files but those in which it would not count: the first two compare the database with the files of the functions. */
export async function listTests(): Promise<string[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [...JEST, '--listTests', '--json'], { cwd: ROOT });
  const left = new Set(['drift', 'tidy', 'mutants/mutants'].map(pathOf));
  return (JSON.parse(stdout) as string[]).filter((path) => !left.has(path)).sort();
}

/** The first failure; undefined where all is green. Throws where the tests could not be run. */
export async function runTests({
  url,
  files,
  mutant,
  root = ROOT,
  workers = 1,
  signal,
}: Run): Promise<Failure | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'mutants-'));
  try {
    const output = join(folder, 'result.json');
    const options = ['--json', `--outputFile=${output}`, `--testEnvironment=${join(root, ENVIRONMENT)}`];
    const turns = workers === 1 ? '--runInBand' : `--maxWorkers=${workers}`;
    const paths = files.map((file) => join(root, relative(ROOT, file)));
    const said = await run([...JEST, turns, ...options, '--runTestsByPath', ...paths], {
      cwd: root,
      env: { ...process.env, TEST_DATABASE_URL: url, MUTANT: mutant ?? '' },
      signal,
    });
    const result = await readFile(output, 'utf8').catch(() => undefined);
    if (result === undefined) throw new Error(`The tests could not be run:\n${said}`);
    return firstFailure(JSON.parse(result) as Result, root);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Exported for its test. */
export function firstFailure({ numTotalTests, testResults }: Result, root = ROOT): Failure | undefined {
  for (const { name, message, assertionResults } of testResults) {
    const file = relative(root, name);
    const failed = assertionResults.find(({ status }) => status === 'failed');
    if (!failed) {
      if (assertionResults.length === 0 && message) throw new Error(`${file} could not be run:\n${message}`);
      continue;
    }
    const said = failed.failureMessages.join('\n');
    if (MISTAKES.some((mistake) => mistake.test(said)))
      throw new Error(`${file}, ${failed.fullName}: a mistake, not a fault:\n${said}`);
    return { file, test: failed.fullName, message: said };
  }
  const passed = testResults.some((file) => file.assertionResults.some(({ status }) => status === 'passed'));
  if (!passed) throw new Error(numTotalTests === 0 ? 'There were no tests' : 'No test was run');
  return undefined;
}

/** What it printed, whatever its exit code: the result says more. */
async function run(
  args: string[],
  { cwd, env, signal }: { cwd: string; env: NodeJS.ProcessEnv; signal: AbortSignal },
): Promise<string> {
  const child = spawn(process.execPath, args, {
    cwd,
    env,
    signal,
    timeout: LIMIT_MS,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stdout.on('data', (data: Buffer) => (said += data.toString()));
  child.stderr.on('data', (data: Buffer) => (said += data.toString()));
  await new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => resolve());
  });
  return said;
}
