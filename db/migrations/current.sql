-- Holds, expiring bonuses, reversals, batches, statuses, limits, balances at any time.
set local role wallet_owner;

comment on table ledger.wallet_events is $$@behavior -query:resource:connection -query:resource:list -query:resource:single
What happened to a wallet's status: who, when and why. Append-only. Players do not see it.$$;

-- Types and tables ----------------------------------------------------------------------------------------------------

create type ledger.hold_status as enum ('open', 'captured', 'released', 'expired');
comment on type ledger.hold_status is 'What became of a hold.';

create type ledger.credit_source as enum ('paid', 'bonus', 'expiring_bonus');
comment on type ledger.credit_source is
  'Where credits in a wallet come from: bought, given away, or given away until an instant.';

create table ledger.holds (
  wallet_id uuid not null,
  id uuid not null,
  seq bigint not null,
  amount bigint not null,
  bonus_amount bigint not null,
  expires_at timestamptz,
  created_at timestamptz not null,
  primary key (wallet_id, id),
  constraint holds_wallet_id_seq_key unique (wallet_id, seq),
  constraint holds_bonus_amount_is_part_of_amount check (amount > 0 and bonus_amount between 0 and amount),
  constraint holds_wallet_id_fkey foreign key (wallet_id) references ledger.wallets (id) not enforced,
  constraint holds_transfer_fkey foreign key (id) references ledger.transfers (id) not enforced
);

comment on table ledger.holds is $$@behavior -query:resource:connection -query:resource:list
A reservation of credits. Append-only: it is open until a capture or a release names it.$$;
comment on constraint holds_wallet_id_fkey on ledger.holds is $$@behavior -manyRelation:resource:connection -manyRelation:resource:list
@forwardDescription The wallet whose credits it reserves.$$;
comment on constraint holds_wallet_id_seq_key on ledger.holds is $$@behavior -query:resource:single -singularRelation:resource:single$$;
comment on constraint holds_transfer_fkey on ledger.holds is $$@fieldName transfer
@forwardDescription The movement that placed it.
@behavior -manyRelation:resource:connection -manyRelation:resource:list -singularRelation:resource:single:backward$$;
comment on column ledger.holds.wallet_id is 'The wallet whose credits it reserves.';
comment on column ledger.holds.id is 'The hold, and the transfer that placed it.';
comment on column ledger.holds.seq is 'The wallet''s entry that placed it.';
comment on column ledger.holds.amount is 'What it reserved, in minor units.';
comment on column ledger.holds.bonus_amount is 'The part of the amount that was bonus credits, in minor units.';
comment on column ledger.holds.expires_at is 'From when it is void and its credits are free again; null for never.';
comment on column ledger.holds.created_at is 'When it was placed.';

-- A hold ends once, and a movement finds its reversals.
create unique index transfers_hold_closed_once_idx on ledger.transfers (wallet_id, hold_id) where hold_id is not null and kind <> 'hold';
create index transfers_reverses_idx on ledger.transfers (reverses) where reverses is not null;
alter table ledger.transfers
  add constraint transfers_hold_fkey foreign key (wallet_id, hold_id) references ledger.holds (wallet_id, id) not enforced,
  add constraint transfers_reverses_fkey foreign key (reverses) references ledger.transfers (id) not enforced;
comment on constraint transfers_hold_fkey on ledger.transfers is $$@fieldName hold
@forwardDescription The hold that this one opened, captured or released.
@behavior -manyRelation:resource:connection -manyRelation:resource:list$$;
comment on constraint transfers_reverses_fkey on ledger.transfers is $$@fieldName reversedTransfer
@forwardDescription The movement that this one reverses.
@foreignFieldName reversals
@backwardDescription What has been taken back of it: its reversals, oldest first.
@isIndexed$$;
comment on table ledger.transfers is $$@behavior -query:resource:connection -query:resource:list -filter -order
One movement of credits, booked as one debit and one credit entry of the same amount; a hold or a release, which only reserves or frees, as one
entry of the wallet. Append-only.$$;
comment on column ledger.transfers.amount is
  'The amount moved, or reserved by a hold and freed by a release, in minor units of the asset.';

