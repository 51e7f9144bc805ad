--! Previous: sha1:b07491a6532deded7aa35ad690748574ee12a261
--! Hash: sha1:c0c6ea95a12eb41034a9e8cb002a4a90baeb160f
--! Message: holds-expiry-reversals-batches

-- Holds, expiring bonuses, reversals, batches, statuses, limits, balances at any time.
set local role wallet_owner;

comment on table ledger.wallet_events is $$@behavior -query:resource:connection -query:resource:list -query:resource:single
What happened to a wallet's status: who, when and why. Append-only. Players do not see it.$$;

-- Types and tables ----------------------------------------------------------------------------------------------------

create type ledger.hold_status as enum ('open', 'captured', 'released', 'expired');
comment on type ledger.hold_status is 'What became of a hold.';

create type ledger.credit_source as enum ('paid', 'bonus', 'expiring_bonus');
comment on type ledger.credit_source is
  'Where credits in a wallet come from: bought, given away, or given away until an instant.';

create table ledger.holds (
  wallet_id uuid not null,
  id uuid not null,
  seq bigint not null,
  amount bigint not null,
  bonus_amount bigint not null,
  expires_at timestamptz,
  created_at timestamptz not null,
  primary key (wallet_id, id),
  constraint holds_wallet_id_seq_key unique (wallet_id, seq),
  constraint holds_bonus_amount_is_part_of_amount check (amount > 0 and bonus_amount between 0 and amount),
  constraint holds_wallet_id_fkey foreign key (wallet_id) references ledger.wallets (id) not enforced,
  constraint holds_transfer_fkey foreign key (id) references ledger.transfers (id) not enforced
);

comment on table ledger.holds is $$@behavior -query:resource:connection -query:resource:list
A reservation of credits. Append-only: it is open until a capture or a release names it.$$;
comment on constraint holds_wallet_id_fkey on ledger.holds is $$@behavior -manyRelation:resource:connection -manyRelation:resource:list
@forwardDescription The wallet whose credits it reserves.$$;
comment on constraint holds_wallet_id_seq_key on ledger.holds is $$@behavior -query:resource:single -singularRelation:resource:single$$;
comment on constraint holds_transfer_fkey on ledger.holds is $$@fieldName transfer
@forwardDescription The movement that placed it.
@behavior -manyRelation:resource:connection -manyRelation:resource:list -singularRelation:resource:single:backward$$;
comment on column ledger.holds.wallet_id is 'The wallet whose credits it reserves.';
comment on column ledger.holds.id is 'The hold, and the transfer that placed it.';
comment on column ledger.holds.seq is 'The wallet''s entry that placed it.';
comment on column ledger.holds.amount is 'What it reserved, in minor units.';
comment on column ledger.holds.bonus_amount is 'The part of the amount that was bonus credits, in minor units.';
comment on column ledger.holds.expires_at is 'From when it is void and its credits are free again; null for never.';
comment on column ledger.holds.created_at is 'When it was placed.';

-- A hold ends once, and a movement finds its reversals.
create unique index transfers_hold_closed_once_idx on ledger.transfers (wallet_id, hold_id) where hold_id is not null and kind <> 'hold';
create index transfers_reverses_idx on ledger.transfers (reverses) where reverses is not null;
alter table ledger.transfers
  add constraint transfers_hold_fkey foreign key (wallet_id, hold_id) references ledger.holds (wallet_id, id) not enforced,
  add constraint transfers_reverses_fkey foreign key (reverses) references ledger.transfers (id) not enforced;
comment on constraint transfers_hold_fkey on ledger.transfers is $$@fieldName hold
@forwardDescription The hold that this one opened, captured or released.
@behavior -manyRelation:resource:connection -manyRelation:resource:list$$;
comment on constraint transfers_reverses_fkey on ledger.transfers is $$@fieldName reversedTransfer
@forwardDescription The movement that this one reverses.
@foreignFieldName reversals
@backwardDescription What has been taken back of it: its reversals, oldest first.
@isIndexed$$;
comment on table ledger.transfers is $$@behavior -query:resource:connection -query:resource:list -filter -order
One movement of credits, booked as one debit and one credit entry of the same amount; a hold or a release, which only reserves or frees, as one
entry of the wallet. Append-only.$$;
comment on column ledger.transfers.amount is
  'The amount moved, or reserved by a hold and freed by a release, in minor units of the asset.';

create table ledger.bonus_lots (
  wallet_id uuid not null,
  seq bigint not null,
  expires_at timestamptz not null,
  amount bigint not null,
  primary key (wallet_id, seq, expires_at),
  constraint bonus_lots_amount_is_positive check (amount > 0),
  constraint bonus_lots_entry_fkey foreign key (wallet_id, seq) references ledger.entries (wallet_id, seq) not enforced
);

-- What a balance at an instant has to leave out. (With the number too: a single lot is looked up by it as well, among many of one expiry.)
create index bonus_lots_wallet_id_expires_at_seq_idx on ledger.bonus_lots (wallet_id, expires_at, seq);

comment on table ledger.bonus_lots is $$@behavior -*
Bonus credits that arrived with one expiry, by a bonus or a transfer. Append-only. Bonus credits that do not expire are in no lot.$$;
comment on column ledger.bonus_lots.wallet_id is 'The wallet where they arrived.';
comment on column ledger.bonus_lots.seq is 'The wallet''s entry with which they arrived.';
comment on column ledger.bonus_lots.expires_at is 'From when they cannot be spent any more.';
comment on column ledger.bonus_lots.amount is 'How many, in minor units.';

create table ledger.bonus_lot_draws (
  wallet_id uuid not null,
  lot_seq bigint not null,
  expires_at timestamptz not null,
  seq bigint not null,
  hold_id uuid,
  amount bigint not null,
  held_amount bigint not null,
  balance bigint not null,
  held_balance bigint not null,
  primary key (wallet_id, lot_seq, expires_at, seq),
  constraint bonus_lot_draws_balance_is_not_negative check (balance >= 0),
  constraint bonus_lot_draws_held_balance_is_part_of_balance check (held_balance between 0 and balance),
  constraint bonus_lot_draws_lot_fkey foreign key (wallet_id, lot_seq, expires_at)
    references ledger.bonus_lots (wallet_id, seq, expires_at) not enforced,
  constraint bonus_lot_draws_entry_fkey foreign key (wallet_id, seq) references ledger.entries (wallet_id, seq) not enforced,
  constraint bonus_lot_draws_hold_fkey foreign key (wallet_id, hold_id) references ledger.holds (wallet_id, id) not enforced
);

-- What an entry drew. (With the wallet first, it would be taken for the newest row of a lot too, which the primary key finds at once.)
create index bonus_lot_draws_seq_wallet_id_idx on ledger.bonus_lot_draws (seq, wallet_id);

comment on table ledger.bonus_lot_draws is $$@behavior -*
What an entry of the wallet drew from a lot, reserved of it, or gave back to it. Append-only; the newest one says what is left.$$;
comment on column ledger.bonus_lot_draws.wallet_id is 'The wallet.';
comment on column ledger.bonus_lot_draws.lot_seq is 'The lot: the entry with which it arrived,';
comment on column ledger.bonus_lot_draws.expires_at is 'and its expiry.';
comment on column ledger.bonus_lot_draws.seq is 'The wallet''s entry that drew.';
comment on column ledger.bonus_lot_draws.hold_id is 'The hold that it was reserved for or freed from.';
comment on column ledger.bonus_lot_draws.amount is 'Credits taken out of the lot, in minor units; negative where a reversal gave them back.';
comment on column ledger.bonus_lot_draws.held_amount is 'Change of what holds reserve of the lot, in minor units.';
comment on column ledger.bonus_lot_draws.balance is 'What is left in the lot after it, reserved credits included, in minor units.';
comment on column ledger.bonus_lot_draws.held_balance is 'What holds reserve of the lot after it, in minor units.';

create table ledger.asset_limits (
  asset_code text not null references ledger.assets (code),
  seq int not null,
  max_spend bigint,
  max_balance bigint,
  max_daily_top_up bigint,
  max_daily_bonus bigint,
  max_daily_spend bigint,
  actor text not null,
  created_at timestamptz not null,
  primary key (asset_code, seq)
);

comment on table ledger.asset_limits is $$@behavior -query:resource:connection -query:resource:list -query:resource:single
Limits of an asset, for each wallet of it. Append-only: the newest are in force.$$;
comment on constraint asset_limits_asset_code_fkey on ledger.asset_limits is $$@fieldName asset
@behavior -manyRelation:resource:connection -manyRelation:resource:list$$;
comment on column ledger.asset_limits.asset_code is 'The asset.';
comment on column ledger.asset_limits.seq is 'Number of the setting within its asset: 1, 2, 3 and so on.';
comment on column ledger.asset_limits.max_spend is 'The largest single spend or capture, in minor units; null for none.';
comment on column ledger.asset_limits.max_balance is 'The largest balance that credits may lead to, in minor units; null for none.';
comment on column ledger.asset_limits.max_daily_top_up is 'The largest total of top-ups within 24 hours, in minor units; null for none.';
comment on column ledger.asset_limits.max_daily_bonus is 'The largest total of bonuses within 24 hours, in minor units; null for none.';
comment on column ledger.asset_limits.max_daily_spend is
  'The largest total of spends and captures within 24 hours, in minor units; null for none.';
comment on column ledger.asset_limits.actor is 'Who set them: the token''s role and subject, or db: and the database login.';
comment on column ledger.asset_limits.created_at is 'When.';

-- Work lists: indexes of what is open, the only rows that are ever removed. They decide nothing: what is in a hold or a lot, and whether it is
-- open, the rows above say; ledger_verify() proves the lists against them.

create table ledger_private.open_holds (
  wallet_id uuid not null,
  hold_id uuid not null,
  expires_at timestamptz,
  primary key (wallet_id, hold_id)
);

create index open_holds_expires_at_idx on ledger_private.open_holds (expires_at);
comment on table ledger_private.open_holds is 'The holds that are open.';

create table ledger_private.open_lots (
  wallet_id uuid not null,
  expires_at timestamptz not null,
  lot_seq bigint not null,
  -- Null where holds pin all that is left: nothing is due then.
  due_at timestamptz,
  primary key (wallet_id, expires_at, lot_seq)
);

-- All of them: where the list was empty when it was last looked at, an index of the due ones alone would be read as a whole for each wallet.
create index open_lots_due_at_idx on ledger_private.open_lots (due_at);
comment on table ledger_private.open_lots is 'The lots with credits left in them.';

-- Rows come and go: what is gone must not pile up where the next due ones are looked for.
alter table ledger_private.open_holds set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
alter table ledger_private.open_lots set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- Composite arguments and results -------------------------------------------------------------------------------------

create type ledger.balance_part as (
  source ledger.credit_source,
  amount bigint,
  available bigint,
  expires_at timestamptz,
  transfer_id uuid,
  hold_id uuid
);
comment on type ledger.balance_part is 'A part of a wallet''s balance, in minor units.';
comment on column ledger.balance_part.source is $$@notNull
Where its credits come from.$$;
comment on column ledger.balance_part.amount is $$@notNull
How many they are.$$;
comment on column ledger.balance_part.available is $$@notNull
How many of them can be spent: none that a hold reserves or that have expired.$$;
comment on column ledger.balance_part.expires_at is 'When they expire, if they do.';
comment on column ledger.balance_part.transfer_id is 'The movement that brought them, for expiring credits.';
comment on column ledger.balance_part.hold_id is 'The hold that reserves them, if one does.';

create type ledger.wallet_request as (
  kind ledger.transfer_kind,
  wallet_id uuid,
  counterparty_id uuid,
  amount bigint,
  idem_key text,
  expires_at timestamptz,
  metadata jsonb
);
comment on type ledger.wallet_request is 'One item of a batch: what a single call would be given.';
comment on column ledger.wallet_request.kind is $$@notNull
top_up, bonus, spend or transfer.$$;
comment on column ledger.wallet_request.wallet_id is $$@notNull
The player's wallet; of a transfer, the one they leave.$$;
comment on column ledger.wallet_request.counterparty_id is 'The wallet that a transfer arrives in; of other kinds, none.';
comment on column ledger.wallet_request.amount is $$@notNull
Minor units, 1 to 1000000000000000.$$;
comment on column ledger.wallet_request.idem_key is $$@notNull
1 to 200 characters, unique within the wallet for ever.$$;
comment on column ledger.wallet_request.expires_at is 'Of a bonus, when it expires; never if left out.';
comment on column ledger.wallet_request.metadata is 'A JSON object of at most 8192 bytes; empty if left out.';

create type ledger_private.sealed as (transfer ledger.transfers, entry ledger.entries, other_entry ledger.entries);
create type ledger_private.judged as (bonus_amount bigint, entry ledger.entries, other_entry ledger.entries);
-- What a batch is judged by. By wallet number: wallets, heads, limits, day_before, held_bonus. By request: the others.
create type ledger_private.batch as (
  wallets ledger.wallets[],
  heads ledger.entries[],
  limits ledger.asset_limits[],
  day_before ledger.entries[],
  held_bonus bigint[],
  numbers int[],
  other_numbers int[],
  first_places int[],
  firsts ledger.transfers[],
  receipts ledger.receipt[]
);
-- What it books, which of that moves lots, between which of so many wallets; and a receipt for each request.
create type ledger_private.batch_plan as (
  transfers ledger.transfers[],
  entries ledger.entries[],
  receipts ledger.receipt[],
  moving ledger.transfers[],
  from_numbers int[],
  to_numbers int[],
  wallets int
);
create type ledger_private.prepared as (
  wallet ledger.wallets,
  head ledger.entries,
  at_time timestamptz,
  receipt ledger.receipt
);

create type ledger_private.reversible_part as (source text, lot_seq bigint, expires_at timestamptz, amount bigint);
create type ledger_private.reversal_plan as (bonus_amount bigint, missing bigint, draws ledger.bonus_lot_draws[]);
create type ledger_private.lot as (number int, wallet_id uuid, seq bigint, expires_at timestamptz, free bigint, next int);

-- Functions -----------------------------------------------------------------------------------------------------------

drop function ledger_private.check_request(ledger.transfer_kind, uuid, uuid, bigint, text, timestamptz, jsonb);
drop function ledger_private.replay(ledger.transfers, ledger.transfer_kind, uuid, bigint, timestamptz, jsonb);
drop function ledger_private.next_entry(ledger.wallets, ledger.entries, ledger.entry_side, uuid, ledger.transfer_kind, bigint, bigint, bigint);
drop function ledger_private.entry_hash(bytea, ledger.entries, bytea);
drop function ledger_private.refuse_limit(ledger.entries);
drop function ledger_private.refuse_funds(ledger.entries);
drop function ledger_private.write(ledger.transfers, ledger.entries, ledger.entries);

--! Included ledger_private/refuse_argument.sql
create or replace function ledger_private.refuse_argument(argument text, hint text, facts jsonb default '{}')
returns void
language plpgsql
immutable
as $$
begin
  perform ledger_private.refuse('WLARG', format('invalid argument: %s', argument),
    jsonb_build_object('argument', argument) || facts, hint);
end
$$;

comment on function ledger_private.refuse_argument(text, text, jsonb) is
  'Refuses with WLARG an argument out of its bounds, named as the function names it.';

revoke all on function ledger_private.refuse_argument(text, text, jsonb) from public;
grant execute on function ledger_private.refuse_argument(text, text, jsonb)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger_private/refuse_argument.sql
--! Included ledger_private/refuse_asset.sql
create or replace function ledger_private.refuse_asset(asset_code text)
returns void
language plpgsql
immutable
as $$
begin
  perform ledger_private.refuse('WLNOA', format('asset not found: %s', asset_code),
    jsonb_build_object('asset_code', asset_code), 'An operator creates assets with asset_create(code, name, scale).');
end
$$;

comment on function ledger_private.refuse_asset(text) is 'Refuses with WLNOA an asset that is not there.';

revoke all on function ledger_private.refuse_asset(text) from public;
--! EndIncluded ledger_private/refuse_asset.sql
--! Included ledger_private/refuse_assets.sql
create or replace function ledger_private.refuse_assets(from_asset text, to_asset text)
returns void
language plpgsql
immutable
as $$
begin
  perform ledger_private.refuse('WLAST', format('asset mismatch: %s and %s', from_asset, to_asset),
    jsonb_build_object('from_asset', from_asset, 'to_asset', to_asset), 'Move credits between wallets of one asset.');
end
$$;

comment on function ledger_private.refuse_assets(text, text) is
  'Refuses with WLAST to move credits between wallets of different assets.';

revoke all on function ledger_private.refuse_assets(text, text) from public;
--! EndIncluded ledger_private/refuse_assets.sql
--! Included ledger_private/refuse_stale.sql
create or replace function ledger_private.refuse_stale()
returns void
language plpgsql
immutable
as $$
begin
  raise exception using errcode = '40001', message = 'could not serialize access: a wallet has moved on';
end
$$;

comment on function ledger_private.refuse_stale() is
  'Ends a transaction whose snapshot is older than the locks it holds with 40001: a retry will do.';

revoke all on function ledger_private.refuse_stale() from public;
--! EndIncluded ledger_private/refuse_stale.sql
--! Included ledger_private/refuse_limit.sql
create or replace function ledger_private.refuse_limit(wallet_id uuid, name text, max bigint, used numeric)
returns void
language plpgsql
immutable
as $$
declare
  v_left text := greatest(max - used, 0)::text;
begin
  perform ledger_private.refuse('WLLIM',
    format('limit exceeded: %s is %s, %s left', name, max, v_left),
    jsonb_build_object('wallet_id', wallet_id, 'limit', name, 'max', max::text, 'left', v_left),
    'Ask for no more than is left, or wait until the limit leaves more.');
end
$$;

comment on function ledger_private.refuse_limit(uuid, text, bigint, numeric) is
  'Refuses with WLLIM what would go above a limit: its name, how high it is, and what is left of it.';

revoke all on function ledger_private.refuse_limit(uuid, text, bigint, numeric) from public;
--! EndIncluded ledger_private/refuse_limit.sql
--! Included ledger_private/refuse_overflow.sql
create or replace function ledger_private.refuse_overflow(entry ledger.entries)
returns void
language plpgsql
immutable
as $$
begin
  perform ledger_private.refuse_limit(entry.wallet_id, 'max_balance', 9000000000000000000,
    greatest(entry.balance, entry.topped_up_total, entry.granted_total, entry.spent_total) - entry.amount);
end
$$;

comment on function ledger_private.refuse_overflow(ledger.entries) is
  'Refuses with WLLIM an entry that would take a balance or a lifetime total above what the ledger counts to.';

revoke all on function ledger_private.refuse_overflow(ledger.entries) from public;
--! EndIncluded ledger_private/refuse_overflow.sql
--! Included ledger_private/refuse_funds.sql
create or replace function ledger_private.refuse_funds(wallet_id uuid, available bigint, requested bigint, facts jsonb default '{}')
returns void
language plpgsql
immutable
as $$
begin
  perform ledger_private.refuse('WLFND',
    format('insufficient funds: %s available, %s requested', available, requested),
    jsonb_build_object('wallet_id', wallet_id, 'available', available::text, 'requested', requested::text) || facts,
    'Ask for no more than is available, or top the wallet up first.');
end
$$;

comment on function ledger_private.refuse_funds(uuid, bigint, bigint, jsonb) is
  'Refuses with WLFND to take more out of a wallet, or out of a hold, than is available there.';

revoke all on function ledger_private.refuse_funds(uuid, bigint, bigint, jsonb) from public;
--! EndIncluded ledger_private/refuse_funds.sql
--! Included ledger_private/refuse_reversal.sql
create or replace function ledger_private.refuse_reversal(original ledger.transfers, requested bigint, available bigint)
returns void
language plpgsql
immutable
as $$
declare
  v_reversible boolean := original.kind in ('top_up', 'bonus', 'spend', 'capture', 'transfer');
begin
  perform ledger_private.refuse('WLREV',
    case when v_reversible then format('not reversible: %s left of %s', available, original.amount)
      else format('not reversible: a %s', original.kind) end,
    jsonb_build_object('wallet_id', original.wallet_id, 'transfer_id', original.id, 'kind', original.kind,
      'left', case when v_reversible then available else 0 end::text, 'requested', requested::text),
    case when v_reversible then 'Ask for no more than is left to reverse.'
      else 'Only top-ups, bonuses, spends, captures and transfers are reversed.' end);
end
$$;

comment on function ledger_private.refuse_reversal(ledger.transfers, bigint, bigint) is
  'Refuses with WLREV to reverse more of a movement than is left, or one that cannot be reversed.';

revoke all on function ledger_private.refuse_reversal(ledger.transfers, bigint, bigint) from public;
--! EndIncluded ledger_private/refuse_reversal.sql
--! Included ledger_private/check_snapshot.sql
create or replace function ledger_private.check_snapshot(wallet_ids uuid[])
returns void
language plpgsql
volatile
as $$
declare
  v_wallet_id uuid;
begin
  if current_setting('transaction_isolation') = 'read committed' then
    return;
  end if;
  -- Above READ COMMITTED the log may be older than the locks. An empty entry after each head finds out: PostgreSQL answers
  -- 40001 where another transaction has written that entry. The exception takes the empty ones back.
  begin
    perform set_config('ledger.posting', 'on', true);
    foreach v_wallet_id in array array_remove(wallet_ids, null) loop
      insert into ledger.entries
        select v_wallet_id, coalesce(max(e.seq), 0) + 1, uuidv7(), 'hold', 'debit', 0, 0, 0, 0, 0, 0, 0, 0, 0, '', clock_timestamp()
        from ledger.entries e
        where e.wallet_id = v_wallet_id
        on conflict on constraint entries_pkey do nothing;
      if not found then
        perform ledger_private.refuse_stale();
      end if;
    end loop;
    raise exception using errcode = 'raise_exception', message = 'the snapshot is not stale';
  exception when raise_exception then
    return;
  end;
end
$$;

comment on function ledger_private.check_snapshot(uuid[]) is
$$To be called with the locked wallets before a refusal that depends on what was booked before: above READ COMMITTED it turns a
refusal out of an old snapshot into 40001. Leaves nothing behind.$$;

revoke all on function ledger_private.check_snapshot(uuid[]) from public;
--! EndIncluded ledger_private/check_snapshot.sql
--! Included ledger_private/check_request.sql
create or replace function ledger_private.check_request(request ledger.transfers)
returns boolean
language plpgsql
immutable
as $$
declare
  -- One expression for all rules: the usual call, which keeps them, should not pay for each.
  v_broken text := case
    when request.requested_amount is null and (request.kind is null or request.kind not in ('capture', 'release', 'reversal'))
      or request.requested_amount not between 1 and 1000000000000000 then 'amount'
    when request.kind is null then 'kind'
    when request.wallet_id is null then case request.kind when 'transfer' then 'from_wallet' else 'wallet_id' end
    when request.kind = 'transfer' and request.credit_wallet_id is null then 'to_wallet'
    when request.kind <> 'transfer' and request.credit_wallet_id is not null then 'counterparty_id'
    when request.kind in ('capture', 'release') and request.hold_id is null then 'hold_id'
    when request.kind = 'reversal' and request.reverses is null then 'transfer_id'
    when request.idem_key is null or char_length(request.idem_key) not between 1 and 200 then 'idem_key'
    when not isfinite(request.expires_at) or request.expires_at is not null and request.kind not in ('bonus', 'hold') then 'expires_at'
    when request.metadata is null or jsonb_typeof(request.metadata) <> 'object'
      or octet_length(request.metadata::text) > 8192 then 'metadata'
    when request.wallet_id = request.credit_wallet_id then 'same'
  end;
begin
  if v_broken is null then
    return true;
  elsif v_broken = 'amount' then
    perform ledger_private.refuse('WLAMT',
      format('invalid amount: %s', coalesce(request.requested_amount::text, 'null')),
      jsonb_build_object('amount', request.requested_amount::text, 'min', '1', 'max', '1000000000000000'),
      'Send a whole number of minor units from 1 to 1000000000000000.');
  elsif v_broken = 'same' then
    perform ledger_private.refuse('WLSLF', format('same wallet: %s', request.wallet_id),
      jsonb_build_object('wallet_id', request.wallet_id), 'Name two different wallets.');
  end if;
  perform ledger_private.refuse_argument(v_broken, case v_broken
      when 'idem_key' then 'Send an idempotency key of 1 to 200 characters, a new one for each new request.'
      when 'kind' then 'A batch books top_up, bonus, spend and transfer.'
      when 'counterparty_id' then 'Only a transfer names a second wallet.'
      when 'expires_at' then 'Send an instant after now, or leave it out; only bonuses and holds expire.'
      when 'metadata' then 'Send a JSON object of at most 8192 bytes; store a reference to larger facts.'
      when 'hold_id' then 'Name the hold by its id.'
      when 'transfer_id' then 'Name the transfer by its id.'
      else 'Name the wallet by its id.'
    end);
  return false;
end
$$;

comment on function ledger_private.check_request(ledger.transfers) is
$$True, or refuses a request that could not be right whatever the ledger holds: WLAMT, then WLARG, then WLSLF. The request has the
shape of the transfer that it asks for: to_wallet is its credit_wallet_id, a transfer to be reversed its reverses.$$;

