-- The load inside the server: each connection calls one procedure, which makes one call after the other for so many
-- seconds, each in a transaction of its own, and counts them. No client takes part in what is measured.

create schema bench;
grant usage on schema bench to wallet_job;

create table bench.players (
  crowd text,
  n int,
  id uuid not null,
  primary key (crowd, n)
);
grant select on bench.players to wallet_job;

create procedure bench.open_players(crowd text, asset_codes text[], players int)
language plpgsql
as $$
begin
  perform ledger.asset_create(code, code) from unnest(asset_codes) code;
  insert into bench.players
    select open_players.crowd, n, (ledger.wallet_open(
        open_players.crowd || '-' || n, asset_codes[1 + n % cardinality(asset_codes)])).id
      from generate_series(1, players) n;
end
$$;

-- More than all turns of all rounds can spend. A replay repeats it.
create procedure bench.fund_players(crowd text)
language plpgsql
as $$
begin
  perform count(*)
    from (select (n - 1) / 10000 as part, array_agg(ledger.request('top_up', id, null, 1000000000, 'opening', null, '{}')) as requests
      from bench.players p where p.crowd = fund_players.crowd group by part) parts,
      ledger.wallet_post_batch(parts.requests);
end
$$;

-- The floor: three rows, as ledgers usually have for a transfer (the movement and its two entries), and a unique key; nothing checked, locked,
-- chained or proven. What they are like does not change with the ledger's own rows, so that figures of different shapes compare.
create table bench.floor_transfers (
  id uuid not null,
  wallet_id uuid not null,
  idem_key text,
  kind ledger.transfer_kind not null,
  debit_wallet_id uuid,
  debit_seq bigint,
  credit_wallet_id uuid,
  credit_seq bigint,
  requested_amount bigint,
  amount bigint not null,
  bonus_amount bigint not null,
  reverses uuid,
  hold_id uuid,
  expires_at timestamptz,
  metadata jsonb not null,
  actor text not null,
  created_at timestamptz not null,
  xid xid8 not null default pg_current_xact_id()
);
create table bench.floor_entries (
  wallet_id uuid not null,
  seq bigint not null,
  transfer_id uuid not null,
  kind ledger.transfer_kind not null,
  side ledger.entry_side not null,
  amount bigint not null,
  bonus_amount bigint not null,
  held_amount bigint not null,
  balance bigint not null,
  bonus_balance bigint not null,
  held_balance bigint not null,
  topped_up_total bigint not null,
  granted_total bigint not null,
  spent_total bigint not null,
  hash bytea not null,
  created_at timestamptz not null
);
create unique index on bench.floor_transfers (wallet_id, idem_key);
grant insert on bench.floor_transfers, bench.floor_entries to wallet_job;

create function bench.floor_transfer(from_wallet uuid, to_wallet uuid, amount bigint, idem_key text)
returns bigint
language plpgsql
as $$
declare
  v_id uuid := uuidv7();
  v_now timestamptz := clock_timestamp();
begin
  insert into bench.floor_transfers values (v_id, from_wallet, idem_key, 'transfer', from_wallet, 1, to_wallet, 1,
    amount, amount, 0, null, null, null, '{}', 'db:wallet_job', v_now);
  insert into bench.floor_entries values (from_wallet, 1, v_id, 'transfer', 'debit', amount, 0, 0, amount, amount, 0, 0, 0, 0,
    '\x0000000000000000000000000000000000000000000000000000000000000000', v_now);
  insert into bench.floor_entries values (to_wallet, 1, v_id, 'transfer', 'credit', amount, 0, 0, amount, amount, 0, 0, 0, 0,
    '\x0000000000000000000000000000000000000000000000000000000000000000', v_now);
  return amount;
end
$$;

-- The statements of a transfer and nothing else: what it asks of PostgreSQL where all that it checks and computes is free.
-- Two wallets locked (in any order: their pairs are a ring with more players than there are sessions), the key and the limits
-- looked up, two heads read, and the rows, with the ledger's keys, domains and guard.
create table bench.bare_entries (like ledger.entries including all);
create trigger _100_guard_insert before insert on bench.bare_entries for each statement execute function ledger_private.tg__guard_insert();

create function bench.bare_transfer(from_wallet uuid, to_wallet uuid, amount bigint, idem_key text)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid := uuidv7();
  v_now timestamptz := clock_timestamp();
  v_wallet ledger.wallets;
  v_other ledger.wallets;
  v_head bigint;
  v_other_head bigint;
  v_used boolean;
  v_limited boolean;
