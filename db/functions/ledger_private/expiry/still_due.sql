create or replace function ledger_private.still_due(wallet_ids uuid[], at_time timestamptz)
returns uuid[]
language sql
stable
-- Nor may a plan that was made while the lists were empty, and reads all of them, outlive that.
set enable_seqscan = off
as $$
  -- Compared like this, its date is not what a row is looked up by (see settle).
  select array(
    select o.wallet_id from ledger_private.open_holds o
      where o.wallet_id = any (wallet_ids) and coalesce(o.expires_at, 'infinity') <= at_time
    union
    select o.wallet_id from ledger_private.open_lots o
      where o.wallet_id = any (wallet_ids) and coalesce(o.due_at, 'infinity') <= at_time
    order by 1)
$$;

comment on function ledger_private.still_due is
  'In which of these wallets something is due by the work lists, which is how due_wallets finds them; by ascending id.';
