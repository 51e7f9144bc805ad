import { createHash, randomBytes } from 'node:crypto';
import { call, createDatabase, newAsset, newKey, newWallet, refusal, type Session, waitsForLock } from '../helpers.ts';
import { FeedReader } from '../feed.ts';
import { leafOf, merkleRoot, seal, sealedSeq, sealUntil, verifySeals } from '../seals.ts';

const db = createDatabase();

const topUp = (session: Session, wallet_id: string) =>
  call(session, 'wallet_top_up', { wallet_id, amount: 1, idem_key: newKey() });

/** The hash of a seal from its fields, in the byte order that seal_hash documents. */
const HASH = `select s.hash, convert_to('wallet ledger seal 1', 'UTF8') || array_send(array[s.seq, s.entries, s.wallets, s.epoch])
  || array_send(array[s.root, s.previous, xid8send(s.horizon), uuid_send(s.horizon_id), timestamptz_send(s.sealed_at),
    convert_to(s.actor, 'UTF8')]) as bytes from ledger.blocks s order by s.seq`;

describe('ledger_seal', () => {
  it('closes what is new, wallet by wallet, with the root of the tree over the newest entries', async () => {
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

  it('chains each seal to the one before, by hashes over all that they say', async () => {
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

  it('makes the tree of RFC 6962 over any number of leaves', async () => {
    for (const count of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33, 100]) {
      const leaves = Array.from({ length: count }, () => randomBytes(32));
      const { rows } = await db.query<{ root: Buffer }>('select ledger_private.merkle_root($1) as root', [leaves]);
      expect({ count, root: rows[0]?.root }).toEqual({ count, root: merkleRoot(leaves) });
    }
  });

  it('leaves what comes after an open transaction to a later seal, and then skips nothing', async () => {
    const [slow, quick] = [await newWallet(db, await newAsset(db)), await newWallet(db, await newAsset(db))];
    const client = await db.connect();
    await client.query('begin');
    await topUp(client, slow);
    await topUp(db, quick);

    await seal(db);
    expect(await sealedSeq(db, quick)).toBe(0);
    await client.query('commit');
    await sealUntil(db, quick, 1);

    expect(await sealedSeq(db, slow)).toBe(1);
    expect(await verifySeals(db)).toEqual([]);
  });

  it('seals once what a transaction that began earlier books on top of a later one, and passes over a block of nothing else', async () => {
    const wallet = await newWallet(db, await newAsset(db));
    const [early, between] = [await db.connect(), await db.connect()];
    await early.query('begin; select pg_current_xact_id()');
    await between.query('begin; select pg_current_xact_id()');
    await topUp(db, wallet);
    await topUp(early, wallet);
    await early.query('commit');
    // What the later transaction booked is still above the horizon, but below the entry that is sealed.
    await sealUntil(db, wallet, 2);
    await between.query('commit');
    await topUp(db, wallet);
    await sealUntil(db, wallet, 3, 1);

    const { rows } = await db.query<{ seq: string }>(
      'select seq from ledger.block_heads where wallet_id = $1 order by block_seq',
      [wallet],
    );
    expect(rows.map(({ seq }) => seq)).toEqual(['2', '3']);
    expect(await verifySeals(db)).toEqual([]);
  });

  it('makes several blocks where there is more than one may hold, and passes over what is sealed already', async () => {
    const wallet = await newWallet(db, await newAsset(db));
    for (let n = 0; n < 7; n += 1) await topUp(db, wallet);

    const seals = await sealUntil(db, wallet, 7, 3);

    expect(seals.length).toBeGreaterThanOrEqual(3);
    expect(await verifySeals(db)).toEqual([]);
  });

  it('lets postings go on while it is open, and waits for none that is', async () => {
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

  it('waits for another seal, and goes on after it', async () => {
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

  it.each(['repeatable read', 'serializable'])('at %s is right or asks to try again (40001)', async (level) => {
    const wallet = await newWallet(db, await newAsset(db));
    const { transfer_id } = await topUp(db, wallet);
    // Then it is below the horizon of the snapshot.
    await new FeedReader(db).until(transfer_id);
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

  it.each([0, -1, 1_000_001, null])('refuses a block of %s transfers (WLARG)', async (max) => {
    expect(await refusal(seal(db, max))).toMatchObject({ code: 'WLARG', detail: { argument: 'max_transfers' } });
  });

  it('is for jobs alone (42501)', async () => {
    const job = await db.connectJob();
    expect(Array.isArray(await seal(job))).toBe(true);
    for (const role of ['service', 'operator', 'auditor'] as const)
      expect(await refusal(seal(await db.connectAs(role, 'x')))).toMatchObject({ code: '42501' });
  });
});
