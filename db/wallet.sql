-- All of the database, in the order in which it is made: the types, tables and policies of schema/, the functions of
-- functions/. roles.sql comes before. The migrations end where this file does; `npm run migration` writes the next one.

--!include schema/schemas.sql

-- Guards of the tables. Privileges are the first wall, these the second: they stop the owner and a superuser from
-- writing by hand. They fire in ordinary sessions only, so that logical replication and a restore may still write rows.
--!include functions/ledger_private/triggers/tg__guard_insert.sql
--!include functions/ledger_private/triggers/tg__append_only.sql
--!include functions/ledger_private/triggers/tg_entries__arrived.sql
--!include functions/ledger_private/triggers/tg_feed_epochs__arrived.sql

-- Whose rows a player sees
--!include functions/ledger_private/callers/claimed_subject.sql

-- Tables and types
--!include schema/assets.sql
--!include schema/wallets.sql
--!include schema/nodes.sql
--!include schema/entries.sql
--!include schema/holds.sql
--!include schema/lots.sql
--!include schema/unsettled.sql
--!include schema/limits.sql
--!include schema/feed.sql
--!include schema/blocks.sql
--!include schema/proofs.sql
--!include schema/reports.sql
--!include schema/calls.sql
--!include schema/helpers.sql
--!include schema/gateway.sql

-- How facts are written
--!include functions/ledger_private/reading/in_utc.sql
--!include functions/ledger_private/wallets/uuid_v8.sql
--!include functions/ledger_private/hashes/asset_id.sql

-- Refusals: each rule returns one, or null; refuse() ends the call
--!include functions/ledger_private/refusals/refusal.sql
--!include functions/ledger_private/refusals/refuse.sql
--!include functions/ledger_private/refusals/invalid_argument.sql
--!include functions/ledger_private/refusals/wallet_not_found.sql
--!include functions/ledger_private/refusals/asset_not_found.sql
--!include functions/ledger_private/refusals/invalid_period.sql
--!include functions/ledger_private/refusals/asset_mismatch.sql
--!include functions/ledger_private/refusals/refuse_stale.sql
--!include functions/ledger_private/refusals/check_snapshot.sql
--!include functions/ledger_private/wallets/is_key.sql
--!include functions/ledger_private/refusals/is_metadata.sql

-- Ids, and who is calling
--!include functions/ledger/wallet_id.sql
--!include functions/ledger_private/callers/actor.sql
--!include functions/ledger_private/callers/calling_role.sql

-- Hashes: what a row is, byte by byte
--!include functions/ledger_private/hashes/text_hash.sql
--!include functions/ledger_private/hashes/metadata_hash.sql
--!include functions/ledger_private/hashes/entry_digest.sql
--!include functions/ledger_private/hashes/entry_hash.sql
--!include functions/ledger_private/hashes/record_hash.sql
--!include functions/ledger_private/hashes/asset_bytes.sql
--!include functions/ledger_private/hashes/asset_limit_bytes.sql
--!include functions/ledger_private/hashes/wallet_bytes.sql
--!include functions/ledger_private/hashes/wallet_event_bytes.sql
--!include functions/ledger_private/hashes/verification_bytes.sql
--!include functions/ledger_private/hashes/feed_epoch_bytes.sql

-- Reading the log, now and then
--!include functions/ledger_private/reading/head.sql
--!include functions/ledger_private/reading/seq_at.sql
--!include functions/ledger_private/reading/seq_before.sql
--!include functions/ledger_private/reading/entry_at.sql
--!include functions/ledger_private/lots/lot_at.sql
--!include functions/ledger_private/reading/available_at.sql
--!include functions/ledger_private/reading/balance_of.sql
--!include functions/ledger_private/lots/reserved_bonus.sql
--!include functions/ledger_private/lots/bonus_part.sql
--!include functions/ledger_private/holds/closing_status.sql

-- Rules, in the documented order of refusals
--!include functions/ledger_private/posting/leaves.sql
--!include functions/ledger_private/posting/house_account.sql
--!include functions/ledger_private/refusals/invalid_request.sql
--!include functions/ledger_private/refusals/not_found.sql
--!include functions/ledger_private/refusals/key_reused.sql
--!include functions/ledger_private/refusals/expiry_passed.sql
--!include functions/ledger_private/refusals/not_allowed.sql
--!include functions/ledger_private/refusals/hold_not_open.sql
--!include functions/ledger_private/refusals/not_reversible.sql
--!include functions/ledger_private/refusals/above_limit.sql
--!include functions/ledger_private/refusals/insufficient_funds.sql

-- Entries made and rows written
--!include functions/ledger_private/posting/next_entry.sql
--!include functions/ledger_private/posting/acting.sql
--!include functions/ledger_private/posting/chained.sql
--!include functions/ledger_private/posting/write.sql
--!include functions/ledger_private/lots/write_lots.sql
--!include functions/ledger_private/lots/write_lot.sql

-- Holds and lots
--!include functions/ledger_private/holds/closing_draws.sql
--!include functions/ledger_private/holds/close_holds.sql
--!include functions/ledger_private/holds/end_hold.sql
--!include functions/ledger_private/lots/draws.sql

-- What is due
--!include functions/ledger_private/expiry/free_due_holds.sql
--!include functions/ledger_private/expiry/expire_due_lots.sql
--!include functions/ledger_private/expiry/settle.sql
--!include functions/ledger_private/expiry/due_wallets.sql
--!include functions/ledger_private/expiry/still_due.sql
--!include functions/ledger_private/expiry/settle_each.sql
--!include functions/ledger_private/expiry/note_failures.sql

