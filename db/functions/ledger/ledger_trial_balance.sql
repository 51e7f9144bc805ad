create or replace function ledger.ledger_trial_balance(asset_code text default null)
returns setof ledger.trial_balance
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select w.asset_code, coalesce(w.house::text, 'players'),
    coalesce(sum(h.balance) filter (where w.normal_side = 'debit'), 0),
    coalesce(sum(h.balance) filter (where w.normal_side = 'credit'), 0)
  from ledger.wallets w
  left join lateral (
    select e.balance from ledger.entries e where e.wallet_id = w.id order by e.seq desc limit 1
  ) h on true
  where ledger_trial_balance.asset_code is null or w.asset_code = ledger_trial_balance.asset_code
  group by w.asset_code, w.house
  order by w.asset_code, w.house nulls last
$$;

comment on function ledger.ledger_trial_balance(text) is
$$The trial balance: per asset and account the balance on its normal side. Within an asset, debits and credits have the same sum.

- assetCode: one asset; all of them if left out.$$;

revoke all on function ledger.ledger_trial_balance(text) from public;
grant execute on function ledger.ledger_trial_balance(text) to wallet_auditor;
