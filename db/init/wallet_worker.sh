#!/bin/bash
# Runs once, when the database container makes its cluster: gives the worker a login of its own. In a cluster from before,
# the migration makes the role without a password; then: alter role wallet_worker password '…'.
set -euo pipefail
psql --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname "${POSTGRES_DB:-postgres}" \
  --set password="$WORKER_PASSWORD" <<'SQL'
create role wallet_worker login password :'password';
SQL