revoke all on function ledger_private.check_request(ledger.transfers) from public;
--! EndIncluded ledger_private/check_request.sql
--! Included ledger_private/check_expiry.sql
create or replace function ledger_private.check_expiry(wallet_id uuid, expires_at timestamptz, at_time timestamptz)
returns void
language plpgsql
volatile
as $$
begin
  if expires_at <= at_time then
    perform ledger_private.check_snapshot(array[wallet_id]);
    perform ledger_private.refuse_argument('expires_at', 'Send an instant after now, or leave it out.',
      jsonb_build_object('expires_at', expires_at, 'now', at_time));
  end if;
end
$$;

comment on function ledger_private.check_expiry(uuid, timestamptz, timestamptz) is
$$Refuses with WLARG an expiry that is not after a wallet's now. Called after the key has been looked up, because it changes with time: a
late retry still gets its receipt.$$;

revoke all on function ledger_private.check_expiry(uuid, timestamptz, timestamptz) from public;
--! EndIncluded ledger_private/check_expiry.sql
--! Included ledger_private/check_replay.sql
create or replace function ledger_private.check_replay(first ledger.transfers, request ledger.transfers)
returns void
language plpgsql
stable
as $$
declare
  v_field text;
  v_first text;
  v_again text;
begin
  select d.field, d.first, d.again into v_field, v_first, v_again
    from (values
      (1, 'kind', first.kind::text, request.kind::text),
      (2, 'to_wallet', case first.kind when 'transfer' then first.credit_wallet_id::text end, request.credit_wallet_id::text),
      -- A hold's own id is not asked for but given.
      (3, 'hold_id', case when first.kind <> 'hold' then first.hold_id::text end, request.hold_id::text),
      (4, 'transfer_id', first.reverses::text, request.reverses::text),
      (5, 'amount', first.requested_amount::text, request.requested_amount::text),
      (6, 'expires_at', to_json(first.expires_at) #>> '{}', to_json(request.expires_at) #>> '{}'),
      (7, 'metadata', first.metadata::text, request.metadata::text)
    ) as d (position, field, first, again)
    where d.first is distinct from d.again
    order by d.position
    limit 1;
  if found then
    perform ledger_private.refuse('WLKEY',
      format('idempotency key reused: %s differs from the first request', v_field),
      jsonb_build_object(
        'wallet_id', first.wallet_id, 'idem_key', first.idem_key, 'transfer_id', first.id,
        'field', v_field, 'first', v_first, 'again', v_again),
      'Send a new key for a new request, or the first request unchanged for its receipt.');
  end if;
end
$$;

comment on function ledger_private.check_replay(ledger.transfers, ledger.transfers) is
$$Refuses with WLKEY a request that is not the one which its key was first used for, naming the first field that differs and both its
values. Who called is not compared.$$;

revoke all on function ledger_private.check_replay(ledger.transfers, ledger.transfers) from public;
--! EndIncluded ledger_private/check_replay.sql
--! Included ledger_private/replay.sql
create or replace function ledger_private.replay(first ledger.transfers, request ledger.transfers)
returns ledger.receipt
language plpgsql
stable
as $$
declare
  v_entry ledger.entries;
begin
  perform ledger_private.check_replay(first, request);
  select e.* into strict v_entry
    from ledger.entries e
    where e.wallet_id = first.wallet_id
      and e.seq = case when first.debit_wallet_id = first.wallet_id then first.debit_seq else first.credit_seq end;
  return ledger_private.receipt(first, v_entry, true);
end
$$;

comment on function ledger_private.replay(ledger.transfers, ledger.transfers) is
  'The receipt of a key''s first request, with the balances of then, for a request that repeats it; or WLKEY.';

revoke all on function ledger_private.replay(ledger.transfers, ledger.transfers) from public;
--! EndIncluded ledger_private/replay.sql
--! Included ledger_private/house_account.sql
create or replace function ledger_private.house_account(kind ledger.transfer_kind)
returns ledger.house_account
language sql
immutable
as $$
  -- The values are of their type from the start: a cast afterwards would keep PostgreSQL from inlining this.
  select case kind
    when 'top_up' then 'treasury'::ledger.house_account
    when 'bonus' then 'promotions'
    when 'spend' then 'revenue'
    when 'capture' then 'revenue'
    when 'expiry' then 'breakage'
  end
$$;

comment on function ledger_private.house_account(ledger.transfer_kind) is
  'The house account on the other side of a movement of this kind; null where the kind does not decide it.';

revoke all on function ledger_private.house_account(ledger.transfer_kind) from public;
grant execute on function ledger_private.house_account(ledger.transfer_kind)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger_private/house_account.sql
--! Included ledger_private/seq_at.sql
create or replace function ledger_private.seq_at(wallet_id uuid, at_time timestamptz)
returns bigint
language plpgsql
stable
as $$
declare
  -- Everything up to and including v_low was booked by then, everything from v_high on later.
  v_low bigint := 0;
  v_high bigint;
  v_middle bigint;
  v_time timestamptz;
begin
  if at_time is null then
    return null;
  end if;
  select e.seq, e.created_at into v_high, v_time
    from ledger.entries e
    where e.wallet_id = seq_at.wallet_id
    order by e.seq desc
    limit 1;
  if not found or v_time <= at_time then
    return coalesce(v_high, 0);
  end if;
  while v_high - v_low > 1 loop
    v_middle := (v_low + v_high) / 2;
    select e.created_at into v_time from ledger.entries e where e.wallet_id = seq_at.wallet_id and e.seq = v_middle;
    if v_time <= at_time then
      v_low := v_middle;
    else
      v_high := v_middle;
    end if;
  end loop;
  return v_low;
end
$$;

comment on function ledger_private.seq_at(uuid, timestamptz) is
$$The number of a wallet's newest entry booked at or before a time; 0 where there is none or the caller may not see the wallet. A
wallet's time never runs backwards and its numbers have no gaps, so this is a binary search over the primary key: some 20 look-ups
in a million entries.$$;

revoke all on function ledger_private.seq_at(uuid, timestamptz) from public;
grant execute on function ledger_private.seq_at(uuid, timestamptz)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger_private/seq_at.sql
--! Included ledger_private/seq_before.sql
create or replace function ledger_private.seq_before(wallet_id uuid, at_time timestamptz)
returns bigint
language sql
stable
as $$
  -- A microsecond is the least by which two times differ.
  select ledger_private.seq_at(wallet_id, at_time - interval '1 microsecond')
$$;

comment on function ledger_private.seq_before(uuid, timestamptz) is
'The number of a wallet''s newest entry booked before a time; 0 where there is none. See seq_at.';

revoke all on function ledger_private.seq_before(uuid, timestamptz) from public;
grant execute on function ledger_private.seq_before(uuid, timestamptz)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger_private/seq_before.sql
--! Included ledger_private/counterparty.sql
create or replace function ledger_private.counterparty(
  entry ledger.entries,
  transfer ledger.transfers,
  reversed_kind ledger.transfer_kind
)
returns text
language sql
stable
as $$
  select case
    when entry.kind = 'reversal' and reversed_kind is null then null
    -- Only players' wallets act. The house is named by its account; which stripe of it took part is nobody's concern.
    when entry.wallet_id = transfer.wallet_id
      and ledger_private.house_account(coalesce(reversed_kind, entry.kind)) is not null
      then ledger_private.house_account(coalesce(reversed_kind, entry.kind))::text
    when entry.side = 'debit' then transfer.credit_wallet_id::text
    else transfer.debit_wallet_id::text end
$$;

comment on function ledger_private.counterparty(ledger.entries, ledger.transfers, ledger.transfer_kind) is
'The other side of an entry: the house''s account or a wallet''s id. Its transfer is null where the caller may not see it; of a reversal,
reversed_kind is the kind of the transfer that it reverses.';

revoke all on function ledger_private.counterparty(ledger.entries, ledger.transfers, ledger.transfer_kind) from public;
grant execute on function ledger_private.counterparty(ledger.entries, ledger.transfers, ledger.transfer_kind)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger_private/counterparty.sql
--! Included ledger/entries_counterparty.sql
create or replace function ledger.entries_counterparty(entry ledger.entries)
returns text
language sql
stable
as $$
  select ledger_private.counterparty(entry, t, (select o.kind from ledger.transfers o where o.id = t.reverses))
  from ledger.transfers t
  where t.id = entry.transfer_id
$$;

comment on function ledger.entries_counterparty(ledger.entries) is
$$The other side of the movement: the house's account (treasury, promotions, revenue or breakage) or the other player's wallet; of a
reversal, that of the movement it reverses. Null where credits were only reserved or freed, and for a player who received a transfer: only
the sender may tell who sent it.$$;

revoke all on function ledger.entries_counterparty(ledger.entries) from public;
grant execute on function ledger.entries_counterparty(ledger.entries)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger/entries_counterparty.sql
--! Included ledger/wallet_history.sql
create or replace function ledger.wallet_history(wallet_id uuid)
returns setof ledger.history_line
language sql
stable
as $$
  select e.seq, e.created_at, e.kind, e.side, e.amount, e.bonus_amount, e.held_amount, e.balance, e.bonus_balance,
    e.held_balance, e.transfer_id, ledger_private.counterparty(e, t, o.kind), t.idem_key, t.actor, t.metadata
  from ledger.entries e
  left join ledger.transfers t on t.id = e.transfer_id
  left join ledger.transfers o on o.id = t.reverses
  where e.wallet_id = wallet_history.wallet_id
  order by e.seq
$$;

comment on function ledger.wallet_history(uuid) is
$$@behavior -*
The full history of a wallet that the caller may see, oldest first. Of a transfer received, a player sees the entry alone: counterparty, key,
actor and metadata are the sender's and come as null.$$;

revoke all on function ledger.wallet_history(uuid) from public;
grant execute on function ledger.wallet_history(uuid)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger/wallet_history.sql
--! Included ledger_private/entry_at.sql
create or replace function ledger_private.entry_at(wallet_id uuid, at_time timestamptz)
returns ledger.entries
language sql
stable
as $$
  select e
  from ledger.entries e
  where e.wallet_id = entry_at.wallet_id
    and e.seq = ledger_private.seq_at(entry_at.wallet_id, entry_at.at_time)
$$;

comment on function ledger_private.entry_at(uuid, timestamptz) is
  'The wallet''s newest entry at or before an instant: its balances were the wallet''s then. Null where there is none.';

revoke all on function ledger_private.entry_at(uuid, timestamptz) from public;
grant execute on function ledger_private.entry_at(uuid, timestamptz)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger_private/entry_at.sql
--! Included ledger_private/head.sql
create or replace function ledger_private.head(wallet_id uuid)
returns setof ledger.entries
language sql
stable
rows 1
as $$
  select e.* from ledger.entries e where e.wallet_id = head.wallet_id order by e.seq desc limit 1
$$;

comment on function ledger_private.head(uuid) is 'The wallet''s newest entry: what it has. No row for a wallet without entries.';

revoke all on function ledger_private.head(uuid) from public;
grant execute on function ledger_private.head(uuid) to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger_private/head.sql
--! Included ledger_private/check_limits.sql
create or replace function ledger_private.check_limits(limits ledger.asset_limits, entry ledger.entries, day_before ledger.entries)
returns void
language plpgsql
volatile
as $$
declare
  v_name text;
  v_max bigint;
  v_used numeric;
begin
  -- Totals run through the log: what the last 24 hours added is this entry's less those of the newest entry before them.
  select l.name, l.max, l.used into v_name, v_max, v_used
    from (values
      ('max_spend', array['spend', 'capture'], limits.max_spend, 0),
      ('max_balance', array['top_up', 'bonus', 'transfer'], limits.max_balance,
        case when entry.side = 'credit' then entry.balance::numeric - entry.amount end),
      ('max_daily_top_up', array['top_up'], limits.max_daily_top_up,
        entry.topped_up_total::numeric - entry.amount - coalesce(day_before.topped_up_total, 0)),
      ('max_daily_bonus', array['bonus'], limits.max_daily_bonus,
        entry.granted_total::numeric - entry.amount - coalesce(day_before.granted_total, 0)),
      ('max_daily_spend', array['spend', 'capture'], limits.max_daily_spend,
        entry.spent_total::numeric - entry.amount - coalesce(day_before.spent_total, 0))
    ) as l (name, kinds, max, used)
    where entry.kind::text = any (l.kinds) and l.used + entry.amount > l.max
    limit 1;
  if found then
    perform ledger_private.check_snapshot(array[entry.wallet_id]);
    perform ledger_private.refuse_limit(entry.wallet_id, v_name, v_max, v_used);
  end if;
end
$$;

comment on function ledger_private.check_limits(ledger.asset_limits, ledger.entries, ledger.entries) is
$$Refuses with WLLIM a player's entry, not yet written, that would go above a limit of the asset: the largest spend, the largest balance,
or the largest total of 24 hours, which day_before, the wallet's newest entry before them, tells. Reversals give back and are not limited.$$;

revoke all on function ledger_private.check_limits(ledger.asset_limits, ledger.entries, ledger.entries) from public;
--! EndIncluded ledger_private/check_limits.sql
--! Included ledger_private/check_own_limits.sql
create or replace function ledger_private.check_own_limits(wallet ledger.wallets, entry ledger.entries)
returns void
language plpgsql
volatile
as $$
declare
  v_limits ledger.asset_limits;
begin
  if greatest(entry.balance, entry.topped_up_total, entry.granted_total, entry.spent_total) > 9000000000000000000 then
    perform ledger_private.check_snapshot(array[entry.wallet_id]);
    perform ledger_private.refuse_overflow(entry);
  end if;
  select l.* into v_limits from ledger.asset_limits l where l.asset_code = wallet.asset_code order by l.seq desc limit 1;
  if found then
    perform ledger_private.check_limits(
      v_limits, entry, ledger_private.entry_at(entry.wallet_id, entry.created_at - interval '24 hours'));
  end if;
end
$$;

comment on function ledger_private.check_own_limits(ledger.wallets, ledger.entries) is
  'Refuses with WLLIM an entry of a player''s wallet, not yet written, above what the ledger counts to or a limit of the asset.';

revoke all on function ledger_private.check_own_limits(ledger.wallets, ledger.entries) from public;
--! EndIncluded ledger_private/check_own_limits.sql
--! Included ledger_private/next_entry.sql
create or replace function ledger_private.next_entry(
  wallet ledger.wallets,
  head ledger.entries,
  side ledger.entry_side,
  transfer_id uuid,
  kind ledger.transfer_kind,
  amount bigint,
  bonus_amount bigint,
  held_amount bigint,
  at_time timestamptz
)
returns ledger.entries
language sql
immutable
as $$
  select row(
    wallet.id,
    coalesce(head.seq, 0) + 1,
    transfer_id,
    kind,
    side,
    amount,
    bonus_amount,
    held_amount,
    coalesce(head.balance, 0) + case when side = wallet.normal_side then amount else -amount end,
    coalesce(head.bonus_balance, 0) + case when side = wallet.normal_side then bonus_amount else -bonus_amount end,
    coalesce(head.held_balance, 0) + held_amount,
    coalesce(head.topped_up_total, 0) + case when kind = 'top_up' then amount else 0 end,
    coalesce(head.granted_total, 0) + case when kind = 'bonus' then amount else 0 end,
    coalesce(head.spent_total, 0) + case when kind in ('spend', 'capture') then amount else 0 end,
    head.hash,
    -- A wallet's time never runs backwards, even if the server's clock does.
    greatest(at_time, head.created_at)
  )::ledger.entries
$$;

comment on function ledger_private.next_entry(
  ledger.wallets, ledger.entries, ledger.entry_side, uuid, ledger.transfer_kind, bigint, bigint, bigint, timestamptz
) is
$$The entry that follows a wallet's head (null for a wallet without entries). Its hash is still the head's: what write() chains it to.$$;

revoke all on function ledger_private.next_entry(
  ledger.wallets, ledger.entries, ledger.entry_side, uuid, ledger.transfer_kind, bigint, bigint, bigint, timestamptz
) from public;
--! EndIncluded ledger_private/next_entry.sql
--! Included ledger_private/entry_bytes.sql
create or replace function ledger_private.entry_bytes(entry ledger.entries, transfer_bytes bytea)
returns bytea
language sql
stable
as $$
  select array_send(array[entry.wallet_id, entry.transfer_id])
    || array_send(array[
      entry.seq, entry.amount, entry.bonus_amount, entry.held_amount, entry.balance, entry.bonus_balance, entry.held_balance,
      entry.topped_up_total, entry.granted_total, entry.spent_total
    ])
    || array_send(array[enum_send(entry.kind), enum_send(entry.side), timestamptz_send(entry.created_at)])
    || transfer_bytes
$$;

comment on function ledger_private.entry_bytes(ledger.entries, bytea) is
$$Every fact of an entry as bytes, for hashing (arrays of uuid, of bigint and of bytea, in the format that transfer_bytes describes), then
the bytes of its transfer. The order is for ever.$$;

revoke all on function ledger_private.entry_bytes(ledger.entries, bytea) from public;
grant execute on function ledger_private.entry_bytes(ledger.entries, bytea) to wallet_auditor;
--! EndIncluded ledger_private/entry_bytes.sql
--! Included ledger_private/entry_hash.sql
create or replace function ledger_private.entry_hash(previous_hash bytea, entry_bytes bytea)
returns bytea
language sql
immutable
as $$
  select sha256(
    'ledger.entry.v1'::bytea
    || coalesce(previous_hash, '\x0000000000000000000000000000000000000000000000000000000000000000')
    || entry_bytes
  )
$$;

comment on function ledger_private.entry_hash(bytea, bytea) is
$$SHA-256 over the text ledger.entry.v1, the hash of the wallet's entry before (32 zero bytes for the first) and the bytes of this entry.
The order is for ever.$$;

revoke all on function ledger_private.entry_hash(bytea, bytea) from public;
grant execute on function ledger_private.entry_hash(bytea, bytea) to wallet_auditor;
--! EndIncluded ledger_private/entry_hash.sql
--! Included ledger_private/seal.sql
create or replace function ledger_private.seal(
  transfer ledger.transfers,
  entry ledger.entries,
  other_entry ledger.entries
)
returns ledger_private.sealed
language plpgsql
stable
as $$
declare
  v_bytes bytea;
begin
  if entry.side = 'debit' then
    transfer.debit_wallet_id := entry.wallet_id;
    transfer.debit_seq := entry.seq;
    transfer.credit_wallet_id := other_entry.wallet_id;
    transfer.credit_seq := other_entry.seq;
  else
    transfer.debit_wallet_id := other_entry.wallet_id;
    transfer.debit_seq := other_entry.seq;
    transfer.credit_wallet_id := entry.wallet_id;
    transfer.credit_seq := entry.seq;
  end if;
  transfer.created_at := entry.created_at;
  v_bytes := ledger_private.transfer_bytes(transfer);
  entry.hash := ledger_private.entry_hash(entry.hash, ledger_private.entry_bytes(entry, v_bytes));
  if other_entry.wallet_id is not null then
    other_entry.hash := ledger_private.entry_hash(other_entry.hash, ledger_private.entry_bytes(other_entry, v_bytes));
  end if;
  return row(transfer, entry, other_entry);
end
$$;

comment on function ledger_private.seal(ledger.transfers, ledger.entries, ledger.entries) is
$$A movement as it will be written: its sides from the acting wallet's entry and the other's (null if it has none), its time that of the first, and
both entries with their own hashes. These come in as the hashes of the heads that they follow.$$;

revoke all on function ledger_private.seal(ledger.transfers, ledger.entries, ledger.entries) from public;
--! EndIncluded ledger_private/seal.sql
--! Included ledger_private/write.sql
create or replace function ledger_private.write(
  transfer ledger.transfers,
  entry ledger.entries,
  other_entry ledger.entries default null
)
returns ledger_private.sealed
language plpgsql
volatile
as $$
declare
  v_sealed ledger_private.sealed;
  v_expected int := 1;
  v_written int;
  v_guard text;
begin
  v_sealed := ledger_private.seal(transfer, entry, other_entry);
  transfer := v_sealed.transfer;
  entry := v_sealed.entry;

  -- Opens the guard of the tables for these rows alone. (Assigned, not performed: PERFORM would run a query.)
  v_guard := set_config('ledger.posting', 'on', true);
  -- The entries first: where a head was stale (only above READ COMMITTED can it be), they collide here and the caller
  -- learns that a retry will do, instead of that a key is taken.
  if other_entry.wallet_id is null then
    insert into ledger.entries values (entry.*) on conflict on constraint entries_pkey do nothing;
  else
    v_expected := 2;
    other_entry := v_sealed.other_entry;
    insert into ledger.entries values (entry.*), (other_entry.*) on conflict on constraint entries_pkey do nothing;
  end if;
  get diagnostics v_written = row_count;
  if v_written < v_expected then
    perform ledger_private.refuse_stale();
  end if;
  insert into ledger.transfers values (transfer.*);
  v_guard := set_config('ledger.posting', '', true);
  return v_sealed;
end
$$;

comment on function ledger_private.write(ledger.transfers, ledger.entries, ledger.entries) is
  'Seals and writes a movement, the acting wallet''s entry and the other''s if it has one, and returns them as written.';

revoke all on function ledger_private.write(ledger.transfers, ledger.entries, ledger.entries) from public;
--! EndIncluded ledger_private/write.sql
--! Included ledger_private/write_all.sql
create or replace function ledger_private.write_all(transfers ledger.transfers[], entries ledger.entries[])
returns void
language plpgsql
volatile
as $$
declare
  v_written int;
  v_guard text;
begin
  v_guard := set_config('ledger.posting', 'on', true);
  insert into ledger.entries select * from unnest(entries) on conflict on constraint entries_pkey do nothing;
  get diagnostics v_written = row_count;
  if v_written < cardinality(entries) then
    perform ledger_private.refuse_stale();
  end if;
  insert into ledger.transfers select * from unnest(transfers);
  v_guard := set_config('ledger.posting', '', true);
end
$$;

comment on function ledger_private.write_all(ledger.transfers[], ledger.entries[]) is
  'Writes many transfers and their entries, hashes included, as write() does with one.';

revoke all on function ledger_private.write_all(ledger.transfers[], ledger.entries[]) from public;
--! EndIncluded ledger_private/write_all.sql
--! Included ledger_private/lot_at.sql
create or replace function ledger_private.lot_at(lot ledger.bonus_lots, seq bigint)
returns table (balance bigint, held_balance bigint)
language sql
stable
as $$
  select coalesce(d.balance, lot.amount), coalesce(d.held_balance, 0)
  from (select) as one
  left join lateral (
    select d.balance, d.held_balance
    from ledger.bonus_lot_draws d
    where d.wallet_id = lot.wallet_id and d.lot_seq = lot.seq and d.expires_at = lot.expires_at and d.seq <= lot_at.seq
    order by d.seq desc
    limit 1
  ) d on true
$$;

comment on function ledger_private.lot_at(ledger.bonus_lots, bigint) is
  'What was left in a lot, and how much of that was reserved, as the wallet''s entry of this number left it.';

revoke all on function ledger_private.lot_at(ledger.bonus_lots, bigint) from public;
grant execute on function ledger_private.lot_at(ledger.bonus_lots, bigint)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger_private/lot_at.sql
--! Included ledger_private/due_amount.sql
create or replace function ledger_private.due_amount(head ledger.entries, at_time timestamptz)
returns bigint
language sql
stable
as $$
  -- Whatever had fallen due by the newest entry was booked before it. So only lots that fell due since can be left.
  select coalesce(sum(s.balance - s.held_balance), 0)::bigint
  from ledger.bonus_lots l
  cross join lateral ledger_private.lot_at(l, head.seq) s
  where l.wallet_id = head.wallet_id
    and l.expires_at > head.created_at
    and l.expires_at <= due_amount.at_time
    and l.seq <= head.seq
$$;

comment on function ledger_private.due_amount(ledger.entries, timestamptz) is
$$Bonus credits that had expired by an instant but were not yet booked to breakage by the wallet's newest entry then, in minor units: what the
balance counts and nobody can spend. Credits that a hold pins are not among them.$$;

revoke all on function ledger_private.due_amount(ledger.entries, timestamptz) from public;
grant execute on function ledger_private.due_amount(ledger.entries, timestamptz)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger_private/due_amount.sql
--! Included ledger_private/held_bonus.sql
create or replace function ledger_private.held_bonus(head ledger.entries)
returns bigint
language plpgsql
stable
as $$
declare
  v_held numeric;
  v_bonus bigint;
begin
  if head.held_balance is null or head.held_balance = 0 then
    return 0;
  end if;
  select coalesce(sum(h.amount), 0), coalesce(sum(h.bonus_amount), 0) into v_held, v_bonus
    from ledger_private.open_holds o
    join ledger.holds h on h.wallet_id = o.wallet_id and h.id = o.hold_id
    where o.wallet_id = head.wallet_id;
  -- The list of open holds is an index, not the truth: where it does not add up to the log, nothing may be built on it.
  if v_held <> head.held_balance then
    raise exception using errcode = 'data_corrupted', message = format('the open holds of wallet %s do not add up', head.wallet_id),
      hint = 'Run ledger_verify() for the wallet.';
  end if;
  return v_bonus;
end
$$;

comment on function ledger_private.held_bonus(ledger.entries) is
  'How much of a wallet''s reserved credits are bonus credits, as its newest entry left it.';

revoke all on function ledger_private.held_bonus(ledger.entries) from public;
grant execute on function ledger_private.held_bonus(ledger.entries)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger_private/held_bonus.sql
--! Included ledger_private/free_part.sql
create or replace function ledger_private.free_part(
  head ledger.entries,
  held_bonus bigint,
  source text,
  lot_seq bigint,
  expires_at timestamptz
)
returns bigint
language sql
stable
as $$
  select case source
    when 'paid' then head.balance - head.bonus_balance - (head.held_balance - held_bonus)
    when 'bonus' then head.bonus_balance - held_bonus - (
      select coalesce(sum(s.balance - s.held_balance), 0)::bigint
      from ledger_private.open_lots o
      join ledger.bonus_lots l on l.wallet_id = o.wallet_id and l.seq = o.lot_seq and l.expires_at = o.expires_at
      cross join lateral ledger_private.lot_at(l, head.seq) s
      where o.wallet_id = head.wallet_id)
    else (
      select s.balance - s.held_balance
      from ledger.bonus_lots l
      cross join lateral ledger_private.lot_at(l, head.seq) s
      where l.wallet_id = head.wallet_id and l.seq = free_part.lot_seq and l.expires_at = free_part.expires_at)
  end
$$;

comment on function ledger_private.free_part(ledger.entries, bigint, text, bigint, timestamptz) is
$$What of a wallet's credits of one source is not reserved: paid credits, bonus credits that do not expire (source bonus), or those of one lot.
Nothing is due in the wallet; held_bonus is what of its bonus credits is reserved.$$;

revoke all on function ledger_private.free_part(ledger.entries, bigint, text, bigint, timestamptz) from public;
grant execute on function ledger_private.free_part(ledger.entries, bigint, text, bigint, timestamptz)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger_private/free_part.sql
--! Included ledger_private/load_lots.sql
create or replace function ledger_private.load_lots(transfers ledger.transfers[], from_numbers int[])
returns ledger_private.lot[]
language sql
stable
-- One plan for all numbers of rows: another for each would cost more than it gains.
set plan_cache_mode = force_generic_plan
-- Nor may one that was made while the tables were small outlive that.
set enable_seqscan = off
as $$
  with recursive demands as (
    select t.number, t.debit_wallet_id as wallet_id, sum(t.bonus_amount) as need
    from unnest(transfers, from_numbers) as t (id, wallet_id, idem_key, kind, debit_wallet_id, debit_seq, credit_wallet_id, credit_seq,
      requested_amount, amount, bonus_amount, reverses, hold_id, expires_at, metadata, actor, created_at, number)
    where t.kind in ('spend', 'transfer', 'hold')
    group by t.number, t.debit_wallet_id
  ), walk as (
    select d.number, d.wallet_id, 0::bigint as seq, '-infinity'::timestamptz as expires_at, 0::bigint as free, d.need
    from demands d
    union all
    -- From lot to lot until they suffice: a wallet may have far more of them.
    select w.number, w.wallet_id, n.seq, n.expires_at, n.free, w.need - n.free
    from walk w
    cross join lateral (
      select l.seq, l.expires_at, s.balance - s.held_balance as free
      -- The next one alone, by the order of the index: joined first, each step would look up and sort all that are left.
      from (
        select o.*
        from ledger_private.open_lots o
        where o.wallet_id = w.wallet_id and (o.expires_at, o.lot_seq) > (w.expires_at, w.seq)
          and o.due_at is not distinct from o.expires_at
        order by o.expires_at, o.lot_seq
        limit 1
      ) o
      join ledger.bonus_lots l on l.wallet_id = o.wallet_id and l.seq = o.lot_seq and l.expires_at = o.expires_at
      cross join lateral ledger_private.lot_at(l, 9223372036854775807) s
    ) n
    where w.need > 0
  )
  select coalesce(array_agg(
      row(w.number, w.wallet_id, w.seq, w.expires_at, w.free, 0)::ledger_private.lot order by w.number, w.expires_at, w.seq), '{}')
  from walk w
  where w.seq > 0
$$;

comment on function ledger_private.load_lots(ledger.transfers[], int[]) is
  'The lots from which these movements may draw, by wallet and in the order of drawing: the earliest expiry first.';

revoke all on function ledger_private.load_lots(ledger.transfers[], int[]) from public;
--! EndIncluded ledger_private/load_lots.sql
--! Included ledger_private/write_lots.sql
create or replace function ledger_private.write_lots(lots ledger.bonus_lots[], draws ledger.bonus_lot_draws[])
returns void
language plpgsql
volatile
-- A plan for each number of rows would cost more than it gains.
set plan_cache_mode = force_generic_plan
-- Nor may one that was made while the tables were small outlive that.
set enable_seqscan = off
as $$
declare
  v_draws ledger.bonus_lot_draws[];
begin
  perform set_config('ledger.posting', 'on', true);
  insert into ledger.bonus_lots select * from unnest(lots);
  -- Before the first of them is written: looked up in between, a lot's newest would be searched for among all that went before.
  v_draws := array(
    select row(d.wallet_id, d.lot_seq, d.expires_at, d.seq, d.hold_id, d.amount, d.held_amount,
        s.balance - sum(d.amount) over earlier, s.held_balance + sum(d.held_amount) over earlier)::ledger.bonus_lot_draws
      from (
        select d.wallet_id, d.lot_seq, d.expires_at, d.seq, d.hold_id, sum(d.amount) as amount, sum(d.held_amount) as held_amount
        from unnest(draws) d
        group by d.wallet_id, d.lot_seq, d.expires_at, d.seq, d.hold_id
      ) d
      join ledger.bonus_lots l on l.wallet_id = d.wallet_id and l.seq = d.lot_seq and l.expires_at = d.expires_at
      -- As left by what was written before this call, whose own draws follow one another.
      cross join lateral ledger_private.lot_at(l, 9223372036854775807) s
      window earlier as (partition by d.wallet_id, d.lot_seq, d.expires_at order by d.seq));
  insert into ledger.bonus_lot_draws select * from unnest(v_draws);

  with changed as (
    select l.wallet_id, l.seq, l.expires_at from unnest(lots) l
    union
    select d.wallet_id, d.lot_seq, d.expires_at from unnest(draws) d
  ), state as (
    select l.wallet_id, l.expires_at, l.seq, s.balance, case when s.balance > s.held_balance then l.expires_at end as due_at
      from changed
      join ledger.bonus_lots l using (wallet_id, seq, expires_at)
      cross join lateral ledger_private.lot_at(l, 9223372036854775807) s
  ), closed as (
    -- One look-up for each, whatever the list was like when it was last looked at: it is often empty, and then is not.
    select o.ctid
      from state s
      cross join lateral (
        select o.ctid from ledger_private.open_lots o
        where o.wallet_id = s.wallet_id and o.expires_at = s.expires_at and o.lot_seq = s.seq
        limit 1
      ) o
      where s.balance = 0
  ), removed as (
    delete from ledger_private.open_lots o using closed c where o.ctid = c.ctid
  )
  insert into ledger_private.open_lots as o
    select s.wallet_id, s.expires_at, s.seq, s.due_at from state s where s.balance > 0
    on conflict on constraint open_lots_pkey do update set due_at = excluded.due_at
      where o.due_at is distinct from excluded.due_at;
  perform set_config('ledger.posting', '', true);
end
$$;

comment on function ledger_private.write_lots(ledger.bonus_lots[], ledger.bonus_lot_draws[]) is
$$Writes new lots and what was drawn from lots, new ones included, and keeps the list of open lots. The balances of the draws are worked out
here; they come in as null.$$;

revoke all on function ledger_private.write_lots(ledger.bonus_lots[], ledger.bonus_lot_draws[]) from public;
--! EndIncluded ledger_private/write_lots.sql
--! Included ledger_private/move_lots.sql
create or replace function ledger_private.move_lots(
  transfers ledger.transfers[],
  from_numbers int[],
  to_numbers int[],
  wallets int
)
returns void
language plpgsql
volatile
as $$
declare
  -- Each wallet that is drawn from has a chain of lots by expiry: where it begins (0: no lot left; -1: not drawn from).
  v_lots ledger_private.lot[] := ledger_private.load_lots(transfers, from_numbers);
  v_first int[] := array_fill(-1, array[wallets]);
  v_new ledger.bonus_lots[] := '{}';
  v_draws ledger.bonus_lot_draws[] := '{}';
  v_transfer ledger.transfers;
  v_need bigint;
  v_part ledger_private.lot;
  v_lot int;
  v_to int;
  v_before int;
  v_after int;
  v_made int;
begin
  for i in 1 .. cardinality(transfers) loop
    if transfers[i].kind <> 'bonus' then
      v_first[from_numbers[i]] := 0;
    end if;
  end loop;
  for v_place in reverse cardinality(v_lots) .. 1 loop
    v_lots[v_place].next := v_first[v_lots[v_place].number];
    v_first[v_lots[v_place].number] := v_place;
  end loop;

  for i in 1 .. cardinality(transfers) loop
    v_transfer := transfers[i];
    v_need := v_transfer.bonus_amount;
    v_to := to_numbers[i];
    v_made := 0;
    while v_need > 0 loop
      if v_transfer.kind = 'bonus' then
        v_part := row(v_to, null, null, v_transfer.expires_at, v_need, 0);
      else
        v_lot := v_first[from_numbers[i]];
        exit when v_lot = 0; -- The rest does not expire.
        v_part := v_lots[v_lot];
        v_part.free := least(v_need, v_part.free);
        v_draws[cardinality(v_draws) + 1] := row(v_part.wallet_id, v_part.seq, v_part.expires_at, v_transfer.debit_seq, v_transfer.hold_id,
          case when v_transfer.kind = 'hold' then 0 else v_part.free end, case when v_transfer.kind = 'hold' then v_part.free else 0 end,
          null, null);
        v_lots[v_lot].free := v_lots[v_lot].free - v_part.free;
        if v_lots[v_lot].free = 0 then
          v_first[from_numbers[i]] := v_part.next;
        end if;
      end if;
      v_need := v_need - v_part.free;
      continue when v_transfer.kind not in ('bonus', 'transfer');

      -- What arrives is a lot there, with its own expiry; parts of one expiry are one lot.
      if v_made > 0 and v_new[v_made].expires_at = v_part.expires_at then
        v_new[v_made].amount := v_new[v_made].amount + v_part.free;
      else
        v_made := cardinality(v_new) + 1;
        v_new[v_made] := row(v_transfer.credit_wallet_id, v_transfer.credit_seq, v_part.expires_at, v_part.free);
      end if;
      continue when v_first[v_to] < 0;
      v_before := 0;
      v_after := v_first[v_to];
      while v_after > 0 and v_lots[v_after].expires_at <= v_part.expires_at loop
        v_before := v_after;
        v_after := v_lots[v_after].next;
      end loop;
      v_lot := cardinality(v_lots) + 1;
      v_lots[v_lot] := row(v_to, v_transfer.credit_wallet_id, v_transfer.credit_seq, v_part.expires_at, v_part.free, v_after);
      if v_before = 0 then
        v_first[v_to] := v_lot;
      else
        v_lots[v_before].next := v_lot;
      end if;
    end loop;
  end loop;
  perform ledger_private.write_lots(v_new, v_draws);
end
$$;

comment on function ledger_private.move_lots(ledger.transfers[], int[], int[], int) is
$$Draws the bonus credits of spends, transfers and holds from lots, the earliest expiry first, and makes lots of granted and transferred ones
that expire. Movements come in the order of booking; numbers from 1 to the count of wallets say which of them each leaves and reaches (a wallet that
is not a player's has none).$$;

revoke all on function ledger_private.move_lots(ledger.transfers[], int[], int[], int) from public;
--! EndIncluded ledger_private/move_lots.sql
--! Included ledger_private/closing_draws.sql
create or replace function ledger_private.closing_draws(wallet_id uuid, hold_id uuid, seq bigint, bonus_amount bigint)
returns setof ledger.bonus_lot_draws
language sql
stable
as $$
  -- The earliest expiry first, as they were pinned. (Numeric sums: casts keep the row's types.)
  select p.wallet_id, p.lot_seq, p.expires_at, closing_draws.seq, p.hold_id,
    least(p.held_amount, greatest(closing_draws.bonus_amount - p.before, 0))::bigint, -p.held_amount, null::bigint, null::bigint
  from (
    select d.*, sum(d.held_amount) over (order by d.expires_at, d.lot_seq) - d.held_amount as before
    from ledger.holds h
    join ledger.bonus_lot_draws d on d.wallet_id = h.wallet_id and d.seq = h.seq
    where h.wallet_id = closing_draws.wallet_id and h.id = closing_draws.hold_id
  ) p
$$;

comment on function ledger_private.closing_draws(uuid, uuid, bigint, bigint) is
$$What the end of a hold does to the lots that it pinned: frees all of each, and takes bonus_amount out of them, the earliest expiry first. seq is
the number of the wallet's entry that ends it.$$;

revoke all on function ledger_private.closing_draws(uuid, uuid, bigint, bigint) from public;
grant execute on function ledger_private.closing_draws(uuid, uuid, bigint, bigint) to wallet_auditor;
--! EndIncluded ledger_private/closing_draws.sql
--! Included ledger_private/close_holds.sql
create or replace function ledger_private.close_holds(transfers ledger.transfers[], draws ledger.bonus_lot_draws[])
returns void
language plpgsql
volatile
-- A plan for each number of rows would cost more than it gains.
set plan_cache_mode = force_generic_plan
-- Nor may one that was made while the tables were small outlive that.
set enable_seqscan = off
as $$
begin
  perform set_config('ledger.posting', 'on', true);
  -- One look-up for each, whatever the list was like when it was last looked at: it is often empty, and then is not.
  delete from ledger_private.open_holds o
    using unnest(transfers) t
    cross join lateral (
      select c.ctid from ledger_private.open_holds c where c.wallet_id = t.wallet_id and c.hold_id = t.hold_id limit 1
    ) closed
    where o.ctid = closed.ctid;
  perform set_config('ledger.posting', '', true);
  if cardinality(draws) > 0 then
    perform ledger_private.write_lots('{}', draws);
  end if;
end
$$;

comment on function ledger_private.close_holds(ledger.transfers[], ledger.bonus_lot_draws[]) is
  'Takes the holds that these movements end off the list of open ones, and writes what that does to the lots which they pinned.';

revoke all on function ledger_private.close_holds(ledger.transfers[], ledger.bonus_lot_draws[]) from public;
--! EndIncluded ledger_private/close_holds.sql
--! Included ledger_private/closing_status.sql
create or replace function ledger_private.closing_status(closing ledger.transfers)
returns ledger.hold_status
language sql
immutable
as $$
  select (case
    when closing.id is null then 'open'
    when closing.kind = 'capture' then 'captured'
    -- Nobody asked for it.
    when closing.idem_key is null then 'expired'
    else 'released'
  end)::ledger.hold_status
$$;

comment on function ledger_private.closing_status(ledger.transfers) is
  'What the movement that ended a hold made of it; open where there is none.';

revoke all on function ledger_private.closing_status(ledger.transfers) from public;
grant execute on function ledger_private.closing_status(ledger.transfers)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger_private/closing_status.sql
--! Included ledger_private/open_hold.sql
create or replace function ledger_private.open_hold(wallet_id uuid, hold_id uuid)
returns ledger.holds
language plpgsql
volatile
as $$
declare
  v_hold ledger.holds;
  v_closing ledger.transfers;
begin
  select t.* into v_closing
    from ledger.transfers t
    where t.wallet_id = open_hold.wallet_id and t.hold_id = open_hold.hold_id and t.kind <> 'hold';
  if found then
    perform ledger_private.check_snapshot(array[wallet_id]);
    perform ledger_private.refuse('WLHLD',
      format('hold not open: %s', hold_id),
      jsonb_build_object('wallet_id', wallet_id, 'hold_id', hold_id, 'status', ledger_private.closing_status(v_closing),
        -- Its expiry may be booked by this very call, which leaves nothing behind.
        'transfer_id', case when v_closing.idem_key is not null then v_closing.id end),
      'A hold is captured or released once; place a new one.');
  end if;
  select h.* into strict v_hold from ledger.holds h where h.wallet_id = open_hold.wallet_id and h.id = open_hold.hold_id;
  return v_hold;
end
$$;

comment on function ledger_private.open_hold(uuid, uuid) is
  'A hold that is there and not yet captured, released or expired; or refuses with WLHLD.';

revoke all on function ledger_private.open_hold(uuid, uuid) from public;
--! EndIncluded ledger_private/open_hold.sql
--! Included ledger_private/has_due.sql
create or replace function ledger_private.has_due(wallet_ids uuid[], at_time timestamptz)
returns boolean
language sql
stable
-- Nor may a plan that was made while the lists were empty, and reads all of them, outlive that.
set enable_seqscan = off
as $$
  -- Written so that only an index by wallet serves: one by date looks cheaper where a list was empty when it was last analyzed.
  select exists (
    select from unnest(wallet_ids) u (wallet_id)
    cross join lateral ledger_private.head(u.wallet_id) head
    where exists (select from ledger_private.open_holds o
        where o.wallet_id = u.wallet_id and coalesce(o.expires_at, 'infinity') <= greatest(at_time, head.created_at))
      or exists (select from ledger_private.open_lots o
        where o.wallet_id = u.wallet_id and o.expires_at <= greatest(at_time, head.created_at)
          and o.due_at is not distinct from o.expires_at)
  )
$$;

comment on function ledger_private.has_due(uuid[], timestamptz) is
  'Whether any of these wallets has a hold or a lot that is due: by the clock, or by the wallet''s own time where that is ahead.';

revoke all on function ledger_private.has_due(uuid[], timestamptz) from public;
--! EndIncluded ledger_private/has_due.sql
--! Included ledger_private/due_lots.sql
create or replace function ledger_private.due_lots(wallet_ids uuid[], at_time timestamptz)
returns table (wallet_id uuid, asset_code text, lots ledger.bonus_lots[], free bigint)
language sql
stable
as $$
  select w.id, w.asset_code, array_agg(row(l.wallet_id, l.seq, l.expires_at, s.balance - s.held_balance)::ledger.bonus_lots),
    sum(s.balance - s.held_balance)::bigint
  from unnest(wallet_ids) u (wallet_id)
  join ledger.wallets w on w.id = u.wallet_id
  cross join lateral ledger_private.head(u.wallet_id) e
  -- Compared like this, its date is not what it is looked up by (see has_due).
  join ledger_private.open_lots o on o.wallet_id = u.wallet_id and o.expires_at <= greatest(due_lots.at_time, e.created_at)
    and o.due_at is not distinct from o.expires_at
  join ledger.bonus_lots l on l.wallet_id = o.wallet_id and l.seq = o.lot_seq and l.expires_at = o.expires_at
  cross join lateral ledger_private.lot_at(l, 9223372036854775807) s
  group by w.id, w.asset_code
$$;

comment on function ledger_private.due_lots(uuid[], timestamptz) is
  'Of these wallets, those with lots that are due: what is free in each lot, as its amount, and in all of them.';

revoke all on function ledger_private.due_lots(uuid[], timestamptz) from public;
--! EndIncluded ledger_private/due_lots.sql
--! Included ledger_private/free_due_holds.sql
create or replace function ledger_private.free_due_holds(wallet_ids uuid[], at_time timestamptz)
returns void
language plpgsql
volatile
as $$
declare
  v_due record;
  v_head ledger.entries;
  v_transfer ledger.transfers;
  v_sealed ledger_private.sealed;
  v_transfers ledger.transfers[] := '{}';
  v_entries ledger.entries[] := '{}';
begin
  for v_due in
    select h as hold, w as wallet, e as head
      from unnest(wallet_ids) u (wallet_id)
      join ledger.wallets w on w.id = u.wallet_id
      cross join lateral ledger_private.head(u.wallet_id) e
      -- Compared like this, its date is not what it is looked up by (see has_due).
      join ledger_private.open_holds o on o.wallet_id = u.wallet_id and coalesce(o.expires_at, 'infinity') <= greatest(at_time, e.created_at)
      join ledger.holds h on h.wallet_id = o.wallet_id and h.id = o.hold_id
      order by w.id, h.expires_at, h.seq
  loop
    if v_head.wallet_id is distinct from (v_due.wallet).id then
      v_head := v_due.head;
    end if;
    v_transfer := row(uuidv7(), (v_due.wallet).id, null, 'release', null, null, null, null, null,
      (v_due.hold).amount, (v_due.hold).bonus_amount, null, (v_due.hold).id, null, '{}', ledger_private.actor(), null);
    v_sealed := ledger_private.seal(v_transfer, ledger_private.next_entry(
      v_due.wallet, v_head, 'credit', v_transfer.id, 'release', 0, 0, -(v_due.hold).amount, at_time), null);
    v_head := v_sealed.entry;
    v_transfers[cardinality(v_transfers) + 1] := v_sealed.transfer;
    v_entries[cardinality(v_entries) + 1] := v_head;
  end loop;
  if cardinality(v_transfers) > 0 then
    perform ledger_private.write_all(v_transfers, v_entries);
    perform ledger_private.close_holds(v_transfers, array(
      select d from unnest(v_transfers) t cross join lateral ledger_private.closing_draws(t.wallet_id, t.hold_id, t.credit_seq, 0) d));
  end if;
end
$$;

comment on function ledger_private.free_due_holds(uuid[], timestamptz) is
  'Releases the holds that are due in wallets that are locked, those due for longest first.';

revoke all on function ledger_private.free_due_holds(uuid[], timestamptz) from public;
--! EndIncluded ledger_private/free_due_holds.sql
--! Included ledger_private/expire_due_lots.sql
create or replace function ledger_private.expire_due_lots(wallet_ids uuid[], at_time timestamptz, house_stripe int)
returns void
language plpgsql
volatile
as $$
declare
  v_due record;
  v_house ledger.wallets;
  v_house_head ledger.entries;
  v_transfer ledger.transfers;
  v_sealed ledger_private.sealed;
  v_lot ledger.bonus_lots;
  v_transfers ledger.transfers[] := '{}';
  v_entries ledger.entries[] := '{}';
  v_draws ledger.bonus_lot_draws[] := '{}';
begin
  for v_due in
    select d.*, w as wallet, e as head, b.id as house_id
      from ledger_private.due_lots(wallet_ids, at_time) d
      join ledger.wallets w on w.id = d.wallet_id
      cross join lateral ledger_private.head(d.wallet_id) e
      join ledger.wallets b on b.asset_code = d.asset_code and b.house = 'breakage'
        and b.stripe = coalesce(house_stripe, ledger.wallet_stripe(d.wallet_id))
      order by b.id, d.wallet_id
  loop
    if v_house.id is distinct from v_due.house_id then
      select w.* into v_house from ledger.wallets w where w.id = v_due.house_id for no key update;
      select e.* into v_house_head from ledger.entries e where e.wallet_id = v_due.house_id order by e.seq desc limit 1;
    end if;
    v_transfer := row(uuidv7(), v_due.wallet_id, null, 'expiry', null, null, null, null, null, v_due.free, v_due.free, null, null, null, '{}',
      ledger_private.actor(), null);
    v_sealed := ledger_private.seal(v_transfer,
      ledger_private.next_entry(v_due.wallet, v_due.head, 'debit', v_transfer.id, 'expiry', v_due.free, v_due.free, 0, at_time),
      ledger_private.next_entry(v_house, v_house_head, 'credit', v_transfer.id, 'expiry', v_due.free, v_due.free, 0, at_time));
    v_house_head := v_sealed.other_entry;
    v_transfers[cardinality(v_transfers) + 1] := v_sealed.transfer;
    v_entries[cardinality(v_entries) + 1] := v_sealed.entry;
    v_entries[cardinality(v_entries) + 1] := v_house_head;
    foreach v_lot in array v_due.lots loop
      v_draws[cardinality(v_draws) + 1] :=
        row(v_lot.wallet_id, v_lot.seq, v_lot.expires_at, (v_sealed.entry).seq, null, v_lot.amount, 0, null, null);
    end loop;
  end loop;
  if cardinality(v_transfers) > 0 then
    perform ledger_private.write_all(v_transfers, v_entries);
    perform ledger_private.write_lots('{}', v_draws);
  end if;
end
$$;

comment on function ledger_private.expire_due_lots(uuid[], timestamptz, int) is
$$Moves what is free in due lots to breakage, in wallets that are locked: one movement for each wallet, against its own part of breakage or the stripe
that is named, which is locked here, in the order of ids.$$;

revoke all on function ledger_private.expire_due_lots(uuid[], timestamptz, int) from public;
--! EndIncluded ledger_private/expire_due_lots.sql
--! Included ledger_private/settle.sql
create or replace function ledger_private.settle(wallet_ids uuid[], at_time timestamptz, house_stripe int default null)
returns boolean
language plpgsql
volatile
-- A plan for each number of wallets would cost more than it gains.
set plan_cache_mode = force_generic_plan
-- Nor may one that was made while the tables were small outlive that.
set enable_seqscan = off
as $$
begin
  if not ledger_private.has_due(wallet_ids, at_time) then
    return false;
  end if;
  -- Due holds first: what they free may have expired too.
  perform ledger_private.free_due_holds(wallet_ids, at_time);
  perform ledger_private.expire_due_lots(wallet_ids, at_time, house_stripe);
  return true;
end
$$;

comment on function ledger_private.settle(uuid[], timestamptz, int) is
$$Books what is due in wallets that are locked, and tells whether anything was: frees due holds, then moves what is free in due lots to breakage, in
each wallet's stripe or in the one that is named. A stripe of breakage is locked before any other part of the house.$$;

revoke all on function ledger_private.settle(uuid[], timestamptz, int) from public;
--! EndIncluded ledger_private/settle.sql
--! Included ledger_private/due_wallets.sql
create or replace function ledger_private.due_wallets(at_time timestamptz, max_wallets int)
returns table (wallet_id uuid)
language sql
stable
as $$
  select d.wallet_id
  from (
    (select o.wallet_id, o.expires_at as due_at from ledger_private.open_holds o
      where o.expires_at <= at_time
      order by o.expires_at
      limit max_wallets)
    union all
    (select o.wallet_id, o.due_at from ledger_private.open_lots o
      where o.due_at <= at_time
      order by o.due_at
      limit max_wallets)
  ) d
  group by d.wallet_id
  order by min(d.due_at)
  limit max_wallets
$$;

comment on function ledger_private.due_wallets(timestamptz, int) is
  'Wallets in which a hold or a lot is due, those that have been due for longest first.';

revoke all on function ledger_private.due_wallets(timestamptz, int) from public;
--! EndIncluded ledger_private/due_wallets.sql
--! Included ledger_private/prepare.sql
create or replace function ledger_private.prepare(request ledger.transfers, leaving boolean, other_id uuid default null)
returns ledger_private.prepared
language plpgsql
volatile
as $$
declare
  v_wallet ledger.wallets;
  v_other ledger.wallets;
  v_head ledger.entries;
  v_first ledger.transfers;
  v_prepared ledger_private.prepared;
begin
  perform ledger_private.check_request(request);
  if other_id < request.wallet_id then
    select w.* into v_other from ledger.wallets w where w.id = other_id and w.house is null for no key update;
  end if;
  select w.* into v_wallet from ledger.wallets w where w.id = request.wallet_id and w.house is null for no key update;
  if not found then
    perform ledger_private.refuse_wallet(request.wallet_id);
  end if;
  if other_id > request.wallet_id then
    select w.* into v_other from ledger.wallets w where w.id = other_id and w.house is null for no key update;
  end if;
  if request.hold_id is not null
    and not exists (select from ledger.holds h where h.wallet_id = request.wallet_id and h.id = request.hold_id) then
    perform ledger_private.check_snapshot(array[request.wallet_id]);
    perform ledger_private.refuse('WLNOH', format('hold not found: %s', request.hold_id),
      jsonb_build_object('wallet_id', request.wallet_id, 'hold_id', request.hold_id),
      'Name a hold of this wallet by the hold_id of its receipt.');
  end if;
  if request.reverses is not null
    and not exists (select from ledger.transfers t where t.id = request.reverses and t.wallet_id = request.wallet_id) then
    perform ledger_private.check_snapshot(array[request.wallet_id]);
    perform ledger_private.refuse('WLNOT', format('transfer not found: %s', request.reverses),
      jsonb_build_object('wallet_id', request.wallet_id, 'transfer_id', request.reverses),
      'Name a transfer that this wallet acted in by the transfer_id of its receipt.');
  end if;

  select t.* into v_first from ledger.transfers t where t.wallet_id = request.wallet_id and t.idem_key = request.idem_key;
  if found then
    v_prepared.receipt := ledger_private.replay(v_first, request);
    return v_prepared;
  end if;
  v_prepared.at_time := clock_timestamp();
  select e.* into v_head from ledger.entries e where e.wallet_id = request.wallet_id order by e.seq desc limit 1;
  perform ledger_private.check_expiry(request.wallet_id, request.expires_at, greatest(v_prepared.at_time, v_head.created_at));
  if v_wallet.status <> 'open' or v_other.status <> 'open' then
    perform ledger_private.check_snapshot(array[request.wallet_id, v_other.id]);
    perform ledger_private.check_status(v_wallet, leaving);
    perform ledger_private.check_status(v_other, false);
  end if;
  if ledger_private.settle(array[request.wallet_id, v_other.id], v_prepared.at_time) then
    select e.* into v_head from ledger.entries e where e.wallet_id = request.wallet_id order by e.seq desc limit 1;
  end if;
  v_prepared.wallet := v_wallet;
  v_prepared.head := v_head;
  return v_prepared;
end
$$;

comment on function ledger_private.prepare(ledger.transfers, boolean, uuid) is
$$What every call begins with that builds on a hold or a transfer of the wallet, or on its holds, in the order of refusals: checks the request, locks
the wallet and a second player's, looks for what the request names and for its key, judges expiry and status, and books what is due. With a
receipt in it, the call is a repetition and ends.$$;

revoke all on function ledger_private.prepare(ledger.transfers, boolean, uuid) from public;
--! EndIncluded ledger_private/prepare.sql
--! Included ledger_private/lock_house.sql
create or replace function ledger_private.lock_house(house ledger.house_account, wallet ledger.wallets)
returns ledger.wallets
language plpgsql
volatile
as $$
declare
  v_house ledger.wallets;
begin
  select w.* into strict v_house
    from ledger.wallets w
    where w.asset_code = wallet.asset_code and w.house = lock_house.house and w.stripe = ledger.wallet_stripe(wallet.id)
    for no key update;
  return v_house;
end
$$;

comment on function ledger_private.lock_house(ledger.house_account, ledger.wallets) is
  'Locks the part of a house account that a player''s single calls are booked against.';

revoke all on function ledger_private.lock_house(ledger.house_account, ledger.wallets) from public;
--! EndIncluded ledger_private/lock_house.sql
--! Included ledger_private/opposite_entry.sql
create or replace function ledger_private.opposite_entry(wallet ledger.wallets, side ledger.entry_side, transfer ledger.transfers)
returns ledger.entries
language plpgsql
volatile
as $$
declare
  v_head ledger.entries;
  v_entry ledger.entries;
begin
  select e.* into v_head from ledger.entries e where e.wallet_id = wallet.id order by e.seq desc limit 1;
  v_entry := ledger_private.next_entry(wallet, v_head, side, transfer.id, transfer.kind, transfer.amount, transfer.bonus_amount, 0,
    transfer.created_at);
  if v_entry.balance > 9000000000000000000 then
    perform ledger_private.check_snapshot(array[transfer.wallet_id, wallet.id]);
    perform ledger_private.refuse_overflow(v_entry);
  end if;
  return v_entry;
end
$$;

comment on function ledger_private.opposite_entry(ledger.wallets, ledger.entry_side, ledger.transfers) is
  'The entry, yet to be written, of a movement in the wallet on its other side, which is locked: a part of the house as a rule.';

revoke all on function ledger_private.opposite_entry(ledger.wallets, ledger.entry_side, ledger.transfers) from public;
--! EndIncluded ledger_private/opposite_entry.sql
--! Included ledger_private/lock_breakage.sql
create or replace function ledger_private.lock_breakage(wallet ledger.wallets, draws ledger.bonus_lot_draws[], at_time timestamptz)
returns boolean
language plpgsql
volatile
as $$
declare
  v_breakage ledger.wallets;
begin
  if not exists (select from unnest(draws) d where d.expires_at <= at_time and d.amount + d.held_amount < 0) then
    return false;
  end if;
  v_breakage := ledger_private.lock_house('breakage', wallet);
  return true;
end
$$;

comment on function ledger_private.lock_breakage(ledger.wallets, ledger.bonus_lot_draws[], timestamptz) is
$$Tells whether a booking gives credits back to lots that have expired, so that settle() must follow it; if so, locks the wallet's part of
breakage, which comes before any other part of the house.$$;

revoke all on function ledger_private.lock_breakage(ledger.wallets, ledger.bonus_lot_draws[], timestamptz) from public;
--! EndIncluded ledger_private/lock_breakage.sql
--! Included ledger_private/reversible_parts.sql
create or replace function ledger_private.reversible_parts(original ledger.transfers)
returns setof ledger_private.reversible_part
language sql
stable
as $$
  with given as (
    -- The lots that credits were drawn from; of a bonus, the lot that it made.
    select d.lot_seq, d.expires_at, d.amount
    from ledger.bonus_lot_draws d
    where d.wallet_id = original.debit_wallet_id and d.seq = original.debit_seq and d.amount > 0
    union all
    select l.seq, l.expires_at, l.amount
    from ledger.bonus_lots l
    where original.kind = 'bonus' and l.wallet_id = original.credit_wallet_id and l.seq = original.credit_seq
  ), reversals as (
    select r.amount, r.bonus_amount,
      case when r.credit_wallet_id = original.wallet_id then r.credit_seq else r.debit_seq end as seq
    from ledger.transfers r
    where r.wallet_id = original.wallet_id and r.reverses = original.id
  ), reversed as (
    select d.lot_seq, d.expires_at, sum(abs(d.amount)) as amount
    from reversals r
    join ledger.bonus_lot_draws d on d.wallet_id = original.wallet_id and d.seq = r.seq
    group by d.lot_seq, d.expires_at
  ), lots as (
    select g.lot_seq, g.expires_at, g.amount - coalesce(r.amount, 0) as amount
    from given g
    left join reversed r using (lot_seq, expires_at)
  ), sums as (
    select original.amount - coalesce(sum(r.amount), 0) as amount,
      original.bonus_amount - coalesce(sum(r.bonus_amount), 0) as bonus_amount
    from reversals r
  )
  select 'paid', null::bigint, null::timestamptz, (s.amount - s.bonus_amount)::bigint from sums s
  union all
  select 'bonus', null, null, (s.bonus_amount - coalesce((select sum(l.amount) from lots l), 0))::bigint from sums s
  union all
  select 'lot', l.lot_seq, l.expires_at, l.amount::bigint from lots l
$$;

comment on function ledger_private.reversible_parts(ledger.transfers) is
$$What is left to reverse of a movement: paid credits, bonus credits that do not expire, and those of each lot of the acting wallet that it drew from
(of a bonus: that it made).$$;

revoke all on function ledger_private.reversible_parts(ledger.transfers) from public;
grant execute on function ledger_private.reversible_parts(ledger.transfers) to wallet_auditor;
--! EndIncluded ledger_private/reversible_parts.sql
--! Included ledger_private/reversal_plan.sql
create or replace function ledger_private.reversal_plan(
  original ledger.transfers,
  amount bigint,
  given_to ledger.entries,
  taken_from ledger.entries
)
returns ledger_private.reversal_plan
language plpgsql
stable
as $$
declare
  v_held_bonus bigint := ledger_private.held_bonus(taken_from);
  v_plan ledger_private.reversal_plan := row(0, amount, null);
  v_draws ledger.bonus_lot_draws[] := '{}';
  v_expires_at timestamptz;
  v_taken bigint := 0; -- by lots of that expiry before
  v_part ledger_private.reversible_part;
  v_take bigint;
begin
  -- The reverse of the order in which credits are drawn: as if so much less had been taken in the first place.
  for v_part in
    select p.*
      from ledger_private.reversible_parts(original) p
      where p.amount > 0
      order by array_position(array['paid', 'bonus', 'lot'], p.source), p.expires_at desc, p.lot_seq desc
  loop
    v_take := least(v_plan.missing, v_part.amount);
    if taken_from.wallet_id is not null then
      -- The original's lot in that wallet may be spent, reserved or expired by now; it may be for several lots of the giver.
      if v_part.expires_at is distinct from v_expires_at then
        v_expires_at := v_part.expires_at;
        v_taken := 0;
      end if;
      v_take := least(v_take,
        ledger_private.free_part(taken_from, v_held_bonus, v_part.source, original.credit_seq, v_part.expires_at) - v_taken);
    end if;
    continue when v_take <= 0;
    v_plan.missing := v_plan.missing - v_take;
    continue when v_part.source = 'paid';
    v_plan.bonus_amount := v_plan.bonus_amount + v_take;
    continue when v_part.source = 'bonus';
    if given_to.wallet_id is not null then
      v_draws[cardinality(v_draws) + 1] := row(
        given_to.wallet_id, v_part.lot_seq, v_part.expires_at, given_to.seq + 1, null, -v_take, 0, null, null);
    end if;
    if taken_from.wallet_id is not null then
      v_taken := v_taken + v_take;
      v_draws[cardinality(v_draws) + 1] := row(
        taken_from.wallet_id, original.credit_seq, v_part.expires_at, taken_from.seq + 1, null, v_take, 0, null, null);
    end if;
  end loop;
  v_plan.draws := v_draws;
  return v_plan;
end
$$;

comment on function ledger_private.reversal_plan(ledger.transfers, bigint, ledger.entries, ledger.entries) is
$$How an amount of a movement is reversed: paid credits before bonus credits, these by lot, and no more of each than the original gave and,
where a player gives them back, than that wallet still has free of them. given_to and taken_from are the heads of the players' wallets, null for
the house.$$;

revoke all on function ledger_private.reversal_plan(ledger.transfers, bigint, ledger.entries, ledger.entries) from public;
--! EndIncluded ledger_private/reversal_plan.sql
--! Included ledger_private/change_status.sql
create or replace function ledger_private.change_status(wallet_id uuid, status ledger.wallet_status, reason text)
returns ledger.wallets
language plpgsql
volatile
as $$
declare
  v_wallet ledger.wallets;
  v_head ledger.entries;
begin
  if wallet_id is null then
    perform ledger_private.refuse_argument('wallet_id', 'Name the wallet by its id.');
  end if;
  if reason is null or char_length(reason) not between 1 and 1000 then
    perform ledger_private.refuse_argument('reason', 'Say why, in 1 to 1000 characters.');
  end if;
  select w.* into v_wallet from ledger.wallets w where w.id = change_status.wallet_id and w.house is null for no key update;
  if not found then
    perform ledger_private.refuse_wallet(wallet_id);
  end if;
  if v_wallet.status = change_status.status then
    return v_wallet;
  end if;
  if change_status.status = 'frozen' then
    perform ledger_private.check_status(v_wallet, false);
  end if;
  if change_status.status = 'closed' then
    perform ledger_private.settle(array[wallet_id], clock_timestamp());
    select e.* into v_head from ledger.entries e where e.wallet_id = change_status.wallet_id order by e.seq desc limit 1;
    -- Nothing is written after the head here, so a stale one would not collide: a wallet that has been filled meanwhile would be closed.
    perform ledger_private.check_snapshot(array[wallet_id]);
    -- What is reserved is part of the balance.
    if v_head.balance > 0 then
      perform ledger_private.refuse_argument('wallet_id', 'Only an empty wallet is closed: spend, transfer or reverse what is left.',
        jsonb_build_object('wallet_id', wallet_id, 'balance', v_head.balance::text, 'held_balance', v_head.held_balance::text));
    end if;
  end if;

  perform set_config('ledger.posting', 'on', true);
  update ledger.wallets w set status = change_status.status where w.id = change_status.wallet_id returning w.* into v_wallet;
  insert into ledger.wallet_events (wallet_id, seq, kind, reason, actor)
    select change_status.wallet_id, max(e.seq) + 1,
        (case change_status.status when 'open' then 'reopened' else change_status.status::text end)::ledger.wallet_event_kind,
        change_status.reason, ledger_private.actor()
      from ledger.wallet_events e
      where e.wallet_id = change_status.wallet_id;
  perform set_config('ledger.posting', '', true);
  return v_wallet;
end
$$;

comment on function ledger_private.change_status(uuid, ledger.wallet_status, text) is
$$Changes a wallet's status and leaves an event, or returns the wallet as it is where it has that status. Refuses with WLARG, WLNOW, WLCLS
to freeze a closed wallet, WLARG to close one that is not empty.$$;

revoke all on function ledger_private.change_status(uuid, ledger.wallet_status, text) from public;
--! EndIncluded ledger_private/change_status.sql
--! Included ledger_private/balance_of.sql
create or replace function ledger_private.balance_of(head ledger.entries, at_time timestamptz)
returns ledger.wallet_balance
language plpgsql
stable
as $$
declare
  v_due bigint := 0;
begin
  if head.bonus_balance > 0 then
    v_due := ledger_private.due_amount(head, at_time);
  end if;
  return row(
    coalesce(head.balance, 0), coalesce(head.bonus_balance, 0), coalesce(head.held_balance, 0),
    coalesce(head.balance - head.held_balance - v_due, 0), coalesce(head.seq, 0), at_time
  )::ledger.wallet_balance;
end
$$;

comment on function ledger_private.balance_of(ledger.entries, timestamptz) is
  'A wallet''s balances at an instant, from the newest entry that it had then.';

revoke all on function ledger_private.balance_of(ledger.entries, timestamptz) from public;
grant execute on function ledger_private.balance_of(ledger.entries, timestamptz)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger_private/balance_of.sql
--! Included ledger_private/judge.sql
create or replace function ledger_private.judge(
  transfer ledger.transfers,
  wallet ledger.wallets,
  head ledger.entries,
  other ledger.wallets,
  other_head ledger.entries,
  held_bonus bigint,
  limits ledger.asset_limits,
  day_before ledger.entries
)
returns ledger_private.judged
language plpgsql
volatile
as $$
declare
  -- Far enough below the end of bigint that one more amount never overflows it.
  c_max constant bigint := 9000000000000000000;
  v_leaving boolean := transfer.kind in ('spend', 'transfer');
  v_bonus bigint := case transfer.kind
    when 'top_up' then 0
    when 'bonus' then transfer.amount
    else least(transfer.amount, coalesce(head.bonus_balance - held_bonus, 0)) end;
  v_entry ledger.entries := ledger_private.next_entry(wallet, head, case when v_leaving then 'debit'::ledger.entry_side else 'credit' end,
    transfer.id, transfer.kind, transfer.amount, v_bonus, 0, transfer.created_at);
  v_other_entry ledger.entries;
begin
  if other.id is not null then
    v_other_entry := ledger_private.next_entry(
      other, other_head, 'credit', transfer.id, transfer.kind, transfer.amount, v_bonus, 0, transfer.created_at);
  end if;
  if v_other_entry.balance > c_max
    or greatest(v_entry.balance, v_entry.topped_up_total, v_entry.granted_total, v_entry.spent_total) > c_max then
    perform ledger_private.check_snapshot(array[wallet.id, other.id]);
    perform ledger_private.refuse_overflow(case when v_other_entry.balance > c_max then v_other_entry else v_entry end);
  end if;
  if num_nonnulls(limits.max_spend, limits.max_balance, limits.max_daily_top_up, limits.max_daily_bonus, limits.max_daily_spend) > 0 then
    perform ledger_private.check_limits(limits, v_entry, day_before);
    perform ledger_private.check_limits(limits, v_other_entry, null);
  end if;
  if v_entry.balance < v_entry.held_balance then
    perform ledger_private.check_snapshot(array[wallet.id, other.id]);
    perform ledger_private.refuse_funds(wallet.id, v_entry.balance + transfer.amount - v_entry.held_balance, transfer.amount);
  end if;
  return row(v_bonus, v_entry, v_other_entry);
end
$$;

comment on function ledger_private.judge(
  ledger.transfers, ledger.wallets, ledger.entries, ledger.wallets, ledger.entries, bigint, ledger.asset_limits, ledger.entries
) is
$$What a top-up, bonus, spend or transfer makes of its players' wallets (other is null where the house is on the other side): its bonus part and the
entries after their heads. Or refuses, for limits and then for funds. Nothing is due in the wallets; held_bonus is what of the acting wallet's bonus
credits is reserved.$$;

revoke all on function ledger_private.judge(
  ledger.transfers, ledger.wallets, ledger.entries, ledger.wallets, ledger.entries, bigint, ledger.asset_limits, ledger.entries
) from public;
--! EndIncluded ledger_private/judge.sql
--! Included ledger_private/post.sql
create or replace function ledger_private.post(
  kind ledger.transfer_kind,
  wallet_id uuid,
  counterparty_id uuid,
  amount bigint,
  idem_key text,
  expires_at timestamptz,
  metadata jsonb
)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_leaving boolean := kind in ('spend', 'transfer');
  v_transfer ledger.transfers := row(
    uuidv7(), wallet_id, idem_key, kind, null, null, counterparty_id, null, amount, amount, 0, null, null, expires_at, metadata, null, null);
  v_checked boolean;
  v_first ledger.transfers;
  v_wallet ledger.wallets;
  v_other ledger.wallets;
  v_state record;
  v_head ledger.entries;
  v_other_head ledger.entries;
  v_judged ledger_private.judged;
  v_entry ledger.entries;
  v_other_entry ledger.entries;
  v_sealed ledger_private.sealed;
begin
  v_checked := ledger_private.check_request(v_transfer);

  -- Locks are always taken in the same order, players by ascending id and then the house, so that no two calls can wait
  -- for each other. A house wallet is not found: nobody acts for it.
  if counterparty_id < wallet_id then
    select w.* into v_other from ledger.wallets w where w.id = counterparty_id and w.house is null for no key update;
  end if;
  select w.* into v_wallet from ledger.wallets w where w.id = post.wallet_id and w.house is null for no key update;
  if counterparty_id > wallet_id then
    select w.* into v_other from ledger.wallets w where w.id = counterparty_id and w.house is null for no key update;
  end if;
  if v_wallet.id is null or v_other.id is distinct from counterparty_id then
    perform ledger_private.refuse_wallet(case when v_wallet.id is null then wallet_id else counterparty_id end);
  end if;
  if v_other.asset_code <> v_wallet.asset_code then
    perform ledger_private.refuse_assets(v_wallet.asset_code, v_other.asset_code);
  end if;

  select t.* into v_first from ledger.transfers t where t.wallet_id = post.wallet_id and t.idem_key = post.idem_key;
  if found then
    return ledger_private.replay(v_first, v_transfer);
  end if;
  v_transfer.created_at := clock_timestamp();
  -- Limits ride along with the head: where there are none, looking costs nothing.
  select
    (select e from ledger.entries e where e.wallet_id = post.wallet_id order by e.seq desc limit 1) as head,
    (select l from ledger.asset_limits l where l.asset_code = v_wallet.asset_code order by l.seq desc limit 1) as limits
    into v_state;
  v_head := v_state.head;
  if counterparty_id is not null then
    select e.* into v_other_head from ledger.entries e where e.wallet_id = counterparty_id order by e.seq desc limit 1;
  end if;
  if expires_at is not null then
    perform ledger_private.check_expiry(wallet_id, expires_at, greatest(v_transfer.created_at, v_head.created_at));
  end if;
  if v_wallet.status <> 'open' or v_other.status <> 'open' then
    perform ledger_private.check_snapshot(array[wallet_id, counterparty_id]);
    perform ledger_private.check_status(v_wallet, v_leaving);
    perform ledger_private.check_status(v_other, false);
  end if;
  -- Only who has bonus credits or holds can have anything due.
  if v_head.bonus_balance > 0 or v_head.held_balance > 0 or v_other_head.bonus_balance > 0 or v_other_head.held_balance > 0 then
    if ledger_private.settle(array[wallet_id, counterparty_id], v_transfer.created_at) then
      select e.* into v_head from ledger.entries e where e.wallet_id = post.wallet_id order by e.seq desc limit 1;
      select e.* into v_other_head from ledger.entries e where e.wallet_id = counterparty_id order by e.seq desc limit 1;
      v_transfer.id := uuidv7();
    end if;
  end if;

  v_judged := ledger_private.judge(
    v_transfer, v_wallet, v_head, v_other, v_other_head,
    case when v_head.held_balance > 0 then ledger_private.held_bonus(v_head) else 0 end, v_state.limits,
    case when num_nonnulls((v_state.limits).max_daily_top_up, (v_state.limits).max_daily_bonus, (v_state.limits).max_daily_spend) > 0 then
      ledger_private.entry_at(wallet_id, greatest(v_transfer.created_at, v_head.created_at) - interval '24 hours') end);
  v_entry := v_judged.entry;
  v_other_entry := v_judged.other_entry;
  v_transfer.bonus_amount := v_judged.bonus_amount;
  -- The house comes last, so that replays and refusals never wait for it.
  if counterparty_id is null then
    v_other_entry := ledger_private.opposite_entry(ledger_private.lock_house(ledger_private.house_account(kind), v_wallet),
      case when v_leaving then 'credit'::ledger.entry_side else 'debit' end, v_transfer);
  end if;

  v_transfer.actor := ledger_private.actor();
  v_sealed := ledger_private.write(v_transfer, v_entry, v_other_entry);
  if v_transfer.bonus_amount > 0 and (v_leaving or expires_at is not null) then
    perform ledger_private.move_lots(array[v_sealed.transfer], array[1], array[case when v_leaving then 2 else 1 end], 2);
    -- What arrived may be due already where that wallet's clock runs ahead.
    if v_other_entry.created_at > v_entry.created_at and counterparty_id is not null then
      perform ledger_private.settle(array[counterparty_id], v_entry.created_at);
    end if;
  end if;
  return ledger_private.receipt(v_sealed.transfer, v_sealed.entry, false);
end
$$;

comment on function ledger_private.post(ledger.transfer_kind, uuid, uuid, bigint, text, timestamptz, jsonb) is
$$Books one movement between the acting wallet and another player's wallet, or the house account that the kind decides where
counterparty_id is null: checks, locks, key, expiry, status, what is due, limits, funds, in the documented order of refusals, then the rows.$$;

revoke all on function ledger_private.post(ledger.transfer_kind, uuid, uuid, bigint, text, timestamptz, jsonb) from public;
--! EndIncluded ledger_private/post.sql
--! Included ledger_private/check_batch_item.sql
create or replace function ledger_private.check_batch_item(
  request ledger.transfers,
  wallet ledger.wallets,
  other ledger.wallets,
  first ledger.transfers,
  wallet_time timestamptz
)
returns boolean
language plpgsql
volatile
as $$
declare
  v_checked boolean;
begin
  -- Another kind is as good as none: what else a single call of it would want is beside the point.
  if request.kind not in ('top_up', 'bonus', 'spend', 'transfer') then
    request.kind := null;
  end if;
  v_checked := ledger_private.check_request(request);
  if wallet.id is null or other.id is distinct from request.credit_wallet_id then
    perform ledger_private.refuse_wallet(case when wallet.id is null then request.wallet_id else request.credit_wallet_id end);
  end if;
  if other.asset_code <> wallet.asset_code then
    perform ledger_private.refuse_assets(wallet.asset_code, other.asset_code);
  end if;
  if first.id is not null then
    perform ledger_private.check_replay(first, request);
    return false;
  end if;
  if request.expires_at is not null then
    perform ledger_private.check_expiry(wallet.id, request.expires_at, wallet_time);
  end if;
  if wallet.status <> 'open' or other.status <> 'open' then
    perform ledger_private.check_snapshot(array[wallet.id, other.id]);
    perform ledger_private.check_status(wallet, request.kind in ('spend', 'transfer'));
    perform ledger_private.check_status(other, false);
  end if;
  return true;
end
$$;

comment on function ledger_private.check_batch_item(ledger.transfers, ledger.wallets, ledger.wallets, ledger.transfers, timestamptz) is
$$Whether an item of a batch is to be booked: true; false where it repeats first, its key's first request; or refuses it as a single call would,
short of limits and funds. The wallets are null where they are not there.$$;

revoke all on function ledger_private.check_batch_item(ledger.transfers, ledger.wallets, ledger.wallets, ledger.transfers, timestamptz)
  from public;
--! EndIncluded ledger_private/check_batch_item.sql
--! Included ledger_private/batch_requests.sql
create or replace function ledger_private.batch_requests(requests ledger.wallet_request[], at_time timestamptz)
returns ledger.transfers[]
language sql
volatile
as $$
  select coalesce(array_agg(row(
      uuidv7(), r.wallet_id, r.idem_key, r.kind, null, null, r.counterparty_id, null, r.amount, r.amount, 0, null, null, r.expires_at,
      coalesce(r.metadata, '{}'), ledger_private.actor(), at_time
    )::ledger.transfers order by r.place), '{}')
  from unnest(requests) with ordinality r (kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata, place)
$$;

comment on function ledger_private.batch_requests(ledger.wallet_request[], timestamptz) is
  'The requests of a batch in the shape that single calls give theirs: that of the movements they ask for.';

revoke all on function ledger_private.batch_requests(ledger.wallet_request[], timestamptz) from public;
--! EndIncluded ledger_private/batch_requests.sql
--! Included ledger_private/lock_batch.sql
create or replace function ledger_private.lock_batch(requests ledger.wallet_request[])
returns timestamptz
language plpgsql
volatile
as $$
declare
  v_wallet_ids uuid[] := array(
    select r.wallet_id from unnest(requests) r union select r.counterparty_id from unnest(requests) r);
  v_due boolean := ledger_private.has_due(v_wallet_ids, clock_timestamp());
  v_now timestamptz;
begin
  perform from ledger.wallets w
    where w.stripe = 32
      and w.asset_code in (select p.asset_code from ledger.wallets p where p.id = any (v_wallet_ids))
      and (w.house in (select ledger_private.house_account(r.kind) from unnest(requests) r) or v_due and w.house = 'breakage')
    order by w.id
    for no key update;
  perform from ledger.wallets w where w.id = any (v_wallet_ids) and w.house is null order by w.id for no key update;
  v_now := clock_timestamp();
  -- Where something fell due while this waited, breakage comes out of order: so nobody may wait for it, 55P03 says to try again.
  if not v_due and ledger_private.has_due(v_wallet_ids, v_now) then
    perform from ledger.wallets w
      where w.stripe = 32 and w.house = 'breakage'
        and w.asset_code in (select p.asset_code from ledger.wallets p where p.id = any (v_wallet_ids))
      order by w.id
      for no key update nowait;
  end if;
  return v_now;
end
$$;

comment on function ledger_private.lock_batch(ledger.wallet_request[]) is
$$Locks what a batch moves, in the one order that all calls keep: the house's stripes for batches, then players, each by ascending id. Breakage is
among them only where something is due. Returns the instant from which on nobody else moves them: the batch's now.$$;

revoke all on function ledger_private.lock_batch(ledger.wallet_request[]) from public;
--! EndIncluded ledger_private/lock_batch.sql
--! Included ledger_private/load_batch.sql
create or replace function ledger_private.load_batch(requests ledger.transfers[], at_time timestamptz)
returns ledger_private.batch
language plpgsql
volatile
-- A plan for each size of batch: arrays are joined here.
set plan_cache_mode = force_custom_plan
as $$
declare
  v_batch ledger_private.batch;
  v_wallets ledger.wallets[];
  v_fresh uuid[];
begin
  -- Wallets by number, so that arrays can be kept of them: players, and the house's stripes for batches. One that is not there has none.
  v_wallets := array(
    select w from ledger.wallets w
      where w.id in (select r.wallet_id from unnest(requests) r union all select r.credit_wallet_id from unnest(requests) r) and w.house is null);
  v_wallets := v_wallets || array(
    select w from ledger.wallets w
      where w.stripe = 32
        and w.asset_code in (select p.asset_code from unnest(v_wallets) p)
        and w.house in (select ledger_private.house_account(r.kind) from unnest(requests) r));
  v_batch.wallets := v_wallets;
  with items as (
    select r.kind, ledger_private.house_account(r.kind) as house, r.wallet_id, r.credit_wallet_id, r.idem_key, row_number() over () as place
    from unnest(requests) r
  ), numbers as (
    select w.id, w.asset_code, w.house, row_number() over ()::int as number from unnest(v_wallets) w
  ), found as (
    select i.place, i.wallet_id, i.credit_wallet_id, a.number, case when i.kind = 'transfer' then c.number else h.number end as other_number,
      min(i.place) over (partition by i.wallet_id, i.idem_key)::int as first_place, f.first
    from items i
    left join numbers a on a.id = i.wallet_id and a.house is null
    left join numbers c on c.id = i.credit_wallet_id and c.house is null
    left join numbers h on h.asset_code = a.asset_code and h.house = i.house
    left join lateral (
      select t as first from ledger.transfers t where t.wallet_id = i.wallet_id and t.idem_key = i.idem_key limit 1
    ) f on true
  )
  select array_agg(f.number order by f.place), array_agg(f.other_number order by f.place),
      array_agg(f.first_place order by f.place), array_agg(f.first order by f.place),
      array_agg(case when (f.first).id is not null then ledger_private.receipt(f.first, (
        select e from ledger.entries e
        where e.wallet_id = (f.first).wallet_id
          and e.seq = case when (f.first).debit_wallet_id = (f.first).wallet_id then (f.first).debit_seq else (f.first).credit_seq end
      ), true) end order by f.place),
      array_agg(f.wallet_id) filter (where (f.first).id is null) || array_agg(f.credit_wallet_id) filter (where (f.first).id is null)
    into v_batch.numbers, v_batch.other_numbers, v_batch.first_places, v_batch.firsts, v_batch.receipts, v_fresh
    from found f;

  -- A repetition books nothing, not even what is due.
  perform ledger_private.settle(array(select distinct u from unnest(v_fresh) u where u is not null), at_time, 32);
  select array_agg(s.head order by s.place), array_agg(s.limits order by s.place),
      array_agg(case when num_nonnulls((s.limits).max_daily_top_up, (s.limits).max_daily_bonus, (s.limits).max_daily_spend) > 0 then
        ledger_private.entry_at(s.id, greatest(at_time, (s.head).created_at) - interval '24 hours') end order by s.place),
      array_agg(s.held_bonus order by s.place)
    into v_batch.heads, v_batch.limits, v_batch.day_before, v_batch.held_bonus
    from (
      select w.id, row_number() over () as place,
        (select e from ledger.entries e where e.wallet_id = w.id order by e.seq desc limit 1) as head,
        (select l from ledger.asset_limits l where l.asset_code = w.asset_code order by l.seq desc limit 1) as limits,
        (select coalesce(sum(h.bonus_amount), 0)::bigint from ledger_private.open_holds o
          join ledger.holds h on h.wallet_id = o.wallet_id and h.id = o.hold_id where o.wallet_id = w.id) as held_bonus
      from unnest(v_wallets) w
    ) s;
  return v_batch;
end
$$;

comment on function ledger_private.load_batch(ledger.transfers[], timestamptz) is
$$What a batch is judged by, once its wallets are locked: those of them that are there and the house's, with their heads, limits and reserved bonus
credits; of each request the numbers of its two wallets, the place of the first one in the batch with its key, and what that key was used for
before, with the receipt. Books what is due in wallets that something is to be booked for.$$;

revoke all on function ledger_private.load_batch(ledger.transfers[], timestamptz) from public;
--! EndIncluded ledger_private/load_batch.sql
--! Included ledger_private/plan_batch.sql
create or replace function ledger_private.plan_batch(requests ledger.transfers[], at_time timestamptz)
returns ledger_private.batch_plan
language plpgsql
volatile
as $$
declare
  v_batch ledger_private.batch := ledger_private.load_batch(requests, at_time);
  -- An array of its own is changed in place, one inside a row would be copied.
  v_wallets ledger.wallets[] := v_batch.wallets;
  v_heads ledger.entries[] := v_batch.heads;
  v_limits ledger.asset_limits[] := v_batch.limits;
  v_day_before ledger.entries[] := v_batch.day_before;
  v_held_bonus bigint[] := v_batch.held_bonus;
  v_numbers int[] := v_batch.numbers;
  v_other_numbers int[] := v_batch.other_numbers;
  v_first_places int[] := v_batch.first_places;
  v_firsts ledger.transfers[] := v_batch.firsts;
  v_receipts ledger.receipt[] := v_batch.receipts;
  v_transfers ledger.transfers[] := '{}';
  v_entries ledger.entries[] := '{}';
  v_moving ledger.transfers[] := '{}';
  v_from_numbers int[] := '{}';
  v_to_numbers int[] := '{}';
  v_request ledger.transfers;
  v_first ledger.transfers;
  v_receipt ledger.receipt;
  v_wallet ledger.wallets;
  v_other ledger.wallets;
  v_head ledger.entries;
  v_other_entry ledger.entries;
  v_judged ledger_private.judged;
  v_sealed ledger_private.sealed;
  v_number int;
  v_other_number int;
  v_index int;
  v_detail text;
  v_hint text;
begin
  for i in 1 .. cardinality(requests) loop
    v_index := i - 1;
    v_request := requests[i];
    v_number := v_numbers[i];
    v_other_number := v_other_numbers[i];
    v_wallet := v_wallets[v_number];
    v_head := v_heads[v_number];
    v_other := case when v_request.kind = 'transfer' then v_wallets[v_other_number] end;
    v_first := v_firsts[i];
    if v_first.id is null and v_first_places[i] < i then
      v_first := requests[v_first_places[i]];
    end if;
    if not ledger_private.check_batch_item(v_request, v_wallet, v_other, v_first, greatest(at_time, v_head.created_at)) then
      v_receipt := v_receipts[v_first_places[i]];
      v_receipt.replayed := true;
      v_receipts[i] := v_receipt;
      continue;
    end if;

    v_judged := ledger_private.judge(v_request, v_wallet, v_head, v_other, v_heads[v_other_number], v_held_bonus[v_number],
      v_limits[v_number], v_day_before[v_number]);
    v_request.bonus_amount := v_judged.bonus_amount;
    v_other_entry := v_judged.other_entry;
    if v_request.kind <> 'transfer' then
      v_other_entry := ledger_private.next_entry(v_wallets[v_other_number], v_heads[v_other_number],
        case v_request.kind when 'spend' then 'credit'::ledger.entry_side else 'debit' end,
        v_request.id, v_request.kind, v_request.amount, v_request.bonus_amount, 0, at_time);
      if v_other_entry.balance > 9000000000000000000 then
        perform ledger_private.refuse_overflow(v_other_entry);
      end if;
    end if;
    v_sealed := ledger_private.seal(v_request, v_judged.entry, v_other_entry);
    v_heads[v_number] := v_sealed.entry;
    v_heads[v_other_number] := v_sealed.other_entry;
    v_transfers[cardinality(v_transfers) + 1] := v_sealed.transfer;
    v_entries[cardinality(v_entries) + 1] := v_sealed.entry;
    v_entries[cardinality(v_entries) + 1] := v_sealed.other_entry;
    v_receipts[i] := ledger_private.receipt(v_sealed.transfer, v_sealed.entry, false);
    if v_request.bonus_amount > 0 and (v_request.kind <> 'bonus' or v_request.expires_at is not null) then
      v_moving[cardinality(v_moving) + 1] := v_sealed.transfer;
      v_from_numbers[cardinality(v_moving)] := v_number;
      v_to_numbers[cardinality(v_moving)] := case when v_request.kind = 'bonus' then v_number else v_other_number end;
    end if;
  end loop;
  return row(v_transfers, v_entries, v_receipts, v_moving, v_from_numbers, v_to_numbers, cardinality(v_wallets));
exception when others then
  get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
  if sqlstate like 'WL%' then
    perform ledger_private.refuse(sqlstate, sqlerrm, v_detail::jsonb || jsonb_build_object('index', v_index), v_hint);
  end if;
  raise;
end
$$;

comment on function ledger_private.plan_batch(ledger.transfers[], timestamptz) is
$$What a batch will book: judges its requests one after the other in memory, by the rules of single calls and in their order, each upon the balances
that those before it leave. Refuses as a single call would, with the index of the item in the detail. The wallets are locked.$$;

revoke all on function ledger_private.plan_batch(ledger.transfers[], timestamptz) from public;
--! EndIncluded ledger_private/plan_batch.sql
--! Included ledger/wallet_open.sql
create or replace function ledger.wallet_open(owner_id text, asset_code text)
returns ledger.wallets
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_wallet ledger.wallets;
begin
  if owner_id is null or char_length(owner_id) not between 1 and 200 then
    perform ledger_private.refuse('WLARG',
      format('invalid argument: owner_id has %s characters', coalesce(char_length(owner_id), 0)),
      jsonb_build_object('argument', 'owner_id', 'min_length', 1, 'max_length', 200),
      'Send the player''s account number, 1 to 200 characters.');
  end if;
  if asset_code is null then
    perform ledger_private.refuse('WLARG', 'invalid argument: asset_code is null',
      jsonb_build_object('argument', 'asset_code'), 'Name the asset, such as GOLD.');
  end if;
  if not exists (select from ledger.assets a where a.code = wallet_open.asset_code) then
    perform ledger_private.refuse_asset(asset_code);
  end if;

  perform set_config('ledger.posting', 'on', true);
  insert into ledger.wallets (id, owner_id, asset_code, normal_side)
    values (ledger.wallet_id(owner_id, asset_code), owner_id, asset_code, 'credit')
    on conflict on constraint wallets_pkey do nothing
    returning * into v_wallet;
  if found then
    insert into ledger.wallet_events (wallet_id, seq, kind, actor) values (v_wallet.id, 1, 'opened', ledger_private.actor());
  end if;
  perform set_config('ledger.posting', '', true);
  if v_wallet.id is not null then
    return v_wallet;
  end if;
  select w.* into strict v_wallet
    from ledger.wallets w
    where w.id = ledger.wallet_id(wallet_open.owner_id, wallet_open.asset_code);
  if v_wallet.status = 'closed' then
    perform ledger_private.check_status(v_wallet, false);
  end if;
  return v_wallet;
end
$$;

comment on function ledger.wallet_open(text, text) is
$$@resultFieldName wallet
Opens an owner's wallet of an asset, or returns it as it is where it has been opened before.

- ownerId: the player's account number, 1 to 200 characters, opaque and unchanging; never an e-mail address.
- assetCode: the asset, such as GOLD.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA), WALLET_CLOSED (WLCLS).$$;

revoke all on function ledger.wallet_open(text, text) from public;
grant execute on function ledger.wallet_open(text, text) to wallet_service, wallet_operator;
--! EndIncluded ledger/wallet_open.sql
--! Included ledger/wallet_bonus.sql
create or replace function ledger.wallet_bonus(
  wallet_id uuid,
  amount bigint,
  idem_key text,
  expires_at timestamptz default null,
  metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.post('bonus', wallet_id, null, amount, idem_key, expires_at, metadata);
end
$$;

comment on function ledger.wallet_bonus(uuid, bigint, text, timestamptz, jsonb) is
$$@resultFieldName receipt
Grants free credits: from promotions to the wallet, where they count as bonus credits and are spent before bought ones.

- walletId: the player's wallet.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, unique within the wallet for ever. Repeating the call with the same key and the same
  arguments returns the same receipt and books nothing.
- expiresAt: the instant from which they cannot be spent any more and go to breakage, after now; never if left out. Of bonus credits, those
  that expire first are spent first.
- metadata: a JSON object of at most 8192 bytes, such as the campaign.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), INVALID_ARGUMENT (WLARG) for an expiry that has passed, WALLET_CLOSED (WLCLS),
LIMIT_EXCEEDED (WLLIM).$$;

revoke all on function ledger.wallet_bonus(uuid, bigint, text, timestamptz, jsonb) from public;
grant execute on function ledger.wallet_bonus(uuid, bigint, text, timestamptz, jsonb)
  to wallet_service, wallet_operator, wallet_job;
--! EndIncluded ledger/wallet_bonus.sql
--! Included ledger/wallet_spend.sql
create or replace function ledger.wallet_spend(wallet_id uuid, amount bigint, idem_key text, metadata jsonb default '{}')
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.post('spend', wallet_id, null, amount, idem_key, null, metadata);
end
$$;

comment on function ledger.wallet_spend(uuid, bigint, text, jsonb) is
$$@resultFieldName receipt
Books a purchase in the game or shop: from the wallet to revenue, bonus credits first, and of these the earliest
expiry first.

- walletId: the player's wallet.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, unique within the wallet for ever. Repeating the call with the same key and the same
  arguments returns the same receipt and books nothing.
- metadata: a JSON object of at most 8192 bytes, such as the item.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_FROZEN (WLFRZ) or WALLET_CLOSED (WLCLS), LIMIT_EXCEEDED (WLLIM),
INSUFFICIENT_FUNDS (WLFND).$$;

revoke all on function ledger.wallet_spend(uuid, bigint, text, jsonb) from public;
grant execute on function ledger.wallet_spend(uuid, bigint, text, jsonb) to wallet_service, wallet_operator, wallet_job;
--! EndIncluded ledger/wallet_spend.sql
--! Included ledger/wallet_transfer.sql
create or replace function ledger.wallet_transfer(
  from_wallet uuid,
  to_wallet uuid,
  amount bigint,
  idem_key text,
  metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.post('transfer', from_wallet, to_wallet, amount, idem_key, null, metadata);
end
$$;

comment on function ledger.wallet_transfer(uuid, uuid, bigint, text, jsonb) is
$$@resultFieldName receipt
Moves credits from one player's wallet to another's of the same asset, bonus credits first; they stay bonus credits
and keep their expiry.
The receipt is that of the wallet they leave.

- fromWallet: the wallet they leave.
- toWallet: the wallet they arrive in.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, unique within fromWallet for ever. Repeating the call with the same key and the same
  arguments returns the same receipt and books nothing.
- metadata: a JSON object of at most 8192 bytes, such as a note between the players.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), SAME_WALLET (WLSLF),
WALLET_NOT_FOUND (WLNOW), ASSET_MISMATCH (WLAST), IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_FROZEN (WLFRZ) or
WALLET_CLOSED (WLCLS), LIMIT_EXCEEDED (WLLIM), INSUFFICIENT_FUNDS (WLFND).$$;

revoke all on function ledger.wallet_transfer(uuid, uuid, bigint, text, jsonb) from public;
grant execute on function ledger.wallet_transfer(uuid, uuid, bigint, text, jsonb)
  to wallet_service, wallet_operator, wallet_job;
--! EndIncluded ledger/wallet_transfer.sql
--! Included ledger/wallet_hold.sql
create or replace function ledger.wallet_hold(
  wallet_id uuid,
  amount bigint,
  idem_key text,
  expires_at timestamptz default null,
  metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_transfer ledger.transfers := row(
    null, wallet_id, idem_key, 'hold', null, null, null, null, amount, amount, 0, null, null, expires_at, metadata, null, null);
  v_prepared ledger_private.prepared := ledger_private.prepare(v_transfer, true);
  v_head ledger.entries := v_prepared.head;
  v_entry ledger.entries;
  v_sealed ledger_private.sealed;
begin
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  v_transfer.id := uuidv7();
  v_entry := ledger_private.next_entry(
    v_prepared.wallet, v_head, 'debit', v_transfer.id, 'hold', 0, 0, amount, v_prepared.at_time);
  if v_entry.held_balance > v_entry.balance then
    perform ledger_private.check_snapshot(array[wallet_id]);
    perform ledger_private.refuse_funds(wallet_id, v_entry.balance - v_entry.held_balance + amount, amount);
  end if;

  -- It reserves what a spend would take: bonus credits first, the earliest expiry first.
  v_transfer.bonus_amount := least(amount, v_head.bonus_balance - ledger_private.held_bonus(v_head));
  v_transfer.hold_id := v_transfer.id;
  v_transfer.actor := ledger_private.actor();
  v_sealed := ledger_private.write(v_transfer, v_entry);
  perform set_config('ledger.posting', 'on', true);
  insert into ledger.holds (wallet_id, id, seq, amount, bonus_amount, expires_at, created_at)
    values (wallet_id, v_transfer.id, v_entry.seq, amount, v_transfer.bonus_amount, wallet_hold.expires_at, v_entry.created_at);
  insert into ledger_private.open_holds (wallet_id, hold_id, expires_at) values (wallet_id, v_transfer.id, wallet_hold.expires_at);
  perform set_config('ledger.posting', '', true);
  if v_transfer.bonus_amount > 0 then
    perform ledger_private.move_lots(array[v_sealed.transfer], array[1], array[null::int], 1);
  end if;
  return ledger_private.receipt(v_sealed.transfer, v_sealed.entry, false);
end
$$;

comment on function ledger.wallet_hold(uuid, bigint, text, timestamptz, jsonb) is
$$@resultFieldName receipt
Reserves credits for a purchase that is not certain yet: what is available falls, the balance does not. The receipt names the hold_id, with which
they are captured or released, once. Reserved are bonus credits first, the earliest expiry first; while the hold is open they do not expire.

- walletId: the player's wallet.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, unique within the wallet for ever. Repeating the call with the same key and the same
  arguments returns the same receipt and books nothing.
- expiresAt: the instant from which the hold is void and its credits are free again, after now; never if left out.
- metadata: a JSON object of at most 8192 bytes, such as the order.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), INVALID_ARGUMENT (WLARG) for an expiry that has passed, WALLET_FROZEN (WLFRZ) or
WALLET_CLOSED (WLCLS), INSUFFICIENT_FUNDS (WLFND).$$;

revoke all on function ledger.wallet_hold(uuid, bigint, text, timestamptz, jsonb) from public;
grant execute on function ledger.wallet_hold(uuid, bigint, text, timestamptz, jsonb)
  to wallet_service, wallet_operator, wallet_job;
--! EndIncluded ledger/wallet_hold.sql
--! Included ledger/wallet_capture.sql
create or replace function ledger.wallet_capture(
  wallet_id uuid,
  hold_id uuid,
  idem_key text,
  amount bigint default null,
  metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_transfer ledger.transfers := row(
    null, wallet_id, idem_key, 'capture', null, null, null, null, amount, 0, 0, null, hold_id, null, metadata, null, null);
  v_prepared ledger_private.prepared := ledger_private.prepare(v_transfer, true);
  v_head ledger.entries := v_prepared.head;
  v_wallet ledger.wallets := v_prepared.wallet;
  v_hold ledger.holds;
  v_entry ledger.entries;
  v_house_entry ledger.entries;
  v_draws ledger.bonus_lot_draws[];
  v_expired boolean;
  v_sealed ledger_private.sealed;
begin
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  v_hold := ledger_private.open_hold(wallet_id, hold_id);

  v_transfer.id := uuidv7();
  v_transfer.amount := coalesce(amount, v_hold.amount);
  v_transfer.bonus_amount := least(v_transfer.amount, v_hold.bonus_amount);
  v_entry := ledger_private.next_entry(v_wallet, v_head, 'debit', v_transfer.id, 'capture', v_transfer.amount, v_transfer.bonus_amount,
    -v_hold.amount, v_prepared.at_time);
  perform ledger_private.check_own_limits(v_wallet, v_entry);
  if v_transfer.amount > v_hold.amount then
    perform ledger_private.check_snapshot(array[wallet_id]);
    perform ledger_private.refuse_funds(wallet_id, v_hold.amount, v_transfer.amount, jsonb_build_object('hold_id', hold_id));
  end if;

  v_transfer.created_at := v_prepared.at_time;
  v_draws := array(select d from ledger_private.closing_draws(wallet_id, hold_id, v_entry.seq, v_transfer.bonus_amount) d);
  v_expired := ledger_private.lock_breakage(v_wallet, v_draws, v_entry.created_at);
  v_house_entry := ledger_private.opposite_entry(ledger_private.lock_house('revenue', v_wallet), 'credit', v_transfer);
  v_transfer.actor := ledger_private.actor();
  v_sealed := ledger_private.write(v_transfer, v_entry, v_house_entry);
  perform ledger_private.close_holds(array[v_transfer], v_draws);
  if v_expired then
    perform ledger_private.settle(array[wallet_id], v_prepared.at_time);
  end if;
  return ledger_private.receipt(v_sealed.transfer, v_sealed.entry, false);
end
$$;

comment on function ledger.wallet_capture(uuid, uuid, text, bigint, jsonb) is
$$@resultFieldName receipt
Ends a hold with the purchase: spends up to what it reserved, also credits that expired meanwhile, and frees the rest, of which what has expired is
booked to breakage by the next entry, in the same transaction.

- walletId: the player's wallet.
- holdId: the hold, as the receipt of wallet_hold named it.
- idemKey: 1 to 200 characters, unique within the wallet for ever. Repeating the call with the same key and the same
  arguments returns the same receipt and books nothing.
- amount: minor units, 1 to what the hold reserved; all of it if left out.
- metadata: a JSON object of at most 8192 bytes, such as the item.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW), HOLD_NOT_FOUND (WLNOH),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_FROZEN (WLFRZ) or WALLET_CLOSED (WLCLS), HOLD_NOT_OPEN (WLHLD), LIMIT_EXCEEDED (WLLIM),
INSUFFICIENT_FUNDS (WLFND) for more than the hold reserved.$$;

revoke all on function ledger.wallet_capture(uuid, uuid, text, bigint, jsonb) from public;
grant execute on function ledger.wallet_capture(uuid, uuid, text, bigint, jsonb) to wallet_service, wallet_operator, wallet_job;
--! EndIncluded ledger/wallet_capture.sql
--! Included ledger/wallet_release.sql
create or replace function ledger.wallet_release(wallet_id uuid, hold_id uuid, idem_key text, metadata jsonb default '{}')
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_transfer ledger.transfers := row(
    null, wallet_id, idem_key, 'release', null, null, null, null, null, 0, 0, null, hold_id, null, metadata, null, null);
  v_prepared ledger_private.prepared := ledger_private.prepare(v_transfer, false);
  v_head ledger.entries := v_prepared.head;
  v_hold ledger.holds;
  v_entry ledger.entries;
  v_draws ledger.bonus_lot_draws[];
  v_sealed ledger_private.sealed;
begin
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  v_hold := ledger_private.open_hold(wallet_id, hold_id);

  v_transfer.id := uuidv7();
  v_transfer.amount := v_hold.amount;
  v_transfer.bonus_amount := v_hold.bonus_amount;
  v_entry := ledger_private.next_entry(
    v_prepared.wallet, v_head, 'credit', v_transfer.id, 'release', 0, 0, -v_hold.amount, v_prepared.at_time);
  v_transfer.actor := ledger_private.actor();
  v_sealed := ledger_private.write(v_transfer, v_entry);
  v_draws := array(select d from ledger_private.closing_draws(wallet_id, hold_id, v_entry.seq, 0) d);
  perform ledger_private.close_holds(array[v_transfer], v_draws);
  -- What expired while it was reserved goes to breakage now.
  if v_hold.bonus_amount > 0 then
    perform ledger_private.settle(array[wallet_id], v_prepared.at_time);
  end if;
  return ledger_private.receipt(v_sealed.transfer, v_sealed.entry, false);
end
$$;

comment on function ledger.wallet_release(uuid, uuid, text, jsonb) is
$$@resultFieldName receipt
Ends a hold without a purchase: all its credits are available again. Those that expired while they were reserved are booked to breakage by the
next entry, in the same transaction.

- walletId: the player's wallet.
- holdId: the hold, as the receipt of wallet_hold named it.
- idemKey: 1 to 200 characters, unique within the wallet for ever. Repeating the call with the same key and the same
  arguments returns the same receipt and books nothing.
- metadata: a JSON object of at most 8192 bytes, such as the reason.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW), HOLD_NOT_FOUND (WLNOH),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_CLOSED (WLCLS), HOLD_NOT_OPEN (WLHLD).$$;

revoke all on function ledger.wallet_release(uuid, uuid, text, jsonb) from public;
grant execute on function ledger.wallet_release(uuid, uuid, text, jsonb) to wallet_service, wallet_operator, wallet_job;
--! EndIncluded ledger/wallet_release.sql
--! Included ledger/wallet_reverse.sql
create or replace function ledger.wallet_reverse(
  wallet_id uuid,
  transfer_id uuid,
  idem_key text,
  amount bigint default null,
  metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_transfer ledger.transfers := row(
    null, wallet_id, idem_key, 'reversal', null, null, null, null, amount, 0, 0, transfer_id, null, null, metadata, null, null);
  v_original ledger.transfers;
  v_prepared ledger_private.prepared;
  v_other ledger.wallets;
  v_other_head ledger.entries;
  v_giving boolean; -- the acting wallet gives credits back; otherwise it gets them back
  v_left bigint;
  v_plan ledger_private.reversal_plan;
  v_entry ledger.entries;
  v_other_entry ledger.entries;
  v_expired boolean;
  v_sealed ledger_private.sealed;
begin
  select t.* into v_original from ledger.transfers t where t.id = transfer_id and t.wallet_id = wallet_reverse.wallet_id;
  v_giving := v_original.credit_wallet_id = wallet_id;
  -- Of a batch, the house's part comes before players. (It is another wallet's only then: else this finds none.)
  select w.* into v_other
    from ledger.wallets w
    where w.id = case when v_giving then v_original.debit_wallet_id else v_original.credit_wallet_id end;
  if v_other.stripe = 32 then
    perform from ledger.wallets w where w.id = v_other.id for no key update;
  end if;
  v_prepared := ledger_private.prepare(v_transfer, false, v_other.id);
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  -- It was committed while this call waited for the wallet: what its other side asks for was not locked.
  if v_original.id is null then
    perform ledger_private.refuse_stale();
  end if;

  select v_original.amount - coalesce(sum(r.amount), 0) into v_left
    from ledger.transfers r
    where r.wallet_id = wallet_reverse.wallet_id and r.reverses = transfer_id;
  v_transfer.amount := coalesce(amount, v_left);
  if v_original.kind not in ('top_up', 'bonus', 'spend', 'capture', 'transfer') or v_left = 0 or v_transfer.amount > v_left then
    perform ledger_private.check_snapshot(array[wallet_id]);
    perform ledger_private.refuse_reversal(v_original, amount, v_left);
  end if;
  if v_other.house is null then
    select e.* into v_other_head from ledger.entries e where e.wallet_id = v_other.id order by e.seq desc limit 1;
  end if;
  v_plan := ledger_private.reversal_plan(v_original, v_transfer.amount,
    case when not v_giving then v_prepared.head end, case when v_giving then v_prepared.head else v_other_head end);
  v_transfer.id := uuidv7();
  v_transfer.bonus_amount := v_plan.bonus_amount;
  v_entry := ledger_private.next_entry(v_prepared.wallet, v_prepared.head, case when v_giving then 'debit'::ledger.entry_side else 'credit' end,
    v_transfer.id, 'reversal', v_transfer.amount, v_transfer.bonus_amount, 0, v_prepared.at_time);
  -- The limits of the asset are for new movements; what the ledger counts to is for all.
  if v_entry.balance > 9000000000000000000 then
    perform ledger_private.check_snapshot(array[wallet_id]);
    perform ledger_private.refuse_overflow(v_entry);
  end if;
  if v_plan.missing > 0 then
    perform ledger_private.check_snapshot(array[wallet_id, case when v_other.house is null then v_other.id end]);
    perform ledger_private.refuse_funds(case when v_giving then wallet_id else v_other.id end,
      v_transfer.amount - v_plan.missing, v_transfer.amount, jsonb_build_object('missing', v_plan.missing::text));
  end if;
  v_transfer.created_at := v_prepared.at_time;
  v_expired := ledger_private.lock_breakage(v_prepared.wallet, v_plan.draws, v_entry.created_at);
  select w.* into v_other from ledger.wallets w where w.id = v_other.id for no key update;
  v_other_entry := ledger_private.opposite_entry(v_other, case when v_giving then 'credit'::ledger.entry_side else 'debit' end, v_transfer);
  v_transfer.actor := ledger_private.actor();
  v_sealed := ledger_private.write(v_transfer, v_entry, v_other_entry);
  if cardinality(v_plan.draws) > 0 then
    perform ledger_private.write_lots('{}', v_plan.draws);
  end if;
  if v_expired then
    perform ledger_private.settle(array[wallet_id], v_prepared.at_time);
  end if;
  return ledger_private.receipt(v_sealed.transfer, v_sealed.entry, false);
end
$$;

comment on function ledger.wallet_reverse(uuid, uuid, text, bigint, jsonb) is
$$@resultFieldName receipt
Takes a movement back, whole or in part: a refund, a chargeback, a grant or a transfer in error. Books between the very wallets of the original, sides
swapped. A spend or capture gives paid credits back before bonus ones, these to the lots they came from, with their own expiry (what has
expired since is booked to breakage by the next entry, in the same transaction), and never reopens a hold. A top-up takes paid credits that are not
reserved, a bonus what is left of its own lot, a transfer what it gave and the receiver still has: paid credits first, then its lots.

- walletId: the wallet that the original acted for; of a transfer, the sender's.
- transferId: the original: a top-up, bonus, spend, capture or transfer.
- idemKey: 1 to 200 characters, unique within the wallet for ever. Repeating the call with the same key and the same
  arguments returns the same receipt and books nothing.
- amount: minor units, 1 to what is left to reverse; all that is left if left out.
- metadata: a JSON object of at most 8192 bytes, such as the reason.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW), TRANSFER_NOT_FOUND (WLNOT),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_CLOSED (WLCLS) for either wallet, NOT_REVERSIBLE (WLREV), LIMIT_EXCEEDED (WLLIM) only
where the balance would pass what the ledger counts to, INSUFFICIENT_FUNDS (WLFND) where the credits are gone, with the amount that is missing.$$;

