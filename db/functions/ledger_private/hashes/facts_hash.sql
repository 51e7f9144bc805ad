create or replace function ledger_private.facts_hash(entry ledger.entries, kept_metadata_hash bytea default null)
returns bytea
language sql
stable
as $$
  select case when entry.owed is null then m.hash
    else sha256(array_send(array['ledger.entry.facts.v1', m.hash, int8send(entry.owed)])) end
  from (select coalesce(kept_metadata_hash, ledger_private.metadata_hash(entry.metadata))) m (hash)
$$;

comment on function ledger_private.facts_hash is
$$What stands in an entry's hash for its metadata: their hash. Where the wallet owes something, it is SHA-256 over an
array of bytea, written as in entry_digest: the text ledger.entry.facts.v1, the hash of the metadata, and what is
owed. kept_metadata_hash is that of metadata which were blanked.$$;

grant execute on function ledger_private.facts_hash to wallet_auditor;
