create or replace function ledger_private.totals_hash(totals ledger.house_totals[])
returns bytea
language sql
immutable
as $$
  select sha256(convert_to(coalesce(string_agg(concat_ws(' ', t.asset_code, t.kind, t.debit, t.credit,
      extract(epoch from t.quarter)::bigint, t.movements, t.amount, t.bonus_amount, t.total_amount,
      t.total_bonus_amount), E'\n'
    order by t.asset_code collate "C", t.kind, t.debit, t.credit, t.quarter), ''), 'UTF8'))
  from unnest(totals) t
$$;

comment on function ledger_private.totals_hash is
$$The hash of a block's totals: SHA-256 over a line for each, in order of its key, as text: asset, kind, accounts,
seconds since 1970 of the quarter, and the numbers without total_movements, with a blank between them.$$;

grant execute on function ledger_private.totals_hash to wallet_auditor;
