create or replace function ledger_private.tg_entries__append_only()
returns trigger
language plpgsql
as $$
begin
  if TG_OP = 'UPDATE' and current_setting('ledger.redacting', true) = 'on' then
    return null;
  end if;
  raise exception using
    errcode = '42501',
    message = format('%s.%s is append-only: no %s', TG_TABLE_SCHEMA, TG_TABLE_NAME, lower(TG_OP)),
    hint = 'Book a correcting transfer instead.';
end
$$;

comment on function ledger_private.tg_entries__append_only is
  'Refuses to change or remove entries, also to the owner or a superuser, while transfer_redact is not at work.';
