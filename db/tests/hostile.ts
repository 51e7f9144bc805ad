/** Hostile values by the type of their argument, which of them are valid, and calls to use them in. */
import {
  call,
  type Database,
  newAsset,
  newKey,
  newOwner,
  newWallet,
  type Session,
  setStatus,
  UNKNOWN_WALLET,
} from './helpers.ts';

/** Values as PostgreSQL's text; a Buffer is sent as raw bytes. */
export type Value = string | Buffer | null;

const SQL = `'; drop table ledger.entries; --"$1 %s \\ {}`;
const MEBIBYTE = 2 ** 20;
const text = (...values: (string | null)[]): Value[] => values;
const nested = (depth: number): string => `{"a": ${'['.repeat(depth)}${']'.repeat(depth)}}`;
/** A JSON object whose text in PostgreSQL has `length` bytes. */
const bytes = (length: number): string => `{"a": "${'x'.repeat(length - 9)}"}`;

const NUMBERS = text(
  'NaN',
  'Infinity',
  '-Infinity',
  '1e400',
  '1e3',
  '1.5',
  '',
  ' ',
  'abc',
  'null',
  '0',
  '-0',
  '-1',
  null,
);
const POWERS = text(
  ...[2n ** 31n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 10n ** 15n, 10n ** 15n + 1n].map(String),
  ...[2n ** 63n - 1n, 2n ** 63n, -(2n ** 63n), -(2n ** 63n) - 1n, 10n ** 400n].map(String),
);
const TEXTS: Value[] = [
  ...text(
    '',
    ' ',
    'a\u0000b',
    '\u0000',
    SQL,
    `"; select pg_sleep(9)`,
    '\u202e\u200b',
    'null',
    '\\',
    '%00',
    '../../etc',
  ),
  ...text('x'.repeat(200), 'x'.repeat(201), '\u{1f600}'.repeat(200), '\u{1f600}'.repeat(201), 'x'.repeat(1001)),
  ...text('x'.repeat(MEBIBYTE), null),
  // Half a surrogate pair, and an invalid byte.
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.from([0x61, 0xff]),
];

export const HOSTILE: Readonly<Record<string, Value[]>> = {
  bigint: [...NUMBERS, ...POWERS],
  integer: [...NUMBERS, ...POWERS],
  text: TEXTS,
  'text[]': text(
    ...['', '{', '{""}', '{" "}', '{NULL}', '{good,NULL}', '{{a},{b}}', '{good}', '{}', SQL, '[0:1]={a,b}', null],
    ...['{\u0000}', `{${'x'.repeat(201)}}`, `{${'x'.repeat(MEBIBYTE)}}`, `{${'x,'.repeat(10_000)}x}`],
  ),
  uuid: text('', 'x', UNKNOWN_WALLET, `${UNKNOWN_WALLET}${SQL}`, SQL, 'a\u0000', 'x'.repeat(MEBIBYTE), null),
  jsonb: text(
    ...['', '{', 'null', '[]', '[{}]', '"{}"', '1', 'true', 'NaN', '{"a": NaN}', '{"a": Infinity}', '{"a": 1.5e-3}'],
    ...[nested(100), nested(4000), nested(100_000), bytes(8192), bytes(8193), bytes(MEBIBYTE), null],
    ...['{"a": 1e400}', '{"a": 1e999999}', '{"a": -0}', '{"a": 9007199254740993}', '{"__proto__": 1}'],
    ...['{"a": "\\u0000"}', '{"\\u0000": 1}', '{"a": "\\ud800"}', '{"\\udc00": 1}', '{"a": "\u0000"}'],
    JSON.stringify({ [SQL]: SQL }),
  ),
  'timestamp with time zone': text(
    ...[
      '',
      'infinity',
      '-infinity',
      'abc',
      SQL,
      '2030-01-01\u0000',
      '12',
      '0000-01-01',
      '2030-02-30',
      '2030-01-01T25:00Z',
    ],
    ...['294276-12-31T23:59:59Z', '294277-01-01T00:00:00Z', '999999-01-01', '2030-01-01T00:00:00+99', '2000-01-01'],
    ...['2030-01-01T00:00:00 Nowhere/City', '4714-11-24 BC', `2030-01-01${'0'.repeat(MEBIBYTE)}`, null],
  ),
  'timestamp with time zone[]': text(
    ...['', '{', '{""}', '{NULL}', '{2030-01-01Z,NULL}', '{{2030-01-01Z},{2031-01-01Z}}', '{2030-01-01Z}', '{}', SQL],
    ...['{infinity,-infinity}', '{2030-02-30}', '[0:0]={2030-01-01Z}', '{294276-12-31T23:59:59Z}', '{999999-01-01}'],
    ...[`{${'2030-01-01Z,'.repeat(1000)}2030-01-01Z}`, `{${'x'.repeat(MEBIBYTE)}}`, null],
  ),
  'ledger.transfer_kind': text(
    ...['', 'gift', 'hold', 'capture', 'release', 'reversal', 'expiry', 'opening', 'exchange', 'adjustment', 'debt'],
    ...['collection', 'forgiveness'],
    ...['merge', 'Spend', SQL, null],
  ),
  boolean: text('', 'true', 'false', 'yes', '1', 'TRUE ', 'maybe', '2', 'NaN', SQL, null),
  'ledger.entry_side': text('', 'debit', 'credit', 'both', 'Debit', ' debit', SQL, null),
  'ledger.wallet_status': text('', 'lost', 'Open', 'closed', SQL, null),
  'ledger.transfer_kind[]': text('', '{}', '{gift}', '{spend,NULL}', '{{spend},{hold}}', '{Spend}', SQL, null),
};

