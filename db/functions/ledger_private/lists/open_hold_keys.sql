create or replace function ledger_private.open_hold_keys(
  due_before timestamptz,
  above uuid,
  below uuid,
  backwards boolean,
  wanted int
)
returns jsonb
language plpgsql
stable
as $$
declare
  -- A hold without expiry is due after all others.
  v_above timestamptz := ledger_private.hold_due('before', above);
  v_below timestamptz := ledger_private.hold_due('after', below);
  v_keys jsonb;
begin
  execute format('
    select coalesce(jsonb_agg(jsonb_build_object(
      ''wallet_id'', o.wallet_id, ''id'', o.hold_id, ''cursor'', o.hold_id)), ''[]'')
    from (
      select o.* from (
        (select * from ledger_private.open_holds o
          where $1 is null and o.expires_at is null and $3 = ''infinity''
            and o.hold_id > case when $2 = ''infinity'' then $4 else ledger_private.id_from(0) end and o.hold_id < $5
          order by o.expires_at %1$s, o.hold_id %1$s limit $6)
        union all
        (select * from ledger_private.open_holds o
          where o.expires_at > statement_timestamp() and o.expires_at < coalesce($1, ''infinity'')
            and (o.expires_at, o.hold_id) > ($2, $4) and (o.expires_at, o.hold_id) < ($3, $5)
          order by o.expires_at %1$s, o.hold_id %1$s limit $6)
      ) o
      order by coalesce(o.expires_at, ''infinity'') %1$s, o.hold_id %1$s
      limit $6
    ) o', case when backwards then 'asc' else 'desc' end)
    into v_keys
    using due_before, coalesce(v_above, '-infinity'), coalesce(v_below, 'infinity'),
      coalesce(above, ledger_private.id_from(0)), coalesce(below, 'ffffffff-ffff-ffff-ffff-ffffffffffff'), wanted;
  return v_keys;
end
$$;

comment on function ledger_private.open_hold_keys is
$$The keys of up to so many open holds, between two: those without expiry first, then the latest due, or backwards the
soonest due.$$;

grant execute on function ledger_private.open_hold_keys
  to wallet_service, wallet_operator, wallet_auditor, wallet_job;
