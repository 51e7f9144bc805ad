create or replace function ledger.ledger_prove(kept jsonb default null)
returns setof ledger.finding
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_started timestamptz := clock_timestamp();
  v_findings ledger.finding[];
  v_seal bigint;
begin
  -- One statement, one snapshot.
  select array(select f from ledger.ledger_verify() f union select f from ledger.ledger_verify_seals(kept) f),
      (select max(s.seq) from ledger.seals s)
    into v_findings, v_seal;
  perform set_config('ledger.posting', 'on', true);
  insert into ledger.verifications (started_at, finished_at, findings, seal_seq, kept_seals, actor)
    values (v_started, clock_timestamp(), cardinality(v_findings), v_seal, coalesce(jsonb_array_length(kept), 0), ledger_private.actor());
  perform set_config('ledger.posting', '', true);
  return query select f.* from unnest(v_findings) f;
end
$$;

comment on function ledger.ledger_prove(jsonb) is
$$@behavior -*
Proves the whole ledger as ledger_verify does, and its seals as ledger_verify_seals does, and records that it was done and how many findings came
of it.

- kept: a list of seals that were kept elsewhere, each an object with all facts of it; none if left out.

Refuses with INVALID_ARGUMENT (WLARG).$$;

revoke all on function ledger.ledger_prove(jsonb) from public;
grant execute on function ledger.ledger_prove(jsonb) to wallet_job;
