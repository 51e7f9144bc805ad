/** The rows of a file of opening balances: read as a stream, each looked at by itself. What needs the ledger or the other rows is judged there. */
import { createReadStream } from 'node:fs';
import { parse, type CsvError, type Info } from 'csv-parse';
import { UsageError } from '../exit.ts';

export const COLUMNS = ['owner', 'asset', 'paid', 'bonus', 'expiry', 'reference'] as const;
type Column = (typeof COLUMNS)[number];

export interface Row {
  /** Of the file, from 1; of a row of several lines, the last one. */
  line: number;
  owner: string;
  asset: string;
  paid: string;
  bonus: string;
  /** Null: the bonus credits do not expire. */
  expiry: string | null;
  reference: string;
}

/** What is wrong with a row. */
export interface Fault {
  line: number;
  /** Empty where it is the row as a whole. */
  column: string;
  why: string;
}

type Fields = Record<Column, string>;

/** Longer than any row that could be right; what a quote that never ends would hold. */
const MAX_ROW_BYTES = 65_536;
const MAX_AMOUNT = 10n ** 15n;
const INSTANT = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d(:?\d\d)?)$/;

/** As the ledger takes owner ids and idempotency keys. */
const isName = (value: string): boolean =>
  Array.from(value.slice(0, 402)).length <= 200 &&
  /[^\u0001-\u0020\u007f-\u00a0]/.test(value) &&
  !/^\p{White_Space}|\p{White_Space}$/u.test(value);

const RULES: readonly [column: Column, isRight: (row: Fields) => boolean, why: string][] = [
  ['owner', ({ owner }) => isName(owner), 'must have 1 to 200 characters, no white space at either end'],
  ['asset', ({ asset }) => /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(asset), 'must be the code of an asset'],
  ['paid', ({ paid }) => /^\d{1,16}$/.test(paid), 'must be a whole number of minor units, 0 or more'],
  ['bonus', ({ bonus }) => /^\d{0,16}$/.test(bonus), 'must be a whole number of minor units, 0 or more, or empty'],
  ['reference', ({ reference }) => isName(reference), 'must have 1 to 200 characters, no white space at either end'],
  [
    'paid',
    ({ paid, bonus }) => !/^\d{1,16},\d{0,16}$/.test(`${paid},${bonus}`) || isAmount(BigInt(paid) + BigInt(bonus)),
    `must be 1 to ${MAX_AMOUNT} together with bonus`,
  ],
  [
    'expiry',
    ({ expiry }) => expiry === '' || INSTANT.test(expiry),
    'must be an instant with its zone, such as 2030-01-31T00:00:00Z, or empty',
  ],
  [
    'expiry',
    ({ expiry, bonus }) => expiry === '' || !/^0*$/.test(bonus),
    'must be empty where there are no bonus credits',
  ],
];

function isAmount(amount: bigint): boolean {
  return amount >= 1n && amount <= MAX_AMOUNT;
}

/** The rows without a fault of their own; the others go to `report`. One is in memory at a time. */
export async function* readRows(path: string, report: (fault: Fault) => void): AsyncGenerator<Row> {
  const file = createReadStream(path);
  const parser = parse({
    bom: true,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: MAX_ROW_BYTES,
    skip_records_with_error: true,
    on_skip: (error) => {
      report({ line: lineOf(error), column: '', why: error?.message ?? 'cannot be read' });
      return undefined;
    },
  });
  file.on('error', (error) => parser.destroy(error));
  let places: Record<Column, number> | undefined;
  try {
    for await (const { record, info } of file.pipe(parser) as AsyncIterable<{ record: string[]; info: Info }>) {
      if (!places) {
        places = placesOf(record);
        continue;
      }
      const row = rowOf(record, places, info.lines, report);
      if (row) yield row;
    }
  } catch (error) {
    const { code, syscall } = error as { code?: string; syscall?: string };
    if (syscall === undefined) throw error;
    throw new UsageError(`${path} cannot be read (${code ?? ''})`, { cause: error });
  } finally {
    file.destroy();
  }
  if (!places) throw new UsageError(`${path} has no line with the columns ${COLUMNS.join(', ')}`);
}

/** The first line names the columns, in any order. */
function placesOf(names: string[]): Record<Column, number> {
  if ([...names].sort().join() !== [...COLUMNS].sort().join())
    throw new UsageError(`The first line must name the columns ${COLUMNS.join(', ')}; it has ${names.join(', ')}`);
  return Object.fromEntries(COLUMNS.map((column) => [column, names.indexOf(column)])) as Record<Column, number>;
}

function rowOf(
  record: string[],
  places: Record<Column, number>,
  line: number,
  report: (fault: Fault) => void,
): Row | undefined {
  if (record.length !== COLUMNS.length) {
    report({ line, column: '', why: `has ${record.length} columns, not ${COLUMNS.length}` });
    return undefined;
  }
  const fields = Object.fromEntries(COLUMNS.map((column) => [column, record[places[column]] ?? ''])) as Fields;
  const unreadable = COLUMNS.find((column) => /[\u0000\ufffd]/.test(fields[column]));
  const [column, , why] = unreadable
    ? [unreadable, undefined, 'is not text in UTF-8']
    : (RULES.find(([, isRight]) => !isRight(fields)) ?? []);
  if (column !== undefined) {
    report({ line, column, why: why ?? '' });
    return undefined;
  }
  return { line, ...fields, bonus: fields.bonus || '0', expiry: fields.expiry || null };
}

function lineOf(error: CsvError | undefined): number {
  const { lines } = (error ?? {}) as { lines?: unknown };
  return typeof lines === 'number' ? lines : 0;
}
