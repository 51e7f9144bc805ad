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
