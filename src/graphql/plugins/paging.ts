/** Pages lists by cursor, in both directions; a wallet's entries and holds come newest first. */
import type { PgSelectQueryBuilder, PgSelectStep } from 'postgraphile/@dataplan/pg';
import { access, constant, get, lambda, type ConnectionStep, type FieldArgs, type Step } from 'postgraphile/grafast';
import { GraphQLError } from 'postgraphile/graphql';

export const DEFAULT_PAGE = 100;
export const MAX_PAGE = 1000;

type Connection = ConnectionStep<Step>;

const PAGE_ARGS = ['first', 'last', 'after', 'before'];
/** Lists of a wallet whose rows are ordered by their number within the wallet alone. */
const NUMBERED = ['entries', 'holds'];

export const PagingPlugin: GraphileConfig.Plugin = {
  name: 'PagingPlugin',
  version: '1.0.0',
  schema: {
    hooks: {
      GraphQLObjectType_fields_field(field, _build, { scope, Self }) {
        const { plan } = field;
        if (!plan) return field;
        if (scope.isPgFieldSimpleCollection) {
          const hasLimit = 'limit' in (field.args ?? {});
          return {
            ...field,
            plan($parent: Step, args: FieldArgs, info) {
              const $select = plan($parent, args, info) as PgSelectStep;
              $select.setFirst(
                hasLimit ? lambda(rawOf(args, 'limit'), limitOf) : lambda(rawOf(args, 'first'), plainSizeOf),
              );
              return $select;
            },
          };
        }
        if (!scope.isPgFieldConnection) return field;
        const isNumbered = Self.name === 'Wallet' && NUMBERED.includes(scope.fieldName);
        return {
          ...field,
          plan($parent: Step, args: FieldArgs, info) {
            const $connection = plan($parent, args, info) as Connection;
            applySize($connection, args);
            if (isNumbered) {
              checkCursors($connection, get($parent, 'id'), args);
              args.autoApply($connection);
              orderByDefault($connection);
            }
            return $connection;
          },
        };
      },
      GraphQLObjectType_fields_field_args(args) {
        const { offset, first, last, ...others } = args;
        // An offset would read the skipped rows; `first` limits the size of the answer.
        if (!offset || !first) return args;
        // A function with its own limit needs no second one.
        if ('limit' in others) return others;
        const isPlain = !('after' in args);
        return {
          ...others,
          first: { type: first.type, description: isPlain ? FIRST_PLAIN : last ? FIRST : FIRST_ONLY },
          ...(last && { last: { type: last.type, description: LAST } }),
        };
      },
      GraphQLObjectType_fields_field_args_arg: {
        after: ['PgConnectionArgOrderByDefaultValuePlugin'],
        callback(arg, build, { scope: { argName, fieldName }, Self }) {
          if (Self.name !== 'Wallet' || fieldName !== 'entries' || argName !== 'orderBy') return arg;
          return { ...arg, defaultValue: [build.inflection.builtin('PRIMARY_KEY_DESC')] };
        },
      },
      GraphQLEnumType_values: {
        after: ['PgOrderByPrimaryKeyPlugin', 'PgOrderAllAttributesPlugin'],
        callback(values, build, { scope: { isPgRowSortEnum, pgCodec } }) {
          if (!isPgRowSortEnum) return values;
          if (pgCodec?.name === 'entries') return ENTRY_ORDERS;
          // In natural order a cursor would be the row's position.
          const natural = build.inflection.builtin('NATURAL');
          return Object.fromEntries(Object.entries(values).filter(([name]) => name !== natural));
        },
      },
    },
  },
};

const FIRST_PLAIN = `How many to read at most: 0 to ${MAX_PAGE}, ${MAX_PAGE} where it is left out.`;
const FIRST_ONLY = `How many to read at most: 0 to ${MAX_PAGE}, ${DEFAULT_PAGE} where it is left out.`;
const FIRST = `How many to read at most, from the start or after a cursor: 0 to ${MAX_PAGE}, ${DEFAULT_PAGE} where neither first nor last is given.`;
const LAST = `How many to read at most, from the end or before a cursor: 0 to ${MAX_PAGE}; not together with first.`;

