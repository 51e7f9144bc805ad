create or replace function ledger_private.key_reused(first ledger.entries, request ledger_private.request)
returns ledger.refusal
language plpgsql
stable
as $$
declare
  v_field text;
  v_first text;
  v_again text;
begin
  select d.field, d.first, d.again into v_field, v_first, v_again
    from (values
      (1, 'kind', first.kind::text, request.kind::text),
      (2, 'to_wallet', case first.kind when 'transfer' then first.to_wallet::text end, request.counterparty_id::text),
      -- A hold's own id is not asked for but given.
      (3, 'hold_id', case when first.kind <> 'hold' then first.hold_id::text end, request.hold_id::text),
      (4, 'transfer_id', first.reverses::text, request.reverses::text),
      (5, 'amount', first.requested_amount::text, request.amount::text),
      (6, 'expires_at', ledger_private.in_utc(first.expires_at) #>> '{}', ledger_private.in_utc(request.expires_at) #>> '{}'),
      (7, 'metadata', first.metadata::text, request.metadata::text)
    ) as d (position, field, first, again)
    where d.first is distinct from d.again
    order by d.position
    limit 1;
  if not found then
    return null;
  end if;
  return ledger_private.refusal('WLKEY',
    format('idempotency key reused: %s differs from the first request', v_field),
    jsonb_build_object(
      'wallet_id', first.wallet_id, 'idem_key', first.idem_key, 'transfer_id', first.transfer_id,
      'field', v_field, 'first', v_first, 'again', v_again),
    'Send a new key for a new request, or the first request unchanged for its receipt.');
end
$$;

comment on function ledger_private.key_reused is
$$WLKEY: a request is not the one which its key was first used for, with the first field that differs and both its values; null where it is
that one. Who called is not compared.$$;
