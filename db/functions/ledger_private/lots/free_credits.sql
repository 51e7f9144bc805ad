create or replace function ledger_private.free_credits(
  head ledger.entries,
  reserved_bonus bigint,
  source text,
  lot_seq bigint,
  expires_at timestamptz
)
returns bigint
language sql
stable
as $$
  select case source
    when 'paid' then head.balance - head.bonus_balance - (head.held_balance - reserved_bonus)
    when 'bonus' then head.bonus_balance - reserved_bonus - (
      select coalesce(sum(s.balance - s.held_balance), 0)::bigint
      from ledger_private.open_lots o
      join ledger.bonus_lots l on l.wallet_id = o.wallet_id and l.seq = o.lot_seq and l.expires_at = o.expires_at
      cross join lateral ledger_private.lot_at(l, head.seq) s
      where o.wallet_id = head.wallet_id)
    else (
      select s.balance - s.held_balance
      from ledger.bonus_lots l
      cross join lateral ledger_private.lot_at(l, head.seq) s
      where l.wallet_id = head.wallet_id and l.seq = free_credits.lot_seq and l.expires_at = free_credits.expires_at)
  end
$$;

comment on function ledger_private.free_credits is
$$What of a wallet's credits of one source is not reserved: paid credits, bonus credits that do not expire (source bonus), or those of one lot.
Nothing is due in the wallet; reserved_bonus is what of its bonus credits is reserved.$$;

grant execute on function ledger_private.free_credits
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
