/** A gateway on three databases: each request is answered by the nodes of its wallets. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { call, newKey, newWallet, refusal } from '../../db/tests/helpers.ts';
import { signToken } from '../dev/sign_token.ts';
import { AUTH, errorOf, type Caller } from '../testing.ts';
import { walletIdOf } from './file.ts';
import { createNodes, haveRanges, NODES, type Name } from './testing_nodes.ts';

const ASSET = 'GOLD';
const { databases, gateway, ownerOn } = createNodes();
const wallets = {} as Record<Name, string>;
const owners = {} as Record<Name, string>;
let operator: Caller;
let service: Caller;

beforeAll(async () => {
  operator = gateway.as('operator');
  service = gateway.as('service');
  await operator.data('mutation { assetCreate(input: { code: "GOLD", name: "Gold" }) { asset { code } } }');
  for (const node of NODES) {
    owners[node] = ownerOn(node, ASSET);
    wallets[node] = walletIdOf(owners[node], ASSET);
    const input = { ownerId: owners[node], assetCode: ASSET };
    const { walletOpen } = await service.data<{ walletOpen: { wallet: { id: string } } }>(
      'mutation ($input: WalletOpenInput!) { walletOpen(input: $input) { wallet { id } } }',
      { input },
    );
    expect(walletOpen.wallet.id).toBe(wallets[node]);
    await service.receipt('walletTopUp', { walletId: wallets[node], amount: '100', idemKey: newKey() });
  }
});

async function entriesOn(node: Name, wallet: string): Promise<number> {
  const { rowCount } = await databases[node].query('select from ledger.entries where wallet_id = $1', [wallet]);
  return rowCount ?? 0;
}

describe('what is about one wallet', () => {
  it('is on its node alone: opened, booked and read there', async () => {
    for (const node of NODES)
      for (const other of NODES) expect(await entriesOn(other, wallets[node])).toBe(other === node ? 1 : 0);
    for (const node of NODES) {
      const { wallet, balance } = await service.data<{ wallet: object; balance: object }>(
        'query ($id: UUID!) { wallet(id: $id) { ownerId balance } balance: walletBalance(walletId: $id) { balance } }',
        { id: wallets[node] },
      );
      expect({ wallet, balance }).toEqual({
        wallet: { ownerId: owners[node], balance: '100' },
        balance: { balance: '100' },
      });
    }
  });

  it('is read there also by documents that come often, which need no plan', async () => {
    const read = 'query Often($id: UUID!) { wallet(id: $id) { ownerId } }';
    for (let round = 0; round < 4; round += 1)
      for (const node of NODES)
        expect(await service.data(read, { id: wallets[node] })).toEqual({ wallet: { ownerId: owners[node] } });
  });

  it('goes together with other calls of that node', async () => {
    const before = await Promise.all(NODES.map((node) => entriesOn(node, wallets[node])));
    const calls = NODES.flatMap((node) =>
      Array.from({ length: 20 }, () =>
        service.receipt('walletTopUp', { walletId: wallets[node], amount: '1', idemKey: newKey() }),
      ),
    );
    const receipts = await Promise.all(calls);

    expect(new Set(receipts.map(({ transferId }) => transferId)).size).toBe(60);
    const after = await Promise.all(NODES.map((node) => entriesOn(node, wallets[node])));
    expect(after.map((count, at) => count - (before[at] ?? 0))).toEqual([20, 20, 20]);
  });

  it('is refused as on one server, by an id that is none, too', async () => {
    const unread = await service.post('query ($id: UUID!) { wallet(id: $id) { id } }', { id: 'none' });
    expect(unread.status).toBe(400);
    const owner = ownerOn('b', ASSET);
    const answer = await service.mutate('walletTopUp', {
      walletId: walletIdOf(owner, ASSET),
      amount: '1',
      idemKey: newKey(),
    });
    expect(errorOf(answer).extensions.code).toBe('WALLET_NOT_FOUND');
  });
});

describe('a transfer', () => {
  it('runs on the node of the sender, which refuses a recipient that it does not have', async () => {
    const near = walletIdOf(ownerOn('b', ASSET), ASSET);
    const owner = ownerOn('b', ASSET);
    await service.mutate('walletOpen', { ownerId: owner, assetCode: ASSET }, 'wallet { id }');
    const send = (toWallet: string) =>
      service.mutate('walletTransfer', { fromWallet: wallets.b, toWallet, amount: '1', idemKey: newKey() });

    expect((await send(walletIdOf(owner, ASSET))).body.errors).toBeUndefined();
    expect(errorOf(await send(near)).extensions).toMatchObject({ code: 'WALLET_NOT_FOUND' });
    expect(errorOf(await send(wallets.a)).extensions).toMatchObject({
      code: 'WRONG_NODE',
      detail: { wallet_id: wallets.a, node: 'a' },
    });
  });
});

describe('a document with fields of several nodes', () => {
  it('is answered field by field, in its order and under its names, with fragments, directives and defaults', async () => {
    const { status, body } = await service.post(
      `query ($a: UUID!, $b: UUID = "${wallets.b}", $c: UUID!, $no: Boolean!) {
         last: wallet(id: $c) { ...Owner }
         ...Others @skip(if: $no)
         ... on Query { first: wallet(id: $a) { ...Owner } }
         none: wallet(id: $b) @skip(if: true) { id }
         middle: wallet(id: $b) { ownerId }
         middle: wallet(id: $b) { id }
         __typename
       }
       fragment Owner on Wallet { ownerId }
       fragment Others on Query { never: wallet(id: $a) { id } }`,
      { a: wallets.a, c: wallets.c, no: true },
    );

    expect({ status, body }).toEqual({
      status: 200,
      body: {
        data: {
          last: { ownerId: owners.c },
          first: { ownerId: owners.a },
          middle: { ownerId: owners.b, id: wallets.b },
          __typename: 'Query',
        },
      },
    });
    expect(Object.keys(body.data ?? {})).toEqual(['last', 'first', 'middle', '__typename']);
  });

  it('has the errors of its fields, each at its place', async () => {
    const unknown = walletIdOf(ownerOn('b', ASSET), ASSET);
    const { body } = await service.post(
      'query ($a: UUID!, $b: UUID!) { a: walletBalance(walletId: $a) { seq } b: walletBalance(walletId: $b) { seq } }',
      { a: wallets.a, b: unknown },
    );

    expect(body.data).toEqual({ a: { seq: expect.stringMatching(/^\d+$/) as string }, b: null });
    expect(body.errors).toMatchObject([{ path: ['b'], extensions: { code: 'WALLET_NOT_FOUND' } }]);
  });

  it('books its mutations one after the other', async () => {
    const topUp = (key: string, node: Name, amount: string) =>
      `${key}: walletTopUp(input: { walletId: "${wallets[node]}", amount: "${amount}", idemKey: "${newKey()}" }) { receipt { balance createdAt } }`;
    const freeze = (key: string, node: Name) =>
      `${key}: walletFreeze(input: { walletId: "${wallets[node]}", reason: "test" }) { wallet { status } }`;
    const spend = (key: string, node: Name) =>
      `${key}: walletSpend(input: { walletId: "${wallets[node]}", amount: "1", idemKey: "${newKey()}" }) { receipt { seq } }`;
    const reopen = (key: string, node: Name) =>
      `${key}: walletReopen(input: { walletId: "${wallets[node]}", reason: "test" }) { wallet { status } }`;
    const { body } = await operator.post(
      `mutation { ${[topUp('x', 'a', '5'), freeze('y', 'b'), topUp('z', 'c', '7'), spend('no', 'b'), reopen('open', 'b'), spend('yes', 'b')].join(' ')} }`,
    );

    expect(body.data).toMatchObject({
      y: { wallet: { status: 'frozen' } },
      no: null,
      open: { wallet: { status: 'open' } },
    });
    expect(body.data?.yes).not.toBeNull();
    expect(body.errors).toMatchObject([{ path: ['no'], extensions: { code: 'WALLET_FROZEN' } }]);
  });

  it('is refused as a whole where its variables cannot be read, and nothing of it is booked', async () => {
    const before = await entriesOn('a', wallets.a);
    const { status, body } = await service.post(
      `mutation ($a: WalletTopUpInput!, $b: WalletTopUpInput!) { a: walletTopUp(input: $a) { receipt { seq } } b: walletTopUp(input: $b) { receipt { seq } } }`,
      {
        a: { walletId: wallets.a, amount: '1', idemKey: newKey() },
        b: { walletId: wallets.b, amount: 'many', idemKey: newKey() },
      },
    );
    expect({ status, data: body.data }).toEqual({ status: 400, data: undefined });
    expect(await entriesOn('a', wallets.a)).toBe(before);
  });
});

describe('what is of no wallet', () => {
  it('is done on all nodes, for assets and their limits', async () => {
    const set = 'mutation { assetLimitSet(input: { assetCode: "GOLD", maxSpend: "1000000" }) { limits { maxSpend } } }';
    await operator.data(set);
    for (const node of NODES) {
      const { rows } = await databases[node].query('select max_spend from ledger.asset_limits where asset_code = $1', [
        ASSET,
      ]);
      expect(rows).toEqual([{ max_spend: '1000000' }]);
    }
    const { assets } = await service.data<{ assets: object }>('{ assets { nodes { code } } }');
    expect(assets).toEqual({ nodes: [{ code: ASSET }] });
  });

  it('needs the name of a node in the header Wallet-Node, where each has its own', async () => {
    const query = JSON.stringify({ query: '{ ledgerEvents(limit: 500) { walletId } }' });
    const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: query };
    expect(errorOf(await service.post('{ ledgerEvents(limit: 500) { walletId } }'))).toMatchObject({
      message: expect.stringContaining('name one of a, b, c in the header Wallet-Node') as string,
      extensions: { code: 'INVALID_ARGUMENT' },
    });
    const eventsOn = async (node: Name): Promise<{ walletId: string }[]> => {
      const response = await service.fetch('/graphql', { ...init, headers: { ...init.headers, 'Wallet-Node': node } });
      return ((await response.json()) as { data: { ledgerEvents: { walletId: string }[] } }).data.ledgerEvents;
    };
    for (const node of NODES) {
      let events = await eventsOn(node);
      // The feed waits for transactions of the whole server, which other tests use too.
      for (let tries = 0; events.length === 0 && tries < 600; tries += 1) {
        await sleep(100);
        events = await eventsOn(node);
      }
      expect(new Set(events.map(({ walletId }) => walletId))).toEqual(new Set([wallets[node]]));
    }
    const unknown = await service.fetch('/graphql', { ...init, headers: { ...init.headers, 'Wallet-Node': 'd' } });
    expect({ status: unknown.status, body: await unknown.json() }).toMatchObject({
      status: 400,
      body: { errors: [{ message: expect.stringContaining('there is no node d') as string }] },
    });
  });
});

describe('downloads', () => {
  it('of a history come from the node of its wallet, and reports from a node that is named', async () => {
    for (const node of NODES) {
      const history = await service.fetch(`/wallets/${wallets[node]}/history.ndjson`);
      expect(history.status).toBe(200);
      expect((await history.text()).trim().split('\n')).toHaveLength(await entriesOn(node, wallets[node]));
    }
    const report = '/reports/trial-balance.csv';
    expect((await operator.fetch(report)).status).toBe(400);
    const named = await operator.fetch(report, { headers: { 'Wallet-Node': 'b' } });
    expect(await named.text()).toContain('GOLD,players');
  });
});

it('GET /readyz is ready', async () => {
  const response = await gateway.with(undefined).fetch('/readyz');
  expect({ status: response.status, body: await response.json() }).toEqual({ status: 200, body: { status: 'ready' } });
});

describe('many calls in one', () => {
  it('walletPostEach is divided among the nodes, and put together in order', async () => {
    const requests = Array.from({ length: 30 }, (_, nth) => ({
      kind: nth % 5 === 4 ? 'spend' : 'top_up',
      walletId: wallets[NODES[(nth * 7) % 3] ?? 'a'],
      amount: nth % 5 === 4 ? '1000000' : String(nth + 1),
      idemKey: newKey(),
    }));
    const { walletPostEach } = await service.data<{
      walletPostEach: {
        clientMutationId: string;
        all: { receipt: object | null; refusal: object | null }[];
      };
    }>(
      `mutation ($input: WalletPostEachInput!) { walletPostEach(input: $input) {
         clientMutationId all: outcomes { receipt { w: walletId amount } refusal { code } } } }`,
      { input: { requests, clientMutationId: 'mine' } },
    );

    expect(walletPostEach.clientMutationId).toBe('mine');
    expect(walletPostEach.all).toEqual(
      requests.map(({ kind, walletId, amount }) =>
        kind === 'spend'
          ? { receipt: null, refusal: { code: 'INSUFFICIENT_FUNDS' } }
          : { receipt: { w: walletId, amount }, refusal: null },
      ),
    );
  });

  it('walletPostEach takes its requests from the document, too', async () => {
    const [x, y] = [newKey(), newKey()];
    const { walletPostEach } = await service.data<{ walletPostEach: object }>(
      `mutation { walletPostEach(input: { requests: [
         { kind: top_up, walletId: "${wallets.c}", amount: "3", idemKey: "${x}", metadata: { order: "1" } },
         { kind: top_up, walletId: "${wallets.a}", amount: "4", idemKey: "${y}" }] }) { outcomes { receipt { walletId amount } refusal { code message detail } } } }`,
    );
    expect(walletPostEach).toMatchObject({
      outcomes: [{ receipt: { walletId: wallets.c, amount: '3' } }, { receipt: { walletId: wallets.a, amount: '4' } }],
    });
    const found = await service.data<{ transferByIdemKey: object }>(
      `{ transferByIdemKey(walletId: "${wallets.c}", idemKey: "${x}") { metadata } }`,
    );
    expect(found.transferByIdemKey).toEqual({ metadata: { order: '1' } });
  });

  it('walletOpenMany opens each wallet on its node', async () => {
    const ownerIds = ['c', 'a', 'b', 'a', 'c'].map((node) => ownerOn(node as Name, ASSET));
    const { walletOpenMany } = await service.data<{ walletOpenMany: object }>(
      'mutation ($input: WalletOpenManyInput!) { walletOpenMany(input: $input) { wallets { id ownerId } } }',
      { input: { ownerIds, assetCode: ASSET } },
    );
    expect(walletOpenMany).toEqual({
      wallets: ownerIds.map((ownerId) => ({ id: walletIdOf(ownerId, ASSET), ownerId })),
    });
  });

  it('walletPostBatch is refused by name over several nodes, and booked on one', async () => {
    const request = (node: Name) => ({ kind: 'top_up', walletId: wallets[node], amount: '1', idemKey: newKey() });
    const post = (...requests: object[]) =>
      service.post(
        'mutation ($input: WalletPostBatchInput!) { walletPostBatch(input: $input) { receipts { amount } } }',
        { input: { requests } },
      );
    const before = await entriesOn('a', wallets.a);
    expect(errorOf(await post(request('a'), request('c')))).toMatchObject({
      message: expect.stringContaining('walletPostBatch are on several nodes: a, c') as string,
      extensions: { code: 'INVALID_ARGUMENT' },
    });
    expect(await entriesOn('a', wallets.a)).toBe(before);
    expect((await post(request('b'), request('b'))).body.data).toEqual({
      walletPostBatch: { receipts: [{ amount: '1' }, { amount: '1' }] },
    });
  });
});

describe('what all nodes answer together', () => {
  it('transfer(id) is found wherever it is', async () => {
    for (const node of NODES) {
      const { transferId } = await service.receipt('walletTopUp', {
        walletId: wallets[node],
        amount: '1',
        idemKey: newKey(),
      });
      const read = 'query ($id: UUID!) { transfer(id: $id) { wallet { id } } }';
      for (let round = 0; round < 3; round += 1)
        expect(await service.data(read, { id: transferId })).toEqual({ transfer: { wallet: { id: wallets[node] } } });
    }
    expect(await service.data('{ transfer(id: "01890000-0000-7000-8000-000000000000") { id } }')).toEqual({
      transfer: null,
    });
  });

  it('the trial balance, balances at instants and activity are the sums of all', async () => {
    const sum = async (column: string, account: string): Promise<string> => {
      let total = 0n;
      for (const node of NODES) {
        const { rows } = await databases[node].query<{ sum: string | null }>(
          `select sum(${column}) from ledger.ledger_trial_balance('${ASSET}') where account::text = $1`,
          [account],
        );
        total += BigInt(rows[0]?.sum ?? 0);
      }
      return String(total);
    };
    const { lines, page, at, activity } = await operator.data<{
      lines: { nodes: { name: string; debit: string; c: string }[] };
      page: { edges: { cursor: string; node: { account: string } }[]; pageInfo: { hasNextPage: boolean } };
      at: { nodes: { account: string; side: string; balance: string; atTime: string }[] };
      activity: { nodes: { kind: string; amount: string; movements: string }[] };
    }>(
      `{ lines: ledgerTrialBalance(assetCode: "GOLD") { nodes { ...Line } }
         page: ledgerTrialBalance(assetCode: "GOLD", first: 1) { edges { cursor node { account } } pageInfo { hasNextPage } }
         at: ledgerBalancesAt(atTimes: ["2100-01-01T00:00:00Z"]) { nodes { account side balance atTime } }
         activity: ledgerActivity(assetCode: "GOLD", fromTime: "2020-01-01T00:00:00Z", toTime: "2099-12-31T00:00:00Z", bucket: "month") {
           nodes { kind amount movements } } }
       fragment Line on TrialBalance { name: account debit c: credit }`,
    );

    const of = (account: string) => lines.nodes.find(({ name }) => name === account);
    expect(of('treasury')).toEqual({
      name: 'treasury',
      debit: await sum('debit', 'treasury'),
      c: await sum('credit', 'treasury'),
    });
    expect(of('players')?.c).toBe(await sum('credit', 'players'));
    expect(new Set(lines.nodes.map(({ name }) => name)).size).toBe(lines.nodes.length);
    const balanced = lines.nodes.reduce((total, { debit, c }) => total + BigInt(debit) - BigInt(c), 0n);
    expect(balanced).toBe(0n);
    expect(page.edges).toHaveLength(1);
    expect(page.pageInfo).toEqual({ hasNextPage: true });
    const next = await operator.data<{ ledgerTrialBalance: { nodes: { account: string }[] } }>(
      `{ ledgerTrialBalance(assetCode: "GOLD", after: "${page.edges[0]?.cursor ?? ''}") { nodes { account } } }`,
    );
    expect([page.edges[0]?.node.account, ...next.ledgerTrialBalance.nodes.map(({ account }) => account)]).toEqual(
      lines.nodes.map(({ name }) => name),
    );
    const treasury = at.nodes.filter(({ account }) => account === 'treasury');
    expect(treasury).toMatchObject([{ side: 'debit', balance: of('treasury')?.debit }]);
    const bought = activity.nodes.filter(({ kind }) => kind === 'top_up');
    expect(bought.reduce((total, { amount }) => total + BigInt(amount), 0n)).toBe(BigInt(of('treasury')?.debit ?? 0));
  });

  it.each([
    ['transfers', 'transfers(first: 4, after: $after)', 'id', 'select id from ledger.transfers', -1],
    ['wallets', 'wallets(first: 4, after: $after)', 'id', 'select id from ledger.wallets', 1],
    [
      'wallets',
      'wallets(first: 4, after: $after, ownerPrefix: "player-")',
      'ownerId',
      'select owner_id as id from ledger.wallets',
      1,
    ],
    [
      'holds',
      'holds(first: 2, after: $after, open: true)',
      'id',
      'select hold_id as id from ledger_private.open_holds',
      0,
    ],
    [
      'operatorActions',
      `operatorActions(first: 1, after: $after, from: "${new Date(Date.now() - 86_400_000).toISOString()}")`,
      'createdAt',
      '',
      -1,
    ],
    ['expiringLots', 'expiringLots(first: 2, after: $after)', 'expiresAt', '', -1],
  ])('%s as %s are merged under one cursor, each row once and in order', async (name, field, shown, sql, direction) => {
    for (const [nth, node] of NODES.entries()) {
      const walletId = wallets[node];
      for (const year of [2090 + nth, 2080 - nth]) {
        const expiresAt = `${year}-01-01T00:00:00Z`;
        await service.receipt('walletHold', { walletId, amount: '1', idemKey: newKey(), expiresAt });
        await service.receipt('walletBonus', { walletId, amount: '1', idemKey: newKey(), expiresAt });
      }
    }
    const rows: { shown: string; wallet?: { id: string } }[] = [];
    let after: string | null = null;
    for (let pages = 0; ; pages += 1) {
      const wallet = name === 'wallets' || name === 'operatorActions' ? '' : 'wallet { id }';
      const data: Record<
        string,
        { of: { at: string; node: { shown: string } }[]; nodes: object[]; p: { end: string; hasNextPage: boolean } }
      > = await operator.data(
        `query ($after: Cursor) { ${name}: ${field} {
             of: edges { at: cursor node { shown: ${shown} ${wallet} } } nodes { __typename } p: pageInfo { end: endCursor hasNextPage } } }`,
        { after },
      );
      const page = data[name];
      if (!page) throw new Error('no page');
      expect(page.nodes).toHaveLength(page.of.length);
      rows.push(...page.of.map(({ node }) => node));
      if (page.of.length > 0) expect(page.of.at(-1)?.at).toEqual(expect.any(String));
      after = page.p.end;
      if (!page.p.hasNextPage) break;
      expect(pages).toBeLessThan(200);
    }

    const values = rows.map((row) => row.shown);
    if (direction !== 0) {
      const sorted = [...values].sort();
      expect(values).toEqual(direction > 0 ? sorted : sorted.reverse());
    }
    if (sql === '') expect(new Set(rows.map(({ wallet }) => wallet?.id)).size).toBe(name === 'expiringLots' ? 3 : 1);
    else {
      const all = await Promise.all(NODES.map((node) => databases[node].query<{ id: string }>(sql)));
      expect([...values].sort()).toEqual(all.flatMap((found) => found.rows.map(({ id }) => id)).sort());
    }
  });

  it('a list is not read backwards, in another order or with a cursor of another list', async () => {
    for (const field of [
      'transfers(last: 1)',
      'wallets(orderBy: PRIMARY_KEY_DESC)',
      'transfers(after: "x")',
      'wallets(before: "x")',
    ])
      expect(errorOf(await operator.post(`{ ${field} { nodes { id } } }`)).extensions.code).toBe('INVALID_ARGUMENT');
  });

  it('what one node refuses, is refused as it is', async () => {
    expect(errorOf(await operator.post('{ transfers(first: 1001) { nodes { id } } }')).extensions.code).toBe(
      'INVALID_ARGUMENT',
    );
    const player = gateway.as('player', owners.b);
    expect(errorOf(await player.post('{ ledgerTrialBalance { nodes { debit } } }')).extensions.code).toBe('FORBIDDEN');
    const own = await player.data<{ wallets: { nodes: object[] } }>('{ wallets { nodes { ownerId } } }');
    expect(own.wallets.nodes).toEqual([{ ownerId: owners.b }]);
  });
});

describe('while a node is away', () => {
  const other = createNodes({ c: 'postgres://nobody@127.0.0.1:1/nowhere' });

  it('its wallets alone are refused, with RETRY; all others are served, also by a gateway that starts meanwhile', async () => {
    const asked = other.gateway.as('operator');
    const created = await asked.post(
      'mutation { assetCreate(input: { code: "GOLD", name: "Gold" }) { asset { code } } }',
    );
    expect(errorOf(created).extensions.code).toBe('RETRY');
    const open = (node: Name) =>
      asked.mutate('walletOpen', { ownerId: owners[node], assetCode: ASSET }, 'wallet { id }');
    for (const node of ['a', 'b'] as const)
      expect((await open(node)).body.data).toEqual({ walletOpen: { wallet: { id: wallets[node] } } });
    expect(errorOf(await open('c')).extensions.code).toBe('RETRY');
    const { body } = await asked.post(
      'query ($a: UUID!, $c: UUID!) { a: wallet(id: $a) { id } c: wallet(id: $c) { id } assets { nodes { code } } }',
      { a: wallets.a, c: wallets.c },
    );
    expect(body.data).toEqual({ a: { id: wallets.a }, c: null, assets: { nodes: [{ code: ASSET }] } });
    expect(body.errors).toMatchObject([{ path: ['c'], extensions: { code: 'RETRY' } }]);
    expect((await other.gateway.with(undefined).fetch('/readyz')).status).toBe(200);
  });

  it('lists have the rows of the others, and name it; sums are refused', async () => {
    const asked = other.gateway.as('operator');
    const { body } = await asked.post('{ wallets { nodes { id } } }');
    expect(body.data).toEqual({ wallets: { nodes: [wallets.a, wallets.b].sort().map((id) => ({ id })) } });
    expect(body.errors).toMatchObject([
      {
        message: expect.stringContaining('without node c') as string,
        path: ['wallets'],
        extensions: { code: 'RETRY' },
      },
    ]);
    const sums = await asked.post('{ ledgerTrialBalance { nodes { debit } } }');
    expect({ data: sums.body.data, code: errorOf(sums).extensions.code }).toEqual({
      data: { ledgerTrialBalance: null },
      code: 'RETRY',
    });
  });

  it('walletPostEach books the calls of the others, and says RETRY for its own', async () => {
    const request = (node: Name) => ({ kind: 'top_up', walletId: wallets[node], amount: '1', idemKey: newKey() });
    const answer = await other.gateway.as('service').post(
      `mutation ($input: WalletPostEachInput!) { walletPostEach(input: $input) {
         outcomes { receipt { walletId } refusal { why: code message } } } }`,
      { input: { requests: [request('c'), request('a'), request('b')] } },
    );
    expect(answer.body).toEqual({
      data: {
        walletPostEach: {
          outcomes: [
            { receipt: null, refusal: { why: 'RETRY', message: 'retry: node c does not answer' } },
            { receipt: { walletId: wallets.a }, refusal: null },
            { receipt: { walletId: wallets.b }, refusal: null },
          ],
        },
      },
    });
  });
});

describe('a call for a wallet of another node (WRONG_NODE)', () => {
  it('is refused by the database: it opens none, and names the node', async () => {
    const open = call(databases.a, 'wallet_open', { owner_id: owners.b, asset_code: ASSET });
    expect(await refusal(open)).toMatchObject({ code: 'WLNOD', detail: { wallet_id: wallets.b, node: 'b' } });
    expect(await entriesOn('a', wallets.b)).toBe(0);
  });
});

describe('ranges that move', () => {
  const other = createNodes();

  it('are served by their new node once the file says so', async () => {
    const asked = other.gateway.as('operator');
    await asked.data('mutation { assetCreate(input: { code: "GOLD", name: "Gold" }) { asset { code } } }');
    const open = () => asked.mutate('walletOpen', { ownerId: owners.a, assetCode: ASSET }, 'wallet { id }');
    await open();
    // As after a move, in which the rows come along.
    await haveRanges(other.databases.b, 'b', { b: [0, 42], c: [43, 63] });
    await newWallet(other.databases.b, ASSET, { owner: owners.a, bought: 77 });
    other.write({ a: '', b: '0-42', c: '43-63' });
    for (let tries = 0; ; tries += 1) {
      const { wallet } = await asked.data<{ wallet: { balance: string } }>(
        'query ($id: UUID!) { wallet(id: $id) { balance } }',
        { id: wallets.a },
      );
      if (wallet.balance === '77') break;
      if (tries > 600) throw new Error('the file is not read again');
      await sleep(100);
    }
  });
});

describe('a subscription', () => {
  it('is of the node of its wallet', async () => {
    const authorization = `Bearer ${await signToken(AUTH, { role: 'operator', sub: 'kim' })}`;
    const client = createClient({
      url: `${gateway.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization },
    });
    for (const node of NODES) {
      const query = `subscription { walletChanged(walletId: "${wallets[node]}") { wallet { ownerId seq } } }`;
      const events = client.iterate<{ walletChanged: { wallet: { ownerId: string; seq: string } } }>({ query });
      const next = async () =>
        ((await events.next()).value as { data: { walletChanged: { wallet: { ownerId: string; seq: string } } } }).data
          .walletChanged.wallet;
      const first = await next();
      expect(first.ownerId).toBe(owners[node]);
      await service.receipt('walletTopUp', { walletId: wallets[node], amount: '1', idemKey: newKey() });
      for (let seq = first.seq; BigInt(seq) <= BigInt(first.seq);) ({ seq } = await next());
      await events.return?.();
    }
    await client.dispose();
  });
});
