/** For tests of flows: a poster on a real pool that records its statements, and whose connections can be held back. */
import type { Pool } from 'pg';
import { makeSchema } from 'postgraphile';
import type { WithPgClient } from 'postgraphile/@dataplan/pg';
import type { NodePostgresPgClient } from 'postgraphile/adaptors/pg';
import { createWithPgClient } from '../database/pg_client.ts';
import { createPool } from '../database/pool.ts';
import { publicError, type PublicError } from '../errors.ts';
import { createPreset } from '../graphql/graphile.config.ts';
import type { Flow, Receipt } from './flow.ts';
import { flowsIn, FlowsPlugin } from './plugin.ts';
import { Poster, type Caller } from './poster.ts';

type With = WithPgClient<NodePostgresPgClient>;

/** The mutation, and its input as GraphQL parses it. */
export interface FlowCall {
  name: string;
  input: Record<string, unknown>;
}

export interface Outcome {
  receipt?: Receipt;
  refusal?: PublicError;
}

export const SHOP: Caller = callerOf('service', 'shop');
export const BOSS: Caller = callerOf('operator', 'boss');

/** The gateway's settings, without timeouts: the tests must not depend on the load. */
export function callerOf(role: 'service' | 'operator' | 'player', sub: string): Caller {
  const settings = {
    role: `wallet_${role}`,
    'jwt.claims.sub': sub,
    'jwt.claims.role': role,
    lock_timeout: '0',
    statement_timeout: '0',
  };
  return { role, sub, settings };
}

export function poolOf(url: string, size = 4): Pool {
  const pool = createPool({ url, login: 'wallet_gateway', size, name: 'wallet-gateway', statementTimeoutMs: 0 });
  // The tests break connections on purpose; the log of that is noise.
  pool.removeAllListeners('error').on('error', () => undefined);
  return pool;
}

export async function readFlows(pool: Pool): Promise<ReadonlyMap<string, Flow>> {
  const { schema } = await makeSchema(createPreset({ pool, plugins: [FlowsPlugin] }));
  const fields = flowsIn(schema);
  if (!fields) throw new Error('The schema has no flows');
  return fields.flows;
}

export class FlowBench {
  readonly sent: number[] = [];
  readonly #flows: ReadonlyMap<string, Flow>;
  readonly #poster: Poster;
  #gate: Promise<unknown> | undefined;

  constructor(flows: ReadonlyMap<string, Flow>, pool: Pool, { grouping = true } = {}) {
    this.#flows = flows;
    const real = createWithPgClient(pool);
    const posting: With = async (settings, callback) => {
      await this.#gate;
      return real(settings, (client) => callback(this.#recording(client)));
    };
    this.#poster = new Poster({ posting, grouping });
  }

  post({ name, input }: FlowCall, caller: Caller = SHOP): Promise<Receipt> {
    const flow = this.#flows.get(name);
    if (!flow) throw new Error(`${name} is no flow`);
    return this.#poster.post(flow, input, caller);
  }

  async outcome(call: FlowCall, caller?: Caller): Promise<Outcome> {
    return this.post(call, caller).then(
      (receipt) => ({ receipt }),
      (error: unknown) => ({ refusal: publicError(error) }),
    );
  }

  /** Lets all calls wait for a connection before the first is sent. */
  together(calls: readonly FlowCall[], caller?: Caller): Promise<Outcome[]> {
    return this.heldBack(() => Promise.all(calls.map((call) => this.outcome(call, caller))));
  }

  /** Gives no connection until everything that `work` starts has started. */
  async heldBack<T>(work: () => Promise<T>): Promise<T> {
    const gate = Promise.withResolvers<undefined>();
    this.#gate = gate.promise;
    const working = work();
    this.#gate = undefined;
    gate.resolve(undefined);
    return working;
  }

  #recording(client: NodePostgresPgClient): NodePostgresPgClient {
    return {
      ...client,
      query: (query) => {
        const [first] = (query.values ?? []) as unknown[];
        this.sent.push(Array.isArray(first) ? first.length : 1);
        return client.query(query);
      },
    };
  }
}
