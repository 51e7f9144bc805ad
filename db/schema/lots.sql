-- Bonus credits that expire: what arrived with one expiry is a lot, what was taken out of it are its draws.
create table ledger.bonus_lots (
  wallet_id uuid not null,
  seq bigint not null,
  expires_at timestamptz not null,
  amount bigint not null,
  primary key (wallet_id, seq, expires_at),
  constraint bonus_lots_amount_is_positive check (amount > 0),
  constraint bonus_lots_entry_fkey foreign key (wallet_id, seq) references ledger.entries (wallet_id, seq) not enforced
);

-- What a balance at an instant has to leave out. (With the number too: a single lot is looked up by it as well, among
-- many of one expiry.)
create index bonus_lots_wallet_id_expires_at_seq_idx on ledger.bonus_lots (wallet_id, expires_at, seq);

comment on table ledger.bonus_lots is $$@behavior -*
Bonus credits that arrived with one expiry, by a bonus or a transfer. Append-only. Bonus credits that do not expire are
in no lot.$$;
comment on column ledger.bonus_lots.wallet_id is 'The wallet where they arrived.';
comment on column ledger.bonus_lots.seq is 'The wallet''s entry with which they arrived.';
comment on column ledger.bonus_lots.expires_at is 'From when they cannot be spent any more.';
comment on column ledger.bonus_lots.amount is 'How many, in minor units.';

create trigger _100_guard_insert before insert on ledger.bonus_lots
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.bonus_lots
  for each statement execute function ledger_private.tg__append_only();

alter table ledger.bonus_lots enable row level security;
create policy players_see_their_own on ledger.bonus_lots for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = bonus_lots.wallet_id));
create policy services_see_every_player on ledger.bonus_lots for select to wallet_service, wallet_operator,
  wallet_job using (true);
create policy auditors_see_all on ledger.bonus_lots for select to wallet_auditor using (true);
grant select on ledger.bonus_lots to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create table ledger.bonus_lot_draws (
  wallet_id uuid not null,
  lot_seq bigint not null,
  expires_at timestamptz not null,
  seq bigint not null,
  hold_id uuid,
  amount bigint not null,
  held_amount bigint not null,
  balance bigint not null,
  held_balance bigint not null,
  primary key (wallet_id, lot_seq, expires_at, seq),
  constraint bonus_lot_draws_balance_is_not_negative check (balance >= 0),
  constraint bonus_lot_draws_held_balance_is_part_of_balance check (held_balance between 0 and balance),
  constraint bonus_lot_draws_lot_fkey foreign key (wallet_id, lot_seq, expires_at)
    references ledger.bonus_lots (wallet_id, seq, expires_at) not enforced,
  constraint bonus_lot_draws_entry_fkey foreign key (wallet_id, seq)
    references ledger.entries (wallet_id, seq) not enforced,
  constraint bonus_lot_draws_hold_fkey foreign key (wallet_id, hold_id)
    references ledger.holds (wallet_id, id) not enforced
);

-- What an entry drew. (With the wallet first, it would be taken for the newest row of a lot too, which the primary key
-- finds at once.)
create index bonus_lot_draws_seq_wallet_id_idx on ledger.bonus_lot_draws (seq, wallet_id);

comment on table ledger.bonus_lot_draws is $$@behavior -*
What an entry of the wallet drew from a lot, reserved of it, or gave back to it. Append-only; the newest one says what
is left.$$;
comment on column ledger.bonus_lot_draws.wallet_id is 'The wallet.';
comment on column ledger.bonus_lot_draws.lot_seq is 'The lot: the entry with which it arrived,';
comment on column ledger.bonus_lot_draws.expires_at is 'and its expiry.';
comment on column ledger.bonus_lot_draws.seq is 'The wallet''s entry that drew.';
comment on column ledger.bonus_lot_draws.hold_id is 'The hold that it was reserved for or freed from.';
comment on column ledger.bonus_lot_draws.amount is
  'Credits taken out of the lot, in minor units; negative where a reversal gave them back.';
comment on column ledger.bonus_lot_draws.held_amount is 'Change of what holds reserve of the lot, in minor units.';
comment on column ledger.bonus_lot_draws.balance is
  'What is left in the lot after it, reserved credits included, in minor units.';
comment on column ledger.bonus_lot_draws.held_balance is 'What holds reserve of the lot after it, in minor units.';

create trigger _100_guard_insert before insert on ledger.bonus_lot_draws
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.bonus_lot_draws
  for each statement execute function ledger_private.tg__append_only();

alter table ledger.bonus_lot_draws enable row level security;
create policy players_see_their_own on ledger.bonus_lot_draws for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = bonus_lot_draws.wallet_id));
create policy services_see_every_player on ledger.bonus_lot_draws for select to wallet_service, wallet_operator,
  wallet_job using (true);
create policy auditors_see_all on ledger.bonus_lot_draws for select to wallet_auditor using (true);
grant select on ledger.bonus_lot_draws to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

-- A work list like open_holds: which lots to draw from next, and what falls due.
create table ledger_private.open_lots (
  wallet_id uuid not null,
  expires_at timestamptz not null,
  lot_seq bigint not null,
  -- Null where holds pin all that is left: nothing is due then.
  due_at timestamptz,
  primary key (wallet_id, expires_at, lot_seq)
);

-- All of them: where the list was empty when it was last looked at, an index of the due ones alone would be read as a
-- whole for each wallet. With the lot, in an order that a list can go on in.
create index open_lots_due_at_wallet_id_lot_seq_idx on ledger_private.open_lots (due_at, wallet_id, lot_seq);
comment on table ledger_private.open_lots is 'The lots with credits left in them.';

-- Rows come and go: what is gone must not pile up where the next due ones are looked for.
alter table ledger_private.open_lots
  set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

create trigger _100_guard_write before insert or update or delete on ledger_private.open_lots for each statement
  when (current_setting('ledger.posting', true) is distinct from 'on')
    execute function ledger_private.tg__guard_insert();
create trigger _200_guard_truncate before truncate on ledger_private.open_lots
  for each statement execute function ledger_private.tg__append_only();

alter table ledger_private.open_lots enable row level security;
create policy players_see_their_own on ledger_private.open_lots for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = open_lots.wallet_id));
create policy services_see_every_player on ledger_private.open_lots for select to wallet_service, wallet_operator,
  wallet_job using (true);
create policy auditors_see_all on ledger_private.open_lots for select to wallet_auditor using (true);
grant select on ledger_private.open_lots to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
