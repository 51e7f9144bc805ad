/** The same calls give the same receipts and refusals over GraphQL, in a SQL job's transaction and in psql. */
import pg from 'pg';
import {
  call,
  forceHead,
  MAX_BALANCE,
  newAsset,
  newKey,
  newOwner,
  newWallet,
  setStatus,
  someAsset,
  UNKNOWN_WALLET,
} from '../db/tests/helpers.ts';
import { age } from '../db/tests/aged.ts';
import { createGateway, errorOf, RECEIPT } from './testing.ts';

const HOUR_MS = 3_600_000;

type Args = Record<string, unknown>;
interface Call {
  name: string;
  args: Args;
}
interface Refused {
  code: string;
  message: string;
  detail: unknown;
  hint: string | undefined;
}
type Row = Record<string, unknown>;
/** The outcome of a call, with the names and values of SQL. */
type Outcome = { rows: Row[] } | { refused: Refused };
type Door = (call: Call) => Promise<Outcome>;

const CODES: Record<string, string> = {
  WLAMT: 'INVALID_AMOUNT',
  WLARG: 'INVALID_ARGUMENT',
  WLSLF: 'SAME_WALLET',
  WLNOW: 'WALLET_NOT_FOUND',
  WLNOA: 'ASSET_NOT_FOUND',
  WLNOH: 'HOLD_NOT_FOUND',
  WLNOT: 'TRANSFER_NOT_FOUND',
  WLAST: 'ASSET_MISMATCH',
  WLKEY: 'IDEMPOTENCY_KEY_REUSED',
  WLFRZ: 'WALLET_FROZEN',
  WLCLS: 'WALLET_CLOSED',
  WLHLD: 'HOLD_NOT_OPEN',
  WLREV: 'NOT_REVERSIBLE',
  WLLIM: 'LIMIT_EXCEEDED',
  WLFND: 'INSUFFICIENT_FUNDS',
  '55P03': 'RETRY',
};
const WALLET = 'wallet { id ownerId assetCode status createdAt }';
const ASSET_LIMITS =
  'limits { assetCode seq maxSpend maxBalance maxDailyTopUp maxDailyBonus maxDailySpend maxTransfer maxDailyTransfer uniqueReference collectDebts actor createdAt }';
const PAYLOADS: Record<string, string> = {
  wallet_open: WALLET,
  wallet_freeze: WALLET,
  wallet_close: WALLET,
  wallet_reopen: WALLET,
  asset_create: 'asset { code name scale createdAt }',
  asset_limit_set: ASSET_LIMITS,
  asset_set: ASSET_LIMITS,
  wallet_limit_set:
    'limits { walletId seq maxSpend maxBalance maxDailyTopUp maxDailyBonus maxDailySpend maxTransfer maxDailyTransfer }',
  wallet_post_batch: `receipts { ${RECEIPT} }`,
  wallet_post_each: `outcomes { receipt { ${RECEIPT} } refusal { code message detail hint } }`,
};
const RECEIPTS = [
  'wallet_top_up',
  'wallet_bonus',
  'wallet_spend',
  'wallet_transfer',
  'wallet_hold',
  'wallet_capture',
  'wallet_release',
  'wallet_reverse',
  'wallet_exchange',
  'wallet_opening',
  'wallet_adjust',
  'wallet_collect',
  'wallet_forgive',
];
const STATUSES = ['wallet_freeze', 'wallet_close', 'wallet_reopen'];
/** Functions for operators, which jobs may not call. */
const OPERATED = [
  ...[
    'asset_create',
    'asset_set',
    'wallet_merge',
    'asset_limit_set',
    'wallet_limit_set',
    'wallet_reverse',
    'wallet_opening',
    'wallet_adjust',
  ],
  ...['wallet_collect', 'wallet_forgive'],
  ...STATUSES,
];

const gateway = createGateway();
const { db } = gateway;

const camelCase = (name: string): string => name.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase());
const snakeCase = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const graphql: Door = async ({ name, args }) => {
  const field = camelCase(name);
  const answer = await gateway
    .as(OPERATED.includes(name) ? 'operator' : 'service', 'shop')
    .mutate(field, toInput(args), PAYLOADS[name] ?? `receipt { ${RECEIPT} }`);
  const payload = answer.body.data?.[field] as Record<string, Row | Row[]> | null | undefined;
  const [result] = Object.values(payload ?? {});
  if (result) {
    const rows = Array.isArray(result) ? result : [result];
    return { rows: rows.map(snakeCased) };
  }
  const { message, extensions } = errorOf(answer);
  expect({ status: answer.status, data: answer.body.data }).toEqual({ status: 200, data: { [field]: null } });
  return {
    refused: { code: extensions.code, message, detail: timeless(extensions.detail ?? {}), hint: extensions.hint },
  };
};

function snakeCased(row: Row): Row {
  const valueOf = (key: string, value: unknown): unknown => {
    if (key === 'receipt' && value) return snakeCased(value as Row);
    return key === 'refusal' && value ? timelessRefusal(value as Row) : value;
  };
  return Object.fromEntries(Object.entries(row).map(([key, value]) => [snakeCase(key), valueOf(key, value)]));
}

function toInput(args: Args): Args {
  return Object.fromEntries(
    Object.entries(args).map(([key, value]) => [
      camelCase(key),
      key === 'requests' ? (value as Args[]).map(toInput) : value,
    ]),
  );
}

/** One call in a transaction, with parameters, as drivers send it. */
const job: Door = async ({ name, args }) => {
  const client = await db.connectJob();
  const given = Object.entries(args);
  const list = given.map(([key], index) => `${key} => ${parameter(key, index + 1)}`).join(', ');
  return sqlOutcome(name, client, async () => {
    await client.query('begin');
    const { rows } = await client.query<{ row: Row }>(
      `select to_jsonb(r) as row from ledger.${name}(${list}) r`,
      given.map(([key, value]) => (key === 'metadata' || key === 'requests' ? jsonText(value) : value)),
    );
    await client.query('commit');
    return rows;
  });
};

const parameter = (key: string, number: number): string =>
  key === 'requests'
    ? `array(select r from jsonb_populate_recordset(null::ledger.wallet_request, $${number}::jsonb) r)`
    : `$${number}`;

/** A superuser's statement with literals, as typed in psql. */
const psql: Door = async ({ name, args }) => {
  const client = await db.connect();
  const list = Object.entries(args)
    .map(([key, value]) => `${key} => ${literal(key, value)}`)
    .join(', ');
  return sqlOutcome(name, client, async () => {
    const { rows } = await client.query<{ row: Row }>(`select to_jsonb(r) as row from ledger.${name}(${list}) r`);
    return rows;
  });
};

const jsonText = (value: unknown): string | null => (value === null ? null : JSON.stringify(value));

const ITEM = [
  'kind',
  'wallet_id',
  'counterparty_id',
  'amount',
  'idem_key',
  'expires_at',
  'metadata',
  'hold_id',
  'transfer_id',
  'bonus_amount',
  'side',
  'reason',
  'to_amount',
  'owe',
];

function literal(key: string, value: unknown): string {
  if (key === 'requests') {
    const rows = (value as Args[]).map(
      (item) => `(${ITEM.map((name) => literal(name, item[name] ?? null)).join(', ')})`,
    );
    return `array[${rows.join(', ')}]::ledger.wallet_request[]`;
  }
  if (value === null) return 'null';
  if (key === 'metadata') return pg.escapeLiteral(JSON.stringify(value));
  return typeof value === 'string' ? pg.escapeLiteral(value) : JSON.stringify(value);
}

async function sqlOutcome(name: string, client: pg.Client, work: () => Promise<{ row: Row }[]>): Promise<Outcome> {
  await client.query("set time zone 'UTC'");
  try {
    const answer = await work();
    return {
      rows: answer.map(({ row }) => rowFromJson(name, row)),
    };
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    await client.query('rollback');
    const { code = '', message, detail = '', hint } = error;
    return { refused: { code: CODES[code] ?? code, message, detail: timeless(JSON.parse(detail) as Row), hint } };
  }
}

/** `now` differs for each interface. */
function timeless(detail: Row): Row {
  return 'now' in detail ? { ...detail, now: expect.stringMatching(/^20\d\d-.*\+00:00$/) as string } : detail;
}

/** The refusal of one item of many calls. */
const timelessRefusal = (refusal: Row): Row => ({ ...refusal, detail: timeless((refusal.detail ?? {}) as Row) });

