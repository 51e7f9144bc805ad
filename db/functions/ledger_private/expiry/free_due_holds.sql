create or replace function ledger_private.free_due_holds(wallet_ids uuid[], at_time timestamptz)
returns void
language plpgsql
volatile
as $$
declare
  v_due record;
  v_head ledger.entries;
  v_entries ledger.entries[] := '{}';
begin
  for v_due in
    select h.hold, e as head
      from unnest(wallet_ids) u (wallet_id)
      cross join lateral ledger_private.head(u.wallet_id) e
      -- Compared like this, its date is not what it is looked up by (see settle).
      join ledger_private.open_holds o on o.wallet_id = u.wallet_id and coalesce(o.expires_at,
        'infinity') <= greatest(at_time, e.created_at)
      -- One look-up for each: joined, all holds that the wallet ever had are read.
      cross join lateral (select n as hold from ledger.holds n where n.wallet_id = o.wallet_id
        and n.id = o.hold_id limit 1) h
      order by u.wallet_id, (h.hold).expires_at, (h.hold).seq
  loop
    if v_head.wallet_id is distinct from (v_due.hold).wallet_id then
      v_head := v_due.head;
    end if;
    v_head := ledger_private.acting(ledger_private.next_entry(head => v_head, wallet_id => v_head.wallet_id,
      transfer_id => uuidv7(), kind => 'release', side => 'credit', account => 'player', amount => 0, bonus_amount => 0,
      held_amount => -(v_due.hold).amount, at_time => at_time), null);
    v_head.hold_id := (v_due.hold).id;
    v_head.held_bonus_amount := (v_due.hold).bonus_amount;
    v_head := ledger_private.chained(v_head);
    v_entries[cardinality(v_entries) + 1] := v_head;
  end loop;
  if cardinality(v_entries) > 0 then
    perform ledger_private.write(v_entries);
    perform ledger_private.close_holds(v_entries, array(
      select d from unnest(v_entries) e cross join lateral ledger_private.closing_draws(e.wallet_id, e.hold_id,
        e.seq, 0) d));
  end if;
end
$$;

comment on function ledger_private.free_due_holds is
  'Releases the holds that are due in wallets that are locked, those due for longest first.';
