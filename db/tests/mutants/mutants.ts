/**
 * Deliberate faults, and the tests that should turn red on each: `npm run mutants`. One that none notices is a missing test.
 * (`fsync = off` is not among them: where a process is killed, the system still writes what it was given.)
 */

import { readdirSync } from 'node:fs';
import { basename } from 'node:path';

/** A change of a file, which has `from` so many times. */
export interface Edit {
  /** Without its ending: below db/functions, or below src. */
  file: string;
  from: string;
  to: string;
  times: number;
}

/** A fault in the schema. */
export interface SchemaMutant {
  name: string;
  /** Who should notice first: files below db/tests, or src/…, without their ending. The others are asked where these do not. */
  tests: string[];
  edits?: Edit[];
  /** Statements of the schema's owner, run after the functions. */
  sql?: string;
}

/** A fault in the gateway: in a copy of this checkout, whose tests are asked. */
export interface GatewayMutant {
  name: string;
  tests: string[];
  sources: Edit[];
}

/** A fault in the server's settings, which shows in a crash only. */
export interface SettingMutant {
  name: string;
  /** What `npm run prove` is given. */
  prove: { args: string[]; settings: Record<string, string> };
}

export type Mutant = SchemaMutant | GatewayMutant | SettingMutant;

const edit = (file: string, from: string, to: string, times = 1): Edit => ({ file, from, to, times });

