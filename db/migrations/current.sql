-- Enter migration here

-- A feed of transfers for other systems.

set local role wallet_owner;

-- A constant default: no row is rewritten, and what was there counts as one transaction of old.
alter table ledger.transfers add column xid xid8 not null default '0';
alter table ledger.transfers alter column xid set default pg_current_xact_id();
create index transfers_xid_id_idx on ledger.transfers (xid, id);
comment on column ledger.transfers.xid is $$@behavior -*
The transaction that wrote it: its place in the feed, within an epoch. No fact of the movement, and not in its hash.$$;

create table ledger.feed_epochs (
  epoch int primary key,
  system_identifier bigint not null,
  started_at timestamptz not null default clock_timestamp()
);

comment on table ledger.feed_epochs is $$@behavior -*
The clusters that the ledger has lived in: the ids of transactions, which order the feed, are those of the newest. Append-only.$$;
comment on column ledger.feed_epochs.epoch is 'Number of the epoch: 1, 2, 3 and so on.';
comment on column ledger.feed_epochs.system_identifier is 'Of the cluster, as pg_control_system() names it.';
comment on column ledger.feed_epochs.started_at is 'When it began.';

create trigger _100_guard_insert before insert on ledger.feed_epochs
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.feed_epochs
  for each statement execute function ledger_private.tg__append_only();

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

grant select on ledger.feed_epochs to wallet_service, wallet_operator, wallet_auditor, wallet_job;
grant usage on type ledger.event to wallet_service, wallet_operator, wallet_auditor, wallet_job;

-- Whoever writes a transfer says in which transaction.
--!include ledger_private/batch_request.sql
--!include ledger_private/free_due_holds.sql
--!include ledger_private/expire_due_lots.sql
--!include ledger_private/seal.sql
--!include ledger_private/load_lots.sql
--!include ledger_private/post.sql
--!include ledger_private/write_batch.sql
--!include ledger/wallet_hold.sql
--!include ledger/wallet_capture.sql
--!include ledger/wallet_release.sql
--!include ledger/wallet_reverse.sql

--!include ledger_private/feed_epoch.sql
--!include ledger/ledger_events.sql

-- Seals, by which hashes kept elsewhere prove the ledger.

create type ledger_private.feed_place as (xid xid8, id uuid);

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
comment on column ledger.seals.wallets is 'How many wallets they are of: the leaves of the tree.';
comment on column ledger.seals.root is 'The root of the Merkle tree over the newest entry of each of these wallets.';
comment on column ledger.seals.previous is 'The hash of the seal before; null in the first.';
comment on column ledger.seals.hash is 'SHA-256 over every other fact of the seal.';
comment on column ledger.seals.horizon is 'Up to where in the feed, in its epoch, all transfers are sealed: the transaction.';
comment on column ledger.seals.horizon_id is 'And the transfer of it.';
comment on column ledger.seals.epoch is 'The epoch of the feed that the horizon is to be read in.';
comment on column ledger.seals.sealed_at is 'When it was made.';
comment on column ledger.seals.actor is 'Who made it.';

create table ledger.seal_heads (
  wallet_id uuid not null,
  seal_seq bigint not null references ledger.seals (seq),
  seq bigint not null,
  primary key (wallet_id, seal_seq)
);
create index seal_heads_seal_seq_idx on ledger.seal_heads (seal_seq);
alter table ledger.seal_heads
  add constraint seal_heads_entry_fkey foreign key (wallet_id, seq) references ledger.entries (wallet_id, seq) not enforced;

comment on table ledger.seal_heads is $$@behavior -*
The leaves of the seals: up to which entry each wallet was sealed. Append-only.$$;
comment on column ledger.seal_heads.wallet_id is 'The wallet.';
comment on column ledger.seal_heads.seal_seq is 'The seal.';
comment on column ledger.seal_heads.seq is 'The newest entry of the wallet that it covers.';
comment on constraint seal_heads_seal_seq_fkey on ledger.seal_heads is '@behavior -*';
comment on constraint seal_heads_entry_fkey on ledger.seal_heads is '@behavior -*';

create table ledger.verifications (
  id uuid primary key default uuidv7(),
  started_at timestamptz not null,
  finished_at timestamptz not null,
  findings bigint not null,
  seal_seq bigint,
  kept_seals bigint not null,
  actor text not null
);
create index verifications_clean_idx on ledger.verifications (finished_at) where findings = 0;

comment on table ledger.verifications is $$@behavior -*
When the whole ledger was proved from its rows, and what came of it. Append-only.$$;
comment on column ledger.verifications.id is 'Time-ordered id.';
comment on column ledger.verifications.started_at is 'When it began: it saw the ledger as it was then.';
comment on column ledger.verifications.finished_at is 'When it ended.';
comment on column ledger.verifications.findings is 'How many broken rules it found; 0 where the ledger was sound.';
comment on column ledger.verifications.seal_seq is 'The newest seal it proved; null where there was none.';
comment on column ledger.verifications.kept_seals is 'How many seals that were kept elsewhere it was given, and looked for.';
comment on column ledger.verifications.actor is 'Who asked for it.';

