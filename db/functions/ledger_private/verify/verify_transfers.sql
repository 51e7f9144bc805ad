create or replace function ledger_private.verify_transfers(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with acting as (
    select e, h, o, w.asset_code,
      -- How much is reserved or freed.
      case (e).kind when 'hold' then e.held_amount else -h.amount end as expected_held
    from ledger.entries e
    left join ledger.wallets w on w.id = e.wallet_id
    left join ledger.holds h on e.hold_id is not null and h.wallet_id = e.wallet_id and h.id = e.hold_id
    -- Few have one: it is looked up, and not found in a hash table of all entries.
    left join lateral (
      select n.* from ledger.entries n
      where e.reverses is not null and n.transfer_id = e.reverses and n.actor is not null and n.wallet_id = e.wallet_id offset 0
    ) o on true
    where e.wallet_id between first_id and last_id and e.actor is not null
  ), facts as (
    select a.e, (
      ((a.e).idem_key is null) <> ((a.e).kind = 'expiry' or (a.e).kind = 'release' and (a.e).idem_key is null
        and coalesce((a.h).expires_at <= (a.e).created_at, false))
      or ((a.e).kind in ('hold', 'release')) <> ((a.e).amount = 0)
      or (a.e).amount not between 0 and case (a.e).kind when 'expiry' then 9000000000000000000 else 1000000000000000 end
      or (a.e).requested_amount is distinct from case
        when (a.e).kind in ('release', 'expiry') or (a.e).kind in ('capture', 'reversal') and (a.e).requested_amount is null then null
        when (a.e).kind = 'hold' then (a.e).held_amount
        else (a.e).amount end
      or (a.e).held_amount is distinct from case when (a.e).kind in ('hold', 'capture', 'release') then a.expected_held else 0 end
      or ((a.e).kind in ('hold', 'release')) <> ((a.e).held_bonus_amount is not null)
      or ((a.e).kind = 'reversal') <> ((a.e).reverses is not null)
      or ((a.e).kind in ('hold', 'capture', 'release')) <> ((a.e).hold_id is not null)
      or ((a.e).kind = 'hold') <> coalesce((a.e).hold_id = (a.e).transfer_id, false)
      or (a.e).expires_at is not null and ((a.e).kind not in ('bonus', 'hold') or (a.e).expires_at <= (a.e).created_at)
      or (a.e).kind = 'capture' and (a.e).amount > (a.h).amount
      or (a.e).kind = 'capture' and (a.e).requested_amount is null and (a.e).amount is distinct from (a.h).amount
      or (a.e).metadata is null) is not false as breaks_facts,
      -- The accounts that the kind decides; of a reversal the original's, sides swapped.
      ((a.e).debit, (a.e).credit) is distinct from case
        when (a.e).kind = 'reversal' then ((a.o).credit, (a.o).debit)
        when (a.e).kind in ('top_up', 'bonus') then (ledger_private.house_account((a.e).kind), 'player'::ledger.account)
        else ('player'::ledger.account, ledger_private.house_account((a.e).kind)) end
      or (a.e).to_wallet is distinct from case (a.e).kind when 'reversal' then (a.o).to_wallet when 'transfer' then (a.e).to_wallet end
      or (a.e).kind = 'transfer' and (a.e).to_wallet is null
      or ((a.e).to_wallet is null) <> ((a.e).to_seq is null) as breaks_sides
    from acting a
  )
  select f.rule, (g.e).wallet_id, (g.e).seq, (g.e).transfer_id, to_jsonb(g.e) - 'metadata' - 'idem_key' - 'hash'
  from facts g
  cross join lateral (values ('transfer_facts', g.breaks_facts), ('transfer_sides', g.breaks_sides)) as f (rule, broken)
  where f.broken
$$;

comment on function ledger_private.verify_transfers is
$$Findings in the movements of the wallets from one id to another: on the accounts and with the facts that the kind demands. (Their bonus part,
verify_entries() proves.)$$;

grant execute on function ledger_private.verify_transfers to wallet_auditor;
