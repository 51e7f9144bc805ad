import {
  call,
  callAll,
  createDatabase,
  expectSound,
  newAsset,
  newKey,
  newWallet,
  postBatch,
  postEach,
  refusal,
  rulesOf,
  tamperedWith,
  UNKNOWN_WALLET,
  waitsForLock,
} from '../helpers.ts';

interface Rules {
  seq: number;
  unique_reference: string | null;
  collect_debts: boolean;
  max_spend: string | null;
}

const db = createDatabase();
const set = (asset_code: string | null, unique_reference?: string | null) =>
  call<Rules>(db, 'asset_set', { asset_code, unique_reference });

/** An asset that books each payment once, and two wallets of it. */
async function payable(field = 'payment'): Promise<{ asset: string; wallet: string; other: string }> {
  const asset = await newAsset(db);
  await set(asset, field);
  return { asset, wallet: await newWallet(db, asset), other: await newWallet(db, asset) };
}

const topUp = (wallet_id: string, payment: unknown, idem_key = newKey(), session: Parameters<typeof call>[0] = db) =>
  call(session, 'wallet_top_up', { wallet_id, amount: 5, idem_key, metadata: { payment } });
const item = (wallet_id: string, payment: string) => ({
  ...{ kind: 'top_up', wallet_id, amount: 5, idem_key: newKey(), metadata: { payment } },
});
const belongsTo = ({ wallet_id, transfer_id }: { wallet_id: string; transfer_id: string }, reference: string) => ({
  code: 'WLKEY',
  message: 'idempotency key reused: the payment has been booked before',
  detail: { field: 'metadata', reference, wallet_id, transfer_id },
});
const balanceOf = async (wallet_id: string) =>
  (await call<{ balance: string }>(db, 'wallet_balance', { wallet_id })).balance;

