create or replace function ledger_private.refusal(code text, message text, detail jsonb, hint text)
returns ledger.refusal
language sql
immutable
return row(code, message, detail, hint)::ledger.refusal;

comment on function ledger_private.refusal is
  'A refusal: its SQLSTATE, one factual line, the facts as JSON (amounts as strings), and what to do about it.';

grant execute on function ledger_private.refusal
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
