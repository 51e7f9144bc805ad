create or replace function ledger.ledger_verify(wallet_id uuid default null)
returns setof ledger.finding
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- What findings show is the same in every session.
set timezone = 'UTC'
set bytea_output = 'hex'
-- One wallet and all of them want different plans, and what is sorted is to fit into memory.
set plan_cache_mode = force_custom_plan
set jit = off
set work_mem = '64MB'
set random_page_cost = 1.1
as $$
declare
  -- Wallets by the first digit of their ids: a large ledger is proven part by part, a small one at once.
  v_digits text[] := array[null];
  v_digit text;
  v_first uuid;
  v_last uuid;
  v_proven bigint := 0;
  v_rows bigint;
begin
  -- "No row" must never mean "no such wallet".
  if ledger_verify.wallet_id is not null
    and not exists (select from ledger.wallets w where w.id = ledger_verify.wallet_id) then
    perform ledger_private.refuse(ledger_private.wallet_not_found(ledger_verify.wallet_id));
  end if;
  if ledger_verify.wallet_id is null and pg_relation_size('ledger.entries') > 32 * 1024 * 1024 then
    v_digits := regexp_split_to_array('0123456789abcdef', '');
  end if;
  if current_setting('ledger.progress', true) = 'on' then
    select count(*) into v_rows from ledger.entries e
      where ledger_verify.wallet_id is null or e.wallet_id = ledger_verify.wallet_id;
    raise info 'ledger_verify' using detail = jsonb_build_object('proven', 0, 'rows', v_rows);
  end if;

  foreach v_digit in array v_digits loop
    v_first := coalesce(ledger_verify.wallet_id,
      (coalesce(v_digit, '0') || '0000000-0000-0000-0000-000000000000')::uuid);
    v_last := coalesce(ledger_verify.wallet_id,
      (coalesce(v_digit, 'f') || 'fffffff-ffff-ffff-ffff-ffffffffffff')::uuid);
    return query select f.* from ledger_private.verify_entries(v_first, v_last) f;
    return query select f.* from ledger_private.verify_debts(v_first, v_last) f;
    return query select f.* from ledger_private.verify_transfers(v_first, v_last) f;
    return query select f.* from ledger_private.verify_pairs(v_first, v_last) f;
    return query select f.* from ledger_private.verify_links(v_first, v_last) f;
    return query select f.* from ledger_private.verify_reversals(v_first, v_last) f;
    return query select f.* from ledger_private.verify_holds(v_first, v_last) f;
    return query select f.* from ledger_private.verify_lots(v_first, v_last) f;
    return query select f.* from ledger_private.verify_draws(v_first, v_last) f;
    return query select f.* from ledger_private.verify_order(v_first, v_last) f;
    return query select f.* from ledger_private.verify_wallets(v_first, v_last) f;
    return query select f.* from ledger_private.verify_redactions(v_first, v_last) f;
    return query select f.* from ledger_private.verify_references(v_first, v_last) f;
    if v_rows is not null then
      v_proven := v_proven + (select count(*) from ledger.entries e where e.wallet_id between v_first and v_last);
      raise info 'ledger_verify' using detail = jsonb_build_object('proven', v_proven, 'rows', v_rows);
    end if;
  end loop;
  if ledger_verify.wallet_id is null then
    return query select f.* from ledger_private.verify_totals() f;
    return query select f.* from ledger_private.verify_records() f;
    return query select f.* from ledger_private.verify_seals() f;
    return query select f.* from ledger_private.verify_closed() f;
  end if;
end
$$;

comment on function ledger.ledger_verify is
$$Proves the ledger again from its rows, in one snapshot, while others go on posting: every broken rule is a row, and no
row means that it is sound.

- walletId: one player's wallet with its transfers; the whole ledger if left out. Refuses with WALLET_NOT_FOUND (WLNOW).

In a session with ledger.progress = on, a message (INFO) tells again and again how many of the entries have been proven.

Rules:

- entry_seq: a wallet's entries are numbered without gaps
- entry_balance: balances and totals continue from the entry before, and cover what holds reserve
- entry_time: a wallet's time never runs backwards
- entry_hash: the chain of hashes is whole
- entry_reference: the wallet and the transfer of an entry are there
- transfer_reference: both entries of a transfer are there; a merge left nothing, is the last of its wallet, and this
  points to the successor, which owes what both had owed
- transfer_sides: the accounts and the asset are those that the transfer's kind demands
- transfer_facts: key, amounts, bonus part and dates are those that the transfer's kind demands
- transfer_link: both sides of an exchange, or of its reversal, are there: of one owner and two assets, with the same
  part of bonus credits
- transfer_reversed: no more of a transfer was reversed than it moved, paid credits first
- hold_reference: a hold is what its transfer placed, and ended later, if it has ended
- hold_expiry: a hold that was due was freed by the wallet's next entries
- lot_reference: each expiring bonus made a lot, and so did each expiry in a transfer
- lot_balance: what was drawn from a lot adds up, and in lots is no more than the wallet's bonus credits
- lot_draws: an entry drew from lots what its kind demands, and the end of a hold freed what it had reserved
- lot_order: the earliest expiry was drawn first, and credits that do not expire last
- lot_expiry: a lot that was due was booked by the wallet's next entries
- work_list: the lists of open holds and lots are true
- wallet_id: the id of a wallet is the one derived from its owner
- wallet_reference: the asset of a wallet and the wallet of an event are there
- wallet_status: a wallet's status is what its newest event about it says
- wallet_limits: a wallet's limits are those that its newest event about them set, and none are without an event
- wallet_merged: a wallet that points to a successor is closed, and its last entry moved everything there
- unique_reference: payments that are booked once are those of the top-ups that name them
- redaction: metadata that were blanked by law are blank, and an event says so
- record_chain: a wallet and its events, an asset and its limits, the epochs of the feed and the verifications are
  numbered without gaps, none missing, and each hash covers the row and the one before
- asset_sum: within an asset, what players have is what the house's accounts have
- house_total: the totals of a block are the sums of the entries that it closed
- seal_chain: seals are numbered without gaps, and each covers the one before
- seal_root: the tree over the sealed entries has the root and the counts that the seal says
- seal_entry: what was sealed is there, and what was to be sealed was
- seal_record: so are the wallets' events, the limits and the verifications that were sealed; the list of events to seal
  is true$$;

grant execute on function ledger.ledger_verify to wallet_auditor;
