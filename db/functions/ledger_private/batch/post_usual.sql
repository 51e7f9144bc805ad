create or replace function ledger_private.post_usual(requests ledger.wallet_request[])
returns setof ledger.receipt
language plpgsql
volatile
as $$
declare
  v_items ledger.wallet_request[];
  v_standings ledger_private.standing[];
  v_entries ledger.entries[];
  v_entry ledger.entries;
  v_before ledger.entries;
begin
  -- Above READ COMMITTED what stands in a wallet may be old.
  if current_setting('transaction_isolation') <> 'read committed' then
    return;
  end if;
  v_items := requests[: ledger_private.plain_items(requests)];
  if cardinality(v_items) = 0 then
    return;
  end if;
  v_standings := array(
    select s from ledger_private.standings(array(
      select w.id from unnest(v_items) r cross join lateral (values (r.wallet_id), (r.counterparty_id)) w (id) where w.id is not null)) s);
  v_entries := array(
    select l from ledger_private.usual_lines(v_items, v_standings, ledger_private.bonus_parts(v_items, v_standings)) l order by l.wallet_id, l.seq);
  for i in 1 .. cardinality(v_entries) loop
    v_entry := v_entries[i];
    if v_entry.wallet_id = v_before.wallet_id then
      v_entry.hash := v_before.hash;
    end if;
    v_before := ledger_private.chained(v_entry);
    v_entries[i] := v_before;
  end loop;
  perform ledger_private.write(v_entries);
  return query
    select e.transfer_id, e.wallet_id, e.seq, e.kind, e.amount, e.bonus_amount, e.balance::bigint, e.bonus_balance::bigint, e.held_balance::bigint,
        e.free_balance::bigint, null::uuid, false, e.created_at
      from unnest(v_entries) e
      where e.actor is not null
      -- The ids were given in the order of the requests.
      order by e.transfer_id;
end
$$;

comment on function ledger_private.post_usual(ledger.wallet_request[]) is
$$Books the first of many requests, whose wallets are locked, by few statements: up to the one of which something could be refused, or which is
no usual call. Returns their receipts, in order.$$;

revoke all on function ledger_private.post_usual(ledger.wallet_request[]) from public;
