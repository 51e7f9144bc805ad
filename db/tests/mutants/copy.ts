/** Puts a mutant of the gateway into a copy of this checkout: its tests, and the processes that they start, have nothing else. */
import { readFileSync } from 'node:fs';
import { cp, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { applyEdits } from './edits.ts';
import { ROOT } from './jest.ts';
import type { GatewayMutant } from './mutants.ts';

/** What a checkout is without, after `npm ci`. The packages are those of this one. */
const LEFT_OUT = ['node_modules', '.data', '.git', 'coverage'];

const pathOf = (file: string): string => `src/${file}.ts`;

/** The changed files by their paths. */
export function sourcesOf({ name, sources }: GatewayMutant): Map<string, string> {
  const read = (file: string): string => readFileSync(join(ROOT, pathOf(file)), 'utf8');
  const changed = [...applyEdits(sources, read)].filter(([file, text]) => text !== read(file));
  if (changed.length === 0) throw new Error(`"${name}" changes nothing`);
  return new Map(changed.map(([file, text]) => [pathOf(file), text]));
}

export async function withCopy<T>(mutant: GatewayMutant, work: (root: string) => Promise<T>): Promise<T> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'mutant-')));
  try {
    const filter = (path: string): boolean => !LEFT_OUT.includes(relative(ROOT, path));
    await cp(ROOT, root, { recursive: true, verbatimSymlinks: true, filter });
    await symlink(join(ROOT, 'node_modules'), join(root, 'node_modules'));
    for (const [path, text] of sourcesOf(mutant)) await writeFile(join(root, path), text);
    return await work(root);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
