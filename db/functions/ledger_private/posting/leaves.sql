create or replace function ledger_private.leaves(kind ledger.transfer_kind)
returns boolean
language sql
immutable
return kind in ('spend', 'transfer', 'exchange', 'merge', 'hold', 'capture');

comment on function ledger_private.leaves is
  'Whether a kind takes credits out of the acting wallet, or reserves them: what a frozen wallet does not allow.';
