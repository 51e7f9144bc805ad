create or replace function ledger_private.free_due_holds(wallet_ids uuid[], at_time timestamptz)
returns void
language plpgsql
volatile
as $$
declare
  v_due record;
  v_head ledger.entries;
  v_transfer ledger.transfers;
  v_sealed ledger_private.sealed;
  v_transfers ledger.transfers[] := '{}';
  v_entries ledger.entries[] := '{}';
begin
  for v_due in
    select h.hold, w as wallet, e as head
      from unnest(wallet_ids) u (wallet_id)
      join ledger.wallets w on w.id = u.wallet_id
      cross join lateral ledger_private.head(u.wallet_id) e
      -- Compared like this, its date is not what it is looked up by (see has_due).
      join ledger_private.open_holds o on o.wallet_id = u.wallet_id and coalesce(o.expires_at, 'infinity') <= greatest(at_time, e.created_at)
      -- One look-up for each: joined, all holds that the wallet ever had are read.
      cross join lateral (select n as hold from ledger.holds n where n.wallet_id = o.wallet_id and n.id = o.hold_id limit 1) h
      order by w.id, (h.hold).expires_at, (h.hold).seq
  loop
    if v_head.wallet_id is distinct from (v_due.wallet).id then
      v_head := v_due.head;
    end if;
    v_transfer := row(uuidv7(), (v_due.wallet).id, null, 'release', null, null, null, null, null,
      (v_due.hold).amount, (v_due.hold).bonus_amount, null, (v_due.hold).id, null, '{}', ledger_private.actor(), null, null);
    v_sealed := ledger_private.seal(v_transfer, ledger_private.next_entry(
      v_due.wallet, v_head, 'credit', v_transfer.id, 'release', 0, 0, -(v_due.hold).amount, at_time), null);
    v_head := v_sealed.entry;
    v_transfers[cardinality(v_transfers) + 1] := v_sealed.transfer;
    v_entries[cardinality(v_entries) + 1] := v_head;
  end loop;
  if cardinality(v_transfers) > 0 then
    perform ledger_private.write_all(v_transfers, v_entries);
    perform ledger_private.close_holds(v_transfers, array(
      select d from unnest(v_transfers) t cross join lateral ledger_private.closing_draws(t.wallet_id, t.hold_id, t.credit_seq, 0) d));
  end if;
end
$$;

comment on function ledger_private.free_due_holds(uuid[], timestamptz) is
  'Releases the holds that are due in wallets that are locked, those due for longest first.';

revoke all on function ledger_private.free_due_holds(uuid[], timestamptz) from public;
