create or replace function ledger_private.reversals(first_id uuid, last_id uuid)
returns table (
  r ledger.entries, wallet_id uuid, seq bigint, id uuid, o ledger.entries, original_seq bigint, between_players boolean,
  reversed numeric, reversed_bonus numeric, elsewhere boolean
)
language sql
stable
as $$
  with chosen as (
    select e as r, e.wallet_id, e.transfer_id as id, e.seq
    from ledger.entries e
    where e.kind in ('reversal', 'debt') and e.actor is not null and e.wallet_id between first_id and last_id
    union all
    -- That of a transfer to a single wallet is found through its own entries.
    select a, a.wallet_id, a.transfer_id, a.seq
    from ledger.entries e
    join ledger.entries a on a.transfer_id = e.transfer_id and a.actor is not null
    where first_id = last_id and e.wallet_id = first_id and e.kind = 'reversal' and e.actor is null
  )
  select c.r, c.wallet_id, c.seq, c.id, o, case when o.wallet_id = c.wallet_id then o.seq else s.seq end,
    o.kind = 'transfer', sum((c.r).amount) over earlier + coalesce(b.amount, 0),
    sum((c.r).bonus_amount) over earlier + coalesce(b.bonus_amount, 0),
    (o.transfer_id is null or o.wallet_id <> c.wallet_id and s.place is null)
      and ledger_private.may_be_elsewhere(c.r)
  from chosen c
  left join ledger.entries o on o.transfer_id = (c.r).reverses and o.actor is not null
  -- Where it was merged into this one, and what had been taken back in the wallets before.
  left join lateral (
    select n.place, n.seq from ledger_private.successors(o.wallet_id) n
    where o.wallet_id <> c.wallet_id and n.wallet_id = c.wallet_id offset 0
  ) s on true
  left join lateral (
    select sum(e.amount) as amount, sum(e.bonus_amount) as bonus_amount
    from ledger_private.successors(o.wallet_id) n
    join ledger.entries e on e.wallet_id = n.wallet_id and e.reverses = (c.r).reverses
    where o.wallet_id <> c.wallet_id and n.place < s.place offset 0
  ) b on true
  window earlier as (partition by c.wallet_id, (c.r).reverses order by c.seq)
$$;

comment on function ledger_private.reversals is
$$The reversals and debts of the wallets from one id to another (of a single wallet, all that touch it), r, each with
its original, o; the number of the entry before which it cannot be: the original's, or the one by which the original's
wallet was merged into this one; how much of the original had been taken back with it; and whether another database may
have the original, or a wallet on the way.$$;

grant execute on function ledger_private.reversals to wallet_auditor;
