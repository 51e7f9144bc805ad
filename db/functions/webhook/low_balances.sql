create or replace function webhook.low_balances(events ledger.event[])
returns setof webhook.notices
language sql
stable
as $$
  -- A balance falls where credits leave.
  select 0::bigint, null::uuid, 'balance.low', v.debit_wallet_id, v.debit_seq, e.balance::bigint, null::bigint,
    null::timestamptz, r.low_balance, clock_timestamp()
  from unnest(low_balances.events) v
  cross join lateral (
    select o.asset_code from ledger.wallets o where o.id = v.debit_wallet_id and o.merged_into is null limit 1
  ) w
  join webhook.notice_rules r on r.asset_code = w.asset_code
  cross join lateral (
    select n.balance from ledger.entries n where n.wallet_id = v.debit_wallet_id and n.seq = v.debit_seq limit 1
  ) e
  cross join lateral (
    select n.balance from ledger.entries n where n.wallet_id = v.debit_wallet_id and n.seq = v.debit_seq - 1 limit 1
  ) b
  where e.balance < r.low_balance and b.balance >= r.low_balance
$$;

comment on function webhook.low_balances is $$@behavior -*
Notices of the movements with which a balance fell below its asset's mark.$$;
