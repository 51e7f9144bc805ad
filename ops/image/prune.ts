/**
 * `node ops/image/prune.ts` in a folder with production dependencies: removes files that are not needed at run time, and prints the
 * remaining size. A step of building the image; a checkout keeps everything.
 */
import { readFileSync, globSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

interface Package {
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
}

/** The GraphQL IDE is one bundled file; these packages are in the bundle. */
const BUILT_FROM = new Set(['ruru-types']);

/** Files that Node does not load; licences stay. */
const USELESS = [
  '**/*.map',
  '**/*.d.{ts,cts,mts}',
  '**/{README,CHANGELOG,HISTORY,CONTRIBUTING,UPGRADING,SECURITY}*',
  '**/.github',
  '@types',
  // The IDE's dist folder has the served files again, compressed; its source maps too.
  'ruru/static',
  'ruru/dist/bundleMeta.js',
  // For bundlers: Node loads build/src.
  '@opentelemetry/*/build/{esm,esnext}',
];

const FOLDER = 'node_modules';

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}

/** Resolves a package as Node does: beside the package that needs it, then further up. */
function locate(name: string, from: string, packages: Record<string, Package>): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const path = join(folder, FOLDER, name);
    if (path in packages) return path;
    if (folder === '.') return undefined;
  }
}

function wants({ dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta = {} }: Package): string[] {
  const peers = Object.keys(peerDependencies ?? {}).filter((name) => !peerDependenciesMeta[name]?.optional);
  return [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers];
}

function needed(packages: Record<string, Package>): Set<string> {
  const found = new Set<string>();
  const visit = (name: string, from: string): void => {
    const path = locate(name, from, packages);
    if (path === undefined || found.has(path)) return;
    found.add(path);
    if (!BUILT_FROM.has(name)) for (const next of wants(packages[path] ?? {})) visit(next, path);
  };
  for (const name of wants({ dependencies: (readJson('package.json') as Package).dependencies ?? {} }))
    visit(name, '.');
  return found;
}

function megabytes(): number {
  const files = globSync(`${FOLDER}/**/*`, { withFileTypes: true }).filter((entry) => entry.isFile());
  return Math.round(files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0) / 1e6);
}

const before = megabytes();
const { packages } = readJson(`${FOLDER}/.package-lock.json`) as { packages: Record<string, Package> };
const keep = needed(packages);
for (const path of Object.keys(packages)) {
  // A folder goes with what is nested in it.
  if (!keep.has(path)) rmSync(path, { recursive: true, force: true });
}
for (const pattern of USELESS) {
  for (const path of globSync(`${FOLDER}/${pattern}`)) rmSync(path, { recursive: true, force: true });
}
console.log(`node_modules: ${before} MB, of which ${megabytes()} MB are left`);
