create or replace function ledger_private.seal(
  transfer ledger.transfers,
  entry ledger.entries,
  other_entry ledger.entries
)
returns ledger_private.sealed
language plpgsql
stable
as $$
declare
  v_bytes bytea;
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
  v_bytes := ledger_private.transfer_bytes(transfer);
  entry.hash := ledger_private.entry_hash(entry.hash, ledger_private.entry_bytes(entry, v_bytes));
  if other_entry.wallet_id is not null then
    other_entry.hash := ledger_private.entry_hash(other_entry.hash, ledger_private.entry_bytes(other_entry, v_bytes));
  end if;
  return row(transfer, entry, other_entry);
end
$$;

comment on function ledger_private.seal(ledger.transfers, ledger.entries, ledger.entries) is
$$A movement as it will be written: its sides from the acting wallet's entry and the other's (null if it has none), its time that of the first, and
both entries with their own hashes. These come in as the hashes of the heads that they follow.$$;

revoke all on function ledger_private.seal(ledger.transfers, ledger.entries, ledger.entries) from public;
