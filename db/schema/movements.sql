-- The log: what moved, and what each movement left in each wallet. The newest entry of a wallet is its balance.
-- Foreign keys of the hot tables are declared and not enforced: the functions hold the wallets locked, and ledger_verify() proves
-- them. They document the model and give GraphQL its relations.
create type ledger.transfer_kind as enum
  ('top_up', 'bonus', 'spend', 'transfer', 'hold', 'capture', 'release', 'reversal', 'expiry');
comment on type ledger.transfer_kind is 'What a movement is.';
grant usage on type ledger.transfer_kind to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create table ledger.transfers (
  id uuid not null,
  wallet_id uuid not null,
  idem_key text,
  kind ledger.transfer_kind not null,
  debit_wallet_id uuid,
  debit_seq bigint,
  credit_wallet_id uuid,
  credit_seq bigint,
  requested_amount bigint,
  amount bigint not null,
  bonus_amount bigint not null default 0,
  reverses uuid,
  hold_id uuid,
  expires_at timestamptz,
  metadata jsonb not null,
  actor text not null,
  created_at timestamptz not null,
  xid xid8 not null default pg_current_xact_id(),
  constraint transfers_wallet_id_idem_key_key unique (wallet_id, idem_key),
  constraint transfers_wallet_id_fkey foreign key (wallet_id) references ledger.wallets (id) not enforced,
  constraint transfers_bonus_amount_is_part_of_amount check (bonus_amount between 0 and amount)
);
-- Made last, so that a movement is looked up by it: see holds.
alter table ledger.transfers
  add primary key (id),
  add constraint transfers_reverses_fkey foreign key (reverses) references ledger.transfers (id) not enforced;

-- A movement finds its reversals; and the feed its place.
create index transfers_reverses_idx on ledger.transfers (reverses) where reverses is not null;
create index transfers_xid_id_idx on ledger.transfers (xid, id);

comment on table ledger.transfers is $$@behavior -query:resource:connection -query:resource:list -filter -order
One movement of credits, booked as one debit and one credit entry of the same amount; a hold or a release, which only reserves or frees, as one
entry of the wallet. Append-only.$$;
comment on constraint transfers_wallet_id_idem_key_key on ledger.transfers is $$@fieldName transferByIdemKey$$;
comment on constraint transfers_wallet_id_fkey on ledger.transfers is $$@behavior -manyRelation:resource:connection -manyRelation:resource:list$$;
comment on constraint transfers_reverses_fkey on ledger.transfers is $$@fieldName reversedTransfer
@forwardDescription The movement that this one reverses.
@foreignFieldName reversals
@backwardDescription What has been taken back of it: its reversals, oldest first.
@isIndexed$$;
comment on column ledger.transfers.id is 'Time-ordered id of the movement.';
comment on column ledger.transfers.wallet_id is 'The wallet the call acted for: the scope of its idempotency key.';
comment on column ledger.transfers.idem_key is
  'The caller''s idempotency key, unique within the wallet for ever; null only for what the system books itself.';
comment on column ledger.transfers.kind is 'What the movement is.';
comment on column ledger.transfers.debit_wallet_id is 'The wallet of the debit entry.';
comment on column ledger.transfers.debit_seq is 'The debit entry''s number within its wallet.';
comment on column ledger.transfers.credit_wallet_id is 'The wallet of the credit entry.';
comment on column ledger.transfers.credit_seq is 'The credit entry''s number within its wallet.';
comment on column ledger.transfers.requested_amount is 'The amount as the caller asked for it, in minor units; null where it asked for all.';
comment on column ledger.transfers.amount is
  'The amount moved, or reserved by a hold and freed by a release, in minor units of the asset.';
comment on column ledger.transfers.bonus_amount is 'The part of the amount that was bonus credits, in minor units.';
comment on column ledger.transfers.reverses is 'The transfer that this one reverses, if it is a reversal.';
comment on column ledger.transfers.hold_id is 'The hold that this one opened, captured or released.';
comment on column ledger.transfers.expires_at is 'When the credits or the hold expire, as asked.';
comment on column ledger.transfers.metadata is 'The caller''s own facts: a JSON object of at most 8192 bytes.';
comment on column ledger.transfers.actor is 'Who called: the token''s role and subject, or db: and the database login.';
comment on column ledger.transfers.created_at is 'When it was booked.';
comment on column ledger.transfers.xid is $$@behavior -*
The transaction that wrote it: its place in the feed, within an epoch. No fact of the movement, and not in its hash.$$;

create trigger _100_guard_insert before insert on ledger.transfers
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.transfers
  for each statement execute function ledger_private.tg__append_only();

