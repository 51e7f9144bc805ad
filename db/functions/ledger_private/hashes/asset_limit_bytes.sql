create or replace function ledger_private.asset_limit_bytes(limits ledger.asset_limits)
returns bytea
language sql
stable
as $$
  select array_send(array[
    'asset_limit', convert_to(limits.asset_code, 'UTF8'), int8send(limits.seq), int8send(limits.max_spend),
    int8send(limits.max_balance), int8send(limits.max_daily_top_up), int8send(limits.max_daily_bonus),
    int8send(limits.max_daily_spend), convert_to(limits.actor, 'UTF8'), timestamptz_send(limits.created_at)
  ] || case when limits.collect_debts
      or num_nonnulls(limits.max_transfer, limits.max_daily_transfer, limits.unique_reference) > 0
    then array[int8send(limits.max_transfer), int8send(limits.max_daily_transfer),
      convert_to(limits.unique_reference, 'UTF8'), boolsend(limits.collect_debts)] else '{}' end)
$$;

comment on function ledger_private.asset_limit_bytes is
$$Every fact of an asset's limits as bytes, for their hash: see record_hash. What release 0.1.0 did not have comes last,
where any of it is set: so hashes of then are the same, and the number of elements says which it is.$$;

grant execute on function ledger_private.asset_limit_bytes to wallet_auditor;
