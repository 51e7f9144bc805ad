-- The log: a row for each movement and each player's wallet that it touches, with what it left in that wallet. The
-- newest row of a wallet is its balance. The row of the wallet that acted carries the request. What the house's
-- accounts have is the sum of the rows that name them.
create type ledger.transfer_kind as enum (
  'top_up', 'bonus', 'spend', 'transfer', 'hold', 'capture', 'release', 'reversal', 'expiry',
  'opening', 'exchange', 'adjustment', 'debt', 'collection', 'forgiveness', 'merge'
);
comment on type ledger.transfer_kind is
  'What a movement is.';
grant usage on type ledger.transfer_kind to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

-- A rule of one column costs a sixth of a CHECK of the table, which PostgreSQL reads anew for each statement. So what
-- is not bonus and what is not reserved are columns too.
create domain ledger.units as bigint constraint units_are_not_negative check (value >= 0);
comment on domain ledger.units is 'Minor units of an asset, of which nobody can have less than none.';
grant usage on type ledger.units to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create table ledger.entries (
  wallet_id uuid not null,
  transfer_id uuid not null,
  seq bigint not null,
  amount bigint not null,
  bonus_amount bigint not null,
  held_amount bigint not null,
  balance ledger.units not null,
  bonus_balance ledger.units not null,
  held_balance ledger.units not null,
  paid_balance ledger.units not null,
  free_balance ledger.units not null,
  topped_up_total bigint not null,
  granted_total bigint not null,
  spent_total bigint not null,
  sent_total bigint not null,
  created_at timestamptz not null,
  xid xid8 not null,
  kind ledger.transfer_kind not null,
  debit ledger.account not null,
  credit ledger.account not null,
  -- Of the wallet that acted only.
  actor text,
  idem_key text,
  to_wallet uuid,
  to_seq bigint,
  requested_amount bigint,
  held_bonus_amount bigint,
  reverses uuid,
  hold_id uuid,
  expires_at timestamptz,
  metadata jsonb,
  hash bytea not null,
  -- Behind all others: a usual row does not name it.
  owed bigint,
  -- The second wall: a writer that read an old head collides here instead of overwriting history.
  primary key (wallet_id, seq),
  -- Declared, not enforced: the functions hold the wallets locked, and ledger_verify() proves it. It documents the
  -- model and gives GraphQL the relation.
  constraint entries_wallet_id_fkey foreign key (wallet_id) references ledger.wallets (id) not enforced
);

-- A key books once. It comes before the wallet, so that it is found without one too, byte by byte under any collation.
create unique index entries_idem_key_wallet_id_key on ledger.entries (idem_key text_pattern_ops, wallet_id)
  where idem_key is not null;
-- A movement is found by its id; it finds its reversals; and the feed its place.
create unique index entries_transfer_id_idx on ledger.entries (transfer_id) where actor is not null;
create index entries_reverses_idx on ledger.entries (reverses) where reverses is not null;
create index entries_xid_transfer_id_idx on ledger.entries (xid, transfer_id) where actor is not null;
-- A hold ends once.
create unique index entries_hold_closed_once_idx on ledger.entries (wallet_id, hold_id) where hold_id is not null
  and kind <> 'hold';

comment on table ledger.entries is $$@behavior -query:resource:connection -query:resource:list
@foreignKey (transfer_id) references transfers (id)|@fieldName transfer|@behavior -manyRelation:resource:connection -manyRelation:resource:list
One line of a wallet's history, with the balances as that line left them. Append-only; the newest line is the
balance.$$;
comment on constraint entries_wallet_id_fkey on ledger.entries is '@foreignFieldName entries';
comment on column ledger.entries.wallet_id is 'The wallet whose history this is a line of.';
comment on column ledger.entries.transfer_id is
  'The movement. The two lines of a movement between players have the same.';
comment on column ledger.entries.seq is 'Number of the line within its wallet: 1, 2, 3 and so on without gaps.';
comment on column ledger.entries.amount is
  'The amount moved, in minor units; 0 where credits were only reserved or freed.';
comment on column ledger.entries.bonus_amount is 'The part of the amount that was bonus credits, in minor units.';
comment on column ledger.entries.held_amount is
  'Change of the reserved credits, in minor units; negative where a reservation ended.';
comment on column ledger.entries.balance is
  'Balance after this line, in minor units, reserved and bonus credits included.';
comment on column ledger.entries.bonus_balance is
  'The part of the balance that is bonus credits, after this line, in minor units.';
