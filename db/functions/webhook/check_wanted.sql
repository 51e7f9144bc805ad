create or replace function webhook.check_wanted(url text, kinds text[], asset_code text)
returns void
language plpgsql
stable
as $$
declare
  v_kinds text[] := enum_range(null::ledger.transfer_kind)::text[] || array['credits.expiring', 'balance.low'];
begin
  -- What it is exactly, and whether it may be called, shows when it is.
  if url is null or char_length(url) > 2000
    or url collate "C" !~ '^https?://[]A-Za-z0-9._:[-]{1,255}([/?][!"$-~]*)?$' then
    perform ledger_private.refuse(ledger_private.invalid_argument('url',
      'Give an https address of at most 2000 characters, without a user, a password or a part after #.'));
  end if;
  if cardinality(kinds) = 0 or array_ndims(kinds) > 1 or array_position(kinds, null) is not null
    or not kinds <@ v_kinds then
    perform ledger_private.refuse(ledger_private.invalid_argument('kinds',
      format('Name some of %s, or leave them out for all.', array_to_string(v_kinds, ', '))));
  end if;
  if asset_code is not null and not exists (select from ledger.assets a where a.code = check_wanted.asset_code) then
    perform ledger_private.refuse(ledger_private.asset_not_found(asset_code));
  end if;
end
$$;

comment on function webhook.check_wanted is $$@behavior -*
WLARG, WLNOA: an address, kinds and an asset that no endpoint can have.$$;
