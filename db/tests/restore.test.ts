/** The ledger in another cluster, row by row as a dump brings it there. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type EmbeddedServer, startEmbedded } from '../../src/dev/embedded.ts';
import { beginEpoch } from '../../src/migrate/epoch.ts';
import { migrate } from '../../src/migrate/migrate.ts';
import { applyCurrent } from './current.ts';
import { FeedReader, readEvents } from './feed.ts';
import { call, callAll, createDatabase, expectSound, newAsset, newKey, newWallet, refusal } from './helpers.ts';
import { keepSeals, seal, sealUntil, verifySeals } from './seals.ts';

const START_LIMIT_MS = 600_000;
const TABLES = `select oid::regclass::text as name from pg_class
  where relkind = 'r' and relnamespace in ('ledger'::regnamespace, 'ledger_private'::regnamespace)`;

const db = createDatabase();
let folder = '';
let server: EmbeddedServer | undefined;
let restored: pg.Client;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wallet-restore-'));
  server = await startEmbedded({ dataDir: join(folder, 'server'), database: 'restored', settings: { fsync: 'off' } });
  await migrate(server.url);
  await applyCurrent(server.url);
  restored = new pg.Client({ connectionString: server.url });
  await restored.connect();
}, START_LIMIT_MS);

afterAll(async () => {
  await restored.end();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** What pg_dump and pg_restore do: all rows as they are, and the guards know it is a restore. */
async function restore(): Promise<void> {
  const { rows: tables } = await db.query<{ name: string }>(TABLES);
  await restored.query('begin; set local session_replication_role = replica');
  await restored.query(`truncate ${tables.map(({ name }) => name).join(', ')}`);
  for (const { name } of tables) {
    const { rows } = await db.query<{ all: string }>(`select coalesce(json_agg(t), '[]')::text as all from ${name} t`);
    await restored.query(`insert into ${name} select * from json_populate_recordset(null::${name}, $1)`, [
      rows[0]?.all,
    ]);
  }
  await restored.query('commit');
}

describe('a ledger that was restored into another cluster', () => {
  it('has no feed until it is migrated there, and then one from the start, in a new epoch', async () => {
    const asset = await newAsset(db);
    const wallet_id = await newWallet(db, asset, { bought: 100, bonus: 10 });
    for (let n = 0; n < 20; n += 1) await call(db, 'wallet_spend', { wallet_id, amount: 1, idem_key: newKey() });
    const { transfer_id } = await call(db, 'wallet_hold', { wallet_id, amount: 5, idem_key: newKey() });
    const before = await new FeedReader(db).until(transfer_id);
    await restore();

    expect(await refusal(readEvents(restored))).toMatchObject({
      code: '55000',
      message: 'the ledger was moved here, and its feed has no epoch here yet',
      hint: 'Run npm run migrate, which begins one.',
    });
    // Others may have begun to work there.
    const early = await call(restored, 'wallet_spend', { wallet_id, amount: 1, idem_key: newKey() });
    await beginEpoch(server?.url ?? '');
    await beginEpoch(server?.url ?? '');
    const late = await call(restored, 'wallet_spend', { wallet_id, amount: 1, idem_key: newKey() });

    expect(await refusal(readEvents(restored, before.events.at(-1)?.cursor))).toMatchObject({
      code: 'WLARG',
      detail: { argument: 'after', reason: 'epoch', epoch: '2' },
    });
    const after = await new FeedReader(restored, 5).until(late.transfer_id);
    expect(after.ids).toEqual([...before.ids, early.transfer_id, late.transfer_id]);
    await expectSound(restored);
  });

  it('holds the seals that were kept before, and goes on from where they ended', async () => {
    const asset = await newAsset(db);
    const sealed = await newWallet(db, asset, { bought: 10 });
    await sealUntil(db, sealed, 1);
    const unsealed = await newWallet(db, asset, { bought: 10 });
    const kept = await keepSeals(db);
    const balance = await callAll(db, 'ledger_trial_balance', {});
    await restore();
    expect(await refusal(seal(restored))).toMatchObject({ code: '55000' });
    expect(await callAll(restored, 'ledger_trial_balance', {})).toEqual(balance);
    await beginEpoch(server?.url ?? '');
    expect(await callAll(restored, 'ledger_trial_balance', {})).toEqual(balance);

    expect(await verifySeals(restored, kept)).toEqual([]);
    await sealUntil(restored, unsealed, 1);
    await call(restored, 'wallet_spend', { wallet_id: sealed, amount: 1, idem_key: newKey() });
    await sealUntil(restored, sealed, 2);

    const { rows } = await restored.query<{ seq: string }>(
      'select seq from ledger.block_heads where wallet_id = $1 order by block_seq',
      [sealed],
    );
    expect(rows.map(({ seq }) => seq)).toEqual(['1', '2']);
    expect(await verifySeals(restored, kept)).toEqual([]);
    await expectSound(restored);
  });
});
