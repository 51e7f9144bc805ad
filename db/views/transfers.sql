-- Movements, under the names that callers know: the lines of the log that carry a request.
create or replace view ledger.transfers with (security_invoker) as
  select e.transfer_id as id, e.wallet_id, e.idem_key, e.kind,
    case when ledger.entries_side(e) = 'debit' then e.wallet_id when e.debit = 'player' then e.to_wallet end
      as debit_wallet_id,
    case when ledger.entries_side(e) = 'debit' then e.seq when e.debit = 'player' then e.to_seq end as debit_seq,
    case when ledger.entries_side(e) = 'credit' then e.wallet_id when e.credit = 'player' then e.to_wallet end
      as credit_wallet_id,
    case when ledger.entries_side(e) = 'credit' then e.seq when e.credit = 'player' then e.to_seq end as credit_seq,
    e.requested_amount,
    case when e.kind in ('hold', 'release') then abs(e.held_amount) else e.amount end as amount,
    coalesce(e.held_bonus_amount, e.bonus_amount) as bonus_amount,
    e.reverses, e.hold_id, e.expires_at, e.metadata, e.actor, e.created_at,
    case when e.kind in ('adjustment', 'forgiveness', 'merge') then e.metadata ->> 'reason' end as reason,
    case when 'exchange' in (e.debit, e.credit) then e.to_wallet end as linked_wallet_id,
    case when 'exchange' in (e.debit, e.credit) then e.to_seq end as linked_seq
  from ledger.entries e
  where e.actor is not null;

comment on view ledger.transfers is $$@primaryKey id
@unique wallet_id,idem_key|@fieldName transferByIdemKey
@foreignKey (wallet_id) references wallets (id)|@behavior -manyRelation:resource:connection -manyRelation:resource:list
@foreignKey (reverses) references transfers (id)|@fieldName reversedTransfer|@forwardDescription The movement that this one reverses.|@foreignFieldName reversals|@backwardDescription What has been taken back of it: its reversals, oldest first.|@isIndexed
@foreignKey (wallet_id, hold_id) references holds (wallet_id, id)|@fieldName hold|@forwardDescription The hold that this one opened, captured or released.|@behavior -manyRelation:resource:connection -manyRelation:resource:list
@foreignKey (debit_wallet_id, debit_seq) references entries (wallet_id, seq)|@fieldName debitEntry|@behavior -manyRelation:resource:connection -manyRelation:resource:list -singularRelation:resource:single:backward
@foreignKey (credit_wallet_id, credit_seq) references entries (wallet_id, seq)|@fieldName creditEntry|@behavior -manyRelation:resource:connection -manyRelation:resource:list -singularRelation:resource:single:backward
@foreignKey (linked_wallet_id, linked_seq) references entries (wallet_id, seq)|@fieldName linkedEntry|@forwardDescription Of an exchange and its reversal, the entry in the owner's wallet of the other asset, booked in the same commit.|@behavior -manyRelation:resource:connection -manyRelation:resource:list -singularRelation:resource:single:backward
@behavior -query:resource:connection -query:resource:list -filter -order -insert -update -delete
One movement of credits, as the call asked for it and as the wallet that acted booked it. It has one entry in each
player's wallet that it touches: two where it is between players, otherwise one, and the other side is an account of the
house.$$;
comment on column ledger.transfers.id is 'Time-ordered id of the movement.';
comment on column ledger.transfers.wallet_id is $$@notNull
The wallet the call acted for: the scope of its idempotency key.$$;
comment on column ledger.transfers.idem_key is
  'The caller''s idempotency key, unique within the wallet for ever; null only for what the system books itself.';
comment on column ledger.transfers.kind is $$@notNull
What the movement is.$$;
comment on column ledger.transfers.debit_wallet_id is
  'The wallet of the debit entry; null where that side is the house''s.';
comment on column ledger.transfers.debit_seq is 'The debit entry''s number within its wallet.';
comment on column ledger.transfers.credit_wallet_id is
  'The wallet of the credit entry; null where that side is the house''s.';
comment on column ledger.transfers.credit_seq is 'The credit entry''s number within its wallet.';
comment on column ledger.transfers.requested_amount is
  'The amount as the caller asked for it, in minor units; null where it asked for all.';
comment on column ledger.transfers.amount is $$@notNull
The amount moved, or reserved by a hold and freed by a release, in minor units of the asset.$$;
comment on column ledger.transfers.bonus_amount is $$@notNull
The part of the amount that was bonus credits, in minor units.$$;
comment on column ledger.transfers.reverses is 'The transfer that this one reverses, if it is a reversal.';
comment on column ledger.transfers.hold_id is 'The hold that this one opened, captured or released.';
comment on column ledger.transfers.expires_at is 'When the credits or the hold expire, as asked.';
comment on column ledger.transfers.metadata is $$@notNull
The caller's own facts: a JSON object of at most 8192 bytes; of an adjustment, a forgiveness or a merge also its
reason; {} also where they had to be blanked by law.$$;
comment on column ledger.transfers.actor is $$@notNull
Who called: the token's role and subject, or db: and the database login.$$;
comment on column ledger.transfers.created_at is $$@notNull
When it was booked.$$;
comment on column ledger.transfers.reason is
  'Of an adjustment, a forgiveness or a merge, why, in the words of whoever made it.';
comment on column ledger.transfers.linked_wallet_id is
  'Of an exchange and its reversal, the same owner''s wallet of the other asset.';
comment on column ledger.transfers.linked_seq is
  'The number of the entry there, whose amount and this one''s are the rate.';
grant select on ledger.transfers to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
