-- How the tables and types of the last release become those of schema/, by hand: `npm run migration` puts it before the
-- files that changed. It runs as wallet_owner. A database of the release is full: a column comes last in its table, and
-- what would read all of a table says why it must. A function whose arguments or result change is dropped here.

-- Reports. The rows of before are filled, so that they are as exact as new ones: two statements that read all blocks
-- and all totals, of which there are some a minute. No posting waits for that; blocks and trial balances do.
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
update ledger.house_totals t set total_movements = n.total_movements
from (
  select h.ctid as place, sum(h.movements) over (partition by h.asset_code, h.kind, h.debit, h.credit
    order by h.block_seq, h.quarter) as total_movements
  from ledger.house_totals h
) n
where n.place = t.ctid;
alter table ledger.house_totals enable trigger _200_append_only;
alter table ledger.house_totals alter column total_movements set not null;

grant select on ledger.blocks, ledger.house_totals, ledger.block_heads, ledger_private.node_ranges to wallet_operator;
alter policy auditors_see_all on ledger.block_heads to wallet_operator, wallet_auditor;

comment on column ledger.blocks.hash is 'SHA-256 over every other fact of the block but counted_until.';
comment on column ledger.blocks.counted_until is
$$No movement that it or a block before it closes counts after this instant: the newest at which one does, in the blocks
of release 0.1.0 the end of that quarter of an hour. What counts when follows from the entries, so no hash covers it.$$;
comment on column ledger.house_totals.total_movements is
  'How many these are. It follows from movements, so no hash covers it.';
