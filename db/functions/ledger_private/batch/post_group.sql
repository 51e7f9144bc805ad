create or replace function ledger_private.post_group(
  requests ledger.wallet_request[],
  all_or_nothing boolean,
  absent uuid[]
)
returns setof ledger.outcome
language plpgsql
volatile
as $$
declare
  c_most constant int := 512;
  -- How many are tried together; how many are booked alone before that, and before the try after it.
  v_size int := c_most;
  v_alone int := 0;
  v_next int := 1;
  v_window ledger.wallet_request[];
  v_booked int;
  v_done int := 0;
  v_outcome ledger.outcome;
  v_busy uuid[] := '{}';
  v_detail text;
  v_hint text;
begin
  while v_done < cardinality(requests) loop
    if v_alone = 0 then
      -- Not a slice, for which the whole list would be copied each time.
      v_window := case when v_done = 0 and cardinality(requests) <= v_size then requests else array(
        select requests[i] from generate_series(v_done + 1, least(v_done + v_size, cardinality(requests))) i order by i)
      end;
      if (v_window[1]).kind = 'opening' then
        return query select r, null::ledger.refusal from ledger_private.post_openings(v_window, absent) r;
      else
        return query select o.* from unnest(ledger_private.post_usual(v_window, absent)) o;
      end if;
      get diagnostics v_booked = row_count;
      v_done := v_done + v_booked;
      if v_booked = cardinality(v_window) then
        v_size := least(2 * v_size, c_most);
      else
        -- The next one is not usual, and what was found out of those behind it is lost: fewer are tried then. Where
        -- none was booked, more are alone each time: a list that is sent again costs few tries.
        v_size := greatest(v_booked, 2);
        v_next := case v_booked when 0 then least(2 * v_next, c_most) else 1 end;
        v_alone := v_next;
      end if;
    else
      if all_or_nothing then
        v_outcome := row(ledger_private.post_item(requests[v_done + 1], absent), null)::ledger.outcome;
      else
        v_outcome := ledger_private.outcome_of(requests[v_done + 1], absent, v_busy);
      end if;
      if (v_outcome.refusal).code = '55P03' then
        v_busy := v_busy || requests[v_done + 1].wallet_id || requests[v_done + 1].counterparty_id;
      end if;
      return next v_outcome;
      v_done := v_done + 1;
      v_alone := v_alone - 1;
    end if;
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

comment on function ledger_private.post_group is
$$Books many requests, whose wallets are locked, in their order, and returns what came of each. All or nothing: the
first that is refused ends the call, with its index, counted from 0, in the detail.$$;
