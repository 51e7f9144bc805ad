create or replace function ledger_private.refuse_request(broken text, wallet_id uuid, amount bigint)
returns void
language plpgsql
immutable
as $$
begin
  if broken = 'amount' then
    perform ledger_private.refuse('WLAMT',
      format('invalid amount: %s', coalesce(amount::text, 'null')),
      jsonb_build_object('amount', amount::text, 'min', '1', 'max', '1000000000000000'),
      'Send a whole number of minor units from 1 to 1000000000000000.');
  elsif broken = 'same' then
    perform ledger_private.refuse('WLSLF', format('same wallet: %s', wallet_id),
      jsonb_build_object('wallet_id', wallet_id), 'Name two different wallets.');
  end if;
  perform ledger_private.refuse_argument(broken, case broken
      when 'idem_key' then 'Send an idempotency key of 1 to 200 characters, no white space at either end, a new one for each request.'
      when 'kind' then 'A batch books top_up, bonus, spend and transfer.'
      when 'counterparty_id' then 'Only a transfer names a second wallet.'
      when 'expires_at' then 'Send an instant after now, or leave it out; only bonuses and holds expire.'
      when 'metadata' then 'Send a JSON object of at most 8192 bytes; store a reference to larger facts.'
      when 'hold_id' then 'Name the hold by its id.'
      when 'transfer_id' then 'Name the transfer by its id.'
      else 'Name the wallet by its id.'
    end);
end
$$;

comment on function ledger_private.refuse_request(text, uuid, bigint) is
  'Refuses a request for the rule of check_request that it breaks: amount, same, or the argument that is wrong.';

revoke all on function ledger_private.refuse_request(text, uuid, bigint) from public;
