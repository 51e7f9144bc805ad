import { call, callAll, newAsset, newKey, newOwner, newWallet } from '../../db/tests/helpers.ts';
import { type Activity, bookSome, type JournalLine, someWallets } from '../../db/tests/reports.ts';
import { sealAll } from '../../db/tests/seals.ts';
import type { Role } from '../auth.ts';
import { type Caller, createGateway } from '../testing.ts';
import { REPORTS } from './reports.ts';

const gateway = createGateway();
const { db } = gateway;
const auditor = gateway.as('auditor', 'ada');
const FORMATS = ['csv', 'ndjson'] as const;

let asset = '';
let period = '';
const FROM = '2001-01-01T00:00:00Z';
beforeAll(async () => {
  asset = await newAsset(db);
  const wallets = await someWallets(db, asset, 3);
  for (let turn = 0; turn < 6; turn += 1) {
    await bookSome(db, db, wallets, turn);
    if (turn < 5) await sealAll(db);
  }
  period = `from=${FROM}&to=9999-01-01T00:00:00Z`;
});

async function get(path: string, caller: Caller = auditor): Promise<string> {
  const response = await caller.fetch(`/reports/${path}`);
  const text = await response.text();
  expect({ status: response.status, text: response.ok ? '' : text }).toEqual({ status: 200, text: '' });
  return text;
}

async function ndjson<T>(path: string): Promise<T[]> {
  const text = await get(path);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as T);
}

