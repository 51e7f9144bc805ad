/** Books the movements of a CSV file: all rows are checked, then booked by `postEach`, so many in a call. Safe to run again. */
import { createReadStream } from 'node:fs';
import { Refused, type Outcome, type PostRequest, type WalletClient } from '../index.ts';
import { isInstant, UsageError } from './arguments.ts';
import { CsvError, rowsOf, type CsvRow } from './csv.ts';
import type { OpenMany } from './open.ts';
import { json, plain, type Sink, type Style } from './output.ts';

const NEEDED = ['kind', 'owner', 'asset', 'amount', 'reference'] as const;
const OPTIONAL = ['to', 'expiry', 'metadata'] as const;
type Column = (typeof NEEDED)[number] | (typeof OPTIONAL)[number];
const COLUMNS: readonly Column[] = [...NEEDED, ...OPTIONAL];

export const IMPORT_HELP = `
The first line names the columns, in any order: ${NEEDED.join(', ')}, and where needed
${OPTIONAL.join(', ')}. kind is top_up, bonus, spend or transfer; amount is minor units; reference is the
idempotency key, another one for each row of a wallet; to is the owner who gets a transfer; expiry is when a
bonus expires, with its zone; metadata is a JSON object. A row of a wallet that has not been opened is refused,
unless --open is given: then such wallets are opened first, and rows that name an unknown asset are refused.

All rows are checked before anything is booked. It may be run again after any interruption: what has been booked
is recognised by its reference. Balances from another system are brought by the service's own npm run import.`;

/** Of bad or refused rows, so many are shown. */
const MOST_SHOWN = 100;
const MAX_AMOUNT = 10n ** 15n;

type Fields = Record<Column, string>;

/** What is wrong with a row. */
interface Fault {
  line: number;
  why: string;
  code?: string;
}

interface Row extends Fields {
  line: number;
}

const RULES: readonly [isRight: (row: Fields) => boolean, why: string][] = [
  [({ kind }) => /^(top_up|bonus|spend|transfer)$/.test(kind), 'kind must be top_up, bonus, spend or transfer'],
  [({ owner }) => isName(owner), 'owner must have 1 to 200 characters, no white space at either end'],
  [({ asset }) => /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(asset), 'asset must be the code of an asset'],
  [
    ({ amount }) => /^[1-9]\d{0,15}$/.test(amount) && BigInt(amount) <= MAX_AMOUNT,
    `amount must be a whole number of minor units, 1 to ${MAX_AMOUNT}`,
  ],
  [({ reference }) => isName(reference), 'reference must have 1 to 200 characters, no white space at either end'],
  [
    ({ kind, to }) => (kind === 'transfer' ? isName(to) : to === ''),
    'to must be the owner who gets a transfer, and empty for other kinds',
  ],
  [
    ({ kind, expiry }) => expiry === '' || (kind === 'bonus' && isInstant(expiry)),
    'expiry must be an instant with its zone, such as 2030-01-31T00:00:00Z, and empty for what is no bonus',
  ],
  [({ metadata }) => metadata === '' || isObject(metadata), 'metadata must be a JSON object, or empty'],
];

const isName = (value: string): boolean => {
  const { length } = Array.from(value.slice(0, 402));
  return length >= 1 && length <= 200 && !/^\p{White_Space}|\p{White_Space}$/u.test(value);
};

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

export interface ImportWork {
  client: WalletClient;
  openMany: OpenMany;
  isJson: boolean;
  stdout: Sink;
  stderr: Sink;
  style: Style;
  signal: AbortSignal | undefined;
  /** How many rows a call books. */
  batch: number;
  /** Checks only. */
  isDry: boolean;
  /** Opens the wallets that are not there. */
  opensMissing: boolean;
}

/** The exit code. */
export async function importFile(path: string, work: ImportWork): Promise<number> {
  const { isJson, stdout, isDry } = work;
  const bad = new Faults(work);
  const rows = await countOf(readRows(path, bad));
  if (bad.count > 0) {
    bad.show();
    if (isJson) stdout.write(json({ rows: rows + bad.count, bad: bad.count, booked: 0, faults: bad.shown }));
    else work.stderr.write(`${count(bad.count)} bad ${bad.count === 1 ? 'row' : 'rows'}: nothing was booked\n`);
    return 1;
  }
  const refused = new Faults(work);
  const done = { before: 0, now: 0 };
  if (!isDry) await bookAll(path, rows, work, refused, done);
  refused.show();
  const left = rows - done.before - done.now - refused.count;
  if (isJson) {
    const sums = { rows, bookedBefore: done.before, booked: done.now, refused: refused.count, left };
    stdout.write(json({ ...sums, faults: refused.shown }));
  } else {
    const sums = `booked before: ${count(done.before)}; booked now: ${count(done.now)}`;
    stdout.write(`${sums}; refused: ${count(refused.count)}; left: ${count(left)}\n`);
  }
  return refused.count > 0 ? 1 : 0;
}

