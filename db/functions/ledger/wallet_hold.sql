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
  v_transfer ledger.transfers := row(
    null, wallet_id, idem_key, 'hold', null, null, null, null, amount, amount, 0, null, null, expires_at, coalesce(metadata, '{}'), null, null, null);
  v_prepared ledger_private.prepared := ledger_private.prepare(v_transfer, true);
  v_head ledger.entries := v_prepared.head;
  v_entry ledger.entries;
  v_sealed ledger_private.sealed;
begin
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  v_transfer.id := uuidv7();
  v_entry := ledger_private.next_entry(
    v_prepared.wallet, v_head, 'debit', v_transfer.id, 'hold', 0, 0, amount, v_prepared.at_time);
  if v_entry.held_balance > v_entry.balance then
    perform ledger_private.check_snapshot(array[wallet_id]);
    perform ledger_private.refuse_funds(wallet_id, v_entry.balance - v_entry.held_balance + amount, amount);
  end if;

  -- It reserves what a spend would take: bonus credits first, the earliest expiry first.
  v_transfer.bonus_amount := least(amount, v_head.bonus_balance - ledger_private.held_bonus(v_head));
  v_transfer.hold_id := v_transfer.id;
  v_transfer.actor := ledger_private.actor();
  v_sealed := ledger_private.write(v_transfer, v_entry);
  perform set_config('ledger.posting', 'on', true);
  insert into ledger.holds (wallet_id, id, seq, amount, bonus_amount, expires_at, created_at)
    values (wallet_id, v_transfer.id, v_entry.seq, amount, v_transfer.bonus_amount, wallet_hold.expires_at, v_entry.created_at);
  insert into ledger_private.open_holds (wallet_id, hold_id, expires_at) values (wallet_id, v_transfer.id, wallet_hold.expires_at);
  perform set_config('ledger.posting', '', true);
  if v_transfer.bonus_amount > 0 then
    perform ledger_private.move_lots(array[v_sealed.transfer], array[1], array[null::int], 1);
  end if;
  return ledger_private.receipt(v_sealed.transfer, v_sealed.entry, false);
end
$$;

comment on function ledger.wallet_hold(uuid, bigint, text, timestamptz, jsonb) is
$$@resultFieldName receipt
Reserves credits for a purchase that is not certain yet: what is available falls, the balance does not. The receipt names the hold_id, with which
they are captured or released, once. Reserved are bonus credits first, the earliest expiry first; while the hold is open they do not expire.

- walletId: the player's wallet.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call
  with the same key and the same arguments returns the same receipt and books nothing.
- expiresAt: the instant from which the hold is void and its credits are free again, after now; never if left out.
- metadata: a JSON object of at most 8192 bytes, such as the order; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), INVALID_ARGUMENT (WLARG) for an expiry that has passed, WALLET_FROZEN (WLFRZ) or
WALLET_CLOSED (WLCLS), INSUFFICIENT_FUNDS (WLFND).$$;

revoke all on function ledger.wallet_hold(uuid, bigint, text, timestamptz, jsonb) from public;
grant execute on function ledger.wallet_hold(uuid, bigint, text, timestamptz, jsonb)
  to wallet_service, wallet_operator, wallet_job;
