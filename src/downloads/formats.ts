/** Writes rows as CSV that is safe to open in a spreadsheet, or as JSON, one line per row. */
import type { Transform } from 'node:stream';
import { stringify } from 'csv-stringify';

export type Value = string | boolean | Json | null;
export type Row = Record<string, Value>;
export type Lines = Transform | ((rows: AsyncIterable<Row>) => AsyncIterable<string>);

/** The columns in order; `texts` are those with values written by callers. */
export interface Table {
  columns: readonly string[];
  texts: readonly string[];
}

export interface Format {
  extension: string;
  contentType: string;
  lines: (table: Table) => Lines;
}

/** JSON as PostgreSQL wrote it: parsing it into JavaScript would change large numbers. */
class Json {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/**
 * A spreadsheet runs a cell that starts with one of these as a formula. Leading apostrophes match too, so that readers can tell an added
 * apostrophe.
 */
const FORMULA = /^'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;
const LINES_AT_ONCE = 100;

const OID_BOOL = 16;
const OID_TIMESTAMPTZ = 1184;
const OID_JSONB = 3802;
/** Type parsers for `pg`. All numbers and timestamps stay text: none loses digits or microseconds. */
export const types = {
  getTypeParser:
    (oid: number) =>
    (text: string): Value =>
      parseValue(oid, text),
};

const CSV: Format = {
  extension: 'csv',
  contentType: 'text/csv; charset=utf-8; header=present',
  // Columns outside of `texts` hold numbers and the ledger's own words, which need no apostrophe.
  lines: ({ columns, texts }) =>
    stringify({
      header: true,
      columns: [...columns],
      cast: {
        boolean: String,
        object: (json) => (json instanceof Json ? asText(json.text) : ''),
        string: (text, { column }) => (texts.includes(String(column)) ? asText(text) : text),
      },
    }),
};

const NDJSON: Format = {
  extension: 'ndjson',
  contentType: 'application/x-ndjson; charset=utf-8',
  lines: () => ndjsonLines,
};

export const FORMATS: readonly Format[] = [CSV, NDJSON];

/** An apostrophe in front makes a spreadsheet treat the cell as text. */
function asText(cell: string): string {
  return FORMULA.test(cell) ? `'${cell}` : cell;
}

async function* ndjsonLines(rows: AsyncIterable<Row>): AsyncIterable<string> {
  let lines: string[] = [];
  for await (const row of rows) {
    lines.push(ndjsonLine(row));
    if (lines.length < LINES_AT_ONCE) continue;
    yield lines.join('');
    lines = [];
  }
  yield lines.join('');
}

function ndjsonLine(row: Row): string {
  const fields = Object.entries(row).map(
    ([name, value]) => `"${name}":${value instanceof Json ? value.text : JSON.stringify(value)}`,
  );
  return `{${fields.join(',')}}\n`;
}

function parseValue(oid: number, text: string): Value {
  if (oid === OID_TIMESTAMPTZ) return isoTimestamp(text);
  if (oid === OID_JSONB) return new Json(text);
  if (oid === OID_BOOL) return text === 't';
  return text;
}

/** From `2026-01-31 12:00:00.5+00` to `2026-01-31T12:00:00.500000+00:00`. */
function isoTimestamp(text: string): string {
  const [, date, time, fraction = '', zone] = /^(\S+) ([\d:]+)(?:\.(\d+))?([+-]\d\d)$/.exec(text) ?? [];
  return date && time && zone ? `${date}T${time}.${fraction.padEnd(6, '0')}${zone}:00` : text;
}
