-- What the helpers hand to each other within one call.

-- A transfer and its entries, complete with hashes: ready to be written.
create type ledger_private.sealed as (transfer ledger.transfers, entry ledger.entries, other_entry ledger.entries);
-- A wallet that has been locked and settled for a request; the receipt, where the key has been used.
create type ledger_private.prepared as (
  wallet ledger.wallets,
  head ledger.entries,
  at_time timestamptz,
  receipt ledger.receipt
);

-- What can still be taken back of a movement, and how one reversal takes it.
create type ledger_private.reversible_part as (source text, lot_seq bigint, expires_at timestamptz, amount bigint);
create type ledger_private.reversal_plan as (bonus_amount bigint, missing bigint, draws ledger.bonus_lot_draws[]);

-- A lot with what is free in it, in the order of drawing: next is the place of the wallet's next one.
create type ledger_private.lot as (number int, wallet_id uuid, seq bigint, expires_at timestamptz, free bigint, next int);

-- A wallet in which what is due could not be booked, and the error; and what a sweep came to.
create type ledger_private.failure as (wallet_id uuid, sqlstate text);
create type ledger_private.swept as (settled int, failures ledger_private.failure[]);

-- Of each request of a batch, by place: what number_batch finds out; and of all of them.
create type ledger_private.batch_numbers as (
  numbers int[],
  other_numbers int[],
  first_places int[],
  used boolean[],
  odd boolean[],
  total numeric,
  expiring boolean
);
-- Of each wallet, by number: what its newest entry says.
create type ledger_private.batch_heads as (
  numbers int[],
  times timestamptz[],
  hashes bytea[],
  seqs bigint[],
  balances bigint[],
  bonus_balances bigint[],
  held_balances bigint[],
  held_bonus bigint[],
  topped_up_totals bigint[],
  granted_totals bigint[],
  spent_totals bigint[],
  largest bigint
);
-- What a batch is judged by: its now, what there is by number of the wallet, what by place of the request, whether each
-- movement is to be judged, and whether lots may move.
create type ledger_private.batch as (
  at_time timestamptz,
  assets text[],
  wallets ledger.wallets[],
  ids uuid[],
  heads ledger_private.batch_heads,
  limits ledger.asset_limits[],
  day_before ledger.entries[],
  numbers ledger_private.batch_numbers,
  judged boolean,
  lots boolean
);
-- What it books: by place; and by row, which are the heads, by number, and then the entries, two for each movement.
create type ledger_private.batch_plan as (
  rows int[],
  bonus_amounts bigint[],
  numbers int[],
  befores int[],
  seqs bigint[],
  balances bigint[],
  bonus_balances bigint[],
  topped_up_totals bigint[],
  granted_totals bigint[],
  spent_totals bigint[]
);
