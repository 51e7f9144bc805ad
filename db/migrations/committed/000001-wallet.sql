--! Previous: -
--! Hash: sha1:5dd9c6d5d839dde9f7e75f0174e72e14f597b80a
--! Message: wallet

-- All of the database, in the order in which it is made: the types, tables and policies of schema/, the functions of
-- functions/. roles.sql comes before. The first migration is this file with every include expanded; `npm run migration`
-- writes it.

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
grant usage on schema ledger to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job,
  wallet_gateway;
grant usage on schema ledger_private to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
grant usage on schema gateway to wallet_gateway, wallet_worker;
--! EndIncluded schema/schemas.sql

-- Guards of the tables. Privileges are the first wall, these the second: they stop the owner and a superuser from
-- writing by hand. They fire in ordinary sessions only, so that logical replication and a restore may still write rows.
--! Included functions/ledger_private/triggers/tg__guard_insert.sql
create or replace function ledger_private.tg__guard_insert()
returns trigger
language plpgsql
as $$
begin
  -- Judged here: PostgreSQL would parse a trigger's WHEN anew for every statement, which costs more than the call.
  if current_setting('ledger.posting', true) = 'on' then
    return null;
  end if;
  raise exception using
    errcode = '42501',
    message = format('%s.%s is written by the ledger''s functions only', TG_TABLE_SCHEMA, TG_TABLE_NAME),
    hint = 'Call the function for it, such as wallet_top_up, wallet_spend or wallet_open.';
end
$$;

comment on function ledger_private.tg__guard_insert is
  'Refuses rows written by hand, also by the owner or a superuser: all that come while no posting function is at work.';
--! EndIncluded functions/ledger_private/triggers/tg__guard_insert.sql
--! Included functions/ledger_private/triggers/tg__append_only.sql
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

comment on function ledger_private.tg__append_only is
  'Refuses to change or remove what has been written, also to the owner or a superuser.';
--! EndIncluded functions/ledger_private/triggers/tg__append_only.sql
--! Included functions/ledger_private/triggers/tg_entries__arrived.sql
create or replace function ledger_private.tg_entries__arrived()
returns trigger
language plpgsql
as $$
begin
  -- The last transaction there can be: nothing that is booked here comes after it, so that the feed cannot overlook it.
  NEW.xid := '18446744073709551615';
  return NEW;
end
$$;

comment on function ledger_private.tg_entries__arrived is
  'Marks an entry that replication brings, or a restore in its name. begin_epoch() gives it a place in the feed.';
--! EndIncluded functions/ledger_private/triggers/tg_entries__arrived.sql
--! Included functions/ledger_private/triggers/tg_feed_epochs__arrived.sql
create or replace function ledger_private.tg_feed_epochs__arrived()
returns trigger
language plpgsql
as $$
begin
  -- Guards do not fire in a session that replicates. Later epochs stay where they came in the same copy.
  delete from ledger.feed_epochs e where e.epoch = NEW.epoch or e.epoch > NEW.epoch
    and e.xmin <> pg_current_xact_id()::xid;
  return NEW;
end
$$;

comment on function ledger_private.tg_feed_epochs__arrived is
  'Lets the epochs that replication brings take the place of those that migrating the empty database began.';
--! EndIncluded functions/ledger_private/triggers/tg_feed_epochs__arrived.sql

-- Whose rows a player sees
--! Included functions/ledger_private/callers/claimed_subject.sql
create or replace function ledger_private.claimed_subject()
returns text
language sql
stable
-- Bound when it is made: policies call it in sessions whose search_path is the caller's. Whoever has SQL can set any
-- claim, so claims count only where the login of the gateway opened the session: it alone sets them from tokens that it
-- has checked. A claim reverts to an empty text on a pooled connection.
return case when session_user = 'wallet_gateway' then nullif(current_setting('jwt.claims.sub', true), '') end;

comment on function ledger_private.claimed_subject is
  'The subject (sub) of the token that the gateway serves; null in every other session. The only reader of claims.';

grant execute on function ledger_private.claimed_subject to wallet_player;
--! EndIncluded functions/ledger_private/callers/claimed_subject.sql

-- Tables and types
--! Included schema/assets.sql
-- What there are credits of.
create table ledger.assets (
  code text primary key,
  name text not null,
  scale int not null default 0,
  actor text not null,
  created_at timestamptz not null,
  hash bytea not null,
  constraint assets_code_is_a_word check (code ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$'),
  constraint assets_name_has_1_to_200_characters check (char_length(name) between 1 and 200),
  constraint assets_scale_is_0_to_18 check (scale between 0 and 18)
);

comment on table ledger.assets is $$@behavior -query:resource:single -singularRelation:resource:single
A kind of virtual credit, such as Gold Coins.$$;
comment on column ledger.assets.code is
  'Short name that calls use: 1 to 64 letters, digits, dots, dashes or underscores.';
comment on column ledger.assets.name is 'Name for people.';
comment on column ledger.assets.scale is
  'Digits after the point when an amount is shown to people, 0 to 18. Amounts themselves are always whole minor units.';
comment on column ledger.assets.actor is $$@behavior -*
Who created it: the token's role and subject, or db: and the database login.$$;
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
-- Who has credits: players. The balance is in no column of a wallet: the newest of its entries says it. The house has
-- no wallets; what its accounts have is the sum of the entries that name them.
create type ledger.entry_side as enum ('debit', 'credit');
comment on type ledger.entry_side is
  'The two sides of double entry. A credit raises the balance of a player''s wallet, a debit lowers it.';
grant usage on type ledger.entry_side to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.account as enum (
  'player', 'treasury', 'promotions', 'revenue', 'breakage', 'opening', 'exchange', 'adjustments',
  'receivables', 'losses', 'transit_in', 'transit_out', 'elsewhere'
);
comment on type ledger.account is
$$What a movement debits and credits: player, which is one wallet or another, or an account of the house. treasury:
credits sold. promotions: credits given away. revenue: credits spent. breakage: credits that expired. elsewhere: players
whose wallets another database has; sums name it, entries do not. The others have no movements yet.$$;
grant usage on type ledger.account to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.wallet_status as enum ('open', 'frozen', 'closed');
comment on type ledger.wallet_status is
  'open: everything books. frozen: no credit leaves, credits still arrive. closed: nothing books.';
grant usage on type ledger.wallet_status to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.wallet_event_kind as enum ('opened', 'frozen', 'closed', 'reopened');
comment on type ledger.wallet_event_kind is 'A change of a wallet''s status.';
grant usage on type ledger.wallet_event_kind to wallet_player, wallet_service, wallet_operator,
  wallet_auditor, wallet_job;

create table ledger.wallets (
  id uuid primary key,
  owner_id text not null,
  asset_code text not null references ledger.assets (code),
  status ledger.wallet_status not null default 'open',
  created_at timestamptz not null default clock_timestamp(),
  constraint wallets_owner_id_has_1_to_200_characters check (char_length(owner_id) between 1 and 200)
);

-- A player's list of wallets.
create index wallets_owner_id_idx on ledger.wallets (owner_id);

comment on table ledger.wallets is
$$A wallet: one owner's credits of one asset. Its balance is not a column of it: the newest entry of the wallet carries
it.$$;
comment on column ledger.wallets.id is 'Derived from owner and asset (see walletId), so nobody needs to look it up.';
comment on column ledger.wallets.owner_id is $$@isIndexed
@behavior -orderBy
The player's account number: 1 to 200 characters, opaque and unchanging. Never an e-mail address or a name.$$;
comment on column ledger.wallets.asset_code is 'The asset whose credits the wallet holds.';
comment on column ledger.wallets.status is 'open, frozen or closed; every change leaves a row in the wallet''s events.';
comment on column ledger.wallets.created_at is 'When the wallet was opened.';

-- The one table with a row that changes: its status does, and nothing else of it.
create trigger _100_guard_insert before insert on ledger.wallets
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before delete or truncate on ledger.wallets
  for each statement execute function ledger_private.tg__append_only();
create trigger _200_guard_update before update on ledger.wallets for each statement
  when (current_setting('ledger.posting', true) is distinct from 'on')
    execute function ledger_private.tg__append_only();
--! Included functions/ledger_private/triggers/tg_wallets__status_only.sql
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

comment on function ledger_private.tg_wallets__status_only is 'Refuses to change anything of a wallet but its status.';
--! EndIncluded functions/ledger_private/triggers/tg_wallets__status_only.sql
create trigger _300_status_only before update on ledger.wallets
  for each row execute function ledger_private.tg_wallets__status_only();

-- Whoever sees a wallet sees what belongs to it: the policies for players of other tables ask these, by a sub-select.
-- PostgreSQL answers it by a hash table of the own wallets, which spares a look-up per row.
alter table ledger.wallets enable row level security;
-- The sub-select makes it one look-up per statement.
create policy players_see_their_own on ledger.wallets for select to wallet_player
  using (owner_id = (select ledger_private.claimed_subject()));
create policy services_see_every_player on ledger.wallets for select to wallet_service, wallet_operator,
  wallet_job using (true);
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

comment on table ledger.wallet_events is
$$@behavior -query:resource:connection -query:resource:list -query:resource:single
What happened to a wallet's status: who, when and why. Append-only. Players do not see it.$$;
comment on constraint wallet_events_wallet_id_fkey on ledger.wallet_events is '@foreignFieldName events';
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
create policy services_see_every_player on ledger.wallet_events for select to wallet_service, wallet_operator,
  wallet_job using (true);
create policy auditors_see_all on ledger.wallet_events for select to wallet_auditor using (true);
grant select on ledger.wallet_events to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded schema/wallets.sql
--! Included schema/nodes.sql
-- Which wallets this database has. The rows of some of a ledger's wallets, alone in a database, are a ledger of their
-- own.
create table ledger_private.node_ranges (
  first_id uuid primary key,
  last_id uuid not null,
  constraint node_ranges_order check (first_id <= last_id)
);

comment on table ledger_private.node_ranges is
$$The ranges of wallet ids that this database has, where a ledger is spread over several databases; empty, where it has
all of them. A transfer with a wallet outside of the ranges has one entry here, and the other side is the account
elsewhere. The owner writes them, before the wallets are brought here.$$;
comment on column ledger_private.node_ranges.first_id is 'The first id of the range.';
comment on column ledger_private.node_ranges.last_id is 'The last id of the range.';

grant select on ledger_private.node_ranges to wallet_auditor, wallet_job;
--! EndIncluded schema/nodes.sql
--! Included schema/entries.sql
-- The log: a row for each movement and each player's wallet that it touches, with what it left in that wallet. The
-- newest row of a wallet is its balance. The row of the wallet that acted carries the request. What the house's
-- accounts have is the sum of the rows that name them.
create type ledger.transfer_kind as enum (
  'top_up', 'bonus', 'spend', 'transfer', 'hold', 'capture', 'release', 'reversal', 'expiry',
  'opening', 'exchange', 'adjustment', 'debt', 'collection', 'forgiveness', 'merge'
);
comment on type ledger.transfer_kind is 'What a movement is. The kinds after expiry are not booked yet.';
grant usage on type ledger.transfer_kind to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

-- A rule of one column costs a sixth of a CHECK of the table, which PostgreSQL reads anew for each statement. So what
-- is not bonus and what is not reserved are columns too.
create domain ledger.units as bigint constraint units_are_not_negative check (value >= 0);
comment on domain ledger.units is 'Minor units of an asset, of which nobody can have less than none.';
grant usage on type ledger.units to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create table ledger.entries (
  wallet_id uuid not null,
  transfer_id uuid not null,
  seq bigint not null,
  amount bigint not null,
  bonus_amount bigint not null,
  held_amount bigint not null,
  balance ledger.units not null,
  bonus_balance ledger.units not null,
  held_balance ledger.units not null,
  paid_balance ledger.units not null,
  free_balance ledger.units not null,
  topped_up_total bigint not null,
  granted_total bigint not null,
  spent_total bigint not null,
  sent_total bigint not null,
  created_at timestamptz not null,
  xid xid8 not null,
  kind ledger.transfer_kind not null,
  debit ledger.account not null,
  credit ledger.account not null,
  -- Of the wallet that acted only.
  actor text,
  idem_key text,
  to_wallet uuid,
  to_seq bigint,
  requested_amount bigint,
  held_bonus_amount bigint,
  reverses uuid,
  hold_id uuid,
  expires_at timestamptz,
  metadata jsonb,
  hash bytea not null,
  -- The second wall: a writer that read an old head collides here instead of overwriting history.
  primary key (wallet_id, seq),
  -- Declared, not enforced: the functions hold the wallets locked, and ledger_verify() proves it. It documents the
  -- model and gives GraphQL the relation.
  constraint entries_wallet_id_fkey foreign key (wallet_id) references ledger.wallets (id) not enforced
);

-- A key books once. Who looks for a number cannot take this index, and who looks for a key does: of two that cost the
-- same, the later one counts.
create unique index entries_wallet_id_idem_key_key on ledger.entries (wallet_id, idem_key) where idem_key is not null;
-- A movement is found by its id; it finds its reversals; and the feed its place.
create unique index entries_transfer_id_idx on ledger.entries (transfer_id) where actor is not null;
create index entries_reverses_idx on ledger.entries (reverses) where reverses is not null;
create index entries_xid_transfer_id_idx on ledger.entries (xid, transfer_id) where actor is not null;
-- A hold ends once.
create unique index entries_hold_closed_once_idx on ledger.entries (wallet_id, hold_id) where hold_id is not null
  and kind <> 'hold';

comment on table ledger.entries is $$@behavior -query:resource:connection -query:resource:list
@foreignKey (transfer_id) references transfers (id)|@fieldName transfer|@behavior -manyRelation:resource:connection -manyRelation:resource:list
One line of a wallet's history, with the balances as that line left them. Append-only; the newest line is the
balance.$$;
comment on constraint entries_wallet_id_fkey on ledger.entries is '@foreignFieldName entries';
comment on column ledger.entries.wallet_id is 'The wallet whose history this is a line of.';
comment on column ledger.entries.transfer_id is
  'The movement. The two lines of a movement between players have the same.';
comment on column ledger.entries.seq is 'Number of the line within its wallet: 1, 2, 3 and so on without gaps.';
comment on column ledger.entries.amount is
  'The amount moved, in minor units; 0 where credits were only reserved or freed.';
comment on column ledger.entries.bonus_amount is 'The part of the amount that was bonus credits, in minor units.';
comment on column ledger.entries.held_amount is
  'Change of the reserved credits, in minor units; negative where a reservation ended.';
comment on column ledger.entries.balance is
  'Balance after this line, in minor units, reserved and bonus credits included.';
comment on column ledger.entries.bonus_balance is
  'The part of the balance that is bonus credits, after this line, in minor units.';
comment on column ledger.entries.held_balance is
  'The part of the balance that is reserved, after this line, in minor units.';
comment on column ledger.entries.paid_balance is $$@behavior -*
The part of the balance that is not bonus credits, after this line, in minor units.$$;
comment on column ledger.entries.free_balance is $$@behavior -*
The part of the balance that is not reserved, after this line, in minor units.$$;
comment on column ledger.entries.topped_up_total is 'All credits ever bought, after this line, in minor units.';
comment on column ledger.entries.granted_total is 'All bonus credits ever granted, after this line, in minor units.';
comment on column ledger.entries.spent_total is 'All credits ever spent, after this line, in minor units.';
comment on column ledger.entries.sent_total is
  'All credits ever sent to other players, after this line, in minor units.';
comment on column ledger.entries.created_at is 'When it was booked; never earlier than the line before it.';
comment on column ledger.entries.xid is $$@behavior -*
The transaction that wrote it: its place in the feed, within an epoch. No fact of the movement, and not in its hash.$$;
comment on column ledger.entries.kind is 'What the movement is.';
comment on column ledger.entries.debit is
  'The account that the amount leaves: player, which is this wallet or the other of the movement, or the house''s.';
comment on column ledger.entries.credit is 'The account that the amount reaches.';
comment on column ledger.entries.actor is $$@behavior -*
Who called: the token's role and subject, or db: and the database login. Not null in the line of the wallet that acted,
and only there.$$;
comment on column ledger.entries.idem_key is $$@behavior -*
The caller's idempotency key, unique within the wallet for ever; null where the system booked.$$;
comment on column ledger.entries.to_wallet is $$@behavior -*
The other player's wallet, where the movement is between two. The line there does not name this one: who sent is not for
who received.$$;
comment on column ledger.entries.to_seq is $$@behavior -*
The number of the line there.$$;
comment on column ledger.entries.requested_amount is $$@behavior -*
The amount as the caller asked for it, in minor units; null where it asked for all.$$;
comment on column ledger.entries.held_bonus_amount is $$@behavior -*
Of a hold or a release, the part of what was reserved or freed that is bonus credits, in minor units.$$;
comment on column ledger.entries.reverses is $$@behavior -*
The transfer that this one reverses, if it is a reversal.$$;
comment on column ledger.entries.hold_id is $$@behavior -*
The hold that this one opened, captured or released.$$;
comment on column ledger.entries.expires_at is $$@behavior -*
When the credits or the hold expire, as asked.$$;
comment on column ledger.entries.metadata is $$@behavior -*
The caller's own facts: a JSON object of at most 8192 bytes.$$;
comment on column ledger.entries.hash is
  'SHA-256 over the hash of the line before and every fact of this one: one chain per wallet.';

create trigger _100_guard_insert before insert on ledger.entries
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.entries
  for each statement execute function ledger_private.tg__append_only();

-- Of a transfer received, a player sees the own line alone: the key, the metadata and the sender stand in the sender's.
alter table ledger.entries enable row level security;
create policy players_see_their_own on ledger.entries for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = entries.wallet_id));
create policy services_see_every_player on ledger.entries for select to wallet_service, wallet_operator,
  wallet_job using (true);
create policy auditors_see_all on ledger.entries for select to wallet_auditor using (true);
grant select on ledger.entries to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

--! Included functions/ledger/entries_side.sql
create or replace function ledger.entries_side(entry ledger.entries)
returns ledger.entry_side
language sql
immutable
return case
  when entry.debit <> 'player' then 'credit'::ledger.entry_side
  when entry.credit <> 'player' then 'debit'
  when entry.kind = 'hold' then 'debit'
  when entry.kind = 'release' then 'credit'
  -- Between players, the wallet that acts is the one that credits leave, or get back to.
  when (entry.actor is not null) = (entry.kind <> 'reversal') then 'debit'
  else 'credit'
end;

comment on function ledger.entries_side is
$$@notNull
Debit or credit: a credit raises the wallet's balance, a debit lowers it.$$;

grant execute on function ledger.entries_side
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/entries_side.sql
--! Included functions/ledger_private/nodes/is_here.sql
create or replace function ledger_private.is_here(wallet_id uuid)
returns boolean
language sql
stable
as $$
  select not exists (select from ledger_private.node_ranges)
    or exists (select from ledger_private.node_ranges r where is_here.wallet_id between r.first_id and r.last_id)
$$;

comment on function ledger_private.is_here is 'Whether a wallet with this id belongs to this database.';

grant execute on function ledger_private.is_here to wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/nodes/is_here.sql
--! Included functions/ledger_private/nodes/received_from_elsewhere.sql
create or replace function ledger_private.received_from_elsewhere()
returns setof ledger.entries
language sql
stable
as $$
  -- Where all wallets are here, no entry is looked at.
  select e.* from ledger.entries e
  where exists (select from ledger_private.node_ranges) and e.actor is null
    and not exists (select from ledger.entries a where a.transfer_id = e.transfer_id and a.actor is not null)
$$;

comment on function ledger_private.received_from_elsewhere is
  'The received entries of movements whose acting wallets another database has; none where all wallets are here.';

grant execute on function ledger_private.received_from_elsewhere to wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/nodes/received_from_elsewhere.sql
--! Included functions/ledger_private/nodes/is_from_elsewhere.sql
create or replace function ledger_private.is_from_elsewhere(entry ledger.entries)
returns boolean
language sql
stable
as $$
  select exists (
    select from ledger_private.received_from_elsewhere() r where r.wallet_id = entry.wallet_id and r.seq = entry.seq)
$$;

comment on function ledger_private.is_from_elsewhere is
  'Whether an entry is one that was received from a wallet of another database.';

grant execute on function ledger_private.is_from_elsewhere to wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/nodes/is_from_elsewhere.sql
--! Included functions/ledger_private/nodes/movements.sql
create or replace function ledger_private.movements()
returns setof ledger.entries
language sql
stable
as $$
  select e.* from ledger.entries e where e.actor is not null
  union all
  select r.* from ledger_private.received_from_elsewhere() r
$$;

comment on function ledger_private.movements is
  'Each movement once, by the entry that counts: the acting one, or the received one where another database has that.';

grant execute on function ledger_private.movements to wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/nodes/movements.sql
--! Included functions/ledger_private/nodes/accounts_here.sql
create or replace function ledger_private.accounts_here(entry ledger.entries)
returns table (debit ledger.account, credit ledger.account)
language sql
stable
as $$
  select case when x.elsewhere and ledger.entries_side(entry) = 'credit' then 'elsewhere' else entry.debit end,
    case when x.elsewhere and ledger.entries_side(entry) = 'debit' then 'elsewhere' else entry.credit end
  from (select entry.amount > 0 and entry.debit = 'player' and entry.credit = 'player'
    -- The same as is_here, which PostgreSQL would call for each row.
    and (entry.actor is null or exists (select from ledger_private.node_ranges) and not exists (
      select from ledger_private.node_ranges r where entry.to_wallet between r.first_id and r.last_id))) x (elsewhere)
$$;

comment on function ledger_private.accounts_here is
$$Which accounts a movement debits and credits, as this database sees it: where another one has the other player's
wallet, that side is elsewhere. Of a movement, the entry that counts is the acting one, and the received one where
another database has that (is_from_elsewhere).$$;

grant execute on function ledger_private.accounts_here to wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/nodes/accounts_here.sql

create view ledger.transfers with (security_invoker) as
  select e.transfer_id as id, e.wallet_id, e.idem_key, e.kind,
    case ledger.entries_side(e) when 'debit' then e.wallet_id else e.to_wallet end as debit_wallet_id,
    case ledger.entries_side(e) when 'debit' then e.seq else e.to_seq end as debit_seq,
    case ledger.entries_side(e) when 'credit' then e.wallet_id else e.to_wallet end as credit_wallet_id,
    case ledger.entries_side(e) when 'credit' then e.seq else e.to_seq end as credit_seq,
    e.requested_amount,
    case when e.kind in ('hold', 'release') then abs(e.held_amount) else e.amount end as amount,
    coalesce(e.held_bonus_amount, e.bonus_amount) as bonus_amount,
    e.reverses, e.hold_id, e.expires_at, e.metadata, e.actor, e.created_at
  from ledger.entries e
  where e.actor is not null;

comment on view ledger.transfers is $$@primaryKey id
@unique wallet_id,idem_key|@fieldName transferByIdemKey
@foreignKey (wallet_id) references wallets (id)|@behavior -manyRelation:resource:connection -manyRelation:resource:list
@foreignKey (reverses) references transfers (id)|@fieldName reversedTransfer|@forwardDescription The movement that this one reverses.|@foreignFieldName reversals|@backwardDescription What has been taken back of it: its reversals, oldest first.|@isIndexed
@foreignKey (wallet_id, hold_id) references holds (wallet_id, id)|@fieldName hold|@forwardDescription The hold that this one opened, captured or released.|@behavior -manyRelation:resource:connection -manyRelation:resource:list
@foreignKey (debit_wallet_id, debit_seq) references entries (wallet_id, seq)|@fieldName debitEntry|@behavior -manyRelation:resource:connection -manyRelation:resource:list -singularRelation:resource:single:backward
@foreignKey (credit_wallet_id, credit_seq) references entries (wallet_id, seq)|@fieldName creditEntry|@behavior -manyRelation:resource:connection -manyRelation:resource:list -singularRelation:resource:single:backward
@behavior -query:resource:connection -query:resource:list -filter -order -insert -update -delete
One movement of credits, as the call asked for it and as the wallet that acted booked it. It has one entry in each
player's wallet that it touches: two where it is between players, otherwise one, and the other side is an account of the
house.$$;
comment on column ledger.transfers.id is 'Time-ordered id of the movement.';
comment on column ledger.transfers.wallet_id is $$@notNull
The wallet the call acted for: the scope of its idempotency key.$$;
comment on column ledger.transfers.idem_key is
  'The caller''s idempotency key, unique within the wallet for ever; null only for what the system books itself.';
comment on column ledger.transfers.kind is $$@notNull
What the movement is.$$;
comment on column ledger.transfers.debit_wallet_id is
  'The wallet of the debit entry; null where that side is the house''s.';
comment on column ledger.transfers.debit_seq is 'The debit entry''s number within its wallet.';
comment on column ledger.transfers.credit_wallet_id is
  'The wallet of the credit entry; null where that side is the house''s.';
comment on column ledger.transfers.credit_seq is 'The credit entry''s number within its wallet.';
comment on column ledger.transfers.requested_amount is
  'The amount as the caller asked for it, in minor units; null where it asked for all.';
comment on column ledger.transfers.amount is $$@notNull
The amount moved, or reserved by a hold and freed by a release, in minor units of the asset.$$;
comment on column ledger.transfers.bonus_amount is $$@notNull
The part of the amount that was bonus credits, in minor units.$$;
comment on column ledger.transfers.reverses is 'The transfer that this one reverses, if it is a reversal.';
comment on column ledger.transfers.hold_id is 'The hold that this one opened, captured or released.';
comment on column ledger.transfers.expires_at is 'When the credits or the hold expire, as asked.';
comment on column ledger.transfers.metadata is $$@notNull
The caller's own facts: a JSON object of at most 8192 bytes.$$;
comment on column ledger.transfers.actor is $$@notNull
Who called: the token's role and subject, or db: and the database login.$$;
comment on column ledger.transfers.created_at is $$@notNull
When it was booked.$$;
grant select on ledger.transfers to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create view ledger.journal with (security_invoker) as
  select e.transfer_id, e.created_at, e.kind, w.asset_code, l.side, l.account, l.wallet_id, e.amount, e.bonus_amount
  from ledger_private.movements() e
  join ledger.wallets w on w.id = e.wallet_id
  cross join lateral ledger_private.accounts_here(e) a
  cross join lateral (values ('debit'::ledger.entry_side, a.debit), ('credit', a.credit)) s (side, account)
  cross join lateral (
    select s.side, s.account, case when s.side = ledger.entries_side(e) then e.wallet_id else e.to_wallet end
  ) l (side, account, wallet_id)
  where e.amount > 0;

comment on view ledger.journal is $$@behavior -*
The ledger in its classical form, for auditors: two lines for each movement, of the same amount, one on the debit
side and one on the credit side. So for each asset both sides have the same sum. Reservations move nothing and have
no lines.$$;
comment on column ledger.journal.transfer_id is 'The movement.';
comment on column ledger.journal.created_at is 'When it was booked.';
comment on column ledger.journal.kind is 'What the movement is.';
comment on column ledger.journal.asset_code is 'The asset.';
comment on column ledger.journal.side is 'Debit or credit.';
comment on column ledger.journal.account is
  'The account that is debited or credited: player, elsewhere, or one of the house''s.';
comment on column ledger.journal.wallet_id is
  'The player''s wallet; null for the house, and for an unknown sender elsewhere.';
comment on column ledger.journal.amount is 'The amount moved, in minor units.';
comment on column ledger.journal.bonus_amount is 'The part of the amount that was bonus credits, in minor units.';
grant select on ledger.journal to wallet_auditor, wallet_job;
--! EndIncluded schema/entries.sql
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
  constraint holds_wallet_id_fkey foreign key (wallet_id) references ledger.wallets (id) not enforced
);
-- Made last: of two indexes that seem equal to it, where nothing is known of the table yet, the planner takes the newer
-- one. A hold is looked up by this one, by the other all that a wallet had.
alter table ledger.holds add primary key (wallet_id, id);
-- Which holds had expired by an instant, of a wallet that has had many. Newer still, but partial: other look-ups cannot
-- take it.
create index holds_wallet_id_expires_at_idx on ledger.holds (wallet_id, expires_at) where expires_at is not null;

comment on table ledger.holds is $$@behavior -query:resource:connection -query:resource:list
@foreignKey (id) references transfers (id)|@fieldName transfer|@forwardDescription The movement that placed it.|@behavior -manyRelation:resource:connection -manyRelation:resource:list -singularRelation:resource:single:backward
A reservation of credits. Append-only: it is open until a capture or a release names it, or until it expires.$$;
comment on constraint holds_wallet_id_fkey on ledger.holds is
$$@behavior -manyRelation:resource:connection -manyRelation:resource:list
@forwardDescription The wallet whose credits it reserves.$$;
comment on constraint holds_wallet_id_seq_key on ledger.holds is
  '@behavior -query:resource:single -singularRelation:resource:single';
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
create policy services_see_every_player on ledger.holds for select to wallet_service, wallet_operator,
  wallet_job using (true);
create policy auditors_see_all on ledger.holds for select to wallet_auditor using (true);
grant select on ledger.holds to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

-- A work list: an index of what is open, whose rows are removed. It decides nothing: whether a hold is open, the rows
-- above say; ledger_verify() proves the list against them.
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
  when (current_setting('ledger.posting', true) is distinct from 'on')
    execute function ledger_private.tg__guard_insert();
create trigger _200_guard_truncate before truncate on ledger_private.open_holds
  for each statement execute function ledger_private.tg__append_only();

alter table ledger_private.open_holds enable row level security;
create policy players_see_their_own on ledger_private.open_holds for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = open_holds.wallet_id));
create policy services_see_every_player on ledger_private.open_holds for select to wallet_service, wallet_operator,
  wallet_job using (true);
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

-- What a balance at an instant has to leave out. (With the number too: a single lot is looked up by it as well, among
-- many of one expiry.)
create index bonus_lots_wallet_id_expires_at_seq_idx on ledger.bonus_lots (wallet_id, expires_at, seq);

comment on table ledger.bonus_lots is $$@behavior -*
Bonus credits that arrived with one expiry, by a bonus or a transfer. Append-only. Bonus credits that do not expire are
in no lot.$$;
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
create policy services_see_every_player on ledger.bonus_lots for select to wallet_service, wallet_operator,
  wallet_job using (true);
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
  constraint bonus_lot_draws_entry_fkey foreign key (wallet_id, seq)
    references ledger.entries (wallet_id, seq) not enforced,
  constraint bonus_lot_draws_hold_fkey foreign key (wallet_id, hold_id)
    references ledger.holds (wallet_id, id) not enforced
);

-- What an entry drew. (With the wallet first, it would be taken for the newest row of a lot too, which the primary key
-- finds at once.)
create index bonus_lot_draws_seq_wallet_id_idx on ledger.bonus_lot_draws (seq, wallet_id);

comment on table ledger.bonus_lot_draws is $$@behavior -*
What an entry of the wallet drew from a lot, reserved of it, or gave back to it. Append-only; the newest one says what
is left.$$;
comment on column ledger.bonus_lot_draws.wallet_id is 'The wallet.';
comment on column ledger.bonus_lot_draws.lot_seq is 'The lot: the entry with which it arrived,';
comment on column ledger.bonus_lot_draws.expires_at is 'and its expiry.';
comment on column ledger.bonus_lot_draws.seq is 'The wallet''s entry that drew.';
comment on column ledger.bonus_lot_draws.hold_id is 'The hold that it was reserved for or freed from.';
comment on column ledger.bonus_lot_draws.amount is
  'Credits taken out of the lot, in minor units; negative where a reversal gave them back.';
comment on column ledger.bonus_lot_draws.held_amount is 'Change of what holds reserve of the lot, in minor units.';
comment on column ledger.bonus_lot_draws.balance is
  'What is left in the lot after it, reserved credits included, in minor units.';
comment on column ledger.bonus_lot_draws.held_balance is 'What holds reserve of the lot after it, in minor units.';

create trigger _100_guard_insert before insert on ledger.bonus_lot_draws
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.bonus_lot_draws
  for each statement execute function ledger_private.tg__append_only();

alter table ledger.bonus_lot_draws enable row level security;
create policy players_see_their_own on ledger.bonus_lot_draws for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = bonus_lot_draws.wallet_id));
create policy services_see_every_player on ledger.bonus_lot_draws for select to wallet_service, wallet_operator,
  wallet_job using (true);
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

-- All of them: where the list was empty when it was last looked at, an index of the due ones alone would be read as a
-- whole for each wallet.
create index open_lots_due_at_idx on ledger_private.open_lots (due_at);
comment on table ledger_private.open_lots is 'The lots with credits left in them.';

-- Rows come and go: what is gone must not pile up where the next due ones are looked for.
alter table ledger_private.open_lots
  set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

create trigger _100_guard_write before insert or update or delete on ledger_private.open_lots for each statement
  when (current_setting('ledger.posting', true) is distinct from 'on')
    execute function ledger_private.tg__guard_insert();
create trigger _200_guard_truncate before truncate on ledger_private.open_lots
  for each statement execute function ledger_private.tg__append_only();

alter table ledger_private.open_lots enable row level security;
create policy players_see_their_own on ledger_private.open_lots for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = open_lots.wallet_id));
create policy services_see_every_player on ledger_private.open_lots for select to wallet_service, wallet_operator,
  wallet_job using (true);
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
  for each statement execute function ledger_private.tg__append_only();

alter table ledger_private.unsettled_wallets enable row level security;
create policy auditors_and_jobs_see_all on ledger_private.unsettled_wallets for select to wallet_auditor,
  wallet_job using (true);
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

comment on table ledger.asset_limits is
$$@behavior -query:resource:connection -query:resource:list -query:resource:single
Limits of an asset, for each wallet of it. Append-only: the newest are in force.$$;
comment on constraint asset_limits_asset_code_fkey on ledger.asset_limits is $$@fieldName asset
@behavior -manyRelation:resource:connection -manyRelation:resource:list$$;
comment on column ledger.asset_limits.asset_code is 'The asset.';
comment on column ledger.asset_limits.seq is 'Number of the setting within its asset: 1, 2, 3 and so on.';
comment on column ledger.asset_limits.max_spend is
  'The largest single spend or capture, in minor units; null for none.';
comment on column ledger.asset_limits.max_balance is
  'The largest balance that credits may lead to, in minor units; null for none.';
comment on column ledger.asset_limits.max_daily_top_up is
  'The largest total of top-ups within 24 hours, in minor units; null for none.';
comment on column ledger.asset_limits.max_daily_bonus is
  'The largest total of bonuses within 24 hours, in minor units; null for none.';
comment on column ledger.asset_limits.max_daily_spend is
  'The largest total of spends and captures within 24 hours, in minor units; null for none.';
comment on column ledger.asset_limits.actor is
  'Who set them: the token''s role and subject, or db: and the database login.';
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
-- The feed of transfers for other systems. A transfer's place in it is the transaction that wrote it, and these are
-- numbered by the cluster: each place that the ledger is moved to is an epoch.
create table ledger.feed_epochs (
  epoch int primary key,
  system_identifier bigint not null,
  started_at timestamptz not null,
  hash bytea not null
);

comment on table ledger.feed_epochs is $$@behavior -*
The places where the ledger has lived: the ids of transactions, which order the feed, are those of the newest.
Append-only.$$;
comment on column ledger.feed_epochs.epoch is 'Number of the epoch: 1, 2, 3 and so on.';
comment on column ledger.feed_epochs.system_identifier is 'Of the cluster, as pg_control_system() names it.';
comment on column ledger.feed_epochs.started_at is 'When it began.';
comment on column ledger.feed_epochs.hash is 'SHA-256 over the hash before it and every other fact.';

create trigger _100_guard_insert before insert on ledger.feed_epochs
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.feed_epochs
  for each statement execute function ledger_private.tg__append_only();

