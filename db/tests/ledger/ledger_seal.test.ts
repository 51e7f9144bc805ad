import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { age, tampering } from '../aged.ts';
import {
  call,
  createDatabase,
  expectSound,
  newAsset,
  newKey,
  newWallet,
  refusal,
  type Session,
  waitsForLock,
} from '../helpers.ts';
import { leafOf, merkleRoot, seal, sealAll, sealedSeq, sealUntil, verifySeals } from '../seals.ts';

const db = createDatabase();

const topUp = (session: Session, wallet_id: string) =>
  call(session, 'wallet_top_up', { wallet_id, amount: 1, idem_key: newKey() });

/** The hash of a block computed from its columns, in the format that seal_hash documents. */
const HASH = `select s.hash, convert_to('wallet ledger block 2', 'UTF8') || array_send(array[s.seq, s.entries, s.wallets, s.epoch])
  || array_send(array[s.root, s.totals_hash, s.previous, convert_to(s.snapshot, 'UTF8'), xid8send(s.xid), timestamptz_send(s.sealed_at),
    timestamptz_send(s.final_until), convert_to(s.actor, 'UTF8')]) as bytes from ledger.blocks s order by s.seq`;

describe('ledger_seal', () => {
  it('closes new entries, wallet by wallet, with the root of the tree over the newest entries', async () => {
    const asset = await newAsset(db);
    const wallets = await Promise.all([1, 2, 3, 4, 5].map(() => newWallet(db, asset, { bought: 10, bonus: 5 })));
    const last = wallets[4] ?? '';
    await call(db, 'wallet_hold', { wallet_id: last, amount: 2, idem_key: newKey() });

    const seals = await sealUntil(db, last, 3);
    const { rows: heads } = await db.query<{ wallet_id: string; block_seq: string; seq: string; hash: Buffer }>(
      `select h.*, e.hash from ledger.block_heads h join ledger.entries e on e.wallet_id = h.wallet_id and e.seq = h.seq
       order by h.wallet_id`,
    );

    const { rows: records } = await db.query<{ wallet_id: string; block_seq: string; seq: string; hash: Buffer }>(
      `select n.id as wallet_id, n.block_seq, n.seq, r.hash from ledger.block_records n
         join ledger_private.records() r on r.chain = n.chain and r.id = n.id and r.seq = n.seq
       order by n.chain, n.id`,
    );

    expect(records.length).toBeGreaterThan(wallets.length);
    for (const made of seals) {
      const ofSeal = ({ block_seq }: { block_seq: string }): boolean => block_seq === made.seq;
      const leaves = [...heads.filter(ofSeal), ...records.filter(ofSeal)];
      expect(made.wallets).toBe(String(heads.filter(ofSeal).length));
      expect(made.root).toEqual(merkleRoot(leaves.map(({ wallet_id, seq, hash }) => leafOf(wallet_id, seq, hash))));
    }
    const { rows: counts } = await db.query<{ entries: string }>('select count(*) as entries from ledger.entries');
    expect(String(seals.reduce((sum, { entries }) => sum + Number(entries), 0))).toBe(counts[0]?.entries);
    expect(await seal(db)).toEqual([]);
    expect(await verifySeals(db)).toEqual([]);
  });

  it('chains each seal to the one before, with hashes over all columns', async () => {
    const wallet = await newWallet(db, await newAsset(db), { bought: 1 });
    await sealUntil(db, wallet, 1);
    await topUp(db, wallet);
    await sealUntil(db, wallet, 2);

    const { rows } = await db.query<{ hash: Buffer; bytes: Buffer }>(HASH);
    expect(rows.length).toBeGreaterThan(1);
    for (const { hash, bytes } of rows) expect(createHash('sha256').update(bytes).digest()).toEqual(hash);
    const { rows: links } = await db.query<{ previous: Buffer | null }>(
      'select previous from ledger.blocks order by seq',
    );
    expect(links.map(({ previous }) => previous)).toEqual([null, ...rows.slice(0, -1).map(({ hash }) => hash)]);
  });

  it('computes the tree of RFC 6962 over any number of leaves', async () => {
    for (const count of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33, 100]) {
      const leaves = Array.from({ length: count }, () => randomBytes(32));
      const { rows } = await db.query<{ root: Buffer }>('select ledger_private.merkle_root($1) as root', [leaves]);
      expect({ count, root: rows[0]?.root }).toEqual({ count, root: merkleRoot(leaves) });
    }
  });

  it('leaves the entries of an open transaction to a later block, and closes later ones', async () => {
    const [slow, quick] = [await newWallet(db, await newAsset(db)), await newWallet(db, await newAsset(db))];
    const client = await db.connect();
    await client.query('begin');
    await topUp(client, slow);
    await topUp(db, quick);

    await seal(db);
    expect([await sealedSeq(db, quick), await sealedSeq(db, slow)]).toEqual([1, 0]);
    await client.query('commit');
    await seal(db);

    expect(await sealedSeq(db, slow)).toBe(1);
    await expectSound(db);
  });

  it('never closes what was rolled back', async () => {
    const wallet = await newWallet(db, await newAsset(db), { bought: 1 });
    const client = await db.connect();
    await client.query('begin');
    await topUp(client, wallet);
    await sealAll(db);
    await client.query('rollback');
    await sealAll(db);

    expect(await sealedSeq(db, wallet)).toBe(1);
    await expectSound(db);
  });

  it('does not wait for a transaction of another database of the server', async () => {
    const url = new URL(db.url);
    url.pathname = '/postgres';
    const elsewhere = new pg.Client({ connectionString: url.href });
    await elsewhere.connect();
    try {
      await elsewhere.query('begin; select pg_current_xact_id()');
      const wallet = await newWallet(db, await newAsset(db), { bought: 1 });
      await seal(db);
      expect(await sealedSeq(db, wallet)).toBe(1);
      await elsewhere.query('commit');
      await expectSound(db);
    } finally {
      await elsewhere.end();
    }
  });

  it('leaves the entries of its own transaction to a later block: they may still be rolled back', async () => {
    const wallet = await newWallet(db, await newAsset(db));
    const client = await db.connect();
    await client.query('begin');
    await topUp(client, wallet);
    // A later transaction has ended: by numbers alone, this one would count as ended too.
    await db.query('select pg_current_xact_id()');
    await seal(client);
    await topUp(client, wallet);
    await client.query('commit');
    expect(await sealedSeq(db, wallet)).toBe(0);
    await expectSound(db);
    await seal(db);

    expect(await sealedSeq(db, wallet)).toBe(2);
    await expectSound(db);
  });

  it('closes once what an earlier transaction books after a later one', async () => {
    const wallet = await newWallet(db, await newAsset(db));
    const [early, between] = [await db.connect(), await db.connect()];
    await early.query('begin; select pg_current_xact_id()');
    await between.query('begin; select pg_current_xact_id()');
    await topUp(db, wallet);
    await topUp(early, wallet);
    await early.query('commit');
    await sealUntil(db, wallet, 2);
    await between.query('commit');
    await topUp(db, wallet);
    await sealUntil(db, wallet, 3);

    const { rows } = await db.query<{ seq: string }>(
      'select seq from ledger.block_heads where wallet_id = $1 order by block_seq',
      [wallet],
    );
    expect(rows.map(({ seq }) => seq)).toEqual(['2', '3']);
    await expectSound(db);
  });

  it('makes several blocks if there are more events of wallets than one block may have', async () => {
    const asset = await newAsset(db);
    await sealAll(db);
    for (let n = 0; n < 7; n += 1) await newWallet(db, asset);

    const counts: number[] = [];
    for (let made = await seal(db, 3); made.length > 0; made = await seal(db, 3)) {
      const { rowCount } = await db.query('select from ledger.block_records where block_seq = $1', [made[0]?.seq]);
      counts.push(rowCount ?? 0);
    }

    expect(counts).toEqual([3, 3, 1]);
    await expectSound(db);
  });

  it('writes the totals of the closed entries, by asset, kind and accounts, and the sums with all blocks before', async () => {
    const asset = await newAsset(db);
    const [one, two] = [
      await newWallet(db, asset, { bought: 100, bonus: 20 }),
      await newWallet(db, asset, { bought: 7 }),
    ];
    const spend = (amount: number) => call(db, 'wallet_spend', { wallet_id: one, amount, idem_key: newKey() });
    await spend(30);
    await call(db, 'wallet_transfer', { from_wallet: one, to_wallet: two, amount: 5, idem_key: newKey() });
    const hold = await call(db, 'wallet_hold', { wallet_id: one, amount: 9, idem_key: newKey() });
    await sealUntil(db, one, 5);
    await spend(4);
    await call(db, 'wallet_capture', { wallet_id: one, hold_id: hold.hold_id, idem_key: newKey() });
    await sealUntil(db, one, 7);

    const { rows } = await db.query<{ line: string }>(
      // There are two quarters of an hour if one ended during the test.
      `select dense_rank() over (order by block_seq) || ' ' || kind || ' ' || debit || ' ' || credit || ' ' || sum(movements) || ' ' || sum(amount)
           || ' ' || sum(bonus_amount) || ' ' || max(total_movements) || ' ' || max(total_amount) || ' ' || max(total_bonus_amount) as line
         from ledger.house_totals where asset_code = $1 group by block_seq, kind, debit, credit order by block_seq, kind`,
      [asset],
    );
    expect(rows.map(({ line }) => line)).toEqual([
      '1 top_up treasury player 2 107 0 2 107 0',
      '1 bonus promotions player 1 20 20 1 20 20',
      '1 spend player revenue 1 30 20 1 30 20',
      '1 transfer player player 1 5 0 1 5 0',
      '2 spend player revenue 1 4 0 2 34 20',
      '2 capture player revenue 1 9 0 1 9 0',
    ]);
    const { rows: blocks } = await db.query<{ totals_hash: Buffer; text: string }>(
      `select b.totals_hash, coalesce((select string_agg(concat_ws(' ', t.asset_code, t.kind, t.debit, t.credit,
           extract(epoch from t.quarter)::bigint, t.movements, t.amount, t.bonus_amount, t.total_amount, t.total_bonus_amount), chr(10)
           order by t.asset_code collate "C", t.kind, t.debit, t.credit, t.quarter)
         from ledger.house_totals t where t.block_seq = b.seq), '') as text
       from ledger.blocks b`,
    );
    for (const { totals_hash, text } of blocks)
      expect(totals_hash.toString('hex')).toBe(createHash('sha256').update(text).digest('hex'));
    await expectSound(db);
  });

  it('declares final only what no open transaction can change, and never less than the block before', async () => {
    const wallet = await newWallet(db, await newAsset(db), { bought: 1 });
    const finals: string[] = [];
    const close = async () => {
      await topUp(db, wallet);
      const [made] = await seal(db);
      finals.push(made?.final_until ?? '');
    };
    const client = await db.connect();
    await client.query('begin; select pg_current_xact_id()');
    const { rows: before } = await db.query<{ now: string }>('select clock_timestamp() as now');
    for (let n = 0; n < 3; n += 1) await close();
    const held = [...finals];
    await client.query('commit');
    for (let n = 0; n < 3; n += 1) await close();

    const { rows } = await db.query<{ ordered: boolean; held: boolean }>(
      `select array(select f from unnest($1::timestamptz[]) f order by f) = $1::timestamptz[] as ordered,
         (select max(f) from unnest($2::timestamptz[]) f) <= $3::timestamptz as held`,
      [finals, held, before[0]?.now],
    );
    expect(rows).toEqual([{ ordered: true, held: true }]);
    await expectSound(db);
  });

  it('lets postings go on while it is open, and waits for no open posting', async () => {
    const wallet = await newWallet(db, await newAsset(db), { bought: 1 });
    await sealUntil(db, wallet, 1);
    await topUp(db, wallet);
    const [sealing, posting] = [await db.connect(), await db.connect()];
    await sealing.query("begin; set local lock_timeout = '60s'");
    await posting.query("begin; set local lock_timeout = '60s'");

    await seal(sealing);
    await topUp(posting, wallet);
    await posting.query('commit');
    await posting.query('begin');
    await topUp(posting, wallet);
    await sealing.query('commit');
    await seal(sealing);
    await posting.query('commit');
    await sealUntil(db, wallet, 4);

    expect(await verifySeals(db)).toEqual([]);
  });

  it('waits for another sealer, and then continues', async () => {
    const wallet = await newWallet(db, await newAsset(db));
    await topUp(db, wallet);
    const [first, second] = [await db.connect(), await db.connect()];
    await first.query('begin');
    await seal(first);
    const waiting = seal(second);
    await waitsForLock(db, second);
    await first.query('commit');
    await waiting;
    await sealUntil(db, wallet, 1);

    expect(await verifySeals(db)).toEqual([]);
  });

  it('continues after time has passed: earlier blocks, totals and entries are unchanged', async () => {
    const asset = await newAsset(db);
    const wallet = await newWallet(db, asset, { bought: 10 });
    await sealAll(db);
    await topUp(db, wallet);
    await sealAll(db);
    const balance = await db.query('select * from ledger.ledger_trial_balance()');
    await age(db, '50 minutes');

    await expectSound(db);
    expect((await db.query('select * from ledger.ledger_trial_balance()')).rows).toEqual(balance.rows);
    await topUp(db, wallet);
    await sealUntil(db, wallet, 3);
    const { rows } = await db.query<{ quarters: number }>(
      'select count(distinct quarter)::int as quarters from ledger.house_totals where asset_code = $1',
      [asset],
    );
    expect(rows[0]?.quarters).toBeGreaterThan(1);
    await expectSound(db);
  });

  it('closes each entry once while four post and two seal', async () => {
    const asset = await newAsset(db);
    const pool = db.jobPool(6);
    const wallets = await Promise.all([1, 2, 3, 4].map(() => newWallet(db, asset, { bought: 100 })));
    let posting = wallets.length;
    const post = async (wallet_id: string, place: number) => {
      for (let turn = 0; turn < 40; turn += 1) {
        const args = { from_wallet: wallet_id, to_wallet: wallets[(place + turn) % 4], amount: 1, idem_key: newKey() };
        if (args.to_wallet === wallet_id) await topUp(pool, wallet_id);
        else await call(pool, 'wallet_transfer', args);
      }
    };
    const close = async () => {
      let blocks = 0;
      while (posting > 0) blocks += (await seal(pool)).length;
      return blocks;
    };
    const [one, two] = await Promise.all([
      close(),
      close(),
      ...wallets.map((wallet, place) =>
        post(wallet, place).finally(() => {
          posting -= 1;
        }),
      ),
    ]);
    await sealAll(db);

    expect(one + two).toBeGreaterThan(1);
    const { rows } = await db.query<{ sealed: string; all: string }>(
      'select (select sum(entries) from ledger.blocks) as sealed, (select count(*) from ledger.entries) as all',
    );
    expect(rows[0]?.sealed).toBe(rows[0]?.all);
    await expectSound(db);
  });

  it.each(['repeatable read', 'serializable'])('is correct at %s, or fails with 40001', async (level) => {
    const wallet = await newWallet(db, await newAsset(db));
    await topUp(db, wallet);
    const client = await db.connect();
    await client.query(`begin isolation level ${level}; select count(*) from ledger.blocks`);
    await sealUntil(db, wallet, 1);

    expect(await refusal(seal(client))).toMatchObject({ code: '40001' });
    await client.query(`rollback; begin isolation level ${level}`);
    await topUp(db, wallet);
    await seal(client);
    await client.query('commit');
    await sealUntil(db, wallet, 2);
    expect(await verifySeals(db)).toEqual([]);
  });

  it.each([0, -1, 1_000_001, null])('refuses a block of %s events (WLARG)', async (max) => {
    expect(await refusal(seal(db, max))).toMatchObject({ code: 'WLARG', detail: { argument: 'max_events' } });
  });

  it('is for jobs only (42501)', async () => {
    const job = await db.connectJob();
    expect(Array.isArray(await seal(job))).toBe(true);
    for (const role of ['service', 'operator', 'auditor'] as const)
      expect(await refusal(seal(await db.connectAs(role, 'x')))).toMatchObject({ code: '42501' });
  });
});

describe('a late movement', () => {
  const own = createDatabase();

  it('after a clock was set back counts in the first quarter of an hour that is not final', async () => {
    const wallet = await newWallet(own, await newAsset(own), { bought: 1 });
    await sealAll(own);
    // Simulates a clock that was two hours ahead when the last block was closed.
    await tampering(own, (client) =>
      client.query(
        "update ledger.blocks set final_until = date_trunc('hour', clock_timestamp() + interval '2 hours', 'UTC')",
      ),
    );
    await topUp(own, wallet);
    await sealAll(own);

    const { rows } = await own.query(
      `select t.quarter = b.final_until as "isFirstOpen" from ledger.house_totals t, ledger.blocks b
       where b.seq = t.block_seq - 1 and t.block_seq = (select max(n.seq) from ledger.blocks n)`,
    );
    expect(rows).toEqual([{ isFirstOpen: true }]);
  });
});
