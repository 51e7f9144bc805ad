create or replace function ledger_private.verify_reversals(wallet_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with reversed as (
    select o, (select jsonb_agg(to_jsonb(p) order by p.source, p.expires_at, p.lot_seq)
        from ledger_private.reversible_parts(o) p where p.amount < 0) as exceeded
    from ledger.transfers o
    where o.id in (
      select r.reverses from ledger.transfers r
      where r.reverses is not null and (verify_reversals.wallet_id is null or r.wallet_id = verify_reversals.wallet_id))
  ), parts as (
    -- A spend or capture gives all its paid credits back before the first bonus one.
    select r.id, r.wallet_id, r.bonus_amount, o.kind as original_kind, o.id as original_id,
      o.amount - o.bonus_amount - sum(r.amount - r.bonus_amount) over (
        partition by r.reverses order by case when r.debit_wallet_id = r.wallet_id then r.debit_seq else r.credit_seq end) as paid_left
    from ledger.transfers r
    left join ledger.transfers o on o.id = r.reverses and o.wallet_id = r.wallet_id
    where r.kind = 'reversal' and (verify_reversals.wallet_id is null or r.wallet_id = verify_reversals.wallet_id)
  )
  select 'transfer_reversed', (v.o).wallet_id, null::bigint, (v.o).id, jsonb_build_object('exceeded', v.exceeded)
  from reversed v
  where v.exceeded is not null
  union all
  select 'transfer_reversed', p.wallet_id, null, p.id, jsonb_build_object('original', p.original_id, 'kind', p.original_kind)
  from parts p
  where p.original_id is null
    or p.original_kind not in ('top_up', 'bonus', 'spend', 'capture', 'transfer')
    or p.original_kind in ('spend', 'capture') and p.bonus_amount > 0 and p.paid_left > 0
$$;

comment on function ledger_private.verify_reversals(uuid) is
$$Findings in the reversals of one wallet, or in all: the original there and of a kind that can be reversed, no more reversed than it moved, of no
source, and paid credits given back first.$$;

revoke all on function ledger_private.verify_reversals(uuid) from public;
grant execute on function ledger_private.verify_reversals(uuid) to wallet_auditor;