const PRIVATE = new URL('../../functions/ledger_private/', import.meta.url);
/** Private functions lie in rooms: each is found by its name. */
const ROOMS = new Map(
  readdirSync(PRIVATE, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.sql'))
    .map((path) => [basename(path, '.sql'), `ledger_private/${path.slice(0, -'.sql'.length)}`]),
);

function helper(name: string, from: string, to: string, times = 1): Edit {
  const file = ROOMS.get(name);
  if (file === undefined) throw new Error(`There is no private function ${name}`);
  return edit(file, from, to, times);
}

const OWN_LOCK =
  '    select case when w.own_limits is null then w.status end, w.asset_code into v_status, v_asset\n' +
  '      from ledger.wallets w where w.id = post_own.wallet_id for no key update;\n';

const LOCKS: Mutant[] = [
  {
    name: 'a posting locks nothing',
    tests: ['concurrency'],
    edits: [
      helper('lock_wallets', ' for no key update', ''),
      helper('post_own', ' for no key update', ''),
      helper('post_between', ' for no key update', '', 2),
    ],
  },
  {
    name: 'a transfer locks its wallets in the order of the call',
    tests: ['concurrency'],
    edits: [
      helper('lock_wallets', 'order by w.id for', 'order by array_position(wallet_ids, w.id) for'),
      helper('post_between', 'least(from_wallet, post_between.to_wallet)', 'from_wallet'),
      helper('post_between', 'greatest(from_wallet, post_between.to_wallet)', 'post_between.to_wallet'),
    ],
  },
  {
    name: 'a posting locks its wallets FOR UPDATE',
    tests: ['composability'],
    edits: [
      helper('lock_wallets', ' for no key update', ' for update'),
      helper('post_own', ' for no key update', ' for update'),
      helper('post_between', ' for no key update', ' for update', 2),
    ],
  },
  {
    name: 'a posting reads the newest entry before it locks the wallet',
    tests: ['concurrency'],
    edits: [
      helper(
        'prepare',
        '  v_prepared.at_time := clock_timestamp();\n  v_prepared.head := ledger_private.head(request.wallet_id);\n',
        '  v_prepared.at_time := clock_timestamp();\n',
      ),
      helper(
        'prepare',
        '  perform ledger_private.refuse(ledger_private.invalid_request(request));\n',
        '  perform ledger_private.refuse(ledger_private.invalid_request(request));\n  v_prepared.head := ledger_private.head(request.wallet_id);\n',
      ),
      helper('post_own', OWN_LOCK, ''),
      helper(
        'post_own',
        '    if v_bonus is distinct from bonus then\n',
        `${OWN_LOCK}    if v_bonus is distinct from bonus then\n`,
      ),
    ],
  },
  {
    name: 'the reversal of a transfer locks the receiver last',
    tests: ['reversal_pairs'],
    edits: [
      helper(
        'reverse',
        '  v_prepared := ledger_private.prepare(request, nullif(v_original.to_wallet, request.wallet_id));\n',
        '  v_prepared := ledger_private.prepare(request);\n' +
          '  perform from ledger_private.lock_wallets(array[v_original.to_wallet]);\n' +
          '  v_prepared.other_head := ledger_private.head(v_original.to_wallet);\n',
      ),
    ],
  },
  {
    name: 'the reversal of a transfer does not lock the receiver',
    tests: ['reversal_pairs'],
    edits: [
      helper(
        'reverse',
        '  v_prepared := ledger_private.prepare(request, nullif(v_original.to_wallet, request.wallet_id));\n',
        '  v_prepared := ledger_private.prepare(request);\n  v_prepared.other_head := ledger_private.head(v_original.to_wallet);\n',
      ),
    ],
  },
  {
    name: 'the sweep waits for who is at work on a wallet',
    tests: ['holds'],
    edits: [edit('ledger/wallet_expire_due', ' skip locked', '')],
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

/** An index that does not exist cannot be inferred: that would be a mistake, not a fault. */
const NO_CONFLICT = helper(
  'post_own',
  '        on conflict (wallet_id, idem_key) where idem_key is not null do nothing;',
  ';',
);

const KEYS: Mutant[] = [
  {
    name: 'no posting looks its key up',
    tests: ['ledger/wallet_spend'],
    edits: [helper('replay', 'if not found then', 'if true then')],
  },
  {
    name: 'no posting looks its key up, and keys need not be unique',
    tests: ['ledger/wallet_spend'],
    edits: [helper('replay', 'if not found then', 'if true then'), NO_CONFLICT],
    sql: 'drop index ledger.entries_idem_key_wallet_id_key',
  },
  {
    name: 'keys need not be unique',
    tests: ['immutability'],
    edits: [NO_CONFLICT],
    sql: 'drop index ledger.entries_idem_key_wallet_id_key',
  },
  {
    name: 'two movements may have one id',
    tests: ['immutability'],
    sql: 'drop index ledger.entries_transfer_id_idx',
  },
  {
    name: 'a key is unique in the ledger, not in its wallet',
    tests: ['ledger/wallet_top_up'],
    sql: 'create unique index on ledger.entries (idem_key)',
  },
  ...[
    { field: 'kind', test: 'wallet_spend' },
    { field: 'to_wallet', test: 'wallet_transfer' },
    { field: 'hold_id', test: 'wallet_capture' },
    { field: 'transfer_id', test: 'wallet_reverse' },
    { field: 'side', test: 'wallet_adjust' },
    { field: 'amount', test: 'wallet_spend' },
    { field: 'to_amount', test: 'wallet_exchange' },
    { field: 'bonus_amount', test: 'wallet_opening' },
    { field: 'expires_at', test: 'wallet_bonus' },
    { field: 'reason', test: 'wallet_adjust' },
    { field: 'metadata', test: 'wallet_spend' },
  ].map(({ field, test }) => ({
    name: `a key that comes again is compared without ${field}`,
    tests: [`ledger/${test}`],
    edits: [
      helper(
        'key_reused',
        'where d.first is distinct from d.again',
        `where d.first is distinct from d.again and d.field <> '${field}'`,
      ),
    ],
  })),
  {
    name: "a repetition returns today's balances",
    tests: ['ledger/wallet_spend'],
    edits: [
      helper(
        'replay',
        '  return ledger_private.receipt(v_first, true);',
        '  select n.balance, n.bonus_balance, n.held_balance, n.free_balance\n' +
          '    into v_first.balance, v_first.bonus_balance, v_first.held_balance, v_first.free_balance\n' +
          '    from ledger_private.head(request.wallet_id) n;\n  return ledger_private.receipt(v_first, true);',
      ),
    ],
  },
  {
    name: 'a repetition is not called one',
    tests: ['ledger/wallet_spend'],
    edits: [helper('replay', 'receipt(v_first, true)', 'receipt(v_first, false)')],
  },
  {
    name: 'a repetition is judged by the status of the wallet',
    tests: ['ledger/wallet_spend'],
    edits: [
      helper(
        'prepare',
        '  v_prepared.receipt := ledger_private.replay(request);',
        '  perform ledger_private.refuse(ledger_private.not_allowed(v_prepared.wallet, ledger_private.leaves(request.kind)), v_ids);\n' +
          '  v_prepared.receipt := ledger_private.replay(request);',
      ),
    ],
  },
  {
    name: 'a repetition is judged by whether its expiry has passed',
    tests: ['ledger/wallet_bonus'],
    edits: [
      helper(
        'prepare',
        '  v_prepared.receipt := ledger_private.replay(request);',
        '  perform ledger_private.refuse(ledger_private.expiry_passed(request.expires_at, clock_timestamp()), v_ids);\n' +
          '  v_prepared.receipt := ledger_private.replay(request);',
      ),
    ],
  },
];

const FUNDS: Mutant[] = [
  {
    name: 'funds are left to the constraints',
    tests: ['ledger/wallet_spend'],
    edits: [helper('judged', 'if v_change < 0 then', 'if false then')],
  },
  {
    name: 'a balance may be negative',
    tests: ['immutability'],
    sql: 'alter domain ledger.units drop constraint units_are_not_negative',
  },
  {
    name: 'nobody looks at funds, and a balance may be negative',
    tests: ['ledger/wallet_spend'],
    edits: [helper('judged', 'if v_change < 0 then', 'if false then')],
    sql: 'alter domain ledger.units drop constraint units_are_not_negative',
  },
  {
    name: 'more than the balance may be reserved',
    tests: ['immutability'],
    edits: [
      helper(
        'next_entry',
        'v_entry.free_balance := v_entry.balance - v_entry.held_balance;',
        'v_entry.free_balance := greatest(v_entry.balance - v_entry.held_balance, 0);',
      ),
    ],
  },
  {
    name: 'what is reserved can be spent',
    tests: ['ledger/wallet_spend'],
    edits: [
      helper('judged', '        else v_head.free_balance end', '        else v_head.balance end'),
      helper(
        'next_entry',
        'v_entry.free_balance := v_entry.balance - v_entry.held_balance;',
        'v_entry.free_balance := greatest(v_entry.balance - v_entry.held_balance, 0);',
      ),
    ],
  },
  {
    name: 'a receipt calls available what is reserved',
    tests: ['ledger/wallet_hold'],
    edits: [helper('receipt', 'entry.free_balance - v_expired', 'entry.balance - v_expired')],
  },
  {
    name: 'an amount may be negative',
    tests: ['ledger/wallet_spend'],
    edits: [
      helper(
        'invalid_request',
        'if request.amount not between 1 and 1000000000000000',
        'if request.amount > 1000000000000000',
      ),
    ],
  },
  {
    name: 'an amount may be as large as its type',
    tests: ['ledger/wallet_spend'],
    edits: [helper('invalid_request', 'if request.amount not between 1 and 1000000000000000', 'if request.amount < 1')],
  },
  {
    name: 'a balance may grow as large as its type',
    tests: ['ledger/wallet_top_up'],
    edits: [helper('above_limit', "('max_balance', true,", "('max_balance', false,")],
  },
  {
    name: 'a frozen wallet can spend',
    tests: ['ledger/wallet_freeze'],
    edits: [helper('not_allowed', "when wallet.status = 'frozen' and leaving then", 'when false then')],
  },
  {
    name: 'a closed wallet takes top-ups',
    tests: ['ledger/wallet_close'],
    edits: [
      helper('not_allowed', "when wallet.status = 'closed' then", "when wallet.status = 'closed' and leaving then"),
    ],
  },
  {
    name: 'a wallet with credits can be closed',
    tests: ['ledger/wallet_close'],
    edits: [helper('change_status', 'if v_head.balance > 0 or', 'if false or')],
  },
  {
    name: 'no posting looks at limits',
    tests: ['ledger/asset_limit_set'],
    edits: [helper('above_limit', 'v_limits := ledger_private.limits_of(wallet);', 'null;')],
  },
  {
    name: "a wallet's own limits are not looked at",
    tests: ['ledger/wallet_limit_set'],
    edits: [helper('limits_of', 'if wallet.own_limits is not null then', 'if false then')],
  },
  {
    name: "a wallet's own limits leave none of its asset's",
    tests: ['ledger/wallet_limit_set'],
    edits: [helper('limits_of', 'coalesce(v_own.max_balance, v_limits.max_balance)', 'v_own.max_balance')],
  },
  {
    name: 'who receives is asked for the limits of transfers',
    tests: ['ledger/asset_limit_set', 'ledger/wallet_limit_set'],
    edits: [
      helper(
        'above_limit',
        "kind = 'transfer' and change < 0, v_limits.max_transfer",
        "kind = 'transfer', v_limits.max_transfer",
      ),
    ],
  },
  {
    name: "a proof does not compare a wallet's limits with its event",
    tests: ['every_column'],
    edits: [helper('verify_wallets', 'where v.facts_hash = l.hash is not true', 'where false')],
  },
  {
    name: 'a payment that is being booked for another wallet is booked again',
    tests: ['ledger/asset_set'],
    edits: [helper('claim_reference', 'if not found then', 'if false then')],
  },
  {
    name: 'a payment is not looked for before status and limits',
    tests: ['ledger/asset_set'],
    edits: [
      helper(
        'reference_of',
        '  perform ledger_private.refuse(ledger_private.payment_reused(asset_code, v_reference));\n',
        '',
      ),
    ],
  },
  {
    name: 'who is not to wait waits for a payment',
    tests: ['ledger/asset_set'],
    edits: [helper('claim_reference', "current_setting('ledger.waiting', true) = 'off'", 'false')],
  },
  {
    name: 'a late retry of a call whose metadata were blanked is another request',
    tests: ['ledger/transfer_redact'],
    edits: [helper('key_reused', "when first.metadata = '{}' then", 'when false then')],
  },
  {
    name: 'a proof does not look whether what was redacted is blank',
    tests: ['every_column', 'ledger/transfer_redact'],
    edits: [helper('verify_redactions', " and e.metadata = '{}'", '')],
  },
  {
    name: 'redacting lets other facts of an entry change',
    tests: ['immutability', 'ledger/transfer_redact'],
    edits: [helper('tg_entries__metadata_only', 'if v_expected is distinct from NEW then', 'if false then')],
  },
  {
    name: 'the limit of 24 hours is not looked at',
    tests: ['ledger/asset_limit_set'],
    edits: [helper('above_limit', "kind = 'top_up', v_limits.max_daily_top_up,", "kind = 'top_up', null::bigint,")],
  },
  {
    name: 'the limit of 24 hours is one of a lifetime',
    tests: ['ledger/asset_limit_set'],
    edits: [helper('above_limit', "interval '24 hours'", "interval '2400 years'")],
  },
];

const LOG: Mutant[] = [
  {
    name: 'entries are numbered from a sequence',
    tests: ['ledger/wallet_spend'],
    edits: [
      helper(
        'next_entry',
        'v_entry.seq := coalesce(head.seq, 0) + 1',
        "v_entry.seq := nextval('ledger_private.entry_numbers')",
      ),
    ],
    sql: 'create sequence ledger_private.entry_numbers',
  },
  {
    name: 'a hash leaves the entry before out',
    tests: ['hash'],
    edits: [helper('entry_digest', 'coalesce(previous_hash, ', 'coalesce(null::bytea, ')],
  },
  {
    name: "a hash follows the other wallet's entry",
    tests: ['ledger/wallet_transfer'],
    edits: [
      helper(
        'post',
        '    v_entry := ledger_private.chained(v_entry);\n    perform ledger_private.write(array[v_entry, v_other_entry]);',
        '    v_entry.hash := v_other_entry.hash;\n    v_entry := ledger_private.chained(v_entry);\n' +
          '    perform ledger_private.write(array[v_entry, v_other_entry]);',
      ),
    ],
  },
  {
    name: 'a hash leaves the metadata out',
    tests: ['hash'],
    edits: [helper('metadata_hash', 'else ledger_private.text_hash(metadata) end', 'else null::bytea end')],
  },
  {
    name: 'a hash leaves the actor out',
    tests: ['hash'],
    edits: [helper('entry_digest', "    convert_to(actor, 'UTF8'),\n", '')],
  },
  {
    name: 'a hash leaves the other wallet out',
    tests: ['hash'],
    edits: [helper('entry_digest', 'transfer_id, to_wallet, reverses', 'transfer_id, reverses')],
  },
  ...['idem_key', 'metadata', 'actor'].map((column) => ({
    name: `the line of a transfer received carries the ${column}`,
    tests: ['usual_calls'],
    edits: [
      helper(
        'post',
        '    v_entry.to_wallet := v_other_entry.wallet_id;\n',
        `    v_other_entry.${column} := v_entry.${column};
    v_other_entry.hash := (v_prepared.other_head).hash;
    v_other_entry := ledger_private.chained(v_other_entry);
    v_entry.to_wallet := v_other_entry.wallet_id;\n`,
      ),
    ],
  })),
  {
    name: "a wallet's time runs backwards where the clock does",
    tests: ['ledger/wallet_top_up'],
    edits: [
      helper('next_entry', 'greatest(at_time, head.created_at)', 'at_time'),
      helper('post_own', 'greatest(e.created_at, clock_timestamp())', 'clock_timestamp()'),
    ],
  },
  {
    name: 'the balance at an instant leaves out what was booked at it',
    tests: ['seq_at'],
    edits: [helper('seq_at', '    if v_time <= at_time then', '    if v_time < at_time then')],
  },
  ...['seq', 'balance', 'time', 'hash', 'reference'].map((rule) => ({
    name: `ledger_verify() is blind to entry_${rule}`,
    tests: ['ledger/ledger_verify'],
    edits: [helper('verify_entries', `('entry_${rule}', g.breaks_${rule},`, `('entry_${rule}', false,`)],
  })),
  ...['sides', 'facts'].map((rule) => ({
    name: `ledger_verify() is blind to transfer_${rule}`,
    tests: ['ledger/ledger_verify'],
    edits: [helper('verify_transfers', `('transfer_${rule}', g.breaks_${rule})`, `('transfer_${rule}', false)`)],
  })),
  {
    name: 'ledger_verify() is blind to hold_expiry',
    tests: ['tampering'],
    edits: [helper('verify_entries', "('hold_expiry', g.breaks_hold,", "('hold_expiry', false,")],
  },
  {
    name: 'ledger_verify() is blind to transfer_reference',
    tests: ['ledger/ledger_verify'],
    edits: [helper('verify_pairs', 'where (((p.r).transfer_id,', 'where false and (((p.r).transfer_id,')],
  },
  {
    name: 'ledger_verify() does not mind a received line that says who sent',
    tests: ['tampering'],
    edits: [helper('verify_pairs', 'or num_nonnulls(', 'or false and num_nonnulls(')],
  },
  {
    name: 'ledger_verify() is blind to the bonus part of a movement',
    tests: ['tampering'],
    edits: [helper('verify_entries', "('transfer_facts', g.breaks_bonus,", "('transfer_facts', false,")],
  },
  {
    name: 'ledger_verify() is blind to asset_sum',
    tests: ['ledger/ledger_verify'],
    edits: [
      helper(
        'verify_totals',
        'where s.balance <> coalesce(s.moved, 0) or s.bonus_balance <> coalesce(s.moved_bonus, 0)',
        'where false',
      ),
    ],
  },
  {
    name: 'ledger_verify() is blind to house_total',
    tests: ['ledger/ledger_verify'],
    edits: [helper('verify_totals', 'where (t.movements, t.amount,', 'where false and (t.movements, t.amount,')],
  },
  {
    name: 'the reversal of a transfer is on the sides of the transfer',
    tests: ['ledger/wallet_reverse'],
    edits: [
      edit('ledger/entries_side', "(entry.actor is not null) = (entry.kind <> 'reversal')", 'entry.actor is not null'),
    ],
  },
  {
    name: 'a line counts as on the side of its kind alone',
    tests: ['ledger/wallet_transfer'],
    edits: [
      edit('ledger/entries_side', "(entry.actor is not null) = (entry.kind <> 'reversal')", "entry.kind <> 'reversal'"),
    ],
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
        'v_head.bonus_balance - ledger_private.reserved_bonus(v_head)',
        'greatest(request.amount - (v_head.balance - v_head.bonus_balance), 0)',
      ),
    ],
  },
  {
    name: 'the latest expiry is spent first',
    tests: ['ledger/wallet_spend'],
    edits: [helper('draws', 'order by o.expires_at, o.lot_seq', 'order by o.expires_at desc, o.lot_seq')],
  },
  {
    name: 'expired credits can be spent until the sweep comes',
    tests: ['ledger/wallet_spend'],
    edits: [helper('prepare', 'if ledger_private.settle(v_ids, v_prepared.at_time) then', 'if false then')],
  },
  {
    name: 'the sweep takes what a hold pins',
    tests: ['awkward_pairs'],
    edits: [helper('expire_due_lots', 's.balance - s.held_balance', 's.balance', 2)],
    sql:
      'alter table ledger.bonus_lot_draws drop constraint bonus_lot_draws_held_balance_is_part_of_balance; ' +
      'alter domain ledger.units drop constraint units_are_not_negative',
  },
  {
    name: 'what has expired is called available until it is booked',
    tests: ['ledger/wallets_available'],
    edits: [helper('available_at', 'if head.bonus_balance > 0 then', 'if false then')],
  },
  {
    name: 'credits that are transferred lose their expiry',
    tests: ['ledger/wallet_transfer'],
    edits: [helper('move_lots', 'if other_entry.wallet_id is not null then', 'if false then')],
  },
  {
    name: 'what a hold pinned does not expire when the hold ends',
    tests: ['awkward_pairs'],
    edits: [helper('end_hold', '  perform ledger_private.settle(v_ids, v_entry.created_at);\n', '')],
  },
  {
    name: 'what is spent is drawn from its lots by way of text',
    tests: ['settings'],
    edits: [helper('draws', 'null, null)::ledger.bonus_lot_draws;', 'null, null);')],
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
    edits: [
      edit(
        'ledger/wallet_hold',
        'coalesce(v_head.balance - v_head.held_balance, 0), amount)',
        'coalesce(v_head.balance - v_head.held_balance, 0), 0)',
      ),
    ],
  },
  {
    name: 'whether a hold is open is left to the index',
    tests: ['ledger/wallet_capture'],
    edits: [helper('hold_not_open', "t.kind <> 'hold'", 'false')],
  },
  {
    name: 'a hold may end twice',
    tests: ['immutability'],
    sql: 'drop index ledger.entries_hold_closed_once_idx',
  },
  {
    name: 'a hold can be captured twice',
    tests: ['ledger/wallet_capture'],
    edits: [helper('hold_not_open', "t.kind <> 'hold'", 'false')],
    sql: 'drop index ledger.entries_hold_closed_once_idx',
  },
  {
    name: 'a capture takes more than the hold reserved',
    tests: ['ledger/wallet_capture'],
    edits: [helper('end_hold', 'requested => v_amount', 'requested => 0')],
  },
  {
    name: 'a capture in part leaves the rest reserved',
    tests: ['ledger/wallet_capture'],
    edits: [helper('end_hold', 'held_amount => -v_hold.amount', 'held_amount => -v_amount')],
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
    edits: [
      helper(
        'receipt',
        "if entry.bonus_balance > 0 and entry.kind in ('capture', 'release', 'reversal') then",
        'if false then',
      ),
    ],
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
      helper('reverse', 'where r.reverses = request.transfer_id;', 'where r.reverses = request.transfer_id and false;'),
      helper(
        'reversible_parts',
        'where r.reverses = original.transfer_id',
        'where r.reverses = original.transfer_id and false',
      ),
    ],
  },
  {
    name: 'more than is left is reversed as far as funds allow',
    tests: ['ledger/wallet_reverse'],
    edits: [
      helper(
        'not_reversible',
        'where not r.able or r.apart or available <= 0 or requested > available',
        'where not r.able',
      ),
    ],
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
        'reversal_plan',
        "when 'paid' then taken_from.balance - taken_from.bonus_balance - (taken_from.held_balance - v_reserved_bonus)",
        "when 'paid' then taken_from.balance - taken_from.held_balance",
      ),
    ],
  },
];

