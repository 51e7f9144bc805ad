--! Previous: sha1:c0c6ea95a12eb41034a9e8cb002a4a90baeb160f
--! Hash: sha1:af65d20aceff0490846bf7d73f5ef46a0066ec87
--! Message: posting-path

-- The posting path made cheap: what a call does not need is not set up.

set local role wallet_owner;

drop function ledger_private.check_request(ledger.transfers);
drop function ledger_private.judge(
  ledger.transfers, ledger.wallets, ledger.entries, ledger.wallets, ledger.entries, bigint, ledger.asset_limits, ledger.entries
);
drop type ledger_private.judged;
drop function ledger_private.opposite_entry(ledger.wallets, ledger.entry_side, ledger.transfers);
drop function ledger_private.replay(ledger.transfers, ledger.transfers);
drop function ledger_private.post(ledger.transfer_kind, uuid, uuid, bigint, text, timestamptz, jsonb);
drop function ledger_private.write_all(ledger.transfers[], ledger.entries[]);
drop function ledger_private.lock_batch(ledger.wallet_request[]);
drop function ledger_private.load_batch(ledger.transfers[], timestamptz);
drop function ledger_private.plan_batch(ledger.transfers[], timestamptz);
drop type ledger_private.batch;
drop type ledger_private.batch_plan;

-- Of each request of a batch, by place: what load_batch finds out.
create type ledger_private.batch_numbers as (numbers int[], other_numbers int[], first_places int[], used boolean[], odd boolean[], total numeric);
-- What a batch is judged by: its now, what there is by number of the wallet, and what by place of the request.
create type ledger_private.batch as (
  at_time timestamptz,
  wallets ledger.wallets[],
  heads ledger.entries[],
  limits ledger.asset_limits[],
  day_before ledger.entries[],
  numbers ledger_private.batch_numbers
);
-- What it books: by place; by number of the wallet; and by row, which are the heads, by number, and then the entries, two for each movement.
create type ledger_private.batch_plan as (
  bonus_amounts bigint[],
  judged boolean,
  held_balances bigint[],
  held_bonus bigint[],
  times timestamptz[],
  befores int[],
  seqs bigint[],
  balances bigint[],
  bonus_balances bigint[],
  topped_up_totals bigint[],
  granted_totals bigint[],
  spent_totals bigint[]
);

--! Included ledger_private/tg__guard_insert.sql
create or replace function ledger_private.tg__guard_insert()
returns trigger
language plpgsql
as $$
begin
  -- Judged here: PostgreSQL would parse a trigger's WHEN anew for every statement, which costs more than the call.
  if TG_OP <> 'TRUNCATE' and current_setting('ledger.posting', true) = 'on' then
    return null;
  end if;
  raise exception using
    errcode = '42501',
    message = format('%s.%s is written by the ledger''s functions only', TG_TABLE_SCHEMA, TG_TABLE_NAME),
    hint = 'Call the function for it, such as wallet_top_up, wallet_spend or wallet_open.';
end
$$;

comment on function ledger_private.tg__guard_insert() is
  'Refuses rows written by hand, also by the owner or a superuser: all that come while no posting function is at work.';

revoke all on function ledger_private.tg__guard_insert() from public;
--! EndIncluded ledger_private/tg__guard_insert.sql
create or replace trigger _100_guard_insert before insert on ledger.assets
  for each statement execute function ledger_private.tg__guard_insert();
create or replace trigger _100_guard_insert before insert on ledger.wallets
  for each statement execute function ledger_private.tg__guard_insert();
create or replace trigger _100_guard_insert before insert on ledger.wallet_events
  for each statement execute function ledger_private.tg__guard_insert();
create or replace trigger _100_guard_insert before insert on ledger.transfers
  for each statement execute function ledger_private.tg__guard_insert();
create or replace trigger _100_guard_insert before insert on ledger.entries
  for each statement execute function ledger_private.tg__guard_insert();
create or replace trigger _100_guard_insert before insert on ledger.holds
  for each statement execute function ledger_private.tg__guard_insert();
create or replace trigger _100_guard_insert before insert on ledger.bonus_lots
  for each statement execute function ledger_private.tg__guard_insert();
create or replace trigger _100_guard_insert before insert on ledger.bonus_lot_draws
  for each statement execute function ledger_private.tg__guard_insert();
create or replace trigger _100_guard_insert before insert on ledger.asset_limits
  for each statement execute function ledger_private.tg__guard_insert();

--! Included ledger_private/refuse_request.sql
create or replace function ledger_private.refuse_request(broken text, wallet_id uuid, amount bigint)
returns void
language plpgsql
immutable
as $$
begin
  if broken = 'amount' then
    perform ledger_private.refuse('WLAMT',
      format('invalid amount: %s', coalesce(amount::text, 'null')),
      jsonb_build_object('amount', amount::text, 'min', '1', 'max', '1000000000000000'),
      'Send a whole number of minor units from 1 to 1000000000000000.');
  elsif broken = 'same' then
    perform ledger_private.refuse('WLSLF', format('same wallet: %s', wallet_id),
      jsonb_build_object('wallet_id', wallet_id), 'Name two different wallets.');
  end if;
  perform ledger_private.refuse_argument(broken, case broken
      when 'idem_key' then 'Send an idempotency key of 1 to 200 characters, a new one for each new request.'
      when 'kind' then 'A batch books top_up, bonus, spend and transfer.'
      when 'counterparty_id' then 'Only a transfer names a second wallet.'
      when 'expires_at' then 'Send an instant after now, or leave it out; only bonuses and holds expire.'
      when 'metadata' then 'Send a JSON object of at most 8192 bytes; store a reference to larger facts.'
      when 'hold_id' then 'Name the hold by its id.'
      when 'transfer_id' then 'Name the transfer by its id.'
      else 'Name the wallet by its id.'
    end);
end
$$;

comment on function ledger_private.refuse_request(text, uuid, bigint) is
  'Refuses a request for the rule of check_request that it breaks: amount, same, or the argument that is wrong.';

revoke all on function ledger_private.refuse_request(text, uuid, bigint) from public;
--! EndIncluded ledger_private/refuse_request.sql
--! Included ledger_private/check_request.sql
create or replace function ledger_private.check_request(
  kind ledger.transfer_kind,
  wallet_id uuid,
  counterparty_id uuid,
  hold_id uuid,
  reverses uuid,
  amount bigint,
  idem_key text,
  expires_at timestamptz,
  metadata jsonb
)
returns boolean
language plpgsql
immutable
as $$
declare
  v_broken text;
begin
  -- Rule by rule, what a usual call never comes to left out: each operator of an expression is set up anew in each transaction.
  if amount is null and (kind is null or kind not in ('capture', 'release', 'reversal')) then
    v_broken := 'amount';
  elsif amount not between 1 and 1000000000000000 then
    v_broken := 'amount';
  elsif kind is null then
    v_broken := 'kind';
  elsif wallet_id is null then
    v_broken := case kind when 'transfer' then 'from_wallet' else 'wallet_id' end;
  elsif (kind = 'transfer') <> (counterparty_id is not null) then
    v_broken := case kind when 'transfer' then 'to_wallet' else 'counterparty_id' end;
  elsif hold_id is null and kind in ('capture', 'release') then
    v_broken := 'hold_id';
  elsif reverses is null and kind = 'reversal' then
    v_broken := 'transfer_id';
  elsif idem_key is null or char_length(idem_key) not between 1 and 200 then
    v_broken := 'idem_key';
  elsif expires_at is not null then
    if not isfinite(expires_at) or kind not in ('bonus', 'hold') then
      v_broken := 'expires_at';
    end if;
  end if;
  if v_broken is null and metadata is distinct from '{}' then
    if metadata is null or jsonb_typeof(metadata) <> 'object' or octet_length(metadata::text) > 8192 then
      v_broken := 'metadata';
    end if;
  end if;
  if v_broken is null and counterparty_id is not null then
    if wallet_id = counterparty_id then
      v_broken := 'same';
    end if;
  end if;
  if v_broken is not null then
    perform ledger_private.refuse_request(v_broken, wallet_id, amount);
  end if;
  return true;
