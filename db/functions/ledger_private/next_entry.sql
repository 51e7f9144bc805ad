create or replace function ledger_private.next_entry(
  wallet ledger.wallets,
  head ledger.entries,
  side ledger.entry_side,
  transfer_id uuid,
  kind ledger.transfer_kind,
  amount bigint,
  bonus_amount bigint,
  held_amount bigint,
  at_time timestamptz
)
returns ledger.entries
language plpgsql
immutable
as $$
declare
  v_entry ledger.entries := head;
begin
  -- Field by field: one expression for all of them takes twice as long to set up, and that is done anew in each transaction.
  if v_entry.seq is null then
    v_entry := row(wallet.id, 0, null, null, null, 0, 0, 0, 0, 0, 0, 0, 0, 0, null, at_time);
  end if;
  v_entry.seq := v_entry.seq + 1;
  v_entry.transfer_id := transfer_id;
  v_entry.kind := kind;
  v_entry.side := side;
  v_entry.amount := amount;
  v_entry.bonus_amount := bonus_amount;
  v_entry.held_amount := held_amount;
  v_entry.held_balance := v_entry.held_balance + held_amount;
  if side = wallet.normal_side then
    v_entry.balance := v_entry.balance + amount;
    v_entry.bonus_balance := v_entry.bonus_balance + bonus_amount;
  else
    v_entry.balance := v_entry.balance - amount;
    v_entry.bonus_balance := v_entry.bonus_balance - bonus_amount;
  end if;
  if kind in ('spend', 'capture') then
    v_entry.spent_total := v_entry.spent_total + amount;
  elsif kind = 'top_up' then
    v_entry.topped_up_total := v_entry.topped_up_total + amount;
  elsif kind = 'bonus' then
    v_entry.granted_total := v_entry.granted_total + amount;
  end if;
  -- A wallet's time never runs backwards, even if the server's clock does.
  if at_time > v_entry.created_at then
    v_entry.created_at := at_time;
  end if;
  return v_entry;
end
$$;

comment on function ledger_private.next_entry(
  ledger.wallets, ledger.entries, ledger.entry_side, uuid, ledger.transfer_kind, bigint, bigint, bigint, timestamptz
) is
$$The entry that follows a wallet's head (null for a wallet without entries). Its hash is still the head's: what it will be chained to.$$;

revoke all on function ledger_private.next_entry(
  ledger.wallets, ledger.entries, ledger.entry_side, uuid, ledger.transfer_kind, bigint, bigint, bigint, timestamptz
) from public;
