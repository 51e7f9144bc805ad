create or replace function ledger_private.original(wallet_id uuid, transfer_id uuid)
returns setof ledger.entries
language sql
stable
rows 1
as $$
  select e.*
  from ledger.entries e
  where e.transfer_id = original.transfer_id and e.actor is not null
    and case when e.wallet_id = original.wallet_id then true
      else exists (select from ledger_private.successors(e.wallet_id) s where s.wallet_id = original.wallet_id) end
$$;

comment on function ledger_private.original is
  'The movement that a wallet may reverse: one that it acted in, or that a wallet did which was merged into it.';

grant execute on function ledger_private.original to wallet_auditor;
