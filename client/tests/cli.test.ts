/** The command line, run as a program against a real service: what people see, what programs read, and how it ends. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { call, expectSound, newAsset, newKey, newOwner, newWallet, setStatus } from '../../db/tests/helpers.ts';
import type { Role } from '../../src/auth.ts';
import { signToken } from '../../src/dev/sign_token.ts';
import { AUTH, Child, createGateway, execute, type Env } from '../../src/testing.ts';
import { COMMANDS } from '../src/cli/commands.ts';
import { CsvError, rowsOf } from '../src/cli/csv.ts';
import { amount, plain, Style, table } from '../src/cli/output.ts';
import { run } from '../src/cli/run.ts';

const PROGRAM = 'client/checkout.ts';
const gateway = createGateway();
const { db } = gateway;
let asset = '';
let folder = '';

beforeAll(async () => {
  asset = await newAsset(db);
  folder = await mkdtemp(join(tmpdir(), 'wallet-cli-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const envOf = async (role: Role = 'service', more: Env = {}): Promise<Env> => ({
  WALLET_URL: gateway.url,
  WALLET_TOKEN: await signToken(AUTH, { role, sub: 'ann' }),
  ...more,
});
const wallet = async (args: readonly string[], env?: Env) =>
  execute(process.execPath, [PROGRAM, ...args], { env: env ?? (await envOf()) });
/** The same in this process, for what needs no service. */
async function here(args: readonly string[], env: Env = {}) {
  const written = { stdout: '', stderr: '' };
  const code = await run(args, {
    program: 'npm run wallet --',
    stdout: { write: (text) => (written.stdout += text) },
    stderr: { write: (text) => (written.stderr += text) },
    env,
  });
  return { code, ...written };
}
/** What it prints as JSON; fails where it prints anything else. */
interface Read<T> {
  code: number | null;
  out: T;
}
const read = async <T>(args: readonly string[], env?: Env): Promise<Read<T>> => {
  const { code, stdout, stderr } = await wallet([...args, '--json'], env);
  if (stderr !== '') throw new Error(stderr);
  return { code, out: JSON.parse(stdout) as T };
};

async function someone(bought = 0): Promise<string> {
  const owner = newOwner();
  await newWallet(db, asset, { owner, bought });
  return owner;
}

/** A service that does this with each request. */
async function withService<T>(
  answer: Parameters<typeof createServer>[1],
  work: (url: string) => Promise<T>,
): Promise<T> {
  const server: Server = createServer(answer as never).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe('the commands that book', () => {
  it('show a person what was booked, and that it was booked before', async () => {
    const owner = await someone();

    const opened = await wallet(['open', owner, asset]);
    const first = await wallet(['top-up', owner, asset, '1500', '--key', 'payment-1']);
    const again = await wallet(['top-up', owner, asset, '1500', '--key', 'payment-1']);

    expect(opened).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining(`owner      ${owner}\n`) as string,
    });
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toMatch(
      /^booked: top_up of 1,500\ntransfer {3}[-0-9a-f]{36}\nline {7}1\nbalance {4}1,500\nbonus {6}0\nheld {7}0\navailable {2}1,500\n$/,
    );
    expect(again).toEqual({ ...first, stdout: first.stdout.replace(/^booked/, 'booked before') });
  });

  it('give a program one JSON document, with amounts as text', async () => {
    const [owner, friend] = [await someone(), await someone()];
    const booked = await read<Record<string, unknown>>(['top-up', owner, asset, '100', '--key', 'payment-1']);
    const given = await read<Record<string, unknown>>([
      ...['bonus', owner, asset, '20', '--key', 'welcome', '--expires', '2999-01-31T00:00:00Z'],
    ]);
    const spent = await read<{ transferId: string }>([
      ...['spend', owner, asset, '30', '--key', 'order-1', '--metadata', '{"item": "sword"}'],
    ]);
    const sent = await read<Record<string, unknown>>(['transfer', owner, friend, asset, '15', '--key', 'gift-1']);
    const back = await read<Record<string, unknown>>(
      ['reverse', owner, asset, spent.out.transferId, '--key', 'refund-1', '--amount', '7'],
      await envOf('operator'),
    );

    expect(booked).toMatchObject({ code: 0, out: { kind: 'top_up', amount: '100', balance: '100', replayed: false } });
    expect(given).toMatchObject({ code: 0, out: { kind: 'bonus', bonusBalance: '20' } });
    expect(spent).toMatchObject({ code: 0, out: { kind: 'spend', bonusAmount: '20', balance: '90' } });
    expect(sent).toMatchObject({ code: 0, out: { kind: 'transfer', balance: '75' } });
    expect(back).toMatchObject({ code: 0, out: { kind: 'reversal', amount: '7', balance: '82' } });
    expect(await read(['balance', friend, asset])).toMatchObject({ code: 0, out: { available: '15', seq: '1' } });
    expect((await wallet(['balance', owner, asset])).stdout).toBe(
      'balance    82\nbonus      0\nheld       0\navailable  82\n',
    );
  });
});

