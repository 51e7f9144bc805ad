import pg from 'pg';
import { createDatabase } from '../../db/tests/helpers.ts';
import { type Caller, createGateway, errorOf, Gateway } from '../testing.ts';

const LIMIT = 12;
const ASSETS = '{ assets(first: 1) { nodes { code } } }';

async function statuses(callers: Caller[], count: number): Promise<number[]> {
  const turns = Array.from({ length: count }, (_, nth) =>
    callers.slice(nth % callers.length, (nth % callers.length) + 1),
  );
  const answers = await Promise.all(turns.flat().map((caller) => caller.post(ASSETS)));
  return answers.map(({ status }) => status);
}
const times = (status: number, seen: number[]): number => seen.filter((one) => one === status).length;

describe('with a limit, of two processes,', () => {
  // Hooks run in the order in which they are registered.
  afterAll(() => Promise.all(gateways.map((gateway) => gateway.stop())));
  const db = createDatabase();
  const env = { RATE_LIMIT_PER_MINUTE: String(LIMIT) };
  const gateways = [new Gateway(db, env), new Gateway(db, env)];
  beforeAll(async () => {
    // One after the other: both migrate.
    for (const gateway of gateways) await gateway.start();
  }, 60_000);
  const both = (sub: string, role: 'service' | 'player' = 'service') =>
    gateways.map((gateway) => gateway.as(role, sub));
  const [first] = gateways as [Gateway];

  it('one caller shares it between both, and another caller is not affected', async () => {
    const seen = await statuses(both('shop'), 4 * LIMIT);

    expect([times(200, seen), times(429, seen)]).toEqual([LIMIT, 3 * LIMIT]);
    expect(await statuses(both('other shop'), 2)).toEqual([200, 200]);
    // A caller is the role and the subject.
    expect(await statuses(both('shop', 'player'), 2)).toEqual([200, 200]);
  });

  it('a new token is not a new allowance, and downloads count too', async () => {
    await statuses(both('reader'), LIMIT);

    const answers = [
      await first.as('service', 'reader').post(ASSETS),
      await first.as('service', 'reader').fetch('/wallets/x/history.csv'),
    ];

    expect(answers.map(({ status }) => status)).toEqual([429, 429]);
  });

  it('a refused caller is told when to try again (RATE_LIMITED)', async () => {
    const caller = first.as('service', 'patient');
    const headersOf = (response: Response) =>
      ['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-policy'].map((name) => response.headers.get(name));
    const early = await caller.fetch('/wallets/x/history.csv');
    await statuses([caller], LIMIT);
    const late = await caller.fetch('/wallets/x/history.csv');
    const body = (await late.json()) as { errors: [] };

    expect([early.status, ...headersOf(early)]).toEqual([400, '12', '11', '12;w=60']);
    expect([late.status, ...headersOf(late)]).toEqual([429, '12', '0', '12;w=60']);
    expect(errorOf({ status: 429, body }).extensions.code).toBe('RATE_LIMITED');
    for (const name of ['retry-after', 'ratelimit-reset']) {
      expect(Number(late.headers.get(name))).toBeGreaterThanOrEqual(1);
      expect(Number(late.headers.get(name))).toBeLessThanOrEqual(60);
    }
  });

  it('health checks and invalid tokens are not counted', async () => {
    for (let nth = 0; nth <= LIMIT; nth += 1) {
      expect((await fetch(`${first.url}/readyz`)).status).toBe(200);
      expect((await first.with('bad').post(ASSETS)).status).toBe(401);
    }
  });

  it('a refused caller costs no query, and the table does not reveal subjects', async () => {
    await statuses(both('flood'), 2 * LIMIT);
    const points = async () =>
      (await db.query<{ points: number }>('select sum(points)::int as points from gateway.rate_limits')).rows[0]
        ?.points;
    const before = await points();

    expect(times(429, await statuses(both('flood'), 50))).toBe(50);

    expect(await points()).toBe(before);
    const { rows } = await db.query<{ key: string }>('select key from gateway.rate_limits');
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.filter(({ key }) => !/^[0-9a-f]{64}$/.test(key))).toEqual([]);
  });

  it('a caller can call again after its window', async () => {
    const caller = first.as('service', 'later');
    await caller.post(ASSETS);
    await db.query('update gateway.rate_limits set points = $1, expire = 1', [LIMIT]);

    expect((await caller.post(ASSETS)).status).toBe(200);

    const { rows } = await db.query('select points from gateway.rate_limits where expire > 1');
    expect(rows).toEqual([{ points: 1 }]);
  });

  it('without the database, each process counts alone and logs it once; calls are answered', async () => {
    const lock = await db.connect();
    await lock.query('begin; lock table gateway.rate_limits in access exclusive mode');

    const seen = await statuses([first.as('service', 'blind')], 2 * LIMIT);

    await lock.query('rollback');
    expect([times(200, seen), times(429, seen)]).toEqual([LIMIT, LIMIT]);
    const alone = 'rate limits: this process counts for itself';
    const said = await first.child.complains(alone);
    expect(said.filter(({ msg }) => msg === alone)).toHaveLength(1);
  });
});

describe('without a limit', () => {
  const gateway = createGateway();

  it('nothing is counted, and no connection is opened for it', async () => {
    const service = gateway.as('service');
    expect(times(200, await statuses([service], 60))).toBe(60);
    const response = await service.fetch('/wallets/x/history.csv');

    expect(response.headers.has('ratelimit-limit')).toBe(false);
    const { rows } = await gateway.db.query(
      `select from gateway.rate_limits
       union all
       select from pg_stat_activity where datname = current_database() and application_name = 'wallet-limits'`,
    );
    expect(rows).toEqual([]);
  });
});

describe('the table of the limits', () => {
  const db = createDatabase();

  it('belongs to the gateway alone, and is unlogged', async () => {
    const { rows: kind } = await db.query(
      "select relpersistence from pg_class where oid = 'gateway.rate_limits'::regclass",
    );
    const { rows: allowed } = await db.query<{ name: string }>(
      `select rolname as name from pg_roles
       where rolname like 'wallet%' and has_schema_privilege(rolname, 'gateway', 'usage')
         and has_table_privilege(rolname, 'gateway.rate_limits', 'select, insert, update, delete, truncate')
       order by 1`,
    );

    expect(kind).toEqual([{ relpersistence: 'u' }]);
    expect(allowed.map(({ name }) => name)).toEqual(['wallet_gateway', 'wallet_owner']);
    const session: pg.Client = await db.connectLogin('wallet_gateway');
    await expect(session.query('create table gateway.more ()')).rejects.toMatchObject({ code: '42501' });
    await expect(session.query('truncate gateway.rate_limits')).rejects.toMatchObject({ code: '42501' });
  });
});