-- Of a transfer received, a player sees the entry alone: the key and the metadata are the sender's.
alter table ledger.transfers enable row level security;
create policy players_see_their_own on ledger.transfers for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = transfers.wallet_id));
create policy services_see_every_player on ledger.transfers for select to wallet_service, wallet_operator, wallet_job
  using ((select true from ledger.wallets w where w.id = transfers.wallet_id));
create policy auditors_see_all on ledger.transfers for select to wallet_auditor using (true);
grant select on ledger.transfers to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create table ledger.entries (
  wallet_id uuid not null,
  seq bigint not null,
  transfer_id uuid not null,
  kind ledger.transfer_kind not null,
  side ledger.entry_side not null,
  amount bigint not null,
  bonus_amount bigint not null,
  held_amount bigint not null,
  balance bigint not null,
  bonus_balance bigint not null,
  held_balance bigint not null,
  topped_up_total bigint not null,
  granted_total bigint not null,
  spent_total bigint not null,
  hash bytea not null,
  created_at timestamptz not null,
  -- The second wall: a writer that read an old head collides here instead of overwriting history.
  primary key (wallet_id, seq),
  constraint entries_wallet_id_fkey foreign key (wallet_id) references ledger.wallets (id) not enforced,
  constraint entries_transfer_id_fkey foreign key (transfer_id) references ledger.transfers (id) not enforced,
  constraint entries_balance_is_not_negative check (balance >= 0),
  constraint entries_bonus_balance_is_part_of_balance check (bonus_balance between 0 and balance),
  constraint entries_held_balance_is_part_of_balance check (held_balance between 0 and balance)
);

comment on table ledger.entries is $$@behavior -query:resource:connection -query:resource:list
One line of a wallet's history, with the balances as that line left them. Append-only; the newest line is the balance.$$;
comment on constraint entries_wallet_id_fkey on ledger.entries is $$@foreignFieldName entries$$;
comment on constraint entries_transfer_id_fkey on ledger.entries is $$@behavior -manyRelation:resource:connection -manyRelation:resource:list$$;
comment on column ledger.entries.wallet_id is 'The wallet whose history this is a line of.';
comment on column ledger.entries.seq is 'Number of the line within its wallet: 1, 2, 3 and so on without gaps.';
comment on column ledger.entries.transfer_id is 'The movement that this line is one side of.';
comment on column ledger.entries.kind is 'What the movement is.';
comment on column ledger.entries.side is 'Debit or credit.';
comment on column ledger.entries.amount is 'The amount moved, in minor units; 0 where credits were only reserved or freed.';
comment on column ledger.entries.bonus_amount is 'The part of the amount that was bonus credits, in minor units.';
comment on column ledger.entries.held_amount is 'Change of the reserved credits, in minor units; negative where a reservation ended.';
comment on column ledger.entries.balance is 'Balance after this line, in minor units, reserved and bonus credits included.';
comment on column ledger.entries.bonus_balance is 'The part of the balance that is bonus credits, after this line, in minor units.';
comment on column ledger.entries.held_balance is 'The part of the balance that is reserved, after this line, in minor units.';
comment on column ledger.entries.topped_up_total is 'All credits ever bought, after this line, in minor units.';
comment on column ledger.entries.granted_total is 'All bonus credits ever granted, after this line, in minor units.';
comment on column ledger.entries.spent_total is 'All credits ever spent, after this line, in minor units.';
comment on column ledger.entries.hash is
  'SHA-256 over the previous line''s hash and every fact of this line and its transfer: one chain per wallet.';
comment on column ledger.entries.created_at is 'When it was booked; never earlier than the line before it.';

create trigger _100_guard_insert before insert on ledger.entries
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.entries
  for each statement execute function ledger_private.tg__append_only();

alter table ledger.entries enable row level security;
create policy players_see_their_own on ledger.entries for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = entries.wallet_id));
create policy services_see_every_player on ledger.entries for select to wallet_service, wallet_operator, wallet_job
  using ((select true from ledger.wallets w where w.id = entries.wallet_id));
create policy auditors_see_all on ledger.entries for select to wallet_auditor using (true);
grant select on ledger.entries to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

-- The two entries of a transfer.
alter table ledger.transfers
  add constraint transfers_debit_entry_fkey
    foreign key (debit_wallet_id, debit_seq) references ledger.entries (wallet_id, seq) not enforced,
  add constraint transfers_credit_entry_fkey
    foreign key (credit_wallet_id, credit_seq) references ledger.entries (wallet_id, seq) not enforced;
comment on constraint transfers_debit_entry_fkey on ledger.transfers is $$@fieldName debitEntry
@behavior -manyRelation:resource:connection -manyRelation:resource:list -singularRelation:resource:single:backward$$;
comment on constraint transfers_credit_entry_fkey on ledger.transfers is $$@fieldName creditEntry
@behavior -manyRelation:resource:connection -manyRelation:resource:list -singularRelation:resource:single:backward$$;
