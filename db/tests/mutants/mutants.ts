/**
 * Deliberate faults, and the tests that should turn red on each: `npm run mutants`. One that none notices is a missing test.
 * (`fsync = off` is not among them: where a process is killed, the system still writes what it was given.)
 */

/** A change of a function's file, which has `from` so many times. */
export interface Edit {
  /** Below db/functions, without its ending. */
  file: string;
  from: string;
  to: string;
  times: number;
}

/** A fault in the schema. */
export interface SchemaMutant {
  name: string;
  /** Who should notice first: files below db/tests, without their ending. The others are asked where these do not. */
  tests: string[];
  edits?: Edit[];
  /** Statements of the schema's owner, run after the functions. */
  sql?: string;
}

/** A fault in the server's settings, which shows in a crash only. */
export interface SettingMutant {
  name: string;
  /** What `npm run prove` is given. */
  prove: { args: string[]; settings: Record<string, string> };
}

export type Mutant = SchemaMutant | SettingMutant;

const edit = (file: string, from: string, to: string, times = 1): Edit => ({ file, from, to, times });
const helper = (name: string, from: string, to: string, times = 1): Edit =>
  edit(`ledger_private/${name}`, from, to, times);

const LOCKS: Mutant[] = [
  {
    name: 'a posting locks nothing',
    tests: ['concurrency'],
    edits: [helper('post', ' for no key update', '', 4)],
  },
  {
    name: 'a transfer locks its wallets in the order of the call',
    tests: ['concurrency'],
    edits: [
      helper('post', 'if counterparty_id < wallet_id then', 'if false then'),
      helper('post', 'if counterparty_id > wallet_id then', 'if counterparty_id is not null then'),
    ],
  },
  {
    name: 'a posting locks its wallets FOR UPDATE',
    tests: ['composability'],
    edits: [helper('post', ' for no key update', ' for update', 4)],
  },
  {
    name: 'a posting locks the house before the player',
    tests: ['concurrency', 'reversal_pairs'],
    edits: [
      helper(
        'post',
        '  -- Locks are always taken in the same order',
        `  perform from ledger.wallets w
    where w.asset_code = (select p.asset_code from ledger.wallets p where p.id = post.wallet_id)
      and w.house = post.house and w.stripe = ledger.wallet_stripe(post.wallet_id) for no key update;
  -- Locks are always taken in the same order`,
      ),
    ],
  },
  {
    name: 'a posting reads the newest entry before it locks the wallet',
    tests: ['concurrency'],
    edits: [
      helper(
        'post',
        `  select e.* into v_head from ledger.entries e where e.wallet_id = post.wallet_id order by e.seq desc limit 1;
  if counterparty_id is not null`,
        '  if counterparty_id is not null',
      ),
      helper(
        'post',
        '  -- Locks are always taken in the same order',
        `  select e.* into v_head from ledger.entries e where e.wallet_id = post.wallet_id order by e.seq desc limit 1;
  -- Locks are always taken in the same order`,
      ),
    ],
  },
  {
    name: "an asset has one wallet for all of the house's side",
    tests: ['concurrency'],
    edits: [helper('post', 'w.stripe = ledger.wallet_stripe(post.wallet_id)', 'w.stripe = 0')],
  },
  {
    name: 'holds, captures, releases and reversals lock no player',
    tests: ['holds', 'reversal_pairs'],
    edits: [helper('prepare', ' for no key update', '', 3)],
  },
  {
    name: 'the reversal of a transfer locks the receiver last',
    tests: ['reversal_pairs'],
    edits: [
      edit(
        'ledger/wallet_reverse',
        'ledger_private.prepare(v_transfer, false, v_other.id)',
        'ledger_private.prepare(v_transfer, false)',
      ),
    ],
  },
  {
    name: 'the reversal of a batch posting locks the house last',
    tests: ['reversal_pairs'],
    edits: [edit('ledger/wallet_reverse', 'if v_other.stripe = 32 then', 'if false then')],
  },
  {
    name: 'a batch locks its players in descending order',
    tests: ['ledger/wallet_post_batch'],
    edits: [
      helper(
        'lock_batch',
        'w.house is null order by w.id for no key update',
        'w.house is null order by w.id desc for no key update',
      ),
    ],
  },
  {
    name: 'a batch books against the stripes of single calls',
    tests: ['ledger/wallet_post_batch'],
    edits: [helper('lock_batch', 'w.stripe = 32', 'w.stripe = 0')],
  },
  {
    name: 'the sweep waits for who is at work on a wallet',
    tests: ['holds'],
    edits: [helper('sweep', ' skip locked', '')],
  },
  {
    name: 'one wallet that cannot be settled stops the others',
    tests: ['ledger/wallet_expire_due'],
    edits: [helper('settle_each', 'if left(sqlstate, 2) = any (c_elsewhere) then', 'if true then')],
  },
  {
    name: 'a deadlock is taken for the fault of a wallet',
    tests: ['ledger/wallet_expire_due'],
    edits: [helper('settle_each', 'if left(sqlstate, 2) = any (c_elsewhere) then', 'if false then')],
  },
  {
    name: 'a wallet counts as settled though nothing moved',
    tests: ['ledger/wallet_expire_due'],
    edits: [
      helper('settle_each', 'if cardinality(ledger_private.still_due(wallet_ids, at_time)) > 0 then', 'if false then'),
    ],
  },
  {
    name: 'wallets that fail come back at the front of each sweep',
    tests: ['ledger/wallet_expire_due'],
    edits: [edit('ledger/wallet_expire_due', 'v_passed := v_passed || v_due;', 'exit;')],
  },
  {
    name: 'above READ COMMITTED nobody asks whether the snapshot is stale',
    tests: ['concurrency'],
    edits: [helper('check_snapshot', "current_setting('transaction_isolation') = 'read committed'", 'true')],
  },
];