const rowFromJson = (name: string, row: Row): Row =>
  Object.fromEntries(Object.entries(row).map(([key, value]) => [key, fromJson(name, key, value)]));

/** Converts values of GraphQL: 64-bit numbers are text, and timestamps have six digits. */
function fromJson(name: string, key: string, value: unknown): unknown {
  if (key === 'receipt' && value) return rowFromJson(name, value as Row);
  if (key === 'refusal' && value) {
    const { code, ...refusal } = value as Row & { code: string };
    return timelessRefusal({ code: CODES[code] ?? code, ...refusal });
  }
  if (key === 'created_at') {
    const [, time = '', fraction = '', zone = ''] = /^([^.]+?)(?:\.(\d+))?(\+00:00)$/.exec(value as string) ?? [];
    return `${time}.${fraction.padEnd(6, '0')}${zone}`;
  }
  const isInt =
    key === 'scale' || (['asset_limit_set', 'asset_set', 'wallet_limit_set'].includes(name) && key === 'seq');
  return typeof value === 'number' && !isInt ? String(value) : value;
}

/** Jobs may only book. */
const doorsOf = (name: string): [string, Door][] =>
  OPERATED.includes(name) || name === 'wallet_open'
    ? [
        ['graphql', graphql],
        ['psql', psql],
      ]
    : [
        ['graphql', graphql],
        ['job', job],
        ['psql', psql],
      ];

async function askAll({ name, args }: Call): Promise<Record<string, Outcome>> {
  const outcomes: Record<string, Outcome> = {};
  for (const [door, ask] of doorsOf(name)) outcomes[door] = await ask({ name, args });
  return outcomes;
}

const everywhere = (name: string, outcome: Outcome): Record<string, Outcome> =>
  Object.fromEntries(doorsOf(name).map(([door]) => [door, outcome]));

function rowOf(outcome: Outcome | undefined): Row {
  if (!outcome || !('rows' in outcome)) throw new Error(JSON.stringify(outcome));
  const [row, ...more] = outcome.rows;
  if (!row || more.length > 0) throw new Error(`not one row: ${JSON.stringify(outcome)}`);
  return row;
}

/** GraphQL has neither the hash of an asset or its limits, nor these two columns of a wallet. */
function withoutHash(outcome: Outcome | undefined): Outcome {
  const { hash, own_limits, merged_into, ...row } = rowOf(outcome);
  expect(['string', 'undefined']).toContain(typeof hash);
  expect([own_limits ?? null, merged_into ?? null]).toEqual([null, null]);
  return { rows: [row] };
}

async function someWallet(has: { bought?: number; bonus?: number; owner?: string } = {}): Promise<string> {
  return newWallet(db, await someAsset(db), has);
}

/** A call that will be booked, for this wallet or for a new one of this asset. */
async function goodCall(name: string, { wallet = '', asset = '' } = {}): Promise<Call & { args: Args }> {
  const code = asset || (await someAsset(db));
  const acting = wallet || (await newWallet(db, code, { bought: 100, bonus: 3 }));
  const named = { wallet_id: acting };
  const common = { idem_key: newKey(), metadata: { item: 'hat' } };
  switch (name) {
    case 'wallet_transfer':
      return { name, args: { from_wallet: acting, to_wallet: await newWallet(db, code), amount: 5, ...common } };
    case 'wallet_capture':
      return { name, args: { ...named, hold_id: await place(acting), amount: 5, ...common } };
    case 'wallet_release':
      return { name, args: { ...named, hold_id: await place(acting), ...common } };
    case 'wallet_reverse': {
      const { transfer_id } = await call(db, 'wallet_spend', { ...named, amount: 5, idem_key: newKey() });
      return { name, args: { ...named, transfer_id, amount: 5, ...common } };
    }
    case 'wallet_exchange': {
      const owner = await ownerOf(acting);
      const to_wallet = await newWallet(db, await newAsset(db), { owner });
      return { name, args: { from_wallet: acting, to_wallet, amount: 5, to_amount: 7, ...common } };
    }
    case 'wallet_opening':
      return { name, args: { ...named, amount: 5, bonus_amount: 2, expires_at: '2098-01-01T00:00:00Z', ...common } };
    case 'wallet_adjust':
      return { name, args: { ...named, side: 'debit', amount: 5, reason: `it's an "error"`, ...common } };
    case 'wallet_collect':
      await charge(acting);
      return { name, args: { ...named, amount: 5, ...common } };
    case 'wallet_forgive':
      await charge(acting);
      return { name, args: { ...named, amount: 5, reason: 'a gesture', ...common } };
    default:
      return { name, args: { ...named, amount: 5, ...common } };
  }
}

async function ownerOf(wallet: string): Promise<string> {
  const { rows } = await db.query<{ owner_id: string }>('select owner_id from ledger.wallets where id = $1', [wallet]);
  return rows[0]?.owner_id ?? '';
}

/** Charges back a top-up that has been spent: the wallet then owes 7 more. */
async function charge(wallet_id: string): Promise<void> {
  const bought = await call(db, 'wallet_top_up', { wallet_id, amount: 7, idem_key: newKey() });
  const { transfer_id } = bought;
  const all = { wallet_id, amount: bought.available, idem_key: newKey() };
  const spent = BigInt(bought.available) > 0n ? await call(db, 'wallet_spend', all) : undefined;
  await call(db, 'wallet_reverse', { wallet_id, transfer_id, idem_key: newKey(), owe: true });
  if (spent)
    await call(db, 'wallet_reverse', {
      ...{ wallet_id, transfer_id: spent.transfer_id, idem_key: newKey() },
      ...{ amount: String(BigInt(bought.available) - 7n) },
    });
}

async function place(wallet_id: string, expires_at?: string): Promise<string | null> {
  return (await call(db, 'wallet_hold', { wallet_id, amount: 5, idem_key: newKey(), expires_at })).hold_id;
}

const actingOf = ({ args }: Call): string => String(args.wallet_id ?? args.from_wallet);

/** Values in the receipt of a wallet with no other bookings. */
const FACTS: Record<string, Row> = {
  wallet_hold: { seq: '3', held_balance: '5', hold_id: expect.any(String) as string },
  wallet_capture: { seq: '4', hold_id: expect.any(String) as string },
  wallet_release: { seq: '4', hold_id: expect.any(String) as string },
  wallet_reverse: { seq: '4' },
  wallet_collect: { seq: '8' },
  wallet_forgive: { seq: '8' },
};

describe.each(RECEIPTS)('%s', (name) => {
  it('gives the same receipt over each interface, and records the actor', async () => {
    const receipts: Row[] = [];
    const actors: Record<string, unknown> = {};
    for (const [door, ask] of doorsOf(name)) {
      const request = await goodCall(name);
      const { transfer_id, wallet_id, hold_id, created_at, ...facts } = rowOf(await ask(request));
      expect(wallet_id).toBe(actingOf(request));
      expect(created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/);
      if (request.args.hold_id) expect(hold_id).toBe(request.args.hold_id);
      receipts.push({ ...facts, hold_id: hold_id === null ? null : 'a hold' });
      expect({ ...facts, hold_id }).toMatchObject({
        ...{ seq: '3', amount: '5', held_balance: '0', hold_id: null, replayed: false },
        ...FACTS[name],
      });
      const { rows } = await db.query<{ actor: string }>('select actor from ledger.transfers where id = $1', [
        transfer_id,
      ]);
      actors[door] = rows[0]?.actor;
    }

    expect(receipts).toEqual(receipts.map(() => receipts[0]));
    const { rows } = await db.query<{ superuser: string }>('select session_user as superuser');
    expect(actors).toEqual({
      graphql: OPERATED.includes(name) ? 'operator:shop' : 'service:shop',
      ...(!OPERATED.includes(name) && { job: 'db:wallet_test_job' }),
      psql: `db:${rows[0]?.superuser ?? ''}`,
    });
  });

  it.each(doorsOf(name))('is replayed over each interface after a call over %s', async (_door, ask) => {
    const request = await goodCall(name);
    const first = rowOf(await ask(request));
    await call(db, 'wallet_top_up', { wallet_id: actingOf(request), amount: 1, idem_key: newKey() });

    expect(first.replayed).toBe(false);
    expect(await askAll(request)).toEqual(everywhere(name, { rows: [{ ...first, replayed: true }] }));
  });
});

