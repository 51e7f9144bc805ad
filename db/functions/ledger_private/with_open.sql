create or replace function ledger_private.with_open(wallet_ids uuid[])
returns uuid[]
language sql
stable
-- Nor may a plan that was made while the lists were empty, and reads all of them, outlive that.
set enable_seqscan = off
as $$
  select array(
    select o.wallet_id from ledger_private.open_lots o where o.wallet_id = any (wallet_ids)
    union
    select o.wallet_id from ledger_private.open_holds o where o.wallet_id = any (wallet_ids))
$$;

comment on function ledger_private.with_open(uuid[]) is
  'Which of these wallets have an open hold or lot: nothing can be due, or be drawn from a lot, in the others.';

revoke all on function ledger_private.with_open(uuid[]) from public;
