/** Webhooks end to end: an endpoint is created over GraphQL, movements are booked, and the worker posts them to a receiver of the test. */
import { readFileSync } from 'node:fs';
import { Webhook } from 'standardwebhooks';
import { call, newAsset, newKey, newWallet, type Receipt } from '../../db/tests/helpers.ts';
import { parseMetrics, valueOf } from '../observability/testing_metrics.ts';
import { createGateway, errorOf, ROOT } from '../testing.ts';
import type { Role } from '../auth.ts';
import { eventually, Receiver, type Arrival, type Told } from './testing_receiver.ts';

// Hooks run in the order in which they are registered.
afterAll(() => receiver.stop());
const gateway = createGateway({
  VERIFY_CRON: 'off',
  WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8',
  WEBHOOK_FIRST_RETRY_MS: '50',
});
const { db } = gateway;
const operator = gateway.as('operator', 'desk');
/** The next answers for each path; after them the receiver answers 204. */
const answers = new Map<string, Told[]>();
let receiver: Receiver;
beforeAll(async () => {
  receiver = await Receiver.start(({ path }) => answers.get(path)?.shift() ?? {});
});

interface Scene {
  endpoint: string;
  path: string;
  secret: string;
  asset: string;
  wallet: string;
}

/** An endpoint for a new asset, and a wallet of that asset. */
async function scene(args: Record<string, unknown> = {}, told: Told[] = []): Promise<Scene> {
  const asset = await newAsset(db);
  const wallet = await newWallet(db, asset);
  const endpoint = `e${newKey().slice(4)}`;
  const path = `/${endpoint}`;
  answers.set(path, told);
  const { webhookEndpointCreate } = await operator.data<{ webhookEndpointCreate: { secret: { secret: string } } }>(
    'mutation ($input: WebhookEndpointCreateInput!) { webhookEndpointCreate(input: $input) { secret { endpoint secret } } }',
    { input: { endpoint, url: `${receiver.url}${path}`, assetCode: asset, ...args } },
  );
  return { endpoint, path, secret: webhookEndpointCreate.secret.secret, asset, wallet };
}

const topUp = (wallet_id: string, metadata?: object): Promise<Receipt> =>
  call(db, 'wallet_top_up', { wallet_id, amount: 5, idem_key: newKey(), metadata });
const verified = (secret: string, { body, headers }: Arrival): unknown =>
  new Webhook(secret).verify(body, headers as Record<string, string>);
const shown = async (endpoint: string, fields: string): Promise<Record<string, unknown> | null> =>
  (
    await gateway
      .as('auditor', 'ada')
      .data<{ webhookEndpoint: Record<string, unknown> | null }>(
        `query ($name: String!) { webhookEndpoint(name: $name) { ${fields} } }`,
        { name: endpoint },
      )
  ).webhookEndpoint;

