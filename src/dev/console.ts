/** Builds the console where what is there was not built from the sources that are there. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { oneLine } from '../exit.ts';
import { log } from '../observability/log.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SOURCES = join(ROOT, 'console');
/** In an image there is nothing else. */
const CONSOLE_FOLDER = join(SOURCES, 'dist');
const BUILD_MS = 120_000;

/** The folder to serve; undefined where there is none. Development goes on without a console that cannot be built, and says so. */
export async function openConsole({ mayBuild }: { mayBuild: boolean }): Promise<string | undefined> {
  if (mayBuild && existsSync(join(SOURCES, 'build.ts'))) {
    try {
      await buildConsole();
    } catch (error) {
      log.warn({ reason: oneLine(error) }, 'the console cannot be built');
    }
  }
  return consoleFolder();
}

/** Where what was built is. */
export function consoleFolder(): string | undefined {
  return existsSync(join(CONSOLE_FOLDER, 'index.html')) ? CONSOLE_FOLDER : undefined;
}

/** Beside others that do the same: each builds in a folder of its own. */
export async function buildConsole(): Promise<void> {
  const digest = await digestOfSources();
  if (await isBuiltFrom(digest)) return;
  const draft = `${CONSOLE_FOLDER}.${process.pid}`;
  const old = `${draft}.old`;
  try {
    await promisify(execFile)(process.execPath, ['build.ts', draft, digest], { cwd: SOURCES, timeout: BUILD_MS });
    await rename(CONSOLE_FOLDER, old).catch(() => undefined);
    await rename(draft, CONSOLE_FOLDER);
  } catch (error) {
    if (!(await isBuiltFrom(digest))) throw error;
  } finally {
    for (const folder of [draft, old]) await rm(folder, { recursive: true, force: true });
  }
}

async function isBuiltFrom(digest: string): Promise<boolean> {
  const built = await readFile(join(CONSOLE_FOLDER, 'sources.txt'), 'utf8').catch(() => '');
  return built.trim() === digest;
}

/** By their contents: a copy of a checkout has new times, and an old file may come back. */
async function digestOfSources(): Promise<string> {
  const names = readdirSync(SOURCES, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => ![CONSOLE_FOLDER, join(SOURCES, 'tests')].some((folder) => path.startsWith(folder)))
    .filter((path) => !path.endsWith('.d.ts'))
    .sort();
  const hash = createHash('sha256');
  for (const path of [...names, join(ROOT, 'package-lock.json')]) {
    hash
      .update(`${path.slice(ROOT.length)}\0`)
      .update(await readFile(path))
      .update('\0');
  }
  return hash.digest('hex');
}
