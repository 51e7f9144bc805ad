create or replace function ledger_private.verify_entries(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with reserved as (
    -- What holds and their ends do to the bonus credits that are reserved.
    select t.wallet_id, coalesce(t.debit_seq, t.credit_seq) as seq, h.amount, h.bonus_amount, h.expires_at,
      case t.kind when 'hold' then t.bonus_amount else -h.bonus_amount end as change, t.kind = 'release' and t.idem_key is null as settling
    from ledger.transfers t
    left join ledger.holds h on h.wallet_id = t.wallet_id and h.id = t.hold_id
    where t.kind in ('hold', 'capture', 'release') and t.wallet_id between first_id and last_id
  ), walked as (
    select e, lag(e) over wallet as head, h, coalesce(sum(h.change) over wallet, 0) as held_bonus,
      -- What was due by then, the wallet had to have booked by now.
      max(case when h.settling then null else e.created_at end) over wallet as due_by
    from ledger.entries e
    left join reserved h on h.wallet_id = e.wallet_id and h.seq = e.seq
    where e.wallet_id between first_id and last_id
    window wallet as (partition by e.wallet_id order by e.seq)
  ), joined as (
    -- In numeric, because a tampered amount must not end the proof by an overflow.
    select k.*, t, w.id as wallet_id, case when (k.e).side = w.normal_side then 1 else -1 end::numeric as sign,
      (k.e).wallet_id = t.wallet_id as acting
    from walked k
    left join ledger.wallets w on w.id = (k.e).wallet_id
    left join ledger.transfers t on t.id = (k.e).transfer_id
  ), judged as (
    select j.e, j.head, j.t, j.wallet_id,
      (j.e).seq <> coalesce((j.head).seq, 0)::numeric + 1 as breaks_seq,
      ((j.e).balance, (j.e).bonus_balance, (j.e).held_balance, (j.e).topped_up_total, (j.e).granted_total, (j.e).spent_total)
        is distinct from (
          coalesce((j.head).balance, 0) + j.sign * (j.e).amount,
          coalesce((j.head).bonus_balance, 0) + j.sign * (j.e).bonus_amount,
          coalesce((j.head).held_balance, 0)::numeric + (j.e).held_amount,
          coalesce((j.head).topped_up_total, 0)::numeric + case when (j.e).kind = 'top_up' then (j.e).amount else 0 end,
          coalesce((j.head).granted_total, 0)::numeric + case when (j.e).kind = 'bonus' then (j.e).amount else 0 end,
          coalesce((j.head).spent_total, 0)::numeric + case when (j.e).kind in ('spend', 'capture') then (j.e).amount else 0 end)
        or (j.e).balance < greatest((j.e).bonus_balance, (j.e).held_balance)
        or least((j.e).bonus_balance, (j.e).held_balance) < 0
        -- What is reserved of bonus credits is there, and so is what is reserved of paid ones.
        or j.held_bonus not between (j.e).bonus_balance::numeric + (j.e).held_balance - (j.e).balance and (j.e).bonus_balance as breaks_balance,
      coalesce((j.e).created_at < (j.head).created_at, false) as breaks_time,
      (j.e).hash is distinct from ledger_private.entry_hash(
        (j.head).hash, ledger_private.entry_bytes(j.e, ledger_private.transfer_bytes(j.t))) as breaks_hash,
      j.wallet_id is null or (j.t).id is null as breaks_reference,
      (j.t).id is not null and ((j.e).kind, (j.e).wallet_id, (j.e).seq, (j.e).held_amount, (j.e).amount, (j.e).bonus_amount)
        is distinct from ((j.t).kind,
          case (j.e).side when 'debit' then (j.t).debit_wallet_id else (j.t).credit_wallet_id end,
          case (j.e).side when 'debit' then (j.t).debit_seq else (j.t).credit_seq end,
          case when not j.acting then 0 when (j.t).kind = 'hold' then (j.t).amount else coalesce(-(j.h).amount, 0) end,
          -- A reservation moves nothing.
          case when (j.t).kind in ('hold', 'release') then 0 else (j.t).amount end,
          case when (j.t).kind in ('hold', 'release') then 0 else (j.t).bonus_amount end) as breaks_transfer,
      -- Bonus credits go first, as far as they are not reserved. Of a reversal, verify_reversals() knows.
      coalesce(j.acting and (j.t).kind <> 'reversal' and (j.t).bonus_amount <> case
        when (j.t).kind = 'top_up' then 0
        when (j.t).kind in ('bonus', 'expiry') then (j.t).amount
        when (j.t).kind = 'capture' then least((j.t).amount, (j.h).bonus_amount)
        when (j.t).kind = 'release' then (j.h).bonus_amount
        else least((j.t).amount, coalesce((j.head).bonus_balance, 0) - j.held_bonus + coalesce((j.h).change, 0)) end, false) as breaks_bonus,
      coalesce(j.acting and (j.t).kind in ('capture', 'release') and (j.h).expires_at <= j.due_by, false) as breaks_hold
    from joined j
  )
  select f.rule, (g.e).wallet_id, (g.e).seq, (g.e).transfer_id, f.detail
  from judged g
  cross join lateral (values
    ('entry_seq', g.breaks_seq, jsonb_build_object('expected', coalesce((g.head).seq, 0)::numeric + 1)),
    ('entry_balance', g.breaks_balance, jsonb_build_object('after', to_jsonb(g.head) - 'hash')),
    ('entry_time', g.breaks_time, jsonb_build_object('after', (g.head).created_at)),
    ('entry_hash', g.breaks_hash, jsonb_build_object('found', encode((g.e).hash, 'hex'))),
    ('entry_reference', g.breaks_reference,
      jsonb_build_object('wallet_found', g.wallet_id is not null, 'transfer_found', (g.t).id is not null)),
    ('entry_transfer', g.breaks_transfer, jsonb_build_object('transfer', to_jsonb(g.t) - 'metadata' - 'idem_key')),
    ('transfer_facts', g.breaks_bonus, to_jsonb(g.t) - 'metadata' - 'idem_key'),
    ('hold_expiry', g.breaks_hold, jsonb_build_object('hold_id', (g.t).hold_id))
  ) as f (rule, broken, detail)
  where (g.breaks_seq or g.breaks_balance or g.breaks_time or g.breaks_hash or g.breaks_reference or g.breaks_transfer
      or g.breaks_bonus or g.breaks_hold)
    and f.broken
$$;

comment on function ledger_private.verify_entries(uuid, uuid) is
  'Findings in the entries of the wallets from one id to another: each against the one before it, its transfer and its wallet.';

revoke all on function ledger_private.verify_entries(uuid, uuid) from public;
grant execute on function ledger_private.verify_entries(uuid, uuid) to wallet_auditor;
