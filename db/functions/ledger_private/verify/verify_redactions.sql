create or replace function ledger_private.verify_redactions(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  -- That an entry was blanked without a redaction, its hash tells.
  select 'redaction', r.wallet_id, r.seq, r.transfer_id,
    jsonb_build_object('event', r.event_seq, 'blank', e.metadata = '{}')
  from ledger.redactions r
  left join ledger.entries e on e.wallet_id = r.wallet_id and e.seq = r.seq
  left join ledger.wallet_events v on v.wallet_id = r.wallet_id and v.seq = r.event_seq
  where r.wallet_id between first_id and last_id
    -- As text: a new kind cannot be named in the transaction that brings it.
    and (e.transfer_id = r.transfer_id and e.actor is not null and e.metadata = '{}' and v.kind::text = 'redacted'
      and v.facts_hash = sha256(ledger_private.redaction_bytes(r))) is not true
  union all
  select 'redaction', v.wallet_id, null, null, jsonb_build_object('event', v.seq, 'blank', null)
  from ledger.wallet_events v
  where v.wallet_id between first_id and last_id and v.kind::text = 'redacted'
    and not exists (select from ledger.redactions r where r.wallet_id = v.wallet_id and r.event_seq = v.seq)
$$;

comment on function ledger_private.verify_redactions is
  'Findings in redactions: each of an entry that is blank, with its event, and each such event with its redaction.';

grant execute on function ledger_private.verify_redactions to wallet_auditor;