/** Keeps the microseconds of the timestamp. */
function hoursBefore(hours: number, time: string): string {
  const before = new Date(Date.parse(time) - hours * HOUR_MS).toISOString();
  return `${before.slice(0, 19)}${time.slice(19)}`;
}

describe('an expiry and an omitted amount', () => {
  it.each(['wallet_bonus', 'wallet_hold'])('are replayed for a %s that has expired since', async (name) => {
    const instant = Date.now() + HOUR_MS;
    const { args } = await goodCall(name);
    const at = (time: number) => ({ name, args: { ...args, expires_at: new Date(time).toISOString() } });
    const first = rowOf(await graphql(at(instant)));

    // Moves the request two hours into the past.
    await age(db, '2 hours');

    const created_at = hoursBefore(2, String(first.created_at));
    expect(await askAll(at(instant - 2 * HOUR_MS))).toEqual(
      everywhere(name, { rows: [{ ...first, created_at, replayed: true }] }),
    );
  });

  it.each(['wallet_capture', 'wallet_reverse'])('are replayed for a %s of the whole amount', async (name) => {
    const { args } = await goodCall(name);
    const request = { name, args: { ...args, amount: null } };
    const first = rowOf(await graphql(request));

    expect(first.amount).toBe('5');
    expect(await askAll(request)).toEqual(everywhere(name, { rows: [{ ...first, replayed: true }] }));
  });
});

/** A batch with an item of each kind that it may contain, on one wallet. */
async function goodBatch(): Promise<{ name: string; args: { requests: Args[] } }> {
  const wallet_id = await someWallet();
  const item = (kind: string, amount: number, more: Args = {}) => ({
    kind,
    wallet_id,
    amount,
    idem_key: newKey(),
    metadata: { note: `a "${kind}", {it's} \\ (so)` },
    ...more,
  });
  const requests = [
    item('top_up', 100),
    item('bonus', 10, { expires_at: '2099-01-01T00:00:00Z' }),
    item('bonus', 5, { metadata: {} }),
    item('spend', 12),
    item('transfer', 4, { counterparty_id: await someWallet() }),
  ];
  return { name: 'wallet_post_batch', args: { requests } };
}

describe('wallet_post_batch', () => {
  it('gives the same receipts over each interface, in order, and stores the same', async () => {
    const outcomes: unknown[] = [];
    for (const [, ask] of doorsOf('wallet_post_batch')) {
      const { name, args } = await goodBatch();
      const outcome = await ask({ name, args });
      if (!('rows' in outcome)) throw new Error(JSON.stringify(outcome));
      const { rows: stored } = await db.query(
        `select t.kind, t.amount, t.bonus_amount, t.expires_at, t.metadata from unnest($1::uuid[]) with ordinality as i (id, n)
         join ledger.transfers t using (id) order by n`,
        [outcome.rows.map(({ transfer_id }) => transfer_id)],
      );
      expect(outcome.rows.map(({ wallet_id }) => wallet_id)).toEqual(args.requests.map(({ wallet_id }) => wallet_id));
      expect(stored.map(({ metadata }) => metadata as unknown)).toEqual(args.requests.map(({ metadata }) => metadata));
      const receipts = outcome.rows.map(({ seq, amount, bonus_amount, balance, bonus_balance, replayed }) => ({
        ...{ seq, amount, bonus_amount, balance, bonus_balance, replayed },
      }));
      outcomes.push({ receipts, stored });
    }

    expect(outcomes).toEqual(outcomes.map(() => outcomes[0]));
    expect(outcomes[0]).toMatchObject({
      receipts: [
        { seq: '1', balance: '100', bonus_balance: '0' },
        { seq: '2', balance: '110', bonus_balance: '10' },
        { seq: '3', balance: '115', bonus_balance: '15' },
        { seq: '4', balance: '103', bonus_balance: '3', bonus_amount: '12' },
        { seq: '5', balance: '99', bonus_balance: '0', bonus_amount: '3' },
      ],
      stored: [{ kind: 'top_up' }, { kind: 'bonus' }, { kind: 'bonus' }, { kind: 'spend' }, { kind: 'transfer' }],
    });
  });

  it.each(doorsOf('wallet_post_batch'))('is replayed over each interface after a call over %s', async (_door, ask) => {
    const request = await goodBatch();
    const first = await ask(request);
    if (!('rows' in first)) throw new Error(JSON.stringify(first));

    const rows = first.rows.map((row) => ({ ...row, replayed: true }));

    expect(rows).toHaveLength(5);
    expect(await askAll(request)).toEqual(everywhere(request.name, { rows }));
  });

  it('replays single calls, and single calls replay its items, over each interface', async () => {
    const single = await goodCall('wallet_spend');
    const { name, args } = await goodBatch();
    const requests = [{ kind: 'spend', ...single.args }, ...args.requests];
    const first = rowOf(await graphql(single));
    const batch = await job({ name, args: { requests } });
    if (!('rows' in batch)) throw new Error(JSON.stringify(batch));

    const item: Args = { ...requests[1] };
    delete item.kind;
    const again = await askAll({ name: 'wallet_top_up', args: item });

    expect(batch.rows[0]).toEqual({ ...first, replayed: true });
    expect(batch.rows.slice(1).map(({ replayed }) => replayed)).toEqual([false, false, false, false, false]);
    expect(again).toEqual(everywhere('wallet_top_up', { rows: [{ ...batch.rows[1], replayed: true }] }));
  });
});

type Item = Args & { kind: string };

/** Items of each kind that jobs may book, with refusals between them, and the wallet of all items but one. */
async function goodGroup(): Promise<{ name: string; args: { requests: Item[] }; wallet: string }> {
  const wallet_id = await someWallet({ bought: 10 });
  const [captured, released] = [await place(wallet_id), await place(wallet_id)];
  const item = (kind: string, more: Args): Item => ({ kind, wallet_id, idem_key: newKey(), ...more });
  const first = item('top_up', { amount: 100, metadata: { note: `a "list", {it's} \\ (so)` } });
  const requests = [
    first,
    item('spend', { amount: 101 }),
    item('bonus', { amount: 10, expires_at: '2099-01-01T00:00:00Z' }),
    item('spend', { amount: 12, metadata: {} }),
    { ...first, amount: 101 },
    item('transfer', { amount: 4, counterparty_id: await someWallet() }),
    item('hold', { amount: 6, expires_at: '2099-01-01T00:00:00Z' }),
    item('top_up', { amount: 1, wallet_id: UNKNOWN_WALLET }),
    item('capture', { amount: 3, hold_id: captured }),
    item('release', { hold_id: released }),
    { ...first },
    item('top_up', { amount: 0 }),
  ];
  return { name: 'wallet_post_each', args: { requests }, wallet: wallet_id };
}

function itemOf({ name, args }: Call): Item {
  const { from_wallet, to_wallet, ...rest } = args;
  return {
    kind: name.replace('wallet_', ''),
    ...(from_wallet !== undefined && { wallet_id: from_wallet, counterparty_id: to_wallet }),
    ...rest,
  };
}

interface ItemOutcome {
  receipt: Row | null;
  refusal: { code: string; message: string; detail: Row; hint: string } | null;
}

function outcomesOf(outcome: Outcome | undefined): ItemOutcome[] {
  if (!outcome || !('rows' in outcome)) throw new Error(JSON.stringify(outcome));
  return outcome.rows as unknown as ItemOutcome[];
}

const codesOf = (outcomes: ItemOutcome[]): unknown[] => outcomes.map(({ refusal }) => refusal?.code ?? 'booked');