const FUNDS = 800_000_000_000_000;
/** The amount that is held or was spent, above 2^32. */
const PART = 5_000_000_000;

const whole = (least: bigint, most: bigint) => (value: string) =>
  /^-?\d{1,19}$/.test(value) && BigInt(value) >= least && BigInt(value) <= most;
const characters = (most: number) => (value: string) =>
  value !== '' && Array.from(value).length <= most && !value.includes('\u0000');
/** No Unicode white space at either end, and not only control characters. JavaScript also trims the byte order mark. */
const key = (value: string) =>
  characters(200)(value) && value.trim() === value && !/^[\u0001-\u001f\u007f-\u009f]*$/.test(value);
const CODE = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const limit = whole(0n, 9n * 10n ** 18n);
/** Larger valid amounts exceed the wallet's balance or the hold. */
const amount = (value: string) => whole(1n, BigInt(PART))(value) || (whole(1n, 10n ** 15n)(value) ? undefined : false);

/** Which hostile values an argument accepts; undefined if both answers are right. */
const LEGAL: Readonly<Record<string, (value: string, nullable: boolean) => boolean | undefined>> = {
  amount,
  // In a request these fields are for other kinds.
  to_amount: (value, nullable) => !nullable && amount(value),
  bonus_amount: (value, nullable) => !nullable && whole(1n, 5n)(value),
  side: (value, nullable) => !nullable && ['debit', 'credit'].includes(value),
  reason: (value, nullable) => !nullable && characters(1000)(value),
  scale: whole(0n, 18n),
  max_wallets: whole(1n, 100_000n),
  max_spend: limit,
  max_balance: limit,
  max_daily_top_up: limit,
  max_daily_bonus: limit,
  max_daily_spend: limit,
  idem_key: key,
  owner_id: key,
  owner_ids: (value) => ['{}', '{good}', '[0:1]={a,b}'].includes(value),
  name: characters(200),
  code: (value) => CODE.test(value),
  // The asset may exist.
  asset_code: (value) => (CODE.test(value) ? undefined : false),
  metadata: (value) => isStorable(value),
  at_times: (value) =>
    /^(\{|\[0:0\]=\{)(infinity|2030-01-01Z|294276-12-31T23:59:59Z)[^N}]*\}$/.test(value) && value.length < 100,
  bucket: () => false,
  url: () => false,
  time_zone: () => false,
  expires_at: (value) => value === '294276-12-31T23:59:59Z',
  wallet_id: () => false,
  from_wallet: () => false,
  to_wallet: () => false,
  counterparty_id: () => false,
  hold_id: () => false,
  transfer_id: () => false,
  // A test with a bonus may become one with a hold.
  kind: (value) => value === 'hold',
};

