/** The mutations of the flows: they call the poster, which may group calls, instead of a statement of their own. */
import type { PgCodec, PgCodecWithAttributes, PgResource, PgResourceParameter } from 'postgraphile/@dataplan/pg';
import { sql, type SQL } from 'postgraphile/@dataplan/pg/pg-sql2';
import { access, context, object, Step, type ExecutionDetails, type FieldArgs } from 'postgraphile/grafast';
import type { GraphQLSchema } from 'postgraphile/graphql';
import 'postgraphile/graphile-build-pg';
import { FLOWS, type Column, type Flow, type GroupStatement, type Receipt } from './flow.ts';

/** Books one movement for the caller of the request. */
export type PostFlow = (flow: Flow, input: Readonly<Record<string, unknown>>) => Promise<Receipt>;

declare global {
  // The library declares it as a namespace.
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace Grafast {
    interface Context {
      /** Null except in a request over HTTP. */
      postFlow: PostFlow | null;
    }
  }
}

type Build = GraphileBuild.Build;
type FunctionResource = PgResource<string, PgCodec, [], readonly PgResourceParameter[]>;
type Attributes = Readonly<Record<string, { codec: PgCodec }>>;

/** The schema's names of flows and receipts. */
export interface FlowFields {
  /** By the name of the mutation. */
  flows: ReadonlyMap<string, Flow>;
  /** From the field of a receipt to its attribute. */
  attributes: ReadonlyMap<string, string>;
}

const known = new WeakMap<Build, FlowFields>();
const ofSchema = new WeakMap<GraphQLSchema, FlowFields>();

export const FlowsPlugin: GraphileConfig.Plugin = {
  name: 'FlowsPlugin',
  version: '1.0.0',
  schema: {
    hooks: {
      finalize(schema, build) {
        ofSchema.set(schema, flowFields(build));
        return schema;
      },
      GraphQLObjectType(type, _build, { scope: { pgCodec } }) {
        // A receipt may come from a statement or from the poster.
        return pgCodec?.name === 'receipt' ? { ...type, assertStep: null } : type;
      },
      GraphQLObjectType_fields_field(field, build, { scope: { fieldName }, Self }) {
        const flow = Self.name === 'Mutation' ? flowFields(build).flows.get(fieldName) : undefined;
        const input = field.args?.input;
        if (!flow || !input) return field;
        return {
          ...field,
          args: { ...field.args, input: { ...input, applyPlan: () => undefined } },
          plan: (_$root: Step, args: FieldArgs) => object({ result: new PostStep(flow, args.getRaw('input')) }),
        };
      },
    },
  },
};

class PostStep extends Step<Receipt> {
  static override $$export = { moduleName: import.meta.url, exportName: 'PostStep' };
  override isSyncAndSafe = false;
  readonly #flow: Flow;
  readonly #input: Step;

  constructor(flow: Flow, $input: Step) {
    super();
    this.#flow = flow;
    this.#input = $input;
    this.addDependency($input);
    this.addDependency(context().get('postFlow'));
    // Later steps must run after this one. The library requires this line to be the last.
    this.hasSideEffects = true;
  }

  get(attribute: string): Step {
    return access(this, attribute);
  }

