create or replace function ledger_private.webhook_not_found(endpoint text, id uuid default null)
returns ledger.refusal
language sql
immutable
-- No longer than a name can be: an answer does not repeat a megabyte.
return ledger_private.refusal('WLNWH',
  case when id is null then format('webhook not found: %s', left(endpoint, 64))
    else format('parked webhook not found: %s %s', left(endpoint, 64), id) end,
  jsonb_build_object('endpoint', left(endpoint, 64), 'id', id),
  case when id is null then 'The table webhook.endpoints has those that there are.'
    else 'It has been delivered, released or dropped since, or was never parked.' end);

comment on function ledger_private.webhook_not_found is
  'WLNWH: an endpoint is not there, or a delivery is not parked there.';