create table ledger.bonus_lots (
  wallet_id uuid not null,
  seq bigint not null,
  expires_at timestamptz not null,
  amount bigint not null,
  primary key (wallet_id, seq, expires_at),
  constraint bonus_lots_amount_is_positive check (amount > 0),
  constraint bonus_lots_entry_fkey foreign key (wallet_id, seq) references ledger.entries (wallet_id, seq) not enforced
);

-- What a balance at an instant has to leave out. (With the number too: a single lot is looked up by it as well, among many of one expiry.)
create index bonus_lots_wallet_id_expires_at_seq_idx on ledger.bonus_lots (wallet_id, expires_at, seq);

comment on table ledger.bonus_lots is $$@behavior -*
Bonus credits that arrived with one expiry, by a bonus or a transfer. Append-only. Bonus credits that do not expire are in no lot.$$;
comment on column ledger.bonus_lots.wallet_id is 'The wallet where they arrived.';
comment on column ledger.bonus_lots.seq is 'The wallet''s entry with which they arrived.';
comment on column ledger.bonus_lots.expires_at is 'From when they cannot be spent any more.';
comment on column ledger.bonus_lots.amount is 'How many, in minor units.';

create table ledger.bonus_lot_draws (
  wallet_id uuid not null,
  lot_seq bigint not null,
  expires_at timestamptz not null,
  seq bigint not null,
  hold_id uuid,
  amount bigint not null,
  held_amount bigint not null,
  balance bigint not null,
  held_balance bigint not null,
  primary key (wallet_id, lot_seq, expires_at, seq),
  constraint bonus_lot_draws_balance_is_not_negative check (balance >= 0),
  constraint bonus_lot_draws_held_balance_is_part_of_balance check (held_balance between 0 and balance),
  constraint bonus_lot_draws_lot_fkey foreign key (wallet_id, lot_seq, expires_at)
    references ledger.bonus_lots (wallet_id, seq, expires_at) not enforced,
  constraint bonus_lot_draws_entry_fkey foreign key (wallet_id, seq) references ledger.entries (wallet_id, seq) not enforced,
  constraint bonus_lot_draws_hold_fkey foreign key (wallet_id, hold_id) references ledger.holds (wallet_id, id) not enforced
);

-- What an entry drew. (With the wallet first, it would be taken for the newest row of a lot too, which the primary key finds at once.)
create index bonus_lot_draws_seq_wallet_id_idx on ledger.bonus_lot_draws (seq, wallet_id);

comment on table ledger.bonus_lot_draws is $$@behavior -*
What an entry of the wallet drew from a lot, reserved of it, or gave back to it. Append-only; the newest one says what is left.$$;
comment on column ledger.bonus_lot_draws.wallet_id is 'The wallet.';
comment on column ledger.bonus_lot_draws.lot_seq is 'The lot: the entry with which it arrived,';
comment on column ledger.bonus_lot_draws.expires_at is 'and its expiry.';
comment on column ledger.bonus_lot_draws.seq is 'The wallet''s entry that drew.';
comment on column ledger.bonus_lot_draws.hold_id is 'The hold that it was reserved for or freed from.';
comment on column ledger.bonus_lot_draws.amount is 'Credits taken out of the lot, in minor units; negative where a reversal gave them back.';
comment on column ledger.bonus_lot_draws.held_amount is 'Change of what holds reserve of the lot, in minor units.';
comment on column ledger.bonus_lot_draws.balance is 'What is left in the lot after it, reserved credits included, in minor units.';
comment on column ledger.bonus_lot_draws.held_balance is 'What holds reserve of the lot after it, in minor units.';

