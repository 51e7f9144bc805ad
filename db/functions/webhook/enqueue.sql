create or replace function webhook.enqueue(endpoint webhook.endpoints, ids uuid[], notices webhook.notices[])
returns void
language plpgsql
volatile
as $$
declare
  v_wallets uuid[];
  v_ids uuid[];
begin
  with found as (
    select t.id, t.kind::text as kind, t.wallet_id, 0::smallint as part, t.debit_wallet_id, t.debit_seq,
        t.credit_wallet_id, t.credit_seq
      from unnest(ids) i (id)
      cross join lateral (select m.* from ledger.transfers m where m.id = i.id limit 1) t
    union all
    select n.id, n.kind, n.wallet_id, 1, n.wallet_id, n.seq, null, null from unnest(notices) n
  ), asked as (
    select f.* from found f
      cross join lateral (select o.asset_code from ledger.wallets o where o.id = f.wallet_id limit 1) w
      where (endpoint.kinds is null or f.kind = any (endpoint.kinds))
        and (endpoint.asset_code is null or w.asset_code = endpoint.asset_code)
  ), added as (
    insert into webhook.deliveries (endpoint, id, kind, wallet_id, tries, waiting_since)
      select endpoint.name, a.id, a.kind, a.wallet_id, 0, clock_timestamp() from asked a
      on conflict do nothing
      returning deliveries.id
  ), placed as (
    insert into webhook.delivery_wallets (endpoint, wallet_id, seq, part, id)
      select distinct endpoint.name, s.wallet_id, s.seq, a.part, a.id
        from asked a
        join added d on d.id = a.id
        cross join lateral (values (a.debit_wallet_id, a.debit_seq), (a.credit_wallet_id, a.credit_seq))
          s (wallet_id, seq)
        where s.wallet_id is not null
      returning delivery_wallets.wallet_id, delivery_wallets.id
  )
  select array_agg(distinct p.wallet_id), array_agg(distinct p.id) into v_wallets, v_ids from placed p;
  -- After a replay, what could be sent may be behind others again.
  update webhook.deliveries d set next_try_at = null
    from unnest(v_wallets) u (wallet_id)
    cross join lateral (
      select p.id from webhook.delivery_wallets p
        where p.endpoint = endpoint.name and p.wallet_id = u.wallet_id and p.id <> all (v_ids)
        order by p.seq, p.part, p.id
        limit 1
    ) f
    where d.endpoint = endpoint.name and d.id = f.id and d.next_try_at is not null
      and not webhook.is_head(d.endpoint, d.id);
  perform webhook.wake(endpoint.name, v_wallets);
end
$$;

comment on function webhook.enqueue is $$@behavior -*
Makes deliveries of movements and notices, as far as the endpoint asks for them. The endpoint is locked.$$;