revoke all on function ledger.wallet_reverse(uuid, uuid, text, bigint, jsonb) from public;
grant execute on function ledger.wallet_reverse(uuid, uuid, text, bigint, jsonb) to wallet_operator;
--! EndIncluded ledger/wallet_reverse.sql
--! Included ledger/wallet_post_batch.sql
create or replace function ledger.wallet_post_batch(requests ledger.wallet_request[])
returns setof ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz;
  v_requests ledger.transfers[];
  v_plan ledger_private.batch_plan;
  v_receipts ledger.receipt[];
begin
  if requests is null or cardinality(requests) > 10000 or array_ndims(requests) > 1 then
    perform ledger_private.refuse_argument('requests', 'Send a list of at most 10000 requests.',
      jsonb_build_object('length', cardinality(requests), 'max', 10000));
  end if;
  v_now := ledger_private.lock_batch(requests);
  v_requests := ledger_private.batch_requests(requests, v_now);
  v_plan := ledger_private.plan_batch(v_requests, v_now);
  perform ledger_private.write_all(v_plan.transfers, v_plan.entries);
  if cardinality(v_plan.moving) > 0 then
    perform ledger_private.move_lots(v_plan.moving, v_plan.from_numbers, v_plan.to_numbers, v_plan.wallets);
    -- Where a wallet's own clock runs ahead, what arrived may have expired there already, and items after it were judged upon it.
    if ledger_private.has_due(array(select distinct t.credit_wallet_id from unnest(v_plan.moving) t where t.kind = 'transfer'), v_now) then
      perform ledger_private.refuse_stale();
    end if;
  end if;
  v_receipts := v_plan.receipts;
  return query select * from unnest(v_receipts);
