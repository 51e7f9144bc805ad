import { randomUUID } from 'node:crypto';
import {
  call,
  expectSound,
  inMs,
  newAsset,
  newKey,
  newOwner,
  newWallet,
  passed,
  rowsOf,
  someAsset,
  UNKNOWN_WALLET,
} from '../../db/tests/helpers.ts';
import {
  AUTH,
  createGateway,
  errorOf,
  linesOfLog,
  RECEIPT,
  toWaiting,
  type Answer,
  type Caller,
  type GraphqlReceipt,
} from '../testing.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/;

const gateway = createGateway();
const { db } = gateway;
const service = gateway.as('service', 'shop');

describe('the flows over GraphQL', () => {
  it('open a wallet, top it up, grant a bonus, spend and transfer, and record the actor', async () => {
    const asset = await someAsset(db);
    const ownerId = newOwner();
    const friend = await newWallet(db, asset);

    const opened = await service.mutate(
      'walletOpen',
      { ownerId, assetCode: asset },
      'wallet { id ownerId assetCode status balance bonusBalance heldBalance available }',
    );
    const walletId = (opened.body.data as { walletOpen: { wallet: { id: string } } }).walletOpen.wallet.id;
    const expiresAt = null;
    const metadata = { item: 'hat', price: { gold: 30 } };
    const receipts = [
      await service.receipt('walletTopUp', { walletId, amount: '100', idemKey: 'top-up' }),
      await service.receipt('walletBonus', { walletId, amount: '20', idemKey: 'bonus', expiresAt }),
      await service.receipt('walletSpend', { walletId, amount: '30', idemKey: 'spend', metadata }),
      await service.receipt('walletTransfer', {
        fromWallet: walletId,
        toWallet: friend,
        amount: '40',
        idemKey: 'transfer',
      }),
    ];

    expect(opened).toEqual({
      status: 200,
      body: {
        data: {
          walletOpen: {
            wallet: {
              id: expect.stringMatching(UUID) as string,
              ownerId,
              assetCode: asset,
              status: 'open',
              balance: '0',
              bonusBalance: '0',
              heldBalance: '0',
              available: '0',
            },
          },
        },
      },
    });
    const common = {
      transferId: expect.stringMatching(UUID) as string,
      createdAt: expect.stringMatching(TIME) as string,
      walletId,
      heldBalance: '0',
      holdId: null,
      replayed: false,
      owed: '0',
      inFlight: false,
    };
    expect(receipts).toEqual(
      [
        { seq: '1', kind: 'top_up', amount: '100', bonusAmount: '0', balance: '100', bonusBalance: '0' },
        { seq: '2', kind: 'bonus', amount: '20', bonusAmount: '20', balance: '120', bonusBalance: '20' },
        { seq: '3', kind: 'spend', amount: '30', bonusAmount: '20', balance: '90', bonusBalance: '0' },
        { seq: '4', kind: 'transfer', amount: '40', bonusAmount: '0', balance: '50', bonusBalance: '0' },
      ].map((receipt) => ({ ...common, ...receipt, available: receipt.balance })),
    );
    const { rows } = await db.query(
      'select idem_key, actor, metadata from ledger.transfers where wallet_id = $1 order by debit_seq, id',
      [walletId],
    );
    expect(rows).toHaveLength(4);
    expect(rows).toEqual(
      expect.arrayContaining(
        ['top-up', 'bonus', 'spend', 'transfer'].map((idem_key) => ({
          idem_key,
          actor: 'service:shop',
          metadata: idem_key === 'spend' ? metadata : {},
        })),
      ),
    );
    await expectSound(db);
  });

  it('create an asset for an operator, and the same again', async () => {
    const input = { code: `N${randomUUID().slice(0, 8)}`, name: 'New', scale: 2 };
    const operator = gateway.as('operator', 'op');

    const first = await operator.mutate('assetCreate', input, 'asset { code name scale }');
    const again = await operator.mutate('assetCreate', input, 'asset { code name scale }');

    expect(first).toEqual({ status: 200, body: { data: { assetCreate: { asset: input } } } });
    expect(again).toEqual(first);
    const { rows } = await db.query('select code, name, scale from ledger.assets where code = $1', [input.code]);
    expect(rows).toEqual([input]);
    expect((await db.query('select from ledger.wallets where asset_code = $1', [input.code])).rowCount).toBe(0);
  });

  it('return a wallet that is open already', async () => {
    const asset = await someAsset(db);
    const owner = newOwner();
    const id = await newWallet(db, asset, { owner, bought: 5 });

    const answer = await service.mutate('walletOpen', { ownerId: owner, assetCode: asset }, 'wallet { id balance }');

    expect(answer.body).toEqual({ data: { walletOpen: { wallet: { id, balance: '5' } } } });
  });

  it.each([
    ['walletTopUp', {}],
    ['walletBonus', {}],
    ['walletSpend', {}],
    ['walletTransfer', {}],
  ])('replay the receipt of %s, after other movements', async (name, more) => {
    const asset = await someAsset(db);
    const walletId = await newWallet(db, asset, { bought: 10, bonus: 10 });
    const wallets =
      name === 'walletTransfer' ? { fromWallet: walletId, toWallet: await newWallet(db, asset) } : { walletId };
    const input = { ...wallets, ...more, amount: '10', idemKey: newKey(), metadata: { b: 1, a: [1, 'x', null] } };
    const first = await service.receipt(name, input);
    await service.receipt('walletTopUp', { walletId, amount: '1', idemKey: newKey() });

    const again = await gateway.as('operator').receipt(name, { ...input, metadata: { a: [1, 'x', null], b: 1 } });

    expect(first.replayed).toBe(false);
    expect(again).toEqual({ ...first, replayed: true });
    expect(await rowsOf(db, walletId)).toEqual({ transfers: 4, entries: 4 });
  });

  it.each([
    { field: 'amount', other: { amount: '11' }, first: '10', again: '11' },
    { field: 'metadata', other: { metadata: { item: 'cap' } }, first: '{"item": "hat"}', again: '{"item": "cap"}' },
  ])(
    'name $field where a key comes again with another (IDEMPOTENCY_KEY_REUSED)',
    async ({ field, other, first, again }) => {
      const walletId = await newWallet(db, await someAsset(db), { bought: 50 });
      const input = { walletId, amount: '10', idemKey: newKey(), metadata: { item: 'hat' } };
      const { transferId } = await service.receipt('walletSpend', input);

      const refused = await service.mutate('walletSpend', { ...input, ...other });

      expect(refused.status).toBe(200);
      expect(refused.body.data).toEqual({ walletSpend: null });
      expect(errorOf(refused)).toMatchObject({
        message: `idempotency key reused: ${field} differs from the first request`,
        path: ['walletSpend'],
        extensions: {
          code: 'IDEMPOTENCY_KEY_REUSED',
          detail: { wallet_id: walletId, idem_key: input.idemKey, transfer_id: transferId, field, first, again },
          hint: 'Send a new key for a new request, or the first request unchanged for its receipt.',
        },
      });
      expect(await rowsOf(db, walletId)).toEqual({ transfers: 2, entries: 2 });
    },
  );
});