end
$$;

comment on function ledger_private.check_request(
  ledger.transfer_kind, uuid, uuid, uuid, uuid, bigint, text, timestamptz, jsonb
) is
$$True, or refuses a request that could not be right whatever the ledger holds: WLAMT, then WLARG, then WLSLF.$$;

revoke all on function ledger_private.check_request(
  ledger.transfer_kind, uuid, uuid, uuid, uuid, bigint, text, timestamptz, jsonb
) from public;
--! EndIncluded ledger_private/check_request.sql
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
  v_checked := ledger_private.check_request(request.kind, request.wallet_id, request.credit_wallet_id, null, null, request.amount,
    request.idem_key, request.expires_at, request.metadata);
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
--! Included ledger_private/check_snapshot.sql
create or replace function ledger_private.check_snapshot(wallet_ids uuid[])
returns void
language plpgsql
volatile
as $$
declare
  v_written int;
begin
  if current_setting('transaction_isolation') = 'read committed' then
    return;
  end if;
  -- Above READ COMMITTED the log may be older than the locks. An empty entry after each head finds out: PostgreSQL answers
  -- 40001 where another transaction has written that entry. The exception takes the empty ones back.
  begin
    perform set_config('ledger.posting', 'on', true);
    insert into ledger.entries
      select w.id, coalesce((select max(e.seq) from ledger.entries e where e.wallet_id = w.id), 0) + 1,
          uuidv7(), 'hold', 'debit', 0, 0, 0, 0, 0, 0, 0, 0, 0, '', clock_timestamp()
        from unnest(wallet_ids) w (id)
        where w.id is not null
      on conflict on constraint entries_pkey do nothing;
    get diagnostics v_written = row_count;
    if v_written < cardinality(array_remove(wallet_ids, null)) then
      perform ledger_private.refuse_stale();
    end if;
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
--! Included ledger_private/replay.sql
create or replace function ledger_private.replay(request ledger.transfers)
returns ledger.receipt
language plpgsql
stable
as $$
declare
  v_first ledger.transfers;
  v_entry ledger.entries;
begin
  select t.* into strict v_first from ledger.transfers t where t.wallet_id = request.wallet_id and t.idem_key = request.idem_key;
  perform ledger_private.check_replay(v_first, request);
  select e.* into strict v_entry
    from ledger.entries e
    where e.wallet_id = v_first.wallet_id
      and e.seq = case when v_first.debit_wallet_id = v_first.wallet_id then v_first.debit_seq else v_first.credit_seq end;
  return ledger_private.receipt(v_first, v_entry, true);
end
$$;

comment on function ledger_private.replay(ledger.transfers) is
  'The receipt of the first request with this one''s key, with the balances of then; or WLKEY where the two differ.';

revoke all on function ledger_private.replay(ledger.transfers) from public;
--! EndIncluded ledger_private/replay.sql
--! Included ledger_private/prepare.sql
create or replace function ledger_private.prepare(request ledger.transfers, leaving boolean, other_id uuid default null)
returns ledger_private.prepared
language plpgsql
volatile
as $$
declare
  v_checked boolean;
  v_wallet ledger.wallets;
  v_other ledger.wallets;
  v_head ledger.entries;
  v_prepared ledger_private.prepared;
begin
  v_checked := ledger_private.check_request(request.kind, request.wallet_id, null, request.hold_id, request.reverses, request.requested_amount,
    request.idem_key, request.expires_at, request.metadata);
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

  if exists (select from ledger.transfers t where t.wallet_id = request.wallet_id and t.idem_key = request.idem_key) then
    v_prepared.receipt := ledger_private.replay(request);
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
language plpgsql
immutable
as $$
declare
  v_entry ledger.entries := head;
begin
  -- Field by field: one expression for all of them takes twice as long to set up, and that is done anew in each transaction.
  if v_entry.seq is null then
    v_entry := row(wallet.id, 0, null, null, null, 0, 0, 0, 0, 0, 0, 0, 0, 0, null, at_time);
  end if;
  v_entry.seq := v_entry.seq + 1;
  v_entry.transfer_id := transfer_id;
  v_entry.kind := kind;
  v_entry.side := side;
  v_entry.amount := amount;
  v_entry.bonus_amount := bonus_amount;
  v_entry.held_amount := held_amount;
  v_entry.held_balance := v_entry.held_balance + held_amount;
  if side = wallet.normal_side then
    v_entry.balance := v_entry.balance + amount;
    v_entry.bonus_balance := v_entry.bonus_balance + bonus_amount;
  else
    v_entry.balance := v_entry.balance - amount;
    v_entry.bonus_balance := v_entry.bonus_balance - bonus_amount;
  end if;
  if kind in ('spend', 'capture') then
    v_entry.spent_total := v_entry.spent_total + amount;
  elsif kind = 'top_up' then
    v_entry.topped_up_total := v_entry.topped_up_total + amount;
  elsif kind = 'bonus' then
    v_entry.granted_total := v_entry.granted_total + amount;
  end if;
  -- A wallet's time never runs backwards, even if the server's clock does.
  if at_time > v_entry.created_at then
    v_entry.created_at := at_time;
  end if;
  return v_entry;
end
$$;

comment on function ledger_private.next_entry(
  ledger.wallets, ledger.entries, ledger.entry_side, uuid, ledger.transfer_kind, bigint, bigint, bigint, timestamptz
) is
$$The entry that follows a wallet's head (null for a wallet without entries). Its hash is still the head's: what it will be chained to.$$;

revoke all on function ledger_private.next_entry(
  ledger.wallets, ledger.entries, ledger.entry_side, uuid, ledger.transfer_kind, bigint, bigint, bigint, timestamptz
) from public;
--! EndIncluded ledger_private/next_entry.sql
--! Included ledger_private/bonus_part.sql
create or replace function ledger_private.bonus_part(kind ledger.transfer_kind, amount bigint, free_bonus bigint)
returns bigint
language sql
immutable
as $$
  select case kind when 'bonus' then amount when 'top_up' then 0 else least(amount, coalesce(free_bonus, 0)) end
$$;

comment on function ledger_private.bonus_part(ledger.transfer_kind, bigint, bigint) is
$$How much of a top-up, bonus, spend or transfer is bonus credits: what leaves a wallet are bonus credits first, as far as they are not reserved.$$;

revoke all on function ledger_private.bonus_part(ledger.transfer_kind, bigint, bigint) from public;
--! EndIncluded ledger_private/bonus_part.sql
--! Included ledger_private/judge.sql
create or replace function ledger_private.judge(
  entry ledger.entries,
  other_entry ledger.entries,
  limits ledger.asset_limits,
  day_before ledger.entries
)
returns boolean
language plpgsql
volatile
as $$
declare
  -- Far enough below the end of bigint that one more amount never overflows it.
  c_max constant bigint := 9000000000000000000;
begin
  if greatest(entry.balance, entry.topped_up_total, entry.granted_total, entry.spent_total, other_entry.balance) > c_max then
    perform ledger_private.check_snapshot(array[entry.wallet_id, other_entry.wallet_id]);
    perform ledger_private.refuse_overflow(case when other_entry.balance > c_max then other_entry else entry end);
  end if;
  if num_nonnulls(limits.max_spend, limits.max_balance, limits.max_daily_top_up, limits.max_daily_bonus, limits.max_daily_spend) > 0 then
    perform ledger_private.check_limits(limits, entry, day_before);
    perform ledger_private.check_limits(limits, other_entry, null);
  end if;
  if entry.balance < entry.held_balance then
    perform ledger_private.check_snapshot(array[entry.wallet_id, other_entry.wallet_id]);
    perform ledger_private.refuse_funds(entry.wallet_id, entry.balance + entry.amount - entry.held_balance, entry.amount);
  end if;
  return true;
end
$$;

comment on function ledger_private.judge(ledger.entries, ledger.entries, ledger.asset_limits, ledger.entries) is
$$True, or refuses what a top-up, bonus, spend or transfer would make of its players' wallets, for limits and then for funds: the entries, not yet
written, of the acting wallet and of the other (null where the house is on the other side).$$;

