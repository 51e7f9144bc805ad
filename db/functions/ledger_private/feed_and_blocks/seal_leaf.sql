create or replace function ledger_private.seal_leaf(wallet_id uuid, seq bigint, hash bytea)
returns bytea
language sql
immutable
as $$
  select sha256(E'\\x00'::bytea || uuid_send(wallet_id) || int8send(seq) || hash)
$$;

comment on function ledger_private.seal_leaf is
$$A leaf of a block: SHA-256 over a byte 0, the id of the wallet, the number of its newest entry (eight bytes,
big-endian) and the hash of that entry, which covers all entries before it. In the same way, of what is chained
beside entries, the newest row: of a wallet its newest event, of an asset (its id: asset_id) its newest limits (0:
the asset itself), and the newest verification (its id: 0).$$;

grant execute on function ledger_private.seal_leaf to wallet_auditor;