describe('holds over GraphQL', () => {
  const operator = gateway.as('operator', 'desk');

  interface Hold {
    id: string;
    seq: string;
    status: string;
  }
  interface HoldPage {
    wallet: { holds: { nodes: Hold[]; pageInfo: { hasNextPage: boolean; endCursor: string } } };
  }

  it('reserve credits, are captured in part, and link both movements', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 20, bonus: 5 });
    const expiresAt = '2099-01-01T00:00:00.000000+00:00';

    const placed = await service.receipt('walletHold', { walletId, amount: '12', idemKey: 'hold', expiresAt });
    const captured = await service.receipt('walletCapture', {
      walletId,
      holdId: placed.holdId,
      idemKey: 'capture',
      amount: '8',
      metadata: { item: 'hat' },
    });

    expect(placed).toMatchObject({ kind: 'hold', amount: '12', bonusAmount: '5', balance: '25', heldBalance: '12' });
    expect(placed).toMatchObject({ available: '13', holdId: placed.transferId });
    expect(captured).toMatchObject({ kind: 'capture', amount: '8', bonusAmount: '5', balance: '17', heldBalance: '0' });
    expect(captured.holdId).toBe(placed.holdId);
    expect(
      await service.data(
        `query ($wallet: UUID!, $hold: UUID!, $capture: UUID!) {
          hold(walletId: $wallet, id: $hold) {
            amount bonusAmount seq status expiresAt wallet { id } transfer { id idemKey } closing { id kind metadata } }
          capture: transfer(id: $capture) { hold { id status } }
          placed: transfer(id: $hold) { kind hold { closing { kind } } creditEntry { seq } debitEntry { heldAmount } } }`,
        { wallet: walletId, hold: placed.holdId, capture: captured.transferId },
      ),
    ).toEqual({
      hold: {
        amount: '12',
        bonusAmount: '5',
        seq: '3',
        status: 'captured',
        expiresAt,
        wallet: { id: walletId },
        transfer: { id: placed.transferId, idemKey: 'hold' },
        closing: { id: captured.transferId, kind: 'capture', metadata: { item: 'hat' } },
      },
      capture: { hold: { id: placed.holdId, status: 'captured' } },
      placed: {
        kind: 'hold',
        hold: { closing: { kind: 'capture' } },
        creditEntry: null,
        debitEntry: { heldAmount: '12' },
      },
    });
  });

  /** Places a hold that expires soon, but not before the call has ended; returns its expiry. */
  async function holdShortly(walletId: string, amount: number): Promise<string> {
    for (let ms = 300; ; ms *= 4) {
      const expiresAt = await inMs(db, ms);
      const answer = await service.mutate('walletHold', { walletId, amount, idemKey: newKey(), expiresAt });
      if (!answer.body.errors) return expiresAt;
      expect([ms < 300_000, errorOf(answer).extensions.code]).toEqual([true, 'INVALID_ARGUMENT']);
    }
  }

  it('are released, and have their own status after they expired', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 10 });
    const { holdId } = await service.receipt('walletHold', { walletId, amount: 4, idemKey: 'a' });
    const released = await service.receipt('walletRelease', { walletId, holdId, idemKey: 'c' });
    await passed(db, await holdShortly(walletId, 4));
    // From its expiry on, even before the expiry is booked.
    expect(
      await service.data(
        `{ wallet(id: "${walletId}") { available all: holds { nodes { status } } open: holds(open: true) { nodes { id } } }
           walletBalance(walletId: "${walletId}") { available } walletExplain(walletId: "${walletId}") { source available holdId } }`,
      ),
    ).toEqual({
      wallet: {
        available: '10',
        all: { nodes: [{ status: 'expired' }, { status: 'released' }] },
        open: { nodes: [] },
      },
      walletBalance: { available: '10' },
      walletExplain: [{ source: 'paid', available: '10', holdId: null }],
    });
    expect(
      errorOf(await service.mutate('walletSpend', { walletId, amount: 11, idemKey: newKey() })).extensions,
    ).toMatchObject({
      code: 'INSUFFICIENT_FUNDS',
      detail: { available: '10', requested: '11' },
    });
    await service.receipt('walletTopUp', { walletId, amount: 1, idemKey: 'd' });

    expect(released).toMatchObject({ kind: 'release', amount: '4', heldBalance: '0', available: '10' });
    expect(
      await service.data(
        `{ wallet(id: "${walletId}") { available holds { nodes { status closing { kind idemKey actor } } } } }`,
      ),
    ).toMatchObject({
      wallet: {
        available: '11',
        holds: {
          nodes: [
            { status: 'expired', closing: { kind: 'release', idemKey: null } },
            { status: 'released', closing: { kind: 'release', idemKey: 'c', actor: 'service:shop' } },
          ],
        },
      },
    });
  });

  it('are listed newest first, open ones separately, and a new one moves no page', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 100 });
    const hold = async () => {
      return (await service.receipt('walletHold', { walletId, amount: 1, idemKey: newKey() })).holdId;
    };
    const holds: (string | null)[] = [];
    for (let nth = 0; nth < 7; nth += 1) holds.push(await hold());
    for (const nth of [1, 4]) {
      await service.receipt('walletRelease', { walletId, holdId: holds[nth], idemKey: newKey() });
    }
    const query = `query ($id: UUID!, $open: Boolean, $after: Cursor) {
      wallet(id: $id) { holds(open: $open, first: 2, after: $after) {
        nodes { id seq status } pageInfo { hasNextPage endCursor } } } }`;
    const pagesOf = async (open: boolean | null): Promise<number[][]> => {
      const pages: number[][] = [];
      for (let more = true, after: string | null = null; more;) {
        const { wallet }: HoldPage = await service.data<HoldPage>(query, { id: walletId, open, after });
        pages.push(wallet.holds.nodes.map(({ id }) => holds.indexOf(id)));
        ({ hasNextPage: more, endCursor: after } = wallet.holds.pageInfo);
        await hold();
      }
      return pages;
    };

    expect(await pagesOf(false)).toEqual([[4, 1]]);
    // Holds placed while the pages were read come before the first page.
    expect(await pagesOf(true)).toEqual([
      [-1, 6],
      [5, 3],
      [2, 0],
    ]);
    expect(await pagesOf(null)).toEqual([[-1, -1], [-1, -1], [6, 5], [4, 3], [2, 1], [0]]);
  });

  it.each(['first: 1001', 'first: -1', 'after: "x"', 'last: 1', 'open: "yes"'])(
    'are not listed by %s (INVALID_ARGUMENT)',
    async (args) => {
      const walletId = await newWallet(db, await someAsset(db));

      const refused = await service.post(`{ wallet(id: "${walletId}") { holds(${args}) { nodes { id } } } }`);

      expect(errorOf(refused).extensions.code).toBe(/last|open/.test(args) ? 'BAD_REQUEST' : 'INVALID_ARGUMENT');
    },
  );

  it("are not listed by another wallet's cursor (INVALID_ARGUMENT)", async () => {
    const [one, other] = await Promise.all(
      [1, 2].map(async () => {
        const walletId = await newWallet(db, await someAsset(db), { bought: 5 });
        await service.receipt('walletHold', { walletId, amount: 1, idemKey: newKey() });
        return walletId;
      }),
    );
    const { wallet } = await service.data<HoldPage>(`{ wallet(id: "${one}") { holds { pageInfo { endCursor } } } }`);

    const refused = await service.post(
      `{ wallet(id: "${other}") { holds(after: "${wallet.holds.pageInfo.endCursor}") { nodes { id } } } }`,
    );

    expect(errorOf(refused).message).toBe('invalid argument: the cursor is not one of this list');
  });

  it('and lots explain a balance, and an earlier one too', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 20, bonus: 5 });
    const before = await service.data<{ walletBalance: { asOf: string } }>(
      `{ walletBalance(walletId: "${walletId}") { asOf } }`,
    );
    const expiresAt = '2099-01-01T00:00:00.000000+00:00';
    const { transferId } = await service.receipt('walletBonus', { walletId, amount: 10, idemKey: 'lot', expiresAt });
    const { holdId } = await service.receipt('walletHold', { walletId, amount: 12, idemKey: 'hold' });

    const data = await service.data(
      `query ($id: UUID!, $then: Datetime!) {
        walletExplain(walletId: $id) { source amount available expiresAt transferId holdId }
        first: walletExplain(walletId: $id, first: 1) { source }
        then: walletBalanceAt(walletId: $id, atTime: $then) { balance bonusBalance heldBalance available seq }
        now: walletBalanceAt(walletId: $id, atTime: "2098-01-01") { balance bonusBalance heldBalance available seq } }`,
      { id: walletId, then: before.walletBalance.asOf },
    );

    const none = { expiresAt: null, transferId: null, holdId: null };
    expect(data).toEqual({
      // In the order in which they are spent; reserved credits come last.
      walletExplain: [
        { ...none, source: 'bonus', amount: '3', available: '3' },
        { ...none, source: 'paid', amount: '20', available: '20' },
        { source: 'expiring_bonus', amount: '10', available: '0', expiresAt, transferId, holdId },
        { ...none, source: 'bonus', amount: '2', available: '0', holdId },
      ],
      first: [{ source: 'bonus' }],
      then: { balance: '25', bonusBalance: '5', heldBalance: '0', available: '25', seq: '2' },
      now: { balance: '35', bonusBalance: '15', heldBalance: '12', available: '23', seq: '4' },
    });
  });

  it.each(['first: 1001', 'first: -1'])('explain a balance, but not with %s (INVALID_ARGUMENT)', async (args) => {
    const walletId = await newWallet(db, await someAsset(db));

    const refused = await service.post(`{ walletExplain(walletId: "${walletId}", ${args}) { amount } }`);

    expect(errorOf(refused).extensions.code).toBe('INVALID_ARGUMENT');
  });

  it('and their captures are reversed by an operator, completely or in parts, linked both ways', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 20, bonus: 5 });
    const { holdId } = await service.receipt('walletHold', { walletId, amount: 12, idemKey: 'hold' });
    const { transferId } = await service.receipt('walletCapture', { walletId, holdId, idemKey: 'capture' });

    const part = await operator.receipt('walletReverse', { walletId, transferId, amount: '7', idemKey: 'part' });
    const rest = await operator.receipt('walletReverse', { walletId, transferId, idemKey: 'rest' });
    const more = await operator.mutate('walletReverse', { walletId, transferId, idemKey: 'more' });

    expect(part).toMatchObject({ kind: 'reversal', amount: '7', bonusAmount: '0', balance: '20' });
    expect(rest).toMatchObject({ kind: 'reversal', amount: '5', bonusAmount: '5', balance: '25' });
    expect(errorOf(more)).toMatchObject({
      message: 'not reversible: 0 left of 12',
      extensions: { code: 'NOT_REVERSIBLE', detail: { left: '0', transfer_id: transferId } },
    });
    expect(
      await service.data(`{
        transfer(id: "${transferId}") {
          reverses reversedTransfer { id }
          reversals { nodes { id amount kind } }
          latest: reversals(last: 1) { nodes { id } pageInfo { hasPreviousPage } } }
        part: transfer(id: "${part.transferId}") { reverses reversedTransfer { id kind } reversals { nodes { id } } }
        wallet(id: "${walletId}") { entries(kinds: [reversal]) { nodes { counterparty transfer { reversedTransfer { id } } } } } }`),
    ).toEqual({
      transfer: {
        reverses: null,
        reversedTransfer: null,
        reversals: {
          nodes: [
            { id: part.transferId, amount: '7', kind: 'reversal' },
            { id: rest.transferId, amount: '5', kind: 'reversal' },
          ],
        },
        latest: { nodes: [{ id: rest.transferId }], pageInfo: { hasPreviousPage: true } },
      },
      part: { reverses: transferId, reversedTransfer: { id: transferId, kind: 'capture' }, reversals: { nodes: [] } },
      wallet: {
        entries: {
          nodes: Array(2).fill({ counterparty: 'revenue', transfer: { reversedTransfer: { id: transferId } } }),
        },
      },
    });
    await expectSound(db);
  });
});

