create or replace function ledger.ledger_verify_seals(kept jsonb default null)
returns setof ledger.finding
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- What findings show is the same in every session.
set timezone = 'UTC'
set bytea_output = 'hex'
as $$
declare
  v_is_list boolean;
begin
  -- Two statements: a plan may look into the list before it has asked whether it is one.
  v_is_list := kept is null or jsonb_typeof(kept) = 'array';
  if v_is_list then
    v_is_list := not exists (select from jsonb_array_elements(kept) k where jsonb_typeof(k) <> 'object');
  end if;
  if not v_is_list then
    perform ledger_private.refuse_argument('kept', 'Give a list of seals as npm run seal wrote them.');
  end if;
  return query select f.* from ledger_private.verify_seals() f;
  return query
    select 'seal_missing', null::uuid, null::bigint, null::uuid,
        jsonb_build_object('seal', k.seq, 'kept', k.hash, 'found', s.hash)
      from jsonb_populate_recordset(null::ledger.seals, kept) k
      left join ledger.seals s on s.seq = k.seq
      where s is distinct from k;
end
$$;

comment on function ledger.ledger_verify_seals(jsonb) is
$$@behavior -*
Proves the seals again from the rows that they sealed, in one snapshot; and that the ledger still has those that were kept elsewhere. Every
broken rule is a row.

- kept: a list of seals, each an object with all facts of it; none if left out.

Rules:

- seal_chain: seals are numbered without gaps, and each covers the one before
- seal_root: the tree over the sealed entries has the root and the counts that the seal says
- seal_entry: what was sealed is there, and what was to be sealed was
- seal_missing: a seal that was kept elsewhere is in the ledger, unchanged

Refuses with INVALID_ARGUMENT (WLARG).$$;

revoke all on function ledger.ledger_verify_seals(jsonb) from public;
grant execute on function ledger.ledger_verify_seals(jsonb) to wallet_auditor;
