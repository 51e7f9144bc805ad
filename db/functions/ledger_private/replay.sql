create or replace function ledger_private.replay(
  first ledger.transfers,
  kind ledger.transfer_kind,
  counterparty_id uuid,
  amount bigint,
  expires_at timestamptz,
  metadata jsonb
)
returns ledger.receipt
language plpgsql
stable
as $$
declare
  v_field text;
  v_first text;
  v_again text;
  v_entry ledger.entries;
begin
  select d.field, d.first, d.again into v_field, v_first, v_again
    from (values
      (1, 'kind', first.kind::text, kind::text),
      (2, 'to_wallet', case first.kind when 'transfer' then first.credit_wallet_id::text end, counterparty_id::text),
      (3, 'amount', first.requested_amount::text, amount::text),
      (4, 'expires_at', to_json(first.expires_at) #>> '{}', to_json(expires_at) #>> '{}'),
      (5, 'metadata', first.metadata::text, metadata::text)
    ) as d (position, field, first, again)
    where d.first is distinct from d.again
    order by d.position
    limit 1;
  if found then
    perform ledger_private.refuse('WLKEY',
      format('idempotency key reused: %s differs from the first request', v_field),
      jsonb_build_object(
        'wallet_id', first.wallet_id, 'idem_key', first.idem_key, 'transfer_id', first.id,
        'field', v_field, 'first', v_first, 'again', v_again),
      'Send a new key for a new request, or the first request unchanged for its receipt.');
  end if;

  select e.* into strict v_entry
    from ledger.entries e
    where e.wallet_id = first.wallet_id
      and e.seq = case when first.debit_wallet_id = first.wallet_id then first.debit_seq else first.credit_seq end;
  return ledger_private.receipt(first, v_entry, true);
end
$$;

comment on function ledger_private.replay(ledger.transfers, ledger.transfer_kind, uuid, bigint, timestamptz, jsonb) is
$$The receipt of a key's first request, with the balances of then, for a request that repeats it; or WLKEY, naming the first
field that differs and both its values.$$;

revoke all on function ledger_private.replay(ledger.transfers, ledger.transfer_kind, uuid, bigint, timestamptz, jsonb)
  from public;
