/**
 * The console before a ledger of many wallets: 100,000, or as many as CONSOLE_WALLETS says, with which it also prints what each screen took.
 */
import type { Page } from 'playwright-core';
import { describeInBrowser } from './browser.ts';
import { createAsset, openWallet } from './ledger.ts';

const ASKED = process.env.CONSOLE_WALLETS;
const WALLETS = Number(ASKED ?? 100_000);
const AT_ONCE = 10_000;
/** What is waited for, not what is good. */
const SETUP_MS = 1_800_000;

interface Measured {
  screen: string;
  /** Of code and styles that no screen before has loaded, as they were sent. */
  kB: string;
  /** From a new tab to the content. */
  'first load, ms': number;
  /** From the click in another screen to the content. */
  'shown, ms': number;
  /** From the key or the click to the next picture, as the browser measures it. */
  'interaction, ms': number;
}

describeInBrowser(`the console with ${WALLETS.toLocaleString('en')} wallets`, (visitor) => {
  const operator = () => visitor.gateway.as('operator');
  const measured: Measured[] = [];
  const owner = (n: number): string => `player-${String(n).padStart(7, '0')}`;

  beforeAll(async () => {
    const { db } = visitor.gateway;
    await createAsset(operator(), 'GOLD');
    for (let first = 0; first < WALLETS; first += AT_ONCE) {
      // Each tenth has bought something.
      await db.query(
        `with opened as materialized (
           select w.id, row_number() over (order by w.owner_id) as n
           from ledger.wallet_open_many(array(
             select 'player-' || lpad(n::text, 7, '0') from generate_series($1::int, $2::int) n), 'GOLD') w
         )
         select count(*) from ledger.wallet_post_batch(array(
           select ledger.request(kind => 'top_up', wallet_id => o.id, amount => 1000 + o.n, idem_key => 'bought')
           from opened o where o.n % 10 = 0))`,
        [first, first + AT_ONCE - 1],
      );
    }
    // As the worker does once a minute: reports add up blocks, and what was booked since the last one.
    while ((await db.query('select from ledger.ledger_seal(max_events => 1000000)')).rowCount);
    await db.query('vacuum analyze ledger.wallets, ledger.entries');
  }, SETUP_MS);
  afterAll(() => {
    if (ASKED !== undefined) process.stderr.write(`${tableOf(measured)}\n`);
  });

  it('lists open, go on, and are searched by owner, status and asset', async () => {
    const { page } = await visitor.as('Operator', '/console/wallets');
    const rows = page.locator('tbody tr');
    await rows.nth(49).waitFor();
    await page.getByRole('button', { name: 'More' }).click();
    await rows.nth(99).waitFor();

    const last = owner(WALLETS - 1);
    await page.getByLabel('Owner begins with').fill(last.slice(0, -1));
    await page.keyboard.press('Enter');
    await page.getByRole('cell', { name: last }).waitFor();
    expect(await rows.count()).toBe(10);
    await page.getByLabel('Status').selectOption('frozen');
    await page.getByText('No wallet fits the filter.').waitFor();
    await page.getByLabel('Owner begins with').fill('');
    await page.keyboard.press('Enter');
    await page.getByText(/No wallet fits the filter|Nothing so far/).waitFor();
    await page.getByLabel('Status').selectOption('');
    await rows.nth(49).waitFor();
  });

  it('an owner whom nobody knows has no wallets, by the exact name and by the beginning', async () => {
    const { page } = await visitor.as('Operator', '/console/search?q=nobody');
    await page.getByText('Nothing was found.').waitFor();
    for (const first of [1, 1000]) {
      const { wallets } = await operator().data<{ wallets: { nodes: unknown[]; pageInfo: { hasNextPage: boolean } } }>(
        `query ($owner: String!, $first: Int!) { wallets(condition: { ownerId: $owner }, first: $first) {
           nodes { id } pageInfo { hasNextPage } } }`,
        { owner: 'nobody', first },
      );
      expect(wallets).toEqual({ nodes: [], pageInfo: { hasNextPage: false } });
    }
  });

  it('each screen opens, from a new tab and from another screen', async () => {
    const id = await openWallet(operator(), owner(9), 'GOLD');
    const { transferId } = await operator().receipt('walletTopUp', { walletId: id, amount: '1', idemKey: 'one more' });
    const SCREENS: [string, string, (page: Page) => Promise<unknown>][] = [
      ['Overview', '/console/', (page) => page.getByText('players own').first().waitFor()],
      ['Wallets', '/console/wallets', (page) => page.locator('tbody tr').nth(49).waitFor()],
      ['Wallet', `/console/wallets/${id}`, (page) => page.getByRole('cell', { name: '+0.01' }).waitFor()],
      ['Transfers', '/console/transfers', (page) => page.locator('tbody tr').nth(49).waitFor()],
      ['Transfer', `/console/transfers/${transferId}`, (page) => page.getByText('can be reversed.').waitFor()],
      ['Holds and expiry', '/console/holds', (page) => page.getByText('Nothing is reserved.').waitFor()],
      ['Assets and limits', '/console/assets', (page) => page.getByText('Largest single spend').waitFor()],
      ['Feed', '/console/feed', (page) => page.locator('tbody tr').nth(49).waitFor()],
      ['Import', '/console/imports', (page) => page.getByRole('button', { name: 'Choose a CSV file' }).waitFor()],
      ['Activity', '/console/reports', (page) => page.getByText('What was taken back is subtracted.').waitFor()],
      ['Balances', '/console/reports?view=balances', (page) => page.getByText('Both sides are equal').waitFor()],
      ['Close a month', '/console/reports?view=month', (page) => page.getByText('Of each account, opening').waitFor()],
      ['Audit', '/console/audit', (page) => page.getByText('Both sides are equal').first().waitFor()],
      ['Webhooks', '/console/webhooks', (page) => page.getByText('Nothing is posted to other systems.').waitFor()],
      ['Search', `/console/search?q=${owner(9).slice(0, -1)}`, (page) => page.locator('tbody tr').nth(9).waitFor()],
    ];
    const { page } = await visitor.as('Operator', '/console/?');
    await page.addInitScript(
      `globalThis.slowest = 0; new PerformanceObserver((list) => { for (const { interactionId, duration } of list.getEntries())
         if (interactionId > 0) globalThis.slowest = Math.max(globalThis.slowest, duration); }).observe({ type: 'event', durationThreshold: 16 });`,
    );
    const seen = new Set<string>();
    for (const [screen, path, isThere] of SCREENS) {
      const started = performance.now();
      await page.goto(path);
      await isThere(page);
      const firstLoad = performance.now() - started;
      const files = await page.evaluate<{ name: string; encodedBodySize: number }[]>(
        "performance.getEntriesByType('resource').filter(({ name }) => name.includes('/assets/')).map(({ name, encodedBodySize }) => ({ name, encodedBodySize }))",
      );
      const own = files.filter(({ name }) => !seen.has(name));
      for (const { name } of own) seen.add(name);
      // There and back, as one goes within the page.
      await page.keyboard.press('?');
      await page.keyboard.press('Escape');
      await page.keyboard.press('g');
      await page.keyboard.press(screen === 'Wallets' ? 'h' : 'w');
      await page.getByRole('heading', { level: 1, name: screen === 'Wallets' ? 'Holds' : 'Wallets' }).waitFor();
      const left = performance.now();
      await page.goBack();
      await isThere(page);
      const shown = performance.now() - left;
      await page.keyboard.press('j');
      measured.push({
        screen,
        kB: (own.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0) / 1000).toFixed(1),
        'first load, ms': Math.round(firstLoad),
        'shown, ms': Math.round(shown),
        'interaction, ms': await page.evaluate<number>(
          'new Promise((resolve) => requestAnimationFrame(() => setTimeout(() => resolve(globalThis.slowest), 100)))',
        ),
      });
    }
    expect(measured.map(({ screen }) => screen)).toEqual(SCREENS.map(([screen]) => screen));
  });
});

function tableOf(rows: readonly Measured[]): string {
  const [first] = rows;
  if (!first) return '';
  const names = Object.keys(first) as (keyof Measured)[];
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
  return [line(names), line(names.map(() => '--')), ...rows.map((row) => line(names.map((name) => row[name])))].join(
    '\n',
  );
}
