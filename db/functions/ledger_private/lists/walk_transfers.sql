create or replace function ledger_private.walk_transfers(
  search ledger_private.transfer_search,
  above uuid,
  below uuid,
  backwards boolean,
  wanted int,
  condition text default 'true',
  out ids uuid[],
  out searched_to uuid
)
language plpgsql
stable
as $$
declare
  -- How many movements one page looks at.
  v_most constant int := 2000;
  -- By how much, in microseconds, the order of ids and that of times may differ.
  v_margin constant bigint := 10000000;
  v_by_key boolean := search.idem_key is not null and ledger_private.is_rare_key(search.idem_key);
  v_walk text;
begin
  if search.from_time is not null then
    above := greatest(above, ledger_private.id_from(ledger_private.micros_at(search.from_time) - v_margin));
  end if;
  if search.to_time is not null then
    below := least(below, ledger_private.id_from(ledger_private.micros_at(search.to_time) + v_margin));
  end if;
  above := coalesce(above, '00000000-0000-0000-0000-000000000000');
  below := coalesce(below, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
  -- Few movements have one key: they are all looked up.
  v_walk := format('select e.* from %s e where e.actor is not null and e.transfer_id > $2 and e.transfer_id < $3
      order by e.transfer_id %s limit $4',
    case when v_by_key then '(select k.* from ledger.entries k where k.idem_key = ($1).idem_key offset 0)'
      else 'ledger.entries' end,
    case when backwards then 'asc' else 'desc' end);
  execute format('select array(select w.transfer_id from (%s) w where %s limit $5)', v_walk, concat_ws(' and ',
      condition,
      case when search.from_time is not null then 'w.created_at >= ($1).from_time' end,
      case when search.to_time is not null then 'w.created_at < ($1).to_time' end,
      case when search.kinds is not null then 'w.kind = any (($1).kinds)' end,
      case when search.actor is not null then 'w.actor = ($1).actor' end,
      case when search.idem_key is not null then 'w.idem_key = ($1).idem_key' end,
      case when search.due_before is not null then 'w.expires_at < ($1).due_before' end,
      case when search.metadata is not null then 'w.metadata @> ($1).metadata' end,
      -- A sub-select, so that one wallet is looked up for each.
      case when search.asset_code is not null then
        '(select a.asset_code from ledger.wallets a where a.id = w.wallet_id) = ($1).asset_code' end))
    into ids using search, above, below, v_most, wanted;
  if cardinality(ids) < wanted then
    execute format('select w.transfer_id from (%s) w offset $4 - 1', v_walk)
      into searched_to using search, above, below, v_most;
  end if;
end
$$;

comment on function ledger_private.walk_transfers is
$$Up to so many movements that a search is for, the newest first or backwards the oldest, with ids between two. Looks at
a bounded number of them: searched_to is the last one that it looked at, where there may be more. condition is one more,
on the entry w.$$;

grant execute on function ledger_private.walk_transfers
  to wallet_service, wallet_operator, wallet_auditor, wallet_job;
