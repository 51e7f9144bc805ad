create or replace function ledger_private.standings(requests ledger.wallet_request[])
returns setof ledger_private.standing
language sql
stable
as $$
  select w.id, w.asset_code, coalesce(e.seq, 0), coalesce(e.balance, 0), coalesce(e.bonus_balance, 0), coalesce(e.topped_up_total, 0),
    coalesce(e.granted_total, 0), coalesce(e.spent_total, 0), coalesce(e.sent_total, 0), e.created_at, e.hash
  from (
    select r.wallet_id as id from unnest(requests) r union select r.counterparty_id from unnest(requests) r where r.kind = 'transfer'
  ) n
  join ledger.wallets w on w.id = n.id
  left join lateral (
    select h.seq, h.balance, h.bonus_balance, h.held_balance, h.topped_up_total, h.granted_total, h.spent_total, h.sent_total, h.created_at, h.hash
      from ledger.entries h where h.wallet_id = w.id order by h.seq desc limit 1
  ) e on true
  where w.status = 'open' and w.asset_code <> all (array(select l.asset_code from ledger.asset_limits l where l.seq = 1))
    and coalesce(e.held_balance, 0) = 0
    -- So far below the end that no list of requests reaches it.
    and coalesce(greatest(e.balance, e.topped_up_total, e.granted_total, e.spent_total, e.sent_total), 0) <= 8000000000000000000
    and (coalesce(e.bonus_balance, 0) = 0
      or (select o.lot_seq from ledger_private.open_lots o where o.wallet_id = w.id order by o.expires_at, o.lot_seq limit 1) is null)
$$;

comment on function ledger_private.standings(ledger.wallet_request[]) is
$$What stands in those of the wallets of many requests, which are locked, in which nothing but the balance can refuse a usual call: they are open, nothing is reserved, none of
their credits expires, and their asset has no limits.$$;

revoke all on function ledger_private.standings(ledger.wallet_request[]) from public;
