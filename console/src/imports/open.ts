/** A kept file, read and checked, with its posting: one of each, whatever screen asks for it. */
import type { Asset } from '../data/amounts.ts';
import { checkRows, digestOf, MAX_BYTES, readSheet, type Checked, type Problem, type Row } from './csv.ts';
import { dropFile, keepFile, keptFile, keptParts, type KeptFile } from './kept.ts';
import { PART, Run } from './run.ts';

export interface Import extends Checked {
  file: KeptFile;
  columns: readonly string[];
  /** Rows of the file without its head, good and bad. */
  count: number;
  cells: ReadonlyMap<number, readonly string[]>;
  run: Run;
}

const runs = new Map<string, Run>();
const nameOf = (who: string, id: string): string => `${who} ${id}`;

/** Ends with its id; one that is there already goes on as it is. */
export async function takeIn(who: string, chosen: { name: string; arrayBuffer: () => Promise<ArrayBuffer> }) {
  const bytes = await chosen.arrayBuffer();
  if (bytes.byteLength > MAX_BYTES) throw new Error(`At most ${MAX_BYTES / 1_000_000} MB: split the file.`);
  const text = decode(bytes);
  const id = await digestOf(text);
  const there = await keptFile(who, id);
  if (!there) {
    await keepFile({ who, id, name: chosen.name, text, at: new Date().toISOString(), opensMissing: false });
  }
  return id;
}

function decode(bytes: ArrayBuffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error('The file is not in UTF-8: save it as “CSV UTF-8”.');
  }
}

/** Undefined where it is not kept here; a problem where it cannot be read at all. */
export async function openImport(
  who: string,
  id: string,
  { assets, mayCorrect }: { assets: readonly Asset[]; mayCorrect: boolean },
): Promise<Import | { file: KeptFile; problem: Problem } | null> {
  const file = await keptFile(who, id);
  if (!file) return null;
  const sheet = readSheet(file.text);
  if ('why' in sheet) return { file, problem: sheet };
  // What had not passed when it was chosen counts on: what was sent must be found again.
  const checked = await checkRows(sheet, { assets, mayCorrect, digest: id, now: new Date(file.at) });
  let run = runs.get(nameOf(who, id));
  if (!run) {
    run = new Run(file, partsOf(sheet.lines, checked.rows), await keptParts(who, id));
    runs.set(nameOf(who, id), run);
  }
  const cells = new Map(sheet.lines.map(({ line, cells: texts }) => [line, texts]));
  return { file, ...checked, columns: sheet.columns, count: sheet.lines.length, cells, run };
}

export async function forget(who: string, id: string): Promise<void> {
  runs.get(nameOf(who, id))?.stop();
  runs.delete(nameOf(who, id));
  await dropFile(who, id);
}

/** By places in the file, so that they are the same ones after a reload. */
function partsOf(lines: readonly { line: number }[], rows: readonly Row[]): Row[][] {
  const parts: Row[][] = Array.from({ length: Math.ceil(lines.length / PART) }, () => []);
  const places = new Map(lines.map(({ line }, place) => [line, place]));
  for (const row of rows) parts[Math.floor((places.get(row.line) ?? 0) / PART)]?.push(row);
  return parts;
}
