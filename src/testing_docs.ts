/** Parses the code blocks of the documentation, runs them, and compares the output with the text beside them. */
import { lstatSync, mkdtempSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { format } from 'prettier';
import type { GatewayRole } from '../db/tests/helpers.ts';
import { isRole } from './roles.ts';
import { AUTH, Child, execute, ROOT, type Gateway } from './testing.ts';

/** A transaction of another test file may delay the feed for minutes. */
const LIMIT_MS = 240_000;
const SHOWN_URL = 'http://localhost:5678';
/** Logins in the documentation, and the test server's logins that replace them. */
const LOGINS: Readonly<Record<string, string>> = { shop_job: 'wallet_test_job' };
const AUDITOR = 'jane_audit';

/** Why these tests do not run a block. */
export const REASONS = ['docker', 'kubernetes', 'cloud', 'minutes', 'service', 'checkout', 'psql', 'promtool'] as const;

export interface Block {
  page: string;
  /** The number of its first line of code in the page, from 1. */
  line: number;
  language: string;
  text: string;
  /** The spaces before each line: the block is in a list. */
  indent: string;
  /** Whether the block is in an HTML comment and prepares the next example. */
  hidden: boolean;
  as: string | undefined;
  sub: string | undefined;
  place: 'in' | 'of' | undefined;
  file: string | undefined;
  runBy: string | undefined;
  notRun: string | undefined;
  example: boolean;
}

const INFO =
  /^(?: as (?<as>\w+)(?: (?<sub>\w+))?)?(?: (?<place>in|of the) background)?(?: file=(?<file>\S+))?(?: run by (?<runBy>\S+))?(?: not run: (?<notRun>\w+))?(?: (?<example>example))?$/;

export function blocksOf(page: string, text: string): Block[] {
  const blocks: Block[] = [];
  const lines = text.split('\n');
  for (let at = 0; at < lines.length; at += 1) {
    const fence = /^( *)```(\w+)?(.*)$/.exec(lines[at] ?? '');
    const comment = /^()<!-- (sql)(.*)$/.exec(lines[at] ?? '');
    const [, indent = '', language = '', info = ''] = fence ?? comment ?? [];
    if (!fence && !comment) continue;
    const end = lines.indexOf(fence ? `${indent}\`\`\`` : '-->', at + 1);
    const groups = INFO.exec(info.trimEnd())?.groups;
    if (end < 0 || language === '' || !groups) throw new Error(`${page}:${at + 1}: ${lines[at]}`);
    blocks.push({
      page,
      line: at + 2,
      language,
      text: lines
        .slice(at + 1, end)
        .map((line) => `${line.slice(indent.length)}\n`)
        .join(''),
      indent,
      hidden: !fence,
      as: groups.as,
      sub: groups.sub,
      place: groups.place === undefined ? undefined : groups.place === 'in' ? 'in' : 'of',
      file: groups.file,
      runBy: groups.runBy,
      notRun: groups.notRun,
      example: groups.example !== undefined,
    });
    at = end;
  }
  return blocks;
}

/** The paths of all pages, relative to the root of the project. */
export function pages(): string[] {
  const below = (folder: string): string[] =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.md') && !/(^|\/)(node_modules|\.vitepress)\//.test(path))
      .map((path) => join(folder, path))
      .sort();
  const first = ['README.md', 'docs/integrate.md', 'docs/movements.md'];
  const root = readdirSync(ROOT).filter((path) => path.endsWith('.md'));
  return [...new Set([...first, ...root, ...below('docs'), ...below('examples')])];
}

export const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** Values that differ in each run: time-based ids, cursors, instants with a fraction, hashes, tokens. */
const UUID7 = '[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}';
const VOLATILE = new RegExp(
  [
    `(?<cursor>\\b\\d+\\.\\d+\\.${UUID7})`,
    `(?<id>\\b${UUID7})`,
    '(?<instant>\\d{4}-\\d\\d-\\d\\d[T ]\\d\\d:\\d\\d:\\d\\d\\.\\d+(?:Z|[+-]\\d\\d(?::\\d\\d)?))',
    '(?<hash>\\b[0-9a-f]{64}\\b|(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=)',
    '(?<seal>(?<=\\bseal )\\d+)',
    '(?<token>\\beyJ[\\w-]+(?:\\.[\\w-]+\\.[\\w-]+|…))',
  ].join('|'),
  'g',
);

