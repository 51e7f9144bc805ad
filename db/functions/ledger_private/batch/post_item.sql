create or replace function ledger_private.post_item(item ledger.wallet_request, absent uuid[])
returns ledger.receipt
language plpgsql
volatile
as $$
begin
  item.metadata := coalesce(item.metadata, '{}');
  if ledger_private.function_of(item.kind) is null then
    item.kind := null;
  end if;
  -- A single call has no place for what its kind has no use for.
  perform ledger_private.refuse(ledger_private.invalid_request(item));
  -- What was opened after the list was locked would be locked out of turn.
  perform ledger_private.refuse(ledger_private.wallet_not_found(w.id))
    from unnest(array[item.wallet_id, item.counterparty_id]) with ordinality w (id, place)
    where w.id = any (absent) order by w.place;
  case item.kind
    when 'top_up' then
      return ledger.wallet_top_up(
        wallet_id => item.wallet_id, amount => item.amount, idem_key => item.idem_key, metadata => item.metadata);
    when 'bonus' then
      return ledger.wallet_bonus(
        wallet_id => item.wallet_id, amount => item.amount, idem_key => item.idem_key, expires_at => item.expires_at,
        metadata => item.metadata);
    when 'spend' then
      return ledger.wallet_spend(
        wallet_id => item.wallet_id, amount => item.amount, idem_key => item.idem_key, metadata => item.metadata);
    when 'transfer' then
      return ledger.wallet_transfer(
        from_wallet => item.wallet_id, to_wallet => item.counterparty_id, amount => item.amount,
        idem_key => item.idem_key, metadata => item.metadata);
    when 'hold' then
      return ledger.wallet_hold(
        wallet_id => item.wallet_id, amount => item.amount, idem_key => item.idem_key, expires_at => item.expires_at,
        metadata => item.metadata);
    when 'capture' then
      return ledger.wallet_capture(
        wallet_id => item.wallet_id, hold_id => item.hold_id, idem_key => item.idem_key, amount => item.amount,
        metadata => item.metadata);
    when 'release' then
      return ledger.wallet_release(
        wallet_id => item.wallet_id, hold_id => item.hold_id, idem_key => item.idem_key, metadata => item.metadata);
    when 'reversal' then
      return ledger.wallet_reverse(
        wallet_id => item.wallet_id, transfer_id => item.transfer_id, idem_key => item.idem_key,
        amount => item.amount, metadata => item.metadata, owe => coalesce(item.owe, false));
    when 'opening' then
      return ledger.wallet_opening(
        wallet_id => item.wallet_id, amount => item.amount, idem_key => item.idem_key,
        bonus_amount => item.bonus_amount, expires_at => item.expires_at, metadata => item.metadata);
    when 'exchange' then
      return ledger.wallet_exchange(
        from_wallet => item.wallet_id, to_wallet => item.counterparty_id, amount => item.amount,
        to_amount => item.to_amount, idem_key => item.idem_key, metadata => item.metadata);
    when 'adjustment' then
      return ledger.wallet_adjust(
        wallet_id => item.wallet_id, side => item.side, amount => item.amount, idem_key => item.idem_key,
        reason => item.reason, metadata => item.metadata);
    when 'collection' then
      return ledger.wallet_collect(
        wallet_id => item.wallet_id, amount => item.amount, idem_key => item.idem_key, metadata => item.metadata);
    when 'forgiveness' then
      return ledger.wallet_forgive(
        wallet_id => item.wallet_id, amount => item.amount, idem_key => item.idem_key, reason => item.reason,
        metadata => item.metadata);
    when 'merge' then
      return ledger.wallet_merge(item.wallet_id, item.counterparty_id, item.idem_key, item.reason);
  end case;
end
$$;

comment on function ledger_private.post_item is 'Books one item of many by its single call.';
