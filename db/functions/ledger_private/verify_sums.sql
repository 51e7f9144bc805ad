create or replace function ledger_private.verify_sums()
returns setof ledger.finding
language sql
stable
as $$
  with heads as (
    select distinct on (e.wallet_id) e.wallet_id, e.balance, e.bonus_balance
    from ledger.entries e
    order by e.wallet_id, e.seq desc
  ), sums as (
    select w.asset_code,
      coalesce(sum(h.balance) filter (where w.normal_side = 'debit'), 0) as debit,
      coalesce(sum(h.balance) filter (where w.normal_side = 'credit'), 0) as credit,
      coalesce(sum(h.bonus_balance) filter (where w.normal_side = 'debit'), 0) as debit_bonus,
      coalesce(sum(h.bonus_balance) filter (where w.normal_side = 'credit'), 0) as credit_bonus
    from heads h
    join ledger.wallets w on w.id = h.wallet_id
    group by w.asset_code
  )
  select 'asset_sum', null::uuid, null::bigint, null::uuid, to_jsonb(s)
  from sums s
  where s.debit <> s.credit or s.debit_bonus <> s.credit_bonus
$$;

comment on function ledger_private.verify_sums() is
  'A finding for each asset whose debit-normal and credit-normal balances have different sums, bonus credits counted too.';

revoke all on function ledger_private.verify_sums() from public;
grant execute on function ledger_private.verify_sums() to wallet_auditor;
