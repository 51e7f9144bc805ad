/**
 * Two worlds with the same history: in one the player's wallet is merged repeatedly, in the other it stays. Their answers must be equal.
 */
import {
  call,
  createDatabase,
  type Database,
  expectSound,
  newAsset,
  newKey,
  newWallet,
  partsOf,
  type Receipt,
  refusal,
} from './helpers.ts';
import { Chance } from './prove/chance.ts';

const ROUNDS = 8;
const STEPS = 40;

interface World {
  asset: string;
  /** The wallet with the player's credits. */
  wallet: string;
  friend: string;
  booked: Receipt[];
}

interface Step {
  name: string;
  args: (world: World) => Record<string, unknown>;
  /** Whether it may be reversed later. */
  keep: boolean;
}

const db: Database = createDatabase();

async function newWorld(): Promise<World> {
  const asset = await newAsset(db);
  const [wallet, friend] = [await newWallet(db, asset), await newWallet(db, asset, { bought: 200 })];
  return { asset, wallet, friend, booked: [] };
}

/** The answer without ids, times and numbers of entries. */
async function answerOf(world: World, { name, args, keep }: Step): Promise<object> {
  const asking = call(db, name, { idem_key: newKey(), ...args(world) });
  const receipt = await asking.catch(() => undefined);
  if (!receipt) {
    const { code, detail } = await refusal(asking);
    return { code, left: detail.left, missing: detail.missing, available: detail.available };
  }
  if (keep) world.booked.push(receipt);
  const { kind, amount, bonus_amount, balance, bonus_balance, available, owed } = receipt;
  return { kind, amount, bonus_amount, balance, bonus_balance, available, owed };
}

/** Draws the next step for both worlds. Each bonus has a different expiry, because a merge joins lots of equal expiry. */
function draw(chance: Chance, step: number, booked: number): Step {
  const amount = chance.int(1, 40);
  const acting = (more: object) => (world: World) => ({ wallet_id: world.wallet, amount, ...more });
  const expires_at = `${chance.int(2100, 2104)}-01-01T00:00:${String(step).padStart(2, '0')}Z`;
  return chance.pick([
    () => ({ name: 'wallet_top_up', args: acting({}), keep: true }),
    () => ({ name: 'wallet_bonus', args: acting({ expires_at }), keep: true }),
    () => ({ name: 'wallet_bonus', args: acting({}), keep: true }),
    () => ({ name: 'wallet_spend', args: acting({}), keep: true }),
    () => ({ name: 'wallet_spend', args: acting({}), keep: true }),
    () => ({
      name: 'wallet_transfer',
      args: ({ wallet, friend }: World) => ({ from_wallet: wallet, to_wallet: friend, amount }),
      keep: true,
    }),
    () => ({
      name: 'wallet_transfer',
      args: ({ wallet, friend }: World) => ({ from_wallet: friend, to_wallet: wallet, amount }),
      keep: false,
    }),
    ...Array.from({ length: 5 }, () => () => {
      const place = chance.int(0, Math.max(booked - 1, 0));
      const part = chance.happens(30) ? undefined : chance.int(1, 15);
      return {
        name: 'wallet_reverse',
        args: ({ wallet, booked: all }: World) => ({
          ...{ wallet_id: wallet, transfer_id: all[place]?.transfer_id, amount: part },
          owe: all[place]?.kind === 'top_up' && step % 2 === 0,
        }),
        keep: false,
      };
    }),
  ])();
}

/** The reversal of a bonus takes from the merge's lot, and not from credits returned since, which are separate lots. */
const differs = ({ name, args }: Step, world: World, cameBack: boolean): boolean =>
  cameBack &&
  name === 'wallet_reverse' &&
  world.booked.some(({ transfer_id, kind }) => transfer_id === args(world).transfer_id && kind === 'bonus');

describe('a history with merges in it', () => {
  // The second seed has a bonus that was spent completely before the merge.
  const SEEDS = process.env.MERGES_SEED ? [Number(process.env.MERGES_SEED)] : [20_261_130, 615_444_039];

  it.each(SEEDS)(
    'answers each call like the one without merges (MERGES_SEED=%d)',
    async (seed) => {
      let through = 0;
      for (let round = 0; round < ROUNDS; round += 1) {
        const chance = new Chance(seed + round);
        const [plain, merging] = [await newWorld(), await newWorld()];
        let merged = false;
        let cameBack = false;
        for (let step = 0; step < STEPS; step += 1) {
          if (chance.happens(8)) {
            const to_wallet = await newWallet(db, merging.asset);
            const request = { from_wallet: merging.wallet, to_wallet, idem_key: newKey(), reason: 'for a test' };
            await call(db, 'wallet_merge', request);
            merging.wallet = to_wallet;
            merged = true;
          }
          const next = draw(chance, step, plain.booked.length);
          if ((next.name === 'wallet_reverse' && plain.booked.length === 0) || differs(next, merging, cameBack))
            continue;
          const answers = [await answerOf(plain, next), await answerOf(merging, next)] as const;
          const where = { round, step, name: next.name };
          expect({ ...where, answer: answers[1] }).toEqual({ ...where, answer: answers[0] });
          expect(await partsOf(db, merging.wallet)).toEqual(await partsOf(db, plain.wallet));
          if (merged && next.name === 'wallet_reverse' && 'kind' in answers[1]) {
            through += 1;
            cameBack = true;
          }
        }
      }
      expect(through).toBeGreaterThan(10);
      await expectSound(db);
    },
    600_000,
  );
});
