-- Reservations. A hold is open until a capture or a release names it, or until it expires; nothing of it changes then.
create type ledger.hold_status as enum ('open', 'captured', 'released', 'expired');
comment on type ledger.hold_status is 'What became of a hold.';
grant usage on type ledger.hold_status to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create table ledger.holds (
  wallet_id uuid not null,
  id uuid not null,
  seq bigint not null,
  amount bigint not null,
  bonus_amount bigint not null,
  expires_at timestamptz,
  created_at timestamptz not null,
  constraint holds_wallet_id_seq_key unique (wallet_id, seq),
  constraint holds_bonus_amount_is_part_of_amount check (amount > 0 and bonus_amount between 0 and amount),
  constraint holds_wallet_id_fkey foreign key (wallet_id) references ledger.wallets (id) not enforced
);
-- Made last: of two indexes that seem equal to it, where nothing is known of the table yet, the planner takes the newer
-- one. A hold is looked up by this one, by the other all that a wallet had.
alter table ledger.holds add primary key (wallet_id, id);
-- Which holds had expired by an instant, of a wallet that has had many. Newer still, but partial: other look-ups cannot
-- take it.
create index holds_wallet_id_expires_at_idx on ledger.holds (wallet_id, expires_at) where expires_at is not null;

comment on table ledger.holds is $$@behavior -query:resource:connection -query:resource:list
@foreignKey (id) references transfers (id)|@fieldName transfer|@forwardDescription The movement that placed it.|@behavior -manyRelation:resource:connection -manyRelation:resource:list -singularRelation:resource:single:backward
A reservation of credits. Append-only: it is open until a capture or a release names it, or until it expires.$$;
comment on constraint holds_wallet_id_fkey on ledger.holds is
$$@behavior -manyRelation:resource:connection -manyRelation:resource:list
@forwardDescription The wallet whose credits it reserves.$$;
comment on constraint holds_wallet_id_seq_key on ledger.holds is
  '@behavior -query:resource:single -singularRelation:resource:single';
comment on column ledger.holds.wallet_id is 'The wallet whose credits it reserves.';
comment on column ledger.holds.id is 'The hold, and the transfer that placed it.';
comment on column ledger.holds.seq is 'The wallet''s entry that placed it.';
comment on column ledger.holds.amount is 'What it reserved, in minor units.';
comment on column ledger.holds.bonus_amount is 'The part of the amount that was bonus credits, in minor units.';
comment on column ledger.holds.expires_at is 'From when it is void and its credits are free again; null for never.';
comment on column ledger.holds.created_at is 'When it was placed.';

create trigger _100_guard_insert before insert on ledger.holds
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.holds
  for each statement execute function ledger_private.tg__append_only();

alter table ledger.holds enable row level security;
create policy players_see_their_own on ledger.holds for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = holds.wallet_id));
create policy services_see_every_player on ledger.holds for select to wallet_service, wallet_operator,
  wallet_job using (true);
create policy auditors_see_all on ledger.holds for select to wallet_auditor using (true);
grant select on ledger.holds to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

-- A work list: an index of what is open, whose rows are removed. It decides nothing: whether a hold is open, the rows
-- above say; ledger_verify() proves the list against them.
create table ledger_private.open_holds (
  wallet_id uuid not null,
  hold_id uuid not null,
  expires_at timestamptz,
  primary key (wallet_id, hold_id)
);

-- What falls due; with the hold, in an order that a list can go on in.
create index open_holds_expires_at_hold_id_idx on ledger_private.open_holds (expires_at, hold_id);
comment on table ledger_private.open_holds is 'The holds that are open.';

-- Rows come and go: what is gone must not pile up where the next due ones are looked for.
alter table ledger_private.open_holds
  set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

create trigger _100_guard_write before insert or update or delete on ledger_private.open_holds for each statement
  when (current_setting('ledger.posting', true) is distinct from 'on')
    execute function ledger_private.tg__guard_insert();
create trigger _200_guard_truncate before truncate on ledger_private.open_holds
  for each statement execute function ledger_private.tg__append_only();

alter table ledger_private.open_holds enable row level security;
create policy players_see_their_own on ledger_private.open_holds for select to wallet_player
  using (exists (select from ledger.wallets w where w.id = open_holds.wallet_id));
create policy services_see_every_player on ledger_private.open_holds for select to wallet_service, wallet_operator,
  wallet_job using (true);
create policy auditors_see_all on ledger_private.open_holds for select to wallet_auditor using (true);
grant select on ledger_private.open_holds to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
