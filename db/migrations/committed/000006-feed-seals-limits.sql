--! Previous: sha1:101bc9326957e091430cc4d730b1461830e32477
--! Hash: sha1:64614d48fae7e572ec28eef5d1e0259d318fdfd3
--! Message: feed-seals-limits

-- Enter migration here

-- A feed of transfers for other systems.

set local role wallet_owner;

-- A constant default: no row is rewritten, and what was there counts as one transaction of old.
alter table ledger.transfers add column xid xid8 not null default '0';
alter table ledger.transfers alter column xid set default pg_current_xact_id();
create index transfers_xid_id_idx on ledger.transfers (xid, id);
comment on column ledger.transfers.xid is $$@behavior -*
The transaction that wrote it: its place in the feed, within an epoch. No fact of the movement, and not in its hash.$$;

create table ledger.feed_epochs (
  epoch int primary key,
  system_identifier bigint not null,
  started_at timestamptz not null default clock_timestamp()
);

comment on table ledger.feed_epochs is $$@behavior -*
The clusters that the ledger has lived in: the ids of transactions, which order the feed, are those of the newest. Append-only.$$;
comment on column ledger.feed_epochs.epoch is 'Number of the epoch: 1, 2, 3 and so on.';
comment on column ledger.feed_epochs.system_identifier is 'Of the cluster, as pg_control_system() names it.';
comment on column ledger.feed_epochs.started_at is 'When it began.';

create trigger _100_guard_insert before insert on ledger.feed_epochs
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.feed_epochs
  for each statement execute function ledger_private.tg__append_only();

create type ledger.event as (
  cursor text,
  transfer_id uuid,
  kind ledger.transfer_kind,
  wallet_id uuid,
  owner_id text,
  asset_code text,
  amount bigint,
  bonus_amount bigint,
  debit_wallet_id uuid,
  debit_seq bigint,
  credit_wallet_id uuid,
  credit_seq bigint,
  reverses uuid,
  hold_id uuid,
  expires_at timestamptz,
  idem_key text,
  actor text,
  metadata jsonb,
  created_at timestamptz
);
comment on type ledger.event is 'A transfer, as the feed tells of it to other systems.';
comment on column ledger.event.cursor is $$@notNull
Its place in the feed: what to read on after. Opaque.$$;
comment on column ledger.event.transfer_id is $$@notNull
The movement.$$;
comment on column ledger.event.kind is $$@notNull
What the movement is.$$;
comment on column ledger.event.wallet_id is $$@notNull
The wallet that the call acted for.$$;
comment on column ledger.event.owner_id is 'Whose wallet that is.';
comment on column ledger.event.asset_code is 'The asset of which credits moved.';
comment on column ledger.event.amount is $$@notNull
The amount moved, in minor units; reserved or freed, where it is a hold or its release.$$;
comment on column ledger.event.bonus_amount is $$@notNull
The part of it that was bonus credits.$$;
comment on column ledger.event.debit_wallet_id is 'The wallet of the debit entry.';
comment on column ledger.event.debit_seq is 'The number of that entry within its wallet.';
comment on column ledger.event.credit_wallet_id is 'The wallet of the credit entry.';
comment on column ledger.event.credit_seq is 'The number of that entry within its wallet.';
comment on column ledger.event.reverses is 'The transfer that this one reverses, if it is a reversal.';
comment on column ledger.event.hold_id is 'The hold that this one opened, captured or released.';
comment on column ledger.event.expires_at is 'When the credits or the hold expire, as asked.';
comment on column ledger.event.idem_key is 'The idempotency key of the call; null for what the system books itself.';
comment on column ledger.event.actor is $$@notNull
Who called.$$;
comment on column ledger.event.metadata is $$@notNull
The facts that the caller gave.$$;
comment on column ledger.event.created_at is $$@notNull
When it was booked.$$;

grant select on ledger.feed_epochs to wallet_service, wallet_operator, wallet_auditor, wallet_job;
grant usage on type ledger.event to wallet_service, wallet_operator, wallet_auditor, wallet_job;

-- Whoever writes a transfer says in which transaction.
--! Included ledger_private/batch_request.sql
create or replace function ledger_private.batch_request(request ledger.wallet_request)
returns ledger.transfers
language sql
volatile
as $$
  select row(uuidv7(), request.wallet_id, request.idem_key, request.kind, null, null, request.counterparty_id, null, request.amount, request.amount,
    0, null, null, request.expires_at, coalesce(request.metadata, '{}'), null, null, null)::ledger.transfers
$$;

comment on function ledger_private.batch_request(ledger.wallet_request) is
  'A request of a batch in the shape that single calls give theirs: that of the movement it asks for.';

revoke all on function ledger_private.batch_request(ledger.wallet_request) from public;
--! EndIncluded ledger_private/batch_request.sql
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
      (v_due.hold).amount, (v_due.hold).bonus_amount, null, (v_due.hold).id, null, '{}', ledger_private.actor(), null, null);
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
      ledger_private.actor(), null, null);
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
  transfer.xid := pg_current_xact_id();
  v_bytes := ledger_private.transfer_bytes(transfer);
  entry.hash := ledger_private.link_hash(entry, v_bytes);
  if other_entry.wallet_id is not null then
    other_entry.hash := ledger_private.link_hash(other_entry, v_bytes);
  end if;
  return row(transfer, entry, other_entry);
end
$$;

