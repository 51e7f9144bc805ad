-- The posting path made cheap: what a call does not need is not set up.

set local role wallet_owner;

drop function ledger_private.check_request(ledger.transfers);
drop function ledger_private.judge(
  ledger.transfers, ledger.wallets, ledger.entries, ledger.wallets, ledger.entries, bigint, ledger.asset_limits, ledger.entries
);
drop type ledger_private.judged;
drop function ledger_private.opposite_entry(ledger.wallets, ledger.entry_side, ledger.transfers);
drop function ledger_private.replay(ledger.transfers, ledger.transfers);
drop function ledger_private.post(ledger.transfer_kind, uuid, uuid, bigint, text, timestamptz, jsonb);
drop function ledger_private.write_all(ledger.transfers[], ledger.entries[]);
drop function ledger_private.lock_batch(ledger.wallet_request[]);
drop function ledger_private.load_batch(ledger.transfers[], timestamptz);
drop function ledger_private.plan_batch(ledger.transfers[], timestamptz);
drop type ledger_private.batch;
drop type ledger_private.batch_plan;

-- Of each request of a batch, by place: what load_batch finds out.
create type ledger_private.batch_numbers as (numbers int[], other_numbers int[], first_places int[], used boolean[], odd boolean[], total numeric);
-- What a batch is judged by: its now, what there is by number of the wallet, and what by place of the request.
create type ledger_private.batch as (
  at_time timestamptz,
  wallets ledger.wallets[],
  heads ledger.entries[],
  limits ledger.asset_limits[],
  day_before ledger.entries[],
  numbers ledger_private.batch_numbers
);
-- What it books: by place; by number of the wallet; and by row, which are the heads, by number, and then the entries, two for each movement.
create type ledger_private.batch_plan as (
  bonus_amounts bigint[],
  judged boolean,
  held_balances bigint[],
  held_bonus bigint[],
  times timestamptz[],
  befores int[],
  seqs bigint[],
  balances bigint[],
  bonus_balances bigint[],
  topped_up_totals bigint[],
  granted_totals bigint[],
  spent_totals bigint[]
);

--!include ledger_private/tg__guard_insert.sql
create or replace trigger _100_guard_insert before insert on ledger.assets
  for each statement execute function ledger_private.tg__guard_insert();
create or replace trigger _100_guard_insert before insert on ledger.wallets
  for each statement execute function ledger_private.tg__guard_insert();
create or replace trigger _100_guard_insert before insert on ledger.wallet_events
  for each statement execute function ledger_private.tg__guard_insert();
create or replace trigger _100_guard_insert before insert on ledger.transfers
  for each statement execute function ledger_private.tg__guard_insert();
create or replace trigger _100_guard_insert before insert on ledger.entries
  for each statement execute function ledger_private.tg__guard_insert();
create or replace trigger _100_guard_insert before insert on ledger.holds
  for each statement execute function ledger_private.tg__guard_insert();
create or replace trigger _100_guard_insert before insert on ledger.bonus_lots
  for each statement execute function ledger_private.tg__guard_insert();
create or replace trigger _100_guard_insert before insert on ledger.bonus_lot_draws
  for each statement execute function ledger_private.tg__guard_insert();
create or replace trigger _100_guard_insert before insert on ledger.asset_limits
  for each statement execute function ledger_private.tg__guard_insert();

--!include ledger_private/refuse_request.sql
--!include ledger_private/check_request.sql
--!include ledger_private/check_batch_item.sql
--!include ledger_private/check_snapshot.sql
--!include ledger_private/replay.sql
--!include ledger_private/prepare.sql
--!include ledger_private/next_entry.sql
--!include ledger_private/bonus_part.sql
--!include ledger_private/judge.sql
--!include ledger_private/judge_by_limits.sql
--!include ledger_private/sides.sql
--!include ledger_private/link_hash.sql
--!include ledger_private/seal.sql
--!include ledger_private/write_all.sql
--!include ledger_private/write.sql
--!include ledger_private/opposite_entry.sql
--!include ledger_private/write_lots.sql
--!include ledger_private/first_expiry.sql
--!include ledger_private/move_own_lots.sql
--!include ledger_private/post.sql
--!include ledger/wallet_top_up.sql
--!include ledger/wallet_bonus.sql
--!include ledger/wallet_spend.sql
--!include ledger/wallet_transfer.sql
--!include ledger/wallet_capture.sql
--!include ledger/wallet_reverse.sql
--!include ledger_private/has_due.sql
--!include ledger_private/heads.sql
--!include ledger_private/lock_batch.sql
--!include ledger_private/batch_requests.sql
--!include ledger_private/number_batch.sql
--!include ledger_private/load_batch.sql
--!include ledger_private/well_formed.sql
--!include ledger_private/start_plan.sql
--!include ledger_private/plan_batch.sql
--!include ledger_private/move_batch_lots.sql
--!include ledger_private/write_batch.sql
--!include ledger_private/batch_receipts.sql
--!include ledger/wallet_post_batch.sql

reset role;
