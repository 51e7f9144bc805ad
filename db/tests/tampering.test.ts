/** Each edit of what holds, lots and reversals are made of is a finding, and so is each movement that breaks their rules. */
import { bookSoon } from './aged.ts';
import {
  call,
  createDatabase,
  expectSound,
  type Finding,
  newAsset,
  newKey,
  newWallet,
  passed,
  rulesOf,
  tamperedWith,
  writing,
} from './helpers.ts';

interface Draw {
  lot: number;
  expires_at: string;
  amount?: number;
  held?: number;
}

/** Facts of a forged movement that are not what the ledger would make of it. */
interface Facts {
  id?: string;
  /** The other player's wallet. */
  other?: string;
  /** The account of the house, where it is not that of the kind. */
  account?: string;
  side?: string;
  key?: string | null;
  requested?: number | null;
  bonus?: number;
  held?: number;
  hold?: string;
  reverses?: string;
  expires_at?: string;
  at?: string;
  lots?: { expires_at: string; amount: number }[];
  draws?: Draw[];
  takes?: Draw[];
}

const db = createDatabase();
const day = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString();
const yesterday = day(-1);
const soon = day(10);
const late = day(20);

/** Forges a movement with the ledger's own helpers, its lots and what it draws from lots (takes: from the other wallet's) included. */
const FORGE = `create function pg_temp.forge(p_wallet uuid, p_kind ledger.transfer_kind, p_amount bigint, p jsonb) returns void language plpgsql as $$
  declare
    v_id uuid := coalesce((p ->> 'id')::uuid, uuidv7());
    v_still boolean := p_kind in ('hold', 'release');
    v_side ledger.entry_side := coalesce(p ->> 'side', case when p_kind in ('top_up', 'bonus', 'release') then 'credit' else 'debit' end);
    v_at timestamptz := coalesce((p ->> 'at')::timestamptz, clock_timestamp());
    v_bonus bigint := coalesce((p ->> 'bonus')::bigint, 0);
    v_other uuid := (p ->> 'other')::uuid;
    v_hold ledger.holds;
    v_entry ledger.entries;
    v_other_entry ledger.entries;
    v_credit_entry ledger.entries;
  begin
    select * into v_hold from ledger.holds where id = (p ->> 'hold')::uuid;
    v_entry := ledger_private.next_entry(head => ledger_private.head(p_wallet), wallet_id => p_wallet, transfer_id => v_id, kind => p_kind,
      side => v_side, account => case when v_other is null and not v_still or p ? 'account'
        then coalesce((p ->> 'account')::ledger.account, ledger_private.house_account(p_kind)) else 'player' end,
      amount => case when v_still then 0 else p_amount end, bonus_amount => case when v_still then 0 else v_bonus end,
      held_amount => coalesce((p ->> 'held')::bigint, case p_kind when 'hold' then p_amount else coalesce(-v_hold.amount, 0) end), at_time => v_at);
    v_entry.actor := 'service:shop';
    v_entry.metadata := '{}';
    v_entry.idem_key := case when p ? 'key' then p ->> 'key' when p_kind <> 'expiry' then 'forged ' || v_id end;
    v_entry.requested_amount := case when p ? 'requested' then (p ->> 'requested')::bigint when p_kind not in ('release', 'expiry') then p_amount end;
    v_entry.held_bonus_amount := case when v_still then v_bonus end;
    v_entry.reverses := (p ->> 'reverses')::uuid;
    v_entry.hold_id := case p_kind when 'hold' then v_id else (p ->> 'hold')::uuid end;
    v_entry.expires_at := (p ->> 'expires_at')::timestamptz;
    if v_other is null then
      v_entry := ledger_private.chained(v_entry);
      perform ledger_private.write(array[v_entry]);
    else
      v_other_entry := ledger_private.chained(ledger_private.next_entry(head => ledger_private.head(v_other), wallet_id => v_other,
        transfer_id => v_id, kind => p_kind, side => case v_side when 'debit' then 'credit'::ledger.entry_side else 'debit' end,
        account => 'player', amount => v_entry.amount, bonus_amount => v_entry.bonus_amount, held_amount => 0, at_time => v_at));
      v_entry.to_wallet := v_other;
      v_entry.to_seq := v_other_entry.seq;
      v_entry := ledger_private.chained(v_entry);
      perform ledger_private.write(array[v_entry, v_other_entry]);
    end if;
    if p_kind = 'hold' then
      insert into ledger.holds values (p_wallet, v_id, v_entry.seq, p_amount, v_bonus, v_entry.expires_at, v_entry.created_at);
      insert into ledger_private.open_holds values (p_wallet, v_id, v_entry.expires_at);
    else
      delete from ledger_private.open_holds o where o.wallet_id = p_wallet and o.hold_id = v_entry.hold_id;
    end if;
    v_credit_entry := case v_side when 'credit' then v_entry else v_other_entry end;
    perform ledger_private.write_lots(
      array(select row(v_credit_entry.wallet_id, v_credit_entry.seq, l.expires_at, l.amount)::ledger.bonus_lots
        from jsonb_to_recordset(p -> 'lots') as l (expires_at timestamptz, amount bigint)),
      array(select row(p_wallet, d.lot, d.expires_at, v_entry.seq, v_entry.hold_id, coalesce(d.amount, 0), coalesce(d.held, 0),
          null, null)::ledger.bonus_lot_draws
        from jsonb_to_recordset(p -> 'draws') as d (lot bigint, expires_at timestamptz, amount bigint, held bigint))
      || array(select row(v_other, d.lot, d.expires_at, v_other_entry.seq, null, coalesce(d.amount, 0), coalesce(d.held, 0),
          null, null)::ledger.bonus_lot_draws
        from jsonb_to_recordset(p -> 'takes') as d (lot bigint, expires_at timestamptz, amount bigint, held bigint)));
  end $$;`;
const forge = (wallet: string, kind: string, amount: number, facts: Facts = {}): string =>
  `select pg_temp.forge('${wallet}', '${kind}', ${amount}, '${JSON.stringify(facts)}');`;

/**
 * Gina: 1 top_up 100, 2 bonus 10 until late, 3 bonus 10 until soon, 4 bonus 10, 5 hold of 5 for a day, of the soon ones.
 * Finn: 1 top_up 50, 2 bonus 20 until late, 3 bonus 10 until soon, 4 bonus 10, 5 spend 60 (paid: 20), 6 transfer of 10 to Erin,
 *   7 reversal of 8 of the spend, 8 bonus 10 until late, 9 transfer of 4 of these to Erin.
 * Erin: 1 transfer of 10, 2 transfer of 4 until late, 3 hold of these 4.
 * Dana: 1 top_up 100, 2 bonus 30 until late, 3 bonus 20 until soon, 4 bonus 10, 5 hold of 25 (soon 20, late 5), 6 spend 8 (late), 7 capture 15
 *   (soon), 8 reversal of 3 (late), 9 transfer of 12 to Erin's sister Emma (soon 5, late 7), 10 hold of 4 (late), 11 hold of 6 (late), 12 release,
 *   13 bonus 7 and 14 hold of 7 for an instant, 15 bonus 2 for an instant, 16 release and 17 expiry of 9 in time, 18 top_up 1.
 */
let gina = '';
let finn = '';
let erin = '';
let dana = '';
let emma = '';
let ginasHold = '';
let finns: string[] = [];
let danas: string[] = [];
let ginas: string[] = [];
let erinsHold = '';

const post = (name: string, args: Record<string, unknown>) =>
  call(db, `wallet_${name}`, { ...args, idem_key: newKey(), metadata: { note: 'x' } });

beforeAll(async () => {
  const asset = await newAsset(db);
  [gina, finn, erin, dana, emma] = (await Promise.all([1, 2, 3, 4, 5].map(() => newWallet(db, asset)))) as [
    string,
    string,
    string,
    string,
    string,
  ];
  const bonuses = async (wallet_id: string, paid: number, ...lots: [number, string?][]) => {
    await post('top_up', { wallet_id, amount: paid });
    for (const [amount, expires_at] of lots) await post('bonus', { wallet_id, amount, expires_at });
  };

  await bonuses(gina, 100, [10, late], [10, soon], [10]);
  ginasHold = (await post('hold', { wallet_id: gina, amount: 5, expires_at: day(1) })).transfer_id;

  await bonuses(finn, 50, [20, late], [10, soon], [10]);
  const spend = await post('spend', { wallet_id: finn, amount: 60 });
  await post('transfer', { from_wallet: finn, to_wallet: erin, amount: 10 });
  await post('reverse', { wallet_id: finn, transfer_id: spend.transfer_id, amount: 8 });
  await post('bonus', { wallet_id: finn, amount: 10, expires_at: late });
  await post('transfer', { from_wallet: finn, to_wallet: erin, amount: 4 });
  erinsHold = (await post('hold', { wallet_id: erin, amount: 4 })).transfer_id;

  await bonuses(dana, 100, [30, late], [20, soon], [10]);
  const hold = await post('hold', { wallet_id: dana, amount: 25, expires_at: day(1) });
  const bought = await post('spend', { wallet_id: dana, amount: 8 });
  await post('capture', { wallet_id: dana, hold_id: hold.hold_id, amount: 15 });
  await post('reverse', { wallet_id: dana, transfer_id: bought.transfer_id, amount: 3 });
  await post('transfer', { from_wallet: dana, to_wallet: emma, amount: 12 });
  await post('hold', { wallet_id: dana, amount: 4 });
  const other = await post('hold', { wallet_id: dana, amount: 6 });
  await post('release', { wallet_id: dana, hold_id: other.hold_id });
  // Not moved into the past: the forgeries name the other instants.
  const instant = await bookSoon(db, (expires_at) =>
    writing(db, async (session) => {
      const book = (name: string, amount: number) =>
        call(session, `wallet_${name}`, {
          ...{ wallet_id: dana, amount, expires_at },
          ...{ idem_key: newKey(), metadata: { note: 'x' } },
        });
      await book('bonus', 7);
      await book('hold', 7);
      await book('bonus', 2);
    }),
  );
  await passed(db, instant);
  await post('top_up', { wallet_id: dana, amount: 1 });

  const idsOf = async (wallet: string) => {
    const { rows: entries } = await db.query<{ transfer_id: string }>(
      'select transfer_id from ledger.entries where wallet_id = $1 order by seq',
      [wallet],
    );
    return ['', ...entries.map((entry) => entry.transfer_id)];
  };
  ginas = await idsOf(gina);
  finns = await idsOf(finn);
  danas = await idsOf(dana);
  expect(danas).toHaveLength(19);
});

