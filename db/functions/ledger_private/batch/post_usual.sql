create or replace function ledger_private.post_usual(requests ledger.wallet_request[])
returns setof ledger.receipt
language plpgsql
volatile
as $$
declare
  v_standings ledger_private.standing[];
  v_items ledger.wallet_request[];
  v_parts bigint[];
  v_ids uuid[];
  v_actor text := ledger_private.actor();
  v_now timestamptz := clock_timestamp();
begin
  -- Above READ COMMITTED what stands in a wallet may be old.
  if current_setting('transaction_isolation') <> 'read committed' then
    return;
  end if;
  v_standings := array(select s from ledger_private.standings(requests) s);
  v_items := requests[: ledger_private.usual_items(requests, v_standings)];
  if cardinality(v_items) = 0 then
    return;
  end if;
  v_parts := ledger_private.bonus_parts(v_items, v_standings);
  v_ids := array(select uuidv7() from generate_series(1, cardinality(v_items)));
  perform set_config('ledger.posting', 'on', true);
  return query
  with written as (
    insert into ledger.entries
      select * from ledger_private.usual_lines(requests => v_items, standings => v_standings, parts => v_parts, ids => v_ids,
        actor => v_actor, at_time => v_now)
      returning transfer_id, wallet_id, seq, kind, amount, bonus_amount, balance, bonus_balance, created_at, actor
  )
  select w.transfer_id, w.wallet_id, w.seq, w.kind, w.amount, w.bonus_amount, w.balance::bigint, w.bonus_balance::bigint, 0::bigint,
      w.balance::bigint, null::uuid, false, w.created_at
    from written w
    where w.actor is not null
    -- The ids were given in the order of the requests.
    order by w.transfer_id;
  perform set_config('ledger.posting', '', true);
end
$$;

comment on function ledger_private.post_usual(ledger.wallet_request[]) is
$$Books the first of many requests, whose wallets are locked, by few statements: up to the one of which something could
be refused, or which is no usual call. Returns their receipts, in order.$$;

revoke all on function ledger_private.post_usual(ledger.wallet_request[]) from public;
