/** Rows of whole tables as COPY writes and reads them, so that a ledger can be kept as text. */
import type pg from 'pg';

/** What `pg` calls for each message of the server, whatever kind of query that answers. */
interface Wire {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

/** One COPY statement: `pg` itself has no way to feed or to read it. */
class Copy {
  readonly done: Promise<string>;
  #resolve!: (text: string) => void;
  #reject!: (error: Error) => void;
  readonly #chunks: Buffer[] = [];
  #error: Error | undefined;
  readonly #sql: string;
  readonly #input: string;

  constructor(sql: string, input = '') {
    this.#sql = sql;
    this.#input = input;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  submit(wire: Wire): void {
    wire.query(this.#sql);
  }

  handleCopyInResponse(wire: Wire): void {
    wire.sendCopyFromChunk(Buffer.from(this.#input));
    wire.endCopyFrom();
  }

  handleCopyData({ chunk }: { chunk: Buffer }): void {
    this.#chunks.push(Buffer.from(chunk));
  }

  handleError(error: Error): void {
    this.#error = error;
  }

  handleCommandComplete(): void {
    // The end is when the server is ready again.
  }

  handleReadyForQuery(): void {
    if (this.#error) this.#reject(this.#error);
    else this.#resolve(Buffer.concat(this.#chunks).toString());
  }
}

function run(session: pg.Client, copy: Copy): Promise<string> {
  session.query(copy as unknown as pg.Submittable);
  return copy.done;
}

/** A table with the rows of some of its columns. */
export interface Rows {
  /** With its columns, such as `ledger.assets (code, name)`. */
  table: string;
  /** As COPY writes them, sorted. */
  lines: string[];
}

/** All tables of the ledger with all columns that are written. */
export async function tablesOf(session: pg.Client): Promise<string[]> {
  const { rows } = await session.query<{ name: string }>(
    `select format('%s (%s)', c.oid::regclass, string_agg(quote_ident(a.attname), ', ' order by a.attnum)) as name
     from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
     where c.relkind = 'r' and c.relnamespace in ('ledger'::regnamespace, 'ledger_private'::regnamespace)
     group by c.oid order by c.oid::regclass::text`,
  );
  return rows.map(({ name }) => name);
}

/** What these tables hold. Two of the same rows are the same text, whatever the session. */
export async function readRows(session: pg.Client, tables: string[]): Promise<Rows[]> {
  await session.query(
    "set time zone 'UTC'; set datestyle = 'ISO'; set extra_float_digits = 1; set bytea_output = 'hex'",
  );
  const all: Rows[] = [];
  for (const table of tables) {
    const text = await run(session, new Copy(`copy ${table} to stdout`));
    all.push({ table, lines: text.split('\n').filter(Boolean).sort() });
  }
  return all;
}

/** Puts rows in place of all there are, as a dump that is restored does. */
export async function writeRows(session: pg.Client, all: Rows[]): Promise<void> {
  await session.query('begin; set local session_replication_role = replica');
  await session.query(`truncate ${all.map(({ table }) => table.replace(/ .*/, '')).join(', ')}`);
  for (const { table, lines } of all)
    await run(session, new Copy(`copy ${table} from stdin`, lines.map((line) => `${line}\n`).join('')));
  await session.query('commit');
}

export const toText = (all: Rows[]): string =>
  all.map(({ table, lines }) => [`copy ${table} from stdin;`, ...lines, '\\.\n'].join('\n')).join('\n');

export function fromText(text: string): Rows[] {
  return [...text.matchAll(/^copy (.+) from stdin;\n([^]*?)^\\\.$/gm)].map(([, table = '', lines = '']) => ({
    table,
    lines: lines.split('\n').filter(Boolean),
  }));
}
