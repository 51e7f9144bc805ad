/** Opening balances from another system: refusals before anything is booked, and each row booked once whatever happens. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  call,
  callAll,
  createDatabase,
  expectSound,
  newAsset,
  newKey,
  newWallet,
  partsOf,
  setStatus,
} from '../../db/tests/helpers.ts';
import { AUTH, Child, type Env, execute, withLogin } from '../testing.ts';

const LIMIT_MS = 600_000;
const HEAD = 'owner,asset,paid,bonus,expiry,reference';
const COMMAND = 'src/import/index.ts';

const db = createDatabase();
const envOf = (more: Env = {}): Env => ({ DATABASE_URL: db.url, JWT_SECRET: AUTH.secret, ...more });
let folder = '';
let asset = '';
let number = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wallet-import-'));
  asset = await newAsset(db);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A different name each time, so that tests do not find each other's bookings. */
const unique = (what: string): string => `${what}-${(number += 1)}`;

async function fileOf(...lines: string[]): Promise<string> {
  const path = join(folder, `${unique('file')}.csv`);
  await writeFile(path, lines.join('\n'));
  return path;
}

const run = (path: string, args: string[] = [], env: Env = {}) =>
  execute(process.execPath, [COMMAND, path, ...args], { env: envOf(env) });

const rowOf = (
  owner: string,
  more: Partial<Record<'asset' | 'paid' | 'bonus' | 'expiry' | 'reference', string>> = {},
) =>
  [
    owner,
    more.asset ?? asset,
    more.paid ?? '10',
    more.bonus ?? '',
    more.expiry ?? '',
    more.reference ?? unique('ref'),
  ].join();

async function walletOf(owner: string, code = asset): Promise<string> {
  const { wallet_id } = await call<{ wallet_id: string }>(db, 'wallet_id', { owner_id: owner, asset_code: code });
  return wallet_id;
}

async function opened(): Promise<{ wallets: number; openings: number }> {
  const { rows } = await db.query<{ wallets: number; openings: number }>(
    `select (select count(*)::int from ledger.wallets) as wallets,
       (select count(*)::int from ledger.entries where kind = 'opening') as openings`,
  );
  return rows[0] ?? { wallets: 0, openings: 0 };
}

