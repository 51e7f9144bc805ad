/** Coming in by an issuer: the code flow with PKCE, renewal while one works, and log-out. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { Caller } from '../../src/testing.ts';
import { axe, describeInBrowser, type Visit } from './browser.ts';
import { Issuer, SOON } from './issuer.ts';
import { playScene, type Scene } from './ledger.ts';

const LIMIT_MS = 60_000;
const issuer = new Issuer();
await issuer.start();
afterAll(() => issuer.stop());

describeInBrowser(
  'coming into the console by an issuer',
  (visitor) => {
    let scene: Scene;
    const operator = async (): Promise<Caller> =>
      new Caller(
        visitor.gateway,
        Promise.resolve(await issuer.sign({ sub: 'setup', roles: ['wallet-ops'] }, 'wallet')),
      );
    beforeAll(async () => {
      scene = await playScene(await operator());
    });
    beforeEach(() => {
      issuer.person = { sub: 'ada', roles: ['other', 'wallet-ops'] };
      issuer.renews = true;
    });

    const logIn = (page: Page) => page.getByRole('button', { name: 'Log in' }).click();
    const dialog = (page: Page) => page.getByRole('dialog');
    const balance = async (): Promise<string> =>
      (
        await (
          await operator()
        ).data<{ wallet: { balance: string } }>('query ($id: UUID!) { wallet(id: $id) { balance } }', {
          id: scene.wallet,
        })
      ).wallet.balance;
    /** The token that the tab sends. */
    const token = async (page: Page): Promise<string> =>
      page.evaluate<string>("JSON.parse(sessionStorage.getItem('wallet.session')).token");
    async function waitFor(isSo: () => Promise<boolean>): Promise<void> {
      for (const deadline = Date.now() + LIMIT_MS; !(await isSo()); await sleep(50)) {
        if (Date.now() > deadline) throw new Error(`It did not come: ${issuer.seen.join(', ')}`);
      }
    }
    /** A tab that came in at this address. */
    async function comesTo(path: string): Promise<Visit> {
      const visit = await visitor.visit(path);
      await logIn(visit.page);
      await visit.page.getByRole('navigation').waitFor();
      return visit;
    }

    it('goes there and back with PKCE, to the address that one came for, as what the service calls the role', async () => {
      issuer.person = { sub: 'ada', roles: ['other', 'wallet-audit'] };
      const visit = await visitor.visit('/console/audit');
      const { page } = visit;
      expect(await page.getByRole('button', { name: /Operator/ }).count()).toBe(0);
      await logIn(page);

      await page.getByRole('heading', { name: 'Audit' }).waitFor();
      await page.getByText('auditor', { exact: true }).waitFor();
      await page.getByRole('button', { name: 'Prove the ledger' }).click();
      await page.getByText('The ledger is sound: no rule is broken.').waitFor();
      expect(page.url()).toBe(`${visitor.gateway.url}/console/audit`);
      expect(issuer.seen).toContain('/token authorization_code');
      expect([visit.violations, visit.errors]).toEqual([[], []]);

      await page.reload();
      await page.getByRole('heading', { name: 'Audit' }).waitFor();
      expect(await page.evaluate('localStorage.length')).toBe(0);
    });

    it('renews the token while a dialog is open: what was typed stays, and is booked with the new one', async () => {
      const before = await balance();
      const renewals = (): number => issuer.seen.filter((asked) => asked === '/token refresh_token').length;
      let [visit, first, key] = [undefined as Visit | undefined, '', ''];
      // On a slow machine the token may be renewed before the dialog is filled in: then one that lasts longer is tried.
      for (let lasts = SOON; !visit; lasts += 10) {
        const seen = renewals();
        issuer.nextLasts = lasts;
        const tried = await comesTo(`/console/wallets/${scene.wallet}?do=top_up`);
        first = await token(tried.page);
        await dialog(tried.page).getByLabel('Amount').fill('10');
        key = await dialog(tried.page).locator('.key').innerText();
        if (renewals() === seen) visit = tried;
      }
      const { page } = visit;
      await waitFor(async () => (await token(page)) !== first);

      expect(await dialog(page).getByLabel('Amount').inputValue()).toBe('10');
      expect(await dialog(page).locator('.key').innerText()).toBe(key);
      const sent = page.waitForRequest((request) => request.postData()?.includes('mutation TopUp') === true);
      await dialog(page).getByRole('button', { name: 'Top up' }).click();
      expect((await sent).headers().authorization).toBe(`Bearer ${await token(page)}`);
      await dialog(page)
        .getByText(/^Booked/)
        .waitFor();
      expect(BigInt(await balance()) - BigInt(before)).toBe(1000n);
      expect([visit.violations, visit.errors]).toEqual([[], []]);
    });

    it('an action whose token was refused is sent again with a new one, once', async () => {
      const before = await balance();
      const { page } = await comesTo(`/console/wallets/${scene.wallet}?do=top_up`);
      const first = await token(page);
      // The service takes the old token no more.
      await page.route('**/graphql', (route) =>
        route.request().headers().authorization === `Bearer ${first}`
          ? route.fulfill({
              status: 401,
              json: { errors: [{ message: 'no', extensions: { code: 'UNAUTHENTICATED' } }] },
            })
          : route.continue(),
      );
      await dialog(page).getByLabel('Amount').fill('10');
      await dialog(page).getByRole('button', { name: 'Top up' }).click();

      await dialog(page)
        .getByText(/^Booked/)
        .waitFor();
      expect(await token(page)).not.toBe(first);
      expect(BigInt(await balance()) - BigInt(before)).toBe(1000n);
    });

    it('where the issuer renews no more, the session ends; after logging in one goes on where one was', async () => {
      issuer.nextLasts = SOON;
      issuer.renews = false;
      const { page } = await comesTo(`/console/wallets/${scene.wallet}?do=top_up`);
      await dialog(page).getByLabel('Amount').fill('12.34');
      await waitFor(() => Promise.resolve(issuer.seen.at(-1) === '/token refresh_token'));
      await page.route('**/graphql', (route) =>
        route.fulfill({ status: 401, json: { errors: [{ message: 'no', extensions: { code: 'UNAUTHENTICATED' } }] } }),
      );
      await dialog(page).getByRole('button', { name: 'Top up' }).click();
      await page.getByText('Your session has ended.').waitFor();
      await page.unrouteAll();

      await logIn(page);
      await dialog(page).getByRole('button', { name: 'Check' }).click();
      await dialog(page).getByText('It has not been done so far.').waitFor();
      expect(await dialog(page).getByLabel('Amount').inputValue()).toBe('12.34');
    });

    it('logging out leaves no token behind, gives the refresh token back and tells the issuer', async () => {
      const { page } = await comesTo('/console/');
      await page.getByRole('button', { name: 'Log out' }).click();
      await page.getByRole('button', { name: 'Log in' }).waitFor();

      await waitFor(() => Promise.resolve(issuer.seen.includes('/leave')));
      expect(issuer.seen).toContain('/revoke');
      await page.waitForURL(`${visitor.gateway.url}/console/`);
      await page.getByRole('button', { name: 'Log in' }).waitFor();
      expect(await page.evaluate('Object.values({ ...sessionStorage, ...localStorage }).join().includes("eyJ")')).toBe(
        false,
      );
    });

    it('a player is told that this is not for players', async () => {
      issuer.person = { sub: scene.owner, roles: ['wallet-owner'] };
      const visit = await visitor.visit(`/console/wallets/${scene.wallet}`);
      await logIn(visit.page);

      await visit.page.getByText('This is not for players.').waitFor();
      expect(await visit.page.getByRole('navigation').count()).toBe(0);
      expect(await axe(visit)).toEqual([]);
    });

    it.each([
      ['does not want to', () => (issuer.person = undefined), 'They thought better of it'],
      [
        'has no role here',
        () => (issuer.person = { sub: 'eve', roles: ['other'] }),
        'The service does not take this token.',
      ],
    ])('whoever %s is told so, and may try again', async (_what, prepare, why) => {
      prepare();
      const { page } = await visitor.visit('/console/holds');
      await logIn(page);

      await page.getByRole('alert').getByText(why).waitFor();
      await page.getByRole('button', { name: 'Log in' }).waitFor();
      expect(new URL(page.url()).search).toBe('');
    });
  },
  {
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    JWT_SECRET: undefined,
    JWKS_URI: `${issuer.url}/jwks`,
    JWT_ISSUER: issuer.url,
    JWT_AUDIENCE: 'wallet',
    JWT_ROLE_CLAIM: 'roles',
    JWT_ROLE_MAP: 'wallet-audit=auditor,wallet-ops=operator,wallet-owner=player',
    OIDC_AUTHORITY: issuer.url,
    OIDC_CLIENT_ID: 'console',
  },
);
