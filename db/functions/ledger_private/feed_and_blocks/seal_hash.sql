create or replace function ledger_private.seal_hash(block ledger.blocks)
returns bytea
language sql
stable
as $$
  select sha256(convert_to('wallet ledger block 2', 'UTF8')
    || array_send(array[block.seq, block.entries, block.wallets, block.epoch])
    || array_send(array[block.root, block.totals_hash, block.previous, convert_to(block.snapshot, 'UTF8'),
      xid8send(block.xid), timestamptz_send(block.sealed_at), timestamptz_send(block.final_until),
      convert_to(block.actor, 'UTF8')]))
$$;

comment on function ledger_private.seal_hash is
$$The hash of a block: SHA-256 over the text "wallet ledger block 2" and every other fact of it, without counted_until,
in two arrays (bigint, bytea) in the binary format of PostgreSQL, which has a length before each element (-1 for null),
so that no two different blocks have the same bytes. Integers are big-endian, times microseconds since 2000-01-01 UTC,
texts UTF-8. The order is for ever.$$;

grant execute on function ledger_private.seal_hash to wallet_auditor;