/** Many calls in one: batches, and each for itself. */
const MERGES: Mutant[] = [
  {
    name: 'a merge forgets what the wallet owed',
    tests: ['ledger/wallet_merge'],
    edits: [helper('merge', ' + coalesce(v_entry.owed, 0)', '')],
  },
  {
    name: 'a merge leaves what the wallet owes where it was, too',
    tests: ['ledger/wallet_merge'],
    edits: [helper('merge', '  v_entry.owed := null;\n', '')],
  },
  {
    name: 'a merge does not ask for open holds',
    tests: ['ledger/wallet_merge'],
    edits: [helper('not_mergeable', 'head.held_balance > 0', 'false')],
  },
  {
    name: 'a merge counts for the limits of the asset',
    tests: ['ledger/wallet_merge'],
    edits: [helper('above_limit', "'forgiveness', 'merge')", "'forgiveness')")],
  },
  {
    name: 'a merge leaves the wallet without a successor',
    tests: ['ledger/wallet_merge'],
    edits: [helper('merge', ', merged_into = request.counterparty_id\n', '\n')],
  },
  {
    name: 'a merged wallet does not say where its credits are',
    tests: ['ledger/wallet_merge'],
    edits: [helper('not_allowed', 'when wallet.merged_into is not null then', 'when false then')],
  },
  {
    name: 'who opens the guards points a wallet to any other',
    tests: ['ledger/wallet_merge'],
    edits: [
      helper(
        'tg_wallets__status_only',
        "e.kind = 'merge' and e.actor is not null and e.to_wallet = NEW.merged_into",
        'true',
      ),
    ],
  },
  {
    name: 'a merged wallet is opened again by who opens the guards',
    tests: ['ledger/wallet_merge'],
    edits: [
      helper(
        'tg_wallets__status_only',
        'if OLD.merged_into is null then\n    v_expected.status',
        'if true then\n    v_expected.status',
      ),
    ],
  },
  {
    name: 'a reversal through the successor counts what that reversed alone',
    tests: ['merges'],
    edits: [
      helper(
        'reverse',
        'where r.reverses = request.transfer_id',
        'where r.wallet_id = request.wallet_id and r.reverses = request.transfer_id',
      ),
    ],
  },
  {
    name: 'a reversal reaches the next successor only',
    tests: ['merges'],
    edits: [
      helper('original', 's.wallet_id = original.wallet_id', 's.wallet_id = original.wallet_id and s.place <= 2'),
    ],
  },
  {
    name: 'what is given back in the successor does not expire',
    tests: ['merges'],
    edits: [helper('write_reversed_lots', 'where d.wallet_id = entry.wallet_id and d.amount < 0', 'where false')],
  },
  {
    name: 'a receipt counts what was given back in the successor and had expired',
    tests: ['merges'],
    edits: [helper('receipt', "entry.bonus_balance > 0 and entry.kind = 'reversal' then", 'false then')],
  },
  {
    name: 'the reversal of a merged bonus takes others of its expiry',
    tests: ['merges'],
    edits: [helper('reversal_plan', 'least(s.balance - s.held_balance, v_most)', '(s.balance - s.held_balance)')],
  },
  {
    name: 'the transfer of a merged wallet to its successor is reversed',
    tests: ['merges'],
    edits: [helper('not_reversible', ' or original.to_wallet = acting)', ')')],
  },
  {
    name: 'the proof does not look where a merged wallet points',
    tests: ['merges'],
    edits: [
      helper(
        'verify_wallets',
        "w.merged_into is not null and (w.status <> 'closed'",
        "false and (w.status <> 'closed'",
      ),
    ],
  },
  {
    name: 'the proof does not look what a merge left behind',
    tests: ['merges'],
    edits: [helper('verify_pairs', "(p.a).kind = 'merge' and not", 'false and not')],
  },
  {
    name: 'the proof does not follow debts through a merge',
    tests: ['merges'],
    edits: [helper('is_merged', 'and coalesce(received.owed, 0) = (', 'and 0 <= (')],
  },
  {
    name: 'the proof takes any wallet for a successor',
    tests: ['merges'],
    edits: [
      helper('reversals', 'case when o.wallet_id = c.wallet_id then o.seq else s.seq end', 'o.seq'),
      helper('original', 'exists (select from', 'true or exists (select from'),
    ],
  },
  {
    name: 'the proof counts what one wallet of a chain reversed alone',
    tests: ['merges'],
    edits: [helper('reversals', ' + coalesce(b.amount, 0)', '')],
  },
];

