-- What lists over all wallets show that is in no table by itself.
--!include views/expiring_lots.sql
--!include views/operator_actions.sql

-- How the ledger is, at a glance.
create type ledger.state as (
  as_of timestamptz,
  last_block_seq bigint,
  last_block_at timestamptz,
  not_closed_seconds double precision,
  last_verified_at timestamptz,
  last_verify_findings bigint,
  last_clean_verified_at timestamptz,
  feed_cursor text,
  feed_lag_seconds double precision,
  overdue_seconds double precision,
  unsettled_wallets bigint
);
comment on type ledger.state is $$@name ledger_state
How the ledger is: its worker, its feed, its last block and its last proof.$$;
comment on column ledger.state.as_of is $$@notNull
When this was so.$$;
comment on column ledger.state.last_block_seq is
  'The number of the last block that was closed; null where there is none.';
comment on column ledger.state.last_block_at is
  'When the last block was closed: the worker closes one a minute, where anything was booked.';
comment on column ledger.state.not_closed_seconds is $$@notNull
How long the oldest movement that no block closes has been there; 0 where all are closed.$$;
comment on column ledger.state.last_verified_at is
  'When the whole ledger was last proved; null where that has never been.';
comment on column ledger.state.last_verify_findings is
  'How many broken rules that found; 0 where the ledger was sound.';
comment on column ledger.state.last_clean_verified_at is
  'When the whole ledger was last proved to be sound; null where that has never been.';
comment on column ledger.state.feed_cursor is
  'The cursor of the newest event of the feed; null where there is none.';
comment on column ledger.state.feed_lag_seconds is $$@notNull
How long the oldest movement that the feed cannot tell of yet has been there: an open transaction holds it back.$$;
comment on column ledger.state.overdue_seconds is $$@notNull
How long holds or credits have been due that the worker has not booked; 0 where there are none. (Nothing depends on it:
they are due at once.)$$;
comment on column ledger.state.unsettled_wallets is $$@notNull
In how many wallets what is due could not be booked when it was last tried.$$;
grant usage on type ledger.state to wallet_operator, wallet_auditor;