describe('asset_set', () => {
  it('adds a row to the limits of the asset and leaves the limits unchanged; limits leave the rules unchanged', async () => {
    const asset = await newAsset(db);
    await call<object>(db, 'asset_limit_set', { asset_code: asset, max_spend: 10 });

    expect(await set(asset, 'payment')).toMatchObject({ seq: 2, max_spend: '10', unique_reference: 'payment' });
    expect(await call<Rules>(db, 'asset_limit_set', { asset_code: asset, max_spend: 11 })).toMatchObject({
      seq: 3,
      max_spend: '11',
      unique_reference: 'payment',
    });
    expect(await set(asset)).toMatchObject({ seq: 3 });
    expect(await set(asset, 'payment')).toMatchObject({ seq: 3 });
    expect(await set(asset, '')).toMatchObject({ seq: 4, max_spend: '11', unique_reference: null });
    await expectSound(db);
  });

  it('sets each rule by itself, and records who has enabled collecting debts', async () => {
    const asset = await newAsset(db);
    const collect = (collect_debts: boolean | null) =>
      call<Rules>(db, 'asset_set', { asset_code: asset, collect_debts });

    expect(await collect(false)).toMatchObject({ seq: 1, collect_debts: false, unique_reference: null });
    expect(await collect(false)).toMatchObject({ seq: 1 });
    expect(await set(asset, 'payment')).toMatchObject({ seq: 2, collect_debts: false, unique_reference: 'payment' });
    expect(await collect(true)).toMatchObject({ seq: 3, collect_debts: true, unique_reference: 'payment' });
    expect(await collect(null)).toMatchObject({ seq: 3 });
    expect(await call<Rules>(db, 'asset_limit_set', { asset_code: asset, max_spend: 11 })).toMatchObject({
      ...{ seq: 4, collect_debts: true, max_spend: '11' },
    });
    expect(await set(asset, '')).toMatchObject({ seq: 5, collect_debts: true, unique_reference: null });
    expect(await collect(false)).toMatchObject({ seq: 6, collect_debts: false });
    await expectSound(db);
  });

  it('is covered by ledger_verify: an edit of the rule on debts is found (record_chain)', async () => {
    const asset = await newAsset(db);
    for (const collect_debts of [true, false]) await call(db, 'asset_set', { asset_code: asset, collect_debts });
    for (const seq of [1, 2]) {
      const edited = `update ledger.asset_limits set collect_debts = not collect_debts where asset_code = '${asset}' and seq = ${seq}`;
      expect(await tamperedWith(db, edited, async (look) => rulesOf(await look()))).toContain('record_chain');
    }
  });

  it.each(['payment', ' a "field" ', 'ünï', 'x'.repeat(200)])('accepts the field %p', async (field) => {
    const { wallet, other } = await payable(field);
    const book = (wallet_id: string) =>
      call(db, 'wallet_top_up', { wallet_id, amount: 1, idem_key: newKey(), metadata: { [field]: 'one' } });
    const first = await book(wallet);

    expect(await refusal(book(other))).toMatchObject(belongsTo(first, 'one'));
  });

  it.each([
    { args: { asset_code: null, unique_reference: 'x'.repeat(201) }, code: 'WLARG', argument: 'asset_code' },
    { args: { asset_code: 'NONE', unique_reference: 'x'.repeat(201) }, code: 'WLARG', argument: 'unique_reference' },
    { args: { asset_code: 'NONE', unique_reference: 'x' }, code: 'WLNOA' },
    { args: { asset_code: 'NONE' }, code: 'WLNOA' },
  ])('refuses %p', async ({ args, code, argument }) => {
    expect(await refusal(call<object>(db, 'asset_set', args))).toMatchObject({
      code,
      ...(argument && { detail: { argument } }),
    });
  });

  it('is what asset_create calls, once', async () => {
    const code = `U${newKey().slice(-12)}`;
    const create = (unique_reference?: string) =>
      call<object>(db, 'asset_create', { code, name: 'n', scale: 0, unique_reference });
    await create('payment');
    await create('payment');
    await create();

    expect(await set(code)).toMatchObject({ seq: 1, unique_reference: 'payment' });
    expect(await refusal(create('other'))).toMatchObject({ code: 'WLARG', detail: { argument: 'unique_reference' } });
    expect(await refusal(create(''))).toMatchObject({ code: 'WLARG', detail: { argument: 'unique_reference' } });
  });

  it('gets both rules from asset_create, or their defaults', async () => {
    const create = (code: string, rules: object = {}) =>
      call<object>(db, 'asset_create', { code, name: 'n', scale: 0, ...rules });
    const [one, two] = [`U${newKey().slice(-12)}`, `U${newKey().slice(-12)}`];
    await create(one, { collect_debts: true, unique_reference: 'payment' });
    for (const rules of [{}, { collect_debts: true }, { collect_debts: true, unique_reference: 'payment' }])
      await create(one, rules);
    expect(await set(one)).toMatchObject({ seq: 1, unique_reference: 'payment', collect_debts: true });
    expect(await refusal(create(one, { collect_debts: false }))).toMatchObject({
      code: 'WLARG',
      detail: { argument: 'collect_debts' },
    });

    for (const rules of [{ collect_debts: false }, {}]) await create(two, rules);
    expect(await set(two)).toMatchObject({ seq: null });
    expect(await refusal(create(two, { collect_debts: true }))).toMatchObject({
      code: 'WLARG',
      detail: { argument: 'collect_debts', collect_debts: false },
    });
  });
});