end
$$;

comment on function ledger.wallet_post_batch(ledger.wallet_request[]) is
$$@resultFieldName receipts
Books many top-ups, bonuses, spends and transfers at once, all or nothing: each upon the balances that those before it leave, by the rules of
single calls. Returns a receipt for each request, in their order. The house's side is booked apart, so that single calls never wait for a
batch's; a wallet in it waits until it commits.

- requests: at most 10000, for any wallets and assets. Each has its own idempotency key: those that have been booked before are recognised one by
  one, and answered with the receipt of then.

Refuses as the single call of the first item that fails would, with its index, counted from 0, in the detail; and with INVALID_ARGUMENT (WLARG)
another kind, or too many items.$$;

revoke all on function ledger.wallet_post_batch(ledger.wallet_request[]) from public;
grant execute on function ledger.wallet_post_batch(ledger.wallet_request[]) to wallet_service, wallet_operator, wallet_job;
--! EndIncluded ledger/wallet_post_batch.sql
--! Included ledger/wallet_freeze.sql
create or replace function ledger.wallet_freeze(wallet_id uuid, reason text)
returns ledger.wallets
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.change_status(wallet_id, 'frozen', reason);
end
$$;

comment on function ledger.wallet_freeze(uuid, text) is
$$@resultFieldName wallet
Freezes a wallet: no spend, transfer, hold or capture leaves it; top-ups, bonuses, transfers to it, reversals, releases and expiry still book.
A wallet that is frozen stays as it is.

