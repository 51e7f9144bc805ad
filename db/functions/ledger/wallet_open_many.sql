create or replace function ledger.wallet_open_many(owner_ids text[], asset_code text)
returns setof ledger.wallets
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_owner text;
  v_place bigint;
  v_new uuid[];
  v_opened record;
begin
  if owner_ids is null or cardinality(owner_ids) > 10000 or array_ndims(owner_ids) > 1 then
    perform ledger_private.refuse(ledger_private.invalid_argument('owner_ids', 'Send a list of at most 10000 owner ids.',
      jsonb_build_object('length', cardinality(owner_ids), 'max', 10000)));
  end if;
  for v_owner, v_place in select o.owner_id, o.place from unnest(owner_ids) with ordinality o (owner_id, place) loop
    perform ledger_private.check_owner_id(v_owner, jsonb_build_object('index', v_place - 1));
  end loop;
  perform ledger_private.check_asset(asset_code);

  perform set_config('ledger.posting', 'on', true);
  -- By ascending id, so that two calls that open the same wallets never wait for each other both.
  with opened as (
    insert into ledger.wallets (id, owner_id, asset_code)
      select distinct ledger.wallet_id(o.owner_id, wallet_open_many.asset_code) as id, o.owner_id,
          wallet_open_many.asset_code
        from unnest(owner_ids) o (owner_id)
        order by id
      on conflict on constraint wallets_pkey do nothing
      returning id
  )
  select array_agg(o.id order by o.id) into v_new from opened o;
  perform ledger_private.record_events(v_new, 'opened', null);
  perform set_config('ledger.posting', '', true);

  for v_opened in
    select w as wallet, o.place - 1 as index
      from unnest(owner_ids) with ordinality o (owner_id, place)
      join ledger.wallets w on w.id = ledger.wallet_id(o.owner_id, wallet_open_many.asset_code)
      order by o.place
  loop
    perform ledger_private.refuse(ledger_private.not_allowed(v_opened.wallet, false, jsonb_build_object('index', v_opened.index)));
    return next v_opened.wallet;
  end loop;
end
$$;

comment on function ledger.wallet_open_many is
$$@resultFieldName wallets
Opens the wallets of many owners of one asset, all or none, and returns one for each owner id, in order. A wallet that has
been opened before is returned as it is.

- ownerIds: at most 10000 account numbers, as wallet_open takes them. An owner may come twice.
- assetCode: the asset, such as GOLD.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA), WALLET_CLOSED (WLCLS). The detail names the
owner by its index, counted from 0.$$;

grant execute on function ledger.wallet_open_many to wallet_service, wallet_operator, wallet_job;
