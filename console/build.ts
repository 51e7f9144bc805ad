/** `node build.ts`: builds the console into `dist`, where what is there was not built from the sources that are there. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';

const SOURCES = import.meta.dirname;
const ROOT = join(SOURCES, '..');
const FOLDER = join(SOURCES, 'dist');

const digest = digestOfSources();
if (!isBuiltFrom(digest)) {
  // Beside others that do the same: each builds in a folder of its own.
  const draft = `${FOLDER}.${process.pid}`;
  const old = `${draft}.old`;
  try {
    await buildInto(draft);
    move(FOLDER, old);
    if (!move(draft, FOLDER) && !isBuiltFrom(digest)) throw new Error('Another build was faster, of other sources');
  } finally {
    for (const folder of [draft, old]) rmSync(folder, { recursive: true, force: true });
  }
}

async function buildInto(folder: string): Promise<void> {
  // Also where tests or a service in development start it: their libraries have twice the size.
  process.env.NODE_ENV = 'production';
  // Only where there is something to build: it takes its time to load.
  const { build } = await import('vite');
  await build({
    mode: 'production',
    root: SOURCES,
    configFile: false,
    envFile: false,
    base: '/console/',
    publicDir: false,
    logLevel: 'warn',
    build: {
      outDir: folder,
      emptyOutDir: true,
      target: 'es2023',
      // The policy of the page allows no inline script, and no image that is no file.
      modulePreload: { polyfill: false },
      assetsInlineLimit: 0,
      chunkSizeWarningLimit: 1000,
      manifest: true,
    },
  });
  const assets = join(folder, 'assets');
  for (const name of readdirSync(assets)) {
    const bytes = readFileSync(join(assets, name));
    const options = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };
    writeFileSync(join(assets, `${name}.br`), brotliCompressSync(bytes, options));
  }
  // Last: a folder without it is not whole.
  writeFileSync(join(folder, 'sources.txt'), `${digest}\n`);
}

/** Whether it could be moved: another build may have been there first. */
function move(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch {
    return false;
  }
}

function isBuiltFrom(sources: string): boolean {
  try {
    return readFileSync(join(FOLDER, 'sources.txt'), 'utf8').trim() === sources;
  } catch {
    return false;
  }
}

/** By their contents: a copy of a checkout has new times, and an old file may come back. */
function digestOfSources(): string {
  const names = readdirSync(SOURCES, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => ![FOLDER, join(SOURCES, 'tests')].some((folder) => path.startsWith(folder)))
    .filter((path) => !path.endsWith('.d.ts'))
    .sort();
  const hash = createHash('sha256');
  for (const path of [...names, join(ROOT, 'package-lock.json')]) {
    hash
      .update(`${path.slice(ROOT.length)}\0`)
      .update(readFileSync(path))
      .update('\0');
  }
  return hash.digest('hex');
}
