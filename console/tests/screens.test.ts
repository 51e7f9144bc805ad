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

const SCREENS: readonly [string, (scene: Scene) => string, (page: Page) => Promise<unknown>][] = [
  [
    'overview',
    () => '/console/',
    async (page) => {
      await page.getByText('players own').first().waitFor();
      await page.getByText('The service is ready').waitFor();
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
  ['holds', () => '/console/holds', (page) => page.getByRole('heading', { name: /expire/ }).waitFor()],
  ['assets', () => '/console/assets', (page) => page.getByText('Largest single spend').first().waitFor()],
  [
    'reports',
    () => '/console/reports?asset=GOLD',
    async (page) => {
      await page.getByText('What was taken back is subtracted.').waitFor();
      await page.locator('.recharts-bar-rectangle').first().waitFor();
      await page.getByRole('cell', { name: 'Players' }).waitFor();
    },
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
