create or replace function ledger_private.verify_transfers(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with chosen as (
    select t.* from ledger.transfers t where t.wallet_id between first_id and last_id
    union all
    -- What others sent to a single wallet is found through its entries.
    select t.* from ledger.transfers t
    where first_id = last_id and t.wallet_id <> first_id
      and t.id in (select e.transfer_id from ledger.entries e where e.wallet_id = first_id)
  ), legs as (
    select t, o, h, l.side, l.leg_wallet_id, l.leg_seq, l.leg_wallet_id = t.wallet_id as acting,
      case when l.side = 'debit' then t.credit_wallet_id else t.debit_wallet_id end as other_wallet_id,
      -- The side on which the acting wallet has to be.
      case
        when t.kind in ('top_up', 'bonus', 'release') then 'credit'::ledger.entry_side
        when t.kind <> 'reversal' or o.credit_wallet_id = t.wallet_id then 'debit'
        else 'credit' end as acting_side
    from chosen t
    -- Few have one: it is looked up, and not found in a hash table of all transfers.
    left join lateral (select n.* from ledger.transfers n where n.id = t.reverses and n.wallet_id = t.wallet_id offset 0) o on true
    left join ledger.holds h on h.wallet_id = t.wallet_id and h.id = t.hold_id
    cross join lateral (values
      ('debit'::ledger.entry_side, t.debit_wallet_id, t.debit_seq),
      ('credit', t.credit_wallet_id, t.credit_seq)
    ) as l (side, leg_wallet_id, leg_seq)
    -- A reservation has one side, and nothing else has.
    where l.leg_wallet_id is not null or t.kind not in ('hold', 'release') or num_nonnulls(t.debit_wallet_id, t.credit_wallet_id) = 0
  ), judged as (
    select l.*, w.house, w.stripe, w.asset_code,
      e.transfer_id is distinct from (l.t).id or e.side is distinct from l.side or w.id is null as breaks_reference,
      -- The acting wallet is a player's, on the side that the kind demands; the other is in the account that the kind
      -- decides, there in the acting wallet's stripe or in the batches'; of a reversal, the original's very wallet.
      l.leg_wallet_id is not null and (coalesce(w.asset_code <> o.asset_code, false) or case when l.acting
        then w.house is not null or l.side <> l.acting_side
        else (l.t).wallet_id is distinct from l.other_wallet_id
          or (l.t).kind in ('hold', 'release')
          or case when (l.t).kind = 'reversal'
            then l.leg_wallet_id is distinct from case l.side when 'debit' then (l.o).credit_wallet_id else (l.o).debit_wallet_id end
            else w.house is distinct from ledger_private.house_account((l.t).kind)
              or coalesce(w.stripe not in (ledger.wallet_stripe((l.t).wallet_id), 32), false) end end) as breaks_sides,
      coalesce(l.acting, false) and (
        ((l.t).idem_key is null) <> ((l.t).kind = 'expiry' or (l.t).kind = 'release' and (l.t).idem_key is null
          and coalesce((l.h).expires_at <= (l.t).created_at, false))
        or (l.t).amount not between 1 and case (l.t).kind when 'expiry' then 9000000000000000000 else 1000000000000000 end
        or (l.t).requested_amount is distinct from case
          when (l.t).kind in ('release', 'expiry') or (l.t).kind in ('capture', 'reversal') and (l.t).requested_amount is null then null
          else (l.t).amount end
        or ((l.t).kind = 'reversal') <> ((l.t).reverses is not null)
        or ((l.t).kind in ('hold', 'capture', 'release')) <> ((l.t).hold_id is not null)
        or ((l.t).kind = 'hold') <> coalesce((l.t).hold_id = (l.t).id, false)
        or (l.t).expires_at is not null and ((l.t).kind not in ('bonus', 'hold') or (l.t).expires_at <= (l.t).created_at)
        or (l.t).kind = 'capture' and (l.t).amount > (l.h).amount
        or ((l.t).kind = 'release' or (l.t).kind = 'capture' and (l.t).requested_amount is null)
          and (l.t).amount is distinct from (l.h).amount
        or coalesce(e.transfer_id = (l.t).id and e.created_at <> (l.t).created_at, false)) as breaks_facts
    from legs l
    left join ledger.entries e on e.wallet_id = l.leg_wallet_id and e.seq = l.leg_seq
    left join ledger.wallets w on w.id = l.leg_wallet_id
    left join ledger.wallets o on o.id = l.other_wallet_id
  )
  select f.rule, (g.t).wallet_id, g.leg_seq, (g.t).id, f.detail
  from judged g
  cross join lateral (values
    ('transfer_reference', g.breaks_reference,
      jsonb_build_object('side', g.side, 'entry', g.leg_seq, 'wallet_id', g.leg_wallet_id)),
    ('transfer_sides', g.breaks_sides,
      jsonb_build_object('side', g.side, 'account', g.house, 'stripe', g.stripe, 'asset_code', g.asset_code)),
    ('transfer_facts', g.breaks_facts, to_jsonb(g.t) - 'metadata' - 'idem_key')
  ) as f (rule, broken, detail)
  where (g.breaks_reference or g.breaks_sides or g.breaks_facts) and f.broken
$$;

comment on function ledger_private.verify_transfers(uuid, uuid) is
$$Findings in the transfers of the wallets from one id to another (of a single one, all that touch it): both entries there, on the accounts,
of the asset and with the facts that the kind demands. (Its bonus part, verify_entries() proves.)$$;

revoke all on function ledger_private.verify_transfers(uuid, uuid) from public;
grant execute on function ledger_private.verify_transfers(uuid, uuid) to wallet_auditor;
