create or replace function ledger_private.verify_pairs(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with pairs as (
    -- Both rows of a movement between players, from either side: the acting one and the received one.
    select a, r
    from ledger.entries a
    left join ledger.entries r on r.wallet_id = a.to_wallet and r.seq = a.to_seq
    where a.wallet_id between first_id and last_id and a.to_wallet is not null
      -- Of exchanges, verify_links() knows.
      and 'exchange' not in (a.debit, a.credit)
    union all
    select a, r
    from ledger.entries r
    left join ledger.entries a on a.transfer_id = r.transfer_id and a.actor is not null
    where r.wallet_id between first_id and last_id and r.actor is null
  )
  select 'transfer_reference', coalesce((p.a).wallet_id, (p.r).wallet_id), coalesce((p.a).seq, (p.r).seq),
    coalesce((p.a).transfer_id, (p.r).transfer_id),
    jsonb_build_object('acting', (p.a).seq, 'received', (p.r).seq, 'wallet_id', (p.r).wallet_id)
  from pairs p
  left join ledger.wallets w on w.id = (p.a).wallet_id
  left join ledger.wallets o on o.id = (p.r).wallet_id
  where (((p.r).transfer_id, (p.r).wallet_id, (p.r).seq, (p.r).kind, (p.r).debit, (p.r).credit,
      (p.r).amount, (p.r).bonus_amount, (p.r).held_amount, o.asset_code)
    is distinct from ((p.a).transfer_id, (p.a).to_wallet, (p.a).to_seq, (p.a).kind, (p.a).debit, (p.a).credit,
      (p.a).amount, (p.a).bonus_amount, 0::bigint, w.asset_code)
    or num_nonnulls((p.r).actor, (p.r).idem_key, (p.r).to_wallet, (p.r).to_seq, (p.r).requested_amount,
      (p.r).held_bonus_amount, (p.r).reverses, (p.r).hold_id, (p.r).expires_at, (p.r).metadata) > 0
    or (p.a).kind = 'merge' and not ledger_private.is_merged(p.a, p.r)
    -- Both have the same time, unless one wallet was ahead of it already.
    or (p.r).created_at <> (p.a).created_at and not exists (
      select from ledger.entries n
      where n.created_at = greatest((p.r).created_at, (p.a).created_at)
        and n.wallet_id = case when (p.r).created_at > (p.a).created_at then (p.r).wallet_id else (p.a).wallet_id end
        and n.seq = case when (p.r).created_at > (p.a).created_at then (p.r).seq else (p.a).seq end - 1))
    -- Another database has the other entry, where it has that wallet.
    and ((p.r).transfer_id is not null or ledger_private.is_here((p.a).to_wallet))
    and ((p.a).transfer_id is not null or not ledger_private.is_from_elsewhere(p.r))
$$;

comment on function ledger_private.verify_pairs is
$$Findings in movements between players: both entries are there, unless another database has one, and say the same; a
merge left nothing behind; who received is told nothing of who sent.$$;

grant execute on function ledger_private.verify_pairs to wallet_auditor;