const KEYS: Mutant[] = [
  {
    name: 'no posting looks its key up',
    tests: ['ledger/wallet_spend'],
    edits: [helper('post', 'if v_used then', 'if false then')],
  },
  {
    name: 'no posting looks its key up, and keys need not be unique',
    tests: ['ledger/wallet_spend'],
    edits: [helper('post', 'if v_used then', 'if false then')],
    sql: 'alter table ledger.transfers drop constraint transfers_wallet_id_idem_key_key',
  },
  {
    name: 'keys need not be unique',
    tests: ['immutability'],
    sql: 'alter table ledger.transfers drop constraint transfers_wallet_id_idem_key_key',
  },
  {
    name: 'a key is unique in the ledger, not in its wallet',
    tests: ['ledger/wallet_top_up'],
    sql: 'create unique index on ledger.transfers (idem_key)',
  },
  {
    name: 'no hold, capture, release or reversal looks its key up',
    tests: ['ledger/wallet_hold'],
    edits: [
      helper(
        'prepare',
        'if exists (select from ledger.transfers t where t.wallet_id = request.wallet_id and t.idem_key = request.idem_key) then',
        'if false then',
      ),
    ],
  },
  ...[
    { what: 'kind', test: 'wallet_spend', line: "      (1, 'kind', first.kind::text, request.kind::text),\n" },
    {
      what: 'wallets',
      test: 'wallet_transfer',
      line: "      (2, 'to_wallet', case first.kind when 'transfer' then first.credit_wallet_id::text end, request.credit_wallet_id::text),\n",
    },
    {
      what: 'hold',
      test: 'wallet_capture',
      line: "      (3, 'hold_id', case when first.kind <> 'hold' then first.hold_id::text end, request.hold_id::text),\n",
    },
    {
      what: 'transfer to reverse',
      test: 'wallet_reverse',
      line: "      (4, 'transfer_id', first.reverses::text, request.reverses::text),\n",
    },
    {
      what: 'amount',
      test: 'wallet_spend',
      line: "      (5, 'amount', first.requested_amount::text, request.requested_amount::text),\n",
    },
    {
      what: 'expiry',
      test: 'wallet_bonus',
      line: "      (6, 'expires_at', ledger_private.in_utc(first.expires_at) #>> '{}', ledger_private.in_utc(request.expires_at) #>> '{}'),\n",
    },
    {
      what: 'metadata',
      test: 'wallet_spend',
      line: ",\n      (7, 'metadata', first.metadata::text, request.metadata::text)",
    },
  ].map(({ what, test, line }) => ({
    name: `a key that comes again is compared without the ${what}`,
    tests: [`ledger/${test}`],
    edits: [helper('check_replay', line, '')],
  })),
  {
    name: "a repetition returns today's balances",
    tests: ['ledger/wallet_spend'],
    edits: [
      helper(
        'replay',
        `
      and e.seq = case when v_first.debit_wallet_id = v_first.wallet_id then v_first.debit_seq else v_first.credit_seq end`,
        ' order by e.seq desc limit 1',
      ),
    ],
  },
  {
    name: 'a repetition is not called one',
    tests: ['ledger/wallet_spend'],
    edits: [helper('replay', 'receipt(v_first, v_entry, true)', 'receipt(v_first, v_entry, false)')],
  },
  {
    name: 'a repetition is judged by the status of the wallet',
    tests: ['ledger/wallet_spend'],
    edits: [
      helper(
        'post',
        '  if v_used then',
        '  perform ledger_private.check_status(v_wallet, v_leaving);\n  if v_used then',
      ),
    ],
  },
  {
    name: 'a repetition is judged by whether its expiry has passed',
    tests: ['ledger/wallet_bonus'],
    edits: [
      helper(
        'post',
        '  if v_used then',
        '  perform ledger_private.check_expiry(wallet_id, expires_at, clock_timestamp());\n  if v_used then',
      ),
    ],
  },
  {
    name: 'an item that comes twice in a batch is two',
    tests: ['ledger/wallet_post_batch'],
    edits: [helper('number_batch', 'having count(*) > 1', 'having false')],
  },
];

