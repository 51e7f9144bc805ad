create or replace function ledger_private.lock_group(
  requests ledger.wallet_request[],
  wait boolean,
  out skipped boolean[],
  out absent uuid[]
)
language plpgsql
volatile
as $$
declare
  v_ids uuid[] := array(select distinct w.wallet_id from ledger_private.group_wallets(requests) w);
  v_locked uuid[];
  v_skipped uuid[];
begin
  if wait then
    v_locked := array(select w.id from ledger_private.lock_wallets(v_ids) w);
  else
    v_locked := array(select ledger_private.lock_free_wallets(v_ids));
    v_skipped := array(
      select w.id from ledger.wallets w
        where w.id = any (v_ids) and not exists (select from unnest(v_locked) l where l = w.id));
  end if;
  -- Above READ COMMITTED what others wrote meanwhile cannot be seen. And a movement that is to be reversed may have
  -- been committed while this call waited: the other wallet of it is not locked.
  if cardinality(v_skipped) > 0 and current_setting('transaction_isolation') <> 'read committed'
    or exists (select from unnest(requests) r where r.kind = 'reversal')
      and exists (
        select from ledger_private.group_wallets(requests) w
        where not exists (select from unnest(v_ids) i where i = w.wallet_id)) then
    perform ledger_private.refuse_stale();
  end if;
  if cardinality(v_skipped) > 0 then
    skipped := ledger_private.skipped_items(requests, v_skipped);
  end if;
  absent := case when cardinality(v_ids) = cardinality(v_locked || v_skipped) then '{}' else array(
    select i from unnest(v_ids) i except select l from unnest(v_locked || v_skipped) l) end;
end
$$;

comment on function ledger_private.lock_group is
$$Locks all wallets of many requests at once, in the order that all calls keep. Where it is not to wait, wallets that
others have locked are skipped; skipped says of each request whether it has to be left out for that, and is null where
none has to. absent are the wallets that are not there: one that is opened meanwhile is not locked, and stays absent for
this call. Ends the call with 40001 where it cannot go on with what it has locked.$$;
