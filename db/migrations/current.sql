-- Enter migration here

-- The gateway asks how far the database has been migrated: it is ready where its own code's newest migration is there.
grant usage on schema graphile_migrate to wallet_gateway;
grant select (hash) on graphile_migrate.migrations to wallet_gateway;
