#!/bin/bash
# Runs once, when the database container makes its cluster: gives the gateway a login of its own, so that the service never
# holds the administrator's password.
set -euo pipefail
psql --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname "${POSTGRES_DB:-postgres}" \
  --set password="$GATEWAY_PASSWORD" <<'SQL'
create role wallet_gateway login noinherit password :'password';
SQL