describe('a payment', () => {
  it('is booked once: not for another wallet, not with another key (WLKEY); a late retry is replayed', async () => {
    const { wallet, other } = await payable();
    const key = newKey();
    const first = await topUp(wallet, 'one', key);

    expect(await refusal(topUp(other, 'one'))).toMatchObject(belongsTo(first, 'one'));
    expect(await refusal(topUp(wallet, 'one'))).toMatchObject(belongsTo(first, 'one'));
    expect(await topUp(wallet, 'one', key)).toEqual({ ...first, replayed: true });
    await topUp(other, 'two');
    expect([await balanceOf(wallet), await balanceOf(other)]).toEqual(['5', '5']);
    await expectSound(db);
  });

  it('belongs to its asset, and is none if the asset names no field or the metadata lack it', async () => {
    const [one, two] = [await payable(), await payable('order')];
    for (const wallet of [one.wallet, two.wallet, two.other]) await topUp(wallet, 'one');
    for (const wallet_id of [one.wallet, one.other])
      for (const metadata of [{}, null, { other: 'one' }, { payment: null }])
        await call(db, 'wallet_top_up', { wallet_id, amount: 1, idem_key: newKey(), metadata });
    await set(one.asset, '');
    await topUp(one.other, 'one');
    await set(one.asset, 'payment');
    expect(await refusal(topUp(one.other, 'one'))).toMatchObject({ code: 'WLKEY' });
    await expectSound(db);
  });

  it('can be named by other kinds, and stays booked after a reversal', async () => {
    const { wallet, other } = await payable();
    const metadata = { payment: 'one' };
    const first = await topUp(wallet, 'one');
    await call(db, 'wallet_bonus', { wallet_id: other, amount: 1, idem_key: newKey(), metadata });
    const back = { wallet_id: wallet, transfer_id: first.transfer_id, idem_key: newKey(), metadata };
    await call(db, 'wallet_reverse', back);

    expect(await refusal(topUp(other, 'one'))).toMatchObject(belongsTo(first, 'one'));
    await expectSound(db);
  });

  it('is a text or a number, which are equal if they read the same', async () => {
    const { wallet, other } = await payable();
    const first = await topUp(wallet, 17);
    expect(await refusal(topUp(other, '17'))).toMatchObject(belongsTo(first, '17'));
    for (const bad of ['', ' one', 'x'.repeat(201), true, {}, ['one']])
      expect(await refusal(topUp(other, bad))).toMatchObject({ code: 'WLARG', detail: { argument: 'metadata' } });
    await topUp(other, 'x'.repeat(200));
  });

  it('is checked after the key, and before status and limits', async () => {
    const { asset, wallet, other } = await payable();
    const key = newKey();
    const first = await topUp(wallet, 'one', key);
    await call<object>(db, 'asset_limit_set', { asset_code: asset, max_balance: 0 });
    await call<object>(db, 'wallet_close', { wallet_id: other, reason: 'why' });

    expect(await refusal(topUp(UNKNOWN_WALLET, 'one'))).toMatchObject({ code: 'WLNOW' });
    expect(await refusal(topUp(wallet, 'two', key))).toMatchObject({ code: 'WLKEY', detail: { idem_key: key } });
    expect(await refusal(topUp(other, 'one'))).toMatchObject(belongsTo(first, 'one'));
    expect(await refusal(topUp(other, 'two'))).toMatchObject({ code: 'WLCLS' });
    expect(await refusal(topUp(wallet, 'two'))).toMatchObject({ code: 'WLLIM' });
    await call<object>(db, 'asset_limit_set', { asset_code: asset });
    expect(await topUp(wallet, 'two')).toMatchObject({ balance: '10' });
  });

  it('stays booked after its metadata are blanked', async () => {
    const { wallet, other } = await payable();
    const key = newKey();
    const first = await topUp(wallet, 'one', key);
    await call<object>(db, 'transfer_redact', { transfer_id: first.transfer_id, reason: 'a law' });

    expect(await refusal(topUp(other, 'one'))).toMatchObject(belongsTo(first, 'one'));
    expect(await topUp(wallet, 'one', key)).toEqual({ ...first, replayed: true });
    await expectSound(db);
  });

  it('is refused for its item in a batch, and among independent calls', async () => {
    const { wallet, other } = await payable();
    expect(await refusal(postBatch(db, [item(wallet, 'one'), item(other, 'one')]))).toMatchObject({
      code: 'WLKEY',
      detail: { index: 1, reference: 'one', wallet_id: wallet },
    });
    const outcomes = await postEach(db, [item(wallet, 'one'), item(other, 'one'), item(other, 'two')]);
    expect(outcomes.map(({ refusal: refused }) => refused?.code ?? 'booked')).toEqual(['booked', 'WLKEY', 'booked']);
    await expectSound(db);
  });
});

