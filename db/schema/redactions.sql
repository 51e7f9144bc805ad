-- Metadata that had to be blanked by law. The hash of what stood there stays, so that the chain is still proved. Who
-- blanked it, when and why, its event says.
create table ledger.redactions (
  wallet_id uuid not null,
  seq bigint not null,
  transfer_id uuid not null,
  metadata_hash bytea not null,
  event_seq int not null,
  reference_hash bytea,
  primary key (wallet_id, seq)
);

comment on table ledger.redactions is $$@behavior -*
Which movements had their metadata blanked by law. Append-only.$$;
comment on column ledger.redactions.wallet_id is 'The wallet that acted: its entry had the metadata.';
comment on column ledger.redactions.seq is 'Number of that entry.';
comment on column ledger.redactions.transfer_id is 'The movement.';
comment on column ledger.redactions.metadata_hash is
  'SHA-256 over what stood there (metadata_hash): what the hash of the entry covers.';
comment on column ledger.redactions.event_seq is 'Which event of the wallet says who blanked it, when and why.';
comment on column ledger.redactions.reference_hash is
  'Of a top-up whose payment stands in unique_references, the hash that stands there.';

create trigger _100_guard_insert before insert on ledger.redactions
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.redactions
  for each statement execute function ledger_private.tg__append_only();

alter table ledger.redactions enable row level security;
create policy auditors_see_all on ledger.redactions for select to wallet_auditor using (true);
grant select on ledger.redactions to wallet_auditor;
