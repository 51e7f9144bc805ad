create or replace function ledger.wallet_release(wallet_id uuid, hold_id uuid, idem_key text, metadata jsonb default '{}')
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_request ledger_private.request;
  v_prepared ledger_private.prepared;
  v_hold ledger.holds;
  v_entry ledger.entries;
  v_draws ledger.bonus_lot_draws[];
begin
  v_request := ledger_private.request(kind => 'release', wallet_id => wallet_id, hold_id => hold_id, idem_key => idem_key, metadata => metadata);
  v_prepared := ledger_private.prepare(v_request);
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  perform ledger_private.refuse(ledger_private.hold_not_open(wallet_id, hold_id), array[wallet_id]);
  select h.* into strict v_hold from ledger.holds h where h.wallet_id = wallet_release.wallet_id and h.id = wallet_release.hold_id;

  v_entry := ledger_private.acting(ledger_private.next_entry(head => v_prepared.head, wallet_id => wallet_id, transfer_id => uuidv7(),
    kind => 'release', side => 'credit', account => 'player', amount => 0, bonus_amount => 0, held_amount => -v_hold.amount,
    at_time => v_prepared.at_time), v_request);
  v_entry.held_bonus_amount := v_hold.bonus_amount;
  v_entry := ledger_private.chained(v_entry);
  perform ledger_private.write(array[v_entry]);
  v_draws := array(select d from ledger_private.closing_draws(wallet_id, hold_id, v_entry.seq, 0) d);
  perform ledger_private.close_holds(array[v_entry], v_draws);
  -- What expired while it was reserved goes to breakage now.
  perform ledger_private.settle_given_back(v_entry, v_draws);
  return ledger_private.receipt(v_entry, false);
end
$$;

comment on function ledger.wallet_release is
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

grant execute on function ledger.wallet_release to wallet_service, wallet_operator, wallet_job;
