create or replace function webhook.expiring_lots(lots ledger_private.open_lots[])
returns setof webhook.notices
language sql
stable
as $$
  select 0::bigint, null::uuid, 'credits.expiring', o.wallet_id, h.seq, x.amount, o.lot_seq, o.expires_at, null::bigint,
    clock_timestamp()
  from unnest(expiring_lots.lots) o
  cross join lateral (
    select l.amount from ledger.expiring_lots l
    where l.wallet_id = o.wallet_id and l.seq = o.lot_seq and l.expires_at = o.expires_at
    limit 1
  ) x
  cross join lateral (
    select e.seq from ledger.entries e where e.wallet_id = o.wallet_id order by e.seq desc limit 1
  ) h
$$;

comment on function webhook.expiring_lots is $$@behavior -*
Notices of these lots, with what is left of them.$$;
