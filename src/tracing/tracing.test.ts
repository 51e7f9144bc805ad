import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDatabase, newKey, newWallet, someAsset, UNKNOWN_WALLET } from '../../db/tests/helpers.ts';
import { Gateway, linesOfLog, toWaiting } from '../testing.ts';

interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  attributes: { key: string; value: Record<string, unknown> }[];
  status: { code?: number; message?: string };
  events: unknown[];
}

interface Batch {
  resourceSpans: { resource: { attributes: Span['attributes'] }; scopeSpans: { spans: Span[] }[] }[];
}

const SERVER = 2;
const CLIENT = 3;
const ERROR = 2;
const START_MS = 120_000;
const SPEND = 'mutation ($input: WalletSpendInput!) { walletSpend(input: $input) { receipt { seq } } }';

/** A collector of OTLP over HTTP. */
class Collector {
  readonly bodies: string[] = [];
  readonly #server: Server;
  status = 200;

  constructor() {
    this.#server = createServer((req, res) => {
      let body = '';
      req.setEncoding('utf8').on('data', (text: string) => (body += text));
      req.on('end', () => {
        if (this.status === 200) this.bodies.push(`${req.url ?? ''} ${body}`);
        res.writeHead(this.status, { 'Content-Type': 'application/json' }).end('{}');
      });
    });
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  get batches(): Batch[] {
    return this.bodies.map((body) => JSON.parse(body.slice('/v1/traces '.length)) as Batch);
  }

  get spans(): Span[] {
    return this.batches.flatMap(({ resourceSpans }) =>
      resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
    );
  }

  async trace(id: string): Promise<Span[]> {
    for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(50)) {
      const spans = this.spans.filter(({ traceId }) => traceId === id);
      if (spans.some(({ kind }) => kind === SERVER)) return spans;
    }
    throw new Error(`No trace ${id} in: ${this.bodies.join('\n')}`);
  }
}

const attribute = ({ attributes }: Span, name: string): unknown =>
  Object.values(attributes.find(({ key }) => key === name)?.value ?? {})[0];

const newTrace = (): { id: string; parent: string; header: string } => {
  const [id, parent] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
  return { id, parent, header: `00-${id}-${parent}-01` };
};

