create or replace function ledger.assets_limits(asset ledger.assets)
returns ledger.asset_limits
language sql
stable
begin atomic
  select l from ledger.asset_limits l where l.asset_code = asset.code order by l.seq desc limit 1;
end;

comment on function ledger.assets_limits is 'The limits in force; null where none were ever set, and for players.';

grant execute on function ledger.assets_limits
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
