create or replace function ledger_private.lock_wallets(wallet_ids uuid[])
returns setof ledger.wallets
language sql
volatile
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
  -- FOR UPDATE would wait for the foreign keys of other tables.
  select w.* from ledger.wallets w where w.id = any (wallet_ids) order by w.id for no key update
$$;

comment on function ledger_private.lock_wallets is
  'Locks wallets by ascending id, as all calls do, so that no two wait for each other. Returns those that are there.';
