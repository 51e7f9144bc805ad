-- The load of pgledger: accounts of players, and of a house that all buy from. Each transfer is a transaction of its own.
create schema bench;
create table bench.accounts as
  select n, (select a.id from pgledger_create_account('player-' || n, 'GOLD') a) as id from generate_series(0, 10000) n;
grant usage on schema bench, public to wallet_job;
grant select on bench.accounts to wallet_job;
grant select, insert, update on all tables in schema public to wallet_job;

create procedure bench.count_transfer(most int)
language plpgsql
as $$
declare
  v_accounts text[] := array(select a.id from bench.accounts a where a.n > 0 order by a.n);
  v_count int := cardinality(v_accounts);
  v_place int;
  v_result text;
begin
  for calls in 1 .. most loop
    v_place := 1 + floor(random() * v_count);
    select t.id into v_result from pgledger_create_transfer(v_accounts[v_place], v_accounts[v_place % v_count + 1], 1) t;
    commit;
  end loop;
end
$$;

-- For so many seconds: between players, or from the one house to all.
do $make$
declare
  v_load record;
begin
  for v_load in
    select * from (values
      ('transfer', 'v_accounts[v_place], v_accounts[v_place % v_count + 1]'),
      ('top_up', 'v_house, v_accounts[v_place]')
    ) as loads (name, accounts)
  loop
    execute format($procedure$
      create procedure bench.run_%1$s(seconds float8, inout calls bigint default 0)
      language plpgsql
      as $body$
      declare
        v_house text := (select a.id from bench.accounts a where a.n = 0);
        v_accounts text[] := array(select a.id from bench.accounts a where a.n > 0 order by a.n);
        v_count int := cardinality(v_accounts);
        v_end timestamptz := clock_timestamp() + make_interval(secs => seconds);
        v_place int;
        v_result text;
      begin
        loop
          v_place := 1 + floor(random() * v_count);
          select t.id into v_result from pgledger_create_transfer(%2$s, 1) t;
          commit;
          calls := calls + 1;
          exit when clock_timestamp() >= v_end;
        end loop;
      end
      $body$
    $procedure$, v_load.name, v_load.accounts);
  end loop;
end
$make$;
