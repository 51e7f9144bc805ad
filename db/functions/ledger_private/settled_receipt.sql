create or replace function ledger_private.settled_receipt(
  transfer ledger.transfers,
  entry ledger.entries,
  replayed boolean
)
returns ledger.receipt
language plpgsql
stable
-- A plan that was made while the table was small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_receipt ledger.receipt := ledger_private.receipt(transfer, entry, replayed);
begin
  if entry.bonus_balance > 0 then
    -- Everything else that had expired by then was booked before this entry.
    v_receipt.available := v_receipt.available - (
      select coalesce(sum(d.balance - d.held_balance), 0)
      from ledger.bonus_lot_draws d
      where d.seq = entry.seq and d.wallet_id = entry.wallet_id and d.expires_at <= entry.created_at);
  end if;
  return v_receipt;
end
$$;

comment on function ledger_private.settled_receipt(ledger.transfers, ledger.entries, boolean) is
$$The receipt of a movement that may have given credits back to lots which had expired by then: the same transaction books these to breakage
with the next entry, so they are not available. Its balances are those of the movement's own entry.$$;

revoke all on function ledger_private.settled_receipt(ledger.transfers, ledger.entries, boolean) from public;