-- The posting path
--!include functions/ledger_private/posting/receipt.sql
--!include functions/ledger_private/posting/replay.sql
--!include functions/ledger_private/posting/lock_wallets.sql
--!include functions/ledger_private/posting/lock_free_wallets.sql
--!include functions/ledger_private/posting/prepare.sql
--!include functions/ledger_private/posting/judged.sql
--!include functions/ledger_private/lots/move_lots.sql
--!include functions/ledger_private/posting/post.sql
--!include functions/ledger_private/posting/post_own.sql
--!include functions/ledger_private/posting/write_transfer.sql
--!include functions/ledger_private/posting/post_between.sql

-- Many calls in one
--!include functions/ledger_private/batch/function_of.sql
--!include functions/ledger_private/batch/check_group.sql
--!include functions/ledger_private/batch/group_wallets.sql
--!include functions/ledger_private/batch/skipped_items.sql
--!include functions/ledger_private/batch/lock_group.sql
--!include functions/ledger_private/batch/post_item.sql
--!include functions/ledger_private/batch/outcome_of.sql
--!include functions/ledger_private/batch/bonus_parts.sql
--!include functions/ledger_private/batch/usual_head.sql
--!include functions/ledger_private/batch/usual_moves.sql
--!include functions/ledger_private/batch/usual_entries.sql
--!include functions/ledger_private/batch/post_usual.sql
--!include functions/ledger_private/batch/post_group.sql
--!include functions/ledger_private/batch/post_others.sql

-- Reversals and statuses
--!include functions/ledger_private/reversal/reversible_parts.sql
--!include functions/ledger_private/reversal/reversal_plan.sql
--!include functions/ledger_private/reversal/reversal_draws.sql
--!include functions/ledger_private/reversal/reverse.sql
--!include functions/ledger_private/wallets/record_events.sql
--!include functions/ledger_private/wallets/open_wallets.sql
--!include functions/ledger_private/wallets/change_status.sql

-- The feed and blocks
--!include functions/ledger_private/feed_and_blocks/is_moved.sql
--!include functions/ledger_private/feed_and_blocks/feed_epoch.sql
--!include functions/ledger_private/feed_and_blocks/place_of_old.sql
--!include functions/ledger_private/feed_and_blocks/begin_epoch.sql
--!include functions/ledger_private/feed_and_blocks/rows_since.sql
--!include functions/ledger_private/feed_and_blocks/closed_snapshot.sql
--!include functions/ledger_private/feed_and_blocks/quarter.sql
--!include functions/ledger_private/feed_and_blocks/merkle_root.sql
--!include functions/ledger_private/feed_and_blocks/seal_leaf.sql
--!include functions/ledger_private/feed_and_blocks/totals_hash.sql
--!include functions/ledger_private/feed_and_blocks/cut.sql
--!include functions/ledger_private/feed_and_blocks/seal_hash.sql
--!include functions/ledger_private/feed_and_blocks/records.sql
--!include functions/ledger_private/feed_and_blocks/unsealed_records.sql

-- Reports
--!include functions/ledger_private/reports/account_name.sql
--!include functions/ledger_private/reports/newest_totals.sql
--!include functions/ledger_private/reports/movements_of_block.sql
--!include functions/ledger_private/reports/block_totals_before.sql
--!include functions/ledger_private/reports/quarter_totals_before.sql
--!include functions/ledger_private/reports/totals_before.sql
--!include functions/ledger_private/reports/zone.sql
--!include functions/ledger_private/reports/bucket_starts.sql
--!include functions/ledger_private/reports/check_asset.sql
--!include functions/ledger_private/reports/journal_range.sql
--!include functions/ledger_private/reports/journal_of_block.sql

-- Proofs
--!include functions/ledger_private/verify/verify_entries.sql
--!include functions/ledger_private/verify/verify_transfers.sql
--!include functions/ledger_private/verify/verify_pairs.sql
--!include functions/ledger_private/verify/verify_wallets.sql
--!include functions/ledger_private/verify/verify_totals.sql
--!include functions/ledger_private/verify/verify_holds.sql
--!include functions/ledger_private/verify/verify_lots.sql
--!include functions/ledger_private/verify/verify_draws.sql
--!include functions/ledger_private/verify/verify_reversals.sql
--!include functions/ledger_private/verify/lot_steps.sql
--!include functions/ledger_private/verify/verify_order.sql
--!include functions/ledger_private/verify/verify_records.sql
--!include functions/ledger_private/verify/verify_seals.sql
--!include functions/ledger_private/verify/verify_closed.sql
--!include functions/ledger_private/verify/verify_kept.sql

-- What callers call: wallets
--!include functions/ledger/request.sql
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
--!include functions/ledger/wallet_post_each.sql
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
--!include functions/ledger/entries_counterparty.sql
--!include functions/ledger/wallet_history.sql
--!include functions/ledger/wallets_balance.sql
--!include functions/ledger/wallets_bonus_balance.sql
--!include functions/ledger/wallets_held_balance.sql
--!include functions/ledger/wallets_available.sql
--!include functions/ledger/wallets_seq.sql
--!include functions/ledger/holds_closing.sql
--!include functions/ledger/holds_status.sql
--!include functions/ledger/wallets_holds.sql
--!include functions/ledger/assets_limits.sql

-- What callers call: the whole ledger
--!include functions/ledger/ledger_trial_balance.sql
--!include functions/ledger/ledger_balances_at.sql
--!include functions/ledger/ledger_activity.sql
--!include functions/ledger/ledger_journal.sql
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
