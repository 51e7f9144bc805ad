create or replace function ledger_private.verify_entries(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with walked as (
    select e.*, e as entry, lag(e) over wallet as head, h.bonus_amount as hold_bonus, h.expires_at as hold_expiry,
      w.id as owner, r.metadata_hash as kept_metadata_hash,
      case when e.kind in ('debt', 'forgiveness') then 0 when ledger.entries_side(e) = 'credit' then 1
        else -1 end::numeric as sign, ledger.entries_side(e) as side,
      -- What holds and their ends do to the bonus credits that are reserved.
      coalesce(sum(case when e.kind = 'hold' then e.held_bonus_amount else -h.bonus_amount end) over wallet, 0)
        as reserved_bonus,
      case when e.kind = 'hold' then e.held_bonus_amount else -h.bonus_amount end as reserves,
      -- What was due by then, the wallet had to have booked by now.
      max(case when e.kind = 'release' and e.idem_key is null then null else e.created_at end) over wallet as due_by
    from ledger.entries e
    left join ledger.wallets w on w.id = e.wallet_id
    left join ledger.holds h on e.hold_id is not null and h.wallet_id = e.wallet_id and h.id = e.hold_id
    left join ledger.redactions r on r.wallet_id = e.wallet_id and r.seq = e.seq
    where e.wallet_id between first_id and last_id
    window wallet as (partition by e.wallet_id order by e.seq)
  ), judged as (
    -- In numeric, because a tampered amount must not end the proof by an overflow.
    select j.entry, j.head, j.owner,
      j.seq <> coalesce((j.head).seq, 0)::numeric + 1 as breaks_seq,
      (j.balance, j.bonus_balance, j.held_balance, j.paid_balance, j.free_balance,
        j.topped_up_total, j.granted_total, j.spent_total, j.sent_total)
        is distinct from (
          coalesce((j.head).balance, 0) + j.sign * j.amount,
          coalesce((j.head).bonus_balance, 0) + j.sign * j.bonus_amount,
          coalesce((j.head).held_balance, 0)::numeric + j.held_amount,
          j.balance::numeric - j.bonus_balance, j.balance::numeric - j.held_balance,
          coalesce((j.head).topped_up_total, 0)::numeric + case when j.kind = 'top_up' then j.amount else 0 end,
          coalesce((j.head).granted_total, 0)::numeric + case when j.kind = 'bonus' then j.amount else 0 end,
          coalesce((j.head).spent_total, 0)::numeric + case when j.kind in ('spend', 'capture')
            then j.amount else 0 end,
          coalesce((j.head).sent_total, 0)::numeric + case when j.kind = 'transfer' and j.side = 'debit'
            then j.amount else 0 end)
        -- What is reserved of bonus credits is there, and so is what is reserved of paid ones.
        or j.reserved_bonus not between j.bonus_balance::numeric + j.held_balance - j.balance
          and j.bonus_balance as breaks_balance,
      coalesce(j.created_at < (j.head).created_at, false) as breaks_time,
      j.hash is distinct from ledger_private.entry_hash((j.head).hash, j.entry, j.kept_metadata_hash) as breaks_hash,
      j.owner is null as breaks_reference,
      -- Bonus credits go first, as far as they are not reserved. Of a reversal, verify_reversals() knows.
      coalesce(j.actor is not null and j.kind <> 'reversal' and coalesce(j.held_bonus_amount, j.bonus_amount) <> case
        when j.kind in ('top_up', 'debt', 'collection', 'forgiveness')
          or j.kind = 'adjustment' and j.side = 'credit' then 0
        when j.kind in ('bonus', 'expiry') then j.amount
        -- Of an opening and of what arrives in an exchange, verify_transfers() and verify_links() know.
        when j.kind in ('opening', 'exchange') and j.side = 'credit' then j.bonus_amount
        when j.kind = 'capture' then least(j.amount, j.hold_bonus)
        when j.kind = 'release' then j.hold_bonus
        else least(greatest(j.amount, j.held_amount),
          coalesce((j.head).bonus_balance, 0) - j.reserved_bonus + coalesce(j.reserves, 0)) end, false) as breaks_bonus,
      coalesce(j.kind in ('capture', 'release') and j.hold_expiry <= j.due_by, false) as breaks_hold
    from walked j
  )
  select f.rule, (g.entry).wallet_id, (g.entry).seq, (g.entry).transfer_id, f.detail
  from judged g
  cross join lateral (values
    ('entry_seq', g.breaks_seq, jsonb_build_object('expected', coalesce((g.head).seq, 0)::numeric + 1)),
    ('entry_balance', g.breaks_balance, jsonb_build_object('after',
      to_jsonb(g.head) - 'hash' - 'metadata' - 'idem_key')),
    ('entry_time', g.breaks_time, jsonb_build_object('after', (g.head).created_at)),
    ('entry_hash', g.breaks_hash, jsonb_build_object('found', encode((g.entry).hash, 'hex'))),
    ('entry_reference', g.breaks_reference, jsonb_build_object('wallet_found', g.owner is not null)),
    ('transfer_facts', g.breaks_bonus, to_jsonb(g.entry) - 'metadata' - 'idem_key' - 'hash'),
    ('hold_expiry', g.breaks_hold, jsonb_build_object('hold_id', (g.entry).hold_id))
  ) as f (rule, broken, detail)
  where (g.breaks_seq or g.breaks_balance or g.breaks_time or g.breaks_hash or g.breaks_reference or g.breaks_bonus
    or g.breaks_hold)
    and f.broken
$$;

comment on function ledger_private.verify_entries is
  'Findings in entries: each against the one before it and its wallet, and its bonus part.';

grant execute on function ledger_private.verify_entries to wallet_auditor;
