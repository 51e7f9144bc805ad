-- The schemas, and what is nobody's until it is granted. From here on everything is made by the owner.
create schema ledger authorization wallet_owner;
create schema ledger_private authorization wallet_owner;
create schema gateway authorization wallet_owner;
create schema webhook authorization wallet_owner;

set local role wallet_owner;

comment on schema ledger is 'The wallet ledger: tables to read and functions to call.';
comment on schema ledger_private is 'Helpers of the ledger''s functions, called by nobody else.';
comment on schema gateway is 'What the processes of the gateway share: nothing of the ledger.';
comment on schema webhook is 'What other systems are told of the ledger, which knows nothing of it.';

alter default privileges for role wallet_owner revoke execute on functions from public;
alter default privileges for role wallet_owner revoke usage on types from public;

-- The login of the gateway asks for figures, on behalf of nobody.
grant usage on schema ledger to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job,
  wallet_gateway;
grant usage on schema ledger_private to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
grant usage on schema gateway to wallet_gateway, wallet_worker;
grant usage on schema webhook to wallet_operator, wallet_auditor, wallet_worker;
