/** A caller as callers should be: who does not know what became of a call sends it again, under the same key. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Chance } from './chance.ts';
import type { Door } from './doors.ts';
import { remember, type Operation, type Operations, type Posting, type Stock } from './operations.ts';
import { GIVEN_UP, settleGroup, type Member, type Word } from './group.ts';
import type { Outcome } from './outcome.ts';
import { keyOf, type Promised, type Promises } from './promises.ts';
import type { Tally } from './tally.ts';

export interface Surroundings {
  promises: Promises;
  stock: Stock;
  tally: Tally;
  isOver: () => boolean;
}

/** The last word on a call. */
type Settled = Exclude<Outcome, { kind: 'again' | 'unknown' }>;

/** Far longer than the longest fault lasts, also where the machine is so busy that a gateway takes a minute to start again. */
const SETTLE_WITHIN_MS = 300_000;

export class Client {
  /** The first is its own; another one is asked when that has left a doubt. Each half of them takes every call. */
  readonly #doors: Door[];
  readonly #operations: Operations;
  readonly #chance: Chance;
  readonly #around: Surroundings;

  constructor(doors: Door[], operations: Operations, chance: Chance, around: Surroundings) {
    this.#doors = doors;
    this.#operations = operations;
    this.#chance = chance;
    this.#around = around;
  }

