create or replace function ledger_private.check_snapshot(wallet_ids uuid[])
returns void
language plpgsql
volatile
as $$
declare
  v_wallet_id uuid;
begin
  if current_setting('transaction_isolation') = 'read committed' then
    return;
  end if;
  -- Above READ COMMITTED the log may be older than the locks. An empty entry after each head finds out: PostgreSQL answers
  -- 40001 where another transaction has written that entry. The exception takes the empty ones back.
  begin
    perform set_config('ledger.posting', 'on', true);
    foreach v_wallet_id in array array_remove(wallet_ids, null) loop
      insert into ledger.entries
        select v_wallet_id, coalesce(max(e.seq), 0) + 1, uuidv7(), 'hold', 'debit', 0, 0, 0, 0, 0, 0, 0, 0, 0, '', clock_timestamp()
        from ledger.entries e
        where e.wallet_id = v_wallet_id
        on conflict on constraint entries_pkey do nothing;
      if not found then
        perform ledger_private.refuse_stale();
      end if;
    end loop;
    raise exception using errcode = 'raise_exception', message = 'the snapshot is not stale';
  exception when raise_exception then
    return;
  end;
end
$$;

comment on function ledger_private.check_snapshot(uuid[]) is
$$To be called with the locked wallets before a refusal that depends on what was booked before: above READ COMMITTED it turns a
refusal out of an old snapshot into 40001. Leaves nothing behind.$$;

revoke all on function ledger_private.check_snapshot(uuid[]) from public;