comment on function ledger_private.seal(ledger.transfers, ledger.entries, ledger.entries) is
$$A movement as it will be written: its sides from the acting wallet's entry and the other's (null if it has none), its time that of the first,
its place in the feed, and both entries with their own hashes. These come in as the hashes of the heads that they follow.$$;

revoke all on function ledger_private.seal(ledger.transfers, ledger.entries, ledger.entries) from public;
--! EndIncluded ledger_private/seal.sql
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
      requested_amount, amount, bonus_amount, reverses, hold_id, expires_at, metadata, actor, created_at, xid, number)
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
      null, wallet_id, idem_key, kind, null, null, counterparty_id, null, amount, amount, 0, null, null, expires_at, metadata, null, null, null));
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
    amount, amount, v_bonus, null, null, expires_at, metadata, ledger_private.actor(), v_entry.created_at, pg_current_xact_id());
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
          i.amount, i.amount, i.bonus_part, null, null, i.expires_at, coalesce(i.metadata, '{}'), v_actor, v_times[v_numbers[i.row]],
          pg_current_xact_id()
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
    null, wallet_id, idem_key, 'hold', null, null, null, null, amount, amount, 0, null, null, expires_at, metadata, null, null, null);
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
    null, wallet_id, idem_key, 'capture', null, null, null, null, amount, 0, 0, null, hold_id, null, metadata, null, null, null);
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
    null, wallet_id, idem_key, 'release', null, null, null, null, null, 0, 0, null, hold_id, null, metadata, null, null, null);
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
    null, wallet_id, idem_key, 'reversal', null, null, null, null, amount, 0, 0, transfer_id, null, null, metadata, null, null, null);
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

--! Included ledger_private/feed_epoch.sql
create or replace function ledger_private.feed_epoch()
returns int
language plpgsql
stable
as $$
declare
  v_epoch ledger.feed_epochs;
begin
  select e.* into v_epoch from ledger.feed_epochs e order by e.epoch desc limit 1;
  -- The ids of transactions mean nothing in another cluster.
  if v_epoch.system_identifier is distinct from (select c.system_identifier from pg_control_system() c) then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = 'the ledger was restored into another cluster and has no epoch there',
      hint = 'Run npm run migrate, which begins one.';
  end if;
  return v_epoch.epoch;
end
$$;

comment on function ledger_private.feed_epoch() is
  'The epoch in which the positions of transfers are to be read. Refuses (55000) where the database was restored and has none yet.';

revoke all on function ledger_private.feed_epoch() from public;
grant execute on function ledger_private.feed_epoch() to wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger_private/feed_epoch.sql
--! Included ledger/ledger_events.sql
create or replace function ledger.ledger_events(after text default null, "limit" int default 100)
returns setof ledger.event
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_parts text[];
  v_epoch int;
  v_xid xid8 := '0';
  v_id uuid := '00000000-0000-0000-0000-000000000000';
  -- Every transaction before this one has ended: what it wrote is in this snapshot, or never will be.
  v_horizon xid8 := pg_snapshot_xmin(pg_current_snapshot());
begin
  if "limit" is null or "limit" not between 1 and 10000 then
    perform ledger_private.refuse_argument('limit', 'Ask for 1 to 10000 events at a time.');
  end if;
  v_parts := regexp_match(after,
    '^([1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,18})\.([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$');
  if after is not null and v_parts is null then
    perform ledger_private.refuse_argument('after', 'Give the cursor of the last event as it came, or null to start.', '{"reason": "malformed"}');
  end if;
  v_epoch := ledger_private.feed_epoch();
  if after is not null then
    v_xid := v_parts[2]::xid8;
    v_id := v_parts[3]::uuid;
    if v_parts[1]::int <> v_epoch then
      perform ledger_private.refuse_argument('after',
        'The ledger was restored since. Start again from null, and skip the transfers that you know by their ids.',
        jsonb_build_object('reason', 'epoch', 'epoch', v_epoch::text));
    elsif not exists (select from ledger.transfers t where t.xid = v_xid and t.id = v_id) then
      perform ledger_private.refuse_argument('after',
        'The ledger no longer has that event. Start again from null, and skip the transfers that you know by their ids.',
        '{"reason": "cursor_unknown"}');
    end if;
  end if;
  return query
    select v_epoch || '.' || t.xid || '.' || t.id, t.id, t.kind, t.wallet_id, w.owner_id, w.asset_code, t.amount, t.bonus_amount,
        t.debit_wallet_id, t.debit_seq, t.credit_wallet_id, t.credit_seq, t.reverses, t.hold_id, t.expires_at, t.idem_key, t.actor,
        t.metadata, t.created_at
      from ledger.transfers t
      left join ledger.wallets w on w.id = t.wallet_id
      where (t.xid, t.id) > (v_xid, v_id) and t.xid < v_horizon
      order by t.xid, t.id
      limit ledger_events."limit";
end
$$;

comment on function ledger.ledger_events(text, int) is
$$@behavior -queryField:resource:connection +queryField:resource:list
@listSuffix omit
The transfers of the ledger as a feed for other systems: each that the caller may see comes once, in the order of the transactions that
booked them, and when every earlier transaction has ended, so that a reader who goes on after the last cursor misses none. Within a wallet,
the numbers of its entries tell the order.

- after: the cursor of the last event read; from the first transfer on if left out.
- limit: how many to read at most, 1 to 10000, over GraphQL to 1000; 100 if left out.

Refuses with INVALID_ARGUMENT (WLARG): a cursor is malformed, or of an earlier epoch, or names a transfer that a restored ledger no longer has
(reason: malformed, epoch, cursor_unknown).$$;