describe('wallet_post_each', () => {
  it('gives the same outcomes over each interface, in order, and records the actor', async () => {
    const answers: unknown[] = [];
    const actors: Record<string, unknown> = {};
    for (const [door, ask] of doorsOf('wallet_post_each')) {
      const { name, args, wallet } = await goodGroup();
      const outcomes = outcomesOf(await ask({ name, args }));
      // Replaces what differs for each interface: the wallet, and the first request in the refusal of a reused key.
      const shown = (facts: Row): unknown =>
        JSON.parse(
          JSON.stringify(facts)
            .replaceAll(wallet, 'the wallet')
            .replaceAll(/"(idem_key|transfer_id)":"[^"]+"/g, '"$1":"its own"'),
        );
      answers.push(
        outcomes.map(({ receipt, refusal }) => {
          if (!receipt) return shown({ ...refusal });
          const { transfer_id, created_at, hold_id, ...facts } = receipt;
          expect(transfer_id).toMatch(/^[0-9a-f-]{36}$/);
          expect(created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/);
          return shown({ ...facts, hold_id: hold_id === null ? null : 'a hold' });
        }),
      );
      expect(codesOf(outcomes)).toEqual([
        ...['booked', 'INSUFFICIENT_FUNDS', 'booked', 'booked', 'IDEMPOTENCY_KEY_REUSED', 'booked', 'booked'],
        ...['WALLET_NOT_FOUND', 'booked', 'booked', 'booked', 'INVALID_AMOUNT'],
      ]);
      expect(outcomes.map(({ receipt }) => [receipt?.kind, receipt?.seq, receipt?.balance])).toEqual([
        ['top_up', '4', '110'],
        [undefined, undefined, undefined],
        ['bonus', '5', '120'],
        ['spend', '6', '108'],
        [undefined, undefined, undefined],
        ['transfer', '7', '104'],
        ['hold', '8', '104'],
        [undefined, undefined, undefined],
        ['capture', '9', '101'],
        ['release', '10', '101'],
        ['top_up', '4', '110'],
        [undefined, undefined, undefined],
      ]);
      expect(outcomes.at(-2)?.receipt).toEqual({ ...outcomes[0]?.receipt, replayed: true });
      const { rows } = await db.query<{ actor: string; metadata: object }>(
        'select actor, metadata from ledger.transfers where wallet_id = $1 order by id offset 3',
        [wallet],
      );
      expect(rows).toHaveLength(7);
      expect(rows[0]?.metadata).toEqual(args.requests[0]?.metadata);
      actors[door] = [...new Set(rows.map(({ actor }) => actor))];
    }

    expect(answers).toEqual(answers.map(() => answers[0]));
    const { rows } = await db.query<{ superuser: string }>('select session_user as superuser');
    expect(actors).toEqual({
      graphql: ['service:shop'],
      job: ['db:wallet_test_job'],
      psql: [`db:${rows[0]?.superuser ?? ''}`],
    });
  });

  it.each(doorsOf('wallet_post_each'))('is replayed over each interface after a call over %s', async (_door, ask) => {
    const { name, args } = await goodGroup();
    const first = outcomesOf(await ask({ name, args }));

    const again = await askAll({ name, args });

    const booked = first.map(({ receipt }) => receipt && { ...receipt, replayed: true });
    expect(Object.keys(again)).toHaveLength(3);
    for (const outcome of Object.values(again)) {
      const outcomes = outcomesOf(outcome);
      expect(outcomes.map(({ receipt }) => receipt)).toEqual(booked);
      expect(codesOf(outcomes)).toEqual(codesOf(first));
    }
  });

  it.each(['top_up', 'bonus', 'spend', 'transfer', 'exchange', 'hold', 'capture', 'release'])(
    'replays a single %s, and its item is replayed by a single one, over each interface',
    async (kind) => {
      const [single, other] = [await goodCall(`wallet_${kind}`), await goodCall(`wallet_${kind}`)];
      const first = rowOf(await graphql(single));
      const [booked] = outcomesOf(await job({ name: 'wallet_post_each', args: { requests: [itemOf(other)] } }));

      const asItem = await askAll({ name: 'wallet_post_each', args: { requests: [itemOf(single)] } });
      const asSingle = await askAll(other);

      const replayed = { ...first, replayed: true };
      expect(asItem).toEqual(everywhere('wallet_post_each', { rows: [{ receipt: replayed, refusal: null }] }));
      expect(booked?.receipt?.replayed).toBe(false);
      expect(asSingle).toEqual(everywhere(other.name, { rows: [{ ...booked?.receipt, replayed: true }] }));
    },
  );

  it('with wait => false answers RETRY over each interface for a wallet that another call has locked', async () => {
    const [busy, free] = [await someWallet({ bought: 5 }), await someWallet({ bought: 5 })];
    const other = await db.connect();
    await other.query('begin');
    await call(other, 'wallet_top_up', { wallet_id: busy, amount: 1, idem_key: newKey() });
    const spend = (wallet_id: string): Item => ({ kind: 'spend', wallet_id, amount: 1, idem_key: newKey() });

    const answers: ItemOutcome[][] = [];
    for (const [, ask] of doorsOf('wallet_post_each'))
      answers.push(
        outcomesOf(
          await ask({ name: 'wallet_post_each', args: { requests: [spend(busy), spend(free)], wait: false } }),
        ),
      );
    await other.query('rollback');

    expect(answers.map(codesOf)).toEqual(Array(3).fill(['RETRY', 'booked']));
    expect(answers.map(([skipped]) => skipped)).toEqual(Array(3).fill(answers[0]?.[0]));
    expect(answers[0]?.[0]?.refusal).toMatchObject({ detail: { wallet_id: busy } });
  });
});

/** Merges a wallet with 100 paid and 3 bonus credits, and a debt if `owes`. */
async function goodMerge({ owes = false } = {}): Promise<Call> {
  const from_wallet = await someWallet({ bought: 100, bonus: 3 });
  if (owes) await charge(from_wallet);
  return {
    name: 'wallet_merge',
    args: { from_wallet, to_wallet: await someWallet(), idem_key: newKey(), reason: `it's "one" player` },
  };
}

describe('wallet_merge', () => {
  it('gives the same receipt over each interface, and records the actor', async () => {
    const receipts: Row[] = [];
    const actors: unknown[] = [];
    for (const [, ask] of doorsOf('wallet_merge')) {
      const request = await goodMerge({ owes: true });
      const { transfer_id, wallet_id, created_at, ...facts } = rowOf(await ask(request));
      expect(wallet_id).toBe(request.args.from_wallet);
      expect(created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/);
      receipts.push(facts);
      const { rows } = await db.query<{ actor: string; reason: string; owed: string }>(
        `select t.actor, t.reason, ledger.wallets_owed(w) as owed from ledger.transfers t
         join ledger.wallets w on w.id = t.credit_wallet_id where t.id = $1`,
        [transfer_id],
      );
      expect(rows).toMatchObject([{ reason: request.args.reason, owed: '7' }]);
      actors.push(rows[0]?.actor);
    }

    expect(receipts[0]).toMatchObject({ kind: 'merge', amount: '103', balance: '0', available: '0', owed: '0' });
    expect(receipts).toEqual(receipts.map(() => receipts[0]));
    const { rows } = await db.query<{ superuser: string }>('select session_user as superuser');
    expect(actors).toEqual(['operator:shop', `db:${rows[0]?.superuser ?? ''}`]);
  });

  it.each(doorsOf('wallet_merge'))('is replayed over each interface after a call over %s', async (_door, ask) => {
    const request = await goodMerge();
    const first = rowOf(await ask(request));

    expect(first.replayed).toBe(false);
    expect(await askAll(request)).toEqual(everywhere('wallet_merge', { rows: [{ ...first, replayed: true }] }));
  });
});

describe('a top-up that pays a debt', () => {
  it('gives the same receipt over each interface, alone and among many calls, and is replayed', async () => {
    const asset = await newAsset(db);
    await call(db, 'asset_set', { asset_code: asset, collect_debts: true });
    const receipts: Row[] = [];
    for (const [, ask] of doorsOf('wallet_top_up')) {
      const wallet_id = await newWallet(db, asset, { bought: 1 });
      await charge(wallet_id);
      const request = { name: 'wallet_top_up', args: { wallet_id, amount: 4, idem_key: newKey() } };
      const first = rowOf(await ask(request));
      const second = itemOf({ ...request, args: { ...request.args, idem_key: newKey() } });
      const [item] = outcomesOf(await ask({ name: 'wallet_post_each', args: { requests: [second] } }));
      for (const { transfer_id, wallet_id: id, created_at, ...facts } of [first, item?.receipt ?? {}]) {
        expect([id, typeof transfer_id, typeof created_at]).toEqual([wallet_id, 'string', 'string']);
        receipts.push(facts);
      }
      expect(await askAll(request)).toEqual(everywhere('wallet_top_up', { rows: [{ ...first, replayed: true }] }));
    }

    expect(receipts[0]).toMatchObject({ amount: '4', balance: '5', available: '1', owed: '3' });
    expect(receipts[1]).toMatchObject({ amount: '4', balance: '5', available: '2', owed: '0' });
    expect(receipts).toEqual(doorsOf('wallet_top_up').flatMap(() => receipts.slice(0, 2)));
  });
});

