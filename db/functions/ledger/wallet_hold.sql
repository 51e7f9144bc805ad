create or replace function ledger.wallet_hold(
  wallet_id uuid,
  amount bigint,
  idem_key text,
  expires_at timestamptz default null,
  metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_request ledger.wallet_request := ledger.request(kind => 'hold', wallet_id => wallet_id, amount => amount,
    idem_key => idem_key, expires_at => expires_at, metadata => metadata);
  v_prepared ledger_private.prepared := ledger_private.prepare(v_request);
  v_head ledger.entries := v_prepared.head;
  v_entry ledger.entries;
begin
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  perform ledger_private.refuse(
    ledger_private.insufficient_funds(wallet_id, coalesce(v_head.balance - v_head.held_balance, 0), amount),
      array[wallet_id]);

  v_entry := ledger_private.acting(ledger_private.next_entry(head => v_head, wallet_id => wallet_id,
    transfer_id => uuidv7(), kind => 'hold', side => 'debit', account => 'player', amount => 0, bonus_amount => 0,
    held_amount => amount, at_time => v_prepared.at_time), v_request);
  -- It reserves what a spend would take: bonus credits first, the earliest expiry first.
  v_entry.held_bonus_amount := least(amount, v_head.bonus_balance - ledger_private.reserved_bonus(v_head));
  v_entry.hold_id := v_entry.transfer_id;
  v_entry := ledger_private.chained(v_entry);
  perform ledger_private.write(array[v_entry]);
  perform set_config('ledger.posting', 'on', true);
  insert into ledger.holds (wallet_id, id, seq, amount, bonus_amount, expires_at, created_at)
    values (wallet_id, v_entry.hold_id, v_entry.seq, amount, v_entry.held_bonus_amount, wallet_hold.expires_at,
      v_entry.created_at);
  insert into ledger_private.open_holds (wallet_id, hold_id, expires_at)
    values (wallet_id, v_entry.hold_id, wallet_hold.expires_at);
  perform set_config('ledger.posting', '', true);
  if v_entry.held_bonus_amount > 0 then
    perform ledger_private.move_lots(v_entry);
  end if;
  return ledger_private.receipt(v_entry, false);
end
$$;

comment on function ledger.wallet_hold is
$$@resultFieldName receipt
Reserves credits for a purchase that is not certain yet: what is available falls, the balance does not. The receipt
names the hold_id, with which they are captured or released, once. Reserved are bonus credits first, the earliest expiry
first; while the hold is open they do not expire.

- walletId: the player's wallet.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- expiresAt: the instant from which the hold is void and its credits are free again, after now; never if left out.
- metadata: a JSON object of at most 8192 bytes, such as the order; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), INVALID_ARGUMENT (WLARG) for an expiry that has passed, WALLET_FROZEN (WLFRZ) or
WALLET_CLOSED (WLCLS), INSUFFICIENT_FUNDS (WLFND).$$;

grant execute on function ledger.wallet_hold to wallet_service, wallet_operator, wallet_job;
