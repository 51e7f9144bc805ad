-- Enter migration here

set local role wallet_owner;

-- A batch judges each of its movements only where a limit, or the end of what is counted, may be reached.
--!include ledger_private/number_batch.sql
--!include ledger_private/start_plan.sql

-- A refusal does not repeat a megabyte.
--!include ledger_private/refuse_asset.sql

reset role;