interface Forgery {
  what: string;
  sql: () => string;
  /** What is found, and in which wallet. */
  rules: string[];
  in: () => string;
  also?: () => string;
}

const players = () => [gina, finn, erin, dana, emma];
const keysOf = (findings: Finding[]): string[] => findings.map((finding) => JSON.stringify(finding)).sort();

/** A player's wallet alone has the same findings as the whole ledger has about it, and no others. */
async function expectSameAlone(whole: Finding[], look: (wallet?: string) => Promise<Finding[]>): Promise<void> {
  const concerned = players().filter((player) => whole.some(({ wallet_id }) => wallet_id === player));
  for (const player of [...concerned, players().find((other) => !concerned.includes(other)) ?? '']) {
    const alone = keysOf(await look(player));
    expect(keysOf(whole)).toEqual(expect.arrayContaining(alone));
    expect(alone).toEqual(expect.arrayContaining(keysOf(whole.filter(({ wallet_id }) => wallet_id === player))));
  }
}

/** The rules that an edit of rows breaks; an edit of entries breaks a chain of hashes first. */
async function rulesAfter(sql: string, alone = false): Promise<string> {
  const named = Object.entries({ EMMA: emma, DANA: dana, ERIN: erin });
  const edit = named.reduce((text, [name, id]) => text.replaceAll(name, `'${id}'`), sql);
  return tamperedWith(db, edit, async (look, rehash) => {
    if (/(update|delete from|insert into) ledger\.entries/.test(sql)) {
      const rules = rulesOf(await look());
      if (sql.startsWith('update')) expect(rules).toContain('entry_hash');
      else expect(rules).not.toEqual([]);
      await rehash();
    }
    const found = await look();
    if (alone) await expectSameAlone(found, look);
    return rulesOf(found).join(' ');
  });
}

const editEntry = (seq: number, wallet = 'DANA'): string =>
  `update ledger.entries set SET where wallet_id = ${wallet} and seq = ${seq}`;
const gave = (lot: number, expires_at: string, amount: number): Draw[] => [{ lot, expires_at, amount }];
const held = (lot: number, expires_at: string, amount: number): Draw[] => [{ lot, expires_at, held: amount }];
const freed = () => forge(gina, 'release', 5, { hold: ginasHold, bonus: 5, draws: held(3, soon, -5) });
const freedInTime = () =>
  forge(gina, 'release', 5, { hold: ginasHold, bonus: 5, key: null, at: day(2), draws: held(3, soon, -5) });
const refund = (amount: number, facts: Facts = {}) =>
  forge(finn, 'reversal', amount, { reverses: finns[5], side: 'credit', account: 'revenue', ...facts });
const LATER = '00000000-0000-7000-8000-000000000001';

