create or replace function ledger_private.entry_hash(previous_hash bytea, entry ledger.entries)
returns bytea
language sql
stable
as $$
  select sha256(array_send(array[
    'ledger.entry.v2',
    coalesce(previous_hash, E'\\x0000000000000000000000000000000000000000000000000000000000000000'),
    uuid_send(entry.wallet_id),
    uuid_send(entry.transfer_id),
    array_send(array[
      entry.seq, entry.amount, entry.bonus_amount, entry.held_amount, entry.balance, entry.bonus_balance, entry.held_balance,
      entry.paid_balance, entry.free_balance, entry.topped_up_total, entry.granted_total, entry.spent_total, entry.sent_total
    ]),
    timestamptz_send(entry.created_at),
    enum_send(entry.kind),
    enum_send(entry.debit),
    enum_send(entry.credit),
    convert_to(entry.actor, 'UTF8'),
    convert_to(entry.idem_key, 'UTF8'),
    uuid_send(entry.to_wallet),
    array_send(array[entry.to_seq, entry.requested_amount, entry.held_bonus_amount]),
    uuid_send(entry.reverses),
    uuid_send(entry.hold_id),
    timestamptz_send(entry.expires_at),
    -- Of metadata its own hash, so that the chain can be proved without the text. That of {} is known.
    case when entry.metadata = '{}' then E'\\x44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'
      else sha256(convert_to(entry.metadata::text, 'UTF8')) end
  ]))
$$;

comment on function ledger_private.entry_hash(bytea, ledger.entries) is
$$The hash of an entry: SHA-256 over an array of bytea in PostgreSQL's binary format, which has a header of fixed width and, before each element, its
length (-1 for null), so that no two different entries have the same bytes. Its elements: the text ledger.entry.v2, the hash of the wallet's entry
before (32 zero bytes for the first), and every fact of this one but xid. Numbers are arrays of bigint in the same format, integers are big-endian, times microseconds since
2000-01-01 UTC, kinds and accounts their names, texts UTF-8; of metadata it is the SHA-256 over the text, as PostgreSQL prints jsonb. The order is for ever.$$;

revoke all on function ledger_private.entry_hash(bytea, ledger.entries) from public;
grant execute on function ledger_private.entry_hash(bytea, ledger.entries) to wallet_auditor;
