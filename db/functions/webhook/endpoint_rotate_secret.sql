create or replace function webhook.endpoint_rotate_secret(endpoint text, overlap_hours int default 24)
returns webhook.new_secret
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_endpoint webhook.endpoints;
begin
  if overlap_hours not between 0 and 720 then
    perform ledger_private.refuse(ledger_private.invalid_argument('overlap_hours',
      'Let the present secret sign for another 0 to 720 hours.'));
  end if;
  v_endpoint := webhook.lock_endpoint(endpoint);
  delete from webhook.secrets s where s.endpoint = v_endpoint.name and s.expires_at <= clock_timestamp();
  update webhook.secrets s
    set expires_at = least(s.expires_at, clock_timestamp() + coalesce(overlap_hours, 24) * interval '1 hour')
    where s.endpoint = v_endpoint.name;
  update webhook.endpoints n set actor = ledger_private.actor(), changed_at = clock_timestamp()
    where n.name = v_endpoint.name;
  return webhook.make_secret(v_endpoint.name);
end
$$;

comment on function webhook.endpoint_rotate_secret is
$$@resultFieldName secret
Makes a new secret for an endpoint and shows it this once. The present one signs as well for a while, so that the
receiver can take its time.

- endpoint: its name.
- overlapHours: for how many hours the present secret signs too, 0 to 720; 24 if left out. 0 where it has become known.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WEBHOOK_NOT_FOUND (WLNWH).$$;

grant execute on function webhook.endpoint_rotate_secret to wallet_operator;
