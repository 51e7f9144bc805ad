/**
 * Each action in a browser, against a real ledger: done, refused in place, and with answers that never come, before and after the booking.
 */
import { randomUUID } from 'node:crypto';
import type { Locator, Page } from 'playwright-core';
import { axe, describeInBrowser, type Visit } from './browser.ts';
import { createAsset, openWallet } from './ledger.ts';

const ASSET = 'GOLD';
const OTHER = 'SILVER';

interface Wallet {
  id: string;
  owner: string;
  topUp: string;
}

/** What one action is about, once what it needs is there. */
interface Prepared {
  path: string;
  /** A good request. */
  fill?: (dialog: Locator) => Promise<void>;
  sentence: string | RegExp;
  done: RegExp;
  /** What is asked of the books afterwards, and how it shows that it was done once. */
  books: () => Promise<unknown>;
  once: unknown;
  refused?: Refused | undefined;
}

interface Refused {
  /** Where it is another address than that of the good request. */
  path?: string;
  /** Once the dialog is open: somebody else was faster. */
  meanwhile?: () => Promise<unknown>;
  fill?: (dialog: Locator) => Promise<void>;
  code: string;
  facts?: RegExp;
  /** So that the good request can be booked. */
  after?: () => Promise<unknown>;
}

describeInBrowser('each action of the console', (visitor) => {
  const operator = () => visitor.gateway.as('operator');
  let visit: Visit;
  beforeAll(async () => {
    for (const code of [ASSET, OTHER]) await createAsset(operator(), code);
    visit = await visitor.as('Operator', '/console/', { isKept: true });
  });

  const post = (name: string, input: Record<string, unknown>) =>
    operator().receipt(name, { idemKey: randomUUID(), ...input });

  /** With 100.00 bought and 20.00 given. */
  async function newWallet(): Promise<Wallet> {
    const owner = `erin-${randomUUID().slice(0, 8)}`;
    const id = await openWallet(operator(), owner, ASSET);
    const { transferId } = await post('walletTopUp', { walletId: id, amount: '10000' });
    await post('walletBonus', { walletId: id, amount: '2000' });
    return { id, owner, topUp: transferId };
  }

  /** Of what was bought, 100.00, 70.00 were taken back as a debt of 30.00: it has 0.00 paid for, then 50.00 were bought. */
  async function newDebtor(): Promise<Wallet> {
    const wallet = await newWallet();
    await post('walletSpend', { walletId: wallet.id, amount: '5000' });
    await post('walletReverse', { walletId: wallet.id, transferId: wallet.topUp, owe: true });
    await post('walletTopUp', { walletId: wallet.id, amount: '5000' });
    return wallet;
  }

  const changeStatus = (name: 'walletFreeze' | 'walletClose' | 'walletReopen', walletId: string) =>
    operator().mutate(name, { walletId, reason: 'for a test' }, 'wallet { id }');
  const setLimits = (walletId: string, limits: Record<string, string>) =>
    operator().mutate('walletLimitSet', { walletId, ...limits }, 'limits { seq }');

  async function walletNow(id: string) {
    const { wallet } = await operator().data<{
      wallet: {
        status: string;
        balance: string;
        owed: string;
        entries: { nodes: { kind: string; amount: string }[] };
        events: { nodes: { kind: string; reason: string | null; limits: { maxBalance: string } | null }[] };
      };
    }>(
      `query ($id: UUID!) { wallet(id: $id) { status balance owed
        entries(first: 100) { nodes { kind amount } } events { nodes { kind reason limits { maxBalance } } } } }`,
      { id },
    );
    return wallet;
  }
  /** How often something of this kind was booked, and what the wallet has now. */
  const booked = async (id: string, kind: string): Promise<unknown> => {
    const { balance, owed, entries } = await walletNow(id);
    const rows = entries.nodes.filter((entry) => entry.kind === kind);
    return { amounts: rows.map(({ amount }) => amount), balance, owed };
  };
  const eventsOf = async (id: string): Promise<string[]> =>
    (await walletNow(id)).events.nodes.map(({ kind, reason }) => `${kind} ${reason ?? ''}`.trim());

  const amount = (value: string) => (dialog: Locator) => dialog.getByLabel('Amount').fill(value);
  const reason = (value: string) => (dialog: Locator) => dialog.getByLabel('Reason').fill(value);
  const all =
    (...steps: ((dialog: Locator) => Promise<unknown>)[]) =>
    async (dialog: Locator): Promise<void> => {
      for (const step of steps) await step(dialog);
    };

  const ACTIONS: Record<
    string,
    { operation: string; button: string; isKeyed?: boolean; prepare: () => Promise<Prepared> }
  > = {
    'top-up': {
      operation: 'TopUp',
      button: 'Top up',
      isKeyed: true,
      prepare: async () => {
        const { id, owner } = await newWallet();
        await setLimits(id, { maxBalance: '50000' });
        return {
          path: `/console/wallets/${id}?do=top_up`,
          fill: all(amount('49.90'), (dialog) => dialog.getByLabel('Note').fill('PAY-17')),
          sentence: `${owner} gets 49.90 GOLD bought with real money; the balance becomes 169.90 GOLD.`,
          done: /^Booked: the balance is 169\.90 GOLD, of which 169\.90 GOLD can be spent\./,
          books: () => booked(id, 'top_up'),
          once: { amounts: ['4990', '10000'], balance: '16990', owed: '0' },
          refused: { fill: amount('380.01'), code: 'LIMIT_EXCEEDED', facts: /The limit\s+500\.00 GOLD/ },
        };
      },
    },
    'top-up that pays a debt': {
      operation: 'TopUp',
      button: 'Top up',
      isKeyed: true,
      prepare: async () => {
        const code = `DEBT${randomUUID().slice(0, 6).toUpperCase()}`;
        await createAsset(operator(), code);
        await operator().mutate('assetSet', { assetCode: code, collectDebts: true }, 'limits { seq }');
        const id = await openWallet(operator(), 'erin', code);
        const { transferId } = await post('walletTopUp', { walletId: id, amount: '3000' });
        await post('walletSpend', { walletId: id, amount: '3000' });
        await post('walletReverse', { walletId: id, transferId, owe: true });
        return {
          path: `/console/wallets/${id}?do=top_up`,
          fill: amount('50'),
          sentence: `erin gets 50.00 ${code} bought with real money, of which 30.00 ${code} pay what is owed; the balance becomes 20.00 ${code}.`,
          done: new RegExp(`^Booked: 20\\.00 ${code} can be spent\\.`),
          books: () => booked(id, 'top_up'),
          once: { amounts: ['5000', '3000'], balance: '2000', owed: '0' },
        };
      },
    },
    bonus: {
      operation: 'Bonus',
      button: 'Give',
      isKeyed: true,
      prepare: async () => {
        const { id } = await newWallet();
        const expires = (at: string) => (dialog: Locator) => dialog.getByLabel('Expires').fill(at);
        return {
          path: `/console/wallets/${id}?do=bonus`,
          fill: all(amount('5'), reason('sorry for the wait'), expires('2099-01-01T12:00')),
          sentence: /as a gift of the house, until they expire; the balance becomes 125\.00 GOLD\.$/,
          done: /^Booked: the balance is 125\.00 GOLD/,
          books: () => booked(id, 'bonus'),
          once: { amounts: ['500', '2000'], balance: '12500', owed: '0' },
          refused: {
            fill: all(amount('5'), reason('late'), expires('2020-01-01T12:00')),
            code: 'INVALID_ARGUMENT',
            facts: /Expires at\s+2020-01-01/,
          },
        };
      },
    },
    spend: {
      operation: 'Spend',
      button: 'Spend',
      isKeyed: true,
      prepare: async () => {
        const { id, owner } = await newWallet();
        return {
          path: `/console/wallets/${id}?do=spend`,
          fill: amount('20.50'),
          sentence: `${owner} pays 20.50 GOLD, bonus credits first; the balance becomes 99.50 GOLD.`,
          done: /^Booked: the balance is 99\.50 GOLD/,
          books: () => booked(id, 'spend'),
          once: { amounts: ['2050'], balance: '9950', owed: '0' },
          refused: { fill: amount('120.01'), code: 'INSUFFICIENT_FUNDS', facts: /Available\s+120\.00 GOLD/ },
        };
      },
    },
    exchange: {
      operation: 'Exchange',
      button: 'Exchange',
      isKeyed: true,
      prepare: async () => {
        const { id, owner } = await newWallet();
        const silver = await openWallet(operator(), owner, OTHER);
        const leaves = (value: string) => (dialog: Locator) => dialog.getByLabel('Leaves').fill(value);
        const arrives = (dialog: Locator) => dialog.getByLabel('Arrives').fill('250');
        return {
          path: `/console/wallets/${id}?do=exchange`,
          fill: all(leaves('25'), arrives),
          sentence: `${owner} gives 25.00 GOLD, bonus credits first, and gets 250.00 SILVER; the balances become 95.00 GOLD and 250.00 SILVER.`,
          done: /^Booked: the balance is 95\.00 GOLD/,
          books: async () => [await booked(id, 'exchange'), await booked(silver, 'exchange')],
          once: [
            { amounts: ['2500'], balance: '9500', owed: '0' },
            { amounts: ['25000'], balance: '25000', owed: '0' },
          ],
          refused: { fill: all(leaves('130'), arrives), code: 'INSUFFICIENT_FUNDS', facts: /Asked for\s+130\.00 GOLD/ },
        };
      },
    },
    'a correction that gives': {
      operation: 'Adjust',
      button: 'Correct it',
      isKeyed: true,
      prepare: async () => {
        const { id, owner } = await newWallet();
        return {
          path: `/console/wallets/${id}?do=adjust`,
          fill: all(amount('1.5'), reason('counted wrong')),
          sentence: `${owner} gets 1.50 GOLD as a correction, which count as paid for; the balance becomes 121.50 GOLD.`,
          done: /^Booked: the balance is 121\.50 GOLD/,
          books: () => booked(id, 'adjustment'),
          once: { amounts: ['150'], balance: '12150', owed: '0' },
        };
      },
    },
    'a correction that takes': {
      operation: 'Adjust',
      button: 'Correct it',
      isKeyed: true,
      prepare: async () => {
        const { id, owner } = await newWallet();
        const takes = (dialog: Locator) => dialog.getByLabel('Which way').selectOption('debit');
        return {
          path: `/console/wallets/${id}?do=adjust`,
          fill: all(takes, amount('100'), reason('counted wrong')),
          sentence: `100.00 GOLD are taken from ${owner} as a correction, bonus credits first; the balance becomes 20.00 GOLD.`,
          done: /^Booked: the balance is 20\.00 GOLD/,
          books: () => booked(id, 'adjustment'),
          once: { amounts: ['10000'], balance: '2000', owed: '0' },
          refused: {
            fill: all(takes, amount('120.01'), reason('too much')),
            code: 'INSUFFICIENT_FUNDS',
            facts: /Available\s+120\.00 GOLD/,
          },
        };
      },
    },
    collection: {
      operation: 'Collect',
      button: 'Collect',
      isKeyed: true,
      prepare: async () => {
        const { id, owner } = await newDebtor();
        return {
          path: `/console/wallets/${id}?do=collect`,
          fill: amount('12'),
          sentence: `${owner} pays 12.00 GOLD of the debt; the balance becomes 38.00 GOLD, the debt 18.00 GOLD.`,
          done: /^Booked: the balance is 38\.00 GOLD, of which 38\.00 GOLD can be spent\. It owes 18\.00 GOLD\./,
          books: () => booked(id, 'collection'),
          once: { amounts: ['1200'], balance: '3800', owed: '1800' },
          refused: { fill: amount('30.01'), code: 'LIMIT_EXCEEDED' },
        };
      },
    },
    forgiveness: {
      operation: 'Forgive',
      button: 'Forgive it',
      isKeyed: true,
      prepare: async () => {
        const { id, owner } = await newDebtor();
        return {
          path: `/console/wallets/${id}?do=forgive`,
          fill: all(amount('30'), reason('the bank was wrong')),
          sentence: `The house gives up 30.00 GOLD that ${owner} owes; the debt becomes 0.00 GOLD, the balance stays 50.00 GOLD.`,
          done: /^Booked: the balance is 50\.00 GOLD/,
          books: async () => {
            const { balance, owed } = await walletNow(id);
            return { balance, owed };
          },
          once: { balance: '5000', owed: '0' },
          refused: { fill: all(amount('30.01'), reason('too much')), code: 'LIMIT_EXCEEDED' },
        };
      },
    },
    merge: {
      operation: 'Merge',
      button: 'Merge them',
      isKeyed: true,
      prepare: async () => {
        const { id, owner } = await newWallet();
        const successor = await newWallet();
        const fill = all(
          (dialog) => dialog.getByLabel('Owner of the other wallet').fill(successor.owner),
          reason('the same person'),
          // The wallet is looked for.
          (dialog) => dialog.getByText(`moves to ${successor.owner}`).waitFor(),
        );
        const { holdId } = await post('walletHold', { walletId: id, amount: '100' });
        let isHeld = true;
        const release = async (): Promise<void> => {
          if (isHeld) await post('walletRelease', { walletId: id, holdId });
          isHeld = false;
        };
        return {
          path: `/console/wallets/${id}?do=merge`,
          fill: all(release, fill),
          sentence: `All that ${owner} has, 120.00 GOLD, moves to ${successor.owner}, whose balance becomes 240.00 GOLD; the wallet of ${owner} is closed for good. This is not reversed.`,
          done: /^Booked: the balance is 0\.00 GOLD/,
          books: async () => [
            await booked(id, 'merge'),
            await booked(successor.id, 'merge'),
            (await walletNow(id)).status,
          ],
          once: [
            { amounts: ['12000'], balance: '0', owed: '0' },
            { amounts: ['12000'], balance: '24000', owed: '0' },
            'closed',
          ],
          refused: { fill, code: 'INVALID_ARGUMENT', facts: /Held\s+1\.00 GOLD/ },
        };
      },
    },
    'limits of a wallet': {
      operation: 'WalletLimits',
      button: 'Set the limits',
      prepare: async () => {
        const { id, owner } = await newWallet();
        return {
          path: `/console/wallets/${id}?do=limits`,
          fill: (dialog) => dialog.getByLabel('Largest balance').fill('150.25'),
          sentence: `For the wallet of ${owner} alone from now on: largest balance 150.25 GOLD. No balance changes.`,
          done: /^Done: the limits are in force\./,
          books: async () => (await walletNow(id)).events.nodes.map(({ limits }) => limits?.maxBalance),
          once: [undefined, '15025'],
        };
      },
    },
    'limits of an asset': {
      operation: 'Limits',
      button: 'Set the limits',
      prepare: async () => {
        const code = `CAP${randomUUID().slice(0, 6).toUpperCase()}`;
        await createAsset(operator(), code);
        return {
          path: `/console/assets?limits=${code}`,
          fill: (dialog) => dialog.getByLabel('Largest single spend').fill('0'),
          sentence: `For each wallet of ${code} from now on: largest single spend 0.00 ${code}. No balance changes.`,
          done: /^Done: the limits are in force\./,
          books: async () => {
            const { assets } = await operator().data<{
              assets: { nodes: { limitsHistory: { nodes: { maxSpend: string }[] } }[] };
            }>(
              'query ($code: String!) { assets(condition: { code: $code }) { nodes { limitsHistory { nodes { maxSpend } } } } }',
              { code },
            );
            return assets.nodes[0]?.limitsHistory.nodes;
          },
          once: [{ maxSpend: '0' }],
        };
      },
    },
    freeze: {
      operation: 'Freeze',
      button: 'Freeze',
      prepare: async () => {
        const owner = `erin-${randomUUID().slice(0, 8)}`;
        const id = await openWallet(operator(), owner, ASSET);
        return {
          path: `/console/wallets/${id}?do=freeze`,
          fill: reason('a chargeback is coming'),
          sentence: `No credits leave the wallet of ${owner} until it is reopened; they still arrive, and the balance stays.`,
          done: /^Done: the wallet is frozen\./,
          books: async () => (await eventsOf(id)).filter((event) => event.startsWith('frozen')),
          once: ['frozen a chargeback is coming'],
          refused: {
            fill: reason('it is closed'),
            meanwhile: () => changeStatus('walletClose', id),
            code: 'WALLET_CLOSED',
            after: () => changeStatus('walletReopen', id),
          },
        };
      },
    },
    close: {
      operation: 'Close',
      button: 'Close it',
      prepare: async () => {
        const { id, owner } = await newWallet();
        let isFull = true;
        const empty = async (): Promise<void> => {
          if (isFull) await post('walletSpend', { walletId: id, amount: '12000' });
          isFull = false;
        };
        return {
          path: `/console/wallets/${id}?do=close`,
          fill: all(empty, reason('left the game')),
          sentence: `Nothing is booked in the wallet of ${owner} until it is reopened; it has to be empty.`,
          done: /^Done: the wallet is closed\./,
          books: async () => (await eventsOf(id)).filter((event) => event.startsWith('closed')),
          once: ['closed left the game'],
          refused: { fill: reason('too early'), code: 'INVALID_ARGUMENT', facts: /Balance\s+120\.00 GOLD/ },
        };
      },
    },
    reopen: {
      operation: 'Reopen',
      button: 'Reopen',
      prepare: async () => {
        const { id, owner } = await newWallet();
        await changeStatus('walletFreeze', id);
        const merged = await newWallet();
        await post('walletMerge', { fromWallet: merged.id, toWallet: id, reason: 'for a test' });
        return {
          path: `/console/wallets/${id}?do=reopen`,
          fill: reason('it was none'),
          sentence: `Everything can be booked in the wallet of ${owner} again; the balance stays.`,
          done: /^Done: the wallet is open\./,
          books: async () => (await eventsOf(id)).filter((event) => event.startsWith('reopened')),
          once: ['reopened it was none'],
          refused: {
            path: `/console/wallets/${merged.id}?do=reopen`,
            fill: reason('wanted back'),
            code: 'WALLET_CLOSED',
            facts: /It was merged into\s+this wallet/,
          },
        };
      },
    },
    release: {
      operation: 'Release',
      button: 'Release',
      isKeyed: true,
      prepare: async () => {
        const { id } = await newWallet();
        const { holdId } = await post('walletHold', { walletId: id, amount: '3000' });
        const { holdId: ended } = await post('walletHold', { walletId: id, amount: '1000' });
        await post('walletRelease', { walletId: id, holdId: ended });
        return {
          path: `/console/wallets/${id}?do=release&hold=${holdId ?? ''}`,
          fill: reason('called off'),
          sentence:
            'The hold of 30.00 GOLD ends without a purchase; what can be spent becomes 120.00 GOLD, the balance stays 120.00 GOLD.',
          done: /^Booked: the balance is 120\.00 GOLD, of which 120\.00 GOLD can be spent\./,
          books: () => booked(id, 'release'),
          once: { amounts: ['0', '0'], balance: '12000', owed: '0' },
          refused: {
            path: `/console/wallets/${id}?do=release&hold=${ended ?? ''}`,
            fill: reason('too late'),
            code: 'HOLD_NOT_OPEN',
            facts: /Status\s+released/,
          },
        };
      },
    },
    'reversal of a part': {
      operation: 'Reverse',
      button: 'Reverse',
      isKeyed: true,
      prepare: async () => {
        const { id, owner, topUp } = await newWallet();
        return {
          path: `/console/transfers/${topUp}?do=reverse`,
          fill: all(amount('30'), reason('paid twice')),
          sentence: `30.00 GOLD are taken back from ${owner}; the balance becomes 90.00 GOLD.`,
          done: /^Booked: the balance is 90\.00 GOLD/,
          books: () => booked(id, 'reversal'),
          once: { amounts: ['3000'], balance: '9000', owed: '0' },
          refused: {
            fill: all(amount('150'), reason('too much')),
            code: 'NOT_REVERSIBLE',
            facts: /Left\s+100\.00 GOLD/,
          },
        };
      },
    },
    'reversal that leaves a debt': {
      operation: 'Reverse',
      button: 'Reverse',
      isKeyed: true,
      prepare: async () => {
        const { id, owner, topUp } = await newWallet();
        await post('walletSpend', { walletId: id, amount: '5000' });
        return {
          path: `/console/transfers/${topUp}?do=reverse`,
          fill: all(reason('chargeback'), (dialog) => dialog.getByLabel('What is gone of it').selectOption('true')),
          sentence: `70.00 GOLD, which is what ${owner} still has free, are taken back, and 30.00 GOLD become a debt of the wallet; the balance becomes 0.00 GOLD.`,
          done: /^Booked: the balance is 0\.00 GOLD, of which 0\.00 GOLD can be spent\. It owes 30\.00 GOLD\./,
          books: () => booked(id, 'reversal'),
          once: { amounts: ['7000'], balance: '0', owed: '3000' },
          refused: { fill: reason('chargeback'), code: 'INSUFFICIENT_FUNDS', facts: /Missing\s+30\.00 GOLD/ },
        };
      },
    },
    'reversal of an exchange': {
      operation: 'Reverse',
      button: 'Reverse',
      isKeyed: true,
      prepare: async () => {
        const { id, owner } = await newWallet();
        const silver = await openWallet(operator(), owner, OTHER);
        const { transferId } = await post('walletExchange', {
          fromWallet: id,
          toWallet: silver,
          amount: '2500',
          toAmount: '25000',
        });
        let hold: string | null = null;
        return {
          path: `/console/transfers/${transferId}?do=reverse`,
          fill: reason('a wrong rate'),
          sentence: `${owner} gets 25.00 GOLD back, and gives back what they got for it; the balance becomes 120.00 GOLD.`,
          done: /^Booked: the balance is 120\.00 GOLD/,
          books: async () => [await booked(id, 'reversal'), await booked(silver, 'reversal')],
          once: [
            { amounts: ['2500'], balance: '12000', owed: '0' },
            { amounts: ['25000'], balance: '0', owed: '0' },
          ],
          refused: {
            fill: reason('something is reserved'),
            meanwhile: async () => ({ holdId: hold } = await post('walletHold', { walletId: silver, amount: '1' })),
            code: 'INSUFFICIENT_FUNDS',
            after: () => post('walletRelease', { walletId: silver, holdId: hold }),
          },
        };
      },
    },
    opening: {
      operation: 'Open',
      button: 'Open',
      prepare: () => {
        const owner = `frank-${randomUUID().slice(0, 8)}`;
        const fill = (name: string) =>
          all(
            (dialog) => dialog.getByLabel('Owner').fill(name),
            (dialog) => dialog.getByLabel('Asset').selectOption(ASSET),
          );
        return Promise.resolve({
          path: '/console/wallets?do=open',
          fill: fill(owner),
          sentence: `${owner} has a wallet of GOLD then, with a balance of 0; one that is there already stays as it is.`,
          done: /^The wallet is there\./,
          books: async () => {
            const { wallets } = await operator().data<{ wallets: { nodes: { balance: string }[] } }>(
              'query ($owner: String!) { wallets(condition: { ownerId: $owner }) { nodes { balance } } }',
              { owner },
            );
            return wallets.nodes;
          },
          once: [{ balance: '0' }],
          refused: { fill: fill('x'.repeat(201)), code: 'INVALID_ARGUMENT' },
        });
      },
    },
  };
  const CASES = Object.entries(ACTIONS).map(([name, action]) => ({ name, ...action }));

  const dialogOf = (page: Page) => page.locator('dialog[open]');
  const says = (page: Page, text: string | RegExp) => dialogOf(page).getByText(text).waitFor();
  const press = (page: Page, name: string) => dialogOf(page).getByRole('button', { name, exact: true }).click();

  it.each(CASES)('$name: refused in place with its facts, which changes nothing; then done', async (action) => {
    const { page } = visit;
    const { path, fill, sentence, done, books, once, refused } = await action.prepare();
    if (refused) {
      const before = await books();
      await page.goto(refused.path ?? path);
      await dialogOf(page).waitFor();
      await refused.meanwhile?.();
      await refused.fill?.(dialogOf(page));
      await press(page, action.button);
      await says(page, refused.code);
      await says(page, 'Nothing was booked.');
      if (refused.facts) expect(await dialogOf(page).locator('.outcome dl').innerText()).toMatch(refused.facts);
      expect(await books()).toEqual(before);
      await refused.after?.();
    }
    if (!refused || refused.path) await page.goto(path);
    await dialogOf(page).waitFor();
    await fill?.(dialogOf(page));
    await says(page, sentence);
    await press(page, action.button);
    await says(page, done);

    expect(await books()).toEqual(once);
    for (const colorScheme of ['dark', 'light'] as const) {
      await page.emulateMedia({ colorScheme });
      expect([colorScheme, await axe(visit)]).toEqual([colorScheme, []]);
    }
    expect([visit.violations, visit.errors]).toEqual([[], []]);
  });

  it.each(CASES)('$name: without an answer, before and after it was booked, it is done once', async (action) => {
    const { page } = visit;
    const { path, fill, books, once } = await action.prepare();
    await page.goto(path);
    await dialogOf(page).waitFor();
    await fill?.(dialogOf(page));
    const lost = await loseAnswers(page, action.operation);
    await press(page, action.button);
    await says(page, 'It was sent, and no answer came. Check whether it was done.');
    const key = action.isKeyed ? await dialogOf(page).locator('.key').innerText() : undefined;

    await page.reload();
    await says(page, 'It was sent, and no answer came. Check whether it was done.');
    if (key !== undefined) expect(await dialogOf(page).locator('.key').innerText()).toBe(key);
    await press(page, 'Check');
    await says(page, /It has not been done so far/);

    lost.arrives = true;
    await press(page, 'Send it again');
    await says(page, 'It was sent, and no answer came. Check whether it was done.');
    await page.reload();
    await press(page, 'Check');
    await says(page, /^It was (booked, once|done|opened)/);
    await lost.end();

    expect(lost.sent).toEqual([key, key].filter((one) => one !== undefined).map((one) => one.replace('Key ', '')));
    expect(await books()).toEqual(once);
  });

  it('two tabs with the same draft book it once', async () => {
    const { id } = await newWallet();
    const path = `/console/wallets/${id}?do=top_up`;
    const { page, context } = await visitor.as('Operator', path);
    const lost = await loseAnswers(page, 'TopUp', true);
    await amount('10')(dialogOf(page));
    await press(page, 'Top up');
    await says(page, 'It was sent, and no answer came. Check whether it was done.');
    const kept = await page.evaluate<string>('JSON.stringify({ ...sessionStorage })');

    // As a browser duplicates a tab: with what it has stored.
    const second = await context.newPage();
    await second.addInitScript(
      `for (const [name, value] of Object.entries(${kept})) sessionStorage.setItem(name, value)`,
    );
    await second.goto(path);
    await press(second, 'Check');
    await says(second, 'It was booked, once: top-up of 10.00 GOLD.');
    await lost.end();
    await press(page, 'Check');
    await says(page, 'It was booked, once: top-up of 10.00 GOLD.');

    expect(await booked(id, 'top_up')).toEqual({ amounts: ['1000', '10000'], balance: '13000', owed: '0' });
  });

  it('merge: an owner whom nobody knows, or who has no wallet of the asset, is told so, and nothing is sent', async () => {
    const { page } = visit;
    const { id } = await newWallet();
    const stranger = `erin-${randomUUID().slice(0, 8)}`;
    await openWallet(operator(), stranger, OTHER);
    await page.goto(`/console/wallets/${id}?do=merge`);
    await reason('the same person')(dialogOf(page));
    for (const owner of ['nobody at all', stranger]) {
      await dialogOf(page).getByLabel('Owner of the other wallet').fill(owner);
      await press(page, 'Merge them');
      await says(page, 'There is no wallet of GOLD of this owner.');
    }
    expect(await booked(id, 'merge')).toEqual({ amounts: [], balance: '12000', owed: '0' });
  });

  it('what was typed and not sent is forgotten by cancelling, and kept over a reload', async () => {
    const { page } = visit;
    const { id } = await newWallet();
    await page.goto(`/console/wallets/${id}?do=top_up`);
    await amount('7.77')(dialogOf(page));
    const key = await dialogOf(page).locator('.key').innerText();
    await page.reload();
    expect(await dialogOf(page).getByLabel('Amount').inputValue()).toBe('7.77');
    expect(await dialogOf(page).locator('.key').innerText()).toBe(key);

    await press(page, 'Cancel');
    await page.getByRole('button', { name: 'Top up' }).click();
    expect(await dialogOf(page).getByLabel('Amount').inputValue()).toBe('');
    expect(await dialogOf(page).locator('.key').innerText()).not.toBe(key);
  });
});

interface Lost {
  /** Whether what is sent is booked. */
  arrives: boolean;
  /** The keys that were sent. */
  sent: string[];
  end: () => Promise<void>;
}

/** The answers to an operation never come. */
async function loseAnswers(page: Page, operation: string, arrives = false): Promise<Lost> {
  const lost: Lost = { arrives, sent: [], end: () => page.unrouteAll() };
  await page.route('**/graphql', async (route) => {
    const body = route.request().postData() ?? '';
    if (!body.includes(`mutation ${operation}(`)) {
      await route.continue();
      return;
    }
    const { input } = (JSON.parse(body) as { variables: { input: { idemKey?: string } } }).variables;
    if (input.idemKey !== undefined) lost.sent.push(input.idemKey);
    if (lost.arrives) await route.fetch();
    await route.abort('connectionreset');
  });
  return lost;
}
