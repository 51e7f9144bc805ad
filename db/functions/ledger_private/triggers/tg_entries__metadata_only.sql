create or replace function ledger_private.tg_entries__metadata_only()
returns trigger
language plpgsql
as $$
declare
  v_expected ledger.entries := OLD;
begin
  v_expected.metadata := '{}';
  if v_expected is distinct from NEW then
    raise exception using
      errcode = '42501',
      message = format('transfer %s: nothing of an entry ever changes but its metadata, to {}', OLD.transfer_id);
  end if;
  return NEW;
end
$$;

comment on function ledger_private.tg_entries__metadata_only is
  'Refuses to change anything of an entry but its metadata, and these to anything but {}.';