revoke all on function ledger.ledger_events(text, int) from public;
grant execute on function ledger.ledger_events(text, int) to wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger/ledger_events.sql

-- Seals, by which hashes kept elsewhere prove the ledger.

create type ledger_private.feed_place as (xid xid8, id uuid);

create table ledger.seals (
  seq bigint primary key,
  entries bigint not null,
  wallets bigint not null,
  root bytea not null,
  previous bytea,
  hash bytea not null,
  horizon xid8 not null,
  horizon_id uuid not null,
  epoch bigint not null,
  sealed_at timestamptz not null,
  actor text not null
);

comment on table ledger.seals is $$@behavior -*
Blocks of entries that were closed, each with the root of a Merkle tree over them and the hash of the seal before. Append-only; kept elsewhere
too, they show what a recomputed chain of hashes does not.$$;
comment on column ledger.seals.seq is 'Number of the seal: 1, 2, 3 and so on without gaps.';
comment on column ledger.seals.entries is 'How many entries the block closes that none before it did.';
comment on column ledger.seals.wallets is 'How many wallets they are of: the leaves of the tree.';
comment on column ledger.seals.root is 'The root of the Merkle tree over the newest entry of each of these wallets.';
comment on column ledger.seals.previous is 'The hash of the seal before; null in the first.';
comment on column ledger.seals.hash is 'SHA-256 over every other fact of the seal.';
comment on column ledger.seals.horizon is 'Up to where in the feed, in its epoch, all transfers are sealed: the transaction.';
comment on column ledger.seals.horizon_id is 'And the transfer of it.';
comment on column ledger.seals.epoch is 'The epoch of the feed that the horizon is to be read in.';
comment on column ledger.seals.sealed_at is 'When it was made.';
comment on column ledger.seals.actor is 'Who made it.';

create table ledger.seal_heads (
  wallet_id uuid not null,
  seal_seq bigint not null references ledger.seals (seq),
  seq bigint not null,
  primary key (wallet_id, seal_seq)
);
create index seal_heads_seal_seq_idx on ledger.seal_heads (seal_seq);
alter table ledger.seal_heads
  add constraint seal_heads_entry_fkey foreign key (wallet_id, seq) references ledger.entries (wallet_id, seq) not enforced;

comment on table ledger.seal_heads is $$@behavior -*
The leaves of the seals: up to which entry each wallet was sealed. Append-only.$$;
comment on column ledger.seal_heads.wallet_id is 'The wallet.';
comment on column ledger.seal_heads.seal_seq is 'The seal.';
comment on column ledger.seal_heads.seq is 'The newest entry of the wallet that it covers.';
comment on constraint seal_heads_seal_seq_fkey on ledger.seal_heads is '@behavior -*';
comment on constraint seal_heads_entry_fkey on ledger.seal_heads is '@behavior -*';

create table ledger.verifications (
  id uuid primary key default uuidv7(),
  started_at timestamptz not null,
  finished_at timestamptz not null,
  findings bigint not null,
  seal_seq bigint,
  kept_seals bigint not null,
  actor text not null
);
create index verifications_clean_idx on ledger.verifications (finished_at) where findings = 0;

comment on table ledger.verifications is $$@behavior -*
When the whole ledger was proved from its rows, and what came of it. Append-only.$$;
comment on column ledger.verifications.id is 'Time-ordered id.';
comment on column ledger.verifications.started_at is 'When it began: it saw the ledger as it was then.';
comment on column ledger.verifications.finished_at is 'When it ended.';
comment on column ledger.verifications.findings is 'How many broken rules it found; 0 where the ledger was sound.';
comment on column ledger.verifications.seal_seq is 'The newest seal it proved; null where there was none.';
comment on column ledger.verifications.kept_seals is 'How many seals that were kept elsewhere it was given, and looked for.';
comment on column ledger.verifications.actor is 'Who asked for it.';

create type ledger.metric as (name text, labels jsonb, value double precision);
comment on type ledger.metric is 'A figure of the ledger at this moment, for monitoring.';
comment on column ledger.metric.name is $$@notNull
Which figure.$$;
comment on column ledger.metric.labels is $$@notNull
What it is of: an object of texts.$$;
comment on column ledger.metric.value is $$@notNull
The figure.$$;

create trigger _100_guard_insert before insert on ledger.seals for each statement execute function ledger_private.tg__guard_insert();
create trigger _100_guard_insert before insert on ledger.seal_heads for each statement execute function ledger_private.tg__guard_insert();
create trigger _100_guard_insert before insert on ledger.verifications for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.seals
  for each statement execute function ledger_private.tg__append_only();
create trigger _200_append_only before update or delete or truncate on ledger.seal_heads
  for each statement execute function ledger_private.tg__append_only();
create trigger _200_append_only before update or delete or truncate on ledger.verifications
  for each statement execute function ledger_private.tg__append_only();

grant select on ledger.seals to wallet_auditor, wallet_job;
grant select on ledger.seal_heads, ledger.verifications to wallet_auditor;
grant usage on type ledger.metric to wallet_auditor;
alter table ledger.seal_heads enable row level security;
create policy auditors_see_all on ledger.seal_heads for select to wallet_auditor using (true);
-- The login of the gateway asks for figures, on behalf of nobody.
grant usage on schema ledger to wallet_gateway;

--! Included ledger_private/merkle_root.sql
create or replace function ledger_private.merkle_root(leaves bytea[])
returns bytea
language plpgsql
immutable
as $$
declare
  v_level bytea[] := leaves;