revoke all on function ledger_private.judge(ledger.entries, ledger.entries, ledger.asset_limits, ledger.entries) from public;
--! EndIncluded ledger_private/judge.sql
--! Included ledger_private/judge_by_limits.sql
create or replace function ledger_private.judge_by_limits(asset_code text, entry ledger.entries, other_entry ledger.entries)
returns boolean
language plpgsql
volatile
as $$
declare
  v_limits ledger.asset_limits;
  v_day_before ledger.entries;
begin
  select l.* into v_limits from ledger.asset_limits l where l.asset_code = judge_by_limits.asset_code order by l.seq desc limit 1;
  if num_nonnulls(v_limits.max_daily_top_up, v_limits.max_daily_bonus, v_limits.max_daily_spend) > 0 then
    v_day_before := ledger_private.entry_at(entry.wallet_id, entry.created_at - interval '24 hours');
  end if;
  return ledger_private.judge(entry, other_entry, v_limits, v_day_before);
end
$$;

comment on function ledger_private.judge_by_limits(text, ledger.entries, ledger.entries) is
  'Judges a single call''s entries, as judge() does, by the limits of their asset.';

revoke all on function ledger_private.judge_by_limits(text, ledger.entries, ledger.entries) from public;
--! EndIncluded ledger_private/judge_by_limits.sql
--! Included ledger_private/sides.sql
create or replace function ledger_private.sides(transfer ledger.transfers, entry ledger.entries, other_entry ledger.entries)
returns ledger.transfers
language plpgsql
immutable
as $$
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
  return transfer;
end
$$;

comment on function ledger_private.sides(ledger.transfers, ledger.entries, ledger.entries) is
$$A movement with its sides, from the acting wallet's entry and the other's (null if it has none), and its time: that of the first.$$;

revoke all on function ledger_private.sides(ledger.transfers, ledger.entries, ledger.entries) from public;
--! EndIncluded ledger_private/sides.sql
--! Included ledger_private/link_hash.sql
create or replace function ledger_private.link_hash(entry ledger.entries, transfer_bytes bytea)
returns bytea
language plpgsql
stable
as $$
begin
  -- A function of its own: the second entry of a movement finds the expression set up by the first.
  return ledger_private.entry_hash(entry.hash, ledger_private.entry_bytes(entry, transfer_bytes));
end
$$;

comment on function ledger_private.link_hash(ledger.entries, bytea) is
  'The hash of an entry that has yet that of the head which it follows.';

revoke all on function ledger_private.link_hash(ledger.entries, bytea) from public;
--! EndIncluded ledger_private/link_hash.sql
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
  transfer := ledger_private.sides(transfer, entry, other_entry);
  v_bytes := ledger_private.transfer_bytes(transfer);
  entry.hash := ledger_private.link_hash(entry, v_bytes);
  if other_entry.wallet_id is not null then
    other_entry.hash := ledger_private.link_hash(other_entry, v_bytes);
  end if;
  return row(transfer, entry, other_entry);
end
$$;

comment on function ledger_private.seal(ledger.transfers, ledger.entries, ledger.entries) is
$$A movement as it will be written: its sides from the acting wallet's entry and the other's (null if it has none), its time that of the first, and
both entries with their own hashes. These come in as the hashes of the heads that they follow.$$;

revoke all on function ledger_private.seal(ledger.transfers, ledger.entries, ledger.entries) from public;
--! EndIncluded ledger_private/seal.sql
--! Included ledger_private/write_all.sql
create or replace function ledger_private.write_all(transfers ledger.transfers[], entries ledger.entries[])
returns boolean
language plpgsql
volatile
as $$
declare
  v_guard text;
begin
  -- Above READ COMMITTED a head may be stale. The caller then learns that a retry will do, instead of that a key is taken.
  if current_setting('transaction_isolation') <> 'read committed' then
    perform ledger_private.check_snapshot(array(select distinct e.wallet_id from unnest(entries) e));
  end if;
  -- Opens the guard of the tables for these rows alone. (Assigned, not performed: PERFORM would run a query.)
  v_guard := set_config('ledger.posting', 'on', true);
  insert into ledger.entries select * from unnest(entries);
  insert into ledger.transfers select * from unnest(transfers);
  v_guard := set_config('ledger.posting', '', true);
  return true;
end
$$;

comment on function ledger_private.write_all(ledger.transfers[], ledger.entries[]) is
  'Writes movements, one or many, and their entries, hashes included.';

revoke all on function ledger_private.write_all(ledger.transfers[], ledger.entries[]) from public;
--! EndIncluded ledger_private/write_all.sql
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
  v_sealed ledger_private.sealed := ledger_private.seal(transfer, entry, other_entry);
begin
  perform ledger_private.write_all(array[v_sealed.transfer], case
    when other_entry.wallet_id is null then array[v_sealed.entry] else array[v_sealed.entry, v_sealed.other_entry] end);
  return v_sealed;
end
$$;

comment on function ledger_private.write(ledger.transfers, ledger.entries, ledger.entries) is
  'Seals and writes a movement, the acting wallet''s entry and the other''s if it has one, and returns them as written.';

revoke all on function ledger_private.write(ledger.transfers, ledger.entries, ledger.entries) from public;
--! EndIncluded ledger_private/write.sql
--! Included ledger_private/opposite_entry.sql
create or replace function ledger_private.opposite_entry(wallet ledger.wallets, entry ledger.entries, at_time timestamptz)
returns ledger.entries
language plpgsql
volatile
as $$
declare
  v_head ledger.entries;
  v_entry ledger.entries;
begin
  select e.* into v_head from ledger.entries e where e.wallet_id = wallet.id order by e.seq desc limit 1;
  v_entry := ledger_private.next_entry(wallet, v_head, case entry.side when 'debit' then 'credit'::ledger.entry_side else 'debit' end,
    entry.transfer_id, entry.kind, entry.amount, entry.bonus_amount, 0, at_time);
  if v_entry.balance > 9000000000000000000 then
    perform ledger_private.check_snapshot(array[entry.wallet_id, wallet.id]);
    perform ledger_private.refuse_overflow(v_entry);
  end if;
  return v_entry;
end
$$;

comment on function ledger_private.opposite_entry(ledger.wallets, ledger.entries, timestamptz) is
$$The entry, yet to be written, on the other side of the acting wallet's: in a wallet which is locked, a part of the house as a rule.$$;

revoke all on function ledger_private.opposite_entry(ledger.wallets, ledger.entries, timestamptz) from public;
--! EndIncluded ledger_private/opposite_entry.sql
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
  v_guard text;
begin
  v_guard := set_config('ledger.posting', 'on', true);
  if cardinality(lots) > 0 then
    insert into ledger.bonus_lots select * from unnest(lots);
  end if;
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
  -- What only takes, and leaves something free, changes nothing in the list.
  if cardinality(lots) = 0
    and not exists (select from unnest(v_draws) d where d.hold_id is not null or d.amount <= 0 or d.balance = d.held_balance) then
    v_guard := set_config('ledger.posting', '', true);
    return;
  end if;

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
  v_guard := set_config('ledger.posting', '', true);
end
$$;

comment on function ledger_private.write_lots(ledger.bonus_lots[], ledger.bonus_lot_draws[]) is
$$Writes new lots and what was drawn from lots, new ones included, and keeps the list of open lots. The balances of the draws are worked out
here; they come in as null.$$;

revoke all on function ledger_private.write_lots(ledger.bonus_lots[], ledger.bonus_lot_draws[]) from public;
--! EndIncluded ledger_private/write_lots.sql
--! Included ledger_private/first_expiry.sql
create or replace function ledger_private.first_expiry(head ledger.entries)
returns timestamptz
language plpgsql
stable
-- A plan that was made while the list was small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_expiry timestamptz;
begin
  if head.held_balance > 0 then
    -- What is reserved may fall due too, and then what it pins.
    return '-infinity';
  end if;
  if head.bonus_balance > 0 then
    select o.expires_at into v_expiry
      from ledger_private.open_lots o
      where o.wallet_id = head.wallet_id and o.due_at is not distinct from o.expires_at
      order by o.expires_at, o.lot_seq
      limit 1;
    if v_expiry <= head.created_at then
      -- By the wallet's own time, which may be ahead.
      return '-infinity';
    end if;
  end if;
  return v_expiry;
