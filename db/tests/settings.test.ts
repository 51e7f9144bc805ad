/** What is booked, and what is answered, depends on the arguments of a call and on no setting of the caller's session. */
import { isDeepStrictEqual } from 'node:util';
import { jest } from '@jest/globals';
import { ageTo } from './aged.ts';
import {
  call,
  createDatabase,
  type Database,
  expectSound,
  inMs,
  newKey,
  newWallet,
  partsOf,
  someAsset,
} from './helpers.ts';
import { compareBatches } from './batches.ts';
import { checkModel } from './model/check.ts';
import { keepSeals } from './seals.ts';
import { apply, applyToAll, LONG_PROFILES, PROFILES, type Settings } from './settings/list.ts';
import { Names, rowsAsSent } from './settings/rows.ts';
import { type Entry, Scenario } from './settings/scenario.ts';
import { createShadows } from './settings/shadows.ts';

const MODEL_RUNS = 3;
const MODEL_LIMIT_MS = 500_000;
const BATCH_SEED = 21;
/** On a machine with much else to do. */
const LIMIT_MS = 600_000;
jest.setTimeout(LIMIT_MS);

/** Of everything that a finding tells of by an instant or by bytes. */
const TAMPERING = `
set local session_replication_role = replica;
update ledger.entries set created_at = created_at - interval '1 day', hash = sha256('other') where seq = 3;
update ledger.holds set expires_at = '2001-02-03T04:05:06.789Z';
update ledger.bonus_lots set expires_at = expires_at + interval '1 second' where seq = 2;
update ledger.bonus_lot_draws set balance = balance + 1;
update ledger.entries set expires_at = created_at - interval '1 hour' where expires_at is not null;
update ledger.blocks set root = sha256('root'), previous = sha256('previous'), sealed_at = sealed_at + interval '1 hour'`;

describe("a job's session settings", () => {
  const db = createDatabase();

  it('in which timestamps are written with an ambiguous zone do not keep a lot that has expired from being booked once', async () => {
    const asset = await someAsset(db);
    const wallet = await newWallet(db, asset, { bought: 100 });
    const expires_at = await inMs(db, 3_600_000);
    await call(db, 'wallet_bonus', { wallet_id: wallet, amount: 50, idem_key: newKey(), expires_at });
    await ageTo(db, expires_at);
    const job = await db.connectJob();
    await apply(job, { DateStyle: 'German', TimeZone: '<+03>3' });

    await call(job, 'wallet_spend', { wallet_id: wallet, amount: 1, idem_key: newKey() });
    await call(db, 'wallet_bonus', { wallet_id: wallet, amount: 50, idem_key: newKey() });
    await call(db, 'wallet_spend', { wallet_id: wallet, amount: 1, idem_key: newKey() });

    expect(await partsOf(db, wallet)).toEqual({ paid: 99, bonus: 49 });
    await expectSound(db);
  });
});

async function played(db: Database, settings: Settings = {}): Promise<{ transcript: Entry[]; state: object }> {
  const scenario = await Scenario.start(db, settings);
  await scenario.run();
  return { transcript: scenario.transcript, state: await scenario.state() };
}

let usual: Awaited<ReturnType<typeof played>>;

describe('every function of the ledger', () => {
  const db = createDatabase();

  beforeAll(async () => {
    usual = await played(db);
  });

  it('is called, and answers', async () => {
    const { rows } = await db.query<{ name: string }>(
      "select proname as name from pg_proc where pronamespace = 'ledger'::regnamespace order by 1",
    );
    const answered = usual.transcript
      .filter(({ outcome }) => 'rows' in outcome)
      .map(({ call: name }) => name.replace(/ .*/, ''));

    expect([...new Set(answered)].sort()).toEqual(rows.map(({ name }) => name).sort());
  });
});

describe.each(PROFILES)('with $name', ({ settings }) => {
  const db = createDatabase();

  it('every function answers and writes what it does by default, and the ledger is sound', async () => {
    if (settings.search_path?.startsWith('hostile')) await createShadows(db);

    const { transcript, state } = await played(db, settings);

    expect(transcript).toEqual(usual.transcript);
    expect(state).toEqual(usual.state);
    await expectSound(db);
  });
});

describe('with row_security off, which asks for an error where a policy would hide rows,', () => {
  const db = createDatabase();

  it('every function that writes does what it does by default, and one that reads at most refuses (42501)', async () => {
    const { rows } = await db.query<{ name: string }>(
      "select proname as name from pg_proc where pronamespace = 'ledger'::regnamespace and not prosecdef",
    );
    const reading = new Set(rows.map(({ name }) => name));

    const { transcript } = await played(db, { row_security: 'off' });

    const differing = transcript.filter((entry, place) => !isDeepStrictEqual(entry, usual.transcript[place]));
    expect(transcript.map(({ call: name }) => name)).toEqual(usual.transcript.map(({ call: name }) => name));
    expect(differing.length).toBeGreaterThan(0);
    for (const { call: name, outcome } of differing) {
      expect(reading).toContain(name.replace(/ .*/, ''));
      expect(outcome).toMatchObject({ code: '42501', message: expect.stringMatching(/row-level security/) as string });
    }
    await expectSound(db);
  });
});

describe('what is found in a ledger that was tampered with', () => {
  const db = createDatabase();

  it('is told alike in every session', async () => {
    await played(db);
    await createShadows(db);
    const kept = await keepSeals(db);
    const client = await db.connect();
    await client.query('begin');
    await client.query(TAMPERING);
    const findings = async () => {
      const found = [
        ...(await rowsAsSent(client, 'ledger.ledger_verify()', [])),
        ...(await rowsAsSent(client, 'ledger.ledger_verify_seals($1)', [kept])),
      ];
      return found.map((row) => new Names().row(row).join(' ')).sort();
    };
    const usually = await findings();

    for (const { name, settings } of PROFILES) {
      await client.query('savepoint profile');
      await apply(client, settings);
      expect({ name, found: await findings() }).toEqual({ name, found: usually });
      await client.query('rollback to savepoint profile');
    }
    await client.query('rollback');

    const rules = [
      'entry_hash',
      'entry_time',
      'hold_expiry',
      'lot_reference',
      'lot_balance',
      'seal_chain',
      'seal_missing',
    ];
    expect(usually.join('\n')).toMatch(new RegExp(rules.map((rule) => `(?=[^]*${rule})`).join('')));
  });
});

describe.each(LONG_PROFILES)('in a database with $name', ({ settings }) => {
  const db = createDatabase();

  beforeAll(() => applyToAll(db, settings));

  it('the ledger answers as the model does', async () => {
    await checkModel(await db.connect(), { seed: 20_261_130, runs: MODEL_RUNS, limitMs: MODEL_LIMIT_MS });
  });

  it('a batch does what single calls do', async () => {
    await compareBatches(await db.connect(), BATCH_SEED, { batches: 5 });
  });

  it('the ledger is sound, there and in a usual session', async () => {
    await expectSound(db);
    const session = await db.connect();
    await session.query('reset all');
    await apply(session, { DateStyle: 'ISO', TimeZone: 'UTC', search_path: 'public' });
    await expectSound(session);
  });
});