describe("an operator's calls over GraphQL", () => {
  const operator = gateway.as('operator', 'desk');

  it('freeze, reopen and close a wallet, each with a reason and an event', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 5 });
    const change = async (name: string, reason: string) =>
      (
        await operator.mutate(
          name,
          { walletId, reason },
          'wallet { status events(last: 1) { nodes { kind reason actor } } }',
        )
      ).body;
    const event = (kind: string, reason: string) => ({ events: { nodes: [{ kind, reason, actor: 'operator:desk' }] } });

    const frozen = await change('walletFreeze', 'stolen card');
    const refused = await service.mutate('walletSpend', { walletId, amount: 5, idemKey: 'x' });
    const credited = await service.receipt('walletTopUp', { walletId, amount: 1, idemKey: 'y' });
    const reopened = await change('walletReopen', 'all clear');
    const full = await operator.mutate('walletClose', { walletId, reason: 'gone' }, 'wallet { id }');
    await service.receipt('walletSpend', { walletId, amount: 6, idemKey: 'z' });
    const closed = await change('walletClose', 'gone');

    expect(frozen).toEqual({
      data: { walletFreeze: { wallet: { status: 'frozen', ...event('frozen', 'stolen card') } } },
    });
    expect(errorOf(refused).extensions.code).toBe('WALLET_FROZEN');
    expect(credited.balance).toBe('6');
    expect(reopened).toEqual({
      data: { walletReopen: { wallet: { status: 'open', ...event('reopened', 'all clear') } } },
    });
    expect(errorOf(full).extensions).toMatchObject({ code: 'INVALID_ARGUMENT', detail: { balance: '6' } });
    expect(closed).toEqual({ data: { walletClose: { wallet: { status: 'closed', ...event('closed', 'gone') } } } });
  });

  it("set an asset's limits, which then apply to its wallets", async () => {
    const asset = await newAsset(db);
    const walletId = await newWallet(db, asset, { bought: 50 });
    const limits = `limits { seq maxSpend maxBalance maxDailyTopUp maxDailyBonus maxDailySpend actor }`;
    const query = `{ assets(condition: {code: "${asset}"}) { nodes { ${limits} } } }`;
    const none = await service.data(query);

    const set = await operator.mutate('assetLimitSet', { assetCode: asset, maxSpend: '10', maxDailySpend: 15 }, limits);
    await service.receipt('walletSpend', { walletId, amount: 10, idemKey: 'a' });
    const large = await service.mutate('walletSpend', { walletId, amount: 11, idemKey: 'b' });
    const daily = await service.mutate('walletSpend', { walletId, amount: 6, idemKey: 'c' });

    const expected = {
      seq: 1,
      maxSpend: '10',
      maxBalance: null,
      maxDailyTopUp: null,
      maxDailyBonus: null,
      maxDailySpend: '15',
      actor: 'operator:desk',
    };
    expect(none).toEqual({ assets: { nodes: [{ limits: null }] } });
    expect(set.body).toEqual({ data: { assetLimitSet: { limits: expected } } });
    expect(await service.data(query)).toEqual({ assets: { nodes: [{ limits: expected }] } });
    expect(errorOf(large).extensions).toMatchObject({ code: 'LIMIT_EXCEEDED', detail: { limit: 'max_spend' } });
    expect(errorOf(daily).extensions).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      detail: { limit: 'max_daily_spend', max: '15', left: '5' },
    });
  });
});

