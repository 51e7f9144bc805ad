create or replace function ledger_private.invalid_request(request ledger.wallet_request)
returns ledger.refusal
language plpgsql
immutable
as $$
declare
  v_broken text := case
    when request.kind is null and request.amount between 1 and 1000000000000000 then 'kind'
    when request.wallet_id is null then case request.kind when 'transfer' then 'from_wallet' else 'wallet_id' end
    when (request.kind = 'transfer') <> (request.counterparty_id is not null)
      then case request.kind when 'transfer' then 'to_wallet' else 'counterparty_id' end
    when (request.kind in ('capture', 'release')) <> (request.hold_id is not null) then 'hold_id'
    when (request.kind = 'reversal') <> (request.transfer_id is not null) then 'transfer_id'
    when request.kind = 'release' and request.amount is not null then 'amount'
    when ledger_private.is_key(request.idem_key) is not true then 'idem_key'
    when request.expires_at is not null and (not isfinite(request.expires_at) or request.kind not in ('bonus', 'hold'))
      then 'expires_at'
    when ledger_private.is_metadata(coalesce(request.metadata, '{}')) is not true then 'metadata'
  end;
begin
  if request.amount not between 1 and 1000000000000000
    or request.amount is null and coalesce(request.kind not in ('capture', 'release', 'reversal'), true) then
    return ledger_private.refusal('WLAMT',
      format('invalid amount: %s', coalesce(request.amount::text, 'null')),
      jsonb_build_object('amount', request.amount::text, 'min', '1', 'max', '1000000000000000'),
      'Send a whole number of minor units from 1 to 1000000000000000.');
  elsif v_broken is null and request.wallet_id = request.counterparty_id then
    return ledger_private.refusal('WLSLF', format('same wallet: %s', request.wallet_id),
      jsonb_build_object('wallet_id', request.wallet_id), 'Name two different wallets.');
  elsif v_broken is null then
    return null;
  end if;
  return ledger_private.invalid_argument(v_broken, case v_broken
    when 'idem_key' then
      'Send an idempotency key of 1 to 200 characters, no white space at either end, a new one for each request.'
    when 'kind' then 'Send top_up, bonus, spend, transfer, hold, capture, release or reversal.'
    when 'amount' then 'A release frees all that its hold reserves: leave the amount out.'
    when 'counterparty_id' then 'Only a transfer names a second wallet.'
    when 'expires_at' then 'Send an instant after now, or leave it out; only bonuses and holds expire.'
    when 'metadata' then 'Send a JSON object of at most 8192 bytes; store a reference to larger facts.'
    when 'hold_id' then 'Name the hold by its id in a capture or a release; other kinds have none.'
    when 'transfer_id' then 'Name the transfer by its id in a reversal; other kinds have none.'
    else 'Name the wallet by its id.'
  end);
end
$$;

comment on function ledger_private.invalid_request is
  'WLAMT, then WLARG, then WLSLF: why a request could not be right whatever the ledger holds.';
