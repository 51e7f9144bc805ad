-- What the helpers hand to each other within one call.

-- The wallets of a request, locked and settled, with their heads; or the receipt, where the key has been used.
create type ledger_private.prepared as (
  wallet ledger.wallets,
  head ledger.entries,
  other ledger.wallets,
  other_head ledger.entries,
  at_time timestamptz,
  receipt ledger.receipt,
  reference text
);

-- What can still be taken back of a movement, and how one reversal takes it.
create type ledger_private.reversible_part as (source text, lot_seq bigint, expires_at timestamptz, amount bigint);
create type ledger_private.reversal_plan as (bonus_amount bigint, missing bigint, draws ledger.bonus_lot_draws[]);

-- A wallet in which what is due could not be booked, and the error.
create type ledger_private.failure as (wallet_id uuid, sqlstate text);

-- What a block closes: as of when, the newest entry of each wallet that it touches, and what moved between accounts.
create type ledger_private.cut as (
  snapshot pg_snapshot,
  wallet_ids uuid[],
  seqs bigint[],
  leaves bytea[],
  entries bigint,
  totals ledger.house_totals[],
  counted_until timestamptz
);

-- The next line of a wallet, as a usual call will write it: what stands in it after a movement whose amount is known.
create type ledger_private.line as (
  wallet_id uuid,
  seq bigint,
  balance bigint,
  bonus_balance bigint,
  bought bigint,
  granted bigint,
  spent bigint,
  sent bigint,
  at_time timestamptz,
  hash bytea,
  usual boolean
);