  async run(): Promise<void> {
    while (!this.#around.isOver()) {
      const operation = this.#operations.next();
      await (operation.shape === 'group' ? this.#postGroup(operation) : this.#post(operation));
      if (this.#chance.happens(4)) await this.#repeat();
      if (this.#chance.happens(2)) await this.#misuse();
      if (this.#chance.happens(5)) await this.#read();
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#doors.map((door) => door.close()));
  }

  async #post(operation: Operation): Promise<void> {
    const { promises, tally } = this.#around;
    promises.open(operation);
    const attempts = operation.rollsBack ? [this.#doors] : this.#attempts();
    const settled = await Promise.all(attempts.map((doors) => this.#settle(operation, doors)));
    for (const { outcome } of settled) {
      if (outcome.kind === 'done') promises.acknowledge(operation, outcome.receipts);
      if (outcome.kind === 'finding') tally.find(`${outcome.text}, of ${JSON.stringify(operation)}`);
    }
    const done = settled.find(({ outcome }) => outcome.kind === 'done');
    const refused = settled.find(({ outcome }) => outcome.kind === 'refused');
    if (done) {
      const [posting] = operation.postings;
      const name = operation.shape === 'single' ? (posting?.kind ?? '') : operation.shape;
      tally.count('operations', `ok: ${name}`);
      for (const own of operation.postings) remember(this.#around.stock, own, promises.of(own).receipt);
    } else if (refused?.outcome.kind === 'refused') {
      tally.count('operations', `refused: ${refused.outcome.code}`);
      promises.refuse(
        operation,
        refused.outcome.code,
        settled.some(({ inDoubt }) => inDoubt),
      );
    }
  }

  /** By which doors; now and then at once: what a double click does, or two servers that pick up the same job. */
  #attempts(): Door[][] {
    // A session serves one of them.
    const half = this.#doors.length / 2;
    return half >= 1 && this.#chance.happens(4) ? [this.#doors.slice(0, half), this.#doors.slice(half)] : [this.#doors];
  }

  async #postGroup(operation: Operation): Promise<void> {
    const { promises, tally } = this.#around;
    promises.open(operation);
    const members = this.#membersOf(operation);
    const known = new Set(
      members.map(({ posting }) => keyOf(posting)).filter((key) => promises.byKey.get(key)?.receipt),
    );
    const answers = await Promise.all(
      this.#attempts().map((doors) =>
        settleGroup(members, (postings) => this.#settle({ ...operation, postings }, doors), {
          chance: this.#chance,
          tally,
        }),
      ),
    );
    tally.count('operations', 'ok: group');
    const words = new Map<string, { posting: Posting; words: Word[] }>();
    for (const [place, { posting, as }] of members.entries()) {
      const own = answers.flatMap((answer) => answer[place] ?? []);
      if (as === 'misuse') {
        if (own.some(({ receipt }) => receipt))
          tally.find(`another request under a used key was booked among many: ${JSON.stringify({ posting, own })}`);
        continue;
      }
      const of = words.get(keyOf(posting)) ?? { posting, words: [] };
      of.words.push(...own);
      words.set(keyOf(posting), of);
    }
    for (const [key, { posting, words: own }] of words) this.#conclude(posting, own, known.has(key));
  }

  /** What is known in the end of one of many, which may have been in the list more than once; `wasKnown`, booked before. */
  #conclude(posting: Posting, words: Word[], wasKnown: boolean): void {
    const { promises, tally, stock } = this.#around;
    const alone: Operation = { shape: 'single', postings: [posting] };
    const receipts = words.flatMap(({ receipt }) => receipt ?? []);
    const refusals = words.flatMap(({ refusal }) => refusal ?? []);
    for (const receipt of receipts) {
      tally.count('operations', `ok: ${wasKnown ? 'repetition among many' : 'one of many'}`);
      if (wasKnown && !receipt.replayed)
        tally.duplicate(`a repetition was booked among many: ${JSON.stringify({ posting, receipt })}`);
      promises.acknowledge(alone, [receipt]);
    }
    if (wasKnown) {
      const other = refusals.find((refusal) => refusal !== GIVEN_UP);
      if (other !== undefined)
        tally.find(`a repetition among many was answered by ${other}: ${JSON.stringify(promises.of(posting))}`);
    } else if (receipts.length > 0) remember(stock, posting, promises.of(posting).receipt);
    else if (refusals[0] !== undefined) {
      tally.count('operations', `refused: ${refusals[0]}, one of many`);
      promises.refuse(
        alone,
        refusals[0],
        words.some(({ inDoubt }) => inDoubt),
      );
    }
  }

  /** Its postings, and now and then one of them again, one of earlier calls, or an earlier key for something else. */
  #membersOf({ postings }: Operation): Member[] {
    const members = postings.map((posting): Member => ({ posting, as: 'own' }));
    const add = (posting: Posting | undefined, as: Member['as']): void => {
      if (posting) members.splice(this.#chance.int(0, members.length), 0, { posting, as });
    };
    const earlier = (): Posting | undefined => this.#some(this.#around.promises.acknowledged)?.posting;
    if (this.#chance.happens(20)) add(this.#chance.pick(postings), 'repetition');
    if (this.#chance.happens(20)) add(earlier(), 'repetition');
    if (this.#chance.happens(10)) {
      const used = earlier();
      add(used && misused(used), 'misuse');
    }
    return members;
  }

  /** Sends it until there is an answer that leaves no doubt. */
  async #settle(operation: Operation, doors: Door[]): Promise<{ outcome: Settled; inDoubt: boolean }> {
    const { tally } = this.#around;
    let inDoubt = false;
    for (const deadline = Date.now() + SETTLE_WITHIN_MS; Date.now() < deadline;) {
      const able = doors.filter((door) => door.takes(operation));
      const door = inDoubt ? this.#chance.pick(able) : able[0];
      if (!door) break;
      const outcome = await door.post(operation);
      if (outcome.kind === 'again') tally.count('operations', `sent again: ${outcome.code}`);
      else if (outcome.kind === 'unknown') {
        inDoubt = true;
        tally.count('operations', `unknown: ${outcome.code}`);
      } else {
        if (inDoubt && outcome.kind === 'done') {
          const isReplay = outcome.receipts.every(({ replayed }) => replayed);
          tally.count('resolved', isReplay ? 'had been booked' : 'had not been booked, is now');
        }
        return { outcome, inDoubt };
      }
      await sleep(this.#chance.int(5, 80));
    }
    return { outcome: { kind: 'finding', text: `no answer in ${SETTLE_WITHIN_MS / 1000} s` }, inDoubt };
  }

  /** A call of some time ago, perhaps at another door: the same receipt. */
  async #repeat(): Promise<void> {
    const { promises, tally } = this.#around;
    const promised = this.#some(promises.acknowledged);
    if (!promised) return;
    const operation: Operation = { shape: 'single', postings: [promised.posting] };
    const { outcome } = await this.#settle(operation, this.#chance.shuffled(this.#doors));
    if (outcome.kind === 'done') {
      tally.count('operations', 'ok: repetition');
      if (outcome.receipts.some(({ replayed }) => !replayed))
        tally.duplicate(`a repetition was booked: ${JSON.stringify(promised)}`);
      promises.acknowledge(operation, outcome.receipts);
    } else tally.find(`a repetition was answered by ${JSON.stringify(outcome)}: ${JSON.stringify(promised)}`);
  }

  /** The key of an earlier call, for something else. */
  async #misuse(): Promise<void> {
    const { promises, tally } = this.#around;
    const promised = this.#some(promises.acknowledged);
    if (!promised) return;
    const posting = misused(promised.posting);
    const { outcome } = await this.#settle({ shape: 'single', postings: [posting] }, this.#doors);
    if (outcome.kind === 'refused' && outcome.code === 'IDEMPOTENCY_KEY_REUSED')
      tally.count('operations', `refused: ${outcome.code}`);
    else
      tally.find(
        `another request under a used key was answered by ${JSON.stringify(outcome)}: ${JSON.stringify(posting)}`,
      );
  }

  /** A read that begins after an answer sees what it told of. */
  async #read(): Promise<void> {
    const { promises, tally } = this.#around;
    const last = promises.acknowledged.at(-1);
    if (!last) return;
    const { wallet_id, seq, balance } = last.receipt;
    const found = await this.#doors[0]?.balance(wallet_id);
    if (!found) return;
    tally.count('checks', 'reads after an answer');
    const isOlder = BigInt(found.seq) < BigInt(seq);
    if (isOlder || (found.seq === seq && found.balance !== balance))
      tally.find(`read ${JSON.stringify(found)} after ${JSON.stringify(last.receipt)}`);
  }

  #some(list: Promised[]): Promised | undefined {
    return list.length > 0 ? this.#chance.pick(list) : undefined;
  }
}

/** The key of a posting for another one. A merge has no metadata. */
function misused(posting: Posting): Posting {
  if (posting.kind === 'merge') return { ...posting, reason: 'another reason' };
  return { ...posting, metadata: { ...posting.metadata, other: true } };
}
