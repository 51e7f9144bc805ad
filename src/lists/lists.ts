/**
 * Lists over all wallets. A function of the ledger finds a page of keys and the cursor after it, also if it read many rows and found few.
 * The connection reads the rows by these keys.
 */
import type { PgCodecWithAttributes, PgResource, PgSelectSingleStep } from 'postgraphile/@dataplan/pg';
import {
  access,
  ConnectionStep,
  ConstantStep,
  lambda,
  object,
  Step,
  type ConnectionHandlingResult,
  type ExecutionDetails,
  type FieldArgs,
  type GrafastResultsList,
} from 'postgraphile/grafast';
import {
  getNullableType,
  GraphQLList,
  GraphQLNonNull,
  isListType,
  type GraphQLFieldConfigArgumentMap,
  type GraphQLInputType,
} from 'postgraphile/graphql';
import 'postgraphile/graphile-build-pg';
import { refusal } from '../graphql/plugins/paging.ts';

type Rows = PgResource<string, PgCodecWithAttributes>;
type Key = Record<string, unknown>;
/** A step that returns one row. */
type Page = Step & Pick<PgSelectSingleStep, 'get'>;

interface List {
  /** The function that returns a page. */
  page: string;
  /** The table or view of the rows. */
  rows: string;
  /** The columns that identify a row. */
  key: readonly string[];
}

const LISTS: Readonly<Record<string, List>> = {
  transfers: { page: 'transfers_page', rows: 'transfers', key: ['id'] },
  holds: { page: 'holds_page', rows: 'holds', key: ['wallet_id', 'id'] },
  expiringLots: { page: 'expiring_lots_page', rows: 'expiring_lots', key: ['wallet_id', 'seq', 'expires_at'] },
  operatorActions: { page: 'operator_actions_page', rows: 'operator_actions', key: ['id', 'seq'] },
};
const WALLETS: List = { page: 'wallets_page', rows: 'wallets', key: ['id'] };
const LOOKED_FOR = ['ownerPrefix', 'assetCode', 'status'];

export const ListsPlugin: GraphileConfig.Plugin = {
  name: 'ListsPlugin',
  version: '1.0.0',
  schema: {
    hooks: {
      GraphQLObjectType_fields(fields, build, { scope: { isRootQuery } }) {
        if (!isRootQuery) return fields;
        const lists = Object.entries(LISTS).map(([name, list]) => [name, fieldOf(build, list)]);
        return build.extend(fields, Object.fromEntries(lists) as typeof fields, 'Adding the lists over all wallets');
      },
      // `wallets` is also a list of the table, with a condition and orders: the search arguments choose the function instead.
      GraphQLObjectType_fields_field_args(args, build, { scope: { fieldName, isRootQuery } }) {
        if (!isRootQuery || fieldName !== 'wallets') return args;
        const searched = fieldOf(build, WALLETS).args;
        return build.extend(args, pick(searched, LOOKED_FOR), 'Adding what wallets are looked for by');
      },
      GraphQLObjectType_fields_field(field, build, { scope: { fieldName, isRootQuery } }) {
        const { plan } = field;
        if (!isRootQuery || fieldName !== 'wallets' || !plan) return field;
        const search = fieldOf(build, WALLETS);
        return {
          ...field,
          description: search.description,
          plan($root: Step, args: FieldArgs, info) {
            if (!LOOKED_FOR.some((name) => isInDocument(args.getRaw(name)))) return plan($root, args, info) as Step;
            const $connection = search.plan($root, args);
            const steps = [args.getRaw('condition'), args.getRaw('orderBy')];
            $connection.addValidation(() => lambda(steps, checkAlone));
            return $connection;
          },
        };
      },
    },
  },
};

function fieldOf(build: GraphileBuild.Build, { page, rows, key }: List) {
  const pages = build.pgResources[page] as Rows | undefined;
  const all = build.pgResources[rows] as Rows | undefined;
  if (!pages?.parameters || !all) throw new Error(`The schema has no ${page}`);
  const details = build.pgGetArgDetailsFromParameters(pages, pages.parameters);
  return {
    type: build.getOutputTypeByName(build.inflection.tableConnectionType(all.codec)),
    description: pages.description,
    args: argumentsOf(build, details.makeFieldArgs()),
    plan: (_$root: Step, args: FieldArgs) =>
      new PageConnection(new PageStep(pages.execute(details.makeArgs(args)) as Page, all, key)),
  };
}

