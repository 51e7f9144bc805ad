create or replace function ledger_private.movements()
returns setof ledger.entries
language sql
stable
as $$
  select e.* from ledger.entries e where e.actor is not null
  union all
  select r.* from ledger_private.received_from_elsewhere() r
$$;

comment on function ledger_private.movements is
  'Each movement once, by the entry that counts: the acting one, or the received one where another database has that.';

grant execute on function ledger_private.movements to wallet_auditor, wallet_job;
