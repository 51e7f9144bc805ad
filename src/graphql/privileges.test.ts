import { readFileSync } from 'node:fs';
import { buildSchema, getNamedType, type GraphQLEnumType, type GraphQLObjectType, isObjectType } from 'graphql';
import {
  call,
  newAsset,
  newKey,
  newOwner,
  newWallet,
  rowsOf,
  setStatus,
  UNKNOWN_WALLET,
} from '../../db/tests/helpers.ts';
import type { Role } from '../auth.ts';
import { type Answer, type Caller, createGateway, errorOf, ROOT } from '../testing.ts';

const ROLES: Role[] = ['player', 'service', 'operator', 'auditor'];
const FLOWS: Role[] = ['service', 'operator'];
const OPERATORS: Role[] = ['operator'];
const ALL: Role[] = ROLES;

const gateway = createGateway();
const { db } = gateway;

let asset = '';
let owner = '';
let own = '';
let other = '';
let sent = '';
let received = '';
beforeAll(async () => {
  asset = await newAsset(db);
  owner = newOwner();
  own = await newWallet(db, asset, { owner, bought: 10 });
  other = await newWallet(db, asset, { bought: 10 });
  const move = async (from_wallet: string, to_wallet: string) =>
    (
      await call(db, 'wallet_transfer', {
        from_wallet,
        to_wallet,
        amount: 1,
        idem_key: newKey(),
        metadata: { note: 'private' },
      })
    ).transfer_id;
  sent = await move(own, other);
  received = await move(other, own);
});

const as = (role: Role) => gateway.as(role, role === 'player' ? owner : role);

/** Places a hold of 1 in the wallet `own`. */
const place = async () => (await call(db, 'wallet_hold', { wallet_id: own, amount: 1, idem_key: newKey() })).hold_id;
const topUp = async () =>
  (await call(db, 'wallet_top_up', { wallet_id: own, amount: 1, idem_key: newKey() })).transfer_id;
const withStatus = async (name?: 'wallet_freeze' | 'wallet_close') => {
  const walletId = await newWallet(db, asset);
  if (name) await call(db, name, { wallet_id: walletId, reason: 'for a test' });
  return { walletId, reason: 'for a test' };
};

/** A wallet that owes 5 and has 3. */
const owing = async () => {
  const wallet_id = await newWallet(db, asset);
  const book = (name: string, amount: number) => call(db, name, { wallet_id, amount, idem_key: newKey() });
  const { transfer_id } = await book('wallet_top_up', 5);
  await book('wallet_spend', 5);
  await call(db, 'wallet_reverse', { wallet_id, transfer_id, idem_key: newKey(), owe: true });
  await book('wallet_top_up', 3);
  return wallet_id;
};

/** The input of an exchange between two wallets of a new owner. */
const exchanged = async () => {
  const someone = newOwner();
  const fromWallet = await newWallet(db, asset, { owner: someone, bought: 5 });
  const toWallet = await newWallet(db, await newAsset(db), { owner: someone });
  return { fromWallet, toWallet, amount: 1, toAmount: 2, idemKey: newKey() };
};

const outcome = (answer: Answer): string => (answer.body.errors ? errorOf(answer).extensions.code : 'ok');

