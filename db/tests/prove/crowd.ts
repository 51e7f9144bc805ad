/**
 * Groups over the same few wallets, in random orders, on several connections at once, each of which keeps its locks for a while: none
 * deadlocks, and none that is not to wait waits.
 */
import pg from 'pg';
import { callAll, postEach } from '../helpers.ts';
import type { Chance } from './chance.ts';
import { Client } from './client.ts';
import { itemOf, TYPES, type Balance, type Door } from './doors.ts';
import { callOf, Operations, type Operation, type Stock } from './operations.ts';
import { itemOutcomeOf, outcomeOfError, type Outcome } from './outcome.ts';
import { Promises } from './promises.ts';
import type { Tally } from './tally.ts';

export interface CrowdOptions {
  /** Opens an operator's session, which reads times as receipts have them. */
  connect: () => Promise<pg.Client>;
  /** Of one asset. */
  wallets: string[];
  clients: number;
  chance: Chance;
  tally: Tally;
  /** Keys differ from crowd to crowd. */
  name: string;
  /** Asked before each call, with what was seen so far. */
  isOver: (seen: Crowd) => boolean;
}

export interface Crowd {
  promises: Promises;
  calls: number;
  deadlocks: number;
  /** Of calls that were not to wait. */
  waits: number;
}

/** Who waits for as long as this has waited. */
const NO_WAIT = '1ms';
/** Far longer than anybody keeps a lock. */
const PATIENCE = '120s';
/** Whose lock it was: not one that PostgreSQL takes for itself, such as to make a table longer. */
const OF_A_ROW = /while (locking|updating|deleting|inserting|checking)|lock_\w*wallets/;

export async function crowd(options: CrowdOptions): Promise<Crowd> {
  const { connect, wallets, clients, chance, tally, name, isOver } = options;
  const stock: Stock = { assets: [{ hot: wallets, cold: wallets, spare: [] }], holds: [], booked: [], owing: [] };
  const seen: Crowd = { promises: new Promises(tally), calls: 0, deadlocks: 0, waits: 0 };
  let keys = 0;
  const around = { promises: seen.promises, stock, tally, isOver: () => isOver(seen) };
  const callers = Array.from({ length: clients }, () => {
    const own = chance.fork();
    const operations = new Operations(stock, own, () => `${name}-${++keys}`, { group: 1 });
    return new Client([new CrowdDoor(connect, own.fork(), seen)], operations, own, around);
  });
  await Promise.all(callers.map((caller) => caller.run().finally(() => caller.close())));
  return seen;
}

/** As the gateway has it; `url` is an administrator's. */
export async function connectOperator(url: string): Promise<pg.Client> {
  const session = new pg.Client({ connectionString: url, types: TYPES });
  session.on('error', () => undefined);
  await session.connect();
  await session.query("set session authorization wallet_gateway; set role wallet_operator; set time zone 'UTC'");
  return session;
}

class CrowdDoor implements Door {
  readonly #connect: () => Promise<pg.Client>;
  readonly #chance: Chance;
  readonly #seen: Crowd;
  #session: Promise<pg.Client> | undefined;

  constructor(connect: () => Promise<pg.Client>, chance: Chance, seen: Crowd) {
    this.#connect = connect;
    this.#chance = chance;
    this.#seen = seen;
  }

  takes(): boolean {
    return true;
  }

  async post(operation: Operation): Promise<Outcome> {
    this.#session ??= this.#connect();
    const session = await this.#session;
    this.#seen.calls += 1;
    const isPatient = operation.shape !== 'group' || operation.waits !== false;
    try {
      await session.query(`begin; set local lock_timeout = '${isPatient ? PATIENCE : NO_WAIT}'`);
      const outcome = await ask(session, operation);
      for (let turns = this.#chance.int(0, 3); turns > 0; turns -= 1) await session.query('select');
      await session.query('commit');
      return outcome;
    } catch (error) {
      await session.query('rollback');
      const { code, where = '' } = error as { code?: string; where?: string };
      if (code === '40P01') this.#seen.deadlocks += 1;
      if (code === '55P03' && OF_A_ROW.test(where)) this.#seen.waits += 1;
      return outcomeOfError(error, true);
    }
  }

  async balance(wallet: string): Promise<Balance | undefined> {
    const session = await this.#session;
    return session && (await callAll<Balance>(session, 'wallet_balance', { wallet_id: wallet }))[0];
  }

  async close(): Promise<void> {
    await (await this.#session)?.end();
  }
}

async function ask(session: pg.Client, { shape, postings, waits }: Operation): Promise<Outcome> {
  if (shape === 'group') {
    const outcomes = await postEach(session, postings.map(itemOf), waits);
    return { kind: 'each', items: outcomes.map(itemOutcomeOf) };
  }
  const [posting] = postings;
  if (!posting) throw new Error('nothing to post');
  const { name, args } = callOf(posting);
  return { kind: 'done', receipts: await callAll(session, name, args) };
}
