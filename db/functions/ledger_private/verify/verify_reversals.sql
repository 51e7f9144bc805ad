create or replace function ledger_private.verify_reversals(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with judged as (
    select v.*,
      -- Paid credits go back first; what of it is bonus credits follows from what was reversed before.
      (v.r).bonus_amount - (greatest(v.reversed - p.paid, 0) - greatest(v.reversed - (v.r).amount - p.paid, 0))
        as too_much_bonus,
      v.reversed - v.reversed_bonus < p.paid as paid_left
    from ledger_private.reversals(first_id, last_id) v
    cross join lateral (select (v.o).amount::numeric - (v.o).bonus_amount as paid) p
  )
  select 'transfer_reversed', (v.o).wallet_id, null::bigint, (v.o).transfer_id, jsonb_build_object('exceeded', x.parts)
  from (select distinct on ((j.o).transfer_id) j.o from judged j where (j.o).transfer_id is not null) v
  cross join lateral (
    select jsonb_agg(to_jsonb(p) order by p.source, p.expires_at, p.lot_seq) from ledger_private.reversible_parts(v.o) p
      where p.amount < 0
  ) x (parts)
  where x.parts is not null
  union all
  select 'transfer_reversed', j.wallet_id, j.seq, j.id,
    jsonb_build_object('original', to_jsonb(j.o) - 'metadata' - 'idem_key' - 'hash', 'reversed', j.reversed)
  from judged j
  where not j.elsewhere and case
    when (j.o).transfer_id is null or j.original_seq is null or j.original_seq >= j.seq
      or (j.o).kind not in ('top_up', 'bonus', 'spend', 'capture', 'transfer', 'exchange') then true
    when (j.r).kind = 'reversal' and (j.r).requested_amount is null and j.reversed <> (j.o).amount then true
    when (j.o).kind = 'exchange' and ((j.r).amount <> (j.o).amount or (j.o).wallet_id <> j.wallet_id) then true
    when not j.between_players then j.too_much_bonus <> 0
    -- A receiver gives what it still has of them: bonus credits only once no paid one is free.
    when (j.r).bonus_amount > 0 and j.paid_left then exists (
      select from ledger.entries e
      where e.wallet_id = (j.r).to_wallet and e.seq = (j.r).to_seq
        and e.balance - e.bonus_balance > case when e.held_balance = 0 then 0 else e.held_balance - (
          select coalesce(sum(h.bonus_amount), 0)
          from ledger.holds h
          where h.wallet_id = e.wallet_id and h.seq < e.seq and not exists (
            select from ledger.entries c
            where c.wallet_id = h.wallet_id and c.hold_id = h.id and c.kind <> 'hold' and c.seq < e.seq)) end)
    else false end
  union all
  select 'lot_draws', j.wallet_id, j.seq, j.id,
    jsonb_build_object('wallet_id', d.wallet_id, 'lot_seq', d.lot_seq, 'expires_at', d.expires_at, 'amount', d.amount,
      'expected', d.expected)
  from judged j
  cross join lateral ledger_private.reversal_draws(j.r, j.o, (j.reversed_bonus - (j.r).bonus_amount)::bigint) d
  where d.amount is distinct from d.expected and not j.elsewhere
  union all
  select 'lot_draws', j.wallet_id, j.seq, j.id, jsonb_build_object('drawn', d.amount,
    'bonus_amount', (j.r).bonus_amount)
  from judged j
  cross join lateral (
    select sum(d.amount) from ledger.bonus_lot_draws d where d.wallet_id = (j.r).to_wallet
      and d.seq = (j.r).to_seq) d (amount)
  where j.between_players and d.amount > (j.r).bonus_amount
$$;

comment on function ledger_private.verify_reversals is
$$Findings in reversals (of a single wallet, all that touch it): the original earlier, of the wallet or one that was
merged into it, and of a kind that can be reversed, no more reversed than it moved, of no source,
paid credits first, and lots as the original's were.$$;

grant execute on function ledger_private.verify_reversals to wallet_auditor;
