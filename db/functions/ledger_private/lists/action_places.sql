create or replace function ledger_private.action_places(
  search ledger_private.transfer_search,
  above ledger_private.list_place,
  below ledger_private.list_place,
  backwards boolean,
  wanted int
)
returns table (at_time timestamptz, id uuid, seq bigint)
language plpgsql
stable
as $$
begin
  -- Each part is read from its own index; assets and their limits are few.
  return query execute format('
    select p.* from (
      (select e.created_at, e.wallet_id, e.seq::bigint from ledger.wallet_events e
        where e.kind <> ''opened'' and e.created_at >= ($1).from_time and e.created_at < ($1).to_time
          and (e.created_at, e.wallet_id, e.seq) > ($2.at_time, $2.id, $2.seq)
          and (e.created_at, e.wallet_id, e.seq) < ($3.at_time, $3.id, $3.seq) %1$s
        order by e.created_at %2$s, e.wallet_id %2$s, e.seq %2$s limit $4)
      union all
      select e.created_at, ledger_private.asset_id(e.asset_code), e.seq from ledger.asset_limits e
        where e.created_at >= ($1).from_time and e.created_at < ($1).to_time %1$s
      union all
      select e.created_at, ledger_private.asset_id(e.code), 0 from ledger.assets e
        where e.created_at >= ($1).from_time and e.created_at < ($1).to_time %1$s
    ) p (at_time, id, seq)
    where (p.at_time, p.id, p.seq) > ($2.at_time, $2.id, $2.seq)
      and (p.at_time, p.id, p.seq) < ($3.at_time, $3.id, $3.seq)
    order by p.at_time %2$s, p.id %2$s, p.seq %2$s limit $4',
    case when search.actor is not null then 'and e.actor = ($1).actor' end,
    case when backwards then 'asc' else 'desc' end)
    using search, above, below, wanted;
end
$$;

comment on function ledger_private.action_places is
$$Up to so many of the places, between two, of what operators did beside movements: statuses of wallets, assets and
their limits. The newest first, or backwards the oldest.$$;

grant execute on function ledger_private.action_places to wallet_operator, wallet_auditor;
