create or replace function ledger_private.function_of(kind ledger.transfer_kind)
returns text
language sql
immutable
return case
  when kind in ('top_up', 'bonus', 'spend', 'transfer', 'hold', 'capture', 'release', 'opening', 'exchange')
    then 'wallet_' || kind::text
  when kind = 'reversal' then 'wallet_reverse'
  when kind = 'adjustment' then 'wallet_adjust'
  when kind = 'collection' then 'wallet_collect'
  when kind = 'forgiveness' then 'wallet_forgive'
  when kind = 'merge' then 'wallet_merge'
end;

comment on function ledger_private.function_of is
  'The name of the function that books one movement of a kind; null where callers cannot ask for it.';

grant execute on function ledger_private.function_of to wallet_operator, wallet_auditor;
