create or replace function ledger_private.account_name(account ledger.account)
returns text
language sql
immutable
return case account when 'player' then 'players' else account::text end;

comment on function ledger_private.account_name is
  'What reports call an account: players, which is all wallets together, or an account of the house.';

grant execute on function ledger_private.account_name to wallet_operator, wallet_auditor;
