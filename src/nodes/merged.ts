/** Fields that all nodes answer together: lists, whose pages are merged under one cursor, and sums, which are added up. */
import { getNamedType, Kind, type ExecutionResult, type FieldNode } from 'postgraphile/graphql';
import { mayBeRepeated } from '../errors.ts';
import { replaced, type Root } from './roots.ts';
import { fieldError, nameNode, OWN, type Own, type Run } from './split.ts';

type Row = Readonly<Record<string, string | boolean | null | undefined>>;
type Given = Readonly<Record<string, unknown>>;
type Shown = Record<string, unknown>;

/** What one node has answered: each row as the client asked for it, and as it is ordered or added up here. */
interface Page {
  node: string;
  shown: Shown;
  rows: readonly { cursor: string; node: Row }[];
  info: { endCursor: string | null; hasNextPage: boolean };
}

interface Taken {
  page: Page;
  at: number;
  cursor: string;
  /** What is shown instead of what that node has. */
  sums?: Row;
}

interface Merged {
  taken: readonly Taken[];
  endCursor: string | null;
  hasNextPage: boolean;
}

type Order = readonly (readonly [field: string, direction: 1 | -1, isNumber?: boolean])[];

const NEWEST: Order = [['id', -1]];
const LISTS: Readonly<Record<string, (given: Given) => Order>> = {
  transfers: () => NEWEST,
  holds: ({ open }) =>
    open === true
      ? [
          ['expiresAt', -1],
          ['id', -1],
        ]
      : NEWEST,
  expiringLots: () => [
    ['expiresAt', -1],
    ['walletId', -1],
    ['seq', -1, true],
  ],
  operatorActions: () => [
    ['createdAt', -1],
    ['id', -1],
    ['seq', -1, true],
  ],
  wallets: (given) =>
    ['ownerPrefix', 'assetCode', 'status'].some((name) => (given[name] ?? null) !== null)
      ? [
          ['ownerId', 1],
          ['id', 1],
        ]
      : [['id', 1]],
};
/** What tells rows apart, and what is added up; figures on either side of an account are above 0 for a debit. */
const SUMS: Readonly<Record<string, { by: readonly string[]; added: readonly string[]; sided?: boolean }>> = {
  ledgerTrialBalance: { by: ['assetCode', 'account'], added: ['debit', 'credit'] },
  ledgerBalancesAt: { by: ['atTime', 'assetCode', 'account'], added: ['balance', 'bonusBalance'], sided: true },
  ledgerActivity: {
    by: ['fromTime', 'toTime', 'kind', 'debit', 'credit'],
    added: ['movements', 'amount', 'bonusAmount'],
  },
};
/** Fields that lists are in the order of. */
const KEYS = ['id', 'ownerId', 'walletId', 'seq', 'createdAt', 'expiresAt'];
const ROWS = 'rows_of_node';
const INFO = 'page_of_node';
const DEFAULT_PAGE = 100;
const MAX_PAGE = 1000;

export function isMerged(name: string): boolean {
  return name in LISTS || name in SUMS;
}

export async function mergedAnswer(names: readonly string[], root: Root, run: Run): Promise<ExecutionResult> {
  const { key, name, given } = root;
  const { last, before, beforeCursor, orderBy } = given;
  const isBackwards = [last, name === 'expiringLots' ? beforeCursor : before].some((value) => (value ?? null) !== null);
  const isOrdered = (orderBy ?? null) !== null && JSON.stringify(orderBy) !== '["PRIMARY_KEY_ASC"]';
  if (isBackwards || isOrdered)
    return fieldError(
      root,
      'INVALID_ARGUMENT',
      'invalid argument: over several nodes a list is read in its own order, with first and after',
    );
  const places = placesIn(given.after);
  if (!places) return fieldError(root, 'INVALID_ARGUMENT', 'invalid argument: the cursor is not one of this list');
  const order = LISTS[name]?.(given);
  const asked = { ...root, fields: root.fields.map((field) => withRows(field, root, order !== undefined)) };
  const answers = await Promise.all(
    names.map(async (node) => {
      const own: Own = { type: 'Cursor', value: order ? places[node] : undefined };
      return { node, result: await run(node, [asked], own) };
    }),
  );
  const missing = answers.filter(({ result }) => result.errors?.some(mayBeRepeated));
  const refused = answers.find(
    (answer) => !missing.includes(answer) && (answer.result.errors ?? answer.result.data?.[key] === null),
  );
  if (refused) return refused.result;
  const pages = answers
    .filter((answer) => !missing.includes(answer))
    .map(({ node, result }): Page => {
      const { [ROWS]: rows, [INFO]: info, ...shown } = result.data?.[key] as Shown;
      return { node, shown, rows: rows as Page['rows'], info: info as Page['info'] };
    });
  const away = missing.map(({ node }) => node).join(', ');
  const told = fieldError(root, 'RETRY', `retry: without node ${away}, which does not answer`);
  if (!order && away !== '') return told;
  if (!order && pages.some(({ info }) => info.hasNextPage))
    return fieldError(
      root,
      'INVALID_ARGUMENT',
      `invalid argument: over several nodes at most ${MAX_PAGE} rows are added up`,
    );
  const size = typeof given.first === 'number' ? given.first : DEFAULT_PAGE;
  const merged = order ? inOrder(pages, order, places, size) : addedUp(pages, name, given, size);
  const data = { [key]: pages.length > 0 ? shownAs(root, pages, merged) : null };
  return away === '' ? { data } : { data, errors: told.errors ?? [] };
}

