/** Runs the example of a receiver. */
import { call, createDatabase, newAsset, newKey, newWallet } from '../../db/tests/helpers.ts';
import { Child, Gateway } from '../testing.ts';

// Hooks run in the order in which they are registered.
afterAll(() => gateway.stop());
const gateway = new Gateway(createDatabase(), { VERIFY_CRON: 'off', WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8' });
const { db } = gateway;

it('the example receiver accepts signed webhooks, each once, and refuses others (401)', async () => {
  const asset = await newAsset(db);
  const wallet_id = await newWallet(db, asset);
  const create = (url: string) =>
    db.query<{ secret: string }>('select secret from webhook.endpoint_create($1, $2, asset_code => $3)', [
      'example',
      url,
      asset,
    ]);
  // The receiver prints its port; it needs the secret at its start.
  const { rows } = await create('https://hooks.example/');
  const receiver = new Child(process.execPath, ['examples/webhook-receiver/receiver.ts'], {
    env: { WEBHOOK_SECRET: rows[0]?.secret, PORT: '0' },
  });
  try {
    const [, port = ''] = await receiver.prints(/^Listening on port (\d+)$/m);
    const url = `http://127.0.0.1:${port}/`;
    await db.query('select webhook.endpoint_change($1, $2, asset_code => $3)', ['example', url, asset]);
    await gateway.start();
    const { transfer_id } = await call(db, 'wallet_top_up', { wallet_id, amount: 5, idem_key: newKey() });

    const [, printed = ''] = await receiver.prints(/^top_up (.*)$/m);
    expect(JSON.parse(printed)).toMatchObject({ transfer_id, wallet_id, amount: '5' });
    expect((await fetch(url, { method: 'POST', body: '{}' })).status).toBe(401);
    expect(receiver.stdout.match(/^top_up /gm)).toHaveLength(1);
  } finally {
    await receiver.stop();
  }
});
