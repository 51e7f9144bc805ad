create or replace function ledger.wallet_explain(wallet_id uuid)
returns setof ledger.balance_part
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_head ledger.entries;
begin
  if not exists (select from ledger.wallets w where w.id = wallet_explain.wallet_id) then
    perform ledger_private.refuse(ledger_private.wallet_not_found(wallet_id));
  end if;
  select e.* into v_head from ledger.entries e where e.wallet_id = wallet_explain.wallet_id order by e.seq desc limit 1;

  return query
    -- One look-up for each that is open: joined, all holds, lots and entries that the wallet ever had are read.
    with held as (
      -- What is due is not booked yet, but reserves nothing any more.
      select h.* from ledger_private.open_holds o
        cross join lateral (select n.* from ledger.holds n where n.wallet_id = o.wallet_id
          and n.id = o.hold_id limit 1) h
        where o.wallet_id = wallet_explain.wallet_id and coalesce(h.expires_at, 'infinity') > statement_timestamp()
    ), pinned as (
      select h.id as hold_id, d.lot_seq, d.expires_at, d.held_amount as amount
        from held h join ledger.bonus_lot_draws d on d.wallet_id = h.wallet_id and d.seq = h.seq
    ), lots as (
      select l.seq, l.expires_at, s.balance - coalesce((
            select sum(p.amount) from pinned p where p.lot_seq = l.seq and p.expires_at = l.expires_at), 0) as free
        from ledger_private.open_lots o
        cross join lateral (
          select n.*, n as lot from ledger.bonus_lots n where n.wallet_id = o.wallet_id and n.seq = o.lot_seq
            and n.expires_at = o.expires_at limit 1
        ) l
        cross join lateral ledger_private.lot_at(l.lot, v_head.seq) s
        where o.wallet_id = wallet_explain.wallet_id
    ), parts (source, amount, hold_id, expires_at, seq) as (
      select 'paid'::ledger.credit_source,
          v_head.balance - v_head.bonus_balance - coalesce((select sum(h.amount - h.bonus_amount) from held h),
            0), null::uuid,
          null::timestamptz, null::bigint
      union all
      select 'bonus', v_head.bonus_balance - coalesce((select sum(h.bonus_amount) from held h), 0)
          - coalesce((select sum(l.free) from lots l), 0), null, null, null
      union all
      select 'expiring_bonus', l.free, null, l.expires_at, l.seq from lots l
      union all
      select 'paid', h.amount - h.bonus_amount, h.id, null, null from held h
      union all
      select 'bonus', h.bonus_amount - coalesce((select sum(p.amount) from pinned p where p.hold_id = h.id), 0), h.id,
        null, null from held h
      union all
      select 'expiring_bonus', p.amount, p.hold_id, p.expires_at, p.lot_seq from pinned p
      union all
      select 'debt', v_head.owed, null, null, null
    )
    select p.source, p.amount::bigint,
        case when p.hold_id is null and p.source <> 'debt'
          and (p.expires_at is null or p.expires_at > statement_timestamp()) then p.amount else 0 end::bigint,
        p.expires_at, (
          select e.transfer_id from ledger.entries e where e.wallet_id = wallet_explain.wallet_id and e.seq = p.seq
        ), p.hold_id
      from parts p
      where p.amount > 0
      order by p.source = 'debt', p.hold_id nulls first, p.expires_at, p.seq, p.source desc;
end
$$;

comment on function ledger.wallet_explain is
$$@behavior -queryField:resource:connection +queryField:resource:list
@listSuffix omit
Why a wallet's balance is what it is: the paid credits, the bonus credits without expiry, each open lot of expiring
ones, and what each open hold reserves of them. The amounts add up to the balance, those without a hold and not expired
to what is available. What the wallet owes is a line of its own (debt), which belongs to neither sum. A hold that has
expired is not among them: its credits are listed as free, or as expired, before that is booked.

- walletId: a player's wallet that the caller may see.

Refuses with WALLET_NOT_FOUND (WLNOW).$$;

grant execute on function ledger.wallet_explain
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
