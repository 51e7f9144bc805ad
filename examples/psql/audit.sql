-- What an auditor asks of an asset and of a wallet. The login is a member of wallet_auditor.

-- Do debits and credits have the same sum?
select account, debit, credit from ledger.ledger_trial_balance('GOLD');

-- How did this wallet get its balance?
select seq, kind, side, amount, bonus_amount, balance, counterparty, idem_key, actor
  from ledger.wallet_history(ledger.wallet_id('alice', 'GOLD'));

-- What is the balance made of?
select source, amount, available, expires_at from ledger.wallet_explain(ledger.wallet_id('alice', 'GOLD'));

-- Both sides of each movement.
select kind, side, account, amount, bonus_amount from ledger.journal
  where asset_code = 'GOLD' order by created_at, transfer_id, side;

-- Is every row as it was booked? No row means yes.
select * from ledger.ledger_verify();
