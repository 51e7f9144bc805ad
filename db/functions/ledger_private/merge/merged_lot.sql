create or replace function ledger_private.merged_lot(original ledger.entries, wallet_id uuid)
returns table (lot_seq bigint, amount bigint)
language sql
stable
as $$
  select s.seq, (
      -- What was left of the bonus when it was moved, less what was taken back since: the lot may have more credits.
      coalesce((
        select sum(d.amount)
        from ledger.bonus_lot_draws d
        join ledger.entries m on m.wallet_id = d.wallet_id and m.seq = d.seq and m.kind = 'merge'
        where d.wallet_id = original.wallet_id and d.lot_seq = original.seq), 0)
      - coalesce((
        select sum(r.amount)
        from ledger.entries r
        where r.reverses = original.transfer_id and r.wallet_id <> original.wallet_id), 0))::bigint
  from ledger_private.successors(original.wallet_id) s
  where s.wallet_id = merged_lot.wallet_id
$$;

comment on function ledger_private.merged_lot is
$$Where credits of an expiring bonus are since its wallet was merged into this one: the number of the lot, and how many
of it are the bonus' own.$$;

grant execute on function ledger_private.merged_lot to wallet_auditor;
