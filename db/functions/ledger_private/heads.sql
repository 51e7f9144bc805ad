create or replace function ledger_private.heads(wallets ledger.wallets[])
returns ledger.entries[]
language sql
stable
-- One plan for all numbers of wallets, which looks each one up.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
  select array(select (select e from ledger.entries e where e.wallet_id = w.id order by e.seq desc limit 1) from unnest(wallets) w)
$$;

comment on function ledger_private.heads(ledger.wallets[]) is 'The newest entry of each of these wallets, in their order; null where there is none.';

revoke all on function ledger_private.heads(ledger.wallets[]) from public;
