create or replace function ledger_private.due_lots(wallet_ids uuid[], at_time timestamptz)
returns table (wallet_id uuid, lots ledger.bonus_lots[], free bigint)
language sql
stable
as $$
  select u.wallet_id, array_agg(row(o.wallet_id, o.lot_seq, o.expires_at, s.balance - s.held_balance)::ledger.bonus_lots),
    sum(s.balance - s.held_balance)::bigint
  from unnest(wallet_ids) u (wallet_id)
  cross join lateral ledger_private.head(u.wallet_id) e
  -- Compared like this, its date is not what it is looked up by (see has_due).
  join ledger_private.open_lots o on o.wallet_id = u.wallet_id and o.expires_at <= greatest(due_lots.at_time, e.created_at)
    and o.due_at is not distinct from o.expires_at
  -- One look-up for each: joined, all lots that the wallet ever had are read.
  cross join lateral (
    select n as lot from ledger.bonus_lots n where n.wallet_id = o.wallet_id and n.seq = o.lot_seq and n.expires_at = o.expires_at limit 1
  ) l
  cross join lateral ledger_private.lot_at(l.lot, 9223372036854775807) s
  group by u.wallet_id
$$;

comment on function ledger_private.due_lots is
  'Of these wallets, those with lots that are due: what is free in each lot, as its amount, and in all of them.';
