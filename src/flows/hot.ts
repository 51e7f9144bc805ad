/**
 * Executes frequent documents without a Grafast plan. Documents that only call flows and ask for receipts run in GraphQL's own executor,
 * with a small resolver; documents that read a row run with a resolver derived from their plan. Each document is classified once.
 * Everything else is left to Grafast.
 */
import type { RequestHandler } from 'express';
import { LRUCache } from 'lru-cache';
import {
  execute,
  getNamedType,
  getOperationAST,
  isObjectType,
  Kind,
  OperationTypeNode,
  type DocumentNode,
  type ExecutionArgs,
  type GraphQLFieldResolver,
  type GraphQLNamedType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'postgraphile/graphql';
import 'postgraphile/graphile-build-pg';
import { describeError, log } from '../observability/log.ts';
import { addErrors } from '../observability/request_facts.ts';
import { REMEMBERED_DOCUMENTS } from '../graphql/plugins/caches.ts';
import { setAsked } from '../graphql/plugins/request_facts.ts';
import type { Receipt } from './flow.ts';
import { flowsIn, type FlowFields } from './plugin.ts';

interface Payload {
  receipt: Receipt;
  clientMutationId: unknown;
}

type Resolver = GraphQLFieldResolver<Payload | Receipt, Grafast.Context, { input: Record<string, unknown> }>;
type AnyResolver = NonNullable<ExecutionArgs['fieldResolver']>;
/** Returns a resolver that answers the query as its plan does; undefined if only the plan can. */
export type LearnRead = (args: ExecutionArgs, operation: OperationDefinitionNode) => Promise<AnyResolver | undefined>;
type Result = Awaited<ReturnType<typeof execute>>;
type CreateContext = (request: Partial<Grafast.RequestContext>, args: ExecutionArgs) => Partial<Grafast.Context>;

/** A document with one operation, which is answered without a plan. */
interface Known {
  document: DocumentNode;
  operation: OperationDefinitionNode;
  fieldResolver: AnyResolver;
}

interface Body {
  query?: unknown;
  variables?: Record<string, unknown> | null;
  operationName?: string | null;
}

const RECEIPT = 'Receipt';
const FIELDS_OF_BODY = ['query', 'variables', 'operationName'];
/** The types that Grafserv would choose. */
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  'application/json': 'application/json;charset=utf-8',
  'application/graphql-response+json': 'application/graphql-response+json;charset=utf-8',
  '*/*': 'application/graphql-response+json;charset=utf-8',
};
const DIRECTIVES = ['include', 'skip'];

/** Grafserv caches parsed documents by their text, so the operation's node identifies the document. */
const remembered = new WeakMap<OperationDefinitionNode, AnyResolver | 'planned' | 'read once'>();

export const createHotPlugin = (learnRead?: LearnRead): GraphileConfig.Plugin => ({
  name: 'HotPlugin',
  version: '1.0.0',
  grafast: {
    middleware: {
      execute(next, { args }) {
        const { schema, document, operationName, onError } = args;
        const operation = getOperationAST(document, operationName);
        if (!operation || (onError ?? null) !== null) return next();
        let found = remembered.get(operation);
        if (!found) {
          found = firstFound(operation, args);
          remembered.set(operation, found);
          if (typeof found === 'function') remember(schema, { document, operation, fieldResolver: found });
        } else if (found === 'read once') {
          // Derive a resolver at the second request: most documents that come twice come often.
          remembered.set(operation, 'planned');
          if (learnRead) void learn(learnRead, operation, args);
        }
        return typeof found === 'function' ? inOrder(execute({ ...args, fieldResolver: found })) : next();
      },
    },
  },
});

function firstFound(operation: OperationDefinitionNode, { schema, document }: ExecutionArgs) {
  if (operation.operation === OperationTypeNode.QUERY) return 'read once';
  const fields = flowsIn(schema);
  return fields && isAnswerable(operation, document, schema, fields) ? resolverOf(fields) : 'planned';
}

/** Until the resolver is ready, and if that fails, the plan answers. */
async function learn(learnRead: LearnRead, operation: OperationDefinitionNode, args: ExecutionArgs): Promise<void> {
  try {
    const fieldResolver = await learnRead(args, operation);
    if (!fieldResolver) return;
    remembered.set(operation, fieldResolver);
    remember(args.schema, { document: args.document, operation, fieldResolver });
  } catch (error) {
    log.debug({ error: describeError(error) }, 'a document keeps its plan');
  }
}

const byText = new WeakMap<GraphQLSchema, LRUCache<string, Known>>();