describe('history', () => {
  it('is a table for people, and a line of JSON for each entry for programs', async () => {
    const owner = await someone(100);
    await wallet(['spend', owner, asset, '30', '--key', 'order-1']);
    await wallet(['spend', owner, asset, '5', '--key', 'order-2\u001b[31m']);

    const shown = await wallet(['history', owner, asset, '--limit', '2']);
    const all = await wallet(['history', owner, asset, '--all', '--json', '--oldest-first', '--kind', 'spend']);

    const [title, newest = '', next = '', ...rest] = shown.stdout.split('\n');
    expect(title).toMatch(/^line {2}booked at +kind +amount +balance +bonus +held +other side +key +by$/);
    expect(newest).toMatch(
      /^ +3 {2}\d{4}-\d\d-\d\d .* spend +-5 +65 +0 +0 {2}revenue +order-2\ufffd\[31m +service:ann$/,
    );
    expect(next).toMatch(/ spend +-30 +70 /);
    expect(rest).toEqual(['']);
    expect(
      all.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { seq: string; transfer: { idemKey: string } })
        .map(({ seq, transfer: { idemKey } }) => [seq, idemKey]),
    ).toEqual([
      ['2', 'order-1'],
      ['3', 'order-2\u001b[31m'],
    ]);
  });
});

describe('watch', () => {
  it('shows what a wallet has, and again when something is booked, and ends when it is interrupted', async () => {
    const owner = await someone(100);
    const child = new Child(process.execPath, [PROGRAM, 'watch', owner, asset, '--json'], { env: await envOf() });
    try {
      await child.prints(/"available":"100"/);
      await call(db, 'wallet_spend', { wallet_id: await idOf(owner), amount: 30, idem_key: newKey() });
      await child.prints(/"available":"70"/);
      child.signal('SIGINT');

      expect(await child.exited).toBe(0);
      expect(child.stdout.trimEnd().split('\n')).toHaveLength(2);
    } finally {
      child.signal('SIGKILL');
    }
  });

  it('ends after as many lines as it was asked for', async () => {
    const owner = await someone(1234);

    const { code, stdout } = await wallet(['watch', owner, asset, '--count', '1']);

    expect(code).toBe(0);
    expect(stdout).toMatch(/^ +line +balance +bonus +held +available\n +1 +1,234 +0 +0 +1,234\n$/);
  });
});

const idOf = async (owner: string): Promise<string> =>
  (await call<{ wallet_id: string }>(db, 'wallet_id', { owner_id: owner, asset_code: asset })).wallet_id;

