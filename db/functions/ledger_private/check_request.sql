create or replace function ledger_private.check_request(
  kind ledger.transfer_kind,
  wallet_id uuid,
  counterparty_id uuid,
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
  -- One expression for all rules: the usual call, which keeps them, should not pay for each.
  v_broken text := case
    when amount is null or amount not between 1 and 1000000000000000 then 'amount'
    when wallet_id is null then case kind when 'transfer' then 'from_wallet' else 'wallet_id' end
    when counterparty_id is null and kind = 'transfer' then 'to_wallet'
    when idem_key is null or char_length(idem_key) not between 1 and 200 then 'idem_key'
    when expires_at is not null then 'expires_at'
    when metadata is null or jsonb_typeof(metadata) <> 'object' or octet_length(metadata::text) > 8192 then 'metadata'
    when wallet_id = counterparty_id then 'same'
  end;
begin
  if v_broken is null then
    return true;
  elsif v_broken = 'amount' then
    perform ledger_private.refuse('WLAMT',
      format('invalid amount: %s', coalesce(amount::text, 'null')),
      jsonb_build_object('amount', amount::text, 'min', '1', 'max', '1000000000000000'),
      'Send a whole number of minor units from 1 to 1000000000000000.');
  elsif v_broken = 'same' then
    perform ledger_private.refuse('WLSLF', format('same wallet: %s', wallet_id),
      jsonb_build_object('wallet_id', wallet_id), 'Name two different wallets.');
  end if;
  perform ledger_private.refuse('WLARG',
    format('invalid argument: %s', v_broken),
    jsonb_build_object('argument', v_broken),
    case v_broken
      when 'idem_key' then 'Send an idempotency key of 1 to 200 characters, a new one for each new request.'
      when 'expires_at' then 'Leave it out: bonus credits do not expire yet.'
      when 'metadata' then 'Send a JSON object of at most 8192 bytes; store a reference to larger facts.'
      else 'Name the wallet by its id.'
    end);
  return false;
end
$$;

comment on function ledger_private.check_request(
  ledger.transfer_kind, uuid, uuid, bigint, text, timestamptz, jsonb
) is
  'True, or refuses a request that could not be right whatever the ledger holds: WLAMT, then WLARG, then WLSLF.';

revoke all on function ledger_private.check_request(
  ledger.transfer_kind, uuid, uuid, bigint, text, timestamptz, jsonb
) from public;
