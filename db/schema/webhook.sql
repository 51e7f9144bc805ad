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
