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
--!include functions/ledger_private/tg_wallets__status_only.sql
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
