import {
  call,
  newAsset,
  newKey,
  newOwner,
  newWallet,
  someAsset,
  UNKNOWN_WALLET,
  writing,
} from '../../db/tests/helpers.ts';
import { createGateway, errorOf, type Caller } from '../testing.ts';

const gateway = createGateway();
const { db } = gateway;
const service = gateway.as('service', 'shop');

interface Page {
  nodes: { seq: string; kind: string }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
}

/** The kinds of entries that `walletWith` writes; the n-th is booked in the n-th minute. */
const KINDS = ['top_up', 'bonus', 'spend', 'top_up', 'spend', 'spend', 'top_up', 'expiry', 'spend'];
const minute = (nth: number): string => new Date(Date.UTC(2026, 0, 1, 0, nth)).toISOString();

/** Writes entries directly, to choose their times: the ledger is not sound afterwards. */
async function walletWith(kinds = KINDS, owner = newOwner()): Promise<string> {
  const wallet = await newWallet(db, await someAsset(db), { owner });
  await writing(db, (client) =>
    client.query(
      `insert into ledger.entries (wallet_id, transfer_id, seq, kind, debit, credit, amount, bonus_amount, held_amount, balance, bonus_balance,
         held_balance, paid_balance, free_balance, topped_up_total, granted_total, spent_total, sent_total, xid, hash, actor, metadata, created_at)
       select $1, uuidv7(), seq, kind::ledger.transfer_kind, 'treasury', 'player', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, pg_current_xact_id(), '',
         'a test', '{}', timestamptz '2026-01-01 00:00+00' + seq * interval '1 minute'
       from unnest($2::text[]) with ordinality as k (kind, seq)`,
      [wallet, kinds],
    ),
  );
  return wallet;
}

const TYPES: Record<string, string> = {
  first: 'Int',
  last: 'Int',
  after: 'Cursor',
  before: 'Cursor',
  kinds: '[TransferKind!]',
  from: 'Datetime',
  to: 'Datetime',
  orderBy: '[EntryOrderBy!]',
};

/** Queries a page of entries; names such as `$first` in the arguments become variables. */
function query(wallet: string, args: string): string {
  const variables = [...args.matchAll(/\$(\w+)/g)].map(([, name = '']) => `$${name}: ${TYPES[name] ?? ''}`).join(', ');
  return `query ${variables && `(${variables})`} { wallet(id: "${wallet}") { entries${args && `(${args})`} {
    nodes { seq kind }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }`;
}

async function pageOf(
  wallet: string,
  args: string,
  variables: Record<string, unknown> = {},
  caller: Caller = service,
): Promise<Page> {
  const data = await caller.data<{ wallet: { entries: Page } }>(query(wallet, args), variables);
  return data.wallet.entries;
}

async function seqsOf(wallet: string, args: string, variables: Record<string, unknown> = {}): Promise<number[]> {
  const { nodes } = await pageOf(wallet, args, variables);
  return nodes.map(({ seq }) => Number(seq));
}

const counted = (from: number, to: number): number[] =>
  Array.from({ length: Math.abs(to - from) + 1 }, (_, nth) => (from < to ? from + nth : from - nth));

