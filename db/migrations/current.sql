-- Enter migration here
set local role wallet_owner;

-- It has two more arguments now.
drop function if exists ledger.wallet_history(uuid);
--!include ledger/wallet_history.sql

reset role;
