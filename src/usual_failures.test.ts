/**
 * The usual failures of wallets behind an ORM and a pool under load, retries and bad input. Each test is named after the failure that it
 * excludes.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  BAD_AMOUNTS,
  call,
  callAll,
  expectSound,
  type Finding,
  newAsset,
  newKey,
  newOwner,
  newWallet,
  postBatch,
  refusal,
  REHASH,
  rowsOf,
  rulesOf,
  someAsset,
  tamperedWith,
} from '../db/tests/helpers.ts';
import { createGateway, errorOf, execute, type GraphqlReceipt, ROOT } from './testing.ts';

const gateway = createGateway({ POOL_SIZE: '10' });
const { db } = gateway;
const service = gateway.as('service', 'shop');
const SLOW_MS = 60_000;
const times = <T>(count: number, make: (nth: number) => T): T[] => Array.from({ length: count }, (_, nth) => make(nth));

describe('no deadlock of the pool with itself', () => {
  it(
    '40 spends of 1 coin at once through 10 connections are all answered as booked, and the next call is too',
    async () => {
      const walletId = await newWallet(db, await someAsset(db), { bought: 40 });

      const answers = await Promise.all(
        times(40, () => service.mutate('walletSpend', { walletId, amount: '1', idemKey: newKey() })),
      );

      const receipts = answers.map(({ body }) => (body.data?.walletSpend as { receipt: GraphqlReceipt }).receipt);
      expect(new Set(receipts.map(({ balance }) => balance)).size).toBe(40);
      expect(await rowsOf(db, walletId)).toEqual({ transfers: 41, entries: 41 });
      expect(errorOf(await service.mutate('walletSpend', { walletId, amount: '1', idemKey: newKey() }))).toMatchObject({
        extensions: { code: 'INSUFFICIENT_FUNDS', detail: { available: '0' } },
      });
      expect((await service.fetch('/readyz')).status).toBe(200);
    },
    SLOW_MS,
  );

  it('no failed spend is booked', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 30 });

    const answers = await Promise.all(
      times(40, async () => {
        const idemKey = newKey();
        const { body } = await service.mutate('walletSpend', { walletId, amount: '1', idemKey });
        return { idemKey, booked: body.errors === undefined };
      }),
    );

    const { rows } = await db.query<{ idem_key: string }>(
      "select idem_key from ledger.transfers where wallet_id = $1 and kind = 'spend'",
      [walletId],
    );
    const booked = answers.filter((answer) => answer.booked).map(({ idemKey }) => idemKey);
    expect(booked).toHaveLength(30);
    expect(rows.map(({ idem_key }) => idem_key).sort()).toEqual(booked.sort());
  });
});

describe('no duplicate is answered with an error of the database', () => {
  it('4 concurrent requests with one key have the same receipt, and no text of SQL', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 10 });
    const input = { walletId, amount: '3', idemKey: newKey() };

    const answers = await Promise.all(times(4, () => service.mutate('walletSpend', input)));

    const receipts = answers.map(({ body }) => (body.data?.walletSpend as { receipt: GraphqlReceipt }).receipt);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(receipts.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(new Set(receipts.map((receipt) => JSON.stringify({ ...receipt, replayed: null }))).size).toBe(1);
    expect(JSON.stringify(answers)).not.toMatch(/duplicate key|constraint|insert into|select /i);
    expect(await rowsOf(db, walletId)).toEqual({ transfers: 2, entries: 2 });
  });
});

describe('no key answers for another request', () => {
  it("one of a top-up of A is new to B's spend, which is refused for B's funds (INSUFFICIENT_FUNDS)", async () => {
    const [a, b] = [await newWallet(db, await someAsset(db)), await newWallet(db, await someAsset(db))];
    const idemKey = newKey();
    await service.receipt('walletTopUp', { walletId: a, amount: '100', idemKey });

    const refused = await service.mutate('walletSpend', { walletId: b, amount: '999999', idemKey });

    expect(errorOf(refused).extensions).toMatchObject({ code: 'INSUFFICIENT_FUNDS', detail: { available: '0' } });
    expect(refused.body.data).toEqual({ walletSpend: null });
    expect(await rowsOf(db, b)).toEqual({ transfers: 0, entries: 0 });
  });

  it('one of a top-up is refused for a spend of the same wallet (IDEMPOTENCY_KEY_REUSED)', async () => {
    const walletId = await newWallet(db, await someAsset(db));
    const input = { walletId, amount: '100', idemKey: newKey() };
    await service.receipt('walletTopUp', input);

    const refused = await service.mutate('walletSpend', input);

    expect(errorOf(refused).extensions).toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
      detail: { field: 'kind', first: 'top_up', again: 'spend' },
    });
    expect(await call(db, 'wallet_balance', { wallet_id: walletId })).toMatchObject({ balance: '100', seq: '1' });
  });
});

describe('no balance of before in the reply', () => {
  it('a top-up of 100 on 799 answers 899', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 799 });

    const receipt = await service.receipt('walletTopUp', { walletId, amount: '100', idemKey: newKey() });

    expect(receipt).toMatchObject({ balance: '899', available: '899' });
    expect(await service.data(`{ wallet(id: "${walletId}") { balance } }`)).toEqual({ wallet: { balance: '899' } });
  });
});

describe('no amount that is not a number', () => {
  it.each(['abc', 'NaN', 'Infinity', '1e400', '0x10', ''])(
    '%j is refused, nothing is stored, and the wallet can be used',
    async (amount) => {
      const walletId = await newWallet(db, await someAsset(db), { bought: 5 });

      const refused = await service.mutate('walletTopUp', { walletId, amount, idemKey: newKey() });

      expect(errorOf(refused).extensions.code).toMatch(/^INVALID_(AMOUNT|ARGUMENT)$/);
      expect(await rowsOf(db, walletId)).toEqual({ transfers: 1, entries: 1 });
      expect(await service.receipt('walletSpend', { walletId, amount: '5', idemKey: newKey() })).toMatchObject({
        balance: '0',
      });
    },
  );

  it.each(BAD_AMOUNTS)('%j is refused in SQL too, where NaN is no bigint (22P02)', async (amount) => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const topUp = (value: unknown) => call(db, 'wallet_top_up', { wallet_id, amount: value, idem_key: newKey() });

    expect((await refusal(topUp(amount))).code).toBe('WLAMT');
    expect((await refusal(topUp('NaN'))).code).toBe('22P02');
    expect(await rowsOf(db, wallet_id)).toEqual({ transfers: 0, entries: 0 });
  });
});

describe('no row lost by a restart', () => {
  // `npm start` and its embedded PostgreSQL: start.test.ts, "keeps the rows and the secret when it starts again".
  it(
    'the commands of the compose file keep every row, however often they run',
    async () => {
      const walletId = await newWallet(db, await newAsset(db), { bought: 20 });
      const rows = () =>
        db.query(`select t::text from ledger.transfers t union all select e::text from ledger.entries e
          union all select w::text from ledger.wallets w union all select v::text from ledger.wallet_events v order by 1`);
      const before = (await rows()).rows;

      const prepared = await execute(process.execPath, ['src/commands/prepare.ts'], { env: { DATABASE_URL: db.url } });
      await gateway.stop();
      await gateway.start();

      expect(prepared).toMatchObject({ code: 0 });
      expect(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8')).toContain("['node', 'src/commands/prepare.ts']");
      expect((await rows()).rows).toEqual(before);
      expect(await service.receipt('walletSpend', { walletId, amount: '1', idemKey: newKey() })).toMatchObject({
        balance: '19',
      });
    },
    SLOW_MS,
  );
});

describe('no lock that all spends of an asset share', () => {
  it("a spend succeeds while another wallet of the asset and the asset's row are locked", async () => {
    const asset = await newAsset(db);
    const [busy, idle] = [await newWallet(db, asset, { bought: 5 }), await newWallet(db, asset, { bought: 5 })];
    const holder = await db.connect();
    await holder.query('begin');
    await call(holder, 'wallet_spend', { wallet_id: busy, amount: 1, idem_key: newKey() });
    await holder.query('select from ledger.assets where code = $1 for update', [asset]);

    const receipt = await service.receipt('walletSpend', { walletId: idle, amount: '2', idemKey: newKey() });

    const { rows: open } = await db.query(
      "select from pg_stat_activity where pid = $1 and state = 'idle in transaction'",
      [(holder as typeof holder & { processID: number }).processID],
    );
    expect(open).toHaveLength(1);
    expect(receipt).toMatchObject({ balance: '3' });
    await holder.query('rollback');
  });
});

describe('no second treasury of an asset', () => {
  it('8 concurrent creations of an asset make one, and 8 first top-ups one row of its treasury', async () => {
    const code = `T${newKey().slice(-8)}`;
    await Promise.all(times(8, () => call(db, 'asset_create', { code, name: 'For a test' })));
    await Promise.all(times(8, () => newWallet(db, code, { bought: 5 })));

    expect((await db.query('select from ledger.assets where code = $1', [code])).rowCount).toBe(1);
    const treasury = (
      await callAll<{ account: string; debit: string }>(db, 'ledger_trial_balance', { asset_code: code })
    ).filter(({ account }) => account === 'treasury');
    expect(treasury).toMatchObject([{ debit: '40', credit: '0' }]);
  });

  it('a manually inserted row of its totals is found', async () => {
    const asset = await newAsset(db);
    await newWallet(db, asset, { bought: 5 });
    await callAll(db, 'ledger_seal', {});
    const forge = `insert into ledger.house_totals
      select (jsonb_populate_record(t, jsonb_build_object('quarter', t.quarter + interval '15 minutes'))).* from ledger.house_totals t
      where t.asset_code = '${asset}' and t.debit = 'treasury'`;

    const findings = await tamperedWith<Finding[]>(db, forge, (look) => look());

    expect(rulesOf(findings)).toContain('house_total');
  });
});

describe('no amount that loses digits', () => {
  it('a balance above 2^53 keeps its digits, in receipts, queries and downloads', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    await postBatch(
      db,
      times(10, (nth) => ({ kind: 'top_up', wallet_id, amount: '1000000000000000', idem_key: `item ${nth}` })),
    );

    const receipt = await service.receipt('walletTopUp', { walletId: wallet_id, amount: '1', idemKey: newKey() });

    const exact = '10000000000000001';
    expect(BigInt(Number(exact))).not.toBe(BigInt(exact));
    expect(receipt.balance).toBe(exact);
    expect(
      await service.data(`{ wallet(id: "${wallet_id}") { balance entries(first: 1) { nodes { balance } } } }`),
    ).toEqual({ wallet: { balance: exact, entries: { nodes: [{ balance: exact }] } } });
    expect(await (await service.fetch(`/wallets/${wallet_id}/history.ndjson`)).text()).toContain(`"${exact}"`);
  });
});

describe('no balance that is a sum over the history', () => {
  it.each([1, 500])('reading it after %i entries reads one', async (entries) => {
    const wallet_id = await newWallet(db, await someAsset(db));
    await postBatch(
      db,
      times(entries, (nth) => ({ kind: 'top_up', wallet_id, amount: 2, idem_key: `item ${nth}` })),
    );
    const reader = await db.connect();
    await reader.query('begin');

    const { balance } = await call<{ balance: string }>(reader, 'wallet_balance', { wallet_id });

    const { rows } = await reader.query<{ read: number }>(
      `select (coalesce(idx_tup_fetch, 0) + seq_tup_read)::int as read from pg_stat_xact_user_tables
       where schemaname = 'ledger' and relname = 'entries'`,
    );
    await reader.query('rollback');
    expect(balance).toBe(String(2 * entries));
    expect(rows).toEqual([{ read: 1 }]);
  });
});

describe('no interface without a lock', () => {
  it.each([
    [
      'a mutation',
      '/graphql',
      'mutation { walletTopUp(input: {walletId: "%", amount: "1", idemKey: "k"}) { receipt { balance } } }',
    ],
    ['a query', '/graphql', '{ wallet(id: "%") { balance } }'],
    ['a download', '/wallets/%/history.csv', undefined],
  ])('%s without a token is 401, and does nothing', async (_what, path, query) => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 1 });

    const response = await gateway.with(undefined).fetch(path.replace('%', walletId), {
      ...(query && { method: 'POST', body: JSON.stringify({ query: query.replace('%', walletId) }) }),
      headers: { 'Content-Type': 'application/json' },
    });

    expect(response.status).toBe(401);
    expect(await response.text()).not.toContain('balance');
    expect(await rowsOf(db, walletId)).toEqual({ transfers: 1, entries: 1 });
  });
});

describe('no row lost or doubled between pages', () => {
  it('entries of the same instant come once each, in the order of booking', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { owner: newOwner() });
    const client = await db.connect();
    await client.query('begin');
    await postBatch(
      client,
      times(10, (nth) => ({ kind: 'top_up', wallet_id, amount: nth + 1, idem_key: `item ${nth}` })),
    );
    // Entries normally have different instants: the test sets equal ones.
    await client.query('set local session_replication_role = replica');
    await client.query('update ledger.entries set created_at = now() where wallet_id = $1', [wallet_id]);
    await client.query(REHASH);
    await client.query('commit');
    interface Page {
      nodes: { seq: string; createdAt: string }[];
      pageInfo: { hasNextPage: boolean; endCursor: string };
    }

    const seen: Page['nodes'] = [];
    for (let after: string | null = null, more = true; more;) {
      const { wallet }: { wallet: { entries: Page } } = await service.data(
        `query ($after: Cursor) { wallet(id: "${wallet_id}") { entries(first: 3, after: $after) {
          nodes { seq createdAt } pageInfo { hasNextPage endCursor } } } }`,
        { after },
      );
      seen.push(...wallet.entries.nodes);
      more = wallet.entries.pageInfo.hasNextPage;
      after = wallet.entries.pageInfo.endCursor;
    }

    expect(new Set(seen.map(({ createdAt }) => createdAt)).size).toBe(1);
    expect(seen.map(({ seq }) => Number(seq))).toEqual(times(10, (nth) => 10 - nth));
  });
});

// docs_links.test.ts checks that names and links in README and docs exist.
describe('no tests that do not run', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const testFiles = ['db', 'src', 'bench', 'ops']
    .flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)),
    )
    // The link beside the migrations leads to db/ a second time.
    .filter((path) => path.endsWith('.test.ts') && !path.includes('/fixtures/'));

  it('npm test runs every test file', () => {
    const config = readFileSync(join(ROOT, 'jest.config.js'), 'utf8');
    const folders = [...config.matchAll(/'<rootDir>\/([\w/]+)\/\*\*\/\*\.test\.ts'/g)].map(
      ([, folder = '']) => `${folder}/`,
    );

    expect(scripts.test).toContain('jest/bin/jest.js');
    expect(testFiles.length).toBeGreaterThan(50);
    expect(testFiles.filter((path) => !folders.some((folder) => path.startsWith(folder)))).toEqual([]);
    const empty = testFiles.filter(
      (path) => !/^\s*(it|test)(\.each|\()|\bit\(/m.test(readFileSync(join(ROOT, path), 'utf8')),
    );
    expect(empty).toEqual([]);
  });
});

describe('after all of that', () => {
  it('the ledger is sound', async () => {
    expect(await callAll(db, 'ledger_verify', {})).toEqual([]);
    await expectSound(db);
  });
});
