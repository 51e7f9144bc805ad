create or replace function ledger_private.check_own_limits(wallet ledger.wallets, entry ledger.entries)
returns void
language plpgsql
volatile
as $$
declare
  v_limits ledger.asset_limits;
begin
  if greatest(entry.balance, entry.topped_up_total, entry.granted_total, entry.spent_total) > 9000000000000000000 then
    perform ledger_private.check_snapshot(array[entry.wallet_id]);
    perform ledger_private.refuse_overflow(entry);
  end if;
  select l.* into v_limits from ledger.asset_limits l where l.asset_code = wallet.asset_code order by l.seq desc limit 1;
  if found then
    perform ledger_private.check_limits(
      v_limits, entry, ledger_private.entry_at(entry.wallet_id, entry.created_at - interval '24 hours'));
  end if;
end
$$;

comment on function ledger_private.check_own_limits(ledger.wallets, ledger.entries) is
  'Refuses with WLLIM an entry of a player''s wallet, not yet written, above what the ledger counts to or a limit of the asset.';

revoke all on function ledger_private.check_own_limits(ledger.wallets, ledger.entries) from public;
