/** What is chained beside the entries: its hashes, computed again from the format that the comments describe, and what seals say of its tails. */
import { createHash } from 'node:crypto';
import {
  call,
  callAll,
  createDatabase,
  expectSound,
  newAsset,
  newOwner,
  newWallet,
  rulesOf,
  tamperedWith,
  writing,
} from './helpers.ts';
import { sealUntil } from './seals.ts';

const db = createDatabase();
const BYTEA = 17;
const POSTGRES_EPOCH_MS = Date.UTC(2000, 0, 1);

const int4 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const int8 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
};
const text = (value: string): Buffer => Buffer.from(value, 'utf8');
const number = (value: string | null): Buffer | null => (value === null ? null : int8(BigInt(value)));
const uuid = (value: string): Buffer => Buffer.from(value.replaceAll('-', ''), 'hex');
/** From "2026-01-31T12:34:56.123456" in UTC. */
const time = (iso: string): Buffer =>
  int8(BigInt(Date.parse(`${iso.slice(0, 19)}Z`) - POSTGRES_EPOCH_MS) * 1000n + BigInt(iso.slice(20)));
const optional = (value: string | null): Buffer | null => (value === null ? null : text(value));

/** PostgreSQL's binary array of bytea. */
const bytes = (...elements: (Buffer | null)[]): Buffer =>
  Buffer.concat([
    ...[1, elements.includes(null) ? 1 : 0, BYTEA, elements.length, 1].map(int4),
    ...elements.flatMap((element) => (element === null ? [int4(-1)] : [int4(element.length), element])),
  ]);
const link = (previous: Buffer, record: Buffer): Buffer =>
  createHash('sha256').update(text('ledger.record.v1')).update(previous).update(record).digest();
const NOTHING = Buffer.alloc(32);

type Row = Record<string, string | null> & { hash: Buffer };

async function rowsOf(table: string, times: string[], order: string): Promise<Row[]> {
  const utc = times.map(
    (column) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') as ${column}_utc`,
  );
  return (await db.query<Row>(`select t.*, ${utc.join(', ')} from ${table} t order by ${order}`)).rows;
}

/** Settings of a session in which dates, bytes, numbers and texts look different. */
const HOSTILE = `set "DateStyle" = 'German'; set "TimeZone" = '<+03>3'; set bytea_output = 'escape'; set client_encoding = 'LATIN1';
  set extra_float_digits = -15; set "IntervalStyle" = 'sql_standard'; set search_path = ''; set lc_monetary = 'C'`;

const verify = (): Promise<{ rule: string }[]> => callAll(db, 'ledger_verify', {});

