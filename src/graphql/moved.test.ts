/** The feed of a ledger that was moved to another cluster, before and after its epoch begins. */
import { setTimeout as sleep } from 'node:timers/promises';
import { beginEpoch } from '../migrate/epoch.ts';
import { newAsset, newWallet } from '../../db/tests/helpers.ts';
import { createGateway, linesOfLog } from '../testing.ts';

const WITHIN_MS = 60_000;
const gateway = createGateway();
const { db } = gateway;

async function eventually<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (const deadline = Date.now() + WITHIN_MS; Date.now() < deadline; await sleep(50)) {
    const found = await look();
    if (found !== undefined) return found;
  }
  throw new Error(`not within ${WITHIN_MS} ms: ${what}`);
}

it('a ledger that was moved here answers RETRY to readers of its feed until it has begun an epoch, and says what to run', async () => {
  const wallet = await newWallet(db, await newAsset(db), { bought: 5 });
  const service = gateway.as('service', 'shop');
  const ask = async () => (await service.post('{ ledgerEvents { cursor walletId kind } }')).body;
  const mover = await db.connect();
  // Replication marks moved entries with this xid.
  await mover.query(
    "begin; set local session_replication_role = replica; update ledger.entries set xid = '18446744073709551615'; commit",
  );

  expect((await ask()).errors).toMatchObject([
    {
      message: 'retry: the ledger was moved here, and its feed begins anew with npm run migrate',
      extensions: { code: 'RETRY' },
    },
  ]);
  const said = await eventually('the poller says so', () =>
    Promise.resolve(linesOfLog(gateway.child.stderr).find(({ msg }) => msg === 'poller')),
  );
  expect(said).toMatchObject({ error: 'the ledger was moved here, and its feed has no epoch here yet' });

  await beginEpoch(db.url);
  const events = await eventually('the event is there', async () => {
    const { data } = await ask();
    const list = (data as { ledgerEvents: { cursor: string; walletId: string; kind: string }[] | null } | undefined)
      ?.ledgerEvents;
    return list?.length ? list : undefined;
  });
  expect(events).toMatchObject([{ walletId: wallet, kind: 'top_up' }]);
  expect(events[0]?.cursor).toMatch(/^2\./);
});
