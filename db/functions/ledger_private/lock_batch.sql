create or replace function ledger_private.lock_batch(requests ledger.wallet_request[])
returns ledger_private.batch
language plpgsql
volatile
-- One plan for all sizes of batch, which looks up by index: for each another would cost more than it gains.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_batch ledger_private.batch;
  -- With repetitions and nulls, which do not matter to a search.
  v_ids uuid[];
  v_open uuid[];
  v_kinds ledger.transfer_kind[];
  v_assets text[];
  v_accounts ledger.house_account[];
  v_players ledger.wallets[];
  v_player_ids uuid[];
  v_houses ledger.wallets[];
  v_house_ids uuid[];
begin
  select array_agg(r.wallet_id) || array_agg(r.counterparty_id), array_agg(r.kind) into v_ids, v_kinds from unnest(requests) r;
  v_assets := array(select distinct w.asset_code from ledger.wallets w where w.id = any (v_ids));
  v_accounts := array(select distinct ledger_private.house_account(k) from unnest(v_kinds) k);
  v_open := ledger_private.with_open(v_ids);
  if cardinality(v_open) > 0 and ledger_private.has_due(v_open, clock_timestamp()) then
    v_accounts := v_accounts || 'breakage'::ledger.house_account;
  end if;
  select array_agg(h.w), array_agg((h.w).id) into v_houses, v_house_ids
    from (
      select w from ledger.wallets w
        where w.asset_code = any (v_assets) and w.house = any (v_accounts) and w.stripe = 32
        order by w.id
        for no key update
    ) h;
  select array_agg(p.w), array_agg((p.w).id) into v_players, v_player_ids
    from (select w from ledger.wallets w where w.id = any (v_ids) and w.house is null order by w.id for no key update) p;
  v_batch.wallets := v_players || v_houses;
  v_batch.ids := v_player_ids || v_house_ids;
  v_batch.assets := v_assets;
  v_batch.at_time := clock_timestamp();
  return v_batch;
end
$$;

comment on function ledger_private.lock_batch(ledger.wallet_request[]) is
$$Locks what a batch moves, in the one order that all calls keep: the house's stripes for batches, then players, each by ascending id. Breakage is
among them only where something is due. Returns them, players first, and the instant from which on nobody else moves them: the batch's now.$$;

revoke all on function ledger_private.lock_batch(ledger.wallet_request[]) from public;
