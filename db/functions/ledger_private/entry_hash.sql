create or replace function ledger_private.entry_hash(previous_hash bytea, entry_bytes bytea)
returns bytea
language sql
immutable
as $$
  select sha256(
    'ledger.entry.v1'::bytea
    || coalesce(previous_hash, E'\\x0000000000000000000000000000000000000000000000000000000000000000')
    || entry_bytes
  )
$$;

comment on function ledger_private.entry_hash(bytea, bytea) is
$$SHA-256 over the text ledger.entry.v1, the hash of the wallet's entry before (32 zero bytes for the first) and the bytes of this entry.
The order is for ever.$$;

revoke all on function ledger_private.entry_hash(bytea, bytea) from public;
grant execute on function ledger_private.entry_hash(bytea, bytea) to wallet_auditor;
