create or replace function ledger_private.move_batch_lots(
  transfers ledger.transfers[],
  numbers int[],
  other_numbers int[],
  batch ledger_private.batch
)
returns void
language plpgsql
volatile
as $$
declare
  v_moving ledger.transfers[];
  v_from_numbers int[];
  v_to_numbers int[];
begin
  -- What is granted without an expiry is in no lot.
  select array_agg(m.t), array_agg(numbers[m.n]), array_agg(case when (m.t).kind = 'bonus' then numbers[m.n] else other_numbers[m.n] end)
    into v_moving, v_from_numbers, v_to_numbers
    from (select t, row_number() over () as n from unnest(transfers) t) m
    where (m.t).bonus_amount > 0 and ((m.t).kind <> 'bonus' or (m.t).expires_at is not null);
  if v_moving is not null then
    perform ledger_private.move_lots(v_moving, v_from_numbers, v_to_numbers, cardinality(batch.wallets));
    -- Where a wallet's own clock runs ahead, what arrived may have expired there already, and items after it were judged upon it.
    if ledger_private.has_due(array(select distinct t.credit_wallet_id from unnest(v_moving) t where t.kind = 'transfer'), batch.at_time) then
      perform ledger_private.refuse_stale();
    end if;
  end if;
end
$$;

comment on function ledger_private.move_batch_lots(ledger.transfers[], int[], int[], ledger_private.batch) is
$$Moves what a batch's movements, with the numbers of their wallets, move between lots; 40001 where something that arrived is due at once.$$;

revoke all on function ledger_private.move_batch_lots(ledger.transfers[], int[], int[], ledger_private.batch) from public;
