set local role wallet_owner;

create type ledger.wallet_statement as (
  wallet_id uuid,
  from_time timestamptz,
  to_time timestamptz,
  opening ledger.wallet_balance,
  closing ledger.wallet_balance
);
comment on type ledger.wallet_statement is 'A wallet at both ends of a period: opening + the entries of the period = closing.';
comment on column ledger.wallet_statement.wallet_id is $$@notNull
The wallet.$$;
comment on column ledger.wallet_statement.from_time is $$@notNull
The first instant of the period.$$;
comment on column ledger.wallet_statement.to_time is $$@notNull
The end of the period, which does not belong to it.$$;
comment on column ledger.wallet_statement.opening is $$@notNull
What the entries before from_time left.$$;
comment on column ledger.wallet_statement.closing is $$@notNull
What the entries before to_time left.$$;

drop function ledger_private.check_status(ledger.wallets, boolean);
--!include ledger_private/is_key.sql
--!include ledger_private/check_owner_id.sql
--!include ledger_private/check_asset.sql
--!include ledger_private/check_status.sql
--!include ledger_private/check_request.sql
--!include ledger_private/refuse_request.sql
--!include ledger/wallet_open.sql
--!include ledger/wallet_open_many.sql
--!include ledger/wallet_top_up.sql
--!include ledger/wallet_bonus.sql
--!include ledger/wallet_spend.sql
--!include ledger/wallet_transfer.sql
--!include ledger/wallet_hold.sql
--!include ledger/wallet_capture.sql
--!include ledger/wallet_release.sql
--!include ledger/wallet_reverse.sql
--!include ledger/wallet_balance_at.sql
--!include ledger/wallet_statement.sql

reset role;
