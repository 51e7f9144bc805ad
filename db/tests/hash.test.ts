/** Recomputes the chains of hashes from the format in the comment of entry_hash. */
import { createHash } from 'node:crypto';
import { ageTo } from './aged.ts';
import { call, createDatabase, expectSound, inMs, newAsset, newWallet, type Session } from './helpers.ts';

interface Entry {
  wallet_id: string;
  seq: string;
  transfer_id: string;
  kind: string;
  debit: string;
  credit: string;
  amount: string;
  bonus_amount: string;
  held_amount: string;
  balance: string;
  bonus_balance: string;
  held_balance: string;
  paid_balance: string;
  free_balance: string;
  topped_up_total: string;
  granted_total: string;
  spent_total: string;
  sent_total: string;
  created_at: string;
  actor: string | null;
  idem_key: string | null;
  to_wallet: string | null;
  to_seq: string | null;
  requested_amount: string | null;
  held_bonus_amount: string | null;
  reverses: string | null;
  hold_id: string | null;
  expires_at: string | null;
  metadata: string | null;
  owed: string | null;
  hash: string;
}

const OID = { bytea: 17, bigint: 20, timestamptz: 1184, uuid: 2950 };
const POSTGRES_EPOCH_MS = Date.UTC(2000, 0, 1);

