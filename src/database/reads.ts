/** Answers reads from another server than the primary. */
import type { Request, Response } from 'express';
import type { Pool, PoolClient } from 'pg';
import type { WithPgClient } from 'postgraphile/@dataplan/pg';
import type { NodePostgresPgClient } from 'postgraphile/adaptors/pg';

export type WithClient = WithPgClient<NodePostgresPgClient>;

export interface Reads {
  readonly pool: Pool;
  /** For the queries of one request: uses `there`, and `onPrimary` if `there` cannot answer. */
  queries(there: WithClient, onPrimary: WithClient, req: Request, res: Response): WithClient;
  connect(primary: Pool, req: Request, res: Response): Promise<PoolClient>;
}