describe('wallet_freeze, wallet_close and wallet_reopen', () => {
  it.each(STATUSES)('%s gives the same answer over each interface', async (name) => {
    const status = { wallet_freeze: 'frozen', wallet_close: 'closed', wallet_reopen: 'open' }[name];
    const answers: Row[] = [];
    for (const [, ask] of doorsOf(name)) {
      const wallet_id = await someWallet();
      if (name === 'wallet_reopen') await call(db, 'wallet_freeze', { wallet_id, reason: 'first' });

      const answer = withoutHash(await ask({ name, args: { wallet_id, reason: 'for a test' } }));
      const { id, owner_id, created_at, ...facts } = rowOf(answer);

      expect({ id, owner_id, created_at }).toEqual({
        id: wallet_id,
        owner_id: expect.any(String) as string,
        created_at: expect.any(String) as string,
      });
      answers.push(facts);
    }

    expect(answers[0]).toMatchObject({ status });
    expect(answers).toEqual(answers.map(() => answers[0]));
  });
});

describe('wallet_open, asset_create, asset_set, asset_limit_set and wallet_limit_set', () => {
  it('give the same answer over each interface', async () => {
    const owner_id = newOwner();
    const asset = { code: `D${newKey().slice(4, 12)}`, name: 'Doors', scale: 3 };

    const assets = await askAll({ name: 'asset_create', args: asset });
    const wallets = await askAll({ name: 'wallet_open', args: { owner_id, asset_code: asset.code } });

    const limits = { max_spend: '5', max_balance: null, max_daily_spend: '9000000000000000000' };
    const set = await askAll({ name: 'asset_limit_set', args: { asset_code: asset.code, ...limits } });

    expect(rowOf(assets.graphql)).toEqual({ ...asset, created_at: expect.any(String) as string });
    // Players can read assets, so the API does not show who created one.
    const created = { ...(rowOf(assets.graphql) as object), actor: 'operator:shop' };
    expect(withoutHash(assets.psql)).toEqual({ ...assets.graphql, rows: [created] });
    expect(rowOf(wallets.graphql)).toMatchObject({ owner_id, asset_code: asset.code, status: 'open' });
    expect(withoutHash(wallets.psql)).toEqual(wallets.graphql);
    // The second call finds the limits in force.
    expect(rowOf(set.graphql)).toMatchObject({ ...limits, max_daily_bonus: null, seq: 1, actor: 'operator:shop' });
    expect(withoutHash(set.psql)).toEqual(set.graphql);

    const rules = { unique_reference: 'payment', collect_debts: true };
    const ruled = await askAll({ name: 'asset_set', args: { asset_code: asset.code, ...rules } });
    expect(rowOf(ruled.graphql)).toMatchObject({ ...limits, ...rules, seq: 2, actor: 'operator:shop' });
    expect(withoutHash(ruled.psql)).toEqual(ruled.graphql);

    const own = await askAll({
      name: 'wallet_limit_set',
      args: { wallet_id: await newWallet(db, asset.code), ...limits },
    });
    expect(rowOf(own.graphql)).toMatchObject({ ...limits, max_transfer: null, seq: 2 });
    expect(own.psql).toEqual(own.graphql);
  });
});

interface RefusedCall {
  code: string;
  what: string;
  /** The index of the batch's item that fails. */
  index?: number;
  arrange: () => Promise<Call>;
}

const LEAVING = ['wallet_spend', 'wallet_transfer', 'wallet_exchange', 'wallet_hold', 'wallet_capture'];
/** A limit that a call of 5 exceeds; the wallet has topped up 100 and been granted 3 within the day. */
const LIMITS: Record<string, Args> = {
  wallet_top_up: { max_daily_top_up: 104 },
  wallet_bonus: { max_daily_bonus: 7 },
  wallet_spend: { max_spend: 4 },
  wallet_transfer: { max_balance: 4 },
  wallet_capture: { max_daily_spend: 4 },
};
/** Calls that exceed the ledger's maximum: the wallet that does, and its balances before. */
const OVERFLOWS: Record<string, { who: string; head: Record<string, string> }> = {
  wallet_top_up: { who: 'wallet_id', head: { balance: MAX_BALANCE } },
  wallet_bonus: { who: 'wallet_id', head: { balance: MAX_BALANCE } },
  wallet_spend: { who: 'wallet_id', head: { balance: '9', spent_total: MAX_BALANCE } },
  wallet_transfer: { who: 'to_wallet', head: { balance: MAX_BALANCE } },
  wallet_exchange: { who: 'to_wallet', head: { balance: MAX_BALANCE } },
  wallet_opening: { who: 'wallet_id', head: { balance: MAX_BALANCE } },
};

/** Different values of these flows' own arguments. */
const OTHERS: Record<string, Args> = {
  wallet_exchange: { to_amount: 8 },
  wallet_opening: { bonus_amount: 3, expires_at: '2099-01-01T00:00:00Z' },
  wallet_adjust: { side: 'credit', reason: 'another' },
  wallet_forgive: { reason: 'another' },
};

const everyFlow: RefusedCall[] = RECEIPTS.flatMap((name) => {
  const acting = ['wallet_transfer', 'wallet_exchange'].includes(name) ? 'from_wallet' : 'wallet_id';
  const but = (more: Args) => async () => {
    const { args } = await goodCall(name);
    return { name, args: { ...args, ...more } };
  };
  const notOpen = (status: 'frozen' | 'closed') => async () => {
    const request = await goodCall(name);
    await setStatus(db, actingOf(request), status);
    return request;
  };
  const overflow = OVERFLOWS[name];
  const hasAmount = name !== 'wallet_release';
  const others: { field: string; other: () => Promise<unknown> }[] = [
    ...(hasAmount ? [{ field: 'amount', other: () => Promise.resolve(6) }] : []),
    { field: 'metadata', other: () => Promise.resolve({ item: 'cap' }) },
    ...(name === 'wallet_transfer' ? [{ field: 'to_wallet', other: () => someWallet() }] : []),
    ...(name === 'wallet_bonus' || name === 'wallet_hold'
      ? [{ field: 'expires_at', other: () => Promise.resolve('2099-01-01T00:00:00Z') }]
      : []),
    ...Object.entries(OTHERS[name] ?? {}).map(([field, value]) => ({ field, other: () => Promise.resolve(value) })),
  ];
  return [
    ...(hasAmount ? [0, -1, 10 ** 15 + 1, '9223372036854775807'] : []).map((amount) => ({
      code: 'INVALID_AMOUNT',
      what: `${name} of ${amount}`,
      arrange: but({ amount, idem_key: '', metadata: null }),
    })),
    ...['', 'x'.repeat(201), '🎩'.repeat(201)].map((idem_key) => ({
      code: 'INVALID_ARGUMENT',
      what: `${name} with a key of ${idem_key.length} characters`,
      arrange: but({ idem_key, [acting]: UNKNOWN_WALLET }),
    })),
    ...[[], 'text', 7, true, { note: 'x'.repeat(8192) }].map((metadata) => ({
      code: 'INVALID_ARGUMENT',
      what: `${name} with the metadata ${JSON.stringify(metadata).slice(0, 20)}`,
      arrange: but({ metadata, [acting]: UNKNOWN_WALLET }),
    })),
    { code: 'WALLET_NOT_FOUND', what: `${name} for an unknown wallet`, arrange: but({ [acting]: UNKNOWN_WALLET }) },
    {
      code: 'IDEMPOTENCY_KEY_REUSED',
      what: `${name} with a key that comes again with another kind`,
      arrange: async () => {
        const first = await goodCall(name === 'wallet_spend' ? 'wallet_top_up' : 'wallet_spend');
        await call(db, first.name, first.args);
        const { args } = await goodCall(name, { wallet: actingOf(first) });
        return { name, args: { ...args, idem_key: first.args.idem_key } };
      },
    },
    ...others.map(({ field, other }) => ({
      code: 'IDEMPOTENCY_KEY_REUSED',
      what: `${name} with a key that comes again with another ${field}`,
      arrange: async () => {
        const first = await goodCall(name);
        await call(db, first.name, first.args);
        return { name, args: { ...first.args, [field]: await other() } };
      },
    })),
    ...(LEAVING.includes(name)
      ? [{ code: 'WALLET_FROZEN', what: `${name} from a frozen wallet`, arrange: notOpen('frozen') }]
      : []),
    ...(['wallet_spend', 'wallet_transfer', 'wallet_exchange', 'wallet_hold', 'wallet_adjust'].includes(name)
      ? [{ code: 'INSUFFICIENT_FUNDS', what: `${name} of more than there is`, arrange: but({ amount: 104 }) }]
      : []),
    { code: 'WALLET_CLOSED', what: `${name} for a closed wallet`, arrange: notOpen('closed') },
    ...(LIMITS[name]
      ? [
          {
            code: 'LIMIT_EXCEEDED',
            what: `${name} past ${Object.keys(LIMITS[name]).join()} of its asset`,
            arrange: async () => {
              const asset = await newAsset(db);
              const request = await goodCall(name, { asset });
              await call(db, 'asset_limit_set', { asset_code: asset, ...LIMITS[name] });
              return request;
            },
          },
        ]
      : []),
    ...(overflow
      ? [
          {
            code: 'LIMIT_EXCEEDED',
            what: `${name} past the highest balance or total`,
            arrange: async () => {
              const request = await goodCall(name);
              await forceHead(db, String(request.args[overflow.who]), overflow.head);
              return request;
            },
          },
        ]
      : []),
  ];
});

