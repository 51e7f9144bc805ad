import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { FeedReader, readEvents } from '../feed.ts';
import {
  call,
  createDatabase,
  type Database,
  newAsset,
  newKey,
  newOwner,
  newWallet,
  postBatch,
  type Receipt,
  refusal,
  type Session,
  someAsset,
} from '../helpers.ts';
import { Chance } from '../prove/chance.ts';

const db = createDatabase();

const spend = (session: Session, wallet_id: string): Promise<Receipt> =>
  call(session, 'wallet_spend', { wallet_id, amount: 1, idem_key: newKey() });

/** The id of a new transfer, after everything committed before. */
async function lastOf(database: Database): Promise<string> {
  const wallet_id = await newWallet(database, await someAsset(database));
  return (await call(database, 'wallet_top_up', { wallet_id, amount: 1, idem_key: newKey() })).transfer_id;
}

describe('ledger_events', () => {
  it('has the facts of every kind of movement, in the order of transactions and ids', async () => {
    const asset = await newAsset(db);
    const owner = newOwner();
    const wallet_id = await newWallet(db, asset, { owner });
    const other = await newWallet(db, asset);
    const key = (idem_key: string, more: object) => ({ wallet_id, idem_key, ...more });
    await call(db, 'wallet_top_up', key('1', { amount: 100, metadata: { order: 7 } }));
    await call(db, 'wallet_bonus', key('2', { amount: 10, expires_at: '2999-01-01' }));
    const spent = await call(db, 'wallet_spend', key('3', { amount: 15 }));
    await call(db, 'wallet_transfer', { from_wallet: wallet_id, to_wallet: other, amount: 5, idem_key: '4' });
    const held = await call(db, 'wallet_hold', key('5', { amount: 20 }));
    await call(db, 'wallet_capture', key('6', { hold_id: held.hold_id, amount: 8 }));
    const freed = await call(db, 'wallet_hold', key('7', { amount: 3 }));
    await call(db, 'wallet_release', key('8', { hold_id: freed.hold_id }));
    await call(db, 'wallet_reverse', key('9', { transfer_id: spent.transfer_id, amount: 2 }));
    const [batched] = await postBatch(db, [{ kind: 'spend', wallet_id, amount: 1, idem_key: '10' }]);

    const { events } = await new FeedReader(db, 3).until(batched?.transfer_id ?? '');

    const own = events.filter((event) => event.wallet_id === wallet_id);
    expect(own.map(({ idem_key, kind }) => `${String(idem_key)} ${kind}`)).toEqual([
      '1 top_up',
      '2 bonus',
      '3 spend',
      '4 transfer',
      '5 hold',
      '6 capture',
      '7 hold',
      '8 release',
      '9 reversal',
      '10 spend',
    ]);
    const { rows } = await db.query<{ fact: object }>(
      // The reason is in the metadata, and the other side of an exchange is a separate event.
      `select to_jsonb(t) - '{id,requested_amount,reason,linked_wallet_id,linked_seq}'::text[]
         || jsonb_build_object('transfer_id', t.id, 'owner_id', $2::text, 'asset_code', $3::text, 'cursor', '1.' || e.xid || '.' || t.id) as fact
         from ledger.transfers t join ledger.entries e on e.transfer_id = t.id and e.actor is not null
         where t.wallet_id = $1 order by e.xid, t.id`,
      [wallet_id, owner, asset],
    );
    const { rows: told } = await db.query<{ fact: object }>(
      'select to_jsonb(e) as fact from ledger.ledger_events("limit" => 10000) e where e.wallet_id = $1',
      [wallet_id],
    );
    expect(told).toEqual(rows);
    expect(told).toHaveLength(10);
  });

  it('has each committed transfer exactly once while six write, some slowly, and commit or roll back in any order', async () => {
    const writers = await Promise.all(
      Array.from({ length: 6 }, async () => ({
        client: await db.connect(),
        wallet: await newWallet(db, await someAsset(db), { bought: 1000 }),
      })),
    );
    const start = await lastOf(db);
    const reader = await new FeedReader(db, 7).until(start);
    const known = reader.events.length;
    const committed: string[] = [];
    let writing = writers.length;
    const seed = Number(process.env.FEED_SEED ?? Math.floor(Math.random() * 2 ** 31));
    console.log(`FEED_SEED=${seed}`);
    const write = async ({ client, wallet }: (typeof writers)[number], place: number) => {
      const chance = new Chance(seed + place);
      for (let round = 0; round < 25; round += 1) {
        await client.query('begin');
        const receipts = [await spend(client, wallet)];
        for (const until = reader.polls + chance.int(0, 3); reader.polls < until; await sleep(1));
        while (chance.happens(50)) receipts.push(await spend(client, wallet));
        const keep = chance.happens(80);
        await client.query(keep ? 'commit' : 'rollback');
        if (keep) committed.push(...receipts.map(({ transfer_id }) => transfer_id));
      }
    };
    const read = async () => {
      for (; writing > 0; await sleep(1)) await reader.poll();
    };
    await Promise.all([
      read(),
      ...writers.map((writer, place) =>
        write(writer, place).finally(() => {
          writing -= 1;
        }),
      ),
    ]);
    const end = await lastOf(db);
    await reader.until(end);

    const ids = reader.ids.slice(known);
    expect(ids.at(-1)).toBe(end);
    expect(ids.slice(0, -1).sort()).toEqual(committed.sort());
    const { rows } = await db.query<{ id: string }>(
      'select transfer_id as id from ledger.entries where actor is not null order by xid, id',
    );
    expect(reader.ids).toEqual(rows.map(({ id }) => id));
  });

  it('waits for a transaction that began earlier, and omits one that was rolled back', async () => {
    const asset = await newAsset(db);
    const [slow, doomed] = [await db.connect(), await db.connect()];
    const wallets = await Promise.all([1, 2, 3].map(async () => newWallet(db, await newAsset(db), { bought: 9 })));
    const reader = await new FeedReader(db).until(await lastOf(db));
    await slow.query('begin');
    const late = await spend(slow, wallets[0] ?? '');
    await doomed.query('begin');
    const undone = await spend(doomed, wallets[1] ?? '');
    const quick = await spend(db, wallets[2] ?? '');
    const open = await newWallet(db, asset, { bought: 1 });

    await reader.drain();
    expect(reader.ids).not.toContain(quick.transfer_id);
    expect(reader.events.filter(({ wallet_id }) => wallet_id === open)).toEqual([]);
    await slow.query('commit');
    await doomed.query('rollback');
    await reader.until(await lastOf(db));

    expect(reader.ids.indexOf(late.transfer_id)).toBeGreaterThan(0);
    expect(reader.ids.indexOf(quick.transfer_id)).toBe(reader.ids.indexOf(late.transfer_id) + 1);
    expect(reader.ids).not.toContain(undone.transfer_id);
  });

  it('waits for a transaction of another database of the server too, but not for one that has only read', async () => {
    const url = new URL(db.url);
    url.pathname = '/postgres';
    const elsewhere = new pg.Client({ connectionString: url.href });
    const idle = await db.connect();
    await elsewhere.connect();
    try {
      await idle.query('begin isolation level repeatable read; select count(*) from ledger.transfers');
      const before = await lastOf(db);
      const reader = await new FeedReader(db).until(before);
      await elsewhere.query('begin; select pg_current_xact_id()');
      const after = await lastOf(db);

      expect((await reader.drain()).ids).not.toContain(after);
      await elsewhere.query('commit');
      expect((await reader.until(after)).ids).toContain(after);
    } finally {
      await elsewhere.end();
    }
  });

  it('waits for a prepared transaction, if the server allows them', async () => {
    const { rows } = await db.query<{ room: number }>(
      "select current_setting('max_prepared_transactions')::int as room",
    );
    if (!rows[0]?.room) return;
    const client = await db.connect();
    const wallet = await newWallet(db, await newAsset(db), { bought: 9 });
    const name = newKey();
    await client.query('begin');
    const { transfer_id } = await spend(client, wallet);
    await client.query(`prepare transaction '${name}'`);
    try {
      const after = await lastOf(db);
      expect((await new FeedReader(db).drain()).ids).not.toContain(after);
      await db.query(`commit prepared '${name}'`);
      const { ids } = await new FeedReader(db).until(after);
      expect(ids.indexOf(transfer_id)).toBeGreaterThan(-1);
      expect(ids.indexOf(after)).toBeGreaterThan(ids.indexOf(transfer_id));
    } finally {
      await db.query(`rollback prepared '${name}'`).catch(() => undefined);
    }
  });

  it('never has transfers of its own transaction', async () => {
    const wallet = await newWallet(db, await newAsset(db), { bought: 9 });
    const client = await db.connect();
    await client.query('begin');
    const { transfer_id } = await spend(client, wallet);

    expect((await new FeedReader(client).drain()).ids).not.toContain(transfer_id);
    await client.query('rollback');
  });

  describe('refuses', () => {
    const UUID = '01234567-89ab-7def-8123-456789abcdef';
    it.each([
      ['a limit of 0', undefined, 0, { argument: 'limit' }],
      ['a negative limit', undefined, -1, { argument: 'limit' }],
      ['a limit of 10001', undefined, 10_001, { argument: 'limit' }],
      ['no limit', undefined, null, { argument: 'limit' }],
      ['an empty cursor', '', 1, { argument: 'after', reason: 'malformed' }],
      ['a word', 'x', 1, { argument: 'after', reason: 'malformed' }],
      ['an id', UUID, 1, { argument: 'after', reason: 'malformed' }],
      ['a cursor with a space', ` 1.1.${UUID}`, 1, { argument: 'after', reason: 'malformed' }],
      ['a cursor with a line end', `1.1.${UUID}\n`, 1, { argument: 'after', reason: 'malformed' }],
      ['a cursor with an id in capitals', `1.1.${UUID.toUpperCase()}`, 1, { argument: 'after', reason: 'malformed' }],
      ['a negative transaction', `1.-1.${UUID}`, 1, { argument: 'after', reason: 'malformed' }],
      ['a transaction of 20 digits', `1.${'9'.repeat(20)}.${UUID}`, 1, { argument: 'after', reason: 'malformed' }],
      ['an epoch of ten digits', `${'9'.repeat(10)}.1.${UUID}`, 1, { argument: 'after', reason: 'malformed' }],
      ['a megabyte', 'x'.repeat(2 ** 20), 1, { argument: 'after', reason: 'malformed' }],
      ['an epoch to come', `999999999.1.${UUID}`, 1, { argument: 'after', reason: 'epoch', epoch: '1' }],
      ['a cursor of no transfer', `1.${'9'.repeat(19)}.${UUID}`, 1, { argument: 'after', reason: 'cursor_unknown' }],
      ['a cursor of no transfer of old', `1.0.${UUID}`, 1, { argument: 'after', reason: 'cursor_unknown' }],
    ])('%s (WLARG)', async (_what, after, limit, detail) => {
      expect(await refusal(readEvents(db, after, limit))).toMatchObject({ code: 'WLARG', detail });
    });

    it('a cursor whose transfer is missing in a restored ledger (WLARG), and says what to do', async () => {
      const reader = await new FeedReader(db).until(await lastOf(db));
      const { cursor = '', transfer_id } = reader.events.at(-1) ?? {};
      const client = await db.connect();
      await client.query('begin; set local session_replication_role = replica');
      await client.query('delete from ledger.entries where transfer_id = $1', [transfer_id]);

      const { code, detail, hint } = await refusal(readEvents(client, cursor));
      await client.query('rollback');

      expect({ code, detail }).toEqual({ code: 'WLARG', detail: { argument: 'after', reason: 'cursor_unknown' } });
      expect(hint).toMatch(/^The ledger no longer has that event. Start again from null/);
    });

    it.each(['player', 'gateway', 'stranger'])('%s (42501)', async (who) => {
      const sessions = {
        player: () => db.connectAs('player', newOwner()),
        gateway: () => db.connectLogin('wallet_gateway'),
        stranger: () => db.connectLogin('wallet_test_stranger'),
      };
      const session = await sessions[who as keyof typeof sessions]();

      expect(await refusal(readEvents(session))).toMatchObject({ code: '42501' });
    });
  });

  it('shows services, operators, jobs and auditors all transfers of all wallets', async () => {
    const end = await lastOf(db);
    const { rows } = await db.query('select from ledger.transfers');
    const auditor = await new FeedReader(await db.connectAs('auditor', 'a')).until(end);

    expect(auditor.events).toHaveLength(rows.length);
    for (const session of [
      await db.connectAs('service', 's'),
      await db.connectAs('operator', 'o'),
      await db.connectJob(),
    ]) {
      expect((await new FeedReader(session).until(end)).events).toEqual(auditor.events);
    }
  });
});
