import { bookSoon } from '../aged.ts';
import {
  call,
  callAll,
  createDatabase,
  expectSound,
  type Finding,
  inMs,
  newAsset,
  newKey,
  newWallet,
  refusal,
  rulesOf,
  setStatus,
  tamperedWith,
  UNKNOWN_WALLET,
} from '../helpers.ts';
import { sealAll } from '../seals.ts';

const db = createDatabase();
const verify = (wallet_id?: string) => callAll<Finding>(db, 'ledger_verify', { wallet_id });
/** The findings after tampering, before and after the hashes were recomputed. */
const findingsAfter = (tamper: string, scope?: string) =>
  tamperedWith(db, tamper, async (look, rehash) => {
    const raw = await look(scope);
    await rehash();
    return { raw, rehashed: await look(scope) };
  });

/** alice: 1 top_up 100, 2 bonus 20, 3 spend 30, 4 transfer of 10 to bob, 5 spend 5. bob: 1 top_up 5, 2 transfer. carol: 1 top_up 50. */
let alice = '';
let bob = '';
let carol = '';
const transfers: string[] = [];

beforeAll(async () => {
  const asset = await newAsset(db);
  [alice, bob, carol] = [
    await newWallet(db, asset),
    await newWallet(db, asset, { bought: 5 }),
    await newWallet(db, asset, { bought: 50 }),
  ];
  const key = () => ({ idem_key: newKey(), metadata: { note: 'x' } });
  for (const receipt of [
    await call(db, 'wallet_top_up', { wallet_id: alice, amount: 100, ...key() }),
    await call(db, 'wallet_bonus', { wallet_id: alice, amount: 20, ...key() }),
    await call(db, 'wallet_spend', { wallet_id: alice, amount: 30, ...key() }),
    await call(db, 'wallet_transfer', { from_wallet: alice, to_wallet: bob, amount: 10, ...key() }),
    await call(db, 'wallet_spend', { wallet_id: alice, amount: 5, ...key() }),
  ])
    transfers.push(receipt.transfer_id);
});