/** Entries are listed only within a wallet, in the order of their number. */
const ENTRY_ORDERS = {
  PRIMARY_KEY_ASC: entryOrder('ASC'),
  PRIMARY_KEY_DESC: entryOrder('DESC'),
  SEQ_ASC: entryOrder('ASC'),
  SEQ_DESC: entryOrder('DESC'),
};

function entryOrder(direction: 'ASC' | 'DESC') {
  return { extensions: { grafast: { apply: (query: PgSelectQueryBuilder) => orderByNumber(query, direction) } } };
}

/**
 * The number comes first: with the wallet's id first, PostgreSQL would read the index from the wallet's end up to the cursor. The id is
 * part of the cursor so that its wallet can be checked.
 */
function orderByNumber(query: PgSelectQueryBuilder, direction: 'ASC' | 'DESC'): void {
  // The first order decides alone.
  if (query.getMetaRaw('isOrdered')) return;
  query.setMeta('isOrdered', true);
  query.orderBy({ attribute: 'seq', direction });
  query.orderBy({ attribute: 'wallet_id', direction });
  query.setOrderIsUnique();
}

/** Whether orderBy is null or empty is known only when the query runs: so the default is applied after it. */
function orderByDefault($connection: Connection): void {
  const $select = $connection.getSubplan() as unknown as PgSelectStep;
  const newestFirst = (query: PgSelectQueryBuilder) => orderByNumber(query, 'DESC');
  $select.apply(lambda(constant(null), () => newestFirst));
}

function applySize($connection: Connection, args: FieldArgs): void {
  const $size = lambda(
    PAGE_ARGS.map((name) => rawOf(args, name)),
    sizeOf,
  );
  $connection.setFirst(access($size, 'first'));
  $connection.setLast(access($size, 'last'));
}

/** Lists returned by functions have no `last` and no `before`. */
function rawOf(args: FieldArgs, name: string): Step {
  return (args.getRaw([name]) as Step | undefined) ?? constant(undefined);
}

function sizeOf([first, last, after, before]: unknown[]): { first?: number; last?: number } {
  if (isGiven(first) && isGiven(last)) throw refusal('first and last cannot be given together');
  if (isGiven(last)) return { last: checkSize('last', last) };
  if (isGiven(first)) return { first: checkSize('first', first) };
  // `before` alone reads the last rows before the cursor.
  return isGiven(before) && !isGiven(after) ? { last: DEFAULT_PAGE } : { first: DEFAULT_PAGE };
}

/** A list without cursors is read completely, up to the maximum. */
function plainSizeOf(first: unknown): number {
  return isGiven(first) ? checkSize('first', first) : MAX_PAGE;
}

/** The function itself refuses a wrong limit; the answer must not exceed a page. */
function limitOf(limit: unknown): number {
  return isGiven(limit) ? checkSize('limit', limit, 1) : MAX_PAGE;
}

function checkSize(name: string, size: unknown, least = 0): number {
  if (typeof size === 'number' && size >= least && size <= MAX_PAGE) return size;
  throw refusal(`${name} must be a number from ${least} to ${MAX_PAGE}`);
}

/** Refuses a cursor of another wallet's list, which would mean a random position. */
function checkCursors($connection: Connection, $walletId: Step, args: FieldArgs): void {
  const steps = [$walletId, rawOf(args, 'after'), rawOf(args, 'before')];
  $connection.addValidation(() => lambda(steps, checkOwner));
}

function checkOwner([walletId, ...cursors]: unknown[]): void {
  for (const cursor of cursors) {
    if (typeof cursor === 'string' && !Buffer.from(cursor, 'base64').includes(String(walletId))) {
      throw refusal('invalid argument: the cursor is not one of this list');
    }
  }
}

function isGiven(value: unknown): boolean {
  return value !== null && value !== undefined;
}

export function refusal(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'INVALID_ARGUMENT' } });
}
