/** Each screen in a browser: what it shows, that the policy holds, that everybody can read it; and its picture for docs/console/. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { axe, describeInBrowser, PICTURES, type Visit } from './browser.ts';
import { playScene, type Scene } from './ledger.ts';

const LOOKS = [
  ['light', { scheme: 'light' }],
  ['dark', { scheme: 'dark' }],
  ['phone', { scheme: 'light', width: 360 }],
] as const;

const CAMPAIGN = [
  'kind,owner,asset,amount,key,expires_at,metadata.campaign',
  ...Array.from({ length: 12 }, (_, place) =>
    [
      'bonus',
      `player-${place + 1}`,
      'GOLD',
      place === 6 ? '7.5.0' : `${place + 5}.00`,
      `spring-${place + 1}`,
      '2999-06-30T22:00:00Z',
      'spring',
    ].join(','),
  ),
].join('\n');

const SCREENS: readonly [string, (scene: Scene) => string, (page: Page) => Promise<unknown>][] = [
  [
    'overview',
    () => '/console/',
    async (page) => {
      await page.getByText('players own').first().waitFor();
      await page.getByText('The service is ready').waitFor();
      await page.locator('.recharts-bar-rectangle').first().waitFor();
    },
  ],
  ['wallets', () => '/console/wallets', (page) => page.getByRole('cell', { name: /carol/ }).waitFor()],
  [
    'wallet',
    ({ wallet }) => `/console/wallets/${wallet}`,
    (page) => page.getByRole('row', { name: /Sent to another player/ }).waitFor(),
  ],
  [
    'transfer',
    ({ spendTransfer }) => `/console/transfers/${spendTransfer}`,
    (page) => page.getByText('are left to reverse').waitFor(),
  ],
  [
    'transfers',
    () => '/console/transfers?asset=GOLD',
    (page) => page.getByRole('row', { name: /Top-up carol/ }).waitFor(),
  ],
  [
    'feed',
    () => '/console/feed',
    async (page) => {
      await page.getByText('live', { exact: true }).waitFor();
      await page.getByRole('row', { name: /Spend/ }).first().waitFor();
    },
  ],
  ['holds', () => '/console/holds', (page) => page.getByRole('heading', { name: /expire/ }).waitFor()],
  ['assets', () => '/console/assets', (page) => page.getByText('Largest single spend').first().waitFor()],
  ['imports', () => '/console/imports', (page) => page.getByRole('button', { name: 'Choose a CSV file' }).waitFor()],
  [
    'import',
    () => '/console/imports',
    async (page) => {
      const chooser = page.waitForEvent('filechooser');
      await page.getByRole('button', { name: 'Choose a CSV file' }).click();
      await (await chooser).setFiles({ name: 'spring.csv', mimeType: 'text/csv', buffer: Buffer.from(CAMPAIGN) });
      await page.getByRole('heading', { name: 'One row cannot be booked' }).waitFor();
    },
  ],
  ['search', () => '/console/search?q=nowhere-to-be-found', (page) => page.getByText('Nothing was found.').waitFor()],
  [
    'reports',
    () => '/console/reports?asset=GOLD',
    async (page) => {
      await page.getByText('What was taken back is subtracted.').waitFor();
      await page.locator('.recharts-bar-rectangle').first().waitFor();
    },
  ],
  [
    'balances',
    () => '/console/reports?view=balances&asset=GOLD',
    async (page) => {
      await page.getByRole('cell', { name: 'Players' }).waitFor();
      await page.locator('.recharts-area').first().waitFor();
    },
  ],
  [
    'month',
    () => `/console/reports?view=month&asset=GOLD&month=${new Date().toISOString().slice(0, 7)}`,
    (page) => page.getByText('Of each account, opening').waitFor(),
  ],
  [
    'audit',
    () => '/console/audit',
    async (page) => {
      await page.getByText('Both sides are equal').first().waitFor();
      await page.getByRole('row', { name: /Asset created/ }).waitFor();
    },
  ],
  [
    'top-up',
    ({ wallet }) => `/console/wallets/${wallet}?do=top_up`,
    async (page) => {
      await page.getByLabel('Amount').fill('49.90');
      await page.getByText('the balance becomes').waitFor();
    },
  ],
];

describeInBrowser('the screens of the console', (visitor) => {
  let scene: Scene;
  const visits = new Map<string, Visit>();
  beforeAll(async () => {
    await mkdir(PICTURES, { recursive: true });
    scene = await playScene(visitor.gateway.as('operator'));
    for (const [look, options] of LOOKS)
      visits.set(look, await visitor.as('Operator', '/console/', { ...options, isKept: true }));
  });

  it.each(SCREENS.flatMap(([name, path, isThere]) => LOOKS.map(([look]) => ({ name, look, path, isThere }))))(
    '$name, $look: no violation of the policy, none of accessibility, no error, nothing wider than the screen',
    async ({ name, look, path, isThere }) => {
      const visit = visits.get(look);
      if (!visit) throw new Error(`no visit for ${look}`);
      const { page } = visit;
      await page.goto(path(scene));
      await isThere(page);
      await page.screenshot({ path: join(PICTURES, `${name}-${look}.png`) });

      expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBe(0);
      expect(await axe(visit)).toEqual([]);
      expect(visit.violations).toEqual([]);
      expect(visit.errors).toEqual([]);
    },
  );
});
