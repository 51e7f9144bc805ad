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
comment on constraint asset_limits_asset_code_fkey on ledger.asset_limits is $$@fieldName asset
@foreignFieldName limitsHistory
@behavior -manyRelation:resource:list
@backwardDescription All settings of its limits, oldest first: who made them, and when. None for players.$$;
comment on column ledger.asset_limits.max_transfer is
  'The largest single transfer to another player, in minor units; null for none.';
comment on column ledger.asset_limits.max_daily_transfer is
  'The largest total of transfers to other players within 24 hours, in minor units; null for none.';
alter table ledger.wallets add column own_limits int;
comment on column ledger.wallets.own_limits is $$@behavior -*
Which event set the limits of its own that are in force; null where those of its asset are.$$;
--!include functions/ledger_private/triggers/tg_wallets__status_only.sql
alter type ledger.wallet_event_kind add value 'limited';
alter table ledger.wallet_events add column facts_hash bytea;
comment on table ledger.wallet_events is
$$@behavior -query:resource:connection -query:resource:list -query:resource:single
What happened to a wallet beside its movements: who, when and why. Append-only. Players do not see it.$$;
comment on column ledger.wallet_events.facts_hash is $$@behavior -*
SHA-256 over what this event is about, where that stands in a row of its own: limits, or a redaction.$$;
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

-- Before the views that name its columns.
alter table ledger.entries add column owed bigint;
comment on column ledger.entries.owed is
  'What the wallet owes after this line, in minor units; null for nothing.';

-- What openings, adjustments and exchanges ask for.
alter type ledger.wallet_request
  add attribute bonus_amount bigint,
  add attribute side ledger.entry_side,
  add attribute reason text,
  add attribute to_amount bigint;
drop function ledger.request(
  ledger.transfer_kind, uuid, uuid, bigint, text, timestamptz, jsonb, uuid, uuid
);
comment on type ledger.account is
$$What a movement debits and credits: player, which is one wallet or another, or an account of the house. treasury:
credits sold. promotions: credits given away. revenue: credits spent. breakage: credits that expired. opening: balances
brought from another system. adjustments: corrections by operators. exchange: credits that owners exchanged for those of
another asset, or got for them. receivables: what wallets owe. losses: what of that was given up. elsewhere: players
whose wallets another database has; sums name it, entries do not. The others have no movements yet.$$;
comment on type ledger.transfer_kind is
  'What a movement is.';
comment on column ledger.entries.to_wallet is $$@behavior -*
The other player's wallet, where the movement is between two; the line there does not name this one: who sent is not for
who received. Of an exchange and its reversal, the same owner's wallet of the other asset: each line names the other.$$;
comment on column ledger.wallet_request.kind is $$@notNull
top_up, bonus, spend, transfer, hold, capture, release, reversal, opening, exchange, adjustment,
collection, forgiveness or merge.$$;
comment on column ledger.wallet_request.wallet_id is $$@notNull
The player's wallet; of a transfer, an exchange or a merge, the one that credits leave.$$;
comment on column ledger.wallet_request.counterparty_id is
  'The wallet that the credits of a transfer, an exchange or a merge arrive in; of other kinds, none.';
comment on column ledger.wallet_request.expires_at is
  'Of a bonus, a hold or the bonus credits of an opening, when it expires; never if left out.';
comment on column ledger.wallet_request.bonus_amount is
  'Of an opening, the part of the amount that is bonus credits; 0 if left out.';
comment on column ledger.wallet_request.side is
  'Of an adjustment, credit to give credits to the wallet, debit to take them out of it.';
comment on column ledger.wallet_request.reason is
  'Of an adjustment, a forgiveness or a merge, why: 1 to 1000 characters.';
comment on column ledger.wallet_request.to_amount is
  'Of an exchange, what arrives, in minor units of the other asset, 1 to 1000000000000000.';

-- Debts.
alter type ledger.receipt add attribute owed bigint, add attribute in_flight boolean;
comment on column ledger.receipt.available is $$@notNull
What could be spent once it was committed, in minor units: the balance less what is reserved, less what of a top-up paid
a debt, and less credits that it gave back and that had expired, which the same transaction books to breakage.$$;
comment on column ledger.receipt.owed is $$@notNull
What the wallet owed after it, in minor units: credits that a chargeback could not take because they were gone. Of a
top-up that paid some of it, what was owed after that.$$;
comment on column ledger.receipt.in_flight is $$@notNull
Whether it still had to arrive at another database. False: all wallets are in one.$$;

alter type ledger.wallet_request add attribute owe boolean;
comment on column ledger.wallet_request.owe is
  'Of the reversal of a top-up, whether what is gone becomes a debt of the wallet; false if left out.';

alter type ledger.credit_source add value 'debt';
comment on type ledger.credit_source is
$$Where credits in a wallet come from: bought, given away, or given away until an instant. debt is what the wallet
owes, and no part of its balance.$$;

drop function ledger.wallet_reverse(uuid, uuid, text, bigint, jsonb);
drop function ledger_private.not_reversible(ledger.entries, bigint, bigint);

-- A key is found without its wallet too. This reads all entries once, while postings wait: for 10^7 of them less than
-- half a minute (bench/README.md). It replaces the index that had the wallet first: a posting writes as many as before.
create unique index entries_idem_key_wallet_id_key on ledger.entries (idem_key text_pattern_ops, wallet_id)
  where idem_key is not null;