const refusedFlow = (name: string, code: string, what: string, change: (args: Args) => Promise<Args> | Args) => ({
  code,
  what: `${name} ${what}`,
  arrange: async () => {
    const { args } = await goodCall(name);
    return { name, args: { ...args, ...(await change(args)) } };
  },
});

const refusedHolds: RefusedCall[] = ['wallet_capture', 'wallet_release'].flatMap((name) => [
  refusedFlow(name, 'HOLD_NOT_FOUND', 'of an unknown hold', () => ({ hold_id: UNKNOWN_WALLET })),
  refusedFlow(name, 'HOLD_NOT_FOUND', 'of a hold of another wallet', async () => ({
    hold_id: await place(await someWallet({ bought: 5 })),
  })),
  refusedFlow(name, 'IDEMPOTENCY_KEY_REUSED', 'with a key that comes again for another hold', async (args) => {
    await call(db, name, args);
    return { hold_id: await place(String(args.wallet_id)) };
  }),
  ...['wallet_capture', 'wallet_release'].map((closing) =>
    refusedFlow(name, 'HOLD_NOT_OPEN', `of a hold after ${closing}`, async ({ wallet_id, hold_id }) => {
      await call(db, closing, { wallet_id, hold_id, idem_key: newKey() });
      return {};
    }),
  ),
  refusedFlow(name, 'HOLD_NOT_OPEN', 'of a hold that has expired', async ({ wallet_id }) => {
    const hold_id = await place(String(wallet_id), new Date(Date.now() + HOUR_MS).toISOString());
    await age(db, '2 hours');
    return { hold_id };
  }),
]);

const refusedReversals: RefusedCall[] = [
  refusedFlow('wallet_reverse', 'TRANSFER_NOT_FOUND', 'of an unknown transfer', () => ({
    transfer_id: UNKNOWN_WALLET,
  })),
  refusedFlow('wallet_reverse', 'TRANSFER_NOT_FOUND', 'of a transfer of another wallet', async () => ({
    transfer_id: (await goodCall('wallet_reverse')).args.transfer_id,
  })),
  refusedFlow(
    'wallet_reverse',
    'IDEMPOTENCY_KEY_REUSED',
    'with a key that comes again for another transfer',
    async (args) => {
      await call(db, 'wallet_reverse', args);
      return { transfer_id: (await goodCall('wallet_reverse', { wallet: String(args.wallet_id) })).args.transfer_id };
    },
  ),
  refusedFlow('wallet_reverse', 'NOT_REVERSIBLE', 'of more than is left', async (args) => {
    await call(db, 'wallet_reverse', { ...args, amount: 1, idem_key: newKey() });
    return {};
  }),
  refusedFlow('wallet_reverse', 'NOT_REVERSIBLE', 'of a reversal', async (args) => ({
    transfer_id: (await call(db, 'wallet_reverse', { ...args, idem_key: newKey() })).transfer_id,
  })),
  refusedFlow('wallet_reverse', 'NOT_REVERSIBLE', 'of a hold', async ({ wallet_id }) => ({
    transfer_id: await place(String(wallet_id)),
  })),
  refusedFlow('wallet_reverse', 'INSUFFICIENT_FUNDS', 'of a top-up that has been spent', async () => {
    const wallet_id = await someWallet();
    const { transfer_id } = await call(db, 'wallet_top_up', { wallet_id, amount: 5, idem_key: newKey() });
    await call(db, 'wallet_spend', { wallet_id, amount: 1, idem_key: newKey() });
    return { wallet_id, transfer_id };
  }),
];

/** A good batch whose third item is changed. */
const refusedBatch = (code: string, what: string, change: (requests: Args[]) => Promise<Args> | Args): RefusedCall => ({
  code,
  what: `wallet_post_batch of an item ${what}`,
  index: 2,
  arrange: async () => {
    const { name, args } = await goodBatch();
    const requests = [...args.requests];
    requests[2] = { ...requests[2], ...(await change(requests)) };
    return { name, args: { requests } };
  },
});

const refusedBatches: RefusedCall[] = [
  refusedBatch('INVALID_AMOUNT', 'of nothing', () => ({ amount: 0, idem_key: '' })),
  refusedBatch('INVALID_ARGUMENT', 'without a key', () => ({ idem_key: '', wallet_id: UNKNOWN_WALLET })),
  refusedBatch('INVALID_ARGUMENT', 'that is an expiry', () => ({ kind: 'expiry' })),
  refusedBatch('INVALID_ARGUMENT', 'that has expired', () => ({ expires_at: '2020-01-01T00:00:00Z' })),
  refusedBatch('INVALID_ARGUMENT', 'with the metadata []', () => ({ metadata: [] })),
  refusedBatch('SAME_WALLET', 'to the same wallet', ([first]) => ({
    kind: 'transfer',
    counterparty_id: first?.wallet_id,
  })),
  refusedBatch('WALLET_NOT_FOUND', 'for an unknown wallet', () => ({ wallet_id: UNKNOWN_WALLET })),
  refusedBatch('ASSET_MISMATCH', 'to a wallet of another asset', async () => ({
    kind: 'transfer',
    counterparty_id: await newWallet(db, await newAsset(db)),
  })),
  refusedBatch('IDEMPOTENCY_KEY_REUSED', 'with the key of an earlier call', async ([first]) => {
    const { args } = await goodCall('wallet_spend', { wallet: await someWallet({ bought: 9 }) });
    await call(db, 'wallet_spend', args);
    return { wallet_id: args.wallet_id, idem_key: args.idem_key, metadata: first?.metadata };
  }),
  refusedBatch('WALLET_FROZEN', 'from a frozen wallet', async () => {
    const wallet_id = await someWallet({ bought: 5 });
    await call(db, 'wallet_freeze', { wallet_id, reason: 'for a test' });
    return { kind: 'spend', wallet_id };
  }),
  refusedBatch('LIMIT_EXCEEDED', 'past a limit of its asset', async () => {
    const asset_code = await newAsset(db);
    await call(db, 'asset_limit_set', { asset_code, max_daily_bonus: 4 });
    return { wallet_id: await newWallet(db, asset_code) };
  }),
  refusedBatch('INSUFFICIENT_FUNDS', 'of more than those before it leave', () => ({ kind: 'spend', amount: 111 })),
  ...[goodBatch, goodGroup].map((good) => ({
    code: 'INVALID_ARGUMENT',
    what: `${good === goodBatch ? 'wallet_post_batch' : 'wallet_post_each'} of too many items`,
    arrange: async () => {
      const { name, args } = await good();
      return { name, args: { requests: Array.from({ length: 10_001 }, () => args.requests[0] ?? {}) } };
    },
  })),
];

const refusedStatuses: RefusedCall[] = STATUSES.flatMap((name) => [
  ...['', 'x'.repeat(1001)].map((reason) => ({
    code: 'INVALID_ARGUMENT',
    what: `${name} for a reason of ${reason.length} characters`,
    arrange: () => Promise.resolve({ name, args: { wallet_id: UNKNOWN_WALLET, reason } }),
  })),
  {
    code: 'WALLET_NOT_FOUND',
    what: `${name} of an unknown wallet`,
    arrange: () => Promise.resolve({ name, args: { wallet_id: UNKNOWN_WALLET, reason: 'why not' } }),
  },
]);

const refusedMerge = (code: string, what: string, change: (args: Args) => Promise<Args> | Args): RefusedCall => ({
  code,
  what: `wallet_merge ${what}`,
  arrange: async () => {
    const { name, args } = await goodMerge();
    return { name, args: { ...args, ...(await change(args)) } };
  },
});

