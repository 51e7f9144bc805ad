create or replace function ledger_private.payment_reused(asset_code text, reference text)
returns ledger.refusal
language sql
stable
-- A plan that was made while the table was small may not outlive that.
set enable_seqscan = off
as $$
  select ledger_private.reused('the payment has been booked before',
    jsonb_build_object('field', 'metadata', 'reference', reference, 'wallet_id', e.wallet_id,
      'transfer_id', e.transfer_id),
    'The payment is that of the transfer which the detail names: send it once, with one key, for one wallet.')
  from ledger.unique_references u
  join ledger.entries e on e.wallet_id = u.wallet_id and e.seq = u.seq
  where u.asset_code = payment_reused.asset_code
    and u.reference_hash = sha256(convert_to(payment_reused.reference, 'UTF8'))
$$;

comment on function ledger_private.payment_reused is
$$WLKEY: the payment of a top-up has been booked, for another wallet or with another key, with the wallet that it
belongs to. For assets that have a unique_reference.$$;
