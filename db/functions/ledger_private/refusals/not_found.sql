create or replace function ledger_private.not_found(request ledger.wallet_request)
returns ledger.refusal
language plpgsql
stable
as $$
begin
  -- Statements of their own: most requests name neither.
  if request.hold_id is not null then
    if not exists (select from ledger.holds h where h.wallet_id = request.wallet_id and h.id = request.hold_id) then
      return ledger_private.refusal('WLNOH', format('hold not found: %s', request.hold_id),
        jsonb_build_object('wallet_id', request.wallet_id, 'hold_id', request.hold_id),
          'Name a hold of this wallet by the hold_id of its receipt.');
    end if;
  elsif request.transfer_id is not null then
    if not exists (select from ledger_private.original(request.wallet_id, request.transfer_id)) then
      return ledger_private.refusal('WLNOT', format('transfer not found: %s', request.transfer_id),
        jsonb_build_object('wallet_id', request.wallet_id, 'transfer_id', request.transfer_id),
        'Name a transfer that this wallet, or one merged into it, acted in by the transfer_id of its receipt.');
    end if;
  end if;
  return null;
end
$$;

comment on function ledger_private.not_found is
  'WLNOH or WLNOT: the hold or the transfer that a request names is not there, or of another wallet.';
