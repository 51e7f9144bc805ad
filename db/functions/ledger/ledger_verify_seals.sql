create or replace function ledger.ledger_verify_seals(kept jsonb default null)
returns setof ledger.finding
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- What findings show is the same in every session.
set timezone = 'UTC'
set bytea_output = 'hex'
as $$
  select f.* from ledger_private.verify_kept(kept) f
  union all
  select f.* from ledger_private.verify_seals() f
  union all
  select f.* from ledger_private.verify_closed() f
$$;

comment on function ledger.ledger_verify_seals is
$$@behavior -*
Proves the seals again from the rows that they sealed, in one snapshot; and that the ledger still has those that were
kept elsewhere. Every broken rule is a row.

- kept: a list of seals, each an object with all facts of it; none if left out.

Rules:

- seal_chain: seals are numbered without gaps, and each covers the one before
- seal_root: the tree over the sealed entries has the root and the counts that the seal says
- seal_entry: what was sealed is there, and what was to be sealed was
- seal_record: so are the wallets' events, the limits and the verifications that were sealed; the list of events to seal
  is true
- seal_missing: a seal that was kept elsewhere is in the ledger, unchanged

Refuses with INVALID_ARGUMENT (WLARG).$$;

grant execute on function ledger.ledger_verify_seals to wallet_auditor;
