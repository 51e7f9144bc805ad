create or replace function ledger_private.reference_of(asset_code text, metadata jsonb)
returns text
language plpgsql
volatile
as $$
declare
  v_field text;
  v_reference text;
begin
  select l.unique_reference into v_field from ledger.asset_limits l where l.asset_code = reference_of.asset_code
    order by l.seq desc limit 1;
  v_reference := metadata ->> v_field;
  if v_reference is null then
    return null;
  end if;
  if jsonb_typeof(metadata -> v_field) not in ('string', 'number')
    or ledger_private.is_key(v_reference) is not true then
    perform ledger_private.refuse(ledger_private.invalid_argument('metadata',
      'Send the reference of the payment: a number, or a text of 1 to 200 characters, no white space at either end.',
      jsonb_build_object('unique_reference', v_field)));
  end if;
  perform ledger_private.refuse(ledger_private.payment_reused(asset_code, v_reference));
  return v_reference;
end
$$;

comment on function ledger_private.reference_of is
$$The payment that the metadata of a top-up name, where its asset has a unique_reference; null for none. Refuses with
WLARG one that cannot be a reference, with WLKEY one that has been booked.$$;
