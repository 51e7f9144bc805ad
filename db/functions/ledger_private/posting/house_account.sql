create or replace function ledger_private.house_account(kind ledger.transfer_kind)
returns ledger.account
language sql
immutable
-- The values are of their type from the start: a cast afterwards would keep PostgreSQL from inlining this.
return case kind
  when 'top_up' then 'treasury'::ledger.account
  when 'bonus' then 'promotions'
  when 'spend' then 'revenue'
  when 'capture' then 'revenue'
  when 'expiry' then 'breakage'
  when 'opening' then 'opening'
  when 'exchange' then 'exchange'
  when 'adjustment' then 'adjustments'
  when 'collection' then 'receivables'
  when 'forgiveness' then 'losses'
  when 'reversal' then null
  else 'player'
end;

comment on function ledger_private.house_account is
  'The account on the other side of the acting wallet, by kind; null for a reversal, where the original decides.';

grant execute on function ledger_private.house_account to wallet_auditor;
