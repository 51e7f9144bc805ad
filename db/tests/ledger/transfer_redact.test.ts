import {
  call,
  callAll,
  createDatabase,
  expectSound,
  type Finding,
  newAsset,
  newKey,
  newOwner,
  newWallet,
  refusal,
  rulesOf,
  tamperedWith,
  UNKNOWN_WALLET,
  waitsForLock,
  writing,
} from '../helpers.ts';

interface Redaction {
  wallet_id: string;
  seq: string;
  transfer_id: string;
  metadata_hash: Buffer;
  event_seq: number;
}

const db = createDatabase();
const SECRET = { name: 'Ada Lovelace', mail: 'ada@example.org' };

const redact = (transfer_id: string | null, reason: string | null = 'a request of the player', session = db.pool) =>
  call<Redaction>(session, 'transfer_redact', { transfer_id, reason });

/** A top-up with metadata, and its request. */
async function booked(metadata: object = SECRET, owner = newOwner()) {
  const wallet_id = await newWallet(db, await newAsset(db), { owner, bought: 5 });
  const request = { wallet_id, amount: 10, idem_key: newKey(), metadata };
  const receipt = await call(db, 'wallet_top_up', request);
  await call(db, 'wallet_spend', { wallet_id, amount: 1, idem_key: newKey() });
  return { wallet_id, request, receipt, transfer_id: receipt.transfer_id };
}

const metadataOf = async (transfer_id: string, session: Pick<typeof db, 'query'> = db) =>
  (await session.query<{ metadata: unknown }>('select metadata from ledger.transfers where id = $1', [transfer_id]))
    .rows;

const eventsOf = async (wallet: string) =>
  (
    await db.query('select seq, kind, actor, reason from ledger.wallet_events where wallet_id = $1 order by seq', [
      wallet,
    ])
  ).rows;

/** All columns that contain the secret. */
async function whereSecretStands(): Promise<string[]> {
  const { rows: tables } = await db.query<{ name: string }>(
    `select oid::regclass::text as name from pg_class
     where relkind = 'r' and relnamespace in ('ledger'::regnamespace, 'ledger_private'::regnamespace)`,
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const { rowCount } = await db.query(`select from ${name} t where t::text like '%Lovelace%'`);
    if (rowCount) found.push(name);
  }
  return found;
}

