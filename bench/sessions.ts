/** Connections that call the procedures of ledger.sql, and the results of these calls. */
import pg from 'pg';
import { withCpu, type Turn } from './measure.ts';

export interface Session {
  client: pg.Client;
  pid: number;
}

/** Opens all sessions of a trusted SQL job at once. */
export async function openSessions(url: string, count: number): Promise<Session[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const client = new pg.Client({ connectionString: url });
      client.on('error', () => undefined);
      await client.connect();
      await client.query('set role wallet_job');
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      return { client, pid: rows[0]?.pid ?? 0 };
    }),
  );
}

export async function callInEach(sessions: Session[], name: string, args: unknown[]): Promise<Turn> {
  const statement = `call bench.${name}(${args.map((_, place) => `$${place + 1}`).join(', ')})`;
  const work = async (): Promise<Omit<Turn, 'backendCpu'>> => {
    const start = performance.now();
    const answers = await Promise.all(sessions.map(({ client }) => client.query<{ calls: string }>(statement, args)));
    const seconds = (performance.now() - start) / 1000;
    return { calls: answers.reduce((sum, { rows }) => sum + Number(rows[0]?.calls), 0), seconds };
  };
  const [turn, backendCpu] = await withCpu(
    sessions.map(({ pid }) => pid),
    work,
  );
  return { ...turn, backendCpu };
}
