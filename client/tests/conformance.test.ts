/**
 * Any client of the service, in any language: whatever becomes of its requests, each key is booked once, and the books are those of a
 * client to whom nothing happened. CONFORMANCE_PROGRAM names one more: a command line, split at blanks.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { call, callAll, expectSound, newAsset, newOwner, newWallet } from '../../db/tests/helpers.ts';
import { signToken } from '../../src/dev/sign_token.ts';
import { AUTH, createGateway, execute, ROOT } from '../../src/testing.ts';
import { Program, type ProgramCommand } from '../conformance/program.ts';
import { Proxy } from '../conformance/proxy.ts';
import { SCENARIOS, type SomeReceipt } from '../conformance/scenarios.ts';

const BUILD_MS = 300_000;
const python = has('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 9))']);
const go = has('go', ['version']);
const given = process.env.CONFORMANCE_PROGRAM;

/** Each says what it needs where it cannot run here. */
const CLIENTS: { name: string; runs: boolean; program: (what: string) => readonly string[]; isOurs: boolean }[] = [
  {
    name: 'TypeScript',
    runs: true,
    program: (what) => [process.execPath, join(ROOT, `examples/typescript/${what}.ts`)],
    isOurs: true,
  },
  {
    name: python ? 'Python' : 'Python: skipped, there is no python3',
    runs: python,
    program: (what) => ['python3', '-B', join(ROOT, `examples/python/${what}.py`)],
    isOurs: true,
  },
  { name: go ? 'Go' : 'Go: skipped, there is no go', runs: go, program: (what) => [buildGo(what)], isOurs: true },
  ...(given === undefined ? [] : [{ name: given, runs: true, program: () => given.split(' '), isOurs: false }]),
];

const gateway = createGateway();
const { db } = gateway;
const proxy = new Proxy(() => gateway.url);
let folder = '';
let asset = '';
let token = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wallet-conformance-'));
  await proxy.listen();
  asset = await newAsset(db);
  token = await signToken(AUTH, { role: 'operator', sub: 'conformance' });
});
afterAll(async () => {
  await proxy.close();
  rmSync(folder, { recursive: true, force: true });
});