end
$$;

comment on function ledger_private.first_expiry(ledger.entries) is
$$When the first of a wallet's bonus credits expires, or -infinity where something may be due at any time; null where none expires. Cheap where
nobody knows of expiring credits.$$;

revoke all on function ledger_private.first_expiry(ledger.entries) from public;
--! EndIncluded ledger_private/first_expiry.sql
--! Included ledger_private/move_own_lots.sql
create or replace function ledger_private.move_own_lots(transfer ledger.transfers, other_time timestamptz)
returns void
language plpgsql
volatile
as $$
begin
  perform ledger_private.move_lots(array[transfer], array[1], array[case transfer.kind when 'bonus' then 1 else 2 end], 2);
  -- What arrived may be due already where that wallet's clock runs ahead.
  if transfer.kind = 'transfer' and other_time > transfer.created_at then
    perform ledger_private.settle(array[transfer.credit_wallet_id], transfer.created_at);
  end if;
end
$$;

comment on function ledger_private.move_own_lots(ledger.transfers, timestamptz) is
  'Does with lots what a bonus, spend or transfer asks for that is written; other_time is the other wallet''s after it.';

revoke all on function ledger_private.move_own_lots(ledger.transfers, timestamptz) from public;
--! EndIncluded ledger_private/move_own_lots.sql
--! Included ledger_private/post.sql
create or replace function ledger_private.post(
  kind ledger.transfer_kind,
  wallet_id uuid,
  counterparty_id uuid,
  house ledger.house_account,
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
  v_side ledger.entry_side := case when v_leaving then 'debit'::ledger.entry_side else 'credit' end;
  v_done boolean;
  v_used boolean;
  v_limited boolean;
  v_wallet ledger.wallets;
  v_other ledger.wallets;
  v_head ledger.entries;
  v_other_head ledger.entries;
  v_id uuid;
  v_now timestamptz;
  v_bonus bigint := 0;
  v_expiry timestamptz;
  v_entry ledger.entries;
  v_other_entry ledger.entries;
  v_transfer ledger.transfers;
  v_bytes bytea;
begin
  v_done := ledger_private.check_request(kind, wallet_id, counterparty_id, null, null, amount, idem_key, expires_at, metadata);
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
  select exists (select from ledger.transfers t where t.wallet_id = post.wallet_id and t.idem_key = post.idem_key),
    exists (select from ledger.asset_limits l where l.asset_code = v_wallet.asset_code) into v_used, v_limited;
  if v_used then
    return ledger_private.replay(row(
      null, wallet_id, idem_key, kind, null, null, counterparty_id, null, amount, amount, 0, null, null, expires_at, metadata, null, null));
  end if;
  v_id := uuidv7();
  v_now := clock_timestamp();
  select e.* into v_head from ledger.entries e where e.wallet_id = post.wallet_id order by e.seq desc limit 1;
  if counterparty_id is not null then
    select e.* into v_other_head from ledger.entries e where e.wallet_id = counterparty_id order by e.seq desc limit 1;
  end if;
  if expires_at is not null then
    perform ledger_private.check_expiry(wallet_id, expires_at, greatest(v_now, v_head.created_at));
  end if;
  if v_wallet.status <> 'open' or v_other.status <> 'open' then
    perform ledger_private.check_snapshot(array[wallet_id, counterparty_id]);
    perform ledger_private.check_status(v_wallet, v_leaving);
    perform ledger_private.check_status(v_other, false);
  end if;
  -- Only who has bonus credits or holds can have anything due.
  if greatest(v_head.bonus_balance, v_head.held_balance, v_other_head.bonus_balance, v_other_head.held_balance) > 0 then
    v_expiry := least(ledger_private.first_expiry(v_head),
      case when counterparty_id is not null then ledger_private.first_expiry(v_other_head) end);
    if v_expiry is not null and v_expiry <= v_now and ledger_private.settle(array[wallet_id, counterparty_id], v_now) then
      select e.* into v_head from ledger.entries e where e.wallet_id = post.wallet_id order by e.seq desc limit 1;
      select e.* into v_other_head from ledger.entries e where e.wallet_id = counterparty_id order by e.seq desc limit 1;
      v_id := uuidv7();
    end if;
    v_bonus := v_head.bonus_balance - case when v_head.held_balance > 0 then ledger_private.held_bonus(v_head) else 0 end;
  end if;
  v_bonus := ledger_private.bonus_part(kind, amount, v_bonus);
  v_entry := ledger_private.next_entry(v_wallet, v_head, v_side, v_id, kind, amount, v_bonus, 0, v_now);
  if counterparty_id is not null then
    v_other_entry := ledger_private.next_entry(v_other, v_other_head, 'credit', v_id, kind, amount, v_bonus, 0, v_now);
  end if;
  if v_limited or v_entry.balance < v_entry.held_balance or greatest(
      v_entry.balance, v_entry.topped_up_total, v_entry.granted_total, v_entry.spent_total, v_other_entry.balance) > 9000000000000000000 then
    perform ledger_private.judge_by_limits(v_wallet.asset_code, v_entry, v_other_entry);
  end if;
  -- The house comes last, so that replays and refusals never wait for it.
  if counterparty_id is null then
    select w.* into strict v_other from ledger.wallets w where w.asset_code = v_wallet.asset_code
      and w.house = post.house and w.stripe = ledger.wallet_stripe(post.wallet_id) for no key update;
    v_other_entry := ledger_private.opposite_entry(v_other, v_entry, v_now);
  end if;

  v_transfer := row(v_id, wallet_id, idem_key, kind, v_entry.wallet_id, v_entry.seq, v_other_entry.wallet_id, v_other_entry.seq,
    amount, amount, v_bonus, null, null, expires_at, metadata, ledger_private.actor(), v_entry.created_at);
  if not v_leaving then
    v_transfer.debit_wallet_id := v_other_entry.wallet_id;
    v_transfer.debit_seq := v_other_entry.seq;
    v_transfer.credit_wallet_id := v_entry.wallet_id;
    v_transfer.credit_seq := v_entry.seq;
  end if;
  v_bytes := ledger_private.transfer_bytes(v_transfer);
  v_entry.hash := ledger_private.link_hash(v_entry, v_bytes);
  v_other_entry.hash := ledger_private.link_hash(v_other_entry, v_bytes);
  v_done := ledger_private.write_all(array[v_transfer], array[v_entry, v_other_entry]);
  if v_bonus > 0 and (v_leaving and v_expiry is not null or expires_at is not null) then
    perform ledger_private.move_own_lots(v_transfer, v_other_entry.created_at);
  end if;
  return ledger_private.receipt(v_transfer, v_entry, false);
end
$$;

comment on function ledger_private.post(
  ledger.transfer_kind, uuid, uuid, ledger.house_account, bigint, text, timestamptz, jsonb
) is
$$Books one movement between the acting wallet and another player's wallet, or the house account where counterparty_id is null: checks, locks,
key, expiry, status, what is due, limits, funds, in the documented order of refusals, then the rows.$$;

revoke all on function ledger_private.post(
  ledger.transfer_kind, uuid, uuid, ledger.house_account, bigint, text, timestamptz, jsonb
) from public;
--! EndIncluded ledger_private/post.sql
--! Included ledger/wallet_top_up.sql
create or replace function ledger.wallet_top_up(wallet_id uuid, amount bigint, idem_key text, metadata jsonb default '{}')
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.post('top_up', wallet_id, null, 'treasury', amount, idem_key, null, metadata);
end
$$;

comment on function ledger.wallet_top_up(uuid, bigint, text, jsonb) is
$$@resultFieldName receipt
Books credits that were bought with real money: from the treasury to the wallet. Call it when the payment is certain.

- walletId: the player's wallet.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, unique within the wallet for ever. Repeating the call with the same key and the same
  arguments returns the same receipt and books nothing.
- metadata: a JSON object of at most 8192 bytes, such as the payment's reference.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_CLOSED (WLCLS), LIMIT_EXCEEDED (WLLIM).$$;

revoke all on function ledger.wallet_top_up(uuid, bigint, text, jsonb) from public;
grant execute on function ledger.wallet_top_up(uuid, bigint, text, jsonb) to wallet_service, wallet_operator, wallet_job;
--! EndIncluded ledger/wallet_top_up.sql
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
  return ledger_private.post('bonus', wallet_id, null, 'promotions', amount, idem_key, expires_at, metadata);
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
  return ledger_private.post('spend', wallet_id, null, 'revenue', amount, idem_key, null, metadata);
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
  return ledger_private.post('transfer', from_wallet, to_wallet, null, amount, idem_key, null, metadata);
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

  v_draws := array(select d from ledger_private.closing_draws(wallet_id, hold_id, v_entry.seq, v_transfer.bonus_amount) d);
  v_expired := ledger_private.lock_breakage(v_wallet, v_draws, v_entry.created_at);
  v_house_entry := ledger_private.opposite_entry(ledger_private.lock_house('revenue', v_wallet), v_entry, v_prepared.at_time);
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
  v_expired := ledger_private.lock_breakage(v_prepared.wallet, v_plan.draws, v_entry.created_at);
  select w.* into v_other from ledger.wallets w where w.id = v_other.id for no key update;
  v_other_entry := ledger_private.opposite_entry(v_other, v_entry, v_prepared.at_time);
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
    where head.held_balance > 0 and exists (select from ledger_private.open_holds o
        where o.wallet_id = u.wallet_id and coalesce(o.expires_at, 'infinity') <= greatest(at_time, head.created_at))
      or head.bonus_balance > 0 and exists (select from ledger_private.open_lots o
        where o.wallet_id = u.wallet_id and o.expires_at <= greatest(at_time, head.created_at)
          and o.due_at is not distinct from o.expires_at)
  )
