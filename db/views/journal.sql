-- The classical form of the log: two lines for each movement.
create or replace view ledger.journal with (security_invoker) as
  select e.transfer_id, e.created_at, e.kind, w.asset_code, l.side, l.account, l.wallet_id, e.amount, e.bonus_amount
  from ledger_private.movements() e
  join ledger.wallets w on w.id = e.wallet_id
  cross join lateral ledger_private.accounts_here(e) a
  cross join lateral (values ('debit'::ledger.entry_side, a.debit), ('credit', a.credit)) s (side, account)
  cross join lateral (
    select s.side, s.account, case when s.side = ledger.entries_side(e) then e.wallet_id
      when s.account in ('player', 'elsewhere') then e.to_wallet end
  ) l (side, account, wallet_id)
  where e.amount > 0;

comment on view ledger.journal is $$@behavior -*
The ledger in its classical form, for auditors: two lines for each movement, of the same amount, one on the debit
side and one on the credit side. So for each asset both sides have the same sum. Reservations move nothing and have
no lines.$$;
comment on column ledger.journal.transfer_id is 'The movement.';
comment on column ledger.journal.created_at is 'When it was booked.';
comment on column ledger.journal.kind is 'What the movement is.';
comment on column ledger.journal.asset_code is 'The asset.';
comment on column ledger.journal.side is 'Debit or credit.';
comment on column ledger.journal.account is
  'The account that is debited or credited: player, elsewhere, or one of the house''s.';
comment on column ledger.journal.wallet_id is
  'The player''s wallet; null for the house, and for an unknown sender elsewhere.';
comment on column ledger.journal.amount is 'The amount moved, in minor units.';
comment on column ledger.journal.bonus_amount is 'The part of the amount that was bonus credits, in minor units.';
grant select on ledger.journal to wallet_auditor, wallet_job;
