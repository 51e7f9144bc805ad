create or replace function ledger_private.sweep(wallet_ids uuid[], at_time timestamptz)
returns ledger_private.swept
language plpgsql
volatile
as $$
declare
  v_due uuid[];
  v_swept ledger_private.swept;
begin
  -- Who is at work on a wallet books what is due there.
  v_due := array(
    select w.id from ledger.wallets w where w.id = any (wallet_ids) order by w.id for no key update skip locked);
  -- Another sweep may have been first.
  v_due := ledger_private.still_due(v_due, at_time);
  v_swept.failures := array(select f from ledger_private.settle_each(v_due, at_time) f);
  v_swept.settled := cardinality(v_due) - cardinality(v_swept.failures);
  if v_swept.settled = 0 then
    raise exception using errcode = 'raise_exception', message = 'nothing was settled';
  end if;
  return v_swept;
exception when raise_exception then
  -- Gives the locks back: who goes on from here takes others, in their order again.
  return v_swept;
end
$$;

comment on function ledger_private.sweep is
$$Books what is due in these wallets and says how many it settled and which failed. Passes those that others are at work on. Where it settles
none, it keeps no lock.$$;
