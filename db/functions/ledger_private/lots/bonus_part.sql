create or replace function ledger_private.bonus_part(kind ledger.transfer_kind, amount bigint, free_bonus bigint)
returns bigint
language sql
immutable
as $$
  select case kind when 'bonus' then amount when 'top_up' then 0 else least(amount, coalesce(free_bonus, 0)) end
$$;

comment on function ledger_private.bonus_part is
  'How much of a movement is bonus credits: these leave a wallet first, as far as they are not reserved.';