const GROUPS: Mutant[] = [
  {
    name: 'a batch locks its wallets as its items come',
    tests: ['ledger/wallet_post_batch', 'prove/crowd'],
    edits: [helper('lock_group', 'array(select w.id from ledger_private.lock_wallets(v_ids) w)', 'v_ids')],
  },
  {
    name: 'a wallet that was opened while a list was under way is taken in',
    tests: ['groups_at_once'],
    edits: [
      helper(
        'lock_group',
        'select i from unnest(v_ids) i except select l from unnest(v_locked || v_skipped) l',
        'select null::uuid where false',
      ),
    ],
  },
  {
    name: 'a call that is not to wait waits',
    tests: ['ledger/wallet_post_each', 'prove/crowd'],
    edits: [helper('lock_free_wallets', ' skip locked', '')],
  },
  {
    name: 'a later item overtakes one that was skipped',
    tests: ['ledger/wallet_post_each'],
    edits: [helper('skipped_items', 'v_skipped[v_item.numbers[i]] := true;', 'null;')],
  },
  {
    name: 'a group does not lock who received what it takes back',
    tests: ['ledger/wallet_post_each'],
    edits: [helper('group_wallets', "case when r.kind = 'reversal' then", 'case when false then')],
  },
  {
    name: 'a group goes on with a movement that was committed while it waited',
    tests: ['ledger/wallet_post_each'],
    edits: [helper('lock_group', "exists (select from unnest(requests) r where r.kind = 'reversal')", 'false')],
  },
  {
    name: 'a batch leaves out what is refused and all after it, and books the rest',
    tests: ['ledger/wallet_post_batch'],
    edits: [
      helper(
        'post_group',
        '        v_outcome := row(ledger_private.post_item(requests[v_done + 1], absent), null)::ledger.outcome;\n',
        '        v_outcome := ledger_private.outcome_of(requests[v_done + 1], absent);\n' +
          '          exit when (v_outcome.refusal).code is not null;\n',
      ),
    ],
  },
  {
    name: 'a batch does not say which item was refused',
    tests: ['ledger/wallet_post_batch'],
    edits: [helper('post_group', " || jsonb_build_object('index', v_done)", '')],
  },
  {
    name: 'a batch counts its items from one',
    tests: ['ledger/wallet_post_batch'],
    edits: [helper('post_group', "jsonb_build_object('index', v_done)", "jsonb_build_object('index', v_done + 1)")],
  },
  {
    name: 'a batch is as long as its caller likes',
    tests: ['ledger/wallet_post_batch'],
    edits: [helper('check_group', 'cardinality(requests) > 10000 or ', '')],
  },
  {
    name: 'a batch gives a right that the single call does not give',
    tests: ['rights_of_groups'],
    edits: [helper('check_group', 'and not has_function_privilege', 'and false and not has_function_privilege')],
  },
  {
    name: 'a batch has the rights of the login, whatever role it took on',
    tests: ['rights_of_groups'],
    edits: [helper('calling_role', "coalesce(nullif(current_setting('role'), 'none'), session_user)", 'session_user')],
  },
  {
    name: 'a batch takes kinds that nobody may ask for',
    tests: ['ledger/wallet_post_batch'],
    edits: [
      helper(
        'invalid_request',
        "request.kind is null and request.amount between 1 and 1000000000000000 then 'kind'",
        "false then 'kind'",
      ),
    ],
  },
  {
    name: 'an item takes what its kind has no use for',
    tests: ['ledger/wallet_post_each'],
    edits: [
      helper(
        'invalid_request',
        "(request.kind in ('capture', 'release')) <> (request.hold_id is not null)",
        "request.hold_id is null and request.kind in ('capture', 'release')",
      ),
    ],
  },
  {
    name: 'an item of a group is lost',
    tests: ['ledger/wallet_post_each', 'batch_property'],
    edits: [
      helper(
        'post_group',
        'v_done := v_done + v_booked;',
        'v_done := v_done + v_booked + case v_booked when 3 then 1 else 0 end;',
      ),
    ],
  },
  {
    name: 'a refusal leaks into the outcomes behind it',
    tests: ['ledger/wallet_post_each', 'batch_property'],
    edits: [
      helper(
        'post_group',
        'return query select o.* from unnest(ledger_private.post_usual',
        'return query select o.receipt, v_outcome.refusal from unnest(ledger_private.post_usual',
      ),
    ],
  },
  {
    name: 'usual calls in one build upon an old head',
    tests: ['ledger/wallet_post_each', 'batch_property'],
    edits: [helper('usual_heads', 'order by h.seq desc limit 1', 'order by h.seq limit 1')],
  },
  {
    name: 'usual calls in one do not see those before them in the wallet',
    tests: ['ledger/wallet_post_each', 'batch_property'],
    edits: [helper('post_usual', 'v_lines[v_number] := v_line;', 'v_lines[v_number].hash := v_line.hash;')],
  },
  {
    name: 'usual calls in one do not chain their hashes',
    tests: ['ledger/wallet_post_each', 'batch_property'],
    edits: [helper('post_usual', 'previous_hash => v_line.hash', 'previous_hash => (v_lines[1]).hash')],
  },
  {
    name: 'usual calls in one overdraw',
    tests: ['ledger/wallet_post_each', 'batch_property'],
    edits: [helper('post_usual', ' or v_sign < 0 and v_line.balance < v_amount', '')],
  },
  {
    name: 'usual calls in one move credits between assets',
    tests: ['ledger/wallet_post_each', 'batch_property'],
    edits: [helper('post_usual', ' or v_assets[v_to_number] <> v_assets[v_number]', '')],
  },
  {
    name: 'usual calls in one go past what cannot be booked',
    tests: ['ledger/wallet_post_each', 'batch_property'],
    edits: [helper('post_usual', '    exit when not v_usual', '    continue when not v_usual')],
  },
  {
    name: 'a key that has been used ends a whole list',
    tests: ['ledger/wallet_post_each', 'batch_property'],
    edits: [helper('write_new', 'exception when unique_violation then', 'exception when query_canceled then')],
  },
  {
    name: 'usual calls in one take paid credits before bonus ones',
    tests: ['ledger/wallet_post_each', 'batch_property'],
    edits: [
      helper(
        'post_usual',
        'ledger_private.bonus_part(v_kind, v_amount, v_line.bonus_balance)',
        "case v_kind when 'bonus' then v_amount else 0 end",
      ),
    ],
  },
  {
    name: 'bonus credits that arrive among calls in one are not spent by those behind',
    tests: ['ledger/wallet_post_each', 'batch_property'],
    edits: [helper('post_usual', '+ v_sign * v_part;', '+ case when v_actor is null then 0 else v_sign * v_part end;')],
  },
  {
    name: 'usual calls in one are booked in frozen and closed wallets',
    tests: ['ledger/wallet_post_each', 'batch_property'],
    edits: [helper('usual_heads', "and w.status = 'open'", '')],
  },
  {
    name: 'usual calls in one do not ask for limits',
    tests: ['ledger/wallet_post_each', 'batch_property'],
    edits: [helper('usual_heads', 'where l.seq = 1)', 'where l.seq = 0)')],
  },
  {
    name: 'usual calls in one spend what is reserved',
    tests: ['ledger/wallet_post_each', 'batch_property'],
    edits: [helper('usual_heads', 'coalesce(e.held_balance, 0) = 0', 'true')],
  },
  {
    name: 'usual calls in one do not draw from lots',
    tests: ['ledger/wallet_post_each', 'batch_property'],
    edits: [helper('usual_heads', '    ) is null)', '    ) is null or true)')],
  },
  {
    name: 'the outcomes of usual calls in one come in the order of their wallets',
    tests: ['ledger/wallet_post_each'],
    edits: [helper('usual_items', 'order by r.place', 'order by r.wallet_id, r.place')],
  },
  {
    name: 'an item that was skipped is booked, and has the outcome of another',
    tests: ['ledger/wallet_post_each'],
    edits: [helper('post_others', ' where not skipped[i]', '')],
  },
  {
    name: 'above READ COMMITTED a wallet that is skipped is an outcome',
    tests: ['ledger/wallet_post_each'],
    edits: [helper('lock_group', 'cardinality(v_skipped) > 0 and current_setting', 'false and current_setting')],
  },
  {
    name: 'an item that is refused leaves behind what had fallen due',
    tests: ['ledger/wallet_post_each'],
    edits: [
      helper(
        'outcome_of',
        '  return row(ledger_private.post_item(item, absent), null)::ledger.outcome;\n',
        '  perform ledger_private.settle(array[item.wallet_id], clock_timestamp());\n  begin\n' +
          '  return row(ledger_private.post_item(item, absent), null)::ledger.outcome;\n',
      ),
      helper(
        'outcome_of',
        'v_detail::jsonb, v_hint)::ledger.refusal)::ledger.outcome;\nend\n',
        'v_detail::jsonb, v_hint)::ledger.refusal)::ledger.outcome;\n  end;\nend\n',
      ),
    ],
  },
  {
    name: 'an error that is no refusal is an item’s outcome',
    tests: ['ledger/wallet_post_each'],
    edits: [
      helper(
        'outcome_of',
        "if sqlstate not like 'WL%' then",
        "if sqlstate not like 'WL%' and sqlstate not like 'XX%' then",
      ),
    ],
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
    edits: [
      helper('write', "  perform set_config('ledger.posting', '', true);\n", ''),
      helper('post_own', "      v_guard := set_config('ledger.posting', '', true);\n", ''),
      helper('write_transfer', "  v_guard := set_config('ledger.posting', '', true);\n", ''),
    ],
  },
  {
    name: 'services may change entries',
    tests: ['privileges'],
    sql: 'grant update on ledger.entries to wallet_service',
  },
  ...['wallets', 'entries', 'holds', 'bonus_lots'].map((table) => ({
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
    name: 'the view of transfers shows all rows to all',
    tests: ['privileges'],
    sql: 'alter view ledger.transfers reset (security_invoker)',
  },
  {
    name: 'a player reads the journal',
    tests: ['privileges'],
    sql: `grant select on ledger.journal, ledger_private.node_ranges to wallet_player;
      grant execute on function ledger_private.movements(), ledger_private.received_from_elsewhere() to wallet_player;
      grant execute on function ledger_private.accounts_here(ledger.entries) to wallet_player`,
  },
  {
    name: 'everybody may top up',
    tests: ['privileges'],
    sql: 'grant execute on function ledger.wallet_top_up(uuid, bigint, text, jsonb) to public',
  },
  {
    name: 'a service may reverse',
    tests: ['privileges'],
    sql: 'grant execute on function ledger.wallet_reverse to wallet_service',
  },
  {
    name: "a function with the owner's rights finds what its caller put in the way",
    tests: ['composability'],
    sql: 'alter function ledger.wallet_spend(uuid, bigint, text, jsonb) reset search_path',
  },
  {
    name: 'whoever sets a claim is believed',
    tests: ['composability'],
    edits: [
      helper('actor', "session_user <> 'wallet_gateway'", "coalesce(current_setting('jwt.claims.sub', true), '') = ''"),
    ],
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
      using (owner_id = (select nullif(current_setting('jwt.claims.sub', true), '')))`,
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
    prove: {
      args: ['--seed', '1', '--seconds', '20', '--faults', 'kill'],
      // What is answered is not written for seconds, however few answers a loaded machine gives.
      settings: { synchronous_commit: 'off', wal_writer_delay: '10s', wal_writer_flush_after: '100MB' },
    },
  },
];

const DEBTS: Mutant[] = [
  {
    name: 'the next line forgets what the wallet owes',
    tests: ['debts'],
    edits: [helper('next_entry', 'nullif(coalesce(head.owed, 0) +', 'nullif(0 +')],
  },
  {
    name: 'a usual call forgets what the wallet owes',
    tests: ['debts'],
    edits: [helper('post_own', 'e.held_balance = 0 and e.owed is null', 'e.held_balance = 0')],
  },
  {
    name: 'a usual call in a list forgets what the wallet owes',
    tests: ['debts'],
    edits: [helper('usual_heads', ' and e.owed is null', '')],
  },
  {
    name: 'more is collected than is owed',
    tests: ['ledger/wallet_collect'],
    edits: [helper('above_limit', "('owed', kind in ('collection', 'forgiveness'),", "('owed', kind = 'forgiveness',")],
  },
  {
    name: 'bonus credits pay a debt',
    tests: ['ledger/wallet_collect'],
    edits: [
      helper(
        'judged',
        'v_head.paid_balance - v_head.held_balance + ledger_private.reserved_bonus(v_head)',
        'v_head.free_balance',
      ),
    ],
  },
  {
    name: 'what is gone of a spend becomes a debt',
    tests: ['debts'],
    edits: [helper('not_reversible', "\n    or owe and original.kind <> 'top_up'", '')],
  },
  {
    name: 'a debt is not counted as reversed',
    tests: ['debts'],
    edits: [
      helper(
        'reverse',
        'where r.reverses = request.transfer_id;',
        "where r.reverses = request.transfer_id and r.kind = 'reversal';",
      ),
    ],
  },
  {
    name: 'what is owed is not in the hash',
    tests: ['debts'],
    edits: [helper('facts_hash', 'case when entry.owed is null then', 'case when true then')],
  },
  {
    name: 'ledger_verify() is blind to what is owed',
    tests: ['debts'],
    edits: [
      edit(
        'ledger/ledger_verify',
        'ledger_private.verify_debts(v_first, v_last) f',
        'ledger_private.verify_debts(v_first, v_last) f where false',
      ),
    ],
  },
  {
    name: 'a top-up pays a debt whatever the asset says',
    tests: ['collected_debts'],
    edits: [helper('collected', 'select l.collect_debts from', 'select true from')],
  },
  {
    name: 'a top-up pays all of a debt, or nothing',
    tests: ['collected_debts'],
    edits: [helper('collected', 'least(top_up.owed, top_up.amount)', 'top_up.owed')],
  },
  {
    name: 'the receipt of a top-up says that what paid a debt can be spent',
    tests: ['collected_debts'],
    edits: [helper('receipt', 'entry.free_balance - v_expired - v_collected', 'entry.free_balance - v_expired')],
  },
  {
    name: 'the receipt of a top-up says what was owed before it paid',
    tests: ['collected_debts'],
    edits: [helper('receipt', 'coalesce(entry.owed, 0) - v_collected', 'coalesce(entry.owed, 0)')],
  },
  {
    name: 'ledger_verify() does not compare what was collected with the top-up',
    tests: ['collected_debts'],
    edits: [helper('verify_debts', '(l.e).amount = least(p.amount, p.owed) and ', '')],
  },
  {
    name: 'what a top-up collected is told as what an operator did',
    tests: ['collected_debts'],
    edits: [
      helper('is_operators', 'idem_key is not null', 'true'),
      edit('ledger/operator_actions_page', 'w.idem_key is not null', 'true'),
    ],
  },
];

const LISTS: Mutant[] = [
  {
    name: 'a page that found few is the last one',
    tests: ['ledger/transfers_page'],
    edits: [helper('page_of', 'case when not v_more then searched_to end', 'null::text')],
  },
  {
    name: 'a page goes on after the last movement it looked at, though it was full before',
    tests: ['ledger/operator_actions_page'],
    edits: [helper('page_of', 'case when not v_more then searched_to end', 'searched_to')],
  },
  {
    name: 'the ids of movements are looked for at the time itself, to the second',
    tests: ['ledger/transfers_page'],
    edits: [helper('walk_transfers', 'v_margin constant bigint := 10000000', 'v_margin constant bigint := -2000000')],
  },
  {
    name: 'times of ids stand for times of bookings',
    tests: ['ledger/transfers_page'],
    edits: [
      helper(
        'micros_at',
        'v_time < at_time',
        'ledger_private.id_micros(v_id) < extract(epoch from at_time) * 1000000',
        2,
      ),
    ],
  },
  {
    name: 'what an operator did beyond the end of the search is told, and told again',
    tests: ['ledger/operator_actions_page'],
    edits: [edit('ledger/operator_actions_page', 'v_above := greatest(v_above, v_end);', 'null;')],
  },
  {
    name: 'of operators, only what they booked themselves is told',
    tests: ['ledger/operator_actions_page'],
    edits: [
      edit('ledger/operator_actions_page', "'operator:%', ledger_private.operator_kinds()", "'operator:%', '{}'"),
    ],
  },
  {
    name: 'a hold that is due counts as open until that is booked',
    tests: ['ledger/holds_page'],
    edits: [helper('open_hold_keys', 'o.expires_at > statement_timestamp() and ', '')],
  },
  {
    name: 'credits that have expired are listed until that is booked',
    tests: ['ledger/expiring_lots_page'],
    edits: [edit('ledger/expiring_lots_page', 'o.due_at > statement_timestamp() and ', '')],
  },
  {
    name: 'what owners begin with ends before a code point that has no next',
    tests: ['ledger/wallets_page'],
    edits: [helper('prefix_end', 'rtrim(prefix_end.prefix, chr(1114111))', 'prefix_end.prefix')],
  },
  {
    name: 'what is left to reverse forgets the reversals of a successor',
    tests: ['ledger/transfers_reversible'],
    edits: [edit('ledger/transfers_reversible', " or e.kind <> 'exchange'", '')],
  },
];

const PROOFS: Mutant[] = [
  {
    name: 'the feed has no horizon',
    tests: ['ledger/ledger_events'],
    edits: [edit('ledger/ledger_events', ' and e.xid < v_horizon', '')],
  },
  {
    name: 'the feed ends with what has begun instead of what has ended',
    tests: ['ledger/ledger_events'],
    edits: [edit('ledger/ledger_events', 'pg_snapshot_xmin', 'pg_snapshot_xmax')],
  },
  {
    name: 'the feed is in the order of ids',
    tests: ['ledger/ledger_events'],
    edits: [
      edit('ledger/ledger_events', 'order by e.xid, e.transfer_id', 'order by e.transfer_id'),
      edit('ledger/ledger_events', 'order by n.xid, n.transfer_id', 'order by n.transfer_id'),
    ],
  },
  {
    name: 'the feed goes on from a cursor that is not there',
    tests: ['ledger/ledger_events'],
    edits: [helper('feed_place', 'elsif not exists', 'elsif false and not exists')],
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
    edits: [helper('begin_epoch', "if exists (select from ledger.entries e where e.xid > '0') then", 'if false then')],
  },
  {
    name: 'an entry has no place in the feed of its transaction',
    tests: ['ledger/ledger_events'],
    edits: [helper('next_entry', 'v_entry.xid := pg_current_xact_id();', "v_entry.xid := '0';")],
  },
  {
    name: 'a block is cut where the oldest open transaction began, and not by its snapshot',
    tests: ['ledger/ledger_seal'],
    edits: [
      helper(
        'cut',
        'where pg_visible_in_snapshot(e.xid, (select p.snapshot from place p))',
        'where e.xid < pg_snapshot_xmin((select p.snapshot from place p))',
      ),
    ],
  },
  {
    name: 'what was under way when a block was cut is in no total',
    tests: ['ledger/ledger_seal'],
    edits: [
      helper(
        'rows_since',
        'select o.* from pg_snapshot_xip(snapshot) x (xid)',
        'select o.* from pg_snapshot_xip(snapshot) x (xid)\n  join (select) none on false',
      ),
    ],
  },
  {
    name: 'figures are called final while a transaction can still book there',
    tests: ['ledger/ledger_seal'],
    edits: [
      edit(
        'ledger/ledger_seal',
        'b.xid < pg_snapshot_xmin(v_cut.snapshot)',
        'b.xid < pg_snapshot_xmax(v_cut.snapshot)',
      ),
    ],
  },
  {
    name: 'what comes late is counted where figures are final',
    tests: ['ledger/ledger_seal'],
    edits: [helper('quarter', 'greatest(at_time, final_until)', 'at_time')],
  },
  {
    name: 'the trial balance leaves out what no block has closed',
    tests: ['ledger/ledger_trial_balance'],
    edits: [
      edit(
        'ledger/ledger_trial_balance',
        'from ledger_private.rows_since((select p.snapshot from place p)) e',
        'from (select n.* from ledger_private.rows_since((select p.snapshot from place p)) n where false) e',
      ),
    ],
  },
  {
    name: 'a block says that it counts less than it does',
    tests: ['ledger/ledger_balances_at', 'ledger/ledger_verify'],
    edits: [
      edit(
        'ledger/ledger_seal',
        'greatest(v_cut.counted_until, v_last.counted_until,',
        'greatest(v_last.counted_until,',
      ),
    ],
  },
  {
    name: 'reports leave out what no block has closed',
    tests: ['ledger/ledger_balances_at'],
    edits: [
      helper(
        'totals_before',
        '  join instants i on i.place > s.place\n',
        '  join instants i on i.place > s.place and false\n',
      ),
    ],
  },
  {
    name: 'reports count a whole quarter of an hour or nothing of it',
    tests: ['ledger/ledger_balances_at'],
    edits: [helper('totals_before', 'where i.at_time > i.quarter', 'where i.at_time < i.quarter')],
  },
  {
    name: 'reports leave out blocks that lie across an instant',
    tests: ['ledger/ledger_balances_at'],
    edits: [helper('block_totals_before', 't.quarter < block_totals_before.quarter', "t.quarter < '-infinity'")],
  },
  {
    name: 'what comes late changes figures that were final',
    tests: ['ledger/ledger_balances_at'],
    edits: [
      helper(
        'totals_before',
        'width_bucket(greatest(e.created_at, (select n.final_until from newest n)),',
        'width_bucket(e.created_at,',
      ),
    ],
  },
  {
    name: 'balances are called final before they are',
    tests: ['ledger/ledger_balances_at'],
    edits: [
      edit(
        'ledger/ledger_balances_at',
        '(select b.final_until from ledger.blocks',
        '(select b.sealed_at from ledger.blocks',
      ),
    ],
  },
  {
    name: 'a day begins at its second midnight',
    tests: ['ledger/ledger_activity'],
    edits: [helper('bucket_starts', "where bucket = 'hour' or s.before is null", 'where true')],
  },
  {
    name: 'an hour that comes twice is one',
    tests: ['ledger/ledger_activity'],
    edits: [helper('bucket_starts', "where bucket = 'hour' or s.before is null", 'where s.before is null')],
  },
  {
    name: 'the journal goes on with the line of the cursor',
    tests: ['ledger/ledger_journal'],
    edits: [
      edit(
        'ledger/ledger_journal',
        '      > (select r.after_block, r.after_time, r.after_id, r.after_side from r)',
        '      >= (select r.after_block, r.after_time, r.after_id, r.after_side from r)',
      ),
    ],
  },
  {
    name: 'the journal leaves out what no block has closed',
    tests: ['ledger/ledger_journal'],
    edits: [edit('ledger/ledger_journal', 'from r where r.last_block = r.open_block', 'from r where false')],
  },
  {
    name: 'a seal takes no lock',
    tests: ['ledger/ledger_seal'],
    edits: [edit('ledger/ledger_seal', '  lock table ledger.blocks in share row exclusive mode;\n', '')],
  },
  {
    name: 'a seal keeps everybody from posting',
    tests: ['ledger/ledger_seal'],
    edits: [edit('ledger/ledger_seal', 'lock table ledger.blocks in', 'lock table ledger.blocks, ledger.entries in')],
  },
  {
    name: 'a seal does not know the one before',
    tests: ['ledger/ledger_seal'],
    edits: [edit('ledger/ledger_seal', '  v_block.previous := v_last.hash;\n', '')],
  },
  {
    name: 'a block closes again what the blocks before it closed',
    tests: ['ledger/ledger_seal'],
    edits: [
      edit('ledger/ledger_seal', 'ledger_private.cut(ledger_private.closed_snapshot(), ', 'ledger_private.cut(null, '),
    ],
  },
  {
    name: 'the hash of a seal leaves out its root',
    tests: ['ledger/ledger_seal'],
    edits: [helper('seal_hash', 'array[block.root, block.totals_hash', 'array[block.totals_hash')],
  },
  {
    name: 'the hash of a seal leaves out its totals',
    tests: ['ledger/ledger_seal'],
    edits: [helper('seal_hash', 'block.totals_hash, ', '')],
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
    edits: [
      helper(
        'verify_kept',
        "where to_jsonb(s) - 'counted_until' is distinct from to_jsonb(k) - 'counted_until'",
        'where s.seq is null',
      ),
    ],
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
    edits: [helper('verify_wallets', 'or c.hash is distinct from', 'or false and c.hash is distinct from')],
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
    edits: [
      helper('verify_closed', 'and not ledger_private.is_moved()\n        group by', 'and false\n        group by'),
    ],
  },
];

/** What lets a call be booked without being judged rule by rule. */
const USUAL: Mutant[] = [
  ...[
    { what: 'the amount', from: 'amount between 1 and 1000000000000000 and ', to: '' },
    {
      what: 'whether credits have expired',
      from: "expires_at > v_at and expires_at < 'infinity'",
      to: 'true',
    },
    { what: 'the length of the key', from: 'octet_length(idem_key) <= 200 and ', to: '' },
    { what: 'white space in the key', from: "idem_key ~ '^[!-~]+$'", to: 'true' },
    {
      what: 'the metadata',
      from: "(metadata = '{}' or ledger_private.is_metadata(metadata))",
      to: 'true',
    },
    {
      what: 'the isolation level',
      test: 'concurrency',
      from: "current_setting('transaction_isolation') = 'read committed'",
      to: 'true',
    },
    { what: 'what is reserved', from: 'e.held_balance = 0', to: 'true' },
    {
      what: 'limits',
      from: '(select l.seq from ledger.asset_limits l where l.asset_code = v_asset and l.seq = 1) is null',
      to: 'true',
    },
    {
      what: 'limits, for the first of a wallet',
      from: 'not exists (select from ledger.asset_limits l where l.asset_code = v_asset)',
      to: 'true',
    },
    {
      what: 'credits that expire',
      from: 'o.wallet_id = post_own.wallet_id\n          and o.expires_at',
      to: 'false and o.expires_at',
    },
    { what: 'the status', from: "v_status = 'open'", to: 'v_status is not null' },
    { what: 'limits of its own', from: 'case when w.own_limits is null then w.status end', to: 'w.status' },
    { what: 'funds', from: ' and v_balance >= 0', to: '' },
    {
      what: 'the ceiling',
      from: ' and greatest(v_balance, v_bought, v_granted, v_spent) <= 8000000000000000000',
      to: '',
    },
  ].map(({ what, from, to, test = 'usual_calls' }) => ({
    name: `a usual call is not asked for ${what}`,
    tests: [test],
    edits: [helper('post_own', from, to)],
  })),
  ...[
    { what: 'the amount', from: 'amount between 1 and 1000000000000000 and ', to: '' },
    { what: 'the other wallet being another', from: 'from_wallet <> to_wallet and ', to: '' },
    { what: 'the status', from: "v_status = 'open' and v_other_status = 'open'", to: 'true' },
    { what: 'the assets', from: ' and v_asset = v_other_asset', to: '' },
    {
      what: 'limits of the first one',
      from: 'case when w.own_limits is null then w.status end, w.asset_code into v_status',
      to: 'w.status, w.asset_code into v_status',
    },
    {
      what: 'limits of the second one',
      from: 'case when w.own_limits is null then w.status end, w.asset_code into v_other_status',
      to: 'w.status, w.asset_code into v_other_status',
    },
    { what: 'funds', from: ' and v_from.balance >= 0', to: '' },
    { what: 'the ceiling', from: 'greatest(v_to.balance, v_from.sent) <= 8000000000000000000', to: 'true' },
    {
      what: 'its key',
      from: '(select k.seq from ledger.entries k\n            where k.wallet_id = from_wallet and k.idem_key = post_between.idem_key) is null',
      to: 'true',
    },
    {
      what: 'lots',
      from: 'ledger_private.open_lots o where o.wallet_id = from_wallet',
      to: 'ledger_private.open_lots o where false',
    },
  ].map(({ what, from, to }) => ({
    name: `a usual transfer is not asked for ${what}`,
    tests: ['usual_calls'],
    edits: [helper('post_between', from, to)],
  })),
  {
    name: 'the entry of a usual transfer received carries the key',
    tests: ['usual_calls'],
    edits: [
      helper('write_transfer', 'to_line.hash, null, null, null', 'to_line.hash, null, write_transfer.idem_key, null'),
    ],
  },
];

const NODES: Mutant[] = [
  {
    name: 'a transfer with a wallet of another database has no line elsewhere',
    tests: ['subset'],
    edits: [
      helper(
        'accounts_here',
        'exists (select from ledger_private.node_ranges) and not exists (',
        'false and not exists (',
      ),
    ],
  },
  {
    name: 'what was received from another database is not counted',
    tests: ['subset'],
    edits: [helper('rows_since', "where coalesce(pg_snapshot_xmax(snapshot), '0') <= '1'", 'where false')],
  },
  {
    name: 'the other entry of a transfer may be missing, though the database has its wallet',
    tests: ['subset'],
    edits: [helper('verify_pairs', 'or ledger_private.is_here((p.a).to_wallet)', '')],
  },
  {
    name: 'any received entry may be from elsewhere',
    tests: ['ledger/ledger_verify'],
    edits: [helper('received_from_elsewhere', 'where exists (select from ledger_private.node_ranges) and ', 'where ')],
  },
];

const OWN_OUTCOME = 'else if (!isUndone(outcome)) answer.reject(outcome?.reason);';
const IN_DOUBT = 'reason instanceof Refused ? reason.code === SKIPPED : reason instanceof pg.DatabaseError';
const CONTEXT = '(grafast?.context as CreateContext)({ expressv4: { req, res } }, args)';

const poster = (from: string, to: string): Edit => edit('flows/poster', from, to);
const hot = (from: string, to: string): Edit => edit('flows/hot', from, to);

/** Calls that are sent together, and documents that need no plan. */
const GATEWAY: GatewayMutant[] = [
  {
    name: 'gateway: the answers of a group are crossed',
    tests: ['src/flows/poster'],
    sources: [poster('outcomeOf(call, rows, index)', 'outcomeOf(call, rows, calls.length - 1 - index)')],
  },
  {
    name: 'gateway: calls of one role go together, whoever they are from',
    tests: ['src/flows/poster'],
    sources: [poster('const key = `${role}:${sub}`;', 'const key = `${role}:${sub.slice(0, 0)}`;')],
  },
  {
    name: 'gateway: calls of one subject go together, whatever its role',
    tests: ['src/flows/poster'],
    sources: [poster('const key = `${role}:${sub}`;', 'const key = `${role.slice(0, 0)}:${sub}`;')],
  },
  {
    name: 'gateway: the last call of a group is not sent, and answered with the receipt before it',
    tests: ['src/flows/poster'],
    sources: [
      poster(
        'calls.map(({ request }) => request[attribute] ?? null)',
        'calls.slice(0, Math.max(1, calls.length - 1)).map(({ request }) => request[attribute] ?? null)',
      ),
      poster('const row = rows[index];', 'const row = rows[index] ?? rows[index - 1];'),
    ],
  },
  {
    name: 'gateway: what is in doubt is answered with a receipt instead of RETRY',
    tests: ['src/flows/poster'],
    sources: [
      poster('calls.forEach(({ answer }, index) => {', 'calls.forEach(({ answer, flow }, index) => {'),
      poster(
        OWN_OUTCOME,
        `else if (outcome?.reason instanceof Refused && !isUndone(outcome)) answer.reject(outcome.reason);
      else if (!isUndone(outcome)) answer.resolve(receiptOf(flow.columns, []));`,
      ),
    ],
  },
  {
    name: 'gateway: what is in doubt is sent again instead of RETRY',
    tests: ['src/flows/poster'],
    sources: [poster(IN_DOUBT, 'reason instanceof Refused ? reason.code === SKIPPED : reason instanceof Error')],
  },
  {
    name: 'gateway: a group that failed as a whole is not sent again one by one',
    tests: ['src/flows/poster'],
    sources: [poster(IN_DOUBT, 'reason instanceof Refused && reason.code === SKIPPED')],
  },
  {
    name: 'gateway: a call that a group left out is refused',
    tests: ['src/flows/poster'],
    sources: [poster(IN_DOUBT, '!(reason instanceof Refused) && reason instanceof pg.DatabaseError')],
  },
  {
    name: 'gateway: a group takes wallets that calls in flight have',
    tests: ['src/flows/poster'],
    sources: [
      poster(
        'return !wallets.some((wallet) => this.#busy.has(wallet));',
        'return wallets.length >= 0 || this.#busy.size < 0;',
      ),
    ],
  },
  {
    name: 'gateway: a group may have any number of calls',
    tests: ['src/flows/poster'],
    sources: [poster('const MAX_GROUP = 32;', 'const MAX_GROUP = 1000;')],
  },
  {
    name: 'gateway: a refusal in a group has no detail',
    tests: ['src/flows/grouping'],
    sources: [poster("detail: detail ?? ''", "detail: detail === null ? '' : '{}'")],
  },
  {
    name: 'gateway: a known document is answered as whoever sent it first',
    tests: ['src/flows/hot'],
    sources: [
      hot(
        'const byText = new WeakMap',
        'const contexts = new Map<Known, Partial<Grafast.Context>>();\nconst byText = new WeakMap',
      ),
      hot(
        `const contextValue = ${CONTEXT};`,
        `const contextValue = contexts.get(known) ?? ${CONTEXT};\n    contexts.set(known, contextValue);`,
      ),
    ],
  },
  {
    name: 'gateway: a known document is answered with its errors unmasked',
    tests: ['src/flows/hot'],
    sources: [hot('errors?.map((error) => grafserv?.maskError?.(error) ?? error)', 'errors')],
  },
];

const OPENINGS_AND_EXCHANGES: Mutant[] = [
  {
    name: 'a second opening is booked',
    tests: ['ledger/wallet_opening'],
    edits: [helper('opened_before', "and e.kind = 'opening'", "and e.kind = 'opening' and false")],
  },
  {
    name: 'a second opening of a wallet in a list is booked like the first',
    tests: ['ledger/wallet_opening'],
    edits: [helper('post_openings', 'and row_number() over (partition by r.wallet_id order by r.place) = 1', '')],
  },
  {
    name: 'openings in a list make no lots',
    tests: ['ledger/wallet_opening'],
    edits: [
      helper('post_openings', 'r.bonus from run r where r.expires_at is not null', 'r.bonus from run r where false'),
    ],
  },
  {
    name: 'an opening is asked for the limits of its asset',
    tests: ['ledger/wallet_opening'],
    edits: [helper('above_limit', "('reversal', 'opening', 'adjustment',", "('reversal', 'adjustment',")],
  },
  {
    name: 'an adjustment needs no reason',
    tests: ['ledger/wallet_adjust'],
    edits: [
      helper(
        'invalid_request',
        'when ledger_private.has_reason(request.kind) <> (request.reason is not null)',
        'when false',
      ),
    ],
  },
  {
    name: 'the reason of an adjustment is no part of the request',
    tests: ['ledger/wallet_adjust'],
    edits: [
      helper('key_reused', "when h.has then first.metadata ->> 'reason' end", 'when h.has then request.reason end'),
    ],
  },
  {
    name: 'an adjustment that takes is booked as one that gives',
    tests: ['ledger/wallet_adjust'],
    edits: [helper('takes', "coalesce(request.side = 'debit', false)", 'false')],
  },
  {
    name: 'credits are exchanged between two owners',
    tests: ['ledger/wallet_exchange'],
    edits: [helper('not_exchangeable', 'wallet.owner_id <> other.owner_id or wallet', 'wallet')],
  },
  {
    name: 'an exchange makes paid credits of bonus credits, by rounding',
    tests: ['ledger/wallet_exchange'],
    edits: [helper('exchanged_bonus', '* to_amount + amount - 1, amount)', '* to_amount, amount)')],
  },
  {
    name: 'how much arrives in an exchange is no part of the request',
    tests: ['ledger/wallet_exchange'],
    edits: [
      helper(
        'key_reused',
        "(7, 'to_amount', case first.kind when 'exchange' then (",
        "(7, 'to_amount', case first.kind when 'hold' then (",
      ),
      helper('key_reused', '      request.to_amount::text),', '      null),'),
    ],
  },
  {
    name: 'an exchange is reversed although what arrived is gone',
    tests: ['ledger/wallet_exchange'],
    edits: [helper('reverse_exchange', 'if v_plan.missing > 0 then', 'if false then')],
  },
  {
    name: 'an exchange is reversed in part',
    tests: ['ledger/wallet_exchange'],
    edits: [helper('not_reversible', ' or r.whole and requested < available', '')],
  },
  {
    name: 'a block counts the other side of an exchange again',
    tests: ['ledger/wallet_exchange'],
    edits: [helper('cut', " and 'exchange' not in (m.debit, m.credit)", '')],
  },
  {
    name: 'the proof does not ask which side of an exchange has the request',
    tests: ['links'],
    edits: [helper('verify_links', 'when ((s.a).idem_key is null) = ((s.o).idem_key is null) or', 'when')],
  },
  {
    name: 'the proof does not ask how much of what arrived is bonus credits',
    tests: ['links'],
    edits: [helper('verify_links', "when (s.a).kind = 'exchange' and (s.a).debit = 'player'", 'when false')],
  },
];

const WEBHOOKS: Mutant[] = [
  {
    name: 'a webhook is sent although an earlier one of its other wallet has not arrived',
    tests: ['webhooks'],
    edits: [edit('webhook/is_head', '  select not exists (', '  select true or not exists (')],
  },
  {
    name: 'the cursor of an endpoint moves past what is not delivered',
    tests: ['webhooks'],
    edits: [edit('webhook/collect', 'where i <> all (v_known)));', 'where i <> all (v_known) and false));')],
  },
  {
    name: 'webhooks come in the order of the feed, not in that of their wallet',
    tests: ['webhooks'],
    edits: [
      edit(
        'webhook/collect',
        'webhook.taken_before(events => v_events, notices => v_notices, place => v_cursor)',
        "'{}'",
      ),
    ],
  },
  {
    name: 'a movement that was taken early is taken again',
    tests: ['webhooks'],
    edits: [edit('webhook/collect', 'where i <> all (v_known)));', 'where true));')],
  },
  {
    name: 'a webhook that counts as lost is settled by whoever lost it',
    tests: ['webhooks'],
    edits: [edit('webhook/settle', ' and d.tries = o.tries', '', 3)],
  },
  {
    name: 'a secret that has expired goes on to sign',
    tests: ['webhooks'],
    edits: [edit('webhook/take', " and coalesce(s.expires_at, 'infinity') > clock_timestamp()", '')],
  },
  {
    name: 'gateway: a webhook is signed with one secret while it is replaced',
    tests: ['src/webhooks/send'],
    sources: [edit('webhooks/send', 'secrets.map((secret)', 'secrets.slice(0, 1).map((secret)')],
  },
  {
    name: 'gateway: a webhook is sent to addresses inside the network',
    tests: ['src/webhooks/send'],
    sources: [
      edit(
        'webhooks/send',
        'mayConnect: isSafe ? mayConnect : isAllowed,',
        'mayConnect: () => true || mayConnect || isSafe,',
      ),
    ],
  },
];

export const MUTANTS: Mutant[] = [
  ...OPENINGS_AND_EXCHANGES,
  ...USUAL,
  ...NODES,
  ...LOCKS,
  ...KEYS,
  ...FUNDS,
  ...LOG,
  ...BONUS,
  ...HOLDS,
  ...REVERSALS,
  ...MERGES,
  ...GROUPS,
  ...GUARDS,
  ...DEBTS,
  ...LISTS,
  ...PROOFS,
  ...GATEWAY,
  ...WEBHOOKS,
  ...CRASHES,
];