begin
  select w.* into v_wallet from ledger.wallets w where w.id = from_wallet for no key update;
  select w.* into v_other from ledger.wallets w where w.id = to_wallet for no key update;
  select exists (select from bench.bare_entries e where e.wallet_id = from_wallet and e.idem_key = bare_transfer.idem_key),
    exists (select from ledger.asset_limits l where l.asset_code = v_wallet.asset_code) into v_used, v_limited;
  select e.seq into v_head from bench.bare_entries e where e.wallet_id = from_wallet order by e.seq desc limit 1;
  select e.seq into v_other_head from bench.bare_entries e where e.wallet_id = bare_transfer.to_wallet order by e.seq desc limit 1;
  perform set_config('ledger.posting', 'on', true);
  insert into bench.bare_entries (wallet_id, transfer_id, seq, amount, bonus_amount, held_amount, balance, bonus_balance, held_balance, paid_balance,
      free_balance, topped_up_total, granted_total, spent_total, sent_total, created_at, xid, kind, debit, credit, actor, idem_key, to_wallet, to_seq,
      requested_amount, metadata, hash)
    values
    (from_wallet, v_id, coalesce(v_head, 0) + 1, amount, 0, 0, amount, 0, 0, amount, amount, amount, 0, 0, 0, v_now, pg_current_xact_id(),
      'transfer', 'player', 'player', 'db:' || session_user, bare_transfer.idem_key, to_wallet, coalesce(v_other_head, 0) + 1, amount, '{}',
      '\x0000000000000000000000000000000000000000000000000000000000000000'),
    (to_wallet, v_id, coalesce(v_other_head, 0) + 1, amount, 0, 0, amount, 0, 0, amount, amount, amount, 0, 0, 0, v_now, pg_current_xact_id(),
      'transfer', 'player', 'player', null, null, null, null, null, null,
      '\x0000000000000000000000000000000000000000000000000000000000000000');
  perform set_config('ledger.posting', '', true);
  return amount;
end
$$;
-- Whose permissions are checked, as in the ledger's own functions.
alter function bench.bare_transfer(uuid, uuid, bigint, text) owner to wallet_owner;
grant usage on schema bench to wallet_owner;
grant select, insert on bench.bare_entries to wallet_owner;

-- A procedure for each kind of call, from one text, so that they differ in nothing else. Each expression of the loop is set
-- up anew in each transaction, so there are few of them.
do $make$
declare
  v_load record;
begin
  for v_load in
    select * from (values
      ('loop', 'bigint', 'v_result := v_place + calls; commit;'),
      ('floor', 'bigint', 'v_result := bench.floor_transfer(v_players[v_place], v_players[v_place % v_count + 1], 1, v_key || calls); commit;'),
      ('bare', 'bigint', 'v_result := bench.bare_transfer(v_players[v_place], v_players[v_place % v_count + 1], 1, v_key || calls); commit;'),
      ('spend', 'ledger.receipt', 'v_result := ledger.wallet_spend(v_players[v_place], 1, v_key || calls); commit;'),
      ('top_up', 'ledger.receipt', 'v_result := ledger.wallet_top_up(v_players[v_place], 1, v_key || calls); commit;'),
      ('transfer', 'ledger.receipt',
        'v_result := ledger.wallet_transfer(v_players[v_place], v_players[v_place % v_count + 1], 1, v_key || calls); commit;'),
      ('replay', 'ledger.receipt', 'v_result := ledger.wallet_top_up(v_players[v_place], 1000000000, ''opening''); commit;'),
      -- Caught here, at the price of a subtransaction: a client would cost as much as the call. Rolled back
      -- as after any refusal, where a commit would wait for the disk.
      ('refusal', 'ledger.receipt', $$
        begin
          v_result := ledger.wallet_spend(v_players[v_place], 1000000000000000, v_key || calls);
          raise exception 'was not refused';
        exception when sqlstate 'WLFND' then
          null;
        end;
        rollback;$$),
      ('balance', 'ledger.wallet_balance', 'v_result := ledger.wallet_balance(v_players[v_place]); commit;')
    ) as loads (name, result, body)
  loop
    execute format($procedure$
      create procedure bench.run_%1$s(crowd text, seconds float8, inout calls bigint default 0)
      language plpgsql
      as $body$
      declare
        v_players uuid[] := array(select p.id from bench.players p where p.crowd = run_%1$s.crowd order by p.n);
        v_count int := cardinality(v_players);
        v_key text := gen_random_uuid() || '-';
        v_end timestamptz := clock_timestamp() + make_interval(secs => seconds);
        v_place int;
        v_result %2$s;
      begin
        loop
          v_place := 1 + floor(random() * v_count);
          %3$s
          calls := calls + 1;
          exit when clock_timestamp() >= v_end;
        end loop;
      end
      $body$
    $procedure$, v_load.name, v_load.result, v_load.body);
    -- So many calls, for counting what they take.
    execute format($procedure$
      create procedure bench.count_%1$s(crowd text, most int)
      language plpgsql
      as $body$
      declare
        v_players uuid[] := array(select p.id from bench.players p where p.crowd = count_%1$s.crowd order by p.n);
        v_count int := cardinality(v_players);
        v_key text := gen_random_uuid() || '-';
        v_place int;
        v_result %2$s;
      begin
        for calls in 1 .. most loop
          v_place := 1 + floor(random() * v_count);
          %3$s
        end loop;
      end
      $body$
    $procedure$, v_load.name, v_load.result, v_load.body);
  end loop;
