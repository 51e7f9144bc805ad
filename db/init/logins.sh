#!/bin/bash
# The logins of the gateway, of the worker and of a standby, and every password, as the files of the secrets say. Runs when
# the database container makes its cluster; run again after a secret was changed, it changes the passwords:
#   docker compose exec db bash /docker-entrypoint-initdb.d/logins.sh
set -euo pipefail
run() { psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 \
  --username "${POSTGRES_USER:-postgres}" --dbname "${POSTGRES_DB:-postgres}" "$@"; }

# The passwords come neither by the arguments of a process nor into the server's log.
run <<'SQL'
set search_path = pg_catalog, pg_temp;
set client_min_messages = 'warning';
set log_statement = 'none';
set log_min_error_statement = 'panic';
set log_min_duration_statement = -1;
\set admin `cat /run/secrets/admin-password`
\set gateway `cat /run/secrets/gateway-password`
\set worker `cat /run/secrets/worker-password`
\set standby `cat /run/secrets/standby-password`
select format('create role %I', name) from unnest(array['wallet_gateway', 'wallet_worker', 'wallet_standby']) name
  where not exists (select from pg_roles where rolname = name) \gexec
alter role current_user password :'admin';
alter role wallet_gateway login noinherit password :'gateway';
alter role wallet_worker login password :'worker';
alter role wallet_standby login replication password :'standby';
-- ops/replica/synchronous.sh needs no superuser for what it does.
grant pg_read_all_stats to wallet_standby;
grant alter system on parameter synchronous_standby_names to wallet_standby;
grant execute on function pg_reload_conf() to wallet_standby;
SQL

hba=$(run --command 'show hba_file')
line='host replication wallet_standby all scram-sha-256'
if ! grep --quiet --line-regexp --fixed-strings "$line" "$hba"; then
  echo "$line" >>"$hba"
  run --command 'select pg_reload_conf()' >/dev/null
fi
