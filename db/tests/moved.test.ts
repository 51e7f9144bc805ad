/** A ledger whose rows were brought elsewhere: by logical replication, and by copies of its tables in the ways that dumps are restored. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type EmbeddedServer, startEmbedded } from '../../src/dev/embedded.ts';
import { beginEpoch } from '../../src/migrate/epoch.ts';
import { migrate } from '../../src/migrate/migrate.ts';
import { applyCurrent } from './current.ts';
import { FeedReader, readEvents } from './feed.ts';
import { call, callAll, expectSound, newAsset, newKey, newWallet, refusal, type Session } from './helpers.ts';
import { keepSeals, seal, sealAll, verifySeals } from './seals.ts';

const START_LIMIT_MS = 600_000;
const WITHIN_MS = 90_000;
const TABLES = `select oid::regclass::text as name from pg_class
  where relkind = 'r' and relnamespace in ('ledger'::regnamespace, 'ledger_private'::regnamespace) order by 1`;
const REFUSED = {
  code: '55000',
  message: 'the ledger was moved here, and its feed has no epoch here yet',
  hint: 'Run npm run migrate, which begins one.',
};

const types = new pg.TypeOverrides();
types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, String);

/** A migrated database in a server of its own, or beside another one. */
interface Place {
  url: string;
  session: pg.Client;
}

let folder = '';
const servers: EmbeddedServer[] = [];
const sessions: pg.Client[] = [];
let source: Place;

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, types });
  client.on('error', () => undefined);
  await client.connect();
  sessions.push(client);
  return client;
}

async function migrated(url: string): Promise<Place> {
  await migrate(url);
  await applyCurrent(url);
  return { url, session: await connect(url) };
}

async function newServer(name: string): Promise<EmbeddedServer> {
  const settings = { fsync: 'off', wal_level: 'logical', wal_retrieve_retry_interval: '200ms' };
  const server = await startEmbedded({ dataDir: join(folder, name), database: 'ledger', settings });
  servers.push(server);
  return server;
}

async function newDatabase({ url }: Place, name: string): Promise<string> {
  const admin = await connect(url);
  await admin.query(`create database ${name}`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  return own.href;
}

/** A thousand movements, holds, lots, limits, a frozen wallet, a proof; some of it sealed. */
async function fill(db: Session): Promise<string> {
  const asset = await newAsset(db);
  const wallet_id = await newWallet(db, asset, { bought: 10_000, bonus: 10 });
  await call<object>(db, 'asset_limit_set', { asset_code: asset, max_spend: 1_000_000 });
  await call<object>(db, 'wallet_limit_set', { wallet_id, max_spend: 2_000_000 });
  await call(db, 'wallet_bonus', { wallet_id, amount: 20, idem_key: newKey(), expires_at: '2099-01-01Z' });
  for (let n = 0; n < 500; n += 1) await call(db, 'wallet_spend', { wallet_id, amount: 1, idem_key: newKey() });
  await sealAll(db);
  expect(await callAll(db, 'ledger_prove', {})).toEqual([]);
  for (let n = 0; n < 500; n += 1) await call(db, 'wallet_top_up', { wallet_id, amount: 1, idem_key: newKey() });
  await call(db, 'wallet_hold', { wallet_id, amount: 5, idem_key: newKey() });
  await call<object>(db, 'wallet_freeze', { wallet_id: await newWallet(db, asset), reason: 'a doubt' });
  return wallet_id;
}

const idsOf = async (db: Session): Promise<string[]> =>
  (await db.query<{ id: string }>('select id from ledger.transfers order by id')).rows.map(({ id }) => id);

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + WITHIN_MS; !(await holds()); await sleep(50))
    if (Date.now() > deadline) throw new Error(`not within ${WITHIN_MS} ms: ${what}`);
}

