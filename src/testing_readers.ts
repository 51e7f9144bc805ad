/** Questions of four kinds of readers, and where the documentation answers them: the page, the heading, and a text in its section. */

export type Question = readonly [question: string, page: string, heading: string, answer: RegExp];

const OPERATE = 'docs/operate';

export const READERS: Readonly<Record<string, readonly Question[]>> = {
  newcomer: [
    ['What is it?', 'README.md', 'Wallet service', /double-entry ledger inside PostgreSQL/],
    ['How do I start it?', 'README.md', 'Start', /npm ci && npm start/],
    ['How do I start it with Docker?', 'README.md', 'Start', /docker compose up --build/],
    ['How do I run the tests?', 'README.md', 'Start', /npm ci && npm test/],
    ['What is a wallet, a transfer, an entry?', 'README.md', 'The model in five nouns', /\*\*entry\*\*/],
    ['How do I make a call?', 'README.md', 'One mutation', /walletSpend/],
    ['What if I send it twice?', 'README.md', 'One mutation', /`replayed: true`/],
    ['What does a refusal look like?', 'README.md', 'One refusal', /IDEMPOTENCY_KEY_REUSED/],
    ['What can I see in a browser?', 'docs/console.md', 'The console', /Wallets/],
    ['How do I add a flow?', 'CONTRIBUTING.md', 'A new flow in four steps', /One include line/],
  ],
  integrator: [
    ['Which errors are there, and what do I do?', 'docs/integrate.md', 'Refusals', /`INSUFFICIENT_FUNDS`/],
    ['I got no answer: what now?', 'docs/integrate.md', 'Retries', /with the same key/],
    ['How do I page through a history?', 'docs/integrate.md', 'Paging', /pageInfo\.endCursor/],
    ['How do I book a thousand bonuses?', 'docs/movements.md', 'Batches', /wallet_post_batch/],
    ['How do I reserve now and charge later?', 'docs/movements.md', 'Holds', /wallet_capture/],
    [
      'How do I grant an item and take the credits in one transaction?',
      'docs/integrate.md',
      'A SQL job',
      /one transaction/,
    ],
    ['How does a client learn that a balance changed?', 'docs/integrate.md', 'Subscriptions', /walletChanged/],
    ['How do I feed a data warehouse?', 'docs/integrate.md', 'Change events', /each is handled exactly once/],
    ['Is there a client that retries for me?', 'docs/client.md', 'Tries, pauses, deadlines', /sent again/],
    ['May a page in a browser call it?', `${OPERATE}/limits.md`, 'Browsers', /`CORS_ORIGINS`/],
  ],
  operator: [
    ['Which settings are there?', `${OPERATE}/configuration.md`, 'Configuration', /`DATABASE_URL`/],
    ['What do I probe?', `${OPERATE}/probes.md`, 'Probes', /`GET \/readyz`/],
    ['How do I restart it without a failed request?', `${OPERATE}/probes.md`, 'Rolling restart', /`DRAIN_GRACE_MS`/],
    ['How do I restore a backup?', `${OPERATE}/backup.md`, 'In production', /Restore to a \*\*new\*\* instance/],
    ['The primary is dead: what now?', `${OPERATE}/standby.md`, 'Promotion of the standby', /Fence the old primary/],
    ['An alert fires: what do I do?', `${OPERATE}/observability.md`, 'Prometheus and Grafana', /`WalletSealOld`/],
    ['How do I upgrade?', `${OPERATE}/upgrade.md`, 'Upgrade', /npm run migrate/],
    ['How do I change a password?', `${OPERATE}/poolers.md`, 'Passwords that change', /`28P01`/],
    [
      'How many connections does it need?',
      `${OPERATE}/configuration.md`,
      'How many connections it needs',
      /`POOL_SIZE`/,
    ],
    ['How do I move it to another server?', `${OPERATE}/moving.md`, 'By logical replication', /create publication/],
  ],
  auditor: [
    ['Is every row as it was booked?', 'docs/audit.md', 'The questions', /ledger_verify/],
    ['Do debits and credits have the same sum?', 'docs/audit.md', 'The questions', /ledger_trial_balance/],
    ['How did this wallet get its balance?', 'docs/audit.md', 'The questions', /wallet_history/],
    ['What was the balance at an instant?', 'docs/audit.md', 'The questions', /wallet_balance_at/],
    ['What can a proof not find?', 'docs/audit.md', 'What a proof finds', /These are not found/],
    ['How do I keep evidence outside?', 'docs/audit.md', 'Seals', /npm run --silent seal/],
    [
      'What was blanked by law, and how do I know?',
      'docs/audit.md',
      'Metadata that a law wants gone',
      /`ledger\.redactions`/,
    ],
    ['Which figures of a month are final?', 'docs/finance.md', 'What the figures mean', /Final or provisional/],
    ['What did an operator do?', 'docs/support.md', '7. What did operator K do yesterday?', /operatorActions/],
    ['Who may change rows?', 'docs/integrate.md', 'Roles', /can write, change or delete rows by hand/],
  ],
};
