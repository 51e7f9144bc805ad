/** Who comes in, and as whom: the picker of development, and tokens. */
import { signToken } from '../../src/dev/sign_token.ts';
import { AUTH } from '../../src/testing.ts';
import { axe, describeInBrowser, PICTURES, type Visit } from './browser.ts';
import { playScene, type Scene } from './ledger.ts';

async function withToken({ page }: Visit, token: string): Promise<void> {
  const summary = page.getByText('With a token');
  await summary.waitFor();
  if (!(await page.getByLabel('Token', { exact: true }).isVisible())) await summary.click();
  await page.getByLabel('Token', { exact: true }).fill(token);
  await page.getByRole('button', { name: 'Log in' }).click();
}

describeInBrowser('coming into the console in development', (visitor) => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await playScene(visitor.gateway.as('operator'));
  });

  it('/ leads to a picker of roles, which asks for no token, and keeps the address that one came for', async () => {
    const visit = await visitor.visit('/');
    const { page } = visit;
    await page.getByRole('button', { name: /^Operator/ }).waitFor();
    expect(new URL(page.url()).pathname).toBe('/console/');
    await page.screenshot({ path: `${PICTURES}/sign-in-light.png` });
    expect(await axe(visit)).toEqual([]);
    expect([visit.violations, visit.errors]).toEqual([[], []]);

    await page.goto(`/console/wallets/${scene.wallet}`);
    await page.getByRole('button', { name: /^Auditor/ }).click();
    await page.getByRole('heading', { name: scene.owner }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: scene.owner }).waitFor();

    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByRole('button', { name: /^Operator/ }).waitFor();
    expect(await page.evaluate('Object.keys(sessionStorage).filter((name) => name.includes("session"))')).toEqual([]);
  });

  it('a player is told that this is not for players', async () => {
    const visit = await visitor.visit('/console/');
    await withToken(visit, await signToken(AUTH, { role: 'player', sub: scene.owner }));

    await visit.page.getByText('This is not for players.').waitFor();
    expect(await visit.page.getByRole('navigation').count()).toBe(0);
    expect(await axe(visit)).toEqual([]);
  });

  it('a token that the service does not take is refused in words', async () => {
    const visit = await visitor.visit('/console/');
    await withToken(visit, 'eyJhbGciOiJIUzI1NiJ9.e30.nothing');

    await visit.page.getByRole('alert').getByText('The service does not take this token.').waitFor();
  });

  it('a session that ends asks to log in again, and goes on where it was, with what was typed', async () => {
    const { page } = await visitor.as('Operator', `/console/wallets/${scene.wallet}?do=top_up`);
    await page.getByRole('dialog').getByLabel('Amount').fill('12.34');
    // The token counts no more from now on.
    await page.route('**/graphql', (route) =>
      route.fulfill({ status: 401, json: { errors: [{ message: 'no', extensions: { code: 'UNAUTHENTICATED' } }] } }),
    );
    await page.getByRole('dialog').getByRole('button', { name: 'Top up' }).click();
    await page.getByText('Your session has ended.').waitFor();
    await page.unrouteAll();

    await page.getByRole('button', { name: /^Operator/ }).click();
    // It was sent, and whoever comes back has to look before anything else.
    await page.getByRole('dialog').getByRole('button', { name: 'Check' }).click();
    await page.getByRole('dialog').getByText('It has not been done so far.').waitFor();
    expect(await page.getByRole('dialog').getByLabel('Amount').inputValue()).toBe('12.34');
  });

  it('keys: ? shows them, / goes to the search, g w to the wallets, j and Enter open a row', async () => {
    const { page } = await visitor.as('Operator', '/console/');
    await page.getByText('players own').first().waitFor();
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor({ state: 'hidden' });
    await page.keyboard.press('/');
    expect(await page.evaluate('document.activeElement.type')).toBe('search');
    await page.getByRole('heading', { name: 'Overview' }).click();
    await page.keyboard.press('g');
    await page.keyboard.press('w');
    await page.getByRole('cell', { name: scene.owner }).waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.getByText('Why this balance').waitFor();
  });

  it('a booking elsewhere is seen without a reload', async () => {
    const { page } = await visitor.as('Operator', `/console/wallets/${scene.other}`);
    await page.getByText('live', { exact: true }).waitFor();
    await visitor.gateway
      .as('service')
      .receipt('walletTopUp', { walletId: scene.other, amount: '777', idemKey: 'live-1' });

    await page.getByRole('cell', { name: '+7.77' }).waitFor();
  });
});