begin
  -- Level by level: a node without a neighbour goes up as it is, which makes the same tree as cutting at powers of two.
  while cardinality(v_level) > 1 loop
    select array_agg(case when p.second is null then p.first else sha256('\x01'::bytea || p.first || p.second) end order by p.place)
      into v_level
      from (
        select u.node as first, lead(u.node) over (order by u.place) as second, u.place
          from unnest(v_level) with ordinality u (node, place)
      ) p
      where p.place % 2 = 1;
  end loop;
  return coalesce(v_level[1], sha256(''));
end
$$;

comment on function ledger_private.merkle_root(bytea[]) is
'The Merkle tree hash of RFC 6962 over leaves that are hashes already: a node is the SHA-256 over a byte 1 and its two children.';

revoke all on function ledger_private.merkle_root(bytea[]) from public;
grant execute on function ledger_private.merkle_root(bytea[]) to wallet_auditor;
--! EndIncluded ledger_private/merkle_root.sql
--! Included ledger_private/seal_leaf.sql
create or replace function ledger_private.seal_leaf(wallet_id uuid, seq bigint, hash bytea)
returns bytea
language sql
immutable
as $$
  select sha256('\x00'::bytea || uuid_send(wallet_id) || int8send(seq) || hash)
$$;

comment on function ledger_private.seal_leaf(uuid, bigint, bytea) is
$$A leaf of a block: SHA-256 over a byte 0, the id of the wallet, the number of its newest entry (eight bytes, big-endian) and the hash of that
entry, which covers all entries before it.$$;

revoke all on function ledger_private.seal_leaf(uuid, bigint, bytea) from public;
grant execute on function ledger_private.seal_leaf(uuid, bigint, bytea) to wallet_auditor;
--! EndIncluded ledger_private/seal_leaf.sql
--! Included ledger_private/seal_hash.sql
create or replace function ledger_private.seal_hash(seal ledger.seals)
returns bytea
language sql
stable
as $$
  select sha256(convert_to('wallet ledger seal 1', 'UTF8')
    || array_send(array[seal.seq, seal.entries, seal.wallets, seal.epoch])
    || array_send(array[seal.root, seal.previous, xid8send(seal.horizon), uuid_send(seal.horizon_id), timestamptz_send(seal.sealed_at),
      convert_to(seal.actor, 'UTF8')]))
$$;

comment on function ledger_private.seal_hash(ledger.seals) is
$$The hash of a seal: SHA-256 over the text "wallet ledger seal 1" and every other fact of it, in two arrays (bigint, bytea) in the binary format
of PostgreSQL, which has a length before each element (-1 for null), so that no two different seals have the same bytes. Integers are big-endian,
the time microseconds since 2000-01-01 UTC, the text UTF-8. The order is for ever.$$;

revoke all on function ledger_private.seal_hash(ledger.seals) from public;
grant execute on function ledger_private.seal_hash(ledger.seals) to wallet_auditor;
--! EndIncluded ledger_private/seal_hash.sql
--! Included ledger_private/seal_start.sql
create or replace function ledger_private.seal_start(epoch int)
returns ledger_private.feed_place
language sql
stable
as $$
  select row(
      -- Of the transfers that a new epoch began with, those sealed before are 0.
      case when s.epoch = seal_start.epoch then s.horizon when s.epoch is null then '0'::xid8 else '1'::xid8 end,
      case when s.epoch = seal_start.epoch then s.horizon_id else '00000000-0000-0000-0000-000000000000' end
    )::ledger_private.feed_place
  from (select 1) always
  left join lateral (select n.* from ledger.seals n order by n.seq desc limit 1) s on true
$$;

comment on function ledger_private.seal_start(int) is
  'Where in the feed of this epoch the next block begins: after this place. What comes before it is sealed.';

revoke all on function ledger_private.seal_start(int) from public;
grant execute on function ledger_private.seal_start(int) to wallet_auditor;
--! EndIncluded ledger_private/seal_start.sql
--! Included ledger_private/begin_epoch.sql
create or replace function ledger_private.begin_epoch()
returns boolean
language plpgsql
volatile
as $$
declare
  v_identifier bigint := (select c.system_identifier from pg_control_system() c);
  v_newest ledger.feed_epochs;
  v_start ledger_private.feed_place;
