--! Previous: sha1:af65d20aceff0490846bf7d73f5ef46a0066ec87
--! Hash: sha1:101bc9326957e091430cc4d730b1461830e32477
--! Message: faster-batches-short-refusals

-- Enter migration here

-- Batches made cheap: facts in columns from the start, and nothing done about lots where there are none.

set local role wallet_owner;

drop function ledger_private.batch_requests(ledger.wallet_request[], timestamptz);
drop function ledger_private.heads(ledger.wallets[]);
drop function ledger_private.start_plan(ledger_private.batch);
drop function ledger_private.well_formed(ledger.transfers[]);
drop function ledger_private.number_batch(ledger.transfers[], ledger.wallets[]);
drop function ledger_private.check_batch_item(ledger.transfers, ledger.wallets, ledger.wallets, ledger.transfers, timestamptz);
drop function ledger_private.lock_batch(ledger.wallet_request[]);
drop function ledger_private.load_batch(ledger.transfers[], ledger_private.batch);
drop function ledger_private.plan_batch(ledger.transfers[], ledger_private.batch);
drop function ledger_private.write_batch(ledger.transfers[], ledger_private.batch, ledger_private.batch_plan);
drop function ledger_private.move_batch_lots(ledger.transfers[], int[], int[], ledger_private.batch);
drop function ledger_private.batch_receipts(ledger.transfers[], ledger.receipt[], bigint[], int[]);
drop type ledger_private.batch;
drop type ledger_private.batch_plan;
drop type ledger_private.batch_numbers;

-- Of each request of a batch, by place: what number_batch finds out; and of all of them.
create type ledger_private.batch_numbers as (
  numbers int[],
  other_numbers int[],
  first_places int[],
  used boolean[],
  odd boolean[],
  total numeric,
  expiring boolean
);
-- Of each wallet, by number: what its newest entry says.
create type ledger_private.batch_heads as (
  numbers int[],
  times timestamptz[],
  hashes bytea[],
  seqs bigint[],
  balances bigint[],
  bonus_balances bigint[],
  held_balances bigint[],
  held_bonus bigint[],
  topped_up_totals bigint[],
  granted_totals bigint[],
  spent_totals bigint[],
  largest bigint
);
-- What a batch is judged by: its now, what there is by number of the wallet, what by place of the request, whether each
-- movement is to be judged, and whether lots may move.
create type ledger_private.batch as (
  at_time timestamptz,
  assets text[],
  wallets ledger.wallets[],
  ids uuid[],
  heads ledger_private.batch_heads,
  limits ledger.asset_limits[],
  day_before ledger.entries[],
  numbers ledger_private.batch_numbers,
  judged boolean,
  lots boolean
);
-- What it books: by place; and by row, which are the heads, by number, and then the entries, two for each movement.
create type ledger_private.batch_plan as (
  rows int[],
  bonus_amounts bigint[],
  numbers int[],
  befores int[],
  seqs bigint[],
  balances bigint[],
  bonus_balances bigint[],
  topped_up_totals bigint[],
  granted_totals bigint[],
  spent_totals bigint[]
);

--! Included ledger_private/with_open.sql
create or replace function ledger_private.with_open(wallet_ids uuid[])
returns uuid[]
language sql
stable
-- Nor may a plan that was made while the lists were empty, and reads all of them, outlive that.
set enable_seqscan = off
as $$
  select array(
    select o.wallet_id from ledger_private.open_lots o where o.wallet_id = any (wallet_ids)
    union
    select o.wallet_id from ledger_private.open_holds o where o.wallet_id = any (wallet_ids))
$$;

comment on function ledger_private.with_open(uuid[]) is
  'Which of these wallets have an open hold or lot: nothing can be due, or be drawn from a lot, in the others.';

revoke all on function ledger_private.with_open(uuid[]) from public;
--! EndIncluded ledger_private/with_open.sql
--! Included ledger_private/batch_request.sql
create or replace function ledger_private.batch_request(request ledger.wallet_request)
returns ledger.transfers
language sql
volatile
as $$
  select row(uuidv7(), request.wallet_id, request.idem_key, request.kind, null, null, request.counterparty_id, null, request.amount, request.amount,
    0, null, null, request.expires_at, coalesce(request.metadata, '{}'), null, null)::ledger.transfers
