import { call, newAsset, newKey, newWallet } from '../../db/tests/helpers.ts';
import { sealUntil } from '../../db/tests/seals.ts';
import { applyToAll } from '../../db/tests/settings/list.ts';
import { createGateway, execute, Gateway, withLogin } from '../testing.ts';

const HOSTILE = {
  DateStyle: 'German, DMY',
  TimeZone: '<+03>3',
  IntervalStyle: 'sql_standard',
  extra_float_digits: '-15',
  bytea_output: 'escape',
  array_nulls: 'off',
  standard_conforming_strings: 'off',
  transform_null_equals: 'on',
  quote_all_identifiers: 'on',
  row_security: 'off',
  default_transaction_isolation: 'serializable',
  default_transaction_deferrable: 'on',
  client_min_messages: 'error',
  'plpgsql.extra_errors': 'all',
  search_path: 'pg_temp',
};

const WALLET = `query ($id: UUID!) {
  wallet(id: $id) {
    createdAt balance available holds { nodes { id expiresAt createdAt status } }
    entries { nodes { seq createdAt counterparty hash transfer { id metadata expiresAt createdAt } } }
  }
  walletExplain(walletId: $id) { source amount available expiresAt }
  walletBalanceAt(walletId: $id, atTime: "2300-01-01T00:00:00Z") { balance available seq }
}`;

const usual = createGateway();
const { db } = usual;

/** Everything that can be read of a wallet over HTTP, as bytes, and how calls for it are refused. */
async function seenThrough(gateway: Gateway, wallet: string, key: string): Promise<Record<string, unknown>> {
  const service = gateway.as('service', 'shop');
  const text = async (format: string) => (await service.fetch(`/wallets/${wallet}/history.${format}`)).text();
  const again = { walletId: wallet, amount: '30', idemKey: key, expiresAt: '2101-01-01T02:30:00.000001Z' };
  const past = { ...again, idemKey: 'past', expiresAt: '2001-02-03T04:05:06Z' };
  const refused = (await service.mutate('walletBonus', past)).body.errors?.[0];
  return {
    csv: await text('csv'),
    ndjson: await text('ndjson'),
    answer: await service.post(WALLET, { id: wallet }),
    replay: await service.mutate('walletBonus', again),
    differs: (await service.mutate('walletBonus', { ...again, expiresAt: '2101-01-02T00:00:00Z' })).body.errors,
    refused: { ...refused, extensions: { ...refused?.extensions.detail, now: undefined } },
  };
}

async function sealFile(url: string): Promise<string> {
  const { stdout, stderr, code } = await execute(process.execPath, ['src/commands/seal.ts'], {
    env: { DATABASE_URL: url },
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

it("settings of the gateway's login and of the database change no byte of the answers and of exported seals", async () => {
  const wallet = await newWallet(db, await newAsset(db), { bought: 100 });
  const [key, held] = [newKey(), newKey()];
  const lot = { wallet_id: wallet, amount: 30, idem_key: key, expires_at: '2101-01-01T02:30:00.000001Z' };
  await call(db, 'wallet_bonus', lot);
  await call(db, 'wallet_hold', { ...lot, amount: 10, idem_key: held });
  await call(db, 'wallet_spend', { wallet_id: wallet, amount: 1, idem_key: newKey(), metadata: { price: 1.5 } });
  await sealUntil(db, wallet, 4);
  const before = await seenThrough(usual, wallet, key);
  const seal = await sealFile(db.url);

  await applyToAll(db, HOSTILE);
  await applyToAll(db, { TimeZone: '<-14>-14' }, 'wallet_gateway');
  await withLogin(db, 'wallet_gateway', async (url) => {
    const gateway = new Gateway(db, { DATABASE_URL: url });
    try {
      await gateway.start();

      expect(await seenThrough(gateway, wallet, key)).toEqual(before);
    } finally {
      await gateway.stop();
    }
  });
  expect(await sealFile(db.url)).toBe(seal);

  expect(before.csv).toMatch(/\+00:00/);
  expect(JSON.stringify([before.answer, before.replay])).not.toContain('"errors"');
  expect(JSON.stringify(before.answer)).toContain('2101-01-01T02:30:00.000001+00:00');
  expect(before).toMatchObject({
    replay: { body: { data: { walletBonus: { receipt: { replayed: true } } } } },
    differs: [{ extensions: { code: 'IDEMPOTENCY_KEY_REUSED' } }],
    refused: { extensions: { expires_at: '2001-02-03T04:05:06+00:00' } },
  });
});
