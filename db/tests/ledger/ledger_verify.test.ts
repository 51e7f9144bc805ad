import { bookSoon } from '../aged.ts';
import {
  call,
  callAll,
  createDatabase,
  expectSound,
  type Finding,
  houseWallet,
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

const db = createDatabase();
const verify = (wallet_id?: string) => callAll<Finding>(db, 'ledger_verify', { wallet_id });
/** Findings after tampering, before and after the hashes were made up for it. */
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
let treasury = '';
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
  const {
    rows: [stripe],
  } = await db.query<{ stripe: number }>('select ledger.wallet_stripe($1) as stripe', [alice]);
  treasury = await houseWallet(db, asset, 'treasury', stripe?.stripe ?? -1);
});

describe('ledger_verify', () => {
  it('answers no row for a sound ledger', async () => {
    expect(await verify()).toEqual([]);
    expect(await verify(alice)).toEqual([]);
    await expectSound(db);
  });

  it('refuses a wallet that is not there (WLNOW)', async () => {
    expect(await refusal(verify(UNKNOWN_WALLET))).toMatchObject({
      code: 'WLNOW',
      detail: { wallet_id: UNKNOWN_WALLET },
    });
  });

  it('refuses a house wallet (WLNOW)', async () => {
    expect(await refusal(verify(treasury))).toMatchObject({ code: 'WLNOW' });
  });

  describe('finds in an entry', () => {
    it.each([
      { set: 'amount = amount + 1', rules: ['entry_balance', 'entry_transfer'] },
      { set: 'bonus_amount = bonus_amount - 1', rules: ['entry_balance', 'entry_transfer'] },
      { set: 'held_amount = 1', rules: ['entry_balance', 'entry_transfer'] },
      { set: 'balance = balance + 1', rules: ['entry_balance'] },
      { set: 'bonus_balance = bonus_balance + 1', rules: ['entry_balance', 'transfer_facts'] },
      { set: 'held_balance = held_balance + 1', rules: ['entry_balance'] },
      { set: 'topped_up_total = topped_up_total + 1', rules: ['entry_balance'] },
      { set: 'granted_total = granted_total + 1', rules: ['entry_balance'] },
      { set: 'spent_total = spent_total - 1', rules: ['entry_balance'] },
      { set: "kind = 'capture'", rules: ['entry_transfer'] },
      { set: "kind = 'expiry'", rules: ['entry_balance', 'entry_transfer'] },
      { set: "side = 'credit'", rules: ['entry_balance', 'entry_transfer', 'transfer_reference'] },
      { set: 'transfer_id = uuidv7()', rules: ['entry_reference', 'transfer_reference'] },
      {
        set: 'wallet_id = uuidv7()',
        rules: [
          'entry_balance',
          'entry_reference',
          'entry_seq',
          'entry_transfer',
          'transfer_facts',
          'transfer_reference',
        ],
      },
      {
        set: 'seq = 30',
        rules: ['entry_balance', 'entry_seq', 'entry_time', 'entry_transfer', 'transfer_facts', 'transfer_reference'],
      },
      { set: "created_at = created_at - interval '1 hour'", rules: ['entry_time', 'transfer_facts'] },
      { set: "created_at = created_at + interval '1 hour'", rules: ['entry_time', 'transfer_facts'] },
      { set: "hash = sha256('')", rules: [] },
    ])('$set', async ({ set, rules }) => {
      const { raw, rehashed } = await findingsAfter(
        `update ledger.entries set ${set} where wallet_id = '${alice}' and seq = 3`,
      );

      expect(rulesOf(raw)).toContain('entry_hash');
      expect(rulesOf(rehashed)).toEqual(expect.arrayContaining(rules));
      expect(rulesOf(rehashed).filter((rule) => rule !== 'asset_sum')).toEqual([...rules].sort());
    });

    it('a raised balance at the end of a wallet, which no later entry contradicts', async () => {
      const { raw, rehashed } = await findingsAfter(
        `update ledger.entries set balance = balance + 1000 where wallet_id = '${alice}' and seq = 5`,
      );

      expect(rulesOf(raw)).toEqual(['asset_sum', 'entry_balance', 'entry_hash']);
      expect(rehashed).toMatchObject([
        { rule: 'entry_balance', wallet_id: alice, seq: '5', transfer_id: transfers[4] },
        { rule: 'asset_sum' },
      ]);
    });

    it('a raised balance of a house wallet', async () => {
      const { raw } = await findingsAfter(
        `update ledger.entries set balance = balance + 1000 where wallet_id = '${treasury}'`,
      );

      expect(rulesOf(raw)).toEqual(['asset_sum', 'entry_balance', 'entry_hash']);
    });
  });

  describe('finds in a transfer, by the chains of both its wallets,', () => {
    it.each([
      { set: "idem_key = 'other'", rules: [] },
      { set: 'idem_key = null', rules: ['transfer_facts'] },
      { set: 'metadata = \'{"note": "y"}\'', rules: [] },
      { set: "actor = 'operator:mallory'", rules: [] },
      { set: "created_at = created_at + interval '1 microsecond'", rules: ['transfer_facts'] },
      { set: 'expires_at = now()', rules: ['transfer_facts'] },
      { set: 'requested_amount = null', rules: ['transfer_facts'] },
      { set: 'hold_id = uuidv7()', rules: ['transfer_facts'] },
      { set: 'reverses = uuidv7()', rules: ['transfer_facts'] },
      { set: "kind = 'spend'", rules: ['entry_transfer', 'transfer_sides'] },
      { set: 'amount = amount + 1', rules: ['entry_transfer', 'transfer_facts'] },
      { set: 'bonus_amount = bonus_amount + 1', rules: ['entry_transfer', 'transfer_facts'] },
      { set: 'debit_seq = 3', rules: ['entry_transfer', 'transfer_reference'] },
      { set: 'credit_seq = 1', rules: ['entry_transfer', 'transfer_reference'] },
      { set: 'credit_seq = null', rules: ['entry_transfer', 'transfer_reference'] },
      { set: 'credit_wallet_id = CAROL', rules: ['entry_transfer', 'transfer_reference'] },
      { set: 'debit_wallet_id = CAROL', rules: ['entry_transfer', 'transfer_reference', 'transfer_sides'] },
      { set: 'credit_wallet_id = null, credit_seq = null', rules: ['entry_transfer', 'transfer_reference'] },
      { set: 'wallet_id = CAROL', rules: ['transfer_sides'] },
      { set: 'wallet_id = BOB', rules: ['transfer_sides'] },
      { set: 'wallet_id = uuidv7()', rules: ['transfer_sides'] },
    ])('$set', async ({ set, rules }) => {
      const change = set.replace('CAROL', `'${carol}'`).replace('BOB', `'${bob}'`);

      const { raw, rehashed } = await findingsAfter(
        `update ledger.transfers set ${change} where id = '${transfers[3] ?? ''}'`,
      );

      const broken = raw.filter(({ rule }) => rule === 'entry_hash').map(({ wallet_id }) => wallet_id);
      expect(broken.sort()).toEqual([alice, bob].sort());
      expect(rulesOf(rehashed)).toEqual([...rules].sort());
    });
  });

  describe('finds, however well the hashes are made up,', () => {
    const entry = (facts: string) => `insert into ledger.entries
      select (jsonb_populate_record(e, jsonb_build_object(${facts}))).* from ledger.entries e where wallet_id = '${alice}' and seq = 5`;
    const transfer = (facts: string) => `insert into ledger.transfers
      select (jsonb_populate_record(t, jsonb_build_object('id', uuidv7(), 'idem_key', 'forged', ${facts}))).*
      from ledger.transfers t where id = '${transfers[4] ?? ''}'`;

    it.each([
      {
        what: 'an inner deletion',
        sql: () => `delete from ledger.entries where wallet_id = '${alice}' and seq = 3`,
        rules: ['entry_balance', 'entry_seq', 'transfer_facts', 'transfer_reference'],
      },
      {
        what: 'a deletion at the end',
        sql: () => `delete from ledger.entries where wallet_id = '${alice}' and seq = 5`,
        rules: ['asset_sum', 'transfer_reference'],
      },
      {
        what: 'a wallet whose entries are all gone',
        sql: () => `delete from ledger.entries where wallet_id = '${carol}'`,
        rules: ['asset_sum', 'transfer_reference'],
      },
      {
        what: 'a first entry that is not number 1',
        sql: () => `delete from ledger.entries where wallet_id = '${bob}' and seq = 1`,
        rules: ['entry_balance', 'entry_seq', 'transfer_reference'],
      },
      {
        what: 'a deleted transfer',
        sql: () => `delete from ledger.transfers where id = '${transfers[2] ?? ''}'`,
        rules: ['entry_reference'],
      },
      {
        what: "a deleted player's wallet",
        sql: () => `delete from ledger.wallets where id = '${alice}'`,
        rules: ['asset_sum', 'entry_balance', 'entry_reference', 'transfer_reference', 'wallet_reference'],
      },
      {
        what: 'an entry put in without a transfer',
        sql: () => entry("'seq', 6, 'transfer_id', uuidv7(), 'balance', 70, 'spent_total', 40"),
        rules: ['asset_sum', 'entry_reference'],
      },
      {
        what: 'an entry put in for a transfer that has its entry',
        sql: () => entry("'seq', 6, 'balance', 70, 'spent_total', 40"),
        rules: ['asset_sum', 'entry_transfer'],
      },
      {
        what: 'a transfer put in without entries',
        sql: () => transfer("'debit_seq', 6, 'credit_seq', 3"),
        rules: ['transfer_reference'],
      },
      {
        what: "a transfer put in that points to another's entries",
        sql: () => transfer("'reverses', null"),
        rules: ['transfer_reference'],
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
        rules: ['asset_sum', 'entry_balance', 'entry_time', 'entry_transfer', 'transfer_facts', 'transfer_reference'],
      },
    ])('$what', async ({ sql, rules }) => {
      const { raw, rehashed } = await findingsAfter(sql());

      expect(raw.length).toBeGreaterThan(0);
      expect(rulesOf(rehashed)).toEqual([...rules].sort());
    });

    it('two one-sided transfers that make up for each other', async () => {
      const oneSided = (id: string, wallet: string, side: string, seq: number, amount: number, kind: string) => `
        insert into ledger.transfers
            (id, wallet_id, idem_key, kind, ${side}_wallet_id, ${side}_seq, requested_amount, amount, metadata, actor, created_at)
          values ('${id}', '${wallet}', 'forged', '${kind}', '${wallet}', ${seq}, ${amount}, ${amount}, '{}', 'db:mallory', now());
        insert into ledger.entries
          select wallet_id, ${seq}, '${id}', '${kind}', '${side}', ${amount}, 0, 0, balance + ${side === 'credit' ? amount : -amount}, bonus_balance,
            held_balance, topped_up_total + ${kind === 'top_up' ? amount : 0}, granted_total,
            spent_total + ${kind === 'spend' ? amount : 0}, '', now()
          from ledger.entries where wallet_id = '${wallet}' and seq = ${seq - 1};`;

      const { rehashed } = await findingsAfter(
        oneSided('00000000-0000-7000-8000-000000000001', bob, 'debit', 3, 5, 'spend') +
          oneSided('00000000-0000-7000-8000-000000000002', carol, 'credit', 2, 5, 'top_up'),
      );

      expect(rulesOf(rehashed)).toEqual(['transfer_reference']);
      expect(rehashed.map((finding) => finding.transfer_id).sort()).toEqual([
        '00000000-0000-7000-8000-000000000001',
        '00000000-0000-7000-8000-000000000002',
      ]);
    });
  });

  describe("finds a movement forged with the ledger's own helpers,", () => {
    const forge = ({ kind = 'top_up', key = "'forged'", amount = 500, bonus = 0, stripe = 0 }) => `
      do $$
      declare
        v_id uuid := uuidv7();
        v_wallet ledger.wallets;
        v_house ledger.wallets;
        v_head ledger.entries;
        v_house_head ledger.entries;
        v_entry ledger.entries;
        v_house_entry ledger.entries;
      begin
        select * into v_wallet from ledger.wallets where id = '${alice}';
        select * into v_house from ledger.wallets
          where asset_code = v_wallet.asset_code and house = 'treasury' and stripe = (ledger.wallet_stripe(v_wallet.id) + ${stripe}) % 32;
        select * into v_head from ledger.entries where wallet_id = v_wallet.id order by seq desc limit 1;
        select * into v_house_head from ledger.entries where wallet_id = v_house.id order by seq desc limit 1;
        v_entry := ledger_private.next_entry(v_wallet, v_head, 'credit', v_id, '${kind}', ${amount}, ${bonus}, 0, clock_timestamp());
        v_house_entry := ledger_private.next_entry(v_house, v_house_head, 'debit', v_id, '${kind}', ${amount}, ${bonus}, 0, clock_timestamp());
        perform ledger_private.write(
          row(v_id, v_wallet.id, ${key}, '${kind}', v_house.id, v_house_entry.seq, v_wallet.id, v_entry.seq, ${amount}, ${amount}, ${bonus},
            null, null, null, '{}', 'service:shop', now(), null)::ledger.transfers,
          v_entry, v_house_entry);
      end $$`;

    it('unless it is one that the ledger would have booked itself', async () => {
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
      { what: "against another wallet's stripe", forged: { stripe: 1 }, rules: ['transfer_sides'] },
    ])('$what', async ({ forged, rules }) => {
      const { raw } = await findingsAfter(forge(forged));

      expect(rulesOf(raw)).toEqual(rules);
    });
  });

  it('reports balances that run over the end of bigint instead of failing', async () => {
    const { raw } = await findingsAfter(
      `update ledger.entries set balance = 9223372036854775807, amount = 9223372036854775807 where wallet_id = '${alice}' and seq = 2`,
    );

    expect(rulesOf(raw)).toContain('entry_balance');
  });

  it('finds an asset that is gone and an event without its wallet', async () => {
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
        rules: ['asset_sum', 'transfer_sides', 'wallet_id', 'wallet_reference'],
      },
      {
        what: 'a house wallet moved to another stripe',
        sql: () => `update ledger.wallets set stripe = (stripe + 1) % 32 where id = '${treasury}'`,
        rules: ['transfer_sides', 'wallet_id'],
      },
      {
        what: 'a house wallet made the batch stripe',
        sql: () => `update ledger.wallets set stripe = 32 where id = '${treasury}'`,
        rules: ['wallet_id'],
      },
      {
        what: 'a house wallet moved to another account',
        sql: () => `update ledger.wallets set house = 'promotions' where id = '${treasury}'`,
        rules: ['transfer_sides', 'wallet_id'],
      },
      {
        what: "a house wallet made a player's",
        sql: () =>
          `update ledger.wallets set house = null, stripe = null, normal_side = 'credit', owner_id = 'mallory' where id = '${treasury}'`,
        rules: ['asset_sum', 'entry_balance', 'transfer_sides', 'wallet_id'],
      },
      {
        what: "a second wallet of a house account's stripe",
        sql: () => `insert into ledger.wallets (id, asset_code, normal_side, house, stripe)
          select i.id, w.asset_code, w.normal_side, w.house, w.stripe
          from ledger.wallets w, (select ledger.wallet_id(n::text, 'forged') as id from generate_series(1, 1000) n) i
          where w.id = '${treasury}' and ledger.wallet_stripe(i.id) = w.stripe limit 1`,
        rules: ['wallet_id', 'wallet_status'],
      },
      {
        what: 'a stripe of a house account that is gone',
        sql: () => `delete from ledger.wallets where id = (
          select w.id from ledger.wallets w join ledger.wallets t on t.id = '${treasury}' and t.asset_code = w.asset_code
          where w.house = 'breakage' and w.stripe = 5)`,
        rules: ['wallet_id', 'wallet_reference'],
      },
    ])('$what', async ({ sql, rules }) => {
      const { rehashed } = await findingsAfter(sql());

      expect(rulesOf(rehashed)).toEqual([...rules].sort());
    });

    it('nothing, where a status and its event go together', async () => {
      const wallet = await newWallet(db, await newAsset(db));
      for (const status of ['frozen', 'open', 'closed', 'open'] as const) {
        await setStatus(db, wallet, status);
        expect(await verify(wallet)).toEqual([]);
      }
    });
  });

  it('says what it expected and what it found', async () => {
    const { raw } = await findingsAfter(`update ledger.entries set seq = 9 where wallet_id = '${alice}' and seq = 5`);

    expect(raw.find(({ rule }) => rule === 'entry_seq')).toMatchObject({
      wallet_id: alice,
      seq: '9',
      transfer_id: transfers[4],
      detail: { expected: 5 },
    });
  });

  it('finds what was done behind triggers that were switched off', async () => {
    const admin = await db.connect();
    await admin.query('begin');
    await admin.query('alter table ledger.entries disable trigger user');
    await admin.query('update ledger.entries set balance = balance + 1 where wallet_id = $1 and seq = 2', [alice]);

    const findings = await callAll<Finding>(admin, 'ledger_verify', {});

    await admin.query('rollback');
    expect(rulesOf(findings)).toEqual(['entry_balance', 'entry_hash']);
  });

  it('is stable, as is all that it calls, so that it sees one snapshot', async () => {
    const { rows } = await db.query(
      `select proname from pg_proc where (proname like '%verify%' or proname = 'ledger_trial_balance')
         and pronamespace in ('ledger'::regnamespace, 'ledger_private'::regnamespace) and provolatile <> 's'`,
    );

    expect(rows).toEqual([]);
  });

  it('keeps to one wallet and what touched it', async () => {
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
        // However slow the verification is, it meets them twice.
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
