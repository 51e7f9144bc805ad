create or replace function ledger.ledger_state()
returns ledger.state
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  with figures as (
    select m.name, m.value from ledger.ledger_metrics() m where m.labels = '{}'
  )
  select statement_timestamp(), b.seq, b.sealed_at,
    (select f.value from figures f where f.name = 'unsealed_seconds'), v.finished_at, v.findings,
    (select max(c.finished_at) from ledger.verifications c where c.findings = 0),
    (select e.cursor from ledger.ledger_events_newest("limit" => 1) e),
    (select f.value from figures f where f.name = 'feed_lag_seconds'),
    (select f.value from figures f where f.name = 'oldest_due_seconds'),
    (select f.value::bigint from figures f where f.name = 'unsettled_wallets')
  from (select) as one
  left join lateral (select s.seq, s.sealed_at from ledger.blocks s order by s.seq desc limit 1) b on true
  left join lateral (select p.finished_at, p.findings from ledger.verifications p order by p.seq desc limit 1) v on true
$$;

comment on function ledger.ledger_state is
$$How the ledger is: whether its worker books and closes blocks, where its feed is, and when it was last proved.$$;

grant execute on function ledger.ledger_state to wallet_operator, wallet_auditor;