describe('transfer_redact', () => {
  it('blanks the metadata, keeps their hash, and records actor, time and reason', async () => {
    const { wallet_id, transfer_id } = await booked();
    const { rows: before } = await db.query<{ hash: Buffer }>(
      `select ledger_private.metadata_hash($1::jsonb) as hash`,
      [JSON.stringify(SECRET)],
    );
    expect(await whereSecretStands()).toEqual(['ledger.entries']);

    expect(await redact(transfer_id)).toEqual({
      ...{ wallet_id, transfer_id, seq: '2', event_seq: 2, reference_hash: null },
      metadata_hash: before[0]?.hash,
    });

    expect(await metadataOf(transfer_id)).toEqual([{ metadata: {} }]);
    expect(await whereSecretStands()).toEqual([]);
    expect(await eventsOf(wallet_id)).toMatchObject([
      { seq: 1, kind: 'opened' },
      { seq: 2, kind: 'redacted', actor: expect.stringMatching(/^db:/) as string, reason: 'a request of the player' },
    ]);
    await expectSound(db);
  });

  it('leaves every other fact of the ledger unchanged, and later bookings too', async () => {
    const { wallet_id, transfer_id } = await booked();
    const facts = async () =>
      (
        await db.query<{ facts: string }>(
          "select (to_jsonb(e) - 'metadata')::text as facts from ledger.entries e where wallet_id = $1 order by seq",
          [wallet_id],
        )
      ).rows;
    const before = await facts();

    await redact(transfer_id);
    expect(await facts()).toEqual(before);
    await call(db, 'wallet_reverse', { wallet_id, transfer_id, amount: 4, idem_key: newKey() });
    expect((await facts()).slice(0, before.length)).toEqual(before);
    await expectSound(db);
  });

  it('is done once: a repetition returns the same without a second event', async () => {
    const { wallet_id, transfer_id } = await booked();
    const first = await redact(transfer_id);

    expect(await redact(transfer_id, 'another reason')).toEqual(first);
    expect(await eventsOf(wallet_id)).toHaveLength(2);
  });

  it('lets a late retry of the call replay, and refuses another request with its key without showing it (WLKEY)', async () => {
    const { request, receipt, transfer_id } = await booked();
    await redact(transfer_id);

    expect(await call(db, 'wallet_top_up', request)).toEqual({ ...receipt, replayed: true });
    const { mail, name } = SECRET;
    expect(await call(db, 'wallet_top_up', { ...request, metadata: { mail, name } })).toMatchObject({ replayed: true });
    for (const metadata of [{}, null, { name: 'Bob' }]) {
      const refused = await refusal(call(db, 'wallet_top_up', { ...request, metadata }));
      expect(refused).toMatchObject({ code: 'WLKEY', detail: { field: 'metadata' } });
      expect(JSON.stringify(refused)).not.toMatch(/Lovelace|Bob/);
      expect(refused.detail).toMatchObject({
        first: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string,
        again: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string,
      });
    }
    expect(await refusal(call(db, 'wallet_top_up', { ...request, amount: 11 }))).toMatchObject({
      code: 'WLKEY',
      detail: { field: 'amount' },
    });
  });

  it('blanks the metadata of a batch, a hold, a transfer, a reversal and an adjustment', async () => {
    const asset = await newAsset(db);
    const [wallet_id, friend] = [await newWallet(db, asset, { bought: 100 }), await newWallet(db, asset)];
    const common = () => ({ idem_key: newKey(), metadata: SECRET });
    const hold = await call(db, 'wallet_hold', { wallet_id, amount: 5, ...common() });
    const capture = await call(db, 'wallet_capture', { wallet_id, hold_id: hold.hold_id, ...common() });
    const sent = { from_wallet: wallet_id, to_wallet: friend, amount: 5, ...common() };
    const transfer = await call(db, 'wallet_transfer', sent);
    const corrected = { wallet_id, side: 'debit', amount: 2, reason: 'Lovelace asked for it', ...common() };
    const adjustment = await call(db, 'wallet_adjust', corrected);
    const reversal = await call(db, 'wallet_reverse', { wallet_id, transfer_id: transfer.transfer_id, ...common() });

    for (const { transfer_id } of [hold, capture, transfer, reversal, adjustment]) await redact(transfer_id);

    expect(await call(db, 'wallet_transfer', sent)).toEqual({ ...transfer, replayed: true });
    expect(await call(db, 'wallet_adjust', corrected)).toEqual({ ...adjustment, replayed: true });
    for (const other of [{ reason: 'another' }, { metadata: {} }])
      expect(await refusal(call(db, 'wallet_adjust', { ...corrected, ...other }))).toMatchObject({
        code: 'WLKEY',
        detail: { field: 'metadata' },
      });
    expect(await whereSecretStands()).toEqual([]);
    await expectSound(db);
  });

  it('shows the blank metadata to players, too, and in the history', async () => {
    const owner = newOwner();
    const { wallet_id, transfer_id } = await booked(SECRET, owner);
    await redact(transfer_id);
    const player = await db.connectAs('player', owner);

    expect(await metadataOf(transfer_id, player)).toEqual([{ metadata: {} }]);
    expect(await callAll(player, 'wallet_history', { wallet_id })).toMatchObject([{}, { metadata: {} }, {}]);
  });

  it.each([
    { what: 'no transfer', args: { transfer_id: null, reason: '' }, code: 'WLARG', argument: 'transfer_id' },
    { what: 'no reason', args: { transfer_id: UNKNOWN_WALLET, reason: null }, code: 'WLARG', argument: 'reason' },
    { what: 'an empty reason', args: { transfer_id: UNKNOWN_WALLET, reason: '' }, code: 'WLARG', argument: 'reason' },
    {
      what: 'a reason of 1001 characters',
      args: { transfer_id: UNKNOWN_WALLET, reason: 'x'.repeat(1001) },
      code: 'WLARG',
      argument: 'reason',
    },
    { what: 'an unknown transfer', args: { transfer_id: UNKNOWN_WALLET, reason: 'why' }, code: 'WLNOT' },
  ])('refuses $what ($code)', async ({ args, code, argument }) => {
    const refused = await refusal(call<object>(db, 'transfer_redact', args));

    expect(refused).toMatchObject({ code, ...(argument && { detail: { argument } }) });
    expect(refused.hint).not.toBe('');
  });

  it('refuses a transfer without metadata (WLARG)', async () => {
    const { transfer_id } = await booked({});

    expect(await refusal(redact(transfer_id))).toMatchObject({ code: 'WLARG', detail: { argument: 'transfer_id' } });
  });

  it.each(['service', 'operator', 'auditor', 'player'] as const)('is not for a %s (42501)', async (role) => {
    const { transfer_id } = await booked();
    const session = await db.connectAs(role, 'x');

    expect(await refusal(call<Redaction>(session, 'transfer_redact', { transfer_id, reason: 'why' }))).toMatchObject({
      code: '42501',
    });
  });

  it('waits for a posting that holds the wallet, and a posting waits for it; both are sound', async () => {
    const { wallet_id, transfer_id } = await booked();
    const [job, admin] = [await db.connectJob(), await db.connect()];
    await job.query('begin');
    await call(job, 'wallet_spend', { wallet_id, amount: 1, idem_key: newKey() });
    const redaction = call<Redaction>(admin, 'transfer_redact', { transfer_id, reason: 'why' });
    await waitsForLock(db, admin);
    await job.query('commit');
    await redaction;
    await admin.query('begin');
    const { transfer_id: other } = await booked();
    await call<Redaction>(admin, 'transfer_redact', { transfer_id: other, reason: 'why' });
    await admin.query('rollback');

    expect(await metadataOf(other)).toEqual([{ metadata: SECRET }]);
    await expectSound(db);
  });

  it.each(['repeatable read', 'serializable'])('fails at %s if it has been done since (40001)', async (level) => {
    const { wallet_id, transfer_id } = await booked();
    const [admin, operator] = [await db.connect(), await db.connectAs('operator', 'eve')];
    for (const session of [admin, operator]) {
      await session.query(`begin isolation level ${level}`);
      await session.query('select from ledger.wallets limit 1');
    }
    await redact(transfer_id);

    const again = call<Redaction>(admin, 'transfer_redact', { transfer_id, reason: 'why' });
    expect(await refusal(again)).toMatchObject({ code: '40001' });
    const frozen = call<object>(operator, 'wallet_freeze', { wallet_id, reason: 'why' });
    expect(await refusal(frozen)).toMatchObject({ code: '40001' });
    for (const session of [admin, operator]) await session.query('rollback');
    await expectSound(db);
  });
});

