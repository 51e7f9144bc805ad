create or replace function ledger_private.invalid_argument(argument text, hint text, facts jsonb default '{}')
returns ledger.refusal
language sql
immutable
return ledger_private.refusal('WLARG', format('invalid argument: %s', argument),
  jsonb_build_object('argument', argument) || facts, hint);

comment on function ledger_private.invalid_argument is
  'WLARG: an argument is out of its bounds, named as the function names it.';

grant execute on function ledger_private.invalid_argument
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
