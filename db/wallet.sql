-- All of the database, in the order in which it is made: the types, tables and policies of schema/, the functions of functions/.
-- roles.sql comes before.
-- The first migration is this file with every include expanded; `npm run migration` writes it.

--!include schema/schemas.sql

-- Guards of the tables. Privileges are the first wall, these the second: they stop the owner and a superuser from writing by hand.
-- They fire in ordinary sessions only, so that logical replication and a restore may still write rows.
--!include functions/ledger_private/tg__guard_insert.sql
--!include functions/ledger_private/tg__append_only.sql
--!include functions/ledger_private/tg_transfers__arrived.sql
--!include functions/ledger_private/tg_feed_epochs__arrived.sql

-- Whose rows a player sees
--!include functions/ledger_private/claimed_subject.sql

-- Tables and types
--!include schema/assets.sql
--!include schema/wallets.sql
--!include schema/movements.sql
--!include schema/holds.sql
--!include schema/lots.sql
--!include schema/unsettled.sql
--!include schema/limits.sql
--!include schema/feed.sql
--!include schema/seals.sql
--!include schema/proofs.sql
--!include schema/calls.sql
--!include schema/helpers.sql
--!include schema/gateway.sql

-- How facts are written
--!include functions/ledger_private/in_utc.sql

-- Refusals
--!include functions/ledger_private/refuse.sql
--!include functions/ledger_private/refuse_argument.sql
--!include functions/ledger_private/refuse_request.sql
--!include functions/ledger_private/refuse_wallet.sql
--!include functions/ledger_private/refuse_asset.sql
--!include functions/ledger_private/refuse_assets.sql
--!include functions/ledger_private/refuse_limit.sql
--!include functions/ledger_private/refuse_overflow.sql
--!include functions/ledger_private/refuse_funds.sql
--!include functions/ledger_private/refuse_reversal.sql
--!include functions/ledger_private/refuse_stale.sql
--!include functions/ledger_private/is_key.sql
--!include functions/ledger_private/check_owner_id.sql
--!include functions/ledger_private/check_asset.sql

-- Ids, accounts, who is calling
--!include functions/ledger_private/uuid_v8.sql
--!include functions/ledger_private/uuid_after.sql
--!include functions/ledger/wallet_id.sql
--!include functions/ledger/wallet_stripe.sql
--!include functions/ledger_private/house_account.sql
--!include functions/ledger_private/house_wallet_id.sql
--!include functions/ledger_private/actor.sql

-- Hashes: what a row is, byte by byte
--!include functions/ledger_private/transfer_bytes.sql
--!include functions/ledger_private/entry_bytes.sql
--!include functions/ledger_private/entry_hash.sql
--!include functions/ledger_private/link_hash.sql
--!include functions/ledger_private/record_hash.sql
--!include functions/ledger_private/asset_bytes.sql
--!include functions/ledger_private/asset_limit_bytes.sql
--!include functions/ledger_private/wallet_bytes.sql
--!include functions/ledger_private/wallet_event_bytes.sql
--!include functions/ledger_private/verification_bytes.sql
--!include functions/ledger_private/feed_epoch_bytes.sql
--!include functions/ledger_private/sides.sql
--!include functions/ledger_private/seal.sql

-- Reading the log, now and then
--!include functions/ledger_private/head.sql
--!include functions/ledger_private/seq_at.sql
--!include functions/ledger_private/seq_before.sql
--!include functions/ledger_private/entry_at.sql
--!include functions/ledger_private/lot_at.sql
--!include functions/ledger_private/due_holds.sql
--!include functions/ledger_private/available_at.sql
--!include functions/ledger_private/balance_of.sql
--!include functions/ledger_private/held_bonus.sql
--!include functions/ledger_private/free_part.sql
--!include functions/ledger_private/first_expiry.sql
--!include functions/ledger_private/bonus_part.sql
--!include functions/ledger_private/closing_status.sql
--!include functions/ledger_private/counterparty.sql

-- Checks, in the documented order of refusals
--!include functions/ledger_private/check_request.sql
--!include functions/ledger_private/check_snapshot.sql
--!include functions/ledger_private/check_expiry.sql
--!include functions/ledger_private/receipt.sql
--!include functions/ledger_private/settled_receipt.sql
--!include functions/ledger_private/check_replay.sql
--!include functions/ledger_private/replay.sql
--!include functions/ledger_private/check_status.sql
--!include functions/ledger_private/check_limits.sql
--!include functions/ledger_private/check_own_limits.sql

-- Entries made and rows written
--!include functions/ledger_private/next_entry.sql
--!include functions/ledger_private/opposite_entry.sql
--!include functions/ledger_private/write_all.sql
--!include functions/ledger_private/write.sql
--!include functions/ledger_private/write_lots.sql

-- What is due
--!include functions/ledger_private/closing_draws.sql
--!include functions/ledger_private/close_holds.sql
--!include functions/ledger_private/has_due.sql
--!include functions/ledger_private/due_lots.sql
--!include functions/ledger_private/free_due_holds.sql
--!include functions/ledger_private/expire_due_lots.sql
--!include functions/ledger_private/settle.sql
--!include functions/ledger_private/due_wallets.sql
--!include functions/ledger_private/still_due.sql
--!include functions/ledger_private/settle_each.sql
--!include functions/ledger_private/sweep.sql
--!include functions/ledger_private/note_failures.sql