begin
  select e.* into v_newest from ledger.feed_epochs e order by e.epoch desc limit 1;
  if v_newest.system_identifier = v_identifier then
    return false;
  end if;
  -- Nobody posts or reads meanwhile; of two callers the second finds it done.
  lock table ledger.transfers in access exclusive mode;
  select e.* into v_newest from ledger.feed_epochs e order by e.epoch desc limit 1;
  if v_newest.system_identifier = v_identifier then
    return false;
  end if;
  if exists (select from ledger.transfers t where t.xid > '0') then
    -- A rewrite, no update: the movements stay what they are. Those sealed become one transaction of old, the others a second.
    v_start := ledger_private.seal_start(v_newest.epoch);
    execute format('alter table ledger.transfers alter column xid type xid8
      using (case when (xid, id) <= (%L::xid8, %L::uuid) then ''0'' else ''1'' end)::xid8', v_start.xid, v_start.id);
  end if;
  perform set_config('ledger.posting', 'on', true);
  insert into ledger.feed_epochs (epoch, system_identifier) values (coalesce(v_newest.epoch, 0) + 1, v_identifier);
  perform set_config('ledger.posting', '', true);
  return true;
end
$$;

comment on function ledger_private.begin_epoch() is
$$Begins a new epoch of the feed where the database has come into another cluster, in which the ids of transactions stored with transfers mean
nothing. All transfers until now become two transactions of old, what is sealed and what is not, each in the order of ids. Returns whether there
was need to. For the owner.$$;

revoke all on function ledger_private.begin_epoch() from public;
--! EndIncluded ledger_private/begin_epoch.sql
--! Included ledger_private/unsealed_heads.sql
create or replace function ledger_private.unsealed_heads(start ledger_private.feed_place, until ledger_private.feed_place)
returns table (wallet_id uuid, seq bigint, sealed_seq bigint, hash bytea)
language sql
stable
as $$
  select h.wallet_id, h.seq, coalesce(s.seq, 0), e.hash
  from (
    select x.wallet_id, max(x.seq) as seq
    from ledger.transfers t
    cross join lateral (values (t.debit_wallet_id, t.debit_seq), (t.credit_wallet_id, t.credit_seq)) x (wallet_id, seq)
    where (t.xid, t.id) > (start.xid, start.id) and (t.xid, t.id) <= (until.xid, until.id) and x.wallet_id is not null
    group by x.wallet_id
  ) h
  left join lateral (
    select n.seq from ledger.seal_heads n where n.wallet_id = h.wallet_id order by n.seal_seq desc limit 1
  ) s on true
  join ledger.entries e on e.wallet_id = h.wallet_id and e.seq = h.seq
  -- An entry may be sealed before the one that it follows has come: the chain of hashes covers that.
  where h.seq > coalesce(s.seq, 0)
$$;

comment on function ledger_private.unsealed_heads(ledger_private.feed_place, ledger_private.feed_place) is
$$The newest entry of each wallet among the transfers after one place of the feed and up to another, where it is not sealed yet; and which entry
was sealed last.$$;

revoke all on function ledger_private.unsealed_heads(ledger_private.feed_place, ledger_private.feed_place) from public;
grant execute on function ledger_private.unsealed_heads(ledger_private.feed_place, ledger_private.feed_place) to wallet_auditor;
--! EndIncluded ledger_private/unsealed_heads.sql
--! Included ledger/ledger_seal.sql
create or replace function ledger.ledger_seal(max_transfers int default 100000)
returns setof ledger.seals
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  c_nil constant uuid := '00000000-0000-0000-0000-000000000000';
  v_epoch int := ledger_private.feed_epoch();
  v_last ledger.seals;
  v_start ledger_private.feed_place;
  v_until ledger_private.feed_place;
  v_horizon xid8;
  v_seal ledger.seals;
  v_wallets uuid[];
  v_seqs bigint[];
  v_leaves bytea[];
begin
  if max_transfers is null or max_transfers not between 1 and 1000000 then
    perform ledger_private.refuse_argument('max_transfers', 'Ask for 1 to 1000000 transfers at a time.');
  end if;
  -- One at a time. Nobody else waits for this lock: postings know nothing of seals, and reading goes on.
  lock table ledger.seals in share row exclusive mode;
  select s.* into v_last from ledger.seals s order by s.seq desc limit 1;
  v_start := ledger_private.seal_start(v_epoch);
  -- What began before this has ended, and the next statement sees it: no block leaves out what is committed late.
  v_horizon := pg_snapshot_xmin(pg_current_snapshot());
  loop
    select t.xid, t.id into v_until
      from ledger.transfers t
      where (t.xid, t.id) > (v_start.xid, v_start.id) and t.xid < v_horizon
      order by t.xid, t.id
      offset max_transfers - 1
      limit 1;
    if not found then
      v_until := row(v_horizon, c_nil);
    end if;
    select array_agg(h.wallet_id order by h.wallet_id), array_agg(h.seq order by h.wallet_id), sum(h.seq - h.sealed_seq),
        array_agg(ledger_private.seal_leaf(h.wallet_id, h.seq, h.hash) order by h.wallet_id)
      into v_wallets, v_seqs, v_seal.entries, v_leaves
      from ledger_private.unsealed_heads(v_start, v_until) h;
    exit when v_wallets is not null;
    if v_until.xid = v_horizon then
      return;
    end if;
    v_start := v_until;
  end loop;

  v_seal.seq := coalesce(v_last.seq, 0) + 1;
  v_seal.wallets := cardinality(v_wallets);
  v_seal.root := ledger_private.merkle_root(v_leaves);
  v_seal.previous := v_last.hash;
  v_seal.horizon := v_until.xid;
  v_seal.horizon_id := v_until.id;
  v_seal.epoch := v_epoch;
  v_seal.sealed_at := clock_timestamp();
  v_seal.actor := ledger_private.actor();
  v_seal.hash := ledger_private.seal_hash(v_seal);
  perform set_config('ledger.posting', 'on', true);
  -- Above READ COMMITTED the last seal may be one that is not seen: then this is 40001.
  insert into ledger.seals select v_seal.* on conflict on constraint seals_pkey do nothing;
  insert into ledger.seal_heads (wallet_id, seal_seq, seq)
    select h.wallet_id, v_seal.seq, h.seq from unnest(v_wallets, v_seqs) h (wallet_id, seq);
  perform set_config('ledger.posting', '', true);
  return next v_seal;
end
$$;

comment on function ledger.ledger_seal(int) is
$$@behavior -*
Closes a block over the entries committed since the last seal: a Merkle tree over the newest entry of each wallet, whose hash covers those
before it, and a seal that covers the tree and the seal before. No row where nothing is new. No posting waits for it, and it waits for none: entries
whose transaction began after one that is still open are left to the next seal. Call it again, in a transaction of its own, until it returns nothing.

- maxTransfers: how many transfers a block covers at most, 1 to 1000000.

Refuses with INVALID_ARGUMENT (WLARG).$$;

revoke all on function ledger.ledger_seal(int) from public;
grant execute on function ledger.ledger_seal(int) to wallet_job;
--! EndIncluded ledger/ledger_seal.sql
--! Included ledger_private/verify_seals.sql
create or replace function ledger_private.verify_seals()
returns setof ledger.finding
language sql
stable
as $$
  -- Each seal is the one after the last, and its hash covers all that it says.
  select 'seal_chain', null::uuid, null::bigint, null::uuid,
      jsonb_build_object('seal', s.seq, 'place', s.place, 'previous', s.previous, 'expected', s.expected)
    from (
      select n.*, row_number() over w as place, lag(n.hash) over w as expected, ledger_private.seal_hash(n) as computed
        from ledger.seals n window w as (order by n.seq)
    ) s
    where s.seq <> s.place or s.previous is distinct from s.expected or s.hash is distinct from s.computed
  union all
  -- The root, and the counts, come out again from the entries that are there now.
  select 'seal_root', null, null, null,
      jsonb_build_object('seal', s.seq, 'root', s.root, 'expected', b.root, 'entries', s.entries, 'expected_entries', b.entries)
    from ledger.seals s
    left join lateral (
      select ledger_private.merkle_root(array_agg(ledger_private.seal_leaf(h.wallet_id, h.seq, e.hash) order by h.wallet_id)) as root,
          count(*) as wallets, sum(h.seq - h.before) as entries
        from (
          select n.wallet_id, n.seq, coalesce((select p.seq from ledger.seal_heads p
              where p.wallet_id = n.wallet_id and p.seal_seq < n.seal_seq order by p.seal_seq desc limit 1), 0) as before
            from ledger.seal_heads n where n.seal_seq = s.seq
        ) h
        join ledger.entries e on e.wallet_id = h.wallet_id and e.seq = h.seq
    ) b on true
    where s.root is distinct from b.root or s.wallets <> b.wallets or s.entries is distinct from b.entries
  union all
  -- What was sealed is still there.
  select 'seal_entry', h.wallet_id, h.seq, null, jsonb_build_object('seal', h.seal_seq, 'found', e.seq is not null)
    from ledger.seal_heads h
    left join ledger.entries e on e.wallet_id = h.wallet_id and e.seq = h.seq
    left join ledger.seals s on s.seq = h.seal_seq
    where e.seq is null or s.seq is null
  union all
  -- And what is before the last horizon was sealed.
  select 'seal_entry', h.wallet_id, h.seq, null, jsonb_build_object('sealed_seq', h.sealed_seq::text)
    from (select (select max(e.epoch) from ledger.feed_epochs e) as epoch) n
    cross join lateral ledger_private.seal_start(n.epoch) p
    cross join lateral ledger_private.unsealed_heads(row('0'::xid8, '00000000-0000-0000-0000-000000000000')::ledger_private.feed_place, p) h
$$;

comment on function ledger_private.verify_seals() is
  'Findings about seals: their chain, the trees that they are roots of, and whether all that was to be sealed was.';

revoke all on function ledger_private.verify_seals() from public;
grant execute on function ledger_private.verify_seals() to wallet_auditor;
--! EndIncluded ledger_private/verify_seals.sql
--! Included ledger/ledger_verify_seals.sql
create or replace function ledger.ledger_verify_seals(kept jsonb default null)
returns setof ledger.finding
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  if (case jsonb_typeof(kept) when 'array' then exists (select from jsonb_array_elements(kept) k where jsonb_typeof(k) <> 'object')
    else kept is not null end) then
    perform ledger_private.refuse_argument('kept', 'Give a list of seals as npm run seal wrote them.');
  end if;
  return query select f.* from ledger_private.verify_seals() f;
  return query
    select 'seal_missing', null::uuid, null::bigint, null::uuid,
        jsonb_build_object('seal', k.seq, 'kept', k.hash, 'found', s.hash)
      from jsonb_populate_recordset(null::ledger.seals, kept) k
      left join ledger.seals s on s.seq = k.seq
      where s is distinct from k;
end
$$;

comment on function ledger.ledger_verify_seals(jsonb) is
$$@behavior -*
Proves the seals again from the rows that they sealed, in one snapshot; and that the ledger still has those that were kept elsewhere. Every
broken rule is a row.

- kept: a list of seals, each an object with all facts of it; none if left out.

Rules:

- seal_chain: seals are numbered without gaps, and each covers the one before
- seal_root: the tree over the sealed entries has the root and the counts that the seal says
- seal_entry: what was sealed is there, and what was to be sealed was
- seal_missing: a seal that was kept elsewhere is in the ledger, unchanged

Refuses with INVALID_ARGUMENT (WLARG).$$;

revoke all on function ledger.ledger_verify_seals(jsonb) from public;
grant execute on function ledger.ledger_verify_seals(jsonb) to wallet_auditor;
--! EndIncluded ledger/ledger_verify_seals.sql
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
    return query select f.* from ledger_private.verify_seals() f;
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
- asset_sum: within an asset, debits and credits have the same sum
- seal_chain: seals are numbered without gaps, and each covers the one before
- seal_root: the tree over the sealed entries has the root and the counts that the seal says
- seal_entry: what was sealed is there, and what was to be sealed was$$;

revoke all on function ledger.ledger_verify(uuid) from public;
grant execute on function ledger.ledger_verify(uuid) to wallet_auditor;
--! EndIncluded ledger/ledger_verify.sql
--! Included ledger/ledger_prove.sql
create or replace function ledger.ledger_prove(kept jsonb default null)
returns setof ledger.finding
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_started timestamptz := clock_timestamp();
  v_findings ledger.finding[];
  v_seal bigint;
begin
  -- One statement, one snapshot.
  select array(select f from ledger.ledger_verify() f union select f from ledger.ledger_verify_seals(kept) f),
      (select max(s.seq) from ledger.seals s)
    into v_findings, v_seal;
  perform set_config('ledger.posting', 'on', true);
  insert into ledger.verifications (started_at, finished_at, findings, seal_seq, kept_seals, actor)
    values (v_started, clock_timestamp(), cardinality(v_findings), v_seal, coalesce(jsonb_array_length(kept), 0), ledger_private.actor());
  perform set_config('ledger.posting', '', true);
  return query select f.* from unnest(v_findings) f;
end
$$;

comment on function ledger.ledger_prove(jsonb) is
$$@behavior -*
Proves the whole ledger as ledger_verify does, and its seals as ledger_verify_seals does, and records that it was done and how many findings came
of it.

- kept: a list of seals that were kept elsewhere, each an object with all facts of it; none if left out.

Refuses with INVALID_ARGUMENT (WLARG).$$;

revoke all on function ledger.ledger_prove(jsonb) from public;
grant execute on function ledger.ledger_prove(jsonb) to wallet_job;
--! EndIncluded ledger/ledger_prove.sql
--! Included ledger/ledger_metrics.sql
create or replace function ledger.ledger_metrics()
returns setof ledger.metric
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  with place as (
    select pg_snapshot_xmin(pg_current_snapshot()) as horizon, pg_snapshot_xmax(pg_current_snapshot()) as next,
        ledger_private.seal_start((select max(e.epoch) from ledger.feed_epochs e)) as sealed
  ), moments (name, since) as (
    select 'oldest_due_seconds',
        least((select min(h.expires_at) from ledger_private.open_holds h), (select min(l.due_at) from ledger_private.open_lots l))
    union all
    select 'last_clean_verify_seconds', (select max(v.finished_at) from ledger.verifications v where v.findings = 0)
    union all
    select 'last_seal_seconds', (select s.sealed_at from ledger.seals s order by s.seq desc limit 1)
    union all
    -- The places are sub-selects, so that the index is looked up and not read.
    select 'unsealed_seconds', (select t.created_at from ledger.transfers t
      where (t.xid, t.id) > ((select (p.sealed).xid from place p), (select (p.sealed).id from place p)) order by t.xid, t.id limit 1)
    union all
    select 'feed_lag_seconds', (select t.created_at from ledger.transfers t
      where t.xid >= (select p.horizon from place p) order by t.xid, t.id limit 1)
  ), waits as (
    select count(*) as number, min(l.waitstart) as since
      from pg_locks l join pg_stat_activity a on a.pid = l.pid
      where not l.granted and a.datname = current_database()
  )
  select m.name, '{}'::jsonb, greatest(coalesce(extract(epoch from clock_timestamp() - m.since), 0), 0)::double precision
    from moments m
    -- What has never been has no age; nothing due, unsealed or held back is as good as fresh.
    where m.since is not null or m.name not like 'last%'
  union all
  select 'lock_waits', '{}', number from waits
  union all
  select 'lock_wait_seconds', '{}', greatest(coalesce(extract(epoch from clock_timestamp() - since), 0), 0) from waits
  union all
  select 'horizon_age_transactions', '{}', (p.next::text::numeric - p.horizon::text::numeric)::double precision from place p
$$;

comment on function ledger.ledger_metrics() is
$$@behavior -*
Figures for monitoring, each cheap to get: how long what is due has been due (oldest_due_seconds), the age of the last verification without
findings and of the last seal (last_clean_verify_seconds, last_seal_seconds; no row where there has been none), how long the oldest entry that is not
sealed has been there (unsealed_seconds), how far the feed is behind (feed_lag_seconds), how many sessions wait for a lock and how long the
first has waited (lock_waits, lock_wait_seconds), and how many transactions have begun since the oldest that is open
(horizon_age_transactions).$$;

revoke all on function ledger.ledger_metrics() from public;
grant execute on function ledger.ledger_metrics() to wallet_auditor, wallet_gateway;
--! EndIncluded ledger/ledger_metrics.sql
-- Notifications for subscriptions.
--! Included ledger/wallets_seq.sql
create or replace function ledger.wallets_seq(wallet ledger.wallets)
returns bigint
language sql
stable
as $$
  select coalesce((select e.seq from ledger.entries e where e.wallet_id = wallet.id order by e.seq desc limit 1), 0)
$$;

comment on function ledger.wallets_seq(ledger.wallets) is
$$@notNull
The number of its newest entry: whoever knows it knows which entries are new since. 0 before the first.$$;

revoke all on function ledger.wallets_seq(ledger.wallets) from public;
grant execute on function ledger.wallets_seq(ledger.wallets)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger/wallets_seq.sql
--! Included ledger_private/feed_end.sql
create or replace function ledger_private.feed_end()
returns text
language sql
stable
as $$
  select ledger_private.feed_epoch() || '.' || t.xid || '.' || t.id
    from ledger.transfers t
    where t.xid < pg_snapshot_xmin(pg_current_snapshot())
    order by t.xid desc, t.id desc
    limit 1
$$;

comment on function ledger_private.feed_end() is
  'The cursor of the last event that ledger_events() has now, found without reading the others; null where there is none.';

revoke all on function ledger_private.feed_end() from public;
grant execute on function ledger_private.feed_end() to wallet_job;
--! EndIncluded ledger_private/feed_end.sql
--! Included ledger/ledger_notify.sql
create or replace function ledger.ledger_notify(after text default null, "limit" int default 1000)
returns table (next_cursor text, is_full boolean, postings jsonb)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_events int;
begin
  if "limit" is null or "limit" not between 1 and 10000 then
    perform ledger_private.refuse_argument('limit', 'Read 1 to 10000 events at a time.');
  end if;
  if after is null then
    next_cursor := coalesce(ledger_private.feed_end(), '');
    is_full := false;
    postings := '{}';
    perform pg_notify('wallets', '');
    return next;
    return;
  end if;

  with page as materialized (
    -- In the order of the feed.
    select e.cursor, e.kind, e.debit_wallet_id, e.debit_seq, e.credit_wallet_id, e.credit_seq, row_number() over () as place
      from ledger.ledger_events(nullif(after, ''), "limit") e
  ), changed as (
    select s.wallet_id, max(s.seq) as seq
      from page p
      cross join lateral (values (p.debit_wallet_id, p.debit_seq), (p.credit_wallet_id, p.credit_seq)) s (wallet_id, seq)
      join ledger.wallets w on w.id = s.wallet_id
      where w.house is null
      group by s.wallet_id
  ), notified as (
    select count(pg_notify('wallet:' || c.wallet_id, c.seq::text)) from changed c
  )
  select (select p.cursor from page p order by p.place desc limit 1),
      (select count(*) from page),
      (select jsonb_object_agg(k.kind, k.postings) from (select p.kind, count(*) as postings from page p group by p.kind) k)
    into next_cursor, v_events, postings
    from notified;
  next_cursor := coalesce(next_cursor, after);
  is_full := v_events = "limit";
  postings := coalesce(postings, '{}');
  return next;
end
$$;

comment on function ledger.ledger_notify(text, int) is
$$@behavior -*
Reads the feed on from a cursor and notifies whoever listens: for each wallet of a player that has new entries the channel wallet:<id>, with the
number of the newest as payload. Never part of a posting: transactions that notify commit one after the other, in the whole database. Returns the
cursor to go on from, whether there may be more already, and how many transfers of each kind there were.

- after: the next_cursor of the call before. If left out, it goes to the end of the feed without reading it, and notifies the channel wallets: any
  wallet may have changed since somebody last looked.
- limit: how many events to read at most, 1 to 10000.

Refuses as ledger_events does, with INVALID_ARGUMENT (WLARG): then start again without a cursor.$$;

revoke all on function ledger.ledger_notify(text, int) from public;
grant execute on function ledger.ledger_notify(text, int) to wallet_job;
--! EndIncluded ledger/ledger_notify.sql

select ledger_private.begin_epoch();

reset role;
-- How long a session of a login may take, whatever program opens it. The services' pools say the same for connections of a
-- superuser, which take a login on and do not get its settings. Downloads last for up to a quarter of an hour.
-- Roles belong to the cluster: where another database has set it already, nothing is to be done.
do $settings$
declare
  v_role text;
  v_setting text;
  v_value text;
begin
  for v_role, v_setting, v_value in values
    ('wallet_gateway', 'statement_timeout', '30s'),
    ('wallet_gateway', 'lock_timeout', '2s'),
    ('wallet_gateway', 'idle_in_transaction_session_timeout', '60s'),
    ('wallet_gateway', 'transaction_timeout', '20min'),
    ('wallet_worker', 'statement_timeout', '30s'),
    ('wallet_worker', 'lock_timeout', '2s'),
    ('wallet_worker', 'idle_in_transaction_session_timeout', '60s'),
    ('wallet_worker', 'transaction_timeout', '2min')
  loop
    if not exists (
      select from pg_db_role_setting
      where setrole = v_role::regrole and setdatabase = 0 and v_setting || '=' || v_value = any (setconfig)
    ) then
      execute format('alter role %I set %I = %L', v_role, v_setting, v_value);
    end if;
  end loop;
exception
  when insufficient_privilege then
    raise warning 'the timeouts of % are left to an administrator: %', v_role, sqlerrm;
end
$settings$;

-- What the gateway keeps for itself, apart from the ledger. Unlogged: cheap, and a crash may forget it.
create schema gateway authorization wallet_owner;

set local role wallet_owner;

comment on schema gateway is 'What the processes of the gateway share: nothing of the ledger.';

create unlogged table gateway.rate_limits (
  key text primary key,
  points int not null default 0,
  expire bigint
) with (fillfactor = 70);
comment on table gateway.rate_limits is 'How many requests each caller has sent within the current window.';
comment on column gateway.rate_limits.key is 'A hash of the role and the subject of the token.';
comment on column gateway.rate_limits.points is 'Requests so far.';
comment on column gateway.rate_limits.expire is 'The end of the window, in milliseconds since 1970.';

grant usage on schema gateway to wallet_gateway;
grant select, insert, update, delete on gateway.rate_limits to wallet_gateway;

reset role;
