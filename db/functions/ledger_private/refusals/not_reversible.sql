create or replace function ledger_private.not_reversible(
  original ledger.entries, requested bigint, available bigint, owe boolean default false, acting uuid default null
)
returns ledger.refusal
language sql
immutable
return (
  select ledger_private.refusal('WLREV',
    case when r.able and r.apart then format('not reversible: a %s of a merged wallet', original.kind)
      when r.able and r.whole and available > 0 then format('not reversible: %s of an exchange', requested)
      when r.able and available > 0 and (requested > available) is not true
        then format('not reversible: no debt of a %s', original.kind)
      when r.able then format('not reversible: %s left of %s', available, original.amount)
      else format('not reversible: a %s', original.kind) end,
    jsonb_build_object('wallet_id', original.wallet_id, 'transfer_id', original.transfer_id, 'kind', original.kind,
      'left', case when r.able then available else 0 end::text, 'requested', requested::text),
    case when r.able and r.apart then
        'An exchange of a merged wallet, or its transfer to its successor, is not reversed: adjust what is wrong.'
      when r.able and r.whole then 'An exchange is reversed as a whole: leave the amount out.'
      when r.able and available > 0 and (requested > available) is not true
        then 'Only what is gone of a top-up becomes a debt: leave owe out.'
      when r.able then 'Ask for no more than is left to reverse.'
      else 'Only top-ups, bonuses, spends, captures, transfers and exchanges are reversed; adjust what is wrong.'
      end)
  from (
    select original.kind in ('top_up', 'bonus', 'spend', 'capture', 'transfer', 'exchange'), original.kind = 'exchange',
      original.wallet_id <> acting and (original.kind = 'exchange' or original.to_wallet = acting)
  ) r (able, whole, apart)
  where not r.able or r.apart or available <= 0 or requested > available or r.whole and requested < available
    or owe and original.kind <> 'top_up');

comment on function ledger_private.not_reversible is
$$WLREV: more of a movement is to be reversed than is left (available), or its kind cannot be reversed,
or leaves no debt.$$;

grant execute on function ledger_private.not_reversible
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