describe('what is chained beside the entries', () => {
  let asset = '';
  let wallet = '';

  beforeAll(async () => {
    const hostile = await db.connect();
    await hostile.query(HOSTILE);
    asset = await newAsset(hostile);
    await call<object>(hostile, 'asset_limit_set', { asset_code: asset, max_spend: 5, max_daily_bonus: 0 });
    await call<object>(db, 'asset_limit_set', { asset_code: asset, max_balance: 9 });
    wallet = await newWallet(hostile, asset, { owner: 'ünï' });
    await call<object>(hostile, 'wallet_freeze', { wallet_id: wallet, reason: 'ein Verdächt' });
    await call<object>(db, 'wallet_reopen', { wallet_id: wallet, reason: 'none' });
    for (const session of [db, hostile]) await callAll(session, 'ledger_prove', {});
  });

  it('has the hashes that the documented bytes give, whatever the settings of the session that wrote', async () => {
    const assets = await rowsOf('ledger.assets', ['created_at'], 'code');
    const limits = await rowsOf('ledger.asset_limits', ['created_at'], 'asset_code, seq');
    const wallets = await rowsOf('ledger.wallets', ['created_at'], 'id');
    const events = await rowsOf('ledger.wallet_events', ['created_at'], 'wallet_id, seq');
    const proofs = await rowsOf('ledger.verifications', ['started_at', 'finished_at'], 'seq');
    const epochs = await rowsOf('ledger.feed_epochs', ['started_at'], 'epoch');
    const heads = new Map<string, Buffer>();
    const expected: Buffer[] = [];
    const add = (chain: string, record: Buffer): void => {
      const hash = link(heads.get(chain) ?? NOTHING, record);
      heads.set(chain, hash);
      expected.push(hash);
    };
    const of = (row: Row, name: string): string => row[name] ?? '';

    for (const row of assets)
      add(
        of(row, 'code'),
        bytes(
          text('asset'),
          text(of(row, 'code')),
          text(of(row, 'name')),
          number(String(row.scale)),
          text(of(row, 'actor')),
          time(of(row, 'created_at_utc')),
        ),
      );
    for (const row of limits)
      add(
        of(row, 'asset_code'),
        bytes(
          text('asset_limit'),
          text(of(row, 'asset_code')),
          number(String(row.seq)),
          ...['max_spend', 'max_balance', 'max_daily_top_up', 'max_daily_bonus', 'max_daily_spend'].map((name) =>
            number(row[name] ?? null),
          ),
          text(of(row, 'actor')),
          time(of(row, 'created_at_utc')),
        ),
      );
    for (const row of wallets)
      heads.set(
        of(row, 'id'),
        link(
          NOTHING,
          bytes(
            text('wallet'),
            uuid(of(row, 'id')),
            text(of(row, 'owner_id')),
            text(of(row, 'asset_code')),
            time(of(row, 'created_at_utc')),
          ),
        ),
      );
    for (const row of events)
      add(
        of(row, 'wallet_id'),
        bytes(
          text('wallet_event'),
          uuid(of(row, 'wallet_id')),
          number(String(row.seq)),
          text(of(row, 'kind')),
          optional(row.reason ?? null),
          text(of(row, 'actor')),
          time(of(row, 'created_at_utc')),
        ),
      );
    for (const row of proofs)
      add(
        'proofs',
        bytes(
          text('verification'),
          uuid(of(row, 'id')),
          number(of(row, 'seq')),
          time(of(row, 'started_at_utc')),
          time(of(row, 'finished_at_utc')),
          number(of(row, 'findings')),
          number(row.block_seq ?? null),
          number(of(row, 'kept_seals')),
          text(of(row, 'actor')),
        ),
      );
    for (const row of epochs)
      add(
        'epochs',
        bytes(
          text('feed_epoch'),
          number(String(row.epoch)),
          number(of(row, 'system_identifier')),
          time(of(row, 'started_at_utc')),
        ),
      );

    const found = [...assets, ...limits, ...events, ...proofs, ...epochs].map(({ hash }) => hash.toString('hex'));
    expect(found).toEqual(expected.map((hash) => hash.toString('hex')));
    expect([limits.length, proofs.length, epochs.length, events.length]).toEqual([2, 2, 1, 3]);
    await expectSound(db);
  });

  it('is numbered once, however many prove, set limits and open wallets at a time', async () => {
    const sessions = await Promise.all([1, 2, 3, 4].map(() => db.connect()));
    const owner = newOwner();
    await Promise.all(sessions.map((session) => callAll(session, 'ledger_prove', {})));
    await Promise.all(
      sessions.map((session, n) => call<object>(session, 'asset_limit_set', { asset_code: asset, max_spend: 100 + n })),
    );
    await Promise.all(
      sessions.map((session) => call<object>(session, 'wallet_open', { owner_id: owner, asset_code: asset })),
    );

    const { rows } = await db.query('select array_agg(seq::int order by seq) as seqs from ledger.verifications');
    expect(rows).toEqual([{ seqs: [1, 2, 3, 4, 5, 6] }]);
    expect(await verify()).toEqual([]);
  });

  const forged = (
    hash: string,
  ): string => `insert into ledger.verifications (seq, started_at, finished_at, findings, block_seq, kept_seals, actor, hash)
    select max(seq) + 1, clock_timestamp(), clock_timestamp(), 0, max(block_seq), 0, 'db:wallet_worker', ${hash} from ledger.verifications`;

  it.each([
    ['without triggers', "sha256('x')"],
    ['with the hash of the one before', '(array_agg(hash order by seq desc))[1]'],
  ])('shows a proof that was forged %s', async (_what, hash) => {
    expect(rulesOf(await tamperedWith(db, forged(hash), (look) => look()))).toEqual(['record_chain']);
  });

  it('shows a proof that was forged through the open guards', async () => {
    await expect(writing(db, (session) => session.query(forged('null')))).rejects.toMatchObject({ code: '23502' });
    const client = await db.connect();
    await client.query("begin; select set_config('ledger.posting', 'on', true)");
    await client.query(forged("sha256('x')"));
    expect(rulesOf(await callAll(client, 'ledger_verify', {}))).toEqual(['record_chain']);
    await client.query('rollback');
  });

  describe('once it is sealed', () => {
    beforeAll(async () => {
      await call<object>(db, 'wallet_top_up', { wallet_id: wallet, amount: 1, idem_key: 'last' });
      await sealUntil(db, wallet, 1);
      expect(await verify()).toEqual([]);
    });

    it.each([
      ["a wallet's newest events", () => `delete from ledger.wallet_events where wallet_id = '${wallet}' and seq > 1`],
      ["an asset's newest limits", () => `delete from ledger.asset_limits where asset_code = '${asset}' and seq > 1`],
      ['all limits', () => 'delete from ledger.asset_limits'],
      ['the newest proof', () => 'delete from ledger.verifications where seq = 6'],
      ['all proofs', () => 'delete from ledger.verifications'],
      [
        'a wallet without movements',
        () => `with wallets as (delete from ledger.wallets w
          where not exists (select from ledger.entries e where e.wallet_id = w.id) returning w.id)
          delete from ledger.wallet_events where wallet_id in (select id from wallets)`,
      ],
      [
        'an asset, its wallets and its limits',
        () => `with assets as (delete from ledger.assets), limits as (delete from ledger.asset_limits), wallets as (delete from ledger.wallets)
          delete from ledger.wallet_events`,
      ],
    ])('shows that %s are gone, although the rest is whole', async (_what, sql) => {
      expect(rulesOf(await tamperedWith(db, sql(), (look) => look()))).toEqual(
        expect.arrayContaining(['seal_record', 'seal_root']),
      );
    });

    it.each([
      ['events', () => `update ledger.wallet_events set reason = 'another' where wallet_id = '${wallet}' and seq = 2`],
      ['limits', () => `update ledger.asset_limits set max_spend = 6 where asset_code = '${asset}' and seq = 1`],
      ['assets', () => `update ledger.assets set scale = 3, name = 'Another' where code = '${asset}'`],
      ['wallets', () => `update ledger.wallets set created_at = created_at - interval '1 day' where id = '${wallet}'`],
    ])('shows %s that were edited, with all hashes computed anew', async (_what, sql) => {
      const rules = await tamperedWith(db, sql(), async (look, rehash) => {
        await rehash();
        return rulesOf(await look());
      });
      expect(rules).toEqual(['seal_root']);
    });
  });
});
