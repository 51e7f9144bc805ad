create or replace function ledger.wallet_reverse(
  wallet_id uuid,
  transfer_id uuid,
  idem_key text,
  amount bigint default null,
  metadata jsonb default '{}',
  owe boolean default false
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.reverse(ledger.request(kind => 'reversal', wallet_id => wallet_id, amount => amount,
    idem_key => idem_key, metadata => metadata, transfer_id => transfer_id, owe => owe));
end
$$;

comment on function ledger.wallet_reverse is
$$@resultFieldName receipt
Takes a movement back, whole or in part: a refund, a chargeback, a grant or a transfer in error. Books between the very
wallets of the original, sides swapped. A spend or capture gives paid credits back before bonus ones, these to the lots
they came from, with their own expiry (what has expired since is booked to breakage by the next entry, in the same
transaction; the receipt's available is without it), and never reopens a hold. A top-up takes paid credits that are not
reserved, a bonus what is left of its own lot, a transfer what it gave and the receiver still has: paid credits first,
then its lots. An exchange goes back as a whole, both movements of it, where all that arrived is still there.

- walletId: the wallet that the original acted for; of a transfer, the sender's. Where that was merged, its successor:
  it gives and gets then, and bonus credits that expire come back as lots of their own.
- transferId: the original: a top-up, bonus, spend, capture, transfer or either movement of an exchange.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- amount: minor units, 1 to what is left to reverse; all that is left if left out. Of an exchange, all or nothing.
- metadata: a JSON object of at most 8192 bytes, such as the reason; null means {}.
- owe: of a top-up, whether what is gone of it becomes a debt of the wallet (see wallet.owed) instead of a refusal. What
  is there is taken; the receipt's amount is that, which may be 0, and owed what the wallet owes now. It gives leave
  and is no part of the request: a repetition may come with or without it.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
TRANSFER_NOT_FOUND (WLNOT), IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_CLOSED (WLCLS) for either wallet, NOT_REVERSIBLE
(WLREV), also for owe where it is no top-up, and for an exchange of a merged wallet or its transfer to its successor,
LIMIT_EXCEEDED (WLLIM) only where the balance, or what is owed, would pass what the ledger counts to, INSUFFICIENT_FUNDS
(WLFND) where the credits are gone, with the amount that is missing.$$;

grant execute on function ledger.wallet_reverse to wallet_operator;
