create or replace function ledger_private.opposite_entry(wallet_id uuid, side ledger.entry_side, transfer ledger.transfers)
returns ledger.entries
language plpgsql
volatile
as $$
declare
  v_wallet ledger.wallets;
  v_head ledger.entries;
  v_entry ledger.entries;
begin
  select w.* into strict v_wallet from ledger.wallets w where w.id = opposite_entry.wallet_id for no key update;
  select e.* into v_head from ledger.entries e where e.wallet_id = opposite_entry.wallet_id order by e.seq desc limit 1;
  v_entry := ledger_private.next_entry(v_wallet, v_head, side, transfer.id, transfer.kind, transfer.amount, transfer.bonus_amount, 0,
    transfer.created_at);
  if v_entry.balance > 9000000000000000000 then
    perform ledger_private.check_snapshot(array[transfer.wallet_id, wallet_id]);
    perform ledger_private.refuse_overflow(v_entry);
  end if;
  return v_entry;
end
$$;

comment on function ledger_private.opposite_entry(uuid, ledger.entry_side, ledger.transfers) is
  'Locks the wallet on the other side of a movement, a part of the house as a rule, and makes its entry, which is yet to be written.';

revoke all on function ledger_private.opposite_entry(uuid, ledger.entry_side, ledger.transfers) from public;
