create or replace function webhook.taken_before(events ledger.event[], notices webhook.notices[], place text)
returns uuid[]
language sql
stable
as $$
  with recursive page as (
    select coalesce(split_part(taken_before.place, '.', 2), '0')::xid8 as xid,
      coalesce(split_part(taken_before.place, '.', 3), '00000000-0000-0000-0000-000000000000')::uuid as id
  ), before (wallet_id, seq, transfer_id) as (
    select s.wallet_id, s.seq, null::uuid
    from (
      select v.debit_wallet_id, v.debit_seq from unnest(taken_before.events) v
      union all
      select v.credit_wallet_id, v.credit_seq from unnest(taken_before.events) v
      union all
      select n.wallet_id, n.seq + 1 from unnest(taken_before.notices) n
    ) s (wallet_id, seq)
    where s.wallet_id is not null
    union
    select w.wallet_id, w.seq, p.transfer_id
    from before b
    cross join lateral (
      select e.transfer_id from ledger.entries e
      where e.wallet_id = b.wallet_id and e.seq = b.seq - 1
        and (e.xid, e.transfer_id) > ((select g.xid from page g), (select g.id from page g))
      limit 1
    ) p
    left join lateral (select t.* from ledger.transfers t where t.id = p.transfer_id limit 1) m on true
    cross join lateral (values (b.wallet_id, b.seq - 1), (m.debit_wallet_id, m.debit_seq),
      (m.credit_wallet_id, m.credit_seq)) w (wallet_id, seq)
    where w.wallet_id is not null
  )
  select array(select distinct b.transfer_id from before b where b.transfer_id is not null)
$$;

comment on function webhook.taken_before is $$@behavior -*
The movements that come before these events and notices, in their wallets and in those that they share a movement with,
although the feed has them behind this place: a transaction that began earlier may book later.$$;
