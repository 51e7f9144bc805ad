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
comment on column ledger.seals.wallets is 'How many wallets they are of: the leaves of the tree.';
comment on column ledger.seals.root is 'The root of the Merkle tree over the newest entry of each of these wallets.';
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
The leaves of the seals: up to which entry each wallet was sealed. Append-only.$$;
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