describe('ledger_verify', () => {
  it('finds nothing in a ledger with movements of all kinds, nor in any wallet of it', async () => {
    await expectSound(db);
    for (const player of players())
      expect((await db.query('select * from ledger.ledger_verify($1)', [player])).rows).toEqual([]);
  });

  it.each([
    {
      what: 'spend',
      sql: () => forge(gina, 'spend', 12, { bonus: 12, draws: [...gave(3, soon, 5), ...gave(2, late, 7)] }),
    },
    {
      what: 'spend of all that is free',
      sql: () => forge(gina, 'spend', 125, { bonus: 25, draws: [...gave(3, soon, 5), ...gave(2, late, 10)] }),
    },
    {
      what: 'hold',
      sql: () => forge(gina, 'hold', 9, { bonus: 9, draws: [...held(3, soon, 5), ...held(2, late, 4)] }),
    },
    { what: 'release', sql: () => freed() },
    { what: 'release in time', sql: () => freedInTime() },
    {
      what: 'capture',
      sql: () =>
        forge(gina, 'capture', 2, {
          hold: ginasHold,
          bonus: 2,
          draws: [{ lot: 3, expires_at: soon, amount: 2, held: -5 }],
        }),
    },
    {
      what: 'transfer',
      sql: () =>
        forge(gina, 'transfer', 6, {
          other: emma,
          bonus: 6,
          draws: [...gave(3, soon, 5), ...gave(2, late, 1)],
          lots: [
            { expires_at: soon, amount: 5 },
            { expires_at: late, amount: 1 },
          ],
        }),
    },
    {
      what: 'bonus',
      sql: () => forge(gina, 'bonus', 5, { bonus: 5, expires_at: late, lots: [{ expires_at: late, amount: 5 }] }),
    },
    {
      what: 'expiry',
      sql: () => freedInTime() + forge(gina, 'expiry', 10, { bonus: 10, at: day(11), draws: gave(3, soon, 10) }),
    },
    {
      what: 'refund',
      sql: () =>
        refund(12) +
        refund(15, { bonus: 15, draws: gave(2, late, -5) }) +
        refund(25, { bonus: 25, requested: null, draws: [...gave(2, late, -15), ...gave(3, soon, -10)] }),
    },
    {
      what: 'reversal of a transfer',
      sql: () =>
        forge(finn, 'reversal', 10, { reverses: finns[6], side: 'credit', other: erin, requested: null }) +
        forge(erin, 'release', 4, { hold: erinsHold, bonus: 4, draws: held(2, late, -4) }) +
        forge(finn, 'reversal', 3, {
          reverses: finns[9],
          side: 'credit',
          other: erin,
          bonus: 3,
          draws: gave(8, late, -3),
          takes: gave(2, late, 3),
        }),
    },
    {
      what: 'reversal of a bonus',
      sql: () =>
        forge(finn, 'reversal', 6, { reverses: finns[8], account: 'promotions', bonus: 6, draws: gave(8, late, 6) }),
    },
    {
      what: 'reversal of a top-up',
      sql: () => forge(finn, 'reversal', 28, { reverses: finns[1], account: 'treasury' }),
    },
  ])('finds nothing in a forged $what that is as the ledger would have booked it', async ({ sql }) => {
    expect(await tamperedWith(db, FORGE + sql(), (look) => look())).toEqual([]);
  });

  const forgeries: Forgery[] = [
    // Which credits are taken.
    {
      what: 'a spend that drew the later expiry first',
      sql: () => forge(gina, 'spend', 5, { bonus: 5, draws: gave(2, late, 5) }),
      rules: ['lot_order'],
      in: () => gina,
    },
    {
      what: 'a spend that left some of the earlier expiry',
      sql: () => forge(gina, 'spend', 12, { bonus: 12, draws: [...gave(3, soon, 4), ...gave(2, late, 8)] }),
      rules: ['lot_order'],
      in: () => gina,
    },
    {
      what: 'a spend that left expiring credits and took those without expiry',
      sql: () => forge(gina, 'spend', 5, { bonus: 5 }),
      rules: ['lot_order'],
      in: () => gina,
    },
    {
      what: 'a spend that took a part without expiry before the last lot was empty',
      sql: () => forge(gina, 'spend', 12, { bonus: 12, draws: [...gave(3, soon, 5), ...gave(2, late, 6)] }),
      rules: ['lot_order'],
      in: () => gina,
    },
    {
      what: 'a hold that pinned the later expiry first',
      sql: () => forge(gina, 'hold', 5, { bonus: 5, draws: held(2, late, 5) }),
      rules: ['lot_order'],
      in: () => gina,
    },
    {
      what: 'a transfer that gave the later expiry first',
      sql: () =>
        forge(gina, 'transfer', 5, {
          other: emma,
          bonus: 5,
          draws: gave(2, late, 5),
          lots: [{ expires_at: late, amount: 5 }],
        }),
      rules: ['lot_order'],
      in: () => gina,
    },
    {
      what: 'a spend of paid credits while bonus credits were free',
      sql: () => forge(gina, 'spend', 5),
      rules: ['transfer_facts'],
      in: () => gina,
    },
    {
      what: 'a spend of bonus credits that were reserved',
      sql: () => forge(gina, 'spend', 26, { bonus: 26, draws: [...gave(3, soon, 5), ...gave(2, late, 10)] }),
      rules: ['entry_balance', 'lot_balance', 'transfer_facts'],
      in: () => gina,
    },
    {
      what: 'a spend that drew more than its bonus part',
      sql: () => forge(gina, 'spend', 3, { bonus: 3, draws: gave(3, soon, 4) }),
      rules: ['lot_draws', 'lot_order'],
      in: () => gina,
    },
    {
      what: 'a spend that gave to a lot what it took too much of another',
      sql: () =>
        forge(gina, 'spend', 5, { bonus: 5, draws: gave(3, soon, 5) }) +
        forge(gina, 'spend', 4, { bonus: 4, draws: [...gave(3, soon, -1), ...gave(2, late, 5)] }),
      rules: ['lot_draws', 'lot_order'],
      in: () => gina,
    },
    {
      what: 'a spend that reserved of a lot',
      sql: () => forge(gina, 'spend', 5, { bonus: 5, draws: [...gave(3, soon, 5), ...held(2, late, 1)] }),
      rules: ['lot_draws', 'lot_order'],
      in: () => gina,
    },
    {
      what: 'a top-up that drew',
      sql: () => forge(gina, 'top_up', 5, { draws: gave(3, soon, 5) }),
      rules: ['lot_draws'],
      in: () => gina,
    },
    {
      what: 'a transfer that drew from the wallet it reached',
      sql: () =>
        forge(finn, 'transfer', 1, {
          other: gina,
          bonus: 1,
          draws: gave(8, late, 1),
          lots: [{ expires_at: late, amount: 1 }],
          takes: gave(3, soon, 1),
        }),
      rules: ['lot_draws'],
      in: () => gina,
    },

    // What lots are made of.
    {
      what: 'a lot larger than its bonus',
      sql: () => forge(gina, 'bonus', 5, { bonus: 5, expires_at: late, lots: [{ expires_at: late, amount: 6 }] }),
      rules: ['lot_reference'],
      in: () => gina,
    },
    {
      what: 'an expiring bonus without its lot',
      sql: () => forge(gina, 'bonus', 5, { bonus: 5, expires_at: late }),
      rules: ['lot_reference'],
      in: () => gina,
    },
    {
      what: 'a lot of a bonus that does not expire',
      sql: () => forge(gina, 'bonus', 5, { bonus: 5, lots: [{ expires_at: late, amount: 5 }] }),
      rules: ['lot_reference'],
      in: () => gina,
    },
    {
      what: 'a lot with another expiry than its bonus',
      sql: () => forge(gina, 'bonus', 5, { bonus: 5, expires_at: late, lots: [{ expires_at: soon, amount: 5 }] }),
      rules: ['lot_reference'],
      in: () => gina,
    },
    {
      what: 'a lot of a top-up',
      sql: () => forge(gina, 'top_up', 5, { lots: [{ expires_at: late, amount: 5 }] }),
      rules: ['lot_reference'],
      in: () => gina,
    },
    {
      what: 'a bonus that had expired when it was granted',
      sql: () =>
        forge(gina, 'bonus', 5, { bonus: 5, expires_at: yesterday, lots: [{ expires_at: yesterday, amount: 5 }] }),
      rules: ['lot_expiry', 'transfer_facts'],
      in: () => gina,
    },
    {
      what: 'a transfer that changed the expiry of what it moved',
      sql: () =>
        forge(gina, 'transfer', 5, {
          other: emma,
          bonus: 5,
          draws: gave(3, soon, 5),
          lots: [{ expires_at: late, amount: 5 }],
        }),
      rules: ['lot_reference'],
      in: () => emma,
    },
    {
      what: 'a transfer that took the expiry from what it moved',
      sql: () => forge(gina, 'transfer', 5, { other: emma, bonus: 5, draws: gave(3, soon, 5) }),
      rules: ['lot_reference'],
      in: () => emma,
    },
    {
      what: 'more in lots than the bonus credits, for credits without expiry were taken that had been spent',
      sql: () =>
        forge(gina, 'spend', 25, { bonus: 25, draws: [...gave(3, soon, 5), ...gave(2, late, 10)] }) +
        forge(gina, 'bonus', 20, { bonus: 20, expires_at: late, lots: [{ expires_at: late, amount: 20 }] }) +
        forge(gina, 'reversal', 10, { reverses: ginas[4], account: 'promotions', bonus: 10 }),
      rules: ['lot_balance'],
      in: () => gina,
    },

    {
      what: 'a spend that drew from a lot that was yet to come',
      sql: () =>
        forge(finn, 'bonus', 5, { bonus: 5 }) +
        forge(finn, 'spend', 11, { bonus: 11, draws: gave(8, late, 6) }) +
        forge(finn, 'bonus', 5, { bonus: 5, expires_at: late, lots: [{ expires_at: late, amount: 5 }] }) +
        `insert into ledger.bonus_lot_draws values ('${finn}', 12, '${late}', 11, null, 5, 0, 0, 0);
         delete from ledger_private.open_lots where wallet_id = '${finn}';`,
      rules: ['lot_balance'],
      in: () => finn,
    },

    // Expiry.
    {
      what: 'an expiry before the date',
      sql: () => forge(gina, 'expiry', 5, { bonus: 5, draws: gave(3, soon, 5) }),
      rules: ['lot_draws'],
      in: () => gina,
    },
    {
      what: 'an expiry that took credits that were not due too',
      sql: () =>
        freedInTime() +
        forge(gina, 'expiry', 12, { bonus: 12, at: day(11), draws: [...gave(3, soon, 10), ...gave(2, late, 2)] }),
      rules: ['lot_draws'],
      in: () => gina,
    },
    {
      what: 'an expiry of more than there was in lots',
      sql: () => freedInTime() + forge(gina, 'expiry', 12, { bonus: 12, at: day(11), draws: gave(3, soon, 10) }),
      rules: ['lot_draws'],
      in: () => gina,
    },
    {
      what: 'an expiry of credits that do not expire',
      sql: () => forge(gina, 'expiry', 5, { bonus: 5 }),
      rules: ['lot_draws'],
      in: () => gina,
    },
    {
      what: 'an expiry of paid credits',
      sql: () => forge(gina, 'expiry', 5),
      rules: ['lot_draws', 'transfer_facts'],
      in: () => gina,
    },
    {
      what: 'an expiry with a key',
      sql: () =>
        freedInTime() + forge(gina, 'expiry', 10, { key: 'forged', bonus: 10, at: day(11), draws: gave(3, soon, 10) }),
      rules: ['transfer_facts'],
      in: () => gina,
    },
    {
      what: 'an expiry to revenue',
      sql: () =>
        freedInTime() +
        forge(gina, 'expiry', 10, { account: 'revenue', bonus: 10, at: day(11), draws: gave(3, soon, 10) }),
      rules: ['transfer_sides'],
      in: () => gina,
    },
    {
      what: 'an expired lot that was left though the wallet moved on',
      sql: () => freedInTime() + forge(gina, 'top_up', 5, { at: day(11) }),
      rules: ['lot_expiry'],
      in: () => gina,
    },
    {
      what: 'an expired lot that was booked only after the wallet had moved on',
      sql: () =>
        freedInTime() +
        forge(gina, 'top_up', 5, { at: day(11) }) +
        forge(gina, 'expiry', 10, { bonus: 10, at: day(12), draws: gave(3, soon, 10) }),
      rules: ['lot_expiry'],
      in: () => gina,
    },
    {
      what: 'an expiry that left one of the lots that were due',
      sql: () => freedInTime() + forge(gina, 'expiry', 10, { bonus: 10, at: day(21), draws: gave(3, soon, 10) }),
      rules: ['lot_expiry'],
      in: () => gina,
    },
    {
      what: 'two expiries where one had to book all',
      sql: () =>
        freedInTime() +
        forge(gina, 'expiry', 10, { bonus: 10, at: day(21), draws: gave(3, soon, 10) }) +
        forge(gina, 'expiry', 10, { bonus: 10, at: day(21), draws: gave(2, late, 10) }),
      rules: ['lot_expiry'],
      in: () => gina,
    },
    {
      what: 'a spend of expired credits',
      sql: () => freedInTime() + forge(gina, 'spend', 10, { bonus: 10, at: day(11), draws: gave(3, soon, 10) }),
      rules: ['lot_draws', 'lot_expiry'],
      in: () => gina,
    },
    {
      what: 'a hold of expired credits',
      sql: () => freedInTime() + forge(gina, 'hold', 10, { bonus: 10, at: day(11), draws: held(3, soon, 10) }),
      rules: ['lot_draws', 'lot_expiry'],
      in: () => gina,
    },

    // Holds.
    {
      what: 'a release without a key before the expiry of the hold',
      sql: () => forge(gina, 'release', 5, { hold: ginasHold, bonus: 5, key: null, draws: held(3, soon, -5) }),
      rules: ['transfer_facts'],
      in: () => gina,
    },
    {
      what: 'a release without a key of a hold that does not expire',
      sql: () => forge(erin, 'release', 4, { hold: erinsHold, bonus: 4, key: null, draws: held(2, late, -4) }),
      rules: ['transfer_facts'],
      in: () => erin,
    },
    {
      what: 'a release by somebody after the expiry of the hold',
      sql: () => forge(gina, 'release', 5, { hold: ginasHold, bonus: 5, at: day(2), draws: held(3, soon, -5) }),
      rules: ['hold_expiry'],
      in: () => gina,
    },
    {
      what: 'a capture after the expiry of the hold',
      sql: () =>
        forge(gina, 'capture', 5, {
          hold: ginasHold,
          bonus: 5,
          at: day(2),
          draws: [{ lot: 3, expires_at: soon, amount: 5, held: -5 }],
        }),
      rules: ['hold_expiry'],
      in: () => gina,
    },
    {
      what: 'a capture without a key',
      sql: () =>
        forge(gina, 'capture', 5, {
          hold: ginasHold,
          key: null,
          bonus: 5,
          draws: [{ lot: 3, expires_at: soon, amount: 5, held: -5 }],
        }),
      rules: ['transfer_facts'],
      in: () => gina,
    },
    {
      what: 'a hold left open past its expiry though the wallet moved on',
      sql: () => forge(gina, 'top_up', 5, { at: day(2) }),
      rules: ['hold_expiry'],
      in: () => gina,
    },
    {
      what: 'a hold that was freed only after the wallet had moved on',
      sql: () => forge(gina, 'top_up', 5, { at: day(1.5) }) + freedInTime(),
      rules: ['hold_expiry'],
      in: () => gina,
    },
    {
      what: 'a hold whose lots were not freed by its release',
      sql: () => forge(gina, 'release', 5, { hold: ginasHold, bonus: 5 }),
      rules: ['lot_draws'],
      in: () => gina,
    },
    {
      what: 'a hold whose lots were freed in part',
      sql: () => forge(gina, 'release', 5, { hold: ginasHold, bonus: 5, draws: held(3, soon, -3) }),
      rules: ['lot_draws'],
      in: () => gina,
    },
    {
      what: 'a release that took credits',
      sql: () =>
        forge(gina, 'release', 5, {
          hold: ginasHold,
          bonus: 5,
          draws: [{ lot: 3, expires_at: soon, amount: 5, held: -5 }],
        }),
      rules: ['lot_draws'],
      in: () => gina,
    },
    {
      what: 'a capture of more than the hold',
      sql: () =>
        forge(gina, 'capture', 6, {
          hold: ginasHold,
          bonus: 5,
          draws: [{ lot: 3, expires_at: soon, amount: 5, held: -5 }],
        }),
      rules: ['transfer_facts'],
      in: () => gina,
    },
    {
      what: 'a capture of less, which asked for all',
      sql: () =>
        forge(gina, 'capture', 4, {
          hold: ginasHold,
          requested: null,
          bonus: 4,
          draws: [{ lot: 3, expires_at: soon, amount: 4, held: -5 }],
        }),
      rules: ['transfer_facts'],
      in: () => gina,
    },
    {
      what: 'a capture of paid credits while the hold had reserved bonus ones',
      sql: () => forge(gina, 'capture', 5, { hold: ginasHold, draws: held(3, soon, -5) }),
      rules: ['transfer_facts'],
      in: () => gina,
    },
    {
      what: 'a capture that took from another lot',
      sql: () =>
        forge(gina, 'capture', 5, { hold: ginasHold, bonus: 5, draws: [...held(3, soon, -5), ...gave(2, late, 5)] }),
      rules: ['lot_draws'],
      in: () => gina,
    },
    {
      what: 'a capture that freed less than the hold',
      sql: () =>
        forge(gina, 'capture', 5, {
          hold: ginasHold,
          held: -4,
          bonus: 5,
          draws: [{ lot: 3, expires_at: soon, amount: 5, held: -5 }],
        }),
      rules: ['transfer_facts'],
      in: () => gina,
    },
    {
      what: "a release of another wallet's hold",
      sql: () => forge(erin, 'release', 4, { hold: ginasHold, held: 0, bonus: 4 }),
      rules: ['hold_reference', 'transfer_facts'],
      in: () => erin,
    },
    {
      what: 'a hold that reserved of lots more than its bonus part',
      sql: () => forge(gina, 'hold', 5, { bonus: 5, draws: [...held(3, soon, 5), ...held(2, late, 1)] }),
      rules: ['lot_draws', 'lot_order'],
      in: () => gina,
    },
    {
      what: 'a hold that took credits',
      sql: () => forge(gina, 'hold', 5, { bonus: 5, draws: gave(3, soon, 5) }),
      rules: ['lot_draws'],
      in: () => gina,
    },
    {
      what: 'a hold of paid credits while bonus credits were free',
      sql: () => forge(gina, 'hold', 5),
      rules: ['transfer_facts'],
      in: () => gina,
    },
    {
      what: 'a hold that had expired when it was placed',
      sql: () => forge(gina, 'hold', 5, { expires_at: day(-1), bonus: 5, draws: held(3, soon, 5) }),
      rules: ['hold_expiry', 'transfer_facts'],
      in: () => gina,
    },
    {
      what: 'a hold against an account of the house',
      sql: () => forge(gina, 'hold', 5, { account: 'revenue', bonus: 5, draws: held(3, soon, 5) }),
      rules: ['transfer_sides'],
      in: () => gina,
    },
    {
      what: 'a spend to the account of another kind',
      sql: () => forge(gina, 'spend', 5, { account: 'breakage', bonus: 5, draws: gave(3, soon, 5) }),
      rules: ['transfer_sides'],
      in: () => gina,
    },
    {
      what: 'a spend to another player',
      sql: () => forge(erin, 'spend', 5, { other: emma }),
      rules: ['transfer_sides'],
      in: () => erin,
    },
    {
      what: 'a transfer to an account of the house',
      sql: () => forge(erin, 'transfer', 5, { account: 'revenue' }),
      rules: ['transfer_sides'],
      in: () => erin,
    },
    {
      what: 'a hold that another wallet has an entry of',
      sql: () => forge(gina, 'hold', 5, { other: emma, bonus: 5, draws: held(3, soon, 5) }),
      rules: ['hold_reference', 'transfer_sides'],
      in: () => gina,
      also: () => emma,
    },
    {
      what: 'a hold that was released before it was placed',
      sql: () =>
        forge(gina, 'release', 5, { hold: LATER, held: -5, bonus: 5, draws: held(3, soon, -5) }) +
        forge(gina, 'hold', 5, { id: LATER, bonus: 5, draws: held(3, soon, 5) }) +
        `delete from ledger_private.open_holds where hold_id = '${LATER}';`,
      rules: ['hold_reference'],
      in: () => gina,
    },

    // Reversals.
    {
      what: 'a reversal above the original',
      sql: () =>
        forge(erin, 'top_up', 5) + forge(finn, 'reversal', 11, { reverses: finns[6], side: 'credit', other: erin }),
      rules: ['transfer_reversed'],
      in: () => finn,
    },
    {
      what: 'reversals that together are above the original',
      sql: () =>
        forge(erin, 'top_up', 5) +
        [6, 5]
          .map((amount) => forge(finn, 'reversal', amount, { reverses: finns[6], side: 'credit', other: erin }))
          .join(''),
      rules: ['transfer_reversed'],
      in: () => finn,
    },
    {
      what: 'a refund of more paid credits than were spent',
      sql: () => forge(finn, 'spend', 16, { bonus: 6, draws: gave(8, late, 6) }) + refund(13),
      rules: ['transfer_reversed'],
      in: () => finn,
    },
    {
      what: 'a refund that gave bonus credits back before paid ones',
      sql: () => refund(5, { bonus: 5 }),
      rules: ['transfer_reversed'],
      in: () => finn,
    },
    {
      what: 'a refund that gave bonus credits back before paid ones, and all in the end',
      sql: () =>
        refund(5, { bonus: 5 }) +
        refund(12) +
        refund(35, { bonus: 35, draws: [...gave(2, late, -20), ...gave(3, soon, -10)] }),
      rules: ['transfer_reversed'],
      in: () => finn,
    },
    {
      what: 'a refund to a lot before credits without expiry',
      sql: () => refund(17, { bonus: 5, draws: gave(2, late, -5) }),
      rules: ['lot_draws'],
      in: () => finn,
    },
    {
      what: 'a refund to the earlier expiry first',
      sql: () => refund(27, { bonus: 15, draws: gave(3, soon, -5) }),
      rules: ['lot_draws'],
      in: () => finn,
    },
    {
      what: 'a refund as credits without expiry of what came from lots',
      sql: () => refund(27, { bonus: 15 }),
      rules: ['lot_draws', 'transfer_reversed'],
      in: () => finn,
    },
    {
      what: 'a refund to a lot that it did not come from',
      sql: () =>
        forge(finn, 'spend', 6, { bonus: 6, draws: gave(8, late, 6) }) +
        refund(17, { bonus: 5, draws: gave(8, late, -5) }),
      rules: ['lot_draws'],
      in: () => finn,
    },
    {
      what: 'a reversal of a part that asked for all',
      sql: () => refund(12, { requested: null }),
      rules: ['transfer_reversed'],
      in: () => finn,
    },
    {
      what: 'a reversal of a reversal',
      sql: () => forge(finn, 'reversal', 8, { reverses: finns[7], account: 'revenue' }),
      rules: ['transfer_reversed'],
      in: () => finn,
    },
    {
      what: 'a reversal of an expiry',
      sql: () =>
        forge(finn, 'expiry', 6, { id: LATER, bonus: 6, at: day(21), draws: gave(8, late, 6) }) +
        forge(finn, 'reversal', 6, { reverses: LATER, side: 'credit', account: 'breakage', bonus: 6, at: day(21) }),
      rules: ['transfer_reversed'],
      in: () => finn,
    },
    {
      what: 'a reversal before its original',
      sql: () =>
        forge(finn, 'reversal', 6, { reverses: LATER, account: 'treasury' }) + forge(finn, 'top_up', 6, { id: LATER }),
      rules: ['transfer_reversed'],
      in: () => finn,
    },
    {
      what: "a reversal of another wallet's movement",
      sql: () => forge(erin, 'reversal', 5, { reverses: finns[5], side: 'credit', account: 'revenue' }),
      rules: ['transfer_reversed', 'transfer_sides'],
      in: () => erin,
    },
    {
      what: 'a reversal that reverses nothing',
      sql: () => forge(finn, 'reversal', 5, { side: 'credit', account: 'revenue' }),
      rules: ['transfer_facts', 'transfer_reversed', 'transfer_sides'],
      in: () => finn,
    },
    {
      what: "a reversal against another of the house's accounts",
      sql: () => refund(5, { account: 'breakage' }),
      rules: ['transfer_sides'],
      in: () => finn,
    },
    {
      what: 'a reversal on the side of the original',
      sql: () => refund(5, { side: 'debit', bonus: 0 }),
      rules: ['transfer_sides'],
      in: () => finn,
    },
    {
      what: 'a reversal of a top-up that took reserved credits',
      sql: () =>
        forge(finn, 'spend', 6, { bonus: 6, draws: gave(8, late, 6) }) +
        forge(finn, 'hold', 25) +
        forge(finn, 'bonus', 10, { bonus: 10 }) +
        forge(finn, 'reversal', 6, { reverses: finns[1], account: 'treasury' }),
      rules: ['entry_balance'],
      in: () => finn,
    },
    {
      what: 'a reversal of a bonus that did not take its lot',
      sql: () =>
        refund(17, { bonus: 5 }) + forge(finn, 'reversal', 5, { reverses: finns[8], account: 'promotions', bonus: 5 }),
      rules: ['lot_draws', 'transfer_reversed'],
      in: () => finn,
    },
    {
      what: 'a reversal of a bonus without expiry that took a lot',
      sql: () =>
        refund(17, { bonus: 5 }) +
        forge(finn, 'reversal', 5, { reverses: finns[4], account: 'promotions', bonus: 5, draws: gave(8, late, 5) }),
      rules: ['lot_draws'],
      in: () => finn,
    },
    {
      what: 'a reversal of a transfer that took bonus credits while paid ones were free',
      sql: () =>
        refund(12) +
        forge(gina, 'spend', 25, { bonus: 25, draws: [...gave(3, soon, 5), ...gave(2, late, 10)] }) +
        forge(finn, 'transfer', 10, {
          id: LATER,
          other: gina,
          bonus: 6,
          draws: gave(8, late, 6),
          lots: [{ expires_at: late, amount: 6 }],
        }) +
        forge(finn, 'reversal', 6, {
          reverses: LATER,
          side: 'credit',
          other: gina,
          bonus: 6,
          draws: gave(8, late, -6),
          takes: gave(7, late, 6),
        }),
      rules: ['transfer_reversed'],
      in: () => finn,
    },
    {
      what: 'a reversal of a transfer that gave to a lot what it did not take from one',
      sql: () =>
        forge(erin, 'release', 4, { hold: erinsHold, bonus: 4, draws: held(2, late, -4) }) +
        forge(erin, 'bonus', 4, { bonus: 4 }) +
        forge(finn, 'reversal', 3, {
          reverses: finns[9],
          side: 'credit',
          other: erin,
          bonus: 3,
          draws: gave(8, late, -3),
        }),
      rules: ['lot_draws'],
      in: () => finn,
    },
    {
      what: 'a reversal of a transfer that took more from lots than bonus credits',
      sql: () =>
        forge(finn, 'bonus', 5, { bonus: 5 }) +
        forge(erin, 'release', 4, { hold: erinsHold, bonus: 4, draws: held(2, late, -4) }) +
        forge(finn, 'reversal', 3, {
          reverses: finns[9],
          side: 'credit',
          other: erin,
          bonus: 3,
          draws: gave(8, late, -4),
          takes: gave(2, late, 4),
        }),
      rules: ['lot_draws'],
      in: () => finn,
    },
    {
      what: 'a reversal of a transfer that took from a lot what it did not give to one',
      sql: () =>
        forge(erin, 'release', 4, { hold: erinsHold, bonus: 4, draws: held(2, late, -4) }) +
        forge(finn, 'reversal', 3, {
          reverses: finns[9],
          side: 'credit',
          other: erin,
          bonus: 3,
          takes: gave(2, late, 3),
        }),
      rules: ['lot_draws', 'transfer_reversed'],
      in: () => finn,
    },
  ];

  it.each(forgeries)('finds $what', async ({ sql, rules, in: where, also }) => {
    await tamperedWith(db, FORGE + sql(), async (look) => {
      const found = await look();
      expect(rulesOf(found)).toEqual(rules);
      expect([...new Set(found.map(({ wallet_id }) => wallet_id))].sort()).toEqual(
        [where(), ...(also ? [also()] : [])].sort(),
      );
      await expectSameAlone(found, look);
    });
  });

  // Of Dana's rows unless another is named. With transfers and entries, all hashes are made up for it.
  const edits: { of: string; sql: string; found: Record<string, string> }[] = [
    {
      of: 'a hold that was captured',
      sql: 'update ledger.holds set SET where wallet_id = DANA and seq = 5',
      found: {
        'wallet_id = EMMA': 'entry_balance hold_reference lot_balance lot_draws transfer_facts work_list',
        'id = uuidv7()': 'entry_balance hold_reference lot_balance lot_draws transfer_facts work_list',
        'seq = seq + 1': 'hold_reference lot_draws',
        'amount = amount + 1': 'hold_reference transfer_facts',
        'bonus_amount = bonus_amount - 1': 'hold_reference',
        "created_at = created_at - interval '1 microsecond'": 'hold_reference',
        "expires_at = expires_at + interval '1 second'": 'hold_reference',
        'expires_at = null': 'hold_reference',
      },
    },
    {
      of: 'a hold that is open',
      sql: 'update ledger.holds set SET where wallet_id = DANA and seq = 10',
      found: {
        'wallet_id = EMMA': 'hold_reference work_list',
        'id = uuidv7()': 'hold_reference work_list',
        'amount = amount + 1': 'hold_reference',
        'bonus_amount = bonus_amount - 1': 'hold_reference',
        "created_at = created_at - interval '1 microsecond'": 'hold_reference',
        'expires_at = clock_timestamp()': 'hold_reference work_list',
      },
    },
    {
      of: 'a lot',
      sql: 'update ledger.bonus_lots set SET where wallet_id = DANA and seq = 2',
      found: {
        'wallet_id = EMMA': 'lot_balance lot_reference work_list',
        'seq = seq - 1': 'lot_balance lot_reference work_list',
        "expires_at = expires_at + interval '1 second'": 'lot_balance lot_reference work_list',
        'amount = amount + 1': 'lot_balance lot_reference',
        'amount = amount - 1': 'lot_balance lot_reference',
      },
    },
    {
      of: 'a lot that is empty',
      sql: 'update ledger.bonus_lots set SET where wallet_id = DANA and seq = 15',
      found: {
        'wallet_id = EMMA': 'lot_balance lot_reference work_list',
        'seq = seq - 1': 'lot_balance lot_expiry lot_order lot_reference work_list',
        "expires_at = expires_at + interval '1 second'": 'lot_balance lot_reference work_list',
        'amount = amount + 1': 'lot_balance lot_reference',
      },
    },
    {
      of: 'what a hold drew',
      sql: 'update ledger.bonus_lot_draws set SET where wallet_id = DANA and seq = 5 and lot_seq = 2',
      found: {
        'wallet_id = EMMA': 'lot_balance lot_draws',
        'lot_seq = 4': 'lot_balance lot_draws',
        "expires_at = expires_at + interval '1 second'": 'lot_balance lot_draws',
        'seq = 18': 'lot_balance lot_draws',
        'hold_id = uuidv7()': 'lot_draws',
        'amount = amount + 1': 'lot_balance lot_draws',
        'amount = amount - 1': 'lot_balance lot_draws',
        'held_amount = held_amount + 1': 'lot_balance lot_draws',
        'held_amount = held_amount - 1': 'lot_balance lot_draws',
        'balance = balance + 1': 'lot_balance',
        'held_balance = held_balance + 1': 'lot_balance',
        'hold_id = null': 'lot_draws',
      },
    },
    {
      of: 'what a spend drew',
      sql: 'update ledger.bonus_lot_draws set SET where wallet_id = DANA and seq = 6 and lot_seq = 2',
      found: {
        'wallet_id = EMMA': 'lot_balance lot_draws',
        'lot_seq = 4': 'lot_balance lot_draws transfer_reversed',
        "expires_at = expires_at + interval '1 second'": 'lot_balance lot_draws transfer_reversed',
        'seq = 18': 'lot_balance lot_draws',
        'hold_id = uuidv7()': 'lot_draws',
        'amount = amount + 1': 'lot_balance lot_draws transfer_reversed',
        'amount = amount - 1': 'lot_balance lot_draws',
        'held_amount = held_amount + 1': 'lot_balance lot_draws',
        'held_amount = held_amount - 1': 'lot_balance lot_draws',
        'balance = balance + 1': 'lot_balance',
        'held_balance = held_balance + 1': 'lot_balance',
      },
    },
    {
      of: 'what a capture drew',
      sql: 'update ledger.bonus_lot_draws set SET where wallet_id = DANA and seq = 7 and lot_seq = 3',
      found: {
        'wallet_id = EMMA': 'lot_balance lot_draws',
        'lot_seq = 4': 'lot_balance lot_draws',
        "expires_at = expires_at + interval '1 second'": 'lot_balance lot_draws',
        'seq = 18': 'lot_balance lot_draws work_list',
        'hold_id = uuidv7()': 'lot_draws',
        'amount = amount + 1': 'lot_balance lot_draws',
        'amount = amount - 1': 'lot_balance lot_draws',
        'held_amount = held_amount + 1': 'lot_balance lot_draws',
        'held_amount = held_amount - 1': 'lot_balance lot_draws',
        'balance = balance + 1': 'lot_balance',
        'held_balance = held_balance + 1': 'lot_balance',
        'hold_id = null': 'lot_draws',
      },
    },
    {
      of: 'what a reversal drew',
      sql: 'update ledger.bonus_lot_draws set SET where wallet_id = DANA and seq = 8 and lot_seq = 2',
      found: {
        'wallet_id = EMMA': 'lot_balance lot_draws transfer_reversed',
        'lot_seq = 4': 'lot_balance lot_draws transfer_reversed',
        "expires_at = expires_at + interval '1 second'": 'lot_balance lot_draws transfer_reversed',
        'seq = 18': 'lot_balance lot_draws transfer_reversed',
        'hold_id = uuidv7()': 'lot_draws',
        'amount = amount + 1': 'lot_balance lot_draws transfer_reversed',
        'amount = amount - 1': 'lot_balance lot_draws',
        'held_amount = held_amount + 1': 'lot_balance lot_draws',
        'held_amount = held_amount - 1': 'lot_balance lot_draws',
        'balance = balance + 1': 'lot_balance',
        'held_balance = held_balance + 1': 'lot_balance',
      },
    },
    {
      of: 'what a transfer drew',
      sql: 'update ledger.bonus_lot_draws set SET where wallet_id = DANA and seq = 9 and lot_seq = 2',
      found: {
        'wallet_id = EMMA': 'lot_balance lot_draws lot_reference',
        'lot_seq = 4': 'lot_balance',
        "expires_at = expires_at + interval '1 second'": 'lot_balance lot_reference',
        'seq = 18': 'lot_balance lot_draws lot_reference',
        'hold_id = uuidv7()': 'lot_draws',
        'amount = amount + 1': 'lot_balance lot_draws lot_reference',
        'amount = amount - 1': 'lot_balance lot_reference',
        'held_amount = held_amount + 1': 'lot_balance lot_draws',
        'held_amount = held_amount - 1': 'lot_balance lot_draws',
        'balance = balance + 1': 'lot_balance',
        'held_balance = held_balance + 1': 'lot_balance',
      },
    },
    {
      of: 'what a release drew',
      sql: 'update ledger.bonus_lot_draws set SET where wallet_id = DANA and seq = 12 and lot_seq = 2',
      found: {
        'wallet_id = EMMA': 'lot_balance lot_draws',
        'lot_seq = 4': 'lot_balance lot_draws',
        "expires_at = expires_at + interval '1 second'": 'lot_balance lot_draws',
        'seq = 18': 'lot_draws',
        'hold_id = uuidv7()': 'lot_draws',
        'amount = amount + 1': 'lot_balance lot_draws',
        'amount = amount - 1': 'lot_balance lot_draws',
        'held_amount = held_amount + 1': 'lot_balance lot_draws',
        'held_amount = held_amount - 1': 'lot_balance lot_draws',
        'balance = balance + 1': 'lot_balance',
        'held_balance = held_balance + 1': 'lot_balance',
        'hold_id = null': 'lot_draws',
      },
    },
    {
      of: 'what an expiry drew',
      sql: 'update ledger.bonus_lot_draws set SET where wallet_id = DANA and seq = 17 and lot_seq = 15',
      found: {
        'wallet_id = EMMA': 'lot_balance lot_draws lot_expiry work_list',
        'lot_seq = 4': 'lot_balance lot_expiry work_list',
        "expires_at = expires_at + interval '1 second'": 'lot_balance lot_draws lot_expiry work_list',
        'seq = 18': 'lot_draws lot_expiry',
        'hold_id = uuidv7()': 'lot_draws',
        'amount = amount + 1': 'lot_balance lot_draws',
        'amount = amount - 1': 'lot_balance lot_draws',
        'held_amount = held_amount + 1': 'lot_balance lot_draws',
        'held_amount = held_amount - 1': 'lot_balance lot_draws',
        'balance = balance + 1': 'lot_balance lot_expiry work_list',
      },
    },
    {
      of: 'the list of open holds',
      sql: 'update ledger_private.open_holds set SET where wallet_id = DANA',
      found: {
        'wallet_id = EMMA': 'work_list',
        'hold_id = uuidv7()': 'work_list',
        'expires_at = clock_timestamp()': 'work_list',
      },
    },
    {
      of: 'the list of open lots',
      sql: 'update ledger_private.open_lots set SET where wallet_id = DANA and lot_seq = 2',
      found: {
        'wallet_id = EMMA': 'work_list',
        "expires_at = expires_at + interval '1 second'": 'work_list',
        'lot_seq = 3': 'work_list',
        'due_at = null': 'work_list',
        "due_at = due_at + interval '1 second'": 'work_list',
      },
    },
    {
      of: 'the list of open lots, of one that is reserved',
      sql: 'update ledger_private.open_lots set SET where wallet_id = ERIN',
      found: {
        'due_at = expires_at': 'work_list',
      },
    },
    {
      of: 'the entry of a top-up',
      sql: editEntry(1),
      found: {
        'amount = amount + 1': 'asset_sum entry_balance transfer_facts',
        'bonus_amount = bonus_amount + 1': 'asset_sum entry_balance transfer_facts',
        'held_amount = held_amount + 1': 'entry_balance transfer_facts',
        'balance = balance + 1': 'entry_balance',
        'bonus_balance = bonus_balance + 1': 'entry_balance',
        'held_balance = held_balance + 1': 'entry_balance',
        'paid_balance = paid_balance + 1': 'entry_balance',
        'free_balance = free_balance + 1': 'entry_balance',
        'topped_up_total = topped_up_total + 1': 'entry_balance',
        'granted_total = granted_total + 1': 'entry_balance',
        'spent_total = spent_total + 1': 'entry_balance',
        'sent_total = sent_total + 1': 'entry_balance',
        'wallet_id = ERIN, seq = 9': 'asset_sum entry_balance entry_seq lot_balance',
        "kind = 'spend'": 'entry_balance transfer_sides',
        "debit = 'losses'": 'transfer_sides',
        "credit = 'losses'": 'asset_sum transfer_sides',
        "created_at = created_at + interval '1 hour'": 'entry_time hold_expiry',
        'actor = null': 'asset_sum transfer_reference',
        'idem_key = null': 'transfer_facts',
        'requested_amount = 1': 'transfer_facts',
        'requested_amount = null': 'transfer_facts',
        'held_bonus_amount = 1': 'transfer_facts unique_reference',
        'to_wallet = ERIN': 'transfer_reference transfer_sides',
        'to_wallet = ERIN, to_seq = 1': 'transfer_reference transfer_sides',
        'to_seq = 2': 'transfer_sides',
        'reverses = uuidv7()': 'transfer_facts',
        'hold_id = uuidv7()': 'transfer_facts',
        "expires_at = clock_timestamp() + interval '1 hour'": 'transfer_facts',
        'expires_at = created_at': 'transfer_facts',
        'metadata = null': 'transfer_facts',
      },
    },
    {
      of: 'the entry of an expiring bonus',
      sql: editEntry(2),
      found: {
        'amount = amount + 1': 'asset_sum entry_balance lot_reference transfer_facts',
        'bonus_amount = bonus_amount + 1': 'asset_sum entry_balance transfer_facts',
        'held_amount = held_amount + 1': 'entry_balance transfer_facts',
        'balance = balance + 1': 'entry_balance',
        'bonus_balance = bonus_balance + 1': 'entry_balance',
        'held_balance = held_balance + 1': 'entry_balance',
        'paid_balance = paid_balance + 1': 'entry_balance',
        'free_balance = free_balance + 1': 'entry_balance',
        'topped_up_total = topped_up_total + 1': 'entry_balance',
        'granted_total = granted_total + 1': 'entry_balance',
        'spent_total = spent_total + 1': 'entry_balance',
        'sent_total = sent_total + 1': 'entry_balance',
        'wallet_id = EMMA': 'asset_sum entry_balance entry_seq entry_time lot_reference',
        "kind = 'spend'": 'entry_balance lot_reference transfer_facts transfer_sides',
        "debit = 'losses'": 'transfer_sides',
        "credit = 'losses'": 'asset_sum transfer_sides',
        "created_at = created_at + interval '1 hour'": 'entry_time hold_expiry',
        'actor = null': 'asset_sum transfer_reference',
        'idem_key = null': 'transfer_facts',
        'requested_amount = 1': 'transfer_facts',
        'requested_amount = null': 'transfer_facts',
        'held_bonus_amount = 1': 'transfer_facts',
        'to_wallet = ERIN': 'transfer_reference transfer_sides',
        'to_wallet = ERIN, to_seq = 1': 'transfer_reference transfer_sides',
        'to_seq = 2': 'transfer_sides',
        'reverses = uuidv7()': 'transfer_facts',
        'hold_id = uuidv7()': 'transfer_facts',
        "expires_at = clock_timestamp() + interval '1 hour'": 'lot_reference',
        'expires_at = created_at': 'lot_reference transfer_facts',
        'metadata = null': 'transfer_facts',
        'expires_at = null': 'lot_reference',
      },
    },
    {
      of: 'the entry of a hold',
      sql: editEntry(5),
      found: {
        'amount = amount + 1': 'entry_balance transfer_facts',
        'bonus_amount = bonus_amount + 1': 'entry_balance',
        'held_amount = held_amount + 1': 'entry_balance hold_reference transfer_facts',
        'balance = balance + 1': 'entry_balance',
        'bonus_balance = bonus_balance + 1': 'entry_balance',
        'held_balance = held_balance + 1': 'entry_balance',
        'paid_balance = paid_balance + 1': 'entry_balance',
        'free_balance = free_balance + 1': 'entry_balance',
        'topped_up_total = topped_up_total + 1': 'entry_balance',
        'granted_total = granted_total + 1': 'entry_balance',
        'spent_total = spent_total + 1': 'entry_balance',
        'sent_total = sent_total + 1': 'entry_balance',
        'wallet_id = EMMA':
          'asset_sum entry_balance entry_seq entry_time hold_reference lot_draws lot_order transfer_facts',
        'transfer_id = uuidv7()': 'hold_reference lot_draws transfer_facts',
        "kind = 'top_up', hold_id = null": 'hold_reference lot_draws transfer_facts transfer_sides unique_reference',
        "debit = 'losses'": 'transfer_sides',
        "credit = 'losses'": 'transfer_sides',
        "created_at = created_at + interval '1 hour'": 'entry_time hold_expiry hold_reference',
        'actor = null': 'transfer_reference',
        'idem_key = null': 'transfer_facts',
        'requested_amount = 1': 'transfer_facts',
        'requested_amount = null': 'transfer_facts',
        'held_bonus_amount = 1': 'hold_reference lot_draws transfer_facts',
        'to_wallet = ERIN': 'transfer_reference transfer_sides',
        'to_wallet = ERIN, to_seq = 1': 'transfer_reference transfer_sides',
        'to_seq = 2': 'transfer_sides',
        'reverses = uuidv7()': 'transfer_facts',
        'hold_id = uuidv7()': 'transfer_facts',
        "expires_at = clock_timestamp() + interval '1 hour'": 'hold_reference',
        'expires_at = created_at': 'hold_reference transfer_facts',
        'metadata = null': 'transfer_facts',
        'held_bonus_amount = null': 'hold_reference transfer_facts',
        'hold_id = null': 'transfer_facts',
        'expires_at = null': 'hold_reference',
      },
    },
    {
      of: 'the entry of a spend',
      sql: editEntry(6),
      found: {
        'amount = amount + 1': 'asset_sum entry_balance transfer_facts transfer_reversed',
        'bonus_amount = bonus_amount + 1': 'asset_sum entry_balance lot_draws transfer_facts transfer_reversed',
        'held_amount = held_amount + 1': 'entry_balance transfer_facts',
        'balance = balance + 1': 'entry_balance',
        'bonus_balance = bonus_balance + 1': 'entry_balance',
        'held_balance = held_balance + 1': 'entry_balance',
        'paid_balance = paid_balance + 1': 'entry_balance',
        'free_balance = free_balance + 1': 'entry_balance',
        'topped_up_total = topped_up_total + 1': 'entry_balance',
        'granted_total = granted_total + 1': 'entry_balance',
        'spent_total = spent_total + 1': 'entry_balance',
        'sent_total = sent_total + 1': 'entry_balance',
        'wallet_id = EMMA':
          'asset_sum entry_balance entry_seq entry_time lot_draws lot_order transfer_reversed transfer_sides',
        'transfer_id = uuidv7()': 'lot_draws transfer_reversed transfer_sides',
        "kind = 'capture'": 'hold_reference lot_draws transfer_facts',
        "debit = 'losses'": 'asset_sum entry_balance transfer_sides',
        "credit = 'losses'": 'transfer_sides',
        "created_at = created_at + interval '1 hour'": 'entry_time hold_expiry',
        'actor = null': 'asset_sum lot_draws transfer_reference transfer_reversed transfer_sides',
        'idem_key = null': 'transfer_facts',
        'requested_amount = 1': 'transfer_facts',
        'requested_amount = null': 'transfer_facts',
        'held_bonus_amount = 1': 'transfer_facts',
        'to_wallet = ERIN': 'transfer_reference transfer_sides',
        'to_wallet = ERIN, to_seq = 1': 'transfer_reference transfer_sides',
        'to_seq = 2': 'transfer_sides',
        'reverses = uuidv7()': 'transfer_facts',
        'hold_id = uuidv7()': 'transfer_facts',
        "expires_at = clock_timestamp() + interval '1 hour'": 'transfer_facts',
        'expires_at = created_at': 'transfer_facts',
        'metadata = null': 'transfer_facts',
      },
    },
    {
      of: 'the entry of a capture',
      sql: editEntry(7),
      found: {
        'amount = amount + 1': 'asset_sum entry_balance transfer_facts',
        'bonus_amount = bonus_amount + 1': 'asset_sum entry_balance lot_draws transfer_facts',
        'held_amount = held_amount + 1': 'entry_balance transfer_facts',
        'balance = balance + 1': 'entry_balance',
        'bonus_balance = bonus_balance + 1': 'entry_balance',
        'held_balance = held_balance + 1': 'entry_balance',
        'paid_balance = paid_balance + 1': 'entry_balance',
        'free_balance = free_balance + 1': 'entry_balance',
        'topped_up_total = topped_up_total + 1': 'entry_balance',
        'granted_total = granted_total + 1': 'entry_balance',
        'spent_total = spent_total + 1': 'entry_balance',
        'sent_total = sent_total + 1': 'entry_balance',
        'wallet_id = EMMA':
          'asset_sum entry_balance entry_seq entry_time hold_reference lot_balance lot_draws transfer_facts work_list',
        "kind = 'top_up'": 'entry_balance lot_balance lot_draws transfer_facts transfer_sides work_list',
        "debit = 'losses'": 'asset_sum entry_balance transfer_sides',
        "credit = 'losses'": 'transfer_sides',
        "created_at = created_at + interval '1 hour'": 'entry_time hold_expiry',
        'actor = null': 'asset_sum transfer_reference',
        'idem_key = null': 'transfer_facts',
        'requested_amount = 1': 'transfer_facts',
        'requested_amount = null': 'transfer_facts',
        'held_bonus_amount = 1': 'transfer_facts',
        'to_wallet = ERIN': 'transfer_reference transfer_sides',
        'to_wallet = ERIN, to_seq = 1': 'transfer_reference transfer_sides',
        'to_seq = 2': 'transfer_sides',
        'reverses = uuidv7()': 'transfer_facts',
        'hold_id = uuidv7()': 'entry_balance hold_reference lot_balance lot_draws transfer_facts work_list',
        "expires_at = clock_timestamp() + interval '1 hour'": 'transfer_facts',
        'expires_at = created_at': 'transfer_facts',
        'metadata = null': 'transfer_facts',
        'hold_id = null': 'entry_balance hold_reference lot_balance lot_draws transfer_facts work_list',
      },
    },
    {
      of: 'the entry of a reversal',
      sql: editEntry(8),
      found: {
        'amount = amount + 1': 'asset_sum entry_balance transfer_facts transfer_reversed',
        'bonus_amount = bonus_amount + 1': 'asset_sum entry_balance lot_draws transfer_reversed',
        'held_amount = held_amount + 1': 'entry_balance transfer_facts',
        'balance = balance + 1': 'entry_balance',
        'bonus_balance = bonus_balance + 1': 'entry_balance',
        'held_balance = held_balance + 1': 'entry_balance',
        'paid_balance = paid_balance + 1': 'entry_balance',
        'free_balance = free_balance + 1': 'entry_balance',
        'topped_up_total = topped_up_total + 1': 'entry_balance',
        'granted_total = granted_total + 1': 'entry_balance',
        'spent_total = spent_total + 1': 'entry_balance',
        'sent_total = sent_total + 1': 'entry_balance',
        'wallet_id = EMMA': 'asset_sum entry_balance entry_seq entry_time lot_draws transfer_reversed transfer_sides',
        "kind = 'bonus'": 'entry_balance lot_draws transfer_facts transfer_sides',
        "debit = 'losses'": 'transfer_sides',
        "credit = 'losses'": 'asset_sum transfer_sides',
        "created_at = created_at + interval '1 hour'": 'entry_time hold_expiry',
        'actor = null': 'asset_sum transfer_reference',
        'idem_key = null': 'transfer_facts',
        'requested_amount = 1': 'transfer_facts',
        'requested_amount = null': 'transfer_reversed',
        'held_bonus_amount = 1': 'transfer_facts',
        'to_wallet = ERIN': 'transfer_reference transfer_sides',
        'to_wallet = ERIN, to_seq = 1': 'transfer_reference transfer_sides',
        'to_seq = 2': 'transfer_sides',
        'reverses = uuidv7()': 'lot_draws transfer_reversed transfer_sides',
        'hold_id = uuidv7()': 'transfer_facts',
        "expires_at = clock_timestamp() + interval '1 hour'": 'transfer_facts',
        'expires_at = created_at': 'transfer_facts',
        'metadata = null': 'transfer_facts',
        'reverses = null': 'lot_draws transfer_facts transfer_reversed transfer_sides',
      },
    },
    {
      of: 'the entry of a transfer of expiring credits',
      sql: editEntry(9),
      found: {
        'amount = amount + 1': 'entry_balance transfer_facts transfer_reference',
        'bonus_amount = bonus_amount + 1': 'entry_balance transfer_facts transfer_reference',
        'held_amount = held_amount + 1': 'entry_balance transfer_facts',
        'balance = balance + 1': 'entry_balance',
        'bonus_balance = bonus_balance + 1': 'entry_balance',
        'held_balance = held_balance + 1': 'entry_balance',
        'paid_balance = paid_balance + 1': 'entry_balance',
        'free_balance = free_balance + 1': 'entry_balance',
        'topped_up_total = topped_up_total + 1': 'entry_balance',
        'granted_total = granted_total + 1': 'entry_balance',
        'spent_total = spent_total + 1': 'entry_balance',
        'sent_total = sent_total + 1': 'entry_balance',
        'wallet_id = EMMA': 'asset_sum entry_balance entry_seq lot_balance lot_draws lot_order lot_reference',
        'transfer_id = uuidv7()': 'lot_reference transfer_reference',
        "kind = 'spend'": 'entry_balance transfer_reference transfer_sides',
        "debit = 'losses'": 'asset_sum entry_balance transfer_reference transfer_sides',
        "credit = 'losses'": 'asset_sum transfer_reference transfer_sides',
        "created_at = created_at + interval '1 hour'": 'entry_time hold_expiry transfer_reference',
        'actor = null': 'entry_balance lot_draws lot_reference transfer_reference',
        'idem_key = null': 'transfer_facts',
        'requested_amount = 1': 'transfer_facts',
        'requested_amount = null': 'transfer_facts',
        'held_bonus_amount = 1': 'transfer_facts',
        'to_wallet = ERIN': 'transfer_reference',
        'to_wallet = ERIN, to_seq = 1': 'transfer_reference',
        'to_seq = 2': 'transfer_reference',
        'reverses = uuidv7()': 'transfer_facts',
        'hold_id = uuidv7()': 'transfer_facts',
        "expires_at = clock_timestamp() + interval '1 hour'": 'transfer_facts',
        'expires_at = created_at': 'transfer_facts',
        'metadata = null': 'transfer_facts',
        'to_wallet = null': 'transfer_reference transfer_sides',
        'to_seq = null': 'transfer_reference transfer_sides',
        'to_wallet = null, to_seq = null': 'transfer_reference transfer_sides',
      },
    },
    {
      of: 'the entry of a release',
      sql: editEntry(12),
      found: {
        'amount = amount + 1': 'entry_balance transfer_facts',
        'bonus_amount = bonus_amount + 1': 'entry_balance',
        'held_amount = held_amount + 1': 'entry_balance transfer_facts',
        'balance = balance + 1': 'entry_balance',
        'bonus_balance = bonus_balance + 1': 'entry_balance',
        'held_balance = held_balance + 1': 'entry_balance',
        'paid_balance = paid_balance + 1': 'entry_balance',
        'free_balance = free_balance + 1': 'entry_balance',
        'topped_up_total = topped_up_total + 1': 'entry_balance',
        'granted_total = granted_total + 1': 'entry_balance',
        'spent_total = spent_total + 1': 'entry_balance',
        'sent_total = sent_total + 1': 'entry_balance',
        'wallet_id = EMMA': 'asset_sum entry_balance entry_seq hold_reference lot_draws transfer_facts work_list',
        "kind = 'capture'": 'transfer_facts transfer_sides',
        "debit = 'losses'": 'transfer_sides',
        "credit = 'losses'": 'transfer_sides',
        "created_at = created_at + interval '1 hour'": 'entry_time hold_expiry',
        'actor = null': 'transfer_reference',
        'idem_key = null': 'transfer_facts',
        'requested_amount = 1': 'transfer_facts',
        'held_bonus_amount = 1': 'transfer_facts',
        'to_wallet = ERIN': 'transfer_reference transfer_sides',
        'to_wallet = ERIN, to_seq = 1': 'transfer_reference transfer_sides',
        'to_seq = 2': 'transfer_sides',
        'reverses = uuidv7()': 'transfer_facts',
        'hold_id = uuidv7()': 'hold_reference lot_draws transfer_facts work_list',
        "expires_at = clock_timestamp() + interval '1 hour'": 'transfer_facts',
        'expires_at = created_at': 'transfer_facts',
        'metadata = null': 'transfer_facts',
        'held_bonus_amount = null': 'transfer_facts',
        'hold_id = null': 'hold_reference lot_draws transfer_facts work_list',
      },
    },
    {
      of: 'the entry of a release in time',
      sql: editEntry(16),
      found: {
        'amount = amount + 1': 'entry_balance transfer_facts',
        'bonus_amount = bonus_amount + 1': 'entry_balance',
        'held_amount = held_amount + 1': 'entry_balance transfer_facts',
        'balance = balance + 1': 'entry_balance',
        'bonus_balance = bonus_balance + 1': 'entry_balance',
        'held_balance = held_balance + 1': 'entry_balance',
        'paid_balance = paid_balance + 1': 'entry_balance',
        'free_balance = free_balance + 1': 'entry_balance',
        'topped_up_total = topped_up_total + 1': 'entry_balance',
        'granted_total = granted_total + 1': 'entry_balance',
        'spent_total = spent_total + 1': 'entry_balance',
        'sent_total = sent_total + 1': 'entry_balance',
        'wallet_id = EMMA':
          'asset_sum entry_balance entry_seq hold_expiry hold_reference lot_draws transfer_facts work_list',
        "kind = 'capture'": 'hold_expiry lot_expiry transfer_facts transfer_sides',
        "debit = 'losses'": 'transfer_sides',
        "credit = 'losses'": 'transfer_sides',
        "created_at = created_at + interval '1 hour'": 'entry_time',
        'actor = null': 'transfer_reference',
        "idem_key = 'x'": 'hold_expiry lot_expiry',
        'requested_amount = 1': 'transfer_facts',
        'held_bonus_amount = 1': 'transfer_facts',
        'to_wallet = ERIN': 'transfer_reference transfer_sides',
        'to_wallet = ERIN, to_seq = 1': 'transfer_reference transfer_sides',
        'to_seq = 2': 'transfer_sides',
        'reverses = uuidv7()': 'transfer_facts',
        'hold_id = uuidv7()': 'hold_expiry hold_reference lot_draws transfer_facts work_list',
        "expires_at = clock_timestamp() + interval '1 hour'": 'transfer_facts',
        'expires_at = created_at': 'transfer_facts',
        'metadata = null': 'transfer_facts',
        'held_bonus_amount = null': 'transfer_facts',
        'hold_id = null': 'hold_expiry hold_reference lot_draws transfer_facts work_list',
      },
    },
    {
      of: 'the entry of an expiry',
      sql: editEntry(17),
      found: {
        'amount = amount + 1': 'asset_sum entry_balance lot_draws transfer_facts',
        'bonus_amount = bonus_amount + 1': 'asset_sum entry_balance transfer_facts',
        'held_amount = held_amount + 1': 'entry_balance transfer_facts',
        'balance = balance + 1': 'entry_balance',
        'bonus_balance = bonus_balance + 1': 'entry_balance',
        'held_balance = held_balance + 1': 'entry_balance',
        'paid_balance = paid_balance + 1': 'entry_balance',
        'free_balance = free_balance + 1': 'entry_balance',
        'topped_up_total = topped_up_total + 1': 'entry_balance',
        'granted_total = granted_total + 1': 'entry_balance',
        'spent_total = spent_total + 1': 'entry_balance',
        'sent_total = sent_total + 1': 'entry_balance',
        'wallet_id = EMMA': 'asset_sum entry_balance entry_seq lot_draws lot_expiry',
        "kind = 'top_up'": 'entry_balance lot_draws lot_expiry transfer_facts transfer_sides',
        "debit = 'losses'": 'asset_sum entry_balance transfer_sides',
        "credit = 'losses'": 'transfer_sides',
        "created_at = created_at + interval '1 hour'": 'entry_time',
        'actor = null': 'asset_sum lot_draws transfer_reference',
        "idem_key = 'x'": 'transfer_facts',
        'requested_amount = 1': 'transfer_facts',
        'held_bonus_amount = 1': 'transfer_facts',
        'to_wallet = ERIN': 'transfer_reference transfer_sides',
        'to_wallet = ERIN, to_seq = 1': 'transfer_reference transfer_sides',
        'to_seq = 2': 'transfer_sides',
        'reverses = uuidv7()': 'transfer_facts',
        'hold_id = uuidv7()': 'transfer_facts',
        "expires_at = clock_timestamp() + interval '1 hour'": 'transfer_facts',
        'expires_at = created_at': 'transfer_facts',
        'metadata = null': 'transfer_facts',
      },
    },
    {
      of: 'the entry of a transfer received',
      sql: editEntry(1, 'EMMA'),
      found: {
        'amount = amount + 1': 'entry_balance transfer_reference',
        'bonus_amount = bonus_amount + 1': 'entry_balance transfer_reference',
        'held_amount = held_amount + 1': 'entry_balance transfer_reference',
        'balance = balance + 1': 'asset_sum entry_balance',
        'bonus_balance = bonus_balance + 1': 'asset_sum entry_balance',
        'held_balance = held_balance + 1': 'entry_balance',
        'paid_balance = paid_balance + 1': 'entry_balance',
        'free_balance = free_balance + 1': 'entry_balance',
        'topped_up_total = topped_up_total + 1': 'entry_balance',
        'granted_total = granted_total + 1': 'entry_balance',
        'spent_total = spent_total + 1': 'entry_balance',
        'sent_total = sent_total + 1': 'entry_balance',
        'wallet_id = ERIN, seq = 9': 'asset_sum entry_balance entry_seq lot_reference transfer_reference',
        'transfer_id = uuidv7()': 'lot_reference transfer_reference',
        "kind = 'bonus'": 'entry_balance lot_reference transfer_reference',
        "debit = 'losses'": 'transfer_reference',
        "credit = 'losses'": 'entry_balance lot_order transfer_reference',
        "created_at = created_at + interval '1 hour'": 'transfer_reference',
        "actor = 'db:me', transfer_id = uuidv7()":
          'entry_balance lot_order lot_reference transfer_facts transfer_reference transfer_sides',
        "idem_key = 'x'": 'transfer_reference',
        'requested_amount = 12': 'transfer_reference',
        'held_bonus_amount = 0': 'transfer_reference',
        'to_wallet = DANA': 'transfer_reference',
        'to_seq = 1': 'transfer_reference',
        'reverses = uuidv7()': 'transfer_reference',
        'hold_id = uuidv7()': 'transfer_reference',
        "expires_at = clock_timestamp() + interval '1 hour'": 'transfer_reference',
        "metadata = '{}'": 'transfer_reference',
      },
    },
  ];

  it.each(edits)('finds each edit of $of', async ({ sql, found }) => {
    for (const [set, rules] of Object.entries(found))
      expect([set, await rulesAfter(sql.replace('SET', set))]).toEqual([set, rules]);
  });

  it.each([
    {
      what: 'a hold that is gone',
      sql: 'delete from ledger.holds where wallet_id = DANA and seq = 10',
      rules: 'hold_reference work_list',
    },
    {
      what: 'a hold that was put in',
      sql: `insert into ledger.holds select wallet_id, uuidv7(), 18, 1, 0, null, created_at
        from ledger.holds where wallet_id = DANA and seq = 5`,
      rules: 'hold_reference work_list',
    },
    {
      what: 'two holds that have changed places',
      sql: `update ledger.holds set seq = -seq
        where wallet_id = DANA and seq in (5, 10);
        update ledger.holds set seq = 15 + seq
        where wallet_id = DANA and seq < 0`,
      rules: 'hold_reference lot_draws',
    },
    {
      what: 'a lot that is gone',
      sql: 'delete from ledger.bonus_lots where wallet_id = DANA and seq = 15',
      rules: 'lot_balance lot_reference',
    },
    {
      what: 'a lot that was put in',
      sql: `insert into ledger.bonus_lots select wallet_id, 4, expires_at, 1
        from ledger.bonus_lots where wallet_id = DANA and seq = 2`,
      rules: 'lot_reference work_list',
    },
    {
      what: 'two lots that have changed places',
      sql: `update ledger.bonus_lots l set expires_at = o.expires_at from ledger.bonus_lots o
        where l.wallet_id = DANA and o.wallet_id = DANA and l.seq in (2, 3) and o.seq = 5 - l.seq`,
      rules: 'lot_balance lot_reference work_list',
    },
    {
      what: 'draws that are gone',
      sql: 'delete from ledger.bonus_lot_draws where wallet_id = DANA and seq = 17',
      rules: 'lot_draws lot_expiry work_list',
    },
    {
      what: 'the first draw of a lot that is gone',
      sql: 'delete from ledger.bonus_lot_draws where wallet_id = DANA and seq = 5 and lot_seq = 2',
      rules: 'lot_balance lot_draws',
    },
    {
      what: 'the newest draw of a lot that is gone',
      sql: 'delete from ledger.bonus_lot_draws where wallet_id = DANA and seq = 12',
      rules: 'lot_draws',
    },
    {
      what: 'a draw that was put in',
      sql: `insert into ledger.bonus_lot_draws select wallet_id, lot_seq, expires_at, 18, null, 1, 0, balance - 1, held_balance
        from ledger.bonus_lot_draws where wallet_id = DANA and seq = 12`,
      rules: 'lot_draws',
    },
    {
      what: 'a draw that changes nothing',
      sql: `insert into ledger.bonus_lot_draws select wallet_id, lot_seq, expires_at, 18, null, 0, 0, balance, held_balance
        from ledger.bonus_lot_draws where wallet_id = DANA and seq = 12`,
      rules: 'lot_draws',
    },
    {
      what: 'two draws that have changed places',
      sql: `update ledger.bonus_lot_draws set seq = -seq where wallet_id = DANA and lot_seq = 2 and seq in (6, 8);
        update ledger.bonus_lot_draws set seq = 14 + seq
        where wallet_id = DANA and seq < 0`,
      rules: 'lot_balance lot_draws',
    },
    {
      what: 'an open hold that is not on the list',
      sql: 'delete from ledger_private.open_holds where wallet_id = DANA',
      rules: 'work_list',
    },
    {
      what: 'a closed hold on the list',
      sql: `insert into ledger_private.open_holds select wallet_id, id, expires_at
        from ledger.holds where wallet_id = DANA and seq = 5`,
      rules: 'work_list',
    },
    {
      what: 'an open lot that is not on the list',
      sql: 'delete from ledger_private.open_lots where wallet_id = DANA and lot_seq = 2',
      rules: 'work_list',
    },
    {
      what: 'an empty lot on the list',
      sql: `insert into ledger_private.open_lots select wallet_id, expires_at, seq, expires_at
        from ledger.bonus_lots where wallet_id = DANA and seq = 15`,
      rules: 'work_list',
    },
    {
      what: 'the entry of a bonus that is gone',
      sql: `delete from ledger.entries where wallet_id = DANA and seq = 2`,
      rules: 'asset_sum entry_balance entry_seq lot_reference',
    },
    {
      what: 'the entry of a hold that is gone',
      sql: `delete from ledger.entries where wallet_id = DANA and seq = 5`,
      rules: 'entry_balance entry_seq hold_reference lot_draws',
    },
    {
      what: 'the entry of a spend that is gone',
      sql: `delete from ledger.entries where wallet_id = DANA and seq = 6`,
      rules: 'asset_sum entry_balance entry_seq lot_draws transfer_reversed transfer_sides',
    },
    {
      what: 'the entry of a capture that is gone',
      sql: `delete from ledger.entries where wallet_id = DANA and seq = 7`,
      rules: 'asset_sum entry_balance entry_seq lot_balance lot_draws transfer_facts work_list',
    },
    {
      what: 'the entry of a reversal that is gone',
      sql: `delete from ledger.entries where wallet_id = DANA and seq = 8`,
      rules: 'asset_sum entry_balance entry_seq lot_draws',
    },
    {
      what: 'the entry of a transfer that is gone',
      sql: `delete from ledger.entries where wallet_id = DANA and seq = 9`,
      rules: 'entry_balance entry_seq lot_balance lot_draws lot_reference transfer_reference',
    },
    {
      what: 'the entry of a release that is gone',
      sql: `delete from ledger.entries where wallet_id = DANA and seq = 12`,
      rules: 'entry_balance entry_seq lot_draws work_list',
    },
    {
      what: 'the entry of a release in time that is gone',
      sql: `delete from ledger.entries where wallet_id = DANA and seq = 16`,
      rules: 'entry_balance entry_seq hold_expiry lot_draws work_list',
    },
    {
      what: 'the entry of an expiry that is gone',
      sql: `delete from ledger.entries where wallet_id = DANA and seq = 17`,
      rules: 'asset_sum entry_balance entry_seq lot_draws lot_expiry',
    },
    {
      what: 'the entry of a transfer received that is gone',
      sql: `delete from ledger.entries where wallet_id = EMMA and seq = 1`,
      rules: 'asset_sum lot_reference transfer_reference',
    },
    {
      what: 'both entries of a transfer that are gone',
      sql: `delete from ledger.entries
        where transfer_id = (select transfer_id from ledger.entries where wallet_id = EMMA and seq = 1)`,
      rules: 'asset_sum entry_balance entry_seq lot_balance lot_draws lot_reference',
    },
    {
      what: 'the entry of a top-up doubled',
      sql: `insert into ledger.entries
        select (jsonb_populate_record(e, jsonb_build_object('seq', 19, 'transfer_id', uuidv7(), 'idem_key', 'double'))).*
        from ledger.entries e where wallet_id = DANA and seq = 18`,
      rules: 'asset_sum entry_balance',
    },
    {
      what: 'the entry of a transfer doubled',
      sql: `insert into ledger.entries
        select (jsonb_populate_record(e, jsonb_build_object('seq', 19, 'transfer_id', uuidv7(), 'idem_key', 'double'))).*
        from ledger.entries e where wallet_id = DANA and seq = 9`,
      rules: 'asset_sum entry_balance entry_time lot_order transfer_reference',
    },
    {
      what: 'the entry of a transfer received doubled',
      sql: `insert into ledger.entries
        select (jsonb_populate_record(e, jsonb_build_object('seq', 19, 'transfer_id', uuidv7(), 'idem_key', 'double'))).*
        from ledger.entries e where wallet_id = EMMA and seq = 1`,
      rules: 'entry_balance entry_seq transfer_reference',
    },
    {
      what: 'the entry of a hold doubled',
      sql: `insert into ledger.entries
        select (jsonb_populate_record(e, jsonb_build_object('seq', 19, 'transfer_id', uuidv7(), 'idem_key', 'double'))).*
        from ledger.entries e where wallet_id = DANA and seq = 10`,
      rules: 'asset_sum entry_balance entry_time hold_reference lot_order transfer_facts',
    },
  ])('finds $what', async ({ sql, rules }) => {
    expect(await rulesAfter(sql, true)).toBe(rules);
  });
});
