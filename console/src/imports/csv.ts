/** A CSV file of movements: what its lines ask for, and what is wrong with which. Nothing here asks the service. */
import Papa from 'papaparse';
import { parseAmount, type Asset } from '../data/amounts.ts';
import { hexOf } from '../data/hex.ts';
import { walletIdOf } from './wallet_id.ts';

export const KINDS = ['top_up', 'bonus', 'spend', 'adjustment'] as const;
export type ImportKind = (typeof KINDS)[number];

/** What a column is for. */
export const COLUMNS = {
  kind: `${KINDS.slice(0, -1).join(', ')}, or adjustment, which is for operators`,
  owner: "the player's account number, together with the asset",
  asset: 'the code of the asset',
  wallet: "instead of owner and asset: the wallet's id; then with units",
  amount: 'as people write it, with a point before the fraction',
  units: 'instead of amount: minor units',
  key: 'the idempotency key; without one the row gets one from the contents of the file and its line',
  expires_at: 'of a bonus: an instant with its zone, such as 2027-01-31T12:00:00Z',
  side: 'of an adjustment: credit gives, debit takes',
  reason: 'why; an adjustment needs one',
  metadata: 'a JSON object; or a column for each field, such as metadata.campaign',
} as const;
export type Column = keyof typeof COLUMNS;

/** Those of a result, which may be mended and imported again. */
const RESULT_COLUMNS = ['line', 'outcome', 'transfer_id', 'why'];
const FIELD = 'metadata.';

export const MAX_BYTES = 20_000_000;
export const MAX_LINES = 100_000;
const MAX_UNITS = 10n ** 15n;
const MAX_METADATA_BYTES = 8192;
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)$/;

export interface Line {
  line: number;
  cells: readonly string[];
}

export interface Sheet {
  columns: readonly string[];
  lines: readonly Line[];
}

export interface Problem {
  line: number;
  column: string;
  why: string;
}

export interface Request {
  kind: ImportKind;
  walletId: string;
  amount: string;
  idemKey: string;
  expiresAt?: string;
  side?: 'credit' | 'debit';
  reason?: string;
  metadata: Record<string, unknown>;
}

export interface Row {
  line: number;
  /** Undefined where the wallet is named by its id. */
  owner: string | undefined;
  asset: Asset | undefined;
  request: Request;
}

export interface Checked {
  /** In the order of the file. */
  rows: Row[];
  problems: Problem[];
}

export interface Rules {
  assets: readonly Asset[];
  mayCorrect: boolean;
  /** Of the whole file: keys of rows that have none are made of it. */
  digest: string;
  /** An expiry has to be later. */
  now: Date;
}

export async function digestOf(text: string): Promise<string> {
  return hexOf(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))));
}

/** The lines of a file, numbered as an editor numbers them: a text in quotes may have several. */
export function readSheet(text: string): Sheet | Problem {
  const rows: Line[] = [];
  let line = 1;
  let place = 0;
  let broken: Problem | undefined;
  Papa.parse<string[]>(text, {
    step: ({ data, errors, meta }) => {
      const [error] = errors;
      if (error && error.code !== 'UndetectableDelimiter') broken ??= { line, column: '', why: error.message };
      rows.push({ line, cells: data.map((cell) => cell.trim()) });
      line += newLines(text.slice(place, meta.cursor));
      place = meta.cursor;
    },
  });
  if (broken) return broken;
  const [head, ...lines] = rows.filter(({ cells }) => cells.some((cell) => cell !== ''));
  if (!head) return { line: 1, column: '', why: 'The file is empty.' };
  if (lines.length > MAX_LINES) return { line: 1, column: '', why: `At most ${MAX_LINES} rows: split the file.` };
  const columns = head.cells.map((name) => (name.startsWith(FIELD) ? name : name.toLowerCase()));
  const isResult = columns.includes('outcome');
  return checkHead(columns) ?? { columns, lines: isResult ? lines.map(withoutMarks) : lines };
}

