/**
 * Ledgers of earlier releases, with their rows, are brought to the newest migrations: nothing of what was booked changes, and they go on.
 *
 * A ledger is made by the migrations that its release had, and its rows are put in as a dump that is restored in another cluster has them. Then it
 * is migrated as an operator does it. Compared are all columns that the release had, row by row; the schema, with that of a new database; what the
 * ledger said of itself then, with what it says now; and each receipt of then, with the answer to the same call.
 *
 * A release is prepared without `hash` in releases.ts. With it, it is released: from then on neither its migrations nor its rows change, and what is
 * tried are the migrations behind it.
 */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { calculateHash } from 'graphile-migrate/dist/hash.js';
import pg from 'pg';
import { listSchema } from '../../src/dev/listing.ts';
import { migrate } from '../../src/migrate/migrate.ts';
import { applyCurrent } from './current.ts';
import {
  call,
  callAll,
  createDatabase,
  expectSound,
  newKey,
  newWallet,
  postBatch,
  postEach,
  type Receipt,
  refusal,
} from './helpers.ts';
import { readRows, type Rows, writeRows } from './releases/copy.ts';
import { bookedOf, type Release, RELEASES, rowsOf, saidOf } from './releases/releases.ts';
import { expectActivity, expectBalances, randomInstants } from './reports.ts';
import { sealAll, verifySeals } from './seals.ts';

const COMMITTED = new URL('../migrations/committed/', import.meta.url);
const LISTING = new URL('../listing.txt', import.meta.url);
const LIMIT_MS = 600_000;

const types = new pg.TypeOverrides();
types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, String);

const text = (url: URL): Promise<string> => readFile(url, 'utf8');
const read = (name: string): Promise<string> => text(new URL(name, COMMITTED));
const hashOf = (migration: string): string => /^--! Hash: (\S+)$/m.exec(migration)?.[1] ?? '';

/** A folder with only these migrations. */
async function folderOf(migrations: string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'wallet-release-'));
  await mkdir(join(folder, 'committed'));
  for (const name of migrations) await cp(new URL(name, COMMITTED), join(folder, 'committed', name));
  await writeFile(join(folder, 'current.sql'), '');
  return folder;
}

const db = createDatabase();

/** A database as the release would have left it, and a superuser's session there. */
async function withRelease<T>(
  release: Release,
  name: string,
  work: (place: { url: string; session: pg.Client; folder: string }) => Promise<T>,
): Promise<T> {
  const database = `${db.name}_${name}`;
  const url = db.url.replace(db.name, database);
  await db.query(`create database ${database}`);
  const folder = await folderOf(release.migrations);
  const session = new pg.Client({ connectionString: url, types });
  session.on('error', () => undefined);
  try {
    await migrate(url, { migrationsFolder: folder });
    await session.connect();
    await writeRows(session, rowsOf(release)).catch((error: unknown) => {
      const rows = 'the rows kept under db/tests/releases do not fit its migration';
      const remedy = release.hash === undefined ? ': make them anew, by db/tests/releases/make.ts' : '';
      throw new Error(`${release.version}: ${rows}${remedy}`, { cause: error });
    });
    return await work({ url, session, folder });
  } finally {
    await session.end();
    await rm(folder, { recursive: true, force: true });
    await db.query(`drop database ${database} with (force)`);
  }
}

/** A place in the feed means nothing in another cluster, where entries get another one: it is not compared. */
function withoutPlaces(all: Rows[]): Rows[] {
  return all.map(({ table, lines }) => {
    const place = table.startsWith('ledger.entries ') ? columnsOf(table).indexOf('xid') : -1;
    if (place < 0) return { table, lines };
    return {
      table: table.replace(' xid,', ''),
      lines: lines.map((line) => line.split('\t').toSpliced(place, 1).join('\t')).sort(),
    };
  });
}

const columnsOf = (table: string): string[] => table.replace(/^.*\(|\)$/g, '').split(', ');

/** How many rows of each table are not as they were, and what the first of them was. Rows that came are no change. */
function lost(before: Rows[], after: Rows[]): Record<string, { rows: number; first: string | undefined }> {
  const changes = before.map(({ table, lines }) => {
    const now = new Set(after.find((rows) => rows.table === table)?.lines);
    const gone = lines.filter((line) => !now.has(line));
    return [table.replace(/ .*/, ''), { rows: gone.length, first: gone[0] }] as const;
  });
  return Object.fromEntries(changes.filter(([, { rows }]) => rows > 0));
}

