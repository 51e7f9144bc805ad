create or replace function ledger_private.post_others(
  requests ledger.wallet_request[],
  skipped boolean[],
  absent uuid[]
)
returns setof ledger.outcome
language plpgsql
volatile
as $$
declare
  v_tried ledger.wallet_request[] := array(
    select requests[i] from generate_series(1, cardinality(requests)) i where not skipped[i] order by i);
  v_outcomes ledger.outcome[] := array(select o from ledger_private.post_group(v_tried, false, absent) o);
  v_next int := 0;
begin
  for i in 1 .. cardinality(requests) loop
    if skipped[i] then
      return next ledger_private.busy_item(requests[i]);
    else
      v_next := v_next + 1;
      return next v_outcomes[v_next];
    end if;
  end loop;
end
$$;

comment on function ledger_private.post_others is
$$Books those of many requests that are not skipped, each for itself; the outcome of the others is that they are to be
sent again. In the order of the requests.$$;
