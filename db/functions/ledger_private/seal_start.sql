create or replace function ledger_private.seal_start(epoch int)
returns ledger_private.feed_place
language sql
stable
as $$
  select row(
      -- Of the transfers that a new epoch began with, those sealed before are 0.
      case when s.epoch = seal_start.epoch then s.horizon when s.epoch is null then '0'::xid8 else '1'::xid8 end,
      case when s.epoch = seal_start.epoch then s.horizon_id else '00000000-0000-0000-0000-000000000000' end
    )::ledger_private.feed_place
  from (select 1) always
  left join lateral (select n.* from ledger.seals n order by n.seq desc limit 1) s on true
$$;

comment on function ledger_private.seal_start(int) is
  'Where in the feed of this epoch the next block begins: after this place. What comes before it is sealed.';

revoke all on function ledger_private.seal_start(int) from public;
grant execute on function ledger_private.seal_start(int) to wallet_auditor;
