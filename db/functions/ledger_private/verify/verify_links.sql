create or replace function ledger_private.verify_links(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with sides as (
    select a, o, w.owner_id, w.asset_code, x.owner_id as o_owner_id, x.asset_code as o_asset_code, r.to_wallet, r.to_seq
    from ledger.entries a
    left join ledger.wallets w on w.id = a.wallet_id
    left join ledger.wallets x on x.id = a.to_wallet
    left join lateral (
      select n.* from ledger.entries n where n.wallet_id = a.to_wallet and n.seq = a.to_seq offset 0
    ) o on true
    -- What the other side's original should be.
    left join lateral (
      select n.to_wallet, n.to_seq from ledger.entries n
      where n.wallet_id = a.wallet_id and n.transfer_id = a.reverses and n.actor is not null offset 0
    ) r on true
    where a.wallet_id between first_id and last_id and 'exchange' in (a.debit, a.credit)
      -- Another database has the other side, where it has that wallet.
      and (a.to_wallet is null or ledger_private.is_here(a.to_wallet))
  )
  select 'transfer_link', (s.a).wallet_id, (s.a).seq, (s.a).transfer_id,
    jsonb_build_object('to_wallet', (s.a).to_wallet, 'to_seq', (s.a).to_seq, 'found', (s.o).transfer_id)
  from sides s
  where case
    when (s.o).transfer_id is null or s.owner_id is distinct from s.o_owner_id or s.asset_code = s.o_asset_code
      or (s.o).transfer_id = (s.a).transfer_id then true
    -- One asset leaves its wallet, the other one arrives.
    when ((s.o).to_wallet, (s.o).to_seq, (s.o).kind, (s.o).actor, (s.o).debit, (s.o).credit) is distinct from (
      (s.a).wallet_id, (s.a).seq, (s.a).kind, (s.a).actor, (s.a).credit, (s.a).debit) then true
    -- One side has the request.
    when ((s.a).idem_key is null) = ((s.o).idem_key is null) or (s.a).idem_key is null and (s.a).metadata <> '{}'
      then true
    when (s.a).kind = 'reversal' and not exists (
      select from ledger.entries n
      where n.wallet_id = s.to_wallet and n.seq = s.to_seq and n.transfer_id = (s.o).reverses) then true
    when (s.a).kind = 'exchange' and (s.a).debit = 'player' and (s.a).amount > 0
      and (s.o).bonus_amount <> ledger_private.exchanged_bonus((s.a).bonus_amount, (s.a).amount, (s.o).amount) then true
    -- Both have the same time, unless one wallet was ahead of it already.
    else (s.o).created_at <> (s.a).created_at and not exists (
      select from ledger.entries n
      where n.created_at = greatest((s.o).created_at, (s.a).created_at)
        and n.wallet_id = case when (s.o).created_at > (s.a).created_at then (s.o).wallet_id else (s.a).wallet_id end
        and n.seq = case when (s.o).created_at > (s.a).created_at then (s.o).seq else (s.a).seq end - 1)
  end
$$;

comment on function ledger_private.verify_links is
$$Findings in exchanges and their reversals: both sides are there, of one owner and two assets, each names the other,
one has the request, and what arrived is bonus credits in the same part as what left.$$;

grant execute on function ledger_private.verify_links to wallet_auditor;
