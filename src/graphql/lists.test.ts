/** Lists over all wallets, over the API: paging, rights, refusals. What each finds, the tests of its function tell. */
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
  it('come newest first, by pages from either end, each with its own cursor', async () => {
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

  it('are the rows that transfer(id) shows, with their relations', async () => {
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
