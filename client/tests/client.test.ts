/** The client against a real service: what each call returns, what it is refused with, and what its types promise. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { WebSocket } from 'ws';
import {
  call,
  expectSound,
  newAsset,
  newKey,
  newOwner,
  newWallet,
  setStatus,
  UNKNOWN_WALLET,
} from '../../db/tests/helpers.ts';
import type { Role } from '../../src/auth.ts';
import { signToken } from '../../src/dev/sign_token.ts';
import { AUTH, createGateway, ROOT } from '../../src/testing.ts';
import { pauseAfter } from '../src/call.ts';
import {
  createWallet,
  OutcomeUnknown,
  Refused,
  walletId,
  type ClientOptions,
  type Entry,
  type RefusalCode,
  type Wallet,
  type WalletClient,
} from '../src/index.ts';

const gateway = createGateway();
const { db } = gateway;
let asset = '';
let service: WalletClient;
let operator: WalletClient;

const clientOf = async (role: Role, sub: string = role, more: Partial<ClientOptions> = {}): Promise<WalletClient> =>
  createWallet({
    url: gateway.url,
    token: await signToken(AUTH, { role, sub }),
    deadline: 60_000,
    tryTimeout: 30_000,
    ...more,
  });

beforeAll(async () => {
  asset = await newAsset(db);
  service = await clientOf('service', 'shop');
  operator = await clientOf('operator', 'ann');
});

/** A wallet of a new owner, with what it has bought. */
async function filled(bought = 100): Promise<Wallet> {
  const owner = newOwner();
  await newWallet(db, asset, { owner, bought });
  return service.wallet(owner, asset);
}

async function refusedWith(work: Promise<unknown>): Promise<Refused> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Refused)) throw new Error(`not refused: ${String(error)}`);
  return error;
}