describe('independent calls in one request over GraphQL', () => {
  type Item = Record<string, unknown>;
  const OUTCOMES = `outcomes { receipt { ${RECEIPT} } refusal { code message detail hint } }`;
  interface Outcome {
    receipt: GraphqlReceipt | null;
    refusal: { code: string; message: string; detail: object; hint: string } | null;
  }
  const post = (requests: Item[], more: Item = {}) => service.mutate('walletPostEach', { requests, ...more }, OUTCOMES);
  const outcomesOf = ({ body }: Answer): Outcome[] => {
    const payload = body.data?.walletPostEach as { outcomes: Outcome[] } | null | undefined;
    if (!payload) throw new Error(JSON.stringify(body));
    return payload.outcomes;
  };

  it('have a receipt or a refusal each, in order, with the code that an error has', async () => {
    const asset = await someAsset(db);
    const [one, two] = [await newWallet(db, asset), await newWallet(db, asset)];
    const spend = { kind: 'spend', walletId: one, amount: '9', idemKey: newKey() };
    const requests = [
      { kind: 'top_up', walletId: one, amount: '10', idemKey: newKey(), metadata: { a: ['"', '{,}'] } },
      { kind: 'transfer', walletId: one, counterpartyId: two, amount: '4', idemKey: newKey() },
      spend,
      { kind: 'hold', walletId: one, amount: '5', idemKey: newKey(), expiresAt: '2099-01-01T00:00:00Z' },
      { kind: 'spend', walletId: two, idemKey: newKey() },
    ];

    const [first, second, refused, held, without, ...more] = outcomesOf(await post(requests));
    const alone = errorOf(
      await service.mutate('walletSpend', { walletId: one, amount: '9', idemKey: newKey() }, 'receipt { seq }'),
    );

    expect(more).toEqual([]);
    expect([first, second]).toMatchObject([
      { receipt: { walletId: one, kind: 'top_up', balance: '10', replayed: false }, refusal: null },
      { receipt: { walletId: one, kind: 'transfer', balance: '6' }, refusal: null },
    ]);
    expect(refused).toEqual({
      receipt: null,
      refusal: {
        code: 'INSUFFICIENT_FUNDS',
        message: 'insufficient funds: 6 available, 9 requested',
        detail: { wallet_id: one, available: '6', requested: '9' },
        hint: alone.extensions.hint,
      },
    });
    expect(held).toMatchObject({ receipt: { kind: 'hold', heldBalance: '5', holdId: expect.any(String) as string } });
    expect(without).toMatchObject({ receipt: null, refusal: { code: 'INVALID_AMOUNT', detail: { amount: null } } });

    const [, capture] = outcomesOf(
      await post([
        { ...requests[0] },
        { kind: 'capture', walletId: one, holdId: held?.receipt?.holdId, idemKey: newKey() },
      ]),
    );
    expect(capture).toMatchObject({ receipt: { kind: 'capture', amount: '5', balance: '1', heldBalance: '0' } });
    await expectSound(db);
  });

  it('are RETRY for a wallet that another call has locked, with wait false', async () => {
    const asset = await someAsset(db);
    const [busy, free] = [await newWallet(db, asset), await newWallet(db, asset)];
    const other = await db.connect();
    await other.query('begin');
    await call(other, 'wallet_top_up', { wallet_id: busy, amount: 1, idem_key: newKey() });
    const requests = [busy, free].map((walletId) => ({ kind: 'top_up', walletId, amount: '1', idemKey: newKey() }));

    const outcomes = outcomesOf(await post(requests, { wait: false }));

    expect(outcomes).toMatchObject([
      { receipt: null, refusal: { code: 'RETRY', message: 'retry: the wallet is busy', detail: { wallet_id: busy } } },
      { receipt: { walletId: free, balance: '1' }, refusal: null },
    ]);
    await other.query('rollback');
  });

  it('are FORBIDDEN as a whole if the role may not book one of their kinds', async () => {
    const walletId = await newWallet(db, await someAsset(db));
    const { transfer_id } = await call(db, 'wallet_top_up', { wallet_id: walletId, amount: 5, idem_key: newKey() });

    const refused = await post([
      { kind: 'top_up', walletId, amount: '1', idemKey: newKey() },
      { kind: 'reversal', walletId, transferId: transfer_id, idemKey: newKey() },
    ]);

    expect(errorOf(refused).extensions.code).toBe('FORBIDDEN');
    expect(await rowsOf(db, walletId)).toEqual({ transfers: 1, entries: 1 });
  });

  it('of an empty list have no outcomes', async () => {
    expect(outcomesOf(await post([]))).toEqual([]);
  });

  it('are answered in order, also if most are refused, and are replayed in the opposite order', async () => {
    const asset = await someAsset(db);
    const wallets = [await newWallet(db, asset), await newWallet(db, asset), await newWallet(db, asset)];
    const requests = Array.from({ length: 60 }, (_, n) => ({
      kind: n % 4 === 0 ? 'top_up' : 'spend',
      walletId: wallets[n % 3],
      amount: String(n % 4 === 0 ? 1 : 2 + (n % 5)),
      idemKey: newKey(),
    }));

    const first = outcomesOf(await post(requests));
    const again = outcomesOf(await post([...requests].reverse())).reverse();

    const shown = (outcomes: Outcome[]) =>
      outcomes.map(({ receipt, refusal }) => ({
        walletId: receipt?.walletId ?? (refusal?.detail as { wallet_id: string }).wallet_id,
        amount: receipt?.amount ?? (refusal?.detail as { requested: string }).requested,
      }));
    expect(shown(first)).toEqual(requests.map(({ walletId, amount }) => ({ walletId, amount })));
    const booked = first.filter(({ receipt }) => receipt);
    expect(booked.length).toBeGreaterThanOrEqual(15);
    expect(booked.length).toBeLessThan(60);
    expect(first.map(({ receipt, refusal }) => [receipt === null, refusal === null])).toEqual(
      first.map(({ receipt }) => (receipt ? [false, true] : [true, false])),
    );
    for (const [place, { receipt }] of first.entries())
      if (receipt) expect(again[place]).toEqual({ receipt: { ...receipt, replayed: true }, refusal: null });
    await expectSound(db);
  });

  it('may omit arguments that their kind does not use, or send null', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 5 });
    const nothing = { counterpartyId: null, expiresAt: null, metadata: null, holdId: null, transferId: null };

    const outcomes = outcomesOf(
      await post([
        { kind: 'hold', walletId, amount: '2', idemKey: newKey(), ...nothing },
        { kind: 'spend', walletId, amount: 3, idemKey: newKey(), ...nothing },
        { kind: 'spend', walletId, amount: null, idemKey: newKey(), ...nothing },
        { kind: 'capture', walletId, amount: null, idemKey: newKey(), ...nothing },
        { kind: 'bonus', walletId, idemKey: newKey() },
      ]),
    );

    expect(outcomes.map(({ receipt, refusal }) => receipt?.kind ?? refusal?.code)).toEqual([
      ...['hold', 'spend', 'INVALID_AMOUNT', 'INVALID_ARGUMENT', 'INVALID_AMOUNT'],
    ]);
    expect(outcomes.map(({ refusal }) => refusal?.detail)).toMatchObject([
      ...[undefined, undefined, { amount: null }, { argument: 'hold_id' }, { amount: null }],
    ]);
  });

  it.each([
    ['no list', null],
    ['a list with null', [null]],
    ['a list of lists', [[{}]]],
    ['nothing in it', [{}]],
    ['an unknown field', [{ kind: 'top_up', walletID: UNKNOWN_WALLET }]],
    ['no kind', [{ kind: null, walletId: UNKNOWN_WALLET, amount: '1', idemKey: 'a' }]],
    ['an unknown kind', [{ kind: 'gift', walletId: UNKNOWN_WALLET, amount: '1', idemKey: 'a' }]],
  ])('are refused before they are executed with %s (BAD_REQUEST)', async (_what, requests) => {
    const before = await rowsOf(db);

    const { status, body } = await post(requests as Item[]);

    expect({ status, data: body.data }).toEqual({ status: 400, data: undefined });
    expect(new Set(body.errors?.map(({ extensions }) => extensions.code))).toEqual(new Set(['BAD_REQUEST']));
    expect(await rowsOf(db)).toEqual(before);
  });

  it('are refused alone if their kind cannot be requested (INVALID_ARGUMENT)', async () => {
    const walletId = await newWallet(db, await someAsset(db));
    const requests = ['expiry', 'top_up', 'debt'].map((kind) => ({ kind, walletId, amount: '1', idemKey: newKey() }));

    const outcomes = outcomesOf(await post(requests));

    expect(outcomes.map(({ refusal }) => refusal?.code)).toEqual(['INVALID_ARGUMENT', undefined, 'INVALID_ARGUMENT']);
    expect(outcomes[0]?.refusal?.detail).toEqual({ argument: 'kind' });
    expect(await rowsOf(db, walletId)).toEqual({ transfers: 1, entries: 1 });
  });

  it.each([
    ['operator', 'reversal', 'booked'],
    ['service', 'reversal', 'FORBIDDEN'],
    ['player', 'top_up', 'FORBIDDEN'],
    ['auditor', 'top_up', 'FORBIDDEN'],
  ] as const)('of the role %s with a %s: %s', async (role, kind, outcome) => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 5 });
    const { transfer_id } = await call(db, 'wallet_spend', { wallet_id: walletId, amount: 2, idem_key: newKey() });
    const request = {
      kind,
      walletId,
      amount: '1',
      idemKey: newKey(),
      ...(kind === 'reversal' && { transferId: transfer_id }),
    };
    const before = await rowsOf(db, walletId);

    const answer = await gateway.as(role, 'somebody').mutate('walletPostEach', { requests: [request] }, OUTCOMES);

    const code = answer.body.errors ? errorOf(answer).extensions.code : outcomesOf(answer)[0]?.refusal?.code;
    expect(code ?? 'booked').toBe(outcome);
    const { transfers } = await rowsOf(db, walletId);
    expect(transfers - before.transfers).toBe(outcome === 'booked' ? 1 : 0);
  });
});

