create or replace function ledger.wallet_reverse(
  wallet_id uuid,
  transfer_id uuid,
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
    null, wallet_id, idem_key, 'reversal', null, null, null, null, amount, 0, 0, transfer_id, null, null, coalesce(metadata, '{}'), null, null, null);
  v_original ledger.transfers;
  v_prepared ledger_private.prepared;
  v_other ledger.wallets;
  v_other_head ledger.entries;
  v_giving boolean; -- the acting wallet gives credits back; otherwise it gets them back
  v_left bigint;
  v_plan ledger_private.reversal_plan;
  v_entry ledger.entries;
  v_other_entry ledger.entries;
  v_expired boolean;
  v_sealed ledger_private.sealed;
begin
  select t.* into v_original from ledger.transfers t where t.id = transfer_id and t.wallet_id = wallet_reverse.wallet_id;
  v_giving := v_original.credit_wallet_id = wallet_id;
  -- Of a batch, the house's part comes before players. (It is another wallet's only then: else this finds none.)
  select w.* into v_other
    from ledger.wallets w
    where w.id = case when v_giving then v_original.debit_wallet_id else v_original.credit_wallet_id end;
  if v_other.stripe = 32 then
    perform from ledger.wallets w where w.id = v_other.id for no key update;
  end if;
  v_prepared := ledger_private.prepare(v_transfer, false, v_other.id);
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  -- It was committed while this call waited for the wallet: what its other side asks for was not locked.
  if v_original.id is null then
    perform ledger_private.refuse_stale();
  end if;

  select v_original.amount - coalesce(sum(r.amount), 0) into v_left
    from ledger.transfers r
    where r.wallet_id = wallet_reverse.wallet_id and r.reverses = transfer_id;
  v_transfer.amount := coalesce(amount, v_left);
  if v_original.kind not in ('top_up', 'bonus', 'spend', 'capture', 'transfer') or v_left = 0 or v_transfer.amount > v_left then
    perform ledger_private.check_snapshot(array[wallet_id]);
    perform ledger_private.refuse_reversal(v_original, amount, v_left);
  end if;
  if v_other.house is null then
    select e.* into v_other_head from ledger.entries e where e.wallet_id = v_other.id order by e.seq desc limit 1;
  end if;
  v_plan := ledger_private.reversal_plan(v_original, v_transfer.amount,
    case when not v_giving then v_prepared.head end, case when v_giving then v_prepared.head else v_other_head end);
  v_transfer.id := uuidv7();
  v_transfer.bonus_amount := v_plan.bonus_amount;
  v_entry := ledger_private.next_entry(v_prepared.wallet, v_prepared.head, case when v_giving then 'debit'::ledger.entry_side else 'credit' end,
    v_transfer.id, 'reversal', v_transfer.amount, v_transfer.bonus_amount, 0, v_prepared.at_time);
  -- The limits of the asset are for new movements; what the ledger counts to is for all.
  if v_entry.balance > 9000000000000000000 then
    perform ledger_private.check_snapshot(array[wallet_id]);
    perform ledger_private.refuse_overflow(v_entry);
  end if;
  if v_plan.missing > 0 then
    perform ledger_private.check_snapshot(array[wallet_id, case when v_other.house is null then v_other.id end]);
    perform ledger_private.refuse_funds(case when v_giving then wallet_id else v_other.id end,
      v_transfer.amount - v_plan.missing, v_transfer.amount, jsonb_build_object('missing', v_plan.missing::text));
  end if;
  v_expired := ledger_private.lock_breakage(v_prepared.wallet, v_plan.draws, v_entry.created_at);
  select w.* into v_other from ledger.wallets w where w.id = v_other.id for no key update;
  v_other_entry := ledger_private.opposite_entry(v_other, v_entry, v_prepared.at_time);
  v_transfer.actor := ledger_private.actor();
  v_sealed := ledger_private.write(v_transfer, v_entry, v_other_entry);
  if cardinality(v_plan.draws) > 0 then
    perform ledger_private.write_lots('{}', v_plan.draws);
  end if;
  if v_expired then
    perform ledger_private.settle(array[wallet_id], v_prepared.at_time);
  end if;
  return ledger_private.settled_receipt(v_sealed.transfer, v_sealed.entry, false);
end
$$;

comment on function ledger.wallet_reverse(uuid, uuid, text, bigint, jsonb) is
$$@resultFieldName receipt
Takes a movement back, whole or in part: a refund, a chargeback, a grant or a transfer in error. Books between the very wallets of the original, sides
swapped. A spend or capture gives paid credits back before bonus ones, these to the lots they came from, with their own expiry (what has
expired since is booked to breakage by the next entry, in the same transaction; the receipt's available is without it), and never reopens a
hold. A top-up takes paid credits that are not reserved, a bonus what is left of its own lot, a transfer what it gave and the receiver still has:
paid credits first, then its lots.

- walletId: the wallet that the original acted for; of a transfer, the sender's.
- transferId: the original: a top-up, bonus, spend, capture or transfer.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call
  with the same key and the same arguments returns the same receipt and books nothing.
- amount: minor units, 1 to what is left to reverse; all that is left if left out.
- metadata: a JSON object of at most 8192 bytes, such as the reason; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW), TRANSFER_NOT_FOUND (WLNOT),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_CLOSED (WLCLS) for either wallet, NOT_REVERSIBLE (WLREV), LIMIT_EXCEEDED (WLLIM) only
where the balance would pass what the ledger counts to, INSUFFICIENT_FUNDS (WLFND) where the credits are gone, with the amount that is missing.$$;

revoke all on function ledger.wallet_reverse(uuid, uuid, text, bigint, jsonb) from public;
grant execute on function ledger.wallet_reverse(uuid, uuid, text, bigint, jsonb) to wallet_operator;
