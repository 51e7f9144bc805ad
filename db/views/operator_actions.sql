-- What operators did, from all the tables that say so.
create or replace view ledger.operator_actions with (security_invoker) as
  select t.id, 0::bigint as seq, t.kind::text as action, t.actor, t.metadata ->> 'reason' as reason, t.created_at,
    t.wallet_id, null::text as asset_code, t.id as transfer_id
  from ledger.transfers t
  where ledger_private.is_operators(t.kind, t.actor, t.idem_key)
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
