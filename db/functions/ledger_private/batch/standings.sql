create or replace function ledger_private.standings(wallet_ids uuid[])
returns setof ledger_private.standing
language sql
stable
as $$
  with wallets as materialized (
    select w.id, w.asset_code
      from (select distinct u.id from unnest(wallet_ids) u (id)) n
      join ledger.wallets w on w.id = n.id
      where w.status = 'open'
  ), unlimited as materialized (
    select a.asset_code
      from (select distinct w.asset_code from wallets w) a
      where (select l.seq from ledger.asset_limits l where l.asset_code = a.asset_code and l.seq = 1) is null
  )
  select w.id, w.asset_code, coalesce(e.seq, 0), coalesce(e.balance, 0), coalesce(e.bonus_balance, 0), coalesce(e.topped_up_total, 0),
    coalesce(e.granted_total, 0), coalesce(e.spent_total, 0), coalesce(e.sent_total, 0), e.created_at, e.hash
  from wallets w
  join unlimited a on a.asset_code = w.asset_code
  left join lateral (
    select h.seq, h.balance, h.bonus_balance, h.held_balance, h.topped_up_total, h.granted_total, h.spent_total, h.sent_total, h.created_at, h.hash
      from ledger.entries h where h.wallet_id = w.id order by h.seq desc limit 1
  ) e on true
  where coalesce(e.held_balance, 0) = 0
    -- So far below the end that no list of requests reaches it.
    and coalesce(greatest(e.balance, e.topped_up_total, e.granted_total, e.spent_total, e.sent_total), 0) <= 8000000000000000000
    and (coalesce(e.bonus_balance, 0) = 0
      or (select o.lot_seq from ledger_private.open_lots o where o.wallet_id = w.id limit 1) is null)
$$;

comment on function ledger_private.standings(uuid[]) is
$$What stands in those of the locked wallets in which nothing but the balance can refuse a usual call: they are open, nothing is reserved, none of
their credits expires, and their asset has no limits.$$;

revoke all on function ledger_private.standings(uuid[]) from public;
