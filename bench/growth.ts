/** The same calls on short and long histories of a wallet, and of the whole ledger. */
import { statfs } from 'node:fs/promises';
import type pg from 'pg';
import { makeDatabase, settle, withClient } from './databases.ts';
import type { Contender } from './measure.ts';
import type { Bench, Part } from './part.ts';
import { callInEach, openSessions } from './sessions.ts';

export const SPENDS = 'In the database: spends by the length of the wallet’s history';
export const BALANCES = 'In the database: wallet_balance by the length of the wallet’s history';
export const LEDGERS = 'In the database: top-ups by the size of the ledger';

/** Each spend makes a history longer: many wallets share the spends, so that histories stay short. */
const SHORT_HISTORY_WALLETS = 1_000;
const LEDGER_CONNECTIONS = 8;
/** Rows in one statement of filling. */
const FILL_ROWS = 250_000;
/** From this size on, a ledger with its WAL and the template takes gigabytes. */
const LARGE = { entries: 10_000_000, freeBytes: 20e9 };

export const entriesOf = (count: number): string => `${count.toLocaleString('en')} entries`;

export const histories: Part = {
  titles: [SPENDS, BALANCES],
  async prepare(bench) {
    const { sizes, progress, cleaning } = bench;
    const url = await makeDatabase(bench, 'wallet_bench_histories');
    await withClient(url, async (client) => {
      for (const entries of sizes.histories) {
        progress(`In the database: a wallet of ${entriesOf(entries)}`);
        const crowd = `history-${entries}`;
        const wallets = entries === sizes.histories[0] ? SHORT_HISTORY_WALLETS : 1;
        await client.query('call bench.open_players($1, array[$1], $2)', [crowd, wallets]);
        await bookHistory(client, crowd, wallets, 0, entries);
      }
      await settle(client);
    });
    const sessions = await openSessions(url, 1);
    cleaning.push(() => Promise.all(sessions.map(({ client }) => client.end())));
    const contenders = (procedure: string): Contender[] =>
      sizes.histories.map((entries) => ({
        name: entriesOf(entries),
        connections: 1,
        run: (seconds) => callInEach(sessions, procedure, [`history-${entries}`, seconds]),
      }));
    const groups = [
      { title: SPENDS, contenders: contenders('run_spend') },
      { title: BALANCES, contenders: contenders('run_balance') },
    ];
    return { groups, warmUpSeconds: sizes.warmUpSeconds };
  },
};

export const ledgers: Part = {
  titles: [LEDGERS],
  async prepare(bench) {
    const { sizes, progress, note, cleaning } = bench;
    const crowd = 'gold';
    const contenders: Contender[] = [];
    const open: (() => Promise<Contender>)[] = [];
    let template: string | undefined;
    let booked = 0;
    for (const entries of sizes.ledgers) {
      if (entries >= LARGE.entries && !(await hasRoom(bench))) {
        note(`Left out: a ledger of ${entriesOf(entries)}, which takes ${LARGE.freeBytes / 1e9} GB of free disk.`);
        continue;
      }
      progress(`In the database: a ledger of ${entriesOf(entries)}`);
      const name = `wallet_bench_ledger_${entries}`;
      const url = await makeDatabase(bench, name, template);
      const rounds = entries / sizes.wallets;
      await withClient(url, async (client) => {
        if (booked === 0) await client.query('call bench.open_players($1, array[$1], $2)', [crowd, sizes.wallets]);
        await bookHistory(client, crowd, sizes.wallets, booked, rounds, (round) => {
          progress(`In the database: a ledger of ${entriesOf(entries)}, ${entriesOf(round * sizes.wallets)} so far`);
        });
        await settle(client);
      });
      [template, booked] = [name, rounds];
      open.push(async () => {
        const sessions = await openSessions(url, LEDGER_CONNECTIONS);
        cleaning.push(() => Promise.all(sessions.map(({ client }) => client.end())));
        return {
          name: entriesOf(entries),
          connections: LEDGER_CONNECTIONS,
          run: (seconds) => callInEach(sessions, 'run_top_up', [crowd, seconds]),
        };
      });
    }
    // After all are filled: a database with sessions cannot be copied.
    for (const connect of open) contenders.push(await connect());
    return { groups: [{ title: LEDGERS, contenders }], warmUpSeconds: sizes.warmUpSeconds };
  },
};

async function bookHistory(
  client: pg.ClientBase,
  crowd: string,
  wallets: number,
  from: number,
  to: number,
  progress: (round: number) => void = () => undefined,
): Promise<void> {
  const step = Math.ceil(FILL_ROWS / wallets);
  for (let round = from; round < to; round += step) {
    await client.query('call bench.book_history($1, $2, $3)', [crowd, round + 1, Math.min(round + step, to)]);
    progress(Math.min(round + step, to));
  }
}

async function hasRoom({ dataDir }: Bench): Promise<boolean> {
  const { bavail, bsize } = await statfs(dataDir);
  return bavail * bsize > LARGE.freeBytes;
}
