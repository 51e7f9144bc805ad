create or replace function webhook.notice_set(
  asset_code text,
  expiring_hours int default null,
  low_balance bigint default null
)
returns webhook.notice_rules
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_rule webhook.notice_rules;
begin
  if asset_code is null then
    perform ledger_private.refuse(ledger_private.invalid_argument('asset_code', 'Name the asset, such as GOLD.'));
  elsif expiring_hours not between 1 and 720 then
    perform ledger_private.refuse(ledger_private.invalid_argument('expiring_hours',
      'Give 1 to 720 hours, or leave it out for no such notices.'));
  elsif low_balance not between 1 and 1000000000000000 then
    perform ledger_private.refuse(ledger_private.invalid_argument('low_balance',
      'Give a mark of 1 to 1000000000000000 minor units, or leave it out for no such notices.'));
  elsif not exists (select from ledger.assets a where a.code = notice_set.asset_code) then
    perform ledger_private.refuse(ledger_private.asset_not_found(asset_code));
  end if;
  -- What was booked before the first rule is not looked at.
  update webhook.notice_reader r set cursor = webhook.newest_cursor()
    where not exists (select from webhook.notice_rules);
  insert into webhook.notice_rules as r (asset_code, expiring_hours, low_balance, due_at, due_wallet_id, due_lot_seq,
      actor, changed_at)
    values (notice_set.asset_code, notice_set.expiring_hours, notice_set.low_balance, '-infinity',
      '00000000-0000-0000-0000-000000000000', 0, ledger_private.actor(), clock_timestamp())
    on conflict on constraint notice_rules_pkey do update
      set expiring_hours = excluded.expiring_hours, low_balance = excluded.low_balance,
        -- A shorter time: those between have had their notice, new ones get it later.
        due_at = least(r.due_at, clock_timestamp() + coalesce(excluded.expiring_hours, 0) * interval '1 hour'),
        actor = excluded.actor, changed_at = excluded.changed_at
    returning r.* into v_rule;
  return v_rule;
end
$$;

comment on function webhook.notice_set is
$$@resultFieldName rule
Sets what players of an asset are given notice of, by webhooks of the kinds credits.expiring and balance.low: once for
the bonus credits of one expiry that arrived together, and once each time that a balance falls below the mark. Null
means no such notices.

- assetCode: the asset, such as GOLD.
- expiringHours: how many hours before bonus credits expire, 1 to 720.
- lowBalance: the mark, in minor units, 1 to 1000000000000000.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA).$$;

grant execute on function webhook.notice_set to wallet_operator;
