create or replace function ledger_private.is_merged(entry ledger.entries, received ledger.entries)
returns boolean
language sql
stable
as $$
  select entry.balance = 0 and entry.metadata - 'reason' = '{}'
    and exists (
      select from ledger.wallets w
      where w.id = entry.wallet_id and w.merged_into = entry.to_wallet and w.status = 'closed')
    and not exists (select from ledger.entries n where n.wallet_id = entry.wallet_id and n.seq > entry.seq)
    -- What was owed is owed now by the successor.
    and coalesce(received.owed, 0) = (
      select coalesce(sum(n.owed), 0) from ledger.entries n
      where (n.wallet_id, n.seq) in ((entry.wallet_id, entry.seq - 1), (received.wallet_id, received.seq - 1)))
$$;

comment on function ledger_private.is_merged is
$$Whether a merge, by its two entries, left its wallet empty, closed, without a later entry, and pointing to its
successor, which owes what both had owed.$$;

grant execute on function ledger_private.is_merged to wallet_auditor;
