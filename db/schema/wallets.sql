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
credits sold. promotions: credits given away. revenue: credits spent. breakage: credits that expired. opening: balances
brought from another system. adjustments: corrections by operators. exchange: credits that owners exchanged for those of
another asset, or got for them. receivables: what wallets owe. losses: what of that was given up. elsewhere: players
whose wallets another database has; sums name it, entries do not. The others have no movements yet.$$;
grant usage on type ledger.account to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.wallet_status as enum ('open', 'frozen', 'closed');
comment on type ledger.wallet_status is
  'open: everything books. frozen: no credit leaves, credits still arrive. closed: nothing books.';
grant usage on type ledger.wallet_status to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.wallet_event_kind as enum ('opened', 'frozen', 'closed', 'reopened', 'limited', 'redacted');
comment on type ledger.wallet_event_kind is
$$What happens to a wallet beside its movements: a change of its status, limits of its own, or that metadata of one of
its movements were blanked by law.$$;
grant usage on type ledger.wallet_event_kind to wallet_player, wallet_service, wallet_operator,
  wallet_auditor, wallet_job;

create table ledger.wallets (
  id uuid primary key,
  owner_id text not null,
  asset_code text not null references ledger.assets (code),
  status ledger.wallet_status not null default 'open',
  created_at timestamptz not null default clock_timestamp(),
  own_limits int,
  -- Null in all but few.
  merged_into uuid,
  constraint wallets_owner_id_has_1_to_200_characters check (char_length(owner_id) between 1 and 200),
  -- Declared, not enforced: another database may have the successor. It gives GraphQL the relation.
  constraint wallets_merged_into_fkey foreign key (merged_into) references ledger.wallets (id) not enforced
);

-- A player's list of wallets.
create index wallets_owner_id_idx on ledger.wallets (owner_id);
-- Lists by owner, whose beginning is looked for too: in the order of code points, whatever the database's collation is.
-- (That of assets without the id, of which an owner has one: with it, all of it would be read for the asset of a few.)
create index wallets_by_owner_idx on ledger.wallets (owner_id collate "C", id);
create index wallets_by_asset_idx on ledger.wallets (asset_code, owner_id collate "C");
create index wallets_by_status_idx on ledger.wallets (status, owner_id collate "C", id) where status <> 'open';

comment on table ledger.wallets is
$$A wallet: one owner's credits of one asset. Its balance is not a column of it: the newest entry of the wallet carries
it.$$;
comment on column ledger.wallets.id is 'Derived from owner and asset (see walletId), so nobody needs to look it up.';
comment on column ledger.wallets.owner_id is $$@isIndexed
@behavior -orderBy
The player's account number: 1 to 200 characters, opaque and unchanging. Never an e-mail address or a name.$$;
comment on column ledger.wallets.asset_code is $$@behavior -orderBy -filterBy
The asset whose credits the wallet holds.$$;
comment on constraint wallets_asset_code_fkey on ledger.wallets is
  '@behavior -manyRelation:resource:connection -manyRelation:resource:list';
comment on column ledger.wallets.status is 'open, frozen or closed; every change leaves a row in the wallet''s events.';
comment on column ledger.wallets.created_at is 'When the wallet was opened.';
comment on column ledger.wallets.own_limits is $$@behavior -*
Which event set the limits of its own that are in force; null where those of its asset are.$$;

comment on column ledger.wallets.merged_into is $$@name merged_into_id
The wallet that everything in this one moved to, where it was merged: it stays closed then.$$;
comment on constraint wallets_merged_into_fkey on ledger.wallets is
$$@fieldName mergedInto
@behavior -manyRelation:resource:connection -manyRelation:resource:list
@forwardDescription Where it was merged, the wallet that everything moved to. That may have been merged too.$$;

-- The one table with a row that changes: its status does, which limits it has and, once, the wallet it is
-- merged into; nothing else of it.
create trigger _100_guard_insert before insert on ledger.wallets
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before delete or truncate on ledger.wallets
  for each statement execute function ledger_private.tg__append_only();
create trigger _200_guard_update before update on ledger.wallets for each statement
  when (current_setting('ledger.posting', true) is distinct from 'on')
    execute function ledger_private.tg__append_only();
--!include functions/ledger_private/triggers/tg_wallets__status_only.sql
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
  facts_hash bytea,
  primary key (wallet_id, seq)
);

-- What operators did, by time. Each wallet was opened; that is not among it.
create index wallet_events_created_at_idx on ledger.wallet_events (created_at, wallet_id, seq) where kind <> 'opened';

comment on table ledger.wallet_events is
$$@behavior -query:resource:connection -query:resource:list -query:resource:single
What happened to a wallet beside its movements: who, when and why. Append-only. Players do not see it.$$;
comment on constraint wallet_events_wallet_id_fkey on ledger.wallet_events is '@foreignFieldName events';
comment on column ledger.wallet_events.wallet_id is 'The wallet.';
comment on column ledger.wallet_events.seq is 'Number of the event within its wallet: 1, 2, 3 and so on.';
comment on column ledger.wallet_events.kind is 'What happened.';
comment on column ledger.wallet_events.reason is 'Why, in the words of whoever did it.';
comment on column ledger.wallet_events.actor is 'Who: the token''s role and subject, or db: and the database login.';
comment on column ledger.wallet_events.created_at is 'When.';
comment on column ledger.wallet_events.hash is $$@behavior -*
SHA-256 over the hash before it, which for the first is one over the facts of the wallet, and every other fact.$$;
comment on column ledger.wallet_events.facts_hash is $$@behavior -*
SHA-256 over what this event is about, where that stands in a row of its own: limits, or a redaction.$$;

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
