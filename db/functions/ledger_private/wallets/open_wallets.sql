create or replace function ledger_private.open_wallets(owner_ids text[], asset_code text, numbered boolean)
returns setof ledger.wallets
language plpgsql
volatile
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_owner record;
  v_new uuid[];
begin
  for v_owner in
    select o.id, case when numbered then jsonb_build_object('index', o.place - 1) else '{}' end as facts
      from unnest(owner_ids) with ordinality o (id, place)
  loop
    if ledger_private.is_key(v_owner.id) is not true then
      perform ledger_private.refuse(ledger_private.invalid_argument('owner_id',
        'Send the account number of the player: 1 to 200 characters, no white space at either end.',
        jsonb_build_object('min_length', 1, 'max_length', 200) || v_owner.facts));
    end if;
  end loop;
  if open_wallets.asset_code is null then
    perform ledger_private.refuse(ledger_private.invalid_argument('asset_code', 'Name the asset, such as GOLD.'));
  elsif not exists (select from ledger.assets a where a.code = open_wallets.asset_code) then
    perform ledger_private.refuse(ledger_private.asset_not_found(asset_code));
  end if;
  if exists (select from ledger_private.other_ranges) then
    perform ledger_private.refuse(ledger_private.wrong_node(ledger.wallet_id(o.id, open_wallets.asset_code),
        case when numbered then jsonb_build_object('index', o.place - 1) else '{}' end))
      from unnest(owner_ids) with ordinality o (id, place) order by o.place;
  end if;

  perform set_config('ledger.posting', 'on', true);
  -- By ascending id, so that two calls that open the same wallets never wait for each other both.
  with opened as (
    insert into ledger.wallets (id, owner_id, asset_code)
      select distinct ledger.wallet_id(o.owner_id, open_wallets.asset_code) as id, o.owner_id, open_wallets.asset_code
        from unnest(owner_ids) o (owner_id)
        order by id
      on conflict on constraint wallets_pkey do nothing
      returning id
  )
  select array_agg(o.id order by o.id) into v_new from opened o;
  perform ledger_private.record_events(v_new, 'opened', null);
  perform set_config('ledger.posting', '', true);

  for v_owner in
    select w as wallet, case when numbered then jsonb_build_object('index', o.place - 1) else '{}' end as facts
      from unnest(owner_ids) with ordinality o (id, place)
      join ledger.wallets w on w.id = ledger.wallet_id(o.id, open_wallets.asset_code)
      order by o.place
  loop
    perform ledger_private.refuse(ledger_private.not_allowed(v_owner.wallet, false, v_owner.facts));
    return next v_owner.wallet;
  end loop;
end
$$;

comment on function ledger_private.open_wallets is
$$Opens wallets, or finds those opened before, in the order of the owners. Refuses with WLARG, WLNOA, WLNOD, WLCLS;
numbered: with the index of the owner in the detail.$$;