async function allOf(entries: AsyncIterable<Entry>): Promise<Entry[]> {
  const all: Entry[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
}

describe('walletId', () => {
  it.each([
    ['alice', 'GOLD'],
    ['a', 'b'],
    ['ab', ''],
    ['', 'ab'],
    ['Ünïcødé 👛', 'G.O-L_D'],
    ['x'.repeat(200), 'y'.repeat(64)],
    ['e\u0301', 'é'],
  ])('of %j and %j is that of SQL', async (owner, code) => {
    const { wallet_id } = await call<{ wallet_id: string }>(db, 'wallet_id', { owner_id: owner, asset_code: code });

    expect(await walletId(owner, code)).toBe(wallet_id);
  });
});

describe('a wallet', () => {
  it('is opened, and is the same wallet when it is opened again', async () => {
    const wallet = service.wallet(newOwner(), asset);

    const opened = await wallet.open();

    expect(opened).toEqual({
      id: await wallet.id(),
      ownerId: wallet.owner,
      assetCode: asset,
      status: 'open',
      createdAt: expect.stringMatching(/^\d{4}-/) as string,
    });
    expect(await wallet.open()).toEqual(opened);
  });

  it('books each flow, and gives the same receipt for the same key', async () => {
    const [wallet, other] = [await filled(0), await filled(0)];
    const metadata = { item: 'sword', price: '9007199254740993' };

    const bought = await wallet.topUp(10n ** 15n, 'bought', { metadata });
    const given = await wallet.bonus(20n, 'given', { expiresAt: new Date('2999-01-01T00:00:00Z') });
    const spent = await wallet.spend(30n, 'spent', { metadata });
    const sent = await wallet.transfer(other, 15n, 'sent');
    const held = await wallet.hold(40n, 'held', { expiresAt: '2999-01-01T00:00:00Z' });
    const captured = await wallet.capture(held.holdId ?? '', 'captured', { amount: 10n });
    const again = await wallet.hold(5n, 'held again');
    const released = await wallet.release(again.holdId ?? '', 'released');
    const reversed = await operator.wallet(wallet.owner, asset).reverse(spent.transferId, 'reversed', { amount: 7n });

    const start = 10n ** 15n;
    expect(
      [bought, given, spent, sent, held, captured, again, released, reversed].map(
        ({ kind, amount, balance, available, seq, replayed }) => [kind, amount, balance, available, seq, replayed],
      ),
    ).toEqual([
      ['top_up', start, start, start, 1n, false],
      ['bonus', 20n, start + 20n, start + 20n, 2n, false],
      ['spend', 30n, start - 10n, start - 10n, 3n, false],
      ['transfer', 15n, start - 25n, start - 25n, 4n, false],
      ['hold', 40n, start - 25n, start - 65n, 5n, false],
      ['capture', 10n, start - 35n, start - 35n, 6n, false],
      ['hold', 5n, start - 35n, start - 40n, 7n, false],
      ['release', 5n, start - 35n, start - 35n, 8n, false],
      ['reversal', 7n, start - 28n, start - 28n, 9n, false],
    ]);
    expect(spent).toMatchObject({ bonusAmount: 20n, owed: 0n, inFlight: false, walletId: await wallet.id() });
    expect(await wallet.topUp(10n ** 15n, 'bought', { metadata })).toEqual({ ...bought, replayed: true });
    expect(await wallet.balance()).toEqual({
      balance: start - 28n,
      bonusBalance: 0n,
      heldBalance: 0n,
      available: start - 28n,
      seq: 9n,
      asOf: expect.any(String) as string,
    });
    expect(await other.balance()).toMatchObject({ balance: 15n });
    await expectSound(db);
  });

  it('takes a chargeback whose credits are gone as a debt, where it may owe', async () => {
    const wallet = await filled(0);
    const { transferId } = await wallet.topUp(50n, 'bought');
    await wallet.spend(30n, 'spent');
    const own = operator.wallet(wallet.owner, asset);

    expect(await refusedWith(own.reverse(transferId, 'back'))).toMatchObject({
      code: 'INSUFFICIENT_FUNDS',
      detail: { missing: 30n },
    });
    expect(await own.reverse(transferId, 'back', { owe: true })).toMatchObject({ amount: 20n, owed: 30n });
  });

  it('tells its history page by page, in either order, and goes on from a cursor', async () => {
    const wallet = await filled(0);
    const keys = Array.from({ length: 7 }, () => newKey());
    for (const key of keys) await wallet.topUp(1n, key, { metadata: { key } });
    await wallet.spend(2n, 'spent');

    const oldest = await allOf(wallet.history({ oldestFirst: true, pageSize: 3 }));
    const newest = await allOf(wallet.history({ pageSize: 4 }));

    expect(oldest.map(({ seq }) => seq)).toEqual([1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n]);
    expect(newest.map(({ seq }) => seq)).toEqual(oldest.map(({ seq }) => seq).reverse());
    expect(oldest[0]).toEqual({
      seq: 1n,
      kind: 'top_up',
      side: 'credit',
      amount: 1n,
      bonusAmount: 0n,
      heldAmount: 0n,
      balance: 1n,
      bonusBalance: 0n,
      heldBalance: 0n,
      counterparty: 'treasury',
      createdAt: expect.any(String) as string,
      transferId: expect.any(String) as string,
      transfer: { idemKey: keys[0], actor: 'service:shop', metadata: { key: keys[0] } },
      cursor: expect.any(String) as string,
    });
    const { cursor = '', createdAt = '' } = oldest[3] ?? {};
    expect(await allOf(wallet.history({ oldestFirst: true, after: cursor }))).toEqual(oldest.slice(4));
    expect(await allOf(wallet.history({ oldestFirst: true, from: createdAt }))).toEqual(oldest.slice(3));
    expect(await allOf(wallet.history({ oldestFirst: true, to: createdAt }))).toEqual(oldest.slice(0, 3));
    expect(await allOf(wallet.history({ kinds: ['spend'] }))).toEqual([oldest[7]]);
    expect(await refusedWith(allOf(service.wallet('nobody', asset).history()))).toMatchObject({
      code: 'WALLET_NOT_FOUND',
    });
  });

  it('is read by its player, who sees nobody else', async () => {
    const [wallet, other] = [await filled(), await filled()];
    const player = await clientOf('player', wallet.owner);

    expect(await player.wallet(wallet.owner, asset).balance()).toMatchObject({ available: 100n });
    expect(await refusedWith(player.wallet(other.owner, asset).balance())).toMatchObject({ code: 'WALLET_NOT_FOUND' });
    expect(await refusedWith(player.wallet(wallet.owner, asset).spend(1n, newKey()))).toMatchObject({
      code: 'FORBIDDEN',
      detail: {},
    });
  });

  it('tells its changes: what it has, and again when something is booked', async () => {
    const wallet = await filled();
    const stop = new AbortController();
    const watched = await clientOf('player', wallet.owner, { webSocket: WebSocket });
    const seen: bigint[] = [];

    for await (const { available } of watched.wallet(wallet.owner, asset).changes({ signal: stop.signal })) {
      seen.push(available);
      if (available === 100n) await wallet.spend(30n, 'spent');
      else if (available === 70n) await wallet.topUp(5n, 'bought');
      else stop.abort();
    }

    expect(seen).toEqual([100n, 70n, 75n]);
  });

  it('refuses to tell the changes of a wallet of somebody else, or with a bad token', async () => {
    const wallet = await filled();
    const stranger = await clientOf('player', newOwner(), { webSocket: WebSocket });
    const nobody = await clientOf('player', 'x', { webSocket: WebSocket, token: 'not a token' });

    const firstOf = (client: WalletClient) => client.wallet(wallet.owner, asset).changes().next();

    expect(await refusedWith(firstOf(stranger))).toMatchObject({ code: 'WALLET_NOT_FOUND' });
    expect(await refusedWith(firstOf(nobody))).toMatchObject({ code: 'UNAUTHENTICATED' });
  });
});

describe('many calls in one', () => {
  it('are booked each for itself, with the receipt or the refusal of the single call', async () => {
    const [wallet, other] = [await filled(), await filled()];

    const outcomes = await service.postEach([
      { kind: 'spend', wallet, amount: 30n, key: 'one', metadata: { item: 'sword' } },
      { kind: 'spend', wallet: await wallet.id(), amount: 500n, key: 'two' },
      { kind: 'transfer', wallet, to: other, amount: 20n, key: 'three' },
      { kind: 'bonus', wallet, amount: 5n, key: 'four', expiresAt: new Date('2999-01-01T00:00:00Z') },
    ]);

    expect(outcomes.map(({ receipt }) => receipt?.balance)).toEqual([70n, undefined, 50n, 55n]);
    const refused = outcomes[1]?.refused;
    expect(refused).toBeInstanceOf(Refused);
    expect(refused).toMatchObject({
      code: 'INSUFFICIENT_FUNDS',
      detail: { available: 70n, requested: 500n },
      inDoubt: false,
    });
  });

  it('are booked all or none, and a refusal says which one failed', async () => {
    const wallet = await filled();

    const refused = await refusedWith(
      service.postBatch([
        { kind: 'spend', wallet, amount: 30n, key: 'one' },
        { kind: 'spend', wallet, amount: 71n, key: 'two' },
      ]),
    );
    const receipts = await service.postBatch([{ kind: 'hold', wallet, amount: 30n, key: 'one' }]);

    expect(refused).toMatchObject({ code: 'INSUFFICIENT_FUNDS', detail: { available: 70n, index: 1 } });
    expect(receipts).toMatchObject([{ kind: 'hold', balance: 100n, available: 70n, replayed: false }]);
  });
});

/** The members of an interface of errors.ts: names, and those of the facts. */
function documented(): Map<string, string[]> {
  const source = ts.createSourceFile(
    'errors.ts',
    readFileSync(join(ROOT, 'client/src/errors.ts'), 'utf8'),
    ts.ScriptTarget.Latest,
  );
  const nameOf = (member: ts.TypeElement): string =>
    member.name && ts.isIdentifier(member.name) ? member.name.text : '...';
  const found = new Map<string, string[]>();
  for (const statement of source.statements) {
    if (!ts.isInterfaceDeclaration(statement) || statement.name.text !== 'RefusalDetails') continue;
    for (const member of statement.members) {
      const type = ts.isPropertySignature(member) ? member.type : undefined;
      found.set(nameOf(member), type && ts.isTypeLiteralNode(type) ? type.members.map(nameOf) : []);
    }
  }
  return found;
}

describe('the refusals', () => {
  /** Answers after which a client sends the same call again. */
  const AGAIN = ['RETRY', 'TIMEOUT', 'INTERNAL', 'RATE_LIMITED'];

  it('that the types name are those of the service', () => {
    const sources = ts.sys
      .readDirectory(join(ROOT, 'src'), ['.ts'])
      .filter((path) => !/(\.test|testing\w*)\.ts$/.test(path));
    const codes = sources.flatMap((path) =>
      [
        ...readFileSync(path, 'utf8').matchAll(/\bcode: '([A-Z_]{4,})'|\b(?:sendError|refused)\([^)]*?'([A-Z_]{4,})'/g),
      ].map(([, one, two]) => one ?? two ?? ''),
    );
    const own = [...new Set(codes)].filter((code) => !AGAIN.includes(code));

    expect(own.length).toBeGreaterThan(15);
    expect([...documented().keys()].sort()).toEqual(own.sort());
  });

  it('have the facts that the types name', async () => {
    const wallet = await filled();
    const { transferId } = await wallet.topUp(1n, 'known');
    const { transferId: holding, holdId } = await wallet.hold(1n, 'held');
    await wallet.release(holdId ?? '', 'released');
    const [frozen, closed] = [await filled(), await filled(0)];
    await setStatus(db, await frozen.id(), 'frozen');
    await setStatus(db, await closed.id(), 'closed');
    const foreign = await newAsset(db);
    const limited = await newAsset(db);
    await call(db, 'asset_limit_set', { asset_code: limited, max_spend: 5 });
    const bounded = service.wallet(newOwner(), limited);
    await bounded.open();
    await bounded.topUp(9n, 'bought');
    const other = service.wallet(newOwner(), foreign);
    await other.open();
    const nobody = service.wallet('nobody', asset);
    const mine = operator.wallet(wallet.owner, asset);

    const cases: [RefusalCode, () => Promise<unknown>][] = [
      ['INVALID_AMOUNT', () => wallet.spend(0n, newKey())],
      ['INVALID_ARGUMENT', () => wallet.spend(1n, ' ')],
      ['SAME_WALLET', () => wallet.transfer(wallet, 1n, newKey())],
      ['WALLET_NOT_FOUND', () => nobody.spend(1n, newKey())],
      ['ASSET_NOT_FOUND', () => service.wallet('somebody', 'NONE').open()],
      ['HOLD_NOT_FOUND', () => wallet.capture(UNKNOWN_WALLET, newKey())],
      ['TRANSFER_NOT_FOUND', () => mine.reverse(UNKNOWN_WALLET, newKey())],
      ['ASSET_MISMATCH', () => wallet.transfer(other, 1n, newKey())],
      ['IDEMPOTENCY_KEY_REUSED', () => wallet.topUp(2n, 'known')],
      ['WALLET_FROZEN', () => frozen.spend(1n, newKey())],
      ['WALLET_CLOSED', () => closed.topUp(1n, newKey())],
      ['HOLD_NOT_OPEN', () => wallet.capture(holdId ?? '', newKey())],
      ['NOT_REVERSIBLE', () => mine.reverse(holding, newKey())],
      ['NOT_REVERSIBLE', () => mine.reverse(transferId, newKey(), { amount: 2n })],
      ['LIMIT_EXCEEDED', () => bounded.spend(6n, newKey())],
      ['INSUFFICIENT_FUNDS', () => wallet.spend(102n, newKey())],
      ['FORBIDDEN', () => wallet.reverse(transferId, newKey())],
      ['UNAUTHENTICATED', () => createWallet({ url: gateway.url, token: 'none' }).wallet('a', asset).balance()],
      [
        'NOT_FOUND',
        () =>
          createWallet({ url: `${gateway.url}/elsewhere`, token: 'none' })
            .wallet('a', asset)
            .balance(),
      ],
      ['BAD_REQUEST', () => wallet.spend(1n, undefined as never)],
    ];
    const types = documented();

    for (const [code, work] of cases) {
      const refused = await refusedWith(work());
      const facts = types.get(code) ?? [];
      const unknown = Object.keys(refused.detail).filter((fact) => !facts.includes(fact) && !facts.includes('...'));
      expect({ code: refused.code, unknown, message: refused.message !== '' }).toEqual({
        code,
        unknown: [],
        message: true,
      });
      for (const [name, value] of Object.entries(refused.detail))
        if (/^(left|max|min|available|requested|missing|amount)$/.test(name))
          expect([name, value === null || typeof value === 'bigint']).toEqual([name, true]);
    }
  });

  it('narrow the facts by the code', async () => {
    const wallet = await filled();
    const error: unknown = await wallet.spend(101n, newKey()).catch((thrown: unknown) => thrown);

    if (!(error instanceof Refused) || error.code !== 'INSUFFICIENT_FUNDS') throw new Error(String(error));
    // The compiler knows it too.
    const missing: bigint = error.detail.requested - error.detail.available;
    expect([missing, error.name, error.hint]).toEqual([
      1n,
      'Refused',
      expect.stringContaining('top the wallet up') as string,
    ]);
  });
});

describe('a call', () => {
  const answered = (body: unknown, status = 200, headers: Record<string, string> = {}): Response =>
    new Response(JSON.stringify(body), { status, headers });
  const receipt = { data: { payload: { result: { balance: '1' } } } };
  const through = (fetching: typeof fetch, more: Partial<ClientOptions> = {}): Wallet =>
    createWallet({ url: 'http://service', token: 'a token', fetch: fetching, ...more }).wallet('a', 'B');

  it('asks a function for its token before each try', async () => {
    const used: string[] = [];
    let number = 0;
    const wallet = through(
      (_url, init) => {
        used.push(new Headers(init?.headers).get('authorization') ?? '');
        return Promise.resolve(used.length < 3 ? answered({}, 502) : answered(receipt));
      },
      { token: () => Promise.resolve(`token-${(number += 1)}`) },
    );

    expect(await wallet.spend(1n, 'key')).toMatchObject({ balance: 1n });
    expect(used).toEqual(['Bearer token-1', 'Bearer token-2', 'Bearer token-3']);
  });

  it('is sent again after a token could not be had, and says so in the end', async () => {
    const wallet = through(() => Promise.resolve(answered(receipt)), {
      deadline: 500,
      token: () => Promise.reject(new Error('the issuer is away')),
    });

    const error: unknown = await wallet.spend(1n, 'key').catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(OutcomeUnknown);
    expect(error).toMatchObject({
      key: 'key',
      keys: ['key'],
      sent: false,
      message: 'outcome unknown: the issuer is away',
    });
  });

  it.each([
    ['a service that never answers', () => new Promise<never>(() => undefined)],
    ['answers that are cut off', () => Promise.resolve(new Response('{"data": {"payl'))],
    ['answers that say nothing', () => Promise.resolve(answered({ data: null }))],
    ['a page of a load balancer', () => Promise.resolve(new Response('<html>', { status: 503 }))],
  ])('ends with its deadline, and its keys, at %s', async (_what, fetching) => {
    const wallet = through(fetching, { deadline: 400, tryTimeout: 100 });

    const error: unknown = await wallet.spend(1n, 'key').catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(OutcomeUnknown);
    expect(error).toMatchObject({ name: 'OutcomeUnknown', key: 'key', sent: true });
  });

  it('ends at once where its signal comes, and may have been booked', async () => {
    const stop = new AbortController();
    const wallet = through(() => {
      stop.abort(new Error('enough'));
      return new Promise<never>(() => undefined);
    });

    const error: unknown = await wallet.spend(1n, 'key', { signal: stop.signal }).catch((thrown: unknown) => thrown);
    const before: unknown = await wallet.spend(1n, 'key', { signal: stop.signal }).catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({ name: 'OutcomeUnknown', key: 'key', sent: true, message: 'outcome unknown: enough' });
    expect(before).toMatchObject({ name: 'OutcomeUnknown', key: 'key', sent: false });
  });

  it('ends at once where it is asked to wait longer than it may', async () => {
    let tries = 0;
    const wallet = through(() => {
      tries += 1;
      return Promise.resolve(answered({}, 429, { 'Retry-After': '3600' }));
    });

    const error: unknown = await wallet.spend(1n, 'key').catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({ name: 'OutcomeUnknown', sent: false });
    expect(tries).toBe(1);
  });

  it('pauses for anything up to a bound that doubles with each try, and is 5 s at most', () => {
    expect([0, 1, 2, 3, 10, 100].map((tries) => pauseAfter(tries, 1))).toEqual([100, 200, 400, 800, 5_000, 5_000]);
    expect([0, 5].map((tries) => pauseAfter(tries, 0))).toEqual([0, 0]);
    const drawn = Array.from({ length: 50 }, () => pauseAfter(3));
    expect(new Set(drawn).size).toBeGreaterThan(40);
    expect(drawn.every((pause) => pause >= 0 && pause < 800)).toBe(true);
  });
});
