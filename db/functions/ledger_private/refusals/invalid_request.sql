create or replace function ledger_private.invalid_request(request ledger.wallet_request)
returns ledger.refusal
language plpgsql
immutable
as $$
declare
  v_between boolean := request.kind in ('transfer', 'exchange', 'merge');
  v_broken text := case
    when request.kind is null and request.amount between 1 and 1000000000000000 then 'kind'
    when request.wallet_id is null then case when v_between then 'from_wallet' else 'wallet_id' end
    when v_between <> (request.counterparty_id is not null)
      then case when v_between then 'to_wallet' else 'counterparty_id' end
    when (request.kind in ('capture', 'release')) <> (request.hold_id is not null) then 'hold_id'
    when (request.kind = 'reversal') <> (request.transfer_id is not null) then 'transfer_id'
    when (request.kind = 'adjustment') <> (request.side is not null) then 'side'
    when request.kind in ('release', 'merge') and request.amount is not null then 'amount'
    when request.kind <> 'exchange' and request.to_amount is not null then 'to_amount'
    when ledger_private.is_key(request.idem_key) is not true then 'idem_key'
    when request.bonus_amount is not null
      and (request.kind <> 'opening' or request.bonus_amount not between 0 and request.amount) then 'bonus_amount'
    when request.expires_at is not null and (not isfinite(request.expires_at)
      or request.kind not in ('bonus', 'hold', 'opening')
      or request.kind = 'opening' and coalesce(request.bonus_amount, 0) = 0) then 'expires_at'
    when request.kind <> 'reversal' and request.owe then 'owe'
    when ledger_private.has_reason(request.kind) <> (request.reason is not null)
      or char_length(request.reason) not between 1 and 1000 then 'reason'
    when ledger_private.is_metadata(coalesce(request.metadata, '{}')) is not true
      or request.reason is not null and request.metadata ? 'reason'
      or request.kind = 'merge' and request.metadata <> '{}' then 'metadata'
  end;
begin
  if request.amount not between 1 and 1000000000000000
    or request.amount is null and coalesce(request.kind not in ('capture', 'release', 'reversal', 'merge'), true) then
    return ledger_private.invalid_amount('amount', request.amount);
  elsif request.kind = 'exchange' and coalesce(request.to_amount not between 1 and 1000000000000000, true) then
    return ledger_private.invalid_amount('to_amount', request.to_amount);
  elsif v_broken is null and request.wallet_id = request.counterparty_id then
    return ledger_private.refusal('WLSLF', format('same wallet: %s', request.wallet_id),
      jsonb_build_object('wallet_id', request.wallet_id), 'Name two different wallets.');
  elsif v_broken is null then
    return null;
  end if;
  return ledger_private.invalid_argument(v_broken, case v_broken
    when 'idem_key' then
      'Send an idempotency key of 1 to 200 characters, no white space at either end, a new one for each request.'
    when 'kind' then 'Send a kind whose single call you may call, such as top_up.'
    when 'amount' then 'A release frees all that is reserved, a merge moves all there is: leave the amount out.'
    when 'to_amount' then 'Only an exchange has an amount that arrives.'
    when 'bonus_amount' then 'Send what of the amount of an opening is bonus credits, or leave it out.'
    when 'side' then 'Send debit or credit for an adjustment; other kinds have no side.'
    when 'reason' then
      'Say why of an adjustment, a forgiveness or a merge, in 1 to 1000 characters; other kinds have no reason.'
    when 'owe' then 'Only the reversal of a top-up can leave a debt.'
    when 'counterparty_id' then 'Only a transfer, an exchange or a merge names a second wallet.'
    when 'expires_at' then
      'Send an instant after now, or leave it out; only bonuses, holds and the bonus credits of an opening expire.'
    when 'metadata' then case when request.kind = 'merge' then 'A merge has no metadata: leave them out.'
      when request.metadata ? 'reason' and request.reason is not null
        then 'Send the reason as an argument: it is stored with the metadata.'
      else 'Send a JSON object of at most 8192 bytes; store a reference to larger facts.' end
    when 'hold_id' then 'Name the hold by its id in a capture or a release; other kinds have none.'
    when 'transfer_id' then 'Name the transfer by its id in a reversal; other kinds have none.'
    else 'Name the wallet by its id.'
  end);
end
$$;

comment on function ledger_private.invalid_request is
  'WLAMT, then WLARG, then WLSLF: why a request could not be right whatever the ledger holds.';