describe('a movement', () => {
  it('is posted as it was booked, signed, with the id of the movement', async () => {
    const { endpoint, path, secret, asset, wallet } = await scene();
    const { transfer_id } = await topUp(wallet, { order: 17 });

    const [arrival] = await receiver.received(path, 1);
    expect(arrival?.id).toBe(transfer_id);
    expect(arrival && verified(secret, arrival)).toMatchObject({
      type: 'top_up',
      data: { transfer_id, wallet_id: wallet, asset_code: asset, amount: '5', metadata: { order: 17 } },
    });
    await eventually('it is counted', async () => (await shown(endpoint, 'delivered'))?.delivered === '1');
  });

  it('is posted again after a failure, with the same id and a new time, before later ones of its wallet', async () => {
    const told: Told[] = [{ status: 500 }, { cut: true }, { status: 302, headers: { location: '/elsewhere' } }];
    const { path, secret, wallet } = await scene({}, told);
    const first = await topUp(wallet);
    const second = await topUp(wallet);

    const arrivals = await receiver.received(path, 5);
    expect(arrivals.map(({ id }) => id)).toEqual([...Array<string>(4).fill(first.transfer_id), second.transfer_id]);
    for (const arrival of arrivals) verified(secret, arrival);
    expect(receiver.at('/elsewhere')).toEqual([]);
  });

  it('is signed with the old and the new secret during a replacement', async () => {
    const { endpoint, path, secret, wallet } = await scene();
    const rotated = await operator.data<{ webhookEndpointRotateSecret: { secret: { secret: string } } }>(
      'mutation ($endpoint: String!) { webhookEndpointRotateSecret(input: { endpoint: $endpoint, overlapHours: 1 }) { secret { secret } } }',
      { endpoint },
    );
    await topUp(wallet);

    const [arrival] = await receiver.received(path, 1);
    if (!arrival) throw new Error('nothing arrived');
    for (const each of [secret, rotated.webhookEndpointRotateSecret.secret.secret]) verified(each, arrival);
  });

  it('waits as long as the receiver asks for', async () => {
    const { path, wallet } = await scene({}, [{ status: 503, headers: { 'retry-after': '2' } }]);
    await topUp(wallet);

    const [first, second] = await receiver.received(path, 2);
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(1_900);
  });

  it('waits if the receiver answers 410, until an operator resumes the endpoint', async () => {
    const { endpoint, path, wallet } = await scene({}, [{ status: 410 }]);
    const { transfer_id } = await topUp(wallet);
    await eventually('it is paused', async () => (await shown(endpoint, 'state'))?.state === 'paused');
    expect(await shown(endpoint, 'pausedBecause waiting parked deliveries { nodes { id failure tries } }')).toEqual({
      pausedBecause: 'gone',
      waiting: '1',
      parked: '0',
      deliveries: { nodes: [{ id: transfer_id, failure: 'status 410', tries: 1 }] },
    });

    await operator.mutate('webhookEndpointResume', { endpoint }, 'endpoint { state }');
    expect((await receiver.received(path, 2)).map(({ id }) => id)).toEqual([transfer_id, transfer_id]);
  });

  it('that is parked is shown to operators and auditors, and released over GraphQL', async () => {
    const { endpoint, path, wallet } = await scene({}, [{ status: 500 }, { status: 500 }]);
    const { transfer_id } = await topUp(wallet);
    // Moves its first attempt a day back.
    await eventually('it is parked', async () => {
      await db.query(
        "update webhook.deliveries set first_try_at = now() - interval '25 hours' where endpoint = $1 and parked_at is null and tries > 0",
        [endpoint],
      );
      return (await shown(endpoint, 'parked'))?.parked === '1' || answers.get(path)?.push({ status: 500 }) === 0;
    });
    answers.set(path, []);
    await gateway.child.complains('webhooks are parked');
    expect(
      await shown(endpoint, 'deliveries(parked: true, first: 5) { nodes { id kind walletId failure parkedAt } }'),
    ).toEqual({
      deliveries: {
        nodes: [
          {
            id: transfer_id,
            kind: 'top_up',
            walletId: wallet,
            failure: 'status 500',
            parkedAt: expect.any(String) as string,
          },
        ],
      },
    });

    const before = receiver.at(path).length;
    const { body } = await operator.mutate('webhookDeliveryRelease', { endpoint, id: transfer_id }, 'released');
    expect(body).toEqual({ data: { webhookDeliveryRelease: { released: '1' } } });
    await receiver.received(path, before + 1);
  });
});

describe('a notice', () => {
  it('of expiring credits and of a low balance is posted like a movement', async () => {
    const { path, secret, asset, wallet } = await scene({ kinds: ['credits.expiring', 'balance.low'] });
    const { body } = await operator.mutate(
      'webhookNoticeSet',
      { assetCode: asset, expiringHours: 24, lowBalance: '10' },
      'rule { assetCode expiringHours lowBalance }',
    );
    expect(body).toEqual({
      data: { webhookNoticeSet: { rule: { assetCode: asset, expiringHours: 24, lowBalance: '10' } } },
    });
    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    await call(db, 'wallet_bonus', { wallet_id: wallet, amount: 12, idem_key: newKey(), expires_at });
    const [expiring] = await receiver.received(path, 1);
    await call(db, 'wallet_spend', { wallet_id: wallet, amount: 3, idem_key: newKey() });
    const [, low] = await receiver.received(path, 2);

    expect(expiring && verified(secret, expiring)).toMatchObject({
      type: 'credits.expiring',
      data: { wallet_id: wallet, asset_code: asset, amount: '12' },
    });
    expect(low && verified(secret, low)).toMatchObject({
      type: 'balance.low',
      data: { wallet_id: wallet, asset_code: asset, balance: '9', low_balance: '10' },
    });
    expect(new Set(receiver.at(path).map(({ id }) => id)).size).toBe(receiver.at(path).length);
  });
});

