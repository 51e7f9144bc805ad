/** `npm run prove:webhooks`: that webhooks arrive, each and in order, while receiver, service and PostgreSQL fail. */
import { fileURLToPath } from 'node:url';
import { createProgress } from '../../../bench/progress.ts';
import { command, wholeNumber } from '../../../src/command.ts';
import { prove, type ProofState } from '../../../src/webhooks/testing_proof.ts';
import { callAll, type Finding } from '../helpers.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster } from './cluster.ts';
import { Gateway } from './gateway.ts';
import { prepareLedger, TEMPLATE } from './ledger.ts';
import { AnyProtocol } from './protocol.ts';
import { Proxy } from './proxy.ts';

const DATA = fileURLToPath(new URL('../../../.data/prove-webhooks', import.meta.url));
const MINUTES = 30;

const HELP = `npm run prove:webhooks -- [--count N] [--wallets N] [--kills N] [--seed N]

Books movements and has the service post them to a receiver that fails a third of the time, while service and PostgreSQL are
killed (SIGKILL) in turns. Ends with 0 where each arrived at least once and no try came before an earlier one of its wallet.

  --count    webhooks (10000)
  --wallets  that they are about (500)
  --kills    in all (12)
  --seed     of the choices (a new one)`;

const OPTIONS = {
  count: { type: 'string', default: '10000' },
  wallets: { type: 'string', default: '500' },
  kills: { type: 'string', default: '12' },
  seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000_000)) },
} as const;

await command({ help: HELP, options: OPTIONS }, async (values) => {
  const count = wholeNumber('count', values.count);
  const kills = wholeNumber('kills', values.kills);
  const seed = wholeNumber('seed', values.seed);
  const progress = createProgress(process.stderr);
  progress.show('starting PostgreSQL');
  const cluster = await Cluster.start(DATA, {});
  try {
    await prepareLedger(cluster.url('postgres'));
    // Its port changes when it is started anew.
    const proxy = new Proxy(
      () => cluster.port,
      () => new AnyProtocol(),
      () => undefined,
    );
    await proxy.listen();
    const url = new URL(cluster.url(TEMPLATE));
    url.port = String(proxy.port);
    const gateway = await Gateway.start(url.href, () => undefined, {
      VERIFY_CRON: 'off',
      WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8',
      WEBHOOK_FIRST_RETRY_MS: '10',
      WEBHOOK_TIMEOUT_MS: '2000',
    });
    const harm = async ({ arrived, harmed }: ProofState): Promise<void> => {
      for (let kill = 1; kill <= kills; kill += 1) {
        while (arrived() < kill / (kills + 1)) {
          progress.show(`${Math.floor(arrived() * 100)} % of ${count} webhooks, ${kill - 1} of ${kills} kills`);
          await sleep(50);
        }
        if (kill % 2 === 0) await cluster.killPostmaster();
        else await gateway.kill();
        harmed(kill % 2 === 0 ? 'PostgreSQL killed' : 'service killed');
      }
    };
    const session = () => cluster.connect(TEMPLATE);
    const wallets = wholeNumber('wallets', values.wallets);
    const report = await prove({ count, wallets, seed, session, harm, withinMs: MINUTES * 60_000 });
    const client = await session();
    const findings = await callAll<Finding>(client, 'ledger_verify', {});
    await client.end();
    progress.clear();
    console.log(JSON.stringify({ seed, ...report, findings: findings.length }, undefined, 2));
    await gateway.stop();
    await proxy.close();
    return report.missing === 0 && report.outOfOrder === 0 && findings.length === 0 ? 0 : 1;
  } finally {
    progress.clear();
    await cluster.stop();
  }
});

// After a failure some session may still be waiting for a server that is gone.
process.exit();
