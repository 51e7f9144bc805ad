create or replace function ledger_private.check_request(request ledger.transfers)
returns boolean
language plpgsql
immutable
as $$
declare
  -- One expression for all rules: the usual call, which keeps them, should not pay for each.
  v_broken text := case
    when request.requested_amount is null and (request.kind is null or request.kind not in ('capture', 'release', 'reversal'))
      or request.requested_amount not between 1 and 1000000000000000 then 'amount'
    when request.kind is null then 'kind'
    when request.wallet_id is null then case request.kind when 'transfer' then 'from_wallet' else 'wallet_id' end
    when request.kind = 'transfer' and request.credit_wallet_id is null then 'to_wallet'
    when request.kind <> 'transfer' and request.credit_wallet_id is not null then 'counterparty_id'
    when request.kind in ('capture', 'release') and request.hold_id is null then 'hold_id'
    when request.kind = 'reversal' and request.reverses is null then 'transfer_id'
    when request.idem_key is null or char_length(request.idem_key) not between 1 and 200 then 'idem_key'
    when not isfinite(request.expires_at) or request.expires_at is not null and request.kind not in ('bonus', 'hold') then 'expires_at'
    when request.metadata is null or jsonb_typeof(request.metadata) <> 'object'
      or octet_length(request.metadata::text) > 8192 then 'metadata'
    when request.wallet_id = request.credit_wallet_id then 'same'
  end;
begin
  if v_broken is null then
    return true;
  elsif v_broken = 'amount' then
    perform ledger_private.refuse('WLAMT',
      format('invalid amount: %s', coalesce(request.requested_amount::text, 'null')),
      jsonb_build_object('amount', request.requested_amount::text, 'min', '1', 'max', '1000000000000000'),
      'Send a whole number of minor units from 1 to 1000000000000000.');
  elsif v_broken = 'same' then
    perform ledger_private.refuse('WLSLF', format('same wallet: %s', request.wallet_id),
      jsonb_build_object('wallet_id', request.wallet_id), 'Name two different wallets.');
  end if;
  perform ledger_private.refuse_argument(v_broken, case v_broken
      when 'idem_key' then 'Send an idempotency key of 1 to 200 characters, a new one for each new request.'
      when 'kind' then 'A batch books top_up, bonus, spend and transfer.'
      when 'counterparty_id' then 'Only a transfer names a second wallet.'
      when 'expires_at' then 'Send an instant after now, or leave it out; only bonuses and holds expire.'
      when 'metadata' then 'Send a JSON object of at most 8192 bytes; store a reference to larger facts.'
      when 'hold_id' then 'Name the hold by its id.'
      when 'transfer_id' then 'Name the transfer by its id.'
      else 'Name the wallet by its id.'
    end);
  return false;
end
$$;

comment on function ledger_private.check_request(ledger.transfers) is
$$True, or refuses a request that could not be right whatever the ledger holds: WLAMT, then WLARG, then WLSLF. The request has the
shape of the transfer that it asks for: to_wallet is its credit_wallet_id, a transfer to be reversed its reverses.$$;

revoke all on function ledger_private.check_request(ledger.transfers) from public;
