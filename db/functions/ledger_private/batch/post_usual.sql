create or replace function ledger_private.post_usual(requests ledger.wallet_request[], absent uuid[])
returns setof ledger.receipt
language plpgsql
volatile
as $$
declare
  v_ids uuid[] := array(select uuidv7() from generate_series(1, cardinality(requests)));
  v_actor text := ledger_private.actor();
  v_now timestamptz := clock_timestamp();
  v_constraint text;
begin
  -- Above READ COMMITTED what stands in a wallet may be old.
  if current_setting('transaction_isolation') <> 'read committed' then
    return;
  end if;
  perform set_config('ledger.posting', 'on', true);
  return query
  with written as (
    insert into ledger.entries
      select * from ledger_private.usual_entries(
        requests => requests, absent => absent, ids => v_ids, actor => v_actor, at_time => v_now)
      returning transfer_id, wallet_id, seq, kind, amount, bonus_amount, balance, bonus_balance, created_at, actor
  )
  select w.transfer_id, w.wallet_id, w.seq, w.kind, w.amount, w.bonus_amount, w.balance::bigint,
      w.bonus_balance::bigint, 0::bigint, w.balance::bigint, null::uuid, false, w.created_at, 0::bigint, false
    from written w
    where w.actor is not null
    -- The ids were given in the order of the requests.
    order by w.transfer_id;
  perform set_config('ledger.posting', '', true);
exception when unique_violation then
  get stacked diagnostics v_constraint = constraint_name;
  if v_constraint <> 'entries_idem_key_wallet_id_key' then
    raise;
  end if;
  -- Keys that have been used are answered one by one.
end
$$;

comment on function ledger_private.post_usual is
$$Books the first of many requests, whose wallets are locked, by few statements: up to the one of which something could
be refused, or which is no usual call. Returns their receipts, in order; none where one of their keys has been used.$$;
