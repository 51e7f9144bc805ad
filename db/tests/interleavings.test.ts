/**
 * All orders of the statements of two or three transactions on one wallet, at each isolation level. The answers and the wallets must equal
 * those of some serial order; a transaction may instead fail with 40001, and then leaves nothing.
 */
import type pg from 'pg';
import { createDatabase, expectSound, newAsset, type Session } from './helpers.ts';
import { type Caller, type Meeting, MEETINGS, MEETINGS_OF_THREE, type Names } from './interleavings/pairs.ts';
import {
  everySchedule,
  type Level,
  LEVELS,
  type Outcome,
  runSchedule,
  type Transaction,
  type Turn,
} from './interleavings/schedules.ts';

interface Owner {
  owner_id: string;
  id: string;
}

const db = createDatabase();
const OWNERS = 6000;
/**
 * A transaction that is rolled back has no effect. Above READ COMMITTED the functions behave the same at both levels, so one of them is
 * enough.
 */
const ENDS: Transaction['end'][][] = [
  ['commit', 'commit'],
  ['rollback', 'commit'],
  ['commit', 'rollback'],
];
const LIMIT_MS = 600_000;
/** Times, and names that differ in each run. */
const IGNORED = new Set(['created_at', 'owner_id', 'asset_code']);
const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

let asset = '';
let owners: Owner[] = [];
const clients: Record<'job' | 'operator', pg.Client[]> = { job: [], operator: [] };
let monitor: pg.Client;

beforeAll(async () => {
  asset = await newAsset(db);
  ({ rows: owners } = await db.query<Owner>(
    `select o as owner_id, ledger.wallet_id(o, $1) as id from (select 'player-' || n as o from generate_series(1, $2::int) n) p`,
    [asset, OWNERS],
  ));
  for (let place = 0; place < 3; place += 1) {
    clients.job.push(await db.connectJob());
    clients.operator.push(await db.connectAs('operator', `operator-${place}`));
  }
  monitor = await db.connect();
}, LIMIT_MS);

/** Owners whose wallets have ascending ids, so that lock waits are the same in each run. */
function nextOwners(count: number): Owner[] {
  const chosen: Owner[] = [];
  while (chosen.length < count) {
    const next = owners.pop();
    if (!next) throw new Error('no owners left');
    chosen.push(next);
  }
  return chosen.sort((one, two) => (one.id < two.id ? -1 : 1));
}

async function prepare(meeting: Meeting): Promise<Names> {
  const chosen = nextOwners(Math.max(1, Object.keys(meeting.has).length));
  const names: Names = {
    ...Object.fromEntries(chosen.map(({ id }, place) => ['abc'.charAt(place), id])),
    owner_id: chosen[0]?.owner_id ?? '',
    asset_code: asset,
  };
  const bought = Object.values(meeting.has);
  await monitor.query({
    name: 'prepare',
    text: `select case when o.amount > 0 then ledger.wallet_top_up(w.id, o.amount, 'bought') end
     from unnest($2::text[], $3::bigint[]) o (owner_id, amount), ledger.wallet_open(o.owner_id, $1) w`,
    values: [asset, bought.map((_, place) => chosen[place]?.owner_id), bought],
  });
  return { ...names, ...(await meeting.prepare?.(monitor, names)) };
}

/** Facts as text, with unknown ids numbered in order of appearance. */
function facts(answers: unknown, names: Names): string {
  const known = new Map(Object.entries(names).map(([name, id]) => [id, name]));
  return JSON.stringify(answers, (key, value: unknown) => {
    if (IGNORED.has(key)) return undefined;
    if (typeof value !== 'string' || !UUID.test(value)) return value;
    if (!known.has(value)) known.set(value, `new ${known.size}`);
    return known.get(value);
  });
}

/** The state and history of the wallets, after all expiries. */
async function stateOf({ a, b, c }: Names): Promise<unknown> {
  await monitor.query({ name: 'sweep', text: 'select from ledger.wallet_expire_due()' });
  const { rows } = await monitor.query({
    name: 'state',
    text: `select w.status, (select count(*)::int from ledger.wallet_events v where v.wallet_id = w.id) as events,
       array(select jsonb_build_array(e.kind, e.debit, e.credit, ledger.entries_side(e), e.amount, e.bonus_amount, e.held_amount,
         e.balance, e.bonus_balance, e.held_balance,
           t.requested_amount, case when t.wallet_id = e.wallet_id then t.idem_key end)
         from ledger.entries e join ledger.transfers t on t.id = e.transfer_id where e.wallet_id = w.id order by e.seq) as entries,
       array(select jsonb_build_array(p.source, p.amount, p.hold_id is not null)
         from ledger.wallet_explain(w.id) p order by 1) as parts
     from unnest($1::uuid[]) with ordinality u (id, place) join ledger.wallets w on w.id = u.id order by u.place`,
    values: [[a, b, c]],
  });
  return rows;
}