create table ledger.asset_limits (
  asset_code text not null references ledger.assets (code),
  seq int not null,
  max_spend bigint,
  max_balance bigint,
  max_daily_top_up bigint,
  max_daily_bonus bigint,
  max_daily_spend bigint,
  actor text not null,
  created_at timestamptz not null,
  primary key (asset_code, seq)
);

comment on table ledger.asset_limits is $$@behavior -query:resource:connection -query:resource:list -query:resource:single
Limits of an asset, for each wallet of it. Append-only: the newest are in force.$$;
comment on constraint asset_limits_asset_code_fkey on ledger.asset_limits is $$@fieldName asset
@behavior -manyRelation:resource:connection -manyRelation:resource:list$$;
comment on column ledger.asset_limits.asset_code is 'The asset.';
comment on column ledger.asset_limits.seq is 'Number of the setting within its asset: 1, 2, 3 and so on.';
comment on column ledger.asset_limits.max_spend is 'The largest single spend or capture, in minor units; null for none.';
comment on column ledger.asset_limits.max_balance is 'The largest balance that credits may lead to, in minor units; null for none.';
comment on column ledger.asset_limits.max_daily_top_up is 'The largest total of top-ups within 24 hours, in minor units; null for none.';
comment on column ledger.asset_limits.max_daily_bonus is 'The largest total of bonuses within 24 hours, in minor units; null for none.';
comment on column ledger.asset_limits.max_daily_spend is
  'The largest total of spends and captures within 24 hours, in minor units; null for none.';
comment on column ledger.asset_limits.actor is 'Who set them: the token''s role and subject, or db: and the database login.';
comment on column ledger.asset_limits.created_at is 'When.';

-- Work lists: indexes of what is open, the only rows that are ever removed. They decide nothing: what is in a hold or a lot, and whether it is
-- open, the rows above say; ledger_verify() proves the lists against them.

create table ledger_private.open_holds (
  wallet_id uuid not null,
  hold_id uuid not null,
  expires_at timestamptz,
  primary key (wallet_id, hold_id)
);

create index open_holds_expires_at_idx on ledger_private.open_holds (expires_at);
comment on table ledger_private.open_holds is 'The holds that are open.';

create table ledger_private.open_lots (
  wallet_id uuid not null,
  expires_at timestamptz not null,
  lot_seq bigint not null,
  -- Null where holds pin all that is left: nothing is due then.
  due_at timestamptz,
  primary key (wallet_id, expires_at, lot_seq)
);

-- All of them: where the list was empty when it was last looked at, an index of the due ones alone would be read as a whole for each wallet.
create index open_lots_due_at_idx on ledger_private.open_lots (due_at);
comment on table ledger_private.open_lots is 'The lots with credits left in them.';

-- Rows come and go: what is gone must not pile up where the next due ones are looked for.
alter table ledger_private.open_holds set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
alter table ledger_private.open_lots set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- Composite arguments and results -------------------------------------------------------------------------------------

create type ledger.balance_part as (
  source ledger.credit_source,
  amount bigint,
  available bigint,
  expires_at timestamptz,
  transfer_id uuid,
  hold_id uuid
);
comment on type ledger.balance_part is 'A part of a wallet''s balance, in minor units.';
comment on column ledger.balance_part.source is $$@notNull
Where its credits come from.$$;
comment on column ledger.balance_part.amount is $$@notNull
How many they are.$$;
comment on column ledger.balance_part.available is $$@notNull
How many of them can be spent: none that a hold reserves or that have expired.$$;
comment on column ledger.balance_part.expires_at is 'When they expire, if they do.';
comment on column ledger.balance_part.transfer_id is 'The movement that brought them, for expiring credits.';
comment on column ledger.balance_part.hold_id is 'The hold that reserves them, if one does.';