describe('import', () => {
  const HEAD = 'kind,owner,asset,amount,reference,to,expiry,metadata';
  let number = 0;
  async function fileOf(...lines: string[]): Promise<string> {
    const path = join(folder, `movements-${(number += 1)}.csv`);
    await writeFile(path, `${lines.join('\n')}\n`);
    return path;
  }

  it('books each row once, however often it is run, and says which ones are refused', async () => {
    const [one, two] = [await someone(), await someone()];
    const path = await fileOf(
      HEAD,
      `top_up,${one},${asset},100,r1,,,"{""item"": ""a, b""}"`,
      `bonus,${two},${asset},20,r2,,2999-01-31T00:00:00Z,`,
      `transfer,${one},${asset},15,r3,${two},,`,
      `spend,${two},${asset},500,r4,,,`,
      `spend,${two},${asset},35,r5,,,`,
    );

    const first = await wallet(['import', path, '--batch', '2']);
    const again = await read(['import', path]);

    expect(first).toEqual({
      code: 1,
      stdout: 'booked before: 0; booked now: 4; refused: 1; left: 0\n',
      stderr: 'line 5: insufficient funds: 35 available, 500 requested\n',
    });
    expect(again).toMatchObject({
      code: 1,
      out: {
        rows: 5,
        bookedBefore: 4,
        booked: 0,
        refused: 1,
        left: 0,
        faults: [{ line: 5, code: 'INSUFFICIENT_FUNDS' }],
      },
    });
    expect(await read(['balance', one, asset])).toMatchObject({ out: { available: '85' } });
    expect(await read(['balance', two, asset])).toMatchObject({ out: { available: '0' } });
    await expectSound(db);
  });

  it('books nothing where a row is bad, and names each', async () => {
    const owner = await someone();
    const path = await fileOf(
      'reference,kind,owner,asset,amount',
      `r1,top_up,${owner},${asset},100`,
      `r2,gift,${owner},${asset},100`,
      `r3,top_up,,${asset},100`,
      `r4,top_up,${owner},${asset},1.5`,
      `r5,top_up,${owner},${asset},1000000000000001`,
      `,top_up,${owner},${asset},1`,
      `r7,transfer,${owner},${asset},1`,
      `r8,top_up,${owner}`,
    );

    const { code, stdout, stderr } = await wallet(['import', path]);

    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.split('\n').map((line) => line.slice(0, 40))).toEqual([
      'line 3: kind must be top_up, bonus, spen',
      'line 4: owner must have 1 to 200 charact',
      'line 5: amount must be a whole number of',
      'line 6: amount must be a whole number of',
      'line 7: reference must have 1 to 200 cha',
      'line 8: to must be the owner who gets a ',
      'line 9: has 3 columns, not 5',
      '7 bad rows: nothing was booked',
      '',
    ]);
    expect(await read(['balance', owner, asset])).toMatchObject({ out: { available: '0' } });
  });

  it('opens missing wallets with --open, of a transfer both, before it books: the order of the file stays', async () => {
    const [known, one, two, closed] = [await someone(100), newOwner(), newOwner(), await someone()];
    await setStatus(db, await idOf(closed), 'closed');
    const path = await fileOf(
      HEAD,
      `transfer,${known},${asset},60,r1,${one},,`,
      `spend,${known},${asset},60,r2,,,`,
      `spend,${one},${asset},60,r3,,,`,
      `top_up,${two},${asset},5,r4,,,`,
      `top_up,${closed},${asset},5,r5,,,`,
      `top_up,${two},NONE,5,r6,,,`,
    );

    const opened = await read<{ faults: { line: number; code: string; why: string }[] }>(['import', path, '--open']);
    const again = await read(['import', path, '--open', '--batch', '1']);

    expect(opened).toMatchObject({ code: 1, out: { rows: 6, bookedBefore: 0, booked: 3, refused: 3, left: 0 } });
    expect(opened.out.faults.map(({ line, code }) => [line, code])).toEqual([
      [3, 'INSUFFICIENT_FUNDS'],
      [6, 'WALLET_CLOSED'],
      [7, 'ASSET_NOT_FOUND'],
    ]);
    expect(opened.out.faults.at(-1)?.why).toBe('asset not found: NONE');
    expect(again).toMatchObject({ code: 1, out: { bookedBefore: 3, booked: 0, refused: 3 } });
    expect(await read(['balance', two, asset])).toMatchObject({ code: 0, out: { available: '5' } });
    await expectSound(db);
  });

  it('refuses rows of wallets that are not open without --open, and opens none', async () => {
    const owner = newOwner();
    const path = await fileOf(HEAD, `top_up,${owner},${asset},5,r1,,,`);

    expect(await read(['import', path])).toMatchObject({ code: 1, out: { faults: [{ code: 'WALLET_NOT_FOUND' }] } });
    expect(await read(['balance', owner, asset])).toMatchObject({ out: { error: { code: 'WALLET_NOT_FOUND' } } });
  });

  it('books nothing with --dry-run', async () => {
    const owner = await someone();
    const path = await fileOf('reference,kind,owner,asset,amount', `r1,top_up,${owner},${asset},100`);

    expect(await wallet(['import', path, '--dry-run'])).toEqual({
      code: 0,
      stdout: 'booked before: 0; booked now: 0; refused: 0; left: 1\n',
      stderr: '',
    });
    expect(await read(['balance', owner, asset])).toMatchObject({ out: { available: '0' } });
  });

  it.each([
    ['a file that is not there', undefined, /missing\.csv cannot be read \(ENOENT\)\n$/],
    ['an empty file', '', /has no line with the columns kind, owner, asset, amount, reference\n$/],
    [
      'other columns',
      'owner,asset,paid,bonus,expiry,reference\n',
      /^The first line must name the columns kind, .*; it has owner, asset, paid/,
    ],
    [
      'a quote that does not end',
      'kind,owner,asset,amount,reference\n"top_up,a,b,1,c\n',
      /line 3: a quote that does not end\n$/,
    ],
  ])('ends with 2 for %s', async (_what, text, line) => {
    const path = join(folder, 'missing.csv');
    if (text === undefined) await rm(path, { force: true });
    else await writeFile(path, text);

    const { code, stdout, stderr } = await wallet(['import', path]);

    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(line);
  });
});

