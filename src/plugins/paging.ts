/** How lists are read: a page at a time, forwards by cursor, a wallet's entries newest first. */
import { lambda, type ConnectionStep, type FieldArg, type Step } from 'postgraphile/grafast';
import { GraphQLError } from 'postgraphile/graphql';

export const DEFAULT_PAGE = 100;
export const MAX_PAGE = 1000;

export const PagingPlugin: GraphileConfig.Plugin = {
  name: 'PagingPlugin',
  version: '1.0.0',
  schema: {
    hooks: {
      GraphQLObjectType_fields_field_args(args) {
        const { offset, ...others } = args;
        // Skipping rows means reading them; and no answer may grow with the ledger.
        if (!offset || !others.first) return args;
        return {
          ...others,
          first: { ...others.first, description: FIRST, defaultValue: DEFAULT_PAGE, applyPlan: applyFirst },
        };
      },
      GraphQLObjectType_fields_field_args_arg: {
        after: ['PgConnectionArgOrderByDefaultValuePlugin'],
        callback(arg, build, { scope: { argName, fieldName }, Self }) {
          if (Self.name !== 'Wallet' || fieldName !== 'entries' || argName !== 'orderBy') return arg;
          return { ...arg, defaultValue: [build.inflection.builtin('PRIMARY_KEY_DESC')] };
        },
      },
      GraphQLEnumType_values(values, build, { scope }) {
        if (!scope.isPgRowSortEnum) return values;
        // A page of rows in no order has no cursor but their number.
        const natural = build.inflection.builtin('NATURAL');
        return Object.fromEntries(Object.entries(values).filter(([name]) => name !== natural));
      },
    },
  },
};

const FIRST = `How many to read at most: 0 to ${MAX_PAGE}.`;

function applyFirst(_parent: Step, connection: ConnectionStep<Step>, arg: FieldArg): void {
  connection.setFirst(lambda(arg.getRaw(), checkFirst));
}

function checkFirst(first: unknown): number {
  if (first === null || first === undefined) return DEFAULT_PAGE;
  if (typeof first === 'number' && first >= 0 && first <= MAX_PAGE) return first;
  throw new GraphQLError(`first must be a number from 0 to ${MAX_PAGE}`, { extensions: { code: 'INVALID_ARGUMENT' } });
}
