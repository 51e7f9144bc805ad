create or replace function ledger_private.opposite_entry(wallet ledger.wallets, entry ledger.entries, at_time timestamptz)
returns ledger.entries
language plpgsql
volatile
as $$
declare
  v_head ledger.entries;
  v_entry ledger.entries;
begin
  select e.* into v_head from ledger.entries e where e.wallet_id = wallet.id order by e.seq desc limit 1;
  v_entry := ledger_private.next_entry(wallet, v_head, case entry.side when 'debit' then 'credit'::ledger.entry_side else 'debit' end,
    entry.transfer_id, entry.kind, entry.amount, entry.bonus_amount, 0, at_time);
  if v_entry.balance > 9000000000000000000 then
    perform ledger_private.check_snapshot(array[entry.wallet_id, wallet.id]);
    perform ledger_private.refuse_overflow(v_entry);
  end if;
  return v_entry;
end
$$;

comment on function ledger_private.opposite_entry(ledger.wallets, ledger.entries, timestamptz) is
$$The entry, yet to be written, on the other side of the acting wallet's: in a wallet which is locked, a part of the house as a rule.$$;

revoke all on function ledger_private.opposite_entry(ledger.wallets, ledger.entries, timestamptz) from public;
