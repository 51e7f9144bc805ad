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
