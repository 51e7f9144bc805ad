create or replace function ledger_private.replay(first ledger.transfers, request ledger.transfers)
returns ledger.receipt
language plpgsql
stable
as $$
declare
  v_entry ledger.entries;
begin
  perform ledger_private.check_replay(first, request);
  select e.* into strict v_entry
    from ledger.entries e
    where e.wallet_id = first.wallet_id
      and e.seq = case when first.debit_wallet_id = first.wallet_id then first.debit_seq else first.credit_seq end;
  return ledger_private.receipt(first, v_entry, true);
end
$$;

comment on function ledger_private.replay(ledger.transfers, ledger.transfers) is
  'The receipt of a key''s first request, with the balances of then, for a request that repeats it; or WLKEY.';

revoke all on function ledger_private.replay(ledger.transfers, ledger.transfers) from public;
