create or replace function ledger_private.replay(request ledger.transfers)
returns ledger.receipt
language plpgsql
stable
as $$
declare
  v_first ledger.transfers;
  v_entry ledger.entries;
begin
  select t.* into strict v_first from ledger.transfers t where t.wallet_id = request.wallet_id and t.idem_key = request.idem_key;
  perform ledger_private.check_replay(v_first, request);
  select e.* into strict v_entry
    from ledger.entries e
    where e.wallet_id = v_first.wallet_id
      and e.seq = case when v_first.debit_wallet_id = v_first.wallet_id then v_first.debit_seq else v_first.credit_seq end;
  return ledger_private.settled_receipt(v_first, v_entry, true);
end
$$;

comment on function ledger_private.replay(ledger.transfers) is
  'The receipt of the first request with this one''s key, with the balances of then; or WLKEY where the two differ.';

revoke all on function ledger_private.replay(ledger.transfers) from public;
