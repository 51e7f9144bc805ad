create or replace function ledger_private.outcome_of(item ledger.wallet_request, absent uuid[], busy uuid[])
returns ledger.outcome
language plpgsql
volatile
as $$
declare
  v_detail text;
  v_hint text;
begin
  -- What comes later in a wallet does not overtake what has to be sent again.
  if item.wallet_id = any (busy) or item.counterparty_id = any (busy) then
    return ledger_private.busy_item(item);
  end if;
  return row(ledger_private.post_item(item, absent), null)::ledger.outcome;
exception when others then
  -- Anything else is not about this item.
  if sqlstate = '55P03' and current_setting('ledger.waiting', true) = 'off' then
    return ledger_private.busy_item(item);
  elsif sqlstate not like 'WL%' then
    raise;
  end if;
  get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
  return row(null, row(sqlstate, sqlerrm, v_detail::jsonb, v_hint)::ledger.refusal)::ledger.outcome;
end
$$;

comment on function ledger_private.outcome_of is
  'Books one item of many for itself: where it is refused, it has changed nothing, and its refusal is the outcome.';
