create or replace function ledger_private.not_reversible(original ledger.entries, requested bigint, available bigint)
returns ledger.refusal
language sql
immutable
as $$
  select ledger_private.refusal('WLREV',
    case when r.able then format('not reversible: %s left of %s', available, original.amount)
      else format('not reversible: a %s', original.kind) end,
    jsonb_build_object('wallet_id', original.wallet_id, 'transfer_id', original.transfer_id, 'kind', original.kind,
      'left', case when r.able then available else 0 end::text, 'requested', requested::text),
    case when r.able then 'Ask for no more than is left to reverse.'
      else 'Only top-ups, bonuses, spends, captures and transfers are reversed.' end)
  from (select original.kind in ('top_up', 'bonus', 'spend', 'capture', 'transfer')) r (able)
  where not r.able or available <= 0 or requested > available
$$;

comment on function ledger_private.not_reversible is
  'WLREV: more of a movement is to be reversed than is left (available), or its kind cannot be reversed.';
