create or replace function ledger_private.verify_records()
returns setof ledger.finding
language sql
stable
as $$
  with chains as (
    select 'assets' as source, 1::bigint as seq, a.code as of, a.hash, null::bytea as previous,
      ledger_private.asset_bytes(a) as bytes, 1::bigint as place, null::bytea as start
    from ledger.assets a
    union all
    select 'asset_limits', l.seq, l.asset_code, l.hash, lag(l.hash) over asset, ledger_private.asset_limit_bytes(l),
      row_number() over asset, a.hash
    from ledger.asset_limits l
    left join ledger.assets a on a.code = l.asset_code
    window asset as (partition by l.asset_code order by l.seq)
    union all
    select 'feed_epochs', e.epoch, null, e.hash, lag(e.hash) over epochs,
      ledger_private.feed_epoch_bytes(e), e.epoch, null
    from ledger.feed_epochs e
    window epochs as (order by e.epoch)
    union all
    select 'verifications', v.seq, null, v.hash, lag(v.hash) over proofs, ledger_private.verification_bytes(v),
      row_number() over proofs, null
    from ledger.verifications v
    window proofs as (order by v.seq)
  )
  select 'record_chain', null::uuid, null::bigint, null::uuid,
    jsonb_strip_nulls(jsonb_build_object('table', c.source, 'asset_code', c.of, 'number', c.seq, 'place', c.place))
  from chains c
  where c.seq <> c.place or c.hash is distinct from ledger_private.record_hash(coalesce(c.previous, c.start), c.bytes)
  union all
  -- Of the epochs, numbers may be left out; the newest is one that seals know, or a later one.
  select 'record_chain', null, null, null, jsonb_build_object('table', 'feed_epochs', 'number', x.needed)
  from (select coalesce(max(s.epoch), 1) as needed from ledger.blocks s) x
  where not exists (select from ledger.feed_epochs e where e.epoch >= x.needed)
$$;

comment on function ledger_private.verify_records is
$$Findings in what is chained beside the entries and is of no single wallet: numbered without gaps, no epoch of the feed
missing, each hash over the row and the one before.$$;

grant execute on function ledger_private.verify_records to wallet_auditor;
