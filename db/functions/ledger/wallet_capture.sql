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
  v_request ledger_private.request;
  v_prepared ledger_private.prepared;
  v_hold ledger.holds;
  v_amount bigint;
  v_bonus bigint;
  v_entry ledger.entries;
  v_draws ledger.bonus_lot_draws[];
begin
  v_request := ledger_private.request(kind => 'capture', wallet_id => wallet_id, hold_id => hold_id, idem_key => idem_key, amount => amount,
    metadata => metadata);
  v_prepared := ledger_private.prepare(v_request);
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  perform ledger_private.refuse(ledger_private.hold_not_open(wallet_id, hold_id), array[wallet_id]);
  select h.* into strict v_hold from ledger.holds h where h.wallet_id = wallet_capture.wallet_id and h.id = wallet_capture.hold_id;
  v_amount := coalesce(amount, v_hold.amount);
  v_bonus := least(v_amount, v_hold.bonus_amount);
  perform ledger_private.refuse(ledger_private.above_limit(wallet => v_prepared.wallet, head => v_prepared.head, kind => 'capture',
    change => -v_amount, amount => v_amount, at_time => v_prepared.at_time), array[wallet_id]);
  perform ledger_private.refuse(ledger_private.insufficient_funds(wallet_id => wallet_id, available => v_hold.amount, requested => v_amount,
    facts => jsonb_build_object('hold_id', hold_id)), array[wallet_id]);

  v_entry := ledger_private.chained(ledger_private.acting(ledger_private.next_entry(head => v_prepared.head, wallet_id => wallet_id,
    transfer_id => uuidv7(), kind => 'capture', side => 'debit', account => 'revenue', amount => v_amount, bonus_amount => v_bonus,
    held_amount => -v_hold.amount, at_time => v_prepared.at_time), v_request));
  perform ledger_private.write(array[v_entry]);
  v_draws := array(select d from ledger_private.closing_draws(wallet_id, hold_id, v_entry.seq, v_bonus) d);
  perform ledger_private.close_holds(array[v_entry], v_draws);
  -- What is freed and has expired goes to breakage now.
  perform ledger_private.settle_given_back(v_entry, v_draws);
  return ledger_private.receipt(v_entry, false);
end
$$;

comment on function ledger.wallet_capture is
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

grant execute on function ledger.wallet_capture to wallet_service, wallet_operator, wallet_job;
