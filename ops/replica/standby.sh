#!/bin/bash
# A streaming standby of `db`: copies its cluster the first time, then follows it. Once promoted it stays a primary.
set -euo pipefail
export PGDATA="${PGDATA:-/var/lib/postgresql/18/docker}"
copy="$PGDATA.copy"

# In memory, from the secret's file, so that no copy of the cluster has a password in it.
passfile=/var/run/postgresql/passfile
umask 077
printf 'db:5432:*:wallet_standby:%s\n' "$(sed 's/[\\:]/\\&/g' /run/secrets/standby-password)" >"$passfile"
primary="host=db port=5432 user=wallet_standby passfile=$passfile application_name=standby connect_timeout=5"

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # What was left half copied is copied anew.
  rm -rf "$PGDATA" "$copy"
  pg_basebackup --pgdata="$copy" --dbname="$primary" --wal-method=stream --checkpoint=fast --no-password
  touch "$copy/standby.signal"
  sync
  mv "$copy" "$PGDATA"
  echo 'The standby has its copy of db'
fi

# Should it be promoted, it has no standby of its own to wait for, whatever the copied configuration says.
exec postgres -c listen_addresses='*' -c unix_socket_directories=/var/run/postgresql \
  -c primary_conninfo="$primary" -c synchronous_standby_names= "$@"
