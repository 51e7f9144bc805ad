/** The peer's connection pool. */
import createKnex, { type Knex } from 'knex';

/** Opens all connections at once and keeps them. */
export function connect(url: string, poolSize: number): Knex {
  return createKnex({ client: 'pg', connection: url, pool: { min: poolSize, max: poolSize } });
}
