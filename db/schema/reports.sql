-- What reports tell finance.
create type ledger.balance_at as (
  at_time timestamptz,
  asset_code text,
  account text,
  side ledger.entry_side,
  balance numeric,
  bonus_balance numeric,
  final boolean
);
comment on type ledger.balance_at is 'What an account had at an instant, in minor units.';
comment on column ledger.balance_at.at_time is $$@notNull
The instant: what was booked before it counts.$$;
comment on column ledger.balance_at.asset_code is $$@notNull
The asset.$$;
comment on column ledger.balance_at.account is $$@notNull
players, which is what is owed to all of them, or an account of the house: treasury, promotions, revenue, breakage and
so on.$$;
comment on column ledger.balance_at.side is $$@notNull
The side on which the account has it.$$;
comment on column ledger.balance_at.balance is $$@notNull
What the account had.$$;
comment on column ledger.balance_at.bonus_balance is $$@notNull
The part of it that is bonus credits; of what players have, credits that were given and not paid for.$$;
comment on column ledger.balance_at.final is $$@notNull
Whether this figure never changes any more. Otherwise it is provisional: what is under way may still book before the
instant.$$;
grant usage on type ledger.balance_at to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.activity as (
  from_time timestamptz,
  to_time timestamptz,
  kind ledger.transfer_kind,
  debit text,
  credit text,
  movements bigint,
  amount numeric,
  bonus_amount numeric,
  final boolean
);
comment on type ledger.activity is 'What moved between two accounts in an hour, a day or a month, in minor units.';
comment on column ledger.activity.from_time is $$@notNull
When the bucket begins; it belongs to the bucket.$$;
comment on column ledger.activity.to_time is $$@notNull
When the bucket ends; it belongs to the next one.$$;
comment on column ledger.activity.kind is $$@notNull
What the movements are.$$;
comment on column ledger.activity.debit is $$@notNull
The account that they debit: players, or an account of the house.$$;
comment on column ledger.activity.credit is $$@notNull
The account that they credit.$$;
comment on column ledger.activity.movements is $$@notNull
How many they are.$$;
comment on column ledger.activity.amount is $$@notNull
What they moved.$$;
comment on column ledger.activity.bonus_amount is $$@notNull
The part of it that was bonus credits.$$;
comment on column ledger.activity.final is $$@notNull
Whether this figure never changes any more; otherwise it is provisional.$$;
grant usage on type ledger.activity to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.journal_line as (
  cursor text,
  counted_at timestamptz,
  created_at timestamptz,
  transfer_id uuid,
  kind ledger.transfer_kind,
  asset_code text,
  side ledger.entry_side,
  account text,
  wallet_id uuid,
  amount bigint,
  bonus_amount bigint,
  reverses uuid,
  idem_key text,
  actor text,
  final boolean
);
comment on type ledger.journal_line is $$@behavior -*
One side of a movement in the journal of a period.$$;
comment on column ledger.journal_line.cursor is
  'Where to go on after this line; null where no block has closed it yet, and its place may still change.';
comment on column ledger.journal_line.counted_at is
  'When it counts: when it was booked, or, where figures were final already (a clock was set back), later.';
comment on column ledger.journal_line.created_at is 'When it was booked.';
comment on column ledger.journal_line.transfer_id is 'The movement.';
comment on column ledger.journal_line.kind is 'What the movement is.';
comment on column ledger.journal_line.asset_code is 'The asset.';
comment on column ledger.journal_line.side is 'Debit or credit.';
comment on column ledger.journal_line.account is
  'The account that is debited or credited: players, or an account of the house.';
comment on column ledger.journal_line.wallet_id is
  'The player''s wallet; null for the house, and for an unknown sender elsewhere.';
comment on column ledger.journal_line.amount is 'The amount moved, in minor units.';
comment on column ledger.journal_line.bonus_amount is 'The part of the amount that was bonus credits, in minor units.';
comment on column ledger.journal_line.reverses is 'The transfer that this one reverses, if it is a reversal.';
comment on column ledger.journal_line.idem_key is
  'The idempotency key of the call; null for what the system books itself.';
comment on column ledger.journal_line.actor is 'Who called.';
comment on column ledger.journal_line.final is
  'Whether it belongs to this period for ever; otherwise it is provisional.';
grant usage on type ledger.journal_line to wallet_operator, wallet_auditor;

-- What moved before an instant, or in a part of the time before it.
create type ledger_private.moved as (
  at_time timestamptz,
  asset_code text,
  kind ledger.transfer_kind,
  debit ledger.account,
  credit ledger.account,
  movements bigint,
  amount numeric,
  bonus_amount numeric
);

-- Which blocks have what counts in a period, and where in them its journal goes on.
create type ledger_private.journal_range as (
  from_time timestamptz,
  to_time timestamptz,
  first_block bigint,
  last_block bigint,
  open_block bigint,
  final_until timestamptz,
  after_block bigint,
  after_time timestamptz,
  after_id uuid,
  after_side ledger.entry_side
);

-- A movement in the journal: its two accounts, and the side on which wallet_id has it; to_wallet has the other.
create type ledger_private.journal_movement as (
  counted_at timestamptz,
  created_at timestamptz,
  transfer_id uuid,
  kind ledger.transfer_kind,
  asset_code text,
  debit ledger.account,
  credit ledger.account,
  side ledger.entry_side,
  wallet_id uuid,
  to_wallet uuid,
  amount bigint,
  bonus_amount bigint,
  reverses uuid,
  idem_key text,
  actor text
);
