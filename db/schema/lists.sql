-- Lists over all wallets, a page at a time. What a list looks through has no number of its own: a page names the rows
-- by their keys, and where to go on, also where it looked through many rows and found few.
create type ledger.page as (
  keys jsonb,
  start_cursor text,
  end_cursor text,
  has_next_page boolean,
  has_previous_page boolean
);
comment on type ledger.page is $$@behavior -*
A page of a list over all wallets. A page looks at a bounded number of rows: it may have fewer than were asked for, or
none, and still a next one.$$;
comment on column ledger.page.keys is
  'A JSON array, in the order of the list: of each row the columns that identify it, and its cursor.';
comment on column ledger.page.start_cursor is 'What the page before this one ends at.';
comment on column ledger.page.end_cursor is 'What the page after this one begins at.';
comment on column ledger.page.has_next_page is 'Whether to go on after it, where it was read forwards.';
comment on column ledger.page.has_previous_page is 'Whether to go on before it, where it was read backwards.';
grant usage on type ledger.page to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;

-- How much of a list is asked for, and from which end.
create type ledger_private.page_asked as (size int, backwards boolean);

-- What transfers are looked for. Null is any.
create type ledger_private.transfer_search as (
  from_time timestamptz,
  to_time timestamptz,
  kinds ledger.transfer_kind[],
  actor text,
  asset_code text,
  idem_key text,
  metadata jsonb,
  due_before timestamptz
);

-- A place in a list that is in the order of instants.
create type ledger_private.list_place as (at_time timestamptz, id uuid, seq bigint);