$$;

comment on function ledger_private.has_due(uuid[], timestamptz) is
  'Whether any of these wallets has a hold or a lot that is due: by the clock, or by the wallet''s own time where that is ahead.';

revoke all on function ledger_private.has_due(uuid[], timestamptz) from public;
--! EndIncluded ledger_private/has_due.sql
--! Included ledger_private/heads.sql
create or replace function ledger_private.heads(wallets ledger.wallets[])
returns ledger.entries[]
language sql
stable
-- One plan for all numbers of wallets, which looks each one up.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
  select array(select (select e from ledger.entries e where e.wallet_id = w.id order by e.seq desc limit 1) from unnest(wallets) w)
$$;

comment on function ledger_private.heads(ledger.wallets[]) is 'The newest entry of each of these wallets, in their order; null where there is none.';

revoke all on function ledger_private.heads(ledger.wallets[]) from public;
--! EndIncluded ledger_private/heads.sql
--! Included ledger_private/lock_batch.sql
create or replace function ledger_private.lock_batch(requests ledger.wallet_request[])
returns ledger_private.batch
language plpgsql
volatile
-- One plan for all sizes of batch, which looks up by index: for each another would cost more than it gains.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_batch ledger_private.batch;
  v_ids uuid[];
  v_kinds ledger.transfer_kind[];
  v_assets text[];
  v_accounts ledger.house_account[];
  v_houses ledger.wallets[];
begin
  select array_agg(r.wallet_id) || array_agg(r.counterparty_id), array_agg(r.kind) into v_ids, v_kinds from unnest(requests) r;
  v_ids := array(select distinct u from unnest(v_ids) u where u is not null);
  v_assets := array(select distinct w.asset_code from ledger.wallets w where w.id = any (v_ids));
  v_accounts := array(select distinct ledger_private.house_account(k) from unnest(v_kinds) k);
  if ledger_private.has_due(v_ids, clock_timestamp()) then
    v_accounts := v_accounts || 'breakage'::ledger.house_account;
  end if;
  v_houses := array(
    select w from ledger.wallets w
      where w.asset_code = any (v_assets) and w.house = any (v_accounts) and w.stripe = 32
      order by w.id
      for no key update);
  v_batch.wallets := array(select w from ledger.wallets w where w.id = any (v_ids) and w.house is null order by w.id for no key update)
    || v_houses;
  v_batch.at_time := clock_timestamp();
  return v_batch;
end
$$;

comment on function ledger_private.lock_batch(ledger.wallet_request[]) is
$$Locks what a batch moves, in the one order that all calls keep: the house's stripes for batches, then players, each by ascending id. Breakage is
among them only where something is due. Returns them, players first, and the instant from which on nobody else moves them: the batch's now.$$;

revoke all on function ledger_private.lock_batch(ledger.wallet_request[]) from public;
--! EndIncluded ledger_private/lock_batch.sql
--! Included ledger_private/batch_requests.sql
create or replace function ledger_private.batch_requests(requests ledger.wallet_request[], at_time timestamptz)
returns ledger.transfers[]
language sql
volatile
as $$
  select array(select row(
      uuidv7(), r.wallet_id, r.idem_key, r.kind, null, null, r.counterparty_id, null, r.amount, r.amount, 0, null, null, r.expires_at,
      coalesce(r.metadata, '{}'), ledger_private.actor(), at_time
    )::ledger.transfers
    from unnest(requests) r)
$$;

comment on function ledger_private.batch_requests(ledger.wallet_request[], timestamptz) is
  'The requests of a batch in the shape that single calls give theirs: that of the movements they ask for.';

revoke all on function ledger_private.batch_requests(ledger.wallet_request[], timestamptz) from public;
--! EndIncluded ledger_private/batch_requests.sql
--! Included ledger_private/number_batch.sql
create or replace function ledger_private.number_batch(requests ledger.transfers[], wallets ledger.wallets[])
returns ledger_private.batch_numbers
language sql
stable
-- One plan for all sizes of batch: arrays are joined by hash, and tables read by index, however few rows are expected of them.
set plan_cache_mode = force_generic_plan
set enable_nestloop = off
set enable_seqscan = off
as $$
  with items as (
    select r.kind, ledger_private.house_account(r.kind) as house, r.wallet_id, r.credit_wallet_id, r.amount, r.place,
      min(r.place) over (partition by r.wallet_id, r.idem_key)::int as first_place,
      exists (select from ledger.transfers t where t.wallet_id = r.wallet_id and t.idem_key = r.idem_key) as used
    from unnest(requests) with ordinality r (id, wallet_id, idem_key, kind, debit_wallet_id, debit_seq, credit_wallet_id, credit_seq,
      requested_amount, amount, bonus_amount, reverses, hold_id, expires_at, metadata, actor, created_at, place)
  ), numbers as materialized (
    select w.id, w.asset_code, w.house, w.status = 'open' as open, w.number
    from unnest(wallets) with ordinality w (id, owner_id, asset_code, normal_side, house, stripe, status, created_at, number)
  )
  select row(
    array_agg(a.number order by i.place),
    array_agg(case when i.kind = 'transfer' then c.number else h.number end order by i.place),
    array_agg(i.first_place order by i.place),
    array_agg(i.used order by i.place),
    array_agg((not a.open or i.used or i.first_place < i.place
      or case when i.kind = 'transfer' then not c.open or c.asset_code <> a.asset_code else i.credit_wallet_id is not null end
      ) is not false order by i.place),
    sum(i.amount)
  )::ledger_private.batch_numbers
  from items i
  left join numbers a on a.id = i.wallet_id and a.house is null
  left join numbers c on c.id = i.credit_wallet_id and c.house is null
  left join numbers h on h.asset_code = a.asset_code and h.house = i.house
$$;

comment on function ledger_private.number_batch(ledger.transfers[], ledger.wallets[]) is
$$For each request of a batch, by place: the numbers of its two wallets among these (null where one is not there), the place of the first one with
its key, whether that key has been used before, and whether anything about it but limits and funds may be refused or not be booked: what is
not odd needs no further look.$$;

