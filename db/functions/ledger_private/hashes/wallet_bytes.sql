create or replace function ledger_private.wallet_bytes(wallet ledger.wallets)
returns bytea
language sql
stable
as $$
  select array_send(array[
    'wallet', uuid_send(wallet.id), convert_to(wallet.owner_id, 'UTF8'), convert_to(wallet.asset_code, 'UTF8'),
    timestamptz_send(wallet.created_at)
  ])
$$;

comment on function ledger_private.wallet_bytes is
  'Every fact of a wallet as bytes, but its status, which its events tell, for hashing: see record_hash.';

grant execute on function ledger_private.wallet_bytes to wallet_auditor;
