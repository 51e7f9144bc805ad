#!/bin/bash
# Makes every commit on `db` wait for the standby, from when it streams until this service is stopped. So neither a standby that is
# not there yet nor one that was taken away on purpose holds up commits; one that fails does, as it should. `check`: whether they wait now.
set -euo pipefail
export PGHOST=db PGUSER=wallet_standby PGDATABASE="${POSTGRES_DB:-wallet}" PGCONNECT_TIMEOUT=5
PGPASSWORD=$(cat /run/secrets/standby-password)
export PGPASSWORD

ask() { psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 --command "$1"; }

if [ "${1:-}" = check ]; then
  [ "$(ask "select count(*) from pg_stat_replication where application_name = 'standby' and sync_state = 'sync'")" = 1 ]
  exit
fi

wait_for() {
  ask "alter system set synchronous_standby_names = '$1'"
  ask 'select pg_reload_conf()' >/dev/null
}

stop() {
  wait_for '' || { echo 'db could not be told to wait no longer' >&2; exit 1; }
  echo 'db does not wait for the standby any more'
  exit 0
}
trap stop TERM INT

while true; do
  # A server that is away is asked again.
  ready=$(ask "select count(*) from pg_stat_replication where application_name = 'standby' and state = 'streaming'
    and current_setting('synchronous_standby_names') = ''") || ready=0
  if [ "$ready" = 1 ] && wait_for standby; then echo 'db waits for the standby'; fi
  sleep 1 &
  wait $!
done