describe('npm run import', () => {
  it(
    'books each row once, with its lots and references, and opens the wallets',
    async () => {
      const gems = await newAsset(db);
      const [ann, ben, cid] = [unique('ann'), unique('ben'), unique('cid')];
      const known = await newWallet(db, asset, { owner: ben, bought: 1 });
      const path = await fileOf(
        HEAD,
        rowOf(ann, { paid: '100', bonus: '30', expiry: '2100-06-01T00:00:00Z', reference: 'r1' }),
        rowOf(ben, { paid: '5', bonus: '2', reference: 'r2' }),
        rowOf(ann, { asset: gems, paid: '0', bonus: '9', expiry: '2101-01-01T00:00+01:00', reference: 'r3' }),
        rowOf(cid, { paid: '1000000000000000', reference: 'r4' }),
      );

      const first = await run(path, ['--as-of', '2026-11-30']);

      expect(first).toEqual({
        code: 0,
        stderr: '',
        stdout: [
          ...[[asset, '3 rows, paid 1000000000000105, bonus 32'] as const, [gems, '1 rows, paid 0, bonus 9'] as const]
            .sort(([one], [two]) => (one < two ? -1 : 1))
            .map(([code, line]) => `${code}: ${line}\n`),
          'booked before: 0; booked now: 4; left: 0\n',
        ].join(''),
      });
      expect([await partsOf(db, await walletOf(ann)), await partsOf(db, known)]).toEqual([
        { paid: 100, 2100: 30 },
        { paid: 6, bonus: 2 },
      ]);
      expect(await callAll(db, 'wallet_explain', { wallet_id: await walletOf(ann, gems) })).toMatchObject([
        { amount: '9', expires_at: '2100-12-31 23:00:00+00' },
      ]);
      const { rows } = await db.query(
        `select idem_key, metadata, actor like 'db:%' as by_login from ledger.transfers where kind = 'opening' order by idem_key`,
      );
      expect(rows).toEqual(
        ['r1', 'r2', 'r3', 'r4'].map((idem_key) => ({ idem_key, metadata: { as_of: '2026-11-30' }, by_login: true })),
      );
      const again = await run(path, ['--as-of', '2026-11-30']);
      expect([again.code, again.stdout.split('\n').at(-2)]).toEqual([0, 'booked before: 4; booked now: 0; left: 0']);
      expect(await opened()).toMatchObject({ openings: 4 });
      await expectSound(db);
    },
    LIMIT_MS,
  );

  it('only checks and reports with --dry-run', async () => {
    const before = await opened();
    const path = await fileOf(HEAD, rowOf(unique('ann')), rowOf(unique('ben'), { bonus: '7' }));

    expect(await run(path, ['--dry-run'])).toEqual({
      code: 0,
      stderr: '',
      stdout: `${asset}: 2 rows, paid 20, bonus 7\nbooked before: 0; booked now: 0; left: 2\n`,
    });
    expect(await opened()).toEqual(before);
  });

  it('reads files of other programs: a byte order mark, columns in another order, quotes, CR LF and empty lines', async () => {
    const [ann, ben] = [`${unique('änn')} "x", y`, unique('ben')];
    const path = await fileOf(
      '\ufeffreference,"owner",asset,expiry,bonus,paid\r',
      `"${unique('a ""key""')}","${ann.replaceAll('"', '""')}",${asset},,0,7\r`,
      '\r',
      `${unique('key')},${ben},${asset},,,8\r`,
      '',
    );

    expect(await run(path)).toMatchObject({ code: 0, stderr: '' });
    expect([await partsOf(db, await walletOf(ann)), await partsOf(db, await walletOf(ben))]).toEqual([
      { paid: 7 },
      { paid: 8 },
    ]);
  });

  it('names each bad row by line, column and reason, and books nothing', async () => {
    const before = await opened();
    const [twice, taken, closed, other, facts, reference] = ['twice', 'taken', 'closed', 'other', 'facts', 'same'].map(
      unique,
    ) as [string, string, string, string, string, string];
    const books = async (name: string, owner: string, args: object) =>
      call(db, name, { wallet_id: await newWallet(db, asset, { owner }), amount: 10, ...args });
    await books('wallet_top_up', taken, { idem_key: 'paid before' });
    await setStatus(db, await newWallet(db, asset, { owner: closed }), 'closed');
    await books('wallet_opening', other, { idem_key: 'an earlier file' });
    await books('wallet_opening', facts, { idem_key: 'facts', metadata: {} });
    const path = await fileOf(
      HEAD,
      rowOf(' ann'),
      rowOf('x'.repeat(201)),
      rowOf(unique('ann'), { asset: 'no code' }),
      rowOf(unique('ann'), { paid: '1.5' }),
      rowOf(unique('ann'), { paid: '-1' }),
      rowOf(unique('ann'), { paid: '' }),
      rowOf(unique('ann'), { bonus: 'many' }),
      rowOf(unique('ann'), { paid: '0' }),
      rowOf(unique('ann'), { paid: '1000000000000000', bonus: '1' }),
      rowOf(unique('ann'), { bonus: '1', expiry: 'tomorrow' }),
      rowOf(unique('ann'), { bonus: '1', expiry: '2100-01-01T00:00:00' }),
      rowOf(unique('ann'), { expiry: '2100-01-01T00:00:00Z' }),
      rowOf(unique('ann'), { reference: '' }),
      `${rowOf(unique('ann'))},7`,
      'ann,GOLD',
      rowOf(`${unique('ann')}"`),
      rowOf(unique('ann'), { asset: 'NOSUCH' }),
      rowOf(unique('ann'), { bonus: '1', expiry: '2100-02-30T00:00:00Z' }),
      rowOf(unique('ann'), { bonus: '1', expiry: '2001-01-01T00:00:00Z' }),
      rowOf(twice, { reference }),
      rowOf(twice),
      rowOf(unique('ann'), { reference }),
      rowOf(taken, { reference: 'paid before' }),
      rowOf(closed),
      rowOf(other),
      rowOf(facts, { reference: 'facts', bonus: '3' }),
      rowOf(unique('ann')),
    );

    const { code, stdout, stderr } = await run(path);

    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    const name = 'must have 1 to 200 characters, no white space at either end';
    const amount = 'must be a whole number of minor units, 0 or more';
    const instant = 'expiry must be an instant with its zone, such as 2030-01-31T00:00:00Z, or empty';
    expect(stderr.split('\n')).toEqual([
      `line 2: owner ${name}`,
      `line 3: owner ${name}`,
      'line 4: asset must be the code of an asset',
      `line 5: paid ${amount}`,
      `line 6: paid ${amount}`,
      `line 7: paid ${amount}`,
      `line 8: bonus ${amount}, or empty`,
      'line 9: paid must be 1 to 1000000000000000 together with bonus',
      'line 10: paid must be 1 to 1000000000000000 together with bonus',
      `line 11: ${instant}`,
      `line 12: ${instant}`,
      'line 13: expiry must be empty where there are no bonus credits',
      `line 14: reference ${name}`,
      'line 15: has 7 columns, not 6',
      'line 16: has 2 columns, not 6',
      expect.stringMatching(/^line 17: Invalid Opening Quote: /),
      'line 18: asset is not there: create it with asset_create',
      'line 19: expiry cannot be read as an instant',
      'line 20: expiry has passed',
      'line 22: owner is that of line 21, for the same asset',
      'line 23: reference is that of line 21',
      'line 24: reference has been used as the key of a top_up',
      'line 25: owner has a closed wallet: reopen it with wallet_reopen',
      'line 26: owner has had an opening balance, by the reference an earlier file',
      'line 27: reference has been booked with other facts: 10, of it 0 bonus credits',
      '25 bad rows: nothing was booked',
      '',
    ]);
    expect((await opened()).openings).toBe(before.openings + 2);
  });

  it('shows the first hundred bad rows, and counts the others', async () => {
    const path = await fileOf(HEAD, ...Array.from({ length: 250 }, () => rowOf(unique('ann'), { paid: 'x' })));

    const { code, stderr } = await run(path);

    const lines = stderr.trimEnd().split('\n');
    expect([code, lines.length, lines[99], ...lines.slice(100)]).toEqual([
      ...[1, 102, 'line 101: paid must be a whole number of minor units, 0 or more'],
      ...['and 150 more', '250 bad rows: nothing was booked'],
    ]);
  });

  it.each([
    ['no such file', null, /^\S+ cannot be read \(ENOENT\)\n$/],
    ['an empty file', '', /^\S+ has no line with the columns owner, asset, paid, bonus, expiry, reference\n$/],
    [
      'other columns',
      'owner,asset,amount\n',
      /^The first line must name the columns owner, asset, .*; it has owner, asset, amount\n$/,
    ],
  ])('of %s exits with 2 and one line', async (_what, text, line) => {
    const path = text === null ? join(folder, 'missing.csv') : await fileOf(text);

    const { code, stdout, stderr } = await run(path);

    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(line);
  });

  it('exits with 2 and one line if the login may not create temporary tables', async () => {
    await withLogin(db, 'wallet_gateway', async (url) => {
      const { code, stderr } = await run(await fileOf(HEAD, rowOf(unique('ann'))), [], { DATABASE_URL: url });

      expect([code, stderr]).toEqual([
        2,
        'The login of DATABASE_URL may not make temporary tables, or is no wallet_operator: import as an administrator\n',
      ]);
    });
  });

  it('names a row that the ledger refuses later, keeps the batches before it, and continues when run again', async () => {
    const owners = Array.from({ length: 6 }, () => unique('ann'));
    const path = await fileOf(HEAD, ...owners.map((owner) => rowOf(owner)));
    const wallet_id = await newWallet(db, asset, { owner: owners[4] ?? '' });
    const session = await db.connect();
    await session.query('begin');
    await call<object>(session, 'wallet_close', { wallet_id, reason: 'gone' });
    const child = new Child(process.execPath, [COMMAND, path, '--batch', '2'], { env: envOf() });
    await isWaiting();
    await session.query('commit');

    expect([await child.exited, child.stderr, child.stdout]).toEqual([
      1,
      `line 6: wallet closed: ${wallet_id}: An operator can reopen the wallet. Nothing of its batch was booked; run it again.\n`,
      `${asset}: 6 rows, paid 60, bonus 0\nbooked before: 0; booked now: 4; left: 2\n`,
    ]);
    await call<object>(db, 'wallet_reopen', { wallet_id, reason: 'back' });
    expect((await run(path)).stdout).toContain('booked before: 4; booked now: 2; left: 0');
  });
});