describe('a list', () => {
  it.each([
    ['first', 'SEQ_DESC', 'after', [[9, 8, 7, 6], [5, 4, 3, 2], [1]]],
    ['first', 'SEQ_ASC', 'after', [[1, 2, 3, 4], [5, 6, 7, 8], [9]]],
    ['last', 'SEQ_DESC', 'before', [[4, 3, 2, 1], [8, 7, 6, 5], [9]]],
    ['last', 'SEQ_ASC', 'before', [[6, 7, 8, 9], [2, 3, 4, 5], [1]]],
    ['last', 'PRIMARY_KEY_DESC', 'before', [[4, 3, 2, 1], [8, 7, 6, 5], [9]]],
    ['first', '[]', 'after', [[9, 8, 7, 6], [5, 4, 3, 2], [1]]],
    ['last', 'null', 'before', [[4, 3, 2, 1], [8, 7, 6, 5], [9]]],
    ['first', '$orderBy', 'after', [[9, 8, 7, 6], [5, 4, 3, 2], [1]]],
    ['first', '[SEQ_ASC, PRIMARY_KEY_DESC]', 'after', [[1, 2, 3, 4], [5, 6, 7, 8], [9]]],
  ])('is read by %s from one end to the other: %s', async (size, orderBy, cursor, expected) => {
    const wallet = await walletWith();
    const isForwards = size === 'first';

    const pages: number[][] = [];
    const infos: boolean[] = [];
    for (let more = true, place: string | null = null; more;) {
      const args = `${size}: 4, orderBy: ${orderBy}, ${cursor}: $${cursor}`;
      const { nodes, pageInfo }: Page = await pageOf(wallet, args, { [cursor]: place });
      pages.push(nodes.map(({ seq }) => Number(seq)));
      // The page before the cursor is not looked up.
      infos.push(isForwards ? pageInfo.hasPreviousPage : pageInfo.hasNextPage);
      more = isForwards ? pageInfo.hasNextPage : pageInfo.hasPreviousPage;
      place = isForwards ? pageInfo.endCursor : pageInfo.startCursor;
    }

    expect(pages).toEqual(expected);
    expect(infos).toEqual([false, false, false]);
  });

  it('can be read back to its start', async () => {
    const wallet = await walletWith();
    const first = await pageOf(wallet, 'first: 3');
    const second = await pageOf(wallet, 'first: 3, after: $after', { after: first.pageInfo.endCursor });

    const back = await pageOf(wallet, 'last: 3, before: $before', { before: second.pageInfo.startCursor });

    expect(back.nodes).toEqual(first.nodes);
    expect(back.pageInfo).toEqual({ ...first.pageInfo, hasNextPage: false });
  });

  it('ends with a full page if its length is a multiple of the size', async () => {
    const wallet = await walletWith();

    for (const args of ['first: 9', 'last: 9']) {
      const { nodes, pageInfo } = await pageOf(wallet, args);

      expect(nodes.map(({ seq }) => Number(seq))).toEqual(counted(9, 1));
      expect(pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: false });
    }
  });

  it('can be read between two cursors, from either side', async () => {
    const wallet = await walletWith();
    const after = (await pageOf(wallet, 'first: 2')).pageInfo.endCursor;
    const before = (await pageOf(wallet, 'last: 2')).pageInfo.startCursor;

    expect(await seqsOf(wallet, 'after: $after, before: $before', { after, before })).toEqual([7, 6, 5, 4, 3]);
    expect(await seqsOf(wallet, 'first: 2, after: $after, before: $before', { after, before })).toEqual([7, 6]);
    expect(await seqsOf(wallet, 'last: 2, after: $after, before: $before', { after, before })).toEqual([4, 3]);
    expect(await seqsOf(wallet, 'first: 3, before: $before', { before })).toEqual([9, 8, 7]);
    expect(await seqsOf(wallet, 'last: 3, after: $after', { after })).toEqual([3, 2, 1]);
  });

  it('has pages of 100 by default, from its start or before a cursor', async () => {
    const wallet = await walletWith(Array<string>(250).fill('top_up'));
    const before = (await pageOf(wallet, 'last: 1')).pageInfo.startCursor;

    expect(await seqsOf(wallet, '')).toEqual(counted(250, 151));
    expect(await seqsOf(wallet, 'first: null, last: null')).toEqual(counted(250, 151));
    expect(await seqsOf(wallet, 'first: $first, last: $last')).toEqual(counted(250, 151));
    expect(await seqsOf(wallet, 'before: $before', { before })).toEqual(counted(101, 2));
    expect(await seqsOf(wallet, 'last: 200')).toEqual(counted(200, 1));
    expect(await seqsOf(wallet, 'first: 1000')).toEqual(counted(250, 1));
    expect(await seqsOf(wallet, 'last: $last', { last: 1000 })).toEqual(counted(250, 1));
  });

  it.each(['first: 0', 'last: 0'])('with %s is empty and has no edges', async (args) => {
    expect(await pageOf(await walletWith(), args)).toEqual({
      nodes: [],
      pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
    });
  });

  it.each(['first: 5', 'last: 5', ''])('of a wallet without entries is empty: %s', async (args) => {
    expect(await pageOf(await newWallet(db, await someAsset(db)), args)).toEqual({
      nodes: [],
      pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
    });
  });

  it('continues at the same place while others book', async () => {
    const walletId = await newWallet(db, await someAsset(db));
    const topUp = () => call(db, 'wallet_top_up', { wallet_id: walletId, amount: 1, idem_key: newKey() });
    for (let nth = 1; nth <= 6; nth += 1) await topUp();
    const first = await pageOf(walletId, 'first: 2');
    await topUp();

    expect(await seqsOf(walletId, 'first: 2, after: $after', { after: first.pageInfo.endCursor })).toEqual([4, 3]);
    expect(await seqsOf(walletId, 'last: 9, before: $before', { before: first.pageInfo.startCursor })).toEqual([7]);
  });

  it('of wallets, assets and events can be read in both directions too', async () => {
    const owner = newOwner();
    const assets = [await newAsset(db), await newAsset(db), await newAsset(db)];
    const wallets = [];
    for (const asset of assets) wallets.push(await newWallet(db, asset, { owner }));
    wallets.sort();

    const data = await service.data<Record<string, { nodes: { id: string }[]; pageInfo: Page['pageInfo'] }>>(
      `query ($owner: String!) {
        first: wallets(condition: {ownerId: $owner}, first: 2) { nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor } }
        last: wallets(condition: {ownerId: $owner}, last: 2) { nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor } } }`,
      { owner },
    );
    const rest = await service.data(
      `query ($owner: String!, $before: Cursor) {
        wallets(condition: {ownerId: $owner}, before: $before) { nodes { id events(last: 1) { nodes { kind } } } }
        assets(last: 1) { nodes { code } } }`,
      { owner, before: data.last?.pageInfo.startCursor },
    );

    expect(data.first?.nodes.map(({ id }) => id)).toEqual(wallets.slice(0, 2));
    expect(data.first?.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
    expect(data.last?.nodes.map(({ id }) => id)).toEqual(wallets.slice(1));
    expect(data.last?.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
    expect(rest).toEqual({
      wallets: { nodes: [{ id: wallets[0], events: { nodes: [{ kind: 'opened' }] } }] },
      assets: { nodes: [{ code: expect.any(String) as string }] },
    });
  });

  it('of entries within a list of wallets has a page for each wallet', async () => {
    const owner = newOwner();
    const ids = [];
    for (const asset of [await newAsset(db), await newAsset(db)]) {
      ids.push(await newWallet(db, asset, { owner, bought: 3, bonus: 2 }));
    }

    const { wallets } = await service.data<{ wallets: { nodes: { entries: Page }[] } }>(
      `query ($owner: String!, $from: Datetime) {
        wallets(condition: {ownerId: $owner}) { nodes {
          entries(last: 1, from: $from, kinds: [bonus, top_up]) { nodes { seq kind } pageInfo { hasPreviousPage } } } } }`,
      { owner, from: minute(0) },
    );

    expect(wallets.nodes.map(({ entries }) => entries)).toEqual(
      ids.map(() => ({ nodes: [{ seq: '1', kind: 'top_up' }], pageInfo: { hasPreviousPage: true } })),
    );
  });
});

describe('a size', () => {
  it.each([
    ['first: -1', 'first must be a number from 0 to 1000'],
    ['first: 1001', 'first must be a number from 0 to 1000'],
    ['last: -1', 'last must be a number from 0 to 1000'],
    ['last: 1001', 'last must be a number from 0 to 1000'],
    ['first: 1, last: 1', 'first and last cannot be given together'],
    ['first: 0, last: 0', 'first and last cannot be given together'],
  ])('is refused if it is %s (INVALID_ARGUMENT), also as a variable', async (args, message) => {
    const wallet = await walletWith();
    const sizes = [...args.matchAll(/(\w+): (-?\d+)/g)].map(([, name = '', size]) => [name, Number(size)] as const);
    const variables: Record<string, unknown> = Object.fromEntries(sizes);
    const names = sizes.map(([name]) => `${name}: $${name}`);

    for (const refused of [
      await service.post(query(wallet, args)),
      await service.post(query(wallet, names.join(', ')), variables),
    ]) {
      expect(errorOf(refused)).toMatchObject({ message, extensions: { code: 'INVALID_ARGUMENT' } });
    }
  });

  it("of a function's result is checked too, and there is no last", async () => {
    const auditor = gateway.as('auditor', 'audit');
    const asset = await newAsset(db);
    const query = (args: string) => `{ ledgerTrialBalance(assetCode: "${asset}"${args}) { nodes { account } } }`;

    expect(await auditor.data(query(', first: 2'))).toEqual({
      ledgerTrialBalance: { nodes: [{ account: 'treasury' }, { account: 'promotions' }] },
    });
    expect(await auditor.data(query(''))).toMatchObject({
      ledgerTrialBalance: { nodes: Array(4).fill({}) },
    });
    expect(errorOf(await auditor.post(query(', first: 1001'))).extensions.code).toBe('INVALID_ARGUMENT');
    expect(errorOf(await auditor.post(query(', last: 2'))).extensions.code).toBe('BAD_REQUEST');
  });
});

describe('a cursor', () => {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');

  it.each(['after', 'before'])('is refused if it is invalid (INVALID_ARGUMENT): %s', async (name) => {
    const wallet = await walletWith();
    const { startCursor } = (await pageOf(wallet, '')).pageInfo;
    const [digest, seq, id] = JSON.parse(Buffer.from(startCursor ?? '', 'base64').toString()) as string[];
    const cursors = ['x', '', 'WyJ4Il0=', encode(null), encode({}), encode(wallet), encode([wallet])].concat(
      encode(['0123456789', seq, id]),
      encode([digest, seq]),
      encode([digest, seq, id, id]),
      encode([digest, 'x', id]),
      encode([digest, { seq }, id]),
      encode([digest, '9223372036854775808', id]),
      encode([digest, seq, UNKNOWN_WALLET]),
    );

    for (const cursor of cursors) {
      const refused = await service.post(query(wallet, `${name}: $${name}`), { [name]: cursor });

      expect({ cursor, code: errorOf(refused).extensions.code }).toEqual({ cursor, code: 'INVALID_ARGUMENT' });
    }
  });

  it.each(['after', 'before'])('is refused if it is of another list (INVALID_ARGUMENT): %s', async (name) => {
    const wallet = await walletWith();
    const other = await walletWith();
    const { events } = await service.data<Record<string, { events: Page }>>(
      `{ events: wallet(id: "${wallet}") { events { pageInfo { startCursor } } } }`,
    );
    const { wallets } = await service.data<{ wallets: Page }>('{ wallets { pageInfo { startCursor } } }');
    const cursors = [
      (await pageOf(other, '')).pageInfo.startCursor,
      events?.events.pageInfo.startCursor,
      wallets.pageInfo.startCursor,
    ];

    for (const cursor of cursors) {
      expect(cursor).toEqual(expect.any(String));
      const refused = await service.post(query(wallet, `${name}: $${name}`), { [name]: cursor });

      expect(errorOf(refused)).toMatchObject({
        message: 'invalid argument: the cursor is not one of this list',
        extensions: { code: 'INVALID_ARGUMENT' },
      });
    }
  });
});

describe("a query's size", () => {
  it.each([
    ['two large pages', 'wallets(last: 500) { nodes { entries(last: 500) { nodes { seq } } } }'],
    ['a page of unknown size', 'wallets(first: 100) { nodes { entries(last: $last) { nodes { seq } } } }'],
    [
      'a negative page beside a large one',
      'a: wallets(last: -1000) { nodes { entries { nodes { seq } } } } b: wallets(last: 1000) { nodes { entries { nodes { seq } } } }',
    ],
    ['an absurd page', 'wallets(last: 99999999999) { nodes { entries { nodes { seq } } } }'],
    ['a small size beside a large one', 'wallets(first: 1, last: 1000) { nodes { entries { nodes { seq } } } }'],
    ['a large size beside a small one', 'wallets(first: 1000, last: 1) { nodes { entries { nodes { seq } } } }'],
    ['a size beside one of unknown size', 'wallets(first: 1, last: $last) { nodes { entries { nodes { seq } } } }'],
  ])('counts %s', async (_what, fields) => {
    const refused = await service.post(`query ($last: Int) { ${fields} }`);

    expect(refused.status).toBe(400);
    expect(refused.body.errors?.map(({ message }) => message)).toContainEqual(
      expect.stringMatching(/at most 25000 objects|32-bit/),
    );
  });

  it('may have small pages', async () => {
    const answer = await service.post('{ wallets(last: 20) { nodes { entries(last: 50) { nodes { seq } } } } }');

    expect(answer.status).toBe(200);
  });
});

describe('a filter', () => {
  it.each([
    ['kinds: [spend]', [9, 6, 5, 3]],
    ['kinds: [spend, expiry]', [9, 8, 6, 5, 3]],
    ['kinds: [spend, spend]', [9, 6, 5, 3]],
    ['kinds: spend', [9, 6, 5, 3]],
    ['kinds: [reversal]', []],
    ['kinds: []', []],
    ['kinds: null', counted(9, 1)],
    [`from: "${minute(4)}"`, counted(9, 4)],
    [`to: "${minute(4)}"`, counted(3, 1)],
    [`from: "${minute(4)}", to: "${minute(8)}"`, counted(7, 4)],
    [`from: "${minute(4)}", to: "${minute(4)}"`, []],
    [`from: "${minute(8)}", to: "${minute(4)}"`, []],
    ['from: "2026-01-01T00:04:00.000001Z"', counted(9, 5)],
    ['to: "2026-01-01T00:04:00.000001Z"', counted(4, 1)],
    ['from: "2026-01-01T03:04:00+03:00"', counted(9, 4)],
    [`from: "${minute(10)}"`, []],
    [`to: "${minute(1)}"`, []],
    [`from: "${minute(0)}", to: "${minute(10)}"`, counted(9, 1)],
    ['from: null, to: null', counted(9, 1)],
    [`kinds: [spend], from: "${minute(4)}", to: "${minute(9)}"`, [6, 5]],
    [`kinds: [spend], from: "${minute(4)}", orderBy: SEQ_ASC`, [5, 6, 9]],
    [`kinds: [spend], first: 2`, [9, 6]],
    [`kinds: [spend], last: 2`, [5, 3]],
    [`to: "${minute(8)}", last: 2, orderBy: SEQ_ASC`, [6, 7]],
    [`orderBy: [SEQ_ASC, SEQ_DESC], to: "${minute(4)}"`, [1, 2, 3]],
  ])('%s leaves %j', async (args, expected) => {
    expect(await seqsOf(await walletWith(), args)).toEqual(expected);
  });

  it('may be a variable, or omitted', async () => {
    const wallet = await walletWith();
    const args = 'kinds: $kinds, from: $from, to: $to';

    expect(await seqsOf(wallet, args)).toEqual(counted(9, 1));
    expect(await seqsOf(wallet, args, { kinds: null, from: null, to: null })).toEqual(counted(9, 1));
    expect(await seqsOf(wallet, args, { kinds: ['spend', 'bonus'], from: minute(2), to: minute(6) })).toEqual([
      5, 3, 2,
    ]);
    expect(await seqsOf(wallet, args, { kinds: [] })).toEqual([]);
    expect(await seqsOf(wallet, 'to: $to, orderBy: $orderBy', { to: minute(3), orderBy: ['SEQ_ASC'] })).toEqual([1, 2]);
  });

  it.each(['first', 'last'])('applies to each page, by %s', async (size) => {
    const wallet = await walletWith();
    const isForwards = size === 'first';
    const cursor = isForwards ? 'after' : 'before';
    const args = `kinds: [spend, top_up], from: $from, to: $to, ${size}: 2, ${cursor}: $${cursor}`;
    const variables = { from: minute(3), to: minute(9) };

    const first = await pageOf(wallet, args, variables);
    const place = isForwards ? first.pageInfo.endCursor : first.pageInfo.startCursor;
    const second = await pageOf(wallet, args, { ...variables, [cursor]: place });
    const third = await pageOf(wallet, args, {
      ...variables,
      [cursor]: isForwards ? second.pageInfo.endCursor : second.pageInfo.startCursor,
    });

    const seqs = [first, second, third].map(({ nodes }) => nodes.map(({ seq }) => Number(seq)));
    const more = [first, second, third].map(({ pageInfo }) => [pageInfo.hasPreviousPage, pageInfo.hasNextPage]);
    expect(seqs).toEqual(isForwards ? [[7, 6], [5, 4], [3]] : [[4, 3], [6, 5], [7]]);
    expect(more).toEqual(
      isForwards
        ? [
            [false, true],
            [false, true],
            [false, false],
          ]
        : [
            [true, false],
            [true, false],
            [false, false],
          ],
    );
  });

  it.each([
    ['kinds: [nothing]', 'BAD_REQUEST'],
    ['kinds: [null]', 'BAD_REQUEST'],
    ['from: "tomorrow"', 'INVALID_ARGUMENT'],
    ['to: "infinity"', 'INVALID_ARGUMENT'],
    ['to: "2026-13-01T00:00:00Z"', 'INVALID_ARGUMENT'],
    ['from: 5', 'INVALID_ARGUMENT'],
  ])('is refused if it is %s (%s)', async (args, code) => {
    expect(errorOf(await service.post(query(await walletWith(), args))).extensions.code).toBe(code);
  });

  it('finds booked entries for a player, a service and an auditor', async () => {
    const asset = await newAsset(db);
    const owner = newOwner();
    const wallet = await newWallet(db, asset, { owner });
    const receipts = [];
    for (let nth = 0; nth < 5; nth += 1) {
      receipts.push(await call(db, 'wallet_top_up', { wallet_id: wallet, amount: 1, idem_key: newKey() }));
    }
    const [from, to] = [receipts[1]?.created_at, receipts[3]?.created_at].map((time) => time?.replace(' ', 'T'));
    const args = 'from: $from, to: $to';

    for (const caller of [gateway.as('player', owner), service, gateway.as('auditor', 'audit')]) {
      const { nodes } = await pageOf(wallet, args, { from, to }, caller);
      expect(nodes.map(({ seq }) => seq)).toEqual(['3', '2']);
    }
  });
});

describe('an entry', () => {
  const FIELDS = 'entries(orderBy: SEQ_ASC) { nodes { counterparty transfer { idemKey metadata actor } } }';

  async function entriesOf(wallet: string, caller: Caller): Promise<unknown> {
    const data = await caller.data<{ wallet: { entries: { nodes: unknown[] } } | null }>(
      `{ wallet(id: "${wallet}") { ${FIELDS} } }`,
    );
    return data.wallet?.entries.nodes;
  }

  it('shows the counterparty, the key, the metadata and the actor to those who may see them', async () => {
    const asset = await someAsset(db);
    const [sender, receiver] = [newOwner(), newOwner()];
    const from = await newWallet(db, asset, { owner: sender });
    const to = await newWallet(db, asset, { owner: receiver });
    const metadata = { note: 'for you' };
    await service.receipt('walletTopUp', { walletId: from, amount: '10', idemKey: 'bought' });
    await service.receipt('walletTransfer', { fromWallet: from, toWallet: to, amount: '4', idemKey: 'gift', metadata });
    await service.receipt('walletSpend', { walletId: to, amount: '1', idemKey: 'hat' });
    const actor = 'service:shop';
    const bought = { counterparty: 'treasury', transfer: { idemKey: 'bought', metadata: {}, actor } };
    const gift = { idemKey: 'gift', metadata, actor };
    const hat = { counterparty: 'revenue', transfer: { idemKey: 'hat', metadata: {}, actor } };

    expect(await entriesOf(from, gateway.as('player', sender))).toEqual([bought, { counterparty: to, transfer: gift }]);
    expect(await entriesOf(to, gateway.as('player', receiver))).toEqual([{ counterparty: null, transfer: null }, hat]);
    expect(await entriesOf(from, gateway.as('player', receiver))).toBeUndefined();
    for (const role of ['service', 'operator', 'auditor'] as const) {
      expect(await entriesOf(to, gateway.as(role))).toEqual([{ counterparty: from, transfer: gift }, hat]);
    }
  });

  it('names the accounts that it debits and credits; house accounts have no entry', async () => {
    const asset = await newAsset(db);
    const wallet = await newWallet(db, asset, { bought: 5, bonus: 3 });
    const other = await newWallet(db, asset);
    await service.receipt('walletSpend', { walletId: wallet, amount: '1', idemKey: 'hat' });
    await service.receipt('walletTransfer', { fromWallet: wallet, toWallet: other, amount: '4', idemKey: 'gift' });

    const data = await gateway.as('auditor').data(
      `{ wallet(id: "${wallet}") { entries(orderBy: SEQ_ASC) { nodes { debit credit side sentTotal transfer {
        debitWalletId debitSeq debitEntry { seq } creditWalletId creditSeq creditEntry { walletId } } } } } }`,
    );

    const fromHouse = {
      ...{ debitWalletId: null, debitSeq: null, debitEntry: null },
      ...{ creditWalletId: wallet, creditEntry: { walletId: wallet } },
    };
    const fromWallet = (seq: string) => ({ debitWalletId: wallet, debitSeq: seq, debitEntry: { seq } });
    expect(data).toEqual({
      wallet: {
        entries: {
          nodes: [
            {
              debit: 'treasury',
              credit: 'player',
              side: 'credit',
              sentTotal: '0',
              transfer: { ...fromHouse, creditSeq: '1' },
            },
            {
              debit: 'promotions',
              credit: 'player',
              side: 'credit',
              sentTotal: '0',
              transfer: { ...fromHouse, creditSeq: '2' },
            },
            {
              ...{ debit: 'player', credit: 'revenue', side: 'debit', sentTotal: '0' },
              transfer: { ...fromWallet('3'), creditWalletId: null, creditSeq: null, creditEntry: null },
            },
            {
              ...{ debit: 'player', credit: 'player', side: 'debit', sentTotal: '4' },
              transfer: { ...fromWallet('4'), creditWalletId: other, creditSeq: '1', creditEntry: { walletId: other } },
            },
          ],
        },
      },
    });
  });
});