async function bookAll(
  path: string,
  all: number,
  work: ImportWork,
  refused: Faults,
  done: { before: number; now: number },
): Promise<void> {
  const { client, stderr, signal } = work;
  let rows: Row[] = [];
  let tried = 0;
  // By its code, why an asset was refused: no wallet of it can be opened.
  const unknown = new Map<string, Refused>();
  const book = async (): Promise<void> => {
    // Before any of them is booked: so the movements of a wallet stay in the order of the file.
    if (work.opensMissing) await openAll(rows, work, unknown);
    const sent = rows.filter(({ asset }) => !unknown.has(asset));
    const outcomes =
      sent.length === 0
        ? []
        : await client.postEach(
            sent.map((row) => requestOf(client, row)),
            { signal },
          );
    const bySent = new Map(sent.map((row, place) => [row, outcomes[place]]));
    for (const row of rows) {
      const refusal = unknown.get(row.asset);
      const outcome = refusal ? { refused: refusal } : bySent.get(row);
      if (outcome) note(outcome, row.line, refused, done);
    }
    tried += rows.length;
    rows = [];
    if (stderr.isTTY) stderr.write(`\r\u001b[K${count(tried)} of ${count(all)} rows`);
  };
  try {
    for await (const row of readRows(path, refused)) if (rows.push(row) === work.batch) await book();
    if (rows.length > 0) await book();
  } finally {
    if (stderr.isTTY) stderr.write('\r\u001b[K');
  }
}

async function openAll(rows: readonly Row[], work: ImportWork, unknown: Map<string, Refused>): Promise<void> {
  const owners = new Map<string, Set<string>>();
  for (const { asset, owner, to } of rows) {
    if (unknown.has(asset)) continue;
    const known = owners.get(asset) ?? new Set();
    owners.set(asset, known.add(owner));
    if (to !== '') known.add(to);
  }
  for (const [asset, names] of owners) {
    try {
      await work.openMany(names, asset, { signal: work.signal });
    } catch (error) {
      if (!(error instanceof Refused && error.code === 'ASSET_NOT_FOUND')) throw error;
      unknown.set(asset, error);
    }
  }
}

function note(
  { receipt, refused: refusal }: Outcome,
  line: number,
  refused: Faults,
  done: { before: number; now: number },
): void {
  if (!receipt) refused.add({ line, why: refusal.message, code: refusal.code });
  else if (receipt.replayed) done.before += 1;
  else done.now += 1;
}

function requestOf(
  client: WalletClient,
  { kind, owner, asset, amount, reference, to, expiry, metadata }: Row,
): PostRequest {
  const of = {
    wallet: client.wallet(owner, asset),
    amount: BigInt(amount),
    key: reference,
    metadata: metadata === '' ? undefined : (JSON.parse(metadata) as Record<string, unknown>),
  };
  if (kind === 'transfer') return { ...of, kind, to: client.wallet(to, asset) };
  if (kind === 'bonus') return { ...of, kind, expiresAt: expiry === '' ? undefined : expiry };
  return { ...of, kind: kind === 'spend' ? 'spend' : 'top_up' };
}

/** What is wrong: the first of it is shown, the rest counted. */
class Faults {
  readonly shown: Fault[] = [];
  readonly #work: ImportWork;
  count = 0;

  constructor(work: ImportWork) {
    this.#work = work;
  }

  add(fault: Fault): void {
    this.count += 1;
    if (this.shown.length < MOST_SHOWN) this.shown.push(fault);
  }

  show(): void {
    const { isJson, stderr } = this.#work;
    if (isJson) return;
    for (const { line, why } of this.shown) stderr.write(`line ${line}: ${plain(why)}\n`);
    if (this.count > this.shown.length) stderr.write(`and ${count(this.count - this.shown.length)} more\n`);
  }
}

/** The rows in which nothing is wrong by itself; of the others, `bad` is told. */
async function* readRows(path: string, bad: Faults): AsyncGenerator<Row, void, undefined> {
  let names: readonly string[] | undefined;
  for await (const { cells, line } of cellsOf(path)) {
    if (!names) {
      names = namesOf(cells);
      continue;
    }
    const fields = Object.fromEntries(
      COLUMNS.map((column) => [column, cells[names?.indexOf(column) ?? -1] ?? '']),
    ) as Fields;
    const why =
      cells.length !== names.length
        ? `has ${cells.length} columns, not ${names.length}`
        : cells.some((cell) => /[\u0000\ufffd]/.test(cell))
          ? 'is not text in UTF-8'
          : RULES.find(([isRight]) => !isRight(fields))?.[1];
    if (why === undefined) yield { ...fields, line };
    else bad.add({ line, why });
  }
  if (!names) throw new UsageError(`${path} has no line with the columns ${NEEDED.join(', ')}`);
}

async function* cellsOf(path: string): AsyncGenerator<CsvRow, void, undefined> {
  try {
    yield* rowsOf(createReadStream(path, 'utf8'));
  } catch (error) {
    if (error instanceof CsvError) throw new UsageError(`${path}, ${error.message}`, { cause: error });
    const { syscall, code } = error as { syscall?: string; code?: string };
    if (syscall === undefined) throw error;
    throw new UsageError(`${path} cannot be read (${code ?? ''})`, { cause: error });
  }
}

/** The first line names the columns, in any order. */
function namesOf(cells: readonly string[]): readonly string[] {
  const isWrong =
    NEEDED.some((column) => !cells.includes(column)) ||
    cells.some((name, place) => !COLUMNS.includes(name as Column) || cells.indexOf(name) !== place);
  if (isWrong)
    throw new UsageError(
      `The first line must name the columns ${NEEDED.join(', ')}, and may name ${OPTIONAL.join(', ')}; it has ${plain(cells.join(', '))}`,
    );
  return cells;
}

function count(number: number): string {
  return number.toLocaleString('en');
}

async function countOf(rows: AsyncIterable<unknown>): Promise<number> {
  const iterator = rows[Symbol.asyncIterator]();
  let number = 0;
  while ((await iterator.next()).done !== true) number += 1;
  return number;
}