-- The posting path
--!include functions/ledger_private/judge.sql
--!include functions/ledger_private/judge_by_limits.sql
--!include functions/ledger_private/lock_house.sql
--!include functions/ledger_private/lock_breakage.sql
--!include functions/ledger_private/prepare.sql
--!include functions/ledger_private/open_hold.sql
--!include functions/ledger_private/load_lots.sql
--!include functions/ledger_private/move_lots.sql
--!include functions/ledger_private/move_own_lots.sql
--!include functions/ledger_private/post.sql

-- Reversals and statuses
--!include functions/ledger_private/reversal_draws.sql
--!include functions/ledger_private/reversible_parts.sql
--!include functions/ledger_private/reversal_plan.sql
--!include functions/ledger_private/record_events.sql
--!include functions/ledger_private/change_status.sql

-- Batches
--!include functions/ledger_private/batch_request.sql
--!include functions/ledger_private/with_open.sql
--!include functions/ledger_private/check_batch_item.sql
--!include functions/ledger_private/number_batch.sql
--!include functions/ledger_private/batch_heads.sql
--!include functions/ledger_private/lock_batch.sql
--!include functions/ledger_private/load_batch.sql
--!include functions/ledger_private/plan_batch.sql
--!include functions/ledger_private/move_batch_lots.sql
--!include functions/ledger_private/batch_receipts.sql
--!include functions/ledger_private/write_batch.sql

-- The feed and seals
--!include functions/ledger_private/is_moved.sql
--!include functions/ledger_private/feed_epoch.sql
--!include functions/ledger_private/feed_end.sql
--!include functions/ledger_private/seal_start.sql
--!include functions/ledger_private/place_of_old.sql
--!include functions/ledger_private/begin_epoch.sql
--!include functions/ledger_private/merkle_root.sql
--!include functions/ledger_private/seal_leaf.sql
--!include functions/ledger_private/seal_hash.sql
--!include functions/ledger_private/unsealed_heads.sql
--!include functions/ledger_private/asset_id.sql
--!include functions/ledger_private/records.sql
--!include functions/ledger_private/unsealed_records.sql

-- Proofs
--!include functions/ledger_private/verify_entries.sql
--!include functions/ledger_private/verify_transfers.sql
--!include functions/ledger_private/verify_wallets.sql
--!include functions/ledger_private/verify_sums.sql
--!include functions/ledger_private/verify_holds.sql
--!include functions/ledger_private/verify_lots.sql
--!include functions/ledger_private/verify_draws.sql
--!include functions/ledger_private/verify_reversals.sql
--!include functions/ledger_private/verify_order.sql
--!include functions/ledger_private/verify_events.sql
--!include functions/ledger_private/verify_house.sql
--!include functions/ledger_private/verify_records.sql
--!include functions/ledger_private/verify_seals.sql
--!include functions/ledger_private/verify_kept.sql

-- What callers call: wallets
--!include functions/ledger/asset_create.sql
--!include functions/ledger/wallet_open.sql
--!include functions/ledger/wallet_open_many.sql
--!include functions/ledger/wallet_top_up.sql
--!include functions/ledger/wallet_bonus.sql
--!include functions/ledger/wallet_spend.sql
--!include functions/ledger/wallet_transfer.sql
--!include functions/ledger/wallet_hold.sql
--!include functions/ledger/wallet_capture.sql
--!include functions/ledger/wallet_release.sql
--!include functions/ledger/wallet_reverse.sql
--!include functions/ledger/wallet_post_batch.sql
--!include functions/ledger/wallet_freeze.sql
--!include functions/ledger/wallet_close.sql
--!include functions/ledger/wallet_reopen.sql
--!include functions/ledger/asset_limit_set.sql
--!include functions/ledger/wallet_expire_due.sql

-- What callers call: reading
--!include functions/ledger/wallet_balance.sql
--!include functions/ledger/wallet_balance_at.sql
--!include functions/ledger/wallet_statement.sql
--!include functions/ledger/wallet_explain.sql
--!include functions/ledger/wallet_history.sql
--!include functions/ledger/wallets_balance.sql
--!include functions/ledger/wallets_bonus_balance.sql
--!include functions/ledger/wallets_held_balance.sql
--!include functions/ledger/wallets_available.sql
--!include functions/ledger/wallets_seq.sql
--!include functions/ledger/holds_closing.sql
--!include functions/ledger/holds_status.sql
--!include functions/ledger/wallets_holds.sql
--!include functions/ledger/entries_counterparty.sql
--!include functions/ledger/assets_limits.sql

-- What callers call: the whole ledger
--!include functions/ledger/ledger_trial_balance.sql
--!include functions/ledger/ledger_verify.sql
--!include functions/ledger/ledger_verify_seals.sql
--!include functions/ledger/ledger_prove.sql
--!include functions/ledger/ledger_seal.sql
--!include functions/ledger/ledger_events.sql
--!include functions/ledger/ledger_notify.sql
--!include functions/ledger/ledger_unsettled.sql
--!include functions/ledger/ledger_metrics.sql
--!include functions/gateway/take_poller_turn.sql

select ledger_private.begin_epoch();

reset role;
