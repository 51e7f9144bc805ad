-- How the tables and types of the last release become those of schema/, by hand: `npm run migration` puts it before the
-- files that changed. It runs as wallet_owner. A database of the release is full: a column comes last in its table, and
-- what would read all of a table says why it must. A function whose arguments or result change is dropped here.

-- Reports. The rows of before are filled, so that they are as exact as new ones: that reads all blocks and totals, of
-- which there are some a minute, and takes about a minute for each year. No posting waits for it; the next block and
-- trial balances do. It comes first: what follows locks tables that postings need.
alter type ledger_private.cut add attribute counted_until timestamptz;

alter table ledger.blocks add column counted_until timestamptz;
alter table ledger.blocks disable trigger _200_append_only;
-- The end of the newest quarter of an hour: the instant itself, only the entries know.
update ledger.blocks b set counted_until = n.counted_until
from (
  select a.seq, greatest(max(q.newest) over (order by a.seq) + interval '15 minutes' - interval '1 microsecond',
    '-infinity') as counted_until
  from ledger.blocks a
  left join (select t.block_seq, max(t.quarter) as newest from ledger.house_totals t group by t.block_seq) q
    on q.block_seq = a.seq
) n
where n.seq = b.seq;
alter table ledger.blocks enable trigger _200_append_only;
alter table ledger.blocks alter column counted_until set not null;
create index blocks_final_until_idx on ledger.blocks (final_until, seq);
create index blocks_counted_until_idx on ledger.blocks (counted_until, seq);

alter table ledger.house_totals add column total_movements bigint;
alter table ledger.house_totals disable trigger _200_append_only;
-- To make the indexes anew takes half as long as to change them row by row.
alter table ledger.house_totals drop constraint house_totals_pkey;
drop index ledger.house_totals_block_seq_idx;
update ledger.house_totals t set total_movements = n.total_movements
from (
  select h.ctid as place, sum(h.movements) over (partition by h.asset_code, h.kind, h.debit, h.credit
    order by h.block_seq, h.quarter) as total_movements
  from ledger.house_totals h
) n
where n.place = t.ctid;
alter table ledger.house_totals add constraint house_totals_pkey
  primary key (asset_code, kind, debit, credit, block_seq, quarter);
create index house_totals_block_seq_idx on ledger.house_totals (block_seq);
alter table ledger.house_totals enable trigger _200_append_only;
alter table ledger.house_totals alter column total_movements set not null;

grant select on ledger.blocks, ledger.house_totals, ledger.block_heads, ledger_private.node_ranges to wallet_operator;
alter policy auditors_see_all on ledger.block_heads to wallet_operator, wallet_auditor;

comment on column ledger.blocks.hash is 'SHA-256 over every other fact of the block but counted_until.';
comment on column ledger.blocks.counted_until is $$@behavior -*
No movement that it or a block before it closes counts after this instant: the newest at which one does, in the blocks
of release 0.1.0 the end of that quarter of an hour. What counts when follows from the entries, so no hash covers it.$$;
comment on column ledger.house_totals.total_movements is
  'How many these are. It follows from movements, so no hash covers it.';

-- Limits on what is sent, and limits of a single wallet.
alter table ledger.asset_limits add column max_transfer bigint, add column max_daily_transfer bigint;
comment on table ledger.asset_limits is
$$@behavior -query:resource:connection -query:resource:list -query:resource:single
Limits of an asset, for each wallet of it that has none of its own. Append-only: the newest are in force.$$;
comment on column ledger.asset_limits.max_transfer is
  'The largest single transfer to another player, in minor units; null for none.';
comment on column ledger.asset_limits.max_daily_transfer is
  'The largest total of transfers to other players within 24 hours, in minor units; null for none.';
alter table ledger.wallets add column own_limits int;
comment on column ledger.wallets.own_limits is $$@behavior -*
Which event set the limits of its own that are in force; null where those of its asset are.$$;
--!include functions/ledger_private/triggers/tg_wallets__status_only.sql
alter type ledger.wallet_event_kind add value 'limited';
comment on type ledger.wallet_event_kind is
  'What happens to a wallet beside its movements: a change of its status, or limits of its own.';
alter table ledger.wallet_events add column facts_hash bytea;
comment on table ledger.wallet_events is
$$@behavior -query:resource:connection -query:resource:list -query:resource:single
What happened to a wallet's status and limits: who, when and why. Append-only. Players do not see it.$$;
comment on column ledger.wallet_events.facts_hash is $$@behavior -*
SHA-256 over what this event is about, where that stands in a row of its own: the limits.$$;
drop function ledger.asset_limit_set(text, bigint, bigint, bigint, bigint, bigint);
drop function ledger_private.record_events(uuid[], ledger.wallet_event_kind, text);

-- Blocks and verifications in GraphQL.
grant select on ledger.verifications to wallet_operator;
comment on table ledger.blocks is $$@behavior -query:resource:list
A block of entries that was closed, with the root of a Merkle tree over them, the totals of the house and the hash of
the block before. Append-only; kept elsewhere too, blocks show what a recomputed chain of hashes does not.$$;
comment on column ledger.blocks.snapshot is
$$@behavior -*
Which transactions, of its epoch, had ended: it and the blocks before it close what these wrote, and nothing else. (A
pg_snapshot.)$$;
comment on column ledger.blocks.xid is $$@behavior -*
The transaction that closed it. What was booked before sealed_at, a transaction before this one wrote.$$;
comment on column ledger.blocks.final_until is $$@behavior -*
All figures before this instant are final: no transaction is open that could still book there. -infinity where none
are.$$;
comment on table ledger.verifications is $$@behavior -query:resource:list -query:resource:single
When the whole ledger was proved from its rows, and what came of it. Append-only.$$;
comment on constraint verifications_pkey on ledger.verifications is '@behavior -*';
comment on constraint verifications_seq_key on ledger.verifications is '@behavior -*';