function int4(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function int8(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

const uuid = (text: string): Buffer => Buffer.from(text.replaceAll('-', ''), 'hex');
const bigint = (text: string): Buffer => int8(BigInt(text));
const text = (value: string): Buffer => Buffer.from(value, 'utf8');

/** Converts "2026-01-31T12:34:56.123456" in UTC. */
function timestamptz(iso: string): Buffer {
  const milliseconds = Date.parse(`${iso.slice(0, 19)}Z`) - POSTGRES_EPOCH_MS;
  return int8(BigInt(milliseconds) * 1000n + BigInt(iso.slice(20)));
}

/** PostgreSQL's binary array: dimensions, null flag, type, length, lower bound; then each element preceded by its length. */
function array(oid: number, elements: (Buffer | null)[]): Buffer {
  const header = [1, elements.includes(null) ? 1 : 0, oid, elements.length, 1].map(int4);
  return Buffer.concat([
    ...header,
    ...elements.flatMap((element) => (element === null ? [int4(-1)] : [int4(element.length), element])),
  ]);
}

const optional = <T>(value: T | null, encode: (value: T) => Buffer): Buffer | null =>
  value === null ? null : encode(value);

/** The columns of an entry that its hash covers. */
const COVERED = [
  'owed',
  ...[
    'wallet_id',
    'transfer_id',
    'seq',
    'amount',
    'bonus_amount',
    'held_amount',
    'balance',
    'bonus_balance',
    'held_balance',
    'paid_balance',
  ],
  ...[
    'free_balance',
    'topped_up_total',
    'granted_total',
    'spent_total',
    'sent_total',
    'created_at',
    'kind',
    'debit',
    'credit',
    'actor',
    'idem_key',
  ],
  ...['to_wallet', 'to_seq', 'requested_amount', 'held_bonus_amount', 'reverses', 'hold_id', 'expires_at', 'metadata'],
];

const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();

/** The hash of the metadata, and of the debt if there is one. */
function factsHash({ metadata, owed }: Entry): Buffer | null {
  const hash = optional(metadata, (json) => sha256(text(json)));
  return owed === null ? hash : sha256(array(OID.bytea, [text('ledger.entry.facts.v1'), hash, bigint(owed)]));
}

function entryHash(previous: Buffer, e: Entry): Buffer {
  const numbers = (...values: (string | null)[]) =>
    array(
      OID.bigint,
      values.map((value) => optional(value, bigint)),
    );
  const totals = [e.topped_up_total, e.granted_total, e.spent_total, e.sent_total];
  const balances = [e.balance, e.bonus_balance, e.held_balance, e.paid_balance, e.free_balance];
  const asked = [e.to_seq, e.requested_amount, e.held_bonus_amount];
  return sha256(
    array(OID.bytea, [
      text('ledger.entry.v2'),
      previous,
      array(
        OID.uuid,
        [e.wallet_id, e.transfer_id, e.to_wallet, e.reverses, e.hold_id].map((id) => optional(id, uuid)),
      ),
      numbers(e.seq, e.amount, e.bonus_amount, e.held_amount, ...balances, ...totals, ...asked),
      array(
        OID.timestamptz,
        [e.created_at, e.expires_at].map((time) => optional(time, timestamptz)),
      ),
      ...[e.kind, e.debit, e.credit].map(text),
      optional(e.actor, text),
      optional(e.idem_key, text),
      factsHash(e),
    ]),
  );
}

/** JSON as sent and as PostgreSQL prints it: keys by length, then by bytes; numbers unchanged, but without exponent. */
const METADATA = [
  { sent: '{}', printed: '{}' },
  { sent: '{"b":1.0,"a":1e2,"longer":-0.50}', printed: '{"a": 100, "b": 1.0, "longer": -0.50}' },
  {
    sent: '{"ü":"名前 😀","quote":"\\"\\\\/","line":"a\\nb","escaped":"\\u00e9"}',
    printed: '{"ü": "名前 😀", "line": "a\\nb", "quote": "\\"\\\\/", "escaped": "é"}',
  },
  { sent: '{"a":{"z":[1,2.50,{"x":null}],"y":true},"a":{"z":[]}}', printed: '{"a": {"z": []}}' },
  {
    sent: '{"n":12345678901234567890.123456789,"nested":{"list":[[],{},[null,false]]}}',
    printed: '{"n": 12345678901234567890.123456789, "nested": {"list": [[], {}, [null, false]]}}',
  },
];

/** The stored hash of each entry, and its hash by the documented format. */
async function hashes(db: Session): Promise<{ kinds: Record<string, number>; found: string[]; computed: string[] }> {
  const utc = (column: string) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') as ${column}`;
  const { rows: entries } = await db.query<Entry>(
    `select *, encode(hash, 'hex') as hash, metadata::text as metadata, ${utc('created_at')}, ${utc('expires_at')}
     from ledger.entries order by wallet_id, seq`,
  );
  const computed: string[] = [];
  const kinds: Record<string, number> = {};
  let previous = Buffer.alloc(32);
  for (const entry of entries) {
    if (entry.seq === '1') previous = Buffer.alloc(32);
    previous = Buffer.from(entryHash(previous, entry));
    computed.push(previous.toString('hex'));
    kinds[entry.kind] = (kinds[entry.kind] ?? 0) + 1;
  }
  return { kinds, found: entries.map(({ hash }) => hash), computed };
}

describe('the chain of hashes', () => {
  const db = createDatabase();

  it('are the hashes of the documented bytes, for each wallet of a small ledger', async () => {
    const asset = await newAsset(db);
    const [one, two] = [await newWallet(db, asset, { owner: 'ünï' }), await newWallet(db, asset)];
    const service = await db.connectAs('service', 'shöp "1"');
    for (const [index, { sent }] of METADATA.entries()) {
      const request = { amount: 1000 + index, metadata: sent };
      await call(service, 'wallet_top_up', { wallet_id: one, idem_key: `top-up ${index} 'ß'`, ...request });
      await call(service, 'wallet_bonus', { wallet_id: one, idem_key: `bonus ${index}`, ...request });
      await call(db, 'wallet_transfer', {
        from_wallet: one,
        to_wallet: two,
        idem_key: `transfer ${index}`,
        ...request,
      });
      await call(db, 'wallet_spend', { wallet_id: two, idem_key: `spend ${index}`, ...request });
    }

    const { found, computed } = await hashes(db);
    const { rows: printed } = await db.query<{ metadata: string }>(
      'select distinct metadata::text as metadata from ledger.transfers',
    );

    // One entry each, and a second one for a transfer.
    expect(found).toHaveLength(5 * METADATA.length);
    expect(found).toEqual(computed);
    expect(new Set(printed.map(({ metadata }) => metadata))).toEqual(new Set(METADATA.map(({ printed }) => printed)));
    await expectSound(db);
  });

  it('are those for each kind: with one side, with a hold, an expiry or a reversed transfer, without key and amount', async () => {
    const asset = await newAsset(db);
    const [one, two] = [await newWallet(db, asset), await newWallet(db, asset)];
    const before = await hashes(db);
    const due = await inMs(db, 3_600_000);
    let keys = 0;
    const book = (name: string, args: object) => {
      keys += 1;
      return call(db, name, { wallet_id: one, idem_key: `key ${keys}`, ...args });
    };

    const { transfer_id: bought } = await book('wallet_top_up', { amount: 100 });
    await book('wallet_bonus', { amount: 20, expires_at: '2999-12-31 12:34:56.789012+02' });
    await book('wallet_bonus', { amount: 30, expires_at: due });
    const { hold_id: captured } = await book('wallet_hold', { amount: 40, expires_at: '2999-12-31 23:59:59.999999Z' });
    const { hold_id: released } = await book('wallet_hold', { amount: 10, metadata: { order: 7 } });
    await book('wallet_hold', { amount: 5, expires_at: due });
    const { transfer_id: spent } = await book('wallet_capture', { hold_id: captured });
    await book('wallet_reverse', { transfer_id: spent, amount: 33 });
    await book('wallet_release', { hold_id: released });
    await book('wallet_reverse', { transfer_id: bought, amount: 20 });
    await call(db, 'wallet_transfer', { from_wallet: one, to_wallet: two, amount: 25, idem_key: 'transfer' });
    await book('wallet_spend', { amount: 60 });
    const { transfer_id: more } = await book('wallet_top_up', { amount: 50 });
    await book('wallet_spend', { amount: 50 });
    await book('wallet_reverse', { transfer_id: more, owe: true });
    // What a wallet with a debt receives is hashed with the debt.
    await call(db, 'wallet_transfer', { from_wallet: two, to_wallet: one, amount: 2, idem_key: 'back' });
    // Moving entries into the past changes their hashes.
    const booked = await hashes(db);
    expect(booked.found).toEqual(booked.computed);
    await ageTo(db, due);
    await call<object>(db, 'wallet_expire_due', {});
    await db.query(
      `select from ledger.wallet_post_batch(array[
         ledger.request('bonus', $1::uuid, null, 4, 'batch 1', '2999-12-31 00:00:00.5Z', '{"a": 1}'),
         ledger.request('transfer', $1::uuid, $2::uuid, 3, 'batch 2', null, null),
         ledger.request('spend', $2::uuid, null, 2, 'batch 3', null, '{}')])`,
      [one, two],
    );

    const { kinds, found, computed } = await hashes(db);
    const { rows: absent } = await db.query(
      `select bool_or(actor is null) as received, bool_or(to_wallet is not null) as sent,
         bool_or(requested_amount is null and actor is not null) as requested,
         bool_or(idem_key is null and kind = 'release') as freed, bool_or(idem_key is null and kind = 'expiry') as expired,
         bool_or(hold_id is not null) as hold, bool_or(reverses is not null) as reverses, bool_or(expires_at is not null) as expires
       from ledger.entries`,
    );

    expect(found).toEqual(computed);
    expect(found.length).toBeGreaterThan(before.found.length);
    expect(Object.keys(kinds).sort()).toEqual(
      ['top_up', 'bonus', 'spend', 'transfer', 'hold', 'capture', 'release', 'reversal', 'expiry', 'debt'].sort(),
    );
    expect(absent).toEqual([
      {
        received: true,
        sent: true,
        requested: true,
        freed: true,
        expired: true,
        hold: true,
        reverses: true,
        expires: true,
      },
    ]);
    await expectSound(db);
  });

  it.each(METADATA)('has metadata as PostgreSQL prints it: $sent', async ({ sent, printed }) => {
    const { rows } = await db.query('select $1::jsonb::text as printed', [sent]);

    expect(rows).toEqual([{ printed }]);
  });

  it('distinguishes absent from empty values, and where one text ends and the next begins', async () => {
    const facts = [
      ...[
        '{}',
        '{"idem_key": null, "metadata": {}}',
        '{"idem_key": "a", "actor": "b"}',
        '{"idem_key": "ab"}',
        '{"actor": "ab"}',
      ],
      ...['{"actor": ""}', '{"idem_key": ""}', '{"to_seq": 0}', '{"requested_amount": 0}', '{"held_bonus_amount": 0}'],
      ...['to_wallet', 'reverses', 'hold_id'].map((name) => `{"${name}": "00000000-0000-0000-0000-000000000000"}`),
      '{"expires_at": "2000-01-01Z"}',
    ];
    const { rows } = await db.query<{ hash: string }>(
      `select encode(ledger_private.entry_hash(null, jsonb_populate_record(null::ledger.entries, jsonb_build_object(
           'wallet_id', uuidv7(), 'kind', 'spend', 'created_at', now()) || f)), 'hex') as hash
       from unnest($1::jsonb[]) f`,
      [facts],
    );

    expect(rows).toHaveLength(facts.length);
    expect(new Set(rows.map(({ hash }) => hash)).size).toBe(facts.length);
  });

  it.each(COVERED)('covers the %s of an entry', async (column) => {
    const { rows } = await db.query<{ covered: boolean }>(
      // Two values of the column's type, neither of which is null.
      `select count(distinct ledger_private.entry_hash(null, jsonb_populate_record(null::ledger.entries, jsonb_build_object($1::text, v.value))))
             = 2 as covered
         from pg_attribute a join pg_type t on t.oid = a.atttypid
         cross join lateral (
           (select to_jsonb(l.enumlabel) from pg_enum l where l.enumtypid = t.oid order by l.enumsortorder limit 2)
           union all
           select u.value from (values
             ('uuid', to_jsonb(array[gen_random_uuid(), gen_random_uuid()])),
             ('int8', '[1, 2]'),
             ('units', '[1, 2]'),
             ('timestamptz', '["2000-01-01T00:00:00Z", "2000-01-01T00:00:00.000001Z"]'),
             ('text', '["a", "b"]'),
             ('jsonb', '[{"a": 1}, {"a": 2}]')) x (type, list)
           cross join jsonb_array_elements(x.list) u (value) where x.type = t.typname
         ) v (value)
         where a.attrelid = 'ledger.entries'::regclass and a.attname = $1`,
      [column],
    );

    expect(rows).toEqual([{ covered: true }]);
  });

  it('leaves out of an entry its hash and its feed position, and nothing else', async () => {
    const { rows } = await db.query<{ names: string[] }>(
      `select array_agg(attname::text order by attname) as names from pg_attribute
         where attrelid = 'ledger.entries'::regclass and attnum > 0 and not attisdropped`,
    );

    expect(rows[0]?.names).toEqual([...COVERED, 'hash', 'xid'].sort());
  });
});
