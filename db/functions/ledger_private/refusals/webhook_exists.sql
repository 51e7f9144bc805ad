create or replace function ledger_private.webhook_exists(endpoint text)
returns ledger.refusal
language sql
immutable
return ledger_private.refusal('WLWHX', format('webhook exists: %s', endpoint),
  jsonb_build_object('endpoint', endpoint),
  'Change it with endpoint_change; a secret that was lost is replaced with endpoint_rotate_secret.');

comment on function ledger_private.webhook_exists is 'WLWHX: there is an endpoint of that name.';