revoke all on function ledger_private.number_batch(ledger.transfers[], ledger.wallets[]) from public;
--! EndIncluded ledger_private/number_batch.sql
--! Included ledger_private/load_batch.sql
create or replace function ledger_private.load_batch(requests ledger.transfers[], batch ledger_private.batch)
returns ledger_private.batch
language plpgsql
volatile
-- One plan for all sizes of batch, which looks up by index: for each another would cost more than it gains.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_wallets ledger.wallets[] := batch.wallets;
  v_heads ledger.entries[];
  v_limits ledger.asset_limits[];
  v_day_before ledger.entries[];
  v_numbers ledger_private.batch_numbers;
  v_rich uuid[];
begin
  v_numbers := ledger_private.number_batch(requests, v_wallets);
  v_heads := ledger_private.heads(v_wallets);

  -- Only who has bonus credits or holds can have anything due; and a repetition books nothing, not even that.
  v_rich := array(
    select distinct (v_heads[n]).wallet_id
      from unnest(v_numbers.numbers, v_numbers.other_numbers, v_numbers.used) i (number, other_number, used)
      cross join unnest(array[i.number, i.other_number]) n
      where not i.used and (v_wallets[n]).house is null and greatest((v_heads[n]).bonus_balance, (v_heads[n]).held_balance) > 0);
  if cardinality(v_rich) > 0 then
    if ledger_private.has_due(v_rich, batch.at_time) then
      -- Where it fell due while locks were waited for, breakage comes out of order: so nobody may wait for it, 55P03 says to try again.
      perform from ledger.wallets w
        where w.stripe = 32 and w.house = 'breakage' and w.asset_code = any (array(select distinct p.asset_code from unnest(v_wallets) p))
        order by w.id
        for no key update nowait;
      perform ledger_private.settle(v_rich, batch.at_time, 32);
      v_heads := ledger_private.heads(v_wallets);
    end if;
  end if;
  if exists (select from ledger.asset_limits l where l.asset_code in (select w.asset_code from unnest(v_wallets) w)) then
    v_limits := array(
      select (select l from ledger.asset_limits l where l.asset_code = w.asset_code order by l.seq desc limit 1) from unnest(v_wallets) w);
    v_day_before := array(
      select case when num_nonnulls((v_limits[n]).max_daily_top_up, (v_limits[n]).max_daily_bonus, (v_limits[n]).max_daily_spend) > 0 then
          ledger_private.entry_at((v_heads[n]).wallet_id, greatest(batch.at_time, (v_heads[n]).created_at) - interval '24 hours') end
        from generate_series(1, cardinality(v_wallets)) n);
  end if;
  return row(batch.at_time, v_wallets, v_heads, v_limits, v_day_before, v_numbers);
end
$$;

comment on function ledger_private.load_batch(ledger.transfers[], ledger_private.batch) is
$$What a batch is judged by, once its wallets are locked: those of them that are there and the house's, with their heads and, where there are any,
limits; and what is to be known of each request. Books what is due in wallets that something is to be booked for.$$;

revoke all on function ledger_private.load_batch(ledger.transfers[], ledger_private.batch) from public;
--! EndIncluded ledger_private/load_batch.sql
--! Included ledger_private/well_formed.sql
create or replace function ledger_private.well_formed(requests ledger.transfers[])
returns boolean
language plpgsql
immutable
as $$
begin
  perform from unnest(requests) r
    where not ledger_private.check_request(case when r.kind in ('top_up', 'bonus', 'spend', 'transfer') then r.kind end, r.wallet_id,
      r.credit_wallet_id, null, null, r.amount, r.idem_key, r.expires_at, r.metadata);
  return true;
exception when others then
  return false;
end
$$;

comment on function ledger_private.well_formed(ledger.transfers[]) is
'Whether check_request has nothing against any request of a batch. If it has, those before may be refused for another reason.';

revoke all on function ledger_private.well_formed(ledger.transfers[]) from public;
--! EndIncluded ledger_private/well_formed.sql
--! Included ledger_private/start_plan.sql
create or replace function ledger_private.start_plan(batch ledger_private.batch)
returns ledger_private.batch_plan
language plpgsql
stable
as $$
declare
  v_plan ledger_private.batch_plan;
begin
  select array_agg(coalesce(h.held_balance, 0)),
      array_agg(case when h.held_balance > 0 then ledger_private.held_bonus(batch.heads[h.number]) else 0 end),
      array_agg(greatest(batch.at_time, h.created_at)), array_agg(h.number), array_agg(coalesce(h.seq, 0)), array_agg(coalesce(h.balance, 0)),
      array_agg(coalesce(h.bonus_balance, 0)), array_agg(coalesce(h.topped_up_total, 0)), array_agg(coalesce(h.granted_total, 0)),
      array_agg(coalesce(h.spent_total, 0)),
      -- Whether a limit, or the end of what is counted, may be reached.
      coalesce(cardinality(batch.limits) > 0 or max(greatest(h.balance, h.topped_up_total, h.granted_total, h.spent_total))
        + (batch.numbers).total > 9000000000000000000, true)
    into v_plan.held_balances, v_plan.held_bonus, v_plan.times, v_plan.befores, v_plan.seqs, v_plan.balances,
      v_plan.bonus_balances, v_plan.topped_up_totals, v_plan.granted_totals, v_plan.spent_totals, v_plan.judged
    from unnest(batch.heads) with ordinality h (wallet_id, seq, transfer_id, kind, side, amount, bonus_amount, held_amount, balance,
      bonus_balance, held_balance, topped_up_total, granted_total, spent_total, hash, created_at, number);
  return v_plan;
end
$$;

comment on function ledger_private.start_plan(ledger_private.batch) is
$$A plan of nothing yet: its rows are the heads, zero for a wallet without entries. It tells whether each movement is to be judged, because a limit
or the end of what is counted may be reached.$$;

revoke all on function ledger_private.start_plan(ledger_private.batch) from public;
--! EndIncluded ledger_private/start_plan.sql
--! Included ledger_private/plan_batch.sql
create or replace function ledger_private.plan_batch(requests ledger.transfers[], batch ledger_private.batch)
returns ledger_private.batch_plan
language plpgsql
volatile
-- One plan for all sizes of batch: for each another would cost more than it gains.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_plan ledger_private.batch_plan := ledger_private.start_plan(batch);
  -- By row: the heads, by number of their wallet, then two for each movement. (Arrays of their own are changed in place.)
  v_other int := cardinality(batch.wallets);
  v_row int;
  v_befores int[] := v_plan.befores;
  v_seqs bigint[] := v_plan.seqs;
  v_balances bigint[] := v_plan.balances;
  v_bonus_balances bigint[] := v_plan.bonus_balances;
  v_topped_up bigint[] := v_plan.topped_up_totals;
  v_granted bigint[] := v_plan.granted_totals;
  v_spent bigint[] := v_plan.spent_totals;
  -- By number of the wallet: the row of its newest entry; and what does not change in a batch.
  v_newest int[] := v_plan.befores;
  v_held bigint[] := v_plan.held_balances;
  v_held_bonus bigint[] := v_plan.held_bonus;
  v_times timestamptz[] := v_plan.times;
  v_wallets ledger.wallets[] := batch.wallets;
  v_limits ledger.asset_limits[] := batch.limits;
  v_day_before ledger.entries[] := batch.day_before;
  -- By place of the request.
  v_used boolean[] := (batch.numbers).used;
  v_first_places int[] := (batch.numbers).first_places;
  v_bonus_amounts bigint[] := array_fill(null::bigint, array[cardinality(requests)]);
  v_well_formed boolean := ledger_private.well_formed(requests);
  v_item record;
  v_request ledger.transfers;
  v_first ledger.transfers;
  v_bonus bigint;
  v_entry ledger.entries;
  v_other_entry ledger.entries;
  v_detail text;
  v_hint text;
