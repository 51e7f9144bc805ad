create or replace function ledger.asset_set(
  asset_code text,
  unique_reference text default null,
  collect_debts boolean default null
)
returns ledger.asset_limits
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_newest ledger.asset_limits;
  v_changes jsonb := case when unique_reference is null then '{}'
      else jsonb_build_object('unique_reference', nullif(unique_reference, '')) end
    || case when collect_debts is null then '{}' else jsonb_build_object('collect_debts', collect_debts) end;
begin
  if asset_code is null then
    perform ledger_private.refuse(ledger_private.invalid_argument('asset_code', 'Name the asset, such as GOLD.'));
  elsif char_length(unique_reference) > 200 then
    perform ledger_private.refuse(ledger_private.invalid_argument('unique_reference',
      'Name the field of the metadata, in 1 to 200 characters; an empty text for none; null leaves it as it is.'));
  elsif v_changes <> '{}' then
    return ledger_private.change_limits(asset_code, v_changes);
  end if;
  perform ledger_private.refuse(ledger_private.asset_not_found(asset_code))
    where not exists (select from ledger.assets a where a.code = asset_set.asset_code);
  select l.* into v_newest from ledger.asset_limits l where l.asset_code = asset_set.asset_code
    order by l.seq desc limit 1;
  return v_newest;
end
$$;

comment on function ledger.asset_set is
$$@resultFieldName limits
Sets rules of an asset; what is left out stays as it is. Each setting is a row of its limits, with who set it and when.

- assetCode: the asset, such as GOLD.
- uniqueReference: the field of a top-up's metadata that names the payment, such as payment; an empty text for none.
  From then on each value of it is booked once, in all wallets of the asset: the same payment for another wallet, or
  with another key, is IDEMPOTENCY_KEY_REUSED (WLKEY), and the detail names the wallet and the transfer that have it.
  The value is a number or a text of 1 to 200 characters, otherwise INVALID_ARGUMENT (WLARG); a top-up without the
  field, and other kinds, are booked as always. A top-up that was taken back keeps its payment.
- collectDebts: whether each later top-up of a wallet that owes something pays that first, in the same commit. The
  top-up is booked whole, and behind it a collection of what is owed, at most what came. Its receipt is the top-up's,
  with available and owed as they are after both.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA).$$;

grant execute on function ledger.asset_set to wallet_operator;
