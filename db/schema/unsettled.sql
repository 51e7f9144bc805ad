-- Wallets in which what is due cannot be booked.
-- A work list like open_holds and open_lots, whose rows are removed. It decides nothing.
create table ledger_private.unsettled_wallets (
  wallet_id uuid primary key,
  sqlstate text not null,
  failures int not null,
  first_failed_at timestamptz not null,
  failed_at timestamptz not null,
  retry_at timestamptz not null
);

comment on table ledger_private.unsettled_wallets is
  'Wallets in which what is due could not be booked, so that the others need not wait for them.';
comment on column ledger_private.unsettled_wallets.wallet_id is 'The wallet.';
comment on column ledger_private.unsettled_wallets.sqlstate is 'The error of the last attempt.';
comment on column ledger_private.unsettled_wallets.failures is 'How many attempts have failed.';
comment on column ledger_private.unsettled_wallets.first_failed_at is 'When the first of them did.';
comment on column ledger_private.unsettled_wallets.failed_at is 'When the last of them did.';
comment on column ledger_private.unsettled_wallets.retry_at is 'From when on it is tried again.';

create trigger _100_guard_write before insert or update or delete on ledger_private.unsettled_wallets
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_guard_truncate before truncate on ledger_private.unsettled_wallets
  for each statement execute function ledger_private.tg__append_only();

alter table ledger_private.unsettled_wallets enable row level security;
create policy auditors_and_jobs_see_all on ledger_private.unsettled_wallets for select to wallet_auditor,
  wallet_job using (true);
grant select on ledger_private.unsettled_wallets to wallet_auditor, wallet_job;

create type ledger.unsettled_wallet as (
  wallet_id uuid,
  sqlstate text,
  failures int,
  first_failed_at timestamptz,
  failed_at timestamptz,
  retry_at timestamptz
);
comment on type ledger.unsettled_wallet is $$@behavior -*
A wallet in which what is due could not be booked.$$;
comment on column ledger.unsettled_wallet.wallet_id is 'The wallet.';
comment on column ledger.unsettled_wallet.sqlstate is 'The error of the last attempt.';
comment on column ledger.unsettled_wallet.failures is 'How many attempts have failed.';
comment on column ledger.unsettled_wallet.first_failed_at is 'When the first of them did.';
comment on column ledger.unsettled_wallet.failed_at is 'When the last of them did.';
comment on column ledger.unsettled_wallet.retry_at is 'From when on it is tried again.';
grant usage on type ledger.unsettled_wallet to wallet_auditor, wallet_job;
