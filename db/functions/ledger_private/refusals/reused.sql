create or replace function ledger_private.reused(message text, detail jsonb, hint text)
returns ledger.refusal
language sql
immutable
return ledger_private.refusal('WLKEY', format('idempotency key reused: %s', message), detail, hint);

comment on function ledger_private.reused is
  'WLKEY: what may be booked once, a key or a payment, has been used for another request.';
