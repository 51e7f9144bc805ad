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