/** Whether the document has the argument. The value of a variable is known only when the query runs. */
function isInDocument($value: Step): boolean {
  return !($value instanceof ConstantStep && $value.data === undefined);
}

function checkAlone([condition, orderBy]: readonly unknown[]): void {
  const isDefault = orderBy === null || orderBy === undefined || JSON.stringify(orderBy) === '["PRIMARY_KEY_ASC"]';
  if ((condition === null || condition === undefined) && isDefault) return;
  throw refusal('invalid argument: condition and orderBy cannot be given together with what is looked for');
}

function pick<T>(all: Record<string, T>, names: readonly string[]): Record<string, T> {
  return Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name)));
}

function argumentsOf(build: GraphileBuild.Build, args: GraphQLFieldConfigArgumentMap): GraphQLFieldConfigArgumentMap {
  const cursor = build.getInputTypeByName(build.inflection.builtin('Cursor'));
  return Object.fromEntries(
    Object.entries(args).map(([name, arg]) => {
      const isCursor = String(arg.type) === 'String' && ['after', 'before', 'beforeCursor'].includes(name);
      return [name, { ...arg, type: isCursor ? cursor : withoutNulls(arg.type) }];
    }),
  );
}

/** No search argument accepts null in a list. */
function withoutNulls(type: GraphQLInputType): GraphQLInputType {
  return isListType(type) ? new GraphQLList(new GraphQLNonNull(getNullableType(type.ofType))) : type;
}

/** The keys of a page, in the form that a connection needs. */
class PageStep extends Step<ConnectionHandlingResult<Key>> {
  static override $$export = { moduleName: 'lists', exportName: 'PageStep' };
  override isSyncAndSafe = true;
  // With `cursor`, the connection takes cursors from this step and does not compute them from positions.
  readonly paginationSupport = { full: true, cursor: true } as const;
  readonly $page: Page;
  readonly #rows: Rows;
  readonly #key: readonly string[];

  constructor($page: Page, rows: Rows, key: readonly string[]) {
    super();
    this.$page = $page;
    this.#rows = rows;
    this.#key = key;
    for (const name of ['keys', 'has_next_page', 'has_previous_page']) this.addDependency($page.get(name));
  }

  override execute({ indexMap, values }: ExecutionDetails): GrafastResultsList<ConnectionHandlingResult<Key>> {
    const [keys, next, previous] = values;
    return indexMap((i) => ({
      items: (keys?.at(i) ?? []) as Key[],
      hasNextPage: next?.at(i) === true,
      hasPreviousPage: previous?.at(i) === true,
    }));
  }

  nodeForItem($key: Step<Key>): Step {
    return this.#rows.get(Object.fromEntries(this.#key.map((name) => [name, access($key, name)])));
  }

  cursorForItem($key: Step<Key>): Step<string> {
    return access<string>($key, 'cursor');
  }

  // The page's function has received these arguments.
  readonly apply = unused;
  readonly setFirst = unused;
  readonly setLast = unused;
  readonly setOffset = unused;
  readonly setBefore = unused;
  readonly setAfter = unused;
  readonly setNeedsHasMore = unused;
}

function unused(): void {
  // See PageStep.
}

/** A connection whose page info comes from the page's function, as it may end after its last row. */
class PageConnection extends ConnectionStep<Key, Step> {
  static override $$export = { moduleName: 'lists', exportName: 'PageConnection' };
  readonly #$page: Page;

  constructor($rows: PageStep) {
    super($rows as never);
    this.#$page = $rows.$page;
  }

  override pageInfo(): never {
    const $page = this.#$page;
    return object({
      startCursor: $page.get('start_cursor'),
      endCursor: $page.get('end_cursor'),
      hasNextPage: $page.get('has_next_page'),
      hasPreviousPage: $page.get('has_previous_page'),
    }) as never;
  }
}
