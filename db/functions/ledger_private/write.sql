create or replace function ledger_private.write(
  transfer ledger.transfers,
  entry ledger.entries,
  other_entry ledger.entries default null
)
returns ledger_private.sealed
language plpgsql
volatile
as $$
declare
  v_sealed ledger_private.sealed := ledger_private.seal(transfer, entry, other_entry);
begin
  perform ledger_private.write_all(array[v_sealed.transfer], case
    when other_entry.wallet_id is null then array[v_sealed.entry] else array[v_sealed.entry, v_sealed.other_entry] end);
  return v_sealed;
end
$$;

comment on function ledger_private.write(ledger.transfers, ledger.entries, ledger.entries) is
  'Seals and writes a movement, the acting wallet''s entry and the other''s if it has one, and returns them as written.';

revoke all on function ledger_private.write(ledger.transfers, ledger.entries, ledger.entries) from public;