const FUNDS: Mutant[] = [
  {
    name: 'funds are left to the constraints',
    tests: ['ledger/wallet_spend'],
    edits: [helper('judge', 'if entry.balance < entry.held_balance then', 'if false then')],
  },
  {
    name: 'a balance may be negative',
    tests: ['immutability'],
    sql: 'alter table ledger.entries drop constraint entries_balance_is_not_negative',
  },
  {
    name: 'nobody looks at funds, and a balance may be negative',
    tests: ['ledger/wallet_spend'],
    edits: [helper('judge', 'if entry.balance < entry.held_balance then', 'if false then')],
    sql: `alter table ledger.entries drop constraint entries_balance_is_not_negative,
      drop constraint entries_bonus_balance_is_part_of_balance, drop constraint entries_held_balance_is_part_of_balance`,
  },
  {
    name: 'more than the balance may be reserved',
    tests: ['immutability'],
    sql: 'alter table ledger.entries drop constraint entries_held_balance_is_part_of_balance',
  },
  {
    name: 'what is reserved can be spent',
    tests: ['ledger/wallet_spend'],
    edits: [helper('judge', 'if entry.balance < entry.held_balance then', 'if entry.balance < 0 then')],
    sql: 'alter table ledger.entries drop constraint entries_held_balance_is_part_of_balance',
  },
  {
    name: 'a receipt calls available what is reserved',
    tests: ['ledger/wallet_hold'],
    edits: [helper('receipt', 'entry.balance - entry.held_balance', 'entry.balance')],
  },
  {
    name: 'an amount may be negative',
    tests: ['ledger/wallet_spend'],
    edits: [helper('check_request', 'amount not between 1 and 1000000000000000', 'amount > 1000000000000000')],
  },
  {
    name: 'an amount may be as large as its type',
    tests: ['ledger/wallet_spend'],
    edits: [helper('check_request', 'amount not between 1 and 1000000000000000', 'amount < 1')],
  },
  {
    name: 'a balance may grow as large as its type',
    tests: ['ledger/wallet_top_up'],
    edits: [
      helper(
        'judge',
        'if greatest(entry.balance, entry.topped_up_total, entry.granted_total, entry.spent_total, other_entry.balance) > c_max then',
        'if false then',
      ),
    ],
  },
  {
    name: 'house wallets are arguments like others',
    tests: ['privileges'],
    edits: [helper('post', ' and w.house is null for no key update', ' for no key update', 3)],
  },
  {
    name: 'a frozen wallet can spend',
    tests: ['ledger/wallet_freeze'],
    edits: [helper('check_status', "if wallet.status = 'frozen' and leaving then", 'if false then')],
  },
  {
    name: 'a closed wallet takes top-ups',
    tests: ['ledger/wallet_close'],
    edits: [helper('check_status', "if wallet.status = 'closed' then", "if wallet.status = 'closed' and leaving then")],
  },
  {
    name: 'a wallet with credits can be closed',
    tests: ['ledger/wallet_close'],
    edits: [helper('change_status', 'if v_head.balance > 0 then', 'if false then')],
  },
  {
    name: 'no posting looks at limits',
    tests: ['ledger/asset_limit_set'],
    edits: [helper('post', 'if v_limited or ', 'if ')],
  },
  {
    name: 'the limit of 24 hours is not looked at',
    tests: ['ledger/asset_limit_set'],
    edits: [helper('check_limits', "array['top_up'], limits.max_daily_top_up", "array['top_up'], null::bigint")],
  },
  {
    name: 'the limit of 24 hours is one of a lifetime',
    tests: ['ledger/asset_limit_set'],
    edits: [helper('judge_by_limits', "interval '24 hours'", "interval '2400 years'")],
  },
];

