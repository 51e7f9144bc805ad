create or replace function ledger_private.walk_wallets(
  owner_prefix text,
  asset_code text,
  status ledger.wallet_status,
  above ledger.wallets,
  below ledger.wallets,
  backwards boolean,
  wanted int,
  out ids uuid[],
  out searched_to uuid
)
language plpgsql
stable
as $$
declare
  -- How many wallets one page looks at.
  v_most constant int := 2000;
  -- The one index that begins with what is looked for. Its first column is given as a range of one value: as an
  -- equality, it would be none of the order, which another index might then promise too.
  v_led text := case when status <> 'open' then 'w.status' when asset_code is not null then 'w.asset_code' end;
  v_value text := case when status <> 'open' then status::text else asset_code end;
  v_owner text := coalesce(owner_prefix, '');
  v_end text := ledger_private.prefix_end(owner_prefix);
  v_id uuid := '00000000-0000-0000-0000-000000000000';
  v_walk text;
begin
  if above.owner_id collate "C" >= v_owner then
    v_owner := above.owner_id;
    v_id := above.id;
  end if;
  v_walk := format('select w.* from %s w where %s order by %s limit $1',
    -- A player's are few, found by their owner and nothing else.
    case when current_user = 'wallet_player' then '(select * from ledger.wallets offset 0)' else 'ledger.wallets' end,
    concat_ws(' and ',
      case when v_led = 'w.status' then 'w.status <> ''open''' end,
      format(case when v_led is null then '(w.owner_id collate "C", w.id) > (%2$L, %3$L)'
        else '(%4$s, w.owner_id collate "C", w.id) > (%1$L, %2$L, %3$L)' end, v_value, v_owner, v_id, v_led),
      case when v_led is not null then format('%s <= %L', v_led, v_value) end,
      case when v_end is not null then
        format(case when v_led is null then 'w.owner_id collate "C" < %2$L'
          else '(%3$s, w.owner_id collate "C") < (%1$L, %2$L)' end, v_value, v_end, v_led) end,
      case when below.id is not null then
        format(case when v_led is null then '(w.owner_id collate "C", w.id) < (%2$L, %3$L)'
          else '(%4$s, w.owner_id collate "C", w.id) < (%1$L, %2$L, %3$L)' end,
          v_value, below.owner_id, below.id, v_led) end),
    concat_ws(', ', v_led || case when backwards then ' desc' else ' asc' end,
      case when backwards then 'w.owner_id collate "C" desc, w.id desc'
        else 'w.owner_id collate "C", w.id' end));
  execute format('select array(select w.id from (%s) w
      where ($2 is null or w.asset_code = $2) and ($3 is null or w.status = $3) limit $4)', v_walk)
    into ids using v_most, asset_code, status, wanted;
  if cardinality(ids) < wanted then
    execute format('select w.id from (%s) w offset $1 - 1', v_walk) into searched_to using v_most;
  end if;
end
$$;

comment on function ledger_private.walk_wallets is
$$Up to so many wallets that are looked for, in the order of owners, or backwards against it, between two. Looks at a
bounded number of them: searched_to is the last one that it looked at, where there may be more.$$;

grant execute on function ledger_private.walk_wallets
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