function clientOf({ as: login = 'job' }: Caller, place: number): pg.Client {
  const client = clients[login][place];
  if (!client) throw new Error('no client');
  return client;
}

/** The correct answers and states if these callers have committed: those of all serial orders. */
async function serialResults(meeting: Meeting, served: number[]): Promise<Set<string>> {
  const results = new Set<string>();
  for (const order of permutations(served)) {
    const names = await prepare(meeting);
    const answers: unknown[] = [];
    for (const place of order) {
      const caller = meeting.callers[place];
      if (!caller) throw new Error('no caller');
      answers[place] = await caller.call(clientOf(caller, place), names).catch(codeOf);
    }
    results.add(facts([served.map((place) => answers[place]), await stateOf(names)], names));
  }
  return results;
}

const codeOf = (error: unknown): string => (error as pg.DatabaseError).code ?? String(error);

function permutations(list: number[]): number[][] {
  if (list.length === 0) return [[]];
  return list.flatMap((first) => permutations(list.filter((other) => other !== first)).map((rest) => [first, ...rest]));
}

/** Runs all schedules of a meeting; returns their number, and the number of callers that must retry. */
async function meet(
  meeting: Meeting,
  level: Level,
  ends: Transaction['end'][],
): Promise<{ runs: number; retries: number }> {
  const right = new Map<string, Set<string>>();
  let retries = 0;
  const run = async (plan: number[]): Promise<Turn[]> => {
    const names = await prepare(meeting);
    const transactions = meeting.callers.map((caller, place): Transaction => ({
      client: clientOf(caller, place),
      read: (client: Session) =>
        client.query('select from ledger.wallets w, ledger.wallet_balance(w.id) where w.id = $1', [names.a]),
      call: (client: Session) => caller.call(client, names),
      end: ends[place] ?? 'commit',
    }));
    const { outcomes, turns } = await runSchedule(monitor, level, transactions, plan, meeting.alike ?? false);
    const order = turns.map(({ chosen }) => chosen).join(' ');
    const served = outcomes.flatMap((outcome, place) => (isServed(outcome) ? [place] : []));
    retries += outcomes.filter(({ code }) => code === '40001').length;

    const wrong = outcomes.flatMap(({ code }) => (code === undefined || /^(WL|40001)/.test(code) ? [] : [code]));
    expect({ order, wrong }).toEqual({ order, wrong: [] });
    if (ends.every((end) => end === 'commit')) expect({ order, served }).not.toEqual({ order, served: [] });
    const answers = served.map((place) => outcomes[place]?.code ?? outcomes[place]?.answer);
    const result = facts([answers, await stateOf(names)], names);
    const expected = right.get(served.join()) ?? (await serialResults(meeting, served));
    right.set(served.join(), expected);
    if (!expected.has(result)) expect({ order, result }).toEqual({ order, result: [...expected] });
    return turns;
  };
  return { runs: await everySchedule(run), retries };
}

/** Transactions that failed with 40001 or did not commit have no effect. */
const isServed = ({ code, ended }: Outcome): boolean => code !== '40001' && ended === 'commit';

describe.each(LEVELS)('at %s', (level) => {
  it.each(MEETINGS)(
    '$what: as in a serial order',
    async (meeting) => {
      const ends = level === 'repeatable read' ? ENDS.slice(0, 1) : ENDS;
      for (const end of ends) await expectEverySchedule(meeting, level, end);
    },
    LIMIT_MS,
  );

  it.each(MEETINGS_OF_THREE.filter(({ levels }) => levels.includes(level)))(
    '$what: as in a serial order',
    (meeting) => expectEverySchedule(meeting, level, []),
    LIMIT_MS,
  );

  it('leaves the ledger sound', () => expectSound(db), LIMIT_MS);
});

async function expectEverySchedule(meeting: Meeting, level: Level, ends: Transaction['end'][]): Promise<void> {
  const { runs, retries } = await meet(meeting, level, ends);
  expect(runs).toBeGreaterThan(3);
  if (level === 'read committed') expect(retries).toBe(0);
}
