create or replace function ledger_private.asset_limit_bytes(limits ledger.asset_limits)
returns bytea
language sql
stable
as $$
  select array_send(array[
    'asset_limit', convert_to(limits.asset_code, 'UTF8'), int8send(limits.seq), int8send(limits.max_spend),
    int8send(limits.max_balance), int8send(limits.max_daily_top_up), int8send(limits.max_daily_bonus),
    int8send(limits.max_daily_spend), convert_to(limits.actor, 'UTF8'), timestamptz_send(limits.created_at)
  ])
$$;

comment on function ledger_private.asset_limit_bytes is
  'Every fact of an asset''s limits as bytes, for their hash: see record_hash.';

grant execute on function ledger_private.asset_limit_bytes to wallet_auditor;
