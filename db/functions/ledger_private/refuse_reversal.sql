create or replace function ledger_private.refuse_reversal(original ledger.transfers, requested bigint, available bigint)
returns void
language plpgsql
immutable
as $$
declare
  v_reversible boolean := original.kind in ('top_up', 'bonus', 'spend', 'capture', 'transfer');
begin
  perform ledger_private.refuse('WLREV',
    case when v_reversible then format('not reversible: %s left of %s', available, original.amount)
      else format('not reversible: a %s', original.kind) end,
    jsonb_build_object('wallet_id', original.wallet_id, 'transfer_id', original.id, 'kind', original.kind,
      'left', case when v_reversible then available else 0 end::text, 'requested', requested::text),
    case when v_reversible then 'Ask for no more than is left to reverse.'
      else 'Only top-ups, bonuses, spends, captures and transfers are reversed.' end);
end
$$;

comment on function ledger_private.refuse_reversal(ledger.transfers, bigint, bigint) is
  'Refuses with WLREV to reverse more of a movement than is left, or one that cannot be reversed.';

revoke all on function ledger_private.refuse_reversal(ledger.transfers, bigint, bigint) from public;
