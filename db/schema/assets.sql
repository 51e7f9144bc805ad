-- What there are credits of.
create table ledger.assets (
  code text primary key,
  name text not null,
  scale int not null default 0,
  actor text not null,
  created_at timestamptz not null,
  hash bytea not null,
  constraint assets_code_is_a_word check (code ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$'),
  constraint assets_name_has_1_to_200_characters check (char_length(name) between 1 and 200),
  constraint assets_scale_is_0_to_18 check (scale between 0 and 18)
);

comment on table ledger.assets is $$@behavior -query:resource:single -singularRelation:resource:single
A kind of virtual credit, such as Gold Coins.$$;
comment on column ledger.assets.code is
  'Short name that calls use: 1 to 64 letters, digits, dots, dashes or underscores.';
comment on column ledger.assets.name is 'Name for people.';
comment on column ledger.assets.scale is
  'Digits after the point when an amount is shown to people, 0 to 18. Amounts themselves are always whole minor units.';
comment on column ledger.assets.actor is $$@behavior -*
Who created it: the token's role and subject, or db: and the database login.$$;
comment on column ledger.assets.created_at is 'When the asset was created.';
comment on column ledger.assets.hash is $$@behavior -*
SHA-256 over every other fact: the start of the chain of its limits.$$;

create trigger _100_guard_insert before insert on ledger.assets
  for each statement execute function ledger_private.tg__guard_insert();
create trigger _200_append_only before update or delete or truncate on ledger.assets
  for each statement execute function ledger_private.tg__append_only();

grant select on ledger.assets to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
