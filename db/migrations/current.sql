-- What is booked and read depends on the arguments, not on the settings of the session.

set local role wallet_owner;
-- Bodies without quotes are bound when they are made: to these names, whoever migrates.
set local search_path = pg_catalog, pg_temp;

--!include ledger_private/uuid_v8.sql
--!include ledger_private/house_account.sql
--!include ledger_private/closing_status.sql
--!include ledger_private/counterparty.sql
--!include ledger_private/lot_at.sql
--!include ledger_private/due_amount.sql
--!include ledger_private/in_utc.sql
--!include ledger_private/entry_hash.sql
--!include ledger_private/merkle_root.sql
--!include ledger_private/seal_leaf.sql
--!include ledger_private/check_expiry.sql
--!include ledger_private/check_replay.sql
--!include ledger_private/expire_due_lots.sql
--!include ledger_private/move_lots.sql
--!include ledger_private/reversal_plan.sql
--!include ledger/wallet_id.sql
--!include ledger/wallet_stripe.sql
--!include ledger/assets_limits.sql
--!include ledger/entries_counterparty.sql
--!include ledger/holds_closing.sql
--!include ledger/holds_status.sql
--!include ledger/wallets_available.sql
--!include ledger/wallets_balance.sql
--!include ledger/wallets_bonus_balance.sql
--!include ledger/wallets_held_balance.sql
--!include ledger/wallets_holds.sql
--!include ledger/wallets_seq.sql
--!include ledger/wallet_history.sql
--!include ledger/wallet_balance_at.sql
--!include ledger/ledger_events.sql
--!include ledger/ledger_verify.sql
--!include ledger/ledger_verify_seals.sql

reset role;