drop index ledger.entries_wallet_id_idem_key_key;

-- Lists over all wallets: these tables are read once each, and have a row for each wallet or for what is open.
create index wallets_by_owner_idx on ledger.wallets (owner_id collate "C", id);
create index wallets_by_asset_idx on ledger.wallets (asset_code, owner_id collate "C");
comment on column ledger.wallets.asset_code is $$@behavior -orderBy -filterBy
The asset whose credits the wallet holds.$$;
comment on constraint wallets_asset_code_fkey on ledger.wallets is
  '@behavior -manyRelation:resource:connection -manyRelation:resource:list';
create index wallets_by_status_idx on ledger.wallets (status, owner_id collate "C", id) where status <> 'open';
create index wallet_events_created_at_idx on ledger.wallet_events (created_at, wallet_id, seq) where kind <> 'opened';
create index open_holds_expires_at_hold_id_idx on ledger_private.open_holds (expires_at, hold_id);
drop index ledger_private.open_holds_expires_at_idx;
create index open_lots_due_at_wallet_id_lot_seq_idx on ledger_private.open_lots (due_at, wallet_id, lot_seq);
drop index ledger_private.open_lots_due_at_idx;

alter table ledger.wallets
  add column merged_into uuid,
  add constraint wallets_merged_into_fkey foreign key (merged_into) references ledger.wallets (id) not enforced;
comment on column ledger.wallets.merged_into is $$@name merged_into_id
The wallet that everything in this one moved to, where it was merged: it stays closed then.$$;
comment on constraint wallets_merged_into_fkey on ledger.wallets is
$$@fieldName mergedInto
@behavior -manyRelation:resource:connection -manyRelation:resource:list
@forwardDescription Where it was merged, the wallet that everything moved to. That may have been merged too.$$;

-- Metadata that are blanked by law.
alter type ledger.wallet_event_kind add value 'redacted';
comment on type ledger.wallet_event_kind is
$$What happens to a wallet beside its movements: a change of its status, limits of its own, or that metadata of one of
its movements were blanked by law.$$;
--!include functions/ledger_private/triggers/tg_entries__append_only.sql
create or replace trigger _200_append_only before update or delete or truncate on ledger.entries
  for each statement execute function ledger_private.tg_entries__append_only();
--!include functions/ledger_private/triggers/tg_entries__metadata_only.sql
create trigger _300_metadata_only before update on ledger.entries
  for each row execute function ledger_private.tg_entries__metadata_only();
comment on column ledger.entries.metadata is $$@behavior -*
The caller's own facts: a JSON object of at most 8192 bytes; of an adjustment, a forgiveness or a merge also its
reason; {} also where they had to be blanked by law.$$;
drop function ledger_private.entry_hash(bytea, ledger.entries);

-- One payment, one wallet.
alter table ledger.asset_limits add column unique_reference text;
comment on column ledger.asset_limits.unique_reference is
$$The field of a top-up's metadata that names the payment: each payment is booked once, in all wallets of the asset;
null for none.$$;
comment on column ledger.entries.held_bonus_amount is $$@behavior -*
Of a hold or a release, the part of what was reserved or freed that is bonus credits, in minor units. 0 in a top-up
whose payment stands in unique_references.$$;
alter type ledger_private.prepared add attribute reference text;
drop function ledger.asset_create(text, text, int);
drop function ledger_private.outcome_of(ledger.wallet_request, uuid[]);

-- Debts that are paid by later top-ups.
alter table ledger.asset_limits add column collect_debts boolean not null default false;
comment on column ledger.asset_limits.collect_debts is
  'Whether a top-up pays what the wallet owes, before anything else can be done with it.';

-- Webhooks. The owner makes no schemas.
reset role;
create schema webhook authorization wallet_owner;
set local role wallet_owner;
comment on schema webhook is 'What other systems are told of the ledger, which knows nothing of it.';
grant usage on schema webhook to wallet_operator, wallet_auditor, wallet_worker;

-- Several databases.
comment on table ledger_private.node_ranges is
$$The ranges of wallet ids that this database has, where a ledger is spread over several databases; empty, where it has
all of them. A transfer with a wallet outside of the ranges has one entry here, and the other side is the account
elsewhere. node_ranges_set writes them, before the wallets are brought here.$$;
create table ledger_private.other_ranges (
  first_id uuid primary key,
  last_id uuid not null,
  node text not null,
  constraint other_ranges_order check (first_id <= last_id)
);

comment on table ledger_private.other_ranges is
$$The ranges of wallet ids that other databases have, by the names of these; empty, where this one has all of them.
node_ranges_set writes them.$$;
comment on column ledger_private.other_ranges.first_id is 'The first id of the range.';
comment on column ledger_private.other_ranges.last_id is 'The last id of the range.';
comment on column ledger_private.other_ranges.node is 'The name of the database that has the range.';

grant select on ledger_private.other_ranges to wallet_operator, wallet_auditor, wallet_job;

-- Usual calls in one are judged and booked in one walk over the list.
drop function ledger_private.post_usual(ledger.wallet_request[], uuid[]);
drop function ledger_private.usual_entries(ledger.wallet_request[], uuid[], uuid[], text, timestamptz);
drop function ledger_private.usual_moves(ledger.wallet_request[], uuid[], uuid[]);
drop function ledger_private.usual_head(uuid);
drop function ledger_private.bonus_parts(ledger.transfer_kind[], bigint[], bigint[], bigint[], bigint[]);
