create or replace function ledger_private.tg__guard_insert()
returns trigger
language plpgsql
as $$
begin
  -- Judged here: PostgreSQL would parse a trigger's WHEN anew for every statement, which costs more than the call.
  if current_setting('ledger.posting', true) = 'on' then
    return null;
  end if;
  raise exception using
    errcode = '42501',
    message = format('%s.%s is written by the ledger''s functions only', TG_TABLE_SCHEMA, TG_TABLE_NAME),
    hint = 'Call the function for it, such as wallet_top_up, wallet_spend or wallet_open.';
end
$$;

comment on function ledger_private.tg__guard_insert is
  'Refuses rows written by hand, also by the owner or a superuser: all that come while no posting function is at work.';
