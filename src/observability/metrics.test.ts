import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { newKey, newWallet, someAsset, UNKNOWN_WALLET } from '../../db/tests/helpers.ts';
import { registryOf } from './ledger_metrics.ts';
import { labelsUpTo } from './metrics.ts';
import { createGateway, linesOfLog } from '../testing.ts';
import { parseMetrics, seriesOf, valueOf, type Family } from './testing_metrics.ts';

const gateway = createGateway({ POOL_SIZE: '10' });
const { db } = gateway;
const service = gateway.as('service', 'shop');

const SPEND = 'mutation ($input: WalletSpendInput!) { walletSpend(input: $input) { receipt { seq } } }';

async function scrape(): Promise<Map<string, Family>> {
  const response = await gateway.with(undefined).fetch('/metrics');
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  return parseMetrics(await response.text());
}

async function eventually(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 60_000; !(await isSo());)
    if (Date.now() > deadline) throw new Error(`Never: ${what}`);
}

/** The number of requests; 0 if the series does not exist. */
const countOf = (families: Map<string, Family>, route: string, operation: string, outcome: string): number =>
  valueOf(families, 'http_request_duration_seconds_count', { route, operation, outcome }) ?? 0;

describe('GET /metrics', () => {
  it('counts requests by route, field and outcome, and refusals by code', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 10 });
    const before = await scrape();

    await service.receipt('walletSpend', { walletId, amount: '1', idemKey: newKey() });
    await service.receipt('walletSpend', { walletId, amount: '1', idemKey: newKey() });
    await service.post(SPEND, { input: { walletId, amount: '100', idemKey: newKey() } });
    await service.post(`mutation Named { a: walletSpend(input: {walletId: "${UNKNOWN_WALLET}", amount: 1, idemKey: "k"}) { receipt { seq } }
      b: walletTopUp(input: {walletId: "${walletId}", amount: 0, idemKey: "k"}) { receipt { seq } } }`);
    await service.post('{');
    await service.fetch(`/wallets/${walletId}/history.csv`).then((response) => response.text());
    await gateway.with(undefined).post('{ __typename }');
    await service.fetch('/nothing');

    const rose = (families: Map<string, Family>): Record<string, number> => {
      const risen: Record<string, number> = {};
      for (const [key, count] of families.get('http_request_duration_seconds')?.series ?? []) {
        const [, route = '', operation = '', outcome = ''] =
          /^http_request_duration_seconds_count\{route="(.*)",operation="(.*)",outcome="(.*)"\}$/.exec(key) ?? [];
        const more = count - countOf(before, route, operation, outcome);
        if (route !== '' && more > 0) risen[`${route} ${operation} ${outcome}`] = more;
      }
      return risen;
    };
    const expected = {
      '/graphql walletSpend ok': 2,
      '/graphql walletSpend INSUFFICIENT_FUNDS': 1,
      '/graphql mutation several': 1,
      '/graphql graphql BAD_REQUEST': 1,
      '/graphql graphql UNAUTHENTICATED': 1,
      '/wallets/:id/history.csv history.csv ok': 1,
      'other other NOT_FOUND': 1,
    };
    // A request is counted shortly after its answer.
    let after = await scrape();
    const counted = () => Object.values(rose(after)).reduce((sum, count) => sum + count, 0);
    await eventually('all are counted', async () => ((after = await scrape()), counted() === 8));
    expect(rose(after)).toEqual(expected);
    const refusals = (code: string): number =>
      (valueOf(after, 'wallet_refusals_total', { code }) ?? 0) -
      (valueOf(before, 'wallet_refusals_total', { code }) ?? 0);
    expect(refusals('INSUFFICIENT_FUNDS')).toBe(1);
    expect(refusals('WALLET_NOT_FOUND')).toBe(1);
    expect(refusals('INVALID_AMOUNT')).toBe(1);
    expect(refusals('UNAUTHENTICATED')).toBe(1);
    expect(valueOf(after, 'http_requests_in_flight')).toBe(0);
  });

  it('shows each pool, the event loop and the process', async () => {
    await service.data('{ __typename }');

    const families = await scrape();

    for (const [pool, most] of [
      ['wallet-gateway', 8],
      ['wallet-history', 2],
      ['wallet-worker', 5],
      ['wallet-poller', 2],
      ['wallet-webhooks', 4],
      ['wallet-listener', 1],
      ['wallet-metrics', 1],
    ] as const) {
      expect(valueOf(families, 'db_pool_max', { pool })).toBe(most);
      const [size, idle, waiting] = ['size', 'idle', 'waiting'].map((what) =>
        valueOf(families, `db_pool_${what}`, { pool }),
      );
      expect(size).toBeLessThanOrEqual(most);
      expect(idle).toBeLessThanOrEqual(size ?? -1);
      expect(waiting).toBe(0);
    }
    expect(valueOf(families, 'nodejs_eventloop_lag_p99_seconds')).toBeGreaterThan(0);
    expect(valueOf(families, 'process_resident_memory_bytes')).toBeGreaterThan(1e6);
    expect(valueOf(families, 'log_lines_dropped_total')).toBe(0);
  });

  it('has no additional series for a thousand names, paths and codes of a hostile client', async () => {
    const name = (): string => `n${randomUUID().replaceAll('-', '')}`;
    const send: (() => Promise<unknown>)[] = [
      () => service.post(`query ${name()} { __typename }`),
      () => service.post(`{ ${name()}: __typename ${name()}: __typename }`),
      () => service.post(`query ${name()} { ${name()} }`),
      () => service.post(`fragment ${name()} on Query { __typename }`),
      () => service.post(`{ wallet(id: "${name()}") { id } }`),
      () => service.fetch(`/${name()}`, { method: 'DELETE' }),
      () => service.fetch(`/wallets/${name()}/history.csv`),
      () => service.fetch(`/wallets/${randomUUID()}/${name()}`),
      () => service.fetch(`/graphql/${name()}?${name()}=1`),
      () => gateway.with(name()).fetch('/graphql', { headers: { 'X-Request-Id': name(), traceparent: name() } }),
    ];
    await Promise.all(send.map((each) => each()));
    const settled = async (): Promise<Map<string, Family>> => {
      let families = await scrape();
      await eventually(
        'all are answered',
        async () => valueOf((families = await scrape()), 'http_requests_in_flight') === 0,
      );
      return families;
    };
    const ours = (families: Map<string, Family>): string[] =>
      seriesOf(families).filter((key) => /^(http|wallet_refusals)/.test(key));
    const before = ours(await settled());

    for (let round = 0; round < 10; round += 1)
      await Promise.all(Array.from({ length: 10 }, () => send.map((each) => each())).flat());

    expect(ours(await settled())).toEqual(before);
  });

  // Must come last: it replaces the ledger's own function.
  it('does not wait for a database that hangs, asks it once, and serves calls meanwhile', async () => {
    const answering = (query: string): Promise<unknown> =>
      db.query(`drop function if exists ledger.ledger_metrics();
        create function ledger.ledger_metrics() returns table (name text, labels jsonb, value numeric) language sql
          as $$ ${query} $$;
        grant execute on function ledger.ledger_metrics() to public;
        grant usage on schema ledger to wallet_gateway`);
    const asking = async (): Promise<number | undefined> => {
      const { rows } = await db.query<{ count: number }>(
        `select count(*)::int from pg_stat_activity
         where application_name = 'wallet-metrics' and datname = current_database() and state = 'active'`,
      );
      return rows[0]?.count;
    };
    const silent = 'the database does not tell its metrics';
    const silences = () => linesOfLog(gateway.child.stderr).filter(({ msg }) => msg === silent).length;
    await eventually('it answers', async () => valueOf(await scrape(), 'wallet_database_up') === 1);
    const before = silences();
    await answering("select 'test', '{}'::jsonb, 1 from pg_sleep(60)");
    // The previous answer is reused for a while.
    await eventually('it is asked, and hangs', async () => {
      void scrape();
      await sleep(100);
      return (await asking()) === 1;
    });
    const started = performance.now();
    const scrapes = await Promise.all(Array.from({ length: 20 }, scrape));

    // Two seconds in parallel; forty in sequence.
    expect(performance.now() - started).toBeLessThan(40_000);
    for (const families of scrapes) {
      expect(valueOf(families, 'wallet_database_up')).toBe(0);
      expect(seriesOf(families).filter((key) => key.startsWith('ledger_'))).toEqual([]);
      expect(valueOf(families, 'process_resident_memory_bytes')).toBeGreaterThan(0);
    }
    expect(await asking()).toBeLessThanOrEqual(1);
    await service.data('{ __typename }');

    await answering("select 'test', '{}'::jsonb, 1");
    await eventually('it answers again', async () => (await sleep(100), valueOf(await scrape(), 'ledger_test')) === 1);
    await gateway.child.complains(silent);
    expect(silences()).toBe(before + 1);
  });
});

