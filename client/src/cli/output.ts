/** What people see: tables, colours on a terminal alone, and one line for each trouble. */

/** Where text goes: a terminal has colours, unless NO_COLOR says otherwise. */
export interface Sink {
  write(text: string): unknown;
  isTTY?: boolean;
}

export interface Column<T> {
  title: string;
  of: (row: T) => string;
  /** Numbers stand to the right. */
  isNumber?: boolean;
}

const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/g;

export class Style {
  readonly #isOn: boolean;

  constructor({ isTTY }: Sink, env: Record<string, string | undefined>) {
    this.#isOn = isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  }

  bold(text: string): string {
    return this.#in(1, text);
  }

  dim(text: string): string {
    return this.#in(2, text);
  }

  red(text: string): string {
    return this.#in(31, text);
  }

  green(text: string): string {
    return this.#in(32, text);
  }

  #in(code: number, text: string): string {
    return this.#isOn ? `\u001b[${code}m${text}\u001b[0m` : text;
  }
}

/** 1234567 as 1,234,567. */
export function amount(value: bigint): string {
  return value.toLocaleString('en');
}

/** A text of somebody else's: without what would steer a terminal. */
export function plain(text: string): string {
  return text.replace(CONTROLS, '\ufffd');
}

/** A table: a line of titles, and one for each row. */
export function table<T>(columns: readonly Column<T>[], rows: readonly T[], style: Style): string {
  const cells = rows.map((row) => columns.map(({ of }) => plain(of(row))));
  const widths = columns.map(({ title }, place) =>
    Math.max(title.length, ...cells.map((row) => row[place]?.length ?? 0)),
  );
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, place) =>
        columns[place]?.isNumber ? text.padStart(widths[place] ?? 0) : text.padEnd(widths[place] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [style.dim(line(columns.map(({ title }) => title))), ...cells.map(line)].map((text) => `${text}\n`).join('');
}

/** Names and values, one a line. */
export function list(pairs: readonly (readonly [name: string, value: string])[], style: Style): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${style.dim(name.padEnd(width))}  ${plain(value)}\n`).join('');
}

/** JSON for programs: amounts as text, as everywhere in the service. */
export function json(value: unknown): string {
  return `${JSON.stringify(value, (_name, part: unknown) => (typeof part === 'bigint' ? String(part) : part))}\n`;
}
