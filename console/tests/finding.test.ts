/** What is looked for in a browser: the feed as it comes, the search, the audit, the reports. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { addedUp } from '../src/parts/added_up.ts';
import { describeInBrowser } from './browser.ts';
import { openWallet, playScene, type Scene } from './ledger.ts';

describeInBrowser('what is found in the console', (visitor) => {
  const operator = () => visitor.gateway.as('operator');
  let scene: Scene;
  beforeAll(async () => {
    scene = await playScene(operator());
  });
  const topUp = (walletId: string, amount: string, metadata: object = {}, idemKey: string = randomUUID()) =>
    operator().receipt('walletTopUp', { walletId, amount, idemKey, metadata });

  async function saved(page: Page, button: string): Promise<string> {
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: button }).click();
    return readFile(await (await download).path(), 'utf8');
  }

  describe('the feed', () => {
    it('shows what is booked as it comes, newest first, by kind and asset, and each leads on', async () => {
      const { page } = await visitor.as('Operator', '/console/feed');
      await page.getByText('live', { exact: true }).waitFor();
      const { transferId } = await topUp(scene.other, '1234');
      await page.getByRole('row', { name: /Top-up.*12\.34 GOLD/ }).waitFor();
      expect(await page.getByRole('row').nth(1).innerText()).toContain('12.34');

      await page.getByLabel('Kind').selectOption('Spend');
      await page.getByRole('row', { name: /Spend.*34\.50 GOLD/ }).waitFor();
      expect(await page.getByRole('row', { name: /Top-up/ }).count()).toBe(0);
      expect(new URL(page.url()).search).toBe('?kind=spend');
      await page.getByLabel('Kind').selectOption('All');
      await page
        .getByRole('row', { name: /Top-up.*12\.34 GOLD/ })
        .getByRole('link', { name: 'Top-up' })
        .click();
      await page.getByRole('heading', { name: 'Top-up of 12.34 GOLD' }).waitFor();
      expect(page.url()).toContain(transferId);
    });

    it('keeps the place of whoever has scrolled down, and tells how much has come', async () => {
      const wallet = await openWallet(operator(), `feed-${randomUUID().slice(0, 8)}`);
      for (let times = 0; times < 40; times += 1) await topUp(wallet, '100');
      const { page } = await visitor.as('Operator', '/console/feed');
      await page.getByRole('row').nth(40).waitFor();
      await page.evaluate('scrollTo(0, 400)');
      const rows = await page.getByRole('row').count();
      await topUp(wallet, '4321');
      await topUp(wallet, '4322');

      const button = page.getByRole('button', { name: '2 new' });
      await button.waitFor();
      expect([await page.getByRole('row').count(), await page.evaluate('scrollY')]).toEqual([rows, 400]);
      await button.click();
      await page.getByRole('row', { name: /43\.22 GOLD/ }).waitFor();
      expect(await page.getByRole('row').nth(1).innerText()).toContain('43.22');
      expect(await page.evaluate('scrollY')).toBe(0);
    });
  });

  describe('the search', () => {
    async function find(page: Page, text: string): Promise<void> {
      await page.keyboard.press('/');
      await page.getByRole('searchbox').fill(text);
      await page.keyboard.press('Enter');
    }

    it('goes straight to what it finds: an owner, an id, a key, a reference; by keyboard', async () => {
      const owner = `find-${randomUUID().slice(0, 8)}`;
      const wallet = await openWallet(operator(), owner);
      const key = `key-${randomUUID()}`;
      const reference = `PAY-${randomUUID().slice(0, 8)}`;
      const { transferId } = await topUp(wallet, '777', { payment: reference, order: 990077 }, key);
      const { page } = await visitor.as('Operator', '/console/');
      const booked = page.getByRole('heading', { name: 'Top-up of 7.77 GOLD' });
      const elsewhere = page.getByRole('heading', { name: 'Overview' });
      const walletHere = page.getByRole('heading', { name: owner });

      await page.getByRole('navigation').waitFor();
      for (const [text, there] of [
        [owner, walletHere],
        [wallet, walletHere],
        [transferId, booked],
        [key, booked],
        [reference, booked],
        [`payment=${reference}`, booked],
        ['order: 990077', booked],
      ] as const) {
        await find(page, text);
        await there.waitFor();
        await page.keyboard.press('Escape');
        await page.evaluate('document.activeElement.blur()');
        await page.keyboard.press('g');
        await page.keyboard.press('o');
        await elsewhere.waitFor();
      }
    });

    it('lists what may be meant, and says where it looked where it found nothing', async () => {
      const prefix = `pair-${randomUUID().slice(0, 8)}`;
      for (const end of ['a', 'b']) await topUp(await openWallet(operator(), `${prefix}-${end}`), '100');
      const { page } = await visitor.as('Operator', '/console/');
      await find(page, prefix);
      await page.getByRole('row', { name: `${prefix}-a` }).waitFor();
      await page.getByRole('row', { name: `${prefix}-b` }).waitFor();

      await find(page, 'nowhere-to-be-found');
      await page.getByText('Nothing was found.').waitFor();
      await page.getByText(/Looked at owners, idempotency keys, and in the metadata .* payment/).waitFor();
      await find(page, '00000000-0000-4000-8000-000000000000');
      await page.getByText(/Looked at ids of wallets, ids of transfers, owners, idempotency keys/).waitFor();
    });
  });

  describe('the audit', () => {
    it('tells what operators did, by whom and in which days, each as a link', async () => {
      const wallet = await openWallet(operator(), `audit-${randomUUID().slice(0, 8)}`);
      await visitor.gateway
        .as('operator', 'kim')
        .data('mutation ($input: WalletFreezeInput!) { walletFreeze(input: $input) { wallet { id } } }', {
          input: { walletId: wallet, reason: 'a stolen card' },
        });
      const { page } = await visitor.as('Auditor', '/console/audit');
      await page.getByRole('row', { name: /Frozen operator:kim .*a stolen card/ }).waitFor();
      await page.getByLabel('Who', { exact: true }).fill('operator:kim');
      await page.getByLabel('Who', { exact: true }).press('Enter');
      await page.waitForURL(/actor=operator%3Akim/);
      await page.getByRole('row', { name: /Asset created/ }).waitFor({ state: 'detached' });
      await page.getByRole('row', { name: /Frozen operator:kim/ }).waitFor();
    });

    it('an auditor proves the ledger, and sees when it was proven before; an operator is told who may', async () => {
      await visitor.gateway.db.query('select from ledger.ledger_prove()');
      const { page } = await visitor.as('Auditor', '/console/audit');
      await page.getByText('The ledger was proven sound').waitFor();
      expect(await page.getByRole('group', { name: 'Verifications' }).getByRole('row').nth(1).innerText()).toContain(
        'nothing',
      );
      await page.getByRole('button', { name: 'Prove the ledger' }).click();
      await page.getByText('The ledger is sound: no rule is broken.').waitFor();

      const other = await visitor.as('Operator', '/console/audit');
      await other.page.getByText('An auditor may do so here at any time.').waitFor();
      expect(await other.page.getByRole('button', { name: 'Prove the ledger' }).count()).toBe(0);
    });
  });

  describe('the reports', () => {
    const asset = 'MONTHLY';
    /** In which it was played, in UTC. */
    let month = '';
    beforeAll(async () => {
      const { topUpTransfer } = await playScene(operator(), asset);
      const { transfer } = await operator().data<{ transfer: { createdAt: string } }>(
        'query ($id: UUID!) { transfer(id: $id) { createdAt } }',
        { id: topUpTransfer },
      );
      month = new Date(transfer.createdAt).toISOString().slice(0, 7);
    });

    /** Blocks are final once no transaction of the server is open that began before: whatever else it is busy with. */
    async function untilFinal(): Promise<void> {
      const { db } = visitor.gateway;
      for (const deadline = Date.now() + 120_000; Date.now() < deadline; await sleep(200)) {
        await topUp(scene.other, '1');
        await db.query('select from ledger.ledger_seal()');
        const { rowCount } = await db.query(
          "select from ledger.blocks where final_until >= date_trunc('month', now(), 'UTC')",
        );
        if (rowCount) return;
      }
      throw new Error('No block says that anything is final');
    }

    it("a month's report is made in the browser: it adds up, account by account, and its files are those of the service", async () => {
      const { page } = await visitor.as('Operator', `/console/reports?view=month&asset=${asset}&zone=UTC`);
      await page.getByLabel('Month', { exact: true }).fill(month);
      await page.getByText('The month is not over: these are its figures so far.').waitFor();
      await page.getByText('Of each account, opening + debits − credits = closing').waitFor();
      const row = (name: string) => page.getByRole('row', { name: new RegExp(`^${name}`) }).first();
      expect(await row('Treasury').innerText()).toMatch(/0\.00\s+1,250\.00\s+0\.00\s+1,250\.00\s+yes/);
      expect(await row('Revenue').innerText()).toMatch(/0\.00\s+10\.00\s+34\.50\s+−24\.50\s+yes/);
      expect(await row('Players').innerText()).toMatch(/yes/);
      await page.getByRole('row', { name: /^Reversal Revenue.*Players 1 10\.00/ }).waitFor();

      const start = `${month}-01T00:00:00.000Z`;
      const end = new Date(Date.UTC(Number(month.slice(0, 4)), Number(month.slice(5)), 1)).toISOString();
      const journal = await operator().fetch(`/reports/journal.csv?from=${start}&to=${end}&asset=${asset}`);
      expect(await saved(page, 'Journal as CSV')).toBe(await journal.text());
      const closing = await operator().fetch(`/reports/balances.csv?at=${end}&asset=${asset}`);
      expect(await saved(page, 'Closing balances as CSV')).toBe(await closing.text());
    });

    it('a month that is over is final once a block says so, and names the block as evidence', async () => {
      await untilFinal();
      const { page } = await visitor.as('Auditor', `/console/reports?view=month&asset=${asset}&zone=UTC`);
      await page.getByText('It is: nothing can change these figures any more.').waitFor();
      await page.getByText(/Keep the files beside the seal: block \d+/).waitFor();
    });

    it('balances at a date: both sides are equal; before the first booking there was nothing', async () => {
      const { page } = await visitor.as('Operator', `/console/reports?view=balances&asset=${asset}`);
      await page.getByText('Both sides are equal').waitFor();
      expect(
        await page
          .getByRole('row', { name: /^Players/ })
          .first()
          .innerText(),
      ).toContain('1,525.50');
      await page.locator('.recharts-area').first().waitFor();
      await page.getByRole('textbox', { name: 'At the end of' }).fill('2020-01-31');
      await page.getByText('Nothing had been booked by then.').waitFor();
    });

    it('the days of a report are chosen with the keyboard, in one field, and stand in the address', async () => {
      const { page } = await visitor.as('Operator', `/console/reports?asset=${asset}&from=2026-01-05&to=2026-01-31`);
      await page.getByText('Nothing was booked in this period.').waitFor();
      await page.getByRole('spinbutton', { name: /day, Start Date/ }).focus();
      await page.keyboard.press('ArrowUp');
      await page.waitForURL(/from=2026-01-06/);
      await page.getByRole('button', { name: /Calendar/ }).click();
      await page.getByRole('grid').waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('grid').waitFor({ state: 'detached' });
    });
  });
});

describe('what adds up', () => {
  const row = (account: string, side: 'debit' | 'credit', balance: string, bonusBalance = '0') => ({
    account,
    side,
    balance,
    bonusBalance,
  });
  const moved = { debit: 'treasury', credit: 'players', amount: '9007199254740993', bonusAmount: '0' };
  const closing = [row('treasury', 'debit', '9007199254740994'), row('players', 'credit', '9007199254740994')];
  const opening = [row('treasury', 'debit', '1'), row('players', 'credit', '1')];

  it('adds up to the last unit, and a unit too few or a bonus part that differs does not', () => {
    const right = (lines: ReturnType<typeof addedUp>) => lines.map(({ isEqual }) => isEqual);

    expect(right(addedUp(opening, closing, [moved]))).toEqual([true, true]);
    expect(right(addedUp(opening, closing, [{ ...moved, amount: '9007199254740992' }]))).toEqual([false, false]);
    expect(right(addedUp(opening, closing, [{ ...moved, bonusAmount: '1' }]))).toEqual([false, false]);
    expect(right(addedUp([], closing, [moved]))).toEqual([false, false]);
  });
});
