create or replace function ledger_private.reserved_bonus(head ledger.entries)
returns bigint
language plpgsql
stable
as $$
declare
  v_held numeric;
  v_bonus bigint;
begin
  if head.held_balance is null or head.held_balance = 0 then
    return 0;
  end if;
  select coalesce(sum(h.amount), 0), coalesce(sum(h.bonus_amount), 0) into v_held, v_bonus
    from ledger_private.open_holds o
    -- One look-up for each: joined, all holds that the wallet ever had are read.
    cross join lateral (
      select n.amount, n.bonus_amount from ledger.holds n where n.wallet_id = o.wallet_id and n.id = o.hold_id limit 1
    ) h
    where o.wallet_id = head.wallet_id;
  -- The list of open holds is an index, not the truth: where it does not add up to the log, nothing may be built on it.
  if v_held <> head.held_balance then
    raise exception using errcode = 'data_corrupted',
      message = format('the open holds of wallet %s do not add up', head.wallet_id),
      hint = 'Run ledger_verify() for the wallet.';
  end if;
  return v_bonus;
end
$$;

comment on function ledger_private.reserved_bonus is
  'How much of a wallet''s reserved credits are bonus credits, as its newest entry left it.';
