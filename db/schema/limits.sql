-- How much at once, and how much a day.
create table ledger.asset_limits (
  asset_code text not null references ledger.assets (code),
  seq int not null,
  max_spend bigint,
  max_balance bigint,
  max_daily_top_up bigint,
  max_daily_bonus bigint,
  max_daily_spend bigint,
  actor text not null,
  created_at timestamptz not null,
  hash bytea not null,
  max_transfer bigint,
  max_daily_transfer bigint,
  unique_reference text,
  collect_debts boolean not null default false,
  primary key (asset_code, seq)
);

comment on table ledger.asset_limits is
$$@behavior -query:resource:connection -query:resource:list -query:resource:single
Limits of an asset, for each wallet of it that has none of its own. Append-only: the newest are in force.$$;
comment on constraint asset_limits_asset_code_fkey on ledger.asset_limits is $$@fieldName asset
@foreignFieldName limitsHistory
@behavior -manyRelation:resource:list
@backwardDescription All settings of its limits, oldest first: who made them, and when. None for players.$$;
comment on column ledger.asset_limits.asset_code is 'The asset.';
comment on column ledger.asset_limits.seq is 'Number of the setting within its asset: 1, 2, 3 and so on.';
comment on column ledger.asset_limits.max_spend is
  'The largest single spend or capture, in minor units; null for none.';
comment on column ledger.asset_limits.max_balance is
  'The largest balance that credits may lead to, in minor units; null for none.';
comment on column ledger.asset_limits.max_daily_top_up is
  'The largest total of top-ups within 24 hours, in minor units; null for none.';
comment on column ledger.asset_limits.max_daily_bonus is
  'The largest total of bonuses within 24 hours, in minor units; null for none.';
comment on column ledger.asset_limits.max_daily_spend is
  'The largest total of spends and captures within 24 hours, in minor units; null for none.';
comment on column ledger.asset_limits.actor is
  'Who set them: the token''s role and subject, or db: and the database login.';
comment on column ledger.asset_limits.created_at is 'When.';
comment on column ledger.asset_limits.hash is $$@behavior -*
SHA-256 over the hash before it, which is the asset's for the first, and every other fact.$$;
comment on column ledger.asset_limits.max_transfer is
  'The largest single transfer to another player, in minor units; null for none.';
comment on column ledger.asset_limits.max_daily_transfer is
  'The largest total of transfers to other players within 24 hours, in minor units; null for none.';
comment on column ledger.asset_limits.unique_reference is
$$The field of a top-up's metadata that names the payment: each payment is booked once, in all wallets of the asset;
null for none.$$;
comment on column ledger.asset_limits.collect_debts is
  'Whether a top-up pays what the wallet owes, before anything else can be done with it.';

create trigger _100_guard_insert before insert on ledger.asset_limits
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.asset_limits
  for each statement execute function ledger_private.tg__append_only();

-- Who set a limit is not for players; they meet it in a refusal.
alter table ledger.asset_limits enable row level security;
create policy staff_sees_all on ledger.asset_limits for select
  to wallet_service, wallet_operator, wallet_auditor, wallet_job using (true);
grant select on ledger.asset_limits to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
