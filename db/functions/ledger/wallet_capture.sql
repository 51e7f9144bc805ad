create or replace function ledger.wallet_capture(
  wallet_id uuid,
  hold_id uuid,
  idem_key text,
  amount bigint default null,
  metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_transfer ledger.transfers := row(
    null, wallet_id, idem_key, 'capture', null, null, null, null, amount, 0, 0, null, hold_id, null, coalesce(metadata, '{}'), null, null, null);
  v_prepared ledger_private.prepared := ledger_private.prepare(v_transfer, true);
  v_head ledger.entries := v_prepared.head;
  v_wallet ledger.wallets := v_prepared.wallet;
  v_hold ledger.holds;
  v_entry ledger.entries;
  v_house_entry ledger.entries;
  v_draws ledger.bonus_lot_draws[];
  v_expired boolean;
  v_sealed ledger_private.sealed;
begin
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  v_hold := ledger_private.open_hold(wallet_id, hold_id);

  v_transfer.id := uuidv7();
  v_transfer.amount := coalesce(amount, v_hold.amount);
  v_transfer.bonus_amount := least(v_transfer.amount, v_hold.bonus_amount);
  v_entry := ledger_private.next_entry(v_wallet, v_head, 'debit', v_transfer.id, 'capture', v_transfer.amount, v_transfer.bonus_amount,
    -v_hold.amount, v_prepared.at_time);
  perform ledger_private.check_own_limits(v_wallet, v_entry);
  if v_transfer.amount > v_hold.amount then
    perform ledger_private.check_snapshot(array[wallet_id]);
    perform ledger_private.refuse_funds(wallet_id, v_hold.amount, v_transfer.amount, jsonb_build_object('hold_id', hold_id));
  end if;

  v_draws := array(select d from ledger_private.closing_draws(wallet_id, hold_id, v_entry.seq, v_transfer.bonus_amount) d);
  v_expired := ledger_private.lock_breakage(v_wallet, v_draws, v_entry.created_at);
  v_house_entry := ledger_private.opposite_entry(ledger_private.lock_house('revenue', v_wallet), v_entry, v_prepared.at_time);
  v_transfer.actor := ledger_private.actor();
  v_sealed := ledger_private.write(v_transfer, v_entry, v_house_entry);
  perform ledger_private.close_holds(array[v_transfer], v_draws);
  if v_expired then
    perform ledger_private.settle(array[wallet_id], v_prepared.at_time);
  end if;
  return ledger_private.settled_receipt(v_sealed.transfer, v_sealed.entry, false);
end
$$;

comment on function ledger.wallet_capture(uuid, uuid, text, bigint, jsonb) is
$$@resultFieldName receipt
Ends a hold with the purchase: spends up to what it reserved, also credits that expired meanwhile, and frees the rest, of which what has expired is
booked to breakage by the next entry, in the same transaction; the receipt's available is without it.

- walletId: the player's wallet.
- holdId: the hold, as the receipt of wallet_hold named it.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call
  with the same key and the same arguments returns the same receipt and books nothing.
- amount: minor units, 1 to what the hold reserved; all of it if left out.
- metadata: a JSON object of at most 8192 bytes, such as the item; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW), HOLD_NOT_FOUND (WLNOH),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_FROZEN (WLFRZ) or WALLET_CLOSED (WLCLS), HOLD_NOT_OPEN (WLHLD), LIMIT_EXCEEDED (WLLIM),
INSUFFICIENT_FUNDS (WLFND) for more than the hold reserved.$$;

revoke all on function ledger.wallet_capture(uuid, uuid, text, bigint, jsonb) from public;
grant execute on function ledger.wallet_capture(uuid, uuid, text, bigint, jsonb) to wallet_service, wallet_operator, wallet_job;
