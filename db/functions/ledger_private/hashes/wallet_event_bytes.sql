create or replace function ledger_private.wallet_event_bytes(event ledger.wallet_events)
returns bytea
language sql
stable
as $$
  select array_send(array[
    'wallet_event', uuid_send(event.wallet_id), int8send(event.seq), enum_send(event.kind),
    convert_to(event.reason, 'UTF8'), convert_to(event.actor, 'UTF8'), timestamptz_send(event.created_at)
  ] || case when event.facts_hash is not null then array[event.facts_hash] else '{}' end)
$$;

comment on function ledger_private.wallet_event_bytes is
$$Every fact of a wallet's event as bytes, for its hash: see record_hash. The hash of what it is about comes last, where
there is one.$$;

grant execute on function ledger_private.wallet_event_bytes to wallet_auditor;
