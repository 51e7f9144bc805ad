create or replace function ledger_private.has_due(wallet_ids uuid[], at_time timestamptz)
returns boolean
language sql
stable
-- Nor may a plan that was made while the lists were empty, and reads all of them, outlive that.
set enable_seqscan = off
as $$
  -- Written so that only an index by wallet serves: one by date looks cheaper where a list was empty when it was last analyzed.
  select exists (
    select from unnest(wallet_ids) u (wallet_id)
    cross join lateral ledger_private.head(u.wallet_id) head
    where head.held_balance > 0 and exists (select from ledger_private.open_holds o
        where o.wallet_id = u.wallet_id and coalesce(o.expires_at, 'infinity') <= greatest(at_time, head.created_at))
      or head.bonus_balance > 0 and exists (select from ledger_private.open_lots o
        where o.wallet_id = u.wallet_id and o.expires_at <= greatest(at_time, head.created_at)
          and o.due_at is not distinct from o.expires_at)
  )
$$;

comment on function ledger_private.has_due is
  'Whether any of these wallets has a hold or a lot that is due: by the clock, or by the wallet''s own time where that is ahead.';
