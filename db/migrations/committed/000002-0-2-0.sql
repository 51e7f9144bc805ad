--! Previous: sha1:5dd9c6d5d839dde9f7e75f0174e72e14f597b80a
--! Hash: sha1:f88565624e8d2429b1078ec9ac2a4144f4b590ef
--! Message: 0.2.0

set local role wallet_owner;

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
--! Included functions/ledger_private/triggers/tg_wallets__status_only.sql
create or replace function ledger_private.tg_wallets__status_only()
returns trigger
language plpgsql
as $$
declare
  v_expected ledger.wallets := OLD;
begin
  -- What has been merged stays closed.
  if OLD.merged_into is null then
    v_expected.status := NEW.status;
  end if;
  if OLD.merged_into is null and NEW.status = 'closed' and exists (
    select from ledger_private.head(OLD.id) e
      where e.kind = 'merge' and e.actor is not null and e.to_wallet = NEW.merged_into) then
    v_expected.merged_into := NEW.merged_into;
  end if;
  v_expected.own_limits := NEW.own_limits;
  if v_expected is distinct from NEW then
    raise exception using
      errcode = '42501',
      message = format('wallet %s: only its status, its limits and, once, its successor ever change', OLD.id);
  end if;
  return NEW;
end
$$;

comment on function ledger_private.tg_wallets__status_only is
$$Refuses to change anything of a wallet but its status, which limits it has and, once, the wallet that all of it moved
to.$$;
--! EndIncluded functions/ledger_private/triggers/tg_wallets__status_only.sql
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
--! Included functions/ledger_private/triggers/tg_entries__append_only.sql
create or replace function ledger_private.tg_entries__append_only()
returns trigger
language plpgsql
as $$
begin
  if TG_OP = 'UPDATE' and current_setting('ledger.redacting', true) = 'on' then
    return null;
  end if;
  raise exception using
    errcode = '42501',
    message = format('%s.%s is append-only: no %s', TG_TABLE_SCHEMA, TG_TABLE_NAME, lower(TG_OP)),
    hint = 'Book a correcting transfer instead.';
end
$$;

comment on function ledger_private.tg_entries__append_only is
  'Refuses to change or remove entries, also to the owner or a superuser, while transfer_redact is not at work.';
--! EndIncluded functions/ledger_private/triggers/tg_entries__append_only.sql
create or replace trigger _200_append_only before update or delete or truncate on ledger.entries
  for each statement execute function ledger_private.tg_entries__append_only();
--! Included functions/ledger_private/triggers/tg_entries__metadata_only.sql
create or replace function ledger_private.tg_entries__metadata_only()
returns trigger
language plpgsql
as $$
declare
  v_expected ledger.entries := OLD;
begin
  v_expected.metadata := '{}';
  if v_expected is distinct from NEW then
    raise exception using
      errcode = '42501',
      message = format('transfer %s: nothing of an entry ever changes but its metadata, to {}', OLD.transfer_id);
  end if;
  return NEW;
end
$$;

comment on function ledger_private.tg_entries__metadata_only is
  'Refuses to change anything of an entry but its metadata, and these to anything but {}.';
--! EndIncluded functions/ledger_private/triggers/tg_entries__metadata_only.sql
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

--! Included functions/ledger/entries_side.sql
create or replace function ledger.entries_side(entry ledger.entries)
returns ledger.entry_side
language sql
immutable
return case
  -- Of a debt, the side on which the wallet is named: it moves no credits of it.
  when entry.kind = 'debt' then 'debit'::ledger.entry_side
  when entry.debit <> 'player' then 'credit'
  when entry.credit <> 'player' then 'debit'
  when entry.kind = 'hold' then 'debit'
  when entry.kind = 'release' then 'credit'
  -- Between players, the wallet that acts is the one that credits leave, or get back to.
  when (entry.actor is not null) = (entry.kind <> 'reversal') then 'debit'
  else 'credit'
end;

comment on function ledger.entries_side is
$$@notNull
Debit or credit: a credit raises the wallet's balance, a debit lowers it. A debt (debit) and one that is given up
(credit) change what the wallet owes, and not its balance.$$;

grant execute on function ledger.entries_side
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/entries_side.sql

--! Included functions/ledger_private/nodes/received_from_elsewhere.sql
create or replace function ledger_private.received_from_elsewhere()
returns setof ledger.entries
language sql
stable
as $$
  -- Where all wallets are here, no entry is looked at.
  select e.* from ledger.entries e
  where exists (select from ledger_private.node_ranges) and e.actor is null
    and not exists (select from ledger.entries a where a.transfer_id = e.transfer_id and a.actor is not null)
$$;

comment on function ledger_private.received_from_elsewhere is
  'The received entries of movements whose acting wallets another database has; none where all wallets are here.';

grant execute on function ledger_private.received_from_elsewhere to wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/nodes/received_from_elsewhere.sql

--! Included functions/ledger_private/nodes/is_from_elsewhere.sql
create or replace function ledger_private.is_from_elsewhere(entry ledger.entries)
returns boolean
language sql
stable
as $$
  select exists (
    select from ledger_private.received_from_elsewhere() r where r.wallet_id = entry.wallet_id and r.seq = entry.seq)
$$;

comment on function ledger_private.is_from_elsewhere is
  'Whether an entry is one that was received from a wallet of another database.';

grant execute on function ledger_private.is_from_elsewhere to wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/nodes/is_from_elsewhere.sql

--! Included functions/ledger_private/nodes/accounts_here.sql
create or replace function ledger_private.accounts_here(entry ledger.entries)
returns table (debit ledger.account, credit ledger.account)
language sql
stable
as $$
  select case when x.elsewhere and ledger.entries_side(entry) = 'credit' then 'elsewhere' else entry.debit end,
    case when x.elsewhere and ledger.entries_side(entry) = 'debit' then 'elsewhere' else entry.credit end
  from (select entry.amount > 0 and entry.debit = 'player' and entry.credit = 'player'
    -- The same as is_here, which PostgreSQL would call for each row.
    and (entry.actor is null or exists (select from ledger_private.node_ranges) and not exists (
      select from ledger_private.node_ranges r where entry.to_wallet between r.first_id and r.last_id))) x (elsewhere)
$$;

comment on function ledger_private.accounts_here is
$$Which accounts a movement debits and credits, as this database sees it: where another one has the other player's
wallet, that side is elsewhere. Of a movement, the entry that counts is the acting one, and the received one where
another database has that (is_from_elsewhere).$$;

grant execute on function ledger_private.accounts_here to wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/nodes/accounts_here.sql

--! Included views/transfers.sql
-- Movements, under the names that callers know: the lines of the log that carry a request.
create or replace view ledger.transfers with (security_invoker) as
  select e.transfer_id as id, e.wallet_id, e.idem_key, e.kind,
    case when ledger.entries_side(e) = 'debit' then e.wallet_id when e.debit = 'player' then e.to_wallet end
      as debit_wallet_id,
    case when ledger.entries_side(e) = 'debit' then e.seq when e.debit = 'player' then e.to_seq end as debit_seq,
    case when ledger.entries_side(e) = 'credit' then e.wallet_id when e.credit = 'player' then e.to_wallet end
      as credit_wallet_id,
    case when ledger.entries_side(e) = 'credit' then e.seq when e.credit = 'player' then e.to_seq end as credit_seq,
    e.requested_amount,
    case when e.kind in ('hold', 'release') then abs(e.held_amount) else e.amount end as amount,
    coalesce(e.held_bonus_amount, e.bonus_amount) as bonus_amount,
    e.reverses, e.hold_id, e.expires_at, e.metadata, e.actor, e.created_at,
    case when e.kind in ('adjustment', 'forgiveness', 'merge') then e.metadata ->> 'reason' end as reason,
    case when 'exchange' in (e.debit, e.credit) then e.to_wallet end as linked_wallet_id,
    case when 'exchange' in (e.debit, e.credit) then e.to_seq end as linked_seq
  from ledger.entries e
  where e.actor is not null;

comment on view ledger.transfers is $$@primaryKey id
@unique wallet_id,idem_key|@fieldName transferByIdemKey
@foreignKey (wallet_id) references wallets (id)|@behavior -manyRelation:resource:connection -manyRelation:resource:list
@foreignKey (reverses) references transfers (id)|@fieldName reversedTransfer|@forwardDescription The movement that this one reverses.|@foreignFieldName reversals|@backwardDescription What has been taken back of it: its reversals, oldest first.|@isIndexed
@foreignKey (wallet_id, hold_id) references holds (wallet_id, id)|@fieldName hold|@forwardDescription The hold that this one opened, captured or released.|@behavior -manyRelation:resource:connection -manyRelation:resource:list
@foreignKey (debit_wallet_id, debit_seq) references entries (wallet_id, seq)|@fieldName debitEntry|@behavior -manyRelation:resource:connection -manyRelation:resource:list -singularRelation:resource:single:backward
@foreignKey (credit_wallet_id, credit_seq) references entries (wallet_id, seq)|@fieldName creditEntry|@behavior -manyRelation:resource:connection -manyRelation:resource:list -singularRelation:resource:single:backward
@foreignKey (linked_wallet_id, linked_seq) references entries (wallet_id, seq)|@fieldName linkedEntry|@forwardDescription Of an exchange and its reversal, the entry in the owner's wallet of the other asset, booked in the same commit.|@behavior -manyRelation:resource:connection -manyRelation:resource:list -singularRelation:resource:single:backward
@behavior -query:resource:connection -query:resource:list -filter -order -insert -update -delete
One movement of credits, as the call asked for it and as the wallet that acted booked it. It has one entry in each
player's wallet that it touches: two where it is between players, otherwise one, and the other side is an account of the
house.$$;
comment on column ledger.transfers.id is 'Time-ordered id of the movement.';
comment on column ledger.transfers.wallet_id is $$@notNull
The wallet the call acted for: the scope of its idempotency key.$$;
comment on column ledger.transfers.idem_key is
  'The caller''s idempotency key, unique within the wallet for ever; null only for what the system books itself.';
comment on column ledger.transfers.kind is $$@notNull
What the movement is.$$;
comment on column ledger.transfers.debit_wallet_id is
  'The wallet of the debit entry; null where that side is the house''s.';
comment on column ledger.transfers.debit_seq is 'The debit entry''s number within its wallet.';
comment on column ledger.transfers.credit_wallet_id is
  'The wallet of the credit entry; null where that side is the house''s.';
comment on column ledger.transfers.credit_seq is 'The credit entry''s number within its wallet.';
comment on column ledger.transfers.requested_amount is
  'The amount as the caller asked for it, in minor units; null where it asked for all.';
comment on column ledger.transfers.amount is $$@notNull
The amount moved, or reserved by a hold and freed by a release, in minor units of the asset.$$;
comment on column ledger.transfers.bonus_amount is $$@notNull
The part of the amount that was bonus credits, in minor units.$$;
comment on column ledger.transfers.reverses is 'The transfer that this one reverses, if it is a reversal.';
comment on column ledger.transfers.hold_id is 'The hold that this one opened, captured or released.';
comment on column ledger.transfers.expires_at is 'When the credits or the hold expire, as asked.';
comment on column ledger.transfers.metadata is $$@notNull
The caller's own facts: a JSON object of at most 8192 bytes; of an adjustment, a forgiveness or a merge also its
reason; {} also where they had to be blanked by law.$$;
comment on column ledger.transfers.actor is $$@notNull
Who called: the token's role and subject, or db: and the database login.$$;
comment on column ledger.transfers.created_at is $$@notNull
When it was booked.$$;
comment on column ledger.transfers.reason is
  'Of an adjustment, a forgiveness or a merge, why, in the words of whoever made it.';
comment on column ledger.transfers.linked_wallet_id is
  'Of an exchange and its reversal, the same owner''s wallet of the other asset.';
comment on column ledger.transfers.linked_seq is
  'The number of the entry there, whose amount and this one''s are the rate.';
grant select on ledger.transfers to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded views/transfers.sql

--! Included views/journal.sql
-- The classical form of the log: two lines for each movement.
create or replace view ledger.journal with (security_invoker) as
  select e.transfer_id, e.created_at, e.kind, w.asset_code, l.side, l.account, l.wallet_id, e.amount, e.bonus_amount
  from ledger_private.movements() e
  join ledger.wallets w on w.id = e.wallet_id
  cross join lateral ledger_private.accounts_here(e) a
  cross join lateral (values ('debit'::ledger.entry_side, a.debit), ('credit', a.credit)) s (side, account)
  cross join lateral (
    select s.side, s.account, case when s.side = ledger.entries_side(e) then e.wallet_id
      when s.account in ('player', 'elsewhere') then e.to_wallet end
  ) l (side, account, wallet_id)
  where e.amount > 0;

comment on view ledger.journal is $$@behavior -*
The ledger in its classical form, for auditors: two lines for each movement, of the same amount, one on the debit
side and one on the credit side. So for each asset both sides have the same sum. Reservations move nothing and have
no lines.$$;
comment on column ledger.journal.transfer_id is 'The movement.';
comment on column ledger.journal.created_at is 'When it was booked.';
comment on column ledger.journal.kind is 'What the movement is.';
comment on column ledger.journal.asset_code is 'The asset.';
comment on column ledger.journal.side is 'Debit or credit.';
comment on column ledger.journal.account is
  'The account that is debited or credited: player, elsewhere, or one of the house''s.';
comment on column ledger.journal.wallet_id is
  'The player''s wallet; null for the house, and for an unknown sender elsewhere.';
comment on column ledger.journal.amount is 'The amount moved, in minor units.';
comment on column ledger.journal.bonus_amount is 'The part of the amount that was bonus credits, in minor units.';
grant select on ledger.journal to wallet_auditor, wallet_job;
--! EndIncluded views/journal.sql

--! Included schema/wallet_limits.sql
-- Limits of a single wallet, which go before those of its asset. Who set them and when, its event says.
create table ledger.wallet_limits (
  wallet_id uuid not null,
  seq int not null,
  max_spend bigint,
  max_balance bigint,
  max_daily_top_up bigint,
  max_daily_bonus bigint,
  max_daily_spend bigint,
  max_transfer bigint,
  max_daily_transfer bigint,
  primary key (wallet_id, seq)
);

comment on table ledger.wallet_limits is
$$@behavior -query:resource:connection -query:resource:list -query:resource:single -manyRelation:resource:connection -manyRelation:resource:list
@foreignKey (wallet_id, seq) references wallet_events (wallet_id, seq)|@fieldName event|@foreignFieldName limits
Limits of a single wallet: each that is not null stands in place of that of its asset. Append-only: the newest are in
force.$$;
comment on column ledger.wallet_limits.wallet_id is 'The wallet.';
comment on column ledger.wallet_limits.seq is 'Number of the event that set them, within the wallet.';
comment on column ledger.wallet_limits.max_spend is
  'The largest single spend or capture, in minor units; null where that of the asset counts.';
comment on column ledger.wallet_limits.max_balance is
  'The largest balance that credits may lead to, in minor units; null where that of the asset counts.';
comment on column ledger.wallet_limits.max_daily_top_up is
  'The largest total of top-ups within 24 hours, in minor units; null where that of the asset counts.';
comment on column ledger.wallet_limits.max_daily_bonus is
  'The largest total of bonuses within 24 hours, in minor units; null where that of the asset counts.';
comment on column ledger.wallet_limits.max_daily_spend is
  'The largest total of spends and captures within 24 hours, in minor units; null where that of the asset counts.';
comment on column ledger.wallet_limits.max_transfer is
  'The largest single transfer to another player, in minor units; null where that of the asset counts.';
comment on column ledger.wallet_limits.max_daily_transfer is
$$The largest total of transfers to other players within 24 hours, in minor units; null where that of the asset
counts.$$;

create trigger _100_guard_insert before insert on ledger.wallet_limits
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.wallet_limits
  for each statement execute function ledger_private.tg__append_only();

-- Who limited a player is not for players; they meet a limit in a refusal.
alter table ledger.wallet_limits enable row level security;
create policy staff_sees_all on ledger.wallet_limits for select
  to wallet_service, wallet_operator, wallet_auditor, wallet_job using (true);
grant select on ledger.wallet_limits to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded schema/wallet_limits.sql

--! Included schema/redactions.sql
-- Metadata that had to be blanked by law. The hash of what stood there stays, so that the chain is still proved. Who
-- blanked it, when and why, its event says.
create table ledger.redactions (
  wallet_id uuid not null,
  seq bigint not null,
  transfer_id uuid not null,
  metadata_hash bytea not null,
  event_seq int not null,
  reference_hash bytea,
  primary key (wallet_id, seq)
);

comment on table ledger.redactions is $$@behavior -*
Which movements had their metadata blanked by law. Append-only.$$;
comment on column ledger.redactions.wallet_id is 'The wallet that acted: its entry had the metadata.';
comment on column ledger.redactions.seq is 'Number of that entry.';
comment on column ledger.redactions.transfer_id is 'The movement.';
comment on column ledger.redactions.metadata_hash is
  'SHA-256 over what stood there (metadata_hash): what the hash of the entry covers.';
comment on column ledger.redactions.event_seq is 'Which event of the wallet says who blanked it, when and why.';
comment on column ledger.redactions.reference_hash is
  'Of a top-up whose payment stands in unique_references, the hash that stands there.';

create trigger _100_guard_insert before insert on ledger.redactions
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.redactions
  for each statement execute function ledger_private.tg__append_only();

alter table ledger.redactions enable row level security;
create policy auditors_see_all on ledger.redactions for select to wallet_auditor using (true);
grant select on ledger.redactions to wallet_auditor;
--! EndIncluded schema/redactions.sql

--! Included schema/references.sql
-- Payments that have been booked: for assets that name a field of the metadata (asset_limits.unique_reference). Its
-- value books one top-up in all wallets of the asset. Kept is its hash, so that nothing has to be blanked here by law.
create table ledger.unique_references (
  asset_code text not null,
  reference_hash bytea not null,
  wallet_id uuid not null,
  seq bigint not null,
  primary key (asset_code, reference_hash),
  constraint unique_references_wallet_id_seq_key unique (wallet_id, seq)
);

comment on table ledger.unique_references is $$@behavior -*
Which payment each top-up booked, where the asset wants a payment to be booked once. Append-only.$$;
comment on column ledger.unique_references.asset_code is 'The asset.';
comment on column ledger.unique_references.reference_hash is
  'SHA-256 over the reference of the payment, as text in UTF-8.';
comment on column ledger.unique_references.wallet_id is 'The wallet that it was booked for.';
comment on column ledger.unique_references.seq is 'The number of the entry there.';

create trigger _100_guard_insert before insert on ledger.unique_references
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.unique_references
  for each statement execute function ledger_private.tg__append_only();

alter table ledger.unique_references enable row level security;
create policy auditors_see_all on ledger.unique_references for select to wallet_auditor using (true);
grant select on ledger.unique_references to wallet_auditor;
--! EndIncluded schema/references.sql

--! Included schema/reports.sql
-- What reports tell finance.
create type ledger.balance_at as (
  at_time timestamptz,
  asset_code text,
  account text,
  side ledger.entry_side,
  balance numeric,
  bonus_balance numeric,
  final boolean
);
comment on type ledger.balance_at is 'What an account had at an instant, in minor units.';
comment on column ledger.balance_at.at_time is $$@notNull
The instant: what was booked before it counts.$$;
comment on column ledger.balance_at.asset_code is $$@notNull
The asset.$$;
comment on column ledger.balance_at.account is $$@notNull
players, which is what is owed to all of them, or an account of the house: treasury, promotions, revenue, breakage and
so on.$$;
comment on column ledger.balance_at.side is $$@notNull
The side on which the account has it.$$;
comment on column ledger.balance_at.balance is $$@notNull
What the account had.$$;
comment on column ledger.balance_at.bonus_balance is $$@notNull
The part of it that is bonus credits; of what players have, credits that were given and not paid for.$$;
comment on column ledger.balance_at.final is $$@notNull
Whether this figure never changes any more. Otherwise it is provisional: what is under way may still book before the
instant.$$;
grant usage on type ledger.balance_at to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.activity as (
  from_time timestamptz,
  to_time timestamptz,
  kind ledger.transfer_kind,
  debit text,
  credit text,
  movements bigint,
  amount numeric,
  bonus_amount numeric,
  final boolean
);
comment on type ledger.activity is 'What moved between two accounts in an hour, a day or a month, in minor units.';
comment on column ledger.activity.from_time is $$@notNull
When the bucket begins; it belongs to the bucket.$$;
comment on column ledger.activity.to_time is $$@notNull
When the bucket ends; it belongs to the next one.$$;
comment on column ledger.activity.kind is $$@notNull
What the movements are.$$;
comment on column ledger.activity.debit is $$@notNull
The account that they debit: players, or an account of the house.$$;
comment on column ledger.activity.credit is $$@notNull
The account that they credit.$$;
comment on column ledger.activity.movements is $$@notNull
How many they are.$$;
comment on column ledger.activity.amount is $$@notNull
What they moved.$$;
comment on column ledger.activity.bonus_amount is $$@notNull
The part of it that was bonus credits.$$;
comment on column ledger.activity.final is $$@notNull
Whether this figure never changes any more; otherwise it is provisional.$$;
grant usage on type ledger.activity to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.journal_line as (
  cursor text,
  counted_at timestamptz,
  created_at timestamptz,
  transfer_id uuid,
  kind ledger.transfer_kind,
  asset_code text,
  side ledger.entry_side,
  account text,
  wallet_id uuid,
  amount bigint,
  bonus_amount bigint,
  reverses uuid,
  idem_key text,
  actor text,
  final boolean
);
comment on type ledger.journal_line is $$@behavior -*
One side of a movement in the journal of a period.$$;
comment on column ledger.journal_line.cursor is
  'Where to go on after this line; null where no block has closed it yet, and its place may still change.';
comment on column ledger.journal_line.counted_at is
  'When it counts: when it was booked, or, where figures were final already (a clock was set back), later.';
comment on column ledger.journal_line.created_at is 'When it was booked.';
comment on column ledger.journal_line.transfer_id is 'The movement.';
comment on column ledger.journal_line.kind is 'What the movement is.';
comment on column ledger.journal_line.asset_code is 'The asset.';
comment on column ledger.journal_line.side is 'Debit or credit.';
comment on column ledger.journal_line.account is
  'The account that is debited or credited: players, or an account of the house.';
comment on column ledger.journal_line.wallet_id is
  'The player''s wallet; null for the house, and for an unknown sender elsewhere.';
comment on column ledger.journal_line.amount is 'The amount moved, in minor units.';
comment on column ledger.journal_line.bonus_amount is 'The part of the amount that was bonus credits, in minor units.';
comment on column ledger.journal_line.reverses is 'The transfer that this one reverses, if it is a reversal.';
comment on column ledger.journal_line.idem_key is
  'The idempotency key of the call; null for what the system books itself.';
comment on column ledger.journal_line.actor is 'Who called.';
comment on column ledger.journal_line.final is
  'Whether it belongs to this period for ever; otherwise it is provisional.';
grant usage on type ledger.journal_line to wallet_operator, wallet_auditor;

-- What moved before an instant, or in a part of the time before it.
create type ledger_private.moved as (
  at_time timestamptz,
  asset_code text,
  kind ledger.transfer_kind,
  debit ledger.account,
  credit ledger.account,
  movements bigint,
  amount numeric,
  bonus_amount numeric
);

-- Which blocks have what counts in a period, and where in them its journal goes on.
create type ledger_private.journal_range as (
  from_time timestamptz,
  to_time timestamptz,
  first_block bigint,
  last_block bigint,
  open_block bigint,
  final_until timestamptz,
  after_block bigint,
  after_time timestamptz,
  after_id uuid,
  after_side ledger.entry_side
);

-- A movement in the journal: its two accounts, and the side on which wallet_id has it; to_wallet has the other.
create type ledger_private.journal_movement as (
  counted_at timestamptz,
  created_at timestamptz,
  transfer_id uuid,
  kind ledger.transfer_kind,
  asset_code text,
  debit ledger.account,
  credit ledger.account,
  side ledger.entry_side,
  wallet_id uuid,
  to_wallet uuid,
  amount bigint,
  bonus_amount bigint,
  reverses uuid,
  idem_key text,
  actor text
);
--! EndIncluded schema/reports.sql

--! Included schema/lists.sql
-- Lists over all wallets, a page at a time. What a list looks through has no number of its own: a page names the rows
-- by their keys, and where to go on, also where it looked through many rows and found few.
create type ledger.page as (
  keys jsonb,
  start_cursor text,
  end_cursor text,
  has_next_page boolean,
  has_previous_page boolean
);
comment on type ledger.page is $$@behavior -*
A page of a list over all wallets. A page looks at a bounded number of rows: it may have fewer than were asked for, or
none, and still a next one.$$;
comment on column ledger.page.keys is
  'A JSON array, in the order of the list: of each row the columns that identify it, and its cursor.';
comment on column ledger.page.start_cursor is 'What the page before this one ends at.';
comment on column ledger.page.end_cursor is 'What the page after this one begins at.';
comment on column ledger.page.has_next_page is 'Whether to go on after it, where it was read forwards.';
comment on column ledger.page.has_previous_page is 'Whether to go on before it, where it was read backwards.';
grant usage on type ledger.page to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

-- How much of a list is asked for, and from which end.
create type ledger_private.page_asked as (size int, backwards boolean);

-- What transfers are looked for. Null is any.
create type ledger_private.transfer_search as (
  from_time timestamptz,
  to_time timestamptz,
  kinds ledger.transfer_kind[],
  actor text,
  asset_code text,
  idem_key text,
  metadata jsonb,
  due_before timestamptz
);

-- A place in a list that is in the order of instants.
create type ledger_private.list_place as (at_time timestamptz, id uuid, seq bigint);
--! EndIncluded schema/lists.sql

--! Included functions/ledger_private/hashes/asset_id.sql
create or replace function ledger_private.asset_id(code text)
returns uuid
language sql
immutable
as $$
  select ledger_private.uuid_v8(sha256(array_send(array['ledger.asset.v1', convert_to(code, 'UTF8')])))
$$;

comment on function ledger_private.asset_id is
  'The id under which an asset with its limits is sealed: derived from its code.';

grant execute on function ledger_private.asset_id to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger_private/hashes/asset_id.sql

--! Included functions/ledger_private/refusals/reused.sql
create or replace function ledger_private.reused(message text, detail jsonb, hint text)
returns ledger.refusal
language sql
immutable
return ledger_private.refusal('WLKEY', format('idempotency key reused: %s', message), detail, hint);

comment on function ledger_private.reused is
  'WLKEY: what may be booked once, a key or a payment, has been used for another request.';
--! EndIncluded functions/ledger_private/refusals/reused.sql

--! Included functions/ledger/wallet_node.sql
create or replace function ledger.wallet_node(wallet_id uuid)
returns text
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select r.node from ledger_private.other_ranges r
  where r.first_id <= wallet_node.wallet_id and r.last_id >= wallet_node.wallet_id
$$;

comment on function ledger.wallet_node is
$$@behavior -*
The name of the database that has a wallet, where that is another one; null where the wallet belongs to this database,
which it always does where a ledger has one database. It follows from the id alone: the wallet need not be opened.

- walletId: a player's wallet.$$;

grant execute on function ledger.wallet_node to wallet_player, wallet_service, wallet_operator, wallet_auditor,
  wallet_job;
--! EndIncluded functions/ledger/wallet_node.sql

--! Included functions/ledger_private/refusals/wrong_node.sql
create or replace function ledger_private.wrong_node(wallet_id uuid, facts jsonb default '{}')
returns ledger.refusal
language sql
stable
as $$
  select ledger_private.refusal('WLNOD', format('wrong node: %s has wallet %s', n.node, wrong_node.wallet_id),
    jsonb_build_object('wallet_id', wrong_node.wallet_id, 'node', n.node) || facts,
    'Send the call to that node; a call for wallets of several nodes is not possible.')
  from ledger.wallet_node(wrong_node.wallet_id) n (node)
  where n.node is not null
$$;

comment on function ledger_private.wrong_node is
  'WLNOD: another database has the wallet, whose name is in the detail. facts are added to the detail.';

grant execute on function ledger_private.wrong_node
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/refusals/wrong_node.sql

--! Included functions/ledger_private/refusals/wallet_not_found.sql
create or replace function ledger_private.wallet_not_found(wallet_id uuid)
returns ledger.refusal
language sql
stable
as $$
  select case when n.code is null then ledger_private.refusal('WLNOW',
      format('wallet not found: %s', coalesce(wallet_not_found.wallet_id::text, 'null')),
      jsonb_build_object('wallet_id', wallet_not_found.wallet_id),
      'Open the wallet first, with wallet_open(owner_id, asset_code).')
    else row(n.code, n.message, n.detail, n.hint)::ledger.refusal end
  from (select) here left join ledger_private.wrong_node(wallet_not_found.wallet_id) n on true
$$;

comment on function ledger_private.wallet_not_found is
  'WLNOW: a wallet is not there, or is not the caller''s to see. WLNOD where another database has it.';

grant execute on function ledger_private.wallet_not_found
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/refusals/wallet_not_found.sql

--! Included functions/ledger_private/refusals/asset_not_found.sql
create or replace function ledger_private.asset_not_found(asset_code text)
returns ledger.refusal
language sql
immutable
-- No longer than a code can be: an answer does not repeat a megabyte.
return ledger_private.refusal('WLNOA', format('asset not found: %s', left(asset_code, 64)),
  jsonb_build_object('asset_code', left(asset_code, 64)),
    'An operator creates assets with asset_create(code, name, scale).');

comment on function ledger_private.asset_not_found is 'WLNOA: an asset is not there.';

grant execute on function ledger_private.asset_not_found to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger_private/refusals/asset_not_found.sql

--! Included functions/ledger_private/refusals/webhook_not_found.sql
create or replace function ledger_private.webhook_not_found(endpoint text, id uuid default null)
returns ledger.refusal
language sql
immutable
-- No longer than a name can be: an answer does not repeat a megabyte.
return ledger_private.refusal('WLNWH',
  case when id is null then format('webhook not found: %s', left(endpoint, 64))
    else format('parked webhook not found: %s %s', left(endpoint, 64), id) end,
  jsonb_build_object('endpoint', left(endpoint, 64), 'id', id),
  case when id is null then 'The table webhook.endpoints has those that there are.'
    else 'It has been delivered, released or dropped since, or was never parked.' end);

comment on function ledger_private.webhook_not_found is
  'WLNWH: an endpoint is not there, or a delivery is not parked there.';
--! EndIncluded functions/ledger_private/refusals/webhook_not_found.sql

--! Included functions/ledger_private/refusals/webhook_exists.sql
create or replace function ledger_private.webhook_exists(endpoint text)
returns ledger.refusal
language sql
immutable
return ledger_private.refusal('WLWHX', format('webhook exists: %s', endpoint),
  jsonb_build_object('endpoint', endpoint),
  'Change it with endpoint_change; a secret that was lost is replaced with endpoint_rotate_secret.');

comment on function ledger_private.webhook_exists is 'WLWHX: there is an endpoint of that name.';
--! EndIncluded functions/ledger_private/refusals/webhook_exists.sql

--! Included functions/ledger_private/refusals/invalid_period.sql
create or replace function ledger_private.invalid_period(from_time timestamptz, to_time timestamptz, bucket text)
returns ledger.refusal
language sql
immutable
return case
  when from_time is null or not isfinite(from_time)
    then ledger_private.invalid_argument('from_time', 'Send the first instant of the period.')
  when to_time is null or not isfinite(to_time) or to_time <= from_time
    then ledger_private.invalid_argument('to_time', 'Send the end of the period: an instant after from_time.')
  when bucket is null or bucket not in ('hour', 'day', 'month')
    then ledger_private.invalid_argument('bucket', 'Send hour, day or month.')
  when to_time - from_time > 1000 * case bucket when 'hour' then interval '1 hour' when 'day' then interval '24 hours'
      else interval '730 hours' end
    then ledger_private.invalid_argument('to_time', 'Ask for at most 1000 hours, days or months at a time.')
  end;

comment on function ledger_private.invalid_period is
  'WLARG, where a period with its buckets cannot be reported; null where it can.';

grant execute on function ledger_private.invalid_period to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger_private/refusals/invalid_period.sql

--! Included functions/ledger_private/refusals/invalid_limit.sql
create or replace function ledger_private.invalid_limit(limits bigint[])
returns ledger.refusal
language sql
immutable
as $$
  select ledger_private.invalid_argument(n.name,
    'A limit is a number of minor units from 0 to 9000000000000000000, or null for none of its own.')
  from unnest(limits, array['max_spend', 'max_balance', 'max_daily_top_up', 'max_daily_bonus', 'max_daily_spend',
    'max_transfer', 'max_daily_transfer']) with ordinality n (max, name, place)
  where n.max not between 0 and 9000000000000000000
  order by n.place
  limit 1
$$;

comment on function ledger_private.invalid_limit is
  'WLARG: one of the limits, in the order in which they are set, cannot be one; named as the functions name it.';
--! EndIncluded functions/ledger_private/refusals/invalid_limit.sql

--! Included functions/ledger_private/refusals/is_metadata.sql
create or replace function ledger_private.is_metadata(value jsonb)
returns boolean
language plpgsql
immutable
as $$
begin
  return jsonb_typeof(value) = 'object' and octet_length(value::text) <= 8192;
end
$$;

comment on function ledger_private.is_metadata is
  'Whether JSON may be metadata: an object of at most 8192 bytes. Not inlined: a call without them does not set it up.';

grant execute on function ledger_private.is_metadata to wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/refusals/is_metadata.sql

--! Included functions/ledger_private/nodes/id_number.sql
create or replace function ledger_private.id_number(id uuid)
returns numeric
language sql
immutable
strict
return ('0x' || replace(id::text, '-', ''))::numeric;

comment on function ledger_private.id_number is 'An id as a number, so that one knows which comes next.';
--! EndIncluded functions/ledger_private/nodes/id_number.sql

--! Included functions/ledger_private/nodes/node_ranges_set.sql
create or replace function ledger_private.node_ranges_set(node text, ranges jsonb)
returns void
language plpgsql
volatile
as $$
declare
  v_range record;
  v_other record;
  v_next numeric := 0; -- The first id that has no range so far, as a number.
begin
  if node is null or ranges is null or jsonb_typeof(ranges) <> 'array' then
    perform ledger_private.refuse(ledger_private.invalid_argument('ranges',
      'Send a list of objects with first_id, last_id and node, and the name of this node.'));
  end if;
  -- One at a time; readers of the old ranges are waited for, and new ones wait.
  lock table ledger_private.node_ranges, ledger_private.other_ranges in access exclusive mode;
  delete from ledger_private.node_ranges;
  delete from ledger_private.other_ranges;
  for v_range in
    select r.first_id, r.last_id, r.node, ledger_private.id_number(r.first_id) as first_number,
      ledger_private.id_number(r.last_id) as last_number
    from jsonb_to_recordset(ranges) r (first_id uuid, last_id uuid, node text)
    order by r.first_id
  loop
    if v_range.node is null or (v_range.first_number = v_next and v_range.last_number >= v_next) is not true then
      perform ledger_private.refuse(ledger_private.invalid_argument('ranges',
        'Name each id once: a range begins where the one before it ends, and has a node.', to_jsonb(v_range)));
    end if;
    v_next := v_range.last_number + 1;
    if v_range.node = node_ranges_set.node then
      insert into ledger_private.node_ranges (first_id, last_id) values (v_range.first_id, v_range.last_id);
    else
      insert into ledger_private.other_ranges (first_id, last_id, node)
        values (v_range.first_id, v_range.last_id, v_range.node);
    end if;
  end loop;
  if v_next < 2::numeric ^ 128 then
    perform ledger_private.refuse(ledger_private.invalid_argument('ranges', 'The last range ends with the last id.'));
  end if;
  if not exists (select from ledger_private.node_ranges) then
    perform ledger_private.refuse(ledger_private.invalid_argument('node', 'This node has no range.'));
  end if;
  select w.id as wallet_id, r.node into v_other
    from ledger_private.other_ranges r
    cross join lateral (
      select w.id from ledger.wallets w where w.id between r.first_id and r.last_id order by w.id limit 1) w
    limit 1;
  if found then
    perform ledger_private.refuse(ledger_private.invalid_argument('ranges',
      'This database has wallets of a range that is to be another node''s.', to_jsonb(v_other)));
  end if;
end
$$;

comment on function ledger_private.node_ranges_set is
$$Says which wallets this database has, where a ledger is spread over several databases, and which database has the
others. For the owner of the ledger, on each database, before the first wallet is opened there. A database that has been
told refuses to open wallets of others. Repeating the call changes nothing.

- node: the name of this database.
- ranges: a list of objects with first_id, last_id and node, which covers all ids without a gap: those with this node
  are here.

Refuses with INVALID_ARGUMENT (WLARG): ids are missing or named twice, this node has no range, or there are wallets here
that are to be on another node.$$;
--! EndIncluded functions/ledger_private/nodes/node_ranges_set.sql

--! Included functions/ledger_private/hashes/entry_digest.sql
create or replace function ledger_private.entry_digest(
  previous_hash bytea,
  wallet_id uuid,
  transfer_id uuid,
  seq bigint,
  amount bigint,
  bonus_amount bigint,
  held_amount bigint,
  balance bigint,
  bonus_balance bigint,
  held_balance bigint,
  paid_balance bigint,
  free_balance bigint,
  topped_up_total bigint,
  granted_total bigint,
  spent_total bigint,
  sent_total bigint,
  created_at timestamptz,
  kind ledger.transfer_kind,
  debit ledger.account,
  credit ledger.account,
  actor text default null,
  idem_key text default null,
  metadata_hash bytea default null,
  to_wallet uuid default null,
  to_seq bigint default null,
  requested_amount bigint default null,
  held_bonus_amount bigint default null,
  reverses uuid default null,
  hold_id uuid default null,
  expires_at timestamptz default null
)
returns bytea
language sql
stable
as $$
  -- No array of accounts: that format has the number of its type, which is another one in each database.
  select sha256(array_send(array[
    'ledger.entry.v2',
    coalesce(previous_hash, E'\\x0000000000000000000000000000000000000000000000000000000000000000'),
    array_send(array[wallet_id, transfer_id, to_wallet, reverses, hold_id]),
    array_send(array[
      seq, amount, bonus_amount, held_amount, balance, bonus_balance, held_balance, paid_balance, free_balance,
      topped_up_total, granted_total, spent_total, sent_total, to_seq, requested_amount, held_bonus_amount
    ]),
    array_send(array[created_at, expires_at]),
    enum_send(kind),
    enum_send(debit),
    enum_send(credit),
    convert_to(actor, 'UTF8'),
    convert_to(idem_key, 'UTF8'),
    metadata_hash
  ]))
$$;

comment on function ledger_private.entry_digest is
$$The hash of an entry by its facts: SHA-256 over an array of bytea in PostgreSQL's binary format, which has a header of
fixed width and, before each element, its length (-1 for null), so that no two different entries have the same bytes.
Its elements: the text ledger.entry.v2, the hash of the wallet's entry before (32 zero bytes for the first), and every
fact of the entry but xid: arrays of uuid, bigint and timestamptz in the same format, the kind, both accounts, and
texts. Integers are big-endian, times microseconds since 2000-01-01 UTC, kinds and accounts their names, texts UTF-8;
metadata is its hash; where the wallet owes something, facts_hash. The order is for ever.$$;

grant execute on function ledger_private.entry_digest to wallet_auditor;
--! EndIncluded functions/ledger_private/hashes/entry_digest.sql

--! Included functions/ledger_private/hashes/facts_hash.sql
create or replace function ledger_private.facts_hash(entry ledger.entries, kept_metadata_hash bytea default null)
returns bytea
language sql
stable
as $$
  select case when entry.owed is null then m.hash
    else sha256(array_send(array['ledger.entry.facts.v1', m.hash, int8send(entry.owed)])) end
  from (select coalesce(kept_metadata_hash, ledger_private.metadata_hash(entry.metadata))) m (hash)
$$;

comment on function ledger_private.facts_hash is
$$What stands in an entry's hash for its metadata: their hash. Where the wallet owes something, it is SHA-256 over an
array of bytea, written as in entry_digest: the text ledger.entry.facts.v1, the hash of the metadata, and what is
owed. kept_metadata_hash is that of metadata which were blanked.$$;

grant execute on function ledger_private.facts_hash to wallet_auditor;
--! EndIncluded functions/ledger_private/hashes/facts_hash.sql

--! Included functions/ledger_private/hashes/entry_hash.sql
create or replace function ledger_private.entry_hash(
  previous_hash bytea,
  entry ledger.entries,
  kept_metadata_hash bytea default null
)
returns bytea
language sql
stable
as $$
  select ledger_private.entry_digest(
    previous_hash => entry_hash.previous_hash, wallet_id => entry.wallet_id, transfer_id => entry.transfer_id,
    seq => entry.seq, amount => entry.amount, bonus_amount => entry.bonus_amount, held_amount => entry.held_amount,
    balance => entry.balance, bonus_balance => entry.bonus_balance, held_balance => entry.held_balance,
    paid_balance => entry.paid_balance, free_balance => entry.free_balance, topped_up_total => entry.topped_up_total,
    granted_total => entry.granted_total, spent_total => entry.spent_total, sent_total => entry.sent_total,
    created_at => entry.created_at, kind => entry.kind, debit => entry.debit, credit => entry.credit,
    actor => entry.actor, idem_key => entry.idem_key,
    metadata_hash => ledger_private.facts_hash(entry, kept_metadata_hash),
    to_wallet => entry.to_wallet, to_seq => entry.to_seq, requested_amount => entry.requested_amount,
    held_bonus_amount => entry.held_bonus_amount, reverses => entry.reverses, hold_id => entry.hold_id,
    expires_at => entry.expires_at)
$$;

comment on function ledger_private.entry_hash is
$$The hash of an entry, from that of the entry before it: see entry_digest. kept_metadata_hash is that of metadata which
were blanked.$$;

grant execute on function ledger_private.entry_hash to wallet_auditor;
--! EndIncluded functions/ledger_private/hashes/entry_hash.sql

--! Included functions/ledger_private/hashes/asset_limit_bytes.sql
create or replace function ledger_private.asset_limit_bytes(limits ledger.asset_limits)
returns bytea
language sql
stable
as $$
  select array_send(array[
    'asset_limit', convert_to(limits.asset_code, 'UTF8'), int8send(limits.seq), int8send(limits.max_spend),
    int8send(limits.max_balance), int8send(limits.max_daily_top_up), int8send(limits.max_daily_bonus),
    int8send(limits.max_daily_spend), convert_to(limits.actor, 'UTF8'), timestamptz_send(limits.created_at)
  ] || case when limits.collect_debts
      or num_nonnulls(limits.max_transfer, limits.max_daily_transfer, limits.unique_reference) > 0
    then array[int8send(limits.max_transfer), int8send(limits.max_daily_transfer),
      convert_to(limits.unique_reference, 'UTF8'), boolsend(limits.collect_debts)] else '{}' end)
$$;

comment on function ledger_private.asset_limit_bytes is
$$Every fact of an asset's limits as bytes, for their hash: see record_hash. What release 0.1.0 did not have comes last,
where any of it is set: so hashes of then are the same, and the number of elements says which it is.$$;

grant execute on function ledger_private.asset_limit_bytes to wallet_auditor;
--! EndIncluded functions/ledger_private/hashes/asset_limit_bytes.sql

--! Included functions/ledger_private/hashes/wallet_event_bytes.sql
create or replace function ledger_private.wallet_event_bytes(event ledger.wallet_events)
returns bytea
language sql
stable
as $$
  select array_send(array[
    'wallet_event', uuid_send(event.wallet_id), int8send(event.seq), enum_send(event.kind),
    convert_to(event.reason, 'UTF8'), convert_to(event.actor, 'UTF8'), timestamptz_send(event.created_at)
  ] || case when event.facts_hash is not null then array[event.facts_hash] else '{}' end)
$$;

comment on function ledger_private.wallet_event_bytes is
$$Every fact of a wallet's event as bytes, for its hash: see record_hash. The hash of what it is about comes last, where
there is one.$$;

grant execute on function ledger_private.wallet_event_bytes to wallet_auditor;
--! EndIncluded functions/ledger_private/hashes/wallet_event_bytes.sql

--! Included functions/ledger_private/hashes/wallet_limit_bytes.sql
create or replace function ledger_private.wallet_limit_bytes(limits ledger.wallet_limits)
returns bytea
language sql
stable
as $$
  select array_send(array[
    'wallet_limit', uuid_send(limits.wallet_id), int8send(limits.seq), int8send(limits.max_spend),
    int8send(limits.max_balance), int8send(limits.max_daily_top_up), int8send(limits.max_daily_bonus),
    int8send(limits.max_daily_spend), int8send(limits.max_transfer), int8send(limits.max_daily_transfer)
  ])
$$;

comment on function ledger_private.wallet_limit_bytes is
$$Every fact of a wallet's own limits as bytes: an array of bytea, as those of record_hash. SHA-256 over them is the
facts_hash of their event.$$;

grant execute on function ledger_private.wallet_limit_bytes to wallet_auditor;
--! EndIncluded functions/ledger_private/hashes/wallet_limit_bytes.sql

--! Included functions/ledger_private/hashes/redaction_bytes.sql
create or replace function ledger_private.redaction_bytes(redaction ledger.redactions)
returns bytea
language sql
stable
as $$
  select array_send(array[
    'redaction', uuid_send(redaction.wallet_id), int8send(redaction.seq), uuid_send(redaction.transfer_id),
    redaction.metadata_hash, int8send(redaction.event_seq), redaction.reference_hash
  ])
$$;

comment on function ledger_private.redaction_bytes is
$$Every fact of a redaction as bytes: an array of bytea, as those of record_hash. SHA-256 over them is the facts_hash of
its event.$$;

grant execute on function ledger_private.redaction_bytes to wallet_auditor;
--! EndIncluded functions/ledger_private/hashes/redaction_bytes.sql

--! Included functions/ledger_private/reading/kept_metadata_hash.sql
create or replace function ledger_private.kept_metadata_hash(wallet_id uuid, seq bigint)
returns bytea
language sql
stable
-- A plan that was made while the table was small may not outlive that.
set enable_seqscan = off
as $$
  select r.metadata_hash from ledger.redactions r
    where r.wallet_id = kept_metadata_hash.wallet_id and r.seq = kept_metadata_hash.seq
$$;

comment on function ledger_private.kept_metadata_hash is
  'The hash of the metadata that were blanked in an entry (transfer_redact); null where none were.';

grant execute on function ledger_private.kept_metadata_hash to wallet_auditor;
--! EndIncluded functions/ledger_private/reading/kept_metadata_hash.sql

--! Included functions/ledger_private/posting/leaves.sql
create or replace function ledger_private.leaves(kind ledger.transfer_kind)
returns boolean
language sql
immutable
return kind in ('spend', 'transfer', 'exchange', 'merge', 'hold', 'capture');

comment on function ledger_private.leaves is
  'Whether a kind takes credits out of the acting wallet, or reserves them: what a frozen wallet does not allow.';
--! EndIncluded functions/ledger_private/posting/leaves.sql

--! Included functions/ledger_private/posting/takes.sql
create or replace function ledger_private.takes(request ledger.wallet_request)
returns boolean
language sql
immutable
return ledger_private.leaves(request.kind) or request.kind = 'collection' or coalesce(request.side = 'debit', false);

comment on function ledger_private.takes is
$$Whether a request takes credits out of the acting wallet. An adjustment may, and a collection does, also where the
wallet is frozen.$$;
--! EndIncluded functions/ledger_private/posting/takes.sql

--! Included functions/ledger_private/posting/has_reason.sql
create or replace function ledger_private.has_reason(kind ledger.transfer_kind)
returns boolean
language sql
immutable
return coalesce(kind in ('adjustment', 'forgiveness', 'merge'), false);

comment on function ledger_private.has_reason is
  'Whether a kind comes with a reason, which is kept in its metadata.';

grant execute on function ledger_private.has_reason to wallet_auditor;
--! EndIncluded functions/ledger_private/posting/has_reason.sql

--! Included functions/ledger_private/posting/house_account.sql
create or replace function ledger_private.house_account(kind ledger.transfer_kind)
returns ledger.account
language sql
immutable
-- The values are of their type from the start: a cast afterwards would keep PostgreSQL from inlining this.
return case kind
  when 'top_up' then 'treasury'::ledger.account
  when 'bonus' then 'promotions'
  when 'spend' then 'revenue'
  when 'capture' then 'revenue'
  when 'expiry' then 'breakage'
  when 'opening' then 'opening'
  when 'exchange' then 'exchange'
  when 'adjustment' then 'adjustments'
  when 'collection' then 'receivables'
  when 'forgiveness' then 'losses'
  when 'reversal' then null
  else 'player'
end;

comment on function ledger_private.house_account is
  'The account on the other side of the acting wallet, by kind; null for a reversal, where the original decides.';

grant execute on function ledger_private.house_account to wallet_auditor;
--! EndIncluded functions/ledger_private/posting/house_account.sql

--! Included functions/ledger_private/refusals/invalid_amount.sql
create or replace function ledger_private.invalid_amount(argument text, amount bigint)
returns ledger.refusal
language sql
immutable
return ledger_private.refusal('WLAMT', format('invalid amount: %s', coalesce(amount::text, 'null')),
  jsonb_build_object(argument, amount::text, 'min', '1', 'max', '1000000000000000'),
  'Send a whole number of minor units from 1 to 1000000000000000.');

comment on function ledger_private.invalid_amount is
  'WLAMT: an amount is missing or out of its bounds, named as the function names it.';
--! EndIncluded functions/ledger_private/refusals/invalid_amount.sql

--! Included functions/ledger_private/refusals/invalid_request.sql
create or replace function ledger_private.invalid_request(request ledger.wallet_request)
returns ledger.refusal
language plpgsql
immutable
as $$
declare
  v_between boolean := request.kind in ('transfer', 'exchange', 'merge');
  v_broken text := case
    when request.kind is null and request.amount between 1 and 1000000000000000 then 'kind'
    when request.wallet_id is null then case when v_between then 'from_wallet' else 'wallet_id' end
    when v_between <> (request.counterparty_id is not null)
      then case when v_between then 'to_wallet' else 'counterparty_id' end
    when (request.kind in ('capture', 'release')) <> (request.hold_id is not null) then 'hold_id'
    when (request.kind = 'reversal') <> (request.transfer_id is not null) then 'transfer_id'
    when (request.kind = 'adjustment') <> (request.side is not null) then 'side'
    when request.kind in ('release', 'merge') and request.amount is not null then 'amount'
    when request.kind <> 'exchange' and request.to_amount is not null then 'to_amount'
    when ledger_private.is_key(request.idem_key) is not true then 'idem_key'
    when request.bonus_amount is not null
      and (request.kind <> 'opening' or request.bonus_amount not between 0 and request.amount) then 'bonus_amount'
    when request.expires_at is not null and (not isfinite(request.expires_at)
      or request.kind not in ('bonus', 'hold', 'opening')
      or request.kind = 'opening' and coalesce(request.bonus_amount, 0) = 0) then 'expires_at'
    when request.kind <> 'reversal' and request.owe then 'owe'
    when ledger_private.has_reason(request.kind) <> (request.reason is not null)
      or char_length(request.reason) not between 1 and 1000 then 'reason'
    when ledger_private.is_metadata(coalesce(request.metadata, '{}')) is not true
      or request.reason is not null and request.metadata ? 'reason'
      or request.kind = 'merge' and request.metadata <> '{}' then 'metadata'
  end;
begin
  if request.amount not between 1 and 1000000000000000
    or request.amount is null and coalesce(request.kind not in ('capture', 'release', 'reversal', 'merge'), true) then
    return ledger_private.invalid_amount('amount', request.amount);
  elsif request.kind = 'exchange' and coalesce(request.to_amount not between 1 and 1000000000000000, true) then
    return ledger_private.invalid_amount('to_amount', request.to_amount);
  elsif v_broken is null and request.wallet_id = request.counterparty_id then
    return ledger_private.refusal('WLSLF', format('same wallet: %s', request.wallet_id),
      jsonb_build_object('wallet_id', request.wallet_id), 'Name two different wallets.');
  elsif v_broken is null then
    return null;
  end if;
  return ledger_private.invalid_argument(v_broken, case v_broken
    when 'idem_key' then
      'Send an idempotency key of 1 to 200 characters, no white space at either end, a new one for each request.'
    when 'kind' then 'Send a kind whose single call you may call, such as top_up.'
    when 'amount' then 'A release frees all that is reserved, a merge moves all there is: leave the amount out.'
    when 'to_amount' then 'Only an exchange has an amount that arrives.'
    when 'bonus_amount' then 'Send what of the amount of an opening is bonus credits, or leave it out.'
    when 'side' then 'Send debit or credit for an adjustment; other kinds have no side.'
    when 'reason' then
      'Say why of an adjustment, a forgiveness or a merge, in 1 to 1000 characters; other kinds have no reason.'
    when 'owe' then 'Only the reversal of a top-up can leave a debt.'
    when 'counterparty_id' then 'Only a transfer, an exchange or a merge names a second wallet.'
    when 'expires_at' then
      'Send an instant after now, or leave it out; only bonuses, holds and the bonus credits of an opening expire.'
    when 'metadata' then case when request.kind = 'merge' then 'A merge has no metadata: leave them out.'
      when request.metadata ? 'reason' and request.reason is not null
        then 'Send the reason as an argument: it is stored with the metadata.'
      else 'Send a JSON object of at most 8192 bytes; store a reference to larger facts.' end
    when 'hold_id' then 'Name the hold by its id in a capture or a release; other kinds have none.'
    when 'transfer_id' then 'Name the transfer by its id in a reversal; other kinds have none.'
    else 'Name the wallet by its id.'
  end);
end
$$;

comment on function ledger_private.invalid_request is
  'WLAMT, then WLARG, then WLSLF: why a request could not be right whatever the ledger holds.';
--! EndIncluded functions/ledger_private/refusals/invalid_request.sql

--! Included functions/ledger_private/refusals/not_exchangeable.sql
create or replace function ledger_private.not_exchangeable(wallet ledger.wallets, other ledger.wallets)
returns ledger.refusal
language sql
immutable
return case when wallet.owner_id <> other.owner_id or wallet.asset_code = other.asset_code then
  ledger_private.invalid_argument('to_wallet', 'Exchange between two wallets of one owner, of different assets.',
    jsonb_build_object('same_owner', wallet.owner_id = other.owner_id, 'from_asset', wallet.asset_code,
      'to_asset', other.asset_code))
end;

comment on function ledger_private.not_exchangeable is
  'WLARG: credits are exchanged between wallets of one owner and different assets only.';
--! EndIncluded functions/ledger_private/refusals/not_exchangeable.sql

--! Included functions/ledger_private/merge/successors.sql
create or replace function ledger_private.successors(wallet_id uuid)
returns table (wallet_id uuid, place int, seq bigint)
language sql
stable
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
  with recursive chain as (
    select w.id, w.merged_into, 1 as place, null::bigint as seq from ledger.wallets w where w.id = successors.wallet_id
    union all
    -- A merge is the last entry of its wallet.
    select w.id, w.merged_into, c.place + 1, (select e.to_seq from ledger_private.head(c.id) e where e.kind = 'merge')
    from chain c
    join ledger.wallets w on w.id = c.merged_into
  ) cycle id set is_cycle using path
  select c.id, c.place, c.seq from chain c where not c.is_cycle
$$;

comment on function ledger_private.successors is
$$A wallet, and those that it was merged into, one after the other, each with the number of its entry by which all
arrived there.$$;

grant execute on function ledger_private.successors to wallet_auditor;
--! EndIncluded functions/ledger_private/merge/successors.sql

--! Included functions/ledger_private/merge/original.sql
create or replace function ledger_private.original(wallet_id uuid, transfer_id uuid)
returns setof ledger.entries
language sql
stable
rows 1
as $$
  select e.*
  from ledger.entries e
  where e.transfer_id = original.transfer_id and e.actor is not null
    and case when e.wallet_id = original.wallet_id then true
      else exists (select from ledger_private.successors(e.wallet_id) s where s.wallet_id = original.wallet_id) end
$$;

comment on function ledger_private.original is
  'The movement that a wallet may reverse: one that it acted in, or that a wallet did which was merged into it.';

grant execute on function ledger_private.original to wallet_auditor;
--! EndIncluded functions/ledger_private/merge/original.sql

--! Included functions/ledger_private/refusals/not_found.sql
create or replace function ledger_private.not_found(request ledger.wallet_request)
returns ledger.refusal
language plpgsql
stable
as $$
begin
  -- Statements of their own: most requests name neither.
  if request.hold_id is not null then
    if not exists (select from ledger.holds h where h.wallet_id = request.wallet_id and h.id = request.hold_id) then
      return ledger_private.refusal('WLNOH', format('hold not found: %s', request.hold_id),
        jsonb_build_object('wallet_id', request.wallet_id, 'hold_id', request.hold_id),
          'Name a hold of this wallet by the hold_id of its receipt.');
    end if;
  elsif request.transfer_id is not null then
    if not exists (select from ledger_private.original(request.wallet_id, request.transfer_id)) then
      return ledger_private.refusal('WLNOT', format('transfer not found: %s', request.transfer_id),
        jsonb_build_object('wallet_id', request.wallet_id, 'transfer_id', request.transfer_id),
        'Name a transfer that this wallet, or one merged into it, acted in by the transfer_id of its receipt.');
    end if;
  end if;
  return null;
end
$$;

comment on function ledger_private.not_found is
  'WLNOH or WLNOT: the hold or the transfer that a request names is not there, or of another wallet.';
--! EndIncluded functions/ledger_private/refusals/not_found.sql

--! Included functions/ledger_private/refusals/key_reused.sql
create or replace function ledger_private.key_reused(first ledger.entries, request ledger.wallet_request)
returns ledger.refusal
language sql
stable
as $$
  select ledger_private.reused(format('%s differs from the first request', d.field),
    jsonb_build_object('wallet_id', first.wallet_id, 'idem_key', first.idem_key, 'transfer_id', first.transfer_id,
      'field', d.field, 'first', d.first, 'again', d.again),
    'Send a new key for a new request, or the first request unchanged for its receipt.')
  from (select ledger_private.has_reason(first.kind)) h (has)
  cross join lateral (
    select case when first.metadata = '{}' then ledger_private.kept_metadata_hash(first.wallet_id, first.seq) end
  ) r (kept)
  cross join lateral (values
    (1, 'kind', first.kind::text, request.kind::text),
    (2, 'to_wallet', case when first.kind in ('transfer', 'exchange', 'merge') then first.to_wallet::text end,
      request.counterparty_id::text),
    -- A hold's own id is not asked for but given.
    (3, 'hold_id', case when first.kind <> 'hold' then first.hold_id::text end, request.hold_id::text),
    (4, 'transfer_id', first.reverses::text, request.transfer_id::text),
    (5, 'side', case first.kind when 'adjustment' then ledger.entries_side(first)::text end, request.side::text),
    (6, 'amount', first.requested_amount::text, request.amount::text),
    (7, 'to_amount', case first.kind when 'exchange' then (
        select o.amount::text from ledger.entries o where o.wallet_id = first.to_wallet and o.seq = first.to_seq) end,
      request.to_amount::text),
    (8, 'bonus_amount', case first.kind when 'opening' then first.bonus_amount::text end, request.bonus_amount::text),
    (9, 'expires_at', ledger_private.in_utc(first.expires_at) #>> '{}',
      ledger_private.in_utc(request.expires_at) #>> '{}'),
    -- Of metadata that were blanked only the hash is known, which the reason is in.
    (10, 'reason', case when r.kept is not null then request.reason
      when h.has then first.metadata ->> 'reason' end, request.reason),
    (11, 'metadata', case when r.kept is not null then 'sha256:' || encode(r.kept, 'hex')
        when h.has then (first.metadata - 'reason')::text else first.metadata::text end,
      case when r.kept is not null then 'sha256:' || encode(ledger_private.metadata_hash(
          coalesce(request.metadata, '{}') || case when request.reason is null then '{}'
            else jsonb_build_object('reason', request.reason) end), 'hex')
        else coalesce(request.metadata, '{}')::text end)
  ) as d (position, field, first, again)
  where d.first is distinct from d.again
  order by d.position
  limit 1
$$;

comment on function ledger_private.key_reused is
  'WLKEY: a request is not the one that its key was first used for, with the first field that differs.';
--! EndIncluded functions/ledger_private/refusals/key_reused.sql

--! Included functions/ledger_private/refusals/payment_reused.sql
create or replace function ledger_private.payment_reused(asset_code text, reference text)
returns ledger.refusal
language sql
stable
-- A plan that was made while the table was small may not outlive that.
set enable_seqscan = off
as $$
  select ledger_private.reused('the payment has been booked before',
    jsonb_build_object('field', 'metadata', 'reference', reference, 'wallet_id', e.wallet_id,
      'transfer_id', e.transfer_id),
    'The payment is that of the transfer which the detail names: send it once, with one key, for one wallet.')
  from ledger.unique_references u
  join ledger.entries e on e.wallet_id = u.wallet_id and e.seq = u.seq
  where u.asset_code = payment_reused.asset_code
    and u.reference_hash = sha256(convert_to(payment_reused.reference, 'UTF8'))
$$;

comment on function ledger_private.payment_reused is
$$WLKEY: the payment of a top-up has been booked, for another wallet or with another key, with the wallet that it
belongs to. For assets that have a unique_reference.$$;
--! EndIncluded functions/ledger_private/refusals/payment_reused.sql

--! Included functions/ledger_private/refusals/opened_before.sql
create or replace function ledger_private.opened_before(wallet_id uuid)
returns ledger.refusal
language sql
stable
as $$
  -- Rare, so that it has no index: the wallet's entries are read.
  select ledger_private.invalid_argument('wallet_id',
    'A balance is brought to a wallet once; correct it by wallet_adjust.',
    jsonb_build_object('wallet_id', e.wallet_id, 'transfer_id', e.transfer_id, 'idem_key', e.idem_key))
  from ledger.entries e
  where e.wallet_id = opened_before.wallet_id and e.kind = 'opening'
  limit 1
$$;

comment on function ledger_private.opened_before is
  'WLARG: a wallet has had its opening balance. Asked after the key, so that a late retry still gets its receipt.';
--! EndIncluded functions/ledger_private/refusals/opened_before.sql

--! Included functions/ledger_private/refusals/not_allowed.sql
create or replace function ledger_private.not_allowed(wallet ledger.wallets, leaving boolean, facts jsonb default '{}')
returns ledger.refusal
language sql
immutable
return case
  when wallet.merged_into is not null then ledger_private.refusal('WLCLS', format('wallet closed: %s', wallet.id),
    jsonb_build_object('wallet_id', wallet.id, 'merged_into', wallet.merged_into) || facts,
    'The wallet was merged: call for the one that merged_into names.')
  when wallet.status = 'closed' then ledger_private.refusal('WLCLS', format('wallet closed: %s', wallet.id),
    jsonb_build_object('wallet_id', wallet.id) || facts, 'An operator can reopen the wallet.')
  when wallet.status = 'frozen' and leaving then ledger_private.refusal('WLFRZ', format('wallet frozen: %s', wallet.id),
    jsonb_build_object('wallet_id', wallet.id) || facts, 'No credits leave a frozen wallet; an operator can reopen it.')
end;

comment on function ledger_private.not_allowed is
  $$WLCLS for a closed wallet, with its successor where it was merged; WLFRZ for credits that leave a frozen one. facts
are added to the detail.$$;
--! EndIncluded functions/ledger_private/refusals/not_allowed.sql

--! Included functions/ledger_private/refusals/not_mergeable.sql
create or replace function ledger_private.not_mergeable(head ledger.entries)
returns ledger.refusal
language sql
stable
as $$
  select ledger_private.invalid_argument('from_wallet',
    'Only what is not reserved is moved: capture or release the open holds first.',
    jsonb_build_object('wallet_id', head.wallet_id, 'held_balance', head.held_balance::text, 'hold_ids', (
      select jsonb_agg(h.hold_id order by h.hold_id) from (
        select o.hold_id from ledger_private.open_holds o where o.wallet_id = head.wallet_id
        order by o.hold_id limit 100) h)))
  where head.held_balance > 0
$$;

comment on function ledger_private.not_mergeable is
  'WLARG: a wallet that is to be merged has open holds, of which the oldest 100 are named.';
--! EndIncluded functions/ledger_private/refusals/not_mergeable.sql

--! Included functions/ledger_private/refusals/not_reversible.sql
create or replace function ledger_private.not_reversible(
  original ledger.entries, requested bigint, available bigint, owe boolean default false, acting uuid default null
)
returns ledger.refusal
language sql
immutable
return (
  select ledger_private.refusal('WLREV',
    case when r.able and r.apart then format('not reversible: a %s of a merged wallet', original.kind)
      when r.able and r.whole and available > 0 then format('not reversible: %s of an exchange', requested)
      when r.able and available > 0 and (requested > available) is not true
        then format('not reversible: no debt of a %s', original.kind)
      when r.able then format('not reversible: %s left of %s', available, original.amount)
      else format('not reversible: a %s', original.kind) end,
    jsonb_build_object('wallet_id', original.wallet_id, 'transfer_id', original.transfer_id, 'kind', original.kind,
      'left', case when r.able then available else 0 end::text, 'requested', requested::text),
    case when r.able and r.apart then
        'An exchange of a merged wallet, or its transfer to its successor, is not reversed: adjust what is wrong.'
      when r.able and r.whole then 'An exchange is reversed as a whole: leave the amount out.'
      when r.able and available > 0 and (requested > available) is not true
        then 'Only what is gone of a top-up becomes a debt: leave owe out.'
      when r.able then 'Ask for no more than is left to reverse.'
      else 'Only top-ups, bonuses, spends, captures, transfers and exchanges are reversed; adjust what is wrong.'
      end)
  from (
    select original.kind in ('top_up', 'bonus', 'spend', 'capture', 'transfer', 'exchange'), original.kind = 'exchange',
      original.wallet_id <> acting and (original.kind = 'exchange' or original.to_wallet = acting)
  ) r (able, whole, apart)
  where not r.able or r.apart or available <= 0 or requested > available or r.whole and requested < available
    or owe and original.kind <> 'top_up');

comment on function ledger_private.not_reversible is
$$WLREV: more of a movement is to be reversed than is left (available), or its kind cannot be reversed,
or leaves no debt.$$;

grant execute on function ledger_private.not_reversible
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/refusals/not_reversible.sql

--! Included functions/ledger_private/wallets/own_limits.sql
create or replace function ledger_private.own_limits(wallet ledger.wallets)
returns ledger.wallet_limits
language sql
stable
-- A plan that was made while the table was small may not outlive that.
set enable_seqscan = off
as $$
  select o from ledger.wallet_limits o where o.wallet_id = wallet.id and o.seq = wallet.own_limits
$$;

comment on function ledger_private.own_limits is
  'The limits of a wallet''s own that are in force; null where it has none.';
--! EndIncluded functions/ledger_private/wallets/own_limits.sql

--! Included functions/ledger_private/wallets/limits_of.sql
create or replace function ledger_private.limits_of(wallet ledger.wallets)
returns ledger.asset_limits
language plpgsql
stable
as $$
declare
  v_limits ledger.asset_limits;
  v_own ledger.wallet_limits;
begin
  select l.* into v_limits from ledger.asset_limits l where l.asset_code = wallet.asset_code
    order by l.seq desc limit 1;
  if wallet.own_limits is not null then
    v_own := ledger_private.own_limits(wallet);
    v_limits.max_spend := coalesce(v_own.max_spend, v_limits.max_spend);
    v_limits.max_balance := coalesce(v_own.max_balance, v_limits.max_balance);
    v_limits.max_daily_top_up := coalesce(v_own.max_daily_top_up, v_limits.max_daily_top_up);
    v_limits.max_daily_bonus := coalesce(v_own.max_daily_bonus, v_limits.max_daily_bonus);
    v_limits.max_daily_spend := coalesce(v_own.max_daily_spend, v_limits.max_daily_spend);
    v_limits.max_transfer := coalesce(v_own.max_transfer, v_limits.max_transfer);
    v_limits.max_daily_transfer := coalesce(v_own.max_daily_transfer, v_limits.max_daily_transfer);
  end if;
  return v_limits;
end
$$;

comment on function ledger_private.limits_of is
  'The limits that count for a wallet, which is locked: its own, and where it has none, those of its asset.';
--! EndIncluded functions/ledger_private/wallets/limits_of.sql

--! Included functions/ledger_private/refusals/limit_exceeded.sql
create or replace function ledger_private.limit_exceeded(wallet_id uuid, name text, max bigint, used numeric)
returns ledger.refusal
language sql
immutable
return ledger_private.refusal('WLLIM', format('limit exceeded: %s is %s, %s left', name, max, greatest(max - used, 0)),
  jsonb_build_object('wallet_id', wallet_id, 'limit', name, 'max', max::text, 'left', greatest(max - used, 0)::text),
  'Ask for no more than is left, or wait until the limit leaves more.');

comment on function ledger_private.limit_exceeded is
  'WLLIM: an amount would go above a limit, of which so much is used.';
--! EndIncluded functions/ledger_private/refusals/limit_exceeded.sql

--! Included functions/ledger_private/refusals/above_limit.sql
create or replace function ledger_private.above_limit(
  wallet ledger.wallets,
  head ledger.entries,
  kind ledger.transfer_kind,
  change bigint,
  amount bigint,
  at_time timestamptz
)
returns ledger.refusal
language plpgsql
stable
as $$
declare
  v_limits ledger.asset_limits;
  v_day_before ledger.entries;
begin
  -- What is given back, corrected or brought along: for it only what the ledger counts to is a limit.
  if kind not in ('reversal', 'opening', 'adjustment', 'collection', 'forgiveness', 'merge') then
    v_limits := ledger_private.limits_of(wallet);
  end if;
  -- Totals run through the log: what the last 24 hours added is the head's less those of the newest entry before them.
  if num_nonnulls(v_limits.max_daily_top_up, v_limits.max_daily_bonus, v_limits.max_daily_spend,
    v_limits.max_daily_transfer) > 0 then
    v_day_before := ledger_private.entry_at(wallet.id, greatest(at_time, head.created_at) - interval '24 hours');
  end if;
  return (
    select ledger_private.limit_exceeded(wallet.id, l.name, l.max, l.used)
    from (values
      -- What the ledger counts to is so far below the end of bigint that one more amount never overflows it; a whole
      -- balance, which a merge moves, might.
      ('max_balance', true, 9000000000000000000, greatest(
        coalesce(head.balance, 0)::numeric + change - amount,
        case kind when 'top_up' then coalesce(head.topped_up_total, 0) end,
        case kind when 'bonus' then coalesce(head.granted_total, 0) end,
        case when kind in ('spend', 'capture') then coalesce(head.spent_total, 0) end,
        case when kind = 'transfer' and change < 0 then coalesce(head.sent_total, 0) end)),
      ('owed', kind in ('collection', 'forgiveness'), coalesce(head.owed, 0), 0),
      ('max_spend', kind in ('spend', 'capture'), v_limits.max_spend, 0),
      ('max_balance', change > 0, v_limits.max_balance, coalesce(head.balance, 0)),
      ('max_daily_top_up', kind = 'top_up', v_limits.max_daily_top_up,
        coalesce(head.topped_up_total, 0) - coalesce(v_day_before.topped_up_total, 0)),
      ('max_daily_bonus', kind = 'bonus', v_limits.max_daily_bonus,
        coalesce(head.granted_total, 0) - coalesce(v_day_before.granted_total, 0)),
      ('max_daily_spend', kind in ('spend', 'capture'), v_limits.max_daily_spend,
        coalesce(head.spent_total, 0) - coalesce(v_day_before.spent_total, 0)),
      -- Of a transfer, for who sends.
      ('max_transfer', kind = 'transfer' and change < 0, v_limits.max_transfer, 0),
      ('max_daily_transfer', kind = 'transfer' and change < 0, v_limits.max_daily_transfer,
        coalesce(head.sent_total, 0) - coalesce(v_day_before.sent_total, 0))
    ) as l (name, applies, max, used)
    where l.applies and l.used + amount > l.max
    limit 1);
end
$$;

comment on function ledger_private.above_limit is
$$WLLIM: an amount would go above a limit of the wallet or its asset, what the wallet owes, or what the ledger counts
to. head is the wallet's newest entry, change what the amount does to its balance.$$;
--! EndIncluded functions/ledger_private/refusals/above_limit.sql

--! Included functions/ledger_private/refusals/above_debt.sql
create or replace function ledger_private.above_debt(wallet_id uuid, owed bigint, more bigint)
returns ledger.refusal
language sql
immutable
return case when coalesce(owed, 0)::numeric + coalesce(more, 0) > 9000000000000000000
  then ledger_private.limit_exceeded(wallet_id, 'max_owed', 9000000000000000000, coalesce(owed, 0)) end;

comment on function ledger_private.above_debt is
  'WLLIM: with more, a wallet would owe more than the ledger counts to.';
--! EndIncluded functions/ledger_private/refusals/above_debt.sql

--! Included functions/ledger_private/posting/next_entry.sql
create or replace function ledger_private.next_entry(
  head ledger.entries,
  wallet_id uuid,
  transfer_id uuid,
  kind ledger.transfer_kind,
  side ledger.entry_side,
  account ledger.account,
  amount bigint,
  bonus_amount bigint,
  held_amount bigint,
  at_time timestamptz
)
returns ledger.entries
language plpgsql
stable
as $$
declare
  v_entry ledger.entries;
  -- A debt, and one that is given up, move nothing of the wallet: they are between two accounts of the house.
  v_sign int := case when side = 'credit' then 1 when side = 'debit' then -1 else 0 end;
begin
  v_entry.wallet_id := wallet_id;
  v_entry.transfer_id := transfer_id;
  v_entry.kind := kind;
  v_entry.debit := case when kind = 'debt' then 'receivables' when side = 'debit' then 'player' else account end;
  v_entry.credit := case when kind = 'forgiveness' then 'receivables' when side = 'credit' then 'player'
    else account end;
  v_entry.seq := coalesce(head.seq, 0) + 1;
  v_entry.amount := amount;
  v_entry.bonus_amount := bonus_amount;
  v_entry.held_amount := held_amount;
  v_entry.balance := coalesce(head.balance, 0) + v_sign * amount;
  v_entry.bonus_balance := coalesce(head.bonus_balance, 0) + v_sign * bonus_amount;
  v_entry.held_balance := coalesce(head.held_balance, 0) + held_amount;
  v_entry.paid_balance := v_entry.balance - v_entry.bonus_balance;
  v_entry.free_balance := v_entry.balance - v_entry.held_balance;
  v_entry.topped_up_total := coalesce(head.topped_up_total, 0) + case kind when 'top_up' then amount else 0 end;
  v_entry.granted_total := coalesce(head.granted_total, 0) + case kind when 'bonus' then amount else 0 end;
  v_entry.spent_total := coalesce(head.spent_total, 0) + case when kind in ('spend', 'capture') then amount else 0 end;
  v_entry.sent_total := coalesce(head.sent_total, 0) + case when kind = 'transfer' and side = 'debit'
    then amount else 0 end;
  v_entry.owed := nullif(coalesce(head.owed, 0) + case when kind = 'debt' then amount
    when kind in ('collection', 'forgiveness') then -amount else 0 end, 0);
  -- A wallet's time never runs backwards, even if the server's clock does.
  v_entry.created_at := greatest(at_time, head.created_at);
  v_entry.xid := pg_current_xact_id();
  v_entry.hash := head.hash;
  return v_entry;
end
$$;

comment on function ledger_private.next_entry is
$$The entry that follows a wallet's head (null: its first), with the account on the other side; side is null where both
are the house's. Its hash is still the head's, to which chained() chains it. The domain of the balances refuses what is
below zero.$$;
--! EndIncluded functions/ledger_private/posting/next_entry.sql

--! Included functions/ledger_private/posting/acting.sql
create or replace function ledger_private.acting(entry ledger.entries, request ledger.wallet_request)
returns ledger.entries
language plpgsql
stable
as $$
begin
  entry.actor := ledger_private.actor();
  entry.idem_key := request.idem_key;
  entry.requested_amount := request.amount;
  entry.reverses := request.transfer_id;
  entry.hold_id := request.hold_id;
  entry.expires_at := request.expires_at;
  entry.metadata := coalesce(request.metadata, '{}');
  if request.reason is not null then
    entry.metadata := entry.metadata || jsonb_build_object('reason', request.reason);
  end if;
  return entry;
end
$$;

comment on function ledger_private.acting is
  'An entry as that of the acting wallet: with the request, and who calls. The system''s own have no request.';
--! EndIncluded functions/ledger_private/posting/acting.sql

--! Included functions/ledger_private/posting/receipt.sql
create or replace function ledger_private.receipt(entry ledger.entries, replayed boolean)
returns ledger.receipt
language plpgsql
stable
-- A plan that was made while the table was small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_expired bigint := 0;
  v_collected bigint := 0;
begin
  if entry.bonus_balance > 0 and entry.kind in ('capture', 'release', 'reversal') then
    -- Everything else that had expired by then was booked before this entry.
    v_expired := (
      select coalesce(sum(d.balance - d.held_balance), 0)
      from ledger.bonus_lot_draws d
      where d.seq = entry.seq and d.wallet_id = entry.wallet_id and d.expires_at <= entry.created_at);
  end if;
  if entry.bonus_balance > 0 and entry.kind = 'reversal' then
    -- In the successor of a merged wallet, what is given back is a lot of this entry.
    v_expired := v_expired + (
      select coalesce(sum(l.amount), 0)
      from ledger.bonus_lots l
      where l.wallet_id = entry.wallet_id and l.seq = entry.seq and l.expires_at <= entry.created_at);
  end if;
  if entry.owed > 0 and entry.kind = 'top_up' then
    -- What was collected of it, the next entry says.
    v_collected := coalesce((
      select c.amount
      from ledger.entries c
      where c.wallet_id = entry.wallet_id and c.seq = entry.seq + 1 and c.kind = 'collection' and c.idem_key is null),
      0);
  end if;
  return row(
    entry.transfer_id, entry.wallet_id, entry.seq, entry.kind,
    case when entry.kind in ('hold', 'release') then abs(entry.held_amount) else entry.amount end,
    coalesce(entry.held_bonus_amount, entry.bonus_amount),
    entry.balance, entry.bonus_balance, entry.held_balance, entry.free_balance - v_expired - v_collected,
    entry.hold_id, replayed, entry.created_at, coalesce(entry.owed, 0) - v_collected, false
  )::ledger.receipt;
end
$$;

comment on function ledger_private.receipt is
$$The receipt of a movement, from the acting wallet's entry. What that gave back to expired lots is not available: the
next entry of the same transaction books it to breakage. Nor is what of a top-up was collected for a debt.$$;
--! EndIncluded functions/ledger_private/posting/receipt.sql

--! Included functions/ledger_private/posting/reference_of.sql
create or replace function ledger_private.reference_of(asset_code text, metadata jsonb)
returns text
language plpgsql
volatile
as $$
declare
  v_field text;
  v_reference text;
begin
  select l.unique_reference into v_field from ledger.asset_limits l where l.asset_code = reference_of.asset_code
    order by l.seq desc limit 1;
  v_reference := metadata ->> v_field;
  if v_reference is null then
    return null;
  end if;
  if jsonb_typeof(metadata -> v_field) not in ('string', 'number')
    or ledger_private.is_key(v_reference) is not true then
    perform ledger_private.refuse(ledger_private.invalid_argument('metadata',
      'Send the reference of the payment: a number, or a text of 1 to 200 characters, no white space at either end.',
      jsonb_build_object('unique_reference', v_field)));
  end if;
  perform ledger_private.refuse(ledger_private.payment_reused(asset_code, v_reference));
  return v_reference;
end
$$;

comment on function ledger_private.reference_of is
$$The payment that the metadata of a top-up name, where its asset has a unique_reference; null for none. Refuses with
WLARG one that cannot be a reference, with WLKEY one that has been booked.$$;
--! EndIncluded functions/ledger_private/posting/reference_of.sql

--! Included functions/ledger_private/posting/claim_reference.sql
create or replace function ledger_private.claim_reference(entry ledger.entries, asset_code text, reference text)
returns void
language plpgsql
volatile
as $$
declare
  v_lock_timeout text := current_setting('lock_timeout');
begin
  perform set_config('ledger.posting', 'on', true);
  if current_setting('ledger.waiting', true) = 'off' then
    perform set_config('lock_timeout', '1', true);
  end if;
  -- Waits for another call that is booking the same payment. Two that book many may each wait for one of the other's.
  begin
    insert into ledger.unique_references
      values (asset_code, sha256(convert_to(reference, 'UTF8')), entry.wallet_id, entry.seq)
      on conflict on constraint unique_references_pkey do nothing;
  exception when deadlock_detected then
    raise exception using errcode = '40001',
      message = 'could not serialize access: another call is booking the same payments in another order',
      hint = 'Send it again as it is.';
  end;
  if not found then
    perform ledger_private.refuse(ledger_private.payment_reused(asset_code, reference));
  end if;
  perform set_config('lock_timeout', v_lock_timeout, true);
  perform set_config('ledger.posting', '', true);
end
$$;

comment on function ledger_private.claim_reference is
$$Makes a payment that of this entry; refuses with WLKEY where another call has booked it meanwhile, ends with 40001
where that waits for a payment of this one. With ledger.waiting off, it ends with 55P03 where another call is at it.$$;
--! EndIncluded functions/ledger_private/posting/claim_reference.sql

--! Included functions/ledger_private/posting/prepare.sql
create or replace function ledger_private.prepare(request ledger.wallet_request, other_id uuid default null)
returns ledger_private.prepared
language plpgsql
volatile
as $$
declare
  v_ids uuid[] := array[request.wallet_id, other_id];
  v_wallet ledger.wallets;
  v_prepared ledger_private.prepared;
begin
  perform ledger_private.refuse(ledger_private.invalid_request(request));
  for v_wallet in select w.* from ledger_private.lock_wallets(v_ids) w loop
    if v_wallet.id = request.wallet_id then
      v_prepared.wallet := v_wallet;
    else
      v_prepared.other := v_wallet;
    end if;
  end loop;
  if (v_prepared.wallet).id is null or (v_prepared.other).id is distinct from other_id then
    perform ledger_private.refuse(ledger_private.wallet_not_found(
      case when (v_prepared.wallet).id is null then request.wallet_id else other_id end));
  end if;
  if request.kind = 'exchange' then
    perform ledger_private.refuse(ledger_private.not_exchangeable(v_prepared.wallet, v_prepared.other));
  elsif request.kind <> 'reversal' then
    perform ledger_private.refuse(ledger_private.asset_mismatch((v_prepared.wallet).asset_code,
      (v_prepared.other).asset_code));
  end if;
  perform ledger_private.refuse(ledger_private.not_found(request), v_ids);
  v_prepared.receipt := ledger_private.replay(request);
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared;
  end if;
  -- A payment is a purchase: bonuses and reversals may name it, too.
  if request.kind = 'top_up' then
    v_prepared.reference := ledger_private.reference_of((v_prepared.wallet).asset_code, request.metadata);
  end if;

  v_prepared.at_time := clock_timestamp();
  v_prepared.head := ledger_private.head(request.wallet_id);
  perform ledger_private.refuse(
    ledger_private.expiry_passed(request.expires_at, greatest(v_prepared.at_time, (v_prepared.head).created_at)),
      v_ids);
  if request.kind = 'opening' then
    perform ledger_private.refuse(ledger_private.opened_before(request.wallet_id), v_ids);
  end if;
  perform ledger_private.refuse(ledger_private.not_allowed(v_prepared.wallet, ledger_private.leaves(request.kind)),
    v_ids);
  perform ledger_private.refuse(ledger_private.not_allowed(v_prepared.other, false), v_ids);
  if ledger_private.settle(v_ids, v_prepared.at_time) then
    v_prepared.head := ledger_private.head(request.wallet_id);
  end if;
  v_prepared.other_head := ledger_private.head(other_id);
  return v_prepared;
end
$$;

comment on function ledger_private.prepare is
$$What a call begins with, in the order of refusals: judges the request, locks the wallets, looks for what it names and
for its key, judges expiry and status, books what is due. With a receipt in it, it is a repetition.$$;
--! EndIncluded functions/ledger_private/posting/prepare.sql

--! Included functions/ledger_private/posting/judged.sql
create or replace function ledger_private.judged(request ledger.wallet_request)
returns ledger_private.prepared
language plpgsql
volatile
as $$
declare
  v_ids uuid[] := array[request.wallet_id, request.counterparty_id];
  v_change bigint;
  v_prepared ledger_private.prepared := ledger_private.prepare(request, request.counterparty_id);
  v_head ledger.entries := v_prepared.head;
begin
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared;
  end if;
  v_change := case when ledger_private.takes(request) then -request.amount else request.amount end;
  perform ledger_private.refuse(ledger_private.above_limit(wallet => v_prepared.wallet, head => v_head,
    kind => request.kind, change => v_change, amount => request.amount, at_time => v_prepared.at_time), v_ids);
  if request.counterparty_id is not null then
    perform ledger_private.refuse(ledger_private.above_limit(wallet => v_prepared.other, head => v_prepared.other_head,
      kind => request.kind, change => request.amount, amount => request.amount, at_time => v_prepared.at_time), v_ids);
  end if;
  if v_change < 0 then
    perform ledger_private.refuse(ledger_private.insufficient_funds(
      request.wallet_id, coalesce(case request.kind when 'collection' then
          v_head.paid_balance - v_head.held_balance + ledger_private.reserved_bonus(v_head)
        else v_head.free_balance end, 0), request.amount), v_ids);
  end if;
  return v_prepared;
end
$$;

comment on function ledger_private.judged is
  $$A movement of one wallet, or a transfer, prepared and judged by all rules. With a receipt in it, it is a
repetition.$$;
--! EndIncluded functions/ledger_private/posting/judged.sql

--! Included functions/ledger_private/lots/move_lots.sql
create or replace function ledger_private.move_lots(entry ledger.entries, other_entry ledger.entries default null)
returns void
language plpgsql
volatile
as $$
declare
  v_draws ledger.bonus_lot_draws[];
  v_lots ledger.bonus_lots[] := '{}';
begin
  if entry.kind in ('bonus', 'opening') then
    -- What is granted without an expiry is in no lot.
    if entry.expires_at is not null then
      perform ledger_private.write_lots(
        array[row(entry.wallet_id, entry.seq, entry.expires_at, entry.bonus_amount)::ledger.bonus_lots], '{}');
    end if;
    return;
  end if;
  v_draws := ledger_private.draws(entry);
  if cardinality(v_draws) = 0 then
    return;
  end if;
  if other_entry.wallet_id is not null then
    -- What arrives is a lot there, with its own expiry; parts of one expiry are one lot.
    v_lots := array(
      select row(other_entry.wallet_id, other_entry.seq, d.expires_at, sum(d.amount))::ledger.bonus_lots
      from unnest(v_draws) d group by d.expires_at order by d.expires_at);
  end if;
  perform ledger_private.write_lots(v_lots, v_draws);
  -- What arrived may be due already where that wallet's clock runs ahead.
  if other_entry.created_at > entry.created_at then
    perform ledger_private.settle(array[other_entry.wallet_id], entry.created_at);
  end if;
end
$$;

comment on function ledger_private.move_lots is
$$Does with lots what a movement asks for that is written: draws bonus credits from them, and makes lots of those that
arrive and expire. other_entry is the receiver's, of a transfer.$$;
--! EndIncluded functions/ledger_private/lots/move_lots.sql

--! Included functions/ledger_private/posting/collected.sql
create or replace function ledger_private.collected(top_up ledger.entries, asset_code text)
returns setof ledger.entries
language plpgsql
stable
as $$
begin
  if (select l.collect_debts from ledger.asset_limits l where l.asset_code = collected.asset_code
    order by l.seq desc limit 1) then
    return next ledger_private.chained(ledger_private.acting(ledger_private.next_entry(head => top_up,
      wallet_id => top_up.wallet_id, transfer_id => uuidv7(), kind => 'collection', side => 'debit',
      account => ledger_private.house_account('collection'), amount => least(top_up.owed, top_up.amount),
      bonus_amount => 0, held_amount => 0, at_time => top_up.created_at),
      ledger.request(kind => 'collection', wallet_id => top_up.wallet_id)));
  end if;
end
$$;

comment on function ledger_private.collected is
$$The entry that follows the top-up of a wallet that owes something, complete, where its asset has debts paid by
top-ups: it collects what is owed, at most what came. No row where the asset has not.$$;
--! EndIncluded functions/ledger_private/posting/collected.sql

--! Included functions/ledger_private/posting/post.sql
create or replace function ledger_private.post(request ledger.wallet_request)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_prepared ledger_private.prepared := ledger_private.judged(request);
  v_head ledger.entries := v_prepared.head;
  v_side ledger.entry_side := case when ledger_private.takes(request) then 'debit'
    when request.kind <> 'forgiveness' then 'credit' end;
  v_id uuid := uuidv7();
  v_bonus bigint;
  v_entry ledger.entries;
  v_other_entry ledger.entries;
begin
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  v_bonus := case
    when request.kind = 'opening' then coalesce(request.bonus_amount, 0)
    when request.kind = 'adjustment' and v_side = 'credit' or request.kind in ('collection', 'forgiveness') then 0
    else ledger_private.bonus_part(request.kind, request.amount,
      v_head.bonus_balance - ledger_private.reserved_bonus(v_head)) end;
  v_entry := ledger_private.acting(ledger_private.next_entry(head => v_head, wallet_id => request.wallet_id,
    transfer_id => v_id, kind => request.kind, side => v_side, account => ledger_private.house_account(request.kind),
    amount => request.amount, bonus_amount => v_bonus, held_amount => 0, at_time => v_prepared.at_time), request);
  if v_prepared.reference is not null then
    perform ledger_private.claim_reference(v_entry, (v_prepared.wallet).asset_code, v_prepared.reference);
    v_entry.held_bonus_amount := 0;
  end if;
  if request.counterparty_id is null then
    v_entry := ledger_private.chained(v_entry);
    if request.kind = 'top_up' and v_entry.owed > 0 then
      perform ledger_private.write(
        v_entry || array(select c from ledger_private.collected(v_entry, (v_prepared.wallet).asset_code) c));
    else
      perform ledger_private.write(array[v_entry]);
    end if;
  else
    v_other_entry := ledger_private.chained(ledger_private.next_entry(head => v_prepared.other_head,
      wallet_id => request.counterparty_id, transfer_id => v_id, kind => request.kind, side => 'credit',
      account => 'player', amount => request.amount, bonus_amount => v_bonus, held_amount => 0,
      at_time => v_prepared.at_time));
    v_entry.to_wallet := v_other_entry.wallet_id;
    v_entry.to_seq := v_other_entry.seq;
    v_entry := ledger_private.chained(v_entry);
    perform ledger_private.write(array[v_entry, v_other_entry]);
  end if;
  if v_bonus > 0 then
    perform ledger_private.move_lots(v_entry, v_other_entry);
  end if;
  return ledger_private.receipt(v_entry, false);
end
$$;

comment on function ledger_private.post is
$$Books a movement of one wallet (top-up, bonus, spend, opening, adjustment, collection, forgiveness) or a transfer:
judges it by all rules, in the documented order, then writes the rows. A top-up may pay what the wallet owes.$$;
--! EndIncluded functions/ledger_private/posting/post.sql

--! Included functions/ledger_private/posting/post_own.sql
create or replace function ledger_private.post_own(
  kind ledger.transfer_kind,
  wallet_id uuid,
  amount bigint,
  idem_key text,
  metadata jsonb,
  debit ledger.account,
  credit ledger.account,
  sign bigint,
  bought bigint default 0,
  bonus bigint default 0,
  spent bigint default 0,
  expires_at timestamptz default null
)
returns ledger.receipt
language plpgsql
volatile
as $$
#variable_conflict use_column
declare
  v_id uuid;
  v_status ledger.wallet_status;
  v_asset text;
  v_usual boolean;
  v_seq bigint; v_balance bigint; v_bonus bigint;
  v_bought bigint; v_granted bigint; v_spent bigint; v_sent bigint;
  v_hash bytea;
  v_at timestamptz;
  v_actor text;
  v_guard text;
begin
  -- A usual call is one of which nothing can be refused, by these tests alone. All others are judged rule by rule.
  if amount between 1 and 1000000000000000 and octet_length(idem_key) <= 200 and idem_key ~ '^[!-~]+$'
    and (metadata = '{}' or ledger_private.is_metadata(metadata))
    and current_setting('transaction_isolation') = 'read committed' then
    -- A wallet with limits of its own is not usual, whatever its status.
    select case when w.own_limits is null then w.status end, w.asset_code into v_status, v_asset
      from ledger.wallets w where w.id = post_own.wallet_id for no key update;
    select e.seq + 1, e.balance + sign * post_own.amount, e.bonus_balance + bonus, e.topped_up_total + bought,
        e.granted_total + bonus, e.spent_total + post_own.spent, e.sent_total,
        greatest(e.created_at, clock_timestamp()), e.hash, e.held_balance = 0 and e.owed is null
          and (select l.seq from ledger.asset_limits l where l.asset_code = v_asset and l.seq = 1) is null
      into v_seq, v_balance, v_bonus, v_bought, v_granted, v_spent, v_sent, v_at, v_hash, v_usual
      from ledger.entries e where e.wallet_id = post_own.wallet_id order by e.seq desc limit 1;
    if v_bonus is distinct from bonus then
      if v_seq is null then -- The first entry of a wallet.
        select 1, sign * post_own.amount, bonus, bought, bonus, post_own.spent, 0, clock_timestamp(),
            not exists (select from ledger.asset_limits l where l.asset_code = v_asset)
          into v_seq, v_balance, v_bonus, v_bought, v_granted, v_spent, v_sent, v_at, v_usual;
      else -- It had bonus credits: those of lots may be due, or drawn. Spent are bonus credits first.
        v_usual := v_usual and (select o.lot_seq from ledger_private.open_lots o where o.wallet_id = post_own.wallet_id
          and o.expires_at <= case when post_own.spent > 0 then 'infinity' else v_at end
          order by o.expires_at, o.lot_seq limit 1) is null;
        bonus := bonus + least(post_own.spent, v_bonus);
        v_bonus := v_bonus - least(post_own.spent, v_bonus);
      end if;
    end if;
    if v_usual and v_status = 'open' and v_balance >= 0
      and greatest(v_balance, v_bought, v_granted, v_spent) <= 8000000000000000000 and (expires_at is null
        or expires_at > v_at and expires_at < 'infinity') then
      v_id := uuidv7();
      v_actor := ledger_private.actor();
      v_guard := set_config('ledger.posting', 'on', true);
      insert into ledger.entries values (wallet_id, v_id, v_seq, amount, bonus, 0, v_balance, v_bonus, 0,
        v_balance - v_bonus, v_balance, v_bought, v_granted, v_spent, v_sent, v_at, pg_current_xact_id(), kind, debit,
        credit, v_actor, idem_key, null, null, amount, null, null, null, expires_at, metadata,
        ledger_private.entry_digest(previous_hash => v_hash, wallet_id => wallet_id, transfer_id => v_id, seq => v_seq,
          amount => amount, bonus_amount => bonus, held_amount => 0, balance => v_balance, bonus_balance => v_bonus,
          held_balance => 0, paid_balance => v_balance - v_bonus, free_balance => v_balance,
          topped_up_total => v_bought, granted_total => v_granted, spent_total => v_spent, sent_total => v_sent,
          created_at => v_at, kind => kind, debit => debit, credit => credit, actor => v_actor, idem_key => idem_key,
          requested_amount => amount, expires_at => expires_at,
          metadata_hash => ledger_private.metadata_hash(metadata)))
        on conflict (wallet_id, idem_key) where idem_key is not null do nothing;
      v_guard := set_config('ledger.posting', '', true);
      if found and expires_at is null then
        return row(v_id, wallet_id, v_seq, kind, amount, bonus, v_balance, v_bonus, 0, v_balance, null, false,
          v_at, 0, false)::ledger.receipt;
      elsif found then
        return ledger_private.write_lot(row(v_id, wallet_id, v_seq, kind, amount, bonus, v_balance, v_bonus, 0,
          v_balance, null, false, v_at, 0, false)::ledger.receipt, expires_at);
      end if;
    end if;
  end if;
  return ledger_private.post(ledger.request(kind => kind, wallet_id => wallet_id, amount => amount,
    idem_key => idem_key, expires_at => expires_at, metadata => coalesce(metadata, '{}')));
end
$$;

comment on function ledger_private.post_own is
$$Books a movement of one wallet: a top-up, bonus or spend. debit and credit are its accounts, sign is 1 where the
balance grows and -1 where it falls; bought, bonus and spent say what it adds to the totals of the wallet.$$;
--! EndIncluded functions/ledger_private/posting/post_own.sql

--! Included functions/ledger_private/posting/write_transfer.sql
create or replace function ledger_private.write_transfer(
  from_line ledger_private.line,
  to_line ledger_private.line,
  amount bigint,
  bonus bigint,
  idem_key text,
  metadata jsonb
)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_id uuid := uuidv7();
  v_actor text := ledger_private.actor();
  v_guard text := set_config('ledger.posting', 'on', true);
begin
  insert into ledger.entries
    select r.wallet_id, v_id, r.seq, write_transfer.amount, bonus, 0, r.balance, r.bonus_balance, 0,
        r.balance - r.bonus_balance, r.balance, r.bought, r.granted, r.spent, r.sent, r.at_time, pg_current_xact_id(),
        'transfer', 'player', 'player', r.actor, r.idem_key, r.to_wallet, r.to_seq, r.requested_amount,
        null, null, null, null, r.metadata,
        ledger_private.entry_digest(previous_hash => r.hash, wallet_id => r.wallet_id,
          transfer_id => v_id, seq => r.seq, amount => write_transfer.amount, bonus_amount => bonus, held_amount => 0,
          balance => r.balance, bonus_balance => r.bonus_balance, held_balance => 0,
          paid_balance => r.balance - r.bonus_balance, free_balance => r.balance, topped_up_total => r.bought,
          granted_total => r.granted, spent_total => r.spent, sent_total => r.sent, created_at => r.at_time,
          kind => 'transfer', debit => 'player', credit => 'player', actor => r.actor, idem_key => r.idem_key,
          to_wallet => r.to_wallet, to_seq => r.to_seq, requested_amount => r.requested_amount,
          metadata_hash => ledger_private.metadata_hash(r.metadata))
      from (values
        (from_line.wallet_id, from_line.seq, from_line.balance, from_line.bonus_balance, from_line.bought,
          from_line.granted, from_line.spent, from_line.sent, from_line.at_time, from_line.hash, v_actor,
          write_transfer.idem_key, to_line.wallet_id, to_line.seq, write_transfer.amount, write_transfer.metadata),
        (to_line.wallet_id, to_line.seq, to_line.balance, to_line.bonus_balance, to_line.bought, to_line.granted,
          to_line.spent, to_line.sent, to_line.at_time, to_line.hash, null, null, null, null, null, null)
      ) r (wallet_id, seq, balance, bonus_balance, bought, granted, spent, sent, at_time, hash, actor, idem_key,
        to_wallet, to_seq, requested_amount, metadata);
  v_guard := set_config('ledger.posting', '', true);
  return row(v_id, from_line.wallet_id, from_line.seq, 'transfer', amount, bonus, from_line.balance,
    from_line.bonus_balance, 0, from_line.balance, null, false, from_line.at_time, 0, false)::ledger.receipt;
end
$$;

comment on function ledger_private.write_transfer is
  'Writes both entries of a transfer, and returns its receipt. The sender''s alone carries the request.';
--! EndIncluded functions/ledger_private/posting/write_transfer.sql

--! Included functions/ledger_private/posting/post_between.sql
create or replace function ledger_private.post_between(
  from_wallet uuid,
  to_wallet uuid,
  amount bigint,
  idem_key text,
  metadata jsonb
)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_now timestamptz;
  v_status ledger.wallet_status;
  v_other_status ledger.wallet_status;
  v_asset text;
  v_other_asset text;
  v_from ledger_private.line;
  v_to ledger_private.line;
  v_bonus bigint := 0;
begin
  -- As in post_own.
  if amount between 1 and 1000000000000000 and octet_length(idem_key) <= 200 and idem_key ~ '^[!-~]+$'
    and (metadata = '{}' or ledger_private.is_metadata(metadata))
    and from_wallet <> to_wallet and current_setting('transaction_isolation') = 'read committed' then
    -- By ascending id, as all calls lock.
    select case when w.own_limits is null then w.status end, w.asset_code into v_status, v_asset
      from ledger.wallets w where w.id = least(from_wallet, post_between.to_wallet) for no key update;
    select case when w.own_limits is null then w.status end, w.asset_code into v_other_status, v_other_asset
      from ledger.wallets w where w.id = greatest(from_wallet, post_between.to_wallet) for no key update;
    v_now := clock_timestamp();
    select from_wallet, e.seq + 1, e.balance - post_between.amount, e.bonus_balance, e.topped_up_total, e.granted_total,
        e.spent_total, e.sent_total + post_between.amount, greatest(e.created_at, v_now), e.hash,
        e.held_balance = 0 and e.owed is null
          and (select k.seq from ledger.entries k
            where k.wallet_id = from_wallet and k.idem_key = post_between.idem_key) is null
          and (select l.seq from ledger.asset_limits l where l.asset_code = v_asset and l.seq = 1) is null
      into v_from
      from ledger.entries e where e.wallet_id = from_wallet order by e.seq desc limit 1;
    select e.wallet_id, e.seq + 1, e.balance + post_between.amount, e.bonus_balance, e.topped_up_total, e.granted_total,
        e.spent_total, e.sent_total, greatest(e.created_at, v_now), e.hash, e.held_balance = 0 and e.owed is null
      into v_to
      from ledger.entries e where e.wallet_id = post_between.to_wallet order by e.seq desc limit 1;
    if v_to.seq is null then
      -- The first entry of the wallet.
      v_to := row(to_wallet, 1, amount, 0, 0, 0, 0, 0, v_now, null, true);
    end if;
    if v_from.bonus_balance > 0 or v_to.bonus_balance > 0 then
      -- Credits of lots may be due, or be drawn. Bonus credits leave first, and stay bonus credits.
      v_from.usual := v_from.usual
        and (select o.lot_seq from ledger_private.open_lots o where o.wallet_id = from_wallet
          order by o.expires_at, o.lot_seq limit 1) is null
        and (select o.lot_seq from ledger_private.open_lots o where o.wallet_id = post_between.to_wallet
          order by o.expires_at, o.lot_seq limit 1) is null;
      v_bonus := least(amount, v_from.bonus_balance);
      v_from.bonus_balance := v_from.bonus_balance - v_bonus;
      v_to.bonus_balance := v_to.bonus_balance + v_bonus;
    end if;
    if v_from.usual and v_to.usual and v_status = 'open' and v_other_status = 'open' and v_asset = v_other_asset
      and v_from.balance >= 0 and greatest(v_to.balance, v_from.sent) <= 8000000000000000000 then
      return ledger_private.write_transfer(
        from_line => v_from, to_line => v_to, amount => amount, bonus => v_bonus, idem_key => idem_key,
        metadata => metadata);
    end if;
  end if;
  return ledger_private.post(ledger.request(kind => 'transfer', wallet_id => from_wallet,
    counterparty_id => to_wallet, amount => amount, idem_key => idem_key,
    metadata => coalesce(metadata, '{}')));
end
$$;

comment on function ledger_private.post_between is
  'Books a transfer between two players'' wallets.';
--! EndIncluded functions/ledger_private/posting/post_between.sql

--! Included functions/ledger_private/batch/function_of.sql
create or replace function ledger_private.function_of(kind ledger.transfer_kind)
returns text
language sql
immutable
return case
  when kind in ('top_up', 'bonus', 'spend', 'transfer', 'hold', 'capture', 'release', 'opening', 'exchange')
    then 'wallet_' || kind::text
  when kind = 'reversal' then 'wallet_reverse'
  when kind = 'adjustment' then 'wallet_adjust'
  when kind = 'collection' then 'wallet_collect'
  when kind = 'forgiveness' then 'wallet_forgive'
  when kind = 'merge' then 'wallet_merge'
end;

comment on function ledger_private.function_of is
  'The name of the function that books one movement of a kind; null where callers cannot ask for it.';

grant execute on function ledger_private.function_of to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger_private/batch/function_of.sql

--! Included functions/ledger_private/batch/group_wallets.sql
create or replace function ledger_private.group_wallets(requests ledger.wallet_request[])
returns table (place bigint, wallet_id uuid)
language sql
stable
as $$
  select r.place, w.id
  from unnest(requests) with ordinality r (
    kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata, hold_id, transfer_id, bonus_amount, side,
    reason, to_amount, owe, place)
  cross join lateral (values
    (r.wallet_id),
    (r.counterparty_id),
    -- What comes back of a transfer comes from who received it; both sides of an exchange go back. (Whether the
    -- movement is the wallet's, or that of one merged into it, the item itself tells.)
    (case when r.kind = 'reversal' then
      (select e.to_wallet from ledger.entries e
        where e.transfer_id = r.transfer_id and e.actor is not null)
    end)
  ) w (id)
  where w.id is not null
$$;

comment on function ledger_private.group_wallets is
  'The wallets that each of many requests touches, by its place in the list, from 1.';
--! EndIncluded functions/ledger_private/batch/group_wallets.sql

--! Included functions/ledger_private/batch/lock_group.sql
create or replace function ledger_private.lock_group(
  requests ledger.wallet_request[],
  wait boolean,
  out skipped boolean[],
  out absent uuid[]
)
language plpgsql
volatile
as $$
declare
  v_ids uuid[] := array(select distinct w.wallet_id from ledger_private.group_wallets(requests) w);
  v_locked uuid[];
  v_skipped uuid[];
begin
  if wait then
    v_locked := array(select w.id from ledger_private.lock_wallets(v_ids) w);
  else
    v_locked := array(select ledger_private.lock_free_wallets(v_ids));
    v_skipped := array(
      select w.id from ledger.wallets w
        where w.id = any (v_ids) and not exists (select from unnest(v_locked) l where l = w.id));
  end if;
  -- Above READ COMMITTED what others wrote meanwhile cannot be seen. And a movement that is to be reversed may have
  -- been committed while this call waited: the other wallet of it is not locked.
  if cardinality(v_skipped) > 0 and current_setting('transaction_isolation') <> 'read committed'
    or exists (select from unnest(requests) r where r.kind = 'reversal')
      and exists (
        select from ledger_private.group_wallets(requests) w
        where not exists (select from unnest(v_ids) i where i = w.wallet_id)) then
    perform ledger_private.refuse_stale();
  end if;
  if cardinality(v_skipped) > 0 then
    skipped := ledger_private.skipped_items(requests, v_skipped);
  end if;
  absent := case when cardinality(v_ids) = cardinality(v_locked || v_skipped) then '{}' else array(
    select i from unnest(v_ids) i except select l from unnest(v_locked || v_skipped) l) end;
end
$$;

comment on function ledger_private.lock_group is
$$Locks all wallets of many requests at once, in the order that all calls keep. Where it is not to wait, wallets that
others have locked are skipped; skipped says of each request whether it has to be left out for that, and is null where
none has to. absent are the wallets that are not there: one that is opened meanwhile is not locked, and stays absent for
this call. Ends the call with 40001 where it cannot go on with what it has locked.$$;
--! EndIncluded functions/ledger_private/batch/lock_group.sql

--! Included functions/ledger_private/batch/post_item.sql
create or replace function ledger_private.post_item(item ledger.wallet_request, absent uuid[])
returns ledger.receipt
language plpgsql
volatile
as $$
begin
  item.metadata := coalesce(item.metadata, '{}');
  if ledger_private.function_of(item.kind) is null then
    item.kind := null;
  end if;
  -- A single call has no place for what its kind has no use for.
  perform ledger_private.refuse(ledger_private.invalid_request(item));
  -- What was opened after the list was locked would be locked out of turn.
  perform ledger_private.refuse(ledger_private.wallet_not_found(w.id))
    from unnest(array[item.wallet_id, item.counterparty_id]) with ordinality w (id, place)
    where w.id = any (absent) order by w.place;
  case item.kind
    when 'top_up' then
      return ledger.wallet_top_up(
        wallet_id => item.wallet_id, amount => item.amount, idem_key => item.idem_key, metadata => item.metadata);
    when 'bonus' then
      return ledger.wallet_bonus(
        wallet_id => item.wallet_id, amount => item.amount, idem_key => item.idem_key, expires_at => item.expires_at,
        metadata => item.metadata);
    when 'spend' then
      return ledger.wallet_spend(
        wallet_id => item.wallet_id, amount => item.amount, idem_key => item.idem_key, metadata => item.metadata);
    when 'transfer' then
      return ledger.wallet_transfer(
        from_wallet => item.wallet_id, to_wallet => item.counterparty_id, amount => item.amount,
        idem_key => item.idem_key, metadata => item.metadata);
    when 'hold' then
      return ledger.wallet_hold(
        wallet_id => item.wallet_id, amount => item.amount, idem_key => item.idem_key, expires_at => item.expires_at,
        metadata => item.metadata);
    when 'capture' then
      return ledger.wallet_capture(
        wallet_id => item.wallet_id, hold_id => item.hold_id, idem_key => item.idem_key, amount => item.amount,
        metadata => item.metadata);
    when 'release' then
      return ledger.wallet_release(
        wallet_id => item.wallet_id, hold_id => item.hold_id, idem_key => item.idem_key, metadata => item.metadata);
    when 'reversal' then
      return ledger.wallet_reverse(
        wallet_id => item.wallet_id, transfer_id => item.transfer_id, idem_key => item.idem_key,
        amount => item.amount, metadata => item.metadata, owe => coalesce(item.owe, false));
    when 'opening' then
      return ledger.wallet_opening(
        wallet_id => item.wallet_id, amount => item.amount, idem_key => item.idem_key,
        bonus_amount => item.bonus_amount, expires_at => item.expires_at, metadata => item.metadata);
    when 'exchange' then
      return ledger.wallet_exchange(
        from_wallet => item.wallet_id, to_wallet => item.counterparty_id, amount => item.amount,
        to_amount => item.to_amount, idem_key => item.idem_key, metadata => item.metadata);
    when 'adjustment' then
      return ledger.wallet_adjust(
        wallet_id => item.wallet_id, side => item.side, amount => item.amount, idem_key => item.idem_key,
        reason => item.reason, metadata => item.metadata);
    when 'collection' then
      return ledger.wallet_collect(
        wallet_id => item.wallet_id, amount => item.amount, idem_key => item.idem_key, metadata => item.metadata);
    when 'forgiveness' then
      return ledger.wallet_forgive(
        wallet_id => item.wallet_id, amount => item.amount, idem_key => item.idem_key, reason => item.reason,
        metadata => item.metadata);
    when 'merge' then
      return ledger.wallet_merge(item.wallet_id, item.counterparty_id, item.idem_key, item.reason);
  end case;
end
$$;

comment on function ledger_private.post_item is 'Books one item of many by its single call.';
--! EndIncluded functions/ledger_private/batch/post_item.sql

--! Included functions/ledger_private/batch/busy_item.sql
create or replace function ledger_private.busy_item(item ledger.wallet_request)
returns ledger.outcome
language sql
immutable
return row(null, ledger_private.refusal('55P03', 'retry: the wallet is busy',
  jsonb_build_object('wallet_id', item.wallet_id),
  'Another call is at a wallet or a payment of this request or of one before it: send it again as it is.'
))::ledger.outcome;

comment on function ledger_private.busy_item is
  'The outcome of a request that has to be sent again, because it would have to wait for another call.';
--! EndIncluded functions/ledger_private/batch/busy_item.sql

--! Included functions/ledger_private/batch/outcome_of.sql
create or replace function ledger_private.outcome_of(item ledger.wallet_request, absent uuid[], busy uuid[])
returns ledger.outcome
language plpgsql
volatile
as $$
declare
  v_detail text;
  v_hint text;
begin
  -- What comes later in a wallet does not overtake what has to be sent again.
  if item.wallet_id = any (busy) or item.counterparty_id = any (busy) then
    return ledger_private.busy_item(item);
  end if;
  return row(ledger_private.post_item(item, absent), null)::ledger.outcome;
exception when others then
  -- Anything else is not about this item.
  if sqlstate = '55P03' and current_setting('ledger.waiting', true) = 'off' then
    return ledger_private.busy_item(item);
  elsif sqlstate not like 'WL%' then
    raise;
  end if;
  get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
  return row(null, row(sqlstate, sqlerrm, v_detail::jsonb, v_hint)::ledger.refusal)::ledger.outcome;
end
$$;

comment on function ledger_private.outcome_of is
  'Books one item of many for itself: where it is refused, it has changed nothing, and its refusal is the outcome.';
--! EndIncluded functions/ledger_private/batch/outcome_of.sql

--! Included functions/ledger_private/batch/usual_heads.sql
create or replace function ledger_private.usual_heads(wallet_ids uuid[], at_time timestamptz)
returns table (id uuid, asset_code text, line ledger_private.line)
language sql
stable
as $$
  select w.id, w.asset_code, row(w.id, coalesce(e.seq, 0), coalesce(e.balance, 0), coalesce(e.bonus_balance, 0),
    coalesce(e.topped_up_total, 0), coalesce(e.granted_total, 0), coalesce(e.spent_total, 0), coalesce(e.sent_total, 0),
    greatest(e.created_at, at_time), e.hash, true)::ledger_private.line
  from ledger.wallets w
  left join lateral (
    select h.* from ledger.entries h where h.wallet_id = w.id order by h.seq desc limit 1
  ) e on true
  where w.id = any (wallet_ids) and w.status = 'open' and w.own_limits is null
    and coalesce(e.held_balance, 0) = 0 and e.owed is null
    and w.asset_code <> all (array(select l.asset_code from ledger.asset_limits l where l.seq = 1))
    -- So far below the end that no list of requests reaches it.
    and coalesce(greatest(e.balance, e.topped_up_total, e.granted_total, e.spent_total, e.sent_total), 0)
      <= 8000000000000000000
    and (coalesce(e.bonus_balance, 0) = 0 or (
      select o.lot_seq from ledger_private.open_lots o where o.wallet_id = w.id order by o.expires_at, o.lot_seq limit 1
    ) is null)
$$;

comment on function ledger_private.usual_heads is
$$What stands in those of many locked wallets of which nothing but the balance can refuse a usual call: they are open,
nothing is reserved or owed, none of their credits expires, and neither they nor their assets have limits.$$;
--! EndIncluded functions/ledger_private/batch/usual_heads.sql

--! Included functions/ledger_private/batch/usual_items.sql
create or replace function ledger_private.usual_items(requests ledger.wallet_request[], wallet_ids uuid[])
returns table (
  kind ledger.transfer_kind,
  amount bigint,
  idem_key text,
  metadata jsonb,
  to_wallet uuid,
  number bigint,
  to_number bigint,
  usual boolean
)
language sql
stable
as $$
  select r.kind, r.amount, r.idem_key, coalesce(r.metadata, '{}'), r.counterparty_id, f.number, t.number,
      -- As in post_own and post_between.
      (f.number > 0 and r.amount between 1 and 1000000000000000
        and num_nonnulls(r.expires_at, r.hold_id, r.transfer_id, r.bonus_amount, r.side, r.reason, r.to_amount, r.owe)
          = 0
        and (r.kind in ('top_up', 'bonus', 'spend') and r.counterparty_id is null
          or r.kind = 'transfer' and t.number <> f.number)
        and octet_length(r.idem_key) <= 200 and r.idem_key ~ '^[!-~]+$'
        and (r.metadata is null or r.metadata = '{}' or ledger_private.is_metadata(r.metadata))) is true
    from unnest(requests) with ordinality r (
      kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata, hold_id, transfer_id, bonus_amount,
      side, reason, to_amount, owe, place)
    left join unnest(wallet_ids) with ordinality f (id, number) on f.id = r.wallet_id
    left join unnest(wallet_ids) with ordinality t (id, number) on t.id = r.counterparty_id
    order by r.place
$$;

comment on function ledger_private.usual_items is
$$What the ledger needs of many requests, in their order: the numbers of their wallets among those that are usual, and
whether a request is a usual call, of which nothing but the balance can be refused.$$;
--! EndIncluded functions/ledger_private/batch/usual_items.sql

--! Included functions/ledger_private/batch/write_new.sql
create or replace function ledger_private.write_new(entries ledger.entries[])
returns boolean
language plpgsql
volatile
as $$
declare
  v_constraint text;
begin
  perform set_config('ledger.posting', 'on', true);
  insert into ledger.entries select * from unnest(entries);
  perform set_config('ledger.posting', '', true);
  return true;
exception when unique_violation then
  get stacked diagnostics v_constraint = constraint_name;
  if v_constraint <> 'entries_idem_key_wallet_id_key' then
    raise;
  end if;
  return false;
end
$$;

comment on function ledger_private.write_new is
  'Writes entries of locked wallets, all or none; false, and none written, where one of their keys has been used.';
--! EndIncluded functions/ledger_private/batch/write_new.sql

--! Included functions/ledger_private/batch/post_usual.sql
create or replace function ledger_private.post_usual(requests ledger.wallet_request[], absent uuid[])
returns ledger.outcome[]
language plpgsql
volatile
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_caller text := ledger_private.actor();
  -- By the number of each wallet: its id, its asset, and what stands in it.
  v_ids uuid[]; v_assets text[]; v_lines ledger_private.line[];
  v_kind ledger.transfer_kind; v_amount bigint; v_part bigint; v_sign bigint;
  v_debit ledger.account; v_credit ledger.account;
  v_number int; v_to_number int; v_usual boolean;
  v_line ledger_private.line; v_id uuid;
  -- Of the wallet that acts only.
  v_actor text; v_key text; v_to uuid; v_to_seq bigint; v_asked bigint; v_metadata jsonb;
  v_entries ledger.entries[]; v_outcomes ledger.outcome[] := '{}';
begin
  -- Above READ COMMITTED what stands in a wallet may be old.
  if current_setting('transaction_isolation') <> 'read committed' then
    return v_outcomes;
  end if;
  select array_agg(r.wallet_id) || array_agg(r.counterparty_id) into v_ids from unnest(requests) r;
  select array_agg(h.id), array_agg(h.asset_code), array_agg(h.line) into v_ids, v_assets, v_lines
    from ledger_private.usual_heads(v_ids, v_now) h
    where h.id <> all (absent);
  for v_kind, v_amount, v_key, v_metadata, v_to, v_number, v_to_number, v_usual in
    select i.* from ledger_private.usual_items(requests, v_ids) i
  loop
    v_line := v_lines[v_number];
    v_sign := case when ledger_private.leaves(v_kind) then -1 else 1 end;
    exit when not v_usual or v_sign < 0 and v_line.balance < v_amount or v_assets[v_to_number] <> v_assets[v_number];
    v_part := ledger_private.bonus_part(v_kind, v_amount, v_line.bonus_balance);
    v_id := uuidv7();
    v_debit := case when v_sign < 0 then 'player' else ledger_private.house_account(v_kind) end;
    v_credit := case when v_sign < 0 then ledger_private.house_account(v_kind) else 'player' end;
    v_to_seq := (v_lines[v_to_number]).seq + 1; v_actor := v_caller; v_asked := v_amount;
    case v_kind
      when 'top_up' then v_line.bought := v_line.bought + v_amount;
      when 'bonus' then v_line.granted := v_line.granted + v_amount;
      when 'spend' then v_line.spent := v_line.spent + v_amount;
      else v_line.sent := v_line.sent + v_amount;
    end case;
    loop
      v_line.seq := v_line.seq + 1;
      v_line.balance := v_line.balance + v_sign * v_amount;
      v_line.bonus_balance := v_line.bonus_balance + v_sign * v_part;
      v_line.hash := ledger_private.entry_digest(previous_hash => v_line.hash, wallet_id => v_line.wallet_id,
        transfer_id => v_id, seq => v_line.seq, amount => v_amount, bonus_amount => v_part, held_amount => 0,
        balance => v_line.balance, bonus_balance => v_line.bonus_balance, held_balance => 0,
        paid_balance => v_line.balance - v_line.bonus_balance, free_balance => v_line.balance,
        topped_up_total => v_line.bought, granted_total => v_line.granted, spent_total => v_line.spent,
        sent_total => v_line.sent, created_at => v_line.at_time, kind => v_kind, debit => v_debit, credit => v_credit,
        actor => v_actor, idem_key => v_key, to_wallet => v_to, to_seq => v_to_seq, requested_amount => v_asked,
        metadata_hash => ledger_private.metadata_hash(v_metadata));
      v_lines[v_number] := v_line;
      v_entries := v_entries || row(v_line.wallet_id, v_id, v_line.seq, v_amount, v_part, 0, v_line.balance,
        v_line.bonus_balance, 0, v_line.balance - v_line.bonus_balance, v_line.balance, v_line.bought, v_line.granted,
        v_line.spent, v_line.sent, v_line.at_time, pg_current_xact_id(), v_kind, v_debit, v_credit, v_actor, v_key,
        v_to, v_to_seq, v_asked, null, null, null, null, v_metadata, v_line.hash, null)::ledger.entries;
      if v_actor is not null then
        v_outcomes := v_outcomes || row(row(v_id, v_line.wallet_id, v_line.seq, v_kind, v_amount, v_part,
          v_line.balance, v_line.bonus_balance, 0, v_line.balance, null, false, v_line.at_time, 0,
          false)::ledger.receipt, null)::ledger.outcome;
      end if;
      exit when v_to_number is null or v_number = v_to_number;
      -- What the transfer does to the other wallet.
      v_number := v_to_number; v_line := v_lines[v_number]; v_sign := 1;
      v_actor := null; v_key := null; v_to := null; v_to_seq := null; v_asked := null; v_metadata := null;
    end loop;
  end loop;
  -- Keys that have been used are answered one by one.
  return case when ledger_private.write_new(v_entries) then v_outcomes else '{}' end;
end
$$;

comment on function ledger_private.post_usual is
$$Books the first of many requests, whose wallets are locked, by few statements: up to the one of which something could
be refused, or which is no usual call. Returns their receipts, in order; none where one of their keys has been used.$$;
--! EndIncluded functions/ledger_private/batch/post_usual.sql

--! Included functions/ledger_private/batch/post_openings.sql
create or replace function ledger_private.post_openings(requests ledger.wallet_request[], absent uuid[])
returns setof ledger.receipt
language plpgsql
volatile
as $$
declare
  v_ids uuid[] := array(select uuidv7() from generate_series(1, cardinality(requests)));
  v_actor text := ledger_private.actor();
  v_now timestamptz := clock_timestamp();
begin
  -- Above READ COMMITTED what stands in a wallet may be old.
  if current_setting('transaction_isolation') <> 'read committed' then
    return;
  end if;
  perform set_config('ledger.posting', 'on', true);
  return query
  with items as materialized (
    select r.place, r.id, r.wallet_id, r.amount, coalesce(r.bonus_amount, 0) as bonus, r.idem_key, r.expires_at,
        coalesce(r.metadata, '{}') as metadata,
        -- Nothing of it can be refused: it is right by itself, and the first movement of an open wallet.
        (r.kind = 'opening' and r.amount between 1 and 1000000000000000
          and num_nonnulls(r.counterparty_id, r.hold_id, r.transfer_id, r.side, r.reason, r.to_amount, r.owe) = 0
          and coalesce(r.bonus_amount, 0) between 0 and r.amount
          and (r.expires_at is null or r.bonus_amount > 0 and r.expires_at > v_now and r.expires_at < 'infinity')
          and ledger_private.is_key(r.idem_key) and ledger_private.is_metadata(coalesce(r.metadata, '{}'))
          and row_number() over (partition by r.wallet_id order by r.place) = 1
          and w.status = 'open' and (
            select e.seq from ledger.entries e where e.wallet_id = w.id order by e.seq desc limit 1) is null) is true
          as usual
      from rows from (unnest(requests), unnest(v_ids)) with ordinality r (
        kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata, hold_id, transfer_id, bonus_amount,
        side, reason, to_amount, owe, id, place)
      left join ledger.wallets w on w.id = r.wallet_id and w.id <> all (absent)
  ), run as materialized (
    select i.* from items i
      where i.place < (select coalesce(min(o.place), 9223372036854775807) from items o where not o.usual)
  ), lots as (
    insert into ledger.bonus_lots (wallet_id, seq, expires_at, amount)
      select r.wallet_id, 1, r.expires_at, r.bonus from run r where r.expires_at is not null
  ), open_lots as (
    insert into ledger_private.open_lots (wallet_id, expires_at, lot_seq, due_at)
      select r.wallet_id, r.expires_at, 1, r.expires_at from run r where r.expires_at is not null
  ), written as (
    insert into ledger.entries
      select r.wallet_id, r.id, 1, r.amount, r.bonus, 0, r.amount, r.bonus, 0, r.amount - r.bonus, r.amount, 0, 0, 0, 0,
          v_now, pg_current_xact_id(), 'opening', 'opening', 'player', v_actor, r.idem_key, null, null, r.amount, null,
          null, null, r.expires_at, r.metadata, ledger_private.entry_digest(
            previous_hash => null, wallet_id => r.wallet_id, transfer_id => r.id, seq => 1, amount => r.amount,
            bonus_amount => r.bonus, held_amount => 0, balance => r.amount, bonus_balance => r.bonus, held_balance => 0,
            paid_balance => r.amount - r.bonus, free_balance => r.amount, topped_up_total => 0, granted_total => 0,
            spent_total => 0, sent_total => 0, created_at => v_now, kind => 'opening', debit => 'opening',
            credit => 'player', actor => v_actor, idem_key => r.idem_key, requested_amount => r.amount,
            expires_at => r.expires_at, metadata_hash => ledger_private.metadata_hash(r.metadata))
        from run r
      returning transfer_id, wallet_id, amount, bonus_amount
  )
  select w.transfer_id, w.wallet_id, 1::bigint, 'opening'::ledger.transfer_kind, w.amount, w.bonus_amount, w.amount,
      w.bonus_amount, 0::bigint, w.amount, null::uuid, false, v_now, 0::bigint, false
    from written w
    -- The ids were given in the order of the requests.
    order by w.transfer_id;
  perform set_config('ledger.posting', '', true);
end
$$;

comment on function ledger_private.post_openings is
$$Books the first of many requests, whose wallets are locked, by one statement, as far as they are openings of wallets
in which nothing has moved yet. Returns their receipts, in order. All others are booked one by one.$$;
--! EndIncluded functions/ledger_private/batch/post_openings.sql

--! Included functions/ledger_private/batch/post_group.sql
create or replace function ledger_private.post_group(
  requests ledger.wallet_request[],
  all_or_nothing boolean,
  absent uuid[]
)
returns setof ledger.outcome
language plpgsql
volatile
as $$
declare
  c_most constant int := 512;
  -- How many are tried together; how many are booked alone before that, and before the try after it.
  v_size int := c_most;
  v_alone int := 0;
  v_next int := 1;
  v_window ledger.wallet_request[];
  v_booked int;
  v_done int := 0;
  v_outcome ledger.outcome;
  v_busy uuid[] := '{}';
  v_detail text;
  v_hint text;
begin
  while v_done < cardinality(requests) loop
    if v_alone = 0 then
      -- Not a slice, for which the whole list would be copied each time.
      v_window := case when v_done = 0 and cardinality(requests) <= v_size then requests else array(
        select requests[i] from generate_series(v_done + 1, least(v_done + v_size, cardinality(requests))) i order by i)
      end;
      if (v_window[1]).kind = 'opening' then
        return query select r, null::ledger.refusal from ledger_private.post_openings(v_window, absent) r;
      else
        return query select o.* from unnest(ledger_private.post_usual(v_window, absent)) o;
      end if;
      get diagnostics v_booked = row_count;
      v_done := v_done + v_booked;
      if v_booked = cardinality(v_window) then
        v_size := least(2 * v_size, c_most);
      else
        -- The next one is not usual, and what was found out of those behind it is lost: fewer are tried then. Where
        -- none was booked, more are alone each time: a list that is sent again costs few tries.
        v_size := greatest(v_booked, 2);
        v_next := case v_booked when 0 then least(2 * v_next, c_most) else 1 end;
        v_alone := v_next;
      end if;
    else
      if all_or_nothing then
        v_outcome := row(ledger_private.post_item(requests[v_done + 1], absent), null)::ledger.outcome;
      else
        v_outcome := ledger_private.outcome_of(requests[v_done + 1], absent, v_busy);
      end if;
      if (v_outcome.refusal).code = '55P03' then
        v_busy := v_busy || requests[v_done + 1].wallet_id || requests[v_done + 1].counterparty_id;
      end if;
      return next v_outcome;
      v_done := v_done + 1;
      v_alone := v_alone - 1;
    end if;
  end loop;
exception when others then
  if sqlstate not like 'WL%' then
    raise;
  end if;
  get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
  perform ledger_private.refuse(ledger_private.refusal(
    sqlstate, sqlerrm, v_detail::jsonb || jsonb_build_object('index', v_done), v_hint));
end
$$;

comment on function ledger_private.post_group is
$$Books many requests, whose wallets are locked, in their order, and returns what came of each. All or nothing: the
first that is refused ends the call, with its index, counted from 0, in the detail.$$;
--! EndIncluded functions/ledger_private/batch/post_group.sql

--! Included functions/ledger_private/batch/post_others.sql
create or replace function ledger_private.post_others(
  requests ledger.wallet_request[],
  skipped boolean[],
  absent uuid[]
)
returns setof ledger.outcome
language plpgsql
volatile
as $$
declare
  v_tried ledger.wallet_request[] := array(
    select requests[i] from generate_series(1, cardinality(requests)) i where not skipped[i] order by i);
  v_outcomes ledger.outcome[] := array(select o from ledger_private.post_group(v_tried, false, absent) o);
  v_next int := 0;
begin
  for i in 1 .. cardinality(requests) loop
    if skipped[i] then
      return next ledger_private.busy_item(requests[i]);
    else
      v_next := v_next + 1;
      return next v_outcomes[v_next];
    end if;
  end loop;
end
$$;

comment on function ledger_private.post_others is
$$Books those of many requests that are not skipped, each for itself; the outcome of the others is that they are to be
sent again. In the order of the requests.$$;
--! EndIncluded functions/ledger_private/batch/post_others.sql

--! Included functions/ledger_private/merge/merged_lot.sql
create or replace function ledger_private.merged_lot(original ledger.entries, wallet_id uuid)
returns table (lot_seq bigint, amount bigint)
language sql
stable
as $$
  select s.seq, (
      -- What was left of the bonus when it was moved, less what was taken back since: the lot may have more credits.
      coalesce((
        select sum(d.amount)
        from ledger.bonus_lot_draws d
        join ledger.entries m on m.wallet_id = d.wallet_id and m.seq = d.seq and m.kind = 'merge'
        where d.wallet_id = original.wallet_id and d.lot_seq = original.seq), 0)
      - coalesce((
        select sum(r.amount)
        from ledger.entries r
        where r.reverses = original.transfer_id and r.wallet_id <> original.wallet_id), 0))::bigint
  from ledger_private.successors(original.wallet_id) s
  where s.wallet_id = merged_lot.wallet_id
$$;

comment on function ledger_private.merged_lot is
$$Where credits of an expiring bonus are since its wallet was merged into this one: the number of the lot, and how many
of it are the bonus' own.$$;

grant execute on function ledger_private.merged_lot to wallet_auditor;
--! EndIncluded functions/ledger_private/merge/merged_lot.sql

--! Included functions/ledger_private/reversal/reversible_parts.sql
create or replace function ledger_private.reversible_parts(original ledger.entries)
returns setof ledger_private.reversible_part
language sql
stable
as $$
  with given as (
    -- The lots that credits were drawn from; of a bonus, the lot that it made.
    select d.lot_seq, d.expires_at, d.amount
    from ledger.bonus_lot_draws d
    where d.wallet_id = original.wallet_id and d.seq = original.seq and d.amount > 0
    union all
    select l.seq, l.expires_at, l.amount
    from ledger.bonus_lots l
    where original.kind = 'bonus' and l.wallet_id = original.wallet_id and l.seq = original.seq
  ), reversals as (
    select r.wallet_id, r.amount, r.bonus_amount, r.seq
    from ledger.entries r
    where r.reverses = original.transfer_id
  ), reversed as (
    select d.lot_seq, d.expires_at, sum(abs(d.amount)) as amount
    from reversals r
    -- One look-up for each: joined, all draws that the wallet ever had are read.
    cross join lateral (
      select n.* from ledger.bonus_lot_draws n where n.wallet_id = original.wallet_id and n.seq = r.seq offset 0
    ) d
    where r.wallet_id = original.wallet_id
    group by d.lot_seq, d.expires_at
  ), later as (
    -- Through a wallet that this one was merged into, which has lots of its own: of an expiry, the newest went first.
    select d.expires_at, sum(d.amount) as amount
    from reversals r
    cross join lateral (
      select n.expires_at, n.amount from ledger.bonus_lot_draws n where n.wallet_id = r.wallet_id and n.seq = r.seq
      union all
      select n.expires_at, n.amount from ledger.bonus_lots n where n.wallet_id = r.wallet_id and n.seq = r.seq
    ) d
    where r.wallet_id <> original.wallet_id
    group by d.expires_at
  ), lots as (
    select u.lot_seq, u.expires_at, u.amount - greatest(case when u.is_last then coalesce(l.amount, 0) - u.before
      else least(coalesce(l.amount, 0) - u.before, u.amount) end, 0) as amount
    from (
      select g.lot_seq, g.expires_at, g.amount - coalesce(r.amount, 0) as amount,
        coalesce(sum(g.amount - coalesce(r.amount, 0)) over newer, 0) as before,
        row_number() over (partition by g.expires_at order by g.lot_seq) = 1 as is_last
      from given g
      left join reversed r using (lot_seq, expires_at)
      window newer as (partition by g.expires_at order by g.lot_seq desc rows between unbounded preceding
        and 1 preceding)
    ) u
    left join later l on l.expires_at = u.expires_at
  ), sums as (
    select original.amount - coalesce(sum(r.amount), 0) as amount,
      original.bonus_amount - coalesce(sum(r.bonus_amount), 0) as bonus_amount
    from reversals r
  )
  select 'paid', null::bigint, null::timestamptz, (s.amount - s.bonus_amount)::bigint from sums s
  union all
  select 'bonus', null, null, (s.bonus_amount - coalesce((select sum(l.amount) from lots l), 0))::bigint from sums s
  union all
  select 'lot', l.lot_seq, l.expires_at, l.amount::bigint from lots l
$$;

comment on function ledger_private.reversible_parts is
$$What is left to reverse of a movement: paid credits, bonus credits that do not expire, and those of each lot that it
drew from (of a bonus: that it made).$$;

grant execute on function ledger_private.reversible_parts to wallet_auditor;
--! EndIncluded functions/ledger_private/reversal/reversible_parts.sql

--! Included functions/ledger_private/reversal/reversal_plan.sql
create or replace function ledger_private.reversal_plan(
  original ledger.entries,
  amount bigint,
  given_to ledger.entries,
  taken_from ledger.entries
)
returns ledger_private.reversal_plan
language plpgsql
stable
as $$
declare
  v_reserved_bonus bigint := ledger_private.reserved_bonus(taken_from);
  -- The lots in the wallet that gives back: those that the original made there.
  v_lot_seq bigint := coalesce(original.to_seq, original.seq);
  v_plan ledger_private.reversal_plan := row(0, amount, null);
  v_draws ledger.bonus_lot_draws[] := '{}';
  v_expires_at timestamptz;
  v_taken bigint := 0; -- by lots of that expiry before
  v_most bigint; -- Null where the lot has nothing but what the original brought.
  v_part ledger_private.reversible_part;
  v_take bigint;
begin
  if taken_from.wallet_id not in (original.wallet_id, coalesce(original.to_wallet, original.wallet_id)) then
    select m.lot_seq, m.amount into v_lot_seq, v_most
      from ledger_private.merged_lot(original, taken_from.wallet_id) m;
  end if;
  -- The reverse of the order in which credits are drawn: as if so much less had been taken in the first place.
  for v_part in
    select p.*
      from ledger_private.reversible_parts(original) p
      where p.amount > 0
      order by array_position(array['paid', 'bonus', 'lot'], p.source), p.expires_at desc, p.lot_seq desc
  loop
    v_take := least(v_plan.missing, v_part.amount);
    if taken_from.wallet_id is not null then
      -- What that wallet has of it and is not reserved. The original's lot there may be spent, reserved or expired by
      -- now; it may be for several lots of the giver.
      if v_part.expires_at is distinct from v_expires_at then
        v_expires_at := v_part.expires_at;
        v_taken := 0;
      end if;
      v_take := least(v_take, case v_part.source
        when 'paid' then taken_from.balance - taken_from.bonus_balance - (taken_from.held_balance - v_reserved_bonus)
        when 'bonus' then taken_from.bonus_balance - v_reserved_bonus - (
          select coalesce(sum(s.balance - s.held_balance), 0)::bigint
          from ledger_private.open_lots o
          join ledger.bonus_lots l on l.wallet_id = o.wallet_id and l.seq = o.lot_seq and l.expires_at = o.expires_at
          cross join lateral ledger_private.lot_at(l, taken_from.seq) s
          where o.wallet_id = taken_from.wallet_id)
        -- No lot of it came to a wallet that was merged after the lot was empty.
        else coalesce((
          select least(s.balance - s.held_balance, v_most) - v_taken
          from ledger.bonus_lots l
          cross join lateral ledger_private.lot_at(l, taken_from.seq) s
          where l.wallet_id = taken_from.wallet_id and l.seq = v_lot_seq and l.expires_at = v_part.expires_at), 0)
      end);
    end if;
    continue when v_take <= 0;
    v_plan.missing := v_plan.missing - v_take;
    continue when v_part.source = 'paid';
    v_plan.bonus_amount := v_plan.bonus_amount + v_take;
    continue when v_part.source = 'bonus';
    if given_to.wallet_id is not null then
      v_draws[cardinality(v_draws) + 1] := row(
        given_to.wallet_id, v_part.lot_seq, v_part.expires_at, given_to.seq + 1, null, -v_take, 0,
        null, null)::ledger.bonus_lot_draws;
    end if;
    if taken_from.wallet_id is not null then
      v_taken := v_taken + v_take;
      v_draws[cardinality(v_draws) + 1] := row(
        taken_from.wallet_id, v_lot_seq, v_part.expires_at, taken_from.seq + 1, null, v_take, 0,
        null, null)::ledger.bonus_lot_draws;
    end if;
  end loop;
  v_plan.draws := v_draws;
  return v_plan;
end
$$;

comment on function ledger_private.reversal_plan is
$$How an amount of a movement is reversed: paid credits before bonus ones, these by lot, no more of each than is left of
it and, where a player gives back, than that wallet has free of it. given_to and taken_from are the players' heads.$$;
--! EndIncluded functions/ledger_private/reversal/reversal_plan.sql

--! Included functions/ledger_private/reversal/reversal_draws.sql
create or replace function ledger_private.reversal_draws(
  reversal ledger.entries, original ledger.entries, bonus_before bigint
)
returns table (wallet_id uuid, seq bigint, lot_seq bigint, expires_at timestamptz, amount bigint, expected bigint)
language sql
stable
as $$
  with named as (
    -- Through a wallet that this one was merged into, the lots are that wallet's: where a merge brought the bonus, or
    -- new ones of the reversal.
    select n.lot_seq, g.expires_at, sum(g.amount) as amount
    from (
      select d.lot_seq, d.expires_at, d.amount
      from ledger.bonus_lot_draws d
      where d.wallet_id = original.wallet_id and d.seq = original.seq and d.amount > 0
      union all
      select l.seq, l.expires_at, l.amount
      from ledger.bonus_lots l
      where original.kind = 'bonus' and l.wallet_id = original.wallet_id and l.seq = original.seq
    ) g
    cross join lateral (
      select case when reversal.wallet_id = original.wallet_id then g.lot_seq when original.kind <> 'bonus'
        then reversal.seq else (select m.lot_seq from ledger_private.merged_lot(original, reversal.wallet_id) m) end
    ) n (lot_seq)
    group by n.lot_seq, g.expires_at
  ), given as (
    -- In the reverse order of drawing, after bonus credits that do not expire.
    select g.*, original.bonus_amount - sum(g.amount) over ()
      + sum(g.amount) over (order by g.expires_at desc, g.lot_seq desc) - g.amount as before
    from named g
  ), drawn as (
    select d.wallet_id, d.seq, d.lot_seq, d.expires_at, d.amount
    from ledger.bonus_lot_draws d
    where d.wallet_id = reversal.wallet_id and d.seq = reversal.seq
    union all
    select d.wallet_id, d.seq, d.lot_seq, d.expires_at, d.amount
    from ledger.bonus_lot_draws d
    where original.kind = 'transfer' and d.wallet_id = reversal.to_wallet and d.seq = reversal.to_seq
    union all
    select l.wallet_id, l.seq, l.seq, l.expires_at, -l.amount
    from ledger.bonus_lots l
    where l.wallet_id = reversal.wallet_id and l.seq = reversal.seq
  ), expected as (
    select reversal.wallet_id, reversal.seq, g.lot_seq, g.expires_at, least(
        bonus_before + reversal.bonus_amount, g.before + g.amount) - greatest(bonus_before, g.before) as amount
    from given g
    where original.kind = 'bonus'
    union all
    select reversal.wallet_id, reversal.seq, g.lot_seq, g.expires_at, greatest(bonus_before, g.before) - least(
        bonus_before + reversal.bonus_amount, g.before + g.amount)
    from given g
    where original.kind in ('spend', 'capture', 'exchange')
      and greatest(bonus_before, g.before) < least(bonus_before + reversal.bonus_amount, g.before + g.amount)
    union all
    -- Between players, what goes back to lots of the sender leaves the lots that the original made, with the same
    -- expiry.
    select d.wallet_id, d.seq, d.lot_seq, d.expires_at, least(d.amount, 0)
    from drawn d
    join given g on g.lot_seq = d.lot_seq and g.expires_at = d.expires_at
    where original.kind = 'transfer' and d.wallet_id = reversal.wallet_id
    union all
    select reversal.to_wallet, reversal.to_seq, original.to_seq, d.expires_at, -sum(d.amount)
    from drawn d
    where original.kind = 'transfer' and d.wallet_id = reversal.wallet_id and ledger_private.is_here(reversal.to_wallet)
    group by d.expires_at
  )
  select coalesce(d.wallet_id, x.wallet_id), coalesce(d.seq, x.seq), coalesce(d.lot_seq, x.lot_seq),
    coalesce(d.expires_at, x.expires_at), d.amount, x.amount::bigint
  from drawn d
  full join expected x on x.wallet_id = d.wallet_id and x.seq = d.seq and x.lot_seq = d.lot_seq
    and x.expires_at = d.expires_at
$$;

comment on function ledger_private.reversal_draws is
$$What a reversal drew from lots and gave back to them, and what it should have. Both are acting entries; bonus_before
is how many of the original's bonus credits had been reversed before.$$;

grant execute on function ledger_private.reversal_draws to wallet_auditor;
--! EndIncluded functions/ledger_private/reversal/reversal_draws.sql

--! Included functions/ledger_private/exchange/exchanged_bonus.sql
create or replace function ledger_private.exchanged_bonus(bonus_amount bigint, amount bigint, to_amount bigint)
returns bigint
language sql
immutable
-- A whole division: the quotient of numeric is rounded.
return div(bonus_amount::numeric * to_amount + amount - 1, amount)::bigint;

comment on function ledger_private.exchanged_bonus is
$$How much of what arrives in an exchange is bonus credits: the same part as of what leaves, rounded up, so that no
bonus credit becomes a paid one.$$;

grant execute on function ledger_private.exchanged_bonus to wallet_auditor;
--! EndIncluded functions/ledger_private/exchange/exchanged_bonus.sql

--! Included functions/ledger_private/exchange/linked.sql
create or replace function ledger_private.linked(entry ledger.entries, other ledger.entries)
returns ledger.entries
language plpgsql
stable
as $$
begin
  entry.to_wallet := other.wallet_id;
  entry.to_seq := other.seq;
  return ledger_private.chained(entry);
end
$$;

comment on function ledger_private.linked is
  'An entry, complete, with the one of the other asset that is booked with it, and with its own hash.';
--! EndIncluded functions/ledger_private/exchange/linked.sql

--! Included functions/ledger_private/exchange/exchange.sql
create or replace function ledger_private.exchange(request ledger.wallet_request)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_ids uuid[] := array[request.wallet_id, request.counterparty_id];
  v_prepared ledger_private.prepared := ledger_private.prepare(request, request.counterparty_id);
  v_head ledger.entries := v_prepared.head;
  v_bonus bigint;
  v_entry ledger.entries;
  v_other_entry ledger.entries;
begin
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  perform ledger_private.refuse(ledger_private.above_limit(wallet => v_prepared.other, head => v_prepared.other_head,
    kind => 'exchange', change => request.to_amount, amount => request.to_amount, at_time => v_prepared.at_time),
    v_ids);
  perform ledger_private.refuse(ledger_private.insufficient_funds(
    request.wallet_id, coalesce(v_head.balance - v_head.held_balance, 0), request.amount), v_ids);

  v_bonus := ledger_private.bonus_part('exchange', request.amount,
    v_head.bonus_balance - ledger_private.reserved_bonus(v_head));
  v_entry := ledger_private.acting(ledger_private.next_entry(head => v_head, wallet_id => request.wallet_id,
    transfer_id => uuidv7(), kind => 'exchange', side => 'debit', account => 'exchange', amount => request.amount,
    bonus_amount => v_bonus, held_amount => 0, at_time => v_prepared.at_time), request);
  v_other_entry := ledger_private.acting(ledger_private.next_entry(head => v_prepared.other_head,
    wallet_id => request.counterparty_id, transfer_id => uuidv7(), kind => 'exchange', side => 'credit',
    account => 'exchange', amount => request.to_amount,
    bonus_amount => ledger_private.exchanged_bonus(v_bonus, request.amount, request.to_amount), held_amount => 0,
    at_time => v_prepared.at_time),
    ledger.request(kind => 'exchange', wallet_id => request.counterparty_id, amount => request.to_amount));
  v_other_entry := ledger_private.linked(v_other_entry, v_entry);
  v_entry := ledger_private.linked(v_entry, v_other_entry);
  perform ledger_private.write(array[v_entry, v_other_entry]);
  if v_bonus > 0 then
    perform ledger_private.move_lots(v_entry);
  end if;
  return ledger_private.receipt(v_entry, false);
end
$$;

comment on function ledger_private.exchange is
$$Books an exchange: a movement in each asset, between the owner's wallet and the house's account exchange. Each names
the other; the one that credits leave carries the request.$$;
--! EndIncluded functions/ledger_private/exchange/exchange.sql

--! Included functions/ledger_private/exchange/reverse_exchange.sql
create or replace function ledger_private.reverse_exchange(
  request ledger.wallet_request,
  original ledger.entries,
  prepared ledger_private.prepared
)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_ids uuid[] := array[request.wallet_id, original.to_wallet];
  v_acts_from boolean := original.debit = 'player'; -- The acting wallet is the one that credits had left.
  v_left bigint;
  v_other ledger.entries; -- the other side of the exchange
  v_other_request ledger.wallet_request;
  v_from ledger.entries;
  v_from_head ledger.entries;
  v_to ledger.entries;
  v_to_head ledger.entries;
  v_plan ledger_private.reversal_plan;
begin
  select original.amount - coalesce(sum(r.amount), 0) into v_left
    from ledger.entries r where r.wallet_id = request.wallet_id and r.reverses = request.transfer_id;
  perform ledger_private.refuse(ledger_private.not_reversible(original, request.amount, v_left, request.owe),
    v_ids);
  select o.* into strict v_other from ledger.entries o
    where o.wallet_id = original.to_wallet and o.seq = original.to_seq;
  v_other_request := ledger.request(kind => 'reversal', wallet_id => v_other.wallet_id,
    transfer_id => v_other.transfer_id);
  v_from := case when v_acts_from then original else v_other end;
  v_from_head := case when v_acts_from then prepared.head else prepared.other_head end;
  v_to := case when v_acts_from then v_other else original end;
  v_to_head := case when v_acts_from then prepared.other_head else prepared.head end;
  perform ledger_private.refuse(ledger_private.above_limit(
    wallet => case when v_acts_from then prepared.wallet else prepared.other end, head => v_from_head,
    kind => 'reversal', change => v_from.amount, amount => v_from.amount, at_time => prepared.at_time), v_ids);
  v_plan := ledger_private.reversal_plan(original => v_to, amount => v_to.amount, given_to => null,
    taken_from => v_to_head);
  if v_plan.missing > 0 then
    perform ledger_private.refuse(ledger_private.insufficient_funds(wallet_id => v_to.wallet_id,
      available => v_to.amount - v_plan.missing, requested => v_to.amount,
      facts => jsonb_build_object('missing', v_plan.missing::text)), v_ids);
  end if;
  v_plan := ledger_private.reversal_plan(original => v_from, amount => v_from.amount, given_to => v_from_head,
    taken_from => null);

  v_from := ledger_private.acting(ledger_private.next_entry(head => v_from_head, wallet_id => v_from.wallet_id,
    transfer_id => uuidv7(), kind => 'reversal', side => 'credit', account => 'exchange', amount => v_from.amount,
    bonus_amount => v_from.bonus_amount, held_amount => 0, at_time => prepared.at_time),
    case when v_acts_from then request else v_other_request end);
  v_to := ledger_private.acting(ledger_private.next_entry(head => v_to_head, wallet_id => v_to.wallet_id,
    transfer_id => uuidv7(), kind => 'reversal', side => 'debit', account => 'exchange', amount => v_to.amount,
    bonus_amount => v_to.bonus_amount, held_amount => 0, at_time => prepared.at_time),
    case when v_acts_from then v_other_request else request end);
  v_from := ledger_private.linked(v_from, v_to);
  v_to := ledger_private.linked(v_to, v_from);
  perform ledger_private.write(array[v_from, v_to]);
  if cardinality(v_plan.draws) > 0 then
    perform ledger_private.write_lots('{}', v_plan.draws);
    -- What is given back to lots that have expired goes to breakage.
    perform ledger_private.settle(array[v_from.wallet_id], v_from.created_at);
  end if;
  return ledger_private.receipt(case when v_acts_from then v_from else v_to end, false);
end
$$;

comment on function ledger_private.reverse_exchange is
$$Takes both movements of an exchange back, as a whole: what had arrived has to be there still, and what had left is
given back, to the lots that it came from. original is the movement of the wallet that acts.$$;
--! EndIncluded functions/ledger_private/exchange/reverse_exchange.sql

--! Included functions/ledger_private/reversal/write_reversed_lots.sql
create or replace function ledger_private.write_reversed_lots(
  entry ledger.entries,
  original ledger.entries,
  draws ledger.bonus_lot_draws[]
)
returns void
language plpgsql
volatile
as $$
declare
  v_lots ledger.bonus_lots[] := '{}';
begin
  if entry.wallet_id <> original.wallet_id then
    -- The lots that it came from are those of a wallet that was merged into this one. Of one expiry, it is one new lot.
    v_lots := array(
      select row(entry.wallet_id, entry.seq, d.expires_at, -sum(d.amount))::ledger.bonus_lots
      from unnest(draws) d
      where d.wallet_id = entry.wallet_id and d.amount < 0
      group by d.expires_at order by d.expires_at);
    draws := array(select d from unnest(draws) d where d.wallet_id <> entry.wallet_id or d.amount > 0);
  end if;
  perform ledger_private.write_lots(v_lots, draws);
end
$$;

comment on function ledger_private.write_reversed_lots is
$$Writes what a reversal, whose entry is written, takes out of lots and gives back to them: to those of the original, or
as new lots where that was of a wallet that has been merged.$$;
--! EndIncluded functions/ledger_private/reversal/write_reversed_lots.sql

--! Included functions/ledger_private/reversal/reverse_owing.sql
create or replace function ledger_private.reverse_owing(
  request ledger.wallet_request,
  original ledger.entries,
  head ledger.entries,
  amount bigint,
  missing bigint,
  at_time timestamptz
)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_debt ledger.entries;
  v_entry ledger.entries;
begin
  perform ledger_private.refuse(ledger_private.above_debt(request.wallet_id, head.owed, missing),
    array[request.wallet_id]);
  -- The debt first, so that the line with the request shows what is owed after both.
  v_debt := ledger_private.chained(ledger_private.acting(ledger_private.next_entry(head => head,
    wallet_id => request.wallet_id, transfer_id => uuidv7(), kind => 'debt', side => null, account => original.debit,
    amount => missing, bonus_amount => 0, held_amount => 0, at_time => at_time),
    ledger.request(kind => 'debt', wallet_id => request.wallet_id, transfer_id => request.transfer_id)));
  v_entry := ledger_private.chained(ledger_private.acting(ledger_private.next_entry(head => v_debt,
    wallet_id => request.wallet_id, transfer_id => uuidv7(), kind => 'reversal', side => 'debit',
    account => original.debit, amount => amount - missing, bonus_amount => 0, held_amount => 0, at_time => at_time),
    request));
  perform ledger_private.write(array[v_debt, v_entry]);
  return ledger_private.receipt(v_entry, false);
end
$$;

comment on function ledger_private.reverse_owing is
$$Books the reversal of a top-up of which credits are gone: what is missing of the amount becomes a debt of the wallet,
the rest is taken, which may be nothing.$$;
--! EndIncluded functions/ledger_private/reversal/reverse_owing.sql

--! Included functions/ledger_private/reversal/reverse.sql
create or replace function ledger_private.reverse(request ledger.wallet_request)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_original ledger.entries;
  v_prepared ledger_private.prepared;
  v_ids uuid[];
  v_amount bigint;
  v_giving boolean; -- The acting wallet gives credits back; otherwise it gets them back.
  v_side ledger.entry_side;
  v_plan ledger_private.reversal_plan;
  v_entry ledger.entries;
  v_other_entry ledger.entries;
begin
  select o.* into v_original from ledger_private.original(request.wallet_id, request.transfer_id) o;
  v_prepared := ledger_private.prepare(request, nullif(v_original.to_wallet, request.wallet_id));
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  -- It was committed while this call waited for the wallet: its other wallet was not locked.
  if v_original.wallet_id is null then
    perform ledger_private.refuse_stale();
  end if;
  if v_original.kind = 'exchange' and v_original.wallet_id = request.wallet_id then
    return ledger_private.reverse_exchange(request, v_original, v_prepared);
  end if;
  select v_original.amount - coalesce(sum(r.amount), 0) into v_amount
    from ledger.entries r where r.reverses = request.transfer_id;
  perform ledger_private.refuse(ledger_private.not_reversible(v_original, request.amount, v_amount, request.owe,
    request.wallet_id), array[request.wallet_id]);
  v_amount := coalesce(request.amount, v_amount);
  v_ids := array[request.wallet_id, v_original.to_wallet];
  v_giving := ledger.entries_side(v_original) = 'credit';
  v_side := case when v_giving then 'debit' else 'credit' end;
  v_plan := ledger_private.reversal_plan(original => v_original, amount => v_amount,
    given_to => case when not v_giving then v_prepared.head end,
    taken_from => case when v_giving then v_prepared.head else v_prepared.other_head end);
  perform ledger_private.refuse(ledger_private.above_limit(wallet => v_prepared.wallet, head => v_prepared.head,
    kind => 'reversal', change => case when v_giving then -v_amount else v_amount end, amount => v_amount,
    at_time => v_prepared.at_time), v_ids);
  if v_plan.missing > 0 and request.owe then
    return ledger_private.reverse_owing(request, v_original, v_prepared.head, v_amount, v_plan.missing,
      v_prepared.at_time);
  elsif v_plan.missing > 0 then
    perform ledger_private.refuse(ledger_private.insufficient_funds(
      wallet_id => coalesce(v_original.to_wallet, request.wallet_id), available => v_amount - v_plan.missing,
      requested => v_amount, facts => jsonb_build_object('missing', v_plan.missing::text)), v_ids);
  end if;

  v_entry := ledger_private.acting(ledger_private.next_entry(head => v_prepared.head, wallet_id => request.wallet_id,
    transfer_id => uuidv7(), kind => 'reversal', side => v_side,
    account => case when v_giving then v_original.debit else v_original.credit end, amount => v_amount,
    bonus_amount => v_plan.bonus_amount, held_amount => 0, at_time => v_prepared.at_time), request);
  if v_original.to_wallet is not null then
    v_other_entry := ledger_private.chained(ledger_private.next_entry(head => v_prepared.other_head,
      wallet_id => v_original.to_wallet, transfer_id => v_entry.transfer_id, kind => 'reversal', side => 'debit',
      account => 'player', amount => v_amount, bonus_amount => v_plan.bonus_amount, held_amount => 0,
      at_time => v_prepared.at_time));
    v_entry.to_wallet := v_other_entry.wallet_id;
    v_entry.to_seq := v_other_entry.seq;
  end if;
  v_entry := ledger_private.chained(v_entry);
  perform ledger_private.write(case when v_other_entry.wallet_id is null then array[v_entry]
    else array[v_entry, v_other_entry] end);
  if cardinality(v_plan.draws) > 0 then
    perform ledger_private.write_reversed_lots(v_entry, v_original, v_plan.draws);
    -- What is given back to lots that have expired goes to breakage.
    perform ledger_private.settle(array[request.wallet_id], v_entry.created_at);
  end if;
  return ledger_private.receipt(v_entry, false);
end
$$;

comment on function ledger_private.reverse is
$$Books a reversal: takes a movement back, whole or in part, between the accounts of the original, for its wallet or the
one that this was merged into.$$;
--! EndIncluded functions/ledger_private/reversal/reverse.sql

--! Included functions/ledger_private/wallets/record_events.sql
create or replace function ledger_private.record_events(
  wallet_ids uuid[],
  kind ledger.wallet_event_kind,
  reason text,
  facts_hash bytea default null
)
returns void
language plpgsql
volatile
as $$
declare
  v_actor text := ledger_private.actor();
  v_now timestamptz := clock_timestamp();
begin
  with events as (
    select w, row(w.id, coalesce(l.seq, 0) + 1, record_events.kind, record_events.reason, v_actor, v_now,
      l.hash, record_events.facts_hash)::ledger.wallet_events as e
    from unnest(wallet_ids) u (wallet_id)
    join ledger.wallets w on w.id = u.wallet_id
    left join lateral (
      select v.seq, v.hash from ledger.wallet_events v where v.wallet_id = w.id order by v.seq desc limit 1
    ) l on true
  ), written as (
    insert into ledger.wallet_events (wallet_id, seq, kind, reason, actor, created_at, hash, facts_hash)
      select (n.e).wallet_id, (n.e).seq, (n.e).kind, (n.e).reason, (n.e).actor, (n.e).created_at,
          ledger_private.record_hash(
            coalesce((n.e).hash, ledger_private.record_hash(null, ledger_private.wallet_bytes(n.w))),
              ledger_private.wallet_event_bytes(n.e)), (n.e).facts_hash
        from events n
      returning wallet_events.wallet_id, wallet_events.seq
  )
  insert into ledger_private.unsealed_events (wallet_id, seq) select n.wallet_id, n.seq from written n;
end
$$;

comment on function ledger_private.record_events is
$$Leaves an event in each of these locked or new wallets, chained to the one before (the first: to the facts of the
wallet), and to be sealed. facts_hash is over what it is about. For callers that have opened the guards.$$;
--! EndIncluded functions/ledger_private/wallets/record_events.sql

--! Included functions/ledger_private/wallets/open_wallets.sql
create or replace function ledger_private.open_wallets(owner_ids text[], asset_code text, numbered boolean)
returns setof ledger.wallets
language plpgsql
volatile
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_owner record;
  v_new uuid[];
begin
  for v_owner in
    select o.id, case when numbered then jsonb_build_object('index', o.place - 1) else '{}' end as facts
      from unnest(owner_ids) with ordinality o (id, place)
  loop
    if ledger_private.is_key(v_owner.id) is not true then
      perform ledger_private.refuse(ledger_private.invalid_argument('owner_id',
        'Send the account number of the player: 1 to 200 characters, no white space at either end.',
        jsonb_build_object('min_length', 1, 'max_length', 200) || v_owner.facts));
    end if;
  end loop;
  if open_wallets.asset_code is null then
    perform ledger_private.refuse(ledger_private.invalid_argument('asset_code', 'Name the asset, such as GOLD.'));
  elsif not exists (select from ledger.assets a where a.code = open_wallets.asset_code) then
    perform ledger_private.refuse(ledger_private.asset_not_found(asset_code));
  end if;
  if exists (select from ledger_private.other_ranges) then
    perform ledger_private.refuse(ledger_private.wrong_node(ledger.wallet_id(o.id, open_wallets.asset_code),
        case when numbered then jsonb_build_object('index', o.place - 1) else '{}' end))
      from unnest(owner_ids) with ordinality o (id, place) order by o.place;
  end if;

  perform set_config('ledger.posting', 'on', true);
  -- By ascending id, so that two calls that open the same wallets never wait for each other both.
  with opened as (
    insert into ledger.wallets (id, owner_id, asset_code)
      select distinct ledger.wallet_id(o.owner_id, open_wallets.asset_code) as id, o.owner_id, open_wallets.asset_code
        from unnest(owner_ids) o (owner_id)
        order by id
      on conflict on constraint wallets_pkey do nothing
      returning id
  )
  select array_agg(o.id order by o.id) into v_new from opened o;
  perform ledger_private.record_events(v_new, 'opened', null);
  perform set_config('ledger.posting', '', true);

  for v_owner in
    select w as wallet, case when numbered then jsonb_build_object('index', o.place - 1) else '{}' end as facts
      from unnest(owner_ids) with ordinality o (id, place)
      join ledger.wallets w on w.id = ledger.wallet_id(o.id, open_wallets.asset_code)
      order by o.place
  loop
    perform ledger_private.refuse(ledger_private.not_allowed(v_owner.wallet, false, v_owner.facts));
    return next v_owner.wallet;
  end loop;
end
$$;

comment on function ledger_private.open_wallets is
$$Opens wallets, or finds those opened before, in the order of the owners. Refuses with WLARG, WLNOA, WLNOD, WLCLS;
numbered: with the index of the owner in the detail.$$;
--! EndIncluded functions/ledger_private/wallets/open_wallets.sql

--! Included functions/ledger_private/wallets/change_status.sql
create or replace function ledger_private.change_status(wallet_id uuid, status ledger.wallet_status, reason text)
returns ledger.wallets
language plpgsql
volatile
as $$
declare
  v_wallet ledger.wallets;
  v_head ledger.entries;
begin
  if wallet_id is null then
    perform ledger_private.refuse(ledger_private.invalid_argument('wallet_id', 'Name the wallet by its id.'));
  end if;
  if reason is null or char_length(reason) not between 1 and 1000 then
    perform ledger_private.refuse(ledger_private.invalid_argument('reason', 'Say why, in 1 to 1000 characters.'));
  end if;
  select w.* into v_wallet from ledger.wallets w where w.id = change_status.wallet_id for no key update;
  if not found then
    perform ledger_private.refuse(ledger_private.wallet_not_found(wallet_id));
  end if;
  if v_wallet.status = change_status.status then
    return v_wallet;
  end if;
  if change_status.status = 'frozen' or v_wallet.merged_into is not null then
    perform ledger_private.refuse(ledger_private.not_allowed(v_wallet, false));
  end if;
  if change_status.status = 'closed' then
    perform ledger_private.settle(array[wallet_id], clock_timestamp());
    select e.* into v_head from ledger.entries e where e.wallet_id = change_status.wallet_id
      order by e.seq desc limit 1;
    -- Nothing is written after the head here, so a stale one would not collide: a wallet that has been filled meanwhile
    -- would be closed.
    perform ledger_private.check_snapshot(array[wallet_id]);
    -- What is reserved is part of the balance.
    if v_head.balance > 0 or v_head.owed > 0 then
      perform ledger_private.refuse(ledger_private.invalid_argument('wallet_id',
        'Only an empty wallet that owes nothing is closed: move what is left, collect or forgive its debt.',
        jsonb_build_object('wallet_id', wallet_id, 'balance', v_head.balance::text,
          'held_balance', v_head.held_balance::text, 'owed', coalesce(v_head.owed, 0)::text)));
    end if;
  end if;

  perform set_config('ledger.posting', 'on', true);
  update ledger.wallets w set status = change_status.status where w.id = change_status.wallet_id
    returning w.* into v_wallet;
  perform ledger_private.record_events(array[wallet_id],
    (case change_status.status when 'open' then 'reopened'
      else change_status.status::text end)::ledger.wallet_event_kind, reason);
  perform set_config('ledger.posting', '', true);
  return v_wallet;
end
$$;

comment on function ledger_private.change_status is
$$Changes a wallet's status and leaves an event; where it has that status, returns it as it is. Refuses with WLARG,
WLNOW, WLCLS to freeze a closed wallet or change a merged one, WLARG to close one that is not empty.$$;
--! EndIncluded functions/ledger_private/wallets/change_status.sql

--! Included functions/ledger_private/wallets/change_limits.sql
create or replace function ledger_private.change_limits(asset_code text, changes jsonb)
returns ledger.asset_limits
language plpgsql
volatile
as $$
declare
  v_asset_hash bytea;
  v_newest ledger.asset_limits;
  v_limits ledger.asset_limits;
  v_same boolean;
begin
  -- Of two calls one waits for the other: each leaves a row of its own.
  select a.hash into v_asset_hash from ledger.assets a where a.code = change_limits.asset_code for no key update;
  if not found then
    perform ledger_private.refuse(ledger_private.asset_not_found(asset_code));
  end if;

  select l.* into v_newest from ledger.asset_limits l where l.asset_code = change_limits.asset_code
    order by l.seq desc limit 1;
  v_limits := jsonb_populate_record(v_newest, changes);
  v_same := v_newest.seq is not null and v_limits is not distinct from v_newest;
  v_limits.asset_code := asset_code;
  v_limits.seq := coalesce(v_newest.seq, 0) + 1;
  v_limits.collect_debts := coalesce(v_limits.collect_debts, false);
  v_limits.actor := ledger_private.actor();
  v_limits.created_at := clock_timestamp();
  v_limits.hash := ledger_private.record_hash(coalesce(v_newest.hash, v_asset_hash),
    ledger_private.asset_limit_bytes(v_limits));
  -- Above READ COMMITTED the newest may be older than the lock: then the row collides with the one that has been set
  -- since. One that changes nothing is taken back.
  begin
    perform set_config('ledger.posting', 'on', true);
    insert into ledger.asset_limits values (v_limits.*) on conflict on constraint asset_limits_pkey do nothing;
    if not found then
      perform ledger_private.refuse_stale();
    end if;
    if v_same then
      raise exception using errcode = 'raise_exception', message = 'these limits are in force';
    end if;
    perform set_config('ledger.posting', '', true);
  exception when raise_exception then
    return v_newest;
  end;
  return v_limits;
end
$$;

comment on function ledger_private.change_limits is
$$Adds a row of an asset's limits: the newest with these changes, an object of columns. Where it changes nothing, adds
none and returns the newest. Refuses with WLNOA.$$;
--! EndIncluded functions/ledger_private/wallets/change_limits.sql

--! Included functions/ledger_private/merge/merge.sql
create or replace function ledger_private.merge(request ledger.wallet_request)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_ids uuid[] := array[request.wallet_id, request.counterparty_id];
  v_prepared ledger_private.prepared := ledger_private.prepare(request, request.counterparty_id);
  v_head ledger.entries := v_prepared.head;
  v_amount bigint := coalesce(v_head.balance, 0);
  v_bonus bigint := coalesce(v_head.bonus_balance, 0);
  v_id uuid := uuidv7();
  v_entry ledger.entries;
  v_other_entry ledger.entries;
begin
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  perform ledger_private.refuse(ledger_private.not_mergeable(v_head), v_ids);
  perform ledger_private.refuse(ledger_private.above_limit(wallet => v_prepared.other, head => v_prepared.other_head,
    kind => 'merge', change => v_amount, amount => v_amount, at_time => v_prepared.at_time), v_ids);
  perform ledger_private.refuse(ledger_private.above_debt(request.counterparty_id,
    owed => (v_prepared.other_head).owed, more => v_head.owed), v_ids);

  v_other_entry := ledger_private.next_entry(head => v_prepared.other_head, wallet_id => request.counterparty_id,
    transfer_id => v_id, kind => 'merge', side => 'credit', account => 'player', amount => v_amount,
    bonus_amount => v_bonus, held_amount => 0, at_time => v_prepared.at_time);
  v_entry := ledger_private.acting(ledger_private.next_entry(head => v_head, wallet_id => request.wallet_id,
    transfer_id => v_id, kind => 'merge', side => 'debit', account => 'player', amount => v_amount,
    bonus_amount => v_bonus, held_amount => 0, at_time => v_prepared.at_time), request);
  -- What is owed moves too.
  v_other_entry.owed := nullif(coalesce(v_other_entry.owed, 0) + coalesce(v_entry.owed, 0), 0);
  v_entry.owed := null;
  v_entry.to_wallet := v_other_entry.wallet_id;
  v_entry.to_seq := v_other_entry.seq;
  v_entry := ledger_private.chained(v_entry);
  perform ledger_private.write(array[v_entry, ledger_private.chained(v_other_entry)]);
  if v_bonus > 0 then
    perform ledger_private.move_lots(v_entry, v_other_entry);
  end if;

  perform set_config('ledger.posting', 'on', true);
  update ledger.wallets w set status = 'closed', merged_into = request.counterparty_id
    where w.id = request.wallet_id;
  perform ledger_private.record_events(array[request.wallet_id], 'closed', request.reason);
  perform set_config('ledger.posting', '', true);
  return ledger_private.receipt(v_entry, false);
end
$$;

comment on function ledger_private.merge is
  'Books a merge: all that a wallet has and owes goes to another one, and it is closed and points there.';
--! EndIncluded functions/ledger_private/merge/merge.sql

--! Included functions/ledger_private/feed_and_blocks/rows_since.sql
create or replace function ledger_private.rows_since(snapshot pg_snapshot)
returns setof ledger.entries
language sql
stable
as $$
  select e.* from ledger.entries e where e.actor is not null and e.xid >= coalesce(pg_snapshot_xmax(snapshot), '0')
  union all
  -- A range for each. In a ledger that was moved, nearly all entries have one number: asked for equal ones, the planner
  -- would expect to find all, and read all.
  select o.* from pg_snapshot_xip(snapshot) x (xid)
  cross join lateral (
    select e.* from ledger.entries e where e.actor is not null and e.xid >= x.xid and e.xid <= x.xid offset 0
  ) o
  union all
  -- What was received from wallets of other databases came with them: it is of old, and the first block of an epoch
  -- closes it.
  select r.* from ledger_private.received_from_elsewhere() r
  where coalesce(pg_snapshot_xmax(snapshot), '0') <= '1' and r.xid >= coalesce(pg_snapshot_xmax(snapshot), '0')
$$;

comment on function ledger_private.rows_since is
$$The movements of transactions that had not ended by a snapshot, those that were under way then and those that began
later, by the entries that count: acting ones, and what was received from elsewhere. All of them without a snapshot.$$;

grant execute on function ledger_private.rows_since to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger_private/feed_and_blocks/rows_since.sql

--! Included functions/ledger_private/feed_and_blocks/closed_snapshot.sql
create or replace function ledger_private.closed_snapshot()
returns pg_snapshot
language sql
stable
as $$
  -- Of the entries that a new epoch began with, those that blocks close have the transaction 0, the others 1.
  select case when b.epoch = (select max(e.epoch) from ledger.feed_epochs e) then b.snapshot::pg_snapshot
    else '1:1:' end
  from (select) always
  left join lateral (select n.epoch, n.snapshot from ledger.blocks n order by n.seq desc limit 1) b on true
$$;

comment on function ledger_private.closed_snapshot is
  'What the blocks have closed: what transactions wrote that had ended by this snapshot of this epoch, nothing else.';

grant execute on function ledger_private.closed_snapshot to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger_private/feed_and_blocks/closed_snapshot.sql

--! Included functions/ledger_private/feed_and_blocks/quarter.sql
create or replace function ledger_private.quarter(at_time timestamptz, final_until timestamptz)
returns timestamptz
language sql
immutable
return date_bin('15 minutes', greatest(at_time, final_until), '2000-01-01 00:00:00+00');

comment on function ledger_private.quarter is
  'The start of the quarter of an hour where a block counts a movement: its own, or the first after final_until.';

grant execute on function ledger_private.quarter to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger_private/feed_and_blocks/quarter.sql

--! Included functions/ledger_private/feed_and_blocks/totals_hash.sql
create or replace function ledger_private.totals_hash(totals ledger.house_totals[])
returns bytea
language sql
immutable
as $$
  select sha256(convert_to(coalesce(string_agg(concat_ws(' ', t.asset_code, t.kind, t.debit, t.credit,
      extract(epoch from t.quarter)::bigint, t.movements, t.amount, t.bonus_amount, t.total_amount,
      t.total_bonus_amount), E'\n'
    order by t.asset_code collate "C", t.kind, t.debit, t.credit, t.quarter), ''), 'UTF8'))
  from unnest(totals) t
$$;

comment on function ledger_private.totals_hash is
$$The hash of a block's totals: SHA-256 over a line for each, in order of its key, as text: asset, kind, accounts,
seconds since 1970 of the quarter, and the numbers without total_movements, with a blank between them.$$;

grant execute on function ledger_private.totals_hash to wallet_auditor;
--! EndIncluded functions/ledger_private/feed_and_blocks/totals_hash.sql

--! Included functions/ledger_private/feed_and_blocks/cut.sql
create or replace function ledger_private.cut(since pg_snapshot, final_until timestamptz, block_seq bigint)
returns ledger_private.cut
language sql
volatile
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
  with place as materialized (
    -- PostgreSQL does not list the own transaction, which sees what it wrote; where later ones have ended, it would
    -- count as ended too. What it writes may still be undone, and more may come.
    select concat_ws(':', pg_snapshot_xmin(s.now), pg_snapshot_xmax(s.now), coalesce((
      select string_agg(o.xid::text, ',' order by o.xid)
      from (
        select pg_snapshot_xip(s.now) as xid
        union
        select s.own where s.own < pg_snapshot_xmax(s.now)
      ) o), ''))::pg_snapshot as snapshot
    from (select pg_current_snapshot() as now, pg_current_xact_id_if_assigned() as own) s
  ), movements as materialized (
    -- Not what this transaction itself has booked: it has not ended.
    select e.wallet_id, e.seq, e.to_wallet, e.to_seq, e.kind, a.debit, a.credit, e.amount, e.bonus_amount, w.asset_code,
      ledger_private.quarter(e.created_at, cut.final_until) as quarter,
      greatest(e.created_at, cut.final_until) as counted_at
    from ledger_private.rows_since(cut.since) e
    join ledger.wallets w on w.id = e.wallet_id
    cross join lateral ledger_private.accounts_here(e) a
    where pg_visible_in_snapshot(e.xid, (select p.snapshot from place p))
  ), heads as (
    select x.wallet_id, max(x.seq) as seq, count(*) as entries
    from movements m
    cross join lateral (values (m.wallet_id, m.seq), (m.to_wallet, m.to_seq)) x (wallet_id, seq)
    -- The other side of an exchange is a movement of its own.
    where x.wallet_id = m.wallet_id or x.wallet_id is not null and 'exchange' not in (m.debit, m.credit)
    group by x.wallet_id
  ), closed as (
    select array_agg(h.wallet_id order by h.wallet_id) as wallet_ids, array_agg(h.seq order by h.wallet_id) as seqs,
      array_agg(ledger_private.seal_leaf(h.wallet_id, h.seq, e.hash) order by h.wallet_id) as leaves,
      sum(h.entries)::bigint as entries
    from heads h
    join ledger.entries e on e.wallet_id = h.wallet_id and e.seq = h.seq
  ), sums as (
    select m.asset_code, m.kind, m.debit, m.credit, m.quarter, count(*) as movements, sum(m.amount) as amount,
      sum(m.bonus_amount) as bonus_amount, max(m.counted_at) as counted_until
    from movements m
    where m.amount > 0
    group by m.asset_code, m.kind, m.debit, m.credit, m.quarter
  ), totals as (
    select row(s.asset_code, s.kind, s.debit, s.credit, cut.block_seq, s.quarter, s.movements, s.amount, s.bonus_amount,
      coalesce(b.total_amount, 0) + sum(s.amount) over earlier,
      coalesce(b.total_bonus_amount, 0) + sum(s.bonus_amount) over earlier,
      coalesce(b.total_movements, 0) + sum(s.movements) over earlier)::ledger.house_totals as total
    from sums s
    left join lateral (
      select t.total_movements, t.total_amount, t.total_bonus_amount from ledger.house_totals t
      where t.asset_code = s.asset_code and t.kind = s.kind and t.debit = s.debit and t.credit = s.credit
      order by t.block_seq desc, t.quarter desc limit 1
    ) b on true
    window earlier as (partition by s.asset_code, s.kind, s.debit, s.credit order by s.quarter)
  )
  select row(p.snapshot, c.wallet_ids, c.seqs, c.leaves, coalesce(c.entries, 0),
    array(select t.total from totals t), (select max(s.counted_until) from sums s))::ledger_private.cut
  from place p cross join closed c
$$;

comment on function ledger_private.cut is
$$What a block closes: all that was committed and that no block before it closed, in one snapshot. No posting waits for
it, and it waits for none: a transaction that is still open is left to a later block, whole. since is closed_snapshot(),
final_until that of the block before, block_seq the number of the block.$$;
--! EndIncluded functions/ledger_private/feed_and_blocks/cut.sql

--! Included functions/ledger_private/feed_and_blocks/seal_hash.sql
create or replace function ledger_private.seal_hash(block ledger.blocks)
returns bytea
language sql
stable
as $$
  select sha256(convert_to('wallet ledger block 2', 'UTF8')
    || array_send(array[block.seq, block.entries, block.wallets, block.epoch])
    || array_send(array[block.root, block.totals_hash, block.previous, convert_to(block.snapshot, 'UTF8'),
      xid8send(block.xid), timestamptz_send(block.sealed_at), timestamptz_send(block.final_until),
      convert_to(block.actor, 'UTF8')]))
$$;

comment on function ledger_private.seal_hash is
$$The hash of a block: SHA-256 over the text "wallet ledger block 2" and every other fact of it, without counted_until,
in two arrays (bigint, bytea) in the binary format of PostgreSQL, which has a length before each element (-1 for null),
so that no two different blocks have the same bytes. Integers are big-endian, times microseconds since 2000-01-01 UTC,
texts UTF-8. The order is for ever.$$;

grant execute on function ledger_private.seal_hash to wallet_auditor;
--! EndIncluded functions/ledger_private/feed_and_blocks/seal_hash.sql

--! Included functions/ledger_private/reports/account_name.sql
create or replace function ledger_private.account_name(account ledger.account)
returns text
language sql
immutable
return case account when 'player' then 'players' else account::text end;

comment on function ledger_private.account_name is
  'What reports call an account: players, which is all wallets together, or an account of the house.';

grant execute on function ledger_private.account_name to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger_private/reports/account_name.sql

--! Included functions/ledger_private/reports/newest_totals.sql
create or replace function ledger_private.newest_totals(asset_code text)
returns setof ledger.house_totals
language sql
stable
as $$
  -- From key to key of the index: the newest row of each kind and accounts has the totals of all blocks. There are few
  -- of them, and far more rows.
  select (k.t).*
  from ledger.assets a
  cross join lateral (
    with recursive newest as (
      (
        select t from ledger.house_totals t
        where t.asset_code = a.code
        order by t.kind desc, t.debit desc, t.credit desc, t.block_seq desc, t.quarter desc
        limit 1)
      union all
      select (
        select n from ledger.house_totals n
        where n.asset_code = a.code and (n.kind, n.debit, n.credit) < ((w.t).kind, (w.t).debit, (w.t).credit)
        order by n.kind desc, n.debit desc, n.credit desc, n.block_seq desc, n.quarter desc
        limit 1)
      from newest w
      where (w.t).asset_code is not null
    )
    select n.t from newest n where (n.t).asset_code is not null
  ) k
  where newest_totals.asset_code is null or a.code = newest_totals.asset_code
$$;

comment on function ledger_private.newest_totals is
$$Of each asset (or of one), kind and accounts the newest row of house_totals, which has the totals of all blocks
until now.$$;

grant execute on function ledger_private.newest_totals to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger_private/reports/newest_totals.sql

--! Included functions/ledger_private/reports/movements_of_block.sql
create or replace function ledger_private.movements_of_block(block_seq bigint)
returns setof ledger.entries
language sql
stable
as $$
  select e.*
  from ledger.block_heads h
  left join lateral (
    select p.seq from ledger.block_heads p
    where p.wallet_id = h.wallet_id and p.block_seq < h.block_seq
    order by p.block_seq desc limit 1
  ) before on true
  join ledger.entries e on e.wallet_id = h.wallet_id and e.seq > coalesce(before.seq, 0) and e.seq <= h.seq
  where h.block_seq = movements_of_block.block_seq and e.amount > 0
    and (e.actor is not null
      or exists (select from ledger_private.node_ranges) and ledger_private.is_from_elsewhere(e))
$$;

comment on function ledger_private.movements_of_block is
$$What a block closed and what moved something, by the entries that count: acting ones, and what was received from
elsewhere.$$;

grant execute on function ledger_private.movements_of_block to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger_private/reports/movements_of_block.sql

--! Included functions/ledger_private/reports/block_totals_before.sql
create or replace function ledger_private.block_totals_before(
  block_seq bigint,
  quarter timestamptz,
  key ledger.house_totals
)
returns setof ledger.house_totals
language sql
stable
as $$
  -- Within a block, too, the totals go on from quarter to quarter.
  select l.asset_code, l.kind, l.debit, l.credit, l.block_seq, l.quarter,
    l.total_movements - f.total_movements + f.movements, l.total_amount - f.total_amount + f.amount,
    l.total_bonus_amount - f.total_bonus_amount + f.bonus_amount,
    l.total_amount, l.total_bonus_amount, l.total_movements
  from (
    select t.* from ledger.house_totals t
    where t.asset_code = (key).asset_code and t.kind = (key).kind and t.debit = (key).debit and t.credit = (key).credit
      and t.block_seq = block_totals_before.block_seq and t.quarter < block_totals_before.quarter
    order by t.quarter desc limit 1
  ) l
  cross join lateral (
    select t.* from ledger.house_totals t
    where t.asset_code = (key).asset_code and t.kind = (key).kind and t.debit = (key).debit and t.credit = (key).credit
      and t.block_seq = block_totals_before.block_seq
    order by t.quarter limit 1
  ) f
$$;

comment on function ledger_private.block_totals_before is
$$What a block closed of an asset, kind and accounts in the quarters of an hour before one; no row where that is
nothing.$$;

grant execute on function ledger_private.block_totals_before to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger_private/reports/block_totals_before.sql

--! Included functions/ledger_private/reports/quarter_totals_before.sql
create or replace function ledger_private.quarter_totals_before(
  block_seq bigint,
  at_time timestamptz,
  asset_code text
)
returns setof ledger_private.moved
language sql
stable
as $$
  select quarter_totals_before.at_time, w.asset_code, e.kind, a.debit, a.credit, count(*), sum(e.amount),
    sum(e.bonus_amount)
  from (
    -- Its entries are read only where there are some to tell apart.
    select ledger_private.quarter(quarter_totals_before.at_time, null) as quarter,
      (select p.final_until from ledger.blocks p where p.seq = quarter_totals_before.block_seq - 1) as final_until
  ) q
  cross join lateral ledger_private.movements_of_block(quarter_totals_before.block_seq) e
  -- One look-up for each: joined, all wallets of the asset may be read.
  cross join lateral (select n.asset_code from ledger.wallets n where n.id = e.wallet_id offset 0) w
  cross join lateral ledger_private.accounts_here(e) a
  where exists (select from ledger.house_totals t
      where t.block_seq = quarter_totals_before.block_seq and t.quarter = q.quarter)
    and greatest(e.created_at, q.final_until) >= q.quarter
    and greatest(e.created_at, q.final_until) < quarter_totals_before.at_time
    and (quarter_totals_before.asset_code is null or w.asset_code = quarter_totals_before.asset_code)
  group by 2, 3, 4, 5
$$;

comment on function ledger_private.quarter_totals_before is
$$What a block closed in the quarter of an hour in which an instant lies, and before the instant: from the entries,
since totals are kept by whole quarters.$$;

grant execute on function ledger_private.quarter_totals_before to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger_private/reports/quarter_totals_before.sql

--! Included functions/ledger_private/reports/totals_before.sql
create or replace function ledger_private.totals_before(at_times timestamptz[], asset_code text)
returns setof ledger_private.moved
language sql
stable
as $$
  with newest as materialized (
    select b.seq, b.final_until from ledger.blocks b order by b.seq desc limit 1
  ), instants as materialized (
    -- All that blocks before first_block closed counts before the instant, and nothing that blocks after last_block
    -- closed.
    select u.at_time, u.place, ledger_private.quarter(u.at_time, null) as quarter,
      coalesce(f.seq, 9223372036854775807) as first_block, coalesce(l.seq, 9223372036854775807) as last_block
    from unnest(totals_before.at_times) with ordinality u (at_time, place)
    left join lateral (select b.seq from ledger.blocks b where b.counted_until >= u.at_time
      order by b.counted_until, b.seq limit 1) f on true
    left join lateral (select b.seq from ledger.blocks b where b.final_until >= u.at_time
      order by b.final_until, b.seq limit 1) l on true
  ), between_blocks as materialized (
    select i.*, b.seq as block_seq from instants i
    join ledger.blocks b on b.seq >= i.first_block and b.seq <= i.last_block
  ), keys as materialized (
    select n as newest from ledger_private.newest_totals(totals_before.asset_code) n
  ), open_sums as materialized (
    -- What no block has closed yet, by the place of the first instant after it.
    select w.asset_code, e.kind, a.debit, a.credit,
      width_bucket(greatest(e.created_at, (select n.final_until from newest n)), totals_before.at_times) as place,
      count(*) as movements, sum(e.amount) as amount, sum(e.bonus_amount) as bonus_amount
    from ledger_private.rows_since((select ledger_private.closed_snapshot())) e
    -- One look-up for each: joined, all wallets of the asset may be read.
    cross join lateral (select n.asset_code from ledger.wallets n where n.id = e.wallet_id offset 0) w
    cross join lateral ledger_private.accounts_here(e) a
    where e.amount > 0 and exists (select from instants i where i.last_block = 9223372036854775807)
      and (totals_before.asset_code is null or w.asset_code = totals_before.asset_code)
    group by 1, 2, 3, 4, 5
  )
  select i.at_time, t.asset_code, t.kind, t.debit, t.credit, t.total_movements, t.total_amount, t.total_bonus_amount
  from instants i
  cross join keys k
  cross join lateral (
    select n.* from ledger.house_totals n
    where n.asset_code = (k.newest).asset_code and n.kind = (k.newest).kind and n.debit = (k.newest).debit
      and n.credit = (k.newest).credit and n.block_seq < i.first_block
    order by n.block_seq desc, n.quarter desc limit 1
  ) t
  union all
  select i.at_time, p.asset_code, p.kind, p.debit, p.credit, p.movements, p.amount, p.bonus_amount
  from between_blocks i
  cross join keys k
  cross join lateral ledger_private.block_totals_before(i.block_seq, i.quarter, k.newest) p
  union all
  select i.at_time, p.asset_code, p.kind, p.debit, p.credit, p.movements, p.amount, p.bonus_amount
  from between_blocks i
  cross join lateral ledger_private.quarter_totals_before(i.block_seq, i.at_time, totals_before.asset_code) p
  where i.at_time > i.quarter
  union all
  select i.at_time, s.asset_code, s.kind, s.debit, s.credit, s.movements, s.amount, s.bonus_amount
  from open_sums s
  join instants i on i.place > s.place
$$;

comment on function ledger_private.totals_before is
$$What had moved between accounts before each of these instants, which rise and are distinct: by asset, kind and
accounts, in several rows to be added up. A movement counts when it was booked; one that a clock which was set back
booked where figures were final already, at the final_until of then. So what is final never changes.$$;

grant execute on function ledger_private.totals_before to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger_private/reports/totals_before.sql

--! Included functions/ledger_private/reports/zone.sql
create or replace function ledger_private.zone(time_zone text)
returns text
language plpgsql
stable
as $$
begin
  -- Abbreviations mean what the session says, and what is misspelt may be read as a zone of its own.
  if time_zone ~ '^([A-Za-z][A-Za-z_]*(/[A-Za-z][A-Za-z_-]*){1,2}|Etc/GMT[+-][0-9]{1,2})$' then
    perform pg_catalog.timezone(time_zone, timestamptz '2000-01-01 00:00:00+00');
    return time_zone;
  elsif time_zone = 'UTC' then
    return 'Etc/UTC';
  end if;
  return null;
exception when invalid_parameter_value then
  return null;
end
$$;

comment on function ledger_private.zone is
  'The name of a time zone that PostgreSQL knows: of UTC, or of an area and a place such as Europe/Berlin; else null.';

grant execute on function ledger_private.zone to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger_private/reports/zone.sql

--! Included functions/ledger_private/reports/bucket_starts.sql
create or replace function ledger_private.bucket_starts(
  from_time timestamptz,
  to_time timestamptz,
  bucket text,
  time_zone text
)
returns timestamptz[]
language sql
stable
as $$
  with clock as (
    -- PostgreSQL takes a local time that comes twice for the later one, and one that is skipped for the instant at
    -- which clocks skip it.
    select l.shown, l.shown at time zone time_zone as instant
    from generate_series(
      date_trunc(bucket, from_time at time zone time_zone) - ('1 ' || bucket)::interval,
      (to_time at time zone time_zone) + ('1 ' || bucket)::interval,
      ('1 ' || bucket)::interval) l (shown)
  ), earlier as (
    -- By the difference to UTC of a day before.
    select c.shown, c.instant,
      (c.shown - ((d.instant at time zone time_zone) - (d.instant at time zone 'UTC'))) at time zone 'UTC' as before
    from clock c
    cross join lateral (select c.instant - interval '24 hours') d (instant)
  ), starts as (
    select e.instant, case when e.before at time zone time_zone = e.shown then e.before end as before from earlier e
  )
  select array_agg(distinct i.instant order by i.instant)
  from (
    select from_time
    union all
    select to_time
    union all
    -- An hour that comes twice is two hours; a day begins once.
    select s.instant from starts s where bucket = 'hour' or s.before is null
    union all
    select s.before from starts s
  ) i (instant)
  where i.instant >= from_time and i.instant <= to_time
$$;

comment on function ledger_private.bucket_starts is
$$The instants at which hours, days or months begin in a time zone, within a period, and both ends of the period. A day
begins when clocks there first show its midnight, or skip it.$$;

grant execute on function ledger_private.bucket_starts to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger_private/reports/bucket_starts.sql

--! Included functions/ledger_private/reports/check_asset.sql
create or replace function ledger_private.check_asset(asset_code text)
returns void
language plpgsql
stable
as $$
begin
  if not exists (select from ledger.assets a where a.code = check_asset.asset_code) then
    perform ledger_private.refuse(ledger_private.asset_not_found(asset_code));
  end if;
end
$$;

comment on function ledger_private.check_asset is 'Refuses with ASSET_NOT_FOUND (WLNOA) an asset that is not there.';

grant execute on function ledger_private.check_asset to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger_private/reports/check_asset.sql

--! Included functions/ledger_private/reports/journal_range.sql
create or replace function ledger_private.journal_range(
  asset_code text,
  from_time timestamptz,
  to_time timestamptz,
  after text
)
returns ledger_private.journal_range
language plpgsql
stable
-- ledger_journal, which sends its lines while it reads, has the caller's settings.
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_range ledger_private.journal_range;
  v_parts text[] := regexp_match(after, '^([1-9][0-9]{0,17})[.](-?[0-9]{1,18})[.]'
    || '([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})[.](debit|credit)$');
begin
  if from_time > to_time then
    perform ledger_private.refuse(ledger_private.invalid_argument('to_time',
      'Send the end of the period: from_time or later.'));
  end if;
  if after is not null and v_parts is null then
    perform ledger_private.refuse(ledger_private.invalid_argument('after',
      'Give the cursor of the last line as it came, or null to start.'));
  end if;
  if asset_code is not null then
    perform ledger_private.check_asset(asset_code);
  end if;
  perform ledger_private.feed_epoch();
  v_range.from_time := coalesce(from_time, '-infinity');
  v_range.to_time := coalesce(to_time, 'infinity');
  -- What no block has closed yet will be in the next one, or in a later one.
  select 1 + b.seq, b.final_until into v_range.open_block, v_range.final_until
    from ledger.blocks b order by b.seq desc limit 1;
  v_range.open_block := coalesce(v_range.open_block, 1);
  v_range.after_block := coalesce(v_parts[1]::bigint, 0);
  v_range.after_time := timestamptz '2000-01-01 00:00:00+00'
    + coalesce(v_parts[2]::bigint, 0) * interval '1 microsecond';
  v_range.after_id := coalesce(v_parts[3], '00000000-0000-0000-0000-000000000000')::uuid;
  v_range.after_side := coalesce(v_parts[4], 'debit');
  v_range.first_block := greatest(v_range.after_block, coalesce(
    (select b.seq from ledger.blocks b where b.counted_until >= v_range.from_time
      order by b.counted_until, b.seq limit 1), v_range.open_block));
  v_range.last_block := coalesce(
    (select b.seq from ledger.blocks b where b.final_until >= v_range.to_time order by b.final_until, b.seq limit 1),
    v_range.open_block);
  return v_range;
end
$$;

comment on function ledger_private.journal_range is
$$Which blocks have what counts in a period, and where in them its journal goes on after a cursor: block, microseconds
since 2000, movement, side. Refuses what is wrong of it.$$;

grant execute on function ledger_private.journal_range to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger_private/reports/journal_range.sql

--! Included functions/ledger_private/reports/journal_of_block.sql
create or replace function ledger_private.journal_of_block(block_seq bigint, is_closed boolean)
returns setof ledger_private.journal_movement
language sql
stable
-- ledger_journal, which sends its lines while it reads, is planned in the caller's session.
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
  select greatest(e.created_at, b.final_until), e.created_at, e.transfer_id, e.kind, w.asset_code, a.debit, a.credit,
    ledger.entries_side(e), e.wallet_id, e.to_wallet, e.amount, e.bonus_amount, e.reverses, e.idem_key, e.actor
  from (
    select (select p.final_until from ledger.blocks p where p.seq = journal_of_block.block_seq - 1) as final_until
  ) b
  cross join lateral (
    select m.* from ledger_private.movements_of_block(journal_of_block.block_seq) m where journal_of_block.is_closed
    union all
    select o.* from ledger_private.rows_since((select ledger_private.closed_snapshot())) o
    where not journal_of_block.is_closed and o.amount > 0
  ) e
  -- One look-up for each: joined, all wallets may be read.
  cross join lateral (select o.asset_code from ledger.wallets o where o.id = e.wallet_id limit 1) w
  cross join lateral ledger_private.accounts_here(e) a
$$;

comment on function ledger_private.journal_of_block is
$$The movements of a block; or of the next one, which is not closed yet, as far as they are committed: what moved
something, and when it counts.$$;

grant execute on function ledger_private.journal_of_block to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger_private/reports/journal_of_block.sql

--! Included functions/ledger_private/verify/verify_entries.sql
create or replace function ledger_private.verify_entries(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with walked as (
    select e.*, e as entry, lag(e) over wallet as head, h.bonus_amount as hold_bonus, h.expires_at as hold_expiry,
      w.id as owner, r.metadata_hash as kept_metadata_hash,
      case when e.kind in ('debt', 'forgiveness') then 0 when ledger.entries_side(e) = 'credit' then 1
        else -1 end::numeric as sign, ledger.entries_side(e) as side,
      -- What holds and their ends do to the bonus credits that are reserved.
      coalesce(sum(case when e.kind = 'hold' then e.held_bonus_amount else -h.bonus_amount end) over wallet, 0)
        as reserved_bonus,
      case when e.kind = 'hold' then e.held_bonus_amount else -h.bonus_amount end as reserves,
      -- What was due by then, the wallet had to have booked by now.
      max(case when e.kind = 'release' and e.idem_key is null then null else e.created_at end) over wallet as due_by
    from ledger.entries e
    left join ledger.wallets w on w.id = e.wallet_id
    left join ledger.holds h on e.hold_id is not null and h.wallet_id = e.wallet_id and h.id = e.hold_id
    left join ledger.redactions r on r.wallet_id = e.wallet_id and r.seq = e.seq
    where e.wallet_id between first_id and last_id
    window wallet as (partition by e.wallet_id order by e.seq)
  ), judged as (
    -- In numeric, because a tampered amount must not end the proof by an overflow.
    select j.entry, j.head, j.owner,
      j.seq <> coalesce((j.head).seq, 0)::numeric + 1 as breaks_seq,
      (j.balance, j.bonus_balance, j.held_balance, j.paid_balance, j.free_balance,
        j.topped_up_total, j.granted_total, j.spent_total, j.sent_total)
        is distinct from (
          coalesce((j.head).balance, 0) + j.sign * j.amount,
          coalesce((j.head).bonus_balance, 0) + j.sign * j.bonus_amount,
          coalesce((j.head).held_balance, 0)::numeric + j.held_amount,
          j.balance::numeric - j.bonus_balance, j.balance::numeric - j.held_balance,
          coalesce((j.head).topped_up_total, 0)::numeric + case when j.kind = 'top_up' then j.amount else 0 end,
          coalesce((j.head).granted_total, 0)::numeric + case when j.kind = 'bonus' then j.amount else 0 end,
          coalesce((j.head).spent_total, 0)::numeric + case when j.kind in ('spend', 'capture')
            then j.amount else 0 end,
          coalesce((j.head).sent_total, 0)::numeric + case when j.kind = 'transfer' and j.side = 'debit'
            then j.amount else 0 end)
        -- What is reserved of bonus credits is there, and so is what is reserved of paid ones.
        or j.reserved_bonus not between j.bonus_balance::numeric + j.held_balance - j.balance
          and j.bonus_balance as breaks_balance,
      coalesce(j.created_at < (j.head).created_at, false) as breaks_time,
      j.hash is distinct from ledger_private.entry_hash((j.head).hash, j.entry, j.kept_metadata_hash) as breaks_hash,
      j.owner is null as breaks_reference,
      -- Bonus credits go first, as far as they are not reserved. Of a reversal, verify_reversals() knows.
      coalesce(j.actor is not null and j.kind <> 'reversal' and coalesce(j.held_bonus_amount, j.bonus_amount) <> case
        when j.kind in ('top_up', 'debt', 'collection', 'forgiveness')
          or j.kind = 'adjustment' and j.side = 'credit' then 0
        when j.kind in ('bonus', 'expiry') then j.amount
        -- Of an opening and of what arrives in an exchange, verify_transfers() and verify_links() know.
        when j.kind in ('opening', 'exchange') and j.side = 'credit' then j.bonus_amount
        when j.kind = 'capture' then least(j.amount, j.hold_bonus)
        when j.kind = 'release' then j.hold_bonus
        else least(greatest(j.amount, j.held_amount),
          coalesce((j.head).bonus_balance, 0) - j.reserved_bonus + coalesce(j.reserves, 0)) end, false) as breaks_bonus,
      coalesce(j.kind in ('capture', 'release') and j.hold_expiry <= j.due_by, false) as breaks_hold
    from walked j
  )
  select f.rule, (g.entry).wallet_id, (g.entry).seq, (g.entry).transfer_id, f.detail
  from judged g
  cross join lateral (values
    ('entry_seq', g.breaks_seq, jsonb_build_object('expected', coalesce((g.head).seq, 0)::numeric + 1)),
    ('entry_balance', g.breaks_balance, jsonb_build_object('after',
      to_jsonb(g.head) - 'hash' - 'metadata' - 'idem_key')),
    ('entry_time', g.breaks_time, jsonb_build_object('after', (g.head).created_at)),
    ('entry_hash', g.breaks_hash, jsonb_build_object('found', encode((g.entry).hash, 'hex'))),
    ('entry_reference', g.breaks_reference, jsonb_build_object('wallet_found', g.owner is not null)),
    ('transfer_facts', g.breaks_bonus, to_jsonb(g.entry) - 'metadata' - 'idem_key' - 'hash'),
    ('hold_expiry', g.breaks_hold, jsonb_build_object('hold_id', (g.entry).hold_id))
  ) as f (rule, broken, detail)
  where (g.breaks_seq or g.breaks_balance or g.breaks_time or g.breaks_hash or g.breaks_reference or g.breaks_bonus
    or g.breaks_hold)
    and f.broken
$$;

comment on function ledger_private.verify_entries is
  'Findings in entries: each against the one before it and its wallet, and its bonus part.';

grant execute on function ledger_private.verify_entries to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_entries.sql

--! Included functions/ledger_private/nodes/may_be_elsewhere.sql
create or replace function ledger_private.may_be_elsewhere(reversal ledger.entries)
returns boolean
language sql
stable
as $$
  select exists (select from ledger_private.node_ranges) and exists (
    select from ledger.entries e
    where e.wallet_id = reversal.wallet_id and e.seq < reversal.seq and e.kind = 'merge' and e.actor is null)
$$;

comment on function ledger_private.may_be_elsewhere is
  'Whether another database may have what a reversal takes back: that of a wallet that was merged into its own.';

grant execute on function ledger_private.may_be_elsewhere to wallet_auditor;
--! EndIncluded functions/ledger_private/nodes/may_be_elsewhere.sql

--! Included functions/ledger_private/verify/verify_debts.sql
create or replace function ledger_private.verify_debts(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  -- Few wallets ever owe: looked at are the lines that say or change what is owed, and the line after each.
  with lines as (
    select e from ledger.entries e
    where e.wallet_id between first_id and last_id
      and (e.owed is not null or e.kind in ('debt', 'collection', 'forgiveness'))
    union
    select n from ledger.entries e
    join ledger.entries n on n.wallet_id = e.wallet_id and n.seq = e.seq + 1
    where e.wallet_id between first_id and last_id and e.owed is not null
  )
  select 'entry_owed', (l.e).wallet_id, (l.e).seq, (l.e).transfer_id,
    jsonb_build_object('owed', (l.e).owed, 'after', p.owed, 'kind', (l.e).kind, 'amount', (l.e).amount)
  from lines l
  left join ledger.entries p on p.wallet_id = (l.e).wallet_id and p.seq = (l.e).seq - 1
  where (l.e).owed <= 0
    -- A merge leaves nothing; what arrives in it, is_merged() knows.
    or (l.e).owed is distinct from nullif(case when (l.e).kind <> 'merge' then coalesce(p.owed, 0)
      when (l.e).actor is null then greatest((l.e).owed, p.owed, 0) else 0 end::numeric
      + case when (l.e).kind = 'debt' then (l.e).amount
        when (l.e).kind in ('collection', 'forgiveness') then -(l.e).amount else 0 end, 0)
  union all
  -- A debt comes of a top-up, by the reversal in the line after it.
  select 'transfer_facts', (l.e).wallet_id, (l.e).seq, (l.e).transfer_id,
    to_jsonb(l.e) - 'metadata' - 'idem_key' - 'hash'
  from lines l
  where (l.e).kind = 'debt' and not exists (
    select from ledger.entries n
    left join lateral ledger_private.original(n.wallet_id, n.reverses) o on true
    where n.wallet_id = (l.e).wallet_id and n.seq = (l.e).seq + 1 and n.kind = 'reversal'
      and n.reverses = (l.e).reverses
      and (o.kind = 'top_up' or o.transfer_id is null and ledger_private.may_be_elsewhere(n)))
  union all
  -- What nobody asked to be collected comes of the top-up in the line before it, in an asset that has ever had that.
  select 'transfer_facts', (l.e).wallet_id, (l.e).seq, (l.e).transfer_id,
    to_jsonb(l.e) - 'metadata' - 'idem_key' - 'hash'
  from lines l
  where (l.e).kind = 'collection' and (l.e).idem_key is null and not exists (
    select from ledger.entries p
    join ledger.wallets w on w.id = p.wallet_id
    join ledger.asset_limits s on s.asset_code = w.asset_code and s.collect_debts
    where p.wallet_id = (l.e).wallet_id and p.seq = (l.e).seq - 1 and p.kind = 'top_up'
      and (l.e).amount = least(p.amount, p.owed) and (l.e).created_at = p.created_at)
$$;

comment on function ledger_private.verify_debts is
  'Findings in what wallets owe: each line against the one before it, each debt against its reversal, and
what was collected of a top-up against it.';

grant execute on function ledger_private.verify_debts to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_debts.sql

--! Included functions/ledger_private/verify/verify_transfers.sql
create or replace function ledger_private.verify_transfers(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with acting as (
    select e.*, e as entry, h.amount as hold_amount, h.expires_at as hold_expires_at, o.debit as o_debit,
      o.credit as o_credit, o.to_wallet as o_to_wallet, o.kind as o_kind, d.amount as owed_amount,
      e.reverses is not null and o.transfer_id is null and ledger_private.may_be_elsewhere(e) as elsewhere
    from ledger.entries e
    left join ledger.holds h on e.hold_id is not null and h.wallet_id = e.wallet_id and h.id = e.hold_id
    -- Few have one: it is looked up, and not found in a hash table of all entries.
    left join lateral (
      select n.* from ledger_private.original(e.wallet_id, e.reverses) n where e.reverses is not null offset 0
    ) o on true
    -- What it could not take, the line before it says.
    left join lateral (
      select n.amount from ledger.entries n
      where e.kind = 'reversal' and n.wallet_id = e.wallet_id and n.seq = e.seq - 1 and n.kind = 'debt'
        and n.reverses = e.reverses offset 0
    ) d on true
    where e.wallet_id between first_id and last_id and e.actor is not null
  ), facts as (
    select a.entry, (
      (a.idem_key is null) <> (a.kind in ('expiry', 'debt') or a.kind = 'release' and a.idem_key is null
        and coalesce(a.hold_expires_at <= a.created_at, false)
        or a.kind = 'exchange' and a.debit <> 'player' or a.kind = 'collection' and a.idem_key is null
        -- One side of a reversed exchange has the key: see verify_links(); collections: verify_debts().
        or a.kind = 'reversal' and a.idem_key is null and a.o_kind = 'exchange')
      or (a.kind in ('hold', 'release')) <> (a.amount = 0) and a.kind <> 'merge'
        and (a.owed_amount is null or a.amount < 0)
      or a.amount not between 0 and case when a.kind in ('expiry', 'merge') then 9000 else 1 end * 1000000000000000
      or a.requested_amount is distinct from case
        when a.kind in ('release', 'expiry', 'debt', 'merge')
          or a.kind in ('capture', 'reversal') and a.requested_amount is null
          or a.kind = 'collection' and a.idem_key is null then null
        when a.kind = 'hold' then a.held_amount
        else a.amount + coalesce(a.owed_amount, 0) end
      or a.kind <> 'hold' and a.held_amount is distinct from case
        when a.kind in ('capture', 'release') then -a.hold_amount else 0 end
      or case a.kind when 'top_up' then a.held_bonus_amount <> 0
        else (a.kind in ('hold', 'release')) <> (a.held_bonus_amount is not null) end is true
      or (a.kind in ('reversal', 'debt')) <> (a.reverses is not null)
      or (a.kind in ('hold', 'capture', 'release')) <> (a.hold_id is not null)
      or (a.kind = 'hold') <> coalesce(a.hold_id = a.transfer_id, false)
      or a.expires_at is not null and (a.kind not in ('bonus', 'hold', 'opening') or a.expires_at <= a.created_at
        or a.kind = 'opening' and a.bonus_amount = 0)
      or a.kind = 'opening' and (a.bonus_amount not between 0 and a.amount or exists (
        select from ledger.entries n where n.wallet_id = a.wallet_id and n.kind = 'opening' and n.seq < a.seq))
      or ledger_private.has_reason(a.kind)
        and coalesce(char_length(a.metadata ->> 'reason') not between 1 and 1000, true)
        and ledger_private.kept_metadata_hash(a.wallet_id, a.seq) is null
      or a.kind = 'capture' and (a.amount > a.hold_amount or a.requested_amount is null and a.amount <> a.hold_amount)
      or a.metadata is null) is not false as breaks_facts,
      -- The accounts that the kind decides; of a reversal the original's, sides swapped.
      not a.elsewhere and (a.debit, a.credit) is distinct from case
        when a.kind = 'reversal' then (a.o_credit, a.o_debit)
        when a.kind = 'debt' then ('receivables'::ledger.account, a.o_debit)
        when a.kind = 'forgiveness' then ('losses'::ledger.account, 'receivables'::ledger.account)
        when a.kind in ('top_up', 'bonus', 'opening') or a.kind in ('exchange', 'adjustment') and a.credit = 'player'
          then (ledger_private.house_account(a.kind), 'player'::ledger.account)
        else ('player'::ledger.account, ledger_private.house_account(a.kind)) end
      or a.to_wallet is distinct from case
        when a.elsewhere or a.kind in ('transfer', 'exchange', 'merge') then a.to_wallet
        when a.kind = 'reversal' then a.o_to_wallet end
      or a.kind in ('transfer', 'exchange', 'merge') and a.to_wallet is null
      or (a.to_wallet is null) <> (a.to_seq is null) as breaks_sides
    from acting a
  )
  select f.rule, (g.entry).wallet_id, (g.entry).seq, (g.entry).transfer_id,
    to_jsonb(g.entry) - 'metadata' - 'idem_key' - 'hash'
  from facts g
  cross join lateral (values ('transfer_facts', g.breaks_facts), ('transfer_sides', g.breaks_sides)) as f (rule, broken)
  where f.broken
$$;

comment on function ledger_private.verify_transfers is
  'Findings in movements: on the accounts and with the facts that the kind demands.';

grant execute on function ledger_private.verify_transfers to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_transfers.sql

--! Included functions/ledger_private/merge/is_merged.sql
create or replace function ledger_private.is_merged(entry ledger.entries, received ledger.entries)
returns boolean
language sql
stable
as $$
  select entry.balance = 0 and entry.metadata - 'reason' = '{}'
    and exists (
      select from ledger.wallets w
      where w.id = entry.wallet_id and w.merged_into = entry.to_wallet and w.status = 'closed')
    and not exists (select from ledger.entries n where n.wallet_id = entry.wallet_id and n.seq > entry.seq)
    -- What was owed is owed now by the successor.
    and coalesce(received.owed, 0) = (
      select coalesce(sum(n.owed), 0) from ledger.entries n
      where (n.wallet_id, n.seq) in ((entry.wallet_id, entry.seq - 1), (received.wallet_id, received.seq - 1)))
$$;

comment on function ledger_private.is_merged is
$$Whether a merge, by its two entries, left its wallet empty, closed, without a later entry, and pointing to its
successor, which owes what both had owed.$$;

grant execute on function ledger_private.is_merged to wallet_auditor;
--! EndIncluded functions/ledger_private/merge/is_merged.sql

--! Included functions/ledger_private/verify/verify_pairs.sql
create or replace function ledger_private.verify_pairs(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with pairs as (
    -- Both rows of a movement between players, from either side: the acting one and the received one.
    select a, r
    from ledger.entries a
    left join ledger.entries r on r.wallet_id = a.to_wallet and r.seq = a.to_seq
    where a.wallet_id between first_id and last_id and a.to_wallet is not null
      -- Of exchanges, verify_links() knows.
      and 'exchange' not in (a.debit, a.credit)
    union all
    select a, r
    from ledger.entries r
    left join ledger.entries a on a.transfer_id = r.transfer_id and a.actor is not null
    where r.wallet_id between first_id and last_id and r.actor is null
  )
  select 'transfer_reference', coalesce((p.a).wallet_id, (p.r).wallet_id), coalesce((p.a).seq, (p.r).seq),
    coalesce((p.a).transfer_id, (p.r).transfer_id),
    jsonb_build_object('acting', (p.a).seq, 'received', (p.r).seq, 'wallet_id', (p.r).wallet_id)
  from pairs p
  left join ledger.wallets w on w.id = (p.a).wallet_id
  left join ledger.wallets o on o.id = (p.r).wallet_id
  where (((p.r).transfer_id, (p.r).wallet_id, (p.r).seq, (p.r).kind, (p.r).debit, (p.r).credit,
      (p.r).amount, (p.r).bonus_amount, (p.r).held_amount, o.asset_code)
    is distinct from ((p.a).transfer_id, (p.a).to_wallet, (p.a).to_seq, (p.a).kind, (p.a).debit, (p.a).credit,
      (p.a).amount, (p.a).bonus_amount, 0::bigint, w.asset_code)
    or num_nonnulls((p.r).actor, (p.r).idem_key, (p.r).to_wallet, (p.r).to_seq, (p.r).requested_amount,
      (p.r).held_bonus_amount, (p.r).reverses, (p.r).hold_id, (p.r).expires_at, (p.r).metadata) > 0
    or (p.a).kind = 'merge' and not ledger_private.is_merged(p.a, p.r)
    -- Both have the same time, unless one wallet was ahead of it already.
    or (p.r).created_at <> (p.a).created_at and not exists (
      select from ledger.entries n
      where n.created_at = greatest((p.r).created_at, (p.a).created_at)
        and n.wallet_id = case when (p.r).created_at > (p.a).created_at then (p.r).wallet_id else (p.a).wallet_id end
        and n.seq = case when (p.r).created_at > (p.a).created_at then (p.r).seq else (p.a).seq end - 1))
    -- Another database has the other entry, where it has that wallet.
    and ((p.r).transfer_id is not null or ledger_private.is_here((p.a).to_wallet))
    and ((p.a).transfer_id is not null or not ledger_private.is_from_elsewhere(p.r))
$$;

comment on function ledger_private.verify_pairs is
$$Findings in movements between players: both entries are there, unless another database has one, and say the same; a
merge left nothing behind; who received is told nothing of who sent.$$;

grant execute on function ledger_private.verify_pairs to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_pairs.sql

--! Included functions/ledger_private/verify/verify_links.sql
create or replace function ledger_private.verify_links(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with sides as (
    select a, o, w.owner_id, w.asset_code, x.owner_id as o_owner_id, x.asset_code as o_asset_code, r.to_wallet, r.to_seq
    from ledger.entries a
    left join ledger.wallets w on w.id = a.wallet_id
    left join ledger.wallets x on x.id = a.to_wallet
    left join lateral (
      select n.* from ledger.entries n where n.wallet_id = a.to_wallet and n.seq = a.to_seq offset 0
    ) o on true
    -- What the other side's original should be.
    left join lateral (
      select n.to_wallet, n.to_seq from ledger.entries n
      where n.wallet_id = a.wallet_id and n.transfer_id = a.reverses and n.actor is not null offset 0
    ) r on true
    where a.wallet_id between first_id and last_id and 'exchange' in (a.debit, a.credit)
      -- Another database has the other side, where it has that wallet.
      and (a.to_wallet is null or ledger_private.is_here(a.to_wallet))
  )
  select 'transfer_link', (s.a).wallet_id, (s.a).seq, (s.a).transfer_id,
    jsonb_build_object('to_wallet', (s.a).to_wallet, 'to_seq', (s.a).to_seq, 'found', (s.o).transfer_id)
  from sides s
  where case
    when (s.o).transfer_id is null or s.owner_id is distinct from s.o_owner_id or s.asset_code = s.o_asset_code
      or (s.o).transfer_id = (s.a).transfer_id then true
    -- One asset leaves its wallet, the other one arrives.
    when ((s.o).to_wallet, (s.o).to_seq, (s.o).kind, (s.o).actor, (s.o).debit, (s.o).credit) is distinct from (
      (s.a).wallet_id, (s.a).seq, (s.a).kind, (s.a).actor, (s.a).credit, (s.a).debit) then true
    -- One side has the request.
    when ((s.a).idem_key is null) = ((s.o).idem_key is null) or (s.a).idem_key is null and (s.a).metadata <> '{}'
      then true
    when (s.a).kind = 'reversal' and not exists (
      select from ledger.entries n
      where n.wallet_id = s.to_wallet and n.seq = s.to_seq and n.transfer_id = (s.o).reverses) then true
    when (s.a).kind = 'exchange' and (s.a).debit = 'player' and (s.a).amount > 0
      and (s.o).bonus_amount <> ledger_private.exchanged_bonus((s.a).bonus_amount, (s.a).amount, (s.o).amount) then true
    -- Both have the same time, unless one wallet was ahead of it already.
    else (s.o).created_at <> (s.a).created_at and not exists (
      select from ledger.entries n
      where n.created_at = greatest((s.o).created_at, (s.a).created_at)
        and n.wallet_id = case when (s.o).created_at > (s.a).created_at then (s.o).wallet_id else (s.a).wallet_id end
        and n.seq = case when (s.o).created_at > (s.a).created_at then (s.o).seq else (s.a).seq end - 1)
  end
$$;

comment on function ledger_private.verify_links is
$$Findings in exchanges and their reversals: both sides are there, of one owner and two assets, each names the other,
one has the request, and what arrived is bonus credits in the same part as what left.$$;

grant execute on function ledger_private.verify_links to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_links.sql

--! Included functions/ledger_private/verify/verify_wallets.sql
create or replace function ledger_private.verify_wallets(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  select f.rule, w.id, null::bigint, null::uuid, f.detail
  from ledger.wallets w
  cross join lateral (
    select 'wallet_id', jsonb_build_object('owner_id', w.owner_id)
      where w.id is distinct from ledger.wallet_id(w.owner_id, w.asset_code)
    union all
    select 'wallet_status', jsonb_build_object('status', w.status, 'event', v.kind)
      from (select) one
      left join lateral (
        -- As texts: a new kind cannot be named in the transaction that brings it.
        select e.kind from ledger.wallet_events e
          where e.wallet_id = w.id and e.kind::text in ('opened', 'frozen', 'closed', 'reopened')
          order by e.seq desc limit 1
      ) v on true
      where (case v.kind when 'opened' then 'open' when 'reopened' then 'open' else v.kind::text end)
        is distinct from w.status::text
    union all
    select 'wallet_limits', jsonb_build_object('own_limits', w.own_limits, 'event', l.seq)
      from (select) one
      left join lateral (
        select n.* from ledger.wallet_limits n where n.wallet_id = w.id order by n.seq desc limit 1
      ) l on true
      where w.own_limits is distinct from case
        when num_nonnulls(l.max_spend, l.max_balance, l.max_daily_top_up, l.max_daily_bonus, l.max_daily_spend,
          l.max_transfer, l.max_daily_transfer) > 0 then l.seq end
    union all
    -- What was merged points to where its newest entry says. (The other way round, is_merged() proves it.)
    select 'wallet_merged', jsonb_build_object('merged_into', w.merged_into, 'status', w.status)
      where w.merged_into is not null and (w.status <> 'closed' or not exists (
        select from ledger_private.head(w.id) e
        where e.kind = 'merge' and e.actor is not null and e.to_wallet = w.merged_into))
    union all
    select 'wallet_reference', jsonb_build_object('asset_code', w.asset_code)
      where not exists (select from ledger.assets a where a.code = w.asset_code)
  ) as f (rule, detail)
  where w.id between first_id and last_id
  union all
  select 'wallet_reference', e.wallet_id, null, null, jsonb_build_object('event', e.seq)
  from ledger.wallet_events e
  where e.wallet_id between first_id and last_id and not exists (select from ledger.wallets w where w.id = e.wallet_id)
  union all
  select 'wallet_limits', coalesce(v.wallet_id, l.wallet_id), null, null,
    jsonb_build_object('event', coalesce(v.seq, l.seq), 'set', l.wallet_id is not null)
  from (
    select e.wallet_id, e.seq, e.facts_hash from ledger.wallet_events e
      where e.wallet_id between first_id and last_id and e.kind::text = 'limited'
  ) v
  full join (
    select n.wallet_id, n.seq, sha256(ledger_private.wallet_limit_bytes(n)) as hash from ledger.wallet_limits n
      where n.wallet_id between first_id and last_id
  ) l on l.wallet_id = v.wallet_id and l.seq = v.seq
  where v.facts_hash = l.hash is not true
  union all
  select 'record_chain', c.wallet_id, null, null, jsonb_build_object('table', 'wallet_events', 'number', c.seq,
    'place', c.place)
  from (
    select v.wallet_id, v.seq, v.hash, lag(v.hash) over wallet as previous,
      ledger_private.wallet_event_bytes(v) as bytes, row_number() over wallet as place,
      case when v.seq = 1 then ledger_private.record_hash(null, ledger_private.wallet_bytes(w)) end as start
    from ledger.wallet_events v
    left join ledger.wallets w on w.id = v.wallet_id
    where v.wallet_id between first_id and last_id
    window wallet as (partition by v.wallet_id order by v.seq)
  ) c
  where c.seq <> c.place or c.hash is distinct from ledger_private.record_hash(coalesce(c.previous, c.start), c.bytes)
$$;

comment on function ledger_private.verify_wallets is
$$Findings in wallets and their events: the id derived from the owner, status and limits those of the newest events
about them, a merged one closed and pointing to its successor, asset and wallet there, events numbered without
gaps, each hash over the event and the one before (the first: the wallet), and over the limits that it set.$$;

grant execute on function ledger_private.verify_wallets to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_wallets.sql

--! Included functions/ledger_private/verify/verify_redactions.sql
create or replace function ledger_private.verify_redactions(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  -- That an entry was blanked without a redaction, its hash tells.
  select 'redaction', r.wallet_id, r.seq, r.transfer_id,
    jsonb_build_object('event', r.event_seq, 'blank', e.metadata = '{}')
  from ledger.redactions r
  left join ledger.entries e on e.wallet_id = r.wallet_id and e.seq = r.seq
  left join ledger.wallet_events v on v.wallet_id = r.wallet_id and v.seq = r.event_seq
  where r.wallet_id between first_id and last_id
    -- As text: a new kind cannot be named in the transaction that brings it.
    and (e.transfer_id = r.transfer_id and e.actor is not null and e.metadata = '{}' and v.kind::text = 'redacted'
      and v.facts_hash = sha256(ledger_private.redaction_bytes(r))) is not true
  union all
  select 'redaction', v.wallet_id, null, null, jsonb_build_object('event', v.seq, 'blank', null)
  from ledger.wallet_events v
  where v.wallet_id between first_id and last_id and v.kind::text = 'redacted'
    and not exists (select from ledger.redactions r where r.wallet_id = v.wallet_id and r.event_seq = v.seq)
$$;

comment on function ledger_private.verify_redactions is
  'Findings in redactions: each of an entry that is blank, with its event, and each such event with its redaction.';

grant execute on function ledger_private.verify_redactions to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_redactions.sql

--! Included functions/ledger_private/verify/verify_references.sql
create or replace function ledger_private.verify_references(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  select 'unique_reference', coalesce(c.wallet_id, u.wallet_id), coalesce(c.seq, u.seq), c.transfer_id,
    jsonb_build_object('kept', u.seq is not null, 'booked', c.seq is not null)
  from (
    select e.wallet_id, e.seq, e.transfer_id, e.metadata, w.asset_code
    from ledger.entries e
    left join ledger.wallets w on w.id = e.wallet_id
    where e.wallet_id between first_id and last_id and e.kind = 'top_up' and e.held_bonus_amount is not null
  ) c
  full join (
    select n.* from ledger.unique_references n where n.wallet_id between first_id and last_id
  ) u on u.wallet_id = c.wallet_id and u.seq = c.seq
  left join ledger.redactions r on r.wallet_id = c.wallet_id and r.seq = c.seq
  where (u.asset_code = c.asset_code and u.reference_hash = coalesce(r.reference_hash, (
      select sha256(convert_to(f.value, 'UTF8')) from jsonb_each_text(c.metadata) f
      where sha256(convert_to(f.value, 'UTF8')) = u.reference_hash limit 1))) is not true
$$;

comment on function ledger_private.verify_references is
$$Findings in the payments that are kept: each is that of a top-up which is marked by it (held_bonus_amount 0), of this
asset, with such a value in its metadata or in what was blanked there; and each such top-up has one.$$;

grant execute on function ledger_private.verify_references to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_references.sql

--! Included functions/ledger_private/verify/verify_totals.sql
create or replace function ledger_private.verify_totals()
returns setof ledger.finding
language sql
stable
as $$
  with heads as (
    select h.wallet_id, h.block_seq, h.seq, lag(h.seq, 1, 0::bigint)
      over (partition by h.wallet_id order by h.block_seq) as before
    from ledger.block_heads h
  ), closed as (
    select w.asset_code, e.kind, a.debit, a.credit, h.block_seq,
      ledger_private.quarter(e.created_at, p.final_until) as quarter,
      count(*) as movements, sum(e.amount) as amount, sum(e.bonus_amount) as bonus_amount,
      max(greatest(e.created_at, p.final_until)) as counted_until
    from heads h
    left join ledger.blocks p on p.seq = h.block_seq - 1
    join ledger_private.movements() e on e.wallet_id = h.wallet_id and e.seq > h.before and e.seq <= h.seq
      and e.amount > 0
    join ledger.wallets w on w.id = h.wallet_id
    cross join lateral ledger_private.accounts_here(e) a
    group by 1, 2, 3, 4, 5, 6
  ), expected as (
    select c.*, sum(c.movements) over earlier as total_movements, sum(c.amount) over earlier as total_amount,
      sum(c.bonus_amount) over earlier as total_bonus_amount
    from closed c
    window earlier as (partition by c.asset_code, c.kind, c.debit, c.credit order by c.block_seq, c.quarter)
  )
  select 'house_total', null::uuid, null::bigint, null::uuid, jsonb_build_object('found', to_jsonb(t),
    'expected', to_jsonb(x))
  from ledger.house_totals t
  full join expected x on x.asset_code = t.asset_code and x.kind = t.kind and x.debit = t.debit and x.credit = t.credit
    and x.block_seq = t.block_seq and x.quarter = t.quarter
  where (t.movements, t.amount, t.bonus_amount, t.total_movements, t.total_amount, t.total_bonus_amount)
    is distinct from (x.movements, x.amount, x.bonus_amount, x.total_movements, x.total_amount, x.total_bonus_amount)
  union all
  -- Reports look by it for the blocks that an instant lies in. Of blocks that release 0.1.0 closed, it is the end of
  -- the quarter of an hour.
  select 'house_total', null, null, null, jsonb_build_object('block', b.seq, 'counted_until', b.counted_until,
    'expected', b.expected)
  from (
    select n.seq, n.counted_until, max(greatest(c.counted_until, '-infinity')) over (order by n.seq) as expected
    from ledger.blocks n
    left join (select c.block_seq, max(c.counted_until) as counted_until from closed c group by c.block_seq) c
      on c.block_seq = n.seq
  ) b
  where b.counted_until not in (b.expected,
    ledger_private.quarter(b.expected, null) + interval '15 minutes' - interval '1 microsecond')
  union all
  -- What players have by their newest entries is what the movements gave them.
  select 'asset_sum', null, null, null, jsonb_build_object('asset_code', s.asset_code, 'players', s.balance,
    'movements', s.moved, 'players_bonus', s.bonus_balance, 'movements_bonus', s.moved_bonus)
  from (
    select w.asset_code, sum(h.balance) as balance, sum(h.bonus_balance) as bonus_balance, sum(m.amount) as moved,
      sum(m.bonus_amount) as moved_bonus
    from ledger.wallets w
    cross join lateral ledger_private.head(w.id) h
    cross join lateral (
      select sum(e.amount * c.change) as amount, sum(e.bonus_amount * c.change) as bonus_amount
      from ledger_private.movements() e
      cross join lateral ledger_private.accounts_here(e) a
      cross join lateral (select (a.credit = 'player')::int - (a.debit = 'player')::int) c (change)
      where e.wallet_id = w.id
    ) m
    group by w.asset_code
  ) s
  where s.balance <> coalesce(s.moved, 0) or s.bonus_balance <> coalesce(s.moved_bonus, 0)
$$;

comment on function ledger_private.verify_totals is
$$A finding for each row of house_totals that is not the sum of what its block closed, for each block whose
counted_until is neither the newest of what was closed until then nor the end of that quarter of an hour, and for each
asset of which players have more or less than all movements gave them.$$;

grant execute on function ledger_private.verify_totals to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_totals.sql

--! Included functions/ledger_private/verify/verify_lots.sql
create or replace function ledger_private.verify_lots(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with lots as (
    select l.* from ledger.bonus_lots l where l.wallet_id between first_id and last_id
  ), draws as (
    select d.*, lag(d.balance) over lot as balance_before, lag(d.held_balance) over lot as held_before
    from ledger.bonus_lot_draws d
    where d.wallet_id between first_id and last_id
    window lot as (partition by d.wallet_id, d.lot_seq, d.expires_at order by d.seq)
  ), expected as (
    -- A lot for each expiring bonus, also in an opening, and at the receiver for each expiry among the lots that a
    -- transfer or a merge drew from.
    select e.wallet_id, e.seq, e.expires_at,
      case e.kind when 'bonus' then e.amount else e.bonus_amount end::numeric as amount
    from ledger.entries e
    where e.wallet_id between first_id and last_id and e.kind in ('bonus', 'opening') and e.expires_at is not null
    union all
    select e.wallet_id, e.seq, d.expires_at, sum(d.amount)
    from ledger.entries e
    join ledger.entries a on a.transfer_id = e.transfer_id and a.actor is not null
    join ledger.bonus_lot_draws d on d.wallet_id = a.wallet_id and d.seq = a.seq
    where e.wallet_id between first_id and last_id and e.kind in ('transfer', 'merge') and e.actor is null
      and e.bonus_amount > 0
    group by e.wallet_id, e.seq, d.expires_at
    union all
    -- What a reversal gives back where the wallet of the original was merged: verify_reversals() proves it.
    select l.wallet_id, l.seq, l.expires_at, l.amount
    from lots l
    join ledger.entries e on e.wallet_id = l.wallet_id and e.seq = l.seq and e.kind = 'reversal'
  ), state as (
    select l.wallet_id, l.seq, l.expires_at, s.balance, s.balance - s.held_balance as free
    from lots l
    cross join lateral ledger_private.lot_at(l, 9223372036854775807) s
  )
  select 'lot_reference', coalesce(l.wallet_id, x.wallet_id), coalesce(l.seq, x.seq), null::uuid,
    jsonb_build_object('expires_at', coalesce(l.expires_at, x.expires_at), 'amount', l.amount, 'expected', x.amount)
  from lots l
  full join expected x on x.wallet_id = l.wallet_id and x.seq = l.seq and x.expires_at = l.expires_at
  where l.amount is distinct from x.amount
    -- From which lots a sender gave, another database may know.
    and not (x.seq is null and exists (select from ledger.entries e
      where e.wallet_id = l.wallet_id and e.seq = l.seq and e.kind in ('transfer', 'merge')
        and l.amount <= e.bonus_amount and ledger_private.is_from_elsewhere(e)))
  union all
  select 'lot_balance', d.wallet_id, d.seq, null, to_jsonb(d)
  from draws d
  left join lots l on l.wallet_id = d.wallet_id and l.seq = d.lot_seq and l.expires_at = d.expires_at
  where l.seq is null or d.seq <= l.seq
    or d.balance is distinct from coalesce(d.balance_before, l.amount)::numeric - d.amount
    or d.held_balance is distinct from coalesce(d.held_before, 0)::numeric + d.held_amount
    or d.balance > l.amount or d.held_balance not between 0 and d.balance
  union all
  select 'work_list', coalesce(o.wallet_id, s.wallet_id), coalesce(o.lot_seq, s.seq), null, to_jsonb(o)
  from (
    select o.* from ledger_private.open_lots o where o.wallet_id between first_id and last_id
  ) o
  full join (select s.* from state s where s.balance > 0) s
    on s.wallet_id = o.wallet_id and s.expires_at = o.expires_at and s.seq = o.lot_seq
  where o.lot_seq is null or s.seq is null or o.due_at is distinct from case when s.free > 0 then s.expires_at end
$$;

comment on function ledger_private.verify_lots is
  'Findings in lots: each made by its entry, what was drawn adding up, and the list of open ones true.';

grant execute on function ledger_private.verify_lots to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_lots.sql

--! Included functions/ledger_private/verify/verify_draws.sql
create or replace function ledger_private.verify_draws(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with drawn as (
    select d.wallet_id, d.seq, sum(d.amount) as amount, min(d.amount) as least_amount, max(d.amount) as most_amount,
      sum(d.held_amount) as held_amount, min(d.held_amount) as least_held, max(d.held_amount) as most_held,
      min(d.expires_at) as first_expiry, max(d.expires_at) as last_expiry, array_agg(distinct d.hold_id) as holds
    from ledger.bonus_lot_draws d
    where d.wallet_id between first_id and last_id
    group by d.wallet_id, d.seq
  ), expiries as (
    select e.* from ledger.entries e
    where e.kind = 'expiry' and e.wallet_id between first_id and last_id
  )
  select 'lot_draws', d.wallet_id, d.seq, e.transfer_id, to_jsonb(d)
  from drawn d
  left join ledger.entries e on e.wallet_id = d.wallet_id and e.seq = d.seq
  where case
    -- What the end of a hold frees and takes, verify_holds() proves.
    when e.kind in ('capture', 'release') then false
    when e.kind = 'hold' then d.least_amount < 0 or d.most_amount > 0 or d.least_held <= 0
      or d.held_amount > e.held_bonus_amount
      or d.holds is distinct from array[e.transfer_id] or d.first_expiry <= e.created_at
    when d.least_held <> 0 or d.most_held <> 0 or d.holds is distinct from array[null::uuid] then true
    -- What goes back, and to which lots, verify_reversals() proves.
    when e.kind = 'reversal' then false
    when e.actor is null or d.least_amount <= 0 then true
    when e.kind in ('spend', 'transfer', 'merge') or e.kind in ('exchange', 'adjustment') and e.debit = 'player'
      then d.amount > e.bonus_amount or d.first_expiry <= e.created_at
    when e.kind = 'expiry' then d.amount <> e.amount or d.last_expiry > e.created_at
    else true end
  union all
  select 'lot_draws', x.wallet_id, x.seq, x.transfer_id, null
  from expiries x
  where not exists (select from drawn d where d.wallet_id = x.wallet_id and d.seq = x.seq)
$$;

comment on function ledger_private.verify_draws is
  'Findings in what entries drew from lots: as much as their kind demands, not expired (an expiry: that had).';

grant execute on function ledger_private.verify_draws to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_draws.sql

--! Included functions/ledger_private/verify/reversals.sql
create or replace function ledger_private.reversals(first_id uuid, last_id uuid)
returns table (
  r ledger.entries, wallet_id uuid, seq bigint, id uuid, o ledger.entries, original_seq bigint, between_players boolean,
  reversed numeric, reversed_bonus numeric, elsewhere boolean
)
language sql
stable
as $$
  with chosen as (
    select e as r, e.wallet_id, e.transfer_id as id, e.seq
    from ledger.entries e
    where e.kind in ('reversal', 'debt') and e.actor is not null and e.wallet_id between first_id and last_id
    union all
    -- That of a transfer to a single wallet is found through its own entries.
    select a, a.wallet_id, a.transfer_id, a.seq
    from ledger.entries e
    join ledger.entries a on a.transfer_id = e.transfer_id and a.actor is not null
    where first_id = last_id and e.wallet_id = first_id and e.kind = 'reversal' and e.actor is null
  )
  select c.r, c.wallet_id, c.seq, c.id, o, case when o.wallet_id = c.wallet_id then o.seq else s.seq end,
    o.kind = 'transfer', sum((c.r).amount) over earlier + coalesce(b.amount, 0),
    sum((c.r).bonus_amount) over earlier + coalesce(b.bonus_amount, 0),
    (o.transfer_id is null or o.wallet_id <> c.wallet_id and s.place is null)
      and ledger_private.may_be_elsewhere(c.r)
  from chosen c
  left join ledger.entries o on o.transfer_id = (c.r).reverses and o.actor is not null
  -- Where it was merged into this one, and what had been taken back in the wallets before.
  left join lateral (
    select n.place, n.seq from ledger_private.successors(o.wallet_id) n
    where o.wallet_id <> c.wallet_id and n.wallet_id = c.wallet_id offset 0
  ) s on true
  left join lateral (
    select sum(e.amount) as amount, sum(e.bonus_amount) as bonus_amount
    from ledger_private.successors(o.wallet_id) n
    join ledger.entries e on e.wallet_id = n.wallet_id and e.reverses = (c.r).reverses
    where o.wallet_id <> c.wallet_id and n.place < s.place offset 0
  ) b on true
  window earlier as (partition by c.wallet_id, (c.r).reverses order by c.seq)
$$;

comment on function ledger_private.reversals is
$$The reversals and debts of the wallets from one id to another (of a single wallet, all that touch it), r, each with
its original, o; the number of the entry before which it cannot be: the original's, or the one by which the original's
wallet was merged into this one; how much of the original had been taken back with it; and whether another database may
have the original, or a wallet on the way.$$;

grant execute on function ledger_private.reversals to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/reversals.sql

--! Included functions/ledger_private/verify/verify_reversals.sql
create or replace function ledger_private.verify_reversals(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with judged as (
    select v.*,
      -- Paid credits go back first; what of it is bonus credits follows from what was reversed before.
      (v.r).bonus_amount - (greatest(v.reversed - p.paid, 0) - greatest(v.reversed - (v.r).amount - p.paid, 0))
        as too_much_bonus,
      v.reversed - v.reversed_bonus < p.paid as paid_left
    from ledger_private.reversals(first_id, last_id) v
    cross join lateral (select (v.o).amount::numeric - (v.o).bonus_amount as paid) p
  )
  select 'transfer_reversed', (v.o).wallet_id, null::bigint, (v.o).transfer_id, jsonb_build_object('exceeded', x.parts)
  from (select distinct on ((j.o).transfer_id) j.o from judged j where (j.o).transfer_id is not null) v
  cross join lateral (
    select jsonb_agg(to_jsonb(p) order by p.source, p.expires_at, p.lot_seq) from ledger_private.reversible_parts(v.o) p
      where p.amount < 0
  ) x (parts)
  where x.parts is not null
  union all
  select 'transfer_reversed', j.wallet_id, j.seq, j.id,
    jsonb_build_object('original', to_jsonb(j.o) - 'metadata' - 'idem_key' - 'hash', 'reversed', j.reversed)
  from judged j
  where not j.elsewhere and case
    when (j.o).transfer_id is null or j.original_seq is null or j.original_seq >= j.seq
      or (j.o).kind not in ('top_up', 'bonus', 'spend', 'capture', 'transfer', 'exchange') then true
    when (j.r).kind = 'reversal' and (j.r).requested_amount is null and j.reversed <> (j.o).amount then true
    when (j.o).kind = 'exchange' and ((j.r).amount <> (j.o).amount or (j.o).wallet_id <> j.wallet_id) then true
    when not j.between_players then j.too_much_bonus <> 0
    -- A receiver gives what it still has of them: bonus credits only once no paid one is free.
    when (j.r).bonus_amount > 0 and j.paid_left then exists (
      select from ledger.entries e
      where e.wallet_id = (j.r).to_wallet and e.seq = (j.r).to_seq
        and e.balance - e.bonus_balance > case when e.held_balance = 0 then 0 else e.held_balance - (
          select coalesce(sum(h.bonus_amount), 0)
          from ledger.holds h
          where h.wallet_id = e.wallet_id and h.seq < e.seq and not exists (
            select from ledger.entries c
            where c.wallet_id = h.wallet_id and c.hold_id = h.id and c.kind <> 'hold' and c.seq < e.seq)) end)
    else false end
  union all
  select 'lot_draws', j.wallet_id, j.seq, j.id,
    jsonb_build_object('wallet_id', d.wallet_id, 'lot_seq', d.lot_seq, 'expires_at', d.expires_at, 'amount', d.amount,
      'expected', d.expected)
  from judged j
  cross join lateral ledger_private.reversal_draws(j.r, j.o, (j.reversed_bonus - (j.r).bonus_amount)::bigint) d
  where d.amount is distinct from d.expected and not j.elsewhere
  union all
  select 'lot_draws', j.wallet_id, j.seq, j.id, jsonb_build_object('drawn', d.amount,
    'bonus_amount', (j.r).bonus_amount)
  from judged j
  cross join lateral (
    select sum(d.amount) from ledger.bonus_lot_draws d where d.wallet_id = (j.r).to_wallet
      and d.seq = (j.r).to_seq) d (amount)
  where j.between_players and d.amount > (j.r).bonus_amount
$$;

comment on function ledger_private.verify_reversals is
$$Findings in reversals (of a single wallet, all that touch it): the original earlier, of the wallet or one that was
merged into it, and of a kind that can be reversed, no more reversed than it moved, of no source,
paid credits first, and lots as the original's were.$$;

grant execute on function ledger_private.verify_reversals to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_reversals.sql

--! Included functions/ledger_private/verify/lot_steps.sql
create or replace function ledger_private.lot_steps(first_id uuid, last_id uuid)
returns table (
  wallet_id uuid, seq bigint, transfer_id uuid, ranks int[], expiries timestamptz[], free bigint[], in_lots numeric,
  free_bonus numeric, emptied int, due_by timestamptz
)
language sql
stable
as $$
  with lots as (
    select l.*, row_number() over (partition by l.wallet_id order by l.expires_at, l.seq)::int as rank
    from ledger.bonus_lots l
    where l.wallet_id between first_id and last_id
  ), changes as (
    select l.wallet_id, l.seq, l.rank, l.expires_at, l.amount as free, -l.amount::numeric as drawn from lots l
    union all
    select d.wallet_id, d.seq, l.rank, l.expires_at, d.balance - d.held_balance, d.amount::numeric + d.held_amount
    from ledger.bonus_lot_draws d
    join lots l on l.wallet_id = d.wallet_id and l.seq = d.lot_seq and l.expires_at = d.expires_at
    where d.wallet_id between first_id and last_id
  ), by_entry as (
    select c.wallet_id, c.seq, array_agg(c.rank) as ranks, array_agg(c.expires_at) as expiries,
      array_agg(c.free) as free, max(c.rank) as last, sum(c.drawn) as drawn
    from changes c
    group by c.wallet_id, c.seq
  ), reserved as (
    select n.wallet_id, n.seq, n.kind = 'release' and n.idem_key is null as settling,
      case n.kind when 'hold' then n.held_bonus_amount else -h.bonus_amount end as change
    from ledger.entries n
    left join ledger.holds h on h.wallet_id = n.wallet_id and h.id = n.hold_id
    where n.kind in ('hold', 'capture', 'release') and n.wallet_id between first_id and last_id
  ), walked as (
    select e.wallet_id, e.seq, e.transfer_id, e.kind, ledger.entries_side(e) as side, e.created_at, c.ranks, c.expiries,
      c.free, c.last, c.drawn,
      case e.kind when 'hold' then h.change else e.bonus_amount end as bonus_amount,
      e.kind = 'expiry' or coalesce(h.settling, false) as settling,
      e.bonus_balance - coalesce(sum(h.change) over wallet, 0) as free_bonus, -sum(c.drawn) over wallet as in_lots
    from ledger.entries e
    left join reserved h on h.wallet_id = e.wallet_id and h.seq = e.seq
    left join by_entry c on c.wallet_id = e.wallet_id and c.seq = e.seq
    where e.wallet_id in (select l.wallet_id from lots l)
    window wallet as (partition by e.wallet_id order by e.seq)
  )
  select w.wallet_id, w.seq, w.transfer_id, w.ranks, w.expiries, w.free, w.in_lots, w.free_bonus,
    -- The rank up to which it emptied all; null where it took nothing that may be in lots.
    case when w.kind in ('spend', 'hold', 'transfer', 'exchange', 'adjustment', 'merge') and w.side = 'debit'
      and w.bonus_amount > 0 then
      case when w.drawn = w.bonus_amount then w.last else 2147483647 end end as emptied,
    -- What was due by then, the wallet's next entries had to book.
    case
      when lead(w.seq) over wallet is null or w.kind = 'expiry' then w.created_at
      when not lead(w.settling) over wallet then lead(w.created_at) over wallet end as due_by
  from walked w
  window wallet as (partition by w.wallet_id order by w.seq)
  order by w.wallet_id, w.seq
$$;

comment on function ledger_private.lot_steps is
$$The entries of the wallets from one id to another that have lots, in order, with what each did to them: the ranks (the
earliest expiry first), the expiries and the free credits of the lots that it changed; how much was in lots after it,
and of the bonus credits not reserved; the rank up to which it emptied all; and when it, or the wallet's next entry, had
to have booked what was due.$$;

grant execute on function ledger_private.lot_steps to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/lot_steps.sql

--! Included functions/ledger_private/verify/verify_kept.sql
create or replace function ledger_private.verify_kept(kept jsonb)
returns setof ledger.finding
language plpgsql
stable
as $$
declare
  v_is_list boolean;
begin
  -- Two statements: a plan may look into the list before it has asked whether it is one.
  v_is_list := kept is null or jsonb_typeof(kept) = 'array';
  if v_is_list then
    v_is_list := not exists (select from jsonb_array_elements(kept) k where jsonb_typeof(k) <> 'object');
  end if;
  if not v_is_list then
    perform ledger_private.refuse(ledger_private.invalid_argument('kept',
      'Give a list of seals as npm run seal wrote them.'));
  end if;
  return query
    select 'seal_missing', null::uuid, null::bigint, null::uuid,
        jsonb_build_object('seal', k.seq, 'kept', k.hash, 'found', s.hash)
      from jsonb_populate_recordset(null::ledger.blocks, kept) k
      left join ledger.blocks s on s.seq = k.seq
      -- Without what follows from the entries: releases add to that, and no hash covers it.
      where to_jsonb(s) - 'counted_until' is distinct from to_jsonb(k) - 'counted_until';
end
$$;

comment on function ledger_private.verify_kept is
  'A finding for each seal that was kept elsewhere and is not in the ledger as it was. WLARG: no list of seals.';

grant execute on function ledger_private.verify_kept to wallet_auditor;
--! EndIncluded functions/ledger_private/verify/verify_kept.sql

--! Included functions/ledger/request.sql
create or replace function ledger.request(
  kind ledger.transfer_kind,
  wallet_id uuid,
  counterparty_id uuid default null,
  amount bigint default null,
  idem_key text default null,
  expires_at timestamptz default null,
  metadata jsonb default null,
  hold_id uuid default null,
  transfer_id uuid default null,
  bonus_amount bigint default null,
  side ledger.entry_side default null,
  reason text default null,
  to_amount bigint default null,
  owe boolean default null
)
returns ledger.wallet_request
language sql
immutable
return row(kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata,
  hold_id, transfer_id, bonus_amount, side, reason, to_amount, owe)::ledger.wallet_request;

comment on function ledger.request is
$$@behavior -*
An item of wallet_post_batch or wallet_post_each by the names of its fields: those that its kind has no use for are left
out. A call that is written so stays as it is where a later release adds a field. It checks nothing.$$;

grant execute on function ledger.request to wallet_service, wallet_operator, wallet_job;
--! EndIncluded functions/ledger/request.sql

--! Included functions/ledger/asset_create.sql
create or replace function ledger.asset_create(
  code text,
  name text,
  scale int default 0,
  unique_reference text default null,
  collect_debts boolean default null
)
returns ledger.assets
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_asset ledger.assets;
  v_rules ledger.asset_limits;
  v_new boolean;
  v_argument text := case
    when code is null or code !~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$' then 'code'
    when name is null or char_length(name) not between 1 and 200 then 'name'
    when scale is null or scale not between 0 and 18 then 'scale'
    when char_length(unique_reference) not between 1 and 200 then 'unique_reference'
  end;
begin
  if v_argument is not null then
    perform ledger_private.refuse(ledger_private.invalid_argument(v_argument,
      'code: 1 to 64 letters, digits, dots, dashes or underscores; name: 1 to 200 characters; scale: 0 to 18; '
        'unique_reference: 1 to 200 characters.'));
  end if;

  v_asset.code := code;
  v_asset.name := name;
  v_asset.scale := scale;
  v_asset.actor := ledger_private.actor();
  v_asset.created_at := clock_timestamp();
  v_asset.hash := ledger_private.record_hash(null, ledger_private.asset_bytes(v_asset));
  perform set_config('ledger.posting', 'on', true);
  insert into ledger.assets select v_asset.*
    on conflict on constraint assets_pkey do nothing;
  v_new := found;
  select a.* into strict v_asset from ledger.assets a where a.code = asset_create.code;
  if (v_asset.name, v_asset.scale) is distinct from (asset_create.name, asset_create.scale) then
    perform ledger_private.refuse(ledger_private.invalid_argument(
      case when v_asset.name <> name then 'name' else 'scale' end,
      'The asset exists with other facts: repeat its own name and scale, or choose another code.',
      jsonb_build_object('code', code, 'name', v_asset.name, 'scale', v_asset.scale)));
  end if;
  perform set_config('ledger.posting', '', true);
  if v_new and (unique_reference is not null or collect_debts) then
    perform ledger_private.change_limits(code, jsonb_build_object('unique_reference', unique_reference,
      'collect_debts', collect_debts));
  end if;
  select l.* into v_rules from ledger.asset_limits l where l.asset_code = v_asset.code order by l.seq desc limit 1;
  v_argument := case
    when unique_reference <> coalesce(v_rules.unique_reference, '') then 'unique_reference'
    when collect_debts <> coalesce(v_rules.collect_debts, false) then 'collect_debts'
  end;
  if v_argument is not null then
    perform ledger_private.refuse(ledger_private.invalid_argument(v_argument,
      'The asset exists with another rule, or none: leave it out, and change it with asset_set.',
      jsonb_build_object('code', code, 'unique_reference', v_rules.unique_reference,
        'collect_debts', coalesce(v_rules.collect_debts, false))));
  end if;
  return v_asset;
end
$$;

comment on function ledger.asset_create is
$$@resultFieldName asset
Creates an asset. Repeating the call with the same facts changes nothing.

- code: 1 to 64 letters, digits, dots, dashes or underscores.
- name: for people, 1 to 200 characters.
- scale: digits after the point when amounts are shown to people, 0 to 18.
- uniqueReference: the field of a top-up's metadata that names the payment, for assets in which each payment is booked
  once: see assetSet. None if left out.
- collectDebts: whether later top-ups pay what a wallet owes: see assetSet. They do not if left out.

Refuses with INVALID_ARGUMENT (WLARG), also where the code exists with another name or scale, or, where they are sent,
with another uniqueReference or collectDebts.$$;

grant execute on function ledger.asset_create to wallet_operator;
--! EndIncluded functions/ledger/asset_create.sql

--! Included functions/ledger/asset_set.sql
create or replace function ledger.asset_set(
  asset_code text,
  unique_reference text default null,
  collect_debts boolean default null
)
returns ledger.asset_limits
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_newest ledger.asset_limits;
  v_changes jsonb := case when unique_reference is null then '{}'
      else jsonb_build_object('unique_reference', nullif(unique_reference, '')) end
    || case when collect_debts is null then '{}' else jsonb_build_object('collect_debts', collect_debts) end;
begin
  if asset_code is null then
    perform ledger_private.refuse(ledger_private.invalid_argument('asset_code', 'Name the asset, such as GOLD.'));
  elsif char_length(unique_reference) > 200 then
    perform ledger_private.refuse(ledger_private.invalid_argument('unique_reference',
      'Name the field of the metadata, in 1 to 200 characters; an empty text for none; null leaves it as it is.'));
  elsif v_changes <> '{}' then
    return ledger_private.change_limits(asset_code, v_changes);
  end if;
  perform ledger_private.refuse(ledger_private.asset_not_found(asset_code))
    where not exists (select from ledger.assets a where a.code = asset_set.asset_code);
  select l.* into v_newest from ledger.asset_limits l where l.asset_code = asset_set.asset_code
    order by l.seq desc limit 1;
  return v_newest;
end
$$;

comment on function ledger.asset_set is
$$@resultFieldName limits
Sets rules of an asset; what is left out stays as it is. Each setting is a row of its limits, with who set it and when.

- assetCode: the asset, such as GOLD.
- uniqueReference: the field of a top-up's metadata that names the payment, such as payment; an empty text for none.
  From then on each value of it is booked once, in all wallets of the asset: the same payment for another wallet, or
  with another key, is IDEMPOTENCY_KEY_REUSED (WLKEY), and the detail names the wallet and the transfer that have it.
  The value is a number or a text of 1 to 200 characters, otherwise INVALID_ARGUMENT (WLARG); a top-up without the
  field, and other kinds, are booked as always. A top-up that was taken back keeps its payment.
- collectDebts: whether each later top-up of a wallet that owes something pays that first, in the same commit. The
  top-up is booked whole, and behind it a collection of what is owed, at most what came. Its receipt is the top-up's,
  with available and owed as they are after both.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA).$$;

grant execute on function ledger.asset_set to wallet_operator;
--! EndIncluded functions/ledger/asset_set.sql

--! Included functions/ledger/wallet_open.sql
create or replace function ledger.wallet_open(owner_id text, asset_code text)
returns ledger.wallets
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_wallet ledger.wallets;
begin
  select w.* into strict v_wallet from ledger_private.open_wallets(array[owner_id], asset_code, false) w;
  return v_wallet;
end
$$;

comment on function ledger.wallet_open is
$$@resultFieldName wallet
Opens an owner's wallet of an asset, or returns it as it is where it has been opened before.

- ownerId: the player's account number, opaque and unchanging; never an e-mail address. 1 to 200 characters, no white
  space at either end, otherwise taken as it is.
- assetCode: the asset, such as GOLD.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA), WRONG_NODE (WLNOD) where
another database has the wallet, WALLET_CLOSED (WLCLS).$$;

grant execute on function ledger.wallet_open to wallet_service, wallet_operator, wallet_job;
--! EndIncluded functions/ledger/wallet_open.sql

--! Included functions/ledger/wallet_open_many.sql
create or replace function ledger.wallet_open_many(owner_ids text[], asset_code text)
returns setof ledger.wallets
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if owner_ids is null or cardinality(owner_ids) > 10000 or array_ndims(owner_ids) > 1 then
    perform ledger_private.refuse(ledger_private.invalid_argument('owner_ids',
      'Send a list of at most 10000 owner ids.', jsonb_build_object('length', cardinality(owner_ids), 'max', 10000)));
  end if;
  return query select w.* from ledger_private.open_wallets(owner_ids, asset_code, true) w;
end
$$;

comment on function ledger.wallet_open_many is
$$@resultFieldName wallets
Opens the wallets of many owners of one asset, all or none, and returns one for each owner id, in order. A wallet that
has been opened before is returned as it is.

- ownerIds: at most 10000 account numbers, as wallet_open takes them. An owner may come twice.
- assetCode: the asset, such as GOLD.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA), WRONG_NODE (WLNOD) where
another database has a wallet, WALLET_CLOSED (WLCLS). The detail names the owner by its index, counted from 0.$$;

grant execute on function ledger.wallet_open_many to wallet_service, wallet_operator, wallet_job;
--! EndIncluded functions/ledger/wallet_open_many.sql

--! Included functions/ledger/wallet_top_up.sql
create or replace function ledger.wallet_top_up(
  wallet_id uuid, amount bigint, idem_key text, metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.post_own(kind => 'top_up', debit => 'treasury', credit => 'player', sign => 1, bought => amount,
    wallet_id => wallet_id, amount => amount, idem_key => idem_key, metadata => coalesce(metadata, '{}'));
end
$$;

comment on function ledger.wallet_top_up is
$$@resultFieldName receipt
Books credits that were bought with real money: from the treasury to the wallet. Call it when the payment is certain.
Where the asset collects debts (see assetSet), they pay what the wallet owes first: the receipt's available and owed are
those after that.

- walletId: the player's wallet.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- metadata: a JSON object of at most 8192 bytes, such as the payment's reference; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_CLOSED (WLCLS), LIMIT_EXCEEDED (WLLIM).$$;

grant execute on function ledger.wallet_top_up to wallet_service, wallet_operator, wallet_job;
--! EndIncluded functions/ledger/wallet_top_up.sql

--! Included functions/ledger/wallet_reverse.sql
create or replace function ledger.wallet_reverse(
  wallet_id uuid,
  transfer_id uuid,
  idem_key text,
  amount bigint default null,
  metadata jsonb default '{}',
  owe boolean default false
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.reverse(ledger.request(kind => 'reversal', wallet_id => wallet_id, amount => amount,
    idem_key => idem_key, metadata => metadata, transfer_id => transfer_id, owe => owe));
end
$$;

comment on function ledger.wallet_reverse is
$$@resultFieldName receipt
Takes a movement back, whole or in part: a refund, a chargeback, a grant or a transfer in error. Books between the very
wallets of the original, sides swapped. A spend or capture gives paid credits back before bonus ones, these to the lots
they came from, with their own expiry (what has expired since is booked to breakage by the next entry, in the same
transaction; the receipt's available is without it), and never reopens a hold. A top-up takes paid credits that are not
reserved, a bonus what is left of its own lot, a transfer what it gave and the receiver still has: paid credits first,
then its lots. An exchange goes back as a whole, both movements of it, where all that arrived is still there.

- walletId: the wallet that the original acted for; of a transfer, the sender's. Where that was merged, its successor:
  it gives and gets then, and bonus credits that expire come back as lots of their own.
- transferId: the original: a top-up, bonus, spend, capture, transfer or either movement of an exchange.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- amount: minor units, 1 to what is left to reverse; all that is left if left out. Of an exchange, all or nothing.
- metadata: a JSON object of at most 8192 bytes, such as the reason; null means {}.
- owe: of a top-up, whether what is gone of it becomes a debt of the wallet (see wallet.owed) instead of a refusal. What
  is there is taken; the receipt's amount is that, which may be 0, and owed what the wallet owes now. It gives leave
  and is no part of the request: a repetition may come with or without it.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
TRANSFER_NOT_FOUND (WLNOT), IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_CLOSED (WLCLS) for either wallet, NOT_REVERSIBLE
(WLREV), also for owe where it is no top-up, and for an exchange of a merged wallet or its transfer to its successor,
LIMIT_EXCEEDED (WLLIM) only where the balance, or what is owed, would pass what the ledger counts to, INSUFFICIENT_FUNDS
(WLFND) where the credits are gone, with the amount that is missing.$$;

grant execute on function ledger.wallet_reverse to wallet_operator;
--! EndIncluded functions/ledger/wallet_reverse.sql

--! Included functions/ledger/wallet_merge.sql
create or replace function ledger.wallet_merge(from_wallet uuid, to_wallet uuid, idem_key text, reason text)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.merge(ledger.request(kind => 'merge', wallet_id => from_wallet, counterparty_id => to_wallet,
    idem_key => idem_key, metadata => '{}', reason => reason));
end
$$;

comment on function ledger.wallet_merge is
$$@resultFieldName receipt
Moves everything from one wallet to another of the same asset, usually of another owner, and closes the emptied one,
which points to its successor (mergedInto) and is never opened again. Paid credits stay paid ones, bonus credits keep
their expiry; what is due is booked first; what the wallet owes, its successor owes. Totals of what was ever bought,
granted, spent and sent stay where they are, and no limit of the asset is asked or counted. The receipt is that of
fromWallet: its amount is the whole balance, which may be 0.

Afterwards the old keys of fromWallet still answer with their receipts. A new call for it is refused with WALLET_CLOSED
(WLCLS), whose detail names the successor as merged_into. wallet_reverse of the successor takes back what fromWallet
had booked. A merge is not reversed.

- fromWallet: the wallet that is emptied and closed. A frozen one has to be reopened first.
- toWallet: its successor, which may be frozen.
- idemKey: 1 to 200 characters, no white space at either end, unique within fromWallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- reason: why, 1 to 1000 characters; the owner of fromWallet may read it.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), SAME_WALLET (WLSLF), WALLET_NOT_FOUND (WLNOW), ASSET_MISMATCH
(WLAST), IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_FROZEN (WLFRZ) or WALLET_CLOSED (WLCLS), INVALID_ARGUMENT (WLARG) where
fromWallet has open holds, with their ids, LIMIT_EXCEEDED (WLLIM) only where the balance, or what is owed, would
pass what the ledger counts to.$$;

grant execute on function ledger.wallet_merge to wallet_operator;
--! EndIncluded functions/ledger/wallet_merge.sql

--! Included functions/ledger/wallet_exchange.sql
create or replace function ledger.wallet_exchange(
  from_wallet uuid,
  to_wallet uuid,
  amount bigint,
  to_amount bigint,
  idem_key text,
  metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.exchange(ledger.request(kind => 'exchange', wallet_id => from_wallet,
    counterparty_id => to_wallet, amount => amount, to_amount => to_amount, idem_key => idem_key,
    metadata => metadata));
end
$$;

comment on function ledger.wallet_exchange is
$$@resultFieldName receipt
Exchanges an owner's credits of one asset for credits of another, in one commit: a movement in each asset, whose other
side is the house's account exchange. Each names the entry of the other one (linkedEntry); both amounts are the rate.
Bonus credits leave first, the earliest expiry first; of what arrives the same part is bonus credits, rounded up,
without an expiry. The receipt is that of fromWallet. Both movements are reversed together, as a whole, by either one.

- fromWallet: the wallet that credits leave.
- toWallet: the wallet that credits arrive in: of the same owner, and of another asset.
- amount: what leaves, in minor units of its asset, 1 to 1000000000000000.
- toAmount: what arrives, in minor units of the other asset, 1 to 1000000000000000: with amount, the rate.
- idemKey: 1 to 200 characters, no white space at either end, unique within fromWallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- metadata: a JSON object of at most 8192 bytes, such as the offer; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), SAME_WALLET (WLSLF), WALLET_NOT_FOUND
(WLNOW), INVALID_ARGUMENT (WLARG) for wallets of two owners or of one asset, IDEMPOTENCY_KEY_REUSED (WLKEY),
WALLET_FROZEN (WLFRZ) or WALLET_CLOSED (WLCLS), LIMIT_EXCEEDED (WLLIM), INSUFFICIENT_FUNDS (WLFND).$$;

grant execute on function ledger.wallet_exchange to wallet_service, wallet_operator, wallet_job;
--! EndIncluded functions/ledger/wallet_exchange.sql

--! Included functions/ledger/wallet_adjust.sql
create or replace function ledger.wallet_adjust(
  wallet_id uuid,
  side ledger.entry_side,
  amount bigint,
  idem_key text,
  reason text,
  metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.post(ledger.request(kind => 'adjustment', wallet_id => wallet_id, amount => amount,
    idem_key => idem_key, metadata => metadata, side => side, reason => reason));
end
$$;

comment on function ledger.wallet_adjust is
$$@resultFieldName receipt
Corrects a balance, with a reason: an operator gives credits to the wallet, or takes them out of it. The other side is
the house's account adjustments. Credits that it gives count as paid ones, but as no purchase, and no limit of the asset
is asked or counted. What it takes leaves in the order of a spend: bonus credits first, the earliest expiry first, and
none that are reserved. It books in a frozen wallet too, and is not reversed: book the other side.

- walletId: the player's wallet.
- side: credit to give credits to the wallet, debit to take them out of it.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- reason: why, 1 to 1000 characters. It is stored with the metadata, which the wallet's owner may read.
- metadata: a JSON object of at most 8192 bytes without a field reason, such as the ticket; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_CLOSED (WLCLS), LIMIT_EXCEEDED (WLLIM) only where the balance would pass what the
ledger counts to, INSUFFICIENT_FUNDS (WLFND).$$;

grant execute on function ledger.wallet_adjust to wallet_operator;
--! EndIncluded functions/ledger/wallet_adjust.sql

--! Included functions/ledger/wallet_opening.sql
create or replace function ledger.wallet_opening(
  wallet_id uuid,
  amount bigint,
  idem_key text,
  bonus_amount bigint default 0,
  expires_at timestamptz default null,
  metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.post(ledger.request(kind => 'opening', wallet_id => wallet_id, amount => amount,
    idem_key => idem_key, expires_at => expires_at, metadata => metadata, bonus_amount => coalesce(bonus_amount, 0)));
end
$$;

comment on function ledger.wallet_opening is
$$@resultFieldName receipt
Books the balance that a player brings from another system: from the house's account opening to the wallet, once per
wallet, at any time. It is no purchase and no grant, and no limit of the asset is asked or counted. It is not reversed:
correct it by an adjustment.

- walletId: the player's wallet.
- amount: all credits, with the bonus credits among them, in minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- bonusAmount: the part of the amount that is bonus credits, 0 to the amount; none if left out.
- expiresAt: the instant from which these bonus credits cannot be spent any more and go to breakage, after now; never if
  left out. Only where there are bonus credits.
- metadata: a JSON object of at most 8192 bytes, such as the account and the date in the other system; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), INVALID_ARGUMENT (WLARG) for an expiry that has passed and for a wallet that has had its
opening, WALLET_CLOSED (WLCLS), LIMIT_EXCEEDED (WLLIM) only where the balance would pass what the ledger counts to.$$;

grant execute on function ledger.wallet_opening to wallet_operator;
--! EndIncluded functions/ledger/wallet_opening.sql

--! Included functions/ledger/wallet_collect.sql
create or replace function ledger.wallet_collect(
  wallet_id uuid,
  amount bigint,
  idem_key text,
  metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.post(ledger.request(kind => 'collection', wallet_id => wallet_id, amount => amount,
    idem_key => idem_key, metadata => metadata));
end
$$;

comment on function ledger.wallet_collect is
$$@resultFieldName receipt
Takes credits out of a wallet to pay what it owes. The other side is the house's account receivables. It takes paid
credits only, and none that are reserved, also of a frozen wallet. It is not reversed: adjust what was wrong.

- walletId: the player's wallet.
- amount: minor units, 1 to what the wallet owes.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- metadata: a JSON object of at most 8192 bytes, such as the ticket; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_CLOSED (WLCLS), LIMIT_EXCEEDED (WLLIM) where it is more than the wallet owes,
INSUFFICIENT_FUNDS (WLFND).$$;

grant execute on function ledger.wallet_collect to wallet_operator;
--! EndIncluded functions/ledger/wallet_collect.sql

--! Included functions/ledger/wallet_forgive.sql
create or replace function ledger.wallet_forgive(
  wallet_id uuid,
  amount bigint,
  idem_key text,
  reason text,
  metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.post(ledger.request(kind => 'forgiveness', wallet_id => wallet_id, amount => amount,
    idem_key => idem_key, metadata => metadata, reason => reason));
end
$$;

comment on function ledger.wallet_forgive is
$$@resultFieldName receipt
Gives up what a wallet owes, whole or in part, with a reason. It changes no balance of the wallet: the amount goes from
the house's account receivables to its losses. It is not reversed.

- walletId: the player's wallet.
- amount: minor units, 1 to what the wallet owes.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- reason: why, 1 to 1000 characters; the wallet's owner may read it.
- metadata: a JSON object of at most 8192 bytes, such as the ticket; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_CLOSED (WLCLS), LIMIT_EXCEEDED (WLLIM) where it is more than the wallet owes.$$;

grant execute on function ledger.wallet_forgive to wallet_operator;
--! EndIncluded functions/ledger/wallet_forgive.sql

--! Included functions/ledger/wallet_post_batch.sql
create or replace function ledger.wallet_post_batch(requests ledger.wallet_request[])
returns setof ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
-- Lists of all lengths have one plan, by look-ups.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_absent uuid[];
begin
  perform ledger_private.check_group(requests);
  select g.absent into v_absent from ledger_private.lock_group(requests, true) g;
  return query select (o.receipt).* from ledger_private.post_group(requests, true, v_absent) o;
end
$$;

comment on function ledger.wallet_post_batch is
$$@resultFieldName receipts
Books many movements at once, all or nothing: each upon the balances that those before it leave, by the rules of
single calls. Returns a receipt for each request, in their order. Its wallets are locked until it commits; nobody else
waits for it.

- requests: at most 10000, for any wallets and assets: top-ups, bonuses, spends, transfers, holds, captures, releases,
  reversals, openings, exchanges and adjustments. Each has its own idempotency key: those that have been booked before
  are recognised one by one, and answered with the receipt of then.

Refuses with INVALID_ARGUMENT (WLARG) another kind, or too many items; with FORBIDDEN (42501) a kind whose own function
the caller may not execute; and as the single call of the first item that fails would, with its index, counted from 0,
in the detail.$$;
grant execute on function ledger.wallet_post_batch to wallet_service, wallet_operator, wallet_job;
--! EndIncluded functions/ledger/wallet_post_batch.sql

--! Included functions/ledger/wallet_post_each.sql
create or replace function ledger.wallet_post_each(requests ledger.wallet_request[], wait boolean default true)
returns setof ledger.outcome
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
-- Lists of all lengths have one plan, by look-ups.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_skipped boolean[];
  v_absent uuid[];
begin
  perform ledger_private.check_group(requests);
  perform ledger_private.refuse(ledger_private.invalid_argument('wait', 'Send true or false.')) where wait is null;
  select g.skipped, g.absent into v_skipped, v_absent from ledger_private.lock_group(requests, wait) g;
  perform set_config('ledger.waiting', case when wait then '' else 'off' end, true);
  if v_skipped is null then
    return query select o.* from ledger_private.post_group(requests, false, v_absent) o;
  else
    return query select o.* from ledger_private.post_others(requests, v_skipped, v_absent) o;
  end if;
  perform set_config('ledger.waiting', '', true);
end
$$;

comment on function ledger.wallet_post_each is
$$@resultFieldName outcomes
Books many movements in one call, each for itself: one that is refused changes nothing and does not touch the others.
Returns for each request, in their order, its receipt or its refusal, which are those of its single call; within a
wallet each books upon the balances that those before it leave. Of two with the same key in one wallet the later one
is answered with the receipt of the earlier one, or with IDEMPOTENCY_KEY_REUSED (WLKEY).

- requests: at most 10000, for any wallets and assets: top-ups, bonuses, spends, transfers, holds, captures, releases,
  reversals, openings, exchanges and adjustments. Each has its own idempotency key: those that have been booked before
  are recognised one by one, and answered with the receipt of then.
- wait: whether to wait for wallets that other calls have locked, and for payments that they are booking (assetSet). If
  not, requests for these, and later ones
  of the same wallets as such a request, are not tried: their refusal is RETRY (55P03), and they are sent again as
  they are.

All wallets are locked at once, until it commits. Anything that is no refusal undoes the whole call.

Refuses as a whole with INVALID_ARGUMENT (WLARG) too many items; with FORBIDDEN (42501) a kind whose own function the
caller may not execute; and with RETRY (40001), above READ COMMITTED, a wallet that was skipped.$$;
grant execute on function ledger.wallet_post_each to wallet_service, wallet_operator, wallet_job;
--! EndIncluded functions/ledger/wallet_post_each.sql

--! Included functions/ledger/wallet_freeze.sql
create or replace function ledger.wallet_freeze(wallet_id uuid, reason text)
returns ledger.wallets
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.change_status(wallet_id, 'frozen', reason);
end
$$;

comment on function ledger.wallet_freeze is
$$@resultFieldName wallet
Freezes a wallet: no spend, transfer, exchange, hold or capture leaves it; top-ups, bonuses, what other wallets send,
openings, adjustments, reversals, releases and expiry still book. A wallet that is frozen stays as it is.

- walletId: the player's wallet.
- reason: why, for the wallet's events, 1 to 1000 characters.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW), WALLET_CLOSED (WLCLS).$$;

grant execute on function ledger.wallet_freeze to wallet_operator;
--! EndIncluded functions/ledger/wallet_freeze.sql

--! Included functions/ledger/wallet_reopen.sql
create or replace function ledger.wallet_reopen(wallet_id uuid, reason text)
returns ledger.wallets
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.change_status(wallet_id, 'open', reason);
end
$$;

comment on function ledger.wallet_reopen is
$$@resultFieldName wallet
Opens a frozen or closed wallet again. A wallet that is open stays as it is.

- walletId: the player's wallet.
- reason: why, for the wallet's events, 1 to 1000 characters.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW), WALLET_CLOSED (WLCLS) for a wallet that
was merged into another one, whose id the detail has (merged_into).$$;

grant execute on function ledger.wallet_reopen to wallet_operator;
--! EndIncluded functions/ledger/wallet_reopen.sql

--! Included functions/ledger/asset_limit_set.sql
create or replace function ledger.asset_limit_set(
  asset_code text,
  max_spend bigint default null,
  max_balance bigint default null,
  max_daily_top_up bigint default null,
  max_daily_bonus bigint default null,
  max_daily_spend bigint default null,
  max_transfer bigint default null,
  max_daily_transfer bigint default null
)
returns ledger.asset_limits
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform ledger_private.refuse(ledger_private.invalid_argument('asset_code', 'Name the asset, such as GOLD.'))
    where asset_code is null;
  perform ledger_private.refuse(ledger_private.invalid_limit(array[max_spend, max_balance, max_daily_top_up,
    max_daily_bonus, max_daily_spend, max_transfer, max_daily_transfer]));
  return ledger_private.change_limits(asset_code, jsonb_build_object('max_spend', max_spend,
    'max_balance', max_balance, 'max_daily_top_up', max_daily_top_up, 'max_daily_bonus', max_daily_bonus,
    'max_daily_spend', max_daily_spend, 'max_transfer', max_transfer, 'max_daily_transfer', max_daily_transfer));
end
$$;

comment on function ledger.asset_limit_set is
$$@resultFieldName limits
Sets all limits of an asset at once, for each wallet of it; null means none. A wallet's own limits go before them: see
walletLimitSet. Movements booked already are not judged
again; reversals never are, and do not give a day's total back. Setting the limits that are in force changes nothing.

- assetCode: the asset, such as GOLD.
- maxSpend: the largest single spend or capture, in minor units.
- maxBalance: the largest balance that a top-up, bonus or transfer may lead to.
- maxDailyTopUp: the largest total of top-ups within 24 hours, at any moment.
- maxDailyBonus: the largest total of bonuses within 24 hours.
- maxDailySpend: the largest total of spends and captures within 24 hours.
- maxTransfer: the largest single transfer to another player.
- maxDailyTransfer: the largest total of transfers to other players within 24 hours.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA).$$;

grant execute on function ledger.asset_limit_set to wallet_operator;
--! EndIncluded functions/ledger/asset_limit_set.sql

--! Included functions/ledger/wallet_limit_set.sql
create or replace function ledger.wallet_limit_set(
  wallet_id uuid,
  max_spend bigint default null,
  max_balance bigint default null,
  max_daily_top_up bigint default null,
  max_daily_bonus bigint default null,
  max_daily_spend bigint default null,
  max_transfer bigint default null,
  max_daily_transfer bigint default null
)
returns ledger.wallet_limits
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_newest ledger.wallet_limits;
  v_limits ledger.wallet_limits;
  v_own boolean := num_nonnulls(max_spend, max_balance, max_daily_top_up, max_daily_bonus, max_daily_spend,
    max_transfer, max_daily_transfer) > 0;
begin
  perform ledger_private.refuse(ledger_private.invalid_argument('wallet_id', 'Name the wallet by its id.'))
    where wallet_id is null;
  perform ledger_private.refuse(ledger_private.invalid_limit(array[max_spend, max_balance, max_daily_top_up,
    max_daily_bonus, max_daily_spend, max_transfer, max_daily_transfer]));
  -- Of two calls one waits for the other. Above READ COMMITTED it ends with 40001: each changes the wallet's row.
  perform from ledger.wallets w where w.id = wallet_limit_set.wallet_id for no key update;
  if not found then
    perform ledger_private.refuse(ledger_private.wallet_not_found(wallet_id));
  end if;

  select l.* into v_newest from ledger.wallet_limits l where l.wallet_id = wallet_limit_set.wallet_id
    order by l.seq desc limit 1;
  v_limits := row(wallet_id, v_newest.seq, max_spend, max_balance, max_daily_top_up, max_daily_bonus, max_daily_spend,
    max_transfer, max_daily_transfer);
  if v_newest.seq is not null and v_newest is not distinct from v_limits then
    return v_newest;
  end if;
  select max(e.seq) + 1 into v_limits.seq from ledger.wallet_events e where e.wallet_id = wallet_limit_set.wallet_id;
  perform set_config('ledger.posting', 'on', true);
  perform ledger_private.record_events(array[wallet_id], 'limited', null,
    sha256(ledger_private.wallet_limit_bytes(v_limits)));
  insert into ledger.wallet_limits values (v_limits.*);
  update ledger.wallets w set own_limits = case when v_own then v_limits.seq end
    where w.id = wallet_limit_set.wallet_id;
  perform set_config('ledger.posting', '', true);
  return v_limits;
end
$$;

comment on function ledger.wallet_limit_set is
$$@resultFieldName limits
Sets all limits of a single wallet at once: each stands in place of the same limit of its asset, lower or higher; null
means that the asset's counts. To lift one of the asset's limits for a wallet, set it to 9000000000000000000. Movements
booked already are not judged again; reversals never are, and do not give a day's total back. Setting the limits that
are in force changes nothing. A wallet's events say who set them and when.

- walletId: the player's wallet.
- maxSpend: the largest single spend or capture, in minor units.
- maxBalance: the largest balance that a top-up, bonus or transfer may lead to.
- maxDailyTopUp: the largest total of top-ups within 24 hours, at any moment.
- maxDailyBonus: the largest total of bonuses within 24 hours.
- maxDailySpend: the largest total of spends and captures within 24 hours.
- maxTransfer: the largest single transfer to another player.
- maxDailyTransfer: the largest total of transfers to other players within 24 hours.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW).$$;

grant execute on function ledger.wallet_limit_set to wallet_operator;
--! EndIncluded functions/ledger/wallet_limit_set.sql

--! Included functions/ledger/transfer_redact.sql
create or replace function ledger.transfer_redact(transfer_id uuid, reason text)
returns ledger.redactions
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_entry ledger.entries;
  v_redaction ledger.redactions;
begin
  if transfer_id is null then
    perform ledger_private.refuse(ledger_private.invalid_argument('transfer_id', 'Name the transfer by its id.'));
  end if;
  if reason is null or char_length(reason) not between 1 and 1000 then
    perform ledger_private.refuse(ledger_private.invalid_argument('reason', 'Say why, in 1 to 1000 characters.'));
  end if;
  select e.* into v_entry from ledger.entries e
    where e.transfer_id = transfer_redact.transfer_id and e.actor is not null;
  perform ledger_private.refuse(ledger_private.not_found(ledger.request(kind => 'reversal',
    wallet_id => v_entry.wallet_id, transfer_id => transfer_redact.transfer_id)));
  perform from ledger.wallets w where w.id = v_entry.wallet_id for no key update;
  select r.* into v_redaction from ledger.redactions r where r.wallet_id = v_entry.wallet_id and r.seq = v_entry.seq;
  if found then
    return v_redaction;
  end if;
  if v_entry.metadata = '{}' then
    perform ledger_private.refuse(ledger_private.invalid_argument('transfer_id',
      'It has no metadata that could be blanked.', jsonb_build_object('transfer_id', transfer_id)));
  end if;

  v_redaction := row(v_entry.wallet_id, v_entry.seq, transfer_id, ledger_private.metadata_hash(v_entry.metadata),
    (select max(e.seq) + 1 from ledger.wallet_events e where e.wallet_id = v_entry.wallet_id),
    (select u.reference_hash from ledger.unique_references u
      where u.wallet_id = v_entry.wallet_id and u.seq = v_entry.seq));
  perform set_config('ledger.posting', 'on', true);
  perform ledger_private.record_events(array[v_entry.wallet_id], 'redacted', reason,
    sha256(ledger_private.redaction_bytes(v_redaction)));
  insert into ledger.redactions values (v_redaction.*);
  -- A transaction whose snapshot is older than this event ends with 40001 when it locks the wallet.
  update ledger.wallets w set status = w.status where w.id = v_entry.wallet_id;
  perform set_config('ledger.posting', '', true);
  perform set_config('ledger.redacting', 'on', true);
  update ledger.entries e set metadata = '{}' where e.wallet_id = v_entry.wallet_id and e.seq = v_entry.seq;
  perform set_config('ledger.redacting', '', true);
  return v_redaction;
end
$$;

comment on function ledger.transfer_redact is
$$@behavior -*
Blanks the metadata of a movement, where a law demands it: from then on they are {} at every door. Their hash stays, so
that the ledger is proved as before and a late retry of the call is still recognised; the wallet's events say who
blanked them, when and why. For administrators: no role of the ledger may call it. What has been blanked stays as it is.

- transfer_id: the movement.
- reason: why, for the wallet's events, 1 to 1000 characters; not what was blanked.

Refuses, in this order, with WLARG, WLNOT for a transfer that is not there, WLARG for one without metadata.$$;
--! EndIncluded functions/ledger/transfer_redact.sql

--! Included functions/ledger/wallet_explain.sql
create or replace function ledger.wallet_explain(wallet_id uuid)
returns setof ledger.balance_part
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_head ledger.entries;
begin
  if not exists (select from ledger.wallets w where w.id = wallet_explain.wallet_id) then
    perform ledger_private.refuse(ledger_private.wallet_not_found(wallet_id));
  end if;
  select e.* into v_head from ledger.entries e where e.wallet_id = wallet_explain.wallet_id order by e.seq desc limit 1;

  return query
    -- One look-up for each that is open: joined, all holds, lots and entries that the wallet ever had are read.
    with held as (
      -- What is due is not booked yet, but reserves nothing any more.
      select h.* from ledger_private.open_holds o
        cross join lateral (select n.* from ledger.holds n where n.wallet_id = o.wallet_id
          and n.id = o.hold_id limit 1) h
        where o.wallet_id = wallet_explain.wallet_id and coalesce(h.expires_at, 'infinity') > statement_timestamp()
    ), pinned as (
      select h.id as hold_id, d.lot_seq, d.expires_at, d.held_amount as amount
        from held h join ledger.bonus_lot_draws d on d.wallet_id = h.wallet_id and d.seq = h.seq
    ), lots as (
      select l.seq, l.expires_at, s.balance - coalesce((
            select sum(p.amount) from pinned p where p.lot_seq = l.seq and p.expires_at = l.expires_at), 0) as free
        from ledger_private.open_lots o
        cross join lateral (
          select n.*, n as lot from ledger.bonus_lots n where n.wallet_id = o.wallet_id and n.seq = o.lot_seq
            and n.expires_at = o.expires_at limit 1
        ) l
        cross join lateral ledger_private.lot_at(l.lot, v_head.seq) s
        where o.wallet_id = wallet_explain.wallet_id
    ), parts (source, amount, hold_id, expires_at, seq) as (
      select 'paid'::ledger.credit_source,
          v_head.balance - v_head.bonus_balance - coalesce((select sum(h.amount - h.bonus_amount) from held h),
            0), null::uuid,
          null::timestamptz, null::bigint
      union all
      select 'bonus', v_head.bonus_balance - coalesce((select sum(h.bonus_amount) from held h), 0)
          - coalesce((select sum(l.free) from lots l), 0), null, null, null
      union all
      select 'expiring_bonus', l.free, null, l.expires_at, l.seq from lots l
      union all
      select 'paid', h.amount - h.bonus_amount, h.id, null, null from held h
      union all
      select 'bonus', h.bonus_amount - coalesce((select sum(p.amount) from pinned p where p.hold_id = h.id), 0), h.id,
        null, null from held h
      union all
      select 'expiring_bonus', p.amount, p.hold_id, p.expires_at, p.lot_seq from pinned p
      union all
      select 'debt', v_head.owed, null, null, null
    )
    select p.source, p.amount::bigint,
        case when p.hold_id is null and p.source <> 'debt'
          and (p.expires_at is null or p.expires_at > statement_timestamp()) then p.amount else 0 end::bigint,
        p.expires_at, (
          select e.transfer_id from ledger.entries e where e.wallet_id = wallet_explain.wallet_id and e.seq = p.seq
        ), p.hold_id
      from parts p
      where p.amount > 0
      order by p.source = 'debt', p.hold_id nulls first, p.expires_at, p.seq, p.source desc;
end
$$;

comment on function ledger.wallet_explain is
$$@behavior -queryField:resource:connection +queryField:resource:list
@listSuffix omit
Why a wallet's balance is what it is: the paid credits, the bonus credits without expiry, each open lot of expiring
ones, and what each open hold reserves of them. The amounts add up to the balance, those without a hold and not expired
to what is available. What the wallet owes is a line of its own (debt), which belongs to neither sum. A hold that has
expired is not among them: its credits are listed as free, or as expired, before that is booked.

- walletId: a player's wallet that the caller may see.

Refuses with WALLET_NOT_FOUND (WLNOW).$$;

grant execute on function ledger.wallet_explain
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/wallet_explain.sql

--! Included functions/ledger/wallets_owed.sql
create or replace function ledger.wallets_owed(wallet ledger.wallets)
returns bigint
language sql
stable
return coalesce((
  select e.owed
  from ledger.entries e
  where e.wallet_id = wallet.id
  order by e.seq desc
  limit 1
), 0);

comment on function ledger.wallets_owed is
$$@notNull
What the wallet owes, in minor units: bought credits that a chargeback could not take because they were gone. It is no
part of the balance, which is never negative.$$;

grant execute on function ledger.wallets_owed
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/wallets_owed.sql

--! Included functions/ledger/transfers_reversible.sql
create or replace function ledger.transfers_reversible(transfer ledger.transfers)
returns bigint
language sql
stable
set search_path = pg_catalog, pg_temp
return (
  select case when (ledger_private.not_reversible(e, l.amount, l.amount)).code is null then l.amount else 0 end
  from ledger.entries e
  cross join lateral (
    select (e.amount - coalesce(sum(r.amount), 0))::bigint as amount
    from ledger.entries r
    -- Of an exchange both lines name it.
    where r.reverses = e.transfer_id and (r.wallet_id = e.wallet_id or e.kind <> 'exchange')
  ) l
  where e.transfer_id = transfer.id and e.actor is not null);

comment on function ledger.transfers_reversible is
$$@notNull
What is left to reverse of it, in minor units: the amount less what its reversals took back and what became a debt; 0 of
a kind that is not reversed. wallet_reverse without an amount takes all of this or refuses: whether the credits are
still there, it tells.$$;

grant execute on function ledger.transfers_reversible
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/transfers_reversible.sql

--! Included functions/ledger/wallets_limits.sql
create or replace function ledger.wallets_limits(wallet ledger.wallets)
returns ledger.wallet_limits
language sql
stable
begin atomic
  select l from ledger.wallet_limits l where l.wallet_id = wallet.id order by l.seq desc limit 1;
end;

comment on function ledger.wallets_limits is
$$The wallet's own limits in force, which go before those of its asset; null where none were ever set, and for
players.$$;

grant execute on function ledger.wallets_limits
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/wallets_limits.sql

--! Included functions/ledger_private/lists/page_asked.sql
create or replace function ledger_private.page_asked(first int, last int, after text, before text)
returns ledger_private.page_asked
language plpgsql
stable
as $$
declare
  v_argument text := case
    when first not between 0 and 1000 then 'first'
    when last not between 0 and 1000 then 'last'
    when first is not null and last is not null then 'last'
  end;
begin
  if v_argument is not null then
    perform ledger_private.refuse(ledger_private.invalid_argument(v_argument,
      'Ask for 0 to 1000 rows, either the first or the last.', '{"max": 1000}'));
  end if;
  -- What comes before a cursor ends there.
  return row(coalesce(first, last, 100),
    last is not null or first is null and before is not null and after is null)::ledger_private.page_asked;
end
$$;

comment on function ledger_private.page_asked is
  'How many rows of a list are asked for, and whether from its end; WLARG where that is not 0 to 1000, or both ends.';

grant execute on function ledger_private.page_asked
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/lists/page_asked.sql

--! Included functions/ledger_private/lists/page_of.sql
create or replace function ledger_private.page_of(
  keys jsonb,
  asked ledger_private.page_asked,
  searched_to text default null
)
returns ledger.page
language plpgsql
immutable
as $$
declare
  v_more boolean := jsonb_array_length(keys) > asked.size;
  -- Where the search ended counts only if it ended before the page was full.
  v_place text := case when not v_more then searched_to end;
  v_page ledger.page;
begin
  v_more := v_more or v_place is not null;
  select coalesce(jsonb_agg(k.key order by case when asked.backwards then -k.n else k.n end), '[]') into v_page.keys
    from jsonb_array_elements(page_of.keys) with ordinality k (key, n)
    where k.n <= asked.size;
  v_page.start_cursor := coalesce(case when asked.backwards then v_place end, v_page.keys -> 0 ->> 'cursor');
  v_page.end_cursor := coalesce(case when not asked.backwards then v_place end, v_page.keys -> -1 ->> 'cursor');
  v_page.has_next_page := v_more and not asked.backwards;
  v_page.has_previous_page := v_more and asked.backwards;
  return v_page;
end
$$;

comment on function ledger_private.page_of is
$$A page, of the keys in the order in which they were found, one more than was asked for where there are more.
searched_to is the place up to which was looked, where that was not the end of the list.$$;

grant execute on function ledger_private.page_of
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/lists/page_of.sql

--! Included functions/ledger_private/lists/cursor_id.sql
create or replace function ledger_private.cursor_id(argument text, place text)
returns uuid
language plpgsql
immutable
as $$
begin
  if place !~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then
    perform ledger_private.refuse(ledger_private.invalid_argument(argument,
      'Give a cursor of this list as it came.', '{"reason": "malformed"}'));
  end if;
  return place::uuid;
end
$$;

comment on function ledger_private.cursor_id is 'The id that a cursor is; WLARG where it is none.';

grant execute on function ledger_private.cursor_id
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/lists/cursor_id.sql

--! Included functions/ledger_private/lists/id_keys.sql
create or replace function ledger_private.id_keys(ids uuid[])
returns jsonb
language sql
immutable
return (
  select coalesce(jsonb_agg(jsonb_build_object('id', i.id, 'cursor', i.id) order by i.n), '[]')
  from unnest(ids) with ordinality i (id, n));

comment on function ledger_private.id_keys is
  'The keys of rows that their id identifies, of which it is the cursor too.';

grant execute on function ledger_private.id_keys
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/lists/id_keys.sql

--! Included functions/ledger_private/lists/cursor_wallet.sql
create or replace function ledger_private.cursor_wallet(argument text, place text)
returns ledger.wallets
language plpgsql
stable
as $$
declare
  v_wallet ledger.wallets;
begin
  if place is not null then
    select w.* into v_wallet from ledger.wallets w where w.id = ledger_private.cursor_id(argument, place);
    if not found then
      perform ledger_private.refuse(ledger_private.invalid_argument(argument,
        'Give a cursor of this list as it came.', '{"reason": "cursor_unknown"}'));
    end if;
  end if;
  return v_wallet;
end
$$;

comment on function ledger_private.cursor_wallet is
  'The wallet that a cursor names; nulls without one, WLARG where the caller sees none.';

grant execute on function ledger_private.cursor_wallet
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/lists/cursor_wallet.sql

--! Included functions/ledger_private/lists/prefix_end.sql
create or replace function ledger_private.prefix_end(prefix text)
returns text
language sql
immutable
return (
  -- The next code point in place of the last one that has a next. (There are none from D800 to DFFF.)
  select left(p.prefix, -1) || chr(case ascii(right(p.prefix, 1)) when 55295 then 57344
    else ascii(right(p.prefix, 1)) + 1 end)
  from (values (rtrim(prefix_end.prefix, chr(1114111)))) p (prefix)
  where p.prefix <> '');

comment on function ledger_private.prefix_end is
$$The text before which, in the order of code points, all texts come that begin so, or before it; null where there is
none.$$;

grant execute on function ledger_private.prefix_end
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/lists/prefix_end.sql

--! Included functions/ledger_private/lists/walk_wallets.sql
create or replace function ledger_private.walk_wallets(
  owner_prefix text,
  asset_code text,
  status ledger.wallet_status,
  above ledger.wallets,
  below ledger.wallets,
  backwards boolean,
  wanted int,
  out ids uuid[],
  out searched_to uuid
)
language plpgsql
stable
as $$
declare
  -- How many wallets one page looks at.
  v_most constant int := 2000;
  -- The one index that begins with what is looked for. Its first column is given as a range of one value: as an
  -- equality, it would be none of the order, which another index might then promise too.
  v_led text := case when status <> 'open' then 'w.status' when asset_code is not null then 'w.asset_code' end;
  v_value text := case when status <> 'open' then status::text else asset_code end;
  v_owner text := coalesce(owner_prefix, '');
  v_end text := ledger_private.prefix_end(owner_prefix);
  v_id uuid := '00000000-0000-0000-0000-000000000000';
  v_walk text;
begin
  if above.owner_id collate "C" >= v_owner then
    v_owner := above.owner_id;
    v_id := above.id;
  end if;
  v_walk := format('select w.* from %s w where %s order by %s limit $1',
    -- A player's are few, found by their owner and nothing else.
    case when current_user = 'wallet_player' then '(select * from ledger.wallets offset 0)' else 'ledger.wallets' end,
    concat_ws(' and ',
      case when v_led = 'w.status' then 'w.status <> ''open''' end,
      format(case when v_led is null then '(w.owner_id collate "C", w.id) > (%2$L, %3$L)'
        else '(%4$s, w.owner_id collate "C", w.id) > (%1$L, %2$L, %3$L)' end, v_value, v_owner, v_id, v_led),
      case when v_led is not null then format('%s <= %L', v_led, v_value) end,
      case when v_end is not null then
        format(case when v_led is null then 'w.owner_id collate "C" < %2$L'
          else '(%3$s, w.owner_id collate "C") < (%1$L, %2$L)' end, v_value, v_end, v_led) end,
      case when below.id is not null then
        format(case when v_led is null then '(w.owner_id collate "C", w.id) < (%2$L, %3$L)'
          else '(%4$s, w.owner_id collate "C", w.id) < (%1$L, %2$L, %3$L)' end,
          v_value, below.owner_id, below.id, v_led) end),
    concat_ws(', ', v_led || case when backwards then ' desc' else ' asc' end,
      case when backwards then 'w.owner_id collate "C" desc, w.id desc'
        else 'w.owner_id collate "C", w.id' end));
  execute format('select array(select w.id from (%s) w
      where ($2 is null or w.asset_code = $2) and ($3 is null or w.status = $3) limit $4)', v_walk)
    into ids using v_most, asset_code, status, wanted;
  if cardinality(ids) < wanted then
    execute format('select w.id from (%s) w offset $1 - 1', v_walk) into searched_to using v_most;
  end if;
end
$$;

comment on function ledger_private.walk_wallets is
$$Up to so many wallets that are looked for, in the order of owners, or backwards against it, between two. Looks at a
bounded number of them: searched_to is the last one that it looked at, where there may be more.$$;

grant execute on function ledger_private.walk_wallets
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/lists/walk_wallets.sql

--! Included functions/ledger_private/lists/check_range.sql
create or replace function ledger_private.check_range(from_time timestamptz, to_time timestamptz)
returns void
language plpgsql
stable
as $$
begin
  -- Hours, because the days of a time zone differ. Up to now, it is a while that the pages of a list take.
  if from_time is null
    or coalesce(to_time, clock_timestamp() - interval '1 hour') > from_time + interval '744 hours' then
    perform ledger_private.refuse(ledger_private.invalid_argument('from',
      'No index leads to these rows: give from, and with to at most 31 days, and ask for one range after the other.',
      '{"max_days": 31}'));
  end if;
end
$$;

comment on function ledger_private.check_range is
  'WLARG where a search that no index answers is not of at most 31 days; without an end, up to now.';

grant execute on function ledger_private.check_range
  to wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/lists/check_range.sql

--! Included functions/ledger_private/lists/id_from.sql
create or replace function ledger_private.id_from(micros bigint)
returns uuid
language sql
immutable
return (
  -- Version 7: a millisecond in 48 bits, the version, and the 4096th part of it in 12 bits.
  select (lpad(to_hex(m.micros / 1000), 12, '0') || '7' || lpad(to_hex((m.micros % 1000 * 4096 + 999) / 1000), 3, '0')
    || repeat('0', 16))::uuid
  from (values (least(greatest(id_from.micros, 0), 281474976710655000))) m (micros));

comment on function ledger_private.id_from is
  'The least id that a movement may have been given in a microsecond, counted from 1970.';

grant execute on function ledger_private.id_from
  to wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/lists/id_from.sql

--! Included functions/ledger_private/lists/id_micros.sql
create or replace function ledger_private.id_micros(id uuid)
returns bigint
language sql
immutable
return (
  select ('x' || left(h.id, 12))::bit(48)::bigint * 1000 + ('x' || substr(h.id, 14, 3))::bit(12)::int * 1000 / 4096
  from (values (replace(id_micros.id::text, '-', ''))) h (id));

comment on function ledger_private.id_micros is
  'The microsecond in which a movement was given its id, counted from 1970. Of a greater id it is never less.';

grant execute on function ledger_private.id_micros
  to wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/lists/id_micros.sql

--! Included functions/ledger_private/lists/micros_at.sql
create or replace function ledger_private.micros_at(at_time timestamptz)
returns bigint
language plpgsql
stable
as $$
declare
  -- What got its id before v_low was booked before the time, what got it at v_high or later was booked at or after it.
  v_low bigint;
  v_high bigint;
  v_middle bigint;
  v_id uuid;
  v_time timestamptz;
  -- Most were given their ids when they were booked: two looks around the time leave few more.
  v_guess bigint := case when isfinite(at_time) then (extract(epoch from at_time) * 1000000)::bigint - 500000 end;
begin
  select ledger_private.id_micros(e.transfer_id) into v_low
    from ledger.entries e where e.actor is not null order by e.transfer_id limit 1;
  select ledger_private.id_micros(e.transfer_id) + 1 into v_high
    from ledger.entries e where e.actor is not null order by e.transfer_id desc limit 1;
  while v_high - v_low > 1000000 loop
    v_middle := case when v_guess > v_low and v_guess < v_high then v_guess else (v_low + v_high) / 2 end;
    select e.transfer_id, e.created_at into v_id, v_time
      from ledger.entries e where e.actor is not null and e.transfer_id >= ledger_private.id_from(v_middle)
      order by e.transfer_id limit 1;
    if v_time < at_time then
      v_low := ledger_private.id_micros(v_id) + 1;
    else
      v_high := v_middle;
    end if;
    -- The other side of the time, then none.
    v_guess := case when v_middle = v_guess and v_time < at_time then v_guess + 1000000 end;
  end loop;
  return v_low;
end
$$;

comment on function ledger_private.micros_at is
$$A microsecond, to the second, from which on movements were given their ids that were booked at a time or later; null
where nothing is booked. A binary search: ids and times have the same order, but for what was under way at once.$$;

grant execute on function ledger_private.micros_at
  to wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/lists/micros_at.sql

--! Included functions/ledger_private/lists/is_rare_key.sql
create or replace function ledger_private.is_rare_key(idem_key text)
returns boolean
language sql
stable
begin atomic
  select count(*) <= 2000
  from (select from ledger.entries e where e.idem_key = is_rare_key.idem_key limit 2001) k;
end;

comment on function ledger_private.is_rare_key is
  'Whether so few movements have an idempotency key, each in its wallet, that a page can look at all of them.';

grant execute on function ledger_private.is_rare_key
  to wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/lists/is_rare_key.sql

--! Included functions/ledger_private/lists/walk_transfers.sql
create or replace function ledger_private.walk_transfers(
  search ledger_private.transfer_search,
  above uuid,
  below uuid,
  backwards boolean,
  wanted int,
  condition text default 'true',
  out ids uuid[],
  out searched_to uuid
)
language plpgsql
stable
as $$
declare
  -- How many movements one page looks at.
  v_most constant int := 2000;
  -- By how much, in microseconds, the order of ids and that of times may differ.
  v_margin constant bigint := 10000000;
  v_by_key boolean := search.idem_key is not null and ledger_private.is_rare_key(search.idem_key);
  v_walk text;
begin
  if search.from_time is not null then
    above := greatest(above, ledger_private.id_from(ledger_private.micros_at(search.from_time) - v_margin));
  end if;
  if search.to_time is not null then
    below := least(below, ledger_private.id_from(ledger_private.micros_at(search.to_time) + v_margin));
  end if;
  above := coalesce(above, '00000000-0000-0000-0000-000000000000');
  below := coalesce(below, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
  -- Few movements have one key: they are all looked up.
  v_walk := format('select e.* from %s e where e.actor is not null and e.transfer_id > $2 and e.transfer_id < $3
      order by e.transfer_id %s limit $4',
    case when v_by_key then '(select k.* from ledger.entries k where k.idem_key = ($1).idem_key offset 0)'
      else 'ledger.entries' end,
    case when backwards then 'asc' else 'desc' end);
  execute format('select array(select w.transfer_id from (%s) w where %s limit $5)', v_walk, concat_ws(' and ',
      condition,
      case when search.from_time is not null then 'w.created_at >= ($1).from_time' end,
      case when search.to_time is not null then 'w.created_at < ($1).to_time' end,
      case when search.kinds is not null then 'w.kind = any (($1).kinds)' end,
      case when search.actor is not null then 'w.actor = ($1).actor' end,
      case when search.idem_key is not null then 'w.idem_key = ($1).idem_key' end,
      case when search.due_before is not null then 'w.expires_at < ($1).due_before' end,
      case when search.metadata is not null then 'w.metadata @> ($1).metadata' end,
      -- A sub-select, so that one wallet is looked up for each.
      case when search.asset_code is not null then
        '(select a.asset_code from ledger.wallets a where a.id = w.wallet_id) = ($1).asset_code' end))
    into ids using search, above, below, v_most, wanted;
  if cardinality(ids) < wanted then
    execute format('select w.transfer_id from (%s) w offset $4 - 1', v_walk)
      into searched_to using search, above, below, v_most;
  end if;
end
$$;

comment on function ledger_private.walk_transfers is
$$Up to so many movements that a search is for, the newest first or backwards the oldest, with ids between two. Looks at
a bounded number of them: searched_to is the last one that it looked at, where there may be more. condition is one more,
on the entry w.$$;

grant execute on function ledger_private.walk_transfers
  to wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/lists/walk_transfers.sql

--! Included functions/ledger_private/lists/hold_due.sql
create or replace function ledger_private.hold_due(argument text, hold_id uuid)
returns timestamptz
language plpgsql
stable
as $$
declare
  v_due timestamptz;
begin
  if hold_id is null then
    return null;
  end if;
  select coalesce(e.expires_at, 'infinity') into v_due
    from ledger.entries e where e.transfer_id = hold_due.hold_id and e.actor is not null and e.kind = 'hold';
  if not found then
    perform ledger_private.refuse(ledger_private.invalid_argument(argument,
      'Give a cursor of this list as it came.', '{"reason": "cursor_unknown"}'));
  end if;
  return v_due;
end
$$;

comment on function ledger_private.hold_due is
  'When the hold that a cursor names is due, infinity for never; null without one, WLARG where it names none.';

grant execute on function ledger_private.hold_due
  to wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/lists/hold_due.sql

--! Included functions/ledger_private/lists/open_hold_keys.sql
create or replace function ledger_private.open_hold_keys(
  due_before timestamptz,
  above uuid,
  below uuid,
  backwards boolean,
  wanted int
)
returns jsonb
language plpgsql
stable
as $$
declare
  -- A hold without expiry is due after all others.
  v_above timestamptz := ledger_private.hold_due('before', above);
  v_below timestamptz := ledger_private.hold_due('after', below);
  v_keys jsonb;
begin
  execute format('
    select coalesce(jsonb_agg(jsonb_build_object(
      ''wallet_id'', o.wallet_id, ''id'', o.hold_id, ''cursor'', o.hold_id)), ''[]'')
    from (
      select o.* from (
        (select * from ledger_private.open_holds o
          where $1 is null and o.expires_at is null and $3 = ''infinity''
            and o.hold_id > case when $2 = ''infinity'' then $4 else ledger_private.id_from(0) end and o.hold_id < $5
          order by o.expires_at %1$s, o.hold_id %1$s limit $6)
        union all
        (select * from ledger_private.open_holds o
          where o.expires_at > statement_timestamp() and o.expires_at < coalesce($1, ''infinity'')
            and (o.expires_at, o.hold_id) > ($2, $4) and (o.expires_at, o.hold_id) < ($3, $5)
          order by o.expires_at %1$s, o.hold_id %1$s limit $6)
      ) o
      order by coalesce(o.expires_at, ''infinity'') %1$s, o.hold_id %1$s
      limit $6
    ) o', case when backwards then 'asc' else 'desc' end)
    into v_keys
    using due_before, coalesce(v_above, '-infinity'), coalesce(v_below, 'infinity'),
      coalesce(above, ledger_private.id_from(0)), coalesce(below, 'ffffffff-ffff-ffff-ffff-ffffffffffff'), wanted;
  return v_keys;
end
$$;

comment on function ledger_private.open_hold_keys is
$$The keys of up to so many open holds, between two: those without expiry first, then the latest due, or backwards the
soonest due.$$;

grant execute on function ledger_private.open_hold_keys
  to wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/lists/open_hold_keys.sql

--! Included functions/ledger_private/lists/cursor_place.sql
create or replace function ledger_private.cursor_place(argument text, place text)
returns ledger_private.list_place
language plpgsql
immutable
as $$
declare
  v_parts text[] := regexp_match(place,
    '^(0|-?[1-9][0-9]{0,18})[.]([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})[.](0|[1-9][0-9]{0,17})$');
  v_micros numeric;
begin
  if place is null then
    return null;
  elsif v_parts is null then
    perform ledger_private.refuse(ledger_private.invalid_argument(argument,
      'Give a cursor of this list as it came.', '{"reason": "malformed"}'));
  end if;
  -- The first and the last instant there is at most: a cursor that was made up leads nowhere, but to no error either.
  v_micros := greatest(least(v_parts[1]::numeric, 9224318015999999999), -210866803200000000);
  -- In days and the rest of a day, for all of it is more than a bigint; without a zone, for in some a day is not 24
  -- hours.
  return row((timestamp 'epoch' + div(v_micros, 86400000000)::int * interval '1 day'
    + mod(v_micros, 86400000000)::bigint * interval '1 microsecond') at time zone 'UTC', v_parts[2]::uuid,
    v_parts[3]::bigint)::ledger_private.list_place;
end
$$;

comment on function ledger_private.cursor_place is
  'The place in an order of instants that a cursor is; nulls without one, WLARG where it is none.';

grant execute on function ledger_private.cursor_place
  to wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/lists/cursor_place.sql

--! Included functions/ledger_private/lists/place_cursor.sql
create or replace function ledger_private.place_cursor(at_time timestamptz, id uuid, seq bigint)
returns text
language sql
immutable
return trunc(extract(epoch from at_time) * 1000000) || '.' || id || '.' || seq;

comment on function ledger_private.place_cursor is 'The cursor of a place in an order of instants: see cursor_place.';

grant execute on function ledger_private.place_cursor
  to wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/lists/place_cursor.sql

--! Included functions/ledger_private/lists/id_of_place.sql
create or replace function ledger_private.id_of_place(place ledger_private.list_place)
returns uuid
language sql
immutable
return (
  -- A movement stands at the microsecond of its id; what else stands there comes before or after it by its own id.
  select greatest(ledger_private.id_from(m.micros), least(place.id, ledger_private.id_from(m.micros + 1)))
  from (values ((extract(epoch from place.at_time) * 1000000)::bigint)) m (micros)
  where place.at_time is not null);

comment on function ledger_private.id_of_place is
  'The id before which movements come that are before a place in an order of instants, and after which the others.';

grant execute on function ledger_private.id_of_place to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger_private/lists/id_of_place.sql

--! Included functions/ledger_private/lists/id_place.sql
create or replace function ledger_private.id_place(id uuid)
returns ledger_private.list_place
language sql
immutable
return row(timestamptz 'epoch' + ledger_private.id_micros(id) * interval '1 microsecond', id, 0)
  ::ledger_private.list_place;

comment on function ledger_private.id_place is 'The place of a movement in an order of instants: that of its id.';

grant execute on function ledger_private.id_place to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger_private/lists/id_place.sql

--! Included functions/ledger_private/lists/operator_kinds.sql
create or replace function ledger_private.operator_kinds()
returns ledger.transfer_kind[]
language sql
stable
return (
  select coalesce(array_agg(k.kind), '{}')
  from unnest(enum_range(null::ledger.transfer_kind)) k (kind)
  join pg_proc p on p.proname = ledger_private.function_of(k.kind) and p.pronamespace = 'ledger'::regnamespace
  where not has_function_privilege('wallet_service', p.oid, 'execute'));

comment on function ledger_private.operator_kinds is
  'The kinds of movements that operators may book and services may not, by the grants on their functions.';

grant execute on function ledger_private.operator_kinds to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger_private/lists/operator_kinds.sql

--! Included functions/ledger_private/lists/is_operators.sql
create or replace function ledger_private.is_operators(kind ledger.transfer_kind, actor text, idem_key text)
returns boolean
language sql
stable
return actor like 'operator:%' or kind = any (ledger_private.operator_kinds())
  -- Without a key a top-up collected it, whoever asked for that.
  and (kind <> 'collection' or idem_key is not null);

comment on function ledger_private.is_operators is
  'Whether a movement is what an operator did: of a kind that only operators may book, or booked by one.';

grant execute on function ledger_private.is_operators to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger_private/lists/is_operators.sql

--! Included functions/ledger_private/lists/action_places.sql
create or replace function ledger_private.action_places(
  search ledger_private.transfer_search,
  above ledger_private.list_place,
  below ledger_private.list_place,
  backwards boolean,
  wanted int
)
returns table (at_time timestamptz, id uuid, seq bigint)
language plpgsql
stable
as $$
begin
  -- Each part is read from its own index; assets and their limits are few.
  return query execute format('
    select p.* from (
      (select e.created_at, e.wallet_id, e.seq::bigint from ledger.wallet_events e
        where e.kind <> ''opened'' and e.created_at >= ($1).from_time and e.created_at < ($1).to_time
          and (e.created_at, e.wallet_id, e.seq) > ($2.at_time, $2.id, $2.seq)
          and (e.created_at, e.wallet_id, e.seq) < ($3.at_time, $3.id, $3.seq) %1$s
        order by e.created_at %2$s, e.wallet_id %2$s, e.seq %2$s limit $4)
      union all
      select e.created_at, ledger_private.asset_id(e.asset_code), e.seq from ledger.asset_limits e
        where e.created_at >= ($1).from_time and e.created_at < ($1).to_time %1$s
      union all
      select e.created_at, ledger_private.asset_id(e.code), 0 from ledger.assets e
        where e.created_at >= ($1).from_time and e.created_at < ($1).to_time %1$s
    ) p (at_time, id, seq)
    where (p.at_time, p.id, p.seq) > ($2.at_time, $2.id, $2.seq)
      and (p.at_time, p.id, p.seq) < ($3.at_time, $3.id, $3.seq)
    order by p.at_time %2$s, p.id %2$s, p.seq %2$s limit $4',
    case when search.actor is not null then 'and e.actor = ($1).actor' end,
    case when backwards then 'asc' else 'desc' end)
    using search, above, below, wanted;
end
$$;

comment on function ledger_private.action_places is
$$Up to so many of the places, between two, of what operators did beside movements: statuses of wallets, assets and
their limits. The newest first, or backwards the oldest.$$;

grant execute on function ledger_private.action_places to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger_private/lists/action_places.sql

--! Included schema/support.sql
-- What lists over all wallets show that is in no table by itself.
--! Included views/expiring_lots.sql
-- What is left of lots that expire, for the list over all wallets.
create or replace view ledger.expiring_lots with (security_invoker) as
  select o.wallet_id, o.lot_seq as seq, o.expires_at, s.balance - s.held_balance as amount,
    s.held_balance as held_amount, l.amount as granted_amount
  from ledger_private.open_lots o
  join ledger.bonus_lots l on l.wallet_id = o.wallet_id and l.seq = o.lot_seq and l.expires_at = o.expires_at
  cross join lateral ledger_private.lot_at(l, 9223372036854775807) s;

comment on view ledger.expiring_lots is $$@primaryKey wallet_id,seq,expires_at
@foreignKey (wallet_id) references wallets (id)|@fieldName wallet|@behavior -manyRelation:resource:connection -manyRelation:resource:list
@foreignKey (wallet_id, seq) references entries (wallet_id, seq)|@fieldName entry|@behavior -manyRelation:resource:connection -manyRelation:resource:list -singularRelation:resource:single:backward
@behavior -query:resource:connection -query:resource:list -query:resource:single -filter -order -insert -update -delete
Bonus credits of one wallet that expire at one instant, as far as they are left.$$;
comment on column ledger.expiring_lots.wallet_id is $$@notNull
The wallet.$$;
comment on column ledger.expiring_lots.seq is $$@notNull
The number of the wallet's entry with which they arrived.$$;
comment on column ledger.expiring_lots.expires_at is $$@notNull
From when they cannot be spent any more.$$;
comment on column ledger.expiring_lots.amount is $$@notNull
What is left of them and not reserved, in minor units: what will expire, if nothing happens before.$$;
comment on column ledger.expiring_lots.held_amount is $$@notNull
What holds reserve of them, in minor units: it does not expire while they are open.$$;
comment on column ledger.expiring_lots.granted_amount is $$@notNull
How many they were, in minor units.$$;
grant select on ledger.expiring_lots to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded views/expiring_lots.sql
--! Included views/operator_actions.sql
-- What operators did, from all the tables that say so.
create or replace view ledger.operator_actions with (security_invoker) as
  select t.id, 0::bigint as seq, t.kind::text as action, t.actor, t.metadata ->> 'reason' as reason, t.created_at,
    t.wallet_id, null::text as asset_code, t.id as transfer_id
  from ledger.transfers t
  where ledger_private.is_operators(t.kind, t.actor, t.idem_key)
  union all
  select e.wallet_id, e.seq, e.kind::text, e.actor, e.reason, e.created_at, e.wallet_id, null, null
  from ledger.wallet_events e
  where e.kind <> 'opened'
  union all
  select ledger_private.asset_id(l.asset_code), l.seq, 'limits_set', l.actor, null, l.created_at, null,
    l.asset_code, null
  from ledger.asset_limits l
  union all
  select ledger_private.asset_id(a.code), 0, 'asset_created', a.actor, null, a.created_at, null, a.code, null
  from ledger.assets a;

comment on view ledger.operator_actions is $$@primaryKey id,seq
@foreignKey (wallet_id) references wallets (id)|@fieldName wallet|@behavior -manyRelation:resource:connection -manyRelation:resource:list
@foreignKey (transfer_id) references transfers (id)|@fieldName transfer|@behavior -manyRelation:resource:connection -manyRelation:resource:list -singularRelation:resource:single:backward
@behavior -query:resource:connection -query:resource:list -query:resource:single -filter -order -insert -update -delete
Something that an operator did: a movement that only operators may book or that one booked, a change of a wallet's
status, a new asset or its limits.$$;
comment on column ledger.operator_actions.id is $$@notNull
Of what it was done to: the movement, the wallet, or the id of the asset.$$;
comment on column ledger.operator_actions.seq is $$@notNull
With the id, what identifies it: of a wallet's event or an asset's limits the number, otherwise 0.$$;
comment on column ledger.operator_actions.action is $$@notNull
What was done: the kind of the movement; frozen, closed or reopened; asset_created or limits_set.$$;
comment on column ledger.operator_actions.actor is $$@notNull
Who did it: the token's role and subject, or db: and the database login.$$;
comment on column ledger.operator_actions.reason is
  'Why, as it was said: of a movement, the field reason of its metadata; null where nothing was said.';
comment on column ledger.operator_actions.created_at is $$@notNull
When.$$;
comment on column ledger.operator_actions.wallet_id is 'The wallet that it was done to, if it was one.';
comment on column ledger.operator_actions.asset_code is 'The asset that it was done to, if it was one.';
comment on column ledger.operator_actions.transfer_id is 'The movement that it booked, if it is one.';
grant select on ledger.operator_actions to wallet_operator, wallet_auditor;
--! EndIncluded views/operator_actions.sql

-- How the ledger is, at a glance.
create type ledger.state as (
  as_of timestamptz,
  last_block_seq bigint,
  last_block_at timestamptz,
  not_closed_seconds double precision,
  last_verified_at timestamptz,
  last_verify_findings bigint,
  last_clean_verified_at timestamptz,
  feed_cursor text,
  feed_lag_seconds double precision,
  overdue_seconds double precision,
  unsettled_wallets bigint
);
comment on type ledger.state is $$@name ledger_state
How the ledger is: its worker, its feed, its last block and its last proof.$$;
comment on column ledger.state.as_of is $$@notNull
When this was so.$$;
comment on column ledger.state.last_block_seq is
  'The number of the last block that was closed; null where there is none.';
comment on column ledger.state.last_block_at is
  'When the last block was closed: the worker closes one a minute, where anything was booked.';
comment on column ledger.state.not_closed_seconds is $$@notNull
How long the oldest movement that no block closes has been there; 0 where all are closed.$$;
comment on column ledger.state.last_verified_at is
  'When the whole ledger was last proved; null where that has never been.';
comment on column ledger.state.last_verify_findings is
  'How many broken rules that found; 0 where the ledger was sound.';
comment on column ledger.state.last_clean_verified_at is
  'When the whole ledger was last proved to be sound; null where that has never been.';
comment on column ledger.state.feed_cursor is
  'The cursor of the newest event of the feed; null where there is none.';
comment on column ledger.state.feed_lag_seconds is $$@notNull
How long the oldest movement that the feed cannot tell of yet has been there: an open transaction holds it back.$$;
comment on column ledger.state.overdue_seconds is $$@notNull
How long holds or credits have been due that the worker has not booked; 0 where there are none. (Nothing depends on it:
they are due at once.)$$;
comment on column ledger.state.unsettled_wallets is $$@notNull
In how many wallets what is due could not be booked when it was last tried.$$;
grant usage on type ledger.state to wallet_operator, wallet_auditor;
--! EndIncluded schema/support.sql

--! Included functions/ledger/wallets_page.sql
create or replace function ledger.wallets_page(
  owner_prefix text default null,
  asset_code text default null,
  status ledger.wallet_status default null,
  first int default null,
  last int default null,
  after text default null,
  before text default null
)
returns ledger.page
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
set enable_sort = off
as $$
declare
  v_asked ledger_private.page_asked := ledger_private.page_asked(first, last, after, before);
  v_found record;
begin
  v_found := ledger_private.walk_wallets(owner_prefix => owner_prefix, asset_code => asset_code, status => status,
    above => ledger_private.cursor_wallet('after', after), below => ledger_private.cursor_wallet('before', before),
    backwards => v_asked.backwards, wanted => v_asked.size + 1);
  return ledger_private.page_of(ledger_private.id_keys(v_found.ids), v_asked, v_found.searched_to::text);
end
$$;

comment on function ledger.wallets_page is
$$@behavior -*
The wallets of all owners that the caller may see, in the order of their owners by code points. A page looks at 2000
wallets at most: it may have fewer rows than were asked for, or none, and a next page all the same. Over GraphQL, where
none of ownerPrefix, assetCode and status is given, all are listed by their ids, or by condition and orderBy.

- ownerPrefix: only those whose owner's account number begins so; of one owner, the whole number.
- assetCode: only those of this asset.
- status: only those that are open, frozen or closed.
- first: how many to read at most, from the first one or after a cursor: 0 to 1000, 100 where neither first nor last is
  given.
- last: how many to read at most, from the last one or before a cursor: 0 to 1000; not together with first.
- after: the cursor after which to go on.
- before: the cursor before which to go on.

Refuses with INVALID_ARGUMENT (WLARG): a size is out of bounds, a cursor is malformed or names no wallet.$$;

grant execute on function ledger.wallets_page
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/wallets_page.sql

--! Included functions/ledger/transfers_page.sql
create or replace function ledger.transfers_page(
  "from" timestamptz default null,
  "to" timestamptz default null,
  kinds ledger.transfer_kind[] default null,
  actor text default null,
  asset_code text default null,
  idem_key text default null,
  metadata jsonb default null,
  first int default null,
  last int default null,
  after text default null,
  before text default null
)
returns ledger.page
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
set enable_sort = off
as $$
declare
  v_asked ledger_private.page_asked := ledger_private.page_asked(first, last, after, before);
  v_search ledger_private.transfer_search := row("from", "to", kinds, actor, asset_code, idem_key, metadata, null);
  v_found record;
begin
  if not ledger_private.is_metadata(metadata) then
    perform ledger_private.refuse(ledger_private.invalid_argument('metadata',
      'Give an object, of which the metadata that is looked for has all fields with these values.'));
  end if;
  if (idem_key is null or not ledger_private.is_rare_key(idem_key))
    and num_nonnulls(kinds, actor, asset_code, idem_key, metadata) > 0 then
    perform ledger_private.check_range("from", "to");
  end if;
  v_found := ledger_private.walk_transfers(search => v_search, above => ledger_private.cursor_id('before', before),
    below => ledger_private.cursor_id('after', after), backwards => v_asked.backwards, wanted => v_asked.size + 1);
  return ledger_private.page_of(ledger_private.id_keys(v_found.ids), v_asked, v_found.searched_to::text);
end
$$;

comment on function ledger.transfers_page is
$$@behavior -*
The movements of all wallets that the caller may see, newest first, by the ids that they were given when they were
booked. Whatever is looked for has all that is given. A page looks at 2000 movements at most: it may have fewer than
were asked for, or none, and a next page all the same.

- from: only what was booked at this instant or later.
- to: only what was booked before this instant.
- kinds: only movements of these kinds; none at all where the list is empty.
- actor: only those of this caller, as transfers name it, such as operator:kim.
- assetCode: only those of wallets of this asset.
- idemKey: only those with this idempotency key, in whatever wallet: found by an index.
- metadata: only those whose metadata has all these fields, with these values.
- first: how many to read at most, from the newest or after a cursor: 0 to 1000, 100 where neither first nor last is
  given.
- last: how many to read at most, from the oldest or before a cursor: 0 to 1000; not together with first.
- after: the cursor after which to go on.
- before: the cursor before which to go on.

For kinds, actor, assetCode and metadata there is no index: they need from, and a range of at most 31 days. So does a
key that more than 2000 movements have, which is looked for in the same way.

Refuses with INVALID_ARGUMENT (WLARG): a size is out of bounds, a cursor is malformed, a range is missing or too
long.$$;

grant execute on function ledger.transfers_page to wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/transfers_page.sql

--! Included functions/ledger/holds_page.sql
create or replace function ledger.holds_page(
  open boolean default null,
  due_before timestamptz default null,
  first int default null,
  last int default null,
  after text default null,
  before text default null
)
returns ledger.page
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
set enable_sort = off
as $$
declare
  v_asked ledger_private.page_asked := ledger_private.page_asked(first, last, after, before);
  v_above uuid := ledger_private.cursor_id('before', before);
  v_below uuid := ledger_private.cursor_id('after', after);
  v_search ledger_private.transfer_search;
  v_found record;
  v_keys jsonb;
begin
  if open then
    return ledger_private.page_of(ledger_private.open_hold_keys(due_before => due_before, above => v_above,
      below => v_below, backwards => v_asked.backwards, wanted => v_asked.size + 1), v_asked);
  end if;
  v_search.kinds := '{hold}';
  v_search.due_before := due_before;
  v_found := ledger_private.walk_transfers(search => v_search, above => v_above, below => v_below,
    backwards => v_asked.backwards, wanted => v_asked.size + 1,
    -- As holds_status says it, from the list of open ones.
    condition => case when open is null then 'true' else '(w.expires_at <= statement_timestamp() or not exists (
      select from ledger_private.open_holds o where o.wallet_id = w.wallet_id and o.hold_id = w.transfer_id))' end);
  select coalesce(jsonb_agg(jsonb_build_object('wallet_id', e.wallet_id, 'id', e.transfer_id, 'cursor', e.transfer_id)
      order by i.n), '[]') into v_keys
    from unnest(v_found.ids) with ordinality i (id, n)
    join ledger.entries e on e.transfer_id = i.id and e.actor is not null;
  return ledger_private.page_of(v_keys, v_asked, v_found.searched_to::text);
end
$$;

comment on function ledger.holds_page is
$$@behavior -*
The holds of all wallets that the caller may see. Open ones come by when they are due: those that never expire first,
then the latest due; the soonest due are the last ones. All others come newest first, and a page of these looks at 2000
movements at most: it may have fewer rows than were asked for, or none, and a next page all the same.

- open: true for those that are open; false for those that have been captured or released or have expired, booked or
  not; all if left out.
- dueBefore: only those that expire before this instant.
- first: how many to read at most, from the first one or after a cursor: 0 to 1000, 100 where neither first nor last is
  given.
- last: how many to read at most, from the last one or before a cursor: 0 to 1000; not together with first.
- after: the cursor after which to go on.
- before: the cursor before which to go on.

Refuses with INVALID_ARGUMENT (WLARG): a size is out of bounds, a cursor is malformed or names no hold.$$;

grant execute on function ledger.holds_page to wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/holds_page.sql

--! Included functions/ledger/expiring_lots_page.sql
create or replace function ledger.expiring_lots_page(
  before timestamptz default null,
  first int default null,
  last int default null,
  after text default null,
  before_cursor text default null
)
returns ledger.page
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
set enable_sort = off
as $$
declare
  v_asked ledger_private.page_asked := ledger_private.page_asked(first, last, after, before_cursor);
  v_above ledger_private.list_place := ledger_private.cursor_place('before_cursor', before_cursor);
  v_below ledger_private.list_place := ledger_private.cursor_place('after', after);
  v_keys jsonb;
begin
  v_above := row(coalesce(v_above.at_time, '-infinity'), coalesce(v_above.id, ledger_private.id_from(0)),
    coalesce(v_above.seq, 0));
  v_below := row(coalesce(v_below.at_time, 'infinity'), coalesce(v_below.id, ledger_private.id_from(0)),
    coalesce(v_below.seq, 0));
  execute format('
    select coalesce(jsonb_agg(jsonb_build_object(''wallet_id'', o.wallet_id, ''seq'', o.lot_seq,
      ''expires_at'', ledger_private.in_utc(o.expires_at),
      ''cursor'', ledger_private.place_cursor(o.due_at, o.wallet_id, o.lot_seq))), ''[]'')
    from (
      select o.* from ledger_private.open_lots o
      where o.due_at > statement_timestamp() and o.due_at < coalesce($1, ''infinity'')
        and (o.due_at, o.wallet_id, o.lot_seq) > ($2.at_time, $2.id, $2.seq)
        and (o.due_at, o.wallet_id, o.lot_seq) < ($3.at_time, $3.id, $3.seq)
      order by o.due_at %1$s, o.wallet_id %1$s, o.lot_seq %1$s
      limit $4
    ) o', case when v_asked.backwards then 'asc' else 'desc' end)
    into v_keys using before, v_above, v_below, v_asked.size + 1;
  return ledger_private.page_of(v_keys, v_asked);
end
$$;

comment on function ledger.expiring_lots_page is
$$@behavior -*
Bonus credits of all wallets that the caller may see which expire, the latest first; the soonest are the last ones. What
has expired is not among them, booked or not, nor is what open holds reserve all of: it cannot expire before they end.

- before: only what expires before this instant.
- first: how many to read at most, from the latest or after a cursor: 0 to 1000, 100 where neither first nor last is
  given.
- last: how many to read at most, from the soonest or before a cursor: 0 to 1000; not together with first.
- after: the cursor after which to go on.
- beforeCursor: the cursor before which to go on. (Before is an instant here.)

Refuses with INVALID_ARGUMENT (WLARG): a size is out of bounds, or a cursor is malformed.$$;

grant execute on function ledger.expiring_lots_page to wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/expiring_lots_page.sql

--! Included functions/ledger/operator_actions_page.sql
create or replace function ledger.operator_actions_page(
  "from" timestamptz default null,
  "to" timestamptz default null,
  actor text default null,
  first int default null,
  last int default null,
  after text default null,
  before text default null
)
returns ledger.page
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
set enable_sort = off
as $$
declare
  v_asked ledger_private.page_asked := ledger_private.page_asked(first, last, after, before);
  v_above ledger_private.list_place := ledger_private.cursor_place('before', before);
  v_below ledger_private.list_place := ledger_private.cursor_place('after', after);
  v_search ledger_private.transfer_search;
  v_found record;
  v_end ledger_private.list_place;
  v_keys jsonb;
begin
  perform ledger_private.check_range("from", "to");
  v_search.from_time := "from";
  v_search.to_time := "to";
  v_search.actor := actor;
  v_found := ledger_private.walk_transfers(search => v_search, above => ledger_private.id_of_place(v_above),
    below => ledger_private.id_of_place(v_below), backwards => v_asked.backwards, wanted => v_asked.size + 1,
    -- As in is_operators.
    condition => format('(w.actor like %L
        or w.kind = any (%L) and (w.kind <> ''collection'' or w.idem_key is not null))',
      'operator:%', ledger_private.operator_kinds()));
  v_above := row(coalesce(v_above.at_time, '-infinity'), coalesce(v_above.id, ledger_private.id_from(0)),
    coalesce(v_above.seq, 0));
  v_below := row(coalesce(v_below.at_time, 'infinity'), coalesce(v_below.id, ledger_private.id_from(0)),
    coalesce(v_below.seq, 0));
  v_search.to_time := coalesce("to", 'infinity');
  -- What else there is beyond the movement at which the search ended comes with a later page.
  if v_found.searched_to is not null then
    v_end := ledger_private.id_place(v_found.searched_to);
    if v_asked.backwards then
      v_below := least(v_below, v_end);
    else
      v_above := greatest(v_above, v_end);
    end if;
  end if;
  select coalesce(jsonb_agg(jsonb_build_object('id', p.id, 'seq', p.seq,
      'cursor', ledger_private.place_cursor(p.at_time, p.id, p.seq))), '[]') into v_keys
    from (
      select p.* from (
        select m.* from unnest(v_found.ids) i cross join lateral ledger_private.id_place(i) m
        union all
        select a.* from ledger_private.action_places(search => v_search, above => v_above, below => v_below,
          backwards => v_asked.backwards, wanted => v_asked.size + 1) a
      ) p (at_time, id, seq)
      order by case when v_asked.backwards then p.at_time end, case when v_asked.backwards then p.id end,
        case when v_asked.backwards then p.seq end, p.at_time desc, p.id desc, p.seq desc
      limit v_asked.size + 1
    ) p;
  return ledger_private.page_of(v_keys, v_asked,
    case when v_end is not null then ledger_private.place_cursor(v_end.at_time, v_end.id, v_end.seq) end);
end
$$;

comment on function ledger.operator_actions_page is
$$@behavior -*
What operators did, newest first: movements that only operators may book (reversals, adjustments, opening balances and
the like) and all others that operators booked, changes of a wallet's status, new assets, limits. A page looks at 2000
movements at most: it may have fewer rows than were asked for, or none, and a next page all the same.

- from: only what was done at this instant or later. Needed: no index leads to all of this.
- to: only what was done before this instant, at most 31 days after from; until now if left out.
- actor: only what this caller did, such as operator:kim.
- first: how many to read at most, from the newest or after a cursor: 0 to 1000, 100 where neither first nor last is
  given.
- last: how many to read at most, from the oldest or before a cursor: 0 to 1000; not together with first.
- after: the cursor after which to go on.
- before: the cursor before which to go on.

Refuses with INVALID_ARGUMENT (WLARG): a size is out of bounds, a cursor is malformed, a range is missing or too
long.$$;

grant execute on function ledger.operator_actions_page to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger/operator_actions_page.sql

--! Included functions/ledger/ledger_trial_balance.sql
create or replace function ledger.ledger_trial_balance(asset_code text default null)
returns setof ledger.trial_balance
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- How many rows there are since the last block, the planner cannot know: it would read all.
set enable_seqscan = off
set jit = off
as $$
  with place as materialized (
    -- Where the ledger was moved, ids of transactions mean nothing until a new epoch begins: then all rows are added
    -- up.
    select m.moved, case when not m.moved then ledger_private.closed_snapshot() end as snapshot
    from (select ledger_private.is_moved() as moved) m
  ), movements as (
    select n.asset_code, n.debit, n.credit, n.total_amount as amount
    from ledger_private.newest_totals(ledger_trial_balance.asset_code) n
    where not (select p.moved from place p)
    union all
    select w.asset_code, a.debit, a.credit, e.amount
    from ledger_private.rows_since((select p.snapshot from place p)) e
    join ledger.wallets w on w.id = e.wallet_id
    cross join lateral ledger_private.accounts_here(e) a
  ), sides as (
    select m.asset_code, m.debit as account, m.amount from movements m
    union all
    select m.asset_code, m.credit, -m.amount from movements m
    union all
    -- These are told of also where nothing has moved.
    select a.code, u.account, 0 from ledger.assets a
      cross join unnest(array['treasury', 'promotions', 'revenue', 'breakage']::ledger.account[]) u (account)
  )
  select s.asset_code, ledger_private.account_name(s.account), greatest(sum(s.amount), 0),
    greatest(-sum(s.amount), 0)
  from sides s
  where ledger_trial_balance.asset_code is null or s.asset_code = ledger_trial_balance.asset_code
  group by s.asset_code, s.account
  order by s.asset_code, s.account = 'player', s.account
$$;

comment on function ledger.ledger_trial_balance is
$$The trial balance: per asset and account what it has, on the side where it has it. Within an asset, debits and credits
have the same sum. It is right at any moment; it takes milliseconds where blocks are closed, and longer the more was
booked since the last one.

- assetCode: one asset; all of them if left out.$$;

grant execute on function ledger.ledger_trial_balance to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger/ledger_trial_balance.sql

--! Included functions/ledger/blocks_final_until.sql
create or replace function ledger.blocks_final_until(block ledger.blocks)
returns timestamptz
language sql
immutable
return nullif(block.final_until, '-infinity');

comment on function ledger.blocks_final_until is
$$All figures before this instant are final: no transaction is open that could still book there. Null in the first
blocks, while none are.$$;

grant execute on function ledger.blocks_final_until to wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/blocks_final_until.sql

--! Included functions/ledger/ledger_balances_at.sql
create or replace function ledger.ledger_balances_at(at_times timestamptz[], asset_code text default null)
returns setof ledger.balance_at
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- How many rows there are since the last block, the planner cannot know: it would read all.
set enable_seqscan = off
set jit = off
as $$
declare
  v_times timestamptz[] := array(select distinct u.t from unnest(at_times) u (t) order by u.t);
  v_final_until timestamptz;
begin
  if array_ndims(at_times) is distinct from 1 or cardinality(at_times) > 1000
    or array_position(at_times, null) is not null then
    perform ledger_private.refuse(ledger_private.invalid_argument('at_times', 'Send 1 to 1000 instants.'));
  end if;
  if asset_code is not null then
    perform ledger_private.check_asset(asset_code);
  end if;
  perform ledger_private.feed_epoch();
  v_final_until := (select b.final_until from ledger.blocks b order by b.seq desc limit 1);
  return query
    with sides as (
      select m.at_time, m.asset_code, x.account, x.sign * m.amount as amount, x.sign * m.bonus_amount as bonus_amount
        from ledger_private.totals_before(v_times, ledger_balances_at.asset_code) m
        cross join lateral (values (m.debit, 1), (m.credit, -1)) x (account, sign)
      union all
      -- These are told of also where nothing has moved.
      select t.at_time, a.code, u.account, 0, 0
        from ledger.assets a
        cross join unnest(v_times) t (at_time)
        cross join unnest(
          array['treasury', 'promotions', 'revenue', 'breakage', 'player']::ledger.account[]) u (account)
        where ledger_balances_at.asset_code is null or a.code = ledger_balances_at.asset_code
    ), sums as (
      select s.at_time, s.asset_code, s.account, sum(s.amount) as amount, sum(s.bonus_amount) as bonus_amount,
        -- Where an account has nothing, the side on which it usually has something.
        case sign(sum(s.amount)) when 1 then 'debit' when -1 then 'credit' else
          case when s.account in ('treasury', 'promotions', 'opening', 'receivables', 'losses') then 'debit'
            else 'credit' end
          end::ledger.entry_side as side
      from sides s
      group by s.at_time, s.asset_code, s.account
    )
    select s.at_time, s.asset_code, ledger_private.account_name(s.account), s.side, abs(s.amount),
      case s.side when 'debit' then s.bonus_amount else -s.bonus_amount end, coalesce(s.at_time <= v_final_until, false)
    from sums s
    order by s.at_time, s.asset_code, s.account = 'player', s.account;
end
$$;

comment on function ledger.ledger_balances_at is
$$What each account had at some instants: the house's accounts, and what is owed to players, with the part of it that is
bonus credits. Within an instant and an asset, debits and credits have the same sum. What was booked before an instant
counts, what was booked at it does not, so that balances at fromTime + the activity until toTime = balances at toTime.

A figure is final once no transaction is open that could still book before the instant, which is a minute or two after
it; until then it is provisional. What a clock that was set back books before an instant whose figures are final, counts
in the first period that is not.

- atTimes: 1 to 1000 instants, in any order; for each that is there several times, once.
- assetCode: one asset; all of them if left out.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA); RETRY (55000) where the ledger was moved
and npm run migrate has not run since.$$;

grant execute on function ledger.ledger_balances_at to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger/ledger_balances_at.sql

--! Included functions/ledger/ledger_activity.sql
create or replace function ledger.ledger_activity(
  asset_code text,
  from_time timestamptz,
  to_time timestamptz,
  bucket text default 'day',
  time_zone text default 'UTC'
)
returns setof ledger.activity
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- How many rows there are since the last block, the planner cannot know: it would read all.
set enable_seqscan = off
set jit = off
as $$
declare
  v_zone constant text := ledger_private.zone(time_zone);
  v_final_until timestamptz;
  v_times timestamptz[];
begin
  perform ledger_private.refuse(ledger_private.invalid_period(from_time, to_time, bucket));
  if v_zone is null then
    perform ledger_private.refuse(ledger_private.invalid_argument('time_zone',
      'Send UTC or the name of a time zone with its area, such as Europe/Berlin.'));
  end if;
  if asset_code is null then
    perform ledger_private.refuse(ledger_private.invalid_argument('asset_code', 'Send the code of an asset.'));
  end if;
  perform ledger_private.check_asset(asset_code);
  perform ledger_private.feed_epoch();
  v_final_until := (select b.final_until from ledger.blocks b order by b.seq desc limit 1);
  v_times := ledger_private.bucket_starts(from_time => ledger_activity.from_time, to_time => ledger_activity.to_time,
    bucket => ledger_activity.bucket, time_zone => v_zone);
  return query
    with totals as (
      select m.at_time, m.kind, m.debit, m.credit, sum(m.movements)::bigint as movements, sum(m.amount) as amount,
        sum(m.bonus_amount) as bonus_amount
      from ledger_private.totals_before(v_times, ledger_activity.asset_code) m
      group by m.at_time, m.kind, m.debit, m.credit
    ), steps as (
      -- What has once moved is in the totals of all later instants.
      select t.*, t.movements - lag(t.movements, 1, 0::bigint) over accounts as more,
        t.amount - lag(t.amount, 1, 0::numeric) over accounts as more_amount,
        t.bonus_amount - lag(t.bonus_amount, 1, 0::numeric) over accounts as more_bonus
      from totals t
      window accounts as (partition by t.kind, t.debit, t.credit order by t.at_time)
    )
    select v_times[b.place - 1], s.at_time, s.kind, ledger_private.account_name(s.debit),
      ledger_private.account_name(s.credit), s.more, s.more_amount, s.more_bonus,
      coalesce(s.at_time <= v_final_until, false)
    from steps s
    join unnest(v_times) with ordinality b (at_time, place) on b.at_time = s.at_time
    where b.place > 1 and s.more > 0
    order by s.at_time, s.kind, s.debit, s.credit;
end
$$;

comment on function ledger.ledger_activity is
$$What moved in a period, by hour, day or month: of each kind of movement and pair of accounts how many there were, the
amount and the part of it that was bonus credits. So top_up is what was sold, bonus what was given, spend and capture
what was spent, expiry what expired (breakage), and reversal what was taken back, by its accounts of which. A bucket in
which nothing moved has no row.

Buckets are those of a time zone: a day on which clocks change has 23 or 25 hours, an hour that comes twice is two. The
first and the last bucket are cut off at the ends of the period. Every instant counts as ledgerBalancesAt has it, so
that balances at fromTime + activity = balances at toTime; a row is final or provisional as there.

- assetCode: the asset.
- fromTime: the first instant of the period; it belongs to the period.
- toTime: the end of the period; it does not belong to it.
- bucket: hour, day or month; day if left out.
- timeZone: UTC, or an area and a place such as Europe/Berlin; UTC if left out.

A period has at most 1000 hours, 1000 days or 1000 months.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA); RETRY (55000) where the ledger was moved
and npm run migrate has not run since.$$;

grant execute on function ledger.ledger_activity to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger/ledger_activity.sql

--! Included functions/ledger/ledger_journal.sql
create or replace function ledger.ledger_journal(
  asset_code text default null,
  from_time timestamptz default null,
  to_time timestamptz default null,
  after text default null
)
returns setof ledger.journal_line
language sql
stable
begin atomic
  with r as materialized (
    select j.* from ledger_private.journal_range(asset_code, from_time, to_time, after) j
  )
  select case when b.is_closed then
      concat_ws('.', b.seq, (extract(epoch from m.created_at - '2000-01-01 00:00:00+00') * 1000000)::bigint,
        m.transfer_id, s.side) end,
    m.counted_at, m.created_at, m.transfer_id, m.kind, m.asset_code, s.side, ledger_private.account_name(s.account),
    case when s.side = m.side then m.wallet_id when s.account in ('player', 'elsewhere') then m.to_wallet end,
    m.amount, m.bonus_amount, m.reverses, m.idem_key, m.actor,
    coalesce(m.counted_at < (select r.final_until from r), false)
  -- In order, so that only the lines of one block are sorted at a time: the first are sent before the next block is
  -- read.
  from (
    select n.seq, n.is_closed
    from (
      select c.seq, true as is_closed from ledger.blocks c
      where c.seq >= (select r.first_block from r) and c.seq <= (select r.last_block from r)
      union all
      select r.open_block, false from r where r.last_block = r.open_block
    ) n
    order by n.seq offset 0
  ) b
  cross join lateral ledger_private.journal_of_block(b.seq, b.is_closed) m
  cross join lateral (values ('debit'::ledger.entry_side, m.debit), ('credit', m.credit)) s (side, account)
  where m.counted_at >= (select r.from_time from r) and m.counted_at < (select r.to_time from r)
    and (ledger_journal.asset_code is null or m.asset_code = ledger_journal.asset_code)
    and (b.seq, m.created_at, m.transfer_id, s.side)
      > (select r.after_block, r.after_time, r.after_id, r.after_side from r)
  order by b.seq, m.created_at, m.transfer_id, s.side;
end;

comment on function ledger.ledger_journal is
$$@behavior -*
The journal of a period: two lines for each movement, one on the debit side and one on the credit side, of what counts
at or after from_time and before to_time; null is no bound. Balances at from_time + the journal = balances at to_time,
account by account. The lines come block by block, within a block as they were booked; lines that no block has closed
yet come last, without a cursor. Whoever broke off goes on after the newest cursor, and drops what came after it.

- asset_code: one asset; all of them if null.
- after: the cursor of the last line read; from the first line on if null.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA); RETRY (55000) where the ledger was moved
and npm run migrate has not run since.$$;

grant execute on function ledger.ledger_journal to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger/ledger_journal.sql

--! Included functions/ledger/ledger_verify.sql
create or replace function ledger.ledger_verify(wallet_id uuid default null)
returns setof ledger.finding
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- What findings show is the same in every session.
set timezone = 'UTC'
set bytea_output = 'hex'
-- One wallet and all of them want different plans, and what is sorted is to fit into memory.
set plan_cache_mode = force_custom_plan
set jit = off
set work_mem = '64MB'
set random_page_cost = 1.1
as $$
declare
  -- Wallets by the first digit of their ids: a large ledger is proven part by part, a small one at once.
  v_digits text[] := array[null];
  v_digit text;
  v_first uuid;
  v_last uuid;
  v_proven bigint := 0;
  v_rows bigint;
begin
  -- "No row" must never mean "no such wallet".
  if ledger_verify.wallet_id is not null
    and not exists (select from ledger.wallets w where w.id = ledger_verify.wallet_id) then
    perform ledger_private.refuse(ledger_private.wallet_not_found(ledger_verify.wallet_id));
  end if;
  if ledger_verify.wallet_id is null and pg_relation_size('ledger.entries') > 32 * 1024 * 1024 then
    v_digits := regexp_split_to_array('0123456789abcdef', '');
  end if;
  if current_setting('ledger.progress', true) = 'on' then
    select count(*) into v_rows from ledger.entries e
      where ledger_verify.wallet_id is null or e.wallet_id = ledger_verify.wallet_id;
    raise info 'ledger_verify' using detail = jsonb_build_object('proven', 0, 'rows', v_rows);
  end if;

  foreach v_digit in array v_digits loop
    v_first := coalesce(ledger_verify.wallet_id,
      (coalesce(v_digit, '0') || '0000000-0000-0000-0000-000000000000')::uuid);
    v_last := coalesce(ledger_verify.wallet_id,
      (coalesce(v_digit, 'f') || 'fffffff-ffff-ffff-ffff-ffffffffffff')::uuid);
    return query select f.* from ledger_private.verify_entries(v_first, v_last) f;
    return query select f.* from ledger_private.verify_debts(v_first, v_last) f;
    return query select f.* from ledger_private.verify_transfers(v_first, v_last) f;
    return query select f.* from ledger_private.verify_pairs(v_first, v_last) f;
    return query select f.* from ledger_private.verify_links(v_first, v_last) f;
    return query select f.* from ledger_private.verify_reversals(v_first, v_last) f;
    return query select f.* from ledger_private.verify_holds(v_first, v_last) f;
    return query select f.* from ledger_private.verify_lots(v_first, v_last) f;
    return query select f.* from ledger_private.verify_draws(v_first, v_last) f;
    return query select f.* from ledger_private.verify_order(v_first, v_last) f;
    return query select f.* from ledger_private.verify_wallets(v_first, v_last) f;
    return query select f.* from ledger_private.verify_redactions(v_first, v_last) f;
    return query select f.* from ledger_private.verify_references(v_first, v_last) f;
    if v_rows is not null then
      v_proven := v_proven + (select count(*) from ledger.entries e where e.wallet_id between v_first and v_last);
      raise info 'ledger_verify' using detail = jsonb_build_object('proven', v_proven, 'rows', v_rows);
    end if;
  end loop;
  if ledger_verify.wallet_id is null then
    return query select f.* from ledger_private.verify_totals() f;
    return query select f.* from ledger_private.verify_records() f;
    return query select f.* from ledger_private.verify_seals() f;
    return query select f.* from ledger_private.verify_closed() f;
  end if;
end
$$;

comment on function ledger.ledger_verify is
$$Proves the ledger again from its rows, in one snapshot, while others go on posting: every broken rule is a row, and no
row means that it is sound.

- walletId: one player's wallet with its transfers; the whole ledger if left out. Refuses with WALLET_NOT_FOUND (WLNOW).

In a session with ledger.progress = on, a message (INFO) tells again and again how many of the entries have been proven.

Rules:

- entry_seq: a wallet's entries are numbered without gaps
- entry_balance: balances and totals continue from the entry before, and cover what holds reserve
- entry_time: a wallet's time never runs backwards
- entry_hash: the chain of hashes is whole
- entry_reference: the wallet and the transfer of an entry are there
- transfer_reference: both entries of a transfer are there; a merge left nothing, is the last of its wallet, and this
  points to the successor, which owes what both had owed
- transfer_sides: the accounts and the asset are those that the transfer's kind demands
- transfer_facts: key, amounts, bonus part and dates are those that the transfer's kind demands
- transfer_link: both sides of an exchange, or of its reversal, are there: of one owner and two assets, with the same
  part of bonus credits
- transfer_reversed: no more of a transfer was reversed than it moved, paid credits first
- hold_reference: a hold is what its transfer placed, and ended later, if it has ended
- hold_expiry: a hold that was due was freed by the wallet's next entries
- lot_reference: each expiring bonus made a lot, and so did each expiry in a transfer
- lot_balance: what was drawn from a lot adds up, and in lots is no more than the wallet's bonus credits
- lot_draws: an entry drew from lots what its kind demands, and the end of a hold freed what it had reserved
- lot_order: the earliest expiry was drawn first, and credits that do not expire last
- lot_expiry: a lot that was due was booked by the wallet's next entries
- work_list: the lists of open holds and lots are true
- wallet_id: the id of a wallet is the one derived from its owner
- wallet_reference: the asset of a wallet and the wallet of an event are there
- wallet_status: a wallet's status is what its newest event about it says
- wallet_limits: a wallet's limits are those that its newest event about them set, and none are without an event
- wallet_merged: a wallet that points to a successor is closed, and its last entry moved everything there
- unique_reference: payments that are booked once are those of the top-ups that name them
- redaction: metadata that were blanked by law are blank, and an event says so
- record_chain: a wallet and its events, an asset and its limits, the epochs of the feed and the verifications are
  numbered without gaps, none missing, and each hash covers the row and the one before
- asset_sum: within an asset, what players have is what the house's accounts have
- house_total: the totals of a block are the sums of the entries that it closed
- seal_chain: seals are numbered without gaps, and each covers the one before
- seal_root: the tree over the sealed entries has the root and the counts that the seal says
- seal_entry: what was sealed is there, and what was to be sealed was
- seal_record: so are the wallets' events, the limits and the verifications that were sealed; the list of events to seal
  is true$$;

grant execute on function ledger.ledger_verify to wallet_auditor;
--! EndIncluded functions/ledger/ledger_verify.sql

--! Included functions/ledger/ledger_seal.sql
create or replace function ledger.ledger_seal(max_events int default 100000)
returns setof ledger.blocks
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_last ledger.blocks;
  v_block ledger.blocks;
  v_cut ledger_private.cut;
  v_chains ledger_private.record_chain[];
  v_ids uuid[];
  v_numbers bigint[];
  v_record_leaves bytea[];
begin
  if max_events is null or max_events not between 1 and 1000000 then
    perform ledger_private.refuse(ledger_private.invalid_argument('max_events',
      'Ask for 1 to 1000000 events at a time.'));
  end if;
  v_block.epoch := ledger_private.feed_epoch();
  -- One at a time. Nobody else waits for this lock: postings know nothing of blocks, and reading goes on.
  lock table ledger.blocks in share row exclusive mode;
  select b.* into v_last from ledger.blocks b order by b.seq desc limit 1;
  v_block.seq := coalesce(v_last.seq, 0) + 1;
  v_block.sealed_at := clock_timestamp();
  -- After the instant: whoever has an earlier number may have booked before it, whoever has a later one has not.
  v_block.xid := pg_current_xact_id();
  select array_agg(r.chain order by r.chain, r.id), array_agg(r.id order by r.chain, r.id), array_agg(r.seq
    order by r.chain, r.id),
      array_agg(ledger_private.seal_leaf(r.id, r.seq, r.hash) order by r.chain, r.id)
    into v_chains, v_ids, v_numbers, v_record_leaves
    from ledger_private.unsealed_records(max_events) r;
  v_cut := ledger_private.cut(ledger_private.closed_snapshot(), v_last.final_until, v_block.seq);
  if v_cut.wallet_ids is null and v_ids is null then
    return;
  end if;
  v_block.entries := v_cut.entries;
  v_block.wallets := coalesce(cardinality(v_cut.wallet_ids), 0);
  v_block.root := ledger_private.merkle_root(v_cut.leaves || v_record_leaves);
  v_block.totals_hash := ledger_private.totals_hash(v_cut.totals);
  v_block.previous := v_last.hash;
  v_block.snapshot := v_cut.snapshot;
  -- Whoever books has a number before taking the time. So what was booked before a block was begun, transactions before
  -- the block's own wrote.
  v_block.final_until := greatest(
    (select b.sealed_at from ledger.blocks b
      where b.epoch = v_block.epoch and b.xid < pg_snapshot_xmin(v_cut.snapshot) order by b.seq desc limit 1),
    v_last.final_until, '-infinity');
  v_block.counted_until := greatest(v_cut.counted_until, v_last.counted_until, '-infinity');
  v_block.actor := ledger_private.actor();
  v_block.hash := ledger_private.seal_hash(v_block);
  perform set_config('ledger.posting', 'on', true);
  -- Above READ COMMITTED the last block may be one that is not seen: then this is 40001.
  insert into ledger.blocks select v_block.* on conflict on constraint blocks_pkey do nothing;
  insert into ledger.house_totals select t.* from unnest(v_cut.totals) t;
  insert into ledger.block_heads (wallet_id, block_seq, seq)
    select h.wallet_id, v_block.seq, h.seq from unnest(v_cut.wallet_ids, v_cut.seqs) h (wallet_id, seq);
  insert into ledger.block_records (chain, id, block_seq, seq)
    select r.chain, r.id, v_block.seq, r.seq from unnest(v_chains, v_ids, v_numbers) r (chain, id, seq);
  delete from ledger_private.unsealed_events u
    using unnest(v_chains, v_ids, v_numbers) r (chain, id, seq)
    where r.chain = 'wallet' and u.wallet_id = r.id and u.seq <= r.seq;
  perform set_config('ledger.posting', '', true);
  return next v_block;
end
$$;

comment on function ledger.ledger_seal is
$$@behavior -*
Closes a block over what was committed since the last one: a Merkle tree over the newest entry of each wallet, whose
hash covers those before it, and over the newest of what is chained beside them (wallets and their events, assets and
their limits, verifications); the totals of the house's accounts; and a hash that covers all that and the block before.
No row where nothing is new. No posting waits for it, and it waits for none: what a transaction that is still open has
booked is left to a later block. Call it again, in a transaction of its own, until it returns nothing.

- maxEvents: how many events of wallets a block covers at most, 1 to 1000000.

Refuses with INVALID_ARGUMENT (WLARG).$$;

grant execute on function ledger.ledger_seal to wallet_job;
--! EndIncluded functions/ledger/ledger_seal.sql

--! Included functions/ledger_private/feed_and_blocks/feed_place.sql
create or replace function ledger_private.feed_place(argument text, place text, epoch int)
returns table (xid xid8, id uuid)
language plpgsql
stable
as $$
declare
  v_parts text[] := regexp_match(place,
    '^([1-9][0-9]{0,8})[.](0|[1-9][0-9]{0,18})[.]([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$');
begin
  if v_parts is null then
    perform ledger_private.refuse(ledger_private.invalid_argument(argument,
      'Give the cursor of the last event as it came, or null to start.', '{"reason": "malformed"}'));
  end if;
  if v_parts[1]::int <> epoch then
    perform ledger_private.refuse(ledger_private.invalid_argument(argument,
      'The ledger was restored since. Start again from null, and skip the transfers that you know by their ids.',
      jsonb_build_object('reason', 'epoch', 'epoch', epoch::text)));
  elsif not exists (
    select from ledger.entries e
      where e.actor is not null and e.xid = v_parts[2]::xid8 and e.transfer_id = v_parts[3]::uuid) then
    perform ledger_private.refuse(ledger_private.invalid_argument(argument,
      'The ledger no longer has that event. Start again from null, and skip the transfers that you know by id.',
      '{"reason": "cursor_unknown"}'));
  end if;
  return query select v_parts[2]::xid8, v_parts[3]::uuid;
end
$$;

comment on function ledger_private.feed_place is
  'The place in the feed that a cursor names; WLARG where it is malformed, of another epoch, or unknown.';

grant execute on function ledger_private.feed_place to wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger_private/feed_and_blocks/feed_place.sql

--! Included functions/ledger/ledger_events.sql
create or replace function ledger.ledger_events(after text default null, "limit" int default 100)
returns setof ledger.event
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_epoch int;
  v_xid xid8 := '0';
  v_id uuid := '00000000-0000-0000-0000-000000000000';
  -- Every transaction before this one has ended: what it wrote is in this snapshot, or never will be.
  v_horizon xid8 := pg_snapshot_xmin(pg_current_snapshot());
begin
  if "limit" is null or "limit" not between 1 and 10000 then
    perform ledger_private.refuse(ledger_private.invalid_argument('limit', 'Ask for 1 to 10000 events at a time.'));
  end if;
  v_epoch := ledger_private.feed_epoch();
  if after is not null then
    select p.xid, p.id into v_xid, v_id from ledger_private.feed_place('after', after, v_epoch) p;
  end if;
  return query
    select v_epoch || '.' || n.xid || '.' || t.id, t.id, t.kind, t.wallet_id, w.owner_id, w.asset_code, t.amount,
        t.bonus_amount, t.debit_wallet_id, t.debit_seq, t.credit_wallet_id, t.credit_seq, t.reverses, t.hold_id,
        t.expires_at, t.idem_key, t.actor, t.metadata, t.created_at
      from (
        select e.xid, e.transfer_id from ledger.entries e
          where e.actor is not null and (e.xid, e.transfer_id) > (v_xid, v_id) and e.xid < v_horizon
          order by e.xid, e.transfer_id
          limit ledger_events."limit"
      ) n
      join ledger.transfers t on t.id = n.transfer_id
      -- One look-up for each: joined, all wallets may be read.
      left join lateral (select o.owner_id, o.asset_code from ledger.wallets o
        where o.id = t.wallet_id limit 1) w on true
      order by n.xid, n.transfer_id;
end
$$;

comment on function ledger.ledger_events is
$$@behavior -queryField:resource:connection +queryField:resource:list
@listSuffix omit
The transfers of the ledger as a feed for other systems: each that the caller may see comes once, in the order of the
transactions that booked them, and when every earlier transaction has ended, so that a reader who goes on after the last
cursor misses none. Within a wallet, the numbers of its entries tell the order.

- after: the cursor of the last event read; from the first transfer on if left out.
- limit: how many to read at most, 1 to 10000, over GraphQL to 1000; 100 if left out.

Refuses with INVALID_ARGUMENT (WLARG): a cursor is malformed, or of an earlier epoch, or names a transfer that a
restored ledger no longer has (reason: malformed, epoch, cursor_unknown).$$;

grant execute on function ledger.ledger_events to wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/ledger_events.sql

--! Included functions/ledger/ledger_events_newest.sql
create or replace function ledger.ledger_events_newest(before text default null, "limit" int default 100)
returns setof ledger.event
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_epoch int;
  -- Every transaction before this one has ended, as in ledger_events: what comes later has no place yet.
  v_xid xid8 := pg_snapshot_xmin(pg_current_snapshot());
  v_id uuid := '00000000-0000-0000-0000-000000000000';
begin
  if "limit" is null or "limit" not between 1 and 10000 then
    perform ledger_private.refuse(ledger_private.invalid_argument('limit', 'Ask for 1 to 10000 events at a time.'));
  end if;
  v_epoch := ledger_private.feed_epoch();
  if before is not null then
    select p.xid, p.id into v_xid, v_id from ledger_private.feed_place('before', before, v_epoch) p;
  end if;
  return query
    select v_epoch || '.' || n.xid || '.' || t.id, t.id, t.kind, t.wallet_id, w.owner_id, w.asset_code, t.amount,
        t.bonus_amount, t.debit_wallet_id, t.debit_seq, t.credit_wallet_id, t.credit_seq, t.reverses, t.hold_id,
        t.expires_at, t.idem_key, t.actor, t.metadata, t.created_at
      from (
        select e.xid, e.transfer_id from ledger.entries e
          where e.actor is not null and (e.xid, e.transfer_id) < (v_xid, v_id)
          order by e.xid desc, e.transfer_id desc
          limit ledger_events_newest."limit"
      ) n
      join ledger.transfers t on t.id = n.transfer_id
      -- One look-up for each: joined, all wallets may be read.
      left join lateral (select o.owner_id, o.asset_code from ledger.wallets o
        where o.id = t.wallet_id limit 1) w on true
      order by n.xid desc, n.transfer_id desc;
end
$$;

comment on function ledger.ledger_events_newest is
$$@behavior -queryField:resource:connection +queryField:resource:list
@listSuffix omit
The feed from its newest end: the same events as ledgerEvents, with the same cursors, in the opposite order. Whoever has
seen the newest goes on with ledgerEvents(after) for what comes next, and here for what came before.

- before: the cursor of the last event read; from the newest event on if left out.
- limit: how many to read at most, 1 to 10000, over GraphQL to 1000; 100 if left out.

Refuses with INVALID_ARGUMENT (WLARG): a cursor is malformed, or of an earlier epoch, or names a transfer that a
restored ledger no longer has (reason: malformed, epoch, cursor_unknown).$$;

grant execute on function ledger.ledger_events_newest to wallet_service, wallet_operator, wallet_auditor, wallet_job;
--! EndIncluded functions/ledger/ledger_events_newest.sql

--! Included functions/ledger/ledger_state.sql
create or replace function ledger.ledger_state()
returns ledger.state
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  with figures as (
    select m.name, m.value from ledger.ledger_metrics() m where m.labels = '{}'
  )
  select statement_timestamp(), b.seq, b.sealed_at,
    (select f.value from figures f where f.name = 'unsealed_seconds'), v.finished_at, v.findings,
    (select max(c.finished_at) from ledger.verifications c where c.findings = 0),
    (select e.cursor from ledger.ledger_events_newest("limit" => 1) e),
    (select f.value from figures f where f.name = 'feed_lag_seconds'),
    (select f.value from figures f where f.name = 'oldest_due_seconds'),
    (select f.value::bigint from figures f where f.name = 'unsettled_wallets')
  from (select) as one
  left join lateral (select s.seq, s.sealed_at from ledger.blocks s order by s.seq desc limit 1) b on true
  left join lateral (select p.finished_at, p.findings from ledger.verifications p order by p.seq desc limit 1) v on true
$$;

comment on function ledger.ledger_state is
$$How the ledger is: whether its worker books and closes blocks, where its feed is, and when it was last proved.$$;

grant execute on function ledger.ledger_state to wallet_operator, wallet_auditor;
--! EndIncluded functions/ledger/ledger_state.sql

--! Included schema/webhook.sql
-- Webhooks: movements and notices that are sent to other systems. All of it reads the ledger; nothing of the ledger
-- reads or writes it, so a posting costs the same with and without it.
create type webhook.endpoint_state as enum ('active', 'paused');
comment on type webhook.endpoint_state is
  'Whether an endpoint is sent to. What is booked while it is paused waits.';
grant usage on type webhook.endpoint_state to wallet_operator, wallet_auditor, wallet_worker;

create table webhook.endpoints (
  name text primary key,
  url text not null,
  kinds text[],
  asset_code text,
  state webhook.endpoint_state not null,
  paused_because text,
  held_until timestamptz,
  cursor text,
  last_notice bigint not null,
  delivered bigint not null,
  delivered_at timestamptz,
  failed_at timestamptz,
  failure text,
  actor text not null,
  created_at timestamptz not null,
  changed_at timestamptz not null
);

comment on table webhook.endpoints is $$@behavior -filterBy -orderBy
An address that webhooks are sent to, and what it gets.$$;
comment on column webhook.endpoints.name is 'Its name, which does not change.';
comment on column webhook.endpoints.url is 'Where its webhooks are posted to.';
comment on column webhook.endpoints.kinds is
  'The kinds of movements and notices that it gets; null for all.';
comment on column webhook.endpoints.asset_code is 'The asset of which it gets them; null for all.';
comment on column webhook.endpoints.state is 'Whether it is sent to.';
comment on column webhook.endpoints.paused_because is
$$Why it is paused: operator; gone, where the receiver answered 410; feed, where its cursor is of another ledger, so
that somebody has to say where to go on.$$;
comment on column webhook.endpoints.held_until is
  'Until when nothing is sent, because the receiver asked for a pause (Retry-After).';
comment on column webhook.endpoints.cursor is
  'The last event of the feed that was taken for it; null before the first one.';
comment on column webhook.endpoints.last_notice is $$@behavior -*
The number of the last notice that was taken for it.$$;
comment on column webhook.endpoints.delivered is 'How many webhooks it has taken.';
comment on column webhook.endpoints.delivered_at is 'When it last took one.';
comment on column webhook.endpoints.failed_at is 'When one last failed.';
comment on column webhook.endpoints.failure is 'Why that failed.';
comment on column webhook.endpoints.actor is
  'Who created or last changed it: the token''s role and subject, or db: and the database login.';
comment on column webhook.endpoints.created_at is 'When it was created.';
comment on column webhook.endpoints.changed_at is 'When somebody last changed it.';

-- Granted to nobody: a secret is shown once, by the function that makes it, and handed to the worker, which signs.
create table webhook.secrets (
  endpoint text not null references webhook.endpoints (name) on delete cascade,
  secret text not null,
  created_at timestamptz not null,
  expires_at timestamptz,
  primary key (endpoint, secret)
);

comment on table webhook.secrets is $$@behavior -*
What webhooks are signed with: while a secret is replaced, the old one and the new one.$$;
comment on column webhook.secrets.endpoint is 'The endpoint.';
comment on column webhook.secrets.secret is 'The secret, as Standard Webhooks writes it.';
comment on column webhook.secrets.created_at is 'When it was made.';
comment on column webhook.secrets.expires_at is 'Until when it signs; null for the newest one.';

-- A work list: a row goes when its webhook has arrived or is dropped.
create table webhook.deliveries (
  endpoint text not null references webhook.endpoints (name) on delete cascade,
  id uuid not null,
  kind text not null,
  wallet_id uuid not null,
  tries int not null,
  waiting_since timestamptz not null,
  first_try_at timestamptz,
  next_try_at timestamptz,
  parked_at timestamptz,
  failure text,
  primary key (endpoint, id)
);

create index deliveries_endpoint_next_try_at_idx on webhook.deliveries (endpoint, next_try_at)
  where next_try_at is not null;
create index deliveries_endpoint_parked_at_idx on webhook.deliveries (endpoint, parked_at, id)
  where parked_at is not null;
create index deliveries_endpoint_waiting_since_idx on webhook.deliveries (endpoint, waiting_since, id);

comment on table webhook.deliveries is
$$@behavior -query:resource:connection -query:resource:list -query:resource:single -filterBy -orderBy
A webhook that has not arrived yet.$$;
comment on constraint deliveries_endpoint_fkey on webhook.deliveries is '@behavior -*';
comment on column webhook.deliveries.endpoint is $$@behavior -*
The endpoint that it is for.$$;
comment on column webhook.deliveries.id is
  'Its webhook-id, the same with each try: the id of the movement, or of the notice.';
comment on column webhook.deliveries.kind is 'What it tells of: the kind of the movement or notice.';
comment on column webhook.deliveries.wallet_id is 'The wallet that it is about.';
comment on column webhook.deliveries.tries is 'How often it was sent.';
comment on column webhook.deliveries.waiting_since is 'When it was taken from the feed.';
comment on column webhook.deliveries.first_try_at is
  'When it was first sent, or first again after it was released; a day later it is parked.';
comment on column webhook.deliveries.next_try_at is
$$When it is sent next; while it is being sent, when that counts as lost. Null where it is parked, or waits behind an
earlier one of its wallet.$$;
comment on column webhook.deliveries.parked_at is
$$Since when it is parked: it failed for a day, and holds back later ones of its wallet until it is released or
dropped.$$;
comment on column webhook.deliveries.failure is 'Why it failed the last time.';

-- Which wallets a delivery is about, two for a movement between players, and its place in their order.
create table webhook.delivery_wallets (
  endpoint text not null,
  wallet_id uuid not null,
  seq bigint not null,
  part smallint not null,
  id uuid not null,
  primary key (endpoint, wallet_id, seq, part, id),
  constraint delivery_wallets_delivery_fkey foreign key (endpoint, id)
    references webhook.deliveries (endpoint, id) on delete cascade
);

create index delivery_wallets_endpoint_id_idx on webhook.delivery_wallets (endpoint, id);

comment on table webhook.delivery_wallets is $$@behavior -*
The wallets that a webhook is about, and its place among theirs.$$;
comment on column webhook.delivery_wallets.endpoint is 'The endpoint.';
comment on column webhook.delivery_wallets.wallet_id is 'The wallet.';
comment on column webhook.delivery_wallets.seq is
  'The number of the wallet''s entry that it tells of, or that a notice comes after.';
comment on column webhook.delivery_wallets.part is '0 for a movement, 1 for a notice, which comes after it.';
comment on column webhook.delivery_wallets.id is 'The delivery.';

-- Both tables are short, and their rows come and go: what is gone must not pile up where the next ones are looked for.
alter table webhook.deliveries
  set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
alter table webhook.delivery_wallets
  set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- The feed is in the order of transactions, a wallet in that of its entries. Where the two differ, a movement is taken
-- before the feed comes to it, and is not taken again there.
create table webhook.taken_early (
  endpoint text not null references webhook.endpoints (name) on delete cascade,
  transfer_id uuid not null,
  primary key (endpoint, transfer_id)
);

comment on table webhook.taken_early is $$@behavior -*
Movements that were taken for an endpoint before the feed came to them.$$;
comment on column webhook.taken_early.endpoint is 'The endpoint.';
comment on column webhook.taken_early.transfer_id is 'The movement.';

-- Notices.
create table webhook.notice_rules (
  asset_code text primary key,
  expiring_hours int,
  low_balance bigint,
  due_at timestamptz not null,
  due_wallet_id uuid not null,
  due_lot_seq bigint not null,
  actor text not null,
  changed_at timestamptz not null
);

comment on table webhook.notice_rules is $$@behavior -filterBy -orderBy
What players of an asset are given notice of, by webhooks.$$;
comment on column webhook.notice_rules.asset_code is 'The asset.';
comment on column webhook.notice_rules.expiring_hours is
  'How many hours before bonus credits expire there is a notice, credits.expiring; null for none.';
comment on column webhook.notice_rules.low_balance is
$$The mark below which a balance falls for a notice, balance.low, in minor units; null for none.$$;
comment on column webhook.notice_rules.due_at is $$@behavior -*
Up to which of the open lots, by their expiry, notices have been given,$$;
comment on column webhook.notice_rules.due_wallet_id is $$@behavior -*
their wallet$$;
comment on column webhook.notice_rules.due_lot_seq is $$@behavior -*
and their number.$$;
comment on column webhook.notice_rules.actor is 'Who last set it.';
comment on column webhook.notice_rules.changed_at is 'When.';

create table webhook.notice_reader (
  one boolean primary key default true check (one),
  cursor text
);
insert into webhook.notice_reader default values;

comment on table webhook.notice_reader is $$@behavior -*
How far notices have read the feed: one row, whose lock is the turn to give them.$$;
comment on column webhook.notice_reader.one is 'True.';
comment on column webhook.notice_reader.cursor is 'The last event that was looked at; null before the first rule.';

create table webhook.notices (
  number bigint primary key,
  id uuid not null default uuidv7(),
  kind text not null,
  wallet_id uuid not null,
  seq bigint not null,
  amount bigint not null,
  lot_seq bigint,
  expires_at timestamptz,
  low_balance bigint,
  created_at timestamptz not null,
  constraint notices_id_key unique (id),
  constraint notices_is_one_of_two check (case kind
    when 'credits.expiring' then num_nulls(lot_seq, expires_at) = 0 and low_balance is null
    when 'balance.low' then num_nulls(lot_seq, expires_at) = 2 and low_balance is not null
    else false end)
);

-- At most once for a lot, and for an entry with which the balance fell below the mark.
create unique index notices_lot_idx on webhook.notices (wallet_id, lot_seq, expires_at)
  where kind = 'credits.expiring';
create unique index notices_crossing_idx on webhook.notices (wallet_id, seq) where kind = 'balance.low';

comment on table webhook.notices is $$@behavior -*
Notices for players, kept while webhooks may tell of them.$$;
comment on column webhook.notices.number is 'Its number: they are taken in this order.';
comment on column webhook.notices.id is 'Its webhook-id.';
comment on column webhook.notices.kind is 'credits.expiring or balance.low.';
comment on column webhook.notices.wallet_id is 'The wallet.';
comment on column webhook.notices.seq is
  'The number of the wallet''s newest entry then, or of the one with which the balance fell.';
comment on column webhook.notices.amount is
  'What will expire if nothing happens before; or the balance. In minor units.';
comment on column webhook.notices.lot_seq is 'The entry with which the credits that expire arrived.';
comment on column webhook.notices.expires_at is 'When they expire.';
comment on column webhook.notices.low_balance is 'The mark that the balance fell below.';
comment on column webhook.notices.created_at is 'When it was given.';

alter table webhook.endpoints enable row level security;
create policy operators_and_auditors_see_all on webhook.endpoints for select
  to wallet_operator, wallet_auditor using (true);
create policy the_worker_sees_all on webhook.endpoints for select to wallet_worker using (true);
grant select on webhook.endpoints to wallet_operator, wallet_auditor, wallet_worker;
alter table webhook.secrets enable row level security;
alter table webhook.deliveries enable row level security;
create policy operators_and_auditors_see_all on webhook.deliveries for select
  to wallet_operator, wallet_auditor using (true);
grant select on webhook.deliveries to wallet_operator, wallet_auditor;
alter table webhook.delivery_wallets enable row level security;
alter table webhook.taken_early enable row level security;
alter table webhook.notice_rules enable row level security;
create policy operators_and_auditors_see_all on webhook.notice_rules for select
  to wallet_operator, wallet_auditor using (true);
grant select on webhook.notice_rules to wallet_operator, wallet_auditor;
alter table webhook.notice_reader enable row level security;
alter table webhook.notices enable row level security;

create type webhook.new_secret as (
  endpoint text,
  secret text
);
comment on type webhook.new_secret is 'A secret that was made, which is shown this once.';
comment on column webhook.new_secret.endpoint is $$@notNull
The endpoint whose webhooks are signed with it.$$;
comment on column webhook.new_secret.secret is $$@notNull
What the receiver verifies signatures with: whsec_ and 32 bytes in base64, as Standard Webhooks has it.$$;
grant usage on type webhook.new_secret to wallet_operator;

create type webhook.message as (
  id uuid,
  kind text,
  wallet_id uuid,
  tries int,
  url text,
  body text,
  secrets text[]
);
comment on type webhook.message is $$@behavior -*
A webhook to be sent now.$$;
comment on column webhook.message.id is 'The webhook-id.';
comment on column webhook.message.kind is 'What it tells of.';
comment on column webhook.message.wallet_id is 'The wallet.';
comment on column webhook.message.tries is 'Which try this is: who settles it says so again.';
comment on column webhook.message.url is 'Where to.';
comment on column webhook.message.body is 'The text to send, in JSON.';
comment on column webhook.message.secrets is 'Each signs it.';

create type webhook.settled as (
  parked int,
  paused boolean
);
comment on type webhook.settled is $$@behavior -*
What came of webhooks that failed.$$;
comment on column webhook.settled.parked is 'How many were parked.';
comment on column webhook.settled.paused is 'Whether the endpoint was paused.';

create type webhook.figure as (
  endpoint text,
  state webhook.endpoint_state,
  waiting bigint,
  parked bigint,
  oldest_seconds double precision
);
comment on type webhook.figure is $$@behavior -*
How an endpoint is, for monitoring.$$;
comment on column webhook.figure.endpoint is 'The endpoint.';
comment on column webhook.figure.state is 'Whether it is sent to.';
comment on column webhook.figure.waiting is 'Webhooks that have not arrived, without those that are parked.';
comment on column webhook.figure.parked is 'Webhooks that are parked.';
comment on column webhook.figure.oldest_seconds is 'How long the first of those that wait has waited; 0 for none.';
--! EndIncluded schema/webhook.sql

--! Included functions/webhook/is_head.sql
create or replace function webhook.is_head(endpoint text, id uuid)
returns boolean
language sql
stable
as $$
  select not exists (
    select from webhook.delivery_wallets own
    cross join lateral (
      select from webhook.delivery_wallets b
      where b.endpoint = own.endpoint and b.wallet_id = own.wallet_id
        and (b.seq, b.part, b.id) < (own.seq, own.part, own.id)
      limit 1
    ) earlier
    where own.endpoint = is_head.endpoint and own.id = is_head.id)
$$;

comment on function webhook.is_head is $$@behavior -*
Whether a webhook is the first of each of its wallets that has not arrived at its endpoint.$$;
--! EndIncluded functions/webhook/is_head.sql

--! Included functions/webhook/is_of_feed.sql
create or replace function webhook.is_of_feed(place text)
returns boolean
language sql
stable
as $$
  select place is null or (split_part(place, '.', 1)::int = ledger_private.feed_epoch()
    and exists (
      select from ledger.entries e
      where e.actor is not null and e.xid = split_part(place, '.', 2)::xid8
        and e.transfer_id = split_part(place, '.', 3)::uuid))
$$;

comment on function webhook.is_of_feed is $$@behavior -*
Whether the feed goes on behind a cursor that it gave: it does not where the ledger was restored elsewhere, or to an
earlier moment. Without a cursor it begins.$$;
--! EndIncluded functions/webhook/is_of_feed.sql

--! Included functions/webhook/wake.sql
create or replace function webhook.wake(endpoint text, wallet_ids uuid[])
returns void
language sql
volatile
as $$
  update webhook.deliveries d set next_try_at = clock_timestamp()
  from (
    select distinct f.id from unnest(wake.wallet_ids) u (wallet_id)
    cross join lateral (
      select p.id from webhook.delivery_wallets p
      where p.endpoint = wake.endpoint and p.wallet_id = u.wallet_id
      order by p.seq, p.part, p.id
      limit 1
    ) f
  ) first
  where d.endpoint = wake.endpoint and d.id = first.id and d.next_try_at is null and d.parked_at is null
    and webhook.is_head(d.endpoint, d.id)
$$;

comment on function webhook.wake is $$@behavior -*
Lets the first webhook of each of these wallets be sent, if it waits for nothing else. The endpoint is locked.$$;
--! EndIncluded functions/webhook/wake.sql

--! Included functions/webhook/enqueue.sql
create or replace function webhook.enqueue(endpoint webhook.endpoints, ids uuid[], notices webhook.notices[])
returns void
language plpgsql
volatile
as $$
declare
  v_wallets uuid[];
  v_ids uuid[];
begin
  with found as (
    select t.id, t.kind::text as kind, t.wallet_id, 0::smallint as part, t.debit_wallet_id, t.debit_seq,
        t.credit_wallet_id, t.credit_seq
      from unnest(ids) i (id)
      cross join lateral (select m.* from ledger.transfers m where m.id = i.id limit 1) t
    union all
    select n.id, n.kind, n.wallet_id, 1, n.wallet_id, n.seq, null, null from unnest(notices) n
  ), asked as (
    select f.* from found f
      cross join lateral (select o.asset_code from ledger.wallets o where o.id = f.wallet_id limit 1) w
      where (endpoint.kinds is null or f.kind = any (endpoint.kinds))
        and (endpoint.asset_code is null or w.asset_code = endpoint.asset_code)
  ), added as (
    insert into webhook.deliveries (endpoint, id, kind, wallet_id, tries, waiting_since)
      select endpoint.name, a.id, a.kind, a.wallet_id, 0, clock_timestamp() from asked a
      on conflict do nothing
      returning deliveries.id
  ), placed as (
    insert into webhook.delivery_wallets (endpoint, wallet_id, seq, part, id)
      select distinct endpoint.name, s.wallet_id, s.seq, a.part, a.id
        from asked a
        join added d on d.id = a.id
        cross join lateral (values (a.debit_wallet_id, a.debit_seq), (a.credit_wallet_id, a.credit_seq))
          s (wallet_id, seq)
        where s.wallet_id is not null
      returning delivery_wallets.wallet_id, delivery_wallets.id
  )
  select array_agg(distinct p.wallet_id), array_agg(distinct p.id) into v_wallets, v_ids from placed p;
  -- After a replay, what could be sent may be behind others again.
  update webhook.deliveries d set next_try_at = null
    from unnest(v_wallets) u (wallet_id)
    cross join lateral (
      select p.id from webhook.delivery_wallets p
        where p.endpoint = endpoint.name and p.wallet_id = u.wallet_id and p.id <> all (v_ids)
        order by p.seq, p.part, p.id
        limit 1
    ) f
    where d.endpoint = endpoint.name and d.id = f.id and d.next_try_at is not null
      and not webhook.is_head(d.endpoint, d.id);
  perform webhook.wake(endpoint.name, v_wallets);
end
$$;

comment on function webhook.enqueue is $$@behavior -*
Makes deliveries of movements and notices, as far as the endpoint asks for them. The endpoint is locked.$$;
--! EndIncluded functions/webhook/enqueue.sql

--! Included functions/webhook/taken_before.sql
create or replace function webhook.taken_before(events ledger.event[], notices webhook.notices[], place text)
returns uuid[]
language sql
stable
as $$
  with recursive page as (
    select coalesce(split_part(taken_before.place, '.', 2), '0')::xid8 as xid,
      coalesce(split_part(taken_before.place, '.', 3), '00000000-0000-0000-0000-000000000000')::uuid as id
  ), before (wallet_id, seq, transfer_id) as (
    select s.wallet_id, s.seq, null::uuid
    from (
      select v.debit_wallet_id, v.debit_seq from unnest(taken_before.events) v
      union all
      select v.credit_wallet_id, v.credit_seq from unnest(taken_before.events) v
      union all
      select n.wallet_id, n.seq + 1 from unnest(taken_before.notices) n
    ) s (wallet_id, seq)
    where s.wallet_id is not null
    union
    select w.wallet_id, w.seq, p.transfer_id
    from before b
    cross join lateral (
      select e.transfer_id from ledger.entries e
      where e.wallet_id = b.wallet_id and e.seq = b.seq - 1
        and (e.xid, e.transfer_id) > ((select g.xid from page g), (select g.id from page g))
      limit 1
    ) p
    left join lateral (select t.* from ledger.transfers t where t.id = p.transfer_id limit 1) m on true
    cross join lateral (values (b.wallet_id, b.seq - 1), (m.debit_wallet_id, m.debit_seq),
      (m.credit_wallet_id, m.credit_seq)) w (wallet_id, seq)
    where w.wallet_id is not null
  )
  select array(select distinct b.transfer_id from before b where b.transfer_id is not null)
$$;

comment on function webhook.taken_before is $$@behavior -*
The movements that come before these events and notices, in their wallets and in those that they share a movement with,
although the feed has them behind this place: a transaction that began earlier may book later.$$;
--! EndIncluded functions/webhook/taken_before.sql

--! Included functions/webhook/event_body.sql
create or replace function webhook.event_body(id uuid)
returns text
language sql
stable
as $$
  select json_build_object(
      'type', t.kind,
      'timestamp', ledger_private.in_utc(t.created_at),
      'data', json_build_object(
        'transfer_id', t.id,
        'kind', t.kind,
        'wallet_id', t.wallet_id,
        'owner_id', w.owner_id,
        'asset_code', w.asset_code,
        'amount', t.amount::text,
        'bonus_amount', t.bonus_amount::text,
        'debit_wallet_id', t.debit_wallet_id,
        'debit_seq', t.debit_seq::text,
        'credit_wallet_id', t.credit_wallet_id,
        'credit_seq', t.credit_seq::text,
        'reverses', t.reverses,
        'hold_id', t.hold_id,
        'expires_at', ledger_private.in_utc(t.expires_at),
        'idem_key', t.idem_key,
        'actor', t.actor,
        'metadata', t.metadata,
        'created_at', ledger_private.in_utc(t.created_at)))::text
  from (select m.* from ledger.transfers m where m.id = event_body.id limit 1) t
  cross join lateral (
    select o.owner_id, o.asset_code from ledger.wallets o where o.id = t.wallet_id limit 1
  ) w
$$;

comment on function webhook.event_body is $$@behavior -*
A movement as a webhook tells of it: what the feed has, amounts and numbers as texts, without the cursor.$$;
--! EndIncluded functions/webhook/event_body.sql

--! Included functions/webhook/notice_body.sql
create or replace function webhook.notice_body(id uuid)
returns text
language sql
stable
as $$
  select json_build_object(
      'type', n.kind,
      'timestamp', ledger_private.in_utc(n.created_at),
      'data', case n.kind
        when 'credits.expiring' then json_build_object(
          'notice_id', n.id,
          'wallet_id', n.wallet_id,
          'owner_id', w.owner_id,
          'asset_code', w.asset_code,
          'amount', n.amount::text,
          'expires_at', ledger_private.in_utc(n.expires_at),
          'lot_seq', n.lot_seq::text,
          'created_at', ledger_private.in_utc(n.created_at))
        else json_build_object(
          'notice_id', n.id,
          'wallet_id', n.wallet_id,
          'owner_id', w.owner_id,
          'asset_code', w.asset_code,
          'balance', n.amount::text,
          'low_balance', n.low_balance::text,
          'seq', n.seq::text,
          'created_at', ledger_private.in_utc(n.created_at)) end)::text
  from webhook.notices n
  cross join lateral (
    select o.owner_id, o.asset_code from ledger.wallets o where o.id = n.wallet_id limit 1
  ) w
  where n.id = notice_body.id
$$;

comment on function webhook.notice_body is $$@behavior -*
A notice as a webhook tells of it.$$;
--! EndIncluded functions/webhook/notice_body.sql

--! Included functions/webhook/newest_cursor.sql
create or replace function webhook.newest_cursor()
returns text
language sql
stable
as $$
  select e.cursor from ledger.ledger_events_newest(null, 1) e
$$;

comment on function webhook.newest_cursor is $$@behavior -*
The last event that the feed has now; null for none.$$;
--! EndIncluded functions/webhook/newest_cursor.sql

--! Included functions/webhook/lock_endpoint.sql
create or replace function webhook.lock_endpoint(endpoint text)
returns webhook.endpoints
language plpgsql
volatile
as $$
declare
  v_endpoint webhook.endpoints;
begin
  if endpoint is null then
    perform ledger_private.refuse(ledger_private.invalid_argument('endpoint', 'Name the endpoint, such as crm.'));
  end if;
  select n.* into v_endpoint from webhook.endpoints n where n.name = lock_endpoint.endpoint for no key update;
  if not found then
    perform ledger_private.refuse(ledger_private.webhook_not_found(endpoint));
  end if;
  return v_endpoint;
end
$$;

comment on function webhook.lock_endpoint is $$@behavior -*
An endpoint, locked until the end of the transaction. WLARG, WLNWH: none is named, or there is none of that name.$$;
--! EndIncluded functions/webhook/lock_endpoint.sql

--! Included functions/webhook/check_wanted.sql
create or replace function webhook.check_wanted(url text, kinds text[], asset_code text)
returns void
language plpgsql
stable
as $$
declare
  v_kinds text[] := enum_range(null::ledger.transfer_kind)::text[] || array['credits.expiring', 'balance.low'];
begin
  -- What it is exactly, and whether it may be called, shows when it is.
  if url is null or char_length(url) > 2000
    or url collate "C" !~ '^https?://[]A-Za-z0-9._:[-]{1,255}([/?][!"$-~]*)?$' then
    perform ledger_private.refuse(ledger_private.invalid_argument('url',
      'Give an https address of at most 2000 characters, without a user, a password or a part after #.'));
  end if;
  if cardinality(kinds) = 0 or array_ndims(kinds) > 1 or array_position(kinds, null) is not null
    or not kinds <@ v_kinds then
    perform ledger_private.refuse(ledger_private.invalid_argument('kinds',
      format('Name some of %s, or leave them out for all.', array_to_string(v_kinds, ', '))));
  end if;
  if asset_code is not null and not exists (select from ledger.assets a where a.code = check_wanted.asset_code) then
    perform ledger_private.refuse(ledger_private.asset_not_found(asset_code));
  end if;
end
$$;

comment on function webhook.check_wanted is $$@behavior -*
WLARG, WLNOA: an address, kinds and an asset that no endpoint can have.$$;
--! EndIncluded functions/webhook/check_wanted.sql

--! Included functions/webhook/make_secret.sql
create or replace function webhook.make_secret(endpoint text)
returns webhook.new_secret
language plpgsql
volatile
as $$
declare
  v_secret text := 'whsec_' || encode(sha256(
    uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'base64');
begin
  insert into webhook.secrets (endpoint, secret, created_at) values (endpoint, v_secret, clock_timestamp());
  return row(endpoint, v_secret)::webhook.new_secret;
end
$$;

comment on function webhook.make_secret is $$@behavior -*
Makes a secret of 32 bytes, with which webhooks of an endpoint are signed from now on.$$;
--! EndIncluded functions/webhook/make_secret.sql

--! Included functions/webhook/collect.sql
create or replace function webhook.collect(endpoint text, "limit" int default 1000)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  -- Then the feed keeps what comes.
  c_most_waiting constant int := 100000;
  v_endpoint webhook.endpoints;
  v_events ledger.event[];
  v_notices webhook.notices[];
  v_cursor text;
  v_early uuid[];
  v_known uuid[];
begin
  select n.* into v_endpoint from webhook.endpoints n where n.name = collect.endpoint and n.state = 'active';
  if not found or (
    select count(*) from (
      select from webhook.deliveries d where d.endpoint = v_endpoint.name limit c_most_waiting
    ) w) = c_most_waiting then
    return false;
  end if;
  if not webhook.is_of_feed(v_endpoint.cursor) then
    -- The ledger was restored, here or elsewhere: where to go on, a person knows.
    update webhook.endpoints n set state = 'paused', paused_because = 'feed'
      where n.name = v_endpoint.name and n.cursor = v_endpoint.cursor;
    return false;
  end if;
  v_events := array(select e from ledger.ledger_events(v_endpoint.cursor, "limit") e);
  v_notices := array(select n from webhook.notices n where n.number > v_endpoint.last_notice
    order by n.number limit "limit");
  if cardinality(v_events) + cardinality(v_notices) = 0 then
    return false;
  end if;
  -- Only now, so that looking writes nothing; and only if nobody else has taken them meanwhile.
  perform from webhook.endpoints n
    where n.name = v_endpoint.name and n.state = 'active' and n.cursor is not distinct from v_endpoint.cursor
      and n.last_notice = v_endpoint.last_notice
    for no key update skip locked;
  if not found then
    return false;
  end if;

  v_cursor := coalesce(v_events[cardinality(v_events)].cursor, v_endpoint.cursor);
  v_early := webhook.taken_before(events => v_events, notices => v_notices, place => v_cursor);
  v_known := array(select t.transfer_id from webhook.taken_early t where t.endpoint = v_endpoint.name);
  perform webhook.enqueue(endpoint => v_endpoint, notices => v_notices, ids => array(
    select i from unnest(array(select e.transfer_id from unnest(v_events) e) || v_early) i
      where i <> all (v_known)));
  delete from webhook.taken_early t using unnest(v_events) e
    where t.endpoint = v_endpoint.name and t.transfer_id = e.transfer_id;
  insert into webhook.taken_early (endpoint, transfer_id) select v_endpoint.name, i from unnest(v_early) i
    on conflict do nothing;
  update webhook.endpoints n set cursor = v_cursor,
      last_notice = coalesce(v_notices[cardinality(v_notices)].number, n.last_notice)
    where n.name = v_endpoint.name;
  return cardinality(v_events) = "limit" or cardinality(v_notices) = "limit";
end
$$;

comment on function webhook.collect is $$@behavior -*
Takes the next events of the feed and the next notices for an endpoint, makes deliveries of those that it asks for, and
moves its cursor, all in one. Whether there may be more already. Does nothing while another session does it, while the
endpoint is paused, and while 100000 of its webhooks wait: the feed keeps what comes.

- endpoint: its name.
- limit: how many events and notices at most, 1 to 10000.$$;

grant execute on function webhook.collect to wallet_worker;
--! EndIncluded functions/webhook/collect.sql

--! Included functions/webhook/take.sql
create or replace function webhook.take(endpoint text, most int, lost_after interval)
returns setof webhook.message
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_endpoint webhook.endpoints;
begin
  select n.* into v_endpoint from webhook.endpoints n
    where n.name = take.endpoint and n.state = 'active' and coalesce(n.held_until, '-infinity') <= clock_timestamp();
  if not found then
    return;
  end if;
  return query
    with due as (
      select d.id from webhook.deliveries d
        where d.endpoint = v_endpoint.name and d.next_try_at <= clock_timestamp()
          and webhook.is_head(d.endpoint, d.id)
        order by d.next_try_at
        limit most
        for update skip locked
    ), taken as (
      update webhook.deliveries d set tries = d.tries + 1, first_try_at = coalesce(d.first_try_at, clock_timestamp()),
          next_try_at = clock_timestamp() + lost_after
        from due u
        where d.endpoint = v_endpoint.name and d.id = u.id
        returning d.id, d.kind, d.wallet_id, d.tries
    )
    select t.id, t.kind, t.wallet_id, t.tries, v_endpoint.url,
        case when t.kind in ('credits.expiring', 'balance.low') then webhook.notice_body(t.id)
          else webhook.event_body(t.id) end,
        array(select s.secret from webhook.secrets s
          where s.endpoint = v_endpoint.name and coalesce(s.expires_at, 'infinity') > clock_timestamp()
          order by s.created_at desc, s.secret)
      from taken t;
end
$$;

comment on function webhook.take is $$@behavior -*
Webhooks of an endpoint that are due, at most one for each wallet, which the caller sends now. Until it has settled
them, or they count as lost, nobody else gets them, nor any later ones of their wallets.

- endpoint: its name.
- most: how many at most.
- lostAfter: after how long without being settled they are given out again: longer than sending may take.$$;

grant execute on function webhook.take to wallet_worker;
--! EndIncluded functions/webhook/take.sql

--! Included functions/webhook/settle.sql
create or replace function webhook.settle(endpoint text, outcomes jsonb)
returns webhook.settled
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  c_give_up constant interval := '24 hours';
  v_now timestamptz := clock_timestamp();
  v_wallets uuid[];
  v_failure text;
  v_delivered int;
  v_settled webhook.settled := row(0, false)::webhook.settled;
begin
  perform from webhook.endpoints n where n.name = settle.endpoint for no key update;
  v_wallets := array(
    select distinct w.wallet_id
      from jsonb_to_recordset(outcomes) o (id uuid, tries int, failure text)
      join webhook.deliveries d on d.endpoint = settle.endpoint and d.id = o.id and d.tries = o.tries
      join webhook.delivery_wallets w on w.endpoint = d.endpoint and w.id = d.id
      where o.failure is null);
  delete from webhook.deliveries d
    using jsonb_to_recordset(outcomes) o (id uuid, tries int, failure text)
    where d.endpoint = settle.endpoint and d.id = o.id and d.tries = o.tries and o.failure is null;
  get diagnostics v_delivered = row_count;
  -- What is released begins a new day; the last try is at its end.
  with failed as (
    update webhook.deliveries d set
        failure = o.failure,
        parked_at = case when v_now >= d.first_try_at + c_give_up then v_now end,
        next_try_at = case when v_now < d.first_try_at + c_give_up
          then least(v_now + o.pause_ms * interval '1 ms', d.first_try_at + c_give_up) end
      from jsonb_to_recordset(outcomes) o (id uuid, tries int, failure text, pause_ms bigint)
      where d.endpoint = settle.endpoint and d.id = o.id and d.tries = o.tries and o.failure is not null
      returning d.parked_at, d.failure
  )
  select count(f.parked_at), max(f.failure) into v_settled.parked, v_failure from failed f;
  update webhook.endpoints n set
      delivered = n.delivered + v_delivered,
      delivered_at = case when v_delivered > 0 then v_now else n.delivered_at end,
      failed_at = case when v_failure is null then n.failed_at else v_now end,
      failure = coalesce(v_failure, n.failure),
      held_until = greatest(n.held_until, v_now + a.hold_ms * interval '1 ms'),
      state = case when a.gone then 'paused' else n.state end,
      paused_because = case when a.gone and n.state = 'active' then 'gone' else n.paused_because end
    from (
      select max(o.hold_ms) as hold_ms, coalesce(bool_or(o.gone), false) as gone
        from jsonb_to_recordset(outcomes) o (hold_ms bigint, gone boolean)
    ) a
    where n.name = settle.endpoint
    returning a.gone into v_settled.paused;
  perform webhook.wake(settle.endpoint, v_wallets);
  return v_settled;
end
$$;

comment on function webhook.settle is $$@behavior -*
Says what came of webhooks that were taken. One that arrived goes, and the next ones of its wallets may be sent; one
that failed is sent again after a pause, and is parked when it has failed for a day. One that counted as lost meanwhile,
and was given out again, is left alone.

- endpoint: its name.
- outcomes: a list of objects: id and tries as they were taken; failure, why it failed, null where it arrived; pauseMs,
  after how long to try again; holdMs, for how long the receiver wants nothing; gone, whether it wants nothing any more.
  (In SQL: pause_ms, hold_ms.)$$;

grant execute on function webhook.settle to wallet_worker;
--! EndIncluded functions/webhook/settle.sql

--! Included functions/webhook/figures.sql
create or replace function webhook.figures()
returns setof webhook.figure
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select n.name, n.state, w.waiting, w.parked,
    greatest(coalesce(extract(epoch from clock_timestamp() - w.oldest), 0), 0)::double precision
  from webhook.endpoints n
  cross join lateral (
    select count(*) filter (where d.parked_at is null) as waiting, count(d.parked_at) as parked,
      min(d.waiting_since) filter (where d.parked_at is null) as oldest
    from webhook.deliveries d where d.endpoint = n.name
  ) w
  order by n.name
$$;

comment on function webhook.figures is $$@behavior -*
For each endpoint how many webhooks wait and are parked, and how long the first of those that wait has waited.$$;

grant execute on function webhook.figures to wallet_worker, wallet_auditor;
--! EndIncluded functions/webhook/figures.sql

--! Included functions/webhook/low_balances.sql
create or replace function webhook.low_balances(events ledger.event[])
returns setof webhook.notices
language sql
stable
as $$
  -- A balance falls where credits leave.
  select 0::bigint, null::uuid, 'balance.low', v.debit_wallet_id, v.debit_seq, e.balance::bigint, null::bigint,
    null::timestamptz, r.low_balance, clock_timestamp()
  from unnest(low_balances.events) v
  cross join lateral (
    select o.asset_code from ledger.wallets o where o.id = v.debit_wallet_id and o.merged_into is null limit 1
  ) w
  join webhook.notice_rules r on r.asset_code = w.asset_code
  cross join lateral (
    select n.balance from ledger.entries n where n.wallet_id = v.debit_wallet_id and n.seq = v.debit_seq limit 1
  ) e
  cross join lateral (
    select n.balance from ledger.entries n where n.wallet_id = v.debit_wallet_id and n.seq = v.debit_seq - 1 limit 1
  ) b
  where e.balance < r.low_balance and b.balance >= r.low_balance
$$;

comment on function webhook.low_balances is $$@behavior -*
Notices of the movements with which a balance fell below its asset's mark.$$;
--! EndIncluded functions/webhook/low_balances.sql

--! Included functions/webhook/expiring_lots.sql
create or replace function webhook.expiring_lots(lots ledger_private.open_lots[])
returns setof webhook.notices
language sql
stable
as $$
  select 0::bigint, null::uuid, 'credits.expiring', o.wallet_id, h.seq, x.amount, o.lot_seq, o.expires_at, null::bigint,
    clock_timestamp()
  from unnest(expiring_lots.lots) o
  cross join lateral (
    select l.amount from ledger.expiring_lots l
    where l.wallet_id = o.wallet_id and l.seq = o.lot_seq and l.expires_at = o.expires_at
    limit 1
  ) x
  cross join lateral (
    select e.seq from ledger.entries e where e.wallet_id = o.wallet_id order by e.seq desc limit 1
  ) h
$$;

comment on function webhook.expiring_lots is $$@behavior -*
Notices of these lots, with what is left of them.$$;
--! EndIncluded functions/webhook/expiring_lots.sql

--! Included functions/webhook/lots_of_events.sql
create or replace function webhook.lots_of_events(events ledger.event[])
returns setof ledger_private.open_lots
language sql
stable
as $$
  select o.*
  from (
    select v.debit_wallet_id from unnest(lots_of_events.events) v
    union
    select v.credit_wallet_id from unnest(lots_of_events.events) v
  ) u (wallet_id)
  cross join lateral (select n.asset_code from ledger.wallets n where n.id = u.wallet_id limit 1) w
  join webhook.notice_rules r on r.asset_code = w.asset_code and r.expiring_hours is not null
  join ledger_private.open_lots o on o.wallet_id = u.wallet_id and o.expires_at <= r.due_at
    and o.due_at > clock_timestamp()
    and (o.due_at, o.wallet_id, o.lot_seq) <= (r.due_at, r.due_wallet_id, r.due_lot_seq)
$$;

comment on function webhook.lots_of_events is $$@behavior -*
Lots of the wallets of these events that expire within the time of notices although they were not there, or were
reserved, when notices came to their instant.$$;
--! EndIncluded functions/webhook/lots_of_events.sql

--! Included functions/webhook/next_lots.sql
create or replace function webhook.next_lots(asset_code text, "limit" int)
returns ledger_private.open_lots[]
language plpgsql
volatile
as $$
declare
  v_rule webhook.notice_rules;
  v_until timestamptz;
  v_lots ledger_private.open_lots[];
  v_last ledger_private.open_lots;
begin
  select r.* into v_rule from webhook.notice_rules r where r.asset_code = next_lots.asset_code;
  v_until := clock_timestamp() + v_rule.expiring_hours * interval '1 hour';
  v_lots := array(
    select o from ledger_private.open_lots o
      where (o.due_at, o.wallet_id, o.lot_seq) > (v_rule.due_at, v_rule.due_wallet_id, v_rule.due_lot_seq)
        and o.due_at > clock_timestamp() and o.due_at <= v_until
      order by o.due_at, o.wallet_id, o.lot_seq
      limit "limit");
  if cardinality(v_lots) = "limit" then
    v_last := v_lots["limit"];
  else
    v_last.due_at := v_until;
    v_last.wallet_id := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
    v_last.lot_seq := 9223372036854775807;
  end if;
  update webhook.notice_rules r
    set due_at = v_last.due_at, due_wallet_id = v_last.wallet_id, due_lot_seq = v_last.lot_seq
    where r.asset_code = v_rule.asset_code
      and (v_last.due_at, v_last.wallet_id, v_last.lot_seq) > (r.due_at, r.due_wallet_id, r.due_lot_seq);
  return array(
    select l from unnest(v_lots) l
      cross join lateral (select w.asset_code from ledger.wallets w where w.id = l.wallet_id limit 1) a
      where a.asset_code = v_rule.asset_code);
end
$$;

comment on function webhook.next_lots is $$@behavior -*
The next lots of an asset that expire within the time of its notices, of at most so many lots of all assets; the rule
says from then on how far it has come. Whoever calls has the turn to give notices.$$;
--! EndIncluded functions/webhook/next_lots.sql

--! Included functions/webhook/forget_notices.sql
create or replace function webhook.forget_notices("limit" int)
returns void
language sql
volatile
as $$
  delete from webhook.notices n
  where n.number in (select o.number from webhook.notices o order by o.number limit forget_notices."limit")
    -- Longer than before an expiry there is a notice: what has expired cannot get another one.
    and n.created_at < clock_timestamp() - interval '32 days'
    and n.number <= all (select e.last_notice from webhook.endpoints e)
    and not exists (select from webhook.deliveries d where d.id = n.id)
$$;

comment on function webhook.forget_notices is $$@behavior -*
Deletes the oldest notices that no endpoint needs any more, of so many that are looked at.$$;
--! EndIncluded functions/webhook/forget_notices.sql

--! Included functions/webhook/make_notices.sql
create or replace function webhook.make_notices("limit" int default 1000)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_cursor text;
  v_events ledger.event[];
  v_lots ledger_private.open_lots[];
  v_of_rule ledger_private.open_lots[];
  v_rule webhook.notice_rules;
  v_is_more boolean;
begin
  if not exists (select from webhook.notice_rules) then
    return false;
  end if;
  select r.cursor into v_cursor from webhook.notice_reader r;
  if webhook.is_of_feed(v_cursor) then
    v_events := array(select e from ledger.ledger_events(v_cursor, "limit") e);
  else
    -- The ledger was restored: lots are looked at anew, those with a notice have had it.
    v_events := array(select e from ledger.ledger_events_newest(null, 1) e);
    update webhook.notice_rules r set due_at = '-infinity';
  end if;
  -- Looking writes nothing; by the clock, there are new lots each minute.
  if cardinality(v_events) = 0 and not exists (
    select from webhook.notice_rules r
      where clock_timestamp() + r.expiring_hours * interval '1 hour' > r.due_at + interval '1 minute') then
    return false;
  end if;
  perform from webhook.notice_reader r where r.cursor is not distinct from v_cursor for no key update skip locked;
  if not found then
    return false;
  end if;

  v_is_more := cardinality(v_events) = "limit";
  v_lots := array(select o from webhook.lots_of_events(v_events) o);
  for v_rule in select r.* from webhook.notice_rules r where r.expiring_hours is not null order by r.asset_code loop
    v_of_rule := webhook.next_lots(v_rule.asset_code, "limit");
    v_is_more := v_is_more or cardinality(v_of_rule) = "limit";
    v_lots := v_lots || v_of_rule;
  end loop;
  insert into webhook.notices (number, kind, wallet_id, seq, amount, lot_seq, expires_at, low_balance, created_at)
    select coalesce((select max(m.number) from webhook.notices m), 0) + row_number() over (), n.kind, n.wallet_id,
        n.seq, n.amount, n.lot_seq, n.expires_at, n.low_balance, n.created_at
      from (
        select b.* from webhook.low_balances(v_events) b
        union all
        select x.* from webhook.expiring_lots(v_lots) x
      ) n
    on conflict do nothing;
  if cardinality(v_events) > 0 then
    update webhook.notice_reader r set cursor = v_events[cardinality(v_events)].cursor;
  end if;
  perform webhook.forget_notices("limit");
  return v_is_more;
end
$$;

comment on function webhook.make_notices is $$@behavior -*
Gives the notices that the rules ask for: of lots that expire within the time, each lot once, and of movements with
which a balance fell below the mark, each of them once. Whether there may be more already. It reads the feed on, and the
list of open lots by their expiry: nothing of it is part of a posting.

- limit: how many events, and how many lots for each rule, at most.$$;

grant execute on function webhook.make_notices to wallet_worker;
--! EndIncluded functions/webhook/make_notices.sql

--! Included functions/webhook/endpoint_create.sql
create or replace function webhook.endpoint_create(
  endpoint text,
  url text,
  kinds text[] default null,
  asset_code text default null
)
returns webhook.new_secret
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if endpoint is null or endpoint collate "C" !~ '^[a-z0-9][a-z0-9_.-]{0,63}$' then
    perform ledger_private.refuse(ledger_private.invalid_argument('endpoint',
      'Give a name of 1 to 64 small letters, digits, points, dashes and underscores, such as crm.'));
  end if;
  perform webhook.check_wanted(url => url, kinds => kinds, asset_code => asset_code);
  insert into webhook.endpoints (name, url, kinds, asset_code, state, cursor, last_notice, delivered, actor,
      created_at, changed_at)
    values (endpoint, url, kinds, asset_code, 'active', webhook.newest_cursor(),
      coalesce((select max(n.number) from webhook.notices n), 0), 0, ledger_private.actor(),
      clock_timestamp(), clock_timestamp())
    on conflict do nothing;
  if not found then
    perform ledger_private.refuse(ledger_private.webhook_exists(endpoint));
  end if;
  return webhook.make_secret(endpoint);
end
$$;

comment on function webhook.endpoint_create is
$$@resultFieldName secret
Adds an address to which movements and notices are posted as they come, and shows the secret that the receiver verifies
them with: this once. What was booked before is not sent, unless webhookEndpointReplay says so.

- endpoint: its name: 1 to 64 small letters, digits, points, dashes and underscores.
- url: an https address. One inside the network is refused when it is called, unless the service allows it.
- kinds: kinds of movements, and credits.expiring and balance.low for notices; all if left out.
- assetCode: the asset; all if left out.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA), WEBHOOK_EXISTS (WLWHX).$$;

grant execute on function webhook.endpoint_create to wallet_operator;
--! EndIncluded functions/webhook/endpoint_create.sql

--! Included functions/webhook/endpoint_change.sql
create or replace function webhook.endpoint_change(
  endpoint text,
  url text,
  kinds text[] default null,
  asset_code text default null
)
returns webhook.endpoints
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_endpoint webhook.endpoints;
begin
  perform webhook.check_wanted(url => url, kinds => kinds, asset_code => asset_code);
  v_endpoint := webhook.lock_endpoint(endpoint);
  update webhook.endpoints n
    set url = endpoint_change.url, kinds = endpoint_change.kinds, asset_code = endpoint_change.asset_code,
      actor = ledger_private.actor(), changed_at = clock_timestamp()
    where n.name = v_endpoint.name
    returning n.* into v_endpoint;
  return v_endpoint;
end
$$;

comment on function webhook.endpoint_change is
$$@resultFieldName endpoint
Sets all at once what an endpoint is: its address, its kinds and its asset. What waits for it already is sent as well,
to the new address.

- endpoint: its name.
- url: the new address, or the present one again.
- kinds: kinds of movements, and credits.expiring and balance.low for notices; all if left out.
- assetCode: the asset; all if left out.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA), WEBHOOK_NOT_FOUND (WLNWH).$$;

grant execute on function webhook.endpoint_change to wallet_operator;
--! EndIncluded functions/webhook/endpoint_change.sql

--! Included functions/webhook/endpoint_rotate_secret.sql
create or replace function webhook.endpoint_rotate_secret(endpoint text, overlap_hours int default 24)
returns webhook.new_secret
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_endpoint webhook.endpoints;
begin
  if overlap_hours not between 0 and 720 then
    perform ledger_private.refuse(ledger_private.invalid_argument('overlap_hours',
      'Let the present secret sign for another 0 to 720 hours.'));
  end if;
  v_endpoint := webhook.lock_endpoint(endpoint);
  delete from webhook.secrets s where s.endpoint = v_endpoint.name and s.expires_at <= clock_timestamp();
  update webhook.secrets s
    set expires_at = least(s.expires_at, clock_timestamp() + coalesce(overlap_hours, 24) * interval '1 hour')
    where s.endpoint = v_endpoint.name;
  update webhook.endpoints n set actor = ledger_private.actor(), changed_at = clock_timestamp()
    where n.name = v_endpoint.name;
  return webhook.make_secret(v_endpoint.name);
end
$$;

comment on function webhook.endpoint_rotate_secret is
$$@resultFieldName secret
Makes a new secret for an endpoint and shows it this once. The present one signs as well for a while, so that the
receiver can take its time.

- endpoint: its name.
- overlapHours: for how many hours the present secret signs too, 0 to 720; 24 if left out. 0 where it has become known.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WEBHOOK_NOT_FOUND (WLNWH).$$;

grant execute on function webhook.endpoint_rotate_secret to wallet_operator;
--! EndIncluded functions/webhook/endpoint_rotate_secret.sql

--! Included functions/webhook/endpoint_pause.sql
create or replace function webhook.endpoint_pause(endpoint text)
returns webhook.endpoints
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_endpoint webhook.endpoints := webhook.lock_endpoint(endpoint);
begin
  if v_endpoint.state = 'active' then
    update webhook.endpoints n
      set state = 'paused', paused_because = 'operator', actor = ledger_private.actor(),
        changed_at = clock_timestamp()
      where n.name = v_endpoint.name
      returning n.* into v_endpoint;
  end if;
  return v_endpoint;
end
$$;

comment on function webhook.endpoint_pause is
$$@resultFieldName endpoint
Sends nothing to an endpoint until it is resumed. What is booked meanwhile is sent then. Pausing it again changes
nothing.

- endpoint: its name.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WEBHOOK_NOT_FOUND (WLNWH).$$;

grant execute on function webhook.endpoint_pause to wallet_operator;
--! EndIncluded functions/webhook/endpoint_pause.sql

--! Included functions/webhook/endpoint_resume.sql
create or replace function webhook.endpoint_resume(endpoint text)
returns webhook.endpoints
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_endpoint webhook.endpoints := webhook.lock_endpoint(endpoint);
begin
  if v_endpoint.cursor is not null then
    -- Refuses a cursor of another ledger, with which it would be paused at once.
    perform from ledger_private.feed_place('cursor', v_endpoint.cursor, ledger_private.feed_epoch());
  end if;
  if v_endpoint.state = 'paused' then
    update webhook.endpoints n
      set state = 'active', paused_because = null, held_until = null, actor = ledger_private.actor(),
        changed_at = clock_timestamp()
      where n.name = v_endpoint.name
      returning n.* into v_endpoint;
    -- The time in which nothing was sent is no part of the day for which a webhook is tried.
    update webhook.deliveries d set first_try_at = null
      where d.endpoint = v_endpoint.name and d.first_try_at is not null and d.parked_at is null;
  end if;
  return v_endpoint;
end
$$;

comment on function webhook.endpoint_resume is
$$@resultFieldName endpoint
Sends to an endpoint again that was paused, beginning with what has waited. Resuming it again changes nothing.

- endpoint: its name.

Refuses, in this order, with WEBHOOK_NOT_FOUND (WLNWH), INVALID_ARGUMENT (WLARG): its cursor is of another ledger, and
webhookEndpointReplay has to say where to go on.$$;

grant execute on function webhook.endpoint_resume to wallet_operator;
--! EndIncluded functions/webhook/endpoint_resume.sql

--! Included functions/webhook/endpoint_delete.sql
create or replace function webhook.endpoint_delete(endpoint text)
returns webhook.endpoints
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_endpoint webhook.endpoints := webhook.lock_endpoint(endpoint);
begin
  delete from webhook.endpoints n where n.name = v_endpoint.name;
  return v_endpoint;
end
$$;

comment on function webhook.endpoint_delete is
$$@resultFieldName endpoint
Deletes an endpoint, its secrets and what waits for it.

- endpoint: its name.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WEBHOOK_NOT_FOUND (WLNWH).$$;

grant execute on function webhook.endpoint_delete to wallet_operator;
--! EndIncluded functions/webhook/endpoint_delete.sql

--! Included functions/webhook/endpoint_replay.sql
create or replace function webhook.endpoint_replay(
  endpoint text,
  after text default null,
  from_newest boolean default false
)
returns webhook.endpoints
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_endpoint webhook.endpoints;
begin
  if from_newest and after is not null then
    perform ledger_private.refuse(ledger_private.invalid_argument('from_newest',
      'Give a cursor, or true, or neither to begin with the first event.'));
  end if;
  if after is not null then
    perform from ledger_private.feed_place('after', after, ledger_private.feed_epoch());
  end if;
  v_endpoint := webhook.lock_endpoint(endpoint);
  delete from webhook.taken_early t where t.endpoint = v_endpoint.name;
  update webhook.endpoints n
    set cursor = case when from_newest then webhook.newest_cursor() else after end,
      state = case when n.paused_because = 'feed' then 'active' else n.state end,
      paused_because = nullif(n.paused_because, 'feed'),
      actor = ledger_private.actor(), changed_at = clock_timestamp()
    where n.name = v_endpoint.name
    returning n.* into v_endpoint;
  return v_endpoint;
end
$$;

comment on function webhook.endpoint_replay is
$$@resultFieldName endpoint
Says where in the feed an endpoint goes on. Movements behind that place are sent again, with the same webhook-id; what
waits already is sent as well. Notices are not sent again.

- endpoint: its name.
- after: a cursor of the feed (ledgerEvents): it goes on behind that event; from the first one on if left out.
- fromNewest: true to skip all that the feed has now.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WEBHOOK_NOT_FOUND (WLNWH).$$;

grant execute on function webhook.endpoint_replay to wallet_operator;
--! EndIncluded functions/webhook/endpoint_replay.sql

--! Included functions/webhook/delivery_release.sql
create or replace function webhook.delivery_release(endpoint text, id uuid default null)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_endpoint webhook.endpoints := webhook.lock_endpoint(endpoint);
  v_released bigint;
begin
  update webhook.deliveries d
    set parked_at = null, first_try_at = null,
      next_try_at = case when webhook.is_head(d.endpoint, d.id) then clock_timestamp() end
    where d.endpoint = v_endpoint.name and d.parked_at is not null
      and (delivery_release.id is null or d.id = delivery_release.id);
  get diagnostics v_released = row_count;
  if v_released = 0 and id is not null then
    perform ledger_private.refuse(ledger_private.webhook_not_found(endpoint, id));
  end if;
  return v_released;
end
$$;

comment on function webhook.delivery_release is
$$@resultFieldName released
Sends parked webhooks of an endpoint again, for another day. Returns how many.

- endpoint: its name.
- id: the one; all of them if left out.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WEBHOOK_NOT_FOUND (WLNWH): no such endpoint, or no such parked
webhook.$$;

grant execute on function webhook.delivery_release to wallet_operator;
--! EndIncluded functions/webhook/delivery_release.sql

--! Included functions/webhook/delivery_drop.sql
create or replace function webhook.delivery_drop(endpoint text, id uuid)
returns webhook.deliveries
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_endpoint webhook.endpoints;
  v_delivery webhook.deliveries;
  v_wallets uuid[];
begin
  if id is null then
    perform ledger_private.refuse(ledger_private.invalid_argument('id', 'Name the webhook by its id.'));
  end if;
  v_endpoint := webhook.lock_endpoint(endpoint);
  v_wallets := array(
    select w.wallet_id from webhook.delivery_wallets w
      where w.endpoint = v_endpoint.name and w.id = delivery_drop.id);
  delete from webhook.deliveries d
    where d.endpoint = v_endpoint.name and d.id = delivery_drop.id and d.parked_at is not null
    returning d.* into v_delivery;
  if not found then
    perform ledger_private.refuse(ledger_private.webhook_not_found(endpoint, id));
  end if;
  perform webhook.wake(v_endpoint.name, v_wallets);
  return v_delivery;
end
$$;

comment on function webhook.delivery_drop is
$$@resultFieldName delivery
Drops a parked webhook: it is never sent, and the later ones of its wallets go on.

- endpoint: its name.
- id: the webhook.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WEBHOOK_NOT_FOUND (WLNWH): no such endpoint, or no such parked
webhook.$$;

grant execute on function webhook.delivery_drop to wallet_operator;
--! EndIncluded functions/webhook/delivery_drop.sql

--! Included functions/webhook/notice_set.sql
create or replace function webhook.notice_set(
  asset_code text,
  expiring_hours int default null,
  low_balance bigint default null
)
returns webhook.notice_rules
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_rule webhook.notice_rules;
begin
  if asset_code is null then
    perform ledger_private.refuse(ledger_private.invalid_argument('asset_code', 'Name the asset, such as GOLD.'));
  elsif expiring_hours not between 1 and 720 then
    perform ledger_private.refuse(ledger_private.invalid_argument('expiring_hours',
      'Give 1 to 720 hours, or leave it out for no such notices.'));
  elsif low_balance not between 1 and 1000000000000000 then
    perform ledger_private.refuse(ledger_private.invalid_argument('low_balance',
      'Give a mark of 1 to 1000000000000000 minor units, or leave it out for no such notices.'));
  elsif not exists (select from ledger.assets a where a.code = notice_set.asset_code) then
    perform ledger_private.refuse(ledger_private.asset_not_found(asset_code));
  end if;
  -- What was booked before the first rule is not looked at.
  update webhook.notice_reader r set cursor = webhook.newest_cursor()
    where not exists (select from webhook.notice_rules);
  insert into webhook.notice_rules as r (asset_code, expiring_hours, low_balance, due_at, due_wallet_id, due_lot_seq,
      actor, changed_at)
    values (notice_set.asset_code, notice_set.expiring_hours, notice_set.low_balance, '-infinity',
      '00000000-0000-0000-0000-000000000000', 0, ledger_private.actor(), clock_timestamp())
    on conflict on constraint notice_rules_pkey do update
      set expiring_hours = excluded.expiring_hours, low_balance = excluded.low_balance,
        -- A shorter time: those between have had their notice, new ones get it later.
        due_at = least(r.due_at, clock_timestamp() + coalesce(excluded.expiring_hours, 0) * interval '1 hour'),
        actor = excluded.actor, changed_at = excluded.changed_at
    returning r.* into v_rule;
  return v_rule;
end
$$;

comment on function webhook.notice_set is
$$@resultFieldName rule
Sets what players of an asset are given notice of, by webhooks of the kinds credits.expiring and balance.low: once for
the bonus credits of one expiry that arrived together, and once each time that a balance falls below the mark. Null
means no such notices.

- assetCode: the asset, such as GOLD.
- expiringHours: how many hours before bonus credits expire, 1 to 720.
- lowBalance: the mark, in minor units, 1 to 1000000000000000.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA).$$;

grant execute on function webhook.notice_set to wallet_operator;
--! EndIncluded functions/webhook/notice_set.sql

--! Included functions/webhook/endpoints_waiting.sql
create or replace function webhook.endpoints_waiting(endpoint webhook.endpoints)
returns bigint
language sql
stable
return (select count(*) from webhook.deliveries d where d.endpoint = endpoint.name and d.parked_at is null);

comment on function webhook.endpoints_waiting is $$@notNull
How many webhooks wait until it takes them, without those that are parked.$$;

grant execute on function webhook.endpoints_waiting to wallet_operator, wallet_auditor;
--! EndIncluded functions/webhook/endpoints_waiting.sql

--! Included functions/webhook/endpoints_parked.sql
create or replace function webhook.endpoints_parked(endpoint webhook.endpoints)
returns bigint
language sql
stable
return (select count(*) from webhook.deliveries d where d.endpoint = endpoint.name and d.parked_at is not null);

comment on function webhook.endpoints_parked is $$@notNull
How many webhooks are parked: each failed for a day, and holds back later ones of its wallets.$$;

grant execute on function webhook.endpoints_parked to wallet_operator, wallet_auditor;
--! EndIncluded functions/webhook/endpoints_parked.sql

--! Included functions/webhook/endpoints_waiting_since.sql
create or replace function webhook.endpoints_waiting_since(endpoint webhook.endpoints)
returns timestamptz
language sql
stable
return (
  select d.waiting_since
  from webhook.deliveries d
  where d.endpoint = endpoint.name and d.parked_at is null
  order by d.waiting_since, d.id
  limit 1
);

comment on function webhook.endpoints_waiting_since is
  'Since when the first of the webhooks that wait has done so; null where none waits.';

grant execute on function webhook.endpoints_waiting_since to wallet_operator, wallet_auditor;
--! EndIncluded functions/webhook/endpoints_waiting_since.sql

--! Included functions/webhook/endpoints_deliveries.sql
create or replace function webhook.endpoints_deliveries(endpoint webhook.endpoints, parked boolean default false)
returns setof webhook.deliveries
language sql
stable
begin atomic
  -- One of the two has rows. Each is in order by itself, so that a page of it can be read from an index.
  (
    select d.*
    from webhook.deliveries d
    where d.endpoint = endpoint.name and d.parked_at is not null and endpoints_deliveries.parked
    order by d.parked_at, d.id
  )
  union all
  (
    select d.*
    from webhook.deliveries d
    where d.endpoint = endpoint.name and d.parked_at is null and not endpoints_deliveries.parked
    order by d.waiting_since, d.id
  );
end;

comment on function webhook.endpoints_deliveries is
$$The webhooks that have not arrived there yet, the oldest first.

- parked: true for those that are parked; those that wait if left out.$$;

grant execute on function webhook.endpoints_deliveries to wallet_operator, wallet_auditor;
--! EndIncluded functions/webhook/endpoints_deliveries.sql

reset role;
