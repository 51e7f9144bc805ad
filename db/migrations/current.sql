-- What is due counts at once, and one wallet that cannot be settled stops no other.
set local role wallet_owner;

-- Which holds had expired by an instant, of a wallet that has had many.
create index holds_wallet_id_expires_at_idx on ledger.holds (wallet_id, expires_at) where expires_at is not null;

comment on column ledger.receipt.balance is $$@notNull
Balance after it, in minor units: that of its own entry.$$;
comment on column ledger.receipt.available is $$@notNull
What could be spent once it was committed, in minor units: the balance less what is reserved, and less credits that it gave back and that had
expired, which the same transaction books to breakage.$$;
comment on column ledger.wallet_balance.balance is $$@notNull
All credits by the newest entry, in minor units: with reserved and bonus credits, and with what has expired since and is not booked yet.$$;
comment on column ledger.wallet_balance.bonus_balance is $$@notNull
The part of the balance that is bonus credits, by the newest entry.$$;
comment on column ledger.wallet_balance.held_balance is $$@notNull
The part of the balance that is reserved, by the newest entry: also by holds that have expired since.$$;
comment on column ledger.wallet_balance.available is $$@notNull
What can be spent, in minor units: what has expired counts at once, booked or not.$$;
comment on column ledger.balance_part.available is $$@notNull
How many of them can be spent: none that an open hold reserves or that have expired.$$;
comment on column ledger.balance_part.hold_id is 'The open hold that reserves them, if one does.';
comment on table ledger.holds is $$@behavior -query:resource:connection -query:resource:list
A reservation of credits. Append-only: it is open until a capture or a release names it, or until it expires.$$;

-- A work list like open_holds and open_lots: it decides nothing.
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
  for each statement execute function ledger_private.tg__guard_insert();

alter table ledger_private.unsettled_wallets enable row level security;
create policy auditors_and_jobs_see_all on ledger_private.unsettled_wallets for select to wallet_auditor, wallet_job using (true);
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

create type ledger_private.failure as (wallet_id uuid, sqlstate text);
create type ledger_private.swept as (settled int, failures ledger_private.failure[]);

drop function ledger_private.due_wallets(timestamptz, int);

--!include ledger_private/due_holds.sql
--!include ledger_private/available_at.sql
--!include ledger_private/balance_of.sql
--!include ledger_private/settled_receipt.sql
--!include ledger_private/replay.sql
--!include ledger/wallets_balance.sql
--!include ledger/wallets_bonus_balance.sql
--!include ledger/wallets_held_balance.sql
--!include ledger/wallets_available.sql
--!include ledger/wallet_balance.sql
--!include ledger/wallet_balance_at.sql
--!include ledger/wallet_explain.sql
--!include ledger/holds_closing.sql
--!include ledger/holds_status.sql
--!include ledger/wallets_holds.sql
--!include ledger/wallet_capture.sql
--!include ledger/wallet_release.sql
--!include ledger/wallet_reverse.sql
--!include ledger_private/due_wallets.sql
--!include ledger_private/still_due.sql
--!include ledger_private/settle_each.sql
--!include ledger_private/sweep.sql
--!include ledger_private/note_failures.sql
--!include ledger/wallet_expire_due.sql
--!include ledger/ledger_unsettled.sql
--!include ledger/ledger_metrics.sql

drop function ledger_private.due_amount(ledger.entries, timestamptz);

reset role;
