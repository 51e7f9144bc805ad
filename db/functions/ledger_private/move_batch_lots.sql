create or replace function ledger_private.move_batch_lots(transfer_ids uuid[], numbers int[], batch ledger_private.batch)
returns void
language plpgsql
volatile
-- One plan for all sizes of batch, which looks up by index: for each another would cost more than it gains.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_moving ledger.transfers[];
  v_from_numbers int[];
  v_to_numbers int[];
begin
  -- What is granted without an expiry is in no lot.
  select array_agg(m.transfer), array_agg(m.number), array_agg(case when (m.transfer).kind = 'bonus' then m.number else m.other_number end)
    into v_moving, v_from_numbers, v_to_numbers
    from (
      select (select t from ledger.transfers t where t.id = i.id) as transfer, numbers[2 * i.place - 1] as number,
          numbers[2 * i.place] as other_number
        from unnest(transfer_ids) with ordinality i (id, place)
        offset 0
    ) m
    where (m.transfer).bonus_amount > 0 and ((m.transfer).kind <> 'bonus' or (m.transfer).expires_at is not null);
  if v_moving is not null then
    perform ledger_private.move_lots(v_moving, v_from_numbers, v_to_numbers, cardinality(batch.wallets));
    -- Where a wallet's own clock runs ahead, what arrived may have expired there already, and items after it were judged upon it.
    if ledger_private.has_due(array(select distinct t.credit_wallet_id from unnest(v_moving) t where t.kind = 'transfer'), batch.at_time) then
      perform ledger_private.refuse_stale();
    end if;
  end if;
end
$$;

comment on function ledger_private.move_batch_lots(uuid[], int[], ledger_private.batch) is
$$Moves what the movements of a batch move between lots, with the numbers of the wallets of their entries; 40001 where something that arrived is
due at once.$$;

revoke all on function ledger_private.move_batch_lots(uuid[], int[], ledger_private.batch) from public;