describe('ledger_verify', () => {
  it('returns no row for a sound ledger', async () => {
    expect(await verify()).toEqual([]);
    expect(await verify(alice)).toEqual([]);
    await expectSound(db);
  });

  it('refuses an unknown wallet (WLNOW)', async () => {
    expect(await refusal(verify(UNKNOWN_WALLET))).toMatchObject({
      code: 'WLNOW',
      detail: { wallet_id: UNKNOWN_WALLET },
    });
  });

  describe('finds in an entry', () => {
    it.each([
      { set: 'amount = amount + 1', rules: ['entry_balance', 'transfer_facts'] },
      { set: 'bonus_amount = bonus_amount - 1', rules: ['entry_balance', 'transfer_facts'] },
      { set: 'held_amount = 1', rules: ['entry_balance', 'transfer_facts'] },
      { set: 'balance = balance + 1', rules: ['entry_balance'] },
      { set: 'bonus_balance = bonus_balance + 1', rules: ['entry_balance', 'transfer_facts'] },
      { set: 'held_balance = held_balance + 1', rules: ['entry_balance'] },
      { set: 'paid_balance = paid_balance + 1', rules: ['entry_balance'] },
      { set: 'free_balance = free_balance + 1', rules: ['entry_balance'] },
      { set: 'topped_up_total = topped_up_total + 1', rules: ['entry_balance'] },
      { set: 'granted_total = granted_total + 1', rules: ['entry_balance'] },
      { set: 'spent_total = spent_total - 1', rules: ['entry_balance'] },
      { set: 'sent_total = sent_total + 1', rules: ['entry_balance'] },
      { set: "kind = 'capture'", rules: ['hold_reference', 'transfer_facts'] },
      { set: "kind = 'expiry'", rules: ['entry_balance', 'lot_draws', 'transfer_facts', 'transfer_sides'] },
      { set: "debit = 'treasury'", rules: ['entry_balance', 'transfer_sides'] },
      { set: "debit = 'treasury', credit = 'player'", rules: ['entry_balance', 'transfer_sides'] },
      { set: "credit = 'breakage'", rules: ['transfer_sides'] },
      { set: 'actor = null', rules: ['transfer_reference'] },
      { set: 'wallet_id = uuidv7()', rules: ['entry_balance', 'entry_reference', 'entry_seq', 'transfer_facts'] },
      { set: 'seq = 30', rules: ['entry_balance', 'entry_seq', 'entry_time', 'transfer_facts'] },
      { set: "created_at = created_at - interval '1 hour'", rules: ['entry_time'] },
      { set: "created_at = created_at + interval '1 hour'", rules: ['entry_time'] },
      { set: "hash = sha256('')", rules: [] },
    ])('$set', async ({ set, rules }) => {
      const { raw, rehashed } = await findingsAfter(
        `update ledger.entries set ${set} where wallet_id = '${alice}' and seq = 3`,
      );

      expect(rulesOf(raw)).toContain('entry_hash');
      expect(rulesOf(rehashed)).toEqual(expect.arrayContaining(rules));
      expect(rulesOf(rehashed).filter((rule) => rule !== 'asset_sum')).toEqual([...rules].sort());
    });

    it('an increased balance at the end of a wallet, which no later entry contradicts', async () => {
      const { raw, rehashed } = await findingsAfter(
        `update ledger.entries set balance = balance + 1000 where wallet_id = '${alice}' and seq = 5`,
      );

      expect(rulesOf(raw)).toEqual(['asset_sum', 'entry_balance', 'entry_hash']);
      expect(rehashed).toMatchObject([
        { rule: 'entry_balance', wallet_id: alice, seq: '5', transfer_id: transfers[4] },
        { rule: 'asset_sum' },
      ]);
    });
  });

  describe('finds in a transfer, by the chain of the wallet that acted,', () => {
    it.each([
      { set: "idem_key = 'other'", rules: [] },
      { set: 'idem_key = null', rules: ['transfer_facts'] },
      { set: 'metadata = \'{"note": "y"}\'', rules: [] },
      { set: 'metadata = null', rules: ['transfer_facts'] },
      { set: "actor = 'operator:mallory'", rules: [] },
      { set: 'actor = null', rules: ['entry_balance', 'transfer_reference'] },
      { set: "created_at = created_at + interval '1 microsecond'", rules: ['transfer_reference'] },
      { set: 'expires_at = now()', rules: ['transfer_facts'] },
      { set: 'requested_amount = null', rules: ['transfer_facts'] },
      { set: 'held_bonus_amount = 0', rules: ['transfer_facts'] },
      { set: 'hold_id = uuidv7()', rules: ['transfer_facts'] },
      { set: 'reverses = uuidv7()', rules: ['transfer_facts'] },
      { set: "kind = 'spend'", rules: ['entry_balance', 'transfer_reference', 'transfer_sides'] },
      { set: 'amount = amount + 1', rules: ['entry_balance', 'transfer_facts', 'transfer_reference'] },
      { set: 'bonus_amount = bonus_amount + 1', rules: ['entry_balance', 'transfer_facts', 'transfer_reference'] },
      { set: 'to_seq = 1', rules: ['transfer_reference'] },
      { set: 'to_seq = null', rules: ['transfer_reference', 'transfer_sides'] },
      { set: 'to_wallet = CAROL', rules: ['transfer_reference'] },
      { set: 'to_wallet = uuidv7()', rules: ['transfer_reference'] },
      { set: 'to_wallet = null, to_seq = null', rules: ['transfer_reference', 'transfer_sides'] },
      { set: "credit = 'revenue'", rules: ['asset_sum', 'transfer_reference', 'transfer_sides'] },
      { set: "debit = 'treasury'", rules: ['asset_sum', 'entry_balance', 'transfer_reference', 'transfer_sides'] },
      { set: 'transfer_id = uuidv7()', rules: ['transfer_reference'] },
    ])('$set', async ({ set, rules }) => {
      const change = set.replace('CAROL', `'${carol}'`);

      const { raw, rehashed } = await findingsAfter(
        `update ledger.entries set ${change} where transfer_id = '${transfers[3] ?? ''}' and actor is not null`,
      );

      const broken = raw.filter(({ rule }) => rule === 'entry_hash').map(({ wallet_id }) => wallet_id);
      expect(broken).toEqual([alice]);
      expect(rulesOf(rehashed)).toEqual([...rules].sort());
    });
  });

  describe('finds in what the other wallet received', () => {
    it.each([
      { set: 'amount = amount + 1', rules: ['asset_sum', 'entry_balance', 'transfer_reference'] },
      { set: 'bonus_amount = bonus_amount + 1', rules: ['asset_sum', 'entry_balance', 'transfer_reference'] },
      { set: 'balance = balance + 1, paid_balance = paid_balance + 1', rules: ['asset_sum', 'entry_balance'] },
      { set: "created_at = created_at + interval '1 microsecond'", rules: ['transfer_reference'] },
      { set: "kind = 'top_up'", rules: ['entry_balance', 'transfer_reference'] },
      { set: "debit = 'treasury'", rules: ['transfer_reference'] },
      { set: 'transfer_id = uuidv7()', rules: ['transfer_reference'] },
      { set: "idem_key = 'x'", rules: ['transfer_reference'] },
      { set: 'metadata = \'{"from": "alice"}\'', rules: ['transfer_reference'] },
      { set: 'to_wallet = ALICE', rules: ['transfer_reference'] },
      { set: 'to_seq = 4', rules: ['transfer_reference'] },
      { set: 'wallet_id = CAROL', rules: ['asset_sum', 'entry_balance', 'transfer_reference'] },
    ])('$set', async ({ set, rules }) => {
      const change = set.replace('CAROL', `'${carol}'`).replace('ALICE', `'${alice}'`);

      const { raw, rehashed } = await findingsAfter(
        `update ledger.entries set ${change} where transfer_id = '${transfers[3] ?? ''}' and actor is null`,
      );

      expect(rulesOf(raw)).toContain('entry_hash');
      expect(rulesOf(rehashed).filter((rule) => rule !== 'asset_sum')).toEqual(
        rules.filter((rule) => rule !== 'asset_sum'),
      );
    });
  });

  describe('finds, even with recomputed hashes,', () => {
    const entry = (facts: string) => `insert into ledger.entries
      select (jsonb_populate_record(e, jsonb_build_object(${facts}))).* from ledger.entries e where wallet_id = '${alice}' and seq = 5`;
    it.each([
      {
        what: 'an inner deletion',
        sql: () => `delete from ledger.entries where wallet_id = '${alice}' and seq = 3`,
        rules: ['asset_sum', 'entry_balance', 'entry_seq', 'transfer_facts'],
      },
      {
        what: 'an entry that was received deleted at the end',
        sql: () => `delete from ledger.entries where wallet_id = '${bob}' and seq = 2`,
        rules: ['asset_sum', 'transfer_reference'],
      },
      {
        what: 'the entry of a transfer deleted in the wallet of its sender',
        sql: () => `delete from ledger.entries where wallet_id = '${alice}' and seq = 4`,
        rules: ['entry_balance', 'entry_seq', 'transfer_reference'],
      },
      {
        what: 'a first entry that is not number 1',
        sql: () => `delete from ledger.entries where wallet_id = '${bob}' and seq = 1`,
        rules: ['asset_sum', 'entry_balance', 'entry_seq'],
      },
      {
        what: "a deleted player's wallet",
        sql: () => `delete from ledger.wallets where id = '${alice}'`,
        rules: ['asset_sum', 'entry_reference', 'transfer_reference', 'wallet_reference'],
      },
      {
        what: 'an entry put in that says it was received',
        sql: () =>
          entry(`'seq', 6, 'transfer_id', uuidv7(), 'balance', 70, 'spent_total', 40, 'actor', null, 'idem_key', null, 'metadata', null,
            'requested_amount', null`),
        rules: ['asset_sum', 'entry_balance', 'transfer_reference'],
      },
      {
        what: 'an entry put in twice, with another key',
        sql: () => entry("'seq', 6, 'transfer_id', uuidv7(), 'idem_key', 'other'"),
        rules: ['asset_sum', 'entry_balance'],
      },
      {
        what: 'a transfer put in that names an entry of another transfer',
        sql: () =>
          `insert into ledger.entries select (jsonb_populate_record(e, jsonb_build_object('seq', 6, 'transfer_id', uuidv7(), 'idem_key', 'other',
            'balance', n.balance - 10, 'paid_balance', n.paid_balance - 10, 'free_balance', n.free_balance - 10, 'bonus_balance', n.bonus_balance,
            'spent_total', n.spent_total, 'sent_total', n.sent_total + 10, 'created_at', n.created_at))).*
          from ledger.entries e join ledger.entries n on n.wallet_id = e.wallet_id and n.seq = 5 where e.wallet_id = '${alice}' and e.seq = 4`,
        rules: ['asset_sum', 'transfer_reference'],
      },
      {
        what: 'two entries that have changed places',
        sql: () =>
          [
            [3, 30],
            [5, 3],
            [30, 5],
          ]
            .map(
              ([from, to]) =>
                `update ledger.entries set seq = ${to ?? 0} where wallet_id = '${alice}' and seq = ${from ?? 0}`,
            )
            .join(';'),
        rules: ['asset_sum', 'entry_balance', 'entry_time', 'transfer_facts'],
      },
    ])('$what', async ({ sql, rules }) => {
      const { raw, rehashed } = await findingsAfter(sql());

      expect(raw.length).toBeGreaterThan(0);
      expect(rulesOf(rehashed)).toEqual([...rules].sort());
    });

    it('two one-sided transfers that make up for each other', async () => {
      const oneSided = (wallet: string, seq: number, amount: number, facts: string) => `
        insert into ledger.entries select (jsonb_populate_record(e, jsonb_build_object('seq', ${seq}, 'transfer_id', uuidv7(), 'kind', 'transfer',
            'debit', 'player', 'credit', 'player', 'amount', 5, 'bonus_amount', 0, 'requested_amount', null, 'metadata', null, 'actor', null,
            'idem_key', null, 'to_wallet', null, 'to_seq', null, 'balance', e.balance + ${amount}, 'paid_balance', e.paid_balance + ${amount},
            'free_balance', e.free_balance + ${amount}, 'created_at', now(), ${facts}))).*
          from ledger.entries e where e.wallet_id = '${wallet}' and e.seq = ${seq - 1};`;

      const { rehashed } = await findingsAfter(
        oneSided(
          bob,
          3,
          -5,
          "'actor', 'db:mallory', 'idem_key', 'forged', 'requested_amount', 5, 'metadata', '{}'::jsonb, 'sent_total', 5",
        ) + oneSided(carol, 2, 5, "'sent_total', 0"),
      );

      expect(rulesOf(rehashed)).toEqual(expect.arrayContaining(['transfer_reference', 'transfer_sides']));
      expect([...new Set(rehashed.map(({ wallet_id }) => wallet_id))].filter(Boolean).sort()).toEqual(
        [bob, carol].sort(),
      );
    });
  });

  describe("finds a movement forged with the ledger's own functions,", () => {
    const forge = ({ kind = 'top_up', key = "'forged'", amount = 500, bonus = 0, account = 'treasury' }) => `
      do $$
      declare
        v_entry ledger.entries;
      begin
        v_entry := ledger_private.next_entry(head => ledger_private.head('${alice}'), wallet_id => '${alice}', transfer_id => uuidv7(),
          kind => '${kind}', side => 'credit', account => '${account}', amount => ${amount}, bonus_amount => ${bonus},
          held_amount => 0, at_time => clock_timestamp());
        v_entry.actor := 'service:shop';
        v_entry.idem_key := ${key};
        v_entry.requested_amount := ${amount};
        v_entry.metadata := '{}';
        perform ledger_private.write(array[ledger_private.chained(v_entry)]);
      end $$`;

    it('unless the ledger itself would have booked it', async () => {
      expect((await findingsAfter(forge({}))).raw).toEqual([]);
    });

    it.each([
      {
        what: 'of a kind that nothing books',
        forged: { kind: 'reversal' },
        rules: ['transfer_facts', 'transfer_reversed', 'transfer_sides'],
      },
      { what: 'on the wrong side for its kind', forged: { kind: 'spend' }, rules: ['transfer_sides'] },
      { what: 'with a bonus part that its kind has not', forged: { bonus: 10 }, rules: ['transfer_facts'] },
      { what: 'without a key', forged: { key: 'null' }, rules: ['transfer_facts'] },
      { what: 'of more than may be asked for', forged: { amount: 1_000_000_000_000_001 }, rules: ['transfer_facts'] },
      { what: 'against the account of another kind', forged: { account: 'promotions' }, rules: ['transfer_sides'] },
      {
        what: 'against an account that nothing books to yet',
        forged: { account: 'opening' },
        rules: ['transfer_sides'],
      },
    ])('$what', async ({ forged, rules }) => {
      const { raw } = await findingsAfter(forge(forged));

      expect(rulesOf(raw)).toEqual(rules);
    });
  });

  it('reports balances beyond bigint instead of failing', async () => {
    const { raw } = await findingsAfter(
      `update ledger.entries set balance = 9223372036854775807, amount = 9223372036854775807 where wallet_id = '${alice}' and seq = 2`,
    );

    expect(rulesOf(raw)).toContain('entry_balance');
  });

  it('finds a missing asset, and an event without its wallet', async () => {
    const { raw: gone } = await findingsAfter(
      `delete from ledger.assets where code = (select asset_code from ledger.wallets where id = '${alice}')`,
    );
    const { raw: orphan } = await findingsAfter(
      `insert into ledger.wallet_events (wallet_id, seq, kind, actor, created_at, hash)
         values ('${UNKNOWN_WALLET}', 1, 'opened', 'x', now(), '')`,
    );

    expect(rulesOf(gone)).toEqual(['wallet_reference']);
    expect(orphan).toMatchObject(
      ['wallet_reference', 'record_chain', 'seal_record'].map((rule) => ({ rule, wallet_id: UNKNOWN_WALLET })),
    );
  });

  describe('finds in a wallet', () => {
    it.each([
      {
        what: 'a status without its event',
        sql: () => `update ledger.wallets set status = 'frozen' where id = '${alice}'`,
        rules: ['wallet_status'],
      },
      {
        what: 'an event that the status does not follow',
        sql: () =>
          `insert into ledger.wallet_events (wallet_id, seq, kind, actor, created_at, hash)
             values ('${alice}', 2, 'closed', 'x', now(), '')`,
        rules: ['seal_record', 'wallet_status'],
      },
      {
        what: 'no event at all',
        sql: () => `delete from ledger.wallet_events where wallet_id = '${alice}'`,
        rules: ['seal_record', 'wallet_status'],
      },
      {
        what: 'another owner',
        sql: () => `update ledger.wallets set owner_id = 'mallory' where id = '${alice}'`,
        rules: ['wallet_id'],
      },
      {
        what: 'another asset',
        sql: () => `update ledger.wallets set asset_code = 'OTHER' where id = '${alice}'`,
        rules: ['asset_sum', 'transfer_reference', 'wallet_id', 'wallet_reference'],
      },
    ])('$what', async ({ sql, rules }) => {
      const { rehashed } = await findingsAfter(sql());

      expect(rulesOf(rehashed)).toEqual([...rules].sort());
    });

    it('nothing, if a status and its event agree', async () => {
      const wallet = await newWallet(db, await newAsset(db));
      for (const status of ['frozen', 'open', 'closed', 'open'] as const) {
        await setStatus(db, wallet, status);
        expect(await verify(wallet)).toEqual([]);
      }
    });
  });

  it('has the expected and the found value', async () => {
    const { raw } = await findingsAfter(`update ledger.entries set seq = 9 where wallet_id = '${alice}' and seq = 5`);

    expect(raw.find(({ rule }) => rule === 'entry_seq')).toMatchObject({
      wallet_id: alice,
      seq: '9',
      transfer_id: transfers[4],
      detail: { expected: 5 },
    });
  });

  it('finds changes made while triggers were disabled', async () => {
    const admin = await db.connect();
    await admin.query('begin');
    await admin.query('alter table ledger.entries disable trigger user');
    await admin.query('update ledger.entries set balance = balance + 1 where wallet_id = $1 and seq = 2', [alice]);

    const findings = await callAll<Finding>(admin, 'ledger_verify', {});

    await admin.query('rollback');
    expect(rulesOf(findings)).toEqual(['entry_balance', 'entry_hash']);
  });

  it('is stable, like all functions that it calls, so that it uses one snapshot', async () => {
    const { rows } = await db.query(
      `select proname from pg_proc where (proname like '%verify%' or proname ~ '^ledger_(trial_balance|balances_at|activity|journal)$')
         and pronamespace in ('ledger'::regnamespace, 'ledger_private'::regnamespace) and provolatile <> 's'`,
    );

    expect(rows).toEqual([]);
  });

  it('verifies one wallet and the transfers that touched it', async () => {
    const tamper = `update ledger.entries set balance = balance + 1 where wallet_id = '${alice}' and seq = 4`;

    expect(rulesOf((await findingsAfter(tamper, alice)).raw)).toEqual(['entry_balance', 'entry_hash']);
    expect((await findingsAfter(tamper, carol)).raw).toEqual([]);
    expect(
      rulesOf((await findingsAfter(`delete from ledger.entries where wallet_id = '${alice}' and seq = 4`, bob)).raw),
    ).toEqual(['transfer_reference']);
  });

  it('finds nothing wrong while eight clients post', async () => {
    const asset = await newAsset(db);
    const wallets = await Promise.all(
      Array.from({ length: 8 }, () => newWallet(db, asset, { bought: 1000, bonus: 100 })),
    );
    const pool = db.jobPool(8);
    let posting = true;
    let verifying = true;
    let rounds = 0;
    const finished = Promise.all(
      wallets.map(async (wallet_id, index) => {
        // Continues until two verifications have run.
        for (let turn = 0; turn < 12 || (verifying && rounds < 2); turn += 1) {
          const grant = (expires_at: string) =>
            call(pool, 'wallet_bonus', { wallet_id, amount: 4, idem_key: newKey(), expires_at });
          const hold = (expires_at?: string) =>
            call(pool, 'wallet_hold', { wallet_id, amount: 5, idem_key: newKey(), expires_at });
          if (turn % 3 === 0) await bookSoon(pool, grant);
          else await grant(await inMs(pool, 3_600_000));
          let hold_id: string | null = null;
          if (turn % 4 === 0) await bookSoon(pool, hold);
          else ({ hold_id } = await hold());
          await call(pool, 'wallet_spend', { wallet_id, amount: 3, idem_key: newKey() });
          await call(pool, 'wallet_transfer', {
            from_wallet: wallet_id,
            to_wallet: wallets[(index + 3) % 8],
            amount: 1,
            idem_key: newKey(),
          });
          if (turn % 4 === 1) await call(pool, 'wallet_release', { wallet_id, hold_id, idem_key: newKey() });
          if (turn % 4 === 2) await call(pool, 'wallet_capture', { wallet_id, hold_id, idem_key: newKey(), amount: 2 });
        }
      }),
    ).finally(() => {
      posting = false;
    });

    const findings: Finding[] = [];
    try {
      for (; posting as boolean; rounds += 1)
        findings.push(...(await verify()), ...(await verify(wallets[rounds % 8])));
    } finally {
      verifying = false;
    }
    await finished;

    expect(findings).toEqual([]);
    expect(rounds).toBeGreaterThan(1);
    await expectSound(db);
  });
});