const LOG: Mutant[] = [
  {
    name: 'entries are numbered from a sequence',
    tests: ['ledger/wallet_spend'],
    edits: [
      helper('next_entry', 'v_entry.seq := v_entry.seq + 1', "v_entry.seq := nextval('ledger_private.entry_numbers')"),
    ],
    sql: 'create sequence ledger_private.entry_numbers',
  },
  {
    name: 'a hash leaves the entry before out',
    tests: ['hash'],
    edits: [helper('entry_hash', 'coalesce(previous_hash, ', 'coalesce(null::bytea, ')],
  },
  {
    name: "a hash follows the other wallet's entry",
    tests: ['ledger/wallet_top_up'],
    edits: [
      helper(
        'post',
        '  v_other_entry.hash := ledger_private.link_hash(',
        '  v_other_entry.hash := v_entry.hash;\n  v_other_entry.hash := ledger_private.link_hash(',
      ),
    ],
  },
  {
    name: "a batch's hashes follow the newest entry before it",
    tests: ['ledger/wallet_post_batch'],
    edits: [helper('write_batch', 'v_hashes[v_befores[n]]', 'v_hashes[v_numbers[n]]')],
  },
  {
    name: 'a hash leaves the metadata out',
    tests: ['hash'],
    edits: [helper('transfer_bytes', "convert_to(transfer.metadata::text, 'UTF8'),", '')],
  },
  {
    name: 'a hash leaves the actor out',
    tests: ['hash'],
    edits: [
      helper(
        'transfer_bytes',
        "convert_to(transfer.metadata::text, 'UTF8'),\n      convert_to(transfer.actor, 'UTF8')",
        "convert_to(transfer.metadata::text, 'UTF8')",
      ),
    ],
  },
  {
    name: "a wallet's time runs backwards where the clock does",
    tests: ['ledger/wallet_top_up'],
    edits: [helper('next_entry', 'if at_time > v_entry.created_at then', 'if true then')],
  },
  {
    name: 'the balance at an instant leaves out what was booked at it',
    tests: ['seq_at'],
    edits: [helper('seq_at', '    if v_time <= at_time then', '    if v_time < at_time then')],
  },
  ...['seq', 'balance', 'time', 'hash', 'reference', 'transfer'].map((rule) => ({
    name: `ledger_verify() is blind to entry_${rule}`,
    tests: ['ledger/ledger_verify'],
    edits: [helper('verify_entries', `('entry_${rule}', g.breaks_${rule},`, `('entry_${rule}', false,`)],
  })),
  ...['reference', 'sides', 'facts'].map((rule) => ({
    name: `ledger_verify() is blind to transfer_${rule}`,
    tests: ['ledger/ledger_verify'],
    edits: [helper('verify_transfers', `('transfer_${rule}', g.breaks_${rule},`, `('transfer_${rule}', false,`)],
  })),
  {
    name: 'ledger_verify() is blind to hold_expiry',
    tests: ['tampering'],
    edits: [helper('verify_entries', "('hold_expiry', g.breaks_hold,", "('hold_expiry', false,")],
  },
  {
    name: 'ledger_verify() is blind to asset_sum',
    tests: ['ledger/ledger_verify'],
    edits: [helper('verify_sums', 's.debit <> s.credit or s.debit_bonus <> s.credit_bonus', 'false')],
  },
  {
    name: 'ledger_verify() is blind to lot_order',
    tests: ['tampering'],
    edits: [helper('verify_order', 'if v_first < v_step.emptied then', 'if false then')],
  },
];

