create or replace function ledger_private.entry_at(wallet_id uuid, at_time timestamptz)
returns ledger.entries
language sql
stable
as $$
  select e
  from ledger.entries e
  where e.wallet_id = entry_at.wallet_id
    and e.seq = ledger_private.seq_at(entry_at.wallet_id, entry_at.at_time)
$$;

comment on function ledger_private.entry_at is
  'The wallet''s newest entry at or before an instant: its balances were the wallet''s then. Null where there is none.';

grant execute on function ledger_private.entry_at
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
