/** What is booked, and what is answered, depends on the arguments of a call and on no setting of the caller's session. */
import {
  call,
  createDatabase,
  type Database,
  expectSound,
  inMs,
  newKey,
  newWallet,
  partsOf,
  passed,
  someAsset,
} from './helpers.ts';
import { apply, PROFILES, type Settings } from './settings/list.ts';
import { type Entry, Scenario } from './settings/scenario.ts';
import { createShadows } from './settings/shadows.ts';

describe("a job's session settings", () => {
  const db = createDatabase();

  it('in which timestamps are written with an ambiguous zone do not keep a lot that has expired from being booked once', async () => {
    const asset = await someAsset(db);
    const wallet = await newWallet(db, asset, { bought: 100 });
    const expires_at = await inMs(db, 100);
    await call(db, 'wallet_bonus', { wallet_id: wallet, amount: 50, idem_key: newKey(), expires_at });
    await passed(db, expires_at);
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