describe('labelsUpTo', () => {
  it('distinguishes a number of names, and calls the rest other', () => {
    const label = labelsUpTo(2);

    expect(['a', 'b', 'c', 'a', 'b'].map(label)).toEqual(['a', 'b', 'other', 'a', 'b']);
  });

  it.each(['', 'a b', 'é', 'x'.repeat(61), '"'])('does not keep an invalid name: %j', (name) => {
    expect(labelsUpTo(2)(name)).toBe('other');
  });
});

describe('registryOf', () => {
  it('makes counters of names in _total and gauges of the rest, and leaves out unknown values', async () => {
    const registry = registryOf([
      { name: 'a_total', labels: { kind: 'spend' }, value: 2 },
      { name: 'a_total', labels: { kind: 'top_up' }, value: 3 },
      { name: 'b_seconds', labels: null, value: -1.5 },
      { name: 'c_seconds', labels: {}, value: null },
    ]);

    const families = parseMetrics(await registry.metrics());

    expect([...families].map(([name, { type }]) => [name, type])).toEqual([
      ['ledger_a_total', 'counter'],
      ['ledger_b_seconds', 'gauge'],
    ]);
    expect(seriesOf(families)).toEqual([
      'ledger_a_total{kind="spend"}',
      'ledger_a_total{kind="top_up"}',
      'ledger_b_seconds{}',
    ]);
    expect(valueOf(families, 'ledger_b_seconds')).toBe(-1.5);
  });
});

describe('parseMetrics', () => {
  const head = '# HELP a x\n# TYPE a gauge\n';
  const histogram = '# HELP h x\n# TYPE h histogram\n';

  it.each([
    ['a sample without a type', 'a 1\n'],
    ['a type without help', '# TYPE a gauge\na 1\n'],
    ['a last line without an end', `${head}a 1`],
    ['a label without quotes', `${head}a{b=1} 1\n`],
    ['a line break in a label', `${head}a{b="\n"} 1\n`],
    ['a value that is no number', `${head}a one\n`],
    ['a series twice', `${head}a 1\na 2\n`],
    ['a family twice', `${head}a 1\n${head}a 2\n`],
    ['a sample of another family', `${head}b 1\n`],
    ['a histogram that goes down', `${histogram}h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n`],
    ['a histogram whose count is another', `${histogram}h_bucket{le="+Inf"} 1\nh_sum 1\nh_count 2\n`],
  ])('refuses %s', (_what, text) => {
    expect(() => parseMetrics(text)).toThrow();
  });
});
