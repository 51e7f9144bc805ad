import { setTimeout as sleep } from 'node:timers/promises';
import { call, callAll, createDatabase, newAsset, newKey, newWallet, refusal, type Database } from '../helpers.ts';

const db = createDatabase();

interface Event {
  cursor: string;
  transfer_id: string;
}

/** The whole feed, once it has this movement: transactions of other databases may delay it. */
async function feedWith(database: Database, transfer_id: string): Promise<Event[]> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(20)) {
    const events = await callAll<Event>(database, 'ledger_events', { limit: 10_000 });
    if (events.some((event) => event.transfer_id === transfer_id)) return events;
  }
  throw new Error('the feed does not come to the movement');
}

async function booked(count: number): Promise<Event[]> {
  const wallet_id = await newWallet(db, await newAsset(db));
  let last = '';
  for (let n = 0; n < count; n += 1)
    last = (await call(db, 'wallet_top_up', { wallet_id, amount: 1, idem_key: newKey() })).transfer_id;
  return feedWith(db, last);
}

describe('ledger_events_newest', () => {
  it('has the events of the feed in reverse order, in pages of any size', async () => {
    const feed = (await booked(9)).toReversed();

    expect(await callAll(db, 'ledger_events_newest', { limit: 10_000 })).toEqual(feed);
    for (const limit of [1, 4, 9]) {
      const read: Event[] = [];
      for (let before: string | undefined; ;) {
        const page = await callAll<Event>(db, 'ledger_events_newest', { before, limit });
        if (page.length === 0) break;
        read.push(...page);
        before = page.at(-1)?.cursor;
      }
      expect(read).toEqual(feed);
    }
  });

  it('has cursors after which ledger_events continues', async () => {
    const feed = await booked(5);
    const [newest] = await callAll<Event>(db, 'ledger_events_newest', { limit: 1 });
    expect(newest).toEqual(feed.at(-1));

    const later = await booked(3);

    expect(await callAll(db, 'ledger_events', { after: newest?.cursor, limit: 100 })).toEqual(later.slice(-3));
    expect(await callAll(db, 'ledger_events_newest', { before: newest?.cursor, limit: 2 })).toEqual(
      feed.slice(-3, -1).toReversed(),
    );
  });

  it('omits what an open transaction may still precede, as the feed does', async () => {
    const wallet_id = await newWallet(db, await newAsset(db));
    const open = await db.connect();
    await open.query('begin; select pg_current_xact_id()');
    const { transfer_id } = await call(db, 'wallet_top_up', { wallet_id, amount: 1, idem_key: newKey() });

    const events = await callAll<Event>(db, 'ledger_events_newest', {});
    await open.query('commit');

    expect(events.map((event) => event.transfer_id)).not.toContain(transfer_id);
    const feed = await feedWith(db, transfer_id);
    expect(await callAll(db, 'ledger_events_newest', { limit: 1 })).toEqual(feed.slice(-1));
  });

  it.each([
    ['a cursor that is none', 'before', { before: 'x' }, 'malformed'],
    ['a cursor of an earlier epoch', 'before', { before: '7.1.00000000-0000-7000-8000-000000000000' }, 'epoch'],
    ['a cursor of nothing', 'before', { before: '1.1.00000000-0000-7000-8000-000000000000' }, 'cursor_unknown'],
    ['too many', 'limit', { limit: 10_001 }, undefined],
    ['none', 'limit', { limit: 0 }, undefined],
  ])('refuses %s with WLARG: %s', async (_, argument, args, reason) => {
    const { code, detail } = await refusal(callAll(db, 'ledger_events_newest', args));

    expect({ code, argument: detail.argument, reason: detail.reason }).toEqual({ code: 'WLARG', argument, reason });
  });
});
