/** What support does all day, from the question to the answer, in the browser alone. And what a role may not do. */
import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
import { errorOf } from '../../src/testing.ts';
import { axe, describeInBrowser } from './browser.ts';
import { createAsset, openWallet } from './ledger.ts';

const ASSET = 'GOLD';

describeInBrowser('support in the console', (visitor) => {
  const operator = () => visitor.gateway.as('operator');
  const shop = () => visitor.gateway.as('service', 'shop');
  beforeAll(() => createAsset(operator(), ASSET));

  const newOwner = (name: string) => `${name}-${randomUUID().slice(0, 8)}`;
  const post = (name: string, input: Record<string, unknown>) =>
    shop().receipt(name, { idemKey: randomUUID(), ...input });
  /** With 50.00 bought by card and 8.00 given. */
  async function newWallet(owner: string): Promise<{ id: string; topUp: string }> {
    const id = await openWallet(operator(), owner, ASSET);
    const { transferId } = await post('walletTopUp', {
      walletId: id,
      amount: '5000',
      metadata: { payment: 'PAY-77' },
    });
    await post('walletBonus', { walletId: id, amount: '800' });
    return { id, topUp: transferId };
  }

  const dialog = (page: Page) => page.locator('dialog[open]');
  const press = (page: Page, name: string) => dialog(page).getByRole('button', { name, exact: true }).click();
  const says = (page: Page, text: string | RegExp) => dialog(page).getByText(text).waitFor();
  const row = (page: Page, name: RegExp) => page.getByRole('row', { name });
  const more = async (page: Page, name: string): Promise<void> => {
    await page.locator('summary', { hasText: 'More' }).click();
    await page.getByRole('button', { name }).click();
  };
  async function find(page: Page, text: string): Promise<void> {
    await page.keyboard.press('/');
    await page.keyboard.type(text);
    await page.keyboard.press('Enter');
  }

  it('“where did my coins go?”: by the owner to each movement, in words, with what was bought and who got them', async () => {
    const [owner, friend] = [newOwner('grace'), newOwner('heidi')];
    const { id } = await newWallet(owner);
    const friends = await openWallet(operator(), friend, ASSET);
    await post('walletSpend', { walletId: id, amount: '2000', metadata: { item: 'a blue sword' } });
    await post('walletTransfer', { fromWallet: id, toWallet: friends, amount: '1000' });
    const { page } = await visitor.as('Operator');
    await find(page, owner);

    await page.getByRole('heading', { name: owner }).waitFor();
    await row(page, /Top-up Bought with real money \+50\.00 50\.00/).waitFor();
    await row(page, /Bonus Given away by the house \+8\.00 58\.00/).waitFor();
    await row(page, /Spend Spent in the game or shop, 8\.00 of it bonus −20\.00 38\.00/).waitFor();
    await row(page, /Transfer Sent to another player.* −10\.00 28\.00/).waitFor();

    await page.getByLabel('Kind').selectOption('spend');
    await row(page, /Bought with real money/).waitFor({ state: 'detached' });
    await page.getByRole('link', { name: 'Spend' }).click();
    await page.getByText('"item": "a blue sword"').waitFor();
    await page.getByText('service:shop').waitFor();
    await page.goBack();
    await page.getByLabel('Kind').selectOption('transfer');
    await page.getByRole('link', { name: 'the other wallet' }).click();
    await page.getByRole('heading', { name: friend }).waitFor();
  });

  it('a partial refund: of one order, with its reason; the rest can be given back later', async () => {
    const owner = newOwner('ivan');
    const { id } = await newWallet(owner);
    const order = await post('walletSpend', { walletId: id, amount: '3000', metadata: { order: 812 } });
    const { page } = await visitor.as('Operator');
    await find(page, order.transferId);

    await page.getByRole('heading', { name: 'Spend of 30.00 GOLD' }).waitFor();
    await page.keyboard.press('r');
    await dialog(page).getByLabel('Amount').fill('12.5');
    await dialog(page).getByLabel('Reason').fill('one of two items was missing');
    await says(page, `${owner} gets 12.50 GOLD back; the balance becomes 40.50 GOLD.`);
    await press(page, 'Reverse');
    await says(page, /^Booked: the balance is 40\.50 GOLD/);
    await press(page, 'Close');
    await page.getByText('17.50 GOLD are left to reverse.').waitFor();
    await page.getByRole('link', { name: '12.50', exact: true }).click();
    await page.getByText('"reason": "one of two items was missing"').waitFor();
    await page.getByRole('link', { name: `${owner}, GOLD` }).click();
    await row(page, /Reversal Given back.* \+12\.50 40\.50/).waitFor();
  });

  it('a chargeback whose credits are gone: a debt, which a later top-up and the house pay', async () => {
    const owner = newOwner('judy');
    const { id, topUp } = await newWallet(owner);
    await post('walletSpend', { walletId: id, amount: '2800' });
    const visit = await visitor.as('Operator', `/console/transfers/${topUp}`);
    const { page } = visit;
    await page.getByRole('button', { name: 'Reverse' }).click();
    await dialog(page).getByLabel('Reason').fill('chargeback of PAY-77');
    await says(page, `50.00 GOLD are more than the 30.00 GOLD of it that ${owner} still has free.`);
    await dialog(page).getByLabel('What is gone of it').selectOption('Becomes a debt of the wallet');
    await says(page, /30\.00 GOLD, which is what .* are taken back, and 20\.00 GOLD become a debt of the wallet/);
    await press(page, 'Reverse');
    await says(page, 'Booked: the balance is 0.00 GOLD, of which 0.00 GOLD can be spent. It owes 20.00 GOLD.');

    await page.goto(`/console/wallets/${id}`);
    await page.getByText(`${owner} owes 20.00 GOLD: credits that were taken back when they had been spent.`).waitFor();
    expect(await page.locator('.figures').innerText()).toMatch(/Owed\s+20\.00/);
    await page.getByText('Owed to the house').waitFor();
    expect(await axe(visit)).toEqual([]);

    // Without a reload: the service tells what was booked.
    await page.getByText('live', { exact: true }).waitFor();
    await post('walletTopUp', { walletId: id, amount: '1500' });
    await row(page, /\+15\.00 15\.00/).waitFor();
    await page.getByRole('button', { name: 'Collect' }).click();
    expect(await dialog(page).getByLabel('Amount').inputValue()).toBe('15.00');
    await press(page, 'Collect');
    await says(page, /It owes 5\.00 GOLD\./);
    await press(page, 'Close');
    await page.getByRole('button', { name: 'Forgive' }).click();
    await dialog(page).getByLabel('Reason').fill('a good customer');
    await press(page, 'Forgive it');
    await says(page, /^Booked: the balance is 0\.00 GOLD/);
    await press(page, 'Close');
    await page.getByText(/owes/).waitFor({ state: 'detached' });

    const balance = await visitor.as('Auditor', '/console/audit');
    await balance.page.getByRole('row', { name: /Losses \(forgiven\) 5\.00/ }).waitFor();
  });

  it('a freeze: nothing leaves until it is reopened, and the events say who and why', async () => {
    const owner = newOwner('mallory');
    const { id } = await newWallet(owner);
    const spend = () => shop().mutate('walletSpend', { walletId: id, amount: '100', idemKey: randomUUID() });
    const { page } = await visitor.as('Operator', `/console/wallets/${id}`);
    await more(page, 'Freeze…');
    await press(page, 'Freeze');
    await says(page, 'Reason is missing.');
    await dialog(page).getByLabel('Reason').fill('a stolen account');
    await press(page, 'Freeze');
    await says(page, 'Done: the wallet is frozen.');
    await press(page, 'Close');
    await page.getByText('The wallet is frozen: no credits leave it.').waitFor();
    await page.getByText('a stolen account').waitFor();
    expect(errorOf(await spend()).extensions.code).toBe('WALLET_FROZEN');

    await page.getByRole('button', { name: 'Reopen' }).click();
    await dialog(page).getByLabel('Reason').fill('the owner came back');
    await press(page, 'Reopen');
    await says(page, 'Done: the wallet is open.');
    await press(page, 'Close');
    await page.getByText('the owner came back').waitFor();
    expect((await spend()).body.errors).toBeUndefined();
  });

  it('limits: the wallet shows its own beside those of its asset, and how both came about', async () => {
    const code = `CAP${randomUUID().slice(0, 6).toUpperCase()}`;
    await createAsset(operator(), code);
    const id = await openWallet(operator(), newOwner('nina'), code);
    const visit = await visitor.as('Operator', '/console/assets');
    const { page } = visit;
    for (const most of ['100', '250.5']) {
      await page.goto(`/console/assets?limits=${code}`);
      await dialog(page).getByLabel('Largest balance').fill(most);
      await press(page, 'Set the limits');
      await says(page, 'Done: the limits are in force.');
    }
    await press(page, 'Close');
    const card = page.getByRole('region', { name: code });
    await card.getByText('How they came about').click();
    await card.getByText('100.00 → 250.50').waitFor();
    await card.getByText('no limit → 100.00').waitFor();
    expect(await axe(visit)).toEqual([]);

    await page.goto(`/console/wallets/${id}`);
    await page.getByText(`of each wallet of ${code}`).waitFor();
    await more(page, 'Limits…');
    await dialog(page).getByLabel('Largest balance').fill('9000000000000');
    await press(page, 'Set the limits');
    await says(page, 'Done: the limits are in force.');
    await press(page, 'Close');
    await page.getByText('of this wallet alone').waitFor();
    await page.getByText('How the wallet’s own limits came about').click();
    await page.getByText(`that of ${code} → 9,000,000,000,000.00`).waitFor();
    await post('walletTopUp', { walletId: id, amount: '1000000' });
  });

  it.each([
    ['Service', ['top_up', 'bonus', 'spend']],
    ['Auditor', []],
  ] as const)(
    '%s is offered what the role may do, and nothing else: the service refuses it, too',
    async (role, may) => {
      const owner = newOwner('oscar');
      const { id, topUp } = await newWallet(owner);
      const { page } = await visitor.as(role, `/console/wallets/${id}`);
      await page.getByText('Why this balance').waitFor();
      expect(await page.locator('.title .actions button').allInnerTexts()).toEqual(
        may.map((name) => ({ top_up: 'Top up', bonus: 'Bonus', spend: 'Spend' })[name]),
      );

      const every = 'top_up bonus spend exchange adjust merge limits freeze close reopen collect forgive'.split(' ');
      for (const name of every.filter((one) => !may.some((allowed) => allowed === one))) {
        await page.goto(`/console/wallets/${id}?do=${name}`);
        await page.getByText('Why this balance').waitFor();
        await row(page, /Bought with real money/).waitFor();
        expect([name, await page.getByRole('dialog').count()]).toEqual([name, 0]);
      }
      await page.goto(`/console/transfers/${topUp}?do=reverse`);
      await page.getByText('can be reversed.').waitFor();
      expect(await page.getByRole('dialog').count()).toBe(0);

      const caller = visitor.gateway.as(role === 'Service' ? 'service' : 'auditor');
      const key = { walletId: id, idemKey: 'not mine' };
      for (const [name, input] of [
        ['walletAdjust', { ...key, side: 'credit', amount: '1', reason: 'no' }],
        ['walletCollect', { ...key, amount: '1' }],
        ['walletForgive', { ...key, amount: '1', reason: 'no' }],
        ['walletReverse', { ...key, transferId: topUp }],
        ['walletMerge', { fromWallet: id, toWallet: id, idemKey: 'not mine', reason: 'no' }],
        ['walletFreeze', { walletId: id, reason: 'no' }],
        ['walletClose', { walletId: id, reason: 'no' }],
        ['walletReopen', { walletId: id, reason: 'no' }],
        ['walletLimitSet', { walletId: id }],
        ['assetLimitSet', { assetCode: ASSET }],
        ...(role === 'Auditor' ? [['walletTopUp', { ...key, amount: '1' }] as const] : []),
      ] as const) {
        const { code } = errorOf(await caller.mutate(name, input, 'clientMutationId')).extensions;
        expect([name, code]).toEqual([name, 'FORBIDDEN']);
      }
    },
  );
});