describe('a batch over GraphQL', () => {
  type Item = Record<string, unknown>;
  const post = (requests: Item[], payload = `receipts { ${RECEIPT} }`) =>
    service.mutate('walletPostBatch', { requests }, payload);
  const receiptsOf = ({ body }: Answer): GraphqlReceipt[] => {
    const payload = body.data?.walletPostBatch as { receipts: GraphqlReceipt[] } | null | undefined;
    if (!payload) throw new Error(JSON.stringify(body));
    return payload.receipts;
  };
  const bonuses = (walletId: string, count: number, more: Item = {}): Item[] =>
    Array.from({ length: count }, () => ({ kind: 'bonus', walletId, amount: '2', idemKey: newKey(), ...more }));

  it('is booked and answered in order, and replayed', async () => {
    const asset = await someAsset(db);
    const [from, to] = [await newWallet(db, asset), await newWallet(db, asset)];
    const requests = [
      { kind: 'top_up', walletId: from, amount: '100', idemKey: 'a' },
      { kind: 'bonus', walletId: from, amount: 10, idemKey: 'b', expiresAt: '2099-01-01T00:00:00Z' },
      {
        kind: 'transfer',
        walletId: from,
        counterpartyId: to,
        amount: '30',
        idemKey: 'c',
        metadata: { a: ['"', '\\', '{,}'] },
      },
      { kind: 'spend', walletId: to, amount: '5', idemKey: 'd', metadata: null },
    ];

    const first = receiptsOf(await post(requests));
    const again = receiptsOf(await post([...requests].reverse()));

    expect(first).toMatchObject([
      { walletId: from, kind: 'top_up', seq: '1', balance: '100', replayed: false },
      { walletId: from, kind: 'bonus', seq: '2', balance: '110', bonusBalance: '10' },
      { walletId: from, kind: 'transfer', seq: '3', balance: '80', bonusAmount: '10' },
      { walletId: to, kind: 'spend', seq: '2', balance: '25', bonusBalance: '5' },
    ]);
    expect(again).toEqual([...first].reverse().map((receipt) => ({ ...receipt, replayed: true })));
    const { transfer } = await service.data<{ transfer: object }>(
      `{ transfer: transferByIdemKey(walletId: "${from}", idemKey: "c") { metadata actor debitEntry { balance } creditEntry { balance } } }`,
    );
    expect(transfer).toEqual({
      metadata: { a: ['"', '\\', '{,}'] },
      actor: 'service:shop',
      debitEntry: { balance: '80' },
      creditEntry: { balance: '30' },
    });
    expect(await rowsOf(db, from)).toEqual({ transfers: 3, entries: 3 });
    await expectSound(db);
  });

  it('names the index of the item that fails, and books none', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 5 });
    const requests = [
      ...bonuses(walletId, 3),
      { kind: 'spend', walletId, amount: '12', idemKey: newKey() },
      ...bonuses(walletId, 2),
    ];

    const refused = await post(requests);

    expect(refused).toMatchObject({ status: 200, body: { data: { walletPostBatch: null } } });
    expect(errorOf(refused)).toMatchObject({
      path: ['walletPostBatch'],
      extensions: { code: 'INSUFFICIENT_FUNDS', detail: { index: 3, available: '11', requested: '12' } },
    });
    expect(await rowsOf(db, walletId)).toEqual({ transfers: 1, entries: 1 });
  });

  it('of an empty list has no receipts', async () => {
    expect(receiptsOf(await post([]))).toEqual([]);
  });

  it.each([
    ['null', [null], 'BAD_REQUEST'],
    ['a kind that is none', [{ kind: 'gift', walletId: UNKNOWN_WALLET, amount: 1, idemKey: 'a' }], 'BAD_REQUEST'],
    [
      'an amount that is none',
      [{ kind: 'spend', walletId: UNKNOWN_WALLET, amount: 'x', idemKey: 'a' }],
      'INVALID_ARGUMENT',
    ],
    ['a wallet that is none', [{ kind: 'spend', walletId: 'x', amount: 1, idemKey: 'a' }], 'INVALID_ARGUMENT'],
  ])('is refused with 400 if an item is %s', async (_what, requests, code) => {
    const refused = await post(requests as Item[]);

    expect([refused.status, errorOf(refused).extensions.code]).toEqual([400, code]);
  });

  it('may have ten thousand requests with metadata, and no more', async () => {
    const walletId = await newWallet(db, await someAsset(db));
    const requests = bonuses(walletId, 10_000, {
      expiresAt: '2099-01-01T00:00:00.000Z',
      metadata: { campaign: 'spring', note: 'x'.repeat(500) },
    });

    const receipts = receiptsOf(await post(requests, 'receipts { seq balance }'));
    const tooMany = await post([...requests, ...bonuses(walletId, 1)], 'receipts { seq }');

    expect(receipts).toHaveLength(10_000);
    expect(receipts.at(-1)).toEqual({ seq: '10000', balance: '20000' });
    expect(errorOf(tooMany).extensions).toMatchObject({
      code: 'INVALID_ARGUMENT',
      detail: { argument: 'requests', length: 10_001, max: 10_000 },
    });
    expect(await rowsOf(db, walletId)).toEqual({ transfers: 10_000, entries: 10_000 });
  }, 120_000);

  it('may come twice in a request, not more often', async () => {
    const walletId = await newWallet(db, await someAsset(db));
    const batches = (count: number) =>
      Array.from(
        { length: count },
        (_, nth) =>
          `b${nth}: walletPostBatch(input: {requests: [{kind: top_up, walletId: "${walletId}", amount: 1, idemKey: "${nth}"}]}) {
            receipts { seq } }`,
      ).join('\n');

    const refused = await service.post(`mutation { ${batches(3)} }`);

    expect(refused.status).toBe(400);
    expect(errorOf(refused).message).toMatch(/at most 25000 objects/);
    expect(await rowsOf(db, walletId)).toEqual({ transfers: 0, entries: 0 });
    expect(await service.data(`mutation { ${batches(2)} }`)).toEqual({
      b0: { receipts: [{ seq: '1' }] },
      b1: { receipts: [{ seq: '2' }] },
    });
  });
});

describe("a request's size", () => {
  const SMALL = 100_000;
  const LARGE = 10_000_000;
  const query = '{ __typename }';

  function bodyOf(size: number): string {
    const [start, end] = [`{"query": "${query}", "variables": {"pad": "`, '"}}'];
    return `${start}${'x'.repeat(size - start.length - end.length)}${end}`;
  }

  async function statusOf(caller: Caller, body: string): Promise<number> {
    const headers = { 'Content-Type': 'application/json' };
    const response = await caller.fetch('/graphql', { method: 'POST', body, headers });
    const text = await response.text();
    if (response.status === 413) {
      expect(JSON.parse(text)).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
    }
    return response.status;
  }

  it.each([
    ['service', LARGE],
    ['operator', LARGE],
    ['player', SMALL],
    ['auditor', SMALL],
  ] as const)('of the role %s is at most %d bytes', async (role, most) => {
    const caller = gateway.as(role);

    expect(await statusOf(caller, bodyOf(most))).toBe(200);
    expect(await statusOf(caller, bodyOf(most + 1))).toBe(413);
  });

  it('is not checked without a valid token (UNAUTHENTICATED)', async () => {
    for (const token of [undefined, 'no token']) {
      expect(await statusOf(gateway.with(token), bodyOf(SMALL))).toBe(401);
      expect(await statusOf(gateway.with(token), bodyOf(LARGE))).toBe(401);
      expect(await statusOf(gateway.with(token), '{')).toBe(401);
    }
  });

  it('is at most 100,000 characters for the document', async () => {
    const document = (length: number) => JSON.stringify({ query: query.padEnd(length) });

    expect(await statusOf(service, document(SMALL))).toBe(200);
    expect(await statusOf(service, document(SMALL + 1))).toBe(413);
  });
});

describe('an amount over GraphQL', () => {
  const AMOUNTS = [
    { value: 'abc', code: 'INVALID_ARGUMENT' },
    { value: 'NaN', code: 'INVALID_ARGUMENT' },
    { value: 0, code: 'INVALID_AMOUNT' },
    { value: '0', code: 'INVALID_AMOUNT' },
    { value: -1, code: 'INVALID_AMOUNT' },
    { value: '-1', code: 'INVALID_AMOUNT' },
    { value: 1.5, code: 'INVALID_ARGUMENT' },
    { value: '1.5', code: 'INVALID_ARGUMENT' },
    { value: '1e3', code: 'INVALID_ARGUMENT' },
    { value: ' 5', code: 'INVALID_ARGUMENT' },
    { value: 10 ** 15 + 1, code: 'INVALID_AMOUNT' },
    { value: '1000000000000001', code: 'INVALID_AMOUNT' },
    { value: '9223372036854775807', code: 'INVALID_AMOUNT' },
    { value: 2 ** 63, code: 'INVALID_ARGUMENT' },
    { value: '9223372036854775808', code: 'INVALID_ARGUMENT' },
    { value: '', code: 'INVALID_ARGUMENT' },
    { value: true, code: 'INVALID_ARGUMENT' },
    { value: [5], code: 'INVALID_ARGUMENT' },
    { value: { amount: 5 }, code: 'INVALID_ARGUMENT' },
    { value: null, code: 'BAD_REQUEST' },
    { value: undefined, code: 'BAD_REQUEST' },
  ].map((row) => ({ ...row, shown: row.value === undefined ? 'nothing' : JSON.stringify(row.value) }));
  const LITERALS = [
    ...AMOUNTS.map(({ shown, code }) => ({ literal: shown.replace('{"amount":5}', '{amount: 5}'), code })),
    { literal: 'NaN', code: 'INVALID_ARGUMENT' },
    { literal: '1e3', code: 'INVALID_ARGUMENT' },
    { literal: '9223372036854775808', code: 'INVALID_ARGUMENT' },
    { literal: '05', code: 'BAD_REQUEST' },
  ];
  const FLOWS = ['walletTopUp', 'walletBonus', 'walletSpend', 'walletTransfer'];

  async function parties(name: string): Promise<Record<string, string>> {
    const [from, to] = [
      await newWallet(db, await someAsset(db), { bought: 10 }),
      await newWallet(db, await someAsset(db)),
    ];
    return name === 'walletTransfer' ? { fromWallet: from, toWallet: to } : { walletId: from };
  }

  it.each(AMOUNTS)('is refused as the variable $shown ($code), and nothing is stored', async ({ value, code }) => {
    for (const name of FLOWS) {
      const input = { ...(await parties(name)), amount: value, idemKey: newKey() };
      const before = await rowsOf(db);

      const refused = await service.mutate(name, input);

      expect({ name, status: refused.status, code: errorOf(refused).extensions.code }).toEqual({
        name,
        status: code === 'INVALID_AMOUNT' ? 200 : 400,
        code,
      });
      expect(refused.body.data).toEqual(code === 'INVALID_AMOUNT' ? { [name]: null } : undefined);
      expect(await rowsOf(db)).toEqual(before);
    }
  });

  it.each(LITERALS)('is refused as the literal $literal ($code), and nothing is stored', async ({ literal, code }) => {
    for (const name of FLOWS) {
      const wallets = Object.entries(await parties(name)).map(([argument, id]) => `${argument}: "${id}"`);
      const amount = literal === 'nothing' ? [] : [`amount: ${literal}`];
      const input = [...wallets, ...amount, `idemKey: "${newKey()}"`].join(', ');
      const before = await rowsOf(db);

      const refused = await service.post(`mutation { ${name}(input: { ${input} }) { receipt { seq } } }`);

      expect({ name, status: refused.status, code: errorOf(refused).extensions.code }).toEqual({
        name,
        status: code === 'INVALID_AMOUNT' ? 200 : 400,
        code,
      });
      expect(await rowsOf(db)).toEqual(before);
    }
  });

  it.each([1, '1', 1_000_000_000_000_000, '1000000000000000'])('is accepted as %j', async (amount) => {
    const walletId = await newWallet(db, await someAsset(db));

    const receipt = await service.receipt('walletTopUp', { walletId, amount, idemKey: newKey() });

    expect(receipt).toMatchObject({ amount: String(amount), balance: String(amount) });
  });
});

