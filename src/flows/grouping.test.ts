/** Grouped calls and single calls give the same outcomes: random calls in both ways, receipts and refusals byte for byte. */
import type { Pool } from 'pg';
import {
  call,
  createDatabase,
  expectSound,
  newAsset,
  newWallet,
  setStatus,
  UNKNOWN_WALLET,
} from '../../db/tests/helpers.ts';
import { Chance } from '../../db/tests/prove/chance.ts';
import type { Flow } from './flow.ts';
import { BOSS, FlowBench, poolOf, readFlows, type FlowCall, type Outcome } from './testing_flows.ts';

const SEEDS = [1, 2, 3, 4, Math.floor(Math.random() * 1e9)];
const ROUNDS = 8;
/** At most the size of one group, which keeps the order of the calls. */
const MOST_CALLS = 32;
const OPEN = 4;
const FROZEN = 4;
const CLOSED = 5;
const UNKNOWN = 6;
const ID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** A call with wallets, holds and transfers as indexes, since ids differ between the worlds. */
interface Drawn {
  name: string;
  wallet: number;
  to?: number;
  of?: number;
  input: Record<string, unknown>;
}

// Hooks run in the order in which they are registered: this one before the database is dropped.
afterAll(() => pool.end());

/** A set of wallets, and the outcomes of all calls so far. */
class World {
  readonly bench: FlowBench;
  readonly #asset: string;
  readonly #wallets: string[];
  readonly #outcomes: Outcome[] = [];

  private constructor(bench: FlowBench, asset: string, wallets: string[]) {
    this.bench = bench;
    this.#asset = asset;
    this.#wallets = wallets;
  }

  static async create(grouping: boolean): Promise<World> {
    const asset = await newAsset(db);
    await call(db, 'asset_limit_set', { asset_code: asset, max_spend: 40 });
    const wallets: string[] = [];
    for (let place = 0; place <= CLOSED; place += 1)
      wallets.push(await newWallet(db, asset, place < CLOSED ? { bought: 100, bonus: 20 } : {}));
    await setStatus(db, wallets[FROZEN] ?? '', 'frozen');
    await setStatus(db, wallets[CLOSED] ?? '', 'closed');
    return new World(new FlowBench(flows, pool, { grouping }), asset, [...wallets, UNKNOWN_WALLET]);
  }

