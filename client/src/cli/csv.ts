/** CSV as RFC 4180 has it, read as a stream: quoted cells may hold commas, quotes and line breaks. */

/** A row, and the line of the file that it ends on, counted from 1. */
export interface CsvRow {
  cells: string[];
  line: number;
}

/** A file that is no CSV; `line` is where. */
export class CsvError extends Error {
  override name = 'CsvError';
}

/** Longer than any row that could be right: what a quote that never ends would hold. */
const MAX_ROW = 65_536;

/** The rows of a text that comes in pieces. Empty lines are left out. */
export async function* rowsOf(pieces: AsyncIterable<string>): AsyncGenerator<CsvRow, void, undefined> {
  let line = 1;
  let cells: string[] = [];
  let cell = '';
  // 'quoted': inside quotes; 'after': behind the quote that may have ended them.
  let state: 'start' | 'bare' | 'quoted' | 'after' = 'start';
  let length = 0;
  let isFirst = true;
  let isAfterReturn = false;

  function* endRow(): Generator<CsvRow> {
    cells.push(cell);
    if (cells.length > 1 || cell !== '' || state === 'after') yield { cells, line };
    cells = [];
    cell = '';
    length = 0;
    state = 'start';
  }

  for await (let piece of pieces) {
    if (isFirst) piece = piece.replace(/^\ufeff/, '');
    isFirst &&= piece === '';
    for (const char of piece) {
      const isFeedOfReturn = char === '\n' && isAfterReturn;
      isAfterReturn = char === '\r';
      length += 1;
      if (length > MAX_ROW) throw new CsvError(`line ${line}: a row of more than ${MAX_ROW} characters`);
      if (state === 'quoted') {
        if (char === '"') state = 'after';
        else cell += char;
        if (char === '\n') line += 1;
      } else if (isFeedOfReturn) {
        length = 0;
      } else if (char === '\r' || char === '\n') {
        yield* endRow();
        line += 1;
      } else if (char === ',') {
        cells.push(cell);
        cell = '';
        state = 'start';
      } else if (char === '"' && state === 'after') {
        cell += char;
        state = 'quoted';
      } else if (char === '"' && state === 'start') {
        state = 'quoted';
      } else if (char === '"' || state === 'after') {
        throw new CsvError(`line ${line}: a quote in the midst of a cell`);
      } else {
        cell += char;
        state = 'bare';
      }
    }
  }
  if (state === 'quoted') throw new CsvError(`line ${line}: a quote that does not end`);
  yield* endRow();
}