/** An object of at most 8192 bytes. PostgreSQL writes numbers without exponent, which may be longer. */
function isStorable(json: string): boolean {
  if (json.includes('e999999') || /\\u0000|\\ud800|\\udc00|\u0000/.test(json)) return false;
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && !Array.isArray(value) && json.length <= 8192;
  } catch {
    return false;
  }
}

/** Whether an argument accepts a value; undefined if that depends on more than the value. */
export function isLegal(argument: string, value: Value, nullable: boolean): boolean | undefined {
  if (value === null) return nullable || ['metadata', 'owe'].includes(argument);
  if (Buffer.isBuffer(value)) return false;
  return LEGAL[argument]?.(value, nullable);
}

/** A short description of a value for reports. */
export function nameOf(value: Value): string {
  if (value === null) return 'null';
  const shown = Buffer.isBuffer(value) ? `bytes ${value.toString('hex')}` : JSON.stringify(value);
  return shown.length <= 60 ? shown : `${shown.slice(0, 40)}… of ${value.length}`;
}

/** Wallets of one asset in which every call is possible. */
export interface Scene {
  asset: string;
  wallet: string;
  friend: string;
  /** The owner's wallet of another asset. */
  other: string;
}

export async function newScene(db: Database, asset: string): Promise<Scene> {
  const owner = newOwner();
  return {
    asset,
    wallet: await newWallet(db, asset, { bought: FUNDS, owner }),
    friend: await newWallet(db, asset),
    other: await newWallet(db, await newAsset(db), { owner }),
  };
}

/** A valid value for each argument of a function, by its name or its type. */
export async function goodValue(
  db: Database,
  scene: Scene,
  name: string,
  argument: string,
  type: string,
): Promise<Value> {
  const flow = async (flowName: string) =>
    call(db, flowName, { wallet_id: scene.wallet, amount: PART, idem_key: newKey(), metadata: { item: 'hat' } });
  switch (argument) {
    case 'wallet_id':
      return STATES.includes(name) ? newWalletFor(db, scene, name) : scene.wallet;
    case 'from_wallet':
      // A wallet can be merged only once.
      return name === 'wallet_merge' ? newWallet(db, scene.asset, { bought: 5 }) : scene.wallet;
    case 'to_wallet':
      return name === 'wallet_exchange' ? scene.other : scene.friend;
    case 'to_amount':
      return name === 'wallet_exchange' ? '5' : null;
    case 'bonus_amount':
      return name === 'wallet_opening' ? '1' : null;
    case 'side':
    case 'reason':
      if (name.startsWith('wallet_post_')) return null;
      break;
    case 'hold_id':
      return name.startsWith('wallet_post_') ? null : (await flow('wallet_hold')).hold_id;
    case 'transfer_id':
      return name.startsWith('wallet_post_') ? null : (await flow('wallet_spend')).transfer_id;
    case 'asset_code':
      return scene.asset;
    case 'code':
      return `H${newKey().slice(-12)}`;
    case 'owner_id':
      return newOwner();
    case 'owner_ids':
      return `{${newOwner()},${newOwner()}}`;
    case 'idem_key':
      return newKey();
    case 'kind':
      return 'bonus';
    case 'at_times':
      return '{2026-01-01Z}';
    case 'from_time':
      return '2999-12-01T00:00:00Z';
    case 'bucket':
      return 'hour';
    case 'time_zone':
      return 'Europe/Berlin';
    case 'endpoint':
      return newEndpointFor(db, name);
    case 'url':
      return 'https://hooks.example/wallet';
    case 'kinds':
    case 'from_newest':
    case 'counterparty_id':
    case 'after':
    case 'before':
    case 'before_cursor':
    case 'last':
    case 'to':
    case 'kept':
      return null;
  }
  return GOOD_BY_TYPE[type] ?? null;
}

