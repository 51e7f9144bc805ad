/** Replaces processes under load, with a client that checks readiness as load balancers do. */
import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDatabase, newAsset, newWallet } from '../db/tests/helpers.ts';
import { signToken } from './dev/sign_token.ts';
import { AUTH, type Env, Gateway } from './testing.ts';

const PROCESSES = 2;
const CLIENTS = 6;
/** Each process must answer at least so many requests before it stops and after it started. */
const SOME = 40;
/** A constant load: a process that starts needs some CPU time. */
const PAUSE_MS = 15;
const PROBE_MS = 100;
/** Long enough for fifty probes, so that at least one comes in time on a slow machine. */
const GRACE_MS = 5_000;
const LIMIT_MS = 300_000;
const WAIT_MS = 60_000;

interface Reply {
  status: number;
  body: string;
}

/** A process as seen by the client. */
class Backend {
  isReady = false;
  answered = 0;
  probes = 0;
  readonly gateway: Gateway;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #probe = new AbortController();

  constructor(gateway: Gateway) {
    this.gateway = gateway;
  }

  send(method: string, path: string, headers: Record<string, string> = {}, body = ''): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const sent = request(`${this.gateway.url}${path}`, { method, headers, agent: this.#agent }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => (text += part));
        answer.on('end', () => {
          resolve({ status: answer.statusCode ?? 0, body: text });
        });
        answer.on('error', reject);
      });
      sent.on('error', reject).end(body);
    });
  }

  async watch(everyMs: number): Promise<void> {
    while (!this.#probe.signal.aborted) {
      const answer = await this.send('GET', '/readyz').catch(() => undefined);
      this.isReady = answer?.status === 200;
      this.probes += 1;
      await sleep(everyMs, undefined, { signal: this.#probe.signal }).catch(() => undefined);
    }
    this.#agent.destroy();
  }

  forget(): void {
    this.#probe.abort();
  }
}

/** Spreads postings over the ready processes, each sent once, and records the outcomes. */
class Load {
  readonly acknowledged: string[] = [];
  readonly failures: string[] = [];
  #backends: Backend[] = [];
  #turn = 0;
  #ended = false;
  #running: Promise<unknown> | undefined;

  add(backend: Backend): void {
    this.#backends.push(backend);
    void backend.watch(PROBE_MS);
  }

  remove(backend: Backend): void {
    backend.forget();
    this.#backends = this.#backends.filter((other) => other !== backend);
  }

  async start(walletIds: string[]): Promise<void> {
    const token = await signToken(AUTH, { role: 'service', sub: 'shop' });
    this.#running = Promise.all(walletIds.map((walletId) => this.#post(walletId, token)));
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#running;
    for (const backend of this.#backends) backend.forget();
  }

  #next(): Backend | undefined {
    const ready = this.#backends.filter(({ isReady }) => isReady);
    this.#turn += 1;
    return ready[this.#turn % ready.length];
  }

  async #post(walletId: string, token: string): Promise<void> {
    const query = 'mutation ($input: WalletTopUpInput!) { walletTopUp(input: $input) { receipt { seq replayed } } }';
    while (!this.#ended) {
      const backend = this.#next();
      if (!backend) {
        this.failures.push('nothing was ready');
        await sleep(PROBE_MS);
        continue;
      }
      const idemKey = randomUUID();
      const body = JSON.stringify({ query, variables: { input: { walletId, amount: '1', idemKey } } });
      const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` };
      try {
        const answer = await backend.send('POST', '/graphql', headers, body);
        backend.answered += 1;
        if (answer.status === 200 && answer.body.includes('"replayed":false')) this.acknowledged.push(idemKey);
        else this.failures.push(`${answer.status} ${answer.body}`);
      } catch (error) {
        this.failures.push((error as { code?: string }).code ?? String(error));
      }
      await sleep(PAUSE_MS);
    }
  }
}

async function until(what: string, isTrue: () => boolean): Promise<void> {
  for (const deadline = Date.now() + WAIT_MS; !isTrue(); await sleep(20)) {
    if (Date.now() > deadline) throw new Error(`It never came to this: ${what}`);
  }
}

describe('a rolling restart under load', () => {
  const db = createDatabase();
  const started: Gateway[] = [];
  let under: Load | undefined;
  /** In all tests together. */
  let acknowledged = 0;
  afterEach(async () => {
    await under?.end();
    await Promise.all(started.splice(0).map((gateway) => gateway.stop()));
  });

  async function start(env: Env): Promise<Backend> {
    const gateway = new Gateway(db, env);
    started.push(gateway);
    await gateway.start();
    return new Backend(gateway);
  }

  /** Replaces each of `count` processes in turn; without `looks` the client stops checking readiness. */
  async function roll(count: number, env: Env, looks = true): Promise<{ load: Load; codes: (number | null)[] }> {
    const load = new Load();
    under = load;
    const backends: Backend[] = [];
    const join = async () => {
      const backend = await start(env);
      load.add(backend);
      await until('a new process is ready', () => backend.isReady);
      return backend;
    };
    while (backends.length < count) backends.push(await join());
    const asset = await newAsset(db);
    await load.start(await Promise.all(Array.from({ length: CLIENTS }, () => newWallet(db, asset))));
    const codes: (number | null)[] = [];
    for (const old of backends) {
      const young = await join();
      await until('both answer', () => Math.min(old.answered, young.answered) >= SOME);
      // Right after a probe, so that the client notices as late as possible.
      const { probes } = old;
      await until('the client has looked', () => old.probes > probes);
      if (!looks) old.forget();
      old.gateway.child.signal('SIGTERM');
      codes.push(await old.gateway.child.exited);
      if (looks) await until('the client has seen that it is gone', () => !old.isReady);
      else await until('the client was refused', () => load.failures.includes('ECONNREFUSED'));
      load.remove(old);
    }
    const before = load.acknowledged.length;
    await until('the new ones answer alone', () => load.acknowledged.length >= before + SOME);
    await load.end();
    return { load, codes };
  }

  it.each([
    [PROCESSES, 1],
    [1, 2],
  ])(
    'fails no request, and has every posting in the ledger once: %i, of so many processes that serve: %i',
    async (count, workers) => {
      const { load, codes } = await roll(count, { DRAIN_GRACE_MS: String(GRACE_MS), GATEWAY_WORKERS: String(workers) });

      expect(load.failures).toEqual([]);
      expect(codes).toEqual(Array(count).fill(0));
      const { rows } = await db.query<{ key: string }>(
        "select idem_key as key from ledger.transfers where actor = 'service:shop'",
      );
      const keys = new Set(rows.map(({ key }) => key));
      expect(load.acknowledged.filter((key) => !keys.has(key))).toEqual([]);
      acknowledged += load.acknowledged.length;
      expect(rows).toHaveLength(acknowledged);
    },
    LIMIT_MS,
  );

  it(
    'loses requests without the grace period: the client has not noticed yet',
    async () => {
      const { load } = await roll(1, { DRAIN_GRACE_MS: '0' }, false);

      expect(load.failures).toContain('ECONNREFUSED');
    },
    LIMIT_MS,
  );
});
