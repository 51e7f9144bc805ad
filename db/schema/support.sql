-- What lists over all wallets show that is in no table by itself.
create view ledger.expiring_lots with (security_invoker) as
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

create view ledger.operator_actions with (security_invoker) as
  select t.id, 0::bigint as seq, t.kind::text as action, t.actor, t.metadata ->> 'reason' as reason, t.created_at,
    t.wallet_id, null::text as asset_code, t.id as transfer_id
  from ledger.transfers t
  where ledger_private.is_operators(t.kind, t.actor)
  union all
  select e.wallet_id, e.seq, e.kind::text, e.actor, e.reason, e.created_at, e.wallet_id, null, null
  from ledger.wallet_events e
  where e.kind <> 'opened'
  union all
  select ledger_private.asset_id(l.asset_code), l.seq, 'limits_set', l.actor, null, l.created_at, null,
    l.asset_code, null
  from ledger.asset_limits l
  union all
  select ledger_private.asset_id(a.code), 0, 'asset_created', a.actor, null, a.created_at, null, a.code, null
  from ledger.assets a;

comment on view ledger.operator_actions is $$@primaryKey id,seq
@foreignKey (wallet_id) references wallets (id)|@fieldName wallet|@behavior -manyRelation:resource:connection -manyRelation:resource:list
@foreignKey (transfer_id) references transfers (id)|@fieldName transfer|@behavior -manyRelation:resource:connection -manyRelation:resource:list -singularRelation:resource:single:backward
@behavior -query:resource:connection -query:resource:list -query:resource:single -filter -order -insert -update -delete
Something that an operator did: a movement that only operators may book or that one booked, a change of a wallet's
status, a new asset or its limits.$$;
comment on column ledger.operator_actions.id is $$@notNull
Of what it was done to: the movement, the wallet, or the id of the asset.$$;
comment on column ledger.operator_actions.seq is $$@notNull
With the id, what identifies it: of a wallet's event or an asset's limits the number, otherwise 0.$$;
comment on column ledger.operator_actions.action is $$@notNull
What was done: the kind of the movement; frozen, closed or reopened; asset_created or limits_set.$$;
comment on column ledger.operator_actions.actor is $$@notNull
Who did it: the token's role and subject, or db: and the database login.$$;
comment on column ledger.operator_actions.reason is
  'Why, as it was said: of a movement, the field reason of its metadata; null where nothing was said.';
comment on column ledger.operator_actions.created_at is $$@notNull
When.$$;
comment on column ledger.operator_actions.wallet_id is 'The wallet that it was done to, if it was one.';
comment on column ledger.operator_actions.asset_code is 'The asset that it was done to, if it was one.';
comment on column ledger.operator_actions.transfer_id is 'The movement that it booked, if it is one.';
grant select on ledger.operator_actions to wallet_operator, wallet_auditor;

-- How the ledger is, at a glance.
create type ledger.state as (
  as_of timestamptz,
  last_block_seq bigint,
  last_block_at timestamptz,
  not_closed_seconds double precision,
  last_verified_at timestamptz,
  last_verify_findings bigint,
  last_clean_verified_at timestamptz,
  feed_cursor text,
  feed_lag_seconds double precision,
  overdue_seconds double precision,
  unsettled_wallets bigint
);
comment on type ledger.state is $$@name ledger_state
How the ledger is: its worker, its feed, its last block and its last proof.$$;
comment on column ledger.state.as_of is $$@notNull
When this was so.$$;
comment on column ledger.state.last_block_seq is
  'The number of the last block that was closed; null where there is none.';
comment on column ledger.state.last_block_at is
  'When the last block was closed: the worker closes one a minute, where anything was booked.';
comment on column ledger.state.not_closed_seconds is $$@notNull
How long the oldest movement that no block closes has been there; 0 where all are closed.$$;
comment on column ledger.state.last_verified_at is
  'When the whole ledger was last proved; null where that has never been.';
comment on column ledger.state.last_verify_findings is
  'How many broken rules that found; 0 where the ledger was sound.';
comment on column ledger.state.last_clean_verified_at is
  'When the whole ledger was last proved to be sound; null where that has never been.';
comment on column ledger.state.feed_cursor is
  'The cursor of the newest event of the feed; null where there is none.';
comment on column ledger.state.feed_lag_seconds is $$@notNull
How long the oldest movement that the feed cannot tell of yet has been there: an open transaction holds it back.$$;
comment on column ledger.state.overdue_seconds is $$@notNull
How long holds or credits have been due that the worker has not booked; 0 where there are none. (Nothing depends on it:
they are due at once.)$$;
comment on column ledger.state.unsettled_wallets is $$@notNull
In how many wallets what is due could not be booked when it was last tried.$$;
grant usage on type ledger.state to wallet_operator, wallet_auditor;
