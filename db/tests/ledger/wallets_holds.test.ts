import { age } from '../aged.ts';
import { call, createDatabase, newKey, newOwner, newWallet, type Session, someAsset, writing } from '../helpers.ts';

const db = createDatabase();

async function holds(session: Session, wallet_id: string, open?: boolean | null): Promise<string[]> {
  const { rows } = await session.query<{ id: string }>(
    `select h.id from ledger.wallets w, ledger.wallets_holds(w${open === undefined ? '' : `, ${String(open)}`}) h where w.id = $1`,
    [wallet_id],
  );
  return rows.map(({ id }) => id);
}

/** Five holds, of which the second is captured and the fourth released. */
async function someHolds(owner = newOwner()): Promise<{ wallet_id: string; ids: string[] }> {
  const wallet_id = await newWallet(db, await someAsset(db), { owner, bought: 10 });
  const ids: string[] = [];
  for (const amount of [1, 1, 1, 1, 1])
    ids.push((await call(db, 'wallet_hold', { wallet_id, amount, idem_key: newKey() })).hold_id ?? '');
  await call(db, 'wallet_capture', { wallet_id, hold_id: ids[1], idem_key: newKey() });
  await call(db, 'wallet_release', { wallet_id, hold_id: ids[3], idem_key: newKey() });
  return { wallet_id, ids };
}

const pick = (ids: string[], ...places: number[]) => places.map((place) => ids[place]);

describe('wallets_holds', () => {
  it('returns all, open or ended ones, newest first', async () => {
    await someHolds();
    const { wallet_id, ids } = await someHolds();

    expect(await holds(db, wallet_id)).toEqual(pick(ids, 4, 3, 2, 1, 0));
    expect(await holds(db, wallet_id, null)).toEqual(pick(ids, 4, 3, 2, 1, 0));
    expect(await holds(db, wallet_id, true)).toEqual(pick(ids, 4, 2, 0));
    expect(await holds(db, wallet_id, false)).toEqual(pick(ids, 3, 1));
  });

  it('counts a hold as ended from its expiry on, before that is booked', async () => {
    const { wallet_id, ids } = await someHolds();
    const { rows } = await db.query<{ expires_at: string }>(
      "select clock_timestamp() + interval '1 hour' as expires_at",
    );
    const placed = { wallet_id, amount: 1, idem_key: newKey(), expires_at: rows[0]?.expires_at };
    const { hold_id } = await call(db, 'wallet_hold', placed);
    const six = [...ids, hold_id ?? ''];
    expect(await holds(db, wallet_id, true)).toEqual(pick(six, 5, 4, 2, 0));

    await age(db, '1 hour');

    expect(await holds(db, wallet_id, true)).toEqual(pick(six, 4, 2, 0));
    expect(await holds(db, wallet_id, false)).toEqual(pick(six, 5, 3, 1));
    expect(await holds(db, wallet_id)).toEqual(pick(six, 5, 4, 3, 2, 1, 0));
  });

  it('is empty for a wallet without holds', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });

    expect(await Promise.all([undefined, true, false].map((open) => holds(db, wallet_id, open)))).toEqual([[], [], []]);
  });

  it("gives a player their own, and none of another's", async () => {
    const owner = newOwner();
    const [own, other] = [await someHolds(owner), await someHolds()];
    const player = await db.connectAs('player', owner);

    expect(await holds(player, own.wallet_id, true)).toEqual(pick(own.ids, 4, 2, 0));
    expect(await holds(player, own.wallet_id, false)).toEqual(pick(own.ids, 3, 1));
    expect(await holds(player, other.wallet_id)).toEqual([]);
    const { rows } = await player.query('select from ledger.holds where wallet_id = $1', [other.wallet_id]);
    expect(rows).toEqual([]);
  });

  it('equals the log, even if the list of open holds has one too many', async () => {
    const { wallet_id, ids } = await someHolds();
    await writing(db, (client) =>
      client.query('insert into ledger_private.open_holds (wallet_id, hold_id) values ($1, $2)', [wallet_id, ids[1]]),
    );

    expect(await holds(db, wallet_id, true)).toEqual(pick(ids, 4, 2, 0));
    expect(await holds(db, wallet_id, false)).toEqual(pick(ids, 3, 1));
  });
});
