create or replace function ledger_private.counterparty(
  entry ledger.entries,
  transfer ledger.transfers,
  reversed_kind ledger.transfer_kind
)
returns text
language sql
stable
return case
  when entry.kind = 'reversal' and reversed_kind is null then null
  -- Only players' wallets act. The house is named by its account; which stripe of it took part is nobody's concern.
  when entry.wallet_id = transfer.wallet_id
    and ledger_private.house_account(coalesce(reversed_kind, entry.kind)) is not null
    then ledger_private.house_account(coalesce(reversed_kind, entry.kind))::text
  when entry.side = 'debit' then transfer.credit_wallet_id::text
  else transfer.debit_wallet_id::text end;

comment on function ledger_private.counterparty(ledger.entries, ledger.transfers, ledger.transfer_kind) is
'The other side of an entry: the house''s account or a wallet''s id. Its transfer is null where the caller may not see it; of a reversal,
reversed_kind is the kind of the transfer that it reverses.';

revoke all on function ledger_private.counterparty(ledger.entries, ledger.transfers, ledger.transfer_kind) from public;
grant execute on function ledger_private.counterparty(ledger.entries, ledger.transfers, ledger.transfer_kind)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