const BONUS: Mutant[] = [
  {
    name: 'paid credits are spent before bonus ones',
    tests: ['ledger/wallet_spend'],
    edits: [
      helper(
        'post',
        'ledger_private.bonus_part(kind, amount, v_bonus)',
        `case when v_leaving
    then greatest(amount - (v_head.balance - v_head.bonus_balance), 0) else ledger_private.bonus_part(kind, amount, v_bonus) end`,
      ),
    ],
  },
  {
    name: 'the latest expiry is spent first',
    tests: ['ledger/wallet_spend'],
    edits: [
      helper('load_lots', 'order by w.number, w.expires_at, w.seq)', 'order by w.number, w.expires_at desc, w.seq)'),
    ],
  },
  {
    name: 'expired credits can be spent until the sweep comes',
    tests: ['ledger/wallet_spend'],
    edits: [
      helper(
        'post',
        'v_expiry <= v_now and ledger_private.settle(',
        'v_expiry <= v_now and false and ledger_private.settle(',
      ),
    ],
  },
  {
    name: 'the sweep takes what a hold pins',
    tests: ['awkward_pairs'],
    edits: [helper('due_lots', 's.balance - s.held_balance', 's.balance', 2)],
    sql: `alter table ledger.bonus_lot_draws drop constraint bonus_lot_draws_held_balance_is_part_of_balance;
      alter table ledger.entries drop constraint entries_held_balance_is_part_of_balance,
        drop constraint entries_bonus_balance_is_part_of_balance, drop constraint entries_balance_is_not_negative`,
  },
  {
    name: 'what has expired is called available until it is booked',
    tests: ['ledger/wallets_available'],
    edits: [helper('available_at', 'if head.bonus_balance > 0 then', 'if false then')],
  },
  {
    name: 'credits that are transferred lose their expiry',
    tests: ['ledger/wallet_transfer'],
    edits: [
      helper(
        'move_lots',
        "continue when v_transfer.kind not in ('bonus', 'transfer')",
        "continue when v_transfer.kind <> 'bonus'",
      ),
    ],
  },
  {
    name: 'what a hold pinned does not expire when the hold ends',
    tests: ['awkward_pairs'],
    edits: [edit('ledger/wallet_release', 'if v_hold.bonus_amount > 0 then', 'if false then')],
  },
  {
    name: 'what expires is taken from its lots by way of text',
    tests: ['settings'],
    edits: [helper('expire_due_lots', 'null, null)::ledger.bonus_lot_draws;', 'null, null);')],
  },
  {
    name: "refusals tell instants in the session's zone",
    tests: ['settings'],
    edits: [helper('in_utc', "set timezone = 'UTC'\n", '')],
  },
];

const HOLDS: Mutant[] = [
  {
    name: 'more than there is can be reserved, as far as the constraints let it',
    tests: ['ledger/wallet_hold'],
    edits: [edit('ledger/wallet_hold', 'if v_entry.held_balance > v_entry.balance then', 'if false then')],
  },
  {
    name: 'whether a hold is open is left to the index',
    tests: ['ledger/wallet_capture'],
    edits: [helper('open_hold', 'if found then', 'if false then')],
  },
  {
    name: 'a hold may end twice',
    tests: ['immutability'],
    sql: 'drop index ledger.transfers_hold_closed_once_idx',
  },
  {
    name: 'a hold can be captured twice',
    tests: ['ledger/wallet_capture'],
    edits: [helper('open_hold', 'if found then', 'if false then')],
    sql: 'drop index ledger.transfers_hold_closed_once_idx',
  },
  {
    name: 'a capture takes more than the hold reserved',
    tests: ['ledger/wallet_capture'],
    edits: [edit('ledger/wallet_capture', 'if v_transfer.amount > v_hold.amount then', 'if false then')],
  },
  {
    name: 'a capture in part leaves the rest reserved',
    tests: ['ledger/wallet_capture'],
    edits: [
      edit(
        'ledger/wallet_capture',
        '    -v_hold.amount, v_prepared.at_time',
        '    -v_transfer.amount, v_prepared.at_time',
      ),
    ],
  },
  {
    name: 'a hold that has expired lowers what is available until it is booked',
    tests: ['ledger/wallets_available'],
    edits: [helper('available_at', 'if head.held_balance > 0 then', 'if false then')],
  },
  {
    name: 'a hold that has expired is shown as open until it is booked',
    tests: ['ledger/holds_status'],
    edits: [edit('ledger/holds_status', 'hold.expires_at <= statement_timestamp()', 'false')],
  },
  {
    name: 'a hold that has expired still explains a part of the balance',
    tests: ['ledger/wallet_explain'],
    edits: [edit('ledger/wallet_explain', "coalesce(h.expires_at, 'infinity') > statement_timestamp()", 'true')],
  },
  {
    name: 'a receipt shows as available what the same commit books to breakage',
    tests: ['receipts_after_expiry'],
    edits: [helper('settled_receipt', 'if entry.bonus_balance > 0 then', 'if false then')],
  },
  {
    name: 'a hold that has expired is open until the sweep comes',
    tests: ['ledger/wallet_capture'],
    edits: [helper('settle', 'perform ledger_private.free_due_holds(wallet_ids, at_time);', '')],
  },
];

