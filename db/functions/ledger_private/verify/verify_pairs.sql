create or replace function ledger_private.verify_pairs(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with pairs as (
    -- Both rows of a movement between players, from either side.
    select a as acting, r as received
    from ledger.entries a
    left join ledger.entries r on r.wallet_id = a.to_wallet and r.seq = a.to_seq
    where a.wallet_id between first_id and last_id and a.to_wallet is not null
    union all
    select a, r
    from ledger.entries r
    left join ledger.entries a on a.transfer_id = r.transfer_id and a.actor is not null
    where r.wallet_id between first_id and last_id and r.actor is null
  )
  select 'transfer_reference', coalesce((p.acting).wallet_id, (p.received).wallet_id), coalesce((p.acting).seq, (p.received).seq),
    coalesce((p.acting).transfer_id, (p.received).transfer_id),
    jsonb_build_object('acting', (p.acting).seq, 'received', (p.received).seq, 'wallet_id', (p.received).wallet_id)
  from pairs p
  left join ledger.wallets w on w.id = (p.acting).wallet_id
  left join ledger.wallets o on o.id = (p.received).wallet_id
  where (((p.received).transfer_id, (p.received).wallet_id, (p.received).seq, (p.received).kind, (p.received).debit, (p.received).credit,
      (p.received).amount, (p.received).bonus_amount, (p.received).held_amount, o.asset_code)
    is distinct from ((p.acting).transfer_id, (p.acting).to_wallet, (p.acting).to_seq, (p.acting).kind, (p.acting).debit, (p.acting).credit,
      (p.acting).amount, (p.acting).bonus_amount, 0::bigint, w.asset_code)
    or num_nonnulls((p.received).actor, (p.received).idem_key, (p.received).to_wallet, (p.received).to_seq, (p.received).requested_amount,
      (p.received).held_bonus_amount, (p.received).reverses, (p.received).hold_id, (p.received).expires_at, (p.received).metadata) > 0
    -- Both have the same time, unless one wallet was ahead of it already.
    or (p.received).created_at <> (p.acting).created_at and not exists (
      select from ledger.entries n
      where n.created_at = greatest((p.received).created_at, (p.acting).created_at)
        and n.wallet_id = case when (p.received).created_at > (p.acting).created_at then (p.received).wallet_id else (p.acting).wallet_id end
        and n.seq = case when (p.received).created_at > (p.acting).created_at then (p.received).seq else (p.acting).seq end - 1))
    -- Another database has the other entry, where it has that wallet.
    and ((p.received).transfer_id is not null or ledger_private.is_here((p.acting).to_wallet))
    and ((p.acting).transfer_id is not null or not ledger_private.is_from_elsewhere(p.received))
$$;

comment on function ledger_private.verify_pairs is
$$Findings in the movements between players of the wallets from one id to another: both entries are there and say the same, unless another
database has the other wallet, and who received is told nothing of who sent.$$;

grant execute on function ledger_private.verify_pairs to wallet_auditor;