create type ledger.wallet_request as (
  kind ledger.transfer_kind,
  wallet_id uuid,
  counterparty_id uuid,
  amount bigint,
  idem_key text,
  expires_at timestamptz,
  metadata jsonb
);
comment on type ledger.wallet_request is 'One item of a batch: what a single call would be given.';
comment on column ledger.wallet_request.kind is $$@notNull
top_up, bonus, spend or transfer.$$;
comment on column ledger.wallet_request.wallet_id is $$@notNull
The player's wallet; of a transfer, the one they leave.$$;
comment on column ledger.wallet_request.counterparty_id is 'The wallet that a transfer arrives in; of other kinds, none.';
comment on column ledger.wallet_request.amount is $$@notNull
Minor units, 1 to 1000000000000000.$$;
comment on column ledger.wallet_request.idem_key is $$@notNull
1 to 200 characters, unique within the wallet for ever.$$;
comment on column ledger.wallet_request.expires_at is 'Of a bonus, when it expires; never if left out.';
comment on column ledger.wallet_request.metadata is 'A JSON object of at most 8192 bytes; empty if left out.';

create type ledger_private.sealed as (transfer ledger.transfers, entry ledger.entries, other_entry ledger.entries);
create type ledger_private.judged as (bonus_amount bigint, entry ledger.entries, other_entry ledger.entries);
-- What a batch is judged by. By wallet number: wallets, heads, limits, day_before, held_bonus. By request: the others.
create type ledger_private.batch as (
  wallets ledger.wallets[],
  heads ledger.entries[],
  limits ledger.asset_limits[],
  day_before ledger.entries[],
  held_bonus bigint[],
  numbers int[],
  other_numbers int[],
  first_places int[],
  firsts ledger.transfers[],
  receipts ledger.receipt[]
);
-- What it books, which of that moves lots, between which of so many wallets; and a receipt for each request.
create type ledger_private.batch_plan as (
  transfers ledger.transfers[],
  entries ledger.entries[],
  receipts ledger.receipt[],
  moving ledger.transfers[],
  from_numbers int[],
  to_numbers int[],
  wallets int
);
create type ledger_private.prepared as (
  wallet ledger.wallets,
  head ledger.entries,
  at_time timestamptz,
  receipt ledger.receipt
);

create type ledger_private.reversible_part as (source text, lot_seq bigint, expires_at timestamptz, amount bigint);
create type ledger_private.reversal_plan as (bonus_amount bigint, missing bigint, draws ledger.bonus_lot_draws[]);
create type ledger_private.lot as (number int, wallet_id uuid, seq bigint, expires_at timestamptz, free bigint, next int);

-- Functions -----------------------------------------------------------------------------------------------------------

drop function ledger_private.check_request(ledger.transfer_kind, uuid, uuid, bigint, text, timestamptz, jsonb);
drop function ledger_private.replay(ledger.transfers, ledger.transfer_kind, uuid, bigint, timestamptz, jsonb);
drop function ledger_private.next_entry(ledger.wallets, ledger.entries, ledger.entry_side, uuid, ledger.transfer_kind, bigint, bigint, bigint);
drop function ledger_private.entry_hash(bytea, ledger.entries, bytea);
drop function ledger_private.refuse_limit(ledger.entries);
drop function ledger_private.refuse_funds(ledger.entries);
drop function ledger_private.write(ledger.transfers, ledger.entries, ledger.entries);

