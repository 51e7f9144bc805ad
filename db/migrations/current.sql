-- Enter migration here

-- A batch judges each of its movements only where a limit, or the end of what is counted, may be reached.
set local role wallet_owner;

--!include ledger_private/number_batch.sql
--!include ledger_private/start_plan.sql

reset role;
