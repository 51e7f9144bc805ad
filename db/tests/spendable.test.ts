/**
 * Every figure of what a wallet has available, against what it may spend: in states drawn at random, of lots and holds that are due,
 * captures in part, and reversals.
 */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type pg from 'pg';
import { age, rehash } from './aged.ts';
import {
  call,
  callAll,
  createDatabase,
  expectSound,
  newAsset,
  newKey,
  newOwner,
  newWallet,
  partsOf,
  postBatch,
  type Receipt,
  refusal,
  type Session,
} from './helpers.ts';

const SEED = Number(process.env.MODEL_SEED ?? 20_261_122);
const RUNS = Number(process.env.MODEL_RUNS ?? 25);
const LIMIT_MS = 600_000 + RUNS * 20_000;
const MAX_BALANCE = 1_000_000n;

/** In days from now; null for never. */
type Expiry = 1 | 2 | 3 | null;
type Step =
  | { do: 'top_up' | 'spend' | 'send' | 'receive'; amount: number }
  | { do: 'bonus' | 'hold'; amount: number; expires: Expiry }
  /** Of a release, the amount is nothing. */
  | { do: 'capture' | 'release'; which: number; amount: number | null }
  | { do: 'reverse'; which: number; amount: number | null }
  | { do: 'age'; hours: 12 | 36 }
  | { do: 'sweep' };

const amount = fc.integer({ min: 1, max: 60 });
const few = fc.integer({ min: 1, max: 25 });
const part = fc.oneof(fc.constant(null), fc.integer({ min: 1, max: 20 }));
const which = fc.nat({ max: 5 });
const expires = fc.constantFrom<Expiry>(1, 1, 2, 3, null);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('top_up', 'spend', 'send', 'receive'), amount }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('bonus'), amount, expires }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('hold'), amount: few, expires }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('capture'), which, amount: part }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('release'), which, amount: part }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('reverse'), which, amount: part }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('age'), hours: fc.constantFrom(12 as const, 36 as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('sweep') }) },
);

/** What comes together too seldom by chance: a hold over credits that expire, and time that passes; then it ends, or has expired too. */
const pinned = fc
  .tuple(few, expires, expires, fc.constantFrom('capture' as const, 'release' as const, undefined), part)
  .map(([size, lot, hold, ends, taken]): Step[] => [
    { do: 'bonus', amount: size + 2, expires: lot },
    { do: 'hold', amount: size, expires: hold },
    { do: 'age', hours: 36 },
    ...(ends === undefined ? [] : [{ do: ends, which: 0, amount: taken }]),
  ]);
const spentBefore = fc.tuple(few, expires, part).map(([size, lot, back]): Step[] => [
  { do: 'bonus', amount: size, expires: lot },
  { do: 'spend', amount: size },
  { do: 'age', hours: 36 },
  { do: 'reverse', which: 0, amount: back },
]);
const some = fc.oneof(
  { weight: 6, arbitrary: step.map((one) => [one]) },
  { weight: 2, arbitrary: pinned },
  { weight: 1, arbitrary: spentBefore },
);

/** Credits to begin with, of which most expire; and a spend out of them, which can be reversed. */
const lots: fc.Arbitrary<Step[]> = fc
  .tuple(fc.array(fc.tuple(few, expires), { minLength: 1, maxLength: 3 }), few)
  .map(([given, spent]) => [
    ...given.map(([size, ends]): Step => ({ do: 'bonus', amount: size, expires: ends })),
    { do: 'spend', amount: Math.ceil(spent / 3) },
  ]);

interface Balance {
  balance: string;
  held_balance: string;
  available: string;
  seq: string;
  as_of: string;
}

interface Asked {
  name: string;
  args: Record<string, unknown>;
  receipt: Receipt;
}

interface Figures {
  balance: string;
  available: string;
  shown: string;
  then: string;
  parts: string;
  parts_available: string;
  parts_free: string;
  parts_held: string;
  open_amount: string;
  holds: { id: string; status: string; open: boolean; closed: boolean }[];
}

