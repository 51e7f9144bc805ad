create or replace function ledger.blocks_final_until(block ledger.blocks)
returns timestamptz
language sql
immutable
return nullif(block.final_until, '-infinity');

comment on function ledger.blocks_final_until is
$$All figures before this instant are final: no transaction is open that could still book there. Null in the first
blocks, while none are.$$;

grant execute on function ledger.blocks_final_until to wallet_operator, wallet_auditor, wallet_job;