describe('how it ends', () => {
  it('is 1 where the service refuses, with the code, the facts and what to do', async () => {
    const owner = await someone(30);
    const args = ['spend', owner, asset, '50', '--key', 'order-1'];

    const shown = await wallet(args);
    const parsed = await read(args);

    expect(shown).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'insufficient funds: 30 available, 50 requested\nAsk for no more than is available, or top the wallet up first.\n',
    });
    expect(parsed).toMatchObject({
      code: 1,
      out: {
        error: {
          kind: 'refused',
          code: 'INSUFFICIENT_FUNDS',
          detail: { available: '30', requested: '50' },
          inDoubt: false,
        },
      },
    });
  });

  it.each([
    [[], 'Name a command; see --help'],
    [['steal'], 'There is no command steal; see --help'],
    [['--nonsense'], "Unknown option '--nonsense'; see --help"],
    [['balance', 'a'], 'Give <owner> <asset>; see --help'],
    [['balance', 'a', 'b', 'c'], "Unexpected argument 'c'; see --help"],
    [['spend', 'a', 'b', '1'], '--key is needed; see --help'],
    [['spend', 'a', 'b', '1.5', '--key', 'k'], '<amount> must be a whole number of minor units above 0; see --help'],
    [['spend', 'a', 'b', '1', '--key', 'k', '--key', 'l'], '--key is given twice; see --help'],
    [['spend', 'a', 'b', '1', '--key', 'k', '--metadata', '[]'], /^--metadata must be a JSON object, such as/],
    [['bonus', 'a', 'b', '1', '--key', 'k', '--expires', 'soon'], /^--expires must be an instant with its zone/],
    [['reverse', 'a', 'b', 'c', '--key', 'k', '--amount', '0'], /^--amount must be a whole number/],
    [['history', 'a', 'b', '--kind', 'gift'], /^--kind must be one of adjustment, bonus/],
    [['history', 'a', 'b', '--all', '--limit', '1'], '--all and --limit exclude each other; see --help'],
    [['balance', 'a', 'b', '--deadline', '0'], '--deadline must be a whole number from 1 to 86400; see --help'],
    [['balance', 'a', 'b', '--url', 'localhost'], 'The URL of the service must begin with http:// or https://'],
  ] as [string[], string | RegExp][])('is 2 for %j, and nothing was done', async (args, line) => {
    const { code, stdout, stderr } = await here(args, await envOf());

    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.trimEnd()).toEqual(line instanceof RegExp ? (expect.stringMatching(line) as string) : line);
  });

  it('is 2 where another service is named, and no token', async () => {
    const { code, stderr } = await wallet(['balance', 'a', 'b'], {
      WALLET_URL: 'https://wallet.example',
      JWT_SECRET: AUTH.secret,
    });

    expect({ code, stderr }).toEqual({ code: 2, stderr: 'A token is needed: WALLET_TOKEN or --token; see --help\n' });
  });

  it('is 3 where nobody is there, and 4 where it may have been booked', async () => {
    const args = ['spend', 'a', 'b', '1', '--key', 'order-1', '--deadline', '1'];
    const nowhere = await withService(
      () => undefined,
      (url) => Promise.resolve(url),
    );

    const away = await wallet(args, await envOf('service', { WALLET_URL: nowhere }));
    const [silent, parsed] = await withService(
      (_req, res) => res.destroy(),
      async (url) => {
        const env = await envOf('service', { WALLET_URL: url });
        return [await wallet(args, env), await read(args, env)] as const;
      },
    );

    expect(away).toMatchObject({
      code: 3,
      stdout: '',
      stderr: expect.stringMatching(/^the service cannot be reached: .*ECONNREFUSED/) as string,
    });
    expect(silent).toMatchObject({ code: 4, stdout: '' });
    expect(silent.stderr).toMatch(
      /^outcome unknown: .*\nIt may have been booked: run it again, with the same key\.\n$/,
    );
    expect(parsed).toMatchObject({ code: 4, out: { error: { kind: 'unknown', key: 'order-1' } } });
  });
});

