create or replace function ledger_private.verify_entries(wallet_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with walked as (
    select e, lag(e) over (partition by e.wallet_id order by e.seq) as head
    from ledger.entries e
    where verify_entries.wallet_id is null or e.wallet_id = verify_entries.wallet_id
  ), expected as (
    select k.e, k.head, w.id as wallet_id, t, coalesce((k.head).seq, 0)::numeric + 1 as seq,
      case when (k.e).side = w.normal_side then 1 else -1 end::numeric as sign
    from walked k
    left join ledger.wallets w on w.id = (k.e).wallet_id
    left join ledger.transfers t on t.id = (k.e).transfer_id
  )
  select f.rule, (x.e).wallet_id, (x.e).seq, (x.e).transfer_id, f.detail
  from expected x
  cross join lateral (
    select 'entry_seq', jsonb_build_object('expected', x.seq)
      where (x.e).seq <> x.seq
    union all
    select 'entry_balance', jsonb_build_object('after', to_jsonb(x.head) - 'hash')
      where ((x.e).balance, (x.e).bonus_balance, (x.e).held_balance,
          (x.e).topped_up_total, (x.e).granted_total, (x.e).spent_total)
        is distinct from (
          coalesce((x.head).balance, 0) + x.sign * (x.e).amount,
          coalesce((x.head).bonus_balance, 0) + x.sign * (x.e).bonus_amount,
          coalesce((x.head).held_balance, 0)::numeric + (x.e).held_amount,
          coalesce((x.head).topped_up_total, 0)::numeric + case when (x.e).kind = 'top_up' then (x.e).amount else 0 end,
          coalesce((x.head).granted_total, 0)::numeric + case when (x.e).kind = 'bonus' then (x.e).amount else 0 end,
          coalesce((x.head).spent_total, 0)::numeric + case when (x.e).kind in ('spend', 'capture') then (x.e).amount else 0 end)
        or not (x.e).balance >= greatest((x.e).bonus_balance, (x.e).held_balance)
        or least((x.e).bonus_balance, (x.e).held_balance) < 0
    union all
    select 'entry_time', jsonb_build_object('after', (x.head).created_at)
      where (x.e).created_at < (x.head).created_at
    union all
    select 'entry_hash', jsonb_build_object('found', encode((x.e).hash, 'hex'))
      where (x.e).hash is distinct from
        ledger_private.entry_hash((x.head).hash, x.e, ledger_private.transfer_bytes(x.t))
    union all
    select 'entry_reference', jsonb_build_object('wallet_found', x.wallet_id is not null, 'transfer_found', (x.t).id is not null)
      where x.wallet_id is null or (x.t).id is null
    union all
    select 'entry_transfer', jsonb_build_object('transfer', to_jsonb(x.t) - 'metadata' - 'idem_key')
      where (x.t).id is not null and ((x.e).kind, (x.e).amount, (x.e).bonus_amount, (x.e).wallet_id, (x.e).seq)
        is distinct from ((x.t).kind, (x.t).amount, (x.t).bonus_amount,
          case (x.e).side when 'debit' then (x.t).debit_wallet_id else (x.t).credit_wallet_id end,
          case (x.e).side when 'debit' then (x.t).debit_seq else (x.t).credit_seq end)
  ) as f (rule, detail)
$$;

comment on function ledger_private.verify_entries(uuid) is
  'Findings in the entries of one wallet, or of all: each against the one before it, its transfer and its wallet.';

revoke all on function ledger_private.verify_entries(uuid) from public;
grant execute on function ledger_private.verify_entries(uuid) to wallet_auditor;
