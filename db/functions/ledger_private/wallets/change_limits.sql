create or replace function ledger_private.change_limits(asset_code text, changes jsonb)
returns ledger.asset_limits
language plpgsql
volatile
as $$
declare
  v_asset_hash bytea;
  v_newest ledger.asset_limits;
  v_limits ledger.asset_limits;
  v_same boolean;
begin
  -- Of two calls one waits for the other: each leaves a row of its own.
  select a.hash into v_asset_hash from ledger.assets a where a.code = change_limits.asset_code for no key update;
  if not found then
    perform ledger_private.refuse(ledger_private.asset_not_found(asset_code));
  end if;

  select l.* into v_newest from ledger.asset_limits l where l.asset_code = change_limits.asset_code
    order by l.seq desc limit 1;
  v_limits := jsonb_populate_record(v_newest, changes);
  v_same := v_newest.seq is not null and v_limits is not distinct from v_newest;
  v_limits.asset_code := asset_code;
  v_limits.seq := coalesce(v_newest.seq, 0) + 1;
  v_limits.collect_debts := coalesce(v_limits.collect_debts, false);
  v_limits.actor := ledger_private.actor();
  v_limits.created_at := clock_timestamp();
  v_limits.hash := ledger_private.record_hash(coalesce(v_newest.hash, v_asset_hash),
    ledger_private.asset_limit_bytes(v_limits));
  -- Above READ COMMITTED the newest may be older than the lock: then the row collides with the one that has been set
  -- since. One that changes nothing is taken back.
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

comment on function ledger_private.change_limits is
$$Adds a row of an asset's limits: the newest with these changes, an object of columns. Where it changes nothing, adds
none and returns the newest. Refuses with WLNOA.$$;