const REVERSALS: Mutant[] = [
  {
    name: 'a movement is reversed as often as asked',
    tests: ['ledger/wallet_reverse'],
    edits: [
      edit('ledger/wallet_reverse', 'and r.reverses = transfer_id;', 'and r.reverses = transfer_id and false;'),
      helper('reversible_parts', 'and r.reverses = original.id', 'and r.reverses = original.id and false'),
    ],
  },
  {
    name: 'more than is left is reversed as far as funds allow',
    tests: ['ledger/wallet_reverse'],
    edits: [edit('ledger/wallet_reverse', ' or v_left = 0 or v_transfer.amount > v_left then', ' then')],
  },
  {
    name: 'a refund gives bonus credits back before paid ones',
    tests: ['ledger/wallet_reverse'],
    edits: [helper('reversal_plan', "array['paid', 'bonus', 'lot']", "array['bonus', 'lot', 'paid']")],
  },
  {
    name: 'the reversal of a top-up takes bonus credits',
    tests: ['ledger/wallet_reverse'],
    edits: [
      helper(
        'free_part',
        "when 'paid' then head.balance - head.bonus_balance - (head.held_balance - held_bonus)",
        "when 'paid' then head.balance - head.held_balance",
      ),
    ],
  },
];

const BATCHES: Mutant[] = [
  {
    name: 'a batch leaves out what is refused and all after it, and books the rest',
    tests: ['ledger/wallet_post_batch'],
    edits: [
      helper(
        'plan_batch',
        "    perform ledger_private.refuse(sqlstate, sqlerrm, v_detail::jsonb || jsonb_build_object('index', v_place - 1), v_hint);",
        `    if v_rows[v_place] is not null then
      v_rows[v_place] := null;
      v_bonus_amounts[v_place] := null;
      v_numbers := v_numbers[1:v_row - 1];
    end if;
    return row(v_rows, v_bonus_amounts, v_numbers, v_befores, v_seqs, v_balances, v_bonus_balances, v_topped_up, v_granted, v_spent);`,
      ),
      helper(
        'batch_receipts',
        '    else\n      v_receipts[v_place] := ledger_private.replay(',
        `    elsif exists (select from ledger.transfers t
        where t.wallet_id = requests[v_place].wallet_id and t.idem_key = requests[v_place].idem_key) then
      v_receipts[v_place] := ledger_private.replay(`,
      ),
    ],
  },
  {
    name: 'a batch does not see its own earlier items',
    tests: ['ledger/wallet_post_batch'],
    edits: [helper('plan_batch', '    v_newest[v_number] := v_row;\n', '')],
  },
  {
    name: 'a batch does not look at funds where an item is within the balance before it',
    tests: ['ledger/wallet_post_batch'],
    edits: [
      helper(
        'plan_batch',
        'if batch.judged or v_balances[v_row] < v_held[v_number] then',
        'if batch.judged or v_balances[v_number] < v_item.amount then',
      ),
    ],
  },
  {
    name: 'a batch does not look at what is reserved',
    tests: ['ledger/wallet_post_batch'],
    edits: [
      helper(
        'plan_batch',
        'if batch.judged or v_balances[v_row] < v_held[v_number] then',
        'if batch.judged or v_balances[v_row] < 0 then',
      ),
    ],
    sql: 'alter table ledger.entries drop constraint entries_held_balance_is_part_of_balance',
  },
  {
    name: 'a batch does not look at limits',
    tests: ['ledger/wallet_post_batch'],
    edits: [helper('load_batch', 'cardinality(v_limits) > 0 is true or ', '')],
  },
  {
    name: 'a batch counts beyond the end of what is counted',
    tests: ['ledger/wallet_post_batch'],
    edits: [helper('load_batch', '(v_heads.largest + v_numbers.total > 9000000000000000000) is not false', 'false')],
  },
  {
    name: 'a batch takes amounts that are refused off what it counts to',
    tests: ['ledger/wallet_post_batch'],
    edits: [helper('number_batch', 'sum(greatest(n.amount, 0))', 'sum(n.amount)')],
  },
  {
    name: 'a batch does not book what is due first',
    tests: ['ledger/wallet_post_batch'],
    edits: [helper('load_batch', 'if ledger_private.has_due(v_open, batch.at_time) then', 'if false then')],
  },
];