/** Waits until the import waits for a lock; returns its process id. */
async function isWaiting(): Promise<number> {
  for (const deadline = Date.now() + LIMIT_MS; ; await sleep(20)) {
    const { rows } = await db.query<{ pid: number }>(
      `select pid from pg_stat_activity
       where datname = current_database() and application_name = 'wallet-import' and wait_event_type = 'Lock'`,
    );
    if (rows[0]) return rows[0].pid;
    if (Date.now() > deadline) throw new Error('the import does not come to the locked row');
  }
}

async function isGone(): Promise<void> {
  for (const deadline = Date.now() + LIMIT_MS; ; await sleep(20)) {
    const { rowCount } = await db.query(
      "select from pg_stat_activity where datname = current_database() and application_name = 'wallet-import'",
    );
    if (rowCount === 0) return;
    if (Date.now() > deadline) throw new Error('the session of the import does not end');
  }
}

describe('an import that is interrupted', () => {
  const POINTS = 20;
  const BATCH = 25;

  it(
    'at twenty points, by kill -9 or the end of its session, books each row once',
    async () => {
      const code = await newAsset(db);
      const owners = Array.from({ length: POINTS * BATCH }, () => unique('player'));
      const path = await fileOf(
        HEAD,
        ...owners.map((owner, place) =>
          rowOf(owner, {
            ...{ asset: code, paid: String(place + 1), bonus: place % 3 ? '4' : '' },
            ...(place % 3 === 1 && { expiry: '2100-06-01T00:00:00Z' }),
          }),
        ),
      );
      const args = [COMMAND, path, '--batch', String(BATCH)];
      const booked = async () => {
        const { rows } = await db.query<{ rows: number }>(
          `select count(*)::int as rows from ledger.entries e join ledger.wallets w on w.id = e.wallet_id where w.asset_code = $1`,
          [code],
        );
        return rows[0]?.rows;
      };
      for (let point = 0; point < POINTS; point += 1) {
        // A row of this batch, at a different position each time, whose lock stops the batch.
        const owner = owners[point * BATCH + ((point * 7) % BATCH)];
        const session = await db.connect();
        const wallet = await newWallet(db, code, { owner });
        await session.query('begin');
        await session.query('select from ledger.wallets where id = $1 for update', [wallet]);
        const child = new Child(process.execPath, args, { env: envOf() });
        const pid = await isWaiting();
        if (point % 2 === 0) child.signal('SIGKILL');
        else await db.query('select pg_terminate_backend($1)', [pid]);
        const ended = await child.exited;
        if (point % 2 === 0) await db.query('select pg_terminate_backend($1)', [pid]);
        await isGone();
        await session.query('rollback');

        expect([point, ended]).toEqual([point, point % 2 === 0 ? null : 3]);
        expect(await booked()).toBe(point * BATCH);
      }

      const last = await execute(process.execPath, args, { env: envOf() });

      expect(last).toMatchObject({ code: 0, stderr: '' });
      expect(last.stdout).toContain(`booked before: ${(POINTS - 1) * BATCH}; booked now: ${BATCH}; left: 0`);
      const { rows } = await db.query<{ owner: string; amount: string; bonus: string; times: string }>(
        `select w.owner_id as owner, e.amount, e.bonus_amount as bonus, count(*) over (partition by w.id) as times
         from ledger.entries e join ledger.wallets w on w.id = e.wallet_id where w.asset_code = $1`,
        [code],
      );
      expect(new Map(rows.map((row) => [row.owner, row]))).toEqual(
        new Map(
          owners.map((owner, place) => {
            const bonus = place % 3 ? 4 : 0;
            return [owner, { owner, amount: String(place + 1 + bonus), bonus: String(bonus), times: '1' }];
          }),
        ),
      );
      await expectSound(db);
    },
    LIMIT_MS,
  );
});

describe('an import of a large file', () => {
  it(
    'needs no more memory for more rows, and still finds a bad one',
    async () => {
      const rows = 200_000;
      const filler = 'x'.repeat(150);
      const lines = Array.from({ length: rows }, (_, place) => `p${place},${asset},1,,,${place}-${filler}\n`);
      const path = await fileOf(HEAD, `${lines.join('')}p${rows - 1},${asset},1,,,${newKey()}`);

      // The rows would not fit into this heap.
      const { code, stderr } = await run(path, ['--dry-run'], { NODE_OPTIONS: '--max-old-space-size=48' });

      expect([code, stderr]).toEqual([
        1,
        `line ${rows + 2}: owner is that of line ${rows + 1}, for the same asset\n1 bad row: nothing was booked\n`,
      ]);
    },
    LIMIT_MS,
  );
});
