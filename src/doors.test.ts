/** The same calls give the same receipts and the same refusals through GraphQL, in a SQL job's transaction and in psql. */
import pg from 'pg';
import {
  call,
  forceHead,
  houseWallet,
  MAX_BALANCE,
  newAsset,
  newKey,
  newOwner,
  newWallet,
  rowsOf,
  setStatus,
  someAsset,
  UNKNOWN_WALLET,
} from '../db/tests/helpers.ts';
import { createGateway, errorOf, RECEIPT } from './testing.ts';

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
/** What a door answers; a receipt with the names and the texts of SQL. */
type Outcome = { row: Record<string, unknown> } | { refused: Refused };
type Door = (call: Call) => Promise<Outcome>;

const CODES: Record<string, string> = {
  WLAMT: 'INVALID_AMOUNT',
  WLARG: 'INVALID_ARGUMENT',
  WLSLF: 'SAME_WALLET',
  WLNOW: 'WALLET_NOT_FOUND',
  WLNOA: 'ASSET_NOT_FOUND',
  WLAST: 'ASSET_MISMATCH',
  WLKEY: 'IDEMPOTENCY_KEY_REUSED',
  WLFRZ: 'WALLET_FROZEN',
  WLCLS: 'WALLET_CLOSED',
  WLLIM: 'LIMIT_EXCEEDED',
  WLFND: 'INSUFFICIENT_FUNDS',
};
const PAYLOADS: Record<string, string> = {
  wallet_open: 'wallet { id ownerId assetCode normalSide house stripe status createdAt }',
  asset_create: 'asset { code name scale createdAt }',
};
const RECEIPTS = ['wallet_top_up', 'wallet_bonus', 'wallet_spend', 'wallet_transfer'];

const gateway = createGateway();
const { db } = gateway;

const camelCase = (name: string): string => name.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase());
const snakeCase = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const graphql: Door = async ({ name, args }) => {
  const field = camelCase(name);
  const input = Object.fromEntries(Object.entries(args).map(([key, value]) => [camelCase(key), value]));
  const answer = await gateway
    .as(name === 'asset_create' ? 'operator' : 'service', 'shop')
    .mutate(field, input, PAYLOADS[name] ?? `receipt { ${RECEIPT} }`);
  const payload = answer.body.data?.[field] as Record<string, Record<string, unknown>> | null | undefined;
  const [row] = Object.values(payload ?? {});
  if (row) return { row: Object.fromEntries(Object.entries(row).map(([key, value]) => [snakeCase(key), value])) };
  const { message, extensions } = errorOf(answer);
  expect({ status: answer.status, data: answer.body.data }).toEqual({ status: 200, data: { [field]: null } });
  return { refused: { code: extensions.code, message, detail: extensions.detail, hint: extensions.hint } };
};

/** One call in a transaction, parameters apart from the statement as drivers send them. */
const job: Door = async ({ name, args }) => {
  const client = await db.connectJob();
  const given = Object.entries(args);
  const list = given.map(([key], index) => `${key} => $${index + 1}`).join(', ');
  return sqlOutcome(client, async () => {
    await client.query('begin');
    const { rows } = await client.query<{ row: Record<string, unknown> }>(
      `select to_jsonb(r) as row from ledger.${name}(${list}) r`,
      given.map(([key, value]) => (key === 'metadata' ? jsonText(value) : value)),
    );
    await client.query('commit');
    return rows;
  });
};

/** A superuser's statement with everything written into it, as typed. */
const psql: Door = async ({ name, args }) => {
  const client = await db.connect();
  const list = Object.entries(args)
    .map(([key, value]) => `${key} => ${literal(key === 'metadata' ? jsonText(value) : value)}`)
    .join(', ');
  return sqlOutcome(client, async () => {
    const { rows } = await client.query<{ row: Record<string, unknown> }>(
      `select to_jsonb(r) as row from ledger.${name}(${list}) r`,
    );
    return rows;
  });
};

const jsonText = (value: unknown): string | null => (value === null ? null : JSON.stringify(value));

