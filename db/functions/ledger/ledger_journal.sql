create or replace function ledger.ledger_journal(
  asset_code text default null,
  from_time timestamptz default null,
  to_time timestamptz default null,
  after text default null
)
returns setof ledger.journal_line
language sql
stable
begin atomic
  with r as materialized (
    select j.* from ledger_private.journal_range(asset_code, from_time, to_time, after) j
  )
  select case when b.is_closed then
      concat_ws('.', b.seq, (extract(epoch from m.created_at - '2000-01-01 00:00:00+00') * 1000000)::bigint,
        m.transfer_id, s.side) end,
    m.counted_at, m.created_at, m.transfer_id, m.kind, m.asset_code, s.side, ledger_private.account_name(s.account),
    case when s.side = m.side then m.wallet_id when s.account in ('player', 'elsewhere') then m.to_wallet end,
    m.amount, m.bonus_amount, m.reverses, m.idem_key, m.actor,
    coalesce(m.counted_at < (select r.final_until from r), false)
  -- In order, so that only the lines of one block are sorted at a time: the first are sent before the next block is
  -- read.
  from (
    select n.seq, n.is_closed
    from (
      select c.seq, true as is_closed from ledger.blocks c
      where c.seq >= (select r.first_block from r) and c.seq <= (select r.last_block from r)
      union all
      select r.open_block, false from r where r.last_block = r.open_block
    ) n
    order by n.seq offset 0
  ) b
  cross join lateral ledger_private.journal_of_block(b.seq, b.is_closed) m
  cross join lateral (values ('debit'::ledger.entry_side, m.debit), ('credit', m.credit)) s (side, account)
  where m.counted_at >= (select r.from_time from r) and m.counted_at < (select r.to_time from r)
    and (ledger_journal.asset_code is null or m.asset_code = ledger_journal.asset_code)
    and (b.seq, m.created_at, m.transfer_id, s.side)
      > (select r.after_block, r.after_time, r.after_id, r.after_side from r)
  order by b.seq, m.created_at, m.transfer_id, s.side;
end;

comment on function ledger.ledger_journal is
$$@behavior -*
The journal of a period: two lines for each movement, one on the debit side and one on the credit side, of what counts
at or after from_time and before to_time; null is no bound. Balances at from_time + the journal = balances at to_time,
account by account. The lines come block by block, within a block as they were booked; lines that no block has closed
yet come last, without a cursor. Whoever broke off goes on after the newest cursor, and drops what came after it.

- asset_code: one asset; all of them if null.
- after: the cursor of the last line read; from the first line on if null.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA); RETRY (55000) where the ledger was moved
and npm run migrate has not run since.$$;

grant execute on function ledger.ledger_journal to wallet_operator, wallet_auditor;
