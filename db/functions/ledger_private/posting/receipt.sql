create or replace function ledger_private.receipt(entry ledger.entries, replayed boolean)
returns ledger.receipt
language plpgsql
stable
-- A plan that was made while the table was small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_expired bigint := 0;
  v_collected bigint := 0;
begin
  if entry.bonus_balance > 0 and entry.kind in ('capture', 'release', 'reversal') then
    -- Everything else that had expired by then was booked before this entry.
    v_expired := (
      select coalesce(sum(d.balance - d.held_balance), 0)
      from ledger.bonus_lot_draws d
      where d.seq = entry.seq and d.wallet_id = entry.wallet_id and d.expires_at <= entry.created_at);
  end if;
  if entry.bonus_balance > 0 and entry.kind = 'reversal' then
    -- In the successor of a merged wallet, what is given back is a lot of this entry.
    v_expired := v_expired + (
      select coalesce(sum(l.amount), 0)
      from ledger.bonus_lots l
      where l.wallet_id = entry.wallet_id and l.seq = entry.seq and l.expires_at <= entry.created_at);
  end if;
  if entry.owed > 0 and entry.kind = 'top_up' then
    -- What was collected of it, the next entry says.
    v_collected := coalesce((
      select c.amount
      from ledger.entries c
      where c.wallet_id = entry.wallet_id and c.seq = entry.seq + 1 and c.kind = 'collection' and c.idem_key is null),
      0);
  end if;
  return row(
    entry.transfer_id, entry.wallet_id, entry.seq, entry.kind,
    case when entry.kind in ('hold', 'release') then abs(entry.held_amount) else entry.amount end,
    coalesce(entry.held_bonus_amount, entry.bonus_amount),
    entry.balance, entry.bonus_balance, entry.held_balance, entry.free_balance - v_expired - v_collected,
    entry.hold_id, replayed, entry.created_at, coalesce(entry.owed, 0) - v_collected, false
  )::ledger.receipt;
end
$$;

comment on function ledger_private.receipt is
$$The receipt of a movement, from the acting wallet's entry. What that gave back to expired lots is not available: the
next entry of the same transaction books it to breakage. Nor is what of a top-up was collected for a debt.$$;