function split(text: string): { plain: string; values: string[]; hasWidth: boolean } {
  const values: string[] = [];
  let hasWidth = true;
  const plain = text.replace(VOLATILE, (...found) => {
    const groups = found.at(-1) as Record<string, string | undefined>;
    const [kind = '', value = ''] = Object.entries(groups).find(([, one]) => one !== undefined) ?? [];
    // The worker closes blocks during the run, so the number of the newest seal depends on the moment.
    if (kind !== 'seal') values.push(value);
    // The width varies: PostgreSQL drops trailing zeros of an instant, and a cursor has a transaction's number.
    if (kind === 'instant' || kind === 'cursor') hasWidth = false;
    return `<${kind}>`;
  });
  return { plain, values, hasWidth };
}

/** Puts each of several JSON documents on one line. */
function onLines(text: string): string {
  const documents: string[] = [];
  let open = '';
  for (const line of text.split('\n')) {
    open += `${line}\n`;
    try {
      documents.push(JSON.stringify(JSON.parse(open)));
      open = '';
    } catch {
      // The document continues on the next line.
    }
  }
  return [...documents, ...(open.trim() === '' ? [] : [open.trim()])].join('\n');
}

const trimmed = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
    .replace(/\n+$/, '');

/** Maps ids and other volatile values of the documentation to those of this run. */
export class Names {
  readonly #ofRun = new Map<string, string>();

