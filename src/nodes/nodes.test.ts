/** A gateway on three databases: each request is answered by the nodes of its wallets. */
import { newKey } from '../../db/tests/helpers.ts';
import { errorOf, type Caller } from '../testing.ts';
import { walletIdOf } from './file.ts';
import { createNodes, NODES, type Name } from './testing_nodes.ts';

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
    for (const node of NODES) {
      const response = await service.fetch('/graphql', { ...init, headers: { ...init.headers, 'Wallet-Node': node } });
      const { data } = (await response.json()) as { data: { ledgerEvents: { walletId: string }[] } };
      expect(new Set(data.ledgerEvents.map(({ walletId }) => walletId))).toEqual(new Set([wallets[node]]));
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
