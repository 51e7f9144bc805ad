create or replace function ledger_private.tg_wallets__status_only()
returns trigger
language plpgsql
as $$
declare
  v_expected ledger.wallets := OLD;
begin
  -- What has been merged stays closed.
  if OLD.merged_into is null then
    v_expected.status := NEW.status;
  end if;
  if OLD.merged_into is null and NEW.status = 'closed' and exists (
    select from ledger_private.head(OLD.id) e
      where e.kind = 'merge' and e.actor is not null and e.to_wallet = NEW.merged_into) then
    v_expected.merged_into := NEW.merged_into;
  end if;
  v_expected.own_limits := NEW.own_limits;
  if v_expected is distinct from NEW then
    raise exception using
      errcode = '42501',
      message = format('wallet %s: only its status, its limits and, once, its successor ever change', OLD.id);
  end if;
  return NEW;
end
$$;

comment on function ledger_private.tg_wallets__status_only is
$$Refuses to change anything of a wallet but its status, which limits it has and, once, the wallet that all of it moved
to.$$;
