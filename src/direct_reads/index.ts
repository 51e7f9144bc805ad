/**
 * Finds out how to answer a document that reads one row, and its lists, without a plan: with Grafast's SQL statement, and a resolver that
 * takes the columns of the row in the order of the fields. Trials compare this with Grafast's answers, without a database, for rows with a
 * different value in each column; if one answer differs, the plan stays.
 */
import { listOfCodec, TYPES, type PgClientQuery, type WithPgClient } from 'postgraphile/@dataplan/pg';
import type { NodePostgresPgClient } from 'postgraphile/adaptors/pg';
import { execute as executePlanned } from 'postgraphile/grafast';
import {
  execute,
  type ExecutionArgs,
  type GraphQLFieldResolver,
  type OperationDefinitionNode,
} from 'postgraphile/graphql';
import { readOf, type Column, type Read } from './columns.ts';
import { drawn, TRIALS, type Row, type Value } from './drawn.ts';

type With = WithPgClient<NodePostgresPgClient>;
type Source = Readonly<Record<string, unknown>>;
type Resolver = GraphQLFieldResolver<Source, Grafast.Context, Record<string, string>>;

interface Statement {
  text: string;
  /** The argument of each of the statement's values. */
  args: readonly string[];
}

const readArray = listOfCodec(TYPES.text).fromPg as unknown as (text: string) => readonly Value[][];

export async function learnRead(
  args: ExecutionArgs,
  operation: OperationDefinitionNode,
): Promise<Resolver | undefined> {
  const read = readOf(args, operation);
  if (!read) return undefined;
  const { given, columns } = read;
  let statement: Statement | undefined;
  for (let trial = 0; trial < TRIALS; trial += 1) {
    const { uuid, row } = drawn(trial);
    const variableValues = Object.fromEntries(given.map(({ variable }) => [variable, uuid()]));
    const rows = trial === 0 ? [] : [row(columns)];
    const sent: PgClientQuery[] = [];
    const query = (asked: PgClientQuery) => {
      sent.push(asked);
      return Promise.resolve({ rows, rowCount: rows.length, notices: [] });
    };
    const withPgClient = ((_settings, callback) => callback({ query } as unknown as NodePostgresPgClient)) as With;
    const tried = { ...args, variableValues, contextValue: { pgSettings: {}, withPgClient } };
    const planned = await executePlanned({ ...tried, middleware: null });
    statement ??= statementOf(sent, given, variableValues);
    if (!statement) return undefined;
    const direct = await execute({ ...tried, fieldResolver: resolverOf(statement, columns) });
    const asked = sent.map(({ text, values, arrayMode }) => JSON.stringify([text, values, arrayMode]));
    if (asked.length !== 2 || asked[0] !== asked[1] || JSON.stringify(planned) !== JSON.stringify(direct))
      return undefined;
  }
  return statement && resolverOf(statement, columns);
}

function resolverOf({ text, args: names }: Statement, columns: readonly Column[]): Resolver {
  return async (source, args, { withPgClient, pgSettings }, { fieldName, path }) => {
    if (path.prev) return source[fieldName];
    const values = names.map((name) => args[name]);
    const { rows } = await withPgClient(pgSettings, (client) => client.query<Row>({ text, values, arrayMode: true }));
    const [row] = rows;
    return row ? sourceOf(columns, row) : null;
  };
}

function sourceOf(columns: readonly Column[], row: Row): Source {
  const source: Record<string, unknown> = {};
  columns.forEach(({ name, nodes }, index) => {
    const value = row[index] ?? null;
    source[name] = nodes ? { nodes: readArray(value ?? '{}').map((of) => sourceOf(nodes.columns, of)) } : value;
  });
  return source;
}

/** Finds the argument of each value of the one statement that was sent. */
function statementOf(
  [asked, ...more]: PgClientQuery[],
  given: Read['given'],
  values: Readonly<Record<string, string>>,
): Statement | undefined {
  if (!asked || more.length > 0) return undefined;
  const args = (asked.values ?? []).map((value) => given.find(({ variable }) => values[variable] === value)?.arg);
  return args.every((arg) => arg !== undefined) ? { text: asked.text, args } : undefined;
}
