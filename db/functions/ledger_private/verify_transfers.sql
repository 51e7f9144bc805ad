create or replace function ledger_private.verify_transfers(wallet_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with chosen as (
    select t.* from ledger.transfers t where verify_transfers.wallet_id is null
    union all
    select t.* from ledger.transfers t where t.id in (
      select own.id from ledger.transfers own where own.wallet_id = verify_transfers.wallet_id
      union
      -- What others sent to it is found through its entries.
      select e.transfer_id from ledger.entries e where e.wallet_id = verify_transfers.wallet_id
    )
  ), legs as (
    select t, l.side, l.leg_wallet_id, l.leg_seq, l.leg_wallet_id = t.wallet_id as acting,
      case when l.side = 'debit' then t.credit_wallet_id else t.debit_wallet_id end as other_wallet_id
    from chosen t
    cross join lateral (values
      ('debit'::ledger.entry_side, t.debit_wallet_id, t.debit_seq),
      ('credit', t.credit_wallet_id, t.credit_seq)
    ) as l (side, leg_wallet_id, leg_seq)
    -- Only a reservation has one side.
    where l.leg_wallet_id is not null or t.kind not in ('hold', 'release')
      or num_nonnulls(t.debit_wallet_id, t.credit_wallet_id) = 0
  ), judged as (
    select l.*, w.house, w.stripe, w.asset_code,
      e.transfer_id is distinct from (l.t).id or e.side is distinct from l.side or w.id is null as breaks_reference,
      -- The acting wallet is a player's, on the side that the kind demands; the other is in the account that the kind
      -- decides, there in the acting wallet's stripe or in the batches'.
      l.leg_wallet_id is not null and (coalesce(w.asset_code <> o.asset_code, false) or case when l.acting
        then w.house is not null or l.side::text <> case when (l.t).kind in ('top_up', 'bonus') then 'credit' else 'debit' end
        else (l.t).wallet_id is distinct from l.other_wallet_id
          or w.house is distinct from ledger_private.house_account((l.t).kind)
          or coalesce(w.stripe not in (ledger.wallet_stripe((l.t).wallet_id), 32), false) end) as breaks_sides,
      coalesce(l.acting, false) and ((l.t).kind not in ('top_up', 'bonus', 'spend', 'transfer')
        or (l.t).idem_key is null
        or num_nonnulls((l.t).reverses, (l.t).hold_id, (l.t).expires_at) > 0
        or (l.t).amount not between 1 and 1000000000000000
        or (l.t).requested_amount is distinct from (l.t).amount
        or (l.t).bonus_amount <> case (l.t).kind
          when 'top_up' then 0
          when 'bonus' then (l.t).amount
          else least((l.t).amount, coalesce(head.bonus_balance, 0)) end) as breaks_facts
    from legs l
    left join ledger.entries e on e.wallet_id = l.leg_wallet_id and e.seq = l.leg_seq
    left join ledger.entries head on head.wallet_id = l.leg_wallet_id and head.seq = l.leg_seq - 1 and l.acting
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

comment on function ledger_private.verify_transfers(uuid) is
$$Findings in the transfers that touch one wallet, or in all: both entries there, on the accounts, of the asset and with the facts that
the kind demands. A kind that nothing books yet is a finding.$$;

revoke all on function ledger_private.verify_transfers(uuid) from public;
grant execute on function ledger_private.verify_transfers(uuid) to wallet_auditor;
