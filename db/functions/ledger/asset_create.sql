create or replace function ledger.asset_create(code text, name text, scale int default 0)
returns ledger.assets
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_asset ledger.assets;
  v_opened uuid[];
  v_argument text := case
    when code is null or code !~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$' then 'code'
    when name is null or char_length(name) not between 1 and 200 then 'name'
    when scale is null or scale not between 0 and 18 then 'scale'
  end;
begin
  if v_argument is not null then
    perform ledger_private.refuse('WLARG', format('invalid argument: %s', v_argument),
      jsonb_build_object('argument', v_argument),
      'code: 1 to 64 letters, digits, dots, dashes or underscores; name: 1 to 200 characters; scale: 0 to 18.');
  end if;

  v_asset.code := code;
  v_asset.name := name;
  v_asset.scale := scale;
  v_asset.created_at := clock_timestamp();
  v_asset.hash := ledger_private.record_hash(null, ledger_private.asset_bytes(v_asset));
  perform set_config('ledger.posting', 'on', true);
  insert into ledger.assets select v_asset.*
    on conflict on constraint assets_pkey do nothing;
  select a.* into strict v_asset from ledger.assets a where a.code = asset_create.code;
  if (v_asset.name, v_asset.scale) is distinct from (asset_create.name, asset_create.scale) then
    perform ledger_private.refuse('WLARG', format('invalid argument: asset %s exists with other facts', code),
      jsonb_build_object('argument', case when v_asset.name <> name then 'name' else 'scale' end,
        'code', code, 'name', v_asset.name, 'scale', v_asset.scale),
      'Repeat the asset''s own name and scale, or choose another code.');
  end if;

  with opened as (
    insert into ledger.wallets (id, asset_code, normal_side, house, stripe)
    select ledger_private.house_wallet_id(v_asset.code, h.account, s.stripe), v_asset.code,
        (case when h.account in ('treasury', 'promotions') then 'debit' else 'credit' end)::ledger.entry_side,
        h.account, s.stripe
      from unnest(enum_range(null::ledger.house_account)) as h (account), generate_series(0, 32) as s (stripe)
      -- Another call may be opening them too: one order, no deadlock.
      order by h.account, s.stripe
    on conflict on constraint wallets_pkey do nothing
    returning id
  )
  select array_agg(opened.id) into v_opened from opened;
  perform ledger_private.record_events(v_opened, 'opened', null);
  perform set_config('ledger.posting', '', true);
  return v_asset;
end
$$;

comment on function ledger.asset_create(text, text, int) is
$$@resultFieldName asset
Creates an asset and its house accounts. Repeating the call with the same facts changes nothing.

- code: 1 to 64 letters, digits, dots, dashes or underscores.
- name: for people, 1 to 200 characters.
- scale: digits after the point when amounts are shown to people, 0 to 18.

Refuses with INVALID_ARGUMENT (WLARG), also where the code exists with another name or scale.$$;

revoke all on function ledger.asset_create(text, text, int) from public;
grant execute on function ledger.asset_create(text, text, int) to wallet_operator;