describe('the help', () => {
  it('of the program names each command and the exit codes', async () => {
    const { code, stdout } = await here(['--help']);

    expect(code).toBe(0);
    for (const { name, does } of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${name} +${does.slice(0, 20)}`, 'm'));
    expect(stdout).toContain('Exit codes: 0 done; 1 refused');
  });

  it.each(COMMANDS.map(({ name }) => name))('of %s has an example that can be read, and each option', async (name) => {
    const command = COMMANDS.find((one) => one.name === name);
    const { code, stdout, stderr } = await here([name, '--help']);

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`\n  npm run wallet -- ${command?.example}\n`);
    for (const option of Object.keys(command?.options ?? {}))
      expect(stdout).toMatch(new RegExp(`^  --${option} .*\\w`, 'm'));
  });

  it('has examples that are accepted as they are: where nobody is there, each gets as far as that', async () => {
    const nowhere = await withService(
      () => undefined,
      (url) => Promise.resolve(url),
    );
    const env = await envOf('service', { WALLET_URL: nowhere });
    const examples = COMMANDS.filter(({ name }) => !['watch', 'import'].includes(name)).map(({ example }) =>
      wordsOf(example),
    );

    const codes = await Promise.all(examples.map(async (args) => (await here([...args, '--deadline', '1'], env)).code));

    expect(codes).toEqual(examples.map(() => 3));
  });
});

/** As a shell splits it. */
const wordsOf = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');

describe('what people see', () => {
  const columns = [
    { title: 'name', of: ({ name }: { name: string }) => name },
    { title: 'n', of: ({ name }: { name: string }) => String(name.length), isNumber: true },
  ];

  it('has colours on a terminal alone, and never with NO_COLOR', () => {
    const terminal = { write: () => true, isTTY: true };
    const title = (style: Style): string => table(columns, [], style);

    expect(title(new Style(terminal, {}))).toBe('\u001b[2mname  n\u001b[0m\n');
    expect(title(new Style(terminal, { NO_COLOR: '1' }))).toBe('name  n\n');
    expect(title(new Style(terminal, { TERM: 'dumb' }))).toBe('name  n\n');
    expect(title(new Style({ write: () => true }, {}))).toBe('name  n\n');
  });

  it('has amounts in groups, and nothing that steers a terminal', () => {
    expect(amount(1234567890123456789n)).toBe('1,234,567,890,123,456,789');
    expect(plain('a\u001b[2J\u0007b\nc\u009b')).toBe('a\ufffd[2J\ufffdb\ufffdc\ufffd');
  });
});

describe('CSV', () => {
  async function* pieces(...texts: string[]): AsyncGenerator<string> {
    for (const text of texts) yield await Promise.resolve(text);
  }
  const all = async (...texts: string[]): Promise<[number, string[]][]> => {
    const rows: [number, string[]][] = [];
    for await (const { line, cells } of rowsOf(pieces(...texts))) rows.push([line, cells]);
    return rows;
  };

  it.each([
    [
      'a,b\n1,2\n',
      [
        [1, ['a', 'b']],
        [2, ['1', '2']],
      ],
    ],
    [
      'a,b\r\n1,2',
      [
        [1, ['a', 'b']],
        [2, ['1', '2']],
      ],
    ],
    [
      'a\rb\r',
      [
        [1, ['a']],
        [2, ['b']],
      ],
    ],
    ['\ufeffa,"b ""c"", d"\n', [[1, ['a', 'b "c", d']]]],
    [
      '"a\nb",c\n\nd,\n',
      [
        [2, ['a\nb', 'c']],
        [4, ['d', '']],
      ],
    ],
    ['""\n', [[1, ['']]]],
    ['', []],
  ])('%j is %j, in one piece or character by character', async (text, rows) => {
    expect(await all(text)).toEqual(rows);
    expect(await all(...text.split(''))).toEqual(rows);
  });

  it.each(['a"b\n', '"a"b\n', '"a', `"${'x'.repeat(70_000)}"`])('%.20j is refused', async (text) => {
    await expect(all(text)).rejects.toThrow(CsvError);
  });
});
