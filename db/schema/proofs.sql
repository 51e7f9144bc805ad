-- Proofs that the ledger is sound, and figures of it.
create table ledger.verifications (
  id uuid primary key default uuidv7(),
  seq bigint not null,
  started_at timestamptz not null,
  finished_at timestamptz not null,
  findings bigint not null,
  block_seq bigint,
  kept_seals bigint not null,
  actor text not null,
  hash bytea not null,
  constraint verifications_seq_key unique (seq)
);

create index verifications_clean_idx on ledger.verifications (finished_at) where findings = 0;

comment on table ledger.verifications is $$@behavior -query:resource:list -query:resource:single
When the whole ledger was proved from its rows, and what came of it. Append-only.$$;
comment on constraint verifications_pkey on ledger.verifications is '@behavior -*';
comment on constraint verifications_seq_key on ledger.verifications is '@behavior -*';
comment on column ledger.verifications.id is 'Time-ordered id.';
comment on column ledger.verifications.seq is 'Number of the verification: 1, 2, 3 and so on without gaps.';
comment on column ledger.verifications.started_at is 'When it began: it saw the ledger as it was then.';
comment on column ledger.verifications.finished_at is 'When it ended.';
comment on column ledger.verifications.findings is 'How many broken rules it found; 0 where the ledger was sound.';
comment on column ledger.verifications.block_seq is 'The newest block it proved; null where there was none.';
comment on column ledger.verifications.kept_seals is
  'How many blocks that were kept elsewhere it was given, and looked for.';
comment on column ledger.verifications.actor is 'Who asked for it.';
comment on column ledger.verifications.hash is 'SHA-256 over the hash before it and every other fact.';

create trigger _100_guard_insert before insert on ledger.verifications
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.verifications
  for each statement execute function ledger_private.tg__append_only();

grant select on ledger.verifications to wallet_operator, wallet_auditor;

create type ledger.finding as (
  rule text,
  wallet_id uuid,
  seq bigint,
  transfer_id uuid,
  detail jsonb
);
comment on type ledger.finding is 'A place where the ledger''s rows break one of its rules.';
comment on column ledger.finding.rule is $$@notNull
The rule that is broken.$$;
comment on column ledger.finding.wallet_id is 'The wallet, if it is about one.';
comment on column ledger.finding.seq is 'The entry, if it is about one.';
comment on column ledger.finding.transfer_id is 'The transfer, if it is about one.';
comment on column ledger.finding.detail is 'What was expected and what was found.';
grant usage on type ledger.finding to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.trial_balance as (
  asset_code text,
  account text,
  debit numeric,
  credit numeric
);
comment on type ledger.trial_balance is 'One account''s side of the trial balance, in minor units.';
comment on column ledger.trial_balance.asset_code is $$@notNull
The asset.$$;
comment on column ledger.trial_balance.account is $$@notNull
players, or an account of the house: treasury, promotions, revenue, breakage and so on.$$;
comment on column ledger.trial_balance.debit is $$@notNull
What the account has, where that is on the debit side; otherwise 0.$$;
comment on column ledger.trial_balance.credit is $$@notNull
What the account has, where that is on the credit side; otherwise 0.$$;
grant usage on type ledger.trial_balance to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

create type ledger.metric as (name text, labels jsonb, value double precision);
comment on type ledger.metric is 'A figure of the ledger at this moment, for monitoring.';
comment on column ledger.metric.name is $$@notNull
Which figure.$$;
comment on column ledger.metric.labels is $$@notNull
What it is of: an object of texts.$$;
comment on column ledger.metric.value is $$@notNull
The figure.$$;
grant usage on type ledger.metric to wallet_auditor;
