create or replace function ledger_private.wrong_node(wallet_id uuid, facts jsonb default '{}')
returns ledger.refusal
language sql
stable
as $$
  select ledger_private.refusal('WLNOD', format('wrong node: %s has wallet %s', n.node, wrong_node.wallet_id),
    jsonb_build_object('wallet_id', wrong_node.wallet_id, 'node', n.node) || facts,
    'Send the call to that node; a call for wallets of several nodes is not possible.')
  from ledger.wallet_node(wrong_node.wallet_id) n (node)
  where n.node is not null
$$;

comment on function ledger_private.wrong_node is
  'WLNOD: another database has the wallet, whose name is in the detail. facts are added to the detail.';

grant execute on function ledger_private.wrong_node
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