/** Reports contain no quoted cells here. */
async function csv<T extends object = Record<string, string>>(path: string): Promise<T[]> {
  const [header = '', ...lines] = (await get(path)).split('\n').slice(0, -1);
  return lines.map((line) => {
    const cells = line.split(',');
    return Object.fromEntries(header.split(',').map((name, nth) => [name, cells[nth] ?? ''])) as T;
  });
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/;

/** Without instants, which SQL formats in another way. */
const timeless = (rows: object[]) =>
  rows.map((row) => Object.fromEntries(Object.entries(row).filter(([name]) => !/_(at|time)$/.test(name))));

describe('a report', () => {
  it('of balances has the rows of ledger_balances_at, in CSV and NDJSON', async () => {
    const path = `at=9999-01-01T00:00:00Z&asset=${asset}`;

    const lines = await ndjson<object>(`balances.ndjson?${path}`);
    const cells = await csv(`balances.csv?${path}`);

    const rows = await callAll<{ account: string }>(db, 'ledger_balances_at', {
      at_times: ['9999-01-01T00:00:00Z'],
      asset_code: asset,
    });
    expect(lines).toEqual(rows.map((row) => ({ ...row, at_time: '9999-01-01T00:00:00.000000+00:00' })));
    expect(cells).toEqual(rows.map((row) => ({ ...row, at_time: '9999-01-01T00:00:00.000000+00:00', final: 'false' })));
    const accounts = ['treasury', 'promotions', 'revenue', 'breakage', 'adjustments', 'players'];
    expect(rows.map(({ account }) => account)).toEqual(accounts);
  });

  it('includes all assets if none is named', async () => {
    const assets = (rows: { asset_code: string }[]) => new Set(rows.map(({ asset_code }) => asset_code));
    const other = await newAsset(db);

    expect(assets(await ndjson('balances.ndjson?at=2001-01-01T00:00:00Z'))).toEqual(new Set([asset, other]));
    expect(assets(await ndjson('trial-balance.ndjson'))).toEqual(new Set([asset, other]));
    expect(assets(await ndjson(`journal.ndjson?${period}`))).toEqual(new Set([asset]));
  });

  it('of activity has buckets of the zone, and adds up with the others', async () => {
    const to = new Date(Date.now() + 86_400_000).toISOString();
    const from = new Date(Date.now() - 86_400_000).toISOString();
    const sums = (rows: Activity[]) => {
      const owed = new Map<string, number>();
      for (const { debit, credit, amount } of rows) {
        owed.set(debit, (owed.get(debit) ?? 0) + Number(amount));
        owed.set(credit, (owed.get(credit) ?? 0) - Number(amount));
      }
      return Object.fromEntries([...owed].filter(([, amount]) => amount !== 0).sort());
    };
    const path = `asset=${asset}&from=${from}&to=${to}`;

    const days = await csv<Activity>(`activity.csv?${path}&tz=Asia/Kolkata`);
    const hours = await ndjson<Activity>(`activity.ndjson?${path}&bucket=hour`);
    const balance = await csv(`trial-balance.csv?asset=${asset}`);

    const expected = Object.fromEntries(
      balance
        .map(({ account = '', debit, credit }) => [account, Number(debit) - Number(credit)] as const)
        .filter(([, amount]) => amount !== 0)
        .toSorted(([one], [two]) => (one < two ? -1 : 1)),
    );
    expect(sums(days)).toEqual(expected);
    expect(sums(hours)).toEqual(expected);
    expect(days.some(({ from_time }) => from_time.endsWith('T18:30:00.000000+00:00'))).toBe(true);
  });

  it('of the journal continues after a cursor, and leaves nothing out', async () => {
    const all = await ndjson<JournalLine>(`journal.ndjson?${period}&asset=${asset}`);
    const expected = await callAll<JournalLine>(db, 'ledger_journal', { asset_code: asset });
    const last = all.findLastIndex(({ cursor }) => cursor !== null);

    expect(timeless(all)).toEqual(timeless(expected));
    for (const { created_at, counted_at } of all)
      expect([created_at, counted_at]).toEqual([expect.stringMatching(TIME), created_at]);
    expect(all.length).toBeGreaterThan(60);
    expect(all.slice(last + 1)).not.toEqual([]);
    for (const place of [0, 1, 30, last]) {
      const rest = `journal.ndjson?${period}&asset=${asset}&after=${all[place]?.cursor ?? ''}`;
      expect(await ndjson(rest)).toEqual(all.slice(place + 1));
    }
    expect((await csv(`journal.csv?${period}&asset=${asset}`)).map(({ cursor }) => cursor)).toEqual(
      all.map(({ cursor }) => cursor ?? ''),
    );
  });

  it('shows keys as texts, not as formulas', async () => {
    const own = await newAsset(db);
    const wallet_id = await newWallet(db, own);
    await call(db, 'wallet_top_up', { wallet_id, amount: 1, idem_key: '=1+1' });

    expect(await get(`journal.csv?${period}&asset=${own}`)).toContain(",'=1+1,");
    expect(await get(`journal.ndjson?${period}&asset=${own}`)).toContain('"idem_key":"=1+1"');
  });

  it.each(FORMATS)('has its header and no lines if there are no rows (%s)', async (format) => {
    for (const { name, columns } of REPORTS.filter(({ name }) => ['activity', 'journal'].includes(name)))
      expect(await get(`${name}.${format}?asset=${asset}&from=2001-01-01T00:00:00Z&to=2001-01-02T00:00:00Z`)).toBe(
        format === 'csv' ? `${columns.join(',')}\n` : '',
      );
  });

  it.each(FORMATS)('is an attachment that must not be cached (%s)', async (format) => {
    for (const method of ['GET', 'HEAD']) {
      const response = await auditor.fetch(`/reports/trial-balance.${format}?asset=${asset}`, { method });
      const text = await response.text();

      expect(response.headers.get('content-disposition')).toBe(`attachment; filename="trial-balance.${format}"`);
      expect(response.headers.get('cache-control')).toBe('no-store');
      expect(response.status).toBe(200);
      expect(text === '').toBe(method === 'HEAD');
    }
  });
});

describe('the right to a report', () => {
  const GOOD: Record<string, () => string> = {
    balances: () => `at=2026-01-01T00:00:00Z&asset=${asset}`,
    activity: () => `asset=${asset}&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z`,
    'trial-balance': () => `asset=${asset}`,
    journal: () => `asset=${asset}&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z`,
  };
  const statuses = async (caller: Caller) => {
    const found = new Set<string>();
    for (const { name } of REPORTS)
      for (const format of FORMATS) {
        const response = await caller.fetch(`/reports/${name}.${format}?${GOOD[name]?.() ?? ''}`);
        const text = await response.text();
        const { errors } = response.ok
          ? { errors: [] }
          : (JSON.parse(text) as { errors: { extensions: { code: string } }[] });
        found.add([response.status, ...errors.map(({ extensions }) => extensions.code)].join(' '));
      }
    return [...found];
  };

  it.each([
    ['operator', '200'],
    ['auditor', '200'],
    ['service', '403 FORBIDDEN'],
    ['player', '403 FORBIDDEN'],
  ] as [Role, string][])('of the role %s: %s', async (role, status) => {
    expect(await statuses(gateway.as(role, newOwner()))).toEqual([status]);
  });

  it('needs a valid token (401)', async () => {
    expect(await statuses(gateway.with(undefined))).toEqual(['401 UNAUTHENTICATED']);
    expect(await statuses(gateway.with('x.y.z'))).toEqual(['401 UNAUTHENTICATED']);
  });
});

describe('a report is refused', () => {
  const refused = async (path: string) => {
    const response = await auditor.fetch(`/reports/${path}`);
    const { errors } = (await response.json()) as { errors: { message: string; extensions: { code: string } }[] };
    return [response.status, errors[0]?.extensions.code, errors[0]?.message];
  };
  const day = 'from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z';

  it.each([
    ['balances.csv', 'at is missing'],
    ['balances.csv?at=2026-01-01', 'at must be an instant such as 2026-01-31T12:00:00Z (write + as %2B)'],
    ['balances.csv?at=2026-01-01T00:00:00Z&tz=UTC', 'there is no parameter "tz"'],
    ['balances.csv?at=2026-01-01T00:00:00Z&toString=1', 'there is no parameter "toString"'],
    [`activity.csv?${day}`, 'asset is missing'],
    ['activity.csv?asset=GOLD&from=2026-01-01T00:00:00Z', 'to is missing'],
    [`activity.csv?asset=GOLD&${day}&bucket=week`, 'bucket'],
    [`activity.csv?asset=GOLD&${day}&tz=CET`, 'time_zone'],
    [`activity.csv?asset=GOLD&${day}&asset=GOLD`, 'asset is there twice'],
    ['activity.csv?asset=GOLD&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 'to_time'],
    ['journal.ndjson?from=2026-01-01T00:00:00Z', 'to is missing'],
    [`journal.ndjson?${day}&after=x`, 'after'],
    ['journal.ndjson?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 'to_time'],
    ['trial-balance.csv?at=2026-01-01T00:00:00Z', 'there is no parameter "at"'],
  ])('with 400 and the name of the wrong parameter: %s', async (path, message) => {
    expect(await refused(path)).toEqual([400, 'INVALID_ARGUMENT', `invalid argument: ${message}`]);
  });

  it.each([
    `balances.csv?at=2026-01-01T00:00:00Z&asset=nope`,
    `activity.csv?asset=nope&${day}`,
    `journal.csv?asset=nope&${day}`,
  ])('with 404 if the asset does not exist: %s', async (path) => {
    expect(await refused(path)).toEqual([404, 'ASSET_NOT_FOUND', 'asset not found: nope']);
  });

  it('with 404 if it does not exist, and refusals leave its connections free', async () => {
    for (let turn = 0; turn < 8; turn += 1) {
      expect((await auditor.fetch('/reports/nothing.csv')).status).toBe(404);
      expect((await refused('journal.csv?after=x&' + day))[0]).toBe(400);
    }
    expect((await auditor.fetch(`/reports/trial-balance.csv?key=${newKey()}`)).status).toBe(400);
  });
});
