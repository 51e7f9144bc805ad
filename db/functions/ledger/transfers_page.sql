create or replace function ledger.transfers_page(
  "from" timestamptz default null,
  "to" timestamptz default null,
  kinds ledger.transfer_kind[] default null,
  actor text default null,
  asset_code text default null,
  idem_key text default null,
  metadata jsonb default null,
  first int default null,
  last int default null,
  after text default null,
  before text default null
)
returns ledger.page
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
set enable_sort = off
as $$
declare
  v_asked ledger_private.page_asked := ledger_private.page_asked(first, last, after, before);
  v_search ledger_private.transfer_search := row("from", "to", kinds, actor, asset_code, idem_key, metadata, null);
  v_found record;
begin
  if not ledger_private.is_metadata(metadata) then
    perform ledger_private.refuse(ledger_private.invalid_argument('metadata',
      'Give an object, of which the metadata that is looked for has all fields with these values.'));
  end if;
  if (idem_key is null or not ledger_private.is_rare_key(idem_key))
    and num_nonnulls(kinds, actor, asset_code, idem_key, metadata) > 0 then
    perform ledger_private.check_range("from", "to");
  end if;
  v_found := ledger_private.walk_transfers(search => v_search, above => ledger_private.cursor_id('before', before),
    below => ledger_private.cursor_id('after', after), backwards => v_asked.backwards, wanted => v_asked.size + 1);
  return ledger_private.page_of(ledger_private.id_keys(v_found.ids), v_asked, v_found.searched_to::text);
end
$$;

comment on function ledger.transfers_page is
$$@behavior -*
The movements of all wallets that the caller may see, newest first, by the ids that they were given when they were
booked. Whatever is looked for has all that is given. A page looks at 2000 movements at most: it may have fewer than
were asked for, or none, and a next page all the same.

- from: only what was booked at this instant or later.
- to: only what was booked before this instant.
- kinds: only movements of these kinds; none at all where the list is empty.
- actor: only those of this caller, as transfers name it, such as operator:kim.
- assetCode: only those of wallets of this asset.
- idemKey: only those with this idempotency key, in whatever wallet: found by an index.
- metadata: only those whose metadata has all these fields, with these values.
- first: how many to read at most, from the newest or after a cursor: 0 to 1000, 100 where neither first nor last is
  given.
- last: how many to read at most, from the oldest or before a cursor: 0 to 1000; not together with first.
- after: the cursor after which to go on.
- before: the cursor before which to go on.

For kinds, actor, assetCode and metadata there is no index: they need from, and a range of at most 31 days. So does a
key that more than 2000 movements have, which is looked for in the same way.

Refuses with INVALID_ARGUMENT (WLARG): a size is out of bounds, a cursor is malformed, a range is missing or too
long.$$;

grant execute on function ledger.transfers_page to wallet_service, wallet_operator, wallet_auditor, wallet_job;
