create or replace function ledger_private.entry_digest(
  previous_hash bytea,
  wallet_id uuid,
  transfer_id uuid,
  seq bigint,
  amount bigint,
  bonus_amount bigint,
  held_amount bigint,
  balance bigint,
  bonus_balance bigint,
  held_balance bigint,
  paid_balance bigint,
  free_balance bigint,
  topped_up_total bigint,
  granted_total bigint,
  spent_total bigint,
  sent_total bigint,
  created_at timestamptz,
  kind ledger.transfer_kind,
  debit ledger.account,
  credit ledger.account,
  actor text default null,
  idem_key text default null,
  metadata_hash bytea default null,
  to_wallet uuid default null,
  to_seq bigint default null,
  requested_amount bigint default null,
  held_bonus_amount bigint default null,
  reverses uuid default null,
  hold_id uuid default null,
  expires_at timestamptz default null
)
returns bytea
language sql
stable
as $$
  -- No array of accounts: that format has the number of its type, which is another one in each database.
  select sha256(array_send(array[
    'ledger.entry.v2',
    coalesce(previous_hash, E'\\x0000000000000000000000000000000000000000000000000000000000000000'),
    array_send(array[wallet_id, transfer_id, to_wallet, reverses, hold_id]),
    array_send(array[
      seq, amount, bonus_amount, held_amount, balance, bonus_balance, held_balance, paid_balance, free_balance,
      topped_up_total, granted_total, spent_total, sent_total, to_seq, requested_amount, held_bonus_amount
    ]),
    array_send(array[created_at, expires_at]),
    enum_send(kind),
    enum_send(debit),
    enum_send(credit),
    convert_to(actor, 'UTF8'),
    convert_to(idem_key, 'UTF8'),
    metadata_hash
  ]))
$$;

comment on function ledger_private.entry_digest is
$$The hash of an entry by its facts: SHA-256 over an array of bytea in PostgreSQL's binary format, which has a header of
fixed width and, before each element, its length (-1 for null), so that no two different entries have the same bytes.
Its elements: the text ledger.entry.v2, the hash of the wallet's entry before (32 zero bytes for the first), and every
fact of the entry but xid: arrays of uuid, bigint and timestamptz in the same format, the kind, both accounts, and
texts. Integers are big-endian, times microseconds since 2000-01-01 UTC, kinds and accounts their names, texts UTF-8;
metadata is its hash; where the wallet owes something, facts_hash. The order is for ever.$$;

grant execute on function ledger_private.entry_digest to wallet_auditor;
