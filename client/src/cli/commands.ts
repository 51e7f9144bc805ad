/** The commands of `wallet`. */
import type { Balance, Entry, Kind, Receipt, WalletClient } from '../index.ts';
import { amountOf, instantOf, numberOf, objectOf, UsageError, type Options, type Values } from './arguments.ts';
import { IMPORT_HELP, importFile } from './import.ts';
import type { OpenMany } from './open.ts';
import { amount, json, list, table, type Column, type Sink, type Style } from './output.ts';

/** What a command works with. */
export interface Work {
  client: WalletClient;
  openMany: OpenMany;
  isJson: boolean;
  stdout: Sink;
  stderr: Sink;
  style: Style;
  signal: AbortSignal | undefined;
}

/** A command: what it takes, and what it does once that has been read. */
export interface Command {
  name: string;
  /** One line. */
  does: string;
  /** What more there is to know. */
  help?: string;
  /** Behind the name of the program. */
  example: string;
  takes: readonly string[];
  options?: Options;
  /** Of each option, what to write behind it, and what it means. */
  describes?: Readonly<Record<string, readonly [value: string, meaning: string]>>;
  /** The options without which there is no call. */
  needs?: readonly string[];
  /** Reads the arguments; what it returns calls, and gives the exit code. */
  read: (named: Readonly<Record<string, string>>, values: Values) => (work: Work) => Promise<number>;
}

const KINDS: readonly Kind[] = [
  ...(['adjustment', 'bonus', 'capture', 'collection', 'debt', 'exchange', 'expiry', 'forgiveness'] as const),
  ...(['hold', 'merge', 'opening', 'release', 'reversal', 'spend', 'top_up', 'transfer'] as const),
];
const MOST_LINES = 1_000_000;
const PAGE = 1_000;

const KEY = ['<key>', 'the idempotency key: the same one for the same call, another one for another'] as const;
const METADATA = ['<json>', 'facts to keep with it, such as \'{"item": "sword"}\''] as const;

const text = (value: Values[string]): string | undefined => (typeof value === 'string' ? value : undefined);
const amountIn = (value: Values[string]): bigint | undefined =>
  typeof value === 'string' ? amountOf('--amount', value) : undefined;
const instantIn = (name: string, value: Values[string]): string | undefined =>
  typeof value === 'string' ? instantOf(`--${name}`, value) : undefined;
const metadataIn = (value: Values[string]): Record<string, unknown> | undefined =>
  typeof value === 'string' ? objectOf('--metadata', value) : undefined;

function showReceipt({ isJson, stdout, style }: Work, receipt: Receipt): number {
  if (isJson) stdout.write(json(receipt));
  else {
    const { kind, amount: moved, replayed, holdId, transferId, seq } = receipt;
    stdout.write(`${style.green(replayed ? 'booked before' : 'booked')}: ${kind} of ${amount(moved)}\n`);
    const rows = [
      ...[['transfer', transferId] as const, ['line', String(seq)] as const],
      ...(holdId === null ? [] : [['hold', holdId] as const]),
      ...balanceRows(receipt),
      ...(receipt.owed > 0n ? [['owed', amount(receipt.owed)] as const] : []),
    ];
    stdout.write(list(rows, style));
  }
  return 0;
}

const balanceRows = ({ balance, bonusBalance, heldBalance, available }: Omit<Balance, 'seq'>) =>
  [
    ['balance', amount(balance)],
    ['bonus', amount(bonusBalance)],
    ['held', amount(heldBalance)],
    ['available', amount(available)],
  ] as const;

/** A call that books, with a key and metadata. */
function posting(
  command: Omit<Command, 'read' | 'needs'>,
  post: (
    work: Work,
    named: Readonly<Record<string, string>>,
    key: string,
    values: Values,
    more: { metadata: Record<string, unknown> | undefined; signal: AbortSignal | undefined },
  ) => Promise<Receipt>,
  check: (named: Readonly<Record<string, string>>, values: Values) => void = () => undefined,
): Command {
  return {
    ...command,
    options: { key: { type: 'string' }, ...command.options, metadata: { type: 'string' } },
    describes: { key: KEY, metadata: METADATA, ...command.describes },
    needs: ['key'],
    read: (named, values) => {
      check(named, values);
      if (named.amount !== undefined) amountOf('<amount>', named.amount);
      const metadata = metadataIn(values.metadata);
      return async (work) =>
        showReceipt(work, await post(work, named, text(values.key) ?? '', values, { metadata, signal: work.signal }));
    },
  };
}

const walletOf = ({ client }: Work, { owner = '', asset = '' }: Readonly<Record<string, string>>) =>
  client.wallet(owner, asset);
const amountFrom = ({ amount: given = '' }: Readonly<Record<string, string>>): bigint => amountOf('<amount>', given);

