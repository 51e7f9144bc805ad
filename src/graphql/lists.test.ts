/** Lists over all wallets over GraphQL: paging, rights, refusals. The tests of their functions check which rows they find. */
import { call, newKey, newOwner, newWallet, someAsset } from '../../db/tests/helpers.ts';
import { createGateway, errorOf, type Caller } from '../testing.ts';

const gateway = createGateway();
const { db } = gateway;
const operator = gateway.as('operator', 'kim');
const auditor = gateway.as('auditor', 'ada');
const service = gateway.as('service', 'shop');

interface Page<Node = { id: string }> {
  nodes: Node[];
  edges: { cursor: string; node: Node }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
}

const SHAPE = 'pageInfo { hasNextPage hasPreviousPage startCursor endCursor }';

async function pageOf<Node = { id: string }>(
  caller: Caller,
  list: string,
  args: string,
  fields = 'id',
  variables = '',
  values: Record<string, unknown> = {},
): Promise<Page<Node>> {
  const query = `query ${variables && `(${variables})`} { page: ${list}${args && `(${args})`} {
    nodes { ${fields} } edges { cursor node { ${fields} } } ${SHAPE} } }`;
  const { page } = await caller.data<{ page: Page<Node> }>(query, values);
  return page;
}

async function booked(count: number, more: object = {}): Promise<{ wallet_id: string; ids: string[] }> {
  const wallet_id = await newWallet(db, await someAsset(db), { owner: newOwner() });
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) {
    const receipt = await call(db, 'wallet_top_up', { wallet_id, amount: 10, idem_key: newKey(), ...more });
    ids.unshift(receipt.transfer_id);
  }
  return { wallet_id, ids };
}

describe('transfers', () => {
  it('come newest first, in pages from either end, each with its cursor', async () => {
    const { ids } = await booked(7);

    const pages: string[][] = [];
    let after: string | null = null;
    for (let n = 0; n < 3; n += 1) {
      const page: Page = await pageOf(operator, 'transfers', 'first: 3, after: $after', 'id', '$after: Cursor', {
        after,
      });
      pages.push(page.nodes.map(({ id }) => id));
      expect(page.edges.map(({ node }) => node)).toEqual(page.nodes);
      expect(page.edges[0]?.cursor).toBe(page.pageInfo.startCursor);
      expect(page.edges.at(-1)?.cursor).toBe(page.pageInfo.endCursor);
      after = page.pageInfo.endCursor;
    }

    expect(pages.flat().slice(0, 7)).toEqual(ids);
    const back = await pageOf(operator, 'transfers', 'last: 4, before: $before', 'id', '$before: Cursor', {
      before: after,
    });
    expect(back.nodes.map(({ id }) => id)).toEqual(pages.flat().slice(-5, -1));
    const oldest = await pageOf(operator, 'transfers', 'last: 2');
    expect(oldest.pageInfo).toMatchObject({ hasNextPage: false });
  });

  it('are the rows of transfer(id), with their relations', async () => {
    const { wallet_id, ids } = await booked(1, { metadata: { order: 'abc' } });

    const page = await pageOf<Record<string, unknown>>(
      auditor,
      'transfers',
      'first: 1',
      'id kind amount metadata wallet { id balance } creditEntry { seq balance }',
    );

    expect(page.nodes).toEqual([
      {
        id: ids[0],
        kind: 'top_up',
        amount: '10',
        metadata: { order: 'abc' },
        wallet: { id: wallet_id, balance: '10' },
        creditEntry: { seq: '1', balance: '10' },
      },
    ]);
  });

  it('are for services, operators and auditors: FORBIDDEN for a player', async () => {
    await booked(1);

    for (const caller of [service, operator, auditor]) {
      expect((await pageOf(caller, 'transfers', 'first: 1')).nodes).toHaveLength(1);
    }
    const answer = await gateway.as('player', 'one').post('{ transfers(first: 1) { nodes { id } } }');
    expect(errorOf(answer).extensions.code).toBe('FORBIDDEN');
  });
});

async function oneOfEach(): Promise<void> {
  const wallet_id = await newWallet(db, await someAsset(db), { owner: newOwner(), bought: 100 });
  const later = new Date(Date.now() + 86_400_000).toISOString();
  await call(db, 'wallet_bonus', { wallet_id, amount: 5, idem_key: newKey(), expires_at: later });
  await call(db, 'wallet_hold', { wallet_id, amount: 1, idem_key: newKey(), expires_at: later });
  await call(await db.connectAs('operator', 'kim'), 'wallet_freeze', { wallet_id, reason: 'why' });
}

const LISTS: [string, string, string][] = [
  ['wallets', 'status: frozen', 'id'],
  ['wallets', 'ownerPrefix: "player-"', 'id'],
  ['transfers', 'from: $from, kinds: [hold, bonus]', 'id'],
  ['holds', 'open: true', 'id'],
  ['holds', '', 'id'],
  ['expiringLots', '', 'walletId seq expiresAt'],
  ['operatorActions', 'from: $from', 'id seq'],
];