comment on column ledger.entries.held_balance is
  'The part of the balance that is reserved, after this line, in minor units.';
comment on column ledger.entries.paid_balance is $$@behavior -*
The part of the balance that is not bonus credits, after this line, in minor units.$$;
comment on column ledger.entries.free_balance is $$@behavior -*
The part of the balance that is not reserved, after this line, in minor units.$$;
comment on column ledger.entries.topped_up_total is 'All credits ever bought, after this line, in minor units.';
comment on column ledger.entries.granted_total is 'All bonus credits ever granted, after this line, in minor units.';
comment on column ledger.entries.spent_total is 'All credits ever spent, after this line, in minor units.';
comment on column ledger.entries.sent_total is
  'All credits ever sent to other players, after this line, in minor units.';
comment on column ledger.entries.created_at is 'When it was booked; never earlier than the line before it.';
comment on column ledger.entries.xid is $$@behavior -*
The transaction that wrote it: its place in the feed, within an epoch. No fact of the movement, and not in its hash.$$;
comment on column ledger.entries.kind is 'What the movement is.';
comment on column ledger.entries.debit is
  'The account that the amount leaves: player, which is this wallet or the other of the movement, or the house''s.';
comment on column ledger.entries.credit is 'The account that the amount reaches.';
comment on column ledger.entries.actor is $$@behavior -*
Who called: the token's role and subject, or db: and the database login. Not null in the line of the wallet that acted,
and only there.$$;
comment on column ledger.entries.idem_key is $$@behavior -*
The caller's idempotency key, unique within the wallet for ever; null where the system booked.$$;
comment on column ledger.entries.to_wallet is $$@behavior -*
The other player's wallet, where the movement is between two; the line there does not name this one: who sent is not for
who received. Of an exchange and its reversal, the same owner's wallet of the other asset: each line names the other.$$;
comment on column ledger.entries.to_seq is $$@behavior -*
The number of the line there.$$;
comment on column ledger.entries.requested_amount is $$@behavior -*
The amount as the caller asked for it, in minor units; null where it asked for all.$$;
comment on column ledger.entries.held_bonus_amount is $$@behavior -*
Of a hold or a release, the part of what was reserved or freed that is bonus credits, in minor units. 0 in a top-up
whose payment stands in unique_references.$$;
comment on column ledger.entries.reverses is $$@behavior -*
The transfer that this one reverses, if it is a reversal.$$;
comment on column ledger.entries.hold_id is $$@behavior -*
The hold that this one opened, captured or released.$$;
comment on column ledger.entries.expires_at is $$@behavior -*
When the credits or the hold expire, as asked.$$;
comment on column ledger.entries.metadata is $$@behavior -*
The caller's own facts: a JSON object of at most 8192 bytes; of an adjustment, a forgiveness or a merge also its
reason; {} also where they had to be blanked by law.$$;
comment on column ledger.entries.hash is
  'SHA-256 over the hash of the line before and every fact of this one: one chain per wallet.';
comment on column ledger.entries.owed is
  'What the wallet owes after this line, in minor units; null for nothing.';

create trigger _100_guard_insert before insert on ledger.entries
  for each statement execute function ledger_private.tg__guard_insert();
--!include functions/ledger_private/triggers/tg_entries__append_only.sql
create trigger _200_append_only before update or delete or truncate on ledger.entries
  for each statement execute function ledger_private.tg_entries__append_only();
--!include functions/ledger_private/triggers/tg_entries__metadata_only.sql
create trigger _300_metadata_only before update on ledger.entries
  for each row execute function ledger_private.tg_entries__metadata_only();

-- Of a transfer received, a player sees the own line alone: the key, the metadata and the sender stand in the sender's.
alter table ledger.entries enable row level security;
create policy players_see_their_own on ledger.entries for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = entries.wallet_id));
create policy services_see_every_player on ledger.entries for select to wallet_service, wallet_operator,
  wallet_job using (true);
create policy auditors_see_all on ledger.entries for select to wallet_auditor using (true);
grant select on ledger.entries to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

--!include functions/ledger/entries_side.sql
--!include functions/ledger_private/nodes/is_here.sql
--!include functions/ledger_private/nodes/received_from_elsewhere.sql
--!include functions/ledger_private/nodes/is_from_elsewhere.sql
--!include functions/ledger_private/nodes/movements.sql
--!include functions/ledger_private/nodes/accounts_here.sql

--!include views/transfers.sql
--!include views/journal.sql
