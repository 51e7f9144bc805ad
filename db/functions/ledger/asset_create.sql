create or replace function ledger.asset_create(
  code text,
  name text,
  scale int default 0,
  unique_reference text default null,
  collect_debts boolean default null
)
returns ledger.assets
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_asset ledger.assets;
  v_rules ledger.asset_limits;
  v_new boolean;
  v_argument text := case
    when code is null or code !~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$' then 'code'
    when name is null or char_length(name) not between 1 and 200 then 'name'
    when scale is null or scale not between 0 and 18 then 'scale'
    when char_length(unique_reference) not between 1 and 200 then 'unique_reference'
  end;
begin
  if v_argument is not null then
    perform ledger_private.refuse(ledger_private.invalid_argument(v_argument,
      'code: 1 to 64 letters, digits, dots, dashes or underscores; name: 1 to 200 characters; scale: 0 to 18; '
        'unique_reference: 1 to 200 characters.'));
  end if;

  v_asset.code := code;
  v_asset.name := name;
  v_asset.scale := scale;
  v_asset.actor := ledger_private.actor();
  v_asset.created_at := clock_timestamp();
  v_asset.hash := ledger_private.record_hash(null, ledger_private.asset_bytes(v_asset));
  perform set_config('ledger.posting', 'on', true);
  insert into ledger.assets select v_asset.*
    on conflict on constraint assets_pkey do nothing;
  v_new := found;
  select a.* into strict v_asset from ledger.assets a where a.code = asset_create.code;
  if (v_asset.name, v_asset.scale) is distinct from (asset_create.name, asset_create.scale) then
    perform ledger_private.refuse(ledger_private.invalid_argument(
      case when v_asset.name <> name then 'name' else 'scale' end,
      'The asset exists with other facts: repeat its own name and scale, or choose another code.',
      jsonb_build_object('code', code, 'name', v_asset.name, 'scale', v_asset.scale)));
  end if;
  perform set_config('ledger.posting', '', true);
  if v_new and (unique_reference is not null or collect_debts) then
    perform ledger_private.change_limits(code, jsonb_build_object('unique_reference', unique_reference,
      'collect_debts', collect_debts));
  end if;
  select l.* into v_rules from ledger.asset_limits l where l.asset_code = v_asset.code order by l.seq desc limit 1;
  v_argument := case
    when unique_reference <> coalesce(v_rules.unique_reference, '') then 'unique_reference'
    when collect_debts <> coalesce(v_rules.collect_debts, false) then 'collect_debts'
  end;
  if v_argument is not null then
    perform ledger_private.refuse(ledger_private.invalid_argument(v_argument,
      'The asset exists with another rule, or none: leave it out, and change it with asset_set.',
      jsonb_build_object('code', code, 'unique_reference', v_rules.unique_reference,
        'collect_debts', coalesce(v_rules.collect_debts, false))));
  end if;
  return v_asset;
end
$$;

comment on function ledger.asset_create is
$$@resultFieldName asset
Creates an asset. Repeating the call with the same facts changes nothing.

- code: 1 to 64 letters, digits, dots, dashes or underscores.
- name: for people, 1 to 200 characters.
- scale: digits after the point when amounts are shown to people, 0 to 18.
- uniqueReference: the field of a top-up's metadata that names the payment, for assets in which each payment is booked
  once: see assetSet. None if left out.
- collectDebts: whether later top-ups pay what a wallet owes: see assetSet. They do not if left out.

Refuses with INVALID_ARGUMENT (WLARG), also where the code exists with another name or scale, or, where they are sent,
with another uniqueReference or collectDebts.$$;

grant execute on function ledger.asset_create to wallet_operator;