describe('each list over all wallets', () => {
  const from = new Date(Date.now() - 3_600_000).toISOString();
  beforeAll(async () => {
    for (let n = 0; n < 5; n += 1) await oneOfEach();
  });

  async function read(list: string, args: string, fields: string, size: number, backwards: boolean): Promise<object[]> {
    const pages: object[][] = [];
    const before = list === 'expiringLots' ? 'beforeCursor' : 'before';
    const paging = backwards ? `last: ${size}, ${before}: $place` : `first: ${size}, after: $place`;
    for (let place: string | null = null, more = true; more;) {
      const page: Page<object> = await pageOf<object>(
        operator,
        list,
        [args, paging].filter(Boolean).join(', '),
        fields,
        `$place: Cursor${args.includes('$from') ? ', $from: Datetime' : ''}`,
        { place, from },
      );
      pages.push(page.nodes);
      more = backwards ? page.pageInfo.hasPreviousPage : page.pageInfo.hasNextPage;
      place = backwards ? page.pageInfo.startCursor : page.pageInfo.endCursor;
    }
    return (backwards ? pages.reverse() : pages).flat();
  }

  it.each(LISTS)('is the same from either end, in pages of any size: %s(%s)', async (list, args, fields) => {
    const all = await read(list, args, fields, 1000, false);

    expect(all.length).toBeGreaterThanOrEqual(5);
    expect(new Set(all.map((row) => JSON.stringify(row))).size).toBe(all.length);
    expect(await read(list, args, fields, 2, false)).toEqual(all);
    expect(await read(list, args, fields, 3, true)).toEqual(all);
  });

  it.each([
    ['service', ['wallets', 'transfers', 'holds', 'expiringLots']],
    ['auditor', ['wallets', 'transfers', 'holds', 'expiringLots', 'operatorActions']],
    ['player', ['wallets']],
  ] as const)('is allowed to a %s or FORBIDDEN, like its function', async (role, allowed) => {
    const caller = gateway.as(role, 'nobody');
    for (const [list, args, fields] of LISTS) {
      const variables = args.includes('$from') ? '($from: Datetime)' : '';
      const call_ = `${list}${args && `(${args})`}`;
      const answer = await caller.post(`query ${variables} { ${call_} { nodes { ${fields} } } }`, { from });
      const isAllowed = (allowed as readonly string[]).includes(list);
      expect({ list, code: answer.body.errors?.[0]?.extensions.code }).toEqual({
        list,
        code: isAllowed ? undefined : 'FORBIDDEN',
      });
      if (role === 'player' && isAllowed) expect(answer.body.data).toEqual({ wallets: { nodes: [] } });
    }
  });

  it.each([
    ['transfers(first: 1001)'],
    ['transfers(first: -1)'],
    ['transfers(first: 1, last: 1)'],
    ['transfers(after: "x")'],
    ['transfers(before: "\\u0000")'],
    ['transfers(metadata: [1], from: "2026-11-01T00:00:00Z")'],
    ['transfers(kinds: [spend])'],
    ['transfers(from: "2026-01-01T00:00:00Z", to: "2026-03-01T00:00:00Z", actor: "a")'],
    ['holds(open: true, last: 1001)'],
    ['holds(open: true, before: "00000000-0000-8000-8000-000000000000")'],
    ['expiringLots(before: "infinity", beforeCursor: "x")'],
    ['expiringLots(before: "soon")'],
    ['operatorActions'],
    ['operatorActions(actor: "operator:kim")'],
    ['operatorActions(from: "-infinity")'],
    ['wallets(ownerPrefix: "a", first: 1001)'],
    ['wallets(ownerPrefix: "a", condition: { ownerId: "b" })'],
    ['wallets(status: open, orderBy: [ID_DESC])'],
    ['wallets(ownerPrefix: "\\u0000")'],
    ['wallets(ownerPrefix: "a", after: "WyJ4Il0=")'],
  ])('refuses with INVALID_ARGUMENT: %s', async (list) => {
    const answer = await operator.post(`{ ${list} { nodes { __typename } } }`);

    expect(errorOf(answer).extensions.code).toBe('INVALID_ARGUMENT');
  });

  it.each([
    ['transfers(first: 1, offset: 1)'],
    ['transfers { totalCount }'],
    ['transfers(kinds: [null])'],
    ['holds(open: 1)'],
    ['wallets(status: lost)'],
  ])('is invalid in the schema: %s', async (list) => {
    const { status } = await operator.post(`{ ${list.includes('{') ? list : `${list} { nodes { id } }`} }`);

    expect(status).toBe(400);
  });

  it('takes its arguments from variables, null meaning none, and can be read twice in one document', async () => {
    const query = `query ($status: WalletStatus, $prefix: String, $asset: String) {
      one: wallets(status: $status, ownerPrefix: $prefix, assetCode: $asset, first: 1000) { nodes { id status } }
      two: wallets(first: 1000) { nodes { id } } }`;
    const all = await operator.data<Record<string, Page>>(query, {});
    const frozen = await operator.data<Record<string, Page>>(query, { status: 'frozen', prefix: null });

    const ids = (page: Page | undefined) => page?.nodes.map(({ id }) => id).sort();
    expect(ids(all.one)).toEqual(ids(all.two));
    expect(frozen.one?.nodes.length).toBeLessThan(all.one?.nodes.length ?? 0);
    expect(ids(frozen.two)).toEqual(ids(all.two));
  });
});
