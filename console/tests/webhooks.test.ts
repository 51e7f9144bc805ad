/** Webhooks that do not arrive, and what an operator does about them: the service posts to a receiver of the test. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { eventually, Receiver } from '../../src/webhooks/testing_receiver.ts';
import { axe, describeInBrowser, PICTURES } from './browser.ts';
import { createAsset, openWallet } from './ledger.ts';

const ENV = { VERIFY_CRON: 'off', WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8', WEBHOOK_FIRST_RETRY_MS: '50' };

describeInBrowser(
  'webhooks in the console',
  (visitor) => {
    const operator = () => visitor.gateway.as('operator');
    /** The paths that answer 500. */
    const failing = new Set<string>();
    let receiver: Receiver;
    beforeAll(async () => {
      receiver = await Receiver.start(({ path }) => ({ status: failing.has(path) ? 500 : 204 }));
      await createAsset(operator(), 'GOLD');
    });
    afterAll(() => receiver.stop());

    async function newEndpoint(): Promise<string> {
      const endpoint = `hook-${randomUUID().slice(0, 8)}`;
      const { body } = await operator().mutate(
        'webhookEndpointCreate',
        { endpoint, url: `${receiver.url}/${endpoint}`, kinds: ['top_up', 'spend'] },
        'secret { endpoint }',
      );
      expect(body.errors).toBeUndefined();
      return endpoint;
    }

    /** An endpoint where the webhook of a top-up is parked, behind which that of a spend of the same wallet waits. */
    async function parked(): Promise<{ endpoint: string; ids: string[] }> {
      const endpoint = await newEndpoint();
      failing.add(`/${endpoint}`);
      const walletId = await openWallet(operator(), `of-${endpoint}`);
      const ids: string[] = [];
      for (const name of ['walletTopUp', 'walletSpend'])
        ids.push((await operator().receipt(name, { walletId, amount: '100', idemKey: randomUUID() })).transferId);
      await receiver.received(`/${endpoint}`, 1);
      // As if it had failed for a day.
      await eventually('the first is parked', async () => {
        await visitor.gateway.db.query(
          `update webhook.deliveries set first_try_at = now() - interval '25 hours'
             where endpoint = $1 and parked_at is null and first_try_at > now() - interval '24 hours'`,
          [endpoint],
        );
        const { rowCount } = await visitor.gateway.db.query(
          'select from webhook.deliveries where endpoint = $1 and parked_at is not null',
          [endpoint],
        );
        return rowCount === 1;
      });
      failing.delete(`/${endpoint}`);
      return { endpoint, ids };
    }

    const part = (page: Page, endpoint: string) => page.getByRole('region', { name: endpoint });
    const press = (page: Page, name: string) => page.locator('dialog[open]').getByRole('button', { name, exact: true });
    const holdsBack = 'Each of these failed for a day.';

    it.each([
      { button: 'Send again', confirm: 'Send again', says: 'It is sent again.', arrive: 2 },
      { button: 'Drop', confirm: 'Drop it', says: 'It was dropped.', arrive: 1 },
    ])(
      'one that is parked holds back the next of its wallet; after "$button", $arrive of the two arrive',
      async ({ button, confirm, says, arrive }) => {
        const { endpoint, ids } = await parked();
        const before = receiver.at(`/${endpoint}`).length;
        const visit = await visitor.as('Operator', '/console/webhooks');
        const { page } = visit;
        const here = part(page, endpoint);
        await here.getByText(holdsBack).waitFor();
        await here.getByRole('row', { name: /Top-up .* status 500/ }).waitFor();
        expect(await axe(visit)).toEqual([]);
        expect(receiver.at(`/${endpoint}`).length).toBe(before);

        await here.getByRole('button', { name: button }).click();
        await press(page, confirm).waitFor();
        expect(await axe(visit)).toEqual([]);
        await press(page, confirm).click();
        await page.getByText(says).waitFor();
        await press(page, 'Close').click();
        await here.getByText(holdsBack).waitFor({ state: 'detached' });

        const arrived = await receiver.received(`/${endpoint}`, before + arrive);
        expect(arrived.slice(before).map(({ id }) => id)).toEqual(ids.slice(-arrive));
        await here.getByText(new RegExp(`^${arrive} last`)).waitFor();
        expect(visit.violations).toEqual([]);
        expect(visit.errors).toEqual([]);
      },
    );

    it.each([
      ['light', { scheme: 'light' }],
      ['dark', { scheme: 'dark' }],
      ['phone', { scheme: 'light', width: 360 }],
    ] as const)(
      'what is parked is shown, %s: no violation, and nothing wider than the screen',
      async (look, options) => {
        const { endpoint } = await parked();
        const visit = await visitor.as('Operator', '/console/webhooks', options);
        const { page } = visit;
        await part(page, endpoint).getByText(holdsBack).waitFor();
        await page.getByRole('heading', { name: endpoint }).scrollIntoViewIfNeeded();
        await page.screenshot({ path: join(PICTURES, `webhooks-${look}.png`) });

        expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBe(0);
        expect(await axe(visit)).toEqual([]);
        expect(visit.violations).toEqual([]);
      },
    );

    it('an endpoint is paused and resumed; without an answer it is looked up, over a reload', async () => {
      const endpoint = await newEndpoint();
      const { page } = await visitor.as('Operator', '/console/webhooks');
      const here = part(page, endpoint);
      await here.getByRole('button', { name: 'Pause' }).click();
      // Done, and the answer is lost.
      await page.route('**/graphql', async (route) => {
        if (!(route.request().postData() ?? '').includes('webhookEndpointPause')) return route.continue();
        await route.fetch();
        return route.abort();
      });
      await press(page, 'Pause').click();
      await press(page, 'Check').waitFor();
      await page.unrouteAll({ behavior: 'wait' });
      await page.reload();
      await press(page, 'Check').click();
      await page.getByText(`Nothing is sent to ${endpoint}.`).waitFor();
      await press(page, 'Close').click();
      await here.getByText('An operator paused it.').waitFor();
      await here.getByRole('button', { name: 'Resume' }).click();
      await press(page, 'Resume').click();
      await page.getByText(`Webhooks go to ${endpoint} again.`).waitFor();
      await press(page, 'Close').click();
      await here.getByText('Active').waitFor();
    });

    it('an auditor reads and changes nothing; for a service it is not there (FORBIDDEN)', async () => {
      const { endpoint } = await parked();
      const { page } = await visitor.as('Auditor', '/console/webhooks');
      await part(page, endpoint)
        .getByRole('row', { name: /Top-up/ })
        .waitFor();
      expect(
        await part(page, endpoint)
          .getByRole('button', { name: /Send again|Drop|Pause/ })
          .count(),
      ).toBe(0);
      const { body } = await visitor.gateway
        .as('auditor')
        .mutate('webhookEndpointPause', { endpoint }, 'endpoint { name }');
      expect(body.errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);

      const service = await visitor.as('Service', '/console/webhooks');
      expect(await service.page.getByRole('link', { name: 'Webhooks' }).count()).toBe(0);
      await service.page.getByText('Not with your role.').waitFor();
    });
  },
  ENV,
);
