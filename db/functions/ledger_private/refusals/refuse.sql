create or replace function ledger_private.refuse(refusal ledger.refusal, wallet_ids uuid[] default null)
returns void
language plpgsql
volatile
as $$
begin
  if refusal.code is null then
    return;
  end if;
  if wallet_ids is not null then
    perform ledger_private.check_snapshot(wallet_ids);
  end if;
  raise exception using
    errcode = refusal.code,
    message = refusal.message,
    detail = refusal.detail::text,
    hint = refusal.hint;
end
$$;

comment on function ledger_private.refuse is
$$Ends the call with a refusal, if there is one. Where it depends on what was booked before, wallet_ids are the locked
wallets: above READ COMMITTED what was read of them may be stale, and then the call ends with 40001.$$;

grant execute on function ledger_private.refuse
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
