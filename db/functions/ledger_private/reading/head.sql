create or replace function ledger_private.head(wallet_id uuid)
returns setof ledger.entries
language sql
stable
rows 1
as $$
  select e.* from ledger.entries e where e.wallet_id = head.wallet_id order by e.seq desc limit 1
$$;

comment on function ledger_private.head is
  'The wallet''s newest entry: what it has. No row for a wallet without entries.';

grant execute on function ledger_private.head
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
