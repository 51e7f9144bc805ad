create or replace function ledger_private.own_limits(wallet ledger.wallets)
returns ledger.wallet_limits
language sql
stable
-- A plan that was made while the table was small may not outlive that.
set enable_seqscan = off
as $$
  select o from ledger.wallet_limits o where o.wallet_id = wallet.id and o.seq = wallet.own_limits
$$;

comment on function ledger_private.own_limits is
  'The limits of a wallet''s own that are in force; null where it has none.';
