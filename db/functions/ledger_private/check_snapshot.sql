create or replace function ledger_private.check_snapshot(entry ledger.entries)
returns void
language plpgsql
volatile
as $$
begin
  if current_setting('transaction_isolation') = 'read committed' then
    return;
  end if;
  -- Above READ COMMITTED the head may be older than the lock. An empty entry in its place finds out: PostgreSQL answers
  -- 40001 where another transaction has written that entry. The refusal that follows takes this one back.
  entry.amount := 0;
  entry.bonus_amount := 0;
  entry.balance := 0;
  entry.bonus_balance := 0;
  entry.held_balance := 0;
  entry.hash := sha256('');
  perform set_config('ledger.posting', 'on', true);
  insert into ledger.entries values (entry.*) on conflict on constraint entries_pkey do nothing;
  if not found then
    raise exception using errcode = '40001', message = 'could not serialize access: the wallet has moved on';
  end if;
end
$$;

comment on function ledger_private.check_snapshot(ledger.entries) is
$$To be called with the entry that would have been next, just before a refusal that depends on the log: above READ COMMITTED
it turns a refusal out of an old snapshot into 40001. The caller must refuse afterwards: it may leave an empty entry behind.$$;

revoke all on function ledger_private.check_snapshot(ledger.entries) from public;
