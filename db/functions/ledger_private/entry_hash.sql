create or replace function ledger_private.entry_hash(previous_hash bytea, entry ledger.entries, transfer_bytes bytea)
returns bytea
language sql
stable
as $$
  select sha256(
    'ledger.entry.v1'::bytea
    || coalesce(previous_hash, '\x0000000000000000000000000000000000000000000000000000000000000000')
    || array_send(array[entry.wallet_id, entry.transfer_id])
    || array_send(array[
      entry.seq, entry.amount, entry.bonus_amount, entry.held_amount, entry.balance, entry.bonus_balance, entry.held_balance,
      entry.topped_up_total, entry.granted_total, entry.spent_total
    ])
    || array_send(array[enum_send(entry.kind), enum_send(entry.side), timestamptz_send(entry.created_at)])
    || transfer_bytes
  )
$$;

comment on function ledger_private.entry_hash(bytea, ledger.entries, bytea) is
$$SHA-256 over the text ledger.entry.v1, the hash of the wallet's entry before (32 zero bytes for the first), every fact of this
entry (arrays of uuid, of bigint and of bytea, in the format that transfer_bytes describes) and the bytes of its transfer. The order is for ever.$$;

revoke all on function ledger_private.entry_hash(bytea, ledger.entries, bytea) from public;
grant execute on function ledger_private.entry_hash(bytea, ledger.entries, bytea) to wallet_auditor;
