create or replace function ledger_private.verify_kept(kept jsonb)
returns setof ledger.finding
language plpgsql
stable
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
    perform ledger_private.refuse(ledger_private.invalid_argument('kept',
      'Give a list of seals as npm run seal wrote them.'));
  end if;
  return query
    select 'seal_missing', null::uuid, null::bigint, null::uuid,
        jsonb_build_object('seal', k.seq, 'kept', k.hash, 'found', s.hash)
      from jsonb_populate_recordset(null::ledger.blocks, kept) k
      left join ledger.blocks s on s.seq = k.seq
      -- Without what follows from the entries: releases add to that, and no hash covers it.
      where to_jsonb(s) - 'counted_until' is distinct from to_jsonb(k) - 'counted_until';
end
$$;

comment on function ledger_private.verify_kept is
  'A finding for each seal that was kept elsewhere and is not in the ledger as it was. WLARG: no list of seals.';

grant execute on function ledger_private.verify_kept to wallet_auditor;
