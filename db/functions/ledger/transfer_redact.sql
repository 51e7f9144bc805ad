create or replace function ledger.transfer_redact(transfer_id uuid, reason text)
returns ledger.redactions
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_entry ledger.entries;
  v_redaction ledger.redactions;
begin
  if transfer_id is null then
    perform ledger_private.refuse(ledger_private.invalid_argument('transfer_id', 'Name the transfer by its id.'));
  end if;
  if reason is null or char_length(reason) not between 1 and 1000 then
    perform ledger_private.refuse(ledger_private.invalid_argument('reason', 'Say why, in 1 to 1000 characters.'));
  end if;
  select e.* into v_entry from ledger.entries e
    where e.transfer_id = transfer_redact.transfer_id and e.actor is not null;
  perform ledger_private.refuse(ledger_private.not_found(ledger.request(kind => 'reversal',
    wallet_id => v_entry.wallet_id, transfer_id => transfer_redact.transfer_id)));
  perform from ledger.wallets w where w.id = v_entry.wallet_id for no key update;
  select r.* into v_redaction from ledger.redactions r where r.wallet_id = v_entry.wallet_id and r.seq = v_entry.seq;
  if found then
    return v_redaction;
  end if;
  if v_entry.metadata = '{}' then
    perform ledger_private.refuse(ledger_private.invalid_argument('transfer_id',
      'It has no metadata that could be blanked.', jsonb_build_object('transfer_id', transfer_id)));
  end if;

  v_redaction := row(v_entry.wallet_id, v_entry.seq, transfer_id, ledger_private.metadata_hash(v_entry.metadata),
    (select max(e.seq) + 1 from ledger.wallet_events e where e.wallet_id = v_entry.wallet_id),
    (select u.reference_hash from ledger.unique_references u
      where u.wallet_id = v_entry.wallet_id and u.seq = v_entry.seq));
  perform set_config('ledger.posting', 'on', true);
  perform ledger_private.record_events(array[v_entry.wallet_id], 'redacted', reason,
    sha256(ledger_private.redaction_bytes(v_redaction)));
  insert into ledger.redactions values (v_redaction.*);
  -- A transaction whose snapshot is older than this event ends with 40001 when it locks the wallet.
  update ledger.wallets w set status = w.status where w.id = v_entry.wallet_id;
  perform set_config('ledger.posting', '', true);
  perform set_config('ledger.redacting', 'on', true);
  update ledger.entries e set metadata = '{}' where e.wallet_id = v_entry.wallet_id and e.seq = v_entry.seq;
  perform set_config('ledger.redacting', '', true);
  return v_redaction;
end
$$;

comment on function ledger.transfer_redact is
$$@behavior -*
Blanks the metadata of a movement, where a law demands it: from then on they are {} at every door. Their hash stays, so
that the ledger is proved as before and a late retry of the call is still recognised; the wallet's events say who
blanked them, when and why. For administrators: no role of the ledger may call it. What has been blanked stays as it is.

- transfer_id: the movement.
- reason: why, for the wallet's events, 1 to 1000 characters; not what was blanked.

Refuses, in this order, with WLARG, WLNOT for a transfer that is not there, WLARG for one without metadata.$$;
