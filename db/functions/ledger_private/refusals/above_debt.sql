create or replace function ledger_private.above_debt(wallet_id uuid, owed bigint, more bigint)
returns ledger.refusal
language sql
immutable
return case when coalesce(owed, 0)::numeric + coalesce(more, 0) > 9000000000000000000
  then ledger_private.limit_exceeded(wallet_id, 'max_owed', 9000000000000000000, coalesce(owed, 0)) end;

comment on function ledger_private.above_debt is
  'WLLIM: with more, a wallet would owe more than the ledger counts to.';
