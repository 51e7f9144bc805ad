/** The peer's connection pool. */
import createKnex, { type Knex } from 'knex';

/** All connections are opened once and kept. */
export function connect(url: string, poolSize: number): Knex {
  return createKnex({ client: 'pg', connection: url, pool: { min: poolSize, max: poolSize } });
}
