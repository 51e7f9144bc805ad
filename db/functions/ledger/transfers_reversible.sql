create or replace function ledger.transfers_reversible(transfer ledger.transfers)
returns bigint
language sql
stable
set search_path = pg_catalog, pg_temp
return (
  select case when (ledger_private.not_reversible(e, l.amount, l.amount)).code is null then l.amount else 0 end
  from ledger.entries e
  cross join lateral (
    select (e.amount - coalesce(sum(r.amount), 0))::bigint as amount
    from ledger.entries r
    -- Of an exchange both lines name it.
    where r.reverses = e.transfer_id and (r.wallet_id = e.wallet_id or e.kind <> 'exchange')
  ) l
  where e.transfer_id = transfer.id and e.actor is not null);

comment on function ledger.transfers_reversible is
$$@notNull
What is left to reverse of it, in minor units: the amount less what its reversals took back and what became a debt; 0 of
a kind that is not reversed. wallet_reverse without an amount takes all of this or refuses: whether the credits are
still there, it tells.$$;

grant execute on function ledger.transfers_reversible
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