/** The feed, the poller's function and the seal refuse; a proof finds nothing that is wrong, and the trial balance is that of the source. */
async function expectRefused(db: Session): Promise<void> {
  expect(await callAll(db, 'ledger_trial_balance', {})).toEqual(
    await callAll(source.session, 'ledger_trial_balance', {}),
  );
  for (const ask of [
    () => readEvents(db),
    () => callAll(db, 'ledger_notify', {}),
    () => callAll(db, 'ledger_notify', { after: '' }),
    () => seal(db),
  ])
    expect(await refusal(ask())).toMatchObject(REFUSED);
  await expectSound(db);
}

/** The feed shows all, in a new epoch; what is booked from now on follows, and is sealed. */
async function expectMoved({ url, session }: Place, wallet_id: string, cursor: string, kept: string): Promise<void> {
  await beginEpoch(url);
  await beginEpoch(url);
  expect(await callAll(session, 'ledger_trial_balance', {})).toEqual(
    await callAll(source.session, 'ledger_trial_balance', {}),
  );
  const all = await idsOf(session);
  expect(all.length).toBeGreaterThan(1000);
  const last = await call(session, 'wallet_spend', { wallet_id, amount: 1, idem_key: newKey() });

  const reader = await new FeedReader(session, 300).until(last.transfer_id);
  expect([...reader.ids].sort()).toEqual([...all, last.transfer_id].sort());
  expect(reader.ids.at(-1)).toBe(last.transfer_id);
  expect(await refusal(readEvents(session, cursor))).toMatchObject({ code: 'WLARG', detail: { reason: 'epoch' } });
  await expectSound(session);
  await sealAll(session);
  const { rows: open } = await session.query(
    `select e.wallet_id from ledger.entries e group by e.wallet_id
     having max(e.seq) > coalesce((select max(h.seq) from ledger.block_heads h where h.wallet_id = e.wallet_id), 0)`,
  );
  expect(open).toEqual([]);
  await expectSound(session);
  expect(await verifySeals(session, kept)).toEqual([]);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wallet-moved-'));
  source = await migrated((await newServer('source')).url);
  // Far more transactions than a new server has had.
  await source.session.query(
    `do $$ begin for n in 1 .. 20000 loop perform pg_current_xact_id(); commit; end loop; end $$`,
  );
}, START_LIMIT_MS);

