--! Previous: -
--! Hash: sha1:6aa8de6279f3abdcec7c000dd6c24f44a4ebddf1
--! Message: wallet

-- All of the database, in the order in which it is made: the types, tables and policies of schema/, the functions of functions/.
-- roles.sql comes before.
-- The first migration is this file with every include expanded; `npm run migration` writes it.

--! Included schema/schemas.sql
-- The schemas, and what is nobody's until it is granted. From here on everything is made by the owner.
create schema ledger authorization wallet_owner;
create schema ledger_private authorization wallet_owner;
create schema gateway authorization wallet_owner;

set local role wallet_owner;

comment on schema ledger is 'The wallet ledger: tables to read and functions to call.';
comment on schema ledger_private is 'Helpers of the ledger''s functions, called by nobody else.';
comment on schema gateway is 'What the processes of the gateway share: nothing of the ledger.';

alter default privileges for role wallet_owner revoke execute on functions from public;
alter default privileges for role wallet_owner revoke usage on types from public;

-- The login of the gateway asks for figures, on behalf of nobody.
grant usage on schema ledger to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job, wallet_gateway;
grant usage on schema ledger_private to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
grant usage on schema gateway to wallet_gateway, wallet_worker;
--! EndIncluded schema/schemas.sql

-- Guards of the tables. Privileges are the first wall, these the second: they stop the owner and a superuser from writing by hand.
-- They fire in ordinary sessions only, so that logical replication and a restore may still write rows.
--! Included functions/ledger_private/tg__guard_insert.sql
create or replace function ledger_private.tg__guard_insert()
returns trigger
language plpgsql
as $$
begin
  -- Judged here: PostgreSQL would parse a trigger's WHEN anew for every statement, which costs more than the call.
  if TG_OP <> 'TRUNCATE' and current_setting('ledger.posting', true) = 'on' then
    return null;
  end if;
  raise exception using
    errcode = '42501',
    message = format('%s.%s is written by the ledger''s functions only', TG_TABLE_SCHEMA, TG_TABLE_NAME),
    hint = 'Call the function for it, such as wallet_top_up, wallet_spend or wallet_open.';
end
$$;

comment on function ledger_private.tg__guard_insert() is
  'Refuses rows written by hand, also by the owner or a superuser: all that come while no posting function is at work.';

revoke all on function ledger_private.tg__guard_insert() from public;
--! EndIncluded functions/ledger_private/tg__guard_insert.sql
--! Included functions/ledger_private/tg__append_only.sql
create or replace function ledger_private.tg__append_only()
returns trigger
language plpgsql
as $$
begin
  raise exception using
    errcode = '42501',
    message = format('%s.%s is append-only: no %s', TG_TABLE_SCHEMA, TG_TABLE_NAME, lower(TG_OP)),
    hint = 'Book a correcting transfer instead.';
end
$$;

comment on function ledger_private.tg__append_only() is
  'Refuses to change or remove what has been written, also to the owner or a superuser.';

revoke all on function ledger_private.tg__append_only() from public;
--! EndIncluded functions/ledger_private/tg__append_only.sql
--! Included functions/ledger_private/tg_transfers__arrived.sql
create or replace function ledger_private.tg_transfers__arrived()
returns trigger
language plpgsql
as $$
begin
  -- The last transaction there can be: nothing that is booked here comes after it, so that the feed cannot overlook it.
  NEW.xid := '18446744073709551615';
  return NEW;
end
$$;

comment on function ledger_private.tg_transfers__arrived() is
$$Marks a transfer that replication, or a restore with session_replication_role = replica, brings: its transaction is one of elsewhere. The feed is
refused until begin_epoch() has given it a place.$$;

revoke all on function ledger_private.tg_transfers__arrived() from public;
--! EndIncluded functions/ledger_private/tg_transfers__arrived.sql
--! Included functions/ledger_private/tg_feed_epochs__arrived.sql
create or replace function ledger_private.tg_feed_epochs__arrived()
returns trigger
language plpgsql
as $$
begin
  -- Guards do not fire in a session that replicates. Later epochs stay where they came in the same copy.
  delete from ledger.feed_epochs e where e.epoch = NEW.epoch or e.epoch > NEW.epoch and e.xmin <> pg_current_xact_id()::xid;
  return NEW;
end
$$;

comment on function ledger_private.tg_feed_epochs__arrived() is
$$Lets the epochs of a ledger that replication brings take the place of those that migrating the empty database began.$$;

revoke all on function ledger_private.tg_feed_epochs__arrived() from public;
--! EndIncluded functions/ledger_private/tg_feed_epochs__arrived.sql

-- Whose rows a player sees
--! Included functions/ledger_private/claimed_subject.sql
create or replace function ledger_private.claimed_subject()
returns text
language sql
stable
-- Bound when it is made: policies call it in sessions whose search_path is the caller's.
-- Whoever has SQL can set any claim, so claims count only where the login of the gateway opened the session: it alone sets
-- them from tokens that it has checked. A claim reverts to an empty text on a pooled connection.
return case when session_user = 'wallet_gateway' then nullif(current_setting('jwt.claims.sub', true), '') end;

comment on function ledger_private.claimed_subject() is
  'The subject (sub) of the token that the gateway serves; null in every other session, and without a subject. The only reader of claims.';

revoke all on function ledger_private.claimed_subject() from public;
grant execute on function ledger_private.claimed_subject() to wallet_player;
--! EndIncluded functions/ledger_private/claimed_subject.sql

-- Tables and types
--! Included schema/assets.sql
-- What there are credits of.
create table ledger.assets (
  code text primary key,
  name text not null,
  scale int not null default 0,
  created_at timestamptz not null,
  hash bytea not null,
  constraint assets_code_is_a_word check (code ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$'),
  constraint assets_name_has_1_to_200_characters check (char_length(name) between 1 and 200),
  constraint assets_scale_is_0_to_18 check (scale between 0 and 18)
);

comment on table ledger.assets is $$@behavior -query:resource:single -singularRelation:resource:single
A kind of virtual credit, such as Gold Coins.$$;
comment on column ledger.assets.code is 'Short name that calls use: 1 to 64 letters, digits, dots, dashes or underscores.';
comment on column ledger.assets.name is 'Name for people.';
comment on column ledger.assets.scale is
  'Digits after the point when an amount is shown to people, 0 to 18. Amounts themselves are always whole minor units.';
comment on column ledger.assets.created_at is 'When the asset was created.';
comment on column ledger.assets.hash is $$@behavior -*
SHA-256 over every other fact: the start of the chain of its limits.$$;

create trigger _100_guard_insert before insert on ledger.assets
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.assets
  for each statement execute function ledger_private.tg__append_only();

grant select on ledger.assets to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded schema/assets.sql
--! Included schema/wallets.sql
-- Who has credits: players, and the house, whose accounts are wallets too, in stripes. The balance is in no column of a wallet: the
-- newest of its entries says it.
create type ledger.entry_side as enum ('debit', 'credit');
comment on type ledger.entry_side is
  'The two sides of double entry. An entry on a wallet''s normal side raises its balance, one on the other side lowers it.';
grant usage on type ledger.entry_side to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.house_account as enum ('treasury', 'promotions', 'revenue', 'breakage');
comment on type ledger.house_account is
  'The house''s own accounts: treasury (credits sold), promotions (credits given away), revenue (credits spent), breakage (credits that expired).';
grant usage on type ledger.house_account to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.wallet_status as enum ('open', 'frozen', 'closed');
comment on type ledger.wallet_status is
  'open: everything books. frozen: no credit leaves, credits still arrive. closed: nothing books.';
grant usage on type ledger.wallet_status to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.wallet_event_kind as enum ('opened', 'frozen', 'closed', 'reopened');
comment on type ledger.wallet_event_kind is 'A change of a wallet''s status.';
grant usage on type ledger.wallet_event_kind to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create table ledger.wallets (
  id uuid primary key,
  owner_id text,
  asset_code text not null references ledger.assets (code),
  normal_side ledger.entry_side not null,
  house ledger.house_account,
  stripe smallint,
  status ledger.wallet_status not null default 'open',
  created_at timestamptz not null default clock_timestamp(),
  constraint wallets_belong_to_an_owner_or_the_house check ((owner_id is null) = (house is not null)),
  constraint wallets_owner_id_has_1_to_200_characters check (char_length(owner_id) between 1 and 200),
  constraint wallets_only_the_house_has_stripes check ((house is null) = (stripe is null)),
  constraint wallets_stripe_is_0_to_32 check (stripe between 0 and 32),
  constraint wallets_normal_side_follows_the_account check (
    (normal_side = 'debit') = (house is not null and house in ('treasury', 'promotions'))
  ),
  constraint wallets_house_stays_open check (house is null or status = 'open')
);

-- A posting finds the house stripe of a player's wallet with it. Not unique: the derived id already is.
create index wallets_asset_code_house_stripe_idx on ledger.wallets (asset_code, house, stripe) where house is not null;
-- A player's list of wallets.
create index wallets_owner_id_idx on ledger.wallets (owner_id) where owner_id is not null;

comment on table ledger.wallets is
  $$A wallet: one owner's credits of one asset. Its balance is not a column of it: the newest entry of the wallet carries it.$$;
comment on column ledger.wallets.id is 'Derived from owner and asset (see walletId), so nobody needs to look it up.';
comment on column ledger.wallets.owner_id is $$@isIndexed
@behavior -orderBy
The player's account number: 1 to 200 characters, opaque and unchanging; null for the house. Never an e-mail address or a name.$$;
comment on column ledger.wallets.asset_code is 'The asset whose credits the wallet holds.';
comment on column ledger.wallets.normal_side is
  'The side that raises the balance: credit for players, revenue and breakage, debit for the treasury and promotions.';
comment on column ledger.wallets.house is 'The house account this wallet is a part of; null for players.';
comment on column ledger.wallets.stripe is
  'Which part of the house account: 0 to 31 for single calls, 32 for batches; null for players. An account''s balance is the sum over its stripes.';
comment on column ledger.wallets.status is 'open, frozen or closed; every change leaves a row in the wallet''s events.';
comment on column ledger.wallets.created_at is 'When the wallet was opened.';

-- The one table with a row that changes: its status does, and nothing else of it.
create trigger _100_guard_insert before insert on ledger.wallets
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before delete or truncate on ledger.wallets
  for each statement execute function ledger_private.tg__append_only();
create trigger _200_guard_update before update on ledger.wallets for each statement
  when (current_setting('ledger.posting', true) is distinct from 'on') execute function ledger_private.tg__append_only();
--! Included functions/ledger_private/tg_wallets__status_only.sql
create or replace function ledger_private.tg_wallets__status_only()
returns trigger
language plpgsql
as $$
declare
  v_expected ledger.wallets := OLD;
begin
  v_expected.status := NEW.status;
  if v_expected is distinct from NEW then
    raise exception using
      errcode = '42501',
      message = format('wallet %s: only its status ever changes', OLD.id);
  end if;
  return NEW;
end
$$;

comment on function ledger_private.tg_wallets__status_only() is 'Refuses to change anything of a wallet but its status.';

revoke all on function ledger_private.tg_wallets__status_only() from public;
--! EndIncluded functions/ledger_private/tg_wallets__status_only.sql
create trigger _300_status_only before update on ledger.wallets
  for each row execute function ledger_private.tg_wallets__status_only();

-- Whoever sees a wallet sees what belongs to it: the policies of other tables ask these, by a sub-select. For those who see every
-- player that is scalar, because PostgreSQL would answer an EXISTS by reading all wallets into a hash table; for a
-- player that table holds the own wallets only, and spares a look-up per row.
alter table ledger.wallets enable row level security;
-- The sub-select makes it one look-up per statement.
create policy players_see_their_own on ledger.wallets for select to wallet_player
  using (house is null and owner_id = (select ledger_private.claimed_subject()));
create policy services_see_every_player on ledger.wallets for select to wallet_service, wallet_operator, wallet_job
  using (house is null);
create policy auditors_see_all on ledger.wallets for select to wallet_auditor using (true);
grant select on ledger.wallets to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create table ledger.wallet_events (
  wallet_id uuid not null references ledger.wallets (id),
  seq int not null,
  kind ledger.wallet_event_kind not null,
  reason text,
  actor text not null,
  created_at timestamptz not null,
  hash bytea not null,
  primary key (wallet_id, seq)
);

comment on table ledger.wallet_events is $$@behavior -query:resource:connection -query:resource:list -query:resource:single
What happened to a wallet's status: who, when and why. Append-only. Players do not see it.$$;
comment on constraint wallet_events_wallet_id_fkey on ledger.wallet_events is $$@foreignFieldName events$$;
comment on column ledger.wallet_events.wallet_id is 'The wallet.';
comment on column ledger.wallet_events.seq is 'Number of the event within its wallet: 1, 2, 3 and so on.';
comment on column ledger.wallet_events.kind is 'What happened.';
comment on column ledger.wallet_events.reason is 'Why, in the words of whoever did it.';
comment on column ledger.wallet_events.actor is 'Who: the token''s role and subject, or db: and the database login.';
comment on column ledger.wallet_events.created_at is 'When.';
comment on column ledger.wallet_events.hash is $$@behavior -*
SHA-256 over the hash before it, which for the first is one over the facts of the wallet, and every other fact.$$;

create trigger _100_guard_insert before insert on ledger.wallet_events
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.wallet_events
  for each statement execute function ledger_private.tg__append_only();

-- Why a wallet was frozen, and by whom, is not for its player to read.
alter table ledger.wallet_events enable row level security;
create policy services_see_every_player on ledger.wallet_events for select to wallet_service, wallet_operator, wallet_job
  using ((select true from ledger.wallets w where w.id = wallet_events.wallet_id));
create policy auditors_see_all on ledger.wallet_events for select to wallet_auditor using (true);
grant select on ledger.wallet_events to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded schema/wallets.sql
--! Included schema/movements.sql
-- The log: what moved, and what each movement left in each wallet. The newest entry of a wallet is its balance.
-- Foreign keys of the hot tables are declared and not enforced: the functions hold the wallets locked, and ledger_verify() proves
-- them. They document the model and give GraphQL its relations.
create type ledger.transfer_kind as enum
  ('top_up', 'bonus', 'spend', 'transfer', 'hold', 'capture', 'release', 'reversal', 'expiry');
comment on type ledger.transfer_kind is 'What a movement is.';
grant usage on type ledger.transfer_kind to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create table ledger.transfers (
  id uuid not null,
  wallet_id uuid not null,
  idem_key text,
  kind ledger.transfer_kind not null,
  debit_wallet_id uuid,
  debit_seq bigint,
  credit_wallet_id uuid,
  credit_seq bigint,
  requested_amount bigint,
  amount bigint not null,
  bonus_amount bigint not null default 0,
  reverses uuid,
  hold_id uuid,
  expires_at timestamptz,
  metadata jsonb not null,
  actor text not null,
  created_at timestamptz not null,
  xid xid8 not null default pg_current_xact_id(),
  constraint transfers_wallet_id_idem_key_key unique (wallet_id, idem_key),
  constraint transfers_wallet_id_fkey foreign key (wallet_id) references ledger.wallets (id) not enforced,
  constraint transfers_bonus_amount_is_part_of_amount check (bonus_amount between 0 and amount)
);
-- Made last, so that a movement is looked up by it: see holds.
alter table ledger.transfers
  add primary key (id),
  add constraint transfers_reverses_fkey foreign key (reverses) references ledger.transfers (id) not enforced;

-- A movement finds its reversals; and the feed its place.
create index transfers_reverses_idx on ledger.transfers (reverses) where reverses is not null;
create index transfers_xid_id_idx on ledger.transfers (xid, id);

comment on table ledger.transfers is $$@behavior -query:resource:connection -query:resource:list -filter -order
One movement of credits, booked as one debit and one credit entry of the same amount; a hold or a release, which only reserves or frees, as one
entry of the wallet. Append-only.$$;
comment on constraint transfers_wallet_id_idem_key_key on ledger.transfers is $$@fieldName transferByIdemKey$$;
comment on constraint transfers_wallet_id_fkey on ledger.transfers is $$@behavior -manyRelation:resource:connection -manyRelation:resource:list$$;
comment on constraint transfers_reverses_fkey on ledger.transfers is $$@fieldName reversedTransfer
@forwardDescription The movement that this one reverses.
@foreignFieldName reversals
@backwardDescription What has been taken back of it: its reversals, oldest first.
@isIndexed$$;
comment on column ledger.transfers.id is 'Time-ordered id of the movement.';
comment on column ledger.transfers.wallet_id is 'The wallet the call acted for: the scope of its idempotency key.';
comment on column ledger.transfers.idem_key is
  'The caller''s idempotency key, unique within the wallet for ever; null only for what the system books itself.';
comment on column ledger.transfers.kind is 'What the movement is.';
comment on column ledger.transfers.debit_wallet_id is 'The wallet of the debit entry.';
comment on column ledger.transfers.debit_seq is 'The debit entry''s number within its wallet.';
comment on column ledger.transfers.credit_wallet_id is 'The wallet of the credit entry.';
comment on column ledger.transfers.credit_seq is 'The credit entry''s number within its wallet.';
comment on column ledger.transfers.requested_amount is 'The amount as the caller asked for it, in minor units; null where it asked for all.';
comment on column ledger.transfers.amount is
  'The amount moved, or reserved by a hold and freed by a release, in minor units of the asset.';
comment on column ledger.transfers.bonus_amount is 'The part of the amount that was bonus credits, in minor units.';
comment on column ledger.transfers.reverses is 'The transfer that this one reverses, if it is a reversal.';
comment on column ledger.transfers.hold_id is 'The hold that this one opened, captured or released.';
comment on column ledger.transfers.expires_at is 'When the credits or the hold expire, as asked.';
comment on column ledger.transfers.metadata is 'The caller''s own facts: a JSON object of at most 8192 bytes.';
comment on column ledger.transfers.actor is 'Who called: the token''s role and subject, or db: and the database login.';
comment on column ledger.transfers.created_at is 'When it was booked.';
comment on column ledger.transfers.xid is $$@behavior -*
The transaction that wrote it: its place in the feed, within an epoch. No fact of the movement, and not in its hash.$$;

create trigger _100_guard_insert before insert on ledger.transfers
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.transfers
  for each statement execute function ledger_private.tg__append_only();

-- Of a transfer received, a player sees the entry alone: the key and the metadata are the sender's.
alter table ledger.transfers enable row level security;
create policy players_see_their_own on ledger.transfers for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = transfers.wallet_id));
create policy services_see_every_player on ledger.transfers for select to wallet_service, wallet_operator, wallet_job
  using ((select true from ledger.wallets w where w.id = transfers.wallet_id));
create policy auditors_see_all on ledger.transfers for select to wallet_auditor using (true);
grant select on ledger.transfers to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create table ledger.entries (
  wallet_id uuid not null,
  seq bigint not null,
  transfer_id uuid not null,
  kind ledger.transfer_kind not null,
  side ledger.entry_side not null,
  amount bigint not null,
  bonus_amount bigint not null,
  held_amount bigint not null,
  balance bigint not null,
  bonus_balance bigint not null,
  held_balance bigint not null,
  topped_up_total bigint not null,
  granted_total bigint not null,
  spent_total bigint not null,
  hash bytea not null,
  created_at timestamptz not null,
  -- The second wall: a writer that read an old head collides here instead of overwriting history.
  primary key (wallet_id, seq),
  constraint entries_wallet_id_fkey foreign key (wallet_id) references ledger.wallets (id) not enforced,
  constraint entries_transfer_id_fkey foreign key (transfer_id) references ledger.transfers (id) not enforced,
  constraint entries_balance_is_not_negative check (balance >= 0),
  constraint entries_bonus_balance_is_part_of_balance check (bonus_balance between 0 and balance),
  constraint entries_held_balance_is_part_of_balance check (held_balance between 0 and balance)
);

comment on table ledger.entries is $$@behavior -query:resource:connection -query:resource:list
One line of a wallet's history, with the balances as that line left them. Append-only; the newest line is the balance.$$;
comment on constraint entries_wallet_id_fkey on ledger.entries is $$@foreignFieldName entries$$;
comment on constraint entries_transfer_id_fkey on ledger.entries is $$@behavior -manyRelation:resource:connection -manyRelation:resource:list$$;
comment on column ledger.entries.wallet_id is 'The wallet whose history this is a line of.';
comment on column ledger.entries.seq is 'Number of the line within its wallet: 1, 2, 3 and so on without gaps.';
comment on column ledger.entries.transfer_id is 'The movement that this line is one side of.';
comment on column ledger.entries.kind is 'What the movement is.';
comment on column ledger.entries.side is 'Debit or credit.';
comment on column ledger.entries.amount is 'The amount moved, in minor units; 0 where credits were only reserved or freed.';
comment on column ledger.entries.bonus_amount is 'The part of the amount that was bonus credits, in minor units.';
comment on column ledger.entries.held_amount is 'Change of the reserved credits, in minor units; negative where a reservation ended.';
comment on column ledger.entries.balance is 'Balance after this line, in minor units, reserved and bonus credits included.';
comment on column ledger.entries.bonus_balance is 'The part of the balance that is bonus credits, after this line, in minor units.';
comment on column ledger.entries.held_balance is 'The part of the balance that is reserved, after this line, in minor units.';
comment on column ledger.entries.topped_up_total is 'All credits ever bought, after this line, in minor units.';
comment on column ledger.entries.granted_total is 'All bonus credits ever granted, after this line, in minor units.';
comment on column ledger.entries.spent_total is 'All credits ever spent, after this line, in minor units.';
comment on column ledger.entries.hash is
  'SHA-256 over the previous line''s hash and every fact of this line and its transfer: one chain per wallet.';
comment on column ledger.entries.created_at is 'When it was booked; never earlier than the line before it.';

create trigger _100_guard_insert before insert on ledger.entries
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.entries
  for each statement execute function ledger_private.tg__append_only();

alter table ledger.entries enable row level security;
create policy players_see_their_own on ledger.entries for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = entries.wallet_id));
create policy services_see_every_player on ledger.entries for select to wallet_service, wallet_operator, wallet_job
  using ((select true from ledger.wallets w where w.id = entries.wallet_id));
create policy auditors_see_all on ledger.entries for select to wallet_auditor using (true);
grant select on ledger.entries to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

-- The two entries of a transfer.
alter table ledger.transfers
  add constraint transfers_debit_entry_fkey
    foreign key (debit_wallet_id, debit_seq) references ledger.entries (wallet_id, seq) not enforced,
  add constraint transfers_credit_entry_fkey
    foreign key (credit_wallet_id, credit_seq) references ledger.entries (wallet_id, seq) not enforced;
comment on constraint transfers_debit_entry_fkey on ledger.transfers is $$@fieldName debitEntry
@behavior -manyRelation:resource:connection -manyRelation:resource:list -singularRelation:resource:single:backward$$;
comment on constraint transfers_credit_entry_fkey on ledger.transfers is $$@fieldName creditEntry
@behavior -manyRelation:resource:connection -manyRelation:resource:list -singularRelation:resource:single:backward$$;
--! EndIncluded schema/movements.sql
--! Included schema/holds.sql
-- Reservations. A hold is open until a capture or a release names it, or until it expires; nothing of it changes then.
create type ledger.hold_status as enum ('open', 'captured', 'released', 'expired');
comment on type ledger.hold_status is 'What became of a hold.';
grant usage on type ledger.hold_status to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create table ledger.holds (
  wallet_id uuid not null,
  id uuid not null,
  seq bigint not null,
  amount bigint not null,
  bonus_amount bigint not null,
  expires_at timestamptz,
  created_at timestamptz not null,
  constraint holds_wallet_id_seq_key unique (wallet_id, seq),
  constraint holds_bonus_amount_is_part_of_amount check (amount > 0 and bonus_amount between 0 and amount),
  constraint holds_wallet_id_fkey foreign key (wallet_id) references ledger.wallets (id) not enforced,
  constraint holds_transfer_fkey foreign key (id) references ledger.transfers (id) not enforced
);
-- Made last: of two indexes that seem equal to it, where nothing is known of the table yet, the planner takes the newer one. A hold is looked up
-- by this one, by the other all that a wallet had.
alter table ledger.holds add primary key (wallet_id, id);
-- Which holds had expired by an instant, of a wallet that has had many. Newer still, but partial: other look-ups cannot take it.
create index holds_wallet_id_expires_at_idx on ledger.holds (wallet_id, expires_at) where expires_at is not null;

comment on table ledger.holds is $$@behavior -query:resource:connection -query:resource:list
A reservation of credits. Append-only: it is open until a capture or a release names it, or until it expires.$$;
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

create trigger _100_guard_insert before insert on ledger.holds
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.holds
  for each statement execute function ledger_private.tg__append_only();

alter table ledger.holds enable row level security;
create policy players_see_their_own on ledger.holds for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = holds.wallet_id));
create policy services_see_every_player on ledger.holds for select to wallet_service, wallet_operator, wallet_job
  using ((select true from ledger.wallets w where w.id = holds.wallet_id));
create policy auditors_see_all on ledger.holds for select to wallet_auditor using (true);
grant select on ledger.holds to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

-- A hold ends once.
create unique index transfers_hold_closed_once_idx on ledger.transfers (wallet_id, hold_id)
  where hold_id is not null and kind <> 'hold';
alter table ledger.transfers
  add constraint transfers_hold_fkey foreign key (wallet_id, hold_id) references ledger.holds (wallet_id, id) not enforced;
comment on constraint transfers_hold_fkey on ledger.transfers is $$@fieldName hold
@forwardDescription The hold that this one opened, captured or released.
@behavior -manyRelation:resource:connection -manyRelation:resource:list$$;

-- A work list: an index of what is open, whose rows are removed. It decides nothing: whether a hold is open, the rows above say;
-- ledger_verify() proves the list against them.
create table ledger_private.open_holds (
  wallet_id uuid not null,
  hold_id uuid not null,
  expires_at timestamptz,
  primary key (wallet_id, hold_id)
);

create index open_holds_expires_at_idx on ledger_private.open_holds (expires_at);
comment on table ledger_private.open_holds is 'The holds that are open.';

-- Rows come and go: what is gone must not pile up where the next due ones are looked for.
alter table ledger_private.open_holds
  set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

create trigger _100_guard_write before insert or update or delete on ledger_private.open_holds for each statement
  when (current_setting('ledger.posting', true) is distinct from 'on') execute function ledger_private.tg__guard_insert();
create trigger _200_guard_truncate before truncate on ledger_private.open_holds
  for each statement execute function ledger_private.tg__guard_insert();

alter table ledger_private.open_holds enable row level security;
create policy players_see_their_own on ledger_private.open_holds for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = open_holds.wallet_id));
create policy services_see_every_player on ledger_private.open_holds for select to wallet_service, wallet_operator, wallet_job
  using ((select true from ledger.wallets w where w.id = open_holds.wallet_id));
create policy auditors_see_all on ledger_private.open_holds for select to wallet_auditor using (true);
grant select on ledger_private.open_holds to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded schema/holds.sql
--! Included schema/lots.sql
-- Bonus credits that expire: what arrived with one expiry is a lot, what was taken out of it are its draws.
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

create trigger _100_guard_insert before insert on ledger.bonus_lots
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.bonus_lots
  for each statement execute function ledger_private.tg__append_only();

alter table ledger.bonus_lots enable row level security;
create policy players_see_their_own on ledger.bonus_lots for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = bonus_lots.wallet_id));
create policy services_see_every_player on ledger.bonus_lots for select to wallet_service, wallet_operator, wallet_job
  using ((select true from ledger.wallets w where w.id = bonus_lots.wallet_id));
create policy auditors_see_all on ledger.bonus_lots for select to wallet_auditor using (true);
grant select on ledger.bonus_lots to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

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

create trigger _100_guard_insert before insert on ledger.bonus_lot_draws
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.bonus_lot_draws
  for each statement execute function ledger_private.tg__append_only();

alter table ledger.bonus_lot_draws enable row level security;
create policy players_see_their_own on ledger.bonus_lot_draws for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = bonus_lot_draws.wallet_id));
create policy services_see_every_player on ledger.bonus_lot_draws for select to wallet_service, wallet_operator, wallet_job
  using ((select true from ledger.wallets w where w.id = bonus_lot_draws.wallet_id));
create policy auditors_see_all on ledger.bonus_lot_draws for select to wallet_auditor using (true);
grant select on ledger.bonus_lot_draws to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

-- A work list like open_holds: which lots to draw from next, and what falls due.
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
alter table ledger_private.open_lots
  set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

create trigger _100_guard_write before insert or update or delete on ledger_private.open_lots for each statement
  when (current_setting('ledger.posting', true) is distinct from 'on') execute function ledger_private.tg__guard_insert();
create trigger _200_guard_truncate before truncate on ledger_private.open_lots
  for each statement execute function ledger_private.tg__guard_insert();

alter table ledger_private.open_lots enable row level security;
create policy players_see_their_own on ledger_private.open_lots for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = open_lots.wallet_id));
create policy services_see_every_player on ledger_private.open_lots for select to wallet_service, wallet_operator, wallet_job
  using ((select true from ledger.wallets w where w.id = open_lots.wallet_id));
create policy auditors_see_all on ledger_private.open_lots for select to wallet_auditor using (true);
grant select on ledger_private.open_lots to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded schema/lots.sql
--! Included schema/unsettled.sql
-- Wallets in which what is due cannot be booked.
-- A work list like open_holds and open_lots, whose rows are removed. It decides nothing.
create table ledger_private.unsettled_wallets (
  wallet_id uuid primary key,
  sqlstate text not null,
  failures int not null,
  first_failed_at timestamptz not null,
  failed_at timestamptz not null,
  retry_at timestamptz not null
);

comment on table ledger_private.unsettled_wallets is
  'Wallets in which what is due could not be booked, so that the others need not wait for them.';
comment on column ledger_private.unsettled_wallets.wallet_id is 'The wallet.';
comment on column ledger_private.unsettled_wallets.sqlstate is 'The error of the last attempt.';
comment on column ledger_private.unsettled_wallets.failures is 'How many attempts have failed.';
comment on column ledger_private.unsettled_wallets.first_failed_at is 'When the first of them did.';
comment on column ledger_private.unsettled_wallets.failed_at is 'When the last of them did.';
comment on column ledger_private.unsettled_wallets.retry_at is 'From when on it is tried again.';

create trigger _100_guard_write before insert or update or delete on ledger_private.unsettled_wallets
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_guard_truncate before truncate on ledger_private.unsettled_wallets
  for each statement execute function ledger_private.tg__guard_insert();

alter table ledger_private.unsettled_wallets enable row level security;
create policy auditors_and_jobs_see_all on ledger_private.unsettled_wallets for select to wallet_auditor, wallet_job using (true);
grant select on ledger_private.unsettled_wallets to wallet_auditor, wallet_job;

create type ledger.unsettled_wallet as (
  wallet_id uuid,
  sqlstate text,
  failures int,
  first_failed_at timestamptz,
  failed_at timestamptz,
  retry_at timestamptz
);
comment on type ledger.unsettled_wallet is $$@behavior -*
A wallet in which what is due could not be booked.$$;
comment on column ledger.unsettled_wallet.wallet_id is 'The wallet.';
comment on column ledger.unsettled_wallet.sqlstate is 'The error of the last attempt.';
comment on column ledger.unsettled_wallet.failures is 'How many attempts have failed.';
comment on column ledger.unsettled_wallet.first_failed_at is 'When the first of them did.';
comment on column ledger.unsettled_wallet.failed_at is 'When the last of them did.';
comment on column ledger.unsettled_wallet.retry_at is 'From when on it is tried again.';
grant usage on type ledger.unsettled_wallet to wallet_auditor, wallet_job;
--! EndIncluded schema/unsettled.sql
--! Included schema/limits.sql
-- How much at once, and how much a day.
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
  hash bytea not null,
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
comment on column ledger.asset_limits.hash is $$@behavior -*
SHA-256 over the hash before it, which is the asset's for the first, and every other fact.$$;

create trigger _100_guard_insert before insert on ledger.asset_limits
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.asset_limits
  for each statement execute function ledger_private.tg__append_only();

-- Who set a limit is not for players; they meet it in a refusal.
alter table ledger.asset_limits enable row level security;
create policy staff_sees_all on ledger.asset_limits for select
  to wallet_service, wallet_operator, wallet_auditor, wallet_job using (true);
grant select on ledger.asset_limits to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded schema/limits.sql
--! Included schema/feed.sql
-- The feed of transfers for other systems. A transfer's place in it is the transaction that wrote it, and these are numbered by the cluster:
-- each place that the ledger is moved to is an epoch.
create table ledger.feed_epochs (
  epoch int primary key,
  system_identifier bigint not null,
  started_at timestamptz not null,
  hash bytea not null
);

comment on table ledger.feed_epochs is $$@behavior -*
The places where the ledger has lived: the ids of transactions, which order the feed, are those of the newest. Append-only.$$;
comment on column ledger.feed_epochs.epoch is 'Number of the epoch: 1, 2, 3 and so on.';
comment on column ledger.feed_epochs.system_identifier is 'Of the cluster, as pg_control_system() names it.';
comment on column ledger.feed_epochs.started_at is 'When it began.';
comment on column ledger.feed_epochs.hash is 'SHA-256 over the hash before it and every other fact.';

create trigger _100_guard_insert before insert on ledger.feed_epochs
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.feed_epochs
  for each statement execute function ledger_private.tg__append_only();

-- These fire where replication, or a restore in its name, writes rows: what was written elsewhere has no place in the feed yet.
create trigger _100_arrived before insert on ledger.feed_epochs
  for each row execute function ledger_private.tg_feed_epochs__arrived();
alter table ledger.feed_epochs enable replica trigger _100_arrived;
create trigger _100_arrived before insert on ledger.transfers
  for each row execute function ledger_private.tg_transfers__arrived();
alter table ledger.transfers enable replica trigger _100_arrived;

grant select on ledger.feed_epochs to wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger_private.feed_place as (xid xid8, id uuid);

create type ledger.event as (
  cursor text,
  transfer_id uuid,
  kind ledger.transfer_kind,
  wallet_id uuid,
  owner_id text,
  asset_code text,
  amount bigint,
  bonus_amount bigint,
  debit_wallet_id uuid,
  debit_seq bigint,
  credit_wallet_id uuid,
  credit_seq bigint,
  reverses uuid,
  hold_id uuid,
  expires_at timestamptz,
  idem_key text,
  actor text,
  metadata jsonb,
  created_at timestamptz
);
comment on type ledger.event is 'A transfer, as the feed tells of it to other systems.';
comment on column ledger.event.cursor is $$@notNull
Its place in the feed: what to read on after. Opaque.$$;
comment on column ledger.event.transfer_id is $$@notNull
The movement.$$;
comment on column ledger.event.kind is $$@notNull
What the movement is.$$;
comment on column ledger.event.wallet_id is $$@notNull
The wallet that the call acted for.$$;
comment on column ledger.event.owner_id is 'Whose wallet that is.';
comment on column ledger.event.asset_code is 'The asset of which credits moved.';
comment on column ledger.event.amount is $$@notNull
The amount moved, in minor units; reserved or freed, where it is a hold or its release.$$;
comment on column ledger.event.bonus_amount is $$@notNull
The part of it that was bonus credits.$$;
comment on column ledger.event.debit_wallet_id is 'The wallet of the debit entry.';
comment on column ledger.event.debit_seq is 'The number of that entry within its wallet.';
comment on column ledger.event.credit_wallet_id is 'The wallet of the credit entry.';
comment on column ledger.event.credit_seq is 'The number of that entry within its wallet.';
comment on column ledger.event.reverses is 'The transfer that this one reverses, if it is a reversal.';
comment on column ledger.event.hold_id is 'The hold that this one opened, captured or released.';
comment on column ledger.event.expires_at is 'When the credits or the hold expire, as asked.';
comment on column ledger.event.idem_key is 'The idempotency key of the call; null for what the system books itself.';
comment on column ledger.event.actor is $$@notNull
Who called.$$;
comment on column ledger.event.metadata is $$@notNull
The facts that the caller gave.$$;
comment on column ledger.event.created_at is $$@notNull
When it was booked.$$;
grant usage on type ledger.event to wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded schema/feed.sql
--! Included schema/seals.sql
-- Seals, by which hashes kept elsewhere prove the ledger.
create table ledger.seals (
  seq bigint primary key,
  entries bigint not null,
  wallets bigint not null,
  root bytea not null,
  previous bytea,
  hash bytea not null,
  horizon xid8 not null,
  horizon_id uuid not null,
  epoch bigint not null,
  sealed_at timestamptz not null,
  actor text not null
);

comment on table ledger.seals is $$@behavior -*
Blocks of entries that were closed, each with the root of a Merkle tree over them and the hash of the seal before. Append-only; kept elsewhere
too, they show what a recomputed chain of hashes does not.$$;
comment on column ledger.seals.seq is 'Number of the seal: 1, 2, 3 and so on without gaps.';
comment on column ledger.seals.entries is 'How many entries the block closes that none before it did.';
comment on column ledger.seals.wallets is 'How many wallets they are of.';
comment on column ledger.seals.root is
  'The root of the Merkle tree over the newest entry of each of these wallets, and what else is new (seal_records).';
comment on column ledger.seals.previous is 'The hash of the seal before; null in the first.';
comment on column ledger.seals.hash is 'SHA-256 over every other fact of the seal.';
comment on column ledger.seals.horizon is 'Up to where in the feed, in its epoch, all transfers are sealed: the transaction.';
comment on column ledger.seals.horizon_id is 'And the transfer of it.';
comment on column ledger.seals.epoch is 'The epoch of the feed that the horizon is to be read in.';
comment on column ledger.seals.sealed_at is 'When it was made.';
comment on column ledger.seals.actor is 'Who made it.';

create trigger _100_guard_insert before insert on ledger.seals
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.seals
  for each statement execute function ledger_private.tg__append_only();

grant select on ledger.seals to wallet_auditor, wallet_job;

create table ledger.seal_heads (
  wallet_id uuid not null,
  seal_seq bigint not null references ledger.seals (seq),
  seq bigint not null,
  primary key (wallet_id, seal_seq),
  constraint seal_heads_entry_fkey foreign key (wallet_id, seq) references ledger.entries (wallet_id, seq) not enforced
);

create index seal_heads_seal_seq_idx on ledger.seal_heads (seal_seq);

comment on table ledger.seal_heads is $$@behavior -*
The first leaves of the seals: up to which entry each wallet was sealed. Append-only.$$;
comment on column ledger.seal_heads.wallet_id is 'The wallet.';
comment on column ledger.seal_heads.seal_seq is 'The seal.';
comment on column ledger.seal_heads.seq is 'The newest entry of the wallet that it covers.';
comment on constraint seal_heads_seal_seq_fkey on ledger.seal_heads is '@behavior -*';
comment on constraint seal_heads_entry_fkey on ledger.seal_heads is '@behavior -*';

create trigger _100_guard_insert before insert on ledger.seal_heads
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.seal_heads
  for each statement execute function ledger_private.tg__append_only();

alter table ledger.seal_heads enable row level security;
create policy auditors_see_all on ledger.seal_heads for select to wallet_auditor using (true);
grant select on ledger.seal_heads to wallet_auditor;

create type ledger_private.record_chain as enum ('wallet', 'asset', 'verifications');
comment on type ledger_private.record_chain is
  'What is chained beside the entries and sealed: a wallet with its events, an asset with its limits, all verifications.';
grant usage on type ledger_private.record_chain to wallet_auditor;

create table ledger.seal_records (
  chain ledger_private.record_chain not null,
  id uuid not null,
  seal_seq bigint not null references ledger.seals (seq),
  seq bigint not null,
  primary key (chain, id, seal_seq)
);

create index seal_records_seal_seq_idx on ledger.seal_records (seal_seq);

comment on table ledger.seal_records is $$@behavior -*
The other leaves of the seals: up to which row each chain beside the entries was sealed. Append-only.$$;
comment on column ledger.seal_records.chain is 'What kind of chain it is.';
comment on column ledger.seal_records.id is 'Of which wallet, or of which asset (asset_id); 0 for the verifications.';
comment on column ledger.seal_records.seal_seq is 'The seal.';
comment on column ledger.seal_records.seq is
  'The newest row that it covers: a wallet''s event, an asset''s limits (0: the asset itself), or a verification.';
comment on constraint seal_records_seal_seq_fkey on ledger.seal_records is '@behavior -*';

create trigger _100_guard_insert before insert on ledger.seal_records
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.seal_records
  for each statement execute function ledger_private.tg__append_only();

alter table ledger.seal_records enable row level security;
create policy auditors_see_all on ledger.seal_records for select to wallet_auditor using (true);
grant select on ledger.seal_records to wallet_auditor;

create table ledger_private.unsealed_events (
  wallet_id uuid not null,
  seq int not null,
  primary key (wallet_id, seq)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
comment on table ledger_private.unsealed_events is 'The events of wallets that the next seal closes.';

create trigger _100_guard_write before insert or update or delete on ledger_private.unsealed_events
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_guard_truncate before truncate on ledger_private.unsealed_events
  for each statement execute function ledger_private.tg__guard_insert();

alter table ledger_private.unsealed_events enable row level security;
create policy auditors_see_all on ledger_private.unsealed_events for select to wallet_auditor using (true);
grant select on ledger_private.unsealed_events to wallet_auditor;
--! EndIncluded schema/seals.sql
--! Included schema/proofs.sql
-- Proofs that the ledger is sound, and figures of it.
create table ledger.verifications (
  id uuid primary key default uuidv7(),
  seq bigint not null,
  started_at timestamptz not null,
  finished_at timestamptz not null,
  findings bigint not null,
  seal_seq bigint,
  kept_seals bigint not null,
  actor text not null,
  hash bytea not null,
  constraint verifications_seq_key unique (seq)
);

create index verifications_clean_idx on ledger.verifications (finished_at) where findings = 0;

comment on table ledger.verifications is $$@behavior -*
When the whole ledger was proved from its rows, and what came of it. Append-only.$$;
comment on column ledger.verifications.id is 'Time-ordered id.';
comment on column ledger.verifications.seq is 'Number of the verification: 1, 2, 3 and so on without gaps.';
comment on column ledger.verifications.started_at is 'When it began: it saw the ledger as it was then.';
comment on column ledger.verifications.finished_at is 'When it ended.';
comment on column ledger.verifications.findings is 'How many broken rules it found; 0 where the ledger was sound.';
comment on column ledger.verifications.seal_seq is 'The newest seal it proved; null where there was none.';
comment on column ledger.verifications.kept_seals is 'How many seals that were kept elsewhere it was given, and looked for.';
comment on column ledger.verifications.actor is 'Who asked for it.';
comment on column ledger.verifications.hash is 'SHA-256 over the hash before it and every other fact.';

create trigger _100_guard_insert before insert on ledger.verifications
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.verifications
  for each statement execute function ledger_private.tg__append_only();

grant select on ledger.verifications to wallet_auditor;

create type ledger.finding as (
  rule text,
  wallet_id uuid,
  seq bigint,
  transfer_id uuid,
  detail jsonb
);
comment on type ledger.finding is 'A place where the ledger''s rows break one of its rules.';
comment on column ledger.finding.rule is $$@notNull
The rule that is broken.$$;
comment on column ledger.finding.wallet_id is 'The wallet, if it is about one.';
comment on column ledger.finding.seq is 'The entry, if it is about one.';
comment on column ledger.finding.transfer_id is 'The transfer, if it is about one.';
comment on column ledger.finding.detail is 'What was expected and what was found.';
grant usage on type ledger.finding to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.trial_balance as (
  asset_code text,
  account text,
  debit numeric,
  credit numeric
);
comment on type ledger.trial_balance is 'One account''s side of the trial balance, in minor units.';
comment on column ledger.trial_balance.asset_code is $$@notNull
The asset.$$;
comment on column ledger.trial_balance.account is $$@notNull
players, treasury, promotions, revenue or breakage.$$;
comment on column ledger.trial_balance.debit is $$@notNull
Balance, if the account is debit-normal; otherwise 0.$$;
comment on column ledger.trial_balance.credit is $$@notNull
Balance, if the account is credit-normal; otherwise 0.$$;
grant usage on type ledger.trial_balance to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.metric as (name text, labels jsonb, value double precision);
comment on type ledger.metric is 'A figure of the ledger at this moment, for monitoring.';
comment on column ledger.metric.name is $$@notNull
Which figure.$$;
comment on column ledger.metric.labels is $$@notNull
What it is of: an object of texts.$$;
comment on column ledger.metric.value is $$@notNull
The figure.$$;
grant usage on type ledger.metric to wallet_auditor;
--! EndIncluded schema/proofs.sql
--! Included schema/calls.sql
-- What calls take and answer.
create type ledger.receipt as (
  transfer_id uuid,
  wallet_id uuid,
  seq bigint,
  kind ledger.transfer_kind,
  amount bigint,
  bonus_amount bigint,
  balance bigint,
  bonus_balance bigint,
  held_balance bigint,
  available bigint,
  hold_id uuid,
  replayed boolean,
  created_at timestamptz
);
comment on type ledger.receipt is
  'What a booking did, and the acting wallet as that booking left it. Repeating the call with the same key returns the same receipt.';
comment on column ledger.receipt.transfer_id is $$@notNull
The movement.$$;
comment on column ledger.receipt.wallet_id is $$@notNull
The wallet the call acted for.$$;
comment on column ledger.receipt.seq is $$@notNull
The wallet's entry for it.$$;
comment on column ledger.receipt.kind is $$@notNull
What the movement is.$$;
comment on column ledger.receipt.amount is $$@notNull
The amount moved, in minor units.$$;
comment on column ledger.receipt.bonus_amount is $$@notNull
The part of it that was bonus credits, in minor units.$$;
comment on column ledger.receipt.balance is $$@notNull
Balance after it, in minor units: that of its own entry.$$;
comment on column ledger.receipt.bonus_balance is $$@notNull
The part of the balance that is bonus credits.$$;
comment on column ledger.receipt.held_balance is $$@notNull
The part of the balance that is reserved.$$;
comment on column ledger.receipt.available is $$@notNull
What could be spent once it was committed, in minor units: the balance less what is reserved, and less credits that it gave back and that had
expired, which the same transaction books to breakage.$$;
comment on column ledger.receipt.hold_id is 'The hold it opened, captured or released, if any.';
comment on column ledger.receipt.replayed is $$@notNull
True where the key had been used before and nothing was booked now.$$;
comment on column ledger.receipt.created_at is $$@notNull
When it was booked.$$;
grant usage on type ledger.receipt to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

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
grant usage on type ledger.wallet_request to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.wallet_balance as (
  balance bigint,
  bonus_balance bigint,
  held_balance bigint,
  available bigint,
  seq bigint,
  as_of timestamptz
);
comment on type ledger.wallet_balance is 'A wallet''s balances at one moment, in minor units.';
comment on column ledger.wallet_balance.balance is $$@notNull
All credits by the newest entry, in minor units: with reserved and bonus credits, and with what has expired since and is not booked yet.$$;
comment on column ledger.wallet_balance.bonus_balance is $$@notNull
The part of the balance that is bonus credits, by the newest entry.$$;
comment on column ledger.wallet_balance.held_balance is $$@notNull
The part of the balance that is reserved, by the newest entry: also by holds that have expired since.$$;
comment on column ledger.wallet_balance.available is $$@notNull
What can be spent, in minor units: what has expired counts at once, booked or not.$$;
comment on column ledger.wallet_balance.seq is $$@notNull
The newest entry counted; 0 for a wallet without entries.$$;
comment on column ledger.wallet_balance.as_of is $$@notNull
The moment the balances are of.$$;
grant usage on type ledger.wallet_balance to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.wallet_statement as (
  wallet_id uuid,
  from_time timestamptz,
  to_time timestamptz,
  opening ledger.wallet_balance,
  closing ledger.wallet_balance
);
comment on type ledger.wallet_statement is 'A wallet at both ends of a period: opening + the entries of the period = closing.';
comment on column ledger.wallet_statement.wallet_id is $$@notNull
The wallet.$$;
comment on column ledger.wallet_statement.from_time is $$@notNull
The first instant of the period.$$;
comment on column ledger.wallet_statement.to_time is $$@notNull
The end of the period, which does not belong to it.$$;
comment on column ledger.wallet_statement.opening is $$@notNull
What the entries before from_time left.$$;
comment on column ledger.wallet_statement.closing is $$@notNull
What the entries before to_time left.$$;
grant usage on type ledger.wallet_statement to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.credit_source as enum ('paid', 'bonus', 'expiring_bonus');
comment on type ledger.credit_source is
  'Where credits in a wallet come from: bought, given away, or given away until an instant.';
grant usage on type ledger.credit_source to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

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
How many of them can be spent: none that an open hold reserves or that have expired.$$;
comment on column ledger.balance_part.expires_at is 'When they expire, if they do.';
comment on column ledger.balance_part.transfer_id is 'The movement that brought them, for expiring credits.';
comment on column ledger.balance_part.hold_id is 'The open hold that reserves them, if one does.';
grant usage on type ledger.balance_part to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.history_line as (
  seq bigint,
  created_at timestamptz,
  kind ledger.transfer_kind,
  side ledger.entry_side,
  amount bigint,
  bonus_amount bigint,
  held_amount bigint,
  balance bigint,
  bonus_balance bigint,
  held_balance bigint,
  transfer_id uuid,
  counterparty text,
  idem_key text,
  actor text,
  metadata jsonb
);
comment on type ledger.history_line is 'One line of a wallet''s exported history, amounts in minor units.';
comment on column ledger.history_line.seq is 'Number of the line within its wallet.';
comment on column ledger.history_line.created_at is 'When it was booked.';
comment on column ledger.history_line.kind is 'What the movement is.';
comment on column ledger.history_line.side is 'Debit or credit.';
comment on column ledger.history_line.amount is 'The amount moved, in minor units.';
comment on column ledger.history_line.bonus_amount is 'The part of it that was bonus credits.';
comment on column ledger.history_line.held_amount is 'Change of the reserved credits.';
comment on column ledger.history_line.balance is 'Balance after this line.';
comment on column ledger.history_line.bonus_balance is 'The part of the balance that is bonus credits.';
comment on column ledger.history_line.held_balance is 'The part of the balance that is reserved.';
comment on column ledger.history_line.transfer_id is 'The movement that this line is one side of.';
comment on column ledger.history_line.counterparty is 'The other side: a house account by name, a player by wallet id.';
comment on column ledger.history_line.idem_key is 'The idempotency key of the call.';
comment on column ledger.history_line.actor is 'Who called.';
comment on column ledger.history_line.metadata is 'The caller''s own facts.';
grant usage on type ledger.history_line to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded schema/calls.sql
--! Included schema/helpers.sql
-- What the helpers hand to each other within one call.

-- A transfer and its entries, complete with hashes: ready to be written.
create type ledger_private.sealed as (transfer ledger.transfers, entry ledger.entries, other_entry ledger.entries);
-- A wallet that has been locked and settled for a request; the receipt, where the key has been used.
create type ledger_private.prepared as (
  wallet ledger.wallets,
  head ledger.entries,
  at_time timestamptz,
  receipt ledger.receipt
);

-- What can still be taken back of a movement, and how one reversal takes it.
create type ledger_private.reversible_part as (source text, lot_seq bigint, expires_at timestamptz, amount bigint);
create type ledger_private.reversal_plan as (bonus_amount bigint, missing bigint, draws ledger.bonus_lot_draws[]);

-- A lot with what is free in it, in the order of drawing: next is the place of the wallet's next one.
create type ledger_private.lot as (number int, wallet_id uuid, seq bigint, expires_at timestamptz, free bigint, next int);

-- A wallet in which what is due could not be booked, and the error; and what a sweep came to.
create type ledger_private.failure as (wallet_id uuid, sqlstate text);
create type ledger_private.swept as (settled int, failures ledger_private.failure[]);

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
--! EndIncluded schema/helpers.sql
--! Included schema/gateway.sql
-- What the gateway keeps for itself, apart from the ledger. Unlogged: cheap, and a crash may forget it.
create unlogged table gateway.rate_limits (
  key text primary key,
  points int not null default 0,
  expire bigint
) with (fillfactor = 70);
comment on table gateway.rate_limits is 'How many requests each caller has sent within the current window.';
comment on column gateway.rate_limits.key is 'A hash of the role and the subject of the token.';
comment on column gateway.rate_limits.points is 'Requests so far.';
comment on column gateway.rate_limits.expire is 'The end of the window, in milliseconds since 1970.';

grant select, insert, update, delete on gateway.rate_limits to wallet_gateway;

-- A lock of this table says which process polls. Any login can take an advisory lock; only the worker's can take this one.
create table gateway.poller_turn ();
comment on table gateway.poller_turn is 'Has no rows: whoever holds its lock polls the feed.';
--! EndIncluded schema/gateway.sql

-- How facts are written
--! Included functions/ledger_private/in_utc.sql
create or replace function ledger_private.in_utc(instant timestamptz)
returns jsonb
language sql
stable
strict
set timezone = 'UTC'
as $$
  select to_jsonb(instant)
$$;

comment on function ledger_private.in_utc(timestamptz) is
$$An instant as refusals show it: as JSON writes timestamps, in UTC, whatever the zone of the session.$$;

revoke all on function ledger_private.in_utc(timestamptz) from public;
grant execute on function ledger_private.in_utc(timestamptz)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/in_utc.sql

-- Refusals
--! Included functions/ledger_private/refuse.sql
create or replace function ledger_private.refuse(errcode text, message text, detail jsonb, hint text)
returns void
language plpgsql
immutable
as $$
begin
  raise exception using
    errcode = refuse.errcode,
    message = refuse.message,
    detail = refuse.detail::text,
    hint = refuse.hint;
end
$$;

comment on function ledger_private.refuse(text, text, jsonb, text) is
  'Refuses a call: own SQLSTATE, one factual line, the facts as JSON (amounts as strings), and what to do about it.';

revoke all on function ledger_private.refuse(text, text, jsonb, text) from public;
grant execute on function ledger_private.refuse(text, text, jsonb, text)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/refuse.sql
--! Included functions/ledger_private/refuse_argument.sql
create or replace function ledger_private.refuse_argument(argument text, hint text, facts jsonb default '{}')
returns void
language plpgsql
immutable
as $$
begin
  perform ledger_private.refuse('WLARG', format('invalid argument: %s', argument),
    jsonb_build_object('argument', argument) || facts, hint);
end
$$;

comment on function ledger_private.refuse_argument(text, text, jsonb) is
  'Refuses with WLARG an argument out of its bounds, named as the function names it.';

revoke all on function ledger_private.refuse_argument(text, text, jsonb) from public;
grant execute on function ledger_private.refuse_argument(text, text, jsonb)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/refuse_argument.sql
--! Included functions/ledger_private/refuse_request.sql
create or replace function ledger_private.refuse_request(broken text, wallet_id uuid, amount bigint)
returns void
language plpgsql
immutable
as $$
begin
  if broken = 'amount' then
    perform ledger_private.refuse('WLAMT',
      format('invalid amount: %s', coalesce(amount::text, 'null')),
      jsonb_build_object('amount', amount::text, 'min', '1', 'max', '1000000000000000'),
      'Send a whole number of minor units from 1 to 1000000000000000.');
  elsif broken = 'same' then
    perform ledger_private.refuse('WLSLF', format('same wallet: %s', wallet_id),
      jsonb_build_object('wallet_id', wallet_id), 'Name two different wallets.');
  end if;
  perform ledger_private.refuse_argument(broken, case broken
      when 'idem_key' then 'Send an idempotency key of 1 to 200 characters, no white space at either end, a new one for each request.'
      when 'kind' then 'A batch books top_up, bonus, spend and transfer.'
      when 'counterparty_id' then 'Only a transfer names a second wallet.'
      when 'expires_at' then 'Send an instant after now, or leave it out; only bonuses and holds expire.'
      when 'metadata' then 'Send a JSON object of at most 8192 bytes; store a reference to larger facts.'
      when 'hold_id' then 'Name the hold by its id.'
      when 'transfer_id' then 'Name the transfer by its id.'
      else 'Name the wallet by its id.'
    end);
end
$$;

comment on function ledger_private.refuse_request(text, uuid, bigint) is
  'Refuses a request for the rule of check_request that it breaks: amount, same, or the argument that is wrong.';

revoke all on function ledger_private.refuse_request(text, uuid, bigint) from public;
--! EndIncluded functions/ledger_private/refuse_request.sql
--! Included functions/ledger_private/refuse_wallet.sql
create or replace function ledger_private.refuse_wallet(wallet_id uuid)
returns void
language plpgsql
immutable
as $$
begin
  perform ledger_private.refuse('WLNOW',
    format('wallet not found: %s', coalesce(wallet_id::text, 'null')),
    jsonb_build_object('wallet_id', wallet_id),
    'Open the wallet first, with wallet_open(owner_id, asset_code).');
end
$$;

comment on function ledger_private.refuse_wallet(uuid) is
  'Refuses with WLNOW a wallet that is not there, is not the caller''s to see, or belongs to the house.';

revoke all on function ledger_private.refuse_wallet(uuid) from public;
grant execute on function ledger_private.refuse_wallet(uuid)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/refuse_wallet.sql
--! Included functions/ledger_private/refuse_asset.sql
create or replace function ledger_private.refuse_asset(asset_code text)
returns void
language plpgsql
immutable
as $$
declare
  -- As long as a code can be: an answer does not repeat a megabyte.
  v_code text := left(asset_code, 64);
begin
  perform ledger_private.refuse('WLNOA', format('asset not found: %s', v_code),
    jsonb_build_object('asset_code', v_code), 'An operator creates assets with asset_create(code, name, scale).');
end
$$;

comment on function ledger_private.refuse_asset(text) is 'Refuses with WLNOA an asset that is not there.';

revoke all on function ledger_private.refuse_asset(text) from public;
--! EndIncluded functions/ledger_private/refuse_asset.sql
--! Included functions/ledger_private/refuse_assets.sql
create or replace function ledger_private.refuse_assets(from_asset text, to_asset text)
returns void
language plpgsql
immutable
as $$
begin
  perform ledger_private.refuse('WLAST', format('asset mismatch: %s and %s', from_asset, to_asset),
    jsonb_build_object('from_asset', from_asset, 'to_asset', to_asset), 'Move credits between wallets of one asset.');
end
$$;

comment on function ledger_private.refuse_assets(text, text) is
  'Refuses with WLAST to move credits between wallets of different assets.';

revoke all on function ledger_private.refuse_assets(text, text) from public;
--! EndIncluded functions/ledger_private/refuse_assets.sql
--! Included functions/ledger_private/refuse_limit.sql
create or replace function ledger_private.refuse_limit(wallet_id uuid, name text, max bigint, used numeric)
returns void
language plpgsql
immutable
as $$
declare
  v_left text := greatest(max - used, 0)::text;
begin
  perform ledger_private.refuse('WLLIM',
    format('limit exceeded: %s is %s, %s left', name, max, v_left),
    jsonb_build_object('wallet_id', wallet_id, 'limit', name, 'max', max::text, 'left', v_left),
    'Ask for no more than is left, or wait until the limit leaves more.');
end
$$;

comment on function ledger_private.refuse_limit(uuid, text, bigint, numeric) is
  'Refuses with WLLIM what would go above a limit: its name, how high it is, and what is left of it.';

revoke all on function ledger_private.refuse_limit(uuid, text, bigint, numeric) from public;
--! EndIncluded functions/ledger_private/refuse_limit.sql
--! Included functions/ledger_private/refuse_overflow.sql
create or replace function ledger_private.refuse_overflow(entry ledger.entries)
returns void
language plpgsql
immutable
as $$
begin
  perform ledger_private.refuse_limit(entry.wallet_id, 'max_balance', 9000000000000000000,
    greatest(entry.balance, entry.topped_up_total, entry.granted_total, entry.spent_total) - entry.amount);
end
$$;

comment on function ledger_private.refuse_overflow(ledger.entries) is
  'Refuses with WLLIM an entry that would take a balance or a lifetime total above what the ledger counts to.';

revoke all on function ledger_private.refuse_overflow(ledger.entries) from public;
--! EndIncluded functions/ledger_private/refuse_overflow.sql
--! Included functions/ledger_private/refuse_funds.sql
create or replace function ledger_private.refuse_funds(wallet_id uuid, available bigint, requested bigint, facts jsonb default '{}')
returns void
language plpgsql
immutable
as $$
begin
  perform ledger_private.refuse('WLFND',
    format('insufficient funds: %s available, %s requested', available, requested),
    jsonb_build_object('wallet_id', wallet_id, 'available', available::text, 'requested', requested::text) || facts,
    'Ask for no more than is available, or top the wallet up first.');
end
$$;

comment on function ledger_private.refuse_funds(uuid, bigint, bigint, jsonb) is
  'Refuses with WLFND to take more out of a wallet, or out of a hold, than is available there.';

revoke all on function ledger_private.refuse_funds(uuid, bigint, bigint, jsonb) from public;
--! EndIncluded functions/ledger_private/refuse_funds.sql
--! Included functions/ledger_private/refuse_reversal.sql
create or replace function ledger_private.refuse_reversal(original ledger.transfers, requested bigint, available bigint)
returns void
language plpgsql
immutable
as $$
declare
  v_reversible boolean := original.kind in ('top_up', 'bonus', 'spend', 'capture', 'transfer');
begin
  perform ledger_private.refuse('WLREV',
    case when v_reversible then format('not reversible: %s left of %s', available, original.amount)
      else format('not reversible: a %s', original.kind) end,
    jsonb_build_object('wallet_id', original.wallet_id, 'transfer_id', original.id, 'kind', original.kind,
      'left', case when v_reversible then available else 0 end::text, 'requested', requested::text),
    case when v_reversible then 'Ask for no more than is left to reverse.'
      else 'Only top-ups, bonuses, spends, captures and transfers are reversed.' end);
end
$$;

comment on function ledger_private.refuse_reversal(ledger.transfers, bigint, bigint) is
  'Refuses with WLREV to reverse more of a movement than is left, or one that cannot be reversed.';

revoke all on function ledger_private.refuse_reversal(ledger.transfers, bigint, bigint) from public;
--! EndIncluded functions/ledger_private/refuse_reversal.sql
--! Included functions/ledger_private/refuse_stale.sql
create or replace function ledger_private.refuse_stale()
returns void
language plpgsql
immutable
as $$
begin
  raise exception using errcode = '40001', message = 'could not serialize access: a wallet has moved on';
end
$$;

comment on function ledger_private.refuse_stale() is
  'Ends a transaction whose snapshot is older than the locks it holds with 40001: a retry will do.';

revoke all on function ledger_private.refuse_stale() from public;
--! EndIncluded functions/ledger_private/refuse_stale.sql
--! Included functions/ledger_private/is_key.sql
create or replace function ledger_private.is_key(value text)
returns boolean
language sql
immutable
as $$
  -- The code points with the Unicode property White_Space; then the control characters.
  select char_length(value) between 1 and 200
    and btrim(value, E'\u0009\u000a\u000b\u000c\u000d\u0020\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005'
      || E'\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') = value
    and value ~ E'[^\u0001-\u0020\u007f-\u00a0]'
$$;

comment on function ledger_private.is_key(text) is
$$Whether a text may be an idempotency key or an owner id: 1 to 200 characters, of which neither the first nor the last is
white space and not all are control characters. White space is what Unicode calls so, whatever the locale; all other
characters count as they are. A trailing blank, from a file for example, would otherwise make another key or owner.$$;

revoke all on function ledger_private.is_key(text) from public;
--! EndIncluded functions/ledger_private/is_key.sql
--! Included functions/ledger_private/check_owner_id.sql
create or replace function ledger_private.check_owner_id(owner_id text, facts jsonb default '{}')
returns void
language plpgsql
immutable
as $$
begin
  if ledger_private.is_key(owner_id) is not true then
    perform ledger_private.refuse_argument(
      argument => 'owner_id',
      hint => 'Send the account number of the player: 1 to 200 characters, no white space at either end.',
      facts => jsonb_build_object('min_length', 1, 'max_length', 200) || facts);
  end if;
end
$$;

comment on function ledger_private.check_owner_id(text, jsonb) is
  'Refuses with WLARG a text that cannot be an owner id. facts are added to the detail.';

revoke all on function ledger_private.check_owner_id(text, jsonb) from public;
--! EndIncluded functions/ledger_private/check_owner_id.sql
--! Included functions/ledger_private/check_asset.sql
create or replace function ledger_private.check_asset(asset_code text)
returns void
language plpgsql
stable
as $$
begin
  if asset_code is null then
    perform ledger_private.refuse_argument('asset_code', 'Name the asset, such as GOLD.');
  end if;
  if not exists (select from ledger.assets a where a.code = check_asset.asset_code) then
    perform ledger_private.refuse_asset(asset_code);
  end if;
end
$$;

comment on function ledger_private.check_asset(text) is
  'Refuses with WLARG where no asset is named, with WLNOA an asset that is not there.';

revoke all on function ledger_private.check_asset(text) from public;
--! EndIncluded functions/ledger_private/check_asset.sql

-- Ids, accounts, who is calling
--! Included functions/ledger_private/uuid_v8.sql
create or replace function ledger_private.uuid_v8(digest bytea)
returns uuid
language sql
immutable
return encode(
  set_byte(
    set_byte(substring(digest for 16), 6, (get_byte(digest, 6) & 15) | 128),
    8, (get_byte(digest, 8) & 63) | 128
  ), 'hex')::uuid;

comment on function ledger_private.uuid_v8(bytea) is
  'A UUID of version 8 (RFC 9562, custom) from the first 16 bytes of a digest.';

revoke all on function ledger_private.uuid_v8(bytea) from public;
grant execute on function ledger_private.uuid_v8(bytea)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/uuid_v8.sql
--! Included functions/ledger_private/uuid_after.sql
create or replace function ledger_private.uuid_after(id uuid, steps int)
returns uuid
language sql
immutable
as $$
  select encode(substring(uuid_send(id) for 8) || (substring(uuid_send(id) from 9)::bigint + steps)::bytea, 'hex')::uuid
$$;

comment on function ledger_private.uuid_after(uuid, int) is
$$The UUID so many steps after a UUID of version 7, whose last 62 bits are random: for a batch, which draws its first id and counts on from it, since
each drawing costs as much as a row of the log.$$;

revoke all on function ledger_private.uuid_after(uuid, int) from public;
--! EndIncluded functions/ledger_private/uuid_after.sql
--! Included functions/ledger/wallet_id.sql
create or replace function ledger.wallet_id(owner_id text, asset_code text)
returns uuid
language sql
immutable
strict
-- The binary array format puts each element's length before it: no two pairs have the same bytes.
return ledger_private.uuid_v8(sha256(array_send(array[
  'ledger.wallet.v1', convert_to(owner_id, 'UTF8'), convert_to(asset_code, 'UTF8')
])));

comment on function ledger.wallet_id(text, text) is
$$The id of an owner's wallet of an asset, whether it has been opened or not: derived from the two, so nobody needs to look it up.

- ownerId: the player's account number, 1 to 200 characters.
- assetCode: the asset, such as GOLD.$$;

revoke all on function ledger.wallet_id(text, text) from public;
grant execute on function ledger.wallet_id(text, text)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/wallet_id.sql
--! Included functions/ledger/wallet_stripe.sql
create or replace function ledger.wallet_stripe(id uuid)
returns int
language sql
immutable
return ((uuid_hash(id)::bigint + 2147483648) >> 27)::int;

comment on function ledger.wallet_stripe(uuid) is
$$@behavior -*
Which of the 32 stripes of a house account a wallet's movements are booked against: the rank of its hash among 32 equal ranges, the
same ranges by which the ledger can be distributed over machines.$$;

revoke all on function ledger.wallet_stripe(uuid) from public;
grant execute on function ledger.wallet_stripe(uuid) to wallet_auditor;
--! EndIncluded functions/ledger/wallet_stripe.sql
--! Included functions/ledger_private/house_account.sql
create or replace function ledger_private.house_account(kind ledger.transfer_kind)
returns ledger.house_account
language sql
immutable
-- The values are of their type from the start: a cast afterwards would keep PostgreSQL from inlining this.
return case kind
  when 'top_up' then 'treasury'::ledger.house_account
  when 'bonus' then 'promotions'
  when 'spend' then 'revenue'
  when 'capture' then 'revenue'
  when 'expiry' then 'breakage'
end;

comment on function ledger_private.house_account(ledger.transfer_kind) is
  'The house account on the other side of a movement of this kind; null where the kind does not decide it.';

revoke all on function ledger_private.house_account(ledger.transfer_kind) from public;
grant execute on function ledger_private.house_account(ledger.transfer_kind)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/house_account.sql
--! Included functions/ledger_private/house_wallet_id.sql
create or replace function ledger_private.house_wallet_id(asset_code text, house ledger.house_account, stripe int)
returns uuid
language plpgsql
stable
as $$
declare
  v_id uuid;
begin
  -- The counter is stepped until the id hashes into the wanted stripe: a player's stripe of every house account then lies
  -- in the same hash range as the player. The batch stripe may lie anywhere.
  for v_counter in 0..100000 loop
    v_id := ledger_private.uuid_v8(sha256(array_send(array[
      'ledger.house.v1', convert_to(asset_code, 'UTF8'), convert_to(house::text, 'UTF8'), int4send(stripe), int4send(v_counter)
    ])));
    if stripe = 32 or ledger.wallet_stripe(v_id) = stripe then
      return v_id;
    end if;
  end loop;
  raise exception 'no id found for stripe % of % in %', stripe, house, asset_code;
end
$$;

comment on function ledger_private.house_wallet_id(text, ledger.house_account, int) is
  'The id of one stripe of a house account: derived, like a player''s, from a text that no player''s id is derived from.';

revoke all on function ledger_private.house_wallet_id(text, ledger.house_account, int) from public;
grant execute on function ledger_private.house_wallet_id(text, ledger.house_account, int) to wallet_auditor;
--! EndIncluded functions/ledger_private/house_wallet_id.sql
--! Included functions/ledger_private/actor.sql
create or replace function ledger_private.actor()
returns text
language sql
stable
as $$
  -- The setting "role" is the role that the gateway took on for this request, also inside a SECURITY DEFINER function.
  select case when session_user = 'wallet_gateway'
    then replace(current_setting('role'), 'wallet_', '') || ':' || coalesce(ledger_private.claimed_subject(), '')
    else 'db:' || session_user end
$$;

comment on function ledger_private.actor() is
  'Who is calling: role and subject of the gateway''s token, or db: and the database login.';

revoke all on function ledger_private.actor() from public;
--! EndIncluded functions/ledger_private/actor.sql

-- Hashes: what a row is, byte by byte
--! Included functions/ledger_private/transfer_bytes.sql
create or replace function ledger_private.transfer_bytes(transfer ledger.transfers)
returns bytea
language sql
stable
as $$
  select array_send(array[
      transfer.id, transfer.wallet_id, transfer.debit_wallet_id, transfer.credit_wallet_id, transfer.reverses, transfer.hold_id
    ])
    || array_send(array[
      transfer.debit_seq, transfer.credit_seq, transfer.requested_amount, transfer.amount, transfer.bonus_amount
    ])
    || array_send(array[transfer.expires_at, transfer.created_at])
    || array_send(array[
      enum_send(transfer.kind), convert_to(transfer.idem_key, 'UTF8'), convert_to(transfer.metadata::text, 'UTF8'),
      convert_to(transfer.actor, 'UTF8')
    ])
$$;

comment on function ledger_private.transfer_bytes(ledger.transfers) is
$$Every fact of a transfer as bytes, for hashing: four arrays (uuid, bigint, timestamptz, bytea) in PostgreSQL's binary format, one after the
other. That format has a header of fixed width and, before each element, its length (-1 for null), so no two different transfers have
the same bytes. Integers are big-endian, times microseconds since 2000-01-01 UTC, the kind is its name, texts are UTF-8, JSON is as
PostgreSQL prints jsonb. The order is for ever.$$;

revoke all on function ledger_private.transfer_bytes(ledger.transfers) from public;
grant execute on function ledger_private.transfer_bytes(ledger.transfers) to wallet_auditor;
--! EndIncluded functions/ledger_private/transfer_bytes.sql
--! Included functions/ledger_private/entry_bytes.sql
create or replace function ledger_private.entry_bytes(entry ledger.entries, transfer_bytes bytea)
returns bytea
language sql
stable
as $$
  select array_send(array[entry.wallet_id, entry.transfer_id])
    || array_send(array[
      entry.seq, entry.amount, entry.bonus_amount, entry.held_amount, entry.balance, entry.bonus_balance, entry.held_balance,
      entry.topped_up_total, entry.granted_total, entry.spent_total
    ])
    || array_send(array[enum_send(entry.kind), enum_send(entry.side), timestamptz_send(entry.created_at)])
    || transfer_bytes
$$;

comment on function ledger_private.entry_bytes(ledger.entries, bytea) is
$$Every fact of an entry as bytes, for hashing (arrays of uuid, of bigint and of bytea, in the format that transfer_bytes describes), then
the bytes of its transfer. The order is for ever.$$;

revoke all on function ledger_private.entry_bytes(ledger.entries, bytea) from public;
grant execute on function ledger_private.entry_bytes(ledger.entries, bytea) to wallet_auditor;
--! EndIncluded functions/ledger_private/entry_bytes.sql
--! Included functions/ledger_private/entry_hash.sql
create or replace function ledger_private.entry_hash(previous_hash bytea, entry_bytes bytea)
returns bytea
language sql
immutable
as $$
  select sha256(
    'ledger.entry.v1'::bytea
    || coalesce(previous_hash, E'\\x0000000000000000000000000000000000000000000000000000000000000000')
    || entry_bytes
  )
$$;

comment on function ledger_private.entry_hash(bytea, bytea) is
$$SHA-256 over the text ledger.entry.v1, the hash of the wallet's entry before (32 zero bytes for the first) and the bytes of this entry.
The order is for ever.$$;

revoke all on function ledger_private.entry_hash(bytea, bytea) from public;
grant execute on function ledger_private.entry_hash(bytea, bytea) to wallet_auditor;
--! EndIncluded functions/ledger_private/entry_hash.sql
--! Included functions/ledger_private/link_hash.sql
create or replace function ledger_private.link_hash(entry ledger.entries, transfer_bytes bytea)
returns bytea
language plpgsql
stable
as $$
begin
  -- A function of its own: the second entry of a movement finds the expression set up by the first.
  return ledger_private.entry_hash(entry.hash, ledger_private.entry_bytes(entry, transfer_bytes));
end
$$;

comment on function ledger_private.link_hash(ledger.entries, bytea) is
  'The hash of an entry that has yet that of the head which it follows.';

revoke all on function ledger_private.link_hash(ledger.entries, bytea) from public;
--! EndIncluded functions/ledger_private/link_hash.sql
--! Included functions/ledger_private/record_hash.sql
create or replace function ledger_private.record_hash(previous_hash bytea, record_bytes bytea)
returns bytea
language sql
immutable
as $$
  select sha256(
    'ledger.record.v1'::bytea
    || coalesce(previous_hash, decode(repeat('00', 32), 'hex'))
    || record_bytes
  )
$$;

comment on function ledger_private.record_hash(bytea, bytea) is
$$The hash of a row beside the entries: SHA-256 over the text ledger.record.v1, the hash of the row before it in its chain (32 zero bytes for the
first) and the bytes of the row. There is a chain for each wallet (the wallet itself, then its events), for each asset (the asset, then its
limits), one of the epochs of the feed and one of the verifications. The order is for ever.$$;

revoke all on function ledger_private.record_hash(bytea, bytea) from public;
grant execute on function ledger_private.record_hash(bytea, bytea) to wallet_auditor;
--! EndIncluded functions/ledger_private/record_hash.sql
--! Included functions/ledger_private/asset_bytes.sql
create or replace function ledger_private.asset_bytes(asset ledger.assets)
returns bytea
language sql
stable
as $$
  select array_send(array[
    'asset', convert_to(asset.code, 'UTF8'), convert_to(asset.name, 'UTF8'), int8send(asset.scale), timestamptz_send(asset.created_at)
  ])
$$;

comment on function ledger_private.asset_bytes(ledger.assets) is
$$Every fact of an asset as bytes, for hashing: an array of bytea in the format that transfer_bytes describes, first the text asset, which no other
kind of row begins with. Numbers are of eight bytes, big-endian. The order is for ever.$$;

revoke all on function ledger_private.asset_bytes(ledger.assets) from public;
grant execute on function ledger_private.asset_bytes(ledger.assets) to wallet_auditor;
--! EndIncluded functions/ledger_private/asset_bytes.sql
--! Included functions/ledger_private/asset_limit_bytes.sql
create or replace function ledger_private.asset_limit_bytes(limits ledger.asset_limits)
returns bytea
language sql
stable
as $$
  select array_send(array[
    'asset_limit', convert_to(limits.asset_code, 'UTF8'), int8send(limits.seq), int8send(limits.max_spend), int8send(limits.max_balance),
    int8send(limits.max_daily_top_up), int8send(limits.max_daily_bonus), int8send(limits.max_daily_spend),
    convert_to(limits.actor, 'UTF8'), timestamptz_send(limits.created_at)
  ])
$$;

comment on function ledger_private.asset_limit_bytes(ledger.asset_limits) is
$$Every fact of an asset's limits as bytes, for hashing: an array of bytea in the format that transfer_bytes describes, first the text asset_limit.
Numbers are of eight bytes, big-endian. The order is for ever.$$;

revoke all on function ledger_private.asset_limit_bytes(ledger.asset_limits) from public;
grant execute on function ledger_private.asset_limit_bytes(ledger.asset_limits) to wallet_auditor;
--! EndIncluded functions/ledger_private/asset_limit_bytes.sql
--! Included functions/ledger_private/wallet_bytes.sql
create or replace function ledger_private.wallet_bytes(wallet ledger.wallets)
returns bytea
language sql
stable
as $$
  select array_send(array[
    'wallet', uuid_send(wallet.id), convert_to(wallet.owner_id, 'UTF8'), convert_to(wallet.asset_code, 'UTF8'), enum_send(wallet.normal_side),
    enum_send(wallet.house), int8send(wallet.stripe), timestamptz_send(wallet.created_at)
  ])
$$;

comment on function ledger_private.wallet_bytes(ledger.wallets) is
$$Every fact of a wallet but its status, which its events tell, as bytes, for hashing: an array of bytea in the format that transfer_bytes describes,
first the text wallet. Numbers are of eight bytes, big-endian. The order is for ever.$$;

revoke all on function ledger_private.wallet_bytes(ledger.wallets) from public;
grant execute on function ledger_private.wallet_bytes(ledger.wallets) to wallet_auditor;
--! EndIncluded functions/ledger_private/wallet_bytes.sql
--! Included functions/ledger_private/wallet_event_bytes.sql
create or replace function ledger_private.wallet_event_bytes(event ledger.wallet_events)
returns bytea
language sql
stable
as $$
  select array_send(array[
    'wallet_event', uuid_send(event.wallet_id), int8send(event.seq), enum_send(event.kind), convert_to(event.reason, 'UTF8'),
    convert_to(event.actor, 'UTF8'), timestamptz_send(event.created_at)
  ])
$$;

comment on function ledger_private.wallet_event_bytes(ledger.wallet_events) is
$$Every fact of a wallet's event as bytes, for hashing: an array of bytea in the format that transfer_bytes describes, first the text wallet_event.
Numbers are of eight bytes, big-endian. The order is for ever.$$;

revoke all on function ledger_private.wallet_event_bytes(ledger.wallet_events) from public;
grant execute on function ledger_private.wallet_event_bytes(ledger.wallet_events) to wallet_auditor;
--! EndIncluded functions/ledger_private/wallet_event_bytes.sql
--! Included functions/ledger_private/verification_bytes.sql
create or replace function ledger_private.verification_bytes(verification ledger.verifications)
returns bytea
language sql
stable
as $$
  select array_send(array[
    'verification', uuid_send(verification.id), int8send(verification.seq), timestamptz_send(verification.started_at),
    timestamptz_send(verification.finished_at), int8send(verification.findings), int8send(verification.seal_seq),
    int8send(verification.kept_seals), convert_to(verification.actor, 'UTF8')
  ])
$$;

comment on function ledger_private.verification_bytes(ledger.verifications) is
$$Every fact of a verification as bytes, for hashing: an array of bytea in the format that transfer_bytes describes, first the text verification.
Numbers are of eight bytes, big-endian. The order is for ever.$$;

revoke all on function ledger_private.verification_bytes(ledger.verifications) from public;
grant execute on function ledger_private.verification_bytes(ledger.verifications) to wallet_auditor;
--! EndIncluded functions/ledger_private/verification_bytes.sql
--! Included functions/ledger_private/feed_epoch_bytes.sql
create or replace function ledger_private.feed_epoch_bytes(epoch ledger.feed_epochs)
returns bytea
language sql
stable
as $$
  select array_send(array[
    'feed_epoch', int8send(epoch.epoch), int8send(epoch.system_identifier), timestamptz_send(epoch.started_at)
  ])
$$;

comment on function ledger_private.feed_epoch_bytes(ledger.feed_epochs) is
$$Every fact of an epoch of the feed as bytes, for hashing: an array of bytea in the format that transfer_bytes describes, first the text
feed_epoch. Numbers are of eight bytes, big-endian. The order is for ever.$$;

revoke all on function ledger_private.feed_epoch_bytes(ledger.feed_epochs) from public;
grant execute on function ledger_private.feed_epoch_bytes(ledger.feed_epochs) to wallet_auditor;
--! EndIncluded functions/ledger_private/feed_epoch_bytes.sql
--! Included functions/ledger_private/sides.sql
create or replace function ledger_private.sides(transfer ledger.transfers, entry ledger.entries, other_entry ledger.entries)
returns ledger.transfers
language plpgsql
immutable
as $$
begin
  if entry.side = 'debit' then
    transfer.debit_wallet_id := entry.wallet_id;
    transfer.debit_seq := entry.seq;
    transfer.credit_wallet_id := other_entry.wallet_id;
    transfer.credit_seq := other_entry.seq;
  else
    transfer.debit_wallet_id := other_entry.wallet_id;
    transfer.debit_seq := other_entry.seq;
    transfer.credit_wallet_id := entry.wallet_id;
    transfer.credit_seq := entry.seq;
  end if;
  transfer.created_at := entry.created_at;
  return transfer;
end
$$;

comment on function ledger_private.sides(ledger.transfers, ledger.entries, ledger.entries) is
$$A movement with its sides, from the acting wallet's entry and the other's (null if it has none), and its time: that of the first.$$;

revoke all on function ledger_private.sides(ledger.transfers, ledger.entries, ledger.entries) from public;
--! EndIncluded functions/ledger_private/sides.sql
--! Included functions/ledger_private/seal.sql
create or replace function ledger_private.seal(
  transfer ledger.transfers,
  entry ledger.entries,
  other_entry ledger.entries
)
returns ledger_private.sealed
language plpgsql
stable
as $$
declare
  v_bytes bytea;
begin
  transfer := ledger_private.sides(transfer, entry, other_entry);
  transfer.xid := pg_current_xact_id();
  v_bytes := ledger_private.transfer_bytes(transfer);
  entry.hash := ledger_private.link_hash(entry, v_bytes);
  if other_entry.wallet_id is not null then
    other_entry.hash := ledger_private.link_hash(other_entry, v_bytes);
  end if;
  return row(transfer, entry, other_entry);
end
$$;

comment on function ledger_private.seal(ledger.transfers, ledger.entries, ledger.entries) is
$$A movement as it will be written: its sides from the acting wallet's entry and the other's (null if it has none), its time that of the first,
its place in the feed, and both entries with their own hashes. These come in as the hashes of the heads that they follow.$$;

revoke all on function ledger_private.seal(ledger.transfers, ledger.entries, ledger.entries) from public;
--! EndIncluded functions/ledger_private/seal.sql

-- Reading the log, now and then
--! Included functions/ledger_private/head.sql
create or replace function ledger_private.head(wallet_id uuid)
returns setof ledger.entries
language sql
stable
rows 1
as $$
  select e.* from ledger.entries e where e.wallet_id = head.wallet_id order by e.seq desc limit 1
$$;

comment on function ledger_private.head(uuid) is 'The wallet''s newest entry: what it has. No row for a wallet without entries.';

revoke all on function ledger_private.head(uuid) from public;
grant execute on function ledger_private.head(uuid) to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/head.sql
--! Included functions/ledger_private/seq_at.sql
create or replace function ledger_private.seq_at(wallet_id uuid, at_time timestamptz)
returns bigint
language plpgsql
stable
as $$
declare
  -- Everything up to and including v_low was booked by then, everything from v_high on later.
  v_low bigint := 0;
  v_high bigint;
  v_middle bigint;
  v_time timestamptz;
begin
  if at_time is null then
    return null;
  end if;
  select e.seq, e.created_at into v_high, v_time
    from ledger.entries e
    where e.wallet_id = seq_at.wallet_id
    order by e.seq desc
    limit 1;
  if not found or v_time <= at_time then
    return coalesce(v_high, 0);
  end if;
  while v_high - v_low > 1 loop
    v_middle := (v_low + v_high) / 2;
    select e.created_at into v_time from ledger.entries e where e.wallet_id = seq_at.wallet_id and e.seq = v_middle;
    if v_time <= at_time then
      v_low := v_middle;
    else
      v_high := v_middle;
    end if;
  end loop;
  return v_low;
end
$$;

comment on function ledger_private.seq_at(uuid, timestamptz) is
$$The number of a wallet's newest entry booked at or before a time; 0 where there is none or the caller may not see the wallet. A
wallet's time never runs backwards and its numbers have no gaps, so this is a binary search over the primary key: some 20 look-ups
in a million entries.$$;

revoke all on function ledger_private.seq_at(uuid, timestamptz) from public;
grant execute on function ledger_private.seq_at(uuid, timestamptz)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/seq_at.sql
--! Included functions/ledger_private/seq_before.sql
create or replace function ledger_private.seq_before(wallet_id uuid, at_time timestamptz)
returns bigint
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  -- A microsecond is the least by which two times differ.
  select ledger_private.seq_at(wallet_id, at_time - interval '1 microsecond')
$$;

comment on function ledger_private.seq_before(uuid, timestamptz) is
'The number of a wallet''s newest entry booked before a time; 0 where there is none. See seq_at.';

revoke all on function ledger_private.seq_before(uuid, timestamptz) from public;
grant execute on function ledger_private.seq_before(uuid, timestamptz)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/seq_before.sql
--! Included functions/ledger_private/entry_at.sql
create or replace function ledger_private.entry_at(wallet_id uuid, at_time timestamptz)
returns ledger.entries
language sql
stable
as $$
  select e
  from ledger.entries e
  where e.wallet_id = entry_at.wallet_id
    and e.seq = ledger_private.seq_at(entry_at.wallet_id, entry_at.at_time)
$$;

comment on function ledger_private.entry_at(uuid, timestamptz) is
  'The wallet''s newest entry at or before an instant: its balances were the wallet''s then. Null where there is none.';

revoke all on function ledger_private.entry_at(uuid, timestamptz) from public;
grant execute on function ledger_private.entry_at(uuid, timestamptz)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/entry_at.sql
--! Included functions/ledger_private/lot_at.sql
create or replace function ledger_private.lot_at(lot ledger.bonus_lots, seq bigint)
returns table (balance bigint, held_balance bigint)
language sql
stable
begin atomic
  select coalesce(d.balance, lot.amount), coalesce(d.held_balance, 0)
  from (select) as one
  left join lateral (
    select d.balance, d.held_balance
    from ledger.bonus_lot_draws d
    where d.wallet_id = lot.wallet_id and d.lot_seq = lot.seq and d.expires_at = lot.expires_at and d.seq <= lot_at.seq
    order by d.seq desc
    limit 1
  ) d on true;
end;

comment on function ledger_private.lot_at(ledger.bonus_lots, bigint) is
  'What was left in a lot, and how much of that was reserved, as the wallet''s entry of this number left it.';

revoke all on function ledger_private.lot_at(ledger.bonus_lots, bigint) from public;
grant execute on function ledger_private.lot_at(ledger.bonus_lots, bigint)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/lot_at.sql
--! Included functions/ledger_private/due_holds.sql
create or replace function ledger_private.due_holds(head ledger.entries, at_time timestamptz)
returns setof ledger.holds
language sql
stable
as $$
  -- Whatever had fallen due by the newest entry was booked before it. So only holds that fell due since can be open.
  select h.*
  from ledger.holds h
  where h.wallet_id = head.wallet_id
    and h.expires_at > head.created_at
    and h.expires_at <= due_holds.at_time
    and h.seq <= head.seq
    -- One look-up for each: joined, all movements that the wallet ever had may be read.
    and (
      select t.id from ledger.transfers t
      where t.wallet_id = h.wallet_id and t.hold_id = h.id and t.kind <> 'hold'
        and case t.kind when 'capture' then t.debit_seq else t.credit_seq end <= head.seq
      limit 1
    ) is null
$$;

comment on function ledger_private.due_holds(ledger.entries, timestamptz) is
$$Holds that had expired by an instant and that the wallet's newest entry then had not yet freed: they are void, but what they reserve is still
in that entry's held balance.$$;

revoke all on function ledger_private.due_holds(ledger.entries, timestamptz) from public;
grant execute on function ledger_private.due_holds(ledger.entries, timestamptz)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/due_holds.sql
--! Included functions/ledger_private/available_at.sql
create or replace function ledger_private.available_at(head ledger.entries, at_time timestamptz)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_available bigint := head.balance - head.held_balance;
begin
  -- What a due hold reserves is free again, unless it has expired too.
  if head.held_balance > 0 then
    v_available := v_available + (
      select coalesce(sum(h.amount - d.expired), 0)
      from ledger_private.due_holds(head, at_time) h
      cross join lateral (
        select coalesce(sum(d.held_amount), 0) as expired
        from ledger.bonus_lot_draws d
        where d.seq = h.seq and d.wallet_id = h.wallet_id and d.expires_at <= available_at.at_time
      ) d);
  end if;
  -- Whatever had fallen due by the newest entry was booked before it. So only lots that fell due since can be left.
  if head.bonus_balance > 0 then
    v_available := v_available - (
      select coalesce(sum(s.balance - s.held_balance), 0)
      from ledger.bonus_lots l
      cross join lateral ledger_private.lot_at(l, head.seq) s
      where l.wallet_id = head.wallet_id
        and l.expires_at > head.created_at
        and l.expires_at <= available_at.at_time
        and l.seq <= head.seq);
  end if;
  return v_available;
end
$$;

comment on function ledger_private.available_at(ledger.entries, timestamptz) is
$$What could be spent of a wallet at an instant, in minor units, from the newest entry that it had then: the balance less what open holds reserve
and less bonus credits that have expired. What is due counts at once, whether it is booked or not. Null without an entry.$$;

revoke all on function ledger_private.available_at(ledger.entries, timestamptz) from public;
grant execute on function ledger_private.available_at(ledger.entries, timestamptz)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/available_at.sql
--! Included functions/ledger_private/balance_of.sql
create or replace function ledger_private.balance_of(head ledger.entries, at_time timestamptz)
returns ledger.wallet_balance
language plpgsql
stable
as $$
begin
  return row(
    coalesce(head.balance, 0), coalesce(head.bonus_balance, 0), coalesce(head.held_balance, 0),
    coalesce(ledger_private.available_at(head, at_time), 0), coalesce(head.seq, 0), at_time
  )::ledger.wallet_balance;
end
$$;

comment on function ledger_private.balance_of(ledger.entries, timestamptz) is
  'A wallet''s balances at an instant, from the newest entry that it had then.';

revoke all on function ledger_private.balance_of(ledger.entries, timestamptz) from public;
grant execute on function ledger_private.balance_of(ledger.entries, timestamptz)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/balance_of.sql
--! Included functions/ledger_private/held_bonus.sql
create or replace function ledger_private.held_bonus(head ledger.entries)
returns bigint
language plpgsql
stable
as $$
declare
  v_held numeric;
  v_bonus bigint;
begin
  if head.held_balance is null or head.held_balance = 0 then
    return 0;
  end if;
  select coalesce(sum(h.amount), 0), coalesce(sum(h.bonus_amount), 0) into v_held, v_bonus
    from ledger_private.open_holds o
    -- One look-up for each: joined, all holds that the wallet ever had are read.
    cross join lateral (
      select n.amount, n.bonus_amount from ledger.holds n where n.wallet_id = o.wallet_id and n.id = o.hold_id limit 1
    ) h
    where o.wallet_id = head.wallet_id;
  -- The list of open holds is an index, not the truth: where it does not add up to the log, nothing may be built on it.
  if v_held <> head.held_balance then
    raise exception using errcode = 'data_corrupted', message = format('the open holds of wallet %s do not add up', head.wallet_id),
      hint = 'Run ledger_verify() for the wallet.';
  end if;
  return v_bonus;
end
$$;

comment on function ledger_private.held_bonus(ledger.entries) is
  'How much of a wallet''s reserved credits are bonus credits, as its newest entry left it.';

revoke all on function ledger_private.held_bonus(ledger.entries) from public;
grant execute on function ledger_private.held_bonus(ledger.entries)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/held_bonus.sql
--! Included functions/ledger_private/free_part.sql
create or replace function ledger_private.free_part(
  head ledger.entries,
  held_bonus bigint,
  source text,
  lot_seq bigint,
  expires_at timestamptz
)
returns bigint
language sql
stable
as $$
  select case source
    when 'paid' then head.balance - head.bonus_balance - (head.held_balance - held_bonus)
    when 'bonus' then head.bonus_balance - held_bonus - (
      select coalesce(sum(s.balance - s.held_balance), 0)::bigint
      from ledger_private.open_lots o
      join ledger.bonus_lots l on l.wallet_id = o.wallet_id and l.seq = o.lot_seq and l.expires_at = o.expires_at
      cross join lateral ledger_private.lot_at(l, head.seq) s
      where o.wallet_id = head.wallet_id)
    else (
      select s.balance - s.held_balance
      from ledger.bonus_lots l
      cross join lateral ledger_private.lot_at(l, head.seq) s
      where l.wallet_id = head.wallet_id and l.seq = free_part.lot_seq and l.expires_at = free_part.expires_at)
  end
$$;

comment on function ledger_private.free_part(ledger.entries, bigint, text, bigint, timestamptz) is
$$What of a wallet's credits of one source is not reserved: paid credits, bonus credits that do not expire (source bonus), or those of one lot.
Nothing is due in the wallet; held_bonus is what of its bonus credits is reserved.$$;

revoke all on function ledger_private.free_part(ledger.entries, bigint, text, bigint, timestamptz) from public;
grant execute on function ledger_private.free_part(ledger.entries, bigint, text, bigint, timestamptz)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/free_part.sql
--! Included functions/ledger_private/first_expiry.sql
create or replace function ledger_private.first_expiry(head ledger.entries)
returns timestamptz
language plpgsql
stable
-- A plan that was made while the list was small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_expiry timestamptz;
begin
  if head.held_balance > 0 then
    -- What is reserved may fall due too, and then what it pins.
    return '-infinity';
  end if;
  if head.bonus_balance > 0 then
    select o.expires_at into v_expiry
      from ledger_private.open_lots o
      where o.wallet_id = head.wallet_id and o.due_at is not distinct from o.expires_at
      order by o.expires_at, o.lot_seq
      limit 1;
    if v_expiry <= head.created_at then
      -- By the wallet's own time, which may be ahead.
      return '-infinity';
    end if;
  end if;
  return v_expiry;
end
$$;

comment on function ledger_private.first_expiry(ledger.entries) is
$$When the first of a wallet's bonus credits expires, or -infinity where something may be due at any time; null where none expires. Cheap where
nobody knows of expiring credits.$$;

revoke all on function ledger_private.first_expiry(ledger.entries) from public;
--! EndIncluded functions/ledger_private/first_expiry.sql
--! Included functions/ledger_private/bonus_part.sql
create or replace function ledger_private.bonus_part(kind ledger.transfer_kind, amount bigint, free_bonus bigint)
returns bigint
language sql
immutable
as $$
  select case kind when 'bonus' then amount when 'top_up' then 0 else least(amount, coalesce(free_bonus, 0)) end
$$;

comment on function ledger_private.bonus_part(ledger.transfer_kind, bigint, bigint) is
$$How much of a top-up, bonus, spend or transfer is bonus credits: what leaves a wallet are bonus credits first, as far as they are not reserved.$$;

revoke all on function ledger_private.bonus_part(ledger.transfer_kind, bigint, bigint) from public;
--! EndIncluded functions/ledger_private/bonus_part.sql
--! Included functions/ledger_private/closing_status.sql
create or replace function ledger_private.closing_status(closing ledger.transfers)
returns ledger.hold_status
language sql
immutable
return (case
  when closing.id is null then 'open'
  when closing.kind = 'capture' then 'captured'
  -- Nobody asked for it.
  when closing.idem_key is null then 'expired'
  else 'released'
end)::ledger.hold_status;

comment on function ledger_private.closing_status(ledger.transfers) is
  'What the movement that ended a hold made of it; open where there is none.';

revoke all on function ledger_private.closing_status(ledger.transfers) from public;
grant execute on function ledger_private.closing_status(ledger.transfers)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/closing_status.sql
--! Included functions/ledger_private/counterparty.sql
create or replace function ledger_private.counterparty(
  entry ledger.entries,
  transfer ledger.transfers,
  reversed_kind ledger.transfer_kind
)
returns text
language sql
stable
return case
  when entry.kind = 'reversal' and reversed_kind is null then null
  -- Only players' wallets act. The house is named by its account; which stripe of it took part is nobody's concern.
  when entry.wallet_id = transfer.wallet_id
    and ledger_private.house_account(coalesce(reversed_kind, entry.kind)) is not null
    then ledger_private.house_account(coalesce(reversed_kind, entry.kind))::text
  when entry.side = 'debit' then transfer.credit_wallet_id::text
  else transfer.debit_wallet_id::text end;

comment on function ledger_private.counterparty(ledger.entries, ledger.transfers, ledger.transfer_kind) is
'The other side of an entry: the house''s account or a wallet''s id. Its transfer is null where the caller may not see it; of a reversal,
reversed_kind is the kind of the transfer that it reverses.';

revoke all on function ledger_private.counterparty(ledger.entries, ledger.transfers, ledger.transfer_kind) from public;
grant execute on function ledger_private.counterparty(ledger.entries, ledger.transfers, ledger.transfer_kind)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/counterparty.sql

-- Checks, in the documented order of refusals
--! Included functions/ledger_private/check_request.sql
create or replace function ledger_private.check_request(
  kind ledger.transfer_kind,
  wallet_id uuid,
  counterparty_id uuid,
  hold_id uuid,
  reverses uuid,
  amount bigint,
  idem_key text,
  expires_at timestamptz,
  metadata jsonb
)
returns boolean
language plpgsql
immutable
as $$
declare
  v_broken text;
begin
  -- Rule by rule, what a usual call never comes to left out: each operator of an expression is set up anew in each transaction.
  if amount is null and (kind is null or kind not in ('capture', 'release', 'reversal')) then
    v_broken := 'amount';
  elsif amount not between 1 and 1000000000000000 then
    v_broken := 'amount';
  elsif kind is null then
    v_broken := 'kind';
  elsif wallet_id is null then
    v_broken := case kind when 'transfer' then 'from_wallet' else 'wallet_id' end;
  elsif (kind = 'transfer') <> (counterparty_id is not null) then
    v_broken := case kind when 'transfer' then 'to_wallet' else 'counterparty_id' end;
  elsif hold_id is null and kind in ('capture', 'release') then
    v_broken := 'hold_id';
  elsif reverses is null and kind = 'reversal' then
    v_broken := 'transfer_id';
  elsif ledger_private.is_key(idem_key) is not true then
    v_broken := 'idem_key';
  elsif expires_at is not null then
    if not isfinite(expires_at) or kind not in ('bonus', 'hold') then
      v_broken := 'expires_at';
    end if;
  end if;
  if v_broken is null and metadata is distinct from '{}' then
    if metadata is null or jsonb_typeof(metadata) <> 'object' or octet_length(metadata::text) > 8192 then
      v_broken := 'metadata';
    end if;
  end if;
  if v_broken is null and counterparty_id is not null then
    if wallet_id = counterparty_id then
      v_broken := 'same';
    end if;
  end if;
  if v_broken is not null then
    perform ledger_private.refuse_request(v_broken, wallet_id, amount);
  end if;
  return true;
end
$$;

comment on function ledger_private.check_request(
  ledger.transfer_kind, uuid, uuid, uuid, uuid, bigint, text, timestamptz, jsonb
) is
$$True, or refuses a request that could not be right whatever the ledger holds: WLAMT, then WLARG, then WLSLF.$$;

revoke all on function ledger_private.check_request(
  ledger.transfer_kind, uuid, uuid, uuid, uuid, bigint, text, timestamptz, jsonb
) from public;
--! EndIncluded functions/ledger_private/check_request.sql
--! Included functions/ledger_private/check_snapshot.sql
create or replace function ledger_private.check_snapshot(wallet_ids uuid[])
returns void
language plpgsql
volatile
as $$
declare
  v_written int;
begin
  if current_setting('transaction_isolation') = 'read committed' then
    return;
  end if;
  -- Above READ COMMITTED the log may be older than the locks. An empty entry after each head finds out: PostgreSQL answers
  -- 40001 where another transaction has written that entry. The exception takes the empty ones back.
  begin
    perform set_config('ledger.posting', 'on', true);
    insert into ledger.entries
      select w.id, coalesce((select max(e.seq) from ledger.entries e where e.wallet_id = w.id), 0) + 1,
          uuidv7(), 'hold', 'debit', 0, 0, 0, 0, 0, 0, 0, 0, 0, '', clock_timestamp()
        from unnest(wallet_ids) w (id)
        where w.id is not null
      on conflict on constraint entries_pkey do nothing;
    get diagnostics v_written = row_count;
    if v_written < cardinality(array_remove(wallet_ids, null)) then
      perform ledger_private.refuse_stale();
    end if;
    raise exception using errcode = 'raise_exception', message = 'the snapshot is not stale';
  exception when raise_exception then
    return;
  end;
end
$$;

comment on function ledger_private.check_snapshot(uuid[]) is
$$To be called with the locked wallets before a refusal that depends on what was booked before: above READ COMMITTED it turns a
refusal out of an old snapshot into 40001. Leaves nothing behind.$$;

revoke all on function ledger_private.check_snapshot(uuid[]) from public;
--! EndIncluded functions/ledger_private/check_snapshot.sql
--! Included functions/ledger_private/check_expiry.sql
create or replace function ledger_private.check_expiry(wallet_id uuid, expires_at timestamptz, at_time timestamptz)
returns void
language plpgsql
volatile
as $$
begin
  if expires_at <= at_time then
    perform ledger_private.check_snapshot(array[wallet_id]);
    perform ledger_private.refuse_argument('expires_at', 'Send an instant after now, or leave it out.',
      jsonb_build_object('expires_at', ledger_private.in_utc(expires_at), 'now', ledger_private.in_utc(at_time)));
  end if;
end
$$;

comment on function ledger_private.check_expiry(uuid, timestamptz, timestamptz) is
$$Refuses with WLARG an expiry that is not after a wallet's now. Called after the key has been looked up, because it changes with time: a
late retry still gets its receipt.$$;

revoke all on function ledger_private.check_expiry(uuid, timestamptz, timestamptz) from public;
--! EndIncluded functions/ledger_private/check_expiry.sql
--! Included functions/ledger_private/receipt.sql
create or replace function ledger_private.receipt(
  transfer ledger.transfers,
  entry ledger.entries,
  replayed boolean
)
returns ledger.receipt
language sql
immutable
as $$
  select row(
    transfer.id, entry.wallet_id, entry.seq, transfer.kind, transfer.amount, transfer.bonus_amount,
    entry.balance, entry.bonus_balance, entry.held_balance, entry.balance - entry.held_balance,
    transfer.hold_id, replayed, entry.created_at
  )::ledger.receipt
$$;

comment on function ledger_private.receipt(ledger.transfers, ledger.entries, boolean) is
  'The receipt of a transfer, from it and the acting wallet''s entry.';

revoke all on function ledger_private.receipt(ledger.transfers, ledger.entries, boolean) from public;
--! EndIncluded functions/ledger_private/receipt.sql
--! Included functions/ledger_private/settled_receipt.sql
create or replace function ledger_private.settled_receipt(
  transfer ledger.transfers,
  entry ledger.entries,
  replayed boolean
)
returns ledger.receipt
language plpgsql
stable
-- A plan that was made while the table was small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_receipt ledger.receipt := ledger_private.receipt(transfer, entry, replayed);
begin
  if entry.bonus_balance > 0 then
    -- Everything else that had expired by then was booked before this entry.
    v_receipt.available := v_receipt.available - (
      select coalesce(sum(d.balance - d.held_balance), 0)
      from ledger.bonus_lot_draws d
      where d.seq = entry.seq and d.wallet_id = entry.wallet_id and d.expires_at <= entry.created_at);
  end if;
  return v_receipt;
end
$$;

comment on function ledger_private.settled_receipt(ledger.transfers, ledger.entries, boolean) is
$$The receipt of a movement that may have given credits back to lots which had expired by then: the same transaction books these to breakage
with the next entry, so they are not available. Its balances are those of the movement's own entry.$$;

revoke all on function ledger_private.settled_receipt(ledger.transfers, ledger.entries, boolean) from public;
--! EndIncluded functions/ledger_private/settled_receipt.sql
--! Included functions/ledger_private/check_replay.sql
create or replace function ledger_private.check_replay(first ledger.transfers, request ledger.transfers)
returns void
language plpgsql
stable
as $$
declare
  v_field text;
  v_first text;
  v_again text;
begin
  select d.field, d.first, d.again into v_field, v_first, v_again
    from (values
      (1, 'kind', first.kind::text, request.kind::text),
      (2, 'to_wallet', case first.kind when 'transfer' then first.credit_wallet_id::text end, request.credit_wallet_id::text),
      -- A hold's own id is not asked for but given.
      (3, 'hold_id', case when first.kind <> 'hold' then first.hold_id::text end, request.hold_id::text),
      (4, 'transfer_id', first.reverses::text, request.reverses::text),
      (5, 'amount', first.requested_amount::text, request.requested_amount::text),
      (6, 'expires_at', ledger_private.in_utc(first.expires_at) #>> '{}', ledger_private.in_utc(request.expires_at) #>> '{}'),
      (7, 'metadata', first.metadata::text, request.metadata::text)
    ) as d (position, field, first, again)
    where d.first is distinct from d.again
    order by d.position
    limit 1;
  if found then
    perform ledger_private.refuse('WLKEY',
      format('idempotency key reused: %s differs from the first request', v_field),
      jsonb_build_object(
        'wallet_id', first.wallet_id, 'idem_key', first.idem_key, 'transfer_id', first.id,
        'field', v_field, 'first', v_first, 'again', v_again),
      'Send a new key for a new request, or the first request unchanged for its receipt.');
  end if;
end
$$;

comment on function ledger_private.check_replay(ledger.transfers, ledger.transfers) is
$$Refuses with WLKEY a request that is not the one which its key was first used for, naming the first field that differs and both its
values. Who called is not compared.$$;

revoke all on function ledger_private.check_replay(ledger.transfers, ledger.transfers) from public;
--! EndIncluded functions/ledger_private/check_replay.sql
--! Included functions/ledger_private/replay.sql
create or replace function ledger_private.replay(request ledger.transfers)
returns ledger.receipt
language plpgsql
stable
as $$
declare
  v_first ledger.transfers;
  v_entry ledger.entries;
begin
  select t.* into strict v_first from ledger.transfers t where t.wallet_id = request.wallet_id and t.idem_key = request.idem_key;
  perform ledger_private.check_replay(v_first, request);
  select e.* into strict v_entry
    from ledger.entries e
    where e.wallet_id = v_first.wallet_id
      and e.seq = case when v_first.debit_wallet_id = v_first.wallet_id then v_first.debit_seq else v_first.credit_seq end;
  return ledger_private.settled_receipt(v_first, v_entry, true);
end
$$;

comment on function ledger_private.replay(ledger.transfers) is
  'The receipt of the first request with this one''s key, with the balances of then; or WLKEY where the two differ.';

revoke all on function ledger_private.replay(ledger.transfers) from public;
--! EndIncluded functions/ledger_private/replay.sql
--! Included functions/ledger_private/check_status.sql
create or replace function ledger_private.check_status(wallet ledger.wallets, leaving boolean, facts jsonb default '{}')
returns void
language plpgsql
immutable
as $$
begin
  if wallet.status = 'closed' then
    perform ledger_private.refuse('WLCLS',
      format('wallet closed: %s', wallet.id),
      jsonb_build_object('wallet_id', wallet.id) || facts, 'An operator can reopen the wallet.');
  end if;
  if wallet.status = 'frozen' and leaving then
    perform ledger_private.refuse('WLFRZ',
      format('wallet frozen: %s', wallet.id),
      jsonb_build_object('wallet_id', wallet.id) || facts, 'No credits leave a frozen wallet; an operator can reopen it.');
  end if;
end
$$;

comment on function ledger_private.check_status(ledger.wallets, boolean, jsonb) is
$$Refuses what the wallet's status does not allow: WLCLS for a closed wallet, WLFRZ for credits leaving a frozen
one. facts are added to the detail.$$;

revoke all on function ledger_private.check_status(ledger.wallets, boolean, jsonb) from public;
--! EndIncluded functions/ledger_private/check_status.sql
--! Included functions/ledger_private/check_limits.sql
create or replace function ledger_private.check_limits(limits ledger.asset_limits, entry ledger.entries, day_before ledger.entries)
returns void
language plpgsql
volatile
as $$
declare
  v_name text;
  v_max bigint;
  v_used numeric;
begin
  -- Totals run through the log: what the last 24 hours added is this entry's less those of the newest entry before them.
  select l.name, l.max, l.used into v_name, v_max, v_used
    from (values
      ('max_spend', array['spend', 'capture'], limits.max_spend, 0),
      ('max_balance', array['top_up', 'bonus', 'transfer'], limits.max_balance,
        case when entry.side = 'credit' then entry.balance::numeric - entry.amount end),
      ('max_daily_top_up', array['top_up'], limits.max_daily_top_up,
        entry.topped_up_total::numeric - entry.amount - coalesce(day_before.topped_up_total, 0)),
      ('max_daily_bonus', array['bonus'], limits.max_daily_bonus,
        entry.granted_total::numeric - entry.amount - coalesce(day_before.granted_total, 0)),
      ('max_daily_spend', array['spend', 'capture'], limits.max_daily_spend,
        entry.spent_total::numeric - entry.amount - coalesce(day_before.spent_total, 0))
    ) as l (name, kinds, max, used)
    where entry.kind::text = any (l.kinds) and l.used + entry.amount > l.max
    limit 1;
  if found then
    perform ledger_private.check_snapshot(array[entry.wallet_id]);
    perform ledger_private.refuse_limit(entry.wallet_id, v_name, v_max, v_used);
  end if;
end
$$;

comment on function ledger_private.check_limits(ledger.asset_limits, ledger.entries, ledger.entries) is
$$Refuses with WLLIM a player's entry, not yet written, that would go above a limit of the asset: the largest spend, the largest balance,
or the largest total of 24 hours, which day_before, the wallet's newest entry before them, tells. Reversals give back and are not limited.$$;

revoke all on function ledger_private.check_limits(ledger.asset_limits, ledger.entries, ledger.entries) from public;
--! EndIncluded functions/ledger_private/check_limits.sql
--! Included functions/ledger_private/check_own_limits.sql
create or replace function ledger_private.check_own_limits(wallet ledger.wallets, entry ledger.entries)
returns void
language plpgsql
volatile
as $$
declare
  v_limits ledger.asset_limits;
begin
  if greatest(entry.balance, entry.topped_up_total, entry.granted_total, entry.spent_total) > 9000000000000000000 then
    perform ledger_private.check_snapshot(array[entry.wallet_id]);
    perform ledger_private.refuse_overflow(entry);
  end if;
  select l.* into v_limits from ledger.asset_limits l where l.asset_code = wallet.asset_code order by l.seq desc limit 1;
  if found then
    perform ledger_private.check_limits(
      v_limits, entry, ledger_private.entry_at(entry.wallet_id, entry.created_at - interval '24 hours'));
  end if;
end
$$;

comment on function ledger_private.check_own_limits(ledger.wallets, ledger.entries) is
  'Refuses with WLLIM an entry of a player''s wallet, not yet written, above what the ledger counts to or a limit of the asset.';

revoke all on function ledger_private.check_own_limits(ledger.wallets, ledger.entries) from public;
--! EndIncluded functions/ledger_private/check_own_limits.sql

-- Entries made and rows written
--! Included functions/ledger_private/next_entry.sql
create or replace function ledger_private.next_entry(
  wallet ledger.wallets,
  head ledger.entries,
  side ledger.entry_side,
  transfer_id uuid,
  kind ledger.transfer_kind,
  amount bigint,
  bonus_amount bigint,
  held_amount bigint,
  at_time timestamptz
)
returns ledger.entries
language plpgsql
immutable
as $$
declare
  v_entry ledger.entries := head;
begin
  -- Field by field: one expression for all of them takes twice as long to set up, and that is done anew in each transaction.
  if v_entry.seq is null then
    v_entry := row(wallet.id, 0, null, null, null, 0, 0, 0, 0, 0, 0, 0, 0, 0, null, at_time);
  end if;
  v_entry.seq := v_entry.seq + 1;
  v_entry.transfer_id := transfer_id;
  v_entry.kind := kind;
  v_entry.side := side;
  v_entry.amount := amount;
  v_entry.bonus_amount := bonus_amount;
  v_entry.held_amount := held_amount;
  v_entry.held_balance := v_entry.held_balance + held_amount;
  if side = wallet.normal_side then
    v_entry.balance := v_entry.balance + amount;
    v_entry.bonus_balance := v_entry.bonus_balance + bonus_amount;
  else
    v_entry.balance := v_entry.balance - amount;
    v_entry.bonus_balance := v_entry.bonus_balance - bonus_amount;
  end if;
  if kind in ('spend', 'capture') then
    v_entry.spent_total := v_entry.spent_total + amount;
  elsif kind = 'top_up' then
    v_entry.topped_up_total := v_entry.topped_up_total + amount;
  elsif kind = 'bonus' then
    v_entry.granted_total := v_entry.granted_total + amount;
  end if;
  -- A wallet's time never runs backwards, even if the server's clock does.
  if at_time > v_entry.created_at then
    v_entry.created_at := at_time;
  end if;
  return v_entry;
end
$$;

comment on function ledger_private.next_entry(
  ledger.wallets, ledger.entries, ledger.entry_side, uuid, ledger.transfer_kind, bigint, bigint, bigint, timestamptz
) is
$$The entry that follows a wallet's head (null for a wallet without entries). Its hash is still the head's: what it will be chained to.$$;

revoke all on function ledger_private.next_entry(
  ledger.wallets, ledger.entries, ledger.entry_side, uuid, ledger.transfer_kind, bigint, bigint, bigint, timestamptz
) from public;
--! EndIncluded functions/ledger_private/next_entry.sql
--! Included functions/ledger_private/opposite_entry.sql
create or replace function ledger_private.opposite_entry(wallet ledger.wallets, entry ledger.entries, at_time timestamptz)
returns ledger.entries
language plpgsql
volatile
as $$
declare
  v_head ledger.entries;
  v_entry ledger.entries;
begin
  select e.* into v_head from ledger.entries e where e.wallet_id = wallet.id order by e.seq desc limit 1;
  v_entry := ledger_private.next_entry(wallet, v_head, case entry.side when 'debit' then 'credit'::ledger.entry_side else 'debit' end,
    entry.transfer_id, entry.kind, entry.amount, entry.bonus_amount, 0, at_time);
  if v_entry.balance > 9000000000000000000 then
    perform ledger_private.check_snapshot(array[entry.wallet_id, wallet.id]);
    perform ledger_private.refuse_overflow(v_entry);
  end if;
  return v_entry;
end
$$;

comment on function ledger_private.opposite_entry(ledger.wallets, ledger.entries, timestamptz) is
$$The entry, yet to be written, on the other side of the acting wallet's: in a wallet which is locked, a part of the house as a rule.$$;

revoke all on function ledger_private.opposite_entry(ledger.wallets, ledger.entries, timestamptz) from public;
--! EndIncluded functions/ledger_private/opposite_entry.sql
--! Included functions/ledger_private/write_all.sql
create or replace function ledger_private.write_all(transfers ledger.transfers[], entries ledger.entries[])
returns boolean
language plpgsql
volatile
as $$
declare
  v_guard text;
begin
  -- Above READ COMMITTED a head may be stale. The caller then learns that a retry will do, instead of that a key is taken.
  if current_setting('transaction_isolation') <> 'read committed' then
    perform ledger_private.check_snapshot(array(select distinct e.wallet_id from unnest(entries) e));
  end if;
  -- Opens the guard of the tables for these rows alone. (Assigned, not performed: PERFORM would run a query.)
  v_guard := set_config('ledger.posting', 'on', true);
  insert into ledger.entries select * from unnest(entries);
  insert into ledger.transfers select * from unnest(transfers);
  v_guard := set_config('ledger.posting', '', true);
  return true;
end
$$;

comment on function ledger_private.write_all(ledger.transfers[], ledger.entries[]) is
  'Writes movements, one or many, and their entries, hashes included.';

revoke all on function ledger_private.write_all(ledger.transfers[], ledger.entries[]) from public;
--! EndIncluded functions/ledger_private/write_all.sql
--! Included functions/ledger_private/write.sql
create or replace function ledger_private.write(
  transfer ledger.transfers,
  entry ledger.entries,
  other_entry ledger.entries default null
)
returns ledger_private.sealed
language plpgsql
volatile
as $$
declare
  v_sealed ledger_private.sealed := ledger_private.seal(transfer, entry, other_entry);
begin
  perform ledger_private.write_all(array[v_sealed.transfer], case
    when other_entry.wallet_id is null then array[v_sealed.entry] else array[v_sealed.entry, v_sealed.other_entry] end);
  return v_sealed;
end
$$;

comment on function ledger_private.write(ledger.transfers, ledger.entries, ledger.entries) is
  'Seals and writes a movement, the acting wallet''s entry and the other''s if it has one, and returns them as written.';

revoke all on function ledger_private.write(ledger.transfers, ledger.entries, ledger.entries) from public;
--! EndIncluded functions/ledger_private/write.sql
--! Included functions/ledger_private/write_lots.sql
create or replace function ledger_private.write_lots(lots ledger.bonus_lots[], draws ledger.bonus_lot_draws[])
returns void
language plpgsql
volatile
-- A plan for each number of rows would cost more than it gains.
set plan_cache_mode = force_generic_plan
-- Nor may one that was made while the tables were small outlive that.
set enable_seqscan = off
as $$
declare
  v_draws ledger.bonus_lot_draws[];
  v_guard text;
begin
  v_guard := set_config('ledger.posting', 'on', true);
  if cardinality(lots) > 0 then
    insert into ledger.bonus_lots select * from unnest(lots);
  end if;
  -- Before the first of them is written: looked up in between, a lot's newest would be searched for among all that went before.
  v_draws := array(
    select row(d.wallet_id, d.lot_seq, d.expires_at, d.seq, d.hold_id, d.amount, d.held_amount,
        s.balance - sum(d.amount) over earlier, s.held_balance + sum(d.held_amount) over earlier)::ledger.bonus_lot_draws
      from (
        select d.wallet_id, d.lot_seq, d.expires_at, d.seq, d.hold_id, sum(d.amount) as amount, sum(d.held_amount) as held_amount
        from unnest(draws) d
        group by d.wallet_id, d.lot_seq, d.expires_at, d.seq, d.hold_id
      ) d
      join ledger.bonus_lots l on l.wallet_id = d.wallet_id and l.seq = d.lot_seq and l.expires_at = d.expires_at
      -- As left by what was written before this call, whose own draws follow one another.
      cross join lateral ledger_private.lot_at(l, 9223372036854775807) s
      window earlier as (partition by d.wallet_id, d.lot_seq, d.expires_at order by d.seq));
  insert into ledger.bonus_lot_draws select * from unnest(v_draws);
  -- What only takes, and leaves something free, changes nothing in the list.
  if cardinality(lots) = 0
    and not exists (select from unnest(v_draws) d where d.hold_id is not null or d.amount <= 0 or d.balance = d.held_balance) then
    v_guard := set_config('ledger.posting', '', true);
    return;
  end if;

  with changed as (
    select l.wallet_id, l.seq, l.expires_at from unnest(lots) l
    union
    select d.wallet_id, d.lot_seq, d.expires_at from unnest(draws) d
  ), state as (
    select l.wallet_id, l.expires_at, l.seq, s.balance, case when s.balance > s.held_balance then l.expires_at end as due_at
      from changed
      join ledger.bonus_lots l using (wallet_id, seq, expires_at)
      cross join lateral ledger_private.lot_at(l, 9223372036854775807) s
  ), closed as (
    -- One look-up for each, whatever the list was like when it was last looked at: it is often empty, and then is not.
    select o.ctid
      from state s
      cross join lateral (
        select o.ctid from ledger_private.open_lots o
        where o.wallet_id = s.wallet_id and o.expires_at = s.expires_at and o.lot_seq = s.seq
        limit 1
      ) o
      where s.balance = 0
  ), removed as (
    delete from ledger_private.open_lots o using closed c where o.ctid = c.ctid
  )
  insert into ledger_private.open_lots as o
    select s.wallet_id, s.expires_at, s.seq, s.due_at from state s where s.balance > 0
    on conflict on constraint open_lots_pkey do update set due_at = excluded.due_at
      where o.due_at is distinct from excluded.due_at;
  v_guard := set_config('ledger.posting', '', true);
end
$$;

comment on function ledger_private.write_lots(ledger.bonus_lots[], ledger.bonus_lot_draws[]) is
$$Writes new lots and what was drawn from lots, new ones included, and keeps the list of open lots. The balances of the draws are worked out
here; they come in as null.$$;

revoke all on function ledger_private.write_lots(ledger.bonus_lots[], ledger.bonus_lot_draws[]) from public;
--! EndIncluded functions/ledger_private/write_lots.sql

-- What is due
--! Included functions/ledger_private/closing_draws.sql
create or replace function ledger_private.closing_draws(wallet_id uuid, hold_id uuid, seq bigint, bonus_amount bigint)
returns setof ledger.bonus_lot_draws
language sql
stable
as $$
  -- The earliest expiry first, as they were pinned. (Numeric sums: casts keep the row's types.)
  select p.wallet_id, p.lot_seq, p.expires_at, closing_draws.seq, p.hold_id,
    least(p.held_amount, greatest(closing_draws.bonus_amount - p.before, 0))::bigint, -p.held_amount, null::bigint, null::bigint
  from (
    select d.*, sum(d.held_amount) over (order by d.expires_at, d.lot_seq) - d.held_amount as before
    from ledger.bonus_lot_draws d
    -- No join, which may read all holds and draws that the wallet ever had.
    where d.wallet_id = closing_draws.wallet_id
      and d.seq = (select h.seq from ledger.holds h where h.wallet_id = closing_draws.wallet_id and h.id = closing_draws.hold_id)
  ) p
$$;

comment on function ledger_private.closing_draws(uuid, uuid, bigint, bigint) is
$$What the end of a hold does to the lots that it pinned: frees all of each, and takes bonus_amount out of them, the earliest expiry first. seq is
the number of the wallet's entry that ends it.$$;

revoke all on function ledger_private.closing_draws(uuid, uuid, bigint, bigint) from public;
grant execute on function ledger_private.closing_draws(uuid, uuid, bigint, bigint) to wallet_auditor;
--! EndIncluded functions/ledger_private/closing_draws.sql
--! Included functions/ledger_private/close_holds.sql
create or replace function ledger_private.close_holds(transfers ledger.transfers[], draws ledger.bonus_lot_draws[])
returns void
language plpgsql
volatile
-- A plan for each number of rows would cost more than it gains.
set plan_cache_mode = force_generic_plan
-- Nor may one that was made while the tables were small outlive that.
set enable_seqscan = off
as $$
begin
  perform set_config('ledger.posting', 'on', true);
  -- One look-up for each, whatever the list was like when it was last looked at: it is often empty, and then is not.
  delete from ledger_private.open_holds o
    using unnest(transfers) t
    cross join lateral (
      select c.ctid from ledger_private.open_holds c where c.wallet_id = t.wallet_id and c.hold_id = t.hold_id limit 1
    ) closed
    where o.ctid = closed.ctid;
  perform set_config('ledger.posting', '', true);
  if cardinality(draws) > 0 then
    perform ledger_private.write_lots('{}', draws);
  end if;
end
$$;

comment on function ledger_private.close_holds(ledger.transfers[], ledger.bonus_lot_draws[]) is
  'Takes the holds that these movements end off the list of open ones, and writes what that does to the lots which they pinned.';

revoke all on function ledger_private.close_holds(ledger.transfers[], ledger.bonus_lot_draws[]) from public;
--! EndIncluded functions/ledger_private/close_holds.sql
--! Included functions/ledger_private/has_due.sql
create or replace function ledger_private.has_due(wallet_ids uuid[], at_time timestamptz)
returns boolean
language sql
stable
-- Nor may a plan that was made while the lists were empty, and reads all of them, outlive that.
set enable_seqscan = off
as $$
  -- Written so that only an index by wallet serves: one by date looks cheaper where a list was empty when it was last analyzed.
  select exists (
    select from unnest(wallet_ids) u (wallet_id)
    cross join lateral ledger_private.head(u.wallet_id) head
    where head.held_balance > 0 and exists (select from ledger_private.open_holds o
        where o.wallet_id = u.wallet_id and coalesce(o.expires_at, 'infinity') <= greatest(at_time, head.created_at))
      or head.bonus_balance > 0 and exists (select from ledger_private.open_lots o
        where o.wallet_id = u.wallet_id and o.expires_at <= greatest(at_time, head.created_at)
          and o.due_at is not distinct from o.expires_at)
  )
$$;

comment on function ledger_private.has_due(uuid[], timestamptz) is
  'Whether any of these wallets has a hold or a lot that is due: by the clock, or by the wallet''s own time where that is ahead.';

revoke all on function ledger_private.has_due(uuid[], timestamptz) from public;
--! EndIncluded functions/ledger_private/has_due.sql
--! Included functions/ledger_private/due_lots.sql
create or replace function ledger_private.due_lots(wallet_ids uuid[], at_time timestamptz)
returns table (wallet_id uuid, asset_code text, lots ledger.bonus_lots[], free bigint)
language sql
stable
as $$
  select w.id, w.asset_code, array_agg(row(o.wallet_id, o.lot_seq, o.expires_at, s.balance - s.held_balance)::ledger.bonus_lots),
    sum(s.balance - s.held_balance)::bigint
  from unnest(wallet_ids) u (wallet_id)
  join ledger.wallets w on w.id = u.wallet_id
  cross join lateral ledger_private.head(u.wallet_id) e
  -- Compared like this, its date is not what it is looked up by (see has_due).
  join ledger_private.open_lots o on o.wallet_id = u.wallet_id and o.expires_at <= greatest(due_lots.at_time, e.created_at)
    and o.due_at is not distinct from o.expires_at
  -- One look-up for each: joined, all lots that the wallet ever had are read.
  cross join lateral (
    select n as lot from ledger.bonus_lots n where n.wallet_id = o.wallet_id and n.seq = o.lot_seq and n.expires_at = o.expires_at limit 1
  ) l
  cross join lateral ledger_private.lot_at(l.lot, 9223372036854775807) s
  group by w.id, w.asset_code
$$;

comment on function ledger_private.due_lots(uuid[], timestamptz) is
  'Of these wallets, those with lots that are due: what is free in each lot, as its amount, and in all of them.';

revoke all on function ledger_private.due_lots(uuid[], timestamptz) from public;
--! EndIncluded functions/ledger_private/due_lots.sql
--! Included functions/ledger_private/free_due_holds.sql
create or replace function ledger_private.free_due_holds(wallet_ids uuid[], at_time timestamptz)
returns void
language plpgsql
volatile
as $$
declare
  v_due record;
  v_head ledger.entries;
  v_transfer ledger.transfers;
  v_sealed ledger_private.sealed;
  v_transfers ledger.transfers[] := '{}';
  v_entries ledger.entries[] := '{}';
begin
  for v_due in
    select h.hold, w as wallet, e as head
      from unnest(wallet_ids) u (wallet_id)
      join ledger.wallets w on w.id = u.wallet_id
      cross join lateral ledger_private.head(u.wallet_id) e
      -- Compared like this, its date is not what it is looked up by (see has_due).
      join ledger_private.open_holds o on o.wallet_id = u.wallet_id and coalesce(o.expires_at, 'infinity') <= greatest(at_time, e.created_at)
      -- One look-up for each: joined, all holds that the wallet ever had are read.
      cross join lateral (select n as hold from ledger.holds n where n.wallet_id = o.wallet_id and n.id = o.hold_id limit 1) h
      order by w.id, (h.hold).expires_at, (h.hold).seq
  loop
    if v_head.wallet_id is distinct from (v_due.wallet).id then
      v_head := v_due.head;
    end if;
    v_transfer := row(uuidv7(), (v_due.wallet).id, null, 'release', null, null, null, null, null,
      (v_due.hold).amount, (v_due.hold).bonus_amount, null, (v_due.hold).id, null, '{}', ledger_private.actor(), null, null);
    v_sealed := ledger_private.seal(v_transfer, ledger_private.next_entry(
      v_due.wallet, v_head, 'credit', v_transfer.id, 'release', 0, 0, -(v_due.hold).amount, at_time), null);
    v_head := v_sealed.entry;
    v_transfers[cardinality(v_transfers) + 1] := v_sealed.transfer;
    v_entries[cardinality(v_entries) + 1] := v_head;
  end loop;
  if cardinality(v_transfers) > 0 then
    perform ledger_private.write_all(v_transfers, v_entries);
    perform ledger_private.close_holds(v_transfers, array(
      select d from unnest(v_transfers) t cross join lateral ledger_private.closing_draws(t.wallet_id, t.hold_id, t.credit_seq, 0) d));
  end if;
end
$$;

comment on function ledger_private.free_due_holds(uuid[], timestamptz) is
  'Releases the holds that are due in wallets that are locked, those due for longest first.';

revoke all on function ledger_private.free_due_holds(uuid[], timestamptz) from public;
--! EndIncluded functions/ledger_private/free_due_holds.sql
--! Included functions/ledger_private/expire_due_lots.sql
create or replace function ledger_private.expire_due_lots(wallet_ids uuid[], at_time timestamptz, house_stripe int)
returns void
language plpgsql
volatile
as $$
declare
  v_due record;
  v_house ledger.wallets;
  v_house_head ledger.entries;
  v_transfer ledger.transfers;
  v_sealed ledger_private.sealed;
  v_lot ledger.bonus_lots;
  v_transfers ledger.transfers[] := '{}';
  v_entries ledger.entries[] := '{}';
  v_draws ledger.bonus_lot_draws[] := '{}';
begin
  for v_due in
    select d.*, w as wallet, e as head, b.id as house_id
      from ledger_private.due_lots(wallet_ids, at_time) d
      join ledger.wallets w on w.id = d.wallet_id
      cross join lateral ledger_private.head(d.wallet_id) e
      join ledger.wallets b on b.asset_code = d.asset_code and b.house = 'breakage'
        and b.stripe = coalesce(house_stripe, ledger.wallet_stripe(d.wallet_id))
      order by b.id, d.wallet_id
  loop
    if v_house.id is distinct from v_due.house_id then
      select w.* into v_house from ledger.wallets w where w.id = v_due.house_id for no key update;
      select e.* into v_house_head from ledger.entries e where e.wallet_id = v_due.house_id order by e.seq desc limit 1;
    end if;
    v_transfer := row(uuidv7(), v_due.wallet_id, null, 'expiry', null, null, null, null, null, v_due.free, v_due.free, null, null, null, '{}',
      ledger_private.actor(), null, null);
    v_sealed := ledger_private.seal(v_transfer,
      ledger_private.next_entry(v_due.wallet, v_due.head, 'debit', v_transfer.id, 'expiry', v_due.free, v_due.free, 0, at_time),
      ledger_private.next_entry(v_house, v_house_head, 'credit', v_transfer.id, 'expiry', v_due.free, v_due.free, 0, at_time));
    v_house_head := v_sealed.other_entry;
    v_transfers[cardinality(v_transfers) + 1] := v_sealed.transfer;
    v_entries[cardinality(v_entries) + 1] := v_sealed.entry;
    v_entries[cardinality(v_entries) + 1] := v_house_head;
    foreach v_lot in array v_due.lots loop
      v_draws[cardinality(v_draws) + 1] :=
        row(v_lot.wallet_id, v_lot.seq, v_lot.expires_at, (v_sealed.entry).seq, null, v_lot.amount, 0, null, null)::ledger.bonus_lot_draws;
    end loop;
  end loop;
  if cardinality(v_transfers) > 0 then
    perform ledger_private.write_all(v_transfers, v_entries);
    perform ledger_private.write_lots('{}', v_draws);
  end if;
end
$$;

comment on function ledger_private.expire_due_lots(uuid[], timestamptz, int) is
$$Moves what is free in due lots to breakage, in wallets that are locked: one movement for each wallet, against its own part of breakage or the stripe
that is named, which is locked here, in the order of ids.$$;

revoke all on function ledger_private.expire_due_lots(uuid[], timestamptz, int) from public;
--! EndIncluded functions/ledger_private/expire_due_lots.sql
--! Included functions/ledger_private/settle.sql
create or replace function ledger_private.settle(wallet_ids uuid[], at_time timestamptz, house_stripe int default null)
returns boolean
language plpgsql
volatile
-- A plan for each number of wallets would cost more than it gains.
set plan_cache_mode = force_generic_plan
-- Nor may one that was made while the tables were small outlive that.
set enable_seqscan = off
as $$
begin
  if not ledger_private.has_due(wallet_ids, at_time) then
    return false;
  end if;
  -- Due holds first: what they free may have expired too.
  perform ledger_private.free_due_holds(wallet_ids, at_time);
  perform ledger_private.expire_due_lots(wallet_ids, at_time, house_stripe);
  return true;
end
$$;

comment on function ledger_private.settle(uuid[], timestamptz, int) is
$$Books what is due in wallets that are locked, and tells whether anything was: frees due holds, then moves what is free in due lots to breakage, in
each wallet's stripe or in the one that is named. A stripe of breakage is locked before any other part of the house.$$;

revoke all on function ledger_private.settle(uuid[], timestamptz, int) from public;
--! EndIncluded functions/ledger_private/settle.sql
--! Included functions/ledger_private/due_wallets.sql
create or replace function ledger_private.due_wallets(at_time timestamptz, max_wallets int, passed uuid[])
returns table (wallet_id uuid)
language sql
stable
as $$
  -- A wallet that failed waits until it is to be tried again, or the clock has been set back.
  select d.wallet_id
  from (
    (select o.wallet_id, o.expires_at as due_at from ledger_private.open_holds o
      where o.expires_at <= at_time and o.wallet_id <> all (passed) and not exists (
        select from ledger_private.unsettled_wallets u
          where u.wallet_id = o.wallet_id and at_time >= u.failed_at and at_time < u.retry_at)
      order by o.expires_at
      limit max_wallets)
    union all
    (select o.wallet_id, o.due_at from ledger_private.open_lots o
      where o.due_at <= at_time and o.wallet_id <> all (passed) and not exists (
        select from ledger_private.unsettled_wallets u
          where u.wallet_id = o.wallet_id and at_time >= u.failed_at and at_time < u.retry_at)
      order by o.due_at
      limit max_wallets)
  ) d
  group by d.wallet_id
  order by min(d.due_at)
  limit max_wallets
$$;

comment on function ledger_private.due_wallets(timestamptz, int, uuid[]) is
$$Wallets in which a hold or a lot is due, those that have been due for longest first: without those that this sweep has passed, and without those
that failed before and are not to be tried again yet.$$;

revoke all on function ledger_private.due_wallets(timestamptz, int, uuid[]) from public;
--! EndIncluded functions/ledger_private/due_wallets.sql
--! Included functions/ledger_private/still_due.sql
create or replace function ledger_private.still_due(wallet_ids uuid[], at_time timestamptz)
returns uuid[]
language sql
stable
-- Nor may a plan that was made while the lists were empty, and reads all of them, outlive that.
set enable_seqscan = off
as $$
  -- Compared like this, its date is not what a row is looked up by (see has_due).
  select array(
    select o.wallet_id from ledger_private.open_holds o
      where o.wallet_id = any (wallet_ids) and coalesce(o.expires_at, 'infinity') <= at_time
    union
    select o.wallet_id from ledger_private.open_lots o
      where o.wallet_id = any (wallet_ids) and coalesce(o.due_at, 'infinity') <= at_time
    order by 1)
$$;

comment on function ledger_private.still_due(uuid[], timestamptz) is
  'In which of these wallets something is due by the work lists, which is how due_wallets finds them; by ascending id.';

revoke all on function ledger_private.still_due(uuid[], timestamptz) from public;
--! EndIncluded functions/ledger_private/still_due.sql
--! Included functions/ledger_private/settle_each.sql
create or replace function ledger_private.settle_each(wallet_ids uuid[], at_time timestamptz)
returns setof ledger_private.failure
language plpgsql
volatile
as $$
declare
  -- Not the wallet's doing, but the session's, the server's or another transaction's: these end the sweep, and it is tried again.
  c_elsewhere constant text[] := array['08', '25', '40', '42', '53', '55', '57', '58'];
  v_half int := cardinality(wallet_ids) / 2;
  v_failure ledger_private.failure;
begin
  if cardinality(wallet_ids) = 0 then
    return;
  end if;
  begin
    perform ledger_private.settle(wallet_ids, at_time, 32);
    -- Where a work list is wrong, there may be nothing to book: that would be found again for ever.
    if cardinality(ledger_private.still_due(wallet_ids, at_time)) > 0 then
      raise exception using errcode = 'data_corrupted', message = 'what is due is not there to be booked',
        hint = 'Run ledger_verify() for the wallet.';
    end if;
    return;
  exception when others then
    if left(sqlstate, 2) = any (c_elsewhere) then
      raise;
    end if;
    v_failure.wallet_id := wallet_ids[1];
    v_failure.sqlstate := sqlstate;
  end;
  if cardinality(wallet_ids) = 1 then
    return next v_failure;
    return;
  end if;
  return query select * from ledger_private.settle_each(wallet_ids[:v_half], at_time);
  return query select * from ledger_private.settle_each(wallet_ids[v_half + 1:], at_time);
end
$$;

comment on function ledger_private.settle_each(uuid[], timestamptz) is
$$Books what is due in wallets that are locked, against the stripe for batches, and returns those where that fails, with the SQLSTATE: all at once,
and where that fails each half by itself, down to the single wallet. Passes on the errors that are not a wallet's: serialization, deadlock, lock
timeout, cancelled, shutting down, out of resources.$$;

revoke all on function ledger_private.settle_each(uuid[], timestamptz) from public;
--! EndIncluded functions/ledger_private/settle_each.sql
--! Included functions/ledger_private/sweep.sql
create or replace function ledger_private.sweep(wallet_ids uuid[], at_time timestamptz)
returns ledger_private.swept
language plpgsql
volatile
as $$
declare
  v_due uuid[];
  v_swept ledger_private.swept;
begin
  -- Like a batch: the house's stripe for batches first, so that no single call waits for it, then the players.
  perform from ledger.wallets w
    where w.house = 'breakage' and w.stripe = 32
      and w.asset_code in (select p.asset_code from ledger.wallets p where p.id = any (wallet_ids))
    order by w.id
    for no key update;
  -- Who is at work on a wallet books what is due there.
  v_due := array(
    select w.id from ledger.wallets w where w.id = any (wallet_ids) order by w.id for no key update skip locked);
  -- Another sweep may have been first.
  v_due := ledger_private.still_due(v_due, at_time);
  v_swept.failures := array(select f from ledger_private.settle_each(v_due, at_time) f);
  v_swept.settled := cardinality(v_due) - cardinality(v_swept.failures);
  if v_swept.settled = 0 then
    raise exception using errcode = 'raise_exception', message = 'nothing was settled';
  end if;
  return v_swept;
exception when raise_exception then
  -- Gives the locks back: who goes on from here takes the house's before players' again.
  return v_swept;
end
$$;

comment on function ledger_private.sweep(uuid[], timestamptz) is
$$Books what is due in these wallets and says how many it settled and which failed. Passes those that others are at work on. Where it settles
none, it keeps no lock.$$;

revoke all on function ledger_private.sweep(uuid[], timestamptz) from public;
--! EndIncluded functions/ledger_private/sweep.sql
--! Included functions/ledger_private/note_failures.sql
create or replace function ledger_private.note_failures(failures ledger_private.failure[], at_time timestamptz)
returns void
language plpgsql
volatile
as $$
declare
  v_guard text := set_config('ledger.posting', 'on', true);
begin
  -- Settled meanwhile, by this sweep or by a call. What another sweep is at work on is for that one.
  with settled as (
    select u.wallet_id
      from ledger_private.unsettled_wallets u
      where not (at_time >= u.failed_at and at_time < u.retry_at)
        and cardinality(ledger_private.still_due(array[u.wallet_id], at_time)) = 0
      for update skip locked
  )
  delete from ledger_private.unsettled_wallets u using settled s where u.wallet_id = s.wallet_id;

  -- In the order of ids, so that two sweeps cannot wait for each other.
  insert into ledger_private.unsettled_wallets as u (wallet_id, sqlstate, failures, first_failed_at, failed_at, retry_at)
    select f.wallet_id, f.sqlstate, 1, at_time, at_time, at_time + interval '1 minute'
      from unnest(failures) f
      order by f.wallet_id
    on conflict on constraint unsettled_wallets_pkey do update
      set sqlstate = excluded.sqlstate, failures = u.failures + 1, failed_at = excluded.failed_at,
        retry_at = excluded.failed_at + least(interval '1 hour', interval '1 minute' * 2 ^ least(u.failures, 6));
  v_guard := set_config('ledger.posting', '', true);
end
$$;

comment on function ledger_private.note_failures(ledger_private.failure[], timestamptz) is
$$Keeps the list of wallets that could not be settled: adds those that have just failed, to be tried again after a minute, and twice as long
after each further failure, up to an hour; takes off those in which nothing is due any more.$$;

revoke all on function ledger_private.note_failures(ledger_private.failure[], timestamptz) from public;
--! EndIncluded functions/ledger_private/note_failures.sql

-- The posting path
--! Included functions/ledger_private/judge.sql
create or replace function ledger_private.judge(
  entry ledger.entries,
  other_entry ledger.entries,
  limits ledger.asset_limits,
  day_before ledger.entries
)
returns boolean
language plpgsql
volatile
as $$
declare
  -- Far enough below the end of bigint that one more amount never overflows it.
  c_max constant bigint := 9000000000000000000;
begin
  if greatest(entry.balance, entry.topped_up_total, entry.granted_total, entry.spent_total, other_entry.balance) > c_max then
    perform ledger_private.check_snapshot(array[entry.wallet_id, other_entry.wallet_id]);
    perform ledger_private.refuse_overflow(case when other_entry.balance > c_max then other_entry else entry end);
  end if;
  if num_nonnulls(limits.max_spend, limits.max_balance, limits.max_daily_top_up, limits.max_daily_bonus, limits.max_daily_spend) > 0 then
    perform ledger_private.check_limits(limits, entry, day_before);
    perform ledger_private.check_limits(limits, other_entry, null);
  end if;
  if entry.balance < entry.held_balance then
    perform ledger_private.check_snapshot(array[entry.wallet_id, other_entry.wallet_id]);
    perform ledger_private.refuse_funds(entry.wallet_id, entry.balance + entry.amount - entry.held_balance, entry.amount);
  end if;
  return true;
end
$$;

comment on function ledger_private.judge(ledger.entries, ledger.entries, ledger.asset_limits, ledger.entries) is
$$True, or refuses what a top-up, bonus, spend or transfer would make of its players' wallets, for limits and then for funds: the entries, not yet
written, of the acting wallet and of the other (null where the house is on the other side).$$;

revoke all on function ledger_private.judge(ledger.entries, ledger.entries, ledger.asset_limits, ledger.entries) from public;
--! EndIncluded functions/ledger_private/judge.sql
--! Included functions/ledger_private/judge_by_limits.sql
create or replace function ledger_private.judge_by_limits(asset_code text, entry ledger.entries, other_entry ledger.entries)
returns boolean
language plpgsql
volatile
as $$
declare
  v_limits ledger.asset_limits;
  v_day_before ledger.entries;
begin
  select l.* into v_limits from ledger.asset_limits l where l.asset_code = judge_by_limits.asset_code order by l.seq desc limit 1;
  if num_nonnulls(v_limits.max_daily_top_up, v_limits.max_daily_bonus, v_limits.max_daily_spend) > 0 then
    v_day_before := ledger_private.entry_at(entry.wallet_id, entry.created_at - interval '24 hours');
  end if;
  return ledger_private.judge(entry, other_entry, v_limits, v_day_before);
end
$$;

comment on function ledger_private.judge_by_limits(text, ledger.entries, ledger.entries) is
  'Judges a single call''s entries, as judge() does, by the limits of their asset.';

revoke all on function ledger_private.judge_by_limits(text, ledger.entries, ledger.entries) from public;
--! EndIncluded functions/ledger_private/judge_by_limits.sql
--! Included functions/ledger_private/lock_house.sql
create or replace function ledger_private.lock_house(house ledger.house_account, wallet ledger.wallets)
returns ledger.wallets
language plpgsql
volatile
as $$
declare
  v_house ledger.wallets;
begin
  select w.* into strict v_house
    from ledger.wallets w
    where w.asset_code = wallet.asset_code and w.house = lock_house.house and w.stripe = ledger.wallet_stripe(wallet.id)
    for no key update;
  return v_house;
end
$$;

comment on function ledger_private.lock_house(ledger.house_account, ledger.wallets) is
  'Locks the part of a house account that a player''s single calls are booked against.';

revoke all on function ledger_private.lock_house(ledger.house_account, ledger.wallets) from public;
--! EndIncluded functions/ledger_private/lock_house.sql
--! Included functions/ledger_private/lock_breakage.sql
create or replace function ledger_private.lock_breakage(wallet ledger.wallets, draws ledger.bonus_lot_draws[], at_time timestamptz)
returns boolean
language plpgsql
volatile
as $$
declare
  v_breakage ledger.wallets;
begin
  if not exists (select from unnest(draws) d where d.expires_at <= at_time and d.amount + d.held_amount < 0) then
    return false;
  end if;
  v_breakage := ledger_private.lock_house('breakage', wallet);
  return true;
end
$$;

comment on function ledger_private.lock_breakage(ledger.wallets, ledger.bonus_lot_draws[], timestamptz) is
$$Tells whether a booking gives credits back to lots that have expired, so that settle() must follow it; if so, locks the wallet's part of
breakage, which comes before any other part of the house.$$;

revoke all on function ledger_private.lock_breakage(ledger.wallets, ledger.bonus_lot_draws[], timestamptz) from public;
--! EndIncluded functions/ledger_private/lock_breakage.sql
--! Included functions/ledger_private/prepare.sql
create or replace function ledger_private.prepare(request ledger.transfers, leaving boolean, other_id uuid default null)
returns ledger_private.prepared
language plpgsql
volatile
as $$
declare
  v_checked boolean;
  v_wallet ledger.wallets;
  v_other ledger.wallets;
  v_head ledger.entries;
  v_prepared ledger_private.prepared;
begin
  v_checked := ledger_private.check_request(request.kind, request.wallet_id, null, request.hold_id, request.reverses, request.requested_amount,
    request.idem_key, request.expires_at, request.metadata);
  if other_id < request.wallet_id then
    select w.* into v_other from ledger.wallets w where w.id = other_id and w.house is null for no key update;
  end if;
  select w.* into v_wallet from ledger.wallets w where w.id = request.wallet_id and w.house is null for no key update;
  if not found then
    perform ledger_private.refuse_wallet(request.wallet_id);
  end if;
  if other_id > request.wallet_id then
    select w.* into v_other from ledger.wallets w where w.id = other_id and w.house is null for no key update;
  end if;
  if request.hold_id is not null
    and not exists (select from ledger.holds h where h.wallet_id = request.wallet_id and h.id = request.hold_id) then
    perform ledger_private.check_snapshot(array[request.wallet_id]);
    perform ledger_private.refuse('WLNOH', format('hold not found: %s', request.hold_id),
      jsonb_build_object('wallet_id', request.wallet_id, 'hold_id', request.hold_id),
      'Name a hold of this wallet by the hold_id of its receipt.');
  end if;
  if request.reverses is not null
    and not exists (select from ledger.transfers t where t.id = request.reverses and t.wallet_id = request.wallet_id) then
    perform ledger_private.check_snapshot(array[request.wallet_id]);
    perform ledger_private.refuse('WLNOT', format('transfer not found: %s', request.reverses),
      jsonb_build_object('wallet_id', request.wallet_id, 'transfer_id', request.reverses),
      'Name a transfer that this wallet acted in by the transfer_id of its receipt.');
  end if;

  if exists (select from ledger.transfers t where t.wallet_id = request.wallet_id and t.idem_key = request.idem_key) then
    v_prepared.receipt := ledger_private.replay(request);
    return v_prepared;
  end if;
  v_prepared.at_time := clock_timestamp();
  select e.* into v_head from ledger.entries e where e.wallet_id = request.wallet_id order by e.seq desc limit 1;
  perform ledger_private.check_expiry(request.wallet_id, request.expires_at, greatest(v_prepared.at_time, v_head.created_at));
  if v_wallet.status <> 'open' or v_other.status <> 'open' then
    perform ledger_private.check_snapshot(array[request.wallet_id, v_other.id]);
    perform ledger_private.check_status(v_wallet, leaving);
    perform ledger_private.check_status(v_other, false);
  end if;
  if ledger_private.settle(array[request.wallet_id, v_other.id], v_prepared.at_time) then
    select e.* into v_head from ledger.entries e where e.wallet_id = request.wallet_id order by e.seq desc limit 1;
  end if;
  v_prepared.wallet := v_wallet;
  v_prepared.head := v_head;
  return v_prepared;
end
$$;

comment on function ledger_private.prepare(ledger.transfers, boolean, uuid) is
$$What every call begins with that builds on a hold or a transfer of the wallet, or on its holds, in the order of refusals: checks the request, locks
the wallet and a second player's, looks for what the request names and for its key, judges expiry and status, and books what is due. With a
receipt in it, the call is a repetition and ends.$$;

revoke all on function ledger_private.prepare(ledger.transfers, boolean, uuid) from public;
--! EndIncluded functions/ledger_private/prepare.sql
--! Included functions/ledger_private/open_hold.sql
create or replace function ledger_private.open_hold(wallet_id uuid, hold_id uuid)
returns ledger.holds
language plpgsql
volatile
as $$
declare
  v_hold ledger.holds;
  v_closing ledger.transfers;
begin
  select t.* into v_closing
    from ledger.transfers t
    where t.wallet_id = open_hold.wallet_id and t.hold_id = open_hold.hold_id and t.kind <> 'hold';
  if found then
    perform ledger_private.check_snapshot(array[wallet_id]);
    perform ledger_private.refuse('WLHLD',
      format('hold not open: %s', hold_id),
      jsonb_build_object('wallet_id', wallet_id, 'hold_id', hold_id, 'status', ledger_private.closing_status(v_closing),
        -- Its expiry may be booked by this very call, which leaves nothing behind.
        'transfer_id', case when v_closing.idem_key is not null then v_closing.id end),
      'A hold is captured or released once; place a new one.');
  end if;
  select h.* into strict v_hold from ledger.holds h where h.wallet_id = open_hold.wallet_id and h.id = open_hold.hold_id;
  return v_hold;
end
$$;

comment on function ledger_private.open_hold(uuid, uuid) is
  'A hold that is there and not yet captured, released or expired; or refuses with WLHLD.';

revoke all on function ledger_private.open_hold(uuid, uuid) from public;
--! EndIncluded functions/ledger_private/open_hold.sql
--! Included functions/ledger_private/load_lots.sql
create or replace function ledger_private.load_lots(transfers ledger.transfers[], from_numbers int[])
returns ledger_private.lot[]
language sql
stable
-- One plan for all numbers of rows: another for each would cost more than it gains.
set plan_cache_mode = force_generic_plan
-- Nor may one that was made while the tables were small outlive that; nor one that sorts the lots of a wallet at each step.
set enable_seqscan = off
set enable_bitmapscan = off
as $$
  with recursive demands as (
    select t.number, t.debit_wallet_id as wallet_id, sum(t.bonus_amount) as need
    from unnest(transfers, from_numbers) as t (id, wallet_id, idem_key, kind, debit_wallet_id, debit_seq, credit_wallet_id, credit_seq,
      requested_amount, amount, bonus_amount, reverses, hold_id, expires_at, metadata, actor, created_at, xid, number)
    where t.kind in ('spend', 'transfer', 'hold')
    group by t.number, t.debit_wallet_id
  ), walk as (
    select d.number, d.wallet_id, 0::bigint as seq, '-infinity'::timestamptz as expires_at, 0::bigint as free, d.need
    from demands d
    union all
    -- From lot to lot until they suffice: a wallet may have far more of them.
    select w.number, w.wallet_id, n.seq, n.expires_at, n.free, w.need - n.free
    from walk w
    cross join lateral (
      select l.seq, l.expires_at, s.balance - s.held_balance as free
      -- The next one alone, by the order of the index: joined first, each step would look up and sort all that are left.
      from (
        select o.*
        from ledger_private.open_lots o
        where o.wallet_id = w.wallet_id and (o.expires_at, o.lot_seq) > (w.expires_at, w.seq)
          and o.due_at is not distinct from o.expires_at
        order by o.expires_at, o.lot_seq
        limit 1
      ) o
      join ledger.bonus_lots l on l.wallet_id = o.wallet_id and l.seq = o.lot_seq and l.expires_at = o.expires_at
      cross join lateral ledger_private.lot_at(l, 9223372036854775807) s
    ) n
    where w.need > 0
  )
  select coalesce(array_agg(
      row(w.number, w.wallet_id, w.seq, w.expires_at, w.free, 0)::ledger_private.lot order by w.number, w.expires_at, w.seq), '{}')
  from walk w
  where w.seq > 0
$$;

comment on function ledger_private.load_lots(ledger.transfers[], int[]) is
  'The lots from which these movements may draw, by wallet and in the order of drawing: the earliest expiry first.';

revoke all on function ledger_private.load_lots(ledger.transfers[], int[]) from public;
--! EndIncluded functions/ledger_private/load_lots.sql
--! Included functions/ledger_private/move_lots.sql
create or replace function ledger_private.move_lots(
  transfers ledger.transfers[],
  from_numbers int[],
  to_numbers int[],
  wallets int
)
returns void
language plpgsql
volatile
as $$
declare
  -- Each wallet that is drawn from has a chain of lots by expiry: where it begins (0: no lot left; -1: not drawn from).
  v_lots ledger_private.lot[] := ledger_private.load_lots(transfers, from_numbers);
  v_first int[] := array_fill(-1, array[wallets]);
  v_new ledger.bonus_lots[] := '{}';
  v_draws ledger.bonus_lot_draws[] := '{}';
  v_transfer ledger.transfers;
  v_need bigint;
  v_part ledger_private.lot;
  v_lot int;
  v_to int;
  v_before int;
  v_after int;
  v_made int;
begin
  for i in 1 .. cardinality(transfers) loop
    if transfers[i].kind <> 'bonus' then
      v_first[from_numbers[i]] := 0;
    end if;
  end loop;
  for v_place in reverse cardinality(v_lots) .. 1 loop
    v_lots[v_place].next := v_first[v_lots[v_place].number];
    v_first[v_lots[v_place].number] := v_place;
  end loop;

  for i in 1 .. cardinality(transfers) loop
    v_transfer := transfers[i];
    v_need := v_transfer.bonus_amount;
    v_to := to_numbers[i];
    v_made := 0;
    while v_need > 0 loop
      if v_transfer.kind = 'bonus' then
        v_part := row(v_to, null, null, v_transfer.expires_at, v_need, 0);
      else
        v_lot := v_first[from_numbers[i]];
        exit when v_lot = 0; -- The rest does not expire.
        v_part := v_lots[v_lot];
        v_part.free := least(v_need, v_part.free);
        v_draws[cardinality(v_draws) + 1] := row(v_part.wallet_id, v_part.seq, v_part.expires_at, v_transfer.debit_seq, v_transfer.hold_id,
          case when v_transfer.kind = 'hold' then 0 else v_part.free end, case when v_transfer.kind = 'hold' then v_part.free else 0 end,
          null, null)::ledger.bonus_lot_draws;
        v_lots[v_lot].free := v_lots[v_lot].free - v_part.free;
        if v_lots[v_lot].free = 0 then
          v_first[from_numbers[i]] := v_part.next;
        end if;
      end if;
      v_need := v_need - v_part.free;
      continue when v_transfer.kind not in ('bonus', 'transfer');

      -- What arrives is a lot there, with its own expiry; parts of one expiry are one lot.
      if v_made > 0 and v_new[v_made].expires_at = v_part.expires_at then
        v_new[v_made].amount := v_new[v_made].amount + v_part.free;
      else
        v_made := cardinality(v_new) + 1;
        v_new[v_made] :=
          row(v_transfer.credit_wallet_id, v_transfer.credit_seq, v_part.expires_at, v_part.free)::ledger.bonus_lots;
      end if;
      continue when v_first[v_to] < 0;
      v_before := 0;
      v_after := v_first[v_to];
      while v_after > 0 and v_lots[v_after].expires_at <= v_part.expires_at loop
        v_before := v_after;
        v_after := v_lots[v_after].next;
      end loop;
      v_lot := cardinality(v_lots) + 1;
      v_lots[v_lot] :=
        row(v_to, v_transfer.credit_wallet_id, v_transfer.credit_seq, v_part.expires_at, v_part.free, v_after)::ledger_private.lot;
      if v_before = 0 then
        v_first[v_to] := v_lot;
      else
        v_lots[v_before].next := v_lot;
      end if;
    end loop;
  end loop;
  perform ledger_private.write_lots(v_new, v_draws);
end
$$;

comment on function ledger_private.move_lots(ledger.transfers[], int[], int[], int) is
$$Draws the bonus credits of spends, transfers and holds from lots, the earliest expiry first, and makes lots of granted and transferred ones
that expire. Movements come in the order of booking; numbers from 1 to the count of wallets say which of them each leaves and reaches (a wallet that
is not a player's has none).$$;

revoke all on function ledger_private.move_lots(ledger.transfers[], int[], int[], int) from public;
--! EndIncluded functions/ledger_private/move_lots.sql
--! Included functions/ledger_private/move_own_lots.sql
create or replace function ledger_private.move_own_lots(transfer ledger.transfers, other_time timestamptz)
returns void
language plpgsql
volatile
as $$
begin
  perform ledger_private.move_lots(array[transfer], array[1], array[case transfer.kind when 'bonus' then 1 else 2 end], 2);
  -- What arrived may be due already where that wallet's clock runs ahead.
  if transfer.kind = 'transfer' and other_time > transfer.created_at then
    perform ledger_private.settle(array[transfer.credit_wallet_id], transfer.created_at);
  end if;
end
$$;

comment on function ledger_private.move_own_lots(ledger.transfers, timestamptz) is
  'Does with lots what a bonus, spend or transfer asks for that is written; other_time is the other wallet''s after it.';

revoke all on function ledger_private.move_own_lots(ledger.transfers, timestamptz) from public;
--! EndIncluded functions/ledger_private/move_own_lots.sql
--! Included functions/ledger_private/post.sql
create or replace function ledger_private.post(
  kind ledger.transfer_kind,
  wallet_id uuid,
  counterparty_id uuid,
  house ledger.house_account,
  amount bigint,
  idem_key text,
  expires_at timestamptz,
  metadata jsonb
)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_leaving boolean := kind in ('spend', 'transfer');
  v_side ledger.entry_side := case when v_leaving then 'debit'::ledger.entry_side else 'credit' end;
  v_done boolean;
  v_used boolean;
  v_limited boolean;
  v_wallet ledger.wallets;
  v_other ledger.wallets;
  v_head ledger.entries;
  v_other_head ledger.entries;
  v_id uuid;
  v_now timestamptz;
  v_bonus bigint := 0;
  v_expiry timestamptz;
  v_entry ledger.entries;
  v_other_entry ledger.entries;
  v_transfer ledger.transfers;
  v_bytes bytea;
begin
  v_done := ledger_private.check_request(kind, wallet_id, counterparty_id, null, null, amount, idem_key, expires_at, metadata);
  -- Locks are always taken in the same order, players by ascending id and then the house, so that no two calls can wait
  -- for each other. A house wallet is not found: nobody acts for it.
  if counterparty_id < wallet_id then
    select w.* into v_other from ledger.wallets w where w.id = counterparty_id and w.house is null for no key update;
  end if;
  select w.* into v_wallet from ledger.wallets w where w.id = post.wallet_id and w.house is null for no key update;
  if counterparty_id > wallet_id then
    select w.* into v_other from ledger.wallets w where w.id = counterparty_id and w.house is null for no key update;
  end if;
  if v_wallet.id is null or v_other.id is distinct from counterparty_id then
    perform ledger_private.refuse_wallet(case when v_wallet.id is null then wallet_id else counterparty_id end);
  end if;
  if v_other.asset_code <> v_wallet.asset_code then
    perform ledger_private.refuse_assets(v_wallet.asset_code, v_other.asset_code);
  end if;
  select exists (select from ledger.transfers t where t.wallet_id = post.wallet_id and t.idem_key = post.idem_key),
    exists (select from ledger.asset_limits l where l.asset_code = v_wallet.asset_code) into v_used, v_limited;
  if v_used then
    return ledger_private.replay(row(
      null, wallet_id, idem_key, kind, null, null, counterparty_id, null, amount, amount, 0, null, null, expires_at, metadata, null, null, null));
  end if;
  v_id := uuidv7();
  v_now := clock_timestamp();
  select e.* into v_head from ledger.entries e where e.wallet_id = post.wallet_id order by e.seq desc limit 1;
  if counterparty_id is not null then
    select e.* into v_other_head from ledger.entries e where e.wallet_id = counterparty_id order by e.seq desc limit 1;
  end if;
  if expires_at is not null then
    perform ledger_private.check_expiry(wallet_id, expires_at, greatest(v_now, v_head.created_at));
  end if;
  if v_wallet.status <> 'open' or v_other.status <> 'open' then
    perform ledger_private.check_snapshot(array[wallet_id, counterparty_id]);
    perform ledger_private.check_status(v_wallet, v_leaving);
    perform ledger_private.check_status(v_other, false);
  end if;
  -- Only who has bonus credits or holds can have anything due.
  if greatest(v_head.bonus_balance, v_head.held_balance, v_other_head.bonus_balance, v_other_head.held_balance) > 0 then
    v_expiry := least(ledger_private.first_expiry(v_head),
      case when counterparty_id is not null then ledger_private.first_expiry(v_other_head) end);
    if v_expiry is not null and v_expiry <= v_now and ledger_private.settle(array[wallet_id, counterparty_id], v_now) then
      select e.* into v_head from ledger.entries e where e.wallet_id = post.wallet_id order by e.seq desc limit 1;
      select e.* into v_other_head from ledger.entries e where e.wallet_id = counterparty_id order by e.seq desc limit 1;
      v_id := uuidv7();
    end if;
    v_bonus := v_head.bonus_balance - case when v_head.held_balance > 0 then ledger_private.held_bonus(v_head) else 0 end;
  end if;
  v_bonus := ledger_private.bonus_part(kind, amount, v_bonus);
  v_entry := ledger_private.next_entry(v_wallet, v_head, v_side, v_id, kind, amount, v_bonus, 0, v_now);
  if counterparty_id is not null then
    v_other_entry := ledger_private.next_entry(v_other, v_other_head, 'credit', v_id, kind, amount, v_bonus, 0, v_now);
  end if;
  if v_limited or v_entry.balance < v_entry.held_balance or greatest(
      v_entry.balance, v_entry.topped_up_total, v_entry.granted_total, v_entry.spent_total, v_other_entry.balance) > 9000000000000000000 then
    perform ledger_private.judge_by_limits(v_wallet.asset_code, v_entry, v_other_entry);
  end if;
  -- The house comes last, so that replays and refusals never wait for it.
  if counterparty_id is null then
    select w.* into strict v_other from ledger.wallets w where w.asset_code = v_wallet.asset_code
      and w.house = post.house and w.stripe = ledger.wallet_stripe(post.wallet_id) for no key update;
    v_other_entry := ledger_private.opposite_entry(v_other, v_entry, v_now);
  end if;

  v_transfer := row(v_id, wallet_id, idem_key, kind, v_entry.wallet_id, v_entry.seq, v_other_entry.wallet_id, v_other_entry.seq,
    amount, amount, v_bonus, null, null, expires_at, metadata, ledger_private.actor(), v_entry.created_at, pg_current_xact_id());
  if not v_leaving then
    v_transfer.debit_wallet_id := v_other_entry.wallet_id;
    v_transfer.debit_seq := v_other_entry.seq;
    v_transfer.credit_wallet_id := v_entry.wallet_id;
    v_transfer.credit_seq := v_entry.seq;
  end if;
  v_bytes := ledger_private.transfer_bytes(v_transfer);
  v_entry.hash := ledger_private.link_hash(v_entry, v_bytes);
  v_other_entry.hash := ledger_private.link_hash(v_other_entry, v_bytes);
  v_done := ledger_private.write_all(array[v_transfer], array[v_entry, v_other_entry]);
  if v_bonus > 0 and (v_leaving and v_expiry is not null or expires_at is not null) then
    perform ledger_private.move_own_lots(v_transfer, v_other_entry.created_at);
  end if;
  return ledger_private.receipt(v_transfer, v_entry, false);
end
$$;

comment on function ledger_private.post(
  ledger.transfer_kind, uuid, uuid, ledger.house_account, bigint, text, timestamptz, jsonb
) is
$$Books one movement between the acting wallet and another player's wallet, or the house account where counterparty_id is null: checks, locks,
key, expiry, status, what is due, limits, funds, in the documented order of refusals, then the rows.$$;

revoke all on function ledger_private.post(
  ledger.transfer_kind, uuid, uuid, ledger.house_account, bigint, text, timestamptz, jsonb
) from public;
--! EndIncluded functions/ledger_private/post.sql

-- Reversals and statuses
--! Included functions/ledger_private/reversal_draws.sql
create or replace function ledger_private.reversal_draws(reversal ledger.transfers, original ledger.transfers, bonus_before bigint)
returns table (wallet_id uuid, seq bigint, lot_seq bigint, expires_at timestamptz, amount bigint, expected bigint)
language sql
stable
as $$
  with given as (
    -- In the reverse order of drawing, after bonus credits that do not expire.
    select g.*, original.bonus_amount - sum(g.amount) over ()
      + sum(g.amount) over (order by g.expires_at desc, g.lot_seq desc) - g.amount as before
    from (
      select d.lot_seq, d.expires_at, d.amount
      from ledger.bonus_lot_draws d
      where d.wallet_id = original.debit_wallet_id and d.seq = original.debit_seq and d.amount > 0
      union all
      select l.seq, l.expires_at, l.amount
      from ledger.bonus_lots l
      where original.kind = 'bonus' and l.wallet_id = original.credit_wallet_id and l.seq = original.credit_seq
    ) g
  ), drawn as (
    select d.* from ledger.bonus_lot_draws d where d.wallet_id = reversal.debit_wallet_id and d.seq = reversal.debit_seq
    union all
    select d.* from ledger.bonus_lot_draws d where d.wallet_id = reversal.credit_wallet_id and d.seq = reversal.credit_seq
  ), expected as (
    select reversal.debit_wallet_id as wallet_id, reversal.debit_seq as seq, g.lot_seq, g.expires_at, least(
        bonus_before + reversal.bonus_amount, g.before + g.amount) - greatest(bonus_before, g.before) as amount
    from given g
    where original.kind = 'bonus'
    union all
    select reversal.credit_wallet_id, reversal.credit_seq, g.lot_seq, g.expires_at, greatest(bonus_before, g.before) - least(
        bonus_before + reversal.bonus_amount, g.before + g.amount)
    from given g
    where original.kind in ('spend', 'capture')
      and greatest(bonus_before, g.before) < least(bonus_before + reversal.bonus_amount, g.before + g.amount)
    union all
    -- Between players, what goes back to lots of the sender leaves the lots that the original made, with the same expiry.
    select d.wallet_id, d.seq, d.lot_seq, d.expires_at, least(d.amount, 0)
    from drawn d
    join given g on g.lot_seq = d.lot_seq and g.expires_at = d.expires_at
    where original.kind = 'transfer' and d.wallet_id = reversal.credit_wallet_id
    union all
    select reversal.debit_wallet_id, reversal.debit_seq, original.credit_seq, d.expires_at, -sum(d.amount)
    from drawn d
    where original.kind = 'transfer' and d.wallet_id = reversal.credit_wallet_id
    group by d.expires_at
  )
  select coalesce(d.wallet_id, x.wallet_id), coalesce(d.seq, x.seq), coalesce(d.lot_seq, x.lot_seq), coalesce(d.expires_at, x.expires_at),
    d.amount, x.amount::bigint
  from drawn d
  full join expected x on x.wallet_id = d.wallet_id and x.seq = d.seq and x.lot_seq = d.lot_seq and x.expires_at = d.expires_at
$$;

comment on function ledger_private.reversal_draws(ledger.transfers, ledger.transfers, bigint) is
$$What a reversal drew from lots and gave back to them, and what it should have: of a bonus, its own lot; of a spend or capture, the lots that it drew
from, the latest expiry first; of a transfer, in both wallets the same of each expiry. bonus_before is how many of the original's bonus credits
had been reversed before.$$;

revoke all on function ledger_private.reversal_draws(ledger.transfers, ledger.transfers, bigint) from public;
grant execute on function ledger_private.reversal_draws(ledger.transfers, ledger.transfers, bigint) to wallet_auditor;
--! EndIncluded functions/ledger_private/reversal_draws.sql
--! Included functions/ledger_private/reversible_parts.sql
create or replace function ledger_private.reversible_parts(original ledger.transfers)
returns setof ledger_private.reversible_part
language sql
stable
as $$
  with given as (
    -- The lots that credits were drawn from; of a bonus, the lot that it made.
    select d.lot_seq, d.expires_at, d.amount
    from ledger.bonus_lot_draws d
    where d.wallet_id = original.debit_wallet_id and d.seq = original.debit_seq and d.amount > 0
    union all
    select l.seq, l.expires_at, l.amount
    from ledger.bonus_lots l
    where original.kind = 'bonus' and l.wallet_id = original.credit_wallet_id and l.seq = original.credit_seq
  ), reversals as (
    select r.amount, r.bonus_amount,
      case when r.credit_wallet_id = original.wallet_id then r.credit_seq else r.debit_seq end as seq
    from ledger.transfers r
    where r.wallet_id = original.wallet_id and r.reverses = original.id
  ), reversed as (
    select d.lot_seq, d.expires_at, sum(abs(d.amount)) as amount
    from reversals r
    -- One look-up for each: joined, all draws that the wallet ever had are read.
    cross join lateral (
      select n.* from ledger.bonus_lot_draws n where n.wallet_id = original.wallet_id and n.seq = r.seq offset 0
    ) d
    group by d.lot_seq, d.expires_at
  ), lots as (
    select g.lot_seq, g.expires_at, g.amount - coalesce(r.amount, 0) as amount
    from given g
    left join reversed r using (lot_seq, expires_at)
  ), sums as (
    select original.amount - coalesce(sum(r.amount), 0) as amount,
      original.bonus_amount - coalesce(sum(r.bonus_amount), 0) as bonus_amount
    from reversals r
  )
  select 'paid', null::bigint, null::timestamptz, (s.amount - s.bonus_amount)::bigint from sums s
  union all
  select 'bonus', null, null, (s.bonus_amount - coalesce((select sum(l.amount) from lots l), 0))::bigint from sums s
  union all
  select 'lot', l.lot_seq, l.expires_at, l.amount::bigint from lots l
$$;

comment on function ledger_private.reversible_parts(ledger.transfers) is
$$What is left to reverse of a movement: paid credits, bonus credits that do not expire, and those of each lot of the acting wallet that it drew from
(of a bonus: that it made).$$;

revoke all on function ledger_private.reversible_parts(ledger.transfers) from public;
grant execute on function ledger_private.reversible_parts(ledger.transfers) to wallet_auditor;
--! EndIncluded functions/ledger_private/reversible_parts.sql
--! Included functions/ledger_private/reversal_plan.sql
create or replace function ledger_private.reversal_plan(
  original ledger.transfers,
  amount bigint,
  given_to ledger.entries,
  taken_from ledger.entries
)
returns ledger_private.reversal_plan
language plpgsql
stable
as $$
declare
  v_held_bonus bigint := ledger_private.held_bonus(taken_from);
  v_plan ledger_private.reversal_plan := row(0, amount, null);
  v_draws ledger.bonus_lot_draws[] := '{}';
  v_expires_at timestamptz;
  v_taken bigint := 0; -- by lots of that expiry before
  v_part ledger_private.reversible_part;
  v_take bigint;
begin
  -- The reverse of the order in which credits are drawn: as if so much less had been taken in the first place.
  for v_part in
    select p.*
      from ledger_private.reversible_parts(original) p
      where p.amount > 0
      order by array_position(array['paid', 'bonus', 'lot'], p.source), p.expires_at desc, p.lot_seq desc
  loop
    v_take := least(v_plan.missing, v_part.amount);
    if taken_from.wallet_id is not null then
      -- The original's lot in that wallet may be spent, reserved or expired by now; it may be for several lots of the giver.
      if v_part.expires_at is distinct from v_expires_at then
        v_expires_at := v_part.expires_at;
        v_taken := 0;
      end if;
      v_take := least(v_take,
        ledger_private.free_part(taken_from, v_held_bonus, v_part.source, original.credit_seq, v_part.expires_at) - v_taken);
    end if;
    continue when v_take <= 0;
    v_plan.missing := v_plan.missing - v_take;
    continue when v_part.source = 'paid';
    v_plan.bonus_amount := v_plan.bonus_amount + v_take;
    continue when v_part.source = 'bonus';
    if given_to.wallet_id is not null then
      v_draws[cardinality(v_draws) + 1] := row(
        given_to.wallet_id, v_part.lot_seq, v_part.expires_at, given_to.seq + 1, null, -v_take, 0, null, null)::ledger.bonus_lot_draws;
    end if;
    if taken_from.wallet_id is not null then
      v_taken := v_taken + v_take;
      v_draws[cardinality(v_draws) + 1] := row(
        taken_from.wallet_id, original.credit_seq, v_part.expires_at, taken_from.seq + 1, null, v_take, 0, null, null)::ledger.bonus_lot_draws;
    end if;
  end loop;
  v_plan.draws := v_draws;
  return v_plan;
end
$$;

comment on function ledger_private.reversal_plan(ledger.transfers, bigint, ledger.entries, ledger.entries) is
$$How an amount of a movement is reversed: paid credits before bonus credits, these by lot, and no more of each than the original gave and,
where a player gives them back, than that wallet still has free of them. given_to and taken_from are the heads of the players' wallets, null for
the house.$$;

revoke all on function ledger_private.reversal_plan(ledger.transfers, bigint, ledger.entries, ledger.entries) from public;
--! EndIncluded functions/ledger_private/reversal_plan.sql
--! Included functions/ledger_private/record_events.sql
create or replace function ledger_private.record_events(wallet_ids uuid[], kind ledger.wallet_event_kind, reason text)
returns void
language plpgsql
volatile
as $$
declare
  v_actor text := ledger_private.actor();
  v_now timestamptz := clock_timestamp();
begin
  with events as (
    select w, row(w.id, coalesce(l.seq, 0) + 1, record_events.kind, record_events.reason, v_actor, v_now, l.hash)::ledger.wallet_events as e
    from unnest(wallet_ids) u (wallet_id)
    join ledger.wallets w on w.id = u.wallet_id
    left join lateral (
      select v.seq, v.hash from ledger.wallet_events v where v.wallet_id = w.id order by v.seq desc limit 1
    ) l on true
  ), written as (
    insert into ledger.wallet_events (wallet_id, seq, kind, reason, actor, created_at, hash)
      select (n.e).wallet_id, (n.e).seq, (n.e).kind, (n.e).reason, (n.e).actor, (n.e).created_at,
          ledger_private.record_hash(
            coalesce((n.e).hash, ledger_private.record_hash(null, ledger_private.wallet_bytes(n.w))), ledger_private.wallet_event_bytes(n.e))
        from events n
      returning wallet_events.wallet_id, wallet_events.seq
  )
  insert into ledger_private.unsealed_events (wallet_id, seq) select n.wallet_id, n.seq from written n;
end
$$;

comment on function ledger_private.record_events(uuid[], ledger.wallet_event_kind, text) is
$$Leaves an event in each of these wallets, which are locked or new: chained to the event before, the first one to the facts of its wallet, and on
the list of what is to be sealed. To be called while the guards stand open.$$;

revoke all on function ledger_private.record_events(uuid[], ledger.wallet_event_kind, text) from public;
--! EndIncluded functions/ledger_private/record_events.sql
--! Included functions/ledger_private/change_status.sql
create or replace function ledger_private.change_status(wallet_id uuid, status ledger.wallet_status, reason text)
returns ledger.wallets
language plpgsql
volatile
as $$
declare
  v_wallet ledger.wallets;
  v_head ledger.entries;
begin
  if wallet_id is null then
    perform ledger_private.refuse_argument('wallet_id', 'Name the wallet by its id.');
  end if;
  if reason is null or char_length(reason) not between 1 and 1000 then
    perform ledger_private.refuse_argument('reason', 'Say why, in 1 to 1000 characters.');
  end if;
  select w.* into v_wallet from ledger.wallets w where w.id = change_status.wallet_id and w.house is null for no key update;
  if not found then
    perform ledger_private.refuse_wallet(wallet_id);
  end if;
  if v_wallet.status = change_status.status then
    return v_wallet;
  end if;
  if change_status.status = 'frozen' then
    perform ledger_private.check_status(v_wallet, false);
  end if;
  if change_status.status = 'closed' then
    perform ledger_private.settle(array[wallet_id], clock_timestamp());
    select e.* into v_head from ledger.entries e where e.wallet_id = change_status.wallet_id order by e.seq desc limit 1;
    -- Nothing is written after the head here, so a stale one would not collide: a wallet that has been filled meanwhile would be closed.
    perform ledger_private.check_snapshot(array[wallet_id]);
    -- What is reserved is part of the balance.
    if v_head.balance > 0 then
      perform ledger_private.refuse_argument('wallet_id', 'Only an empty wallet is closed: spend, transfer or reverse what is left.',
        jsonb_build_object('wallet_id', wallet_id, 'balance', v_head.balance::text, 'held_balance', v_head.held_balance::text));
    end if;
  end if;

  perform set_config('ledger.posting', 'on', true);
  update ledger.wallets w set status = change_status.status where w.id = change_status.wallet_id returning w.* into v_wallet;
  perform ledger_private.record_events(array[wallet_id],
    (case change_status.status when 'open' then 'reopened' else change_status.status::text end)::ledger.wallet_event_kind, reason);
  perform set_config('ledger.posting', '', true);
  return v_wallet;
end
$$;

comment on function ledger_private.change_status(uuid, ledger.wallet_status, text) is
$$Changes a wallet's status and leaves an event, or returns the wallet as it is where it has that status. Refuses with WLARG, WLNOW, WLCLS
to freeze a closed wallet, WLARG to close one that is not empty.$$;

revoke all on function ledger_private.change_status(uuid, ledger.wallet_status, text) from public;
--! EndIncluded functions/ledger_private/change_status.sql

-- Batches
--! Included functions/ledger_private/batch_request.sql
create or replace function ledger_private.batch_request(request ledger.wallet_request)
returns ledger.transfers
language sql
volatile
as $$
  select row(uuidv7(), request.wallet_id, request.idem_key, request.kind, null, null, request.counterparty_id, null, request.amount, request.amount,
    0, null, null, request.expires_at, coalesce(request.metadata, '{}'), null, null, null)::ledger.transfers
$$;

comment on function ledger_private.batch_request(ledger.wallet_request) is
  'A request of a batch in the shape that single calls give theirs: that of the movement it asks for.';

revoke all on function ledger_private.batch_request(ledger.wallet_request) from public;
--! EndIncluded functions/ledger_private/batch_request.sql
--! Included functions/ledger_private/with_open.sql
create or replace function ledger_private.with_open(wallet_ids uuid[])
returns uuid[]
language sql
stable
-- Nor may a plan that was made while the lists were empty, and reads all of them, outlive that.
set enable_seqscan = off
as $$
  select array(
    select o.wallet_id from ledger_private.open_lots o where o.wallet_id = any (wallet_ids)
    union
    select o.wallet_id from ledger_private.open_holds o where o.wallet_id = any (wallet_ids))
$$;

comment on function ledger_private.with_open(uuid[]) is
  'Which of these wallets have an open hold or lot: nothing can be due, or be drawn from a lot, in the others.';

revoke all on function ledger_private.with_open(uuid[]) from public;
--! EndIncluded functions/ledger_private/with_open.sql
--! Included functions/ledger_private/check_batch_item.sql
create or replace function ledger_private.check_batch_item(
  request ledger.wallet_request,
  wallet ledger.wallets,
  other ledger.wallets,
  used boolean,
  first ledger.wallet_request,
  wallet_time timestamptz
)
returns boolean
language plpgsql
volatile
as $$
declare
  v_first ledger.transfers;
begin
  if wallet.id is null or other.id is distinct from request.counterparty_id then
    perform ledger_private.refuse_wallet(case when wallet.id is null then request.wallet_id else request.counterparty_id end);
  end if;
  if other.asset_code <> wallet.asset_code then
    perform ledger_private.refuse_assets(wallet.asset_code, other.asset_code);
  end if;
  if used then
    select t.* into strict v_first from ledger.transfers t where t.wallet_id = request.wallet_id and t.idem_key = request.idem_key;
  elsif first.kind is not null then
    v_first := ledger_private.batch_request(first);
  end if;
  if v_first.id is not null then
    perform ledger_private.check_replay(v_first, ledger_private.batch_request(request));
    return false;
  end if;
  if request.expires_at is not null then
    perform ledger_private.check_expiry(wallet.id, request.expires_at, wallet_time);
  end if;
  if wallet.status <> 'open' or other.status <> 'open' then
    perform ledger_private.check_snapshot(array[wallet.id, other.id]);
    perform ledger_private.check_status(wallet, request.kind in ('spend', 'transfer'));
    perform ledger_private.check_status(other, false);
  end if;
  return true;
end
$$;

comment on function ledger_private.check_batch_item(
  ledger.wallet_request, ledger.wallets, ledger.wallets, boolean, ledger.wallet_request, timestamptz
) is
$$Whether an item of a batch is to be booked: true; false where it repeats first, the first request of its key; or refuses it as a single call would,
for another reason than the request itself, limits or funds. The wallets are null where they are not there.$$;

revoke all on function ledger_private.check_batch_item(
  ledger.wallet_request, ledger.wallets, ledger.wallets, boolean, ledger.wallet_request, timestamptz
) from public;
--! EndIncluded functions/ledger_private/check_batch_item.sql
--! Included functions/ledger_private/number_batch.sql
create or replace function ledger_private.number_batch(requests ledger.wallet_request[], wallets ledger.wallets[])
returns ledger_private.batch_numbers
language sql
stable
-- One plan for all sizes of batch: arrays are joined by hash, and tables read by index, however few rows are expected of them.
set plan_cache_mode = force_generic_plan
set enable_nestloop = off
set enable_seqscan = off
as $$
  with items as materialized (
    select r.kind, ledger_private.house_account(r.kind) as house, r.wallet_id, r.counterparty_id, r.amount, r.idem_key, r.expires_at, r.place,
      exists (select from ledger.transfers t where t.wallet_id = r.wallet_id and t.idem_key = r.idem_key) as used
    from unnest(requests) with ordinality r (kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata, place)
  ), repeated as (
    select i.wallet_id, i.idem_key, min(i.place) as first_place from items i group by i.wallet_id, i.idem_key having count(*) > 1
  ), numbers as materialized (
    select w.id, w.asset_code, w.house, w.status = 'open' as open, w.number
    from unnest(wallets) with ordinality w (id, owner_id, asset_code, normal_side, house, stripe, status, created_at, number)
  )
  -- Few and narrow columns, because these are sorted.
  select row(
    array_agg(n.number order by n.place), array_agg(n.other_number order by n.place), array_agg(n.first_place order by n.place),
    array_agg(n.used order by n.place), array_agg(n.odd order by n.place),
    -- One that is refused for its amount takes nothing off what those before it may reach.
    sum(greatest(n.amount, 0)), bool_or(n.expiring)
  )::ledger_private.batch_numbers
  from (
    select i.place, i.amount, i.expires_at is not null as expiring, i.used, coalesce(f.first_place, i.place) as first_place, a.number,
        case when i.kind = 'transfer' then c.number else h.number end as other_number,
        (not a.open or i.used or coalesce(f.first_place < i.place, false)
          or case when i.kind = 'transfer' then not c.open or c.asset_code <> a.asset_code else i.counterparty_id is not null end
        ) is not false as odd
      from items i
      left join repeated f on f.wallet_id = i.wallet_id and f.idem_key = i.idem_key
      left join numbers a on a.id = i.wallet_id and a.house is null
      left join numbers c on c.id = i.counterparty_id and c.house is null
      left join numbers h on h.asset_code = a.asset_code and h.house = i.house
      offset 0
  ) n
$$;

comment on function ledger_private.number_batch(ledger.wallet_request[], ledger.wallets[]) is
$$For each request of a batch, by place: the numbers of its two wallets among these (null where one is not there), the place of the first one with
its key, whether that key has been used before, and whether anything about it but limits and funds may be refused or not be booked: what is
not odd needs no further look. For all of them: the sum of their amounts, and whether any is to expire.$$;

revoke all on function ledger_private.number_batch(ledger.wallet_request[], ledger.wallets[]) from public;
--! EndIncluded functions/ledger_private/number_batch.sql
--! Included functions/ledger_private/batch_heads.sql
create or replace function ledger_private.batch_heads(wallet_ids uuid[], at_time timestamptz)
returns ledger_private.batch_heads
language sql
stable
-- One plan for all numbers of wallets, which looks each one up.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
  select row(array_agg(w.number), array_agg(greatest(at_time, h.created_at)), array_agg(h.hash),
    array_agg(coalesce(h.seq, 0)), array_agg(coalesce(h.balance, 0)), array_agg(coalesce(h.bonus_balance, 0)),
    array_agg(coalesce(h.held_balance, 0)), array_agg(case when h.held_balance > 0 then ledger_private.held_bonus(h) else 0 end),
    array_agg(coalesce(h.topped_up_total, 0)), array_agg(coalesce(h.granted_total, 0)), array_agg(coalesce(h.spent_total, 0)),
    max(greatest(h.balance, h.topped_up_total, h.granted_total, h.spent_total, 0)))::ledger_private.batch_heads
  from unnest(wallet_ids) with ordinality w (id, number)
  left join lateral ledger_private.head(w.id) h on true
$$;

comment on function ledger_private.batch_heads(uuid[], timestamptz) is
$$The newest entries of these wallets, fact by fact, in their order: zero for a wallet without entries; the time is that of its next entry, at
an instant. And the largest number of all.$$;

revoke all on function ledger_private.batch_heads(uuid[], timestamptz) from public;
--! EndIncluded functions/ledger_private/batch_heads.sql
--! Included functions/ledger_private/lock_batch.sql
create or replace function ledger_private.lock_batch(requests ledger.wallet_request[])
returns ledger_private.batch
language plpgsql
volatile
-- One plan for all sizes of batch, which looks up by index: for each another would cost more than it gains.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_batch ledger_private.batch;
  -- With repetitions and nulls, which do not matter to a search.
  v_ids uuid[];
  v_open uuid[];
  v_kinds ledger.transfer_kind[];
  v_assets text[];
  v_accounts ledger.house_account[];
  v_players ledger.wallets[];
  v_player_ids uuid[];
  v_houses ledger.wallets[];
  v_house_ids uuid[];
begin
  select array_agg(r.wallet_id) || array_agg(r.counterparty_id), array_agg(r.kind) into v_ids, v_kinds from unnest(requests) r;
  v_assets := array(select distinct w.asset_code from ledger.wallets w where w.id = any (v_ids));
  v_accounts := array(select distinct ledger_private.house_account(k) from unnest(v_kinds) k);
  v_open := ledger_private.with_open(v_ids);
  if cardinality(v_open) > 0 and ledger_private.has_due(v_open, clock_timestamp()) then
    v_accounts := v_accounts || 'breakage'::ledger.house_account;
  end if;
  select array_agg(h.w), array_agg((h.w).id) into v_houses, v_house_ids
    from (
      select w from ledger.wallets w
        where w.asset_code = any (v_assets) and w.house = any (v_accounts) and w.stripe = 32
        order by w.id
        for no key update
    ) h;
  select array_agg(p.w), array_agg((p.w).id) into v_players, v_player_ids
    from (select w from ledger.wallets w where w.id = any (v_ids) and w.house is null order by w.id for no key update) p;
  v_batch.wallets := v_players || v_houses;
  v_batch.ids := v_player_ids || v_house_ids;
  v_batch.assets := v_assets;
  v_batch.at_time := clock_timestamp();
  return v_batch;
end
$$;

comment on function ledger_private.lock_batch(ledger.wallet_request[]) is
$$Locks what a batch moves, in the one order that all calls keep: the house's stripes for batches, then players, each by ascending id. Breakage is
among them only where something is due. Returns them, players first, and the instant from which on nobody else moves them: the batch's now.$$;

revoke all on function ledger_private.lock_batch(ledger.wallet_request[]) from public;
--! EndIncluded functions/ledger_private/lock_batch.sql
--! Included functions/ledger_private/load_batch.sql
create or replace function ledger_private.load_batch(requests ledger.wallet_request[], batch ledger_private.batch)
returns ledger_private.batch
language plpgsql
volatile
-- One plan for all sizes of batch, which looks up by index: for each another would cost more than it gains.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_wallets ledger.wallets[] := batch.wallets;
  v_ids uuid[] := batch.ids;
  v_heads ledger_private.batch_heads;
  v_limits ledger.asset_limits[];
  v_day_before ledger.entries[];
  v_numbers ledger_private.batch_numbers;
  v_open uuid[];
begin
  v_numbers := ledger_private.number_batch(requests, v_wallets);
  v_open := ledger_private.with_open(v_ids);
  if cardinality(v_open) > 0 then
    -- A repetition books nothing, not even what is due.
    v_open := ledger_private.with_open(array(
      select distinct v_ids[n]
        from unnest(v_numbers.numbers, v_numbers.other_numbers, v_numbers.used) i (number, other_number, used)
        cross join unnest(array[i.number, i.other_number]) n
        where not i.used));
    if ledger_private.has_due(v_open, batch.at_time) then
      -- Where it fell due while locks were waited for, breakage comes out of order: so nobody may wait for it, 55P03 says to try again.
      perform from ledger.wallets w
        where w.stripe = 32 and w.house = 'breakage' and w.asset_code = any (batch.assets)
        order by w.id
        for no key update nowait;
      perform ledger_private.settle(v_open, batch.at_time, 32);
    end if;
  end if;
  v_heads := ledger_private.batch_heads(v_ids, batch.at_time);
  if exists (select from ledger.asset_limits l where l.asset_code = any (batch.assets)) then
    v_limits := array(
      select (select l from ledger.asset_limits l where l.asset_code = w.asset_code order by l.seq desc limit 1) from unnest(v_wallets) w);
    v_day_before := array(
      select case when num_nonnulls((v_limits[n]).max_daily_top_up, (v_limits[n]).max_daily_bonus, (v_limits[n]).max_daily_spend) > 0 then
          ledger_private.entry_at(v_ids[n], v_heads.times[n] - interval '24 hours') end
        from generate_series(1, cardinality(v_wallets)) n);
  end if;
  -- Whether a limit, or the end of what is counted, may be reached.
  batch.judged := cardinality(v_limits) > 0 is true or (v_heads.largest + v_numbers.total > 9000000000000000000) is not false;
  batch.heads := v_heads;
  batch.limits := v_limits;
  batch.day_before := v_day_before;
  batch.numbers := v_numbers;
  batch.lots := cardinality(v_open) > 0 or v_numbers.expiring;
  return batch;
end
$$;

comment on function ledger_private.load_batch(ledger.wallet_request[], ledger_private.batch) is
$$What a batch is judged by, once its wallets are locked: those of them that are there and the house, with their heads and, where there are any,
limits; and what is to be known of each request. Books what is due in wallets that something is to be booked for.$$;

revoke all on function ledger_private.load_batch(ledger.wallet_request[], ledger_private.batch) from public;
--! EndIncluded functions/ledger_private/load_batch.sql
--! Included functions/ledger_private/plan_batch.sql
create or replace function ledger_private.plan_batch(requests ledger.wallet_request[], batch ledger_private.batch)
returns ledger_private.batch_plan
language plpgsql
volatile
-- One plan for all sizes of batch: for each another would cost more than it gains.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  -- By row: the heads, by number of their wallet, then two for each movement. (Arrays of their own are changed in place.)
  v_other int := cardinality(batch.wallets);
  v_row int;
  v_numbers int[] := (batch.heads).numbers;
  v_befores int[] := (batch.heads).numbers;
  v_seqs bigint[] := (batch.heads).seqs;
  v_balances bigint[] := (batch.heads).balances;
  v_bonus_balances bigint[] := (batch.heads).bonus_balances;
  v_topped_up bigint[] := (batch.heads).topped_up_totals;
  v_granted bigint[] := (batch.heads).granted_totals;
  v_spent bigint[] := (batch.heads).spent_totals;
  -- By number of the wallet: the row of its newest entry; and what does not change in a batch.
  v_newest int[] := (batch.heads).numbers;
  v_held bigint[] := (batch.heads).held_balances;
  v_held_bonus bigint[] := (batch.heads).held_bonus;
  v_times timestamptz[] := (batch.heads).times;
  v_wallets ledger.wallets[] := batch.wallets;
  v_limits ledger.asset_limits[] := batch.limits;
  v_day_before ledger.entries[] := batch.day_before;
  -- By place of the request.
  v_acting int[] := (batch.numbers).numbers;
  v_others int[] := (batch.numbers).other_numbers;
  v_odd boolean[] := (batch.numbers).odd;
  v_used boolean[] := (batch.numbers).used;
  v_first_places int[] := (batch.numbers).first_places;
  v_rows int[] := array_fill(null::int, array[cardinality(requests)]);
  v_bonus_amounts bigint[] := array_fill(null::bigint, array[cardinality(requests)]);
  v_item ledger.wallet_request;
  v_place int := 0;
  v_number int;
  v_other_number int;
  v_sign int;
  v_before int;
  v_other_before int;
  v_bonus bigint;
  v_entry ledger.entries;
  v_other_entry ledger.entries;
  v_detail text;
  v_hint text;
begin
  foreach v_item in array requests loop
    v_place := v_place + 1;
    v_number := v_acting[v_place];
    v_other_number := v_others[v_place];
    -- Another kind is as good as none: what else a single call of it would want is beside the point.
    continue when not ledger_private.check_request(case when v_item.kind in ('top_up', 'bonus', 'spend', 'transfer') then v_item.kind end,
      v_item.wallet_id, v_item.counterparty_id, null, null, v_item.amount, v_item.idem_key, v_item.expires_at, coalesce(v_item.metadata, '{}'));
    if v_odd[v_place] or v_item.expires_at <= v_times[v_number] then
      continue when not ledger_private.check_batch_item(v_item, v_wallets[v_number], case when v_item.kind = 'transfer' then
        v_wallets[v_other_number] end, v_used[v_place], requests[nullif(v_first_places[v_place], v_place)], v_times[v_number]);
    end if;
    v_sign := case when v_item.kind in ('spend', 'transfer') then -1 else 1 end;
    v_row := v_other + 1;
    v_other := v_other + 2;
    v_before := v_newest[v_number];
    v_other_before := v_newest[v_other_number];
    v_newest[v_number] := v_row;
    v_newest[v_other_number] := v_other;
    v_numbers[v_row] := v_number;
    v_numbers[v_other] := v_other_number;
    v_befores[v_row] := v_before;
    v_befores[v_other] := v_other_before;
    v_bonus := ledger_private.bonus_part(v_item.kind, v_item.amount, v_bonus_balances[v_before] - v_held_bonus[v_number]);
    v_rows[v_place] := v_row;
    v_bonus_amounts[v_place] := v_bonus;
    v_seqs[v_row] := v_seqs[v_before] + 1;
    v_seqs[v_other] := v_seqs[v_other_before] + 1;
    v_balances[v_row] := v_balances[v_before] + v_sign * v_item.amount;
    v_balances[v_other] := v_balances[v_other_before] + v_item.amount;
    v_bonus_balances[v_row] := v_bonus_balances[v_before] + v_sign * v_bonus;
    v_bonus_balances[v_other] := v_bonus_balances[v_other_before] + v_bonus;
    v_topped_up[v_row] := v_topped_up[v_before] + case v_item.kind when 'top_up' then v_item.amount else 0 end;
    v_topped_up[v_other] := v_topped_up[v_other_before] + case v_item.kind when 'top_up' then v_item.amount else 0 end;
    v_granted[v_row] := v_granted[v_before] + case v_item.kind when 'bonus' then v_item.amount else 0 end;
    v_granted[v_other] := v_granted[v_other_before] + case v_item.kind when 'bonus' then v_item.amount else 0 end;
    v_spent[v_row] := v_spent[v_before] + case v_item.kind when 'spend' then v_item.amount else 0 end;
    v_spent[v_other] := v_spent[v_other_before] + case v_item.kind when 'spend' then v_item.amount else 0 end;
    if batch.judged or v_balances[v_row] < v_held[v_number] then
      v_entry := row(v_wallets[v_number].id, v_seqs[v_row], null, v_item.kind, case v_sign when 1 then 'credit' else 'debit' end,
        v_item.amount, v_bonus, 0, v_balances[v_row], v_bonus_balances[v_row], v_held[v_number], v_topped_up[v_row], v_granted[v_row],
        v_spent[v_row], null, v_times[v_number]);
      v_other_entry := row(v_wallets[v_other_number].id, v_seqs[v_other], null, v_item.kind,
        case v_sign when 1 then 'debit' else 'credit' end, v_item.amount, v_bonus, 0, v_balances[v_other], v_bonus_balances[v_other],
        v_held[v_other_number], v_topped_up[v_other], v_granted[v_other], v_spent[v_other], null, v_times[v_other_number]);
      perform ledger_private.judge(v_entry, case when v_item.kind = 'transfer' then v_other_entry end,
        v_limits[v_number], v_day_before[v_number]);
      perform ledger_private.refuse_overflow(v_other_entry) where v_other_entry.balance > 9000000000000000000;
    end if;
  end loop;
  return row(v_rows, v_bonus_amounts, v_numbers, v_befores, v_seqs, v_balances, v_bonus_balances, v_topped_up, v_granted, v_spent);
exception when others then
  get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
  if sqlstate like 'WL%' then
    perform ledger_private.refuse(sqlstate, sqlerrm, v_detail::jsonb || jsonb_build_object('index', v_place - 1), v_hint);
  end if;
  raise;
end
$$;

comment on function ledger_private.plan_batch(ledger.wallet_request[], ledger_private.batch) is
$$What a batch will book: judges its requests one after the other in memory, by the rules of single calls and in their order, each upon the balances
that those before it leave. Refuses as a single call would, with the index of the item in the detail. The wallets are locked.$$;

revoke all on function ledger_private.plan_batch(ledger.wallet_request[], ledger_private.batch) from public;
--! EndIncluded functions/ledger_private/plan_batch.sql
--! Included functions/ledger_private/move_batch_lots.sql
create or replace function ledger_private.move_batch_lots(transfer_ids uuid[], numbers int[], batch ledger_private.batch)
returns void
language plpgsql
volatile
-- One plan for all sizes of batch, which looks up by index: for each another would cost more than it gains.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_moving ledger.transfers[];
  v_from_numbers int[];
  v_to_numbers int[];
begin
  -- What is granted without an expiry is in no lot.
  select array_agg(m.transfer), array_agg(m.number), array_agg(case when (m.transfer).kind = 'bonus' then m.number else m.other_number end)
    into v_moving, v_from_numbers, v_to_numbers
    from (
      select (select t from ledger.transfers t where t.id = i.id) as transfer, numbers[2 * i.place - 1] as number,
          numbers[2 * i.place] as other_number
        from unnest(transfer_ids) with ordinality i (id, place)
        offset 0
    ) m
    where (m.transfer).bonus_amount > 0 and ((m.transfer).kind <> 'bonus' or (m.transfer).expires_at is not null);
  if v_moving is not null then
    perform ledger_private.move_lots(v_moving, v_from_numbers, v_to_numbers, cardinality(batch.wallets));
    -- Where a wallet's own clock runs ahead, what arrived may have expired there already, and items after it were judged upon it.
    if ledger_private.has_due(array(select distinct t.credit_wallet_id from unnest(v_moving) t where t.kind = 'transfer'), batch.at_time) then
      perform ledger_private.refuse_stale();
    end if;
  end if;
end
$$;

comment on function ledger_private.move_batch_lots(uuid[], int[], ledger_private.batch) is
$$Moves what the movements of a batch move between lots, with the numbers of the wallets of their entries; 40001 where something that arrived is
due at once.$$;

revoke all on function ledger_private.move_batch_lots(uuid[], int[], ledger_private.batch) from public;
--! EndIncluded functions/ledger_private/move_batch_lots.sql
--! Included functions/ledger_private/batch_receipts.sql
create or replace function ledger_private.batch_receipts(
  requests ledger.wallet_request[],
  booked ledger.receipt[],
  bonus_amounts bigint[],
  first_places int[]
)
returns ledger.receipt[]
language plpgsql
stable
as $$
declare
  v_receipts ledger.receipt[] := '{}';
  v_booked int := 0;
begin
  for v_place in 1 .. cardinality(first_places) loop
    if bonus_amounts[v_place] is not null then
      v_booked := v_booked + 1;
      v_receipts[v_place] := booked[v_booked];
    elsif first_places[v_place] < v_place then
      v_receipts[v_place] := v_receipts[first_places[v_place]];
      v_receipts[v_place].replayed := true;
    else
      v_receipts[v_place] := ledger_private.replay(ledger_private.batch_request(requests[v_place]));
    end if;
  end loop;
  return v_receipts;
end
$$;

comment on function ledger_private.batch_receipts(ledger.wallet_request[], ledger.receipt[], bigint[], int[]) is
$$A receipt for each request of a batch that repeats some, in their order: from those of what it booked, and those of then for what had been booked
before.$$;

revoke all on function ledger_private.batch_receipts(ledger.wallet_request[], ledger.receipt[], bigint[], int[]) from public;
--! EndIncluded functions/ledger_private/batch_receipts.sql
--! Included functions/ledger_private/write_batch.sql
create or replace function ledger_private.write_batch(
  requests ledger.wallet_request[],
  batch ledger_private.batch,
  plan ledger_private.batch_plan
)
returns ledger.receipt[]
language plpgsql
volatile
-- One plan for all sizes of batch: for each another would cost more than it gains.
set plan_cache_mode = force_generic_plan
as $$
declare
  -- By number of the wallet.
  v_ids uuid[] := batch.ids;
  v_held bigint[] := (batch.heads).held_balances;
  v_times timestamptz[] := (batch.heads).times;
  -- By row: the heads, then the entries. What is in an array is taken from it by place, which costs less than to unnest rows.
  v_heads int := cardinality(v_ids);
  v_numbers int[] := plan.numbers;
  v_befores int[] := plan.befores;
  v_seqs bigint[] := plan.seqs;
  v_balances bigint[] := plan.balances;
  v_bonus_balances bigint[] := plan.bonus_balances;
  v_topped_up bigint[] := plan.topped_up_totals;
  v_granted bigint[] := plan.granted_totals;
  v_spent bigint[] := plan.spent_totals;
  v_hashes bytea[] := (batch.heads).hashes;
  v_sides ledger.entry_side[];
  -- By movement.
  v_transfer_ids uuid[];
  v_kinds ledger.transfer_kind[];
  v_amounts bigint[];
  v_bonus_amounts bigint[];
  v_bytes bytea[];
  v_first_id uuid := uuidv7();
  v_actor text := ledger_private.actor();
  v_guard text;
  v_place int;
  v_number int;
begin
  if (cardinality(v_numbers) > v_heads) is not true then
    return '{}';
  end if;
  -- As in write_all.
  if current_setting('transaction_isolation') <> 'read committed' then
    perform ledger_private.check_snapshot(array(select distinct v_ids[n] from unnest(v_numbers[v_heads + 1:]) n));
  end if;
  v_guard := set_config('ledger.posting', 'on', true);
  with written as (
    insert into ledger.transfers as t
      select ledger_private.uuid_after(v_first_id, i.row - v_heads), i.wallet_id, i.idem_key, i.kind,
          v_ids[v_numbers[i.debit]], v_seqs[i.debit], v_ids[v_numbers[i.credit]], v_seqs[i.credit],
          i.amount, i.amount, i.bonus_part, null, null, i.expires_at, coalesce(i.metadata, '{}'), v_actor, v_times[v_numbers[i.row]],
          pg_current_xact_id()
        from (
          select r.*, case when r.kind in ('spend', 'transfer') then r.row else r.row + 1 end as debit,
              case when r.kind in ('spend', 'transfer') then r.row + 1 else r.row end as credit
            from unnest(requests, plan.bonus_amounts, plan.rows)
              as r (kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata, bonus_part, row)
            where r.row is not null
        ) i
      returning t.id, t.kind, t.amount, t.bonus_amount, ledger_private.transfer_bytes(t) as bytes
  )
  select array_agg(w.id), array_agg(w.kind), array_agg(w.amount), array_agg(w.bonus_amount), array_agg(w.bytes)
    into v_transfer_ids, v_kinds, v_amounts, v_bonus_amounts, v_bytes
    from written w;
  for n in v_heads + 1 .. cardinality(v_numbers) loop
    v_place := (n - v_heads + 1) / 2;
    v_number := v_numbers[n];
    v_sides[n] := case when ((n - v_heads) % 2 = 1) = (v_kinds[v_place] in ('spend', 'transfer')) then 'debit' else 'credit' end;
    v_hashes[n] := ledger_private.entry_hash(v_hashes[v_befores[n]], ledger_private.entry_bytes(
      row(v_ids[v_number], v_seqs[n], v_transfer_ids[v_place], v_kinds[v_place], v_sides[n], v_amounts[v_place], v_bonus_amounts[v_place], 0,
        v_balances[n], v_bonus_balances[n], v_held[v_number], v_topped_up[n], v_granted[n], v_spent[n], null, v_times[v_number]),
      v_bytes[v_place]));
  end loop;
  insert into ledger.entries
    select v_ids[s.number], v_seqs[s.row], v_transfer_ids[s.place], v_kinds[s.place], v_sides[s.row], v_amounts[s.place],
        v_bonus_amounts[s.place], 0, v_balances[s.row], v_bonus_balances[s.row], v_held[s.number], v_topped_up[s.row], v_granted[s.row],
        v_spent[s.row], v_hashes[s.row], v_times[s.number]
      from (select n, (n + 1) / 2 as place, v_heads + n as row, v_numbers[v_heads + n] as number
        from generate_series(1, cardinality(v_numbers) - v_heads) n) s;
  v_guard := set_config('ledger.posting', '', true);
  if batch.lots then
    perform ledger_private.move_batch_lots(v_transfer_ids, v_numbers[v_heads + 1:], batch);
  end if;
  return array(
    select row(v_transfer_ids[s.n], v_ids[s.number], v_seqs[s.row], v_kinds[s.n], v_amounts[s.n], v_bonus_amounts[s.n], v_balances[s.row],
        v_bonus_balances[s.row], v_held[s.number], v_balances[s.row] - v_held[s.number], null, false, v_times[s.number])::ledger.receipt
      from (select n, v_heads + 2 * n - 1 as row, v_numbers[v_heads + 2 * n - 1] as number
        from generate_series(1, cardinality(v_transfer_ids)) n) s);
end
$$;

comment on function ledger_private.write_batch(ledger.wallet_request[], ledger_private.batch, ledger_private.batch_plan) is
$$Writes what was planned: the movements, their entries with their hashes, that of the acting wallet first, and what moves between lots. Returns a
receipt for each movement, in their order.$$;

revoke all on function ledger_private.write_batch(ledger.wallet_request[], ledger_private.batch, ledger_private.batch_plan) from public;
--! EndIncluded functions/ledger_private/write_batch.sql

-- The feed and seals
--! Included functions/ledger_private/is_moved.sql
create or replace function ledger_private.is_moved()
returns boolean
language sql
stable
as $$
  select n.system_identifier is distinct from (select c.system_identifier from pg_control_system() c)
    -- No transaction that has ended here, and none of others that is seen, has such an id.
    or coalesce(t.xid >= h.next, false)
  from (select pg_snapshot_xmax(pg_current_snapshot()) as next, pg_current_xact_id_if_assigned() as own) h
  left join lateral (select e.* from ledger.feed_epochs e order by e.epoch desc limit 1) n on true
  left join lateral (
    select l.xid from ledger.transfers l where l.xid is distinct from h.own order by l.xid desc, l.id desc limit 1
  ) t on true
$$;

comment on function ledger_private.is_moved() is
$$Whether rows have come here from elsewhere since the newest epoch of the feed began, so that the ids of transactions stored with them mean nothing
here: the database is in another cluster than the epoch, or a transfer is marked as arrived (tg_transfers__arrived) or names a transaction that has
not begun.$$;

revoke all on function ledger_private.is_moved() from public;
grant execute on function ledger_private.is_moved() to wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/is_moved.sql
--! Included functions/ledger_private/feed_epoch.sql
create or replace function ledger_private.feed_epoch()
returns int
language plpgsql
stable
as $$
begin
  if ledger_private.is_moved() then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = 'the ledger was moved here, and its feed has no epoch here yet',
      hint = 'Run npm run migrate, which begins one.';
  end if;
  return (select max(e.epoch) from ledger.feed_epochs e);
end
$$;

comment on function ledger_private.feed_epoch() is
  'The epoch in which the positions of transfers are to be read. Refuses (55000) where the ledger was moved here and has none yet.';

revoke all on function ledger_private.feed_epoch() from public;
grant execute on function ledger_private.feed_epoch() to wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/feed_epoch.sql
--! Included functions/ledger_private/feed_end.sql
create or replace function ledger_private.feed_end()
returns text
language sql
stable
as $$
  select e.epoch || '.' || t.xid || '.' || t.id
    -- Asked even where there is no transfer, so that it refuses.
    from (select ledger_private.feed_epoch() as epoch) e
    left join lateral (
      select n.xid, n.id
      from ledger.transfers n
      where n.xid < pg_snapshot_xmin(pg_current_snapshot())
      order by n.xid desc, n.id desc
      limit 1
    ) t on true
$$;

comment on function ledger_private.feed_end() is
  'The cursor of the last event that ledger_events() has now, found without reading the others; null where there is none. Refuses as
feed_epoch() does.';

revoke all on function ledger_private.feed_end() from public;
grant execute on function ledger_private.feed_end() to wallet_job;
--! EndIncluded functions/ledger_private/feed_end.sql
--! Included functions/ledger_private/seal_start.sql
create or replace function ledger_private.seal_start(epoch int)
returns ledger_private.feed_place
language sql
stable
as $$
  select row(
      -- Of the transfers that a new epoch began with, those sealed before are 0.
      case when s.epoch = seal_start.epoch then s.horizon when s.epoch is null then '0'::xid8 else '1'::xid8 end,
      case when s.epoch = seal_start.epoch then s.horizon_id else '00000000-0000-0000-0000-000000000000' end
    )::ledger_private.feed_place
  from (select 1) always
  left join lateral (select n.* from ledger.seals n order by n.seq desc limit 1) s on true
$$;

comment on function ledger_private.seal_start(int) is
  'Where in the feed of this epoch the next block begins: after this place. What comes before it is sealed.';

revoke all on function ledger_private.seal_start(int) from public;
grant execute on function ledger_private.seal_start(int) to wallet_auditor;
--! EndIncluded functions/ledger_private/seal_start.sql
--! Included functions/ledger_private/place_of_old.sql
create or replace function ledger_private.place_of_old(debit_wallet_id uuid, debit_seq bigint, credit_wallet_id uuid, credit_seq bigint)
returns xid8
language plpgsql
stable
as $$
begin
  return case when exists (
    select from (values (debit_wallet_id, debit_seq), (credit_wallet_id, credit_seq)) x (wallet_id, seq)
    where x.seq > coalesce(
      (select h.seq from ledger.seal_heads h where h.wallet_id = x.wallet_id order by h.seal_seq desc limit 1), 0)
  ) then '1' else '0' end;
end
$$;

comment on function ledger_private.place_of_old(uuid, bigint, uuid, bigint) is
$$In which of the two transactions of old a transfer with these entries is put when a new epoch of the feed begins: 0 where both are sealed,
otherwise 1. What the ids of transactions said elsewhere does not count.$$;

revoke all on function ledger_private.place_of_old(uuid, bigint, uuid, bigint) from public;
--! EndIncluded functions/ledger_private/place_of_old.sql
--! Included functions/ledger_private/begin_epoch.sql
create or replace function ledger_private.begin_epoch()
returns boolean
language plpgsql
volatile
as $$
declare
  v_epoch ledger.feed_epochs;
  -- The last seal may name a transaction that has not begun, although no transfer does.
  v_sealed_elsewhere boolean := coalesce((
    select s.horizon > pg_snapshot_xmax(pg_current_snapshot()) from ledger.seals s
    where s.epoch = (select max(e.epoch) from ledger.feed_epochs e)
    order by s.seq desc limit 1), false);
begin
  if not ledger_private.is_moved() and not v_sealed_elsewhere then
    return false;
  end if;
  -- Nobody posts or reads meanwhile; of two callers the second finds it done.
  lock table ledger.transfers in access exclusive mode;
  if not ledger_private.is_moved() and not v_sealed_elsewhere then
    return false;
  end if;
  if exists (select from ledger.transfers t where t.xid > '0') then
    -- A rewrite, no update: the movements stay what they are.
    execute 'alter table ledger.transfers alter column xid type xid8
      using ledger_private.place_of_old(debit_wallet_id, debit_seq, credit_wallet_id, credit_seq)';
  end if;
  -- Also where the epochs were left behind, no number comes again that a seal names.
  v_epoch.epoch := greatest((select max(e.epoch) from ledger.feed_epochs e), (select max(s.epoch) from ledger.seals s), 0) + 1;
  v_epoch.system_identifier := (select c.system_identifier from pg_control_system() c);
  v_epoch.started_at := clock_timestamp();
  v_epoch.hash := ledger_private.record_hash(
    (select e.hash from ledger.feed_epochs e order by e.epoch desc limit 1), ledger_private.feed_epoch_bytes(v_epoch));
  perform set_config('ledger.posting', 'on', true);
  insert into ledger.feed_epochs select v_epoch.*;
  perform set_config('ledger.posting', '', true);
  return true;
end
$$;

comment on function ledger_private.begin_epoch() is
$$Begins a new epoch of the feed where the ledger was moved here (see is_moved): the ids of transactions stored with transfers mean nothing here.
All transfers until now become two transactions of old, what is sealed and what is not, each in the order of ids. Returns whether there was need
to. For the owner.$$;

revoke all on function ledger_private.begin_epoch() from public;
--! EndIncluded functions/ledger_private/begin_epoch.sql
--! Included functions/ledger_private/merkle_root.sql
create or replace function ledger_private.merkle_root(leaves bytea[])
returns bytea
language plpgsql
immutable
as $$
declare
  v_level bytea[] := leaves;
begin
  -- Level by level: a node without a neighbour goes up as it is, which makes the same tree as cutting at powers of two.
  while cardinality(v_level) > 1 loop
    select array_agg(case when p.second is null then p.first else sha256(E'\\x01'::bytea || p.first || p.second) end order by p.place)
      into v_level
      from (
        select u.node as first, lead(u.node) over (order by u.place) as second, u.place
          from unnest(v_level) with ordinality u (node, place)
      ) p
      where p.place % 2 = 1;
  end loop;
  return coalesce(v_level[1], sha256(''));
end
$$;

comment on function ledger_private.merkle_root(bytea[]) is
'The Merkle tree hash of RFC 6962 over leaves that are hashes already: a node is the SHA-256 over a byte 1 and its two children.';

revoke all on function ledger_private.merkle_root(bytea[]) from public;
grant execute on function ledger_private.merkle_root(bytea[]) to wallet_auditor;
--! EndIncluded functions/ledger_private/merkle_root.sql
--! Included functions/ledger_private/seal_leaf.sql
create or replace function ledger_private.seal_leaf(wallet_id uuid, seq bigint, hash bytea)
returns bytea
language sql
immutable
as $$
  select sha256(E'\\x00'::bytea || uuid_send(wallet_id) || int8send(seq) || hash)
$$;

comment on function ledger_private.seal_leaf(uuid, bigint, bytea) is
$$A leaf of a block: SHA-256 over a byte 0, the id of the wallet, the number of its newest entry (eight bytes, big-endian) and the hash of that
entry, which covers all entries before it. In the same way, of what is chained beside entries, the newest row: of a wallet its newest event, of an
asset (its id: asset_id) its newest limits (0: the asset itself), and the newest verification (its id: 0).$$;

revoke all on function ledger_private.seal_leaf(uuid, bigint, bytea) from public;
grant execute on function ledger_private.seal_leaf(uuid, bigint, bytea) to wallet_auditor;
--! EndIncluded functions/ledger_private/seal_leaf.sql
--! Included functions/ledger_private/seal_hash.sql
create or replace function ledger_private.seal_hash(seal ledger.seals)
returns bytea
language sql
stable
as $$
  select sha256(convert_to('wallet ledger seal 1', 'UTF8')
    || array_send(array[seal.seq, seal.entries, seal.wallets, seal.epoch])
    || array_send(array[seal.root, seal.previous, xid8send(seal.horizon), uuid_send(seal.horizon_id), timestamptz_send(seal.sealed_at),
      convert_to(seal.actor, 'UTF8')]))
$$;

comment on function ledger_private.seal_hash(ledger.seals) is
$$The hash of a seal: SHA-256 over the text "wallet ledger seal 1" and every other fact of it, in two arrays (bigint, bytea) in the binary format
of PostgreSQL, which has a length before each element (-1 for null), so that no two different seals have the same bytes. Integers are big-endian,
the time microseconds since 2000-01-01 UTC, the text UTF-8. The order is for ever.$$;

revoke all on function ledger_private.seal_hash(ledger.seals) from public;
grant execute on function ledger_private.seal_hash(ledger.seals) to wallet_auditor;
--! EndIncluded functions/ledger_private/seal_hash.sql
--! Included functions/ledger_private/unsealed_heads.sql
create or replace function ledger_private.unsealed_heads(start ledger_private.feed_place, until ledger_private.feed_place)
returns table (wallet_id uuid, seq bigint, sealed_seq bigint, hash bytea)
language sql
stable
as $$
  select h.wallet_id, h.seq, coalesce(s.seq, 0), e.hash
  from (
    select x.wallet_id, max(x.seq) as seq
    from ledger.transfers t
    cross join lateral (values (t.debit_wallet_id, t.debit_seq), (t.credit_wallet_id, t.credit_seq)) x (wallet_id, seq)
    where (t.xid, t.id) > (start.xid, start.id) and (t.xid, t.id) <= (until.xid, until.id) and x.wallet_id is not null
    group by x.wallet_id
  ) h
  left join lateral (
    select n.seq from ledger.seal_heads n where n.wallet_id = h.wallet_id order by n.seal_seq desc limit 1
  ) s on true
  join ledger.entries e on e.wallet_id = h.wallet_id and e.seq = h.seq
  -- An entry may be sealed before the one that it follows has come: the chain of hashes covers that.
  where h.seq > coalesce(s.seq, 0)
$$;

comment on function ledger_private.unsealed_heads(ledger_private.feed_place, ledger_private.feed_place) is
$$The newest entry of each wallet among the transfers after one place of the feed and up to another, where it is not sealed yet; and which entry
was sealed last.$$;

revoke all on function ledger_private.unsealed_heads(ledger_private.feed_place, ledger_private.feed_place) from public;
grant execute on function ledger_private.unsealed_heads(ledger_private.feed_place, ledger_private.feed_place) to wallet_auditor;
--! EndIncluded functions/ledger_private/unsealed_heads.sql
--! Included functions/ledger_private/asset_id.sql
create or replace function ledger_private.asset_id(code text)
returns uuid
language sql
immutable
as $$
  select ledger_private.uuid_v8(sha256(array_send(array['ledger.asset.v1', convert_to(code, 'UTF8')])))
$$;

comment on function ledger_private.asset_id(text) is 'The id under which an asset with its limits is sealed: derived from its code.';

revoke all on function ledger_private.asset_id(text) from public;
grant execute on function ledger_private.asset_id(text) to wallet_auditor;
--! EndIncluded functions/ledger_private/asset_id.sql
--! Included functions/ledger_private/records.sql
create or replace function ledger_private.records()
returns table (chain ledger_private.record_chain, id uuid, seq bigint, hash bytea)
language sql
stable
as $$
  select 'wallet'::ledger_private.record_chain, v.wallet_id, v.seq::bigint, v.hash from ledger.wallet_events v
  union all
  select 'asset', ledger_private.asset_id(a.code), 0, a.hash from ledger.assets a
  union all
  select 'asset', ledger_private.asset_id(l.asset_code), l.seq, l.hash from ledger.asset_limits l
  union all
  select 'verifications', '00000000-0000-0000-0000-000000000000', v.seq, v.hash from ledger.verifications v
$$;

comment on function ledger_private.records() is
$$Every row beside the entries that is sealed, by its chain and its number there: of a wallet its events, of an asset itself (0) and its limits, and
the verifications.$$;

revoke all on function ledger_private.records() from public;
grant execute on function ledger_private.records() to wallet_auditor;
--! EndIncluded functions/ledger_private/records.sql
--! Included functions/ledger_private/unsealed_records.sql
create or replace function ledger_private.unsealed_records(max_records int)
returns table (chain ledger_private.record_chain, id uuid, seq bigint, hash bytea)
language sql
stable
as $$
  select 'wallet'::ledger_private.record_chain, h.wallet_id, h.seq::bigint, v.hash
  from (
    select u.wallet_id, max(u.seq) as seq
    from (select n.* from ledger_private.unsealed_events n order by n.wallet_id, n.seq limit max_records) u
    group by u.wallet_id
  ) h
  join ledger.wallet_events v on v.wallet_id = h.wallet_id and v.seq = h.seq
  union all
  -- The other chains are few: the newest row of each is compared with what was sealed of it.
  select h.chain, h.id, h.seq, h.hash
  from (
    select 'asset'::ledger_private.record_chain as chain, ledger_private.asset_id(a.code) as id, coalesce(l.seq, 0)::bigint as seq,
      coalesce(l.hash, a.hash) as hash
    from ledger.assets a
    left join lateral (select n.seq, n.hash from ledger.asset_limits n where n.asset_code = a.code order by n.seq desc limit 1) l on true
    union all
    (select 'verifications', '00000000-0000-0000-0000-000000000000', v.seq, v.hash from ledger.verifications v order by v.seq desc limit 1)
  ) h
  where h.seq > coalesce(
    (select s.seq from ledger.seal_records s where s.chain = h.chain and s.id = h.id order by s.seal_seq desc limit 1), -1)
$$;

comment on function ledger_private.unsealed_records(int) is
$$The newest row of each chain beside the entries that is not sealed yet; of the wallets no more than so many events.$$;

revoke all on function ledger_private.unsealed_records(int) from public;
--! EndIncluded functions/ledger_private/unsealed_records.sql

-- Proofs
--! Included functions/ledger_private/verify_entries.sql
create or replace function ledger_private.verify_entries(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with reserved as (
    -- What holds and their ends do to the bonus credits that are reserved.
    select t.wallet_id, coalesce(t.debit_seq, t.credit_seq) as seq, h.amount, h.bonus_amount, h.expires_at,
      case t.kind when 'hold' then t.bonus_amount else -h.bonus_amount end as change, t.kind = 'release' and t.idem_key is null as settling
    from ledger.transfers t
    left join ledger.holds h on h.wallet_id = t.wallet_id and h.id = t.hold_id
    where t.kind in ('hold', 'capture', 'release') and t.wallet_id between first_id and last_id
  ), walked as (
    select e, lag(e) over wallet as head, h, coalesce(sum(h.change) over wallet, 0) as held_bonus,
      -- What was due by then, the wallet had to have booked by now.
      max(case when h.settling then null else e.created_at end) over wallet as due_by
    from ledger.entries e
    left join reserved h on h.wallet_id = e.wallet_id and h.seq = e.seq
    where e.wallet_id between first_id and last_id
    window wallet as (partition by e.wallet_id order by e.seq)
  ), joined as (
    -- In numeric, because a tampered amount must not end the proof by an overflow.
    select k.*, t, w.id as wallet_id, case when (k.e).side = w.normal_side then 1 else -1 end::numeric as sign,
      (k.e).wallet_id = t.wallet_id as acting
    from walked k
    left join ledger.wallets w on w.id = (k.e).wallet_id
    left join ledger.transfers t on t.id = (k.e).transfer_id
  ), judged as (
    select j.e, j.head, j.t, j.wallet_id,
      (j.e).seq <> coalesce((j.head).seq, 0)::numeric + 1 as breaks_seq,
      ((j.e).balance, (j.e).bonus_balance, (j.e).held_balance, (j.e).topped_up_total, (j.e).granted_total, (j.e).spent_total)
        is distinct from (
          coalesce((j.head).balance, 0) + j.sign * (j.e).amount,
          coalesce((j.head).bonus_balance, 0) + j.sign * (j.e).bonus_amount,
          coalesce((j.head).held_balance, 0)::numeric + (j.e).held_amount,
          coalesce((j.head).topped_up_total, 0)::numeric + case when (j.e).kind = 'top_up' then (j.e).amount else 0 end,
          coalesce((j.head).granted_total, 0)::numeric + case when (j.e).kind = 'bonus' then (j.e).amount else 0 end,
          coalesce((j.head).spent_total, 0)::numeric + case when (j.e).kind in ('spend', 'capture') then (j.e).amount else 0 end)
        or (j.e).balance < greatest((j.e).bonus_balance, (j.e).held_balance)
        or least((j.e).bonus_balance, (j.e).held_balance) < 0
        -- What is reserved of bonus credits is there, and so is what is reserved of paid ones.
        or j.held_bonus not between (j.e).bonus_balance::numeric + (j.e).held_balance - (j.e).balance and (j.e).bonus_balance as breaks_balance,
      coalesce((j.e).created_at < (j.head).created_at, false) as breaks_time,
      (j.e).hash is distinct from ledger_private.entry_hash(
        (j.head).hash, ledger_private.entry_bytes(j.e, ledger_private.transfer_bytes(j.t))) as breaks_hash,
      j.wallet_id is null or (j.t).id is null as breaks_reference,
      (j.t).id is not null and ((j.e).kind, (j.e).wallet_id, (j.e).seq, (j.e).held_amount, (j.e).amount, (j.e).bonus_amount)
        is distinct from ((j.t).kind,
          case (j.e).side when 'debit' then (j.t).debit_wallet_id else (j.t).credit_wallet_id end,
          case (j.e).side when 'debit' then (j.t).debit_seq else (j.t).credit_seq end,
          case when not j.acting then 0 when (j.t).kind = 'hold' then (j.t).amount else coalesce(-(j.h).amount, 0) end,
          -- A reservation moves nothing.
          case when (j.t).kind in ('hold', 'release') then 0 else (j.t).amount end,
          case when (j.t).kind in ('hold', 'release') then 0 else (j.t).bonus_amount end) as breaks_transfer,
      -- Bonus credits go first, as far as they are not reserved. Of a reversal, verify_reversals() knows.
      coalesce(j.acting and (j.t).kind <> 'reversal' and (j.t).bonus_amount <> case
        when (j.t).kind = 'top_up' then 0
        when (j.t).kind in ('bonus', 'expiry') then (j.t).amount
        when (j.t).kind = 'capture' then least((j.t).amount, (j.h).bonus_amount)
        when (j.t).kind = 'release' then (j.h).bonus_amount
        else least((j.t).amount, coalesce((j.head).bonus_balance, 0) - j.held_bonus + coalesce((j.h).change, 0)) end, false) as breaks_bonus,
      coalesce(j.acting and (j.t).kind in ('capture', 'release') and (j.h).expires_at <= j.due_by, false) as breaks_hold
    from joined j
  )
  select f.rule, (g.e).wallet_id, (g.e).seq, (g.e).transfer_id, f.detail
  from judged g
  cross join lateral (values
    ('entry_seq', g.breaks_seq, jsonb_build_object('expected', coalesce((g.head).seq, 0)::numeric + 1)),
    ('entry_balance', g.breaks_balance, jsonb_build_object('after', to_jsonb(g.head) - 'hash')),
    ('entry_time', g.breaks_time, jsonb_build_object('after', (g.head).created_at)),
    ('entry_hash', g.breaks_hash, jsonb_build_object('found', encode((g.e).hash, 'hex'))),
    ('entry_reference', g.breaks_reference,
      jsonb_build_object('wallet_found', g.wallet_id is not null, 'transfer_found', (g.t).id is not null)),
    ('entry_transfer', g.breaks_transfer, jsonb_build_object('transfer', to_jsonb(g.t) - 'metadata' - 'idem_key')),
    ('transfer_facts', g.breaks_bonus, to_jsonb(g.t) - 'metadata' - 'idem_key'),
    ('hold_expiry', g.breaks_hold, jsonb_build_object('hold_id', (g.t).hold_id))
  ) as f (rule, broken, detail)
  where (g.breaks_seq or g.breaks_balance or g.breaks_time or g.breaks_hash or g.breaks_reference or g.breaks_transfer
      or g.breaks_bonus or g.breaks_hold)
    and f.broken
$$;

comment on function ledger_private.verify_entries(uuid, uuid) is
  'Findings in the entries of the wallets from one id to another: each against the one before it, its transfer and its wallet.';

revoke all on function ledger_private.verify_entries(uuid, uuid) from public;
grant execute on function ledger_private.verify_entries(uuid, uuid) to wallet_auditor;
--! EndIncluded functions/ledger_private/verify_entries.sql
--! Included functions/ledger_private/verify_transfers.sql
create or replace function ledger_private.verify_transfers(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with chosen as (
    select t.* from ledger.transfers t where t.wallet_id between first_id and last_id
    union all
    -- What others sent to a single wallet is found through its entries.
    select t.* from ledger.transfers t
    where first_id = last_id and t.wallet_id <> first_id
      and t.id in (select e.transfer_id from ledger.entries e where e.wallet_id = first_id)
  ), legs as (
    select t, o, h, l.side, l.leg_wallet_id, l.leg_seq, l.leg_wallet_id = t.wallet_id as acting,
      case when l.side = 'debit' then t.credit_wallet_id else t.debit_wallet_id end as other_wallet_id,
      -- The side on which the acting wallet has to be.
      case
        when t.kind in ('top_up', 'bonus', 'release') then 'credit'::ledger.entry_side
        when t.kind <> 'reversal' or o.credit_wallet_id = t.wallet_id then 'debit'
        else 'credit' end as acting_side
    from chosen t
    -- Few have one: it is looked up, and not found in a hash table of all transfers.
    left join lateral (select n.* from ledger.transfers n where n.id = t.reverses and n.wallet_id = t.wallet_id offset 0) o on true
    left join ledger.holds h on h.wallet_id = t.wallet_id and h.id = t.hold_id
    cross join lateral (values
      ('debit'::ledger.entry_side, t.debit_wallet_id, t.debit_seq),
      ('credit', t.credit_wallet_id, t.credit_seq)
    ) as l (side, leg_wallet_id, leg_seq)
    -- A reservation has one side, and nothing else has.
    where l.leg_wallet_id is not null or t.kind not in ('hold', 'release') or num_nonnulls(t.debit_wallet_id, t.credit_wallet_id) = 0
  ), judged as (
    select l.*, w.house, w.stripe, w.asset_code,
      e.transfer_id is distinct from (l.t).id or e.side is distinct from l.side or w.id is null as breaks_reference,
      -- The acting wallet is a player's, on the side that the kind demands; the other is in the account that the kind
      -- decides, there in the acting wallet's stripe or in the batches'; of a reversal, the original's very wallet.
      l.leg_wallet_id is not null and (coalesce(w.asset_code <> o.asset_code, false) or case when l.acting
        then w.house is not null or l.side <> l.acting_side
        else (l.t).wallet_id is distinct from l.other_wallet_id
          or (l.t).kind in ('hold', 'release')
          or case when (l.t).kind = 'reversal'
            then l.leg_wallet_id is distinct from case l.side when 'debit' then (l.o).credit_wallet_id else (l.o).debit_wallet_id end
            else w.house is distinct from ledger_private.house_account((l.t).kind)
              or coalesce(w.stripe not in (ledger.wallet_stripe((l.t).wallet_id), 32), false) end end) as breaks_sides,
      coalesce(l.acting, false) and (
        ((l.t).idem_key is null) <> ((l.t).kind = 'expiry' or (l.t).kind = 'release' and (l.t).idem_key is null
          and coalesce((l.h).expires_at <= (l.t).created_at, false))
        or (l.t).amount not between 1 and case (l.t).kind when 'expiry' then 9000000000000000000 else 1000000000000000 end
        or (l.t).requested_amount is distinct from case
          when (l.t).kind in ('release', 'expiry') or (l.t).kind in ('capture', 'reversal') and (l.t).requested_amount is null then null
          else (l.t).amount end
        or ((l.t).kind = 'reversal') <> ((l.t).reverses is not null)
        or ((l.t).kind in ('hold', 'capture', 'release')) <> ((l.t).hold_id is not null)
        or ((l.t).kind = 'hold') <> coalesce((l.t).hold_id = (l.t).id, false)
        or (l.t).expires_at is not null and ((l.t).kind not in ('bonus', 'hold') or (l.t).expires_at <= (l.t).created_at)
        or (l.t).kind = 'capture' and (l.t).amount > (l.h).amount
        or ((l.t).kind = 'release' or (l.t).kind = 'capture' and (l.t).requested_amount is null)
          and (l.t).amount is distinct from (l.h).amount
        or coalesce(e.transfer_id = (l.t).id and e.created_at <> (l.t).created_at, false)) as breaks_facts
    from legs l
    left join ledger.entries e on e.wallet_id = l.leg_wallet_id and e.seq = l.leg_seq
    left join ledger.wallets w on w.id = l.leg_wallet_id
    left join ledger.wallets o on o.id = l.other_wallet_id
  )
  select f.rule, (g.t).wallet_id, g.leg_seq, (g.t).id, f.detail
  from judged g
  cross join lateral (values
    ('transfer_reference', g.breaks_reference,
      jsonb_build_object('side', g.side, 'entry', g.leg_seq, 'wallet_id', g.leg_wallet_id)),
    ('transfer_sides', g.breaks_sides,
      jsonb_build_object('side', g.side, 'account', g.house, 'stripe', g.stripe, 'asset_code', g.asset_code)),
    ('transfer_facts', g.breaks_facts, to_jsonb(g.t) - 'metadata' - 'idem_key')
  ) as f (rule, broken, detail)
  where (g.breaks_reference or g.breaks_sides or g.breaks_facts) and f.broken
$$;

comment on function ledger_private.verify_transfers(uuid, uuid) is
$$Findings in the transfers of the wallets from one id to another (of a single one, all that touch it): both entries there, on the accounts,
of the asset and with the facts that the kind demands. (Its bonus part, verify_entries() proves.)$$;

revoke all on function ledger_private.verify_transfers(uuid, uuid) from public;
grant execute on function ledger_private.verify_transfers(uuid, uuid) to wallet_auditor;
--! EndIncluded functions/ledger_private/verify_transfers.sql
--! Included functions/ledger_private/verify_wallets.sql
create or replace function ledger_private.verify_wallets(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  select f.rule, w.id, null::bigint, null::uuid, f.detail
  from ledger.wallets w
  cross join lateral (
    select 'wallet_id', jsonb_build_object('owner_id', w.owner_id, 'house', w.house, 'stripe', w.stripe)
      where case
        when w.house is null then w.id is distinct from ledger.wallet_id(w.owner_id, w.asset_code)
        when w.stripe between 0 and 32 then w.id <> ledger_private.house_wallet_id(w.asset_code, w.house, w.stripe)
        else true end
    union all
    select 'wallet_status', jsonb_build_object('status', w.status, 'event', v.kind)
      from (select max(e.seq) as seq from ledger.wallet_events e where e.wallet_id = w.id) newest
      left join ledger.wallet_events v on v.wallet_id = w.id and v.seq = newest.seq
      where (case v.kind when 'opened' then 'open' when 'reopened' then 'open' else v.kind::text end)
        is distinct from w.status::text
  ) as f (rule, detail)
  where w.id between first_id and last_id
  union all
  select 'wallet_reference', w.id, null, null, jsonb_build_object('asset_code', w.asset_code)
  from ledger.wallets w
  where w.id between first_id and last_id
    and not exists (select from ledger.assets a where a.code = w.asset_code)
  union all
  select 'wallet_reference', e.wallet_id, null, null, jsonb_build_object('event', e.seq)
  from ledger.wallet_events e
  where e.wallet_id between first_id and last_id and not exists (select from ledger.wallets w where w.id = e.wallet_id)
$$;

comment on function ledger_private.verify_wallets(uuid, uuid) is
  'Findings in the wallets from one id to another: the id derived from owner or account, the status what its newest event says, the asset
there, no event without its wallet.';

revoke all on function ledger_private.verify_wallets(uuid, uuid) from public;
grant execute on function ledger_private.verify_wallets(uuid, uuid) to wallet_auditor;
--! EndIncluded functions/ledger_private/verify_wallets.sql
--! Included functions/ledger_private/verify_sums.sql
create or replace function ledger_private.verify_sums()
returns setof ledger.finding
language sql
stable
as $$
  with heads as (
    select distinct on (e.wallet_id) e.wallet_id, e.balance, e.bonus_balance
    from ledger.entries e
    order by e.wallet_id, e.seq desc
  ), sums as (
    select w.asset_code,
      coalesce(sum(h.balance) filter (where w.normal_side = 'debit'), 0) as debit,
      coalesce(sum(h.balance) filter (where w.normal_side = 'credit'), 0) as credit,
      coalesce(sum(h.bonus_balance) filter (where w.normal_side = 'debit'), 0) as debit_bonus,
      coalesce(sum(h.bonus_balance) filter (where w.normal_side = 'credit'), 0) as credit_bonus
    from heads h
    join ledger.wallets w on w.id = h.wallet_id
    group by w.asset_code
  )
  select 'asset_sum', null::uuid, null::bigint, null::uuid, to_jsonb(s)
  from sums s
  where s.debit <> s.credit or s.debit_bonus <> s.credit_bonus
$$;

comment on function ledger_private.verify_sums() is
  'A finding for each asset whose debit-normal and credit-normal balances have different sums, bonus credits counted too.';

revoke all on function ledger_private.verify_sums() from public;
grant execute on function ledger_private.verify_sums() to wallet_auditor;
--! EndIncluded functions/ledger_private/verify_sums.sql
--! Included functions/ledger_private/verify_holds.sql
create or replace function ledger_private.verify_holds(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with placed as (
    select t.* from ledger.transfers t
    where t.kind = 'hold' and t.wallet_id between first_id and last_id
  ), holds as (
    select h.* from ledger.holds h where h.wallet_id between first_id and last_id
  ), closings as (
    select t.*, case when t.kind = 'release' then t.credit_seq else t.debit_seq end as seq from ledger.transfers t
    where t.kind in ('capture', 'release') and t.wallet_id between first_id and last_id
  ), open as (
    select h.* from holds h where not exists (select from closings c where c.wallet_id = h.wallet_id and c.hold_id = h.id)
  ), listed as (
    select o.* from ledger_private.open_holds o where o.wallet_id between first_id and last_id
  )
  select 'hold_reference', coalesce(h.wallet_id, t.wallet_id), coalesce(h.seq, t.debit_seq), coalesce(h.id, t.id), to_jsonb(h)
  from placed t
  full join holds h on h.wallet_id = t.wallet_id and h.id = t.id
  where (h.seq, h.amount, h.bonus_amount, h.expires_at, h.created_at)
    is distinct from (t.debit_seq, t.amount, t.bonus_amount, t.expires_at, t.created_at)
  union all
  select 'hold_reference', c.wallet_id, c.seq, c.id, jsonb_build_object('hold_id', c.hold_id)
  from closings c
  left join holds h on h.wallet_id = c.wallet_id and h.id = c.hold_id
  where h.id is null or c.seq <= h.seq
  union all
  -- What the end of a hold did to the lots that it pinned.
  select 'lot_draws', c.wallet_id, c.seq, c.id, jsonb_build_object('found', to_jsonb(m.d), 'expected', to_jsonb(m.x))
  from closings c
  cross join lateral (
    select x, d
    from ledger_private.closing_draws(c.wallet_id, c.hold_id, c.seq, case c.kind when 'capture' then c.bonus_amount else 0 end) x
    full join (select d.* from ledger.bonus_lot_draws d where d.wallet_id = c.wallet_id and d.seq = c.seq) d
      on d.lot_seq = x.lot_seq and d.expires_at = x.expires_at
    where (d.hold_id, d.amount, d.held_amount) is distinct from (x.hold_id, x.amount, x.held_amount)
  ) m (x, d)
  union all
  -- Nothing that was due by the newest entry is open. (When it was ended, verify_entries() proves.)
  select 'hold_expiry', h.wallet_id, h.seq, h.id, jsonb_build_object('expires_at', h.expires_at)
  from open h
  cross join lateral ledger_private.head(h.wallet_id) e
  where h.expires_at <= e.created_at
  union all
  select 'work_list', coalesce(o.wallet_id, h.wallet_id), h.seq, coalesce(o.hold_id, h.id), to_jsonb(o)
  from listed o
  full join open h on h.wallet_id = o.wallet_id and h.id = o.hold_id
  where o.hold_id is null or h.id is null or o.expires_at is distinct from h.expires_at
$$;

comment on function ledger_private.verify_holds(uuid, uuid) is
$$Findings in the holds of the wallets from one id to another: each placed by its transfer, ended by one that came later and freed all its lots,
and the list of open ones true.$$;

revoke all on function ledger_private.verify_holds(uuid, uuid) from public;
grant execute on function ledger_private.verify_holds(uuid, uuid) to wallet_auditor;
--! EndIncluded functions/ledger_private/verify_holds.sql
--! Included functions/ledger_private/verify_lots.sql
create or replace function ledger_private.verify_lots(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with lots as (
    select l.* from ledger.bonus_lots l where l.wallet_id between first_id and last_id
  ), draws as (
    select d.*, lag(d.balance) over lot as balance_before, lag(d.held_balance) over lot as held_before
    from ledger.bonus_lot_draws d
    where d.wallet_id between first_id and last_id
    window lot as (partition by d.wallet_id, d.lot_seq, d.expires_at order by d.seq)
  ), expected as (
    -- A lot for each expiring bonus, and at the receiver for each expiry among the lots that a transfer drew from.
    select e.wallet_id, e.seq, coalesce(t.expires_at, d.expires_at) as expires_at,
      case e.kind when 'bonus' then t.amount else sum(d.amount) end as amount
    from ledger.entries e
    join ledger.transfers t on t.id = e.transfer_id
    left join ledger.bonus_lot_draws d on e.kind = 'transfer' and d.wallet_id = t.debit_wallet_id and d.seq = t.debit_seq
    where e.wallet_id between first_id and last_id and e.side = 'credit' and e.bonus_amount > 0
      and (e.kind = 'bonus' and t.expires_at is not null or e.kind = 'transfer' and d.wallet_id is not null)
    group by e.wallet_id, e.seq, e.kind, t.expires_at, t.amount, d.expires_at
  ), state as (
    select l.wallet_id, l.seq, l.expires_at, s.balance, s.balance - s.held_balance as free
    from lots l
    cross join lateral ledger_private.lot_at(l, 9223372036854775807) s
  )
  select 'lot_reference', coalesce(l.wallet_id, x.wallet_id), coalesce(l.seq, x.seq), null::uuid,
    jsonb_build_object('expires_at', coalesce(l.expires_at, x.expires_at), 'amount', l.amount, 'expected', x.amount)
  from lots l
  full join expected x on x.wallet_id = l.wallet_id and x.seq = l.seq and x.expires_at = l.expires_at
  where l.amount is distinct from x.amount
  union all
  select 'lot_balance', d.wallet_id, d.seq, null, to_jsonb(d)
  from draws d
  left join lots l on l.wallet_id = d.wallet_id and l.seq = d.lot_seq and l.expires_at = d.expires_at
  where l.seq is null or d.seq <= l.seq
    or d.balance is distinct from coalesce(d.balance_before, l.amount)::numeric - d.amount
    or d.held_balance is distinct from coalesce(d.held_before, 0)::numeric + d.held_amount
    or d.balance > l.amount or d.held_balance not between 0 and d.balance
  union all
  select 'work_list', coalesce(o.wallet_id, s.wallet_id), coalesce(o.lot_seq, s.seq), null, to_jsonb(o)
  from (
    select o.* from ledger_private.open_lots o where o.wallet_id between first_id and last_id
  ) o
  full join (select s.* from state s where s.balance > 0) s
    on s.wallet_id = o.wallet_id and s.expires_at = o.expires_at and s.seq = o.lot_seq
  where o.lot_seq is null or s.seq is null or o.due_at is distinct from case when s.free > 0 then s.expires_at end
$$;

comment on function ledger_private.verify_lots(uuid, uuid) is
$$Findings in the lots of the wallets from one id to another: each made by its entry, what was drawn adding up, and the list of open ones true.
(How they were emptied, verify_order() proves.)$$;

revoke all on function ledger_private.verify_lots(uuid, uuid) from public;
grant execute on function ledger_private.verify_lots(uuid, uuid) to wallet_auditor;
--! EndIncluded functions/ledger_private/verify_lots.sql
--! Included functions/ledger_private/verify_draws.sql
create or replace function ledger_private.verify_draws(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with drawn as (
    select d.wallet_id, d.seq, sum(d.amount) as amount, min(d.amount) as least_amount, max(d.amount) as most_amount,
      sum(d.held_amount) as held_amount, min(d.held_amount) as least_held, max(d.held_amount) as most_held,
      min(d.expires_at) as first_expiry, max(d.expires_at) as last_expiry, array_agg(distinct d.hold_id) as holds
    from ledger.bonus_lot_draws d
    where d.wallet_id between first_id and last_id
    group by d.wallet_id, d.seq
  ), expiries as (
    select t.* from ledger.transfers t
    where t.kind = 'expiry' and t.wallet_id between first_id and last_id
  )
  select 'lot_draws', d.wallet_id, d.seq, t.id, to_jsonb(d)
  from drawn d
  left join ledger.entries e on e.wallet_id = d.wallet_id and e.seq = d.seq
  left join ledger.transfers t on t.id = e.transfer_id
  where case
    -- What the end of a hold frees and takes, verify_holds() proves.
    when t.kind in ('capture', 'release') then false
    when t.kind = 'hold' then d.least_amount < 0 or d.most_amount > 0 or d.least_held <= 0 or d.held_amount > t.bonus_amount
      or d.holds is distinct from array[t.id] or d.first_expiry <= e.created_at
    when d.least_held <> 0 or d.most_held <> 0 or d.holds is distinct from array[null::uuid] then true
    -- What goes back, and to which lots, verify_reversals() proves.
    when t.kind = 'reversal' then false
    when t.wallet_id <> d.wallet_id or d.least_amount <= 0 then true
    when t.kind in ('spend', 'transfer') then d.amount > t.bonus_amount or d.first_expiry <= e.created_at
    when t.kind = 'expiry' then d.amount <> t.amount or d.last_expiry > e.created_at
    else true end
  union all
  select 'lot_draws', x.wallet_id, x.debit_seq, x.id, null
  from expiries x
  where not exists (select from drawn d where d.wallet_id = x.wallet_id and d.seq = x.debit_seq)
$$;

comment on function ledger_private.verify_draws(uuid, uuid) is
$$Findings in what the entries of the wallets from one id to another drew from lots: as much as their kind demands, of lots that had not expired
(an expiry: that had). In which order, verify_order() proves.$$;

revoke all on function ledger_private.verify_draws(uuid, uuid) from public;
grant execute on function ledger_private.verify_draws(uuid, uuid) to wallet_auditor;
--! EndIncluded functions/ledger_private/verify_draws.sql
--! Included functions/ledger_private/verify_reversals.sql
create or replace function ledger_private.verify_reversals(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with chosen as (
    select c.r, (c.r).wallet_id, (c.r).id,
      case when (c.r).debit_wallet_id = (c.r).wallet_id then (c.r).debit_seq else (c.r).credit_seq end as seq
    from (
      select t from ledger.transfers t where t.kind = 'reversal' and t.wallet_id between first_id and last_id
      union all
      -- That of a transfer to a single wallet is found through its entries.
      select t from ledger.transfers t
      where first_id = last_id and t.kind = 'reversal' and t.wallet_id <> first_id
        and t.id in (select e.transfer_id from ledger.entries e where e.wallet_id = first_id)
    ) c (r)
  ), reversals as (
    select c.wallet_id, c.seq, c.id, c.r, o, sum((c.r).amount) over earlier as reversed, sum((c.r).bonus_amount) over earlier as reversed_bonus,
      o.kind = 'transfer' as between_players,
      case when o.debit_wallet_id = o.wallet_id then o.debit_seq else o.credit_seq end as original_seq
    from chosen c
    left join ledger.transfers o on o.id = (c.r).reverses and o.wallet_id = c.wallet_id
    window earlier as (partition by c.wallet_id, (c.r).reverses order by c.seq)
  ), judged as (
    select v.*,
      -- Paid credits go back first; what of it is bonus credits follows from what was reversed before.
      (v.r).bonus_amount - (greatest(v.reversed - p.paid, 0) - greatest(v.reversed - (v.r).amount - p.paid, 0)) as too_much_bonus,
      v.reversed - v.reversed_bonus < p.paid as paid_left
    from reversals v
    cross join lateral (select (v.o).amount::numeric - (v.o).bonus_amount as paid) p
  )
  select 'transfer_reversed', (v.o).wallet_id, null::bigint, (v.o).id, jsonb_build_object('exceeded', x.parts)
  from (select distinct on ((r.o).id) r.o from reversals r where (r.o).id is not null) v
  cross join lateral (
    select jsonb_agg(to_jsonb(p) order by p.source, p.expires_at, p.lot_seq) from ledger_private.reversible_parts(v.o) p where p.amount < 0
  ) x (parts)
  where x.parts is not null
  union all
  select 'transfer_reversed', j.wallet_id, j.seq, j.id, jsonb_build_object('original', j.o, 'reversed', j.reversed)
  from judged j
  where case
    when (j.o).id is null or (j.o).kind not in ('top_up', 'bonus', 'spend', 'capture', 'transfer') or j.original_seq >= j.seq then true
    when (j.r).requested_amount is null and j.reversed <> (j.o).amount then true
    when not j.between_players then j.too_much_bonus <> 0
    -- A receiver gives what it still has of them: bonus credits only once no paid one is free.
    when (j.r).bonus_amount > 0 and j.paid_left then exists (
      select from ledger.entries e
      where e.wallet_id = (j.r).debit_wallet_id and e.seq = (j.r).debit_seq
        and e.balance - e.bonus_balance > case when e.held_balance = 0 then 0 else e.held_balance - (
          select coalesce(sum(h.bonus_amount), 0)
          from ledger.holds h
          where h.wallet_id = e.wallet_id and h.seq < e.seq and not exists (
            select from ledger.transfers c
            where c.wallet_id = h.wallet_id and c.hold_id = h.id and c.kind <> 'hold' and coalesce(c.debit_seq, c.credit_seq) < e.seq)) end)
    else false end
  union all
  select 'lot_draws', j.wallet_id, j.seq, j.id,
    jsonb_build_object('wallet_id', d.wallet_id, 'lot_seq', d.lot_seq, 'expires_at', d.expires_at, 'amount', d.amount, 'expected', d.expected)
  from judged j
  cross join lateral ledger_private.reversal_draws(j.r, j.o, (j.reversed_bonus - (j.r).bonus_amount)::bigint) d
  where d.amount is distinct from d.expected
  union all
  select 'lot_draws', j.wallet_id, j.seq, j.id, jsonb_build_object('drawn', d.amount, 'bonus_amount', (j.r).bonus_amount)
  from judged j
  cross join lateral (
    select sum(d.amount) from ledger.bonus_lot_draws d where d.wallet_id = (j.r).debit_wallet_id and d.seq = (j.r).debit_seq) d (amount)
  where j.between_players and d.amount > (j.r).bonus_amount
$$;

comment on function ledger_private.verify_reversals(uuid, uuid) is
$$Findings in the reversals of the wallets from one id to another (of a single one, all that touch it): the original there, earlier and of a
kind that can be reversed, no more reversed than it moved, of no source, paid credits given back first, and lots drawn from and given back to as
the original's were.$$;

revoke all on function ledger_private.verify_reversals(uuid, uuid) from public;
grant execute on function ledger_private.verify_reversals(uuid, uuid) to wallet_auditor;
--! EndIncluded functions/ledger_private/verify_reversals.sql
--! Included functions/ledger_private/verify_order.sql
create or replace function ledger_private.verify_order(first_id uuid, last_id uuid)
returns setof ledger.finding
language plpgsql
stable
as $$
declare
  v_wallet uuid;
  -- Its lots by rank, the earliest expiry first: when each expires, and what is free in it.
  v_expiries timestamptz[];
  v_free bigint[];
  v_first int; -- the first lot with free credits
  v_short boolean;
  v_step record;
begin
  for v_step in
    with lots as (
      select l.*, row_number() over (partition by l.wallet_id order by l.expires_at, l.seq)::int as rank
      from ledger.bonus_lots l
      where l.wallet_id between first_id and last_id
    ), changes as (
      select l.wallet_id, l.seq, l.rank, l.expires_at, l.amount as free, -l.amount::numeric as drawn from lots l
      union all
      select d.wallet_id, d.seq, l.rank, l.expires_at, d.balance - d.held_balance, d.amount::numeric + d.held_amount
      from ledger.bonus_lot_draws d
      join lots l on l.wallet_id = d.wallet_id and l.seq = d.lot_seq and l.expires_at = d.expires_at
      where d.wallet_id between first_id and last_id
    ), by_entry as (
      select c.wallet_id, c.seq, array_agg(c.rank) as ranks, array_agg(c.expires_at) as expiries, array_agg(c.free) as free,
        max(c.rank) as last, sum(c.drawn) as drawn
      from changes c
      group by c.wallet_id, c.seq
    ), reserved as (
      select t.wallet_id, coalesce(t.debit_seq, t.credit_seq) as seq, t.kind = 'release' and t.idem_key is null as settling,
        case t.kind when 'hold' then t.bonus_amount else -h.bonus_amount end as change
      from ledger.transfers t
      left join ledger.holds h on h.wallet_id = t.wallet_id and h.id = t.hold_id
      where t.kind in ('hold', 'capture', 'release') and t.wallet_id between first_id and last_id
    ), walked as (
      select e.wallet_id, e.seq, e.transfer_id, e.kind, e.side, e.created_at, c.ranks, c.expiries, c.free, c.last, c.drawn,
        case e.kind when 'hold' then h.change else e.bonus_amount end as bonus_amount,
        e.kind = 'expiry' or coalesce(h.settling, false) as settling,
        e.bonus_balance - coalesce(sum(h.change) over wallet, 0) as free_bonus, -sum(c.drawn) over wallet as in_lots
      from ledger.entries e
      left join reserved h on h.wallet_id = e.wallet_id and h.seq = e.seq
      left join by_entry c on c.wallet_id = e.wallet_id and c.seq = e.seq
      where e.wallet_id in (select l.wallet_id from lots l)
      window wallet as (partition by e.wallet_id order by e.seq)
    )
    select w.wallet_id, w.seq, w.transfer_id, w.ranks, w.expiries, w.free, w.in_lots, w.free_bonus,
      -- The rank up to which it emptied all; null where it took nothing that may be in lots.
      case when w.kind in ('spend', 'hold', 'transfer') and w.side = 'debit' and w.bonus_amount > 0 then
        case when w.drawn = w.bonus_amount then w.last else 2147483647 end end as emptied,
      -- What was due by then, the wallet's next entries had to book.
      case
        when lead(w.seq) over wallet is null or w.kind = 'expiry' then w.created_at
        when not lead(w.settling) over wallet then lead(w.created_at) over wallet end as due_by
    from walked w
    window wallet as (partition by w.wallet_id order by w.seq)
    order by w.wallet_id, w.seq
  loop
    if v_wallet is distinct from v_step.wallet_id then
      v_wallet := v_step.wallet_id;
      v_expiries := '{}';
      v_free := '{}';
      v_first := 1;
      v_short := false;
    end if;
    for i in 1 .. coalesce(cardinality(v_step.ranks), 0) loop
      v_expiries[v_step.ranks[i]] := v_step.expiries[i];
      v_free[v_step.ranks[i]] := v_step.free[i];
      v_first := least(v_first, v_step.ranks[i]);
    end loop;
    while v_first <= cardinality(v_free) and coalesce(v_free[v_first], 0) = 0 loop
      v_first := v_first + 1;
    end loop;
    if v_step.in_lots > v_step.free_bonus and not v_short then
      return next row('lot_balance', v_wallet, v_step.seq, v_step.transfer_id,
        jsonb_build_object('in_lots', v_step.in_lots, 'free_bonus', v_step.free_bonus))::ledger.finding;
    end if;
    v_short := v_step.in_lots > v_step.free_bonus;
    continue when v_first > cardinality(v_free);
    if v_first < v_step.emptied then
      return next row('lot_order', v_wallet, v_step.seq, v_step.transfer_id,
        jsonb_build_object('expires_at', v_expiries[v_first], 'free', v_free[v_first]))::ledger.finding;
    end if;
    if v_expiries[v_first] <= v_step.due_by then
      return next row('lot_expiry', v_wallet, v_step.seq, v_step.transfer_id,
        jsonb_build_object('expires_at', v_expiries[v_first], 'free', v_free[v_first]))::ledger.finding;
      v_free[v_first] := 0; -- Said once.
    end if;
  end loop;
end
$$;

comment on function ledger_private.verify_order(uuid, uuid) is
$$Findings in how the lots of the wallets from one id to another were emptied, entry by entry: the earliest expiry first, all of them before bonus
credits that do not expire, what was due by an entry of its own, and no more in them than the wallet's bonus credits that no hold reserves.$$;

revoke all on function ledger_private.verify_order(uuid, uuid) from public;
grant execute on function ledger_private.verify_order(uuid, uuid) to wallet_auditor;
--! EndIncluded functions/ledger_private/verify_order.sql
--! Included functions/ledger_private/verify_events.sql
create or replace function ledger_private.verify_events(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  select 'record_chain', c.wallet_id, null::bigint, null::uuid, jsonb_build_object('table', 'wallet_events', 'number', c.seq, 'place', c.place)
  from (
    select v.wallet_id, v.seq, v.hash, lag(v.hash) over wallet as previous, ledger_private.wallet_event_bytes(v) as bytes,
      row_number() over wallet as place,
      case when v.seq = 1 then ledger_private.record_hash(null, ledger_private.wallet_bytes(w)) end as start
    from ledger.wallet_events v
    left join ledger.wallets w on w.id = v.wallet_id
    where v.wallet_id between first_id and last_id
    window wallet as (partition by v.wallet_id order by v.seq)
  ) c
  where c.seq <> c.place or c.hash is distinct from ledger_private.record_hash(coalesce(c.previous, c.start), c.bytes)
$$;

comment on function ledger_private.verify_events(uuid, uuid) is
$$Findings in the wallets from one id to another and their events: these are numbered without gaps, the hash of the first covers the facts of the
wallet, and each covers the event and the hash before.$$;

revoke all on function ledger_private.verify_events(uuid, uuid) from public;
grant execute on function ledger_private.verify_events(uuid, uuid) to wallet_auditor;
--! EndIncluded functions/ledger_private/verify_events.sql
--! Included functions/ledger_private/verify_house.sql
create or replace function ledger_private.verify_house()
returns setof ledger.finding
language sql
stable
as $$
  select 'wallet_id', null::uuid, null::bigint, null::uuid, jsonb_build_object('asset_code', a.code, 'house', h.account, 'stripe', s.stripe)
  from ledger.assets a, unnest(enum_range(null::ledger.house_account)) as h (account), generate_series(0, 32) as s (stripe)
  where not exists (
    select from ledger.wallets w where w.asset_code = a.code and w.house = h.account and w.stripe = s.stripe
  )
$$;

comment on function ledger_private.verify_house() is 'A finding for each part of the house that an asset has no wallet for.';

revoke all on function ledger_private.verify_house() from public;
grant execute on function ledger_private.verify_house() to wallet_auditor;
--! EndIncluded functions/ledger_private/verify_house.sql
--! Included functions/ledger_private/verify_records.sql
create or replace function ledger_private.verify_records()
returns setof ledger.finding
language sql
stable
as $$
  with chains as (
    select 'assets' as source, 1::bigint as seq, a.code as of, a.hash, null::bytea as previous, ledger_private.asset_bytes(a) as bytes,
      1::bigint as place, null::bytea as start
    from ledger.assets a
    union all
    select 'asset_limits', l.seq, l.asset_code, l.hash, lag(l.hash) over asset, ledger_private.asset_limit_bytes(l),
      row_number() over asset, a.hash
    from ledger.asset_limits l
    left join ledger.assets a on a.code = l.asset_code
    window asset as (partition by l.asset_code order by l.seq)
    union all
    select 'feed_epochs', e.epoch, null, e.hash, lag(e.hash) over epochs, ledger_private.feed_epoch_bytes(e), e.epoch, null
    from ledger.feed_epochs e
    window epochs as (order by e.epoch)
    union all
    select 'verifications', v.seq, null, v.hash, lag(v.hash) over proofs, ledger_private.verification_bytes(v),
      row_number() over proofs, null
    from ledger.verifications v
    window proofs as (order by v.seq)
  )
  select 'record_chain', null::uuid, null::bigint, null::uuid,
    jsonb_strip_nulls(jsonb_build_object('table', c.source, 'asset_code', c.of, 'number', c.seq, 'place', c.place))
  from chains c
  where c.seq <> c.place or c.hash is distinct from ledger_private.record_hash(coalesce(c.previous, c.start), c.bytes)
  union all
  -- Of the epochs, numbers may be left out; the newest is one that seals know, or a later one.
  select 'record_chain', null, null, null, jsonb_build_object('table', 'feed_epochs', 'number', x.needed)
  from (select coalesce(max(s.epoch), 1) as needed from ledger.seals s) x
  where not exists (select from ledger.feed_epochs e where e.epoch >= x.needed)
$$;

comment on function ledger_private.verify_records() is
$$Findings in what is chained beside the entries and is of no single wallet: assets and their limits, and the verifications, are numbered without
gaps, no epoch of the feed is missing, and each hash covers the row and the one before.$$;

revoke all on function ledger_private.verify_records() from public;
grant execute on function ledger_private.verify_records() to wallet_auditor;
--! EndIncluded functions/ledger_private/verify_records.sql
--! Included functions/ledger_private/verify_seals.sql
create or replace function ledger_private.verify_seals()
returns setof ledger.finding
language sql
stable
as $$
  -- Each seal is the one after the last, and its hash covers all that it says.
  select 'seal_chain', null::uuid, null::bigint, null::uuid,
      jsonb_build_object('seal', s.seq, 'place', s.place, 'previous', s.previous, 'expected', s.expected)
    from (
      select n.*, row_number() over w as place, lag(n.hash) over w as expected, ledger_private.seal_hash(n) as computed
        from ledger.seals n window w as (order by n.seq)
    ) s
    where s.seq <> s.place or s.previous is distinct from s.expected or s.hash is distinct from s.computed
  union all
  -- The root, and the counts, come out again from the rows that are there now: entries first, then what is chained beside them.
  select 'seal_root', null, null, null,
      jsonb_build_object('seal', s.seq, 'root', s.root, 'expected', ledger_private.merkle_root(b.leaves || r.leaves), 'entries', s.entries,
        'expected_entries', b.entries)
    from ledger.seals s
    left join lateral (
      select array_agg(ledger_private.seal_leaf(h.wallet_id, h.seq, e.hash) order by h.wallet_id) as leaves,
          count(*) as wallets, coalesce(sum(h.seq - h.before), 0) as entries
        from (
          select n.wallet_id, n.seq, coalesce((select p.seq from ledger.seal_heads p
              where p.wallet_id = n.wallet_id and p.seal_seq < n.seal_seq order by p.seal_seq desc limit 1), 0) as before
            from ledger.seal_heads n where n.seal_seq = s.seq
        ) h
        join ledger.entries e on e.wallet_id = h.wallet_id and e.seq = h.seq
    ) b on true
    left join (
      select n.seal_seq, array_agg(ledger_private.seal_leaf(n.id, n.seq, r.hash) order by n.chain, n.id) as leaves
        from ledger.seal_records n
        join ledger_private.records() r on r.chain = n.chain and r.id = n.id and r.seq = n.seq
        group by n.seal_seq
    ) r on r.seal_seq = s.seq
    where s.root is distinct from ledger_private.merkle_root(b.leaves || r.leaves) or s.wallets <> b.wallets or s.entries is distinct from b.entries
  union all
  -- What was sealed is still there.
  select 'seal_entry', h.wallet_id, h.seq, null, jsonb_build_object('seal', h.seal_seq, 'found', e.seq is not null)
    from ledger.seal_heads h
    left join ledger.entries e on e.wallet_id = h.wallet_id and e.seq = h.seq
    left join ledger.seals s on s.seq = h.seal_seq
    where e.seq is null or s.seq is null
  union all
  select 'seal_record', case n.chain when 'wallet' then n.id end, null, null,
      jsonb_build_object('seal', n.seal_seq, 'chain', n.chain, 'number', n.seq, 'found', r.seq is not null)
    from ledger.seal_records n
    left join ledger_private.records() r on r.chain = n.chain and r.id = n.id and r.seq = n.seq
    left join ledger.seals s on s.seq = n.seal_seq
    where r.seq is null or s.seq is null
  union all
  -- Of the wallets, what is not sealed yet is listed.
  select 'seal_record', coalesce(u.wallet_id, v.wallet_id), null, null,
      jsonb_build_object('number', coalesce(u.seq, v.seq), 'listed', u.seq is not null)
    from ledger_private.unsealed_events u
    full join (
      select w.wallet_id, w.seq
        from ledger.wallet_events w
        left join (select n.id, max(n.seq) as seq from ledger.seal_records n where n.chain = 'wallet' group by n.id) n on n.id = w.wallet_id
        where w.seq > coalesce(n.seq, 0)
    ) v on v.wallet_id = u.wallet_id and v.seq = u.seq
    where u.wallet_id is null or v.wallet_id is null
  union all
  -- And what is before the last horizon was sealed.
  select 'seal_entry', h.wallet_id, h.seq, null, jsonb_build_object('sealed_seq', h.sealed_seq::text)
    from (select (select max(e.epoch) from ledger.feed_epochs e) as epoch) n
    cross join lateral ledger_private.seal_start(n.epoch) p
    cross join lateral ledger_private.unsealed_heads(row('0'::xid8, '00000000-0000-0000-0000-000000000000')::ledger_private.feed_place, p) h
    -- Where the ledger was moved, horizons mean nothing until a new epoch begins.
    where not ledger_private.is_moved()
$$;

comment on function ledger_private.verify_seals() is
  'Findings about seals: their chain, the trees that they are roots of, and whether all that was to be sealed was, or is listed.';

revoke all on function ledger_private.verify_seals() from public;
grant execute on function ledger_private.verify_seals() to wallet_auditor;
--! EndIncluded functions/ledger_private/verify_seals.sql
--! Included functions/ledger_private/verify_kept.sql
create or replace function ledger_private.verify_kept(kept jsonb)
returns setof ledger.finding
language plpgsql
stable
as $$
declare
  v_is_list boolean;
begin
  -- Two statements: a plan may look into the list before it has asked whether it is one.
  v_is_list := kept is null or jsonb_typeof(kept) = 'array';
  if v_is_list then
    v_is_list := not exists (select from jsonb_array_elements(kept) k where jsonb_typeof(k) <> 'object');
  end if;
  if not v_is_list then
    perform ledger_private.refuse_argument('kept', 'Give a list of seals as npm run seal wrote them.');
  end if;
  return query
    select 'seal_missing', null::uuid, null::bigint, null::uuid,
        jsonb_build_object('seal', k.seq, 'kept', k.hash, 'found', s.hash)
      from jsonb_populate_recordset(null::ledger.seals, kept) k
      left join ledger.seals s on s.seq = k.seq
      where s is distinct from k;
end
$$;

comment on function ledger_private.verify_kept(jsonb) is
  'A finding for each seal that was kept elsewhere and is not in the ledger, unchanged. Refuses what is no list of seals with WLARG.';

revoke all on function ledger_private.verify_kept(jsonb) from public;
grant execute on function ledger_private.verify_kept(jsonb) to wallet_auditor;
--! EndIncluded functions/ledger_private/verify_kept.sql

-- What callers call: wallets
--! Included functions/ledger/asset_create.sql
create or replace function ledger.asset_create(code text, name text, scale int default 0)
returns ledger.assets
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_asset ledger.assets;
  v_opened uuid[];
  v_argument text := case
    when code is null or code !~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$' then 'code'
    when name is null or char_length(name) not between 1 and 200 then 'name'
    when scale is null or scale not between 0 and 18 then 'scale'
  end;
begin
  if v_argument is not null then
    perform ledger_private.refuse('WLARG', format('invalid argument: %s', v_argument),
      jsonb_build_object('argument', v_argument),
      'code: 1 to 64 letters, digits, dots, dashes or underscores; name: 1 to 200 characters; scale: 0 to 18.');
  end if;

  v_asset.code := code;
  v_asset.name := name;
  v_asset.scale := scale;
  v_asset.created_at := clock_timestamp();
  v_asset.hash := ledger_private.record_hash(null, ledger_private.asset_bytes(v_asset));
  perform set_config('ledger.posting', 'on', true);
  insert into ledger.assets select v_asset.*
    on conflict on constraint assets_pkey do nothing;
  select a.* into strict v_asset from ledger.assets a where a.code = asset_create.code;
  if (v_asset.name, v_asset.scale) is distinct from (asset_create.name, asset_create.scale) then
    perform ledger_private.refuse('WLARG', format('invalid argument: asset %s exists with other facts', code),
      jsonb_build_object('argument', case when v_asset.name <> name then 'name' else 'scale' end,
        'code', code, 'name', v_asset.name, 'scale', v_asset.scale),
      'Repeat the asset''s own name and scale, or choose another code.');
  end if;

  with opened as (
    insert into ledger.wallets (id, asset_code, normal_side, house, stripe)
    select ledger_private.house_wallet_id(v_asset.code, h.account, s.stripe), v_asset.code,
        (case when h.account in ('treasury', 'promotions') then 'debit' else 'credit' end)::ledger.entry_side,
        h.account, s.stripe
      from unnest(enum_range(null::ledger.house_account)) as h (account), generate_series(0, 32) as s (stripe)
      -- Another call may be opening them too: one order, no deadlock.
      order by h.account, s.stripe
    on conflict on constraint wallets_pkey do nothing
    returning id
  )
  select array_agg(opened.id) into v_opened from opened;
  perform ledger_private.record_events(v_opened, 'opened', null);
  perform set_config('ledger.posting', '', true);
  return v_asset;
end
$$;

comment on function ledger.asset_create(text, text, int) is
$$@resultFieldName asset
Creates an asset and its house accounts. Repeating the call with the same facts changes nothing.

- code: 1 to 64 letters, digits, dots, dashes or underscores.
- name: for people, 1 to 200 characters.
- scale: digits after the point when amounts are shown to people, 0 to 18.

Refuses with INVALID_ARGUMENT (WLARG), also where the code exists with another name or scale.$$;

revoke all on function ledger.asset_create(text, text, int) from public;
grant execute on function ledger.asset_create(text, text, int) to wallet_operator;
--! EndIncluded functions/ledger/asset_create.sql
--! Included functions/ledger/wallet_open.sql
create or replace function ledger.wallet_open(owner_id text, asset_code text)
returns ledger.wallets
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_wallet ledger.wallets;
begin
  perform ledger_private.check_owner_id(owner_id);
  perform ledger_private.check_asset(asset_code);

  perform set_config('ledger.posting', 'on', true);
  insert into ledger.wallets (id, owner_id, asset_code, normal_side)
    values (ledger.wallet_id(owner_id, asset_code), owner_id, asset_code, 'credit')
    on conflict on constraint wallets_pkey do nothing
    returning * into v_wallet;
  if found then
    perform ledger_private.record_events(array[v_wallet.id], 'opened', null);
  end if;
  perform set_config('ledger.posting', '', true);
  if v_wallet.id is not null then
    return v_wallet;
  end if;
  select w.* into strict v_wallet
    from ledger.wallets w
    where w.id = ledger.wallet_id(wallet_open.owner_id, wallet_open.asset_code);
  if v_wallet.status = 'closed' then
    perform ledger_private.check_status(v_wallet, false);
  end if;
  return v_wallet;
end
$$;

comment on function ledger.wallet_open(text, text) is
$$@resultFieldName wallet
Opens an owner's wallet of an asset, or returns it as it is where it has been opened before.

- ownerId: the player's account number, opaque and unchanging; never an e-mail address. 1 to 200 characters, no white space
  at either end, otherwise taken as it is.
- assetCode: the asset, such as GOLD.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA), WALLET_CLOSED (WLCLS).$$;

revoke all on function ledger.wallet_open(text, text) from public;
grant execute on function ledger.wallet_open(text, text) to wallet_service, wallet_operator, wallet_job;
--! EndIncluded functions/ledger/wallet_open.sql
--! Included functions/ledger/wallet_open_many.sql
create or replace function ledger.wallet_open_many(owner_ids text[], asset_code text)
returns setof ledger.wallets
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_owner text;
  v_place bigint;
  v_new uuid[];
  v_opened record;
begin
  if owner_ids is null or cardinality(owner_ids) > 10000 or array_ndims(owner_ids) > 1 then
    perform ledger_private.refuse_argument('owner_ids', 'Send a list of at most 10000 owner ids.',
      jsonb_build_object('length', cardinality(owner_ids), 'max', 10000));
  end if;
  for v_owner, v_place in select o.owner_id, o.place from unnest(owner_ids) with ordinality o (owner_id, place) loop
    perform ledger_private.check_owner_id(v_owner, jsonb_build_object('index', v_place - 1));
  end loop;
  perform ledger_private.check_asset(asset_code);

  perform set_config('ledger.posting', 'on', true);
  -- By ascending id, so that two calls that open the same wallets never wait for each other both.
  with opened as (
    insert into ledger.wallets (id, owner_id, asset_code, normal_side)
      select distinct ledger.wallet_id(o.owner_id, wallet_open_many.asset_code) as id, o.owner_id,
          wallet_open_many.asset_code, 'credit'::ledger.entry_side
        from unnest(owner_ids) o (owner_id)
        order by id
      on conflict on constraint wallets_pkey do nothing
      returning id
  )
  select array_agg(o.id order by o.id) into v_new from opened o;
  perform ledger_private.record_events(v_new, 'opened', null);
  perform set_config('ledger.posting', '', true);

  for v_opened in
    select w as wallet, o.place - 1 as index
      from unnest(owner_ids) with ordinality o (owner_id, place)
      join ledger.wallets w on w.id = ledger.wallet_id(o.owner_id, wallet_open_many.asset_code)
      order by o.place
  loop
    perform ledger_private.check_status(v_opened.wallet, false, jsonb_build_object('index', v_opened.index));
    return next v_opened.wallet;
  end loop;
end
$$;

comment on function ledger.wallet_open_many(text[], text) is
$$@resultFieldName wallets
Opens the wallets of many owners of one asset, all or none, and returns one for each owner id, in order. A wallet that has
been opened before is returned as it is.

- ownerIds: at most 10000 account numbers, as wallet_open takes them. An owner may come twice.
- assetCode: the asset, such as GOLD.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA), WALLET_CLOSED (WLCLS). The detail names the
owner by its index, counted from 0.$$;

revoke all on function ledger.wallet_open_many(text[], text) from public;
grant execute on function ledger.wallet_open_many(text[], text) to wallet_service, wallet_operator, wallet_job;
--! EndIncluded functions/ledger/wallet_open_many.sql
--! Included functions/ledger/wallet_top_up.sql
create or replace function ledger.wallet_top_up(wallet_id uuid, amount bigint, idem_key text, metadata jsonb default '{}')
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.post('top_up', wallet_id, null, 'treasury', amount, idem_key, null, coalesce(metadata, '{}'));
end
$$;

comment on function ledger.wallet_top_up(uuid, bigint, text, jsonb) is
$$@resultFieldName receipt
Books credits that were bought with real money: from the treasury to the wallet. Call it when the payment is certain.

- walletId: the player's wallet.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call
  with the same key and the same arguments returns the same receipt and books nothing.
- metadata: a JSON object of at most 8192 bytes, such as the payment's reference; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_CLOSED (WLCLS), LIMIT_EXCEEDED (WLLIM).$$;

revoke all on function ledger.wallet_top_up(uuid, bigint, text, jsonb) from public;
grant execute on function ledger.wallet_top_up(uuid, bigint, text, jsonb) to wallet_service, wallet_operator, wallet_job;
--! EndIncluded functions/ledger/wallet_top_up.sql
--! Included functions/ledger/wallet_bonus.sql
create or replace function ledger.wallet_bonus(
  wallet_id uuid,
  amount bigint,
  idem_key text,
  expires_at timestamptz default null,
  metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.post('bonus', wallet_id, null, 'promotions', amount, idem_key, expires_at, coalesce(metadata, '{}'));
end
$$;

comment on function ledger.wallet_bonus(uuid, bigint, text, timestamptz, jsonb) is
$$@resultFieldName receipt
Grants free credits: from promotions to the wallet, where they count as bonus credits and are spent before bought ones.

- walletId: the player's wallet.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call
  with the same key and the same arguments returns the same receipt and books nothing.
- expiresAt: the instant from which they cannot be spent any more and go to breakage, after now; never if left out. Of bonus credits, those
  that expire first are spent first.
- metadata: a JSON object of at most 8192 bytes, such as the campaign; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), INVALID_ARGUMENT (WLARG) for an expiry that has passed, WALLET_CLOSED (WLCLS),
LIMIT_EXCEEDED (WLLIM).$$;

revoke all on function ledger.wallet_bonus(uuid, bigint, text, timestamptz, jsonb) from public;
grant execute on function ledger.wallet_bonus(uuid, bigint, text, timestamptz, jsonb)
  to wallet_service, wallet_operator, wallet_job;
--! EndIncluded functions/ledger/wallet_bonus.sql
--! Included functions/ledger/wallet_spend.sql
create or replace function ledger.wallet_spend(wallet_id uuid, amount bigint, idem_key text, metadata jsonb default '{}')
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.post('spend', wallet_id, null, 'revenue', amount, idem_key, null, coalesce(metadata, '{}'));
end
$$;

comment on function ledger.wallet_spend(uuid, bigint, text, jsonb) is
$$@resultFieldName receipt
Books a purchase in the game or shop: from the wallet to revenue, bonus credits first, and of these the earliest
expiry first.

- walletId: the player's wallet.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call
  with the same key and the same arguments returns the same receipt and books nothing.
- metadata: a JSON object of at most 8192 bytes, such as the item; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_FROZEN (WLFRZ) or WALLET_CLOSED (WLCLS), LIMIT_EXCEEDED (WLLIM),
INSUFFICIENT_FUNDS (WLFND).$$;

revoke all on function ledger.wallet_spend(uuid, bigint, text, jsonb) from public;
grant execute on function ledger.wallet_spend(uuid, bigint, text, jsonb) to wallet_service, wallet_operator, wallet_job;
--! EndIncluded functions/ledger/wallet_spend.sql
--! Included functions/ledger/wallet_transfer.sql
create or replace function ledger.wallet_transfer(
  from_wallet uuid,
  to_wallet uuid,
  amount bigint,
  idem_key text,
  metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.post('transfer', from_wallet, to_wallet, null, amount, idem_key, null, coalesce(metadata, '{}'));
end
$$;

comment on function ledger.wallet_transfer(uuid, uuid, bigint, text, jsonb) is
$$@resultFieldName receipt
Moves credits from one player's wallet to another's of the same asset, bonus credits first; they stay bonus credits
and keep their expiry.
The receipt is that of the wallet they leave.

- fromWallet: the wallet they leave.
- toWallet: the wallet they arrive in.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, no white space at either end, unique within fromWallet for ever. Repeating the call
  with the same key and the same arguments returns the same receipt and books nothing.
- metadata: a JSON object of at most 8192 bytes, such as a note between the players; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), SAME_WALLET (WLSLF),
WALLET_NOT_FOUND (WLNOW), ASSET_MISMATCH (WLAST), IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_FROZEN (WLFRZ) or
WALLET_CLOSED (WLCLS), LIMIT_EXCEEDED (WLLIM), INSUFFICIENT_FUNDS (WLFND).$$;

revoke all on function ledger.wallet_transfer(uuid, uuid, bigint, text, jsonb) from public;
grant execute on function ledger.wallet_transfer(uuid, uuid, bigint, text, jsonb)
  to wallet_service, wallet_operator, wallet_job;
--! EndIncluded functions/ledger/wallet_transfer.sql
--! Included functions/ledger/wallet_hold.sql
create or replace function ledger.wallet_hold(
  wallet_id uuid,
  amount bigint,
  idem_key text,
  expires_at timestamptz default null,
  metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_transfer ledger.transfers := row(
    null, wallet_id, idem_key, 'hold', null, null, null, null, amount, amount, 0, null, null, expires_at, coalesce(metadata, '{}'), null, null, null);
  v_prepared ledger_private.prepared := ledger_private.prepare(v_transfer, true);
  v_head ledger.entries := v_prepared.head;
  v_entry ledger.entries;
  v_sealed ledger_private.sealed;
begin
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  v_transfer.id := uuidv7();
  v_entry := ledger_private.next_entry(
    v_prepared.wallet, v_head, 'debit', v_transfer.id, 'hold', 0, 0, amount, v_prepared.at_time);
  if v_entry.held_balance > v_entry.balance then
    perform ledger_private.check_snapshot(array[wallet_id]);
    perform ledger_private.refuse_funds(wallet_id, v_entry.balance - v_entry.held_balance + amount, amount);
  end if;

  -- It reserves what a spend would take: bonus credits first, the earliest expiry first.
  v_transfer.bonus_amount := least(amount, v_head.bonus_balance - ledger_private.held_bonus(v_head));
  v_transfer.hold_id := v_transfer.id;
  v_transfer.actor := ledger_private.actor();
  v_sealed := ledger_private.write(v_transfer, v_entry);
  perform set_config('ledger.posting', 'on', true);
  insert into ledger.holds (wallet_id, id, seq, amount, bonus_amount, expires_at, created_at)
    values (wallet_id, v_transfer.id, v_entry.seq, amount, v_transfer.bonus_amount, wallet_hold.expires_at, v_entry.created_at);
  insert into ledger_private.open_holds (wallet_id, hold_id, expires_at) values (wallet_id, v_transfer.id, wallet_hold.expires_at);
  perform set_config('ledger.posting', '', true);
  if v_transfer.bonus_amount > 0 then
    perform ledger_private.move_lots(array[v_sealed.transfer], array[1], array[null::int], 1);
  end if;
  return ledger_private.receipt(v_sealed.transfer, v_sealed.entry, false);
end
$$;

comment on function ledger.wallet_hold(uuid, bigint, text, timestamptz, jsonb) is
$$@resultFieldName receipt
Reserves credits for a purchase that is not certain yet: what is available falls, the balance does not. The receipt names the hold_id, with which
they are captured or released, once. Reserved are bonus credits first, the earliest expiry first; while the hold is open they do not expire.

- walletId: the player's wallet.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call
  with the same key and the same arguments returns the same receipt and books nothing.
- expiresAt: the instant from which the hold is void and its credits are free again, after now; never if left out.
- metadata: a JSON object of at most 8192 bytes, such as the order; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), INVALID_ARGUMENT (WLARG) for an expiry that has passed, WALLET_FROZEN (WLFRZ) or
WALLET_CLOSED (WLCLS), INSUFFICIENT_FUNDS (WLFND).$$;

revoke all on function ledger.wallet_hold(uuid, bigint, text, timestamptz, jsonb) from public;
grant execute on function ledger.wallet_hold(uuid, bigint, text, timestamptz, jsonb)
  to wallet_service, wallet_operator, wallet_job;
--! EndIncluded functions/ledger/wallet_hold.sql
--! Included functions/ledger/wallet_capture.sql
create or replace function ledger.wallet_capture(
  wallet_id uuid,
  hold_id uuid,
  idem_key text,
  amount bigint default null,
  metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_transfer ledger.transfers := row(
    null, wallet_id, idem_key, 'capture', null, null, null, null, amount, 0, 0, null, hold_id, null, coalesce(metadata, '{}'), null, null, null);
  v_prepared ledger_private.prepared := ledger_private.prepare(v_transfer, true);
  v_head ledger.entries := v_prepared.head;
  v_wallet ledger.wallets := v_prepared.wallet;
  v_hold ledger.holds;
  v_entry ledger.entries;
  v_house_entry ledger.entries;
  v_draws ledger.bonus_lot_draws[];
  v_expired boolean;
  v_sealed ledger_private.sealed;
begin
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  v_hold := ledger_private.open_hold(wallet_id, hold_id);

  v_transfer.id := uuidv7();
  v_transfer.amount := coalesce(amount, v_hold.amount);
  v_transfer.bonus_amount := least(v_transfer.amount, v_hold.bonus_amount);
  v_entry := ledger_private.next_entry(v_wallet, v_head, 'debit', v_transfer.id, 'capture', v_transfer.amount, v_transfer.bonus_amount,
    -v_hold.amount, v_prepared.at_time);
  perform ledger_private.check_own_limits(v_wallet, v_entry);
  if v_transfer.amount > v_hold.amount then
    perform ledger_private.check_snapshot(array[wallet_id]);
    perform ledger_private.refuse_funds(wallet_id, v_hold.amount, v_transfer.amount, jsonb_build_object('hold_id', hold_id));
  end if;

  v_draws := array(select d from ledger_private.closing_draws(wallet_id, hold_id, v_entry.seq, v_transfer.bonus_amount) d);
  v_expired := ledger_private.lock_breakage(v_wallet, v_draws, v_entry.created_at);
  v_house_entry := ledger_private.opposite_entry(ledger_private.lock_house('revenue', v_wallet), v_entry, v_prepared.at_time);
  v_transfer.actor := ledger_private.actor();
  v_sealed := ledger_private.write(v_transfer, v_entry, v_house_entry);
  perform ledger_private.close_holds(array[v_transfer], v_draws);
  if v_expired then
    perform ledger_private.settle(array[wallet_id], v_prepared.at_time);
  end if;
  return ledger_private.settled_receipt(v_sealed.transfer, v_sealed.entry, false);
end
$$;

comment on function ledger.wallet_capture(uuid, uuid, text, bigint, jsonb) is
$$@resultFieldName receipt
Ends a hold with the purchase: spends up to what it reserved, also credits that expired meanwhile, and frees the rest, of which what has expired is
booked to breakage by the next entry, in the same transaction; the receipt's available is without it.

- walletId: the player's wallet.
- holdId: the hold, as the receipt of wallet_hold named it.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call
  with the same key and the same arguments returns the same receipt and books nothing.
- amount: minor units, 1 to what the hold reserved; all of it if left out.
- metadata: a JSON object of at most 8192 bytes, such as the item; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW), HOLD_NOT_FOUND (WLNOH),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_FROZEN (WLFRZ) or WALLET_CLOSED (WLCLS), HOLD_NOT_OPEN (WLHLD), LIMIT_EXCEEDED (WLLIM),
INSUFFICIENT_FUNDS (WLFND) for more than the hold reserved.$$;

revoke all on function ledger.wallet_capture(uuid, uuid, text, bigint, jsonb) from public;
grant execute on function ledger.wallet_capture(uuid, uuid, text, bigint, jsonb) to wallet_service, wallet_operator, wallet_job;
--! EndIncluded functions/ledger/wallet_capture.sql
--! Included functions/ledger/wallet_release.sql
create or replace function ledger.wallet_release(wallet_id uuid, hold_id uuid, idem_key text, metadata jsonb default '{}')
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_transfer ledger.transfers := row(
    null, wallet_id, idem_key, 'release', null, null, null, null, null, 0, 0, null, hold_id, null, coalesce(metadata, '{}'), null, null, null);
  v_prepared ledger_private.prepared := ledger_private.prepare(v_transfer, false);
  v_head ledger.entries := v_prepared.head;
  v_hold ledger.holds;
  v_entry ledger.entries;
  v_draws ledger.bonus_lot_draws[];
  v_sealed ledger_private.sealed;
begin
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  v_hold := ledger_private.open_hold(wallet_id, hold_id);

  v_transfer.id := uuidv7();
  v_transfer.amount := v_hold.amount;
  v_transfer.bonus_amount := v_hold.bonus_amount;
  v_entry := ledger_private.next_entry(
    v_prepared.wallet, v_head, 'credit', v_transfer.id, 'release', 0, 0, -v_hold.amount, v_prepared.at_time);
  v_transfer.actor := ledger_private.actor();
  v_sealed := ledger_private.write(v_transfer, v_entry);
  v_draws := array(select d from ledger_private.closing_draws(wallet_id, hold_id, v_entry.seq, 0) d);
  perform ledger_private.close_holds(array[v_transfer], v_draws);
  -- What expired while it was reserved goes to breakage now.
  if v_hold.bonus_amount > 0 then
    perform ledger_private.settle(array[wallet_id], v_prepared.at_time);
  end if;
  return ledger_private.settled_receipt(v_sealed.transfer, v_sealed.entry, false);
end
$$;

comment on function ledger.wallet_release(uuid, uuid, text, jsonb) is
$$@resultFieldName receipt
Ends a hold without a purchase: all its credits are available again. Those that expired while they were reserved are booked to breakage by the
next entry, in the same transaction; the receipt's available is without them.

- walletId: the player's wallet.
- holdId: the hold, as the receipt of wallet_hold named it.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call
  with the same key and the same arguments returns the same receipt and books nothing.
- metadata: a JSON object of at most 8192 bytes, such as the reason; null means {}.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW), HOLD_NOT_FOUND (WLNOH),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_CLOSED (WLCLS), HOLD_NOT_OPEN (WLHLD).$$;

revoke all on function ledger.wallet_release(uuid, uuid, text, jsonb) from public;
grant execute on function ledger.wallet_release(uuid, uuid, text, jsonb) to wallet_service, wallet_operator, wallet_job;
--! EndIncluded functions/ledger/wallet_release.sql
--! Included functions/ledger/wallet_reverse.sql
create or replace function ledger.wallet_reverse(
  wallet_id uuid,
  transfer_id uuid,
  idem_key text,
  amount bigint default null,
  metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_transfer ledger.transfers := row(
    null, wallet_id, idem_key, 'reversal', null, null, null, null, amount, 0, 0, transfer_id, null, null, coalesce(metadata, '{}'), null, null, null);
  v_original ledger.transfers;
  v_prepared ledger_private.prepared;
  v_other ledger.wallets;
  v_other_head ledger.entries;
  v_giving boolean; -- the acting wallet gives credits back; otherwise it gets them back
  v_left bigint;
  v_plan ledger_private.reversal_plan;
  v_entry ledger.entries;
  v_other_entry ledger.entries;
  v_expired boolean;
  v_sealed ledger_private.sealed;
begin
  select t.* into v_original from ledger.transfers t where t.id = transfer_id and t.wallet_id = wallet_reverse.wallet_id;
  v_giving := v_original.credit_wallet_id = wallet_id;
  -- Of a batch, the house's part comes before players. (It is another wallet's only then: else this finds none.)
  select w.* into v_other
    from ledger.wallets w
    where w.id = case when v_giving then v_original.debit_wallet_id else v_original.credit_wallet_id end;
  if v_other.stripe = 32 then
    perform from ledger.wallets w where w.id = v_other.id for no key update;
  end if;
  v_prepared := ledger_private.prepare(v_transfer, false, v_other.id);
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  -- It was committed while this call waited for the wallet: what its other side asks for was not locked.
  if v_original.id is null then
    perform ledger_private.refuse_stale();
  end if;

  select v_original.amount - coalesce(sum(r.amount), 0) into v_left
    from ledger.transfers r
    where r.wallet_id = wallet_reverse.wallet_id and r.reverses = transfer_id;
  v_transfer.amount := coalesce(amount, v_left);
  if v_original.kind not in ('top_up', 'bonus', 'spend', 'capture', 'transfer') or v_left = 0 or v_transfer.amount > v_left then
    perform ledger_private.check_snapshot(array[wallet_id]);
    perform ledger_private.refuse_reversal(v_original, amount, v_left);
  end if;
  if v_other.house is null then
    select e.* into v_other_head from ledger.entries e where e.wallet_id = v_other.id order by e.seq desc limit 1;
  end if;
  v_plan := ledger_private.reversal_plan(v_original, v_transfer.amount,
    case when not v_giving then v_prepared.head end, case when v_giving then v_prepared.head else v_other_head end);
  v_transfer.id := uuidv7();
  v_transfer.bonus_amount := v_plan.bonus_amount;
  v_entry := ledger_private.next_entry(v_prepared.wallet, v_prepared.head, case when v_giving then 'debit'::ledger.entry_side else 'credit' end,
    v_transfer.id, 'reversal', v_transfer.amount, v_transfer.bonus_amount, 0, v_prepared.at_time);
  -- The limits of the asset are for new movements; what the ledger counts to is for all.
  if v_entry.balance > 9000000000000000000 then
    perform ledger_private.check_snapshot(array[wallet_id]);
    perform ledger_private.refuse_overflow(v_entry);
  end if;
  if v_plan.missing > 0 then
    perform ledger_private.check_snapshot(array[wallet_id, case when v_other.house is null then v_other.id end]);
    perform ledger_private.refuse_funds(case when v_giving then wallet_id else v_other.id end,
      v_transfer.amount - v_plan.missing, v_transfer.amount, jsonb_build_object('missing', v_plan.missing::text));
  end if;
  v_expired := ledger_private.lock_breakage(v_prepared.wallet, v_plan.draws, v_entry.created_at);
  select w.* into v_other from ledger.wallets w where w.id = v_other.id for no key update;
  v_other_entry := ledger_private.opposite_entry(v_other, v_entry, v_prepared.at_time);
  v_transfer.actor := ledger_private.actor();
  v_sealed := ledger_private.write(v_transfer, v_entry, v_other_entry);
  if cardinality(v_plan.draws) > 0 then
    perform ledger_private.write_lots('{}', v_plan.draws);
  end if;
  if v_expired then
    perform ledger_private.settle(array[wallet_id], v_prepared.at_time);
  end if;
  return ledger_private.settled_receipt(v_sealed.transfer, v_sealed.entry, false);
end
$$;

comment on function ledger.wallet_reverse(uuid, uuid, text, bigint, jsonb) is
$$@resultFieldName receipt
Takes a movement back, whole or in part: a refund, a chargeback, a grant or a transfer in error. Books between the very wallets of the original, sides
swapped. A spend or capture gives paid credits back before bonus ones, these to the lots they came from, with their own expiry (what has
expired since is booked to breakage by the next entry, in the same transaction; the receipt's available is without it), and never reopens a
hold. A top-up takes paid credits that are not reserved, a bonus what is left of its own lot, a transfer what it gave and the receiver still has:
paid credits first, then its lots.

- walletId: the wallet that the original acted for; of a transfer, the sender's.
- transferId: the original: a top-up, bonus, spend, capture or transfer.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call
  with the same key and the same arguments returns the same receipt and books nothing.
- amount: minor units, 1 to what is left to reverse; all that is left if left out.
- metadata: a JSON object of at most 8192 bytes, such as the reason; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW), TRANSFER_NOT_FOUND (WLNOT),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_CLOSED (WLCLS) for either wallet, NOT_REVERSIBLE (WLREV), LIMIT_EXCEEDED (WLLIM) only
where the balance would pass what the ledger counts to, INSUFFICIENT_FUNDS (WLFND) where the credits are gone, with the amount that is missing.$$;

revoke all on function ledger.wallet_reverse(uuid, uuid, text, bigint, jsonb) from public;
grant execute on function ledger.wallet_reverse(uuid, uuid, text, bigint, jsonb) to wallet_operator;
--! EndIncluded functions/ledger/wallet_reverse.sql
--! Included functions/ledger/wallet_post_batch.sql
create or replace function ledger.wallet_post_batch(requests ledger.wallet_request[])
returns setof ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_batch ledger_private.batch;
  v_plan ledger_private.batch_plan;
  v_receipts ledger.receipt[];
begin
  if requests is null or cardinality(requests) > 10000 or array_ndims(requests) > 1 then
    perform ledger_private.refuse_argument('requests', 'Send a list of at most 10000 requests.',
      jsonb_build_object('length', cardinality(requests), 'max', 10000));
  end if;
  v_batch := ledger_private.lock_batch(requests);
  v_batch := ledger_private.load_batch(requests, v_batch);
  v_plan := ledger_private.plan_batch(requests, v_batch);
  v_receipts := ledger_private.write_batch(requests, v_batch, v_plan);
  if cardinality(v_receipts) < cardinality(requests) then
    v_receipts := ledger_private.batch_receipts(requests, v_receipts, v_plan.bonus_amounts, (v_batch.numbers).first_places);
  end if;
  return query select * from unnest(v_receipts);
end
$$;

comment on function ledger.wallet_post_batch(ledger.wallet_request[]) is
$$@resultFieldName receipts
Books many top-ups, bonuses, spends and transfers at once, all or nothing: each upon the balances that those before it leave, by the rules of
single calls. Returns a receipt for each request, in their order. The house's side is booked apart, so that single calls never wait for a
batch's; a wallet in it waits until it commits.

- requests: at most 10000, for any wallets and assets. Each has its own idempotency key: those that have been booked before are recognised one by
  one, and answered with the receipt of then.

Refuses as the single call of the first item that fails would, with its index, counted from 0, in the detail; and with INVALID_ARGUMENT (WLARG)
another kind, or too many items.$$;

revoke all on function ledger.wallet_post_batch(ledger.wallet_request[]) from public;
grant execute on function ledger.wallet_post_batch(ledger.wallet_request[]) to wallet_service, wallet_operator, wallet_job;
--! EndIncluded functions/ledger/wallet_post_batch.sql
--! Included functions/ledger/wallet_freeze.sql
create or replace function ledger.wallet_freeze(wallet_id uuid, reason text)
returns ledger.wallets
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.change_status(wallet_id, 'frozen', reason);
end
$$;

comment on function ledger.wallet_freeze(uuid, text) is
$$@resultFieldName wallet
Freezes a wallet: no spend, transfer, hold or capture leaves it; top-ups, bonuses, transfers to it, reversals, releases and expiry still book.
A wallet that is frozen stays as it is.

- walletId: the player's wallet.
- reason: why, for the wallet's events, 1 to 1000 characters.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW), WALLET_CLOSED (WLCLS).$$;

revoke all on function ledger.wallet_freeze(uuid, text) from public;
grant execute on function ledger.wallet_freeze(uuid, text) to wallet_operator;
--! EndIncluded functions/ledger/wallet_freeze.sql
--! Included functions/ledger/wallet_close.sql
create or replace function ledger.wallet_close(wallet_id uuid, reason text)
returns ledger.wallets
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.change_status(wallet_id, 'closed', reason);
end
$$;

comment on function ledger.wallet_close(uuid, text) is
$$@resultFieldName wallet
Closes an empty wallet: nothing books until it is reopened. What is due in it is booked first. A wallet that is closed stays as it is.

- walletId: the player's wallet.
- reason: why, for the wallet's events, 1 to 1000 characters.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW), INVALID_ARGUMENT (WLARG) for a wallet
that is not empty, with its balance.$$;

revoke all on function ledger.wallet_close(uuid, text) from public;
grant execute on function ledger.wallet_close(uuid, text) to wallet_operator;
--! EndIncluded functions/ledger/wallet_close.sql
--! Included functions/ledger/wallet_reopen.sql
create or replace function ledger.wallet_reopen(wallet_id uuid, reason text)
returns ledger.wallets
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.change_status(wallet_id, 'open', reason);
end
$$;

comment on function ledger.wallet_reopen(uuid, text) is
$$@resultFieldName wallet
Opens a frozen or closed wallet again. A wallet that is open stays as it is.

- walletId: the player's wallet.
- reason: why, for the wallet's events, 1 to 1000 characters.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW).$$;

revoke all on function ledger.wallet_reopen(uuid, text) from public;
grant execute on function ledger.wallet_reopen(uuid, text) to wallet_operator;
--! EndIncluded functions/ledger/wallet_reopen.sql
--! Included functions/ledger/asset_limit_set.sql
create or replace function ledger.asset_limit_set(
  asset_code text,
  max_spend bigint default null,
  max_balance bigint default null,
  max_daily_top_up bigint default null,
  max_daily_bonus bigint default null,
  max_daily_spend bigint default null
)
returns ledger.asset_limits
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_asset_hash bytea;
  v_newest ledger.asset_limits;
  v_limits ledger.asset_limits;
  v_same boolean;
  v_argument text := case
    when asset_code is null then 'asset_code'
    when max_spend not between 0 and 9000000000000000000 then 'max_spend'
    when max_balance not between 0 and 9000000000000000000 then 'max_balance'
    when max_daily_top_up not between 0 and 9000000000000000000 then 'max_daily_top_up'
    when max_daily_bonus not between 0 and 9000000000000000000 then 'max_daily_bonus'
    when max_daily_spend not between 0 and 9000000000000000000 then 'max_daily_spend'
  end;
begin
  if v_argument is not null then
    perform ledger_private.refuse_argument(v_argument,
      'Name the asset; a limit is a number of minor units from 0 to 9000000000000000000, or null for none.');
  end if;
  -- Of two calls one waits for the other: each leaves a row of its own.
  select a.hash into v_asset_hash from ledger.assets a where a.code = asset_limit_set.asset_code for no key update;
  if not found then
    perform ledger_private.refuse_asset(asset_code);
  end if;

  select l.* into v_newest from ledger.asset_limits l where l.asset_code = asset_limit_set.asset_code order by l.seq desc limit 1;
  v_limits := row(asset_code, coalesce(v_newest.seq, 0) + 1, max_spend, max_balance, max_daily_top_up, max_daily_bonus, max_daily_spend,
    ledger_private.actor(), clock_timestamp(), null);
  v_limits.hash := ledger_private.record_hash(coalesce(v_newest.hash, v_asset_hash), ledger_private.asset_limit_bytes(v_limits));
  v_same := v_newest.seq is not null
    and (v_newest.max_spend, v_newest.max_balance, v_newest.max_daily_top_up, v_newest.max_daily_bonus, v_newest.max_daily_spend)
      is not distinct from (max_spend, max_balance, max_daily_top_up, max_daily_bonus, max_daily_spend);
  -- Above READ COMMITTED the newest may be older than the lock: then the row collides with the one that has been set since. One
  -- that changes nothing is taken back.
  begin
    perform set_config('ledger.posting', 'on', true);
    insert into ledger.asset_limits values (v_limits.*) on conflict on constraint asset_limits_pkey do nothing;
    if not found then
      perform ledger_private.refuse_stale();
    end if;
    if v_same then
      raise exception using errcode = 'raise_exception', message = 'these limits are in force';
    end if;
    perform set_config('ledger.posting', '', true);
  exception when raise_exception then
    return v_newest;
  end;
  return v_limits;
end
$$;

comment on function ledger.asset_limit_set(text, bigint, bigint, bigint, bigint, bigint) is
$$@resultFieldName limits
Sets all limits of an asset at once, for each wallet of it; null means none. Movements booked already are not judged again;
reversals never are, and do not give a day's total back. Setting the limits that are in force changes nothing.

- assetCode: the asset, such as GOLD.
- maxSpend: the largest single spend or capture, in minor units.
- maxBalance: the largest balance that a top-up, bonus or transfer may lead to.
- maxDailyTopUp: the largest total of top-ups within 24 hours, at any moment.
- maxDailyBonus: the largest total of bonuses within 24 hours.
- maxDailySpend: the largest total of spends and captures within 24 hours.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA).$$;

revoke all on function ledger.asset_limit_set(text, bigint, bigint, bigint, bigint, bigint) from public;
grant execute on function ledger.asset_limit_set(text, bigint, bigint, bigint, bigint, bigint) to wallet_operator;
--! EndIncluded functions/ledger/asset_limit_set.sql
--! Included functions/ledger/wallet_expire_due.sql
create or replace function ledger.wallet_expire_due(max_wallets int default 1000)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  -- So many wallets in which nothing could be booked are passed in one call; the next goes on after them.
  c_most_passed constant int := 5000;
  v_now timestamptz := clock_timestamp();
  v_due uuid[];
  v_swept ledger_private.swept;
  v_passed uuid[] := '{}';
  v_failures ledger_private.failure[] := '{}';
begin
  if max_wallets is null or max_wallets not between 1 and 100000 then
    perform ledger_private.refuse_argument('max_wallets', 'Ask for 1 to 100000 wallets at a time.');
  end if;
  loop
    v_due := array(select d.wallet_id from ledger_private.due_wallets(v_now, max_wallets, v_passed) d);
    exit when cardinality(v_due) = 0;
    v_swept := ledger_private.sweep(v_due, v_now);
    v_failures := v_failures || v_swept.failures;
    -- On past wallets that fail, or that others are at work on: they must not keep those behind them waiting.
    v_passed := v_passed || v_due;
    exit when v_swept.settled > 0 or cardinality(v_passed) >= c_most_passed;
  end loop;
  perform ledger_private.note_failures(v_failures, v_now);
  return coalesce(v_swept.settled, 0);
end
$$;

comment on function ledger.wallet_expire_due(int) is
$$@behavior -*
Books what is due in the wallets that have been due for longest: frees holds and moves expired bonus credits to breakage. Skips wallets that
others are at work on; those book it themselves. Skips wallets where the booking fails, and books the others: ledger_unsettled tells which they
are, and they are tried again after a minute, and twice as long after each further failure, up to an hour. Returns how many wallets it
settled: call it again, in a transaction of its own, until that is 0.

- maxWallets: how many wallets at most, 1 to 100000.

Refuses with INVALID_ARGUMENT (WLARG). Errors that are not a wallet's, such as 40001, 40P01, 55P03 or a cancelled statement, end the call, and
nothing is booked.$$;

revoke all on function ledger.wallet_expire_due(int) from public;
grant execute on function ledger.wallet_expire_due(int) to wallet_job;
--! EndIncluded functions/ledger/wallet_expire_due.sql

-- What callers call: reading
--! Included functions/ledger/wallet_balance.sql
create or replace function ledger.wallet_balance(wallet_id uuid)
returns ledger.wallet_balance
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_head ledger.entries;
begin
  -- Under the caller's own policies: a wallet that the caller may not see is not found.
  if not exists (select from ledger.wallets w where w.id = wallet_balance.wallet_id and w.house is null) then
    perform ledger_private.refuse_wallet(wallet_id);
  end if;
  select e.* into v_head
    from ledger.entries e
    where e.wallet_id = wallet_balance.wallet_id
    order by e.seq desc
    limit 1;
  return ledger_private.balance_of(v_head, statement_timestamp());
end
$$;

comment on function ledger.wallet_balance(uuid) is
$$A wallet's balances now, in minor units. The balance, its bonus part and its reserved part are those of its newest entry. Available is what
can be spent at this instant: holds that have expired since reserve nothing any more, and bonus credits that have expired since are left out, unless
an open hold pins them.

- walletId: a player's wallet that the caller may see.

Refuses with WALLET_NOT_FOUND (WLNOW).$$;

revoke all on function ledger.wallet_balance(uuid) from public;
grant execute on function ledger.wallet_balance(uuid)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/wallet_balance.sql
--! Included functions/ledger/wallet_balance_at.sql
create or replace function ledger.wallet_balance_at(wallet_id uuid, at_time timestamptz)
returns ledger.wallet_balance
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_created_at timestamptz;
begin
  if at_time is null then
    perform ledger_private.refuse_argument('at_time', 'Send an instant from when the wallet was opened to now.');
  end if;
  select w.created_at into v_created_at from ledger.wallets w where w.id = wallet_balance_at.wallet_id and w.house is null;
  if not found then
    perform ledger_private.refuse_wallet(wallet_id);
  end if;
  if at_time < v_created_at then
    perform ledger_private.refuse_argument('at_time', 'Send an instant from when the wallet was opened to now.',
      jsonb_build_object('at_time', ledger_private.in_utc(at_time), 'created_at', ledger_private.in_utc(v_created_at)));
  end if;
  return ledger_private.balance_of(ledger_private.entry_at(wallet_id, at_time), least(at_time, statement_timestamp()));
end
$$;

comment on function ledger.wallet_balance_at(uuid, timestamptz) is
$$A wallet's balances at an instant, in minor units: those of the newest entry booked at or before it. What was booked at
exactly atTime is counted; for balances that add up with entries(from, to), which begins with its from, use wallet_statement.
Available is what could be spent then: holds that had expired by then reserve nothing any more, and bonus credits that had
expired are left out, whether that was booked by then or not. An instant in the future counts as now.

- walletId: a player's wallet that the caller may see.
- atTime: an instant from when the wallet was opened.

Refuses, in this order, with INVALID_ARGUMENT (WLARG) for no instant, WALLET_NOT_FOUND (WLNOW), INVALID_ARGUMENT (WLARG) for an instant before
the wallet existed.$$;

revoke all on function ledger.wallet_balance_at(uuid, timestamptz) from public;
grant execute on function ledger.wallet_balance_at(uuid, timestamptz)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/wallet_balance_at.sql
--! Included functions/ledger/wallet_statement.sql
create or replace function ledger.wallet_statement(wallet_id uuid, from_time timestamptz, to_time timestamptz)
returns ledger.wallet_statement
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  -- Two instants differ by a microsecond at least: the newest entry before an instant is the newest until then.
  v_step constant interval := interval '1 microsecond';
  v_now constant timestamptz := statement_timestamp();
begin
  if from_time is null then
    perform ledger_private.refuse_argument('from_time', 'Send the instant from which the statement lists entries.');
  end if;
  if to_time is null or to_time < from_time then
    perform ledger_private.refuse_argument('to_time', 'Send the instant before which the statement ends: from_time or later.');
  end if;
  if not exists (select from ledger.wallets w where w.id = wallet_statement.wallet_id and w.house is null) then
    perform ledger_private.refuse_wallet(wallet_id);
  end if;
  return row(
    wallet_id, from_time, to_time,
    ledger_private.balance_of(ledger_private.entry_at(wallet_id, from_time - v_step), least(from_time, v_now)),
    ledger_private.balance_of(ledger_private.entry_at(wallet_id, to_time - v_step), least(to_time, v_now))
  )::ledger.wallet_statement;
end
$$;

comment on function ledger.wallet_statement(uuid, timestamptz, timestamptz) is
$$A wallet's balances at both ends of a period. opening counts the entries before fromTime, closing those before toTime, so that
for any two instants opening + the entries of the period = closing. The entries of the period are those of
wallet.entries(from: fromTime, to: toTime), which are numbered opening.seq + 1 to closing.seq. Before the wallet was opened,
all balances are 0.

- walletId: a player's wallet that the caller may see.
- fromTime: the first instant of the period; it belongs to the period.
- toTime: the end of the period, fromTime or later; it does not belong to the period, so it is the fromTime of the next one.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW).$$;

revoke all on function ledger.wallet_statement(uuid, timestamptz, timestamptz) from public;
grant execute on function ledger.wallet_statement(uuid, timestamptz, timestamptz)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/wallet_statement.sql
--! Included functions/ledger/wallet_explain.sql
create or replace function ledger.wallet_explain(wallet_id uuid)
returns setof ledger.balance_part
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_head ledger.entries;
begin
  if not exists (select from ledger.wallets w where w.id = wallet_explain.wallet_id and w.house is null) then
    perform ledger_private.refuse_wallet(wallet_id);
  end if;
  select e.* into v_head from ledger.entries e where e.wallet_id = wallet_explain.wallet_id order by e.seq desc limit 1;

  return query
    -- One look-up for each that is open: joined, all holds, lots and entries that the wallet ever had are read.
    with held as (
      -- What is due is not booked yet, but reserves nothing any more.
      select h.* from ledger_private.open_holds o
        cross join lateral (select n.* from ledger.holds n where n.wallet_id = o.wallet_id and n.id = o.hold_id limit 1) h
        where o.wallet_id = wallet_explain.wallet_id and coalesce(h.expires_at, 'infinity') > statement_timestamp()
    ), pinned as (
      select h.id as hold_id, d.lot_seq, d.expires_at, d.held_amount as amount
        from held h join ledger.bonus_lot_draws d on d.wallet_id = h.wallet_id and d.seq = h.seq
    ), lots as (
      select l.seq, l.expires_at, s.balance - coalesce((
            select sum(p.amount) from pinned p where p.lot_seq = l.seq and p.expires_at = l.expires_at), 0) as free
        from ledger_private.open_lots o
        cross join lateral (
          select n.*, n as lot from ledger.bonus_lots n where n.wallet_id = o.wallet_id and n.seq = o.lot_seq and n.expires_at = o.expires_at limit 1
        ) l
        cross join lateral ledger_private.lot_at(l.lot, v_head.seq) s
        where o.wallet_id = wallet_explain.wallet_id
    ), parts (source, amount, hold_id, expires_at, seq) as (
      select 'paid'::ledger.credit_source,
          v_head.balance - v_head.bonus_balance - coalesce((select sum(h.amount - h.bonus_amount) from held h), 0), null::uuid,
          null::timestamptz, null::bigint
      union all
      select 'bonus', v_head.bonus_balance - coalesce((select sum(h.bonus_amount) from held h), 0)
          - coalesce((select sum(l.free) from lots l), 0), null, null, null
      union all
      select 'expiring_bonus', l.free, null, l.expires_at, l.seq from lots l
      union all
      select 'paid', h.amount - h.bonus_amount, h.id, null, null from held h
      union all
      select 'bonus', h.bonus_amount - coalesce((select sum(p.amount) from pinned p where p.hold_id = h.id), 0), h.id, null, null from held h
      union all
      select 'expiring_bonus', p.amount, p.hold_id, p.expires_at, p.lot_seq from pinned p
    )
    select p.source, p.amount::bigint,
        case when p.hold_id is null and (p.expires_at is null or p.expires_at > statement_timestamp()) then p.amount else 0 end::bigint,
        p.expires_at, (select e.transfer_id from ledger.entries e where e.wallet_id = wallet_explain.wallet_id and e.seq = p.seq), p.hold_id
      from parts p
      where p.amount > 0
      order by p.hold_id nulls first, p.expires_at, p.seq, p.source desc;
end
$$;

comment on function ledger.wallet_explain(uuid) is
$$@behavior -queryField:resource:connection +queryField:resource:list
@listSuffix omit
Why a wallet's balance is what it is: the paid credits, the bonus credits without expiry, each open lot of expiring ones, and what each open
hold reserves of them. The amounts add up to the balance, those without a hold and not expired to what is available. A hold that has expired
is not among them: its credits are listed as free, or as expired, before that is booked.

- walletId: a player's wallet that the caller may see.

Refuses with WALLET_NOT_FOUND (WLNOW).$$;

revoke all on function ledger.wallet_explain(uuid) from public;
grant execute on function ledger.wallet_explain(uuid)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/wallet_explain.sql
--! Included functions/ledger/wallet_history.sql
create or replace function ledger.wallet_history(
  wallet_id uuid,
  from_time timestamptz default null,
  to_time timestamptz default null
)
returns setof ledger.history_line
language sql
stable
begin atomic
  select e.seq, e.created_at, e.kind, e.side, e.amount, e.bonus_amount, e.held_amount, e.balance, e.bonus_balance,
    e.held_balance, e.transfer_id, ledger_private.counterparty(e, t, o.kind), t.idem_key, t.actor, t.metadata
  from ledger.entries e
  left join ledger.transfers t on t.id = e.transfer_id
  left join ledger.transfers o on o.id = t.reverses
  where e.wallet_id = wallet_history.wallet_id
    and e.seq > (select coalesce(ledger_private.seq_before(wallet_history.wallet_id, from_time), 0))
    and e.seq <= (select coalesce(ledger_private.seq_before(wallet_history.wallet_id, to_time), 9223372036854775807))
  order by e.seq;
end;

comment on function ledger.wallet_history(uuid, timestamptz, timestamptz) is
$$@behavior -*
The history of a wallet that the caller may see, oldest first: what was booked at or after from_time and before to_time; null is no bound.
So the history up to an instant and the one from it on have each entry once. Of a transfer received, a player sees the entry alone:
counterparty, key, actor and metadata are for the sender alone, and come as null.$$;

revoke all on function ledger.wallet_history(uuid, timestamptz, timestamptz) from public;
grant execute on function ledger.wallet_history(uuid, timestamptz, timestamptz)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/wallet_history.sql
--! Included functions/ledger/wallets_balance.sql
create or replace function ledger.wallets_balance(wallet ledger.wallets)
returns bigint
language sql
stable
return coalesce((select e.balance from ledger.entries e where e.wallet_id = wallet.id order by e.seq desc limit 1), 0);

comment on function ledger.wallets_balance(ledger.wallets) is
$$@notNull
All credits of the wallet by its newest entry, in minor units: with reserved and bonus credits, and with what has expired and is not booked yet.$$;

revoke all on function ledger.wallets_balance(ledger.wallets) from public;
grant execute on function ledger.wallets_balance(ledger.wallets)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/wallets_balance.sql
--! Included functions/ledger/wallets_bonus_balance.sql
create or replace function ledger.wallets_bonus_balance(wallet ledger.wallets)
returns bigint
language sql
stable
return coalesce((select e.bonus_balance from ledger.entries e where e.wallet_id = wallet.id order by e.seq desc limit 1), 0);

comment on function ledger.wallets_bonus_balance(ledger.wallets) is
$$@notNull
The part of the balance that is bonus credits, in minor units, by the wallet's newest entry: with those that have expired and are not booked yet.$$;

revoke all on function ledger.wallets_bonus_balance(ledger.wallets) from public;
grant execute on function ledger.wallets_bonus_balance(ledger.wallets)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/wallets_bonus_balance.sql
--! Included functions/ledger/wallets_held_balance.sql
create or replace function ledger.wallets_held_balance(wallet ledger.wallets)
returns bigint
language sql
stable
return coalesce((select e.held_balance from ledger.entries e where e.wallet_id = wallet.id order by e.seq desc limit 1), 0);

comment on function ledger.wallets_held_balance(ledger.wallets) is
$$@notNull
The part of the balance that is reserved, in minor units, by the wallet's newest entry: also by holds that have expired and are not booked yet.$$;

revoke all on function ledger.wallets_held_balance(ledger.wallets) from public;
grant execute on function ledger.wallets_held_balance(ledger.wallets)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/wallets_held_balance.sql
--! Included functions/ledger/wallets_available.sql
create or replace function ledger.wallets_available(wallet ledger.wallets)
returns bigint
language sql
stable
return coalesce((
  select ledger_private.available_at(e, statement_timestamp())
  from ledger.entries e
  where e.wallet_id = wallet.id
  order by e.seq desc
  limit 1
), 0);

comment on function ledger.wallets_available(ledger.wallets) is
$$@notNull
What can be spent now, in minor units: the balance less what open holds reserve and less bonus credits that have expired. Holds and bonus credits
count as expired from their instant on, before that is booked.$$;

revoke all on function ledger.wallets_available(ledger.wallets) from public;
grant execute on function ledger.wallets_available(ledger.wallets)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/wallets_available.sql
--! Included functions/ledger/wallets_seq.sql
create or replace function ledger.wallets_seq(wallet ledger.wallets)
returns bigint
language sql
stable
return coalesce((select e.seq from ledger.entries e where e.wallet_id = wallet.id order by e.seq desc limit 1), 0);

comment on function ledger.wallets_seq(ledger.wallets) is
$$@notNull
The number of its newest entry: whoever knows it knows which entries are new since. 0 before the first.$$;

revoke all on function ledger.wallets_seq(ledger.wallets) from public;
grant execute on function ledger.wallets_seq(ledger.wallets)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/wallets_seq.sql
--! Included functions/ledger/holds_closing.sql
create or replace function ledger.holds_closing(hold ledger.holds)
returns ledger.transfers
language sql
stable
begin atomic
  select t
  from ledger.transfers t
  where t.wallet_id = hold.wallet_id and t.hold_id = hold.id and t.kind <> 'hold';
end;

comment on function ledger.holds_closing(ledger.holds) is
  'The movement that ended the hold: a capture or a release; null while it is open, or has expired and that is not booked yet.';

revoke all on function ledger.holds_closing(ledger.holds) from public;
grant execute on function ledger.holds_closing(ledger.holds)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/holds_closing.sql
--! Included functions/ledger/holds_status.sql
create or replace function ledger.holds_status(hold ledger.holds)
returns ledger.hold_status
language sql
stable
return case
  when hold.expires_at <= statement_timestamp() and (ledger.holds_closing(hold)).id is null
    then 'expired'::ledger.hold_status
  else ledger_private.closing_status(ledger.holds_closing(hold))
end;

comment on function ledger.holds_status(ledger.holds) is
$$@notNull
Whether the hold is open, or what became of it. It is expired from its expiry on, also before that is booked: it reserves nothing, and cannot be
captured or released.$$;

revoke all on function ledger.holds_status(ledger.holds) from public;
grant execute on function ledger.holds_status(ledger.holds)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/holds_status.sql
--! Included functions/ledger/wallets_holds.sql
create or replace function ledger.wallets_holds(wallet ledger.wallets, open boolean default null)
returns setof ledger.holds
language sql
stable
begin atomic
  -- One of the three has rows. Each is in order by itself, so that a page of it can be read from an index.
  (
    select h.*
    from ledger.holds h
    where h.wallet_id = wallet.id and wallets_holds.open is null
    order by h.seq desc
  )
  union all
  -- From the list of open ones: all that there ever were may be many more.
  (
    select (h.hold).*
    from ledger_private.open_holds o
    cross join lateral (select n as hold from ledger.holds n where n.wallet_id = o.wallet_id and n.id = o.hold_id limit 1) h
    where o.wallet_id = wallet.id and wallets_holds.open and ledger.holds_status(h.hold) = 'open'
    order by (h.hold).seq desc
  )
  union all
  (
    select h.*
    from ledger.holds h
    where h.wallet_id = wallet.id and not wallets_holds.open and ledger.holds_status(h) <> 'open'
    order by h.seq desc
  );
end;

comment on function ledger.wallets_holds(ledger.wallets, boolean) is
$$The wallet's holds, newest first.

- open: true for those that are open, false for those that have been captured or released or have expired, booked or not; all if left out.$$;

revoke all on function ledger.wallets_holds(ledger.wallets, boolean) from public;
grant execute on function ledger.wallets_holds(ledger.wallets, boolean)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/wallets_holds.sql
--! Included functions/ledger/entries_counterparty.sql
create or replace function ledger.entries_counterparty(entry ledger.entries)
returns text
language sql
stable
begin atomic
  select ledger_private.counterparty(entry, t, (select o.kind from ledger.transfers o where o.id = t.reverses))
  from ledger.transfers t
  where t.id = entry.transfer_id;
end;

comment on function ledger.entries_counterparty(ledger.entries) is
$$The other side of the movement: the house's account (treasury, promotions, revenue or breakage) or the other player's wallet; of a
reversal, that of the movement it reverses. Null where credits were only reserved or freed, and for a player who received a transfer: only
the sender may tell who sent it.$$;

revoke all on function ledger.entries_counterparty(ledger.entries) from public;
grant execute on function ledger.entries_counterparty(ledger.entries)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/entries_counterparty.sql
--! Included functions/ledger/assets_limits.sql
create or replace function ledger.assets_limits(asset ledger.assets)
returns ledger.asset_limits
language sql
stable
begin atomic
  select l from ledger.asset_limits l where l.asset_code = asset.code order by l.seq desc limit 1;
end;

comment on function ledger.assets_limits(ledger.assets) is 'The limits in force; null where none were ever set, and for players.';

revoke all on function ledger.assets_limits(ledger.assets) from public;
grant execute on function ledger.assets_limits(ledger.assets)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/assets_limits.sql

-- What callers call: the whole ledger
--! Included functions/ledger/ledger_trial_balance.sql
create or replace function ledger.ledger_trial_balance(asset_code text default null)
returns setof ledger.trial_balance
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select w.asset_code, coalesce(w.house::text, 'players'),
    coalesce(sum(h.balance) filter (where w.normal_side = 'debit'), 0),
    coalesce(sum(h.balance) filter (where w.normal_side = 'credit'), 0)
  from ledger.wallets w
  left join lateral (
    select e.balance from ledger.entries e where e.wallet_id = w.id order by e.seq desc limit 1
  ) h on true
  where ledger_trial_balance.asset_code is null or w.asset_code = ledger_trial_balance.asset_code
  group by w.asset_code, w.house
  order by w.asset_code, w.house nulls last
$$;

comment on function ledger.ledger_trial_balance(text) is
$$The trial balance: per asset and account the balance on its normal side. Within an asset, debits and credits have the same sum.

- assetCode: one asset; all of them if left out.$$;

revoke all on function ledger.ledger_trial_balance(text) from public;
grant execute on function ledger.ledger_trial_balance(text) to wallet_auditor;
--! EndIncluded functions/ledger/ledger_trial_balance.sql
--! Included functions/ledger/ledger_verify.sql
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
    and not exists (select from ledger.wallets w where w.id = ledger_verify.wallet_id and w.house is null) then
    perform ledger_private.refuse_wallet(ledger_verify.wallet_id);
  end if;
  if ledger_verify.wallet_id is null and pg_relation_size('ledger.entries') > 32 * 1024 * 1024 then
    v_digits := regexp_split_to_array('0123456789abcdef', '');
  end if;
  if current_setting('ledger.progress', true) = 'on' then
    select count(*) into v_rows from ledger.entries e where ledger_verify.wallet_id is null or e.wallet_id = ledger_verify.wallet_id;
    raise info 'ledger_verify' using detail = jsonb_build_object('proven', 0, 'rows', v_rows);
  end if;

  foreach v_digit in array v_digits loop
    v_first := coalesce(ledger_verify.wallet_id, (coalesce(v_digit, '0') || '0000000-0000-0000-0000-000000000000')::uuid);
    v_last := coalesce(ledger_verify.wallet_id, (coalesce(v_digit, 'f') || 'fffffff-ffff-ffff-ffff-ffffffffffff')::uuid);
    return query select f.* from ledger_private.verify_entries(v_first, v_last) f;
    return query select f.* from ledger_private.verify_transfers(v_first, v_last) f;
    return query select f.* from ledger_private.verify_reversals(v_first, v_last) f;
    return query select f.* from ledger_private.verify_holds(v_first, v_last) f;
    return query select f.* from ledger_private.verify_lots(v_first, v_last) f;
    return query select f.* from ledger_private.verify_draws(v_first, v_last) f;
    return query select f.* from ledger_private.verify_order(v_first, v_last) f;
    return query select f.* from ledger_private.verify_wallets(v_first, v_last) f;
    return query select f.* from ledger_private.verify_events(v_first, v_last) f;
    if v_rows is not null then
      v_proven := v_proven + (select count(*) from ledger.entries e where e.wallet_id between v_first and v_last);
      raise info 'ledger_verify' using detail = jsonb_build_object('proven', v_proven, 'rows', v_rows);
    end if;
  end loop;
  if ledger_verify.wallet_id is null then
    return query select f.* from ledger_private.verify_house() f;
    return query select f.* from ledger_private.verify_sums() f;
    return query select f.* from ledger_private.verify_records() f;
    return query select f.* from ledger_private.verify_seals() f;
  end if;
end
$$;

comment on function ledger.ledger_verify(uuid) is
$$Proves the ledger again from its rows, in one snapshot, while others go on posting: every broken rule is a row, and no row
means that it is sound.

- walletId: one player's wallet with its transfers; the whole ledger if left out. Refuses with WALLET_NOT_FOUND (WLNOW).

In a session with ledger.progress = on, a message (INFO) tells again and again how many of the entries have been proven.

Rules:

- entry_seq: a wallet's entries are numbered without gaps
- entry_balance: balances and totals continue from the entry before, and cover what holds reserve
- entry_time: a wallet's time never runs backwards
- entry_hash: the chain of hashes is whole
- entry_reference: the wallet and the transfer of an entry are there
- entry_transfer: an entry says the same as its transfer
- transfer_reference: both entries of a transfer are there
- transfer_sides: the accounts and the asset are those that the transfer's kind demands
- transfer_facts: key, amounts, bonus part and dates are those that the transfer's kind demands
- transfer_reversed: no more of a transfer was reversed than it moved, paid credits first
- hold_reference: a hold is what its transfer placed, and ended later, if it has ended
- hold_expiry: a hold that was due was freed by the wallet's next entries
- lot_reference: each expiring bonus made a lot, and so did each expiry in a transfer
- lot_balance: what was drawn from a lot adds up, and in lots is no more than the wallet's bonus credits
- lot_draws: an entry drew from lots what its kind demands, and the end of a hold freed what it had reserved
- lot_order: the earliest expiry was drawn first, and credits that do not expire last
- lot_expiry: a lot that was due was booked by the wallet's next entries
- work_list: the lists of open holds and lots are true
- wallet_id: the id of a wallet is the one derived from its owner or house account, and no part of the house is missing
- wallet_reference: the asset of a wallet and the wallet of an event are there
- wallet_status: a wallet's status is what its newest event says
- record_chain: a wallet and its events, an asset and its limits, the epochs of the feed and the verifications are numbered without gaps, none
  missing, and each hash covers the row and the one before
- asset_sum: within an asset, debits and credits have the same sum
- seal_chain: seals are numbered without gaps, and each covers the one before
- seal_root: the tree over the sealed entries has the root and the counts that the seal says
- seal_entry: what was sealed is there, and what was to be sealed was
- seal_record: so are the wallets' events, the limits and the verifications that were sealed; the list of events to seal is true$$;

revoke all on function ledger.ledger_verify(uuid) from public;
grant execute on function ledger.ledger_verify(uuid) to wallet_auditor;
--! EndIncluded functions/ledger/ledger_verify.sql
--! Included functions/ledger/ledger_verify_seals.sql
create or replace function ledger.ledger_verify_seals(kept jsonb default null)
returns setof ledger.finding
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- What findings show is the same in every session.
set timezone = 'UTC'
set bytea_output = 'hex'
as $$
  select f.* from ledger_private.verify_kept(kept) f
  union all
  select f.* from ledger_private.verify_seals() f
$$;

comment on function ledger.ledger_verify_seals(jsonb) is
$$@behavior -*
Proves the seals again from the rows that they sealed, in one snapshot; and that the ledger still has those that were kept elsewhere. Every
broken rule is a row.

- kept: a list of seals, each an object with all facts of it; none if left out.

Rules:

- seal_chain: seals are numbered without gaps, and each covers the one before
- seal_root: the tree over the sealed entries has the root and the counts that the seal says
- seal_entry: what was sealed is there, and what was to be sealed was
- seal_record: so are the wallets' events, the limits and the verifications that were sealed; the list of events to seal is true
- seal_missing: a seal that was kept elsewhere is in the ledger, unchanged

Refuses with INVALID_ARGUMENT (WLARG).$$;

revoke all on function ledger.ledger_verify_seals(jsonb) from public;
grant execute on function ledger.ledger_verify_seals(jsonb) to wallet_auditor;
--! EndIncluded functions/ledger/ledger_verify_seals.sql
--! Included functions/ledger/ledger_prove.sql
create or replace function ledger.ledger_prove(kept jsonb default null)
returns setof ledger.finding
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_proof ledger.verifications;
  v_previous ledger.verifications;
  v_findings ledger.finding[];
begin
  v_proof.started_at := clock_timestamp();
  -- One statement, one snapshot.
  select array(select f from ledger_private.verify_kept(kept) f union all select f from ledger.ledger_verify() f),
      (select max(s.seq) from ledger.seals s)
    into v_findings, v_proof.seal_seq;
  -- One chain of all proofs: who ends at the same time waits for a moment.
  lock table ledger.verifications in share row exclusive mode;
  select v.* into v_previous from ledger.verifications v order by v.seq desc limit 1;
  v_proof.id := uuidv7();
  v_proof.seq := coalesce(v_previous.seq, 0) + 1;
  v_proof.finished_at := clock_timestamp();
  v_proof.findings := cardinality(v_findings);
  v_proof.kept_seals := coalesce(jsonb_array_length(kept), 0);
  v_proof.actor := ledger_private.actor();
  v_proof.hash := ledger_private.record_hash(v_previous.hash, ledger_private.verification_bytes(v_proof));
  perform set_config('ledger.posting', 'on', true);
  -- Above READ COMMITTED the newest may be one that is not seen: then this is 40001.
  insert into ledger.verifications select v_proof.* on conflict on constraint verifications_seq_key do nothing;
  perform set_config('ledger.posting', '', true);
  return query select f.* from unnest(v_findings) f;
end
$$;

comment on function ledger.ledger_prove(jsonb) is
$$@behavior -*
Proves the whole ledger as ledger_verify does, and that it has the seals that were kept elsewhere, and records that it was done and how many
findings came of it.

- kept: a list of seals that were kept elsewhere, each an object with all facts of it; none if left out.

Refuses with INVALID_ARGUMENT (WLARG).$$;

revoke all on function ledger.ledger_prove(jsonb) from public;
grant execute on function ledger.ledger_prove(jsonb) to wallet_job;
--! EndIncluded functions/ledger/ledger_prove.sql
--! Included functions/ledger/ledger_seal.sql
create or replace function ledger.ledger_seal(max_transfers int default 100000)
returns setof ledger.seals
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  c_nil constant uuid := '00000000-0000-0000-0000-000000000000';
  v_epoch int := ledger_private.feed_epoch();
  v_last ledger.seals;
  v_start ledger_private.feed_place;
  v_until ledger_private.feed_place;
  v_horizon xid8;
  v_seal ledger.seals;
  v_wallets uuid[];
  v_seqs bigint[];
  v_leaves bytea[];
  v_chains ledger_private.record_chain[];
  v_ids uuid[];
  v_numbers bigint[];
  v_record_leaves bytea[];
begin
  if max_transfers is null or max_transfers not between 1 and 1000000 then
    perform ledger_private.refuse_argument('max_transfers', 'Ask for 1 to 1000000 transfers at a time.');
  end if;
  -- One at a time. Nobody else waits for this lock: postings know nothing of seals, and reading goes on.
  lock table ledger.seals in share row exclusive mode;
  select s.* into v_last from ledger.seals s order by s.seq desc limit 1;
  v_start := ledger_private.seal_start(v_epoch);
  select array_agg(r.chain order by r.chain, r.id), array_agg(r.id order by r.chain, r.id), array_agg(r.seq order by r.chain, r.id),
      array_agg(ledger_private.seal_leaf(r.id, r.seq, r.hash) order by r.chain, r.id)
    into v_chains, v_ids, v_numbers, v_record_leaves
    from ledger_private.unsealed_records(max_transfers) r;
  -- What began before this has ended, and the next statement sees it: no block leaves out what is committed late.
  v_horizon := pg_snapshot_xmin(pg_current_snapshot());
  loop
    select t.xid, t.id into v_until
      from ledger.transfers t
      where (t.xid, t.id) > (v_start.xid, v_start.id) and t.xid < v_horizon
      order by t.xid, t.id
      offset max_transfers - 1
      limit 1;
    if not found then
      v_until := row(v_horizon, c_nil);
    end if;
    select array_agg(h.wallet_id order by h.wallet_id), array_agg(h.seq order by h.wallet_id), sum(h.seq - h.sealed_seq),
        array_agg(ledger_private.seal_leaf(h.wallet_id, h.seq, h.hash) order by h.wallet_id)
      into v_wallets, v_seqs, v_seal.entries, v_leaves
      from ledger_private.unsealed_heads(v_start, v_until) h;
    exit when v_wallets is not null or v_until.xid = v_horizon;
    v_start := v_until;
  end loop;

  if v_wallets is null and v_ids is null then
    return;
  end if;
  v_seal.seq := coalesce(v_last.seq, 0) + 1;
  v_seal.entries := coalesce(v_seal.entries, 0);
  v_seal.wallets := coalesce(cardinality(v_wallets), 0);
  v_seal.root := ledger_private.merkle_root(v_leaves || v_record_leaves);
  v_seal.previous := v_last.hash;
  v_seal.horizon := v_until.xid;
  v_seal.horizon_id := v_until.id;
  v_seal.epoch := v_epoch;
  v_seal.sealed_at := clock_timestamp();
  v_seal.actor := ledger_private.actor();
  v_seal.hash := ledger_private.seal_hash(v_seal);
  perform set_config('ledger.posting', 'on', true);
  -- Above READ COMMITTED the last seal may be one that is not seen: then this is 40001.
  insert into ledger.seals select v_seal.* on conflict on constraint seals_pkey do nothing;
  insert into ledger.seal_heads (wallet_id, seal_seq, seq)
    select h.wallet_id, v_seal.seq, h.seq from unnest(v_wallets, v_seqs) h (wallet_id, seq);
  insert into ledger.seal_records (chain, id, seal_seq, seq)
    select r.chain, r.id, v_seal.seq, r.seq from unnest(v_chains, v_ids, v_numbers) r (chain, id, seq);
  delete from ledger_private.unsealed_events u
    using unnest(v_chains, v_ids, v_numbers) r (chain, id, seq)
    where r.chain = 'wallet' and u.wallet_id = r.id and u.seq <= r.seq;
  perform set_config('ledger.posting', '', true);
  return next v_seal;
end
$$;

comment on function ledger.ledger_seal(int) is
$$@behavior -*
Closes a block over the entries committed since the last seal: a Merkle tree over the newest entry of each wallet, whose hash covers those
before it, and over the newest of what is chained beside them (wallets and their events, assets and their limits, verifications), and a seal that
covers the tree and the seal before. No row where nothing is new. No posting waits for it, and it waits for none: entries
whose transaction began after one that is still open are left to the next seal. Call it again, in a transaction of its own, until it returns nothing.

- maxTransfers: how many transfers, and how many events of wallets, a block covers at most, 1 to 1000000.

Refuses with INVALID_ARGUMENT (WLARG).$$;

revoke all on function ledger.ledger_seal(int) from public;
grant execute on function ledger.ledger_seal(int) to wallet_job;
--! EndIncluded functions/ledger/ledger_seal.sql
--! Included functions/ledger/ledger_events.sql
create or replace function ledger.ledger_events(after text default null, "limit" int default 100)
returns setof ledger.event
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_parts text[];
  v_epoch int;
  v_xid xid8 := '0';
  v_id uuid := '00000000-0000-0000-0000-000000000000';
  -- Every transaction before this one has ended: what it wrote is in this snapshot, or never will be.
  v_horizon xid8 := pg_snapshot_xmin(pg_current_snapshot());
begin
  if "limit" is null or "limit" not between 1 and 10000 then
    perform ledger_private.refuse_argument('limit', 'Ask for 1 to 10000 events at a time.');
  end if;
  v_parts := regexp_match(after,
    '^([1-9][0-9]{0,8})[.](0|[1-9][0-9]{0,18})[.]([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$');
  if after is not null and v_parts is null then
    perform ledger_private.refuse_argument('after', 'Give the cursor of the last event as it came, or null to start.', '{"reason": "malformed"}');
  end if;
  v_epoch := ledger_private.feed_epoch();
  if after is not null then
    v_xid := v_parts[2]::xid8;
    v_id := v_parts[3]::uuid;
    if v_parts[1]::int <> v_epoch then
      perform ledger_private.refuse_argument('after',
        'The ledger was restored since. Start again from null, and skip the transfers that you know by their ids.',
        jsonb_build_object('reason', 'epoch', 'epoch', v_epoch::text));
    elsif not exists (select from ledger.transfers t where t.xid = v_xid and t.id = v_id) then
      perform ledger_private.refuse_argument('after',
        'The ledger no longer has that event. Start again from null, and skip the transfers that you know by their ids.',
        '{"reason": "cursor_unknown"}');
    end if;
  end if;
  return query
    select v_epoch || '.' || t.xid || '.' || t.id, t.id, t.kind, t.wallet_id, w.owner_id, w.asset_code, t.amount, t.bonus_amount,
        t.debit_wallet_id, t.debit_seq, t.credit_wallet_id, t.credit_seq, t.reverses, t.hold_id, t.expires_at, t.idem_key, t.actor,
        t.metadata, t.created_at
      from ledger.transfers t
      -- One look-up for each: joined, all wallets may be read.
      left join lateral (select o.owner_id, o.asset_code from ledger.wallets o where o.id = t.wallet_id limit 1) w on true
      where (t.xid, t.id) > (v_xid, v_id) and t.xid < v_horizon
      order by t.xid, t.id
      limit ledger_events."limit";
end
$$;

comment on function ledger.ledger_events(text, int) is
$$@behavior -queryField:resource:connection +queryField:resource:list
@listSuffix omit
The transfers of the ledger as a feed for other systems: each that the caller may see comes once, in the order of the transactions that
booked them, and when every earlier transaction has ended, so that a reader who goes on after the last cursor misses none. Within a wallet,
the numbers of its entries tell the order.

- after: the cursor of the last event read; from the first transfer on if left out.
- limit: how many to read at most, 1 to 10000, over GraphQL to 1000; 100 if left out.

Refuses with INVALID_ARGUMENT (WLARG): a cursor is malformed, or of an earlier epoch, or names a transfer that a restored ledger no longer has
(reason: malformed, epoch, cursor_unknown).$$;

revoke all on function ledger.ledger_events(text, int) from public;
grant execute on function ledger.ledger_events(text, int) to wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/ledger_events.sql
--! Included functions/ledger/ledger_notify.sql
create or replace function ledger.ledger_notify(after text default null, "limit" int default 1000)
returns table (next_cursor text, is_full boolean, postings jsonb)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_events int;
begin
  if "limit" is null or "limit" not between 1 and 10000 then
    perform ledger_private.refuse_argument('limit', 'Read 1 to 10000 events at a time.');
  end if;
  if after is null then
    next_cursor := coalesce(ledger_private.feed_end(), '');
    is_full := false;
    postings := '{}';
    perform pg_notify('wallets', '');
    return next;
    return;
  end if;

  with page as materialized (
    -- In the order of the feed.
    select e.cursor, e.kind, e.debit_wallet_id, e.debit_seq, e.credit_wallet_id, e.credit_seq, row_number() over () as place
      from ledger.ledger_events(nullif(after, ''), "limit") e
  ), changed as (
    select s.wallet_id, max(s.seq) as seq
      from page p
      cross join lateral (values (p.debit_wallet_id, p.debit_seq), (p.credit_wallet_id, p.credit_seq)) s (wallet_id, seq)
      join ledger.wallets w on w.id = s.wallet_id
      where w.house is null
      group by s.wallet_id
  ), notified as (
    select count(pg_notify('wallet:' || c.wallet_id, c.seq::text)) from changed c
  )
  select (select p.cursor from page p order by p.place desc limit 1),
      (select count(*) from page),
      (select jsonb_object_agg(k.kind, k.postings) from (select p.kind, count(*) as postings from page p group by p.kind) k)
    into next_cursor, v_events, postings
    from notified;
  next_cursor := coalesce(next_cursor, after);
  is_full := v_events = "limit";
  postings := coalesce(postings, '{}');
  return next;
end
$$;

comment on function ledger.ledger_notify(text, int) is
$$@behavior -*
Reads the feed on from a cursor and notifies whoever listens: for each wallet of a player that has new entries the channel wallet:<id>, with the
number of the newest as payload. Never part of a posting: transactions that notify commit one after the other, in the whole database. Returns the
cursor to go on from, whether there may be more already, and how many transfers of each kind there were.

- after: the next_cursor of the call before. If left out, it goes to the end of the feed without reading it, and notifies the channel wallets: any
  wallet may have changed since somebody last looked.
- limit: how many events to read at most, 1 to 10000.

Refuses as ledger_events does, with INVALID_ARGUMENT (WLARG): then start again without a cursor.$$;

revoke all on function ledger.ledger_notify(text, int) from public;
grant execute on function ledger.ledger_notify(text, int) to wallet_job;
--! EndIncluded functions/ledger/ledger_notify.sql
--! Included functions/ledger/ledger_unsettled.sql
create or replace function ledger.ledger_unsettled(since timestamptz default null)
returns setof ledger.unsettled_wallet
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select u.wallet_id, u.sqlstate, u.failures, u.first_failed_at, u.failed_at, u.retry_at
  from ledger_private.unsettled_wallets u
  where u.failed_at >= coalesce(ledger_unsettled.since, '-infinity')
  order by u.first_failed_at, u.wallet_id
$$;

comment on function ledger.ledger_unsettled(timestamptz) is
$$@behavior -*
The wallets in which wallet_expire_due could not book what is due when it last tried, those that have failed for longest first. What is due counts
there all the same: nobody can spend it. A wallet leaves the list when it is settled, at the next time it would be tried again.

- since: only those that failed at or after this instant; all if left out.$$;

revoke all on function ledger.ledger_unsettled(timestamptz) from public;
grant execute on function ledger.ledger_unsettled(timestamptz) to wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/ledger_unsettled.sql
--! Included functions/ledger/ledger_metrics.sql
create or replace function ledger.ledger_metrics()
returns setof ledger.metric
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  with place as (
    select pg_snapshot_xmin(pg_current_snapshot()) as horizon, pg_snapshot_xmax(pg_current_snapshot()) as next,
        ledger_private.seal_start((select max(e.epoch) from ledger.feed_epochs e)) as sealed
  ), moments (name, since) as (
    -- Wallets that fail are counted below: they would hide that nobody books the others.
    select 'oldest_due_seconds', least(
        (select h.expires_at from ledger_private.open_holds h
          where not exists (select from ledger_private.unsettled_wallets u where u.wallet_id = h.wallet_id)
          order by h.expires_at limit 1),
        (select l.due_at from ledger_private.open_lots l
          where not exists (select from ledger_private.unsettled_wallets u where u.wallet_id = l.wallet_id)
          order by l.due_at limit 1))
    union all
    select 'last_clean_verify_seconds', (select max(v.finished_at) from ledger.verifications v where v.findings = 0)
    union all
    select 'last_seal_seconds', (select s.sealed_at from ledger.seals s order by s.seq desc limit 1)
    union all
    -- The places are sub-selects, so that the index is looked up and not read.
    select 'unsealed_seconds', (select t.created_at from ledger.transfers t
      where (t.xid, t.id) > ((select (p.sealed).xid from place p), (select (p.sealed).id from place p)) order by t.xid, t.id limit 1)
    union all
    select 'feed_lag_seconds', (select t.created_at from ledger.transfers t
      where t.xid >= (select p.horizon from place p) order by t.xid, t.id limit 1)
  ), waits as (
    select count(*) as number, min(l.waitstart) as since
      from pg_locks l join pg_stat_activity a on a.pid = l.pid
      where not l.granted and a.datname = current_database()
  )
  select m.name, '{}'::jsonb, greatest(coalesce(extract(epoch from clock_timestamp() - m.since), 0), 0)::double precision
    from moments m
    -- What has never been has no age; nothing due, unsealed or held back is as good as fresh.
    where m.since is not null or m.name not like 'last%'
  union all
  select 'unsettled_wallets', '{}', count(*) from ledger_private.unsettled_wallets
  union all
  select 'lock_waits', '{}', number from waits
  union all
  select 'lock_wait_seconds', '{}', greatest(coalesce(extract(epoch from clock_timestamp() - since), 0), 0) from waits
  union all
  select 'horizon_age_transactions', '{}', (p.next::text::numeric - p.horizon::text::numeric)::double precision from place p
$$;

comment on function ledger.ledger_metrics() is
$$@behavior -*
Figures for monitoring, each cheap to get: how long what is due has been due (oldest_due_seconds, without the wallets that could not be
settled), how many wallets could not be settled when it was last tried (unsettled_wallets), the age of the last verification without
findings and of the last seal (last_clean_verify_seconds, last_seal_seconds; no row where there has been none), how long the oldest entry that is not
sealed has been there (unsealed_seconds), how far the feed is behind (feed_lag_seconds), how many sessions wait for a lock and how long the
first has waited (lock_waits, lock_wait_seconds), and how many transactions have begun since the oldest that is open
(horizon_age_transactions).$$;

revoke all on function ledger.ledger_metrics() from public;
grant execute on function ledger.ledger_metrics() to wallet_auditor, wallet_gateway;
--! EndIncluded functions/ledger/ledger_metrics.sql
--! Included functions/gateway/take_poller_turn.sql
create or replace function gateway.take_poller_turn()
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Nothing is written, so the transaction that keeps the lock has no number and delays neither the feed nor a vacuum.
  lock table gateway.poller_turn in exclusive mode nowait;
  return true;
exception
  when lock_not_available then
    return false;
end
$$;

comment on function gateway.take_poller_turn() is
  'Whether the caller polls the feed, until its transaction ends: of all sessions one at a time. Never waits.';

revoke all on function gateway.take_poller_turn() from public;
grant execute on function gateway.take_poller_turn() to wallet_worker;
--! EndIncluded functions/gateway/take_poller_turn.sql

select ledger_private.begin_epoch();

reset role;
