create or replace function ledger_private.verify_transfers(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with acting as (
    select e.*, e as entry, h.amount as hold_amount, h.expires_at as hold_expires_at, o.debit as o_debit,
      o.credit as o_credit, o.to_wallet as o_to_wallet, o.kind as o_kind, d.amount as owed_amount,
      e.reverses is not null and o.transfer_id is null and ledger_private.may_be_elsewhere(e) as elsewhere
    from ledger.entries e
    left join ledger.holds h on e.hold_id is not null and h.wallet_id = e.wallet_id and h.id = e.hold_id
    -- Few have one: it is looked up, and not found in a hash table of all entries.
    left join lateral (
      select n.* from ledger_private.original(e.wallet_id, e.reverses) n where e.reverses is not null offset 0
    ) o on true
    -- What it could not take, the line before it says.
    left join lateral (
      select n.amount from ledger.entries n
      where e.kind = 'reversal' and n.wallet_id = e.wallet_id and n.seq = e.seq - 1 and n.kind = 'debt'
        and n.reverses = e.reverses offset 0
    ) d on true
    where e.wallet_id between first_id and last_id and e.actor is not null
  ), facts as (
    select a.entry, (
      (a.idem_key is null) <> (a.kind in ('expiry', 'debt') or a.kind = 'release' and a.idem_key is null
        and coalesce(a.hold_expires_at <= a.created_at, false)
        or a.kind = 'exchange' and a.debit <> 'player' or a.kind = 'collection' and a.idem_key is null
        -- One side of a reversed exchange has the key: see verify_links(); collections: verify_debts().
        or a.kind = 'reversal' and a.idem_key is null and a.o_kind = 'exchange')
      or (a.kind in ('hold', 'release')) <> (a.amount = 0) and a.kind <> 'merge'
        and (a.owed_amount is null or a.amount < 0)
      or a.amount not between 0 and case when a.kind in ('expiry', 'merge') then 9000 else 1 end * 1000000000000000
      or a.requested_amount is distinct from case
        when a.kind in ('release', 'expiry', 'debt', 'merge')
          or a.kind in ('capture', 'reversal') and a.requested_amount is null
          or a.kind = 'collection' and a.idem_key is null then null
        when a.kind = 'hold' then a.held_amount
        else a.amount + coalesce(a.owed_amount, 0) end
      or a.kind <> 'hold' and a.held_amount is distinct from case
        when a.kind in ('capture', 'release') then -a.hold_amount else 0 end
      or case a.kind when 'top_up' then a.held_bonus_amount <> 0
        else (a.kind in ('hold', 'release')) <> (a.held_bonus_amount is not null) end is true
      or (a.kind in ('reversal', 'debt')) <> (a.reverses is not null)
      or (a.kind in ('hold', 'capture', 'release')) <> (a.hold_id is not null)
      or (a.kind = 'hold') <> coalesce(a.hold_id = a.transfer_id, false)
      or a.expires_at is not null and (a.kind not in ('bonus', 'hold', 'opening') or a.expires_at <= a.created_at
        or a.kind = 'opening' and a.bonus_amount = 0)
      or a.kind = 'opening' and (a.bonus_amount not between 0 and a.amount or exists (
        select from ledger.entries n where n.wallet_id = a.wallet_id and n.kind = 'opening' and n.seq < a.seq))
      or ledger_private.has_reason(a.kind)
        and coalesce(char_length(a.metadata ->> 'reason') not between 1 and 1000, true)
        and ledger_private.kept_metadata_hash(a.wallet_id, a.seq) is null
      or a.kind = 'capture' and (a.amount > a.hold_amount or a.requested_amount is null and a.amount <> a.hold_amount)
      or a.metadata is null) is not false as breaks_facts,
      -- The accounts that the kind decides; of a reversal the original's, sides swapped.
      not a.elsewhere and (a.debit, a.credit) is distinct from case
        when a.kind = 'reversal' then (a.o_credit, a.o_debit)
        when a.kind = 'debt' then ('receivables'::ledger.account, a.o_debit)
        when a.kind = 'forgiveness' then ('losses'::ledger.account, 'receivables'::ledger.account)
        when a.kind in ('top_up', 'bonus', 'opening') or a.kind in ('exchange', 'adjustment') and a.credit = 'player'
          then (ledger_private.house_account(a.kind), 'player'::ledger.account)
        else ('player'::ledger.account, ledger_private.house_account(a.kind)) end
      or a.to_wallet is distinct from case
        when a.elsewhere or a.kind in ('transfer', 'exchange', 'merge') then a.to_wallet
        when a.kind = 'reversal' then a.o_to_wallet end
      or a.kind in ('transfer', 'exchange', 'merge') and a.to_wallet is null
      or (a.to_wallet is null) <> (a.to_seq is null) as breaks_sides
    from acting a
  )
  select f.rule, (g.entry).wallet_id, (g.entry).seq, (g.entry).transfer_id,
    to_jsonb(g.entry) - 'metadata' - 'idem_key' - 'hash'
  from facts g
  cross join lateral (values ('transfer_facts', g.breaks_facts), ('transfer_sides', g.breaks_sides)) as f (rule, broken)
  where f.broken
$$;

comment on function ledger_private.verify_transfers is
  'Findings in movements: on the accounts and with the facts that the kind demands.';

grant execute on function ledger_private.verify_transfers to wallet_auditor;