/** Before what a spreadsheet would take for a formula, a result has an apostrophe. */
function withoutMarks({ line, cells }: Line): Line {
  return { line, cells: cells.map((cell) => (/^'[=+\-@\t\r]/.test(cell) ? cell.slice(1) : cell)) };
}

function newLines(text: string): number {
  return text.match(/\r\n|\n|\r/g)?.length ?? 0;
}

function checkHead(columns: readonly string[]): Problem | undefined {
  const problem = (column: string, why: string): Problem => ({ line: 1, column, why });
  const isKnown = (name: string): boolean =>
    Object.hasOwn(COLUMNS, name) ||
    RESULT_COLUMNS.includes(name) ||
    (name.startsWith(FIELD) && name.length > FIELD.length);
  for (const [place, name] of columns.entries()) {
    if (!isKnown(name)) return problem(name, `There is no such column: they are ${Object.keys(COLUMNS).join(', ')}.`);
    if (columns.indexOf(name) !== place) return problem(name, 'The column is there twice.');
  }
  if (!columns.includes('kind')) return problem('kind', 'The column is missing.');
  if (!columns.includes('owner') && !columns.includes('wallet')) return problem('owner', 'The column is missing.');
  if (columns.includes('owner') && !columns.includes('asset') && !columns.includes('wallet'))
    return problem('asset', 'The column is missing.');
  if (!columns.includes('amount') && !columns.includes('units')) return problem('amount', 'The column is missing.');
  return undefined;
}

/** A row is wrong as a whole: the first thing that is wrong with it says so. */
class Wrong extends Error {
  readonly column: string;
  constructor(column: string, why: string) {
    super(why);
    this.column = column;
  }
}

export async function checkRows({ columns, lines }: Sheet, rules: Rules): Promise<Checked> {
  const rows: Row[] = [];
  const problems: Problem[] = [];
  const seen = new Map<string, number>();
  for (const { line, cells } of lines) {
    const cell = (name: Column): string => cells[columns.indexOf(name)] ?? '';
    try {
      if (cells.length !== columns.length)
        throw new Wrong('', `The line has ${cells.length} cells, the first one has ${columns.length}.`);
      const row = await readRow(line, cell, fieldsOf(columns, cells), rules);
      const { walletId, idemKey } = row.request;
      const first = seen.get(`${walletId} ${idemKey}`);
      if (first !== undefined) throw new Wrong('key', `It is that of line ${first}, for the same wallet.`);
      seen.set(`${walletId} ${idemKey}`, line);
      rows.push(row);
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      problems.push({ line, column: error.column, why: error.message });
    }
  }
  return { rows, problems };
}

async function readRow(
  line: number,
  cell: (name: Column) => string,
  fields: Record<string, string>,
  rules: Rules,
): Promise<Row> {
  const kind = readKind(cell('kind'), rules.mayCorrect);
  const { owner, asset, walletId } = await readWallet(cell, rules.assets);
  const request: Request = {
    kind,
    walletId,
    amount: readUnits(cell, asset),
    idemKey: readKey(cell('key')) ?? `csv-${rules.digest.slice(0, 32)}-${line}`,
    metadata: {},
  };
  const expiry = cell('expires_at');
  if (expiry !== '') request.expiresAt = readExpiry(expiry, kind, rules.now);
  const side = cell('side');
  if (kind === 'adjustment') request.side = readSide(side);
  else if (side !== '') throw new Wrong('side', 'Only an adjustment has a side.');
  const reason = cell('reason');
  if (reason.length > 1000) throw new Wrong('reason', 'At most 1000 characters.');
  request.metadata = readMetadata(cell('metadata'), fields, reason !== '');
  if (kind === 'adjustment') {
    if (reason === '') throw new Wrong('reason', 'An adjustment needs a reason.');
    request.reason = reason;
  } else if (reason !== '') {
    request.metadata.reason = reason;
  }
  return { line, owner, asset, request };
}

function readKind(text: string, mayCorrect: boolean): ImportKind {
  const kind = KINDS.find((name) => name === text);
  if (!kind) throw new Wrong('kind', `It is one of ${KINDS.join(', ')}.`);
  if (kind === 'adjustment' && !mayCorrect) throw new Wrong('kind', 'Your role may not book adjustments.');
  return kind;
}

async function readWallet(
  cell: (name: Column) => string,
  assets: readonly Asset[],
): Promise<Pick<Row, 'owner' | 'asset'> & { walletId: string }> {
  const [owner, code, id] = [cell('owner'), cell('asset'), cell('wallet')];
  if (id !== '') {
    if (owner !== '') throw new Wrong('owner', 'Either the owner or the wallet.');
    if (!UUID.test(id)) throw new Wrong('wallet', 'This is no id of a wallet.');
    return { owner: undefined, asset: undefined, walletId: id.toLowerCase() };
  }
  if (owner === '') throw new Wrong('owner', 'It is missing.');
  if (Array.from(owner).length > 200) throw new Wrong('owner', 'At most 200 characters.');
  const asset = assets.find((one) => one.code === code);
  if (!asset) throw new Wrong('asset', code === '' ? 'It is missing.' : `There is no asset ${code}.`);
  return { owner, asset: { code, scale: asset.scale }, walletId: await walletIdOf(owner, code) };
}

function readUnits(cell: (name: Column) => string, asset: Asset | undefined): string {
  const [amount, units] = [cell('amount'), cell('units')];
  if (units !== '') {
    if (amount !== '') throw new Wrong('units', 'Either the amount or the units.');
    if (!/^\d{1,16}$/.test(units)) throw new Wrong('units', 'It is a whole number of minor units.');
    const value = BigInt(units);
    if (value < 1n || value > MAX_UNITS) throw new Wrong('units', `From 1 to ${MAX_UNITS}.`);
    return String(value);
  }
  if (!asset) throw new Wrong('units', 'Where the wallet is named by its id, the amount is in minor units.');
  // The same in every country: a file goes from hand to hand.
  if (amount.includes(','))
    throw new Wrong('amount', 'A point stands before the fraction, and nothing between thousands.');
  const value = parseAmount(amount, asset, { locale: 'en' });
  if (typeof value === 'string') throw new Wrong('amount', value);
  return String(value);
}

function readKey(text: string): string | undefined {
  if (text === '') return undefined;
  if (Array.from(text).length > 200) throw new Wrong('key', 'At most 200 characters.');
  return text;
}

function readExpiry(text: string, kind: ImportKind, now: Date): string {
  if (kind !== 'bonus') throw new Wrong('expires_at', 'Only a bonus expires.');
  const at = INSTANT.test(text) ? new Date(text) : undefined;
  if (!at || Number.isNaN(at.getTime()))
    throw new Wrong('expires_at', 'It is an instant with its zone, such as 2027-01-31T12:00:00Z.');
  if (at <= now) throw new Wrong('expires_at', 'It has passed.');
  return text;
}

function readSide(text: string): 'credit' | 'debit' {
  if (text !== 'credit' && text !== 'debit') throw new Wrong('side', 'It is credit or debit.');
  return text;
}

function fieldsOf(columns: readonly string[], cells: readonly string[]): Record<string, string> {
  const fields = columns.flatMap((name, place) => {
    const value = cells[place] ?? '';
    return name.startsWith(FIELD) && value !== '' ? [[name.slice(FIELD.length), value] as const] : [];
  });
  return Object.fromEntries(fields);
}

function readMetadata(text: string, fields: Record<string, string>, hasReason: boolean): Record<string, unknown> {
  const object = text === '' ? {} : parseObject(text);
  const twice = Object.keys(fields).find((name) => Object.hasOwn(object, name));
  if (twice !== undefined) throw new Wrong(`${FIELD}${twice}`, 'The field is in metadata, too.');
  const metadata = { ...object, ...fields };
  if (hasReason && Object.hasOwn(metadata, 'reason')) throw new Wrong('reason', 'It is in the metadata, too.');
  if (new TextEncoder().encode(JSON.stringify(metadata)).length > MAX_METADATA_BYTES)
    throw new Wrong('metadata', `At most ${MAX_METADATA_BYTES} bytes.`);
  return metadata;
}

function parseObject(text: string): Record<string, unknown> {
  // What JavaScript would round is no number that anybody meant.
  const exact = (_name: string, value: unknown, { source }: { source?: string } = {}): unknown => {
    if (typeof value === 'number' && source !== undefined && String(value) !== source)
      throw new Wrong('metadata', `Write ${source} as a text: as a number it would not be kept exactly.`);
    return value;
  };
  try {
    const value: unknown = JSON.parse(text, exact);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (error) {
    if (error instanceof Wrong) throw error;
  }
  throw new Wrong('metadata', 'It is no JSON object.');
}
