create or replace function webhook.lots_of_events(events ledger.event[])
returns setof ledger_private.open_lots
language sql
stable
as $$
  select o.*
  from (
    select v.debit_wallet_id from unnest(lots_of_events.events) v
    union
    select v.credit_wallet_id from unnest(lots_of_events.events) v
  ) u (wallet_id)
  cross join lateral (select n.asset_code from ledger.wallets n where n.id = u.wallet_id limit 1) w
  join webhook.notice_rules r on r.asset_code = w.asset_code and r.expiring_hours is not null
  join ledger_private.open_lots o on o.wallet_id = u.wallet_id and o.expires_at <= r.due_at
    and o.due_at > clock_timestamp()
    and (o.due_at, o.wallet_id, o.lot_seq) <= (r.due_at, r.due_wallet_id, r.due_lot_seq)
$$;

comment on function webhook.lots_of_events is $$@behavior -*
Lots of the wallets of these events that expire within the time of notices although they were not there, or were
reserved, when notices came to their instant.$$;