- walletId: the player's wallet.
- reason: why, for the wallet's events, 1 to 1000 characters.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW), WALLET_CLOSED (WLCLS).$$;

revoke all on function ledger.wallet_freeze(uuid, text) from public;
grant execute on function ledger.wallet_freeze(uuid, text) to wallet_operator;
--! EndIncluded ledger/wallet_freeze.sql
--! Included ledger/wallet_close.sql
create or replace function ledger.wallet_close(wallet_id uuid, reason text)
returns ledger.wallets
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.change_status(wallet_id, 'closed', reason);
end
$$;

comment on function ledger.wallet_close(uuid, text) is
$$@resultFieldName wallet
Closes an empty wallet: nothing books until it is reopened. What is due in it is booked first. A wallet that is closed stays as it is.

- walletId: the player's wallet.
- reason: why, for the wallet's events, 1 to 1000 characters.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW), INVALID_ARGUMENT (WLARG) for a wallet
that is not empty, with its balance.$$;

revoke all on function ledger.wallet_close(uuid, text) from public;
grant execute on function ledger.wallet_close(uuid, text) to wallet_operator;
--! EndIncluded ledger/wallet_close.sql
--! Included ledger/wallet_reopen.sql
create or replace function ledger.wallet_reopen(wallet_id uuid, reason text)
returns ledger.wallets
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.change_status(wallet_id, 'open', reason);
end
$$;

