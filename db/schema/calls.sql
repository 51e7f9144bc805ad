-- What calls take and answer.
create type ledger.receipt as (
  transfer_id uuid,
  wallet_id uuid,
  seq bigint,
  kind ledger.transfer_kind,
  amount bigint,
  bonus_amount bigint,
  balance bigint,
  bonus_balance bigint,
  held_balance bigint,
  available bigint,
  hold_id uuid,
  replayed boolean,
  created_at timestamptz,
  owed bigint,
  in_flight boolean
);
comment on type ledger.receipt is
$$What a booking did, and the acting wallet as that booking left it. Repeating the call with the same key returns the
same receipt.$$;
comment on column ledger.receipt.transfer_id is $$@notNull
The movement.$$;
comment on column ledger.receipt.wallet_id is $$@notNull
The wallet the call acted for.$$;
comment on column ledger.receipt.seq is $$@notNull
The wallet's entry for it.$$;
comment on column ledger.receipt.kind is $$@notNull
What the movement is.$$;
comment on column ledger.receipt.amount is $$@notNull
The amount moved, in minor units.$$;
comment on column ledger.receipt.bonus_amount is $$@notNull
The part of it that was bonus credits, in minor units.$$;
comment on column ledger.receipt.balance is $$@notNull
Balance after it, in minor units: that of its own entry.$$;
comment on column ledger.receipt.bonus_balance is $$@notNull
The part of the balance that is bonus credits.$$;
comment on column ledger.receipt.held_balance is $$@notNull
The part of the balance that is reserved.$$;
comment on column ledger.receipt.available is $$@notNull
What could be spent once it was committed, in minor units: the balance less what is reserved, less what of a top-up paid
a debt, and less credits that it gave back and that had expired, which the same transaction books to breakage.$$;
comment on column ledger.receipt.hold_id is 'The hold it opened, captured or released, if any.';
comment on column ledger.receipt.replayed is $$@notNull
True where the key had been used before and nothing was booked now.$$;
comment on column ledger.receipt.created_at is $$@notNull
When it was booked.$$;
comment on column ledger.receipt.owed is $$@notNull
What the wallet owed after it, in minor units: credits that a chargeback could not take because they were gone. Of a
top-up that paid some of it, what was owed after that.$$;
comment on column ledger.receipt.in_flight is $$@notNull
Whether it still had to arrive at another database. False: all wallets are in one.$$;
grant usage on type ledger.receipt to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.refusal as (code text, message text, detail jsonb, hint text);
comment on type ledger.refusal is 'Why a call is refused: what its error would say.';
comment on column ledger.refusal.code is $$@notNull
The SQLSTATE; in GraphQL its name, as in extensions.code.$$;
comment on column ledger.refusal.message is $$@notNull
One line with the facts.$$;
comment on column ledger.refusal.detail is $$@notNull
The facts as an object; amounts are texts.$$;
comment on column ledger.refusal.hint is $$@notNull
What to do about it.$$;
grant usage on type ledger.refusal to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.outcome as (receipt ledger.receipt, refusal ledger.refusal);
comment on type ledger.outcome is 'What came of one of many calls: its receipt, or else its refusal.';
comment on column ledger.outcome.receipt is 'What was booked; null where it was refused.';
comment on column ledger.outcome.refusal is
  'Why it was refused, as its single call would have been; null where it was booked.';
grant usage on type ledger.outcome to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.wallet_request as (
  kind ledger.transfer_kind,
  wallet_id uuid,
  counterparty_id uuid,
  amount bigint,
  idem_key text,
  expires_at timestamptz,
  metadata jsonb,
  hold_id uuid,
  transfer_id uuid,
  bonus_amount bigint,
  side ledger.entry_side,
  reason text,
  to_amount bigint,
  owe boolean
);
comment on type ledger.wallet_request is 'One item of many in one call: what its single call would be given.';
comment on column ledger.wallet_request.kind is $$@notNull
top_up, bonus, spend, transfer, hold, capture, release, reversal, opening, exchange, adjustment,
collection, forgiveness or merge.$$;
comment on column ledger.wallet_request.wallet_id is $$@notNull
The player's wallet; of a transfer, an exchange or a merge, the one that credits leave.$$;
comment on column ledger.wallet_request.counterparty_id is
  'The wallet that the credits of a transfer, an exchange or a merge arrive in; of other kinds, none.';
comment on column ledger.wallet_request.amount is
  'Minor units, 1 to 1000000000000000. A capture or reversal without one is of all that there is; a release has none.';
comment on column ledger.wallet_request.idem_key is $$@notNull
1 to 200 characters, unique within the wallet for ever.$$;
comment on column ledger.wallet_request.expires_at is
  'Of a bonus, a hold or the bonus credits of an opening, when it expires; never if left out.';
comment on column ledger.wallet_request.metadata is 'A JSON object of at most 8192 bytes; empty if left out.';
comment on column ledger.wallet_request.hold_id is 'Of a capture or a release, the hold.';
comment on column ledger.wallet_request.transfer_id is 'Of a reversal, the movement that it takes back.';
comment on column ledger.wallet_request.bonus_amount is
  'Of an opening, the part of the amount that is bonus credits; 0 if left out.';
