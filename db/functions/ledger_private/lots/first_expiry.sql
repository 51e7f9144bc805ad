create or replace function ledger_private.first_expiry(head ledger.entries)
returns timestamptz
language plpgsql
stable
-- A plan that was made while the list was small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_expiry timestamptz;
begin
  if head.held_balance > 0 then
    -- What is reserved may fall due too, and then what it pins.
    return '-infinity';
  end if;
  if head.bonus_balance > 0 then
    select o.expires_at into v_expiry
      from ledger_private.open_lots o
      where o.wallet_id = head.wallet_id and o.due_at is not distinct from o.expires_at
      order by o.expires_at, o.lot_seq
      limit 1;
    if v_expiry <= head.created_at then
      -- By the wallet's own time, which may be ahead.
      return '-infinity';
    end if;
  end if;
  return v_expiry;
end
$$;

comment on function ledger_private.first_expiry is
$$When the first of a wallet's bonus credits expires, or -infinity where something may be due at any time; null where none expires. Cheap where
nobody knows of expiring credits.$$;
