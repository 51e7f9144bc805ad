--! Previous: -
--! Hash: sha1:3266392ce0dd3c250b7b86cc97fb48cd4e227105
--! Message: wallet-ledger

-- The wallet ledger: roles, types, tables, guards, functions, policies and grants.
-- Roles belong to the cluster, not to the database: an earlier database may have made them.
do $roles$
declare
  v_role text;
begin
  foreach v_role in array array[
    'wallet_owner', 'wallet_player', 'wallet_service', 'wallet_operator', 'wallet_auditor', 'wallet_job'
  ] loop
    if not exists (select from pg_roles where rolname = v_role) then
      execute format('create role %I nologin', v_role);
    end if;
  end loop;
  if not exists (select from pg_roles where rolname = 'wallet_gateway') then
    create role wallet_gateway login noinherit;
  end if;
  -- A migrating login that is no superuser acts as the owner here, and later seeds and verifies.
  foreach v_role in array array['wallet_owner', 'wallet_operator', 'wallet_auditor'] loop
    if not pg_has_role(current_user, v_role, 'set') then
      execute format('grant %I to %I with inherit false, set true', v_role, current_user);
    end if;
  end loop;
end
$roles$;

grant wallet_player, wallet_service, wallet_operator, wallet_auditor to wallet_gateway with inherit false, set true;

comment on role wallet_owner is 'Owns every object of the ledger; nobody logs in as it.';
comment on role wallet_gateway is 'The login of the GraphQL gateway: may do nothing itself but become player, service, operator or auditor.';
comment on role wallet_player is 'A player: reads the own wallets and their history.';
comment on role wallet_service is 'A game or shop backend: opens wallets and books the flows.';
comment on role wallet_operator is 'Support and administration: everything a service may, and assets.';
comment on role wallet_auditor is 'Reads everything, house wallets included, and verifies the ledger; writes nothing.';
comment on role wallet_job is 'Trusted SQL jobs, as a group role of their logins: the flows inside a transaction of their own.';

create schema ledger authorization wallet_owner;
create schema ledger_private authorization wallet_owner;

set local role wallet_owner;

comment on schema ledger is 'The wallet ledger: tables to read and functions to call.';
comment on schema ledger_private is 'Helpers of the ledger''s functions, called by nobody else.';

alter default privileges for role wallet_owner revoke execute on functions from public;
alter default privileges for role wallet_owner revoke usage on types from public;

grant usage on schema ledger to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
-- For the few helpers that functions run with the caller's own rights need; each is granted by name.
grant usage on schema ledger_private to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

-- Types ---------------------------------------------------------------------------------------------------------------

create type ledger.transfer_kind as enum
  ('top_up', 'bonus', 'spend', 'transfer', 'hold', 'capture', 'release', 'reversal', 'expiry');
comment on type ledger.transfer_kind is 'What a movement is.';

create type ledger.entry_side as enum ('debit', 'credit');
comment on type ledger.entry_side is
  'The two sides of double entry. An entry on a wallet''s normal side raises its balance, one on the other side lowers it.';

create type ledger.house_account as enum ('treasury', 'promotions', 'revenue', 'breakage');
comment on type ledger.house_account is
  'The house''s own accounts: treasury (credits sold), promotions (credits given away), revenue (credits spent), breakage (credits that expired).';

create type ledger.wallet_status as enum ('open', 'frozen', 'closed');
comment on type ledger.wallet_status is
  'open: everything books. frozen: no credit leaves, credits still arrive. closed: nothing books.';

create type ledger.wallet_event_kind as enum ('opened', 'frozen', 'closed', 'reopened');
comment on type ledger.wallet_event_kind is 'A change of a wallet''s status.';

-- Tables --------------------------------------------------------------------------------------------------------------

create table ledger.assets (
  code text primary key,
  name text not null,
  scale int not null default 0,
  created_at timestamptz not null default clock_timestamp(),
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

comment on table ledger.wallets is $$A wallet: one owner's credits of one asset. Its balance is not a column of it: the newest entry of the wallet carries it.$$;
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

create table ledger.wallet_events (
  wallet_id uuid not null references ledger.wallets (id),
  seq int not null,
  kind ledger.wallet_event_kind not null,
  reason text,
  actor text not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (wallet_id, seq)
);

comment on table ledger.wallet_events is $$@behavior -query:resource:connection -query:resource:list -query:resource:single
What happened to a wallet's status: who, when and why. Append-only.$$;
comment on constraint wallet_events_wallet_id_fkey on ledger.wallet_events is $$@foreignFieldName events$$;
comment on column ledger.wallet_events.wallet_id is 'The wallet.';
comment on column ledger.wallet_events.seq is 'Number of the event within its wallet: 1, 2, 3 and so on.';
comment on column ledger.wallet_events.kind is 'What happened.';
comment on column ledger.wallet_events.reason is 'Why, in the words of whoever did it.';
comment on column ledger.wallet_events.actor is 'Who: the token''s role and subject, or db: and the database login.';
comment on column ledger.wallet_events.created_at is 'When.';

create table ledger.transfers (
  id uuid primary key,
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
  constraint transfers_wallet_id_idem_key_key unique (wallet_id, idem_key),
  constraint transfers_bonus_amount_is_part_of_amount check (bonus_amount between 0 and amount)
);

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
  constraint entries_balance_is_not_negative check (balance >= 0),
  constraint entries_bonus_balance_is_part_of_balance check (bonus_balance between 0 and balance),
  constraint entries_held_balance_is_part_of_balance check (held_balance between 0 and balance)
);

-- Foreign keys of the hot tables are declared but not enforced: the posting functions hold the rows locked anyway, and
-- ledger_verify() proves them. They document the model and give GraphQL its relations.
alter table ledger.transfers
  add constraint transfers_wallet_id_fkey foreign key (wallet_id) references ledger.wallets (id) not enforced,
  add constraint transfers_debit_entry_fkey
    foreign key (debit_wallet_id, debit_seq) references ledger.entries (wallet_id, seq) not enforced,
  add constraint transfers_credit_entry_fkey
    foreign key (credit_wallet_id, credit_seq) references ledger.entries (wallet_id, seq) not enforced;
alter table ledger.entries
  add constraint entries_wallet_id_fkey foreign key (wallet_id) references ledger.wallets (id) not enforced,
  add constraint entries_transfer_id_fkey foreign key (transfer_id) references ledger.transfers (id) not enforced;

comment on table ledger.transfers is $$@behavior -query:resource:connection -query:resource:list
One movement of credits, booked as one debit and one credit entry of the same amount. Append-only.$$;
comment on constraint transfers_wallet_id_idem_key_key on ledger.transfers is $$@fieldName transferByIdemKey$$;
comment on constraint transfers_wallet_id_fkey on ledger.transfers is $$@behavior -manyRelation:resource:connection -manyRelation:resource:list$$;
comment on constraint transfers_debit_entry_fkey on ledger.transfers is $$@fieldName debitEntry
@behavior -manyRelation:resource:connection -manyRelation:resource:list -singularRelation:resource:single:backward$$;
comment on constraint transfers_credit_entry_fkey on ledger.transfers is $$@fieldName creditEntry
@behavior -manyRelation:resource:connection -manyRelation:resource:list -singularRelation:resource:single:backward$$;
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
comment on column ledger.transfers.amount is 'The amount moved, in minor units of the asset.';
comment on column ledger.transfers.bonus_amount is 'The part of the amount that was bonus credits, in minor units.';
comment on column ledger.transfers.reverses is 'The transfer that this one reverses, if it is a reversal.';
comment on column ledger.transfers.hold_id is 'The hold that this one opened, captured or released.';
comment on column ledger.transfers.expires_at is 'When the credits or the hold expire, as asked.';
comment on column ledger.transfers.metadata is 'The caller''s own facts: a JSON object of at most 8192 bytes.';
comment on column ledger.transfers.actor is 'Who called: the token''s role and subject, or db: and the database login.';
comment on column ledger.transfers.created_at is 'When it was booked.';

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