describe.each(ROLES)('a token of the role %s', (role) => {
  it.each([
    ['walletOpen', FLOWS, () => ({ ownerId: newOwner(), assetCode: asset }), 'wallet { id }'],
    ['walletTopUp', FLOWS, () => ({ walletId: own, amount: 1, idemKey: newKey() }), 'receipt { seq }'],
    ['walletBonus', FLOWS, () => ({ walletId: own, amount: 1, idemKey: newKey() }), 'receipt { seq }'],
    ['walletSpend', FLOWS, () => ({ walletId: own, amount: 1, idemKey: newKey() }), 'receipt { seq }'],
    [
      'walletTransfer',
      FLOWS,
      () => ({ fromWallet: own, toWallet: other, amount: 1, idemKey: newKey() }),
      'receipt { seq }',
    ],
    ['walletHold', FLOWS, () => ({ walletId: own, amount: 1, idemKey: newKey() }), 'receipt { seq }'],
    [
      'walletCapture',
      FLOWS,
      async () => ({ walletId: own, holdId: await place(), idemKey: newKey() }),
      'receipt { seq }',
    ],
    [
      'walletRelease',
      FLOWS,
      async () => ({ walletId: own, holdId: await place(), idemKey: newKey() }),
      'receipt { seq }',
    ],
    [
      'walletPostBatch',
      FLOWS,
      () => ({ requests: [{ kind: 'top_up', walletId: own, amount: 1, idemKey: newKey() }] }),
      'receipts { seq }',
    ],
    [
      'walletPostEach',
      FLOWS,
      () => ({ requests: [{ kind: 'top_up', walletId: own, amount: 1, idemKey: newKey() }] }),
      'outcomes { receipt { seq } }',
    ],
    [
      'walletReverse',
      OPERATORS,
      async () => ({ walletId: own, transferId: await topUp(), idemKey: newKey() }),
      'receipt { seq }',
    ],
    [
      'walletAdjust',
      OPERATORS,
      () => ({ walletId: own, side: 'credit', amount: 1, reason: 'an error', idemKey: newKey() }),
      'receipt { seq }',
    ],
    [
      'walletOpening',
      OPERATORS,
      async () => ({ walletId: await newWallet(db, asset), amount: 1, idemKey: newKey() }),
      'receipt { seq }',
    ],
    [
      'walletCollect',
      OPERATORS,
      async () => ({ walletId: await owing(), amount: 1, idemKey: newKey() }),
      'receipt { owed }',
    ],
    [
      'walletForgive',
      OPERATORS,
      async () => ({ walletId: await owing(), amount: 1, reason: 'a gesture', idemKey: newKey() }),
      'receipt { owed }',
    ],
    ['walletExchange', FLOWS, () => exchanged(), 'receipt { seq }'],
    ['walletFreeze', OPERATORS, () => withStatus(), 'wallet { status }'],
    ['walletClose', OPERATORS, () => withStatus(), 'wallet { status }'],
    ['walletReopen', OPERATORS, () => withStatus('wallet_close'), 'wallet { status }'],
    ['assetCreate', OPERATORS, () => ({ code: newKey(), name: 'New' }), 'asset { code }'],
    ['walletLimitSet', OPERATORS, () => ({ walletId: own, maxTransfer: 1_000_000 }), 'limits { seq }'],
    ['assetSet', OPERATORS, () => ({ assetCode: asset, uniqueReference: 'payment' }), 'limits { seq }'],
    ['assetLimitSet', OPERATORS, () => ({ assetCode: asset, maxSpend: 1_000_000 }), 'limits { seq }'],
  ] as [string, Role[], () => Record<string, unknown> | Promise<Record<string, unknown>>, string][])(
    'calls %s if it is one of %j, and is FORBIDDEN otherwise',
    async (name, allowed, input, payload) => {
      const given = await input();
      const before = await rowsOf(db);

      const answer = await as(role).mutate(name, given, payload);

      const may = allowed.includes(role);
      expect(outcome(answer)).toBe(may ? 'ok' : 'FORBIDDEN');
      expect(answer.status).toBe(200);
      if (!may) {
        expect(errorOf(answer).message).toBe("forbidden: the token's role may not do this");
        expect(await rowsOf(db)).toEqual(before);
      }
    },
  );

  it.each([
    ['assets', ALL, () => '{ assets { nodes { code } } }'],
    ['wallets', ALL, () => '{ wallets { nodes { id balance } } }'],
    [
      'wallet',
      ALL,
      () => `{ wallet(id: "${own}") { id balance entries { nodes { seq } } events { nodes { kind } } } }`,
    ],
    ['walletId', ALL, () => '{ walletId(ownerId: "x", assetCode: "GOLD") }'],
    ['walletBalance', ALL, () => `{ walletBalance(walletId: "${own}") { balance } }`],
    ['walletBalanceAt', ALL, () => `{ walletBalanceAt(walletId: "${own}", atTime: "2099-01-01") { balance } }`],
    ['walletExplain', ALL, () => `{ walletExplain(walletId: "${own}") { source amount } }`],
    ['holds', ALL, () => `{ wallet(id: "${own}") { holds { nodes { id status closing { kind } } } } }`],
    ['limits', ALL, () => '{ assets { nodes { limits { maxSpend actor } } } }'],
    ['ledgerTrialBalance', ['operator', 'auditor'], () => '{ ledgerTrialBalance { nodes { account } } }'],
    [
      'ledgerBalancesAt',
      ['operator', 'auditor'],
      () => '{ ledgerBalancesAt(atTimes: ["2026-01-01T00:00:00Z"]) { nodes { account balance final } } }',
    ],
    [
      'ledgerActivity',
      ['operator', 'auditor'],
      () =>
        `{ ledgerActivity(assetCode: "${asset}", fromTime: "2026-01-01T00:00:00Z", toTime: "2026-02-01T00:00:00Z") { nodes { kind } } }`,
    ],
    ['blocks', ['operator', 'auditor'], () => '{ blocks(last: 1) { nodes { seq hash finalUntil } } }'],
    ['block', ['operator', 'auditor'], () => '{ block(seq: "1") { seq } }'],
    ['verifications', ['operator', 'auditor'], () => '{ verifications(last: 1) { nodes { findings } } }'],
    ['ledgerVerify', ['auditor'], () => '{ ledgerVerify { nodes { rule } } }'],
    ['ledgerVerify of a wallet', ['auditor'], () => `{ ledgerVerify(walletId: "${own}") { nodes { rule } } }`],
  ] as [string, Role[], () => string][])(
    'reads %s if it is one of %j, and is FORBIDDEN otherwise',
    async (_name, allowed, query) => {
      expect(outcome(await as(role).post(query()))).toBe(allowed.includes(role) ? 'ok' : 'FORBIDDEN');
    },
  );
});

