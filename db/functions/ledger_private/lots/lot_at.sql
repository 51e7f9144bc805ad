create or replace function ledger_private.lot_at(lot ledger.bonus_lots, seq bigint)
returns table (balance bigint, held_balance bigint)
language sql
stable
begin atomic
  select coalesce(d.balance, lot.amount), coalesce(d.held_balance, 0)
  from (select) as one
  left join lateral (
    select d.balance, d.held_balance
    from ledger.bonus_lot_draws d
    where d.wallet_id = lot.wallet_id and d.lot_seq = lot.seq and d.expires_at = lot.expires_at and d.seq <= lot_at.seq
    order by d.seq desc
    limit 1
  ) d on true;
end;

comment on function ledger_private.lot_at is
  'What was left in a lot, and how much of that was reserved, as the wallet''s entry of this number left it.';

grant execute on function ledger_private.lot_at
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
