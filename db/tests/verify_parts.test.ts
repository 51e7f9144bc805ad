/** A proof that is watched: part by part in a large ledger, with the same findings as at once. */
import { callAll, createDatabase, type Finding, newAsset, newKey, newWallet, call, type Session } from './helpers.ts';
import { sealAll } from './seals.ts';
import { showProgress } from '../../src/commands/progress.ts';

const db = createDatabase();
const WALLETS = 40;
/** What a table of that size is, whatever is in it. */
const GROW = `insert into ledger.entries select r.*
  from ledger.entries e
  cross join generate_series(1, 150000) n
  cross join jsonb_populate_record(e, jsonb_build_object('wallet_id', gen_random_uuid(), 'seq', n, 'transfer_id', gen_random_uuid(),
    'idem_key', null)) r
  where e.ctid = (select min(t.ctid) from ledger.entries t where t.kind = 'top_up')`;
const EDITS = [
  'update ledger.entries set balance = balance + 1 where seq = 2',
  'update ledger.entries set amount = amount + 1 where idem_key is not null',
  'delete from ledger.entries where transfer_id = (select min(transfer_id::text)::uuid from ledger.entries)',
  "delete from ledger.entries where kind = 'transfer' and actor is null",
  'delete from ledger.holds',
  'delete from ledger.bonus_lots',
  'update ledger.bonus_lot_draws set amount = amount + 1, balance = balance + 1',
  'delete from ledger_private.open_lots',
  "update ledger.wallets set created_at = created_at - interval '1 us', status = 'frozen'",
  'delete from ledger.wallets',
  'update ledger.house_totals set amount = amount + 1',
  "update ledger.wallet_events set reason = 'x'",
  "update ledger.assets set name = name || 'x'",
];

const verify = (session: Session): Promise<Finding[]> => callAll<Finding>(session, 'ledger_verify', {});

async function findings(): Promise<string[][]> {
  const client = await db.connect();
  const found: string[][] = [];
  for (const edit of EDITS) {
    await client.query(`begin; set local session_replication_role = replica; ${edit}`);
    found.push((await verify(client)).map((finding) => JSON.stringify(finding)).sort());
    await client.query('rollback');
  }
  return found;
}

async function shown(): Promise<string[]> {
  const client = await db.connect();
  let text = '';
  await showProgress(client, { write: (more) => (text += more) });
  expect(await verify(client)).toEqual([]);
  return text.split('\r\x1b[K').slice(1);
}

beforeAll(async () => {
  const asset = await newAsset(db);
  let before = await newWallet(db, asset, { bought: 100 });
  for (let n = 1; n < WALLETS; n += 1) {
    const wallet_id = await newWallet(db, asset, { bought: 50 });
    await call(db, 'wallet_bonus', { wallet_id, amount: 5, idem_key: newKey(), expires_at: '2099-01-01Z' });
    await call(db, 'wallet_hold', { wallet_id, amount: 2, idem_key: newKey() });
    const { transfer_id } = await call(db, 'wallet_spend', { wallet_id, amount: 3, idem_key: newKey() });
    await call(db, 'wallet_reverse', { wallet_id, transfer_id, amount: 1, idem_key: newKey() });
    await call(db, 'wallet_transfer', { from_wallet: before, to_wallet: wallet_id, amount: 1, idem_key: newKey() });
    before = wallet_id;
  }
  await sealAll(db);
});

describe('a proof that is watched', () => {
  it('is told of at its beginning and its end, and has the same findings when a ledger is so large that it goes part by part', async () => {
    const total = Number((await db.query<{ count: string }>('select count(*) from ledger.entries')).rows[0]?.count);
    const atOnce = await findings();
    expect(await shown()).toEqual([`proven: 0 of ${total} entries`, `proven: ${total} of ${total} entries`]);

    const client = await db.connect();
    // What is rolled back stays in the file as long as nobody vacuums.
    await client.query('alter table ledger.entries set (autovacuum_enabled = off)');
    await client.query(`begin; set local session_replication_role = replica; ${GROW}; rollback`);

    const lines = await shown();
    const proven = lines.map((line) => Number(/^proven: (\d+) of/.exec(line)?.[1]));
    expect(lines).toHaveLength(17);
    expect(proven).toEqual([...proven].sort((one, two) => one - two));
    expect([proven[0], proven.at(-1)]).toEqual([0, total]);
    expect(new Set(proven).size).toBeGreaterThan(10);
    const inParts = await findings();
    for (const [index, found] of atOnce.entries())
      expect([EDITS[index], found.length > 0]).toEqual([EDITS[index], true]);
    expect(inParts).toEqual(atOnce);
  });

  it('says nothing in a session that does not ask', async () => {
    const client = await db.connect();
    let notices = 0;
    client.on('notice', () => (notices += 1));
    expect(await verify(client)).toEqual([]);
    expect(notices).toBe(0);
  });
});
