create or replace function ledger_private.uuid_after(id uuid, steps int)
returns uuid
language sql
immutable
as $$
  select encode(substring(uuid_send(id) for 8) || (substring(uuid_send(id) from 9)::bigint + steps)::bytea, 'hex')::uuid
$$;

comment on function ledger_private.uuid_after(uuid, int) is
$$The UUID so many steps after a UUID of version 7, whose last 62 bits are random: for a batch, which draws its first id and counts on from it, since
each drawing costs as much as a row of the log.$$;

revoke all on function ledger_private.uuid_after(uuid, int) from public;
