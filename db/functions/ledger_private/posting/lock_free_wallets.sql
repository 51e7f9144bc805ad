create or replace function ledger_private.lock_free_wallets(wallet_ids uuid[])
returns setof uuid
language sql
volatile
as $$
  select w.id from ledger.wallets w where w.id = any (wallet_ids) order by w.id for no key update skip locked
$$;

comment on function ledger_private.lock_free_wallets is
  'Locks those of the wallets that nobody else has locked, as lock_wallets does, and waits for none. Returns them.';
