create or replace function ledger_private.entry_hash(
  previous_hash bytea,
  entry ledger.entries,
  kept_metadata_hash bytea default null
)
returns bytea
language sql
stable
as $$
  select ledger_private.entry_digest(
    previous_hash => entry_hash.previous_hash, wallet_id => entry.wallet_id, transfer_id => entry.transfer_id,
    seq => entry.seq, amount => entry.amount, bonus_amount => entry.bonus_amount, held_amount => entry.held_amount,
    balance => entry.balance, bonus_balance => entry.bonus_balance, held_balance => entry.held_balance,
    paid_balance => entry.paid_balance, free_balance => entry.free_balance, topped_up_total => entry.topped_up_total,
    granted_total => entry.granted_total, spent_total => entry.spent_total, sent_total => entry.sent_total,
    created_at => entry.created_at, kind => entry.kind, debit => entry.debit, credit => entry.credit,
    actor => entry.actor, idem_key => entry.idem_key,
    metadata_hash => ledger_private.facts_hash(entry, kept_metadata_hash),
    to_wallet => entry.to_wallet, to_seq => entry.to_seq, requested_amount => entry.requested_amount,
    held_bonus_amount => entry.held_bonus_amount, reverses => entry.reverses, hold_id => entry.hold_id,
    expires_at => entry.expires_at)
$$;

comment on function ledger_private.entry_hash is
$$The hash of an entry, from that of the entry before it: see entry_digest. kept_metadata_hash is that of metadata which
were blanked.$$;

grant execute on function ledger_private.entry_hash to wallet_auditor;
