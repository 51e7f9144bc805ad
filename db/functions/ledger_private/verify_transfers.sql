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
    select t.id, t.kind, t.wallet_id, l.side, l.leg_wallet_id, l.leg_seq,
      case when l.side = 'debit' then t.credit_wallet_id else t.debit_wallet_id end as other_wallet_id
    from chosen t
    cross join lateral (values
      ('debit'::ledger.entry_side, t.debit_wallet_id, t.debit_seq),
      ('credit', t.credit_wallet_id, t.credit_seq)
    ) as l (side, leg_wallet_id, leg_seq)
    -- Only a reservation has one side.
    where l.leg_wallet_id is not null or t.kind not in ('hold', 'release')
      or num_nonnulls(t.debit_wallet_id, t.credit_wallet_id) = 0
  )
  select f.rule, l.wallet_id, l.leg_seq, l.id, f.detail
  from legs l
  left join ledger.entries e on e.wallet_id = l.leg_wallet_id and e.seq = l.leg_seq
  left join ledger.wallets w on w.id = l.leg_wallet_id
  left join ledger.wallets o on o.id = l.other_wallet_id
  cross join lateral (
    select 'transfer_reference', jsonb_build_object('side', l.side, 'entry', l.leg_seq, 'wallet_id', l.leg_wallet_id)
      where e.transfer_id is distinct from l.id or e.side is distinct from l.side or w.id is null
    union all
    select 'transfer_sides', jsonb_build_object('side', l.side, 'account', w.house, 'asset_code', w.asset_code)
      where w.asset_code <> o.asset_code
        -- The acting wallet is a player's, on the side that its kind demands; the other is the account the kind decides.
        or l.wallet_id = l.leg_wallet_id and (w.house is not null
          or l.kind in ('top_up', 'bonus') and l.side <> 'credit'
          or l.kind in ('spend', 'transfer', 'capture', 'expiry') and l.side <> 'debit')
        or l.wallet_id <> l.leg_wallet_id and l.wallet_id is distinct from l.other_wallet_id
        or l.wallet_id <> l.leg_wallet_id and l.kind <> 'reversal'
          and w.house is distinct from ledger_private.house_account(l.kind)
  ) as f (rule, detail)
$$;

comment on function ledger_private.verify_transfers(uuid) is
  'Findings in the transfers that touch one wallet, or in all: both entries there, on the accounts and of the asset that the kind demands.';

revoke all on function ledger_private.verify_transfers(uuid) from public;
grant execute on function ledger_private.verify_transfers(uuid) to wallet_auditor;