comment on column ledger.wallet_request.side is
  'Of an adjustment, credit to give credits to the wallet, debit to take them out of it.';
comment on column ledger.wallet_request.reason is
  'Of an adjustment, a forgiveness or a merge, why: 1 to 1000 characters.';
comment on column ledger.wallet_request.to_amount is
  'Of an exchange, what arrives, in minor units of the other asset, 1 to 1000000000000000.';
comment on column ledger.wallet_request.owe is
  'Of the reversal of a top-up, whether what is gone becomes a debt of the wallet; false if left out.';
grant usage on type ledger.wallet_request to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.wallet_balance as (
  balance bigint,
  bonus_balance bigint,
  held_balance bigint,
  available bigint,
  seq bigint,
  as_of timestamptz
);
comment on type ledger.wallet_balance is 'A wallet''s balances at one moment, in minor units.';
comment on column ledger.wallet_balance.balance is $$@notNull
All credits by the newest entry, in minor units: with reserved and bonus credits, and with what has expired since and is
not booked yet.$$;
comment on column ledger.wallet_balance.bonus_balance is $$@notNull
The part of the balance that is bonus credits, by the newest entry.$$;
comment on column ledger.wallet_balance.held_balance is $$@notNull
The part of the balance that is reserved, by the newest entry: also by holds that have expired since.$$;
comment on column ledger.wallet_balance.available is $$@notNull
What can be spent, in minor units: what has expired counts at once, booked or not.$$;
comment on column ledger.wallet_balance.seq is $$@notNull
The newest entry counted; 0 for a wallet without entries.$$;
comment on column ledger.wallet_balance.as_of is $$@notNull
The moment the balances are of.$$;
grant usage on type ledger.wallet_balance to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.wallet_statement as (
  wallet_id uuid,
  from_time timestamptz,
  to_time timestamptz,
  opening ledger.wallet_balance,
  closing ledger.wallet_balance
);
comment on type ledger.wallet_statement is
  'A wallet at both ends of a period: opening + the entries of the period = closing.';
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
grant usage on type ledger.wallet_statement to wallet_player, wallet_service, wallet_operator,
  wallet_auditor, wallet_job;

create type ledger.credit_source as enum ('paid', 'bonus', 'expiring_bonus', 'debt');
comment on type ledger.credit_source is
  $$Where credits in a wallet come from: bought, given away, or given away until an instant. debt is what the wallet
owes, and no part of its balance.$$;
grant usage on type ledger.credit_source to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.balance_part as (
  source ledger.credit_source,
  amount bigint,
  available bigint,
  expires_at timestamptz,
  transfer_id uuid,
  hold_id uuid
);
comment on type ledger.balance_part is 'A part of a wallet''s balance, in minor units.';
comment on column ledger.balance_part.source is $$@notNull
Where its credits come from.$$;
comment on column ledger.balance_part.amount is $$@notNull
How many they are.$$;
comment on column ledger.balance_part.available is $$@notNull
How many of them can be spent: none that an open hold reserves or that have expired.$$;
comment on column ledger.balance_part.expires_at is 'When they expire, if they do.';
comment on column ledger.balance_part.transfer_id is 'The movement that brought them, for expiring credits.';
comment on column ledger.balance_part.hold_id is 'The open hold that reserves them, if one does.';
grant usage on type ledger.balance_part to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.history_line as (
  seq bigint,
  created_at timestamptz,
  kind ledger.transfer_kind,
  side ledger.entry_side,
  amount bigint,
  bonus_amount bigint,
  held_amount bigint,
  balance bigint,
  bonus_balance bigint,
  held_balance bigint,
  transfer_id uuid,
  counterparty text,
  idem_key text,
  actor text,
  metadata jsonb
);
comment on type ledger.history_line is 'One line of a wallet''s exported history, amounts in minor units.';
comment on column ledger.history_line.seq is 'Number of the line within its wallet.';
comment on column ledger.history_line.created_at is 'When it was booked.';
comment on column ledger.history_line.kind is 'What the movement is.';
comment on column ledger.history_line.side is 'Debit or credit.';
comment on column ledger.history_line.amount is 'The amount moved, in minor units.';
comment on column ledger.history_line.bonus_amount is 'The part of it that was bonus credits.';
comment on column ledger.history_line.held_amount is 'Change of the reserved credits.';
comment on column ledger.history_line.balance is 'Balance after this line.';
comment on column ledger.history_line.bonus_balance is 'The part of the balance that is bonus credits.';
comment on column ledger.history_line.held_balance is 'The part of the balance that is reserved.';
comment on column ledger.history_line.transfer_id is 'The movement that this line is one side of.';
comment on column ledger.history_line.counterparty is 'The other side: a house account by name, a player by wallet id.';
comment on column ledger.history_line.idem_key is 'The idempotency key of the call.';
comment on column ledger.history_line.actor is 'Who called.';
comment on column ledger.history_line.metadata is 'The caller''s own facts.';
grant usage on type ledger.history_line to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