function has(file: string, args: string[]): boolean {
  try {
    execFileSync(file, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The program of that folder, built where nothing of the checkout is. */
function buildGo(what: string): string {
  const program = join(folder, what);
  const env = {
    ...process.env,
    GOCACHE: join(folder, 'go-cache'),
    GOPATH: join(folder, 'go'),
    GOFLAGS: '-mod=mod',
  };
  execFileSync('go', ['build', '-o', program, `./${what}`], { cwd: join(ROOT, 'examples/go'), env });
  return program;
}

/** An address where nothing listens. */
async function nowhere(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}`;
}

/** How often each of these keys is in the books. */
async function timesBooked(keys: readonly string[]): Promise<Record<string, number>> {
  const { rows } = await db.query<{ key: string; times: number }>(
    `select k.key, (select count(*)::int from ledger.transfers t join ledger.wallets w on w.id = t.wallet_id
       where t.idem_key = k.key and w.asset_code = $2) as times
     from unnest($1::text[]) k (key)`,
    [keys, asset],
  );
  return Object.fromEntries(rows.map(({ key, times }) => [key, times]));
}

describe.each(CLIENTS)('a client in $name', ({ runs, program: programOf, isOurs }) => {
  const test = runs ? it : it.skip;
  let line: readonly string[] = [];
  let program: Program;
  const started: Program[] = [];
  const start = (): Program => {
    const one = new Program(line, { url: proxy.url, token });
    started.push(one);
    return one;
  };

  beforeAll(() => {
    if (!runs) return;
    line = programOf('conformance');
    program = start();
  }, BUILD_MS);
  afterAll(() => {
    for (const one of started) one.stop();
  });

  test.each(SCENARIOS)('books once where $name', async ({ faults, command: asked, expect: judge, tries, balance }) => {
    const owner = newOwner();
    const wallet = await newWallet(db, asset, { owner, bought: 100 });
    const keyOf = (key: string): string => `${owner} ${key}`;
    const whole: ProgramCommand = {
      ...asked,
      owner,
      asset,
      ...(asked.key !== undefined && { key: keyOf(asked.key) }),
      ...(asked.requests && { requests: asked.requests.map((one) => ({ ...one, owner, asset, key: keyOf(one.key) })) }),
    };
    const keys = whole.requests?.map(({ key }) => key) ?? [whole.key ?? ''];
    proxy.plan(faults);

    const result = await program.does(whole);

    judge(result);
    const { seen } = proxy;
    expect(seen.length).toBeGreaterThanOrEqual(tries ?? faults.length + 1);
    // Each try is the same, and none comes before the service asked for it.
    expect([...new Set(seen.map(({ body }) => body))]).toHaveLength(1);
    expect(seen.every(({ authorization }) => authorization === `Bearer ${token}`)).toBe(true);
    for (const [place, { notBefore }] of seen.entries())
      expect(seen[place + 1]?.at ?? Infinity).toBeGreaterThanOrEqual(notBefore);
    await proxy.release();
    const times = await timesBooked(keys);
    for (const key of keys) {
      const isRefused = result.refused !== undefined || (key.endsWith(' two') && asked.do === 'post_each');
      expect([key, times[key]]).toEqual([key, isRefused ? 0 : 1]);
    }
    expect(await call(db, 'wallet_balance', { wallet_id: wallet })).toMatchObject({ balance });
  });

  (isOurs ? test : it.skip)(
    'prints in its example what is recorded of it',
    async () => {
      const [file = '', ...args] = programOf('shop');
      await call<object>(db, 'asset_create', { code: 'GOLD', name: 'Gold Coins' });
      const env = { WALLET_URL: gateway.url, WALLET_TOKEN: await signToken(AUTH, { role: 'service', sub: 'shop' }) };

      const { code, stdout, stderr } = await execute(file, args, { env });

      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      // Of the second client that does it, each call has been booked before: it prints the same.
      expect(stdout).toBe(readFileSync(join(ROOT, 'examples/shop.txt'), 'utf8'));
    },
    BUILD_MS,
  );

  test('says that the outcome is unknown where no answer comes, and finds out with the same key', async () => {
    const owner = newOwner();
    await newWallet(db, asset, { owner, bought: 100 });
    const key = `${owner} order`;
    const spend: ProgramCommand = { do: 'spend', owner, asset, amount: '30', key };
    proxy.plan([], 1);

    const unknown = await program.does({ ...spend, deadline: 2 });
    proxy.plan([]);
    const again = await program.does(spend);

    expect(unknown).toEqual({ unknown: { keys: [key], sent: true } });
    expect(again).toMatchObject({ done: { balance: '70', replayed: true } });
    expect(await timesBooked([key])).toEqual({ [key]: 1 });
  });

  test('says that nothing was sent where nobody is there', async () => {
    const key = 'never booked';
    const spend: ProgramCommand = { do: 'spend', owner: 'nobody', asset, amount: '30', key };

    const result = await program.does({ ...spend, url: await nowhere(), deadline: 2 });

    expect(result).toEqual({ unknown: { keys: [key], sent: false } });
  });

  test('books once what two programs send with the same keys at once', async () => {
    const owner = newOwner();
    await newWallet(db, asset, { owner, bought: 100 });
    const other = start();
    const keys = Array.from({ length: 8 }, (_, number) => `${owner} ${number}`);
    proxy.plan(['duplicated', undefined, 'dropped after booking', undefined, 'RETRY after booking', 'cut off']);

    const receipts = await Promise.all(
      [program, other].map(async (one) => {
        const all: SomeReceipt[] = [];
        for (const key of keys) {
          const { done } = await one.does({ do: 'spend', owner, asset, amount: '3', key });
          all.push(done as SomeReceipt);
        }
        return all;
      }),
    );

    const [one = [], two = []] = receipts.map((all) => all.map(({ transferId, balance }) => ({ transferId, balance })));
    expect(one).toEqual(two);
    expect(one.map(({ balance }) => balance)).toEqual(['97', '94', '91', '88', '85', '82', '79', '76']);
    expect(await timesBooked(keys)).toEqual(Object.fromEntries(keys.map((key) => [key, 1])));
  });

  test('leaves the books as if nothing had happened where every third answer is dropped', async () => {
    const [owner, friend] = [newOwner(), newOwner()];
    const twins = [newOwner(), newOwner()];
    proxy.plan([], 3);
    const asked = (name: string, more: Partial<ProgramCommand> = {}): Promise<SomeReceipt> =>
      program.does({ do: name, owner, asset, ...more }).then(({ done, ...other }) => {
        if (!done) throw new Error(JSON.stringify(other));
        return done as SomeReceipt;
      });

    for (const one of [owner, friend]) await asked('open', { owner: one });
    for (let round = 0; round < 5; round += 1) {
      const key = (what: string): string => `${what}-${round}`;
      const metadata = { round };
      await asked('top_up', { amount: '100', key: key('top-up'), metadata });
      await asked('bonus', { amount: '20', key: key('bonus'), expiresAt: '2999-01-01T00:00:00Z' });
      const { transferId } = await asked('spend', { amount: '30', key: key('spend'), metadata });
      await asked('transfer', { to: friend, amount: '15', key: key('transfer') });
      const first = await asked('hold', { amount: '25', key: key('hold') });
      await asked('capture', { holdId: first.holdId ?? '', amount: '10', key: key('capture') });
      const second = await asked('hold', { amount: '5', key: key('hold-again') });
      await asked('release', { holdId: second.holdId ?? '', key: key('release') });
      await asked('reverse', { transferId, amount: '7', key: key('reverse') });
    }
    const dropped = proxy.seen.filter(({ fault }) => fault).length;
    const { done: history } = await program.does({ do: 'history', owner, asset, pageSize: 7 });

    // The same by SQL, for others.
    const [twin = '', other = ''] = await Promise.all(twins.map((one) => newWallet(db, asset, { owner: one })));
    const post = (name: string, args: Record<string, unknown>) => call(db, `wallet_${name}`, args);
    for (let round = 0; round < 5; round += 1) {
      const idem_key = (what: string): string => `${what}-${round}`;
      const of = { wallet_id: twin };
      const metadata = { round };
      await post('top_up', { ...of, amount: 100, idem_key: idem_key('top-up'), metadata });
      await post('bonus', { ...of, amount: 20, idem_key: idem_key('bonus'), expires_at: '2999-01-01T00:00:00Z' });
      const { transfer_id } = await post('spend', { ...of, amount: 30, idem_key: idem_key('spend'), metadata });
      await post('transfer', { from_wallet: twin, to_wallet: other, amount: 15, idem_key: idem_key('transfer') });
      const first = await post('hold', { ...of, amount: 25, idem_key: idem_key('hold') });
      await post('capture', { ...of, hold_id: first.hold_id, idem_key: idem_key('capture'), amount: 10 });
      const second = await post('hold', { ...of, amount: 5, idem_key: idem_key('hold-again') });
      await post('release', { ...of, hold_id: second.hold_id, idem_key: idem_key('release') });
      await post('reverse', { ...of, transfer_id, idem_key: idem_key('reverse'), amount: 7 });
    }

    expect(dropped).toBeGreaterThanOrEqual(20);
    const [mine, friends] = await Promise.all([owner, friend].map(linesOf));
    expect([mine, friends]).toEqual(await Promise.all(twins.map(linesOf)));
    expect(mine).toHaveLength(45);
    expect((history as { seq: string }[]).map(({ seq }) => seq)).toEqual(mine?.map(({ seq }) => seq));
    await expectSound(db);
  });
});

/** The history of an owner's wallet, without what is another one in each. */
async function linesOf(owner: string): Promise<Record<string, unknown>[]> {
  const { wallet_id } = await call<{ wallet_id: string }>(db, 'wallet_id', { owner_id: owner, asset_code: asset });
  const lines = await callAll<Record<string, unknown>>(db, 'wallet_history', { wallet_id });
  return lines.map((line) => {
    const isPlayer = String(line.counterparty).length === 36;
    const own = { transfer_id: '', created_at: '', actor: '' };
    return { ...line, ...own, ...(isPlayer && { counterparty: 'a player' }) };
  });
}