afterAll(async () => {
  for (const session of sessions) await session.end();
  for (const server of servers) await server.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('a ledger that logical replication moved', () => {
  const places: [string, () => Promise<Place>][] = [
    ['into another cluster', async () => migrated((await newServer('target')).url)],
    ['into another database of its cluster', async () => migrated(await newDatabase(source, 'beside'))],
  ];

  it.each(places)(
    '%s has no feed until it begins a new epoch there, and then all of it',
    async (_where, open) => {
      const wallet_id = await fill(source.session);
      const target = await open();
      await source.session.query('create publication moved for tables in schema ledger, ledger_private');
      await source.session.query("select pg_create_logical_replication_slot('moved', 'pgoutput')");
      await target.session.query(
        `create subscription moved connection '${source.url}' publication moved with (create_slot = false, slot_name = 'moved')`,
      );
      const arrived = () =>
        eventually('all has arrived', async () => {
          const { rows } = await target.session.query(
            "select from pg_subscription_rel where srsubstate <> 'r' union all select where not exists (select from pg_subscription_rel)",
          );
          return rows.length === 0 && (await idsOf(target.session)).length === (await idsOf(source.session)).length;
        });
      await arrived();
      await expectRefused(target.session);

      // It goes on while an epoch is begun too early.
      await beginEpoch(target.url);
      expect((await new FeedReader(target.session).drain()).ids).toHaveLength((await idsOf(source.session)).length);
      await call(source.session, 'wallet_top_up', { wallet_id, amount: 1, idem_key: newKey() });
      await call<object>(source.session, 'wallet_open', {
        owner_id: newKey(),
        asset_code: await newAsset(source.session),
      });
      await sealAll(source.session);
      await arrived();
      const { rows } = await source.session.query<{ lsn: string }>('select pg_current_wal_lsn() as lsn');
      await eventually('the last has arrived', async () => {
        const { rows: slots } = await source.session.query(
          "select from pg_replication_slots where slot_name = 'moved' and confirmed_flush_lsn >= $1",
          [rows[0]?.lsn],
        );
        return slots.length === 1;
      });
      await expectRefused(target.session);

      await target.session.query('alter subscription moved disable');
      await target.session.query('alter subscription moved set (slot_name = none)');
      await target.session.query('drop subscription moved');
      await eventually('the slot is gone', async () => {
        const dropped = await refusalOrNothing(source.session, "select pg_drop_replication_slot('moved')");
        return dropped === undefined;
      });
      await source.session.query('drop publication moved');
      const cursor = (await new FeedReader(source.session, 1000).drain()).events.at(-1)?.cursor ?? '';
      await expectMoved(target, wallet_id, cursor, await keepSeals(source.session));
    },
    START_LIMIT_MS,
  );
});

async function refusalOrNothing(db: Session, statement: string): Promise<string | undefined> {
  return db.query(statement).then(
    () => undefined,
    (error: unknown) => (error as Error).message,
  );
}

describe('a ledger whose tables were copied', () => {
  /** The rows as COPY writes them, table by table. */
  async function copy(target: pg.Client, tables: string[]): Promise<void> {
    for (const name of tables) {
      const { rows } = await source.session.query<{ all: string }>(
        `select coalesce(json_agg(t), '[]')::text as all from ${name} t`,
      );
      await target.query(`insert into ${name} select * from json_populate_recordset(null::${name}, $1)`, [
        rows[0]?.all,
      ]);
    }
  }

  const ways: [string, (target: pg.Client, tables: string[]) => Promise<void>][] = [
    [
      'while no trigger of a usual session fires, over the epoch that migrating began',
      async (target, tables) => {
        await target.query('begin; set local session_replication_role = replica');
        await copy(target, tables);
      },
    ],
    [
      'as into a database without triggers, epochs and all',
      async (target, tables) => {
        await target.query('begin');
        for (const name of tables) await target.query(`alter table ${name} disable trigger all`);
        await target.query('delete from ledger.feed_epochs');
        await copy(target, tables);
        for (const name of tables) await target.query(`alter table ${name} enable trigger all`);
        await restoreTriggers(target);
      },
    ],
    [
      'as into a database without triggers, and its epochs left behind',
      async (target, tables) => {
        await target.query('begin');
        for (const name of tables) await target.query(`alter table ${name} disable trigger all`);
        await copy(
          target,
          tables.filter((name) => name !== 'ledger.feed_epochs'),
        );
        for (const name of tables) await target.query(`alter table ${name} enable trigger all`);
        await restoreTriggers(target);
      },
    ],
  ];

  /** A dump says which triggers fire when. */
  async function restoreTriggers(target: pg.Client): Promise<void> {
    await target.query(`alter table ledger.entries enable replica trigger _100_arrived;
      alter table ledger.feed_epochs enable replica trigger _100_arrived`);
  }

  it.each(ways)(
    '%s, has no feed until it begins a new epoch there, and then all of it',
    async (_how, bring) => {
      const wallet_id = await fill(source.session);
      const cursor = (await new FeedReader(source.session, 1000).drain()).events.at(-1)?.cursor ?? '';
      const server = await newServer(`copy${servers.length}`);
      const target = await migrated(server.url);
      const { rows } = await target.session.query<{ name: string }>(TABLES);
      await bring(
        target.session,
        rows.map(({ name }) => name),
      );
      await target.session.query('commit');

      await expectRefused(target.session);
      await expectMoved(target, wallet_id, cursor, await keepSeals(source.session));
    },
    START_LIMIT_MS,
  );
});
