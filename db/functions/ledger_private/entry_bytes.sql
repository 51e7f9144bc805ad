create or replace function ledger_private.entry_bytes(entry ledger.entries, transfer_bytes bytea)
returns bytea
language sql
stable
as $$
  select array_send(array[entry.wallet_id, entry.transfer_id])
    || array_send(array[
      entry.seq, entry.amount, entry.bonus_amount, entry.held_amount, entry.balance, entry.bonus_balance, entry.held_balance,
      entry.topped_up_total, entry.granted_total, entry.spent_total
    ])
    || array_send(array[enum_send(entry.kind), enum_send(entry.side), timestamptz_send(entry.created_at)])
    || transfer_bytes
$$;

comment on function ledger_private.entry_bytes(ledger.entries, bytea) is
$$Every fact of an entry as bytes, for hashing (arrays of uuid, of bigint and of bytea, in the format that transfer_bytes describes), then
the bytes of its transfer. The order is for ever.$$;

revoke all on function ledger_private.entry_bytes(ledger.entries, bytea) from public;
grant execute on function ledger_private.entry_bytes(ledger.entries, bytea) to wallet_auditor;
