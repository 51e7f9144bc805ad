/** A document whose fields lie on several nodes: each part of it is executed on its node, and the answers are put together. */
import { execute } from 'postgraphile/grafast';
import {
  getOperationAST,
  GraphQLError,
  Kind,
  OperationTypeNode,
  parseType,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  type NameNode,
  type OperationDefinitionNode,
} from 'postgraphile/graphql';
import type { Root } from './roots.ts';

/** Executes some of the root fields on a node. */
export type Run = (node: string, roots: readonly Root[], own?: Own) => Promise<ExecutionResult>;

/** A variable that is different for each node. */
export interface Own {
  type: string;
  value: unknown;
}

export const OWN = 'of_node';

/** What a field answers, and how: on one node, or in a way of its own. */
export type Way = { node: string } | { answer: (run: Run) => Promise<ExecutionResult> };

/** In the order of the fields; of a mutation one after the other. */
export async function inParts(
  args: ExecutionArgs,
  ways: readonly (readonly [Root, Way])[],
  run: Run,
): Promise<ExecutionResult> {
  const isMutation = getOperationAST(args.document, args.operationName)?.operation === OperationTypeNode.MUTATION;
  const parts: { node?: string; roots: Root[]; start: () => Promise<ExecutionResult> }[] = [];
  for (const [root, way] of ways) {
    const node = 'node' in way ? way.node : undefined;
    const before = isMutation ? parts.slice(-1) : parts;
    const same = before.find((part) => node !== undefined && part.node === node);
    if (same) same.roots.push(root);
    else if ('answer' in way) parts.push({ roots: [root], start: () => way.answer(run) });
    else {
      const roots = [root];
      parts.push({ node: way.node, roots, start: () => run(way.node, roots) });
    }
  }
  const results: ExecutionResult[] = [];
  if (isMutation) for (const { start } of parts) results.push(await start());
  else results.push(...(await Promise.all(parts.map(({ start }) => start()))));
  return joined(
    ways.map(([{ key }]) => key),
    results,
  );
}

/** Where a part could not be executed at all, none could: they have the same variables. */
function joined(keys: readonly string[], results: readonly ExecutionResult[]): ExecutionResult {
  const refused = results.find(({ data }) => data === undefined);
  if (refused) return refused;
  const found = new Map(results.flatMap(({ data }) => Object.entries(data ?? {})));
  const data = Object.fromEntries(keys.map((key) => [key, found.get(key) ?? null]));
  const errors = results.flatMap((result) => result.errors ?? []);
  return errors.length > 0 ? { data, errors } : { data };
}

/** Without what looks at whole requests, which has looked at this one. */
export async function executePart(args: ExecutionArgs, roots: readonly Root[], own?: Own): Promise<ExecutionResult> {
  const document = partOf(args, roots, own?.type);
  const variableValues = { ...args.variableValues, [OWN]: own?.value };
  const result = await execute({ ...args, document, variableValues, middleware: null, outputDataAsString: false });
  if (Symbol.asyncIterator in result) throw new Error('a part of a document answered more than once');
  return result;
}

const known = new WeakMap<OperationDefinitionNode, Map<string, DocumentNode>>();
/** Plans are remembered with their documents. */
const MOST_PARTS = 50;

/** The document with these root fields alone. */
function partOf({ document, operationName }: ExecutionArgs, roots: readonly Root[], type = ''): DocumentNode {
  const operation = getOperationAST(document, operationName);
  if (!operation) return document;
  const selections = [...new Set(roots.flatMap(({ fields }) => fields))];
  const key = `${type}${selections.map(({ loc }) => loc?.start).join()}`;
  const parts = known.get(operation) ?? new Map<string, DocumentNode>();
  known.set(operation, parts);
  const variable = { kind: Kind.VARIABLE, name: nameNode(OWN) } as const;
  const ofNode = type === '' ? [] : [{ kind: Kind.VARIABLE_DEFINITION, variable, type: parseType(type) } as const];
  const variableDefinitions = [...(operation.variableDefinitions ?? []), ...ofNode];
  const part: DocumentNode = parts.get(key) ?? {
    kind: Kind.DOCUMENT,
    definitions: [
      { ...operation, variableDefinitions, selectionSet: { kind: Kind.SELECTION_SET, selections } },
      ...document.definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION),
    ],
  };
  if (parts.size >= MOST_PARTS) parts.clear();
  parts.set(key, part);
  return part;
}

export function nameNode(value: string): NameNode {
  return { kind: Kind.NAME, value };
}

/** An answer without this field, and why. */
export function fieldError({ key, fields }: Root, code: string, message: string): ExecutionResult {
  const error = new GraphQLError(message, { nodes: fields, path: [key], extensions: { code } });
  return { data: { [key]: null }, errors: [error] };
}