const STATES = ['wallet_freeze', 'wallet_close', 'wallet_reopen', 'wallet_collect', 'wallet_forgive', 'wallet_opening'];

/** A wallet whose status the function changes, or that has a debt for it. */
async function newWalletFor(db: Database, { asset }: Scene, name: string): Promise<string> {
  const wallet = await newWallet(db, asset);
  if (name === 'wallet_collect' || name === 'wallet_forgive') {
    const movement = () => ({ wallet_id: wallet, amount: PART, idem_key: newKey() });
    const { transfer_id } = await call(db, 'wallet_top_up', movement());
    await call(db, 'wallet_spend', movement());
    await call(db, 'wallet_reverse', { wallet_id: wallet, transfer_id, idem_key: newKey(), owe: true });
    // A top-up might pay the debt.
    await call(db, 'wallet_adjust', { ...movement(), side: 'credit', reason: 'for a test' });
  }
  if (name === 'wallet_reopen') await setStatus(db, wallet, 'frozen');
  return wallet;
}

/** An existing endpoint, unless the function creates one. */
async function newEndpointFor(db: Database, name: string): Promise<string> {
  const endpoint = `e${newKey().slice(4)}`;
  if (name !== 'webhook_endpoint_create')
    await db.query('select webhook.endpoint_create($1, $2)', [endpoint, 'https://hooks.example/wallet']);
  return endpoint;
}

const GOOD_BY_TYPE: Readonly<Record<string, string>> = {
  bigint: '5',
  integer: '2',
  text: 'for a test',
  uuid: UNKNOWN_WALLET,
  'ledger.entry_side': 'debit',
  jsonb: '{"order": 1}',
  'timestamp with time zone': '2999-12-31T00:00:00Z',
};

/** The number of rows in each table of the ledger. */
export async function countRows(db: Session): Promise<Record<string, number>> {
  const { rows } = await db.query<{ name: string; count: number }>(
    `select c.oid::regclass::text as name,
       (xpath('//count/text()', query_to_xml(format('select count(*) from %s', c.oid::regclass), false, true, '')))[1]::text::int as count
     from pg_class c
     where c.relkind = 'r' and c.relnamespace in ('ledger'::regnamespace, 'ledger_private'::regnamespace)
     order by 1`,
  );
  return Object.fromEntries(rows.map(({ name, count }) => [name, count]));
}

/** The column that stores an argument. */
const STORED: Readonly<Record<string, string>> = {
  amount: 'ledger.entries requested_amount',
  idem_key: 'ledger.entries idem_key',
  to_amount: 'ledger.entries requested_amount',
  bonus_amount: 'ledger.entries bonus_amount',
  // An adjustment's metadata also have its reason.
  metadata: "(select metadata - 'reason' as metadata from ledger.entries) metadata",
  expires_at: 'ledger.entries expires_at',
  owner_id: 'ledger.wallets owner_id',
  code: 'ledger.assets code',
  name: 'ledger.assets name',
  scale: 'ledger.assets scale',
  reason: '(select reason from ledger.wallet_events union all select reason from ledger.transfers) reason',
  ...Object.fromEntries(
    [
      ...['max_spend', 'max_balance', 'max_daily_top_up', 'max_daily_bonus', 'max_daily_spend'],
      ...['max_transfer', 'max_daily_transfer'],
    ].map((name) => [
      name,
      `(select ${name} from ledger.asset_limits union select ${name} from ledger.wallet_limits) ${name}`,
    ]),
  ),
};

/** Whether a row has exactly this value; true for arguments that are not stored. */
export async function isStored(db: Session, arg: { name: string; type: string }, value: Value): Promise<boolean> {
  const [, table, column] = /^(.+) (\w+)$/.exec(STORED[arg.name] ?? '') ?? [];
  if (!table || !column || value === null) return true;
  const { rows } = await db.query(`select from ${table} t where t.${column} = $1::${arg.type} limit 1`, [value]);
  return rows.length > 0;
}
