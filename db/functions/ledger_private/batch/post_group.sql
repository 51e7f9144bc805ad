create or replace function ledger_private.post_group(requests ledger.wallet_request[], all_or_nothing boolean)
returns setof ledger.outcome
language plpgsql
volatile
as $$
declare
  v_done int := 0;
  v_outcome ledger.outcome;
  v_nothing ledger.outcome;
  v_detail text;
  v_hint text;
begin
  while v_done < cardinality(requests) loop
    v_outcome := v_nothing;
    if all_or_nothing then
      v_outcome.receipt := ledger_private.post_item(requests[v_done + 1]);
    else
      v_outcome := ledger_private.outcome_of(requests[v_done + 1]);
    end if;
    return next v_outcome;
    v_done := v_done + 1;
  end loop;
exception when others then
  if sqlstate not like 'WL%' then
    raise;
  end if;
  get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
  perform ledger_private.refuse(ledger_private.refusal(
    sqlstate, sqlerrm, v_detail::jsonb || jsonb_build_object('index', v_done), v_hint));
end
$$;

comment on function ledger_private.post_group(ledger.wallet_request[], boolean) is
$$Books many requests, whose wallets are locked, in their order, and returns what came of each. All or nothing: the first that is refused ends
the call, with its index, counted from 0, in the detail.$$;

revoke all on function ledger_private.post_group(ledger.wallet_request[], boolean) from public;
