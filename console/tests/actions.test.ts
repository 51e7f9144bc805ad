/** Each action in a browser, against a real ledger: done, refused, and with an answer that never came. */
import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
import { describeInBrowser, type Visitor } from './browser.ts';
import { openWallet, playScene } from './ledger.ts';

const ASSET = 'GOLD';

describeInBrowser('the actions of the console', (visitor) => {
  const operator = () => visitor.gateway.as('operator');
  beforeAll(() => playScene(operator(), ASSET));

  /** A wallet with 100.00 bought and 20.00 given. */
  async function newWallet(): Promise<{ id: string; owner: string; topUp: string }> {
    const owner = `erin-${randomUUID().slice(0, 8)}`;
    const id = await openWallet(operator(), owner, ASSET);
    const { transferId } = await operator().receipt('walletTopUp', {
      walletId: id,
      amount: '10000',
      idemKey: 'bought',
    });
    await operator().receipt('walletBonus', { walletId: id, amount: '2000', idemKey: 'given' });
    return { id, owner, topUp: transferId };
  }

  const balanceOf = async (id: string): Promise<string> =>
    (
      await operator().data<{ wallet: { balance: string } }>('query ($id: UUID!) { wallet(id: $id) { balance } }', {
        id,
      })
    ).wallet.balance;
  const statusOf = async (id: string): Promise<string> =>
    (await operator().data<{ wallet: { status: string } }>('query ($id: UUID!) { wallet(id: $id) { status } }', { id }))
      .wallet.status;
  const seqOf = async (id: string): Promise<string> =>
    (await operator().data<{ wallet: { seq: string } }>('query ($id: UUID!) { wallet(id: $id) { seq } }', { id }))
      .wallet.seq;

  const dialog = (page: Page) => page.getByRole('dialog');
  const press = (page: Page, name: string) => dialog(page).getByRole('button', { name, exact: true }).click();
  const says = (page: Page, text: string | RegExp) => dialog(page).getByText(text).waitFor();

  it('top-up: says the balance after it, books it once, and the screen shows it', async () => {
    const { id, owner } = await newWallet();
    const { page } = await visitor.as('Operator', `/console/wallets/${id}`);
    await page.getByRole('button', { name: 'Top up' }).click();
    await dialog(page).getByLabel('Amount').fill('49.90');
    await dialog(page).getByLabel('Note').fill('PAY-17');
    await says(page, `${owner} gets 49.90 GOLD bought with real money; the balance becomes 169.90 GOLD.`);

    await press(page, 'Top up');
    await says(page, 'Booked: the balance is 169.90 GOLD, of which 169.90 GOLD can be spent.');

    expect(await balanceOf(id)).toBe('16990');
    await press(page, 'Close');
    await page.getByRole('cell', { name: '+49.90' }).waitFor();
  });

  it('spend: more than there is is refused in place, with its facts, and may be changed', async () => {
    const { id } = await newWallet();
    const { page } = await visitor.as('Operator', `/console/wallets/${id}?do=spend`);
    await dialog(page).getByLabel('Amount').fill('120.01');
    await says(page, '120.01 GOLD are more than the 120.00 GOLD that can be spent.');
    await press(page, 'Spend');
    await says(page, 'There are not enough credits.');
    await says(page, 'INSUFFICIENT_FUNDS');
    expect(await dialog(page).locator('.outcome dl').innerText()).toMatch(/Available\s+120\.00 GOLD/);
    expect(await balanceOf(id)).toBe('12000');

    await dialog(page).getByLabel('Amount').fill('20.50');
    await press(page, 'Spend');
    await says(page, /^Booked: the balance is 99\.50 GOLD/);

    expect(await balanceOf(id)).toBe('9950');
  });

  it('bonus: its expiry and its reason are booked with it; one that has passed is refused', async () => {
    const { id } = await newWallet();
    const { page } = await visitor.as('Operator', `/console/wallets/${id}?do=bonus`);
    await dialog(page).getByLabel('Amount').fill('5');
    await dialog(page).getByLabel('Reason').fill('sorry for the wait');
    await dialog(page).getByLabel('Expires').fill('2020-01-01T12:00');
    await press(page, 'Give');
    await says(page, 'INVALID_ARGUMENT');

    await dialog(page).getByLabel('Expires').fill('2099-01-01T12:00');
    await press(page, 'Give');
    await says(page, /^Booked: the balance is 125\.00 GOLD/);
    await dialog(page).getByRole('link', { name: 'See the transfer' }).click();

    await page.getByText('"reason": "sorry for the wait"').waitFor();
    await page.getByText('operator:developer').waitFor();
  });

  it('reverse: a part and then the rest; more than is left is refused', async () => {
    const { id, topUp } = await newWallet();
    const { page } = await visitor.as('Operator', `/console/transfers/${topUp}`);
    await page.getByRole('button', { name: 'Reverse' }).click();
    await dialog(page).getByLabel('Reason').fill('paid twice');
    await dialog(page).getByLabel('Amount').fill('150');
    await press(page, 'Reverse');
    await says(page, 'NOT_REVERSIBLE');

    await dialog(page).getByLabel('Amount').fill('30');
    await says(page, /30\.00 GOLD are taken back from .*; the balance becomes 90\.00 GOLD\./);
    await press(page, 'Reverse');
    await says(page, /^Booked: the balance is 90\.00 GOLD/);
    await press(page, 'Close');
    await page.getByText('70.00 GOLD are left to reverse.').waitFor();

    await page.getByRole('button', { name: 'Reverse' }).click();
    await dialog(page).getByLabel('Reason').fill('the rest');
    await press(page, 'Reverse');
    await says(page, /^Booked: the balance is 20\.00 GOLD/);
    expect(await balanceOf(id)).toBe('2000');
  });

  it('release: the credits of a hold can be spent again; a hold that has ended is refused', async () => {
    const { id } = await newWallet();
    const { holdId } = await operator().receipt('walletHold', { walletId: id, amount: '3000', idemKey: 'booking' });
    const { page } = await visitor.as('Operator', `/console/wallets/${id}`);
    await page.getByRole('button', { name: 'Release' }).click();
    await dialog(page).getByLabel('Reason').fill('called off');
    await says(page, /what can be spent becomes 120\.00 GOLD, the balance stays 120\.00 GOLD/);
    // Somebody else is faster.
    await operator().receipt('walletRelease', { walletId: id, holdId, idemKey: 'other' });
    await press(page, 'Release');
    await says(page, 'HOLD_NOT_OPEN');
    expect(await balanceOf(id)).toBe('12000');
  });

  it('freeze and reopen: with a reason that stands among the events; closing one that is not empty is refused', async () => {
    const { id } = await newWallet();
    const { page } = await visitor.as('Operator', `/console/wallets/${id}?do=freeze`);
    await press(page, 'Freeze');
    await says(page, 'Reason is missing.');
    await dialog(page).getByLabel('Reason').fill('a chargeback is coming');
    await press(page, 'Freeze');
    await says(page, 'Done: the wallet is frozen.');
    expect(await statusOf(id)).toBe('frozen');
    await press(page, 'Close');
    await page.getByText('a chargeback is coming').waitFor();

    await page.getByRole('button', { name: 'Reopen' }).click();
    await dialog(page).getByLabel('Reason').fill('it was none');
    await press(page, 'Reopen');
    await says(page, 'Done: the wallet is open.');
    await press(page, 'Close');

    await page.getByRole('button', { name: 'Close', exact: true }).click();
    await dialog(page).getByLabel('Reason').fill('left');
    await press(page, 'Close it');
    await says(page, 'INVALID_ARGUMENT');
    expect(await statusOf(id)).toBe('open');
  });

  it('open: a wallet by owner and asset, and its screen; an owner that is none is refused', async () => {
    const { page } = await visitor.as('Operator', '/console/wallets');
    await page.getByRole('button', { name: 'Open a wallet' }).click();
    await dialog(page).getByLabel('Owner').fill('x'.repeat(201));
    await press(page, 'Open');
    await says(page, 'INVALID_ARGUMENT');
    const owner = `frank-${randomUUID().slice(0, 8)}`;
    await dialog(page).getByLabel('Owner').fill(owner);
    await press(page, 'Open');
    await dialog(page).getByRole('link', { name: 'See the wallet' }).click();
    await page.getByRole('heading', { name: owner }).waitFor();
  });

  it('limits: those of an asset are set as they are written, and a booking above one is refused', async () => {
    const code = 'CAPPED';
    await operator().data('mutation ($input: AssetCreateInput!) { assetCreate(input: $input) { asset { code } } }', {
      input: { code, name: 'Capped', scale: 2 },
    });
    const { page } = await visitor.as('Operator', `/console/assets?limits=${code}`);
    await dialog(page).getByLabel('Largest balance').fill('50.25');
    await says(page, 'largest balance 50.25 CAPPED');
    await press(page, 'Set the limits');
    await says(page, 'Done: the limits are in force.');

    const id = await openWallet(operator(), 'gina', code);
    await page.goto(`/console/wallets/${id}?do=top_up`);
    await dialog(page).getByLabel('Amount').fill('50.26');
    await press(page, 'Top up');
    await says(page, 'LIMIT_EXCEEDED');
    expect(await dialog(page).locator('.outcome dl').innerText()).toMatch(/The limit\s+50\.25 CAPPED/);
    await dialog(page).getByLabel('Amount').fill('50.25');
    await press(page, 'Top up');
    await says(page, /^Booked: the balance is 50\.25 CAPPED/);
    await press(page, 'Close');

    await page.getByRole('button', { name: 'Limits' }).click();
    await dialog(page).getByLabel('Largest balance').fill('60');
    await press(page, 'Set the limits');
    await says(page, 'Done: the limits are in force.');
    await press(page, 'Close');
    await page.getByText('of this wallet alone').waitFor();
    await operator().receipt('walletTopUp', { walletId: id, amount: '975', idemKey: 'up to its own' });
  });

  it.each([
    ['was booked, and its answer was lost', true],
    ['never arrived', false],
  ])('a top-up that %s: checked over a reload, and booked once', async (_what, arrives) => {
    const { id } = await newWallet();
    const { page } = await visitor.as('Operator', `/console/wallets/${id}?do=top_up`);
    await dropAnswers(page, visitor, 'TopUp', arrives);
    await dialog(page).getByLabel('Amount').fill('10');
    await press(page, 'Top up');
    await says(page, 'It was sent, and no answer came. Check whether it was done.');
    const key = await dialog(page).locator('.key').innerText();

    await page.reload();
    await says(page, 'It was sent, and no answer came. Check whether it was done.');
    expect(await dialog(page).locator('.key').innerText()).toBe(key);
    expect(await dialog(page).getByLabel('Amount').isDisabled()).toBe(true);
    await press(page, 'Check');
    if (!arrives) {
      await says(page, /It has not been done so far/);
      await page.unrouteAll();
      await press(page, 'Send it again');
      await says(page, /^Booked: the balance is 130\.00 GOLD/);
    } else {
      await says(page, 'It was booked, once: top-up of 10.00 GOLD.');
    }

    expect([await balanceOf(id), await seqOf(id)]).toEqual(['13000', '3']);
  });

  it('two tabs with the same draft book it once', async () => {
    const { id } = await newWallet();
    const visit = await visitor.as('Operator', `/console/wallets/${id}?do=top_up`);
    const { page } = visit;
    await dropAnswers(page, visitor, 'TopUp', true);
    await dialog(page).getByLabel('Amount').fill('10');
    await press(page, 'Top up');
    await says(page, 'It was sent, and no answer came. Check whether it was done.');
    const kept = await page.evaluate<string>('JSON.stringify({ ...sessionStorage })');

    // As a browser duplicates a tab: with what it has stored.
    const second = await visit.context.newPage();
    await second.addInitScript(
      `for (const [name, value] of Object.entries(${kept})) sessionStorage.setItem(name, value)`,
    );
    await second.goto(`/console/wallets/${id}?do=top_up`);
    await second.getByRole('dialog').getByRole('button', { name: 'Check' }).click();
    await says(second, 'It was booked, once: top-up of 10.00 GOLD.');

    await page.unrouteAll();
    await press(page, 'Check');
    await says(page, 'It was booked, once: top-up of 10.00 GOLD.');
    expect([await balanceOf(id), await seqOf(id)]).toEqual(['13000', '3']);
  });

  it('an auditor and a service are offered only what they may', async () => {
    const { id } = await newWallet();
    const auditor = await visitor.as('Auditor', `/console/wallets/${id}?do=top_up`);
    await auditor.page.getByText('Why this balance').waitFor();
    expect(await auditor.page.getByRole('button', { name: /Top up|Spend|Freeze/ }).count()).toBe(0);
    expect(await auditor.page.getByRole('dialog').count()).toBe(0);

    const service = await visitor.as('Service', `/console/wallets/${id}`);
    await service.page.getByRole('button', { name: 'Top up' }).waitFor();
    expect(await service.page.getByRole('button', { name: /Freeze|Close/ }).count()).toBe(0);
  });
});

/** The calls of an operation are booked, or not even that, and their answers never come. */
async function dropAnswers(page: Page, { gateway }: Visitor, operation: string, arrives: boolean): Promise<void> {
  await page.route(`${gateway.url}/graphql`, async (route) => {
    if (!route.request().postData()?.includes(`mutation ${operation}`)) {
      await route.continue();
      return;
    }
    if (arrives) await route.fetch();
    await route.abort('connectionreset');
  });
}