$$;

comment on function ledger_private.batch_request(ledger.wallet_request) is
  'A request of a batch in the shape that single calls give theirs: that of the movement it asks for.';

revoke all on function ledger_private.batch_request(ledger.wallet_request) from public;
--! EndIncluded ledger_private/batch_request.sql
--! Included ledger_private/check_batch_item.sql
create or replace function ledger_private.check_batch_item(
  request ledger.wallet_request,
  wallet ledger.wallets,
  other ledger.wallets,
  used boolean,
  first ledger.wallet_request,
  wallet_time timestamptz
)
returns boolean
language plpgsql
volatile
as $$
declare
  v_first ledger.transfers;
begin
  if wallet.id is null or other.id is distinct from request.counterparty_id then
    perform ledger_private.refuse_wallet(case when wallet.id is null then request.wallet_id else request.counterparty_id end);
  end if;
  if other.asset_code <> wallet.asset_code then
    perform ledger_private.refuse_assets(wallet.asset_code, other.asset_code);
  end if;
  if used then
    select t.* into strict v_first from ledger.transfers t where t.wallet_id = request.wallet_id and t.idem_key = request.idem_key;
  elsif first.kind is not null then
    v_first := ledger_private.batch_request(first);
  end if;
  if v_first.id is not null then
    perform ledger_private.check_replay(v_first, ledger_private.batch_request(request));
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

comment on function ledger_private.check_batch_item(
  ledger.wallet_request, ledger.wallets, ledger.wallets, boolean, ledger.wallet_request, timestamptz
) is
$$Whether an item of a batch is to be booked: true; false where it repeats first, the first request of its key; or refuses it as a single call would,
for another reason than the request itself, limits or funds. The wallets are null where they are not there.$$;

revoke all on function ledger_private.check_batch_item(
  ledger.wallet_request, ledger.wallets, ledger.wallets, boolean, ledger.wallet_request, timestamptz
) from public;
--! EndIncluded ledger_private/check_batch_item.sql
--! Included ledger_private/number_batch.sql
create or replace function ledger_private.number_batch(requests ledger.wallet_request[], wallets ledger.wallets[])
returns ledger_private.batch_numbers
language sql
stable
-- One plan for all sizes of batch: arrays are joined by hash, and tables read by index, however few rows are expected of them.
set plan_cache_mode = force_generic_plan
set enable_nestloop = off
set enable_seqscan = off
as $$
  with items as materialized (
    select r.kind, ledger_private.house_account(r.kind) as house, r.wallet_id, r.counterparty_id, r.amount, r.idem_key, r.expires_at, r.place,
      exists (select from ledger.transfers t where t.wallet_id = r.wallet_id and t.idem_key = r.idem_key) as used
    from unnest(requests) with ordinality r (kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata, place)
  ), repeated as (
    select i.wallet_id, i.idem_key, min(i.place) as first_place from items i group by i.wallet_id, i.idem_key having count(*) > 1
  ), numbers as materialized (
    select w.id, w.asset_code, w.house, w.status = 'open' as open, w.number
    from unnest(wallets) with ordinality w (id, owner_id, asset_code, normal_side, house, stripe, status, created_at, number)
  )
  -- Few and narrow columns, because these are sorted.
  select row(
    array_agg(n.number order by n.place), array_agg(n.other_number order by n.place), array_agg(n.first_place order by n.place),
    array_agg(n.used order by n.place), array_agg(n.odd order by n.place),
    -- One that is refused for its amount takes nothing off what those before it may reach.
    sum(greatest(n.amount, 0)), bool_or(n.expiring)
  )::ledger_private.batch_numbers
  from (
    select i.place, i.amount, i.expires_at is not null as expiring, i.used, coalesce(f.first_place, i.place) as first_place, a.number,
        case when i.kind = 'transfer' then c.number else h.number end as other_number,
        (not a.open or i.used or coalesce(f.first_place < i.place, false)
          or case when i.kind = 'transfer' then not c.open or c.asset_code <> a.asset_code else i.counterparty_id is not null end
        ) is not false as odd
      from items i
      left join repeated f on f.wallet_id = i.wallet_id and f.idem_key = i.idem_key
      left join numbers a on a.id = i.wallet_id and a.house is null
      left join numbers c on c.id = i.counterparty_id and c.house is null
      left join numbers h on h.asset_code = a.asset_code and h.house = i.house
      offset 0
  ) n
