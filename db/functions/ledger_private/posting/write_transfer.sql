create or replace function ledger_private.write_transfer(
  from_line ledger_private.line,
  to_line ledger_private.line,
  amount bigint,
  bonus bigint,
  idem_key text,
  metadata jsonb
)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_id uuid := uuidv7();
  v_actor text := ledger_private.actor();
  v_guard text := set_config('ledger.posting', 'on', true);
begin
  insert into ledger.entries
    select r.wallet_id, v_id, r.seq, write_transfer.amount, bonus, 0, r.balance, r.bonus_balance, 0,
        r.balance - r.bonus_balance, r.balance, r.bought, r.granted, r.spent, r.sent, r.at_time, pg_current_xact_id(),
        'transfer', 'player', 'player', r.actor, r.idem_key, r.to_wallet, r.to_seq, r.requested_amount,
        null, null, null, null, r.metadata,
        ledger_private.entry_digest(previous_hash => r.hash, wallet_id => r.wallet_id,
          transfer_id => v_id, seq => r.seq, amount => write_transfer.amount, bonus_amount => bonus, held_amount => 0,
          balance => r.balance, bonus_balance => r.bonus_balance, held_balance => 0,
          paid_balance => r.balance - r.bonus_balance, free_balance => r.balance, topped_up_total => r.bought,
          granted_total => r.granted, spent_total => r.spent, sent_total => r.sent, created_at => r.at_time,
          kind => 'transfer', debit => 'player', credit => 'player', actor => r.actor, idem_key => r.idem_key,
          to_wallet => r.to_wallet, to_seq => r.to_seq, requested_amount => r.requested_amount,
          metadata_hash => ledger_private.metadata_hash(r.metadata))
      from (values
        (from_line.wallet_id, from_line.seq, from_line.balance, from_line.bonus_balance, from_line.bought,
          from_line.granted, from_line.spent, from_line.sent, from_line.at_time, from_line.hash, v_actor,
          write_transfer.idem_key, to_line.wallet_id, to_line.seq, write_transfer.amount, write_transfer.metadata),
        (to_line.wallet_id, to_line.seq, to_line.balance, to_line.bonus_balance, to_line.bought, to_line.granted,
          to_line.spent, to_line.sent, to_line.at_time, to_line.hash, null, null, null, null, null, null)
      ) r (wallet_id, seq, balance, bonus_balance, bought, granted, spent, sent, at_time, hash, actor, idem_key,
        to_wallet, to_seq, requested_amount, metadata);
  v_guard := set_config('ledger.posting', '', true);
  return row(v_id, from_line.wallet_id, from_line.seq, 'transfer', amount, bonus, from_line.balance,
    from_line.bonus_balance, 0, from_line.balance, null, false, from_line.at_time, 0, false)::ledger.receipt;
end
$$;

comment on function ledger_private.write_transfer is
  'Writes both entries of a transfer, and returns its receipt. The sender''s alone carries the request.';