  /** Replaces the documentation's values in a text by those of this run. */
  inRun(text: string): string {
    return [...this.#ofRun].reduce((so, [shown, real]) => so.replaceAll(shown, real), text);
  }

  /** Prepares two outputs for comparison: the results are equal if the outputs agree. */
  compare(language: string, shown: string, real: string): { shown: string; real: string } {
    const [one, two] = [shown, real].map((text) => split(language === 'json' ? onLines(text) : trimmed(text)));
    if (!one || !two) throw new Error('unreachable');
    if (one.plain.replaceAll(/\s+/g, ' ') === two.plain.replaceAll(/\s+/g, ' '))
      for (const [index, value] of one.values.entries()) this.#learn(value, two.values[index] ?? '');
    const isExact = one.hasWidth && two.hasWidth;
    const comparable = (text: string) => (isExact ? text : text.replaceAll(/ +/g, ' ').replaceAll(/-{2,}/g, '--'));
    const values = (all: string[]) => all.map((value) => this.#ofRun.get(value) ?? value);
    return {
      shown: [comparable(one.plain), ...values(one.values)].join('\n'),
      real: [comparable(two.plain), ...two.values].join('\n'),
    };
  }

  #learn(shown: string, real: string): void {
    if (!this.#ofRun.has(shown)) this.#ofRun.set(shown, real);
  }
}

/** Formats JSON as the documentation does. */
export async function inLines(json: string): Promise<string> {
  const documents = onLines(json).split('\n');
  const shown = await Promise.all(documents.map((one) => format(one, { parser: 'json', printWidth: 160 })));
  return shown.join('');
}

interface Statement {
  typed: string;
  sql: string;
  answer: string;
}

/** Splits a psql transcript into statements and their output. */
export function statementsOf(transcript: string): Statement[] {
  const statements: Statement[] = [];
  for (const line of transcript.trimEnd().split('\n')) {
    const [, prompt, typed = ''] = /^\w+([=-]|\()[>#] (.*)$/.exec(line) ?? [];
    const last = statements.at(-1);
    if (prompt === '=') statements.push({ typed: `${line}\n`, sql: typed, answer: '' });
    else if (!last) throw new Error(`no prompt in: ${line}`);
    else if (prompt !== undefined) {
      last.typed += `${line}\n`;
      last.sql += `\n${typed}`;
    } else last.answer += `${line}\n`;
  }
  return statements;
}

const NUMBERS = [20, 21, 23, 26, 700, 701, 1700];

/** Formats a result as psql does: centred headers, numbers aligned right. */
function table({ fields, rows }: pg.QueryArrayResult<(string | null)[]>): string {
  const cells = rows.map((row) => row.map((value) => inDocumentation(value ?? '')));
  const widths = fields.map(({ name }, place) => Math.max(name.length, ...cells.map((row) => row[place]?.length ?? 0)));
  const line = (texts: string[]) =>
    texts
      .map((text) => ` ${text} `)
      .join('|')
      .trimEnd();
  const centered = (text: string, width: number) => {
    const left = Math.floor((width - text.length) / 2);
    return `${' '.repeat(left)}${text}`.padEnd(width);
  };
  const aligned = (text: string, place: number) =>
    NUMBERS.includes(fields[place]?.dataTypeID ?? 0)
      ? text.padStart(widths[place] ?? 0)
      : text.padEnd(widths[place] ?? 0);
  return [
    line(fields.map(({ name }, place) => centered(name, widths[place] ?? 0))),
    widths.map((width) => '-'.repeat(width + 2)).join('+'),
    ...cells.map((row) => line(row.map(aligned))),
    `(${rows.length} ${rows.length === 1 ? 'row' : 'rows'})`,
    '',
  ].join('\n');
}

/** The name of the test server's administrator varies. */
const administrator = (): string => new URL(process.env.TEST_SERVER_URL ?? 'postgres://postgres@127.0.0.1').username;
export const inDocumentation = (text: string): string =>
  Object.entries(LOGINS)
    .reduce((so, [shown, real]) => so.replaceAll(real, shown), text)
    .replaceAll(new RegExp(`\\bdb:${administrator()}\\b`, 'g'), 'db:postgres');
const onServer = (sql: string): string =>
  Object.entries(LOGINS).reduce((so, [shown, real]) => so.replaceAll(shown, real), sql);

/** What psql prints for a statement, without the context lines of errors. */
export async function answerTo(session: pg.Client, sql: string): Promise<string> {
  try {
    const result = await session.query<(string | null)[]>({
      text: onServer(sql),
      rowMode: 'array',
      types: { getTypeParser: () => (value: string) => value },
    });
    if (result.fields.length > 0) return table(result);
    return `${result.command}${result.command === 'INSERT' ? ' 0' : ''}${/^(INSERT|UPDATE|DELETE)$/.test(result.command) ? ` ${result.rowCount ?? 0}` : ''}\n`;
  } catch (error) {
    // Examples show only refusals of the ledger; any other error is a mistake of the page.
    if (!(error instanceof pg.DatabaseError) || !error.code?.startsWith('WL')) throw error;
    const { message, detail, hint } = error;
    const lines = [`ERROR:  ${message}`, detail && `DETAIL:  ${detail}`, hint && `HINT:  ${hint}`];
    return `${inDocumentation(lines.filter((one) => one !== undefined && one !== '').join('\n'))}\n`;
  }
}

/** What psql prints for a file of statements. */
export async function answersTo(session: pg.Client, sql: string): Promise<string> {
  let printed = '';
  for (const statement of sql.replaceAll(/^--.*\n/gm, '').split(/;$/m))
    if (statement.trim() !== '') {
      const answer = await answerTo(session, statement);
      printed += answer.endsWith(')\n') ? `${answer}\n` : answer;
    }
  return printed;
}

/** The state that a page's blocks share: sessions, shell variables, the background process. */
export class Reader {
  readonly names = new Names();
  readonly #gateway: Gateway;
  readonly #sessions = new Map<string, Promise<pg.Client>>();
  readonly #folder = mkdtempSync(join(tmpdir(), 'wallet-docs-'));
  #background: Child | undefined;

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
    // Links to the checkout: its programs can be run, and files of the examples stay out of it.
    for (const name of readdirSync(ROOT).filter((one) => !/^\.(git|data|env)$/.test(one)))
      symlinkSync(join(ROOT, name), join(this.#folder, name));
  }

  async end(): Promise<void> {
    await this.#background?.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Writes a file of an example; the project must not have a file of that name. */
  put(path: string, text: string): void {
    const target = join(this.#folder, path);
    if (lstatSync(target, { throwIfNoEntry: false })) throw new Error(`${path} is there`);
    writeFileSync(target, text);
  }

  /** A session of a login, or of a role of the gateway with a subject; by default an administrator's. */
  session(as: string | undefined, sub?: string): Promise<pg.Client> {
    const name = `${as ?? ''} ${sub ?? ''}`;
    const open = this.#sessions.get(name) ?? this.#connect(as, sub);
    this.#sessions.set(name, open);
    return open;
  }

  async #connect(as: string | undefined, sub?: string): Promise<pg.Client> {
    const { db } = this.#gateway;
    const session = await (as === undefined
      ? db.connect()
      : as === AUDITOR
        ? db.connect()
        : isRole(as)
          ? db.connectAs(as satisfies GatewayRole, sub)
          : db.connectLogin(LOGINS[as] ?? as));
    if (as === AUDITOR) await session.query('set role wallet_auditor');
    await session.query("set timezone = 'UTC'");
    return session;
  }

  async run(block: Block): Promise<string> {
    const text = this.names.inRun(block.text);
    switch (block.language) {
      case 'sh':
        return this.#shell(text, block.place === 'in');
      case 'graphql': {
        const role = block.as ?? 'service';
        if (!isRole(role)) throw new Error(`${role} is no role`);
        const { body } = await this.#gateway.as(role, block.sub ?? 'shop').post(text);
        return `${JSON.stringify(body)}\n`;
      }
      case 'sql':
        return answersTo(await this.session(block.as, block.sub), text);
      default:
        throw new Error(`${block.language} is not run`);
    }
  }

  /** Waits until the background block has printed `lines` lines, and returns them. */
  async printed(lines: number): Promise<string> {
    const child = this.#background;
    if (!child) throw new Error('nothing runs in the background');
    // An event may be delivered twice.
    const printed = () => child.stdout.split('\n').filter((line, index, all) => line !== all[index - 1]);
    for (const deadline = Date.now() + LIMIT_MS; printed().length <= lines; await sleep(20))
      if (Date.now() > deadline) throw new Error(`only ${child.stdout}${child.stderr}`);
    await child.stop();
    this.#background = undefined;
    return printed().join('\n');
  }

  async #shell(text: string, inBackground: boolean): Promise<string> {
    const { url, db } = this.#gateway;
    const state = join(this.#folder, '.shell');
    const script = [
      `[ -f ${state} ] && source ${state} 2>/dev/null`,
      text.replaceAll(SHOWN_URL, url).replaceAll(SHOWN_URL.replace('http', 'ws'), url.replace('http', 'ws')),
      ...(inBackground ? [] : ['status=$?', `{ declare -p; declare -f; } >${state}`, 'exit $status']),
    ].join('\n');
    const env = {
      DATABASE_URL: db.url,
      JWT_SECRET: AUTH.secret,
      PATH: `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH ?? ''}`,
    };
    if (inBackground) {
      this.#background = new Child('bash', ['-c', script], { cwd: this.#folder, env });
      await this.#background.prints(/\n/, LIMIT_MS);
      return '';
    }
    const { code, stdout, stderr } = await execute('bash', ['-c', script], { cwd: this.#folder, env });
    if (stderr !== '' || (code !== 0 && stdout === ''))
      throw new Error(`${text}\nended with ${code ?? 'a signal'}: ${stdout}${stderr}`);
    return inDocumentation(stdout.replaceAll(url, SHOWN_URL));
  }
}
