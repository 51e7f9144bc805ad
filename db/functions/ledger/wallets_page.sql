create or replace function ledger.wallets_page(
  owner_prefix text default null,
  asset_code text default null,
  status ledger.wallet_status default null,
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
  v_found record;
begin
  v_found := ledger_private.walk_wallets(owner_prefix => owner_prefix, asset_code => asset_code, status => status,
    above => ledger_private.cursor_wallet('after', after), below => ledger_private.cursor_wallet('before', before),
    backwards => v_asked.backwards, wanted => v_asked.size + 1);
  return ledger_private.page_of(ledger_private.id_keys(v_found.ids), v_asked, v_found.searched_to::text);
end
$$;

comment on function ledger.wallets_page is
$$@behavior -*
The wallets of all owners that the caller may see, in the order of their owners by code points. A page looks at 2000
wallets at most: it may have fewer rows than were asked for, or none, and a next page all the same. Over GraphQL, where
none of ownerPrefix, assetCode and status is given, all are listed by their ids, or by condition and orderBy.

- ownerPrefix: only those whose owner's account number begins so; of one owner, the whole number.
- assetCode: only those of this asset.
- status: only those that are open, frozen or closed.
- first: how many to read at most, from the first one or after a cursor: 0 to 1000, 100 where neither first nor last is
  given.
- last: how many to read at most, from the last one or before a cursor: 0 to 1000; not together with first.
- after: the cursor after which to go on.
- before: the cursor before which to go on.

Refuses with INVALID_ARGUMENT (WLARG): a size is out of bounds, a cursor is malformed or names no wallet.$$;

grant execute on function ledger.wallets_page
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
