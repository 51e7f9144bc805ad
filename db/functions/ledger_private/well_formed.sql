create or replace function ledger_private.well_formed(requests ledger.transfers[])
returns boolean
language plpgsql
immutable
as $$
begin
  perform from unnest(requests) r
    where not ledger_private.check_request(case when r.kind in ('top_up', 'bonus', 'spend', 'transfer') then r.kind end, r.wallet_id,
      r.credit_wallet_id, null, null, r.amount, r.idem_key, r.expires_at, r.metadata);
  return true;
exception when others then
  return false;
end
$$;

comment on function ledger_private.well_formed(ledger.transfers[]) is
'Whether check_request has nothing against any request of a batch. If it has, those before may be refused for another reason.';

revoke all on function ledger_private.well_formed(ledger.transfers[]) from public;