function literal(value: unknown): string {
  if (value === null) return 'null';
  return typeof value === 'string' ? pg.escapeLiteral(value) : JSON.stringify(value);
}

async function sqlOutcome(
  client: pg.Client,
  work: () => Promise<{ row: Record<string, unknown> }[]>,
): Promise<Outcome> {
  await client.query("set time zone 'UTC'");
  try {
    const [answer] = await work();
    if (!answer) throw new Error('no row');
    const texts = Object.entries(answer.row).map(([key, value]) => [key, fromJson(key, value)]);
    return { row: Object.fromEntries(texts) as Record<string, unknown> };
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    await client.query('rollback');
    const { code = '', message, detail = '', hint } = error;
    return { refused: { code: CODES[code] ?? code, message, detail: JSON.parse(detail), hint } };
  }
}

/** As GraphQL writes it: 64-bit numbers as text, times with six digits. */
function fromJson(key: string, value: unknown): unknown {
  if (key === 'created_at') {
    const [, time = '', fraction = '', zone = ''] = /^([^.]+?)(?:\.(\d+))?(\+00:00)$/.exec(value as string) ?? [];
    return `${time}.${fraction.padEnd(6, '0')}${zone}`;
  }
  return typeof value === 'number' && key !== 'scale' && key !== 'stripe' ? String(value) : value;
}

const doorsOf = (name: string): [string, Door][] =>
  RECEIPTS.includes(name)
    ? [
        ['graphql', graphql],
        ['job', job],
        ['psql', psql],
      ]
    : // Jobs do not open wallets or create assets.
      [
        ['graphql', graphql],
        ['psql', psql],
      ];

/** Asks every door for the same; its answer, and who the row of the log says has asked. */
async function askAll({ name, args }: Call): Promise<Record<string, Outcome>> {
  const outcomes: Record<string, Outcome> = {};
  for (const [door, ask] of doorsOf(name)) outcomes[door] = await ask({ name, args });
  return outcomes;
}

async function someWallet(has: { bought?: number; bonus?: number; owner?: string } = {}): Promise<string> {
  return newWallet(db, await someAsset(db), has);
}

/** A call of the flow that would be booked. */
async function goodCall(name: string, wallet?: string): Promise<Call & { args: Args }> {
  const acting = wallet ?? (await someWallet({ bought: 100, bonus: 3 }));
  const wallets =
    name === 'wallet_transfer' ? { from_wallet: acting, to_wallet: await someWallet() } : { wallet_id: acting };
  return { name, args: { ...wallets, amount: 5, idem_key: newKey(), metadata: { item: 'hat' } } };
}

const actingOf = ({ args }: Call): string => String(args.wallet_id ?? args.from_wallet);

describe.each(RECEIPTS)('%s', (name) => {
  it('gives the same receipt through every door, and records who came through which', async () => {
    const receipts: Record<string, unknown>[] = [];
    const actors: unknown[] = [];
    for (const [, ask] of doorsOf(name)) {
      const wallet = await someWallet({ bought: 100, bonus: 3 });
      const outcome = await ask(await goodCall(name, wallet));
      if (!('row' in outcome)) throw new Error(JSON.stringify(outcome));
      const { transfer_id, wallet_id, created_at, ...facts } = outcome.row;
      expect(wallet_id).toBe(wallet);
      expect(created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/);
      receipts.push(facts);
      const { rows } = await db.query<{ actor: string }>('select actor from ledger.transfers where id = $1', [
        transfer_id,
      ]);
      actors.push(rows[0]?.actor);
    }

    expect(receipts[0]).toMatchObject({ seq: '3', amount: '5', held_balance: '0', hold_id: null, replayed: false });
    expect(receipts).toEqual([receipts[0], receipts[0], receipts[0]]);
    const { rows } = await db.query<{ superuser: string }>('select session_user as superuser');
    expect(actors).toEqual(['service:shop', 'db:wallet_test_job', `db:${rows[0]?.superuser ?? ''}`]);
  });

  it.each(['graphql', 'job', 'psql'])('replays through every door what came through %s', async (door) => {
    const request = await goodCall(name);
    const first = await new Map(doorsOf(name)).get(door)?.(request);
    if (!first || !('row' in first)) throw new Error(JSON.stringify(first));
    await call(db, 'wallet_top_up', { wallet_id: actingOf(request), amount: 1, idem_key: newKey() });

    const replayed = { row: { ...first.row, replayed: true } };

    expect(first.row.replayed).toBe(false);
    expect(await askAll(request)).toEqual({ graphql: replayed, job: replayed, psql: replayed });
  });
});

