create or replace function ledger_private.verify_debts(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  -- Few wallets ever owe: looked at are the lines that say or change what is owed, and the line after each.
  with lines as (
    select e from ledger.entries e
    where e.wallet_id between first_id and last_id
      and (e.owed is not null or e.kind in ('debt', 'collection', 'forgiveness'))
    union
    select n from ledger.entries e
    join ledger.entries n on n.wallet_id = e.wallet_id and n.seq = e.seq + 1
    where e.wallet_id between first_id and last_id and e.owed is not null
  )
  select 'entry_owed', (l.e).wallet_id, (l.e).seq, (l.e).transfer_id,
    jsonb_build_object('owed', (l.e).owed, 'after', p.owed, 'kind', (l.e).kind, 'amount', (l.e).amount)
  from lines l
  left join ledger.entries p on p.wallet_id = (l.e).wallet_id and p.seq = (l.e).seq - 1
  where (l.e).owed <= 0
    -- A merge leaves nothing; what arrives in it, is_merged() knows.
    or (l.e).owed is distinct from nullif(case when (l.e).kind <> 'merge' then coalesce(p.owed, 0)
      when (l.e).actor is null then greatest((l.e).owed, p.owed, 0) else 0 end::numeric
      + case when (l.e).kind = 'debt' then (l.e).amount
        when (l.e).kind in ('collection', 'forgiveness') then -(l.e).amount else 0 end, 0)
  union all
  -- A debt comes of a top-up, by the reversal in the line after it.
  select 'transfer_facts', (l.e).wallet_id, (l.e).seq, (l.e).transfer_id,
    to_jsonb(l.e) - 'metadata' - 'idem_key' - 'hash'
  from lines l
  where (l.e).kind = 'debt' and not exists (
    select from ledger.entries n
    left join lateral ledger_private.original(n.wallet_id, n.reverses) o on true
    where n.wallet_id = (l.e).wallet_id and n.seq = (l.e).seq + 1 and n.kind = 'reversal'
      and n.reverses = (l.e).reverses
      and (o.kind = 'top_up' or o.transfer_id is null and ledger_private.may_be_elsewhere(n)))
  union all
  -- What nobody asked to be collected comes of the top-up in the line before it, in an asset that has ever had that.
  select 'transfer_facts', (l.e).wallet_id, (l.e).seq, (l.e).transfer_id,
    to_jsonb(l.e) - 'metadata' - 'idem_key' - 'hash'
  from lines l
  where (l.e).kind = 'collection' and (l.e).idem_key is null and not exists (
    select from ledger.entries p
    join ledger.wallets w on w.id = p.wallet_id
    join ledger.asset_limits s on s.asset_code = w.asset_code and s.collect_debts
    where p.wallet_id = (l.e).wallet_id and p.seq = (l.e).seq - 1 and p.kind = 'top_up'
      and (l.e).amount = least(p.amount, p.owed) and (l.e).created_at = p.created_at)
$$;

comment on function ledger_private.verify_debts is
  'Findings in what wallets owe: each line against the one before it, each debt against its reversal, and
what was collected of a top-up against it.';

grant execute on function ledger_private.verify_debts to wallet_auditor;
