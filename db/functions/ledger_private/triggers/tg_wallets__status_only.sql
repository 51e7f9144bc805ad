create or replace function ledger_private.tg_wallets__status_only()
returns trigger
language plpgsql
as $$
declare
  v_expected ledger.wallets := OLD;
begin
  v_expected.status := NEW.status;
  if v_expected is distinct from NEW then
    raise exception using
      errcode = '42501',
      message = format('wallet %s: only its status ever changes', OLD.id);
  end if;
  return NEW;
end
$$;

comment on function ledger_private.tg_wallets__status_only is 'Refuses to change anything of a wallet but its status.';