describe('with OTEL_EXPORTER_OTLP_ENDPOINT', () => {
  const db = createDatabase();
  const collector = new Collector();
  let gateway: Gateway;

  beforeAll(async () => {
    gateway = new Gateway(db, { OTEL_EXPORTER_OTLP_ENDPOINT: await collector.listen() });
    await gateway.start();
  }, START_MS);
  afterAll(async () => {
    await gateway.stop();
    collector.close();
  });

  function post(
    query: string,
    variables: object,
    headers: Record<string, string>,
    path = '/graphql',
  ): Promise<Response> {
    return gateway.as('service', 'shop').fetch(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify({ query, variables }),
    });
  }

  it("the request and the statement of a mutation are spans of the caller's trace, which the log line names", async () => {
    const trace = newTrace();
    const input = { walletId: await newWallet(db, await someAsset(db), { bought: 5 }), amount: '1', idemKey: newKey() };

    const response = await post(SPEND, { input }, { traceparent: trace.header, 'X-Request-Id': trace.id });

    expect(response.status).toBe(200);
    const spans = await collector.trace(trace.id);
    const request = spans.find(({ kind }) => kind === SERVER);
    const statement = spans.find((span) => attribute(span, 'db.query.text') !== undefined);
    if (!request || !statement) throw new Error(JSON.stringify(spans));
    expect(request).toMatchObject({ name: 'POST /graphql walletSpend', parentSpanId: trace.parent });
    expect(attribute(request, 'http.response.status_code')).toBe(200);
    expect(statement).toMatchObject({ kind: CLIENT, parentSpanId: request.spanId });
    expect(attribute(statement, 'db.system.name')).toBe('postgresql');
    expect(attribute(statement, 'db.query.text')).toMatch(/"ledger"\."wallet_spend"\(\$1/);
    expect(spans.filter((span) => attribute(span, 'db.query.text') !== undefined)).toHaveLength(1);
    const [{ resource } = { resource: { attributes: [] } }] = collector.batches.flatMap(
      ({ resourceSpans }) => resourceSpans,
    );
    expect(resource.attributes).toContainEqual({ key: 'service.name', value: { stringValue: 'wallet-service' } });
    const [line] = await gateway.child.prints(new RegExp(`^.*"request_id":"${trace.id}".*$`, 'm'));
    expect(JSON.parse(line)).toMatchObject({ trace_id: trace.id, operation: 'walletSpend' });
  });

  it('grouped calls each have a span in their own trace, which names the group', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 50 });
    const traces = Array.from({ length: 4 }, newTrace);
    const call = ({ header }: { header: string }): Promise<Response> =>
      post(SPEND, { input: { walletId, amount: '1', idemKey: newKey() } }, { traceparent: header });
    const inFlight = async (): Promise<number> => {
      const metrics = await (await gateway.with(undefined).fetch('/metrics')).text();
      return Number(/^http_requests_in_flight (\d+)$/m.exec(metrics)?.[1]);
    };
    const [alone, ...others] = traces as [(typeof traces)[0], ...typeof traces];

    const holder = await db.connect();
    await holder.query('begin');
    await holder.query('select from ledger.wallets where id = $1 for update', [walletId]);
    const calls = [call(alone)];
    await toWaiting(db, 'abs');
    calls.push(...others.map(call));
    while ((await inFlight()) < 3) await toWaiting(db, 'abs');
    await holder.query('rollback');
    await Promise.all(calls);

    const groups: unknown[] = [];
    for (const { id } of others) {
      const spans = await collector.trace(id);
      const request = spans.find(({ kind }) => kind === SERVER);
      const [span] = spans.filter((one) => attribute(one, 'wallet.group.id') !== undefined);
      if (!span) continue;
      expect(span).toMatchObject({ kind: CLIENT, parentSpanId: request?.spanId });
      expect(attribute(span, 'db.query.text')).toContain('"ledger"."wallet_post_each"(');
      groups.push(
        `${String(attribute(span, 'wallet.group.id'))} ${String(attribute(span, 'db.operation.batch.size'))}`,
      );
    }
    // A call without others in flight is sent alone.
    expect(groups.length).toBeGreaterThan(1);
    expect(new Set(groups).size).toBeLessThan(groups.length);
  });

  it('a refusal is an error with its SQLSTATE', async () => {
    const trace = newTrace();
    const input = { walletId: UNKNOWN_WALLET, amount: '1', idemKey: newKey() };

    await post(SPEND, { input }, { traceparent: trace.header });

    const statement = (await collector.trace(trace.id)).find((span) => attribute(span, 'db.query.text') !== undefined);
    expect(statement?.status).toEqual({ code: ERROR });
    expect(statement && attribute(statement, 'error.type')).toBe('WLNOW');
  });

  it("a download's statements are spans too", async () => {
    const trace = newTrace();
    const walletId = await newWallet(db, await someAsset(db), { bought: 5 });

    const response = await gateway
      .as('service')
      .fetch(`/wallets/${walletId}/history.csv`, { headers: { traceparent: trace.header } });
    await response.text();

    const texts = (await collector.trace(trace.id)).map((span) => attribute(span, 'db.query.text'));
    expect(texts).toContain('select from ledger.wallets where id = $1');
  });

  it("a caller's decision not to sample is followed", async () => {
    const [skipped, kept] = [newTrace(), newTrace()];

    await post('{ assets { nodes { code } } }', {}, { traceparent: skipped.header.replace(/01$/, '00') });
    await post('{ assets { nodes { code } } }', {}, { traceparent: kept.header });

    await collector.trace(kept.id);
    expect(collector.spans.filter(({ traceId }) => traceId === skipped.id)).toEqual([]);
  });

  it('spans contain no values of a caller: no token, variable, query string or error text', async () => {
    const canary = `canary${randomUUID().replaceAll('-', '')}`;
    const walletId = await newWallet(db, await someAsset(db), { bought: 5 });
    const traces = [newTrace(), newTrace(), newTrace(), newTrace()];
    const [first, second, third, fourth] = traces.map(({ header }) => ({ traceparent: header }));
    const input = { walletId, amount: '1', idemKey: canary, metadata: { secret: canary } };

    await post(SPEND, { input }, { ...first });
    await post(
      SPEND,
      { input: { ...input, walletId: UNKNOWN_WALLET } },
      { ...second },
      `/graphql?token=${canary}&${canary}=1`,
    );
    await post(`{ walletId(ownerId: "${canary}", assetCode: "${canary}") }`, {}, { ...third });
    await gateway
      .with(`${canary}.${canary}.${canary}`)
      .fetch(`/wallets/${walletId}/history.csv?q=${canary}`, { headers: { ...fourth } });

    for (const { id } of traces) await collector.trace(id);
    expect(collector.bodies.join('\n')).not.toContain(canary);
  });

  it('only requests are traced: not the worker, health checks or metrics', async () => {
    for (const path of ['/healthz', '/readyz', '/metrics']) await gateway.with(undefined).fetch(path);
    const last = newTrace();
    await post('{ __typename }', {}, { traceparent: last.header });
    await collector.trace(last.id);

    const roots = collector.spans.filter(({ kind }) => kind === SERVER);
    expect(
      roots.map((span) => attribute(span, 'url.path')).filter((path) => !/^\/(graphql|wallets)/.test(String(path))),
    ).toEqual([]);
    const traced = new Set(roots.map(({ traceId }) => traceId));
    expect(collector.spans.filter(({ traceId }) => !traced.has(traceId))).toEqual([]);
  });

  it('the service continues and logs if the collector fails, and sends the last spans before it exits', async () => {
    collector.status = 400;
    const lost = newTrace();
    await post('{ __typename }', {}, { traceparent: lost.header });
    for (const deadline = Date.now() + 60_000; !gateway.child.stderr.includes('"tracing"'); await sleep(50))
      if (Date.now() > deadline) throw new Error('It says nothing');
    collector.status = 200;
    const last = newTrace();
    await post('{ __typename }', {}, { traceparent: last.header });

    expect(await gateway.stop()).toBe(0);

    await collector.trace(last.id);
    expect(linesOfLog(gateway.child.stderr)).toContainEqual(
      expect.objectContaining({ level: 'warn', msg: 'tracing', error: expect.stringContaining('400') as string }),
    );
  });
});

describe('without it', () => {
  const db = createDatabase();

  it(
    'nothing is sent, and only the interface of OpenTelemetry is loaded',
    async () => {
      // Only OTEL_EXPORTER_OTLP_ENDPOINT enables tracing.
      const collector = new Collector();
      const url = await collector.listen();
      const gateway = new Gateway(db, {
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${url}/v1/traces`,
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(
          `import { registerHooks } from 'node:module';
           registerHooks({ load(url, context, next) {
             const name = /node_modules\\/@opentelemetry\\/([\\w-]+)/.exec(url)?.[1];
             if (name) process.stderr.write('loaded ' + name + '\\n');
             return next(url, context);
           } })`,
        )}`,
      });
      await gateway.start();
      try {
        const response = await gateway.as('service').post('{ assets { nodes { code } } }');
        expect(response.status).toBe(200);
        const loaded = [...gateway.child.stderr.matchAll(/^loaded (\S+)$/gm)].map(([, name]) => name);
        expect([...new Set(loaded)]).toEqual(['api']);
      } finally {
        await gateway.stop();
        collector.close();
      }
      expect(collector.bodies).toEqual([]);
    },
    START_MS,
  );
});