$$;

comment on function ledger_private.number_batch(ledger.wallet_request[], ledger.wallets[]) is
$$For each request of a batch, by place: the numbers of its two wallets among these (null where one is not there), the place of the first one with
its key, whether that key has been used before, and whether anything about it but limits and funds may be refused or not be booked: what is
not odd needs no further look. For all of them: the sum of their amounts, and whether any is to expire.$$;

revoke all on function ledger_private.number_batch(ledger.wallet_request[], ledger.wallets[]) from public;
--! EndIncluded ledger_private/number_batch.sql
--! Included ledger_private/batch_heads.sql
create or replace function ledger_private.batch_heads(wallet_ids uuid[], at_time timestamptz)
returns ledger_private.batch_heads
language sql
stable
-- One plan for all numbers of wallets, which looks each one up.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
  select row(array_agg(w.number), array_agg(greatest(at_time, h.created_at)), array_agg(h.hash),
    array_agg(coalesce(h.seq, 0)), array_agg(coalesce(h.balance, 0)), array_agg(coalesce(h.bonus_balance, 0)),
    array_agg(coalesce(h.held_balance, 0)), array_agg(case when h.held_balance > 0 then ledger_private.held_bonus(h) else 0 end),
    array_agg(coalesce(h.topped_up_total, 0)), array_agg(coalesce(h.granted_total, 0)), array_agg(coalesce(h.spent_total, 0)),
    max(greatest(h.balance, h.topped_up_total, h.granted_total, h.spent_total, 0)))::ledger_private.batch_heads
  from unnest(wallet_ids) with ordinality w (id, number)
  left join lateral ledger_private.head(w.id) h on true
$$;

comment on function ledger_private.batch_heads(uuid[], timestamptz) is
$$The newest entries of these wallets, fact by fact, in their order: zero for a wallet without entries; the time is that of its next entry, at
an instant. And the largest number of all.$$;

revoke all on function ledger_private.batch_heads(uuid[], timestamptz) from public;
--! EndIncluded ledger_private/batch_heads.sql
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
  -- With repetitions and nulls, which do not matter to a search.
  v_ids uuid[];
  v_open uuid[];
  v_kinds ledger.transfer_kind[];
  v_assets text[];
  v_accounts ledger.house_account[];
  v_players ledger.wallets[];
  v_player_ids uuid[];
  v_houses ledger.wallets[];
  v_house_ids uuid[];
begin
  select array_agg(r.wallet_id) || array_agg(r.counterparty_id), array_agg(r.kind) into v_ids, v_kinds from unnest(requests) r;
  v_assets := array(select distinct w.asset_code from ledger.wallets w where w.id = any (v_ids));
  v_accounts := array(select distinct ledger_private.house_account(k) from unnest(v_kinds) k);
  v_open := ledger_private.with_open(v_ids);
  if cardinality(v_open) > 0 and ledger_private.has_due(v_open, clock_timestamp()) then
    v_accounts := v_accounts || 'breakage'::ledger.house_account;
  end if;
  select array_agg(h.w), array_agg((h.w).id) into v_houses, v_house_ids
    from (
      select w from ledger.wallets w
        where w.asset_code = any (v_assets) and w.house = any (v_accounts) and w.stripe = 32
        order by w.id
        for no key update
    ) h;
  select array_agg(p.w), array_agg((p.w).id) into v_players, v_player_ids
    from (select w from ledger.wallets w where w.id = any (v_ids) and w.house is null order by w.id for no key update) p;
  v_batch.wallets := v_players || v_houses;
  v_batch.ids := v_player_ids || v_house_ids;
  v_batch.assets := v_assets;
  v_batch.at_time := clock_timestamp();
  return v_batch;
end
$$;

comment on function ledger_private.lock_batch(ledger.wallet_request[]) is
$$Locks what a batch moves, in the one order that all calls keep: the house's stripes for batches, then players, each by ascending id. Breakage is
among them only where something is due. Returns them, players first, and the instant from which on nobody else moves them: the batch's now.$$;

