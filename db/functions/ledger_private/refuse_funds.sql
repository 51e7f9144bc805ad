create or replace function ledger_private.refuse_funds(wallet_id uuid, available bigint, requested bigint, facts jsonb default '{}')
returns void
language plpgsql
immutable
as $$
begin
  perform ledger_private.refuse('WLFND',
    format('insufficient funds: %s available, %s requested', available, requested),
    jsonb_build_object('wallet_id', wallet_id, 'available', available::text, 'requested', requested::text) || facts,
    'Ask for no more than is available, or top the wallet up first.');
end
$$;

comment on function ledger_private.refuse_funds(uuid, bigint, bigint, jsonb) is
  'Refuses with WLFND to take more out of a wallet, or out of a hold, than is available there.';

revoke all on function ledger_private.refuse_funds(uuid, bigint, bigint, jsonb) from public;
