create or replace function ledger_private.not_reversible(original ledger.entries, requested bigint, available bigint)
returns ledger.refusal
language plpgsql
immutable
as $$
declare
  v_reversible boolean := original.kind in ('top_up', 'bonus', 'spend', 'capture', 'transfer');
begin
  if v_reversible and available > 0 and (requested > available) is not true then
    return null;
  end if;
  return ledger_private.refusal('WLREV',
    case when v_reversible then format('not reversible: %s left of %s', available, original.amount)
      else format('not reversible: a %s', original.kind) end,
    jsonb_build_object('wallet_id', original.wallet_id, 'transfer_id', original.transfer_id, 'kind', original.kind,
      'left', case when v_reversible then available else 0 end::text, 'requested', requested::text),
    case when v_reversible then 'Ask for no more than is left to reverse.'
      else 'Only top-ups, bonuses, spends, captures and transfers are reversed.' end);
end
$$;

comment on function ledger_private.not_reversible is
$$WLREV: more of a movement is to be reversed than is left (available; all of it where requested is null), or its kind cannot be reversed; null where
it can.$$;
