create or replace function ledger.wallet_release(wallet_id uuid, hold_id uuid, idem_key text, metadata jsonb default '{}')
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_transfer ledger.transfers := row(
    null, wallet_id, idem_key, 'release', null, null, null, null, null, 0, 0, null, hold_id, null, coalesce(metadata, '{}'), null, null, null);
  v_prepared ledger_private.prepared := ledger_private.prepare(v_transfer, false);
  v_head ledger.entries := v_prepared.head;
  v_hold ledger.holds;
  v_entry ledger.entries;
  v_draws ledger.bonus_lot_draws[];
  v_sealed ledger_private.sealed;
begin
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  v_hold := ledger_private.open_hold(wallet_id, hold_id);

  v_transfer.id := uuidv7();
  v_transfer.amount := v_hold.amount;
  v_transfer.bonus_amount := v_hold.bonus_amount;
  v_entry := ledger_private.next_entry(
    v_prepared.wallet, v_head, 'credit', v_transfer.id, 'release', 0, 0, -v_hold.amount, v_prepared.at_time);
  v_transfer.actor := ledger_private.actor();
  v_sealed := ledger_private.write(v_transfer, v_entry);
  v_draws := array(select d from ledger_private.closing_draws(wallet_id, hold_id, v_entry.seq, 0) d);
  perform ledger_private.close_holds(array[v_transfer], v_draws);
  -- What expired while it was reserved goes to breakage now.
  if v_hold.bonus_amount > 0 then
    perform ledger_private.settle(array[wallet_id], v_prepared.at_time);
  end if;
  return ledger_private.settled_receipt(v_sealed.transfer, v_sealed.entry, false);
end
$$;

comment on function ledger.wallet_release(uuid, uuid, text, jsonb) is
$$@resultFieldName receipt
Ends a hold without a purchase: all its credits are available again. Those that expired while they were reserved are booked to breakage by the
next entry, in the same transaction; the receipt's available is without them.

- walletId: the player's wallet.
- holdId: the hold, as the receipt of wallet_hold named it.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call
  with the same key and the same arguments returns the same receipt and books nothing.
- metadata: a JSON object of at most 8192 bytes, such as the reason; null means {}.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW), HOLD_NOT_FOUND (WLNOH),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_CLOSED (WLCLS), HOLD_NOT_OPEN (WLHLD).$$;

revoke all on function ledger.wallet_release(uuid, uuid, text, jsonb) from public;
grant execute on function ledger.wallet_release(uuid, uuid, text, jsonb) to wallet_service, wallet_operator, wallet_job;
