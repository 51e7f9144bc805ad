create or replace function ledger_private.refuse_argument(argument text, hint text, facts jsonb default '{}')
returns void
language plpgsql
immutable
as $$
begin
  perform ledger_private.refuse('WLARG', format('invalid argument: %s', argument),
    jsonb_build_object('argument', argument) || facts, hint);
end
$$;

comment on function ledger_private.refuse_argument(text, text, jsonb) is
  'Refuses with WLARG an argument out of its bounds, named as the function names it.';

revoke all on function ledger_private.refuse_argument(text, text, jsonb) from public;
grant execute on function ledger_private.refuse_argument(text, text, jsonb)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