comment on function ledger.wallet_reopen(uuid, text) is
$$@resultFieldName wallet
Opens a frozen or closed wallet again. A wallet that is open stays as it is.

- walletId: the player's wallet.
- reason: why, for the wallet's events, 1 to 1000 characters.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW).$$;

revoke all on function ledger.wallet_reopen(uuid, text) from public;
grant execute on function ledger.wallet_reopen(uuid, text) to wallet_operator;
--! EndIncluded ledger/wallet_reopen.sql
--! Included ledger/wallet_expire_due.sql
create or replace function ledger.wallet_expire_due(max_wallets int default 1000)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_due uuid[];
begin
  if max_wallets is null or max_wallets not between 1 and 100000 then
    perform ledger_private.refuse_argument('max_wallets', 'Ask for 1 to 100000 wallets at a time.');
  end if;
  v_due := array(select d.wallet_id from ledger_private.due_wallets(v_now, max_wallets) d);
  if cardinality(v_due) = 0 then
    return 0;
  end if;

  -- Like a batch: the house's stripe for batches first, so that no single call waits for it, then the players.
  perform from ledger.wallets w
    where w.house = 'breakage' and w.stripe = 32
      and w.asset_code in (select p.asset_code from ledger.wallets p where p.id = any (v_due))
    order by w.id
    for no key update;
  -- Who is at work on a wallet books what is due there.
  v_due := array(
    select w.id from ledger.wallets w where w.id = any (v_due) order by w.id for no key update skip locked);
  -- Another sweep may have been first.
  v_due := array(
    select d.wallet_id from ledger_private.due_wallets(v_now, max_wallets) d join unnest(v_due) u (wallet_id) using (wallet_id));
  perform ledger_private.settle(v_due, v_now, 32);
  return cardinality(v_due);
end
$$;

comment on function ledger.wallet_expire_due(int) is
$$@behavior -*
Books what is due in the wallets that have been due for longest: frees holds and moves expired bonus credits to breakage. Skips wallets that
others are at work on; those book it themselves. Returns how many wallets it settled: call it again, in a transaction of its own, until that is 0.

- maxWallets: how many wallets at most, 1 to 100000.

Refuses with INVALID_ARGUMENT (WLARG).$$;

revoke all on function ledger.wallet_expire_due(int) from public;
grant execute on function ledger.wallet_expire_due(int) to wallet_job;
--! EndIncluded ledger/wallet_expire_due.sql
--! Included ledger/wallet_balance.sql
create or replace function ledger.wallet_balance(wallet_id uuid)
returns ledger.wallet_balance
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_head ledger.entries;
begin
  -- Under the caller's own policies: a wallet that the caller may not see is not found.
  if not exists (select from ledger.wallets w where w.id = wallet_balance.wallet_id and w.house is null) then
    perform ledger_private.refuse_wallet(wallet_id);
  end if;
  select e.* into v_head
    from ledger.entries e
    where e.wallet_id = wallet_balance.wallet_id
    order by e.seq desc
    limit 1;
  return ledger_private.balance_of(v_head, statement_timestamp());
end
$$;

comment on function ledger.wallet_balance(uuid) is
$$A wallet's balances now, in minor units. The balance is that of its newest entry; available leaves out bonus credits that have expired since,
unless a hold pins them.

- walletId: a player's wallet that the caller may see.

Refuses with WALLET_NOT_FOUND (WLNOW).$$;

revoke all on function ledger.wallet_balance(uuid) from public;
grant execute on function ledger.wallet_balance(uuid)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger/wallet_balance.sql
--! Included ledger/wallet_balance_at.sql
create or replace function ledger.wallet_balance_at(wallet_id uuid, at_time timestamptz)
returns ledger.wallet_balance
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_created_at timestamptz;
begin
  if at_time is null then
    perform ledger_private.refuse_argument('at_time', 'Send an instant from when the wallet was opened to now.');
  end if;
  select w.created_at into v_created_at from ledger.wallets w where w.id = wallet_balance_at.wallet_id and w.house is null;
  if not found then
    perform ledger_private.refuse_wallet(wallet_id);
  end if;
  if at_time < v_created_at then
    perform ledger_private.refuse_argument('at_time', 'Send an instant from when the wallet was opened to now.',
      jsonb_build_object('at_time', at_time, 'created_at', v_created_at));
  end if;
  return ledger_private.balance_of(ledger_private.entry_at(wallet_id, at_time), least(at_time, statement_timestamp()));
end
$$;

comment on function ledger.wallet_balance_at(uuid, timestamptz) is
$$A wallet's balances at an instant: those of the newest entry booked at or before it, in minor units. Available leaves out bonus credits that had
expired by then. An instant in the future counts as now.

- walletId: a player's wallet that the caller may see.
- atTime: an instant from when the wallet was opened.

Refuses, in this order, with INVALID_ARGUMENT (WLARG) for no instant, WALLET_NOT_FOUND (WLNOW), INVALID_ARGUMENT (WLARG) for an instant before
the wallet existed.$$;

revoke all on function ledger.wallet_balance_at(uuid, timestamptz) from public;
grant execute on function ledger.wallet_balance_at(uuid, timestamptz)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger/wallet_balance_at.sql
--! Included ledger/wallet_explain.sql
create or replace function ledger.wallet_explain(wallet_id uuid)
returns setof ledger.balance_part
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_head ledger.entries;
begin
  if not exists (select from ledger.wallets w where w.id = wallet_explain.wallet_id and w.house is null) then
    perform ledger_private.refuse_wallet(wallet_id);
  end if;
  select e.* into v_head from ledger.entries e where e.wallet_id = wallet_explain.wallet_id order by e.seq desc limit 1;

  return query
    with held as (
      select h.* from ledger_private.open_holds o join ledger.holds h on h.wallet_id = o.wallet_id and h.id = o.hold_id
        where o.wallet_id = wallet_explain.wallet_id
    ), pinned as (
      select h.id as hold_id, d.lot_seq, d.expires_at, d.held_amount as amount
        from held h join ledger.bonus_lot_draws d on d.wallet_id = h.wallet_id and d.seq = h.seq
    ), lots as (
      select l.seq, l.expires_at, ledger_private.free_part(v_head, 0, 'lot', l.seq, l.expires_at) as free
        from ledger_private.open_lots o
        join ledger.bonus_lots l on l.wallet_id = o.wallet_id and l.seq = o.lot_seq and l.expires_at = o.expires_at
        where o.wallet_id = wallet_explain.wallet_id
    ), parts (source, amount, hold_id, expires_at, seq) as (
      select 'paid'::ledger.credit_source,
          v_head.balance - v_head.bonus_balance - coalesce((select sum(h.amount - h.bonus_amount) from held h), 0), null::uuid,
          null::timestamptz, null::bigint
      union all
      select 'bonus', v_head.bonus_balance - coalesce((select sum(h.bonus_amount) from held h), 0)
          - coalesce((select sum(l.free) from lots l), 0), null, null, null
      union all
      select 'expiring_bonus', l.free, null, l.expires_at, l.seq from lots l
      union all
      select 'paid', h.amount - h.bonus_amount, h.id, null, null from held h
      union all
      select 'bonus', h.bonus_amount - coalesce((select sum(p.amount) from pinned p where p.hold_id = h.id), 0), h.id, null, null from held h
      union all
      select 'expiring_bonus', p.amount, p.hold_id, p.expires_at, p.lot_seq from pinned p
    )
    select p.source, p.amount::bigint,
        case when p.hold_id is null and (p.expires_at is null or p.expires_at > statement_timestamp()) then p.amount else 0 end::bigint,
        p.expires_at, e.transfer_id, p.hold_id
      from parts p
      left join ledger.entries e on e.wallet_id = wallet_explain.wallet_id and e.seq = p.seq
      where p.amount > 0
      order by p.hold_id nulls first, p.expires_at, p.seq, p.source desc;
end
$$;

comment on function ledger.wallet_explain(uuid) is
$$@behavior -queryField:resource:connection +queryField:resource:list
@listSuffix omit
Why a wallet's balance is what it is: the paid credits, the bonus credits without expiry, each open lot of expiring ones, and what each open
hold reserves of them. The amounts add up to the balance, those without a hold and not expired to what is available.

- walletId: a player's wallet that the caller may see.

Refuses with WALLET_NOT_FOUND (WLNOW).$$;

revoke all on function ledger.wallet_explain(uuid) from public;
grant execute on function ledger.wallet_explain(uuid)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger/wallet_explain.sql
--! Included ledger/wallets_available.sql
create or replace function ledger.wallets_available(wallet ledger.wallets)
returns bigint
language sql
stable
as $$
  select coalesce((
    select e.balance - e.held_balance
      - case when e.bonus_balance > 0 then ledger_private.due_amount(e, statement_timestamp()) else 0 end
    from ledger.entries e
    where e.wallet_id = wallet.id
    order by e.seq desc
    limit 1
  ), 0)
$$;

comment on function ledger.wallets_available(ledger.wallets) is
$$@notNull
What can be spent now, in minor units: the balance less what is reserved and less bonus credits that have expired.$$;

revoke all on function ledger.wallets_available(ledger.wallets) from public;
grant execute on function ledger.wallets_available(ledger.wallets)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger/wallets_available.sql
--! Included ledger/holds_closing.sql
create or replace function ledger.holds_closing(hold ledger.holds)
returns ledger.transfers
language sql
stable
as $$
  select t
  from ledger.transfers t
  where t.wallet_id = hold.wallet_id and t.hold_id = hold.id and t.kind <> 'hold'
$$;

comment on function ledger.holds_closing(ledger.holds) is
  'The movement that ended the hold: a capture or a release; null while it is open.';

