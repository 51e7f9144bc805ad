/** Records the fields and errors of a GraphQL request for logs and metrics, without parsing it again. */
import type { Response } from 'express';
import 'postgraphile/grafserv';
import { getOperationAST, Kind } from 'postgraphile/graphql';
import type { DocumentNode, OperationDefinitionNode, SelectionSetNode } from 'postgraphile/graphql';
import { addErrors, factsOf, type RequestFacts } from '../../observability/request_facts.ts';
import { nameRequest } from '../../observability/spans.ts';

type Asked = Required<Pick<RequestFacts, 'operation' | 'field'>>;

const MAX_NAME = 60;

export const RequestFactsPlugin: GraphileConfig.Plugin = {
  name: 'RequestFactsPlugin',
  version: '1.0.0',
  grafserv: {
    middleware: {
      async processRequest(next, { requestDigest }) {
        const result = await next();
        const res = requestDigest.requestContext.expressv4?.res;
        if (res && result?.type === 'json' && isErroneous(result.json)) addErrors(res, result.json.errors);
        return result;
      },
    },
  },
  grafast: {
    middleware: {
      execute(next, { args: { document, operationName, requestContext } }) {
        const res = requestContext?.expressv4?.res;
        const operation = res && getOperationAST(document, operationName);
        if (operation) setAsked(res, operation, document);
        return next();
      },
    },
  },
};

export function setAsked(res: Response, operation: OperationDefinitionNode, document: DocumentNode): void {
  const facts = factsOf(res);
  if (!facts) return;
  const asked = askedBy(operation, document);
  Object.assign(facts, asked);
  nameRequest(`POST /graphql ${asked.field}`);
}

interface Erroneous {
  errors: Parameters<typeof addErrors>[1];
}

function isErroneous(answer: unknown): answer is Erroneous {
  return typeof answer === 'object' && answer !== null && 'errors' in answer && Array.isArray(answer.errors);
}

/** Grafserv caches parsed documents, so the operation's node identifies the document. */
const remembered = new WeakMap<OperationDefinitionNode, Asked>();

function askedBy(operation: OperationDefinitionNode, document: DocumentNode): Asked {
  let asked = remembered.get(operation);
  if (!asked) {
    const fields = [...rootFields(operation.selectionSet, document)];
    const [field = operation.operation, ...more] = fields;
    asked = {
      operation: operation.name?.value.slice(0, MAX_NAME) ?? fields.join(',').slice(0, MAX_NAME),
      field: more.length > 0 ? operation.operation : field,
    };
    remembered.set(operation, asked);
  }
  return asked;
}

/** The schema's names, not the caller's aliases: names of a valid document are a bounded set. */
function rootFields(root: SelectionSetNode, document: DocumentNode): Set<string> {
  const fields = new Set<string>();
  const seen = new Set<string>();
  const visit = ({ selections }: SelectionSetNode): void => {
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) fields.add(selection.name.value);
      else if (selection.kind === Kind.INLINE_FRAGMENT) visit(selection.selectionSet);
      else if (!seen.has(selection.name.value)) {
        seen.add(selection.name.value);
        const fragment = document.definitions.find(
          (definition) =>
            definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === selection.name.value,
        );
        if (fragment?.kind === Kind.FRAGMENT_DEFINITION) visit(fragment.selectionSet);
      }
    }
  };
  visit(root);
  return fields;
}
