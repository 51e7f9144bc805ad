create or replace function ledger_private.usual_heads(wallet_ids uuid[], at_time timestamptz)
returns table (id uuid, asset_code text, line ledger_private.line)
language sql
stable
as $$
  select w.id, w.asset_code, row(w.id, coalesce(e.seq, 0), coalesce(e.balance, 0), coalesce(e.bonus_balance, 0),
    coalesce(e.topped_up_total, 0), coalesce(e.granted_total, 0), coalesce(e.spent_total, 0), coalesce(e.sent_total, 0),
    greatest(e.created_at, at_time), e.hash, true)::ledger_private.line
  from ledger.wallets w
  left join lateral (
    select h.* from ledger.entries h where h.wallet_id = w.id order by h.seq desc limit 1
  ) e on true
  where w.id = any (wallet_ids) and w.status = 'open' and w.own_limits is null
    and coalesce(e.held_balance, 0) = 0 and e.owed is null
    and w.asset_code <> all (array(select l.asset_code from ledger.asset_limits l where l.seq = 1))
    -- So far below the end that no list of requests reaches it.
    and coalesce(greatest(e.balance, e.topped_up_total, e.granted_total, e.spent_total, e.sent_total), 0)
      <= 8000000000000000000
    and (coalesce(e.bonus_balance, 0) = 0 or (
      select o.lot_seq from ledger_private.open_lots o where o.wallet_id = w.id order by o.expires_at, o.lot_seq limit 1
    ) is null)
$$;

comment on function ledger_private.usual_heads is
$$What stands in those of many locked wallets of which nothing but the balance can refuse a usual call: they are open,
nothing is reserved or owed, none of their credits expires, and neither they nor their assets have limits.$$;
