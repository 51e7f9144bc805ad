/** Connections to a streaming standby, and how far it is behind the primary. */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { log } from '../observability/log.ts';
import { createPool } from '../database/pool.ts';
import type { Address } from '../database/pooler.ts';

export interface StandbyOptions extends Address {
  primary: Address;
  poolSize: number;
  historySize: number;
  statementTimeoutMs: number;
  maxStalenessMs: number;
}

/** A server's position in the write-ahead log, and which history the log belongs to. */
interface Position {
  recovers: boolean;
  /** The flushed position of a primary, or the replayed position of a standby. */
  lsn: bigint;
  /** Equal for all copies of one database with the same history. */
  identity: string;
}

interface Sample {
  askedAt: number;
  lsn: bigint;
}

const CHECK_EVERY_MS = 200;
/** Short, since the primary can be asked instead. */
const CONNECT_WITHIN_MS = 2_000;
const ANSWER_WITHIN_MS = 2_000;

const LOOK = `
select pg_is_in_recovery() as recovers,
  (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end - '0/0')::text as lsn,
  concat_ws(' ', (select system_identifier from pg_control_system()), (select timeline_id from pg_control_checkpoint()),
    (select oid from pg_database where datname = current_database())) as identity`;

/**
 * Measures staleness without comparing the servers' clocks. A position that the primary reported is sampled with the time of the question.
 * Once the standby has replayed up to it, the standby has everything that was committed before that time. An idle primary does not make the
 * standby stale.
 */
export class Standby {
  readonly pool: Pool;
  readonly historyPool: Pool;
  readonly #primaryWatch: Pool;
  readonly #watch: Pool;
  readonly #maxStalenessMs: number;
  readonly #stopping = new AbortController();
  readonly #watching: Promise<void>;
  /** Positions of the primary that the standby had not reached yet. */
  #samples: Sample[] = [];
  #asOf = -Infinity;
  /** Why the standby must not be used, apart from its staleness. */
  #trouble: string | undefined = 'not looked at yet';
  #isUsed = false;

  constructor(options: StandbyOptions) {
    const { url, password, primary, statementTimeoutMs, maxStalenessMs } = options;
    const own = { url, password, setting: 'READ_DATABASE_URL' };
    const open = (name: string, from: Address, size: number, timeoutMs: number): Pool => {
      const pool = createPool({ ...from, login: 'wallet_gateway', size, name, statementTimeoutMs: timeoutMs });
      pool.options.connectionTimeoutMillis = CONNECT_WITHIN_MS;
      return pool;
    };
    this.pool = open('wallet-reads', own, options.poolSize, statementTimeoutMs);
    this.historyPool = open('wallet-history-reads', own, options.historySize, 0);
    // Separate pools: waiting for a connection of a busy pool would look like replication lag.
    this.#watch = open('wallet-watch', own, 1, ANSWER_WITHIN_MS);
    this.#primaryWatch = open('wallet-watch-primary', primary, 1, ANSWER_WITHIN_MS);
    for (const pool of [this.#watch, this.#primaryWatch]) pool.options.query_timeout = ANSWER_WITHIN_MS;
    this.#maxStalenessMs = maxStalenessMs;
    this.#watching = this.#keepChecking();
  }

  /** The maximum age of the standby's data in milliseconds; undefined if the standby must not be used. */
  get stalenessMs(): number | undefined {
    const staleness = Math.ceil(performance.now() - this.#asOf);
    return this.#trouble === undefined && staleness <= this.#maxStalenessMs ? staleness : undefined;
  }

  /** Why the standby is not used. */
  get trouble(): string | undefined {
    if (this.stalenessMs !== undefined) return undefined;
    return this.#trouble ?? 'the standby is too far behind';
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#watching;
    await Promise.all([this.pool, this.historyPool, this.#watch, this.#primaryWatch].map((pool) => pool.end()));
  }

  async #keepChecking(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#check();
      this.#logChange();
      await sleep(CHECK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #check(): Promise<void> {
    const askedAt = performance.now();
    // While the primary does not answer, the standby's staleness grows up to the limit.
    const primary = await positionOf(this.#primaryWatch).catch(() => undefined);
    let trouble: string | undefined;
    const standby = await positionOf(this.#watch).catch((error: unknown) => {
      trouble = reasonOf(error);
    });
    if (primary && standby) trouble = mismatch(primary, standby);
    this.#trouble = trouble;
    if (primary) this.#samples.push({ askedAt, lsn: primary.lsn });
    if (!standby || trouble !== undefined) {
      this.#asOf = -Infinity;
      return;
    }
    const isReached = ({ lsn }: Sample): boolean => lsn <= standby.lsn;
    this.#asOf = Math.max(this.#asOf, ...this.#samples.filter(isReached).map((sample) => sample.askedAt));
    const oldest = performance.now() - this.#maxStalenessMs;
    this.#samples = this.#samples.filter((sample) => !isReached(sample) && sample.askedAt > oldest);
  }

  #logChange(): void {
    const { trouble } = this;
    const isUsed = trouble === undefined;
    if (isUsed === this.#isUsed || this.#stopping.signal.aborted) return;
    this.#isUsed = isUsed;
    if (isUsed) log.info('queries go to the standby');
    else log.warn({ trouble }, 'queries go to the primary');
  }
}

async function positionOf(pool: Pool): Promise<Position> {
  const { rows } = await pool.query<{ recovers: boolean; lsn: string | null; identity: string }>(LOOK);
  const [row] = rows;
  return { recovers: false, identity: '', ...row, lsn: BigInt(row?.lsn ?? 0) };
}

/** With several unreachable addresses the error has only a code. */
function reasonOf(error: unknown): string {
  const { message, code } = error as { message: string; code?: string };
  return `the standby cannot be asked: ${message || (code ?? 'no reason given')}`;
}

/** Log positions can only be compared within one history. */
function mismatch(primary: Position, standby: Position): string | undefined {
  if (!standby.recovers) return 'the server at READ_DATABASE_URL is not a standby';
  if (primary.recovers) return 'the server at DATABASE_URL is a standby itself';
  if (primary.identity !== standby.identity)
    return 'the standby at READ_DATABASE_URL does not follow the database at DATABASE_URL';
  return undefined;
}
