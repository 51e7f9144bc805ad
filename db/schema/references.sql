-- Payments that have been booked: for assets that name a field of the metadata (asset_limits.unique_reference). Its
-- value books one top-up in all wallets of the asset. Kept is its hash, so that nothing has to be blanked here by law.
create table ledger.unique_references (
  asset_code text not null,
  reference_hash bytea not null,
  wallet_id uuid not null,
  seq bigint not null,
  primary key (asset_code, reference_hash),
  constraint unique_references_wallet_id_seq_key unique (wallet_id, seq)
);

comment on table ledger.unique_references is $$@behavior -*
Which payment each top-up booked, where the asset wants a payment to be booked once. Append-only.$$;
comment on column ledger.unique_references.asset_code is 'The asset.';
comment on column ledger.unique_references.reference_hash is
  'SHA-256 over the reference of the payment, as text in UTF-8.';
comment on column ledger.unique_references.wallet_id is 'The wallet that it was booked for.';
comment on column ledger.unique_references.seq is 'The number of the entry there.';

create trigger _100_guard_insert before insert on ledger.unique_references
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.unique_references
  for each statement execute function ledger_private.tg__append_only();

alter table ledger.unique_references enable row level security;
create policy auditors_see_all on ledger.unique_references for select to wallet_auditor using (true);
grant select on ledger.unique_references to wallet_auditor;