revoke all on function ledger_private.lock_batch(ledger.wallet_request[]) from public;
--! EndIncluded ledger_private/lock_batch.sql
--! Included ledger_private/load_batch.sql
create or replace function ledger_private.load_batch(requests ledger.wallet_request[], batch ledger_private.batch)
returns ledger_private.batch
language plpgsql
volatile
-- One plan for all sizes of batch, which looks up by index: for each another would cost more than it gains.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_wallets ledger.wallets[] := batch.wallets;
  v_ids uuid[] := batch.ids;
  v_heads ledger_private.batch_heads;
  v_limits ledger.asset_limits[];
  v_day_before ledger.entries[];
  v_numbers ledger_private.batch_numbers;
  v_open uuid[];
begin
  v_numbers := ledger_private.number_batch(requests, v_wallets);
  v_open := ledger_private.with_open(v_ids);
  if cardinality(v_open) > 0 then
    -- A repetition books nothing, not even what is due.
    v_open := ledger_private.with_open(array(
      select distinct v_ids[n]
        from unnest(v_numbers.numbers, v_numbers.other_numbers, v_numbers.used) i (number, other_number, used)
        cross join unnest(array[i.number, i.other_number]) n
        where not i.used));
    if ledger_private.has_due(v_open, batch.at_time) then
      -- Where it fell due while locks were waited for, breakage comes out of order: so nobody may wait for it, 55P03 says to try again.
      perform from ledger.wallets w
        where w.stripe = 32 and w.house = 'breakage' and w.asset_code = any (batch.assets)
        order by w.id
        for no key update nowait;
      perform ledger_private.settle(v_open, batch.at_time, 32);
    end if;
  end if;
  v_heads := ledger_private.batch_heads(v_ids, batch.at_time);
  if exists (select from ledger.asset_limits l where l.asset_code = any (batch.assets)) then
    v_limits := array(
      select (select l from ledger.asset_limits l where l.asset_code = w.asset_code order by l.seq desc limit 1) from unnest(v_wallets) w);
    v_day_before := array(
      select case when num_nonnulls((v_limits[n]).max_daily_top_up, (v_limits[n]).max_daily_bonus, (v_limits[n]).max_daily_spend) > 0 then
          ledger_private.entry_at(v_ids[n], v_heads.times[n] - interval '24 hours') end
        from generate_series(1, cardinality(v_wallets)) n);
  end if;
  -- Whether a limit, or the end of what is counted, may be reached.
  batch.judged := cardinality(v_limits) > 0 is true or (v_heads.largest + v_numbers.total > 9000000000000000000) is not false;
  batch.heads := v_heads;
  batch.limits := v_limits;
  batch.day_before := v_day_before;
  batch.numbers := v_numbers;
  batch.lots := cardinality(v_open) > 0 or v_numbers.expiring;
  return batch;
end
$$;

comment on function ledger_private.load_batch(ledger.wallet_request[], ledger_private.batch) is
$$What a batch is judged by, once its wallets are locked: those of them that are there and the house, with their heads and, where there are any,
limits; and what is to be known of each request. Books what is due in wallets that something is to be booked for.$$;

revoke all on function ledger_private.load_batch(ledger.wallet_request[], ledger_private.batch) from public;
--! EndIncluded ledger_private/load_batch.sql
--! Included ledger_private/plan_batch.sql
create or replace function ledger_private.plan_batch(requests ledger.wallet_request[], batch ledger_private.batch)
returns ledger_private.batch_plan
language plpgsql
volatile
-- One plan for all sizes of batch: for each another would cost more than it gains.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  -- By row: the heads, by number of their wallet, then two for each movement. (Arrays of their own are changed in place.)
  v_other int := cardinality(batch.wallets);
  v_row int;
  v_numbers int[] := (batch.heads).numbers;
  v_befores int[] := (batch.heads).numbers;
  v_seqs bigint[] := (batch.heads).seqs;
  v_balances bigint[] := (batch.heads).balances;
  v_bonus_balances bigint[] := (batch.heads).bonus_balances;
  v_topped_up bigint[] := (batch.heads).topped_up_totals;
  v_granted bigint[] := (batch.heads).granted_totals;
  v_spent bigint[] := (batch.heads).spent_totals;
  -- By number of the wallet: the row of its newest entry; and what does not change in a batch.
  v_newest int[] := (batch.heads).numbers;
  v_held bigint[] := (batch.heads).held_balances;
  v_held_bonus bigint[] := (batch.heads).held_bonus;
  v_times timestamptz[] := (batch.heads).times;
  v_wallets ledger.wallets[] := batch.wallets;
  v_limits ledger.asset_limits[] := batch.limits;
  v_day_before ledger.entries[] := batch.day_before;
  -- By place of the request.
  v_acting int[] := (batch.numbers).numbers;
  v_others int[] := (batch.numbers).other_numbers;
  v_odd boolean[] := (batch.numbers).odd;
  v_used boolean[] := (batch.numbers).used;
  v_first_places int[] := (batch.numbers).first_places;
  v_rows int[] := array_fill(null::int, array[cardinality(requests)]);
  v_bonus_amounts bigint[] := array_fill(null::bigint, array[cardinality(requests)]);
  v_item ledger.wallet_request;
  v_place int := 0;
  v_number int;
  v_other_number int;
  v_sign int;
  v_before int;
  v_other_before int;
  v_bonus bigint;
  v_entry ledger.entries;
  v_other_entry ledger.entries;
  v_detail text;
  v_hint text;
