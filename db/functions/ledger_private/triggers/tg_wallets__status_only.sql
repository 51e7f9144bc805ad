create or replace function ledger_private.tg_wallets__status_only()
returns trigger
language plpgsql
as $$
declare
  v_expected ledger.wallets := OLD;
begin
  v_expected.status := NEW.status;
  v_expected.own_limits := NEW.own_limits;
  if v_expected is distinct from NEW then
    raise exception using
      errcode = '42501',
      message = format('wallet %s: only its status and which limits it has ever change', OLD.id);
  end if;
  return NEW;
end
$$;

comment on function ledger_private.tg_wallets__status_only is
  'Refuses to change anything of a wallet but its status and which limits it has.';
