-- Enter migration here

-- Batches made cheap: facts in columns from the start, and nothing done about lots where there are none.

set local role wallet_owner;

drop function ledger_private.batch_requests(ledger.wallet_request[], timestamptz);
drop function ledger_private.heads(ledger.wallets[]);
drop function ledger_private.start_plan(ledger_private.batch);
drop function ledger_private.well_formed(ledger.transfers[]);
drop function ledger_private.number_batch(ledger.transfers[], ledger.wallets[]);
drop function ledger_private.check_batch_item(ledger.transfers, ledger.wallets, ledger.wallets, ledger.transfers, timestamptz);
drop function ledger_private.lock_batch(ledger.wallet_request[]);
drop function ledger_private.load_batch(ledger.transfers[], ledger_private.batch);
drop function ledger_private.plan_batch(ledger.transfers[], ledger_private.batch);
drop function ledger_private.write_batch(ledger.transfers[], ledger_private.batch, ledger_private.batch_plan);
drop function ledger_private.move_batch_lots(ledger.transfers[], int[], int[], ledger_private.batch);
drop function ledger_private.batch_receipts(ledger.transfers[], ledger.receipt[], bigint[], int[]);
drop type ledger_private.batch;
drop type ledger_private.batch_plan;
drop type ledger_private.batch_numbers;

-- Of each request of a batch, by place: what number_batch finds out; and of all of them.
create type ledger_private.batch_numbers as (
  numbers int[],
  other_numbers int[],
  first_places int[],
  used boolean[],
  odd boolean[],
  total numeric,
  expiring boolean
);
-- Of each wallet, by number: what its newest entry says.
create type ledger_private.batch_heads as (
  numbers int[],
  times timestamptz[],
  hashes bytea[],
  seqs bigint[],
  balances bigint[],
  bonus_balances bigint[],
  held_balances bigint[],
  held_bonus bigint[],
  topped_up_totals bigint[],
  granted_totals bigint[],
  spent_totals bigint[],
  largest bigint
);
-- What a batch is judged by: its now, what there is by number of the wallet, what by place of the request, whether each
-- movement is to be judged, and whether lots may move.
create type ledger_private.batch as (
  at_time timestamptz,
  assets text[],
  wallets ledger.wallets[],
  ids uuid[],
  heads ledger_private.batch_heads,
  limits ledger.asset_limits[],
  day_before ledger.entries[],
  numbers ledger_private.batch_numbers,
  judged boolean,
  lots boolean
);
-- What it books: by place; and by row, which are the heads, by number, and then the entries, two for each movement.
create type ledger_private.batch_plan as (
  rows int[],
  bonus_amounts bigint[],
  numbers int[],
  befores int[],
  seqs bigint[],
  balances bigint[],
  bonus_balances bigint[],
  topped_up_totals bigint[],
  granted_totals bigint[],
  spent_totals bigint[]
);

--!include ledger_private/with_open.sql
--!include ledger_private/batch_request.sql
--!include ledger_private/check_batch_item.sql
--!include ledger_private/number_batch.sql
--!include ledger_private/batch_heads.sql
--!include ledger_private/lock_batch.sql
--!include ledger_private/load_batch.sql
--!include ledger_private/plan_batch.sql
--!include ledger_private/load_lots.sql
--!include ledger_private/move_batch_lots.sql
--!include ledger_private/uuid_after.sql
--!include ledger_private/write_batch.sql
--!include ledger_private/batch_receipts.sql
--!include ledger/wallet_post_batch.sql

-- A refusal does not repeat a megabyte.
--!include ledger_private/refuse_asset.sql

reset role;
