create or replace function webhook.make_secret(endpoint text)
returns webhook.new_secret
language plpgsql
volatile
as $$
declare
  v_secret text := 'whsec_' || encode(sha256(
    uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'base64');
begin
  insert into webhook.secrets (endpoint, secret, created_at) values (endpoint, v_secret, clock_timestamp());
  return row(endpoint, v_secret)::webhook.new_secret;
end
$$;

comment on function webhook.make_secret is $$@behavior -*
Makes a secret of 32 bytes, with which webhooks of an endpoint are signed from now on.$$;
