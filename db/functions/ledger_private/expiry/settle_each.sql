create or replace function ledger_private.settle_each(wallet_ids uuid[], at_time timestamptz)
returns setof ledger_private.failure
language plpgsql
volatile
as $$
declare
  -- Not the wallet's doing, but the session's, the server's or another transaction's: these end the sweep, and it is
  -- tried again.
  c_elsewhere constant text[] := array['08', '25', '40', '42', '53', '55', '57', '58'];
  v_half int := cardinality(wallet_ids) / 2;
  v_failure ledger_private.failure;
begin
  if cardinality(wallet_ids) = 0 then
    return;
  end if;
  begin
    perform ledger_private.settle(wallet_ids, at_time);
    -- Where a work list is wrong, there may be nothing to book: that would be found again for ever.
    if cardinality(ledger_private.still_due(wallet_ids, at_time)) > 0 then
      raise exception using errcode = 'data_corrupted', message = 'what is due is not there to be booked',
        hint = 'Run ledger_verify() for the wallet.';
    end if;
    return;
  exception when others then
    if left(sqlstate, 2) = any (c_elsewhere) then
      raise;
    end if;
    v_failure.wallet_id := wallet_ids[1];
    v_failure.sqlstate := sqlstate;
  end;
  if cardinality(wallet_ids) = 1 then
    return next v_failure;
    return;
  end if;
  return query select * from ledger_private.settle_each(wallet_ids[:v_half], at_time);
  return query select * from ledger_private.settle_each(wallet_ids[v_half + 1:], at_time);
end
$$;

comment on function ledger_private.settle_each is
$$Books what is due in locked wallets, and returns those where that fails: all at once, or else each half by itself.
Passes on errors that are not a wallet's: deadlock, timeout, cancelled, out of resources and the like.$$;
