create or replace function ledger_private.verify_references(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  select 'unique_reference', coalesce(c.wallet_id, u.wallet_id), coalesce(c.seq, u.seq), c.transfer_id,
    jsonb_build_object('kept', u.seq is not null, 'booked', c.seq is not null)
  from (
    select e.wallet_id, e.seq, e.transfer_id, e.metadata, w.asset_code
    from ledger.entries e
    left join ledger.wallets w on w.id = e.wallet_id
    where e.wallet_id between first_id and last_id and e.kind = 'top_up' and e.held_bonus_amount is not null
  ) c
  full join (
    select n.* from ledger.unique_references n where n.wallet_id between first_id and last_id
  ) u on u.wallet_id = c.wallet_id and u.seq = c.seq
  left join ledger.redactions r on r.wallet_id = c.wallet_id and r.seq = c.seq
  where (u.asset_code = c.asset_code and u.reference_hash = coalesce(r.reference_hash, (
      select sha256(convert_to(f.value, 'UTF8')) from jsonb_each_text(c.metadata) f
      where sha256(convert_to(f.value, 'UTF8')) = u.reference_hash limit 1))) is not true
$$;

comment on function ledger_private.verify_references is
$$Findings in the payments that are kept: each is that of a top-up which is marked by it (held_bonus_amount 0), of this
asset, with such a value in its metadata or in what was blanked there; and each such top-up has one.$$;

grant execute on function ledger_private.verify_references to wallet_auditor;
