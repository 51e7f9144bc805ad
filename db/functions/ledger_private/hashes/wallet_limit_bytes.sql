create or replace function ledger_private.wallet_limit_bytes(limits ledger.wallet_limits)
returns bytea
language sql
stable
as $$
  select array_send(array[
    'wallet_limit', uuid_send(limits.wallet_id), int8send(limits.seq), int8send(limits.max_spend),
    int8send(limits.max_balance), int8send(limits.max_daily_top_up), int8send(limits.max_daily_bonus),
    int8send(limits.max_daily_spend), int8send(limits.max_transfer), int8send(limits.max_daily_transfer)
  ])
$$;

comment on function ledger_private.wallet_limit_bytes is
$$Every fact of a wallet's own limits as bytes: an array of bytea, as those of record_hash. SHA-256 over them is the
facts_hash of their event.$$;

grant execute on function ledger_private.wallet_limit_bytes to wallet_auditor;
