create or replace function ledger_private.invalid_limit(limits bigint[])
returns ledger.refusal
language sql
immutable
as $$
  select ledger_private.invalid_argument(n.name,
    'A limit is a number of minor units from 0 to 9000000000000000000, or null for none of its own.')
  from unnest(limits, array['max_spend', 'max_balance', 'max_daily_top_up', 'max_daily_bonus', 'max_daily_spend',
    'max_transfer', 'max_daily_transfer']) with ordinality n (max, name, place)
  where n.max not between 0 and 9000000000000000000
  order by n.place
  limit 1
$$;

comment on function ledger_private.invalid_limit is
  'WLARG: one of the limits, in the order in which they are set, cannot be one; named as the functions name it.';