-- These fire where replication, or a restore in its name, writes rows: what was written elsewhere has no place in the
-- feed yet.
create trigger _100_arrived before insert on ledger.feed_epochs
  for each row execute function ledger_private.tg_feed_epochs__arrived();
alter table ledger.feed_epochs enable replica trigger _100_arrived;
create trigger _100_arrived before insert on ledger.entries
  for each row execute function ledger_private.tg_entries__arrived();
alter table ledger.entries enable replica trigger _100_arrived;

grant select on ledger.feed_epochs to wallet_service, wallet_operator, wallet_auditor, wallet_job;

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
comment on column ledger.event.debit_wallet_id is
  'The wallet of the debit entry; null where that side is the house''s.';
comment on column ledger.event.debit_seq is 'The number of that entry within its wallet.';
comment on column ledger.event.credit_wallet_id is
  'The wallet of the credit entry; null where that side is the house''s.';
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
--! Included schema/blocks.sql
-- Blocks: each closes what was committed since the one before. A block carries a seal, by which hashes kept elsewhere
-- prove the ledger, and the totals of the house's accounts.
create table ledger.blocks (
  seq bigint primary key,
  entries bigint not null,
  wallets bigint not null,
  root bytea not null,
  totals_hash bytea not null,
  previous bytea,
  hash bytea not null,
  snapshot text not null,
  xid xid8 not null,
  epoch bigint not null,
  sealed_at timestamptz not null,
  final_until timestamptz not null,
  actor text not null
);

comment on table ledger.blocks is $$@behavior -*
Blocks of entries that were closed, each with the root of a Merkle tree over them, the totals of the house and the hash
of the block before. Append-only; kept elsewhere too, they show what a recomputed chain of hashes does not.$$;
comment on column ledger.blocks.seq is 'Number of the block: 1, 2, 3 and so on without gaps.';
comment on column ledger.blocks.entries is 'How many entries it closes that none before it did.';
comment on column ledger.blocks.wallets is 'How many wallets they are of.';
comment on column ledger.blocks.root is
  'The root of the Merkle tree over the newest entry of each of these wallets, and what else is new (block_records).';
comment on column ledger.blocks.totals_hash is 'SHA-256 over its rows of house_totals.';
comment on column ledger.blocks.previous is 'The hash of the block before; null in the first.';
comment on column ledger.blocks.hash is 'SHA-256 over every other fact of the block.';
comment on column ledger.blocks.snapshot is
$$Which transactions, of its epoch, had ended: it and the blocks before it close what these wrote, and nothing else. (A
pg_snapshot.)$$;
comment on column ledger.blocks.xid is
  'The transaction that closed it. What was booked before sealed_at, a transaction before this one wrote.';
comment on column ledger.blocks.epoch is 'The epoch of the feed in which ids of transactions are to be read.';
comment on column ledger.blocks.sealed_at is 'When it was begun: the cut comes after it.';
comment on column ledger.blocks.final_until is
  'The figures of all quarter hours before this instant are final: no transaction is open that could still book there.';
comment on column ledger.blocks.actor is 'Who closed it.';

create trigger _100_guard_insert before insert on ledger.blocks
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.blocks
  for each statement execute function ledger_private.tg__append_only();

grant select on ledger.blocks to wallet_auditor, wallet_job;

create table ledger.house_totals (
  asset_code text not null references ledger.assets (code),
  kind ledger.transfer_kind not null,
  debit ledger.account not null,
  credit ledger.account not null,
  block_seq bigint not null references ledger.blocks (seq),
  quarter timestamptz not null,
  movements bigint not null,
  amount numeric not null,
  bonus_amount numeric not null,
  total_amount numeric not null,
  total_bonus_amount numeric not null,
  primary key (asset_code, kind, debit, credit, block_seq, quarter)
);

create index house_totals_block_seq_idx on ledger.house_totals (block_seq);

comment on table ledger.house_totals is $$@behavior -*
What moved between accounts, as the blocks closed it: by asset, kind, accounts and quarter of an hour. Append-only.$$;
comment on column ledger.house_totals.asset_code is 'The asset.';
comment on column ledger.house_totals.kind is 'What the movements are.';
comment on column ledger.house_totals.debit is 'The account that they debit.';
comment on column ledger.house_totals.credit is 'The account that they credit.';
comment on column ledger.house_totals.block_seq is 'The block.';
comment on column ledger.house_totals.quarter is
$$The quarter of an hour (UTC) in which they were booked, by its start; that of final_until of the block before, where
it is earlier: they came late.$$;
comment on column ledger.house_totals.movements is 'How many they are.';
comment on column ledger.house_totals.amount is 'What they moved, in minor units.';
comment on column ledger.house_totals.bonus_amount is 'The part of it that was bonus credits.';
comment on column ledger.house_totals.total_amount is
  'What all movements of this asset, kind and accounts moved until now, in the order of blocks and quarters.';
comment on column ledger.house_totals.total_bonus_amount is 'The part of it that was bonus credits.';
comment on constraint house_totals_asset_code_fkey on ledger.house_totals is '@behavior -*';
comment on constraint house_totals_block_seq_fkey on ledger.house_totals is '@behavior -*';

create trigger _100_guard_insert before insert on ledger.house_totals
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.house_totals
  for each statement execute function ledger_private.tg__append_only();

grant select on ledger.house_totals to wallet_auditor, wallet_job;

create table ledger.block_heads (
  wallet_id uuid not null,
  block_seq bigint not null references ledger.blocks (seq),
  seq bigint not null,
  primary key (wallet_id, block_seq),
  constraint block_heads_entry_fkey foreign key (wallet_id, seq) references ledger.entries (wallet_id, seq) not enforced
);

create index block_heads_block_seq_idx on ledger.block_heads (block_seq);

comment on table ledger.block_heads is $$@behavior -*
The first leaves of the blocks' trees: up to which entry each block closed each wallet. Append-only.$$;
comment on column ledger.block_heads.wallet_id is 'The wallet.';
comment on column ledger.block_heads.block_seq is 'The block.';
comment on column ledger.block_heads.seq is 'The newest entry of the wallet that it covers.';
comment on constraint block_heads_block_seq_fkey on ledger.block_heads is '@behavior -*';
comment on constraint block_heads_entry_fkey on ledger.block_heads is '@behavior -*';

create trigger _100_guard_insert before insert on ledger.block_heads
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.block_heads
  for each statement execute function ledger_private.tg__append_only();

alter table ledger.block_heads enable row level security;
create policy auditors_see_all on ledger.block_heads for select to wallet_auditor using (true);
grant select on ledger.block_heads to wallet_auditor;

create type ledger_private.record_chain as enum ('wallet', 'asset', 'verifications');
comment on type ledger_private.record_chain is
$$What is chained beside the entries and closed by blocks: a wallet with its events, an asset with its limits, all
verifications.$$;
grant usage on type ledger_private.record_chain to wallet_auditor;

create table ledger.block_records (
  chain ledger_private.record_chain not null,
  id uuid not null,
  block_seq bigint not null references ledger.blocks (seq),
  seq bigint not null,
  primary key (chain, id, block_seq)
);

create index block_records_block_seq_idx on ledger.block_records (block_seq);

comment on table ledger.block_records is $$@behavior -*
The other leaves of the blocks' trees: up to which row each block closed each chain beside the entries. Append-only.$$;
comment on column ledger.block_records.chain is 'What kind of chain it is.';
comment on column ledger.block_records.id is 'Of which wallet, or of which asset (asset_id); 0 for the verifications.';
comment on column ledger.block_records.block_seq is 'The block.';
comment on column ledger.block_records.seq is
  'The newest row that it covers: a wallet''s event, an asset''s limits (0: the asset itself), or a verification.';
comment on constraint block_records_block_seq_fkey on ledger.block_records is '@behavior -*';

create trigger _100_guard_insert before insert on ledger.block_records
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.block_records
  for each statement execute function ledger_private.tg__append_only();

alter table ledger.block_records enable row level security;
create policy auditors_see_all on ledger.block_records for select to wallet_auditor using (true);
grant select on ledger.block_records to wallet_auditor;

