/** Sends a statement and the settings of its request to the database as one transaction in one round trip. */
import pg, { type Pool, type PoolClient } from 'pg';
import type { PgClientQuery, PgClientResult, WithPgClient } from 'postgraphile/@dataplan/pg';
import { makeWithPgClientViaPgClientAlreadyInTransaction, type NodePostgresPgClient } from 'postgraphile/adaptors/pg';
import { RoundTrip, type Answer, type Step } from './round_trip.ts';
import { settingsOfEachTransaction } from './pool.ts';
import { statementsOf, unnamed } from './statements.ts';
import { traceStatement } from '../observability/spans.ts';

type Settings = Record<string, string | undefined> | null;

interface Handle {
  client: NodePostgresPgClient;
  /** True if a statement was sent and its end is unknown. The connection must then not be used again. */
  isInDoubt: () => boolean;
}

/** The prepared statement does not exist, exists already, or returns other columns since a migration. */
const STALE = ['26000', '42P05', '0A000'];

// pg uses this for its own queries; its types do not declare it.
const { prepareValue } = (pg as unknown as { utils: unknown }).utils as {
  prepareValue: (value: unknown) => string | Buffer | null;
};
const parserOf = pg.types.getTypeParser as (oid: number) => (text: string) => unknown;

/** Makes `withPgClient` for the context of a request. A query outside of `withTransaction` is a transaction of its own. */
export function createWithPgClient(pool: Pool): WithPgClient<NodePostgresPgClient> {
  return async (settings, callback) => {
    const connection = await pool.connect();
    const { client, isInDoubt } = handleOf(connection, settings);
    try {
      return await callback(client);
    } finally {
      connection.release(isInDoubt());
    }
  };
}

function handleOf(connection: PoolClient, ofRequest: Settings): Handle {
  const ofTransaction = settingsOfEachTransaction(connection);
  const settings = { ...ofTransaction, ...definedOf(ofRequest) };
  const statements = statementsOf(connection);
  const sent: RoundTrip[] = [];

  function send(steps: Step[]): Promise<Answer> {
    const trip = new RoundTrip(steps, statements.takeDropped());
    sent.push(trip);
    connection.query(trip);
    return trip.answer;
  }

  /** Through a pooler the next call may use another session, so no statement is named there. */
  function stepOf(text: string, values: unknown[]): Step {
    const statement = ofTransaction ? unnamed(text) : statements.named(text);
    return { statement, values: values.map((value) => prepareValue(value)) };
  }

  const client: NodePostgresPgClient = {
    rawClient: connection,

    async query<T>({ text, values = [], arrayMode = false }: PgClientQuery): Promise<PgClientResult<T>> {
      const entries = Object.entries(settings);
      const steps = [
        ...(entries.length > 0 ? [stepOf(settingsText(entries.length), entries.flat())] : []),
        stepOf(text, values),
      ];
      const sendAgain = (error: unknown): Promise<Answer> => {
        if (ofTransaction || !STALE.includes((error as { code?: string }).code ?? '')) throw error;
        // The failed attempt changed nothing. Unnamed statements cannot conflict; the next call prepares its own again.
        statements.forget();
        return send(steps.map((step) => ({ ...step, statement: unnamed(step.statement.text) })));
      };
      const answer = await traceStatement(text, () => send(steps).catch(sendAgain));
      const rows = rowsOf(answer, arrayMode) as T[];
      return { rows, rowCount: rows.length, notices: [] };
    },

    /** Takes a round trip for each statement. */
    withTransaction(callback) {
      const withPgClient = makeWithPgClientViaPgClientAlreadyInTransaction(connection);
      return withPgClient(settings, (inner) => inner.withTransaction((client) => callback(withoutNames(client))));
    },
  };

  return {
    client,
    isInDoubt: () => sent.some(({ isOver }) => !isOver) || connection.getTransactionStatus() !== 'I',
  };
}

/** Drops statement names: pg would prepare them, and take the prepared ones for part of this session. */
function withoutNames(client: NodePostgresPgClient): NodePostgresPgClient {
  return {
    ...client,
    query: ({ text, values, arrayMode }) =>
      client.query({ text, ...(values && { values }), ...(arrayMode !== undefined && { arrayMode }) }),
    withTransaction: (callback) => client.withTransaction((inner) => callback(withoutNames(inner))),
  };
}

function definedOf(settings: Settings): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings ?? {}).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function settingsText(count: number): string {
  const calls = Array.from({ length: count }, (_, index) => `set_config($${2 * index + 1}, $${2 * index + 2}, true)`);
  return `select ${calls.join(', ')}`;
}

function rowsOf({ fields, rows }: Answer, arrayMode: boolean): unknown[] {
  const parsers = fields.map(({ dataTypeID }) => parserOf(dataTypeID));
  const parsed = rows.map((row) => row.map((value, index) => (value === null ? null : parsers[index]?.(value))));
  if (arrayMode) return parsed;
  return parsed.map((row) => Object.fromEntries(fields.map(({ name }, index) => [name, row[index]])));
}
