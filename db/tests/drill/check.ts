/** Compares a restored ledger with the acknowledged calls and their times. */
import type { Receipt } from '../helpers.ts';
import type { Chance } from '../prove/chance.ts';
import { checkAtRest, withChecker } from '../prove/checker.ts';
import type { Door } from '../prove/doors.ts';
import type { Operation, Posting } from '../prove/operations.ts';
import { describe, keyOf, Promises } from '../prove/promises.ts';
import type { Tally } from '../prove/tally.ts';
import type { Acknowledged } from './load.ts';

/** What is known of the time before a restore. */
export interface Past {
  promises: Promises;
  acknowledged: Acknowledged[];
  /** Calls answered before this moment must be restored. */
  moment: number;
  /** Calls committed later must not be restored. Undefined: everything that can be. */
  target: Date | undefined;
}

/** A call that the restored ledger has accepted. */
export interface Accepted {
  operation: Operation;
  receipts: Receipt[];
}

/** The earlier calls that a restored ledger has. */
export interface Restored {
  /** Acknowledged postings. */
  kept: Posting[];
  lost: Posting[];
  /** What the ledger has promised now. */
  promises: Promises;
}

const REPEATED = 20;

/**
 * The server takes a commit's time before it writes the commit, and answers after that. So whatever was answered before `moment` precedes
 * any commit with a later time in the log, and recovery to `moment` cannot stop before it: none may be missing. With `target`, nothing may
 * be from a later time.
 */
export async function checkRestored(url: string, past: Past, first: Accepted, tally: Tally): Promise<Restored> {
  const { promises: before, acknowledged, moment, target } = past;
  const committedAt = await readCommits(url);
  const isThere = (posting: Posting): boolean => committedAt.has(keyOf(posting));
  const postings = acknowledged.flatMap(({ operation }) => operation.postings);
  for (const { operation, answeredAt } of acknowledged)
    for (const posting of operation.postings)
      if (answeredAt <= moment && !isThere(posting)) tally.lose(describe(before.of(posting)));
  for (const { operation } of acknowledged) {
    const there = operation.postings.filter(isThere).length;
    if (there > 0 && there < operation.postings.length)
      tally.find(`${there} of ${operation.postings.length} postings of one commit: ${JSON.stringify(operation)}`);
  }
  for (const [key, at] of committedAt)
    if (target && before.byKey.has(key) && at > target.getTime()) tally.find(`committed after the target: ${key}`);

  const kept = postings.filter(isThere);
  const promises = promisesOf(before, isThere, tally);
  promises.open(first.operation);
  promises.acknowledge(first.operation, first.receipts);
  await withChecker(url, (client) => checkAtRest(client, promises, tally));
  return { kept, lost: postings.filter((posting) => !isThere(posting)), promises };
}

/** Sends calls again: a restored one must replay, and a lost one is booked once. */
export async function checkRepetitions(
  door: Door,
  { kept, lost, promises }: Restored,
  chance: Chance,
  tally: Tally,
): Promise<void> {
  // Whether other calls succeed depends on what else was lost.
  const topUps = lost.filter(({ kind }) => kind === 'top_up');
  const replayed = kept.filter((posting) => door.takes(single(posting)));
  for (const posting of chance.shuffled(replayed).slice(0, REPEATED))
    await repeat(door, posting, true, promises, tally);
  for (const posting of chance.shuffled(topUps).slice(0, REPEATED))
    for (const isReplay of [false, true]) await repeat(door, posting, isReplay, promises, tally);
}

async function repeat(
  door: Door,
  posting: Posting,
  isReplay: boolean,
  promises: Promises,
  tally: Tally,
): Promise<void> {
  const outcome = await door.post(single(posting));
  const name = isReplay ? 'repetitions replayed' : 'lost calls booked again';
  if (outcome.kind !== 'done' || outcome.receipts[0]?.replayed !== isReplay) {
    tally.find(`not one of "${name}": ${JSON.stringify(outcome)}, of ${JSON.stringify(posting)}`);
    return;
  }
  promises.acknowledge(single(posting), outcome.receipts);
  tally.count('checks', name);
}

export function single(posting: Posting): Operation {
  return { shape: 'single', postings: [posting] };
}

/** The server's commit times, in milliseconds with three decimals. */
async function readCommits(url: string): Promise<Map<string, number>> {
  return withChecker(url, async (client) => {
    const { rows } = await client.query<{ wallet: string; key: string; at: string }>(
      `select wallet_id as wallet, idem_key as key, extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000 as at
       from ledger.entries where idem_key is not null`,
    );
    return new Map(rows.map(({ wallet, key, at }) => [keyOf({ wallet, key }), Number(at)]));
  });
}

function promisesOf(before: Promises, isThere: (posting: Posting) => boolean, tally: Tally): Promises {
  const promises = new Promises(tally);
  for (const [key, { posting, leads, refusal, receipt }] of before.byKey) {
    // A call without an answer may have been booked, and so may one that was answered at that moment.
    const inDoubt = refusal === undefined;
    const promised = { posting, leads, inDoubt, ...(refusal !== undefined && { refusal }) };
    if (receipt && isThere(posting)) {
      const own = { ...promised, receipt: { ...receipt } };
      promises.byKey.set(key, own);
      promises.acknowledged.push(own);
    } else {
      promises.byKey.set(key, promised);
      if (refusal !== undefined) promises.refused.push(promised);
    }
  }
  return promises;
}
