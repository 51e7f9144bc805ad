/** How lists are read: a page at a time, by cursor, in both directions; a wallet's entries and holds newest first. */
import type { PgSelectQueryBuilder, PgSelectStep } from 'postgraphile/@dataplan/pg';
import { access, constant, get, lambda, type ConnectionStep, type FieldArgs, type Step } from 'postgraphile/grafast';
import { GraphQLError } from 'postgraphile/graphql';

export const DEFAULT_PAGE = 100;
export const MAX_PAGE = 1000;

type Connection = ConnectionStep<Step>;

const PAGE_ARGS = ['first', 'last', 'after', 'before'];
/** A wallet's lists whose rows have a number within the wallet, which alone is their order. */
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
        // Skipping rows means reading them; and no answer may grow with the ledger.
        if (!offset || !first) return args;
        // A function that takes a limit of its own needs no other.
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
          // A page of rows in no order has no cursor but their number.
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

/** Entries are only listed within a wallet, where their number alone is the order. */
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
 * The number comes first: with the wallet's id before it, the index would be read from the wallet's end up to the place
 * of a cursor. The id is there to tell whose cursor it is.
 */
function orderByNumber(query: PgSelectQueryBuilder, direction: 'ASC' | 'DESC'): void {
  // The first order leaves nothing for another to decide.
  if (query.getMetaRaw('isOrdered')) return;
  query.setMeta('isOrdered', true);
  query.orderBy({ attribute: 'seq', direction });
  query.orderBy({ attribute: 'wallet_id', direction });
  query.setOrderIsUnique();
}

/** Where orderBy is null or empty, which only the running query knows: after it has been applied. */
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

/** The results of functions are only read forwards. */
function rawOf(args: FieldArgs, name: string): Step {
  return (args.getRaw([name]) as Step | undefined) ?? constant(undefined);
}

function sizeOf([first, last, after, before]: unknown[]): { first?: number; last?: number } {
  if (isGiven(first) && isGiven(last)) throw refusal('first and last cannot be given together');
  if (isGiven(last)) return { last: checkSize('last', last) };
  if (isGiven(first)) return { first: checkSize('first', first) };
  // What comes before a cursor ends there.
  return isGiven(before) && !isGiven(after) ? { last: DEFAULT_PAGE } : { first: DEFAULT_PAGE };
}

/** A list without cursors is read as a whole, as far as that is allowed. */
function plainSizeOf(first: unknown): number {
  return isGiven(first) ? checkSize('first', first) : MAX_PAGE;
}

/** What the function refuses, it refuses; but no answer is larger than a page. */
function limitOf(limit: unknown): number {
  return isGiven(limit) ? checkSize('limit', limit, 1) : MAX_PAGE;
}

function checkSize(name: string, size: unknown, least = 0): number {
  if (typeof size === 'number' && size >= least && size <= MAX_PAGE) return size;
  throw refusal(`${name} must be a number from ${least} to ${MAX_PAGE}`);
}

/** In another wallet's list a cursor would mean a place that nobody has seen. */
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