end
$make$;

-- Counts transfers. Making the requests is in the figure, as their arrival would be.
create procedure bench.run_batch(crowd text, size int, seconds float8, inout calls bigint default 0)
language plpgsql
as $$
declare
  v_players uuid[] := array(select p.id from bench.players p where p.crowd = run_batch.crowd order by p.n);
  v_count int := cardinality(v_players);
  v_key text := gen_random_uuid() || '-';
  v_end timestamptz := clock_timestamp() + make_interval(secs => seconds);
  v_requests ledger.wallet_request[];
begin
  loop
    v_requests := array(
      select ledger.request(kind, v_players[place], case when kind = 'transfer' then v_players[place % v_count + 1] end,
          1, v_key || n, null, '{}')
        from (
          select n, (array['top_up', 'bonus', 'spend', 'transfer'])[n % 4 + 1]::ledger.transfer_kind as kind,
              1 + floor(random() * v_count)::int as place
            from generate_series(calls, calls + size - 1) n
        ) drawn);
    perform count(*) from ledger.wallet_post_batch(v_requests);
    commit;
    calls := calls + size;
    exit when clock_timestamp() >= v_end;
  end loop;
end
$$;

create procedure bench.count_batch(crowd text, size int, batches int)
language plpgsql
as $$
declare
  v_calls bigint := 0;
begin
  for n in 1 .. batches loop
    -- It ends after the first.
    call bench.run_batch(crowd, size, 0, v_calls);
  end loop;
end
$$;

-- One group of top-ups, of which each stands for itself, in a transaction of its own.
create procedure bench.post_each(players uuid[], size int, key text, inout calls bigint)
language plpgsql
as $$
declare
  v_count int := cardinality(players);
  v_requests ledger.wallet_request[] := array(
    select ledger.request('top_up', players[1 + floor(random() * v_count)::int], null, 1, key || n, null, '{}')
      from generate_series(calls, calls + size - 1) n);
begin
  perform count(*) from ledger.wallet_post_each(v_requests);
  commit;
  calls := calls + size;
end
$$;

create procedure bench.run_each(crowd text, size int, seconds float8, inout calls bigint default 0)
language plpgsql
as $$
declare
  v_players uuid[] := array(select p.id from bench.players p where p.crowd = run_each.crowd order by p.n);
  v_key text := gen_random_uuid() || '-';
  v_end timestamptz := clock_timestamp() + make_interval(secs => seconds);
begin
  while clock_timestamp() < v_end loop
    call bench.post_each(v_players, size, v_key, calls);
  end loop;
end
$$;

create procedure bench.count_each(crowd text, size int, groups int)
language plpgsql
as $$
declare
  v_players uuid[] := array(select p.id from bench.players p where p.crowd = count_each.crowd order by p.n);
  v_key text := gen_random_uuid() || '-';
  v_calls bigint := 0;
begin
  for n in 1 .. groups loop
    call bench.post_each(v_players, size, v_key, v_calls);
  end loop;
end
$$;

-- For filling only: top-ups written straight into the log, because 10,000,000 entries through the posting functions would take an hour. Every fact
-- that a posting reads or builds upon is right: numbers, balances, totals; hashes are any 32 bytes, so such a ledger does not verify. The crowd must
-- have no other entries.
-- Round by round, so that the wallets' histories lie interleaved, as they do where many wallets are used at once.
create procedure bench.book_history(crowd text, first_round int, last_round int)
language plpgsql
as $$
declare
  c_amount constant bigint := 1000000;
begin
  perform set_config('ledger.posting', 'on', true);
  insert into ledger.entries (wallet_id, transfer_id, seq, amount, bonus_amount, held_amount, balance, bonus_balance, held_balance, paid_balance,
      free_balance, topped_up_total, granted_total, spent_total, sent_total, created_at, xid, kind, debit, credit, actor, idem_key, requested_amount,
      metadata, hash)
    select p.id, uuidv7(), round, c_amount, 0, 0, round * c_amount, 0, 0, round * c_amount,
        round * c_amount, round * c_amount, 0, 0, 0, now(), pg_current_xact_id(), 'top_up', 'treasury', 'player', 'db:wallet_job', gen_random_uuid(),
        c_amount, '{}', sha256(int8send(round))
      from generate_series(first_round::bigint, last_round) round
      cross join bench.players p
      where p.crowd = book_history.crowd
      order by round, p.n;
  perform set_config('ledger.posting', '', true);
end
$$;