const ENTRY_COLUMNS: readonly Column<Entry>[] = [
  { title: 'line', of: ({ seq }) => String(seq), isNumber: true },
  { title: 'booked at', of: ({ createdAt }) => createdAt.replace('T', ' ').replace(/\.\d+/, '') },
  { title: 'kind', of: ({ kind }) => kind },
  {
    title: 'amount',
    of: ({ side, amount: moved }) => `${side === 'debit' ? '-' : '+'}${amount(moved)}`,
    isNumber: true,
  },
  { title: 'balance', of: ({ balance }) => amount(balance), isNumber: true },
  { title: 'bonus', of: ({ bonusBalance }) => amount(bonusBalance), isNumber: true },
  { title: 'held', of: ({ heldBalance }) => amount(heldBalance), isNumber: true },
  { title: 'other side', of: ({ counterparty }) => counterparty ?? '' },
  { title: 'key', of: ({ transfer }) => transfer?.idemKey ?? '' },
  { title: 'by', of: ({ transfer }) => transfer?.actor ?? '' },
];

const CHANGE_COLUMNS: readonly Column<Balance>[] = [
  { title: 'line', of: ({ seq }) => String(seq).padStart(8), isNumber: true },
  { title: 'balance', of: ({ balance }) => amount(balance).padStart(20), isNumber: true },
  { title: 'bonus', of: ({ bonusBalance }) => amount(bonusBalance).padStart(20), isNumber: true },
  { title: 'held', of: ({ heldBalance }) => amount(heldBalance).padStart(20), isNumber: true },
  { title: 'available', of: ({ available }) => amount(available).padStart(20), isNumber: true },
];

