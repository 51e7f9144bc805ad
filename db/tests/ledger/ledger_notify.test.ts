import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { readEvents } from '../feed.ts';
import { call, createDatabase, newAsset, newKey, newWallet, refusal, someAsset, type Session } from '../helpers.ts';

interface Page {
  next_cursor: string;
  is_full: boolean;
  postings: Record<string, number>;
}

/** Test files share a server, and each open transaction there delays the feed. */
const LIMIT_MS = 90_000;

const db = createDatabase();

const notify = (session: Session, after?: string | null, limit?: number | null): Promise<Page> =>
  call<Page>(session, 'ledger_notify', { after, limit });

/** Listens on the channels of these wallets, and on that of all. */
async function listen(...wallets: string[]): Promise<{ heard: string[][]; session: pg.Client }> {
  const session = await db.connect();
  const heard: string[][] = [];
  session.on('notification', ({ channel, payload = '' }) => heard.push([channel, payload]));
  for (const channel of ['wallets', ...wallets.map((wallet) => `wallet:${wallet}`)]) {
    await session.query(`listen "${channel}"`);
  }
  return { heard, session };
}

/** Polls until the feed has reached a transfer, as the worker does; returns all pages. */
async function pollTo(job: Session, from: string, transfer: string, limit?: number): Promise<Page[]> {
  const pages: Page[] = [];
  let cursor = from;
  for (
    const deadline = Date.now() + LIMIT_MS;
    !cursor.endsWith(transfer);
    await sleep(pages.at(-1)?.is_full ? 0 : 20)
  ) {
    if (Date.now() > deadline) throw new Error(`the feed does not come to ${transfer}`);
    const page = await notify(job, cursor, limit);
    pages.push(page);
    cursor = page.next_cursor;
  }
  return pages;
}

/** Earlier notifications have arrived when the query returns. */
const settled = (session: pg.Client): Promise<unknown> => session.query('select');

async function spend(wallet: string, session: Session = db): Promise<string> {
  return (await call(session, 'wallet_spend', { wallet_id: wallet, amount: 1, idem_key: newKey() })).transfer_id;
}

describe('ledger_notify', () => {
  it('starts at the end: it notifies all subscribers once, and of no earlier event', async () => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 10 });
    const job = await db.connectJob();
    const { heard, session } = await listen(wallet);
    const last = await spend(wallet);
    await pollTo(job, '', last);
    await settled(session);
    heard.length = 0;

    const page = await notify(job);
    await settled(session);

    expect(page).toMatchObject({ is_full: false, postings: {} });
    expect(page.next_cursor).toMatch(new RegExp(`\\.${last}$`));
    expect(heard).toEqual([['wallets', '']]);
    expect(await readEvents(job, page.next_cursor)).toEqual([]);
  });

  it('notifies each player of the newest entry, once per page, and counts the transfers', async () => {
    const asset = await someAsset(db);
    const [one, other] = [await newWallet(db, asset, { bought: 100 }), await newWallet(db, asset)];
    const job = await db.connectJob();
    const from = (await pollTo(job, '', await spend(one))).at(-1)?.next_cursor ?? '';
    const { heard, session } = await listen(one, other);

    // One transaction, and so one page.
    const shop = await db.connectJob();
    await shop.query('begin');
    await spend(one, shop);
    await spend(one, shop);
    await call(shop, 'wallet_hold', { wallet_id: one, amount: 5, idem_key: newKey() });
    const { transfer_id } = await call(shop, 'wallet_transfer', {
      from_wallet: one,
      to_wallet: other,
      amount: 1,
      idem_key: newKey(),
    });
    await shop.query('commit');
    const pages = await pollTo(job, from, transfer_id);
    await settled(session);

    expect(pages.map(({ postings }) => postings).filter((postings) => Object.keys(postings).length > 0)).toEqual([
      { spend: 2, hold: 1, transfer: 1 },
    ]);
    expect(heard.sort()).toEqual(
      [
        [`wallet:${one}`, '6'],
        [`wallet:${other}`, '1'],
      ].sort(),
    );
  });

  it('reads at most a page, and returns whether there may be more', async () => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 10 });
    const job = await db.connectJob();
    const from = (await pollTo(job, '', await spend(wallet))).at(-1)?.next_cursor ?? '';
    const { heard, session } = await listen(wallet);
    const shop = await db.connectJob();
    await shop.query('begin');
    let last = '';
    for (let nth = 0; nth < 5; nth += 1) last = await spend(wallet, shop);
    await shop.query('commit');

    const pages = (await pollTo(job, from, last, 2)).filter(({ postings }) => postings.spend);
    await settled(session);

    expect(pages.map(({ is_full, postings }) => [is_full, postings.spend])).toEqual([
      [true, 2],
      [true, 2],
      [false, 1],
    ]);
    expect(heard.map(([, seq]) => seq)).toEqual(['4', '6', '7']);
  });

  it('omits a transaction before its commit, and does not skip it for a faster one', async () => {
    const asset = await someAsset(db);
    const [slow, fast] = [await newWallet(db, asset, { bought: 10 }), await newWallet(db, asset, { bought: 10 })];
    const job = await db.connectJob();
    const from = (await pollTo(job, '', await spend(slow))).at(-1)?.next_cursor ?? '';
    const { heard, session } = await listen(slow, fast);
    const shop = await db.connectJob();
    await shop.query('begin');
    await spend(slow, shop);
    const after = await spend(fast);

    expect(await notify(job, from)).toEqual({ next_cursor: from, is_full: false, postings: {} });
    await settled(session);
    expect(heard).toEqual([]);

    await shop.query('commit');
    await pollTo(job, from, after);
    await settled(session);
    expect(heard.sort()).toEqual(
      [
        [`wallet:${slow}`, '3'],
        [`wallet:${fast}`, '2'],
      ].sort(),
    );
  });

  it.each([
    ['garbage', null, 'malformed'],
    ['9.0.00000000-0000-0000-0000-000000000000', null, 'epoch'],
    ['1.0.00000000-0000-0000-0000-000000000000', null, 'cursor_unknown'],
    ['', 0, undefined],
    ['', null, undefined],
    ['', 10_001, undefined],
  ])('refuses the cursor "%s" with the limit %s as the feed does: %s', async (after, limit, reason) => {
    const { code, detail } = await refusal(notify(db, after, after === '' ? limit : undefined));

    expect([code, detail.reason]).toEqual(['WLARG', reason]);
  });
});