/** A page of all: as far as each node has told of its rows. */
function inOrder(pages: readonly Page[], order: Order, places: Record<string, string>, size: number): Merged {
  const taken: Taken[] = [];
  const next = new Map(pages.map((page) => [page, 0]));
  const at = { ...places };
  const rest = (page: Page) => page.rows[next.get(page) ?? 0];
  while (taken.length < size) {
    if (pages.some((page) => !rest(page) && page.info.hasNextPage)) break;
    const [page] = pages
      .filter((one) => rest(one))
      .sort((a, b) => compare(rest(a)?.node ?? {}, rest(b)?.node ?? {}, order));
    const row = page && rest(page);
    if (!row) break;
    const place = next.get(page) ?? 0;
    at[page.node] = row.cursor;
    taken.push({ page, at: place, cursor: cursorOf(at) });
    next.set(page, place + 1);
  }
  for (const page of pages) if (!rest(page) && page.info.endCursor !== null) at[page.node] = page.info.endCursor;
  const hasNextPage = pages.some((page) => rest(page) !== undefined || page.info.hasNextPage);
  return { taken, endCursor: Object.keys(at).length > 0 ? cursorOf(at) : null, hasNextPage };
}

function compare(a: Row, b: Row, order: Order): number {
  for (const [field, direction, isNumber] of order) {
    const [left, right] = [a[field], b[field]];
    if (left === right) continue;
    // What has no end comes after all that has one.
    if (left === null || right === null) return left === null ? direction : -direction;
    const [x, y] = [String(left), String(right)];
    return direction * (isNumber ? (BigInt(x) < BigInt(y) ? -1 : 1) : Buffer.compare(Buffer.from(x), Buffer.from(y)));
  }
  return 0;
}

function addedUp(pages: readonly Page[], name: string, given: Given, size: number): Merged {
  const { by = [], added = [], sided = false } = SUMS[name] ?? {};
  const sums = new Map<string, Taken & { sums: Row }>();
  for (const page of pages)
    page.rows.forEach(({ node }, at) => {
      const key = JSON.stringify(by.map((field) => node[field]));
      const before = sums.get(key);
      sums.set(key, { page, at, cursor: '', ...before, sums: sumOf(before?.sums, node, added, sided) });
    });
  const times = (row: Row) => String(row.fromTime ?? row.atTime ?? '');
  const all = [...sums.values()].sort((a, b) =>
    times(a.sums) < times(b.sums) ? -1 : Number(times(a.sums) > times(b.sums)),
  );
  const skip = Number(placesIn(given.after)?.rows ?? 0);
  const taken = all
    .slice(skip, skip + size)
    .map((row, nth) => ({ ...row, cursor: cursorOf({ rows: String(skip + nth + 1) }) }));
  return { taken, endCursor: taken.at(-1)?.cursor ?? null, hasNextPage: all.length > skip + size };
}

