create or replace function ledger_private.opposite_entry(wallet ledger.wallets, side ledger.entry_side, transfer ledger.transfers)
returns ledger.entries
language plpgsql
volatile
as $$
declare
  v_head ledger.entries;
  v_entry ledger.entries;
begin
  select e.* into v_head from ledger.entries e where e.wallet_id = wallet.id order by e.seq desc limit 1;
  v_entry := ledger_private.next_entry(wallet, v_head, side, transfer.id, transfer.kind, transfer.amount, transfer.bonus_amount, 0,
    transfer.created_at);
  if v_entry.balance > 9000000000000000000 then
    perform ledger_private.check_snapshot(array[transfer.wallet_id, wallet.id]);
    perform ledger_private.refuse_overflow(v_entry);
  end if;
  return v_entry;
end
$$;

comment on function ledger_private.opposite_entry(ledger.wallets, ledger.entry_side, ledger.transfers) is
  'The entry, yet to be written, of a movement in the wallet on its other side, which is locked: a part of the house as a rule.';

revoke all on function ledger_private.opposite_entry(ledger.wallets, ledger.entry_side, ledger.transfers) from public;