  /** The fields of the payload read the input's clientMutationId. */
  getMeta(key: string): Step {
    return access(this.#input, key);
  }

  override execute({ indexMap, values: [inputs, posts] }: ExecutionDetails<[Record<string, unknown>, PostFlow]>) {
    return indexMap((index) => posts.at(index)(this.#flow, inputs.at(index)));
  }
}

/** Undefined for a schema without the flows plugin. */
export function flowsIn(schema: GraphQLSchema): FlowFields | undefined {
  return ofSchema.get(schema);
}

function flowFields(build: Build): FlowFields {
  const fields = known.get(build) ?? makeFlowFields(build);
  known.set(build, fields);
  return fields;
}

function makeFlowFields(build: Build): FlowFields {
  const { wallet_post_each: each } = build.pgResources;
  const request = each?.parameters?.[0]?.codec.arrayOfCodec as PgCodec | undefined;
  const outcome = attributesOf(each?.codec);
  if (!request || !outcome.receipt || !outcome.refusal) throw new Error('The schema has no wallet_post_each');
  const codec = outcome.receipt.codec as PgCodecWithAttributes;
  const receipt = attributesOf(codec);
  const group = groupOf(request, receipt, Object.keys(attributesOf(outcome.refusal.codec)));
  const flows = Object.keys(FLOWS).map((name) => {
    const resource = build.pgResources[name] as FunctionResource | undefined;
    if (!resource) throw new Error(`The schema has no ${name}`);
    return [build.inflection.customMutationField({ resource }), flowOf(build, resource, receipt, group)] as const;
  });
  const attributes = Object.keys(receipt).map(
    (attributeName) => [build.inflection.attribute({ attributeName, codec }), attributeName] as const,
  );
  return { flows: new Map(flows), attributes: new Map(attributes) };
}

function flowOf(build: Build, resource: FunctionResource, receipt: Attributes, group: GroupStatement): Flow {
  const spec = FLOWS[resource.name];
  if (!spec) throw new Error(`${resource.name} is no flow`);
  const { argDetails } = build.pgGetArgDetailsFromParameters(resource, resource.parameters);
  const args = argDetails.map(({ graphqlArgName, postgresArgName, pgCodec }) => ({
    codec: pgCodec,
    field: graphqlArgName,
    attribute: spec.renamed?.[postgresArgName ?? ''] ?? postgresArgName ?? '',
    encode: encoder(pgCodec),
  }));
  // An argument that is left out is null, which is its default or means the same.
  const values = sql.join(
    args.map(({ codec }) => sql`${sql.value(null)}::${codec.sqlType}`),
    ', ',
  );
  const name = sql.identifier('ledger', resource.name);
  const text = textOf(sql`select ${columnsOf(sql`r`, receipt)} from ${name}(${values}) r`);
  return { name: resource.name, ...spec, text, args, columns: decoders(receipt), group };
}

/** Each attribute is passed as one array, so the text is the same for any number of requests. */
function groupOf(request: PgCodec, receipt: Attributes, refusal: readonly string[]): GroupStatement {
  const columns = Object.entries(attributesOf(request));
  const arrays = columns.map(([, { codec }]) => sql`${sql.value(null)}::${codec.sqlType}[]`);
  const names = columns.map(([name]) => sql.identifier(name));
  const row = names.map((name) => sql`r.${name}`);
  const reasons = refusal.map((name) => sql`((o.refusal).${sql.identifier(name)})::text`);
  const text = textOf(sql`select ${columnsOf(sql`(o.receipt)`, receipt)}, ${sql.join(reasons, ', ')}
from ${sql.identifier('ledger', 'wallet_post_each')}(
  array(
    select row(${sql.join(row, ', ')})::${request.sqlType}
    from unnest(${sql.join(arrays, ', ')}) with ordinality r (${sql.join(names, ', ')}, place)
    order by r.place
  ),
  wait => false
) o`);
  return { text, attributes: columns.map(([name]) => name) };
}

function attributesOf(codec: PgCodec | undefined): Attributes {
  return codec?.attributes ?? {};
}

/** Casts as PostGraphile does. */
function columnsOf(from: SQL, attributes: Attributes): SQL {
  const columns = Object.entries(attributes).map(([name, { codec }]) => {
    const column = sql`(${from}.${sql.identifier(name)})`;
    return codec.castFromPg?.(column) ?? sql`${column}::text`;
  });
  return sql.join(columns, ', ');
}

function decoders(attributes: Attributes): Column[] {
  return Object.entries(attributes).map(([attribute, { codec }]) => ({
    attribute,
    decode: codec.fromPg,
  }));
}

function encoder({ toPg }: PgCodec): (value: unknown) => string | null {
  return (value) => (value === null || value === undefined ? null : String(toPg(value)));
}

function textOf(query: SQL): string {
  return sql.compile(query).text;
}
