create or replace function ledger_private.verify_entries(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with walked as (
    select e, lag(e) over wallet as head, h, ledger.entries_side(e) as side, w.id as wallet_id,
      -- What holds and their ends do to the bonus credits that are reserved.
      coalesce(sum(case when e.kind = 'hold' then e.held_bonus_amount else -h.bonus_amount end) over wallet, 0) as reserved_bonus,
      case when e.kind = 'hold' then e.held_bonus_amount else -h.bonus_amount end as reserves,
      -- What was due by then, the wallet had to have booked by now.
      max(case when e.kind = 'release' and e.idem_key is null then null else e.created_at end) over wallet as due_by
    from ledger.entries e
    left join ledger.wallets w on w.id = e.wallet_id
    left join ledger.holds h on e.hold_id is not null and h.wallet_id = e.wallet_id and h.id = e.hold_id
    where e.wallet_id between first_id and last_id
    window wallet as (partition by e.wallet_id order by e.seq)
  ), signed as (
    -- In numeric, because a tampered amount must not end the proof by an overflow.
    select k.*, case k.side when 'credit' then 1 else -1 end::numeric as sign from walked k
  ), judged as (
    select j.e, j.head, j.wallet_id, j.h,
      (j.e).seq <> coalesce((j.head).seq, 0)::numeric + 1 as breaks_seq,
      ((j.e).balance, (j.e).bonus_balance, (j.e).held_balance, (j.e).paid_balance, (j.e).free_balance,
        (j.e).topped_up_total, (j.e).granted_total, (j.e).spent_total, (j.e).sent_total)
        is distinct from (
          coalesce((j.head).balance, 0) + j.sign * (j.e).amount,
          coalesce((j.head).bonus_balance, 0) + j.sign * (j.e).bonus_amount,
          coalesce((j.head).held_balance, 0)::numeric + (j.e).held_amount,
          (j.e).balance::numeric - (j.e).bonus_balance,
          (j.e).balance::numeric - (j.e).held_balance,
          coalesce((j.head).topped_up_total, 0)::numeric + case when (j.e).kind = 'top_up' then (j.e).amount else 0 end,
          coalesce((j.head).granted_total, 0)::numeric + case when (j.e).kind = 'bonus' then (j.e).amount else 0 end,
          coalesce((j.head).spent_total, 0)::numeric + case when (j.e).kind in ('spend', 'capture') then (j.e).amount else 0 end,
          coalesce((j.head).sent_total, 0)::numeric + case when (j.e).kind = 'transfer' and j.side = 'debit' then (j.e).amount else 0 end)
        -- What is reserved of bonus credits is there, and so is what is reserved of paid ones.
        or j.reserved_bonus not between (j.e).bonus_balance::numeric + (j.e).held_balance - (j.e).balance and (j.e).bonus_balance as breaks_balance,
      coalesce((j.e).created_at < (j.head).created_at, false) as breaks_time,
      (j.e).hash is distinct from ledger_private.entry_hash((j.head).hash, j.e) as breaks_hash,
      j.wallet_id is null as breaks_reference,
      -- Bonus credits go first, as far as they are not reserved. Of a reversal, verify_reversals() knows.
      coalesce((j.e).actor is not null and (j.e).kind <> 'reversal' and coalesce((j.e).held_bonus_amount, (j.e).bonus_amount) <> case
        when (j.e).kind = 'top_up' then 0
        when (j.e).kind in ('bonus', 'expiry') then (j.e).amount
        when (j.e).kind = 'capture' then least((j.e).amount, (j.h).bonus_amount)
        when (j.e).kind = 'release' then (j.h).bonus_amount
        else least(greatest((j.e).amount, (j.e).held_amount),
          coalesce((j.head).bonus_balance, 0) - j.reserved_bonus + coalesce(j.reserves, 0)) end, false) as breaks_bonus,
      coalesce((j.e).kind in ('capture', 'release') and (j.h).expires_at <= j.due_by, false) as breaks_hold
    from signed j
  )
  select f.rule, (g.e).wallet_id, (g.e).seq, (g.e).transfer_id, f.detail
  from judged g
  cross join lateral (values
    ('entry_seq', g.breaks_seq, jsonb_build_object('expected', coalesce((g.head).seq, 0)::numeric + 1)),
    ('entry_balance', g.breaks_balance, jsonb_build_object('after', to_jsonb(g.head) - 'hash' - 'metadata' - 'idem_key')),
    ('entry_time', g.breaks_time, jsonb_build_object('after', (g.head).created_at)),
    ('entry_hash', g.breaks_hash, jsonb_build_object('found', encode((g.e).hash, 'hex'))),
    ('entry_reference', g.breaks_reference, jsonb_build_object('wallet_found', g.wallet_id is not null)),
    ('transfer_facts', g.breaks_bonus, to_jsonb(g.e) - 'metadata' - 'idem_key' - 'hash'),
    ('hold_expiry', g.breaks_hold, jsonb_build_object('hold_id', (g.e).hold_id))
  ) as f (rule, broken, detail)
  where (g.breaks_seq or g.breaks_balance or g.breaks_time or g.breaks_hash or g.breaks_reference or g.breaks_bonus or g.breaks_hold)
    and f.broken
$$;

comment on function ledger_private.verify_entries is
  'Findings in the entries of the wallets from one id to another: each against the one before it and its wallet.';

grant execute on function ledger_private.verify_entries to wallet_auditor;
