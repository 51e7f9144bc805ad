create or replace function ledger_private.key_reused(first ledger.entries, request ledger.wallet_request)
returns ledger.refusal
language sql
stable
as $$
  select ledger_private.reused(format('%s differs from the first request', d.field),
    jsonb_build_object('wallet_id', first.wallet_id, 'idem_key', first.idem_key, 'transfer_id', first.transfer_id,
      'field', d.field, 'first', d.first, 'again', d.again),
    'Send a new key for a new request, or the first request unchanged for its receipt.')
  from (select ledger_private.has_reason(first.kind)) h (has)
  cross join lateral (
    select case when first.metadata = '{}' then ledger_private.kept_metadata_hash(first.wallet_id, first.seq) end
  ) r (kept)
  cross join lateral (values
    (1, 'kind', first.kind::text, request.kind::text),
    (2, 'to_wallet', case when first.kind in ('transfer', 'exchange', 'merge') then first.to_wallet::text end,
      request.counterparty_id::text),
    -- A hold's own id is not asked for but given.
    (3, 'hold_id', case when first.kind <> 'hold' then first.hold_id::text end, request.hold_id::text),
    (4, 'transfer_id', first.reverses::text, request.transfer_id::text),
    (5, 'side', case first.kind when 'adjustment' then ledger.entries_side(first)::text end, request.side::text),
    (6, 'amount', first.requested_amount::text, request.amount::text),
    (7, 'to_amount', case first.kind when 'exchange' then (
        select o.amount::text from ledger.entries o where o.wallet_id = first.to_wallet and o.seq = first.to_seq) end,
      request.to_amount::text),
    (8, 'bonus_amount', case first.kind when 'opening' then first.bonus_amount::text end, request.bonus_amount::text),
    (9, 'expires_at', ledger_private.in_utc(first.expires_at) #>> '{}',
      ledger_private.in_utc(request.expires_at) #>> '{}'),
    -- Of metadata that were blanked only the hash is known, which the reason is in.
    (10, 'reason', case when r.kept is not null then request.reason
      when h.has then first.metadata ->> 'reason' end, request.reason),
    (11, 'metadata', case when r.kept is not null then 'sha256:' || encode(r.kept, 'hex')
        when h.has then (first.metadata - 'reason')::text else first.metadata::text end,
      case when r.kept is not null then 'sha256:' || encode(ledger_private.metadata_hash(
          coalesce(request.metadata, '{}') || case when request.reason is null then '{}'
            else jsonb_build_object('reason', request.reason) end), 'hex')
        else coalesce(request.metadata, '{}')::text end)
  ) as d (position, field, first, again)
  where d.first is distinct from d.again
  order by d.position
  limit 1
$$;

comment on function ledger_private.key_reused is
  'WLKEY: a request is not the one that its key was first used for, with the first field that differs.';