revoke all on function ledger.holds_closing(ledger.holds) from public;
grant execute on function ledger.holds_closing(ledger.holds)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger/holds_closing.sql
--! Included ledger/holds_status.sql
create or replace function ledger.holds_status(hold ledger.holds)
returns ledger.hold_status
language sql
stable
as $$
  select ledger_private.closing_status(ledger.holds_closing(hold))
$$;

comment on function ledger.holds_status(ledger.holds) is
$$@notNull
Whether the hold is open, or what became of it. A hold whose expiry has passed is open until that is booked, and cannot be captured.$$;

revoke all on function ledger.holds_status(ledger.holds) from public;
grant execute on function ledger.holds_status(ledger.holds)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger/holds_status.sql
--! Included ledger/wallets_holds.sql
create or replace function ledger.wallets_holds(wallet ledger.wallets, open boolean default null)
returns setof ledger.holds
language sql
stable
as $$
  -- One of the three has rows. Each is in order by itself, so that a page of it can be read from an index.
  (
    select h.*
    from ledger.holds h
    where h.wallet_id = wallet.id and wallets_holds.open is null
    order by h.seq desc
  )
  union all
  -- From the list of open ones: all that there ever were may be many more.
  (
    select h.*
    from ledger_private.open_holds o
    join ledger.holds h on h.wallet_id = o.wallet_id and h.id = o.hold_id
    where o.wallet_id = wallet.id and wallets_holds.open and ledger.holds_status(h) = 'open'
    order by h.seq desc
  )
  union all
  (
    select h.*
    from ledger.holds h
    where h.wallet_id = wallet.id and not wallets_holds.open and ledger.holds_status(h) <> 'open'
    order by h.seq desc
  )
$$;

comment on function ledger.wallets_holds(ledger.wallets, boolean) is
$$The wallet's holds, newest first.

- open: true for those that are open, false for those that have been captured or released or have expired; all if left out.$$;

revoke all on function ledger.wallets_holds(ledger.wallets, boolean) from public;
grant execute on function ledger.wallets_holds(ledger.wallets, boolean)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger/wallets_holds.sql
--! Included ledger/asset_limit_set.sql
create or replace function ledger.asset_limit_set(
  asset_code text,
  max_spend bigint default null,
  max_balance bigint default null,
  max_daily_top_up bigint default null,
  max_daily_bonus bigint default null,
  max_daily_spend bigint default null
)
returns ledger.asset_limits
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_newest ledger.asset_limits;
  v_limits ledger.asset_limits;
  v_same boolean;
  v_argument text := case
    when asset_code is null then 'asset_code'
    when max_spend not between 0 and 9000000000000000000 then 'max_spend'
    when max_balance not between 0 and 9000000000000000000 then 'max_balance'
    when max_daily_top_up not between 0 and 9000000000000000000 then 'max_daily_top_up'
    when max_daily_bonus not between 0 and 9000000000000000000 then 'max_daily_bonus'
    when max_daily_spend not between 0 and 9000000000000000000 then 'max_daily_spend'
  end;
begin
  if v_argument is not null then
    perform ledger_private.refuse_argument(v_argument,
      'Name the asset; a limit is a number of minor units from 0 to 9000000000000000000, or null for none.');
  end if;
  -- Of two calls one waits for the other: each leaves a row of its own.
  perform from ledger.assets a where a.code = asset_limit_set.asset_code for no key update;
  if not found then
    perform ledger_private.refuse_asset(asset_code);
  end if;

  select l.* into v_newest from ledger.asset_limits l where l.asset_code = asset_limit_set.asset_code order by l.seq desc limit 1;
  v_limits := row(asset_code, coalesce(v_newest.seq, 0) + 1, max_spend, max_balance, max_daily_top_up, max_daily_bonus, max_daily_spend,
    ledger_private.actor(), clock_timestamp());
  v_same := v_newest.seq is not null
    and (v_newest.max_spend, v_newest.max_balance, v_newest.max_daily_top_up, v_newest.max_daily_bonus, v_newest.max_daily_spend)
      is not distinct from (max_spend, max_balance, max_daily_top_up, max_daily_bonus, max_daily_spend);
  -- Above READ COMMITTED the newest may be older than the lock: then the row collides with the one that has been set since. One
  -- that changes nothing is taken back.
  begin
    perform set_config('ledger.posting', 'on', true);
    insert into ledger.asset_limits values (v_limits.*) on conflict on constraint asset_limits_pkey do nothing;
    if not found then
      perform ledger_private.refuse_stale();
    end if;
    if v_same then
      raise exception using errcode = 'raise_exception', message = 'these limits are in force';
    end if;
    perform set_config('ledger.posting', '', true);
  exception when raise_exception then
    return v_newest;
  end;
  return v_limits;
end
$$;

comment on function ledger.asset_limit_set(text, bigint, bigint, bigint, bigint, bigint) is
$$@resultFieldName limits
Sets all limits of an asset at once, for each wallet of it; null means none. Movements booked already are not judged again;
reversals never are, and do not give a day's total back. Setting the limits that are in force changes nothing.

- assetCode: the asset, such as GOLD.
- maxSpend: the largest single spend or capture, in minor units.
- maxBalance: the largest balance that a top-up, bonus or transfer may lead to.
- maxDailyTopUp: the largest total of top-ups within 24 hours, at any moment.
- maxDailyBonus: the largest total of bonuses within 24 hours.
- maxDailySpend: the largest total of spends and captures within 24 hours.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA).$$;

revoke all on function ledger.asset_limit_set(text, bigint, bigint, bigint, bigint, bigint) from public;
grant execute on function ledger.asset_limit_set(text, bigint, bigint, bigint, bigint, bigint) to wallet_operator;
--! EndIncluded ledger/asset_limit_set.sql
--! Included ledger/assets_limits.sql
create or replace function ledger.assets_limits(asset ledger.assets)
returns ledger.asset_limits
language sql
stable
as $$
  select l from ledger.asset_limits l where l.asset_code = asset.code order by l.seq desc limit 1
$$;

comment on function ledger.assets_limits(ledger.assets) is 'The limits in force; null where none were ever set, and for players.';