-- Composite results ---------------------------------------------------------------------------------------------------

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
Balance after it, in minor units.$$;
comment on column ledger.receipt.bonus_balance is $$@notNull
The part of the balance that is bonus credits.$$;
comment on column ledger.receipt.held_balance is $$@notNull
The part of the balance that is reserved.$$;
comment on column ledger.receipt.available is $$@notNull
What could be spent after it: the balance less what is reserved.$$;
comment on column ledger.receipt.hold_id is 'The hold it opened, captured or released, if any.';
comment on column ledger.receipt.replayed is $$@notNull
True where the key had been used before and nothing was booked now.$$;
comment on column ledger.receipt.created_at is $$@notNull
When it was booked.$$;

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
All credits, reserved and bonus credits included.$$;
comment on column ledger.wallet_balance.bonus_balance is $$@notNull
The part of the balance that is bonus credits.$$;
comment on column ledger.wallet_balance.held_balance is $$@notNull
The part of the balance that is reserved.$$;
comment on column ledger.wallet_balance.available is $$@notNull
What can be spent.$$;
comment on column ledger.wallet_balance.seq is $$@notNull
The newest entry counted; 0 for a wallet without entries.$$;
comment on column ledger.wallet_balance.as_of is $$@notNull
The moment the balances are of.$$;

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

-- Functions -----------------------------------------------------------------------------------------------------------

--! Included ledger_private/refuse.sql
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
--! EndIncluded ledger_private/refuse.sql
--! Included ledger_private/uuid_v8.sql
create or replace function ledger_private.uuid_v8(digest bytea)
returns uuid
language sql
immutable
as $$
  select encode(
    set_byte(
      set_byte(substring(digest for 16), 6, (get_byte(digest, 6) & 15) | 128),
      8, (get_byte(digest, 8) & 63) | 128
    ), 'hex')::uuid
$$;

comment on function ledger_private.uuid_v8(bytea) is
  'A UUID of version 8 (RFC 9562, custom) from the first 16 bytes of a digest.';

revoke all on function ledger_private.uuid_v8(bytea) from public;
grant execute on function ledger_private.uuid_v8(bytea)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger_private/uuid_v8.sql
--! Included ledger_private/transfer_bytes.sql
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
--! EndIncluded ledger_private/transfer_bytes.sql
--! Included ledger/wallet_stripe.sql
create or replace function ledger.wallet_stripe(id uuid)
returns int
language sql
immutable
as $$
  select ((uuid_hash(id)::bigint + 2147483648) >> 27)::int
$$;

comment on function ledger.wallet_stripe(uuid) is
$$@behavior -*
Which of the 32 stripes of a house account a wallet's movements are booked against: the rank of its hash among 32 equal ranges, the
same ranges by which the ledger can be distributed over machines.$$;

revoke all on function ledger.wallet_stripe(uuid) from public;
grant execute on function ledger.wallet_stripe(uuid) to wallet_auditor;
--! EndIncluded ledger/wallet_stripe.sql
--! Included ledger/wallet_id.sql
create or replace function ledger.wallet_id(owner_id text, asset_code text)
returns uuid
language sql
immutable
strict
as $$
  -- The binary array format puts each element's length before it: no two pairs have the same bytes.
  select ledger_private.uuid_v8(sha256(array_send(array[
    'ledger.wallet.v1', convert_to(owner_id, 'UTF8'), convert_to(asset_code, 'UTF8')
  ])))
$$;

comment on function ledger.wallet_id(text, text) is
$$The id of an owner's wallet of an asset, whether it has been opened or not: derived from the two, so nobody needs to look it up.

- ownerId: the player's account number, 1 to 200 characters.
- assetCode: the asset, such as GOLD.$$;

revoke all on function ledger.wallet_id(text, text) from public;
grant execute on function ledger.wallet_id(text, text)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger/wallet_id.sql
--! Included ledger_private/entry_hash.sql
create or replace function ledger_private.entry_hash(previous_hash bytea, entry ledger.entries, transfer_bytes bytea)
returns bytea
language sql
stable
as $$
  select sha256(
    'ledger.entry.v1'::bytea
    || coalesce(previous_hash, '\x0000000000000000000000000000000000000000000000000000000000000000')
    || array_send(array[entry.wallet_id, entry.transfer_id])
    || array_send(array[
      entry.seq, entry.amount, entry.bonus_amount, entry.held_amount, entry.balance, entry.bonus_balance, entry.held_balance,
      entry.topped_up_total, entry.granted_total, entry.spent_total
    ])
    || array_send(array[enum_send(entry.kind), enum_send(entry.side), timestamptz_send(entry.created_at)])
    || transfer_bytes
  )
$$;

comment on function ledger_private.entry_hash(bytea, ledger.entries, bytea) is
$$SHA-256 over the text ledger.entry.v1, the hash of the wallet's entry before (32 zero bytes for the first), every fact of this
entry (arrays of uuid, of bigint and of bytea, in the format that transfer_bytes describes) and the bytes of its transfer. The order is for ever.$$;

revoke all on function ledger_private.entry_hash(bytea, ledger.entries, bytea) from public;
grant execute on function ledger_private.entry_hash(bytea, ledger.entries, bytea) to wallet_auditor;
--! EndIncluded ledger_private/entry_hash.sql
--! Included ledger_private/actor.sql
create or replace function ledger_private.actor()
returns text
language sql
stable
as $$
  -- A SQL caller can set any claim, so claims count only where the gateway logged in. The setting "role" is the role
  -- that the gateway took on for this request, also inside a SECURITY DEFINER function.
  select case when session_user = 'wallet_gateway'
    then replace(current_setting('role'), 'wallet_', '') || ':' || coalesce(current_setting('jwt.claims.sub', true), '')
    else 'db:' || session_user end
$$;

comment on function ledger_private.actor() is
  'Who is calling: role and subject of the gateway''s token, or db: and the database login.';

revoke all on function ledger_private.actor() from public;
--! EndIncluded ledger_private/actor.sql
--! Included ledger_private/house_account.sql
create or replace function ledger_private.house_account(kind ledger.transfer_kind)
returns ledger.house_account
language sql
immutable
as $$
  select (case kind
    when 'top_up' then 'treasury'
    when 'bonus' then 'promotions'
    when 'spend' then 'revenue'
    when 'capture' then 'revenue'
    when 'expiry' then 'breakage'
  end)::ledger.house_account
$$;

comment on function ledger_private.house_account(ledger.transfer_kind) is
  'The house account on the other side of a movement of this kind; null where the kind does not decide it.';