describe('ledger_verify, of a ledger with blocks,', () => {
  const sealed = createDatabase();
  const after = (edit: string) =>
    tamperedWith(sealed, edit, async (look, rehash) => {
      const raw = rulesOf(await look());
      await rehash();
      return { raw, rehashed: rulesOf(await look()) };
    });
  let wallet = '';

  beforeAll(async () => {
    const asset = await newAsset(sealed);
    wallet = await newWallet(sealed, asset, { bought: 100, bonus: 20 });
    const friend = await newWallet(sealed, asset, { bought: 3 });
    const spend = (amount: number) => call(sealed, 'wallet_spend', { wallet_id: wallet, amount, idem_key: newKey() });
    await spend(30);
    await sealAll(sealed);
    await spend(4);
    await call(sealed, 'wallet_transfer', { from_wallet: wallet, to_wallet: friend, amount: 6, idem_key: newKey() });
    await sealAll(sealed);
    await newWallet(sealed, await newAsset(sealed), { bought: 1 });
    await sealAll(sealed);
    expect(await callAll(sealed, 'ledger_verify', {})).toEqual([]);
  });

  /** The second row of what players spent: there is one before, and none after. */
  const SECOND =
    "where kind = 'spend' and block_seq = (select max(t.block_seq) from ledger.house_totals t where t.kind = 'spend')";
  /** The first row: the totals of the second continue it. */
  const FIRST =
    "where kind = 'spend' and block_seq = (select min(t.block_seq) from ledger.house_totals t where t.kind = 'spend')";
  const COLUMNS = [
    'asset_code = (select max(code) from ledger.assets where code <> asset_code)',
    "kind = 'capture'",
    "debit = 'losses'",
    "credit = 'breakage'",
    'block_seq = (select max(seq) from ledger.blocks)',
    "quarter = quarter + interval '15 min'",
    "quarter = quarter + interval '1 us'",
    'movements = movements + 1',
    'amount = amount + 1',
    'bonus_amount = bonus_amount - 1',
    'total_movements = total_movements + 1',
    'total_amount = total_amount + 1',
    'total_bonus_amount = total_bonus_amount + 1',
  ];

  it.each([...COLUMNS.map((set) => [set, FIRST]), ...COLUMNS.map((set) => [set, SECOND])])(
    'finds in house_totals the edit %s %s',
    async (set, where) => {
      const { raw, rehashed } = await after(`update ledger.house_totals set ${set} ${where}`);

      const isHashed = !set.includes('1 us') && !set.startsWith('total_movements');
      expect(raw).toEqual(isHashed ? ['house_total', 'seal_chain'] : ['house_total']);
      expect(rehashed).toEqual(raw);
    },
  );

  it.each([
    ['the newest total gone', `delete from ledger.house_totals ${SECOND}`],
    ['an older total gone', `delete from ledger.house_totals ${FIRST}`],
    ['all totals gone', 'delete from ledger.house_totals'],
    [
      'a total doubled in its block',
      `insert into ledger.house_totals select (jsonb_populate_record(t, jsonb_build_object('quarter', t.quarter + interval '15 min'))).*
         from ledger.house_totals t ${SECOND}`,
    ],
    [
      'a total doubled in another block',
      `insert into ledger.house_totals select (jsonb_populate_record(t, jsonb_build_object('block_seq', (select max(seq) from ledger.blocks)))).*
         from ledger.house_totals t ${SECOND}`,
    ],
    [
      'a total of movements that were not',
      `insert into ledger.house_totals select (jsonb_populate_record(t, '{"credit": "exchange"}')).* from ledger.house_totals t ${SECOND}`,
    ],
  ])('finds %s', async (_what, edit) => {
    expect((await after(edit)).raw).toEqual(['house_total', 'seal_chain']);
  });

  it.each([
    ['an amount', `update ledger.house_totals set amount = amount + 1, total_amount = total_amount + 1 ${SECOND}`],
    ['totals', 'update ledger.house_totals set total_amount = total_amount + 1'],
    ['what is gone', `delete from ledger.house_totals ${SECOND}`],
  ])('finds %s in the totals by the entries alone, where the blocks were made to fit', async (_what, edit) => {
    const fitting = `${edit};
      do $$
      declare
        v_block ledger.blocks;
        v_last ledger.blocks;
      begin
        for v_block in select * from ledger.blocks order by seq loop
          v_block.totals_hash := ledger_private.totals_hash(array(select t from ledger.house_totals t where t.block_seq = v_block.seq));
          v_block.previous := v_last.hash;
          v_block.hash := ledger_private.seal_hash(v_block);
          update ledger.blocks set totals_hash = v_block.totals_hash, previous = v_block.previous, hash = v_block.hash where seq = v_block.seq;
          v_last := v_block;
        end loop;
      end $$`;

    expect((await after(fitting)).raw).toEqual(['house_total']);
  });

  it.each([
    ["snapshot = '5:5:'", ['seal_chain']],
    ["snapshot = 'no snapshot'", ['seal_chain']],
    ["xid = '5'", ['seal_chain']],
    ["totals_hash = sha256('x')", ['seal_chain']],
    ['final_until = sealed_at', ['seal_chain']],
    ["counted_until = counted_until - interval '1 us'", ['house_total']],
    ["counted_until = counted_until + interval '1 us'", ['house_total']],
    ["counted_until = counted_until + interval '15 min'", ['house_total']],
    ["counted_until = '-infinity'", ['house_total']],
    ["counted_until = 'infinity'", ['house_total']],
    ["sealed_at = sealed_at + interval '1 us'", ['seal_chain']],
    ['epoch = epoch + 1', ['record_chain', 'seal_chain']],
  ])('finds in a block the edit %s', async (set, rules) => {
    for (const which of ['min', 'max']) {
      const { raw } = await after(
        `update ledger.blocks set ${set} where seq = (select ${which}(seq) from ledger.blocks)`,
      );
      expect(raw).toEqual(expect.arrayContaining(rules));
    }
  });

  it('finds that the newest movement of a wallet is missing, even with recomputed hashes', async () => {
    const { rehashed } = await after(
      `delete from ledger.entries where transfer_id = (
         select transfer_id from ledger.entries where wallet_id = '${wallet}' order by seq desc limit 1)`,
    );

    expect(rehashed).toEqual(expect.arrayContaining(['house_total', 'seal_entry', 'seal_root']));
  });

  it('finds a renamed movement, even with recomputed hashes', async () => {
    const { rehashed } = await after(
      `update ledger.entries set transfer_id = uuidv7() where wallet_id = '${wallet}' and seq = 1`,
    );

    expect(rehashed).toEqual(['seal_root']);
  });
});
