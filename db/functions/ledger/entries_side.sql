create or replace function ledger.entries_side(entry ledger.entries)
returns ledger.entry_side
language sql
immutable
return case
  -- Of a debt, the side on which the wallet is named: it moves no credits of it.
  when entry.kind = 'debt' then 'debit'::ledger.entry_side
  when entry.debit <> 'player' then 'credit'
  when entry.credit <> 'player' then 'debit'
  when entry.kind = 'hold' then 'debit'
  when entry.kind = 'release' then 'credit'
  -- Between players, the wallet that acts is the one that credits leave, or get back to.
  when (entry.actor is not null) = (entry.kind <> 'reversal') then 'debit'
  else 'credit'
end;

comment on function ledger.entries_side is
$$@notNull
Debit or credit: a credit raises the wallet's balance, a debit lowers it. A debt (debit) and one that is given up
(credit) change what the wallet owes, and not its balance.$$;

grant execute on function ledger.entries_side
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
