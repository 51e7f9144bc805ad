create or replace function ledger.ledger_prove(kept jsonb default null)
returns setof ledger.finding
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_proof ledger.verifications;
  v_previous ledger.verifications;
  v_findings ledger.finding[];
begin
  v_proof.started_at := clock_timestamp();
  -- One statement, one snapshot.
  select array(select f from ledger_private.verify_kept(kept) f union all select f from ledger.ledger_verify() f),
      (select max(s.seq) from ledger.blocks s)
    into v_findings, v_proof.block_seq;
  -- One chain of all proofs: who ends at the same time waits for a moment.
  lock table ledger.verifications in share row exclusive mode;
  select v.* into v_previous from ledger.verifications v order by v.seq desc limit 1;
  v_proof.id := uuidv7();
  v_proof.seq := coalesce(v_previous.seq, 0) + 1;
  v_proof.finished_at := clock_timestamp();
  v_proof.findings := cardinality(v_findings);
  v_proof.kept_seals := coalesce(jsonb_array_length(kept), 0);
  v_proof.actor := ledger_private.actor();
  v_proof.hash := ledger_private.record_hash(v_previous.hash, ledger_private.verification_bytes(v_proof));
  perform set_config('ledger.posting', 'on', true);
  -- Above READ COMMITTED the newest may be one that is not seen: then this is 40001.
  insert into ledger.verifications select v_proof.* on conflict on constraint verifications_seq_key do nothing;
  perform set_config('ledger.posting', '', true);
  return query select f.* from unnest(v_findings) f;
end
$$;

comment on function ledger.ledger_prove is
$$@behavior -*
Proves the whole ledger as ledger_verify does, and that it has the seals that were kept elsewhere, and records that it
was done and how many findings came of it.

- kept: a list of seals that were kept elsewhere, each an object with all facts of it; none if left out.

Refuses with INVALID_ARGUMENT (WLARG).$$;

grant execute on function ledger.ledger_prove to wallet_job;
