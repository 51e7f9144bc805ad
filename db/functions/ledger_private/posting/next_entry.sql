create or replace function ledger_private.next_entry(
  head ledger.entries,
  wallet_id uuid,
  transfer_id uuid,
  kind ledger.transfer_kind,
  side ledger.entry_side,
  account ledger.account,
  amount bigint,
  bonus_amount bigint,
  held_amount bigint,
  at_time timestamptz
)
returns ledger.entries
language plpgsql
stable
as $$
declare
  v_entry ledger.entries;
  -- A debt, and one that is given up, move nothing of the wallet: they are between two accounts of the house.
  v_sign int := case when side = 'credit' then 1 when side = 'debit' then -1 else 0 end;
begin
  v_entry.wallet_id := wallet_id;
  v_entry.transfer_id := transfer_id;
  v_entry.kind := kind;
  v_entry.debit := case when kind = 'debt' then 'receivables' when side = 'debit' then 'player' else account end;
  v_entry.credit := case when kind = 'forgiveness' then 'receivables' when side = 'credit' then 'player'
    else account end;
  v_entry.seq := coalesce(head.seq, 0) + 1;
  v_entry.amount := amount;
  v_entry.bonus_amount := bonus_amount;
  v_entry.held_amount := held_amount;
  v_entry.balance := coalesce(head.balance, 0) + v_sign * amount;
  v_entry.bonus_balance := coalesce(head.bonus_balance, 0) + v_sign * bonus_amount;
  v_entry.held_balance := coalesce(head.held_balance, 0) + held_amount;
  v_entry.paid_balance := v_entry.balance - v_entry.bonus_balance;
  v_entry.free_balance := v_entry.balance - v_entry.held_balance;
  v_entry.topped_up_total := coalesce(head.topped_up_total, 0) + case kind when 'top_up' then amount else 0 end;
  v_entry.granted_total := coalesce(head.granted_total, 0) + case kind when 'bonus' then amount else 0 end;
  v_entry.spent_total := coalesce(head.spent_total, 0) + case when kind in ('spend', 'capture') then amount else 0 end;
  v_entry.sent_total := coalesce(head.sent_total, 0) + case when kind = 'transfer' and side = 'debit'
    then amount else 0 end;
  v_entry.owed := nullif(coalesce(head.owed, 0) + case when kind = 'debt' then amount
    when kind in ('collection', 'forgiveness') then -amount else 0 end, 0);
  -- A wallet's time never runs backwards, even if the server's clock does.
  v_entry.created_at := greatest(at_time, head.created_at);
  v_entry.xid := pg_current_xact_id();
  v_entry.hash := head.hash;
  return v_entry;
end
$$;

comment on function ledger_private.next_entry is
$$The entry that follows a wallet's head (null: its first), with the account on the other side; side is null where both
are the house's. Its hash is still the head's, to which chained() chains it. The domain of the balances refuses what is
below zero.$$;
