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