describe('ledger_notify on a ledger without transfers', () => {
  const empty = createDatabase();

  it('starts at the beginning', async () => {
    const asset = await newAsset(empty);
    const job = await empty.connectJob();
    const { next_cursor } = await call<Page>(job, 'ledger_notify', {});
    const wallet = await newWallet(empty, asset, { bought: 1 });
    const { rows } = await empty.query<{ id: string }>('select id from ledger.transfers');

    const pages = await pollTo(job, next_cursor, rows[0]?.id ?? '');

    expect(next_cursor).toBe('');
    expect(wallet).toBeDefined();
    expect(pages.at(-1)?.postings).toEqual({ top_up: 1 });
  });
});

describe('a posting', () => {
  /** A transaction that has notified cannot be prepared: PostgreSQL itself reports it. */
  async function prepares(session: Session): Promise<unknown> {
    const id = newKey();
    try {
      await session.query(`prepare transaction '${id}'`);
    } catch (error) {
      await session.query('rollback');
      return (error as Error).message;
    }
    await session.query(`rollback prepared '${id}'`);
    return 'prepared';
  }

  it('of any kind sends no notification, and so takes no shared lock', async () => {
    const asset = await someAsset(db);
    const [one, other] = [await newWallet(db, asset, { bought: 100 }), await newWallet(db, asset)];
    const session = await db.connect();

    await session.query('begin');
    const post = (name: string, args: object) => call(session, name, { wallet_id: one, idem_key: newKey(), ...args });
    await post('wallet_top_up', { amount: 10 });
    await post('wallet_bonus', { amount: 10 });
    const { transfer_id } = await post('wallet_spend', { amount: 1 });
    await post('wallet_reverse', { transfer_id });
    await call(session, 'wallet_transfer', { from_wallet: one, to_wallet: other, amount: 1, idem_key: newKey() });
    const held = async () => (await post('wallet_hold', { amount: 1 })).hold_id;
    await post('wallet_capture', { hold_id: await held() });
    await post('wallet_release', { hold_id: await held() });
    await session.query(
      `select ledger.wallet_post_batch(array[ledger.request('top_up', $1, null, 1, $2, null, '{}')])`,
      [other, newKey()],
    );
    await session.query('select ledger.wallet_expire_due()');

    expect(await prepares(session)).toBe('prepared');
  });

  it('that did would be found', async () => {
    const session = await db.connect();
    await session.query('begin');
    await session.query("select pg_notify('wallets', '')");

    expect(await prepares(session)).toMatch(/^cannot PREPARE a transaction that has executed .*NOTIFY$/);
  });
});