describe('wallet_open and asset_create', () => {
  it('answer the same through every door', async () => {
    const owner_id = newOwner();
    const asset = { code: `D${newKey().slice(4, 12)}`, name: 'Doors', scale: 3 };

    const assets = await askAll({ name: 'asset_create', args: asset });
    const wallets = await askAll({ name: 'wallet_open', args: { owner_id, asset_code: asset.code } });

    expect(assets.graphql).toEqual({ row: { ...asset, created_at: expect.any(String) as string } });
    expect(assets.psql).toEqual(assets.graphql);
    expect(wallets.graphql).toMatchObject({ row: { owner_id, asset_code: asset.code, status: 'open', house: null } });
    expect(wallets.psql).toEqual(wallets.graphql);
  });
});

interface RefusedCall {
  code: string;
  what: string;
  arrange: () => Promise<Call>;
}

const LEAVING = ['wallet_spend', 'wallet_transfer'];

const everyFlow: RefusedCall[] = RECEIPTS.flatMap((name) => {
  const acting = name === 'wallet_transfer' ? 'from_wallet' : 'wallet_id';
  const but = (more: Args) => async () => {
    const { args } = await goodCall(name);
    return { name, args: { ...args, ...more } };
  };
  const notOpen = (status: 'frozen' | 'closed') => async () => {
    const request = await goodCall(name);
    await setStatus(db, actingOf(request), status);
    return request;
  };
  return [
    ...[0, -1, 10 ** 15 + 1, '9223372036854775807'].map((amount) => ({
      code: 'INVALID_AMOUNT',
      what: `${name} of ${amount}`,
      arrange: but({ amount, idem_key: '', metadata: null }),
    })),
    ...['', 'x'.repeat(201), '🎩'.repeat(201)].map((idem_key) => ({
      code: 'INVALID_ARGUMENT',
      what: `${name} with a key of ${idem_key.length} characters`,
      arrange: but({ idem_key, [acting]: UNKNOWN_WALLET }),
    })),
    ...[null, [], 'text', 7, true, { note: 'x'.repeat(8192) }].map((metadata) => ({
      code: 'INVALID_ARGUMENT',
      what: `${name} with the metadata ${JSON.stringify(metadata).slice(0, 20)}`,
      arrange: but({ metadata, [acting]: UNKNOWN_WALLET }),
    })),
    { code: 'WALLET_NOT_FOUND', what: `${name} for an unknown wallet`, arrange: but({ [acting]: UNKNOWN_WALLET }) },
    {
      code: 'WALLET_NOT_FOUND',
      what: `${name} for the house`,
      arrange: async () => but({ [acting]: await houseWallet(db, await someAsset(db), 'treasury', 5) })(),
    },
    ...[
      { field: 'kind', other: { kind: true } },
      { field: 'amount', other: { amount: 6 } },
      { field: 'metadata', other: { metadata: { item: 'cap' } } },
      ...(name === 'wallet_transfer' ? [{ field: 'to_wallet', other: { to_wallet: true } }] : []),
    ].map(({ field, other }) => ({
      code: 'IDEMPOTENCY_KEY_REUSED',
      what: `${name} with a key that comes again with another ${field}`,
      arrange: async () => {
        const first = await goodCall(
          field === 'kind' ? (name === 'wallet_spend' ? 'wallet_top_up' : 'wallet_spend') : name,
        );
        await call(db, first.name, first.args);
        if (field === 'kind') {
          const { args } = await goodCall(name, actingOf(first));
          return { name, args: { ...args, idem_key: first.args.idem_key } };
        }
        const again = field === 'to_wallet' ? { to_wallet: await someWallet() } : other;
        return { name, args: { ...first.args, ...again } };
      },
    })),
    ...(LEAVING.includes(name)
      ? [
          { code: 'WALLET_FROZEN', what: `${name} from a frozen wallet`, arrange: notOpen('frozen') },
          { code: 'INSUFFICIENT_FUNDS', what: `${name} of more than there is`, arrange: but({ amount: 104 }) },
        ]
      : []),
    { code: 'WALLET_CLOSED', what: `${name} for a closed wallet`, arrange: notOpen('closed') },
    {
      code: 'LIMIT_EXCEEDED',
      what: `${name} past the highest balance or total`,
      arrange: async () => {
        const request = await goodCall(name);
        if (name === 'wallet_transfer') await forceHead(db, String(request.args.to_wallet), { balance: MAX_BALANCE });
        else if (name === 'wallet_spend') {
          await forceHead(db, actingOf(request), { balance: '9', spent_total: MAX_BALANCE });
        } else await forceHead(db, actingOf(request), { balance: MAX_BALANCE });
        return request;
      },
    },
  ];
});

