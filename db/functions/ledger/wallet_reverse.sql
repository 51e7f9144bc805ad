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
  v_request ledger_private.request;
  v_original ledger.entries;
  v_prepared ledger_private.prepared;
  v_left bigint;
begin
  v_request := ledger_private.request(kind => 'reversal', wallet_id => wallet_id, reverses => transfer_id, idem_key => idem_key,
    amount => amount, metadata => metadata);
  select e.* into v_original from ledger.entries e
    where e.transfer_id = wallet_reverse.transfer_id and e.actor is not null and e.wallet_id = wallet_reverse.wallet_id;
  v_prepared := ledger_private.prepare(v_request, v_original.to_wallet);
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  -- It was committed while this call waited for the wallet: its other wallet was not locked.
  if v_original.wallet_id is null then
    perform ledger_private.refuse_stale();
  end if;
  select v_original.amount - coalesce(sum(r.amount), 0) into v_left
    from ledger.entries r
    where r.wallet_id = wallet_reverse.wallet_id and r.reverses = wallet_reverse.transfer_id;
  perform ledger_private.refuse(ledger_private.not_reversible(v_original, amount, v_left), array[wallet_id]);
  return ledger_private.reverse(request => v_request, original => v_original, amount => coalesce(amount, v_left), prepared => v_prepared);
end
$$;

comment on function ledger.wallet_reverse is
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

grant execute on function ledger.wallet_reverse to wallet_operator;