  /** Sends the calls together if `grouping`, otherwise one after the other. */
  async run(drawn: readonly Drawn[], grouping: boolean): Promise<Outcome[]> {
    const calls = drawn.map((one) => this.#callOf(one));
    const outcomes = grouping ? await this.bench.together(calls, BOSS) : [];
    if (!grouping) for (const one of calls) outcomes.push(await this.bench.outcome(one, BOSS));
    this.#outcomes.push(...outcomes);
    return outcomes;
  }

  /** All outcomes, with ids and times replaced. */
  get told(): string {
    const ids = new Map(this.#wallets.map((id, place) => [id, `wallet ${place}`]));
    return JSON.stringify(this.#outcomes, null, 1)
      .replaceAll(ID, (id) => {
        ids.set(id, ids.get(id) ?? `id ${ids.size}`);
        return ids.get(id) ?? '';
      })
      .replaceAll(this.#asset, 'the asset')
      .replaceAll(/"\d{4}-\d\d-\d\dT[^"]*"/g, '"an instant"');
  }

  #callOf({ name, wallet, to, of, input }: Drawn): FlowCall {
    const id = this.#wallets[wallet];
    const earlier = of === undefined ? undefined : this.#outcomes[of]?.receipt;
    return {
      name,
      input: {
        ...input,
        ...(['walletTransfer', 'walletExchange'].includes(name)
          ? { fromWallet: id, toWallet: this.#wallets[to ?? 0] }
          : { walletId: id }),
        ...(['walletCapture', 'walletRelease'].includes(name) && { holdId: earlier?.hold_id ?? UNKNOWN_WALLET }),
        ...(name === 'walletReverse' && { transferId: earlier?.transfer_id ?? UNKNOWN_WALLET }),
      },
    };
  }
}

/** Draws calls: mostly valid ones, sometimes repetitions or nonsense. */
class Writer {
  readonly #chance: Chance;
  readonly #written: Drawn[] = [];
  #keys = 0;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  round(): Drawn[] {
    const drawn = Array.from({ length: this.#chance.int(2, MOST_CALLS) }, () => this.#draw());
    this.#written.push(...drawn);
    return drawn;
  }

  #draw(): Drawn {
    const chance = this.#chance;
    if (this.#written.length > 0 && chance.happens(12)) {
      const again = chance.pick(this.#written);
      return chance.happens(70) ? again : { ...again, input: { ...again.input, metadata: { other: true } } };
    }
    const name = chance.weighted({
      walletTopUp: 4,
      walletBonus: 3,
      walletSpend: 5,
      walletTransfer: 5,
      walletHold: 3,
      walletCapture: 2,
      walletRelease: 2,
      walletReverse: 2,
      walletAdjust: 2,
      walletCollect: 2,
      walletForgive: 2,
      walletOpening: 2,
      walletExchange: 1,
    });
    const earlier = this.#earlier(name);
    const wallet = earlier?.wallet ?? (chance.happens(92) ? chance.int(0, OPEN - 1) : chance.int(FROZEN, UNKNOWN));
    this.#keys += 1;
    return {
      name,
      wallet,
      to: chance.happens(90) ? chance.int(0, OPEN - 1) : chance.int(0, UNKNOWN),
      ...(earlier && { of: earlier.place }),
      input: {
        idemKey: chance.happens(97) ? `key-${this.#keys}` : chance.pick(['', ' x ', 'ß'.repeat(201), 'ü-1']),
        ...(name === 'walletRelease' ? {} : this.#amount(name)),
        ...(chance.happens(15) && {
          metadata: chance.pick([{ n: 1 }, { 'ä"\\': [null, 1.5, 'x'] }, [], 'text', null, {}]),
        }),
        ...(name === 'walletAdjust' && {
          side: chance.pick(['debit', 'credit']),
          reason: chance.pick(['an error', 'ü "so"', '']),
        }),
        ...(name === 'walletForgive' && { reason: chance.pick(['a gesture', '']) }),
        ...(name === 'walletReverse' && chance.happens(50) && { owe: true }),
        ...(name === 'walletOpening' && chance.happens(50) && { bonusAmount: String(chance.int(0, 20)) }),
        ...(name === 'walletExchange' && { toAmount: String(chance.int(0, 20)) }),
        ...(['walletBonus', 'walletHold', 'walletOpening'].includes(name) &&
          chance.happens(40) && { expiresAt: chance.pick(['2101-01-01T00:00:00Z', '2000-01-01T00:00:00Z', null]) }),
      },
    };
  }

  #amount(name: string): Record<string, unknown> {
    const chance = this.#chance;
    if (['walletCapture', 'walletReverse'].includes(name) && chance.happens(50)) return {};
    return {
      amount: chance.happens(95) ? String(chance.int(1, 45)) : chance.pick(['0', '-1', '1000000000000001', '700']),
    };
  }

  /** The earlier call that a capture, release or reversal refers to, with its index. */
  #earlier(name: string): { wallet: number; place: number } | undefined {
    if (!['walletCapture', 'walletRelease', 'walletReverse'].includes(name)) return undefined;
    const places = [...this.#written.entries()].filter(
      ([, one]) => (one.name === 'walletHold') !== (name === 'walletReverse'),
    );
    if (places.length === 0) return undefined;
    const [place, { wallet }] = this.#chance.pick(places);
    return { wallet, place };
  }
}

describe('grouped calls', () => {
  const seen = new Map<string, number>();

  it.each(SEEDS)('have the outcomes of single calls: seed %i', async (seed) => {
    const writer = new Writer(new Chance(seed));
    const [together, alone] = [await World.create(true), await World.create(false)];

    for (let round = 0; round < ROUNDS; round += 1) {
      const drawn = writer.round();
      await alone.run(drawn, false);
      const outcomes = await together.run(drawn, true);

      expect(together.told).toBe(alone.told);
      for (const { refusal } of outcomes) {
        const code = refusal?.extensions.code ?? 'booked';
        seen.set(code, (seen.get(code) ?? 0) + 1);
      }
    }
    expect(Math.max(...together.bench.sent)).toBeGreaterThan(1);
    expect(Math.max(...alone.bench.sent)).toBe(1);
  });

  it('were booked, and refused for each reason', async () => {
    expect(seen.get('booked')).toBeGreaterThan(100);
    expect([...seen.keys()]).toEqual(
      expect.arrayContaining([
        ...[
          'INVALID_AMOUNT',
          'INVALID_ARGUMENT',
          'WALLET_NOT_FOUND',
          'HOLD_NOT_FOUND',
          'TRANSFER_NOT_FOUND',
          'SAME_WALLET',
        ],
        ...['IDEMPOTENCY_KEY_REUSED', 'WALLET_FROZEN', 'WALLET_CLOSED', 'HOLD_NOT_OPEN', 'NOT_REVERSIBLE'],
        ...['LIMIT_EXCEEDED', 'INSUFFICIENT_FUNDS'],
      ]),
    );
    await expectSound(db);
  });
});
const db = createDatabase();
let pool: Pool;
let flows: ReadonlyMap<string, Flow>;

beforeAll(async () => {
  pool = poolOf(db.url);
  flows = await readFlows(pool);
}, 120_000);