describe.each(RELEASES)('a ledger of $version', (release) => {
  const kept = rowsOf(release);
  const booked = bookedOf(release);
  const said = saidOf(release);
  const tables = kept.map(({ table }) => table);

  it('is kept with rows in every table that it had, of every kind that could be booked', () => {
    const empty = kept.filter(({ lines }) => lines.length === 0).map(({ table }) => table.replace(/ .*/, ''));
    const entries = kept.find(({ table }) => table.startsWith('ledger.entries '));
    const place = columnsOf(entries?.table ?? '').indexOf('kind');
    const kinds = new Set(entries?.lines.map((line) => line.split('\t')[place]));

    // Which wallets a database has is said only where a ledger was split.
    expect(empty).toEqual(['ledger_private.node_ranges']);
    expect([...kinds].sort()).toEqual(
      ['bonus', 'capture', 'expiry', 'hold', 'release', 'reversal', 'spend', 'top_up', 'transfer'].sort(),
    );
    expect(kept.flatMap(({ lines }) => lines).length).toBeLessThan(1_500);
  });

  it('has migrations that no longer change', async () => {
    const newest = hashOf(await read(release.migrations.at(-1) ?? ''));

    // Until it is released, that of today.
    expect(newest).toBe(release.hash ?? newest);
    expect(newest).toMatch(/^sha1:[0-9a-f]{40}$/);
    expect(RELEASES.slice(0, -1).filter(({ hash }) => hash === undefined)).toEqual([]);
  });

  it(
    'is brought to the newest migrations with all its rows, says of itself what it said, answers the calls of then, and goes on',
    async () => {
      await withRelease(release, 'upgraded', async ({ url, session }) => {
        const compared = withoutPlaces(kept).map(({ table }) => table);
        const before = await readRows(session, compared);
        expect(lost(withoutPlaces(kept), before)).toEqual({});
        expect(before).toEqual(withoutPlaces(kept));

        await migrate(url);
        await applyCurrent(url);

        // An epoch of the feed began, as the cluster is another one.
        expect(lost(before, await readRows(session, compared))).toEqual({});
        const counts = async () => (await readRows(session, tables)).map(({ table, lines }) => [table, lines.length]);
        expect(await counts()).toEqual(
          kept.map(({ table, lines }) => [table, lines.length + (table.startsWith('ledger.feed_epochs') ? 1 : 0)]),
        );
        expect(await listSchema(session)).toBe(await text(LISTING));
        await expectSound(session);
        expect(await verifySeals(session, JSON.stringify(said.seals))).toEqual([]);
        await expectSaid(session);
        await expectReports(session, 200);
        await expectAnswers(session);
        expect(lost(before, await readRows(session, compared))).toEqual({});
        await goOn(session);
        await expectReports(session, 50);
        expect(await verifySeals(session, JSON.stringify(said.seals))).toEqual([]);
        await expectSound(session);
      });
    },
    LIMIT_MS,
  );

  async function expectSaid(session: pg.Client): Promise<void> {
    const { rows } = await session.query(
      `select w.id as wallet_id, b.seq, b.balance, b.bonus_balance, b.held_balance
       from ledger.wallets w cross join ledger.wallet_balance(w.id) b order by w.id`,
    );
    expect(rows).toEqual(said.balances);
    const { rows: trial } = await session.query(
      'select asset_code, account, debit, credit from ledger.ledger_trial_balance() order by 1, 2',
    );
    expect(trial).toEqual(said.trial_balance);
  }

  /** Also of blocks that the release closed: the sums of the entries and of the wallets, at any instant. */
  async function expectReports(session: pg.Client, instants: number): Promise<void> {
    const { rows } = await session.query<{ code: string }>(
      'select distinct w.asset_code as code from ledger.wallets w join ledger.entries e on e.wallet_id = w.id',
    );
    expect(rows).not.toEqual([]);
    for (const { code } of rows) {
      await expectBalances(session, code, await randomInstants(session, code, instants));
      await expectActivity(session, code);
    }
  }

  /** Each alone, and all in one call. */
  async function expectAnswers(session: pg.Client): Promise<void> {
    await session.query("set time zone 'UTC'");
    expect(booked.length).toBeGreaterThan(100);
    const receipts = booked.map(({ receipt }) =>
      Object.assign({ owed: '0', in_flight: false }, receipt, { replayed: true }),
    );
    expect(
      await postEach(
        session,
        booked.map(({ request }) => request),
      ),
    ).toEqual(receipts.map((receipt) => ({ receipt, refusal: null })));
    const singles: Receipt[] = [];
    for (const { request } of booked) {
      const { kind, wallet_id, counterparty_id, ...rest } = request;
      const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null));
      singles.push(
        await call(session, kind === 'reversal' ? 'wallet_reverse' : `wallet_${kind ?? ''}`, {
          ...given,
          ...(kind === 'transfer' ? { from_wallet: wallet_id, to_wallet: counterparty_id } : { wallet_id }),
        }),
      );
    }
    expect(singles).toEqual(receipts);
    const { request } = booked[0] ?? {};
    expect(await refusal(postBatch(session, [{ ...request, amount: 7 }]))).toMatchObject({ code: 'WLKEY' });
  }

  /** What was open is captured and released, what was booked is taken back, what has fallen due is booked, and so is what is new. */
  async function goOn(session: pg.Client): Promise<void> {
    const has = async (wallet: string) =>
      (await callAll<{ balance: string }>(session, 'wallet_balance', { wallet_id: wallet }))[0]?.balance;
    const { rows: open } = await session.query<{ id: string; wallet_id: string }>(
      `select o.hold_id as id, o.wallet_id from ledger_private.open_holds o join ledger.wallets w on w.id = o.wallet_id
       where o.expires_at is null and w.status = 'open' order by o.hold_id`,
    );
    const [first, second] = open;
    const [spent] = booked.filter(({ request }) => request.kind === 'spend' && request.wallet_id === first?.wallet_id);
    if (!first || !second || !spent) throw new Error('nothing is open');
    const balance = Number(await has(first.wallet_id));
    const key = { idem_key: 'after the release' };

    await call(session, 'wallet_capture', { wallet_id: first.wallet_id, hold_id: first.id, ...key });
    await call(session, 'wallet_release', { wallet_id: second.wallet_id, hold_id: second.id, ...key });
    const { transfer_id } = spent.receipt;
    const back = await call(session, 'wallet_reverse', {
      ...{ wallet_id: first.wallet_id, transfer_id, amount: 2, idem_key: 'after the release, back' },
    });
    expect(back).toMatchObject({ balance: String(balance - 5 + 2), replayed: false });
    await call(session, 'wallet_expire_due', {});
    expect((await session.query('select from ledger_private.unsettled_wallets')).rowCount).toBe(0);
    const { rows: due } = await session.query(
      `select wallet_id from ledger_private.open_lots where expires_at <= now()
       union all select wallet_id from ledger_private.open_holds where expires_at <= now()`,
    );
    expect(due).toEqual([]);

    const wallet = await newWallet(session, 'GOLD', { bought: 20, bonus: 5 });
    const requests = ['top_up', 'bonus', 'spend', 'hold'].map((kind) => ({
      ...{ kind, wallet_id: wallet, amount: 3, idem_key: newKey() },
    }));
    const send = {
      kind: 'transfer',
      wallet_id: wallet,
      counterparty_id: first.wallet_id,
      amount: 4,
      idem_key: newKey(),
    };
    expect(await postBatch(session, [...requests, send])).toHaveLength(5);
    const [booked_now] = await postEach(session, [{ ...send, idem_key: newKey() }]);
    expect(booked_now?.receipt).toMatchObject({ kind: 'transfer', replayed: false });
    expect(await has(first.wallet_id)).toBe(String(balance - 3 + 8));
    expect(await sealAll(session)).not.toEqual([]);
    expect(await callAll(session, 'ledger_prove', {})).toEqual([]);
  }
});