begin
  foreach v_item in array requests loop
    v_place := v_place + 1;
    v_number := v_acting[v_place];
    v_other_number := v_others[v_place];
    -- Another kind is as good as none: what else a single call of it would want is beside the point.
    continue when not ledger_private.check_request(case when v_item.kind in ('top_up', 'bonus', 'spend', 'transfer') then v_item.kind end,
      v_item.wallet_id, v_item.counterparty_id, null, null, v_item.amount, v_item.idem_key, v_item.expires_at, coalesce(v_item.metadata, '{}'));
    if v_odd[v_place] or v_item.expires_at <= v_times[v_number] then
      continue when not ledger_private.check_batch_item(v_item, v_wallets[v_number], case when v_item.kind = 'transfer' then
        v_wallets[v_other_number] end, v_used[v_place], requests[nullif(v_first_places[v_place], v_place)], v_times[v_number]);
    end if;
    v_sign := case when v_item.kind in ('spend', 'transfer') then -1 else 1 end;
    v_row := v_other + 1;
    v_other := v_other + 2;
    v_before := v_newest[v_number];
    v_other_before := v_newest[v_other_number];
    v_newest[v_number] := v_row;
    v_newest[v_other_number] := v_other;
    v_numbers[v_row] := v_number;
    v_numbers[v_other] := v_other_number;
    v_befores[v_row] := v_before;
    v_befores[v_other] := v_other_before;
    v_bonus := ledger_private.bonus_part(v_item.kind, v_item.amount, v_bonus_balances[v_before] - v_held_bonus[v_number]);
    v_rows[v_place] := v_row;
    v_bonus_amounts[v_place] := v_bonus;
    v_seqs[v_row] := v_seqs[v_before] + 1;
    v_seqs[v_other] := v_seqs[v_other_before] + 1;
    v_balances[v_row] := v_balances[v_before] + v_sign * v_item.amount;
    v_balances[v_other] := v_balances[v_other_before] + v_item.amount;
    v_bonus_balances[v_row] := v_bonus_balances[v_before] + v_sign * v_bonus;
    v_bonus_balances[v_other] := v_bonus_balances[v_other_before] + v_bonus;
    v_topped_up[v_row] := v_topped_up[v_before] + case v_item.kind when 'top_up' then v_item.amount else 0 end;
    v_topped_up[v_other] := v_topped_up[v_other_before] + case v_item.kind when 'top_up' then v_item.amount else 0 end;
    v_granted[v_row] := v_granted[v_before] + case v_item.kind when 'bonus' then v_item.amount else 0 end;
    v_granted[v_other] := v_granted[v_other_before] + case v_item.kind when 'bonus' then v_item.amount else 0 end;
    v_spent[v_row] := v_spent[v_before] + case v_item.kind when 'spend' then v_item.amount else 0 end;
    v_spent[v_other] := v_spent[v_other_before] + case v_item.kind when 'spend' then v_item.amount else 0 end;
    if batch.judged or v_balances[v_row] < v_held[v_number] then
      v_entry := row(v_wallets[v_number].id, v_seqs[v_row], null, v_item.kind, case v_sign when 1 then 'credit' else 'debit' end,
        v_item.amount, v_bonus, 0, v_balances[v_row], v_bonus_balances[v_row], v_held[v_number], v_topped_up[v_row], v_granted[v_row],
        v_spent[v_row], null, v_times[v_number]);
      v_other_entry := row(v_wallets[v_other_number].id, v_seqs[v_other], null, v_item.kind,
        case v_sign when 1 then 'debit' else 'credit' end, v_item.amount, v_bonus, 0, v_balances[v_other], v_bonus_balances[v_other],
        v_held[v_other_number], v_topped_up[v_other], v_granted[v_other], v_spent[v_other], null, v_times[v_other_number]);
      perform ledger_private.judge(v_entry, case when v_item.kind = 'transfer' then v_other_entry end,
        v_limits[v_number], v_day_before[v_number]);
      perform ledger_private.refuse_overflow(v_other_entry) where v_other_entry.balance > 9000000000000000000;
    end if;
  end loop;
  return row(v_rows, v_bonus_amounts, v_numbers, v_befores, v_seqs, v_balances, v_bonus_balances, v_topped_up, v_granted, v_spent);
