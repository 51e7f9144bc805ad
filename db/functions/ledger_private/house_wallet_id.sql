create or replace function ledger_private.house_wallet_id(asset_code text, house ledger.house_account, stripe int)
returns uuid
language plpgsql
stable
as $$
declare
  v_id uuid;
begin
  -- The counter is stepped until the id hashes into the wanted stripe: a player's stripe of every house account then lies
  -- in the same hash range as the player. The batch stripe may lie anywhere.
  for v_counter in 0..100000 loop
    v_id := ledger_private.uuid_v8(sha256(array_send(array[
      'ledger.house.v1', convert_to(asset_code, 'UTF8'), convert_to(house::text, 'UTF8'), int4send(stripe), int4send(v_counter)
    ])));
    if stripe = 32 or ledger.wallet_stripe(v_id) = stripe then
      return v_id;
    end if;
  end loop;
  raise exception 'no id found for stripe % of % in %', stripe, house, asset_code;
end
$$;

comment on function ledger_private.house_wallet_id(text, ledger.house_account, int) is
  'The id of one stripe of a house account: derived, like a player''s, from a text that no player''s id is derived from.';

revoke all on function ledger_private.house_wallet_id(text, ledger.house_account, int) from public;
grant execute on function ledger_private.house_wallet_id(text, ledger.house_account, int) to wallet_auditor;