create table ledger_private.unsealed_events (
  wallet_id uuid not null,
  seq int not null,
  primary key (wallet_id, seq)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
comment on table ledger_private.unsealed_events is 'The events of wallets that the next block closes.';

create trigger _100_guard_write before insert or update or delete on ledger_private.unsealed_events
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_guard_truncate before truncate on ledger_private.unsealed_events
  for each statement execute function ledger_private.tg__append_only();

alter table ledger_private.unsealed_events enable row level security;
create policy auditors_see_all on ledger_private.unsealed_events for select to wallet_auditor using (true);
grant select on ledger_private.unsealed_events to wallet_auditor;
--! EndIncluded schema/blocks.sql
--! Included schema/proofs.sql
-- Proofs that the ledger is sound, and figures of it.
create table ledger.verifications (
  id uuid primary key default uuidv7(),
  seq bigint not null,
  started_at timestamptz not null,
  finished_at timestamptz not null,
  findings bigint not null,
  block_seq bigint,
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
comment on column ledger.verifications.block_seq is 'The newest block it proved; null where there was none.';
comment on column ledger.verifications.kept_seals is
  'How many blocks that were kept elsewhere it was given, and looked for.';
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
players, or an account of the house: treasury, promotions, revenue, breakage and so on.$$;
comment on column ledger.trial_balance.debit is $$@notNull
What the account has, where that is on the debit side; otherwise 0.$$;
comment on column ledger.trial_balance.credit is $$@notNull
What the account has, where that is on the credit side; otherwise 0.$$;
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
$$What a booking did, and the acting wallet as that booking left it. Repeating the call with the same key returns the
same receipt.$$;
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
What could be spent once it was committed, in minor units: the balance less what is reserved, and less credits that it
gave back and that had expired, which the same transaction books to breakage.$$;
comment on column ledger.receipt.hold_id is 'The hold it opened, captured or released, if any.';
comment on column ledger.receipt.replayed is $$@notNull
True where the key had been used before and nothing was booked now.$$;
comment on column ledger.receipt.created_at is $$@notNull
When it was booked.$$;
grant usage on type ledger.receipt to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.refusal as (code text, message text, detail jsonb, hint text);
comment on type ledger.refusal is 'Why a call is refused: what its error would say.';
comment on column ledger.refusal.code is $$@notNull
The SQLSTATE; in GraphQL its name, as in extensions.code.$$;
comment on column ledger.refusal.message is $$@notNull
One line with the facts.$$;
comment on column ledger.refusal.detail is $$@notNull
The facts as an object; amounts are texts.$$;
comment on column ledger.refusal.hint is $$@notNull
What to do about it.$$;
grant usage on type ledger.refusal to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.outcome as (receipt ledger.receipt, refusal ledger.refusal);
comment on type ledger.outcome is 'What came of one of many calls: its receipt, or else its refusal.';
comment on column ledger.outcome.receipt is 'What was booked; null where it was refused.';
comment on column ledger.outcome.refusal is
  'Why it was refused, as its single call would have been; null where it was booked.';
grant usage on type ledger.outcome to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.wallet_request as (
  kind ledger.transfer_kind,
  wallet_id uuid,
  counterparty_id uuid,
  amount bigint,
  idem_key text,
  expires_at timestamptz,
  metadata jsonb,
  hold_id uuid,
  transfer_id uuid
);
comment on type ledger.wallet_request is 'One item of many in one call: what its single call would be given.';
comment on column ledger.wallet_request.kind is $$@notNull
top_up, bonus, spend, transfer, hold, capture, release or reversal.$$;
comment on column ledger.wallet_request.wallet_id is $$@notNull
The player's wallet; of a transfer, the one they leave.$$;
comment on column ledger.wallet_request.counterparty_id is
  'The wallet that a transfer arrives in; of other kinds, none.';
comment on column ledger.wallet_request.amount is
  'Minor units, 1 to 1000000000000000. A capture or reversal without one is of all that there is; a release has none.';
comment on column ledger.wallet_request.idem_key is $$@notNull
1 to 200 characters, unique within the wallet for ever.$$;
comment on column ledger.wallet_request.expires_at is 'Of a bonus or a hold, when it expires; never if left out.';
comment on column ledger.wallet_request.metadata is 'A JSON object of at most 8192 bytes; empty if left out.';
comment on column ledger.wallet_request.hold_id is 'Of a capture or a release, the hold.';
comment on column ledger.wallet_request.transfer_id is 'Of a reversal, the movement that it takes back.';
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
All credits by the newest entry, in minor units: with reserved and bonus credits, and with what has expired since and is
not booked yet.$$;
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
comment on type ledger.wallet_statement is
  'A wallet at both ends of a period: opening + the entries of the period = closing.';
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
grant usage on type ledger.wallet_statement to wallet_player, wallet_service, wallet_operator,
  wallet_auditor, wallet_job;

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

-- The wallets of a request, locked and settled, with their heads; or the receipt, where the key has been used.
create type ledger_private.prepared as (
  wallet ledger.wallets,
  head ledger.entries,
  other ledger.wallets,
  other_head ledger.entries,
  at_time timestamptz,
  receipt ledger.receipt
);

-- What can still be taken back of a movement, and how one reversal takes it.
create type ledger_private.reversible_part as (source text, lot_seq bigint, expires_at timestamptz, amount bigint);
create type ledger_private.reversal_plan as (bonus_amount bigint, missing bigint, draws ledger.bonus_lot_draws[]);

-- A wallet in which what is due could not be booked, and the error.
create type ledger_private.failure as (wallet_id uuid, sqlstate text);

-- What a block closes: as of when, the newest entry of each wallet that it touches, and what moved between accounts.
create type ledger_private.cut as (
  snapshot pg_snapshot,
  wallet_ids uuid[],
  seqs bigint[],
  leaves bytea[],
  entries bigint,
  totals ledger.house_totals[]
);

-- The next line of a wallet, as a usual call will write it: what stands in it after a movement whose amount is known.
create type ledger_private.line as (
  wallet_id uuid,
  seq bigint,
  balance bigint,
  bonus_balance bigint,
  bought bigint,
  granted bigint,
  spent bigint,
  sent bigint,
  at_time timestamptz,
  hash bytea,
  usual boolean
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

-- A lock of this table says which process polls. Any login can take an advisory lock; only the worker's can take this
-- one.
create table gateway.poller_turn ();
comment on table gateway.poller_turn is 'Has no rows: whoever holds its lock polls the feed.';
--! EndIncluded schema/gateway.sql

-- How facts are written
--! Included functions/ledger_private/reading/in_utc.sql
create or replace function ledger_private.in_utc(instant timestamptz)
returns jsonb
language sql
stable
strict
set timezone = 'UTC'
as $$
  select to_jsonb(instant)
$$;

comment on function ledger_private.in_utc is
  'An instant as refusals show it: as JSON writes timestamps, in UTC, whatever the zone of the session.';

grant execute on function ledger_private.in_utc
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/reading/in_utc.sql
--! Included functions/ledger_private/wallets/uuid_v8.sql
create or replace function ledger_private.uuid_v8(digest bytea)
returns uuid
language sql
immutable
return encode(
  set_byte(
    set_byte(substring(digest for 16), 6, (get_byte(digest, 6) & 15) | 128),
    8, (get_byte(digest, 8) & 63) | 128
  ), 'hex')::uuid;

comment on function ledger_private.uuid_v8 is
  'A UUID of version 8 (RFC 9562, custom) from the first 16 bytes of a digest.';

grant execute on function ledger_private.uuid_v8
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/wallets/uuid_v8.sql
--! Included functions/ledger_private/hashes/asset_id.sql
create or replace function ledger_private.asset_id(code text)
returns uuid
language sql
immutable
as $$
  select ledger_private.uuid_v8(sha256(array_send(array['ledger.asset.v1', convert_to(code, 'UTF8')])))
$$;

comment on function ledger_private.asset_id is
  'The id under which an asset with its limits is sealed: derived from its code.';

grant execute on function ledger_private.asset_id to wallet_auditor;
--! EndIncluded functions/ledger_private/hashes/asset_id.sql

-- Refusals: each rule returns one, or null; refuse() ends the call
--! Included functions/ledger_private/refusals/refusal.sql
create or replace function ledger_private.refusal(code text, message text, detail jsonb, hint text)
returns ledger.refusal
language sql
immutable
return row(code, message, detail, hint)::ledger.refusal;

comment on function ledger_private.refusal is
  'A refusal: its SQLSTATE, one factual line, the facts as JSON (amounts as strings), and what to do about it.';

grant execute on function ledger_private.refusal
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/refusals/refusal.sql
--! Included functions/ledger_private/refusals/refuse.sql
create or replace function ledger_private.refuse(refusal ledger.refusal, wallet_ids uuid[] default null)
returns void
language plpgsql
volatile
as $$
begin
  if refusal.code is null then
    return;
  end if;
  if wallet_ids is not null then
    perform ledger_private.check_snapshot(wallet_ids);
  end if;
  raise exception using
    errcode = refusal.code,
    message = refusal.message,
    detail = refusal.detail::text,
    hint = refusal.hint;
end
$$;

comment on function ledger_private.refuse is
$$Ends the call with a refusal, if there is one. Where it depends on what was booked before, wallet_ids are the locked
wallets: above READ COMMITTED what was read of them may be stale, and then the call ends with 40001.$$;

grant execute on function ledger_private.refuse
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/refusals/refuse.sql
--! Included functions/ledger_private/refusals/invalid_argument.sql
create or replace function ledger_private.invalid_argument(argument text, hint text, facts jsonb default '{}')
returns ledger.refusal
language sql
immutable
return ledger_private.refusal('WLARG', format('invalid argument: %s', argument),
  jsonb_build_object('argument', argument) || facts, hint);

comment on function ledger_private.invalid_argument is
  'WLARG: an argument is out of its bounds, named as the function names it.';

grant execute on function ledger_private.invalid_argument
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/refusals/invalid_argument.sql
--! Included functions/ledger_private/refusals/wallet_not_found.sql
create or replace function ledger_private.wallet_not_found(wallet_id uuid)
returns ledger.refusal
language sql
immutable
return ledger_private.refusal('WLNOW', format('wallet not found: %s', coalesce(wallet_id::text, 'null')),
  jsonb_build_object('wallet_id', wallet_id), 'Open the wallet first, with wallet_open(owner_id, asset_code).');

comment on function ledger_private.wallet_not_found is 'WLNOW: a wallet is not there, or is not the caller''s to see.';

grant execute on function ledger_private.wallet_not_found
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/refusals/wallet_not_found.sql
--! Included functions/ledger_private/refusals/asset_not_found.sql
create or replace function ledger_private.asset_not_found(asset_code text)
returns ledger.refusal
language sql
immutable
-- No longer than a code can be: an answer does not repeat a megabyte.
return ledger_private.refusal('WLNOA', format('asset not found: %s', left(asset_code, 64)),
  jsonb_build_object('asset_code', left(asset_code, 64)),
    'An operator creates assets with asset_create(code, name, scale).');

comment on function ledger_private.asset_not_found is 'WLNOA: an asset is not there.';
--! EndIncluded functions/ledger_private/refusals/asset_not_found.sql
--! Included functions/ledger_private/refusals/asset_mismatch.sql
create or replace function ledger_private.asset_mismatch(from_asset text, to_asset text)
returns ledger.refusal
language sql
immutable
return case when from_asset <> to_asset then
  ledger_private.refusal('WLAST', format('asset mismatch: %s and %s', from_asset, to_asset),
    jsonb_build_object('from_asset', from_asset, 'to_asset', to_asset), 'Move credits between wallets of one asset.')
end;

comment on function ledger_private.asset_mismatch is 'WLAST: two wallets have different assets.';
--! EndIncluded functions/ledger_private/refusals/asset_mismatch.sql
--! Included functions/ledger_private/refusals/refuse_stale.sql
create or replace function ledger_private.refuse_stale()
returns void
language plpgsql
immutable
as $$
begin
  raise exception using errcode = '40001', message = 'could not serialize access: a wallet has moved on';
end
$$;

comment on function ledger_private.refuse_stale is
  'Ends a transaction whose snapshot is older than the locks it holds with 40001: a retry will do.';
--! EndIncluded functions/ledger_private/refusals/refuse_stale.sql
--! Included functions/ledger_private/refusals/check_snapshot.sql
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
  -- Above READ COMMITTED the log may be older than the locks. An empty entry after each head finds out: PostgreSQL
  -- answers 40001 where another transaction has written that entry. The exception takes the empty ones back.
  begin
    perform set_config('ledger.posting', 'on', true);
    insert into ledger.entries (wallet_id, transfer_id, seq, amount, bonus_amount, held_amount, balance,
        bonus_balance, held_balance, paid_balance, free_balance, topped_up_total, granted_total, spent_total,
        sent_total, created_at, xid, kind, debit, credit, hash)
      select w.id, uuidv7(), coalesce((select max(e.seq) from ledger.entries e where e.wallet_id = w.id), 0) + 1,
          0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, clock_timestamp(), pg_current_xact_id(), 'hold', 'player', 'player', ''
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

comment on function ledger_private.check_snapshot is
$$To be called with the locked wallets before a refusal that depends on what was booked before: above READ COMMITTED it
ends the call with 40001 where that is stale. Leaves nothing behind.$$;
--! EndIncluded functions/ledger_private/refusals/check_snapshot.sql
--! Included functions/ledger_private/wallets/is_key.sql
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

comment on function ledger_private.is_key is
$$Whether a text may be an idempotency key or an owner id: 1 to 200 characters, neither the first nor the last of them
white space (what Unicode calls so, whatever the locale), not all of them control characters.$$;
--! EndIncluded functions/ledger_private/wallets/is_key.sql
--! Included functions/ledger_private/refusals/is_metadata.sql
create or replace function ledger_private.is_metadata(value jsonb)
returns boolean
language plpgsql
immutable
as $$
begin
  return jsonb_typeof(value) = 'object' and octet_length(value::text) <= 8192;
end
$$;

comment on function ledger_private.is_metadata is
  'Whether JSON may be metadata: an object of at most 8192 bytes. Not inlined: a call without them does not set it up.';
--! EndIncluded functions/ledger_private/refusals/is_metadata.sql

-- Ids, and who is calling
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

comment on function ledger.wallet_id is
$$The id of an owner's wallet of an asset, whether it has been opened or not: derived from the two, so nobody needs to
look it up.

- ownerId: the player's account number, 1 to 200 characters.
- assetCode: the asset, such as GOLD.$$;

grant execute on function ledger.wallet_id
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/wallet_id.sql
--! Included functions/ledger_private/callers/actor.sql
create or replace function ledger_private.actor()
returns text
language plpgsql
stable
as $$
begin
  -- One branch is set up, not both.
  if session_user <> 'wallet_gateway' then
    return 'db:' || session_user;
  end if;
  -- The setting "role" is the role that the gateway took on for this request, also inside a SECURITY DEFINER function.
  return replace(current_setting('role'), 'wallet_', '') || ':' || coalesce(ledger_private.claimed_subject(), '');
end
$$;

comment on function ledger_private.actor is
  'Who is calling: role and subject of the gateway''s token, or db: and the database login.';
--! EndIncluded functions/ledger_private/callers/actor.sql
--! Included functions/ledger_private/callers/calling_role.sql
create or replace function ledger_private.calling_role()
returns name
language sql
stable
-- The setting "role" is that of the session, also inside a SECURITY DEFINER function.
return coalesce(nullif(current_setting('role'), 'none'), session_user)::name;

comment on function ledger_private.calling_role is
  'The role that calls: the one that the session has taken on, or else its login.';
--! EndIncluded functions/ledger_private/callers/calling_role.sql

-- Hashes: what a row is, byte by byte
--! Included functions/ledger_private/hashes/text_hash.sql
create or replace function ledger_private.text_hash(value jsonb)
returns bytea
language plpgsql
stable
as $$
begin
  return sha256(convert_to(value::text, 'UTF8'));
end
$$;

comment on function ledger_private.text_hash is
  'SHA-256 over the text of JSON in UTF-8. Not inlined: a call without metadata does not set it up.';

grant execute on function ledger_private.text_hash to wallet_auditor;
--! EndIncluded functions/ledger_private/hashes/text_hash.sql
--! Included functions/ledger_private/hashes/metadata_hash.sql
create or replace function ledger_private.metadata_hash(metadata jsonb)
returns bytea
language sql
stable
as $$
  -- That of {} is known.
  select case when metadata = '{}' then E'\\x44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'
    else ledger_private.text_hash(metadata) end
$$;

comment on function ledger_private.metadata_hash is
  'The hash of metadata, so that the chain is proved without them: SHA-256 over the text of the jsonb, in UTF-8.';

grant execute on function ledger_private.metadata_hash to wallet_auditor;
--! EndIncluded functions/ledger_private/hashes/metadata_hash.sql
--! Included functions/ledger_private/hashes/entry_digest.sql
create or replace function ledger_private.entry_digest(
  previous_hash bytea,
  wallet_id uuid,
  transfer_id uuid,
  seq bigint,
  amount bigint,
  bonus_amount bigint,
  held_amount bigint,
  balance bigint,
  bonus_balance bigint,
  held_balance bigint,
  paid_balance bigint,
  free_balance bigint,
  topped_up_total bigint,
  granted_total bigint,
  spent_total bigint,
  sent_total bigint,
  created_at timestamptz,
  kind ledger.transfer_kind,
  debit ledger.account,
  credit ledger.account,
  actor text default null,
  idem_key text default null,
  metadata_hash bytea default null,
  to_wallet uuid default null,
  to_seq bigint default null,
  requested_amount bigint default null,
  held_bonus_amount bigint default null,
  reverses uuid default null,
  hold_id uuid default null,
  expires_at timestamptz default null
)
returns bytea
language sql
stable
as $$
  -- No array of accounts: that format has the number of its type, which is another one in each database.
  select sha256(array_send(array[
    'ledger.entry.v2',
    coalesce(previous_hash, E'\\x0000000000000000000000000000000000000000000000000000000000000000'),
    array_send(array[wallet_id, transfer_id, to_wallet, reverses, hold_id]),
    array_send(array[
      seq, amount, bonus_amount, held_amount, balance, bonus_balance, held_balance, paid_balance, free_balance,
      topped_up_total, granted_total, spent_total, sent_total, to_seq, requested_amount, held_bonus_amount
    ]),
    array_send(array[created_at, expires_at]),
    enum_send(kind),
    enum_send(debit),
    enum_send(credit),
    convert_to(actor, 'UTF8'),
    convert_to(idem_key, 'UTF8'),
    metadata_hash
  ]))
$$;

comment on function ledger_private.entry_digest is
$$The hash of an entry by its facts: SHA-256 over an array of bytea in PostgreSQL's binary format, which has a header of
fixed width and, before each element, its length (-1 for null), so that no two different entries have the same bytes.
Its elements: the text ledger.entry.v2, the hash of the wallet's entry before (32 zero bytes for the first), and every
fact of the entry but xid: arrays of uuid, bigint and timestamptz in the same format, the kind, both accounts, and
texts. Integers are big-endian, times microseconds since 2000-01-01 UTC, kinds and accounts their names, texts UTF-8;
metadata is its hash. The order is for ever.$$;

grant execute on function ledger_private.entry_digest to wallet_auditor;
--! EndIncluded functions/ledger_private/hashes/entry_digest.sql
--! Included functions/ledger_private/hashes/entry_hash.sql
create or replace function ledger_private.entry_hash(previous_hash bytea, entry ledger.entries)
returns bytea
language sql
stable
as $$
  select ledger_private.entry_digest(
    previous_hash => entry_hash.previous_hash, wallet_id => entry.wallet_id, transfer_id => entry.transfer_id,
    seq => entry.seq, amount => entry.amount, bonus_amount => entry.bonus_amount, held_amount => entry.held_amount,
    balance => entry.balance, bonus_balance => entry.bonus_balance, held_balance => entry.held_balance,
    paid_balance => entry.paid_balance, free_balance => entry.free_balance, topped_up_total => entry.topped_up_total,
    granted_total => entry.granted_total, spent_total => entry.spent_total, sent_total => entry.sent_total,
    created_at => entry.created_at, kind => entry.kind, debit => entry.debit, credit => entry.credit,
    actor => entry.actor, idem_key => entry.idem_key, metadata_hash => ledger_private.metadata_hash(entry.metadata),
    to_wallet => entry.to_wallet, to_seq => entry.to_seq, requested_amount => entry.requested_amount,
    held_bonus_amount => entry.held_bonus_amount, reverses => entry.reverses, hold_id => entry.hold_id,
    expires_at => entry.expires_at)
$$;

comment on function ledger_private.entry_hash is
  'The hash of an entry, from that of the entry before it: see entry_digest.';

grant execute on function ledger_private.entry_hash to wallet_auditor;
--! EndIncluded functions/ledger_private/hashes/entry_hash.sql
--! Included functions/ledger_private/hashes/record_hash.sql
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

comment on function ledger_private.record_hash is
$$The hash of a row beside the entries: SHA-256 over the text ledger.record.v1, the hash of the row before it in its
chain (32 zero bytes for the first) and the bytes of the row: an array of bytea as in entry_digest, first the kind of
the row, numbers of eight bytes. There is a chain for each wallet (itself, then its events), for each asset (itself,
then its limits), one of the epochs of the feed and one of the verifications. The order is for ever.$$;

grant execute on function ledger_private.record_hash to wallet_auditor;
--! EndIncluded functions/ledger_private/hashes/record_hash.sql
--! Included functions/ledger_private/hashes/asset_bytes.sql
create or replace function ledger_private.asset_bytes(asset ledger.assets)
returns bytea
language sql
stable
as $$
  select array_send(array[
    'asset', convert_to(asset.code, 'UTF8'), convert_to(asset.name, 'UTF8'), int8send(asset.scale),
    convert_to(asset.actor, 'UTF8'), timestamptz_send(asset.created_at)
  ])
$$;

comment on function ledger_private.asset_bytes is 'Every fact of an asset as bytes, for its hash: see record_hash.';

grant execute on function ledger_private.asset_bytes to wallet_auditor;
--! EndIncluded functions/ledger_private/hashes/asset_bytes.sql
--! Included functions/ledger_private/hashes/asset_limit_bytes.sql
create or replace function ledger_private.asset_limit_bytes(limits ledger.asset_limits)
returns bytea
language sql
stable
as $$
  select array_send(array[
    'asset_limit', convert_to(limits.asset_code, 'UTF8'), int8send(limits.seq), int8send(limits.max_spend),
    int8send(limits.max_balance), int8send(limits.max_daily_top_up), int8send(limits.max_daily_bonus),
    int8send(limits.max_daily_spend), convert_to(limits.actor, 'UTF8'), timestamptz_send(limits.created_at)
  ])
$$;

comment on function ledger_private.asset_limit_bytes is
  'Every fact of an asset''s limits as bytes, for their hash: see record_hash.';

grant execute on function ledger_private.asset_limit_bytes to wallet_auditor;
--! EndIncluded functions/ledger_private/hashes/asset_limit_bytes.sql
--! Included functions/ledger_private/hashes/wallet_bytes.sql
create or replace function ledger_private.wallet_bytes(wallet ledger.wallets)
returns bytea
language sql
stable
as $$
  select array_send(array[
    'wallet', uuid_send(wallet.id), convert_to(wallet.owner_id, 'UTF8'), convert_to(wallet.asset_code, 'UTF8'),
    timestamptz_send(wallet.created_at)
  ])
$$;

comment on function ledger_private.wallet_bytes is
  'Every fact of a wallet as bytes, but its status, which its events tell, for hashing: see record_hash.';

grant execute on function ledger_private.wallet_bytes to wallet_auditor;
--! EndIncluded functions/ledger_private/hashes/wallet_bytes.sql
--! Included functions/ledger_private/hashes/wallet_event_bytes.sql
create or replace function ledger_private.wallet_event_bytes(event ledger.wallet_events)
returns bytea
language sql
stable
as $$
  select array_send(array[
    'wallet_event', uuid_send(event.wallet_id), int8send(event.seq), enum_send(event.kind),
    convert_to(event.reason, 'UTF8'), convert_to(event.actor, 'UTF8'), timestamptz_send(event.created_at)
  ])
$$;

comment on function ledger_private.wallet_event_bytes is
  'Every fact of a wallet''s event as bytes, for its hash: see record_hash.';

grant execute on function ledger_private.wallet_event_bytes to wallet_auditor;
--! EndIncluded functions/ledger_private/hashes/wallet_event_bytes.sql
--! Included functions/ledger_private/hashes/verification_bytes.sql
create or replace function ledger_private.verification_bytes(verification ledger.verifications)
returns bytea
language sql
stable
as $$
  select array_send(array[
    'verification', uuid_send(verification.id), int8send(verification.seq), timestamptz_send(verification.started_at),
    timestamptz_send(verification.finished_at), int8send(verification.findings), int8send(verification.block_seq),
    int8send(verification.kept_seals), convert_to(verification.actor, 'UTF8')
  ])
$$;

comment on function ledger_private.verification_bytes is
  'Every fact of a verification as bytes, for its hash: see record_hash.';

grant execute on function ledger_private.verification_bytes to wallet_auditor;
--! EndIncluded functions/ledger_private/hashes/verification_bytes.sql
--! Included functions/ledger_private/hashes/feed_epoch_bytes.sql
create or replace function ledger_private.feed_epoch_bytes(epoch ledger.feed_epochs)
returns bytea
language sql
stable
as $$
  select array_send(array[
    'feed_epoch', int8send(epoch.epoch), int8send(epoch.system_identifier), timestamptz_send(epoch.started_at)
  ])
$$;

comment on function ledger_private.feed_epoch_bytes is
  'Every fact of an epoch of the feed as bytes, for its hash: see record_hash.';

grant execute on function ledger_private.feed_epoch_bytes to wallet_auditor;
--! EndIncluded functions/ledger_private/hashes/feed_epoch_bytes.sql

-- Reading the log, now and then
--! Included functions/ledger_private/reading/head.sql
create or replace function ledger_private.head(wallet_id uuid)
returns setof ledger.entries
language sql
stable
rows 1
as $$
  select e.* from ledger.entries e where e.wallet_id = head.wallet_id order by e.seq desc limit 1
$$;

comment on function ledger_private.head is
  'The wallet''s newest entry: what it has. No row for a wallet without entries.';

grant execute on function ledger_private.head
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/reading/head.sql
--! Included functions/ledger_private/reading/seq_at.sql
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

comment on function ledger_private.seq_at is
$$The number of a wallet's newest entry at or before a time; 0 where there is none, or the caller may not see the
wallet. A binary search: a wallet's time never runs backwards, and its numbers have no gaps.$$;

grant execute on function ledger_private.seq_at
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/reading/seq_at.sql
--! Included functions/ledger_private/reading/seq_before.sql
create or replace function ledger_private.seq_before(wallet_id uuid, at_time timestamptz)
returns bigint
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  -- A microsecond is the least by which two times differ.
  select ledger_private.seq_at(wallet_id, at_time - interval '1 microsecond')
$$;

comment on function ledger_private.seq_before is
  'The number of a wallet''s newest entry booked before a time; 0 where there is none. See seq_at.';

grant execute on function ledger_private.seq_before
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/reading/seq_before.sql
--! Included functions/ledger_private/reading/entry_at.sql
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

comment on function ledger_private.entry_at is
  'The wallet''s newest entry at or before an instant: its balances were the wallet''s then. Null where there is none.';

grant execute on function ledger_private.entry_at
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/reading/entry_at.sql
--! Included functions/ledger_private/lots/lot_at.sql
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

comment on function ledger_private.lot_at is
  'What was left in a lot, and how much of that was reserved, as the wallet''s entry of this number left it.';

grant execute on function ledger_private.lot_at
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/lots/lot_at.sql
--! Included functions/ledger_private/reading/available_at.sql
create or replace function ledger_private.available_at(head ledger.entries, at_time timestamptz)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_available bigint := head.balance - head.held_balance;
begin
  -- Whatever had fallen due by the newest entry was booked before it. So only holds and lots that fell due since count.
  -- What a due hold reserves is free again, unless it has expired too.
  if head.held_balance > 0 then
    v_available := v_available + (
      select coalesce(sum(h.amount - (
          select coalesce(sum(d.held_amount), 0) from ledger.bonus_lot_draws d
          where d.seq = h.seq and d.wallet_id = h.wallet_id and d.expires_at <= available_at.at_time)), 0)
      from ledger.holds h
      where h.wallet_id = head.wallet_id
        and h.expires_at > head.created_at
        and h.expires_at <= available_at.at_time
        and h.seq <= head.seq
        -- One look-up for each: joined, all movements that the wallet ever had may be read.
        and (
          select e.seq from ledger.entries e
          where e.wallet_id = h.wallet_id and e.hold_id = h.id and e.kind <> 'hold' and e.seq <= head.seq
          limit 1
        ) is null);
  end if;
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

comment on function ledger_private.available_at is
$$What could be spent of a wallet at an instant, in minor units, from the newest entry that it had then: the balance
less what open holds reserve and less bonus credits that have expired. What is due counts at once, whether it is
booked or not. Null without an entry.$$;

grant execute on function ledger_private.available_at
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/reading/available_at.sql
--! Included functions/ledger_private/reading/balance_of.sql
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

comment on function ledger_private.balance_of is
  'A wallet''s balances at an instant, from the newest entry that it had then.';

grant execute on function ledger_private.balance_of
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/reading/balance_of.sql
--! Included functions/ledger_private/lots/reserved_bonus.sql
create or replace function ledger_private.reserved_bonus(head ledger.entries)
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
    raise exception using errcode = 'data_corrupted',
      message = format('the open holds of wallet %s do not add up', head.wallet_id),
      hint = 'Run ledger_verify() for the wallet.';
  end if;
  return v_bonus;
end
$$;

comment on function ledger_private.reserved_bonus is
  'How much of a wallet''s reserved credits are bonus credits, as its newest entry left it.';
--! EndIncluded functions/ledger_private/lots/reserved_bonus.sql
--! Included functions/ledger_private/lots/bonus_part.sql
create or replace function ledger_private.bonus_part(kind ledger.transfer_kind, amount bigint, free_bonus bigint)
returns bigint
language sql
immutable
as $$
  select case kind when 'bonus' then amount when 'top_up' then 0 else least(amount, coalesce(free_bonus, 0)) end
$$;

comment on function ledger_private.bonus_part is
  'How much of a movement is bonus credits: these leave a wallet first, as far as they are not reserved.';
--! EndIncluded functions/ledger_private/lots/bonus_part.sql
--! Included functions/ledger_private/holds/closing_status.sql
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

comment on function ledger_private.closing_status is
  'What the movement that ended a hold made of it; open where there is none.';

grant execute on function ledger_private.closing_status
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/holds/closing_status.sql

-- Rules, in the documented order of refusals
--! Included functions/ledger_private/posting/leaves.sql
create or replace function ledger_private.leaves(kind ledger.transfer_kind)
returns boolean
language sql
immutable
return kind in ('spend', 'transfer', 'hold', 'capture');

comment on function ledger_private.leaves is
  'Whether a kind takes credits out of the acting wallet, or reserves them: what a frozen wallet does not allow.';
--! EndIncluded functions/ledger_private/posting/leaves.sql
--! Included functions/ledger_private/posting/house_account.sql
create or replace function ledger_private.house_account(kind ledger.transfer_kind)
returns ledger.account
language sql
immutable
-- The values are of their type from the start: a cast afterwards would keep PostgreSQL from inlining this.
return case kind
  when 'top_up' then 'treasury'::ledger.account
  when 'bonus' then 'promotions'
  when 'spend' then 'revenue'
  when 'capture' then 'revenue'
  when 'expiry' then 'breakage'
  when 'reversal' then null
  else 'player'
end;

comment on function ledger_private.house_account is
  'The account on the other side of the acting wallet, by kind; null for a reversal, where the original decides.';

grant execute on function ledger_private.house_account to wallet_auditor;
--! EndIncluded functions/ledger_private/posting/house_account.sql
--! Included functions/ledger_private/refusals/invalid_request.sql
create or replace function ledger_private.invalid_request(request ledger.wallet_request)
returns ledger.refusal
language plpgsql
immutable
as $$
declare
  v_broken text := case
    when request.kind is null and request.amount between 1 and 1000000000000000 then 'kind'
    when request.wallet_id is null then case request.kind when 'transfer' then 'from_wallet' else 'wallet_id' end
    when (request.kind = 'transfer') <> (request.counterparty_id is not null)
      then case request.kind when 'transfer' then 'to_wallet' else 'counterparty_id' end
    when (request.kind in ('capture', 'release')) <> (request.hold_id is not null) then 'hold_id'
    when (request.kind = 'reversal') <> (request.transfer_id is not null) then 'transfer_id'
    when request.kind = 'release' and request.amount is not null then 'amount'
    when ledger_private.is_key(request.idem_key) is not true then 'idem_key'
    when request.expires_at is not null and (not isfinite(request.expires_at) or request.kind not in ('bonus', 'hold'))
      then 'expires_at'
    when ledger_private.is_metadata(coalesce(request.metadata, '{}')) is not true then 'metadata'
  end;
begin
  if request.amount not between 1 and 1000000000000000
    or request.amount is null and coalesce(request.kind not in ('capture', 'release', 'reversal'), true) then
    return ledger_private.refusal('WLAMT',
      format('invalid amount: %s', coalesce(request.amount::text, 'null')),
      jsonb_build_object('amount', request.amount::text, 'min', '1', 'max', '1000000000000000'),
      'Send a whole number of minor units from 1 to 1000000000000000.');
  elsif v_broken is null and request.wallet_id = request.counterparty_id then
    return ledger_private.refusal('WLSLF', format('same wallet: %s', request.wallet_id),
      jsonb_build_object('wallet_id', request.wallet_id), 'Name two different wallets.');
  elsif v_broken is null then
    return null;
  end if;
  return ledger_private.invalid_argument(v_broken, case v_broken
    when 'idem_key' then
      'Send an idempotency key of 1 to 200 characters, no white space at either end, a new one for each request.'
    when 'kind' then 'Send top_up, bonus, spend, transfer, hold, capture, release or reversal.'
    when 'amount' then 'A release frees all that its hold reserves: leave the amount out.'
    when 'counterparty_id' then 'Only a transfer names a second wallet.'
    when 'expires_at' then 'Send an instant after now, or leave it out; only bonuses and holds expire.'
    when 'metadata' then 'Send a JSON object of at most 8192 bytes; store a reference to larger facts.'
    when 'hold_id' then 'Name the hold by its id in a capture or a release; other kinds have none.'
    when 'transfer_id' then 'Name the transfer by its id in a reversal; other kinds have none.'
    else 'Name the wallet by its id.'
  end);
end
$$;

comment on function ledger_private.invalid_request is
  'WLAMT, then WLARG, then WLSLF: why a request could not be right whatever the ledger holds.';
--! EndIncluded functions/ledger_private/refusals/invalid_request.sql
--! Included functions/ledger_private/refusals/not_found.sql
create or replace function ledger_private.not_found(request ledger.wallet_request)
returns ledger.refusal
language sql
stable
as $$
  select case
    when request.hold_id is not null
      and not exists (select from ledger.holds h where h.wallet_id = request.wallet_id and h.id = request.hold_id) then
      ledger_private.refusal('WLNOH', format('hold not found: %s', request.hold_id),
        jsonb_build_object('wallet_id', request.wallet_id, 'hold_id', request.hold_id),
          'Name a hold of this wallet by the hold_id of its receipt.')
    when request.transfer_id is not null and not exists (
      select from ledger.entries e where e.transfer_id = request.transfer_id and e.actor is not null
        and e.wallet_id = request.wallet_id) then
      ledger_private.refusal('WLNOT', format('transfer not found: %s', request.transfer_id),
        jsonb_build_object('wallet_id', request.wallet_id, 'transfer_id', request.transfer_id),
        'Name a transfer that this wallet acted in by the transfer_id of its receipt.')
  end
$$;

comment on function ledger_private.not_found is
  'WLNOH or WLNOT: the hold or the transfer that a request names is not there, or of another wallet.';
--! EndIncluded functions/ledger_private/refusals/not_found.sql
--! Included functions/ledger_private/refusals/key_reused.sql
create or replace function ledger_private.key_reused(first ledger.entries, request ledger.wallet_request)
returns ledger.refusal
language sql
stable
as $$
  select ledger_private.refusal('WLKEY', format('idempotency key reused: %s differs from the first request', d.field),
    jsonb_build_object('wallet_id', first.wallet_id, 'idem_key', first.idem_key, 'transfer_id', first.transfer_id,
      'field', d.field, 'first', d.first, 'again', d.again),
    'Send a new key for a new request, or the first request unchanged for its receipt.')
  from (values
    (1, 'kind', first.kind::text, request.kind::text),
    (2, 'to_wallet', case first.kind when 'transfer' then first.to_wallet::text end, request.counterparty_id::text),
    -- A hold's own id is not asked for but given.
    (3, 'hold_id', case when first.kind <> 'hold' then first.hold_id::text end, request.hold_id::text),
    (4, 'transfer_id', first.reverses::text, request.transfer_id::text),
    (5, 'amount', first.requested_amount::text, request.amount::text),
    (6, 'expires_at', ledger_private.in_utc(first.expires_at) #>> '{}',
      ledger_private.in_utc(request.expires_at) #>> '{}'),
    (7, 'metadata', first.metadata::text, coalesce(request.metadata, '{}')::text)
  ) as d (position, field, first, again)
  where d.first is distinct from d.again
  order by d.position
  limit 1
$$;

comment on function ledger_private.key_reused is
  'WLKEY: a request is not the one that its key was first used for, with the first field that differs.';
--! EndIncluded functions/ledger_private/refusals/key_reused.sql
--! Included functions/ledger_private/refusals/expiry_passed.sql
create or replace function ledger_private.expiry_passed(expires_at timestamptz, at_time timestamptz)
returns ledger.refusal
language sql
stable
return case when expires_at <= at_time then
  ledger_private.invalid_argument('expires_at', 'Send an instant after now, or leave it out.',
    jsonb_build_object('expires_at', ledger_private.in_utc(expires_at), 'now', ledger_private.in_utc(at_time)))
end;

comment on function ledger_private.expiry_passed is
  'WLARG: an expiry is not after a wallet''s now. Asked after the key, so that a late retry still gets its receipt.';
--! EndIncluded functions/ledger_private/refusals/expiry_passed.sql
--! Included functions/ledger_private/refusals/not_allowed.sql
create or replace function ledger_private.not_allowed(wallet ledger.wallets, leaving boolean, facts jsonb default '{}')
returns ledger.refusal
language sql
immutable
return case
  when wallet.status = 'closed' then ledger_private.refusal('WLCLS', format('wallet closed: %s', wallet.id),
    jsonb_build_object('wallet_id', wallet.id) || facts, 'An operator can reopen the wallet.')
  when wallet.status = 'frozen' and leaving then ledger_private.refusal('WLFRZ', format('wallet frozen: %s', wallet.id),
    jsonb_build_object('wallet_id', wallet.id) || facts, 'No credits leave a frozen wallet; an operator can reopen it.')
end;

comment on function ledger_private.not_allowed is
  'WLCLS for a closed wallet, WLFRZ for credits that leave a frozen one. facts are added to the detail.';
--! EndIncluded functions/ledger_private/refusals/not_allowed.sql
--! Included functions/ledger_private/refusals/hold_not_open.sql
create or replace function ledger_private.hold_not_open(wallet_id uuid, hold_id uuid)
returns ledger.refusal
language sql
stable
as $$
  select ledger_private.refusal('WLHLD', format('hold not open: %s', t.hold_id),
    jsonb_build_object('wallet_id', t.wallet_id, 'hold_id', t.hold_id, 'status', ledger_private.closing_status(t),
      -- Its expiry may be booked by this very call, which leaves nothing behind.
      'transfer_id', case when t.idem_key is not null then t.id end),
    'A hold is captured or released once; place a new one.')
  from ledger.transfers t
  where t.wallet_id = hold_not_open.wallet_id and t.hold_id = hold_not_open.hold_id and t.kind <> 'hold'
$$;

comment on function ledger_private.hold_not_open is 'WLHLD: a hold has been captured, released or has expired.';
--! EndIncluded functions/ledger_private/refusals/hold_not_open.sql
--! Included functions/ledger_private/refusals/not_reversible.sql
create or replace function ledger_private.not_reversible(original ledger.entries, requested bigint, available bigint)
returns ledger.refusal
language sql
immutable
as $$
  select ledger_private.refusal('WLREV',
    case when r.able then format('not reversible: %s left of %s', available, original.amount)
      else format('not reversible: a %s', original.kind) end,
    jsonb_build_object('wallet_id', original.wallet_id, 'transfer_id', original.transfer_id, 'kind', original.kind,
      'left', case when r.able then available else 0 end::text, 'requested', requested::text),
    case when r.able then 'Ask for no more than is left to reverse.'
      else 'Only top-ups, bonuses, spends, captures and transfers are reversed.' end)
  from (select original.kind in ('top_up', 'bonus', 'spend', 'capture', 'transfer')) r (able)
  where not r.able or available <= 0 or requested > available
$$;

comment on function ledger_private.not_reversible is
  'WLREV: more of a movement is to be reversed than is left (available), or its kind cannot be reversed.';
--! EndIncluded functions/ledger_private/refusals/not_reversible.sql
--! Included functions/ledger_private/refusals/above_limit.sql
create or replace function ledger_private.above_limit(
  wallet ledger.wallets,
  head ledger.entries,
  kind ledger.transfer_kind,
  change bigint,
  amount bigint,
  at_time timestamptz
)
returns ledger.refusal
language plpgsql
stable
as $$
declare
  v_limits ledger.asset_limits;
  v_day_before ledger.entries;
begin
  -- Reversals give back: for them only what the ledger counts to is a limit.
  if kind <> 'reversal' then
    select l.* into v_limits from ledger.asset_limits l where l.asset_code = wallet.asset_code
      order by l.seq desc limit 1;
  end if;
  -- Totals run through the log: what the last 24 hours added is the head's less those of the newest entry before them.
  if num_nonnulls(v_limits.max_daily_top_up, v_limits.max_daily_bonus, v_limits.max_daily_spend) > 0 then
    v_day_before := ledger_private.entry_at(wallet.id, greatest(at_time, head.created_at) - interval '24 hours');
  end if;
  return (
    select ledger_private.refusal('WLLIM', format('limit exceeded: %s is %s, %s left', l.name, l.max,
      greatest(l.max - l.used, 0)), jsonb_build_object('wallet_id', wallet.id, 'limit', l.name, 'max', l.max::text,
        'left', greatest(l.max - l.used, 0)::text),
      'Ask for no more than is left, or wait until the limit leaves more.')
    from (values
      -- What the ledger counts to is so far below the end of bigint that one more amount never overflows it.
      ('max_balance', true, 9000000000000000000, greatest(
        coalesce(head.balance, 0) + change - amount,
        case kind when 'top_up' then coalesce(head.topped_up_total, 0) end,
        case kind when 'bonus' then coalesce(head.granted_total, 0) end,
        case when kind in ('spend', 'capture') then coalesce(head.spent_total, 0) end,
        case when kind = 'transfer' and change < 0 then coalesce(head.sent_total, 0) end)::numeric),
      ('max_spend', kind in ('spend', 'capture'), v_limits.max_spend, 0),
      ('max_balance', change > 0, v_limits.max_balance, coalesce(head.balance, 0)),
      ('max_daily_top_up', kind = 'top_up', v_limits.max_daily_top_up,
        coalesce(head.topped_up_total, 0) - coalesce(v_day_before.topped_up_total, 0)),
      ('max_daily_bonus', kind = 'bonus', v_limits.max_daily_bonus,
        coalesce(head.granted_total, 0) - coalesce(v_day_before.granted_total, 0)),
      ('max_daily_spend', kind in ('spend', 'capture'), v_limits.max_daily_spend,
        coalesce(head.spent_total, 0) - coalesce(v_day_before.spent_total, 0))
    ) as l (name, applies, max, used)
    where l.applies and l.used + amount > l.max
    limit 1);
end
$$;

comment on function ledger_private.above_limit is
$$WLLIM: an amount would go above a limit of the asset or of what the ledger counts to. head is the wallet's newest
entry, change what the amount does to its balance.$$;
--! EndIncluded functions/ledger_private/refusals/above_limit.sql
--! Included functions/ledger_private/refusals/insufficient_funds.sql
create or replace function ledger_private.insufficient_funds(
  wallet_id uuid, available bigint, requested bigint, facts jsonb default '{}'
)
returns ledger.refusal
language sql
immutable
return case when requested > available then
  ledger_private.refusal('WLFND',
    format('insufficient funds: %s available, %s requested', available, requested),
    jsonb_build_object('wallet_id', wallet_id, 'available', available::text, 'requested', requested::text) || facts,
    'Ask for no more than is available, or top the wallet up first.')
end;

comment on function ledger_private.insufficient_funds is
  'WLFND: more is to be taken out of a wallet or a hold than is available. facts are added to the detail.';
--! EndIncluded functions/ledger_private/refusals/insufficient_funds.sql

-- Entries made and rows written
--! Included functions/ledger_private/posting/next_entry.sql
create or replace function ledger_private.next_entry(
  head ledger.entries,
  wallet_id uuid,
  transfer_id uuid,
  kind ledger.transfer_kind,
  side ledger.entry_side,
  account ledger.account,
  amount bigint,
  bonus_amount bigint,
  held_amount bigint,
  at_time timestamptz
)
returns ledger.entries
language plpgsql
stable
as $$
declare
  v_entry ledger.entries;
  v_sign int := case side when 'credit' then 1 else -1 end;
begin
  v_entry.wallet_id := wallet_id;
  v_entry.transfer_id := transfer_id;
  v_entry.kind := kind;
  v_entry.debit := case side when 'debit' then 'player' else account end;
  v_entry.credit := case side when 'credit' then 'player' else account end;
  v_entry.seq := coalesce(head.seq, 0) + 1;
  v_entry.amount := amount;
  v_entry.bonus_amount := bonus_amount;
  v_entry.held_amount := held_amount;
  v_entry.balance := coalesce(head.balance, 0) + v_sign * amount;
  v_entry.bonus_balance := coalesce(head.bonus_balance, 0) + v_sign * bonus_amount;
  v_entry.held_balance := coalesce(head.held_balance, 0) + held_amount;
  v_entry.paid_balance := v_entry.balance - v_entry.bonus_balance;
  v_entry.free_balance := v_entry.balance - v_entry.held_balance;
  v_entry.topped_up_total := coalesce(head.topped_up_total, 0) + case kind when 'top_up' then amount else 0 end;
  v_entry.granted_total := coalesce(head.granted_total, 0) + case kind when 'bonus' then amount else 0 end;
  v_entry.spent_total := coalesce(head.spent_total, 0) + case when kind in ('spend', 'capture') then amount else 0 end;
  v_entry.sent_total := coalesce(head.sent_total, 0) + case when kind = 'transfer' and side = 'debit'
    then amount else 0 end;
  -- A wallet's time never runs backwards, even if the server's clock does.
  v_entry.created_at := greatest(at_time, head.created_at);
  v_entry.xid := pg_current_xact_id();
  v_entry.hash := head.hash;
  return v_entry;
end
$$;

comment on function ledger_private.next_entry is
$$The entry that follows a wallet's head (null: its first), with the account on the other side. Its hash is still the
head's, to which chained() chains it. The domain of the balances refuses what is below zero.$$;
--! EndIncluded functions/ledger_private/posting/next_entry.sql
--! Included functions/ledger_private/posting/acting.sql
create or replace function ledger_private.acting(entry ledger.entries, request ledger.wallet_request)
returns ledger.entries
language plpgsql
stable
as $$
begin
  entry.actor := ledger_private.actor();
  entry.idem_key := request.idem_key;
  entry.requested_amount := request.amount;
  entry.reverses := request.transfer_id;
  entry.hold_id := request.hold_id;
  entry.expires_at := request.expires_at;
  entry.metadata := coalesce(request.metadata, '{}');
  return entry;
end
$$;

comment on function ledger_private.acting is
  'An entry as that of the acting wallet: with the request, and who calls. The system''s own have no request.';
--! EndIncluded functions/ledger_private/posting/acting.sql
--! Included functions/ledger_private/posting/chained.sql
create or replace function ledger_private.chained(entry ledger.entries)
returns ledger.entries
language plpgsql
stable
as $$
begin
  entry.hash := ledger_private.entry_hash(entry.hash, entry);
  return entry;
end
$$;

comment on function ledger_private.chained is
  'An entry, complete, with its own hash; it comes with that of the entry which it follows.';
--! EndIncluded functions/ledger_private/posting/chained.sql
--! Included functions/ledger_private/posting/write.sql
create or replace function ledger_private.write(entries ledger.entries[])
returns void
language plpgsql
volatile
as $$
begin
  -- Above READ COMMITTED a head may be stale. The caller then learns that a retry will do, instead of that a key is
  -- taken.
  perform ledger_private.check_snapshot(array(select distinct e.wallet_id from unnest(entries) e));
  perform set_config('ledger.posting', 'on', true);
  insert into ledger.entries select * from unnest(entries);
  perform set_config('ledger.posting', '', true);
end
$$;

comment on function ledger_private.write is
  'Writes entries, hashes included. Opens the guard of the table for these rows alone.';
--! EndIncluded functions/ledger_private/posting/write.sql
--! Included functions/ledger_private/lots/write_lots.sql
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
  -- Before the first of them is written: looked up in between, a lot's newest would be searched for among all that went
  -- before.
  v_draws := array(
    select row(d.wallet_id, d.lot_seq, d.expires_at, d.seq, d.hold_id, d.amount, d.held_amount,
        s.balance - sum(d.amount) over earlier,
        s.held_balance + sum(d.held_amount) over earlier)::ledger.bonus_lot_draws
      from (
        select d.wallet_id, d.lot_seq, d.expires_at, d.seq, d.hold_id, sum(d.amount) as amount,
          sum(d.held_amount) as held_amount
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
    and not exists (select from unnest(v_draws) d where d.hold_id is not null or d.amount <= 0
      or d.balance = d.held_balance) then
    v_guard := set_config('ledger.posting', '', true);
    return;
  end if;

  with changed as (
    select l.wallet_id, l.seq, l.expires_at from unnest(lots) l
    union
    select d.wallet_id, d.lot_seq, d.expires_at from unnest(draws) d
  ), state as (
    select l.wallet_id, l.expires_at, l.seq, s.balance,
        case when s.balance > s.held_balance then l.expires_at end as due_at
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

comment on function ledger_private.write_lots is
  'Writes new lots and draws, whose balances it works out, and keeps the list of open lots.';
--! EndIncluded functions/ledger_private/lots/write_lots.sql
--! Included functions/ledger_private/lots/write_lot.sql
create or replace function ledger_private.write_lot(receipt ledger.receipt, expires_at timestamptz)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_guard text := set_config('ledger.posting', 'on', true);
begin
  insert into ledger.bonus_lots (wallet_id, seq, expires_at, amount)
    values (receipt.wallet_id, receipt.seq, expires_at, receipt.amount);
  insert into ledger_private.open_lots (wallet_id, expires_at, lot_seq, due_at)
    values (receipt.wallet_id, expires_at, receipt.seq, expires_at);
  v_guard := set_config('ledger.posting', '', true);
  return receipt;
end
$$;

comment on function ledger_private.write_lot is
  'Writes the lot of a usual bonus that expires, by its receipt, which it returns.';
--! EndIncluded functions/ledger_private/lots/write_lot.sql

-- Holds and lots
--! Included functions/ledger_private/holds/closing_draws.sql
create or replace function ledger_private.closing_draws(wallet_id uuid, hold_id uuid, seq bigint, bonus_amount bigint)
returns setof ledger.bonus_lot_draws
language sql
stable
as $$
  -- The earliest expiry first, as they were pinned. (Numeric sums: casts keep the row's types.)
  select p.wallet_id, p.lot_seq, p.expires_at, closing_draws.seq, p.hold_id,
    least(p.held_amount, greatest(closing_draws.bonus_amount - p.before, 0))::bigint, -p.held_amount,
    null::bigint, null::bigint
  from (
    select d.*, sum(d.held_amount) over (order by d.expires_at, d.lot_seq) - d.held_amount as before
    from ledger.bonus_lot_draws d
    -- No join, which may read all holds and draws that the wallet ever had.
    where d.wallet_id = closing_draws.wallet_id
      and d.seq = (select h.seq from ledger.holds h where h.wallet_id = closing_draws.wallet_id
        and h.id = closing_draws.hold_id)
  ) p
$$;

comment on function ledger_private.closing_draws is
$$What the end of a hold does to the lots that it pinned: frees all of each, and takes bonus_amount out of them, the
earliest expiry first. seq is the number of the wallet's entry that ends it.$$;

grant execute on function ledger_private.closing_draws to wallet_auditor;
--! EndIncluded functions/ledger_private/holds/closing_draws.sql
--! Included functions/ledger_private/holds/close_holds.sql
create or replace function ledger_private.close_holds(entries ledger.entries[], draws ledger.bonus_lot_draws[])
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
    using unnest(entries) e
    cross join lateral (
      select c.ctid from ledger_private.open_holds c where c.wallet_id = e.wallet_id and c.hold_id = e.hold_id limit 1
    ) closed
    where o.ctid = closed.ctid;
  perform set_config('ledger.posting', '', true);
  if cardinality(draws) > 0 then
    perform ledger_private.write_lots('{}', draws);
  end if;
end
$$;

comment on function ledger_private.close_holds is
  'Takes the holds that these entries end off the list of open ones, and writes what that does to their lots.';
--! EndIncluded functions/ledger_private/holds/close_holds.sql
--! Included functions/ledger_private/holds/end_hold.sql
create or replace function ledger_private.end_hold(request ledger.wallet_request)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_ids uuid[] := array[request.wallet_id];
  v_side ledger.entry_side := case request.kind when 'capture' then 'debit' else 'credit' end;
  v_prepared ledger_private.prepared := ledger_private.prepare(request);
  v_hold ledger.holds;
  v_amount bigint := 0;
  v_bonus bigint := 0;
  v_entry ledger.entries;
begin
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  perform ledger_private.refuse(ledger_private.hold_not_open(request.wallet_id, request.hold_id), v_ids);
  select h.* into strict v_hold from ledger.holds h where h.wallet_id = request.wallet_id and h.id = request.hold_id;
  if request.kind = 'capture' then
    v_amount := coalesce(request.amount, v_hold.amount);
    v_bonus := least(v_amount, v_hold.bonus_amount);
    perform ledger_private.refuse(ledger_private.above_limit(wallet => v_prepared.wallet, head => v_prepared.head,
      kind => 'capture', change => -v_amount, amount => v_amount, at_time => v_prepared.at_time), v_ids);
    perform ledger_private.refuse(ledger_private.insufficient_funds(wallet_id => request.wallet_id,
      available => v_hold.amount, requested => v_amount, facts => jsonb_build_object('hold_id', request.hold_id)),
      v_ids);
  end if;

  v_entry := ledger_private.acting(ledger_private.next_entry(head => v_prepared.head, wallet_id => request.wallet_id,
    transfer_id => uuidv7(), kind => request.kind, side => v_side,
    account => ledger_private.house_account(request.kind), amount => v_amount, bonus_amount => v_bonus,
    held_amount => -v_hold.amount, at_time => v_prepared.at_time), request);
  if request.kind = 'release' then
    v_entry.held_bonus_amount := v_hold.bonus_amount;
  end if;
  v_entry := ledger_private.chained(v_entry);
  perform ledger_private.write(array[v_entry]);
  perform ledger_private.close_holds(array[v_entry], array(
    select d from ledger_private.closing_draws(request.wallet_id, request.hold_id, v_entry.seq, v_bonus) d));
  -- What expired while it was reserved, and is freed now, goes to breakage.
  perform ledger_private.settle(v_ids, v_entry.created_at);
  return ledger_private.receipt(v_entry, false);
end
$$;

comment on function ledger_private.end_hold is
  'Books a capture or a release: the two ends of a hold that a caller asks for.';
--! EndIncluded functions/ledger_private/holds/end_hold.sql
--! Included functions/ledger_private/lots/draws.sql
create or replace function ledger_private.draws(entry ledger.entries)
returns ledger.bonus_lot_draws[]
language plpgsql
stable
-- A plan that was made while the tables were small may not outlive that; nor one that sorts all lots of a wallet.
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
declare
  v_need bigint := coalesce(entry.held_bonus_amount, entry.bonus_amount);
  v_draws ledger.bonus_lot_draws[] := '{}';
  v_lot record;
  v_part bigint;
  c_lots cursor for
    select o.lot_seq, o.expires_at, s.balance - s.held_balance as free
      from ledger_private.open_lots o
      cross join lateral (
        select n as lot from ledger.bonus_lots n where n.wallet_id = o.wallet_id and n.seq = o.lot_seq
          and n.expires_at = o.expires_at limit 1
      ) l
      cross join lateral ledger_private.lot_at(l.lot, 9223372036854775807) s
      -- Compared like this, what is due is not what a lot is looked up by (see settle).
      where o.wallet_id = entry.wallet_id and o.due_at is not distinct from o.expires_at
      order by o.expires_at, o.lot_seq;
begin
  -- Not in a FOR loop, which would read ten lots ahead.
  open c_lots;
  while v_need > 0 loop
    fetch c_lots into v_lot;
    -- What no lot has does not expire.
    exit when not found;
    v_part := least(v_need, v_lot.free);
    v_need := v_need - v_part;
    v_draws[cardinality(v_draws) + 1] := row(entry.wallet_id, v_lot.lot_seq, v_lot.expires_at, entry.seq, entry.hold_id,
      case when entry.kind = 'hold' then 0 else v_part end, case when entry.kind = 'hold' then v_part else 0 end,
      null, null)::ledger.bonus_lot_draws;
  end loop;
  close c_lots;
  return v_draws;
end
$$;

comment on function ledger_private.draws is
  'What an entry takes or reserves of lots, the earliest expiry first, without what is reserved. Balances are null.';
--! EndIncluded functions/ledger_private/lots/draws.sql

-- What is due
--! Included functions/ledger_private/expiry/free_due_holds.sql
create or replace function ledger_private.free_due_holds(wallet_ids uuid[], at_time timestamptz)
returns void
language plpgsql
volatile
as $$
declare
  v_due record;
  v_head ledger.entries;
  v_entries ledger.entries[] := '{}';
begin
  for v_due in
    select h.hold, e as head
      from unnest(wallet_ids) u (wallet_id)
      cross join lateral ledger_private.head(u.wallet_id) e
      -- Compared like this, its date is not what it is looked up by (see settle).
      join ledger_private.open_holds o on o.wallet_id = u.wallet_id and coalesce(o.expires_at,
        'infinity') <= greatest(at_time, e.created_at)
      -- One look-up for each: joined, all holds that the wallet ever had are read.
      cross join lateral (select n as hold from ledger.holds n where n.wallet_id = o.wallet_id
        and n.id = o.hold_id limit 1) h
      order by u.wallet_id, (h.hold).expires_at, (h.hold).seq
  loop
    if v_head.wallet_id is distinct from (v_due.hold).wallet_id then
      v_head := v_due.head;
    end if;
    v_head := ledger_private.acting(ledger_private.next_entry(head => v_head, wallet_id => v_head.wallet_id,
      transfer_id => uuidv7(), kind => 'release', side => 'credit', account => 'player', amount => 0, bonus_amount => 0,
      held_amount => -(v_due.hold).amount, at_time => at_time), null);
    v_head.hold_id := (v_due.hold).id;
    v_head.held_bonus_amount := (v_due.hold).bonus_amount;
    v_head := ledger_private.chained(v_head);
    v_entries[cardinality(v_entries) + 1] := v_head;
  end loop;
  if cardinality(v_entries) > 0 then
    perform ledger_private.write(v_entries);
    perform ledger_private.close_holds(v_entries, array(
      select d from unnest(v_entries) e cross join lateral ledger_private.closing_draws(e.wallet_id, e.hold_id,
        e.seq, 0) d));
  end if;
end
$$;

comment on function ledger_private.free_due_holds is
  'Releases the holds that are due in wallets that are locked, those due for longest first.';
--! EndIncluded functions/ledger_private/expiry/free_due_holds.sql
--! Included functions/ledger_private/expiry/expire_due_lots.sql
create or replace function ledger_private.expire_due_lots(wallet_ids uuid[], at_time timestamptz)
returns void
language plpgsql
volatile
as $$
declare
  v_due record;
  v_entries ledger.entries[] := '{}';
  v_draws ledger.bonus_lot_draws[] := '{}';
begin
  for v_due in
    select e as head, d.draws, d.free
      from unnest(wallet_ids) u (wallet_id)
      cross join lateral ledger_private.head(u.wallet_id) e
      cross join lateral (
        select sum(s.balance - s.held_balance)::bigint as free,
            array_agg(row(o.wallet_id, o.lot_seq, o.expires_at, e.seq + 1, null, s.balance - s.held_balance, 0,
              null, null)::ledger.bonus_lot_draws) as draws
          from ledger_private.open_lots o
          -- One look-up for each: joined, all lots that the wallet ever had are read.
          cross join lateral (
            select n as lot from ledger.bonus_lots n where n.wallet_id = o.wallet_id and n.seq = o.lot_seq
              and n.expires_at = o.expires_at limit 1
          ) l
          cross join lateral ledger_private.lot_at(l.lot, 9223372036854775807) s
          -- Compared like this, its date is not what it is looked up by (see settle).
          where o.wallet_id = u.wallet_id and o.expires_at <= greatest(at_time, e.created_at)
            and o.due_at is not distinct from o.expires_at
      ) d
      where d.draws is not null
      order by u.wallet_id
  loop
    v_entries[cardinality(v_entries) + 1] := ledger_private.chained(ledger_private.acting(ledger_private.next_entry(
      head => v_due.head, wallet_id => (v_due.head).wallet_id, transfer_id => uuidv7(), kind => 'expiry',
      side => 'debit', account => 'breakage', amount => v_due.free, bonus_amount => v_due.free, held_amount => 0,
      at_time => at_time), null));
    v_draws := v_draws || v_due.draws;
  end loop;
  if cardinality(v_entries) > 0 then
    perform ledger_private.write(v_entries);
    perform ledger_private.write_lots('{}', v_draws);
  end if;
end
$$;

comment on function ledger_private.expire_due_lots is
  'Moves what is free in due lots to breakage, in wallets that are locked: one movement for each wallet.';
--! EndIncluded functions/ledger_private/expiry/expire_due_lots.sql
--! Included functions/ledger_private/expiry/settle.sql
create or replace function ledger_private.settle(wallet_ids uuid[], at_time timestamptz)
returns boolean
language plpgsql
volatile
-- A plan for each number of wallets would cost more than it gains.
set plan_cache_mode = force_generic_plan
-- Nor may one that was made while the tables were small outlive that.
set enable_seqscan = off
as $$
begin
  -- By the clock, or by the wallet's own time where that is ahead. Written so that only an index by wallet serves: one
  -- by date looks cheaper where a list was empty when it was last analyzed.
  if not exists (
    select from unnest(wallet_ids) u (wallet_id)
    cross join lateral ledger_private.head(u.wallet_id) e
    where e.held_balance > 0 and exists (select from ledger_private.open_holds o
        where o.wallet_id = u.wallet_id and coalesce(o.expires_at, 'infinity') <= greatest(at_time, e.created_at))
      or e.bonus_balance > 0 and exists (select from ledger_private.open_lots o
        where o.wallet_id = u.wallet_id and o.expires_at <= greatest(at_time, e.created_at)
          and o.due_at is not distinct from o.expires_at)) then
    return false;
  end if;
  -- Due holds first: what they free may have expired too.
  perform ledger_private.free_due_holds(wallet_ids, at_time);
  perform ledger_private.expire_due_lots(wallet_ids, at_time);
  return true;
end
$$;

comment on function ledger_private.settle is
  'Books what is due in locked wallets: frees due holds, then moves due lots to breakage. Tells whether anything was.';
--! EndIncluded functions/ledger_private/expiry/settle.sql
--! Included functions/ledger_private/expiry/due_wallets.sql
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

comment on function ledger_private.due_wallets is
  'Wallets in which something is due, for longest first, but those that this sweep has passed or that just failed.';
--! EndIncluded functions/ledger_private/expiry/due_wallets.sql
--! Included functions/ledger_private/expiry/still_due.sql
create or replace function ledger_private.still_due(wallet_ids uuid[], at_time timestamptz)
returns uuid[]
language sql
stable
-- Nor may a plan that was made while the lists were empty, and reads all of them, outlive that.
set enable_seqscan = off
as $$
  -- Compared like this, its date is not what a row is looked up by (see settle).
  select array(
    select o.wallet_id from ledger_private.open_holds o
      where o.wallet_id = any (wallet_ids) and coalesce(o.expires_at, 'infinity') <= at_time
    union
    select o.wallet_id from ledger_private.open_lots o
      where o.wallet_id = any (wallet_ids) and coalesce(o.due_at, 'infinity') <= at_time
    order by 1)
$$;

comment on function ledger_private.still_due is
  'In which of these wallets something is due by the work lists, which is how due_wallets finds them; by ascending id.';
--! EndIncluded functions/ledger_private/expiry/still_due.sql
--! Included functions/ledger_private/expiry/settle_each.sql
create or replace function ledger_private.settle_each(wallet_ids uuid[], at_time timestamptz)
returns setof ledger_private.failure
language plpgsql
volatile
as $$
declare
  -- Not the wallet's doing, but the session's, the server's or another transaction's: these end the sweep, and it is
  -- tried again.
  c_elsewhere constant text[] := array['08', '25', '40', '42', '53', '55', '57', '58'];
  v_half int := cardinality(wallet_ids) / 2;
  v_failure ledger_private.failure;
begin
  if cardinality(wallet_ids) = 0 then
    return;
  end if;
  begin
    perform ledger_private.settle(wallet_ids, at_time);
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

comment on function ledger_private.settle_each is
$$Books what is due in locked wallets, and returns those where that fails: all at once, or else each half by itself.
Passes on errors that are not a wallet's: deadlock, timeout, cancelled, out of resources and the like.$$;
--! EndIncluded functions/ledger_private/expiry/settle_each.sql
--! Included functions/ledger_private/expiry/note_failures.sql
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
  insert into ledger_private.unsettled_wallets as u (wallet_id, sqlstate, failures, first_failed_at,
    failed_at, retry_at)
    select f.wallet_id, f.sqlstate, 1, at_time, at_time, at_time + interval '1 minute'
      from unnest(failures) f
      order by f.wallet_id
    on conflict on constraint unsettled_wallets_pkey do update
      set sqlstate = excluded.sqlstate, failures = u.failures + 1, failed_at = excluded.failed_at,
        retry_at = excluded.failed_at + least(interval '1 hour', interval '1 minute' * 2 ^ least(u.failures, 6));
  v_guard := set_config('ledger.posting', '', true);
end
$$;

comment on function ledger_private.note_failures is
$$Keeps the list of wallets that could not be settled: adds new ones, to be tried again after a minute, then twice as
long after each failure, up to an hour; takes off those in which nothing is due any more.$$;
--! EndIncluded functions/ledger_private/expiry/note_failures.sql

-- The posting path
--! Included functions/ledger_private/posting/receipt.sql
create or replace function ledger_private.receipt(entry ledger.entries, replayed boolean)
returns ledger.receipt
language plpgsql
stable
-- A plan that was made while the table was small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_expired bigint := 0;
begin
  if entry.bonus_balance > 0 and entry.kind in ('capture', 'release', 'reversal') then
    -- Everything else that had expired by then was booked before this entry.
    v_expired := (
      select coalesce(sum(d.balance - d.held_balance), 0)
      from ledger.bonus_lot_draws d
      where d.seq = entry.seq and d.wallet_id = entry.wallet_id and d.expires_at <= entry.created_at);
  end if;
  return row(
    entry.transfer_id, entry.wallet_id, entry.seq, entry.kind,
    case when entry.kind in ('hold', 'release') then abs(entry.held_amount) else entry.amount end,
    coalesce(entry.held_bonus_amount, entry.bonus_amount),
    entry.balance, entry.bonus_balance, entry.held_balance, entry.free_balance - v_expired,
    entry.hold_id, replayed, entry.created_at
  )::ledger.receipt;
end
$$;

comment on function ledger_private.receipt is
$$The receipt of a movement, from the acting wallet's entry. What that gave back to expired lots is not available: the
next entry of the same transaction books it to breakage.$$;
--! EndIncluded functions/ledger_private/posting/receipt.sql
--! Included functions/ledger_private/posting/replay.sql
create or replace function ledger_private.replay(request ledger.wallet_request)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_first ledger.entries;
begin
  select e.* into v_first from ledger.entries e where e.wallet_id = request.wallet_id and e.idem_key = request.idem_key;
  if not found then
    return null;
  end if;
  perform ledger_private.refuse(ledger_private.key_reused(v_first, request));
  return ledger_private.receipt(v_first, true);
end
$$;

comment on function ledger_private.replay is
  'The receipt of the first request with this key, as of then; null where the key is new. WLKEY where they differ.';
--! EndIncluded functions/ledger_private/posting/replay.sql
--! Included functions/ledger_private/posting/lock_wallets.sql
create or replace function ledger_private.lock_wallets(wallet_ids uuid[])
returns setof ledger.wallets
language sql
volatile
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
  -- FOR UPDATE would wait for the foreign keys of other tables.
  select w.* from ledger.wallets w where w.id = any (wallet_ids) order by w.id for no key update
$$;

comment on function ledger_private.lock_wallets is
  'Locks wallets by ascending id, as all calls do, so that no two wait for each other. Returns those that are there.';
--! EndIncluded functions/ledger_private/posting/lock_wallets.sql
--! Included functions/ledger_private/posting/lock_free_wallets.sql
create or replace function ledger_private.lock_free_wallets(wallet_ids uuid[])
returns setof uuid
language sql
volatile
as $$
  select w.id from ledger.wallets w where w.id = any (wallet_ids) order by w.id for no key update skip locked
$$;

comment on function ledger_private.lock_free_wallets is
  'Locks those of the wallets that nobody else has locked, as lock_wallets does, and waits for none. Returns them.';
--! EndIncluded functions/ledger_private/posting/lock_free_wallets.sql
--! Included functions/ledger_private/posting/prepare.sql
create or replace function ledger_private.prepare(request ledger.wallet_request, other_id uuid default null)
returns ledger_private.prepared
language plpgsql
volatile
as $$
declare
  v_ids uuid[] := array[request.wallet_id, other_id];
  v_wallet ledger.wallets;
  v_prepared ledger_private.prepared;
begin
  perform ledger_private.refuse(ledger_private.invalid_request(request));
  for v_wallet in select w.* from ledger_private.lock_wallets(v_ids) w loop
    if v_wallet.id = request.wallet_id then
      v_prepared.wallet := v_wallet;
    else
      v_prepared.other := v_wallet;
    end if;
  end loop;
  if (v_prepared.wallet).id is null or (v_prepared.other).id is distinct from other_id then
    perform ledger_private.refuse(ledger_private.wallet_not_found(
      case when (v_prepared.wallet).id is null then request.wallet_id else other_id end));
  end if;
  perform ledger_private.refuse(ledger_private.asset_mismatch((v_prepared.wallet).asset_code,
    (v_prepared.other).asset_code));
  perform ledger_private.refuse(ledger_private.not_found(request), v_ids);
  v_prepared.receipt := ledger_private.replay(request);
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared;
  end if;

  v_prepared.at_time := clock_timestamp();
  v_prepared.head := ledger_private.head(request.wallet_id);
  perform ledger_private.refuse(
    ledger_private.expiry_passed(request.expires_at, greatest(v_prepared.at_time, (v_prepared.head).created_at)),
      v_ids);
  perform ledger_private.refuse(ledger_private.not_allowed(v_prepared.wallet, ledger_private.leaves(request.kind)),
    v_ids);
  perform ledger_private.refuse(ledger_private.not_allowed(v_prepared.other, false), v_ids);
  if ledger_private.settle(v_ids, v_prepared.at_time) then
    v_prepared.head := ledger_private.head(request.wallet_id);
  end if;
  v_prepared.other_head := ledger_private.head(other_id);
  return v_prepared;
end
$$;

comment on function ledger_private.prepare is
$$What a call begins with, in the order of refusals: judges the request, locks the wallets, looks for what it names and
for its key, judges expiry and status, books what is due. With a receipt in it, it is a repetition.$$;
--! EndIncluded functions/ledger_private/posting/prepare.sql
--! Included functions/ledger_private/posting/judged.sql
create or replace function ledger_private.judged(request ledger.wallet_request)
returns ledger_private.prepared
language plpgsql
volatile
as $$
declare
  v_ids uuid[] := array[request.wallet_id, request.counterparty_id];
  v_change bigint;
  v_prepared ledger_private.prepared := ledger_private.prepare(request, request.counterparty_id);
  v_head ledger.entries := v_prepared.head;
begin
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared;
  end if;
  v_change := case when ledger_private.leaves(request.kind) then -request.amount else request.amount end;
  perform ledger_private.refuse(ledger_private.above_limit(wallet => v_prepared.wallet, head => v_head,
    kind => request.kind, change => v_change, amount => request.amount, at_time => v_prepared.at_time), v_ids);
  if request.counterparty_id is not null then
    perform ledger_private.refuse(ledger_private.above_limit(wallet => v_prepared.other, head => v_prepared.other_head,
      kind => request.kind, change => request.amount, amount => request.amount, at_time => v_prepared.at_time), v_ids);
  end if;
  if v_change < 0 then
    perform ledger_private.refuse(ledger_private.insufficient_funds(
      request.wallet_id, coalesce(v_head.balance - v_head.held_balance, 0), request.amount), v_ids);
  end if;
  return v_prepared;
end
$$;

comment on function ledger_private.judged is
  'A top-up, bonus, spend or transfer prepared and judged by all rules. With a receipt in it, it is a repetition.';
--! EndIncluded functions/ledger_private/posting/judged.sql
--! Included functions/ledger_private/lots/move_lots.sql
create or replace function ledger_private.move_lots(entry ledger.entries, other_entry ledger.entries default null)
returns void
language plpgsql
volatile
as $$
declare
  v_draws ledger.bonus_lot_draws[];
  v_lots ledger.bonus_lots[] := '{}';
begin
  if entry.kind = 'bonus' then
    -- What is granted without an expiry is in no lot.
    if entry.expires_at is not null then
      perform ledger_private.write_lots(
        array[row(entry.wallet_id, entry.seq, entry.expires_at, entry.bonus_amount)::ledger.bonus_lots], '{}');
    end if;
    return;
  end if;
  v_draws := ledger_private.draws(entry);
  if cardinality(v_draws) = 0 then
    return;
  end if;
  if other_entry.wallet_id is not null then
    -- What arrives is a lot there, with its own expiry; parts of one expiry are one lot.
    v_lots := array(
      select row(other_entry.wallet_id, other_entry.seq, d.expires_at, sum(d.amount))::ledger.bonus_lots
      from unnest(v_draws) d group by d.expires_at order by d.expires_at);
  end if;
  perform ledger_private.write_lots(v_lots, v_draws);
  -- What arrived may be due already where that wallet's clock runs ahead.
  if other_entry.created_at > entry.created_at then
    perform ledger_private.settle(array[other_entry.wallet_id], entry.created_at);
  end if;
end
$$;

comment on function ledger_private.move_lots is
$$Does with lots what a movement asks for that is written: draws bonus credits from them, and makes lots of those that
arrive and expire. other_entry is the receiver's, of a transfer.$$;
--! EndIncluded functions/ledger_private/lots/move_lots.sql
--! Included functions/ledger_private/posting/post.sql
create or replace function ledger_private.post(request ledger.wallet_request)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_prepared ledger_private.prepared := ledger_private.judged(request);
  v_head ledger.entries := v_prepared.head;
  v_side ledger.entry_side := case when ledger_private.leaves(request.kind) then 'debit' else 'credit' end;
  v_id uuid := uuidv7();
  v_bonus bigint;
  v_entry ledger.entries;
  v_other_entry ledger.entries;
begin
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  v_bonus := ledger_private.bonus_part(request.kind, request.amount,
    v_head.bonus_balance - ledger_private.reserved_bonus(v_head));
  v_entry := ledger_private.acting(ledger_private.next_entry(head => v_head, wallet_id => request.wallet_id,
    transfer_id => v_id, kind => request.kind, side => v_side, account => ledger_private.house_account(request.kind),
    amount => request.amount, bonus_amount => v_bonus, held_amount => 0, at_time => v_prepared.at_time), request);
  if request.counterparty_id is null then
    v_entry := ledger_private.chained(v_entry);
    perform ledger_private.write(array[v_entry]);
  else
    v_other_entry := ledger_private.chained(ledger_private.next_entry(head => v_prepared.other_head,
      wallet_id => request.counterparty_id, transfer_id => v_id, kind => request.kind, side => 'credit',
      account => 'player', amount => request.amount, bonus_amount => v_bonus, held_amount => 0,
      at_time => v_prepared.at_time));
    v_entry.to_wallet := v_other_entry.wallet_id;
    v_entry.to_seq := v_other_entry.seq;
    v_entry := ledger_private.chained(v_entry);
    perform ledger_private.write(array[v_entry, v_other_entry]);
  end if;
  if v_bonus > 0 then
    perform ledger_private.move_lots(v_entry, v_other_entry);
  end if;
  return ledger_private.receipt(v_entry, false);
end
$$;

comment on function ledger_private.post is
  'Books a top-up, bonus, spend or transfer: judges it by all rules, in the documented order, then writes the rows.';
--! EndIncluded functions/ledger_private/posting/post.sql
--! Included functions/ledger_private/posting/post_own.sql
create or replace function ledger_private.post_own(
  kind ledger.transfer_kind,
  wallet_id uuid,
  amount bigint,
  idem_key text,
  metadata jsonb,
  debit ledger.account,
  credit ledger.account,
  sign bigint,
  bought bigint default 0,
  bonus bigint default 0,
  spent bigint default 0,
  expires_at timestamptz default null
)
returns ledger.receipt
language plpgsql
volatile
as $$
#variable_conflict use_column
declare
  v_id uuid;
  v_status ledger.wallet_status;
  v_asset text;
  v_usual boolean;
  v_seq bigint; v_balance bigint; v_bonus bigint;
  v_bought bigint; v_granted bigint; v_spent bigint; v_sent bigint;
  v_hash bytea;
  v_at timestamptz;
  v_actor text;
  v_guard text;
begin
  -- A usual call is one of which nothing can be refused, by these tests alone. All others are judged rule by rule.
  if amount between 1 and 1000000000000000 and octet_length(idem_key) <= 200 and idem_key ~ '^[!-~]+$'
    and (metadata = '{}' or ledger_private.is_metadata(metadata))
    and current_setting('transaction_isolation') = 'read committed' then
    select w.status, w.asset_code into v_status, v_asset
      from ledger.wallets w where w.id = post_own.wallet_id for no key update;
    select e.seq + 1, e.balance + sign * post_own.amount, e.bonus_balance + bonus, e.topped_up_total + bought,
        e.granted_total + bonus, e.spent_total + post_own.spent, e.sent_total,
        greatest(e.created_at, clock_timestamp()), e.hash, e.held_balance = 0
          and (select l.seq from ledger.asset_limits l where l.asset_code = v_asset and l.seq = 1) is null
      into v_seq, v_balance, v_bonus, v_bought, v_granted, v_spent, v_sent, v_at, v_hash, v_usual
      from ledger.entries e where e.wallet_id = post_own.wallet_id order by e.seq desc limit 1;
    if v_bonus is distinct from bonus then
      if v_seq is null then -- The first entry of a wallet.
        select 1, sign * post_own.amount, bonus, bought, bonus, post_own.spent, 0, clock_timestamp(),
            not exists (select from ledger.asset_limits l where l.asset_code = v_asset)
          into v_seq, v_balance, v_bonus, v_bought, v_granted, v_spent, v_sent, v_at, v_usual;
      else -- It had bonus credits: those of lots may be due, or drawn. Spent are bonus credits first.
        v_usual := v_usual and (select o.lot_seq from ledger_private.open_lots o where o.wallet_id = post_own.wallet_id
          and o.expires_at <= case when post_own.spent > 0 then 'infinity' else v_at end
          order by o.expires_at, o.lot_seq limit 1) is null;
        bonus := bonus + least(post_own.spent, v_bonus);
        v_bonus := v_bonus - least(post_own.spent, v_bonus);
      end if;
    end if;
    if v_usual and v_status = 'open' and v_balance >= 0
      and greatest(v_balance, v_bought, v_granted, v_spent) <= 8000000000000000000 and (expires_at is null
        or expires_at > v_at and expires_at < 'infinity') then
      v_id := uuidv7();
      v_actor := ledger_private.actor();
      v_guard := set_config('ledger.posting', 'on', true);
      insert into ledger.entries values (wallet_id, v_id, v_seq, amount, bonus, 0, v_balance, v_bonus, 0,
        v_balance - v_bonus, v_balance, v_bought, v_granted, v_spent, v_sent, v_at, pg_current_xact_id(), kind, debit,
        credit, v_actor, idem_key, null, null, amount, null, null, null, expires_at, metadata,
        ledger_private.entry_digest(previous_hash => v_hash, wallet_id => wallet_id, transfer_id => v_id, seq => v_seq,
          amount => amount, bonus_amount => bonus, held_amount => 0, balance => v_balance, bonus_balance => v_bonus,
          held_balance => 0, paid_balance => v_balance - v_bonus, free_balance => v_balance,
          topped_up_total => v_bought, granted_total => v_granted, spent_total => v_spent, sent_total => v_sent,
          created_at => v_at, kind => kind, debit => debit, credit => credit, actor => v_actor, idem_key => idem_key,
          requested_amount => amount, expires_at => expires_at,
          metadata_hash => ledger_private.metadata_hash(metadata)))
        on conflict (wallet_id, idem_key) where idem_key is not null do nothing;
      v_guard := set_config('ledger.posting', '', true);
      if found and expires_at is null then
        return row(v_id, wallet_id, v_seq, kind, amount, bonus, v_balance, v_bonus, 0, v_balance, null, false,
          v_at)::ledger.receipt;
      elsif found then
        return ledger_private.write_lot(row(v_id, wallet_id, v_seq, kind, amount, bonus, v_balance, v_bonus, 0,
          v_balance, null, false, v_at)::ledger.receipt, expires_at);
      end if;
    end if;
  end if;
  return ledger_private.post(ledger.request(kind => kind, wallet_id => wallet_id, amount => amount,
    idem_key => idem_key, expires_at => expires_at, metadata => coalesce(metadata, '{}')));
end
$$;

comment on function ledger_private.post_own is
$$Books a movement of one wallet: a top-up, bonus or spend. debit and credit are its accounts, sign is 1 where the
balance grows and -1 where it falls; bought, bonus and spent say what it adds to the totals of the wallet.$$;
--! EndIncluded functions/ledger_private/posting/post_own.sql
--! Included functions/ledger_private/posting/write_transfer.sql
create or replace function ledger_private.write_transfer(
  from_line ledger_private.line,
  to_line ledger_private.line,
  amount bigint,
  bonus bigint,
  idem_key text,
  metadata jsonb
)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_id uuid := uuidv7();
  v_actor text := ledger_private.actor();
  v_guard text := set_config('ledger.posting', 'on', true);
begin
  insert into ledger.entries
    select r.wallet_id, v_id, r.seq, write_transfer.amount, bonus, 0, r.balance, r.bonus_balance, 0,
        r.balance - r.bonus_balance, r.balance, r.bought, r.granted, r.spent, r.sent, r.at_time, pg_current_xact_id(),
        'transfer', 'player', 'player', r.actor, r.idem_key, r.to_wallet, r.to_seq, r.requested_amount,
        null, null, null, null, r.metadata,
        ledger_private.entry_digest(previous_hash => r.hash, wallet_id => r.wallet_id,
          transfer_id => v_id, seq => r.seq, amount => write_transfer.amount, bonus_amount => bonus, held_amount => 0,
          balance => r.balance, bonus_balance => r.bonus_balance, held_balance => 0,
          paid_balance => r.balance - r.bonus_balance, free_balance => r.balance, topped_up_total => r.bought,
          granted_total => r.granted, spent_total => r.spent, sent_total => r.sent, created_at => r.at_time,
          kind => 'transfer', debit => 'player', credit => 'player', actor => r.actor, idem_key => r.idem_key,
          to_wallet => r.to_wallet, to_seq => r.to_seq, requested_amount => r.requested_amount,
          metadata_hash => ledger_private.metadata_hash(r.metadata))
      from (values
        (from_line.wallet_id, from_line.seq, from_line.balance, from_line.bonus_balance, from_line.bought,
          from_line.granted, from_line.spent, from_line.sent, from_line.at_time, from_line.hash, v_actor,
          write_transfer.idem_key, to_line.wallet_id, to_line.seq, write_transfer.amount, write_transfer.metadata),
        (to_line.wallet_id, to_line.seq, to_line.balance, to_line.bonus_balance, to_line.bought, to_line.granted,
          to_line.spent, to_line.sent, to_line.at_time, to_line.hash, null, null, null, null, null, null)
      ) r (wallet_id, seq, balance, bonus_balance, bought, granted, spent, sent, at_time, hash, actor, idem_key,
        to_wallet, to_seq, requested_amount, metadata);
  v_guard := set_config('ledger.posting', '', true);
  return row(v_id, from_line.wallet_id, from_line.seq, 'transfer', amount, bonus, from_line.balance,
    from_line.bonus_balance, 0, from_line.balance, null, false, from_line.at_time)::ledger.receipt;
end
$$;

comment on function ledger_private.write_transfer is
  'Writes both entries of a transfer, and returns its receipt. The sender''s alone carries the request.';
--! EndIncluded functions/ledger_private/posting/write_transfer.sql
--! Included functions/ledger_private/posting/post_between.sql
create or replace function ledger_private.post_between(
  from_wallet uuid,
  to_wallet uuid,
  amount bigint,
  idem_key text,
  metadata jsonb
)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_now timestamptz;
  v_status ledger.wallet_status;
  v_other_status ledger.wallet_status;
  v_asset text;
  v_other_asset text;
  v_from ledger_private.line;
  v_to ledger_private.line;
  v_bonus bigint := 0;
begin
  -- As in post_own.
  if amount between 1 and 1000000000000000 and octet_length(idem_key) <= 200 and idem_key ~ '^[!-~]+$'
    and (metadata = '{}' or ledger_private.is_metadata(metadata))
    and from_wallet <> to_wallet and current_setting('transaction_isolation') = 'read committed' then
    -- By ascending id, as all calls lock.
    select w.status, w.asset_code into v_status, v_asset
      from ledger.wallets w where w.id = least(from_wallet, post_between.to_wallet) for no key update;
    select w.status, w.asset_code into v_other_status, v_other_asset
      from ledger.wallets w where w.id = greatest(from_wallet, post_between.to_wallet) for no key update;
    v_now := clock_timestamp();
    select from_wallet, e.seq + 1, e.balance - post_between.amount, e.bonus_balance, e.topped_up_total, e.granted_total,
        e.spent_total, e.sent_total + post_between.amount, greatest(e.created_at, v_now), e.hash, e.held_balance = 0
          and (select k.seq from ledger.entries k
            where k.wallet_id = from_wallet and k.idem_key = post_between.idem_key) is null
          and (select l.seq from ledger.asset_limits l where l.asset_code = v_asset and l.seq = 1) is null
      into v_from
      from ledger.entries e where e.wallet_id = from_wallet order by e.seq desc limit 1;
    select e.wallet_id, e.seq + 1, e.balance + post_between.amount, e.bonus_balance, e.topped_up_total, e.granted_total,
        e.spent_total, e.sent_total, greatest(e.created_at, v_now), e.hash, e.held_balance = 0
      into v_to
      from ledger.entries e where e.wallet_id = post_between.to_wallet order by e.seq desc limit 1;
    if v_to.seq is null then
      -- The first entry of the wallet.
      v_to := row(to_wallet, 1, amount, 0, 0, 0, 0, 0, v_now, null, true);
    end if;
    if v_from.bonus_balance > 0 or v_to.bonus_balance > 0 then
      -- Credits of lots may be due, or be drawn. Bonus credits leave first, and stay bonus credits.
      v_from.usual := v_from.usual
        and (select o.lot_seq from ledger_private.open_lots o where o.wallet_id = from_wallet
          order by o.expires_at, o.lot_seq limit 1) is null
        and (select o.lot_seq from ledger_private.open_lots o where o.wallet_id = post_between.to_wallet
          order by o.expires_at, o.lot_seq limit 1) is null;
      v_bonus := least(amount, v_from.bonus_balance);
      v_from.bonus_balance := v_from.bonus_balance - v_bonus;
      v_to.bonus_balance := v_to.bonus_balance + v_bonus;
    end if;
    if v_from.usual and v_to.usual and v_status = 'open' and v_other_status = 'open' and v_asset = v_other_asset
      and v_from.balance >= 0 and greatest(v_to.balance, v_from.sent) <= 8000000000000000000 then
      return ledger_private.write_transfer(
        from_line => v_from, to_line => v_to, amount => amount, bonus => v_bonus, idem_key => idem_key,
        metadata => metadata);
    end if;
  end if;
  return ledger_private.post(ledger.request(kind => 'transfer', wallet_id => from_wallet,
    counterparty_id => to_wallet, amount => amount, idem_key => idem_key,
    metadata => coalesce(metadata, '{}')));
end
$$;

comment on function ledger_private.post_between is
  'Books a transfer between two players'' wallets.';
--! EndIncluded functions/ledger_private/posting/post_between.sql

-- Many calls in one
--! Included functions/ledger_private/batch/function_of.sql
create or replace function ledger_private.function_of(kind ledger.transfer_kind)
returns text
language sql
immutable
return case
  when kind in ('top_up', 'bonus', 'spend', 'transfer', 'hold', 'capture', 'release') then 'wallet_' || kind::text
  when kind = 'reversal' then 'wallet_reverse'
end;

comment on function ledger_private.function_of is
  'The name of the function that books one movement of a kind; null where callers cannot ask for it.';
--! EndIncluded functions/ledger_private/batch/function_of.sql
--! Included functions/ledger_private/batch/check_group.sql
create or replace function ledger_private.check_group(requests ledger.wallet_request[])
returns void
language plpgsql
stable
as $$
declare
  v_caller name := ledger_private.calling_role();
  v_names text[];
  v_denied text;
begin
  if requests is null or cardinality(requests) > 10000 or array_ndims(requests) > 1 then
    perform ledger_private.refuse(ledger_private.invalid_argument('requests', 'Send a list of at most 10000 requests.',
      jsonb_build_object('length', cardinality(requests), 'max', 10000)));
  end if;
  v_names := array(select ledger_private.function_of(k.kind) from (select distinct r.kind from unnest(requests) r) k);
  select p.proname into v_denied
    from pg_proc p
    where p.proname = any (v_names) and p.pronamespace = 'ledger'::regnamespace
      and not has_function_privilege(v_caller, p.oid, 'execute')
    order by p.proname
    limit 1;
  if found then
    raise exception using errcode = 'insufficient_privilege',
      message = format('permission denied for function %s', v_denied),
      hint = 'Many calls in one give no right that the single calls do not give.';
  end if;
end
$$;

comment on function ledger_private.check_group is
$$Ends the call with WLARG where this is no list of at most 10000 requests, and with 42501 where a kind in it is one
whose own function the caller may not execute.$$;
--! EndIncluded functions/ledger_private/batch/check_group.sql
--! Included functions/ledger_private/batch/group_wallets.sql
create or replace function ledger_private.group_wallets(requests ledger.wallet_request[])
returns table (place bigint, wallet_id uuid)
language sql
stable
as $$
  select r.place, w.id
  from unnest(requests) with ordinality r (
    kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata, hold_id, transfer_id, place)
  cross join lateral (values
    (r.wallet_id),
    (r.counterparty_id),
    -- What comes back of a transfer comes from who received it.
    (case when r.kind = 'reversal' then
      (select e.to_wallet from ledger.entries e
        where e.transfer_id = r.transfer_id and e.actor is not null and e.wallet_id = r.wallet_id)
    end)
  ) w (id)
  where w.id is not null
$$;

comment on function ledger_private.group_wallets is
  'The wallets that each of many requests touches, by its place in the list, from 1.';
--! EndIncluded functions/ledger_private/batch/group_wallets.sql
--! Included functions/ledger_private/batch/skipped_items.sql
create or replace function ledger_private.skipped_items(requests ledger.wallet_request[], wallet_ids uuid[])
returns boolean[]
language plpgsql
stable
as $$
declare
  -- Of each wallet by its number, and of each item by its place.
  v_skipped boolean[];
  v_items boolean[] := '{}';
  v_item record;
begin
  v_skipped := array(
    select s.id is not null
    from (select distinct w.wallet_id as id from ledger_private.group_wallets(requests) w) n
    left join unnest(wallet_ids) s (id) on s.id = n.id
    order by n.id);
  for v_item in
    select r.place, array_agg(w.number) filter (where w.number is not null) as numbers
      from generate_series(1, cardinality(requests)) r (place)
      left join (
        select g.place, dense_rank() over (order by g.wallet_id) as number from ledger_private.group_wallets(requests) g
      ) w on w.place = r.place
      group by r.place
      order by r.place
  loop
    v_items[v_item.place] := false;
    for i in 1 .. coalesce(cardinality(v_item.numbers), 0) loop
      v_items[v_item.place] := v_items[v_item.place] or v_skipped[v_item.numbers[i]];
    end loop;
    -- What comes later in a wallet of it does not overtake it.
    for i in 1 .. case when v_items[v_item.place] then cardinality(v_item.numbers) else 0 end loop
      v_skipped[v_item.numbers[i]] := true;
    end loop;
  end loop;
  return v_items;
end
$$;

comment on function ledger_private.skipped_items is
$$Which of many requests have to be left out where these wallets were skipped: those that touch one of them, and those
that come after such a request in any wallet of it.$$;
--! EndIncluded functions/ledger_private/batch/skipped_items.sql
--! Included functions/ledger_private/batch/lock_group.sql
create or replace function ledger_private.lock_group(
  requests ledger.wallet_request[],
  wait boolean,
  out skipped boolean[],
  out absent uuid[]
)
language plpgsql
volatile
as $$
declare
  v_ids uuid[] := array(select distinct w.wallet_id from ledger_private.group_wallets(requests) w);
  v_locked uuid[];
  v_skipped uuid[];
begin
  if wait then
    v_locked := array(select w.id from ledger_private.lock_wallets(v_ids) w);
  else
    v_locked := array(select ledger_private.lock_free_wallets(v_ids));
    v_skipped := array(
      select w.id from ledger.wallets w
        where w.id = any (v_ids) and not exists (select from unnest(v_locked) l where l = w.id));
  end if;
  -- Above READ COMMITTED what others wrote meanwhile cannot be seen. And a movement that is to be reversed may have
  -- been committed while this call waited: the other wallet of it is not locked.
  if cardinality(v_skipped) > 0 and current_setting('transaction_isolation') <> 'read committed'
    or exists (select from unnest(requests) r where r.kind = 'reversal')
      and exists (
        select from ledger_private.group_wallets(requests) w
        where not exists (select from unnest(v_ids) i where i = w.wallet_id)) then
    perform ledger_private.refuse_stale();
  end if;
  if cardinality(v_skipped) > 0 then
    skipped := ledger_private.skipped_items(requests, v_skipped);
  end if;
  absent := array(select i from unnest(v_ids) i except select l from unnest(v_locked || v_skipped) l);
end
$$;

comment on function ledger_private.lock_group is
$$Locks all wallets of many requests at once, in the order that all calls keep. Where it is not to wait, wallets that
others have locked are skipped; skipped says of each request whether it has to be left out for that, and is null where
none has to. absent are the wallets that are not there: one that is opened meanwhile is not locked, and stays absent for
this call. Ends the call with 40001 where it cannot go on with what it has locked.$$;
--! EndIncluded functions/ledger_private/batch/lock_group.sql
--! Included functions/ledger_private/batch/post_item.sql
create or replace function ledger_private.post_item(item ledger.wallet_request, absent uuid[])
returns ledger.receipt
language plpgsql
volatile
as $$
begin
  item.metadata := coalesce(item.metadata, '{}');
  if ledger_private.function_of(item.kind) is null then
    item.kind := null;
  end if;
  -- A single call has no place for what its kind has no use for.
  perform ledger_private.refuse(ledger_private.invalid_request(item));
  -- What was opened after the list was locked would be locked out of turn.
  perform ledger_private.refuse(ledger_private.wallet_not_found(w.id))
    from unnest(array[item.wallet_id, item.counterparty_id]) with ordinality w (id, place)
    where w.id = any (absent) order by w.place;
  case item.kind
    when 'top_up' then
      return ledger.wallet_top_up(
        wallet_id => item.wallet_id, amount => item.amount, idem_key => item.idem_key, metadata => item.metadata);
    when 'bonus' then
      return ledger.wallet_bonus(
        wallet_id => item.wallet_id, amount => item.amount, idem_key => item.idem_key, expires_at => item.expires_at,
        metadata => item.metadata);
    when 'spend' then
      return ledger.wallet_spend(
        wallet_id => item.wallet_id, amount => item.amount, idem_key => item.idem_key, metadata => item.metadata);
    when 'transfer' then
      return ledger.wallet_transfer(
        from_wallet => item.wallet_id, to_wallet => item.counterparty_id, amount => item.amount,
        idem_key => item.idem_key, metadata => item.metadata);
    when 'hold' then
      return ledger.wallet_hold(
        wallet_id => item.wallet_id, amount => item.amount, idem_key => item.idem_key, expires_at => item.expires_at,
        metadata => item.metadata);
    when 'capture' then
      return ledger.wallet_capture(
        wallet_id => item.wallet_id, hold_id => item.hold_id, idem_key => item.idem_key, amount => item.amount,
        metadata => item.metadata);
    when 'release' then
      return ledger.wallet_release(
        wallet_id => item.wallet_id, hold_id => item.hold_id, idem_key => item.idem_key, metadata => item.metadata);
    when 'reversal' then
      return ledger.wallet_reverse(
        wallet_id => item.wallet_id, transfer_id => item.transfer_id, idem_key => item.idem_key,
        amount => item.amount, metadata => item.metadata);
  end case;
end
$$;

comment on function ledger_private.post_item is 'Books one item of many by its single call.';
--! EndIncluded functions/ledger_private/batch/post_item.sql
--! Included functions/ledger_private/batch/outcome_of.sql
create or replace function ledger_private.outcome_of(item ledger.wallet_request, absent uuid[])
returns ledger.outcome
language plpgsql
volatile
as $$
declare
  v_detail text;
  v_hint text;
begin
  return row(ledger_private.post_item(item, absent), null)::ledger.outcome;
exception when others then
  -- Anything else is not about this item.
  if sqlstate not like 'WL%' then
    raise;
  end if;
  get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
  return row(null, row(sqlstate, sqlerrm, v_detail::jsonb, v_hint)::ledger.refusal)::ledger.outcome;
end
$$;

comment on function ledger_private.outcome_of is
  'Books one item of many for itself: where it is refused, it has changed nothing, and its refusal is the outcome.';
--! EndIncluded functions/ledger_private/batch/outcome_of.sql
--! Included functions/ledger_private/batch/bonus_parts.sql
create or replace function ledger_private.bonus_parts(
  kinds ledger.transfer_kind[],
  amounts bigint[],
  from_numbers bigint[],
  to_numbers bigint[],
  bonus_balances bigint[]
)
returns bigint[]
language plpgsql
immutable
as $$
declare
  v_bonus bigint[] := bonus_balances;
  v_parts bigint[] := array_fill(0::bigint, array[coalesce(cardinality(kinds), 0)]);
  v_part bigint;
begin
  if not 0 < any (v_bonus) and not 'bonus' = any (kinds) then
    return v_parts;
  end if;
  for i in 1 .. cardinality(v_parts) loop
    v_part := ledger_private.bonus_part(kinds[i], amounts[i], v_bonus[from_numbers[i]]);
    if v_part > 0 then
      v_parts[i] := v_part;
      v_bonus[from_numbers[i]] := v_bonus[from_numbers[i]]
        + case when ledger_private.leaves(kinds[i]) then -v_part else v_part end;
      if to_numbers[i] is not null then
        v_bonus[to_numbers[i]] := v_bonus[to_numbers[i]] + v_part;
      end if;
    end if;
  end loop;
  return v_parts;
end
$$;

comment on function ledger_private.bonus_parts is
$$How much of each of many requests is bonus credits, where they are booked in their order. The wallets that they leave
and reach are numbers, by which bonus_balances says what bonus credits each has before.$$;
--! EndIncluded functions/ledger_private/batch/bonus_parts.sql
--! Included functions/ledger_private/batch/usual_head.sql
create or replace function ledger_private.usual_head(wallet_id uuid)
returns table (
  id uuid,
  asset_code text,
  seq bigint,
  balance bigint,
  bonus_balance bigint,
  bought bigint,
  granted bigint,
  spent bigint,
  sent bigint,
  created_at timestamptz,
  hash bytea
)
language sql
stable
as $$
  select w.id, w.asset_code, coalesce(e.seq, 0), coalesce(e.balance, 0), coalesce(e.bonus_balance, 0),
    coalesce(e.topped_up_total, 0), coalesce(e.granted_total, 0), coalesce(e.spent_total, 0), coalesce(e.sent_total, 0),
    e.created_at, e.hash
  from ledger.wallets w
  left join lateral (
    select h.* from ledger.entries h where h.wallet_id = w.id order by h.seq desc limit 1
  ) e on true
  where w.id = usual_head.wallet_id and w.status = 'open' and coalesce(e.held_balance, 0) = 0
    and w.asset_code <> all (array(select l.asset_code from ledger.asset_limits l where l.seq = 1))
    -- So far below the end that no list of requests reaches it.
    and coalesce(greatest(e.balance, e.topped_up_total, e.granted_total, e.spent_total, e.sent_total), 0)
      <= 8000000000000000000
    and (coalesce(e.bonus_balance, 0) = 0 or (
      select o.lot_seq from ledger_private.open_lots o where o.wallet_id = w.id order by o.expires_at, o.lot_seq limit 1
    ) is null)
$$;

comment on function ledger_private.usual_head is
$$What stands in a locked wallet of which nothing but its balance can refuse a usual call: it is open, nothing is
reserved, none of its credits expires, and its asset has no limits. No row for any other.$$;
--! EndIncluded functions/ledger_private/batch/usual_head.sql
--! Included functions/ledger_private/batch/usual_moves.sql
create or replace function ledger_private.usual_moves(requests ledger.wallet_request[], absent uuid[], ids uuid[])
returns table (
  place bigint,
  acting boolean,
  transfer_id uuid,
  kind ledger.transfer_kind,
  amount bigint,
  part bigint,
  idem_key text,
  metadata jsonb,
  to_wallet uuid,
  to_seq bigint,
  wallet_id uuid,
  rank bigint,
  head_seq bigint,
  balance bigint,
  bonus_balance bigint,
  bought bigint,
  granted bigint,
  spent bigint,
  sent bigint,
  created_at timestamptz,
  hash bytea
)
language sql
stable
as $$
  with items as materialized (
    select r.place, r.id as transfer_id, r.kind, r.wallet_id, r.counterparty_id, r.amount, r.idem_key,
        coalesce(r.metadata, '{}') as metadata,
        -- As in post_own and post_between.
        (r.amount between 1 and 1000000000000000 and num_nonnulls(r.expires_at, r.hold_id, r.transfer_id) = 0
          and (r.kind in ('top_up', 'bonus', 'spend') and r.counterparty_id is null
            or r.kind = 'transfer' and r.counterparty_id <> r.wallet_id)
          and octet_length(r.idem_key) <= 200 and r.idem_key ~ '^[!-~]+$'
          and (r.metadata is null or r.metadata = '{}' or ledger_private.is_metadata(r.metadata))) is true as plain
      from rows from (unnest(requests), unnest(ids)) with ordinality r (
        kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata, hold_id, transfer_id, id, place)
  ), heads as materialized (
    select row_number() over () as number, h.*
      from (select i.wallet_id from items i union select i.counterparty_id from items i where i.kind = 'transfer') n
      cross join lateral ledger_private.usual_head(n.wallet_id) h
      where n.wallet_id <> all (absent)
  ), lines as materialized (
    select i.place, a.acting, i.transfer_id, i.kind, i.amount, i.plain,
        case when a.acting then i.idem_key end as idem_key, case when a.acting then i.metadata end as metadata, h.*,
        row_number() over (partition by h.id order by i.place) as rank
      from items i
      join (values (true), (false)) a (acting) on a.acting or i.kind = 'transfer'
      left join heads h on h.id = case when a.acting then i.wallet_id else i.counterparty_id end
  ), moves as materialized (
    select l.*, o.id as to_wallet, o.seq + o.rank as to_seq, o.number as to_number,
        l.plain and l.id is not null and (l.kind <> 'transfer' or not l.acting or o.asset_code = l.asset_code) as usual
      from lines l
      left join lines o on o.place = l.place and l.acting and not o.acting
  ), bonus (parts) as materialized (
    select ledger_private.bonus_parts(
        kinds => array_agg(m.kind order by m.place), amounts => array_agg(m.amount order by m.place),
        from_numbers => array_agg(m.number order by m.place), to_numbers => array_agg(m.to_number order by m.place),
        bonus_balances => (select array_agg(h.bonus_balance order by h.number) from heads h))
      from moves m
      where m.acting
        and m.place < (select coalesce(min(u.place), 9223372036854775807) from moves u where u.usual is not true)
  )
  select m.place, m.acting, m.transfer_id, m.kind, m.amount, (select b.parts from bonus b)[m.place], m.idem_key,
    m.metadata, m.to_wallet, m.to_seq, m.id, m.rank, m.seq, m.balance, m.bonus_balance, m.bought, m.granted, m.spent,
    m.sent, m.created_at, m.hash
  from moves m
  where m.place <= (select cardinality(b.parts) from bonus b)
$$;

comment on function ledger_private.usual_moves is
$$What the first of many requests, whose wallets are locked, do to their wallets, up to the one that something but the
balance could refuse: for what it asks, or for what stands in a wallet. Keys are not looked up. A row for each wallet of
each request, with its number among the rows of that wallet (rank), and what stands in the wallet before all of them;
ids are those of the transfers.$$;
--! EndIncluded functions/ledger_private/batch/usual_moves.sql
--! Included functions/ledger_private/batch/usual_entries.sql
create or replace function ledger_private.usual_entries(
  requests ledger.wallet_request[],
  absent uuid[],
  ids uuid[],
  actor text,
  at_time timestamptz
)
returns setof ledger.entries
language sql
stable
as $$
  with recursive moves as materialized (
    select m.*, m.head_seq + m.rank as seq, case when s.leaves then -1 else 1 end as sign,
        case when s.leaves then 'player' else ledger_private.house_account(m.kind) end as debit,
        case when s.leaves then ledger_private.house_account(m.kind) else 'player' end as credit,
        case when m.acting then usual_entries.actor end as actor,
        case when m.acting then m.amount end as requested_amount
      from ledger_private.usual_moves(requests => requests, absent => absent, ids => ids) m
      cross join lateral (select m.acting and ledger_private.leaves(m.kind)) s (leaves)
  ), lines as (
    -- Begins with what stands in each wallet, and goes on wallet by wallet.
    select 0::bigint as place, false as acting, m.wallet_id, 0::bigint as rank, m.balance, m.bonus_balance, m.bought,
        m.granted, m.spent, m.sent, m.created_at, m.hash
      from moves m
      where m.rank = 1
    union all
    select n.place, n.acting, n.wallet_id, n.rank, n.balance_after, n.bonus_after, n.bought_after, n.granted_after,
        n.spent_after, n.sent_after, n.at_time, ledger_private.entry_digest(
          previous_hash => n.hash_before, wallet_id => n.wallet_id, transfer_id => n.transfer_id, seq => n.seq,
          amount => n.amount, bonus_amount => n.part, held_amount => 0, balance => n.balance_after,
          bonus_balance => n.bonus_after, held_balance => 0, paid_balance => n.balance_after - n.bonus_after,
          free_balance => n.balance_after, topped_up_total => n.bought_after, granted_total => n.granted_after,
          spent_total => n.spent_after, sent_total => n.sent_after, created_at => n.at_time, kind => n.kind,
          debit => n.debit, credit => n.credit, actor => n.actor, idem_key => n.idem_key,
          metadata_hash => ledger_private.metadata_hash(n.metadata), to_wallet => n.to_wallet, to_seq => n.to_seq,
          requested_amount => n.requested_amount)
      from (
        select m.*, l.hash as hash_before, greatest(usual_entries.at_time, l.created_at) as at_time,
            l.balance + m.sign * m.amount as balance_after, l.bonus_balance + m.sign * m.part as bonus_after,
            l.bought + case m.kind when 'top_up' then m.amount else 0 end as bought_after,
            l.granted + case m.kind when 'bonus' then m.amount else 0 end as granted_after,
            l.spent + case m.kind when 'spend' then m.amount else 0 end as spent_after,
            l.sent + case when m.kind = 'transfer' and m.acting then m.amount else 0 end as sent_after
          from lines l
          join moves m on m.wallet_id = l.wallet_id and m.rank = l.rank + 1
          offset 0
      ) n
  )
  select m.wallet_id, m.transfer_id, m.seq, m.amount, m.part, 0, l.balance, l.bonus_balance, 0,
    l.balance - l.bonus_balance, l.balance, l.bought, l.granted, l.spent, l.sent, l.created_at, pg_current_xact_id(),
    m.kind, m.debit, m.credit, m.actor, m.idem_key, m.to_wallet, m.to_seq, m.requested_amount, null::bigint, null::uuid,
    null::uuid, null::timestamptz, m.metadata, l.hash
  from moves m
  join lines l on l.place = m.place and l.acting = m.acting
  where m.place < (select coalesce(min(b.place), 9223372036854775807) from lines b where b.balance < 0)
$$;

comment on function ledger_private.usual_entries is
$$The entries of the first of many requests, whose wallets are locked, up to the one that something can refuse. Each
follows what stands in its wallet and the requests before it; ids are those of the transfers. It is one walk: the
first entries of all wallets, then the second ones, and so on.$$;
--! EndIncluded functions/ledger_private/batch/usual_entries.sql
--! Included functions/ledger_private/batch/post_usual.sql
create or replace function ledger_private.post_usual(requests ledger.wallet_request[], absent uuid[])
returns setof ledger.receipt
language plpgsql
volatile
as $$
declare
  v_ids uuid[] := array(select uuidv7() from generate_series(1, cardinality(requests)));
  v_actor text := ledger_private.actor();
  v_now timestamptz := clock_timestamp();
  v_constraint text;
begin
  -- Above READ COMMITTED what stands in a wallet may be old.
  if current_setting('transaction_isolation') <> 'read committed' then
    return;
  end if;
  perform set_config('ledger.posting', 'on', true);
  return query
  with written as (
    insert into ledger.entries
      select * from ledger_private.usual_entries(
        requests => requests, absent => absent, ids => v_ids, actor => v_actor, at_time => v_now)
      returning transfer_id, wallet_id, seq, kind, amount, bonus_amount, balance, bonus_balance, created_at, actor
  )
  select w.transfer_id, w.wallet_id, w.seq, w.kind, w.amount, w.bonus_amount, w.balance::bigint,
      w.bonus_balance::bigint, 0::bigint, w.balance::bigint, null::uuid, false, w.created_at
    from written w
    where w.actor is not null
    -- The ids were given in the order of the requests.
    order by w.transfer_id;
  perform set_config('ledger.posting', '', true);
exception when unique_violation then
  get stacked diagnostics v_constraint = constraint_name;
  if v_constraint <> 'entries_wallet_id_idem_key_key' then
    raise;
  end if;
  -- Keys that have been used are answered one by one.
end
$$;

comment on function ledger_private.post_usual is
$$Books the first of many requests, whose wallets are locked, by few statements: up to the one of which something could
be refused, or which is no usual call. Returns their receipts, in order; none where one of their keys has been used.$$;
--! EndIncluded functions/ledger_private/batch/post_usual.sql
--! Included functions/ledger_private/batch/post_group.sql
create or replace function ledger_private.post_group(
  requests ledger.wallet_request[],
  all_or_nothing boolean,
  absent uuid[]
)
returns setof ledger.outcome
language plpgsql
volatile
as $$
declare
  c_most constant int := 256;
  -- How many are tried together; how many are booked alone before that, and before the try after it.
  v_size int := c_most;
  v_alone int := 0;
  v_next int := 1;
  v_window ledger.wallet_request[];
  v_booked int;
  v_done int := 0;
  v_outcome ledger.outcome;
  v_detail text;
  v_hint text;
begin
  while v_done < cardinality(requests) loop
    if v_alone = 0 then
      -- Not a slice, for which the whole list would be copied each time.
      v_window := case when v_done = 0 and cardinality(requests) <= v_size then requests else array(
        select requests[i] from generate_series(v_done + 1, least(v_done + v_size, cardinality(requests))) i order by i)
      end;
      return query select r, null::ledger.refusal from ledger_private.post_usual(v_window, absent) r;
      get diagnostics v_booked = row_count;
      v_done := v_done + v_booked;
      if v_booked = cardinality(v_window) then
        v_size := least(2 * v_size, c_most);
      else
        -- The next one is not usual, and what was found out of those behind it is lost: fewer are tried then. Where
        -- none was booked, more are alone each time: a list that is sent again costs few tries.
        v_size := greatest(v_booked, 2);
        v_next := case v_booked when 0 then least(2 * v_next, c_most) else 1 end;
        v_alone := v_next;
      end if;
    else
      if all_or_nothing then
        v_outcome := row(ledger_private.post_item(requests[v_done + 1], absent), null)::ledger.outcome;
      else
        v_outcome := ledger_private.outcome_of(requests[v_done + 1], absent);
      end if;
      return next v_outcome;
      v_done := v_done + 1;
      v_alone := v_alone - 1;
    end if;
  end loop;
exception when others then
  if sqlstate not like 'WL%' then
    raise;
  end if;
  get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
  perform ledger_private.refuse(ledger_private.refusal(
    sqlstate, sqlerrm, v_detail::jsonb || jsonb_build_object('index', v_done), v_hint));
end
$$;

comment on function ledger_private.post_group is
$$Books many requests, whose wallets are locked, in their order, and returns what came of each. All or nothing: the
first that is refused ends the call, with its index, counted from 0, in the detail.$$;
--! EndIncluded functions/ledger_private/batch/post_group.sql
--! Included functions/ledger_private/batch/post_others.sql
create or replace function ledger_private.post_others(
  requests ledger.wallet_request[],
  skipped boolean[],
  absent uuid[]
)
returns setof ledger.outcome
language plpgsql
volatile
as $$
declare
  v_tried ledger.wallet_request[] := array(
    select requests[i] from generate_series(1, cardinality(requests)) i where not skipped[i] order by i);
  v_outcomes ledger.outcome[] := array(select o from ledger_private.post_group(v_tried, false, absent) o);
  v_next int := 0;
begin
  for i in 1 .. cardinality(requests) loop
    if skipped[i] then
      return next row(null, ledger_private.refusal('55P03', 'retry: the wallet is busy',
        jsonb_build_object('wallet_id', requests[i].wallet_id),
        'Another call has locked a wallet of this request or of one before it: send it again as it is.'
      ))::ledger.outcome;
    else
      v_next := v_next + 1;
      return next v_outcomes[v_next];
    end if;
  end loop;
end
$$;

comment on function ledger_private.post_others is
$$Books those of many requests that are not skipped, each for itself; the outcome of the others is that they are to be
sent again. In the order of the requests.$$;
--! EndIncluded functions/ledger_private/batch/post_others.sql

-- Reversals and statuses
--! Included functions/ledger_private/reversal/reversible_parts.sql
create or replace function ledger_private.reversible_parts(original ledger.entries)
returns setof ledger_private.reversible_part
language sql
stable
as $$
  with given as (
    -- The lots that credits were drawn from; of a bonus, the lot that it made.
    select d.lot_seq, d.expires_at, d.amount
    from ledger.bonus_lot_draws d
    where d.wallet_id = original.wallet_id and d.seq = original.seq and d.amount > 0
    union all
    select l.seq, l.expires_at, l.amount
    from ledger.bonus_lots l
    where original.kind = 'bonus' and l.wallet_id = original.wallet_id and l.seq = original.seq
  ), reversals as (
    select r.amount, r.bonus_amount, r.seq
    from ledger.entries r
    where r.wallet_id = original.wallet_id and r.reverses = original.transfer_id
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

comment on function ledger_private.reversible_parts is
$$What is left to reverse of a movement: paid credits, bonus credits that do not expire, and those of each lot that it
drew from (of a bonus: that it made).$$;

grant execute on function ledger_private.reversible_parts to wallet_auditor;
--! EndIncluded functions/ledger_private/reversal/reversible_parts.sql
--! Included functions/ledger_private/reversal/reversal_plan.sql
create or replace function ledger_private.reversal_plan(
  original ledger.entries,
  amount bigint,
  given_to ledger.entries,
  taken_from ledger.entries
)
returns ledger_private.reversal_plan
language plpgsql
stable
as $$
declare
  v_reserved_bonus bigint := ledger_private.reserved_bonus(taken_from);
  -- The lots in the wallet that gives back: those that the original made there.
  v_lot_seq bigint := coalesce(original.to_seq, original.seq);
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
      -- What that wallet has of it and is not reserved. The original's lot there may be spent, reserved or expired by
      -- now; it may be for several lots of the giver.
      if v_part.expires_at is distinct from v_expires_at then
        v_expires_at := v_part.expires_at;
        v_taken := 0;
      end if;
      v_take := least(v_take, case v_part.source
        when 'paid' then taken_from.balance - taken_from.bonus_balance - (taken_from.held_balance - v_reserved_bonus)
        when 'bonus' then taken_from.bonus_balance - v_reserved_bonus - (
          select coalesce(sum(s.balance - s.held_balance), 0)::bigint
          from ledger_private.open_lots o
          join ledger.bonus_lots l on l.wallet_id = o.wallet_id and l.seq = o.lot_seq and l.expires_at = o.expires_at
          cross join lateral ledger_private.lot_at(l, taken_from.seq) s
          where o.wallet_id = taken_from.wallet_id)
        else (
          select s.balance - s.held_balance - v_taken
          from ledger.bonus_lots l
          cross join lateral ledger_private.lot_at(l, taken_from.seq) s
          where l.wallet_id = taken_from.wallet_id and l.seq = v_lot_seq and l.expires_at = v_part.expires_at)
      end);
    end if;
    continue when v_take <= 0;
    v_plan.missing := v_plan.missing - v_take;
    continue when v_part.source = 'paid';
    v_plan.bonus_amount := v_plan.bonus_amount + v_take;
    continue when v_part.source = 'bonus';
    if given_to.wallet_id is not null then
      v_draws[cardinality(v_draws) + 1] := row(
        given_to.wallet_id, v_part.lot_seq, v_part.expires_at, given_to.seq + 1, null, -v_take, 0,
        null, null)::ledger.bonus_lot_draws;
    end if;
    if taken_from.wallet_id is not null then
      v_taken := v_taken + v_take;
      v_draws[cardinality(v_draws) + 1] := row(
        taken_from.wallet_id, v_lot_seq, v_part.expires_at, taken_from.seq + 1, null, v_take, 0,
        null, null)::ledger.bonus_lot_draws;
    end if;
  end loop;
  v_plan.draws := v_draws;
  return v_plan;
end
$$;

comment on function ledger_private.reversal_plan is
$$How an amount of a movement is reversed: paid credits before bonus ones, these by lot, no more of each than is left of
it and, where a player gives back, than that wallet has free of it. given_to and taken_from are the players' heads.$$;
--! EndIncluded functions/ledger_private/reversal/reversal_plan.sql
--! Included functions/ledger_private/reversal/reversal_draws.sql
create or replace function ledger_private.reversal_draws(
  reversal ledger.entries, original ledger.entries, bonus_before bigint
)
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
      where d.wallet_id = original.wallet_id and d.seq = original.seq and d.amount > 0
      union all
      select l.seq, l.expires_at, l.amount
      from ledger.bonus_lots l
      where original.kind = 'bonus' and l.wallet_id = original.wallet_id and l.seq = original.seq
    ) g
  ), drawn as (
    select d.* from ledger.bonus_lot_draws d where d.wallet_id = reversal.wallet_id and d.seq = reversal.seq
    union all
    select d.* from ledger.bonus_lot_draws d where d.wallet_id = reversal.to_wallet and d.seq = reversal.to_seq
  ), expected as (
    select reversal.wallet_id, reversal.seq, g.lot_seq, g.expires_at, least(
        bonus_before + reversal.bonus_amount, g.before + g.amount) - greatest(bonus_before, g.before) as amount
    from given g
    where original.kind = 'bonus'
    union all
    select reversal.wallet_id, reversal.seq, g.lot_seq, g.expires_at, greatest(bonus_before, g.before) - least(
        bonus_before + reversal.bonus_amount, g.before + g.amount)
    from given g
    where original.kind in ('spend', 'capture')
      and greatest(bonus_before, g.before) < least(bonus_before + reversal.bonus_amount, g.before + g.amount)
    union all
    -- Between players, what goes back to lots of the sender leaves the lots that the original made, with the same
    -- expiry.
    select d.wallet_id, d.seq, d.lot_seq, d.expires_at, least(d.amount, 0)
    from drawn d
    join given g on g.lot_seq = d.lot_seq and g.expires_at = d.expires_at
    where original.kind = 'transfer' and d.wallet_id = reversal.wallet_id
    union all
    select reversal.to_wallet, reversal.to_seq, original.to_seq, d.expires_at, -sum(d.amount)
    from drawn d
    where original.kind = 'transfer' and d.wallet_id = reversal.wallet_id and ledger_private.is_here(reversal.to_wallet)
    group by d.expires_at
  )
  select coalesce(d.wallet_id, x.wallet_id), coalesce(d.seq, x.seq), coalesce(d.lot_seq, x.lot_seq),
    coalesce(d.expires_at, x.expires_at), d.amount, x.amount::bigint
  from drawn d
  full join expected x on x.wallet_id = d.wallet_id and x.seq = d.seq and x.lot_seq = d.lot_seq
    and x.expires_at = d.expires_at
$$;

comment on function ledger_private.reversal_draws is
$$What a reversal drew from lots and gave back to them, and what it should have. Both are acting entries; bonus_before
is how many of the original's bonus credits had been reversed before.$$;

grant execute on function ledger_private.reversal_draws to wallet_auditor;
--! EndIncluded functions/ledger_private/reversal/reversal_draws.sql
--! Included functions/ledger_private/reversal/reverse.sql
create or replace function ledger_private.reverse(request ledger.wallet_request)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_original ledger.entries;
  v_prepared ledger_private.prepared;
  v_ids uuid[];
  v_amount bigint;
  v_giving boolean; -- The acting wallet gives credits back; otherwise it gets them back.
  v_side ledger.entry_side;
  v_plan ledger_private.reversal_plan;
  v_entry ledger.entries;
  v_other_entry ledger.entries;
begin
  select e.* into v_original from ledger.entries e
    where e.transfer_id = request.transfer_id and e.actor is not null and e.wallet_id = request.wallet_id;
  v_prepared := ledger_private.prepare(request, v_original.to_wallet);
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  -- It was committed while this call waited for the wallet: its other wallet was not locked.
  if v_original.wallet_id is null then
    perform ledger_private.refuse_stale();
  end if;
  select v_original.amount - coalesce(sum(r.amount), 0) into v_amount
    from ledger.entries r where r.wallet_id = request.wallet_id and r.reverses = request.transfer_id;
  perform ledger_private.refuse(ledger_private.not_reversible(v_original, request.amount, v_amount),
    array[request.wallet_id]);
  v_amount := coalesce(request.amount, v_amount);
  v_ids := array[request.wallet_id, v_original.to_wallet];
  v_giving := ledger.entries_side(v_original) = 'credit';
  v_side := case when v_giving then 'debit' else 'credit' end;
  v_plan := ledger_private.reversal_plan(original => v_original, amount => v_amount,
    given_to => case when not v_giving then v_prepared.head end,
    taken_from => case when v_giving then v_prepared.head else v_prepared.other_head end);
  perform ledger_private.refuse(ledger_private.above_limit(wallet => v_prepared.wallet, head => v_prepared.head,
    kind => 'reversal', change => case when v_giving then -v_amount else v_amount end, amount => v_amount,
    at_time => v_prepared.at_time), v_ids);
  if v_plan.missing > 0 then
    perform ledger_private.refuse(ledger_private.insufficient_funds(
      wallet_id => coalesce(v_original.to_wallet, request.wallet_id), available => v_amount - v_plan.missing,
      requested => v_amount, facts => jsonb_build_object('missing', v_plan.missing::text)), v_ids);
  end if;

  v_entry := ledger_private.acting(ledger_private.next_entry(head => v_prepared.head, wallet_id => request.wallet_id,
    transfer_id => uuidv7(), kind => 'reversal', side => v_side,
    account => case when v_giving then v_original.debit else v_original.credit end, amount => v_amount,
    bonus_amount => v_plan.bonus_amount, held_amount => 0, at_time => v_prepared.at_time), request);
  if v_original.to_wallet is not null then
    v_other_entry := ledger_private.chained(ledger_private.next_entry(head => v_prepared.other_head,
      wallet_id => v_original.to_wallet, transfer_id => v_entry.transfer_id, kind => 'reversal', side => 'debit',
      account => 'player', amount => v_amount, bonus_amount => v_plan.bonus_amount, held_amount => 0,
      at_time => v_prepared.at_time));
    v_entry.to_wallet := v_other_entry.wallet_id;
    v_entry.to_seq := v_other_entry.seq;
  end if;
  v_entry := ledger_private.chained(v_entry);
  perform ledger_private.write(case when v_other_entry.wallet_id is null then array[v_entry]
    else array[v_entry, v_other_entry] end);
  if cardinality(v_plan.draws) > 0 then
    perform ledger_private.write_lots('{}', v_plan.draws);
    -- What is given back to lots that have expired goes to breakage.
    perform ledger_private.settle(array[request.wallet_id], v_entry.created_at);
  end if;
  return ledger_private.receipt(v_entry, false);
end
$$;

comment on function ledger_private.reverse is
  'Books a reversal: takes a movement back, whole or in part, between the very accounts of the original.';
--! EndIncluded functions/ledger_private/reversal/reverse.sql
--! Included functions/ledger_private/wallets/record_events.sql
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
    select w, row(w.id, coalesce(l.seq, 0) + 1, record_events.kind, record_events.reason, v_actor, v_now,
      l.hash)::ledger.wallet_events as e
    from unnest(wallet_ids) u (wallet_id)
    join ledger.wallets w on w.id = u.wallet_id
    left join lateral (
      select v.seq, v.hash from ledger.wallet_events v where v.wallet_id = w.id order by v.seq desc limit 1
    ) l on true
  ), written as (
    insert into ledger.wallet_events (wallet_id, seq, kind, reason, actor, created_at, hash)
      select (n.e).wallet_id, (n.e).seq, (n.e).kind, (n.e).reason, (n.e).actor, (n.e).created_at,
          ledger_private.record_hash(
            coalesce((n.e).hash, ledger_private.record_hash(null, ledger_private.wallet_bytes(n.w))),
              ledger_private.wallet_event_bytes(n.e))
        from events n
      returning wallet_events.wallet_id, wallet_events.seq
  )
  insert into ledger_private.unsealed_events (wallet_id, seq) select n.wallet_id, n.seq from written n;
end
$$;

comment on function ledger_private.record_events is
$$Leaves an event in each of these locked or new wallets, chained to the one before (the first: to the facts of the
wallet), and to be sealed. For callers that have opened the guards.$$;
--! EndIncluded functions/ledger_private/wallets/record_events.sql
--! Included functions/ledger_private/wallets/open_wallets.sql
create or replace function ledger_private.open_wallets(owner_ids text[], asset_code text, numbered boolean)
returns setof ledger.wallets
language plpgsql
volatile
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_owner record;
  v_new uuid[];
begin
  for v_owner in
    select o.id, case when numbered then jsonb_build_object('index', o.place - 1) else '{}' end as facts
      from unnest(owner_ids) with ordinality o (id, place)
  loop
    if ledger_private.is_key(v_owner.id) is not true then
      perform ledger_private.refuse(ledger_private.invalid_argument('owner_id',
        'Send the account number of the player: 1 to 200 characters, no white space at either end.',
        jsonb_build_object('min_length', 1, 'max_length', 200) || v_owner.facts));
    end if;
  end loop;
  if open_wallets.asset_code is null then
    perform ledger_private.refuse(ledger_private.invalid_argument('asset_code', 'Name the asset, such as GOLD.'));
  elsif not exists (select from ledger.assets a where a.code = open_wallets.asset_code) then
    perform ledger_private.refuse(ledger_private.asset_not_found(asset_code));
  end if;

  perform set_config('ledger.posting', 'on', true);
  -- By ascending id, so that two calls that open the same wallets never wait for each other both.
  with opened as (
    insert into ledger.wallets (id, owner_id, asset_code)
      select distinct ledger.wallet_id(o.owner_id, open_wallets.asset_code) as id, o.owner_id, open_wallets.asset_code
        from unnest(owner_ids) o (owner_id)
        order by id
      on conflict on constraint wallets_pkey do nothing
      returning id
  )
  select array_agg(o.id order by o.id) into v_new from opened o;
  perform ledger_private.record_events(v_new, 'opened', null);
  perform set_config('ledger.posting', '', true);

  for v_owner in
    select w as wallet, case when numbered then jsonb_build_object('index', o.place - 1) else '{}' end as facts
      from unnest(owner_ids) with ordinality o (id, place)
      join ledger.wallets w on w.id = ledger.wallet_id(o.id, open_wallets.asset_code)
      order by o.place
  loop
    perform ledger_private.refuse(ledger_private.not_allowed(v_owner.wallet, false, v_owner.facts));
    return next v_owner.wallet;
  end loop;
end
$$;

comment on function ledger_private.open_wallets is
$$Opens wallets, or finds those opened before, in the order of the owners. Refuses with WLARG, WLNOA, WLCLS; numbered:
with the index of the owner in the detail.$$;
--! EndIncluded functions/ledger_private/wallets/open_wallets.sql
--! Included functions/ledger_private/wallets/change_status.sql
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
    perform ledger_private.refuse(ledger_private.invalid_argument('wallet_id', 'Name the wallet by its id.'));
  end if;
  if reason is null or char_length(reason) not between 1 and 1000 then
    perform ledger_private.refuse(ledger_private.invalid_argument('reason', 'Say why, in 1 to 1000 characters.'));
  end if;
  select w.* into v_wallet from ledger.wallets w where w.id = change_status.wallet_id for no key update;
  if not found then
    perform ledger_private.refuse(ledger_private.wallet_not_found(wallet_id));
  end if;
  if v_wallet.status = change_status.status then
    return v_wallet;
  end if;
  if change_status.status = 'frozen' then
    perform ledger_private.refuse(ledger_private.not_allowed(v_wallet, false));
  end if;
  if change_status.status = 'closed' then
    perform ledger_private.settle(array[wallet_id], clock_timestamp());
    select e.* into v_head from ledger.entries e where e.wallet_id = change_status.wallet_id
      order by e.seq desc limit 1;
    -- Nothing is written after the head here, so a stale one would not collide: a wallet that has been filled meanwhile
    -- would be closed.
    perform ledger_private.check_snapshot(array[wallet_id]);
    -- What is reserved is part of the balance.
    if v_head.balance > 0 then
      perform ledger_private.refuse(ledger_private.invalid_argument('wallet_id',
        'Only an empty wallet is closed: spend, transfer or reverse what is left.',
        jsonb_build_object('wallet_id', wallet_id, 'balance', v_head.balance::text,
          'held_balance', v_head.held_balance::text)));
    end if;
  end if;

  perform set_config('ledger.posting', 'on', true);
  update ledger.wallets w set status = change_status.status where w.id = change_status.wallet_id
    returning w.* into v_wallet;
  perform ledger_private.record_events(array[wallet_id],
    (case change_status.status when 'open' then 'reopened'
      else change_status.status::text end)::ledger.wallet_event_kind, reason);
  perform set_config('ledger.posting', '', true);
  return v_wallet;
end
$$;

comment on function ledger_private.change_status is
$$Changes a wallet's status and leaves an event; where it has that status, returns it as it is. Refuses with WLARG,
WLNOW, WLCLS to freeze a closed wallet, WLARG to close one that is not empty.$$;
--! EndIncluded functions/ledger_private/wallets/change_status.sql

-- The feed and blocks
--! Included functions/ledger_private/feed_and_blocks/is_moved.sql
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
    select l.xid from ledger.entries l where l.actor is not null and l.xid is distinct from h.own
    order by l.xid desc, l.transfer_id desc limit 1
  ) t on true
$$;

comment on function ledger_private.is_moved is
$$Whether rows have come from elsewhere since the newest epoch began: it is of another cluster, or an entry is marked as
arrived (tg_entries__arrived) or names a transaction that has not begun.$$;

grant execute on function ledger_private.is_moved to wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/feed_and_blocks/is_moved.sql
--! Included functions/ledger_private/feed_and_blocks/feed_epoch.sql
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

comment on function ledger_private.feed_epoch is
  'The epoch in which the feed is to be read. Refuses (55000) where the ledger was moved here and has none yet.';

grant execute on function ledger_private.feed_epoch to wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/feed_and_blocks/feed_epoch.sql
--! Included functions/ledger_private/feed_and_blocks/place_of_old.sql
create or replace function ledger_private.place_of_old(wallet_id uuid, seq bigint)
returns xid8
language plpgsql
stable
as $$
begin
  return case when seq > coalesce(
      (select h.seq from ledger.block_heads h where h.wallet_id = place_of_old.wallet_id
        order by h.block_seq desc limit 1), 0)
    then '1' else '0' end;
end
$$;

comment on function ledger_private.place_of_old is
$$Which of two transactions of old an entry is of when a new epoch of the feed begins: 0 where a block closes it, else
1.$$;
--! EndIncluded functions/ledger_private/feed_and_blocks/place_of_old.sql
--! Included functions/ledger_private/feed_and_blocks/begin_epoch.sql
create or replace function ledger_private.begin_epoch()
returns boolean
language plpgsql
volatile
as $$
declare
  v_epoch ledger.feed_epochs;
  -- The last block may name a transaction that has not begun, although no entry does.
  v_sealed_elsewhere boolean := coalesce((
    select pg_snapshot_xmax(s.snapshot::pg_snapshot) > pg_snapshot_xmax(pg_current_snapshot()) from ledger.blocks s
    where s.epoch = (select max(e.epoch) from ledger.feed_epochs e)
    order by s.seq desc limit 1), false);
begin
  if not ledger_private.is_moved() and not v_sealed_elsewhere then
    return false;
  end if;
  -- Nobody posts or reads meanwhile; of two callers the second finds it done.
  lock table ledger.entries in access exclusive mode;
  if not ledger_private.is_moved() and not v_sealed_elsewhere then
    return false;
  end if;
  if exists (select from ledger.entries e where e.xid > '0') then
    -- A rewrite, no update: the entries stay what they are.
    execute 'alter table ledger.entries alter column xid type xid8
      using ledger_private.place_of_old(wallet_id, seq)';
  end if;
  -- Also where the epochs were left behind, no number comes again that a block names.
  v_epoch.epoch := 1 + greatest(
    (select max(e.epoch) from ledger.feed_epochs e), (select max(s.epoch) from ledger.blocks s), 0);
  v_epoch.system_identifier := (select c.system_identifier from pg_control_system() c);
  v_epoch.started_at := clock_timestamp();
  v_epoch.hash := ledger_private.record_hash(
    (select e.hash from ledger.feed_epochs e order by e.epoch desc limit 1), ledger_private.feed_epoch_bytes(v_epoch));
  perform set_config('ledger.posting', 'on', true);
  insert into ledger.feed_epochs select v_epoch.*;
  -- Where the blocks were left behind, all events of wallets are to be sealed anew.
  insert into ledger_private.unsealed_events (wallet_id, seq)
    select v.wallet_id, v.seq from ledger.wallet_events v
    where v.seq > coalesce((
      select max(n.seq) from ledger.block_records n where n.chain = 'wallet' and n.id = v.wallet_id), 0)
    on conflict do nothing;
  perform set_config('ledger.posting', '', true);
  return true;
end
$$;

comment on function ledger_private.begin_epoch is
$$Begins a new epoch of the feed where the ledger was moved here (see is_moved): the ids of transactions stored with
entries mean nothing here. All entries until now become of two transactions of old, what blocks close and what not, each
in the order of ids; events of wallets that no block closes are listed. Returns whether there was need to. For the
owner.$$;
--! EndIncluded functions/ledger_private/feed_and_blocks/begin_epoch.sql
--! Included functions/ledger_private/feed_and_blocks/rows_since.sql
create or replace function ledger_private.rows_since(snapshot pg_snapshot)
returns setof ledger.entries
language sql
stable
as $$
  select e.* from ledger.entries e where e.actor is not null and e.xid >= coalesce(pg_snapshot_xmax(snapshot), '0')
  union all
  select e.* from ledger.entries e where e.actor is not null and e.xid = any (array(select pg_snapshot_xip(snapshot)))
  union all
  -- What was received from wallets of other databases came with them: it is of old, and the first block of an epoch
  -- closes it.
  select r.* from ledger_private.received_from_elsewhere() r
  where coalesce(pg_snapshot_xmax(snapshot), '0') <= '1' and r.xid >= coalesce(pg_snapshot_xmax(snapshot), '0')
$$;

comment on function ledger_private.rows_since is
$$The movements of transactions that had not ended by a snapshot, those that were under way then and those that began
later, by the entries that count: acting ones, and what was received from elsewhere. All of them without a snapshot.$$;

grant execute on function ledger_private.rows_since to wallet_auditor;
--! EndIncluded functions/ledger_private/feed_and_blocks/rows_since.sql
--! Included functions/ledger_private/feed_and_blocks/closed_snapshot.sql
create or replace function ledger_private.closed_snapshot()
returns pg_snapshot
language sql
stable
as $$
  -- Of the entries that a new epoch began with, those that blocks close have the transaction 0, the others 1.
  select case when b.epoch = (select max(e.epoch) from ledger.feed_epochs e) then b.snapshot::pg_snapshot
    else '1:1:' end
  from (select) always
  left join lateral (select n.epoch, n.snapshot from ledger.blocks n order by n.seq desc limit 1) b on true
$$;

comment on function ledger_private.closed_snapshot is
  'What the blocks have closed: what transactions wrote that had ended by this snapshot of this epoch, nothing else.';

grant execute on function ledger_private.closed_snapshot to wallet_auditor;
--! EndIncluded functions/ledger_private/feed_and_blocks/closed_snapshot.sql
--! Included functions/ledger_private/feed_and_blocks/quarter.sql
create or replace function ledger_private.quarter(at_time timestamptz, final_until timestamptz)
returns timestamptz
language sql
immutable
return date_bin('15 minutes', greatest(at_time, final_until), '2000-01-01 00:00:00+00');

comment on function ledger_private.quarter is
  'The start of the quarter of an hour where a block counts a movement: its own, or the first after final_until.';

grant execute on function ledger_private.quarter to wallet_auditor;
--! EndIncluded functions/ledger_private/feed_and_blocks/quarter.sql
--! Included functions/ledger_private/feed_and_blocks/merkle_root.sql
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
    select array_agg(case when p.second is null then p.first else sha256(E'\\x01'::bytea || p.first || p.second) end
      order by p.place)
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

comment on function ledger_private.merkle_root is
  'The Merkle tree hash of RFC 6962 over leaves that are hashes: a node is SHA-256 over a byte 1 and its children.';

grant execute on function ledger_private.merkle_root to wallet_auditor;
--! EndIncluded functions/ledger_private/feed_and_blocks/merkle_root.sql
--! Included functions/ledger_private/feed_and_blocks/seal_leaf.sql
create or replace function ledger_private.seal_leaf(wallet_id uuid, seq bigint, hash bytea)
returns bytea
language sql
immutable
as $$
  select sha256(E'\\x00'::bytea || uuid_send(wallet_id) || int8send(seq) || hash)
$$;

comment on function ledger_private.seal_leaf is
$$A leaf of a block: SHA-256 over a byte 0, the id of the wallet, the number of its newest entry (eight bytes,
big-endian) and the hash of that entry, which covers all entries before it. In the same way, of what is chained
beside entries, the newest row: of a wallet its newest event, of an asset (its id: asset_id) its newest limits (0:
the asset itself), and the newest verification (its id: 0).$$;

grant execute on function ledger_private.seal_leaf to wallet_auditor;
--! EndIncluded functions/ledger_private/feed_and_blocks/seal_leaf.sql
--! Included functions/ledger_private/feed_and_blocks/totals_hash.sql
create or replace function ledger_private.totals_hash(totals ledger.house_totals[])
returns bytea
language sql
immutable
as $$
  select sha256(convert_to(coalesce(string_agg(concat_ws(' ', t.asset_code, t.kind, t.debit, t.credit,
      extract(epoch from t.quarter)::bigint, t.movements, t.amount, t.bonus_amount, t.total_amount,
      t.total_bonus_amount), E'\n'
    order by t.asset_code collate "C", t.kind, t.debit, t.credit, t.quarter), ''), 'UTF8'))
  from unnest(totals) t
$$;

comment on function ledger_private.totals_hash is
$$The hash of a block's totals: SHA-256 over a line for each, in order of its key, as text: asset, kind, accounts,
seconds since 1970 of the quarter, and the numbers, with a blank between them.$$;

grant execute on function ledger_private.totals_hash to wallet_auditor;
--! EndIncluded functions/ledger_private/feed_and_blocks/totals_hash.sql
--! Included functions/ledger_private/feed_and_blocks/cut.sql
create or replace function ledger_private.cut(since pg_snapshot, final_until timestamptz, block_seq bigint)
returns ledger_private.cut
language sql
volatile
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
  with place as materialized (
    -- PostgreSQL does not list the own transaction, which sees what it wrote; where later ones have ended, it would
    -- count as ended too. What it writes may still be undone, and more may come.
    select concat_ws(':', pg_snapshot_xmin(s.now), pg_snapshot_xmax(s.now), coalesce((
      select string_agg(o.xid::text, ',' order by o.xid)
      from (
        select pg_snapshot_xip(s.now) as xid
        union
        select s.own where s.own < pg_snapshot_xmax(s.now)
      ) o), ''))::pg_snapshot as snapshot
    from (select pg_current_snapshot() as now, pg_current_xact_id_if_assigned() as own) s
  ), movements as materialized (
    -- Not what this transaction itself has booked: it has not ended.
    select e.wallet_id, e.seq, e.to_wallet, e.to_seq, e.kind, a.debit, a.credit, e.amount, e.bonus_amount, w.asset_code,
      ledger_private.quarter(e.created_at, cut.final_until) as quarter
    from ledger_private.rows_since(cut.since) e
    join ledger.wallets w on w.id = e.wallet_id
    cross join lateral ledger_private.accounts_here(e) a
    where pg_visible_in_snapshot(e.xid, (select p.snapshot from place p))
  ), heads as (
    select x.wallet_id, max(x.seq) as seq, count(*) as entries
    from movements m
    cross join lateral (values (m.wallet_id, m.seq), (m.to_wallet, m.to_seq)) x (wallet_id, seq)
    where x.wallet_id is not null
    group by x.wallet_id
  ), closed as (
    select array_agg(h.wallet_id order by h.wallet_id) as wallet_ids, array_agg(h.seq order by h.wallet_id) as seqs,
      array_agg(ledger_private.seal_leaf(h.wallet_id, h.seq, e.hash) order by h.wallet_id) as leaves,
      sum(h.entries)::bigint as entries
    from heads h
    join ledger.entries e on e.wallet_id = h.wallet_id and e.seq = h.seq
  ), sums as (
    select m.asset_code, m.kind, m.debit, m.credit, m.quarter, count(*) as movements, sum(m.amount) as amount,
      sum(m.bonus_amount) as bonus_amount
    from movements m
    where m.amount > 0
    group by m.asset_code, m.kind, m.debit, m.credit, m.quarter
  ), totals as (
    select row(s.asset_code, s.kind, s.debit, s.credit, cut.block_seq, s.quarter, s.movements, s.amount, s.bonus_amount,
      coalesce(b.total_amount, 0) + sum(s.amount) over earlier,
      coalesce(b.total_bonus_amount, 0) + sum(s.bonus_amount) over earlier)::ledger.house_totals as total
    from sums s
    left join lateral (
      select t.total_amount, t.total_bonus_amount from ledger.house_totals t
      where t.asset_code = s.asset_code and t.kind = s.kind and t.debit = s.debit and t.credit = s.credit
      order by t.block_seq desc, t.quarter desc limit 1
    ) b on true
    window earlier as (partition by s.asset_code, s.kind, s.debit, s.credit order by s.quarter)
  )
  select row(p.snapshot, c.wallet_ids, c.seqs, c.leaves, coalesce(c.entries, 0),
    array(select t.total from totals t))::ledger_private.cut
  from place p cross join closed c
$$;

comment on function ledger_private.cut is
$$What a block closes: all that was committed and that no block before it closed, in one snapshot. No posting waits for
it, and it waits for none: a transaction that is still open is left to a later block, whole. since is closed_snapshot(),
final_until that of the block before, block_seq the number of the block.$$;
--! EndIncluded functions/ledger_private/feed_and_blocks/cut.sql
--! Included functions/ledger_private/feed_and_blocks/seal_hash.sql
create or replace function ledger_private.seal_hash(block ledger.blocks)
returns bytea
language sql
stable
as $$
  select sha256(convert_to('wallet ledger block 2', 'UTF8')
    || array_send(array[block.seq, block.entries, block.wallets, block.epoch])
    || array_send(array[block.root, block.totals_hash, block.previous, convert_to(block.snapshot, 'UTF8'),
      xid8send(block.xid), timestamptz_send(block.sealed_at), timestamptz_send(block.final_until),
      convert_to(block.actor, 'UTF8')]))
$$;

comment on function ledger_private.seal_hash is
$$The hash of a block: SHA-256 over the text "wallet ledger block 2" and every other fact of it, in two arrays (bigint,
bytea) in the binary format of PostgreSQL, which has a length before each element (-1 for null), so that no two
different blocks have the same bytes. Integers are big-endian, times microseconds since 2000-01-01 UTC, texts UTF-8. The
order is for ever.$$;

grant execute on function ledger_private.seal_hash to wallet_auditor;
--! EndIncluded functions/ledger_private/feed_and_blocks/seal_hash.sql
--! Included functions/ledger_private/feed_and_blocks/records.sql
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

comment on function ledger_private.records is
  'Every row beside the entries that is sealed, by its chain and its number there (0: an asset itself).';

grant execute on function ledger_private.records to wallet_auditor;
--! EndIncluded functions/ledger_private/feed_and_blocks/records.sql
--! Included functions/ledger_private/feed_and_blocks/unsealed_records.sql
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
    select 'asset'::ledger_private.record_chain as chain, ledger_private.asset_id(a.code) as id,
      coalesce(l.seq, 0)::bigint as seq, coalesce(l.hash, a.hash) as hash
    from ledger.assets a
    left join lateral (select n.seq, n.hash from ledger.asset_limits n where n.asset_code = a.code
      order by n.seq desc limit 1) l on true
    union all
    (select 'verifications', '00000000-0000-0000-0000-000000000000', v.seq, v.hash from ledger.verifications v
      order by v.seq desc limit 1)
  ) h
  where h.seq > coalesce(
    (select s.seq from ledger.block_records s where s.chain = h.chain and s.id = h.id
      order by s.block_seq desc limit 1), -1)
$$;

comment on function ledger_private.unsealed_records is
  'The newest row of each chain beside the entries that is not sealed yet; of the wallets no more than so many events.';
--! EndIncluded functions/ledger_private/feed_and_blocks/unsealed_records.sql

-- Proofs
--! Included functions/ledger_private/verify/verify_entries.sql
create or replace function ledger_private.verify_entries(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with walked as (
    select e.*, e as entry, lag(e) over wallet as head, h.bonus_amount as hold_bonus, h.expires_at as hold_expiry,
      w.id as owner,
      case ledger.entries_side(e) when 'credit' then 1 else -1 end::numeric as sign, ledger.entries_side(e) as side,
      -- What holds and their ends do to the bonus credits that are reserved.
      coalesce(sum(case when e.kind = 'hold' then e.held_bonus_amount else -h.bonus_amount end) over wallet, 0)
        as reserved_bonus,
      case when e.kind = 'hold' then e.held_bonus_amount else -h.bonus_amount end as reserves,
      -- What was due by then, the wallet had to have booked by now.
      max(case when e.kind = 'release' and e.idem_key is null then null else e.created_at end) over wallet as due_by
    from ledger.entries e
    left join ledger.wallets w on w.id = e.wallet_id
    left join ledger.holds h on e.hold_id is not null and h.wallet_id = e.wallet_id and h.id = e.hold_id
    where e.wallet_id between first_id and last_id
    window wallet as (partition by e.wallet_id order by e.seq)
  ), judged as (
    -- In numeric, because a tampered amount must not end the proof by an overflow.
    select j.entry, j.head, j.owner,
      j.seq <> coalesce((j.head).seq, 0)::numeric + 1 as breaks_seq,
      (j.balance, j.bonus_balance, j.held_balance, j.paid_balance, j.free_balance,
        j.topped_up_total, j.granted_total, j.spent_total, j.sent_total)
        is distinct from (
          coalesce((j.head).balance, 0) + j.sign * j.amount,
          coalesce((j.head).bonus_balance, 0) + j.sign * j.bonus_amount,
          coalesce((j.head).held_balance, 0)::numeric + j.held_amount,
          j.balance::numeric - j.bonus_balance,
          j.balance::numeric - j.held_balance,
          coalesce((j.head).topped_up_total, 0)::numeric + case when j.kind = 'top_up' then j.amount else 0 end,
          coalesce((j.head).granted_total, 0)::numeric + case when j.kind = 'bonus' then j.amount else 0 end,
          coalesce((j.head).spent_total, 0)::numeric + case when j.kind in ('spend', 'capture')
            then j.amount else 0 end,
          coalesce((j.head).sent_total, 0)::numeric + case when j.kind = 'transfer' and j.side = 'debit'
            then j.amount else 0 end)
        -- What is reserved of bonus credits is there, and so is what is reserved of paid ones.
        or j.reserved_bonus not between j.bonus_balance::numeric + j.held_balance - j.balance
          and j.bonus_balance as breaks_balance,
      coalesce(j.created_at < (j.head).created_at, false) as breaks_time,
      j.hash is distinct from ledger_private.entry_hash((j.head).hash, j.entry) as breaks_hash,
      j.owner is null as breaks_reference,
      -- Bonus credits go first, as far as they are not reserved. Of a reversal, verify_reversals() knows.
      coalesce(j.actor is not null and j.kind <> 'reversal' and coalesce(j.held_bonus_amount, j.bonus_amount) <> case
        when j.kind = 'top_up' then 0
        when j.kind in ('bonus', 'expiry') then j.amount
        when j.kind = 'capture' then least(j.amount, j.hold_bonus)
        when j.kind = 'release' then j.hold_bonus
        else least(greatest(j.amount, j.held_amount),
          coalesce((j.head).bonus_balance, 0) - j.reserved_bonus + coalesce(j.reserves, 0)) end, false) as breaks_bonus,
      coalesce(j.kind in ('capture', 'release') and j.hold_expiry <= j.due_by, false) as breaks_hold
    from walked j
  )
  select f.rule, (g.entry).wallet_id, (g.entry).seq, (g.entry).transfer_id, f.detail
  from judged g
  cross join lateral (values
    ('entry_seq', g.breaks_seq, jsonb_build_object('expected', coalesce((g.head).seq, 0)::numeric + 1)),
    ('entry_balance', g.breaks_balance, jsonb_build_object('after',
      to_jsonb(g.head) - 'hash' - 'metadata' - 'idem_key')),
    ('entry_time', g.breaks_time, jsonb_build_object('after', (g.head).created_at)),
    ('entry_hash', g.breaks_hash, jsonb_build_object('found', encode((g.entry).hash, 'hex'))),
    ('entry_reference', g.breaks_reference, jsonb_build_object('wallet_found', g.owner is not null)),
    ('transfer_facts', g.breaks_bonus, to_jsonb(g.entry) - 'metadata' - 'idem_key' - 'hash'),
    ('hold_expiry', g.breaks_hold, jsonb_build_object('hold_id', (g.entry).hold_id))
  ) as f (rule, broken, detail)
  where (g.breaks_seq or g.breaks_balance or g.breaks_time or g.breaks_hash or g.breaks_reference or g.breaks_bonus
    or g.breaks_hold)
    and f.broken
$$;

comment on function ledger_private.verify_entries is
  'Findings in entries: each against the one before it and its wallet, and its bonus part.';

grant execute on function ledger_private.verify_entries to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_entries.sql
--! Included functions/ledger_private/verify/verify_transfers.sql
create or replace function ledger_private.verify_transfers(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with acting as (
    select e.*, e as entry, h.amount as hold_amount, h.expires_at as hold_expires_at, o.debit as o_debit,
      o.credit as o_credit, o.to_wallet as o_to_wallet
    from ledger.entries e
    left join ledger.holds h on e.hold_id is not null and h.wallet_id = e.wallet_id and h.id = e.hold_id
    -- Few have one: it is looked up, and not found in a hash table of all entries.
    left join lateral (
      select n.* from ledger.entries n
      where e.reverses is not null and n.transfer_id = e.reverses and n.actor is not null
        and n.wallet_id = e.wallet_id offset 0
    ) o on true
    where e.wallet_id between first_id and last_id and e.actor is not null
  ), facts as (
    select a.entry, (
      (a.idem_key is null) <> (a.kind = 'expiry' or a.kind = 'release' and a.idem_key is null
        and coalesce(a.hold_expires_at <= a.created_at, false))
      or (a.kind in ('hold', 'release')) <> (a.amount = 0)
      or a.amount not between 0 and case a.kind when 'expiry' then 9000000000000000000 else 1000000000000000 end
      or a.requested_amount is distinct from case
        when a.kind in ('release', 'expiry')
          or a.kind in ('capture', 'reversal') and a.requested_amount is null then null
        when a.kind = 'hold' then a.held_amount
        else a.amount end
      or a.kind <> 'hold' and a.held_amount is distinct from case
        when a.kind in ('capture', 'release') then -a.hold_amount else 0 end
      or (a.kind in ('hold', 'release')) <> (a.held_bonus_amount is not null)
      or (a.kind = 'reversal') <> (a.reverses is not null)
      or (a.kind in ('hold', 'capture', 'release')) <> (a.hold_id is not null)
      or (a.kind = 'hold') <> coalesce(a.hold_id = a.transfer_id, false)
      or a.expires_at is not null and (a.kind not in ('bonus', 'hold') or a.expires_at <= a.created_at)
      or a.kind = 'capture' and a.amount > a.hold_amount
      or a.kind = 'capture' and a.requested_amount is null and a.amount is distinct from a.hold_amount
      or a.metadata is null) is not false as breaks_facts,
      -- The accounts that the kind decides; of a reversal the original's, sides swapped.
      (a.debit, a.credit) is distinct from case
        when a.kind = 'reversal' then (a.o_credit, a.o_debit)
        when a.kind in ('top_up', 'bonus') then (ledger_private.house_account(a.kind), 'player'::ledger.account)
        else ('player'::ledger.account, ledger_private.house_account(a.kind)) end
      or a.to_wallet is distinct from case a.kind
        when 'reversal' then a.o_to_wallet when 'transfer' then a.to_wallet end
      or a.kind = 'transfer' and a.to_wallet is null
      or (a.to_wallet is null) <> (a.to_seq is null) as breaks_sides
    from acting a
  )
  select f.rule, (g.entry).wallet_id, (g.entry).seq, (g.entry).transfer_id,
    to_jsonb(g.entry) - 'metadata' - 'idem_key' - 'hash'
  from facts g
  cross join lateral (values ('transfer_facts', g.breaks_facts), ('transfer_sides', g.breaks_sides)) as f (rule, broken)
  where f.broken
$$;

comment on function ledger_private.verify_transfers is
  'Findings in movements: on the accounts and with the facts that the kind demands.';

grant execute on function ledger_private.verify_transfers to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_transfers.sql
--! Included functions/ledger_private/verify/verify_pairs.sql
create or replace function ledger_private.verify_pairs(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with pairs as (
    -- Both rows of a movement between players, from either side: the acting one and the received one.
    select a, r
    from ledger.entries a
    left join ledger.entries r on r.wallet_id = a.to_wallet and r.seq = a.to_seq
    where a.wallet_id between first_id and last_id and a.to_wallet is not null
    union all
    select a, r
    from ledger.entries r
    left join ledger.entries a on a.transfer_id = r.transfer_id and a.actor is not null
    where r.wallet_id between first_id and last_id and r.actor is null
  )
  select 'transfer_reference', coalesce((p.a).wallet_id, (p.r).wallet_id), coalesce((p.a).seq, (p.r).seq),
    coalesce((p.a).transfer_id, (p.r).transfer_id),
    jsonb_build_object('acting', (p.a).seq, 'received', (p.r).seq, 'wallet_id', (p.r).wallet_id)
  from pairs p
  left join ledger.wallets w on w.id = (p.a).wallet_id
  left join ledger.wallets o on o.id = (p.r).wallet_id
  where (((p.r).transfer_id, (p.r).wallet_id, (p.r).seq, (p.r).kind, (p.r).debit, (p.r).credit,
      (p.r).amount, (p.r).bonus_amount, (p.r).held_amount, o.asset_code)
    is distinct from ((p.a).transfer_id, (p.a).to_wallet, (p.a).to_seq, (p.a).kind, (p.a).debit, (p.a).credit,
      (p.a).amount, (p.a).bonus_amount, 0::bigint, w.asset_code)
    or num_nonnulls((p.r).actor, (p.r).idem_key, (p.r).to_wallet, (p.r).to_seq, (p.r).requested_amount,
      (p.r).held_bonus_amount, (p.r).reverses, (p.r).hold_id, (p.r).expires_at, (p.r).metadata) > 0
    -- Both have the same time, unless one wallet was ahead of it already.
    or (p.r).created_at <> (p.a).created_at and not exists (
      select from ledger.entries n
      where n.created_at = greatest((p.r).created_at, (p.a).created_at)
        and n.wallet_id = case when (p.r).created_at > (p.a).created_at then (p.r).wallet_id else (p.a).wallet_id end
        and n.seq = case when (p.r).created_at > (p.a).created_at then (p.r).seq else (p.a).seq end - 1))
    -- Another database has the other entry, where it has that wallet.
    and ((p.r).transfer_id is not null or ledger_private.is_here((p.a).to_wallet))
    and ((p.a).transfer_id is not null or not ledger_private.is_from_elsewhere(p.r))
$$;

comment on function ledger_private.verify_pairs is
$$Findings in movements between players: both entries are there, unless another database has one, and say the same; who
received is told nothing of who sent.$$;

grant execute on function ledger_private.verify_pairs to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_pairs.sql
--! Included functions/ledger_private/verify/verify_wallets.sql
create or replace function ledger_private.verify_wallets(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  select f.rule, w.id, null::bigint, null::uuid, f.detail
  from ledger.wallets w
  cross join lateral (
    select 'wallet_id', jsonb_build_object('owner_id', w.owner_id)
      where w.id is distinct from ledger.wallet_id(w.owner_id, w.asset_code)
    union all
    select 'wallet_status', jsonb_build_object('status', w.status, 'event', v.kind)
      from (select max(e.seq) as seq from ledger.wallet_events e where e.wallet_id = w.id) newest
      left join ledger.wallet_events v on v.wallet_id = w.id and v.seq = newest.seq
      where (case v.kind when 'opened' then 'open' when 'reopened' then 'open' else v.kind::text end)
        is distinct from w.status::text
    union all
    select 'wallet_reference', jsonb_build_object('asset_code', w.asset_code)
      where not exists (select from ledger.assets a where a.code = w.asset_code)
  ) as f (rule, detail)
  where w.id between first_id and last_id
  union all
  select 'wallet_reference', e.wallet_id, null, null, jsonb_build_object('event', e.seq)
  from ledger.wallet_events e
  where e.wallet_id between first_id and last_id and not exists (select from ledger.wallets w where w.id = e.wallet_id)
  union all
  select 'record_chain', c.wallet_id, null, null, jsonb_build_object('table', 'wallet_events', 'number', c.seq,
    'place', c.place)
  from (
    select v.wallet_id, v.seq, v.hash, lag(v.hash) over wallet as previous,
      ledger_private.wallet_event_bytes(v) as bytes, row_number() over wallet as place,
      case when v.seq = 1 then ledger_private.record_hash(null, ledger_private.wallet_bytes(w)) end as start
    from ledger.wallet_events v
    left join ledger.wallets w on w.id = v.wallet_id
    where v.wallet_id between first_id and last_id
    window wallet as (partition by v.wallet_id order by v.seq)
  ) c
  where c.seq <> c.place or c.hash is distinct from ledger_private.record_hash(coalesce(c.previous, c.start), c.bytes)
$$;

comment on function ledger_private.verify_wallets is
$$Findings in wallets and their events: the id derived from the owner, the status that of the newest event, asset and
wallet there, events numbered without gaps, each hash over the event and the one before (the first: the wallet).$$;

grant execute on function ledger_private.verify_wallets to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_wallets.sql
--! Included functions/ledger_private/verify/verify_totals.sql
create or replace function ledger_private.verify_totals()
returns setof ledger.finding
language sql
stable
as $$
  with heads as (
    select h.wallet_id, h.block_seq, h.seq, lag(h.seq, 1, 0::bigint)
      over (partition by h.wallet_id order by h.block_seq) as before
    from ledger.block_heads h
  ), closed as (
    select w.asset_code, e.kind, a.debit, a.credit, h.block_seq,
      ledger_private.quarter(e.created_at, (select p.final_until from ledger.blocks p
        where p.seq = h.block_seq - 1)) as quarter,
      count(*) as movements, sum(e.amount) as amount, sum(e.bonus_amount) as bonus_amount
    from heads h
    join ledger_private.movements() e on e.wallet_id = h.wallet_id and e.seq > h.before and e.seq <= h.seq
      and e.amount > 0
    join ledger.wallets w on w.id = h.wallet_id
    cross join lateral ledger_private.accounts_here(e) a
    group by 1, 2, 3, 4, 5, 6
  ), expected as (
    select c.*, sum(c.amount) over earlier as total_amount, sum(c.bonus_amount) over earlier as total_bonus_amount
    from closed c
    window earlier as (partition by c.asset_code, c.kind, c.debit, c.credit order by c.block_seq, c.quarter)
  )
  select 'house_total', null::uuid, null::bigint, null::uuid, jsonb_build_object('found', to_jsonb(t),
    'expected', to_jsonb(x))
  from ledger.house_totals t
  full join expected x on x.asset_code = t.asset_code and x.kind = t.kind and x.debit = t.debit and x.credit = t.credit
    and x.block_seq = t.block_seq and x.quarter = t.quarter
  where (t.movements, t.amount, t.bonus_amount, t.total_amount, t.total_bonus_amount)
    is distinct from (x.movements, x.amount, x.bonus_amount, x.total_amount, x.total_bonus_amount)
  union all
  -- What players have by their newest entries is what the movements gave them.
  select 'asset_sum', null, null, null, jsonb_build_object('asset_code', s.asset_code, 'players', s.balance,
    'movements', s.moved, 'players_bonus', s.bonus_balance, 'movements_bonus', s.moved_bonus)
  from (
    select w.asset_code, sum(h.balance) as balance, sum(h.bonus_balance) as bonus_balance, sum(m.amount) as moved,
      sum(m.bonus_amount) as moved_bonus
    from ledger.wallets w
    cross join lateral ledger_private.head(w.id) h
    cross join lateral (
      select sum(e.amount * c.change) as amount, sum(e.bonus_amount * c.change) as bonus_amount
      from ledger_private.movements() e
      cross join lateral ledger_private.accounts_here(e) a
      cross join lateral (select (a.credit = 'player')::int - (a.debit = 'player')::int) c (change)
      where e.wallet_id = w.id
    ) m
    group by w.asset_code
  ) s
  where s.balance <> coalesce(s.moved, 0) or s.bonus_balance <> coalesce(s.moved_bonus, 0)
$$;

comment on function ledger_private.verify_totals is
$$A finding for each row of house_totals that is not the sum of what its block closed, and for each asset of which
players have more or less than all movements gave them.$$;

grant execute on function ledger_private.verify_totals to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_totals.sql
--! Included functions/ledger_private/verify/verify_holds.sql
create or replace function ledger_private.verify_holds(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with placed as (
    select e.* from ledger.entries e
    where e.kind = 'hold' and e.wallet_id between first_id and last_id
  ), holds as (
    select h.* from ledger.holds h where h.wallet_id between first_id and last_id
  ), closings as (
    select e.* from ledger.entries e
    where e.kind in ('capture', 'release') and e.wallet_id between first_id and last_id
  ), open as (
    select h.* from holds h
    where not exists (select from closings c where c.wallet_id = h.wallet_id and c.hold_id = h.id)
  ), listed as (
    select o.* from ledger_private.open_holds o where o.wallet_id between first_id and last_id
  )
  select 'hold_reference', coalesce(h.wallet_id, e.wallet_id), coalesce(h.seq, e.seq),
    coalesce(h.id, e.transfer_id), to_jsonb(h)
  from placed e
  full join holds h on h.wallet_id = e.wallet_id and h.id = e.transfer_id
  where (h.seq, h.amount, h.bonus_amount, h.expires_at, h.created_at)
    is distinct from (e.seq, e.held_amount, e.held_bonus_amount, e.expires_at, e.created_at)
  union all
  select 'hold_reference', c.wallet_id, c.seq, c.transfer_id, jsonb_build_object('hold_id', c.hold_id)
  from closings c
  left join holds h on h.wallet_id = c.wallet_id and h.id = c.hold_id
  where h.id is null or c.seq <= h.seq
  union all
  -- What the end of a hold did to the lots that it pinned.
  select 'lot_draws', c.wallet_id, c.seq, c.transfer_id, jsonb_build_object('found', to_jsonb(m.d),
    'expected', to_jsonb(m.x))
  from closings c
  cross join lateral (
    select x, d
    from ledger_private.closing_draws(
      c.wallet_id, c.hold_id, c.seq, case c.kind when 'capture' then c.bonus_amount else 0 end) x
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

comment on function ledger_private.verify_holds is
  'Findings in holds: each placed by its transfer, ended by a later one that freed its lots; the list of open ones.';

grant execute on function ledger_private.verify_holds to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_holds.sql
--! Included functions/ledger_private/verify/verify_lots.sql
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
    select e.wallet_id, e.seq, e.expires_at, e.amount::numeric
    from ledger.entries e
    where e.wallet_id between first_id and last_id and e.kind = 'bonus' and e.expires_at is not null
    union all
    select e.wallet_id, e.seq, d.expires_at, sum(d.amount)
    from ledger.entries e
    join ledger.entries a on a.transfer_id = e.transfer_id and a.actor is not null
    join ledger.bonus_lot_draws d on d.wallet_id = a.wallet_id and d.seq = a.seq
    where e.wallet_id between first_id and last_id and e.kind = 'transfer' and e.actor is null and e.bonus_amount > 0
    group by e.wallet_id, e.seq, d.expires_at
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
    -- From which lots a sender gave, another database may know.
    and not (x.seq is null and exists (select from ledger.entries e
      where e.wallet_id = l.wallet_id and e.seq = l.seq and e.kind = 'transfer' and l.amount <= e.bonus_amount
        and ledger_private.is_from_elsewhere(e)))
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

comment on function ledger_private.verify_lots is
  'Findings in lots: each made by its entry, what was drawn adding up, and the list of open ones true.';

grant execute on function ledger_private.verify_lots to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_lots.sql
--! Included functions/ledger_private/verify/verify_draws.sql
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
    select e.* from ledger.entries e
    where e.kind = 'expiry' and e.wallet_id between first_id and last_id
  )
  select 'lot_draws', d.wallet_id, d.seq, e.transfer_id, to_jsonb(d)
  from drawn d
  left join ledger.entries e on e.wallet_id = d.wallet_id and e.seq = d.seq
  where case
    -- What the end of a hold frees and takes, verify_holds() proves.
    when e.kind in ('capture', 'release') then false
    when e.kind = 'hold' then d.least_amount < 0 or d.most_amount > 0 or d.least_held <= 0
      or d.held_amount > e.held_bonus_amount
      or d.holds is distinct from array[e.transfer_id] or d.first_expiry <= e.created_at
    when d.least_held <> 0 or d.most_held <> 0 or d.holds is distinct from array[null::uuid] then true
    -- What goes back, and to which lots, verify_reversals() proves.
    when e.kind = 'reversal' then false
    when e.actor is null or d.least_amount <= 0 then true
    when e.kind in ('spend', 'transfer') then d.amount > e.bonus_amount or d.first_expiry <= e.created_at
    when e.kind = 'expiry' then d.amount <> e.amount or d.last_expiry > e.created_at
    else true end
  union all
  select 'lot_draws', x.wallet_id, x.seq, x.transfer_id, null
  from expiries x
  where not exists (select from drawn d where d.wallet_id = x.wallet_id and d.seq = x.seq)
$$;

comment on function ledger_private.verify_draws is
  'Findings in what entries drew from lots: as much as their kind demands, not expired (an expiry: that had).';

grant execute on function ledger_private.verify_draws to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_draws.sql
--! Included functions/ledger_private/verify/verify_reversals.sql
create or replace function ledger_private.verify_reversals(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with chosen as (
    select e as r, e.wallet_id, e.transfer_id as id, e.seq
    from ledger.entries e
    where e.kind = 'reversal' and e.actor is not null and e.wallet_id between first_id and last_id
    union all
    -- That of a transfer to a single wallet is found through its own entries.
    select a, a.wallet_id, a.transfer_id, a.seq
    from ledger.entries e
    join ledger.entries a on a.transfer_id = e.transfer_id and a.actor is not null
    where first_id = last_id and e.wallet_id = first_id and e.kind = 'reversal' and e.actor is null
  ), reversals as (
    select c.wallet_id, c.seq, c.id, c.r, o, sum((c.r).amount) over earlier as reversed,
      sum((c.r).bonus_amount) over earlier as reversed_bonus, o.kind = 'transfer' as between_players,
      o.seq as original_seq
    from chosen c
    left join ledger.entries o on o.transfer_id = (c.r).reverses and o.actor is not null and o.wallet_id = c.wallet_id
    window earlier as (partition by c.wallet_id, (c.r).reverses order by c.seq)
  ), judged as (
    select v.*,
      -- Paid credits go back first; what of it is bonus credits follows from what was reversed before.
      (v.r).bonus_amount - (greatest(v.reversed - p.paid, 0) - greatest(v.reversed - (v.r).amount - p.paid, 0))
        as too_much_bonus,
      v.reversed - v.reversed_bonus < p.paid as paid_left
    from reversals v
    cross join lateral (select (v.o).amount::numeric - (v.o).bonus_amount as paid) p
  )
  select 'transfer_reversed', (v.o).wallet_id, null::bigint, (v.o).transfer_id, jsonb_build_object('exceeded', x.parts)
  from (select distinct on ((r.o).transfer_id) r.o from reversals r where (r.o).transfer_id is not null) v
  cross join lateral (
    select jsonb_agg(to_jsonb(p) order by p.source, p.expires_at, p.lot_seq) from ledger_private.reversible_parts(v.o) p
      where p.amount < 0
  ) x (parts)
  where x.parts is not null
  union all
  select 'transfer_reversed', j.wallet_id, j.seq, j.id,
    jsonb_build_object('original', to_jsonb(j.o) - 'metadata' - 'idem_key' - 'hash', 'reversed', j.reversed)
  from judged j
  where case
    when (j.o).transfer_id is null or (j.o).kind not in ('top_up', 'bonus', 'spend', 'capture', 'transfer')
      or j.original_seq >= j.seq then true
    when (j.r).requested_amount is null and j.reversed <> (j.o).amount then true
    when not j.between_players then j.too_much_bonus <> 0
    -- A receiver gives what it still has of them: bonus credits only once no paid one is free.
    when (j.r).bonus_amount > 0 and j.paid_left then exists (
      select from ledger.entries e
      where e.wallet_id = (j.r).to_wallet and e.seq = (j.r).to_seq
        and e.balance - e.bonus_balance > case when e.held_balance = 0 then 0 else e.held_balance - (
          select coalesce(sum(h.bonus_amount), 0)
          from ledger.holds h
          where h.wallet_id = e.wallet_id and h.seq < e.seq and not exists (
            select from ledger.entries c
            where c.wallet_id = h.wallet_id and c.hold_id = h.id and c.kind <> 'hold' and c.seq < e.seq)) end)
    else false end
  union all
  select 'lot_draws', j.wallet_id, j.seq, j.id,
    jsonb_build_object('wallet_id', d.wallet_id, 'lot_seq', d.lot_seq, 'expires_at', d.expires_at, 'amount', d.amount,
      'expected', d.expected)
  from judged j
  cross join lateral ledger_private.reversal_draws(j.r, j.o, (j.reversed_bonus - (j.r).bonus_amount)::bigint) d
  where d.amount is distinct from d.expected
  union all
  select 'lot_draws', j.wallet_id, j.seq, j.id, jsonb_build_object('drawn', d.amount,
    'bonus_amount', (j.r).bonus_amount)
  from judged j
  cross join lateral (
    select sum(d.amount) from ledger.bonus_lot_draws d where d.wallet_id = (j.r).to_wallet
      and d.seq = (j.r).to_seq) d (amount)
  where j.between_players and d.amount > (j.r).bonus_amount
$$;

comment on function ledger_private.verify_reversals is
$$Findings in reversals (of a single wallet, all that touch it): the original earlier and of a kind that can be
reversed, no more reversed than it moved, of no source, paid credits first, and lots as the original's were.$$;

grant execute on function ledger_private.verify_reversals to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_reversals.sql
--! Included functions/ledger_private/verify/lot_steps.sql
create or replace function ledger_private.lot_steps(first_id uuid, last_id uuid)
returns table (
  wallet_id uuid, seq bigint, transfer_id uuid, ranks int[], expiries timestamptz[], free bigint[], in_lots numeric,
  free_bonus numeric, emptied int, due_by timestamptz
)
language sql
stable
as $$
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
    select c.wallet_id, c.seq, array_agg(c.rank) as ranks, array_agg(c.expires_at) as expiries,
      array_agg(c.free) as free, max(c.rank) as last, sum(c.drawn) as drawn
    from changes c
    group by c.wallet_id, c.seq
  ), reserved as (
    select n.wallet_id, n.seq, n.kind = 'release' and n.idem_key is null as settling,
      case n.kind when 'hold' then n.held_bonus_amount else -h.bonus_amount end as change
    from ledger.entries n
    left join ledger.holds h on h.wallet_id = n.wallet_id and h.id = n.hold_id
    where n.kind in ('hold', 'capture', 'release') and n.wallet_id between first_id and last_id
  ), walked as (
    select e.wallet_id, e.seq, e.transfer_id, e.kind, ledger.entries_side(e) as side, e.created_at, c.ranks, c.expiries,
      c.free, c.last, c.drawn,
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
$$;

comment on function ledger_private.lot_steps is
$$The entries of the wallets from one id to another that have lots, in order, with what each did to them: the ranks (the
earliest expiry first), the expiries and the free credits of the lots that it changed; how much was in lots after it,
and of the bonus credits not reserved; the rank up to which it emptied all; and when it, or the wallet's next entry, had
to have booked what was due.$$;

grant execute on function ledger_private.lot_steps to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/lot_steps.sql
--! Included functions/ledger_private/verify/verify_order.sql
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
  for v_step in select s.* from ledger_private.lot_steps(first_id, last_id) s loop
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

comment on function ledger_private.verify_order is
$$Findings in how lots were emptied, entry by entry: the earliest expiry first, all before bonus credits that do not
expire, what was due by an entry of its own, and no more in them than the bonus credits that no hold reserves.$$;

grant execute on function ledger_private.verify_order to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_order.sql
--! Included functions/ledger_private/verify/verify_records.sql
create or replace function ledger_private.verify_records()
returns setof ledger.finding
language sql
stable
as $$
  with chains as (
    select 'assets' as source, 1::bigint as seq, a.code as of, a.hash, null::bytea as previous,
      ledger_private.asset_bytes(a) as bytes, 1::bigint as place, null::bytea as start
    from ledger.assets a
    union all
    select 'asset_limits', l.seq, l.asset_code, l.hash, lag(l.hash) over asset, ledger_private.asset_limit_bytes(l),
      row_number() over asset, a.hash
    from ledger.asset_limits l
    left join ledger.assets a on a.code = l.asset_code
    window asset as (partition by l.asset_code order by l.seq)
    union all
    select 'feed_epochs', e.epoch, null, e.hash, lag(e.hash) over epochs,
      ledger_private.feed_epoch_bytes(e), e.epoch, null
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
  from (select coalesce(max(s.epoch), 1) as needed from ledger.blocks s) x
  where not exists (select from ledger.feed_epochs e where e.epoch >= x.needed)
$$;

comment on function ledger_private.verify_records is
$$Findings in what is chained beside the entries and is of no single wallet: numbered without gaps, no epoch of the feed
missing, each hash over the row and the one before.$$;

grant execute on function ledger_private.verify_records to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_records.sql
--! Included functions/ledger_private/verify/verify_seals.sql
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
        from ledger.blocks n window w as (order by n.seq)
    ) s
    where s.seq <> s.place or s.previous is distinct from s.expected or s.hash is distinct from s.computed
      or not pg_input_is_valid(s.snapshot, 'pg_snapshot')
  union all
  -- The root, and the counts, come out again from the rows that are there now: entries first, then what is chained
  -- beside them.
  select 'seal_root', null, null, null,
      jsonb_build_object('seal', s.seq, 'root', s.root, 'expected', ledger_private.merkle_root(b.leaves || r.leaves),
        'entries', s.entries, 'expected_entries', b.entries)
    from ledger.blocks s
    left join lateral (
      select array_agg(ledger_private.seal_leaf(h.wallet_id, h.seq, e.hash) order by h.wallet_id) as leaves,
          count(*) as wallets, coalesce(sum(h.seq - h.before), 0) as entries
        from (
          select n.wallet_id, n.seq, coalesce((select p.seq from ledger.block_heads p
              where p.wallet_id = n.wallet_id and p.block_seq < n.block_seq
              order by p.block_seq desc limit 1), 0) as before
            from ledger.block_heads n where n.block_seq = s.seq
        ) h
        join ledger.entries e on e.wallet_id = h.wallet_id and e.seq = h.seq
    ) b on true
    left join (
      select n.block_seq, array_agg(ledger_private.seal_leaf(n.id, n.seq, r.hash) order by n.chain, n.id) as leaves
        from ledger.block_records n
        join ledger_private.records() r on r.chain = n.chain and r.id = n.id and r.seq = n.seq
        group by n.block_seq
    ) r on r.block_seq = s.seq
    where s.root is distinct from ledger_private.merkle_root(b.leaves || r.leaves) or s.wallets <> b.wallets
      or s.entries is distinct from b.entries
  union all
  -- What was sealed is still there.
  select 'seal_entry', h.wallet_id, h.seq, null, jsonb_build_object('seal', h.block_seq, 'found', e.seq is not null)
    from ledger.block_heads h
    left join ledger.entries e on e.wallet_id = h.wallet_id and e.seq = h.seq
    left join ledger.blocks s on s.seq = h.block_seq
    where e.seq is null or s.seq is null
  union all
  select 'seal_record', case n.chain when 'wallet' then n.id end, null, null,
      jsonb_build_object('seal', n.block_seq, 'chain', n.chain, 'number', n.seq, 'found', r.seq is not null)
    from ledger.block_records n
    left join ledger_private.records() r on r.chain = n.chain and r.id = n.id and r.seq = n.seq
    left join ledger.blocks s on s.seq = n.block_seq
    where r.seq is null or s.seq is null
  union all
  select 'seal_chain', null, null, null, jsonb_build_object('block', s.seq, 'totals_hash', encode(s.totals_hash, 'hex'))
    from ledger.blocks s
    where s.totals_hash is distinct from ledger_private.totals_hash(
      array(select t from ledger.house_totals t where t.block_seq = s.seq))
$$;

comment on function ledger_private.verify_seals is
  'Findings about seals: their chain, the trees that they are roots of, and whether all that was sealed is there.';

grant execute on function ledger_private.verify_seals to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_seals.sql
--! Included functions/ledger_private/verify/verify_closed.sql
create or replace function ledger_private.verify_closed()
returns setof ledger.finding
language sql
stable
as $$
  with newest as (
    select b.*, case when pg_input_is_valid(b.snapshot, 'pg_snapshot') then b.snapshot::pg_snapshot end as place
    from ledger.blocks b order by b.seq desc limit 1
  )
  -- Of the wallets, what is not sealed yet is listed.
  select 'seal_record', coalesce(u.wallet_id, v.wallet_id), null::bigint, null::uuid,
      jsonb_build_object('number', coalesce(u.seq, v.seq), 'listed', u.seq is not null)
    from ledger_private.unsealed_events u
    full join (
      select w.wallet_id, w.seq
        from ledger.wallet_events w
        left join (select n.id, max(n.seq) as seq from ledger.block_records n where n.chain = 'wallet' group by n.id) n
          on n.id = w.wallet_id
        where w.seq > coalesce(n.seq, 0)
    ) v on v.wallet_id = u.wallet_id and v.seq = u.seq
    where u.wallet_id is null or v.wallet_id is null
  union all
  -- And what was committed before the last block was made is closed.
  select 'seal_entry', c.wallet_id, c.seq, null, jsonb_build_object('block', c.block)
    from (
      select e.wallet_id, max(e.seq) as seq, n.seq as block
        from newest n
        join ledger.entries e on pg_visible_in_snapshot(e.xid, n.place)
        -- Where the ledger was moved, ids of transactions mean nothing until a new epoch begins.
        where n.epoch = (select max(f.epoch) from ledger.feed_epochs f) and not ledger_private.is_moved()
        group by e.wallet_id, n.seq
    ) c
    where c.seq > coalesce((select h.seq from ledger.block_heads h where h.wallet_id = c.wallet_id
      order by h.block_seq desc limit 1), 0)
  union all
  select 'seal_entry', h.wallet_id, h.seq, null, jsonb_build_object('block', h.block_seq)
    from newest n
    join ledger.block_heads h on h.block_seq = n.seq
    join ledger.entries e on e.wallet_id = h.wallet_id and e.seq = h.seq
    where n.epoch = (select max(f.epoch) from ledger.feed_epochs f) and not ledger_private.is_moved()
      and not pg_visible_in_snapshot(e.xid, n.place)
$$;

comment on function ledger_private.verify_closed is
  'Findings about what blocks had to close: all that was committed by the snapshot of the newest, and nothing else.';

grant execute on function ledger_private.verify_closed to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_closed.sql
--! Included functions/ledger_private/verify/verify_kept.sql
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
    perform ledger_private.refuse(ledger_private.invalid_argument('kept',
      'Give a list of seals as npm run seal wrote them.'));
  end if;
  return query
    select 'seal_missing', null::uuid, null::bigint, null::uuid,
        jsonb_build_object('seal', k.seq, 'kept', k.hash, 'found', s.hash)
      from jsonb_populate_recordset(null::ledger.blocks, kept) k
      left join ledger.blocks s on s.seq = k.seq
      where s is distinct from k;
end
$$;

comment on function ledger_private.verify_kept is
  'A finding for each seal that was kept elsewhere and is not in the ledger as it was. WLARG: no list of seals.';

grant execute on function ledger_private.verify_kept to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_kept.sql

-- What callers call: wallets
--! Included functions/ledger/request.sql
create or replace function ledger.request(
  kind ledger.transfer_kind,
  wallet_id uuid,
  counterparty_id uuid default null,
  amount bigint default null,
  idem_key text default null,
  expires_at timestamptz default null,
  metadata jsonb default null,
  hold_id uuid default null,
  transfer_id uuid default null
)
returns ledger.wallet_request
language sql
immutable
return row(kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata,
  hold_id, transfer_id)::ledger.wallet_request;

comment on function ledger.request is
$$@behavior -*
An item of wallet_post_batch or wallet_post_each by the names of its fields: those that its kind has no use for are left
out. A call that is written so stays as it is where a later release adds a field. It checks nothing.$$;

grant execute on function ledger.request to wallet_service, wallet_operator, wallet_job;
--! EndIncluded functions/ledger/request.sql
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
  v_argument text := case
    when code is null or code !~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$' then 'code'
    when name is null or char_length(name) not between 1 and 200 then 'name'
    when scale is null or scale not between 0 and 18 then 'scale'
  end;
begin
  if v_argument is not null then
    perform ledger_private.refuse(ledger_private.invalid_argument(v_argument,
      'code: 1 to 64 letters, digits, dots, dashes or underscores; name: 1 to 200 characters; scale: 0 to 18.'));
  end if;

  v_asset.code := code;
  v_asset.name := name;
  v_asset.scale := scale;
  v_asset.actor := ledger_private.actor();
  v_asset.created_at := clock_timestamp();
  v_asset.hash := ledger_private.record_hash(null, ledger_private.asset_bytes(v_asset));
  perform set_config('ledger.posting', 'on', true);
  insert into ledger.assets select v_asset.*
    on conflict on constraint assets_pkey do nothing;
  select a.* into strict v_asset from ledger.assets a where a.code = asset_create.code;
  if (v_asset.name, v_asset.scale) is distinct from (asset_create.name, asset_create.scale) then
    perform ledger_private.refuse(ledger_private.invalid_argument(
      case when v_asset.name <> name then 'name' else 'scale' end,
      'The asset exists with other facts: repeat its own name and scale, or choose another code.',
      jsonb_build_object('code', code, 'name', v_asset.name, 'scale', v_asset.scale)));
  end if;
  perform set_config('ledger.posting', '', true);
  return v_asset;
end
$$;

comment on function ledger.asset_create is
$$@resultFieldName asset
Creates an asset. Repeating the call with the same facts changes nothing.

- code: 1 to 64 letters, digits, dots, dashes or underscores.
- name: for people, 1 to 200 characters.
- scale: digits after the point when amounts are shown to people, 0 to 18.

Refuses with INVALID_ARGUMENT (WLARG), also where the code exists with another name or scale.$$;

grant execute on function ledger.asset_create to wallet_operator;
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
  select w.* into strict v_wallet from ledger_private.open_wallets(array[owner_id], asset_code, false) w;
  return v_wallet;
end
$$;

comment on function ledger.wallet_open is
$$@resultFieldName wallet
Opens an owner's wallet of an asset, or returns it as it is where it has been opened before.

- ownerId: the player's account number, opaque and unchanging; never an e-mail address. 1 to 200 characters, no white
  space at either end, otherwise taken as it is.
- assetCode: the asset, such as GOLD.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA), WALLET_CLOSED (WLCLS).$$;

grant execute on function ledger.wallet_open to wallet_service, wallet_operator, wallet_job;
--! EndIncluded functions/ledger/wallet_open.sql
--! Included functions/ledger/wallet_open_many.sql
create or replace function ledger.wallet_open_many(owner_ids text[], asset_code text)
returns setof ledger.wallets
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if owner_ids is null or cardinality(owner_ids) > 10000 or array_ndims(owner_ids) > 1 then
    perform ledger_private.refuse(ledger_private.invalid_argument('owner_ids',
      'Send a list of at most 10000 owner ids.', jsonb_build_object('length', cardinality(owner_ids), 'max', 10000)));
  end if;
  return query select w.* from ledger_private.open_wallets(owner_ids, asset_code, true) w;
end
$$;

comment on function ledger.wallet_open_many is
$$@resultFieldName wallets
Opens the wallets of many owners of one asset, all or none, and returns one for each owner id, in order. A wallet that
has been opened before is returned as it is.

- ownerIds: at most 10000 account numbers, as wallet_open takes them. An owner may come twice.
- assetCode: the asset, such as GOLD.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA), WALLET_CLOSED (WLCLS). The detail names
the owner by its index, counted from 0.$$;

grant execute on function ledger.wallet_open_many to wallet_service, wallet_operator, wallet_job;
--! EndIncluded functions/ledger/wallet_open_many.sql
--! Included functions/ledger/wallet_top_up.sql
create or replace function ledger.wallet_top_up(
  wallet_id uuid, amount bigint, idem_key text, metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.post_own(kind => 'top_up', debit => 'treasury', credit => 'player', sign => 1, bought => amount,
    wallet_id => wallet_id, amount => amount, idem_key => idem_key, metadata => coalesce(metadata, '{}'));
end
$$;

comment on function ledger.wallet_top_up is
$$@resultFieldName receipt
Books credits that were bought with real money: from the treasury to the wallet. Call it when the payment is certain.

- walletId: the player's wallet.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- metadata: a JSON object of at most 8192 bytes, such as the payment's reference; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_CLOSED (WLCLS), LIMIT_EXCEEDED (WLLIM).$$;

grant execute on function ledger.wallet_top_up to wallet_service, wallet_operator, wallet_job;
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
  return ledger_private.post_own(kind => 'bonus', debit => 'promotions', credit => 'player', sign => 1, bonus => amount,
    wallet_id => wallet_id, amount => amount, idem_key => idem_key, metadata => coalesce(metadata, '{}'),
    expires_at => expires_at);
end
$$;

comment on function ledger.wallet_bonus is
$$@resultFieldName receipt
Grants free credits: from promotions to the wallet, where they count as bonus credits and are spent before bought ones.

- walletId: the player's wallet.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- expiresAt: the instant from which they cannot be spent any more and go to breakage, after now; never if left out. Of
  bonus credits, those that expire first are spent first.
- metadata: a JSON object of at most 8192 bytes, such as the campaign; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), INVALID_ARGUMENT (WLARG) for an expiry that has passed, WALLET_CLOSED (WLCLS),
LIMIT_EXCEEDED (WLLIM).$$;

grant execute on function ledger.wallet_bonus to wallet_service, wallet_operator, wallet_job;
--! EndIncluded functions/ledger/wallet_bonus.sql
--! Included functions/ledger/wallet_spend.sql
create or replace function ledger.wallet_spend(
  wallet_id uuid, amount bigint, idem_key text, metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.post_own(kind => 'spend', debit => 'player', credit => 'revenue', sign => -1, spent => amount,
    wallet_id => wallet_id, amount => amount, idem_key => idem_key, metadata => coalesce(metadata, '{}'));
end
$$;

comment on function ledger.wallet_spend is
$$@resultFieldName receipt
Books a purchase in the game or shop: from the wallet to revenue, bonus credits first, and of these the earliest expiry
first.

- walletId: the player's wallet.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- metadata: a JSON object of at most 8192 bytes, such as the item; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_FROZEN (WLFRZ) or WALLET_CLOSED (WLCLS), LIMIT_EXCEEDED (WLLIM),
INSUFFICIENT_FUNDS (WLFND).$$;

grant execute on function ledger.wallet_spend to wallet_service, wallet_operator, wallet_job;
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
  return ledger_private.post_between(from_wallet => from_wallet, to_wallet => to_wallet, amount => amount,
    idem_key => idem_key, metadata => coalesce(metadata, '{}'));
end
$$;

comment on function ledger.wallet_transfer is
$$@resultFieldName receipt
Moves credits from one player's wallet to another's of the same asset, bonus credits first; they stay bonus credits and
keep their expiry. The receipt is that of the wallet they leave.

- fromWallet: the wallet they leave.
- toWallet: the wallet they arrive in.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, no white space at either end, unique within fromWallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- metadata: a JSON object of at most 8192 bytes, such as a note between the players; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), SAME_WALLET (WLSLF), WALLET_NOT_FOUND
(WLNOW), ASSET_MISMATCH (WLAST), IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_FROZEN (WLFRZ) or WALLET_CLOSED (WLCLS),
LIMIT_EXCEEDED (WLLIM), INSUFFICIENT_FUNDS (WLFND).$$;

grant execute on function ledger.wallet_transfer to wallet_service, wallet_operator, wallet_job;
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
  v_request ledger.wallet_request := ledger.request(kind => 'hold', wallet_id => wallet_id, amount => amount,
    idem_key => idem_key, expires_at => expires_at, metadata => metadata);
  v_prepared ledger_private.prepared := ledger_private.prepare(v_request);
  v_head ledger.entries := v_prepared.head;
  v_entry ledger.entries;
begin
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  perform ledger_private.refuse(
    ledger_private.insufficient_funds(wallet_id, coalesce(v_head.balance - v_head.held_balance, 0), amount),
      array[wallet_id]);

  v_entry := ledger_private.acting(ledger_private.next_entry(head => v_head, wallet_id => wallet_id,
    transfer_id => uuidv7(), kind => 'hold', side => 'debit', account => 'player', amount => 0, bonus_amount => 0,
    held_amount => amount, at_time => v_prepared.at_time), v_request);
  -- It reserves what a spend would take: bonus credits first, the earliest expiry first.
  v_entry.held_bonus_amount := least(amount, v_head.bonus_balance - ledger_private.reserved_bonus(v_head));
  v_entry.hold_id := v_entry.transfer_id;
  v_entry := ledger_private.chained(v_entry);
  perform ledger_private.write(array[v_entry]);
  perform set_config('ledger.posting', 'on', true);
  insert into ledger.holds (wallet_id, id, seq, amount, bonus_amount, expires_at, created_at)
    values (wallet_id, v_entry.hold_id, v_entry.seq, amount, v_entry.held_bonus_amount, wallet_hold.expires_at,
      v_entry.created_at);
  insert into ledger_private.open_holds (wallet_id, hold_id, expires_at)
    values (wallet_id, v_entry.hold_id, wallet_hold.expires_at);
  perform set_config('ledger.posting', '', true);
  if v_entry.held_bonus_amount > 0 then
    perform ledger_private.move_lots(v_entry);
  end if;
  return ledger_private.receipt(v_entry, false);
end
$$;

comment on function ledger.wallet_hold is
$$@resultFieldName receipt
Reserves credits for a purchase that is not certain yet: what is available falls, the balance does not. The receipt
names the hold_id, with which they are captured or released, once. Reserved are bonus credits first, the earliest expiry
first; while the hold is open they do not expire.

- walletId: the player's wallet.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- expiresAt: the instant from which the hold is void and its credits are free again, after now; never if left out.
- metadata: a JSON object of at most 8192 bytes, such as the order; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), INVALID_ARGUMENT (WLARG) for an expiry that has passed, WALLET_FROZEN (WLFRZ) or
WALLET_CLOSED (WLCLS), INSUFFICIENT_FUNDS (WLFND).$$;

grant execute on function ledger.wallet_hold to wallet_service, wallet_operator, wallet_job;
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
begin
  return ledger_private.end_hold(ledger.request(kind => 'capture', wallet_id => wallet_id, amount => amount,
    idem_key => idem_key, metadata => metadata, hold_id => hold_id));
end
$$;

comment on function ledger.wallet_capture is
$$@resultFieldName receipt
Ends a hold with the purchase: spends up to what it reserved, also credits that expired meanwhile, and frees the rest,
of which what has expired is booked to breakage by the next entry, in the same transaction; the receipt's available is
without it.

- walletId: the player's wallet.
- holdId: the hold, as the receipt of wallet_hold named it.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- amount: minor units, 1 to what the hold reserved; all of it if left out.
- metadata: a JSON object of at most 8192 bytes, such as the item; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW), HOLD_NOT_FOUND
(WLNOH), IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_FROZEN (WLFRZ) or WALLET_CLOSED (WLCLS), HOLD_NOT_OPEN (WLHLD),
LIMIT_EXCEEDED (WLLIM), INSUFFICIENT_FUNDS (WLFND) for more than the hold reserved.$$;

grant execute on function ledger.wallet_capture to wallet_service, wallet_operator, wallet_job;
--! EndIncluded functions/ledger/wallet_capture.sql
--! Included functions/ledger/wallet_release.sql
create or replace function ledger.wallet_release(
  wallet_id uuid, hold_id uuid, idem_key text, metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.end_hold(ledger.request(kind => 'release', wallet_id => wallet_id, idem_key => idem_key,
    metadata => metadata, hold_id => hold_id));
end
$$;

comment on function ledger.wallet_release is
$$@resultFieldName receipt
Ends a hold without a purchase: all its credits are available again. Those that expired while they were reserved are
booked to breakage by the next entry, in the same transaction; the receipt's available is without them.

- walletId: the player's wallet.
- holdId: the hold, as the receipt of wallet_hold named it.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- metadata: a JSON object of at most 8192 bytes, such as the reason; null means {}.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW), HOLD_NOT_FOUND (WLNOH),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_CLOSED (WLCLS), HOLD_NOT_OPEN (WLHLD).$$;

grant execute on function ledger.wallet_release to wallet_service, wallet_operator, wallet_job;
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
begin
  return ledger_private.reverse(ledger.request(kind => 'reversal', wallet_id => wallet_id, amount => amount,
    idem_key => idem_key, metadata => metadata, transfer_id => transfer_id));
end
$$;

comment on function ledger.wallet_reverse is
$$@resultFieldName receipt
Takes a movement back, whole or in part: a refund, a chargeback, a grant or a transfer in error. Books between the very
wallets of the original, sides swapped. A spend or capture gives paid credits back before bonus ones, these to the lots
they came from, with their own expiry (what has expired since is booked to breakage by the next entry, in the same
transaction; the receipt's available is without it), and never reopens a hold. A top-up takes paid credits that are not
reserved, a bonus what is left of its own lot, a transfer what it gave and the receiver still has: paid credits first,
then its lots.

- walletId: the wallet that the original acted for; of a transfer, the sender's.
- transferId: the original: a top-up, bonus, spend, capture or transfer.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- amount: minor units, 1 to what is left to reverse; all that is left if left out.
- metadata: a JSON object of at most 8192 bytes, such as the reason; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
TRANSFER_NOT_FOUND (WLNOT), IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_CLOSED (WLCLS) for either wallet, NOT_REVERSIBLE
(WLREV), LIMIT_EXCEEDED (WLLIM) only where the balance would pass what the ledger counts to, INSUFFICIENT_FUNDS (WLFND)
where the credits are gone, with the amount that is missing.$$;

grant execute on function ledger.wallet_reverse to wallet_operator;
--! EndIncluded functions/ledger/wallet_reverse.sql
--! Included functions/ledger/wallet_post_batch.sql
create or replace function ledger.wallet_post_batch(requests ledger.wallet_request[])
returns setof ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
-- Lists of all lengths have one plan, by look-ups.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_absent uuid[];
begin
  perform ledger_private.check_group(requests);
  select g.absent into v_absent from ledger_private.lock_group(requests, true) g;
  return query select (o.receipt).* from ledger_private.post_group(requests, true, v_absent) o;
end
$$;

comment on function ledger.wallet_post_batch is
$$@resultFieldName receipts
Books many movements at once, all or nothing: each upon the balances that those before it leave, by the rules of
single calls. Returns a receipt for each request, in their order. Its wallets are locked until it commits; nobody else
waits for it.

- requests: at most 10000, for any wallets and assets: top-ups, bonuses, spends, transfers, holds, captures, releases
  and reversals. Each has its own idempotency key: those that have been booked before are recognised one by one, and
  answered with the receipt of then.

Refuses with INVALID_ARGUMENT (WLARG) another kind, or too many items; with FORBIDDEN (42501) a kind whose own function
the caller may not execute; and as the single call of the first item that fails would, with its index, counted from 0,
in the detail.$$;
grant execute on function ledger.wallet_post_batch to wallet_service, wallet_operator, wallet_job;
--! EndIncluded functions/ledger/wallet_post_batch.sql
--! Included functions/ledger/wallet_post_each.sql
create or replace function ledger.wallet_post_each(requests ledger.wallet_request[], wait boolean default true)
returns setof ledger.outcome
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
-- Lists of all lengths have one plan, by look-ups.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_skipped boolean[];
  v_absent uuid[];
begin
  perform ledger_private.check_group(requests);
  perform ledger_private.refuse(ledger_private.invalid_argument('wait', 'Send true or false.')) where wait is null;
  select g.skipped, g.absent into v_skipped, v_absent from ledger_private.lock_group(requests, wait) g;
  if v_skipped is null then
    return query select o.* from ledger_private.post_group(requests, false, v_absent) o;
  else
    return query select o.* from ledger_private.post_others(requests, v_skipped, v_absent) o;
  end if;
end
$$;

comment on function ledger.wallet_post_each is
$$@resultFieldName outcomes
Books many movements in one call, each for itself: one that is refused changes nothing and does not touch the others.
Returns for each request, in their order, its receipt or its refusal, which are those of its single call; within a
wallet each books upon the balances that those before it leave. Of two with the same key in one wallet the later one
is answered with the receipt of the earlier one, or with IDEMPOTENCY_KEY_REUSED (WLKEY).

- requests: at most 10000, for any wallets and assets: top-ups, bonuses, spends, transfers, holds, captures, releases
  and reversals. Each has its own idempotency key: those that have been booked before are recognised one by one, and
  answered with the receipt of then.
- wait: whether to wait for wallets that other calls have locked. If not, requests for these wallets, and later ones
  of the same wallets as such a request, are not tried: their refusal is RETRY (55P03), and they are sent again as
  they are.

All wallets are locked at once, until it commits. Anything that is no refusal undoes the whole call.

Refuses as a whole with INVALID_ARGUMENT (WLARG) too many items; with FORBIDDEN (42501) a kind whose own function the
caller may not execute; and with RETRY (40001), above READ COMMITTED, a wallet that was skipped.$$;
grant execute on function ledger.wallet_post_each to wallet_service, wallet_operator, wallet_job;
--! EndIncluded functions/ledger/wallet_post_each.sql
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

comment on function ledger.wallet_freeze is
$$@resultFieldName wallet
Freezes a wallet: no spend, transfer, hold or capture leaves it; top-ups, bonuses, transfers to it, reversals, releases
and expiry still book. A wallet that is frozen stays as it is.

- walletId: the player's wallet.
- reason: why, for the wallet's events, 1 to 1000 characters.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW), WALLET_CLOSED (WLCLS).$$;

grant execute on function ledger.wallet_freeze to wallet_operator;
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

comment on function ledger.wallet_close is
$$@resultFieldName wallet
Closes an empty wallet: nothing books until it is reopened. What is due in it is booked first. A wallet that is closed
stays as it is.

- walletId: the player's wallet.
- reason: why, for the wallet's events, 1 to 1000 characters.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW), INVALID_ARGUMENT (WLARG) for a wallet
that is not empty, with its balance.$$;

grant execute on function ledger.wallet_close to wallet_operator;
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

comment on function ledger.wallet_reopen is
$$@resultFieldName wallet
Opens a frozen or closed wallet again. A wallet that is open stays as it is.

- walletId: the player's wallet.
- reason: why, for the wallet's events, 1 to 1000 characters.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW).$$;

grant execute on function ledger.wallet_reopen to wallet_operator;
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
    perform ledger_private.refuse(ledger_private.invalid_argument(v_argument,
      'Name the asset; a limit is a number of minor units from 0 to 9000000000000000000, or null for none.'));
  end if;
  -- Of two calls one waits for the other: each leaves a row of its own.
  select a.hash into v_asset_hash from ledger.assets a where a.code = asset_limit_set.asset_code for no key update;
  if not found then
    perform ledger_private.refuse(ledger_private.asset_not_found(asset_code));
  end if;

  select l.* into v_newest from ledger.asset_limits l where l.asset_code = asset_limit_set.asset_code
    order by l.seq desc limit 1;
  v_limits := row(asset_code, coalesce(v_newest.seq, 0) + 1, max_spend, max_balance, max_daily_top_up, max_daily_bonus,
    max_daily_spend, ledger_private.actor(), clock_timestamp(), null);
  v_limits.hash := ledger_private.record_hash(coalesce(v_newest.hash, v_asset_hash),
    ledger_private.asset_limit_bytes(v_limits));
  v_same := v_newest.seq is not null
    and (v_newest.max_spend, v_newest.max_balance,
        v_newest.max_daily_top_up, v_newest.max_daily_bonus, v_newest.max_daily_spend)
      is not distinct from (max_spend, max_balance, max_daily_top_up, max_daily_bonus, max_daily_spend);
  -- Above READ COMMITTED the newest may be older than the lock: then the row collides with the one that has been set
  -- since. One that changes nothing is taken back.
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

comment on function ledger.asset_limit_set is
$$@resultFieldName limits
Sets all limits of an asset at once, for each wallet of it; null means none. Movements booked already are not judged
again; reversals never are, and do not give a day's total back. Setting the limits that are in force changes nothing.

- assetCode: the asset, such as GOLD.
- maxSpend: the largest single spend or capture, in minor units.
- maxBalance: the largest balance that a top-up, bonus or transfer may lead to.
- maxDailyTopUp: the largest total of top-ups within 24 hours, at any moment.
- maxDailyBonus: the largest total of bonuses within 24 hours.
- maxDailySpend: the largest total of spends and captures within 24 hours.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA).$$;

grant execute on function ledger.asset_limit_set to wallet_operator;
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
  v_open uuid[];
  v_failed ledger_private.failure[];
  v_settled int := 0;
  v_passed uuid[] := '{}';
  v_failures ledger_private.failure[] := '{}';
begin
  if max_wallets is null or max_wallets not between 1 and 100000 then
    perform ledger_private.refuse(ledger_private.invalid_argument('max_wallets',
      'Ask for 1 to 100000 wallets at a time.'));
  end if;
  loop
    v_due := array(select d.wallet_id from ledger_private.due_wallets(v_now, max_wallets, v_passed) d);
    exit when cardinality(v_due) = 0;
    begin
      -- Who is at work on a wallet books what is due there.
      v_open := array(select w.id from ledger.wallets w where w.id = any (v_due)
        order by w.id for no key update skip locked);
      -- Another sweep may have been first.
      v_open := ledger_private.still_due(v_open, v_now);
      v_failed := array(select f from ledger_private.settle_each(v_open, v_now) f);
      v_settled := cardinality(v_open) - cardinality(v_failed);
      if v_settled = 0 then
        raise exception using errcode = 'raise_exception', message = 'nothing was settled';
      end if;
    exception when raise_exception then
      -- Gives the locks back: who goes on from here takes others, in their order again.
      null;
    end;
    v_failures := v_failures || v_failed;
    -- On past wallets that fail, or that others are at work on: they must not keep those behind them waiting.
    v_passed := v_passed || v_due;
    exit when v_settled > 0 or cardinality(v_passed) >= c_most_passed;
  end loop;
  perform ledger_private.note_failures(v_failures, v_now);
  return v_settled;
end
$$;

comment on function ledger.wallet_expire_due is
$$@behavior -*
Books what is due in the wallets that have been due for longest: frees holds and moves expired bonus credits to
breakage. Skips wallets that others are at work on; those book it themselves. Skips wallets where the booking fails, and
books the others: ledger_unsettled tells which they are, and they are tried again after a minute, and twice as long
after each further failure, up to an hour. Returns how many wallets it settled: call it again, in a transaction of its
own, until that is 0.

- maxWallets: how many wallets at most, 1 to 100000.

Refuses with INVALID_ARGUMENT (WLARG). Errors that are not a wallet's, such as 40001, 40P01, 55P03 or a cancelled
statement, end the call, and nothing is booked.$$;

grant execute on function ledger.wallet_expire_due to wallet_job;
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
  if not exists (select from ledger.wallets w where w.id = wallet_balance.wallet_id) then
    perform ledger_private.refuse(ledger_private.wallet_not_found(wallet_id));
  end if;
  select e.* into v_head
    from ledger.entries e
    where e.wallet_id = wallet_balance.wallet_id
    order by e.seq desc
    limit 1;
  return ledger_private.balance_of(v_head, statement_timestamp());
end
$$;

comment on function ledger.wallet_balance is
$$A wallet's balances now, in minor units. The balance, its bonus part and its reserved part are those of its newest
entry. Available is what can be spent at this instant: holds that have expired since reserve nothing any more, and bonus
credits that have expired since are left out, unless an open hold pins them.

- walletId: a player's wallet that the caller may see.

Refuses with WALLET_NOT_FOUND (WLNOW).$$;

grant execute on function ledger.wallet_balance
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
    perform ledger_private.refuse(ledger_private.invalid_argument('at_time',
      'Send an instant from when the wallet was opened to now.'));
  end if;
  select w.created_at into v_created_at from ledger.wallets w where w.id = wallet_balance_at.wallet_id;
  if not found then
    perform ledger_private.refuse(ledger_private.wallet_not_found(wallet_id));
  end if;
  if at_time < v_created_at then
    perform ledger_private.refuse(ledger_private.invalid_argument('at_time',
      'Send an instant from when the wallet was opened to now.',
      jsonb_build_object('at_time', ledger_private.in_utc(at_time),
        'created_at', ledger_private.in_utc(v_created_at))));
  end if;
  return ledger_private.balance_of(ledger_private.entry_at(wallet_id, at_time), least(at_time, statement_timestamp()));
end
$$;

comment on function ledger.wallet_balance_at is
$$A wallet's balances at an instant, in minor units: those of the newest entry booked at or before it. What was booked
at exactly atTime is counted; for balances that add up with entries(from, to), which begins with its from, use
wallet_statement. Available is what could be spent then: holds that had expired by then reserve nothing any more, and
bonus credits that had expired are left out, whether that was booked by then or not. An instant in the future counts
as now.

- walletId: a player's wallet that the caller may see.
- atTime: an instant from when the wallet was opened.

Refuses, in this order, with INVALID_ARGUMENT (WLARG) for no instant, WALLET_NOT_FOUND (WLNOW), INVALID_ARGUMENT
(WLARG) for an instant before the wallet existed.$$;

grant execute on function ledger.wallet_balance_at
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
    perform ledger_private.refuse(ledger_private.invalid_argument('from_time',
      'Send the instant from which the statement lists entries.'));
  end if;
  if to_time is null or to_time < from_time then
    perform ledger_private.refuse(ledger_private.invalid_argument('to_time',
      'Send the instant before which the statement ends: from_time or later.'));
  end if;
  if not exists (select from ledger.wallets w where w.id = wallet_statement.wallet_id) then
    perform ledger_private.refuse(ledger_private.wallet_not_found(wallet_id));
  end if;
  return row(
    wallet_id, from_time, to_time,
    ledger_private.balance_of(ledger_private.entry_at(wallet_id, from_time - v_step), least(from_time, v_now)),
    ledger_private.balance_of(ledger_private.entry_at(wallet_id, to_time - v_step), least(to_time, v_now))
  )::ledger.wallet_statement;
end
$$;

comment on function ledger.wallet_statement is
$$A wallet's balances at both ends of a period. opening counts the entries before fromTime, closing those before toTime,
so that for any two instants opening + the entries of the period = closing. The entries of the period are those of
wallet.entries(from: fromTime, to: toTime), which are numbered opening.seq + 1 to closing.seq. Before the wallet was
opened, all balances are 0.

- walletId: a player's wallet that the caller may see.
- fromTime: the first instant of the period; it belongs to the period.
- toTime: the end of the period, fromTime or later; it does not belong to the period, so it is the fromTime of the next
  one.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW).$$;

grant execute on function ledger.wallet_statement
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
  if not exists (select from ledger.wallets w where w.id = wallet_explain.wallet_id) then
    perform ledger_private.refuse(ledger_private.wallet_not_found(wallet_id));
  end if;
  select e.* into v_head from ledger.entries e where e.wallet_id = wallet_explain.wallet_id order by e.seq desc limit 1;

  return query
    -- One look-up for each that is open: joined, all holds, lots and entries that the wallet ever had are read.
    with held as (
      -- What is due is not booked yet, but reserves nothing any more.
      select h.* from ledger_private.open_holds o
        cross join lateral (select n.* from ledger.holds n where n.wallet_id = o.wallet_id
          and n.id = o.hold_id limit 1) h
        where o.wallet_id = wallet_explain.wallet_id and coalesce(h.expires_at, 'infinity') > statement_timestamp()
    ), pinned as (
      select h.id as hold_id, d.lot_seq, d.expires_at, d.held_amount as amount
        from held h join ledger.bonus_lot_draws d on d.wallet_id = h.wallet_id and d.seq = h.seq
    ), lots as (
      select l.seq, l.expires_at, s.balance - coalesce((
            select sum(p.amount) from pinned p where p.lot_seq = l.seq and p.expires_at = l.expires_at), 0) as free
        from ledger_private.open_lots o
        cross join lateral (
          select n.*, n as lot from ledger.bonus_lots n where n.wallet_id = o.wallet_id and n.seq = o.lot_seq
            and n.expires_at = o.expires_at limit 1
        ) l
        cross join lateral ledger_private.lot_at(l.lot, v_head.seq) s
        where o.wallet_id = wallet_explain.wallet_id
    ), parts (source, amount, hold_id, expires_at, seq) as (
      select 'paid'::ledger.credit_source,
          v_head.balance - v_head.bonus_balance - coalesce((select sum(h.amount - h.bonus_amount) from held h),
            0), null::uuid,
          null::timestamptz, null::bigint
      union all
      select 'bonus', v_head.bonus_balance - coalesce((select sum(h.bonus_amount) from held h), 0)
          - coalesce((select sum(l.free) from lots l), 0), null, null, null
      union all
      select 'expiring_bonus', l.free, null, l.expires_at, l.seq from lots l
      union all
      select 'paid', h.amount - h.bonus_amount, h.id, null, null from held h
      union all
      select 'bonus', h.bonus_amount - coalesce((select sum(p.amount) from pinned p where p.hold_id = h.id), 0), h.id,
        null, null from held h
      union all
      select 'expiring_bonus', p.amount, p.hold_id, p.expires_at, p.lot_seq from pinned p
    )
    select p.source, p.amount::bigint,
        case when p.hold_id is null and (p.expires_at is null or p.expires_at > statement_timestamp()) then p.amount
          else 0 end::bigint,
        p.expires_at, (
          select e.transfer_id from ledger.entries e where e.wallet_id = wallet_explain.wallet_id and e.seq = p.seq
        ), p.hold_id
      from parts p
      where p.amount > 0
      order by p.hold_id nulls first, p.expires_at, p.seq, p.source desc;
end
$$;

comment on function ledger.wallet_explain is
$$@behavior -queryField:resource:connection +queryField:resource:list
@listSuffix omit
Why a wallet's balance is what it is: the paid credits, the bonus credits without expiry, each open lot of expiring
ones, and what each open hold reserves of them. The amounts add up to the balance, those without a hold and not expired
to what is available. A hold that has expired is not among them: its credits are listed as free, or as expired, before
that is booked.

- walletId: a player's wallet that the caller may see.

Refuses with WALLET_NOT_FOUND (WLNOW).$$;

grant execute on function ledger.wallet_explain
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/wallet_explain.sql
--! Included functions/ledger/entries_counterparty.sql
create or replace function ledger.entries_counterparty(entry ledger.entries)
returns text
language sql
stable
return case
  when entry.debit <> 'player' then entry.debit::text
  when entry.credit <> 'player' then entry.credit::text
  when entry.actor is not null then entry.to_wallet::text
  -- Under the caller's own policies.
  else (select e.wallet_id::text from ledger.entries e where e.transfer_id = entry.transfer_id and e.actor is not null)
end;

comment on function ledger.entries_counterparty is
$$The other side of the movement: the house's account, such as treasury or revenue, or the other player's wallet. Null
where credits were only reserved or freed, and for a player who received a transfer: only the sender may tell who sent
it.$$;

grant execute on function ledger.entries_counterparty
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/entries_counterparty.sql
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
  select e.seq, e.created_at, e.kind, ledger.entries_side(e), e.amount, e.bonus_amount, e.held_amount, e.balance,
    e.bonus_balance, e.held_balance, e.transfer_id, ledger.entries_counterparty(e), t.idem_key, t.actor, t.metadata
  from ledger.entries e
  left join ledger.transfers t on t.id = e.transfer_id
  where e.wallet_id = wallet_history.wallet_id
    and e.seq > (select coalesce(ledger_private.seq_before(wallet_history.wallet_id, from_time), 0))
    and e.seq <= (select coalesce(ledger_private.seq_before(wallet_history.wallet_id, to_time), 9223372036854775807))
  order by e.seq;
end;

comment on function ledger.wallet_history is
$$@behavior -*
The history of a wallet that the caller may see, oldest first: what was booked at or after from_time and before to_time;
null is no bound. So the history up to an instant and the one from it on have each entry once. Of a transfer received, a
player sees the entry alone: counterparty, key, actor and metadata are for the sender alone, and come as null.$$;

grant execute on function ledger.wallet_history
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/wallet_history.sql
--! Included functions/ledger/wallets_balance.sql
create or replace function ledger.wallets_balance(wallet ledger.wallets)
returns bigint
language sql
stable
return coalesce((select e.balance from ledger.entries e where e.wallet_id = wallet.id order by e.seq desc limit 1), 0);

comment on function ledger.wallets_balance is
$$@notNull
All credits of the wallet by its newest entry, in minor units: with reserved and bonus credits, and with what has
expired and is not booked yet.$$;

grant execute on function ledger.wallets_balance
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/wallets_balance.sql
--! Included functions/ledger/wallets_bonus_balance.sql
create or replace function ledger.wallets_bonus_balance(wallet ledger.wallets)
returns bigint
language sql
stable
return coalesce((select e.bonus_balance from ledger.entries e where e.wallet_id = wallet.id
  order by e.seq desc limit 1), 0);

comment on function ledger.wallets_bonus_balance is
$$@notNull
The part of the balance that is bonus credits, in minor units, by the wallet's newest entry: with those that have
expired and are not booked yet.$$;

grant execute on function ledger.wallets_bonus_balance
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/wallets_bonus_balance.sql
--! Included functions/ledger/wallets_held_balance.sql
create or replace function ledger.wallets_held_balance(wallet ledger.wallets)
returns bigint
language sql
stable
return coalesce((select e.held_balance from ledger.entries e where e.wallet_id = wallet.id
  order by e.seq desc limit 1), 0);

comment on function ledger.wallets_held_balance is
$$@notNull
The part of the balance that is reserved, in minor units, by the wallet's newest entry: also by holds that have expired
and are not booked yet.$$;

grant execute on function ledger.wallets_held_balance
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

comment on function ledger.wallets_available is
$$@notNull
What can be spent now, in minor units: the balance less what open holds reserve and less bonus credits that have
expired. Holds and bonus credits count as expired from their instant on, before that is booked.$$;

grant execute on function ledger.wallets_available
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/wallets_available.sql
--! Included functions/ledger/wallets_seq.sql
create or replace function ledger.wallets_seq(wallet ledger.wallets)
returns bigint
language sql
stable
return coalesce((select e.seq from ledger.entries e where e.wallet_id = wallet.id order by e.seq desc limit 1), 0);

comment on function ledger.wallets_seq is
$$@notNull
The number of its newest entry: whoever knows it knows which entries are new since. 0 before the first.$$;

grant execute on function ledger.wallets_seq
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

comment on function ledger.holds_closing is
$$The movement that ended the hold: a capture or a release; null while it is open, or has expired and that is not booked
yet.$$;

grant execute on function ledger.holds_closing
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

comment on function ledger.holds_status is
$$@notNull
Whether the hold is open, or what became of it. It is expired from its expiry on, also before that is booked: it
reserves nothing, and cannot be captured or released.$$;

grant execute on function ledger.holds_status
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
    cross join lateral (select n as hold from ledger.holds n where n.wallet_id = o.wallet_id
      and n.id = o.hold_id limit 1) h
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

comment on function ledger.wallets_holds is
$$The wallet's holds, newest first.

- open: true for those that are open, false for those that have been captured or released or have expired, booked or
  not; all if left out.$$;

grant execute on function ledger.wallets_holds
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/wallets_holds.sql
--! Included functions/ledger/assets_limits.sql
create or replace function ledger.assets_limits(asset ledger.assets)
returns ledger.asset_limits
language sql
stable
begin atomic
  select l from ledger.asset_limits l where l.asset_code = asset.code order by l.seq desc limit 1;
end;

comment on function ledger.assets_limits is 'The limits in force; null where none were ever set, and for players.';

grant execute on function ledger.assets_limits
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
-- How many rows there are since the last block, the planner cannot know: it would read all.
set enable_seqscan = off
set jit = off
as $$
  with recursive place as materialized (
    -- Where the ledger was moved, ids of transactions mean nothing until a new epoch begins: then all rows are added
    -- up.
    select m.moved, case when not m.moved then ledger_private.closed_snapshot() end as snapshot
    from (select ledger_private.is_moved() as moved) m
  ), newest as (
    -- From key to key of the index: the newest row of each asset, kind and accounts has the totals of all blocks. There
    -- are few of them, and far more rows.
    (
      select t from ledger.house_totals t
      order by t.asset_code desc, t.kind desc, t.debit desc, t.credit desc, t.block_seq desc, t.quarter desc
      limit 1)
    union all
    select (
      select n from ledger.house_totals n
      where (n.asset_code, n.kind, n.debit, n.credit) < ((w.t).asset_code, (w.t).kind, (w.t).debit, (w.t).credit)
      order by n.asset_code desc, n.kind desc, n.debit desc, n.credit desc, n.block_seq desc, n.quarter desc
      limit 1)
    from newest w
    where (w.t).asset_code is not null
  ), movements as (
    select (n.t).asset_code, (n.t).debit, (n.t).credit, (n.t).total_amount as amount
    from newest n
    where (n.t).asset_code is not null and not (select p.moved from place p)
    union all
    select w.asset_code, a.debit, a.credit, e.amount
    from ledger_private.rows_since((select p.snapshot from place p)) e
    join ledger.wallets w on w.id = e.wallet_id
    cross join lateral ledger_private.accounts_here(e) a
  ), sides as (
    select m.asset_code, m.debit as account, m.amount from movements m
    union all
    select m.asset_code, m.credit, -m.amount from movements m
    union all
    -- These are told of also where nothing has moved.
    select a.code, u.account, 0 from ledger.assets a
      cross join unnest(array['treasury', 'promotions', 'revenue', 'breakage']::ledger.account[]) u (account)
  )
  select s.asset_code, case s.account when 'player' then 'players' else s.account::text end,
    greatest(sum(s.amount), 0), greatest(-sum(s.amount), 0)
  from sides s
  where ledger_trial_balance.asset_code is null or s.asset_code = ledger_trial_balance.asset_code
  group by s.asset_code, s.account
  order by s.asset_code, s.account = 'player', s.account
$$;

comment on function ledger.ledger_trial_balance is
$$The trial balance: per asset and account what it has, on the side where it has it. Within an asset, debits and credits
have the same sum. It is right at any moment; it takes milliseconds where blocks are closed, and longer the more was
booked since the last one.

- assetCode: one asset; all of them if left out.$$;

grant execute on function ledger.ledger_trial_balance to wallet_auditor;
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
    and not exists (select from ledger.wallets w where w.id = ledger_verify.wallet_id) then
    perform ledger_private.refuse(ledger_private.wallet_not_found(ledger_verify.wallet_id));
  end if;
  if ledger_verify.wallet_id is null and pg_relation_size('ledger.entries') > 32 * 1024 * 1024 then
    v_digits := regexp_split_to_array('0123456789abcdef', '');
  end if;
  if current_setting('ledger.progress', true) = 'on' then
    select count(*) into v_rows from ledger.entries e
      where ledger_verify.wallet_id is null or e.wallet_id = ledger_verify.wallet_id;
    raise info 'ledger_verify' using detail = jsonb_build_object('proven', 0, 'rows', v_rows);
  end if;

  foreach v_digit in array v_digits loop
    v_first := coalesce(ledger_verify.wallet_id,
      (coalesce(v_digit, '0') || '0000000-0000-0000-0000-000000000000')::uuid);
    v_last := coalesce(ledger_verify.wallet_id,
      (coalesce(v_digit, 'f') || 'fffffff-ffff-ffff-ffff-ffffffffffff')::uuid);
    return query select f.* from ledger_private.verify_entries(v_first, v_last) f;
    return query select f.* from ledger_private.verify_transfers(v_first, v_last) f;
    return query select f.* from ledger_private.verify_pairs(v_first, v_last) f;
    return query select f.* from ledger_private.verify_reversals(v_first, v_last) f;
    return query select f.* from ledger_private.verify_holds(v_first, v_last) f;
    return query select f.* from ledger_private.verify_lots(v_first, v_last) f;
    return query select f.* from ledger_private.verify_draws(v_first, v_last) f;
    return query select f.* from ledger_private.verify_order(v_first, v_last) f;
    return query select f.* from ledger_private.verify_wallets(v_first, v_last) f;
    if v_rows is not null then
      v_proven := v_proven + (select count(*) from ledger.entries e where e.wallet_id between v_first and v_last);
      raise info 'ledger_verify' using detail = jsonb_build_object('proven', v_proven, 'rows', v_rows);
    end if;
  end loop;
  if ledger_verify.wallet_id is null then
    return query select f.* from ledger_private.verify_totals() f;
    return query select f.* from ledger_private.verify_records() f;
    return query select f.* from ledger_private.verify_seals() f;
    return query select f.* from ledger_private.verify_closed() f;
  end if;
end
$$;

comment on function ledger.ledger_verify is
$$Proves the ledger again from its rows, in one snapshot, while others go on posting: every broken rule is a row, and no
row means that it is sound.

- walletId: one player's wallet with its transfers; the whole ledger if left out. Refuses with WALLET_NOT_FOUND (WLNOW).

In a session with ledger.progress = on, a message (INFO) tells again and again how many of the entries have been proven.

Rules:

- entry_seq: a wallet's entries are numbered without gaps
- entry_balance: balances and totals continue from the entry before, and cover what holds reserve
- entry_time: a wallet's time never runs backwards
- entry_hash: the chain of hashes is whole
- entry_reference: the wallet and the transfer of an entry are there
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
- wallet_id: the id of a wallet is the one derived from its owner
- wallet_reference: the asset of a wallet and the wallet of an event are there
- wallet_status: a wallet's status is what its newest event says
- record_chain: a wallet and its events, an asset and its limits, the epochs of the feed and the verifications are
  numbered without gaps, none missing, and each hash covers the row and the one before
- asset_sum: within an asset, what players have is what the house's accounts have
- house_total: the totals of a block are the sums of the entries that it closed
- seal_chain: seals are numbered without gaps, and each covers the one before
- seal_root: the tree over the sealed entries has the root and the counts that the seal says
- seal_entry: what was sealed is there, and what was to be sealed was
- seal_record: so are the wallets' events, the limits and the verifications that were sealed; the list of events to seal
  is true$$;

grant execute on function ledger.ledger_verify to wallet_auditor;
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
  union all
  select f.* from ledger_private.verify_closed() f
$$;

comment on function ledger.ledger_verify_seals is
$$@behavior -*
Proves the seals again from the rows that they sealed, in one snapshot; and that the ledger still has those that were
kept elsewhere. Every broken rule is a row.

- kept: a list of seals, each an object with all facts of it; none if left out.

Rules:

- seal_chain: seals are numbered without gaps, and each covers the one before
- seal_root: the tree over the sealed entries has the root and the counts that the seal says
- seal_entry: what was sealed is there, and what was to be sealed was
- seal_record: so are the wallets' events, the limits and the verifications that were sealed; the list of events to seal
  is true
- seal_missing: a seal that was kept elsewhere is in the ledger, unchanged

Refuses with INVALID_ARGUMENT (WLARG).$$;

grant execute on function ledger.ledger_verify_seals to wallet_auditor;
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
      (select max(s.seq) from ledger.blocks s)
    into v_findings, v_proof.block_seq;
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

comment on function ledger.ledger_prove is
$$@behavior -*
Proves the whole ledger as ledger_verify does, and that it has the seals that were kept elsewhere, and records that it
was done and how many findings came of it.

- kept: a list of seals that were kept elsewhere, each an object with all facts of it; none if left out.

Refuses with INVALID_ARGUMENT (WLARG).$$;

grant execute on function ledger.ledger_prove to wallet_job;
--! EndIncluded functions/ledger/ledger_prove.sql
--! Included functions/ledger/ledger_seal.sql
create or replace function ledger.ledger_seal(max_events int default 100000)
returns setof ledger.blocks
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_last ledger.blocks;
  v_block ledger.blocks;
  v_cut ledger_private.cut;
  v_chains ledger_private.record_chain[];
  v_ids uuid[];
  v_numbers bigint[];
  v_record_leaves bytea[];
begin
  if max_events is null or max_events not between 1 and 1000000 then
    perform ledger_private.refuse(ledger_private.invalid_argument('max_events',
      'Ask for 1 to 1000000 events at a time.'));
  end if;
  v_block.epoch := ledger_private.feed_epoch();
  -- One at a time. Nobody else waits for this lock: postings know nothing of blocks, and reading goes on.
  lock table ledger.blocks in share row exclusive mode;
  select b.* into v_last from ledger.blocks b order by b.seq desc limit 1;
  v_block.seq := coalesce(v_last.seq, 0) + 1;
  v_block.sealed_at := clock_timestamp();
  -- After the instant: whoever has an earlier number may have booked before it, whoever has a later one has not.
  v_block.xid := pg_current_xact_id();
  select array_agg(r.chain order by r.chain, r.id), array_agg(r.id order by r.chain, r.id), array_agg(r.seq
    order by r.chain, r.id),
      array_agg(ledger_private.seal_leaf(r.id, r.seq, r.hash) order by r.chain, r.id)
    into v_chains, v_ids, v_numbers, v_record_leaves
    from ledger_private.unsealed_records(max_events) r;
  v_cut := ledger_private.cut(ledger_private.closed_snapshot(), v_last.final_until, v_block.seq);
  if v_cut.wallet_ids is null and v_ids is null then
    return;
  end if;
  v_block.entries := v_cut.entries;
  v_block.wallets := coalesce(cardinality(v_cut.wallet_ids), 0);
  v_block.root := ledger_private.merkle_root(v_cut.leaves || v_record_leaves);
  v_block.totals_hash := ledger_private.totals_hash(v_cut.totals);
  v_block.previous := v_last.hash;
  v_block.snapshot := v_cut.snapshot;
  -- Whoever books has a number before taking the time. So what was booked before a block was begun, transactions before
  -- the block's own wrote.
  v_block.final_until := greatest(
    (select b.sealed_at from ledger.blocks b
      where b.epoch = v_block.epoch and b.xid < pg_snapshot_xmin(v_cut.snapshot) order by b.seq desc limit 1),
    v_last.final_until, '-infinity');
  v_block.actor := ledger_private.actor();
  v_block.hash := ledger_private.seal_hash(v_block);
  perform set_config('ledger.posting', 'on', true);
  -- Above READ COMMITTED the last block may be one that is not seen: then this is 40001.
  insert into ledger.blocks select v_block.* on conflict on constraint blocks_pkey do nothing;
  insert into ledger.house_totals select t.* from unnest(v_cut.totals) t;
  insert into ledger.block_heads (wallet_id, block_seq, seq)
    select h.wallet_id, v_block.seq, h.seq from unnest(v_cut.wallet_ids, v_cut.seqs) h (wallet_id, seq);
  insert into ledger.block_records (chain, id, block_seq, seq)
    select r.chain, r.id, v_block.seq, r.seq from unnest(v_chains, v_ids, v_numbers) r (chain, id, seq);
  delete from ledger_private.unsealed_events u
    using unnest(v_chains, v_ids, v_numbers) r (chain, id, seq)
    where r.chain = 'wallet' and u.wallet_id = r.id and u.seq <= r.seq;
  perform set_config('ledger.posting', '', true);
  return next v_block;
end
$$;

comment on function ledger.ledger_seal is
$$@behavior -*
Closes a block over what was committed since the last one: a Merkle tree over the newest entry of each wallet, whose
hash covers those before it, and over the newest of what is chained beside them (wallets and their events, assets and
their limits, verifications); the totals of the house's accounts; and a hash that covers all that and the block before.
No row where nothing is new. No posting waits for it, and it waits for none: what a transaction that is still open has
booked is left to a later block. Call it again, in a transaction of its own, until it returns nothing.

- maxEvents: how many events of wallets a block covers at most, 1 to 1000000.

Refuses with INVALID_ARGUMENT (WLARG).$$;

grant execute on function ledger.ledger_seal to wallet_job;
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
    perform ledger_private.refuse(ledger_private.invalid_argument('limit', 'Ask for 1 to 10000 events at a time.'));
  end if;
  v_parts := regexp_match(after,
    '^([1-9][0-9]{0,8})[.](0|[1-9][0-9]{0,18})[.]([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$');
  if after is not null and v_parts is null then
    perform ledger_private.refuse(ledger_private.invalid_argument('after',
      'Give the cursor of the last event as it came, or null to start.', '{"reason": "malformed"}'));
  end if;
  v_epoch := ledger_private.feed_epoch();
  if after is not null then
    v_xid := v_parts[2]::xid8;
    v_id := v_parts[3]::uuid;
    if v_parts[1]::int <> v_epoch then
      perform ledger_private.refuse(ledger_private.invalid_argument('after',
        'The ledger was restored since. Start again from null, and skip the transfers that you know by their ids.',
        jsonb_build_object('reason', 'epoch', 'epoch', v_epoch::text)));
    elsif not exists (
      select from ledger.entries e where e.actor is not null and e.xid = v_xid and e.transfer_id = v_id) then
      perform ledger_private.refuse(ledger_private.invalid_argument('after',
        'The ledger no longer has that event. Start again from null, and skip the transfers that you know by id.',
        '{"reason": "cursor_unknown"}'));
    end if;
  end if;
  return query
    select v_epoch || '.' || n.xid || '.' || t.id, t.id, t.kind, t.wallet_id, w.owner_id, w.asset_code, t.amount,
        t.bonus_amount, t.debit_wallet_id, t.debit_seq, t.credit_wallet_id, t.credit_seq, t.reverses, t.hold_id,
        t.expires_at, t.idem_key, t.actor, t.metadata, t.created_at
      from (
        select e.xid, e.transfer_id from ledger.entries e
          where e.actor is not null and (e.xid, e.transfer_id) > (v_xid, v_id) and e.xid < v_horizon
          order by e.xid, e.transfer_id
          limit ledger_events."limit"
      ) n
      join ledger.transfers t on t.id = n.transfer_id
      -- One look-up for each: joined, all wallets may be read.
      left join lateral (select o.owner_id, o.asset_code from ledger.wallets o
        where o.id = t.wallet_id limit 1) w on true
      order by n.xid, n.transfer_id;
end
$$;

comment on function ledger.ledger_events is
$$@behavior -queryField:resource:connection +queryField:resource:list
@listSuffix omit
The transfers of the ledger as a feed for other systems: each that the caller may see comes once, in the order of the
transactions that booked them, and when every earlier transaction has ended, so that a reader who goes on after the last
cursor misses none. Within a wallet, the numbers of its entries tell the order.

- after: the cursor of the last event read; from the first transfer on if left out.
- limit: how many to read at most, 1 to 10000, over GraphQL to 1000; 100 if left out.

Refuses with INVALID_ARGUMENT (WLARG): a cursor is malformed, or of an earlier epoch, or names a transfer that a
restored ledger no longer has (reason: malformed, epoch, cursor_unknown).$$;

grant execute on function ledger.ledger_events to wallet_service, wallet_operator, wallet_auditor, wallet_job;
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
    perform ledger_private.refuse(ledger_private.invalid_argument('limit', 'Read 1 to 10000 events at a time.'));
  end if;
  if after is null then
    -- The last event that ledger_events() has now, found without reading the others.
    next_cursor := coalesce(ledger_private.feed_epoch() || '.' || (
      select e.xid || '.' || e.transfer_id from ledger.entries e
      where e.actor is not null and e.xid < pg_snapshot_xmin(pg_current_snapshot())
      order by e.xid desc, e.transfer_id desc limit 1), '');
    is_full := false;
    postings := '{}';
    perform pg_notify('wallets', '');
    return next;
    return;
  end if;

  with page as materialized (
    -- In the order of the feed.
    select e.cursor, e.kind, e.debit_wallet_id, e.debit_seq, e.credit_wallet_id, e.credit_seq,
      row_number() over () as place
      from ledger.ledger_events(nullif(after, ''), "limit") e
  ), changed as (
    select s.wallet_id, max(s.seq) as seq
      from page p
      cross join lateral (values (p.debit_wallet_id, p.debit_seq), (p.credit_wallet_id, p.credit_seq)) s (wallet_id,
        seq)
      where s.wallet_id is not null
      group by s.wallet_id
  ), notified as (
    select count(pg_notify('wallet:' || c.wallet_id, c.seq::text)) from changed c
  )
  select (select p.cursor from page p order by p.place desc limit 1),
      (select count(*) from page),
      (select jsonb_object_agg(k.kind, k.postings)
        from (select p.kind, count(*) as postings from page p group by p.kind) k)
    into next_cursor, v_events, postings
    from notified;
  next_cursor := coalesce(next_cursor, after);
  is_full := v_events = "limit";
  postings := coalesce(postings, '{}');
  return next;
end
$$;

comment on function ledger.ledger_notify is
$$@behavior -*
Reads the feed on from a cursor and notifies whoever listens: for each wallet of a player that has new entries the
channel wallet:<id>, with the number of the newest as payload. Never part of a posting: transactions that notify commit
one after the other, in the whole database. Returns the cursor to go on from, whether there may be more already, and how
many transfers of each kind there were.

- after: the next_cursor of the call before. If left out, it goes to the end of the feed without reading it, and
  notifies the channel wallets: any wallet may have changed since somebody last looked.
- limit: how many events to read at most, 1 to 10000.

Refuses as ledger_events does, with INVALID_ARGUMENT (WLARG): then start again without a cursor.$$;

grant execute on function ledger.ledger_notify to wallet_job;
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

comment on function ledger.ledger_unsettled is
$$@behavior -*
The wallets in which wallet_expire_due could not book what is due when it last tried, those that have failed for longest
first. What is due counts there all the same: nobody can spend it. A wallet leaves the list when it is settled, at the
next time it would be tried again.

- since: only those that failed at or after this instant; all if left out.$$;

grant execute on function ledger.ledger_unsettled to wallet_auditor, wallet_job;
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
    select pg_snapshot_xmin(pg_current_snapshot()) as horizon, pg_snapshot_xmax(pg_current_snapshot()) as next
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
    select 'last_seal_seconds', (select s.sealed_at from ledger.blocks s order by s.seq desc limit 1)
    union all
    -- The places are sub-selects, so that the index is looked up and not read.
    select 'unsealed_seconds', least(
        (select e.created_at from ledger.entries e
          where e.actor is not null and e.xid >= (select pg_snapshot_xmax(ledger_private.closed_snapshot()))
          order by e.xid, e.transfer_id limit 1),
        (select min(e.created_at) from ledger.entries e
          where e.actor is not null and e.xid = any (array(select pg_snapshot_xip(ledger_private.closed_snapshot())))))
    union all
    select 'feed_lag_seconds', (select e.created_at from ledger.entries e
      where e.actor is not null and e.xid >= (select p.horizon from place p) order by e.xid, e.transfer_id limit 1)
  ), waits as (
    select count(*) as number, min(l.waitstart) as since
      from pg_locks l join pg_stat_activity a on a.pid = l.pid
      where not l.granted and a.datname = current_database()
  )
  select m.name, '{}'::jsonb,
      greatest(coalesce(extract(epoch from clock_timestamp() - m.since), 0), 0)::double precision
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
  select 'horizon_age_transactions', '{}', (p.next::text::numeric - p.horizon::text::numeric)::double precision
    from place p
$$;

comment on function ledger.ledger_metrics is
$$@behavior -*
Figures for monitoring, each cheap to get: how long what is due has been due (oldest_due_seconds, without the wallets
that could not be settled), how many wallets could not be settled when it was last tried (unsettled_wallets), the age of
the last verification without findings and of the last seal (last_clean_verify_seconds, last_seal_seconds; no row where
there has been none), how long the oldest entry that is not sealed has been there (unsealed_seconds), how far the feed
is behind (feed_lag_seconds), how many sessions wait for a lock and how long the first has waited (lock_waits,
lock_wait_seconds), and how many transactions have begun since the oldest that is open (horizon_age_transactions).$$;

grant execute on function ledger.ledger_metrics to wallet_auditor, wallet_gateway;
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

comment on function gateway.take_poller_turn is
  'Whether the caller polls the feed, until its transaction ends: of all sessions one at a time. Never waits.';

grant execute on function gateway.take_poller_turn to wallet_worker;
--! EndIncluded functions/gateway/take_poller_turn.sql

select ledger_private.begin_epoch();

reset role;
