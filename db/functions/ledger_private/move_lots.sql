create or replace function ledger_private.move_lots(
  transfers ledger.transfers[],
  from_numbers int[],
  to_numbers int[],
  wallets int
)
returns void
language plpgsql
volatile
as $$
declare
  -- Each wallet that is drawn from has a chain of lots by expiry: where it begins (0: no lot left; -1: not drawn from).
  v_lots ledger_private.lot[] := ledger_private.load_lots(transfers, from_numbers);
  v_first int[] := array_fill(-1, array[wallets]);
  v_new ledger.bonus_lots[] := '{}';
  v_draws ledger.bonus_lot_draws[] := '{}';
  v_transfer ledger.transfers;
  v_need bigint;
  v_part ledger_private.lot;
  v_lot int;
  v_to int;
  v_before int;
  v_after int;
  v_made int;
begin
  for i in 1 .. cardinality(transfers) loop
    if transfers[i].kind <> 'bonus' then
      v_first[from_numbers[i]] := 0;
    end if;
  end loop;
  for v_place in reverse cardinality(v_lots) .. 1 loop
    v_lots[v_place].next := v_first[v_lots[v_place].number];
    v_first[v_lots[v_place].number] := v_place;
  end loop;

  for i in 1 .. cardinality(transfers) loop
    v_transfer := transfers[i];
    v_need := v_transfer.bonus_amount;
    v_to := to_numbers[i];
    v_made := 0;
    while v_need > 0 loop
      if v_transfer.kind = 'bonus' then
        v_part := row(v_to, null, null, v_transfer.expires_at, v_need, 0);
      else
        v_lot := v_first[from_numbers[i]];
        exit when v_lot = 0; -- The rest does not expire.
        v_part := v_lots[v_lot];
        v_part.free := least(v_need, v_part.free);
        v_draws[cardinality(v_draws) + 1] := row(v_part.wallet_id, v_part.seq, v_part.expires_at, v_transfer.debit_seq, v_transfer.hold_id,
          case when v_transfer.kind = 'hold' then 0 else v_part.free end, case when v_transfer.kind = 'hold' then v_part.free else 0 end,
          null, null)::ledger.bonus_lot_draws;
        v_lots[v_lot].free := v_lots[v_lot].free - v_part.free;
        if v_lots[v_lot].free = 0 then
          v_first[from_numbers[i]] := v_part.next;
        end if;
      end if;
      v_need := v_need - v_part.free;
      continue when v_transfer.kind not in ('bonus', 'transfer');

      -- What arrives is a lot there, with its own expiry; parts of one expiry are one lot.
      if v_made > 0 and v_new[v_made].expires_at = v_part.expires_at then
        v_new[v_made].amount := v_new[v_made].amount + v_part.free;
      else
        v_made := cardinality(v_new) + 1;
        v_new[v_made] :=
          row(v_transfer.credit_wallet_id, v_transfer.credit_seq, v_part.expires_at, v_part.free)::ledger.bonus_lots;
      end if;
      continue when v_first[v_to] < 0;
      v_before := 0;
      v_after := v_first[v_to];
      while v_after > 0 and v_lots[v_after].expires_at <= v_part.expires_at loop
        v_before := v_after;
        v_after := v_lots[v_after].next;
      end loop;
      v_lot := cardinality(v_lots) + 1;
      v_lots[v_lot] :=
        row(v_to, v_transfer.credit_wallet_id, v_transfer.credit_seq, v_part.expires_at, v_part.free, v_after)::ledger_private.lot;
      if v_before = 0 then
        v_first[v_to] := v_lot;
      else
        v_lots[v_before].next := v_lot;
      end if;
    end loop;
  end loop;
  perform ledger_private.write_lots(v_new, v_draws);
end
$$;

comment on function ledger_private.move_lots(ledger.transfers[], int[], int[], int) is
$$Draws the bonus credits of spends, transfers and holds from lots, the earliest expiry first, and makes lots of granted and transferred ones
that expire. Movements come in the order of booking; numbers from 1 to the count of wallets say which of them each leaves and reaches (a wallet that
is not a player's has none).$$;

revoke all on function ledger_private.move_lots(ledger.transfers[], int[], int[], int) from public;
