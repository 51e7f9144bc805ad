create or replace function ledger_private.move_own_lots(transfer ledger.transfers, other_time timestamptz)
returns void
language plpgsql
volatile
as $$
begin
  perform ledger_private.move_lots(array[transfer], array[1], array[case transfer.kind when 'bonus' then 1 else 2 end], 2);
  -- What arrived may be due already where that wallet's clock runs ahead.
  if transfer.kind = 'transfer' and other_time > transfer.created_at then
    perform ledger_private.settle(array[transfer.credit_wallet_id], transfer.created_at);
  end if;
end
$$;

comment on function ledger_private.move_own_lots(ledger.transfers, timestamptz) is
  'Does with lots what a bonus, spend or transfer asks for that is written; other_time is the other wallet''s after it.';

revoke all on function ledger_private.move_own_lots(ledger.transfers, timestamptz) from public;