--!include ledger_private/refuse_argument.sql
--!include ledger_private/refuse_asset.sql
--!include ledger_private/refuse_assets.sql
--!include ledger_private/refuse_stale.sql
--!include ledger_private/refuse_limit.sql
--!include ledger_private/refuse_overflow.sql
--!include ledger_private/refuse_funds.sql
--!include ledger_private/refuse_reversal.sql
--!include ledger_private/check_snapshot.sql
--!include ledger_private/check_request.sql
--!include ledger_private/check_expiry.sql
--!include ledger_private/check_replay.sql
--!include ledger_private/replay.sql
--!include ledger_private/house_account.sql
--!include ledger_private/seq_at.sql
--!include ledger_private/seq_before.sql
--!include ledger_private/counterparty.sql
--!include ledger/entries_counterparty.sql
--!include ledger/wallet_history.sql
--!include ledger_private/entry_at.sql
--!include ledger_private/head.sql
--!include ledger_private/check_limits.sql
--!include ledger_private/check_own_limits.sql
--!include ledger_private/next_entry.sql
--!include ledger_private/entry_bytes.sql
--!include ledger_private/entry_hash.sql
--!include ledger_private/seal.sql
--!include ledger_private/write.sql
--!include ledger_private/write_all.sql
--!include ledger_private/lot_at.sql
--!include ledger_private/due_amount.sql
--!include ledger_private/held_bonus.sql
--!include ledger_private/free_part.sql
--!include ledger_private/load_lots.sql
--!include ledger_private/write_lots.sql
--!include ledger_private/move_lots.sql
--!include ledger_private/closing_draws.sql
--!include ledger_private/close_holds.sql
--!include ledger_private/closing_status.sql
--!include ledger_private/open_hold.sql
--!include ledger_private/has_due.sql
--!include ledger_private/due_lots.sql
--!include ledger_private/free_due_holds.sql
--!include ledger_private/expire_due_lots.sql
--!include ledger_private/settle.sql
--!include ledger_private/due_wallets.sql
--!include ledger_private/prepare.sql
--!include ledger_private/lock_house.sql
--!include ledger_private/opposite_entry.sql
--!include ledger_private/lock_breakage.sql
--!include ledger_private/reversible_parts.sql
--!include ledger_private/reversal_plan.sql
--!include ledger_private/change_status.sql
--!include ledger_private/balance_of.sql
--!include ledger_private/judge.sql
--!include ledger_private/post.sql
--!include ledger_private/check_batch_item.sql
--!include ledger_private/batch_requests.sql
--!include ledger_private/lock_batch.sql
--!include ledger_private/load_batch.sql
--!include ledger_private/plan_batch.sql
--!include ledger/wallet_open.sql
--!include ledger/wallet_bonus.sql
--!include ledger/wallet_spend.sql
--!include ledger/wallet_transfer.sql
--!include ledger/wallet_hold.sql
--!include ledger/wallet_capture.sql
--!include ledger/wallet_release.sql
--!include ledger/wallet_reverse.sql
--!include ledger/wallet_post_batch.sql
--!include ledger/wallet_freeze.sql
--!include ledger/wallet_close.sql
--!include ledger/wallet_reopen.sql
--!include ledger/wallet_expire_due.sql
--!include ledger/wallet_balance.sql
--!include ledger/wallet_balance_at.sql
--!include ledger/wallet_explain.sql
--!include ledger/wallets_available.sql
--!include ledger/holds_closing.sql
--!include ledger/holds_status.sql
--!include ledger/wallets_holds.sql
--!include ledger/asset_limit_set.sql
--!include ledger/assets_limits.sql
--!include ledger_private/verify_entries.sql
--!include ledger_private/verify_transfers.sql
--!include ledger_private/reversal_draws.sql
--!include ledger_private/verify_reversals.sql
--!include ledger_private/verify_holds.sql
--!include ledger_private/verify_lots.sql
--!include ledger_private/verify_draws.sql
--!include ledger_private/verify_order.sql
--!include ledger/ledger_verify.sql

-- Guards --------------------------------------------------------------------------------------------------------------

create trigger _100_guard_insert before insert on ledger.holds for each statement
  when (current_setting('ledger.posting', true) is distinct from 'on') execute function ledger_private.tg__guard_insert();
create trigger _100_guard_insert before insert on ledger.bonus_lots for each statement
  when (current_setting('ledger.posting', true) is distinct from 'on') execute function ledger_private.tg__guard_insert();
create trigger _100_guard_insert before insert on ledger.bonus_lot_draws for each statement
  when (current_setting('ledger.posting', true) is distinct from 'on') execute function ledger_private.tg__guard_insert();
create trigger _100_guard_insert before insert on ledger.asset_limits for each statement
  when (current_setting('ledger.posting', true) is distinct from 'on') execute function ledger_private.tg__guard_insert();