const refusedMerges: RefusedCall[] = [
  ...['', 'x'.repeat(201)].map((idem_key) =>
    refusedMerge('INVALID_ARGUMENT', `with a key of ${idem_key.length} characters`, () => ({ idem_key })),
  ),
  ...['', 'x'.repeat(1001)].map((reason) =>
    refusedMerge('INVALID_ARGUMENT', `for a reason of ${reason.length} characters`, () => ({ reason })),
  ),
  refusedMerge('SAME_WALLET', 'with the same wallet', ({ from_wallet }) => ({ to_wallet: from_wallet })),
  refusedMerge('WALLET_NOT_FOUND', 'of an unknown wallet', () => ({ from_wallet: UNKNOWN_WALLET })),
  refusedMerge('WALLET_NOT_FOUND', 'with an unknown wallet', () => ({ to_wallet: UNKNOWN_WALLET })),
  refusedMerge('ASSET_MISMATCH', 'with a wallet of another asset', async () => ({
    to_wallet: await newWallet(db, await newAsset(db)),
  })),
  refusedMerge('IDEMPOTENCY_KEY_REUSED', 'with a key that comes again for another reason', async (args) => {
    await call(db, 'wallet_merge', args);
    return { reason: 'another' };
  }),
  refusedMerge('WALLET_FROZEN', 'of a frozen wallet', async ({ from_wallet }) => {
    await call(db, 'wallet_freeze', { wallet_id: from_wallet, reason: 'for a test' });
    return {};
  }),
  refusedMerge('WALLET_CLOSED', 'of a wallet that was merged', async (args) => {
    await call(db, 'wallet_merge', { ...args, idem_key: newKey() });
    return {};
  }),
  refusedMerge('WALLET_CLOSED', 'with a closed wallet', async ({ to_wallet }) => {
    await setStatus(db, String(to_wallet), 'closed');
    return {};
  }),
  refusedMerge('INVALID_ARGUMENT', 'of a wallet with an open hold', async ({ from_wallet }) => {
    await place(String(from_wallet));
    return {};
  }),
  {
    code: 'WALLET_CLOSED',
    what: 'wallet_reopen of a merged wallet',
    arrange: async () => {
      const { args } = await goodMerge();
      await call(db, 'wallet_merge', args);
      return { name: 'wallet_reopen', args: { wallet_id: args.from_wallet, reason: 'for a test' } };
    },
  },
  ...['wallet_spend', 'wallet_top_up'].map((name) =>
    refusedFlow(name, 'WALLET_CLOSED', 'for a merged wallet', async ({ wallet_id }) => {
      const { args } = await goodMerge();
      await call(db, 'wallet_merge', { ...args, from_wallet: wallet_id });
      return {};
    }),
  ),
];

const refusedRules: RefusedCall[] = [
  {
    code: 'INVALID_ARGUMENT',
    what: 'asset_set of a field with too long a name',
    arrange: () =>
      Promise.resolve({ name: 'asset_set', args: { asset_code: 'NONE', unique_reference: 'x'.repeat(201) } }),
  },
  {
    code: 'ASSET_NOT_FOUND',
    what: 'asset_set of an unknown asset',
    arrange: () => Promise.resolve({ name: 'asset_set', args: { asset_code: 'NONE', collect_debts: true } }),
  },
  {
    code: 'INVALID_ARGUMENT',
    what: 'asset_create of an asset that collects no debts',
    arrange: async () => {
      const code = await newAsset(db);
      return { name: 'asset_create', args: { code, name: 'For a test', scale: 0, collect_debts: true } };
    },
  },
  refusedFlow('wallet_top_up', 'IDEMPOTENCY_KEY_REUSED', 'of a payment that another wallet has', async () => {
    const asset_code = await newAsset(db);
    await call(db, 'asset_set', { asset_code, unique_reference: 'payment' });
    const metadata = { payment: 'pay-1' };
    const request = { wallet_id: await newWallet(db, asset_code), amount: 5, idem_key: newKey(), metadata };
    await call(db, 'wallet_top_up', request);
    return { wallet_id: await newWallet(db, asset_code), metadata };
  }),
];

const others: RefusedCall[] = [
  ...['wallet_bonus', 'wallet_hold'].map((name) =>
    refusedFlow(name, 'INVALID_ARGUMENT', 'with an expiry that has passed', () => ({
      expires_at: '2020-01-01T00:00:00Z',
    })),
  ),
  refusedFlow('wallet_capture', 'INSUFFICIENT_FUNDS', 'of more than the hold reserved', () => ({ amount: 6 })),
  refusedFlow('wallet_exchange', 'INVALID_AMOUNT', 'for nothing', () => ({ to_amount: 0 })),
  refusedFlow('wallet_exchange', 'SAME_WALLET', 'with the same wallet', ({ from_wallet }) => ({
    to_wallet: from_wallet,
  })),
  refusedFlow('wallet_exchange', 'WALLET_NOT_FOUND', 'with an unknown wallet', () => ({ to_wallet: UNKNOWN_WALLET })),
  refusedFlow('wallet_exchange', 'INVALID_ARGUMENT', "with another owner's wallet", async () => ({
    to_wallet: await newWallet(db, await newAsset(db)),
  })),
  refusedFlow('wallet_exchange', 'INVALID_ARGUMENT', 'with a wallet of the same asset', async () => ({
    to_wallet: await someWallet(),
  })),
  refusedFlow('wallet_opening', 'INVALID_ARGUMENT', 'with more bonus credits than credits', () => ({
    bonus_amount: 6,
  })),
  refusedFlow('wallet_opening', 'INVALID_ARGUMENT', 'with an expiry of no bonus credits', () => ({ bonus_amount: 0 })),
  refusedFlow('wallet_opening', 'INVALID_ARGUMENT', 'of a wallet that has had one', async (args) => {
    await call(db, 'wallet_opening', { ...args, idem_key: newKey() });
    return {};
  }),
  ...['', 'x'.repeat(1001)].map((reason) =>
    refusedFlow('wallet_adjust', 'INVALID_ARGUMENT', `for a reason of ${reason.length} characters`, () => ({ reason })),
  ),
  ...['wallet_collect', 'wallet_forgive'].map((name) =>
    refusedFlow(name, 'LIMIT_EXCEEDED', 'of more than is owed', () => ({ amount: 1000 })),
  ),
  refusedFlow('wallet_forgive', 'INVALID_ARGUMENT', 'for no reason', () => ({ reason: '' })),
  refusedFlow('wallet_reverse', 'NOT_REVERSIBLE', 'of what leaves no debt', () => ({ owe: true })),
  {
    code: 'WALLET_CLOSED',
    what: 'wallet_freeze of a closed wallet',
    arrange: async () => {
      const wallet_id = await someWallet();
      await call(db, 'wallet_close', { wallet_id, reason: 'for a test' });
      return { name: 'wallet_freeze', args: { wallet_id, reason: 'for a test' } };
    },
  },
  {
    code: 'INVALID_ARGUMENT',
    what: 'wallet_close of a wallet that is not empty',
    arrange: async () => ({
      name: 'wallet_close',
      args: { wallet_id: await someWallet({ bonus: 1 }), reason: 'for a test' },
    }),
  },
  ...[-1, '9000000000000000001'].map((max_balance) => ({
    code: 'INVALID_ARGUMENT',
    what: `asset_limit_set of ${max_balance}`,
    arrange: () => Promise.resolve({ name: 'asset_limit_set', args: { asset_code: 'NONE', max_balance } }),
  })),
  {
    code: 'INVALID_ARGUMENT',
    what: 'wallet_limit_set of -1',
    arrange: () => Promise.resolve({ name: 'wallet_limit_set', args: { wallet_id: UNKNOWN_WALLET, max_transfer: -1 } }),
  },
  {
    code: 'WALLET_NOT_FOUND',
    what: 'wallet_limit_set of an unknown wallet',
    arrange: () => Promise.resolve({ name: 'wallet_limit_set', args: { wallet_id: UNKNOWN_WALLET, max_spend: 5 } }),
  },
  {
    code: 'ASSET_NOT_FOUND',
    what: 'asset_limit_set of an unknown asset',
    arrange: () => Promise.resolve({ name: 'asset_limit_set', args: { asset_code: 'NONE', max_spend: 5 } }),
  },
  {
    code: 'SAME_WALLET',
    what: 'wallet_transfer to the same wallet',
    arrange: () =>
      Promise.resolve({
        name: 'wallet_transfer',
        args: { from_wallet: UNKNOWN_WALLET, to_wallet: UNKNOWN_WALLET, amount: 1, idem_key: newKey() },
      }),
  },
  {
    code: 'WALLET_NOT_FOUND',
    what: 'wallet_transfer to an unknown wallet',
    arrange: async () => {
      const { name, args } = await goodCall('wallet_transfer');
      return { name, args: { ...args, to_wallet: UNKNOWN_WALLET } };
    },
  },
  {
    code: 'ASSET_MISMATCH',
    what: 'wallet_transfer to a wallet of another asset',
    arrange: async () => {
      const { name, args } = await goodCall('wallet_transfer');
      return { name, args: { ...args, to_wallet: await newWallet(db, await newAsset(db)) } };
    },
  },
  {
    code: 'WALLET_CLOSED',
    what: 'wallet_transfer to a closed wallet',
    arrange: async () => {
      const request = await goodCall('wallet_transfer');
      await setStatus(db, String(request.args.to_wallet), 'closed');
      return request;
    },
  },
  ...['', 'x'.repeat(201)].map((owner_id) => ({
    code: 'INVALID_ARGUMENT',
    what: `wallet_open for an owner of ${owner_id.length} characters`,
    arrange: () => Promise.resolve({ name: 'wallet_open', args: { owner_id, asset_code: 'NONE' } }),
  })),
  {
    code: 'ASSET_NOT_FOUND',
    what: 'wallet_open of an unknown asset',
    arrange: () => Promise.resolve({ name: 'wallet_open', args: { owner_id: newOwner(), asset_code: 'NONE' } }),
  },
  {
    code: 'WALLET_CLOSED',
    what: 'wallet_open of a closed wallet',
    arrange: async () => {
      const owner = newOwner();
      await setStatus(db, await someWallet({ owner }), 'closed');
      return { name: 'wallet_open', args: { owner_id: owner, asset_code: await someAsset(db) } };
    },
  },
  ...[
    { code: '', name: 'New' },
    { code: 'no spaces', name: 'New' },
    { code: 'NEW', name: '' },
    { code: 'NEW', name: 'New', scale: 19 },
    { code: 'TAKEN', name: 'Other' },
    { code: 'TAKEN', name: 'Taken', scale: 2 },
  ].map((args) => ({
    code: 'INVALID_ARGUMENT',
    what: `asset_create of ${JSON.stringify(args)}`,
    arrange: async () => {
      await call(db, 'asset_create', { code: 'TAKEN', name: 'Taken' });
      return { name: 'asset_create', args };
    },
  })),
];

