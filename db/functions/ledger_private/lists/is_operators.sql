create or replace function ledger_private.is_operators(kind ledger.transfer_kind, actor text, idem_key text)
returns boolean
language sql
stable
return actor like 'operator:%' or kind = any (ledger_private.operator_kinds())
  -- Without a key a top-up collected it, whoever asked for that.
  and (kind <> 'collection' or idem_key is not null);

comment on function ledger_private.is_operators is
  'Whether a movement is what an operator did: of a kind that only operators may book, or booked by one.';

grant execute on function ledger_private.is_operators to wallet_operator, wallet_auditor;