describe('an invalid value', () => {
  it.each(['xyz', '', '6a4b5c7743d386008a16fd315fd16f8c', '{6a4b5c77-43d3-8600-8a16-fd315fd16f8c}', 7])(
    'is refused with 400 as the id %j',
    async (id) => {
      const asVariable = await service.post('query ($id: UUID!) { wallet(id: $id) { id } }', { id });
      const asLiteral = await service.post(`{ wallet(id: ${JSON.stringify(id)}) { id } }`);
      const inMutation = await service.mutate('walletSpend', { walletId: id, amount: '1', idemKey: newKey() });

      for (const answer of [asVariable, asLiteral, inMutation]) {
        expect(answer).toEqual({ status: 400, body: { errors: [expect.anything()] } });
        expect(errorOf(answer).extensions).toEqual({ code: 'INVALID_ARGUMENT' });
      }
    },
  );

  it('is refused in a key or metadata with \\u0000 (INVALID_ARGUMENT), and nothing is stored', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 10 });

    for (const more of [
      { idemKey: 'a\u0000b' },
      { idemKey: '\u0000' },
      { idemKey: newKey(), metadata: { a: '\u0000' } },
      { idemKey: newKey(), metadata: { '\u0000': 1 } },
    ]) {
      const refused = await service.mutate('walletSpend', { walletId, amount: '1', ...more });

      expect(refused.status).toBe(200);
      expect(errorOf(refused)).toMatchObject({
        message: 'invalid argument: a text holds a character that cannot be stored',
        extensions: { code: 'INVALID_ARGUMENT' },
      });
    }
    expect(await rowsOf(db, walletId)).toEqual({ transfers: 1, entries: 1 });
  });

  it.each(['tomorrow', 'infinity', '2030-13-01T00:00:00Z', '2030-01-01T25:00:00Z', '12'])(
    'is refused as the time %s (INVALID_ARGUMENT), and nothing is stored',
    async (expiresAt) => {
      const walletId = await newWallet(db, await someAsset(db));

      const refused = await service.mutate('walletBonus', { walletId, amount: '1', idemKey: newKey(), expiresAt });

      expect(errorOf(refused).extensions.code).toBe('INVALID_ARGUMENT');
      expect(await rowsOf(db, walletId)).toEqual({ transfers: 0, entries: 0 });
    },
  );

  it.each([
    ['a field that is not there', '{ wallet(id: "' + UNKNOWN_WALLET + '") { nothing } }'],
    ['an argument that is missing', '{ wallet { id } }'],
    ['no GraphQL', 'hello'],
    ['nothing', ''],
    ['a subscription', 'subscription { wallets { nodes { id } } }'],
    ['lists in lists', '{ wallets { nodes { entries { nodes { wallet { entries { nodes { seq } } } } } } } }'],
    ['two large pages in each other', '{ wallets(first: 500) { nodes { entries(first: 500) { nodes { seq } } } } }'],
    [
      'a large answer with a negative page to make up for it',
      `{ a: wallets(first: -1000) { nodes { entries(first: 1000) { nodes { seq } } } }
         b: wallets(first: 1000) { nodes { entries(first: 1000) { nodes { seq } } } } }`,
    ],
    [
      'a page of unknown size in another',
      'query ($first: Int) { wallets { nodes { entries(first: $first) { nodes { seq } } } } }',
    ],
    [
      'one list many times',
      `{ ${Array.from({ length: 30 }, (_, n) => `l${n}: wallets(first: 1000) { nodes { id } }`).join(' ')} }`,
    ],
    [
      'one list many times by fragments',
      `{ ...a ...a ...a } fragment a on Query { x: wallets { nodes { entries { nodes { seq } } } } }`,
    ],
    [
      '22 fields deep',
      `{ wallet(id: "${UNKNOWN_WALLET}") { entries { nodes { ${'transfer { debitEntry { '.repeat(10)} seq ${'} } '.repeat(10)} } } } }`,
    ],
    [
      'explanations in lists',
      `{ ${Array.from({ length: 26 }, (_, n) => `e${n}: walletExplain(walletId: "${UNKNOWN_WALLET}") { amount }`).join(' ')} }`,
    ],
    ['holds in wallets', '{ wallets(first: 500) { nodes { holds(first: 500) { nodes { id } } } } }'],
    ['reversals in entries', '{ wallets { nodes { entries { nodes { transfer { reversals { nodes { id } } } } } } } }'],
    ['2001 fields', `{ ${Array.from({ length: 2001 }, (_, n) => `f${n}: __typename`).join(' ')} }`],
  ])('is refused with 400 if the document is %s', async (_what, query) => {
    const answer = await service.post(query);

    expect(answer.status).toBe(400);
    expect(answer.body).not.toHaveProperty('data');
    for (const { extensions } of answer.body.errors ?? []) expect(extensions.code).toBe('BAD_REQUEST');
    expect(answer.body.errors).not.toHaveLength(0);
  });

  it.each([
    ['lists in a list', '{ wallets(first: 20) { nodes { entries(first: 50) { nodes { transfer { id } } } } } }'],
    ['the largest page', `{ wallet(id: "${UNKNOWN_WALLET}") { entries(first: 1000) { nodes { transfer { id } } } } }`],
    ['lists without a size', '{ wallets { nodes { entries { nodes { seq transfer { id } } } } } }'],
  ])('is answered if the query is for %s', async (_what, query) => {
    const answer = await service.post(query);

    expect(answer.status).toBe(200);
    expect(answer.body).not.toHaveProperty('errors');
  });

  it.each([
    ['broken JSON', '{', 'application/json', 400],
    ['a list of requests', '[{"query": "{ assets { nodes { code } } }"}]', 'application/json', 400],
    ['a form', 'query={assets{nodes{code}}}', 'application/x-www-form-urlencoded', 415],
    [
      'too large',
      JSON.stringify({ query: `{ assets { nodes { code } } } #${' '.repeat(100_000)}` }),
      'application/json',
      413,
    ],
  ])('is refused if the body is %s', async (_what, body, type, status) => {
    const response = await service.fetch('/graphql', { method: 'POST', body, headers: { 'Content-Type': type } });

    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({
      errors: [expect.objectContaining({ message: expect.any(String) as string })],
    });
  });
});

describe('metadata that could not be stored unchanged', () => {
  it.each(['12345678901234567890', '0.1234567890123456789', '1e400', '"\\ud800"', '{"\\udc00": 1}'])(
    'are refused with 400 if they contain %s (INVALID_ARGUMENT), and nothing is stored',
    async (json) => {
      const walletId = await newWallet(db, await someAsset(db));
      const query = `mutation ($metadata: JSON) {
        walletTopUp(input: {walletId: "${walletId}", amount: 1, idemKey: "k", metadata: $metadata}) { receipt { seq } } }`;

      const response = await service.fetch('/graphql', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: `{"query": ${JSON.stringify(query)}, "variables": {"metadata": {"value": ${json}}}}`,
      });

      expect([response.status, await response.json()]).toEqual([
        400,
        {
          errors: [
            {
              message: expect.stringMatching(/^invalid argument: /) as string,
              extensions: { code: 'INVALID_ARGUMENT' },
            },
          ],
        },
      ]);
      expect(await rowsOf(db, walletId)).toEqual({ transfers: 0, entries: 0 });
    },
  );
});

