create or replace function ledger_private.journal_range(
  asset_code text,
  from_time timestamptz,
  to_time timestamptz,
  after text
)
returns ledger_private.journal_range
language plpgsql
stable
-- ledger_journal, which sends its lines while it reads, has the caller's settings.
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_range ledger_private.journal_range;
  v_parts text[] := regexp_match(after, '^([1-9][0-9]{0,17})[.](-?[0-9]{1,18})[.]'
    || '([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})[.](debit|credit)$');
begin
  if from_time > to_time then
    perform ledger_private.refuse(ledger_private.invalid_argument('to_time',
      'Send the end of the period: from_time or later.'));
  end if;
  if after is not null and v_parts is null then
    perform ledger_private.refuse(ledger_private.invalid_argument('after',
      'Give the cursor of the last line as it came, or null to start.'));
  end if;
  if asset_code is not null then
    perform ledger_private.check_asset(asset_code);
  end if;
  perform ledger_private.feed_epoch();
  v_range.from_time := coalesce(from_time, '-infinity');
  v_range.to_time := coalesce(to_time, 'infinity');
  -- What no block has closed yet will be in the next one, or in a later one.
  select 1 + b.seq, b.final_until into v_range.open_block, v_range.final_until
    from ledger.blocks b order by b.seq desc limit 1;
  v_range.open_block := coalesce(v_range.open_block, 1);
  v_range.after_block := coalesce(v_parts[1]::bigint, 0);
  v_range.after_time := timestamptz '2000-01-01 00:00:00+00'
    + coalesce(v_parts[2]::bigint, 0) * interval '1 microsecond';
  v_range.after_id := coalesce(v_parts[3], '00000000-0000-0000-0000-000000000000')::uuid;
  v_range.after_side := coalesce(v_parts[4], 'debit');
  v_range.first_block := greatest(v_range.after_block, coalesce(
    (select b.seq from ledger.blocks b where b.counted_until >= v_range.from_time
      order by b.counted_until, b.seq limit 1), v_range.open_block));
  v_range.last_block := coalesce(
    (select b.seq from ledger.blocks b where b.final_until >= v_range.to_time order by b.final_until, b.seq limit 1),
    v_range.open_block);
  return v_range;
end
$$;

comment on function ledger_private.journal_range is
$$Which blocks have what counts in a period, and where in them its journal goes on after a cursor: block, microseconds
since 2000, movement, side. Refuses what is wrong of it.$$;

grant execute on function ledger_private.journal_range to wallet_operator, wallet_auditor;