revoke all on function ledger.assets_limits(ledger.assets) from public;
grant execute on function ledger.assets_limits(ledger.assets)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger/assets_limits.sql
--! Included ledger_private/verify_entries.sql
create or replace function ledger_private.verify_entries(wallet_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with reserved as (
    -- What holds and their ends do to the bonus credits that are reserved.
    select t.wallet_id, coalesce(t.debit_seq, t.credit_seq) as seq, h.amount, h.bonus_amount, h.expires_at,
      case t.kind when 'hold' then t.bonus_amount else -h.bonus_amount end as change, t.kind = 'release' and t.idem_key is null as settling
    from ledger.transfers t
    left join ledger.holds h on h.wallet_id = t.wallet_id and h.id = t.hold_id
    where t.kind in ('hold', 'capture', 'release') and (verify_entries.wallet_id is null or t.wallet_id = verify_entries.wallet_id)
  ), walked as (
    select e, lag(e) over wallet as head, h, coalesce(sum(h.change) over wallet, 0) as held_bonus,
      -- What was due by then, the wallet had to have booked by now.
      max(case when h.settling then null else e.created_at end) over wallet as due_by
    from ledger.entries e
    left join reserved h on h.wallet_id = e.wallet_id and h.seq = e.seq
    where verify_entries.wallet_id is null or e.wallet_id = verify_entries.wallet_id
    window wallet as (partition by e.wallet_id order by e.seq)
  ), joined as (
    -- In numeric, because a tampered amount must not end the proof by an overflow.
    select k.*, t, w.id as wallet_id, case when (k.e).side = w.normal_side then 1 else -1 end::numeric as sign,
      (k.e).wallet_id = t.wallet_id as acting
    from walked k
    left join ledger.wallets w on w.id = (k.e).wallet_id
    left join ledger.transfers t on t.id = (k.e).transfer_id
  ), judged as (
    select j.e, j.head, j.t, j.wallet_id,
      (j.e).seq <> coalesce((j.head).seq, 0)::numeric + 1 as breaks_seq,
      ((j.e).balance, (j.e).bonus_balance, (j.e).held_balance, (j.e).topped_up_total, (j.e).granted_total, (j.e).spent_total)
        is distinct from (
          coalesce((j.head).balance, 0) + j.sign * (j.e).amount,
          coalesce((j.head).bonus_balance, 0) + j.sign * (j.e).bonus_amount,
          coalesce((j.head).held_balance, 0)::numeric + (j.e).held_amount,
          coalesce((j.head).topped_up_total, 0)::numeric + case when (j.e).kind = 'top_up' then (j.e).amount else 0 end,
          coalesce((j.head).granted_total, 0)::numeric + case when (j.e).kind = 'bonus' then (j.e).amount else 0 end,
          coalesce((j.head).spent_total, 0)::numeric + case when (j.e).kind in ('spend', 'capture') then (j.e).amount else 0 end)
        or (j.e).balance < greatest((j.e).bonus_balance, (j.e).held_balance)
        or least((j.e).bonus_balance, (j.e).held_balance) < 0
        -- What is reserved of bonus credits is there, and so is what is reserved of paid ones.
        or j.held_bonus not between (j.e).bonus_balance::numeric + (j.e).held_balance - (j.e).balance and (j.e).bonus_balance as breaks_balance,
      coalesce((j.e).created_at < (j.head).created_at, false) as breaks_time,
      (j.e).hash is distinct from ledger_private.entry_hash(
        (j.head).hash, ledger_private.entry_bytes(j.e, ledger_private.transfer_bytes(j.t))) as breaks_hash,
      j.wallet_id is null or (j.t).id is null as breaks_reference,
      (j.t).id is not null and ((j.e).kind, (j.e).wallet_id, (j.e).seq, (j.e).held_amount, (j.e).amount, (j.e).bonus_amount)
        is distinct from ((j.t).kind,
          case (j.e).side when 'debit' then (j.t).debit_wallet_id else (j.t).credit_wallet_id end,
          case (j.e).side when 'debit' then (j.t).debit_seq else (j.t).credit_seq end,
          case when not j.acting then 0 when (j.t).kind = 'hold' then (j.t).amount else coalesce(-(j.h).amount, 0) end,
          -- A reservation moves nothing.
          case when (j.t).kind in ('hold', 'release') then 0 else (j.t).amount end,
          case when (j.t).kind in ('hold', 'release') then 0 else (j.t).bonus_amount end) as breaks_transfer,
      -- Bonus credits go first, as far as they are not reserved. Of a reversal, verify_reversals() knows.
      coalesce(j.acting and (j.t).kind <> 'reversal' and (j.t).bonus_amount <> case
        when (j.t).kind = 'top_up' then 0
        when (j.t).kind in ('bonus', 'expiry') then (j.t).amount
        when (j.t).kind = 'capture' then least((j.t).amount, (j.h).bonus_amount)
        when (j.t).kind = 'release' then (j.h).bonus_amount
        else least((j.t).amount, coalesce((j.head).bonus_balance, 0) - j.held_bonus + coalesce((j.h).change, 0)) end, false) as breaks_bonus,
      coalesce(j.acting and (j.t).kind in ('capture', 'release') and (j.h).expires_at <= j.due_by, false) as breaks_hold
    from joined j
  )
  select f.rule, (g.e).wallet_id, (g.e).seq, (g.e).transfer_id, f.detail
  from judged g
  cross join lateral (values
    ('entry_seq', g.breaks_seq, jsonb_build_object('expected', coalesce((g.head).seq, 0)::numeric + 1)),
    ('entry_balance', g.breaks_balance, jsonb_build_object('after', to_jsonb(g.head) - 'hash')),
    ('entry_time', g.breaks_time, jsonb_build_object('after', (g.head).created_at)),
    ('entry_hash', g.breaks_hash, jsonb_build_object('found', encode((g.e).hash, 'hex'))),
    ('entry_reference', g.breaks_reference,
      jsonb_build_object('wallet_found', g.wallet_id is not null, 'transfer_found', (g.t).id is not null)),
    ('entry_transfer', g.breaks_transfer, jsonb_build_object('transfer', to_jsonb(g.t) - 'metadata' - 'idem_key')),
    ('transfer_facts', g.breaks_bonus, to_jsonb(g.t) - 'metadata' - 'idem_key'),
    ('hold_expiry', g.breaks_hold, jsonb_build_object('hold_id', (g.t).hold_id))
  ) as f (rule, broken, detail)
  where (g.breaks_seq or g.breaks_balance or g.breaks_time or g.breaks_hash or g.breaks_reference or g.breaks_transfer
      or g.breaks_bonus or g.breaks_hold)
    and f.broken
$$;

comment on function ledger_private.verify_entries(uuid) is
  'Findings in the entries of one wallet, or of all: each against the one before it, its transfer and its wallet.';

revoke all on function ledger_private.verify_entries(uuid) from public;
grant execute on function ledger_private.verify_entries(uuid) to wallet_auditor;
--! EndIncluded ledger_private/verify_entries.sql
--! Included ledger_private/verify_transfers.sql
create or replace function ledger_private.verify_transfers(wallet_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with chosen as (
    select t.* from ledger.transfers t where verify_transfers.wallet_id is null
    union all
    select t.* from ledger.transfers t where t.id in (
      select own.id from ledger.transfers own where own.wallet_id = verify_transfers.wallet_id
      union
      -- What others sent to it is found through its entries.
      select e.transfer_id from ledger.entries e where e.wallet_id = verify_transfers.wallet_id
    )
  ), legs as (
    select t, o, h, l.side, l.leg_wallet_id, l.leg_seq, l.leg_wallet_id = t.wallet_id as acting,
      case when l.side = 'debit' then t.credit_wallet_id else t.debit_wallet_id end as other_wallet_id,
      -- The side on which the acting wallet has to be.
      case
        when t.kind in ('top_up', 'bonus', 'release') then 'credit'::ledger.entry_side
        when t.kind <> 'reversal' or o.credit_wallet_id = t.wallet_id then 'debit'
        else 'credit' end as acting_side
    from chosen t
    left join ledger.transfers o on o.id = t.reverses and o.wallet_id = t.wallet_id
    left join ledger.holds h on h.wallet_id = t.wallet_id and h.id = t.hold_id
    cross join lateral (values
      ('debit'::ledger.entry_side, t.debit_wallet_id, t.debit_seq),
      ('credit', t.credit_wallet_id, t.credit_seq)
    ) as l (side, leg_wallet_id, leg_seq)
    -- A reservation has one side, and nothing else has.
    where l.leg_wallet_id is not null or t.kind not in ('hold', 'release') or num_nonnulls(t.debit_wallet_id, t.credit_wallet_id) = 0
  ), judged as (
    select l.*, w.house, w.stripe, w.asset_code,
      e.transfer_id is distinct from (l.t).id or e.side is distinct from l.side or w.id is null as breaks_reference,
      -- The acting wallet is a player's, on the side that the kind demands; the other is in the account that the kind
      -- decides, there in the acting wallet's stripe or in the batches'; of a reversal, the original's very wallet.
      l.leg_wallet_id is not null and (coalesce(w.asset_code <> o.asset_code, false) or case when l.acting
        then w.house is not null or l.side <> l.acting_side
        else (l.t).wallet_id is distinct from l.other_wallet_id
          or (l.t).kind in ('hold', 'release')
          or case when (l.t).kind = 'reversal'
            then l.leg_wallet_id is distinct from case l.side when 'debit' then (l.o).credit_wallet_id else (l.o).debit_wallet_id end
            else w.house is distinct from ledger_private.house_account((l.t).kind)
              or coalesce(w.stripe not in (ledger.wallet_stripe((l.t).wallet_id), 32), false) end end) as breaks_sides,
      coalesce(l.acting, false) and (
        ((l.t).idem_key is null) <> ((l.t).kind = 'expiry' or (l.t).kind = 'release' and (l.t).idem_key is null
          and coalesce((l.h).expires_at <= (l.t).created_at, false))
        or (l.t).amount not between 1 and case (l.t).kind when 'expiry' then 9000000000000000000 else 1000000000000000 end
        or (l.t).requested_amount is distinct from case
          when (l.t).kind in ('release', 'expiry') or (l.t).kind in ('capture', 'reversal') and (l.t).requested_amount is null then null
          else (l.t).amount end
        or ((l.t).kind = 'reversal') <> ((l.t).reverses is not null)
        or ((l.t).kind in ('hold', 'capture', 'release')) <> ((l.t).hold_id is not null)
        or ((l.t).kind = 'hold') <> coalesce((l.t).hold_id = (l.t).id, false)
        or (l.t).expires_at is not null and ((l.t).kind not in ('bonus', 'hold') or (l.t).expires_at <= (l.t).created_at)
        or (l.t).kind = 'capture' and (l.t).amount > (l.h).amount
        or ((l.t).kind = 'release' or (l.t).kind = 'capture' and (l.t).requested_amount is null)
          and (l.t).amount is distinct from (l.h).amount
        or coalesce(e.transfer_id = (l.t).id and e.created_at <> (l.t).created_at, false)) as breaks_facts
    from legs l
    left join ledger.entries e on e.wallet_id = l.leg_wallet_id and e.seq = l.leg_seq
    left join ledger.wallets w on w.id = l.leg_wallet_id
    left join ledger.wallets o on o.id = l.other_wallet_id
  )
  select f.rule, (g.t).wallet_id, g.leg_seq, (g.t).id, f.detail
  from judged g
  cross join lateral (values
    ('transfer_reference', g.breaks_reference,
      jsonb_build_object('side', g.side, 'entry', g.leg_seq, 'wallet_id', g.leg_wallet_id)),
    ('transfer_sides', g.breaks_sides,
      jsonb_build_object('side', g.side, 'account', g.house, 'stripe', g.stripe, 'asset_code', g.asset_code)),
    ('transfer_facts', g.breaks_facts, to_jsonb(g.t) - 'metadata' - 'idem_key')
  ) as f (rule, broken, detail)
  where (g.breaks_reference or g.breaks_sides or g.breaks_facts) and f.broken
$$;

comment on function ledger_private.verify_transfers(uuid) is
$$Findings in the transfers that touch one wallet, or in all: both entries there, on the accounts, of the asset and with the facts that
the kind demands. (Its bonus part, verify_entries() proves.)$$;

revoke all on function ledger_private.verify_transfers(uuid) from public;
grant execute on function ledger_private.verify_transfers(uuid) to wallet_auditor;
--! EndIncluded ledger_private/verify_transfers.sql
--! Included ledger_private/reversal_draws.sql
create or replace function ledger_private.reversal_draws(reversal ledger.transfers, original ledger.transfers, bonus_before bigint)
returns table (wallet_id uuid, seq bigint, lot_seq bigint, expires_at timestamptz, amount bigint, expected bigint)
language sql
stable
as $$
  with given as (
    -- In the reverse order of drawing, after bonus credits that do not expire.
    select g.*, original.bonus_amount - sum(g.amount) over ()
      + sum(g.amount) over (order by g.expires_at desc, g.lot_seq desc) - g.amount as before
    from (
      select d.lot_seq, d.expires_at, d.amount
      from ledger.bonus_lot_draws d
      where d.wallet_id = original.debit_wallet_id and d.seq = original.debit_seq and d.amount > 0
      union all
      select l.seq, l.expires_at, l.amount
      from ledger.bonus_lots l
      where original.kind = 'bonus' and l.wallet_id = original.credit_wallet_id and l.seq = original.credit_seq
    ) g
  ), drawn as (
    select d.* from ledger.bonus_lot_draws d where d.wallet_id = reversal.debit_wallet_id and d.seq = reversal.debit_seq
    union all
    select d.* from ledger.bonus_lot_draws d where d.wallet_id = reversal.credit_wallet_id and d.seq = reversal.credit_seq
  ), expected as (
    select reversal.debit_wallet_id as wallet_id, reversal.debit_seq as seq, g.lot_seq, g.expires_at, least(
        bonus_before + reversal.bonus_amount, g.before + g.amount) - greatest(bonus_before, g.before) as amount
    from given g
    where original.kind = 'bonus'
    union all
    select reversal.credit_wallet_id, reversal.credit_seq, g.lot_seq, g.expires_at, greatest(bonus_before, g.before) - least(
        bonus_before + reversal.bonus_amount, g.before + g.amount)
    from given g
    where original.kind in ('spend', 'capture')
      and greatest(bonus_before, g.before) < least(bonus_before + reversal.bonus_amount, g.before + g.amount)
    union all
    -- Between players, what goes back to lots of the sender leaves the lots that the original made, with the same expiry.
    select d.wallet_id, d.seq, d.lot_seq, d.expires_at, least(d.amount, 0)
    from drawn d
    join given g on g.lot_seq = d.lot_seq and g.expires_at = d.expires_at
    where original.kind = 'transfer' and d.wallet_id = reversal.credit_wallet_id
    union all
    select reversal.debit_wallet_id, reversal.debit_seq, original.credit_seq, d.expires_at, -sum(d.amount)
    from drawn d
    where original.kind = 'transfer' and d.wallet_id = reversal.credit_wallet_id
    group by d.expires_at
  )
  select coalesce(d.wallet_id, x.wallet_id), coalesce(d.seq, x.seq), coalesce(d.lot_seq, x.lot_seq), coalesce(d.expires_at, x.expires_at),
    d.amount, x.amount::bigint
  from drawn d
  full join expected x on x.wallet_id = d.wallet_id and x.seq = d.seq and x.lot_seq = d.lot_seq and x.expires_at = d.expires_at
$$;

comment on function ledger_private.reversal_draws(ledger.transfers, ledger.transfers, bigint) is
$$What a reversal drew from lots and gave back to them, and what it should have: of a bonus, its own lot; of a spend or capture, the lots that it drew
from, the latest expiry first; of a transfer, in both wallets the same of each expiry. bonus_before is how many of the original's bonus credits
had been reversed before.$$;

revoke all on function ledger_private.reversal_draws(ledger.transfers, ledger.transfers, bigint) from public;
grant execute on function ledger_private.reversal_draws(ledger.transfers, ledger.transfers, bigint) to wallet_auditor;
--! EndIncluded ledger_private/reversal_draws.sql
--! Included ledger_private/verify_reversals.sql
create or replace function ledger_private.verify_reversals(wallet_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with chosen as (
    select c.r, (c.r).wallet_id, (c.r).id,
      case when (c.r).debit_wallet_id = (c.r).wallet_id then (c.r).debit_seq else (c.r).credit_seq end as seq
    from (
      select t from ledger.transfers t where t.kind = 'reversal' and verify_reversals.wallet_id is null
      union all
      select t from ledger.transfers t where t.kind = 'reversal' and t.id in (
        select own.id from ledger.transfers own where own.wallet_id = verify_reversals.wallet_id
        union
        -- That of a transfer to it is found through its entries.
        select e.transfer_id from ledger.entries e where e.wallet_id = verify_reversals.wallet_id)
    ) c (r)
  ), reversals as (
    select c.wallet_id, c.seq, c.id, c.r, o, sum((c.r).amount) over earlier as reversed, sum((c.r).bonus_amount) over earlier as reversed_bonus,
      o.kind = 'transfer' as between_players,
      case when o.debit_wallet_id = o.wallet_id then o.debit_seq else o.credit_seq end as original_seq
    from chosen c
    left join ledger.transfers o on o.id = (c.r).reverses and o.wallet_id = c.wallet_id
    window earlier as (partition by c.wallet_id, (c.r).reverses order by c.seq)
  ), judged as (
    select v.*,
      -- Paid credits go back first; what of it is bonus credits follows from what was reversed before.
      (v.r).bonus_amount - (greatest(v.reversed - p.paid, 0) - greatest(v.reversed - (v.r).amount - p.paid, 0)) as too_much_bonus,
      v.reversed - v.reversed_bonus < p.paid as paid_left
    from reversals v
    cross join lateral (select (v.o).amount::numeric - (v.o).bonus_amount as paid) p
  )
  select 'transfer_reversed', (v.o).wallet_id, null::bigint, (v.o).id, jsonb_build_object('exceeded', x.parts)
  from (select distinct on ((r.o).id) r.o from reversals r where (r.o).id is not null) v
  cross join lateral (
    select jsonb_agg(to_jsonb(p) order by p.source, p.expires_at, p.lot_seq) from ledger_private.reversible_parts(v.o) p where p.amount < 0
  ) x (parts)
  where x.parts is not null
  union all
  select 'transfer_reversed', j.wallet_id, j.seq, j.id, jsonb_build_object('original', j.o, 'reversed', j.reversed)
  from judged j
  where case
    when (j.o).id is null or (j.o).kind not in ('top_up', 'bonus', 'spend', 'capture', 'transfer') or j.original_seq >= j.seq then true
    when (j.r).requested_amount is null and j.reversed <> (j.o).amount then true
    when not j.between_players then j.too_much_bonus <> 0
    -- A receiver gives what it still has of them: bonus credits only once no paid one is free.
    when (j.r).bonus_amount > 0 and j.paid_left then exists (
      select from ledger.entries e
      where e.wallet_id = (j.r).debit_wallet_id and e.seq = (j.r).debit_seq
        and e.balance - e.bonus_balance > case when e.held_balance = 0 then 0 else e.held_balance - (
          select coalesce(sum(h.bonus_amount), 0)
          from ledger.holds h
          where h.wallet_id = e.wallet_id and h.seq < e.seq and not exists (
            select from ledger.transfers c
            where c.wallet_id = h.wallet_id and c.hold_id = h.id and c.kind <> 'hold' and coalesce(c.debit_seq, c.credit_seq) < e.seq)) end)
    else false end
  union all
  select 'lot_draws', j.wallet_id, j.seq, j.id,
    jsonb_build_object('wallet_id', d.wallet_id, 'lot_seq', d.lot_seq, 'expires_at', d.expires_at, 'amount', d.amount, 'expected', d.expected)
  from judged j
  cross join lateral ledger_private.reversal_draws(j.r, j.o, (j.reversed_bonus - (j.r).bonus_amount)::bigint) d
  where d.amount is distinct from d.expected
  union all
  select 'lot_draws', j.wallet_id, j.seq, j.id, jsonb_build_object('drawn', d.amount, 'bonus_amount', (j.r).bonus_amount)
  from judged j
  cross join lateral (
    select sum(d.amount) from ledger.bonus_lot_draws d where d.wallet_id = (j.r).debit_wallet_id and d.seq = (j.r).debit_seq) d (amount)
  where j.between_players and d.amount > (j.r).bonus_amount
$$;

comment on function ledger_private.verify_reversals(uuid) is
$$Findings in the reversals that touch one wallet, or in all: the original there, earlier and of a kind that can be reversed, no more reversed than it
moved, of no source, paid credits given back first, and lots drawn from and given back to as the original's were.$$;

revoke all on function ledger_private.verify_reversals(uuid) from public;
grant execute on function ledger_private.verify_reversals(uuid) to wallet_auditor;
--! EndIncluded ledger_private/verify_reversals.sql
--! Included ledger_private/verify_holds.sql
create or replace function ledger_private.verify_holds(wallet_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with placed as (
    select t.* from ledger.transfers t
    where t.kind = 'hold' and (verify_holds.wallet_id is null or t.wallet_id = verify_holds.wallet_id)
  ), holds as (
    select h.* from ledger.holds h where verify_holds.wallet_id is null or h.wallet_id = verify_holds.wallet_id
  ), closings as (
    select t.*, case when t.kind = 'release' then t.credit_seq else t.debit_seq end as seq from ledger.transfers t
    where t.kind in ('capture', 'release') and (verify_holds.wallet_id is null or t.wallet_id = verify_holds.wallet_id)
  ), open as (
    select h.* from holds h where not exists (select from closings c where c.wallet_id = h.wallet_id and c.hold_id = h.id)
  ), listed as (
    select o.* from ledger_private.open_holds o where verify_holds.wallet_id is null or o.wallet_id = verify_holds.wallet_id
  )
  select 'hold_reference', coalesce(h.wallet_id, t.wallet_id), coalesce(h.seq, t.debit_seq), coalesce(h.id, t.id), to_jsonb(h)
  from placed t
  full join holds h on h.wallet_id = t.wallet_id and h.id = t.id
  where (h.seq, h.amount, h.bonus_amount, h.expires_at, h.created_at)
    is distinct from (t.debit_seq, t.amount, t.bonus_amount, t.expires_at, t.created_at)
  union all
  select 'hold_reference', c.wallet_id, c.seq, c.id, jsonb_build_object('hold_id', c.hold_id)
  from closings c
  left join holds h on h.wallet_id = c.wallet_id and h.id = c.hold_id
  where h.id is null or c.seq <= h.seq
  union all
  -- What the end of a hold did to the lots that it pinned.
  select 'lot_draws', c.wallet_id, c.seq, c.id, jsonb_build_object('found', to_jsonb(m.d), 'expected', to_jsonb(m.x))
  from closings c
  cross join lateral (
    select x, d
    from ledger_private.closing_draws(c.wallet_id, c.hold_id, c.seq, case c.kind when 'capture' then c.bonus_amount else 0 end) x
    full join (select d.* from ledger.bonus_lot_draws d where d.wallet_id = c.wallet_id and d.seq = c.seq) d
      on d.lot_seq = x.lot_seq and d.expires_at = x.expires_at
    where (d.hold_id, d.amount, d.held_amount) is distinct from (x.hold_id, x.amount, x.held_amount)
  ) m (x, d)
  union all
  -- Nothing that was due by the newest entry is open. (When it was ended, verify_entries() proves.)
  select 'hold_expiry', h.wallet_id, h.seq, h.id, jsonb_build_object('expires_at', h.expires_at)
  from open h
  cross join lateral ledger_private.head(h.wallet_id) e
  where h.expires_at <= e.created_at
  union all
  select 'work_list', coalesce(o.wallet_id, h.wallet_id), h.seq, coalesce(o.hold_id, h.id), to_jsonb(o)
  from listed o
  full join open h on h.wallet_id = o.wallet_id and h.id = o.hold_id
  where o.hold_id is null or h.id is null or o.expires_at is distinct from h.expires_at
$$;

comment on function ledger_private.verify_holds(uuid) is
$$Findings in the holds of one wallet, or in all: each placed by its transfer, ended by one that came later and freed all its lots, and the list of
open ones true.$$;

revoke all on function ledger_private.verify_holds(uuid) from public;
grant execute on function ledger_private.verify_holds(uuid) to wallet_auditor;
--! EndIncluded ledger_private/verify_holds.sql
--! Included ledger_private/verify_lots.sql
create or replace function ledger_private.verify_lots(wallet_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with lots as (
    select l.* from ledger.bonus_lots l where verify_lots.wallet_id is null or l.wallet_id = verify_lots.wallet_id
  ), draws as (
    select d.*, lag(d.balance) over lot as balance_before, lag(d.held_balance) over lot as held_before
    from ledger.bonus_lot_draws d
    where verify_lots.wallet_id is null or d.wallet_id = verify_lots.wallet_id
    window lot as (partition by d.wallet_id, d.lot_seq, d.expires_at order by d.seq)
  ), expected as (
    -- A lot for each expiring bonus, and at the receiver for each expiry among the lots that a transfer drew from.
    select e.wallet_id, e.seq, coalesce(t.expires_at, d.expires_at) as expires_at,
      case e.kind when 'bonus' then t.amount else sum(d.amount) end as amount
    from ledger.entries e
    join ledger.transfers t on t.id = e.transfer_id
    left join ledger.bonus_lot_draws d on e.kind = 'transfer' and d.wallet_id = t.debit_wallet_id and d.seq = t.debit_seq
    where (verify_lots.wallet_id is null or e.wallet_id = verify_lots.wallet_id) and e.side = 'credit' and e.bonus_amount > 0
      and (e.kind = 'bonus' and t.expires_at is not null or e.kind = 'transfer' and d.wallet_id is not null)
    group by e.wallet_id, e.seq, e.kind, t.expires_at, t.amount, d.expires_at
  ), state as (
    select l.wallet_id, l.seq, l.expires_at, s.balance, s.balance - s.held_balance as free
    from lots l
    cross join lateral ledger_private.lot_at(l, 9223372036854775807) s
  )
  select 'lot_reference', coalesce(l.wallet_id, x.wallet_id), coalesce(l.seq, x.seq), null::uuid,
    jsonb_build_object('expires_at', coalesce(l.expires_at, x.expires_at), 'amount', l.amount, 'expected', x.amount)
  from lots l
  full join expected x on x.wallet_id = l.wallet_id and x.seq = l.seq and x.expires_at = l.expires_at
  where l.amount is distinct from x.amount
  union all
  select 'lot_balance', d.wallet_id, d.seq, null, to_jsonb(d)
  from draws d
  left join lots l on l.wallet_id = d.wallet_id and l.seq = d.lot_seq and l.expires_at = d.expires_at
  where l.seq is null or d.seq <= l.seq
    or d.balance is distinct from coalesce(d.balance_before, l.amount)::numeric - d.amount
    or d.held_balance is distinct from coalesce(d.held_before, 0)::numeric + d.held_amount
    or d.balance > l.amount or d.held_balance not between 0 and d.balance
  union all
  select 'work_list', coalesce(o.wallet_id, s.wallet_id), coalesce(o.lot_seq, s.seq), null, to_jsonb(o)
  from (
    select o.* from ledger_private.open_lots o where verify_lots.wallet_id is null or o.wallet_id = verify_lots.wallet_id
  ) o
  full join (select s.* from state s where s.balance > 0) s
    on s.wallet_id = o.wallet_id and s.expires_at = o.expires_at and s.seq = o.lot_seq
  where o.lot_seq is null or s.seq is null or o.due_at is distinct from case when s.free > 0 then s.expires_at end
$$;

comment on function ledger_private.verify_lots(uuid) is
$$Findings in the lots of one wallet, or in all: each made by its entry, what was drawn adding up, and the list of open ones true. (How they were
emptied, verify_order() proves.)$$;

revoke all on function ledger_private.verify_lots(uuid) from public;
grant execute on function ledger_private.verify_lots(uuid) to wallet_auditor;
--! EndIncluded ledger_private/verify_lots.sql
--! Included ledger_private/verify_draws.sql
create or replace function ledger_private.verify_draws(wallet_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with drawn as (
    select d.wallet_id, d.seq, sum(d.amount) as amount, min(d.amount) as least_amount, max(d.amount) as most_amount,
      sum(d.held_amount) as held_amount, min(d.held_amount) as least_held, max(d.held_amount) as most_held,
      min(d.expires_at) as first_expiry, max(d.expires_at) as last_expiry, array_agg(distinct d.hold_id) as holds
    from ledger.bonus_lot_draws d
    where verify_draws.wallet_id is null or d.wallet_id = verify_draws.wallet_id
    group by d.wallet_id, d.seq
  ), expiries as (
    select t.* from ledger.transfers t
    where t.kind = 'expiry' and (verify_draws.wallet_id is null or t.wallet_id = verify_draws.wallet_id)
  )
  select 'lot_draws', d.wallet_id, d.seq, t.id, to_jsonb(d)
  from drawn d
  left join ledger.entries e on e.wallet_id = d.wallet_id and e.seq = d.seq
  left join ledger.transfers t on t.id = e.transfer_id
  where case
    -- What the end of a hold frees and takes, verify_holds() proves.
    when t.kind in ('capture', 'release') then false
    when t.kind = 'hold' then d.least_amount < 0 or d.most_amount > 0 or d.least_held <= 0 or d.held_amount > t.bonus_amount
      or d.holds is distinct from array[t.id] or d.first_expiry <= e.created_at
    when d.least_held <> 0 or d.most_held <> 0 or d.holds is distinct from array[null::uuid] then true
    -- What goes back, and to which lots, verify_reversals() proves.
    when t.kind = 'reversal' then false
    when t.wallet_id <> d.wallet_id or d.least_amount <= 0 then true
    when t.kind in ('spend', 'transfer') then d.amount > t.bonus_amount or d.first_expiry <= e.created_at
    when t.kind = 'expiry' then d.amount <> t.amount or d.last_expiry > e.created_at
    else true end
  union all
  select 'lot_draws', x.wallet_id, x.debit_seq, x.id, null
  from expiries x
  where not exists (select from drawn d where d.wallet_id = x.wallet_id and d.seq = x.debit_seq)
$$;

comment on function ledger_private.verify_draws(uuid) is
$$Findings in what the entries of one wallet, or of all, drew from lots: as much as their kind demands, of lots that had not expired (an expiry: that
had). In which order, verify_order() proves.$$;

revoke all on function ledger_private.verify_draws(uuid) from public;
grant execute on function ledger_private.verify_draws(uuid) to wallet_auditor;
--! EndIncluded ledger_private/verify_draws.sql
--! Included ledger_private/verify_order.sql
create or replace function ledger_private.verify_order(wallet_id uuid)
returns setof ledger.finding
language plpgsql
stable
as $$
declare
  v_wallet uuid;
  -- Its lots by rank, the earliest expiry first: when each expires, and what is free in it.
  v_expiries timestamptz[];
  v_free bigint[];
  v_first int; -- the first lot with free credits
  v_short boolean;
  v_step record;
begin
  for v_step in
    with lots as (
      select l.*, row_number() over (partition by l.wallet_id order by l.expires_at, l.seq)::int as rank
      from ledger.bonus_lots l
      where verify_order.wallet_id is null or l.wallet_id = verify_order.wallet_id
    ), changes as (
      select l.wallet_id, l.seq, l.rank, l.expires_at, l.amount as free, -l.amount::numeric as drawn from lots l
      union all
      select d.wallet_id, d.seq, l.rank, l.expires_at, d.balance - d.held_balance, d.amount::numeric + d.held_amount
      from ledger.bonus_lot_draws d
      join lots l on l.wallet_id = d.wallet_id and l.seq = d.lot_seq and l.expires_at = d.expires_at
    ), by_entry as (
      select c.wallet_id, c.seq, array_agg(c.rank) as ranks, array_agg(c.expires_at) as expiries, array_agg(c.free) as free,
        max(c.rank) as last, sum(c.drawn) as drawn
      from changes c
      group by c.wallet_id, c.seq
    ), reserved as (
      select t.wallet_id, coalesce(t.debit_seq, t.credit_seq) as seq, t.kind = 'release' and t.idem_key is null as settling,
        case t.kind when 'hold' then t.bonus_amount else -h.bonus_amount end as change
      from ledger.transfers t
      left join ledger.holds h on h.wallet_id = t.wallet_id and h.id = t.hold_id
      where t.kind in ('hold', 'capture', 'release') and (verify_order.wallet_id is null or t.wallet_id = verify_order.wallet_id)
    ), walked as (
      select e.wallet_id, e.seq, e.transfer_id, e.kind, e.side, e.created_at, c.ranks, c.expiries, c.free, c.last, c.drawn,
        case e.kind when 'hold' then h.change else e.bonus_amount end as bonus_amount,
        e.kind = 'expiry' or coalesce(h.settling, false) as settling,
        e.bonus_balance - coalesce(sum(h.change) over wallet, 0) as free_bonus, -sum(c.drawn) over wallet as in_lots
      from ledger.entries e
      left join reserved h on h.wallet_id = e.wallet_id and h.seq = e.seq
      left join by_entry c on c.wallet_id = e.wallet_id and c.seq = e.seq
      where e.wallet_id in (select l.wallet_id from lots l) and (verify_order.wallet_id is null or e.wallet_id = verify_order.wallet_id)
      window wallet as (partition by e.wallet_id order by e.seq)
    )
    select w.wallet_id, w.seq, w.transfer_id, w.ranks, w.expiries, w.free, w.in_lots, w.free_bonus,
      -- The rank up to which it emptied all; null where it took nothing that may be in lots.
      case when w.kind in ('spend', 'hold', 'transfer') and w.side = 'debit' and w.bonus_amount > 0 then
        case when w.drawn = w.bonus_amount then w.last else 2147483647 end end as emptied,
      -- What was due by then, the wallet's next entries had to book.
      case
        when lead(w.seq) over wallet is null or w.kind = 'expiry' then w.created_at
        when not lead(w.settling) over wallet then lead(w.created_at) over wallet end as due_by
    from walked w
    window wallet as (partition by w.wallet_id order by w.seq)
    order by w.wallet_id, w.seq
  loop
    if v_wallet is distinct from v_step.wallet_id then
      v_wallet := v_step.wallet_id;
      v_expiries := '{}';
      v_free := '{}';
      v_first := 1;
      v_short := false;
    end if;
    for i in 1 .. coalesce(cardinality(v_step.ranks), 0) loop
      v_expiries[v_step.ranks[i]] := v_step.expiries[i];
      v_free[v_step.ranks[i]] := v_step.free[i];
      v_first := least(v_first, v_step.ranks[i]);
    end loop;
    while v_first <= cardinality(v_free) and coalesce(v_free[v_first], 0) = 0 loop
      v_first := v_first + 1;
    end loop;
    if v_step.in_lots > v_step.free_bonus and not v_short then
      return next row('lot_balance', v_wallet, v_step.seq, v_step.transfer_id,
        jsonb_build_object('in_lots', v_step.in_lots, 'free_bonus', v_step.free_bonus))::ledger.finding;
    end if;
    v_short := v_step.in_lots > v_step.free_bonus;
    continue when v_first > cardinality(v_free);
    if v_first < v_step.emptied then
      return next row('lot_order', v_wallet, v_step.seq, v_step.transfer_id,
        jsonb_build_object('expires_at', v_expiries[v_first], 'free', v_free[v_first]))::ledger.finding;
    end if;
    if v_expiries[v_first] <= v_step.due_by then
      return next row('lot_expiry', v_wallet, v_step.seq, v_step.transfer_id,
        jsonb_build_object('expires_at', v_expiries[v_first], 'free', v_free[v_first]))::ledger.finding;
      v_free[v_first] := 0; -- Said once.
    end if;
  end loop;
end
$$;

comment on function ledger_private.verify_order(uuid) is
$$Findings in how the lots of one wallet, or of all, were emptied, entry by entry: the earliest expiry first, all of them before bonus credits that do
not expire, what was due by an entry of its own, and no more in them than the wallet's bonus credits that no hold reserves.$$;

revoke all on function ledger_private.verify_order(uuid) from public;
grant execute on function ledger_private.verify_order(uuid) to wallet_auditor;
--! EndIncluded ledger_private/verify_order.sql
--! Included ledger/ledger_verify.sql
create or replace function ledger.ledger_verify(wallet_id uuid default null)
returns setof ledger.finding
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- One wallet and all of them want different plans.
set plan_cache_mode = force_custom_plan
as $$
begin
  -- "No row" must never mean "no such wallet".
  if ledger_verify.wallet_id is not null
    and not exists (select from ledger.wallets w where w.id = ledger_verify.wallet_id and w.house is null) then
    perform ledger_private.refuse_wallet(ledger_verify.wallet_id);
  end if;

  return query select f.* from ledger_private.verify_entries(ledger_verify.wallet_id) f;
  return query select f.* from ledger_private.verify_transfers(ledger_verify.wallet_id) f;
  return query select f.* from ledger_private.verify_reversals(ledger_verify.wallet_id) f;
  return query select f.* from ledger_private.verify_holds(ledger_verify.wallet_id) f;
  return query select f.* from ledger_private.verify_lots(ledger_verify.wallet_id) f;
  return query select f.* from ledger_private.verify_draws(ledger_verify.wallet_id) f;
  return query select f.* from ledger_private.verify_order(ledger_verify.wallet_id) f;
  return query select f.* from ledger_private.verify_wallets(ledger_verify.wallet_id) f;
  if ledger_verify.wallet_id is null then
    return query select f.* from ledger_private.verify_sums() f;
  end if;
end
$$;

comment on function ledger.ledger_verify(uuid) is
$$Proves the ledger again from its rows, in one snapshot, while others go on posting: every broken rule is a row, and no row
means that it is sound.

- walletId: one player's wallet with its transfers; the whole ledger if left out. Refuses with WALLET_NOT_FOUND (WLNOW).

Rules:

- entry_seq: a wallet's entries are numbered without gaps
- entry_balance: balances and totals continue from the entry before, and cover what holds reserve
- entry_time: a wallet's time never runs backwards
- entry_hash: the chain of hashes is whole
- entry_reference: the wallet and the transfer of an entry are there
- entry_transfer: an entry says the same as its transfer
- transfer_reference: both entries of a transfer are there
- transfer_sides: the accounts and the asset are those that the transfer's kind demands
- transfer_facts: key, amounts, bonus part and dates are those that the transfer's kind demands
- transfer_reversed: no more of a transfer was reversed than it moved, paid credits first
- hold_reference: a hold is what its transfer placed, and ended later, if it has ended
- hold_expiry: a hold that was due was freed by the wallet's next entries
- lot_reference: each expiring bonus made a lot, and so did each expiry in a transfer
- lot_balance: what was drawn from a lot adds up, and in lots is no more than the wallet's bonus credits
- lot_draws: an entry drew from lots what its kind demands, and the end of a hold freed what it had reserved
- lot_order: the earliest expiry was drawn first, and credits that do not expire last
- lot_expiry: a lot that was due was booked by the wallet's next entries
- work_list: the lists of open holds and lots are true
- wallet_id: the id of a wallet is the one derived from its owner or house account, and no part of the house is missing
- wallet_reference: the asset of a wallet and the wallet of an event are there
- wallet_status: a wallet's status is what its newest event says
- asset_sum: within an asset, debits and credits have the same sum$$;

revoke all on function ledger.ledger_verify(uuid) from public;
grant execute on function ledger.ledger_verify(uuid) to wallet_auditor;
--! EndIncluded ledger/ledger_verify.sql

-- Guards --------------------------------------------------------------------------------------------------------------

create trigger _100_guard_insert before insert on ledger.holds for each statement
  when (current_setting('ledger.posting', true) is distinct from 'on') execute function ledger_private.tg__guard_insert();
create trigger _100_guard_insert before insert on ledger.bonus_lots for each statement
  when (current_setting('ledger.posting', true) is distinct from 'on') execute function ledger_private.tg__guard_insert();
create trigger _100_guard_insert before insert on ledger.bonus_lot_draws for each statement
  when (current_setting('ledger.posting', true) is distinct from 'on') execute function ledger_private.tg__guard_insert();
create trigger _100_guard_insert before insert on ledger.asset_limits for each statement
  when (current_setting('ledger.posting', true) is distinct from 'on') execute function ledger_private.tg__guard_insert();

create trigger _200_append_only before update or delete or truncate on ledger.holds
  for each statement execute function ledger_private.tg__append_only();
create trigger _200_append_only before update or delete or truncate on ledger.bonus_lots
  for each statement execute function ledger_private.tg__append_only();
create trigger _200_append_only before update or delete or truncate on ledger.bonus_lot_draws
  for each statement execute function ledger_private.tg__append_only();
create trigger _200_append_only before update or delete or truncate on ledger.asset_limits
  for each statement execute function ledger_private.tg__append_only();

create trigger _100_guard_write before insert or update or delete on ledger_private.open_holds for each statement
  when (current_setting('ledger.posting', true) is distinct from 'on') execute function ledger_private.tg__guard_insert();
create trigger _100_guard_write before insert or update or delete on ledger_private.open_lots for each statement
  when (current_setting('ledger.posting', true) is distinct from 'on') execute function ledger_private.tg__guard_insert();
create trigger _200_guard_truncate before truncate on ledger_private.open_holds
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_guard_truncate before truncate on ledger_private.open_lots
  for each statement execute function ledger_private.tg__guard_insert();

-- Privileges ----------------------------------------------------------------------------------------------------------

-- Why a wallet was frozen, and by whom, is not for its player to read.
drop policy players_see_their_own on ledger.wallet_events;

grant select on ledger.holds, ledger.bonus_lots, ledger.bonus_lot_draws, ledger.asset_limits, ledger_private.open_holds, ledger_private.open_lots
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
grant usage on type ledger.hold_status, ledger.credit_source, ledger.balance_part, ledger.wallet_request
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

alter table ledger.asset_limits enable row level security;
alter table ledger.holds enable row level security;
alter table ledger.bonus_lots enable row level security;
alter table ledger.bonus_lot_draws enable row level security;
alter table ledger_private.open_holds enable row level security;
alter table ledger_private.open_lots enable row level security;

-- Who set a limit is not for players either; they meet it in a refusal.
create policy staff_sees_all on ledger.asset_limits for select to wallet_service, wallet_operator, wallet_auditor, wallet_job using (true);

create policy players_see_their_own on ledger.holds for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = holds.wallet_id));
create policy services_see_every_player on ledger.holds for select to wallet_service, wallet_operator, wallet_job
  using ((select true from ledger.wallets w where w.id = holds.wallet_id));
create policy auditors_see_all on ledger.holds for select to wallet_auditor using (true);

create policy players_see_their_own on ledger.bonus_lots for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = bonus_lots.wallet_id));
create policy services_see_every_player on ledger.bonus_lots for select to wallet_service, wallet_operator, wallet_job
  using ((select true from ledger.wallets w where w.id = bonus_lots.wallet_id));
create policy auditors_see_all on ledger.bonus_lots for select to wallet_auditor using (true);

create policy players_see_their_own on ledger.bonus_lot_draws for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = bonus_lot_draws.wallet_id));
create policy services_see_every_player on ledger.bonus_lot_draws for select to wallet_service, wallet_operator, wallet_job
  using ((select true from ledger.wallets w where w.id = bonus_lot_draws.wallet_id));
create policy auditors_see_all on ledger.bonus_lot_draws for select to wallet_auditor using (true);

create policy players_see_their_own on ledger_private.open_holds for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = open_holds.wallet_id));
create policy services_see_every_player on ledger_private.open_holds for select to wallet_service, wallet_operator, wallet_job
  using ((select true from ledger.wallets w where w.id = open_holds.wallet_id));
create policy auditors_see_all on ledger_private.open_holds for select to wallet_auditor using (true);

create policy players_see_their_own on ledger_private.open_lots for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = open_lots.wallet_id));
create policy services_see_every_player on ledger_private.open_lots for select to wallet_service, wallet_operator, wallet_job
  using ((select true from ledger.wallets w where w.id = open_lots.wallet_id));
create policy auditors_see_all on ledger_private.open_lots for select to wallet_auditor using (true);

reset role;