describe('over GraphQL', () => {
  const ENDPOINT = { endpoint: 'none' };
  const MUTATIONS: [string, Record<string, unknown>, string][] = [
    ['webhookEndpointCreate', { ...ENDPOINT, url: 'ftp://x' }, 'secret { secret }'],
    ['webhookEndpointChange', { ...ENDPOINT, url: 'ftp://x' }, 'endpoint { name }'],
    ['webhookEndpointRotateSecret', ENDPOINT, 'secret { secret }'],
    ['webhookEndpointPause', ENDPOINT, 'endpoint { name }'],
    ['webhookEndpointResume', ENDPOINT, 'endpoint { name }'],
    ['webhookEndpointDelete', ENDPOINT, 'endpoint { name }'],
    ['webhookEndpointReplay', ENDPOINT, 'endpoint { name }'],
    ['webhookDeliveryRelease', ENDPOINT, 'released'],
    ['webhookDeliveryDrop', { ...ENDPOINT, id: '00000000-0000-8000-8000-000000000000' }, 'delivery { id }'],
    ['webhookNoticeSet', { assetCode: 'NONE' }, 'rule { assetCode }'],
  ];

  it.each(['player', 'service', 'operator', 'auditor'] satisfies Role[])(
    'a %s has the rights of the database: operators all, auditors reading',
    async (role) => {
      const caller = gateway.as(role);
      const may = role === 'operator';
      for (const [name, input, payload] of MUTATIONS) {
        const { code } = errorOf(await caller.mutate(name, input, payload)).extensions;
        expect([name, code]).toEqual([name, may ? expect.stringMatching(/NOT_FOUND|INVALID/) : 'FORBIDDEN']);
      }
      for (const query of [
        '{ webhookEndpoints { nodes { name } } }',
        '{ webhookNoticeRules { nodes { assetCode } } }',
      ]) {
        const { body } = await caller.post(query);
        expect(body.errors?.[0]?.extensions.code).toBe(may || role === 'auditor' ? undefined : 'FORBIDDEN');
      }
    },
  );

  it('no query returns a secret: only the mutation that creates it does', () => {
    const schema = readFileSync(`${ROOT}schema.graphql`, 'utf8');
    const types = [...schema.matchAll(/^type (\w+)[^{]*\{([^}]*)\}/gm)].filter(([, , fields = '']) =>
      /^ {2}secret\b/m.test(fields),
    );

    expect(types.map(([, name]) => name).sort()).toEqual([
      'WebhookEndpointCreatePayload',
      'WebhookEndpointRotateSecretPayload',
      'WebhookNewSecret',
    ]);
  });
});

describe('the metrics', () => {
  it('show delivered, failed, waiting and parked webhooks, and the longest wait', async () => {
    const { endpoint, wallet } = await scene({}, Array<Told>(1000).fill({ status: 500 }));
    await topUp(wallet);

    await eventually('they do', async () => {
      const families = parseMetrics(await (await gateway.with(undefined).fetch('/metrics')).text());
      const of = (name: string, labels = {}): number => valueOf(families, `wallet_webhooks_${name}`, labels) ?? -1;
      return (
        of('total', { outcome: 'delivered' }) > 0 &&
        of('total', { outcome: 'failed' }) > 0 &&
        of('waiting', { endpoint }) === 1 &&
        of('parked', { endpoint }) === 0 &&
        of('paused', { endpoint }) === 0 &&
        of('oldest_seconds', { endpoint }) > 0 &&
        of('last_round_seconds') >= 0
      );
    });
    await operator.mutate('webhookEndpointDelete', { endpoint }, 'endpoint { name }');
  });
});