function sumOf(before: Row | undefined, row: Row, added: readonly string[], sided: boolean): Row {
  if (!before) return row;
  const signed = (one: Row, field: string) => BigInt(String(one[field])) * (sided && one.side === 'credit' ? -1n : 1n);
  const totals = added.map((field) => [field, signed(before, field) + signed(row, field)] as const);
  const first = totals[0]?.[1] ?? 0n;
  const side = !sided || first === 0n ? before.side : first > 0n ? 'debit' : 'credit';
  const shown = totals.map(([field, total]) => [field, String(sided && side === 'credit' ? -total : total)]);
  return { ...before, side, final: before.final === true && row.final === true, ...(Object.fromEntries(shown) as Row) };
}

/** As the client has asked for it, with its own names. */
function shownAs(root: Root, pages: readonly Page[], { taken, endCursor, hasNextPage }: Merged): Shown {
  const info: Row = { startCursor: taken[0]?.cursor ?? null, endCursor, hasNextPage, hasPreviousPage: false };
  const rowAs = ({ sums = {} }: Taken, row: Shown, nodes: readonly FieldNode[]): Shown =>
    replaced(root, row, nodes, (name) => sums[name]);
  return replaced(root, pages[0]?.shown ?? {}, root.fields, (name, key, nodes, value) => {
    if (name === 'pageInfo') return replaced(root, value, nodes, (field) => info[field]);
    if (name !== 'nodes' && name !== 'edges') return undefined;
    return taken.map((one) => {
      const row = (one.page.shown[key] as Shown[])[one.at] ?? {};
      if (name === 'nodes') return rowAs(one, row, nodes);
      return replaced(root, row, nodes, (field, _key, inner, edge) =>
        field === 'cursor' ? one.cursor : field === 'node' ? rowAs(one, edge as Shown, inner) : undefined,
      );
    });
  });
}

const known = new WeakMap<FieldNode, FieldNode>();

/** The same field, asking also for what is needed here; sums with all their rows. */
function withRows(field: FieldNode, { name: list, type }: Root, isList: boolean): FieldNode {
  const before = known.get(field);
  if (before) return before;
  const args = (field.arguments ?? []).filter(
    ({ name }) => name.value !== 'after' && (isList || name.value !== 'first'),
  );
  const rowType = type && getNamedType(type);
  const fields = rowType && 'getFields' in rowType ? rowType.getFields() : {};
  const nodeType = fields.nodes && getNamedType(fields.nodes.type);
  const has = nodeType && 'getFields' in nodeType ? nodeType.getFields() : {};
  const { by, added } = SUMS[list] ?? { by: KEYS, added: [] };
  const asked = [...by, ...added, 'side', 'final'].filter((name) => name in has);
  const made: FieldNode = {
    ...field,
    arguments: [
      ...args,
      isList
        ? { kind: Kind.ARGUMENT, name: nameNode('after'), value: { kind: Kind.VARIABLE, name: nameNode(OWN) } }
        : { kind: Kind.ARGUMENT, name: nameNode('first'), value: { kind: Kind.INT, value: String(MAX_PAGE) } },
    ],
    selectionSet: {
      kind: Kind.SELECTION_SET,
      selections: [
        ...(field.selectionSet?.selections ?? []),
        fieldNode(
          'edges',
          [
            fieldNode('cursor'),
            fieldNode(
              'node',
              asked.map((name) => fieldNode(name)),
            ),
          ],
          ROWS,
        ),
        fieldNode('pageInfo', [fieldNode('endCursor'), fieldNode('hasNextPage')], INFO),
      ],
    },
  };
  known.set(field, made);
  return made;
}

function fieldNode(name: string, selections?: readonly FieldNode[], alias?: string): FieldNode {
  return {
    kind: Kind.FIELD,
    name: nameNode(name),
    ...(alias !== undefined && { alias: nameNode(alias) }),
    ...(selections && { selectionSet: { kind: Kind.SELECTION_SET, selections } }),
  };
}

/** Where each node is to go on. */
function cursorOf(places: Readonly<Record<string, string>>): string {
  return Buffer.from(JSON.stringify(places)).toString('base64url');
}

/** Undefined for what is no cursor. */
function placesIn(cursor: unknown): Record<string, string> | undefined {
  if (typeof cursor !== 'string') return {};
  try {
    const places: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    const isOne =
      typeof places === 'object' &&
      places !== null &&
      Object.values(places).every((place) => typeof place === 'string');
    return isOne ? (places as Record<string, string>) : undefined;
  } catch {
    return undefined;
  }
}
