/** Many calls in one give no right: an item of a kind whose own function the caller may not execute ends the call, as that function would. */
import type pg from 'pg';
import { call, createDatabase, newAsset, newKey, newWallet, refusal, rowsOf } from './helpers.ts';

const db = createDatabase();

const KINDS = {
  top_up: 'wallet_top_up',
  bonus: 'wallet_bonus',
  spend: 'wallet_spend',
  transfer: 'wallet_transfer',
  hold: 'wallet_hold',
  capture: 'wallet_capture',
  release: 'wallet_release',
  exchange: 'wallet_exchange',
  reversal: 'wallet_reverse',
  opening: 'wallet_opening',
  adjustment: 'wallet_adjust',
  collection: 'wallet_collect',
  forgiveness: 'wallet_forgive',
  merge: 'wallet_merge',
} as const;
type Kind = keyof typeof KINDS;
const GROUPS = ['wallet_post_batch', 'wallet_post_each'];
const FLOWS: Kind[] = ['top_up', 'bonus', 'spend', 'transfer', 'hold', 'capture', 'release', 'exchange'];
const OPERATOR: Kind[] = [...FLOWS, 'reversal', 'opening', 'adjustment', 'collection', 'forgiveness', 'merge'];

/** A session of each, and which kinds it may book; null where it may not even call a group. */
const CALLERS: Record<string, { connect: () => Promise<pg.Client>; may: Kind[] | null }> = {
  player: { connect: () => db.connectAs('player', 'p'), may: null },
  service: { connect: () => db.connectAs('service', 'shop'), may: FLOWS },
  operator: { connect: () => db.connectAs('operator', 'op'), may: OPERATOR },
  auditor: { connect: () => db.connectAs('auditor', 'audit'), may: null },
  job: { connect: () => db.connectJob(), may: FLOWS },
  // Whoever logs in with more than one role has the rights of the one that was taken on.
  'a superuser': { connect: () => db.connect(), may: OPERATOR },
  'a superuser as a job': {
    connect: async () => {
      const session = await db.connect();
      await session.query('set role wallet_job');
      return session;
    },
    may: FLOWS,
  },
  stranger: { connect: () => db.connectLogin('wallet_test_stranger'), may: null },
};

/** A request of each kind that is booked where the caller may. */
async function requestOf(kind: Kind): Promise<{ wallet: string; args: string; values: unknown[] }> {
  const asset = await newAsset(db);
  const wallet = await newWallet(db, asset, { bought: 20 });
  const common = { wallet_id: wallet, amount: 5, idem_key: newKey() };
  const more: Record<string, unknown> = {};
  if (kind === 'transfer' || kind === 'merge') more.counterparty_id = await newWallet(db, asset);
  if (kind === 'exchange') {
    const { rows } = await db.query<{ owner: string }>('select owner_id as owner from ledger.wallets where id = $1', [
      wallet,
    ]);
    Object.assign(more, { counterparty_id: await newWallet(db, await newAsset(db), rows[0]), to_amount: 1 });
  }
  if (kind === 'adjustment') Object.assign(more, { side: 'debit', reason: 'for a test' });
  if (kind === 'collection' || kind === 'forgiveness') {
    const { transfer_id } = await call(db, 'wallet_top_up', { ...common, idem_key: newKey() });
    await call(db, 'wallet_spend', { ...common, amount: 25, idem_key: newKey() });
    await call(db, 'wallet_reverse', { wallet_id: wallet, transfer_id, idem_key: newKey(), owe: true });
    await call(db, 'wallet_top_up', { ...common, idem_key: newKey() });
    if (kind === 'forgiveness') more.reason = 'for a test';
  }
  if (kind === 'merge') more.reason = 'for a test';
  if (kind === 'capture' || kind === 'release') more.hold_id = (await call(db, 'wallet_hold', common)).hold_id;
  if (kind === 'reversal') more.transfer_id = (await call(db, 'wallet_spend', common)).transfer_id;
  const args = {
    kind,
    wallet_id: wallet,
    idem_key: newKey(),
    ...(kind !== 'release' && kind !== 'merge' && { amount: 1 }),
    ...more,
  };
  const names = Object.keys(args).map((name, index) => `${name} => $${index + 1}`);
  return { wallet, args: names.join(', '), values: Object.values(args) };
}

describe.each(Object.entries(CALLERS))('%s', (who, { connect, may }) => {
  let session: pg.Client;
  beforeAll(async () => {
    session = await connect();
  });

  it.each(GROUPS.flatMap((group) => Object.keys(KINDS).map((kind) => [group, kind as Kind] as const)))(
    'books in %s a %s, or is refused (42501), as by its own function',
    async (group, kind) => {
      const { wallet, args, values } = await requestOf(kind);
      const harmless = `ledger.request('top_up', $2::uuid, amount => 1, idem_key => 'first')`;
      const before = await rowsOf(db, wallet);
      // A row, as who may not call a group may not make a request either.
      const asked = session.query(
        may
          ? `select * from ledger.${group}(array[${harmless}, ledger.request(${args})])`
          : `select * from ledger.${group}(null)`,
        may ? values : [],
      );

      if (may?.includes(kind)) {
        expect((await asked).rows).toHaveLength(2);
        expect((await rowsOf(db, wallet)).transfers).toBe(before.transfers + 2);
      } else {
        const { code, message } = await refusal(asked);
        expect(code).toBe('42501');
        expect(message).toBe(
          may
            ? `permission denied for function ${KINDS[kind]}`
            : `permission denied for ${who === 'stranger' ? 'schema ledger' : `function ${group}`}`,
        );
        expect(await rowsOf(db, wallet)).toEqual(before);
      }
    },
  );

  it('has the same right by the single functions', async () => {
    const { rows } = await session.query<{ name: string }>(
      `select proname as name from pg_proc
       where pronamespace = 'ledger'::regnamespace and proname = any ($1) and has_function_privilege(oid, 'execute')`,
      [Object.values(KINDS)],
    );

    expect(rows.map(({ name }) => name).sort()).toEqual((may ?? []).map((kind) => KINDS[kind]).sort());
  });
});

describe('a right that is taken away', () => {
  it.each(GROUPS)('is gone in %s at once (42501)', async (group) => {
    const job = await db.connectJob();
    const { args, values } = await requestOf('bonus');
    const ask = () => job.query(`select * from ledger.${group}(array[ledger.request(${args})])`, values);
    await job.query('begin');
    await ask();
    await job.query('rollback');

    await db.query('revoke execute on function ledger.wallet_bonus from wallet_job');
    try {
      expect(await refusal(ask())).toMatchObject({ code: '42501' });
    } finally {
      await db.query('grant execute on function ledger.wallet_bonus to wallet_job');
    }

    expect((await ask()).rows).toHaveLength(1);
  });
});
