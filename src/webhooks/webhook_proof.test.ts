/**
 * Webhooks are delivered in order while a third of all attempts fails and the service is killed; `npm run prove:webhooks` sends more of
 * them.
 */
import { createDatabase, expectSound } from '../../db/tests/helpers.ts';
import { Gateway } from '../testing.ts';
import { prove } from './testing_proof.ts';
import { eventually } from './testing_receiver.ts';

const COUNT = 300;
const KILLS = 2;
const WITHIN_MS = 240_000;

// Hooks run in the order in which they are registered.
afterAll(() => gateway.stop());
const db = createDatabase();
const gateway = new Gateway(db, {
  VERIFY_CRON: 'off',
  WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8',
  WEBHOOK_FIRST_RETRY_MS: '20',
  // Webhooks in flight when the service is killed count as lost sooner.
  WEBHOOK_TIMEOUT_MS: '500',
});

it(`${COUNT} webhooks arrive, each of them and in order per wallet, although the service is killed ${KILLS} times`, async () => {
  await gateway.start();

  const report = await prove({
    count: COUNT,
    wallets: 40,
    seed: Math.floor(Math.random() * 1e9),
    session: () => Promise.resolve(db),
    harm: async ({ harmed, arrived }) => {
      for (let kill = 1; kill <= KILLS; kill += 1) {
        await eventually(`part ${kill} has arrived`, () => arrived() >= kill / (KILLS + 2));
        gateway.child.signal('SIGKILL');
        await gateway.child.exited;
        harmed('service killed');
        await gateway.start();
      }
    },
    withinMs: WITHIN_MS,
  });

  expect(report).toMatchObject({ webhooks: COUNT, missing: 0, outOfOrder: 0, harm: { 'service killed': KILLS } });
  expect(report.refused).toBeGreaterThan(COUNT / 5);
  await expectSound(db);
});
