create or replace function ledger_private.usual_entries(
  requests ledger.wallet_request[],
  absent uuid[],
  ids uuid[],
  actor text,
  at_time timestamptz
)
returns setof ledger.entries
language sql
stable
as $$
  with recursive moves as materialized (
    select m.*, m.head_seq + m.rank as seq, case when s.leaves then -1 else 1 end as sign,
        case when s.leaves then 'player' else ledger_private.house_account(m.kind) end as debit,
        case when s.leaves then ledger_private.house_account(m.kind) else 'player' end as credit,
        case when m.acting then usual_entries.actor end as actor,
        case when m.acting then m.amount end as requested_amount
      from ledger_private.usual_moves(requests => requests, absent => absent, ids => ids) m
      cross join lateral (select m.acting and ledger_private.leaves(m.kind)) s (leaves)
  ), lines as (
    -- Begins with what stands in each wallet, and goes on wallet by wallet.
    select 0::bigint as place, false as acting, m.wallet_id, 0::bigint as rank, m.balance, m.bonus_balance, m.bought,
        m.granted, m.spent, m.sent, m.created_at, m.hash
      from moves m
      where m.rank = 1
    union all
    select n.place, n.acting, n.wallet_id, n.rank, n.balance_after, n.bonus_after, n.bought_after, n.granted_after,
        n.spent_after, n.sent_after, n.at_time, ledger_private.entry_digest(
          previous_hash => n.hash_before, wallet_id => n.wallet_id, transfer_id => n.transfer_id, seq => n.seq,
          amount => n.amount, bonus_amount => n.part, held_amount => 0, balance => n.balance_after,
          bonus_balance => n.bonus_after, held_balance => 0, paid_balance => n.balance_after - n.bonus_after,
          free_balance => n.balance_after, topped_up_total => n.bought_after, granted_total => n.granted_after,
          spent_total => n.spent_after, sent_total => n.sent_after, created_at => n.at_time, kind => n.kind,
          debit => n.debit, credit => n.credit, actor => n.actor, idem_key => n.idem_key,
          metadata_hash => ledger_private.metadata_hash(n.metadata), to_wallet => n.to_wallet, to_seq => n.to_seq,
          requested_amount => n.requested_amount)
      from (
        select m.*, l.hash as hash_before, greatest(usual_entries.at_time, l.created_at) as at_time,
            l.balance + m.sign * m.amount as balance_after, l.bonus_balance + m.sign * m.part as bonus_after,
            l.bought + case m.kind when 'top_up' then m.amount else 0 end as bought_after,
            l.granted + case m.kind when 'bonus' then m.amount else 0 end as granted_after,
            l.spent + case m.kind when 'spend' then m.amount else 0 end as spent_after,
            l.sent + case when m.kind = 'transfer' and m.acting then m.amount else 0 end as sent_after
          from lines l
          join moves m on m.wallet_id = l.wallet_id and m.rank = l.rank + 1
          offset 0
      ) n
  )
  select m.wallet_id, m.transfer_id, m.seq, m.amount, m.part, 0, l.balance, l.bonus_balance, 0,
    l.balance - l.bonus_balance, l.balance, l.bought, l.granted, l.spent, l.sent, l.created_at, pg_current_xact_id(),
    m.kind, m.debit, m.credit, m.actor, m.idem_key, m.to_wallet, m.to_seq, m.requested_amount, null::bigint, null::uuid,
    null::uuid, null::timestamptz, m.metadata, l.hash, null::bigint
  from moves m
  join lines l on l.place = m.place and l.acting = m.acting
  where m.place < (select coalesce(min(b.place), 9223372036854775807) from lines b where b.balance < 0)
$$;

comment on function ledger_private.usual_entries is
$$The entries of the first of many requests, whose wallets are locked, up to the one that something can refuse. Each
follows what stands in its wallet and the requests before it; ids are those of the transfers. It is one walk: the
first entries of all wallets, then the second ones, and so on.$$;
