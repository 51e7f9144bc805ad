create or replace function ledger_private.refuse_funds(entry ledger.entries)
returns void
language plpgsql
immutable
as $$
declare
  v_available bigint := entry.balance + entry.amount - entry.held_balance;
begin
  perform ledger_private.refuse('WLFND',
    format('insufficient funds: %s available, %s requested', v_available, entry.amount),
    jsonb_build_object('wallet_id', entry.wallet_id, 'available', v_available::text, 'requested', entry.amount::text),
    'Ask for no more than is available, or top the wallet up first.');
end
$$;

comment on function ledger_private.refuse_funds(ledger.entries) is
  'Refuses with WLFND an entry that would take more out of a wallet than is available.';

revoke all on function ledger_private.refuse_funds(ledger.entries) from public;
