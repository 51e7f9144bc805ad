/** A document whose fields lie on several nodes: each part of it is executed on its node, and the answers are put together. */
import { execute } from 'postgraphile/grafast';
import {
  getOperationAST,
  Kind,
  OperationTypeNode,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  type OperationDefinitionNode,
} from 'postgraphile/graphql';
import type { Root } from './roots.ts';

/** Executes some of the root fields on a node. */
export type Run = (node: string, roots: readonly Root[]) => Promise<ExecutionResult>;

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
export async function executePart(args: ExecutionArgs, document: DocumentNode): Promise<ExecutionResult> {
  const result = await execute({ ...args, document, middleware: null, outputDataAsString: false });
  if (Symbol.asyncIterator in result) throw new Error('a part of a document answered more than once');
  return result;
}

const known = new WeakMap<OperationDefinitionNode, Map<string, DocumentNode>>();
/** Plans are remembered with their documents. */
const MOST_PARTS = 50;

/** The document with these root fields alone. */
export function partOf({ document, operationName }: ExecutionArgs, roots: readonly Root[]): DocumentNode {
  const operation = getOperationAST(document, operationName);
  if (!operation) return document;
  const selections = [...new Set(roots.flatMap(({ fields }) => fields))];
  const key = selections.map(({ loc }) => loc?.start).join();
  const parts = known.get(operation) ?? new Map<string, DocumentNode>();
  known.set(operation, parts);
  const part = parts.get(key) ?? {
    kind: Kind.DOCUMENT,
    definitions: [
      { ...operation, selectionSet: { kind: Kind.SELECTION_SET, selections } },
      ...document.definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION),
    ],
  };
  if (parts.size >= MOST_PARTS) parts.clear();
  parts.set(key, part);
  return part;
}
