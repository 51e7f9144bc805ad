create or replace function ledger.ledger_verify(wallet_id uuid default null)
returns setof ledger.finding
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- What findings show is the same in every session.
set timezone = 'UTC'
set bytea_output = 'hex'
-- One wallet and all of them want different plans.
set plan_cache_mode = force_custom_plan
as $$
begin
  -- "No row" must never mean "no such wallet".
  if ledger_verify.wallet_id is not null
    and not exists (select from ledger.wallets w where w.id = ledger_verify.wallet_id and w.house is null) then
    perform ledger_private.refuse_wallet(ledger_verify.wallet_id);
  end if;

  return query select f.* from ledger_private.verify_entries(ledger_verify.wallet_id) f;
  return query select f.* from ledger_private.verify_transfers(ledger_verify.wallet_id) f;
  return query select f.* from ledger_private.verify_reversals(ledger_verify.wallet_id) f;
  return query select f.* from ledger_private.verify_holds(ledger_verify.wallet_id) f;
  return query select f.* from ledger_private.verify_lots(ledger_verify.wallet_id) f;
  return query select f.* from ledger_private.verify_draws(ledger_verify.wallet_id) f;
  return query select f.* from ledger_private.verify_order(ledger_verify.wallet_id) f;
  return query select f.* from ledger_private.verify_wallets(ledger_verify.wallet_id) f;
  if ledger_verify.wallet_id is null then
    return query select f.* from ledger_private.verify_sums() f;
    return query select f.* from ledger_private.verify_seals() f;
  end if;
end
$$;

comment on function ledger.ledger_verify(uuid) is
$$Proves the ledger again from its rows, in one snapshot, while others go on posting: every broken rule is a row, and no row
means that it is sound.

- walletId: one player's wallet with its transfers; the whole ledger if left out. Refuses with WALLET_NOT_FOUND (WLNOW).

Rules:

- entry_seq: a wallet's entries are numbered without gaps
- entry_balance: balances and totals continue from the entry before, and cover what holds reserve
- entry_time: a wallet's time never runs backwards
- entry_hash: the chain of hashes is whole
- entry_reference: the wallet and the transfer of an entry are there
- entry_transfer: an entry says the same as its transfer
- transfer_reference: both entries of a transfer are there
- transfer_sides: the accounts and the asset are those that the transfer's kind demands
- transfer_facts: key, amounts, bonus part and dates are those that the transfer's kind demands
- transfer_reversed: no more of a transfer was reversed than it moved, paid credits first
- hold_reference: a hold is what its transfer placed, and ended later, if it has ended
- hold_expiry: a hold that was due was freed by the wallet's next entries
- lot_reference: each expiring bonus made a lot, and so did each expiry in a transfer
- lot_balance: what was drawn from a lot adds up, and in lots is no more than the wallet's bonus credits
- lot_draws: an entry drew from lots what its kind demands, and the end of a hold freed what it had reserved
- lot_order: the earliest expiry was drawn first, and credits that do not expire last
- lot_expiry: a lot that was due was booked by the wallet's next entries
- work_list: the lists of open holds and lots are true
- wallet_id: the id of a wallet is the one derived from its owner or house account, and no part of the house is missing
- wallet_reference: the asset of a wallet and the wallet of an event are there
- wallet_status: a wallet's status is what its newest event says
- asset_sum: within an asset, debits and credits have the same sum
- seal_chain: seals are numbered without gaps, and each covers the one before
- seal_root: the tree over the sealed entries has the root and the counts that the seal says
- seal_entry: what was sealed is there, and what was to be sealed was$$;

revoke all on function ledger.ledger_verify(uuid) from public;
grant execute on function ledger.ledger_verify(uuid) to wallet_auditor;
