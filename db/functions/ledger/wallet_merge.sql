create or replace function ledger.wallet_merge(from_wallet uuid, to_wallet uuid, idem_key text, reason text)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.merge(ledger.request(kind => 'merge', wallet_id => from_wallet, counterparty_id => to_wallet,
    idem_key => idem_key, metadata => '{}', reason => reason));
end
$$;

comment on function ledger.wallet_merge is
$$@resultFieldName receipt
Moves everything from one wallet to another of the same asset, usually of another owner, and closes the emptied one,
which points to its successor (mergedInto) and is never opened again. Paid credits stay paid ones, bonus credits keep
their expiry; what is due is booked first; what the wallet owes, its successor owes. Totals of what was ever bought,
granted, spent and sent stay where they are, and no limit of the asset is asked or counted. The receipt is that of
fromWallet: its amount is the whole balance, which may be 0.

Afterwards the old keys of fromWallet still answer with their receipts. A new call for it is refused with WALLET_CLOSED
(WLCLS), whose detail names the successor as merged_into. wallet_reverse of the successor takes back what fromWallet
had booked. A merge is not reversed.

- fromWallet: the wallet that is emptied and closed. A frozen one has to be reopened first.
- toWallet: its successor, which may be frozen.
- idemKey: 1 to 200 characters, no white space at either end, unique within fromWallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- reason: why, 1 to 1000 characters; the owner of fromWallet may read it.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), SAME_WALLET (WLSLF), WALLET_NOT_FOUND (WLNOW), ASSET_MISMATCH
(WLAST), IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_FROZEN (WLFRZ) or WALLET_CLOSED (WLCLS), INVALID_ARGUMENT (WLARG) where
fromWallet has open holds, with their ids, LIMIT_EXCEEDED (WLLIM) only where the balance, or what is owed, would
pass what the ledger counts to.$$;

grant execute on function ledger.wallet_merge to wallet_operator;
