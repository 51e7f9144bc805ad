/** The texts of files with changes in them. */
import type { Edit } from './mutants.ts';

export function applyEdits(edits: readonly Edit[], read: (file: string) => string): Map<string, string> {
  const files = new Map<string, string>();
  for (const { file, from, to, times } of edits) {
    const parts = (files.get(file) ?? read(file)).split(from);
    // What has been rewritten must not make a mutant of nothing.
    if (parts.length - 1 !== times) throw new Error(`${file} has ${parts.length - 1} times, not ${times}: ${from}`);
    files.set(file, parts.join(to));
  }
  return files;
}
