create or replace function ledger_private.sides(transfer ledger.transfers, entry ledger.entries, other_entry ledger.entries)
returns ledger.transfers
language plpgsql
immutable
as $$
begin
  if entry.side = 'debit' then
    transfer.debit_wallet_id := entry.wallet_id;
    transfer.debit_seq := entry.seq;
    transfer.credit_wallet_id := other_entry.wallet_id;
    transfer.credit_seq := other_entry.seq;
  else
    transfer.debit_wallet_id := other_entry.wallet_id;
    transfer.debit_seq := other_entry.seq;
    transfer.credit_wallet_id := entry.wallet_id;
    transfer.credit_seq := entry.seq;
  end if;
  transfer.created_at := entry.created_at;
  return transfer;
end
$$;

comment on function ledger_private.sides(ledger.transfers, ledger.entries, ledger.entries) is
$$A movement with its sides, from the acting wallet's entry and the other's (null if it has none), and its time: that of the first.$$;

revoke all on function ledger_private.sides(ledger.transfers, ledger.entries, ledger.entries) from public;