const others: RefusedCall[] = [
  {
    code: 'INVALID_ARGUMENT',
    what: 'wallet_bonus that expires',
    arrange: async () => {
      const { name, args } = await goodCall('wallet_bonus');
      return { name, args: { ...args, expires_at: '2099-01-01T00:00:00Z' } };
    },
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
    code: 'WALLET_NOT_FOUND',
    what: 'wallet_transfer to the house',
    arrange: async () => {
      const { name, args } = await goodCall('wallet_transfer');
      return { name, args: { ...args, to_wallet: await houseWallet(db, await someAsset(db), 'revenue', 0) } };
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
    { code: 'GOLD', name: 'Other' },
    { code: 'GOLD', name: 'Gold Coins', scale: 2 },
  ].map((args) => ({
    code: 'INVALID_ARGUMENT',
    what: `asset_create of ${JSON.stringify(args)}`,
    arrange: () => Promise.resolve({ name: 'asset_create', args }),
  })),
];

describe('a refusal', () => {
  it.each([...everyFlow, ...others])('of $what is the same through every door ($code)', async ({ code, arrange }) => {
    const request = await arrange();
    const before = await rowsOf(db);

    const { graphql: shown, ...doors } = await askAll(request);

    expect(shown).toEqual({
      refused: {
        code,
        message: expect.stringMatching(new RegExp(`^${code.toLowerCase().replaceAll('_', ' ')}`)) as string,
        detail: expect.any(Object) as object,
        hint: expect.stringMatching(/^.+\.$/) as string,
      },
    });
    for (const [door, outcome] of Object.entries(doors)) expect({ door, ...outcome }).toEqual({ door, ...shown });
    expect(Object.keys(doors)).toEqual(RECEIPTS.includes(request.name) ? ['job', 'psql'] : ['psql']);
    expect(await rowsOf(db)).toEqual(before);
  });

  it('of walletBalance is the same as in SQL (WALLET_NOT_FOUND)', async () => {
    for (const id of [UNKNOWN_WALLET, await houseWallet(db, await someAsset(db), 'promotions', 32)]) {
      const answer = await gateway.as('auditor').post(`{ walletBalance(walletId: "${id}") { balance } }`);
      const error = await db.query('select ledger.wallet_balance($1)', [id]).catch((thrown: unknown) => thrown);

      if (!(error instanceof pg.DatabaseError)) throw new Error('not refused');
      expect(error.code).toBe('WLNOW');
      expect(errorOf(answer)).toMatchObject({
        message: error.message,
        extensions: { code: 'WALLET_NOT_FOUND', detail: JSON.parse(error.detail ?? '') as object, hint: error.hint },
      });
    }
  });
});

describe('what a SQL caller claims', () => {
  it.each(['job', 'superuser'])('does not become the actor (%s)', async (who) => {
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
  it('takes its calls back with everything else, and leaves the key free', async () => {
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
