/** A campaign out of a CSV file, in a browser: with a bad row, stopped and gone on, without an answer, and again. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import Papa from 'papaparse';
import type { Page } from 'playwright-core';
import { axe, describeInBrowser } from './browser.ts';
import { openWallet, playScene } from './ledger.ts';

const ASSET = 'GOLD';
const COUNT = 1000;
const AMOUNT = '10.00';
/** Lines of the file: the first one is its head. */
const BAD_LINE = 501;
const CLOSED_LINE = 700;
/** They have no wallets yet. */
const NEW_LINES = [3, 4, 5];

describeInBrowser('the import of the console', (visitor) => {
  const operator = () => visitor.gateway.as('operator');
  beforeAll(() => playScene(operator(), ASSET));

  const owners = (prefix: string) =>
    Array.from({ length: COUNT }, (_, place) => `${prefix}-${String(place + 1).padStart(4, '0')}`);
  const ownerAt = (prefix: string, line: number) => owners(prefix)[line - 2] ?? '';

  /** A thousand players; those of `NEW_LINES` have no wallet, and that of `CLOSED_LINE` is closed. */
  async function newCampaign(): Promise<{ prefix: string; text: string }> {
    const prefix = `camp-${randomUUID().slice(0, 8)}`;
    const missing = NEW_LINES.map((line) => ownerAt(prefix, line));
    await operator().data(
      'mutation ($input: WalletOpenManyInput!) { walletOpenMany(input: $input) { wallets { id } } }',
      { input: { ownerIds: owners(prefix).filter((owner) => !missing.includes(owner)), assetCode: ASSET } },
    );
    const closed = await openWallet(operator(), ownerAt(prefix, CLOSED_LINE), ASSET);
    await operator().data('mutation ($input: WalletCloseInput!) { walletClose(input: $input) { wallet { id } } }', {
      input: { walletId: closed, reason: 'left' },
    });
    const rows = owners(prefix).map((owner, place) => ({
      kind: 'bonus',
      owner,
      asset: ASSET,
      amount: place + 2 === BAD_LINE ? '10,00' : AMOUNT,
      expires_at: '2999-12-31T23:00:00Z',
      'metadata.campaign': 'spring',
    }));
    return { prefix, text: Papa.unparse(rows) };
  }

  /** What the wallets have: number of entries and balance, by owner. */
  async function credited(prefix: string): Promise<Map<string, string>> {
    const { wallets } = await operator().data<{
      wallets: { nodes: { ownerId: string; seq: string; balance: string }[] };
    }>('query ($prefix: String!) { wallets(ownerPrefix: $prefix, first: 1000) { nodes { ownerId seq balance } } }', {
      prefix,
    });
    return new Map(wallets.nodes.map(({ ownerId, seq, balance }) => [ownerId, `${seq}: ${balance}`]));
  }

  const expected = (prefix: string, nothing: number[]) =>
    new Map(owners(prefix).map((owner, place) => [owner, nothing.includes(place + 2) ? '0: 0' : '1: 1000']));

  async function choose(page: Page, text: string, name = 'spring.csv'): Promise<void> {
    await page.goto('/console/imports');
    const chooser = page.waitForEvent('filechooser');
    await page.getByRole('button', { name: 'Choose a CSV file' }).click();
    await (await chooser).setFiles({ name, mimeType: 'text/csv', buffer: Buffer.from(text) });
    await page.getByRole('heading', { name }).waitFor();
  }

  async function resultOf(page: Page): Promise<string> {
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Result as CSV' }).click();
    return readFile(await (await download).path(), 'utf8');
  }

  const press = (page: Page, name: string | RegExp) => page.getByRole('button', { name }).click();

  it('a campaign of 1,000 grants: with a bad row, stopped, without an answer and over a reload, each wallet is credited once', async () => {
    const { prefix, text } = await newCampaign();
    const visit = await visitor.as('Operator', '/console/');
    const { page } = visit;
    await choose(page, text);

    await page.getByRole('heading', { name: 'One row cannot be booked' }).waitFor();
    await page
      .getByRole('row', {
        name: `${BAD_LINE} amount A point stands before the fraction, and nothing between thousands.`,
      })
      .waitFor();
    await page.getByText('9,990.00').waitFor();
    expect(await page.getByRole('button', { name: 'Post 999 rows' }).isDisabled()).toBe(true);
    await page.getByLabel('Leave out the row that cannot be booked').check();
    await page.getByLabel(/^Open wallets that are not there/).check();

    // The second part is booked, and its answers never come; meanwhile somebody stops.
    let parts = 0;
    let release = (): void => undefined;
    const isStopped = new Promise<void>((resolve) => (release = resolve));
    await page.route(`${visitor.gateway.url}/graphql`, async (route) => {
      if (!route.request().postData()?.includes('mutation PostEach')) return route.continue();
      parts += 1;
      // The first part has a second call: for the wallets that were not there.
      if (parts <= 2) return route.continue();
      await isStopped;
      await route.fetch();
      return route.abort('connectionreset');
    });
    await press(page, 'Post 999 rows');
    await page.getByText('250 of 999 rows: 250 booked, 0 refused, 1 left out.').waitFor();
    await press(page, 'Stop');
    await page.getByRole('heading', { name: 'Stopping after this part…' }).waitFor();
    release();
    await page.getByText('249 rows were sent, and no answer came.').waitFor();
    expect(parts).toBe(5);
    expect([...(await credited(prefix)).values()].filter((has) => has === '1: 1000').length).toBe(499);

    await page.unrouteAll();
    await page.reload();
    await page.getByText('249 rows were sent, and no answer came.').waitFor();
    await press(page, 'Go on');
    await page.getByRole('heading', { name: 'Done' }).waitFor();
    await page.getByText('999 of 999 rows: 749 booked, 249 had been booked before, 1 refused, 1 left out.').waitFor();
    await page.getByRole('row', { name: new RegExp(`^${CLOSED_LINE} .*WALLET_CLOSED$`) }).waitFor();
    expect(await credited(prefix)).toEqual(expected(prefix, [BAD_LINE, CLOSED_LINE]));
    expect(await axe(visit)).toEqual([]);

    // The same file in another browser: everything is recognised.
    const other = await visitor.as('Operator', '/console/');
    await choose(other.page, text);
    await other.page.getByLabel('Leave out the row that cannot be booked').check();
    await press(other.page, 'Post 999 rows');
    await other.page
      .getByText('999 of 999 rows: 0 booked, 998 had been booked before, 1 refused, 1 left out.')
      .waitFor();
    expect(await credited(prefix)).toEqual(expected(prefix, [BAD_LINE, CLOSED_LINE]));

    // The result, mended, books what was left out.
    const result = await resultOf(page);
    const lines = result.split('\r\n');
    expect(lines[BAD_LINE - 1]).toContain('left out');
    expect(lines[CLOSED_LINE - 1]).toContain('WALLET_CLOSED');
    await choose(page, result.replace('"10,00"', AMOUNT), 'mended.csv');
    await press(page, 'Post 1,000 rows');
    await page.getByText('1,000 of 1,000 rows: 1 booked, 998 had been booked before, 1 refused.').waitFor();
    expect(await credited(prefix)).toEqual(expected(prefix, [CLOSED_LINE]));
    expect([visit.violations, visit.errors]).toEqual([[], []]);
  });

  it('what was kept is shown to whoever chose it, goes on elsewhere in the console, and is removed on request', async () => {
    const prefix = `camp-${randomUUID().slice(0, 8)}`;
    const text = `kind,owner,asset,amount,key\nbonus,${prefix},GOLD,1,k-1\nbonus,${prefix},GOLD,2,k-2\n`;
    await openWallet(operator(), prefix, ASSET);
    const { page } = await visitor.as('Operator', '/console/');
    await choose(page, text, 'two.csv');
    const address = page.url();
    await press(page, 'Post 2 rows');
    await page.getByRole('link', { name: 'Wallets', exact: true }).last().click();
    await page.getByRole('heading', { name: 'Wallets' }).waitFor();
    await page.goBack();
    await page.getByText('2 of 2 rows: 2 booked, 0 refused.').waitFor();
    expect(await credited(prefix)).toEqual(new Map([[prefix, '2: 300']]));

    await press(page, 'Log out');
    await page.getByRole('button', { name: /^Service/ }).click();
    await page.goto(address);
    await page.getByText('This file is not in this browser.').waitFor();
    await press(page, 'Log out');
    await page.getByRole('button', { name: /^Operator/ }).click();
    await page.getByText('2 of 2 rows: 2 booked, 0 refused.').waitFor();
    await press(page, 'Remove');
    await page.getByRole('heading', { name: 'Import' }).waitFor();
    expect(await page.getByRole('link', { name: 'two.csv' }).count()).toBe(0);
  });

  it('files that are none are refused with the reason, and an auditor imports nothing', async () => {
    const { page } = await visitor.as('Operator', '/console/');
    await choose(page, 'who,what\n1,2\n', 'other.csv');
    await page.getByRole('row', { name: /^1 who There is no such column/ }).waitFor();
    await page.goto('/console/imports');
    const chooser = page.waitForEvent('filechooser');
    await press(page, 'Choose a CSV file');
    await (await chooser).setFiles({ name: 'x.csv', mimeType: 'text/csv', buffer: Buffer.from([0x6b, 0xff, 0xfe]) });
    await page.getByRole('alert').getByText('The file is not in UTF-8').waitFor();

    const auditor = await visitor.as('Auditor', '/console/imports');
    await auditor.page.getByText('Not with your role.').waitFor();
    expect(await auditor.page.getByRole('link', { name: 'Import' }).count()).toBe(0);
  });
});