begin
  for v_item in
    select r.place::int, r.id, r.kind, r.amount, r.number, r.other_number,
        r.odd or not v_well_formed or coalesce(r.expires_at <= v_times[r.number], false) as odd,
        case when r.kind in ('spend', 'transfer') then -1 else 1 end as sign,
        case r.kind when 'top_up' then r.amount else 0 end as topped_up,
        case r.kind when 'bonus' then r.amount else 0 end as granted,
        case r.kind when 'spend' then r.amount else 0 end as spent
      from unnest(requests, (batch.numbers).numbers, (batch.numbers).other_numbers, (batch.numbers).odd)
        with ordinality r (id, wallet_id, idem_key, kind, debit_wallet_id, debit_seq, credit_wallet_id, credit_seq, requested_amount, amount,
          bonus_amount, reverses, hold_id, expires_at, metadata, actor, created_at, number, other_number, odd, place)
  loop
    if v_item.odd then
      v_request := requests[v_item.place];
      v_first := case
        when v_used[v_item.place] then
          (select t from ledger.transfers t where t.wallet_id = v_request.wallet_id and t.idem_key = v_request.idem_key)
        when v_first_places[v_item.place] < v_item.place then requests[v_first_places[v_item.place]] end;
      continue when not ledger_private.check_batch_item(v_request, v_wallets[v_item.number],
        case when v_item.kind = 'transfer' then v_wallets[v_item.other_number] end, v_first, v_times[v_item.number]);
    end if;

    v_row := v_other + 1;
    v_other := v_other + 2;
    v_befores[v_row] := v_newest[v_item.number];
    v_befores[v_other] := v_newest[v_item.other_number];
    v_newest[v_item.number] := v_row;
    v_newest[v_item.other_number] := v_other;
    v_bonus := ledger_private.bonus_part(v_item.kind, v_item.amount, v_bonus_balances[v_befores[v_row]] - v_held_bonus[v_item.number]);
    v_bonus_amounts[v_item.place] := v_bonus;
    v_seqs[v_row] := v_seqs[v_befores[v_row]] + 1;
    v_seqs[v_other] := v_seqs[v_befores[v_other]] + 1;
    v_balances[v_row] := v_balances[v_befores[v_row]] + v_item.sign * v_item.amount;
    v_balances[v_other] := v_balances[v_befores[v_other]] + v_item.amount;
    v_bonus_balances[v_row] := v_bonus_balances[v_befores[v_row]] + v_item.sign * v_bonus;
    v_bonus_balances[v_other] := v_bonus_balances[v_befores[v_other]] + v_bonus;
    v_topped_up[v_row] := v_topped_up[v_befores[v_row]] + v_item.topped_up;
    v_topped_up[v_other] := v_topped_up[v_befores[v_other]] + v_item.topped_up;
    v_granted[v_row] := v_granted[v_befores[v_row]] + v_item.granted;
    v_granted[v_other] := v_granted[v_befores[v_other]] + v_item.granted;
    v_spent[v_row] := v_spent[v_befores[v_row]] + v_item.spent;
    v_spent[v_other] := v_spent[v_befores[v_other]] + v_item.spent;
    if v_plan.judged or v_balances[v_row] < v_held[v_item.number] then
      v_entry := row(v_wallets[v_item.number].id, v_seqs[v_row], v_item.id, v_item.kind, case v_item.sign when 1 then 'credit' else 'debit' end,
        v_item.amount, v_bonus, 0, v_balances[v_row], v_bonus_balances[v_row], v_held[v_item.number], v_topped_up[v_row], v_granted[v_row],
        v_spent[v_row], null, v_times[v_item.number]);
      v_other_entry := row(v_wallets[v_item.other_number].id, v_seqs[v_other], v_item.id, v_item.kind,
        case v_item.sign when 1 then 'debit' else 'credit' end, v_item.amount, v_bonus, 0, v_balances[v_other], v_bonus_balances[v_other],
        v_held[v_item.other_number], v_topped_up[v_other], v_granted[v_other], v_spent[v_other], null, v_times[v_item.other_number]);
      perform ledger_private.judge(v_entry, case when v_item.kind = 'transfer' then v_other_entry end,
        v_limits[v_item.number], v_day_before[v_item.number]);
      if v_other_entry.balance > 9000000000000000000 then
        perform ledger_private.refuse_overflow(v_other_entry);
      end if;
    end if;
  end loop;
  return row(v_bonus_amounts, v_plan.judged, v_held, v_held_bonus, v_times, v_befores, v_seqs, v_balances, v_bonus_balances,
    v_topped_up, v_granted, v_spent);
exception when others then
  get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
  if sqlstate like 'WL%' then
    perform ledger_private.refuse(sqlstate, sqlerrm, v_detail::jsonb || jsonb_build_object('index', v_item.place - 1), v_hint);
  end if;
  raise;
end
$$;

comment on function ledger_private.plan_batch(ledger.transfers[], ledger_private.batch) is
$$What a batch will book: judges its requests one after the other in memory, by the rules of single calls and in their order, each upon the balances
that those before it leave. Refuses as a single call would, with the index of the item in the detail. The wallets are locked.$$;

revoke all on function ledger_private.plan_batch(ledger.transfers[], ledger_private.batch) from public;
--! EndIncluded ledger_private/plan_batch.sql
--! Included ledger_private/move_batch_lots.sql
create or replace function ledger_private.move_batch_lots(
  transfers ledger.transfers[],
  numbers int[],
  other_numbers int[],
  batch ledger_private.batch
)
returns void
language plpgsql
volatile
as $$
declare
  v_moving ledger.transfers[];
  v_from_numbers int[];
  v_to_numbers int[];
begin
  -- What is granted without an expiry is in no lot.
  select array_agg(m.t), array_agg(numbers[m.n]), array_agg(case when (m.t).kind = 'bonus' then numbers[m.n] else other_numbers[m.n] end)
    into v_moving, v_from_numbers, v_to_numbers
    from (select t, row_number() over () as n from unnest(transfers) t) m
    where (m.t).bonus_amount > 0 and ((m.t).kind <> 'bonus' or (m.t).expires_at is not null);
  if v_moving is not null then
    perform ledger_private.move_lots(v_moving, v_from_numbers, v_to_numbers, cardinality(batch.wallets));
    -- Where a wallet's own clock runs ahead, what arrived may have expired there already, and items after it were judged upon it.
    if ledger_private.has_due(array(select distinct t.credit_wallet_id from unnest(v_moving) t where t.kind = 'transfer'), batch.at_time) then
      perform ledger_private.refuse_stale();
    end if;
  end if;
end
$$;

comment on function ledger_private.move_batch_lots(ledger.transfers[], int[], int[], ledger_private.batch) is
$$Moves what a batch's movements, with the numbers of their wallets, move between lots; 40001 where something that arrived is due at once.$$;

revoke all on function ledger_private.move_batch_lots(ledger.transfers[], int[], int[], ledger_private.batch) from public;
--! EndIncluded ledger_private/move_batch_lots.sql
--! Included ledger_private/write_batch.sql
create or replace function ledger_private.write_batch(
  requests ledger.transfers[],
  batch ledger_private.batch,
  plan ledger_private.batch_plan
)
returns ledger.receipt[]
language plpgsql
volatile
-- One plan for all sizes of batch: for each another would cost more than it gains.
set plan_cache_mode = force_generic_plan
as $$
declare
  -- By number of the wallet.
  v_ids uuid[] := array(select w.id from unnest(batch.wallets) w);
  v_held bigint[] := plan.held_balances;
  v_times timestamptz[] := plan.times;
  -- By row: the heads, then the entries. What is in an array is taken from it by place, which costs less than to unnest rows.
  v_heads int := cardinality(v_ids);
  v_befores int[] := plan.befores;
  v_seqs bigint[] := plan.seqs;
  v_balances bigint[] := plan.balances;
  v_bonus_balances bigint[] := plan.bonus_balances;
  v_topped_up bigint[] := plan.topped_up_totals;
  v_granted bigint[] := plan.granted_totals;
  v_spent bigint[] := plan.spent_totals;
  v_hashes bytea[] := array(select h.hash from unnest(batch.heads) h);
  -- By movement.
  v_transfers ledger.transfers[];
  v_transfer_ids uuid[];
  v_kinds ledger.transfer_kind[];
  v_amounts bigint[];
  v_bonus_amounts bigint[];
  v_numbers int[];
  v_other_numbers int[];
  v_bytes bytea[];
  -- By entry: two for each movement, the acting wallet's first.
  v_entry_numbers int[];
  v_sides ledger.entry_side[];
  v_links bytea[];
  v_guard text;