function remember(schema: GraphQLSchema, known: Known): void {
  const documents = byText.get(schema) ?? new LRUCache({ max: REMEMBERED_DOCUMENTS });
  byText.set(schema, documents);
  const operations = known.document.definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
  const text = known.document.loc?.source.body;
  if (text !== undefined && operations.length === 1) documents.set(text, known);
}

/**
 * Answers known documents before Grafserv, which has parsed and validated them in an earlier request. Unusual requests go on to Grafserv,
 * and so do requests that cannot be executed, which Grafserv explains.
 */
export function answerHot(schema: GraphQLSchema, { grafast, grafserv }: GraphileConfig.Preset): RequestHandler {
  return (req, res, next) => {
    const body = req.body as Body | undefined;
    const contentType = CONTENT_TYPES[req.headers.accept ?? '*/*'];
    const known = typeof body?.query === 'string' ? byText.get(schema)?.get(body.query) : undefined;
    const isUsual = req.method === 'POST' && req.originalUrl === '/graphql' && contentType !== undefined;
    if (!known || !body || !isUsual || !isUsualBody(body, known)) {
      next();
      return;
    }
    const args: ExecutionArgs = { schema, ...known, variableValues: body.variables ?? null };
    const contextValue = (grafast?.context as CreateContext)({ expressv4: { req, res } }, args);
    setAsked(res, known.operation, known.document);
    inOrder(execute({ ...args, contextValue })).then(({ data, errors }) => {
      if (data === undefined) next();
      else if (!res.headersSent) {
        const told = errors?.map((error) => grafserv?.maskError?.(error) ?? error);
        if (told) addErrors(res, told);
        const text = JSON.stringify({ data, ...(told && { errors: told }) });
        res.writeHead(200, { 'content-type': contentType, 'Content-Length': Buffer.byteLength(text) }).end(text);
      }
    }, next);
  };
}

function isUsualBody(body: Body, { operation }: Known): boolean {
  const { variables = null, operationName = null } = body;
  return (
    Object.keys(body).every((key) => FIELDS_OF_BODY.includes(key)) &&
    typeof variables === 'object' &&
    !Array.isArray(variables) &&
    (operationName === null || operationName === operation.name?.value)
  );
}

/** Grafast puts `data` before `errors`. */
async function inOrder(executing: ReturnType<typeof execute>): Promise<Result> {
  const { data, errors } = await executing;
  return { ...(data !== undefined && { data }), ...(errors && { errors }) };
}

function resolverOf({ flows, attributes }: FlowFields): Resolver {
  return (source, { input }, { postFlow }, { fieldName, parentType, path }) => {
    if (parentType.name === RECEIPT) return (source as Receipt)[attributes.get(fieldName) ?? fieldName];
    if (path.prev) return source[fieldName as keyof typeof source];
    const flow = flows.get(fieldName);
    if (!flow || !postFlow) throw new Error(`${fieldName} is not answered here`);
    return postFlow(flow, input).then((receipt): Payload => ({ receipt, clientMutationId: input.clientMutationId }));
  };
}

/** Whether the operation asks only for flows and their receipts, whatever its directives leave out. */
function isAnswerable(
  operation: OperationDefinitionNode,
  document: DocumentNode,
  schema: GraphQLSchema,
  { flows, attributes }: FlowFields,
): boolean {
  const { variableDefinitions = [], directives = [], selectionSet } = operation;
  return (
    operation.operation === OperationTypeNode.MUTATION &&
    directives.length === 0 &&
    // Executors differ in how they apply default values.
    variableDefinitions.every((variable) => !variable.defaultValue && !variable.directives?.length) &&
    isKnown(selectionSet, schema.getMutationType() ?? undefined)
  );

  function isKnown({ selections }: SelectionSetNode, type: GraphQLNamedType | undefined): boolean {
    return selections.every((node) => {
      if (!node.directives?.every((directive) => DIRECTIVES.includes(directive.name.value))) return false;
      if (node.kind === Kind.INLINE_FRAGMENT) return isKnown(node.selectionSet, type);
      if (node.kind === Kind.FRAGMENT_SPREAD) {
        const fragment = document.definitions.find(
          (definition) => definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === node.name.value,
        );
        return fragment?.kind === Kind.FRAGMENT_DEFINITION && isKnown(fragment.selectionSet, type);
      }
      const name = node.name.value;
      if (name === '__typename') return true;
      const field = isObjectType(type) ? type.getFields()[name] : undefined;
      const fieldType = field && getNamedType(field.type);
      if (type?.name === RECEIPT) return attributes.has(name);
      const isMutation = type === schema.getMutationType();
      if (isMutation ? !flows.has(name) : name !== 'clientMutationId' && fieldType?.name !== RECEIPT) return false;
      return !node.selectionSet || isKnown(node.selectionSet, fieldType);
    });
  }
}
