create or replace function ledger_private.usual_lines(
  requests ledger.wallet_request[],
  standings ledger_private.standing[],
  parts bigint[],
  ids uuid[],
  actor text,
  at_time timestamptz
)
returns setof ledger.entries
language sql
stable
as $$
  with recursive numbered as (
    select r.place, r.id, r.kind, a.acting, s.wallet_id, r.counterparty_id, r.amount, coalesce(r.part, ledger_private.bonus_part(r.kind, r.amount, 0)) as part, r.idem_key,
        coalesce(r.metadata, '{}') as metadata, s.seq + row_number() over (partition by s.wallet_id order by r.place) as seq,
        a.acting and ledger_private.leaves(r.kind) as leaves
      from rows from (unnest(requests), unnest(parts), unnest(ids)) with ordinality
        r (kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata, hold_id, transfer_id, part, id, place)
      cross join (values (true), (false)) a (acting)
      join unnest(standings) s on s.wallet_id = case when a.acting then r.wallet_id else r.counterparty_id end
  ), moves as materialized (
    select n.place, n.id, n.kind, n.acting, n.wallet_id, n.seq, n.amount, n.part, case when n.leaves then -1 else 1 end as sign,
        case when n.leaves then 'player' else ledger_private.house_account(n.kind) end as debit,
        case when n.leaves then ledger_private.house_account(n.kind) else 'player' end as credit,
        case when n.acting then usual_lines.actor end as actor, case when n.acting then n.idem_key end as idem_key,
        case when n.acting then n.metadata end as metadata, case when n.acting then n.amount end as requested_amount,
        case when n.acting then n.counterparty_id end as to_wallet,
        case when n.acting and n.kind = 'transfer' then lead(n.seq) over (order by n.place, n.acting desc) end as to_seq
      from numbered n
  ), lines as (
    -- Begins with what stands in each wallet, and goes on wallet by wallet.
    select 0::bigint as place, false as acting, s.wallet_id, s.seq, s.balance, s.bonus_balance, s.bought, s.granted, s.spent, s.sent, s.created_at,
        s.hash
      from unnest(standings) s
    union all
    select n.place, n.acting, n.wallet_id, n.seq, n.balance, n.bonus_balance, n.bought, n.granted, n.spent, n.sent, n.created_at,
        ledger_private.entry_digest(previous_hash => n.hash, wallet_id => n.wallet_id, transfer_id => n.id, seq => n.seq, amount => n.amount,
          bonus_amount => n.part, held_amount => 0, balance => n.balance, bonus_balance => n.bonus_balance, held_balance => 0,
          paid_balance => n.balance - n.bonus_balance, free_balance => n.balance, topped_up_total => n.bought, granted_total => n.granted,
          spent_total => n.spent, sent_total => n.sent, created_at => n.created_at, kind => n.kind, debit => n.debit, credit => n.credit,
          actor => n.actor, idem_key => n.idem_key, metadata_hash => ledger_private.metadata_hash(n.metadata), to_wallet => n.to_wallet,
          to_seq => n.to_seq, requested_amount => n.requested_amount)
      from (
        select m.*, l.hash, l.balance + m.sign * m.amount as balance, l.bonus_balance + m.sign * m.part as bonus_balance,
            l.bought + case m.kind when 'top_up' then m.amount else 0 end as bought,
            l.granted + case m.kind when 'bonus' then m.amount else 0 end as granted,
            l.spent + case m.kind when 'spend' then m.amount else 0 end as spent,
            l.sent + case when m.sign < 0 and m.kind = 'transfer' then m.amount else 0 end as sent,
            greatest(at_time, l.created_at) as created_at
          from lines l
          join moves m on m.wallet_id = l.wallet_id and m.seq = l.seq + 1
          offset 0
      ) n
  )
  select m.wallet_id, m.id, m.seq, m.amount, m.part, 0, l.balance, l.bonus_balance, 0, l.balance - l.bonus_balance,
    l.balance, l.bought, l.granted, l.spent, l.sent, l.created_at, pg_current_xact_id(), m.kind, m.debit, m.credit,
    m.actor, m.idem_key, m.to_wallet, m.to_seq, m.requested_amount, null::bigint, null::uuid, null::uuid, null::timestamptz, m.metadata,
    l.hash
  from moves m
  join lines l on l.place = m.place and l.acting = m.acting
  where m.place < (select coalesce(min(b.place), 9223372036854775807) from lines b where b.balance < 0)
$$;

comment on function ledger_private.usual_lines(
  ledger.wallet_request[], ledger_private.standing[], bigint[], uuid[], text, timestamptz
) is
$$The entries of the first of these requests, with their hashes, up to the one whose balance does not suffice. Each
follows what stands in its wallet and the requests before it; parts is what of each is bonus credits, ids their
transfers.$$;

revoke all on function ledger_private.usual_lines(
  ledger.wallet_request[], ledger_private.standing[], bigint[], uuid[], text, timestamptz
) from public;
