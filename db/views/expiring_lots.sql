-- What is left of lots that expire, for the list over all wallets.
create or replace view ledger.expiring_lots with (security_invoker) as
  select o.wallet_id, o.lot_seq as seq, o.expires_at, s.balance - s.held_balance as amount,
    s.held_balance as held_amount, l.amount as granted_amount
  from ledger_private.open_lots o
  join ledger.bonus_lots l on l.wallet_id = o.wallet_id and l.seq = o.lot_seq and l.expires_at = o.expires_at
  cross join lateral ledger_private.lot_at(l, 9223372036854775807) s;

comment on view ledger.expiring_lots is $$@primaryKey wallet_id,seq,expires_at
@foreignKey (wallet_id) references wallets (id)|@fieldName wallet|@behavior -manyRelation:resource:connection -manyRelation:resource:list
@foreignKey (wallet_id, seq) references entries (wallet_id, seq)|@fieldName entry|@behavior -manyRelation:resource:connection -manyRelation:resource:list -singularRelation:resource:single:backward
@behavior -query:resource:connection -query:resource:list -query:resource:single -filter -order -insert -update -delete
Bonus credits of one wallet that expire at one instant, as far as they are left.$$;
comment on column ledger.expiring_lots.wallet_id is $$@notNull
The wallet.$$;
comment on column ledger.expiring_lots.seq is $$@notNull
The number of the wallet's entry with which they arrived.$$;
comment on column ledger.expiring_lots.expires_at is $$@notNull
From when they cannot be spent any more.$$;
comment on column ledger.expiring_lots.amount is $$@notNull
What is left of them and not reserved, in minor units: what will expire, if nothing happens before.$$;
comment on column ledger.expiring_lots.held_amount is $$@notNull
What holds reserve of them, in minor units: it does not expire while they are open.$$;
comment on column ledger.expiring_lots.granted_amount is $$@notNull
How many they were, in minor units.$$;
grant select on ledger.expiring_lots to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