export const COMMANDS: readonly Command[] = [
  {
    name: 'open',
    does: "Opens an owner's wallet of an asset, or shows it as it is",
    example: 'open alice GOLD',
    takes: ['owner', 'asset'],
    read: (named) => async (work) => {
      const opened = await walletOf(work, named).open({ signal: work.signal });
      if (work.isJson) work.stdout.write(json(opened));
      else {
        const { id, ownerId, assetCode, status, createdAt } = opened;
        const rows = [
          ['wallet', id],
          ['owner', ownerId],
          ['asset', assetCode],
          ['status', status],
        ] as const;
        work.stdout.write(list([...rows, ['opened at', createdAt]], work.style));
      }
      return 0;
    },
  },
  posting(
    {
      name: 'top-up',
      does: 'Books credits that were bought with real money',
      example: 'top-up alice GOLD 500 --key payment-17',
      takes: ['owner', 'asset', 'amount'],
    },
    (work, named, key, _values, more) => walletOf(work, named).topUp(amountFrom(named), key, more),
  ),
  posting(
    {
      name: 'bonus',
      does: 'Grants credits for nothing',
      example: 'bonus alice GOLD 20 --key welcome --expires 2030-01-31T00:00:00Z',
      takes: ['owner', 'asset', 'amount'],
      options: { expires: { type: 'string' } },
      describes: { expires: ['<instant>', 'from when they cannot be spent any more; never if left out'] },
    },
    (work, named, key, { expires }, more) =>
      walletOf(work, named).bonus(amountFrom(named), key, { ...more, expiresAt: text(expires) }),
    (_named, { expires }) => instantIn('expires', expires),
  ),
  posting(
    {
      name: 'spend',
      does: 'Books a purchase in the game or shop',
      example: 'spend alice GOLD 30 --key order-42 --metadata \'{"item": "sword"}\'',
      takes: ['owner', 'asset', 'amount'],
    },
    (work, named, key, _values, more) => walletOf(work, named).spend(amountFrom(named), key, more),
  ),
  posting(
    {
      name: 'transfer',
      does: "Moves credits to another player's wallet of the same asset",
      example: 'transfer alice bob GOLD 15 --key gift-3',
      takes: ['owner', 'to', 'asset', 'amount'],
    },
    (work, named, key, _values, more) =>
      walletOf(work, named).transfer(
        work.client.wallet(named.to ?? '', named.asset ?? ''),
        amountFrom(named),
        key,
        more,
      ),
  ),
  posting(
    {
      name: 'reverse',
      does: 'Takes a movement back, whole or in part; for operators',
      help: 'The transfer is that of a receipt, or of a line of the history.',
      example: 'reverse alice GOLD 01a202bb-dd08-7320-b8aa-42b5b2cba4e2 --key refund-42',
      takes: ['owner', 'asset', 'transfer'],
      options: { amount: { type: 'string' }, owe: { type: 'boolean' } },
      describes: {
        amount: ['<amount>', 'what is taken back; all that is left if left out'],
        owe: ['', 'of a top-up: what is gone becomes a debt instead of a refusal'],
      },
    },
    (work, named, key, values, more) =>
      walletOf(work, named).reverse(named.transfer ?? '', key, {
        ...more,
        amount: amountIn(values.amount),
        owe: values.owe === true ? true : undefined,
      }),
    (_named, values) => amountIn(values.amount),
  ),
  {
    name: 'balance',
    does: 'Shows what a wallet has',
    example: 'balance alice GOLD',
    takes: ['owner', 'asset'],
    read: (named) => async (work) => {
      const balance = await walletOf(work, named).balance({ signal: work.signal });
      work.stdout.write(work.isJson ? json(balance) : list(balanceRows(balance), work.style));
      return 0;
    },
  },
  {
    name: 'history',
    does: 'Lists what was booked in a wallet, newest first',
    example: 'history alice GOLD --kind spend --from 2026-11-01T00:00:00Z --limit 5',
    takes: ['owner', 'asset'],
    options: {
      from: { type: 'string' },
      to: { type: 'string' },
      kind: { type: 'string', multiple: true },
      'oldest-first': { type: 'boolean' },
      limit: { type: 'string' },
      all: { type: 'boolean' },
    },
    describes: {
      from: ['<instant>', 'only what was booked then or later'],
      to: ['<instant>', 'only what was booked before'],
      kind: ['<kind>', 'only movements of this kind, such as top_up; may be given more than once'],
      'oldest-first': ['', 'oldest first'],
      limit: ['<lines>', 'how many, 20 if left out'],
      all: ['', 'all of them'],
    },
    read: (named, values) => {
      const kinds = values.kind as Kind[] | undefined;
      const unknown = kinds?.find((kind) => !KINDS.includes(kind));
      if (unknown !== undefined) throw new UsageError(`--kind must be one of ${KINDS.join(', ')}; see --help`);
      if (values.all === true && values.limit !== undefined)
        throw new UsageError('--all and --limit exclude each other; see --help');
      const most = values.all === true ? Infinity : numberOf('--limit', text(values.limit) ?? '20', MOST_LINES);
      const which = {
        kinds,
        from: instantIn('from', values.from),
        to: instantIn('to', values.to),
        oldestFirst: values['oldest-first'] === true,
        pageSize: Math.min(PAGE, most),
      };
      return async (work) => showHistory(work, walletOf(work, named).history({ ...which, signal: work.signal }), most);
    },
  },
  {
    name: 'watch',
    does: 'Shows what a wallet has, and again each time something is booked',
    help: 'It goes on until it is interrupted. Several movements may come as one. Needs Node 22 or newer.',
    example: 'watch alice GOLD',
    takes: ['owner', 'asset'],
    options: { count: { type: 'string' } },
    describes: { count: ['<lines>', 'ends after so many'] },
    read: (named, values) => {
      const most = values.count === undefined ? Infinity : numberOf('--count', text(values.count) ?? '', MOST_LINES);
      return async (work) => {
        let count = 0;
        for await (const balance of walletOf(work, named).changes({ signal: work.signal })) {
          const lines = work.isJson ? json(balance) : table(CHANGE_COLUMNS, [balance], work.style);
          work.stdout.write(work.isJson || count === 0 ? lines : lines.slice(lines.indexOf('\n') + 1));
          count += 1;
          if (count >= most) break;
        }
        return 0;
      };
    },
  },
  {
    name: 'import',
    does: 'Books the movements of a CSV file, each for itself',
    help: IMPORT_HELP,
    example: 'import campaign.csv',
    takes: ['file'],
    options: { open: { type: 'boolean' }, 'dry-run': { type: 'boolean' }, batch: { type: 'string' } },
    describes: {
      open: ['', 'opens the wallets that have not been opened'],
      'dry-run': ['', 'checks the file, and books nothing'],
      batch: ['<rows>', 'how many rows a call books, 500 if left out'],
    },
    read: ({ file = '' }, values) => {
      const batch = numberOf('--batch', text(values.batch) ?? '500', 10_000);
      return (work) =>
        importFile(file, { ...work, batch, isDry: values['dry-run'] === true, opensMissing: values.open === true });
    },
  },
];

async function showHistory(
  { isJson, stdout, style }: Work,
  entries: AsyncIterable<Entry>,
  most: number,
): Promise<number> {
  let rows: Entry[] = [];
  let count = 0;
  let pages = 0;
  const show = (): void => {
    const lines = table(ENTRY_COLUMNS, rows, style);
    stdout.write(pages === 0 ? lines : lines.slice(lines.indexOf('\n') + 1));
    pages += 1;
    rows = [];
  };
  for await (const entry of entries) {
    count += 1;
    if (isJson) stdout.write(json(entry));
    else if (rows.push(entry) === PAGE) show();
    if (count >= most) break;
  }
  if (!isJson && (rows.length > 0 || count === 0)) show();
  return 0;
}
