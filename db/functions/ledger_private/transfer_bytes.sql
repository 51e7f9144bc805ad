create or replace function ledger_private.transfer_bytes(transfer ledger.transfers)
returns bytea
language sql
stable
as $$
  select array_send(array[
      transfer.id, transfer.wallet_id, transfer.debit_wallet_id, transfer.credit_wallet_id, transfer.reverses, transfer.hold_id
    ])
    || array_send(array[
      transfer.debit_seq, transfer.credit_seq, transfer.requested_amount, transfer.amount, transfer.bonus_amount
    ])
    || array_send(array[transfer.expires_at, transfer.created_at])
    || array_send(array[
      enum_send(transfer.kind), convert_to(transfer.idem_key, 'UTF8'), convert_to(transfer.metadata::text, 'UTF8'),
      convert_to(transfer.actor, 'UTF8')
    ])
$$;

comment on function ledger_private.transfer_bytes(ledger.transfers) is
$$Every fact of a transfer as bytes, for hashing: four arrays (uuid, bigint, timestamptz, bytea) in PostgreSQL's binary format, one after the
other. That format has a header of fixed width and, before each element, its length (-1 for null), so no two different transfers have
the same bytes. Integers are big-endian, times microseconds since 2000-01-01 UTC, the kind is its name, texts are UTF-8, JSON is as
PostgreSQL prints jsonb. The order is for ever.$$;

revoke all on function ledger_private.transfer_bytes(ledger.transfers) from public;
grant execute on function ledger_private.transfer_bytes(ledger.transfers) to wallet_auditor;
