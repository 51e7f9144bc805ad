create or replace function ledger_private.check_request(
  kind ledger.transfer_kind,
  wallet_id uuid,
  counterparty_id uuid,
  hold_id uuid,
  reverses uuid,
  amount bigint,
  idem_key text,
  expires_at timestamptz,
  metadata jsonb
)
returns boolean
language plpgsql
immutable
as $$
declare
  v_broken text;
begin
  -- Rule by rule, what a usual call never comes to left out: each operator of an expression is set up anew in each transaction.
  if amount is null and (kind is null or kind not in ('capture', 'release', 'reversal')) then
    v_broken := 'amount';
  elsif amount not between 1 and 1000000000000000 then
    v_broken := 'amount';
  elsif kind is null then
    v_broken := 'kind';
  elsif wallet_id is null then
    v_broken := case kind when 'transfer' then 'from_wallet' else 'wallet_id' end;
  elsif (kind = 'transfer') <> (counterparty_id is not null) then
    v_broken := case kind when 'transfer' then 'to_wallet' else 'counterparty_id' end;
  elsif hold_id is null and kind in ('capture', 'release') then
    v_broken := 'hold_id';
  elsif reverses is null and kind = 'reversal' then
    v_broken := 'transfer_id';
  elsif ledger_private.is_key(idem_key) is not true then
    v_broken := 'idem_key';
  elsif expires_at is not null then
    if not isfinite(expires_at) or kind not in ('bonus', 'hold') then
      v_broken := 'expires_at';
    end if;
  end if;
  if v_broken is null and metadata is distinct from '{}' then
    if metadata is null or jsonb_typeof(metadata) <> 'object' or octet_length(metadata::text) > 8192 then
      v_broken := 'metadata';
    end if;
  end if;
  if v_broken is null and counterparty_id is not null then
    if wallet_id = counterparty_id then
      v_broken := 'same';
    end if;
  end if;
  if v_broken is not null then
    perform ledger_private.refuse_request(v_broken, wallet_id, amount);
  end if;
  return true;
end
$$;

comment on function ledger_private.check_request(
  ledger.transfer_kind, uuid, uuid, uuid, uuid, bigint, text, timestamptz, jsonb
) is
$$True, or refuses a request that could not be right whatever the ledger holds: WLAMT, then WLARG, then WLSLF.$$;

revoke all on function ledger_private.check_request(
  ledger.transfer_kind, uuid, uuid, uuid, uuid, bigint, text, timestamptz, jsonb
) from public;
