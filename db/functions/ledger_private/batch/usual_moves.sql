create or replace function ledger_private.usual_moves(requests ledger.wallet_request[], ids uuid[])
returns setof ledger_private.move
language sql
stable
as $$
  with items as materialized (
    select r.place, r.id, r.kind, r.wallet_id, r.counterparty_id, r.amount, r.idem_key, coalesce(r.metadata, '{}') as metadata,
        -- As in post_own and post_between.
        (r.amount between 1 and 1000000000000000 and num_nonnulls(r.expires_at, r.hold_id, r.transfer_id) = 0
          and (r.kind in ('top_up', 'bonus', 'spend') and r.counterparty_id is null
            or r.kind = 'transfer' and r.counterparty_id <> r.wallet_id)
          and octet_length(r.idem_key) <= 200 and r.idem_key ~ '^[!-~]+$'
          and (r.metadata is null or r.metadata = '{}' or ledger_private.is_metadata(r.metadata))) is true as plain
      from rows from (unnest(requests), unnest(ids)) with ordinality
        r (kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata, hold_id, transfer_id, id, place)
  ), heads as materialized (
    select row_number() over () as number, w.id as head_of, w.asset_code, coalesce(e.seq, 0) as seq, coalesce(e.balance, 0) as balance,
        coalesce(e.bonus_balance, 0) as bonus_balance, coalesce(e.topped_up_total, 0) as bought, coalesce(e.granted_total, 0) as granted,
        coalesce(e.spent_total, 0) as spent, coalesce(e.sent_total, 0) as sent, e.created_at, e.hash
      from (select i.wallet_id as id from items i union select i.counterparty_id from items i where i.kind = 'transfer') n
      join ledger.wallets w on w.id = n.id
      left join lateral (
        select h.seq, h.balance, h.bonus_balance, h.held_balance, h.topped_up_total, h.granted_total, h.spent_total, h.sent_total, h.created_at, h.hash
          from ledger.entries h where h.wallet_id = w.id order by h.seq desc limit 1
      ) e on true
      where w.status = 'open' and w.asset_code <> all (array(select l.asset_code from ledger.asset_limits l where l.seq = 1))
        and coalesce(e.held_balance, 0) = 0
        -- So far below the end that no list of requests reaches it.
        and coalesce(greatest(e.balance, e.topped_up_total, e.granted_total, e.spent_total, e.sent_total), 0) <= 8000000000000000000
        and (coalesce(e.bonus_balance, 0) = 0
          or (select o.lot_seq from ledger_private.open_lots o where o.wallet_id = w.id order by o.expires_at, o.lot_seq limit 1) is null)
  ), lines as materialized (
    select i.place, i.id, i.kind, i.amount, i.plain, a.acting, h.*, row_number() over (partition by h.head_of order by i.place) as rank,
        case when a.acting then i.idem_key end as idem_key, case when a.acting then i.metadata end as metadata
      from items i
      join (values (true), (false)) a (acting) on a.acting or i.kind = 'transfer'
      left join heads h on h.head_of = case when a.acting then i.wallet_id else i.counterparty_id end
  ), moves as materialized (
    select l.*, o.head_of as to_wallet, o.seq + o.rank as to_seq, o.number as to_number,
        l.plain and l.number is not null and (not l.acting or l.kind <> 'transfer' or o.asset_code = l.asset_code) is true as usual
      from lines l
      left join lines o on o.place = l.place and l.acting and not o.acting
  ), bonus (parts) as materialized (
    select ledger_private.bonus_parts(kinds => array_agg(m.kind order by m.place), amounts => array_agg(m.amount order by m.place),
        from_numbers => array_agg(m.number order by m.place), to_numbers => array_agg(m.to_number order by m.place),
        bonus_balances => (select array_agg(h.bonus_balance order by h.number) from heads h))
      from moves m
      where m.acting and m.place < (select coalesce(min(u.place), 9223372036854775807) from moves u where not u.usual)
  )
  select m.place, m.acting, m.id, m.kind, m.head_of, m.rank, m.amount, (select b.parts from bonus b)[m.place], m.idem_key, m.metadata, m.to_wallet,
    m.to_seq, m.seq, m.balance, m.bonus_balance, m.bought, m.granted, m.spent, m.sent, m.created_at, m.hash
  from moves m
  where m.place <= (select cardinality(b.parts) from bonus b)
$$;

comment on function ledger_private.usual_moves(ledger.wallet_request[], uuid[]) is
$$What the first of many requests, whose wallets are locked, write where nothing but the balance can refuse them: not for
what they ask, nor for what stands in their wallets. A row for each wallet of each request, with what stands in it; ids are those of their transfers.
Keys are not looked up.$$;

revoke all on function ledger_private.usual_moves(ledger.wallet_request[], uuid[]) from public;