describe('a migration behind a release', () => {
  const [release] = RELEASES;

  /** What such a migration would have lost. */
  async function lostBy(name: string, sql: string): Promise<ReturnType<typeof lost>> {
    if (!release) throw new Error('no release');
    return withRelease(release, name, async ({ url, session, folder }) => {
      const tables = withoutPlaces(rowsOf(release)).map(({ table }) => table);
      const before = await readRows(session, tables);
      const previous = hashOf(await read(release.migrations.at(-1) ?? ''));
      const body = `${sql};\n`;
      const header = `--! Previous: ${previous}\n--! Hash: ${calculateHash(body, previous)}\n--! Message: later`;
      await writeFile(join(folder, 'committed', '900001-later.sql'), `${header}\n\n${body}`);
      await migrate(url, { migrationsFolder: folder });
      return lost(before, await readRows(session, tables));
    });
  }

  it(
    'that adds a column, a table and an index loses nothing',
    async () => {
      expect(
        await lostBy(
          'adding',
          `set local role wallet_owner;
           alter table ledger.entries add column later text default 'x';
           create table ledger.later (id int);
           create index on ledger.entries (created_at);
           reset role`,
        ),
      ).toEqual({});
    },
    LIMIT_MS,
  );

  it.each([
    ['changes a row', 'update ledger.entries set metadata = metadata || \'{"n": 1}\' where seq = 2', 'ledger.entries'],
    ['loses a row', 'delete from ledger.holds where seq = (select min(seq) from ledger.holds)', 'ledger.holds'],
  ])(
    'that %s is noticed',
    async (_what, sql, table) => {
      expect(Object.keys(await lostBy('losing', `set local session_replication_role = replica;\n${sql}`))).toEqual([
        table,
      ]);
    },
    LIMIT_MS,
  );

  it(
    'of which the first was written anew in place is refused by a database of the release',
    async () => {
      if (!release) throw new Error('no release');
      await withRelease(release, 'rewritten', async ({ url, folder }) => {
        const [name = ''] = release.migrations;
        const written = await readFile(join(folder, 'committed', name), 'utf8');
        const body = `${written.replace(/^(--!.*\n)+\n/, '')}-- written anew\n`;
        const header = `--! Previous: -\n--! Hash: ${calculateHash(body, null)}\n--! Message: wallet`;
        await rm(join(folder, 'committed', name));
        await writeFile(join(folder, 'committed', name), `${header}\n\n${body}`);

        await expect(migrate(url, { migrationsFolder: folder })).rejects.toThrow(
          /^The database holds a ledger that this version has not made, .+$/,
        );
      });
    },
    LIMIT_MS,
  );
});