describe('the guard of entries', () => {
  it.each([
    'metadata = \'{"name": "Bob"}\'',
    'metadata = null',
    "metadata = '{}', amount = amount + 1",
    "metadata = '{}', hash = sha256('x')",
    "metadata = '{}', actor = 'operator:eve'",
  ])('lets nothing but the blanking of metadata change, even where it stands open: %s (42501)', async (change) => {
    const { transfer_id } = await booked();
    const edit = writing(db, async (session) => {
      await session.query("select set_config('ledger.redacting', 'on', true)");
      await session.query(`update ledger.entries set ${change} where transfer_id = '${transfer_id}'`);
    });

    expect(await refusal(edit)).toMatchObject({ code: '42501' });
  });

  it.each(["update ledger.entries set metadata = '{}'", 'delete from ledger.entries'])(
    'protects entries while others post: %s (42501)',
    async (statement) => {
      expect(await refusal(writing(db, (session) => session.query(statement)))).toMatchObject({ code: '42501' });
    },
  );
});

describe('ledger_verify', () => {
  const tampered = async (sql: (ids: { wallet_id: string; transfer_id: string }) => string, rehashed: boolean) => {
    const { wallet_id, transfer_id } = await booked();
    await redact(transfer_id);
    expect(await callAll<Finding>(db, 'ledger_verify', { wallet_id })).toEqual([]);
    return tamperedWith(db, sql({ wallet_id, transfer_id }), async (look, rehash) => {
      if (rehashed) await rehash();
      return rulesOf(await look(wallet_id));
    });
  };

  it('finds metadata that were blanked without a redaction', async () => {
    const { wallet_id, transfer_id } = await booked();
    const blank = `update ledger.entries set metadata = '{}' where transfer_id = '${transfer_id}'`;

    expect(rulesOf(await tamperedWith(db, blank, (look) => look(wallet_id)))).toEqual(['entry_hash']);
  });

  it.each([
    [
      'metadata that are there again',
      'update ledger.entries set metadata = \'{"name": "Bob"}\' where transfer_id = $t',
    ],
    [
      'a redaction without its event',
      "update ledger.wallet_events set kind = 'frozen' where wallet_id = $w and seq = 2",
    ],
    ['another event', 'update ledger.redactions set event_seq = 1 where wallet_id = $w'],
    [
      'another transfer',
      "update ledger.redactions set transfer_id = '00000000-0000-0000-0000-000000000000' where wallet_id = $w",
    ],
    ['another hash', "update ledger.redactions set metadata_hash = sha256('x') where wallet_id = $w"],
    ['another entry', 'update ledger.redactions set seq = 3 where wallet_id = $w'],
    ['an event without its redaction', 'delete from ledger.redactions where wallet_id = $w'],
  ])('finds %s, also with all hashes computed anew', async (_what, sql) => {
    const rules = await tampered(
      ({ wallet_id, transfer_id }) => sql.replace('$w', `'${wallet_id}'`).replace('$t', `'${transfer_id}'`),
      true,
    );

    expect(rules).toContain('redaction');
  });
});