describe('a request that cannot be executed', () => {
  it.each(['application/json', 'application/graphql-response+json', '*/*'])(
    'is answered with 400 and a code for Accept: %s',
    async (accept) => {
      const queries = [
        '{ nothing }',
        '{',
        '{ wallet(id: "xyz") { id } }',
        `{ wallet(id: "${UNKNOWN_WALLET}") { id } }`,
      ];
      const answers = [];
      for (const query of queries) {
        const response = await service.fetch('/graphql', {
          method: 'POST',
          headers: { 'Content-Type': 'application/json', Accept: accept },
          body: JSON.stringify({ query }),
        });
        const { errors } = (await response.json()) as { errors?: { extensions: { code: string } }[] };
        answers.push([response.status, ...(errors ?? []).map(({ extensions }) => extensions.code)]);
      }

      expect(answers).toEqual([[400, 'BAD_REQUEST'], [400, 'BAD_REQUEST'], [400, 'INVALID_ARGUMENT'], [200]]);
    },
  );
});

describe('reading', () => {
  it('returns null with 200 for unknown rows', async () => {
    const answer = await service.post(`{
      wallet(id: "${UNKNOWN_WALLET}") { id }
      transfer(id: "${UNKNOWN_WALLET}") { id }
      entry(walletId: "${UNKNOWN_WALLET}", seq: 1) { seq }
      transferByIdemKey(walletId: "${UNKNOWN_WALLET}", idemKey: "none") { id } }`);

    expect(answer).toEqual({
      status: 200,
      body: { data: { wallet: null, transfer: null, entry: null, transferByIdemKey: null } },
    });
  });

  it('pages through the entries of a wallet, newest first, without gaps or repetitions', async () => {
    const walletId = await newWallet(db, await someAsset(db));
    for (let nth = 1; nth <= 7; nth += 1) {
      await service.receipt('walletTopUp', { walletId, amount: nth, idemKey: newKey() });
    }
    const query = `query ($id: UUID!, $after: Cursor) {
      wallet(id: $id) { entries(first: 3, after: $after) { nodes { seq balance } pageInfo { hasNextPage endCursor } } } }`;
    interface Page {
      wallet: {
        entries: { nodes: { seq: string; balance: string }[]; pageInfo: { hasNextPage: boolean; endCursor: string } };
      };
    }

    const pages: string[][] = [];
    let after: string | null = null;
    for (let more = true; more;) {
      const page: Page = await service.data<Page>(query, { id: walletId, after });
      pages.push(page.wallet.entries.nodes.map(({ seq, balance }) => `${seq}:${balance}`));
      ({ hasNextPage: more, endCursor: after } = page.wallet.entries.pageInfo);
      // Later entries come before the first page and do not move the others.
      await service.receipt('walletTopUp', { walletId, amount: 1, idemKey: newKey() });
    }

    expect(pages).toEqual([['7:28', '6:21', '5:15'], ['4:10', '3:6', '2:3'], ['1:1']]);
  });

  it('lists the entries oldest first on request', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 1, bonus: 1 });

    const data = await service.data(
      `query ($id: UUID!) { wallet(id: $id) { entries(orderBy: SEQ_ASC) { nodes { seq } } } }`,
      { id: walletId },
    );

    expect(data).toEqual({ wallet: { entries: { nodes: [{ seq: '1' }, { seq: '2' }] } } });
  });

  it.each([
    ['an offset', 'entries(offset: 1) { nodes { seq } }', 'BAD_REQUEST'],
    ['a total count', 'entries { totalCount }', 'BAD_REQUEST'],
    ['a negative number of entries', 'entries(first: -1) { nodes { seq } }', 'INVALID_ARGUMENT'],
    ['more than a page', 'entries(first: 1001) { nodes { seq } }', 'INVALID_ARGUMENT'],
    ['a page after a cursor that is none', 'entries(after: "x") { nodes { seq } }', 'INVALID_ARGUMENT'],
    ['an order that is none', 'entries(orderBy: NATURAL) { nodes { seq } }', 'BAD_REQUEST'],
  ])('refuses the arguments %s', async (_what, entries, code) => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 1 });

    const refused = await service.post(`{ wallet(id: "${walletId}") { ${entries} } }`);

    expect(errorOf(refused).extensions.code).toBe(code);
    if (code === 'BAD_REQUEST') expect(refused.status).toBe(400);
  });

  it('follows the relations between wallets, entries, transfers and events', async () => {
    const asset = await someAsset(db);
    const owner = newOwner();
    const from = await newWallet(db, asset, { owner, bought: 10 });
    const to = await newWallet(db, asset, { bought: 1, bonus: 1 });
    const { transferId } = await service.receipt('walletTransfer', {
      fromWallet: from,
      toWallet: to,
      amount: '4',
      idemKey: 'gift',
      metadata: { note: 'for you' },
    });

    const data = await service.data(`{
      wallet(id: "${from}") {
        balance
        entries(first: 1) { nodes {
          seq side amount heldAmount spentTotal
          wallet { ownerId }
          transfer {
            id kind idemKey actor metadata wallet { id }
            debitEntry { walletId seq balance }
            creditEntry { walletId seq balance wallet { id available } } } } }
        events { nodes { kind actor reason wallet { id } } } }
      transferByIdemKey(walletId: "${from}", idemKey: "gift") { id }
      entry(walletId: "${to}", seq: 3) { transferId } }`);

    expect(data).toEqual({
      wallet: {
        balance: '6',
        entries: {
          nodes: [
            {
              seq: '2',
              side: 'debit',
              amount: '4',
              heldAmount: '0',
              spentTotal: '0',
              wallet: { ownerId: owner },
              transfer: {
                id: transferId,
                kind: 'transfer',
                idemKey: 'gift',
                actor: 'service:shop',
                metadata: { note: 'for you' },
                wallet: { id: from },
                debitEntry: { walletId: from, seq: '2', balance: '6' },
                creditEntry: { walletId: to, seq: '3', balance: '6', wallet: { id: to, available: '6' } },
              },
            },
          ],
        },
        events: {
          nodes: [
            { kind: 'opened', actor: expect.stringMatching(/^db:/) as string, reason: null, wallet: { id: from } },
          ],
        },
      },
      transferByIdemKey: { id: transferId },
      entry: { transferId },
    });
  });

  it('returns a balance and the derived id of a wallet', async () => {
    const asset = await someAsset(db);
    const owner = newOwner();
    const walletId = await newWallet(db, asset, { owner, bought: 7, bonus: 2 });

    const data = await service.data(
      `query ($owner: String!, $asset: String!, $id: UUID!) {
        walletId(ownerId: $owner, assetCode: $asset)
        walletBalance(walletId: $id) { balance bonusBalance heldBalance available seq asOf } }`,
      { owner, asset, id: walletId },
    );

    expect(data).toEqual({
      walletId,
      walletBalance: {
        balance: '9',
        bonusBalance: '2',
        heldBalance: '0',
        available: '9',
        seq: '2',
        asOf: expect.stringMatching(TIME) as string,
      },
    });
  });

  it('gives an auditor the trial balance with equal sums and a sound ledger', async () => {
    const asset = await newAsset(db);
    await newWallet(db, asset, { bought: 7, bonus: 2 });

    const data = await gateway.as('auditor').data(`{
      ledgerTrialBalance(assetCode: "${asset}") { nodes { account debit credit } }
      ledgerVerify { nodes { rule } } }`);

    expect(data).toEqual({
      ledgerTrialBalance: {
        nodes: [
          { account: 'treasury', debit: '7', credit: '0' },
          { account: 'promotions', debit: '2', credit: '0' },
          { account: 'revenue', debit: '0', credit: '0' },
          { account: 'breakage', debit: '0', credit: '0' },
          { account: 'players', debit: '0', credit: '9' },
        ],
      },
      ledgerVerify: { nodes: [] },
    });
  });
});

