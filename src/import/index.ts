/** `npm run import -- file.csv`: books the balances that players bring from another system, after all of the file has been checked. */
import { command, wholeNumber } from '../command.ts';
import { showLine, type Terminal } from '../commands/progress.ts';
import { ConfigError, readCommandConfig } from '../config.ts';
import { withDatabaseUrl } from '../dev/local.ts';
import { UsageError } from '../exit.ts';
import { withSession } from '../migrate/session.ts';
import { ImportLedger, RowRefused, type Totals } from './ledger.ts';
import { COLUMNS, readRows, type Fault, type Row } from './rows.ts';

const DEFAULT_BATCH = 1_000;
const MOST_IN_BATCH = 10_000;

const HELP = `npm run import -- <file.csv> [--dry-run] [--as-of <date>] [--batch <rows>]

Books the balances that players bring from another system. The first line names the columns, in any order:
${COLUMNS.join(', ')}. paid and bonus are minor units; expiry is when the bonus credits expire, with its zone,
or empty; reference is the idempotency key, another one for each row. Wallets are opened as needed.

All rows are checked before anything is booked; each bad one is a line on standard error. It may be run again
after any interruption: what has been booked is recognised by its reference.

  --dry-run       checks and reports, and books nothing
  --as-of <date>  the date of the balances in the other system, which each movement keeps in its metadata
  --batch <rows>  how many rows a transaction books, ${DEFAULT_BATCH} if left out, at most ${MOST_IN_BATCH}`;

/** Of bad rows, this many are shown. */
const MOST_FAULTS = 100;
/** How many rows go to the database at a time. */
const CHUNK = 5_000;

const options = {
  'dry-run': { type: 'boolean', default: false },
  'as-of': { type: 'string' },
  batch: { type: 'string' },
} as const;

await command({ help: HELP, options, positional: 'file' }, async (values, path) => {
  if (path === undefined) throw new UsageError('Name the file; see --help');
  const asOf = values['as-of'];
  if (asOf !== undefined && !isDate(asOf))
    throw new UsageError('--as-of must be a date such as 2030-01-31; see --help');
  const batch = wholeNumber('batch', values.batch ?? String(DEFAULT_BATCH));
  if (batch > MOST_IN_BATCH) throw new UsageError(`--batch must be at most ${MOST_IN_BATCH}; see --help`);
  const terminal = process.stderr.isTTY ? process.stderr : undefined;
  return withDatabaseUrl(readCommandConfig(process.env), (url) =>
    withSession(url, 'wallet-import', async (client) => {
      const ledger = await ImportLedger.start(client, asOf === undefined ? {} : { as_of: asOf }).catch(denied);
      const bad = await check(path, ledger, terminal);
      if (bad > 0) {
        console.error(`${count(bad)} bad ${bad === 1 ? 'row' : 'rows'}: nothing was booked`);
        return 1;
      }
      const totals = await ledger.totals();
      const before = totals.reduce((sum, one) => sum + one.before, 0);
      const left = totals.reduce((sum, one) => sum + one.rows, 0) - before;
      const booked = values['dry-run'] ? 0 : await book(ledger, { left, batch, terminal });
      for (const line of reportOf(totals)) console.log(line);
      console.log(`booked before: ${count(before)}; booked now: ${count(booked)}; left: ${count(left - booked)}`);
      return booked === left || values['dry-run'] ? 0 : 1;
    }),
  );
});

/** How many rows are bad; the first of them are shown, by line. */
async function check(path: string, ledger: ImportLedger, terminal: Terminal | undefined): Promise<number> {
  const shown: Fault[] = [];
  let bad = 0;
  let rows: Row[] = [];
  let read = 0;
  const stage = async (): Promise<void> => {
    if (rows.length > 0) await ledger.add(rows);
    read += rows.length;
    rows = [];
    if (terminal) showLine(terminal, `read: ${count(read)} rows`);
  };
  for await (const row of readRows(path, (fault) => {
    bad += 1;
    if (shown.length < MOST_FAULTS) shown.push(fault);
  })) {
    rows.push(row);
    if (rows.length === CHUNK) await stage();
  }
  await stage();
  const { faults, all } = await ledger.judge(MOST_FAULTS);
  if (terminal) showLine(terminal, '');
  const first = [...shown, ...faults].sort((one, two) => one.line - two.line).slice(0, MOST_FAULTS);
  for (const { line, column, why } of first) console.error(`line ${line}: ${column ? `${column} ` : ''}${why}`);
  if (bad + all > first.length) console.error(`and ${count(bad + all - first.length)} more`);
  return bad + all;
}

/** How many rows have been booked. */
async function book(
  ledger: ImportLedger,
  { left, batch, terminal }: { left: number; batch: number; terminal: Terminal | undefined },
): Promise<number> {
  let booked = 0;
  try {
    for await (booked of ledger.book(batch))
      if (terminal) showLine(terminal, `booked: ${count(booked)} of ${count(left)} rows`);
  } catch (error) {
    if (!(error instanceof RowRefused)) throw error;
    console.error(`${error.message} Nothing of its batch was booked; run it again.`);
  }
  if (terminal) showLine(terminal, '');
  return booked;
}

function reportOf(totals: Totals[]): string[] {
  return totals.map(({ asset, rows, paid, bonus }) => `${asset}: ${count(rows)} rows, paid ${paid}, bonus ${bonus}`);
}

function count(number: number): string {
  return number.toLocaleString('en');
}

function isDate(text: string): boolean {
  const [year = NaN, month = NaN, day = NaN] = text.split('-').map(Number);
  const date = new Date(Date.UTC(year, month - 1, day));
  return /^\d{4}-\d\d-\d\d$/.test(text) && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}

function denied(error: unknown): never {
  if ((error as { code?: string }).code !== '42501') throw error;
  throw new ConfigError(
    'The login of DATABASE_URL may not make temporary tables, or is no wallet_operator: import as an administrator',
    { cause: error },
  );
}