describe('a payment for two wallets at the same time', () => {
  it('is booked for the first, and refused for the second, which waits for it (WLKEY)', async () => {
    const { wallet, other } = await payable();
    const [one, two] = [await db.connectJob(), await db.connectJob()];
    await one.query('begin');
    const first = await topUp(wallet, 'one', newKey(), one);
    const second = refusal(topUp(other, 'one', newKey(), two));
    await waitsForLock(db, two);
    await one.query('commit');

    expect(await second).toMatchObject(belongsTo(first, 'one'));
    await expectSound(db);
  });

  it('is booked for the second if the first is rolled back', async () => {
    const { wallet, other } = await payable();
    const [one, two] = [await db.connectJob(), await db.connectJob()];
    await one.query('begin');
    await topUp(wallet, 'one', newKey(), one);
    const second = topUp(other, 'one', newKey(), two);
    await waitsForLock(db, two);
    await one.query('rollback');

    expect(await second).toMatchObject({ wallet_id: other, balance: '5' });
  });

  it('is skipped with wait => false, together with later items of its wallet (55P03); the rest is booked', async () => {
    const { wallet, other, asset } = await payable();
    const third = await newWallet(db, asset);
    const [one, two] = [await db.connectJob(), await db.connectJob()];
    await one.query('begin');
    await topUp(wallet, 'one', newKey(), one);
    const items = [item(other, 'one'), item(third, 'two'), item(other, 'three')];
    const outcomes = await postEach(two, items, false);
    await one.query('commit');

    expect(outcomes.map(({ refusal: refused }) => refused?.code ?? 'booked')).toEqual(['55P03', 'booked', '55P03']);
    const again = await postEach(two, items, false);
    expect(again.map(({ refusal: refused }) => refused?.code ?? 'booked')).toEqual(['WLKEY', 'booked', 'booked']);
    const { rows } = await two.query<{ lock_timeout: string }>('show lock_timeout');
    expect(rows).toEqual([{ lock_timeout: '0' }]);
    await expectSound(db);
  });

  it('in crossed order in two batches: one is booked, the other fails with 40001 and can be retried', async () => {
    const { asset, wallet } = await payable();
    const [between, one, two] = [await db.connectJob(), await db.connectJob(), await db.connectJob()];
    const batch = async (payments: string[]) =>
      Promise.all(payments.map(async (payment) => item(await newWallet(db, asset), payment)));
    const [first, second] = [await batch(['a', 'between', 'b']), await batch(['b', 'a'])];
    await between.query('begin');
    await topUp(wallet, 'between', newKey(), between);
    const codeOf = (promise: Promise<unknown>) =>
      promise.then(
        () => 'booked',
        (error: unknown) => (error as { code: string; hint: string }).code,
      );
    const outcomes = [codeOf(postBatch(one, first))];
    await waitsForLock(db, one);
    outcomes.push(codeOf(postBatch(two, second)));
    await waitsForLock(db, two);
    await between.query('rollback');

    const ends = await Promise.all(outcomes);
    expect([...ends].sort()).toEqual(['40001', 'booked']);
    const loser = ends[0] === '40001' ? first : second;
    expect(await refusal(postBatch(db, loser))).toMatchObject({ code: 'WLKEY', detail: { index: 0 } });
    await expectSound(db);
  });

  it.each(['repeatable read', 'serializable'])('makes the second call fail with 40001 at %s', async (level) => {
    const { wallet, other } = await payable();
    const job = await db.connectJob();
    await job.query(`begin isolation level ${level}`);
    await job.query('select from ledger.wallets limit 1');
    await topUp(wallet, 'one');

    expect(await refusal(topUp(other, 'one', newKey(), job))).toMatchObject({ code: '40001' });
    await job.query('rollback');
  });

  it('gives one receipt to concurrent calls, and ten payments among forty calls are ten', async () => {
    const { asset } = await payable();
    const wallets = await Promise.all(Array.from({ length: 4 }, () => newWallet(db, asset)));
    const pool = db.jobPool(10);
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        topUp(wallets[n % 4] ?? '', `payment ${n % 10}`, newKey(), pool).then(
          () => 'receipt',
          (error: unknown) => (error as { code: string }).code,
        ),
      ),
    );

    expect(outcomes.sort()).toEqual([...Array<string>(30).fill('WLKEY'), ...Array<string>(10).fill('receipt')]);
    await expectSound(db);
  });
});

describe('ledger_verify', () => {
  it.each([
    ['a payment that is not kept', 'delete from ledger.unique_references where wallet_id = $w'],
    ['another payment', "update ledger.unique_references set reference_hash = sha256('x') where wallet_id = $w"],
    ['another asset', "update ledger.unique_references set asset_code = 'x' where wallet_id = $w"],
    ['another entry', 'update ledger.unique_references set seq = 9 where wallet_id = $w'],
    ['a payment that no top-up has', 'update ledger.entries set held_bonus_amount = null where wallet_id = $w'],
  ])('finds %s, also with all hashes computed anew', async (_what, sql) => {
    const { wallet } = await payable();
    await topUp(wallet, 'one');

    const rules = await tamperedWith(db, sql.replace('$w', `'${wallet}'`), async (look, rehash) => {
      await rehash();
      return rulesOf(await look(wallet));
    });

    expect(rules).toContain('unique_reference');
    expect(await callAll(db, 'ledger_verify', { wallet_id: wallet })).toEqual([]);
  });
});