describe('many calls at once', () => {
  it('are all answered if 200 spend from one wallet, and only the available credits are spent', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 150 });

    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, nth) =>
        service.mutate('walletSpend', { walletId, amount: '1', idemKey: `spend-${nth}` }, 'receipt { seq balance }'),
      ),
    );

    expect(answers.map(({ status }) => status)).toEqual(Array(200).fill(200));
    const refused = answers.filter(({ body }) => body.errors).map(errorOf);
    expect(refused.map(({ extensions }) => extensions.code)).toEqual(Array(50).fill('INSUFFICIENT_FUNDS'));
    const balances = answers
      .map(({ body }) => body.data?.walletSpend as { receipt: { balance: string } } | null)
      .flatMap((payload) => (payload ? [Number(payload.receipt.balance)] : []));
    expect(balances.sort((a, b) => a - b)).toEqual(Array.from({ length: 150 }, (_, nth) => nth));
    expect(await rowsOf(db, walletId)).toEqual({ transfers: 151, entries: 151 });
    await expectSound(db);
  });

  it('with one key give one transfer, and 64 receipts that differ in replayed only', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 100 });
    const input = { walletId, amount: '10', idemKey: newKey(), metadata: { item: 'hat' } };

    const receipts = await Promise.all(Array.from({ length: 64 }, () => service.receipt('walletSpend', input)));

    const [first, ...others] = receipts.toSorted((a, b) => Number(a.replayed) - Number(b.replayed));
    expect(first).toMatchObject({ seq: '2', balance: '90', replayed: false });
    expect(others).toEqual(Array(63).fill({ ...first, replayed: true }));
    expect(await rowsOf(db, walletId)).toEqual({ transfers: 2, entries: 2 });
  });

  it('in one request are executed in order, and a refused one does not undo those before it', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 10 });
    const spend = (name: string, amount: number) =>
      `${name}: walletSpend(input: {walletId: "${walletId}", amount: ${amount}, idemKey: "${name}"}) { receipt { balance } }`;

    const answer = await service.post(`mutation { ${spend('a', 6)} ${spend('b', 6)} ${spend('c', 4)} }`);

    expect(answer.body.data).toEqual({ a: { receipt: { balance: '4' } }, b: null, c: { receipt: { balance: '0' } } });
    expect(errorOf(answer)).toMatchObject({ path: ['b'], extensions: { code: 'INSUFFICIENT_FUNDS' } });
  });
});

describe('an error that is not a refusal', () => {
  async function locked<T>(walletId: string, work: () => Promise<T>): Promise<T> {
    const holder = await db.connect();
    await holder.query('begin');
    await holder.query('select from ledger.wallets where id = $1 for update', [walletId]);
    try {
      return await work();
    } finally {
      await holder.query('rollback');
    }
  }

  it('is masked with the id under which it is logged, and reveals nothing of the database', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 10 });
    const input = { walletId, amount: '1', idemKey: newKey() };
    const logged = linesOfLog(gateway.child.stderr).length;
    await db.query('alter function ledger_private.actor() rename to actor_hidden');

    const masked = await service
      .mutate('walletSpend', input)
      .finally(() => db.query('alter function ledger_private.actor_hidden() rename to actor'));

    expect(masked.status).toBe(200);
    const { message, extensions } = errorOf(masked);
    expect(extensions).toEqual({ code: 'INTERNAL', id: expect.stringMatching(UUID) as string });
    expect(message).toBe(`internal error: ${extensions.id ?? ''}`);
    expect(JSON.stringify(masked.body)).not.toMatch(
      /ledger|house|function|select|plpgsql|\.ts|\.js|node_modules|stack/i,
    );
    const lines = await gateway.child.complains(extensions.id ?? '');
    expect(lines.slice(logged)).toEqual([
      expect.objectContaining({
        error_id: extensions.id,
        place: 'walletSpend',
        error: expect.stringMatching(/^42883 /) as string,
      }),
    ]);
    expect(await service.receipt('walletSpend', input)).toMatchObject({ balance: '9', replayed: false });
  });

  it('is RETRY while the wallet stays locked, and other wallets are served', async () => {
    const asset = await someAsset(db);
    const walletId = await newWallet(db, asset, { bought: 10 });
    const other = await newWallet(db, asset, { bought: 10 });
    const input = { walletId, amount: '1', idemKey: newKey() };
    const started = performance.now();

    const refused = await locked(walletId, async () => {
      const [waiting, served] = await Promise.all([
        service.mutate('walletSpend', input),
        service.receipt('walletSpend', { walletId: other, amount: '1', idemKey: newKey() }),
      ]);
      expect(served.balance).toBe('9');
      return waiting;
    });

    expect(errorOf(refused)).toMatchObject({
      message: 'retry: the wallet is busy',
      extensions: { code: 'RETRY' },
    });
    // Only the lock timeout can end the wait while the lock is held.
    expect(performance.now() - started).toBeGreaterThan(1_500);
    expect(await service.receipt('walletSpend', input)).toMatchObject({ balance: '9', replayed: false });
  });

  it('is TIMEOUT if the statement was cancelled', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 10 });

    const [refused] = await locked(walletId, () =>
      Promise.all([
        service.mutate('walletSpend', { walletId, amount: '1', idemKey: newKey() }),
        toWaiting(db, 'pg_cancel_backend'),
      ]),
    );

    expect(errorOf(refused)).toMatchObject({
      message: 'timeout: the call took too long',
      extensions: { code: 'TIMEOUT' },
    });
  });

  it('is RETRY if the connection is lost, and the next call uses another', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 10 });
    const input = { walletId, amount: '1', idemKey: newKey() };

    const [refused] = await locked(walletId, () =>
      Promise.all([service.mutate('walletSpend', input), toWaiting(db, 'pg_terminate_backend')]),
    );

    expect(errorOf(refused).extensions.code).toBe('RETRY');
    expect(JSON.stringify(refused.body)).not.toMatch(/terminat|administrator|ledger/i);
    expect(await service.receipt('walletSpend', input)).toMatchObject({ balance: '9', replayed: false });
  });
});

describe('over HTTP, in production,', () => {
  const mutation = (walletId: string) =>
    `mutation { walletSpend(input: {walletId: "${walletId}", amount: 1, idemKey: "by-get"}) { receipt { seq } } }`;

  it.each(['GET', 'HEAD', 'PUT', 'DELETE'])('queries and mutations are refused by %s', async (method) => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 10 });

    for (const query of ['{ assets { nodes { code } } }', mutation(walletId)]) {
      const response = await service.fetch(`/graphql?query=${encodeURIComponent(query)}`, { method });

      expect(response.status).toBe(405);
      expect(await response.text()).not.toMatch(/"data"/);
    }
    expect(await rowsOf(db, walletId)).toEqual({ transfers: 1, entries: 1 });
  });

  it.each(['/', '/ruru', '/graphql'])('GET %s does not serve an IDE', async (path) => {
    const response = await service.fetch(path, { headers: { Accept: 'text/html' } });
    const text = await response.text();

    expect(response.status).toBe(path === '/graphql' ? 406 : 404);
    expect(text).not.toMatch(/<html|<script|ruru|graphiql/i);
    expect(response.headers.get('x-powered-by')).toBeNull();
  });

  it('liveness and readiness need no token', async () => {
    const stranger = gateway.with(undefined);

    const [healthy, ready] = [await stranger.fetch('/healthz'), await stranger.fetch('/readyz')];

    expect([healthy.status, await healthy.json()]).toEqual([200, { status: 'ok' }]);
    expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready' }]);
  });

  it('an unknown path is 404', async () => {
    const response = await service.fetch('/nothing');

    expect([response.status, await response.json()]).toEqual([
      404,
      { errors: [{ message: 'not found', extensions: { code: 'NOT_FOUND' } }] },
    ]);
  });

  it('no token and no secret is printed', () => {
    const { stdout, stderr } = gateway.child;
    expect(stdout).toMatch(/^Listening on \S+$/m);
    for (const line of stdout.trim().split('\n')) expect(line).toMatch(/^(Listening on \S+$|\{)/);
    expect(stdout + stderr).not.toContain(AUTH.secret);
    expect(stdout + stderr).not.toMatch(/eyJ[\w-]+\.eyJ/);
  });
});

describe('over HTTP, in development,', () => {
  const development = createGateway({ NODE_ENV: undefined });

  it('GET /ruru serves the IDE, with a valid token', async () => {
    const response = await development.with(undefined).fetch('/ruru', { headers: { Accept: 'text/html' } });
    const page = await response.text();

    expect(response.status).toBe(200);
    expect(page).toMatch(/<html/i);
    const token = /Bearer ([\w.-]+)/.exec(page)?.[1];
    const code = await newAsset(development.db);
    const data = await development.with(token).data('{ assets { nodes { code } } }');
    expect(data).toEqual({ assets: { nodes: [{ code }] } });
  });

  it('no demo is posted to a configured database', async () => {
    const { rows } = await development.db.query("select from ledger.wallets where owner_id in ('alice', 'bob')");

    expect(rows).toEqual([]);
  });
});
