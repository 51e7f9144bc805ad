create or replace function ledger_private.limit_exceeded(wallet_id uuid, name text, max bigint, used numeric)
returns ledger.refusal
language sql
immutable
return ledger_private.refusal('WLLIM', format('limit exceeded: %s is %s, %s left', name, max, greatest(max - used, 0)),
  jsonb_build_object('wallet_id', wallet_id, 'limit', name, 'max', max::text, 'left', greatest(max - used, 0)::text),
  'Ask for no more than is left, or wait until the limit leaves more.');

comment on function ledger_private.limit_exceeded is
  'WLLIM: an amount would go above a limit, of which so much is used.';