exception when others then
  get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
  if sqlstate like 'WL%' then
    perform ledger_private.refuse(sqlstate, sqlerrm, v_detail::jsonb || jsonb_build_object('index', v_place - 1), v_hint);
  end if;
  raise;
end
$$;

comment on function ledger_private.plan_batch(ledger.wallet_request[], ledger_private.batch) is
$$What a batch will book: judges its requests one after the other in memory, by the rules of single calls and in their order, each upon the balances
that those before it leave. Refuses as a single call would, with the index of the item in the detail. The wallets are locked.$$;

revoke all on function ledger_private.plan_batch(ledger.wallet_request[], ledger_private.batch) from public;
--! EndIncluded ledger_private/plan_batch.sql
--! Included ledger_private/load_lots.sql
create or replace function ledger_private.load_lots(transfers ledger.transfers[], from_numbers int[])
returns ledger_private.lot[]
language sql
stable
-- One plan for all numbers of rows: another for each would cost more than it gains.
set plan_cache_mode = force_generic_plan
-- Nor may one that was made while the tables were small outlive that; nor one that sorts the lots of a wallet at each step.
set enable_seqscan = off
set enable_bitmapscan = off
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
--! Included ledger_private/move_batch_lots.sql
create or replace function ledger_private.move_batch_lots(transfer_ids uuid[], numbers int[], batch ledger_private.batch)
returns void
language plpgsql
volatile
-- One plan for all sizes of batch, which looks up by index: for each another would cost more than it gains.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_moving ledger.transfers[];
  v_from_numbers int[];
  v_to_numbers int[];
begin
  -- What is granted without an expiry is in no lot.
  select array_agg(m.transfer), array_agg(m.number), array_agg(case when (m.transfer).kind = 'bonus' then m.number else m.other_number end)
    into v_moving, v_from_numbers, v_to_numbers
    from (
      select (select t from ledger.transfers t where t.id = i.id) as transfer, numbers[2 * i.place - 1] as number,
          numbers[2 * i.place] as other_number
        from unnest(transfer_ids) with ordinality i (id, place)
        offset 0
    ) m
    where (m.transfer).bonus_amount > 0 and ((m.transfer).kind <> 'bonus' or (m.transfer).expires_at is not null);
  if v_moving is not null then
    perform ledger_private.move_lots(v_moving, v_from_numbers, v_to_numbers, cardinality(batch.wallets));
    -- Where a wallet's own clock runs ahead, what arrived may have expired there already, and items after it were judged upon it.
    if ledger_private.has_due(array(select distinct t.credit_wallet_id from unnest(v_moving) t where t.kind = 'transfer'), batch.at_time) then
      perform ledger_private.refuse_stale();
    end if;
  end if;
end
$$;

comment on function ledger_private.move_batch_lots(uuid[], int[], ledger_private.batch) is
$$Moves what the movements of a batch move between lots, with the numbers of the wallets of their entries; 40001 where something that arrived is
due at once.$$;

revoke all on function ledger_private.move_batch_lots(uuid[], int[], ledger_private.batch) from public;
--! EndIncluded ledger_private/move_batch_lots.sql
--! Included ledger_private/uuid_after.sql
create or replace function ledger_private.uuid_after(id uuid, steps int)
returns uuid
language sql
immutable
as $$
  select encode(substring(uuid_send(id) for 8) || (substring(uuid_send(id) from 9)::bigint + steps)::bytea, 'hex')::uuid