create type ledger.metric as (name text, labels jsonb, value double precision);
comment on type ledger.metric is 'A figure of the ledger at this moment, for monitoring.';
comment on column ledger.metric.name is $$@notNull
Which figure.$$;
comment on column ledger.metric.labels is $$@notNull
What it is of: an object of texts.$$;
comment on column ledger.metric.value is $$@notNull
The figure.$$;

create trigger _100_guard_insert before insert on ledger.seals for each statement execute function ledger_private.tg__guard_insert();
create trigger _100_guard_insert before insert on ledger.seal_heads for each statement execute function ledger_private.tg__guard_insert();
create trigger _100_guard_insert before insert on ledger.verifications for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.seals
  for each statement execute function ledger_private.tg__append_only();
create trigger _200_append_only before update or delete or truncate on ledger.seal_heads
  for each statement execute function ledger_private.tg__append_only();
create trigger _200_append_only before update or delete or truncate on ledger.verifications
  for each statement execute function ledger_private.tg__append_only();

grant select on ledger.seals to wallet_auditor, wallet_job;
grant select on ledger.seal_heads, ledger.verifications to wallet_auditor;
grant usage on type ledger.metric to wallet_auditor;
alter table ledger.seal_heads enable row level security;
create policy auditors_see_all on ledger.seal_heads for select to wallet_auditor using (true);
-- The login of the gateway asks for figures, on behalf of nobody.
grant usage on schema ledger to wallet_gateway;

--!include ledger_private/merkle_root.sql
--!include ledger_private/seal_leaf.sql
--!include ledger_private/seal_hash.sql
--!include ledger_private/seal_start.sql
--!include ledger_private/begin_epoch.sql
--!include ledger_private/unsealed_heads.sql
--!include ledger/ledger_seal.sql
--!include ledger_private/verify_seals.sql
--!include ledger/ledger_verify_seals.sql
--!include ledger/ledger_verify.sql
--!include ledger/ledger_prove.sql
--!include ledger/ledger_metrics.sql
-- Notifications for subscriptions.
--!include ledger/wallets_seq.sql
--!include ledger_private/feed_end.sql
--!include ledger/ledger_notify.sql

select ledger_private.begin_epoch();

reset role;
-- The gateway asks how far the database has been migrated: it is ready where its own code's newest migration is there.
grant usage on schema graphile_migrate to wallet_gateway;
grant select (hash) on graphile_migrate.migrations to wallet_gateway;

-- How long a session of a login may take, whatever program opens it. The services' pools say the same for connections of a
-- superuser, which take a login on and do not get its settings. Downloads last for up to a quarter of an hour.
-- Roles belong to the cluster: where another database has set it already, nothing is to be done.
do $settings$
declare
  v_role text;
  v_setting text;
  v_value text;
begin
  for v_role, v_setting, v_value in values
    ('wallet_gateway', 'statement_timeout', '30s'),
    ('wallet_gateway', 'lock_timeout', '2s'),
    ('wallet_gateway', 'idle_in_transaction_session_timeout', '60s'),
    ('wallet_gateway', 'transaction_timeout', '20min'),
    ('wallet_worker', 'statement_timeout', '30s'),
    ('wallet_worker', 'lock_timeout', '2s'),
    ('wallet_worker', 'idle_in_transaction_session_timeout', '60s'),
    ('wallet_worker', 'transaction_timeout', '2min')
  loop
    if not exists (
      select from pg_db_role_setting
      where setrole = v_role::regrole and setdatabase = 0 and v_setting || '=' || v_value = any (setconfig)
    ) then
      execute format('alter role %I set %I = %L', v_role, v_setting, v_value);
    end if;
  end loop;
exception
  when insufficient_privilege then
    raise warning 'the timeouts of % are left to an administrator: %', v_role, sqlerrm;
end
$settings$;

-- What the gateway keeps for itself, apart from the ledger. Unlogged: cheap, and a crash may forget it.
create schema gateway authorization wallet_owner;

set local role wallet_owner;

comment on schema gateway is 'What the processes of the gateway share: nothing of the ledger.';

create unlogged table gateway.rate_limits (
  key text primary key,
  points int not null default 0,
  expire bigint
) with (fillfactor = 70);
comment on table gateway.rate_limits is 'How many requests each caller has sent within the current window.';
comment on column gateway.rate_limits.key is 'A hash of the role and the subject of the token.';
comment on column gateway.rate_limits.points is 'Requests so far.';
comment on column gateway.rate_limits.expire is 'The end of the window, in milliseconds since 1970.';

grant usage on schema gateway to wallet_gateway;
grant select, insert, update, delete on gateway.rate_limits to wallet_gateway;

reset role;