create trigger _200_append_only before update or delete or truncate on ledger.holds
  for each statement execute function ledger_private.tg__append_only();
create trigger _200_append_only before update or delete or truncate on ledger.bonus_lots
  for each statement execute function ledger_private.tg__append_only();
create trigger _200_append_only before update or delete or truncate on ledger.bonus_lot_draws
  for each statement execute function ledger_private.tg__append_only();
create trigger _200_append_only before update or delete or truncate on ledger.asset_limits
  for each statement execute function ledger_private.tg__append_only();

create trigger _100_guard_write before insert or update or delete on ledger_private.open_holds for each statement
  when (current_setting('ledger.posting', true) is distinct from 'on') execute function ledger_private.tg__guard_insert();
create trigger _100_guard_write before insert or update or delete on ledger_private.open_lots for each statement
  when (current_setting('ledger.posting', true) is distinct from 'on') execute function ledger_private.tg__guard_insert();
create trigger _200_guard_truncate before truncate on ledger_private.open_holds
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_guard_truncate before truncate on ledger_private.open_lots
  for each statement execute function ledger_private.tg__guard_insert();

-- Privileges ----------------------------------------------------------------------------------------------------------

-- Why a wallet was frozen, and by whom, is not for its player to read.
drop policy players_see_their_own on ledger.wallet_events;

grant select on ledger.holds, ledger.bonus_lots, ledger.bonus_lot_draws, ledger.asset_limits, ledger_private.open_holds, ledger_private.open_lots
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
grant usage on type ledger.hold_status, ledger.credit_source, ledger.balance_part, ledger.wallet_request
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

alter table ledger.asset_limits enable row level security;
alter table ledger.holds enable row level security;
alter table ledger.bonus_lots enable row level security;
alter table ledger.bonus_lot_draws enable row level security;
alter table ledger_private.open_holds enable row level security;
alter table ledger_private.open_lots enable row level security;

-- Who set a limit is not for players either; they meet it in a refusal.
create policy staff_sees_all on ledger.asset_limits for select to wallet_service, wallet_operator, wallet_auditor, wallet_job using (true);

create policy players_see_their_own on ledger.holds for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = holds.wallet_id));
create policy services_see_every_player on ledger.holds for select to wallet_service, wallet_operator, wallet_job
  using ((select true from ledger.wallets w where w.id = holds.wallet_id));
create policy auditors_see_all on ledger.holds for select to wallet_auditor using (true);

create policy players_see_their_own on ledger.bonus_lots for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = bonus_lots.wallet_id));
create policy services_see_every_player on ledger.bonus_lots for select to wallet_service, wallet_operator, wallet_job
  using ((select true from ledger.wallets w where w.id = bonus_lots.wallet_id));
create policy auditors_see_all on ledger.bonus_lots for select to wallet_auditor using (true);

create policy players_see_their_own on ledger.bonus_lot_draws for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = bonus_lot_draws.wallet_id));
create policy services_see_every_player on ledger.bonus_lot_draws for select to wallet_service, wallet_operator, wallet_job
  using ((select true from ledger.wallets w where w.id = bonus_lot_draws.wallet_id));
create policy auditors_see_all on ledger.bonus_lot_draws for select to wallet_auditor using (true);

create policy players_see_their_own on ledger_private.open_holds for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = open_holds.wallet_id));
create policy services_see_every_player on ledger_private.open_holds for select to wallet_service, wallet_operator, wallet_job
  using ((select true from ledger.wallets w where w.id = open_holds.wallet_id));
create policy auditors_see_all on ledger_private.open_holds for select to wallet_auditor using (true);

create policy players_see_their_own on ledger_private.open_lots for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = open_lots.wallet_id));
create policy services_see_every_player on ledger_private.open_lots for select to wallet_service, wallet_operator, wallet_job
  using ((select true from ledger.wallets w where w.id = open_lots.wallet_id));
create policy auditors_see_all on ledger_private.open_lots for select to wallet_auditor using (true);

reset role;