/** Counts the callers' bookings; the worker books expiries at any time. */
async function booked(): Promise<unknown> {
  const { rows } = await db.query(
    `select count(distinct t.id) as transfers, count(e) as entries from ledger.transfers t
     left join ledger.entries e on e.transfer_id = t.id where t.idem_key is not null`,
  );
  return rows[0];
}

describe('a refusal', () => {
  it.each([
    ...[...everyFlow, ...refusedHolds, ...refusedReversals, ...refusedBatches, ...refusedStatuses],
    ...[...refusedMerges, ...refusedRules, ...others],
  ])('of $what is the same over each interface ($code)', async ({ code, arrange, index }) => {
    const request = await arrange();
    const before = await booked();

    const { graphql: shown, ...doors } = await askAll(request);

    expect(shown).toEqual({
      refused: {
        code,
        message: expect.stringMatching(new RegExp(`^${code.toLowerCase().replaceAll('_', ' ')}`)) as string,
        detail: (index === undefined ? expect.any(Object) : expect.objectContaining({ index })) as object,
        hint: expect.stringMatching(/^.+\.$/) as string,
      },
    });
    for (const [door, outcome] of Object.entries(doors)) expect({ door, ...outcome }).toEqual({ door, ...shown });
    expect(await booked()).toEqual(before);
  });

  /** Refused calls of roles that may book many calls over each interface. */
  const asItems = [...everyFlow, ...refusedHolds, ...refusedMerges, ...refusedRules, ...others].filter(
    ({ what }) => RECEIPTS.includes(what.replace(/ .*/, '')) && !OPERATED.includes(what.replace(/ .*/, '')),
  );
  it.each(asItems)('of $what is the same among many calls, over each interface ($code)', async ({ code, arrange }) => {
    const request = await arrange();
    const asset = await newAsset(db);
    const other = await newWallet(db, asset);
    const topUp = (): Item => ({ kind: 'top_up', wallet_id: other, amount: 1, idem_key: newKey() });
    const before = (await booked()) as { transfers: string };

    const alone = await graphql(request);
    const answers: ItemOutcome[][] = [];
    for (const [, ask] of doorsOf('wallet_post_each'))
      answers.push(
        outcomesOf(await ask({ name: 'wallet_post_each', args: { requests: [topUp(), itemOf(request), topUp()] } })),
      );

    expect(alone).toMatchObject({ refused: { code } });
    for (const [first, item, last] of answers) {
      expect(item).toEqual({ receipt: null, ...('refused' in alone && { refusal: alone.refused }) });
      expect([first?.refusal, last?.refusal]).toEqual([null, null]);
    }
    expect(answers.map(([, , last]) => last?.receipt?.balance)).toEqual(['2', '4', '6']);
    expect(Number(((await booked()) as { transfers: string }).transfers)).toBe(Number(before.transfers) + 6);
  });

  const AT = '2020-01-01T00:00:00Z';
  it.each([
    { name: 'wallet_balance', query: (id: string) => `walletBalance(walletId: "${id}") { balance }`, values: [] },
    {
      name: 'wallet_balance_at',
      query: (id: string) => `walletBalanceAt(walletId: "${id}", atTime: "${AT}") { balance }`,
      values: [AT],
    },
    { name: 'wallet_explain', query: (id: string) => `walletExplain(walletId: "${id}") { amount }`, values: [] },
  ])('of $name is the same as in SQL', async ({ name, query, values }) => {
    const client = await db.connect();
    await client.query("set time zone 'UTC'");
    // An instant before the wallet was opened.
    const early = name === 'wallet_balance_at' ? [await someWallet()] : [];

    for (const id of [UNKNOWN_WALLET, ...early]) {
      const answer = await gateway.as('auditor').post(`{ ${query(id)} }`);
      const parameters = [id, ...values];
      const error = await client
        .query(`select * from ledger.${name}(${parameters.map((_, n) => `$${n + 1}`).join(', ')})`, parameters)
        .catch((thrown: unknown) => thrown);

      if (!(error instanceof pg.DatabaseError)) throw new Error('not refused');
      expect(error.code).toBe(early.includes(id) ? 'WLARG' : 'WLNOW');
      expect(errorOf(answer)).toMatchObject({
        message: error.message,
        extensions: {
          code: CODES[error.code ?? ''],
          detail: JSON.parse(error.detail ?? '') as object,
          hint: error.hint,
        },
      });
    }
  });
});

describe('the actor that a SQL caller claims', () => {
  it.each(['job', 'superuser'])('is ignored (%s)', async (who) => {
    const client = who === 'job' ? await db.connectJob() : await db.connect();
    const wallet = await someWallet({ bought: 10 });
    await client.query(
      "select set_config('jwt.claims.sub', 'mallory', false), set_config('jwt.claims.role', 'operator', false)",
    );

    const { transfer_id } = await call(client, 'wallet_spend', { wallet_id: wallet, amount: 1, idem_key: newKey() });

    const { rows } = await db.query<{ actor: string }>('select actor from ledger.transfers where id = $1', [
      transfer_id,
    ]);
    expect(rows[0]?.actor).toMatch(/^db:/);
    expect(rows[0]?.actor).not.toContain('mallory');
  });
});

describe("a SQL job's own transaction", () => {
  it('rolls back its calls with everything else, and the key can be used again', async () => {
    const client = await db.connectJob();
    const wallet = await someWallet({ bought: 10 });
    const request = { wallet_id: wallet, amount: 4, idem_key: newKey() };
    await client.query('begin');
    await call(client, 'wallet_spend', request);
    await client.query('rollback');

    const receipt = await gateway
      .as('service')
      .receipt('walletSpend', { walletId: wallet, amount: 4, idemKey: request.idem_key });

    expect(receipt).toMatchObject({ balance: '6', replayed: false });
  });
});