describe('what a wallet can spend', () => {
  const db = createDatabase();
  const seen = new Map<string, number>();
  const see = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1);

  it(
    'is what every figure says, whatever is due in it',
    async () => {
      const asset = await newAsset(db);
      const limits = { asset_code: asset, max_balance: String(MAX_BALANCE) };
      await call<object>(db, 'asset_limit_set', limits);
      const client = await db.connect();
      await fc.assert(
        fc.asyncProperty(
          fc.tuple(lots, fc.array(some, { minLength: 3, maxLength: 9, size: 'max' })),
          async ([given, steps]) => {
            const wallet = await Wallet.open(client, asset);
            for (const one of given) await wallet.take(one);
            for (const one of steps.flat()) {
              await wallet.take(one);
              if (one.do === 'age') await wallet.expectFiguresToAgree();
            }
            await wallet.expectFiguresToAgree();
            await wallet.expectThePast();
          },
        ),
        { seed: SEED, numRuns: RUNS },
      );
    },
    LIMIT_MS,
  );

  const whole = RUNS >= 25 ? it : it.skip;
  whole('has been looked at with everything due that can be', () => {
    const states = [
      'a lot is due',
      'a hold is due',
      'a hold is due over a lot that is due',
      'a hold is due over a lot that is not',
      'a capture freed what had expired',
      'a release freed what had expired',
      'a reversal gave back what had expired',
      'nothing is available',
    ];
    expect(states.filter((state) => !seen.has(state))).toEqual([]);
  });

  it('leaves a sound ledger', async () => {
    await rehash(db);
    await expectSound(db);
  });

  /** A player's wallet, with what was asked for it and what was shown. */
  class Wallet {
    readonly #client: pg.Client;
    readonly #owner: string;
    readonly #id: string;
    readonly #friend: string;
    readonly #asked: Asked[] = [];
    readonly #shown: { hours: number; balance: Balance }[] = [];
    /** How much time has passed. */
    #hours = 0;

    private constructor(client: pg.Client, owner: string, id: string, friend: string) {
      this.#client = client;
      this.#owner = owner;
      this.#id = id;
      this.#friend = friend;
    }

    static async open(client: pg.Client, asset: string): Promise<Wallet> {
      const owner = newOwner();
      const id = await newWallet(client, asset, { owner });
      return new Wallet(client, owner, id, await newWallet(client, asset, { bought: 500 }));
    }

    /** What is refused is nothing, here: other tests are about that. */
    async take(one: Step): Promise<void> {
      switch (one.do) {
        case 'age':
          await age(db, `${one.hours} hours`, 'later');
          this.#hours += one.hours;
          return;
        case 'sweep':
          await call<object>(this.#client, 'wallet_expire_due', {});
          return;
        case 'top_up':
        case 'spend':
          return this.#ask(`wallet_${one.do}`, { wallet_id: this.#id, amount: one.amount });
        case 'send':
          return this.#ask('wallet_transfer', { from_wallet: this.#id, to_wallet: this.#friend, amount: one.amount });
        case 'receive':
          // Of what the friend has, some expires.
          await this.#friendGets(one.amount);
          await call(this.#client, 'wallet_transfer', {
            ...{ from_wallet: this.#friend, to_wallet: this.#id },
            ...{ amount: one.amount, idem_key: newKey() },
          });
          return;
        case 'bonus':
        case 'hold':
          return this.#ask(`wallet_${one.do}`, {
            ...{ wallet_id: this.#id, amount: one.amount },
            ...(one.expires !== null && { expires_at: await this.#inDays(one.expires) }),
          });
        case 'capture':
        case 'release': {
          const { holds } = await this.#figures();
          const open = holds.filter(({ closed }) => !closed);
          const hold = open[one.which % Math.max(open.length, 1)];
          const given = one.do === 'capture' ? (one.amount ?? undefined) : undefined;
          if (hold) await this.#ask(`wallet_${one.do}`, { wallet_id: this.#id, hold_id: hold.id, amount: given });
          return;
        }
        case 'reverse': {
          const reversible = this.#asked.filter(({ name }) => /spend|capture|bonus|top_up|transfer/.test(name));
          const original = reversible.at(-1 - (one.which % Math.max(reversible.length, 1)));
          const given = one.amount ?? undefined;
          if (!original) return;
          const { transfer_id } = original.receipt;
          return this.#ask('wallet_reverse', { wallet_id: this.#id, transfer_id, amount: given });
        }
      }
    }

    /** In a transaction that is taken back. */
    async expectFiguresToAgree(): Promise<void> {
      const figures = await this.#figures();
      const { available } = figures;
      this.#shown.push({
        hours: this.#hours,
        balance: await call<Balance>(this.#client, 'wallet_balance', this.#named),
      });
      expect({ ...figures, holds: undefined }).toEqual({
        ...{ balance: figures.balance, available, shown: available, then: available, holds: undefined },
        ...{ parts: figures.balance, parts_available: available, parts_free: available },
        // What is reserved is what open holds reserve, and nothing else.
        ...{ parts_held: figures.open_amount, open_amount: figures.open_amount },
      });
      for (const { status, open } of figures.holds) expect([status, open]).toEqual([status, status === 'open']);
      await this.#note(figures);

      await this.#client.query('begin');
      await this.#expectSpendable(available);
      // What a top-up may still add says what is there: what can be spent, and what open holds reserve.
      const left = String(MAX_BALANCE - BigInt(available) - BigInt(figures.open_amount));
      await this.#expectRefused(
        'wallet_top_up',
        { amount: String(BigInt(left) + 1n) },
        { code: 'WLLIM', detail: { left } },
      );
      for (const { id, status, closed } of figures.holds) {
        for (const name of ['wallet_capture', 'wallet_release']) {
          const args = { ...this.#named, hold_id: id, idem_key: newKey() };
          if (status === 'open')
            await this.#undone(async () => {
              const receipt = await call(this.#client, name, args);
              await this.#expectSpendable(receipt.available);
            });
          else await this.#expectRefused(name, args, { code: 'WLHLD', detail: { status } });
        }
        expect(closed || status === 'open' || status === 'expired').toBe(true);
      }
      await this.#client.query('rollback');
    }

    /** What was shown then is what is told of then, by the receipts too; and a repetition shows the same. */
    async expectThePast(): Promise<void> {
      for (const { hours, balance } of this.#shown) {
        const told = await this.#then(balance.as_of, hours);
        expect({ ...told, as_of: '' }).toEqual({ ...balance, as_of: '' });
      }
      for (const { name, args, receipt } of this.#asked) {
        const { hours } = receipt as Receipt & { hours: number };
        expect(await this.#then(receipt.created_at, hours)).toMatchObject({ available: receipt.available });
        // Instants that were given have moved, too.
        if ('expires_at' in args) continue;
        const { balance, bonus_balance, held_balance, available } = receipt;
        const again = { replayed: true, balance, bonus_balance, held_balance, available };
        expect(await call(this.#client, name, args)).toMatchObject(again);
      }
      const player = await db.connectAs('player', this.#owner);
      const own = await call<Balance>(player, 'wallet_balance', this.#named);
      expect(own.available).toBe((await this.#figures()).available);
      expect(await partsOf(player, this.#id)).toEqual(await partsOf(db, this.#id));
      await player.end();
    }

    get #named(): { wallet_id: string } {
      return { wallet_id: this.#id };
    }

    async #ask(name: string, given: Record<string, unknown>): Promise<void> {
      const args = { ...given, idem_key: newKey() };
      const [receipt] = await callAll(this.#client, name, args).catch((error: unknown) => {
        if ((error as { code?: string }).code?.startsWith('WL') === true) return [];
        throw error;
      });
      if (!receipt) return;
      this.#asked.push({ name, args, receipt: Object.assign(receipt, { hours: this.#hours }) });
      // What can be spent once it is committed.
      const { available } = await call<Balance>(this.#client, 'wallet_balance', this.#named);
      expect([name, receipt.available]).toEqual([name, available]);
      const freed = BigInt(receipt.balance) - BigInt(receipt.held_balance) > BigInt(receipt.available);
      if (freed && name === 'wallet_capture') see('a capture freed what had expired');
      if (freed && name === 'wallet_release') see('a release freed what had expired');
      if (freed && name === 'wallet_reverse') see('a reversal gave back what had expired');
    }

    /** The largest amount that is accepted, by each kind of spending, alone and in a batch. */
    async #expectSpendable(available: string): Promise<void> {
      const more = { amount: String(BigInt(available) + 1n) };
      const refused = { code: 'WLFND', detail: { available, requested: more.amount } };
      const send = { from_wallet: this.#id, to_wallet: this.#friend };
      const batched = (given: { amount: string }) =>
        postBatch(this.#client, [{ kind: 'spend', ...this.#named, ...given, idem_key: newKey() }]);
      await this.#expectRefused('wallet_spend', more, refused);
      await this.#expectRefused('wallet_hold', more, refused);
      await this.#expectRefused('wallet_transfer', { ...more, ...send, wallet_id: undefined }, refused);
      await this.#undone(async () => {
        expect(await refusal(batched(more))).toMatchObject(refused);
      });
      if (available === '0') return;
      const all = { amount: available, idem_key: newKey() };
      for (const spend of [
        () => call(this.#client, 'wallet_spend', { ...this.#named, ...all }),
        () => call(this.#client, 'wallet_hold', { ...this.#named, ...all }),
        () => call(this.#client, 'wallet_transfer', { ...send, ...all }),
        async () => (await batched(all))[0],
      ])
        await this.#undone(async () => {
          expect(await spend()).toMatchObject({ available: '0' });
        });
    }

    async #expectRefused(name: string, given: Record<string, unknown>, refused: object): Promise<void> {
      await this.#undone(async () => {
        const args = { ...this.#named, idem_key: newKey(), ...given };
        expect(await refusal(call(this.#client, name, args))).toMatchObject(refused);
      });
    }

    async #undone(work: () => Promise<void>): Promise<void> {
      const name = `"${randomUUID()}"`;
      await this.#client.query(`savepoint ${name}`);
      await work();
      await this.#client.query(`rollback to savepoint ${name}`);
    }

    async #figures(): Promise<Figures> {
      const { rows } = await this.#client.query<Figures & pg.QueryResultRow>(
        `select b.balance, b.available, ledger.wallets_available(w) as shown,
           (ledger.wallet_balance_at(w.id, clock_timestamp())).available as then, p.*, o.*,
           array(select json_build_object('id', h.id, 'status', ledger.holds_status(h), 'closed', (ledger.holds_closing(h)).id is not null,
               'open', h.id in (select x.id from ledger.wallets_holds(w, true) x)) from ledger.wallets_holds(w) h) as holds
         from ledger.wallets w
         cross join lateral ledger.wallet_balance(w.id) b
         cross join lateral (
           select coalesce(sum(amount), 0) as parts, coalesce(sum(available), 0) as parts_available,
             coalesce(sum(amount) filter (where hold_id is null and coalesce(expires_at, 'infinity') > statement_timestamp()), 0) as parts_free,
             coalesce(sum(amount) filter (where hold_id is not null), 0) as parts_held
           from ledger.wallet_explain(w.id)) p
         cross join lateral (select coalesce(sum(h.amount), 0) as open_amount from ledger.wallets_holds(w, true) h) o
         where w.id = $1`,
        [this.#id],
      );
      if (!rows[0]) throw new Error('no figures');
      return rows[0];
    }

    async #then(instant: string, hours: number): Promise<Balance> {
      const { rows } = await this.#client.query<Balance & pg.QueryResultRow>(
        "select b.* from ledger.wallet_balance_at($1, $2::timestamptz - $3 * interval '1 hour') b",
        [this.#id, instant, this.#hours - hours],
      );
      if (!rows[0]) throw new Error('no balance');
      return rows[0];
    }

    async #note({ available }: Figures): Promise<void> {
      const { rows } = await db.query<{ lot: boolean; hold: boolean; both: boolean; other: boolean }>(
        `with due as (
           select h.* from ledger_private.open_holds o join ledger.holds h on h.wallet_id = o.wallet_id and h.id = o.hold_id
             where o.wallet_id = $1 and h.expires_at <= now()
         ), pinned as (
           select d.expires_at <= now() as is_due from due h join ledger.bonus_lot_draws d on d.wallet_id = h.wallet_id and d.seq = h.seq
         )
         select exists (select from ledger_private.open_lots where wallet_id = $1 and due_at <= now()) as lot,
           exists (select from due) as hold, exists (select from pinned where is_due) as both,
           exists (select from pinned where not is_due) as other`,
        [this.#id],
      );
      if (rows[0]?.lot === true) see('a lot is due');
      if (rows[0]?.hold === true) see('a hold is due');
      if (rows[0]?.both === true) see('a hold is due over a lot that is due');
      if (rows[0]?.other === true) see('a hold is due over a lot that is not');
      if (available === '0') see('nothing is available');
    }

    async #friendGets(given: number): Promise<void> {
      await call(this.#client, 'wallet_bonus', {
        ...{ wallet_id: this.#friend, amount: Math.ceil(given / 2), idem_key: newKey() },
        expires_at: await this.#inDays(2),
      });
    }

    async #inDays(days: number): Promise<string> {
      const { rows } = await (this.#client as Session).query<{ instant: string }>(
        "select clock_timestamp() + $1 * interval '1 day' as instant",
        [days],
      );
      return rows[0]?.instant ?? '';
    }
  }
});
