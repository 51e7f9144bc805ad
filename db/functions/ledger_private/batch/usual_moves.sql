create or replace function ledger_private.usual_moves(requests ledger.wallet_request[], absent uuid[], ids uuid[])
returns table (
  place bigint,
  acting boolean,
  transfer_id uuid,
  kind ledger.transfer_kind,
  amount bigint,
  part bigint,
  idem_key text,
  metadata jsonb,
  to_wallet uuid,
  to_seq bigint,
  wallet_id uuid,
  rank bigint,
  head_seq bigint,
  balance bigint,
  bonus_balance bigint,
  bought bigint,
  granted bigint,
  spent bigint,
  sent bigint,
  created_at timestamptz,
  hash bytea
)
language sql
stable
as $$
  with items as materialized (
    select r.place, r.id as transfer_id, r.kind, r.wallet_id, r.counterparty_id, r.amount, r.idem_key,
        coalesce(r.metadata, '{}') as metadata,
        -- As in post_own and post_between.
        (r.amount between 1 and 1000000000000000 and num_nonnulls(r.expires_at, r.hold_id, r.transfer_id,
            r.bonus_amount, r.side, r.reason, r.to_amount, r.owe) = 0
          and (r.kind in ('top_up', 'bonus', 'spend') and r.counterparty_id is null
            or r.kind = 'transfer' and r.counterparty_id <> r.wallet_id)
          and octet_length(r.idem_key) <= 200 and r.idem_key ~ '^[!-~]+$'
          and (r.metadata is null or r.metadata = '{}' or ledger_private.is_metadata(r.metadata))) is true as plain
      from rows from (unnest(requests), unnest(ids)) with ordinality r (
        kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata, hold_id, transfer_id, bonus_amount,
        side, reason, to_amount, owe, id, place)
  ), heads as materialized (
    select row_number() over () as number, h.*
      from (select i.wallet_id from items i union select i.counterparty_id from items i where i.kind = 'transfer') n
      cross join lateral ledger_private.usual_head(n.wallet_id) h
      where n.wallet_id <> all (absent)
  ), lines as materialized (
    select i.place, a.acting, i.transfer_id, i.kind, i.amount, i.plain,
        case when a.acting then i.idem_key end as idem_key, case when a.acting then i.metadata end as metadata, h.*,
        row_number() over (partition by h.id order by i.place) as rank
      from items i
      join (values (true), (false)) a (acting) on a.acting or i.kind = 'transfer'
      left join heads h on h.id = case when a.acting then i.wallet_id else i.counterparty_id end
  ), moves as materialized (
    select l.*, o.id as to_wallet, o.seq + o.rank as to_seq, o.number as to_number,
        l.plain and l.id is not null and (l.kind <> 'transfer' or not l.acting or o.asset_code = l.asset_code) as usual
      from lines l
      left join lines o on o.place = l.place and l.acting and not o.acting
  ), bonus (parts) as materialized (
    select ledger_private.bonus_parts(
        kinds => array_agg(m.kind order by m.place), amounts => array_agg(m.amount order by m.place),
        from_numbers => array_agg(m.number order by m.place), to_numbers => array_agg(m.to_number order by m.place),
        bonus_balances => (select array_agg(h.bonus_balance order by h.number) from heads h))
      from moves m
      where m.acting
        and m.place < (select coalesce(min(u.place), 9223372036854775807) from moves u where u.usual is not true)
  )
  select m.place, m.acting, m.transfer_id, m.kind, m.amount, (select b.parts from bonus b)[m.place], m.idem_key,
    m.metadata, m.to_wallet, m.to_seq, m.id, m.rank, m.seq, m.balance, m.bonus_balance, m.bought, m.granted, m.spent,
    m.sent, m.created_at, m.hash
  from moves m
  where m.place <= (select cardinality(b.parts) from bonus b)
$$;

comment on function ledger_private.usual_moves is
$$What the first of many requests, whose wallets are locked, do to their wallets, up to the one that something but the
balance could refuse: for what it asks, or for what stands in a wallet. Keys are not looked up. A row for each wallet of
each request, with its number among the rows of that wallet (rank), and what stands in the wallet before all of them;
ids are those of the transfers.$$;
