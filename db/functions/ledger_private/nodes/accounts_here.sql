create or replace function ledger_private.accounts_here(entry ledger.entries)
returns table (debit ledger.account, credit ledger.account)
language sql
stable
as $$
  select case when x.elsewhere and ledger.entries_side(entry) = 'credit' then 'elsewhere' else entry.debit end,
    case when x.elsewhere and ledger.entries_side(entry) = 'debit' then 'elsewhere' else entry.credit end
  from (select entry.amount > 0 and entry.debit = 'player' and entry.credit = 'player'
    -- The same as is_here, which PostgreSQL would call for each row.
    and (entry.actor is null or exists (select from ledger_private.node_ranges) and not exists (
      select from ledger_private.node_ranges r where entry.to_wallet between r.first_id and r.last_id))) x (elsewhere)
$$;

comment on function ledger_private.accounts_here is
$$Which accounts a movement debits and credits, as this database sees it: where another one has the other player's
wallet, that side is elsewhere. Of a movement, the entry that counts is the acting one, and the received one where
another database has that (is_from_elsewhere).$$;

grant execute on function ledger_private.accounts_here to wallet_operator, wallet_auditor, wallet_job;