const GUARDS: Mutant[] = [
  {
    name: 'entries can be inserted by hand',
    tests: ['immutability'],
    sql: 'alter table ledger.entries disable trigger _100_guard_insert',
  },
  {
    name: 'entries can be changed',
    tests: ['immutability'],
    sql: 'alter table ledger.entries disable trigger _200_append_only',
  },
  {
    name: "a wallet's owner can be changed",
    tests: ['immutability'],
    sql: 'alter table ledger.wallets disable trigger _300_status_only',
  },
  {
    name: "a wallet's status can be changed by hand",
    tests: ['immutability'],
    sql: 'alter table ledger.wallets disable trigger _200_guard_update',
  },
  {
    name: 'the tables stay open after a call',
    tests: ['composability'],
    edits: [helper('write_all', "v_guard := set_config('ledger.posting', '', true);", '')],
  },
  {
    name: 'services may change entries',
    tests: ['privileges'],
    sql: 'grant update on ledger.entries to wallet_service',
  },
  ...['wallets', 'transfers', 'entries', 'holds', 'bonus_lots'].map((table) => ({
    name: `every role sees all rows of ${table}`,
    tests: ['privileges'],
    sql: `alter table ledger.${table} disable row level security`,
  })),
  {
    name: 'a player sees all entries',
    tests: ['privileges'],
    sql: 'alter policy players_see_their_own on ledger.entries using (true)',
  },
  {
    name: "a service sees the house's wallets",
    tests: ['privileges'],
    sql: 'alter policy services_see_every_player on ledger.wallets using (true)',
  },
  {
    name: 'everybody may top up',
    tests: ['privileges'],
    sql: 'grant execute on function ledger.wallet_top_up(uuid, bigint, text, jsonb) to public',
  },
  {
    name: 'a service may reverse',
    tests: ['privileges'],
    sql: 'grant execute on function ledger.wallet_reverse(uuid, uuid, text, bigint, jsonb) to wallet_service',
  },
  {
    name: "a function with the owner's rights finds what its caller put in the way",
    tests: ['composability'],
    sql: 'alter function ledger.wallet_spend(uuid, bigint, text, jsonb) reset search_path',
  },
  {
    name: 'whoever sets a claim is believed',
    tests: ['composability'],
    edits: [helper('actor', "session_user = 'wallet_gateway'", "current_setting('jwt.claims.sub', true) <> ''")],
  },
  {
    name: 'policies believe whoever sets a claim',
    tests: ['privileges'],
    edits: [helper('claimed_subject', "session_user = 'wallet_gateway'", 'true')],
  },
  {
    name: 'a policy reads the claim by itself',
    tests: ['privileges'],
    sql: `alter policy players_see_their_own on ledger.wallets
      using (house is null and owner_id = (select nullif(current_setting('jwt.claims.sub', true), '')))`,
  },
  {
    name: 'every login may take the turn of the poller',
    tests: ['privileges'],
    sql: 'grant usage on schema gateway to public; grant execute on function gateway.take_poller_turn() to public',
  },
];

const CRASHES: Mutant[] = [
  {
    name: 'synchronous_commit = off with a crash',
    prove: { args: ['--seed', '1', '--seconds', '20', '--faults', 'kill'], settings: { synchronous_commit: 'off' } },
  },
];

