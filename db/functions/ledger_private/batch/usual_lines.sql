create or replace function ledger_private.usual_lines(
  requests ledger.wallet_request[],
  standings ledger_private.standing[],
  parts bigint[]
)
returns setof ledger.entries
language plpgsql
volatile
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_actor text := ledger_private.actor();
  v_xid xid8 := pg_current_xact_id();
begin
  return query
  with items as materialized (
    select r.place, uuidv7() as id, r.kind, r.wallet_id, r.counterparty_id, r.amount, coalesce(r.part, 0) as part, r.idem_key,
        coalesce(r.metadata, '{}') as metadata
      from rows from (unnest(requests), unnest(parts)) with ordinality
        r (kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata, hold_id, transfer_id, part, place)
  ), moves as (
    select i.place, true as acting, i.wallet_id, i.kind, i.amount, i.part, case when ledger_private.leaves(i.kind) then -1 else 1 end as sign
      from items i
    union all
    select i.place, false, i.counterparty_id, i.kind, i.amount, i.part, 1 from items i where i.kind = 'transfer'
  ), lines as materialized (
    select m.*, s.asset_code, s.created_at, s.hash, s.seq + row_number() over upto as seq,
        s.balance + (sum(m.sign * m.amount) over upto)::bigint as balance,
        s.bonus_balance + (sum(m.sign * m.part) over upto)::bigint as bonus_balance,
        s.bought + (sum(case m.kind when 'top_up' then m.amount else 0 end) over upto)::bigint as bought,
        s.granted + (sum(case m.kind when 'bonus' then m.amount else 0 end) over upto)::bigint as granted,
        s.spent + (sum(case m.kind when 'spend' then m.amount else 0 end) over upto)::bigint as spent,
        s.sent + (sum(case when m.kind = 'transfer' and m.acting then m.amount else 0 end) over upto)::bigint as sent
      from moves m
      left join unnest(standings) s on s.wallet_id = m.wallet_id
      window upto as (partition by m.wallet_id order by m.place rows unbounded preceding)
  ), judged as materialized (
    select l.*, o.wallet_id as to_wallet, o.seq as to_seq,
        (l.balance >= 0 and (l.kind <> 'transfer' or not l.acting or o.asset_code = l.asset_code)) is true as usual
      from lines l
      left join lines o on o.place = l.place and l.acting and not o.acting
  )
  select j.wallet_id, i.id, j.seq, j.amount, j.part, 0::bigint, j.balance::ledger.units, j.bonus_balance::ledger.units, 0::ledger.units,
      (j.balance - j.bonus_balance)::ledger.units, j.balance::ledger.units, j.bought, j.granted, j.spent, j.sent, greatest(v_now, j.created_at),
      v_xid, j.kind, case j.sign when 1 then ledger_private.house_account(j.kind) else 'player' end,
      case j.sign when 1 then 'player' else ledger_private.house_account(j.kind) end,
      case when j.acting then v_actor end, case when j.acting then i.idem_key end, j.to_wallet, j.to_seq, case when j.acting then j.amount end,
      null::bigint, null::uuid, null::uuid, null::timestamptz, case when j.acting then i.metadata end, j.hash
    from judged j
    join items i on i.place = j.place
    where j.place < (select coalesce(min(u.place), 9223372036854775807) from judged u where not u.usual);
end
$$;

comment on function ledger_private.usual_lines(ledger.wallet_request[], ledger_private.standing[], bigint[]) is
$$The entries of the first of these requests, up to the one that is not usual: whose balance does not suffice, or in whose wallets something
else could be refused. Each follows what stands in its wallet and the requests before it; parts is what of each is bonus credits. The hash of
each is still that of the wallet's head.$$;

revoke all on function ledger_private.usual_lines(ledger.wallet_request[], ledger_private.standing[], bigint[]) from public;
