create or replace function ledger.wallets_holds(wallet ledger.wallets, open boolean default null)
returns setof ledger.holds
language sql
stable
begin atomic
  -- One of the three has rows. Each is in order by itself, so that a page of it can be read from an index.
  (
    select h.*
    from ledger.holds h
    where h.wallet_id = wallet.id and wallets_holds.open is null
    order by h.seq desc
  )
  union all
  -- From the list of open ones: all that there ever were may be many more.
  (
    select (h.hold).*
    from ledger_private.open_holds o
    cross join lateral (select n as hold from ledger.holds n where n.wallet_id = o.wallet_id
      and n.id = o.hold_id limit 1) h
    where o.wallet_id = wallet.id and wallets_holds.open and ledger.holds_status(h.hold) = 'open'
    order by (h.hold).seq desc
  )
  union all
  (
    select h.*
    from ledger.holds h
    where h.wallet_id = wallet.id and not wallets_holds.open and ledger.holds_status(h) <> 'open'
    order by h.seq desc
  );
end;

comment on function ledger.wallets_holds is
$$The wallet's holds, newest first.

- open: true for those that are open, false for those that have been captured or released or have expired, booked or
  not; all if left out.$$;

grant execute on function ledger.wallets_holds
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
