create or replace function ledger_private.check_group(requests ledger.wallet_request[])
returns void
language plpgsql
stable
as $$
declare
  v_caller name := ledger_private.calling_role();
  v_names text[];
  v_denied text;
begin
  if requests is null or cardinality(requests) > 10000 or array_ndims(requests) > 1 then
    perform ledger_private.refuse(ledger_private.invalid_argument('requests', 'Send a list of at most 10000 requests.',
      jsonb_build_object('length', cardinality(requests), 'max', 10000)));
  end if;
  v_names := array(select ledger_private.function_of(k.kind) from (select distinct r.kind from unnest(requests) r) k);
  select p.proname into v_denied
    from pg_proc p
    where p.proname = any (v_names) and p.pronamespace = 'ledger'::regnamespace
      and not has_function_privilege(v_caller, p.oid, 'execute')
    order by p.proname
    limit 1;
  if found then
    raise exception using errcode = 'insufficient_privilege',
      message = format('permission denied for function %s', v_denied),
      hint = 'Many calls in one give no right that the single calls do not give.';
  end if;
end
$$;

comment on function ledger_private.check_group is
$$Ends the call with WLARG where this is no list of at most 10000 requests, and with 42501 where a kind in it is one
whose own function the caller may not execute.$$;