revoke all on function ledger_private.house_account(ledger.transfer_kind) from public;
grant execute on function ledger_private.house_account(ledger.transfer_kind)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger_private/house_account.sql
--! Included ledger_private/house_wallet_id.sql
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
--! EndIncluded ledger_private/house_wallet_id.sql
--! Included ledger_private/check_request.sql
create or replace function ledger_private.check_request(
  kind ledger.transfer_kind,
  wallet_id uuid,
  counterparty_id uuid,
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
  -- One expression for all rules: the usual call, which keeps them, should not pay for each.
  v_broken text := case
    when amount is null or amount not between 1 and 1000000000000000 then 'amount'
    when wallet_id is null then case kind when 'transfer' then 'from_wallet' else 'wallet_id' end
    when counterparty_id is null and kind = 'transfer' then 'to_wallet'
    when idem_key is null or char_length(idem_key) not between 1 and 200 then 'idem_key'
    when expires_at is not null then 'expires_at'
    when metadata is null or jsonb_typeof(metadata) <> 'object' or octet_length(metadata::text) > 8192 then 'metadata'
    when wallet_id = counterparty_id then 'same'
  end;
begin
  if v_broken is null then
    return true;
  elsif v_broken = 'amount' then
    perform ledger_private.refuse('WLAMT',
      format('invalid amount: %s', coalesce(amount::text, 'null')),
      jsonb_build_object('amount', amount::text, 'min', '1', 'max', '1000000000000000'),
      'Send a whole number of minor units from 1 to 1000000000000000.');
  elsif v_broken = 'same' then
    perform ledger_private.refuse('WLSLF', format('same wallet: %s', wallet_id),
      jsonb_build_object('wallet_id', wallet_id), 'Name two different wallets.');
  end if;
  perform ledger_private.refuse('WLARG',
    format('invalid argument: %s', v_broken),
    jsonb_build_object('argument', v_broken),
    case v_broken
      when 'idem_key' then 'Send an idempotency key of 1 to 200 characters, a new one for each new request.'
      when 'expires_at' then 'Leave it out: bonus credits do not expire yet.'
      when 'metadata' then 'Send a JSON object of at most 8192 bytes; store a reference to larger facts.'
      else 'Name the wallet by its id.'
    end);
  return false;
end
$$;

comment on function ledger_private.check_request(
  ledger.transfer_kind, uuid, uuid, bigint, text, timestamptz, jsonb
) is
  'True, or refuses a request that could not be right whatever the ledger holds: WLAMT, then WLARG, then WLSLF.';

revoke all on function ledger_private.check_request(
  ledger.transfer_kind, uuid, uuid, bigint, text, timestamptz, jsonb
) from public;
--! EndIncluded ledger_private/check_request.sql
--! Included ledger_private/check_status.sql
create or replace function ledger_private.check_status(wallet ledger.wallets, leaving boolean)
returns void
language plpgsql
immutable
as $$
begin
  if wallet.status = 'closed' then
    perform ledger_private.refuse('WLCLS',
      format('wallet closed: %s', wallet.id),
      jsonb_build_object('wallet_id', wallet.id), 'An operator can reopen the wallet.');
  end if;
  if wallet.status = 'frozen' and leaving then
    perform ledger_private.refuse('WLFRZ',
      format('wallet frozen: %s', wallet.id),
      jsonb_build_object('wallet_id', wallet.id), 'No credits leave a frozen wallet; an operator can reopen it.');
  end if;
end
$$;

comment on function ledger_private.check_status(ledger.wallets, boolean) is
  'Refuses what the wallet''s status does not allow: WLCLS for a closed wallet, WLFRZ for credits leaving a frozen one.';

revoke all on function ledger_private.check_status(ledger.wallets, boolean) from public;
--! EndIncluded ledger_private/check_status.sql
--! Included ledger_private/check_snapshot.sql
create or replace function ledger_private.check_snapshot(wallet_ids uuid[])
returns void
language plpgsql
volatile
as $$
declare
  v_wallet_id uuid;
begin
  if current_setting('transaction_isolation') = 'read committed' then
    return;
  end if;
  -- Above READ COMMITTED the log may be older than the locks. An empty entry after each head finds out: PostgreSQL answers
  -- 40001 where another transaction has written that entry. The exception takes the empty ones back.
  begin
    perform set_config('ledger.posting', 'on', true);
    foreach v_wallet_id in array array_remove(wallet_ids, null) loop
      insert into ledger.entries
        select v_wallet_id, coalesce(max(e.seq), 0) + 1, uuidv7(), 'hold', 'debit', 0, 0, 0, 0, 0, 0, 0, 0, 0, '', clock_timestamp()
        from ledger.entries e
        where e.wallet_id = v_wallet_id
        on conflict on constraint entries_pkey do nothing;
      if not found then
        raise exception using errcode = '40001', message = 'could not serialize access: a wallet has moved on';
      end if;
    end loop;
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
--! EndIncluded ledger_private/check_snapshot.sql
--! Included ledger_private/refuse_wallet.sql
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
--! EndIncluded ledger_private/refuse_wallet.sql
--! Included ledger_private/refuse_limit.sql
create or replace function ledger_private.refuse_limit(entry ledger.entries)
returns void
language plpgsql
immutable
as $$
declare
  v_reached bigint := greatest(entry.balance, entry.topped_up_total, entry.granted_total, entry.spent_total);
begin
  perform ledger_private.refuse('WLLIM',
    format('limit exceeded: a balance or lifetime total would be %s', v_reached),
    jsonb_build_object('wallet_id', entry.wallet_id, 'limit', 'max_balance', 'max', '9000000000000000000',
      'left', greatest(9000000000000000000 - v_reached + entry.amount, 0)::text),
    'No balance and no lifetime total goes above 9000000000000000000 minor units.');
end
$$;

comment on function ledger_private.refuse_limit(ledger.entries) is
  'Refuses with WLLIM an entry that would take a wallet above what the ledger counts to.';

revoke all on function ledger_private.refuse_limit(ledger.entries) from public;
--! EndIncluded ledger_private/refuse_limit.sql
--! Included ledger_private/refuse_funds.sql
create or replace function ledger_private.refuse_funds(entry ledger.entries)
returns void
language plpgsql
immutable
as $$
declare
  v_available bigint := entry.balance + entry.amount - entry.held_balance;
begin
  perform ledger_private.refuse('WLFND',
    format('insufficient funds: %s available, %s requested', v_available, entry.amount),
    jsonb_build_object('wallet_id', entry.wallet_id, 'available', v_available::text, 'requested', entry.amount::text),
    'Ask for no more than is available, or top the wallet up first.');
end
$$;

comment on function ledger_private.refuse_funds(ledger.entries) is
  'Refuses with WLFND an entry that would take more out of a wallet than is available.';

revoke all on function ledger_private.refuse_funds(ledger.entries) from public;
--! EndIncluded ledger_private/refuse_funds.sql
--! Included ledger_private/next_entry.sql
create or replace function ledger_private.next_entry(
  wallet ledger.wallets,
  head ledger.entries,
  side ledger.entry_side,
  transfer_id uuid,
  kind ledger.transfer_kind,
  amount bigint,
  bonus_amount bigint,
  held_amount bigint
)
returns ledger.entries
language sql
volatile
as $$
  select row(
    wallet.id,
    coalesce(head.seq, 0) + 1,
    transfer_id,
    kind,
    side,
    amount,
    bonus_amount,
    held_amount,
    coalesce(head.balance, 0) + case when side = wallet.normal_side then amount else -amount end,
    coalesce(head.bonus_balance, 0) + case when side = wallet.normal_side then bonus_amount else -bonus_amount end,
    coalesce(head.held_balance, 0) + held_amount,
    coalesce(head.topped_up_total, 0) + case when kind = 'top_up' then amount else 0 end,
    coalesce(head.granted_total, 0) + case when kind = 'bonus' then amount else 0 end,
    coalesce(head.spent_total, 0) + case when kind in ('spend', 'capture') then amount else 0 end,
    head.hash,
    -- A wallet's time never runs backwards, even if the server's clock does.
    greatest(clock_timestamp(), head.created_at)
  )::ledger.entries
$$;

comment on function ledger_private.next_entry(
  ledger.wallets, ledger.entries, ledger.entry_side, uuid, ledger.transfer_kind, bigint, bigint, bigint
) is
$$The entry that follows a wallet's head (null for a wallet without entries). Its hash is still the head's: what write() chains it to.$$;

revoke all on function ledger_private.next_entry(
  ledger.wallets, ledger.entries, ledger.entry_side, uuid, ledger.transfer_kind, bigint, bigint, bigint
) from public;
--! EndIncluded ledger_private/next_entry.sql
--! Included ledger_private/receipt.sql
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
--! EndIncluded ledger_private/receipt.sql
--! Included ledger_private/replay.sql
create or replace function ledger_private.replay(
  first ledger.transfers,
  kind ledger.transfer_kind,
  counterparty_id uuid,
  amount bigint,
  expires_at timestamptz,
  metadata jsonb
)
returns ledger.receipt
language plpgsql
stable
as $$
declare
  v_field text;
  v_first text;
  v_again text;
  v_entry ledger.entries;
begin
  select d.field, d.first, d.again into v_field, v_first, v_again
    from (values
      (1, 'kind', first.kind::text, kind::text),
      (2, 'to_wallet', case first.kind when 'transfer' then first.credit_wallet_id::text end, counterparty_id::text),
      (3, 'amount', first.requested_amount::text, amount::text),
      (4, 'expires_at', to_json(first.expires_at) #>> '{}', to_json(expires_at) #>> '{}'),
      (5, 'metadata', first.metadata::text, metadata::text)
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

  select e.* into strict v_entry
    from ledger.entries e
    where e.wallet_id = first.wallet_id
      and e.seq = case when first.debit_wallet_id = first.wallet_id then first.debit_seq else first.credit_seq end;
  return ledger_private.receipt(first, v_entry, true);
end
$$;

comment on function ledger_private.replay(ledger.transfers, ledger.transfer_kind, uuid, bigint, timestamptz, jsonb) is
$$The receipt of a key's first request, with the balances of then, for a request that repeats it; or WLKEY, naming the first
field that differs and both its values.$$;

revoke all on function ledger_private.replay(ledger.transfers, ledger.transfer_kind, uuid, bigint, timestamptz, jsonb)
  from public;
--! EndIncluded ledger_private/replay.sql
--! Included ledger_private/write.sql
create or replace function ledger_private.write(
  transfer ledger.transfers,
  entry ledger.entries,
  other_entry ledger.entries
)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_bytes bytea := ledger_private.transfer_bytes(transfer);
  v_written int;
  v_guard text;
begin
  entry.hash := ledger_private.entry_hash(entry.hash, entry, v_bytes);
  other_entry.hash := ledger_private.entry_hash(other_entry.hash, other_entry, v_bytes);

  -- Opens the guard of the tables for these rows alone. (Assigned, not performed: PERFORM would run a query.)
  v_guard := set_config('ledger.posting', 'on', true);
  -- The entries first: where a head was stale (only above READ COMMITTED can it be), they collide here and the caller
  -- learns that a retry will do, instead of that a key is taken.
  insert into ledger.entries values (entry.*), (other_entry.*) on conflict on constraint entries_pkey do nothing;
  get diagnostics v_written = row_count;
  if v_written < 2 then
    raise exception using errcode = '40001', message = 'could not serialize access: a wallet has moved on';
  end if;
  insert into ledger.transfers values (transfer.*);
  v_guard := set_config('ledger.posting', '', true);
  return ledger_private.receipt(transfer, entry, false);
end
$$;

comment on function ledger_private.write(ledger.transfers, ledger.entries, ledger.entries) is
$$Writes a transfer, the acting wallet's entry and the other's, whose hashes come in as those of the heads that they follow, and
returns the receipt.$$;

revoke all on function ledger_private.write(ledger.transfers, ledger.entries, ledger.entries) from public;
--! EndIncluded ledger_private/write.sql
--! Included ledger_private/post.sql
create or replace function ledger_private.post(
  kind ledger.transfer_kind,
  wallet_id uuid,
  counterparty_id uuid,
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
  -- Far enough below the end of bigint that one more amount never overflows it.
  c_max constant bigint := 9000000000000000000;
  v_leaving boolean := kind in ('spend', 'transfer');
  v_id uuid := uuidv7();
  v_checked boolean;
  v_bonus bigint;
  v_first ledger.transfers;
  v_transfer ledger.transfers;
  v_wallet ledger.wallets;
  v_other ledger.wallets;
  v_head ledger.entries;
  v_other_head ledger.entries;
  v_entry ledger.entries;
  v_other_entry ledger.entries;
begin
  v_checked := ledger_private.check_request(kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata);

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
    perform ledger_private.refuse('WLAST',
      format('asset mismatch: %s and %s', v_wallet.asset_code, v_other.asset_code),
      jsonb_build_object('from_asset', v_wallet.asset_code, 'to_asset', v_other.asset_code),
      'Move credits between wallets of one asset.');
  end if;

  select t.* into v_first from ledger.transfers t where t.wallet_id = post.wallet_id and t.idem_key = post.idem_key;
  if found then
    return ledger_private.replay(v_first, kind, counterparty_id, amount, expires_at, metadata);
  end if;
  if v_wallet.status <> 'open' or v_other.status <> 'open' then
    perform ledger_private.check_snapshot(array[wallet_id, counterparty_id]);
    perform ledger_private.check_status(v_wallet, v_leaving);
    perform ledger_private.check_status(v_other, false);
  end if;

  select e.* into v_head from ledger.entries e where e.wallet_id = post.wallet_id order by e.seq desc limit 1;
  v_bonus := case kind
    when 'top_up' then 0
    when 'bonus' then amount
    else least(amount, coalesce(v_head.bonus_balance, 0)) end;
  v_entry := ledger_private.next_entry(
    v_wallet, v_head, case when v_leaving then 'debit'::ledger.entry_side else 'credit' end, v_id, kind, amount, v_bonus, 0);
  if counterparty_id is not null then
    select e.* into v_other_head from ledger.entries e where e.wallet_id = counterparty_id order by e.seq desc limit 1;
    v_other_entry := ledger_private.next_entry(v_other, v_other_head, 'credit', v_id, kind, amount, v_bonus, 0);
  end if;
  if v_other_entry.balance > c_max
    or greatest(v_entry.balance, v_entry.topped_up_total, v_entry.granted_total, v_entry.spent_total) > c_max then
    perform ledger_private.check_snapshot(array[wallet_id, counterparty_id]);
    perform ledger_private.refuse_limit(case when v_other_entry.balance > c_max then v_other_entry else v_entry end);
  end if;
  if v_entry.balance < v_entry.held_balance then
    perform ledger_private.check_snapshot(array[wallet_id, counterparty_id]);
    perform ledger_private.refuse_funds(v_entry);
  end if;

  -- The house comes last, so that replays and refusals never wait for it.
  if counterparty_id is null then
    select w.* into strict v_other
      from ledger.wallets w
      where w.asset_code = v_wallet.asset_code
        and w.house = ledger_private.house_account(kind)
        and w.stripe = ledger.wallet_stripe(wallet_id)
      for no key update;
    select e.* into v_other_head from ledger.entries e where e.wallet_id = v_other.id order by e.seq desc limit 1;
    v_other_entry := ledger_private.next_entry(
      v_other, v_other_head, case when v_leaving then 'credit'::ledger.entry_side else 'debit' end, v_id, kind, amount, v_bonus, 0);
    if v_other_entry.balance > c_max then
      perform ledger_private.check_snapshot(array[wallet_id, v_other.id]);
      perform ledger_private.refuse_limit(v_other_entry);
    end if;
  end if;

  v_transfer := row(
    v_id, wallet_id, idem_key, kind,
    case when v_leaving then v_entry.wallet_id else v_other_entry.wallet_id end,
    case when v_leaving then v_entry.seq else v_other_entry.seq end,
    case when v_leaving then v_other_entry.wallet_id else v_entry.wallet_id end,
    case when v_leaving then v_other_entry.seq else v_entry.seq end,
    amount, amount, v_bonus, null, null, expires_at, metadata, ledger_private.actor(), v_entry.created_at
  )::ledger.transfers;
  return ledger_private.write(v_transfer, v_entry, v_other_entry);
end
$$;

comment on function ledger_private.post(ledger.transfer_kind, uuid, uuid, bigint, text, timestamptz, jsonb) is
$$Books one movement between the acting wallet and another player's wallet, or the house account that the kind decides where
counterparty_id is null: checks, locks, key, status, limits, funds, in the documented order of refusals, then the rows.$$;

revoke all on function ledger_private.post(ledger.transfer_kind, uuid, uuid, bigint, text, timestamptz, jsonb) from public;
--! EndIncluded ledger_private/post.sql
--! Included ledger_private/tg__guard_insert.sql
create or replace function ledger_private.tg__guard_insert()
returns trigger
language plpgsql
as $$
begin
  raise exception using
    errcode = '42501',
    message = format('%s.%s is written by the ledger''s functions only', TG_TABLE_SCHEMA, TG_TABLE_NAME),
    hint = 'Call the function for it, such as wallet_top_up, wallet_spend or wallet_open.';
end
$$;

comment on function ledger_private.tg__guard_insert() is
  'Refuses rows written by hand, also by the owner or a superuser; its trigger fires where no posting function is at work.';

revoke all on function ledger_private.tg__guard_insert() from public;
--! EndIncluded ledger_private/tg__guard_insert.sql
--! Included ledger_private/tg__append_only.sql
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
--! EndIncluded ledger_private/tg__append_only.sql
--! Included ledger_private/tg_wallets__status_only.sql
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
--! EndIncluded ledger_private/tg_wallets__status_only.sql
--! Included ledger/asset_create.sql
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
    perform ledger_private.refuse('WLARG', format('invalid argument: %s', v_argument),
      jsonb_build_object('argument', v_argument),
      'code: 1 to 64 letters, digits, dots, dashes or underscores; name: 1 to 200 characters; scale: 0 to 18.');
  end if;

  perform set_config('ledger.posting', 'on', true);
  insert into ledger.assets (code, name, scale)
    values (asset_create.code, asset_create.name, asset_create.scale)
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
  insert into ledger.wallet_events (wallet_id, seq, kind, actor)
    select opened.id, 1, 'opened', ledger_private.actor() from opened;
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
--! EndIncluded ledger/asset_create.sql
--! Included ledger/wallet_open.sql
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
  if owner_id is null or char_length(owner_id) not between 1 and 200 then
    perform ledger_private.refuse('WLARG',
      format('invalid argument: owner_id has %s characters', coalesce(char_length(owner_id), 0)),
      jsonb_build_object('argument', 'owner_id', 'min_length', 1, 'max_length', 200),
      'Send the player''s account number, 1 to 200 characters.');
  end if;
  if asset_code is null then
    perform ledger_private.refuse('WLARG', 'invalid argument: asset_code is null',
      jsonb_build_object('argument', 'asset_code'), 'Name the asset, such as GOLD.');
  end if;
  if not exists (select from ledger.assets a where a.code = wallet_open.asset_code) then
    perform ledger_private.refuse('WLNOA', format('asset not found: %s', asset_code),
      jsonb_build_object('asset_code', asset_code), 'An operator creates assets with asset_create(code, name, scale).');
  end if;

  perform set_config('ledger.posting', 'on', true);
  insert into ledger.wallets (id, owner_id, asset_code, normal_side)
    values (ledger.wallet_id(owner_id, asset_code), owner_id, asset_code, 'credit')
    on conflict on constraint wallets_pkey do nothing
    returning * into v_wallet;
  if found then
    insert into ledger.wallet_events (wallet_id, seq, kind, actor) values (v_wallet.id, 1, 'opened', ledger_private.actor());
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

- ownerId: the player's account number, 1 to 200 characters, opaque and unchanging; never an e-mail address.
- assetCode: the asset, such as GOLD.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA), WALLET_CLOSED (WLCLS).$$;

revoke all on function ledger.wallet_open(text, text) from public;
grant execute on function ledger.wallet_open(text, text) to wallet_service, wallet_operator;
--! EndIncluded ledger/wallet_open.sql
--! Included ledger/wallet_top_up.sql
create or replace function ledger.wallet_top_up(wallet_id uuid, amount bigint, idem_key text, metadata jsonb default '{}')
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.post('top_up', wallet_id, null, amount, idem_key, null, metadata);
end
$$;

comment on function ledger.wallet_top_up(uuid, bigint, text, jsonb) is
$$@resultFieldName receipt
Books credits that were bought with real money: from the treasury to the wallet. Call it when the payment is certain.

- walletId: the player's wallet.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, unique within the wallet for ever. Repeating the call with the same key and the same
  arguments returns the same receipt and books nothing.
- metadata: a JSON object of at most 8192 bytes, such as the payment's reference.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_CLOSED (WLCLS), LIMIT_EXCEEDED (WLLIM).$$;

revoke all on function ledger.wallet_top_up(uuid, bigint, text, jsonb) from public;
grant execute on function ledger.wallet_top_up(uuid, bigint, text, jsonb) to wallet_service, wallet_operator, wallet_job;
--! EndIncluded ledger/wallet_top_up.sql
--! Included ledger/wallet_bonus.sql
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
  return ledger_private.post('bonus', wallet_id, null, amount, idem_key, expires_at, metadata);
end
$$;

comment on function ledger.wallet_bonus(uuid, bigint, text, timestamptz, jsonb) is
$$@resultFieldName receipt
Grants free credits: from promotions to the wallet, where they count as bonus credits and are spent before bought ones.

- walletId: the player's wallet.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, unique within the wallet for ever. Repeating the call with the same key and the same
  arguments returns the same receipt and books nothing.
- expiresAt: must be left out: bonus credits do not expire yet.
- metadata: a JSON object of at most 8192 bytes, such as the campaign.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_CLOSED (WLCLS), LIMIT_EXCEEDED (WLLIM).$$;

revoke all on function ledger.wallet_bonus(uuid, bigint, text, timestamptz, jsonb) from public;
grant execute on function ledger.wallet_bonus(uuid, bigint, text, timestamptz, jsonb)
  to wallet_service, wallet_operator, wallet_job;
--! EndIncluded ledger/wallet_bonus.sql
--! Included ledger/wallet_spend.sql
create or replace function ledger.wallet_spend(wallet_id uuid, amount bigint, idem_key text, metadata jsonb default '{}')
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.post('spend', wallet_id, null, amount, idem_key, null, metadata);
end
$$;

comment on function ledger.wallet_spend(uuid, bigint, text, jsonb) is
$$@resultFieldName receipt
Books a purchase in the game or shop: from the wallet to revenue, bonus credits first.

- walletId: the player's wallet.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, unique within the wallet for ever. Repeating the call with the same key and the same
  arguments returns the same receipt and books nothing.
- metadata: a JSON object of at most 8192 bytes, such as the item.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_FROZEN (WLFRZ) or WALLET_CLOSED (WLCLS), LIMIT_EXCEEDED (WLLIM),
INSUFFICIENT_FUNDS (WLFND).$$;

revoke all on function ledger.wallet_spend(uuid, bigint, text, jsonb) from public;
grant execute on function ledger.wallet_spend(uuid, bigint, text, jsonb) to wallet_service, wallet_operator, wallet_job;
--! EndIncluded ledger/wallet_spend.sql
--! Included ledger/wallet_transfer.sql
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
  return ledger_private.post('transfer', from_wallet, to_wallet, amount, idem_key, null, metadata);
end
$$;

comment on function ledger.wallet_transfer(uuid, uuid, bigint, text, jsonb) is
$$@resultFieldName receipt
Moves credits from one player's wallet to another's of the same asset, bonus credits first; they stay bonus credits.
The receipt is that of the wallet they leave.

- fromWallet: the wallet they leave.
- toWallet: the wallet they arrive in.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, unique within fromWallet for ever. Repeating the call with the same key and the same
  arguments returns the same receipt and books nothing.
- metadata: a JSON object of at most 8192 bytes, such as a note between the players.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), SAME_WALLET (WLSLF),
WALLET_NOT_FOUND (WLNOW), ASSET_MISMATCH (WLAST), IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_FROZEN (WLFRZ) or
WALLET_CLOSED (WLCLS), LIMIT_EXCEEDED (WLLIM), INSUFFICIENT_FUNDS (WLFND).$$;

revoke all on function ledger.wallet_transfer(uuid, uuid, bigint, text, jsonb) from public;
grant execute on function ledger.wallet_transfer(uuid, uuid, bigint, text, jsonb)
  to wallet_service, wallet_operator, wallet_job;
--! EndIncluded ledger/wallet_transfer.sql
--! Included ledger/wallet_balance.sql
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
  return row(
    coalesce(v_head.balance, 0), coalesce(v_head.bonus_balance, 0), coalesce(v_head.held_balance, 0),
    coalesce(v_head.balance - v_head.held_balance, 0), coalesce(v_head.seq, 0), statement_timestamp()
  )::ledger.wallet_balance;
end
$$;

comment on function ledger.wallet_balance(uuid) is
$$A wallet's balances now, in minor units.

- walletId: a player's wallet that the caller may see.

Refuses with WALLET_NOT_FOUND (WLNOW).$$;

revoke all on function ledger.wallet_balance(uuid) from public;
grant execute on function ledger.wallet_balance(uuid)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger/wallet_balance.sql
--! Included ledger/wallet_history.sql
create or replace function ledger.wallet_history(wallet_id uuid)
returns setof ledger.history_line
language sql
stable
as $$
  select e.seq, e.created_at, e.kind, e.side, e.amount, e.bonus_amount, e.held_amount, e.balance, e.bonus_balance,
    e.held_balance, e.transfer_id,
    -- The house is named by its account; which stripe of it took part is nobody's concern.
    case when t.id is null then null
      when w.house is null and ledger_private.house_account(e.kind) is not null
        then ledger_private.house_account(e.kind)::text
      when e.side = 'debit' then t.credit_wallet_id::text
      else t.debit_wallet_id::text end,
    t.idem_key, t.actor, t.metadata
  from ledger.entries e
  join ledger.wallets w on w.id = e.wallet_id
  left join ledger.transfers t on t.id = e.transfer_id
  where e.wallet_id = wallet_history.wallet_id
  order by e.seq
$$;

comment on function ledger.wallet_history(uuid) is
$$@behavior -*
The full history of a wallet that the caller may see, oldest first. Of a transfer received, a player sees the entry alone: counterparty, key,
actor and metadata are the sender's and come as null.$$;

revoke all on function ledger.wallet_history(uuid) from public;
grant execute on function ledger.wallet_history(uuid)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger/wallet_history.sql
--! Included ledger/wallets_balance.sql
create or replace function ledger.wallets_balance(wallet ledger.wallets)
returns bigint
language sql
stable
as $$
  select coalesce((select e.balance from ledger.entries e where e.wallet_id = wallet.id order by e.seq desc limit 1), 0)
$$;

comment on function ledger.wallets_balance(ledger.wallets) is
$$@notNull
All credits of the wallet now, in minor units, reserved and bonus credits included.$$;

revoke all on function ledger.wallets_balance(ledger.wallets) from public;
grant execute on function ledger.wallets_balance(ledger.wallets)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger/wallets_balance.sql
--! Included ledger/wallets_bonus_balance.sql
create or replace function ledger.wallets_bonus_balance(wallet ledger.wallets)
returns bigint
language sql
stable
as $$
  select coalesce((select e.bonus_balance from ledger.entries e where e.wallet_id = wallet.id order by e.seq desc limit 1), 0)
$$;

comment on function ledger.wallets_bonus_balance(ledger.wallets) is
$$@notNull
The part of the balance that is bonus credits, in minor units.$$;

revoke all on function ledger.wallets_bonus_balance(ledger.wallets) from public;
grant execute on function ledger.wallets_bonus_balance(ledger.wallets)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger/wallets_bonus_balance.sql
--! Included ledger/wallets_held_balance.sql
create or replace function ledger.wallets_held_balance(wallet ledger.wallets)
returns bigint
language sql
stable
as $$
  select coalesce((select e.held_balance from ledger.entries e where e.wallet_id = wallet.id order by e.seq desc limit 1), 0)
$$;

comment on function ledger.wallets_held_balance(ledger.wallets) is
$$@notNull
The part of the balance that is reserved, in minor units.$$;

revoke all on function ledger.wallets_held_balance(ledger.wallets) from public;
grant execute on function ledger.wallets_held_balance(ledger.wallets)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger/wallets_held_balance.sql
--! Included ledger/wallets_available.sql
create or replace function ledger.wallets_available(wallet ledger.wallets)
returns bigint
language sql
stable
as $$
  select coalesce((select e.balance - e.held_balance from ledger.entries e where e.wallet_id = wallet.id order by e.seq desc limit 1), 0)
$$;

comment on function ledger.wallets_available(ledger.wallets) is
$$@notNull
What can be spent now, in minor units: the balance less what is reserved.$$;

revoke all on function ledger.wallets_available(ledger.wallets) from public;
grant execute on function ledger.wallets_available(ledger.wallets)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded ledger/wallets_available.sql
--! Included ledger/ledger_trial_balance.sql
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
--! EndIncluded ledger/ledger_trial_balance.sql
--! Included ledger_private/verify_entries.sql
create or replace function ledger_private.verify_entries(wallet_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with walked as (
    select e, lag(e) over (partition by e.wallet_id order by e.seq) as head
    from ledger.entries e
    where verify_entries.wallet_id is null or e.wallet_id = verify_entries.wallet_id
  ), joined as (
    -- In numeric, because a tampered amount must not end the proof by an overflow.
    select k.e, k.head, t, w.id as wallet_id, case when (k.e).side = w.normal_side then 1 else -1 end::numeric as sign
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
        or least((j.e).bonus_balance, (j.e).held_balance) < 0 as breaks_balance,
      coalesce((j.e).created_at < (j.head).created_at, false) as breaks_time,
      (j.e).hash is distinct from
        ledger_private.entry_hash((j.head).hash, j.e, ledger_private.transfer_bytes(j.t)) as breaks_hash,
      j.wallet_id is null or (j.t).id is null as breaks_reference,
      (j.t).id is not null and ((j.e).kind, (j.e).amount, (j.e).bonus_amount, (j.e).wallet_id, (j.e).seq)
        is distinct from ((j.t).kind, (j.t).amount, (j.t).bonus_amount,
          case (j.e).side when 'debit' then (j.t).debit_wallet_id else (j.t).credit_wallet_id end,
          case (j.e).side when 'debit' then (j.t).debit_seq else (j.t).credit_seq end) as breaks_transfer
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
    ('entry_transfer', g.breaks_transfer, jsonb_build_object('transfer', to_jsonb(g.t) - 'metadata' - 'idem_key'))
  ) as f (rule, broken, detail)
  where (g.breaks_seq or g.breaks_balance or g.breaks_time or g.breaks_hash or g.breaks_reference or g.breaks_transfer)
    and f.broken
$$;

comment on function ledger_private.verify_entries(uuid) is
  'Findings in the entries of one wallet, or of all: each against the one before it, its transfer and its wallet.';

revoke all on function ledger_private.verify_entries(uuid) from public;
grant execute on function ledger_private.verify_entries(uuid) to wallet_auditor;
--! EndIncluded ledger_private/verify_entries.sql
--! Included ledger_private/verify_transfers.sql
create or replace function ledger_private.verify_transfers(wallet_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with chosen as (
    select t.* from ledger.transfers t where verify_transfers.wallet_id is null
    union all
    select t.* from ledger.transfers t where t.id in (
      select own.id from ledger.transfers own where own.wallet_id = verify_transfers.wallet_id
      union
      -- What others sent to it is found through its entries.
      select e.transfer_id from ledger.entries e where e.wallet_id = verify_transfers.wallet_id
    )
  ), legs as (
    select t, l.side, l.leg_wallet_id, l.leg_seq, l.leg_wallet_id = t.wallet_id as acting,
      case when l.side = 'debit' then t.credit_wallet_id else t.debit_wallet_id end as other_wallet_id
    from chosen t
    cross join lateral (values
      ('debit'::ledger.entry_side, t.debit_wallet_id, t.debit_seq),
      ('credit', t.credit_wallet_id, t.credit_seq)
    ) as l (side, leg_wallet_id, leg_seq)
    -- Only a reservation has one side.
    where l.leg_wallet_id is not null or t.kind not in ('hold', 'release')
      or num_nonnulls(t.debit_wallet_id, t.credit_wallet_id) = 0
  ), judged as (
    select l.*, w.house, w.stripe, w.asset_code,
      e.transfer_id is distinct from (l.t).id or e.side is distinct from l.side or w.id is null as breaks_reference,
      -- The acting wallet is a player's, on the side that the kind demands; the other is in the account that the kind
      -- decides, there in the acting wallet's stripe or in the batches'.
      l.leg_wallet_id is not null and (coalesce(w.asset_code <> o.asset_code, false) or case when l.acting
        then w.house is not null or l.side::text <> case when (l.t).kind in ('top_up', 'bonus') then 'credit' else 'debit' end
        else (l.t).wallet_id is distinct from l.other_wallet_id
          or w.house is distinct from ledger_private.house_account((l.t).kind)
          or coalesce(w.stripe not in (ledger.wallet_stripe((l.t).wallet_id), 32), false) end) as breaks_sides,
      coalesce(l.acting, false) and ((l.t).kind not in ('top_up', 'bonus', 'spend', 'transfer')
        or (l.t).idem_key is null
        or num_nonnulls((l.t).reverses, (l.t).hold_id, (l.t).expires_at) > 0
        or (l.t).amount not between 1 and 1000000000000000
        or (l.t).requested_amount is distinct from (l.t).amount
        or (l.t).bonus_amount <> case (l.t).kind
          when 'top_up' then 0
          when 'bonus' then (l.t).amount
          else least((l.t).amount, coalesce(head.bonus_balance, 0)) end) as breaks_facts
    from legs l
    left join ledger.entries e on e.wallet_id = l.leg_wallet_id and e.seq = l.leg_seq
    left join ledger.entries head on head.wallet_id = l.leg_wallet_id and head.seq = l.leg_seq - 1 and l.acting
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

comment on function ledger_private.verify_transfers(uuid) is
$$Findings in the transfers that touch one wallet, or in all: both entries there, on the accounts, of the asset and with the facts that
the kind demands. A kind that nothing books yet is a finding.$$;

revoke all on function ledger_private.verify_transfers(uuid) from public;
grant execute on function ledger_private.verify_transfers(uuid) to wallet_auditor;
--! EndIncluded ledger_private/verify_transfers.sql
--! Included ledger_private/verify_wallets.sql
create or replace function ledger_private.verify_wallets(wallet_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  select f.rule, w.id, null::bigint, null::uuid, f.detail
  from ledger.wallets w
  cross join lateral (
    select 'wallet_id', jsonb_build_object('owner_id', w.owner_id, 'house', w.house, 'stripe', w.stripe)
      where case when w.house is null then w.id <> ledger.wallet_id(w.owner_id, w.asset_code)
        else w.id <> ledger_private.house_wallet_id(w.asset_code, w.house, w.stripe) end
    union all
    select 'wallet_status', jsonb_build_object('status', w.status, 'event', v.kind)
      from (select max(e.seq) as seq from ledger.wallet_events e where e.wallet_id = w.id) newest
      left join ledger.wallet_events v on v.wallet_id = w.id and v.seq = newest.seq
      where (case v.kind when 'opened' then 'open' when 'reopened' then 'open' else v.kind::text end)
        is distinct from w.status::text
  ) as f (rule, detail)
  where verify_wallets.wallet_id is null or w.id = verify_wallets.wallet_id
  union all
  select 'wallet_reference', w.id, null, null, jsonb_build_object('asset_code', w.asset_code)
  from ledger.wallets w
  where (verify_wallets.wallet_id is null or w.id = verify_wallets.wallet_id)
    and not exists (select from ledger.assets a where a.code = w.asset_code)
  union all
  select 'wallet_reference', e.wallet_id, null, null, jsonb_build_object('event', e.seq)
  from ledger.wallet_events e
  where verify_wallets.wallet_id is null and not exists (select from ledger.wallets w where w.id = e.wallet_id)
  union all
  select 'wallet_id', null, null, null, jsonb_build_object('asset_code', a.code, 'house', h.account, 'stripe', s.stripe)
  from ledger.assets a, unnest(enum_range(null::ledger.house_account)) as h (account), generate_series(0, 32) as s (stripe)
  where verify_wallets.wallet_id is null
    and not exists (
      select from ledger.wallets w where w.asset_code = a.code and w.house = h.account and w.stripe = s.stripe
    )
$$;

comment on function ledger_private.verify_wallets(uuid) is
  'Findings in one wallet, or in all: the id derived from owner or account, the status what its newest event says, no part of the
house missing, the asset there, no event without its wallet.';

revoke all on function ledger_private.verify_wallets(uuid) from public;
grant execute on function ledger_private.verify_wallets(uuid) to wallet_auditor;
--! EndIncluded ledger_private/verify_wallets.sql
--! Included ledger_private/verify_sums.sql
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
--! EndIncluded ledger_private/verify_sums.sql
--! Included ledger/ledger_verify.sql
create or replace function ledger.ledger_verify(wallet_id uuid default null)
returns setof ledger.finding
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- One wallet and all of them want different plans.
set plan_cache_mode = force_custom_plan
as $$
begin
  -- "No row" must never mean "no such wallet".
  if ledger_verify.wallet_id is not null
    and not exists (select from ledger.wallets w where w.id = ledger_verify.wallet_id and w.house is null) then
    perform ledger_private.refuse_wallet(ledger_verify.wallet_id);
  end if;

  return query select f.* from ledger_private.verify_entries(ledger_verify.wallet_id) f;
  return query select f.* from ledger_private.verify_transfers(ledger_verify.wallet_id) f;
  return query select f.* from ledger_private.verify_wallets(ledger_verify.wallet_id) f;
  if ledger_verify.wallet_id is null then
    return query select f.* from ledger_private.verify_sums() f;
  end if;
end
$$;

comment on function ledger.ledger_verify(uuid) is
$$Proves the ledger again from its rows, in one snapshot, while others go on posting: every broken rule is a row, and no row
means that it is sound.

- walletId: one player's wallet with its transfers; the whole ledger if left out. Refuses with WALLET_NOT_FOUND (WLNOW).

Rules:

- entry_seq: a wallet's entries are numbered without gaps
- entry_balance: balances and totals continue from the entry before
- entry_time: a wallet's time never runs backwards
- entry_hash: the chain of hashes is whole
- entry_reference: the wallet and the transfer of an entry are there
- entry_transfer: an entry says the same as its transfer
- transfer_reference: both entries of a transfer are there
- transfer_sides: the accounts and the asset are those that the transfer's kind demands
- transfer_facts: key, amounts and bonus part are those that the transfer's kind demands
- wallet_id: a wallet's id is the one derived from its owner or house account, and no part of the house is missing
- wallet_reference: the asset of a wallet and the wallet of an event are there
- wallet_status: a wallet's status is what its newest event says
- asset_sum: within an asset, debits and credits have the same sum$$;

revoke all on function ledger.ledger_verify(uuid) from public;
grant execute on function ledger.ledger_verify(uuid) to wallet_auditor;
--! EndIncluded ledger/ledger_verify.sql

-- Guards --------------------------------------------------------------------------------------------------------------
-- Privileges are the first wall, these the second: they stop the owner and a superuser from writing by hand. They fire in
-- ordinary sessions only, so that logical replication and a restore may still write rows.

create trigger _100_guard_insert before insert on ledger.assets for each statement
  when (current_setting('ledger.posting', true) is distinct from 'on') execute function ledger_private.tg__guard_insert();
create trigger _100_guard_insert before insert on ledger.wallets for each statement
  when (current_setting('ledger.posting', true) is distinct from 'on') execute function ledger_private.tg__guard_insert();
create trigger _100_guard_insert before insert on ledger.wallet_events for each statement
  when (current_setting('ledger.posting', true) is distinct from 'on') execute function ledger_private.tg__guard_insert();
create trigger _100_guard_insert before insert on ledger.transfers for each statement
  when (current_setting('ledger.posting', true) is distinct from 'on') execute function ledger_private.tg__guard_insert();
create trigger _100_guard_insert before insert on ledger.entries for each statement
  when (current_setting('ledger.posting', true) is distinct from 'on') execute function ledger_private.tg__guard_insert();

create trigger _200_append_only before update or delete or truncate on ledger.assets
  for each statement execute function ledger_private.tg__append_only();
create trigger _200_append_only before delete or truncate on ledger.wallets
  for each statement execute function ledger_private.tg__append_only();
create trigger _200_append_only before update or delete or truncate on ledger.wallet_events
  for each statement execute function ledger_private.tg__append_only();
create trigger _200_append_only before update or delete or truncate on ledger.transfers
  for each statement execute function ledger_private.tg__append_only();
create trigger _200_append_only before update or delete or truncate on ledger.entries
  for each statement execute function ledger_private.tg__append_only();

create trigger _200_guard_update before update on ledger.wallets for each statement
  when (current_setting('ledger.posting', true) is distinct from 'on') execute function ledger_private.tg__append_only();
create trigger _300_status_only before update on ledger.wallets
  for each row execute function ledger_private.tg_wallets__status_only();

-- Privileges ----------------------------------------------------------------------------------------------------------

grant select on ledger.assets, ledger.wallets, ledger.wallet_events, ledger.transfers, ledger.entries
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
grant usage on type
  ledger.transfer_kind, ledger.entry_side, ledger.house_account, ledger.wallet_status, ledger.wallet_event_kind,
  ledger.receipt, ledger.wallet_balance, ledger.trial_balance, ledger.finding, ledger.history_line
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

alter table ledger.wallets enable row level security;
alter table ledger.wallet_events enable row level security;
alter table ledger.transfers enable row level security;
alter table ledger.entries enable row level security;

-- A claim reverts to '' on a pooled connection, hence nullif; the sub-select makes it one look-up per statement.
create policy players_see_their_own on ledger.wallets for select to wallet_player
  using (house is null and owner_id = (select nullif(current_setting('jwt.claims.sub', true), '')));
create policy services_see_every_player on ledger.wallets for select to wallet_service, wallet_operator, wallet_job
  using (house is null);
create policy auditors_see_all on ledger.wallets for select to wallet_auditor using (true);

-- Whoever sees a wallet sees its history: the sub-selects run under the policies of wallets. For those who see every
-- player they are scalar, because PostgreSQL would answer an EXISTS by reading all wallets into a hash table; for a
-- player that table holds the own wallets only, and spares a look-up per row.
create policy players_see_their_own on ledger.entries for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = entries.wallet_id));
create policy services_see_every_player on ledger.entries for select to wallet_service, wallet_operator, wallet_job
  using ((select true from ledger.wallets w where w.id = entries.wallet_id));
create policy auditors_see_all on ledger.entries for select to wallet_auditor using (true);

-- Of a transfer received, a player sees the entry alone: the key and the metadata are the sender's.
create policy players_see_their_own on ledger.transfers for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = transfers.wallet_id));
create policy services_see_every_player on ledger.transfers for select to wallet_service, wallet_operator, wallet_job
  using ((select true from ledger.wallets w where w.id = transfers.wallet_id));
create policy auditors_see_all on ledger.transfers for select to wallet_auditor using (true);

create policy players_see_their_own on ledger.wallet_events for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = wallet_events.wallet_id));
create policy services_see_every_player on ledger.wallet_events for select to wallet_service, wallet_operator, wallet_job
  using ((select true from ledger.wallets w where w.id = wallet_events.wallet_id));
create policy auditors_see_all on ledger.wallet_events for select to wallet_auditor using (true);

reset role;