begin
  select array_agg(row(i.id, i.wallet_id, i.idem_key, i.kind,
        case when i.leaving then i.wallet_id else v_ids[i.other_number] end, v_seqs[case when i.leaving then i.row - 1 else i.row end],
        case when i.leaving then v_ids[i.other_number] else i.wallet_id end, v_seqs[case when i.leaving then i.row else i.row - 1 end],
        i.amount, i.amount, i.bonus_part, null, null, i.expires_at, i.metadata, i.actor, v_times[i.number])::ledger.transfers),
      array_agg(i.id), array_agg(i.kind), array_agg(i.amount), array_agg(i.bonus_part), array_agg(i.number), array_agg(i.other_number)
    into v_transfers, v_transfer_ids, v_kinds, v_amounts, v_bonus_amounts, v_numbers, v_other_numbers
    from (
      select r.*, r.kind in ('spend', 'transfer') as leaving, v_heads + 2 * (row_number() over ())::int as row
        from unnest(requests, (batch.numbers).numbers, (batch.numbers).other_numbers, plan.bonus_amounts)
          as r (id, wallet_id, idem_key, kind, debit_wallet_id, debit_seq, credit_wallet_id, credit_seq, requested_amount, amount,
            bonus_amount, reverses, hold_id, expires_at, metadata, actor, created_at, number, other_number, bonus_part)
        where r.bonus_part is not null
    ) i;
  if v_transfers is null then
    return '{}';
  end if;
  v_entry_numbers := array(
    select case n % 2 when 1 then v_numbers[(n + 1) / 2] else v_other_numbers[n / 2] end from generate_series(1, 2 * cardinality(v_numbers)) n);
  v_sides := array(
    select case when (n % 2 = 1) = (v_kinds[(n + 1) / 2] in ('spend', 'transfer')) then 'debit'::ledger.entry_side else 'credit' end
      from generate_series(1, 2 * cardinality(v_numbers)) n);
  v_bytes := array(select ledger_private.transfer_bytes(t) from unnest(v_transfers) t);
  v_links := array(
    select ledger_private.entry_bytes(row(e.wallet_id, e.seq, e.transfer_id, e.kind, e.side, e.amount, e.bonus_amount, 0, e.balance,
        e.bonus_balance, e.held_balance, e.topped_up_total, e.granted_total, e.spent_total, null, e.created_at)::ledger.entries, e.bytes)
      from (
        select v_ids[s.number] as wallet_id, v_seqs[v_heads + s.n] as seq, v_transfer_ids[s.place] as transfer_id,
            v_kinds[s.place] as kind, v_sides[s.n] as side, v_amounts[s.place] as amount, v_bonus_amounts[s.place] as bonus_amount,
            v_balances[v_heads + s.n] as balance, v_bonus_balances[v_heads + s.n] as bonus_balance, v_held[s.number] as held_balance,
            v_topped_up[v_heads + s.n] as topped_up_total, v_granted[v_heads + s.n] as granted_total, v_spent[v_heads + s.n] as spent_total,
            v_times[s.number] as created_at, v_bytes[s.place] as bytes
          from (select n, (n + 1) / 2 as place, v_entry_numbers[n] as number from generate_series(1, cardinality(v_entry_numbers)) n) s
        offset 0
      ) e);
  for i in 1 .. cardinality(v_links) loop
    v_hashes[v_heads + i] := ledger_private.entry_hash(v_hashes[v_befores[v_heads + i]], v_links[i]);
  end loop;

  -- As in write_all.
  if current_setting('transaction_isolation') <> 'read committed' then
    perform ledger_private.check_snapshot(array(select distinct v_ids[n] from unnest(v_entry_numbers) n));
  end if;
  v_guard := set_config('ledger.posting', 'on', true);
  insert into ledger.entries
    select v_ids[s.number], v_seqs[v_heads + s.n], v_transfer_ids[s.place], v_kinds[s.place], v_sides[s.n], v_amounts[s.place],
        v_bonus_amounts[s.place], 0, v_balances[v_heads + s.n], v_bonus_balances[v_heads + s.n], v_held[s.number],
        v_topped_up[v_heads + s.n], v_granted[v_heads + s.n], v_spent[v_heads + s.n], v_hashes[v_heads + s.n], v_times[s.number]
      from (select n, (n + 1) / 2 as place, v_entry_numbers[n] as number from generate_series(1, cardinality(v_entry_numbers)) n) s;
  insert into ledger.transfers select * from unnest(v_transfers);
  v_guard := set_config('ledger.posting', '', true);
  perform ledger_private.move_batch_lots(v_transfers, v_numbers, v_other_numbers, batch);
  return array(
    select row(v_transfer_ids[s.n], v_ids[s.number], v_seqs[s.row], v_kinds[s.n], v_amounts[s.n], v_bonus_amounts[s.n], v_balances[s.row],
        v_bonus_balances[s.row], v_held[s.number], v_balances[s.row] - v_held[s.number], null, false, v_times[s.number])::ledger.receipt
      from (select n, v_numbers[n] as number, v_heads + 2 * n - 1 as row from generate_series(1, cardinality(v_transfers)) n) s);
end
$$;

comment on function ledger_private.write_batch(ledger.transfers[], ledger_private.batch, ledger_private.batch_plan) is
$$Writes what was planned: the movements, their entries with their hashes, that of the acting wallet first, and what moves between lots. Returns a
receipt for each movement, in their order.$$;

revoke all on function ledger_private.write_batch(ledger.transfers[], ledger_private.batch, ledger_private.batch_plan) from public;
--! EndIncluded ledger_private/write_batch.sql
--! Included ledger_private/batch_receipts.sql
create or replace function ledger_private.batch_receipts(
  requests ledger.transfers[],
  booked ledger.receipt[],
  bonus_amounts bigint[],
  first_places int[]
)
returns ledger.receipt[]
language plpgsql
stable
as $$
declare
  v_receipts ledger.receipt[] := '{}';
  v_booked int := 0;
begin
  for v_place in 1 .. cardinality(first_places) loop
    if bonus_amounts[v_place] is not null then
      v_booked := v_booked + 1;
      v_receipts[v_place] := booked[v_booked];
    elsif first_places[v_place] < v_place then
      v_receipts[v_place] := v_receipts[first_places[v_place]];
      v_receipts[v_place].replayed := true;
    else
      v_receipts[v_place] := ledger_private.replay(requests[v_place]);
    end if;
  end loop;
  return v_receipts;
end
$$;

comment on function ledger_private.batch_receipts(ledger.transfers[], ledger.receipt[], bigint[], int[]) is
$$A receipt for each request of a batch that repeats some, in their order: from those of what it booked, and those of then for what had been booked
before.$$;

revoke all on function ledger_private.batch_receipts(ledger.transfers[], ledger.receipt[], bigint[], int[]) from public;
--! EndIncluded ledger_private/batch_receipts.sql
--! Included ledger/wallet_post_batch.sql
create or replace function ledger.wallet_post_batch(requests ledger.wallet_request[])
returns setof ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_requests ledger.transfers[];
  v_batch ledger_private.batch;
  v_plan ledger_private.batch_plan;
  v_receipts ledger.receipt[];
begin
  if requests is null or cardinality(requests) > 10000 or array_ndims(requests) > 1 then
    perform ledger_private.refuse_argument('requests', 'Send a list of at most 10000 requests.',
      jsonb_build_object('length', cardinality(requests), 'max', 10000));
  end if;
  v_batch := ledger_private.lock_batch(requests);
  v_requests := ledger_private.batch_requests(requests, v_batch.at_time);
  v_batch := ledger_private.load_batch(v_requests, v_batch);
  v_plan := ledger_private.plan_batch(v_requests, v_batch);
  v_receipts := ledger_private.write_batch(v_requests, v_batch, v_plan);
  if cardinality(v_receipts) < cardinality(requests) then
    v_receipts := ledger_private.batch_receipts(v_requests, v_receipts, v_plan.bonus_amounts, (v_batch.numbers).first_places);
  end if;
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

reset role;
