create or replace function ledger_private.invalid_amount(argument text, amount bigint)
returns ledger.refusal
language sql
immutable
return ledger_private.refusal('WLAMT', format('invalid amount: %s', coalesce(amount::text, 'null')),
  jsonb_build_object(argument, amount::text, 'min', '1', 'max', '1000000000000000'),
  'Send a whole number of minor units from 1 to 1000000000000000.');

comment on function ledger_private.invalid_amount is
  'WLAMT: an amount is missing or out of its bounds, named as the function names it.';
