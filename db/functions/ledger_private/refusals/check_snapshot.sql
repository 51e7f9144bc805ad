create or replace function ledger_private.check_snapshot(wallet_ids uuid[])
returns void
language plpgsql
volatile
as $$
declare
  v_written int;
begin
  if current_setting('transaction_isolation') = 'read committed' then
    return;
  end if;
  -- Above READ COMMITTED the log may be older than the locks. An empty entry after each head finds out: PostgreSQL
  -- answers 40001 where another transaction has written that entry. The exception takes the empty ones back.
  begin
    perform set_config('ledger.posting', 'on', true);
    insert into ledger.entries (wallet_id, transfer_id, seq, amount, bonus_amount, held_amount, balance,
        bonus_balance, held_balance, paid_balance, free_balance, topped_up_total, granted_total, spent_total,
        sent_total, created_at, xid, kind, debit, credit, hash)
      select w.id, uuidv7(), coalesce((select max(e.seq) from ledger.entries e where e.wallet_id = w.id), 0) + 1,
          0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, clock_timestamp(), pg_current_xact_id(), 'hold', 'player', 'player', ''
        from unnest(wallet_ids) w (id)
        where w.id is not null
      on conflict on constraint entries_pkey do nothing;
    get diagnostics v_written = row_count;
    if v_written < cardinality(array_remove(wallet_ids, null)) then
      perform ledger_private.refuse_stale();
    end if;
    raise exception using errcode = 'raise_exception', message = 'the snapshot is not stale';
  exception when raise_exception then
    return;
  end;
end
$$;

comment on function ledger_private.check_snapshot is
$$To be called with the locked wallets before a refusal that depends on what was booked before: above READ COMMITTED it
ends the call with 40001 where that is stale. Leaves nothing behind.$$;