$$;

comment on function ledger_private.uuid_after(uuid, int) is
$$The UUID so many steps after a UUID of version 7, whose last 62 bits are random: for a batch, which draws its first id and counts on from it, since
each drawing costs as much as a row of the log.$$;

revoke all on function ledger_private.uuid_after(uuid, int) from public;
--! EndIncluded ledger_private/uuid_after.sql
--! Included ledger_private/write_batch.sql
create or replace function ledger_private.write_batch(
  requests ledger.wallet_request[],
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
  v_ids uuid[] := batch.ids;
  v_held bigint[] := (batch.heads).held_balances;
  v_times timestamptz[] := (batch.heads).times;
  -- By row: the heads, then the entries. What is in an array is taken from it by place, which costs less than to unnest rows.
  v_heads int := cardinality(v_ids);
  v_numbers int[] := plan.numbers;
  v_befores int[] := plan.befores;
  v_seqs bigint[] := plan.seqs;
  v_balances bigint[] := plan.balances;
  v_bonus_balances bigint[] := plan.bonus_balances;
  v_topped_up bigint[] := plan.topped_up_totals;
  v_granted bigint[] := plan.granted_totals;
  v_spent bigint[] := plan.spent_totals;
  v_hashes bytea[] := (batch.heads).hashes;
  v_sides ledger.entry_side[];
  -- By movement.
  v_transfer_ids uuid[];
  v_kinds ledger.transfer_kind[];
  v_amounts bigint[];
  v_bonus_amounts bigint[];
  v_bytes bytea[];
  v_first_id uuid := uuidv7();
  v_actor text := ledger_private.actor();
  v_guard text;
  v_place int;
  v_number int;
begin
  if (cardinality(v_numbers) > v_heads) is not true then
    return '{}';
  end if;
  -- As in write_all.
  if current_setting('transaction_isolation') <> 'read committed' then
    perform ledger_private.check_snapshot(array(select distinct v_ids[n] from unnest(v_numbers[v_heads + 1:]) n));
  end if;
  v_guard := set_config('ledger.posting', 'on', true);
  with written as (
    insert into ledger.transfers as t
      select ledger_private.uuid_after(v_first_id, i.row - v_heads), i.wallet_id, i.idem_key, i.kind,
          v_ids[v_numbers[i.debit]], v_seqs[i.debit], v_ids[v_numbers[i.credit]], v_seqs[i.credit],
          i.amount, i.amount, i.bonus_part, null, null, i.expires_at, coalesce(i.metadata, '{}'), v_actor, v_times[v_numbers[i.row]]
        from (
          select r.*, case when r.kind in ('spend', 'transfer') then r.row else r.row + 1 end as debit,
              case when r.kind in ('spend', 'transfer') then r.row + 1 else r.row end as credit
            from unnest(requests, plan.bonus_amounts, plan.rows)
              as r (kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata, bonus_part, row)
            where r.row is not null
        ) i
      returning t.id, t.kind, t.amount, t.bonus_amount, ledger_private.transfer_bytes(t) as bytes
  )
  select array_agg(w.id), array_agg(w.kind), array_agg(w.amount), array_agg(w.bonus_amount), array_agg(w.bytes)
    into v_transfer_ids, v_kinds, v_amounts, v_bonus_amounts, v_bytes
    from written w;
  for n in v_heads + 1 .. cardinality(v_numbers) loop
    v_place := (n - v_heads + 1) / 2;
    v_number := v_numbers[n];
    v_sides[n] := case when ((n - v_heads) % 2 = 1) = (v_kinds[v_place] in ('spend', 'transfer')) then 'debit' else 'credit' end;
    v_hashes[n] := ledger_private.entry_hash(v_hashes[v_befores[n]], ledger_private.entry_bytes(
      row(v_ids[v_number], v_seqs[n], v_transfer_ids[v_place], v_kinds[v_place], v_sides[n], v_amounts[v_place], v_bonus_amounts[v_place], 0,
        v_balances[n], v_bonus_balances[n], v_held[v_number], v_topped_up[n], v_granted[n], v_spent[n], null, v_times[v_number]),
      v_bytes[v_place]));
  end loop;
  insert into ledger.entries
    select v_ids[s.number], v_seqs[s.row], v_transfer_ids[s.place], v_kinds[s.place], v_sides[s.row], v_amounts[s.place],
        v_bonus_amounts[s.place], 0, v_balances[s.row], v_bonus_balances[s.row], v_held[s.number], v_topped_up[s.row], v_granted[s.row],
        v_spent[s.row], v_hashes[s.row], v_times[s.number]
      from (select n, (n + 1) / 2 as place, v_heads + n as row, v_numbers[v_heads + n] as number
        from generate_series(1, cardinality(v_numbers) - v_heads) n) s;
  v_guard := set_config('ledger.posting', '', true);
  if batch.lots then
    perform ledger_private.move_batch_lots(v_transfer_ids, v_numbers[v_heads + 1:], batch);
  end if;
  return array(
    select row(v_transfer_ids[s.n], v_ids[s.number], v_seqs[s.row], v_kinds[s.n], v_amounts[s.n], v_bonus_amounts[s.n], v_balances[s.row],
        v_bonus_balances[s.row], v_held[s.number], v_balances[s.row] - v_held[s.number], null, false, v_times[s.number])::ledger.receipt
      from (select n, v_heads + 2 * n - 1 as row, v_numbers[v_heads + 2 * n - 1] as number
        from generate_series(1, cardinality(v_transfer_ids)) n) s);
end
$$;

comment on function ledger_private.write_batch(ledger.wallet_request[], ledger_private.batch, ledger_private.batch_plan) is
$$Writes what was planned: the movements, their entries with their hashes, that of the acting wallet first, and what moves between lots. Returns a
receipt for each movement, in their order.$$;

revoke all on function ledger_private.write_batch(ledger.wallet_request[], ledger_private.batch, ledger_private.batch_plan) from public;
--! EndIncluded ledger_private/write_batch.sql
--! Included ledger_private/batch_receipts.sql
create or replace function ledger_private.batch_receipts(
  requests ledger.wallet_request[],
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
      v_receipts[v_place] := ledger_private.replay(ledger_private.batch_request(requests[v_place]));
    end if;
  end loop;
  return v_receipts;
end
$$;

comment on function ledger_private.batch_receipts(ledger.wallet_request[], ledger.receipt[], bigint[], int[]) is
$$A receipt for each request of a batch that repeats some, in their order: from those of what it booked, and those of then for what had been booked
before.$$;

revoke all on function ledger_private.batch_receipts(ledger.wallet_request[], ledger.receipt[], bigint[], int[]) from public;
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
  v_batch ledger_private.batch;
  v_plan ledger_private.batch_plan;
  v_receipts ledger.receipt[];
begin
  if requests is null or cardinality(requests) > 10000 or array_ndims(requests) > 1 then
    perform ledger_private.refuse_argument('requests', 'Send a list of at most 10000 requests.',
      jsonb_build_object('length', cardinality(requests), 'max', 10000));
  end if;
  v_batch := ledger_private.lock_batch(requests);
  v_batch := ledger_private.load_batch(requests, v_batch);
  v_plan := ledger_private.plan_batch(requests, v_batch);
  v_receipts := ledger_private.write_batch(requests, v_batch, v_plan);
  if cardinality(v_receipts) < cardinality(requests) then
    v_receipts := ledger_private.batch_receipts(requests, v_receipts, v_plan.bonus_amounts, (v_batch.numbers).first_places);
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

-- A refusal does not repeat a megabyte.
--! Included ledger_private/refuse_asset.sql
create or replace function ledger_private.refuse_asset(asset_code text)
returns void
language plpgsql
immutable
as $$
declare
  -- As long as a code can be: an answer does not repeat a megabyte.
  v_code text := left(asset_code, 64);
begin
  perform ledger_private.refuse('WLNOA', format('asset not found: %s', v_code),
    jsonb_build_object('asset_code', v_code), 'An operator creates assets with asset_create(code, name, scale).');
end
$$;

comment on function ledger_private.refuse_asset(text) is 'Refuses with WLNOA an asset that is not there.';

revoke all on function ledger_private.refuse_asset(text) from public;
--! EndIncluded ledger_private/refuse_asset.sql

reset role;