describe('rows over GraphQL', () => {
  interface Seen {
    wallets: { nodes: { id: string; ownerId: string }[] };
    own: { entries: { nodes: { transferId: string; transfer: { id: string } | null }[] } } | null;
    other: object | null;
    otherEntry: object | null;
    sent: { creditEntry: object | null; debitEntry: object | null } | null;
    received: object | null;
  }

  /** What the role sees of the asset, its wallets and the two transfers. */
  async function sees(role: Role, sub?: string): Promise<Seen> {
    const caller = sub === undefined ? as(role) : gateway.as(role, sub);
    const data = await caller.data<Seen>(
      `query ($own: UUID!, $other: UUID!, $sent: UUID!, $received: UUID!) {
        wallets(first: 1000) { nodes { id ownerId } }
        own: wallet(id: $own) { entries { nodes { transferId transfer { id } } } }
        other: wallet(id: $other) { id }
        otherEntry: entry(walletId: $other, seq: 1) { seq }
        sent: transfer(id: $sent) { metadata debitEntry { walletId } creditEntry { walletId } }
        received: transfer(id: $received) { metadata }
      }`,
      { own, other, sent, received },
    );
    return data;
  }

  it('are visible to a player if they belong to their wallet; others are null with 200', async () => {
    const seen = await sees('player');

    expect(seen.wallets.nodes).toEqual([{ id: own, ownerId: owner }]);
    expect(seen).toMatchObject({ other: null, otherEntry: null, received: null });
    // The other entry belongs to the receiver's wallet.
    expect(seen.sent).toEqual({ metadata: { note: 'private' }, debitEntry: { walletId: own }, creditEntry: null });
  });

  it('of others do not exist for a player (WALLET_NOT_FOUND)', async () => {
    const ask = (id: string) => as('player').post(`{ walletBalance(walletId: "${id}") { balance } }`);

    const [hidden, missing] = [await ask(other), await ask(UNKNOWN_WALLET)];

    const { message, extensions } = errorOf(hidden);
    expect(extensions.code).toBe('WALLET_NOT_FOUND');
    expect(JSON.parse(JSON.stringify({ message, extensions }).replaceAll(other, UNKNOWN_WALLET))).toEqual({
      message: errorOf(missing).message,
      extensions: errorOf(missing).extensions,
    });
  });

  it('of a transfer received are the entry for a player, without the transfer', async () => {
    const { own: wallet } = await sees('player');

    const transfers = new Map(wallet?.entries.nodes.map((entry) => [entry.transferId, entry.transfer]));
    expect(transfers.get(received)).toBeNull();
    expect(transfers.get(sent)).toEqual({ id: sent });
  });

  it('of a transfer received reveal nothing of the sender to a player, by any field, filter, order, hash or cursor', async () => {
    const [sender, receiver] = [`sender-${newOwner()}`, newOwner()];
    const from_wallet = await newWallet(db, asset, { owner: sender, bought: 9 });
    const to_wallet = await newWallet(db, asset, { owner: receiver, bought: 1 });
    const [idem_key, note] = [newKey(), `note-${newKey()}`];
    const { transfer_id } = await call(db, 'wallet_transfer', {
      ...{ from_wallet, to_wallet, amount: 5, idem_key, metadata: { note } },
    });
    await call(db, 'wallet_reverse', {
      wallet_id: from_wallet,
      transfer_id,
      amount: 2,
      idem_key: newKey(),
      metadata: { note },
    });
    const secrets = [from_wallet, sender, idem_key, note];
    const schema = buildSchema(readFileSync(`${ROOT}schema.graphql`, 'utf8'));
    /** All fields without arguments, to a depth of `depth` objects; lists by their nodes. */
    const fieldsOf = (type: GraphQLObjectType, depth: number): string =>
      Object.values(type.getFields())
        .flatMap(({ name, type: of }) => {
          const named = getNamedType(of);
          if (!isObjectType(named)) return [name];
          const inner = depth > 0 ? fieldsOf(named, depth - 1) : '';
          return inner === '' ? [] : [`${name} { ${inner} }`];
        })
        .join(' ');
    const everything = fieldsOf(schema.getType('Entry') as GraphQLObjectType, 2);
    const orders = (schema.getType('EntryOrderBy') as GraphQLEnumType)
      .getValues()
      .map(({ name }) => `orderBy: ${name}`);
    const filters = [
      'kinds: [transfer, reversal]',
      'from: "2000-01-01T00:00:00Z"',
      'to: "2999-01-01T00:00:00Z"',
      'last: 3',
    ];
    const ask = (caller: Caller, args: string) =>
      caller.data<{ wallet: { entries: { edges: { cursor: string; node: object }[] } } }>(
        `{ wallet(id: "${to_wallet}") { entries(${args}) { edges { cursor node { ${everything} } } pageInfo { startCursor endCursor } } } }`,
      );
    const textOf = ({ wallet }: Awaited<ReturnType<typeof ask>>) =>
      JSON.stringify(wallet) +
      wallet.entries.edges.map(({ cursor }) => Buffer.from(cursor, 'base64').toString()).join(' ');

    expect(everything).toMatch(/counterparty .* hash .* transfer \{ .*idemKey.* metadata/);
    for (const args of [...orders, ...filters]) {
      const shown = textOf(await ask(gateway.as('player', receiver), args));
      expect([args, shown.includes(transfer_id)]).toEqual([args, true]);
      for (const secret of secrets) expect([args, secret, shown.includes(secret)]).toEqual([args, secret, false]);
      // The same query returns all of it to a caller who may see it.
      const whole = textOf(await ask(gateway.as('service'), args));
      for (const secret of [from_wallet, idem_key, note])
        expect([args, secret, whole.includes(secret)]).toEqual([args, secret, true]);
    }
    expect(
      await gateway.as('player', receiver).data(`{
        wallet(id: "${from_wallet}") { id } transfer(id: "${transfer_id}") { id } entry(walletId: "${from_wallet}", seq: 2) { seq }
        transferByIdemKey(walletId: "${from_wallet}", idemKey: "${idem_key}") { id } }`),
    ).toEqual({ wallet: null, transfer: null, entry: null, transferByIdemKey: null });
    for (const format of ['csv', 'ndjson']) {
      const response = await gateway.as('player', receiver).fetch(`/wallets/${to_wallet}/history.${format}`);
      const text = await response.text();
      expect([format, text.includes(transfer_id)]).toEqual([format, true]);
      for (const secret of secrets) expect([format, secret, text.includes(secret)]).toEqual([format, secret, false]);
    }
  });

  it("of another player's transfer cannot be found by its key", async () => {
    const { rows } = await db.query<{ idem_key: string }>('select idem_key from ledger.transfers where id = $1', [
      received,
    ]);
    const query = `{ transferByIdemKey(walletId: "${other}", idemKey: "${rows[0]?.idem_key ?? ''}") { id } }`;

    expect(await as('player').data(query)).toEqual({ transferByIdemKey: null });
    expect(await as('service').data(query)).toEqual({ transferByIdemKey: { id: received } });
  });

  it("are a player's own holds, lots, balances and reversals, and none of another's", async () => {
    const player = newOwner();
    const theirs = await newWallet(db, asset, { owner: player, bought: 10 });
    const { hold_id } = await call(db, 'wallet_hold', { wallet_id: theirs, amount: 4, idem_key: newKey() });
    const { transfer_id } = await call(db, 'wallet_spend', { wallet_id: theirs, amount: 2, idem_key: newKey() });
    const { transfer_id: reversal } = await call(db, 'wallet_reverse', {
      wallet_id: theirs,
      transfer_id,
      idem_key: newKey(),
    });
    const query = `{
      wallet(id: "${theirs}") { available holds(open: true) { nodes { id status transfer { id } wallet { id } } } }
      hold(walletId: "${theirs}", id: "${hold_id ?? ''}") { amount }
      transfer(id: "${transfer_id}") { reversals { nodes { id } } }
      reversal: transfer(id: "${reversal}") { reversedTransfer { id } }
      walletExplain(walletId: "${theirs}") { source amount available holdId }
      walletBalanceAt(walletId: "${theirs}", atTime: "2099-01-01") { balance heldBalance } }`;

    const seen = await gateway.as('player', player).data(query);
    const others = await gateway.as('player', owner).post(query);

    expect(seen).toEqual({
      wallet: {
        available: '6',
        holds: { nodes: [{ id: hold_id, status: 'open', transfer: { id: hold_id }, wallet: { id: theirs } }] },
      },
      hold: { amount: '4' },
      transfer: { reversals: { nodes: [{ id: reversal }] } },
      reversal: { reversedTransfer: { id: transfer_id } },
      walletExplain: [
        { source: 'paid', amount: '6', available: '6', holdId: null },
        { source: 'paid', amount: '4', available: '0', holdId: hold_id },
      ],
      walletBalanceAt: { balance: '10', heldBalance: '4' },
    });
    expect(others.body.data).toEqual({
      wallet: null,
      hold: null,
      transfer: null,
      reversal: null,
      walletExplain: null,
      walletBalanceAt: null,
    });
    expect(others.body.errors?.map(({ path, extensions }) => [path, extensions.code])).toEqual(
      expect.arrayContaining([
        [['walletExplain'], 'WALLET_NOT_FOUND'],
        [['walletBalanceAt'], 'WALLET_NOT_FOUND'],
      ]),
    );
    for (const role of ['service', 'operator', 'auditor'] as const) {
      expect(await gateway.as(role).data(query)).toEqual(seen);
    }
  });

  it('of a reversed transfer are visible to the sender only', async () => {
    const [sender, receiver] = [newOwner(), newOwner()];
    const from_wallet = await newWallet(db, asset, { owner: sender, bought: 5 });
    const to_wallet = await newWallet(db, asset, { owner: receiver });
    const { transfer_id } = await call(db, 'wallet_transfer', {
      from_wallet,
      to_wallet,
      amount: 5,
      idem_key: newKey(),
    });
    await call(db, 'wallet_reverse', { wallet_id: from_wallet, transfer_id, idem_key: newKey() });
    const query = (wallet: string) =>
      `{ wallet(id: "${wallet}") { entries { nodes { kind counterparty transfer { kind reversedTransfer { kind } } } } } }`;

    expect(await gateway.as('player', sender).data(query(from_wallet))).toMatchObject({
      wallet: {
        entries: {
          nodes: [
            { kind: 'reversal', counterparty: to_wallet, transfer: { reversedTransfer: { kind: 'transfer' } } },
            { kind: 'transfer', counterparty: to_wallet },
            { kind: 'top_up' },
          ],
        },
      },
    });
    expect(await gateway.as('player', receiver).data(query(to_wallet))).toEqual({
      wallet: {
        entries: {
          nodes: ['reversal', 'transfer'].map((kind) => ({ kind, counterparty: null, transfer: null })),
        },
      },
    });
  });

  it.each(['nobody', ' ', 'null', 'treasury', '%', "' or true --"])(
    'are invisible to a player with the subject %j',
    async (sub) => {
      expect(await sees('player', sub)).toEqual({
        wallets: { nodes: [] },
        own: null,
        other: null,
        otherEntry: null,
        sent: null,
        received: null,
      });
    },
  );

  it.each(ROLES.filter((role) => role !== 'player'))('of all players are visible to the role %s', async (role) => {
    const seen = await sees(role);

    expect(seen.wallets.nodes.map(({ id }) => id)).toEqual(expect.arrayContaining([own, other]));
    expect(seen).toMatchObject({ other: { id: other }, otherEntry: { seq: '1' } });
    expect(seen.received).toEqual({ metadata: { note: 'private' } });
    expect(seen.sent).toMatchObject({ debitEntry: { walletId: own }, creditEntry: { walletId: other } });
  });

  it('of one caller never come in the answer to another on the same connection', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, async (_, nth) => {
        const role = ROLES[nth % 4] ?? 'player';
        const data = await as(role).data<{ wallets: { nodes: { ownerId: string }[] } }>(
          '{ wallets(first: 1000) { nodes { ownerId } } }',
        );
        return { role, nodes: data.wallets.nodes };
      }),
    );

    for (const { role, nodes } of answers) {
      expect({ role, others: nodes.some(({ ownerId }) => ownerId !== owner) }).toEqual({
        role,
        others: role !== 'player',
      });
      if (role === 'player') expect(nodes).toEqual([{ ownerId: owner }]);
    }
  });

  it('of a frozen wallet show its player the balance, but not the actor and the reason', async () => {
    const player = newOwner();
    const wallet = await newWallet(db, asset, { owner: player, bought: 3 });
    await setStatus(db, wallet, 'frozen');

    expect(
      await gateway
        .as('player', player)
        .data(`{ wallet(id: "${wallet}") { status available events { nodes { kind } } } }`),
    ).toEqual({ wallet: { status: 'frozen', available: '3', events: { nodes: [] } } });
  });
});
