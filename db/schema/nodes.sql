-- Which wallets this database has. The rows of some of a ledger's wallets, alone in a database, are a ledger of their
-- own.
create table ledger_private.node_ranges (
  first_id uuid primary key,
  last_id uuid not null,
  constraint node_ranges_order check (first_id <= last_id)
);

comment on table ledger_private.node_ranges is
$$The ranges of wallet ids that this database has, where a ledger is spread over several databases; empty, where it has
all of them. A transfer with a wallet outside of the ranges has one entry here, and the other side is the account
elsewhere. node_ranges_set writes them, before the wallets are brought here.$$;
comment on column ledger_private.node_ranges.first_id is 'The first id of the range.';
comment on column ledger_private.node_ranges.last_id is 'The last id of the range.';

grant select on ledger_private.node_ranges to wallet_operator, wallet_auditor, wallet_job;

create table ledger_private.other_ranges (
  first_id uuid primary key,
  last_id uuid not null,
  node text not null,
  constraint other_ranges_order check (first_id <= last_id)
);

comment on table ledger_private.other_ranges is
$$The ranges of wallet ids that other databases have, by the names of these; empty, where this one has all of them.
node_ranges_set writes them.$$;
comment on column ledger_private.other_ranges.first_id is 'The first id of the range.';
comment on column ledger_private.other_ranges.last_id is 'The last id of the range.';
comment on column ledger_private.other_ranges.node is 'The name of the database that has the range.';

grant select on ledger_private.other_ranges to wallet_operator, wallet_auditor, wallet_job;