const PROOFS: Mutant[] = [
  {
    name: 'the feed has no horizon',
    tests: ['ledger/ledger_events'],
    edits: [edit('ledger/ledger_events', ' and t.xid < v_horizon', '')],
  },
  {
    name: 'the feed ends with what has begun instead of what has ended',
    tests: ['ledger/ledger_events'],
    edits: [edit('ledger/ledger_events', 'pg_snapshot_xmin', 'pg_snapshot_xmax')],
  },
  {
    name: 'the feed is in the order of ids',
    tests: ['ledger/ledger_events'],
    edits: [edit('ledger/ledger_events', 'order by t.xid, t.id', 'order by t.id')],
  },
  {
    name: 'the feed goes on from a cursor that is not there',
    tests: ['ledger/ledger_events'],
    edits: [edit('ledger/ledger_events', 'elsif not exists', 'elsif false and not exists')],
  },
  {
    name: 'the feed of a restored ledger is read as before',
    tests: ['restore'],
    edits: [helper('feed_epoch', 'if ledger_private.is_moved() then', 'if false then')],
  },
  {
    name: 'a transfer that replication brings keeps its place',
    tests: ['moved'],
    edits: [helper('tg_entries__arrived', "  NEW.xid := '18446744073709551615';\n", '')],
  },
  {
    name: 'the epochs that replication brings collide with those that are there',
    tests: ['moved'],
    edits: [helper('tg_feed_epochs__arrived', 'where e.epoch = NEW.epoch or', 'where')],
  },
  {
    name: 'a transfer that names a transaction which has not begun is taken for one of here',
    tests: ['moved'],
    edits: [helper('is_moved', 't.xid >= h.next', 'false')],
  },
  {
    name: 'of a moved ledger all counts as sealed',
    tests: ['moved'],
    edits: [helper('place_of_old', "then '1' else '0' end", "then '0' else '0' end")],
  },
  {
    name: 'a new epoch keeps the old places',
    tests: ['restore'],
    edits: [
      helper('begin_epoch', "if exists (select from ledger.transfers t where t.xid > '0') then", 'if false then'),
    ],
  },
  {
    name: 'a batch has no place in the feed of its transaction',
    tests: ['ledger/ledger_events'],
    edits: [helper('write_batch', '          pg_current_xact_id()', "          '0'::xid8")],
  },
  {
    name: 'a seal has no horizon',
    tests: ['ledger/ledger_seal'],
    edits: [edit('ledger/ledger_seal', 'pg_snapshot_xmin', 'pg_snapshot_xmax')],
  },
  {
    name: 'a seal takes no lock',
    tests: ['ledger/ledger_seal'],
    edits: [edit('ledger/ledger_seal', '  lock table ledger.blocks in share row exclusive mode;\n', '')],
  },
  {
    name: 'a seal keeps everybody from posting',
    tests: ['ledger/ledger_seal'],
    edits: [edit('ledger/ledger_seal', 'lock table ledger.blocks in', 'lock table ledger.blocks, ledger.transfers in')],
  },
  {
    name: 'a seal does not know the one before',
    tests: ['ledger/ledger_seal'],
    edits: [edit('ledger/ledger_seal', '  v_seal.previous := v_last.hash;\n', '')],
  },
  {
    name: 'a seal begins where the last began',
    tests: ['ledger/ledger_seal'],
    edits: [edit('ledger/ledger_seal', '    v_start := v_until;\n', '    exit;\n')],
  },
  {
    name: 'the hash of a seal leaves out its root',
    tests: ['ledger/ledger_seal'],
    edits: [helper('seal_hash', 'array[seal.root, seal.previous', 'array[seal.previous')],
  },
  {
    name: 'a leaf of a seal leaves out the entry',
    tests: ['ledger/ledger_seal'],
    edits: [helper('seal_leaf', ' || hash)', ')')],
  },
  {
    name: 'nodes of a seal are hashed like leaves',
    tests: ['ledger/ledger_seal'],
    edits: [helper('merkle_root', String.raw`E'\\x01'`, String.raw`E'\\x00'`)],
  },
  {
    name: 'a seal that was kept elsewhere is looked for by its number alone',
    tests: ['ledger/ledger_verify_seals'],
    edits: [helper('verify_kept', 'where s is distinct from k', 'where s.seq is null')],
  },
  {
    name: 'the links between seals are not proved',
    tests: ['ledger/ledger_verify_seals'],
    edits: [helper('verify_seals', ' or s.previous is distinct from s.expected', '')],
  },
  {
    name: 'seals are proved from what was sealed, not from what is there',
    tests: ['ledger/ledger_verify_seals'],
    edits: [
      helper(
        'verify_seals',
        'where s.root is distinct from ledger_private.merkle_root(b.leaves || r.leaves) or ',
        'where ',
      ),
    ],
  },
  {
    name: 'events of wallets are not proved',
    tests: ['every_column'],
    edits: [helper('verify_events', 'or c.hash is distinct from', 'or false and c.hash is distinct from')],
  },
  {
    name: 'limits and verifications are not proved',
    tests: ['records'],
    edits: [helper('verify_records', 'or c.hash is distinct from', 'or false and c.hash is distinct from')],
  },
  {
    name: 'what was sealed beside the entries is not looked for',
    tests: ['records'],
    edits: [helper('verify_seals', 'where r.seq is null or s.seq is null', 'where false')],
  },
  {
    name: 'two proofs at a time take the same number',
    tests: ['records'],
    edits: [edit('ledger/ledger_prove', '  lock table ledger.verifications in share row exclusive mode;\n', '')],
  },
  {
    name: 'a large ledger is proved for the first part of its wallets only',
    tests: ['verify_parts'],
    edits: [edit('ledger/ledger_verify', "'0123456789abcdef'", "'0'")],
  },
  {
    name: 'what a seal left out is not looked for',
    tests: ['ledger/ledger_verify_seals'],
    edits: [helper('verify_seals', 'where not ledger_private.is_moved()', 'where false')],
  },
];

export const MUTANTS: Mutant[] = [
  ...LOCKS,
  ...KEYS,
  ...FUNDS,
  ...LOG,
  ...BONUS,
  ...HOLDS,
  ...REVERSALS,
  ...BATCHES,
  ...GUARDS,
  ...PROOFS,
  ...CRASHES,
];
