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
  actor text not null,
  counted_until timestamptz not null
);

-- Which blocks an instant lies in: both rise with the number of the block.
create index blocks_final_until_idx on ledger.blocks (final_until, seq);
create index blocks_counted_until_idx on ledger.blocks (counted_until, seq);

comment on table ledger.blocks is $$@behavior -query:resource:list
A block of entries that was closed, with the root of a Merkle tree over them, the totals of the house and the hash of
the block before. Append-only; kept elsewhere too, blocks show what a recomputed chain of hashes does not.$$;
comment on column ledger.blocks.seq is 'Number of the block: 1, 2, 3 and so on without gaps.';
comment on column ledger.blocks.entries is 'How many entries it closes that none before it did.';
comment on column ledger.blocks.wallets is 'How many wallets they are of.';
comment on column ledger.blocks.root is
  'The root of the Merkle tree over the newest entry of each of these wallets, and what else is new (block_records).';
comment on column ledger.blocks.totals_hash is 'SHA-256 over its rows of house_totals.';
comment on column ledger.blocks.previous is 'The hash of the block before; null in the first.';
comment on column ledger.blocks.hash is 'SHA-256 over every other fact of the block but counted_until.';
comment on column ledger.blocks.snapshot is
$$@behavior -*
Which transactions, of its epoch, had ended: it and the blocks before it close what these wrote, and nothing else. (A
pg_snapshot.)$$;
comment on column ledger.blocks.xid is $$@behavior -*
The transaction that closed it. What was booked before sealed_at, a transaction before this one wrote.$$;
comment on column ledger.blocks.epoch is 'The epoch of the feed in which ids of transactions are to be read.';
comment on column ledger.blocks.sealed_at is 'When it was begun: the cut comes after it.';
comment on column ledger.blocks.final_until is $$@behavior -*
All figures before this instant are final: no transaction is open that could still book there. -infinity where none
are.$$;
comment on column ledger.blocks.actor is 'Who closed it.';
comment on column ledger.blocks.counted_until is $$@behavior -*
No movement that it or a block before it closes counts after this instant: the newest at which one does, in the blocks
of release 0.1.0 the end of that quarter of an hour. What counts when follows from the entries, so no hash covers it.$$;

create trigger _100_guard_insert before insert on ledger.blocks
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.blocks
  for each statement execute function ledger_private.tg__append_only();

grant select on ledger.blocks to wallet_operator, wallet_auditor, wallet_job;

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
  total_movements bigint not null,
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
comment on column ledger.house_totals.total_movements is
  'How many these are. It follows from movements, so no hash covers it.';
comment on constraint house_totals_asset_code_fkey on ledger.house_totals is '@behavior -*';
comment on constraint house_totals_block_seq_fkey on ledger.house_totals is '@behavior -*';

create trigger _100_guard_insert before insert on ledger.house_totals
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.house_totals
  for each statement execute function ledger_private.tg__append_only();

grant select on ledger.house_totals to wallet_operator, wallet_auditor, wallet_job;

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
create policy auditors_see_all on ledger.block_heads for select to wallet_operator, wallet_auditor using (true);
grant select on ledger.block_heads to wallet_operator, wallet_auditor;

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
