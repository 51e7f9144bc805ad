create or replace function ledger_private.refuse(errcode text, message text, detail jsonb, hint text)
returns void
language plpgsql
immutable
as $$
begin
  raise exception using
    errcode = refuse.errcode,
    message = refuse.message,
    detail = refuse.detail::text,
    hint = refuse.hint;
end
$$;

comment on function ledger_private.refuse(text, text, jsonb, text) is
  'Refuses a call: own SQLSTATE, one factual line, the facts as JSON (amounts as strings), and what to do about it.';

revoke all on function ledger_private.refuse(text, text, jsonb, text) from public;
grant execute on function ledger_private.refuse(text, text, jsonb, text)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
