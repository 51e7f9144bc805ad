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
  transfer := ledger_private.sides(transfer, entry, other_entry);
  transfer.xid := pg_current_xact_id();
  v_bytes := ledger_private.transfer_bytes(transfer);
  entry.hash := ledger_private.link_hash(entry, v_bytes);
  if other_entry.wallet_id is not null then
    other_entry.hash := ledger_private.link_hash(other_entry, v_bytes);
  end if;
  return row(transfer, entry, other_entry);
end
$$;

comment on function ledger_private.seal(ledger.transfers, ledger.entries, ledger.entries) is
$$A movement as it will be written: its sides from the acting wallet's entry and the other's (null if it has none), its time that of the first,
its place in the feed, and both entries with their own hashes. These come in as the hashes of the heads that they follow.$$;

revoke all on function ledger_private.seal(ledger.transfers, ledger.entries, ledger.entries) from public;
